//! `settlement-close`: closes each operator's business day at its own cut-off, in its own zone.

use domain::access::SETTLEMENT_LIST;
use edge::schedule::Tick;
use serde_json::json;
use testkit::{Office, Person, World};

use crate::{
    door::call,
    invariant_check::put_text,
    steps::{TODAY, close_day, newcomer},
};

async fn tick(world: &World, at: &str) {
    let tick = Tick { at: at.parse().unwrap(), message_id: format!("tick {at}") };
    settlement_close::handle(&world.settlements(), tick).await.unwrap();
}

/// The days that are closed, newest first, with their partner.
async fn closed(world: &World, office: &Office) -> Vec<(String, String)> {
    closed_for(world, &office.admin).await
}

async fn closed_for(world: &World, person: &Person) -> Vec<(String, String)> {
    let reply = call(world, &SETTLEMENT_LIST, &person.asks(&SETTLEMENT_LIST)).await;
    let text = |one: &serde_json::Value, name: &str| one[name].as_str().unwrap().to_owned();
    reply.items().iter().map(|one| (text(one, "business_day"), text(one, "partner_id"))).collect()
}

#[tokio::test]
async fn a_tick_closes_what_is_due_of_every_operator_and_a_second_one_nothing() {
    let world = World::new().await;
    tick(&world, "2026-11-21T15:00:00Z").await;
    for office in [&world.pennco, &world.vishi] {
        let days = closed(&world, office).await;
        assert_eq!(days.len(), 2);
        assert!(days.iter().all(|(day, _)| day == TODAY), "{days:?}");
    }
    let items = world.table.items(testkit::RECORDS).len();
    tick(&world, "2026-11-21T15:00:00Z").await;
    tick(&world, "2026-11-22T14:59:59Z").await;
    assert_eq!(world.table.items(testkit::RECORDS).len(), items);
}

#[tokio::test]
async fn days_that_were_missed_are_closed_in_turn_and_one_closed_by_hand_stays() {
    let world = World::new().await;
    close_day(&world, &world.pennco.settlement, "k1", "2026-11-20").await;
    tick(&world, "2026-11-23T15:00:00Z").await;
    let days: Vec<_> = closed(&world, &world.pennco).await.into_iter().map(|(day, _)| day).collect();
    let wanted = ["2026-11-23", "2026-11-23", "2026-11-22", "2026-11-22", TODAY, TODAY, "2026-11-20", "2026-11-20"];
    assert_eq!(days, wanted);
    assert_eq!(closed(&world, &world.vishi).await.len(), 2, "who never closed a day begins with the last one");
}

#[tokio::test]
async fn a_tick_and_a_desk_that_close_one_day_close_it_once() {
    let world = World::new().await;
    let settlements = world.settlements();
    let at = "2026-11-21T15:00:00Z".parse().unwrap();
    let tick = Tick { at, message_id: "tick".to_owned() };
    let (ticked, by_hand) = tokio::join!(
        settlement_close::handle(&settlements, tick),
        close_day(&world, &world.pennco.settlement, "k1", TODAY)
    );
    assert!(ticked.is_ok(), "{ticked:?}");
    assert!(matches!(by_hand.status, 202 | 409), "{by_hand:?}");
    assert_eq!(closed(&world, &world.pennco).await.len(), 2);
}

#[tokio::test]
async fn a_day_off_is_never_closed_and_its_entries_lie_between_the_business_days_around_it() {
    let world = World::new().await;
    let calendar = json!({
        "cut_off": "18:00", "days_off": ["sunday"], "holidays": [{ "day": "2026-11-24", "name": "Guru Nanak Jayanti" }]
    });
    let desk = newcomer(&world, "latecomer", &calendar).await;
    // 12:30 UTC is 18:00 in Kolkata; the 22nd is a Sunday, the 24th a holiday.
    for at in ["2026-11-21T12:29:59Z", "2026-11-21T12:30:00Z", "2026-11-22T23:00:00Z", "2026-11-23T12:29:59Z"] {
        tick(&world, at).await;
    }
    let days = async || closed_for(&world, &desk).await.into_iter().map(|(day, _)| day).collect::<Vec<_>>();
    assert_eq!(
        days().await,
        [TODAY, TODAY, "2026-11-20", "2026-11-20"],
        "the first tick closed what had ended, and no more"
    );
    tick(&world, "2026-11-24T23:00:00Z").await;
    tick(&world, "2026-11-25T12:30:00Z").await;
    assert_eq!(days().await[..4], ["2026-11-25", "2026-11-25", "2026-11-23", "2026-11-23"]);
    let reply = call(&world, &SETTLEMENT_LIST, &desk.asks(&SETTLEMENT_LIST).query("business_day", "2026-11-25")).await;
    let wednesday = &reply.items()[0];
    let cuts = (wednesday["opened_at"].as_str().unwrap(), wednesday["cut_at"].as_str().unwrap());
    assert_eq!(cuts, ("2026-11-23T12:30:00.000Z", "2026-11-25T12:30:00.000Z"), "the holiday is Wednesday's");
}

/// Has an operator's record say something that is no record.
pub(crate) async fn spoil(world: &World, operator: &str) {
    let records = world.table.items(testkit::RECORDS);
    let is_its = |item: &&serde_json::Value| item["operator"]["S"] == operator && item["zone"]["S"].is_string();
    let record = records.iter().find(is_its).unwrap();
    put_text(world, testkit::RECORDS, record, "currency", "shells").await;
}

#[tokio::test]
async fn an_operator_whose_day_cannot_be_closed_keeps_nobody_elses_open_and_fails_the_tick() {
    let world = World::new().await;
    spoil(&world, "pennco").await;
    let at = "2026-11-21T15:00:00Z".parse().unwrap();
    let ticked = settlement_close::handle(&world.settlements(), Tick { at, message_id: "tick".to_owned() }).await;
    assert!(matches!(ticked, Err(domain::Failed::Fault(_))), "it comes again, and its alarm rings: {ticked:?}");
    assert_eq!(closed(&world, &world.vishi).await.len(), 2, "who comes behind is closed");
    assert_eq!(closed(&world, &world.pennco).await, []);
}

#[tokio::test]
async fn a_day_that_others_are_writing_is_left_to_the_next_tick() {
    let world = World::new().await;
    // The calendar is created in a transaction that meets another one.
    world.table.inject(testkit::Fault::TransactionConflict { times: 1 });
    tick(&world, "2026-11-21T15:00:00Z").await;
    assert_eq!((closed(&world, &world.pennco).await.len(), closed(&world, &world.vishi).await.len()), (0, 2));
    tick(&world, "2026-11-21T15:15:00Z").await;
    assert_eq!(closed(&world, &world.pennco).await.len(), 2);
}
