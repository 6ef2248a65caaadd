//! `delivery-list`: a region's visits of a status, or an agent's day.

use std::collections::BTreeSet;

use domain::access::{AGENT_LIST, DELIVERY_LIST};
use serde_json::json;
use testkit::{Office, Person, Reply, World};

use crate::{
    door::call,
    steps::{TODAY, assign, assigned, collection, plan, planned},
};

async fn list(world: &World, person: &Person, query: &[(&str, &str)]) -> Reply {
    let request = query.iter().fold(person.asks(&DELIVERY_LIST), |request, (name, value)| request.query(name, value));
    call(world, &DELIVERY_LIST, &request).await
}

fn ids(reply: &Reply) -> Vec<String> {
    reply.items().iter().map(|item| item["delivery_id"].as_str().unwrap().to_owned()).collect()
}

/// Visits of three days in the first region, one of them given out each day, and one in the second region.
async fn three_days(world: &World, office: &Office) -> Vec<String> {
    let mut all = Vec::new();
    for (day, due) in ["2026-11-23", TODAY, "2026-11-22"].into_iter().enumerate() {
        for n in 0..4 {
            let mut body = collection(&format!("BF-{day}-{n}"), 5);
            body["due"] = json!(due);
            let reply = plan(world, &office.desk, &format!("p{day}-{n}"), &body).await;
            let id = reply.text("/delivery_id").to_owned();
            if n == 0 {
                assign(world, &office.desk, &id, &office.agents[0], &format!("a{day}")).await;
            } else {
                all.push(id);
            }
        }
    }
    let mut south = collection("BF-S", 5);
    south["region"] = json!("pune-south");
    assert_eq!(plan(world, &office.admin, "south", &south).await.status, 201);
    all
}

#[tokio::test]
async fn the_desk_sees_its_regions_visits_of_a_status_by_day() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let pending = three_days(&world, pennco).await;
    let all = list(&world, &pennco.desk, &[("region", "pune-north"), ("status", "pending")]).await;
    let days: Vec<_> = all.items().iter().map(|item| item["due"].as_str().unwrap()).collect();
    assert!(days.is_sorted(), "{days:?}");
    assert_eq!(ids(&all).into_iter().collect::<BTreeSet<_>>(), pending.into_iter().collect());
    let query = [("region", "pune-north"), ("status", "pending"), ("due", TODAY)];
    let today = list(&world, &pennco.desk, &query).await;
    assert!(today.items().len() == 3 && today.items().iter().all(|item| item["due"] == TODAY));
    let given = list(&world, &pennco.desk, &[("region", "pune-north"), ("status", "assigned")]).await;
    assert_eq!(given.items().len(), 3);
    assert_eq!(given.items()[0]["agent_id"], pennco.agents[0].subject());
    assert_eq!(given.items()[0]["borrower_name"], "Sunita Pawar");
    assert!(given.items()[0].get("borrower").is_none(), "no phone and no address in lists");
}

#[tokio::test]
async fn an_agent_sees_their_own_day_and_nobody_elses() {
    let world = World::new().await;
    let pennco = &world.pennco;
    three_days(&world, pennco).await;
    let [north, south] = &pennco.agents;
    assert_eq!(list(&world, north, &[("due", TODAY)]).await.items().len(), 1);
    assert_eq!(list(&world, north, &[("due", TODAY), ("agent_id", north.subject())]).await.items().len(), 1);
    assert_eq!(list(&world, north, &[("due", TODAY), ("agent_id", south.subject())]).await.said(), (404, "unknown"));
    assert_eq!(list(&world, south, &[("due", TODAY)]).await.items().len(), 0);
    let by_desk = list(&world, &pennco.desk, &[("due", TODAY), ("agent_id", north.subject())]).await;
    assert_eq!(by_desk.items().len(), 1);
    let query = [("region", "pune-north"), ("status", "assigned")];
    assert_eq!(list(&world, north, &query).await.said(), (400, "unindexed_filter"));
}

#[tokio::test]
async fn a_desk_sees_its_own_regions_only() {
    let world = World::new().await;
    three_days(&world, &world.pennco).await;
    let south = [("region", "pune-south"), ("status", "pending")];
    assert_eq!(list(&world, &world.pennco.desk, &south).await.said(), (404, "unknown"));
    assert_eq!(list(&world, &world.pennco.admin, &south).await.items().len(), 1);
    let other = list(&world, &world.vishi.admin, &[("region", "pune-north"), ("status", "pending")]).await;
    assert_eq!(other.items().len(), 0, "the same region of another operator");
}

#[tokio::test]
async fn filters_that_no_index_answers_together_are_refused_with_those_that_are() {
    let world = World::new().await;
    let desk = &world.pennco.desk;
    let agent = world.pennco.agents[0].subject();
    let (region, status, due, agent_id) =
        (("region", "pune-north"), ("status", "pending"), ("due", TODAY), ("agent_id", agent));
    let refused: [&[(&str, &str)]; 8] = [
        &[],
        &[region],
        &[status],
        &[due],
        &[agent_id],
        &[region, due],
        &[agent_id, status],
        &[region, status, agent_id],
    ];
    for query in refused {
        let reply = list(&world, desk, query).await;
        assert_eq!(reply.said(), (400, "unindexed_filter"), "{query:?}");
        assert!(reply.text("/errors/0/hint").contains("region and status"), "{reply:?}");
    }
    for (name, value) in [("region", "Pune North"), ("status", "lost"), ("due", "soon"), ("agent_id", "me")] {
        let reply = list(&world, desk, &[(name, value)]).await;
        assert_eq!((reply.said(), reply.flaws()[0].0), ((400, "invalid_filter"), name));
    }
}

#[tokio::test]
async fn pages_of_any_size_visit_each_item_once_and_in_order() {
    let world = World::new().await;
    let pennco = &world.pennco;
    three_days(&world, pennco).await;
    let query = [("region", "pune-north"), ("status", "pending")];
    let whole = ids(&list(&world, &pennco.desk, &query).await);
    assert_eq!(whole.len(), 9);
    for limit in 1..=10 {
        let limit = limit.to_string();
        let mut seen = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut asked = query.to_vec();
            asked.push(("limit", &limit));
            asked.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let page = list(&world, &pennco.desk, &asked).await;
            assert!(page.items().len() <= limit.parse().unwrap());
            seen.extend(ids(&page));
            cursor = page.json["next_cursor"].as_str().map(str::to_owned);
            let Some(next) = &cursor else { break };
            let link = page.header("link").unwrap();
            let wanted = format!("region=pune-north&status=pending&limit={limit}&cursor={next}>; rel=\"next\"");
            let (path, rest) = link.split_once('?').unwrap();
            assert_eq!(path, "</api/v1/deliveries");
            let sorted = |text: &str| -> BTreeSet<String> { text.split(['&', '>']).map(str::to_owned).collect() };
            assert_eq!(sorted(rest), sorted(&wanted));
        }
        assert_eq!(seen, whole, "pages of {limit}");
    }
}

#[tokio::test]
async fn a_cursor_is_good_for_the_list_it_was_made_for_and_no_other() {
    let world = World::new().await;
    let (pennco, vishi) = (&world.pennco, &world.vishi);
    for office in [pennco, vishi] {
        planned(&world, office, "BF-1", 5).await;
        planned(&world, office, "BF-2", 5).await;
        assigned(&world, office, "BF-3", 5).await;
        assigned(&world, office, "BF-4", 5).await;
    }
    let pending = [("region", "pune-north"), ("status", "pending"), ("limit", "1")];
    let given = [("region", "pune-north"), ("status", "assigned"), ("limit", "1")];
    let page = list(&world, &pennco.desk, &pending).await;
    let cursor = page.text("/next_cursor").to_owned();
    let with = |query: &[(&'static str, &'static str)], cursor: &str| {
        let cursor: &'static str = cursor.to_owned().leak();
        [query, &[("cursor", cursor)]].concat()
    };
    assert_eq!(list(&world, &pennco.desk, &with(&pending, &cursor)).await.items().len(), 1);
    assert_eq!(list(&world, &pennco.admin, &with(&pending, &cursor)).await.status, 200, "a colleague goes on with it");
    for (person, query, cursor) in [
        (&pennco.desk, &given[..], cursor.clone()),
        (&vishi.desk, &pending[..], cursor.clone()),
        (&pennco.desk, &[pending[0], pending[1], ("due", TODAY)][..], cursor.clone()),
        (&pennco.desk, &pending[..], format!("{cursor}A")),
        (&pennco.desk, &pending[..], cursor.replacen(&cursor[..1], if cursor.starts_with('A') { "B" } else { "A" }, 1)),
        (&pennco.desk, &pending[..], cursor[..cursor.len() - 4].to_owned()),
    ] {
        assert_eq!(list(&world, person, &with(query, &cursor)).await.said(), (400, "invalid_cursor"));
    }
    let elsewhere = pennco.desk.asks(&AGENT_LIST).query("region", "pune-north").query("cursor", &cursor);
    assert_eq!(call(&world, &AGENT_LIST, &elsewhere).await.said(), (400, "invalid_cursor"));
}
