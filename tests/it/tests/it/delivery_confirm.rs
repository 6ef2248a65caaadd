//! `delivery-confirm`: the agent reports what happened at the door.

use std::sync::Arc;

use domain::access::DELIVERY_CONFIRM;
use serde_json::{Value, json};
use testkit::{CASH_CAP_MINOR, FLOAT_MINOR, Fault, World};

use crate::{
    books,
    door::call,
    steps::{
        all_at_once, assign, assigned, collected, collection, confirm, confirmed, failed, inr, plan, planned, report,
        reserved, visit,
    },
};

#[tokio::test]
async fn a_collection_is_confirmed_with_a_receipt_and_booked_between_agent_and_partner() {
    let world = World::new().await;
    let (pennco, agent) = (&world.pennco, &world.pennco.agents[0]);
    let id = assigned(&world, pennco, "BF-1", 150_000).await;
    let receipt = confirm(&world, agent, &id, "k1", &confirmed(150_000)).await;
    assert_eq!(receipt.status, 200);
    assert_eq!(receipt.text("/delivery_id"), id);
    assert_eq!((receipt.text("/status"), receipt.text("/kind")), ("confirmed", "collection"));
    assert_eq!(receipt.json["amount"], inr(150_000));
    assert_eq!(receipt.text("/occurred_at"), "2026-11-21T06:29:00.000Z", "the phone's clock");
    assert_eq!(receipt.text("/received_at"), "2026-11-21T06:30:00.000Z", "the server's clock");
    assert!(!receipt.is_replay());

    let seen = visit(&world, &pennco.desk, &id).await;
    assert_eq!(seen.text("/status"), "confirmed");
    assert_eq!(seen.json["conclusion"]["transfer_id"], receipt.json["transfer_id"]);
    assert_eq!(seen.header("etag"), Some("\"3\""), "planned, assigned, confirmed");
    assert_eq!(books::balance(&world, pennco).await, FLOAT_MINOR + 150_000);
    let (control, _) = books::account(&world, pennco, "partner_control.bfil").await;
    assert_eq!(control, -150_000, "what the operator owes the partner");
}

#[tokio::test]
async fn a_part_of_what_is_due_may_be_collected() {
    let world = World::new().await;
    let id = assigned(&world, &world.pennco, "BF-1", 150_000).await;
    let receipt = confirm(&world, &world.pennco.agents[0], &id, "k1", &confirmed(1)).await;
    assert_eq!((receipt.status, &receipt.json["amount"]), (200, &inr(1)));
    assert_eq!(books::balance(&world, &world.pennco).await, FLOAT_MINOR + 1);
}

#[tokio::test]
async fn a_disbursement_takes_the_cash_from_the_agents_hand() {
    let world = World::new().await;
    let (_, id) = reserved(&world, &world.pennco, "BF-D-1", 700_000).await;
    let receipt = confirm(&world, &world.pennco.agents[0], &id, "k1", &confirmed(700_000)).await;
    assert_eq!((receipt.status, receipt.text("/kind")), (200, "disbursement"));
    assert_eq!(books::balance(&world, &world.pennco).await, FLOAT_MINOR - 700_000);
}

#[tokio::test]
async fn a_failed_visit_moves_no_cash() {
    let world = World::new().await;
    let id = assigned(&world, &world.pennco, "BF-1", 150_000).await;
    let receipt = confirm(&world, &world.pennco.agents[0], &id, "k1", &failed("borrower_absent")).await;
    assert_eq!((receipt.status, receipt.text("/status")), (200, "failed"));
    assert_eq!((receipt.text("/reason"), &receipt.json["transfer_id"]), ("borrower_absent", &Value::Null));
    assert_eq!(visit(&world, &world.pennco.desk, &id).await.text("/status"), "failed");
    assert_eq!(books::balance(&world, &world.pennco).await, FLOAT_MINOR);
}

#[tokio::test]
async fn the_same_command_again_gets_the_same_bytes_whatever_happened_since() {
    let world = World::new().await;
    let (pennco, agent) = (&world.pennco, &world.pennco.agents[0]);
    let id = assigned(&world, pennco, "BF-1", 150_000).await;
    let first = confirm(&world, agent, &id, "k1", &confirmed(150_000)).await;
    for round in 0..3 {
        collected(&world, pennco, &format!("BF-2{round}"), 10_000).await;
        let again = report(agent, &id, "k1", &confirmed(150_000)).at(testkit::NOW_MILLIS + 1_000 * (round + 1));
        let again = call(&world, &DELIVERY_CONFIRM, &again).await;
        assert!(again.is_replay(), "{again:?}");
        assert_eq!((again.status, &again.body), (200, &first.body));
    }
    assert_eq!(books::balance(&world, pennco).await, FLOAT_MINOR + 150_000 + 30_000);
}

#[tokio::test]
async fn the_order_of_members_and_the_spelling_of_a_number_make_no_other_command() {
    let world = World::new().await;
    let agent = &world.pennco.agents[0];
    let id = assigned(&world, &world.pennco, "BF-1", 150_000).await;
    let first =
        r#"{"outcome":"confirmed","amount":{"amount_minor":5,"currency":"INR"},"occurred_at":"2026-11-21T06:29:00Z"}"#;
    let second = r#" {"occurred_at":"2026-11-21T11:59:00.000+05:30", "amount":{"currency":"INR","amount_minor":5},"reason":null,
        "outcome":"confirmed"}"#;
    for (body, replayed) in [(first, false), (second, true)] {
        let request = agent.asks(&DELIVERY_CONFIRM).path("delivery_id", &id).header("Idempotency-Key", "k1");
        let reply =
            call(&world, &DELIVERY_CONFIRM, &request.header("Content-Type", "application/json").body(body)).await;
        assert_eq!((reply.status, reply.is_replay()), (200, replayed), "{reply:?}");
    }
}

#[tokio::test]
async fn a_key_used_for_another_report_names_what_differs() {
    let world = World::new().await;
    let (pennco, agent) = (&world.pennco, &world.pennco.agents[0]);
    let (id, other) =
        (assigned(&world, pennco, "BF-1", 150_000).await, assigned(&world, pennco, "BF-2", 150_000).await);
    assert_eq!(confirm(&world, agent, &id, "k1", &confirmed(150_000)).await.status, 200);
    let reused = confirm(&world, agent, &id, "k1", &confirmed(140_000)).await;
    assert_eq!(reused.said(), (422, "idempotency_key_reused"));
    assert_eq!(reused.flaws(), [("/amount/amount_minor", "differs")]);
    let elsewhere = confirm(&world, agent, &other, "k1", &confirmed(150_000)).await;
    assert_eq!(elsewhere.said(), (422, "idempotency_key_reused"));
    assert_eq!(elsewhere.flaws(), [("{delivery_id}", "differs")]);
    let failed = confirm(&world, agent, &id, "k1", &failed("refused")).await;
    let pointers: Vec<&str> = failed.flaws().into_iter().map(|(pointer, _)| pointer).collect();
    assert!(pointers.contains(&"/outcome") && pointers.contains(&"/reason"), "{pointers:?}");
    assert_eq!(visit(&world, &pennco.desk, &other).await.text("/status"), "assigned");
}

#[tokio::test]
async fn two_agents_may_use_one_key() {
    let world = World::new().await;
    let (pennco, vishi) = (&world.pennco, &world.vishi);
    let (ours, theirs) = (assigned(&world, pennco, "BF-1", 9).await, assigned(&world, vishi, "BF-1", 9).await);
    let first = confirm(&world, &pennco.agents[0], &ours, "k1", &confirmed(9)).await;
    let second = confirm(&world, &vishi.agents[0], &theirs, "k1", &confirmed(9)).await;
    assert_eq!((first.status, second.status, second.is_replay()), (200, 200, false));
    assert_ne!(first.json["transfer_id"], second.json["transfer_id"]);
}

/// Sends a report that a rule refuses, twice, then under a new key, and looks at what it changed.
async fn is_refused(world: &World, id: &str, body: &Value, status: u16, code: &str) -> Value {
    let agent = &world.pennco.agents[0];
    let before = visit(world, agent, id).await;
    let cash = books::balance(world, &world.pennco).await;
    let first = confirm(world, agent, id, "refused-once", body).await;
    assert_eq!(first.said(), (status, code), "{first:?}");
    let again = confirm(world, agent, id, "refused-once", body).await;
    assert!(again.is_replay(), "a refusal is an answer and is kept: {again:?}");
    assert_eq!((again.status, &again.body), (status, &first.body));
    let anew = confirm(world, agent, id, "refused-anew", body).await;
    assert_eq!((anew.said(), anew.is_replay()), ((status, code), false));
    assert_eq!(visit(world, agent, id).await.body, before.body, "nothing has changed");
    assert_eq!(books::balance(world, &world.pennco).await, cash, "no cash has moved");
    first.json
}

#[tokio::test]
async fn more_than_is_due_is_refused() {
    let world = World::new().await;
    let id = assigned(&world, &world.pennco, "BF-1", 150_000).await;
    let said = is_refused(&world, &id, &confirmed(150_001), 422, "amount_exceeds_due").await;
    assert_eq!((&said["due_minor"], &said["currency"]), (&json!(150_000), &json!("INR")));
}

#[tokio::test]
async fn another_amount_than_instructed_is_refused() {
    let world = World::new().await;
    let (_, id) = reserved(&world, &world.pennco, "BF-D-1", 700_000).await;
    for (reference, amount) in [("less", 699_999), ("more", 700_001)] {
        let reply = confirm(&world, &world.pennco.agents[0], &id, reference, &confirmed(amount)).await;
        assert_eq!(reply.said(), (422, "amount_differs"));
    }
    let said = is_refused(&world, &id, &confirmed(1), 422, "amount_differs").await;
    assert_eq!(said["expected_minor"], 700_000);
}

#[tokio::test]
async fn another_currency_than_due_is_refused() {
    let world = World::new().await;
    let id = assigned(&world, &world.pennco, "BF-1", 150_000).await;
    let mut body = confirmed(150_000);
    body["amount"]["currency"] = json!("NPR");
    is_refused(&world, &id, &body, 422, "amount_differs").await;
}

#[tokio::test]
async fn cash_that_the_agent_does_not_carry_is_refused() {
    let world = World::new().await;
    let (_, id) = reserved(&world, &world.pennco, "BF-D-1", FLOAT_MINOR + 1).await;
    is_refused(&world, &id, &confirmed(FLOAT_MINOR + 1), 409, "insufficient_cash").await;
}

#[tokio::test]
async fn all_the_cash_that_the_agent_carries_may_be_handed_over() {
    let world = World::new().await;
    let (_, id) = reserved(&world, &world.pennco, "BF-D-1", FLOAT_MINOR).await;
    assert_eq!(confirm(&world, &world.pennco.agents[0], &id, "k1", &confirmed(FLOAT_MINOR)).await.status, 200);
    assert_eq!(books::balance(&world, &world.pennco).await, 0);
}

#[tokio::test]
async fn more_cash_than_the_agent_may_carry_is_refused() {
    let world = World::new().await;
    let room = CASH_CAP_MINOR - FLOAT_MINOR;
    let id = assigned(&world, &world.pennco, "BF-1", room + 1).await;
    is_refused(&world, &id, &confirmed(room + 1), 409, "cash_cap_exceeded").await;
    assert_eq!(confirm(&world, &world.pennco.agents[0], &id, "k1", &confirmed(room)).await.status, 200);
    assert_eq!(books::balance(&world, &world.pennco).await, CASH_CAP_MINOR, "up to the cap is allowed");
}

#[tokio::test]
async fn a_concluded_visit_is_not_concluded_again() {
    let world = World::new().await;
    let agent = &world.pennco.agents[0];
    for (reference, first) in [("BF-1", confirmed(5)), ("BF-2", failed("refused"))] {
        let id = assigned(&world, &world.pennco, reference, 5).await;
        let concluded = confirm(&world, agent, &id, &format!("k-{reference}"), &first).await;
        assert_eq!(concluded.status, 200);
        for (key, body) in [("a", confirmed(5)), ("b", failed("other"))] {
            let again = confirm(&world, agent, &id, &format!("{key}-{reference}"), &body).await;
            assert_eq!(again.said(), (409, "illegal_transition"));
            assert_eq!(again.json["legal_moves"], json!([]));
            assert!(again.text("/detail").contains(concluded.text("/status")), "{again:?}");
        }
    }
}

#[tokio::test]
async fn a_visit_that_is_nobodys_yet_is_unknown_to_every_agent() {
    let world = World::new().await;
    let id = planned(&world, &world.pennco, "BF-1", 5).await;
    for agent in &world.pennco.agents {
        assert_eq!(confirm(&world, agent, &id, "k1", &confirmed(5)).await.said(), (404, "unknown"));
    }
}

#[tokio::test]
async fn another_agents_visit_is_unknown_even_to_a_report_that_is_none() {
    let world = World::new().await;
    let id = assigned(&world, &world.pennco, "BF-1", 5).await;
    let nowhere = "dlv_01kagwtb0084nrm0ppw3zy9t2n";
    let no_report = json!({ "outcome": "confirmed", "occurred_at": "2026-11-21T06:29:00Z" });
    for body in [confirmed(5), failed("refused"), no_report] {
        for agent in [&world.pennco.agents[1], &world.vishi.agents[0]] {
            let theirs = confirm(&world, agent, &id, "k1", &body).await;
            let absent = confirm(&world, agent, nowhere, "k2", &body).await;
            assert_eq!(theirs.said(), (404, "unknown"), "{body}");
            assert_eq!(theirs.text("/detail"), absent.text("/detail"));
        }
    }
    assert_eq!(visit(&world, &world.pennco.desk, &id).await.text("/status"), "assigned");
}

#[tokio::test]
async fn a_report_that_contradicts_itself_is_invalid() {
    let world = World::new().await;
    let agent = &world.pennco.agents[0];
    let id = assigned(&world, &world.pennco, "BF-1", 5).await;
    let at = "2026-11-21T06:29:00Z";
    for (body, pointer, code) in [
        (json!({ "outcome": "confirmed", "occurred_at": at }), "/amount", "required"),
        (json!({ "outcome": "failed", "occurred_at": at }), "/reason", "required"),
        (
            json!({ "outcome": "failed", "reason": "other", "amount": inr(5), "occurred_at": at }),
            "/amount",
            "not_allowed",
        ),
        (
            json!({ "outcome": "confirmed", "reason": "other", "amount": inr(5), "occurred_at": at }),
            "/reason",
            "not_allowed",
        ),
    ] {
        let reply = confirm(&world, agent, &id, "k1", &body).await;
        assert_eq!((reply.said(), reply.flaws()), ((422, "invalid"), vec![(pointer, code)]), "{body}");
    }
    assert_eq!(confirm(&world, agent, &id, "k1", &confirmed(5)).await.status, 200, "none of them used up the key");
}

#[tokio::test(start_paused = true)]
async fn sixty_four_reports_under_one_key_have_one_effect_and_one_answer() {
    let world = Arc::new(World::new().await);
    let agent = &world.pennco.agents[0];
    let id = assigned(&world, &world.pennco, "BF-1", 150_000).await;
    let requests = (0..64).map(|_| report(agent, &id, "k1", &confirmed(150_000))).collect();
    let replies = all_at_once(&world, &DELIVERY_CONFIRM, requests).await;
    let receipt = confirm(&world, agent, &id, "k1", &confirmed(150_000)).await;
    assert_eq!(receipt.status, 200);
    let (answered, busy): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 200);
    assert!(answered.iter().all(|reply| reply.body == receipt.body), "one answer");
    assert_eq!(answered.iter().filter(|reply| !reply.is_replay()).count(), 1, "given once, replayed to the others");
    assert!(busy.iter().all(|reply| reply.said() == (409, "in_progress")), "{busy:?}");
    println!("64 reports under one key: {} answered, {} told to come again", answered.len(), busy.len());
    assert_eq!(books::balance(&world, &world.pennco).await, FLOAT_MINOR + 150_000);
}

#[tokio::test(start_paused = true)]
async fn sixty_four_reports_under_as_many_keys_conclude_the_visit_once() {
    let world = Arc::new(World::new().await);
    let agent = &world.pennco.agents[0];
    let id = assigned(&world, &world.pennco, "BF-1", 150_000).await;
    let requests = (0..64).map(|n| report(agent, &id, &format!("k{n}"), &confirmed(150_000))).collect();
    let replies = all_at_once(&world, &DELIVERY_CONFIRM, requests).await;
    let won = replies.iter().filter(|reply| reply.status == 200).count();
    let lost =
        replies.iter().filter(|reply| matches!(reply.said(), (409, "illegal_transition" | "in_progress"))).count();
    assert_eq!((won, lost), (1, 63));
    assert_eq!(books::balance(&world, &world.pennco).await, FLOAT_MINOR + 150_000);
}

#[tokio::test(start_paused = true)]
async fn many_collections_at_once_never_lift_an_agent_above_the_cap() {
    let world = Arc::new(World::new().await);
    let agent = &world.pennco.agents[0];
    // Room for 15 of them.
    let mut requests = Vec::new();
    for n in 0..40 {
        let id = assigned(&world, &world.pennco, &format!("BF-{n}"), 1_000_000).await;
        requests.push(report(agent, &id, &format!("k{n}"), &confirmed(1_000_000)));
    }
    let replies = all_at_once(&world, &DELIVERY_CONFIRM, requests.clone()).await;
    let accepted = |replies: &[testkit::Reply]| replies.iter().filter(|reply| reply.status == 200).count();
    for reply in &replies {
        assert!(matches!(reply.said(), (200, "") | (409, "cash_cap_exceeded" | "in_progress")), "{reply:?}");
    }
    let first_round = accepted(&replies);
    let cash = books::balance(&world, &world.pennco).await;
    assert_eq!(cash, FLOAT_MINOR + 1_000_000 * i64::try_from(first_round).unwrap());
    // Whoever was told to come again does.
    let replies = all_at_once(&world, &DELIVERY_CONFIRM, requests).await;
    let second_round = accepted(&replies);
    assert!(first_round <= second_round && second_round <= 15, "{first_round}, then {second_round}");
    let cash = books::balance(&world, &world.pennco).await;
    assert_eq!(cash, FLOAT_MINOR + 1_000_000 * i64::try_from(second_round).unwrap());
}

#[tokio::test(start_paused = true)]
async fn collections_and_disbursements_of_two_partners_at_once_leave_balanced_books() {
    let world = Arc::new(World::new().await);
    let pennco = &world.pennco;
    let mut requests = Vec::new();
    for n in 0..24 {
        let amount = 10_000 + n;
        let id = if n % 3 == 0 {
            reserved(&world, pennco, &format!("D-{n}"), amount).await.1
        } else {
            let mut body = collection(&format!("C-{n}"), amount);
            body["partner_id"] = json!(testkit::PARTNERS[usize::from(n % 2 == 0)]);
            let id = plan(&world, &pennco.desk, &format!("p{n}"), &body).await.text("/delivery_id").to_owned();
            assert_eq!(assign(&world, &pennco.desk, &id, &pennco.agents[0], &format!("a{n}")).await.status, 200);
            id
        };
        requests.push(report(&pennco.agents[0], &id, &format!("k{n}"), &confirmed(amount)));
    }
    let replies = all_at_once(&world, &DELIVERY_CONFIRM, requests).await;
    assert!(replies.iter().all(|reply| matches!(reply.said(), (200, "") | (409, "in_progress"))));
    books::balance(&world, pennco).await;
}

#[tokio::test(start_paused = true)]
async fn a_busy_table_is_asked_again_before_the_agent_is() {
    let world = World::new().await;
    let agent = &world.pennco.agents[0];
    let id = assigned(&world, &world.pennco, "BF-1", 5).await;
    world.table.inject(Fault::TransactionConflict { times: 4 });
    assert_eq!(confirm(&world, agent, &id, "k1", &confirmed(5)).await.status, 200);
    let id = assigned(&world, &world.pennco, "BF-2", 5).await;
    world.table.inject(Fault::TransactionConflict { times: 5 });
    let busy = confirm(&world, agent, &id, "k2", &confirmed(5)).await;
    assert_eq!((busy.said(), busy.header("retry-after")), ((409, "in_progress"), Some("1")));
    assert_eq!(confirm(&world, agent, &id, "k2", &confirmed(5)).await.status, 200, "and it can be sent again");
}

#[tokio::test(start_paused = true)]
async fn a_table_that_does_not_answer_is_a_503_and_uses_up_no_key() {
    let world = World::new().await;
    let agent = &world.pennco.agents[0];
    let id = assigned(&world, &world.pennco, "BF-1", 5).await;
    for op in [testkit::Operation::GetItem, testkit::Operation::TransactWriteItems] {
        for fault in [Fault::Throttle { op, times: 3 }, Fault::FailBefore { op, times: 3 }] {
            world.table.inject(fault);
            let reply = confirm(&world, agent, &id, "k1", &confirmed(5)).await;
            assert_eq!((reply.said(), reply.header("retry-after")), ((503, "unavailable"), Some("2")), "{fault:?}");
        }
    }
    let receipt = confirm(&world, agent, &id, "k1", &confirmed(5)).await;
    assert_eq!((receipt.status, receipt.is_replay()), (200, false));
}

#[tokio::test(start_paused = true)]
async fn our_own_write_seen_again_is_the_first_answer_and_no_replay() {
    let world = World::new().await;
    let agent = &world.pennco.agents[0];
    let id = assigned(&world, &world.pennco, "BF-1", 5).await;
    world.table.inject(Fault::LoseAnswer { op: testkit::Operation::TransactWriteItems, times: 1 });
    let receipt = confirm(&world, agent, &id, "k1", &confirmed(5)).await;
    assert_eq!((receipt.status, receipt.is_replay()), (200, false), "{receipt:?}");
    assert_eq!(confirm(&world, agent, &id, "k1", &confirmed(5)).await.body, receipt.body);
    assert_eq!(books::balance(&world, &world.pennco).await, FLOAT_MINOR + 5);
}
