//! `position-roll-up`: follows the tracks, moves each agent's latest position, forward only.

use edge::stream::Change;
use serde_json::Value;
use testkit::{StreamRecord, TRACKS, World, stream_event};

use crate::{
    agent_list,
    steps::{point, record},
};

/// The changes of the tracks, as the stream hands them over.
fn changes(items: &[Value]) -> Vec<Change> {
    let records: Vec<StreamRecord> = items.iter().map(StreamRecord::insert).collect();
    let event = stream_event(TRACKS, &records);
    event["Records"].as_array().unwrap().iter().map(|one| serde_json::from_value(one.clone()).unwrap()).collect()
}

/// Every order of so many things.
fn permutations(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![vec![]];
    }
    let shorter = permutations(count - 1);
    shorter
        .into_iter()
        .flat_map(|order| {
            (0..count).map(move |place| {
                let mut longer = order.clone();
                longer.insert(place, count - 1);
                longer
            })
        })
        .collect()
}

#[tokio::test]
async fn batches_in_any_order_end_at_the_newest_point_and_the_map_shows_it() {
    let recorded = World::new().await;
    let agent = &recorded.pennco.agents[0];
    // The newest point is in the second batch to arrive; batches overlap in time.
    for batch in [
        [point(400, 18.50), point(200, 18.51)],
        [point(300, 18.52), point(10, 18.5299999)],
        [point(900, 18.53), point(20, 18.54)],
        [point(60, 18.56), point(50, 18.57)],
    ] {
        assert_eq!(record(&recorded, agent, &batch).await.status, 202);
    }
    let batches = recorded.table.items(TRACKS);
    assert_eq!(batches.len(), 4);
    let orders = permutations(batches.len());
    for order in &orders {
        let world = World::new().await;
        for at in order {
            for change in changes(&batches[*at..=*at]) {
                position_roll_up::handle(&world.agents(), change).await.unwrap();
            }
        }
        let map = agent_list::list(&world, &world.pennco.desk, "pune-north").await;
        let position = &map.items()[0]["position"];
        assert_eq!(position["captured_at"], "2026-11-21T06:29:50.000Z", "{order:?}");
        assert_eq!((position["lat"].as_f64(), position["accuracy_metres"].as_f64()), (Some(18.529_999_9), Some(12.0)));
    }
    println!("{} orders of {} batches", orders.len(), batches.len());
}

#[tokio::test]
async fn a_batch_costs_one_write_and_nothing_is_read() {
    let world = World::new().await;
    record(&world, &world.pennco.agents[0], &[point(60, 18.52)]).await;
    let change = changes(&world.table.items(TRACKS)).remove(0);
    world.table.reset_calls();
    position_roll_up::handle(&world.agents(), change).await.unwrap();
    assert_eq!(world.table.calls().total().count, 1);
}

#[tokio::test]
async fn a_record_that_is_no_batch_is_a_fault() {
    let world = World::new().await;
    let item = testkit::dynamo_json(&serde_json::json!({ "pk": "pennco#x", "sk": "y" }));
    let failed = position_roll_up::handle(&world.agents(), changes(&[item]).remove(0)).await;
    assert!(matches!(failed, Err(domain::Failed::Fault(_))), "{failed:?}");
}
