//! Messages to people behind the HTTP connectors of the real AWS SDK: what was sent by SMS and by mail is kept, nobody
//! receives it. And the secrets that Secrets Manager would keep.
//!
//! They speak the parts of the protocols that Milepost uses: SNS `Publish` to a number (query protocol), SES v2
//! `SendEmail` (REST), Secrets Manager `GetSecretValue` and `PutSecretValue` (JSON).

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard},
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

use crate::{REGION, faults::Course, table::EmbeddedTable};

/// A message as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentPost {
    /// The number or the mail address.
    pub to: String,
    /// A mail's subject; empty for an SMS.
    pub subject: String,
    /// Its text.
    pub text: String,
}

#[derive(Default)]
struct State {
    sms: Vec<SentPost>,
    mail: Vec<SentPost>,
    secrets: BTreeMap<String, String>,
    failing: u32,
}

/// SMS, mail and secrets of an account, for one test. Clones share them.
#[derive(Clone)]
pub struct EmbeddedPost {
    state: Arc<Mutex<State>>,
    table: EmbeddedTable,
}

impl fmt::Debug for EmbeddedPost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmbeddedPost")
    }
}

/// A client's configuration with this connector; each SDK has a type of its own for the same thing.
macro_rules! client {
    ($sdk:ident, $connector:expr) => {{
        let connector = SharedHttpConnector::new($connector);
        let config = $sdk::Config::builder()
            .behavior_version($sdk::config::BehaviorVersion::v2026_01_12())
            .region($sdk::config::Region::from_static(REGION))
            .credentials_provider($sdk::config::Credentials::new("test", "test", None, None, "testkit"))
            .retry_config($sdk::config::retry::RetryConfig::standard().with_max_backoff(std::time::Duration::ZERO))
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .build();
        $sdk::Client::from_conf(config)
    }};
}

impl EmbeddedPost {
    /// Beside the tables: their crash takes the sender down, too.
    #[must_use]
    pub fn beside(table: &EmbeddedTable) -> Self {
        Self { state: Arc::default(), table: table.clone() }
    }

    /// An SDK client that sends SMS.
    #[must_use]
    pub fn sms_client(&self) -> aws_sdk_sns::Client {
        client!(aws_sdk_sns, self.clone())
    }

    /// An SDK client that sends mail.
    #[must_use]
    pub fn mail_client(&self) -> aws_sdk_sesv2::Client {
        client!(aws_sdk_sesv2, self.clone())
    }

    /// An SDK client that keeps secrets.
    #[must_use]
    pub fn secrets_client(&self) -> aws_sdk_secretsmanager::Client {
        client!(aws_sdk_secretsmanager, self.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test thread panicked inside the post")
    }

    /// What was sent by SMS, oldest first.
    #[must_use]
    pub fn sms(&self) -> Vec<SentPost> {
        self.state().sms.clone()
    }

    /// What was sent by mail, oldest first.
    #[must_use]
    pub fn mail(&self) -> Vec<SentPost> {
        self.state().mail.clone()
    }

    /// What a secret is.
    #[must_use]
    pub fn secret(&self, id: &str) -> Option<String> {
        self.state().secrets.get(id).cloned()
    }

    /// Keeps a secret.
    pub fn keep_secret(&self, id: &str, text: &str) {
        self.state().secrets.insert(id.to_owned(), text.to_owned());
    }

    /// The connection breaks before the next calls arrive.
    pub fn fail(&self, times: u32) {
        self.state().failing = times;
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
        let (kind, answer) = match request.headers().get("x-amz-target") {
            Some(target) => ("application/x-amz-json-1.1", state.secret(target, body)),
            None if request.uri().contains("/v2/email/outbound-emails") => ("application/json", state.send_mail(body)),
            None => ("text/xml", state.publish(body)),
        };
        if crash.is_some() {
            return Err(ConnectorError::timeout("the answer was lost".into()));
        }
        let (status, text) = answer;
        let status = StatusCode::try_from(status).expect("an HTTP status");
        let mut response = HttpResponse::new(status, SdkBody::from(text));
        response.headers_mut().insert("content-type", kind);
        Ok(response)
    }
}

impl State {
    fn secret(&mut self, target: &str, body: &[u8]) -> (u16, String) {
        let asked: Value = serde_json::from_slice(body).expect("a JSON body");
        let id = asked["SecretId"].as_str().unwrap_or_default().to_owned();
        match target {
            "secretsmanager.GetSecretValue" => match self.secrets.get(&id) {
                Some(text) => (200, json!({ "Name": id, "SecretString": text }).to_string()),
                None => (400, json!({ "__type": "ResourceNotFoundException" }).to_string()),
            },
            "secretsmanager.PutSecretValue" => {
                self.secrets.insert(id.clone(), asked["SecretString"].as_str().unwrap_or_default().to_owned());
                (200, json!({ "Name": id }).to_string())
            }
            other => panic!("this post does not serve {other}"),
        }
    }

    fn send_mail(&mut self, body: &[u8]) -> (u16, String) {
        let asked: Value = serde_json::from_slice(body).expect("a JSON body");
        let simple = &asked["Content"]["Simple"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        self.mail.push(SentPost {
            to: text(&asked["Destination"]["ToAddresses"][0]),
            subject: text(&simple["Subject"]["Data"]),
            text: text(&simple["Body"]["Text"]["Data"]),
        });
        (200, json!({ "MessageId": format!("mail-{}", self.mail.len()) }).to_string())
    }

    fn publish(&mut self, body: &[u8]) -> (u16, String) {
        let asked: BTreeMap<String, String> = form_urlencoded::parse(body).into_owned().collect();
        assert_eq!(asked.get("Action").map(String::as_str), Some("Publish"), "this post only publishes");
        let text = |name: &str| asked.get(name).cloned().unwrap_or_default();
        self.sms.push(SentPost { to: text("PhoneNumber"), subject: String::new(), text: text("Message") });
        let id = self.sms.len();
        let answer = format!(
            "<PublishResponse><PublishResult><MessageId>sms-{id}</MessageId></PublishResult></PublishResponse>"
        );
        (200, answer)
    }
}

impl HttpConnector for EmbeddedPost {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let post = self.clone();
        HttpConnectorFuture::new(async move {
            tokio::task::yield_now().await;
            post.exchange(&request)
        })
    }
}
