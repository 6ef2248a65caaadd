//! The HTTP door: one call, one answer. Who asks, what they ask and what went wrong is settled here, once for all routes.

use std::{collections::BTreeMap, time::Duration};

use domain::{
    Caller, Command, Failed, Flaw, Timestamp,
    access::{Kind, Party, Route},
    command::Fingerprint,
    problem::{Problem, retry_after_seconds},
    throttle::Allowance,
};
use garde::Validate;
use lambda_http::{
    Body, Error, Request, RequestExt, Response,
    aws_lambda_events::apigw::ApiGatewayProxyRequestContext,
    http::{HeaderValue, header},
    request::RequestContext,
    service_fn,
};
use serde::{Serialize, de::DeserializeOwned};
use store::Answer;

use crate::{
    authorizer::Authorizer,
    body,
    call::{Call, OpenCall, Parameters},
    log, query,
};

/// Times that a call is decided anew when what it loaded has moved, or others were writing the same.
const MOST_ATTEMPTS: u32 = 5;
/// The first pause before a call is decided anew; it doubles. Together 0.3 s, far below the gateway's patience.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// Longest `Idempotency-Key`.
const MOST_KEY_CHARS: usize = 255;

/// Serves a route until the process ends.
///
/// # Errors
/// When the Lambda runtime cannot be reached.
pub async fn serve<C, H, Fut, A, P, B, Q, T>(
    route: &'static Route,
    authorizer: Authorizer,
    handle: H,
    capability: C,
) -> Result<(), Error>
where
    C: Send + Sync + 'static,
    H: Fn(&'static C, Call<A, P, B, Q>) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Answer<T>, Failed>> + Send,
    A: Party,
    P: Parameters + Clone + Send,
    B: DeserializeOwned + Serialize + Validate<Context = ()> + Clone + Send,
    Q: DeserializeOwned + Clone + Send,
{
    // One for the life of the process: every call borrows it.
    let capability: &'static C = Box::leak(Box::new(capability));
    let (handle, authorizer) = (&handle, &authorizer);
    lambda_http::run(service_fn(move |request: Request| async move {
        Ok::<_, Error>(answer(route, authorizer, handle, capability, request).await)
    }))
    .await
}

/// Serves a route that is open to all.
///
/// # Errors
/// When the Lambda runtime cannot be reached.
pub async fn serve_open<C, H, Fut, B, T>(
    route: &'static Route,
    authorizer: Authorizer,
    handle: H,
    capability: C,
) -> Result<(), Error>
where
    C: Send + Sync + 'static,
    H: Fn(&'static C, OpenCall<B>) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Answer<T>, Failed>> + Send,
    B: DeserializeOwned + Validate<Context = ()> + Clone + Send,
{
    let capability: &'static C = Box::leak(Box::new(capability));
    let (handle, authorizer) = (&handle, &authorizer);
    lambda_http::run(service_fn(move |request: Request| async move {
        Ok::<_, Error>(answer_open(route, authorizer, handle, capability, request).await)
    }))
    .await
}

/// Answers one call: what [`serve`] does with each, and what tests call in process.
pub async fn answer<'a, C, H, Fut, A, P, B, Q, T>(
    route: &'static Route,
    authorizer: &Authorizer,
    handle: &H,
    capability: &'a C,
    request: Request,
) -> Response<Body>
where
    H: Fn(&'a C, Call<A, P, B, Q>) -> Fut,
    Fut: Future<Output = Result<Answer<T>, Failed>>,
    A: Party,
    P: Parameters + Clone,
    B: DeserializeOwned + Serialize + Validate<Context = ()> + Clone,
    Q: DeserializeOwned + Clone,
{
    let arrival = Arrival::of(&request);
    let caller = authorizer.caller(request.headers(), route, arrival.at).await;
    let (given, allowance, operator, subject) = match caller {
        Ok(caller) => {
            let (operator, subject) = (caller.operator.to_string(), caller.principal().to_owned());
            // What is wrong with a request alone is found out without asking the table anything.
            let (given, allowance) = match open(route, caller.clone(), &request, &arrival) {
                Ok(call) => match authorizer.count(route, &caller, arrival.at).await {
                    Ok(allowance) => (decide(call, |call| handle(capability, call)).await, allowance),
                    Err(failed) => (Err(failed), None),
                },
                Err(failed) => (Err(failed), None),
            };
            (given, allowance, operator, subject)
        }
        Err(failed) => (Err(failed), None, NOBODY.to_owned(), NOBODY.to_owned()),
    };
    log::call(route.function, &arrival.request_id, &operator, &subject, &given);
    respond(given, allowance, &arrival)
}

/// Answers one call to an open route.
pub async fn answer_open<'a, C, H, Fut, B, T>(
    route: &'static Route,
    authorizer: &Authorizer,
    handle: &H,
    capability: &'a C,
    request: Request,
) -> Response<Body>
where
    H: Fn(&'a C, OpenCall<B>) -> Fut,
    Fut: Future<Output = Result<Answer<T>, Failed>>,
    B: DeserializeOwned + Validate<Context = ()> + Clone,
{
    let arrival = Arrival::of(&request);
    let (given, allowance) = match open_body(route, &request) {
        Ok(body) => match authorizer.count_stranger(route, &arrival.address, arrival.at).await {
            Ok(allowance) => {
                let call = OpenCall {
                    body,
                    at: arrival.at,
                    request_id: arrival.request_id.clone(),
                    address: arrival.address.clone(),
                    route,
                    authorization: text(&request, "authorization"),
                    proof: text(&request, "dpop"),
                };
                (decide(call, |call| handle(capability, call)).await, allowance)
            }
            Err(failed) => (Err(failed), None),
        },
        Err(failed) => (Err(failed), None),
    };
    log::call(route.function, &arrival.request_id, NOBODY, NOBODY, &given);
    respond(given, allowance, &arrival)
}

/// Whom the log names when nobody is known.
const NOBODY: &str = "-";

fn text(request: &Request, name: &str) -> Option<String> {
    request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// The body of a call to an open route: JSON, and at the token endpoint a form as well (RFC 6749, section 4).
fn open_body<B: DeserializeOwned + Validate<Context = ()>>(route: &Route, request: &Request) -> Result<B, Failed> {
    if route.kind == Kind::Token {
        body::read_form_or_json(content_type(request), request.body())
    } else if route.method == "GET" {
        body::parse(b"{}")
    } else {
        body::read(content_type(request), request.body())
    }
}

/// Decides a call, and anew when what it loaded has moved before it was written.
async fn decide<K: Clone, T, Fut>(call: K, handle: impl Fn(K) -> Fut) -> Result<Answer<T>, Failed>
where
    Fut: Future<Output = Result<Answer<T>, Failed>>,
{
    let mut pause = FIRST_PAUSE;
    for _ in 1..MOST_ATTEMPTS {
        match handle(call.clone()).await {
            Err(Failed::Moved | Failed::InProgress) => {
                tokio::time::sleep(pause).await;
                pause = pause.saturating_mul(2);
            }
            given => return given,
        }
    }
    handle(call).await
}

/// What is known of a request before it is understood.
struct Arrival {
    at: Timestamp,
    request_id: String,
    address: String,
    path: String,
    /// The query without its cursor: a page's `Link` asks the same.
    filters: String,
}

impl Arrival {
    fn of(request: &Request) -> Self {
        let context = match request.request_context_ref() {
            Some(RequestContext::ApiGatewayV1(context)) => context.clone(),
            Some(_) | None => ApiGatewayProxyRequestContext::default(),
        };
        let path = context.path.clone().unwrap_or_else(|| request.uri().path().to_owned());
        // The stage stands in front of the path as the gateway got it; a problem's instance is the path of the API.
        let stage = format!("/{}/", context.stage.as_deref().unwrap_or_default());
        let path = path.strip_prefix(&stage).map_or(path.clone(), |rest| format!("/{rest}"));
        let request_id = context.request_id.clone().unwrap_or_default();
        let address = context.identity.source_ip.clone().unwrap_or_default();
        let at = Timestamp::from_millis(context.request_time_epoch);
        let mut link = form_urlencoded::Serializer::new(String::new());
        for (name, value) in request.query_string_parameters().iter().filter(|(name, _)| *name != "cursor") {
            link.append_pair(name, value);
        }
        Self { at, request_id, address, filters: link.finish(), path }
    }
}

fn content_type(request: &Request) -> Option<&str> {
    request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok())
}

/// Understands a request: what is asked, under which key, of which version.
fn open<A, P, B, Q>(
    route: &'static Route,
    caller: Caller,
    request: &Request,
    arrival: &Arrival,
) -> Result<Call<A, P, B, Q>, Failed>
where
    A: Party,
    P: Parameters,
    B: DeserializeOwned + Serialize + Validate<Context = ()>,
    Q: DeserializeOwned,
{
    let pairs = request
        .query_string_parameters_ref()
        .map(|pairs| pairs.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
        .unwrap_or_default();
    let (query, page) = query::read(pairs, route.kind == Kind::List)?;
    let parameters: BTreeMap<String, String> = request
        .path_parameters_ref()
        .map(|pairs| pairs.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
        .unwrap_or_default();
    let path = P::read(&parameters)?;
    let is_empty = request.body().is_empty() && content_type(request).is_none();
    let body: B = match route.method {
        "GET" | "DELETE" => body::parse(b"{}")?,
        _ if is_empty => body::parse(b"{}")?,
        _ => body::read(content_type(request), request.body())?,
    };
    let if_match = if route.kind == Kind::Edit { Some(version_named(request)?) } else { None };
    let key = if route.kind.is_keyed() { idempotency_key(request)? } else { arrival.request_id.clone() };
    let fingerprint = Fingerprint::of(&parameters, &body).map_err(Failed::fault)?;
    let (request_id, instance) = (arrival.request_id.clone(), arrival.path.clone());
    let command = Command::of_request(&caller, route, key, fingerprint, arrival.at, request_id, instance);
    Ok(Call { caller: A::of(caller)?, path, body, query, page, at: arrival.at, command, if_match })
}

/// The version that an edit is of. What is no version of ours is none that is there.
fn version_named(request: &Request) -> Result<u64, Failed> {
    let named = request.headers().get(header::IF_MATCH).ok_or(Failed::VersionNotNamed)?;
    let named = named.to_str().ok().and_then(|named| named.strip_prefix('"')?.strip_suffix('"'));
    let version = named.and_then(|text| text.parse::<u64>().ok().filter(|version| version.to_string() == text));
    version.ok_or(Failed::VersionPassed)
}

fn idempotency_key(request: &Request) -> Result<String, Failed> {
    let key = request.headers().get("idempotency-key");
    let flaw = |code, detail: &str| {
        let flaw = Flaw::new("Idempotency-Key", code, detail);
        Failed::malformed(
            flaw.with_hint("send a new key, such as a UUID, with each new command, and the same key with each retry"),
        )
    };
    let key = key.ok_or_else(|| flaw("missing_idempotency_key", "a command needs an Idempotency-Key header"))?;
    let key = key.to_str().unwrap_or_default();
    let allowed = (1..=MOST_KEY_CHARS).contains(&key.len()) && key.bytes().all(|byte| matches!(byte, b'!'..=b'~'));
    if !allowed {
        let detail = "must be 1 to 255 printable ASCII characters without spaces";
        return Err(flaw("invalid_idempotency_key", detail));
    }
    Ok(key.to_owned())
}

fn respond<T>(given: Result<Answer<T>, Failed>, allowance: Option<Allowance>, arrival: &Arrival) -> Response<Body> {
    let mut allowance = allowance;
    let mut kept = "no-store".to_owned();
    let mut response = match given {
        Ok(answer) => {
            let mut response = Response::new(Body::Text(answer.body));
            set_status(&mut response, answer.status);
            let kind = if answer.status < 400 { "application/json" } else { "application/problem+json" };
            set(&mut response, "content-type", kind);
            if answer.replayed {
                set(&mut response, "idempotent-replayed", "true");
            }
            if let Some(version) = answer.version {
                set(&mut response, "etag", &format!("\"{version}\""));
            }
            if let Some(cookie) = answer.cookie {
                set(&mut response, "set-cookie", &cookie);
            }
            if let Some(seconds) = answer.fresh_seconds {
                kept = format!("public, max-age={seconds}");
            }
            if let Some(cursor) = answer.next_cursor {
                let and = if arrival.filters.is_empty() { "" } else { "&" };
                let next = format!("<{}?{}{and}cursor={cursor}>; rel=\"next\"", arrival.path, arrival.filters);
                set(&mut response, "link", &next);
            }
            response
        }
        Err(failed) => {
            let problem = Problem::of(&failed, &arrival.path, &arrival.request_id);
            let mut response = Response::new(Body::Text(problem.to_json().unwrap_or_default()));
            set_status(&mut response, problem.status);
            set(&mut response, "content-type", "application/problem+json");
            if let Some(seconds) = retry_after_seconds(&failed) {
                set(&mut response, "retry-after", &seconds.to_string());
            }
            if problem.status == 401 {
                set(&mut response, "www-authenticate", "Bearer");
            }
            if let Failed::OutOfScope { scope } = &failed {
                let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
                set(&mut response, "www-authenticate", &challenge);
            }
            if let Failed::Limited(refused) = failed {
                allowance = Some(refused);
            }
            response
        }
    };
    if let Some(allowance) = allowance {
        set(&mut response, "ratelimit-policy", &allowance.policy);
        set(&mut response, "ratelimit", &allowance.header());
    }
    set(&mut response, "x-request-id", &arrival.request_id);
    set(&mut response, "cache-control", &kept);
    response
}

fn set_status(response: &mut Response<Body>, status: u16) {
    if let Ok(status) = lambda_http::http::StatusCode::from_u16(status) {
        *response.status_mut() = status;
    }
}

fn set(response: &mut Response<Body>, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
