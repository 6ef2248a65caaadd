//! `audit-list`: who did what, to which thing, what it was before and after, and why.

use domain::access::{AUDIT_LIST, CLIENT_CREATE, PASSWORD_RESET, PASSWORD_SET, USER_UPDATE};
use serde_json::{Value, json};
use testkit::{Person, Reply, World, asks};

use crate::{
    door::call,
    logins::deliver,
    steps::{TODAY, assigned, build_settlements, close_day, collected, command},
};

async fn audit(world: &World, person: &Person, query: &[(&str, &str)]) -> Reply {
    let request = query.iter().fold(person.asks(&AUDIT_LIST), |request, (name, value)| request.query(name, value));
    call(world, &AUDIT_LIST, &request).await
}

/// Who did what, by name: within a millisecond commits are in no order.
fn actions(reply: &Reply) -> Vec<(&str, &str)> {
    assert_eq!(reply.status, 200, "{reply:?}");
    let text = |entry: &'static str| move |one: &Value| one[entry].as_str().unwrap().is_empty();
    assert!(!reply.items().iter().any(text("request_id")), "{reply:?}");
    let named = reply.items().iter().map(|one| (one["action"].as_str().unwrap(), one["actor"].as_str().unwrap()));
    let mut named: Vec<_> = named.collect();
    named.sort_unstable();
    named
}

/// The newest entry of an action.
fn entry<'a>(reply: &'a Reply, action: &str) -> &'a Value {
    reply.items().iter().find(|one| one["action"] == action).unwrap_or_else(|| panic!("{action} in {reply:?}"))
}

fn change<'a>(reply: &'a Reply, action: &str, pointer: &str) -> &'a Value {
    let changes = entry(reply, action)["changed"][0]["changes"].as_array().unwrap();
    changes.iter().find(|change| change["pointer"] == pointer).unwrap_or_else(|| panic!("{pointer} in {changes:?}"))
}

#[tokio::test]
async fn a_commit_says_who_did_what_and_what_it_was_before_and_after() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let visit = collected(&world, pennco, "BF-1", 150_000).await;
    let reply = audit(&world, &pennco.settlement, &[("subject", &visit)]).await;
    let (desk, agent) = (pennco.desk.subject(), pennco.agents[0].subject());
    assert_eq!(actions(&reply), [("delivery-assign", desk), ("delivery-confirm", agent), ("delivery-create", desk)]);
    let confirmed = entry(&reply, "delivery-confirm");
    assert_eq!((&confirmed["role"], &confirmed["status"]), (&json!("agent"), &json!(200)));
    assert_eq!(confirmed["changed"][0]["record"], format!("delivery.{visit}"));
    let status = change(&reply, "delivery-confirm", "/status");
    assert_eq!((&status["before"], &status["after"]), (&json!("assigned"), &json!("confirmed")));
    let created = entry(&reply, "delivery-create");
    assert_eq!(created["changed"], json!([]), "what is new was nothing before");
}

#[tokio::test]
async fn a_day_is_shown_by_itself_and_by_actor() {
    let world = World::new().await;
    let pennco = &world.pennco;
    assigned(&world, pennco, "BF-1", 5).await;
    assert_eq!(close_day(&world, &pennco.settlement, "close", "2026-11-20").await.status, 202);
    assert!(build_settlements(&world).await.is_empty());
    let desk = pennco.desk.subject();
    let own = audit(&world, &pennco.admin, &[("actor", desk), ("day", TODAY)]).await;
    assert_eq!(actions(&own), [("delivery-assign", desk), ("delivery-create", desk)]);
    let job = audit(&world, &pennco.admin, &[("actor", "settlement-build")]).await;
    assert_eq!(actions(&job), [("settlement-build", "settlement-build"); 2]);
    assert_eq!(actions(&audit(&world, &pennco.admin, &[("day", "2026-11-19")]).await), []);
    assert_eq!(actions(&audit(&world, &world.vishi.admin, &[("actor", desk)]).await), [], "another operator's");
    let wrong = audit(&world, &pennco.admin, &[("day", "today")]).await;
    assert_eq!((wrong.said(), wrong.flaws()), ((400, "invalid_filter"), vec![("day", "invalid_filter")]));
}

#[tokio::test]
async fn pages_show_each_commit_once_whatever_the_filter() {
    let world = World::new().await;
    let pennco = &world.pennco;
    for n in 0..7 {
        assigned(&world, pennco, &format!("BF-{n}"), 5).await;
    }
    let one = audit(&world, &pennco.admin, &[("limit", "1")]).await.items()[0]["subject"].as_str().unwrap().to_owned();
    for filter in [&[][..], &[("actor", pennco.desk.subject())], &[("actor", "nobody")], &[("subject", one.as_str())]] {
        let mut whole = filter.to_vec();
        whole.push(("limit", "100"));
        let whole = audit(&world, &pennco.admin, &whole).await.items().to_vec();
        for limit in ["1", "2", "3", "50"] {
            let (mut seen, mut cursor) = (Vec::new(), None::<String>);
            loop {
                let mut query = filter.to_vec();
                query.push(("limit", limit));
                query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
                let page = audit(&world, &pennco.admin, &query).await;
                seen.extend(page.items().to_vec());
                cursor = page.json["next_cursor"].as_str().map(str::to_owned);
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(seen, whole, "pages of {limit} of {filter:?}");
        }
    }
}

#[tokio::test]
async fn a_password_is_never_shown_and_a_persons_record_to_admins_alone() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let user = pennco.settlement.subject();
    let rename = command(&pennco.admin, &USER_UPDATE, "u1", &json!({ "name": "The Clerk" }));
    let renamed = call(&world, &USER_UPDATE, &rename.header("If-Match", "\"1\"").path("user_id", user)).await;
    assert_eq!(renamed.status, 200, "{renamed:?}");
    let of_user = [("subject", user)];
    let name = |reply: &Reply| change(reply, "user-update", "/user/name")["after"].clone();
    assert_eq!(name(&audit(&world, &pennco.admin, &of_user).await), "The Clerk");
    assert_eq!(name(&audit(&world, &pennco.settlement, &of_user).await), Value::Null);
    let ask = asks(&PASSWORD_RESET).json(&json!({ "username": "settlement@pennco" }));
    assert_eq!(call(&world, &PASSWORD_RESET, &ask).await.status, 202);
    deliver(&world).await;
    let mail = world.post.mail().last().unwrap().text.clone();
    let ticket = mail.lines().find(|line| line.starts_with("pennco.")).unwrap();
    let set = asks(&PASSWORD_SET).json(&json!({ "ticket": ticket, "password": "correct horse battery" }));
    assert_eq!(call(&world, &PASSWORD_SET, &set).await.status, 200);
    let reply = audit(&world, &pennco.admin, &of_user).await;
    assert_eq!(change(&reply, "password-set", "/password_hash"), &json!({ "pointer": "/password_hash" }));
    let program = json!({ "name": "ERP", "role": "partner", "partner_id": "bfil", "scopes": ["settlement:read"] });
    let made = call(&world, &CLIENT_CREATE, &command(&pennco.admin, &CLIENT_CREATE, "c1", &program)).await;
    let secret = made.text("/client_secret").to_owned();
    let all = audit(&world, &pennco.admin, &[("limit", "100")]).await.body;
    assert!(!all.contains("argon2") && !all.contains(&secret), "{all}");
}
