//! `settlement-create`: the settlement desk closes a business day by hand.

use std::{collections::BTreeSet, sync::Arc};

use domain::access::{DAY_CLOSE_LIST, SETTLEMENT_CREATE};
use serde_json::{Value, json};
use testkit::{PARTNERS, World};

use crate::{
    approval_expire::later,
    door::call,
    logins::happened,
    settlement_list::list,
    steps::{TODAY, all_at_once, close_day, command, newcomer},
};

/// The day after the tests' day.
const NEXT: &str = "2026-11-22";

#[tokio::test]
async fn a_day_closes_once_with_a_settlement_a_partner() {
    let world = World::new().await;
    let desk = &world.pennco.settlement;
    let closed = close_day(&world, desk, "k1", TODAY).await;
    assert_eq!((closed.status, closed.text("/business_day")), (202, TODAY));
    assert_eq!(closed.text("/cut_at"), "2026-11-21T06:30:00.000Z", "now, for it is before half past eight");
    let partners: Vec<_> = closed.items().iter().map(|one| one["partner_id"].as_str().unwrap()).collect();
    assert_eq!(partners, testkit::PARTNERS);
    for settlement in closed.items() {
        assert_eq!((&settlement["status"], &settlement["totals"]), (&json!("building"), &Value::Null));
    }
    let again = close_day(&world, desk, "k1", TODAY).await;
    assert_eq!((again.is_replay(), &again.body), (true, &closed.body));
    let anew = close_day(&world, desk, "k2", TODAY).await;
    assert_eq!((anew.said(), anew.text("/last_closed")), ((409, "business_day_closed"), TODAY));
    assert_eq!(close_day(&world, &world.vishi.settlement, "k1", TODAY).await.status, 202, "another operator's day");
}

#[tokio::test]
async fn a_day_that_is_past_closes_at_its_own_half_past_eight() {
    let world = World::new().await;
    let closed = close_day(&world, &world.pennco.settlement, "k1", "2026-11-20").await;
    assert_eq!(closed.text("/cut_at"), "2026-11-20T15:00:00.000Z");
    let next = close_day(&world, &world.pennco.settlement, "k2", TODAY).await;
    assert_eq!(next.text("/opened_at"), "2026-11-20T15:00:00.000Z", "no entry falls between two days");
}

#[tokio::test]
async fn a_day_to_come_is_not_closed() {
    let world = World::new().await;
    let reply = close_day(&world, &world.pennco.settlement, "k1", "2026-11-22").await;
    assert_eq!((reply.said(), reply.text("/today")), ((409, "business_day_open"), TODAY));
    assert!(close_day(&world, &world.pennco.settlement, "k1", "2026-11-22").await.is_replay());
}

#[tokio::test]
async fn the_first_day_of_all_lies_a_month_back_at_most_and_a_refused_one_opens_no_years() {
    let world = World::new().await;
    let desk = &world.pennco.settlement;
    let refused = close_day(&world, desk, "k1", "2006-11-21").await;
    assert_eq!((refused.said(), refused.text("/earliest")), ((409, "business_day_too_early"), "2026-10-20"));
    assert_eq!(close_day(&world, desk, "k2", "2026-10-19").await.code(), "business_day_too_early");
    let again = close_day(&world, desk, "k1", "2006-11-21").await;
    assert_eq!((again.is_replay(), &again.body), (true, &refused.body));
    let first = close_day(&world, desk, "k3", "2026-10-20").await;
    assert_eq!((first.status, first.text("/opened_at")), (202, "1970-01-01T00:00:00.000Z"));
    let next = close_day(&world, desk, "k4", "2026-10-21").await;
    assert_eq!(next.status, 202, "{next:?}");
}

#[tokio::test]
async fn a_day_off_is_refused_by_its_name_and_nothing_changes() {
    let world = World::new().await;
    let calendar = json!({ "days_off": ["sunday"], "holidays": [{ "day": TODAY, "name": "Diwali" }] });
    let desk = newcomer(&world, "latecomer", &calendar).await;
    let refused = close_day(&world, &desk, "k1", TODAY).await;
    assert_eq!(refused.said(), (409, "not_a_business_day"));
    let facts = ["/day", "/name", "/next_business_day"].map(|pointer| refused.text(pointer));
    assert_eq!(facts, [TODAY, "Diwali", "2026-11-23"], "a Sunday lies in between");
    assert!(refused.text("/detail").contains("Diwali"));
    let again = close_day(&world, &desk, "k1", TODAY).await;
    assert_eq!((again.is_replay(), &again.body), (true, &refused.body));
    assert_eq!(close_day(&world, &desk, "k2", "2026-11-22").await.text("/name"), "Sunday", "and one that has not come");
    let friday = close_day(&world, &desk, "k3", "2026-11-20").await;
    assert_eq!(friday.text("/opened_at"), "1970-01-01T00:00:00.000Z", "no refusal moved the calendar");
}

#[tokio::test(start_paused = true)]
async fn of_sixteen_that_close_a_day_at_once_one_does() {
    let world = Arc::new(World::new().await);
    let desk = &world.pennco.settlement;
    let body = json!({ "business_day": TODAY });
    let requests = (0..16).map(|n| command(desk, &SETTLEMENT_CREATE, &format!("k{n}"), &body)).collect();
    let replies = all_at_once(&world, &SETTLEMENT_CREATE, requests).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 202).count(), 1);
    let codes: BTreeSet<_> = replies.iter().filter(|reply| reply.status != 202).map(testkit::Reply::said).collect();
    assert_eq!(codes, BTreeSet::from([(409, "business_day_closed")]));
    // Each partner has one settlement, which the one that won has answered with.
    let closed = replies.iter().find(|reply| reply.status == 202).unwrap();
    let ids = |items: &[Value]| items.iter().map(|one| one["settlement_id"].to_string()).collect::<BTreeSet<_>>();
    let listed = list(&world, desk, &[]).await;
    assert_eq!((listed.items().len(), closed.items().len()), (PARTNERS.len(), PARTNERS.len()));
    assert_eq!(ids(listed.items()), ids(closed.items()));
    // The calendar has moved on by one day, and the day was reported once.
    let days = call(&world, &DAY_CLOSE_LIST, &desk.asks(&DAY_CLOSE_LIST)).await;
    assert_eq!((days.items().len(), days.text("/items/0/business_day")), (1, TODAY), "{days:?}");
    assert_eq!(happened(&world, "day.closed"), [TODAY]);
    let requested = happened(&world, "settlement.requested");
    assert_eq!(requested.len(), PARTNERS.len());
    assert!(requested.iter().all(|id| ids(closed.items()).contains(&format!("\"{id}\""))), "{requested:?}");
    let tomorrow = world.now().plus_seconds(86_400);
    let next = command(&later(&world, desk, tomorrow), &SETTLEMENT_CREATE, "next", &json!({ "business_day": NEXT }));
    let next = call(&world, &SETTLEMENT_CREATE, &next.at(tomorrow.as_millis())).await;
    assert_eq!((next.status, next.text("/opened_at")), (202, closed.text("/cut_at")), "{next:?}");
}
