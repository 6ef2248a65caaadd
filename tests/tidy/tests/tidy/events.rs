//! The events beside the functions: what `cargo lambda invoke --data-file` sends, in the shape that AWS sends it.

use domain::{
    Event,
    access::{ROUTES, Route},
    acknowledgement::NewAcknowledgement,
    approval::NewDecision,
    by_hand::{NewMatch, NewUnmatch},
    client::{ClientChange, NewClient},
    delivery::{Assignment, NewDelivery, Outcome},
    disbursement::{BankLine, NewCancellation, NewDisbursement},
    event::Queue,
    export::NewExport,
    payout::{NewPayout, PayoutNews},
    settlement::NewSettlement,
    track::NewPoints,
    transfer::NewReversal,
    user::{NewUser, TotpCode, UserChange},
};
use serde_json::Value;

use crate::{
    nothing,
    repository::{functions, names_in, pascal, pointed_at, quoted, read, template},
};

/// What stands for the access token, which nobody can write down: it expires in ten minutes.
const TOKEN: &str = "Bearer PASTE_ACCESS_TOKEN";

fn event(path: &str) -> Value {
    serde_json::from_str(&read(path)).unwrap_or_else(|error| panic!("{path} is not JSON: {error}"))
}

fn route(function: &str) -> Option<&'static Route> {
    ROUTES.iter().copied().find(|route| route.function == function)
}

/// The kind of event that starts a function: `Api`, `SQS` or `DynamoDB`.
fn starter(function: &str) -> String {
    let template = template("infra/template.yaml");
    let events = &template["Resources"][pascal(function).as_str()]["Properties"]["Events"];
    let mut kinds: Vec<String> = crate::repository::members(events)
        .map(|(_, event)| event["Type"].as_str().unwrap_or_default().to_owned())
        .collect();
    kinds.dedup();
    kinds.concat()
}

/// What is wrong with the envelope of a call to a route.
fn misaddressed(path: &str, call: &Value, route: &Route) -> Vec<String> {
    let mut findings = vec![];
    let context = &call["requestContext"];
    for (place, found, wanted) in [
        ("resource", &call["resource"], route.template),
        ("httpMethod", &call["httpMethod"], route.method),
        ("requestContext.resourcePath", &context["resourcePath"], route.template),
        ("requestContext.httpMethod", &context["httpMethod"], route.method),
    ] {
        if found != wanted {
            findings.push(format!("{path}: `{place}` must be {wanted}"));
        }
    }
    let mut filled = route.template.to_owned();
    for (name, value) in crate::repository::members(&call["pathParameters"]) {
        filled = filled.replace(&format!("{{{name}}}"), value.as_str().unwrap_or_default());
    }
    if call["path"] != filled.as_str() || context["path"] != format!("/local{filled}").as_str() {
        findings.push(format!("{path}: `path` must be {filled}, and `requestContext.path` the same behind the stage"));
    }
    if context["requestTimeEpoch"].as_i64().is_none() || context["requestId"].as_str().is_none() {
        findings.push(format!("{path}: `requestContext` must say when it was received and under which id"));
    }
    for (name, value) in crate::repository::members(&call["headers"]) {
        if call["multiValueHeaders"][name] != serde_json::json!([value]) {
            findings.push(format!("{path}: `multiValueHeaders` must have {name}, as `headers` does"));
        }
    }
    findings
}

/// Functions whose routes are told everything by their path.
fn takes_nothing(function: &str) -> bool {
    matches!(function, "client-rotate" | "device-revoke" | "totp-enrol")
}

/// Whether a body is one that the function's route takes.
fn is_taken(function: &str, body: &str) -> Result<(), String> {
    let read = match function {
        "approval-decide" => serde_json::from_str::<NewDecision>(body).map(drop),
        "client-create" => serde_json::from_str::<NewClient>(body).map(drop),
        "client-update" => serde_json::from_str::<ClientChange>(body).map(drop),
        "delivery-assign" => serde_json::from_str::<Assignment>(body).map(drop),
        "delivery-confirm" => serde_json::from_str::<Outcome>(body).map(drop),
        "delivery-create" => serde_json::from_str::<NewDelivery>(body).map(drop),
        "disbursement-cancel" => serde_json::from_str::<NewCancellation>(body).map(drop),
        "disbursement-create" => serde_json::from_str::<NewDisbursement>(body).map(drop),
        "disbursement-reconcile" => serde_json::from_str::<BankLine>(body).map(drop),
        "disbursement-reverse" => serde_json::from_str::<NewReversal>(body).map(drop),
        "export-create" => serde_json::from_str::<NewExport>(body).map(drop),
        "location-record" => serde_json::from_str::<NewPoints>(body).map(drop),
        "payout-create" => serde_json::from_str::<NewPayout>(body).map(drop),
        "payout-update" => serde_json::from_str::<PayoutNews>(body).map(drop),
        "settlement-acknowledge" => serde_json::from_str::<NewAcknowledgement>(body).map(drop),
        "settlement-create" => serde_json::from_str::<NewSettlement>(body).map(drop),
        "statement-line-match" => serde_json::from_str::<NewMatch>(body).map(drop),
        "statement-line-unmatch" => serde_json::from_str::<NewUnmatch>(body).map(drop),
        "totp-confirm" => serde_json::from_str::<TotpCode>(body).map(drop),
        "user-create" => serde_json::from_str::<NewUser>(body).map(drop),
        "user-update" => serde_json::from_str::<UserChange>(body).map(drop),
        _ => serde_json::from_str::<Value>(body).map(drop),
    };
    read.map_err(|error| error.to_string())
}

#[test]
fn every_call_is_addressed_to_its_route_with_a_body_that_the_route_takes() {
    let mut findings = vec![];
    for function in functions() {
        let Some(route) = route(&function) else { continue };
        let path = format!("events/{function}.json");
        let call = event(&path);
        findings.extend(misaddressed(&path, &call, route));
        let headers = &call["headers"];
        if (headers["Authorization"] == TOKEN) == route.kind.is_open() {
            findings.push(format!(
                "{path}: `Authorization` must be `{TOKEN}` where a token is asked for, and nowhere else"
            ));
        }
        if headers["Idempotency-Key"].is_string() != route.kind.is_keyed() {
            findings.push(format!("{path}: `Idempotency-Key` must stand on commands, and nowhere else"));
        }
        match call["body"].as_str() {
            Some(body) => {
                if let Err(said) = is_taken(&function, body) {
                    findings.push(format!("{path}: its body is not what {function} takes: {said}"));
                }
            }
            None if matches!(route.method, "GET" | "DELETE") || takes_nothing(&function) => {}
            None => findings.push(format!("{path}: `{}` takes a body", route.method)),
        }
    }
    nothing(&findings);
}

#[test]
fn every_message_comes_from_the_functions_queue_with_what_its_job_takes() {
    let template = template("infra/template.yaml");
    let mut findings = vec![];
    for function in functions().into_iter().filter(|function| starter(function) == "SQS") {
        let path = format!("events/{function}.json");
        let batch = event(&path);
        let queue =
            &template["Resources"][pascal(&function).as_str()]["Properties"]["Events"]["Messages"]["Properties"];
        let queue = pointed_at(&queue["Queue"]).unwrap_or_default();
        let Some(message) = batch["Records"].get(0) else {
            findings.push(format!("{path}: `Records` must have a message"));
            continue;
        };
        if message["eventSource"] != "aws:sqs"
            || !message["eventSourceARN"].as_str().is_some_and(|arn| arn.contains(queue))
        {
            findings.push(format!("{path}: its message must come from {queue}"));
        }
        if message["attributes"]["SentTimestamp"].as_str().is_none_or(|at| at.parse::<i64>().is_err()) {
            findings.push(format!("{path}: a message has a SentTimestamp in milliseconds"));
        }
        let body = message["body"].as_str().unwrap_or_default();
        let worked = match function.as_str() {
            "activity-roll-up" => Some(Queue::Activity),
            "day-close-build" => Some(Queue::DayClose),
            "export-build" => Some(Queue::Export),
            "message-send" => Some(Queue::Message),
            "settlement-build" => Some(Queue::Settlement),
            "statement-match" => Some(Queue::Statement),
            _ => None,
        };
        match (worked, serde_json::from_str::<Event>(body)) {
            (Some(queue), Ok(event)) if event.happened.queues().contains(&queue) => {}
            (Some(queue), read) => findings.push(format!("{path}: its body is no event for {queue:?}: {read:?}")),
            (None, _) if body == format!("{{\"tick\": \"{function}\"}}") => {}
            (None, _) => findings.push(format!("{path}: its body must be the schedule's Input")),
        }
    }
    nothing(&findings);
}

#[test]
fn every_change_comes_from_a_stream_and_shows_what_its_job_reads() {
    let mut findings = vec![];
    for function in functions().into_iter().filter(|function| starter(function) == "DynamoDB") {
        let path = format!("events/{function}.json");
        let record = event(&path)["Records"][0].clone();
        let image = &record["dynamodb"]["NewImage"];
        let (change, shows_old) = if function == "ledger-watch" { ("MODIFY", true) } else { ("INSERT", false) };
        let is_shown = |image: &Value| image["pk"]["S"].is_string();
        if record["eventSource"] != "aws:dynamodb"
            || record["eventName"] != change
            || !is_shown(image)
            || is_shown(&record["dynamodb"]["OldImage"]) != shows_old
        {
            findings.push(format!("{path}: must be {change} with what its job reads of it"));
        }
        if function == "event-relay" {
            let events = image["events"]["S"].as_str().unwrap_or_default();
            if let Err(said) = serde_json::from_str::<Vec<domain::event::Report>>(events) {
                findings.push(format!("{path}: `events` must be the commit's events: {said}"));
            }
        }
    }
    nothing(&findings);
}

#[test]
fn every_refused_event_is_named_for_its_function_and_its_code() {
    let page = read("docs/FAILURES.md");
    let codes = quoted(&page);
    let mut findings = vec![];
    for file in names_in("events/refused") {
        let path = format!("events/refused/{file}");
        let mut parts = file.split('.');
        let (Some(function), Some(code), Some("json"), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            findings.push(format!("{path} must be named <function>.<code>.json"));
            continue;
        };
        if !functions().contains(&function.to_owned()) {
            findings.push(format!("{path}: there is no functions/{function}"));
        }
        let refused = event(&path);
        if let Some(route) = route(function) {
            findings.extend(misaddressed(&path, &refused, route));
            if !codes.contains(&code) {
                findings.push(format!("{path}: docs/FAILURES.md knows no code `{code}`"));
            }
        } else if code == "poison" {
            let body = refused["Records"][0]["body"].as_str().unwrap_or_default();
            if serde_json::from_str::<Event>(body).is_ok() {
                findings.push(format!("{path}: its body is an event, so it is no poison"));
            }
        } else {
            findings.push(format!("{path}: a message is refused as `poison`"));
        }
    }
    nothing(&findings);
}

#[test]
fn the_refusals_that_people_meet_first_have_an_event() {
    for refused in [
        "activity-roll-up.poison",
        "delivery-confirm.missing_idempotency_key",
        "delivery-confirm.unknown_field",
        "delivery-list.unknown_filter",
        "location-record.unauthenticated",
    ] {
        assert!(crate::repository::exists(&format!("events/refused/{refused}.json")), "events/refused/{refused}.json");
    }
}
