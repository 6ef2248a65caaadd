//! `disbursement-reconcile`: the settlement desk holds a payment against its bank line.

use std::sync::Arc;

use domain::access::DISBURSEMENT_RECONCILE;
use serde_json::{Value, json};
use testkit::World;

use crate::steps::{all_at_once, bank_line, command, confirm, confirmed, failed, handed_over, reconcile, reserved};

const LINE: &str = "HDFCN52026112112";

#[tokio::test]
async fn a_line_that_says_the_same_reconciles() {
    let world = World::new().await;
    let desk = &world.pennco.settlement;
    let id = handed_over(&world, &world.pennco, "BF-D-1", 500).await;
    let reply = reconcile(&world, desk, &id, "k1", &bank_line(LINE, 500)).await;
    assert_eq!((reply.status, reply.text("/status")), (200, "reconciled"));
    assert_eq!(reply.text("/reconciliation/outcome"), "reconciled");
    assert_eq!(reply.json["reconciliation"]["differences"], json!([]));
    assert_eq!(reply.text("/reconciliation/at"), "2026-11-21T06:30:00.000Z");
}

#[tokio::test]
async fn the_window_begins_with_the_day_that_the_phone_says() {
    let world = World::new().await;
    let (id, visit) = reserved(&world, &world.pennco, "BF-D-1", 500).await;
    let mut late = confirmed(500);
    late["occurred_at"] = json!("2026-11-19T06:00:00Z");
    assert_eq!(confirm(&world, &world.pennco.agents[0], &visit, "c1", &late).await.status, 200);
    let mut line = bank_line(LINE, 500);
    line["value_date"] = json!("2026-11-19");
    let reply = reconcile(&world, &world.pennco.settlement, &id, "k1", &line).await;
    assert_eq!((reply.status, reply.text("/status")), (200, "reconciled"), "{reply:?}");
}

#[tokio::test]
async fn every_difference_is_named_and_a_better_line_mends_it() {
    let world = World::new().await;
    let desk = &world.pennco.settlement;
    let id = handed_over(&world, &world.pennco, "BF-D-1", 500).await;
    let line = json!({ "bank_reference": LINE, "amount": { "amount_minor": 501, "currency": "NPR" }, "value_date": "2026-11-25" });
    let reply = reconcile(&world, desk, &id, "k1", &line).await;
    assert_eq!((reply.status, reply.text("/status")), (200, "exception"));
    let differences = reply.json["reconciliation"]["differences"].as_array().unwrap();
    let mut named: Vec<_> = differences.iter().map(|one| one["code"].as_str().unwrap()).collect();
    named.sort_unstable();
    assert_eq!(named, ["amount_differs", "currency_differs", "value_date_out_of_window"]);
    let amount = differences.iter().find(|one| one["code"] == "amount_differs").unwrap();
    assert_eq!(
        (&amount["field"], &amount["expected"], &amount["found"]),
        (&json!("amount"), &json!("500"), &json!("501"))
    );
    let mended = reconcile(&world, desk, &id, "k2", &bank_line(LINE, 500)).await;
    assert_eq!((mended.status, mended.text("/status")), (200, "reconciled"), "the line of an exception is still free");
}

#[tokio::test]
async fn the_value_date_may_be_from_the_hand_over_to_three_days_later() {
    let world = World::new().await;
    for (n, (day, status)) in [
        ("2026-11-20", "exception"),
        ("2026-11-21", "reconciled"),
        ("2026-11-24", "reconciled"),
        ("2026-11-25", "exception"),
    ]
    .into_iter()
    .enumerate()
    {
        let id = handed_over(&world, &world.pennco, &format!("BF-D-{n}"), 500).await;
        let mut line = bank_line(&format!("HDFCN5202611211{n}"), 500);
        line["value_date"] = json!(day);
        let reply = reconcile(&world, &world.pennco.settlement, &id, &format!("k{n}"), &line).await;
        assert_eq!(reply.text("/status"), status, "{day}");
    }
}

#[tokio::test]
async fn the_same_line_again_changes_nothing_and_another_is_refused() {
    let world = World::new().await;
    let desk = &world.pennco.settlement;
    let id = handed_over(&world, &world.pennco, "BF-D-1", 500).await;
    let first = reconcile(&world, desk, &id, "k1", &bank_line(LINE, 500)).await;
    let replay = reconcile(&world, desk, &id, "k1", &bank_line(LINE, 500)).await;
    assert_eq!((replay.is_replay(), &replay.body), (true, &first.body));
    let again = reconcile(&world, desk, &id, "k2", &bank_line(LINE, 500)).await;
    assert_eq!((again.status, again.is_replay(), &again.json), (200, false, &first.json));
    let lower = reconcile(&world, desk, &id, "k3", &bank_line(&LINE.to_lowercase(), 500)).await;
    assert_eq!(lower.status, 200, "a bank's letters have no case: {lower:?}");
    let other = reconcile(&world, desk, &id, "k4", &bank_line("HDFCN52026112199", 500)).await;
    assert_eq!((other.said(), &other.json["legal_moves"]), ((409, "illegal_transition"), &json!([])));
}

#[tokio::test]
async fn a_line_that_has_settled_one_disbursement_settles_no_other() {
    let world = World::new().await;
    let desk = &world.pennco.settlement;
    let first = handed_over(&world, &world.pennco, "BF-D-1", 500).await;
    let second = handed_over(&world, &world.pennco, "BF-D-2", 500).await;
    reconcile(&world, desk, &first, "k1", &bank_line(LINE, 500)).await;
    for (key, reference) in [("k2", LINE.to_owned()), ("k3", LINE.to_lowercase())] {
        let reply = reconcile(&world, desk, &second, key, &bank_line(&reference, 500)).await;
        assert_eq!((reply.said(), reply.text("/existing_id")), ((409, "bank_line_already_matched"), first.as_str()));
    }
    let third = handed_over(&world, &world.pennco, "BF-D-9", 900).await;
    let reply = reconcile(&world, &world.pennco.settlement, &third, "k9", &bank_line(LINE, 500)).await;
    assert_eq!(reply.said(), (409, "bank_line_already_matched"), "also when it would differ: {reply:?}");
    let foreign = handed_over(&world, &world.vishi, "BF-D-1", 500).await;
    let reply = reconcile(&world, &world.vishi.settlement, &foreign, "k1", &bank_line(LINE, 500)).await;
    assert_eq!(reply.text("/status"), "reconciled", "another operator has its own bank");
}

#[tokio::test(start_paused = true)]
async fn of_many_disbursements_that_claim_one_line_at_once_one_gets_it() {
    let world = Arc::new(World::new().await);
    let desk = &world.pennco.settlement;
    let mut requests = Vec::new();
    for n in 0..16 {
        let id = handed_over(&world, &world.pennco, &format!("BF-D-{n}"), 500).await;
        let line = bank_line(LINE, 500);
        requests.push(command(desk, &DISBURSEMENT_RECONCILE, &format!("k{n}"), &line).path("disbursement_id", &id));
    }
    let replies = all_at_once(&world, &DISBURSEMENT_RECONCILE, requests).await;
    let winner: Vec<_> = replies.iter().filter(|reply| reply.status == 200).collect();
    assert_eq!(winner.len(), 1);
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        assert_eq!(reply.said(), (409, "bank_line_already_matched"));
        assert_eq!(reply.json["existing_id"], winner[0].json["disbursement_id"]);
    }
}

#[tokio::test]
async fn before_the_hand_over_nothing_is_reconciled() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let (id, visit) = reserved(&world, pennco, "BF-D-1", 500).await;
    let early = reconcile(&world, &pennco.settlement, &id, "k1", &bank_line(LINE, 500)).await;
    assert_eq!(
        (early.said(), &early.json["legal_moves"]),
        ((409, "illegal_transition"), &json!(["handed_over", "exception", "cancelled"]))
    );
    confirm(&world, &pennco.agents[0], &visit, "k2", &failed("refused")).await;
    let never = reconcile(&world, &pennco.settlement, &id, "k3", &bank_line(LINE, 500)).await;
    assert_eq!((never.said(), &never.json["legal_moves"]), ((409, "illegal_transition"), &json!([])));
}

#[tokio::test]
async fn a_line_that_is_none_is_invalid() {
    let world = World::new().await;
    let id = handed_over(&world, &world.pennco, "BF-D-1", 500).await;
    let but = |pointer: &str, value: Value| {
        let mut line = bank_line(LINE, 500);
        *line.pointer_mut(pointer).unwrap() = value;
        line
    };
    for (line, pointer) in [
        (but("/bank_reference", json!("SHORT")), "/bank_reference"),
        (but("/bank_reference", json!("HDFC-N520261121")), "/bank_reference"),
        (but("/bank_reference", json!("X".repeat(23))), "/bank_reference"),
        (but("/amount/amount_minor", json!(0)), "/amount"),
        (but("/value_date", json!("2026-13-01")), "/value_date"),
    ] {
        let reply = reconcile(&world, &world.pennco.settlement, &id, "k1", &line).await;
        assert_eq!((reply.status, reply.flaws()[0].0), (422, pointer), "{line}");
    }
}
