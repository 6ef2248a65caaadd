//! `settlement-list`: what was settled, newest day first.

use domain::access::SETTLEMENT_LIST;
use testkit::{Person, Reply, World};

use crate::{
    door::call,
    steps::{TODAY, build_settlements, close_day},
};

pub(crate) async fn list(world: &World, person: &Person, query: &[(&str, &str)]) -> Reply {
    let request = query.iter().fold(person.asks(&SETTLEMENT_LIST), |request, (name, value)| request.query(name, value));
    call(world, &SETTLEMENT_LIST, &request).await
}

#[tokio::test]
async fn the_newest_day_comes_first_and_partners_see_their_own() {
    let world = World::new().await;
    let pennco = &world.pennco;
    for (key, day) in [("k1", "2026-11-19"), ("k2", "2026-11-20"), ("k3", TODAY)] {
        close_day(&world, &pennco.settlement, key, day).await;
    }
    build_settlements(&world).await;
    let days = |reply: &Reply| -> Vec<String> {
        reply.items().iter().map(|one| one["business_day"].as_str().unwrap().to_owned()).collect()
    };
    let all = list(&world, &pennco.admin, &[]).await;
    assert_eq!(days(&all), [TODAY, TODAY, "2026-11-20", "2026-11-20", "2026-11-19", "2026-11-19"]);
    let own = list(&world, &pennco.partners[1], &[]).await;
    assert_eq!(days(&own), [TODAY, "2026-11-20", "2026-11-19"]);
    assert!(own.items().iter().all(|one| one["partner_id"] == "lnt-finance"));
    assert!(own.items().iter().all(|one| one["file"].get("url").is_none()), "links are given one by one");
    let one_day = list(&world, &pennco.settlement, &[("business_day", "2026-11-20")]).await;
    assert_eq!(days(&one_day), ["2026-11-20", "2026-11-20"]);
    assert_eq!(list(&world, &world.vishi.admin, &[]).await.items().len(), 0);
    let wrong = list(&world, &pennco.admin, &[("business_day", "today")]).await;
    assert_eq!((wrong.said(), wrong.flaws()), ((400, "invalid_filter"), vec![("business_day", "invalid_filter")]));
}

#[tokio::test]
async fn pages_show_each_settlement_once() {
    let world = World::new().await;
    let pennco = &world.pennco;
    for (key, day) in [("k1", "2026-11-19"), ("k2", "2026-11-20"), ("k3", TODAY)] {
        close_day(&world, &pennco.settlement, key, day).await;
    }
    let whole = list(&world, &pennco.admin, &[]).await.items().to_vec();
    for limit in ["1", "2", "4", "5"] {
        let mut seen = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut query = vec![("limit", limit)];
            query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let page = list(&world, &pennco.admin, &query).await;
            seen.extend(page.items().to_vec());
            cursor = page.json["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, whole, "pages of {limit}");
    }
}
