//! Queues: where events wait for their work.

use std::collections::BTreeMap;

use aws_sdk_sqs::{Client, types::SendMessageBatchRequestEntry};
use domain::{Event, Failed, event::Queue};

/// SQS takes ten messages a call.
const MOST_MESSAGES: usize = 10;

/// Where each queue is.
#[derive(Debug, Clone)]
pub struct QueueUrls {
    /// Counted by `activity-roll-up`.
    pub activity: String,
    /// FIFO, a group an operator: reported by `day-close-build`.
    pub day_close: String,
    /// FIFO, a group a partner: built by `settlement-build`.
    pub settlement: String,
    /// Built by `export-build`.
    pub export: String,
    /// Sent by `message-send`.
    pub message: String,
    /// FIFO, a group an operator: worked off by `statement-match`.
    pub statement: String,
}

/// What may be sent.
#[derive(Clone)]
pub struct Queues {
    client: Client,
    urls: QueueUrls,
}

impl Queues {
    /// The queues of a stack.
    #[must_use]
    pub fn new(client: Client, urls: QueueUrls) -> Self {
        Self { client, urls }
    }

    fn url(&self, queue: Queue) -> &str {
        match queue {
            Queue::Activity => &self.urls.activity,
            Queue::DayClose => &self.urls.day_close,
            Queue::Settlement => &self.urls.settlement,
            Queue::Export => &self.urls.export,
            Queue::Message => &self.urls.message,
            Queue::Statement => &self.urls.statement,
        }
    }

    /// Sends each event to the queues of its kind.
    ///
    /// # Errors
    /// [`Failed::Later`] when any message was not taken; sending all of them again is safe, consumers know each event.
    pub async fn send(&self, events: &[Event]) -> Result<(), Failed> {
        let mut by_queue: BTreeMap<Queue, Vec<&Event>> = BTreeMap::new();
        for event in events {
            for queue in event.happened.queues() {
                by_queue.entry(*queue).or_default().push(event);
            }
        }
        for (queue, events) in by_queue {
            for ten in events.chunks(MOST_MESSAGES) {
                let entries = ten.iter().enumerate().map(|(index, event)| entry(queue, index, event));
                let entries = entries.collect::<Result<Vec<_>, Failed>>()?;
                let sent = self
                    .client
                    .send_message_batch()
                    .queue_url(self.url(queue))
                    .set_entries(Some(entries))
                    .send()
                    .await
                    .map_err(|error| Failed::Later(Box::new(error)))?;
                if let Some(refused) = sent.failed.first() {
                    return Err(Failed::Later(format!("a queue refused a message: {}", refused.code).into()));
                }
            }
        }
        Ok(())
    }
}

fn entry(queue: Queue, index: usize, event: &Event) -> Result<SendMessageBatchRequestEntry, Failed> {
    let entry = SendMessageBatchRequestEntry::builder()
        .id(index.to_string())
        .message_body(serde_json::to_string(event).map_err(Failed::fault)?);
    let entry = match queue {
        Queue::DayClose => {
            entry.message_group_id(event.operator.as_str()).message_deduplication_id(event.event_id.as_str())
        }
        Queue::Settlement | Queue::Statement => {
            let group = event.group.as_deref().unwrap_or_default();
            entry
                .message_group_id(format!("{}.{group}", event.operator))
                .message_deduplication_id(event.event_id.as_str())
        }
        Queue::Activity | Queue::Export | Queue::Message => entry,
    };
    entry.build().map_err(Failed::fault)
}
