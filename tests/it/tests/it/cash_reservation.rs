//! An operator that sets agents' cash aside for payments: with the visit, spent at the door, let go with it.

use std::{collections::BTreeMap, sync::Arc};

use domain::{
    access::{
        ACCOUNT_GET, DELIVERY_ASSIGN, DELIVERY_CONFIRM, DISBURSEMENT_CANCEL, DISBURSEMENT_GET, RESERVATION_GET,
        RESERVATION_SETTLE, RESERVATION_VOID,
    },
    operator::Operator,
    reservation::CashReservation,
};
use edge::schedule::Tick;
use serde_json::{Value, json};
use testkit::{FLOAT_MINOR, Office, Reply, RestRequest, World};

use crate::{
    books,
    door::call,
    invariant_check::check,
    steps::{
        all_at_once, assign, assigned, command, confirm, confirmed, failed, held, hold, instruct, instruction,
        move_money, report, reserved, transfer, visit,
    },
};

async fn prudent(world: &World) -> Office {
    let known = world.directory().operator(&world.pennco.operator).await.unwrap();
    let operator = "sahara".parse().unwrap();
    world.office(Operator { operator, cash_reservation: CashReservation::AtAssignment, ..known }).await
}

/// What the first agent holds, and how much of it is available.
async fn cash(world: &World, office: &Office) -> (i64, i64) {
    let hand = format!("agent_cash.{}", office.agents[0].subject());
    let shown = call(world, &ACCOUNT_GET, &office.admin.asks(&ACCOUNT_GET).path("account_id", &hand)).await;
    let minor = |name: &str| shown.json[name]["amount_minor"].as_i64().unwrap();
    (minor("balance"), minor("available"))
}

async fn payment(world: &World, office: &Office, id: &str) -> Reply {
    call(world, &DISBURSEMENT_GET, &office.admin.asks(&DISBURSEMENT_GET).path("disbursement_id", id)).await
}

async fn reservation(world: &World, office: &Office, delivery_id: &str) -> Reply {
    let id = visit(world, &office.desk, delivery_id).await.text("/reservation_id").to_owned();
    let request = office.settlement.asks(&RESERVATION_GET).path("reservation_id", &id);
    call(world, &RESERVATION_GET, &request).await
}

async fn cancel(world: &World, office: &Office, id: &str) -> Reply {
    let body = json!({ "reason": "withdrawn" });
    let request = command(&office.admin, &DISBURSEMENT_CANCEL, "cancel", &body).path("disbursement_id", id);
    call(world, &DISBURSEMENT_CANCEL, &request).await
}

#[tokio::test]
async fn cash_is_set_aside_with_the_visit_and_spent_at_the_door() {
    let world = World::new().await;
    let office = prudent(&world).await;
    let (id, visit_id) = reserved(&world, &office, "BF-D-1", 70_000).await;
    assert_eq!(cash(&world, &office).await, (FLOAT_MINOR, FLOAT_MINOR - 70_000));
    let set_aside = reservation(&world, &office, &visit_id).await;
    assert_eq!((set_aside.text("/status"), set_aside.text("/delivery_id")), ("open", visit_id.as_str()));
    assert_eq!(payment(&world, &office, &id).await.text("/status"), "reserved");
    let receipt = confirm(&world, &office.agents[0], &visit_id, "c1", &confirmed(70_000)).await;
    assert_eq!(receipt.status, 200, "{receipt:?}");
    let spent = reservation(&world, &office, &visit_id).await;
    assert_eq!((spent.text("/status"), spent.text("/transfer_id")), ("settled", receipt.text("/transfer_id")));
    assert_eq!(spent.json["settled"]["amount_minor"], 70_000);
    assert_eq!(cash(&world, &office).await, (FLOAT_MINOR - 70_000, FLOAT_MINOR - 70_000));
    assert!(confirm(&world, &office.agents[0], &visit_id, "c1", &confirmed(70_000)).await.is_replay());
    books::balance(&world, &office).await;
    check(&world, 120).await.unwrap();
}

#[tokio::test]
async fn nobody_gets_a_payment_that_their_cash_does_not_cover_and_collections_need_none() {
    let world = World::new().await;
    let office = prudent(&world).await;
    let agent = &office.agents[0];
    reserved(&world, &office, "BF-D-1", FLOAT_MINOR - 100).await;
    let taken = instruct(&world, &office.partners[0], "k1", &instruction("BF-D-2", 101)).await;
    let visit_id = taken.text("/delivery_id");
    let refused = assign(&world, &office.desk, visit_id, agent, "k2").await;
    assert_eq!(refused.said(), (409, "insufficient_cash"));
    assert_eq!(visit(&world, &office.desk, visit_id).await.text("/status"), "pending", "nothing has changed");
    let collection = assigned(&world, &office, "BF-1", 5_000).await;
    assert_eq!(visit(&world, &office.desk, &collection).await.json["reservation_id"], Value::Null);
    assert_eq!(confirm(&world, agent, &collection, "c1", &confirmed(5_000)).await.status, 200);
    assert_eq!(assign(&world, &office.desk, visit_id, agent, "k3").await.status, 200, "now it does");
    let hand = format!("agent_cash.{}", agent.subject());
    let deposit = transfer("deposit", &hand, "vault.sahara", 5_000);
    let refused = move_money(&world, &office.settlement, "m1", &deposit).await;
    assert_eq!(refused.said(), (409, "insufficient_cash"), "by hand, what is set aside is not moved");
}

#[tokio::test]
async fn a_visit_that_comes_to_nothing_lets_its_cash_go() {
    let world = World::new().await;
    let office = prudent(&world).await;
    let (_, fails) = reserved(&world, &office, "BF-D-1", 500).await;
    assert_eq!(confirm(&world, &office.agents[0], &fails, "c1", &failed("refused")).await.status, 200);
    assert_eq!(reservation(&world, &office, &fails).await.text("/status"), "voided");
    let (id, called_off) = reserved(&world, &office, "BF-D-2", 700).await;
    assert_eq!(cash(&world, &office).await, (FLOAT_MINOR, FLOAT_MINOR - 700));
    assert_eq!(cancel(&world, &office, &id).await.text("/status"), "cancelled");
    assert_eq!(reservation(&world, &office, &called_off).await.text("/status"), "voided");
    assert_eq!(cash(&world, &office).await, (FLOAT_MINOR, FLOAT_MINOR));
    check(&world, 120).await.unwrap();
}

#[tokio::test]
async fn a_hand_over_is_a_fact_also_when_its_cash_was_let_go_and_set_aside_for_another() {
    let world = World::new().await;
    let office = prudent(&world).await;
    let agent = &office.agents[0];
    let (id, offline) = reserved(&world, &office, "BF-D-1", FLOAT_MINOR).await;
    assert_eq!(cancel(&world, &office, &id).await.status, 200);
    let (other, next) = reserved(&world, &office, "BF-D-2", FLOAT_MINOR).await;
    let receipt = confirm(&world, agent, &offline, "c1", &confirmed(FLOAT_MINOR)).await;
    assert_eq!(receipt.status, 200, "the borrower has the cash: {receipt:?}");
    assert_eq!(cash(&world, &office).await, (0, -FLOAT_MINOR), "more is set aside than there is");
    check(&world, 120).await.unwrap();
    let none_left = confirm(&world, agent, &next, "c2", &confirmed(FLOAT_MINOR)).await;
    assert_eq!(none_left.said(), (409, "insufficient_cash"), "nobody hands over what is gone");
    let hand = format!("agent_cash.{}", agent.subject());
    assert_eq!(hold(&world, &office.settlement, "h1", &held(&hand, 1)).await.said(), (409, "insufficient_cash"));
    assert_eq!(confirm(&world, agent, &next, "c3", &failed("insufficient_cash")).await.status, 200);
    assert_eq!(cash(&world, &office).await, (0, 0));
    assert_eq!(payment(&world, &office, &other).await.text("/status"), "exception");
    check(&world, 121).await.unwrap();
}

#[tokio::test]
async fn a_hand_over_that_is_reported_after_a_month_is_booked_without_its_reservation() {
    let world = World::new().await;
    let office = prudent(&world).await;
    let (_, visit_id) = reserved(&world, &office, "BF-D-1", 500).await;
    let at = world.now().plus_seconds(domain::reservation::LONGEST_SECONDS);
    let tick = Tick { at, message_id: "a month later".to_owned() };
    reservation_expire::handle(&world.reservations(), tick).await.unwrap();
    assert_eq!(reservation(&world, &office, &visit_id).await.text("/status"), "expired");
    assert_eq!(cash(&world, &office).await, (FLOAT_MINOR, FLOAT_MINOR));
    assert_eq!(confirm(&world, &office.agents[0], &visit_id, "c1", &confirmed(500)).await.status, 200);
    assert_eq!(cash(&world, &office).await, (FLOAT_MINOR - 500, FLOAT_MINOR - 500));
}

#[tokio::test]
async fn by_hand_a_visits_cash_is_let_go_and_paid_out_for_nothing_else() {
    let world = World::new().await;
    let office = prudent(&world).await;
    let (_, visit_id) = reserved(&world, &office, "BF-D-1", 500).await;
    let id = reservation(&world, &office, &visit_id).await.text("/reservation_id").to_owned();
    let settle = json!({ "to_account_id": "vault.sahara", "kind": "deposit", "reason": "counted" });
    let settle = command(&office.settlement, &RESERVATION_SETTLE, "s1", &settle).path("reservation_id", &id);
    let refused = call(&world, &RESERVATION_SETTLE, &settle).await;
    assert_eq!((refused.said(), refused.text("/delivery_id")), ((409, "reserved_for_delivery"), visit_id.as_str()));
    let void = command(&office.settlement, &RESERVATION_VOID, "v1", &json!({ "reason": "needed elsewhere" }));
    let voided = call(&world, &RESERVATION_VOID, &void.path("reservation_id", &id)).await;
    assert_eq!(voided.text("/status"), "voided", "{voided:?}");
    assert_eq!(confirm(&world, &office.agents[0], &visit_id, "c1", &confirmed(500)).await.status, 200);
    assert_eq!(cash(&world, &office).await, (FLOAT_MINOR - 500, FLOAT_MINOR - 500));
}

#[tokio::test(start_paused = true)]
async fn of_forty_payments_assigned_at_once_as_many_are_as_the_cash_covers() {
    let world = Arc::new(World::new().await);
    let office = prudent(&world).await;
    let share = FLOAT_MINOR / 10;
    let mut requests: Vec<RestRequest> = vec![];
    for n in 0..40 {
        let reference = format!("BF-D-{n}");
        let taken = instruct(&world, &office.partners[0], &reference, &instruction(&reference, share)).await;
        let body = json!({ "agent_id": office.agents[0].subject() });
        let request = command(&office.desk, &DELIVERY_ASSIGN, &reference, &body);
        requests.push(request.path("delivery_id", taken.text("/delivery_id")));
    }
    let mut said: BTreeMap<(u16, String), usize> = BTreeMap::new();
    for reply in all_at_once(&world, &DELIVERY_ASSIGN, requests).await {
        *said.entry((reply.status, reply.code().to_owned())).or_default() += 1;
    }
    let wanted = [((200, String::new()), 10), ((409, "insufficient_cash".to_owned()), 30)];
    assert_eq!(said, BTreeMap::from(wanted));
    assert_eq!(cash(&world, &office).await, (FLOAT_MINOR, 0));
    check(&world, 120).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn of_a_hand_over_a_cancellation_and_the_job_at_once_the_cash_is_spent_once() {
    let world = Arc::new(World::new().await);
    let office = prudent(&world).await;
    for round in 1..=6 {
        let (id, visit_id) = reserved(&world, &office, &format!("BF-D-{round}"), 500).await;
        let key = format!("k{round}");
        let hand_over = report(&office.agents[0], &visit_id, &key, &confirmed(500));
        let gone = command(&office.admin, &DISBURSEMENT_CANCEL, &key, &json!({ "reason": "withdrawn" }));
        let gone = gone.path("disbursement_id", &id);
        let at = world.now().plus_seconds(domain::reservation::LONGEST_SECONDS);
        let tick = Tick { at, message_id: key.clone() };
        let reservations = world.reservations();
        let (receipt, gone, ticked) = tokio::join!(
            call(&world, &DELIVERY_CONFIRM, &hand_over),
            call(&world, &DISBURSEMENT_CANCEL, &gone),
            reservation_expire::handle(&reservations, tick)
        );
        assert_eq!(receipt.status, 200, "{receipt:?}");
        assert!(gone.status == 200 || gone.said() == (409, "illegal_transition"), "{gone:?}");
        assert!(matches!(ticked, Ok(()) | Err(domain::Failed::InProgress)), "{ticked:?}");
        assert_eq!(cash(&world, &office).await, (FLOAT_MINOR - 500 * round, FLOAT_MINOR - 500 * round));
        assert_ne!(reservation(&world, &office, &visit_id).await.text("/status"), "open");
    }
    check(&world, 120).await.unwrap();
}
