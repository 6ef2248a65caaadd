//! `client-create`: an admin lets a program in, and sees its secret.

use domain::access::CLIENT_CREATE;
use serde_json::{Value, json};
use testkit::{Office, RECORDS, Reply, World};

use crate::{
    door::call,
    logins::{ask, client_credentials, happened},
    steps::{command, relay},
};

/// Lets a program in under a key.
pub(crate) async fn let_in(world: &World, office: &Office, key: &str, body: &Value) -> Reply {
    call(world, &CLIENT_CREATE, &command(&office.admin, &CLIENT_CREATE, key, body)).await
}

/// A program of the first lender of this name.
pub(crate) fn erp(name: &str) -> Value {
    json!({ "name": name, "role": "partner", "partner_id": "bfil", "scopes": ["settlement:read", "session:read"] })
}

#[tokio::test]
async fn a_partners_program_is_let_in_with_a_secret_that_works() {
    let world = World::new().await;
    let made = let_in(&world, &world.pennco, "k1", &erp("ERP")).await;
    let (id, secret) = (made.text("/client/client_id"), made.text("/client_secret"));
    let wanted = json!({
        "client_id": id, "oauth_client_id": format!("{id}@pennco"), "name": "ERP", "role": "partner", "subject": "bfil",
        "scopes": ["session:read", "settlement:read"], "status": "active", "generation": 1, "version": 1,
        "created_at": "2026-11-21T06:30:00.000Z", "updated_at": "2026-11-21T06:30:00.000Z",
    });
    assert_eq!((made.status, &made.json["client"]), (201, &wanted));
    assert!(id.starts_with("cli_") && secret.starts_with("sec_") && secret.len() == 47, "256 bits: {made:?}");
    let tokens = ask(&world, 0, &client_credentials(made.text("/client/oauth_client_id"), secret)).await;
    assert_eq!((tokens.status, tokens.text("/scope")), (200, "session:read settlement:read"));
    assert_eq!(happened(&world, "client.created"), [id]);
}

#[tokio::test]
async fn the_settlement_desks_program_is_itself() {
    let world = World::new().await;
    let body = json!({ "name": "Bank", "role": "settlement", "scopes": ["settlement:write", "settlement:read"] });
    let made = let_in(&world, &world.pennco, "k1", &body).await;
    assert_eq!((made.status, made.text("/client/subject")), (201, made.text("/client/client_id")));
    let id = made.text("/client/oauth_client_id");
    let tokens = ask(&world, 0, &client_credentials(id, made.text("/client_secret"))).await;
    assert_eq!(tokens.text("/principal/subject"), made.text("/client/client_id"));
}

#[tokio::test]
async fn the_same_command_again_shows_the_same_secret_and_another_key_another_program() {
    let world = World::new().await;
    let first = let_in(&world, &world.pennco, "k1", &erp("ERP")).await;
    let again = let_in(&world, &world.pennco, "k1", &erp("ERP")).await;
    assert_eq!((again.status, again.is_replay(), &again.body), (201, true, &first.body));
    let other = let_in(&world, &world.pennco, "k2", &erp("ERP")).await;
    assert_ne!(other.json["client"]["client_id"], first.json["client"]["client_id"]);
    assert_ne!(other.json["client_secret"], first.json["client_secret"]);
    let theirs = let_in(&world, &world.vishi, "k1", &erp("ERP")).await;
    assert_eq!(theirs.status, 201);
    assert_ne!(theirs.json["client_secret"], first.json["client_secret"], "another operator's is another");
}

#[tokio::test]
async fn the_secret_lies_nowhere() {
    let world = World::new().await;
    let made = let_in(&world, &world.pennco, "k1", &erp("ERP")).await;
    let secret = made.text("/client_secret").trim_start_matches("sec_");
    relay(&world).await;
    let kept: Vec<String> = world.table.items(RECORDS).iter().map(Value::to_string).collect();
    let sent: Vec<String> = world.queues.sent_to("activity").into_iter().map(|sent| sent.body).collect();
    assert!(kept.iter().any(|text| text.contains(made.text("/client/client_id"))), "the program lies there");
    assert_eq!(kept.iter().chain(&sent).find(|text| text.contains(secret)), None);
}

#[tokio::test]
async fn a_program_gets_what_its_role_can_use_and_nothing_else() {
    let world = World::new().await;
    let mut cases = 0;
    let partner = |scopes: Value| json!({ "name": "X", "role": "partner", "partner_id": "bfil", "scopes": scopes });
    for (body, pointer, code) in [
        (partner(json!(["user:write"])), "/scopes", "unknown_scope"),
        (partner(json!(["settlement:read", "statement:write"])), "/scopes", "unknown_scope"),
        (partner(json!(["settlement"])), "/scopes", "unknown_scope"),
        (partner(json!([""])), "/scopes", "unknown_scope"),
        (partner(json!(["token:write"])), "/scopes", "unknown_scope"),
        (partner(json!(["settlement:read delivery:write"])), "/scopes", "unknown_scope"),
        (partner(json!([])), "/scopes", "invalid_value"),
        (json!({ "name": "X", "role": "partner", "scopes": ["settlement:read"] }), "/partner_id", "required"),
        (
            json!({ "name": "X", "role": "partner", "partner_id": "nobody", "scopes": ["settlement:read"] }),
            "/partner_id",
            "unknown_partner",
        ),
        (
            json!({ "name": "X", "role": "settlement", "partner_id": "bfil", "scopes": ["settlement:read"] }),
            "/partner_id",
            "not_allowed",
        ),
        (json!({ "name": "X", "role": "admin", "scopes": ["user:write"] }), "/role", "not_allowed"),
        (json!({ "name": "X", "role": "staff", "scopes": ["delivery:write"] }), "/role", "not_allowed"),
        (json!({ "name": "X", "role": "agent", "scopes": ["delivery:write"] }), "/role", "not_allowed"),
        (json!({ "name": "", "role": "settlement", "scopes": ["settlement:read"] }), "/name", "invalid_value"),
    ] {
        let reply = let_in(&world, &world.pennco, "k1", &body).await;
        assert_eq!((reply.said(), reply.flaws()), ((422, "invalid"), vec![(pointer, code)]), "{body}");
        assert!(code != "unknown_scope" || reply.text("/errors/0/hint").contains("settlement:read"), "{reply:?}");
        cases += 1;
    }
    println!("programs that nobody lets in: {cases} cases");
    assert_eq!(happened(&world, "client.created"), [""; 0]);
    assert_eq!(let_in(&world, &world.pennco, "k1", &erp("ERP")).await.status, 201, "none of them used up the key");
}
