//! `user-list`: everybody who can log in, by login.

use domain::access::USER_LIST;
use testkit::{Fault, Person, World};

use crate::{
    door::call,
    logins::{change, clerk, new_agent, take_on},
};

/// Logins of all pages, in the order in which they are shown.
async fn logins(world: &World, admin: &Person, limit: &str) -> Vec<String> {
    let (mut seen, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let request = admin.asks(&USER_LIST).query("limit", limit);
        let request = cursor.iter().fold(request, |request, cursor| request.query("cursor", cursor));
        // A busy table leaves the last key of a batch for the next round.
        world.table.inject(Fault::Unprocessed { times: 2 });
        let page = call(world, &USER_LIST, &request).await;
        assert_eq!(page.status, 200, "{page:?}");
        assert_eq!(page.header("link").is_some(), page.json["next_cursor"].is_string());
        seen.extend(page.items().iter().map(|user| user["login"].as_str().unwrap().to_owned()));
        cursor = page.json["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            return seen;
        }
    }
}

#[tokio::test]
async fn pages_go_by_login_and_show_everybody_once() {
    let world = World::new().await;
    for n in 0..9 {
        take_on(&world, &world.pennco, &format!("k{n}"), &clerk(&format!("clerk-{}", 8 - n))).await;
    }
    take_on(&world, &world.pennco, "agent", &new_agent("+919800000009")).await;
    let all = logins(&world, &world.pennco.admin, "100").await;
    assert_eq!(all.len(), 7 + 9 + 1);
    assert!(all.is_sorted(), "{all:?}");
    for limit in ["1", "4", "17"] {
        assert_eq!(logins(&world, &world.pennco.admin, limit).await, all, "{limit} a page");
    }
}

#[tokio::test]
async fn another_operators_people_are_not_in_it() {
    let world = World::new().await;
    take_on(&world, &world.vishi, "k1", &clerk("theirs")).await;
    assert_eq!(logins(&world, &world.pennco.admin, "100").await.len(), 7);
    assert_eq!(logins(&world, &world.vishi.admin, "100").await.len(), 8);
    let page = call(&world, &USER_LIST, &world.vishi.admin.asks(&USER_LIST).query("limit", "1")).await;
    let cursor = page.text("/next_cursor");
    let stolen = world.pennco.admin.asks(&USER_LIST).query("limit", "1").query("cursor", cursor);
    assert_eq!(call(&world, &USER_LIST, &stolen).await.said(), (400, "invalid_cursor"), "a cursor is its operator's");
}

#[tokio::test]
async fn the_list_shows_people_as_they_are_now() {
    let world = World::new().await;
    let user_id = world.pennco.desk.subject();
    let off = serde_json::json!({ "status": "disabled", "name": "Nobody" });
    let changed = change(&world, &world.pennco, 0, user_id, &off).await;
    let page = call(&world, &USER_LIST, &world.pennco.admin.asks(&USER_LIST)).await;
    let row = page.items().iter().find(|user| user["user_id"] == user_id).unwrap();
    assert_eq!(*row, changed.json);
    assert!(!page.body.contains("argon2"), "no hash is shown");
}
