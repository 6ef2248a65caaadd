//! AWS as whoever runs the stack calls it: signed JSON, straight to the emulator and not over the line.

use std::collections::BTreeMap;

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4::SigningParams,
};
use serde_json::{Value, json};
use ureq::Agent;
use xtask::stack::Stack;

use crate::patience::{now, until, wall_clock};

/// AWS under somebody's credentials.
#[derive(Clone)]
pub(crate) struct Aws {
    url: String,
    region: String,
    credentials: Credentials,
    http: Agent,
}

impl Aws {
    /// AWS for whoever runs the stack.
    pub(crate) fn of(stack: &Stack) -> Self {
        let credentials = Credentials::new("test", "test", None, None, "local");
        let http = Agent::config_builder().http_status_as_error(false).build().into();
        Self { url: format!("{}/", stack.emulator_url), region: stack.region.clone(), credentials, http }
    }

    /// The same for somebody else.
    pub(crate) fn as_seen_by(&self, credentials: Credentials) -> Self {
        Self { credentials, ..self.clone() }
    }

    /// Asks, and takes what comes: the status and the answer.
    pub(crate) fn ask(&self, service: &str, target: &str, body: &Value) -> (u16, Value) {
        let body = body.to_string();
        let headers = [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", target)];
        let identity = self.credentials.clone().into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(service)
            .time(wall_clock())
            .settings(SigningSettings::default())
            .build()
            .expect("nothing is missing")
            .into();
        let signable =
            SignableRequest::new("POST", &self.url, headers.into_iter(), SignableBody::Bytes(body.as_bytes()));
        let signed = sign(signable.expect("an address"), &params).expect("a signature").into_parts().0;
        let request = headers.into_iter().chain(signed.headers()).fold(self.http.post(&self.url), |request, header| {
            let (name, value) = header;
            request.header(name, value)
        });
        let mut answered = request.send(body.as_bytes()).unwrap_or_else(|error| panic!("{target}: {error}"));
        let status = answered.status().as_u16();
        let body = answered.body_mut().with_config().limit(64 << 20).read_to_string().expect("an answer that ends");
        (status, serde_json::from_str(&body).unwrap_or(Value::String(body)))
    }

    /// Asks for what must work.
    #[track_caller]
    pub(crate) fn call(&self, service: &str, target: &str, body: &Value) -> Value {
        let (status, answer) = self.ask(service, target, body);
        assert_eq!(status, 200, "{target} {body}: {answer}");
        answer
    }
}

/// One queue of the stack.
#[derive(Clone)]
pub(crate) struct Queue {
    aws: Aws,
    url: String,
}

/// A message that lies in a queue.
#[derive(Debug, Clone)]
pub(crate) struct Lying {
    pub(crate) body: String,
    receipt: String,
}

impl Queue {
    /// The queue of this logical name.
    pub(crate) fn named(aws: &Aws, stack: &Stack, name: &str) -> Self {
        Self { aws: aws.clone(), url: stack.queues[name].clone() }
    }

    fn call(&self, action: &str, more: Value) -> Value {
        let mut body = json!({"QueueUrl": self.url});
        if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
            body.extend(more);
        }
        self.aws.call("sqs", &format!("AmazonSQS.{action}"), &body)
    }

    /// Sends messages together; their ids, in order.
    pub(crate) fn send(&self, bodies: &[String]) -> Vec<String> {
        let entry = |(id, body): (usize, &String)| json!({"Id": id.to_string(), "MessageBody": body});
        let entries: Vec<_> = bodies.iter().enumerate().map(entry).collect();
        let sent = self.call("SendMessageBatch", json!({"Entries": entries}));
        let ids: BTreeMap<_, _> = sent["Successful"]
            .as_array()
            .expect("messages were taken")
            .iter()
            .map(|one| (one["Id"].to_string(), one["MessageId"].as_str().expect("an id").to_owned()))
            .collect();
        assert_eq!(ids.len(), bodies.len(), "{sent}");
        ids.into_values().collect()
    }

    /// Sends one message into a group of a FIFO queue; its id.
    pub(crate) fn send_in_group(&self, group: &str, deduplication: &str, body: &str) -> String {
        let message = json!({"MessageBody": body, "MessageGroupId": group, "MessageDeduplicationId": deduplication});
        self.call("SendMessage", message)["MessageId"].as_str().expect("an id").to_owned()
    }

    /// What lies in the queue, left as it lies.
    pub(crate) fn lying(&self) -> Vec<Lying> {
        let asked = json!({"MaxNumberOfMessages": 10, "VisibilityTimeout": 0});
        let received = self.call("ReceiveMessage", asked);
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let lying = |one: &Value| Lying { body: text(&one["Body"]), receipt: text(&one["ReceiptHandle"]) };
        received["Messages"].as_array().map(|messages| messages.iter().map(lying).collect()).unwrap_or_default()
    }

    /// Bodies of what lies in the queue, sorted.
    pub(crate) fn bodies(&self) -> Vec<String> {
        let mut bodies: Vec<_> = self.lying().into_iter().map(|message| message.body).collect();
        bodies.sort();
        bodies
    }

    /// Takes a message out.
    pub(crate) fn delete(&self, message: &Lying) {
        self.call("DeleteMessage", json!({"ReceiptHandle": message.receipt}));
    }

    /// Makes the queue impatient, until the answer is dropped: what is sent comes at once, what fails comes again in a
    /// second.
    pub(crate) fn hurried(&self) -> Hurried {
        self.with(&json!({"DelaySeconds": "0", "VisibilityTimeout": "1"}))
    }

    /// Lets what is sent come at once, until the answer is dropped.
    pub(crate) fn undelayed(&self) -> Hurried {
        self.with(&json!({"DelaySeconds": "0"}))
    }

    fn with(&self, attributes: &Value) -> Hurried {
        let named = json!({"AttributeNames": ["DelaySeconds", "VisibilityTimeout"]});
        let before = self.call("GetQueueAttributes", named)["Attributes"].clone();
        self.set(attributes);
        Hurried { queue: self.clone(), before }
    }

    /// How many messages it holds: lying, under way, and still to come.
    pub(crate) fn depth(&self) -> u64 {
        let states = ["", "NotVisible", "Delayed"].map(|state| format!("ApproximateNumberOfMessages{state}"));
        let depth = self.call("GetQueueAttributes", json!({"AttributeNames": states}))["Attributes"].clone();
        let number = |state: &String| depth[state].as_str().and_then(|number| number.parse::<u64>().ok());
        states.iter().map(|state| number(state).expect("a queue knows how many it holds")).sum()
    }

    fn set(&self, attributes: &Value) {
        self.call("SetQueueAttributes", json!({"Attributes": attributes}));
    }
}

/// A queue without patience.
pub(crate) struct Hurried {
    queue: Queue,
    before: Value,
}

impl Drop for Hurried {
    fn drop(&mut self) {
        self.queue.set(&self.before);
    }
}

/// The log of all functions.
#[derive(Clone)]
pub(crate) struct Log {
    aws: Aws,
    group: String,
}

impl Log {
    /// The log of a stage.
    pub(crate) fn of(aws: &Aws, stack: &Stack) -> Self {
        Self { aws: aws.clone(), group: format!("/milepost/{}", stack.stage) }
    }

    /// Every line with this text in it; all of them for an empty text.
    pub(crate) fn lines(&self, text: &str) -> Vec<String> {
        self.lines_between(text, 0, now().as_millisecond())
    }

    /// The same of a time, in milliseconds, both ends included. The emulator has no second page, so a full one is asked for
    /// again in halves.
    fn lines_between(&self, text: &str, from: i64, to: i64) -> Vec<String> {
        let mut asked = json!({"logGroupName": self.group, "limit": MOST_LINES, "startTime": from, "endTime": to});
        if !text.is_empty() {
            asked["filterPattern"] = json!(format!("\"{text}\""));
        }
        let found = self.aws.call("logs", "Logs_20140328.FilterLogEvents", &asked);
        let events = found["events"].as_array().expect("events");
        if events.len() < MOST_LINES {
            return events.iter().filter_map(|event| event["message"].as_str()).map(str::to_owned).collect();
        }
        let first = events[0]["timestamp"].as_i64().expect("a line has a time");
        assert!(first < to, "a millisecond has more lines than a page");
        let middle = first + (to - first) / 2;
        let mut lines = self.lines_between(text, first, middle);
        lines.extend(self.lines_between(text, middle + 1, to));
        lines
    }

    /// Waits until a message has been worked off; whether it was done.
    #[track_caller]
    pub(crate) fn outcome(&self, message_id: &str) -> bool {
        until(&format!("message {message_id} is worked off"), || {
            let lines = self.lines(message_id);
            let said = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            said.filter(|line| line["message_id"] == message_id).map(|line| line["message"] == "done").next_back()
        })
    }
}

/// The most lines that a page has.
const MOST_LINES: usize = 10_000;
