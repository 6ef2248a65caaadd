//! `reservation-expire`: lets go what nobody has settled in time.

use std::sync::Arc;

use domain::{Failed, Timestamp, access::RESERVATION_SETTLE};
use edge::schedule::Tick;
use testkit::{RECORDS, World};

use crate::{
    approval_expire::later,
    door::call,
    invariant_check::{check, delete, put_text},
    reservation_create::{balance, budget},
    reservation_get::get,
    reservation_settle::{settling, spending},
    steps::{held, hold, reservation_of},
};

/// How long [`held`] holds, in seconds.
const AN_HOUR: i64 = 3_600;

pub(crate) async fn tick(world: &World, at: Timestamp) -> Result<(), Failed> {
    let tick = Tick { at, message_id: format!("tick {at}") };
    reservation_expire::handle(&world.reservations(), tick).await
}

#[tokio::test]
async fn what_nobody_settles_in_time_is_available_again_once() {
    let world = World::new().await;
    let pennco = &world.pennco;
    budget(&world, "budget.sms", 500).await;
    let made = hold(&world, &pennco.settlement, "r1", &held("budget.sms", 300)).await;
    let id = made.text("/reservation_id");
    tick(&world, Timestamp::from_millis(world.now().plus_seconds(AN_HOUR).as_millis() - 1)).await.unwrap();
    assert_eq!(get(&world, &pennco.desk, id).await.text("/status"), "open", "a millisecond before");
    for _ in 0..2 {
        tick(&world, world.now().plus_seconds(AN_HOUR)).await.unwrap();
        let expired = get(&world, &pennco.desk, id).await;
        assert_eq!((expired.text("/status"), &expired.json["version"]), ("expired", &2.into()));
        assert_eq!(balance(&world, pennco, "budget.sms").await, (500, 500));
    }
    check(&world, 120).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn of_a_settling_in_the_last_moment_and_the_job_one_has_the_money() {
    let world = Arc::new(World::new().await);
    let pennco = &world.pennco;
    budget(&world, "budget.sms", 800).await;
    let at = world.now().plus_seconds(AN_HOUR);
    let desk = later(&world, &pennco.settlement, at);
    let mut left = 800;
    for round in 0..8 {
        let made = hold(&world, &pennco.admin, &format!("r{round}"), &held("budget.sms", 100)).await;
        let id = made.text("/reservation_id");
        let body = spending("budget", "expense.sms");
        let last = settling(&desk, id, &format!("s{round}"), &body).at(at.as_millis() - 1);
        let (ticked, settled) = tokio::join!(tick(&world, at), call(&world, &RESERVATION_SETTLE, &last));
        assert!(ticked.is_ok(), "{ticked:?}");
        match settled.status {
            200 => left -= 100,
            _ => assert_eq!(settled.said(), (409, "reservation_expired")),
        }
        tick(&world, at).await.unwrap();
        assert_eq!(balance(&world, pennco, "budget.sms").await, (left, left));
    }
    check(&world, 120).await.unwrap();
}

#[tokio::test]
async fn a_reservation_that_cannot_be_read_keeps_no_other_one_held_and_fails_the_tick() {
    let world = World::new().await;
    let spoiled = reservation_of(&world, &world.pennco).await;
    budget(&world, "budget.sms", 500).await;
    let another = hold(&world, &world.pennco.settlement, "r1", &held("budget.sms", 300)).await;
    let id = reservation_of(&world, &world.vishi).await;
    let records = world.table.items(RECORDS);
    let record = records.iter().find(|item| item["reservation_id"]["S"] == spoiled.as_str()).unwrap();
    put_text(&world, RECORDS, record, "status", "lost").await;
    let ticked = tick(&world, world.now().plus_seconds(AN_HOUR)).await;
    assert!(matches!(ticked, Err(Failed::Fault(_))), "{ticked:?}");
    assert_eq!(get(&world, &world.vishi.desk, &id).await.text("/status"), "expired");
    let another = get(&world, &world.pennco.desk, another.text("/reservation_id")).await;
    assert_eq!(another.text("/status"), "expired", "{another:?}");
}

#[tokio::test]
async fn what_cannot_be_let_go_fails_the_tick_and_is_let_go_once_it_can_be() {
    let world = World::new().await;
    let pennco = &world.pennco;
    budget(&world, "budget.sms", 500).await;
    let made = hold(&world, &pennco.settlement, "r1", &held("budget.sms", 300)).await;
    let id = made.text("/reservation_id");
    let records = world.table.items(RECORDS);
    let is_it = |item: &&serde_json::Value| item["pk"]["S"].as_str().unwrap().ends_with("#balance#budget.sms");
    let row = records.iter().find(is_it).unwrap();
    delete(&world, RECORDS, row).await;
    for _ in 0..2 {
        let ticked = tick(&world, world.now().plus_seconds(AN_HOUR)).await;
        assert!(matches!(ticked, Err(Failed::Fault(_))), "{ticked:?}");
        assert_eq!(get(&world, &pennco.desk, id).await.text("/status"), "open");
    }
    world.table.put(RECORDS, row);
    tick(&world, world.now().plus_seconds(AN_HOUR)).await.unwrap();
    assert_eq!(get(&world, &pennco.desk, id).await.text("/status"), "expired");
    assert_eq!(balance(&world, pennco, "budget.sms").await, (500, 500));
    check(&world, 120).await.unwrap();
}
