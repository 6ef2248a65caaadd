//! `client-update`: an admin changes a program's name, scopes or status.

use std::sync::Arc;

use domain::access::{CLIENT_UPDATE, SETTLEMENT_LIST};
use serde_json::{Value, json};
use testkit::{Reply, RestRequest, World, asks};

use crate::{
    client_create::{erp, let_in},
    client_get::client,
    door::call,
    logins::{ask, client_credentials, happened, moment, opens},
    steps::{all_at_once, command},
};

fn edit(world: &World, client_id: &str, key: &str, version: &str, body: &Value) -> RestRequest {
    let request = command(&world.pennco.admin, &CLIENT_UPDATE, key, body).path("client_id", client_id);
    request.header("If-Match", version)
}

async fn update(world: &World, client_id: &str, seconds: i64, version: &str, body: &Value) -> Reply {
    let request = edit(world, client_id, &format!("edit-{seconds}-{}", version.replace('"', "")), version, body);
    call(world, &CLIENT_UPDATE, &request.at(moment(seconds))).await
}

/// What a program's token gets where settlements are listed.
async fn settlements(world: &World, seconds: i64, tokens: &Reply) -> Reply {
    let bearer = format!("Bearer {}", tokens.text("/access_token"));
    let request = asks(&SETTLEMENT_LIST).header("Authorization", &bearer).at(moment(seconds));
    call(world, &SETTLEMENT_LIST, &request).await
}

#[tokio::test]
async fn fewer_scopes_take_the_tokens_from_before_back() {
    let world = World::new().await;
    let made = let_in(&world, &world.pennco, "k1", &erp("ERP")).await;
    let grant = client_credentials(made.text("/client/oauth_client_id"), made.text("/client_secret"));
    let before = ask(&world, 0, &grant).await;
    assert_eq!(settlements(&world, 0, &before).await.status, 200);
    let less = json!({ "scopes": ["session:read"] });
    let updated = update(&world, made.text("/client/client_id"), 1, "\"1\"", &less).await;
    assert_eq!((updated.status, &updated.json["scopes"]), (200, &less["scopes"]));
    assert_eq!(updated.header("etag"), Some("\"2\""));
    assert_eq!(settlements(&world, 32, &before).await.said(), (401, "unauthenticated"));
    let after = ask(&world, 2, &grant).await;
    assert_eq!((after.status, after.text("/scope")), (200, "session:read"), "the secret is the same");
    assert_eq!(settlements(&world, 32, &after).await.said(), (403, "insufficient_scope"));
    assert_eq!(opens(&world, 32, &after).await, 200);
    let mut more = grant.clone();
    more["scope"] = json!("settlement:read");
    assert_eq!(ask(&world, 3, &more).await.flaws(), [("/scope", "unknown_scope")]);
    assert_eq!(happened(&world, "client.updated"), [made.text("/client/client_id")]);
}

#[tokio::test]
async fn a_disabled_program_gets_no_tokens_and_its_tokens_are_taken_back_until_it_is_let_in_again() {
    let world = World::new().await;
    let made = let_in(&world, &world.pennco, "k1", &erp("ERP")).await;
    let other = let_in(&world, &world.pennco, "k2", &erp("ERP 2")).await;
    let client_id = made.text("/client/client_id");
    let grant = |made: &Reply| client_credentials(made.text("/client/oauth_client_id"), made.text("/client_secret"));
    let (before, of_other) = (ask(&world, 0, &grant(&made)).await, ask(&world, 0, &grant(&other)).await);
    let off = update(&world, client_id, 1, "\"1\"", &json!({ "status": "disabled" })).await;
    assert_eq!((off.status, off.text("/status")), (200, "disabled"));
    assert_eq!(ask(&world, 2, &grant(&made)).await.said(), (401, "invalid_credentials"));
    assert_eq!((opens(&world, 32, &before).await, opens(&world, 32, &of_other).await), (401, 200));
    let on = update(&world, client_id, 40, "\"2\"", &json!({ "status": "active" })).await;
    assert_eq!(on.text("/status"), "active");
    let after = ask(&world, 41, &grant(&made)).await;
    assert_eq!((opens(&world, 80, &before).await, opens(&world, 80, &after).await), (401, 200));
}

#[tokio::test]
async fn an_edit_names_its_version_and_is_made_once() {
    let world = World::new().await;
    let made = let_in(&world, &world.pennco, "k1", &erp("ERP")).await;
    let client_id = made.text("/client/client_id");
    let name = json!({ "name": "Core banking" });
    let unnamed = command(&world.pennco.admin, &CLIENT_UPDATE, "k1", &name).path("client_id", client_id);
    assert_eq!(call(&world, &CLIENT_UPDATE, &unnamed).await.said(), (428, "if_match_missing"));
    for stale in ["\"0\"", "\"2\"", "*", "W/\"1\"", ""] {
        let reply = call(&world, &CLIENT_UPDATE, &edit(&world, client_id, "k1", stale, &name)).await;
        assert_eq!(reply.said(), (412, "version_passed"), "{stale}");
    }
    let first = call(&world, &CLIENT_UPDATE, &edit(&world, client_id, "k1", "\"1\"", &name)).await;
    assert_eq!((first.status, first.text("/name")), (200, "Core banking"));
    assert_eq!(update(&world, client_id, 1, "\"2\"", &json!({ "name": "ERP 3" })).await.status, 200);
    let again = call(&world, &CLIENT_UPDATE, &edit(&world, client_id, "k1", "\"1\"", &name)).await;
    assert_eq!((again.is_replay(), &again.body, again.header("etag")), (true, &first.body, Some("\"2\"")));
    assert_eq!(client(&world, &world.pennco, client_id).await.text("/client/name"), "ERP 3");
}

#[tokio::test(start_paused = true)]
async fn of_sixteen_edits_of_one_version_one_is_made() {
    let world = Arc::new(World::new().await);
    let made = let_in(&world, &world.pennco, "k1", &erp("ERP")).await;
    let client_id = made.text("/client/client_id");
    let request = |n: i32| edit(&world, client_id, &format!("k{n}"), "\"1\"", &json!({ "name": format!("ERP {n}") }));
    let replies = all_at_once(&world, &CLIENT_UPDATE, (0..16).map(request).collect()).await;
    let (done, refused): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 200);
    assert_eq!((done.len(), refused.len()), (1, 15));
    assert!(refused.iter().all(|reply| reply.said() == (412, "version_passed")), "{refused:?}");
}

#[tokio::test]
async fn what_no_program_has_is_refused_and_changes_nothing() {
    let world = World::new().await;
    let made = let_in(&world, &world.pennco, "k1", &erp("ERP")).await;
    let client_id = made.text("/client/client_id");
    for (body, pointer, code) in [
        (json!({ "scopes": ["user:write"] }), "/scopes", "unknown_scope"),
        (json!({ "scopes": [] }), "/scopes", "invalid_value"),
        (json!({ "name": "" }), "/name", "invalid_value"),
        (json!({ "status": "gone" }), "/status", "invalid_value"),
    ] {
        let reply = call(&world, &CLIENT_UPDATE, &edit(&world, client_id, "k1", "\"1\"", &body)).await;
        assert_eq!((reply.said(), reply.flaws()), ((422, "invalid"), vec![(pointer, code)]), "{body}");
    }
    for stranger in ["role", "partner_id", "client_secret", "generation"] {
        let body = json!({ stranger: "x" });
        let reply = call(&world, &CLIENT_UPDATE, &edit(&world, client_id, "k1", "\"1\"", &body)).await;
        assert_eq!(reply.said(), (400, "unknown_field"), "{stranger}");
    }
    assert_eq!(client(&world, &world.pennco, client_id).await.json["client"], made.json["client"]);
}

#[tokio::test]
async fn a_program_of_another_operator_is_unknown() {
    let world = World::new().await;
    let theirs = let_in(&world, &world.vishi, "k1", &erp("ERP")).await;
    for id in [theirs.text("/client/client_id"), "cli_01kagwtb0084nrm0ppw3zy9t20"] {
        assert_eq!(update(&world, id, 0, "\"1\"", &json!({ "name": "Ours" })).await.said(), (404, "unknown"), "{id}");
    }
    assert_eq!(client(&world, &world.vishi, theirs.text("/client/client_id")).await.text("/client/name"), "ERP");
}
