//! `reservation-settle`: what was held is spent once, all of it or a part.

use std::{collections::BTreeMap, sync::Arc};

use domain::access::{RESERVATION_SETTLE, RESERVATION_VOID};
use serde_json::{Value, json};
use testkit::{CASH_CAP_MINOR, FLOAT_MINOR, LEDGER, NOW_MILLIS, Person, Reply, RestRequest, World};

use crate::{
    approval_expire::later,
    books,
    door::call,
    invariant_check::check,
    reservation_create::{balance, budget},
    reservation_get::get,
    reservation_void::void,
    steps::{all_at_once, command, held, hold, inr, move_money, reverse, transfer},
};

/// To an account, by a kind of transfer.
pub(crate) fn spending(kind: &str, to: &str) -> Value {
    json!({ "to_account_id": to, "kind": kind, "reason": "the bill" })
}

pub(crate) fn settling(person: &Person, id: &str, key: &str, body: &Value) -> RestRequest {
    command(person, &RESERVATION_SETTLE, key, body).path("reservation_id", id)
}

pub(crate) async fn settle(world: &World, person: &Person, id: &str, key: &str, body: &Value) -> Reply {
    call(world, &RESERVATION_SETTLE, &settling(person, id, key, body)).await
}

fn part(amount_minor: i64) -> Value {
    let mut body = spending("budget", "expense.sms");
    body["amount"] = inr(amount_minor);
    body
}

/// A budget of 500 of which 300 are held.
async fn three_of_five(world: &World) -> String {
    budget(world, "budget.sms", 500).await;
    let made = hold(world, &world.pennco.settlement, "r1", &held("budget.sms", 300)).await;
    assert_eq!(made.status, 201, "{made:?}");
    made.text("/reservation_id").to_owned()
}

#[tokio::test]
async fn all_of_it_is_spent_by_a_transfer_that_names_it() {
    let world = World::new().await;
    let desk = &world.pennco.settlement;
    let id = three_of_five(&world).await;
    let done = settle(&world, desk, &id, "s1", &spending("budget", "expense.sms")).await;
    assert_eq!((done.status, done.text("/status"), &done.json["settled"]), (200, "settled", &inr(300)), "{done:?}");
    assert_eq!(balance(&world, &world.pennco, "budget.sms").await, (200, 200));
    assert_eq!(books::account(&world, &world.pennco, "expense.sms").await, (300, 300));
    let posted = crate::transfer_get::get(&world, desk, done.text("/transfer_id")).await;
    assert_eq!((posted.text("/reservation_id"), posted.text("/reason")), (id.as_str(), "the bill"));
    assert_eq!(get(&world, desk, &id).await.json, done.json);
    let again = settle(&world, desk, &id, "s1", &spending("budget", "expense.sms")).await;
    assert_eq!((again.is_replay(), &again.body), (true, &done.body));
    let twice = settle(&world, desk, &id, "s2", &spending("budget", "expense.sms")).await;
    assert_eq!((twice.said(), &twice.json["legal_moves"]), ((409, "illegal_transition"), &json!([])));
    assert_eq!(void(&world, desk, &id, "v1").await.said(), (409, "illegal_transition"));
    assert_eq!(balance(&world, &world.pennco, "budget.sms").await, (200, 200), "once");
    check(&world, 120).await.unwrap();
}

#[tokio::test]
async fn a_part_of_it_is_spent_and_the_rest_is_available_again() {
    let world = World::new().await;
    let desk = &world.pennco.settlement;
    let id = three_of_five(&world).await;
    let more = settle(&world, desk, &id, "s1", &part(301)).await;
    assert_eq!((more.said(), &more.json["reserved_minor"]), ((422, "amount_exceeds_reserved"), &json!(300)));
    assert_eq!(balance(&world, &world.pennco, "budget.sms").await, (500, 200), "nothing has changed");
    let done = settle(&world, desk, &id, "s2", &part(120)).await;
    assert_eq!((done.status, &done.json["settled"], &done.json["amount"]), (200, &inr(120), &inr(300)), "{done:?}");
    assert_eq!(balance(&world, &world.pennco, "budget.sms").await, (380, 380));
    check(&world, 120).await.unwrap();
    let back = reverse(&world, desk, done.text("/transfer_id"), "b1").await;
    assert_eq!(back.status, 201, "{back:?}");
    assert_eq!(balance(&world, &world.pennco, "budget.sms").await, (500, 500), "taken back, and held no more");
    check(&world, 240).await.unwrap();
}

#[tokio::test]
async fn cash_of_an_agent_that_is_spent_makes_room_below_the_cap() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let hand = format!("agent_cash.{}", pennco.agents[0].subject());
    let id = hold(&world, &pennco.settlement, "r1", &held(&hand, FLOAT_MINOR)).await;
    let id = id.text("/reservation_id");
    let done = settle(&world, &pennco.settlement, id, "s1", &spending("deposit", "vault.pennco")).await;
    assert_eq!(done.status, 200, "{done:?}");
    assert_eq!(balance(&world, pennco, &hand).await, (0, 0));
    let full = transfer("float_issue", "vault.pennco", &hand, CASH_CAP_MINOR);
    assert_eq!(move_money(&world, &pennco.settlement, "m1", &full).await.status, 201);
    check(&world, 120).await.unwrap();
}

#[tokio::test]
async fn what_no_transfer_by_hand_does_no_settling_does() {
    let world = World::new().await;
    let desk = &world.pennco.settlement;
    let id = three_of_five(&world).await;
    let before = world.table.items(LEDGER);
    let other = |name: &str, value: Value| {
        let mut body = part(100);
        body[name] = value;
        body
    };
    let npr = json!({ "amount_minor": 100, "currency": "NPR" });
    for (body, flaw) in [
        (spending("deposit", "vault.pennco"), ("/kind", "account_not_for_kind")),
        (spending("adjustment", "vault.vishi"), ("/to_account_id", "unknown_account")),
        (spending("adjustment", "budget.sms"), ("/to_account_id", "repeated_account")),
        (other("amount", inr(0)), ("/amount", "invalid_value")),
        (other("amount", inr(-5)), ("/amount", "invalid_value")),
        (other("amount", npr), ("/amount/currency", "wrong_currency")),
        (other("reason", json!("x")), ("/reason", "invalid_value")),
    ] {
        let reply = settle(&world, desk, &id, "invalid", &body).await;
        assert_eq!((reply.said(), reply.flaws().as_slice()), ((422, "invalid"), [flaw].as_slice()), "{body}");
    }
    assert_eq!(world.table.items(LEDGER), before);
    assert_eq!(get(&world, desk, &id).await.text("/status"), "open");
}

#[tokio::test]
async fn from_the_moment_on_that_it_expires_it_is_not_settled_although_no_job_has_run() {
    let world = World::new().await;
    let id = three_of_five(&world).await;
    let at = world.now().plus_seconds(3_600);
    let desk = later(&world, &world.pennco.settlement, at);
    let body = spending("budget", "expense.sms");
    let late = call(&world, &RESERVATION_SETTLE, &settling(&desk, &id, "s1", &body).at(at.as_millis())).await;
    let expires_at = at.to_string();
    assert_eq!((late.said(), late.text("/expires_at")), ((409, "reservation_expired"), expires_at.as_str()));
    let last = settling(&desk, &id, "s2", &body).at(at.as_millis() - 1);
    assert_eq!(call(&world, &RESERVATION_SETTLE, &last).await.status, 200, "a millisecond before");
}

#[tokio::test(start_paused = true)]
async fn of_sixteen_that_settle_or_void_it_at_once_one_does() {
    for round in 0..4 {
        let world = Arc::new(World::new().await);
        let id = three_of_five(&world).await;
        let people = [&world.pennco.settlement, &world.pennco.admin];
        let of = |n: usize| {
            let person = people[(n + round) % 2];
            if n.is_multiple_of(2) {
                settling(person, &id, &format!("s{n}"), &part(300))
            } else {
                crate::reservation_void::voiding(person, &id, &format!("v{n}"))
            }
        };
        let settles = (0..16).step_by(2).map(of).collect();
        let voids = (1..16).step_by(2).map(of).collect();
        let (settled, voided) = tokio::join!(
            all_at_once(&world, &RESERVATION_SETTLE, settles),
            all_at_once(&world, &RESERVATION_VOID, voids)
        );
        let mut said: BTreeMap<(u16, String), usize> = BTreeMap::new();
        for reply in settled.iter().chain(&voided) {
            *said.entry((reply.status, reply.code().to_owned())).or_default() += 1;
        }
        let wanted = [((200, String::new()), 1), ((409, "illegal_transition".to_owned()), 15)];
        assert_eq!(said, BTreeMap::from(wanted));
        let status = get(&world, &world.pennco.admin, &id).await.text("/status").to_owned();
        let left = if status == "settled" { 200 } else { 500 };
        assert_eq!(balance(&world, &world.pennco, "budget.sms").await, (left, left), "{status}");
        check(&world, 120).await.unwrap();
    }
}

#[tokio::test]
async fn an_account_of_which_something_is_held_is_not_closed() {
    let world = World::new().await;
    let id = three_of_five(&world).await;
    let desk = &world.pennco.settlement;
    let rest = transfer("budget", "budget.sms", "vault.pennco", 200);
    assert_eq!(move_money(&world, desk, "m1", &rest).await.status, 201);
    let close = |key: &str| {
        let request = command(desk, &domain::access::ACCOUNT_CLOSE, key, &json!({}));
        request.path("account_id", "budget.sms").at(NOW_MILLIS)
    };
    let route = &domain::access::ACCOUNT_CLOSE;
    assert_eq!(call(&world, route, &close("c1")).await.said(), (409, "account_not_empty"));
    assert_eq!(settle(&world, desk, &id, "s1", &part(300)).await.status, 200);
    assert_eq!(call(&world, route, &close("c2")).await.status, 200);
    assert_eq!(hold(&world, desk, "r2", &held("budget.sms", 1)).await.said(), (409, "account_closed"));
}
