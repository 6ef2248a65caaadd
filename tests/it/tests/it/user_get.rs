//! `user-get`: somebody who can log in.

use domain::access::USER_GET;
use serde_json::json;
use testkit::World;

use crate::{
    door::call,
    logins::{change, clerk, enrol, take_on, user},
};

#[tokio::test]
async fn an_admin_sees_who_it_is_and_nothing_that_they_prove_themselves_by() {
    let world = World::new().await;
    let taken = take_on(&world, &world.pennco, "k1", &clerk("clerk")).await;
    let shown = user(&world, &world.pennco, taken.text("/user_id")).await;
    assert_eq!((shown.body.as_str(), shown.header("etag")), (taken.body.as_str(), Some("\"1\"")));
    let desk = &world.pennco.desk;
    enrol(&world, desk).await;
    let shown = user(&world, &world.pennco, desk.subject()).await;
    let wanted = json!({
        "user_id": desk.subject(), "login": "desk", "name": "The desk of pennco", "email": "desk@pennco.example",
        "role": "staff", "subject": desk.subject(), "regions": ["pune-north"], "status": "active", "has_totp": false,
        "version": 1, "created_at": "2026-11-20T06:30:00.000Z", "updated_at": "2026-11-20T06:30:00.000Z",
    });
    assert_eq!((&shown.json, shown.header("etag")), (&wanted, Some("\"1\"")));
}

#[tokio::test]
async fn the_etag_moves_with_each_change() {
    let world = World::new().await;
    let user_id = world.pennco.desk.subject();
    for version in 2..5 {
        let name = json!({ "name": format!("Desk {version}") });
        let changed = change(&world, &world.pennco, 0, user_id, &name).await;
        let shown = user(&world, &world.pennco, user_id).await;
        assert_eq!((&shown.body, shown.header("etag")), (&changed.body, changed.header("etag")));
        assert_eq!(shown.header("etag"), Some(&*format!("\"{version}\"")));
    }
}

#[tokio::test]
async fn somebody_of_another_operator_is_unknown() {
    let world = World::new().await;
    let admin = &world.pennco.admin;
    for user_id in [world.vishi.desk.subject(), "usr_01kagwtb0084nrm0ppw3zy9t20"] {
        let reply = call(&world, &USER_GET, &admin.asks(&USER_GET).path("user_id", user_id)).await;
        assert_eq!(reply.said(), (404, "unknown"), "{user_id}");
    }
}
