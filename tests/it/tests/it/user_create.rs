//! `user-create`: an admin takes somebody on; who has a mail address is invited to set a password.

use std::sync::Arc;

use domain::access::{ACCOUNT_GET, USER_CREATE};
use serde_json::{Value, json};
use testkit::{RECORDS, Reply, World};

use crate::{
    agent_list,
    books::account,
    door::call,
    logins::{
        Phone, ask, change, clerk, code_for, deliver, happened, holder, new_agent, opens, password, set_password,
        take_on, ticket_in, with_code,
    },
    steps::{all_at_once, command, inr},
};

async fn create(world: &World, key: &str, body: &Value) -> Reply {
    call(world, &USER_CREATE, &command(&world.pennco.admin, &USER_CREATE, key, body)).await
}

/// Somebody of each role, complete.
fn newcomers() -> [(&'static str, Value); 5] {
    let person =
        |role: &str| json!({ "login": format!("new-{role}"), "name": "N. N.", "email": "n@e.in", "role": role });
    let with = |role: &str, name: &str, value: Value| {
        let mut body = person(role);
        body[name] = value;
        body
    };
    [
        ("agent", new_agent("+919800000009")),
        ("staff", with("staff", "regions", json!(["pune-north", "pune-south"]))),
        ("settlement", person("settlement")),
        ("partner", with("partner", "partner_id", json!("bfil"))),
        ("admin", person("admin")),
    ]
}

#[tokio::test]
async fn somebody_of_each_role_is_taken_on() {
    let world = World::new().await;
    for (role, body) in newcomers() {
        let taken = create(&world, role, &body).await;
        assert_eq!((taken.status, taken.text("/role"), taken.header("etag")), (201, role, Some("\"1\"")), "{taken:?}");
        let status = if role == "agent" { "active" } else { "invited" };
        assert_eq!((taken.text("/status"), &taken.json["has_totp"]), (status, &json!(false)));
        assert_eq!(taken.json["regions"], body.get("regions").cloned().unwrap_or(json!([])));
        let prefix = if role == "agent" { "agt_" } else { "usr_" };
        let subject = taken.text("/subject");
        assert!(if role == "partner" { subject == "bfil" } else { subject.starts_with(prefix) }, "{taken:?}");
        assert_eq!(taken.text("/created_at"), "2026-11-21T06:30:00.000Z");
        assert!(happened(&world, "user.created").contains(&taken.text("/user_id").to_owned()));
    }
    deliver(&world).await;
    let mut invited: Vec<String> = world.post.mail().into_iter().map(|mail| mail.text).collect();
    invited.sort_unstable();
    assert_eq!(invited.len(), 4, "everybody but the agent: {invited:?}");
    assert_eq!(happened(&world, "user.created").len(), 5);
}

#[tokio::test]
async fn a_new_agent_has_an_empty_purse_a_place_in_the_list_and_logs_in_by_code() {
    let world = World::new().await;
    let taken = create(&world, "k1", &new_agent("+919800000009")).await;
    let agent_id = taken.text("/subject");
    let shown = agent_list::list(&world, &world.pennco.desk, "pune-north").await;
    let row = shown.items().iter().find(|row| row["agent_id"] == agent_id).unwrap();
    assert_eq!((&row["name"], &row["position"]), (&json!("Meena"), &Value::Null));
    assert_eq!((&row["cash_in_hand"], &row["cash_cap"]), (&inr(0), &inr(10_000_000)));
    assert_eq!(account(&world, &world.pennco, &format!("agent_cash.{agent_id}")).await, (0, 0));
    let name = "+919800000009@pennco";
    let (challenge_id, code) = code_for(&world, name).await;
    let request = with_code(&Phone::new(1), name, &challenge_id, &code);
    let tokens = call(&world, &domain::access::TOKEN_ISSUE, &request).await;
    assert_eq!((tokens.status, tokens.text("/principal/subject")), (200, agent_id), "{tokens:?}");
    let agent = holder(&world.pennco.agents[0], &tokens);
    let purse = agent.asks(&ACCOUNT_GET).path("account_id", &format!("agent_cash.{agent_id}"));
    assert_eq!(call(&world, &ACCOUNT_GET, &purse).await.json["balance"], inr(0));
}

#[tokio::test]
async fn a_login_is_given_once_for_ever_and_each_operator_gives_its_own() {
    let world = World::new().await;
    let taken = take_on(&world, &world.pennco, "k1", &clerk("clerk")).await;
    take_on(&world, &world.vishi, "k1", &clerk("clerk")).await;
    let items = world.table.items(RECORDS).len();
    for (key, login) in [("k2", "clerk"), ("k3", "desk"), ("k4", "admin")] {
        let refused = create(&world, key, &clerk(login)).await;
        assert_eq!(refused.said(), (409, "login_taken"), "{login}");
        assert!(create(&world, key, &clerk(login)).await.is_replay(), "a refusal is kept");
    }
    assert_eq!(create(&world, "k5", &new_agent("+919800000001")).await.said(), (409, "login_taken"), "a number too");
    assert_eq!(world.table.items(RECORDS).len(), items + 4, "nothing but the refusals");
    let off = json!({ "status": "disabled" });
    assert_eq!(change(&world, &world.pennco, 0, taken.text("/user_id"), &off).await.status, 200);
    assert_eq!(create(&world, "k6", &clerk("clerk")).await.said(), (409, "login_taken"), "after its owner has gone");
}

#[tokio::test(start_paused = true)]
async fn of_sixteen_who_take_somebody_on_under_one_login_one_does() {
    let world = Arc::new(World::new().await);
    let request = |n: i32| command(&world.pennco.admin, &USER_CREATE, &format!("k{n}"), &new_agent("+919800000009"));
    let replies = all_at_once(&world, &USER_CREATE, (0..16).map(request).collect()).await;
    let (taken, refused): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 201);
    assert_eq!((taken.len(), refused.len()), (1, 15));
    assert!(refused.iter().all(|reply| reply.said() == (409, "login_taken")), "{refused:?}");
    let shown = agent_list::list(&world, &world.pennco.desk, "pune-north").await;
    assert_eq!(shown.items().len(), 2, "one agent more");
    assert_eq!(happened(&world, "user.created").len(), 1);
}

#[tokio::test]
async fn the_same_command_again_gets_the_same_bytes_and_invites_once() {
    let world = World::new().await;
    let first = create(&world, "k1", &clerk("clerk")).await;
    deliver(&world).await;
    let ticket = ticket_in(&world.post.mail()[0].text);
    assert_eq!(set_password(&world, 1, &ticket, "correct horse battery").await.status, 200);
    let again = create(&world, "k1", &clerk("clerk")).await;
    assert_eq!((again.status, again.is_replay(), &again.body), (201, true, &first.body));
    assert_eq!(again.header("etag"), Some("\"1\""), "the version of these bytes");
    let other = create(&world, "k1", &clerk("other")).await;
    assert_eq!(other.said(), (422, "idempotency_key_reused"));
    let tokens = ask(&world, 2, &password("clerk@pennco", "correct horse battery")).await;
    assert_eq!((tokens.status, opens(&world, 40, &tokens).await), (200, 200), "the repeat has undone nothing");
    assert_eq!(happened(&world, "user.created").len(), 1);
}

#[tokio::test]
async fn a_role_has_what_it_needs_and_nothing_else() {
    let world = World::new().await;
    let mut cases = 0;
    let extras = [
        ("phone", json!("+919800000008")),
        ("cash_cap", inr(500)),
        ("partner_id", json!("bfil")),
        ("regions", json!(["pune-north"])),
        ("login", json!("somebody")),
    ];
    for (role, whole) in newcomers() {
        for (name, _) in
            whole.as_object().unwrap().clone().iter().filter(|(name, _)| !matches!(name.as_str(), "role" | "name"))
        {
            let mut without = whole.clone();
            without.as_object_mut().unwrap().remove(name);
            let reply = create(&world, "k1", &without).await;
            let pointer = format!("/{name}");
            assert_eq!(
                (reply.said(), reply.flaws()),
                ((422, "invalid"), vec![(&*pointer, "required")]),
                "{role} without {name}"
            );
            cases += 1;
        }
        for (name, value) in extras.iter().filter(|(name, _)| whole.get(*name).is_none()) {
            let mut more = whole.clone();
            more[*name] = value.clone();
            let reply = create(&world, "k1", &more).await;
            let pointer = format!("/{name}");
            assert_eq!(
                (reply.said(), reply.flaws()),
                ((422, "invalid"), vec![(&*pointer, "not_allowed")]),
                "{role} with {name}"
            );
            cases += 1;
        }
    }
    println!("roles with too little or too much: {cases} cases");
    assert_eq!(happened(&world, "user.created"), [""; 0]);
    assert_eq!(create(&world, "k1", &clerk("clerk")).await.status, 201, "none of them used up the key");
}

#[tokio::test]
async fn what_the_operator_does_not_have_and_what_nobody_has_is_named() {
    let world = World::new().await;
    let mut cases = 0;
    let [(_, agent), (_, staff), (_, settlement), (_, partner), _] = newcomers();
    for (whole, name, value, pointer, code) in [
        (&staff, "regions", json!(["pune-north", "goa"]), "/regions/1", "unknown_region"),
        (&agent, "regions", json!(["goa"]), "/regions/0", "unknown_region"),
        (&agent, "regions", json!(["pune-north", "pune-south"]), "/regions", "not_allowed"),
        (&partner, "partner_id", json!("nobody"), "/partner_id", "unknown_partner"),
        (&agent, "cash_cap", json!({ "amount_minor": 500, "currency": "NPR" }), "/cash_cap/currency", "wrong_currency"),
        (&agent, "cash_cap", inr(0), "/cash_cap", "invalid_value"),
        (&agent, "phone", json!("9800000009"), "/phone", "invalid_value"),
        (&agent, "phone", json!("+91 98000 00009"), "/phone", "invalid_value"),
        (&settlement, "login", json!(""), "/login", "invalid_value"),
        (&settlement, "login", json!("Desk"), "/login", "invalid_value"),
        (&settlement, "login", json!("a#b"), "/login", "invalid_value"),
        (&settlement, "login", json!("a@b"), "/login", "invalid_value"),
        (&settlement, "login", json!("+919800000008"), "/login", "invalid_value"),
        (&settlement, "login", json!("x".repeat(65)), "/login", "invalid_value"),
        (&settlement, "name", json!(""), "/name", "invalid_value"),
        (&settlement, "name", json!("x".repeat(121)), "/name", "invalid_value"),
        (&settlement, "email", json!("n"), "/email", "invalid_value"),
        (&settlement, "email", json!("n@localhost"), "/email", "invalid_value"),
        (&settlement, "email", json!("n@e.in\r\nBcc: x@e.in"), "/email", "invalid_value"),
        (&settlement, "email", json!("n@m@e.in"), "/email", "invalid_value"),
        (&settlement, "email", json!("@e.in"), "/email", "invalid_value"),
        (&settlement, "role", json!("root"), "/role", "invalid_value"),
    ] {
        let mut body = whole.clone();
        body[name] = value;
        let reply = create(&world, "k1", &body).await;
        assert_eq!((reply.said(), reply.flaws()), ((422, "invalid"), vec![(pointer, code)]), "{body}");
        cases += 1;
    }
    println!("people whom nobody can take on: {cases} cases");
    assert_eq!(happened(&world, "user.created"), [""; 0]);
}
