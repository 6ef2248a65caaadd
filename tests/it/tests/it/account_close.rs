//! `account-close`: an account at zero takes nothing any more.

use domain::access::{ACCOUNT_CLOSE, ACCOUNT_GET, DELIVERY_CREATE};
use serde_json::{Value, json};
use testkit::{FLOAT_MINOR, Person, Reply, World};

use crate::{
    disbursement_reverse::take_back,
    door::call,
    steps::{
        assign, assigned, collection, command, confirm, confirmed, handed_over, inr, move_money, reserved, reverse,
        transfer,
    },
};

async fn close(world: &World, person: &Person, account: &str, key: &str) -> Reply {
    let request = command(person, &ACCOUNT_CLOSE, key, &json!({})).path("account_id", account);
    call(world, &ACCOUNT_CLOSE, &request).await
}

#[tokio::test]
async fn an_account_at_zero_closes_once_and_takes_nothing_any_more() {
    let world = World::new().await;
    let desk = &world.pennco.settlement;
    let to = transfer("budget", "vault.pennco", "budget.sms", 500);
    assert_eq!(move_money(&world, desk, "m1", &to).await.status, 201);
    assert_eq!(close(&world, desk, "budget.sms", "c1").await.said(), (409, "account_not_empty"));
    let back = transfer("budget", "budget.sms", "vault.pennco", 500);
    let back = move_money(&world, desk, "m2", &back).await;
    assert_eq!(back.status, 201, "{back:?}");
    let closed = close(&world, desk, "budget.sms", "c2").await;
    assert_eq!((closed.status, closed.text("/account_id")), (200, "budget.sms"), "{closed:?}");
    assert!(close(&world, desk, "budget.sms", "c2").await.is_replay());
    assert_eq!(close(&world, desk, "budget.sms", "c3").await.said(), (409, "account_closed"));
    let refused = move_money(&world, desk, "m3", &to).await;
    assert_eq!((refused.said(), refused.text("/account_id")), ((409, "account_closed"), "budget.sms"));
    let reversed = reverse(&world, desk, back.text("/transfer_id"), "r1").await;
    assert_eq!(reversed.said(), (409, "account_closed"), "what would bring money back is refused too");
    let statement = call(&world, &ACCOUNT_GET, &desk.asks(&ACCOUNT_GET).path("account_id", "budget.sms")).await;
    assert_eq!((statement.items().len(), &statement.json["balance"]), (2, &inr(0)));
    assert_eq!(statement.json["closed_at"], closed.json["closed_at"]);
}

#[tokio::test]
async fn cash_that_an_agent_took_before_the_account_was_closed_is_booked_when_the_phone_says_so() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let hand = format!("agent_cash.{}", pennco.agents[0].subject());
    let visit = assigned(&world, pennco, "BF-1", 150_000).await;
    assert_eq!(close(&world, &pennco.admin, &hand, "c1").await.said(), (409, "account_not_empty"));
    let deposit = transfer("deposit", &hand, "vault.pennco", FLOAT_MINOR);
    assert_eq!(move_money(&world, &pennco.settlement, "m1", &deposit).await.status, 201);
    assert_eq!(close(&world, &pennco.admin, &hand, "c2").await.status, 200);
    let issue = transfer("float_issue", "vault.pennco", &hand, 500);
    let refused = move_money(&world, &pennco.settlement, "m2", &issue).await;
    assert_eq!((refused.said(), refused.text("/account_id")), ((409, "account_closed"), hand.as_str()));
    let booked = confirm(&world, &pennco.agents[0], &visit, "k1", &confirmed(150_000)).await;
    assert_eq!(booked.status, 200, "{booked:?}");
    let statement = call(&world, &ACCOUNT_GET, &pennco.settlement.asks(&ACCOUNT_GET).path("account_id", &hand)).await;
    assert_eq!(statement.json["balance"], inr(150_000));
    assert_eq!(statement.json["closed_at"], Value::Null, "it is open again, so that the cash can be handed in");
    let deposit = transfer("deposit", &hand, "vault.pennco", 150_000);
    assert_eq!(move_money(&world, &pennco.settlement, "m3", &deposit).await.status, 201);
    assert_eq!(close(&world, &pennco.admin, &hand, "c3").await.status, 200);
}

#[tokio::test]
async fn what_a_closed_account_does_not_hold_is_not_handed_over() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let hand = format!("agent_cash.{}", pennco.agents[0].subject());
    let (_, visit) = reserved(&world, pennco, "BF-D-1", 500).await;
    let deposit = transfer("deposit", &hand, "vault.pennco", FLOAT_MINOR);
    assert_eq!(move_money(&world, &pennco.settlement, "m1", &deposit).await.status, 201);
    assert_eq!(close(&world, &pennco.admin, &hand, "c1").await.status, 200);
    let refused = confirm(&world, &pennco.agents[0], &visit, "k1", &confirmed(500)).await;
    assert_eq!(refused.said(), (409, "insufficient_cash"));
    assert_eq!(close(&world, &pennco.admin, &hand, "c2").await.said(), (409, "account_closed"));
}

#[tokio::test]
async fn cash_that_comes_back_to_an_agent_opens_the_account_and_a_closed_one_gets_no_visit() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let hand = format!("agent_cash.{}", pennco.agents[0].subject());
    let id = handed_over(&world, pennco, "BF-D-1", 500).await;
    let deposit = transfer("deposit", &hand, "vault.pennco", FLOAT_MINOR - 500);
    assert_eq!(move_money(&world, &pennco.settlement, "m1", &deposit).await.status, 201);
    assert_eq!(close(&world, &pennco.admin, &hand, "c1").await.status, 200);
    let body = collection("BF-1", 150_000);
    let planned = call(&world, &DELIVERY_CREATE, &command(&pennco.desk, &DELIVERY_CREATE, "p1", &body)).await;
    let visit = planned.text("/delivery_id");
    let refused = assign(&world, &pennco.desk, visit, &pennco.agents[0], "a1").await;
    assert_eq!((refused.said(), refused.text("/account_id")), ((409, "account_closed"), hand.as_str()));
    let back = take_back(&world, &pennco.settlement, &id, "r1").await;
    assert_eq!(back.text("/status"), "reversed", "{back:?}");
    let statement = call(&world, &ACCOUNT_GET, &pennco.settlement.asks(&ACCOUNT_GET).path("account_id", &hand)).await;
    assert_eq!((&statement.json["balance"], &statement.json["closed_at"]), (&inr(500), &Value::Null));
    assert_eq!(assign(&world, &pennco.desk, visit, &pennco.agents[0], "a2").await.status, 200);
}

#[tokio::test]
async fn accounts_of_the_operator_and_its_partners_stay() {
    let world = World::new().await;
    let admin = &world.pennco.admin;
    let all = ["vault.pennco", "bank.pennco", "suspense.pennco", "partner_control.bfil", "partner_settlement.bfil"];
    for (n, account) in all.iter().enumerate() {
        let refused = close(&world, admin, account, &format!("c{n}")).await;
        assert_eq!(refused.said(), (409, "account_not_closable"), "{account}");
    }
    for (n, account) in ["vault.vishi", "partner_control.samasta", "budget.nothing"].iter().enumerate() {
        assert_eq!(close(&world, admin, account, &format!("d{n}")).await.said(), (404, "unknown"), "{account}");
    }
}
