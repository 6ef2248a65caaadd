//! `export-create`: somebody asks for a day's deliveries, entries or tracks as a file.

use domain::access::EXPORT_CREATE;
use serde_json::{Value, json};
use testkit::{Person, Reply, World};

use crate::{
    door::call,
    steps::{TODAY, command},
};

/// Asks for a file of today.
pub(crate) async fn ask(world: &World, person: &Person, key: &str, kind: &str) -> Reply {
    let body = json!({ "kind": kind, "day": TODAY });
    call(world, &EXPORT_CREATE, &command(person, &EXPORT_CREATE, key, &body)).await
}

#[tokio::test]
async fn a_wish_is_taken_once() {
    let world = World::new().await;
    let desk = &world.pennco.desk;
    let taken = ask(&world, desk, "k1", "deliveries").await;
    assert_eq!((taken.status, taken.text("/status"), &taken.json["file"]), (202, "queued", &Value::Null));
    assert_eq!(taken.json["regions"], json!(["pune-north"]), "the desk's own");
    let again = ask(&world, desk, "k1", "deliveries").await;
    assert_eq!((again.is_replay(), &again.body), (true, &taken.body));
    let other = ask(&world, desk, "k1", "tracks").await;
    assert_eq!((other.said(), other.flaws()), ((422, "idempotency_key_reused"), vec![("/kind", "differs")]));
}

#[tokio::test]
async fn ledger_entries_are_not_for_the_desk() {
    let world = World::new().await;
    assert_eq!(ask(&world, &world.pennco.desk, "k1", "entries").await.said(), (403, "forbidden"));
    let taken = ask(&world, &world.pennco.settlement, "k1", "entries").await;
    assert_eq!((taken.status, &taken.json["regions"]), (202, &json!(testkit::REGIONS)));
    assert_eq!(ask(&world, &world.pennco.admin, "k1", "everything").await.flaws(), [("/kind", "invalid_value")]);
}
