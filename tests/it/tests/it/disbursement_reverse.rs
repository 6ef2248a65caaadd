//! `disbursement-reverse`: a payment is taken back after its cash was handed over.

use std::sync::Arc;

use domain::access::{DISBURSEMENT_REVERSE, SETTLEMENT_CREATE, SETTLEMENT_GET};
use serde_json::{Value, json};
use testkit::{CASH_CAP_MINOR, FLOAT_MINOR, LEDGER, NOW_MILLIS, Office, Person, Reply, RestRequest, World};

use crate::{
    approval_decide::payout,
    books,
    disbursement_cancel::cancel,
    door::call,
    logins::happened,
    steps::{
        TODAY, all_at_once, assign, bank_line, bank_row, build_settlements, command, confirm, confirmed, hand_in,
        handed_over, instruct, instruction, match_statements, move_money, reconcile, reserved, reverse, statement,
        transfer, visit,
    },
    transfer_get::get,
};

fn reversal(person: &Person, id: &str, key: &str) -> RestRequest {
    command(person, &DISBURSEMENT_REVERSE, key, &json!({ "reason": "given back" })).path("disbursement_id", id)
}

pub(crate) async fn take_back(world: &World, person: &Person, id: &str, key: &str) -> Reply {
    call(world, &DISBURSEMENT_REVERSE, &reversal(person, id, key)).await
}

/// The transfer that booked the hand-over.
async fn booked(world: &World, office: &Office, id: &str) -> String {
    let shown = payout(world, id).await;
    let visit = visit(world, &office.desk, shown.text("/delivery_id")).await;
    visit.text("/conclusion/transfer_id").to_owned()
}

#[tokio::test]
async fn a_payment_that_is_taken_back_says_why_and_the_cash_is_in_the_agents_hand_again() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let id = handed_over(&world, pennco, "BF-D-1", 500).await;
    let hand_over = booked(&world, pennco, &id).await;
    let before = world.table.items(LEDGER);
    let back = take_back(&world, &pennco.settlement, &id, "r1").await;
    assert_eq!((back.status, back.text("/status")), (200, "reversed"), "{back:?}");
    let linked = back.text("/reversal/transfer_id").to_owned();
    let said =
        json!({ "reason": "given back", "by": pennco.settlement.subject(), "at": world.now(), "transfer_id": linked });
    assert_eq!(back.json["reversal"], said);
    assert_eq!(payout(&world, &id).await.json, back.json);
    let shown = get(&world, &pennco.settlement, &linked).await;
    assert_eq!(shown.json["reverses"], json!({ "transfer_id": hand_over, "kind": "disbursement" }));
    assert_eq!(get(&world, &pennco.settlement, &hand_over).await.text("/reversed_by"), linked);
    let after = world.table.items(LEDGER);
    assert!(before.iter().all(|item| after.contains(item)), "what was booked stays as it was");
    assert_eq!(books::balance(&world, pennco).await, FLOAT_MINOR);
    assert_eq!(books::account(&world, pennco, "partner_control.bfil").await, (0, 0));
    assert_eq!(happened(&world, "disbursement.reversed"), std::slice::from_ref(&id));
    let again = take_back(&world, &pennco.settlement, &id, "r1").await;
    assert_eq!((again.is_replay(), &again.body), (true, &back.body));
    let twice = take_back(&world, &pennco.admin, &id, "r2").await;
    assert_eq!((twice.said(), &twice.json["legal_moves"]), ((409, "illegal_transition"), &json!([])));
}

#[tokio::test]
async fn only_a_hand_over_that_no_bank_line_bears_out_is_taken_back() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let (id, visit_id) = reserved(&world, pennco, "BF-D-1", 500).await;
    let early = take_back(&world, &pennco.settlement, &id, "r1").await;
    assert_eq!(early.said(), (409, "illegal_transition"));
    assert_eq!(early.json["legal_moves"], json!(["handed_over", "exception", "cancelled"]));
    confirm(&world, &pennco.agents[0], &visit_id, "c1", &confirmed(500)).await;
    let differs = reconcile(&world, &pennco.settlement, &id, "b1", &bank_line("HDFCN52026112112", 501)).await;
    assert_eq!(differs.text("/status"), "exception");
    assert_eq!(differs.status, 200);
    let settled = handed_over(&world, pennco, "BF-D-2", 700).await;
    let line = bank_line("HDFCN52026112113", 700);
    assert_eq!(reconcile(&world, &pennco.settlement, &settled, "b2", &line).await.text("/status"), "reconciled");
    let late = take_back(&world, &pennco.settlement, &settled, "r2").await;
    assert_eq!((late.said(), &late.json["legal_moves"]), ((409, "illegal_transition"), &json!([])));
    let back = take_back(&world, &pennco.settlement, &id, "r3").await;
    assert_eq!((back.status, back.text("/status")), (200, "reversed"), "the line was another payment's: {back:?}");
    assert_eq!(books::balance(&world, pennco).await, FLOAT_MINOR - 700);
}

#[tokio::test]
async fn cash_of_a_payment_that_was_called_off_too_late_comes_back_as_well() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let (id, visit_id) = reserved(&world, pennco, "BF-D-1", 500).await;
    assert_eq!(cancel(&world, &pennco.admin, &id, "k1").await.status, 200);
    let nothing = take_back(&world, &pennco.settlement, &id, "r1").await;
    assert_eq!(nothing.said(), (409, "illegal_transition"), "no cash has moved");
    confirm(&world, &pennco.agents[0], &visit_id, "c1", &confirmed(500)).await;
    let back = take_back(&world, &pennco.settlement, &id, "r2").await;
    assert_eq!((back.text("/status"), back.text("/cancellation/reason")), ("reversed", "withdrawn"), "{back:?}");
    assert_eq!(books::balance(&world, pennco).await, FLOAT_MINOR);
}

#[tokio::test]
async fn a_hand_over_is_not_taken_back_without_its_payment() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let id = handed_over(&world, pennco, "BF-D-1", 500).await;
    let hand_over = booked(&world, pennco, &id).await;
    let alone = reverse(&world, &pennco.settlement, &hand_over, "r1").await;
    assert_eq!((alone.said(), alone.text("/kind")), ((409, "not_reversible"), "disbursement"));
    assert_eq!(payout(&world, &id).await.text("/status"), "handed_over");
    assert_eq!(books::balance(&world, pennco).await, FLOAT_MINOR - 500);
}

#[tokio::test]
async fn the_cap_of_the_agents_cash_holds_and_nothing_has_changed() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let id = handed_over(&world, pennco, "BF-D-1", 500).await;
    let hand = format!("agent_cash.{}", pennco.agents[0].subject());
    let full = transfer("float_issue", "vault.pennco", &hand, CASH_CAP_MINOR - FLOAT_MINOR + 1);
    assert_eq!(move_money(&world, &pennco.settlement, "m1", &full).await.status, 201);
    let before = payout(&world, &id).await.json;
    assert_eq!(take_back(&world, &pennco.settlement, &id, "r1").await.said(), (409, "cash_cap_exceeded"));
    assert_eq!(payout(&world, &id).await.json, before);
    assert_eq!(books::balance(&world, pennco).await, CASH_CAP_MINOR - 499);
}

#[tokio::test]
async fn a_bank_line_that_comes_all_the_same_settles_nothing() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let id = handed_over(&world, pennco, "BF-D-1", 500).await;
    assert_eq!(take_back(&world, &pennco.settlement, &id, "r1").await.status, 200);
    let line = bank_line("HDFCN52026112112", 500);
    assert_eq!(reconcile(&world, &pennco.settlement, &id, "b1", &line).await.said(), (409, "illegal_transition"));
    let shown = statement(&[bank_row("HDFCN52026112112", "-5.00", "BF-D-1")]);
    assert_eq!(hand_in(&world, &pennco.settlement, "s1", &shown).await.status, 202);
    assert!(match_statements(&world).await.is_empty());
    assert_eq!(payout(&world, &id).await.text("/status"), "reversed");
}

#[tokio::test]
async fn the_next_settlement_has_both_lines_and_nothing_is_owed_for_them() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let id = handed_over(&world, pennco, "BF-D-1", 500).await;
    let hand_over = booked(&world, pennco, &id).await;
    assert_eq!(take_back(&world, &pennco.settlement, &id, "r1").await.status, 200);
    let close = command(&pennco.settlement, &SETTLEMENT_CREATE, "close", &json!({ "business_day": TODAY }));
    let closed = call(&world, &SETTLEMENT_CREATE, &close.at(NOW_MILLIS + 60_000)).await;
    assert!(build_settlements(&world).await.is_empty());
    let asked = pennco.settlement.asks(&SETTLEMENT_GET).path("settlement_id", closed.text("/items/0/settlement_id"));
    let settled = call(&world, &SETTLEMENT_GET, &asked).await;
    assert_eq!(
        (&settled.json["totals"]["count"], &settled.json["totals"]["net"]["amount_minor"]),
        (&json!(2), &json!(0))
    );
    let file = String::from_utf8(world.bucket.follow(settled.text("/file/url")).unwrap()).unwrap();
    let back = file.lines().find(|line| line.contains(",-500,")).unwrap();
    assert!(back.contains(&hand_over), "the line names what it takes back: {back}");
}

#[tokio::test(start_paused = true)]
async fn of_sixteen_reversals_and_a_bank_line_at_once_one_thing_happens() {
    let world = Arc::new(World::new().await);
    let pennco = &world.pennco;
    let id = handed_over(&world, pennco, "BF-D-1", 500).await;
    let requests = (0..16).map(|n| reversal(&pennco.settlement, &id, &format!("r{n}"))).collect();
    let line = bank_line("HDFCN52026112112", 500);
    let (backs, line) = tokio::join!(
        all_at_once(&world, &DISBURSEMENT_REVERSE, requests),
        reconcile(&world, &pennco.settlement, &id, "b1", &line)
    );
    let taken_back = backs.iter().filter(|reply| reply.status == 200).count();
    let shown = payout(&world, &id).await;
    match line.status {
        200 => assert_eq!((taken_back, shown.text("/status")), (0, "reconciled")),
        _ => assert_eq!((taken_back, shown.text("/status")), (1, "reversed")),
    }
    let refused = backs.iter().filter(|reply| reply.status != 200);
    assert!(refused.clone().all(|reply| reply.said() == (409, "illegal_transition")), "{backs:?}");
    let left = FLOAT_MINOR - if taken_back == 1 { 0 } else { 500 };
    assert_eq!(books::balance(&world, pennco).await, left);
}

#[tokio::test]
async fn only_those_who_keep_the_books_take_a_payment_back() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let taken = instruct(&world, &pennco.partners[0], "k1", &instruction("BF-D-1", 500)).await;
    let (id, visit_id) = (taken.text("/disbursement_id"), taken.text("/delivery_id"));
    assign(&world, &pennco.desk, visit_id, &pennco.agents[0], "k2").await;
    confirm(&world, &pennco.agents[0], visit_id, "k3", &confirmed(500)).await;
    for person in [&pennco.partners[0], &pennco.desk, &pennco.agents[0]] {
        assert_eq!(take_back(&world, person, id, "r1").await.said(), (403, "forbidden"));
    }
    assert_eq!(take_back(&world, &world.vishi.admin, id, "r1").await.said(), (404, "unknown"));
    let nothing = command(&pennco.admin, &DISBURSEMENT_REVERSE, "r2", &json!({ "reason": " " }));
    let nothing = call(&world, &DISBURSEMENT_REVERSE, &nothing.path("disbursement_id", id)).await;
    assert_eq!((nothing.said(), nothing.text("/errors/0/pointer")), ((422, "invalid"), "/reason"));
    assert_eq!(payout(&world, id).await.json["reversal"], Value::Null);
    assert_eq!(take_back(&world, &pennco.admin, id, "r3").await.text("/status"), "reversed");
}
