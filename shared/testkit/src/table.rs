//! The three tables of Milepost in an embedded DynamoDB, behind the HTTP connector of the real AWS SDK.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard},
};

use aws_sdk_dynamodb::{
    Client, Config,
    config::{
        BehaviorVersion, Credentials, Region,
        retry::{RetryConfig, RetryPartition, TokenBucket},
    },
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
use dynoxide::{Database, DynoxideError};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    REGION,
    calls::{Calls, Operation},
    faults::{Course, Fault, Plan},
};

/// The table of aggregates, commit records, balances, users and jobs.
pub const RECORDS: &str = "records";

/// The table of entries.
pub const LEDGER: &str = "ledger";

/// The table of location batches.
pub const TRACKS: &str = "tracks";

/// The indexes of [`RECORDS`] and what they hold beside the keys, as in `infra/data.yaml`; a test compares the two.
/// Each index has the keys `{index}_pk` and `{index}_sk`.
pub const INDEXES: [(&str, &[&str]); 2] = [
    (
        "worklist",
        &[
            "agent_id",
            "amount",
            "at",
            "borrower_name",
            "cash_cap_minor",
            "currency",
            "delivery_id",
            "due",
            "kind",
            "name",
            "partner_id",
            "region",
            "status",
            "version",
        ],
    ),
    (
        "owner",
        &[
            "agent_id",
            "amount",
            "borrower_name",
            "cash_cap_minor",
            "currency",
            "delivery_id",
            "due",
            "kind",
            "name",
            "partner_id",
            "region",
            "status",
            "version",
        ],
    ),
];

/// The three tables, empty and in memory, for one test. Clones share the tables.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use testkit::{EmbeddedTable, Operation, RECORDS};
///
/// let table = EmbeddedTable::new();
/// let client = table.client();
/// client.get_item().table_name(RECORDS).key("pk", s("a")).key("sk", s("b")).send().await.unwrap();
/// assert_eq!(table.calls().count(Operation::GetItem), 1);
/// # });
/// # fn s(text: &str) -> aws_sdk_dynamodb::types::AttributeValue {
/// #     aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned())
/// # }
/// ```
#[derive(Clone)]
pub struct EmbeddedTable {
    wire: Wire,
    client: Client,
}

impl EmbeddedTable {
    /// Three empty tables.
    #[must_use]
    pub fn new() -> Self {
        let database = Database::memory().expect("an in-memory database");
        for table in [RECORDS, LEDGER, TRACKS] {
            let request = serde_json::from_value(definition(table)).expect("a table definition");
            database.create_table(request).expect("a new table");
        }
        let wire = Wire { database, state: Arc::default() };
        let client = Client::from_conf(config(&wire));
        Self { wire, client }
    }

    /// An SDK client of these tables, with the SDK's own retries but without their pauses.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The calls since the tables were made or [`reset_calls`](Self::reset_calls) was called.
    #[must_use]
    pub fn calls(&self) -> Calls {
        self.wire.state().calls.clone()
    }

    /// Starts counting anew.
    pub fn reset_calls(&self) {
        self.wire.state().calls = Calls::default();
    }

    /// Makes calls to come go wrong.
    pub fn inject(&self, fault: Fault) {
        self.wire.state().plan.inject(fault);
    }

    /// The caller dies before its `n`-th call from now on, counted from 1, is applied: that call and all later ones fail
    /// until [`recover`](Self::recover). Each attempt of the SDK is a call.
    pub fn crash_before(&self, n: u32) {
        self.wire.state().plan.crash(n, false);
    }

    /// The caller dies after its `n`-th call from now on, counted from 1, is applied and before it is answered: that call
    /// and all later ones fail until [`recover`](Self::recover). Each attempt of the SDK is a call.
    pub fn crash_after(&self, n: u32) {
        self.wire.state().plan.crash(n, true);
    }

    /// Whether the crash has come. If not, the work under test made fewer calls: all of its crash points have been seen.
    #[must_use]
    pub fn has_crashed(&self) -> bool {
        self.wire.state().plan.is_down()
    }

    /// What becomes of a call to another service while the caller of these tables is down or about to be.
    pub(crate) fn course_in_crash(&self) -> Option<Course> {
        self.wire.state().plan.course_in_crash()
    }

    /// Ends a crash, and takes back the crash and all faults still to come.
    pub fn recover(&self) {
        self.wire.state().plan.clear();
    }

    /// Puts an item behind everybody's back, as DynamoDB JSON; not counted as a call and never at fault.
    pub fn put(&self, table: &str, item: &Value) {
        let request = json!({ "TableName": table, "Item": item });
        self.wire.apply(Operation::PutItem, &request.to_string()).expect("a put");
    }

    /// Everything in a table, as DynamoDB JSON; not counted as a call and never at fault.
    #[must_use]
    pub fn items(&self, table: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut request = json!({ "TableName": table, "ConsistentRead": true });
        loop {
            let mut page = self.wire.apply(Operation::Scan, &request.to_string()).expect("a scan");
            items.append(page["Items"].as_array_mut().expect("items of a scan"));
            let last = page["LastEvaluatedKey"].take();
            if last.is_null() {
                return items;
            }
            request["ExclusiveStartKey"] = last;
        }
    }
}

impl Default for EmbeddedTable {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for EmbeddedTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedTable").field("calls", &self.calls()).finish_non_exhaustive()
    }
}

fn definition(table: &str) -> Value {
    let mut attributes = vec!["pk".to_owned(), "sk".to_owned()];
    let mut indexes = Vec::new();
    if table == RECORDS {
        for (index, held) in INDEXES {
            let [pk, sk] = ["pk", "sk"].map(|key| format!("{index}_{key}"));
            indexes.push(json!({
                "IndexName": index,
                "KeySchema": key_schema(&pk, &sk),
                "Projection": { "ProjectionType": "INCLUDE", "NonKeyAttributes": held },
            }));
            attributes.extend([pk, sk]);
        }
    }
    let attributes: Vec<Value> =
        attributes.iter().map(|name| json!({ "AttributeName": name, "AttributeType": "S" })).collect();
    let mut definition = json!({
        "TableName": table,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": attributes,
        "KeySchema": key_schema("pk", "sk"),
    });
    if !indexes.is_empty() {
        definition["GlobalSecondaryIndexes"] = Value::Array(indexes);
    }
    definition
}

fn key_schema(pk: &str, sk: &str) -> Value {
    json!([{ "AttributeName": pk, "KeyType": "HASH" }, { "AttributeName": sk, "KeyType": "RANGE" }])
}

fn config(wire: &Wire) -> Config {
    let connector = SharedHttpConnector::new(wire.clone());
    // The retry quota is shared by all clients of a process: a test that injects many faults would use up its neighbours'.
    let quota = RetryPartition::custom("testkit").token_bucket(TokenBucket::unlimited()).build();
    Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static(REGION))
        .credentials_provider(Credentials::new("test", "test", None, None, "testkit"))
        .retry_config(RetryConfig::standard().with_max_backoff(std::time::Duration::ZERO))
        .retry_partition(quota)
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .build()
}

/// What stands in for the network and DynamoDB's front end.
#[derive(Clone)]
struct Wire {
    database: Database,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    calls: Calls,
    plan: Plan,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let wire = self.clone();
        HttpConnectorFuture::new(async move {
            // Without this, tasks that run at the same time would each go through without a pause and never race.
            tokio::task::yield_now().await;
            wire.exchange(&request)
        })
    }
}

impl Wire {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test thread panicked inside the table")
    }

    fn exchange(&self, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.strip_prefix("DynamoDB_20120810.").and_then(|name| name.parse::<Operation>().ok());
        let Some(operation) = operation else {
            return Ok(respond(
                400,
                &refusal("UnknownOperationException", &format!("testkit does not serve {target}")),
            ));
        };
        let body = request.body().bytes().expect("a body in memory");
        let body: Value = serde_json::from_slice(body).expect("a JSON body");
        let course = {
            let mut state = self.state();
            state.calls.called(operation);
            state.plan.course(operation)
        };
        match course {
            Course::Served => Ok(self.serve(operation, body)),
            Course::PartlyServed => Ok(self.serve_partly(operation, body)),
            Course::AnswerLost => {
                self.serve(operation, body);
                Err(ConnectorError::timeout("the answer was lost".into()))
            }
            Course::NeverArrived => Err(ConnectorError::io("the connection was lost".into())),
            Course::Throttled => Ok(respond(
                400,
                &refusal(
                    "ProvisionedThroughputExceededException",
                    "The level of configured provisioned throughput for the table was exceeded. \
                     Consider increasing your provisioning level with the UpdateTable API.",
                ),
            )),
            Course::Conflict => Ok(respond(400, &conflict(&body))),
        }
    }

    fn serve(&self, operation: Operation, mut body: Value) -> HttpResponse {
        let asked = !matches!(body["ReturnConsumedCapacity"].as_str(), None | Some("NONE"));
        body["ReturnConsumedCapacity"] = json!("INDEXES");
        match self.apply(operation, &body.to_string()) {
            Ok(mut answer) => {
                self.state().calls.consumed(operation, &answer["ConsumedCapacity"]);
                if !asked {
                    answer.as_object_mut().expect("an answer is an object").remove("ConsumedCapacity");
                }
                respond(200, &answer.to_string())
            }
            Err(error) => respond(error.status_code(), &error.to_json()),
        }
    }

    /// Holds back the last of several keys, as DynamoDB does when an answer grows too large or a partition is busy.
    fn serve_partly(&self, operation: Operation, mut body: Value) -> HttpResponse {
        let mut held_back = serde_json::Map::new();
        for (table, request) in body["RequestItems"].as_object_mut().expect("a batch names its tables") {
            let keys = request["Keys"].as_array_mut().expect("a batch names its keys");
            if keys.len() > 1 {
                let key = keys.pop();
                let mut rest = request.clone();
                rest["Keys"] = json!([key]);
                held_back.insert(table.clone(), rest);
            }
        }
        let response = self.serve(operation, body);
        let mut answer: Value = serde_json::from_slice(response.body().bytes().unwrap_or_default()).expect("an answer");
        if response.status().is_success() {
            answer["UnprocessedKeys"] = Value::Object(held_back);
        }
        respond(response.status().as_u16(), &answer.to_string())
    }

    fn apply(&self, operation: Operation, body: &str) -> Result<Value, DynoxideError> {
        let db = &self.database;
        match operation {
            Operation::GetItem => run(body, |request| db.get_item(request)),
            Operation::PutItem => run(body, |request| db.put_item(request)),
            Operation::UpdateItem => run(body, |request| db.update_item(request)),
            Operation::DeleteItem => run(body, |request| db.delete_item(request)),
            Operation::Query => run(body, |request| db.query(request)),
            Operation::Scan => run(body, |request| db.scan(request)),
            Operation::BatchGetItem => run(body, |request| db.batch_get_item(request)),
            Operation::BatchWriteItem => run(body, |request| db.batch_write_item(request)),
            Operation::TransactGetItems => run(body, |request| db.transact_get_items(request)),
            Operation::TransactWriteItems => run(body, |request| db.transact_write_items(request)),
        }
    }
}

fn run<Q: DeserializeOwned, A: Serialize>(
    body: &str,
    action: impl FnOnce(Q) -> Result<A, DynoxideError>,
) -> Result<Value, DynoxideError> {
    // dynoxide marks what it refuses while reading with a word in capitals, and serde_json adds a position.
    let request = serde_json::from_str(body).map_err(|error| {
        let message = error.to_string();
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
        let marks = ["VALIDATION:", "VALIDATION_REQUEST:", "VALIDATION_AS_READ:"];
        let message = marks.iter().find_map(|mark| message.strip_prefix(mark)).unwrap_or(message);
        DynoxideError::ValidationException(message.to_owned())
    })?;
    let answer = serde_json::to_string(&action(request)?).expect("an answer is JSON");
    Ok(serde_json::from_str(&answer).expect("an answer is JSON"))
}

fn respond(status: u16, body: &str) -> HttpResponse {
    let status = StatusCode::try_from(status).expect("an HTTP status");
    let mut response = HttpResponse::new(status, SdkBody::from(body));
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    response
}

fn refusal(code: &str, message: &str) -> String {
    json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": message }).to_string()
}

fn conflict(body: &Value) -> String {
    let writes = body["TransactItems"].as_array().map_or(1, Vec::len);
    let codes: Vec<&str> = (0..writes).map(|at| if at == 0 { "TransactionConflict" } else { "None" }).collect();
    let reasons: Vec<Value> = codes
        .iter()
        .map(|code| match *code {
            "None" => json!({ "Code": code }),
            code => json!({ "Code": code, "Message": "Transaction is ongoing for the item" }),
        })
        .collect();
    json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": format!(
            "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
            codes.join(", "),
        ),
        "CancellationReasons": reasons,
    })
    .to_string()
}
