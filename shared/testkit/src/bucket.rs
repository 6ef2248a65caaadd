//! A bucket in memory behind the HTTP connector of the real AWS SDK.
//!
//! It speaks the part of S3's REST protocol that files are written and read with: `GetObject`, `PutObject`, `CreateMultipartUpload`,
//! `UploadPart`, `CompleteMultipartUpload`, `AbortMultipartUpload`; and `If-None-Match: *`. Parts but for the last must have 5 MiB, as on AWS.
//! It checks no signature and no checksum, and keeps no versions.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard},
};

use aws_sdk_s3::{
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

use crate::{REGION, calls::Operation, faults::Course, table::EmbeddedTable};

/// The bucket's name.
pub const BUCKET: &str = "files";

/// S3's smallest part but for the last.
const LEAST_PART_BYTES: usize = 5 * 1024 * 1024;

/// What lies in a bucket, and what is on its way there.
#[derive(Default)]
struct State {
    objects: BTreeMap<String, Vec<u8>>,
    uploads: BTreeMap<String, BTreeMap<u32, Vec<u8>>>,
    begun: u32,
    largest_request: usize,
    calls: u64,
    queries: Vec<u64>,
    failing: u32,
}

/// A bucket for one test. Clones share what lies in it.
#[derive(Clone)]
pub struct EmbeddedBucket {
    state: Arc<Mutex<State>>,
    table: EmbeddedTable,
}

impl fmt::Debug for EmbeddedBucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.state().objects.keys()).finish()
    }
}

impl EmbeddedBucket {
    /// An empty bucket beside the tables: their crash takes its callers down, too.
    #[must_use]
    pub fn beside(table: &EmbeddedTable) -> Self {
        Self { state: Arc::default(), table: table.clone() }
    }

    /// An SDK client of the bucket.
    #[must_use]
    pub fn client(&self) -> Client {
        let connector = SharedHttpConnector::new(self.clone());
        let config = Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::from_static(REGION))
            .credentials_provider(Credentials::new("test", "test", None, None, "testkit"))
            .retry_config(RetryConfig::standard().with_max_backoff(std::time::Duration::ZERO))
            .force_path_style(true)
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .build();
        Client::from_conf(config)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test thread panicked inside the bucket")
    }

    /// Puts other bytes under a key, as nobody of the house would.
    pub fn tamper(&self, key: &str, bytes: Vec<u8>) {
        self.state().objects.insert(key.to_owned(), bytes);
    }

    /// Takes away what is under a key, as nobody of the house would.
    pub fn lose(&self, key: &str) {
        self.state().objects.remove(key);
    }

    /// The bytes under a key.
    #[must_use]
    pub fn object(&self, key: &str) -> Option<Vec<u8>> {
        self.state().objects.get(key).cloned()
    }

    /// The bytes that a presigned link leads to.
    #[must_use]
    pub fn follow(&self, url: &str) -> Option<Vec<u8>> {
        let path = url.split_once("://")?.1.split_once('/')?.1;
        self.object(path.split('?').next()?.strip_prefix(BUCKET)?.strip_prefix('/')?)
    }

    /// Every key, sorted.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        self.state().objects.keys().cloned().collect()
    }

    /// Uploads that were begun and neither completed nor given up.
    #[must_use]
    pub fn open_uploads(&self) -> usize {
        self.state().uploads.len()
    }

    /// Bytes of the largest request: what a writer held in memory at least.
    #[must_use]
    pub fn largest_request(&self) -> usize {
        self.state().largest_request
    }

    /// How often it was called.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// How many queries of the tables had been made when each call came: what its caller had read by then.
    #[must_use]
    pub fn queries_before_calls(&self) -> Vec<u64> {
        self.state().queries.clone()
    }

    /// The connection breaks at the next calls.
    pub fn fail(&self, times: u32) {
        self.state().failing = times;
    }

    fn exchange(&self, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let broken = || ConnectorError::io("the connection was lost".into());
        let (course, queries) = (self.table.course_in_crash(), self.table.calls().count(Operation::Query));
        {
            let mut state = self.state();
            state.calls += 1;
            state.queries.push(queries);
            if course == Some(Course::NeverArrived) {
                return Err(broken());
            }
            if state.failing > 0 {
                state.failing -= 1;
                return Err(broken());
            }
        }
        let response = self.serve(request);
        if course.is_some() { Err(ConnectorError::timeout("the answer was lost".into())) } else { Ok(response) }
    }

    fn serve(&self, request: &HttpRequest) -> HttpResponse {
        let body = request.body().bytes().expect("a body in memory").to_vec();
        let (path, query) = split(request.uri());
        let Some(key) = path.strip_prefix(BUCKET).and_then(|rest| rest.strip_prefix('/')).map(str::to_owned) else {
            return refused(404, "NoSuchBucket");
        };
        let mut state = self.state();
        state.largest_request = state.largest_request.max(body.len());
        let upload = query.get("uploadId").cloned();
        match (request.method(), upload) {
            ("POST", None) if query.contains_key("uploads") => {
                state.begun += 1;
                let id = format!("upload-{}", state.begun);
                state.uploads.insert(id.clone(), BTreeMap::new());
                document("InitiateMultipartUploadResult", &format!("<UploadId>{id}</UploadId>"))
            }
            ("PUT", Some(id)) => {
                let number = query.get("partNumber").and_then(|number| number.parse().ok()).unwrap_or_default();
                match state.uploads.get_mut(&id) {
                    Some(parts) => {
                        parts.insert(number, body);
                        tagged(&format!("\"{id}-{number}\""))
                    }
                    None => refused(404, "NoSuchUpload"),
                }
            }
            ("POST", Some(id)) => match state.uploads.remove(&id) {
                Some(parts) if parts.values().rev().skip(1).any(|part| part.len() < LEAST_PART_BYTES) => {
                    refused(400, "EntityTooSmall")
                }
                Some(parts) => {
                    state.objects.insert(key, parts.into_values().flatten().collect());
                    document("CompleteMultipartUploadResult", "")
                }
                None => refused(404, "NoSuchUpload"),
            },
            ("DELETE", Some(id)) => {
                state.uploads.remove(&id);
                respond(204, String::new())
            }
            ("PUT", None) if is_once(request) && state.objects.contains_key(&key) => refused(412, "PreconditionFailed"),
            ("PUT", None) => {
                state.objects.insert(key, body);
                tagged("\"whole\"")
            }
            ("GET", None) => match state.objects.get(&key) {
                Some(bytes) => {
                    let mut response =
                        HttpResponse::new(StatusCode::try_from(200).expect("OK"), SdkBody::from(bytes.clone()));
                    response.headers_mut().insert("etag", "\"whole\"");
                    response
                }
                None => refused(404, "NoSuchKey"),
            },
            (method, _) => refused(400, &format!("NotServed{method}")),
        }
    }
}

impl HttpConnector for EmbeddedBucket {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let bucket = self.clone();
        HttpConnectorFuture::new(async move {
            tokio::task::yield_now().await;
            bucket.exchange(&request)
        })
    }
}

/// Whether a write is only for a place where nothing is.
fn is_once(request: &HttpRequest) -> bool {
    request.headers().get("if-none-match") == Some("*")
}

/// Path without its leading slash, and the query.
fn split(uri: &str) -> (String, BTreeMap<String, String>) {
    let rest = uri.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, path)| path);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pair =
        |pair: &str| pair.split_once('=').map_or((pair.to_owned(), String::new()), |(n, v)| (n.into(), v.into()));
    (path.to_owned(), pairs.map(pair).collect())
}

fn respond(status: u16, body: String) -> HttpResponse {
    let status = StatusCode::try_from(status).expect("an HTTP status");
    let mut response = HttpResponse::new(status, SdkBody::from(body));
    response.headers_mut().insert("content-type", "application/xml");
    response
}

fn document(root: &str, inner: &str) -> HttpResponse {
    respond(200, format!("<{root} xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{inner}</{root}>"))
}

fn refused(status: u16, code: &str) -> HttpResponse {
    respond(status, format!("<Error><Code>{code}</Code><Message>{code}</Message></Error>"))
}

fn tagged(tag: &str) -> HttpResponse {
    let mut response = respond(200, String::new());
    response.headers_mut().insert("etag", tag.to_owned());
    response
}
