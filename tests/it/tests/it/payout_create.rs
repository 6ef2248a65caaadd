//! `payout-create`: a settlement is paid out again when it is known that no money went.

use std::sync::Arc;

use domain::access::PAYOUT_CREATE;
use serde_json::json;
use testkit::{NOW_MILLIS, Reply, RestRequest, World};

use crate::{
    door::call,
    payout_get::{get, settled},
    payout_update::{failed, learn, paid, sent, unknown},
    steps::{all_at_once, command},
};

fn request(world: &World, settlement_id: &str, key: &str) -> RestRequest {
    let body = json!({ "settlement_id": settlement_id });
    command(&world.pennco.settlement, &PAYOUT_CREATE, key, &body).at(NOW_MILLIS + 120_000)
}

/// Pays a settlement again.
pub(crate) async fn pay(world: &World, settlement_id: &str, key: &str) -> Reply {
    call(world, &PAYOUT_CREATE, &request(world, settlement_id, key)).await
}

#[tokio::test]
async fn unknown_is_not_failed_and_only_what_failed_is_paid_again() {
    let world = World::new().await;
    let settled = settled(&world, &world.pennco, 150_000).await;
    let (settlement, first) = (settled.text("/settlement_id"), settled.text("/payout_id"));
    let mut refused = vec![];
    for (version, news) in [(1, sent()), (2, unknown())] {
        refused.push(pay(&world, settlement, &format!("before-{version}")).await);
        assert_eq!(learn(&world, first, version, &news).await.status, 200);
    }
    refused.push(pay(&world, settlement, "unknown").await);
    for (reply, status) in refused.iter().zip(["instructed", "sent", "unknown"]) {
        assert_eq!(reply.said(), (409, "payout_outstanding"));
        assert_eq!((reply.text("/existing_id"), reply.text("/payout_status")), (first, status));
    }
    assert_eq!(learn(&world, first, 3, &failed()).await.status, 200);
    let second = pay(&world, settlement, "again").await;
    assert_eq!(
        (second.status, &second.json["attempt"], &second.json["amount"]),
        (201, &json!(2), &settled.json["totals"]["net"])
    );
    let again = pay(&world, settlement, "again").await;
    assert_eq!((again.is_replay(), &again.body), (true, &second.body));
    let id = second.text("/payout_id");
    assert_eq!(learn(&world, id, 1, &paid("AXISN52026112100")).await.status, 200);
    let third = pay(&world, settlement, "third").await;
    assert_eq!((third.said(), third.text("/existing_id")), ((409, "payout_outstanding"), id), "it has arrived");
    assert_eq!(get(&world, &world.pennco.settlement, first).await.text("/status"), "failed");
}

#[tokio::test]
async fn nothing_is_paid_for_a_settlement_that_owes_nothing_or_is_not_there() {
    let world = World::new().await;
    let closed = crate::steps::close_day(&world, &world.pennco.settlement, "close", "2026-11-20").await;
    let building = closed.text("/items/0/settlement_id").to_owned();
    assert_eq!(pay(&world, &building, "building").await.said(), (409, "nothing_owed"));
    crate::steps::build_settlements(&world).await;
    assert_eq!(pay(&world, &building, "empty").await.said(), (409, "nothing_owed"));
    assert_eq!(pay(&world, "stl_01kagwtb0084nrm0ppw3zy9t20", "none").await.said(), (404, "unknown"));
}

#[tokio::test(start_paused = true)]
async fn of_sixteen_that_pay_again_at_once_one_does() {
    let world = Arc::new(World::new().await);
    let settled = settled(&world, &world.pennco, 150_000).await;
    assert_eq!(learn(&world, settled.text("/payout_id"), 1, &failed()).await.status, 200);
    let settlement = settled.text("/settlement_id");
    let requests = (0..16).map(|n| request(&world, settlement, &format!("k{n}"))).collect();
    let replies = all_at_once(&world, &PAYOUT_CREATE, requests).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 1);
    assert!(
        replies.iter().filter(|reply| reply.status != 201).all(|reply| reply.said() == (409, "payout_outstanding"))
    );
}
