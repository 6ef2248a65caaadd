//! `statement-line-list`: the bank lines that settle nothing yet, oldest first, each with why and for how long.

use domain::{
    Caller, Role,
    access::{DISBURSEMENT_RECONCILE, STATEMENT_LINE_LIST},
    matching::Age,
    operator::Operator,
};
use serde_json::{Value, json};
use testkit::{Operation, Person, Reply, World};

use crate::{
    door::call,
    statement_match::matched,
    steps::{bank_line, bank_row, command, hand_in, handed_over, match_statements, statement},
};

/// What somebody sees with these filters.
pub(crate) async fn listed(world: &World, person: &Person, filters: &[(&str, &str)]) -> Reply {
    let asked = person.asks(&STATEMENT_LINE_LIST);
    let asked = filters.iter().fold(asked, |asked, (name, value)| asked.query(name, value));
    call(world, &STATEMENT_LINE_LIST, &asked).await
}

fn row(number: usize, date: &str) -> String {
    format!("UTR{number:010},{date},-{number}.00,INR,,")
}

/// Amounts, in rupees, of the lines of a page.
fn rupees(reply: &Reply) -> Vec<i64> {
    let minor = |line: &Value| line["amount"]["amount_minor"].as_i64().unwrap_or_default();
    reply.items().iter().map(|line| -minor(line) / 100).collect()
}

/// Dates of lines, and how many days old they are on the day of the tests.
const DATES: [(&str, u32, &str); 9] = [
    ("2026-10-21", 31, "over_30"),
    ("2026-10-22", 30, "8_to_30"),
    ("2026-11-13", 8, "8_to_30"),
    ("2026-11-14", 7, "4_to_7"),
    ("2026-11-17", 4, "4_to_7"),
    ("2026-11-18", 3, "2_to_3"),
    ("2026-11-20", 1, "0_to_1"),
    ("2026-11-21", 0, "0_to_1"),
    ("2026-11-23", 0, "0_to_1"),
];

#[tokio::test]
async fn unmatched_lines_are_listed_oldest_first_over_all_statements_page_by_page_and_only_ones_own() {
    let world = World::new().await;
    let pennco = &world.pennco;
    handed_over(&world, pennco, "BF-D-1", 150_000).await;
    let dated = |take: &[usize]| -> Vec<String> { take.iter().map(|n| row(n + 1, DATES[*n].0)).collect() };
    let settled = bank_row("UTR0000000099", "-1500.00", "BF-D-1");
    matched(&world, "k1", &[dated(&[8, 2, 4, 6]), vec![settled]].concat()).await;
    matched(&world, "k2", &dated(&[7, 0, 1, 3, 5])).await;
    let theirs = statement(&[row(1, "2026-11-01")]);
    assert_eq!(hand_in(&world, &world.vishi.settlement, "k1", &theirs).await.status, 202);
    assert!(match_statements(&world).await.is_empty());

    let mut seen = vec![];
    let mut cursor: Option<String> = None;
    loop {
        let mut filters = vec![("limit", "4")];
        filters.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let page = listed(&world, &pennco.admin, &filters).await;
        seen.extend(page.items().to_vec());
        cursor = page.json["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    let said: Vec<(&str, u64, &str)> = seen
        .iter()
        .map(|line| {
            let text = |name: &str| line[name].as_str().unwrap_or_default();
            (text("value_date"), line["age_days"].as_u64().unwrap(), text("age"))
        })
        .collect();
    assert_eq!(said, DATES.map(|(date, days, age)| (date, u64::from(days), age)), "the settled line is not among them");
}

#[tokio::test]
async fn a_line_says_why_it_settles_nothing_and_what_it_is_nearest_to() {
    let world = World::new().await;
    let id = handed_over(&world, &world.pennco, "BF-D-1", 90_000).await;
    matched(&world, "k1", &[bank_row("UTR0000000003", "-900.01", "BF-D-1")]).await;
    let page = listed(&world, &world.pennco.settlement, &[("status", "unmatched")]).await;
    let line = &page.items()[0];
    assert_eq!((&line["why"], &line["end_to_end"], &line["line"]), (&json!("amount"), &json!("BF-D-1"), &json!(1)));
    assert_eq!((&line["nearest"][0]["id"], &line["nearest"][0]["amount_off_minor"]), (&json!(id), &json!(-1)));
    assert_eq!(line["edit"], json!({ "change": "amount", "from_minor": -90_001, "to_minor": -90_000 }));
    assert_eq!(line["amount"], json!({ "amount_minor": -90_001, "currency": "INR" }));
}

#[tokio::test]
async fn each_age_shows_its_own_lines_and_costs_no_more_than_they_do() {
    let world = World::new().await;
    let rows: Vec<String> = DATES.iter().zip(1..).map(|((date, ..), number)| row(number, date)).collect();
    matched(&world, "k1", &rows).await;
    let desk = &world.pennco.settlement;
    let mut all = 0;
    for age in Age::ALL {
        let name = serde_json::to_value(age).unwrap();
        let wanted: Vec<i64> = DATES.iter().zip(1..).filter(|(of, _)| name == of.2).map(|(_, number)| number).collect();
        world.table.reset_calls();
        let page = listed(&world, desk, &[("age", name.as_str().unwrap())]).await;
        assert_eq!(rupees(&page), wanted, "{age:?}");
        let calls = world.table.calls();
        let counted = [Operation::Query, Operation::BatchGetItem, Operation::GetItem].map(|of| calls.count(of));
        assert_eq!(counted, [1, 1, 1], "{age:?}");
        all += wanted.len();
    }
    assert_eq!(all, DATES.len());
    let first = listed(&world, desk, &[("age", "0_to_1"), ("limit", "1")]).await;
    let next = listed(&world, desk, &[("age", "0_to_1"), ("cursor", first.text("/next_cursor"))]).await;
    assert_eq!(rupees(&next), [8, 9]);
    let other = listed(&world, desk, &[("age", "2_to_3"), ("cursor", first.text("/next_cursor"))]).await;
    assert_eq!(other.said(), (400, "invalid_cursor"), "a cursor is of its filter");
}

#[tokio::test]
async fn the_age_is_counted_in_the_operators_zone() {
    let world = World::new().await;
    let known = world.directory().operator(&world.pennco.operator).await.unwrap();
    // It is half past ten in the evening of the day before there.
    let west = Operator { operator: "westco".parse().unwrap(), zone: "America/Los_Angeles".to_owned(), ..known };
    world.directory().create_operator(&west).await.unwrap();
    let desk = world.person(Caller::new(west.operator, Role::Settlement, "usr_west".to_owned(), vec![]));
    let taken = hand_in(&world, &desk, "k1", &statement(&[row(1, "2026-11-19"), row(2, "2026-11-18")])).await;
    assert_eq!(taken.status, 202, "{taken:?}");
    assert!(match_statements(&world).await.is_empty());
    let page = listed(&world, &desk, &[]).await;
    let ages: Vec<&Value> = page.items().iter().map(|line| &line["age_days"]).collect();
    assert_eq!(ages, [2, 1]);
    assert_eq!(rupees(&listed(&world, &desk, &[("age", "2_to_3")]).await), [2]);
}

#[tokio::test]
async fn the_lines_of_a_statement_are_listed_by_how_they_stand() {
    let world = World::new().await;
    let pennco = &world.pennco;
    handed_over(&world, pennco, "BF-D-1", 100).await;
    let before = handed_over(&world, pennco, "BF-D-2", 200).await;
    let line = command(&pennco.settlement, &DISBURSEMENT_RECONCILE, "k0", &bank_line("UTR0000000002", 200));
    assert_eq!(call(&world, &DISBURSEMENT_RECONCILE, &line.path("disbursement_id", &before)).await.status, 200);
    let rows = [
        bank_row("UTR0000000001", "-1.00", "BF-D-1"),
        bank_row("UTR0000000002", "-2.00", "BF-D-2"),
        bank_row("UTR0000000003", "-3.00", ""),
    ];
    let (told, _) = matched(&world, "k1", &rows).await;
    let id = told.text("/statement_id");
    for (status, wanted) in [("matched", 1), ("repeated", 2), ("unmatched", 3)] {
        let page = listed(&world, &pennco.settlement, &[("statement_id", id), ("status", status)]).await;
        assert_eq!(rupees(&page), [wanted], "{status}");
        assert_eq!(page.items()[0]["age"].is_null(), status != "unmatched");
    }
    assert_eq!(rupees(&listed(&world, &pennco.settlement, &[("statement_id", id)]).await), [3]);
    let theirs = listed(&world, &world.vishi.settlement, &[("statement_id", id)]).await;
    assert_eq!((theirs.status, theirs.items().len()), (200, 0));
    for filters in [&[("status", "matched")][..], &[("statement_id", id), ("age", "0_to_1")]] {
        assert_eq!(listed(&world, &pennco.settlement, filters).await.said(), (400, "unindexed_filter"), "{filters:?}");
    }
    for filters in [[("status", "open")], [("age", "31+")], [("statement_id", "x")]] {
        assert_eq!(listed(&world, &pennco.settlement, &filters).await.said(), (400, "invalid_filter"), "{filters:?}");
    }
}
