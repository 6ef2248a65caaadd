//! The OpenAPI 3.1 document of the whole API, made from the handlers' own types: what a handler takes and answers is what
//! the document says, because the compiler reads both from the same signature.

use std::collections::BTreeMap;

use domain::{
    Failed, Role,
    access::{self, Kind, Party, Route},
    problem::Problem,
};
use edge::{Answer, Call, Nothing, OpenCall};
use serde::ser::Error as _;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// The statuses that each route may answer beside its own, all as problem documents.
const REFUSALS: [(&str, &str); 12] = [
    ("400", "the request is not of the shape this route takes"),
    ("401", "the credentials are missing or not valid"),
    ("403", "this role or this token may not call this route, or the cookie came without its CSRF token"),
    ("404", "there is no such thing, or it is not yours to know of"),
    ("409", "the state of things does not allow it, or others are writing the same thing"),
    ("413", "the body is too large"),
    ("415", "the body must be JSON"),
    ("422", "a value is not allowed, a rule refuses the content, or the idempotency key was used for another request"),
    ("429", "too many requests"),
    ("500", "a fault in this service"),
    ("503", "something behind this service does not answer"),
    ("504", "the gateway gave up waiting"),
];
/// What an edit may answer beside those.
const REFUSALS_OF_EDITS: [(&str, &str); 2] =
    [("412", "it has been edited since"), ("428", "an edit names the version that it edits")];

/// How somebody shows who they are, as the operations refer to it.
const BEARER: &str = "bearer";
const COOKIE: &str = "cookie";
const CSRF: &str = "csrf";

/// The document as it grows.
struct Document {
    paths: BTreeMap<String, Map<String, Value>>,
    schemas: BTreeMap<String, Value>,
}

/// The whole document, pretty-printed.
///
/// # Errors
/// When a schema cannot be written as JSON.
pub fn document() -> Result<String, serde_json::Error> {
    let mut document = Document { paths: BTreeMap::new(), schemas: BTreeMap::new() };
    document.route(&access::ACCOUNT_CLOSE, 200, account_close::handle)?;
    document.route(&access::ACCOUNT_GET, 200, account_get::handle)?;
    document.route(&access::ACTIVITY_GET, 200, activity_get::handle)?;
    document.route(&access::AGENT_LIST, 200, agent_list::handle)?;
    document.route(&access::APPROVAL_DECIDE, 200, approval_decide::handle)?;
    document.route(&access::APPROVAL_GET, 200, approval_get::handle)?;
    document.route(&access::APPROVAL_LIST, 200, approval_list::handle)?;
    document.route(&access::AUDIT_LIST, 200, audit_list::handle)?;
    document.route(&access::CLIENT_CREATE, 201, client_create::handle)?;
    document.route(&access::CLIENT_GET, 200, client_get::handle)?;
    document.route(&access::CLIENT_LIST, 200, client_list::handle)?;
    document.route(&access::CLIENT_ROTATE, 200, client_rotate::handle)?;
    document.route(&access::CLIENT_UPDATE, 200, client_update::handle)?;
    document.route(&access::DAY_CLOSE_GET, 200, day_close_get::handle)?;
    document.route(&access::DAY_CLOSE_LIST, 200, day_close_list::handle)?;
    document.route(&access::DELIVERY_ASSIGN, 200, delivery_assign::handle)?;
    document.route(&access::DELIVERY_CONFIRM, 200, delivery_confirm::handle)?;
    document.route(&access::DELIVERY_CREATE, 201, delivery_create::handle)?;
    document.route(&access::DELIVERY_GET, 200, delivery_get::handle)?;
    document.route(&access::DELIVERY_LIST, 200, delivery_list::handle)?;
    document.route(&access::DEVICE_LIST, 200, device_list::handle)?;
    document.route(&access::DEVICE_REVOKE, 200, device_revoke::handle)?;
    document.route(&access::DISBURSEMENT_CANCEL, 200, disbursement_cancel::handle)?;
    document.route(&access::DISBURSEMENT_CREATE, 201, disbursement_create::handle)?;
    document.route(&access::DISBURSEMENT_GET, 200, disbursement_get::handle)?;
    document.route(&access::DISBURSEMENT_RECONCILE, 200, disbursement_reconcile::handle)?;
    document.route(&access::DISBURSEMENT_REVERSE, 200, disbursement_reverse::handle)?;
    document.also(&access::DISBURSEMENT_REVERSE, 200, 202);
    document.route(&access::EXPORT_CREATE, 202, export_create::handle)?;
    document.route(&access::EXPORT_GET, 200, export_get::handle)?;
    document.route(&access::EXPOSURE_GET, 200, exposure_get::handle)?;
    document.open_route(&access::JWKS_GET, 200, jwks_get::handle)?;
    document.route(&access::LEDGER_PROVE, 200, ledger_prove::handle)?;
    document.route(&access::LOCATION_RECORD, 202, location_record::handle)?;
    document.open_route(&access::OTP_REQUEST, 202, otp_request::handle)?;
    document.open_route(&access::PASSWORD_RESET, 202, password_reset::handle)?;
    document.open_route(&access::PASSWORD_SET, 200, password_set::handle)?;
    document.route(&access::PAYOUT_CREATE, 201, payout_create::handle)?;
    document.route(&access::PAYOUT_GET, 200, payout_get::handle)?;
    document.route(&access::PAYOUT_LIST, 200, payout_list::handle)?;
    document.route(&access::PAYOUT_UPDATE, 200, payout_update::handle)?;
    document.route(&access::PROOF_GET, 200, proof_get::handle)?;
    document.route(&access::RESERVATION_CREATE, 201, reservation_create::handle)?;
    document.route(&access::RESERVATION_GET, 200, reservation_get::handle)?;
    document.route(&access::RESERVATION_SETTLE, 200, reservation_settle::handle)?;
    document.also(&access::RESERVATION_SETTLE, 200, 202);
    document.route(&access::RESERVATION_VOID, 200, reservation_void::handle)?;
    document.open_route(&access::SESSION_CREATE, 201, session_create::handle)?;
    document.route(&access::SESSION_DELETE, 200, session_delete::handle)?;
    document.route(&access::SESSION_GET, 200, session_get::handle)?;
    document.route(&access::SETTLEMENT_ACKNOWLEDGE, 200, settlement_acknowledge::handle)?;
    document.route(&access::SETTLEMENT_CREATE, 202, settlement_create::handle)?;
    document.route(&access::SETTLEMENT_GET, 200, settlement_get::handle)?;
    document.route(&access::SETTLEMENT_LIST, 200, settlement_list::handle)?;
    document.route(&access::STATEMENT_CREATE, 202, statement_create::handle)?;
    document.route(&access::STATEMENT_GET, 200, statement_get::handle)?;
    document.route(&access::STATEMENT_LINE_LIST, 200, statement_line_list::handle)?;
    document.route(&access::STATEMENT_LINE_MATCH, 200, statement_line_match::handle)?;
    document.route(&access::STATEMENT_LINE_UNMATCH, 200, statement_line_unmatch::handle)?;
    document.route(&access::STATEMENT_LIST, 200, statement_list::handle)?;
    document.open_route(&access::TOKEN_ISSUE, 200, token_issue::handle)?;
    document.route(&access::TOTP_CONFIRM, 200, totp_confirm::handle)?;
    document.route(&access::TOTP_ENROL, 200, totp_enrol::handle)?;
    document.route(&access::TRANSFER_CREATE, 201, transfer_create::handle)?;
    document.also(&access::TRANSFER_CREATE, 201, 202);
    document.route(&access::TRANSFER_GET, 200, transfer_get::handle)?;
    document.route(&access::TRANSFER_REVERSE, 201, transfer_reverse::handle)?;
    document.also(&access::TRANSFER_REVERSE, 201, 202);
    document.route(&access::USER_CREATE, 201, user_create::handle)?;
    document.route(&access::USER_GET, 200, user_get::handle)?;
    document.route(&access::USER_LIST, 200, user_list::handle)?;
    document.route(&access::USER_UPDATE, 200, user_update::handle)?;
    document.schema::<Problem>()?;
    serde_json::to_string_pretty(&document.finished()).map(|text| text + "\n")
}

impl Document {
    /// Describes a route by its handler's signature.
    fn route<C, H, Fut, A, P, B, Q, T>(&mut self, route: &Route, status: u16, _: H) -> Result<(), serde_json::Error>
    where
        C: 'static,
        H: Fn(&'static C, Call<A, P, B, Q>) -> Fut,
        Fut: Future<Output = Result<Answer<T>, Failed>>,
        A: Party,
        B: ToSchema,
        Q: ToSchema,
        T: ToSchema,
    {
        let query = serde_json::to_value(Q::schema())?;
        self.keep_referred::<Q>()?;
        self.operation::<B, T>(route, status, &query)
    }

    /// What a route answers as well, with the same body.
    fn also(&mut self, route: &Route, status: u16, other: u16) {
        let responses = self
            .paths
            .get_mut(route.template)
            .and_then(|path| path.get_mut(&route.method.to_lowercase()))
            .and_then(|operation| operation.pointer_mut("/responses"))
            .and_then(Value::as_object_mut);
        let answer = responses.as_ref().and_then(|responses| responses.get(&status.to_string()).cloned());
        if let (Some(responses), Some(answer)) = (responses, answer) {
            responses.insert(other.to_string(), answer);
        }
    }

    fn open_route<C, H, Fut, B, T>(&mut self, route: &Route, status: u16, _: H) -> Result<(), serde_json::Error>
    where
        C: 'static,
        H: Fn(&'static C, OpenCall<B>) -> Fut,
        Fut: Future<Output = Result<Answer<T>, Failed>>,
        B: ToSchema,
        T: ToSchema,
    {
        self.operation::<B, T>(route, status, &Value::Null)
    }

    fn operation<B: ToSchema, T: ToSchema>(
        &mut self,
        route: &Route,
        status: u16,
        query: &Value,
    ) -> Result<(), serde_json::Error> {
        let mut operation = Map::new();
        operation.insert("operationId".to_owned(), json!(route.function));
        operation.insert("parameters".to_owned(), Value::Array(parameters(route, query)));
        if !matches!(route.method, "GET" | "DELETE") {
            let schema = json!({"schema": self.schema::<B>()?});
            let forms = if route.kind == Kind::Token { &["application/x-www-form-urlencoded"][..] } else { &[] };
            let kinds = ["application/json"].iter().chain(forms);
            let content: Value = kinds.map(|kind| ((*kind).to_owned(), schema.clone())).collect();
            let is_required = B::name() != Nothing::name();
            operation.insert("requestBody".to_owned(), json!({"required": is_required, "content": content}));
        }
        let is_counted = route.kind.is_keyed() || (route.kind.is_open() && route.method != "GET");
        let left = if is_counted { &["RateLimit", "RateLimit-Policy"][..] } else { &[] };
        let answer = response("done", left, "application/json", &self.schema::<T>()?);
        let mut responses = Map::from_iter([(status.to_string(), answer)]);
        let of_edits = if route.kind == Kind::Edit { &REFUSALS_OF_EDITS[..] } else { &[] };
        let problem = json!({"$ref": "#/components/schemas/Problem"});
        for (status, words) in REFUSALS.iter().chain(of_edits) {
            let left = if *status == "429" { &["RateLimit", "RateLimit-Policy", "Retry-After"][..] } else { &[] };
            responses.insert((*status).to_owned(), response(words, left, "application/problem+json", &problem));
        }
        operation.insert("responses".to_owned(), Value::Object(responses));
        operation.insert("security".to_owned(), security(route));
        if !route.kind.is_open() {
            let roles = route.grants.iter().map(|(role, reach)| json!({"role": role, "reach": reach}));
            operation.insert("x-roles".to_owned(), roles.collect());
            operation.insert("x-scope".to_owned(), json!(route.scope()));
        }
        let path = self.paths.entry(route.template.to_owned()).or_default();
        path.insert(route.method.to_lowercase(), Value::Object(operation));
        Ok(())
    }

    /// Keeps a schema and all it refers to, and gives the reference to it.
    fn schema<T: ToSchema>(&mut self) -> Result<Value, serde_json::Error> {
        self.keep_referred::<T>()?;
        self.keep(T::name().into_owned(), serde_json::to_value(T::schema())?)?;
        Ok(json!({"$ref": format!("#/components/schemas/{}", T::name())}))
    }

    /// Keeps the schemas that a schema refers to.
    fn keep_referred<T: ToSchema>(&mut self) -> Result<(), serde_json::Error> {
        let mut nested = Vec::new();
        T::schemas(&mut nested);
        for (name, schema) in nested {
            self.keep(name, serde_json::to_value(schema)?)?;
        }
        Ok(())
    }

    /// Keeps a schema under its name, which no other may have.
    fn keep(&mut self, name: String, schema: Value) -> Result<(), serde_json::Error> {
        if self.schemas.get(&name).is_some_and(|other| *other != schema) {
            return Err(serde_json::Error::custom(format!("two schemas are called {name}")));
        }
        self.schemas.insert(name, schema);
        Ok(())
    }

    fn finished(self) -> Value {
        json!({
            "openapi": "3.1.0",
            "info": {
                "title": "Milepost",
                "version": env!("CARGO_PKG_VERSION"),
                "description": "Last-mile field operations in microfinance. docs/API.md tells the rules in words.",
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "paths": self.paths,
            "components": {
                "headers": {
                    "RateLimit": text_header("what is left of the rate of which least is left, as `\"burst\";r=299;t=1`"),
                    "RateLimit-Policy": text_header("the rates that this call is counted by, as `\"burst\";q=300;w=60`"),
                    "Retry-After": {"description": "seconds", "schema": {"type": "integer", "minimum": 1}},
                },
                "schemas": self.schemas,
                "securitySchemes": {
                    BEARER: {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                    COOKIE: {
                        "type": "apiKey",
                        "in": "cookie",
                        "name": "__Host-session",
                        "description": "a login of the console; POST /api/v1/auth/session sets it",
                    },
                    CSRF: {
                        "type": "apiKey",
                        "in": "header",
                        "name": "X-CSRF-Token",
                        "description": "beside the cookie, on everything that is not a GET: \
                                        the csrf_token of POST or GET /api/v1/auth/session",
                    },
                },
            },
        })
    }
}

fn text_header(description: &str) -> Value {
    json!({"description": description, "schema": {"type": "string"}})
}

/// An answer of one media type, with headers by reference.
fn response(words: &str, headers: &[&str], kind: &str, schema: &Value) -> Value {
    let content = Map::from_iter([(kind.to_owned(), json!({"schema": schema}))]);
    if headers.is_empty() {
        return json!({"description": words, "content": content});
    }
    let reference = |name: &&str| ((*name).to_owned(), json!({"$ref": format!("#/components/headers/{name}")}));
    let headers: Value = headers.iter().map(reference).collect();
    json!({"description": words, "headers": headers, "content": content})
}

/// What a route asks for to know who calls: nothing, a token, or the console's cookie, which agents have none of.
fn security(route: &Route) -> Value {
    if route.kind.is_open() {
        return json!([]);
    }
    let cookie = if route.method == "GET" { json!({COOKIE: []}) } else { json!({COOKIE: [], CSRF: []}) };
    if route.roles().iter().all(|role| *role == Role::Agent) {
        json!([{BEARER: []}])
    } else {
        json!([{BEARER: []}, cookie])
    }
}

/// Path, query and header parameters of a route.
fn parameters(route: &Route, query: &Value) -> Vec<Value> {
    let text = json!({"type": "string"});
    let mut parameters: Vec<Value> = route
        .template
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": text}))
        .collect();
    let required: Vec<&str> =
        query.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, schema) in query.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let is_required = required.contains(&name.as_str());
        parameters.push(json!({"name": name, "in": "query", "required": is_required, "schema": schema}));
    }
    if route.kind == Kind::List {
        let limit = json!({"type": "integer", "minimum": 1, "maximum": 100, "default": 25});
        parameters.push(json!({"name": "limit", "in": "query", "required": false, "schema": limit}));
        parameters.push(json!({"name": "cursor", "in": "query", "required": false, "schema": text}));
    }
    if route.kind.is_keyed() {
        let key = json!({"type": "string", "minLength": 1, "maxLength": 255});
        parameters.push(json!({"name": "Idempotency-Key", "in": "header", "required": true, "schema": key}));
    }
    if route.kind == Kind::Edit {
        let of = "the ETag of the version that is edited";
        parameters
            .push(json!({"name": "If-Match", "in": "header", "required": true, "description": of, "schema": text}));
    }
    if route.kind == Kind::Token {
        let of = "a phone's proof of its key (RFC 9449), for the grants otp and refresh_token";
        parameters.push(json!({"name": "DPoP", "in": "header", "required": false, "description": of, "schema": text}));
    }
    parameters
}

#[cfg(test)]
mod tests {
    use domain::access::ROUTES;

    use super::*;

    #[test]
    fn the_committed_document_is_the_one_that_the_code_makes() {
        let committed = include_str!("../../../docs/openapi.json");
        assert_eq!(committed, document().unwrap(), "run `make openapi` and look at the difference");
    }

    #[test]
    fn the_document_has_every_route_and_no_other() {
        let document: Value = serde_json::from_str(&document().unwrap()).unwrap();
        let mut described = 0;
        for route in ROUTES {
            let operation = &document["paths"][route.template][route.method.to_lowercase()];
            assert_eq!(operation["operationId"], route.function);
        }
        for path in document["paths"].as_object().unwrap().values() {
            described += path.as_object().unwrap().len();
        }
        assert_eq!(described, ROUTES.len());
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn follow(value: &Value, document: &Value) {
            match value {
                Value::Object(members) => {
                    if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                        let pointer = reference.strip_prefix('#').unwrap();
                        assert!(document.pointer(pointer).is_some(), "{reference} is referred to and not there");
                    }
                    members.values().for_each(|member| follow(member, document));
                }
                Value::Array(items) => items.iter().for_each(|item| follow(item, document)),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        let document: Value = serde_json::from_str(&document().unwrap()).unwrap();
        follow(&document, &document);
    }
}
