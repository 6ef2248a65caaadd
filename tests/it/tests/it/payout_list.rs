//! `payout-list`: what is paid to partners.

use domain::access::PAYOUT_LIST;
use testkit::{Person, Reply, World};

use crate::{
    door::call,
    payout_get::instructed,
    payout_update::{failed, learn},
};

pub(crate) async fn list(world: &World, person: &Person, query: &[(&str, &str)]) -> Reply {
    let request = query.iter().fold(person.asks(&PAYOUT_LIST), |request, (name, value)| request.query(name, value));
    call(world, &PAYOUT_LIST, &request).await
}

#[tokio::test]
async fn what_is_open_is_listed_apart_from_what_is_not_and_partners_see_their_own() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let id = instructed(&world, pennco, 150_000).await;
    let ids = |reply: &Reply| -> Vec<String> {
        reply.items().iter().map(|one| one["payout_id"].as_str().unwrap().to_owned()).collect()
    };
    let (open, closed) = (&[("state", "open")][..], &[("state", "closed")][..]);
    assert_eq!(ids(&list(&world, &pennco.settlement, &[]).await), [id.as_str()]);
    assert_eq!(ids(&list(&world, &pennco.admin, open).await), [id.as_str()]);
    assert_eq!(ids(&list(&world, &pennco.settlement, closed).await).len(), 0);
    assert_eq!(learn(&world, &id, 1, &failed()).await.status, 200);
    assert_eq!(ids(&list(&world, &pennco.settlement, open).await).len(), 0);
    assert_eq!(ids(&list(&world, &pennco.settlement, closed).await), [id.as_str()]);
    assert_eq!(ids(&list(&world, &pennco.settlement, &[("partner_id", "bfil")]).await), [id.as_str()]);
    assert_eq!(ids(&list(&world, &pennco.partners[0], &[]).await), [id.as_str()]);
    assert_eq!(ids(&list(&world, &pennco.partners[1], &[]).await).len(), 0);
    assert_eq!(ids(&list(&world, &world.vishi.settlement, closed).await).len(), 0);
}

#[tokio::test]
async fn filters_that_no_index_answers_are_refused() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let both = [("state", "open"), ("partner_id", "bfil")];
    assert_eq!(list(&world, &pennco.settlement, &both).await.said(), (400, "unindexed_filter"));
    assert_eq!(list(&world, &pennco.partners[0], &[("state", "open")]).await.said(), (400, "unindexed_filter"));
    assert_eq!(list(&world, &pennco.partners[0], &[("partner_id", "lnt-finance")]).await.said(), (404, "unknown"));
    assert_eq!(list(&world, &pennco.settlement, &[("state", "lost")]).await.said(), (400, "invalid_filter"));
}
