//! `day-close-list`: the closed days and the digests of their reports, newest first.

use domain::access::DAY_CLOSE_LIST;
use testkit::{Person, Reply, World};

use crate::{
    day_close_build::{close, seen},
    door::call,
    steps::{TODAY, build_settlements, report_days},
};

async fn page(world: &World, person: &Person, cursor: Option<&str>) -> Reply {
    let request = person.asks(&DAY_CLOSE_LIST).query("limit", "1");
    let request = match cursor {
        Some(cursor) => request.query("cursor", cursor),
        None => request,
    };
    let reply = call(world, &DAY_CLOSE_LIST, &request).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply
}

#[tokio::test]
async fn closed_days_are_listed_newest_first_with_the_digest_of_their_reports() {
    let world = World::new().await;
    let pennco = &world.pennco;
    close(&world, pennco, "2026-11-20", 0).await;
    assert!(build_settlements(&world).await.is_empty());
    assert!(report_days(&world).await.is_empty());
    close(&world, pennco, TODAY, 60_000).await;
    for person in [&pennco.agents[0], &pennco.desk, &pennco.settlement, &pennco.partners[0], &pennco.admin] {
        let newest = page(&world, person, None).await;
        assert_eq!((newest.text("/items/0/business_day"), newest.text("/items/0/status")), (TODAY, "building"));
        let older = page(&world, person, newest.json["next_cursor"].as_str()).await;
        assert_eq!((older.text("/items/0/business_day"), older.text("/items/0/status")), ("2026-11-20", "reported"));
        let reported = seen(&world, person, "2026-11-20").await;
        assert_eq!(older.text("/items/0/sha256"), reported.text("/sha256"));
        assert_eq!(older.json["items"][0]["holds"], true);
    }
    assert!(page(&world, &world.vishi.admin, None).await.items().is_empty());
}
