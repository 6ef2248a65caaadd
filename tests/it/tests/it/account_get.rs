//! `account-get`: what is in an account and how it got there.

use domain::access::ACCOUNT_GET;
use serde_json::json;
use testkit::{FLOAT_MINOR, Person, Reply, World};

use crate::{
    books,
    door::call,
    steps::{collected, handed_over, inr},
};

async fn get(world: &World, person: &Person, account: &str) -> Reply {
    call(world, &ACCOUNT_GET, &person.asks(&ACCOUNT_GET).path("account_id", account)).await
}

#[tokio::test]
async fn a_hand_shows_its_float_and_every_visit_oldest_first() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let visit = collected(&world, pennco, "BF-1", 150_000).await;
    handed_over(&world, pennco, "BF-D-1", 40_000).await;
    let hand = format!("agent_cash.{}", pennco.agents[0].subject());
    let statement = get(&world, &pennco.agents[0], &hand).await;
    assert_eq!((statement.text("/account_id"), statement.text("/kind")), (hand.as_str(), "agent_cash"));
    assert_eq!(statement.json["balance"], inr(FLOAT_MINOR + 110_000));
    let kinds: Vec<_> = statement.items().iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds[0], "float_issue");
    let entry = statement.items().iter().find(|entry| entry["kind"] == "collection").unwrap();
    assert_eq!((&entry["amount"], &entry["delivery_id"]), (&inr(150_000), &json!(visit)));
    let given = statement.items().iter().find(|entry| entry["kind"] == "disbursement").unwrap();
    assert_eq!(given["amount"], inr(-40_000), "credits are negative");
    books::balance(&world, pennco).await;
}

#[tokio::test]
async fn agents_see_their_own_hand_and_partners_what_is_theirs() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let [north, south] = &pennco.agents;
    let [bfil, lnt] = &pennco.partners;
    let hand = format!("agent_cash.{}", north.subject());
    for (account, may, may_not) in [
        (
            hand.as_str(),
            vec![north, &pennco.desk, &pennco.settlement, &pennco.admin],
            vec![south, bfil, &world.vishi.admin],
        ),
        ("partner_control.bfil", vec![bfil, &pennco.desk, &pennco.admin], vec![lnt, north]),
        ("partner_settlement.bfil", vec![bfil, &pennco.settlement], vec![lnt, south]),
        ("vault.pennco", vec![&pennco.desk, &pennco.admin], vec![north, bfil, &world.vishi.admin]),
    ] {
        for person in may {
            assert_eq!(get(&world, person, account).await.status, 200, "{account} to {}", person.subject());
        }
        for person in may_not {
            assert_eq!(
                get(&world, person, account).await.said(),
                (404, "unknown"),
                "{account} to {}",
                person.subject()
            );
        }
    }
}

#[tokio::test]
async fn a_partner_nobody_works_for_has_no_account() {
    let world = World::new().await;
    assert_eq!(get(&world, &world.pennco.admin, "partner_control.samasta").await.said(), (404, "unknown"));
    let fresh = get(&world, &world.pennco.admin, "partner_control.lnt-finance").await;
    assert_eq!((fresh.status, &fresh.json["balance"], &fresh.json["items"]), (200, &inr(0), &json!([])));
}
