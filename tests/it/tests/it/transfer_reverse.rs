//! `transfer-reverse`: a transfer is taken back once, by another one that is linked to it.

use std::{collections::BTreeMap, sync::Arc};

use domain::access::{SETTLEMENT_CREATE, SETTLEMENT_GET, TRANSFER_REVERSE};
use serde_json::json;
use testkit::{FLOAT_MINOR, LEDGER, NOW_MILLIS, Reply, World};

use crate::{
    books,
    door::call,
    steps::{
        TODAY, all_at_once, build_settlements, close_day, collected, command, inr, move_money, reversal, reverse,
        transfer, transfer_of, visit,
    },
    transfer_get::get,
};

#[tokio::test]
async fn a_visit_that_is_taken_back_stays_byte_for_byte_and_the_books_are_as_before() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let delivery = collected(&world, pennco, "BF-1", 150_000).await;
    let seen = visit(&world, &pennco.desk, &delivery).await;
    let id = seen.text("/conclusion/transfer_id").to_owned();
    let before = world.table.items(LEDGER);
    let shown = get(&world, &pennco.desk, &id).await;
    let reversed = reverse(&world, &pennco.settlement, &id, "r1").await;
    assert_eq!((reversed.status, reversed.text("/kind")), (201, "reversal"), "{reversed:?}");
    assert_eq!(reversed.json["reverses"], json!({ "transfer_id": id, "kind": "collection" }));
    assert_eq!((reversed.text("/reason"), reversed.text("/delivery_id")), ("booked twice", delivery.as_str()));
    assert_eq!(reversed.text("/by"), pennco.settlement.subject());
    let after = world.table.items(LEDGER);
    assert!(before.iter().all(|item| after.contains(item)), "what was there is there, as it was");
    assert_eq!(after.len(), before.len() + 3, "a transfer and its two entries more");
    let mut again = get(&world, &pennco.desk, &id).await.json;
    again.as_object_mut().unwrap().remove("reversed_by");
    assert_eq!(again, shown.json);
    assert_eq!(books::balance(&world, pennco).await, FLOAT_MINOR);
    assert_eq!(books::account(&world, pennco, "partner_control.bfil").await, (0, 0));
}

#[tokio::test]
async fn a_transfer_is_taken_back_once_and_a_reversal_never() {
    let world = World::new().await;
    let desk = &world.pennco.settlement;
    let id = transfer_of(&world, &world.pennco).await;
    let reversed = reverse(&world, desk, &id, "r1").await;
    assert_eq!(reversed.status, 201, "{reversed:?}");
    assert!(reverse(&world, desk, &id, "r1").await.is_replay());
    let twice = reverse(&world, desk, &id, "r2").await;
    assert_eq!((twice.said(), &twice.json["by"]), ((409, "already_reversed"), &reversed.json["transfer_id"]));
    let back = reverse(&world, desk, reversed.text("/transfer_id"), "r3").await;
    assert_eq!(back.said(), (409, "reversal_of_reversal"));
    assert_eq!(reverse(&world, &world.vishi.settlement, &id, "r4").await.said(), (404, "unknown"));
    assert_eq!(books::account(&world, &world.pennco, "budget.sms").await, (0, 0));
}

#[tokio::test(start_paused = true)]
async fn of_sixteen_that_take_a_transfer_back_at_once_one_does() {
    let world = Arc::new(World::new().await);
    let id = transfer_of(&world, &world.pennco).await;
    let desk = &world.pennco.settlement;
    let requests = (0..16).map(|n| reversal(desk, &id, &format!("r{n}"))).collect();
    let mut said: BTreeMap<(u16, String), usize> = BTreeMap::new();
    for reply in all_at_once(&world, &TRANSFER_REVERSE, requests).await {
        *said.entry((reply.status, reply.code().to_owned())).or_default() += 1;
    }
    let wanted = [((201, String::new()), 1), ((409, "already_reversed".to_owned()), 15)];
    assert_eq!(said, BTreeMap::from(wanted));
    assert_eq!(books::account(&world, &world.pennco, "budget.sms").await, (0, 0), "taken back once");
}

#[tokio::test]
async fn cash_that_an_agent_does_not_hold_any_more_is_not_taken_back() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let delivery = collected(&world, pennco, "BF-1", 150_000).await;
    let id = visit(&world, &pennco.desk, &delivery).await.text("/conclusion/transfer_id").to_owned();
    let hand = format!("agent_cash.{}", pennco.agents[0].subject());
    let deposit = transfer("deposit", &hand, "vault.pennco", FLOAT_MINOR + 1);
    assert_eq!(move_money(&world, &pennco.settlement, "m1", &deposit).await.status, 201);
    assert_eq!(reverse(&world, &pennco.settlement, &id, "r1").await.said(), (409, "insufficient_cash"));
    assert_eq!(books::balance(&world, pennco).await, 149_999, "nothing has changed");
}

/// Closes today when what happened now is behind the cut.
async fn close_in_a_minute(world: &World) -> Reply {
    let body = json!({ "business_day": TODAY });
    let close = command(&world.pennco.settlement, &SETTLEMENT_CREATE, "in-a-minute", &body);
    let closed = call(world, &SETTLEMENT_CREATE, &close.at(NOW_MILLIS + 60_000)).await;
    assert_eq!(closed.status, 202, "{closed:?}");
    closed
}

#[tokio::test]
async fn a_settled_day_is_not_taken_back_and_what_is_taken_back_later_is_in_the_next_file() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let delivery = collected(&world, pennco, "BF-1", 150_000).await;
    let id = visit(&world, &pennco.desk, &delivery).await.text("/conclusion/transfer_id").to_owned();
    assert_eq!(close_day(&world, &pennco.settlement, "d1", "2026-11-20").await.status, 202);
    assert_eq!(reverse(&world, &pennco.settlement, &id, "r1").await.status, 201);
    let closed = close_in_a_minute(&world).await;
    let settlement = closed.text("/items/0/settlement_id").to_owned();
    assert!(build_settlements(&world).await.is_empty());
    let request = pennco.settlement.asks(&SETTLEMENT_GET).path("settlement_id", &settlement);
    let settled = call(&world, &SETTLEMENT_GET, &request).await;
    let late = json!({ "count": 0, "net": inr(0) });
    let totals = json!({ "count": 2, "collected": inr(0), "disbursed": inr(0), "adjusted": inr(0), "net": inr(0),
                         "late": late });
    assert_eq!(settled.json["totals"], totals);
    let file = String::from_utf8(world.bucket.follow(settled.text("/file/url")).unwrap()).unwrap();
    let lines: Vec<Vec<&str>> = file.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(lines.len(), 4, "{file}");
    let back = lines.iter().find(|line| line[6] == "-150000").unwrap();
    assert_eq!((back[3], back[8]), ("collection", id.as_str()), "{file}");
}

#[tokio::test]
async fn a_settlement_is_not_taken_back() {
    let world = World::new().await;
    let pennco = &world.pennco;
    collected(&world, pennco, "BF-1", 150_000).await;
    let closed = close_in_a_minute(&world).await;
    assert!(build_settlements(&world).await.is_empty());
    let id = closed.text("/items/0/settlement_id");
    let request = pennco.settlement.asks(&SETTLEMENT_GET).path("settlement_id", id);
    let settled = call(&world, &SETTLEMENT_GET, &request).await;
    let refused = reverse(&world, &pennco.admin, settled.text("/transfer_id"), "r1").await;
    assert_eq!((refused.said(), refused.text("/kind")), ((409, "not_reversible"), "settlement"));
}
