//! `session-delete`: somebody logs out, at the console or on a phone.

use domain::access::{SESSION_DELETE, TOKEN_ISSUE};
use testkit::{Reply, RestRequest, World, asks};

use crate::{
    door::call,
    logins::{
        Phone, agents_as, ask, client_credentials, console, cookie_opens, happened, login, moment, opens, phone_login,
        program, refresh,
    },
    steps::all_at_once,
};

fn by_bearer(tokens: &Reply) -> RestRequest {
    asks(&SESSION_DELETE).header("Authorization", &format!("Bearer {}", tokens.text("/access_token")))
}

async fn log_out(world: &World, tokens: &Reply) -> Reply {
    call(world, &SESSION_DELETE, &by_bearer(tokens)).await
}

#[tokio::test]
async fn who_logs_out_cannot_refresh_at_once_and_is_out_within_a_minute() {
    let world = World::new().await;
    let tokens = login(&world, 0, "desk@pennco").await;
    let next = ask(&world, 0, &refresh(tokens.text("/refresh_token"))).await;
    let other = login(&world, 0, "desk@pennco").await;
    let ended = log_out(&world, &tokens).await;
    assert_eq!(ended.status, 200);
    assert!(tokens.text("/refresh_token").contains(ended.text("/session_id")), "{ended:?}");
    assert_eq!(happened(&world, "session.closed"), [ended.text("/session_id")]);
    for token in [tokens.text("/refresh_token"), next.text("/refresh_token")] {
        assert_eq!(ask(&world, 0, &refresh(token)).await.said(), (401, "invalid_credentials"));
    }
    for tokens in [&tokens, &next] {
        assert_eq!(agents_as(&world, 31, tokens).await.said(), (401, "unauthenticated"));
    }
    assert_eq!(opens(&world, 31, &other).await, 200, "another login of theirs goes on");
    assert_eq!(ask(&world, 31, &refresh(other.text("/refresh_token"))).await.status, 200);
    assert_eq!(happened(&world, "session.stolen"), [""; 0]);
}

#[tokio::test]
async fn the_console_logs_out_with_its_csrf_token_and_the_cookie_is_taken_away() {
    let world = World::new().await;
    let (cookie, csrf_token) = console(&world, "desk@pennco").await;
    let (other, _) = console(&world, "desk@pennco").await;
    let by_cookie = || asks(&SESSION_DELETE).header("Cookie", &cookie);
    let alone = call(&world, &SESSION_DELETE, &by_cookie()).await;
    assert_eq!((alone.said(), alone.header("set-cookie")), ((403, "csrf_token_missing"), None));
    assert_eq!(cookie_opens(&world, 31, &cookie).await, 200, "another page logs nobody out");
    let out = call(&world, &SESSION_DELETE, &by_cookie().header("X-CSRF-Token", &csrf_token).at(moment(31))).await;
    assert_eq!(out.status, 200);
    let gone = "__Host-session=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict";
    assert_eq!(out.header("set-cookie"), Some(gone));
    for seconds in [62, 3_600, 12 * 3_600 - 1] {
        assert_eq!(cookie_opens(&world, seconds, &cookie).await, 401, "a copy of it after {seconds} seconds");
        assert_eq!(cookie_opens(&world, seconds, &other).await, 200, "another browser goes on");
    }
}

#[tokio::test]
async fn a_phone_logs_out_and_logs_in_again() {
    let world = World::new().await;
    let phone = Phone::new(1);
    let tokens = phone_login(&world, &world.pennco, &phone).await;
    assert_eq!(log_out(&world, &tokens).await.status, 200);
    let refresh = phone.refreshes(tokens.text("/refresh_token"));
    assert_eq!(call(&world, &TOKEN_ISSUE, &refresh).await.said(), (401, "invalid_credentials"));
    assert_eq!(opens(&world, 31, &tokens).await, 401);
    let again = phone_login(&world, &world.pennco, &phone).await;
    assert_eq!((again.text("/device_id"), opens(&world, 31, &again).await), (tokens.text("/device_id"), 200));
}

#[tokio::test]
async fn who_logs_out_again_before_everybody_has_heard_of_it_is_out() {
    let world = World::new().await;
    let tokens = login(&world, 0, "desk@pennco").await;
    let first = log_out(&world, &tokens).await;
    let second = log_out(&world, &tokens).await;
    assert_eq!((second.status, &second.body), (200, &first.body));
    assert_eq!(happened(&world, "session.closed").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn eight_logouts_at_once_are_one() {
    let world = std::sync::Arc::new(World::new().await);
    let tokens = login(&world, 0, "desk@pennco").await;
    let requests = (0..8).map(|_| by_bearer(&tokens)).collect();
    let replies = all_at_once(&world, &SESSION_DELETE, requests).await;
    assert!(replies.iter().all(|reply| reply.status == 200), "{replies:?}");
    assert_eq!(happened(&world, "session.closed").len(), 1);
}

#[tokio::test]
async fn a_program_has_no_login_to_end() {
    let world = World::new().await;
    let (id, secret) = program(&world, &world.pennco, &["session:write", "session:read"]).await;
    let tokens = ask(&world, 0, &client_credentials(&id, &secret)).await;
    assert_eq!(log_out(&world, &tokens).await.said(), (404, "unknown"));
    assert_eq!(opens(&world, 31, &tokens).await, 200);
}

#[tokio::test]
async fn nobody_logs_out_who_is_not_in() {
    let world = World::new().await;
    let nobody = call(&world, &SESSION_DELETE, &asks(&SESSION_DELETE)).await;
    assert_eq!((nobody.said(), nobody.header("set-cookie")), ((401, "unauthenticated"), None));
}
