//! `statement-get`: how far a bank statement has come, its totals, and links to file and report.

use domain::access::STATEMENT_GET;
use testkit::{Person, Reply, World};

use crate::{
    door::call,
    steps::{bank_row, hand_in, match_statements, statement},
};

pub(crate) async fn get(world: &World, person: &Person, id: &str) -> Reply {
    call(world, &STATEMENT_GET, &person.asks(&STATEMENT_GET).path("statement_id", id)).await
}

#[tokio::test]
async fn a_statement_links_to_the_banks_file_at_once_and_to_its_report_when_it_is_matched() {
    let world = World::new().await;
    let desk = &world.pennco.settlement;
    let body = statement(&[bank_row("UTR0000000001", "-1500.00", "BF-D-1")]);
    let id = hand_in(&world, desk, "k1", &body).await.text("/statement_id").to_owned();
    let waiting = get(&world, desk, &id).await;
    assert_eq!((waiting.status, waiting.text("/status"), waiting.json["result"].is_null()), (200, "received", true));
    assert_eq!(world.bucket.follow(waiting.text("/file/url")).unwrap(), body["content"].as_str().unwrap().as_bytes());
    assert!(match_statements(&world).await.is_empty());
    let matched = get(&world, &world.pennco.admin, &id).await;
    assert_eq!(matched.text("/status"), "matched");
    assert!(matched.json.get("plan").is_none(), "what the job wrote for itself is not shown: {matched:?}");
    assert!(world.bucket.follow(matched.text("/result/report/url")).is_some());
    assert_eq!(get(&world, &world.vishi.settlement, &id).await.said(), (404, "unknown"));
}
