//! `approval-list`: what waits for a decision, the next to expire first.

use domain::access::APPROVAL_LIST;
use testkit::{Person, Reply, World};

use crate::{
    approval_decide::decide,
    door::call,
    steps::{command, instruction, waiting_for_approval},
};

async fn list(world: &World, person: &Person, query: &[(&str, &str)]) -> Reply {
    let request = query.iter().fold(person.asks(&APPROVAL_LIST), |request, (name, value)| request.query(name, value));
    call(world, &APPROVAL_LIST, &request).await
}

fn ids(reply: &Reply) -> Vec<String> {
    reply.items().iter().map(|one| one["approval_id"].as_str().unwrap().to_owned()).collect()
}

/// An approval that was asked for so many seconds later.
async fn asked_later(world: &World, seconds: i64) -> String {
    let route = &domain::access::DISBURSEMENT_CREATE;
    let body = instruction(&format!("L-{seconds}"), 10_000_000);
    let request = command(&world.pennco.partners[1], route, &format!("later-{seconds}"), &body);
    let reply = call(world, route, &request.at(testkit::NOW_MILLIS + seconds * 1000)).await;
    reply.text("/approval_id").to_owned()
}

#[tokio::test]
async fn what_expires_next_comes_first_and_lenders_see_their_own() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let own = waiting_for_approval(&world, &pennco.partners[0], "BF-D-1", 10_000_000).await;
    let third = asked_later(&world, 120).await;
    let second = asked_later(&world, 60).await;
    let all = [own.clone(), second.clone(), third.clone()];
    assert_eq!(ids(&list(&world, &pennco.admin, &[]).await), all);
    assert_eq!(ids(&list(&world, &pennco.settlement, &[("status", "pending")]).await), all);
    assert_eq!(ids(&list(&world, &pennco.partners[0], &[]).await), std::slice::from_ref(&own));
    assert_eq!(ids(&list(&world, &pennco.partners[1], &[]).await), [second, third]);
    assert_eq!(list(&world, &world.vishi.admin, &[]).await.items().len(), 0);

    assert_eq!(decide(&world, &pennco.settlement, &own, "k1", "approve").await.status, 200);
    assert_eq!(list(&world, &pennco.partners[0], &[]).await.items().len(), 0);
    let settled = list(&world, &pennco.partners[0], &[("status", "approved")]).await;
    assert_eq!((ids(&settled), settled.items()[0]["status"].as_str()), (vec![own], Some("approved")));
    let wrong = list(&world, &pennco.admin, &[("status", "maybe")]).await;
    assert_eq!((wrong.said(), wrong.flaws()), ((400, "invalid_filter"), vec![("status", "invalid_filter")]));
}

#[tokio::test]
async fn pages_show_each_approval_once() {
    let world = World::new().await;
    let pennco = &world.pennco;
    for n in 0..5 {
        waiting_for_approval(&world, &pennco.partners[0], &format!("BF-D-{n}"), 10_000_000).await;
    }
    let whole = ids(&list(&world, &pennco.admin, &[]).await);
    assert_eq!(whole.len(), 5);
    let mut seen = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let mut query = vec![("limit", "2")];
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let page = list(&world, &pennco.admin, &query).await;
        seen.extend(ids(&page));
        cursor = page.json["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, whole);
}
