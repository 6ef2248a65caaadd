//! `agent-list`: a region's agents, where they were last and what cash they carry.

use domain::{AgentId, Currency, Money, access::AGENT_LIST};
use serde_json::Value;
use store::NewAgent;
use testkit::{CASH_CAP_MINOR, FLOAT_MINOR, Fault, Person, Reply, World};

use crate::{
    door::call,
    steps::{collected, inr},
};

pub(crate) async fn list(world: &World, person: &Person, region: &str) -> Reply {
    call(world, &AGENT_LIST, &person.asks(&AGENT_LIST).query("region", region)).await
}

#[tokio::test]
async fn the_map_shows_who_works_there_and_what_they_carry() {
    let world = World::new().await;
    let pennco = &world.pennco;
    collected(&world, pennco, "BF-1", 150_000).await;
    let shown = list(&world, &pennco.desk, "pune-north").await;
    let [agent] = shown.items() else { panic!("one agent: {shown:?}") };
    assert_eq!(agent["agent_id"], pennco.agents[0].subject());
    assert_eq!((&agent["name"], &agent["position"]), (&Value::from("Asha"), &Value::Null));
    assert_eq!((&agent["cash_in_hand"], &agent["cash_cap"]), (&inr(FLOAT_MINOR + 150_000), &inr(CASH_CAP_MINOR)));
}

#[tokio::test]
async fn a_region_that_is_not_the_callers_is_unknown() {
    let world = World::new().await;
    assert_eq!(list(&world, &world.pennco.desk, "pune-south").await.said(), (404, "unknown"));
    assert_eq!(list(&world, &world.pennco.admin, "pune-south").await.items().len(), 1);
    let missing = call(&world, &AGENT_LIST, &world.pennco.desk.asks(&AGENT_LIST)).await;
    assert_eq!((missing.said(), missing.flaws()), ((400, "invalid_filter"), vec![("region", "invalid_filter")]));
}

#[tokio::test]
async fn pages_go_by_name_and_show_each_agent_once() {
    let world = World::new().await;
    let pennco = &world.pennco;
    for n in 0..12 {
        let agent = NewAgent {
            agent_id: AgentId::mint(world.now(), &[b"crew", &[n]]),
            name: format!("Crew {:02}", 11 - n),
            region: "pune-north".parse().unwrap(),
            cash_cap_minor: CASH_CAP_MINOR,
            currency: Currency::Inr,
        };
        let float = Money::new(i64::from(n), Currency::Inr);
        world.directory().create_agent(&pennco.operator, &agent, float, world.now()).await.unwrap();
    }
    let mut names = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let request = pennco.desk.asks(&AGENT_LIST).query("region", "pune-north").query("limit", "5");
        let request = cursor.iter().fold(request, |request, cursor| request.query("cursor", cursor));
        // A busy table leaves the last key of a batch for the next round.
        world.table.inject(Fault::Unprocessed { times: 2 });
        let page = call(&world, &AGENT_LIST, &request).await;
        names.extend(page.items().iter().map(|agent| agent["name"].as_str().unwrap().to_owned()));
        assert!(
            page.items()
                .iter()
                .filter(|agent| agent["name"] == "Crew 00")
                .all(|agent| agent["cash_in_hand"] == inr(11))
        );
        cursor = page.json["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    assert!(names.is_sorted() && names.len() == 13, "{names:?}");
}
