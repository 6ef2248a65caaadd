//! `totp-enrol`: somebody of the staff takes a second factor into their authenticator app.

use data_encoding::BASE32_NOPAD;
use domain::access::TOTP_ENROL;
use serde_json::json;
use testkit::World;

use crate::{
    door::call,
    logins::{ask, change, confirm, enrol, happened, login, opens, second_factor, totp_at, user, with_totp},
};

#[tokio::test]
async fn the_secret_is_shown_for_typing_and_for_a_camera() {
    let world = World::new().await;
    let shown = call(&world, &TOTP_ENROL, &world.pennco.desk.asks(&TOTP_ENROL)).await;
    assert_eq!(shown.status, 200);
    let secret = shown.text("/secret");
    assert_eq!(BASE32_NOPAD.decode(secret.as_bytes()).unwrap().len(), 20, "as many bytes as SHA-1 gives");
    let uri = format!("otpauth://totp/Milepost:desk%40pennco?secret={secret}&issuer=Milepost");
    assert_eq!(shown.text("/uri"), uri);
    let kept = user(&world, &world.pennco, world.pennco.desk.subject()).await;
    assert_eq!(
        (&kept.json["has_totp"], kept.header("etag")),
        (&json!(false), Some("\"1\"")),
        "it waits, and no admin sees it"
    );
    assert!(!kept.body.contains(secret), "{kept:?}");
}

#[tokio::test]
async fn everybody_has_a_secret_of_their_own() {
    let world = World::new().await;
    let (pennco, vishi) = (&world.pennco, &world.vishi);
    let mut secrets = Vec::new();
    for person in [&pennco.desk, &pennco.settlement, &pennco.admin, &vishi.desk] {
        secrets.push(enrol(&world, person).await);
    }
    secrets.sort_unstable();
    secrets.dedup();
    assert_eq!(secrets.len(), 4);
}

#[tokio::test]
async fn asking_again_before_the_first_code_shows_another_secret_and_the_one_before_is_none() {
    let world = World::new().await;
    let desk = &world.pennco.desk;
    let first = enrol(&world, desk).await;
    let second = enrol(&world, desk).await;
    assert_ne!(first, second);
    assert_eq!(confirm(&world, desk, &totp_at(&first, 0)).await.said(), (422, "totp_mismatch"));
    assert_eq!(confirm(&world, desk, &totp_at(&second, 0)).await.status, 200);
}

#[tokio::test]
async fn who_has_a_second_factor_gets_no_other_one() {
    let world = World::new().await;
    let secret = second_factor(&world, &world.pennco.desk).await;
    let again = call(&world, &TOTP_ENROL, &world.pennco.desk.asks(&TOTP_ENROL)).await;
    assert_eq!(again.said(), (409, "totp_enrolled"));
    assert!(!again.body.contains(&secret), "{again:?}");
    assert_eq!(ask(&world, 60, &with_totp("desk@pennco", &totp_at(&secret, 60))).await.status, 200);
}

#[tokio::test]
async fn an_admin_takes_the_factor_of_a_lost_phone_away_and_the_next_one_is_another() {
    let world = World::new().await;
    let desk = &world.pennco.desk;
    let lost = second_factor(&world, desk).await;
    let away = change(&world, &world.pennco, 1, desk.subject(), &json!({ "has_totp": false })).await;
    assert_eq!((away.status, &away.json["has_totp"]), (200, &json!(false)));
    let tokens = login(&world, 2, "desk@pennco").await;
    assert_eq!(opens(&world, 40, &tokens).await, 200);
    let new = enrol(&world, desk).await;
    assert_ne!(new, lost);
    assert_eq!(confirm(&world, desk, &totp_at(&lost, 0)).await.said(), (422, "totp_mismatch"));
    assert_eq!(confirm(&world, desk, &totp_at(&new, 0)).await.status, 200);
    assert_eq!(ask(&world, 60, &with_totp("desk@pennco", &totp_at(&lost, 60))).await.status, 401);
    assert_eq!(ask(&world, 60, &with_totp("desk@pennco", &totp_at(&new, 60))).await.status, 200);
}

#[tokio::test]
async fn nobody_gives_somebody_else_a_factor() {
    let world = World::new().await;
    let given = change(&world, &world.pennco, 0, world.pennco.desk.subject(), &json!({ "has_totp": true })).await;
    assert_eq!((given.said(), given.flaws()), ((422, "invalid"), vec![("/has_totp", "not_allowed")]));
    assert_eq!(happened(&world, "user.updated"), [""; 0]);
}
