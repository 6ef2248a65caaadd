//! `ledger-prove`: proof that something is in the sealed history.

use domain::{
    access::{AUDIT_LIST, LEDGER_PROVE},
    seal::{Forged, Proven},
};
use serde_json::{Value, json};
use testkit::{LEDGER, Person, RECORDS, Reply, World};

use crate::{
    door::call,
    invariant_check::{corrupt, entries, put_text},
    ledger_seal::{OVER, seal, seal_keys},
    steps::{collected, planned},
};

async fn prove(world: &World, person: &Person, query: &[(&str, &str)]) -> Reply {
    let request = query.iter().fold(person.asks(&LEDGER_PROVE), |request, (name, value)| request.query(name, value));
    call(world, &LEDGER_PROVE, &request).await
}

fn proven(reply: &Reply) -> Proven {
    assert_eq!(reply.status, 200, "{reply:?}");
    serde_json::from_str(&reply.body).unwrap()
}

/// The transfer of a collection, in the account of its lender.
async fn a_collection(world: &World) -> (String, Value) {
    collected(world, &world.pennco, "BF-1", 150_000).await;
    let control = "pennco#partner_control.bfil";
    let entry = entries(world).into_iter().find(|entry| entry["pk"]["S"].as_str().unwrap().starts_with(control));
    let entry = entry.unwrap();
    (entry["transfer_id"]["S"].as_str().unwrap().to_owned(), entry)
}

/// What the leaves of a proof are of.
fn keys(proven: &Proven) -> Vec<String> {
    let key = |leaf: &str| serde_json::from_str::<Value>(leaf).unwrap()["key"].as_str().unwrap().to_owned();
    proven.items.iter().map(|item| key(&item.leaf)).collect()
}

#[tokio::test]
async fn a_transfer_is_proven_once_its_hour_is_sealed_to_whoever_holds_the_public_key() {
    let world = World::new().await;
    let (transfer, _) = a_collection(&world).await;
    let query = [("transfer_id", transfer.as_str())];
    let admin = &world.pennco.admin;
    let waiting = proven(&prove(&world, admin, &query).await);
    assert_eq!((waiting.items.len(), waiting.sealed_from.to_string().as_str()), (0, "2026-11-21T07:15:00.000Z"));
    assert_eq!(waiting.holds(&seal_keys(&world)), Err(Forged::Nothing));
    seal(&world, OVER).await.unwrap();
    let reply = prove(&world, admin, &query).await;
    let whole = proven(&reply);
    whole.holds(&seal_keys(&world)).unwrap();
    // The commit, the transfer, its two entries.
    let named = keys(&whole);
    assert_eq!((named.len(), whole.head.as_ref().map(|head| head.seal.sequence)), (4, Some(24)), "{named:?}");
    assert!(named[0].starts_with("commit#agt_") && named[1].starts_with("transfer#trf_"), "{named:?}");
    // As far as the commit, from the commit's side.
    let of_commit = proven(&prove(&world, admin, &[("commit_id", whole.commit_id.as_str())]).await);
    assert_eq!(of_commit, whole);
    println!("a proof of {} records: {} bytes", whole.items.len(), reply.body.len());
}

#[tokio::test]
async fn a_lender_gets_the_proof_of_its_own_entry_and_of_nothing_else() {
    let world = World::new().await;
    let (transfer, entry) = a_collection(&world).await;
    seal(&world, OVER).await.unwrap();
    let query = [("transfer_id", transfer.as_str())];
    let [bfil, lnt] = &world.pennco.partners;
    let own = proven(&prove(&world, bfil, &query).await);
    own.holds(&seal_keys(&world)).unwrap();
    let leaf: Value = serde_json::from_str(&own.items[0].leaf).unwrap();
    assert_eq!((own.items.len(), &leaf["record"]["amount"]["amount_minor"]), (1, &json!(-150_000)), "{leaf}");
    assert_eq!(leaf["key"], format!("partner_control.bfil{}", shard_and_key(&entry)));
    assert_eq!(prove(&world, lnt, &query).await.said(), (404, "unknown"));
    assert_eq!(prove(&world, &world.vishi.admin, &query).await.said(), (404, "unknown"));
    assert_eq!(prove(&world, &world.pennco.desk, &query).await.said(), (403, "forbidden"));
    let commit = [("commit_id", own.commit_id.as_str())];
    assert_eq!(proven(&prove(&world, bfil, &commit).await), own, "of the command only what is the lender's");
}

/// What follows the account in an entry's key.
fn shard_and_key(entry: &Value) -> String {
    let pk = entry["pk"]["S"].as_str().unwrap().trim_start_matches("pennco#partner_control.bfil");
    format!("{pk}#{}", entry["sk"]["S"].as_str().unwrap())
}

#[tokio::test]
async fn a_lender_proves_what_it_asked_for_itself() {
    let world = World::new().await;
    planned(&world, &world.pennco, "BF-1", 5).await;
    let [bfil, lnt] = &world.pennco.partners;
    let own = crate::steps::instruct(&world, bfil, "own", &crate::steps::instruction("BF-D-9", 700)).await;
    assert_eq!(own.status, 201, "{own:?}");
    let audit = call(&world, &AUDIT_LIST, &world.pennco.admin.asks(&AUDIT_LIST)).await;
    let made = audit.items().iter().find(|one| one["action"] == "disbursement-create").unwrap();
    let planned = audit.items().iter().find(|one| one["action"] == "delivery-create").unwrap();
    seal(&world, OVER).await.unwrap();
    let commit = [("commit_id", made["commit_id"].as_str().unwrap())];
    proven(&prove(&world, bfil, &commit).await).holds(&seal_keys(&world)).unwrap();
    assert_eq!(prove(&world, lnt, &commit).await.said(), (404, "unknown"));
    let other = [("commit_id", planned["commit_id"].as_str().unwrap())];
    assert_eq!(prove(&world, bfil, &other).await.said(), (404, "unknown"), "the desk's command");
}

#[tokio::test]
async fn what_was_changed_since_it_was_sealed_has_no_proof() {
    let world = World::new().await;
    let (transfer, entry) = a_collection(&world).await;
    seal(&world, OVER).await.unwrap();
    corrupt(&world, LEDGER, &entry, "amount.amount_minor", 1).await;
    let query = [("transfer_id", transfer.as_str())];
    let reply = prove(&world, &world.pennco.partners[0], &query).await;
    assert_eq!((reply.text("/status"), reply.items().len()), ("differs", 0), "{reply:?}");
    let whole = proven(&prove(&world, &world.pennco.admin, &query).await);
    assert_eq!(whole.items.len(), 3, "what was not changed is still there");
    assert_eq!(whole.holds(&seal_keys(&world)), Err(Forged::Nothing));
}

#[tokio::test]
async fn a_seal_that_was_changed_proves_nothing() {
    let world = World::new().await;
    let (transfer, _) = a_collection(&world).await;
    seal(&world, OVER).await.unwrap();
    let is_newest = |item: &Value| item["pk"]["S"] == "pennco#seals" && item["sk"]["S"] == "0000000024";
    let newest = world.table.items(RECORDS).into_iter().find(is_newest).unwrap();
    put_text(&world, RECORDS, &newest, "signature", "AAAA").await;
    let whole = proven(&prove(&world, &world.pennco.admin, &[("transfer_id", &transfer)]).await);
    assert!(matches!(whole.holds(&seal_keys(&world)), Err(Forged::Signature { sequence: 24 })));
}

#[tokio::test]
async fn a_question_names_one_thing_that_is_there() {
    let world = World::new().await;
    let admin = &world.pennco.admin;
    let (transfer, commit) = ("trf_01kagwtb0084nrm0ppw3zy9t20", "cmt_01kagwtb0084nrm0ppw3zy9t20");
    for query in [&[][..], &[("transfer_id", transfer), ("commit_id", commit)]] {
        let reply = prove(&world, admin, query).await;
        assert_eq!((reply.said(), reply.flaws()), ((400, "invalid_filter"), vec![("transfer_id", "invalid_filter")]));
    }
    for query in [("transfer_id", "trf_1"), ("commit_id", transfer)] {
        assert_eq!(prove(&world, admin, &[query]).await.said(), (400, "invalid_filter"));
    }
    for query in [("transfer_id", transfer), ("commit_id", commit)] {
        assert_eq!(prove(&world, admin, &[query]).await.said(), (404, "unknown"));
    }
}
