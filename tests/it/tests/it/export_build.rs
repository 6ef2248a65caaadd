//! `export-build`: builds a requested file, in bounded memory, with its manifest.

use domain::{Timestamp, access::EXPORT_CREATE};
use serde_json::{Value, json};
use testkit::World;

use crate::{
    door::call,
    export_create::ask,
    export_get,
    steps::{collected, collection, command, handed_over, plan, planned, point, record, relay, waiting, work_off},
};

/// Relays every commit and builds every export that waits; the ids of the messages that failed.
pub(crate) async fn build_all(world: &World) -> Vec<String> {
    relay(world).await;
    let writer = world.export_writer();
    let messages = waiting(world, "export");
    work_off("export", &messages, async |message| export_build::handle(&writer, message).await).await
}

/// Asks for a file, builds it, and gives its text and its description.
async fn built(world: &World, kind: &str) -> (String, Value) {
    let admin = &world.pennco.admin;
    let id = ask(world, admin, kind, kind).await.text("/export_id").to_owned();
    assert!(build_all(world).await.is_empty());
    let ready = export_get::get(world, admin, &id).await;
    let file = world.bucket.follow(ready.text("/file/url")).unwrap();
    (String::from_utf8(file).unwrap(), ready.json["file"].clone())
}

#[tokio::test]
async fn deliveries_of_the_day_are_listed_and_added_up() {
    let world = World::new().await;
    collected(&world, &world.pennco, "BF-1", 150_000).await;
    planned(&world, &world.pennco, "BF-2", 7).await;
    let mut tomorrow = collection("BF-3", 9);
    tomorrow["due"] = json!("2026-11-22");
    plan(&world, &world.pennco.desk, "k3", &tomorrow).await;
    planned(&world, &world.vishi, "BF-1", 11).await;
    let (file, described) = built(&world, "deliveries").await;
    assert_eq!(file.lines().count(), 3, "{file}");
    assert_eq!((&described["count"], &described["sums"]), (&json!(2), &json!({ "INR": 150_007 })));
    assert!(file.contains(",confirmed,bfil,pune-north,Sunita Pawar,150000,INR,2026-11-21,"), "{file}");
}

#[tokio::test]
async fn a_cell_that_a_spreadsheet_would_compute_begins_with_an_apostrophe() {
    let world = World::new().await;
    for (n, name) in ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "a,\"b\"\nc"].into_iter().enumerate() {
        let mut body = collection(&format!("BF-{n}"), 5);
        body["borrower"]["name"] = json!(name);
        assert_eq!(plan(&world, &world.pennco.desk, &format!("k{n}"), &body).await.status, 201);
    }
    let (file, described) = built(&world, "deliveries").await;
    for neutral in [",'=1+1,", ",'+1,", ",'-1,", ",'@SUM(A1),", ",'\tx,", ",\"a,\"\"b\"\"\nc\","] {
        assert!(file.contains(neutral), "{neutral:?} in {file}");
    }
    assert_eq!(described["count"], 6);
}

#[tokio::test]
async fn entries_of_all_accounts_add_up_to_zero() {
    let world = World::new().await;
    collected(&world, &world.pennco, "BF-1", 150_000).await;
    handed_over(&world, &world.pennco, "BF-D-1", 70_000).await;
    let (file, described) = built(&world, "entries").await;
    assert_eq!((&described["count"], &described["sums"]), (&json!(4), &json!({ "INR": 0 })), "{file}");
    for account in ["agent_cash.agt_", "partner_control.bfil"] {
        assert_eq!(file.matches(account).count(), 2, "{file}");
    }
}

#[tokio::test]
async fn tracks_show_each_point_once() {
    let world = World::new().await;
    let agent = &world.pennco.agents[0];
    record(&world, agent, &[point(120, 18.52), point(60, 18.521)]).await;
    record(&world, agent, &[point(60, 18.521), point(30, 18.522)]).await;
    let (file, described) = built(&world, "tracks").await;
    assert_eq!((described["count"].as_u64(), file.lines().count()), (Some(3), 4), "{file}");
}

#[tokio::test]
async fn a_batch_that_spans_midnight_is_in_the_file_of_each_of_its_days() {
    let world = World::new().await;
    let midnight = Timestamp::start_of_utc_day(world.now().utc_day());
    let before = world.now().millis_since(midnight) / 1000;
    let points = [point(before + 3_600, 18.52), point(before + 1, 18.53), point(before, 18.53), point(60, 18.54)];
    assert_eq!(record(&world, &world.pennco.agents[0], &points).await.json["accepted"], 4);
    let (file, described) = built(&world, "tracks").await;
    assert_eq!(described["count"], 2, "{file}");
    assert!(file.contains(&midnight.to_string()), "midnight begins the day: {file}");
}

#[tokio::test]
async fn a_day_at_the_edge_of_all_times_has_a_file_without_rows() {
    let world = World::new().await;
    let admin = &world.pennco.admin;
    for kind in ["deliveries", "entries", "tracks"] {
        for day in ["0000-01-01", "1969-12-31", "9999-12-30", "9999-12-31"] {
            let body = json!({ "kind": kind, "day": day });
            let asked = command(admin, &EXPORT_CREATE, &format!("{kind} {day}").replace(' ', "-"), &body);
            let id = call(&world, &EXPORT_CREATE, &asked).await.text("/export_id").to_owned();
            assert!(build_all(&world).await.is_empty(), "{kind} of {day}");
            let ready = export_get::get(&world, admin, &id).await;
            assert_eq!((ready.text("/status"), &ready.json["file"]["count"]), ("ready", &json!(0)), "{kind} of {day}");
        }
    }
}

#[tokio::test]
async fn a_message_that_comes_again_builds_nothing_anew() {
    let world = World::new().await;
    let (_, first) = built(&world, "deliveries").await;
    let calls = world.bucket.calls();
    assert!(build_all(&world).await.is_empty());
    assert_eq!(world.bucket.calls(), calls);
    let listed = world.bucket.keys();
    assert_eq!(listed.len(), 2, "a file and its manifest: {listed:?}");
    assert!(first["manifest_key"].is_null() || listed.iter().any(|key| *key == first["manifest_key"]));
}

#[tokio::test]
async fn a_large_file_goes_out_in_parts_and_is_never_held_whole() {
    let world = World::new().await;
    let files = world.files();
    let mut upload = files.upload("large.csv", "text/csv");
    let row = [b'x'; 1024];
    for _ in 0..17 * 1024 {
        upload.push(&row).await.unwrap();
    }
    let stored = upload.finish().await.unwrap();
    assert_eq!(stored.bytes, 17 * 1024 * 1024);
    assert_eq!(world.bucket.object("large.csv").unwrap().len(), 17 * 1024 * 1024);
    assert_eq!(world.bucket.largest_request(), 5 * 1024 * 1024);
    assert_eq!((world.bucket.calls(), world.bucket.open_uploads()), (6, 0), "begin, three parts, the rest, complete");
}

#[tokio::test]
async fn an_upload_that_cannot_be_completed_is_given_up() {
    let world = World::new().await;
    let files = world.files();
    let mut upload = files.upload("large.csv", "text/csv");
    upload.push(&vec![b'x'; 6 * 1024 * 1024]).await.unwrap();
    world.bucket.fail(3);
    assert!(upload.finish().await.is_err());
    assert_eq!((world.bucket.open_uploads(), world.bucket.keys().len()), (0, 0));
}
