//! What the templates promise about queues, tables, alarms and rights.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    nothing,
    repository::{find, items, members, pointed_at, resources, template},
};

/// Receipts after which a message is a dead letter.
const MOST_RECEIPTS: i64 = 5;
/// A message is hidden for this many times its job's time-out, as AWS advises.
const TIMES_HIDDEN: i64 = 6;
/// A cold start may take this long before the call's own time-out begins, in seconds: Lambda's limit.
const COLD_START_SECONDS: i64 = 10;
/// How long dead letters are kept, in seconds: SQS's longest, 14 days.
const DEAD_LETTER_SECONDS: i64 = 1_209_600;

fn app() -> Value {
    template("infra/template.yaml")
}

fn longest_call(app: &Value) -> i64 {
    app["Globals"]["Function"]["Timeout"].as_i64().unwrap_or_else(|| panic!("Globals must state a Timeout"))
}

/// Events of a type with the function they start: its name, its block, the event.
fn started<'a>(app: &'a Value, kind: &str) -> Vec<(&'a str, &'a Value, &'a Value)> {
    let functions = resources(app, "AWS::Serverless::Function").into_iter();
    functions
        .flat_map(|(name, block)| members(&block["Properties"]["Events"]).map(move |(_, event)| (name, block, event)))
        .filter(|(_, _, event)| event["Type"] == kind)
        .map(|(name, block, event)| (name, block, &event["Properties"]))
        .collect()
}

/// Queues whose depth has an alarm that tells somebody.
fn watched(app: &Value) -> BTreeSet<&str> {
    resources(app, "AWS::CloudWatch::Alarm")
        .into_iter()
        .map(|(_, alarm)| &alarm["Properties"])
        .filter(|alarm| alarm["MetricName"] == "ApproximateNumberOfMessagesVisible")
        .filter(|alarm| alarm["Threshold"] == 0 && !items(&alarm["AlarmActions"]).is_empty())
        .flat_map(|alarm| items(&alarm["Dimensions"]))
        .filter_map(|dimension| pointed_at(&dimension["Value"]))
        .collect()
}

/// Statements of a function's or a role's policies that allow something.
fn allowed(properties: &Value) -> Vec<&Value> {
    let policies = items(&properties["Policies"]).into_iter();
    let statements = policies.flat_map(|policy| {
        let own = items(&policy["Statement"]);
        own.into_iter().chain(items(&policy["PolicyDocument"]["Statement"])).collect::<Vec<_>>()
    });
    statements.filter(|statement| statement["Effect"] == "Allow").collect()
}

#[test]
fn every_work_queue_has_dead_letters_patience_and_an_alarm() {
    let app = app();
    let watched = watched(&app);
    let mut findings = vec![];
    for (function, block, event) in started(&app, "SQS") {
        let Some(queue) = pointed_at(&event["Queue"]) else {
            findings.push(format!("{function}: its queue must be one of this template"));
            continue;
        };
        let properties = &app["Resources"][queue]["Properties"];
        if event["FunctionResponseTypes"] != serde_json::json!(["ReportBatchItemFailures"]) {
            findings.push(format!("{function} must report which messages of a batch failed: ReportBatchItemFailures"));
        }
        // SQS counts a receipt of what was handed over in one batch and waited behind a failure: nine sound messages would
        // become dead letters with the one that is not.
        if properties["FifoQueue"] == true && event["BatchSize"] != 1 {
            findings
                .push(format!("{function} must take one message of {queue} at a time: its order is all that it holds"));
        }
        let timeout = block["Properties"]["Timeout"].as_i64().unwrap_or_else(|| longest_call(&app));
        if properties["VisibilityTimeout"].as_i64().is_none_or(|hidden| hidden < TIMES_HIDDEN * timeout) {
            findings
                .push(format!("{queue} must hide a message for {TIMES_HIDDEN} × {timeout} s of {function}'s Timeout"));
        }
        let redrive = &properties["RedrivePolicy"];
        if redrive["maxReceiveCount"] != MOST_RECEIPTS {
            findings.push(format!("{queue} must give a message {MOST_RECEIPTS} receipts"));
        }
        let Some(letters) = pointed_at(&redrive["deadLetterTargetArn"]) else {
            findings.push(format!("{queue} must have a dead-letter queue"));
            continue;
        };
        let dead = &app["Resources"][letters]["Properties"];
        if dead["MessageRetentionPeriod"] != DEAD_LETTER_SECONDS {
            findings.push(format!("{letters} must keep messages for 14 days"));
        }
        if dead["FifoQueue"] != properties["FifoQueue"] {
            findings.push(format!("{letters} must be FIFO exactly when {queue} is"));
        }
        if !watched.contains(letters) {
            findings.push(format!("{letters} must have an alarm at its first message"));
        }
    }
    nothing(&findings);
}

#[test]
fn every_queue_is_encrypted_and_either_worked_off_or_watched() {
    let app = app();
    let watched = watched(&app);
    let worked: BTreeSet<&str> =
        started(&app, "SQS").into_iter().filter_map(|(_, _, event)| pointed_at(&event["Queue"])).collect();
    let mut findings = vec![];
    for (name, queue) in resources(&app, "AWS::SQS::Queue") {
        if queue["Properties"]["SqsManagedSseEnabled"] != true {
            findings.push(format!("{name} must be encrypted: SqsManagedSseEnabled"));
        }
        if worked.contains(name) == watched.contains(name) {
            findings.push(format!("{name} must be the queue of a function, or have an alarm at its first message"));
        }
    }
    nothing(&findings);
}

#[test]
fn a_stream_goes_on_behind_a_record_that_cannot_be_handled() {
    let app = app();
    let mut findings = vec![];
    for (function, block, event) in started(&app, "DynamoDB") {
        let parking = pointed_at(&block["Properties"]["Environment"]["Variables"]["POISON_QUEUE_URL"]);
        let failed = pointed_at(&event["DestinationConfig"]["OnFailure"]["Destination"]);
        if parking.is_none() || parking != failed {
            findings.push(format!("{function}: POISON_QUEUE_URL and OnFailure must be one queue"));
        }
        for bound in ["BisectBatchOnFunctionError", "MaximumRecordAgeInSeconds", "MaximumRetryAttempts"] {
            if event[bound].is_null() {
                findings.push(format!("{function} must state {bound}: a shard must not wait for ever"));
            }
        }
        let lag = resources(&app, "AWS::CloudWatch::Alarm").into_iter().any(|(_, alarm)| {
            let alarm = &alarm["Properties"];
            let of_function = items(&alarm["Dimensions"]).iter().any(|one| pointed_at(&one["Value"]) == Some(function));
            alarm["MetricName"] == "IteratorAge" && of_function
        });
        if !lag {
            findings.push(format!("{function} must have an alarm on its IteratorAge"));
        }
    }
    nothing(&findings);
}

#[test]
fn an_alarm_on_what_functions_count_watches_what_one_of_them_counts() {
    let app = app();
    let mut findings = vec![];
    let own = resources(&app, "AWS::CloudWatch::Alarm").into_iter();
    for (name, alarm) in own.filter(|(_, alarm)| alarm["Properties"]["Namespace"] == "Milepost") {
        let alarm = &alarm["Properties"];
        let metric = alarm["MetricName"].as_str().unwrap_or_default();
        let dimensions = items(&alarm["Dimensions"]);
        let function = dimensions.iter().find_map(|one| one["Value"].as_str()).unwrap_or_default();
        let counts = find(&format!("functions/{function}/src/lib.rs"));
        if !counts.is_some_and(|code| code.contains(&format!("\"{metric}\", "))) {
            findings.push(format!("{name}: `{function}` counts no `{metric}`"));
        }
    }
    nothing(&findings);
}

#[test]
fn what_a_cut_ends_is_read_when_no_call_from_before_it_can_be_under_way() {
    let app = app();
    let mut findings = vec![];
    for queue in ["DayCloseQueue", "SettlementQueue"] {
        let delay = app["Resources"][queue]["Properties"]["DelaySeconds"].as_i64().unwrap_or_default();
        for (function, block, _) in started(&app, "Api") {
            let timeout = block["Properties"]["Timeout"].as_i64().unwrap_or_else(|| longest_call(&app));
            if delay <= COLD_START_SECONDS + timeout {
                findings.push(format!(
                    "{queue} waits {delay} s, and a call of {function} may take {COLD_START_SECONDS} + {timeout} s"
                ));
            }
        }
    }
    nothing(&findings);
}

#[test]
fn no_right_is_granted_by_a_wildcard() {
    let mut findings = vec![];
    for path in ["infra/template.yaml", "infra/data.yaml"] {
        let template = template(path);
        for (name, resource) in members(&template["Resources"]) {
            for statement in allowed(&resource["Properties"]) {
                let text = format!("{}{}", statement["Action"], statement["Resource"]);
                if text.contains('*') {
                    findings.push(format!("{path}: {name} is allowed {text}: name each action and each resource"));
                }
            }
        }
    }
    nothing(&findings);
}

#[test]
fn the_ledger_is_only_ever_added_to() {
    let app = app();
    let mut findings = vec![];
    for (name, resource) in members(&app["Resources"]) {
        for statement in allowed(&resource["Properties"]) {
            let on_ledger = items(&statement["Resource"]).iter().any(|arn| pointed_at(arn) == Some("LedgerArn"));
            for action in items(&statement["Action"]).iter().filter(|_| on_ledger).filter_map(|action| action.as_str())
            {
                let added_or_read = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"];
                if !added_or_read.contains(&action) {
                    findings.push(format!(
                        "{name} may {action} on the ledger: entries are appended and read, nothing else"
                    ));
                }
            }
        }
    }
    nothing(&findings);
}

#[test]
fn what_is_kept_outlives_every_deploy() {
    let data = template("infra/data.yaml");
    let mut findings = vec![];
    for (name, table) in resources(&data, "AWS::DynamoDB::Table") {
        let properties = &table["Properties"];
        let promises = [
            (
                properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] == true,
                "point-in-time recovery",
            ),
            (properties["DeletionProtectionEnabled"] == true, "deletion protection"),
            (properties["SSESpecification"]["SSEEnabled"] == true, "encryption"),
        ];
        findings.extend(promises.iter().filter(|(kept, _)| !kept).map(|(_, what)| format!("{name} must have {what}")));
    }
    for kind in ["AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SecretsManager::Secret"] {
        for (name, resource) in resources(&data, kind) {
            for policy in ["DeletionPolicy", "UpdateReplacePolicy"] {
                if resource[policy] != "Retain" {
                    findings.push(format!("{name} must have `{policy}: Retain`"));
                }
            }
        }
    }
    let app = app();
    for kind in ["AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SecretsManager::Secret"] {
        let misplaced = resources(&app, kind).into_iter();
        findings
            .extend(misplaced.map(|(name, _)| format!("{name} must stand in infra/data.yaml: it outlives a deploy")));
    }
    nothing(&findings);
}

/// What a lifecycle rule may do to the objects that it names.
const LIFECYCLE_ACTIONS: [&str; 9] = [
    "AbortIncompleteMultipartUpload",
    "ExpirationDate",
    "ExpirationInDays",
    "ExpiredObjectDeleteMarker",
    "NoncurrentVersionExpiration",
    "NoncurrentVersionExpirationInDays",
    "NoncurrentVersionTransitions",
    "Transition",
    "Transitions",
];

#[test]
fn every_enabled_rule_of_a_bucket_does_something() {
    let mut findings = vec![];
    let mut rules = 0;
    for (name, bucket) in resources(&template("infra/data.yaml"), "AWS::S3::Bucket") {
        for rule in items(&bucket["Properties"]["LifecycleConfiguration"]["Rules"]) {
            rules += 1;
            let does = members(rule).any(|(member, _)| LIFECYCLE_ACTIONS.contains(&member));
            if rule["Status"] == "Enabled" && !does {
                findings.push(format!("{name}: the rule {} is refused by S3: it names no action", rule["Id"]));
            }
        }
    }
    assert!(rules > 0, "the buckets of infra/data.yaml have rules");
    nothing(&findings);
}

#[test]
fn every_import_of_the_app_is_an_export_of_the_data() {
    let data = template("infra/data.yaml");
    let exports: BTreeSet<&str> = members(&data["Outputs"])
        .filter_map(|(_, output)| output["Export"]["Name"]["!Sub"].as_str()?.strip_prefix("${AWS::StackName}-"))
        .collect();
    let mut imports = BTreeSet::new();
    collect_imports(&app(), &mut imports);
    let missing: Vec<_> = imports.iter().filter(|name| !exports.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "infra/template.yaml imports what infra/data.yaml does not export: {missing:?}");
}

fn collect_imports(value: &Value, imports: &mut BTreeSet<String>) {
    if value.get("Fn::ImportValue").is_some() {
        imports.extend(pointed_at(value).map(str::to_owned));
    }
    for (_, member) in members(value) {
        collect_imports(member, imports);
    }
    if let Value::Array(items) = value {
        items.iter().for_each(|item| collect_imports(item, imports));
    }
}
