//! The OpenAPI 3.1 document of the whole API, made from the handlers' own types: what a handler takes and answers is what
//! the document says, because the compiler reads both from the same signature.

use std::collections::BTreeMap;

use domain::{
    Failed,
    access::{self, Kind, Route},
    problem::Problem,
};
use edge::{Answer, Call, OpenCall};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// The statuses that each route may answer beside its own, all as problem documents.
const REFUSALS: [(&str, &str); 12] = [
    ("400", "the request is not of the shape this route takes"),
    ("401", "the credentials are missing or not valid"),
    ("403", "this role may not call this route"),
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
    document.route(&access::ACCOUNT_GET, 200, account_get::handle)?;
    document.route(&access::ACTIVITY_GET, 200, activity_get::handle)?;
    document.route(&access::AGENT_LIST, 200, agent_list::handle)?;
    document.route(&access::DELIVERY_ASSIGN, 200, delivery_assign::handle)?;
    document.route(&access::DELIVERY_CONFIRM, 200, delivery_confirm::handle)?;
    document.route(&access::DELIVERY_CREATE, 201, delivery_create::handle)?;
    document.route(&access::DELIVERY_GET, 200, delivery_get::handle)?;
    document.route(&access::DELIVERY_LIST, 200, delivery_list::handle)?;
    document.route(&access::DISBURSEMENT_CREATE, 201, disbursement_create::handle)?;
    document.route(&access::DISBURSEMENT_GET, 200, disbursement_get::handle)?;
    document.route(&access::DISBURSEMENT_RECONCILE, 200, disbursement_reconcile::handle)?;
    document.route(&access::EXPORT_CREATE, 202, export_create::handle)?;
    document.route(&access::EXPORT_GET, 200, export_get::handle)?;
    document.route(&access::LOCATION_RECORD, 202, location_record::handle)?;
    document.route(&access::SETTLEMENT_CREATE, 202, settlement_create::handle)?;
    document.route(&access::SETTLEMENT_GET, 200, settlement_get::handle)?;
    document.route(&access::SETTLEMENT_LIST, 200, settlement_list::handle)?;
    document.open_route(&access::TOKEN_ISSUE, 200, token_issue::handle)?;
    document.schema::<Problem>()?;
    serde_json::to_string_pretty(&document.finished()).map(|text| text + "\n")
}

impl Document {
    /// Describes a route by its handler's signature.
    fn route<C, H, Fut, P, B, Q, T>(&mut self, route: &Route, status: u16, _: H) -> Result<(), serde_json::Error>
    where
        C: 'static,
        H: Fn(&'static C, Call<P, B, Q>) -> Fut,
        Fut: Future<Output = Result<Answer<T>, Failed>>,
        B: ToSchema,
        Q: ToSchema,
        T: ToSchema,
    {
        let query = serde_json::to_value(Q::schema())?;
        self.operation::<B, T>(route, status, &query)
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
        if route.method != "GET" {
            let body = json!({"required": true, "content": {"application/json": {"schema": self.schema::<B>()?}}});
            operation.insert("requestBody".to_owned(), body);
        }
        let answer = json!({"description": "done", "content": {"application/json": {"schema": self.schema::<T>()?}}});
        let mut responses = Map::from_iter([(status.to_string(), answer)]);
        for (status, words) in REFUSALS {
            let schema = json!({"$ref": "#/components/schemas/Problem"});
            let problem = json!({"description": words, "content": {"application/problem+json": {"schema": schema}}});
            responses.insert(status.to_owned(), problem);
        }
        operation.insert("responses".to_owned(), Value::Object(responses));
        if route.kind == Kind::Public {
            operation.insert("security".to_owned(), json!([]));
        } else {
            operation.insert("x-roles".to_owned(), json!(route.roles));
        }
        let path = self.paths.entry(route.template.to_owned()).or_default();
        path.insert(route.method.to_lowercase(), Value::Object(operation));
        Ok(())
    }

    /// Keeps a schema and all it refers to, and gives the reference to it.
    fn schema<T: ToSchema>(&mut self) -> Result<Value, serde_json::Error> {
        let mut nested = Vec::new();
        T::schemas(&mut nested);
        nested.push((T::name().into_owned(), T::schema()));
        for (name, schema) in nested {
            self.schemas.insert(name, serde_json::to_value(schema)?);
        }
        Ok(json!({"$ref": format!("#/components/schemas/{}", T::name())}))
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
            "security": [{"bearer": []}],
            "paths": self.paths,
            "components": {
                "schemas": self.schemas,
                "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
            },
        })
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
    if route.kind == Kind::Command {
        let key = json!({"type": "string", "minLength": 1, "maxLength": 255});
        parameters.push(json!({"name": "Idempotency-Key", "in": "header", "required": true, "schema": key}));
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
        fn follow(value: &Value, schemas: &Value) {
            match value {
                Value::Object(members) => {
                    if let Some(name) = members.get("$ref").and_then(Value::as_str) {
                        let name = name.strip_prefix("#/components/schemas/").unwrap();
                        assert!(schemas.get(name).is_some(), "{name} is referred to and not there");
                    }
                    members.values().for_each(|member| follow(member, schemas));
                }
                Value::Array(items) => items.iter().for_each(|item| follow(item, schemas)),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        let document: Value = serde_json::from_str(&document().unwrap()).unwrap();
        follow(&document, &document["components"]["schemas"]);
    }
}
