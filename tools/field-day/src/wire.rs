//! One request, one answer: what goes over the line, measured, and every refusal's shape checked as it passes.

use std::{
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::Duration,
};

use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::{
    Agent, Body,
    http::{Response, Uri},
};

use crate::{
    Stopped, clock,
    findings::{Findings, Rule, hold},
    meter::Meter,
    problem,
};

/// Longer than a gateway lets a function run.
const TIME_OUT: Duration = Duration::from_secs(35);
/// The largest file this client takes.
const LARGEST_BODY: u64 = 256 << 20;
/// How often the same request is sent before the day goes on without its answer.
const TRIES: u32 = 12;
/// No single wait is longer, whatever the server asks for.
const LONGEST_WAIT_SECONDS: u64 = 15;
/// How long one request may be held up by throttles: a number gets its fourth code 100 seconds after its third, and the
/// whole day comes from one address.
const LONGEST_THROTTLE: Duration = Duration::from_secs(600);

/// Where the API hangs.
#[derive(Debug, Clone)]
pub(crate) struct Base {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The path above `/api/v1`, without a slash at its end.
    pub(crate) prefix: String,
}

impl Base {
    /// Reads `http://host:port/prefix`. Lost lines are made with bare sockets, so TLS is not possible.
    pub(crate) fn parse(url: &str) -> Result<Self, Stopped> {
        let refuse = |why| Stopped::Address { url: url.to_owned(), why };
        let uri: Uri = url.parse().map_err(|_| refuse("is not an address"))?;
        if uri.scheme_str() != Some("http") {
            return Err(refuse("must begin with http://"));
        }
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(|| refuse("names no host"))?;
        if uri.query().is_some() {
            return Err(refuse("must not have a query"));
        }
        let prefix = uri.path().trim_end_matches('/').trim_end_matches("/api/v1").to_owned();
        Ok(Self { host: host.to_owned(), port: uri.port_u16().unwrap_or(80), prefix })
    }

    /// The whole address of a route.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}:{}{}/api/v1{path}", self.host, self.port, self.prefix)
    }
}

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    /// The name of the function that answers, as the table of routes has it.
    pub(crate) endpoint: &'static str,
    /// Below `/api/v1`, with its query.
    pub(crate) path: String,
    /// A POST has one, a GET none.
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) content_type: &'static str,
    pub(crate) key: Option<String>,
    pub(crate) token: Option<String>,
    /// That the phone is there which a login is bound to.
    pub(crate) proof: Option<String>,
}

impl Ask {
    pub(crate) fn get(endpoint: &'static str, path: &str) -> Self {
        Self { endpoint, path: path.to_owned(), body: None, content_type: "", key: None, token: None, proof: None }
    }

    pub(crate) fn post(endpoint: &'static str, path: &str, body: &Value) -> Self {
        Self::post_bytes(endpoint, path, body.to_string().into_bytes())
    }

    pub(crate) fn post_bytes(endpoint: &'static str, path: &str, body: Vec<u8>) -> Self {
        Self { body: Some(body), content_type: "application/json", ..Self::get(endpoint, path) }
    }

    pub(crate) fn key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    pub(crate) fn bearer(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    pub(crate) fn proof(mut self, proof: &str) -> Self {
        self.proof = Some(proof.to_owned());
        self
    }

    /// The headers this client sends, whichever way it sends them.
    pub(crate) fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![("Accept", "application/json, application/problem+json".to_owned())];
        if self.body.is_some() {
            headers.push(("Content-Type", self.content_type.to_owned()));
        }
        if let Some(key) = &self.key {
            headers.push(("Idempotency-Key", key.clone()));
        }
        if let Some(token) = &self.token {
            headers.push(("Authorization", format!("Bearer {token}")));
        }
        if let Some(proof) = &self.proof {
            headers.push(("DPoP", proof.clone()));
        }
        headers
    }
}

/// What was answered.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) replayed: bool,
    pub(crate) retry_after: Option<u64>,
    pub(crate) request_id: Option<String>,
    pub(crate) etag: Option<String>,
    pub(crate) link: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body in the shape it must have.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }

    /// A member of the body, if it is a JSON object.
    pub(crate) fn member(&self, name: &str) -> Option<Value> {
        self.read::<Value>().ok()?.get(name).cloned()
    }

    /// The code of a problem, or nothing.
    pub(crate) fn code(&self) -> String {
        self.member("code").and_then(|code| code.as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// The server asks to send the same again later.
    pub(crate) fn asks_to_wait(&self) -> bool {
        matches!(self.status, 429 | 503) || (self.status == 409 && self.code() == "in_progress")
    }

    /// Whether this answer is kept under its key: successes, and refusals by a business rule.
    pub(crate) fn is_kept(&self) -> bool {
        let named = ["amount_differs", "amount_exceeds_due", "agent_not_in_region"];
        self.is_success()
            || (self.status == 409 && self.code() != "in_progress")
            || (self.status == 422 && named.contains(&self.code().as_str()))
    }

    /// One line for a finding.
    pub(crate) fn brief(&self) -> String {
        let code = self.code();
        if code.is_empty() { self.status.to_string() } else { format!("{} {code}", self.status) }
    }
}

/// There is no answer: the line broke, or nobody listens.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    #[error("the line broke: {0}")]
    Line(#[from] Box<ureq::Error>),
    #[error("no answer to be taken for one after {TRIES} tries, last {last}")]
    Worn { last: String },
}

/// An answer, and whether an earlier try of the same request may have got through unseen.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) answer: Answer,
    pub(crate) broke_before: bool,
}

/// The line to the server, for everybody.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) base: Base,
    http: Agent,
    gate: Gate,
    pub(crate) meter: Arc<Meter>,
    pub(crate) findings: Arc<Findings>,
}

impl Wire {
    pub(crate) fn new(base: Base, at_once: u32, meter: Arc<Meter>, findings: Arc<Findings>) -> Self {
        let at_once = usize::try_from(at_once).unwrap_or(1);
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(TIME_OUT))
            .max_idle_connections(at_once)
            .max_idle_connections_per_host(at_once)
            .user_agent(concat!("field-day/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { base, http: config.into(), gate: Gate::of(at_once), meter, findings }
    }

    /// Sends it once and looks at what comes back.
    pub(crate) fn once(&self, ask: &Ask) -> Result<Answer, Broken> {
        let answer = {
            let _turn = self.gate.enter();
            self.meter.leaves();
            let started = clock::tick();
            let answer = self.exchange(ask)?;
            self.meter.answered(ask.endpoint, started.elapsed(), answer.status, answer.replayed);
            answer
        };
        self.inspect(ask, &answer);
        Ok(answer)
    }

    /// Sends it until there is an answer that is not "later": waits as long as the server asks, tries again when the
    /// line breaks or the server fails, and gives up after a bounded number of tries. Being throttled is no try: nothing
    /// is wrong, there are only many at once.
    pub(crate) fn patiently(&self, ask: &Ask) -> Result<Heard, Broken> {
        let began = clock::tick();
        let mut broke_before = false;
        let mut last = String::new();
        let mut attempt = 0;
        while attempt < TRIES {
            let wait = match self.once(ask) {
                Ok(answer) if answer.asks_to_wait() => {
                    self.meter.waits.one();
                    last = answer.brief();
                    attempt += u32::from(answer.status != 429 || began.elapsed() > LONGEST_THROTTLE);
                    answer.retry_after.unwrap_or(1).min(LONGEST_WAIT_SECONDS) * 1_000
                }
                // Whether a fault, a bad gateway or a time-out did anything is not known: the same key finds out.
                Ok(answer) if matches!(answer.status, 500 | 502 | 504) && attempt < 3 => {
                    broke_before = true;
                    last = answer.brief();
                    attempt += 1;
                    300
                }
                Ok(answer) => return Ok(Heard { answer, broke_before }),
                Err(broken) => {
                    self.meter.breaks.one();
                    broke_before = true;
                    last = broken.to_string();
                    attempt += 1;
                    50 << attempt.min(6)
                }
            };
            clock::pause(wait);
        }
        Err(Broken::Worn { last })
    }

    /// Fetches a file from a presigned address, without a token.
    pub(crate) fn download(&self, url: &str) -> Result<(u16, Vec<u8>), Broken> {
        let _turn = self.gate.enter();
        let started = clock::tick();
        let mut response = self.http.get(url).call().map_err(Box::new)?;
        let status = response.status().as_u16();
        let body = body(&mut response)?;
        self.meter.answered("file-download", started.elapsed(), status, false);
        Ok((status, body))
    }

    /// Waits for a free line, for those who send with their own sockets.
    pub(crate) fn turn(&self) -> Turn<'_> {
        self.meter.leaves();
        self.gate.enter()
    }

    fn exchange(&self, ask: &Ask) -> Result<Answer, Broken> {
        let url = self.base.url(&ask.path);
        let mut response = match &ask.body {
            None => {
                let call =
                    ask.headers().into_iter().fold(self.http.get(&url), |call, (name, value)| call.header(name, value));
                call.call()
            }
            Some(body) => {
                let call = ask
                    .headers()
                    .into_iter()
                    .fold(self.http.post(&url), |call, (name, value)| call.header(name, value));
                call.send(body.as_slice())
            }
        }
        .map_err(Box::new)?;
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let answer = Answer {
            status: response.status().as_u16(),
            content_type: header("content-type").unwrap_or_default(),
            replayed: header("idempotent-replayed").as_deref() == Some("true"),
            retry_after: header("retry-after").and_then(|seconds| seconds.parse().ok()),
            request_id: header("x-request-id"),
            etag: header("etag"),
            link: header("link"),
            body: Vec::new(),
        };
        Ok(Answer { body: body(&mut response)?, ..answer })
    }

    fn inspect(&self, ask: &Ask, answer: &Answer) {
        if answer.request_id.as_deref().unwrap_or_default().is_empty() {
            self.findings.add(Rule::Api, ask.endpoint, &format!("an answer ({}) without X-Request-Id", answer.status));
        }
        if answer.is_success() {
            return;
        }
        if matches!(answer.status, 500 | 502 | 504..=599) {
            self.findings.add(Rule::V10, ask.endpoint, &format!("answered {}", answer.brief()));
        }
        for fault in problem::faults(answer) {
            self.findings.add(Rule::V10, ask.endpoint, &format!("{}: {fault}", answer.brief()));
        }
    }
}

fn body(response: &mut Response<Body>) -> Result<Vec<u8>, Broken> {
    Ok(response.body_mut().with_config().limit(LARGEST_BODY).read_to_vec().map_err(Box::new)?)
}

/// As many at once as there are lines.
#[derive(Debug)]
struct Gate {
    free: Mutex<usize>,
    freed: Condvar,
}

/// A place on the line, given back when dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a>(&'a Gate);

impl Gate {
    fn of(lines: usize) -> Self {
        Self { free: Mutex::new(lines.max(1)), freed: Condvar::new() }
    }

    fn enter(&self) -> Turn<'_> {
        let free = hold(&self.free);
        let mut free = self.freed.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Turn(self)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *hold(&self.0.free) += 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::double::{Double, Reply};

    fn wire(double: &Double) -> (Wire, Arc<Findings>, Arc<Meter>) {
        let (findings, meter) = (Arc::new(Findings::default()), Arc::new(Meter::new()));
        let base = Base::parse(&double.url()).unwrap();
        (Wire::new(base, 4, meter.clone(), findings.clone()), findings, meter)
    }

    #[test]
    fn an_address_has_a_host_a_port_and_a_prefix() {
        let base = Base::parse("http://localhost:4566/_aws/execute-api/abc/local/").unwrap();
        assert_eq!(
            (base.host.as_str(), base.port, base.prefix.as_str()),
            ("localhost", 4566, "/_aws/execute-api/abc/local")
        );
        assert_eq!(Base::parse("http://h/x/api/v1").unwrap().prefix, "/x");
        assert!(Base::parse("https://localhost").is_err());
        assert!(Base::parse("localhost:4566").is_err());
    }

    #[test]
    fn it_comes_back_when_told_to_come_later() {
        let double = Double::answering(|_, count| match count {
            0 => Reply::problem(429, "too_many_requests").header("Retry-After", "0"),
            1 => Reply::problem(409, "in_progress").header("Retry-After", "0"),
            2 => Reply::hang_up(),
            _ => Reply::json(200, "{}"),
        });
        let (wire, findings, meter) = wire(&double);
        let heard = wire.patiently(&Ask::get("delivery-get", "/deliveries/dlv_1")).unwrap();
        assert_eq!(heard.answer.status, 200);
        assert!(heard.broke_before);
        assert_eq!((meter.waits.get(), meter.breaks.get()), (2, 1));
        assert_eq!(findings.violations(), []);
    }

    #[test]
    fn who_is_throttled_waits_longer_than_who_is_not_answered() {
        let times = usize::try_from(TRIES).unwrap() * 2;
        let double = Double::answering(move |_, count| {
            if count < times {
                Reply::problem(429, "too_many_requests").header("Retry-After", "0")
            } else {
                Reply::json(200, "{}")
            }
        });
        let (wire, findings, meter) = wire(&double);
        assert_eq!(wire.patiently(&Ask::get("user-list", "/users?limit=1")).unwrap().answer.status, 200);
        assert_eq!(meter.waits.get(), u64::try_from(times).unwrap());
        assert_eq!(findings.violations(), []);
        let silent = Double::answering(|_, _| Reply::problem(503, "unavailable").header("Retry-After", "0"));
        let (wire, ..) = self::wire(&silent);
        assert!(wire.patiently(&Ask::get("user-list", "/users?limit=1")).is_err());
    }

    #[test]
    fn a_refusal_that_is_no_problem_json_is_a_violation() {
        let double = Double::answering(|_, _| Reply::json(404, r#"{"message":"Not Found"}"#));
        let (wire, findings, _) = wire(&double);
        assert_eq!(wire.once(&Ask::get("delivery-get", "/deliveries/dlv_1")).unwrap().status, 404);
        assert!(findings.violations().iter().all(|(rule, _)| *rule == Rule::V10));
        assert!(!findings.violations().is_empty());
    }

    #[test]
    fn the_request_carries_its_key_its_token_and_its_prefix() {
        let double = Double::answering(|request, _| Reply::json(200, &request.head));
        let (wire, _, _) = wire(&double);
        let ask = Ask::post("delivery-create", "/deliveries", &serde_json::json!({"a": 1}))
            .key("k-1")
            .bearer("t-1")
            .proof("p-1");
        let head = String::from_utf8(wire.once(&ask).unwrap().body).unwrap().to_lowercase();
        assert!(head.starts_with("post /stage/api/v1/deliveries http/1.1"), "{head}");
        assert!(head.contains("idempotency-key: k-1") && head.contains("authorization: bearer t-1"), "{head}");
        assert!(head.contains("dpop: p-1"), "{head}");
    }
}
