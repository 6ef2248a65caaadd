//! `ledger-seal`: each hour of every operator's history is sealed once, in a chain.

use std::sync::Arc;

use domain::{
    Failed, Timestamp,
    seal::{Chain, Sealed},
    seal_key::SealKey,
};
use edge::schedule::Tick;
use testkit::{NOW_MILLIS, RECORDS, World};
use tokio::task::JoinSet;

use crate::steps::{assigned, collected};

/// From when on the hour of the tests can be sealed, in seconds from now: it is half over.
pub(crate) const OVER: i64 = 1_800 + 900;

/// Seals what is over so many seconds from now.
pub(crate) async fn seal(world: &World, seconds: i64) -> Result<(), Failed> {
    let at = Timestamp::from_millis(NOW_MILLIS).plus_seconds(seconds);
    ledger_seal::handle(&world.sealing(), Tick { at, message_id: "tick".to_owned() }).await
}

/// The seals of an operator, as they lie in the locked bucket.
pub(crate) fn sealed(world: &World, operator: &str) -> Vec<Sealed> {
    let keys = world.locked.keys().into_iter().filter(|key| key.starts_with(operator) && key.ends_with(".json"));
    keys.map(|key| serde_json::from_slice(&world.locked.object(&key).unwrap()).unwrap()).collect()
}

/// The public keys, as they lie in the locked bucket.
pub(crate) fn seal_keys(world: &World) -> Vec<SealKey> {
    let keys = world.locked.keys().into_iter().filter(|key| key.starts_with("keys/"));
    keys.map(|key| serde_json::from_slice(&world.locked.object(&key).unwrap()).unwrap()).collect()
}

/// How many seals lie in the records.
fn rows(world: &World, operator: &str) -> usize {
    let partition = format!("{operator}#seals");
    world.table.items(RECORDS).iter().filter(|item| item["pk"]["S"] == partition.as_str()).count()
}

fn must_be_a_chain(world: &World, operator: &str) -> Vec<Sealed> {
    let (seals, keys) = (sealed(world, operator), seal_keys(world));
    let mut chain = Chain::default();
    for one in &seals {
        chain.follow(&one.seal).unwrap();
        SealKey::among(&keys, &one.seal.kid).unwrap().verify(one).unwrap();
    }
    assert_eq!(rows(world, operator), seals.len());
    seals
}

#[tokio::test]
async fn every_hour_from_the_first_commit_on_is_sealed_when_it_is_over_and_none_before() {
    let world = World::new().await;
    collected(&world, &world.pennco, "BF-1", 5).await;
    seal(&world, OVER - 1).await.unwrap();
    // Their people were taken on a day before.
    let before = must_be_a_chain(&world, "pennco");
    assert_eq!((before.len(), before[0].seal.hour.to_string().as_str()), (24, "2026-11-20T06:00:00.000Z"));
    assert_eq!(before[0].seal.leaf_count, 7 + 2 + 2 * 3, "seven people, two agents with their opening cash");
    assert!(before[1..].iter().all(|one| one.seal.leaf_count == 0), "hours in which nothing happened are sealed too");
    seal(&world, OVER).await.unwrap();
    for operator in ["pennco", "vishi"] {
        assert_eq!(must_be_a_chain(&world, operator).len(), 25);
    }
    // Planned, assigned, confirmed; the transfer and its two entries.
    assert_eq!(sealed(&world, "pennco")[24].seal.leaf_count, 6);
    assert_eq!(seal_keys(&world).len(), 1);
}

#[tokio::test]
async fn sealing_again_changes_nothing() {
    let world = World::new().await;
    collected(&world, &world.pennco, "BF-1", 5).await;
    seal(&world, OVER).await.unwrap();
    let state = |world: &World| {
        let objects = world.locked.keys().into_iter().map(|key| (world.locked.object(&key), key));
        (objects.collect::<Vec<_>>(), world.table.items(RECORDS))
    };
    let once = state(&world);
    for seconds in [OVER, OVER + 60, OVER + 3_599] {
        seal(&world, seconds).await.unwrap();
    }
    assert!(state(&world) == once, "an exact repeat, and later ticks of the same hour");
}

#[tokio::test]
async fn sixteen_runs_at_once_make_one_chain() {
    let world = Arc::new(World::new().await);
    collected(&world, &world.pennco, "BF-1", 5).await;
    seal(&world, OVER - 3_600).await.unwrap();
    let mut runs = JoinSet::new();
    for n in 0..16 {
        let world = Arc::clone(&world);
        // Each at its own second, so that no two would make the same seal.
        runs.spawn(async move { seal(&world, OVER + 6 * 3_600 + n).await });
    }
    while let Some(run) = runs.join_next().await {
        run.unwrap().unwrap();
    }
    for operator in ["pennco", "vishi"] {
        assert_eq!(must_be_a_chain(&world, operator).len(), 31);
    }
}

#[tokio::test]
async fn runs_at_once_that_find_no_key_leave_a_chain_whose_keys_are_known() {
    let world = Arc::new(World::new().await);
    let mut runs = JoinSet::new();
    for n in 0..4 {
        let world = Arc::clone(&world);
        runs.spawn(async move { seal(&world, OVER + n).await });
    }
    while let Some(run) = runs.join_next().await {
        run.unwrap().unwrap();
    }
    assert_eq!(must_be_a_chain(&world, "pennco").len(), 25);
}

#[tokio::test]
async fn what_was_missed_is_made_up_for_48_hours_a_run() {
    let world = World::new().await;
    let days = 5 * 86_400;
    for (run, seals) in [(1, 48), (2, 96), (3, 144), (4, 145), (5, 145)] {
        seal(&world, OVER + days).await.unwrap();
        assert_eq!(must_be_a_chain(&world, "pennco").len(), seals, "run {run}");
    }
}

#[tokio::test]
async fn a_run_that_is_cut_off_anywhere_is_completed_by_the_next() {
    let clean = World::new().await;
    seal(&clean, OVER - 3_600).await.unwrap();
    collected(&clean, &clean.pennco, "BF-1", 5).await;
    clean.table.reset_calls();
    let calls_before = clean.locked.calls();
    seal(&clean, OVER).await.unwrap();
    let calls = clean.table.calls().total().count + clean.locked.calls() - calls_before;
    let mut cases = 0;
    for n in 1..=u32::try_from(calls).unwrap() {
        for after in [false, true] {
            let world = World::new().await;
            seal(&world, OVER - 3_600).await.unwrap();
            collected(&world, &world.pennco, "BF-1", 5).await;
            if after {
                world.table.crash_after(n)
            } else {
                world.table.crash_before(n)
            }
            let cut = seal(&world, OVER).await;
            world.table.recover();
            if cut.is_err() {
                cases += 1;
            }
            seal(&world, OVER + 60).await.unwrap();
            assert_eq!(must_be_a_chain(&world, "pennco").len(), 25, "cut at call {n}");
        }
    }
    assert!(cases > 10, "{cases}");
    println!("runs cut off before and after each of {calls} calls: {cases} failed, all completed by the next");
}

#[tokio::test]
async fn a_commit_of_a_message_that_waited_for_hours_is_in_the_hour_in_which_it_was_written() {
    let world = World::new().await;
    seal(&world, OVER).await.unwrap();
    // A job's message was sent in an hour that is sealed by now; its commit is written two hours later.
    let late = || Timestamp::from_millis(NOW_MILLIS).plus_seconds(2 * 3_600);
    let table = world.tables().filed_by(late);
    let settlements = store::Settlements::new(table, store::CursorKey::new(vec![7; 32]).unwrap());
    let tick = Tick { at: world.now().plus_seconds(60), message_id: "late".to_owned() };
    let slot = settlements.close_due(settlement_close::NAME, &world.pennco.operator, tick.at, &tick.message_id).await;
    slot.unwrap();
    let sealed_before = sealed(&world, "pennco");
    seal(&world, OVER + 2 * 3_600).await.unwrap();
    let seals = must_be_a_chain(&world, "pennco");
    assert_eq!(seals[..25], sealed_before[..]);
    crate::steps::relay(&world).await;
    crate::invariant_check::check(&world, OVER + 2 * 3_600).await.unwrap();
}

#[tokio::test]
async fn a_chain_whose_rows_are_lost_is_taken_from_the_bucket_and_never_written_anew() {
    let world = World::new().await;
    assigned(&world, &world.pennco, "BF-1", 5).await;
    seal(&world, OVER).await.unwrap();
    let seals = sealed(&world, "pennco");
    let rows = world.table.items(RECORDS).into_iter().filter(|item| item["pk"]["S"] == "pennco#seals");
    for row in rows {
        crate::invariant_check::delete(&world, RECORDS, &row).await;
    }
    seal(&world, OVER + 600).await.unwrap();
    assert_eq!(must_be_a_chain(&world, "pennco"), seals);
}
