//! Batches of messages as SQS hands them to a function.

use aws_lambda_events::sqs::SqsEvent;
use serde_json::{Value, json};

use crate::{ACCOUNT, NOW_MILLIS, REGION};

/// One message of a batch.
#[derive(Debug, Clone)]
pub struct QueueMessage {
    id: String,
    body: String,
    group: Option<String>,
    sent_millis: i64,
    receive_count: u32,
}

impl QueueMessage {
    /// A message under an id, sent at [`NOW_MILLIS`] and received for the first time.
    #[must_use]
    pub fn new(id: &str, body: impl Into<String>) -> Self {
        Self { id: id.to_owned(), body: body.into(), group: None, sent_millis: NOW_MILLIS, receive_count: 1 }
    }

    /// A message with a JSON body.
    #[must_use]
    pub fn json(id: &str, body: &Value) -> Self {
        Self::new(id, body.to_string())
    }

    /// The message's group: it came through a FIFO queue.
    #[must_use]
    pub fn group(mut self, group: &str) -> Self {
        self.group = Some(group.to_owned());
        self
    }

    /// When it was sent, in milliseconds since 1970.
    #[must_use]
    pub fn sent_at(mut self, millis: i64) -> Self {
        self.sent_millis = millis;
        self
    }

    /// How often it has been received, this time included.
    #[must_use]
    pub fn received(mut self, times: u32) -> Self {
        self.receive_count = times;
        self
    }

    fn record(&self, queue: &str) -> Value {
        let mut attributes = json!({
            "ApproximateReceiveCount": self.receive_count.to_string(),
            "SentTimestamp": self.sent_millis.to_string(),
            "SenderId": "AIDATESTKIT",
            "ApproximateFirstReceiveTimestamp": self.sent_millis.to_string(),
        });
        if let Some(group) = &self.group {
            attributes["MessageGroupId"] = json!(group);
            attributes["MessageDeduplicationId"] = json!(self.id);
        }
        json!({
            "messageId": self.id,
            "receiptHandle": format!("receipt-{}", self.id),
            "body": self.body,
            "attributes": attributes,
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"),
            "awsRegion": REGION,
        })
    }

    /// A batch as `lambda_runtime` parses it.
    #[must_use]
    pub fn batch(queue: &str, messages: &[Self]) -> SqsEvent {
        serde_json::from_value(queue_event(queue, messages)).expect("an SQS event")
    }
}

/// A batch as SQS sends it.
#[must_use]
pub fn queue_event(queue: &str, messages: &[QueueMessage]) -> Value {
    json!({ "Records": messages.iter().map(|message| message.record(queue)).collect::<Vec<_>>() })
}
