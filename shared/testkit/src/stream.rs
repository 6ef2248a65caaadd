//! Batches of changes as a DynamoDB stream (view type `NEW_IMAGE`) hands them to a function.

use serde_json::{Map, Value, json};

use crate::{ACCOUNT, NOW_MILLIS, REGION};

/// One change of an item. Items are in DynamoDB JSON, as [`EmbeddedTable::items`](crate::EmbeddedTable::items) gives them.
#[derive(Debug, Clone)]
pub struct StreamRecord {
    event_name: &'static str,
    keys: Value,
    new_image: Option<Value>,
    at_millis: i64,
}

impl StreamRecord {
    /// An item that was not there before.
    #[must_use]
    pub fn insert(item: &Value) -> Self {
        Self::new("INSERT", item, Some(item.clone()))
    }

    /// An item that has changed; the stream shows only what it has become.
    #[must_use]
    pub fn modify(item: &Value) -> Self {
        Self::new("MODIFY", item, Some(item.clone()))
    }

    /// An item that is gone; the stream shows only its key.
    #[must_use]
    pub fn remove(item: &Value) -> Self {
        Self::new("REMOVE", item, None)
    }

    /// When it happened, in milliseconds since 1970; the stream keeps whole seconds.
    #[must_use]
    pub fn at(mut self, millis: i64) -> Self {
        self.at_millis = millis;
        self
    }

    fn new(event_name: &'static str, item: &Value, new_image: Option<Value>) -> Self {
        assert!(item["pk"]["S"].is_string() && item["sk"]["S"].is_string(), "{item} has no pk and sk in DynamoDB JSON");
        let keys = json!({ "pk": item["pk"], "sk": item["sk"] });
        Self { event_name, keys, new_image, at_millis: NOW_MILLIS }
    }

    fn record(&self, table: &str, at: usize) -> Value {
        let mut change = json!({
            "ApproximateCreationDateTime": self.at_millis / 1000,
            "Keys": self.keys,
            // Numbers of 21 digits that grow.
            "SequenceNumber": format!("1000000000000000{at:05}"),
            "SizeBytes": self.keys.to_string().len(),
            "StreamViewType": "NEW_IMAGE",
        });
        if let Some(image) = &self.new_image {
            change["NewImage"] = image.clone();
        }
        json!({
            "eventID": format!("{at:032x}"),
            "eventName": self.event_name,
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": REGION,
            "dynamodb": change,
            "eventSourceARN":
                format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}/stream/2026-11-21T00:00:00.000"),
        })
    }
}

/// A batch of changes as the stream sends it, in order.
#[must_use]
pub fn stream_event(table: &str, records: &[StreamRecord]) -> Value {
    let records: Vec<Value> = records.iter().zip(1..).map(|(record, at)| record.record(table, at)).collect();
    json!({ "Records": records })
}

/// An item in plain JSON as DynamoDB JSON: `{"n": 1}` becomes `{"n": {"N": "1"}}`.
#[must_use]
pub fn dynamo_json(item: &Value) -> Value {
    Value::Object(attributes(item.as_object().unwrap_or_else(|| panic!("{item} is not an item"))))
}

fn attributes(item: &Map<String, Value>) -> Map<String, Value> {
    item.iter().map(|(name, value)| (name.clone(), attribute(value))).collect()
}

fn attribute(value: &Value) -> Value {
    match value {
        Value::Null => json!({ "NULL": true }),
        Value::Bool(value) => json!({ "BOOL": value }),
        Value::Number(value) => json!({ "N": value.to_string() }),
        Value::String(value) => json!({ "S": value }),
        Value::Array(values) => json!({ "L": values.iter().map(attribute).collect::<Vec<_>>() }),
        Value::Object(values) => json!({ "M": attributes(values) }),
    }
}
