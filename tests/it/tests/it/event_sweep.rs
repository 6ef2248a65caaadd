//! `event-sweep`: finds events that never reached their queues and sends them again.

use edge::schedule::Tick;
use testkit::World;

use crate::steps::{collected, relay, stream_of_commits, waiting, work_off};

fn tick(world: &World, seconds: i64) -> Tick {
    Tick { at: world.now().plus_seconds(seconds), message_id: "tick".to_owned() }
}

#[tokio::test]
async fn what_was_never_relayed_is_sent_when_it_is_a_minute_old() {
    let world = World::new().await;
    collected(&world, &world.pennco, "BF-1", 5).await;
    collected(&world, &world.vishi, "BF-1", 5).await;
    event_sweep::handle(&world.outbox(), tick(&world, 59)).await.unwrap();
    assert_eq!(world.queues.sent(), 0, "the relay may still be at it");
    let found = world.outbox().sweep(world.now().plus_seconds(61), 60).await.unwrap();
    assert_eq!((found.commits, found.oldest_seconds), (6, 61));
    assert_eq!(world.queues.sent(), 6);
    let again = world.outbox().sweep(world.now().plus_seconds(61), 60).await.unwrap();
    assert_eq!((again.commits, world.queues.sent()), (0, 6), "once");
}

#[tokio::test]
async fn what_was_relayed_is_not_found() {
    let world = World::new().await;
    collected(&world, &world.pennco, "BF-1", 5).await;
    relay(&world).await;
    event_sweep::handle(&world.outbox(), tick(&world, 3600)).await.unwrap();
    assert_eq!(world.queues.sent(), 3);
}

#[tokio::test]
async fn an_answer_lost_between_queue_and_mark_means_twice_sent_and_once_counted() {
    let world = World::new().await;
    collected(&world, &world.pennco, "BF-1", 5).await;
    // The first attempt of each commit is taken by the queue, and the relay dies before it can mark it.
    let commits = stream_of_commits(&world);
    let reporting = |record: &&serde_json::Value| record["dynamodb"]["NewImage"].get("events").is_some();
    for record in commits["Records"].as_array().unwrap().iter().filter(reporting) {
        world.queues.lose_answers(3);
        let change = serde_json::from_value(record.clone()).unwrap();
        assert!(event_relay::handle(&world.outbox(), change).await.is_err());
    }
    let lost = world.queues.sent();
    assert_eq!(lost, 9, "the SDK tries three times");
    event_sweep::handle(&world.outbox(), tick(&world, 61)).await.unwrap();
    assert_eq!(world.queues.sent(), lost + 3);
    let activities = world.activities();
    let messages = waiting(&world, "activity");
    let failed =
        work_off("activity", &messages, async |message| activity_roll_up::handle(&activities, message).await).await;
    assert!(failed.is_empty());
    let hour = world.now();
    let counted = activities.between(&world.pennco.operator, hour, hour).await.unwrap();
    assert_eq!(counted.iter().map(|one| one.total).sum::<u64>(), 3, "{counted:?}");
}
