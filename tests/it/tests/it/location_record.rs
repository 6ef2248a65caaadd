//! `location-record`: an agent's phone says where it was.

use domain::access::LOCATION_RECORD;
use serde_json::{Value, json};
use testkit::{Operation, TRACKS, World};

use crate::{
    door::call,
    steps::{point, record},
};

#[tokio::test]
async fn each_point_gets_its_verdict_and_the_good_ones_are_kept() {
    let world = World::new().await;
    let mut inaccurate = point(90, 18.52);
    inaccurate["accuracy_metres"] = json!(201.0);
    let nowhere = point(80, 91.0);
    let points = [
        point(120, 18.52),
        point(120, 18.53),
        inaccurate,
        nowhere,
        point(60, 19.52),
        point(-601, 18.52),
        point(7 * 86_400 + 1, 18.52),
        point(30, 18.521),
    ];
    let reply = record(&world, &world.pennco.agents[0], &points).await;
    assert_eq!(reply.status, 202);
    assert_eq!(
        (&reply.json["accepted"], &reply.json["duplicate"], &reply.json["rejected"]),
        (&json!(2), &json!(1), &json!(5))
    );
    let verdicts: Vec<_> = reply.json["verdicts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["reason"].as_str().or(one["verdict"].as_str()).unwrap())
        .collect();
    let wanted = ["accepted", "duplicate", "inaccurate", "invalid", "implausible_speed", "future", "past", "accepted"];
    assert_eq!(verdicts, wanted);
    assert_eq!(world.table.items(TRACKS).len(), 1);
}

#[tokio::test]
async fn the_same_batch_again_is_the_same_batch() {
    let world = World::new().await;
    let agent = &world.pennco.agents[0];
    let points = [point(120, 18.52), point(60, 18.521)];
    let first = record(&world, agent, &points).await;
    let again = record(&world, agent, &points).await;
    assert_eq!((again.status, again.text("/batch_id")), (202, first.text("/batch_id")));
    assert_eq!((&again.json["accepted"], &again.json["duplicate"]), (&json!(0), &json!(2)));
    let turned = record(&world, agent, &[points[1].clone(), points[0].clone()]).await;
    assert_eq!(turned.text("/batch_id"), first.text("/batch_id"), "in any order");
    assert_eq!(world.table.items(TRACKS).len(), 1);
    let other = record(&world, &world.pennco.agents[1], &points).await;
    assert_ne!(other.text("/batch_id"), first.text("/batch_id"), "another agent's batch is another");
}

#[tokio::test]
async fn a_batch_costs_one_call_and_a_write_unit_a_kilobyte() {
    let world = World::new().await;
    for (count, units) in [(1, 1.0), (60, 1.0), (130, 2.0), (200, 3.0)] {
        let points: Vec<Value> = (0..count).map(|n| point(i64::from(count - n) * 15, 18.52)).collect();
        world.table.reset_calls();
        assert_eq!(record(&world, &world.pennco.agents[0], &points).await.status, 202);
        let calls = world.table.calls();
        assert_eq!((calls.total().count, calls.count(Operation::PutItem)), (1, 1), "{count} points: {calls}");
        assert_eq!(calls.total().write_units.to_bits(), f64::to_bits(units), "{count} points: {calls}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_two_days_is_an_item_a_day_and_what_a_fault_left_out_comes_with_its_repeat() {
    let world = World::new().await;
    let agent = &world.pennco.agents[0];
    let points = [point(86_400, 18.52), point(60, 18.52)];
    world.table.crash_before(2);
    assert_eq!(record(&world, agent, &points).await.said(), (503, "unavailable"));
    world.table.recover();
    assert_eq!(world.table.items(TRACKS).len(), 1, "the second item was not written");
    world.table.reset_calls();
    let repeat = record(&world, agent, &points).await;
    assert_eq!((repeat.status, &repeat.json["accepted"]), (202, &json!(2)));
    let calls = world.table.calls();
    assert_eq!((calls.total().count, calls.count(Operation::PutItem)), (2, 2), "{calls}");
    let again = record(&world, agent, &points).await;
    assert_eq!((again.text("/batch_id"), &again.json["duplicate"]), (repeat.text("/batch_id"), &json!(2)));
    assert_eq!(world.table.items(TRACKS).len(), 2);
}

#[tokio::test]
async fn none_or_too_many_points_are_refused() {
    let world = World::new().await;
    let many: Vec<Value> = (0..201).map(|n| point(n * 15, 18.52)).collect();
    for points in [&[][..], &many] {
        let reply = record(&world, &world.pennco.agents[0], points).await;
        assert_eq!((reply.said(), reply.flaws()[0].0), ((422, "invalid"), "/points"));
    }
    assert_eq!(record(&world, &world.pennco.agents[0], &many[..200]).await.status, 202);
}

#[tokio::test]
async fn a_batch_without_a_good_point_is_refused_and_not_kept() {
    let world = World::new().await;
    let reply = record(&world, &world.pennco.agents[0], &[point(60, 91.0), point(-700, 18.52)]).await;
    assert_eq!(reply.said(), (422, "invalid"));
    assert_eq!(reply.flaws(), [("/points/0", "invalid"), ("/points/1", "future")]);
    assert_eq!(world.table.items(TRACKS).len(), 0);
}

#[tokio::test]
async fn another_agents_track_is_unknown() {
    let world = World::new().await;
    let [north, south] = &world.pennco.agents;
    for other in [south.subject(), world.vishi.agents[0].subject()] {
        let request =
            north.asks(&LOCATION_RECORD).path("agent_id", other).json(&json!({ "points": [point(60, 18.52)] }));
        assert_eq!(call(&world, &LOCATION_RECORD, &request).await.said(), (404, "unknown"));
    }
    assert_eq!(world.table.items(TRACKS).len(), 0);
}
