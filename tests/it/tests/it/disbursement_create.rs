//! `disbursement-create`: a partner instructs a payment; its visit is planned with it.

use serde_json::json;
use testkit::World;

use crate::steps::{collection, instruct, instruction, plan, visit};

#[tokio::test]
async fn an_instruction_is_taken_and_its_visit_planned() {
    let world = World::new().await;
    let (pennco, bfil) = (&world.pennco, &world.pennco.partners[0]);
    let taken = instruct(&world, bfil, "k1", &instruction("BF-D-1", 700_000)).await;
    assert_eq!((taken.status, taken.text("/status"), taken.text("/partner_id")), (201, "approved", "bfil"));
    let planned = visit(&world, &pennco.desk, taken.text("/delivery_id")).await;
    assert_eq!((planned.text("/kind"), planned.text("/status")), ("disbursement", "pending"));
    assert_eq!(planned.json["disbursement_id"], taken.json["disbursement_id"]);
    let again = instruct(&world, bfil, "k1", &instruction("BF-D-1", 700_000)).await;
    assert_eq!((again.is_replay(), &again.body), (true, &taken.body));
}

#[tokio::test]
async fn a_reference_is_taken_once_and_its_holder_is_the_instruction() {
    let world = World::new().await;
    let [bfil, lnt] = &world.pennco.partners;
    let first = instruct(&world, bfil, "k1", &instruction("BF-D-1", 5)).await;
    let taken = instruct(&world, bfil, "k2", &instruction("BF-D-1", 5)).await;
    assert_eq!(taken.said(), (409, "already_exists"));
    assert_eq!(taken.json["existing_id"], first.json["disbursement_id"]);
    assert_eq!(instruct(&world, lnt, "k1", &instruction("BF-D-1", 5)).await.status, 201, "another partner");
    assert_eq!(plan(&world, bfil, "k3", &collection("BF-D-1", 5)).await.status, 201, "another kind");
}

#[tokio::test]
async fn what_the_operator_does_not_have_is_named() {
    let world = World::new().await;
    let bfil = &world.pennco.partners[0];
    let mut elsewhere = instruction("BF-D-1", 5);
    elsewhere["region"] = json!("nashik");
    elsewhere["amount"]["currency"] = json!("BDT");
    let reply = instruct(&world, bfil, "k1", &elsewhere).await;
    assert_eq!(reply.said(), (422, "invalid"));
    assert_eq!(reply.flaws(), [("/region", "unknown_region"), ("/amount/currency", "wrong_currency")]);
    let mut for_another = instruction("BF-D-1", 5);
    for_another["partner_id"] = json!("lnt-finance");
    assert_eq!(instruct(&world, bfil, "k1", &for_another).await.said(), (400, "unknown_field"));
}

#[tokio::test]
async fn an_amount_out_of_its_range_is_named() {
    let world = World::new().await;
    for amount in [0, -1, i64::MIN, 100_000_001, i64::MAX] {
        let reply = instruct(&world, &world.pennco.partners[0], "k1", &instruction("BF-D-1", amount)).await;
        assert_eq!((reply.said(), reply.flaws()[0].0), ((422, "invalid"), "/amount"), "{amount}");
    }
}
