//! `event-relay`: follows the records and sends the events of each commit to the queues of their kind.

use edge::stream::follow_batch;
use serde_json::json;
use testkit::{RECORDS, StreamRecord, World, dynamo_json, stream_event};

use crate::steps::{close_day, collected, relay, stream_of_commits};

fn kinds(world: &World, queue: &str) -> Vec<String> {
    world.queues.sent_to(queue).iter().map(|sent| sent.json()["type"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn each_event_goes_to_the_queues_of_its_kind() {
    let world = World::new().await;
    collected(&world, &world.pennco, "BF-1", 5).await;
    close_day(&world, &world.pennco.settlement, "k1", "2026-11-21").await;
    relay(&world).await;
    let mut activity = kinds(&world, "activity");
    activity.sort();
    let (visit, settled) = (["assigned", "confirmed", "created"], ["settlement.requested"; 2]);
    let mut wanted = visit.map(|happened| format!("delivery.{happened}")).to_vec();
    wanted.extend(["day.closed"].into_iter().chain(settled).map(str::to_owned));
    wanted.sort();
    assert_eq!(activity, wanted);
    assert_eq!(kinds(&world, "day-close.fifo"), ["day.closed"]);
    assert_eq!(world.queues.sent_to("day-close.fifo")[0].group.as_deref(), Some("pennco"), "a group an operator");
    assert_eq!(kinds(&world, "settlement.fifo"), ["settlement.requested", "settlement.requested"]);
    assert!(kinds(&world, "export").is_empty() && kinds(&world, "poison").is_empty());
    let settlements = world.queues.sent_to("settlement.fifo");
    let groups: Vec<_> = settlements.iter().map(|sent| sent.group.clone().unwrap()).collect();
    assert_eq!(groups, ["pennco.bfil", "pennco.lnt-finance"], "a group a partner");
    assert_ne!(settlements[0].deduplication_id, settlements[1].deduplication_id);
    for sent in world.queues.sent_to("activity") {
        let event = sent.json();
        assert!(event["event_id"].as_str().unwrap().starts_with("evt_") && event["version"] == 1, "{event}");
        assert!(event.get("borrower").is_none(), "no personal datum travels: {event}");
    }
}

#[tokio::test]
async fn a_commit_that_was_relayed_leaves_the_outbox_and_one_that_was_not_stays() {
    let world = World::new().await;
    collected(&world, &world.pennco, "BF-1", 5).await;
    let in_outbox = |world: &World| {
        let commits = world.table.items(RECORDS).into_iter();
        commits.filter(|item| item["sk"]["S"] == "commit" && item.get("worklist_pk").is_some()).count()
    };
    assert_eq!(in_outbox(&world), 3);
    world.queues.fail(1000);
    let (outbox, parking) = (world.outbox(), world.parking());
    let failed = follow_batch("event-relay", stream_of_commits(&world), &event_relay::handle, &outbox, &parking).await;
    assert!(failed.is_err(), "not even parking works: the batch is read again");
    assert_eq!((in_outbox(&world), world.queues.sent()), (3, 0));
    world.queues.fail(0);
    relay(&world).await;
    assert_eq!((in_outbox(&world), world.queues.sent()), (0, 3));
}

#[tokio::test]
async fn a_refusal_reports_nothing_and_is_left_alone() {
    let world = World::new().await;
    collected(&world, &world.pennco, "BF-1", 5).await;
    let id = world.queues.sent();
    let agent = &world.pennco.agents[0];
    let visit = collected(&world, &world.pennco, "BF-2", 5).await;
    let again = crate::steps::confirm(&world, agent, &visit, "again", &crate::steps::confirmed(5)).await;
    assert_eq!(again.code(), "illegal_transition");
    relay(&world).await;
    assert_eq!(world.queues.sent() - id, 6, "two visits of three events each");
}

#[tokio::test]
async fn a_record_that_cannot_be_handled_is_parked_and_the_stream_goes_on() {
    let world = World::new().await;
    collected(&world, &world.pennco, "BF-1", 5).await;
    let poison = dynamo_json(&json!({ "pk": "pennco#commit#x", "sk": "commit", "events": "no events" }));
    let mut batch = stream_event(RECORDS, &[StreamRecord::insert(&poison)]);
    let no_shape = json!({ "eventID": "bad", "dynamodb": 7 });
    let good = stream_of_commits(&world);
    let records = batch["Records"].as_array_mut().unwrap();
    records.push(no_shape.clone());
    records.extend(good["Records"].as_array().unwrap().clone());
    let (outbox, parking) = (world.outbox(), world.parking());
    follow_batch("event-relay", batch.clone(), &event_relay::handle, &outbox, &parking).await.unwrap();
    let parked: Vec<_> = world.queues.sent_to("poison").iter().map(testkit::SentMessage::json).collect();
    assert_eq!(parked, [batch["Records"][0].clone(), no_shape], "exactly the poison, as it came");
    assert_eq!(kinds(&world, "activity").len(), 3);
}

#[tokio::test]
async fn a_batch_that_a_queue_takes_in_part_is_sent_again() {
    let world = World::new().await;
    close_day(&world, &world.pennco.settlement, "k1", "2026-11-21").await;
    world.queues.refuse_last(1);
    relay(&world).await;
    let mut settlements: Vec<_> =
        world.queues.sent_to("settlement.fifo").into_iter().map(|sent| sent.deduplication_id.unwrap()).collect();
    settlements.dedup();
    assert_eq!(settlements.len(), 2, "both, whatever was sent twice: {settlements:?}");
    assert!(world.queues.sent_to("poison").is_empty());
}
