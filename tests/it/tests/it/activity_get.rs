//! `activity-get`: how much happened per region and hour.

use domain::access::ACTIVITY_GET;
use serde_json::json;
use testkit::{Person, Reply, World};

use crate::{
    activity_roll_up::roll_up,
    door::call,
    steps::{close_day, collected, relay, waiting},
};

async fn between(world: &World, person: &Person, from: &str, to: &str) -> Reply {
    call(world, &ACTIVITY_GET, &person.asks(&ACTIVITY_GET).query("from", from).query("to", to)).await
}

/// The day's activity.
pub(crate) async fn get(world: &World, person: &Person) -> Reply {
    between(world, person, "2026-11-21T00:00:00Z", "2026-11-21T23:00:00Z").await
}

#[tokio::test]
async fn counts_are_shown_by_region_and_hour_to_those_who_work_there() {
    let world = World::new().await;
    let pennco = &world.pennco;
    collected(&world, pennco, "BF-1", 5).await;
    collected(&world, pennco, "BF-2", 5).await;
    close_day(&world, &pennco.settlement, "k1", "2026-11-21").await;
    relay(&world).await;
    assert!(roll_up(&world, &waiting(&world, "activity")).await.is_empty());
    let all = get(&world, &pennco.admin).await;
    let regions: Vec<_> = all.items().iter().map(|one| one["region"].as_str().unwrap()).collect();
    assert_eq!(regions, ["-", "pune-north"]);
    let north = &all.items()[1];
    assert_eq!(north["hour"], "2026-11-21T06:00:00Z");
    assert_eq!(north["counts"], json!({ "delivery.created": 2, "delivery.assigned": 2, "delivery.confirmed": 2 }));
    assert_eq!((&north["total"], &all.json["next_cursor"]), (&json!(6), &json!(null)));
    let desk = get(&world, &pennco.desk).await;
    assert_eq!(desk.items(), &all.items()[1..]);
    assert_eq!(get(&world, &world.vishi.admin).await.items().len(), 0);
}

#[tokio::test]
async fn a_range_ends_after_it_begins_and_spans_a_week_at_most() {
    let world = World::new().await;
    let admin = &world.pennco.admin;
    for (from, to) in [
        ("2026-11-21T01:00:00Z", "2026-11-21T00:00:00Z"),
        ("2026-11-01T00:00:00Z", "2026-11-21T00:00:00Z"),
        ("2026-11-14T00:00:00Z", "2026-11-21T00:00:00.001Z"),
        ("yesterday", "2026-11-21T00:00:00Z"),
    ] {
        assert_eq!(between(&world, admin, from, to).await.said(), (400, "invalid_filter"), "{from} to {to}");
    }
    assert_eq!(between(&world, admin, "2026-11-14T00:00:00Z", "2026-11-21T00:00:00Z").await.status, 200);
    let half = admin.asks(&ACTIVITY_GET).query("from", "2026-11-21T00:00:00Z");
    assert_eq!(call(&world, &ACTIVITY_GET, &half).await.flaws(), [("to", "invalid_filter")]);
}
