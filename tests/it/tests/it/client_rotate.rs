//! `client-rotate`: an admin gives a program a new secret.

use std::{collections::BTreeSet, sync::Arc};

use domain::access::{CLIENT_ROTATE, TOKEN_ISSUE};
use serde_json::json;
use testkit::{Office, RECORDS, Reply, RestRequest, World, asks};

use crate::{
    client_create::{erp, let_in},
    client_get::client,
    door::call,
    logins::{ask, client_credentials, happened, moment, opens},
    steps::{all_at_once, command},
};

fn rotation(office: &Office, client_id: &str, key: &str, seconds: i64) -> RestRequest {
    command(&office.admin, &CLIENT_ROTATE, key, &json!({})).path("client_id", client_id).at(moment(seconds))
}

async fn rotate(world: &World, client_id: &str, key: &str, seconds: i64) -> Reply {
    call(world, &CLIENT_ROTATE, &rotation(&world.pennco, client_id, key, seconds)).await
}

#[tokio::test]
async fn the_new_secret_is_good_and_the_one_before_is_not_nor_its_tokens() {
    let world = World::new().await;
    let made = let_in(&world, &world.pennco, "k1", &erp("ERP")).await;
    let (client_id, id) = (made.text("/client/client_id"), made.text("/client/oauth_client_id"));
    let before = ask(&world, 0, &client_credentials(id, made.text("/client_secret"))).await;
    let rotated = rotate(&world, client_id, "k1", 1).await;
    assert_eq!((rotated.status, &rotated.json["client"]["generation"]), (200, &json!(2)));
    assert_ne!(rotated.json["client_secret"], made.json["client_secret"]);
    let said = (401, "invalid_credentials");
    assert_eq!(ask(&world, 1, &client_credentials(id, made.text("/client_secret"))).await.said(), said, "at once");
    let after = ask(&world, 2, &client_credentials(id, rotated.text("/client_secret"))).await;
    assert_eq!(after.status, 200);
    assert_eq!((opens(&world, 32, &before).await, opens(&world, 32, &after).await), (401, 200));
    assert_eq!(happened(&world, "client.rotated"), [client_id]);
    assert_eq!(client(&world, &world.pennco, client_id).await.header("etag"), Some("\"2\""));
}

#[tokio::test]
async fn the_same_command_again_shows_the_same_secret_whatever_happened_since() {
    let world = World::new().await;
    let made = let_in(&world, &world.pennco, "k1", &erp("ERP")).await;
    let client_id = made.text("/client/client_id");
    let first = rotate(&world, client_id, "k1", 0).await;
    let second = rotate(&world, client_id, "k2", 0).await;
    assert_ne!(first.json["client_secret"], second.json["client_secret"]);
    let again = rotate(&world, client_id, "k1", 60).await;
    assert_eq!((again.status, again.is_replay(), &again.body), (200, true, &first.body));
    let id = made.text("/client/oauth_client_id");
    for (secret, status) in [(&made, 401), (&first, 401), (&second, 200)] {
        let reply = ask(&world, 61, &client_credentials(id, secret.text("/client_secret"))).await;
        assert_eq!(reply.status, status, "only the latest is good");
    }
    let kept: Vec<String> = world.table.items(RECORDS).iter().map(ToString::to_string).collect();
    for shown in [&made, &first, &second] {
        let secret = shown.text("/client_secret").trim_start_matches("sec_");
        assert!(kept.iter().all(|text| !text.contains(secret)), "none of them lies in the table");
    }
}

#[tokio::test(start_paused = true)]
async fn of_many_rotations_at_once_each_that_is_made_has_a_secret_of_its_own_and_the_last_one_is_good() {
    let world = Arc::new(World::new().await);
    let made = let_in(&world, &world.pennco, "k1", &erp("ERP")).await;
    let client_id = made.text("/client/client_id");
    let requests = (0..6).map(|n| rotation(&world.pennco, client_id, &format!("r{n}"), 0)).collect();
    let replies = all_at_once(&world, &CLIENT_ROTATE, requests).await;
    let (done, busy): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 200);
    assert!(busy.iter().all(|reply| reply.said() == (409, "in_progress")), "{busy:?}");
    let secrets: BTreeSet<&str> = done.iter().map(|reply| reply.text("/client_secret")).collect();
    assert_eq!(secrets.len(), done.len());
    println!("6 rotations at once: {} made, {} told to come again", done.len(), busy.len());
    let shown = client(&world, &world.pennco, client_id).await;
    assert_eq!(shown.json["client"]["generation"], json!(done.len() + 1), "one generation each");
    let mut good = 0;
    for secret in &secrets {
        let tokens = ask(&world, 1, &client_credentials(made.text("/client/oauth_client_id"), secret)).await;
        good += i32::from(tokens.status == 200);
    }
    assert_eq!(good, 1);
}

#[tokio::test]
async fn a_token_a_millisecond_after_the_rotation_is_good() {
    let world = World::new().await;
    let made = let_in(&world, &world.pennco, "k1", &erp("ERP")).await;
    let rotated = rotate(&world, made.text("/client/client_id"), "k1", 1).await;
    let grant = client_credentials(made.text("/client/oauth_client_id"), rotated.text("/client_secret"));
    let tokens = call(&world, &TOKEN_ISSUE, &asks(&TOKEN_ISSUE).json(&grant).at(moment(1) + 1)).await;
    assert_eq!((tokens.status, opens(&world, 32, &tokens).await), (200, 200));
}

#[tokio::test]
async fn a_program_of_another_operator_is_unknown() {
    let world = World::new().await;
    let theirs = let_in(&world, &world.vishi, "k1", &erp("ERP")).await;
    for id in [theirs.text("/client/client_id"), "cli_01kagwtb0084nrm0ppw3zy9t20"] {
        assert_eq!(rotate(&world, id, "k1", 0).await.said(), (404, "unknown"), "{id}");
    }
    let id = theirs.text("/client/oauth_client_id");
    assert_eq!(ask(&world, 1, &client_credentials(id, theirs.text("/client_secret"))).await.status, 200);
}
