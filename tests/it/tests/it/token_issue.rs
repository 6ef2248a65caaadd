//! `token-issue`: somebody logs in, or stays logged in.

use domain::{access::TOKEN_ISSUE, operator::User};
use edge::credentials::{Credentials, hash_password};
use serde_json::{Value, json};
use testkit::{Fault, Operation, PASSWORD, Reply, World, asks};

use crate::agent_list;

async fn ask(world: &World, door: &Credentials, seconds: i64, body: &Value) -> Reply {
    let request = asks(&TOKEN_ISSUE).json(body).at(testkit::NOW_MILLIS + seconds * 1000);
    world.send_open(&TOKEN_ISSUE, token_issue::handle, door, &request).await
}

fn password(username: &str, password: &str) -> Value {
    json!({ "grant_type": "password", "username": username, "password": password })
}

fn refresh(token: &str) -> Value {
    json!({ "grant_type": "refresh_token", "refresh_token": token })
}

#[tokio::test]
async fn a_name_and_a_password_give_tokens_that_open_the_other_doors() {
    let world = World::new().await;
    let door = world.credentials().await;
    for (login, person) in world.pennco.everybody() {
        let tokens = ask(&world, &door, 0, &password(&format!("{login}@pennco"), PASSWORD)).await;
        assert_eq!(
            (tokens.status, tokens.text("/token_type"), &tokens.json["expires_in"]),
            (200, "Bearer", &json!(600))
        );
        assert_eq!(tokens.json["principal"], serde_json::to_value(&person.caller).unwrap());
        let mut holder = person.clone();
        tokens.text("/access_token").clone_into(&mut holder.token);
        let status = agent_list::list(&world, &holder, "pune-north").await.status;
        assert!(matches!(status, 200 | 403), "{login}: {status}");
    }
}

#[tokio::test]
async fn a_refresh_token_gives_tokens_for_thirty_days() {
    let world = World::new().await;
    let door = world.credentials().await;
    let login = ask(&world, &door, 0, &password("desk@pennco", PASSWORD)).await;
    let token = login.text("/refresh_token");
    let later = ask(&world, &door, 29 * 86_400, &refresh(token)).await;
    assert_eq!((later.status, &later.json["principal"]), (200, &login.json["principal"]));
    assert_ne!(later.json["access_token"], login.json["access_token"]);
    assert_eq!(ask(&world, &door, 30 * 86_400, &refresh(token)).await.said(), (401, "invalid_credentials"));
    let longer = ask(&world, &door, 30 * 86_400, &refresh(later.text("/refresh_token"))).await;
    assert_eq!(longer.said(), (401, "invalid_credentials"), "refreshing does not prolong the login");
}

#[tokio::test]
async fn whatever_is_wrong_the_answer_is_the_same() {
    let world = World::new().await;
    let door = world.credentials().await;
    let login = ask(&world, &door, 0, &password("desk@pennco", PASSWORD)).await;
    let wrong = ask(&world, &door, 0, &password("desk@pennco", "wrong")).await;
    assert_eq!(wrong.said(), (401, "invalid_credentials"));
    let strip = |reply: &Reply| {
        let mut json = reply.json.clone();
        json.as_object_mut().unwrap().remove("request_id");
        (json, reply.headers.keys().cloned().collect::<Vec<_>>())
    };
    for body in [
        password("nobody@pennco", PASSWORD),
        password("desk@nobody", PASSWORD),
        password("desk@vishi@pennco", PASSWORD),
        password("desk", PASSWORD),
        password("", ""),
        password("@", PASSWORD),
        password("DESK@pennco", PASSWORD),
        password("desk#x@pennco", PASSWORD),
        password("desk@pennco", ""),
        password("desk@pennco", &format!("{PASSWORD} ")),
        json!({ "grant_type": "password", "username": "desk@pennco" }),
        json!({ "grant_type": "password", "refresh_token": login.text("/refresh_token") }),
        json!({ "grant_type": "refresh_token", "username": "desk@pennco", "password": PASSWORD }),
        refresh(""),
        refresh("a.b.c"),
        refresh(login.text("/access_token")),
        refresh(&world.signer.refresh(&world.vishi.operator, "session", world.now()).unwrap()),
    ] {
        let reply = ask(&world, &door, 0, &body).await;
        assert_eq!(strip(&reply), strip(&wrong), "{body}");
    }
}

#[tokio::test]
async fn who_is_disabled_neither_logs_in_nor_stays_logged_in() {
    let world = World::new().await;
    let door = world.credentials().await;
    let gone = User {
        login: "gone".to_owned(),
        password_hash: hash_password(PASSWORD, b"salt of the gone").unwrap(),
        role: domain::Role::Staff,
        subject: world.pennco.desk.subject().to_owned(),
        regions: vec![],
        disabled: true,
    };
    world.directory().create_user(&world.pennco.operator, &gone).await.unwrap();
    let reply = ask(&world, &door, 0, &password("gone@pennco", PASSWORD)).await;
    assert_eq!(reply.said(), (401, "invalid_credentials"));
}

#[tokio::test]
async fn a_session_whose_answer_was_lost_is_still_the_sessions_own() {
    let world = World::new().await;
    let door = world.credentials().await;
    world.table.inject(Fault::LoseAnswer { op: Operation::PutItem, times: 1 });
    let login = ask(&world, &door, 0, &password("desk@pennco", PASSWORD)).await;
    assert_eq!(login.status, 200, "{login:?}");
    assert_eq!(ask(&world, &door, 60, &refresh(login.text("/refresh_token"))).await.status, 200);
}

#[tokio::test]
async fn values_beyond_their_length_are_invalid() {
    let world = World::new().await;
    let door = world.credentials().await;
    let reply = ask(&world, &door, 0, &password(&"x".repeat(101), "y")).await;
    assert_eq!((reply.said(), reply.flaws()[0].0), ((422, "invalid"), "/username"));
    let reply = ask(&world, &door, 0, &password("desk@pennco", &"y".repeat(1001))).await;
    assert_eq!((reply.said(), reply.flaws()[0].0), ((422, "invalid"), "/password"));
    assert!(!reply.body.contains("yyy"), "a password is never said back");
}
