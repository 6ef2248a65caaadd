//! `approval-expire`: settles what nobody has decided in time.

use std::sync::Arc;

use domain::{Failed, Timestamp, access::APPROVAL_DECIDE};
use edge::schedule::Tick;
use testkit::{Person, RECORDS, World};

use crate::{
    approval_decide::{approval, decision, payout},
    door::call,
    invariant_check::{delete, put_text},
    logins::happened,
    steps::{instruct, instruction, visit, waiting_for_approval},
};

/// How long a request waits, in seconds.
const A_DAY: i64 = 86_400;

async fn tick(world: &World, at: Timestamp) -> Result<(), Failed> {
    let tick = Tick { at, message_id: format!("tick {at}") };
    approval_expire::handle(&world.approvals(), tick).await
}

/// Somebody with a token of a later hour.
pub(crate) fn later(world: &World, person: &Person, at: Timestamp) -> Person {
    let token = world.signer.access(&person.caller, "later", at).unwrap();
    Person { token, ..person.clone() }
}

#[tokio::test]
async fn what_nobody_decides_in_a_day_is_rejected_once_and_its_visit_called_off() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let asked = instruct(&world, &pennco.partners[0], "k1", &instruction("BF-D-1", 10_000_000)).await;
    let (id, approval_id) = (asked.text("/disbursement_id"), asked.text("/approval_id"));
    tick(&world, Timestamp::from_millis(world.now().plus_seconds(A_DAY).as_millis() - 1)).await.unwrap();
    assert_eq!(approval(&world, approval_id).await.text("/status"), "pending", "a millisecond before");
    for _ in 0..2 {
        tick(&world, world.now().plus_seconds(A_DAY)).await.unwrap();
        let settled = approval(&world, approval_id).await;
        assert_eq!((settled.text("/status"), &settled.json["version"]), ("expired", &2.into()));
    }
    assert_eq!(payout(&world, id).await.text("/status"), "rejected");
    assert_eq!(visit(&world, &pennco.desk, asked.text("/delivery_id")).await.text("/status"), "cancelled");
    assert_eq!(happened(&world, "approval.expired"), [approval_id]);
    assert_eq!(happened(&world, "disbursement.rejected"), [id]);
}

#[tokio::test]
async fn a_decision_that_comes_too_late_is_refused_although_no_job_has_run() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let approval_id = waiting_for_approval(&world, &pennco.partners[0], "BF-D-1", 10_000_000).await;
    let at = world.now().plus_seconds(A_DAY);
    let admin = later(&world, &pennco.admin, at);
    let late = decision(&admin, &approval_id, "k1", "approve").at(at.as_millis());
    let late = call(&world, &APPROVAL_DECIDE, &late).await;
    assert_eq!((late.said(), late.text("/expires_at")), ((409, "approval_expired"), "2026-11-22T06:30:00.000Z"));
    let last = decision(&admin, &approval_id, "k2", "approve").at(at.as_millis() - 1);
    assert_eq!(call(&world, &APPROVAL_DECIDE, &last).await.text("/status"), "approved");
    tick(&world, at).await.unwrap();
    assert_eq!(approval(&world, &approval_id).await.text("/status"), "approved", "what is settled stays");
}

#[tokio::test(start_paused = true)]
async fn of_a_decision_in_the_last_moment_and_the_job_one_settles_it() {
    let world = Arc::new(World::new().await);
    let pennco = &world.pennco;
    let at = world.now().plus_seconds(A_DAY);
    let admin = later(&world, &pennco.admin, at);
    for round in 0..8 {
        let reference = format!("BF-D-{round}");
        let asked = instruct(&world, &pennco.partners[0], &reference, &instruction(&reference, 10_000_000)).await;
        let approval_id = asked.text("/approval_id");
        let yes = decision(&admin, approval_id, &reference, "approve").at(at.as_millis() - 1);
        let (ticked, yes) = tokio::join!(tick(&world, at), call(&world, &APPROVAL_DECIDE, &yes));
        assert!(ticked.is_ok(), "{ticked:?}");
        let settled = approval(&world, approval_id).await;
        let status = payout(&world, asked.text("/disbursement_id")).await.text("/status").to_owned();
        match yes.status {
            200 => assert_eq!((settled.text("/status"), status.as_str()), ("approved", "approved")),
            _ => {
                assert_eq!(yes.said(), (409, "approval_expired"));
                assert_eq!((settled.text("/status"), status.as_str()), ("expired", "rejected"));
            }
        }
    }
}

#[tokio::test]
async fn an_approval_that_cannot_be_read_keeps_no_other_one_waiting_and_fails_the_tick() {
    let world = World::new().await;
    let spoiled = waiting_for_approval(&world, &world.pennco.partners[0], "BF-D-1", 10_000_000).await;
    let another = waiting_for_approval(&world, &world.pennco.partners[0], "BF-D-2", 10_000_000).await;
    let asked = waiting_for_approval(&world, &world.vishi.partners[0], "BF-D-1", 10_000_000).await;
    let records = world.table.items(RECORDS);
    let is_it = |item: &&serde_json::Value| item["approval_id"]["S"] == spoiled.as_str() && item["quorum"].is_object();
    put_text(&world, RECORDS, records.iter().find(is_it).unwrap(), "status", "lost").await;
    let ticked = tick(&world, world.now().plus_seconds(A_DAY)).await;
    assert!(matches!(ticked, Err(Failed::Fault(_))), "{ticked:?}");
    let mut expired = happened(&world, "approval.expired");
    expired.sort();
    let mut wanted = [another, asked];
    wanted.sort();
    assert_eq!(expired, wanted);
}

#[tokio::test]
async fn an_approval_whose_visit_is_gone_keeps_no_other_one_waiting_and_fails_the_tick() {
    let world = World::new().await;
    let partner = &world.pennco.partners[0];
    let mut asked = vec![];
    for reference in ["BF-D-1", "BF-D-2", "BF-D-3"] {
        let reply = instruct(&world, partner, reference, &instruction(reference, 10_000_000)).await;
        asked.push((reply.text("/approval_id").to_owned(), reply.text("/delivery_id").to_owned()));
    }
    asked.sort();
    let records = world.table.items(RECORDS);
    let gone = records.iter().find(|item| item["pk"]["S"].as_str().unwrap().ends_with(&asked[0].1)).unwrap();
    delete(&world, RECORDS, gone).await;
    let ticked = tick(&world, world.now().plus_seconds(A_DAY)).await;
    assert!(ticked.is_err(), "{ticked:?}");
    let mut expired = happened(&world, "approval.expired");
    expired.sort();
    assert_eq!(expired, [asked[1].0.as_str(), asked[2].0.as_str()], "those behind it");
}
