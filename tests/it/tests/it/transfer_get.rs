//! `transfer-get`: one transfer, whole, and what took it back.

use domain::access::{ACCOUNT_GET, TRANSFER_GET};
use serde_json::json;
use testkit::{Person, Reply, World};

use crate::{
    door::call,
    steps::{collected, inr, reverse},
};

pub(crate) async fn get(world: &World, person: &Person, transfer_id: &str) -> Reply {
    call(world, &TRANSFER_GET, &person.asks(&TRANSFER_GET).path("transfer_id", transfer_id)).await
}

#[tokio::test]
async fn a_visit_is_a_transfer_with_two_times_and_who_reported_it() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let visit = collected(&world, pennco, "BF-1", 150_000).await;
    let hand = format!("agent_cash.{}", pennco.agents[0].subject());
    let statement = call(&world, &ACCOUNT_GET, &pennco.desk.asks(&ACCOUNT_GET).path("account_id", &hand)).await;
    let entry = statement.items().iter().find(|entry| entry["kind"] == "collection").unwrap().clone();
    let shown = get(&world, &pennco.desk, entry["transfer_id"].as_str().unwrap()).await;
    assert_eq!((shown.status, shown.text("/kind")), (200, "collection"), "{shown:?}");
    assert_eq!((shown.text("/delivery_id"), shown.text("/reference")), (visit.as_str(), "BF-1"));
    assert_eq!(shown.text("/by"), pennco.agents[0].subject());
    assert_eq!(shown.text("/effective_at"), "2026-11-21T06:29:00.000Z", "when the phone says it was");
    assert_eq!(shown.text("/at"), "2026-11-21T06:30:00.000Z", "when we heard of it");
    assert_eq!((&entry["at"], &entry["effective_at"]), (&shown.json["at"], &shown.json["effective_at"]));
    let sides = json!([{ "account_id": hand, "amount": inr(150_000) },
                       { "account_id": "partner_control.bfil", "amount": inr(-150_000) }]);
    assert_eq!(shown.json["entries"], sides);
    assert!(shown.json.get("reversed_by").is_none());
    let reversed = reverse(&world, &pennco.settlement, shown.text("/transfer_id"), "r1").await;
    assert_eq!(reversed.status, 201, "{reversed:?}");
    let again = get(&world, &pennco.desk, shown.text("/transfer_id")).await;
    assert_eq!(again.json["reversed_by"], reversed.json["transfer_id"]);
}
