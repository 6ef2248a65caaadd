//! `delivery-assign`: the desk gives a visit to an agent.

use std::sync::Arc;

use domain::access::DELIVERY_ASSIGN;
use serde_json::json;
use testkit::World;

use crate::steps::{all_at_once, assign, assigned, command, confirm, confirmed, planned, visit};

#[tokio::test]
async fn a_pending_visit_gets_its_agent() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let id = planned(&world, pennco, "BF-1", 5).await;
    let given = assign(&world, &pennco.desk, &id, &pennco.agents[0], "k1").await;
    assert_eq!((given.status, given.text("/status")), (200, "assigned"));
    assert_eq!(given.text("/agent_id"), pennco.agents[0].subject());
    assert_eq!(visit(&world, &pennco.agents[0], &id).await.json, given.json);
    let again = assign(&world, &pennco.desk, &id, &pennco.agents[0], "k1").await;
    assert_eq!((again.is_replay(), &again.body), (true, &given.body));
}

#[tokio::test]
async fn a_visit_that_has_an_agent_gets_no_other() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let id = assigned(&world, pennco, "BF-1", 5).await;
    let second = assign(&world, &pennco.desk, &id, &pennco.agents[0], "k2").await;
    assert_eq!(second.said(), (409, "illegal_transition"));
    assert_eq!(second.json["legal_moves"], json!(["out_for_delivery", "confirmed", "failed", "cancelled"]));
    confirm(&world, &pennco.agents[0], &id, "k3", &confirmed(5)).await;
    let late = assign(&world, &pennco.desk, &id, &pennco.agents[0], "k4").await;
    assert_eq!((late.said(), &late.json["legal_moves"]), ((409, "illegal_transition"), &json!([])));
}

#[tokio::test]
async fn an_agent_who_works_elsewhere_is_refused_and_one_of_another_operator_unknown() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let id = planned(&world, pennco, "BF-1", 5).await;
    let elsewhere = assign(&world, &pennco.desk, &id, &pennco.agents[1], "k1").await;
    assert_eq!((elsewhere.said(), elsewhere.text("/region")), ((422, "agent_not_in_region"), "pune-north"));
    let again = assign(&world, &pennco.desk, &id, &pennco.agents[1], "k1").await;
    assert!(again.is_replay());
    let foreign = assign(&world, &pennco.desk, &id, &world.vishi.agents[0], "k2").await;
    assert_eq!(foreign.said(), (404, "unknown"));
    assert_eq!(visit(&world, &pennco.desk, &id).await.text("/status"), "pending");
}

#[tokio::test]
async fn a_desk_gives_out_the_visits_of_its_own_regions_only() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let id = planned(&world, pennco, "BF-1", 5).await;
    let mut elsewhere = pennco.desk.caller.clone();
    elsewhere.regions = vec!["pune-south".parse().unwrap()];
    let southern_desk = world.person(elsewhere);
    assert_eq!(assign(&world, &southern_desk, &id, &pennco.agents[0], "k1").await.said(), (404, "unknown"));
    assert_eq!(assign(&world, &pennco.admin, &id, &pennco.agents[0], "k1").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn of_two_desks_that_assign_at_once_one_wins() {
    let world = Arc::new(World::new().await);
    let pennco = &world.pennco;
    for round in 0..8 {
        let id = planned(&world, pennco, &format!("BF-{round}"), 5).await;
        let body = json!({ "agent_id": pennco.agents[0].subject() });
        let requests = [&pennco.desk, &pennco.admin]
            .map(|person| command(person, &DELIVERY_ASSIGN, &format!("k{round}"), &body).path("delivery_id", &id));
        let replies = all_at_once(&world, &DELIVERY_ASSIGN, requests.to_vec()).await;
        let mut said: Vec<_> = replies.iter().map(testkit::Reply::said).collect();
        said.sort_unstable();
        assert_eq!(said, [(200, ""), (409, "illegal_transition")]);
    }
}
