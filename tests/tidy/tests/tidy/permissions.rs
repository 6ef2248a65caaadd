//! The parameter list is the permission list: a function may do in AWS exactly what the capabilities it calls do.

use std::collections::{BTreeMap, BTreeSet};

use domain::access::{ROUTES, Route};

use crate::{
    nothing,
    repository::{functions, items, members, pascal, pointed_at, template},
    source::{names_behind, production},
};

/// What each call of a capability does: `<resource>:<action>`, the resource by its export or its name in the template.
/// A transaction needs the rights of its parts. Reading with `find` or `get` is `GetItem`.
const USES: [(&str, &str); 126] = [
    ("AccountWriter::close", "Records:PutItem Records:UpdateItem"),
    ("AccountWriter::rest", "Records:GetItem"),
    ("Accounts::statement", "Records:GetItem Records:Query Ledger:Query"),
    (
        "Accounts::statement_at",
        "Records:BatchGetItem Records:GetItem Records:Query RecordsWorklist:Query Ledger:Query FilesDayCloses:GetObject",
    ),
    ("Acknowledgements::get", "Records:GetItem"),
    ("Acknowledgements::keep", "Records:PutItem FilesSettlements:PutObject"),
    ("Acknowledgements::lines", "Ledger:Query"),
    ("Activities::between", "Records:Query"),
    ("Activities::count", "Records:PutItem Records:UpdateItem"),
    ("Agents::list", "Records:BatchGetItem RecordsWorklist:Query"),
    ("Agents::move_to", "Records:UpdateItem"),
    ("Alterations::keep", "Records:UpdateItem"),
    (
        "Approvals::decide",
        "Records:ConditionCheckItem Records:DeleteItem Records:PutItem Records:UpdateItem Ledger:PutItem",
    ),
    ("Approvals::expire_due", "Records:GetItem Records:PutItem RecordsWorklist:Query"),
    ("Approvals::get", "Records:GetItem"),
    ("Approvals::list", "Records:BatchGetItem RecordsOwner:Query RecordsWorklist:Query"),
    ("Approvals::operators", "Records:Query"),
    ("Approvals::waiting", "Records:GetItem Ledger:GetItem"),
    ("Audits::list", "Records:BatchGetItem RecordsOwner:Query"),
    ("ClientSecrets::create", "Records:PutItem PepperSecret:GetSecretValue"),
    ("ClientSecrets::get", "Records:GetItem"),
    ("ClientSecrets::operator", "Records:GetItem"),
    ("ClientSecrets::rotate", "Records:PutItem PepperSecret:GetSecretValue"),
    ("Clients::get", "Records:GetItem"),
    ("Clients::get_with_use", "Records:GetItem"),
    ("Clients::list", "Records:BatchGetItem RecordsWorklist:Query"),
    ("Clients::update", "Records:PutItem"),
    (
        "Credentials::grant",
        "Records:GetItem Records:PutItem Records:UpdateItem PepperSecret:GetSecretValue SigningSecret:GetSecretValue",
    ),
    (
        "Credentials::open_console",
        "Records:GetItem Records:PutItem Records:UpdateItem PepperSecret:GetSecretValue SigningSecret:GetSecretValue",
    ),
    (
        "DayCloseWriter::build",
        "Records:GetItem Records:PutItem Records:Query RecordsWorklist:Query Ledger:Query FilesDayCloses:GetObject FilesDayCloses:PutObject FilesDayCloses:AbortMultipartUpload",
    ),
    ("DayCloses::get", "Records:GetItem"),
    ("DayCloses::list", "Records:BatchGetItem RecordsWorklist:Query"),
    ("Deliveries::assign", "Records:PutItem Records:UpdateItem"),
    ("Deliveries::assignee", "Records:GetItem"),
    ("Deliveries::conclude", "Records:DeleteItem Records:PutItem Records:UpdateItem Ledger:PutItem"),
    ("Deliveries::create", "Records:PutItem"),
    ("Deliveries::get", "Records:GetItem"),
    ("Deliveries::list", "RecordsOwner:Query RecordsWorklist:Query"),
    ("Deliveries::operator", "Records:GetItem"),
    ("Deliveries::reservation", "Records:GetItem"),
    ("Devices::get", "Records:GetItem"),
    ("Devices::list", "Records:BatchGetItem RecordsOwner:Query"),
    ("Devices::revoke", "Records:PutItem"),
    ("Directory::trust_anchors", "Records:Query"),
    ("Disbursements::approval", "Records:GetItem"),
    ("Disbursements::cancel", "Records:DeleteItem Records:PutItem Records:UpdateItem"),
    ("Disbursements::create", "Records:PutItem"),
    ("Disbursements::get", "Records:GetItem"),
    ("Disbursements::hand_over", "Records:GetItem Ledger:GetItem"),
    ("Disbursements::operator", "Records:GetItem"),
    ("Disbursements::reconcile", "Records:ConditionCheckItem Records:PutItem"),
    ("Disbursements::reservation", "Records:GetItem"),
    ("Disbursements::reverse", "Records:PutItem Records:UpdateItem Ledger:PutItem"),
    (
        "ExportWriter::build",
        "Records:GetItem Records:PutItem RecordsWorklist:Query Ledger:Query Tracks:Query FilesExports:PutObject FilesExports:AbortMultipartUpload",
    ),
    ("Exports::create", "Records:PutItem"),
    ("Exports::get", "Records:GetItem"),
    ("Exports::operator", "Records:GetItem"),
    ("Files::linked_day_close", "FilesDayCloses:GetObject"),
    ("Files::linked_export", "FilesExports:GetObject"),
    ("Files::linked_settlement", "FilesSettlements:GetObject"),
    ("Files::linked_statement", "FilesStatements:GetObject"),
    ("Files::report", "FilesDayCloses:GetObject"),
    (
        "KeyRotation::rotate",
        "Records:PutItem Records:Query Records:UpdateItem SigningSecret:GetSecretValue SigningSecret:PutSecretValue",
    ),
    (
        "Messages::send",
        "Records:GetItem Records:PutItem PepperSecret:GetSecretValue MailIdentity:SendEmail Numbers:Publish",
    ),
    ("Outbox::relay", "Records:UpdateItem Queues:SendMessage Queues:SendMessageBatch"),
    (
        "Outbox::sweep",
        "Records:GetItem Records:Query Records:UpdateItem RecordsWorklist:Query Queues:SendMessage Queues:SendMessageBatch",
    ),
    ("Passwords::set", "Records:GetItem Records:PutItem Records:UpdateItem"),
    ("Payouts::create", "Records:PutItem"),
    ("Payouts::exposure", "Records:BatchGetItem Records:GetItem RecordsWorklist:Query"),
    ("Payouts::get", "Records:GetItem"),
    ("Payouts::latest", "Records:GetItem"),
    ("Payouts::list", "Records:BatchGetItem RecordsOwner:Query RecordsWorklist:Query"),
    ("Payouts::operator", "Records:GetItem"),
    ("Payouts::operators", "Records:Query"),
    ("Payouts::settlement", "Records:GetItem"),
    ("Payouts::update", "Records:PutItem Records:UpdateItem Ledger:PutItem"),
    ("Payouts::watch", "Records:BatchGetItem Records:GetItem Records:PutItem RecordsWorklist:Query"),
    ("Requests::otp", "Records:GetItem Records:PutItem Records:UpdateItem"),
    ("Requests::reset", "Records:GetItem Records:PutItem Records:UpdateItem"),
    (
        "ProofWriter::check",
        "Records:BatchGetItem Records:GetItem Records:Query Records:UpdateItem RecordsOwner:Query RecordsWorklist:Query Ledger:BatchGetItem Ledger:GetItem Ledger:Query FilesSettlements:GetObject Seals:GetObject",
    ),
    ("ProofWriter::operators", "Records:Query"),
    ("Proofs::get", "Records:GetItem"),
    ("Reservations::account", "Records:GetItem"),
    ("Reservations::books", "Records:GetItem Ledger:GetItem"),
    ("Reservations::create", "Records:PutItem Records:UpdateItem"),
    (
        "Reservations::expire_due",
        "Records:DeleteItem Records:GetItem Records:PutItem Records:UpdateItem RecordsWorklist:Query",
    ),
    ("Reservations::get", "Records:GetItem"),
    ("Reservations::operators", "Records:Query"),
    ("Reservations::release", "Records:DeleteItem Records:PutItem Records:UpdateItem"),
    ("Reservations::settle", "Records:DeleteItem Records:PutItem Records:UpdateItem Ledger:PutItem"),
    (
        "Sealing::seal_due",
        "Records:BatchGetItem Records:PutItem Records:Query RecordsOwner:Query Ledger:BatchGetItem Seals:GetObject Seals:PutObject SealSecret:GetSecretValue SealSecret:PutSecretValue",
    ),
    (
        "Seals::evidence",
        "Records:BatchGetItem Records:GetItem Records:Query RecordsOwner:Query Ledger:BatchGetItem Ledger:GetItem Seals:GetObject",
    ),
    ("SecondFactors::confirm", "Records:PutItem PepperSecret:GetSecretValue"),
    ("SecondFactors::enrol", "Records:PutItem PepperSecret:GetSecretValue"),
    ("SecondFactors::get", "Records:GetItem"),
    ("Sessions::end", "Records:PutItem Records:UpdateItem"),
    (
        "SettlementWriter::build",
        "Records:GetItem Records:PutItem Records:UpdateItem Ledger:PutItem Ledger:Query FilesSettlements:PutObject FilesSettlements:AbortMultipartUpload",
    ),
    ("Settlements::calendar", "Records:GetItem"),
    ("Settlements::close", "Records:PutItem"),
    ("Settlements::close_due", "Records:GetItem Records:PutItem"),
    ("Settlements::get", "Records:GetItem"),
    ("Settlements::list", "Records:BatchGetItem RecordsOwner:Query RecordsWorklist:Query"),
    ("Settlements::operators", "Records:Query"),
    (
        "StatementWriter::match_lines",
        "Records:BatchGetItem Records:GetItem Records:PutItem Records:Query Records:UpdateItem RecordsWorklist:Query Ledger:PutItem Ledger:Query FilesStatements:AbortMultipartUpload FilesStatements:GetObject FilesStatements:PutObject",
    ),
    ("StatementWriter::operator", "Records:GetItem"),
    (
        "StatementWriter::receive",
        "Records:GetItem Records:PutItem FilesStatements:AbortMultipartUpload FilesStatements:PutObject",
    ),
    ("Statements::get", "Records:GetItem"),
    ("Statements::lines", "Records:BatchGetItem RecordsOwner:Query RecordsWorklist:Query"),
    ("Statements::list", "Records:BatchGetItem RecordsWorklist:Query"),
    ("Statements::match_by_hand", "Records:PutItem Records:UpdateItem Ledger:PutItem"),
    ("Statements::members", "Records:GetItem Ledger:GetItem"),
    ("Statements::members_of", "Records:GetItem"),
    ("Statements::operator", "Records:GetItem"),
    ("Statements::take_apart", "Records:DeleteItem Records:PutItem"),
    ("Tracks::record", "Tracks:PutItem"),
    ("Transfers::books", "Records:GetItem Ledger:GetItem"),
    ("Transfers::create", "Records:ConditionCheckItem Records:PutItem Records:UpdateItem Ledger:PutItem"),
    ("Transfers::get", "Records:Query Ledger:GetItem"),
    ("Transfers::operator", "Records:GetItem"),
    ("Transfers::reverse", "Records:PutItem Records:UpdateItem Ledger:PutItem"),
    ("Trust::csrf_token", ""),
    ("Users::create", "Records:PutItem Records:UpdateItem"),
    ("Users::get", "Records:GetItem"),
    ("Users::list", "Records:BatchGetItem RecordsWorklist:Query"),
    ("Users::operator", "Records:GetItem"),
    ("Users::update", "Records:PutItem Records:UpdateItem"),
];

/// What is no resource of AWS's: the numbers that an SMS is published to.
const NUMBERS: &str = "Numbers";
/// At its start every function asks for the public keys.
const BOOT: &str = "Records:Query";
/// The queues that events go to.
const QUEUES: [&str; 6] =
    ["ActivityQueue", "DayCloseQueue", "ExportQueue", "MessageQueue", "SettlementQueue", "StatementQueue"];
/// What counts a caller, or an address before anybody is known.
const COUNT: &str = "Records:UpdateItem";

/// Variables that each capability reads beyond what Globals set.
const VARIABLES: [(&str, &[&str]); 18] = [
    ("accounts", &["FILES_BUCKET"]),
    ("authorizer", &["AUDIENCE", "ISSUER"]),
    ("client_secrets", &["PEPPER_SECRET"]),
    ("credentials", &["AUDIENCE", "ISSUER", "PEPPER_SECRET", "SIGNING_SECRET"]),
    ("day_close_writer", &["FILES_BUCKET"]),
    ("export_writer", &["FILES_BUCKET"]),
    ("files", &["FILES_BUCKET"]),
    ("key_rotation", &["AUDIENCE", "ISSUER", "SIGNING_SECRET"]),
    ("messages", &["MAIL_SENDER", "PEPPER_SECRET"]),
    (
        "outbox",
        &[
            "ACTIVITY_QUEUE_URL",
            "DAY_CLOSE_QUEUE_URL",
            "EXPORT_QUEUE_URL",
            "MESSAGE_QUEUE_URL",
            "SETTLEMENT_QUEUE_URL",
            "STATEMENT_QUEUE_URL",
        ],
    ),
    ("parking", &["POISON_QUEUE_URL"]),
    ("proof_writer", &["FILES_BUCKET", "SEALS_BUCKET"]),
    ("sealing", &["SEALS_BUCKET", "SEAL_SECRET"]),
    ("seals", &["SEALS_BUCKET"]),
    ("second_factors", &["PEPPER_SECRET"]),
    ("acknowledgements", &["FILES_BUCKET"]),
    ("settlement_writer", &["FILES_BUCKET"]),
    ("statement_writer", &["FILES_BUCKET"]),
];

/// The capabilities of a handler: the name each has in its code, and its type.
fn capabilities(function: &str) -> Vec<(String, String)> {
    let source = production(&format!("functions/{function}/src/lib.rs"));
    let Some(handle) = source.calls("pub async fn handle").into_iter().next() else { return vec![] };
    let Some((names, types)) = handle.first().and_then(|first| first.split_once(": &")) else { return vec![] };
    let parts = |list: &str| -> Vec<String> {
        list.trim_matches(['(', ')']).split(',').map(|part| part.trim().to_owned()).collect()
    };
    parts(names).into_iter().zip(parts(types)).collect()
}

/// What the code of a function does, and the calls that no row of [`USES`] explains.
fn used(function: &str) -> (BTreeSet<String>, Vec<String>) {
    let uses: BTreeMap<&str, &str> = USES.into_iter().collect();
    let code = production(&format!("functions/{function}/src/lib.rs")).code;
    let mut rights = BTreeSet::from([BOOT.to_owned()]);
    let mut unexplained = vec![];
    for (name, kind) in capabilities(function) {
        for method in names_behind(&code, &format!("{name}.")) {
            let call = format!("{kind}::{method}");
            match uses.get(call.as_str()) {
                Some(found) => rights.extend(found.split_whitespace().flat_map(spread)),
                // A field of what was loaded has the name of the capability in places: only calls count.
                None if code.contains(&format!("{name}.{method}(")) => unexplained.push(call),
                None => {}
            }
        }
    }
    let counts = |route: &Route| route.kind.is_keyed() || (route.kind.is_open() && route.method != "GET");
    if ROUTES.iter().any(|route| route.function == function && counts(route)) {
        rights.insert(COUNT.to_owned());
    }
    let main = production(&format!("functions/{function}/src/main.rs")).code;
    if main.contains("env.parking()") {
        rights.insert(format!("{}Poison:SendMessage", pascal(function)));
    }
    (rights, unexplained)
}

fn spread(right: &str) -> Vec<String> {
    match right.strip_prefix("Queues:") {
        Some(action) => QUEUES.iter().map(|queue| format!("{queue}:{action}")).collect(),
        None => vec![right.to_owned()],
    }
}

#[test]
fn a_function_may_do_what_its_code_does_and_nothing_else() {
    let template = template("infra/template.yaml");
    let mut findings = vec![];
    for function in functions() {
        let resource = pascal(&function);
        let mut granted = BTreeSet::new();
        for policy in items(&template["Resources"][resource.as_str()]["Properties"]["Policies"]) {
            for statement in items(&policy["Statement"]) {
                for target in items(&statement["Resource"]).into_iter().chain(items(&statement["NotResource"])) {
                    let target = pointed_at(target).unwrap_or(NUMBERS).trim_end_matches("Arn");
                    for action in items(&statement["Action"]).iter().filter_map(|action| action.as_str()) {
                        let (_, action) = action.split_once(':').unwrap_or(("", action));
                        granted.insert(format!("{target}:{action}"));
                    }
                }
            }
        }
        let (used, unexplained) = used(&function);
        findings.extend(
            unexplained
                .iter()
                .map(|call| format!("functions/{function} calls {call}: add what it does to USES in tests/tidy")),
        );
        findings.extend(granted.difference(&used).map(|right| {
            format!("infra/template.yaml grants {resource} `{right}`, which its code does not use: take it out")
        }));
        findings.extend(used.difference(&granted).map(|right| {
            format!("infra/template.yaml does not grant {resource} `{right}`, which its code uses: add it")
        }));
    }
    nothing(&findings);
}

#[test]
fn a_function_is_told_what_its_capabilities_read_and_nothing_else() {
    let variables: BTreeMap<&str, &[&str]> = VARIABLES.into_iter().collect();
    let template = template("infra/template.yaml");
    let mut findings = vec![];
    for function in functions() {
        let resource = pascal(&function);
        let set: BTreeSet<&str> =
            members(&template["Resources"][resource.as_str()]["Properties"]["Environment"]["Variables"])
                .map(|(name, _)| name)
                .collect();
        let main = production(&format!("functions/{function}/src/main.rs")).code;
        let read: BTreeSet<&str> = names_behind(&main, "env.")
            .into_iter()
            .flat_map(|capability| variables.get(capability).copied().unwrap_or_default())
            .copied()
            .collect();
        if set != read {
            findings.push(format!("{resource} must be told {read:?}, and is told {set:?}"));
        }
    }
    nothing(&findings);
}

#[test]
fn no_row_of_the_table_of_uses_has_become_idle() {
    let store = crate::repository::rust_files(&["shared/store/src", "shared/edge/src"]);
    let store: String = store.iter().map(|path| production(path).code).collect();
    let idle: Vec<&str> = USES
        .iter()
        .map(|(call, _)| *call)
        .filter(|call| call.split_once("::").is_none_or(|(_, method)| !store.contains(&format!("fn {method}("))))
        .collect();
    assert!(idle.is_empty(), "no capability has these any more, take them out of USES: {idle:?}");
}
