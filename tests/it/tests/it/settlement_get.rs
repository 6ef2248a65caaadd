//! `settlement-get`: one settlement, with a link to its file.

use domain::access::SETTLEMENT_GET;
use serde_json::{Value, json};
use testkit::{Person, Reply, World};

use crate::{
    door::call,
    steps::{TODAY, build_settlements, close_day, collected},
};

/// A settlement as somebody sees it.
pub(crate) async fn get(world: &World, person: &Person, id: &str) -> Reply {
    call(world, &SETTLEMENT_GET, &person.asks(&SETTLEMENT_GET).path("settlement_id", id)).await
}

#[tokio::test]
async fn a_settlement_is_building_until_its_file_lies_ready_behind_a_link() {
    let world = World::new().await;
    let pennco = &world.pennco;
    collected(&world, pennco, "BF-1", 150_000).await;
    let closed = call_at_night(&world).await;
    let id = closed.text("/items/0/settlement_id");
    let building = get(&world, &pennco.settlement, id).await;
    assert_eq!((building.text("/status"), &building.json["file"]), ("building", &Value::Null));
    assert!(build_settlements(&world).await.is_empty());
    let settled = get(&world, &pennco.partners[0], id).await;
    assert_eq!((settled.text("/status"), &settled.json["file"]["expires_in"]), ("settled", &json!(900)));
    let file = world.bucket.follow(settled.text("/file/url")).unwrap();
    assert_eq!(domain::id::Sha256Hex::of(&file).as_str(), settled.text("/file/sha256"));
    assert_eq!(settled.json["file"]["bytes"], file.len());
    for person in [&pennco.partners[1], &world.vishi.settlement] {
        assert_eq!(get(&world, person, id).await.said(), (404, "unknown"));
    }
}

/// Closes the day a minute after everything else happened.
async fn call_at_night(world: &World) -> Reply {
    let desk = &world.pennco.settlement;
    let route = &domain::access::SETTLEMENT_CREATE;
    let request = crate::steps::command(desk, route, "close", &json!({ "business_day": TODAY }));
    call(world, route, &request.at(testkit::NOW_MILLIS + 60_000)).await
}

#[tokio::test]
async fn an_empty_day_is_settled_with_an_empty_file_and_no_transfer() {
    let world = World::new().await;
    let closed = close_day(&world, &world.pennco.settlement, "k1", TODAY).await;
    build_settlements(&world).await;
    let settled = get(&world, &world.pennco.settlement, closed.text("/items/0/settlement_id")).await;
    assert_eq!((settled.text("/status"), &settled.json["transfer_id"]), ("settled", &Value::Null));
    assert_eq!(settled.json["totals"]["count"], 0);
}
