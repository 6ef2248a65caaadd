//! `statement-match`: books what a statement's lines settle, and says of every other line why it settles nothing.

use std::collections::BTreeMap;

use domain::{
    Caller, Role, Timestamp,
    access::{DISBURSEMENT_GET, STATEMENT_CREATE},
    id::Sha256Hex,
};
use serde_json::{Value, json};
use store::StatementWriter;
use testkit::{NOW_MILLIS, Person, RECORDS, Reply, World};

use crate::{
    books,
    crash_points::crash,
    door::call,
    payout_create::pay,
    payout_get::{get, instructed},
    payout_list,
    payout_update::{failed, learn, owed_and_bank, paid, sent, unknown},
    statement_get,
    statement_line_match::{die_behind_the_plan, match_by_hand, news},
    steps::{
        TODAY, assign, bank_line, bank_row, command, confirm, confirmed, hand_in, handed_over, instruct, instruction,
        match_statements, move_money, reconcile, relay, reserved, statement, waiting, work_off,
    },
    transfer_get,
};

/// Another settlement desk: what somebody asks is counted, and at no time before the last that they asked at.
pub(crate) fn another_desk(world: &World, name: &str) -> Person {
    world.person(Caller::new(world.pennco.operator.clone(), Role::Settlement, format!("desk of {name}"), vec![]))
}

/// Hands a statement in, two minutes from now.
pub(crate) async fn handed_in(world: &World, key: &str, rows: &[String]) -> Reply {
    let request = command(&another_desk(world, key), &STATEMENT_CREATE, key, &statement(rows)).at(NOW_MILLIS + 120_000);
    let taken = call(world, &STATEMENT_CREATE, &request).await;
    assert_eq!(taken.status, 202, "{taken:?}");
    taken
}

/// Hands a statement in and matches it: what `statement-get` says, and the report.
pub(crate) async fn matched(world: &World, key: &str, rows: &[String]) -> (Reply, Value) {
    let taken = handed_in(world, key, rows).await;
    assert!(match_statements(world).await.is_empty());
    told(world, taken.text("/statement_id")).await
}

pub(crate) async fn told(world: &World, id: &str) -> (Reply, Value) {
    let reply = statement_get::get(world, &world.pennco.settlement, id).await;
    assert_eq!(reply.text("/status"), "matched", "{reply:?}");
    let bytes = world.bucket.follow(reply.text("/result/report/url")).unwrap();
    assert_eq!(Sha256Hex::of(&bytes).as_str(), reply.text("/result/report/sha256"));
    (reply, serde_json::from_slice(&bytes).unwrap())
}

/// How a payment stands.
pub(crate) async fn payment(world: &World, id: &str) -> Reply {
    let admin = &world.pennco.admin;
    call(world, &DISBURSEMENT_GET, &admin.asks(&DISBURSEMENT_GET).path("disbursement_id", id)).await
}

/// How many commits there are.
fn commits(world: &World) -> usize {
    world.table.items(RECORDS).iter().filter(|item| item["sk"]["S"] == "commit").count()
}

#[tokio::test]
async fn each_line_settles_its_payment_or_says_what_is_in_the_way() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let named = handed_over(&world, pennco, "BF-D-1001", 150_000).await;
    let unnamed = handed_over(&world, pennco, "BF-D-1002", 70_000).await;
    let off = handed_over(&world, pennco, "BF-D-1003", 90_000).await;
    reserved(&world, pennco, "BF-D-1004", 10_000).await;
    let rows = [
        bank_row("UTR0000000001", "-1500.00", "BF-D-1001"),
        bank_row("UTR0000000002", "-700.00", ""),
        bank_row("UTR0000000003", "-900.01", "BF-D-1003"),
        bank_row("UTR0000000004", "-12.00", ""),
        bank_row("UTR0000000001", "-1500.00", "BF-D-1001"),
    ];
    let (reply, report) = matched(&world, "k1", &rows).await;
    let line = |n: usize| &report["lines"][n];
    assert_eq!((&line(0)["status"], &line(0)["match"]["disbursement_ids"]), (&json!("matched"), &json!([named])));
    assert_eq!((&line(0)["match"]["rule"], &line(0)["match"]["kind"]), (&json!("end_to_end"), &json!("one_to_one")));
    assert_eq!(
        (&line(1)["match"]["rule"], &line(1)["match"]["disbursement_ids"]),
        (&json!("amount_and_date"), &json!([unnamed]))
    );
    assert_eq!((&line(2)["status"], &line(2)["why"]), (&json!("unmatched"), &json!("amount")));
    assert_eq!(line(2)["edit"], json!({ "change": "amount", "from_minor": -90_001, "to_minor": -90_000 }));
    assert_eq!((&line(2)["nearest"][0]["id"], &line(2)["nearest"][0]["failed"]), (&json!(off), &json!("amount")));
    assert_eq!((&line(3)["why"], &line(3)["edit"]), (&json!("absent"), &Value::Null));
    assert_eq!(line(4)["why"], "duplicate");
    assert_eq!(report["missing_payments"][0]["id"], json!(off));
    let result = &reply.json["result"];
    assert_eq!(result["by_rule"], json!({ "end_to_end": 1, "amount_and_date": 1 }));
    assert_eq!(result["by_reason"], json!({ "amount": 1, "absent": 1, "duplicate": 1 }));
    assert_eq!((&result["settled_payments"], &result["missing_payments"]), (&json!(2), &json!(1)));
    let debits = |of: &str| result[of][0]["debits_minor"].as_i64().unwrap_or_default();
    let all = reply.json["totals"][0]["debits_minor"].as_i64().unwrap();
    assert_eq!(debits("matched") + debits("unmatched") + debits("repeated"), all);
    let settled = payment(&world, &named).await;
    assert_eq!(
        (settled.text("/status"), settled.text("/reconciliation/bank_reference")),
        ("reconciled", "UTR0000000001")
    );
    assert_eq!(settled.text("/reconciliation/statement/statement_id"), reply.text("/statement_id"));
    assert_eq!(payment(&world, &off).await.text("/status"), "handed_over");
    books::balance(&world, pennco).await;
}

#[tokio::test]
async fn the_payment_that_came_next_is_shown_with_the_reason_why_it_was_not_taken() {
    let world = World::new().await;
    let paid = handed_over(&world, &world.pennco, "BF-D-1001", 150_000).await;
    let other = handed_over(&world, &world.pennco, "BF-D-1002", 150_100).await;
    let (_, report) = matched(&world, "k1", &[bank_row("UTR0000000001", "-1500.00", "BF-D-1001")]).await;
    assert_eq!(report["lines"][0]["match"]["disbursement_ids"], json!([paid]));
    let next = &report["lines"][0]["runner_up"];
    assert_eq!(
        (&next["id"], &next["failed"], &next["amount_off_minor"]),
        (&json!(other), &json!("amount"), &json!(100))
    );
}

#[tokio::test]
async fn one_line_pays_several_and_several_pay_one_each_in_one_transaction() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let first = handed_over(&world, pennco, "BF-D-2001", 11_100).await;
    let second = handed_over(&world, pennco, "BF-D-2002", 22_300).await;
    let parts = handed_over(&world, pennco, "BF-D-3001", 50_000).await;
    let rows = [
        format!("UTR0000000001,{TODAY},-334.00,INR,BF-D-2001 BF-D-2002,"),
        bank_row("UTR0000000002", "-200.00", "BF-D-3001"),
        bank_row("UTR0000000003", "-300.00", "BF-D-3001"),
    ];
    let before = commits(&world);
    let (reply, report) = matched(&world, "k1", &rows).await;
    let kinds: Vec<&Value> = (0..3).map(|n| &report["lines"][n]["match"]["kind"]).collect();
    assert_eq!(kinds, ["one_to_many", "many_to_one", "many_to_one"]);
    assert_eq!(report["lines"][1]["match"]["lines"], json!([2, 3]));
    assert_eq!(reply.json["result"]["settled_payments"], 3);
    assert_eq!(commits(&world) - before, 5, "arrival, plan, two matches, report");
    for (id, amount) in [(&first, 11_100), (&second, 22_300), (&parts, 50_000)] {
        let settled = payment(&world, id).await;
        assert_eq!(settled.text("/status"), "reconciled");
        assert_eq!(settled.json["reconciliation"]["amount"]["amount_minor"], amount);
    }
    for reference in ["UTR000000000001", "UTR0000000003"] {
        let spare = handed_over(&world, pennco, &format!("BF-D-{reference}"), 30_000).await;
        let line = bank_line(reference, 30_000);
        let again = reconcile(&world, &pennco.settlement, &spare, reference, &line).await;
        let taken = reference == "UTR0000000003";
        assert_eq!(again.status, if taken { 409 } else { 200 }, "{again:?}");
    }
}

#[tokio::test]
async fn lines_that_share_a_reference_are_each_matched_once_and_nobody_takes_the_reference_whole() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let first = handed_over(&world, pennco, "BF-D-1", 11_100).await;
    let second = handed_over(&world, pennco, "BF-D-2", 22_300).await;
    let third = handed_over(&world, pennco, "BF-D-3", 33_000).await;
    let rows = [bank_row("BATCH00000001", "-111.00", "BF-D-1"), bank_row("BATCH00000001", "-223.00", "BF-D-2")];
    let (reply, _) = matched(&world, "k1", &rows).await;
    assert_eq!(reply.json["result"]["settled_payments"], 2, "{reply:?}");
    for id in [&first, &second] {
        assert_eq!(payment(&world, id).await.text("/status"), "reconciled");
    }
    let whole = bank_line("BATCH00000001", 33_000);
    let refused = reconcile(&world, &pennco.settlement, &third, "k2", &whole).await;
    assert_eq!(refused.said(), (409, "bank_line_already_matched"));
    let again = [rows[0].clone(), rows[1].clone(), bank_row("UTR0000000009", "-330.00", "BF-D-3")];
    let (reply, report) = matched(&world, "k3", &again).await;
    let statuses: Vec<&Value> = (0..3).map(|n| &report["lines"][n]["status"]).collect();
    assert_eq!(statuses, ["repeated", "repeated", "matched"]);
    assert_eq!(report["lines"][0]["matched_before_to"], json!(first));
    assert_eq!(reply.json["result"]["repeated"][0]["lines"], 2);
}

#[tokio::test]
async fn a_batch_is_the_same_lines_in_a_file_with_ids_and_in_one_without() {
    let world = World::new().await;
    let pennco = &world.pennco;
    handed_over(&world, pennco, "BF-D-1", 100_000).await;
    handed_over(&world, pennco, "BF-D-2", 50_000).await;
    let silent = [bank_row("UTR0000000009", "-1000.00", ""), bank_row("UTR0000000009", "-500.00", "")];
    let (first, _) = matched(&world, "k1", &silent).await;
    assert_eq!(first.json["result"]["settled_payments"], 2);
    let other = handed_over(&world, pennco, "BF-D-3", 100_000).await;
    let told = [bank_row("UTR0000000009", "-1000.00", "BF-D-1"), bank_row("UTR0000000009", "-500.00", "BF-D-2")];
    let (again, report) = matched(&world, "k2", &told).await;
    let statuses = [0, 1].map(|line| report["lines"][line]["status"].clone());
    assert_eq!(statuses, ["repeated", "repeated"]);
    let by_hand = match_by_hand(&world, again.text("/statement_id"), "m1", &[1], &[&other]).await;
    assert_eq!(by_hand.said(), (409, "line_repeated"), "{by_hand:?}");
    assert_eq!(payment(&world, &other).await.text("/status"), "handed_over", "one movement pays one payment");
}

#[tokio::test]
async fn a_line_that_names_something_else_pays_neither_one_of_its_amount_nor_a_sum() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let waits = [
        handed_over(&world, pennco, "BF-D-1", 10_000).await,
        handed_over(&world, pennco, "BF-D-2", 20_000).await,
        handed_over(&world, pennco, "BF-D-1001", 70_000).await,
    ];
    let rows = [bank_row("UTR0000000001", "-300.00", "INV-991"), bank_row("UTR0000000002", "-700.00", "BF-D-1002")];
    let (_, report) = matched(&world, "k1", &rows).await;
    let line = |n: usize| &report["lines"][n];
    assert_eq!((&line(0)["status"], &line(0)["why"]), (&json!("unmatched"), &json!("absent")));
    let slip = json!({ "change": "end_to_end", "from": "BFD1002", "to": "BFD1001" });
    assert_eq!((&line(1)["why"], &line(1)["edit"]), (&json!("reference"), &slip), "the next number is another payment");
    for id in &waits {
        assert_eq!(payment(&world, id).await.text("/status"), "handed_over");
    }
}

#[tokio::test]
async fn a_line_whose_narrative_names_a_settled_payment_pays_no_other_of_its_amount() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let settled = handed_over(&world, pennco, "BF-D-2222", 70_000).await;
    let (_, _) = matched(&world, "k1", &[bank_row("UTR0000000001", "-700.00", "BF-D-2222")]).await;
    assert_eq!(payment(&world, &settled).await.text("/status"), "reconciled");
    let waits = handed_over(&world, pennco, "BF-D-1111", 70_000).await;
    let (_, agreed) = reserved(&world, pennco, "BF-D-3333", 70_000).await;
    let rows = [
        format!("UTR0000000002,{TODAY},-700.00,INR,neft/bf-d-2222/asha,"),
        format!("UTR0000000003,{TODAY},-700.00,INR,NEFT BF-D-3333,"),
    ];
    let (reply, report) = matched(&world, "k2", &rows).await;
    let line = |n: usize| (&report["lines"][n]["why"], &report["lines"][n]["nearest"][0]["id"]);
    assert_eq!(line(0), (&json!("not_waiting"), &json!(settled)), "paid twice: {report}");
    assert_eq!(report["lines"][1]["why"], "not_waiting", "its cash was not handed over: {agreed}");
    assert_eq!(reply.json["result"]["missing_payments"], 1, "only what waits is missed");
    assert_eq!(payment(&world, &waits).await.text("/status"), "handed_over");
}

#[tokio::test]
async fn a_payment_that_was_handed_over_before_its_day_is_expected() {
    let world = World::new().await;
    let partner = &world.pennco.partners[0];
    let mut body = instruction("BF-D-1", 70_000);
    body["due"] = json!("2026-11-24");
    let taken = instruct(&world, partner, "take", &body).await;
    let visit = taken.text("/delivery_id").to_owned();
    assert_eq!(assign(&world, &world.pennco.desk, &visit, &world.pennco.agents[0], "a1").await.status, 200);
    assert_eq!(confirm(&world, &world.pennco.agents[0], &visit, "c1", &confirmed(70_000)).await.status, 200);
    let (_, report) = matched(&world, "k1", &[bank_row("UTR0000000001", "-700.00", "BF-D-1")]).await;
    assert_eq!(report["lines"][0]["match"]["rule"], "end_to_end", "{report}");
}

#[tokio::test]
async fn the_bank_books_a_hand_over_for_its_day_and_not_for_the_day_on_which_the_phone_was_heard() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let mut late = confirmed(70_000);
    late["occurred_at"] = json!("2026-11-19T06:00:00Z");
    let mut wrong = confirmed(80_000);
    wrong["occurred_at"] = json!("1970-01-01T00:00:00Z");
    for (reference, amount_minor, body) in [("BF-D-1", 70_000, late), ("BF-D-2", 80_000, wrong)] {
        let (_, visit) = reserved(&world, pennco, reference, amount_minor).await;
        assert_eq!(confirm(&world, &pennco.agents[0], &visit, reference, &body).await.status, 200);
    }
    let rows =
        ["UTR0000000001,2026-11-19,-700.00,INR,,BF-D-1".to_owned(), bank_row("UTR0000000002", "-800.00", "BF-D-2")];
    let (reply, report) = matched(&world, "k1", &rows).await;
    assert_eq!(reply.json["result"]["settled_payments"], 2, "{report}");
}

#[tokio::test]
async fn what_a_command_has_settled_is_told_as_repeated_and_what_a_statement_has_settled_is_settled() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let by_hand = handed_over(&world, pennco, "BF-D-1", 11_100).await;
    let line = bank_line("UTR0000000001", 11_100);
    assert_eq!(reconcile(&world, &pennco.settlement, &by_hand, "k1", &line).await.status, 200);
    let by_job = handed_over(&world, pennco, "BF-D-2", 22_300).await;
    let rows = [bank_row("UTR0000000001", "-111.00", "BF-D-1"), bank_row("UTR0000000002", "-223.00", "BF-D-2")];
    let (_, report) = matched(&world, "k2", &rows).await;
    assert_eq!(
        (&report["lines"][0]["status"], &report["lines"][0]["matched_before_to"]),
        (&json!("repeated"), &json!(by_hand))
    );
    let again = reconcile(&world, &pennco.settlement, &by_job, "k3", &bank_line("UTR0000000002", 22_300)).await;
    assert_eq!(again.status, 200, "the same line on the same payment changes nothing: {again:?}");
    let other = reconcile(&world, &pennco.settlement, &by_job, "k4", &bank_line("UTR0000000003", 22_300)).await;
    assert_eq!(other.said(), (409, "illegal_transition"));
}

#[tokio::test]
async fn a_payment_that_was_settled_since_the_plan_leaves_its_line_unmatched() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let id = handed_over(&world, pennco, "BF-D-1", 11_100).await;
    let kept = handed_over(&world, pennco, "BF-D-2", 22_300).await;
    let rows = [bank_row("UTR0000000001", "-111.00", "BF-D-1"), bank_row("UTR0000000002", "-223.00", "BF-D-2")];
    let taken = hand_in(&world, &pennco.settlement, "k1", &statement(&rows)).await;
    relay(&world).await;
    let writer = world.statement_writer();
    let messages = waiting(&world, "statement.fifo");
    let mut planned = false;
    // The job dies at its first call behind the plan.
    for n in 1..100 {
        crash(&world, n, false);
        let failed = work_off("statement.fifo", &messages, async |m| statement_match::handle(&writer, m).await).await;
        world.table.recover();
        let now = statement_get::get(&world, &pennco.settlement, taken.text("/statement_id")).await;
        planned = now.text("/status") == "matching";
        if planned || failed.is_empty() {
            break;
        }
    }
    assert!(planned);
    let line = bank_line("UTR0000000077", 11_100);
    assert_eq!(reconcile(&world, &pennco.settlement, &id, "k2", &line).await.status, 200);
    assert!(match_statements(&world).await.is_empty());
    let (reply, report) = told(&world, taken.text("/statement_id")).await;
    assert_eq!((&report["lines"][0]["status"], &report["lines"][0]["why"]), (&json!("unmatched"), &json!("taken")));
    assert_eq!(reply.json["result"]["settled_payments"], 1);
    assert_eq!(payment(&world, &kept).await.text("/status"), "reconciled");
}

#[tokio::test]
async fn a_statement_that_shows_a_payout_pays_and_books_it_once() {
    let world = World::new().await;
    let desk = &world.pennco.settlement;
    let id = instructed(&world, &world.pennco, 150_000).await;
    let row = bank_row("UTR0000000001", "-1500.00", &id);
    let (reply, report) = matched(&world, "k1", std::slice::from_ref(&row)).await;
    let line = &report["lines"][0]["match"];
    assert_eq!((&line["payout_id"], &line["disbursement_ids"]), (&json!(id), &json!([])), "{report}");
    assert_eq!((&line["rule"], &line["kind"]), (&json!("end_to_end"), &json!("one_to_one")));
    let result = &reply.json["result"];
    assert_eq!((&result["settled_payouts"], &result["settled_payments"]), (&json!(1), &json!(0)));
    let payout = get(&world, desk, &id).await;
    assert_eq!((payout.text("/status"), payout.text("/bank_reference")), ("paid", "UTR0000000001"));
    assert_eq!((payout.text("/value_date"), &payout.json["statement"]["lines"]), (TODAY, &json!([1])));
    let last = &payout.json["history"][1];
    assert_eq!((&last["by"], &last["statement_id"]), (&json!("statement-match"), &reply.json["statement_id"]));
    assert_eq!(owed_and_bank(&world).await, (0, -150_000));
    assert_eq!(payout_list::list(&world, desk, &[]).await.items().len(), 0, "nobody waits for it any more");
    assert_eq!(payout_list::list(&world, desk, &[("state", "closed")]).await.items().len(), 1);
    assert_eq!(news(&world, "payout.paid").await.len(), 1);
    assert_eq!(learn(&world, &id, 2, &paid("UTR000000000009")).await.said(), (409, "illegal_transition"));

    let records = world.table.items(RECORDS);
    assert!(match_statements(&world).await.is_empty());
    assert_eq!(world.table.items(RECORDS), records, "the same message again changes nothing");
    let (_, report) = matched(&world, "k2", &[row, bank_row("UTR0000000002", "-1.00", "")]).await;
    assert_eq!(report["lines"][0]["matched_before_to"], json!(id));
    assert_eq!(owed_and_bank(&world).await, (0, -150_000), "booked once");
    crate::invariant_check::check(&world, 300).await.unwrap();
}

fn an_hour_later() -> Timestamp {
    Timestamp::from_millis(NOW_MILLIS + 3_600_000)
}

/// A payout that a statement shows, which is matched an hour after it came.
async fn shown_and_matched_an_hour_later(world: &World) -> String {
    let id = instructed(world, &world.pennco, 150_000).await;
    assert_eq!(handed_in(world, "k1", &[bank_row("UTR0000000001", "-1500.00", &id)]).await.status, 202);
    relay(world).await;
    let late = StatementWriter::new(world.tables().filed_by(an_hour_later), world.files());
    let messages = waiting(world, "statement.fifo");
    let work = async |message| statement_match::handle(&late, message).await;
    assert!(work_off("statement.fifo", &messages, work).await.is_empty());
    id
}

#[tokio::test]
async fn a_payout_is_booked_at_the_time_when_the_job_books_it_and_never_behind_a_cut() {
    let world = World::new().await;
    let id = shown_and_matched_an_hour_later(&world).await;
    let payout = get(&world, &world.pennco.settlement, &id).await;
    let booked = transfer_get::get(&world, &world.pennco.settlement, payout.text("/transfer_id")).await;
    assert_eq!(booked.text("/at"), an_hour_later().to_string());
}

#[tokio::test]
async fn what_a_job_reports_long_after_its_event_waits_in_the_outbox_since_it_was_written() {
    let world = World::new().await;
    shown_and_matched_an_hour_later(&world).await;
    crate::invariant_check::check(&world, 3_600 + 60).await.unwrap();
    let unrelayed = crate::invariant_check::proof(&world).await.json["unrelayed"].as_u64().unwrap();
    assert!(unrelayed > 0, "it has not been relayed yet, and is not late");
    assert!(crate::invariant_check::check(&world, 3_600 + 900).await.is_err(), "it is late a quarter of an hour on");
}

#[tokio::test]
async fn a_payout_is_known_by_the_reference_that_its_rail_told_and_keeps_it() {
    let world = World::new().await;
    let id = instructed(&world, &world.pennco, 150_000).await;
    assert_eq!(learn(&world, &id, 1, &sent()).await.status, 200);
    assert_eq!(learn(&world, &id, 2, &unknown()).await.status, 200);
    let row = format!("UTR0000000001,{TODAY},-1500.00,INR,IMPS/AXISN52026112100/BFIL,");
    let (_, report) = matched(&world, "k1", &[row]).await;
    assert_eq!(report["lines"][0]["match"]["rule"], "narrative", "{report}");
    let payout = get(&world, &world.pennco.settlement, &id).await;
    assert_eq!((payout.text("/status"), payout.text("/bank_reference")), ("paid", "AXISN52026112100"));
    let spare = handed_over(&world, &world.pennco, "BF-D-1", 150_000).await;
    let desk = another_desk(&world, "lines");
    for reference in ["AXISN52026112100", "UTR0000000001", "UTR000000000001"] {
        let line = bank_line(reference, 150_000);
        let again = reconcile(&world, &desk, &spare, reference, &line).await;
        assert_eq!(again.status, if reference == "UTR000000000001" { 200 } else { 409 }, "{reference}: {again:?}");
    }
}

#[tokio::test]
async fn a_payout_that_the_bank_shows_by_a_paisa_less_stays_open_and_the_line_says_which_change_would_do() {
    let world = World::new().await;
    let id = instructed(&world, &world.pennco, 150_000).await;
    let (reply, report) = matched(&world, "k1", &[bank_row("UTR0000000001", "-1499.99", &id)]).await;
    let line = &report["lines"][0];
    assert_eq!((&line["status"], &line["why"]), (&json!("unmatched"), &json!("amount")));
    assert_eq!(line["edit"], json!({ "change": "amount", "from_minor": -149_999, "to_minor": -150_000 }));
    assert_eq!(line["nearest"][0]["id"], json!(id));
    assert_eq!(
        (&reply.json["result"]["missing_payments"], &report["missing_payments"][0]["id"]),
        (&json!(1), &json!(id))
    );
    assert_eq!(get(&world, &world.pennco.settlement, &id).await.text("/status"), "instructed");
    assert_eq!(owed_and_bank(&world).await, (-150_000, 0));
}

#[tokio::test]
async fn a_payout_that_somebody_recorded_as_paid_gets_its_line_as_evidence_and_is_not_booked_again() {
    let world = World::new().await;
    let id = instructed(&world, &world.pennco, 150_000).await;
    let by_hand = learn(&world, &id, 1, &paid("AXISN52026112100")).await;
    let off = bank_row("AXISN52026112100", "-1500.01", "");
    let (_, report) = matched(&world, "k1", &[off]).await;
    let line = &report["lines"][0];
    assert_eq!((&line["why"], &line["nearest"][0]["id"]), (&json!("amount"), &json!(id)), "the bank says otherwise");
    let (reply, report) = matched(&world, "k2", &[bank_row("AXISN52026112100", "-1500.00", "")]).await;
    assert_eq!(report["lines"][0]["match"]["payout_id"], json!(id), "{report}");
    let mut now = get(&world, &world.pennco.settlement, &id).await.json;
    assert_eq!((&now["statement"]["statement_id"], &now["version"]), (&reply.json["statement_id"], &json!(3)));
    now["version"] = by_hand.json["version"].clone();
    now.as_object_mut().unwrap().remove("statement");
    assert_eq!(now, by_hand.json, "what somebody recorded is as it was");
    assert_eq!(owed_and_bank(&world).await, (0, -150_000), "booked once");
    assert_eq!(news(&world, "payout.paid").await.len(), 1);
    let again = [bank_row("AXISN52026112100", "-1500.00", ""), bank_row("UTR0000000002", "-1.00", "")];
    assert_eq!(matched(&world, "k3", &again).await.1["lines"][0]["matched_before_to"], json!(id));
}

#[tokio::test]
async fn a_line_of_a_payout_that_failed_is_left_to_somebody_and_the_one_in_its_stead_is_paid_by_its_own() {
    let world = World::new().await;
    let desk = &world.pennco.settlement;
    let first = instructed(&world, &world.pennco, 150_000).await;
    let gone = learn(&world, &first, 1, &failed()).await;
    let second = pay(&world, gone.text("/settlement_id"), "again").await.text("/payout_id").to_owned();
    let rows = [bank_row("UTR0000000001", "-1500.00", &first), bank_row("UTR0000000002", "-1500.00", &second)];
    let (reply, report) = matched(&world, "k1", &rows).await;
    let line = &report["lines"][0];
    assert_eq!((&line["status"], &line["why"]), (&json!("unmatched"), &json!("said_failed")));
    assert_eq!(
        line["nearest"][0],
        json!({ "id": first, "failed": "said_failed", "amount_off_minor": 0, "days_off": 0 })
    );
    assert_eq!((&line["edit"], &reply.json["result"]["missing_payments"]), (&Value::Null, &json!(0)));
    assert_eq!(report["lines"][1]["match"]["payout_id"], json!(second));
    for (id, status) in [(&first, "failed"), (&second, "paid")] {
        assert_eq!(get(&world, desk, id).await.text("/status"), status);
    }
    assert_eq!(owed_and_bank(&world).await, (0, -150_000), "booked once");
}

/// Has a payout be of a settlement of two months ago: it was made again, or its rail kept it for long.
fn of_an_old_day(world: &World, id: &str) {
    let items = world.table.items(RECORDS);
    let row = items.iter().find(|item| item["sk"]["S"] == "payout" && item["payout_id"]["S"] == id).unwrap();
    let old = |text: &Value| json!({ "S": text["S"].as_str().unwrap().replacen(TODAY, "2026-09-21", 1) });
    let mut row = row.clone();
    row["business_day"] = old(&row["business_day"]);
    row["worklist_sk"] = old(&row["worklist_sk"]);
    world.table.put(RECORDS, &row);
}

#[tokio::test]
async fn a_payout_of_a_day_long_past_is_found_by_its_name() {
    let world = World::new().await;
    let desk = &world.pennco.settlement;
    let first = instructed(&world, &world.pennco, 150_000).await;
    let gone = learn(&world, &first, 1, &failed()).await;
    let second = pay(&world, gone.text("/settlement_id"), "again").await.text("/payout_id").to_owned();
    assert_eq!(learn(&world, &second, 1, &paid("AXISN52026112100")).await.status, 200);
    for id in [&first, &second] {
        of_an_old_day(&world, id);
    }
    let waits = handed_over(&world, &world.pennco, "BF-D-1", 150_000).await;
    let shouted = first.to_uppercase().replace('_', "");
    let rows = [
        bank_row("AXISN52026112100", "-1500.00", ""),
        format!("UTR0000000002,{TODAY},-1500.00,INR,NEFT/{shouted}/BFIL,"),
    ];
    let (_, report) = matched(&world, "k1", &rows).await;
    assert_eq!(report["lines"][0]["match"]["payout_id"], json!(second), "{report}");
    assert_eq!(
        (&report["lines"][1]["why"], &report["lines"][1]["nearest"][0]["id"]),
        (&json!("said_failed"), &json!(first))
    );
    assert_eq!(get(&world, desk, &second).await.text("/statement/rule"), "reference");
    assert_eq!(payment(&world, &waits).await.text("/status"), "handed_over", "no payout's line settles a payment");
}

#[tokio::test]
async fn amount_and_day_alone_pay_no_payout_and_decide_between_none() {
    let world = World::new().await;
    let desk = &world.pennco.settlement;
    let owed = |account_id: &str, amount: i64| json!({ "account_id": account_id, "amount": crate::steps::inr(amount) });
    let entries = [owed("partner_control.lnt-finance", -150_000), owed("suspense.pennco", 150_000)];
    let from_before = json!({ "kind": "adjustment", "entries": entries, "reason": "owed from before" });
    assert_eq!(move_money(&world, desk, "owed", &from_before).await.status, 201);
    instructed(&world, &world.pennco, 150_000).await;
    let open: Vec<Value> = payout_list::list(&world, desk, &[]).await.items().to_vec();
    assert_eq!(open.len(), 2, "{open:?}");
    let (_, report) = matched(&world, "k1", &[bank_row("UTR0000000001", "-1500.00", "")]).await;
    let line = &report["lines"][0];
    assert_eq!((&line["why"], line["nearest"].as_array().unwrap().len()), (&json!("ambiguous"), 2));
    let ids = open.iter().map(|one| one["payout_id"].as_str().unwrap());
    let (bfil, other) =
        ids.fold((None, None), |(one, other), id| if one.is_none() { (Some(id), other) } else { (one, Some(id)) });
    assert_eq!(learn(&world, other.unwrap(), 1, &paid("AXISN52026112100")).await.status, 200);
    let by_hand = learn(&world, bfil.unwrap(), 1, &failed()).await;
    let alone = pay(&world, by_hand.text("/settlement_id"), "again").await;
    let rows = [bank_row("AXISN52026112100", "-1500.00", ""), bank_row("UTR0000000003", "-1500.00", "")];
    let (_, report) = matched(&world, "k2", &rows).await;
    assert_eq!(report["lines"][0]["match"]["payout_id"], json!(other));
    let line = &report["lines"][1];
    assert_eq!((&line["why"], &line["nearest"][0]["id"]), (&json!("unnamed"), &alone.json["payout_id"]), "{line}");
    assert_eq!(get(&world, desk, alone.text("/payout_id")).await.text("/status"), "instructed");
}

#[tokio::test]
async fn a_payment_and_a_payout_of_one_amount_are_told_apart_by_name_or_not_at_all() {
    let world = World::new().await;
    let desk = &world.pennco.settlement;
    let payout = instructed(&world, &world.pennco, 150_000).await;
    let paid_out = handed_over(&world, &world.pennco, "BF-D-1001", 150_000).await;
    let parts = [
        handed_over(&world, &world.pennco, "BF-D-1002", 40_000).await,
        handed_over(&world, &world.pennco, "BF-D-1003", 110_000).await,
    ];
    let (_, report) = matched(&world, "k1", &[bank_row("UTR0000000001", "-1500.00", "")]).await;
    assert_eq!(report["lines"][0]["why"], "ambiguous", "{report}");
    let bulk = format!("UTR0000000002,{TODAY},-1900.00,INR,{payout} BF-D-1002,");
    let (_, report) = matched(&world, "k2", &[bulk]).await;
    assert_eq!(report["lines"][0]["status"], "unmatched", "{report}");
    let named = [bank_row("UTR0000000004", "-1500.00", "BF-D-1001"), bank_row("UTR0000000005", "-1500.00", &payout)];
    let (_, report) = matched(&world, "k3", &named).await;
    assert_eq!(report["lines"][0]["match"]["disbursement_ids"], json!([paid_out]));
    assert_eq!(report["lines"][1]["match"]["payout_id"], json!(payout));
    for id in &parts {
        assert_eq!(payment(&world, id).await.text("/status"), "handed_over");
    }
    assert_eq!(get(&world, desk, &payout).await.text("/status"), "paid");
    assert_eq!(owed_and_bank(&world).await, (0, -150_000));
}

#[tokio::test]
async fn what_somebody_records_of_a_payout_since_the_plan_is_not_overwritten() {
    for (body, status, why) in [
        (paid("AXISN52026112100"), "paid", Value::Null),
        (failed(), "failed", json!("taken")),
        (unknown(), "paid", Value::Null),
    ] {
        let world = World::new().await;
        let desk = &world.pennco.settlement;
        let id = instructed(&world, &world.pennco, 150_000).await;
        let taken = handed_in(&world, "k1", &[bank_row("UTR0000000001", "-1500.00", &id)]).await;
        die_behind_the_plan(&world, taken.text("/statement_id")).await;
        assert_eq!(learn(&world, &id, 1, &body).await.status, 200);
        assert!(match_statements(&world).await.is_empty());
        let (_, report) = told(&world, taken.text("/statement_id")).await;
        assert_eq!(report["lines"][0]["why"], why, "{body}: {report}");
        let payout = get(&world, desk, &id).await;
        assert_eq!(
            (payout.text("/status"), payout.json["statement"].is_null()),
            (status, status == "failed"),
            "{body}"
        );
        let booked = if status == "paid" { (0, -150_000) } else { (-150_000, 0) };
        assert_eq!(owed_and_bank(&world).await, booked, "{body}");
        let reference = payout.json["bank_reference"].as_str();
        assert_eq!(reference == Some("AXISN52026112100"), body["status"] == "paid", "{body}");
    }
}

/// Some payments and a payout, and a statement of them with a bit of everything; its id.
async fn prepared(world: &World) -> String {
    let payout = instructed(world, &world.pennco, 150_000).await;
    for (reference, amount) in [("BF-D-1", 11_100), ("BF-D-2", 22_300), ("BF-D-3", 33_000), ("BF-D-4", 44_000)] {
        handed_over(world, &world.pennco, reference, amount).await;
    }
    let rows = [
        format!("UTR0000000001,{TODAY},-334.00,INR,BF-D-1 BF-D-2,"),
        bank_row("UTR0000000002", "-330.00", "BF-D-3"),
        bank_row("UTR0000000003", "-440.01", "BF-D-4"),
        bank_row("UTR0000000004", "9.00", ""),
        bank_row("UTR0000000005", "-1500.00", &payout),
    ];
    let taken = handed_in(world, "k1", &rows).await;
    relay(world).await;
    taken.text("/statement_id").to_owned()
}

#[tokio::test]
async fn matching_again_changes_nothing() {
    let world = World::new().await;
    let id = prepared(&world).await;
    assert!(match_statements(&world).await.is_empty());
    let (first, _) = told(&world, &id).await;
    let (items, keys) = (world.table.items(RECORDS), world.bucket.keys());
    let calls = world.bucket.calls();
    for _ in 0..3 {
        let writer = world.statement_writer();
        let messages = waiting(&world, "statement.fifo");
        let failed = work_off("statement.fifo", &messages, async |m| statement_match::handle(&writer, m).await).await;
        assert!(failed.is_empty());
    }
    assert_eq!((world.table.items(RECORDS), world.bucket.keys()), (items, keys));
    assert_eq!(world.bucket.calls(), calls, "no file is read or written");
    assert_eq!(told(&world, &id).await.0.json["result"]["report"]["sha256"], first.json["result"]["report"]["sha256"]);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_dies_at_any_call_goes_on_with_the_same_plan_and_ends_with_the_same_report() {
    let clean = World::new().await;
    let id = prepared(&clean).await;
    assert!(match_statements(&clean).await.is_empty());
    let held = |world: &World| (world.table.items(RECORDS).len(), commits(world), world.bucket.keys().len());
    let (whole, (_, wanted)) = (held(&clean), told(&clean, &id).await);
    let outcome = |report: &Value| -> Vec<(Value, Value, Value)> {
        let lines = report["lines"].as_array().unwrap();
        lines.iter().map(|line| (line["status"].clone(), line["why"].clone(), line["edit"].clone())).collect()
    };
    let mut points = 0;
    for after in [false, true] {
        for n in 1.. {
            let world = World::new().await;
            let id = prepared(&world).await;
            let writer = world.statement_writer();
            let messages = waiting(&world, "statement.fifo");
            let run = async |m| statement_match::handle(&writer, m).await;
            crash(&world, n, after);
            let failed = work_off("statement.fifo", &messages, run).await;
            let crashed = world.table.has_crashed();
            world.table.recover();
            if !crashed {
                break;
            }
            assert_eq!(failed, ["m-0"], "crash point {n}");
            assert!(work_off("statement.fifo", &messages, run).await.is_empty(), "crash point {n}");
            relay(&world).await;
            assert_eq!(held(&world), whole, "crash point {n}, after: {after}");
            assert_eq!(outcome(&told(&world, &id).await.1), outcome(&wanted), "crash point {n}");
            assert_eq!(owed_and_bank(&world).await, (0, -150_000), "crash point {n}: booked once");
            points += 1;
        }
    }
    assert!(points >= 20, "{points}");
    println!("statement-match: {points} crash points, 0 violations");
}

/// What was planted in a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Plant {
    Sound,
    SoundByNarrative,
    OffByOnePaisa,
    Transposed,
    LateDate,
    WrongDirection,
    Duplicate,
    Extra,
    Missing,
    Merged,
    Split,
    EquallyGood,
    Repeated,
}

#[tokio::test]
async fn faults_of_every_kind_among_many_lines_are_each_found_once_and_told_rightly() {
    const FAULTS: [Plant; 11] = [
        Plant::OffByOnePaisa,
        Plant::Transposed,
        Plant::LateDate,
        Plant::WrongDirection,
        Plant::Duplicate,
        Plant::Extra,
        Plant::Missing,
        Plant::Merged,
        Plant::Split,
        Plant::EquallyGood,
        Plant::Repeated,
    ];
    const EACH: usize = 3;
    // Nobody is asked more than a hundred times in ten seconds, and these all come at one moment.
    const SOUND: usize = 55;
    let world = World::new().await;
    let pennco = &world.pennco;
    let mut plants: Vec<Plant> = FAULTS.iter().flat_map(|plant| [*plant; EACH]).collect();
    plants.extend((0..SOUND).map(|n| if n % 3 == 0 { Plant::SoundByNarrative } else { Plant::Sound }));
    // Spread over the file: 97 shares no factor with their number.
    let spread: Vec<Plant> = (0..plants.len()).map(|n| plants[n * 97 % plants.len()]).collect();
    let mut rows: Vec<String> = vec![];
    let mut wanted: Vec<(Plant, &str, &str)> = vec![];
    for (n, plant) in spread.iter().enumerate() {
        let (reference, amount) = (format!("BF-D-{n:05}"), 2_012 + i64::try_from(n).unwrap() * 110);
        let rupees = |minor: i64| format!("-{}.{:02}", minor / 100, minor % 100);
        let utr = format!("UTR{n:010}");
        if *plant == Plant::Extra {
            rows.push(bank_row(&utr, "777.77", ""));
            wanted.push((*plant, "unmatched", "absent"));
            continue;
        }
        let paid = handed_over(&world, pennco, &reference, amount).await;
        let row = bank_row(&utr, &rupees(amount), &reference);
        match plant {
            Plant::Sound => rows.push(row),
            Plant::SoundByNarrative => rows.push(format!("{utr},{TODAY},{},INR,paid {reference},", rupees(amount))),
            Plant::OffByOnePaisa => rows.push(bank_row(&utr, &rupees(amount + 1), &reference)),
            // The last digit is a 2 in all amounts, so the last two can change places.
            Plant::Transposed => {
                let (tens, units) = (amount / 10 % 10, amount % 10);
                let swapped = amount - tens * 10 - units + units * 10 + tens;
                rows.push(bank_row(&utr, &rupees(if tens == units { amount + 1 } else { swapped }), &reference));
            }
            Plant::LateDate => rows.push(row.replace(TODAY, "2026-11-25")),
            Plant::WrongDirection => rows.push(row.replace(",-", ",")),
            Plant::Duplicate => rows.extend([row.clone(), row]),
            Plant::Missing | Plant::Extra => {}
            Plant::Merged => {
                let other = format!("BF-E-{n:05}");
                handed_over(&world, pennco, &other, 1_003).await;
                rows.push(format!("{utr},{TODAY},{},INR,{reference} {other},", rupees(amount + 1_003)));
            }
            Plant::Split => rows.extend([
                bank_row(&utr, &rupees(1_001), &reference),
                bank_row(&format!("UTS{n:010}"), &rupees(amount - 1_001), &reference),
            ]),
            Plant::EquallyGood => {
                handed_over(&world, pennco, &format!("BF-E-{n:05}"), amount).await;
                rows.push(bank_row(&utr, &rupees(amount), ""));
            }
            Plant::Repeated => {
                let line = bank_line(&utr, amount);
                let key = format!("by-hand-{n}");
                assert_eq!(reconcile(&world, &pennco.settlement, &paid, &key, &line).await.status, 200);
                rows.push(row);
            }
        }
        let lines: &[(&str, &str)] = match plant {
            Plant::Sound | Plant::SoundByNarrative | Plant::Merged => &[("matched", "")],
            Plant::OffByOnePaisa | Plant::Transposed => &[("unmatched", "amount")],
            Plant::LateDate => &[("unmatched", "date")],
            Plant::WrongDirection => &[("unmatched", "direction")],
            Plant::Duplicate => &[("matched", ""), ("unmatched", "duplicate")],
            Plant::Extra => &[("unmatched", "absent")],
            Plant::Missing => &[],
            Plant::Split => &[("matched", ""), ("matched", "")],
            Plant::EquallyGood => &[("unmatched", "ambiguous")],
            Plant::Repeated => &[("repeated", "")],
        };
        wanted.extend(lines.iter().map(|(status, why)| (*plant, *status, *why)));
    }
    let (reply, report) = matched(&world, "k1", &rows).await;
    let lines = report["lines"].as_array().unwrap();
    assert_eq!(lines.len(), wanted.len());
    let mut found: BTreeMap<Plant, usize> = BTreeMap::new();
    for (line, (plant, status, why)) in lines.iter().zip(&wanted) {
        let said = (line["status"].as_str().unwrap_or_default(), line["why"].as_str().unwrap_or_default());
        assert_eq!(said, (*status, *why), "{plant:?}: {line}");
        let names_its_own = || line["nearest"][0]["id"].as_str().is_some_and(|id| id.starts_with("dsb_"));
        match plant {
            Plant::OffByOnePaisa | Plant::Transposed | Plant::LateDate | Plant::WrongDirection => {
                assert!(!line["edit"].is_null() && names_its_own(), "{plant:?}: {line}");
            }
            Plant::Merged => assert_eq!(line["match"]["disbursement_ids"].as_array().unwrap().len(), 2),
            Plant::Split => assert_eq!(line["match"]["lines"].as_array().unwrap().len(), 2),
            Plant::Sound
            | Plant::SoundByNarrative
            | Plant::Duplicate
            | Plant::Extra
            | Plant::Missing
            | Plant::EquallyGood
            | Plant::Repeated => {}
        }
        *found.entry(*plant).or_default() += 1;
    }
    let missing = report["missing_payments"].as_array().unwrap();
    let absent = missing.iter().filter(|payment| payment["why"] == "absent").count();
    assert_eq!(absent, EACH, "{missing:?}");
    // Four kinds miss their one payment, the equally good ones two.
    assert_eq!(missing.len(), EACH * (1 + 4 + 2));
    assert_eq!(reply.json["result"]["settled_payments"], json!(SOUND + EACH * (1 + 2 + 1)));
    books::balance(&world, pennco).await;
    println!("{} lines, {} faults planted, each found once, 0 false: {found:?}", lines.len(), FAULTS.len() * EACH);
}
