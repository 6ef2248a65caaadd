//! `payout-watch`: tells somebody at each step of a payout's delay.

use domain::{
    Caller, Currency, Role, Timestamp,
    access::{EXPOSURE_GET, PAYOUT_LIST, PAYOUT_UPDATE, SETTLEMENT_CREATE},
    operator::Operator,
};
use edge::schedule::Tick;
use serde_json::{Value, json};
use testkit::{NOW_MILLIS, Person, Reply, World};

use crate::{
    door::call,
    payout_get::{get, instructed},
    payout_update::{learn, news, paid, sent, unknown},
    steps::{TODAY, build_settlements, command, inr, move_money, relay},
};

/// A tick of the job.
pub(crate) async fn tick(world: &World, at: &str) {
    let tick = Tick { at: at.parse().unwrap(), message_id: format!("tick {at}") };
    payout_watch::handle(&world.payouts(), tick).await.unwrap();
}

async fn escalations(world: &World, id: &str) -> Vec<(u64, u64, Value)> {
    let payout = get(world, &world.pennco.settlement, id).await;
    let escalations = payout.json["escalations"].as_array().unwrap().iter();
    let number = |one: &Value, name: &str| one[name].as_u64().unwrap();
    escalations.map(|one| (number(one, "step"), number(one, "days_late"), one["compensation"].clone())).collect()
}

/// The exposure report at a moment.
pub(crate) async fn exposure(world: &World, at: &str) -> Reply {
    exposure_of(world, &world.pennco.settlement, at).await
}

async fn exposure_of(world: &World, desk: &Person, at: &str) -> Reply {
    let at: Timestamp = at.parse().unwrap();
    let mut desk = desk.clone();
    desk.token = world.signer.access(&desk.caller, &format!("exposure at {at}"), at).unwrap();
    call(world, &EXPOSURE_GET, &desk.asks(&EXPOSURE_GET).at(at.as_millis())).await
}

/// The desk of an operator whose money is that of Nepal, and which is worked for before the others; a payout of it.
async fn abroad(world: &World) -> (Person, String) {
    let known = world.directory().operator(&world.pennco.operator).await.unwrap();
    let (operator, zone) = ("himal".parse().unwrap(), "Asia/Kathmandu".to_owned());
    let known = Operator { operator, zone, currency: Currency::Npr, ..known };
    world.directory().create_operator(&known).await.unwrap();
    let desk = world.person(Caller::new(known.operator, Role::Settlement, "settlement of himal".to_owned(), vec![]));
    let npr = |account_id: &str, amount_minor: i64| json!({ "account_id": account_id, "amount": { "amount_minor": amount_minor, "currency": "NPR" } });
    let owed = [npr("partner_control.bfil", -150_000), npr("suspense.himal", 150_000)];
    let owed = json!({ "kind": "adjustment", "entries": owed, "reason": "owed from before" });
    assert_eq!(move_money(world, &desk, "owed", &owed).await.status, 201);
    let close = command(&desk, &SETTLEMENT_CREATE, "close", &json!({ "business_day": TODAY }));
    assert_eq!(call(world, &SETTLEMENT_CREATE, &close.at(NOW_MILLIS + 60_000)).await.status, 202);
    assert!(build_settlements(world).await.is_empty());
    let open = call(world, &PAYOUT_LIST, &desk.asks(&PAYOUT_LIST)).await;
    (desk, open.items()[0]["payout_id"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn an_unknown_payout_escalates_once_a_step_from_midnight_of_the_operators_zone_on() {
    let world = World::new().await;
    let id = instructed(&world, &world.pennco, 150_000).await;
    assert_eq!(learn(&world, &id, 1, &unknown()).await.status, 200);
    // T is the 21st in Kolkata, T+1 ends with the 22nd: at 18:30 UTC.
    tick(&world, "2026-11-22T18:29:59Z").await;
    assert_eq!(escalations(&world, &id).await, []);
    for at in ["2026-11-22T18:30:00Z", "2026-11-22T18:45:00Z", "2026-11-23T19:00:00Z"] {
        tick(&world, at).await;
        assert_eq!(escalations(&world, &id).await, [(1, 1, inr(10_000))], "{at}");
    }
    tick(&world, "2026-12-01T06:00:00Z").await;
    assert_eq!(escalations(&world, &id).await[1..], [(7, 9, inr(90_000))], "steps that were missed are one");
    relay(&world).await;
    let news = world.queues.sent_to("activity").into_iter().filter(|sent| sent.body.contains("payout.overdue"));
    assert_eq!(news.count(), 2);
    let payout = get(&world, &world.pennco.settlement, &id).await;
    let version = payout.json["version"].as_u64().unwrap();
    assert_eq!(learn(&world, &id, version, &paid("AXISN52026112100")).await.status, 200);
    tick(&world, "2027-12-01T06:00:00Z").await;
    assert_eq!(escalations(&world, &id).await.len(), 2, "nobody waits for it any more");
}

#[tokio::test]
async fn a_payout_that_is_sent_anew_escalates_by_its_new_deadline() {
    let world = World::new().await;
    let id = instructed(&world, &world.pennco, 150_000).await;
    tick(&world, "2026-11-24T06:00:00Z").await;
    assert_eq!(escalations(&world, &id).await, [(1, 2, inr(20_000))]);
    let sent_late: Timestamp = "2026-11-24T07:00:00Z".parse().unwrap();
    let version = get(&world, &world.pennco.settlement, &id).await.json["version"].as_u64().unwrap();
    let mut desk = world.pennco.settlement.clone();
    desk.token = world.signer.access(&desk.caller, "a later token", sent_late).unwrap();
    let request = news(&desk, &id, "sent-late", version, &sent()).at(sent_late.as_millis());
    assert_eq!(call(&world, &PAYOUT_UPDATE, &request).await.status, 200);
    tick(&world, "2026-11-25T06:00:00Z").await;
    assert_eq!(escalations(&world, &id).await.len(), 1, "in time again");
    for at in ["2026-11-26T06:00:00Z", "2026-11-26T07:00:00Z"] {
        tick(&world, at).await;
        assert_eq!(escalations(&world, &id).await[1..], [(1, 1, inr(10_000))], "{at}");
    }
    relay(&world).await;
    let told = world.queues.sent_to("activity").into_iter().filter(|sent| sent.body.contains("payout.overdue"));
    assert_eq!(told.count(), 2);
}

#[tokio::test]
async fn two_ticks_at_once_escalate_once() {
    let world = World::new().await;
    let id = instructed(&world, &world.pennco, 150_000).await;
    let payouts = world.payouts();
    let at = "2026-11-25T06:00:00Z".parse().unwrap();
    let tick = |id: &str| Tick { at, message_id: id.to_owned() };
    let (one, other) =
        tokio::join!(payout_watch::handle(&payouts, tick("a")), payout_watch::handle(&payouts, tick("b")));
    assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
    assert_eq!(escalations(&world, &id).await.len(), 1);
}

#[tokio::test]
async fn the_exposure_shows_what_is_under_way_and_what_its_delay_costs() {
    let world = World::new().await;
    assert_eq!(exposure(&world, "2026-11-25T06:00:00Z").await.json["total"]["count"], 0);
    let id = instructed(&world, &world.pennco, 150_000).await;
    let report = exposure(&world, "2026-11-25T06:00:00Z").await;
    let total = json!({ "count": 1, "amount": inr(150_000), "overdue_count": 1, "compensation": inr(30_000) });
    assert_eq!((&report.json["total"], &report.json["partners"]["bfil"]), (&total, &total));
    let item = &report.json["items"][0];
    assert_eq!((&item["payout_id"], &item["age_days"], &item["days_late"]), (&json!(id), &json!(4), &json!(3)));
    assert_eq!((&item["due"], report.text("/today")), (&json!("2026-11-22"), "2026-11-25"));
    assert_eq!(learn(&world, &id, 1, &paid("AXISN52026112100")).await.status, 200);
    assert_eq!(exposure(&world, "2026-11-25T06:00:00Z").await.json["total"]["count"], 0);
}

#[tokio::test]
async fn other_money_than_rupees_has_no_deadline_by_their_rules_and_keeps_nobody_waiting() {
    let world = World::new().await;
    let (desk, payout_id) = abroad(&world).await;
    let at_home = instructed(&world, &world.pennco, 150_000).await;
    let late = "2026-12-01T06:00:00Z";
    tick(&world, late).await;
    assert_eq!(escalations(&world, &at_home).await, [(7, 9, inr(90_000))], "behind it, and nine days late");

    let report = exposure_of(&world, &desk, late).await;
    let npr = |amount_minor: i64| json!({ "amount_minor": amount_minor, "currency": "NPR" });
    assert_eq!((report.status, &report.json["total"]["amount"]), (200, &npr(150_000)), "{report:?}");
    let item = &report.json["items"][0];
    assert_eq!((&item["due"], &item["days_late"], &item["compensation"]), (&Value::Null, &json!(0), &npr(0)));

    let at: Timestamp = late.parse().unwrap();
    let later = crate::approval_expire::later(&world, &desk, at);
    let learned = news(&later, &payout_id, "paid", 1, &paid("NICAN52026112100")).at(at.as_millis());
    let learned = call(&world, &PAYOUT_UPDATE, &learned).await;
    assert_eq!((learned.status, &learned.json["compensation"]), (200, &npr(0)), "{learned:?}");
}

#[tokio::test]
async fn an_operator_whose_payouts_cannot_be_watched_keeps_nobody_elses_from_it_and_fails_the_tick() {
    let world = World::new().await;
    instructed(&world, &world.pennco, 150_000).await;
    let id = instructed(&world, &world.vishi, 99).await;
    crate::settlement_close::spoil(&world, "pennco").await;
    let late = Tick { at: "2026-11-25T06:00:00Z".parse().unwrap(), message_id: "tick".to_owned() };
    let ticked = payout_watch::handle(&world.payouts(), late).await;
    assert!(matches!(ticked, Err(domain::Failed::Fault(_))), "{ticked:?}");
    let watched = get(&world, &world.vishi.settlement, &id).await;
    assert_eq!(watched.json["escalations"][0]["days_late"], 3, "{watched:?}");
}
