//! `device-revoke`: a phone is lost; whoever finds it finds nothing.

use domain::access::{
    AGENT_LIST, DELIVERY_LIST, DEVICE_LIST, DEVICE_REVOKE, LOCATION_RECORD, SESSION_GET, TOKEN_ISSUE,
};
use serde_json::json;
use testkit::{Person, Reply, RestRequest, World};

use crate::{
    device_list::phones,
    door::call,
    logins::{Phone, happened, holder, moment, phone_login},
    steps::{all_at_once, command, point},
};

fn revocation(person: &Person, device_id: &str, key: &str, seconds: i64) -> RestRequest {
    command(person, &DEVICE_REVOKE, key, &json!({})).path("device_id", device_id).at(moment(seconds))
}

async fn revoke(world: &World, person: &Person, device_id: &str, key: &str) -> Reply {
    call(world, &DEVICE_REVOKE, &revocation(person, device_id, key, 0)).await
}

/// What an agent gets on four routes, so many seconds from now.
async fn on_every_route(world: &World, agent: &Person, seconds: i64) -> Vec<(u16, String)> {
    let at = moment(seconds);
    let points = json!({ "points": [point(60, 18.52)] });
    let requests = [
        (&DELIVERY_LIST, agent.asks(&DELIVERY_LIST).query("due", "2026-11-21").at(at)),
        (&DEVICE_LIST, agent.asks(&DEVICE_LIST).at(at)),
        (&SESSION_GET, agent.asks(&SESSION_GET).at(at)),
        (&LOCATION_RECORD, agent.asks(&LOCATION_RECORD).path("agent_id", agent.subject()).json(&points).at(at)),
    ];
    let mut said = Vec::new();
    for (route, request) in requests {
        let reply = call(world, route, &request).await;
        said.push((reply.status, reply.code().to_owned()));
    }
    said
}

#[tokio::test]
async fn a_lost_phone_is_refused_at_the_next_refresh_and_everywhere_within_a_minute() {
    let world = World::new().await;
    let phone = Phone::new(1);
    let tokens = phone_login(&world, &world.pennco, &phone).await;
    let agent = holder(&world.pennco.agents[0], &tokens);
    let revoked = revoke(&world, &world.pennco.desk, tokens.text("/device_id"), "k1").await;
    assert_eq!((revoked.status, revoked.text("/status"), revoked.header("etag")), (200, "revoked", Some("\"2\"")));
    assert_eq!(revoked.text("/revoked_at"), "2026-11-21T06:30:00.000Z");
    assert_eq!(happened(&world, "device.revoked"), [tokens.text("/device_id")]);
    let refresh = phone.refreshes(tokens.text("/refresh_token"));
    assert_eq!(call(&world, &TOKEN_ISSUE, &refresh).await.said(), (401, "invalid_credentials"), "at once");
    let said = on_every_route(&world, &agent, 31).await;
    assert!(said.iter().all(|said| *said == (401, "unauthenticated".to_owned())), "{said:?}");
    println!("a revoked phone, 31 seconds later: refused on {} routes", said.len());
    let list = world.pennco.desk.asks(&AGENT_LIST).query("region", "pune-north").at(moment(31));
    assert_eq!(call(&world, &AGENT_LIST, &list).await.status, 200, "nobody else is");
}

#[tokio::test]
async fn one_phone_of_an_agent_is_lost_and_the_other_goes_on() {
    let world = World::new().await;
    let (lost, kept) = (Phone::new(1), Phone::new(2));
    let first = phone_login(&world, &world.pennco, &lost).await;
    let second = phone_login(&world, &world.pennco, &kept).await;
    let agent = holder(&world.pennco.agents[0], &second);
    assert_eq!(
        revoke(&world, &agent, first.text("/device_id"), "k1").await.text("/status"),
        "revoked",
        "by themselves"
    );
    let said = on_every_route(&world, &agent, 31).await;
    assert!(said.iter().all(|(status, _)| *status < 300), "{said:?}");
    assert_eq!(call(&world, &TOKEN_ISSUE, &kept.refreshes(second.text("/refresh_token"))).await.status, 200);
    let shown = phones(&world, &agent, 31).await;
    let mut status: Vec<&str> = shown.items().iter().map(|device| device["status"].as_str().unwrap()).collect();
    status.sort_unstable();
    assert_eq!(status, ["active", "revoked"], "a lost phone stays in the list");
}

#[tokio::test]
async fn a_phone_is_revoked_by_its_agent_the_desk_of_its_region_and_admins_and_unknown_to_the_others() {
    let world = World::new().await;
    let (pennco, vishi) = (&world.pennco, &world.vishi);
    let tokens = phone_login(&world, pennco, &Phone::new(1)).await;
    let device_id = tokens.text("/device_id");
    let mut south = pennco.desk.caller.clone();
    south.subject = "usr_01kagwtb0084nrm0ppw3zy9t20".to_owned();
    south.regions = pennco.agents[1].caller.regions.clone();
    let south = world.person(south);
    for person in [&south, &pennco.agents[1], &vishi.agents[0], &vishi.desk, &vishi.admin] {
        let reply = revoke(&world, person, device_id, "k1").await;
        assert_eq!(reply.said(), (404, "unknown"), "{:?}", person.caller);
    }
    for person in [&pennco.settlement, &pennco.partners[0]] {
        assert_eq!(revoke(&world, person, device_id, "k1").await.said(), (403, "forbidden"));
    }
    assert_eq!(happened(&world, "device.revoked"), [""; 0]);
    for (n, person) in [&pennco.agents[0], &pennco.desk, &pennco.admin].into_iter().enumerate() {
        let world = World::new().await;
        let tokens = phone_login(&world, &world.pennco, &Phone::new(1)).await;
        // Every world has the same people, but its own key.
        let person = world.person(person.caller.clone());
        let reply = revoke(&world, &person, tokens.text("/device_id"), "k1").await;
        assert_eq!((reply.status, reply.text("/status")), (200, "revoked"), "person {n}");
    }
}

#[tokio::test]
async fn a_second_revocation_changes_nothing() {
    let world = World::new().await;
    let tokens = phone_login(&world, &world.pennco, &Phone::new(1)).await;
    let (desk, device_id) = (&world.pennco.desk, tokens.text("/device_id"));
    let first = revoke(&world, desk, device_id, "k1").await;
    let replay = revoke(&world, desk, device_id, "k1").await;
    assert_eq!((replay.is_replay(), &replay.body, replay.header("etag")), (true, &first.body, Some("\"2\"")));
    let anew = call(&world, &DEVICE_REVOKE, &revocation(desk, device_id, "k2", 60)).await;
    assert_eq!((anew.status, anew.is_replay(), &anew.body), (200, false, &first.body), "it stays as it is");
    assert_eq!(happened(&world, "device.revoked").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn sixteen_revocations_at_once_are_one() {
    let world = std::sync::Arc::new(World::new().await);
    let tokens = phone_login(&world, &world.pennco, &Phone::new(1)).await;
    let desk = &world.pennco.desk;
    let requests = (0..16).map(|n| revocation(desk, tokens.text("/device_id"), &format!("k{n}"), 0)).collect();
    let replies = all_at_once(&world, &DEVICE_REVOKE, requests).await;
    assert!(replies.iter().all(|reply| (reply.status, reply.text("/status")) == (200, "revoked")), "{replies:?}");
    assert!(replies.iter().all(|reply| reply.body == replies[0].body), "one moment at which it was lost");
    assert_eq!(happened(&world, "device.revoked").len(), 1);
}
