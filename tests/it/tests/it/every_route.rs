//! What holds for every route, tried on every route of the table of access.

use std::collections::BTreeMap;

use domain::{
    Role,
    access::{DELIVERY_CREATE, EXPORT_CREATE, Kind, ROUTES, Route},
};
use serde_json::{Value, json};
use testkit::{NOW_MILLIS, Office, PASSWORD, Person, Reply, RestRequest, World, asks};

use crate::{
    door::call,
    logins::{Phone, phone_login, program},
    steps::{
        TODAY, assigned, bank_line, bank_row, close_day, collection, command, confirmed, hand_in, handed_over, held,
        inr, instruction, plan, point, reservation_of, statement, transfer_of, waiting_for_approval,
    },
};

/// Ids of the right form of things that are not there.
const NOTHING_THERE: [(&str, &str); 14] = [
    ("agent_id", "agt_01kagwtb0084nrm0ppw3zy9t20"),
    ("approval_id", "apr_01kagwtb0084nrm0ppw3zy9t20"),
    ("business_day", "2020-01-01"),
    ("client_id", "cli_01kagwtb0084nrm0ppw3zy9t20"),
    ("delivery_id", "dlv_01kagwtb0084nrm0ppw3zy9t20"),
    ("device_id", "dev_01kagwtb0084nrm0ppw3zy9t20"),
    ("disbursement_id", "dsb_01kagwtb0084nrm0ppw3zy9t20"),
    ("export_id", "exp_01kagwtb0084nrm0ppw3zy9t20"),
    ("payout_id", "pay_01kagwtb0084nrm0ppw3zy9t20"),
    ("reservation_id", "rsv_01kagwtb0084nrm0ppw3zy9t20"),
    ("settlement_id", "stl_01kagwtb0084nrm0ppw3zy9t20"),
    ("statement_id", "stm_01kagwtb0084nrm0ppw3zy9t20"),
    ("transfer_id", "trf_01kagwtb0084nrm0ppw3zy9t20"),
    ("user_id", "usr_01kagwtb0084nrm0ppw3zy9t20"),
];

/// The name of the route's path parameter.
pub(crate) fn parameter(route: &Route) -> Option<&'static str> {
    route.template.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(name, _)| name)
}

/// A thing of the right form that is not there.
fn nothing_there(route: &Route) -> &'static str {
    let name = parameter(route).unwrap();
    let agents_hand = "agent_cash.agt_01kagwtb0084nrm0ppw3zy9t20";
    NOTHING_THERE.iter().find(|(of, _)| *of == name).map_or(agents_hand, |(_, id)| id)
}

/// The query that the route needs.
fn query(route: &Route) -> &'static [(&'static str, &'static str)] {
    match route.function {
        "activity-get" => &[("from", "2026-11-21T00:00:00Z"), ("to", "2026-11-21T23:00:00Z")],
        "agent-list" => &[("region", "pune-north")],
        "delivery-list" => &[("due", TODAY)],
        "ledger-prove" => &[("commit_id", "cmt_01kagwtb0084nrm0ppw3zy9t20")],
        _ => &[],
    }
}

/// Who is asked for, where the route needs it and the caller is nobody's agent.
fn asked_for(route: &Route, person: &Person) -> Vec<(&'static str, &'static str)> {
    let mut pairs = query(route).to_vec();
    if route.function == "delivery-list" && person.caller.role != Role::Agent {
        pairs.extend([("region", "pune-north"), ("status", "pending")]);
    }
    if route.function == "device-list" && person.caller.role != Role::Agent {
        pairs.push(("agent_id", NOTHING_THERE[0].1));
    }
    pairs
}

/// A body that the route takes.
pub(crate) fn body(route: &Route) -> Option<Value> {
    Some(match route.function {
        "approval-decide" => json!({ "decision": "approve", "reason": "seen" }),
        "client-create" => {
            json!({ "name": "ERP", "role": "partner", "partner_id": "bfil", "scopes": ["settlement:read"] })
        }
        "client-update" => json!({ "name": "ERP 2" }),
        "delivery-assign" => json!({ "agent_id": "agt_01kagwtb0084nrm0ppw3zy9t20" }),
        "delivery-confirm" => confirmed(150_000),
        "delivery-create" => collection("BF-1", 150_000),
        "disbursement-cancel" => json!({ "reason": "withdrawn" }),
        "disbursement-create" => instruction("BF-D-1", 150_000),
        "disbursement-reconcile" => bank_line("HDFCN52026112112", 150_000),
        "disbursement-reverse" => json!({ "reason": "given back" }),
        "export-create" => json!({ "kind": "deliveries", "day": TODAY }),
        "location-record" => json!({ "points": [point(60, 18.52)] }),
        "otp-request" => json!({ "username": "+919800000001@pennco" }),
        "password-reset" => json!({ "username": "desk@pennco" }),
        "password-set" => json!({ "ticket": "pennco.none", "password": "correct horse battery" }),
        "payout-create" => json!({ "settlement_id": "stl_01kagwtb0084nrm0ppw3zy9t20" }),
        "payout-update" => json!({ "status": "unknown", "reason": "the rail timed out" }),
        "reservation-create" => held("budget.sms", 500),
        "reservation-settle" => json!({ "to_account_id": "expense.sms", "kind": "budget", "reason": "bill 7" }),
        "reservation-void" => json!({ "reason": "not needed" }),
        "session-create" => json!({ "username": "desk@pennco", "password": PASSWORD }),
        "settlement-acknowledge" => {
            let totals =
                json!({ "count": 1, "collected": inr(5), "disbursed": inr(0), "adjusted": inr(0), "net": inr(5) });
            json!({ "sha256": "0".repeat(64), "totals": totals, "content": "line,amount_minor,code,text\n2,5,R02,no\n",
                    "rejected": [{ "line": 1, "amount": inr(5), "code": "R01", "text": "no such loan" }] })
        }
        "settlement-create" => json!({ "business_day": TODAY }),
        "statement-create" => statement(&[bank_row("HDFCN52026112112", "-1500.00", "BF-D-1")]),
        "statement-line-match" => json!({ "lines": [3], "disbursement_ids": ["dsb_01kagwtb0084nrm0ppw3zy9t20"],
            "difference_minor": -1, "reason": "the bank rounded" }),
        "statement-line-unmatch" => json!({ "line": 3, "reason": "it paid another loan" }),
        "totp-confirm" => json!({ "code": "123456" }),
        "transfer-create" => json!({ "kind": "budget", "reason": "SMS for December",
            "entries": [{ "account_id": "budget.sms", "amount": inr(500) },
                        { "account_id": "vault.pennco", "amount": inr(-500) }] }),
        "transfer-reverse" => json!({ "reason": "booked twice" }),
        "user-create" => {
            json!({ "login": "clerk", "name": "Clerk", "email": "c@pennco.example", "role": "settlement" })
        }
        "user-update" => json!({ "name": "Somebody" }),
        "token-issue" => json!({ "grant_type": "password", "username": "desk@pennco", "password": PASSWORD }),
        _ => return None,
    })
}

/// The routes that take a body.
fn routes_with_a_body() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().copied().filter(|route| body(route).is_some())
}

/// Somebody who may call the route; for the open one, anybody.
fn somebody<'a>(office: &'a Office, route: &Route) -> &'a Person {
    office.of(route.roles().first().copied().unwrap_or(Role::Admin))
}

/// A request with path, query and key, but no body yet.
fn bodiless(person: &Person, route: &Route) -> RestRequest {
    let mut request = if route.kind.is_open() { asks(route) } else { person.asks(route) };
    if let Some(name) = parameter(route) {
        let own = name == "agent_id" && person.caller.role == Role::Agent;
        request = request.path(name, if own { person.subject() } else { nothing_there(route) });
    }
    for (name, value) in asked_for(route, person) {
        request = request.query(name, value);
    }
    with_conditions(route, request)
}

/// A request with the key and the version that the route asks for.
fn with_conditions(route: &Route, request: RestRequest) -> RestRequest {
    with_conditions_under(route, request, "k1")
}

/// The same under another key.
pub(crate) fn with_conditions_under(route: &Route, request: RestRequest, key: &str) -> RestRequest {
    let request = if route.kind.is_keyed() { request.header("Idempotency-Key", key) } else { request };
    if route.kind == Kind::Edit { request.header("If-Match", "\"1\"") } else { request }
}

/// The routes that ask for a token.
fn closed_routes() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().copied().filter(|route| !route.kind.is_open())
}

/// A whole request, of somebody, that has nothing wrong with it.
fn request(person: &Person, route: &Route) -> RestRequest {
    let request = bodiless(person, route);
    match body(route) {
        Some(body) => request.json(&body),
        None => request,
    }
}

#[tokio::test]
async fn a_role_may_call_what_the_table_says_and_nothing_else() {
    let world = World::new().await;
    let mut cases = 0;
    for route in closed_routes() {
        for role in Role::ALL {
            let reply = call(&world, route, &request(world.pennco.of(role), route)).await;
            if route.admits(role) {
                assert!(!matches!(reply.status, 401 | 403), "{} as {role:?}: {reply:?}", route.function);
                assert!(reply.status < 500 && reply.status != 400, "{} as {role:?}: {reply:?}", route.function);
            } else {
                assert_eq!(reply.said(), (403, "forbidden"), "{} as {role:?}", route.function);
            }
            cases += 1;
        }
    }
    assert_eq!(cases, closed_routes().count() * Role::ALL.len());
    println!("roles × routes: {cases} cases");
}

#[tokio::test]
async fn who_may_not_call_a_route_learns_nothing_from_what_they_send() {
    let world = World::new().await;
    let mut cases = 0;
    for route in closed_routes() {
        for role in Role::ALL.into_iter().filter(|role| !route.admits(*role)) {
            world.table.reset_calls();
            let nonsense = bodiless(world.pennco.of(role), route).query("colour", "red").body("{");
            assert_eq!(call(&world, route, &nonsense).await.said(), (403, "forbidden"), "{}", route.function);
            assert_eq!(world.table.calls().total().count, 0, "{} asked the table for {role:?}", route.function);
            cases += 1;
        }
    }
    println!("nonsense from roles that may not: {cases} cases");
}

#[tokio::test]
async fn a_token_is_good_for_ten_minutes_and_the_leeway_of_two_clocks() {
    let world = World::new().await;
    let desk = &world.pennco.desk;
    let route = &domain::access::AGENT_LIST;
    for (seconds, status) in [(-60, 200), (-61, 401), (0, 200), (600, 200), (659, 200), (660, 401)] {
        let reply = call(&world, route, &request(desk, route).at(NOW_MILLIS + seconds * 1000)).await;
        assert_eq!(reply.status, status, "{seconds} seconds later");
    }
}

#[tokio::test]
async fn a_path_that_is_no_id_leads_nowhere() {
    let world = World::new().await;
    let mut cases = 0;
    for route in ROUTES.iter().filter(|route| parameter(route).is_some()) {
        let name = parameter(route).unwrap();
        let person = somebody(&world.pennco, route);
        let of_another_kind = "bat_01kagwtb0084nrm0ppw3zy9t20";
        let long = "x".repeat(5000);
        let upper = nothing_there(route).to_uppercase();
        for bad in ["x", "null", "..", "a#b", "%00", "agt_", of_another_kind, &long, &upper, "नमस्ते"] {
            if bad == nothing_there(route) {
                continue; // a date has no letters to be in capitals
            }
            let mut request = with_conditions(route, person.asks(route).path(name, bad));
            if let Some(body) = body(route) {
                request = request.json(&body);
            }
            world.table.reset_calls();
            let reply = call(&world, route, &request).await;
            assert_eq!(reply.said(), (404, "unknown"), "{} {bad}", route.function);
            assert_eq!(world.table.calls().total().count, 0, "{} {bad}", route.function);
            cases += 1;
        }
    }
    println!("paths that are no id: {cases} cases");
}

/// An answer without what differs from one request to the next.
fn comparable(reply: &Reply) -> (u16, Value) {
    let mut json = reply.json.clone();
    let members = json.as_object_mut().unwrap();
    members.remove("request_id");
    members.remove("instance");
    (reply.status, json)
}

#[tokio::test]
async fn a_thing_of_another_operator_is_the_same_as_none() {
    let world = World::new().await;
    let (pennco, vishi) = (&world.pennco, &world.vishi);
    let delivery = assigned(&world, vishi, "BF-1", 5).await;
    let disbursement = handed_over(&world, vishi, "BF-D-1", 150_000).await;
    let closed = close_day(&world, &vishi.settlement, "k1", "2026-11-20").await;
    let export = json!({ "kind": "deliveries", "day": TODAY });
    let export = call(&world, &EXPORT_CREATE, &command(&vishi.admin, &EXPORT_CREATE, "k1", &export)).await;
    let hand = format!("agent_cash.{}", vishi.agents[0].subject());
    let transfer = transfer_of(&world, vishi).await;
    let reservation = reservation_of(&world, vishi).await;
    let approval = waiting_for_approval(&world, &vishi.partners[0], "BF-D-2", 10_000_000).await;
    let rows = statement(&[bank_row("HDFCN52026112199", "-1500.00", "BF-D-9")]);
    let statement = hand_in(&world, &vishi.settlement, "statement", &rows).await;
    let phone = phone_login(&world, vishi, &Phone::new(1)).await;
    let (program, _) = program(&world, vishi, &["settlement:read"]).await;
    let payout = crate::payout_get::instructed(&world, vishi, 200_000).await;
    let theirs = |name: &str| -> String {
        match name {
            "account_id" => hand.clone(),
            "agent_id" => vishi.agents[0].subject().to_owned(),
            "approval_id" => approval.clone(),
            "business_day" => "2026-11-20".to_owned(),
            "client_id" => program.split('@').next().unwrap().to_owned(),
            "delivery_id" => delivery.clone(),
            "device_id" => phone.text("/device_id").to_owned(),
            "disbursement_id" => disbursement.clone(),
            "export_id" => export.text("/export_id").to_owned(),
            "transfer_id" => transfer.clone(),
            "payout_id" => payout.clone(),
            "reservation_id" => reservation.clone(),
            "settlement_id" => closed.text("/items/0/settlement_id").to_owned(),
            "statement_id" => statement.text("/statement_id").to_owned(),
            "user_id" => vishi.desk.subject().to_owned(),
            other => panic!("no thing of the name {other}"),
        }
    };
    let mut cases = 0;
    for route in ROUTES.iter().filter(|route| parameter(route).is_some()) {
        let name = parameter(route).unwrap();
        for role in &route.roles() {
            let mut replies = Vec::new();
            for id in [theirs(name), nothing_there(route).to_owned()] {
                let mut request = with_conditions(route, pennco.of(*role).asks(route).path(name, &id));
                if let Some(body) = body(route) {
                    request = request.json(&body);
                }
                replies.push(call(&world, route, &request).await);
            }
            assert_eq!(replies[0].said(), (404, "unknown"), "{} as {role:?}", route.function);
            assert_eq!(comparable(&replies[0]), comparable(&replies[1]), "{} as {role:?}", route.function);
            assert_eq!(replies[0].headers.keys().collect::<Vec<_>>(), replies[1].headers.keys().collect::<Vec<_>>());
            cases += 1;
        }
    }
    println!("things of another operator: {cases} cases");
}

#[tokio::test]
async fn a_vault_of_another_operator_is_the_same_as_none() {
    let world = World::new().await;
    let route = &domain::access::ACCOUNT_GET;
    for person in [&world.pennco.admin, &world.pennco.desk, &world.pennco.settlement] {
        let theirs = call(&world, route, &person.asks(route).path("account_id", "vault.vishi")).await;
        let absent = call(&world, route, &person.asks(route).path("account_id", "vault.nobody")).await;
        assert_eq!(comparable(&theirs), comparable(&absent));
        assert_eq!(theirs.said(), (404, "unknown"));
    }
}

async fn with_body(world: &World, route: &'static Route, body: &str) -> Reply {
    let person = somebody(&world.pennco, route);
    let request = bodiless(person, route).header("Content-Type", "application/json").body(body);
    call(world, route, &request).await
}

#[tokio::test]
async fn a_body_that_is_not_of_the_shape_is_refused_with_pointer_and_code() {
    let world = World::new().await;
    let mut cases = 0;
    for route in routes_with_a_body() {
        let whole = body(route).unwrap();
        let members = whole.as_object().unwrap();
        let first = members.keys().next().unwrap();
        let text = whole.to_string();
        let rest = text.strip_prefix('{').unwrap();
        let doubled = format!("{{{:?}:{},{rest}", first, members[first]);
        let stranger = format!("{{\"colour\":\"red\",{rest}");
        for (bad, pointer, code) in [
            ("{".to_owned(), "", "malformed_json"),
            (String::new(), "", "malformed_json"),
            ("nonsense".to_owned(), "", "malformed_json"),
            ("[]".to_owned(), "", "wrong_type"),
            ("\"text\"".to_owned(), "", "wrong_type"),
            ("null".to_owned(), "", "wrong_type"),
            (format!("{text} x"), "", "malformed_json"),
            (stranger, "/colour", "unknown_field"),
            (doubled, &format!("/{first}"), "duplicate_key"),
        ] {
            let reply = with_body(&world, route, &bad).await;
            assert_eq!(reply.said(), (400, code), "{} {bad}: {reply:?}", route.function);
            assert_eq!(reply.flaws(), [(pointer, code)], "{} {bad}", route.function);
            cases += 1;
        }
        for name in members.keys() {
            let optional = matches!(name.as_str(), "difference_minor" | "partner_id" | "position" | "disbursement_ids")
                || matches!(route.function, "client-update" | "user-update")
                || (route.function == "user-create" && matches!(name.as_str(), "login" | "email"))
                || (route.function == "delivery-confirm" && name == "amount")
                || (route.function == "payout-update" && name == "reason")
                || (route.function == "settlement-acknowledge" && matches!(name.as_str(), "rejected" | "content"))
                || (route.function == "token-issue" && name != "grant_type");
            let mut without = whole.clone();
            without.as_object_mut().unwrap().remove(name);
            let reply = with_body(&world, route, &without.to_string()).await;
            let pointer = format!("/{name}");
            if optional {
                assert_ne!(reply.status, 400, "{} without {name}: {reply:?}", route.function);
            } else {
                assert_eq!(reply.said(), (400, "missing_field"), "{} without {name}", route.function);
                assert_eq!(reply.flaws(), [(pointer.as_str(), "missing_field")]);
            }
            for wrong in [json!(true), json!(7.5), json!([[1]])] {
                let mut other = whole.clone();
                other[name] = wrong;
                let reply = with_body(&world, route, &other.to_string()).await;
                assert_eq!(reply.status, 400, "{} {other}: {reply:?}", route.function);
                assert!(matches!(reply.code(), "wrong_type" | "unknown_field" | "missing_field"), "{other}: {reply:?}");
                assert!(reply.flaws()[0].0.starts_with(&pointer), "{other}: {reply:?}");
                cases += 1;
            }
            cases += 1;
        }
    }
    println!("bodies of another shape: {cases} cases");
}

/// Pointers of all leaves of a document.
fn leaves(at: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| leaves(&format!("{at}/{name}"), value, found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, value)| leaves(&format!("{at}/{n}"), value, found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => found.push(at.to_owned()),
    }
}

#[tokio::test]
async fn no_value_at_any_place_makes_a_fault() {
    let world = World::new().await;
    let long = "x".repeat(70_000);
    let nasty = [
        "null",
        "true",
        "0",
        "-1",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775809",
        "1e400",
        "1e-400",
        "1.5",
        "\"\"",
        "\" \"",
        "\"\\u0000\"",
        "\"\\ud83d\\ude00\"",
        "\"#\"",
        "\"=1+1\"",
        "\"0000-00-00\"",
        "\"9999-12-31\"",
        "\"-9999-01-01\"",
        "\"9999-12-31T23:59:59Z\"",
        "\"../../x\"",
        "[]",
        "{}",
        "[[[[]]]]",
    ];
    let mut cases = 0;
    let mut by_status: BTreeMap<u16, u32> = BTreeMap::new();
    for route in routes_with_a_body() {
        let whole = body(route).unwrap();
        let mut places = Vec::new();
        leaves("", &whole, &mut places);
        for place in places {
            let marked = "\u{1}here\u{1}";
            let mut with_mark = whole.clone();
            *with_mark.pointer_mut(&place).unwrap() = json!(marked);
            let text = with_mark.to_string();
            let quoted = json!(marked).to_string();
            for value in nasty.iter().map(|value| (*value).to_owned()).chain([format!("\"{long}\"")]) {
                let body = text.replace(&quoted, &value);
                let request =
                    bodiless(somebody(&world.pennco, route), route).header("Content-Type", "application/json");
                let reply = call(&world, route, &request.body(&body)).await;
                assert!(reply.status < 500, "{} {place} = {value}: {reply:?}", route.function);
                *by_status.entry(reply.status).or_default() += 1;
                cases += 1;
            }
        }
    }
    println!("values that nobody expects: {cases} cases, by status {by_status:?}");
}

/// Asks a route with a thing that is there, where there is one, and with what the query needs beside one parameter.
fn asking_by(person: &Person, route: &Route, statement: &str, name: &str) -> RestRequest {
    let request = person.asks(route);
    let request = match parameter(route) {
        Some(path) if path == "account_id" => request.path(path, "vault.pennco"),
        Some(path) if path == "statement_id" => request.path(path, statement),
        Some(path) => request.path(path, nothing_there(route)),
        None => request,
    };
    let beside = asked_for(route, person).into_iter().filter(|(other, _)| *other != name);
    beside.fold(request, |request, (name, value)| request.query(name, value))
}

#[tokio::test]
async fn no_value_of_any_query_parameter_makes_a_fault() {
    let world = World::new().await;
    let rows = statement(&[bank_row("HDFCN52026112199", "-1500.00", "BF-D-9")]);
    let statement = hand_in(&world, &world.pennco.settlement, "statement", &rows).await;
    let long = "x".repeat(5_000);
    let nasty = [
        "",
        " ",
        "\0",
        "\u{1F600}",
        "#",
        "~",
        "null",
        "0",
        "-1",
        "9223372036854775808",
        "0000-01-01",
        "-009999-01-01",
        "1969-12-31",
        "9999-12-31",
        "-009999-01-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "1969-12-31T23:59:59.999Z",
        "1970-01-01T00:00:00Z",
        "9999-12-30T22:00:00Z",
        "9999-12-31T23:59:59Z",
        "../../x",
        &long,
    ];
    let (mut cases, mut parameters) = (0, 0);
    let mut by_status: BTreeMap<u16, u32> = BTreeMap::new();
    for route in closed_routes().filter(|route| route.method == "GET") {
        let person = world.pennco.of(*route.roles().last().unwrap());
        let stranger = call(&world, route, &request(person, route).query("colour", "red")).await;
        let hint = stranger.text("/errors/0/hint").to_owned();
        for name in hint.strip_prefix("allowed: ").into_iter().flat_map(|names| names.split(", ")) {
            parameters += 1;
            for value in nasty {
                let asked = asking_by(person, route, statement.text("/statement_id"), name).query(name, value);
                let reply = call(&world, route, &asked).await;
                assert!(reply.status < 500, "{} {name}={value}: {reply:?}", route.function);
                *by_status.entry(reply.status).or_default() += 1;
                cases += 1;
            }
        }
    }
    assert!(parameters > 40, "{parameters} parameters");
    println!("values of {parameters} query parameters: {cases} cases, by status {by_status:?}");
}

#[tokio::test]
async fn a_command_needs_one_usable_key() {
    let world = World::new().await;
    let mut cases = 0;
    for route in ROUTES.iter().filter(|route| route.kind.is_keyed()) {
        let person = somebody(&world.pennco, route);
        let keyless = || {
            let request = person.asks(route).json(&body(route).unwrap_or_else(|| json!({})));
            let request = if route.kind == Kind::Edit { request.header("If-Match", "\"1\"") } else { request };
            match parameter(route) {
                Some(name) => request.path(name, nothing_there(route)),
                None => request,
            }
        };
        let long = "k".repeat(256);
        world.table.reset_calls();
        let missing = call(&world, route, &keyless()).await;
        assert_eq!(missing.said(), (400, "missing_idempotency_key"), "{}", route.function);
        for bad in ["", " ", "a b", "ключ", &long] {
            let reply = call(&world, route, &keyless().header("Idempotency-Key", bad)).await;
            assert_eq!(reply.said(), (400, "invalid_idempotency_key"), "{} {bad:?}", route.function);
            assert_eq!(reply.flaws(), [("Idempotency-Key", "invalid_idempotency_key")]);
            cases += 1;
        }
        assert_eq!(world.table.calls().total().count, 0, "{} wrote without a key", route.function);
        for good in ["~", "!", &"k".repeat(255), "a#b|c/d"] {
            let reply = call(&world, route, &keyless().header("Idempotency-Key", good)).await;
            assert_ne!(reply.status, 400, "{} {good}: {reply:?}", route.function);
            cases += 1;
        }
        cases += 1;
    }
    println!("idempotency keys: {cases} cases");
}

#[tokio::test]
async fn an_unknown_query_parameter_is_refused_with_those_that_are_allowed() {
    let world = World::new().await;
    let mut cases = 0;
    for route in closed_routes() {
        let person = somebody(&world.pennco, route);
        for stranger in ["colour", "Region", "limit[]", "offset"] {
            let reply = call(&world, route, &request(person, route).query(stranger, "1")).await;
            assert_eq!(reply.said(), (400, "unknown_filter"), "{} {stranger}: {reply:?}", route.function);
            assert_eq!(reply.flaws(), [(stranger, "unknown_filter")]);
            let hint = reply.text("/errors/0/hint");
            let named = query(route).iter().all(|(name, _)| hint.contains(name));
            let paged = (route.kind == Kind::List) == hint.contains("limit, cursor");
            assert!(named && paged && !hint.is_empty(), "{}: {hint}", route.function);
            cases += 1;
        }
        let twice = request(person, route).query("colour", "1").query("colour", "2");
        assert_eq!(call(&world, route, &twice).await.status, 400, "{}", route.function);
    }
    println!("unknown query parameters: {cases} cases");
}

#[tokio::test]
async fn a_page_is_from_1_to_100_and_its_cursor_one_of_ours() {
    let world = World::new().await;
    let mut cases = 0;
    for route in ROUTES.iter().filter(|route| route.kind == Kind::List) {
        let person = world.pennco.of(*route.roles().last().unwrap());
        let asked = || {
            let request = person.asks(route);
            let request = asked_for(route, person).into_iter().fold(request, |asked, (n, v)| asked.query(n, v));
            match parameter(route) {
                Some(name) => request.path(name, "vault.pennco"),
                None => request,
            }
        };
        for limit in ["1", "100"] {
            assert_eq!(call(&world, route, &asked().query("limit", limit)).await.status, 200, "{}", route.function);
        }
        for limit in ["0", "-1", "101", "x", "", "1.5", "99999999999999999999"] {
            let reply = call(&world, route, &asked().query("limit", limit)).await;
            assert_eq!(reply.said(), (400, "invalid_filter"), "{} limit={limit}", route.function);
            assert_eq!(reply.flaws(), [("limit", "invalid_filter")]);
            cases += 1;
        }
        for cursor in ["", "x", "AAAA", &"A".repeat(200), "%00"] {
            let reply = call(&world, route, &asked().query("cursor", cursor)).await;
            assert_eq!(reply.said(), (400, "invalid_cursor"), "{} cursor={cursor}", route.function);
            cases += 1;
        }
        for name in ["limit", "cursor"] {
            let reply = call(&world, route, &asked().query(name, "1").query(name, "1")).await;
            assert_eq!(reply.said(), (400, "invalid_filter"), "{} {name} twice", route.function);
            cases += 1;
        }
    }
    println!("pages: {cases} cases");
}

#[tokio::test]
async fn a_body_beyond_a_megabyte_is_not_read() {
    let world = World::new().await;
    for route in routes_with_a_body() {
        let text = body(route).unwrap().to_string();
        let padded = |bytes: usize| format!("{text}{}", " ".repeat(bytes - text.len()));
        let reply = with_body(&world, route, &padded(1_000_001)).await;
        assert_eq!(reply.said(), (413, "body_too_large"), "{}", route.function);
        let reply = with_body(&world, route, &padded(1_000_000)).await;
        assert_ne!(reply.status, 413, "{}", route.function);
    }
}

#[tokio::test]
async fn a_body_that_is_not_json_by_its_own_word_is_not_read() {
    let world = World::new().await;
    for route in routes_with_a_body() {
        let person = somebody(&world.pennco, route);
        let text = body(route).unwrap().to_string();
        let bare = call(&world, route, &bodiless(person, route).body(&text)).await;
        assert_eq!(bare.said(), (415, "unsupported_media_type"), "{}", route.function);
        let form = Some("application/x-www-form-urlencoded").filter(|_| route.kind != Kind::Token);
        for kind in ["text/plain", "application/jsonp", "application/json+x", ""].into_iter().chain(form) {
            let reply = call(&world, route, &bodiless(person, route).header("Content-Type", kind).body(&text)).await;
            assert_eq!(reply.said(), (415, "unsupported_media_type"), "{} {kind}", route.function);
        }
        for kind in ["application/json; charset=utf-8", "APPLICATION/JSON", "application/json ;x=y"] {
            let reply = call(&world, route, &bodiless(person, route).header("Content-Type", kind).body(&text)).await;
            assert_ne!(reply.status, 415, "{} {kind}", route.function);
        }
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_request_alone_uses_up_no_key() {
    let world = World::new().await;
    let desk = &world.pennco.desk;
    for bad in ["{", r#"{"kind":"collection"}"#] {
        let request =
            desk.asks(&DELIVERY_CREATE).header("Idempotency-Key", "k1").header("Content-Type", "application/json");
        assert_eq!(call(&world, &DELIVERY_CREATE, &request.body(bad)).await.status, 400);
    }
    assert_eq!(plan(&world, desk, "k1", &collection("BF-1", 0)).await.status, 422);
    let taken = plan(&world, desk, "k1", &collection("BF-1", 5)).await;
    assert_eq!((taken.status, taken.is_replay()), (201, false));
}
