//! `token-issue`: somebody logs in, or stays logged in.

use std::{collections::BTreeSet, sync::Arc};

use data_encoding::{BASE64, BASE64URL_NOPAD};
use domain::{
    Role, UserId,
    access::{
        CLIENT_ROTATE, CLIENT_UPDATE, DELIVERY_LIST, DEVICE_REVOKE, DISBURSEMENT_CREATE, SESSION_GET, TOKEN_ISSUE,
    },
    secret::RefreshToken,
    user::{KeptUser, User, UserStatus},
};
use serde_json::{Value, json};
use testkit::{Fault, LEDGER, Operation, PASSWORD, RECORDS, Reply, RestRequest, TRACKS, World, asks};

use crate::{
    crash_points::crash,
    device_list::phones,
    door::call,
    logins::{
        Phone, agents_as, ask, asked_of_the_table, bytes, change, clerk, client_credentials, code_at, code_for,
        console, deliver, enrol, happened, holder, login, moment, opens, password, phone_login, program, proven,
        refresh, second_factor, take_on, ticket_for, ticket_in, totp_at, wish_for_code, with_code, with_totp,
    },
    steps::{all_at_once, command, instruction, relay},
};

const NORTH: &str = "+919800000001@pennco";
const SOUTH: &str = "+919800000002@pennco";

/// A request with a form instead of JSON.
fn form(body: &str) -> RestRequest {
    asks(&TOKEN_ISSUE).header("Content-Type", "application/x-www-form-urlencoded").body(body)
}

async fn ask_by_form(world: &World, body: &str) -> Reply {
    call(world, &TOKEN_ISSUE, &form(body)).await
}

async fn issue(world: &World, request: &RestRequest) -> Reply {
    call(world, &TOKEN_ISSUE, request).await
}

#[tokio::test]
async fn a_name_and_a_password_give_tokens_that_open_the_other_doors() {
    let world = World::new().await;
    for (name, person) in world.pennco.everybody().into_iter().filter(|(_, one)| one.caller.role != Role::Agent) {
        let by_json = login(&world, 0, &format!("{name}@pennco")).await;
        let text = format!("grant_type=password&username={name}%40pennco&password={}", PASSWORD.replace(' ', "+"));
        let by_form = ask_by_form(&world, &text).await;
        for tokens in [by_json, by_form] {
            assert_eq!(
                (tokens.status, tokens.text("/token_type"), &tokens.json["expires_in"]),
                (200, "Bearer", &json!(600))
            );
            assert_eq!(tokens.json["principal"], serde_json::to_value(&person.caller).unwrap());
            assert_eq!((tokens.json.get("device_id"), tokens.json.get("scope")), (None, None), "what is not there");
            let shown = call(&world, &SESSION_GET, &holder(person, &tokens).asks(&SESSION_GET)).await;
            assert_eq!((shown.status, shown.text("/principal/subject")), (200, person.subject()));
            assert_eq!(ask(&world, 1, &refresh(tokens.text("/refresh_token"))).await.status, 200);
        }
    }
}

#[tokio::test]
async fn a_form_is_judged_as_strictly_as_json() {
    let world = World::new().await;
    let whole = "grant_type=password&username=desk%40pennco&password=wrong";
    for (body, code, pointer) in [
        (format!("{whole}&username=admin%40pennco"), "duplicate_key", "/username"),
        (format!("{whole}&colour=red"), "unknown_field", "/colour"),
        ("username=desk%40pennco&password=wrong".to_owned(), "missing_field", "/grant_type"),
        (String::new(), "missing_field", "/grant_type"),
        ("=".to_owned(), "unknown_field", "/"),
    ] {
        let reply = ask_by_form(&world, &body).await;
        assert_eq!((reply.said(), reply.flaws()), ((400, code), vec![(pointer, code)]), "{body}");
    }
    let unknown = ask_by_form(&world, "grant_type=implicit").await;
    assert_eq!((unknown.said(), unknown.flaws()), ((422, "invalid"), vec![("/grant_type", "invalid_value")]));
    let long = ask_by_form(&world, &format!("grant_type=password&username={}&password=x", "x".repeat(111))).await;
    assert_eq!((long.said(), long.flaws()[0].0), ((422, "invalid"), "/username"));
    assert_eq!(ask_by_form(&world, whole).await.said(), (401, "invalid_credentials"));
    assert_eq!(ask_by_form(&world, &whole.replace("wrong", "%FF%00%22%7D")).await.said(), (401, "invalid_credentials"));
    let large = ask_by_form(&world, &format!("{whole}&scope={}", "x".repeat(1_000_000))).await;
    assert_eq!(large.said(), (413, "body_too_large"));
    let other = asks(&TOKEN_ISSUE).header("Content-Type", "multipart/form-data").body(whole);
    assert_eq!(issue(&world, &other).await.said(), (415, "unsupported_media_type"));
}

#[tokio::test]
async fn values_beyond_their_length_are_invalid() {
    let world = World::new().await;
    let reply = ask(&world, 0, &password(&"x".repeat(111), "y")).await;
    assert_eq!((reply.said(), reply.flaws()[0].0), ((422, "invalid"), "/username"));
    let reply = ask(&world, 0, &password("desk@pennco", &"y".repeat(1001))).await;
    assert_eq!((reply.said(), reply.flaws()[0].0), ((422, "invalid"), "/password"));
    assert!(!reply.body.contains("yyy"), "a password is never said back");
}

/// Somebody who may not log in any more.
async fn disabled(world: &World) -> String {
    let user_id = world.pennco.settlement.subject();
    let reply = change(world, &world.pennco, 0, user_id, &json!({ "status": "disabled" })).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    "settlement@pennco".to_owned()
}

#[tokio::test]
async fn whatever_is_wrong_the_answer_is_the_same() {
    let world = World::new().await;
    let tokens = login(&world, 0, "desk@pennco").await;
    take_on(&world, &world.pennco, "invite", &clerk("invited")).await;
    let (id, secret) = program(&world, &world.pennco, &["disbursement:read"]).await;
    let gone = disabled(&world).await;
    let wrong = ask(&world, 0, &password("desk@pennco", "wrong")).await;
    assert_eq!((wrong.said(), wrong.text("/error")), ((401, "invalid_credentials"), "invalid_grant"));
    assert_eq!(wrong.header("www-authenticate"), Some("Bearer"));
    let session_id = domain::SessionId::mint(world.now(), &[b"no such login"]);
    let token = RefreshToken { operator: world.pennco.operator.clone(), session_id, generation: 1 };
    let [elsewhere, nowhere] = ["@vishi", "@nowhere"].map(|operator| id.replace("@pennco", operator));
    let mut cases = 1;
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
        password(&gone, PASSWORD),
        password("invited@pennco", PASSWORD),
        password("invited@pennco", ""),
        password(NORTH, PASSWORD),
        password(NORTH, ""),
        json!({ "grant_type": "password", "username": "desk@pennco" }),
        json!({ "grant_type": "password", "password": PASSWORD }),
        json!({ "grant_type": "password", "refresh_token": tokens.text("/refresh_token") }),
        json!({ "grant_type": "refresh_token", "username": "desk@pennco", "password": PASSWORD }),
        refresh(""),
        refresh("a.b.c"),
        refresh(tokens.text("/access_token")),
        refresh(&world.pepper().refresh_token(&token)),
        refresh(&tokens.text("/refresh_token").replacen(".1.", ".2.", 1)),
        refresh(&tokens.text("/refresh_token").replacen("pennco", "vishi", 1)),
        json!({ "grant_type": "otp", "username": NORTH, "code": "123456" }),
        json!({ "grant_type": "otp", "username": NORTH, "challenge_id": "x", "code": "123456" }),
        json!({ "grant_type": "otp", "username": "desk@pennco", "challenge_id": "otp_01kagwtb0084nrm0ppw3zy9t20", "code": "1" }),
        json!({ "grant_type": "client_credentials" }),
        client_credentials(&id, "sec_wrong"),
        client_credentials(&id, ""),
        client_credentials(&elsewhere, &secret),
        client_credentials(&nowhere, &secret),
        client_credentials(id.trim_end_matches("@pennco"), &secret),
        client_credentials("cli_01kagwtb0084nrm0ppw3zy9t20@pennco", &secret),
        client_credentials("desk@pennco", PASSWORD),
        json!({ "grant_type": "client_credentials", "username": "desk@pennco", "password": PASSWORD }),
    ] {
        let reply = ask(&world, 0, &body).await;
        assert_eq!(bytes(&reply), bytes(&wrong), "{body}");
        cases += 1;
    }
    println!("refusals of the token endpoint: {cases} cases, one answer");
}

#[tokio::test]
async fn a_name_that_is_not_there_costs_what_a_wrong_password_costs() {
    let world = World::new().await;
    take_on(&world, &world.pennco, "invite", &clerk("invited")).await;
    let gone = disabled(&world).await;
    ask(&world, 0, &password("admin@pennco", "wrong")).await;
    let mut costs = Vec::new();
    let names = ["desk@pennco", "nobody@pennco", &gone, "invited@pennco", "bfil@pennco"];
    for name in names {
        world.table.reset_calls();
        assert_eq!(ask(&world, 0, &password(name, "wrong")).await.status, 401);
        costs.push(asked_of_the_table(&world));
    }
    assert!(costs.iter().all(|cost| *cost == costs[0]), "{costs:?}");
    println!("wrong passwords of {} kinds: {:?} each", names.len(), costs[0]);
}

#[tokio::test]
async fn a_number_that_nobody_has_costs_what_a_wrong_code_costs() {
    let world = World::new().await;
    let phone = Phone::new(1);
    ask(&world, 0, &password("admin@pennco", "wrong")).await;
    let mut costs = Vec::new();
    for name in [NORTH, "+919899999999@pennco"] {
        let wished = wish_for_code(&world, 0, name).await;
        let request = with_code(&phone, name, wished.text("/challenge_id"), "x");
        world.table.reset_calls();
        assert_eq!(issue(&world, &request).await.said(), (401, "invalid_credentials"));
        costs.push(asked_of_the_table(&world));
    }
    assert_eq!(costs[0], costs[1]);
}

#[tokio::test]
async fn a_program_that_is_not_there_costs_what_a_wrong_secret_costs() {
    let world = World::new().await;
    let (id, _) = program(&world, &world.pennco, &["disbursement:read"]).await;
    ask(&world, 0, &password("admin@pennco", "wrong")).await;
    let mut costs = Vec::new();
    for id in [id.as_str(), "cli_01kagwtb0084nrm0ppw3zy9t20@pennco"] {
        world.table.reset_calls();
        assert_eq!(ask(&world, 0, &client_credentials(id, "wrong")).await.said(), (401, "invalid_credentials"));
        costs.push(asked_of_the_table(&world));
    }
    assert_eq!(costs[0], costs[1]);
}

#[tokio::test]
async fn the_eleventh_attempt_in_five_minutes_waits_whether_or_not_anybody_has_the_login() {
    let world = World::new().await;
    for name in ["desk@pennco", "nobody@pennco"] {
        for attempt in 0..10 {
            let reply = ask(&world, 0, &password(name, "wrong")).await;
            assert_eq!(reply.said(), (401, "invalid_credentials"), "attempt {attempt} at {name}");
        }
        let eleventh = ask(&world, 0, &password(name, PASSWORD)).await;
        assert_eq!(eleventh.said(), (429, "too_many_requests"), "{name}");
        assert_eq!(eleventh.header("retry-after"), Some("30"));
        let policy = "\"burst\";q=10;w=300, \"sustained\";q=100;w=86400";
        assert_eq!(eleventh.header("ratelimit-policy"), Some(policy));
        assert_eq!(eleventh.header("ratelimit"), Some("\"burst\";r=0;t=300"));
    }
    login(&world, 0, "admin@pennco").await;
    login(&world, 0, "desk@vishi").await;
    assert_eq!(ask(&world, 29, &password("desk@pennco", PASSWORD)).await.status, 429);
    assert_eq!(ask(&world, 30, &password("desk@pennco", PASSWORD)).await.status, 200, "after what Retry-After said");
    assert_eq!(ask(&world, 30, &password("desk@pennco", PASSWORD)).await.status, 429, "one at a time");
}

#[tokio::test(start_paused = true)]
async fn fifty_guesses_at_once_are_ten() {
    let world = Arc::new(World::new().await);
    let guesses = (0..50).map(|n| asks(&TOKEN_ISSUE).json(&password("desk@pennco", &format!("guess {n}")))).collect();
    let replies = all_at_once(&world, &TOKEN_ISSUE, guesses).await;
    let of = |status: u16| replies.iter().filter(|reply| reply.status == status).count();
    println!("50 guesses at once: {} looked at, {} told to wait", of(401), of(429));
    assert_eq!((of(401), of(429)), (10, 40));
}

#[tokio::test]
async fn who_was_refused_is_noted_and_counted() {
    let world = World::new().await;
    let (id, _) = program(&world, &world.pennco, &["disbursement:read"]).await;
    let wished = wish_for_code(&world, 0, NORTH).await;
    ask(&world, 0, &password("desk@pennco", "wrong")).await;
    ask(&world, 0, &password("nobody@pennco", "wrong")).await;
    ask(&world, 0, &password("nobody@nowhere", "wrong")).await;
    ask(&world, 0, &client_credentials(&id, "wrong")).await;
    issue(&world, &with_code(&Phone::new(1), NORTH, wished.text("/challenge_id"), "x")).await;
    let refused: BTreeSet<String> = happened(&world, "session.refused").into_iter().collect();
    assert_eq!(happened(&world, "session.refused").len(), 4, "an operator that there is not has no books");
    assert!(refused.contains(world.pennco.desk.subject()) && refused.contains("-"), "{refused:?}");
    assert_eq!(refused.iter().filter(|who| who.starts_with("usr_")).count(), 2, "the desk and the agent: {refused:?}");
    relay(&world).await;
    let counted = world.queues.sent_to("activity");
    assert_eq!(counted.iter().filter(|sent| sent.json()["type"] == "session.refused").count(), 4);
}

#[tokio::test]
async fn who_is_disabled_neither_logs_in_nor_stays_logged_in() {
    let world = World::new().await;
    let tokens = login(&world, 0, "desk@pennco").await;
    let user_id = world.pennco.desk.subject();
    assert_eq!(change(&world, &world.pennco, 1, user_id, &json!({ "status": "disabled" })).await.status, 200);
    let said = (401, "invalid_credentials");
    assert_eq!(ask(&world, 1, &refresh(tokens.text("/refresh_token"))).await.said(), said, "at once");
    assert_eq!(ask(&world, 1, &password("desk@pennco", PASSWORD)).await.said(), said);
    assert_eq!(agents_as(&world, 31, &tokens).await.said(), (401, "unauthenticated"));
    assert_eq!(change(&world, &world.pennco, 40, user_id, &json!({ "status": "active" })).await.status, 200);
    assert_eq!(ask(&world, 41, &refresh(tokens.text("/refresh_token"))).await.said(), said, "what was ended stays so");
    let anew = login(&world, 41, "desk@pennco").await;
    assert_eq!(agents_as(&world, 75, &anew).await.status, 200);
}

#[tokio::test]
async fn a_refresh_token_gives_the_next_one_and_the_one_before_gives_the_same_again() {
    let world = World::new().await;
    let tokens = login(&world, 0, "desk@pennco").await;
    let first = tokens.text("/refresh_token");
    let next = ask(&world, 60, &refresh(first)).await;
    let second = next.text("/refresh_token").to_owned();
    assert_eq!((next.status, &next.json["principal"]), (200, &tokens.json["principal"]));
    assert_ne!(second, first);
    assert_ne!(next.json["access_token"], tokens.json["access_token"]);
    for seconds in [60, 61, 3_600, 86_400] {
        let again = ask(&world, seconds, &refresh(first)).await;
        assert_eq!((again.status, again.text("/refresh_token")), (200, second.as_str()), "the answer was lost");
    }
    assert_eq!(opens(&world, 120, &next).await, 200);
    assert_ne!(ask(&world, 86_401, &refresh(&second)).await.text("/refresh_token"), second);
    assert_eq!(happened(&world, "session.stolen"), [""; 0]);
}

#[tokio::test]
async fn a_refresh_token_that_is_two_behind_ends_the_whole_login() {
    let world = World::new().await;
    let other = login(&world, 0, "desk@pennco").await;
    let tokens = login(&world, 0, "desk@pennco").await;
    let first = tokens.text("/refresh_token").to_owned();
    let next = ask(&world, 1, &refresh(&first)).await;
    let last = ask(&world, 2, &refresh(next.text("/refresh_token"))).await;
    assert_eq!(last.status, 200);
    assert_eq!(ask(&world, 3, &refresh(&first)).await.said(), (401, "invalid_credentials"), "somebody has a copy");
    for token in [&first, next.text("/refresh_token"), last.text("/refresh_token")] {
        assert_eq!(ask(&world, 3, &refresh(token)).await.said(), (401, "invalid_credentials"), "{token}");
    }
    for tokens in [&tokens, &next, &last] {
        assert_eq!(agents_as(&world, 34, tokens).await.said(), (401, "unauthenticated"));
    }
    assert_eq!(happened(&world, "session.stolen").len(), 1, "once");
    assert_eq!(opens(&world, 34, &other).await, 200, "another login of the same person goes on");
    assert_eq!(ask(&world, 34, &refresh(other.text("/refresh_token"))).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn sixteen_refreshes_at_once_get_one_successor_and_the_login_goes_on() {
    let world = Arc::new(World::new().await);
    let tokens = login(&world, 0, "desk@pennco").await;
    let mut token = tokens.text("/refresh_token").to_owned();
    for round in 0..4 {
        let requests = (0..16).map(|_| asks(&TOKEN_ISSUE).json(&refresh(&token))).collect();
        let replies = all_at_once(&world, &TOKEN_ISSUE, requests).await;
        let successors: BTreeSet<&str> = replies.iter().map(|reply| reply.text("/refresh_token")).collect();
        assert!(replies.iter().all(|reply| reply.status == 200), "{replies:?}");
        assert_eq!(successors.len(), 1, "round {round}: {successors:?}");
        token = (*successors.first().unwrap()).to_owned();
    }
    assert_eq!(ask(&world, 1, &refresh(&token)).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_thief_and_an_owner_who_use_old_tokens_at_once_end_the_login_once() {
    let world = Arc::new(World::new().await);
    let tokens = login(&world, 0, "desk@pennco").await;
    let first = tokens.text("/refresh_token").to_owned();
    let next = ask(&world, 1, &refresh(&first)).await;
    ask(&world, 2, &refresh(next.text("/refresh_token"))).await;
    let requests = (0..16).map(|_| asks(&TOKEN_ISSUE).json(&refresh(&first)).at(moment(3))).collect();
    let replies = all_at_once(&world, &TOKEN_ISSUE, requests).await;
    assert!(replies.iter().all(|reply| reply.said() == (401, "invalid_credentials")), "{replies:?}");
    assert_eq!(happened(&world, "session.stolen").len(), 1);
}

#[tokio::test]
async fn a_refresh_whose_answer_from_the_table_is_lost_moves_the_login_on_once() {
    let world = World::new().await;
    let tokens = login(&world, 0, "desk@pennco").await;
    world.table.reset_calls();
    let body = refresh(tokens.text("/refresh_token"));
    // The update that counts the address is done when the login is read: the next one is the login's own.
    let lose = async {
        while world.table.calls().count(Operation::GetItem) == 0 {
            tokio::task::yield_now().await;
        }
        world.table.inject(Fault::LoseAnswer { op: Operation::UpdateItem, times: 1 });
    };
    let (next, ()) = tokio::join!(ask(&world, 1, &body), lose);
    assert_eq!(next.status, 200, "{next:?}");
    let again = ask(&world, 2, &body).await;
    assert_eq!(again.text("/refresh_token"), next.text("/refresh_token"));
    assert!(next.text("/refresh_token").contains(".2."), "one step, not two: {next:?}");
    assert_eq!(ask(&world, 3, &refresh(next.text("/refresh_token"))).await.status, 200);
}

#[tokio::test]
async fn a_refresh_that_dies_anywhere_is_asked_again_and_gets_the_one_successor() {
    let mut points = 0;
    for after in [false, true] {
        for n in 1.. {
            let world = World::new().await;
            let tokens = login(&world, 0, "desk@pennco").await;
            let body = refresh(tokens.text("/refresh_token"));
            crash(&world, n, after);
            let first = ask(&world, 1, &body).await;
            let crashed = world.table.has_crashed();
            world.table.recover();
            if !crashed {
                break;
            }
            assert_eq!(first.said(), (503, "unavailable"), "point {n}");
            let next = ask(&world, 2, &body).await;
            assert_eq!(next.status, 200, "point {n}: {next:?}");
            assert!(next.text("/refresh_token").contains(".2."), "point {n}: {next:?}");
            assert_eq!(ask(&world, 3, &refresh(next.text("/refresh_token"))).await.status, 200, "point {n}");
            points += 1;
        }
    }
    assert!(points >= 10, "{points}");
    println!("refresh: {points} crash points, one successor each");
}

#[tokio::test]
async fn a_login_whose_answer_from_the_table_is_lost_is_a_login() {
    let world = World::new().await;
    world.table.inject(Fault::LoseAnswer { op: Operation::TransactWriteItems, times: 1 });
    let tokens = login(&world, 0, "desk@pennco").await;
    assert_eq!(ask(&world, 60, &refresh(tokens.text("/refresh_token"))).await.status, 200);
    assert_eq!(happened(&world, "session.opened").len(), 1);
}

#[tokio::test]
async fn refreshing_does_not_prolong_the_thirty_days() {
    let world = World::new().await;
    let tokens = login(&world, 0, "desk@pennco").await;
    let (day, first) = (86_400, tokens.text("/refresh_token"));
    let later = ask(&world, 29 * day, &refresh(first)).await;
    assert_eq!(later.status, 200);
    let last = ask(&world, 30 * day - 1, &refresh(later.text("/refresh_token"))).await;
    assert_eq!(last.status, 200);
    for token in [first, later.text("/refresh_token"), last.text("/refresh_token")] {
        assert_eq!(ask(&world, 30 * day, &refresh(token)).await.said(), (401, "invalid_credentials"));
    }
    assert_eq!(happened(&world, "session.stolen"), [""; 0], "what is over was not stolen");
}

#[tokio::test]
async fn a_code_logs_an_agent_in_with_a_phone() {
    let world = World::new().await;
    let agent = &world.pennco.agents[0];
    let tokens = phone_login(&world, &world.pennco, &Phone::new(1)).await;
    assert_eq!(tokens.json["principal"], serde_json::to_value(&agent.caller).unwrap());
    assert!(tokens.text("/device_id").starts_with("dev_"), "{tokens:?}");
    let list = holder(agent, &tokens).asks(&DELIVERY_LIST).query("due", "2026-11-21");
    assert_eq!(call(&world, &DELIVERY_LIST, &list).await.status, 200);
    assert_eq!(happened(&world, "device.enrolled"), [tokens.text("/device_id")]);
    assert_eq!(happened(&world, "session.opened").len(), 1);
}

#[tokio::test]
async fn a_phone_whose_hardware_signs_with_p256_logs_in_and_stays_logged_in() {
    let world = World::new().await;
    let phone = Phone::p256();
    let tokens = phone_login(&world, &world.pennco, &phone).await;
    let next = issue(&world, &phone.refreshes(tokens.text("/refresh_token"))).await;
    assert_eq!((next.status, next.text("/device_id")), (200, tokens.text("/device_id")));
    let other = Phone::p256();
    let reply = issue(&world, &other.refreshes(next.text("/refresh_token"))).await;
    assert_eq!(reply.said(), (401, "invalid_credentials"));
    let shown = phones(&world, &world.pennco.agents[0], 0).await;
    assert_eq!((shown.items().len(), &shown.items()[0]["public_key"]), (1, &phone.jwk()));
}

#[tokio::test]
async fn a_code_is_good_once() {
    let world = World::new().await;
    let (challenge_id, code) = code_for(&world, NORTH).await;
    let request = || with_code(&Phone::new(1), NORTH, &challenge_id, &code);
    assert_eq!(issue(&world, &request()).await.status, 200);
    assert_eq!(issue(&world, &request()).await.said(), (401, "invalid_credentials"), "the same phone again");
    let other = with_code(&Phone::new(2), NORTH, &challenge_id, &code);
    assert_eq!(issue(&world, &other).await.said(), (401, "invalid_credentials"), "another phone");
}

#[tokio::test(start_paused = true)]
async fn two_phones_with_one_code_at_once_are_one_login() {
    let world = Arc::new(World::new().await);
    let (challenge_id, code) = code_for(&world, NORTH).await;
    let requests = [1, 2].map(|n| with_code(&Phone::new(n), NORTH, &challenge_id, &code)).to_vec();
    let replies = all_at_once(&world, &TOKEN_ISSUE, requests).await;
    let mut said: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
    said.sort_unstable();
    assert_eq!(said, [200, 401], "{replies:?}");
    assert_eq!(phones(&world, &world.pennco.agents[0], 0).await.items().len(), 1);
    assert_eq!(happened(&world, "session.opened").len(), 1);
}

#[tokio::test]
async fn after_five_wrong_codes_the_right_one_is_refused() {
    let world = World::new().await;
    let phone = Phone::new(1);
    for (name, wrong, status) in [(NORTH, 5, 401), (SOUTH, 4, 200)] {
        let (challenge_id, code) = code_for(&world, name).await;
        let other = if code == "000000" { "000001" } else { "000000" };
        for bad in [other, "", "x", "٢٨", &code[..5]].into_iter().take(wrong) {
            let reply = issue(&world, &with_code(&phone, name, &challenge_id, bad)).await;
            assert_eq!(reply.said(), (401, "invalid_credentials"), "{bad}");
        }
        let reply = issue(&world, &with_code(&phone, name, &challenge_id, &code)).await;
        assert_eq!(reply.status, status, "after {wrong} wrong ones");
    }
}

#[tokio::test(start_paused = true)]
async fn nine_guesses_at_a_code_at_once_are_five() {
    let world = Arc::new(World::new().await);
    let (challenge_id, code) = code_for(&world, NORTH).await;
    let phone = Phone::new(1);
    let wrong = (0..9).map(|n| with_code(&phone, NORTH, &challenge_id, &format!("x{n}"))).collect();
    let replies = all_at_once(&world, &TOKEN_ISSUE, wrong).await;
    assert!(replies.iter().all(|reply| reply.status == 401), "{replies:?}");
    let kept = world.table.items(RECORDS).into_iter().find(|item| item["sk"]["S"] == "challenge").unwrap();
    assert_eq!(kept["guesses"]["N"], "5");
    let reply = issue(&world, &with_code(&phone, NORTH, &challenge_id, &code)).await;
    assert_eq!(reply.said(), (401, "invalid_credentials"));
}

#[tokio::test]
async fn a_code_is_good_for_five_minutes() {
    for (seconds, status) in [(299, 200), (300, 401), (301, 401)] {
        let world = World::new().await;
        let (challenge_id, code) = code_for(&world, NORTH).await;
        let request = with_code(&Phone::new(1), NORTH, &challenge_id, &code).at(moment(seconds));
        assert_eq!(issue(&world, &request).await.status, status, "after {seconds} seconds");
    }
}

#[tokio::test]
async fn a_code_is_of_its_number_its_operator_and_its_challenge() {
    let world = World::new().await;
    let phone = Phone::new(1);
    let (first, code) = code_for(&world, NORTH).await;
    let (second, _) = code_for(&world, NORTH).await;
    let elsewhere = wish_for_code(&world, 0, "+919800000001@vishi").await.text("/challenge_id").to_owned();
    for (name, challenge_id) in
        [(SOUTH, &first), (NORTH, &second), ("+919800000001@vishi", &first), ("+919800000001@vishi", &elsewhere)]
    {
        let reply = issue(&world, &with_code(&phone, name, challenge_id, &code)).await;
        assert_eq!(reply.said(), (401, "invalid_credentials"), "{name} {challenge_id}");
    }
    assert_eq!(issue(&world, &with_code(&phone, NORTH, &first, &code)).await.status, 200, "nobody has used it up");
}

/// Proofs that do not prove that this phone asks this.
fn no_proofs(phone: &Phone, nonce: &str) -> Vec<(&'static str, String)> {
    let (header, claims) = (phone.header(), proven(nonce));
    let with = |object: &Value, name: &str, value: Value| {
        let mut object = object.clone();
        object[name] = value;
        object
    };
    let without = |object: &Value, name: &str| {
        let mut object = object.clone();
        object.as_object_mut().unwrap().remove(name);
        object
    };
    let claimed = |name: &str, value: Value| phone.sign(&header, &with(&claims, name, value));
    let headed = |name: &str, value: Value| phone.sign(&with(&header, name, value), &claims);
    let good = phone.proof(nonce);
    let (head, signature) = good.rsplit_once('.').unwrap();
    let private = with(&phone.jwk(), "d", phone.jwk()["x"].clone());
    let symmetric = json!({ "kty": "oct", "k": "c2VjcmV0" });
    vec![
        ("nothing", String::new()),
        ("no JWT", "proof".to_owned()),
        ("two dots", "..".to_owned()),
        ("cut short", good[..good.len() - 9].to_owned()),
        ("no signature", format!("{head}.")),
        ("a signature of zeros", format!("{head}.{}", BASE64URL_NOPAD.encode(&[0; 64]))),
        ("something behind it", format!("{head}.{signature}.x")),
        ("longer than any", headed("jwk", with(&phone.jwk(), "kid", json!("x".repeat(5_000))))),
        ("for another nonce", claimed("nonce", json!("otp_01kagwtb0084nrm0ppw3zy9t20"))),
        ("without a nonce", phone.sign(&header, &without(&claims, "nonce"))),
        ("for another method", claimed("htm", json!("GET"))),
        ("without a method", phone.sign(&header, &without(&claims, "htm"))),
        ("for another path", claimed("htu", json!("https://milepost.example/local/api/v1/auth/session"))),
        ("without a path", phone.sign(&header, &without(&claims, "htu"))),
        ("without jti", phone.sign(&header, &without(&claims, "jti"))),
        ("without iat", phone.sign(&header, &without(&claims, "iat"))),
        ("an iat that is no number", claimed("iat", json!("now"))),
        ("with the private key in it", headed("jwk", private)),
        ("signed by another key", Phone::new(99).sign(&header, &claims)),
        ("of another type", headed("typ", json!("JWT"))),
        ("of no type", phone.sign(&without(&header, "typ"), &claims)),
        ("alg none", headed("alg", json!("none"))),
        ("alg HS256", headed("alg", json!("HS256"))),
        ("the other alg", headed("alg", json!("ES256"))),
        ("a symmetric key", phone.sign(&json!({ "typ": "dpop+jwt", "alg": "HS256", "jwk": symmetric }), &claims)),
        ("no key", phone.sign(&without(&header, "jwk"), &claims)),
        ("a key that is text", headed("jwk", json!("key"))),
        ("a key elsewhere", headed("jku", json!("http://127.0.0.1:9/jwks.json"))),
        ("crit", headed("crit", json!(["exp"]))),
        ("claims that are a list", phone.sign(&header, &json!([]))),
    ]
}

#[tokio::test]
async fn without_a_proof_for_this_very_request_no_code_is_looked_at() {
    let world = World::new().await;
    let phone = Phone::new(1);
    let (challenge_id, code) = code_for(&world, NORTH).await;
    let body = json!({ "grant_type": "otp", "username": NORTH, "challenge_id": challenge_id, "code": code });
    let bare = ask(&world, 0, &body).await;
    assert_eq!((bare.said(), bare.text("/error")), ((401, "proof_required"), "invalid_grant"));
    let bad = no_proofs(&phone, &challenge_id);
    for (wrong, proof) in &bad {
        let request = asks(&TOKEN_ISSUE).header("DPoP", proof).json(&body);
        assert_eq!(issue(&world, &request).await.said(), (401, "proof_required"), "{wrong}");
    }
    println!("proofs that are none: {} cases", bad.len());
    let good = issue(&world, &with_code(&phone, NORTH, &challenge_id, &code)).await;
    assert_eq!(good.status, 200, "none of them was a guess: {good:?}");
}

#[tokio::test]
async fn a_phones_login_is_refreshed_by_that_phone_alone() {
    let world = World::new().await;
    let (phone, other) = (Phone::new(1), Phone::new(2));
    let tokens = phone_login(&world, &world.pennco, &phone).await;
    let token = tokens.text("/refresh_token");
    let nonce = |token: &str| edge::proof::nonce_of(token);
    assert_eq!(ask(&world, 0, &refresh(token)).await.said(), (401, "proof_required"));
    for (wrong, proof) in no_proofs(&phone, &nonce(token)) {
        let request = asks(&TOKEN_ISSUE).header("DPoP", &proof).json(&refresh(token));
        assert_eq!(issue(&world, &request).await.said(), (401, "proof_required"), "{wrong}");
    }
    assert_eq!(issue(&world, &other.refreshes(token)).await.said(), (401, "invalid_credentials"));
    let next = issue(&world, &phone.refreshes(token)).await;
    assert_eq!(next.status, 200);
    let next = next.text("/refresh_token");
    let overheard = asks(&TOKEN_ISSUE).header("DPoP", &phone.proof(&nonce(token))).json(&refresh(next));
    assert_eq!(issue(&world, &overheard).await.said(), (401, "proof_required"), "a proof of another token");
    assert_eq!(issue(&world, &phone.refreshes(next)).await.status, 200, "none of them moved the login on");
}

#[tokio::test]
async fn who_has_an_old_token_of_a_phone_but_not_the_phone_cannot_end_its_login() {
    let world = World::new().await;
    let phone = Phone::new(1);
    let tokens = phone_login(&world, &world.pennco, &phone).await;
    let first = tokens.text("/refresh_token");
    let next = issue(&world, &phone.refreshes(first)).await;
    let last = issue(&world, &phone.refreshes(next.text("/refresh_token"))).await;
    assert_eq!(ask(&world, 1, &refresh(first)).await.said(), (401, "proof_required"));
    assert_eq!(issue(&world, &Phone::new(2).refreshes(first)).await.said(), (401, "invalid_credentials"));
    let again = issue(&world, &phone.refreshes(last.text("/refresh_token"))).await;
    assert_eq!(again.status, 200, "the login goes on");
    assert_eq!(issue(&world, &phone.refreshes(first)).await.status, 401);
    assert_eq!(issue(&world, &phone.refreshes(again.text("/refresh_token"))).await.status, 401, "now it has ended");
}

#[tokio::test]
async fn the_same_phone_is_the_same_device_at_each_login() {
    let world = World::new().await;
    let phone = Phone::p256();
    let first = phone_login(&world, &world.pennco, &phone).await;
    let (challenge_id, code) = code_at(&world, 200, NORTH).await;
    // The same key with its members in another order, and with members that are none of the key's.
    let mut jwk = json!({ "use": "sig", "kid": "phone" });
    for name in ["y", "x", "kty", "crv"] {
        jwk[name] = phone.jwk()[name].clone();
    }
    let header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": jwk });
    let body = json!({ "grant_type": "otp", "username": NORTH, "challenge_id": challenge_id, "code": code,
                       "device_name": "another name" });
    let proof = phone.sign(&header, &proven(&challenge_id));
    let again = issue(&world, &asks(&TOKEN_ISSUE).header("DPoP", &proof).json(&body).at(moment(200))).await;
    assert_eq!((again.status, again.text("/device_id")), (200, first.text("/device_id")), "{again:?}");
    let shown = phones(&world, &world.pennco.agents[0], 0).await;
    assert_eq!((shown.items().len(), &shown.items()[0]["name"]), (1, &json!("a phone")));
    assert_eq!(issue(&world, &phone.refreshes(first.text("/refresh_token"))).await.status, 200, "both logins are good");
}

#[tokio::test]
async fn a_phone_belongs_to_the_agent_who_logged_in_with_it_first() {
    let world = World::new().await;
    let phone = Phone::new(1);
    phone_login(&world, &world.pennco, &phone).await;
    let (challenge_id, code) = code_for(&world, SOUTH).await;
    let reply = issue(&world, &with_code(&phone, SOUTH, &challenge_id, &code)).await;
    assert_eq!(reply.said(), (401, "invalid_credentials"));
    let own = issue(&world, &with_code(&Phone::new(2), SOUTH, &challenge_id, &code)).await;
    assert_eq!(own.status, 200, "the code is still good: {own:?}");
    let elsewhere = phone_login(&world, &world.vishi, &phone).await;
    assert_eq!(elsewhere.status, 200, "another operator knows nothing of it");
}

#[tokio::test]
async fn a_revoked_phone_cannot_log_in_again_and_another_one_can() {
    let world = World::new().await;
    let (lost, new) = (Phone::new(1), Phone::new(2));
    let tokens = phone_login(&world, &world.pennco, &lost).await;
    let revoke = command(&world.pennco.desk, &DEVICE_REVOKE, "lost", &json!({}));
    let revoked = call(&world, &DEVICE_REVOKE, &revoke.path("device_id", tokens.text("/device_id"))).await;
    assert_eq!(revoked.text("/status"), "revoked", "{revoked:?}");
    let (challenge_id, code) = code_at(&world, 100, NORTH).await;
    let by_lost = with_code(&lost, NORTH, &challenge_id, &code).at(moment(100));
    assert_eq!(issue(&world, &by_lost).await.said(), (401, "invalid_credentials"));
    let by_new = with_code(&new, NORTH, &challenge_id, &code).at(moment(100));
    let tokens = issue(&world, &by_new).await;
    assert_eq!((tokens.status, opens(&world, 140, &tokens).await), (200, 200), "{tokens:?}");
}

/// A request for a program's token by HTTP Basic.
fn by_basic(credentials: &str, body: &str) -> RestRequest {
    form(body).header("Authorization", &format!("Basic {}", BASE64.encode(credentials.as_bytes())))
}

#[tokio::test]
async fn a_program_gets_a_token_for_its_scopes_by_body_or_by_basic() {
    let world = World::new().await;
    let scopes = ["disbursement:read", "disbursement:write", "session:read"];
    let (id, secret) = program(&world, &world.pennco, &scopes).await;
    let grant = "grant_type=client_credentials";
    let encoded = format!("{}:{secret}", id.replace('@', "%40"));
    let by_form = format!("{grant}&client_id={}&client_secret={secret}", id.replace('@', "%40"));
    for (how, request) in [
        ("JSON", asks(&TOKEN_ISSUE).json(&client_credentials(&id, &secret))),
        ("a form", form(&by_form)),
        ("Basic", by_basic(&format!("{id}:{secret}"), grant)),
        ("Basic, encoded as OAuth has it", by_basic(&encoded, grant)),
        ("Basic beside JSON", {
            let basic = BASE64.encode(format!("{id}:{secret}").as_bytes());
            asks(&TOKEN_ISSUE)
                .json(&json!({ "grant_type": "client_credentials" }))
                .header("Authorization", &format!("basic {basic}"))
        }),
    ] {
        let tokens = issue(&world, &request).await;
        assert_eq!(tokens.status, 200, "{how}: {tokens:?}");
        assert_eq!((tokens.text("/scope"), tokens.text("/principal/subject")), (&*scopes.join(" "), "bfil"), "{how}");
        assert_eq!(tokens.json.get("refresh_token"), None, "{how}: it has its secret");
        assert_eq!(opens(&world, 0, &tokens).await, 200, "{how}");
    }
    let tokens = ask(&world, 0, &client_credentials(&id, &secret)).await;
    let caller = holder(&world.pennco.partners[0], &tokens);
    let instruct = command(&caller, &DISBURSEMENT_CREATE, "k1", &instruction("BF-D-1", 5));
    assert_eq!(call(&world, &DISBURSEMENT_CREATE, &instruct).await.status, 201);
}

#[tokio::test]
async fn a_program_may_ask_for_less_than_it_has_and_not_for_more() {
    let world = World::new().await;
    let (id, secret) = program(&world, &world.pennco, &["disbursement:read", "session:read"]).await;
    let asked = async |scope: &str| {
        let mut body = client_credentials(&id, &secret);
        body["scope"] = json!(scope);
        ask(&world, 0, &body).await
    };
    let less = asked("disbursement:read").await;
    assert_eq!((less.status, less.text("/scope")), (200, "disbursement:read"));
    let bearer = format!("Bearer {}", less.text("/access_token"));
    let refused = call(&world, &SESSION_GET, &asks(&SESSION_GET).header("Authorization", &bearer)).await;
    assert_eq!(refused.said(), (403, "insufficient_scope"));
    let challenge = "Bearer error=\"insufficient_scope\", scope=\"session:read\"";
    assert_eq!(refused.header("www-authenticate"), Some(challenge));
    for more in ["disbursement:write", "disbursement:read user:write", "", " ", "DISBURSEMENT:READ"] {
        let reply = asked(more).await;
        assert_eq!((reply.said(), reply.flaws()), ((422, "invalid"), vec![("/scope", "unknown_scope")]), "{more:?}");
    }
}

#[tokio::test]
async fn a_program_with_a_wrong_a_former_or_no_secret_gets_nothing() {
    let world = World::new().await;
    let (id, secret) = program(&world, &world.pennco, &["disbursement:read"]).await;
    let grant = "grant_type=client_credentials";
    let right_in_the_body = format!("{grant}&client_id={}&client_secret={secret}", id.replace('@', "%40"));
    for (how, request) in [
        (
            "a wrong secret in the header before a right one in the body",
            by_basic(&format!("{id}:x"), &right_in_the_body),
        ),
        ("no colon", by_basic(&id, grant)),
        ("no name", by_basic(&format!(":{secret}"), grant)),
        ("not base64", form(grant).header("Authorization", "Basic ÄÖÜ")),
        ("a bearer token", form(&right_in_the_body).header("Authorization", "Bearer x")),
    ] {
        assert_eq!(issue(&world, &request).await.said(), (401, "invalid_credentials"), "{how}");
    }
    let client_id = id.trim_end_matches("@pennco");
    let admin = &world.pennco.admin;
    let rotate = command(admin, &CLIENT_ROTATE, "rotate", &json!({})).path("client_id", client_id);
    let rotated = call(&world, &CLIENT_ROTATE, &rotate).await;
    assert_eq!(ask(&world, 1, &client_credentials(&id, &secret)).await.said(), (401, "invalid_credentials"));
    let latest = rotated.text("/client_secret");
    assert_eq!(ask(&world, 1, &client_credentials(&id, latest)).await.status, 200);
    let disable = command(admin, &CLIENT_UPDATE, "disable", &json!({ "status": "disabled" }));
    let disable = disable.path("client_id", client_id).header("If-Match", "\"2\"");
    assert_eq!(call(&world, &CLIENT_UPDATE, &disable).await.text("/status"), "disabled");
    assert_eq!(ask(&world, 2, &client_credentials(&id, latest)).await.said(), (401, "invalid_credentials"));
}

#[tokio::test]
async fn a_program_that_renews_its_token_in_time_is_never_refused() {
    let world = World::new().await;
    let (id, secret) = program(&world, &world.pennco, &["disbursement:read"]).await;
    // Four days of one token after the other, each asked for ten seconds before the last one is over.
    let asked = 4 * 86_400 / 590;
    let mut refused = Vec::new();
    // One process serves them all: a new one would first of all hash its decoy.
    let credentials = world.credentials();
    for n in 0..asked {
        let request = asks(&TOKEN_ISSUE).json(&client_credentials(&id, &secret)).at(moment(n * 590));
        let reply = world.send_open(&TOKEN_ISSUE, token_issue::handle, &credentials, &request).await;
        if reply.status != 200 {
            refused.push((n, reply.status));
        }
    }
    println!("{asked} tokens in four days: {} refused, the first at {:?}", refused.len(), refused.first());
    assert_eq!(refused, []);
}

#[tokio::test]
async fn who_has_a_second_factor_logs_in_with_both_and_with_each_code_once() {
    let world = World::new().await;
    let secret = second_factor(&world, &world.pennco.desk).await;
    let with = async |seconds: i64, code_of: i64| {
        ask(&world, seconds, &with_totp("desk@pennco", &totp_at(&secret, code_of))).await
    };
    let refused = (401, "invalid_credentials");
    assert_eq!(with(0, 0).await.said(), refused, "the first code was used up when the app showed it");
    let bare = ask(&world, 60, &password("desk@pennco", PASSWORD)).await;
    assert_eq!((bare.said(), bare.text("/error")), ((401, "totp_required"), "invalid_grant"));
    let mut wrong = with_totp("desk@pennco", &totp_at(&secret, 60));
    wrong["password"] = json!("wrong");
    assert_eq!(ask(&world, 60, &wrong).await.said(), refused);
    assert_eq!(ask(&world, 60, &with_totp("desk@pennco", "12345x")).await.said(), refused);
    assert_eq!(with(60, 120).await.said(), refused, "a minute ahead");
    assert_eq!(with(60, 60).await.status, 200);
    assert_eq!(with(61, 60).await.said(), refused, "twice");
    assert_eq!(with(62, 30).await.said(), refused, "older than the last one");
    assert_eq!(with(62, 90).await.status, 200, "a clock that runs ahead");
    // The bucket of attempts has filled up again by then.
    assert_eq!(with(600, 540).await.said(), refused, "a minute behind");
    assert_eq!(with(600, 570).await.status, 200, "a clock that runs behind");
}

#[tokio::test(start_paused = true)]
async fn two_logins_with_one_code_of_the_second_factor_at_once_are_one() {
    let world = Arc::new(World::new().await);
    let secret = second_factor(&world, &world.pennco.desk).await;
    let body = with_totp("desk@pennco", &totp_at(&secret, 60));
    let requests = (0..4).map(|_| asks(&TOKEN_ISSUE).json(&body).at(moment(60))).collect();
    let replies = all_at_once(&world, &TOKEN_ISSUE, requests).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1, "{replies:?}");
    assert!(replies.iter().all(|reply| matches!(reply.status, 200 | 401)), "{replies:?}");
    assert_eq!(happened(&world, "session.opened").len(), 1);
}

#[tokio::test]
async fn a_factor_that_waits_for_its_first_code_is_not_asked_for() {
    let world = World::new().await;
    enrol(&world, &world.pennco.desk).await;
    login(&world, 0, "desk@pennco").await;
}

/// [`PASSWORD`] as it was hashed when machines were slower.
const DATED: &str = "$argon2id$v=19$m=4096,t=1,p=1$c2FsdCBvZiBsYXN0IHllYXI$bkU4Yx3Sn5px4MMljqxRV8kec9Zsk3XUI9pZcgbuHgc";

/// Somebody whose password was set when machines were slower.
async fn veteran(world: &World) {
    let at = world.now().plus_seconds(-86_400);
    let user_id = UserId::mint(at, &[b"veteran"]);
    let user = User {
        subject: user_id.to_string(),
        user_id,
        login: "veteran".to_owned(),
        name: "The veteran".to_owned(),
        email: Some("veteran@pennco.example".to_owned()),
        role: Role::Settlement,
        regions: vec![],
        status: UserStatus::Active,
        has_totp: false,
        version: 1,
        created_at: at,
        updated_at: at,
    };
    let password_hash = Some(DATED.to_owned());
    let kept = KeptUser { user, password_hash, second_factor: None, generation: 0, is_address_new: false, revision: 1 };
    world.directory().create_user(&world.pennco.operator, &kept, at).await.unwrap();
}

/// How the veteran's password is kept.
fn kept_hash(world: &World) -> String {
    let users = world.table.items(RECORDS).into_iter().filter(|item| item["sk"]["S"] == "user");
    let found: Vec<Value> = users.filter(|item| item["user"]["M"]["login"]["S"] == "veteran").collect();
    found[0]["password_hash"]["S"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_password_that_was_hashed_weakly_is_hashed_anew_at_the_next_login() {
    let world = World::new().await;
    veteran(&world).await;
    assert_eq!(ask(&world, 0, &password("veteran@pennco", "wrong")).await.status, 401);
    assert_eq!(kept_hash(&world), DATED, "who does not know it changes nothing");
    let tokens = login(&world, 0, "veteran@pennco").await;
    let anew = kept_hash(&world);
    assert!(anew.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{anew}");
    login(&world, 1, "veteran@pennco").await;
    assert_eq!(kept_hash(&world), anew, "once");
    assert_eq!(ask(&world, 2, &refresh(tokens.text("/refresh_token"))).await.status, 200, "that ended no login");
    assert_eq!(ask(&world, 2, &password("veteran@pennco", "wrong")).await.status, 401);
}

#[tokio::test(start_paused = true)]
async fn two_first_logins_at_once_with_a_password_that_was_hashed_weakly_are_two_logins() {
    let world = Arc::new(World::new().await);
    veteran(&world).await;
    let requests = (0..2).map(|_| asks(&TOKEN_ISSUE).json(&password("veteran@pennco", PASSWORD))).collect();
    let replies = all_at_once(&world, &TOKEN_ISSUE, requests).await;
    assert!(replies.iter().all(|reply| reply.status == 200), "{replies:?}");
    login(&world, 1, "veteran@pennco").await;
}

#[tokio::test]
async fn nothing_that_opens_a_door_lies_in_the_tables_or_the_queues() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let tokens = login(&world, 0, "desk@pennco").await;
    let next = ask(&world, 1, &refresh(tokens.text("/refresh_token"))).await;
    let (challenge_id, code) = code_for(&world, NORTH).await;
    let by_phone = issue(&world, &with_code(&Phone::new(1), NORTH, &challenge_id, &code)).await;
    let (cookie, csrf_token) = console(&world, "admin@pennco").await;
    let (id, secret) = program(&world, pennco, &["disbursement:read"]).await;
    let machine = ask(&world, 0, &client_credentials(&id, &secret)).await;
    let factor = second_factor(&world, &pennco.settlement).await;
    let ticket = ticket_for(&world, "bfil@pennco").await;
    take_on(&world, pennco, "invite", &clerk("invited")).await;
    ask(&world, 0, &password("desk@pennco", "a password with a typo in it")).await;
    deliver(&world).await;
    let invitation = ticket_in(&world.post.mail().last().unwrap().text);
    let tag = |reply: &Reply| reply.text("/refresh_token").rsplit('.').next().unwrap().to_owned();
    let raw = data_encoding::BASE32_NOPAD.decode(factor.as_bytes()).unwrap();
    let secrets = [
        ("password", PASSWORD.to_owned()),
        ("a password with a typo", "a password with a typo in it".to_owned()),
        ("refresh token", tag(&tokens)),
        ("next refresh token", tag(&next)),
        ("a phone's refresh token", tag(&by_phone)),
        ("access token", tokens.text("/access_token").to_owned()),
        ("a program's access token", machine.text("/access_token").to_owned()),
        ("code", code),
        ("cookie", cookie.trim_start_matches("__Host-session=").to_owned()),
        ("CSRF token", csrf_token),
        ("a program's secret", secret.trim_start_matches("sec_").to_owned()),
        ("a second factor's secret", factor),
        ("a second factor's secret in base64", BASE64.encode(&raw)),
        ("ticket", ticket.split_once('.').unwrap().1.to_owned()),
        ("invitation", invitation.split_once('.').unwrap().1.to_owned()),
    ];
    let tables = [RECORDS, LEDGER, TRACKS].map(|table| world.table.items(table));
    let mut kept: Vec<String> = tables.iter().flatten().map(Value::to_string).collect();
    kept.extend(["activity", "message"].iter().flat_map(|queue| world.queues.sent_to(queue)).map(|sent| sent.body));
    for (what, secret) in &secrets {
        assert!(secret.len() >= 6, "{what}: {secret}");
        // Six digits stand in many numbers by chance: a code is looked for as a word of its own.
        let is_in = |text: &String| match secret.len() {
            6 => text.split(|symbol: char| !symbol.is_ascii_alphanumeric()).any(|word| word == secret),
            _ => text.contains(secret.as_str()),
        };
        assert_eq!(kept.iter().find(|text| is_in(text)), None, "{what}");
    }
    println!("{} secrets looked for in {} items and messages, none found", secrets.len(), kept.len());
}
