//! `statement-list`: bank statements and what came out of them, newest first.

use domain::access::STATEMENT_LIST;
use testkit::World;

use crate::{
    door::call,
    steps::{bank_row, command, hand_in, statement},
};

#[tokio::test]
async fn statements_are_listed_newest_first_page_by_page_and_only_ones_own() {
    let world = World::new().await;
    let desk = &world.pennco.settlement;
    let mut ids = vec![];
    for n in 1..=3 {
        let body = statement(&[bank_row(&format!("UTR000000000{n}"), "-1500.00", "")]);
        let request = command(desk, &domain::access::STATEMENT_CREATE, &format!("k{n}"), &body);
        let taken = call(&world, &domain::access::STATEMENT_CREATE, &request.at(testkit::NOW_MILLIS + n * 1_000)).await;
        ids.insert(0, taken.text("/statement_id").to_owned());
    }
    let body = statement(&[bank_row("UTR0000000009", "-1500.00", "")]);
    assert_eq!(hand_in(&world, &world.vishi.settlement, "k1", &body).await.status, 202);
    let first = call(&world, &STATEMENT_LIST, &desk.asks(&STATEMENT_LIST).query("limit", "2")).await;
    let rest = desk.asks(&STATEMENT_LIST).query("limit", "2").query("cursor", first.text("/next_cursor"));
    let rest = call(&world, &STATEMENT_LIST, &rest).await;
    let shown: Vec<&str> = ["/items/0/statement_id", "/items/1/statement_id"].map(|at| first.text(at)).to_vec();
    assert_eq!([shown, vec![rest.text("/items/0/statement_id")]].concat(), ids);
}
