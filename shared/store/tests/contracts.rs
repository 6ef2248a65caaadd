//! What the store promises to those who decide: conditions refuse by name, transactions name the step that failed,
//! answers survive lost replies, pages continue.
#![expect(clippy::unwrap_used, reason = "what a test takes for granted fails the test when it is not so")]

use std::collections::BTreeMap;

use domain::{
    AgentId, Command, Currency, Delivery, Failed, Money, Timestamp, TransferId,
    access::{Agent, DELIVERY_ASSIGN, DELIVERY_CONFIRM, DELIVERY_CREATE, Party as _, Route},
    command::Fingerprint,
    delivery::{NewDelivery, Outcome},
    ledger::Account,
    operator::Assignee,
    track::Point,
};
use serde_json::json;
use store::{NewAgent, PageRequest, PublicKey};
use testkit::{FLOAT_MINOR, Fault, LEDGER, Operation, Person, RECORDS, World};

/// What somebody asks under a key, in a request of its own.
fn command(person: &Person, route: &Route, key: &str, body: &impl serde::Serialize, request_id: &str) -> Command {
    let fingerprint = Fingerprint::of(&BTreeMap::new(), body).unwrap();
    let at = Timestamp::from_millis(testkit::NOW_MILLIS);
    let (key, request_id) = (key.to_owned(), request_id.to_owned());
    Command::of_request(&person.caller, route, key, fingerprint, at, request_id, route.template.to_owned())
}

fn new_visit(reference: &str, amount_minor: i64) -> NewDelivery {
    serde_json::from_value(json!({
        "kind": "collection", "reference": reference, "region": "pune-north", "due": "2026-11-21",
        "borrower": { "name": "Sunita Pawar", "phone": "+919800000001", "address": "12 Laxmi Road, Pune" },
        "amount": { "amount_minor": amount_minor, "currency": "INR" },
    }))
    .unwrap()
}

fn outcome(amount_minor: i64) -> Outcome {
    serde_json::from_value(json!({
        "outcome": "confirmed", "occurred_at": "2026-11-21T06:29:00Z",
        "amount": { "amount_minor": amount_minor, "currency": "INR" },
    }))
    .unwrap()
}

async fn planned(world: &World, reference: &str, amount_minor: i64) -> Delivery {
    let new = new_visit(reference, amount_minor);
    let command = command(&world.pennco.desk, &DELIVERY_CREATE, reference, &new, reference);
    let visit = Delivery::plan(&command, &new, "bfil".parse().unwrap());
    let answer = world.deliveries().create(&command, Ok(visit)).await.unwrap();
    serde_json::from_str(&answer.body).unwrap()
}

fn agent(world: &World) -> Agent {
    Agent::of(world.pennco.agents[0].caller.clone()).unwrap()
}

/// Gives a visit to the first agent, decided on what was loaded before.
async fn assign(world: &World, before: &Delivery, key: &str) -> Result<store::Answer<Delivery>, Failed> {
    let command = command(&world.pennco.desk, &DELIVERY_ASSIGN, key, &key, key);
    let regions = vec!["pune-north".parse().unwrap()];
    let assignee = Assignee { agent_id: agent(world).agent_id, regions, is_closed: false };
    let known = world.directory().operator(&world.pennco.operator).await.unwrap();
    let decided = known.assign(before, &assignee, &command);
    world.deliveries().assign(&command, before, decided).await
}

async fn assigned(world: &World, reference: &str, amount_minor: i64) -> Delivery {
    let before = planned(world, reference, amount_minor).await;
    serde_json::from_str(&assign(world, &before, &format!("assign {reference}")).await.unwrap().body).unwrap()
}

/// Concludes a visit in a request, decided on what was loaded before.
async fn conclude(
    world: &World,
    before: &Delivery,
    key: &str,
    amount_minor: i64,
    request_id: &str,
) -> Result<store::Answer<domain::delivery::Receipt>, Failed> {
    let outcome = outcome(amount_minor);
    let command = command(&world.pennco.agents[0], &DELIVERY_CONFIRM, key, &outcome, request_id);
    let decided = before.conclude(&agent(world), &outcome, &command);
    world.deliveries().conclude(&command, (before, None), decided).await
}

async fn cash(world: &World, agent_id: &AgentId) -> i64 {
    let page = PageRequest { limit: 100, cursor: None };
    let account = Account::AgentCash(agent_id.clone());
    world.accounts().statement(&world.pennco.operator, &account, &page).await.unwrap().balance.amount_minor
}

#[tokio::test]
async fn create_refuses_what_is_there_and_names_its_holder() {
    let world = World::new().await;
    let first = planned(&world, "BF-1", 5).await;
    let new = new_visit("BF-1", 6);
    let command = command(&world.pennco.desk, &DELIVERY_CREATE, "another", &new, "r2");
    let visit = Delivery::plan(&command, &new, "bfil".parse().unwrap());
    let answer = world.deliveries().create(&command, Ok(visit)).await.unwrap();
    let said: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((answer.status, &said["existing_id"]), (409, &json!(first.delivery_id)));
}

#[tokio::test]
async fn create_keeps_what_was_there_first() {
    let world = World::new().await;
    let forged = PublicKey { x: "forged".to_owned(), ..world.public_key.clone() };
    world.directory().publish(&forged).await.unwrap();
    let anchors = world.directory().trust_anchors().await.unwrap();
    assert_eq!(anchors.keys[testkit::KID], world.public_key);
}

#[tokio::test]
async fn replace_refuses_what_has_moved_and_leaves_no_trace() {
    let world = World::new().await;
    let before = planned(&world, "BF-1", 5).await;
    assert!(assign(&world, &before, "k1").await.is_ok());
    let items = world.table.items(RECORDS);
    assert!(matches!(assign(&world, &before, "k2").await, Err(Failed::Moved)));
    assert_eq!(world.table.items(RECORDS), items, "not even a commit record: the call is decided anew");
}

#[tokio::test]
async fn append_takes_the_entries_of_a_transfer_once() {
    let world = World::new().await;
    let before = assigned(&world, "BF-1", 5).await;
    conclude(&world, &before, "k1", 5, "r1").await.unwrap();
    let entries = world.table.items(LEDGER);
    // The same decision under another key: the visit has moved, so nothing of it is written.
    assert!(matches!(conclude(&world, &before, "k2", 5, "r2").await, Err(Failed::Moved)));
    assert_eq!(world.table.items(LEDGER), entries);
}

#[tokio::test]
async fn post_refuses_below_zero_and_above_the_cap_and_names_which() {
    let world = World::new().await;
    let room = testkit::CASH_CAP_MINOR - FLOAT_MINOR;
    let before = assigned(&world, "BF-1", room + 1).await;
    let answer = conclude(&world, &before, "k1", room + 1, "r1").await.unwrap();
    let said: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((answer.status, &said["code"]), (409, &json!("cash_cap_exceeded")));
    assert_eq!(cash(&world, &agent(&world).agent_id).await, FLOAT_MINOR);
    assert_eq!(conclude(&world, &before, "k2", room, "r2").await.unwrap().status, 200);
    assert_eq!(cash(&world, &agent(&world).agent_id).await, testkit::CASH_CAP_MINOR);
}

#[tokio::test]
async fn a_transaction_that_fails_in_two_places_is_decided_anew_first() {
    let world = World::new().await;
    let room = testkit::CASH_CAP_MINOR - FLOAT_MINOR;
    let before = assigned(&world, "BF-1", room + 1).await;
    conclude(&world, &before, "k1", 1, "r1").await.unwrap();
    // The visit has moved and the cap would be exceeded: the refusal would be of a visit that is no longer so.
    assert!(matches!(conclude(&world, &before, "k2", room + 1, "r2").await, Err(Failed::Moved)));
}

#[tokio::test]
async fn a_refusal_is_kept_under_its_key_and_a_failure_is_not() {
    let world = World::new().await;
    let before = assigned(&world, "BF-1", 5).await;
    let refused = conclude(&world, &before, "k1", 6, "r1").await.unwrap();
    let again = conclude(&world, &before, "k1", 6, "r2").await.unwrap();
    assert_eq!((refused.status, refused.replayed, again.replayed), (422, false, true));
    assert_eq!(again.body, refused.body);
    let reused = conclude(&world, &before, "k1", 4, "r3").await;
    assert!(matches!(reused, Err(Failed::KeyReused { pointers }) if pointers == ["/amount/amount_minor"]));
    assert!(matches!(world.deliveries().get(&world.vishi.operator, &before.delivery_id).await, Err(Failed::Unknown)));
}

#[tokio::test]
async fn a_throttled_or_silent_table_is_asked_again_later() {
    let world = World::new().await;
    let before = assigned(&world, "BF-1", 5).await;
    let both = |op| [Fault::Throttle { op, times: 3 }, Fault::FailBefore { op, times: 3 }];
    for fault in both(Operation::TransactWriteItems) {
        world.table.inject(fault);
        assert!(matches!(conclude(&world, &before, "k1", 5, "r1").await, Err(Failed::Later(_))), "{fault:?}");
    }
    for fault in both(Operation::GetItem) {
        world.table.inject(fault);
        let found = world.deliveries().get(&world.pennco.operator, &before.delivery_id).await;
        assert!(matches!(found, Err(Failed::Later(_))), "{fault:?}");
    }
    for fault in both(Operation::Query) {
        world.table.inject(fault);
        assert!(matches!(world.directory().operators().await, Err(Failed::Later(_))), "{fault:?}");
    }
    // Two faults in a row are the SDK's own business.
    world.table.inject(Fault::Throttle { op: Operation::TransactWriteItems, times: 2 });
    assert_eq!(conclude(&world, &before, "k1", 5, "r1").await.unwrap().status, 200);
}

#[tokio::test]
async fn a_transaction_that_meets_another_is_in_progress() {
    let world = World::new().await;
    let before = assigned(&world, "BF-1", 5).await;
    world.table.inject(Fault::TransactionConflict { times: 1 });
    assert!(matches!(conclude(&world, &before, "k1", 5, "r1").await, Err(Failed::InProgress)));
    assert_eq!(conclude(&world, &before, "k1", 5, "r1").await.unwrap().status, 200);
}

#[tokio::test]
async fn a_write_of_our_own_seen_again_is_a_success_and_of_another_request_a_replay() {
    let world = World::new().await;
    let before = assigned(&world, "BF-1", 5).await;
    world.table.inject(Fault::LoseAnswer { op: Operation::TransactWriteItems, times: 1 });
    let own = conclude(&world, &before, "k1", 5, "r1").await.unwrap();
    assert_eq!((own.status, own.replayed), (200, false));
    let anothers = conclude(&world, &before, "k1", 5, "r2").await.unwrap();
    assert_eq!((anothers.replayed, anothers.body), (true, own.body));
    assert_eq!(cash(&world, &agent(&world).agent_id).await, FLOAT_MINOR + 5);
}

#[tokio::test]
async fn an_agent_who_is_taken_on_twice_gets_their_float_once() {
    let world = World::new().await;
    let new = NewAgent {
        agent_id: AgentId::mint(world.now(), &[b"new"]),
        name: "Meera".to_owned(),
        region: "pune-north".parse().unwrap(),
        cash_cap_minor: 100,
        currency: Currency::Inr,
    };
    for _ in 0..3 {
        let float = Money::new(100, Currency::Inr);
        let answer = world.directory().create_agent(&world.pennco.operator, &new, float, world.now()).await.unwrap();
        assert_eq!(answer.status, 201);
    }
    assert_eq!(cash(&world, &new.agent_id).await, 100);
}

#[tokio::test]
async fn keys_that_a_batch_left_out_are_asked_for_again() {
    let world = World::new().await;
    let region = "pune-north".parse().unwrap();
    let page = PageRequest { limit: 100, cursor: None };
    world.table.inject(Fault::Unprocessed { times: 1 });
    let listed = world.agents().list(&world.pennco.operator, &region, &page).await.unwrap();
    assert_eq!(listed.items[0].cash_in_hand, Money::new(FLOAT_MINOR, Currency::Inr));
}

#[tokio::test]
async fn a_partition_of_more_than_a_megabyte_is_read_to_its_end() {
    let world = World::new().await;
    let agent_id = agent(&world).agent_id;
    let begin: Timestamp = "2026-11-21T00:00:00Z".parse().unwrap();
    let mut sent = 0;
    for batch in 0..420 {
        let points: Vec<Point> = (0..200)
            .map(|n| Point {
                captured_at: Timestamp::from_millis(begin.as_millis() + batch * 200 + n),
                lat: 18.52,
                lon: 73.85,
                accuracy_metres: 9.0,
            })
            .collect();
        sent += points.len();
        world.tracks().record(&world.pennco.operator, &agent_id, &points, world.now()).await.unwrap();
    }
    world.table.reset_calls();
    let day = begin.utc_day();
    let read = world.tracks().day(&world.pennco.operator, &agent_id, day).await.unwrap();
    assert_eq!(read.len(), sent);
    assert!(world.table.calls().count(Operation::Query) > 1, "{}", world.table.calls());
}

#[tokio::test]
async fn a_balance_is_the_fold_of_its_shards() {
    let world = World::new().await;
    let mut shards = std::collections::BTreeSet::new();
    let control = Account::PartnerControl("bfil".parse().unwrap());
    for n in 0..20 {
        let before = assigned(&world, &format!("BF-{n}"), 1_000).await;
        let answer = conclude(&world, &before, &format!("k{n}"), 1_000, &format!("r{n}")).await.unwrap();
        let receipt: domain::delivery::Receipt = serde_json::from_str(&answer.body).unwrap();
        let transfer: TransferId = receipt.transfer_id.unwrap();
        shards.insert(control.shard_of(&transfer));
    }
    assert!(shards.len() > 4, "spread over {shards:?}");
    let page = PageRequest { limit: 100, cursor: None };
    let statement = world.accounts().statement(&world.pennco.operator, &control, &page).await.unwrap();
    assert_eq!(statement.balance, Money::new(-20_000, Currency::Inr));
    assert_eq!(statement.items.len(), 20);
}
