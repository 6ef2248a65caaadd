//! The stream door: a table's changes in order. A record that cannot be handled is parked in a queue of its own, and the
//! stream goes on: one poison record must not hold up the shard.

use std::collections::HashMap;

use aws_sdk_sqs::Client;
use domain::{Failed, Timestamp};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::{Deserialize, Serialize};

use crate::log;

/// One change of an item. Our own shape: the event crate's would bring a second time library.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Change {
    /// Unique.
    #[serde(rename = "eventID", default)]
    pub event_id: String,
    /// The stream, which names its table.
    #[serde(rename = "eventSourceARN", default)]
    pub stream: String,
    /// Who made it, when that was no caller of DynamoDB's.
    #[serde(rename = "userIdentity", default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Identity>,
    /// What the stream says of it.
    pub dynamodb: Image,
}

/// Who made a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// `Service` when it was a service of AWS's.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// Which one.
    #[serde(rename = "principalId", default)]
    pub principal: String,
}

/// An item before and after its change.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Image {
    /// Its attributes after the change, typed as DynamoDB has them; none when it was removed.
    #[serde(rename = "NewImage", default)]
    pub new: HashMap<String, Attribute>,
    /// Those before it; none when there was no item, or when the stream does not show them.
    #[serde(rename = "OldImage", default)]
    pub old: HashMap<String, Attribute>,
    /// When it was changed, in seconds since 1970.
    #[serde(rename = "ApproximateCreationDateTime", default)]
    pub at: Option<serde_json::Number>,
    /// The change's place in the stream.
    #[serde(rename = "SequenceNumber", default)]
    pub sequence: String,
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
    /// A set of numbers, unread.
    #[serde(rename = "NS")]
    NumberSet(serde_json::Value),
    /// A set of bytes, unread.
    #[serde(rename = "BS")]
    BytesSet(serde_json::Value),
}

/// Who removes what has expired.
const EXPIRY: (&str, &str) = ("Service", "dynamodb.amazonaws.com");

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

    /// Whether DynamoDB removed the item because it had expired.
    #[must_use]
    pub fn is_expiry(&self) -> bool {
        self.by.as_ref().is_some_and(|by| (by.kind.as_str(), by.principal.as_str()) == EXPIRY)
    }

    /// The item before the change, in DynamoDB's own JSON.
    ///
    /// # Errors
    /// [`Failed::Fault`] when the stream does not show it.
    pub fn before(&self) -> Result<serde_json::Value, Failed> {
        if self.dynamodb.old.is_empty() {
            return Err(Failed::fault("a change that does not show what was there before"));
        }
        serde_json::to_value(&self.dynamodb.old).map_err(Failed::fault)
    }

    /// The item after the change, in DynamoDB's own JSON; nothing when it was removed.
    ///
    /// # Errors
    /// [`Failed::Fault`] when it cannot be written as JSON, which an item always can.
    pub fn after(&self) -> Result<Option<serde_json::Value>, Failed> {
        let there = Some(&self.dynamodb.new).filter(|new| !new.is_empty());
        there.map(serde_json::to_value).transpose().map_err(Failed::fault)
    }

    /// The table that was changed.
    ///
    /// # Errors
    /// [`Failed::Fault`] when the stream names none.
    pub fn table(&self) -> Result<&str, Failed> {
        self.stream.split('/').nth(1).ok_or_else(|| Failed::fault("a change without the table of its stream"))
    }

    /// When it was changed, in whole seconds.
    ///
    /// # Errors
    /// [`Failed::Fault`] when the stream does not say when.
    pub fn at(&self) -> Result<Timestamp, Failed> {
        // AWS writes a number that may have a fraction or an empty one.
        let text = self.dynamodb.at.as_ref().map(ToString::to_string).unwrap_or_default();
        let seconds = text.split('.').next().and_then(|whole| whole.parse().ok());
        let seconds = seconds.ok_or_else(|| Failed::fault("a change without its time"))?;
        Ok(Timestamp::EPOCH.plus_seconds(seconds))
    }

    /// Its place in the stream: digits, which grow from change to change of an item.
    ///
    /// # Errors
    /// [`Failed::Fault`] when the stream does not say it.
    pub fn sequence(&self) -> Result<&str, Failed> {
        let digits = Some(self.dynamodb.sequence.as_str());
        let digits = digits.filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
        digits.ok_or_else(|| Failed::fault("a change without its place in the stream"))
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
