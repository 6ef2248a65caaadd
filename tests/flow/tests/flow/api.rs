//! The public API; what was answered is remembered for the log's own story.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::Value;
use ureq::Agent;

/// Longer than a gateway lets a function run.
const TIME_OUT: Duration = Duration::from_secs(35);
/// The largest answer a story takes.
const LARGEST_BODY: u64 = 64 << 20;

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) replayed: bool,
    pub(crate) retry_after: Option<String>,
    pub(crate) request_id: String,
    pub(crate) body: String,
}

impl Answer {
    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The body, once the status is what it must be.
    #[track_caller]
    pub(crate) fn must_be(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        self.json()
    }

    /// The problem that it is, once status and code are what they must be.
    #[track_caller]
    pub(crate) fn must_be_problem(&self, status: u16, code: &str) -> Value {
        let problem = self.must_be(status);
        assert_eq!(self.content_type, "application/problem+json", "{self:?}");
        assert_eq!(problem["code"], code, "{self:?}");
        problem
    }

    /// Whether it is a refusal by a rule, which is kept under its key like a success.
    pub(crate) fn is_kept(&self) -> bool {
        let kept = ["already_decided", "already_exists", "business_day_closed", "illegal_transition", "own_approval"];
        self.status == 409 && kept.iter().any(|code| self.json()["code"] == *code)
    }

    /// Whether the gateway answered, not a function: it names the call by its id alone, or not at all.
    pub(crate) fn is_of_the_gateway(&self) -> bool {
        self.request_id.is_empty() || self.body.contains("\"urn:uuid:")
    }
}

/// What went over the API in all stories.
#[derive(Debug, Default)]
pub(crate) struct Spoken {
    pub(crate) answers: Vec<Answer>,
    /// Passwords, tokens and secrets that were sent or answered.
    pub(crate) secrets: BTreeSet<String>,
}

/// Members of answers that nobody but the caller may ever read.
const SECRETS: [&str; 3] = ["access_token", "refresh_token", "client_secret"];

/// The API of the stack.
#[derive(Clone)]
pub(crate) struct Api {
    url: String,
    http: Agent,
    spoken: Arc<Mutex<Spoken>>,
}

impl Api {
    /// The API above a gateway's stage.
    pub(crate) fn at(url: &str) -> Self {
        let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(TIME_OUT)).build();
        Self { url: url.to_owned(), http: config.into(), spoken: Arc::default() }
    }

    /// What was said so far.
    pub(crate) fn spoken(&self) -> MutexGuard<'_, Spoken> {
        self.spoken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The whole address of a path.
    pub(crate) fn address(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Remembers what no log may tell.
    pub(crate) fn must_stay_secret(&self, secret: &str) {
        self.spoken().secrets.insert(secret.to_owned());
    }

    /// One request, one answer.
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Answer {
        let mut request = ureq::http::Request::builder().method(method).uri(self.address(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let request = request.body(body.unwrap_or_default().to_owned()).expect("a request of plain texts");
        let mut answered = self.http.run(request).unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let header = |name: &str| answered.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let answer = Answer {
            status: answered.status().as_u16(),
            content_type: header("content-type").unwrap_or_default(),
            replayed: header("idempotent-replayed").as_deref() == Some("true"),
            retry_after: header("retry-after"),
            request_id: header("x-request-id").unwrap_or_default(),
            body: String::new(),
        };
        let body = answered.body_mut().with_config().limit(LARGEST_BODY).read_to_string();
        let answer = Answer { body: body.unwrap_or_else(|error| panic!("{method} {path}: {error}")), ..answer };
        let mut spoken = self.spoken();
        if let Ok(body) = serde_json::from_str::<Value>(&answer.body) {
            spoken.secrets.extend(SECRETS.iter().filter_map(|name| body[*name].as_str()).map(str::to_owned));
        }
        spoken.answers.push(answer.clone());
        drop(spoken);
        answer
    }

    /// A file behind a link that needs no login.
    pub(crate) fn download(&self, link: &str) -> Vec<u8> {
        let mut answered = self.http.get(link).call().unwrap_or_else(|error| panic!("the link: {error}"));
        assert_eq!(answered.status().as_u16(), 200, "the link does not give the file");
        answered.body_mut().with_config().limit(LARGEST_BODY).read_to_vec().expect("a file that ends")
    }
}
