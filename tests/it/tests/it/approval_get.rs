//! `approval-get`: what waits, what will be booked, who has said what.

use domain::access::APPROVAL_GET;
use testkit::{Person, Reply, World};

use crate::{door::call, steps::waiting_for_approval};

async fn get(world: &World, person: &Person, id: &str) -> Reply {
    call(world, &APPROVAL_GET, &person.asks(&APPROVAL_GET).path("approval_id", id)).await
}

#[tokio::test]
async fn an_approval_is_seen_by_its_lender_its_desk_and_the_office() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let id = waiting_for_approval(&world, &pennco.partners[0], "BF-D-1", 10_000_000).await;
    for person in [&pennco.partners[0], &pennco.desk, &pennco.settlement, &pennco.admin] {
        let shown = get(&world, person, &id).await;
        assert_eq!((shown.status, shown.text("/subject"), shown.text("/status")), (200, "disbursement", "pending"));
    }
    for person in [&pennco.partners[1], &world.vishi.partners[0], &world.vishi.admin] {
        assert_eq!(get(&world, person, &id).await.said(), (404, "unknown"));
    }
}

#[tokio::test]
async fn the_preview_sums_to_zero() {
    let world = World::new().await;
    let id = waiting_for_approval(&world, &world.pennco.partners[0], "BF-D-1", 12_345_678).await;
    let shown = get(&world, &world.pennco.admin, &id).await;
    let sides = shown.json["preview"].as_array().unwrap();
    let amounts: Vec<_> = sides.iter().map(|side| side["amount"]["amount_minor"].as_i64().unwrap()).collect();
    assert_eq!((amounts.iter().sum::<i64>(), amounts.iter().max()), (0, Some(&12_345_678)));
}
