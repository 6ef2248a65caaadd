//! `user-update`: an admin changes somebody's name, role, regions or status.

use std::sync::Arc;

use domain::access::{AGENT_LIST, SETTLEMENT_LIST, TOKEN_ISSUE, USER_LIST, USER_UPDATE};
use serde_json::{Value, json};
use testkit::{PASSWORD, Person, Reply, RestRequest, World};

use crate::{
    door::call,
    logins::{
        Phone, agents_as, ask, change, clerk, code_for, deliver, happened, holder, login, moment, new_agent, opens,
        password, phone_login, refresh, set_password, take_on, ticket_in, user, with_code,
    },
    steps::{all_at_once, command},
};

/// An edit of a version under a key.
fn edit(admin: &Person, user_id: &str, key: &str, version: &str, body: &Value) -> RestRequest {
    command(admin, &USER_UPDATE, key, body).path("user_id", user_id).header("If-Match", version)
}

/// Another admin, who has set a password: whom tokens name.
async fn second_admin(world: &World) -> Person {
    let mut body = clerk("deputy");
    body["role"] = json!("admin");
    let taken = take_on(world, &world.pennco, "deputy", &body).await;
    deliver(world).await;
    let ticket = ticket_in(&world.post.mail().last().unwrap().text);
    assert_eq!(set_password(world, -60, &ticket, PASSWORD).await.status, 200);
    let mut caller = world.pennco.admin.caller.clone();
    taken.text("/user_id").clone_into(&mut caller.subject);
    world.person(caller)
}

#[tokio::test]
async fn an_edit_names_the_version_that_it_edits() {
    let world = World::new().await;
    let (admin, desk) = (&world.pennco.admin, world.pennco.desk.subject());
    let name = json!({ "name": "The front desk" });
    let unnamed = command(admin, &USER_UPDATE, "k1", &name).path("user_id", desk);
    assert_eq!(call(&world, &USER_UPDATE, &unnamed).await.said(), (428, "if_match_missing"));
    for stale in ["\"0\"", "\"2\"", "*", "W/\"1\"", "1", "", "\"\"", "\"one\"", "\"1\", \"2\"", "\"-1\""] {
        let reply = call(&world, &USER_UPDATE, &edit(admin, desk, "k1", stale, &name)).await;
        assert_eq!(reply.said(), (412, "version_passed"), "{stale}");
    }
    assert_eq!(user(&world, &world.pennco, desk).await.text("/name"), "The desk of pennco");
    let edited = call(&world, &USER_UPDATE, &edit(admin, desk, "k1", "\"1\"", &name)).await;
    assert_eq!((edited.status, edited.text("/name")), (200, "The front desk"), "none of them used up the key");
    assert_eq!((edited.header("etag"), &edited.json["version"]), (Some("\"2\""), &json!(2)));
    assert_eq!(happened(&world, "user.updated"), [desk]);
}

#[tokio::test]
async fn the_same_edit_again_gets_the_same_bytes_although_the_version_has_passed() {
    let world = World::new().await;
    let (admin, desk) = (&world.pennco.admin, world.pennco.desk.subject());
    let request = || edit(admin, desk, "k1", "\"1\"", &json!({ "name": "The front desk" }));
    let first = call(&world, &USER_UPDATE, &request()).await;
    for n in 0..3 {
        let other = change(&world, &world.pennco, n, desk, &json!({ "name": format!("Desk {n}") })).await;
        assert_eq!(other.status, 200);
        let again = call(&world, &USER_UPDATE, &request()).await;
        assert_eq!((again.status, again.is_replay(), &again.body), (200, true, &first.body));
        assert_eq!(again.header("etag"), first.header("etag"));
    }
    assert_eq!(user(&world, &world.pennco, desk).await.text("/name"), "Desk 2", "a repeat changes nothing");
    let reused = edit(admin, desk, "k1", "\"5\"", &json!({ "name": "Another" }));
    assert_eq!(call(&world, &USER_UPDATE, &reused).await.said(), (422, "idempotency_key_reused"));
}

#[tokio::test(start_paused = true)]
async fn of_sixteen_edits_of_one_version_one_is_made() {
    let world = Arc::new(World::new().await);
    let (admin, desk) = (&world.pennco.admin, world.pennco.desk.subject());
    let request = |n: i32| edit(admin, desk, &format!("k{n}"), "\"1\"", &json!({ "name": format!("Desk {n}") }));
    let replies = all_at_once(&world, &USER_UPDATE, (0..16).map(request).collect()).await;
    let (made, refused): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 200);
    assert_eq!((made.len(), refused.len()), (1, 15));
    assert!(refused.iter().all(|reply| reply.said() == (412, "version_passed")), "{refused:?}");
    assert_eq!(user(&world, &world.pennco, desk).await.body, made[0].body);
}

#[tokio::test]
async fn somebody_of_another_operator_is_unknown() {
    let world = World::new().await;
    let theirs = world.vishi.desk.subject();
    for user_id in [theirs, "usr_01kagwtb0084nrm0ppw3zy9t20"] {
        let request = edit(&world.pennco.admin, user_id, "k1", "\"1\"", &json!({ "name": "X" }));
        assert_eq!(call(&world, &USER_UPDATE, &request).await.said(), (404, "unknown"));
    }
    assert_eq!(user(&world, &world.vishi, theirs).await.header("etag"), Some("\"1\""));
}

#[tokio::test]
async fn nobody_changes_their_own_rights_but_their_own_name() {
    let world = World::new().await;
    let own = world.pennco.admin.subject();
    let before = user(&world, &world.pennco, own).await;
    for (n, rights) in [
        json!({ "role": "settlement" }),
        json!({ "role": "staff", "regions": ["pune-north"] }),
        json!({ "status": "disabled" }),
        json!({ "status": "disabled", "name": "Nobody" }),
    ]
    .iter()
    .enumerate()
    {
        let request = || edit(&world.pennco.admin, own, &format!("k{n}"), "\"1\"", rights);
        assert_eq!(call(&world, &USER_UPDATE, &request()).await.said(), (409, "own_rights"), "{rights}");
        assert!(call(&world, &USER_UPDATE, &request()).await.is_replay(), "a refusal is kept");
    }
    assert_eq!(user(&world, &world.pennco, own).await.body, before.body);
    let named = change(&world, &world.pennco, 0, own, &json!({ "name": "Chief", "email": "chief@e.in" })).await;
    assert_eq!((named.status, named.text("/name"), named.text("/email")), (200, "Chief", "chief@e.in"));
    let same = change(&world, &world.pennco, 1, own, &json!({ "role": "admin", "status": "active" })).await;
    assert_eq!(same.status, 200, "what stays as it is, is no change of rights: {same:?}");
}

#[tokio::test]
async fn what_a_role_does_not_have_is_refused_with_its_place() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let agent = take_on(&world, pennco, "agent", &new_agent("+919800000009")).await;
    let mut partner = clerk("colleague");
    (partner["role"], partner["partner_id"]) = (json!("partner"), json!("bfil"));
    let partner = take_on(&world, pennco, "partner", &partner).await;
    let (agent, partner) = (agent.text("/user_id"), partner.text("/user_id"));
    let desk = pennco.desk.subject();
    let mut cases = 0;
    for (user_id, body, flaws) in [
        (desk, json!({ "regions": [] }), vec![("/regions", "not_allowed")]),
        (desk, json!({ "regions": ["goa"] }), vec![("/regions/0", "unknown_region")]),
        (desk, json!({ "role": "settlement" }), vec![("/regions", "not_allowed")]),
        (desk, json!({ "role": "agent" }), vec![("/role", "not_allowed")]),
        (desk, json!({ "status": "invited" }), vec![("/status", "not_allowed")]),
        (desk, json!({ "has_totp": true }), vec![("/has_totp", "not_allowed")]),
        (agent, json!({ "role": "staff" }), vec![("/role", "not_allowed")]),
        (agent, json!({ "regions": ["pune-south"] }), vec![("/regions", "not_allowed")]),
        (agent, json!({ "status": "invited" }), vec![("/status", "not_allowed")]),
        (partner, json!({ "role": "admin" }), vec![("/role", "not_allowed")]),
        (partner, json!({ "status": "active" }), vec![("/status", "not_allowed")]),
        (desk, json!({ "name": "" }), vec![("/name", "invalid_value")]),
        (desk, json!({ "email": "x" }), vec![("/email", "invalid_value")]),
    ] {
        let request = edit(&pennco.admin, user_id, "k1", "\"1\"", &body);
        let reply = call(&world, &USER_UPDATE, &request).await;
        assert_eq!((reply.said(), reply.flaws()), ((422, "invalid"), flaws), "{body}");
        cases += 1;
    }
    println!("edits that nobody can make: {cases} cases");
    assert_eq!(happened(&world, "user.updated"), [""; 0]);
}

/// What somebody with these tokens gets where settlements are listed, and where people are.
async fn doors(world: &World, seconds: i64, person: &Person, tokens: &Reply) -> [u16; 3] {
    let person = holder(person, tokens);
    let at = moment(seconds);
    [
        call(world, &SETTLEMENT_LIST, &person.asks(&SETTLEMENT_LIST).at(at)).await.status,
        call(world, &USER_LIST, &person.asks(&USER_LIST).at(at)).await.status,
        call(world, &AGENT_LIST, &person.asks(&AGENT_LIST).query("region", "pune-south").at(at)).await.status,
    ]
}

#[tokio::test]
async fn another_role_takes_effect_everywhere_within_a_minute() {
    let world = World::new().await;
    let desk = &world.pennco.desk;
    let tokens = login(&world, 0, "desk@pennco").await;
    assert_eq!(doors(&world, 0, desk, &tokens).await, [403, 403, 404]);
    let raise = json!({ "role": "settlement", "regions": [] });
    let raised = change(&world, &world.pennco, 1, desk.subject(), &raise).await;
    assert_eq!((raised.status, raised.text("/role"), &raised.json["regions"]), (200, "settlement", &json!([])));
    assert_eq!(opens(&world, 32, &tokens).await, 401);
    let reply = ask(&world, 2, &refresh(tokens.text("/refresh_token"))).await;
    assert_eq!(reply.said(), (401, "invalid_credentials"), "rights come with a login");
    let anew = login(&world, 2, "desk@pennco").await;
    assert_eq!(anew.text("/principal/role"), "settlement");
    assert_eq!(doors(&world, 33, desk, &anew).await, [200, 403, 200]);
    let admin = change(&world, &world.pennco, 40, desk.subject(), &json!({ "role": "admin" })).await;
    assert_eq!(admin.status, 200);
    let anew = login(&world, 41, "desk@pennco").await;
    assert_eq!(doors(&world, 75, desk, &anew).await, [200, 200, 200]);
    let less = json!({ "role": "staff", "regions": ["pune-south"] });
    assert_eq!(change(&world, &world.pennco, 80, desk.subject(), &less).await.status, 200);
    assert_eq!(doors(&world, 111, desk, &anew).await, [401, 401, 401], "less takes effect as well");
    let anew = login(&world, 112, "desk@pennco").await;
    assert_eq!(doors(&world, 150, desk, &anew).await, [403, 403, 200]);
}

#[tokio::test]
async fn other_regions_take_effect_and_a_name_ends_no_login() {
    let world = World::new().await;
    let desk = &world.pennco.desk;
    let tokens = login(&world, 0, "desk@pennco").await;
    assert_eq!(change(&world, &world.pennco, 1, desk.subject(), &json!({ "name": "D." })).await.status, 200);
    assert_eq!(agents_as(&world, 32, &tokens).await.status, 200);
    let next = ask(&world, 32, &refresh(tokens.text("/refresh_token"))).await;
    assert_eq!(next.status, 200);
    let moved = json!({ "regions": ["pune-south"] });
    assert_eq!(change(&world, &world.pennco, 33, desk.subject(), &moved).await.status, 200);
    assert_eq!(agents_as(&world, 64, &next).await.said(), (401, "unauthenticated"));
    let anew = login(&world, 64, "desk@pennco").await;
    assert_eq!(agents_as(&world, 95, &anew).await.said(), (404, "unknown"), "the former region");
}

#[tokio::test]
async fn a_disabled_agent_is_out_with_the_phone_and_gets_no_code() {
    let world = World::new().await;
    let taken = take_on(&world, &world.pennco, "agent", &new_agent("+919800000009")).await;
    let phone = Phone::new(1);
    let other = phone_login(&world, &world.pennco, &Phone::new(2)).await;
    let name = "+919800000009@pennco";
    let (challenge_id, code) = code_for(&world, name).await;
    let request = with_code(&phone, name, &challenge_id, &code);
    let tokens = call(&world, &TOKEN_ISSUE, &request).await;
    assert_eq!((tokens.status, opens(&world, 0, &tokens).await), (200, 200), "{tokens:?}");
    let (late, late_code) = code_for(&world, name).await;
    let off = json!({ "status": "disabled" });
    assert_eq!(change(&world, &world.pennco, 1, taken.text("/user_id"), &off).await.status, 200);
    let reply = call(&world, &TOKEN_ISSUE, &phone.refreshes(tokens.text("/refresh_token"))).await;
    assert_eq!(reply.said(), (401, "invalid_credentials"));
    let request = with_code(&phone, name, &late, &late_code).at(moment(2));
    assert_eq!(call(&world, &TOKEN_ISSUE, &request).await.said(), (401, "invalid_credentials"));
    assert_eq!(opens(&world, 32, &tokens).await, 401);
    assert_eq!(opens(&world, 32, &other).await, 200, "another agent goes on");
}

#[tokio::test]
async fn a_partners_person_who_is_disabled_takes_nobody_along() {
    let world = World::new().await;
    let mut colleague = clerk("colleague");
    (colleague["role"], colleague["partner_id"]) = (json!("partner"), json!("bfil"));
    let taken = take_on(&world, &world.pennco, "invite", &colleague).await;
    deliver(&world).await;
    let invitation = ticket_in(&world.post.mail()[0].text);
    assert_eq!(set_password(&world, 0, &invitation, PASSWORD).await.status, 200);
    let own = login(&world, 1, "colleague@pennco").await;
    let other = login(&world, 1, "bfil@pennco").await;
    let off = json!({ "status": "disabled" });
    assert_eq!(change(&world, &world.pennco, 2, taken.text("/user_id"), &off).await.status, 200);
    assert_eq!((opens(&world, 33, &own).await, opens(&world, 33, &other).await), (401, 200));
}

#[tokio::test]
async fn the_last_admin_who_can_log_in_stays_one() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let first = pennco.admin.subject();
    let deputy = second_admin(&world).await;
    let off = json!({ "status": "disabled" });
    // Somebody with an admin's token who is no admin any more when it comes to it.
    let gone = call(&world, &USER_UPDATE, &edit(&pennco.admin, deputy.subject(), "k1", "\"2\"", &off)).await;
    assert_eq!(gone.text("/status"), "disabled", "{gone:?}");
    for (n, rights) in
        [off.clone(), json!({ "role": "settlement" }), json!({ "role": "staff", "regions": ["pune-north"] })]
            .iter()
            .enumerate()
    {
        let request = edit(&deputy, first, &format!("k{n}"), "\"1\"", rights);
        assert_eq!(call(&world, &USER_UPDATE, &request).await.said(), (409, "last_admin"), "{rights}");
    }
    let shown = user(&world, pennco, first).await;
    assert_eq!((shown.text("/role"), shown.text("/status")), ("admin", "active"));
    let back = change(&world, pennco, 2, deputy.subject(), &json!({ "status": "active" })).await;
    assert_eq!(back.status, 200, "{back:?}");
    let request = edit(&deputy, first, "k9", "\"1\"", &off);
    assert_eq!(call(&world, &USER_UPDATE, &request).await.status, 200, "one of two");
}

#[tokio::test]
async fn an_invited_admin_does_not_count_and_neither_does_another_operators() {
    let world = World::new().await;
    let mut body = clerk("deputy");
    body["role"] = json!("admin");
    take_on(&world, &world.pennco, "deputy", &body).await;
    // A token of an admin of the same operator, as one who was just disabled may still have.
    let mut caller = world.pennco.admin.caller.clone();
    "usr_01kagwtb0084nrm0ppw3zy9t20".clone_into(&mut caller.subject);
    let other = world.person(caller);
    let request = edit(&other, world.pennco.admin.subject(), "k1", "\"1\"", &json!({ "status": "disabled" }));
    assert_eq!(call(&world, &USER_UPDATE, &request).await.said(), (409, "last_admin"));
}

#[tokio::test(start_paused = true)]
async fn of_two_admins_who_disable_each_other_at_once_one_stays() {
    for round in 0..8 {
        let world = Arc::new(World::new().await);
        let first = world.pennco.admin.clone();
        let deputy = second_admin(&world).await;
        let off = json!({ "status": "disabled" });
        let mut requests = vec![
            edit(&first, deputy.subject(), "k1", "\"2\"", &off),
            edit(&deputy, first.subject(), "k1", "\"1\"", &off),
        ];
        if round % 2 == 1 {
            requests.reverse();
        }
        let replies = all_at_once(&world, &USER_UPDATE, requests).await;
        let mut said: Vec<_> = replies.iter().map(Reply::said).collect();
        said.sort_unstable();
        assert_eq!(said, [(200, ""), (409, "last_admin")], "round {round}: {replies:?}");
        let mut active = 0;
        for user_id in [first.subject(), deputy.subject()] {
            active += i32::from(user(&world, &world.pennco, user_id).await.text("/status") == "active");
        }
        assert_eq!(active, 1, "round {round}");
    }
}

#[tokio::test]
async fn the_count_of_admins_follows_every_way_to_become_one_and_to_cease() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let desk = pennco.desk.subject();
    let count = || {
        let counts = world.table.items(testkit::RECORDS).into_iter().find(|item| item["pk"]["S"] == "pennco#admins");
        counts.unwrap()["how_many"]["N"].as_str().unwrap().to_owned()
    };
    let mut steps = 0;
    for (change_of_desk, admins) in [
        (json!({ "name": "Desk" }), "1"),
        (json!({ "role": "admin", "regions": [] }), "2"),
        (json!({ "name": "Chief" }), "2"),
        (json!({ "status": "disabled" }), "1"),
        (json!({ "role": "settlement" }), "1"),
        (json!({ "status": "active" }), "1"),
        (json!({ "role": "admin" }), "2"),
        (json!({ "role": "settlement", "status": "disabled" }), "1"),
        (json!({ "role": "admin", "status": "active" }), "2"),
    ] {
        let reply = change(&world, pennco, steps, desk, &change_of_desk).await;
        assert_eq!((reply.status, count().as_str()), (200, admins), "{change_of_desk}: {reply:?}");
        steps += 1;
    }
    println!("ways to become an admin and to cease: {steps} steps");
    assert_eq!(ask(&world, 20, &password("desk@pennco", PASSWORD)).await.text("/principal/role"), "admin");
}
