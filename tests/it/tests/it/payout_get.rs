//! `payout-get`: one payout and everything that was learned of it.

use domain::access::{PAYOUT_GET, SETTLEMENT_CREATE};
use serde_json::{Value, json};
use testkit::{NOW_MILLIS, Office, Person, Reply, World};

use crate::{
    door::call,
    settlement_get,
    steps::{TODAY, build_settlements, collected, command, handed_over, inr, relay},
};

/// Settles today with the first partner after so much was collected; the settlement.
pub(crate) async fn settled(world: &World, office: &Office, amount_minor: i64) -> Reply {
    collected(world, office, "BF-PAY", amount_minor).await;
    settled_as_it_is(world, office).await
}

async fn settled_as_it_is(world: &World, office: &Office) -> Reply {
    let body = json!({ "business_day": TODAY });
    let request = command(&office.settlement, &SETTLEMENT_CREATE, "close-for-payout", &body);
    let closed = call(world, &SETTLEMENT_CREATE, &request.at(NOW_MILLIS + 60_000)).await;
    assert_eq!(closed.status, 202, "{closed:?}");
    assert!(build_settlements(world).await.is_empty());
    settlement_get::get(world, &office.settlement, closed.text("/items/0/settlement_id")).await
}

/// The payout of a day on which so much was collected for the first partner.
pub(crate) async fn instructed(world: &World, office: &Office, amount_minor: i64) -> String {
    settled(world, office, amount_minor).await.text("/payout_id").to_owned()
}

/// A payout as somebody sees it.
pub(crate) async fn get(world: &World, person: &Person, id: &str) -> Reply {
    call(world, &PAYOUT_GET, &person.asks(&PAYOUT_GET).path("payout_id", id)).await
}

#[tokio::test]
async fn what_is_owed_is_instructed_with_the_settlement_itself() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let settled = settled(&world, pennco, 150_000).await;
    let payout = get(&world, &pennco.settlement, settled.text("/payout_id")).await;
    assert_eq!((payout.status, payout.header("etag")), (200, Some("\"1\"")));
    assert_eq!((&payout.json["amount"], payout.text("/rail")), (&inr(150_000), "imps"));
    assert_eq!((payout.text("/status"), &payout.json["attempt"]), ("instructed", &json!(1)));
    assert_eq!(payout.text("/settlement_id"), settled.text("/settlement_id"));
    assert_eq!((payout.text("/deadline/transaction_day"), payout.text("/deadline/due")), (TODAY, "2026-11-22"));
    assert!(payout.text("/deadline/source").contains("RBI/2019-20/67"));
    assert_eq!(payout.json["history"].as_array().unwrap().len(), 1);
    relay(&world).await;
    let news = world.queues.sent_to("activity").into_iter().filter(|sent| sent.body.contains("payout.instructed"));
    assert_eq!(news.count(), 1, "what hands it to a rail is the event, once");
}

#[tokio::test]
async fn a_settlement_that_is_built_again_instructs_nothing_more() {
    let world = World::new().await;
    let settled = settled(&world, &world.pennco, 150_000).await;
    let records = world.table.items(testkit::RECORDS).len();
    assert!(build_settlements(&world).await.is_empty());
    let again = settlement_get::get(&world, &world.pennco.settlement, settled.text("/settlement_id")).await;
    assert_eq!(
        (&again.json["payout_id"], &again.json["version"]),
        (&settled.json["payout_id"], &settled.json["version"])
    );
    assert_eq!(world.table.items(testkit::RECORDS).len(), records);
}

#[tokio::test]
async fn where_the_partner_owes_or_nothing_is_owed_nothing_is_paid() {
    let world = World::new().await;
    handed_over(&world, &world.pennco, "BF-D-1", 70_000).await;
    for office in [&world.pennco, &world.vishi] {
        assert_eq!(settled_as_it_is(&world, office).await.json["payout_id"], Value::Null);
    }
}

#[tokio::test]
async fn a_partner_sees_its_own_payouts_and_nobody_elses() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let id = instructed(&world, pennco, 150_000).await;
    assert_eq!(get(&world, &pennco.partners[0], &id).await.status, 200);
    for person in [&pennco.partners[1], &world.vishi.settlement, &world.vishi.partners[0]] {
        assert_eq!(get(&world, person, &id).await.said(), (404, "unknown"));
    }
}
