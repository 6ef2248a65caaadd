//! `delivery-create`: the desk or a partner plans a visit.

use std::sync::Arc;

use domain::access::DELIVERY_CREATE;
use serde_json::{Value, json};
use testkit::World;

use crate::steps::{all_at_once, collection, command, inr, instruct, instruction, plan, visit};

/// The collection with one member changed.
fn but(pointer: &str, value: Value) -> Value {
    let mut body = collection("BF-1", 150_000);
    *body.pointer_mut(pointer).unwrap() = value;
    body
}

#[tokio::test]
async fn the_desk_plans_a_visit_and_sees_it() {
    let world = World::new().await;
    let desk = &world.pennco.desk;
    let planned = plan(&world, desk, "k1", &collection("BF-1", 150_000)).await;
    assert_eq!((planned.status, planned.text("/status")), (201, "pending"));
    assert_eq!((&planned.json["agent_id"], &planned.json["version"]), (&Value::Null, &json!(1)));
    let seen = visit(&world, desk, planned.text("/delivery_id")).await;
    assert_eq!((seen.status, &seen.json), (200, &planned.json));
}

#[tokio::test]
async fn a_partner_plans_for_itself_named_or_not() {
    let world = World::new().await;
    let bfil = &world.pennco.partners[0];
    let mut unnamed = collection("BF-1", 5);
    unnamed.as_object_mut().unwrap().remove("partner_id");
    let planned = plan(&world, bfil, "k1", &unnamed).await;
    assert_eq!((planned.status, planned.text("/partner_id")), (201, "bfil"));
    assert_eq!(plan(&world, bfil, "k2", &collection("BF-2", 5)).await.status, 201);
    let other = plan(&world, bfil, "k3", &but("/partner_id", json!("lnt-finance"))).await;
    assert_eq!((other.said(), other.flaws()), ((422, "invalid"), vec![("/partner_id", "not_allowed")]));
    let nobodys = plan(&world, &world.pennco.desk, "k4", &unnamed).await;
    assert_eq!((nobodys.said(), nobodys.flaws()), ((422, "invalid"), vec![("/partner_id", "required")]));
}

#[tokio::test]
async fn a_reference_is_taken_once_per_partner_and_kind() {
    let world = World::new().await;
    let (desk, bfil) = (&world.pennco.desk, &world.pennco.partners[0]);
    let first = plan(&world, desk, "k1", &collection("BF-1", 5)).await;
    let taken = plan(&world, bfil, "k2", &collection("BF-1", 6)).await;
    assert_eq!(taken.said(), (409, "already_exists"));
    assert_eq!(taken.json["existing_id"], first.json["delivery_id"]);
    let again = plan(&world, bfil, "k2", &collection("BF-1", 6)).await;
    assert_eq!((again.is_replay(), &again.body), (true, &taken.body));
    assert_eq!(
        plan(&world, desk, "k3", &but("/partner_id", json!("lnt-finance"))).await.status,
        201,
        "another partner"
    );
    assert_eq!(instruct(&world, bfil, "k4", &instruction("BF-1", 5)).await.status, 201, "another kind");
    assert_eq!(plan(&world, &world.vishi.desk, "k1", &collection("BF-1", 5)).await.status, 201, "another operator");
}

#[tokio::test]
async fn what_the_operator_does_not_have_is_named() {
    let world = World::new().await;
    let admin = &world.pennco.admin;
    for (body, pointer, code) in [
        (but("/region", json!("nashik")), "/region", "unknown_region"),
        (but("/partner_id", json!("spandana")), "/partner_id", "unknown_partner"),
        (but("/amount/currency", json!("NPR")), "/amount/currency", "wrong_currency"),
    ] {
        let reply = plan(&world, admin, "k1", &body).await;
        assert_eq!((reply.said(), reply.flaws()), ((422, "invalid"), vec![(pointer, code)]));
    }
    let elsewhere = plan(&world, &world.pennco.desk, "k1", &but("/region", json!("pune-south"))).await;
    assert_eq!((elsewhere.said(), elsewhere.flaws()), ((422, "invalid"), vec![("/region", "unknown_region")]));
    assert_eq!(plan(&world, admin, "k1", &but("/region", json!("pune-south"))).await.status, 201);
}

#[tokio::test]
async fn a_value_out_of_its_range_is_named() {
    let world = World::new().await;
    let desk = &world.pennco.desk;
    for (pointer, value, at) in [
        ("/amount/amount_minor", json!(0), "/amount"),
        ("/amount/amount_minor", json!(-1), "/amount"),
        ("/amount/amount_minor", json!(100_000_001), "/amount"),
        ("/amount/amount_minor", json!(i64::MAX), "/amount"),
        ("/amount/amount_minor", json!(9_223_372_036_854_775_808_u64), "/amount/amount_minor"),
        ("/amount/currency", json!("EUR"), "/amount/currency"),
        ("/kind", json!("disbursement"), "/kind"),
        ("/kind", json!("gift"), "/kind"),
        ("/reference", json!(""), "/reference"),
        ("/reference", json!("a#b"), "/reference"),
        ("/reference", json!("x".repeat(65)), "/reference"),
        ("/region", json!("Pune North"), "/region"),
        ("/borrower/name", json!(""), "/borrower/name"),
        ("/borrower/name", json!("x".repeat(121)), "/borrower/name"),
        ("/borrower/phone", json!("9800000001"), "/borrower/phone"),
        ("/borrower/address", json!("x".repeat(301)), "/borrower/address"),
        ("/due", json!("2026-02-30"), "/due"),
        ("/due", json!("tomorrow"), "/due"),
    ] {
        let reply = plan(&world, desk, "k1", &but(pointer, value.clone())).await;
        assert_eq!((reply.status, reply.flaws()[0].0), (422, at), "{pointer} = {value}: {reply:?}");
    }
    assert_eq!(
        plan(&world, desk, "k1", &but("/amount/amount_minor", json!(100_000_000))).await.json["amount"],
        inr(100_000_000)
    );
    let smallest = json!({ "amount_minor": 1, "currency": "INR" });
    let mut body = but("/amount", smallest);
    body["reference"] = json!("BF-2");
    assert_eq!(plan(&world, desk, "k2", &body).await.status, 201);
}

#[tokio::test(start_paused = true)]
async fn of_many_who_take_one_reference_at_once_one_gets_it() {
    let world = Arc::new(World::new().await);
    let desk = &world.pennco.desk;
    let requests = (0..16).map(|n| command(desk, &DELIVERY_CREATE, &format!("k{n}"), &collection("BF-1", 5))).collect();
    let replies = all_at_once(&world, &DELIVERY_CREATE, requests).await;
    let first: Vec<_> = replies.iter().filter(|reply| reply.status == 201).collect();
    assert_eq!(first.len(), 1);
    for reply in replies.iter().filter(|reply| reply.status != 201) {
        assert_eq!(reply.said(), (409, "already_exists"));
        assert_eq!(reply.json["existing_id"], first[0].json["delivery_id"]);
    }
}
