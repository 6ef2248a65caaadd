//! `session-create`: somebody logs in at the console; their browser keeps the login in a cookie.

use domain::{
    Role,
    access::{AGENT_LIST, EXPORT_CREATE, SESSION_CREATE, USER_CREATE, USER_LIST},
};
use serde_json::{Value, json};
use testkit::{PASSWORD, RECORDS, Reply, RestRequest, World, asks};

use crate::{
    door::call,
    logins::{
        ask, bytes, change, clerk, console, console_at, cookie_opens, happened, login, moment, password, refresh,
        second_factor, totp_at,
    },
};

async fn open(world: &World, seconds: i64, body: &Value) -> Reply {
    call(world, &SESSION_CREATE, &asks(&SESSION_CREATE).json(body).at(moment(seconds))).await
}

fn by_name(username: &str, password: &str) -> Value {
    json!({ "username": username, "password": password })
}

/// The command of an admin, by a browser with this cookie.
fn take_on(cookie: &str, key: &str) -> RestRequest {
    asks(&USER_CREATE).header("Cookie", cookie).header("Idempotency-Key", key).json(&clerk("newcomer"))
}

#[tokio::test]
async fn the_cookie_is_out_of_reach_of_scripts_of_other_pages_and_of_plain_http() {
    let world = World::new().await;
    for (name, person) in world.pennco.everybody().into_iter().filter(|(_, one)| one.caller.role != Role::Agent) {
        let opened = open(&world, 0, &by_name(&format!("{name}@pennco"), PASSWORD)).await;
        assert_eq!((opened.status, &opened.json["expires_in"]), (201, &json!(43_200)));
        assert_eq!(opened.json["principal"], serde_json::to_value(&person.caller).unwrap());
        let cookie = opened.header("set-cookie").unwrap();
        let (pair, attributes) = cookie.split_once("; ").unwrap();
        let token = pair.strip_prefix("__Host-session=").unwrap();
        assert_eq!(attributes, "Path=/; Max-Age=43200; Secure; HttpOnly; SameSite=Strict", "and no Domain");
        assert!(token.split('.').count() == 3 && !opened.body.contains(token), "{opened:?}");
        assert!(opened.text("/csrf_token").len() >= 22, "128 bits: {opened:?}");
    }
}

#[tokio::test]
async fn the_cookie_reads_for_twelve_hours() {
    let world = World::new().await;
    let (cookie, _) = console(&world, "desk@pennco").await;
    for (seconds, status) in [(0, 200), (3_600, 200), (12 * 3_600 - 1, 200), (12 * 3_600 + 60, 401)] {
        let request = asks(&AGENT_LIST).query("region", "pune-north").header("Cookie", &cookie).at(moment(seconds));
        assert_eq!(call(&world, &AGENT_LIST, &request).await.status, status, "after {seconds} seconds");
    }
    let among = format!("theme=dark; {cookie}; lang=en");
    assert_eq!(cookie_opens(&world, 0, &among).await, 200, "among other cookies");
    let request = asks(&USER_LIST).header("Cookie", &cookie);
    assert_eq!(call(&world, &USER_LIST, &request).await.said(), (403, "forbidden"), "the role is the same");
}

#[tokio::test]
async fn a_cookie_alone_changes_nothing() {
    let world = World::new().await;
    let (cookie, csrf_token) = console(&world, "admin@pennco").await;
    let (_, of_another_login) = console(&world, "admin@pennco").await;
    let (_, of_another_operator) = console(&world, "admin@vishi").await;
    let before = world.table.items(RECORDS).len();
    let turned: String = csrf_token.chars().rev().collect();
    let shorter = &csrf_token[..csrf_token.len() - 1];
    let bad = [
        None,
        Some(""),
        Some("x"),
        Some(&*of_another_login),
        Some(&*of_another_operator),
        Some(&*turned),
        Some(shorter),
    ];
    for csrf_token in bad {
        let request = take_on(&cookie, "k1");
        let request = csrf_token.iter().fold(request, |request, token| request.header("X-CSRF-Token", token));
        let reply = call(&world, &USER_CREATE, &request).await;
        assert_eq!(reply.said(), (403, "csrf_token_missing"), "{csrf_token:?}");
    }
    println!("cookies without their CSRF token: {} cases", bad.len());
    assert_eq!(world.table.items(RECORDS).len(), before);
    let reply = call(&world, &USER_CREATE, &take_on(&cookie, "k1").header("X-CSRF-Token", &csrf_token)).await;
    assert_eq!((reply.status, reply.is_replay()), (201, false), "{reply:?}");
}

#[tokio::test]
async fn a_bearer_token_needs_no_csrf_token_and_is_judged_alone() {
    let world = World::new().await;
    let (cookie, csrf_token) = console(&world, "admin@pennco").await;
    let tokens = login(&world, 0, "admin@pennco").await;
    let bearer = format!("Bearer {}", tokens.text("/access_token"));
    let export = |request: RestRequest| {
        let body = json!({ "kind": "deliveries", "day": "2026-11-21" });
        request.header("Idempotency-Key", "k1").json(&body)
    };
    let request = export(asks(&EXPORT_CREATE).header("Authorization", &bearer));
    assert_eq!(call(&world, &EXPORT_CREATE, &request).await.status, 202);
    let both = asks(&EXPORT_CREATE).header("Authorization", &bearer).header("Cookie", &cookie);
    assert_eq!(
        call(&world, &EXPORT_CREATE, &export(both)).await.status,
        202,
        "the bearer token is the one that counts"
    );
    let bad = asks(&EXPORT_CREATE).header("Authorization", "Bearer x").header("Cookie", &cookie);
    let reply = call(&world, &EXPORT_CREATE, &export(bad.header("X-CSRF-Token", &csrf_token))).await;
    assert_eq!(reply.said(), (401, "unauthenticated"), "a bad one is not made good by a cookie");
}

#[tokio::test]
async fn a_cookie_is_no_bearer_token_a_bearer_token_no_cookie_and_two_cookies_are_none() {
    let world = World::new().await;
    let (cookie, _) = console(&world, "desk@pennco").await;
    let tokens = login(&world, 0, "desk@pennco").await;
    let as_bearer = cookie.replace("__Host-session=", "Bearer ");
    let request = asks(&AGENT_LIST).query("region", "pune-north");
    let reply = call(&world, &AGENT_LIST, &request.header("Authorization", &as_bearer)).await;
    assert_eq!(reply.said(), (401, "unauthenticated"));
    let as_cookie = format!("__Host-session={}", tokens.text("/access_token"));
    for cookies in [as_cookie, format!("{cookie}; {cookie}"), cookie.replace("__Host-", ""), cookie.to_lowercase()] {
        assert_eq!(cookie_opens(&world, 0, &cookies).await, 401, "{cookies}");
    }
}

#[tokio::test]
async fn refusals_are_those_of_the_token_endpoint_and_set_no_cookie() {
    let world = World::new().await;
    let at_the_token_endpoint = ask(&world, 0, &password("nobody@pennco", PASSWORD)).await;
    let elsewhere = |reply: &Reply| {
        let (status, body, headers) = bytes(reply);
        (status, body.replace("/auth/token", "/auth/session"), headers)
    };
    let names = [
        ("desk@pennco", "wrong"),
        ("nobody@pennco", PASSWORD),
        ("desk@nobody", PASSWORD),
        ("desk", PASSWORD),
        ("", ""),
        ("+919800000001@pennco", PASSWORD),
        ("DESK@pennco", PASSWORD),
        ("desk@pennco", ""),
    ];
    for (name, password) in names {
        let reply = open(&world, 0, &by_name(name, password)).await;
        assert_eq!(elsewhere(&reply), elsewhere(&at_the_token_endpoint), "{name}");
        assert_eq!(reply.header("set-cookie"), None, "{name}");
    }
    let form = asks(&SESSION_CREATE).header("Content-Type", "application/x-www-form-urlencoded");
    let form = form.body("username=desk%40pennco&password=x");
    assert_eq!(call(&world, &SESSION_CREATE, &form).await.said(), (415, "unsupported_media_type"), "no page's form");
}

#[tokio::test]
async fn the_console_asks_for_the_second_factor_as_well() {
    let world = World::new().await;
    let secret = second_factor(&world, &world.pennco.desk).await;
    let mut body = by_name("desk@pennco", PASSWORD);
    assert_eq!(open(&world, 60, &body).await.said(), (401, "totp_required"));
    body["totp"] = json!("12345x");
    assert_eq!(open(&world, 60, &body).await.said(), (401, "invalid_credentials"));
    body["totp"] = json!(totp_at(&secret, 60));
    assert_eq!(open(&world, 60, &body).await.status, 201);
    assert_eq!(open(&world, 60, &body).await.said(), (401, "invalid_credentials"), "once");
}

#[tokio::test]
async fn attempts_at_both_doors_are_counted_together() {
    let world = World::new().await;
    for n in 0..10 {
        let reply = match n % 2 {
            0 => ask(&world, 0, &password("desk@pennco", "wrong")).await,
            _ => open(&world, 0, &by_name("desk@pennco", "wrong")).await,
        };
        assert_eq!(reply.status, 401, "attempt {n}");
    }
    assert_eq!(open(&world, 0, &by_name("desk@pennco", PASSWORD)).await.said(), (429, "too_many_requests"));
    assert_eq!(ask(&world, 0, &password("desk@pennco", PASSWORD)).await.said(), (429, "too_many_requests"));
}

#[tokio::test]
async fn a_login_of_the_console_is_noted_and_cannot_be_refreshed() {
    let world = World::new().await;
    let (cookie, _) = console(&world, "desk@pennco").await;
    assert_eq!(happened(&world, "session.opened").len(), 1);
    let token = cookie.trim_start_matches("__Host-session=");
    let reply = ask(&world, 0, &refresh(token)).await;
    assert_eq!(reply.said(), (401, "invalid_credentials"));
}

#[tokio::test]
async fn who_loses_their_rights_loses_the_cookie() {
    let world = World::new().await;
    let (cookie, _) = console(&world, "desk@pennco").await;
    let off = json!({ "status": "disabled" });
    assert_eq!(change(&world, &world.pennco, 1, world.pennco.desk.subject(), &off).await.status, 200);
    for seconds in [32, 3_600, 12 * 3_600 - 1] {
        assert_eq!(cookie_opens(&world, seconds, &cookie).await, 401, "after {seconds} seconds");
    }
}

#[tokio::test]
async fn a_console_login_that_arrived_while_its_owner_was_disabled_ends_with_the_others() {
    let world = World::new().await;
    // The admin's change arrives at 1 s and waits for the table; the login comes at 3 s and is through before it.
    let (cookie, _) = console_at(&world, 3, "desk@pennco").await;
    let off = json!({ "status": "disabled" });
    assert_eq!(change(&world, &world.pennco, 1, world.pennco.desk.subject(), &off).await.status, 200);
    assert_eq!(cookie_opens(&world, 40, &cookie).await, 401, "or somebody who is disabled goes on for twelve hours");
}
