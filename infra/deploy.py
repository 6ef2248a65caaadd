"""Puts the two stacks on a local emulator and prints what it made, as JSON.

The split: xtask builds, owns processes and files under `.local/`; this script speaks to AWS's APIs, and only to a
loopback address. In AWS the same templates go out with `sam deploy` (samconfig.toml). It does in seconds what
`sam deploy` does in ten: zip, one change set a stack, no polling pauses. Three things are for the emulator alone: code
goes up as level-1 zips, gateway responses are set by hand (it drops them from the template), and a changed route
makes the app stack anew (it cannot add one to a deployed gateway).
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import sys
import time
import tomllib
import urllib.parse
import zipfile
from pathlib import Path

import boto3
import botocore.config
import botocore.exceptions
import yaml

INFRA = Path(__file__).resolve().parent
TARGET = INFRA.parent / "target"
ARTIFACTS = "milepost-artifacts"
CODE = re.compile(r"^(\s+CodeUri: )\.\./target/lambda/([a-z-]+)/$", re.MULTILINE)
INCLUDE = re.compile(r"(Location: )([a-z-]+\.yml)\b")
ROUTE = re.compile(r'Type: Api, Properties: \{RestApiId: !Ref Api, Method: ([a-z]+), Path: "([^"]+)"\}')
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
DONE = {"CREATE_COMPLETE", "UPDATE_COMPLETE"}


class Refused(Exception):
    """A stack did not come up; the message says why."""


def say(words):
    """Progress, for xtask to show; the answer alone goes to standard output."""
    print(words, file=sys.stderr, flush=True)


class Aws:
    """Clients for the emulator, each made once. Account, region and keys are its own; none of yours are read."""

    def __init__(self, endpoint, region):
        host = urllib.parse.urlsplit(endpoint).hostname
        if host not in ("127.0.0.1", "localhost", "::1"):
            raise Refused(f"{endpoint} is not on this machine; use `sam deploy` for AWS")
        self.endpoint = endpoint.rstrip("/")
        session = boto3.session.Session("test", "test", region_name=region)
        config = botocore.config.Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})

        def client(service):
            return session.client(service, endpoint_url=self.endpoint, config=config)

        self.cloudformation = client("cloudformation")
        self.gateway = client("apigateway")
        self.functions = client("lambda")
        self.files = client("s3")


def pascal(name):
    """`delivery-confirm` is `DeliveryConfirm` in the template."""
    return "".join(part.capitalize() for part in name.split("-"))


def packed(name):
    """The function's zip, made again only when its binary is newer. Same binary, same bytes."""
    binary = TARGET / "lambda" / name / "bootstrap"
    if not binary.is_file():
        raise Refused(f"{binary.relative_to(INFRA.parent)} is missing; run `make build`")
    path = TARGET / "local" / f"{name}.zip"
    if not path.exists() or path.stat().st_mtime_ns < binary.stat().st_mtime_ns:
        path.parent.mkdir(parents=True, exist_ok=True)
        entry = zipfile.ZipInfo("bootstrap", (1980, 1, 1, 0, 0, 0))
        entry.external_attr = 0o755 << 16
        entry.compress_type = zipfile.ZIP_DEFLATED
        draft = path.with_suffix(f".zip-{os.getpid()}")  # another stack may be packing the same function
        with zipfile.ZipFile(draft, "w", compresslevel=1) as archive:
            archive.writestr(entry, binary.read_bytes(), compresslevel=1)
        draft.replace(path)
    return path.read_bytes()


def uploaded(aws, key, body):
    """Where the bytes lie; nothing is sent that is there already."""
    try:
        aws.files.head_object(Bucket=ARTIFACTS, Key=key)
    except botocore.exceptions.ClientError:
        aws.files.put_object(Bucket=ARTIFACTS, Key=key, Body=body)
    return f"s3://{ARTIFACTS}/{key}"


def package(aws, template):
    """The template with local paths replaced by uploaded ones, as `sam package` would."""
    def code(name):
        body = packed(name)
        return name, uploaded(aws, f"{name}/{hashlib.sha256(body).hexdigest()}.zip", body)

    names = [name for _, name in CODE.findall(template)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        places = dict(pool.map(code, names))

    def include(match):
        body = (INFRA / match[2]).read_bytes()
        return match[1] + uploaded(aws, f"{hashlib.sha256(body).hexdigest()}-{match[2]}", body)

    template = CODE.sub(lambda match: match[1] + places[match[2]], template)
    return INCLUDE.sub(include, template)


def stack(aws, name):
    """The stack as it is, or nothing."""
    try:
        return aws.cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except botocore.exceptions.ClientError:
        return None


def settled(aws, name):
    """Waits until the stack has finished moving; fifty milliseconds is nothing to an emulator."""
    while True:
        now = stack(aws, name)
        if now is None or not now["StackStatus"].endswith("_IN_PROGRESS"):
            return now
        time.sleep(0.05)


def reasons(aws, name):
    """What the stack's events give as causes."""
    events = aws.cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    failed = [e for e in events if e["ResourceStatus"].endswith("_FAILED")]
    return "; ".join(f"{e['LogicalResourceId']}: {e.get('ResourceStatusReason', '?')}" for e in failed) or "no reason"


def deployed(aws, name, body, parameters):
    """Brings the stack to the template through one change set, and gives its outputs."""
    before = stack(aws, name)
    change = f"at-{time.time_ns()}"
    # A template of this size is not taken as it is (51,200 bytes), only from a bucket.
    place = uploaded(aws, f"{name}/{hashlib.sha256(body.encode()).hexdigest()}.yaml", body.encode())
    aws.cloudformation.create_change_set(
        StackName=name,
        ChangeSetName=change,
        ChangeSetType="UPDATE" if before and before["StackStatus"] in DONE else "CREATE",
        TemplateURL=f"{aws.endpoint}/{place.removeprefix('s3://')}",
        Capabilities=CAPABILITIES,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    )
    while True:
        found = aws.cloudformation.describe_change_set(StackName=name, ChangeSetName=change)
        if not found["Status"].endswith(("_PENDING", "_IN_PROGRESS")):
            break
        time.sleep(0.05)
    if found["Status"] == "CREATE_COMPLETE":
        aws.cloudformation.execute_change_set(StackName=name, ChangeSetName=change)
    elif "contain changes" not in found.get("StatusReason", "") and "No updates" not in found.get("StatusReason", ""):
        raise Refused(f"{name}: {found.get('StatusReason')}")
    after = settled(aws, name)
    if after is None or after["StackStatus"] not in DONE:
        raise Refused(f"{name}: {after and after['StackStatus']}: {reasons(aws, name)}")
    return {output["OutputKey"]: output["OutputValue"] for output in after.get("Outputs", [])}


def routes(aws, api):
    """The routes that the deployed gateway knows."""
    found = aws.gateway.get_resources(restApiId=api, limit=500)["items"]
    return {(m.lower(), r["path"]) for r in found for m in r.get("resourceMethods", {})}


def cleared_if_routes_moved(aws, name, template):
    """Deletes an app stack whose gateway has other routes: the emulator rolls such an update back."""
    before = stack(aws, name)
    if before is None:
        return
    api = next((o["OutputValue"] for o in before.get("Outputs", []) if o["OutputKey"] == "ApiId"), None)
    if before["StackStatus"] in DONE and api and routes(aws, api) == set(ROUTE.findall(template)):
        return
    say("routes have changed: making the app stack anew")
    aws.cloudformation.delete_stack(StackName=name)
    settled(aws, name)


def set_gateway_responses(aws, api, stage):
    """What template.yaml asks for and the emulator forgets."""
    for kind, response in yaml.safe_load((INFRA / "gateway-responses.yml").read_text()).items():
        headers = response["ResponseParameters"]["Headers"]
        aws.gateway.put_gateway_response(
            restApiId=api,
            responseType=kind,
            statusCode=response["StatusCode"],
            responseParameters={f"gatewayresponse.header.{name}": value for name, value in headers.items()},
            responseTemplates=response["ResponseTemplates"],
        )
    aws.gateway.create_deployment(restApiId=api, stageName=stage)


def lock(aws, bucket):
    """What data.yaml asks for and the emulator forgets; a laptop's seals end with its process."""
    retention = {"Mode": "GOVERNANCE", "Days": 1}
    aws.files.put_object_lock_configuration(
        Bucket=bucket,
        ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": retention}},
    )


def settings(environment):
    """Stack names and parameters, from where `sam deploy` takes them."""
    with (INFRA / "samconfig.toml").open("rb") as file:
        config = tomllib.load(file)

    def of(name):
        found = config[name]["deploy"]["parameters"]
        return found["stack_name"], dict(pair.split("=", 1) for pair in found["parameter_overrides"])

    return of(f"{environment}-data"), of(environment), config[environment]["deploy"]["parameters"]["region"]


def functions(aws, name, template):
    """Folder name → the name the emulator gave the function."""
    pages = aws.cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
    physical = {r["LogicalResourceId"]: r["PhysicalResourceId"] for p in pages for r in p["StackResourceSummaries"]}
    return {folder: physical[pascal(folder)] for _, folder in CODE.findall(template)}


def everything(aws, data, app):
    """Both stacks, and what they are called."""
    (data_name, data_parameters), (app_name, app_parameters) = data, app
    if ARTIFACTS not in [bucket["Name"] for bucket in aws.files.list_buckets()["Buckets"]]:
        aws.files.create_bucket(
            Bucket=ARTIFACTS, CreateBucketConfiguration={"LocationConstraint": aws.files.meta.region_name}
        )
    say("data stack: tables, buckets, secrets")
    kept = deployed(aws, data_name, (INFRA / "data.yaml").read_text(), data_parameters)
    lock(aws, kept["SealsBucket"])
    template = (INFRA / "template.yaml").read_text()
    say("packing functions")
    body = package(aws, template)
    cleared_if_routes_moved(aws, app_name, template)
    say("app stack: gateway, functions, queues")
    made = deployed(aws, app_name, body, app_parameters)
    api, stage = made["ApiId"], app_parameters["Stage"]
    set_gateway_responses(aws, api, stage)
    return {
        "api_id": api,
        "api_url": f"{aws.endpoint}/_aws/execute-api/{api}/{stage}",
        "stage": stage,
        "records_table": kept["RecordsTable"],
        "ledger_table": kept["LedgerTable"],
        "tracks_table": kept["TracksTable"],
        "files_bucket": kept["FilesBucket"],
        "signing_secret": kept["SigningSecret"],
        "queues": {key.removesuffix("Url"): value for key, value in sorted(made.items()) if key.endswith("Url") and key != "ApiUrl"},
        "functions": functions(aws, app_name, template),
    }


def one(aws, app, name):
    """New code for one function; the stack is not asked."""
    physical = aws.cloudformation.describe_stack_resource(StackName=app[0], LogicalResourceId=pascal(name))
    physical = physical["StackResourceDetail"]["PhysicalResourceId"]
    aws.functions.update_function_code(FunctionName=physical, ZipFile=packed(name))
    return {"function": name, "physical_name": physical}


def main():
    parser = argparse.ArgumentParser(description="Put the two stacks on a local emulator.")
    parser.add_argument("--endpoint", required=True, help="the emulator, http://127.0.0.1:<port>")
    parser.add_argument("--environment", default="local", help="the part of samconfig.toml to take")
    parser.add_argument("--function", help="only this function's code")
    arguments = parser.parse_args()
    try:
        data, app, region = settings(arguments.environment)
        aws = Aws(arguments.endpoint, region)
        answer = one(aws, app, arguments.function) if arguments.function else everything(aws, data, app)
    except (Refused, botocore.exceptions.ClientError, botocore.exceptions.EndpointConnectionError) as failed:
        say(f"error: {failed}")
        sys.exit(1)
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
