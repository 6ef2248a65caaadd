//! What a function may not do, AWS itself refuses: with the very credentials that the running process holds.

use aws_credential_types::Credentials;
use serde_json::{Value, json};

use crate::{process, stage::Stage, visits::Round};

/// Whoever takes over `delivery-confirm` can neither rewrite the ledger nor sign tokens.
pub(crate) fn of_a_function_end_at_its_policy(stage: &Stage) {
    let round = Round::in_hassan(stage);
    let visit = round.visit("permissions", 25_000);
    round.confirm(&visit, "confirm-permissions").must_be(200);
    let emulator = stage.stack.pid.expect("the emulator is ours");
    let running = xtask::process::of_function(emulator, &stage.stack.functions["delivery-confirm"]);
    let pid = *running.first().expect("a function that has just answered is still warm");
    let held = |name: &str| process::environment(pid, name).unwrap_or_else(|| panic!("the process holds no {name}"));
    let (key, secret) = (held("AWS_ACCESS_KEY_ID"), held("AWS_SECRET_ACCESS_KEY"));
    assert_ne!(key, "test", "a function has credentials of its own");
    let taken = Credentials::new(key, secret, Some(held("AWS_SESSION_TOKEN")), None, "a function's process");
    let aws = stage.aws.as_seen_by(taken);

    let (ledger, records) = (stage.stack.ledger_table.as_str(), stage.stack.records_table.as_str());
    let tracks = stage.stack.tracks_table.as_str();
    let key = json!({"pk": {"S": "any"}, "sk": {"S": "any"}});
    let queried = json!({
        "TableName": records, "KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": {"S": "any"}},
    });
    let (status, answer) = aws.ask("dynamodb", "DynamoDB_20120810.Query", &queried);
    assert_eq!(status, 200, "what the policy grants must work, or the rest proves nothing: {answer}");
    let updated = json!({
        "TableName": ledger, "Key": key, "UpdateExpression": "SET amount = :none",
        "ExpressionAttributeValues": {":none": {"N": "0"}},
    });
    let refused = [
        ("dynamodb", "DynamoDB_20120810.DeleteItem", json!({"TableName": ledger, "Key": key})),
        ("dynamodb", "DynamoDB_20120810.UpdateItem", updated),
        ("dynamodb", "DynamoDB_20120810.DeleteItem", json!({"TableName": tracks, "Key": key})),
        ("dynamodb", "DynamoDB_20120810.Scan", json!({"TableName": records})),
        ("secretsmanager", "secretsmanager.GetSecretValue", json!({"SecretId": stage.stack.signing_secret})),
    ];
    for (service, target, body) in refused {
        let (status, answer) = aws.ask(service, target, &body);
        assert!([400, 403].contains(&status), "{target}: {answer}");
        assert!(kind(&answer).ends_with("AccessDeniedException"), "{target}: {answer}");
    }
}

fn kind(answer: &Value) -> &str {
    answer["__type"].as_str().unwrap_or_default()
}
