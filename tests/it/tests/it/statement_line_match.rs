//! `statement-line-match`: the settlement desk says what bank lines settle, and why.

use std::sync::Arc;

use domain::access::{AUDIT_LIST, STATEMENT_LINE_MATCH};
use serde_json::{Value, json};
use testkit::{LEDGER, NOW_MILLIS, Person, Reply, RestRequest, World};

use crate::{
    books,
    crash_points::crash,
    door::call,
    payout_get::{get, instructed},
    payout_update::{failed, learn, owed_and_bank, paid},
    statement_get,
    statement_line_list::listed,
    statement_match::{another_desk, matched, payment, told},
    steps::{
        TODAY, all_at_once, bank_line, bank_row, command, entry, hand_in, handed_over, kept, match_statements,
        move_money, reconcile, relay, reserved, statement, transfer, waiting, work_off,
    },
    transfer_get,
};

/// Lines and payments of a statement that somebody says belong together, as a request.
pub(crate) fn matching(person: &Person, id: &str, key: &str, lines: &[u32], payments: &[&str]) -> RestRequest {
    matching_with(person, id, key, &json!({ "lines": lines, "disbursement_ids": payments, "reason": "seen on paper" }))
}

/// A line and a payout that somebody says belong together, as a request.
pub(crate) fn matching_payout(person: &Person, id: &str, key: &str, line: u32, payout: &str) -> RestRequest {
    let body = json!({ "lines": [line], "payout_id": payout, "reason": "seen on paper" });
    matching_with(person, id, key, &body).at(NOW_MILLIS + 120_000)
}

/// Lines and booked transfers that somebody says belong together, as a request.
pub(crate) fn matching_transfers(
    person: &Person,
    id: &str,
    key: &str,
    lines: &[u32],
    transfers: &[&str],
) -> RestRequest {
    matching_with(person, id, key, &json!({ "lines": lines, "transfer_ids": transfers, "reason": "the bank's fee" }))
}

/// What the bank took, or got when it is positive, booked against suspense by the settlement desk: the transfer's id.
pub(crate) async fn booked_at_bank(world: &World, key: &str, minor: i64) -> String {
    let entries = json!([entry("bank.pennco", minor), entry("suspense.pennco", -minor)]);
    let body = json!({ "kind": "adjustment", "entries": entries, "reason": "as the bank says" });
    let made = move_money(world, &world.pennco.settlement, key, &body).await;
    assert_eq!(made.status, 201, "{made:?}");
    made.text("/transfer_id").to_owned()
}

fn matching_with(person: &Person, id: &str, key: &str, body: &Value) -> RestRequest {
    command(person, &STATEMENT_LINE_MATCH, key, body).path("statement_id", id)
}

/// Matches lines by hand.
pub(crate) async fn match_by_hand(world: &World, id: &str, key: &str, lines: &[u32], payments: &[&str]) -> Reply {
    call(world, &STATEMENT_LINE_MATCH, &matching(&world.pennco.settlement, id, key, lines, payments)).await
}

/// A statement of these amounts that nothing is matched to, and payments of these: their ids.
pub(crate) async fn unmatched(world: &World, rupees: &[&str], payments: &[i64]) -> (String, Vec<String>) {
    let rows: Vec<String> =
        (1..).zip(rupees).map(|(number, amount)| format!("UTR{number:010},2026-11-20,-{amount},INR,,")).collect();
    let (told, _) = matched(world, "k1", &rows).await;
    let mut ids = vec![];
    for (number, minor) in payments.iter().enumerate() {
        ids.push(handed_over(world, &world.pennco, &format!("BF-D-{number}"), *minor).await);
    }
    (told.text("/statement_id").to_owned(), ids)
}

/// Numbers of the operator's unmatched lines.
pub(crate) async fn open_lines(world: &World) -> Vec<u64> {
    let page = listed(world, &world.pennco.settlement, &[]).await;
    page.items().iter().map(|line| line["line"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_line_that_somebody_matches_settles_its_payment_with_who_and_why() {
    let world = World::new().await;
    let desk = &world.pennco.settlement;
    let (id, payments) = unmatched(&world, &["1500.00", "7.00"], &[150_000]).await;
    assert_eq!(open_lines(&world).await, [1, 2]);
    let reply = match_by_hand(&world, &id, "m1", &[1], &[&payments[0]]).await;
    assert_eq!((reply.status, reply.text("/lines/0/status")), (200, "matched"), "{reply:?}");
    assert_eq!((reply.text("/lines/0/match/rule"), reply.text("/lines/0/match/by")), ("manual", desk.subject()));
    assert_eq!(reply.json["lines"][0]["why"], Value::Null);
    assert_eq!(open_lines(&world).await, [2], "what is matched is no work any more");
    let settled = payment(&world, &payments[0]).await;
    assert_eq!(settled.text("/status"), "reconciled");
    assert_eq!(settled.text("/reconciliation/bank_reference"), "UTR0000000001");
    let said = &settled.json["reconciliation"]["statement"];
    assert_eq!((&said["statement_id"], &said["lines"], &said["rule"]), (&json!(id), &json!([1]), &json!("manual")));
    assert_eq!((&said["reason"], &said["by"]), (&json!("seen on paper"), &json!(desk.subject())));
    let audit = call(&world, &AUDIT_LIST, &world.pennco.admin.asks(&AUDIT_LIST).query("subject", &id)).await;
    let entry = audit.items().iter().find(|entry| entry["action"] == "statement-line-match").unwrap();
    assert_eq!((&entry["reason"], &entry["actor"]), (&json!("seen on paper"), &json!(desk.subject())));
    let news = news(&world, "disbursement.reconciled").await;
    assert_eq!((news.len(), &news[0]["subject"]), (1, &json!(payments[0])));
    books::balance(&world, &world.pennco).await;
}

/// Relays every commit, and tells the events of a kind: each once, although earlier ones come again.
pub(crate) async fn news(world: &World, kind: &str) -> Vec<Value> {
    let known = world.queues.sent_to("activity").len();
    relay(world).await;
    let told = world.queues.sent_to("activity").into_iter().skip(known).map(|sent| sent.json());
    told.filter(|event| event["type"] == kind).collect()
}

#[tokio::test]
async fn one_line_settles_several_payments_and_several_lines_one() {
    let world = World::new().await;
    let (id, payments) = unmatched(&world, &["3.33", "5.00", "1.66"], &[111, 222, 666]).await;
    let one = match_by_hand(&world, &id, "m1", &[1], &[&payments[0], &payments[1]]).await;
    assert_eq!((one.status, one.text("/lines/0/match/kind")), (200, "one_to_many"), "{one:?}");
    for (id, minor) in payments.iter().zip([111, 222]) {
        let settled = payment(&world, id).await;
        assert_eq!(settled.json["reconciliation"]["amount"]["amount_minor"], minor);
    }
    let other = match_by_hand(&world, &id, "m2", &[3, 2], &[&payments[2]]).await;
    assert_eq!((other.status, other.text("/lines/0/match/kind")), (200, "many_to_one"), "{other:?}");
    assert_eq!(other.json["lines"][1]["match"]["lines"], json!([2, 3]));
    let settled = payment(&world, &payments[2]).await;
    assert_eq!(settled.json["reconciliation"]["amount"]["amount_minor"], 666);
    assert!(open_lines(&world).await.is_empty());
}

#[tokio::test]
async fn a_difference_is_stated_exactly_or_nothing_is_matched() {
    let world = World::new().await;
    let desk = &world.pennco.settlement;
    let (id, payments) = unmatched(&world, &["900.01"], &[90_000]).await;
    let with = |key: &str, stated: Value| {
        let body =
            json!({ "lines": [1], "disbursement_ids": [payments[0]], "difference_minor": stated, "reason": "r" });
        matching_with(desk, &id, key, &body)
    };
    for (key, stated) in [("m1", Value::Null), ("m2", json!(0)), ("m3", json!(1)), ("m4", json!(-2))] {
        let refused = call(&world, &STATEMENT_LINE_MATCH, &with(key, stated)).await;
        assert_eq!(refused.said(), (422, "difference_not_stated"));
        assert_eq!((&refused.json["difference_minor"], refused.text("/currency")), (&json!(-1), "INR"));
    }
    assert_eq!(payment(&world, &payments[0]).await.text("/status"), "handed_over");
    let taken = call(&world, &STATEMENT_LINE_MATCH, &with("m5", json!(-1))).await;
    assert_eq!((taken.status, &taken.json["lines"][0]["match"]["difference_minor"]), (200, &json!(-1)), "{taken:?}");
    let settled = payment(&world, &payments[0]).await;
    assert_eq!(settled.json["reconciliation"]["statement"]["difference_minor"], -1);
}

#[tokio::test]
async fn what_cannot_be_matched_is_refused_by_name_and_changes_nothing() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let paid = handed_over(&world, pennco, "BF-D-A", 40_000).await;
    let line = bank_line("UTR0000000004", 40_000);
    assert_eq!(reconcile(&world, &pennco.settlement, &paid, "k0", &line).await.status, 200);
    handed_over(&world, pennco, "BF-D-B", 50_000).await;
    let rows = [
        "UTR0000000001,2026-11-20,-100.00,INR,,".to_owned(),
        "UTR0000000002,2026-11-20,100.00,INR,,".to_owned(),
        "UTR0000000003,2026-11-20,-100.00,NPR,,".to_owned(),
        bank_row("UTR0000000004", "-400.00", "BF-D-A"),
        bank_row("UTR0000000005", "-500.00", "BF-D-B"),
        "UTR0000000001,2026-11-20,-100.00,INR,,".to_owned(),
    ];
    let (told, _) = matched(&world, "k1", &rows).await;
    let id = told.text("/statement_id");
    let waits = handed_over(&world, pennco, "BF-D-C", 10_000).await;
    let (early, _) = reserved(&world, pennco, "BF-D-D", 10_000).await;
    let theirs = handed_over(&world, &world.vishi, "BF-D-E", 10_000).await;
    let before = kept(&world);
    let statuses = async || (payment(&world, &waits).await.json, payment(&world, &early).await.json);
    let as_they_were = statuses().await;
    for (key, lines, payments, said) in [
        ("m1", &[5][..], &[&waits][..], (409, "line_already_matched")),
        ("m2", &[4], &[&waits], (409, "line_repeated")),
        ("m3", &[6], &[&waits], (409, "line_repeated")),
        ("m4", &[2], &[&waits], (422, "wrong_direction")),
        ("m5", &[3], &[&waits], (422, "currency_mixed")),
        ("m6", &[1], &[&early], (409, "illegal_transition")),
        ("m7", &[1], &[&paid], (409, "illegal_transition")),
        ("m8", &[1], &[&theirs], (422, "invalid")),
        ("m9", &[1, 9], &[&waits], (422, "invalid")),
        ("m10", &[1, 3], &[&waits, &early], (422, "invalid")),
        ("m11", &[1, 1], &[&waits], (422, "invalid")),
    ] {
        let payments: Vec<&str> = payments.iter().map(|id| id.as_str()).collect();
        let refused = match_by_hand(&world, id, key, lines, &payments).await;
        assert_eq!(refused.said(), said, "{key}: {refused:?}");
    }
    let many: Vec<u32> = (1..=32).collect();
    assert_eq!(match_by_hand(&world, id, "m12", &many, &[&waits]).await.said(), (422, "too_many_members"));
    let nobody = json!({ "lines": [1], "disbursement_ids": [waits] });
    let silent = call(&world, &STATEMENT_LINE_MATCH, &matching_with(&pennco.settlement, id, "m13", &nobody)).await;
    assert_eq!(silent.said(), (400, "missing_field"));
    for reason in [String::new(), "x".repeat(501)] {
        let body = json!({ "lines": [1], "disbursement_ids": [waits], "reason": reason });
        let refused = call(&world, &STATEMENT_LINE_MATCH, &matching_with(&pennco.settlement, id, "m14", &body)).await;
        assert_eq!((refused.said(), refused.text("/errors/0/pointer")), ((422, "invalid"), "/reason"));
    }
    assert_eq!(statuses().await, as_they_were);
    assert_eq!(kept(&world), before, "nothing but refusals is kept");
}

#[tokio::test]
async fn the_same_command_again_gets_the_first_answer() {
    let world = World::new().await;
    let (id, payments) = unmatched(&world, &["5.00"], &[500]).await;
    let first = match_by_hand(&world, &id, "m1", &[1], &[&payments[0]]).await;
    let again = match_by_hand(&world, &id, "m1", &[1], &[&payments[0]]).await;
    assert_eq!((again.is_replay(), &again.body), (true, &first.body));
    let other = match_by_hand(&world, &id, "m2", &[1], &[&payments[0]]).await;
    assert_eq!(other.said(), (409, "line_already_matched"));
}

#[tokio::test]
async fn of_sixteen_that_match_a_line_at_once_one_does_and_one_payment_is_settled() {
    let world = Arc::new(World::new().await);
    let (id, payments) = unmatched(&world, &["5.00"], &[500; 16]).await;
    let desk = &world.pennco.settlement;
    let requests = payments.iter().enumerate().map(|(n, payment)| {
        let request = matching(desk, &id, &format!("m{n}"), &[1], &[payment]);
        request.at(NOW_MILLIS + 60_000).request_id(&format!("00000000-0000-4000-8000-{n:012}"))
    });
    let replies = all_at_once(&world, &STATEMENT_LINE_MATCH, requests.collect()).await;
    let won = replies.iter().filter(|reply| reply.status == 200).count();
    let lost = |reply: &&Reply| matches!(reply.said(), (409, "line_already_matched" | "in_progress"));
    assert_eq!((won, replies.iter().filter(lost).count()), (1, 15), "{replies:?}");
    let mut settled = 0;
    for id in &payments {
        settled += usize::from(payment(&world, id).await.text("/status") == "reconciled");
    }
    assert_eq!(settled, 1);
}

#[tokio::test]
async fn of_sixteen_lines_that_are_matched_to_one_payment_at_once_one_is() {
    let world = Arc::new(World::new().await);
    let (id, payments) = unmatched(&world, &["5.00"; 16], &[500]).await;
    let desk = &world.pennco.settlement;
    let requests = (1..=16).map(|n| {
        let request = matching(desk, &id, &format!("m{n}"), &[n], &[&payments[0]]);
        request.at(NOW_MILLIS + 60_000).request_id(&format!("00000000-0000-4000-8000-{n:012}"))
    });
    let replies = all_at_once(&world, &STATEMENT_LINE_MATCH, requests.collect()).await;
    let won = replies.iter().filter(|reply| reply.status == 200).count();
    let lost = |reply: &&Reply| matches!(reply.said(), (409, "illegal_transition" | "in_progress"));
    assert_eq!((won, replies.iter().filter(lost).count()), (1, 15), "{replies:?}");
    assert_eq!(open_lines(&world).await.len(), 15);
}

/// Has the job die behind its plan: its statement is `matching`.
pub(crate) async fn die_behind_the_plan(world: &World, id: &str) {
    relay(world).await;
    let writer = world.statement_writer();
    let messages = waiting(world, "statement.fifo");
    for n in 1..100 {
        crash(world, n, false);
        work_off("statement.fifo", &messages, async |m| statement_match::handle(&writer, m).await).await;
        world.table.recover();
        if statement_get::get(world, &world.pennco.settlement, id).await.text("/status") == "matching" {
            return;
        }
    }
    panic!("the job never planned");
}

#[tokio::test]
async fn while_the_job_is_at_a_statement_nobody_else_matches_its_lines() {
    let world = World::new().await;
    let desk = &world.pennco.settlement;
    let paid = handed_over(&world, &world.pennco, "BF-D-1", 11_100).await;
    let rows = [bank_row("UTR0000000001", "-111.00", "BF-D-1"), bank_row("UTR0000000002", "-3.00", "")];
    let taken = hand_in(&world, desk, "k1", &statement(&rows)).await;
    let id = taken.text("/statement_id");
    for (key, status, next) in [("m1", "received", "matching"), ("m2", "matching", "matched")] {
        let refused = match_by_hand(&world, id, key, &[1], &[&paid]).await;
        assert_eq!(refused.said(), (409, "illegal_transition"), "{status}");
        assert_eq!(refused.json["legal_moves"], json!([next]), "{status}");
        if status == "received" {
            die_behind_the_plan(&world, id).await;
        }
    }
    assert!(match_statements(&world).await.is_empty());
    let (told, _) = told(&world, id).await;
    assert_eq!(told.json["result"]["settled_payments"], 1);
    let waits = handed_over(&world, &world.pennco, "BF-D-2", 300).await;
    assert_eq!(match_by_hand(&world, id, "m3", &[2], &[&waits]).await.status, 200);
}

#[tokio::test]
async fn a_payment_that_somebody_matched_since_the_jobs_plan_leaves_the_jobs_line_unmatched() {
    let world = World::new().await;
    let desk = &world.pennco.settlement;
    let (first, payments) = unmatched(&world, &["111.00"], &[11_100]).await;
    let second = hand_in(&world, desk, "k2", &statement(&[bank_row("UTR0000000009", "-111.00", "BF-D-0")])).await;
    let second = second.text("/statement_id");
    die_behind_the_plan(&world, second).await;
    assert_eq!(match_by_hand(&world, &first, "m1", &[1], &[&payments[0]]).await.status, 200);
    assert!(match_statements(&world).await.is_empty());
    let (reply, report) = told(&world, second).await;
    assert_eq!((&report["lines"][0]["status"], &report["lines"][0]["why"]), (&json!("unmatched"), &json!("taken")));
    assert_eq!(reply.json["result"]["settled_payments"], 0);
    let settled = payment(&world, &payments[0]).await;
    assert_eq!(settled.text("/reconciliation/statement/statement_id"), first);
}

#[tokio::test]
async fn a_line_that_was_matched_by_hand_is_repeated_in_whatever_shows_it_again() {
    let world = World::new().await;
    let (id, payments) = unmatched(&world, &["111.00"], &[11_100, 11_100]).await;
    assert_eq!(match_by_hand(&world, &id, "m1", &[1], &[&payments[0]]).await.status, 200);
    let again = format!("UTR0000000001,{TODAY},-111.00,INR,,BF-D-1");
    let (reply, report) = matched(&world, "k2", &[again]).await;
    assert_eq!(report["lines"][0]["matched_before_to"], json!(payments[0]), "{reply:?}");
    let by_command = bank_line("UTR0000000001", 11_100);
    let refused = reconcile(&world, &world.pennco.settlement, &payments[1], "r1", &by_command).await;
    assert_eq!(refused.said(), (409, "bank_line_already_matched"));
}

#[tokio::test]
async fn a_line_that_somebody_says_is_a_payout_pays_and_books_it_once_with_who_and_why() {
    let world = World::new().await;
    let desk = &world.pennco.settlement;
    let payout_id = instructed(&world, &world.pennco, 150_000).await;
    let (told, _) = matched(&world, "k1", &[bank_row("UTR0000000001", "-1500.00", "")]).await;
    let id = told.text("/statement_id");
    let request = matching_payout(desk, id, "m1", 1, &payout_id);
    let reply = call(&world, &STATEMENT_LINE_MATCH, &request).await;
    assert_eq!((reply.status, reply.text("/payout_id")), (200, payout_id.as_str()), "{reply:?}");
    assert_eq!((&reply.json["disbursement_ids"], reply.text("/lines/0/match/rule")), (&json!([]), "manual"));
    let payout = get(&world, desk, &payout_id).await;
    assert_eq!((payout.text("/status"), payout.text("/bank_reference")), ("paid", "UTR0000000001"));
    let last = &payout.json["history"][1];
    assert_eq!((&last["by"], &last["reason"]), (&json!(desk.subject()), &json!("seen on paper")));
    assert_eq!((&last["statement_id"], payout.text("/value_date")), (&json!(id), TODAY));
    assert_eq!(owed_and_bank(&world).await, (0, -150_000));
    assert!(open_lines(&world).await.is_empty());
    assert_eq!(news(&world, "payout.paid").await.len(), 1);
    let again = request.request_id("00000000-0000-4000-8000-a00000000000");
    let again = call(&world, &STATEMENT_LINE_MATCH, &again).await;
    assert_eq!((again.is_replay(), &again.body), (true, &reply.body));
    crate::invariant_check::check(&world, 200).await.unwrap();
}

#[tokio::test]
async fn what_is_no_payout_of_the_line_is_refused_by_name_and_books_nothing() {
    let world = World::new().await;
    let desk = &world.pennco.settlement;
    let open = instructed(&world, &world.pennco, 150_000).await;
    let theirs = instructed(&world, &world.vishi, 150_000).await;
    let rows = [
        bank_row("UTR0000000001", "-1500.00", ""),
        bank_row("UTR0000000002", "-1500.01", ""),
        bank_row("UTR0000000003", "1500.00", ""),
        "UTR0000000004,2026-11-21,-1500.00,NPR,,".to_owned(),
        "UTR0000000005,2026-11-20,-1500.00,INR,,".to_owned(),
        "UTR0000000006,2026-11-22,-1500.00,INR,,".to_owned(),
    ];
    let (told, _) = matched(&world, "k1", &rows).await;
    let id = told.text("/statement_id");
    for (line, payout, said, pointer) in [
        (2, &open, (422, "invalid"), Some("/payout_id")),
        (3, &open, (422, "wrong_direction"), None),
        (4, &open, (422, "currency_mixed"), None),
        (5, &open, (422, "invalid"), Some("/lines/0")),
        (6, &open, (422, "invalid"), Some("/lines/0")),
        (9, &open, (422, "invalid"), Some("/lines/0")),
        (1, &theirs, (422, "invalid"), Some("/payout_id")),
    ] {
        let request = matching_payout(desk, id, &format!("m{line}{payout}"), line, payout);
        let refused = call(&world, &STATEMENT_LINE_MATCH, &request).await;
        assert_eq!(refused.said(), said, "{line}: {refused:?}");
        assert_eq!(refused.flaws().first().map(|flaw| flaw.0), pointer, "{line}: {refused:?}");
    }
    let payment = handed_over(&world, &world.pennco, "BF-D-1", 150_000).await;
    for (key, body, pointer) in [
        ("n1", json!({ "lines": [1], "payout_id": open, "disbursement_ids": [payment] }), "/disbursement_ids"),
        ("n2", json!({ "lines": [1, 2], "payout_id": open }), "/lines"),
        ("n3", json!({ "lines": [2], "payout_id": open, "difference_minor": -1 }), "/difference_minor"),
        ("n4", json!({ "lines": [1] }), "/disbursement_ids"),
    ] {
        let mut body = body;
        body["reason"] = json!("r");
        let request = matching_with(desk, id, key, &body).at(NOW_MILLIS + 120_000);
        let refused = call(&world, &STATEMENT_LINE_MATCH, &request).await;
        assert_eq!((refused.said(), refused.flaws()[0].0), ((422, "invalid"), pointer), "{refused:?}");
    }
    assert_eq!((owed_and_bank(&world).await, open_lines(&world).await.len()), ((-150_000, 0), 6));
    assert_eq!(learn(&world, &open, 1, &failed()).await.status, 200);
    let gone = call(&world, &STATEMENT_LINE_MATCH, &matching_payout(desk, id, "f1", 1, &open)).await;
    assert_eq!((gone.said(), &gone.json["legal_moves"]), ((409, "illegal_transition"), &json!([])), "it failed");
    assert_eq!(owed_and_bank(&world).await, (-150_000, 0));
}

#[tokio::test]
async fn of_sixteen_lines_that_are_matched_to_one_payout_at_once_one_is_and_it_is_booked_once() {
    let world = Arc::new(World::new().await);
    let payout = instructed(&world, &world.pennco, 500).await;
    let rows: Vec<String> = (1..=16).map(|n| bank_row(&format!("UTR{n:010}"), "-5.00", "")).collect();
    let (told, _) = matched(&world, "k1", &rows).await;
    let (id, desk) = (told.text("/statement_id"), &world.pennco.settlement);
    let requests = (1..=16).map(|n| {
        let request = matching_payout(desk, id, &format!("m{n}"), n, &payout);
        request.request_id(&format!("00000000-0000-4000-8000-{n:012}"))
    });
    let replies = all_at_once(&world, &STATEMENT_LINE_MATCH, requests.collect()).await;
    let won = replies.iter().filter(|reply| reply.status == 200).count();
    let lost = |reply: &&Reply| matches!(reply.said(), (409, "illegal_transition" | "in_progress"));
    assert_eq!((won, replies.iter().filter(lost).count()), (1, 15), "{replies:?}");
    assert_eq!(owed_and_bank(&world).await, (0, -500));
}

#[tokio::test]
async fn a_payout_that_somebody_recorded_by_another_reference_keeps_both_names() {
    let world = World::new().await;
    let desk = &world.pennco.settlement;
    let payout = instructed(&world, &world.pennco, 150_000).await;
    assert_eq!(learn(&world, &payout, 1, &paid("AXISN52026112100")).await.status, 200);
    let (told, _) = matched(&world, "k1", &[bank_row("UTR0000000001", "-1500.00", "")]).await;
    let request = matching_payout(desk, told.text("/statement_id"), "m1", 1, &payout);
    assert_eq!(call(&world, &STATEMENT_LINE_MATCH, &request).await.status, 200);
    let now = get(&world, desk, &payout).await;
    assert_eq!((now.text("/bank_reference"), now.json["version"].as_u64()), ("AXISN52026112100", Some(3)));
    assert_eq!(owed_and_bank(&world).await, (0, -150_000), "booked once");
    let spare = handed_over(&world, &world.pennco, "BF-D-1", 150_000).await;
    let other = another_desk(&world, "lines");
    for reference in ["UTR0000000001", "AXISN52026112100"] {
        let refused = reconcile(&world, &other, &spare, reference, &bank_line(reference, 150_000)).await;
        assert_eq!(
            (refused.said(), refused.text("/existing_id")),
            ((409, "bank_line_already_matched"), payout.as_str())
        );
    }
}

#[tokio::test]
async fn what_a_bank_takes_for_itself_is_booked_and_matched_with_its_line() {
    let world = World::new().await;
    let desk = &world.pennco.settlement;
    let (told, _) = matched(&world, "k1", &[bank_row("FEE0000000001", "-11.80", "")]).await;
    let id = told.text("/statement_id");
    let fee = booked_at_bank(&world, "t1", -1_180).await;
    let books_before = world.table.items(LEDGER);
    let reply = call(&world, &STATEMENT_LINE_MATCH, &matching_transfers(desk, id, "m1", &[1], &[&fee])).await;
    assert_eq!((reply.status, &reply.json["transfer_ids"]), (200, &json!([fee])), "{reply:?}");
    let found = &reply.json["lines"][0]["match"];
    assert_eq!(
        (&found["rule"], &found["kind"], &found["by"]),
        (&json!("manual"), &json!("one_to_one"), &json!(desk.subject()))
    );
    assert_eq!((&found["transfer_ids"], &found["disbursement_ids"]), (&json!([fee]), &json!([])));
    assert!(open_lines(&world).await.is_empty());
    assert_eq!(world.table.items(LEDGER), books_before, "a match books nothing");
    let shown = transfer_get::get(&world, &world.pennco.admin, &fee).await;
    assert_eq!((shown.text("/statement/statement_id"), &shown.json["statement"]["lines"]), (id, &json!([1])));
    assert_eq!((shown.text("/statement/reason"), shown.text("/statement/by")), ("the bank's fee", desk.subject()));
    let again = format!("FEE0000000001,{TODAY},-11.80,INR,,seen again");
    let (_, report) = matched(&world, "k2", &[again]).await;
    assert_eq!(report["lines"][0]["matched_before_to"], json!(fee), "what shows the line again names the transfer");
}

#[tokio::test]
async fn what_came_in_is_matched_as_well_one_line_with_several_transfers_and_several_with_one() {
    let world = World::new().await;
    let desk = &world.pennco.settlement;
    let rows = [("NEFT000000001", "30.00"), ("NEFT000000002", "-4.00"), ("NEFT000000003", "-1.00")];
    let (told, _) = matched(&world, "k1", &rows.map(|(name, amount)| bank_row(name, amount, ""))).await;
    let id = told.text("/statement_id");
    let [first, second] = [booked_at_bank(&world, "t1", 1_000).await, booked_at_bank(&world, "t2", 2_000).await];
    let both = matching_transfers(desk, id, "m1", &[1], &[&first, &second]);
    let one = call(&world, &STATEMENT_LINE_MATCH, &both).await;
    assert_eq!((one.status, one.text("/lines/0/match/kind")), (200, "one_to_many"), "{one:?}");
    let taken = booked_at_bank(&world, "t3", -500).await;
    let other = matching_transfers(desk, id, "m2", &[2, 3], &[&taken]);
    let other = call(&world, &STATEMENT_LINE_MATCH, &other).await;
    assert_eq!((other.status, other.text("/lines/1/match/kind")), (200, "many_to_one"), "{other:?}");
    for (transfer, lines) in [(&first, json!([1])), (&second, json!([1])), (&taken, json!([2, 3]))] {
        assert_eq!(transfer_get::get(&world, desk, transfer).await.json["statement"]["lines"], lines);
    }
    assert!(open_lines(&world).await.is_empty());
}

#[tokio::test]
async fn a_line_is_matched_with_no_transfer_that_it_does_not_show_exactly_and_none_is_shown_twice() {
    let world = World::new().await;
    let (desk, admin) = (&world.pennco.settlement, &world.pennco.admin);
    let payout = instructed(&world, &world.pennco, 150_000).await;
    assert_eq!(learn(&world, &payout, 1, &paid("UTR000000000009")).await.status, 200);
    let paid_out = get(&world, desk, &payout).await.text("/transfer_id").to_owned();
    let rows = [
        bank_row("FEE0000000001", "-11.80", ""),
        bank_row("FEE0000000002", "-11.80", ""),
        bank_row("FEE0000000003", "-1500.00", ""),
        format!("FEE0000000004,{TODAY},-11.80,NPR,,"),
    ];
    let (told, _) = matched(&world, "k1", &rows).await;
    let id = told.text("/statement_id").to_owned();
    let [fee, other] = [booked_at_bank(&world, "t1", -1_180).await, booked_at_bank(&world, "t2", -1_179).await];
    let turned = booked_at_bank(&world, "t3", 1_180).await;
    let to_vault = move_money(&world, admin, "t4", &transfer("budget", "vault.pennco", "expense.rent", 1_180)).await;
    let beside = to_vault.text("/transfer_id");
    let theirs = world.vishi.admin.clone();
    let body = transfer("budget", "bank.vishi", "expense.rent", 1_180);
    let theirs = move_money(&world, &theirs, "t5", &body).await.text("/transfer_id").to_owned();
    let before = kept(&world);
    for (key, body, code, pointer) in [
        ("m1", json!({ "lines": [1], "transfer_ids": [other] }), "invalid_value", "/transfer_ids"),
        ("m2", json!({ "lines": [1], "transfer_ids": [turned] }), "invalid_value", "/transfer_ids"),
        ("m3", json!({ "lines": [1], "transfer_ids": [beside] }), "invalid_value", "/transfer_ids/0"),
        ("m4", json!({ "lines": [1], "transfer_ids": [theirs] }), "unknown_transfer", "/transfer_ids/0"),
        ("m5", json!({ "lines": [1], "transfer_ids": [fee, fee] }), "repeated_member", "/transfer_ids/1"),
        ("m6", json!({ "lines": [1, 2], "transfer_ids": [fee, other] }), "many_to_many", "/transfer_ids"),
        ("m7", json!({ "lines": [3], "transfer_ids": [paid_out] }), "invalid_value", "/transfer_ids/0"),
        (
            "m8",
            json!({ "lines": [1], "transfer_ids": [fee], "difference_minor": 0 }),
            "not_allowed",
            "/difference_minor",
        ),
        ("m9", json!({ "lines": [1], "transfer_ids": [fee], "payout_id": payout }), "not_allowed", "/transfer_ids"),
        ("m10", json!({ "lines": [1] }), "required", "/disbursement_ids"),
    ] {
        let mut body = body;
        body["reason"] = json!("the bank's fee");
        let refused = call(&world, &STATEMENT_LINE_MATCH, &matching_with(desk, &id, key, &body)).await;
        assert_eq!((refused.said(), refused.flaws()[0]), ((422, "invalid"), (pointer, code)), "{key}: {refused:?}");
    }
    let of_npr = call(&world, &STATEMENT_LINE_MATCH, &matching_transfers(desk, &id, "m11", &[4], &[&fee])).await;
    assert_eq!(of_npr.said(), (422, "currency_mixed"));
    assert_eq!(kept(&world), before, "nothing but refusals is kept");
    let taken = call(&world, &STATEMENT_LINE_MATCH, &matching_transfers(desk, &id, "m12", &[1], &[&fee])).await;
    assert_eq!(taken.status, 200, "{taken:?}");
    let twice = call(&world, &STATEMENT_LINE_MATCH, &matching_transfers(desk, &id, "m13", &[2], &[&fee])).await;
    assert_eq!((twice.said(), twice.text("/existing_id")), ((409, "transfer_already_matched"), id.as_str()));
    assert_eq!(open_lines(&world).await, [2, 3, 4]);
}

#[tokio::test]
async fn of_sixteen_lines_that_are_matched_to_one_transfer_at_once_one_is() {
    let world = Arc::new(World::new().await);
    let (id, _) = unmatched(&world, &["5.00"; 16], &[]).await;
    let fee = booked_at_bank(&world, "t1", -500).await;
    let desk = &world.pennco.settlement;
    let requests = (1..=16).map(|n| {
        let request = matching_transfers(desk, &id, &format!("m{n}"), &[n], &[&fee]);
        request.at(NOW_MILLIS + 60_000).request_id(&format!("00000000-0000-4000-8000-{n:012}"))
    });
    let replies = all_at_once(&world, &STATEMENT_LINE_MATCH, requests.collect()).await;
    let won = replies.iter().filter(|reply| reply.status == 200).count();
    let lost = |reply: &&Reply| matches!(reply.said(), (409, "transfer_already_matched" | "in_progress"));
    assert_eq!((won, replies.iter().filter(lost).count()), (1, 15), "{replies:?}");
    assert_eq!(open_lines(&world).await.len(), 15);
}
