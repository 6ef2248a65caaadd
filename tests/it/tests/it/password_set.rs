//! `password-set`: whoever brings the ticket of an invitation or a reset sets the password.

use std::sync::Arc;

use domain::access::{PASSWORD_SET, TOKEN_ISSUE};
use serde_json::json;
use testkit::{Fault, Operation, PASSWORD, RestRequest, World, asks};

use crate::{
    door::call,
    logins::{
        agents_as, ask, change, clerk, client_credentials, console, console_at, cookie_opens, deliver, happened, login,
        moment, opens, password, program, refresh, second_factor, set_password, take_on, ticket_for, ticket_in,
        totp_at, user, wish_for_ticket,
    },
    steps::all_at_once,
};

const NEW: &str = "correct horse battery";
const SPENT: (u16, &str) = (422, "ticket_spent");

#[tokio::test]
async fn a_ticket_sets_the_password_and_the_one_before_is_not_good_any_more() {
    let world = World::new().await;
    let ticket = ticket_for(&world, "desk@pennco").await;
    let set = set_password(&world, 1, &ticket, NEW).await;
    assert_eq!((set.status, set.text("/login"), set.text("/status")), (200, "desk", "active"));
    assert!(!set.body.contains(NEW) && !set.body.contains("argon2"), "{set:?}");
    assert_eq!(ask(&world, 2, &password("desk@pennco", PASSWORD)).await.said(), (401, "invalid_credentials"));
    let tokens = ask(&world, 2, &password("desk@pennco", NEW)).await;
    assert_eq!((tokens.status, opens(&world, 40, &tokens).await), (200, 200));
    assert_eq!(happened(&world, "password.set"), [world.pennco.desk.subject()]);
    login(&world, 2, "desk@vishi").await;
}

#[tokio::test]
async fn a_ticket_is_good_once() {
    let world = World::new().await;
    let ticket = ticket_for(&world, "desk@pennco").await;
    assert_eq!(set_password(&world, 1, &ticket, NEW).await.status, 200);
    assert_eq!(set_password(&world, 2, &ticket, "another horse battery").await.said(), SPENT);
    assert_eq!(set_password(&world, 2, &ticket, NEW).await.said(), SPENT);
    assert_eq!(ask(&world, 3, &password("desk@pennco", NEW)).await.status, 200, "the first one holds");
}

#[tokio::test(start_paused = true)]
async fn of_eight_at_once_with_one_ticket_one_sets_the_password() {
    let world = Arc::new(World::new().await);
    let ticket = ticket_for(&world, "desk@pennco").await;
    let request = |n: i32| -> RestRequest {
        let body = json!({ "ticket": ticket, "password": format!("correct horse battery {n}") });
        asks(&PASSWORD_SET).json(&body).at(moment(1))
    };
    let replies = all_at_once(&world, &PASSWORD_SET, (0..8).map(request).collect()).await;
    let (set, refused): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 200);
    assert_eq!((set.len(), refused.len()), (1, 7), "{replies:?}");
    assert!(refused.iter().all(|reply| reply.said() == SPENT), "{refused:?}");
    let mut good = 0;
    for n in 0..8 {
        let reply = ask(&world, 2, &password("desk@pennco", &format!("correct horse battery {n}"))).await;
        good += i32::from(reply.status == 200);
    }
    assert_eq!(good, 1, "one of the eight passwords is theirs");
}

#[tokio::test]
async fn a_reset_is_good_for_half_an_hour_and_an_invitation_for_a_week() {
    for (seconds, status) in [(1_799, 200), (1_800, 422), (7 * 86_400, 422)] {
        let world = World::new().await;
        let ticket = ticket_for(&world, "desk@pennco").await;
        assert_eq!(set_password(&world, seconds, &ticket, NEW).await.status, status, "{seconds}");
    }
    for (seconds, status) in [(1_800, 200), (7 * 86_400 - 1, 200), (7 * 86_400, 422)] {
        let world = World::new().await;
        take_on(&world, &world.pennco, "invite", &clerk("newcomer")).await;
        deliver(&world).await;
        let ticket = ticket_in(&world.post.mail()[0].text);
        assert_eq!(set_password(&world, seconds, &ticket, NEW).await.status, status, "{seconds}");
    }
}

#[tokio::test]
async fn a_weak_password_is_refused_and_the_ticket_is_still_good() {
    let world = World::new().await;
    let ticket = ticket_for(&world, "desk@pennco").await;
    let long = "x".repeat(1_001);
    let weak =
        ["", "short", "eleven char", "aaaaaaaaaaaaaaaa", "abcabcabcabcabc", "deskdeskdeskdesk", "desk@pennco-1", &long];
    for weak in weak {
        let reply = set_password(&world, 1, &ticket, weak).await;
        assert_eq!((reply.said(), reply.flaws()), ((422, "invalid"), vec![("/password", "invalid_value")]), "{weak}");
        assert!(weak.is_empty() || !reply.text("/detail").contains(weak), "it is not said back: {reply:?}");
    }
    println!("weak passwords: {} cases", weak.len());
    assert_eq!(happened(&world, "password.set"), [""; 0]);
    login(&world, 1, "desk@pennco").await;
    assert_eq!(set_password(&world, 1, &ticket, NEW).await.status, 200);
}

#[tokio::test]
async fn a_ticket_that_is_none_of_ours_sets_nothing() {
    let world = World::new().await;
    let ticket = ticket_for(&world, "desk@pennco").await;
    let secret = ticket.split_once('.').unwrap().1;
    for bad in [
        format!("vishi.{secret}"),
        format!("nowhere.{secret}"),
        format!("pennco#x.{secret}"),
        format!("PENNCO.{secret}"),
        secret.to_owned(),
        format!(".{secret}"),
        format!("{ticket}="),
        format!("{ticket}."),
        ticket[..ticket.len() - 1].to_owned(),
        "pennco.".to_owned(),
        ".".to_owned(),
        String::new(),
        "x".repeat(200),
    ] {
        assert_eq!(set_password(&world, 1, &bad, NEW).await.said(), SPENT, "{bad}");
    }
    let long = set_password(&world, 1, &"x".repeat(201), NEW).await;
    assert_eq!((long.said(), long.flaws()[0].0), ((422, "invalid"), "/ticket"));
    for name in ["desk@pennco", "desk@vishi"] {
        login(&world, 1, name).await;
    }
    assert_eq!(set_password(&world, 1, &ticket, NEW).await.status, 200, "none of them used it up");
}

#[tokio::test]
async fn every_login_from_before_ends() {
    let world = World::new().await;
    let first = login(&world, 0, "desk@pennco").await;
    let second = login(&world, 0, "desk@pennco").await;
    let (cookie, _) = console(&world, "desk@pennco").await;
    let other = login(&world, 0, "admin@pennco").await;
    let ticket = ticket_for(&world, "desk@pennco").await;
    assert_eq!(set_password(&world, 1, &ticket, NEW).await.status, 200);
    for tokens in [&first, &second] {
        let reply = ask(&world, 1, &refresh(tokens.text("/refresh_token"))).await;
        assert_eq!(reply.said(), (401, "invalid_credentials"), "at once");
        assert_eq!(agents_as(&world, 32, tokens).await.said(), (401, "unauthenticated"));
    }
    assert_eq!(cookie_opens(&world, 32, &cookie).await, 401);
    assert_eq!(agents_as(&world, 32, &other).await.status, 200, "nobody else's");
    assert_eq!(ask(&world, 32, &refresh(other.text("/refresh_token"))).await.status, 200);
}

#[tokio::test]
async fn a_login_a_millisecond_after_the_new_password_is_good() {
    let world = World::new().await;
    let ticket = ticket_for(&world, "desk@pennco").await;
    assert_eq!(set_password(&world, 1, &ticket, NEW).await.status, 200);
    let request = asks(&TOKEN_ISSUE).json(&password("desk@pennco", NEW)).at(moment(1) + 1);
    let tokens = call(&world, &TOKEN_ISSUE, &request).await;
    assert_eq!((tokens.status, opens(&world, 40, &tokens).await), (200, 200));
    assert_eq!(ask(&world, 41, &refresh(tokens.text("/refresh_token"))).await.status, 200);
}

#[tokio::test]
async fn a_login_by_the_old_password_that_arrived_while_the_new_one_was_set_ends_with_the_others() {
    let world = World::new().await;
    let ticket = ticket_for(&world, "desk@pennco").await;
    // The new password arrives at 1 s and takes its time to be hashed; the old one comes at 3 s and is checked before
    // the new one is written.
    let overtaking = login(&world, 3, "desk@pennco").await;
    assert_eq!(set_password(&world, 1, &ticket, NEW).await.status, 200);
    let reply = ask(&world, 4, &refresh(overtaking.text("/refresh_token"))).await;
    assert_eq!(reply.said(), (401, "invalid_credentials"), "it was opened by a password that is not good any more");
}

#[tokio::test]
async fn a_ticket_that_was_sent_before_the_new_password_is_not_good_after_it() {
    let world = World::new().await;
    let earlier = ticket_for(&world, "desk@pennco").await;
    let latest = ticket_for(&world, "desk@pennco").await;
    assert_eq!(set_password(&world, 1, &latest, NEW).await.status, 200);
    let reply = set_password(&world, 2, &earlier, "another horse battery").await;
    assert_eq!(reply.said(), SPENT, "whoever finds the older mail sets no password with it");
}

#[tokio::test]
async fn an_invitation_that_was_renewed_and_used_leaves_no_other_that_is_good() {
    let world = World::new().await;
    take_on(&world, &world.pennco, "invite", &clerk("newcomer")).await;
    deliver(&world).await;
    let first = ticket_in(&world.post.mail()[0].text);
    let renewed = ticket_for(&world, "newcomer@pennco").await;
    assert_eq!(set_password(&world, 1, &renewed, NEW).await.status, 200);
    let reply = set_password(&world, 6 * 86_400, &first, "another horse battery").await;
    assert_eq!(reply.said(), SPENT, "a mail of last week takes nobody's login over");
}

#[tokio::test]
async fn an_invitation_makes_somebody_active_who_then_logs_in() {
    let world = World::new().await;
    let taken = take_on(&world, &world.pennco, "invite", &clerk("newcomer")).await;
    assert_eq!(taken.text("/status"), "invited");
    assert_eq!(ask(&world, 0, &password("newcomer@pennco", NEW)).await.status, 401);
    deliver(&world).await;
    let set = set_password(&world, 60, &ticket_in(&world.post.mail()[0].text), NEW).await;
    assert_eq!((set.status, set.text("/status"), &set.json["version"]), (200, "active", &json!(2)));
    let tokens = ask(&world, 61, &password("newcomer@pennco", NEW)).await;
    assert_eq!(tokens.text("/principal/subject"), taken.text("/user_id"));
    assert_eq!(opens(&world, 100, &tokens).await, 200);
    let shown = user(&world, &world.pennco, taken.text("/user_id")).await;
    assert_eq!((shown.text("/status"), shown.header("etag")), ("active", Some("\"2\"")));
    wish_for_ticket(&world, 62, "newcomer@pennco").await;
    deliver(&world).await;
    let reset = world.post.mail().into_iter().find(|mail| mail.subject == "A new Milepost password");
    assert!(reset.is_some_and(|mail| mail.to == "newcomer@pennco.example"), "who has a password may ask for another");
}

#[tokio::test]
async fn somebody_who_was_disabled_meanwhile_sets_no_password() {
    let world = World::new().await;
    let taken = take_on(&world, &world.pennco, "invite", &clerk("newcomer")).await;
    deliver(&world).await;
    let invitation = ticket_in(&world.post.mail()[0].text);
    let reset = ticket_for(&world, "desk@pennco").await;
    for user_id in [taken.text("/user_id"), world.pennco.desk.subject()] {
        assert_eq!(change(&world, &world.pennco, 1, user_id, &json!({ "status": "disabled" })).await.status, 200);
    }
    for ticket in [&invitation, &reset] {
        assert_eq!(set_password(&world, 2, ticket, NEW).await.said(), SPENT);
    }
}

#[tokio::test]
async fn the_second_factor_outlives_a_new_password() {
    let world = World::new().await;
    let secret = second_factor(&world, &world.pennco.desk).await;
    let ticket = ticket_for(&world, "desk@pennco").await;
    assert_eq!(set_password(&world, 1, &ticket, NEW).await.json["has_totp"], true);
    let mut body = password("desk@pennco", NEW);
    assert_eq!(ask(&world, 60, &body).await.said(), (401, "totp_required"));
    body["totp"] = json!(totp_at(&secret, 60));
    assert_eq!(ask(&world, 60, &body).await.status, 200);
}

#[tokio::test]
async fn a_new_password_of_a_partners_person_ends_that_persons_logins_and_nobody_elses() {
    let world = World::new().await;
    let mut colleague = clerk("colleague");
    (colleague["role"], colleague["partner_id"]) = (json!("partner"), json!("bfil"));
    take_on(&world, &world.pennco, "invite", &colleague).await;
    deliver(&world).await;
    let invitation = ticket_in(&world.post.mail()[0].text);
    assert_eq!(set_password(&world, 0, &invitation, PASSWORD).await.status, 200);
    let own = login(&world, 1, "colleague@pennco").await;
    assert_eq!(own.text("/principal/subject"), "bfil");
    let other = login(&world, 1, "bfil@pennco").await;
    let (cookie, _) = console_at(&world, 1, "bfil@pennco").await;
    let (id, secret) = program(&world, &world.pennco, &["session:read"]).await;
    let machine = ask(&world, 1, &client_credentials(&id, &secret)).await;
    let ticket = ticket_for(&world, "colleague@pennco").await;
    assert_eq!(set_password(&world, 2, &ticket, NEW).await.status, 200);
    assert_eq!(opens(&world, 40, &own).await, 401);
    assert_eq!((opens(&world, 40, &other).await, opens(&world, 40, &machine).await), (200, 200));
    assert_eq!(cookie_opens(&world, 40, &cookie).await, 200);
}

#[tokio::test]
async fn a_password_whose_answer_from_the_table_was_lost_is_set_once() {
    let world = World::new().await;
    let ticket = ticket_for(&world, "desk@pennco").await;
    world.table.inject(Fault::LoseAnswer { op: Operation::TransactWriteItems, times: 1 });
    let set = set_password(&world, 1, &ticket, NEW).await;
    assert_eq!((set.status, set.text("/login")), (200, "desk"), "{set:?}");
    assert_eq!(ask(&world, 2, &password("desk@pennco", NEW)).await.status, 200);
}
