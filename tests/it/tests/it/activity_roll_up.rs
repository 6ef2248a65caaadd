//! `activity-roll-up`: counts events per region and hour, each once.

use testkit::{Fault, QueueMessage, World};

use crate::{
    activity_get,
    steps::{collected, relay, waiting, work_off},
};

/// Works messages off; the ids of those that failed.
pub(crate) async fn roll_up(world: &World, messages: &[QueueMessage]) -> Vec<String> {
    let activities = world.activities();
    work_off("activity", messages, async |message| activity_roll_up::handle(&activities, message).await).await
}

#[tokio::test]
async fn a_message_that_comes_five_times_counts_once() {
    let world = World::new().await;
    collected(&world, &world.pennco, "BF-1", 5).await;
    relay(&world).await;
    for _ in 0..5 {
        assert!(roll_up(&world, &waiting(&world, "activity")).await.is_empty());
    }
    let shown = activity_get::get(&world, &world.pennco.desk).await;
    assert_eq!(shown.items()[0]["total"], 3);
}

#[tokio::test]
async fn a_message_that_is_no_event_fails_alone() {
    let world = World::new().await;
    collected(&world, &world.pennco, "BF-1", 5).await;
    relay(&world).await;
    let mut messages = vec![QueueMessage::new("poison", "no event"), QueueMessage::new("poison-2", "{}")];
    messages.extend(waiting(&world, "activity"));
    assert_eq!(roll_up(&world, &messages).await, ["poison", "poison-2"]);
    assert_eq!(activity_get::get(&world, &world.pennco.desk).await.items()[0]["total"], 3);
}

#[tokio::test]
async fn a_message_that_meets_others_at_its_place_comes_again() {
    let world = World::new().await;
    collected(&world, &world.pennco, "BF-1", 5).await;
    relay(&world).await;
    world.table.inject(Fault::TransactionConflict { times: 1 });
    let messages = waiting(&world, "activity");
    assert_eq!(roll_up(&world, &messages).await, ["m-0"]);
    assert!(roll_up(&world, &messages).await.is_empty());
    assert_eq!(activity_get::get(&world, &world.pennco.desk).await.items()[0]["total"], 3);
}

#[tokio::test]
async fn a_group_of_a_fifo_queue_stops_at_its_first_failure_and_the_others_go_on() {
    let messages = [("a", "1"), ("b", "2"), ("a", "3"), ("b", "4"), ("a", "5")]
        .map(|(group, id)| QueueMessage::new(id, "x").group(group));
    let batch = QueueMessage::batch("settlement.fifo", &messages);
    let worked = std::sync::Mutex::new(Vec::new());
    let response = edge::queue::work_off("test", batch, async |message| {
        let id = message.message_id.clone().unwrap();
        worked.lock().unwrap().push(id.clone());
        if id == "3" { Err(domain::Failed::InProgress) } else { Ok(()) }
    })
    .await;
    let failed: Vec<_> = response.batch_item_failures.iter().map(|one| one.item_identifier.as_str()).collect();
    assert_eq!(failed, ["3", "5"]);
    assert_eq!(*worked.lock().unwrap(), ["1", "2", "3", "4"], "5 was not tried");
}
