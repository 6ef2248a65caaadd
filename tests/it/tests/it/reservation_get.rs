//! `reservation-get`: money that is held, or what became of it.

use domain::access::RESERVATION_GET;
use testkit::{Person, Reply, World};

use crate::{
    door::call,
    steps::{held, hold},
};

pub(crate) async fn get(world: &World, person: &Person, id: &str) -> Reply {
    call(world, &RESERVATION_GET, &person.asks(&RESERVATION_GET).path("reservation_id", id)).await
}

#[tokio::test]
async fn the_operators_people_see_it_as_it_is_and_nobody_else_does() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let hand = format!("agent_cash.{}", pennco.agents[0].subject());
    let made = hold(&world, &pennco.settlement, "r1", &held(&hand, 700)).await;
    let id = made.text("/reservation_id");
    for person in [&pennco.desk, &pennco.settlement, &pennco.admin] {
        assert_eq!(get(&world, person, id).await.json, made.json);
    }
    assert_eq!(get(&world, &pennco.agents[0], id).await.said(), (403, "forbidden"));
    assert_eq!(get(&world, &world.vishi.admin, id).await.said(), (404, "unknown"));
}
