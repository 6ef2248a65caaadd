//! `jwks-get`: the public keys of tokens, for whoever else wants to check one.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use data_encoding::BASE64URL_NOPAD;
use domain::access::JWKS_GET;
use serde_json::{Value, json};
use testkit::{KID, Operation, Reply, World, asks};

use crate::{
    door::call,
    logins::{login, moment},
};

/// The key set, so many seconds from now.
pub(crate) async fn keys(world: &World, seconds: i64) -> Reply {
    let reply = call(world, &JWKS_GET, &asks(&JWKS_GET).at(moment(seconds))).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply
}

/// Names of the keys that are shown, so many seconds from now.
pub(crate) async fn kids(world: &World, seconds: i64) -> Vec<String> {
    let shown = keys(world, seconds).await;
    let keys = shown.json["keys"].as_array().unwrap();
    keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn everybody_sees_the_public_keys_and_may_keep_them_for_five_minutes() {
    let world = World::new().await;
    let shown = keys(&world, 0).await;
    let wanted = json!({ "keys": [{
        "kty": "OKP", "crv": "Ed25519", "kid": KID, "x": world.public_key.x, "alg": "EdDSA", "use": "sig",
    }] });
    assert_eq!(shown.json, wanted, "and no private part of any");
    assert_eq!(shown.header("cache-control"), Some("public, max-age=300"));
}

#[tokio::test]
async fn it_is_one_query_and_nobody_is_counted() {
    let world = World::new().await;
    keys(&world, 0).await;
    let calls = world.table.calls();
    assert_eq!((calls.total().count, calls.count(Operation::Query)), (1, 1), "{calls}");
}

#[tokio::test]
async fn whoever_has_the_keys_can_check_a_token() {
    let world = World::new().await;
    let tokens = login(&world, 0, "desk@pennco").await;
    let (head, signature) = tokens.text("/access_token").rsplit_once('.').unwrap();
    let header = BASE64URL_NOPAD.decode(head.split('.').next().unwrap().as_bytes()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    let shown = keys(&world, 0).await;
    let keys = shown.json["keys"].as_array().unwrap();
    let key = keys.iter().find(|key| key["kid"] == header["kid"]).unwrap();
    let x = BASE64URL_NOPAD.decode(key["x"].as_str().unwrap().as_bytes()).unwrap();
    let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
    UnparsedPublicKey::new(&ED25519, x).verify(head.as_bytes(), &signature).unwrap();
}

#[tokio::test]
async fn a_key_that_is_retired_is_not_shown_from_that_moment_on() {
    let world = World::new().await;
    let (_, other) = edge::token::generate_key_pair("k2", world.now()).unwrap();
    world.directory().publish(&other).await.unwrap();
    assert_eq!(kids(&world, 0).await, [KID, "k2"]);
    world.directory().retire(KID, world.now().plus_seconds(60)).await.unwrap();
    assert_eq!(kids(&world, 59).await, [KID, "k2"]);
    assert_eq!(kids(&world, 60).await, ["k2"]);
}
