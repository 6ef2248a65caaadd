//! `client-list`: the programs that were let in, by name.

use domain::access::CLIENT_LIST;
use testkit::{Person, World};

use crate::{
    client_create::{erp, let_in},
    door::call,
};

/// Names of all pages, in the order in which they are shown.
async fn names(world: &World, admin: &Person, limit: &str) -> Vec<String> {
    let (mut seen, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let request = admin.asks(&CLIENT_LIST).query("limit", limit);
        let request = cursor.iter().fold(request, |request, cursor| request.query("cursor", cursor));
        let page = call(world, &CLIENT_LIST, &request).await;
        assert_eq!(page.status, 200, "{page:?}");
        assert!(!page.body.contains("sec_"), "no secret is listed: {page:?}");
        seen.extend(page.items().iter().map(|client| client["name"].as_str().unwrap().to_owned()));
        cursor = page.json["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            return seen;
        }
    }
}

#[tokio::test]
async fn pages_go_by_name_and_show_each_program_once() {
    let world = World::new().await;
    let admin = &world.pennco.admin;
    assert_eq!(names(&world, admin, "5").await, [""; 0]);
    for n in 0..11 {
        let_in(&world, &world.pennco, &format!("k{n}"), &erp(&format!("ERP {:02}", 10 - n))).await;
    }
    let_in(&world, &world.pennco, "same-name", &erp("ERP 05")).await;
    let all = names(&world, admin, "100").await;
    assert!(all.is_sorted() && all.len() == 12, "{all:?}");
    for limit in ["1", "5", "12"] {
        assert_eq!(names(&world, admin, limit).await, all, "{limit} a page");
    }
}

#[tokio::test]
async fn another_operators_programs_are_not_in_it() {
    let world = World::new().await;
    let_in(&world, &world.pennco, "k1", &erp("Ours")).await;
    let_in(&world, &world.vishi, "k1", &erp("Theirs")).await;
    assert_eq!(names(&world, &world.pennco.admin, "5").await, ["Ours"]);
    assert_eq!(names(&world, &world.vishi.admin, "5").await, ["Theirs"]);
}
