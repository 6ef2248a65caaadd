//! `invariant-check`: proves every five minutes that every operator's books balance.

use domain::{Failed, access::PROOF_GET};
use edge::schedule::Tick;
use serde_json::{Value, json};
use testkit::{LEDGER, NOW_MILLIS, RECORDS, Reply, World};

use crate::{
    door::call,
    steps::{build_settlements, close_day, collected, handed_over},
};

/// Checks at so many seconds from now.
pub(crate) async fn check(world: &World, seconds: i64) -> Result<(), Failed> {
    let at = domain::Timestamp::from_millis(NOW_MILLIS).plus_seconds(seconds);
    invariant_check::handle(&world.proofs(), Tick { at, message_id: "tick".to_owned() }).await
}

async fn proof(world: &World) -> Reply {
    let reply = call(world, &PROOF_GET, &world.pennco.admin.asks(&PROOF_GET)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply
}

/// A day with collections, a payment and a settlement.
async fn a_day(world: &World) {
    let pennco = &world.pennco;
    for n in 0..5 {
        collected(world, pennco, &format!("BF-{n}"), 10_000 + n).await;
    }
    handed_over(world, pennco, "BF-D-1", 70_000).await;
    assert_eq!(close_day(world, &pennco.settlement, "close", "2026-11-20").await.status, 202);
    assert!(build_settlements(world).await.is_empty());
}

/// Changes a number of an item behind everybody's back.
pub(crate) async fn corrupt(world: &World, table: &str, item: &Value, path: &str, by: i64) {
    let key = |name: &str| aws_sdk_dynamodb::types::AttributeValue::S(item[name]["S"].as_str().unwrap().to_owned());
    let client = world.table.client();
    let update = client.update_item().table_name(table).key("pk", key("pk")).key("sk", key("sk"));
    let by = aws_sdk_dynamodb::types::AttributeValue::N(by.to_string());
    let update = update.update_expression(format!("SET {path} = {path} + :by")).expression_attribute_values(":by", by);
    update.send().await.unwrap();
}

#[tokio::test]
async fn books_that_nobody_touched_hold() {
    let world = World::new().await;
    a_day(&world).await;
    check(&world, 120).await.unwrap();
    let proof = proof(&world).await;
    assert_eq!((&proof.json["holds"], &proof.json["breach_count"]), (&json!(true), &json!(0)), "{proof:?}");
    // Two floats, five collections and a payment: two entries each.
    assert_eq!((&proof.json["transfers"], &proof.json["entries"]), (&json!(8), &json!(16)), "{proof:?}");
    // A vault, a bank, a suspense account, two accounts a lender, two agents.
    assert_eq!(proof.json["accounts"], json!(9));
}

#[tokio::test]
async fn a_changed_row_is_named_by_the_next_check_whichever_it_is() {
    let mut cases = 0;
    let clean = World::new().await;
    a_day(&clean).await;
    let (rows, shards) = (entries(&clean).len(), balances(&clean).len());
    for n in 0..rows {
        let world = World::new().await;
        a_day(&world).await;
        let entry = entries(&world)[n].clone();
        corrupt(&world, LEDGER, &entry, "amount.amount_minor", 1).await;
        assert!(matches!(check(&world, 120).await, Err(Failed::Fault(_))), "entry {n}");
        let proof = proof(&world).await;
        let named: Vec<&str> = subjects(&proof);
        let transfer = entry["transfer_id"]["S"].as_str().unwrap();
        let account = entry["pk"]["S"].as_str().unwrap().split_once('#').unwrap().1;
        assert_eq!(named, [account, transfer], "{proof:?}");
        cases += 1;
    }
    for n in 0..shards {
        let world = World::new().await;
        a_day(&world).await;
        let balance = balances(&world)[n].clone();
        corrupt(&world, RECORDS, &balance, "balance_minor", 1).await;
        assert!(matches!(check(&world, 120).await, Err(Failed::Fault(_))), "balance {n}");
        let proof = proof(&world).await;
        let account = balance["pk"]["S"].as_str().unwrap().rsplit_once('#').unwrap().1;
        assert!(subjects(&proof).contains(&account) && subjects(&proof).contains(&"pennco"), "{account}: {proof:?}");
        cases += 1;
    }
    println!("rows changed behind everybody's back: {cases} of {cases} named");
}

fn subjects(proof: &Reply) -> Vec<&str> {
    proof.json["breaches"].as_array().unwrap().iter().map(|breach| breach["subject"].as_str().unwrap()).collect()
}

fn beginning_with(world: &World, table: &str, prefix: &str) -> Vec<Value> {
    let begins = |item: &Value| item["pk"]["S"].as_str().unwrap().starts_with(prefix);
    world.table.items(table).into_iter().filter(begins).collect()
}

pub(crate) fn entries(world: &World) -> Vec<Value> {
    let mut items = beginning_with(world, LEDGER, "pennco#");
    items.retain(|item| item["sk"]["S"] != "transfer");
    items
}

fn balances(world: &World) -> Vec<Value> {
    beginning_with(world, RECORDS, "pennco#balance#")
}

#[tokio::test]
async fn a_settlement_that_is_never_built_is_named_an_hour_after_it_was_first_seen() {
    let world = World::new().await;
    assert_eq!(close_day(&world, &world.pennco.settlement, "close", "2026-11-20").await.status, 202);
    for seconds in [0, 1_800, 3_599] {
        check(&world, seconds).await.unwrap();
    }
    assert!(check(&world, 7_200).await.is_err());
    assert_eq!(proof(&world).await.json["breaches"][0]["invariant"], "V9");
    assert!(build_settlements(&world).await.is_empty());
    check(&world, 7_300).await.unwrap();
    assert_eq!(proof(&world).await.json["holds"], true);
}

#[tokio::test]
async fn a_check_that_comes_late_does_not_replace_a_later_one() {
    let world = World::new().await;
    check(&world, 600).await.unwrap();
    check(&world, 300).await.unwrap();
    assert_eq!(proof(&world).await.json["checked_at"], "2026-11-21T06:40:00.000Z");
}

#[tokio::test]
async fn an_account_whose_available_money_is_not_its_balance_less_what_is_held_is_named() {
    for (prefix, path) in [("pennco#balance#agent_cash", "available_minor"), ("pennco#held#", "amount_minor")] {
        for by in [1, -1] {
            let world = World::new().await;
            crate::steps::reservation_of(&world, &world.pennco).await;
            check(&world, 120).await.unwrap();
            let row = beginning_with(&world, RECORDS, prefix).remove(0);
            corrupt(&world, RECORDS, &row, path, by).await;
            assert!(matches!(check(&world, 121).await, Err(Failed::Fault(_))), "{prefix} by {by}");
            let account = row["pk"]["S"].as_str().unwrap().rsplit_once('#').unwrap().1;
            assert_eq!(subjects(&proof(&world).await), [account], "{prefix} by {by}");
        }
    }
}
