//! `export-get`: how far a file has come, with links to it and its manifest when it is ready.

use domain::access::EXPORT_GET;
use serde_json::Value;
use testkit::{Person, Reply, World};

use crate::{door::call, export_build::build_all, export_create::ask, steps::collected};

/// An export as somebody sees it.
pub(crate) async fn get(world: &World, person: &Person, id: &str) -> Reply {
    call(world, &EXPORT_GET, &person.asks(&EXPORT_GET).path("export_id", id)).await
}

#[tokio::test]
async fn a_file_is_queued_until_it_and_its_manifest_lie_behind_links() {
    let world = World::new().await;
    let desk = &world.pennco.desk;
    collected(&world, &world.pennco, "BF-1", 150_000).await;
    let id = ask(&world, desk, "k1", "deliveries").await.text("/export_id").to_owned();
    let queued = get(&world, desk, &id).await;
    assert_eq!((queued.text("/status"), &queued.json["file"]), ("queued", &Value::Null));
    assert!(build_all(&world).await.is_empty());
    let ready = get(&world, desk, &id).await;
    assert_eq!(ready.text("/status"), "ready");
    let file = world.bucket.follow(ready.text("/file/url")).unwrap();
    let manifest: Value =
        serde_json::from_slice(&world.bucket.follow(ready.text("/file/manifest_url")).unwrap()).unwrap();
    for member in ["sha256", "bytes", "count", "sums"] {
        assert_eq!(manifest[member], ready.json["file"][member], "{member}");
    }
    assert_eq!(domain::id::Sha256Hex::of(&file).as_str(), ready.text("/file/sha256"));
}

#[tokio::test]
async fn a_desk_sees_its_own_files_and_the_office_all() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let by_desk = ask(&world, &pennco.desk, "k1", "deliveries").await.text("/export_id").to_owned();
    let by_admin = ask(&world, &pennco.admin, "k1", "deliveries").await.text("/export_id").to_owned();
    assert_eq!(get(&world, &pennco.settlement, &by_desk).await.status, 200);
    assert_eq!(get(&world, &pennco.desk, &by_admin).await.said(), (404, "unknown"));
    assert_eq!(get(&world, &world.vishi.admin, &by_admin).await.said(), (404, "unknown"));
}
