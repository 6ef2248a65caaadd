//! `device-list`: the phones that an agent logs in with.

use domain::access::DEVICE_LIST;
use serde_json::{Value, json};
use testkit::{Person, Reply, World};

use crate::{
    door::call,
    logins::{Phone, code_at, code_for, moment, with_code},
};

/// An agent's own phones, so many seconds from now.
pub(crate) async fn phones(world: &World, agent: &Person, seconds: i64) -> Reply {
    call(world, &DEVICE_LIST, &agent.asks(&DEVICE_LIST).at(moment(seconds))).await
}

/// The phones of an agent as somebody else sees them.
pub(crate) async fn phones_of(world: &World, person: &Person, agent: &Person) -> Reply {
    call(world, &DEVICE_LIST, &person.asks(&DEVICE_LIST).query("agent_id", agent.subject())).await
}

/// Logs somebody in with a phone of this number, and of this name.
async fn logs_in(world: &World, username: &str, number: u8, name: Option<&str>) -> Reply {
    let (challenge_id, code) = code_for(world, username).await;
    let phone = Phone::new(number);
    let mut body = json!({ "grant_type": "otp", "username": username, "challenge_id": challenge_id, "code": code });
    if let Some(name) = name {
        body["device_name"] = json!(name);
    }
    let route = &domain::access::TOKEN_ISSUE;
    let request = testkit::asks(route).header("DPoP", &phone.proof(&challenge_id)).json(&body);
    let tokens = call(world, route, &request).await;
    assert_eq!(tokens.status, 200, "{tokens:?}");
    tokens
}

fn ids(reply: &Reply) -> Vec<&str> {
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.items().iter().map(|device| device["device_id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_agent_sees_their_phones_with_their_keys_and_their_names() {
    let world = World::new().await;
    let agent = &world.pennco.agents[0];
    assert_eq!(ids(&phones(&world, agent, 0).await), [""; 0]);
    let tokens = logs_in(&world, "+919800000001@pennco", 1, Some("Redmi 12")).await;
    logs_in(&world, "+919800000001@pennco", 2, None).await;
    let shown = phones(&world, agent, 0).await;
    assert_eq!(shown.items().len(), 2);
    let first = shown.items().iter().find(|device| device["device_id"] == tokens.text("/device_id")).unwrap();
    let wanted = json!({
        "device_id": tokens.text("/device_id"), "agent_id": agent.subject(), "region": "pune-north", "name": "Redmi 12",
        "public_key": Phone::new(1).jwk(), "status": "active", "enrolled_at": "2026-11-21T06:30:00.000Z",
        "revoked_at": null, "version": 1,
    });
    assert_eq!(*first, wanted);
    let names: Vec<&Value> = shown.items().iter().map(|device| &device["name"]).collect();
    assert!(names.contains(&&json!("phone")), "who gives it no name gets one: {names:?}");
}

#[tokio::test]
async fn the_desk_sees_the_phones_of_its_region_and_admins_all_of_their_operator() {
    let world = World::new().await;
    let (pennco, vishi) = (&world.pennco, &world.vishi);
    let [north, south] = &pennco.agents;
    let here = logs_in(&world, "+919800000001@pennco", 1, None).await;
    let there = logs_in(&world, "+919800000002@pennco", 2, None).await;
    let elsewhere = logs_in(&world, "+919800000001@vishi", 3, None).await;
    assert_eq!(ids(&phones_of(&world, &pennco.desk, north).await), [here.text("/device_id")]);
    assert_eq!(ids(&phones_of(&world, &pennco.desk, south).await), [""; 0]);
    assert_eq!(ids(&phones_of(&world, &pennco.admin, south).await), [there.text("/device_id")]);
    assert_eq!(ids(&phones_of(&world, &pennco.admin, &vishi.agents[0]).await), [""; 0]);
    assert_eq!(ids(&phones_of(&world, &vishi.desk, &vishi.agents[0]).await), [elsewhere.text("/device_id")]);
    assert_eq!(ids(&phones_of(&world, north, north).await), [here.text("/device_id")], "their own by name");
    assert_eq!(phones_of(&world, north, south).await.said(), (404, "unknown"), "nobody else's");
}

#[tokio::test]
async fn whose_phones_must_be_said_by_who_has_none() {
    let world = World::new().await;
    let reply = call(&world, &DEVICE_LIST, &world.pennco.desk.asks(&DEVICE_LIST)).await;
    assert_eq!((reply.said(), reply.flaws()), ((400, "invalid_filter"), vec![("agent_id", "invalid_filter")]));
}

#[tokio::test]
async fn pages_show_each_phone_once() {
    let world = World::new().await;
    let agent = &world.pennco.agents[0];
    for number in 1..=7 {
        // Three codes at once, then one more each time that a share of five minutes has passed.
        let seconds = i64::from(number) * 100;
        let (challenge_id, code) = code_at(&world, seconds, "+919800000001@pennco").await;
        let request = with_code(&Phone::new(number), "+919800000001@pennco", &challenge_id, &code);
        let tokens = call(&world, &domain::access::TOKEN_ISSUE, &request.at(moment(seconds))).await;
        assert_eq!(tokens.status, 200, "{tokens:?}");
    }
    let (mut seen, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let request = world.pennco.desk.asks(&DEVICE_LIST).query("agent_id", agent.subject()).query("limit", "3");
        let request = cursor.iter().fold(request, |request, cursor| request.query("cursor", cursor));
        let page = call(&world, &DEVICE_LIST, &request).await;
        assert!(page.items().len() <= 3, "{page:?}");
        seen.extend(ids(&page).into_iter().map(str::to_owned));
        cursor = page.json["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    assert!(seen.is_sorted() && seen.len() == 7, "{seen:?}");
}
