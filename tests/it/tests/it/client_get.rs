//! `client-get`: a program, and when it was last there.

use domain::access::CLIENT_GET;
use serde_json::{Value, json};
use testkit::{Office, Reply, World};

use crate::{
    client_create::{erp, let_in},
    door::call,
    logins::{ask, client_credentials},
};

/// A program as the admin sees it.
pub(crate) async fn client(world: &World, office: &Office, client_id: &str) -> Reply {
    call(world, &CLIENT_GET, &office.admin.asks(&CLIENT_GET).path("client_id", client_id)).await
}

#[tokio::test]
async fn it_shows_the_program_and_never_its_secret() {
    let world = World::new().await;
    let made = let_in(&world, &world.pennco, "k1", &erp("ERP")).await;
    let shown = client(&world, &world.pennco, made.text("/client/client_id")).await;
    assert_eq!((shown.status, shown.header("etag")), (200, Some("\"1\"")));
    assert_eq!(shown.json, json!({ "client": made.json["client"], "last_used_at": null, "tokens_issued": 0 }));
    assert!(!shown.body.contains("sec_"), "{shown:?}");
}

#[tokio::test]
async fn each_token_is_counted_and_a_refusal_is_none() {
    let world = World::new().await;
    let made = let_in(&world, &world.pennco, "k1", &erp("ERP")).await;
    let (id, secret) = (made.text("/client/oauth_client_id"), made.text("/client_secret"));
    for seconds in [10, 20, 30] {
        assert_eq!(ask(&world, seconds, &client_credentials(id, secret)).await.status, 200);
    }
    assert_eq!(ask(&world, 40, &client_credentials(id, "wrong")).await.status, 401);
    let shown = client(&world, &world.pennco, made.text("/client/client_id")).await;
    assert_eq!((shown.text("/last_used_at"), &shown.json["tokens_issued"]), ("2026-11-21T06:30:30.000Z", &json!(3)));
    assert_eq!(shown.header("etag"), Some("\"1\""), "use is no change");
    let other = let_in(&world, &world.pennco, "k2", &erp("ERP 2")).await;
    let other = client(&world, &world.pennco, other.text("/client/client_id")).await;
    assert_eq!(other.json["last_used_at"], Value::Null);
}

#[tokio::test]
async fn a_program_of_another_operator_is_unknown() {
    let world = World::new().await;
    let theirs = let_in(&world, &world.vishi, "k1", &erp("ERP")).await;
    for id in [theirs.text("/client/client_id"), "cli_01kagwtb0084nrm0ppw3zy9t20"] {
        assert_eq!(client(&world, &world.pennco, id).await.said(), (404, "unknown"), "{id}");
    }
    assert_eq!(client(&world, &world.vishi, theirs.text("/client/client_id")).await.status, 200);
}
