//! Queues in memory behind the HTTP connector of the real AWS SDK: what was sent is kept, nobody receives it.
//!
//! They speak the part of SQS's JSON protocol that messages are sent with: `SendMessage` and `SendMessageBatch`. They
//! check no signature, compute no digest, and do not deduplicate.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard},
};

use aws_sdk_sqs::{
    Client, Config,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
};
use aws_smithy_runtime_api::{
    client::{
        http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};

use crate::{ACCOUNT, QueueMessage, REGION, faults::Course, table::EmbeddedTable};

/// A message as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentMessage {
    /// Name of its queue.
    pub queue: String,
    /// Its body.
    pub body: String,
    /// Its group, in a FIFO queue.
    pub group: Option<String>,
    /// What a FIFO queue knows a repeat by.
    pub deduplication_id: Option<String>,
}

impl SentMessage {
    /// The message as its consumer receives it, under an id.
    #[must_use]
    pub fn received(&self, id: &str) -> QueueMessage {
        let message = QueueMessage::new(id, &self.body);
        match &self.group {
            Some(group) => message.group(group),
            None => message,
        }
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// What befalls the next calls.
#[derive(Debug, Default)]
struct State {
    sent: Vec<SentMessage>,
    failing: u32,
    losing: u32,
    refusing: u32,
}

/// Every queue of an account, for one test. Clones share what was sent.
#[derive(Clone)]
pub struct EmbeddedQueues {
    state: Arc<Mutex<State>>,
    table: EmbeddedTable,
}

impl fmt::Debug for EmbeddedQueues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state().fmt(f)
    }
}

impl EmbeddedQueues {
    /// Queues beside the tables: their crash takes the sender down, too.
    #[must_use]
    pub fn beside(table: &EmbeddedTable) -> Self {
        Self { state: Arc::default(), table: table.clone() }
    }

    /// Where a queue is.
    #[must_use]
    pub fn url(name: &str) -> String {
        format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}")
    }

    /// An SDK client of the queues.
    #[must_use]
    pub fn client(&self) -> Client {
        let connector = SharedHttpConnector::new(self.clone());
        let config = Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::from_static(REGION))
            .credentials_provider(Credentials::new("test", "test", None, None, "testkit"))
            .retry_config(RetryConfig::standard().with_max_backoff(std::time::Duration::ZERO))
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .build();
        Client::from_conf(config)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test thread panicked inside the queues")
    }

    /// What was sent to a queue, oldest first.
    #[must_use]
    pub fn sent_to(&self, queue: &str) -> Vec<SentMessage> {
        self.state().sent.iter().filter(|message| message.queue == queue).cloned().collect()
    }

    /// How many messages were sent in all.
    #[must_use]
    pub fn sent(&self) -> usize {
        self.state().sent.len()
    }

    /// The connection breaks before the next calls arrive.
    pub fn fail(&self, times: u32) {
        self.state().failing = times;
    }

    /// The next calls are taken, but their answers are lost.
    pub fn lose_answers(&self, times: u32) {
        self.state().losing = times;
    }

    /// The last message of each of the next batches is refused.
    pub fn refuse_last(&self, times: u32) {
        self.state().refusing = times;
    }

    fn exchange(&self, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let broken = || ConnectorError::io("the connection was lost".into());
        let crash = self.table.course_in_crash();
        let mut state = self.state();
        if crash == Some(Course::NeverArrived) {
            return Err(broken());
        }
        if state.failing > 0 {
            state.failing -= 1;
            return Err(broken());
        }
        let body = request.body().bytes().expect("a body in memory");
        let body: Value = serde_json::from_slice(body).expect("a JSON body");
        let queue = body["QueueUrl"].as_str().unwrap_or_default().rsplit('/').next().unwrap_or_default().to_owned();
        let keep = |message: &Value| SentMessage {
            queue: queue.clone(),
            body: message["MessageBody"].as_str().unwrap_or_default().to_owned(),
            group: message["MessageGroupId"].as_str().map(str::to_owned),
            deduplication_id: message["MessageDeduplicationId"].as_str().map(str::to_owned),
        };
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let answer = match target {
            "AmazonSQS.SendMessage" => {
                state.sent.push(keep(&body));
                json!({ "MessageId": format!("sent-{}", state.sent.len()) })
            }
            "AmazonSQS.SendMessageBatch" => {
                let mut entries = body["Entries"].as_array().cloned().unwrap_or_default();
                assert!((1..=10).contains(&entries.len()), "SQS takes 1 to 10 messages a call");
                let mut failed = vec![];
                if state.refusing > 0 {
                    state.refusing -= 1;
                    let last = entries.pop().unwrap_or_default();
                    failed.push(json!({ "Id": last["Id"], "SenderFault": false, "Code": "InternalError" }));
                }
                state.sent.extend(entries.iter().map(keep));
                let taken = |entry: &Value| json!({ "Id": entry["Id"], "MessageId": entry["Id"] });
                json!({ "Successful": entries.iter().map(taken).collect::<Vec<_>>(), "Failed": failed })
            }
            other => panic!("these queues do not serve {other}"),
        };
        if state.losing > 0 || crash.is_some() {
            state.losing = state.losing.saturating_sub(1);
            return Err(ConnectorError::timeout("the answer was lost".into()));
        }
        let status = StatusCode::try_from(200).expect("an HTTP status");
        let mut response = HttpResponse::new(status, SdkBody::from(answer.to_string()));
        response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
        Ok(response)
    }
}

impl HttpConnector for EmbeddedQueues {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let queues = self.clone();
        HttpConnectorFuture::new(async move {
            tokio::task::yield_now().await;
            queues.exchange(&request)
        })
    }
}
