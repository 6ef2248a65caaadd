//! `reservation-void`: what was held is let go, once.

use domain::access::RESERVATION_VOID;
use serde_json::json;
use testkit::{Person, Reply, RestRequest, World};

use crate::{
    approval_expire::later,
    door::call,
    invariant_check::check,
    reservation_create::{balance, budget},
    reservation_settle::{settle, spending},
    steps::{command, held, hold},
};

pub(crate) fn voiding(person: &Person, id: &str, key: &str) -> RestRequest {
    command(person, &RESERVATION_VOID, key, &json!({ "reason": "not needed" })).path("reservation_id", id)
}

pub(crate) async fn void(world: &World, person: &Person, id: &str, key: &str) -> Reply {
    call(world, &RESERVATION_VOID, &voiding(person, id, key)).await
}

#[tokio::test]
async fn all_of_it_is_available_again_and_it_is_never_settled() {
    let world = World::new().await;
    let desk = &world.pennco.settlement;
    budget(&world, "budget.sms", 500).await;
    let made = hold(&world, desk, "r1", &held("budget.sms", 500)).await;
    let id = made.text("/reservation_id");
    let gone = void(&world, desk, id, "v1").await;
    assert_eq!((gone.status, gone.text("/status"), &gone.json["version"]), (200, "voided", &json!(2)), "{gone:?}");
    assert_eq!(balance(&world, &world.pennco, "budget.sms").await, (500, 500));
    let again = void(&world, desk, id, "v1").await;
    assert_eq!((again.is_replay(), &again.body), (true, &gone.body));
    assert_eq!(void(&world, desk, id, "v2").await.said(), (409, "illegal_transition"));
    let late = settle(&world, desk, id, "s1", &spending("budget", "expense.sms")).await;
    assert_eq!(late.said(), (409, "illegal_transition"));
    assert_eq!(balance(&world, &world.pennco, "budget.sms").await, (500, 500), "once");
    check(&world, 120).await.unwrap();
}

#[tokio::test]
async fn what_has_expired_is_left_to_the_job() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let hand = format!("agent_cash.{}", pennco.agents[0].subject());
    let made = hold(&world, &pennco.settlement, "r1", &held(&hand, 100)).await;
    let at = world.now().plus_seconds(3_600);
    let desk = later(&world, &pennco.settlement, at);
    let late = voiding(&desk, made.text("/reservation_id"), "v1").at(at.as_millis());
    assert_eq!(call(&world, &RESERVATION_VOID, &late).await.said(), (409, "reservation_expired"));
}
