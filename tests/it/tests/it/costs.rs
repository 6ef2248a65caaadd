//! What each request costs: calls and capacity units, counted, so that a change that makes one dearer is seen.
//! The table in docs/DATA.md is what `every_route_is_measured` prints.

use domain::access::{
    ACCOUNT_CLOSE, ACCOUNT_GET, ACTIVITY_GET, AGENT_LIST, APPROVAL_DECIDE, APPROVAL_GET, APPROVAL_LIST, AUDIT_LIST,
    CLIENT_CREATE, CLIENT_GET, CLIENT_LIST, CLIENT_ROTATE, CLIENT_UPDATE, DAY_CLOSE_GET, DAY_CLOSE_LIST,
    DELIVERY_ASSIGN, DELIVERY_CONFIRM, DELIVERY_CREATE, DELIVERY_GET, DELIVERY_LIST, DEVICE_LIST, DEVICE_REVOKE,
    DISBURSEMENT_CANCEL, DISBURSEMENT_CREATE, DISBURSEMENT_GET, DISBURSEMENT_RECONCILE, DISBURSEMENT_REVERSE,
    EXPORT_CREATE, EXPORT_GET, EXPOSURE_GET, JWKS_GET, LEDGER_PROVE, LOCATION_RECORD, OTP_REQUEST, PASSWORD_RESET,
    PASSWORD_SET, PAYOUT_CREATE, PAYOUT_GET, PAYOUT_LIST, PAYOUT_UPDATE, PROOF_GET, RESERVATION_CREATE,
    RESERVATION_GET, RESERVATION_SETTLE, RESERVATION_VOID, ROUTES, Route, SESSION_CREATE, SESSION_DELETE, SESSION_GET,
    SETTLEMENT_ACKNOWLEDGE, SETTLEMENT_CREATE, SETTLEMENT_GET, SETTLEMENT_LIST, STATEMENT_CREATE, STATEMENT_GET,
    STATEMENT_LINE_LIST, STATEMENT_LINE_MATCH, STATEMENT_LINE_UNMATCH, STATEMENT_LIST, TOKEN_ISSUE, TOTP_CONFIRM,
    TOTP_ENROL, TRANSFER_CREATE, TRANSFER_GET, TRANSFER_REVERSE, USER_CREATE, USER_GET, USER_LIST, USER_UPDATE,
};
use serde_json::{Value, json};
use testkit::{Calls, Operation, PASSWORD, Reply, RestRequest, World, asks};

use crate::{
    door::call,
    logins::{Phone, client_credentials, deliver, holder, password, refresh, totp_code, with_code},
    steps::{
        TODAY, assigned, bank_line, bank_row, build_settlements, close_day, collection, command, confirmed,
        handed_over, inr, instruction, move_money, planned, point, relay, report, reserved, reversal, statement,
        transfer, waiting, work_off,
    },
};

/// What one request asks of the tables.
async fn measured(world: &World, route: &'static Route, request: &RestRequest) -> Calls {
    world.table.reset_calls();
    let reply = call(world, route, request).await;
    assert!(reply.status < 300, "{}: {reply:?}", route.function);
    world.table.calls()
}

fn named(calls: &Calls) -> Vec<(Operation, u64)> {
    calls.operations().map(|(operation, usage)| (operation, usage.count)).collect()
}

#[tokio::test]
async fn the_hot_paths_ask_for_as_little_as_they_can() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let agent = &pennco.agents[0];
    let points: Vec<Value> = (0..60).map(|n| point(900 - n * 15, 18.52)).collect();
    let request = agent.asks(&LOCATION_RECORD).path("agent_id", agent.subject()).json(&json!({ "points": points }));
    let location = measured(&world, &LOCATION_RECORD, &request).await;
    assert_eq!(named(&location), [(Operation::PutItem, 1)]);
    assert_eq!(location.to_string(), "PutItem 1: 0 read, 1 write, 0 index write units");

    let id = assigned(&world, pennco, "BF-1", 5).await;
    let confirm = measured(&world, &DELIVERY_CONFIRM, &report(agent, &id, "k1", &confirmed(5))).await;
    let counted = [(Operation::GetItem, 1), (Operation::UpdateItem, 1), (Operation::TransactWriteItems, 1)];
    assert_eq!(named(&confirm), counted, "the update counts the agent's commands");
    // A minute later the agent's bucket is full again, and one update takes from it.
    let later = report(agent, &id, "k1", &confirmed(5)).at(testkit::NOW_MILLIS + 20_000);
    assert_eq!(named(&measured(&world, &DELIVERY_CONFIRM, &later).await), counted, "a replay reads no more");

    let list = pennco.desk.asks(&DELIVERY_LIST).query("region", "pune-north").query("status", "confirmed");
    assert_eq!(named(&measured(&world, &DELIVERY_LIST, &list).await), [(Operation::Query, 1)]);
    let agents = pennco.desk.asks(&AGENT_LIST).query("region", "pune-north");
    assert_eq!(
        named(&measured(&world, &AGENT_LIST, &agents).await),
        [(Operation::Query, 1), (Operation::BatchGetItem, 1)]
    );
}

#[tokio::test]
async fn a_page_of_a_hundred_costs_its_page_and_no_more() {
    let world = World::new().await;
    for n in 0..110 {
        planned(&world, &world.pennco, &format!("BF-{n}"), 5).await;
    }
    let list = world.pennco.desk.asks(&DELIVERY_LIST).query("region", "pune-north").query("status", "pending");
    let page = measured(&world, &DELIVERY_LIST, &list.clone().query("limit", "100")).await;
    assert_eq!(page.count(Operation::Query), 1);
    assert!(page.total().read_units <= 6.0, "{page}");
    let first = measured(&world, &DELIVERY_LIST, &list.query("limit", "1")).await;
    assert_eq!(first.total().read_units.to_bits(), 0.5_f64.to_bits(), "{first}");
}

#[tokio::test]
async fn every_route_is_measured() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let (desk, agent, bfil) = (&pennco.desk, &pennco.agents[0], &pennco.partners[0]);
    let visit = planned(&world, pennco, "BF-1", 150_000).await;
    let collecting = assigned(&world, pennco, "BF-2", 150_000).await;
    let (_, paying) = reserved(&world, pennco, "BF-D-1", 150_000).await;
    let paid = handed_over(&world, pennco, "BF-D-2", 150_000).await;
    let returned = handed_over(&world, pennco, "BF-D-6", 150_000).await;
    for n in 0..25 {
        planned(&world, pennco, &format!("L-{n}"), 1_000).await;
    }
    let track = |count: i64| {
        let points: Vec<Value> = (0..count).map(|n| point((count - n) * 15 + count, 18.52)).collect();
        let request = agent.asks(&LOCATION_RECORD).path("agent_id", agent.subject());
        request.json(&json!({ "points": points }))
    };
    let line = bank_line("HDFCN52026112112", 150_000);
    let mut rows: Vec<(String, Calls)> = Vec::new();

    let approval = crate::steps::waiting_for_approval(&world, bfil, "BF-D-0", 50_000_000).await;
    let waiting = crate::steps::instruct(&world, bfil, "k6f", &instruction("BF-D-5", 10_000_000)).await;
    let waiting = waiting.text("/disbursement_id").to_owned();
    let approve = json!({ "decision": "approve", "reason": "seen" });
    let assign = json!({ "agent_id": agent.subject() });
    let export = json!({ "kind": "deliveries", "day": TODAY });
    let day = json!({ "business_day": TODAY });
    let bank_statement = statement(&[bank_row("HDFCN52026112199", "-1500.00", "BF-D-9")]);
    let hand = format!("agent_cash.{}", agent.subject());
    let confirm = report(agent, &collecting, "k3", &confirmed(150_000));
    let cases: Vec<(&str, &'static Route, RestRequest)> = vec![
        ("1 point", &LOCATION_RECORD, track(1)),
        ("60 points", &LOCATION_RECORD, track(60)),
        ("200 points", &LOCATION_RECORD, track(200)),
        ("one agent", &AGENT_LIST, desk.asks(&AGENT_LIST).query("region", "pune-north")),
        ("", &DELIVERY_CREATE, command(desk, &DELIVERY_CREATE, "k1", &collection("BF-3", 150_000))),
        (
            "refused: reference taken",
            &DELIVERY_CREATE,
            command(desk, &DELIVERY_CREATE, "k1b", &collection("BF-3", 150_000)),
        ),
        ("", &DELIVERY_ASSIGN, command(desk, &DELIVERY_ASSIGN, "k2", &assign).path("delivery_id", &visit)),
        ("cash collected", &DELIVERY_CONFIRM, confirm.clone()),
        ("a repeat", &DELIVERY_CONFIRM, confirm),
        ("cash handed over", &DELIVERY_CONFIRM, report(agent, &paying, "k4", &confirmed(150_000))),
        ("visit failed", &DELIVERY_CONFIRM, report(agent, &visit, "k5", &crate::steps::failed("refused"))),
        ("", &DELIVERY_GET, desk.asks(&DELIVERY_GET).path("delivery_id", &visit)),
        (
            "a page of 25",
            &DELIVERY_LIST,
            desk.asks(&DELIVERY_LIST).query("region", "pune-north").query("status", "pending"),
        ),
        ("an agent's day", &DELIVERY_LIST, agent.asks(&DELIVERY_LIST).query("due", TODAY)),
        ("", &DISBURSEMENT_CREATE, command(bfil, &DISBURSEMENT_CREATE, "k6", &instruction("BF-D-3", 150_000))),
        (
            "waits for approval",
            &DISBURSEMENT_CREATE,
            command(bfil, &DISBURSEMENT_CREATE, "k6b", &instruction("BF-D-4", 10_000_000)),
        ),
        ("one waits", &APPROVAL_LIST, bfil.asks(&APPROVAL_LIST)),
        ("", &APPROVAL_GET, bfil.asks(&APPROVAL_GET).path("approval_id", &approval)),
        (
            "the first of two",
            &APPROVAL_DECIDE,
            command(&pennco.settlement, &APPROVAL_DECIDE, "k6c", &approve).path("approval_id", &approval),
        ),
        (
            "the last",
            &APPROVAL_DECIDE,
            command(&pennco.admin, &APPROVAL_DECIDE, "k6d", &approve).path("approval_id", &approval),
        ),
        (
            "while it waits for approval",
            &DISBURSEMENT_CANCEL,
            command(bfil, &DISBURSEMENT_CANCEL, "k6e", &json!({ "reason": "withdrawn" }))
                .path("disbursement_id", &waiting),
        ),
        ("", &DISBURSEMENT_GET, bfil.asks(&DISBURSEMENT_GET).path("disbursement_id", &paid)),
        (
            "",
            &DISBURSEMENT_RECONCILE,
            command(&pennco.settlement, &DISBURSEMENT_RECONCILE, "k7", &line).path("disbursement_id", &paid),
        ),
        (
            "",
            &DISBURSEMENT_REVERSE,
            command(&pennco.settlement, &DISBURSEMENT_REVERSE, "k7b", &json!({ "reason": "given back" }))
                .path("disbursement_id", &returned),
        ),
        ("an agent's cash", &ACCOUNT_GET, agent.asks(&ACCOUNT_GET).path("account_id", &hand)),
        (
            "a partner's control account",
            &ACCOUNT_GET,
            bfil.asks(&ACCOUNT_GET).path("account_id", "partner_control.bfil"),
        ),
        (
            "two accounts",
            &TRANSFER_CREATE,
            command(&pennco.settlement, &TRANSFER_CREATE, "t1", &transfer("deposit", &hand, "vault.pennco", 500)),
        ),
        (
            "to a budget",
            &TRANSFER_CREATE,
            command(&pennco.settlement, &TRANSFER_CREATE, "t2", &transfer("budget", "vault.pennco", "budget.sms", 500)),
        ),
        ("", &EXPORT_CREATE, command(desk, &EXPORT_CREATE, "k8", &export)),
        (
            "two partners",
            &SETTLEMENT_CREATE,
            command(&pennco.settlement, &SETTLEMENT_CREATE, "k9", &day).at(testkit::NOW_MILLIS + 60_000),
        ),
        ("a page of 25", &AUDIT_LIST, pennco.admin.asks(&AUDIT_LIST)),
        ("two settlements", &SETTLEMENT_LIST, pennco.settlement.asks(&SETTLEMENT_LIST)),
        (
            "one line",
            &STATEMENT_CREATE,
            command(&pennco.settlement, &STATEMENT_CREATE, "k10", &bank_statement).at(testkit::NOW_MILLIS + 60_000),
        ),
        (
            "one day",
            &ACTIVITY_GET,
            desk.asks(&ACTIVITY_GET).query("from", "2026-11-21T00:00:00Z").query("to", "2026-11-21T23:00:00Z"),
        ),
    ];
    let mut seen = identity(&world, &mut rows).await;
    for (of, route, request) in &cases {
        world.table.reset_calls();
        let reply = call(&world, route, request).await;
        assert!(reply.status < 300 || of.contains("refused"), "{}: {reply:?}", route.function);
        let name = if of.is_empty() { format!("`{}`", route.function) } else { format!("`{}`, {of}", route.function) };
        rows.push((name, world.table.calls()));
        seen.push(route.function);
    }
    let settlement = call(&world, &SETTLEMENT_LIST, &bfil.asks(&SETTLEMENT_LIST)).await;
    let settlement = settlement.text("/items/0/settlement_id").to_owned();
    let request = bfil.asks(&SETTLEMENT_GET).path("settlement_id", &settlement);
    rows.push(("`settlement-get`".to_owned(), measured(&world, &SETTLEMENT_GET, &request).await));
    let moved = transfer("budget", "budget.sms", "vault.pennco", 500);
    let moved = move_money(&world, &pennco.admin, "t3", &moved).await;
    let close = command(&pennco.admin, &ACCOUNT_CLOSE, "t4", &json!({})).path("account_id", "budget.sms");
    rows.push(("`account-close`".to_owned(), measured(&world, &ACCOUNT_CLOSE, &close).await));
    let body = crate::steps::held(&hand, 100);
    let made = crate::steps::hold(&world, &pennco.admin, "h0", &body).await;
    let id = made.text("/reservation_id");
    let again = command(&pennco.admin, &RESERVATION_CREATE, "h1", &body);
    rows.push(("`reservation-create`".to_owned(), measured(&world, &RESERVATION_CREATE, &again).await));
    let read = desk.asks(&RESERVATION_GET).path("reservation_id", id);
    rows.push(("`reservation-get`".to_owned(), measured(&world, &RESERVATION_GET, &read).await));
    let spend = crate::reservation_settle::spending("deposit", "vault.pennco");
    let spend = crate::reservation_settle::settling(&pennco.admin, id, "h2", &spend);
    rows.push(("`reservation-settle`".to_owned(), measured(&world, &RESERVATION_SETTLE, &spend).await));
    let made = crate::steps::hold(&world, &pennco.admin, "h3", &body).await;
    let gone = crate::reservation_void::voiding(&pennco.admin, made.text("/reservation_id"), "h4");
    rows.push(("`reservation-void`".to_owned(), measured(&world, &RESERVATION_VOID, &gone).await));
    seen.extend(["reservation-create", "reservation-get", "reservation-settle", "reservation-void"]);
    let first = move_money(&world, &pennco.admin, "t5", &transfer("deposit", &hand, "vault.pennco", 7)).await;
    let read = desk.asks(&TRANSFER_GET).path("transfer_id", moved.text("/transfer_id"));
    rows.push(("`transfer-get`".to_owned(), measured(&world, &TRANSFER_GET, &read).await));
    let back = reversal(&pennco.admin, first.text("/transfer_id"), "t6");
    rows.push(("`transfer-reverse`, two accounts".to_owned(), measured(&world, &TRANSFER_REVERSE, &back).await));
    seen.extend(["account-close", "transfer-get", "transfer-reverse"]);
    let request = desk.asks(&DAY_CLOSE_GET).path("business_day", TODAY);
    rows.push(("`day-close-get`, not reported yet".to_owned(), measured(&world, &DAY_CLOSE_GET, &request).await));
    let request = desk.asks(&DAY_CLOSE_LIST);
    rows.push(("`day-close-list`, one day".to_owned(), measured(&world, &DAY_CLOSE_LIST, &request).await));
    let export = call(&world, &EXPORT_CREATE, &command(desk, &EXPORT_CREATE, "k8", &export)).await;
    let request = desk.asks(&EXPORT_GET).path("export_id", export.text("/export_id"));
    rows.push(("`export-get`".to_owned(), measured(&world, &EXPORT_GET, &request).await));
    let tick = edge::schedule::Tick { at: world.now(), message_id: "tick".to_owned() };
    world.table.reset_calls();
    invariant_check::handle(&world.proof_writer(), tick).await.unwrap();
    rows.push(("`invariant-check`, two operators of nine accounts".to_owned(), world.table.calls()));
    rows.push(("`proof-get`".to_owned(), measured(&world, &PROOF_GET, &desk.asks(&PROOF_GET)).await));
    let known = call(&world, &STATEMENT_LIST, &pennco.settlement.asks(&STATEMENT_LIST)).await;
    let request = pennco.settlement.asks(&STATEMENT_GET).path("statement_id", known.text("/items/0/statement_id"));
    rows.push(("`statement-get`".to_owned(), measured(&world, &STATEMENT_GET, &request).await));
    let request = pennco.settlement.asks(&STATEMENT_LIST);
    rows.push(("`statement-list`, one statement".to_owned(), measured(&world, &STATEMENT_LIST, &request).await));
    seen.extend(["day-close-get", "day-close-list", "settlement-get", "export-get", "proof-get"]);
    seen.extend(["statement-get", "statement-list"]);
    seen.extend(payouts(&mut rows).await);
    seen.extend(statement_lines(&mut rows).await);
    seen.push(seals(&mut rows).await);
    for route in ROUTES {
        assert!(seen.contains(&route.function), "{} is not measured", route.function);
    }
    jobs(&world, &mut rows).await;

    println!("| request | calls | read units | write units | index write units |");
    println!("|---|---|---|---|---|");
    for (name, calls) in &rows {
        let of: Vec<_> = calls.operations().map(|(operation, usage)| format!("{} {operation}", usage.count)).collect();
        let total = calls.total();
        let (read, write, index) = (total.read_units, total.write_units, total.index_write_units);
        println!("| {name} | {} | {read} | {write} | {index} |", of.join(", "));
    }
}

/// Sealing an hour, reading it again and proving a part of it, in a world of its own. Whose it is.
async fn seals(rows: &mut Vec<(String, Calls)>) -> &'static str {
    let world = World::new().await;
    let pennco = &world.pennco;
    for n in 0..10 {
        crate::steps::collected(&world, pennco, &format!("BF-{n}"), 5).await;
    }
    relay(&world).await;
    crate::ledger_seal::seal(&world, crate::ledger_seal::OVER - 3_600).await.unwrap();
    let objects = world.locked.calls();
    world.table.reset_calls();
    crate::ledger_seal::seal(&world, crate::ledger_seal::OVER).await.unwrap();
    let objects = world.locked.calls() - objects;
    let of = format!("`ledger-seal`, two operators, an hour of 30 commits and one of none, {objects} calls to S3");
    rows.push((of, world.table.calls()));
    let objects = world.locked.calls();
    world.table.reset_calls();
    crate::invariant_check::check(&world, crate::ledger_seal::OVER).await.unwrap();
    let objects = world.locked.calls() - objects;
    let of = format!("`invariant-check`, the same with 25 seals each, all read again, {objects} calls to S3");
    rows.push((of, world.table.calls()));
    let transfer = crate::invariant_check::entries(&world).pop().unwrap();
    let request = pennco.admin.asks(&LEDGER_PROVE).query("transfer_id", transfer["transfer_id"]["S"].as_str().unwrap());
    rows.push((
        "`ledger-prove`, a transfer of two entries".to_owned(),
        measured(&world, &LEDGER_PROVE, &request).await,
    ));
    LEDGER_PROVE.function
}

/// A line that settles nothing, then a payment, then nothing again, in a world of its own. Whose they are.
async fn statement_lines(rows: &mut Vec<(String, Calls)>) -> Vec<&'static str> {
    let world = World::new().await;
    let desk = &world.pennco.settlement;
    let mut seen = vec![];
    let (id, payments) = crate::statement_line_match::unmatched(&world, &["5.00"], &[500]).await;
    let cases: [(&str, &'static Route, RestRequest); 3] = [
        (", one line", &STATEMENT_LINE_LIST, desk.asks(&STATEMENT_LINE_LIST)),
        (
            ", a line and a payment",
            &STATEMENT_LINE_MATCH,
            crate::statement_line_match::matching(desk, &id, "m1", &[1], &[&payments[0]]),
        ),
        (
            ", a line and a payment",
            &STATEMENT_LINE_UNMATCH,
            crate::statement_line_unmatch::unmatching(desk, &id, "u1", 1),
        ),
    ];
    for (of, route, request) in cases {
        rows.push((format!("`{}`{of}", route.function), measured(&world, route, &request).await));
        seen.push(route.function);
    }
    let fee = crate::statement_line_match::booked_at_bank(&world, "t1", -500).await;
    let shown = crate::statement_line_match::matching_transfers(desk, &id, "m2", &[1], &[&fee]);
    let calls = measured(&world, &STATEMENT_LINE_MATCH, &shown).await;
    rows.push(("`statement-line-match`, a line and a transfer".to_owned(), calls));
    seen
}

/// A payout that fails and is made again, in a world of its own. Whose they are.
async fn payouts(rows: &mut Vec<(String, Calls)>) -> Vec<&'static str> {
    let world = World::new().await;
    let desk = &world.pennco.settlement;
    let settled = crate::payout_get::settled(&world, &world.pennco, 150_000).await;
    let id = settled.text("/payout_id");
    let learned = crate::payout_update::news(desk, id, "failed", 1, &crate::payout_update::failed());
    let body = json!({ "settlement_id": settled.text("/settlement_id") });
    let again = command(desk, &PAYOUT_CREATE, "again", &body).at(testkit::NOW_MILLIS + 120_000);
    let cases: [(&str, &'static Route, RestRequest); 5] = [
        ("", &PAYOUT_GET, desk.asks(&PAYOUT_GET).path("payout_id", id)),
        (", one payout", &PAYOUT_LIST, desk.asks(&PAYOUT_LIST)),
        (", one open payout", &EXPOSURE_GET, desk.asks(&EXPOSURE_GET)),
        (", failed", &PAYOUT_UPDATE, learned),
        ("", &PAYOUT_CREATE, again),
    ];
    let mut seen = vec![];
    for (of, route, request) in &cases {
        rows.push((format!("`{}`{of}", route.function), measured(&world, route, request).await));
        seen.push(route.function);
    }
    let settlement = crate::settlement_get::get(&world, desk, settled.text("/settlement_id")).await;
    let mut said = crate::settlement_acknowledge::whole(&settlement);
    said["rejected"] = json!([crate::settlement_acknowledge::rejected(1, 150_000)]);
    let said = crate::settlement_acknowledge::request(desk, &settlement, "said", &said);
    let of = "`settlement-acknowledge`, one of one line rejected".to_owned();
    rows.push((of, measured(&world, &SETTLEMENT_ACKNOWLEDGE, &said).await));
    seen.push(SETTLEMENT_ACKNOWLEDGE.function);
    let tick = edge::schedule::Tick { at: world.now().plus_seconds(4 * 86_400), message_id: "tick".to_owned() };
    world.table.reset_calls();
    payout_watch::handle(&world.payouts(), tick).await.unwrap();
    rows.push(("`payout-watch`, two operators, one payout overdue".to_owned(), world.table.calls()));
    let open = call(&world, &PAYOUT_LIST, &desk.asks(&PAYOUT_LIST)).await;
    let id = open.items()[0]["payout_id"].as_str().unwrap();
    let learned = crate::payout_update::paid("AXISN52026112100");
    let learned = crate::payout_update::news(desk, id, "paid", 2, &learned);
    rows.push(("`payout-update`, paid".to_owned(), measured(&world, &PAYOUT_UPDATE, &learned).await));
    seen
}

/// Logging in, and what admins do. Whose they are.
async fn identity(world: &World, rows: &mut Vec<(String, Calls)>) -> Vec<&'static str> {
    let pennco = &world.pennco;
    let (admin, desk) = (&pennco.admin, &pennco.desk);
    let mut seen = vec![];
    let mut measure = async |of: &str, route: &'static Route, request: RestRequest| -> Reply {
        world.table.reset_calls();
        let reply = call(world, route, &request).await;
        assert!(reply.status < 300 || of.contains("refused"), "{}: {reply:?}", route.function);
        let name = if of.is_empty() { format!("`{}`", route.function) } else { format!("`{}`, {of}", route.function) };
        rows.push((name, world.table.calls()));
        seen.push(route.function);
        reply
    };
    let open = |route: &Route, body: &Value| asks(route).json(body);
    let desk_login = password("desk@pennco", PASSWORD);
    let tokens = measure("password", &TOKEN_ISSUE, open(&TOKEN_ISSUE, &desk_login)).await;
    let wrong = password("desk@pennco", "wrong");
    measure("refused: wrong password", &TOKEN_ISSUE, open(&TOKEN_ISSUE, &wrong)).await;
    let refresh = refresh(tokens.text("/refresh_token"));
    measure("refresh token", &TOKEN_ISSUE, open(&TOKEN_ISSUE, &refresh)).await;
    measure("the answer was lost", &TOKEN_ISSUE, open(&TOKEN_ISSUE, &refresh)).await;
    let number = json!({ "username": "+919800000001@pennco" });
    let sent = measure("", &OTP_REQUEST, open(&OTP_REQUEST, &number)).await;
    deliver(world).await;
    let code = world.post.sms().last().unwrap().text[..6].to_owned();
    let phone = Phone::new(1);
    let code = with_code(&phone, "+919800000001@pennco", sent.text("/challenge_id"), &code);
    let tokens = measure("code, with a new phone", &TOKEN_ISSUE, code).await;
    measure("refresh token of a phone", &TOKEN_ISSUE, phone.refreshes(tokens.text("/refresh_token"))).await;
    let agent = holder(&pennco.agents[0], &tokens);
    measure("one phone", &DEVICE_LIST, agent.asks(&DEVICE_LIST)).await;
    let revoke = command(desk, &DEVICE_REVOKE, "lost", &json!({})).path("device_id", tokens.text("/device_id"));
    measure("", &DEVICE_REVOKE, revoke).await;
    let login = json!({ "username": "desk@pennco", "password": PASSWORD });
    let opened = measure("", &SESSION_CREATE, open(&SESSION_CREATE, &login)).await;
    let cookie = opened.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let by_cookie = |route: &Route| asks(route).header("Cookie", &cookie);
    measure("", &SESSION_GET, by_cookie(&SESSION_GET)).await;
    let csrf_token = opened.text("/csrf_token");
    measure("", &SESSION_DELETE, by_cookie(&SESSION_DELETE).header("X-CSRF-Token", csrf_token)).await;
    let name = json!({ "username": "lnt-finance@pennco" });
    measure("", &PASSWORD_RESET, open(&PASSWORD_RESET, &name)).await;
    deliver(world).await;
    let mail = world.post.mail().last().unwrap().text.clone();
    let ticket = mail.lines().find(|line| line.starts_with("pennco.")).unwrap();
    let new = json!({ "ticket": ticket, "password": "correct horse battery" });
    measure("", &PASSWORD_SET, open(&PASSWORD_SET, &new)).await;
    let secret = measure("", &TOTP_ENROL, desk.asks(&TOTP_ENROL).json(&json!({}))).await;
    let code = json!({ "code": totp_code(secret.text("/secret"), world.now()) });
    measure("", &TOTP_CONFIRM, desk.asks(&TOTP_CONFIRM).json(&code)).await;
    let clerk = json!({ "login": "clerk", "name": "Clerk", "email": "clerk@pennco.example", "role": "settlement" });
    let user = measure("staff", &USER_CREATE, command(admin, &USER_CREATE, "u1", &clerk)).await;
    let agent = json!({ "name": "Meera", "phone": "+919800000009", "role": "agent", "regions": ["pune-north"],
                        "cash_cap": inr(5_000_000) });
    measure("agent", &USER_CREATE, command(admin, &USER_CREATE, "u2", &agent)).await;
    measure("ten people", &USER_LIST, admin.asks(&USER_LIST).query("limit", "10")).await;
    let user_id = user.text("/user_id");
    measure("", &USER_GET, admin.asks(&USER_GET).path("user_id", user_id)).await;
    let name = command(admin, &USER_UPDATE, "u3", &json!({ "name": "The Clerk" })).header("If-Match", "\"1\"");
    measure("", &USER_UPDATE, name.path("user_id", user_id)).await;
    let program = json!({ "name": "ERP", "role": "partner", "partner_id": "bfil", "scopes": ["settlement:read"] });
    let client = measure("", &CLIENT_CREATE, command(admin, &CLIENT_CREATE, "c1", &program)).await;
    let (id, secret) = (client.text("/client/oauth_client_id"), client.text("/client_secret"));
    measure("program", &TOKEN_ISSUE, open(&TOKEN_ISSUE, &client_credentials(id, secret))).await;
    let client_id = client.text("/client/client_id");
    measure("", &CLIENT_GET, admin.asks(&CLIENT_GET).path("client_id", client_id)).await;
    measure("one program", &CLIENT_LIST, admin.asks(&CLIENT_LIST)).await;
    let name = command(admin, &CLIENT_UPDATE, "c2", &json!({ "name": "ERP 2" })).header("If-Match", "\"1\"");
    measure("", &CLIENT_UPDATE, name.path("client_id", client_id)).await;
    let rotate = command(admin, &CLIENT_ROTATE, "c3", &json!({})).path("client_id", client_id);
    measure("", &CLIENT_ROTATE, rotate).await;
    measure("", &JWKS_GET, asks(&JWKS_GET)).await;
    seen
}

/// The background jobs, message by message.
async fn jobs(world: &World, rows: &mut Vec<(String, Calls)>) {
    let commits = crate::steps::stream_of_commits(world);
    let records = commits["Records"].as_array().unwrap();
    let reporting = records.iter().find(|record| record["dynamodb"]["NewImage"].get("events").is_some()).unwrap();
    world.table.reset_calls();
    event_relay::handle(&world.outbox(), serde_json::from_value(reporting.clone()).unwrap()).await.unwrap();
    rows.push(("`event-relay`, a commit".to_owned(), world.table.calls()));
    let before = &reporting["dynamodb"]["NewImage"];
    let place = crate::invariant_check::place(before);
    let after = world.table.items(testkit::RECORDS).into_iter().find(|row| crate::invariant_check::place(row) == place);
    let left = testkit::StreamRecord::modify(before, &after.unwrap());
    for (name, change) in [
        ("`ledger-watch`, a commit that leaves the outbox", left),
        ("`ledger-watch`, a commit that was removed", testkit::StreamRecord::remove(before)),
    ] {
        let changes = testkit::stream_event(testkit::RECORDS, &[change]);
        world.table.reset_calls();
        let change = serde_json::from_value(changes["Records"][0].clone()).unwrap();
        ledger_watch::handle(&world.alterations(), change).await.unwrap();
        rows.push((name.to_owned(), world.table.calls()));
    }
    relay(world).await;
    let batches = world.table.items(testkit::TRACKS);
    let changes = testkit::stream_event(testkit::TRACKS, &[testkit::StreamRecord::insert(&batches[0])]);
    world.table.reset_calls();
    let change = serde_json::from_value(changes["Records"][0].clone()).unwrap();
    position_roll_up::handle(&world.agents(), change).await.unwrap();
    rows.push(("`position-roll-up`, a batch".to_owned(), world.table.calls()));
    let activities = world.activities();
    let messages = waiting(world, "activity");
    for (at, name) in [(0, "`activity-roll-up`, an event"), (0, "`activity-roll-up`, the same again")] {
        world.table.reset_calls();
        let failed =
            work_off("activity", &messages[at..=at], async |m| activity_roll_up::handle(&activities, m).await).await;
        assert!(failed.is_empty());
        rows.push((name.to_owned(), world.table.calls()));
    }
    let (settlements, exports) = (world.settlement_writer(), world.export_writer());
    let messages = waiting(world, "settlement.fifo");
    world.table.reset_calls();
    let failed =
        work_off("settlement.fifo", &messages[..1], async |m| settlement_build::handle(&settlements, m).await).await;
    assert!(failed.is_empty());
    rows.push(("`settlement-build`, three entries".to_owned(), world.table.calls()));
    let statements = world.statement_writer();
    let messages = waiting(world, "statement.fifo");
    world.table.reset_calls();
    let failed =
        work_off("statement.fifo", &messages[..1], async |m| statement_match::handle(&statements, m).await).await;
    assert!(failed.is_empty());
    rows.push(("`statement-match`, one line that matches nothing".to_owned(), world.table.calls()));
    let messages = waiting(world, "export");
    world.table.reset_calls();
    let failed = work_off("export", &messages[..1], async |m| export_build::handle(&exports, m).await).await;
    assert!(failed.is_empty());
    rows.push(("`export-build`, deliveries of one region".to_owned(), world.table.calls()));
    let tick = edge::schedule::Tick { at: world.now().plus_seconds(3600), message_id: "tick".to_owned() };
    world.table.reset_calls();
    event_sweep::handle(&world.outbox(), tick.clone()).await.unwrap();
    rows.push(("`event-sweep`, two operators, two commits found".to_owned(), world.table.calls()));
    world.table.reset_calls();
    settlement_close::handle(&world.settlements(), tick.clone()).await.unwrap();
    rows.push(("`settlement-close`, one of two operators due".to_owned(), world.table.calls()));
    assert!(build_settlements(world).await.is_empty());
    relay(world).await;
    let messages = waiting(world, "day-close.fifo");
    let reporting = world.day_close_writer();
    world.table.reset_calls();
    let failed =
        work_off("day-close.fifo", &messages[..1], async |m| day_close_build::handle(&reporting, m).await).await;
    assert!(failed.is_empty());
    rows.push(("`day-close-build`, ten accounts".to_owned(), world.table.calls()));
    let tick = edge::schedule::Tick { at: world.now().plus_seconds(86_400), ..tick };
    world.table.reset_calls();
    let later = tick.clone();
    approval_expire::handle(&world.approvals(), tick).await.unwrap();
    rows.push(("`approval-expire`, two operators, one approval overdue".to_owned(), world.table.calls()));
    world.table.reset_calls();
    reservation_expire::handle(&world.reservations(), later).await.unwrap();
    rows.push(("`reservation-expire`, two operators, one reservation overdue".to_owned(), world.table.calls()));
}

#[tokio::test]
async fn closing_costs_one_transaction_whatever_the_day_was() {
    let world = World::new().await;
    let pennco = &world.pennco;
    for n in 0..5 {
        crate::steps::collected(&world, pennco, &format!("BF-{n}"), 5).await;
    }
    world.table.reset_calls();
    assert_eq!(close_day(&world, &pennco.settlement, "k1", TODAY).await.status, 202);
    let counted = [(Operation::GetItem, 2), (Operation::UpdateItem, 1), (Operation::TransactWriteItems, 1)];
    assert_eq!(named(&world.table.calls()), counted);
    assert!(build_settlements(&world).await.is_empty());
}
