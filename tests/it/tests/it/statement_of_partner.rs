//! A partner's own statement: held against the entries of what was done for it, and booked nowhere.

use domain::access::{STATEMENT_CREATE, STATEMENT_LINE_LIST};
use serde_json::{Value, json};
use testkit::{LEDGER, NOW_MILLIS, RECORDS, Reply, World};

use crate::{
    disbursement_reverse::take_back,
    door::call,
    statement_line_match::match_by_hand,
    statement_line_unmatch::take_apart,
    statement_match::{another_desk, matched, payment, told},
    steps::{bank_row, collected, command, handed_over, match_statements, statement},
    transfer_get::get,
};

/// Hands in what the first lender says of itself, two minutes from now.
async fn handed_in(world: &World, key: &str, partner: &str, rows: &[String]) -> Reply {
    let mut body = statement(rows);
    body["partner_id"] = json!(partner);
    let request = command(&another_desk(world, key), &STATEMENT_CREATE, key, &body);
    call(world, &STATEMENT_CREATE, &request.at(NOW_MILLIS + 120_000)).await
}

/// The same, matched: what `statement-get` says, and the report.
async fn compared(world: &World, key: &str, rows: &[String]) -> (Reply, Value) {
    let taken = handed_in(world, key, "bfil", rows).await;
    assert_eq!(taken.status, 202, "{taken:?}");
    assert!(match_statements(world).await.is_empty());
    told(world, taken.text("/statement_id")).await
}

#[tokio::test]
async fn a_lenders_file_that_was_taken_for_the_banks_can_still_be_sent_as_what_it_is() {
    let world = World::new().await;
    let rows = [bank_row("LN-1", "1500.00", "BF-1001")];
    matched(&world, "k1", &rows).await;
    assert_eq!(handed_in(&world, "k2", "bfil", &rows).await.status, 202);
    assert_eq!(handed_in(&world, "k3", "bfil", &rows).await.said(), (409, "already_exists"));
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer_when_the_lender_is_gone_meanwhile() {
    let world = World::new().await;
    let rows = [bank_row("LN-1", "1500.00", "BF-1001")];
    let first = handed_in(&world, "k1", "bfil", &rows).await;
    let mut operators = world.table.items(RECORDS).into_iter();
    let mut pennco = operators.find(|item| item["sk"]["S"] == "operator" && item["operator"]["S"] == "pennco").unwrap();
    pennco["partners"]["L"].as_array_mut().unwrap().retain(|partner| partner["S"] != "bfil");
    world.table.put(RECORDS, &pennco);
    let again = handed_in(&world, "k1", "bfil", &rows).await;
    assert_eq!((again.is_replay(), &again.body), (true, &first.body), "{again:?}");
    assert_eq!(handed_in(&world, "k2", "bfil", &rows).await.said(), (422, "invalid"));
}

#[tokio::test]
async fn what_the_lender_shows_as_we_do_agrees_and_nothing_is_booked_or_settled() {
    let world = World::new().await;
    let pennco = &world.pennco;
    collected(&world, pennco, "BF-1001", 150_000).await;
    let paid = handed_over(&world, pennco, "BF-D-1002", 70_000).await;
    let books = world.table.items(LEDGER);
    let rows = [bank_row("LN-1", "1500.00", "BF-1001"), bank_row("LN-2", "-700.00", "BF-D-1002")];
    let (reply, report) = compared(&world, "k1", &rows).await;
    assert_eq!(reply.text("/partner_id"), "bfil");
    let result = &reply.json["result"];
    assert_eq!((&result["by_rule"], &result["missing_payments"]), (&json!({ "end_to_end": 2 }), &json!(0)), "{report}");
    assert_eq!((&result["settled_payments"], &result["settled_payouts"]), (&json!(0), &json!(0)));
    for (line, kind) in [(0, "collection"), (1, "disbursement")] {
        let found = &report["lines"][line]["match"];
        assert_eq!((&found["disbursement_ids"], &found["payout_id"]), (&json!([]), &Value::Null));
        let transfer = get(&world, &pennco.settlement, found["transfer_ids"][0].as_str().unwrap()).await;
        assert_eq!(transfer.text("/kind"), kind);
    }
    assert_eq!(world.table.items(LEDGER), books);
    assert_eq!(payment(&world, &paid).await.text("/status"), "handed_over", "the bank has not said so");
    let (_, bank) = matched(&world, "k2", &[bank_row("LN-2", "-700.00", "BF-D-1002")]).await;
    assert_eq!(bank["lines"][0]["match"]["disbursement_ids"], json!([paid]), "the name was not taken");
    assert_eq!(payment(&world, &paid).await.text("/status"), "reconciled");
}

#[tokio::test]
async fn what_differs_is_explained_and_what_is_missing_on_either_side_is_named() {
    let world = World::new().await;
    let pennco = &world.pennco;
    for (reference, minor) in [("BF-1001", 150_000), ("BF-1002", 70_000), ("BF-1003", 90_000)] {
        collected(&world, pennco, reference, minor).await;
    }
    let rows = [
        bank_row("LN-1", "1500.01", "BF-1001"),
        "LN-2,2026-11-18,700.00,INR,,BF-1002".to_owned(),
        bank_row("LN-9", "12.00", "BF-9999"),
    ];
    let (reply, report) = compared(&world, "k1", &rows).await;
    let why: Vec<&Value> = report["lines"].as_array().unwrap().iter().map(|line| &line["why"]).collect();
    assert_eq!(why, [&json!("amount"), &Value::Null, &json!("absent")], "three days early is early enough: {report}");
    let edit = json!({ "change": "amount", "from_minor": 150_001, "to_minor": 150_000 });
    assert_eq!(report["lines"][0]["edit"], edit);
    assert_eq!(reply.json["result"]["missing_payments"], 2, "the one that differs, and the one that is not shown");
    let list = call(&world, &STATEMENT_LINE_LIST, &pennco.settlement.asks(&STATEMENT_LINE_LIST)).await;
    assert_eq!(list.items().len(), 0, "nobody settles them by hand");
    let asked = pennco.settlement.asks(&STATEMENT_LINE_LIST).query("statement_id", reply.text("/statement_id"));
    assert_eq!(call(&world, &STATEMENT_LINE_LIST, &asked).await.items().len(), 2, "but they are there to be read");
}

#[tokio::test]
async fn what_was_taken_back_and_what_is_of_other_lenders_or_days_is_not_expected() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let back = handed_over(&world, pennco, "BF-D-1001", 70_000).await;
    assert_eq!(take_back(&world, &pennco.settlement, &back, "r1").await.text("/status"), "reversed");
    collected(&world, pennco, "BF-1002", 90_000).await;
    let rows = [bank_row("LN-1", "900.00", "BF-1002"), bank_row("LN-2", "-700.00", "BF-D-1001")];
    let (reply, report) = compared(&world, "k1", &rows).await;
    assert_eq!(report["lines"][1]["why"], "absent", "{report}");
    assert_eq!(reply.json["result"]["missing_payments"], 0);
    let early = ["LN-3,2026-11-19,5.00,INR,,NOBODY-5".to_owned()];
    let (reply, report) = compared(&world, "k2", &early).await;
    assert_eq!(
        (&reply.json["result"]["missing_payments"], reply.text("/last_day")),
        (&json!(0), "2026-11-19"),
        "{report}"
    );
}

#[tokio::test]
async fn nobody_settles_anything_with_it_by_hand_and_a_stranger_has_none() {
    let world = World::new().await;
    let pennco = &world.pennco;
    collected(&world, pennco, "BF-1001", 150_000).await;
    let paid = handed_over(&world, pennco, "BF-D-1002", 70_000).await;
    let rows = [bank_row("LN-1", "1500.00", "BF-1001"), bank_row("LN-2", "-7.00", "NOBODY-7")];
    let (reply, _) = compared(&world, "k1", &rows).await;
    let id = reply.text("/statement_id");
    let by_hand = match_by_hand(&world, id, "m1", &[2], &[&paid]).await;
    assert_eq!((by_hand.said(), by_hand.text("/partner_id")), ((409, "partner_statement"), "bfil"));
    assert_eq!(take_apart(&world, id, "u1", 1).await.said(), (409, "partner_statement"));
    let stranger = handed_in(&world, "k3", "nobody-we-know", &rows).await;
    assert_eq!((stranger.said(), stranger.text("/errors/0/pointer")), ((422, "invalid"), "/partner_id"));
    let month = [bank_row("LN-1", "1.00", ""), "LN-2,2026-10-20,1.00,INR,,".to_owned()];
    let long = handed_in(&world, "k4", "bfil", &month).await;
    assert_eq!((long.said(), long.text("/errors/0/code")), ((422, "invalid"), "statement_span"));
}
