//! `totp-confirm`: the first code shows that the app has the factor; from then on a login asks for one.

use std::sync::Arc;

use domain::access::TOTP_CONFIRM;
use serde_json::json;
use testkit::{PASSWORD, World, asks};

use crate::{
    door::call,
    logins::{ask, confirm, enrol, happened, login, moment, opens, password, refresh, second_factor, totp_at, user},
    steps::all_at_once,
};

const MISMATCH: (u16, &str) = (422, "totp_mismatch");

#[tokio::test]
async fn the_first_code_confirms_the_factor_and_ends_no_login() {
    let world = World::new().await;
    let desk = &world.pennco.desk;
    let tokens = login(&world, 0, "desk@pennco").await;
    let secret = enrol(&world, desk).await;
    let confirmed = confirm(&world, desk, &totp_at(&secret, 0)).await;
    assert_eq!((confirmed.status, &confirmed.json["has_totp"]), (200, &json!(true)));
    assert_eq!(happened(&world, "totp.confirmed"), [desk.subject()]);
    assert_eq!(ask(&world, 1, &password("desk@pennco", PASSWORD)).await.said(), (401, "totp_required"));
    assert_eq!(opens(&world, 40, &tokens).await, 200);
    let refreshed = ask(&world, 40, &refresh(tokens.text("/refresh_token"))).await;
    assert_eq!(refreshed.status, 200);
}

#[tokio::test]
async fn another_code_confirms_nothing_and_the_right_one_still_does() {
    let world = World::new().await;
    let desk = &world.pennco.desk;
    assert_eq!(confirm(&world, desk, "123456").await.said(), MISMATCH, "there is none to be confirmed");
    let secret = enrol(&world, desk).await;
    let right = totp_at(&secret, 0);
    let wrong = ["", "12345", "x23456", "१२", &totp_at(&secret, 90), &totp_at(&secret, -90)];
    for code in wrong {
        assert_eq!(confirm(&world, desk, code).await.said(), MISMATCH, "{code}");
    }
    let long = confirm(&world, desk, "1234567").await;
    assert_eq!((long.said(), long.flaws()[0].0), ((422, "invalid"), "/code"));
    assert_eq!(user(&world, &world.pennco, desk.subject()).await.json["has_totp"], false);
    assert_eq!(confirm(&world, desk, &right).await.status, 200);
}

#[tokio::test]
async fn a_clock_may_be_half_a_minute_off() {
    for (seconds, status) in [(-60, 422), (-30, 200), (0, 200), (30, 200), (60, 422)] {
        let world = World::new().await;
        let secret = enrol(&world, &world.pennco.desk).await;
        let reply = confirm(&world, &world.pennco.desk, &totp_at(&secret, seconds)).await;
        assert_eq!(reply.status, status, "a clock that is {seconds} seconds off");
    }
}

#[tokio::test]
async fn a_factor_is_confirmed_once() {
    let world = World::new().await;
    let secret = second_factor(&world, &world.pennco.desk).await;
    for seconds in [0, 30] {
        let reply = confirm(&world, &world.pennco.desk, &totp_at(&secret, seconds)).await;
        assert_eq!(reply.said(), MISMATCH, "{seconds}");
    }
    assert_eq!(happened(&world, "totp.confirmed").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn eight_confirmations_at_once_are_one() {
    let world = Arc::new(World::new().await);
    let secret = enrol(&world, &world.pennco.desk).await;
    let body = json!({ "code": totp_at(&secret, 0) });
    let requests = (0..8).map(|_| world.pennco.desk.asks(&TOTP_CONFIRM).json(&body)).collect();
    let replies = all_at_once(&world, &TOTP_CONFIRM, requests).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1, "{replies:?}");
    assert_eq!(happened(&world, "totp.confirmed").len(), 1);
}

#[tokio::test]
async fn a_code_confirms_the_factor_of_its_owner_alone() {
    let world = World::new().await;
    let secret = enrol(&world, &world.pennco.desk).await;
    enrol(&world, &world.pennco.admin).await;
    assert_eq!(confirm(&world, &world.pennco.admin, &totp_at(&secret, 0)).await.said(), MISMATCH);
    let nobody =
        call(&world, &TOTP_CONFIRM, &asks(&TOTP_CONFIRM).json(&json!({ "code": "123456" })).at(moment(0))).await;
    assert_eq!(nobody.said(), (401, "unauthenticated"));
}
