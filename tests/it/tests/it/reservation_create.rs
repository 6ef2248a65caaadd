//! `reservation-create`: money of an account is held for something, never more than there is.

use std::{collections::BTreeMap, sync::Arc};

use domain::{
    Caller, Role, UserId,
    access::{ACCOUNT_GET, RESERVATION_CREATE},
};
use serde_json::{Value, json};
use testkit::{FLOAT_MINOR, NOW_MILLIS, Office, Person, World};
use tokio::task::JoinSet;

use crate::{
    books,
    door::call,
    invariant_check::check,
    steps::{command, held, hold, inr, kept, move_money, transfer},
};

/// Balance of an account and what of it is available.
pub(crate) async fn balance(world: &World, office: &Office, account: &str) -> (i64, i64) {
    let request = office.admin.asks(&ACCOUNT_GET).path("account_id", account);
    let reply = call(world, &ACCOUNT_GET, &request).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let minor = |name: &str| reply.json[name]["amount_minor"].as_i64().unwrap();
    (minor("balance"), minor("available"))
}

/// A budget with so much in it.
pub(crate) async fn budget(world: &World, account: &str, amount_minor: i64) {
    let body = transfer("budget", "vault.pennco", account, amount_minor);
    let moved = move_money(world, &world.pennco.admin, &format!("fund-{account}"), &body).await;
    assert_eq!(moved.status, 201, "{moved:?}");
}

fn with(body: &Value, name: &str, value: Value) -> Value {
    let mut body = body.clone();
    body[name] = value;
    body
}

#[tokio::test]
async fn what_is_held_is_there_and_nobody_else_can_have_it() {
    let world = World::new().await;
    let desk = &world.pennco.settlement;
    budget(&world, "budget.sms", 500).await;
    let made = hold(&world, desk, "r1", &held("budget.sms", 300)).await;
    assert_eq!((made.status, made.text("/status"), made.text("/by")), (201, "open", desk.subject()), "{made:?}");
    assert_eq!((&made.json["amount"], made.text("/purpose")), (&inr(300), "bill 7"));
    assert_eq!(balance(&world, &world.pennco, "budget.sms").await, (500, 200));
    let again = hold(&world, desk, "r1", &held("budget.sms", 300)).await;
    assert_eq!((again.is_replay(), &again.body), (true, &made.body));
    assert_eq!(hold(&world, desk, "r2", &held("budget.sms", 201)).await.said(), (409, "insufficient_funds"));
    let spend = transfer("budget", "budget.sms", "expense.sms", 201);
    assert_eq!(move_money(&world, desk, "m1", &spend).await.said(), (409, "insufficient_funds"));
    let spend = transfer("budget", "budget.sms", "expense.sms", 200);
    assert_eq!(move_money(&world, desk, "m2", &spend).await.status, 201);
    assert_eq!(balance(&world, &world.pennco, "budget.sms").await, (300, 0));
    check(&world, 120).await.unwrap();
}

#[tokio::test]
async fn an_agents_cash_is_held_and_the_headroom_below_the_cap_stays() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let hand = format!("agent_cash.{}", pennco.agents[0].subject());
    assert_eq!(hold(&world, &pennco.admin, "r1", &held(&hand, FLOAT_MINOR)).await.status, 201);
    assert_eq!(balance(&world, pennco, &hand).await, (FLOAT_MINOR, 0));
    let more = hold(&world, &pennco.admin, "r2", &held(&hand, 1)).await;
    assert_eq!(more.said(), (409, "insufficient_cash"));
    let full = transfer("float_issue", "vault.pennco", &hand, testkit::CASH_CAP_MINOR - FLOAT_MINOR + 1);
    let full = move_money(&world, &pennco.admin, "m1", &full).await;
    assert_eq!(full.said(), (409, "cash_cap_exceeded"), "what is held still lies in the purse");
    check(&world, 120).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_held_is_refused_by_name_and_changes_nothing() {
    let world = World::new().await;
    budget(&world, "budget.sms", 500).await;
    let good = held("budget.sms", 100);
    let theirs = format!("agent_cash.{}", world.vishi.agents[0].subject());
    let amount = |minor: i64, currency: &str| json!({ "amount_minor": minor, "currency": currency });
    let too_far = domain::Timestamp::from_millis(NOW_MILLIS + 31 * 86_400_000 + 1);
    let before = kept(&world);
    for (body, flaw) in [
        (with(&good, "amount", amount(0, "INR")), ("/amount", "invalid_value")),
        (with(&good, "amount", amount(-5, "INR")), ("/amount", "invalid_value")),
        (with(&good, "amount", amount(i64::MAX, "INR")), ("/amount", "invalid_value")),
        (with(&good, "amount", amount(5, "NPR")), ("/amount/currency", "wrong_currency")),
        (with(&good, "account_id", json!("budget.nothing")), ("/account_id", "unknown_account")),
        (with(&good, "account_id", json!(theirs)), ("/account_id", "unknown_account")),
        (with(&good, "account_id", json!("vault.pennco")), ("/account_id", "account_not_reservable")),
        (with(&good, "account_id", json!("partner_control.bfil")), ("/account_id", "account_not_reservable")),
        (with(&good, "expires_at", json!(world.now())), ("/expires_at", "invalid_value")),
        (with(&good, "expires_at", json!(too_far)), ("/expires_at", "invalid_value")),
        (with(&good, "purpose", json!("x")), ("/purpose", "invalid_value")),
    ] {
        let reply = hold(&world, &world.pennco.settlement, "invalid", &body).await;
        assert_eq!((reply.said(), reply.flaws().as_slice()), ((422, "invalid"), [flaw].as_slice()), "{body}");
    }
    assert_eq!(kept(&world), before);
    assert_eq!(balance(&world, &world.pennco, "budget.sms").await, (500, 500));
}

/// Twenty people of the settlement desk: one alone may not ask a thousand times in a minute.
fn people(world: &World) -> Vec<Person> {
    let of = |n: u8| UserId::mint(world.now(), &[&[n]]).to_string();
    (0..20).map(|n| world.person(Caller::new(world.pennco.operator.clone(), Role::Settlement, of(n), vec![]))).collect()
}

#[tokio::test(start_paused = true)]
async fn of_a_thousand_at_once_against_a_hundred_units_exactly_a_hundred_hold_one() {
    let world = Arc::new(World::new().await);
    budget(&world, "budget.sms", 100).await;
    let people = people(&world);
    let mut open: Vec<usize> = (0..1_000).collect();
    let mut said: BTreeMap<(u16, String), usize> = BTreeMap::new();
    let mut rounds = 0;
    while !open.is_empty() {
        assert!(rounds < 12, "{} have no answer after {rounds} rounds: {said:?}", open.len());
        let mut running = JoinSet::new();
        for n in std::mem::take(&mut open) {
            let world = Arc::clone(&world);
            let request =
                command(&people[n % people.len()], &RESERVATION_CREATE, &format!("k{n}"), &held("budget.sms", 1));
            let request = request.at(NOW_MILLIS + rounds * 61_000);
            running.spawn(async move { (n, call(&world, &RESERVATION_CREATE, &request).await) });
        }
        for (n, reply) in running.join_all().await {
            // A client sends what met others at the same item again, under its key.
            if reply.code() == "in_progress" {
                open.push(n);
            } else {
                *said.entry((reply.status, reply.code().to_owned())).or_default() += 1;
            }
        }
        rounds += 1;
    }
    println!("a thousand at once against a hundred units: {said:?} after {rounds} rounds");
    let wanted = [((201, String::new()), 100), ((409, "insufficient_funds".to_owned()), 900)];
    assert_eq!(said, BTreeMap::from(wanted));
    assert_eq!(balance(&world, &world.pennco, "budget.sms").await, (100, 0));
    assert_eq!(books::account(&world, &world.pennco, "budget.sms").await, (100, 100));
    check(&world, 120).await.unwrap();
}
