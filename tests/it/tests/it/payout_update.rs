//! `payout-update`: the settlement desk records what is known of a payout.

use std::{collections::BTreeMap, sync::Arc};

use domain::{
    Timestamp, TransferId,
    access::{PAYOUT_UPDATE, TRANSFER_GET},
};
use serde_json::{Value, json};
use testkit::{NOW_MILLIS, Person, Reply, RestRequest, World};

use crate::{
    books,
    door::call,
    payout_get::{get, instructed},
    steps::{TODAY, all_at_once, command, inr, move_money, reverse, transfer},
};

/// A report on a payout at a version.
pub(crate) fn news(desk: &Person, id: &str, key: &str, version: u64, body: &Value) -> RestRequest {
    let request = command(desk, &PAYOUT_UPDATE, key, body).path("payout_id", id);
    request.header("If-Match", &format!("\"{version}\"")).at(NOW_MILLIS + 120_000)
}

/// Reports on a payout.
pub(crate) async fn learn(world: &World, id: &str, version: u64, body: &Value) -> Reply {
    let desk = &world.pennco.settlement;
    call(
        world,
        &PAYOUT_UPDATE,
        &news(desk, id, &format!("learn {version} {id} {body}").replace(['"', ' '], "-"), version, body),
    )
    .await
}

pub(crate) fn sent() -> Value {
    json!({ "status": "sent", "bank_reference": "AXISN52026112100" })
}

pub(crate) fn unknown() -> Value {
    json!({ "status": "unknown", "reason": "the rail timed out" })
}

pub(crate) fn failed() -> Value {
    json!({ "status": "failed", "reason": "account closed" })
}

pub(crate) fn paid(reference: &str) -> Value {
    json!({ "status": "paid", "bank_reference": reference, "value_date": TODAY })
}

#[tokio::test]
async fn a_payout_is_followed_to_its_bank_line_and_remembers_every_step() {
    let world = World::new().await;
    let id = instructed(&world, &world.pennco, 150_000).await;
    for (version, body) in [(1, sent()), (2, unknown()), (3, paid("AXISN52026112100"))] {
        let reply = learn(&world, &id, version, &body).await;
        assert_eq!((reply.status, &reply.json["status"]), (200, &body["status"]), "{reply:?}");
        assert_eq!(reply.header("etag"), Some(format!("\"{}\"", version + 1).as_str()));
    }
    let payout = get(&world, &world.pennco.settlement, &id).await;
    let steps: Vec<_> =
        payout.json["history"].as_array().unwrap().iter().map(|step| step["status"].as_str().unwrap()).collect();
    assert_eq!(steps, ["instructed", "sent", "unknown", "paid"]);
    assert_eq!((payout.text("/bank_reference"), payout.text("/value_date")), ("AXISN52026112100", TODAY));
    assert_eq!(payout.json["compensation"], inr(0), "it was in time");
}

/// What stands in the partner's settlement account and in the operator's bank.
pub(crate) async fn owed_and_bank(world: &World) -> (i64, i64) {
    let pennco = &world.pennco;
    books::balance(world, pennco).await;
    let owed = books::account(world, pennco, "partner_settlement.bfil").await.0;
    (owed, books::account(world, pennco, "bank.pennco").await.0)
}

#[tokio::test]
async fn what_is_paid_is_booked_once_out_of_the_bank() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let id = instructed(&world, pennco, 150_000).await;
    for (version, body) in [(1, sent()), (2, unknown())] {
        assert_eq!(learn(&world, &id, version, &body).await.status, 200);
        assert_eq!(owed_and_bank(&world).await, (-150_000, 0), "it is not known that money went: {body}");
    }
    let paid_once = learn(&world, &id, 3, &paid("AXISN52026112100")).await;
    assert_eq!(paid_once.status, 200, "{paid_once:?}");
    assert_eq!(owed_and_bank(&world).await, (0, -150_000));
    let repeated = learn(&world, &id, 3, &paid("AXISN52026112100")).await;
    assert_eq!((repeated.is_replay(), &repeated.body), (true, &paid_once.body));
    assert_eq!(learn(&world, &id, 4, &paid("AXISN52026112101")).await.said(), (409, "illegal_transition"));
    assert_eq!(owed_and_bank(&world).await, (0, -150_000), "booked once");

    let transfer_id = paid_once.text("/transfer_id");
    let request = pennco.admin.asks(&TRANSFER_GET).path("transfer_id", transfer_id);
    let booked = call(&world, &TRANSFER_GET, &request).await;
    assert_eq!((booked.text("/kind"), booked.text("/reference")), ("payout", id.as_str()), "{booked:?}");
    let refused = reverse(&world, &pennco.settlement, transfer_id, "r1").await;
    assert_eq!((refused.said(), refused.text("/kind")), ((409, "not_reversible"), "payout"));
    crate::invariant_check::check(&world, 200).await.unwrap();
}

#[tokio::test]
async fn the_id_under_which_a_payout_is_booked_is_known_before_and_can_be_taken_by_nobody() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let id = instructed(&world, pennco, 150_000).await;
    let waits = get(&world, &pennco.settlement, &id).await;
    let instructed_at: Timestamp = waits.text("/instructed_at").parse().unwrap();
    let known = TransferId::mint(instructed_at, &[id.as_bytes(), b"paid"]).to_string();
    let mut body = transfer("adjustment", "vault.pennco", "suspense.pennco", 1);
    body["transfer_id"] = json!(known);
    let taken = move_money(&world, &pennco.admin, "m1", &body).await;
    let payout = learn(&world, &id, 1, &paid("AXISN52026112100")).await;
    assert_eq!((payout.status, payout.text("/transfer_id")), (200, known.as_str()), "{payout:?}");
    assert_eq!((taken.said(), taken.flaws()), ((422, "invalid"), vec![("/transfer_id", "invalid_value")]));
    assert_eq!(owed_and_bank(&world).await, (0, -150_000));
}

#[tokio::test]
async fn what_failed_books_nothing_and_what_is_paid_in_its_stead_is_booked() {
    let world = World::new().await;
    let id = instructed(&world, &world.pennco, 150_000).await;
    let gone = learn(&world, &id, 1, &failed()).await;
    assert_eq!((gone.status, &gone.json["transfer_id"]), (200, &Value::Null));
    assert_eq!(owed_and_bank(&world).await, (-150_000, 0));
    let again = crate::payout_create::pay(&world, gone.text("/settlement_id"), "again").await;
    assert_eq!(learn(&world, again.text("/payout_id"), 1, &paid("AXISN52026112100")).await.status, 200);
    assert_eq!(owed_and_bank(&world).await, (0, -150_000));
}

#[tokio::test(start_paused = true)]
async fn of_sixteen_that_say_at_once_that_it_is_paid_one_books_it() {
    let world = Arc::new(World::new().await);
    let id = instructed(&world, &world.pennco, 150_000).await;
    let desk = &world.pennco.settlement;
    let body = paid("AXISN52026112100");
    let requests = (0..16).map(|n| news(desk, &id, &format!("k{n}"), 1, &body)).collect();
    let replies = all_at_once(&world, &PAYOUT_UPDATE, requests).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1);
    assert_eq!(owed_and_bank(&world).await, (0, -150_000));
}

#[tokio::test]
async fn nothing_is_unlearned() {
    let world = World::new().await;
    let id = instructed(&world, &world.pennco, 150_000).await;
    assert_eq!(learn(&world, &id, 1, &sent()).await.status, 200);
    let back = learn(&world, &id, 2, &json!({ "status": "instructed" })).await;
    assert_eq!(back.said(), (409, "illegal_transition"));
    assert_eq!(back.json["legal_moves"], json!(["unknown", "paid", "failed"]));
    assert_eq!(learn(&world, &id, 2, &paid("AXISN52026112100")).await.status, 200);
    for body in [sent(), unknown(), failed(), json!({ "status": "instructed" })] {
        let reply = learn(&world, &id, 3, &body).await;
        assert_eq!((reply.said(), &reply.json["legal_moves"]), ((409, "illegal_transition"), &json!([])), "{body}");
    }
    let payout = get(&world, &world.pennco.settlement, &id).await;
    assert_eq!((payout.text("/status"), payout.header("etag")), ("paid", Some("\"3\"")));
}

#[tokio::test]
async fn what_is_missing_or_wrong_is_named_and_changes_nothing() {
    let world = World::new().await;
    let id = instructed(&world, &world.pennco, 150_000).await;
    for (body, flaws) in [
        (json!({ "status": "paid" }), vec![("/value_date", "required"), ("/bank_reference", "required")]),
        (json!({ "status": "failed" }), vec![("/reason", "required")]),
        (json!({ "status": "unknown" }), vec![("/reason", "required")]),
        (json!({ "status": "sent", "value_date": TODAY }), vec![("/value_date", "not_allowed")]),
        (json!({ "status": "sent", "bank_reference": "short" }), vec![("/bank_reference", "invalid_value")]),
        (
            json!({ "status": "paid", "bank_reference": "AXISN52026112100", "value_date": "2026-11-22" }),
            vec![("/value_date", "invalid_value")],
        ),
    ] {
        let reply = learn(&world, &id, 1, &body).await;
        assert_eq!((reply.said(), reply.flaws()), ((422, "invalid"), flaws), "{body}");
    }
    let stale = learn(&world, &id, 7, &unknown()).await;
    assert_eq!(stale.said(), (412, "version_passed"));
    assert_eq!(get(&world, &world.pennco.settlement, &id).await.header("etag"), Some("\"1\""));
}

#[tokio::test]
async fn a_payout_whose_sending_is_recorded_late_is_paid_on_the_day_it_was_instructed() {
    let world = World::new().await;
    let id = instructed(&world, &world.pennco, 150_000).await;
    let at = domain::Timestamp::from_millis(NOW_MILLIS).plus_seconds(3 * 86_400);
    let desk = crate::approval_expire::later(&world, &world.pennco.settlement, at);
    let learned = async |key: &str, version: u64, body: &Value| {
        call(&world, &PAYOUT_UPDATE, &news(&desk, &id, key, version, body).at(at.as_millis())).await
    };
    let recorded = learned("sent", 1, &sent()).await;
    assert_eq!((recorded.status, recorded.text("/deadline/transaction_day")), (200, "2026-11-24"), "{recorded:?}");
    let mut before = paid("AXISN52026112100");
    before["value_date"] = json!("2026-11-20");
    assert_eq!(learned("before", 2, &before).await.flaws(), [("/value_date", "invalid_value")]);
    let done = learned("paid", 2, &paid("AXISN52026112100")).await;
    assert_eq!((done.status, done.text("/value_date"), &done.json["compensation"]), (200, TODAY, &inr(0)), "{done:?}");
}

#[tokio::test]
async fn a_bank_reference_pays_one_thing_for_ever() {
    let world = World::new().await;
    let paid_out = crate::steps::handed_over(&world, &world.pennco, "BF-D-1", 70_000).await;
    let line = crate::steps::bank_line("HDFCN52026112112", 70_000);
    let reconciled = crate::steps::reconcile(&world, &world.pennco.settlement, &paid_out, "line", &line).await;
    assert_eq!(reconciled.status, 200, "{reconciled:?}");
    let id = instructed(&world, &world.pennco, 150_000).await;
    let taken = learn(&world, &id, 1, &paid("HDFCN52026112112")).await;
    assert_eq!((taken.said(), taken.text("/existing_id")), ((409, "bank_line_already_matched"), paid_out.as_str()));
    assert_eq!(get(&world, &world.pennco.settlement, &id).await.text("/status"), "instructed");
}

#[tokio::test(start_paused = true)]
async fn of_sixteen_that_report_at_once_one_does() {
    let world = Arc::new(World::new().await);
    let id = instructed(&world, &world.pennco, 150_000).await;
    let desk = &world.pennco.settlement;
    let body = |n: usize| if n.is_multiple_of(2) { failed() } else { paid(&format!("AXISN5202611210{n:02}")) };
    let requests = (0..16).map(|n| news(desk, &id, &format!("k{n}"), 1, &body(n))).collect();
    let mut said: BTreeMap<(u16, String), u32> = BTreeMap::new();
    for reply in all_at_once(&world, &PAYOUT_UPDATE, requests).await {
        let code = if reply.status == 200 { String::new() } else { reply.code().to_owned() };
        *said.entry((reply.status, code)).or_default() += 1;
    }
    assert_eq!(said, BTreeMap::from([((200, String::new()), 1), ((412, "version_passed".to_owned()), 15)]));
    assert_eq!(get(&world, desk, &id).await.header("etag"), Some("\"2\""));
}
