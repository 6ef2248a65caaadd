//! The built events are read by the same code that reads AWS's.

use lambda_http::{RequestExt, RequestPayloadExt, request::RequestContext};
use serde_json::{Value, json};
use testkit::{NOW_MILLIS, QueueMessage, RestRequest, StreamRecord, dynamo_json, stream_event};

#[test]
fn a_request_reaches_the_handler_with_everything_the_gateway_adds() {
    let request = RestRequest::new("POST", "/api/v1/deliveries/{delivery_id}/assign")
        .path("delivery_id", "dlv_1")
        .query("tag", "a b")
        .query("tag", "c&d")
        .header("Idempotency-Key", "k-1")
        .json(&json!({ "agent_id": "agt_1" }))
        .request_id("req-1")
        .request();

    assert_eq!(request.method(), "POST");
    assert_eq!(request.uri().path(), "/local/api/v1/deliveries/dlv_1/assign");
    assert_eq!(request.path_parameters().first("delivery_id"), Some("dlv_1"));
    assert_eq!(request.query_string_parameters().all("tag"), Some(vec!["a b", "c&d"]));
    assert_eq!(request.headers()["idempotency-key"], "k-1");
    assert_eq!(request.json::<Value>().unwrap(), Some(json!({ "agent_id": "agt_1" })));
    let RequestContext::ApiGatewayV1(context) = request.request_context() else { panic!("a REST request") };
    assert_eq!(context.request_id.as_deref(), Some("req-1"));
    assert_eq!(context.request_time_epoch, NOW_MILLIS);
    assert_eq!(context.resource_path.as_deref(), Some("/api/v1/deliveries/{delivery_id}/assign"));
    assert_eq!(context.stage.as_deref(), Some("local"));
    assert_eq!(context.identity.source_ip.as_deref(), Some("203.0.113.7"));
}

#[test]
fn a_request_with_nothing_but_a_resource_is_whole() {
    let request = RestRequest::new("GET", "/api/v1/agents").at(NOW_MILLIS + 5).request();

    assert!(request.query_string_parameters().is_empty());
    assert!(request.path_parameters().is_empty());
    assert!(request.body().is_empty());
    let RequestContext::ApiGatewayV1(context) = request.request_context() else { panic!("a REST request") };
    assert_eq!(context.request_time_epoch, NOW_MILLIS + 5);
}

#[test]
fn the_events_path_is_without_the_stage_and_its_contexts_path_with_it() {
    let event = RestRequest::new("GET", "/api/v1/agents").event();
    assert_eq!(
        (&event["path"], &event["requestContext"]["path"]),
        (&json!("/api/v1/agents"), &json!("/local/api/v1/agents"))
    );
    assert_eq!((&event["body"], &event["multiValueQueryStringParameters"]), (&Value::Null, &Value::Null));
}

#[test]
#[should_panic(expected = "has a parameter without a value")]
fn a_forgotten_path_parameter_fails_the_test() {
    let _ = RestRequest::new("GET", "/api/v1/deliveries/{delivery_id}").event();
}

#[test]
fn a_batch_of_messages_reads_as_sqs_sent_it() {
    let batch = QueueMessage::batch(
        "settlement.fifo",
        &[
            QueueMessage::json("m-1", &json!({ "a": 1 })).group("pennco").received(3),
            QueueMessage::new("m-2", "not json").sent_at(NOW_MILLIS - 1000),
        ],
    );

    let [first, second] = batch.records.as_slice() else { panic!("two records") };
    assert_eq!((first.message_id.as_deref(), first.body.as_deref()), (Some("m-1"), Some(r#"{"a":1}"#)));
    assert_eq!(first.attributes["MessageGroupId"], "pennco");
    assert_eq!(first.attributes["ApproximateReceiveCount"], "3");
    assert_eq!(first.event_source_arn.as_deref(), Some("arn:aws:sqs:ap-south-1:000000000000:settlement.fifo"));
    assert_eq!(second.attributes["SentTimestamp"], (NOW_MILLIS - 1000).to_string());
    assert!(!second.attributes.contains_key("MessageGroupId"));
}

#[test]
fn a_batch_of_changes_shows_what_items_have_become() {
    let item = dynamo_json(&json!({ "pk": "pennco#a", "sk": "commit", "version": 2, "tags": ["x", null, true] }));
    let event = stream_event("records", &[StreamRecord::insert(&item), StreamRecord::remove(&item)]);

    let [first, second] = event["Records"].as_array().unwrap().as_slice() else { panic!("two records") };
    assert_eq!(first["eventName"], "INSERT");
    assert_eq!(
        first["dynamodb"]["NewImage"],
        json!({
            "pk": { "S": "pennco#a" },
            "sk": { "S": "commit" },
            "version": { "N": "2" },
            "tags": { "L": [{ "S": "x" }, { "NULL": true }, { "BOOL": true }] },
        })
    );
    assert_eq!(first["dynamodb"]["Keys"], json!({ "pk": { "S": "pennco#a" }, "sk": { "S": "commit" } }));
    assert_eq!(first["dynamodb"]["ApproximateCreationDateTime"], NOW_MILLIS / 1000);
    assert_eq!((&second["eventName"], second["dynamodb"].get("NewImage")), (&json!("REMOVE"), None));
    assert!(first["dynamodb"]["SequenceNumber"].as_str() < second["dynamodb"]["SequenceNumber"].as_str());
}
