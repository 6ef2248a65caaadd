//! Crash points: a process that dies at any call to AWS, before it or right after it, leaves nothing that a retry does
//! not make whole: one effect, one answer, balanced books.

use testkit::{Office, RECORDS, World};

use crate::{
    books,
    steps::{
        TODAY, assigned, bank_line, close_day, collected, collection, confirm, confirmed, handed_over, plan, reconcile,
    },
};

/// When the process dies.
#[derive(Debug, Clone, Copy)]
enum Crash {
    /// The call never leaves.
    Before,
    /// The call is done, its answer never comes.
    After,
}

/// What is done at each crash point: prepare, do under one key, count what it did.
trait Deed {
    const NAME: &'static str;
    async fn prepare(world: &World, office: &Office) -> String;
    async fn run(world: &World, office: &Office, about: &str) -> testkit::Reply;
}

struct Confirm;
impl Deed for Confirm {
    const NAME: &'static str = "delivery-confirm";
    async fn prepare(world: &World, office: &Office) -> String {
        assigned(world, office, "X-1", 150_000).await
    }
    async fn run(world: &World, office: &Office, about: &str) -> testkit::Reply {
        confirm(world, &office.agents[0], about, "crash", &confirmed(150_000)).await
    }
}

struct Create;
impl Deed for Create {
    const NAME: &'static str = "delivery-create";
    async fn prepare(_: &World, _: &Office) -> String {
        String::new()
    }
    async fn run(world: &World, office: &Office, _: &str) -> testkit::Reply {
        plan(world, &office.desk, "crash", &collection("X-2", 5_000)).await
    }
}

struct Reconcile;
impl Deed for Reconcile {
    const NAME: &'static str = "disbursement-reconcile";
    async fn prepare(world: &World, office: &Office) -> String {
        handed_over(world, office, "X-3", 90_000).await
    }
    async fn run(world: &World, office: &Office, about: &str) -> testkit::Reply {
        reconcile(world, &office.settlement, about, "crash", &bank_line("HDFCN52026112199", 90_000)).await
    }
}

struct Close;
impl Deed for Close {
    const NAME: &'static str = "settlement-create";
    async fn prepare(world: &World, office: &Office) -> String {
        collected(world, office, "X-4", 70_000).await
    }
    async fn run(world: &World, office: &Office, _: &str) -> testkit::Reply {
        close_day(world, &office.settlement, "crash", TODAY).await
    }
}

/// Kills the deed at every point, retries it, and holds the outcome against an undisturbed one. Gives the points tried.
async fn exhaust<D: Deed>() -> u64 {
    let undisturbed = World::new().await;
    let about = D::prepare(&undisturbed, &undisturbed.pennco).await;
    undisturbed.table.reset_calls();
    let expected = D::run(&undisturbed, &undisturbed.pennco, &about).await;
    assert!(expected.status < 300, "{}: {expected:?}", D::NAME);
    let calls = undisturbed.table.calls().total().count;
    let rows = undisturbed.table.items(RECORDS).len();
    let mut points = 0;
    for number in 1..=calls {
        for crash in [Crash::Before, Crash::After] {
            let world = World::new().await;
            let office = &world.pennco;
            let about = D::prepare(&world, office).await;
            let number = u32::try_from(number).unwrap();
            match crash {
                Crash::Before => world.table.crash_before(number),
                Crash::After => world.table.crash_after(number),
            }
            let dead = D::run(&world, office, &about).await;
            assert!(dead.status >= 500, "{} {crash:?} call {number}: the process died, yet {dead:?}", D::NAME);
            world.table.recover();
            let retried = D::run(&world, office, &about).await;
            assert_eq!(retried.status, expected.status, "{} {crash:?} call {number}: {retried:?}", D::NAME);
            let again = D::run(&world, office, &about).await;
            assert!(again.is_replay(), "{} {crash:?} call {number}: {again:?}", D::NAME);
            assert_eq!(again.body, retried.body, "{} {crash:?} call {number}", D::NAME);
            assert_eq!(world.table.items(RECORDS).len(), rows, "{} {crash:?} call {number}: as many records", D::NAME);
            books::balance(&world, office).await;
            points += 1;
        }
    }
    points
}

#[tokio::test]
async fn a_process_that_dies_at_any_call_leaves_nothing_that_a_retry_does_not_make_whole() {
    let points = [
        (Confirm::NAME, exhaust::<Confirm>().await),
        (Create::NAME, exhaust::<Create>().await),
        (Reconcile::NAME, exhaust::<Reconcile>().await),
        (Close::NAME, exhaust::<Close>().await),
    ];
    let sum: u64 = points.iter().map(|(_, points)| points).sum();
    assert!(points.iter().all(|(_, points)| *points >= 4), "{points:?}");
    println!("{} handlers, {sum} crash points, 0 violations: {points:?}", points.len());
}
