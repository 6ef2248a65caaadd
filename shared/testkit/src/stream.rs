//! Batches of changes as a DynamoDB stream hands them to a function: an item after its change, and before it where that is told.

use serde_json::{Map, Value, json};

use crate::{ACCOUNT, NOW_MILLIS, REGION};

/// One change of an item. Items are in DynamoDB JSON, as [`EmbeddedTable::items`](crate::EmbeddedTable::items) gives them.
#[derive(Debug, Clone)]
pub struct StreamRecord {
    event_name: &'static str,
    keys: Value,
    old_image: Option<Value>,
    new_image: Option<Value>,
    by_expiry: bool,
    at_millis: i64,
    sequence: Option<usize>,
}

impl StreamRecord {
    /// An item that was not there before.
    #[must_use]
    pub fn insert(item: &Value) -> Self {
        Self::new("INSERT", item, Some(item.clone()))
    }

    /// An item that has changed.
    #[must_use]
    pub fn modify(before: &Value, after: &Value) -> Self {
        Self { old_image: Some(before.clone()), ..Self::new("MODIFY", after, Some(after.clone())) }
    }

    /// An item that somebody removed.
    #[must_use]
    pub fn remove(before: &Value) -> Self {
        Self { old_image: Some(before.clone()), ..Self::new("REMOVE", before, None) }
    }

    /// An item that DynamoDB removed because it had expired.
    #[must_use]
    pub fn expire(before: &Value) -> Self {
        Self { by_expiry: true, ..Self::remove(before) }
    }

    /// Its place among all changes, where batches do not come in their order.
    #[must_use]
    pub fn in_sequence(mut self, sequence: usize) -> Self {
        self.sequence = Some(sequence);
        self
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
        Self { event_name, keys, old_image: None, new_image, by_expiry: false, at_millis: NOW_MILLIS, sequence: None }
    }

    fn record(&self, table: &str, at: usize) -> Value {
        let mut change = json!({
            "ApproximateCreationDateTime": self.at_millis / 1000,
            "Keys": self.keys,
            // Numbers of 21 digits that grow.
            "SequenceNumber": format!("1000000000000000{:05}", self.sequence.unwrap_or(at)),
            "SizeBytes": self.keys.to_string().len(),
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        });
        if let Some(image) = &self.old_image {
            change["OldImage"] = image.clone();
        }
        if let Some(image) = &self.new_image {
            change["NewImage"] = image.clone();
        }
        let mut record = json!({
            "eventID": format!("{at:032x}"),
            "eventName": self.event_name,
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": REGION,
            "dynamodb": change,
            "eventSourceARN":
                format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}/stream/2026-11-21T00:00:00.000"),
        });
        if self.by_expiry {
            record["userIdentity"] = json!({ "type": "Service", "principalId": "dynamodb.amazonaws.com" });
        }
        record
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
