//! The stream door: a table's changes in order. A record that cannot be handled is parked in a queue of its own, and the
//! stream goes on: one poison record must not hold up the shard.

use std::collections::HashMap;

use aws_sdk_sqs::Client;
use domain::Failed;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::{Deserialize, Serialize};

use crate::log;

/// One change of an item. Our own shape: the event crate's would bring a second time library.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Change {
    /// Unique.
    #[serde(rename = "eventID", default)]
    pub event_id: String,
    /// What the stream says of it.
    pub dynamodb: Image,
}

/// An item after its change.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Image {
    /// Its attributes, typed as DynamoDB has them.
    #[serde(rename = "NewImage", default)]
    pub new: HashMap<String, Attribute>,
}

/// The attribute types that the streams' consumers read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Attribute {
    /// Text.
    S(String),
    /// A number, as text.
    N(String),
    /// Bytes, in base64.
    B(String),
    /// A list, unread.
    L(serde_json::Value),
    /// A map, unread.
    M(serde_json::Value),
    /// True or false.
    #[serde(rename = "BOOL")]
    Bool(bool),
    /// Nothing.
    #[serde(rename = "NULL")]
    Null(bool),
    /// A set of texts, unread.
    #[serde(rename = "SS")]
    TextSet(serde_json::Value),
}

impl Change {
    /// A text attribute.
    ///
    /// # Errors
    /// [`Failed::Fault`] when the item has none of this name.
    pub fn text(&self, name: &str) -> Result<&str, Failed> {
        match self.dynamodb.new.get(name) {
            Some(Attribute::S(text)) => Ok(text),
            _ => Err(Failed::fault(format!("a change without the text `{name}`"))),
        }
    }

    /// Whether the item has an attribute.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.dynamodb.new.contains_key(name)
    }

    /// Bytes.
    ///
    /// # Errors
    /// [`Failed::Fault`] when the item has none of this name.
    pub fn bytes(&self, name: &str) -> Result<Vec<u8>, Failed> {
        match self.dynamodb.new.get(name) {
            Some(Attribute::B(text)) => data_encoding::BASE64.decode(text.as_bytes()).map_err(Failed::fault),
            _ => Err(Failed::fault(format!("a change without the bytes `{name}`"))),
        }
    }
}

/// Where records go that cannot be handled.
#[derive(Clone)]
pub struct Parking {
    client: Client,
    queue_url: String,
}

impl Parking {
    /// A function's own dead-letter queue.
    #[must_use]
    pub fn new(client: Client, queue_url: String) -> Self {
        Self { client, queue_url }
    }

    async fn park(&self, record: &str) -> Result<(), Failed> {
        let sent = self.client.send_message().queue_url(&self.queue_url).message_body(record).send().await;
        sent.map(|_| ()).map_err(|error| Failed::Later(Box::new(error)))
    }
}

/// Follows a table until the process ends.
///
/// # Errors
/// When the Lambda runtime cannot be reached.
pub async fn follow<C, H, Fut>(function: &'static str, handle: H, capability: C, parking: Parking) -> Result<(), Error>
where
    C: 'static,
    H: Fn(&'static C, Change) -> Fut,
    Fut: Future<Output = Result<(), Failed>>,
{
    let capability: &'static C = Box::leak(Box::new(capability));
    let (handle, parking) = (&handle, &parking);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<serde_json::Value>| async move {
        follow_batch(function, event.payload, handle, capability, parking).await
    }))
    .await
}

/// Follows one batch: what [`follow`] does with each, and what tests call in process.
///
/// # Errors
/// When a record can neither be handled nor parked: the batch is read again.
pub async fn follow_batch<'a, C, H, Fut>(
    function: &'static str,
    batch: serde_json::Value,
    handle: &H,
    capability: &'a C,
    parking: &Parking,
) -> Result<(), Error>
where
    H: Fn(&'a C, Change) -> Fut,
    Fut: Future<Output = Result<(), Failed>>,
{
    let records = match batch.get("Records") {
        Some(serde_json::Value::Array(records)) => records.clone(),
        _ => return Err(Error::from("a stream event without Records")),
    };
    for record in records {
        let text = record.to_string();
        let event_id = record.get("eventID").and_then(|id| id.as_str()).unwrap_or_default().to_owned();
        let done = match serde_json::from_value::<Change>(record) {
            Ok(change) => follow_one(change, handle, capability).await,
            Err(error) => Err(Failed::fault(error)),
        };
        log::message(function, &event_id, &done);
        if done.is_err() {
            // Only when not even parking works is the batch handed back to be read again.
            parking.park(&text).await.map_err(|failed| Error::from(log::chain(&failed)))?;
        }
    }
    Ok(())
}

/// Tries a change twice: what passes in a moment need not be parked.
async fn follow_one<'a, C, H, Fut>(change: Change, handle: &H, capability: &'a C) -> Result<(), Failed>
where
    H: Fn(&'a C, Change) -> Fut,
    Fut: Future<Output = Result<(), Failed>>,
{
    match handle(capability, change.clone()).await {
        Err(Failed::Later(_) | Failed::InProgress) => handle(capability, change).await,
        done => done,
    }
}
