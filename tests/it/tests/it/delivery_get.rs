//! `delivery-get`: one visit, to those who may know of it.

use testkit::World;

use crate::steps::{assigned, planned, visit};

#[tokio::test]
async fn a_visit_is_seen_by_its_agent_its_partner_its_desk_and_the_whole_office() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let id = assigned(&world, pennco, "BF-1", 5).await;
    let [north, south] = &pennco.agents;
    let [bfil, lnt] = &pennco.partners;
    for person in [north, bfil, &pennco.desk, &pennco.settlement, &pennco.admin] {
        let seen = visit(&world, person, &id).await;
        assert_eq!((seen.status, seen.header("etag")), (200, Some("\"2\"")), "{}", person.subject());
    }
    let mut elsewhere = pennco.desk.caller.clone();
    elsewhere.regions = vec!["pune-south".parse().unwrap()];
    let southern_desk = world.person(elsewhere);
    for person in [south, lnt, &southern_desk, &world.vishi.admin] {
        assert_eq!(visit(&world, person, &id).await.said(), (404, "unknown"), "{}", person.subject());
    }
}

#[tokio::test]
async fn a_visit_that_is_nobodys_yet_is_seen_by_no_agent() {
    let world = World::new().await;
    let id = planned(&world, &world.pennco, "BF-1", 5).await;
    for agent in &world.pennco.agents {
        assert_eq!(visit(&world, agent, &id).await.said(), (404, "unknown"));
    }
}
