//! The queue door: messages one at a time, each with its own fate. What fails comes again, and in the end lies in the
//! dead-letter queue; what succeeds never waits for it.

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use domain::{Event, Failed, Timestamp};
use lambda_runtime::{Error, LambdaEvent, service_fn};

use crate::log;

/// A message with an event in it.
#[derive(Debug, Clone)]
pub struct Message {
    /// What happened.
    pub event: Event,
    /// When it was put into the queue.
    pub sent_at: Timestamp,
    /// The queue's id of it.
    pub message_id: String,
}

/// Consumes a queue of events until the process ends.
///
/// # Errors
/// When the Lambda runtime cannot be reached.
pub async fn consume<C, H, Fut>(function: &'static str, handle: H, capability: C) -> Result<(), Error>
where
    C: 'static,
    H: Fn(&'static C, Message) -> Fut,
    Fut: Future<Output = Result<(), Failed>>,
{
    let capability: &'static C = Box::leak(Box::new(capability));
    let handle = &handle;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        Ok::<_, Error>(
            work_off(function, event.payload, async |message| handle(capability, read(message)?).await).await,
        )
    }))
    .await
}

/// Works off one batch: what [`consume`] does with each, and what tests call in process. In a FIFO queue a group stops
/// at its first failure, so that its order holds.
pub async fn work_off(
    function: &str,
    batch: SqsEvent,
    work: impl AsyncFn(&SqsMessage) -> Result<(), Failed>,
) -> SqsBatchResponse {
    let mut failures: Vec<BatchItemFailure> = Vec::new();
    let mut stopped: Vec<String> = Vec::new();
    for message in &batch.records {
        let message_id = message.message_id.clone().unwrap_or_default();
        let group = message.attributes.get("MessageGroupId").cloned();
        let done = if group.as_ref().is_some_and(|group| stopped.contains(group)) {
            Err(Failed::Later("an earlier message of the group failed".into()))
        } else {
            work(message).await
        };
        log::message(function, &message_id, &done);
        if done.is_err() {
            stopped.extend(group);
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = message_id;
            failures.push(failure);
        }
    }
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failures;
    response
}

/// Reads the event of a message.
///
/// # Errors
/// [`Failed::Fault`] when there is none: the message fails alone, again and again, until it is a dead letter.
pub fn read(message: &SqsMessage) -> Result<Message, Failed> {
    let body = message.body.as_deref().unwrap_or_default();
    Ok(Message {
        event: serde_json::from_str(body).map_err(Failed::fault)?,
        sent_at: sent_at(message)?,
        message_id: message.message_id.clone().unwrap_or_default(),
    })
}

/// When a message was put into its queue.
pub(crate) fn sent_at(message: &SqsMessage) -> Result<Timestamp, Failed> {
    let millis = message.attributes.get("SentTimestamp").and_then(|millis| millis.parse().ok());
    millis.map(Timestamp::from_millis).ok_or_else(|| Failed::fault("a message without SentTimestamp"))
}
