//! HTTP requests as API Gateway hands them to a function: the REST (v1) proxy event and what `lambda_http` makes of it.

use std::collections::BTreeMap;

use lambda_http::Request;
use serde_json::{Value, json};

use crate::{ACCOUNT, NOW_MILLIS};

/// The stage that requests come through.
pub const STAGE: &str = "local";

const HOST: &str = "milepost.execute-api.ap-south-1.amazonaws.com";

/// One HTTP request on its way through the gateway.
///
/// ```
/// let request = testkit::RestRequest::new("GET", "/api/v1/deliveries/{delivery_id}")
///     .path("delivery_id", "dlv_1")
///     .header("Authorization", "Bearer token")
///     .request();
/// assert_eq!(request.uri().path(), "/local/api/v1/deliveries/dlv_1");
/// ```
#[derive(Debug, Clone)]
pub struct RestRequest {
    method: String,
    resource: String,
    path: BTreeMap<String, String>,
    query: BTreeMap<String, Vec<String>>,
    headers: BTreeMap<String, Vec<String>>,
    body: Option<String>,
    at_millis: i64,
    request_id: String,
    source_ip: String,
}

impl RestRequest {
    /// A request of a resource, named by its template: `/api/v1/deliveries/{delivery_id}`.
    #[must_use]
    pub fn new(method: &str, resource: &str) -> Self {
        Self {
            method: method.to_owned(),
            resource: resource.to_owned(),
            path: BTreeMap::new(),
            query: BTreeMap::new(),
            headers: BTreeMap::new(),
            body: None,
            at_millis: NOW_MILLIS,
            request_id: "00000000-0000-4000-8000-000000000001".to_owned(),
            source_ip: "203.0.113.7".to_owned(),
        }
        .header("Host", HOST)
        .header("X-Forwarded-Proto", "https")
    }

    /// A value in the resource's template.
    #[must_use]
    pub fn path(mut self, name: &str, value: &str) -> Self {
        self.path.insert(name.to_owned(), value.to_owned());
        self
    }

    /// A query parameter, decoded; the same name again adds a value.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query.entry(name.to_owned()).or_default().push(value.to_owned());
        self
    }

    /// A header; the same name again adds a value.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.entry(name.to_owned()).or_default().push(value.to_owned());
        self
    }

    /// A JSON body, with its content type.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.header("Content-Type", "application/json").body(&body.to_string())
    }

    /// A body as it is.
    #[must_use]
    pub fn body(mut self, body: &str) -> Self {
        self.body = Some(body.to_owned());
        self
    }

    /// When the gateway took the request, in milliseconds since 1970; [`NOW_MILLIS`] unless told.
    #[must_use]
    pub fn at(mut self, millis: i64) -> Self {
        self.at_millis = millis;
        self
    }

    /// The gateway's id of the request.
    #[must_use]
    pub fn request_id(mut self, id: &str) -> Self {
        id.clone_into(&mut self.request_id);
        self
    }

    /// The address that the request comes from.
    #[must_use]
    pub fn source_ip(mut self, address: &str) -> Self {
        address.clone_into(&mut self.source_ip);
        self
    }

    /// The event that the gateway hands to the function. What was not sent is null, as from the gateway.
    #[must_use]
    pub fn event(&self) -> Value {
        let mut path = self.resource.clone();
        for (name, value) in &self.path {
            let place = format!("{{{name}}}");
            assert!(path.contains(&place), "{} has no {place}", self.resource);
            path = path.replace(&place, value);
        }
        assert!(!path.contains('{'), "{path} has a parameter without a value");
        json!({
            "resource": self.resource,
            "path": path,
            "httpMethod": self.method,
            "headers": last_values(&self.headers),
            "multiValueHeaders": non_empty(&self.headers),
            "queryStringParameters": last_values(&self.query),
            "multiValueQueryStringParameters": non_empty(&self.query),
            "pathParameters": if self.path.is_empty() { Value::Null } else { json!(self.path) },
            "stageVariables": null,
            "requestContext": {
                "accountId": ACCOUNT,
                "apiId": "milepost",
                "resourceId": "resource",
                "resourcePath": self.resource,
                "httpMethod": self.method,
                "path": format!("/{STAGE}{path}"),
                "stage": STAGE,
                "protocol": "HTTP/1.1",
                "domainName": HOST,
                "domainPrefix": "milepost",
                "requestId": self.request_id,
                "extendedRequestId": "extended",
                "requestTimeEpoch": self.at_millis,
                "identity": { "sourceIp": self.source_ip, "userAgent": "testkit" },
            },
            "body": self.body,
            "isBase64Encoded": false,
        })
    }

    /// The request as a `lambda_http` handler gets it.
    #[must_use]
    pub fn request(&self) -> Request {
        lambda_http::request::from_str(&self.event().to_string()).expect("a REST proxy event")
    }
}

fn last_values(values: &BTreeMap<String, Vec<String>>) -> Value {
    if values.is_empty() {
        return Value::Null;
    }
    values.iter().map(|(name, values)| (name.clone(), json!(values.last()))).collect()
}

fn non_empty(values: &BTreeMap<String, Vec<String>>) -> Value {
    if values.is_empty() { Value::Null } else { json!(values) }
}
