//! Operators that are changed after they were taken on, as `cargo xtask operator --change` does it.

use domain::{
    Caller, Failed, Role, Timestamp,
    access::{AUDIT_LIST, PAYOUT_LIST, SETTLEMENT_LIST},
    operator_change::OperatorChange,
    turn_around::Rail,
};
use testkit::{NOW_MILLIS, World};

use crate::{
    day_close_build::{a_settled_day, close},
    door::call,
    invariant_check::{check, proof},
    steps::{TODAY, close_day, instruct, instruction},
};

/// Changes an operator so many seconds from now; how often it has changed.
async fn change(world: &World, by: &str, seconds: i64, change: &OperatorChange) -> Result<u64, Failed> {
    let at = Timestamp::from_millis(NOW_MILLIS).plus_seconds(seconds);
    let reason = "the contract of November";
    let changed = world.directory().change_operator(&world.pennco.operator, change, by, reason, at).await;
    changed.map(|(_, version)| version)
}

fn adding(partner: &str) -> OperatorChange {
    OperatorChange { partners: vec![partner.parse().unwrap()], ..OperatorChange::default() }
}

#[tokio::test]
async fn a_lender_that_is_added_instructs_is_settled_with_and_everybody_is_paid_as_it_was_set() {
    let world = World::new().await;
    let pennco = &world.pennco;
    close(&world, pennco, "2026-11-20", 0).await;
    let newcomer = Caller::new(pennco.operator.clone(), Role::Partner, "spandana".to_owned(), vec![]);
    let newcomer = world.person(newcomer);
    let refused = instruct(&world, &newcomer, "k1", &instruction("SP-1", 5)).await;
    assert_eq!((refused.status, refused.text("/errors/0/code")), (422, "unknown_partner"), "{refused:?}");

    let rails = [("spandana", Rail::Neft), ("bfil", Rail::Rtgs)];
    let payout_rails = rails.map(|(partner, rail)| (partner.parse().unwrap(), rail)).into();
    let wanted = OperatorChange { payout_rails, ..adding("spandana") };
    assert_eq!(change(&world, "asha@milepost", 1, &wanted).await.unwrap(), 1);

    assert_eq!(instruct(&world, &newcomer, "k2", &instruction("SP-1", 5)).await.status, 201);
    a_settled_day(&world).await;
    let days = call(&world, &SETTLEMENT_LIST, &pennco.settlement.asks(&SETTLEMENT_LIST)).await;
    let with_it = days.items().iter().filter(|settled| settled["partner_id"] == "spandana");
    assert_eq!((days.items().len(), with_it.count()), (5, 1), "not of the day before it came: {days:?}");
    let paid = call(&world, &PAYOUT_LIST, &pennco.settlement.asks(&PAYOUT_LIST)).await;
    assert_eq!((paid.text("/items/0/partner_id"), paid.text("/items/0/rail")), ("bfil", "rtgs"), "{paid:?}");
    crate::steps::relay(&world).await;
    check(&world, 120).await.unwrap();
    assert_eq!(
        proof(&world).await.json["settled"]["settlements"],
        5,
        "the day before was closed without it, and holds"
    );
}

#[tokio::test]
async fn a_change_says_in_the_audit_who_made_it_why_and_what_was_before() {
    let world = World::new().await;
    let pennco = &world.pennco;
    change(&world, "asha@milepost", 0, &adding("spandana")).await.unwrap();
    let audit = call(&world, &AUDIT_LIST, &pennco.admin.asks(&AUDIT_LIST)).await;
    let entry = audit.items().iter().find(|entry| entry["action"] == "operator-change").unwrap();
    let said = ["actor", "role", "subject", "reason"].map(|member| entry[member].as_str().unwrap());
    assert_eq!(said, ["asha@milepost", "platform", "pennco", "the contract of November"]);
    let changes = entry["changed"][0]["changes"].as_array().unwrap();
    let added = changes.iter().find(|change| change["pointer"].as_str().unwrap().starts_with("/partners"));
    assert!(added.unwrap()["after"].to_string().contains("spandana"), "{entry}");
    assert!(!added.unwrap()["before"].to_string().contains("spandana"), "{entry}");
}

#[tokio::test]
async fn a_change_that_cannot_be_changes_nothing_and_says_what_to_do() {
    let world = World::new().await;
    close(&world, &world.pennco, "2026-11-20", 0).await;
    let before = world.table.items(testkit::RECORDS);
    let over = OperatorChange { holidays: vec!["2026-11-20=Late".parse().unwrap()], ..OperatorChange::default() };
    for (wanted, told) in [(adding("bfil"), "leave bfil out"), (over, "name holidays that are still to come")] {
        let refused = change(&world, "asha", 0, &wanted).await.unwrap_err();
        let cause = std::error::Error::source(&refused).unwrap().to_string();
        assert!(cause.contains(told), "{cause}");
    }
    assert_eq!(world.table.items(testkit::RECORDS), before);
    let nobody = world.directory();
    let unknown = nobody.change_operator(&"nobody".parse().unwrap(), &adding("bfil"), "asha", "why", world.now()).await;
    assert!(matches!(unknown, Err(Failed::Unknown)), "{unknown:?}");
}

#[tokio::test]
async fn of_changes_and_a_close_at_once_each_is_there_whole_or_was_refused_and_can_be_done_again() {
    let world = World::new().await;
    let pennco = &world.pennco;
    close(&world, pennco, "2026-11-20", 0).await;
    let (one, other) = (adding("spandana"), adding("samasta"));
    let (first, second, closed) = tokio::join!(
        change(&world, "asha", 0, &one),
        change(&world, "ravi", 0, &other),
        close_day(&world, &pennco.settlement, "k", TODAY)
    );
    assert!(first.is_ok() || second.is_ok() || closed.status == 202, "{first:?} {second:?} {closed:?}");
    for (n, (done, wanted)) in [(1, (first, &one)), (2, (second, &other))] {
        let known = world.directory().operator(&pennco.operator).await.unwrap();
        assert_eq!(known.partners.contains(&wanted.partners[0]), done.is_ok(), "{done:?}");
        assert!(matches!(done, Ok(_) | Err(Failed::Moved | Failed::InProgress)), "{done:?}");
        if done.is_err() {
            change(&world, "asha", n, wanted).await.unwrap();
        }
    }
    let known = world.directory().operator(&pennco.operator).await.unwrap();
    assert_eq!(known.partners.len(), 4, "none took the other's away");
    if closed.status != 202 {
        assert_eq!(close_day(&world, &pennco.settlement, "k", TODAY).await.status, 202, "{closed:?}");
    }
    check(&world, 120).await.unwrap();
}
