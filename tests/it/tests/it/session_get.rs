//! `session-get`: who I am and what I may.

use domain::{
    Role,
    access::{ROUTES, SESSION_CREATE, SESSION_GET},
};
use serde_json::{Value, json};
use testkit::{Fault, Operation, PASSWORD, Person, Reply, World, asks};

use crate::{
    door::call,
    logins::{Phone, ask, client_credentials, console, holder, login, moment, phone_login, program},
};

async fn session(world: &World, person: &Person) -> Reply {
    let reply = call(world, &SESSION_GET, &person.asks(&SESSION_GET)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply
}

fn operations(reply: &Reply) -> Vec<&str> {
    let rows = reply.json["permissions"].as_array().unwrap();
    rows.iter().map(|row| row["operation"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_permissions_are_the_rows_of_the_table_that_admit_the_role() {
    let world = World::new().await;
    let mut rows = 0;
    for role in Role::ALL {
        let shown = session(&world, world.pennco.of(role)).await;
        let admitted = ROUTES.iter().filter(|route| route.admits(role));
        let wanted: Vec<Value> = admitted
            .map(|route| {
                let reach = serde_json::to_value(route.reach(role)).unwrap();
                json!({ "operation": route.function, "method": route.method, "path": route.template, "reach": reach })
            })
            .collect();
        assert_eq!(shown.json["permissions"], json!(wanted), "{role:?}");
        rows += wanted.len();
    }
    println!("permissions of {} roles: {rows} rows, as the table has them", Role::ALL.len());
}

#[tokio::test]
async fn what_is_said_to_be_allowed_is_and_what_is_not_is_not() {
    let world = World::new().await;
    for role in Role::ALL {
        let person = world.pennco.of(role);
        let shown = session(&world, person).await;
        for route in ROUTES.iter().filter(|route| !route.kind.is_open() && !route.template.contains('{')) {
            let reply = call(&world, route, &person.asks(route).query("colour", "red")).await;
            let is_forbidden = reply.said() == (403, "forbidden");
            assert_eq!(operations(&shown).contains(&route.function), !is_forbidden, "{role:?} {}", route.function);
        }
    }
}

#[tokio::test]
async fn a_person_is_who_their_login_says() {
    let world = World::new().await;
    let desk = &world.pennco.desk;
    let tokens = login(&world, 0, "desk@pennco").await;
    let shown = session(&world, &holder(desk, &tokens)).await;
    assert_eq!(shown.json["principal"], serde_json::to_value(&desk.caller).unwrap());
    assert!(tokens.text("/refresh_token").contains(shown.text("/session_id")), "{shown:?}");
    let nothing = ["device_id", "client_id", "csrf_token"].map(|name| &shown.json[name]);
    assert_eq!(nothing, [&Value::Null; 3]);
}

#[tokio::test]
async fn a_phones_login_names_the_phone() {
    let world = World::new().await;
    let tokens = phone_login(&world, &world.pennco, &Phone::new(1)).await;
    let shown = session(&world, &holder(&world.pennco.agents[0], &tokens)).await;
    assert_eq!(shown.text("/device_id"), tokens.text("/device_id"));
    assert!(shown.text("/session_id").starts_with("ses_"), "{shown:?}");
}

#[tokio::test]
async fn a_page_that_was_loaded_anew_gets_its_csrf_token_again() {
    let world = World::new().await;
    let body = json!({ "username": "desk@pennco", "password": PASSWORD });
    let opened = call(&world, &SESSION_CREATE, &asks(&SESSION_CREATE).json(&body)).await;
    let cookie = opened.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let shown = call(&world, &SESSION_GET, &asks(&SESSION_GET).header("Cookie", &cookie)).await;
    assert_eq!((shown.status, shown.text("/csrf_token")), (200, opened.text("/csrf_token")));
    let (other, csrf_token) = console(&world, "desk@pennco").await;
    let shown = call(&world, &SESSION_GET, &asks(&SESSION_GET).header("Cookie", &other)).await;
    assert_eq!(shown.text("/csrf_token"), csrf_token);
    assert_ne!(csrf_token, opened.text("/csrf_token"), "each login has its own");
}

#[tokio::test]
async fn a_program_may_what_its_token_names_and_nothing_else() {
    let world = World::new().await;
    let (id, secret) =
        program(&world, &world.pennco, &["disbursement:read", "disbursement:write", "session:read"]).await;
    let partner = &world.pennco.partners[0];
    let whole = ask(&world, 0, &client_credentials(&id, &secret)).await;
    let shown = session(&world, &holder(partner, &whole)).await;
    assert_eq!(operations(&shown), ["disbursement-cancel", "disbursement-create", "disbursement-get", "session-get"]);
    let id_alone = id.trim_end_matches("@pennco");
    assert_eq!((shown.text("/client_id"), &shown.json["session_id"]), (id_alone, &Value::Null));
    assert_eq!(shown.text("/principal/subject"), "bfil");
    let mut less = client_credentials(&id, &secret);
    less["scope"] = json!("session:read");
    let less = ask(&world, 0, &less).await;
    assert_eq!(operations(&session(&world, &holder(partner, &less)).await), ["session-get"]);
}

#[tokio::test]
async fn whether_somebody_was_revoked_costs_one_query_in_half_a_minute() {
    let world = World::new().await;
    let mut asked = Vec::new();
    for seconds in [0, 29, 30, 31, 59, 60, 61] {
        world.table.reset_calls();
        let people = [&world.pennco.desk, &world.pennco.admin, &world.pennco.partners[0]];
        for person in people {
            let request = person.asks(&SESSION_GET).at(moment(seconds));
            assert_eq!(call(&world, &SESSION_GET, &request).await.status, 200);
        }
        asked.push(world.table.calls().total().count);
    }
    // The keys are read anew after fifty seconds.
    println!("queries of three calls after 0, 29, 30, 31, 59, 60 and 61 seconds: {asked:?}");
    assert_eq!(asked, [0, 0, 1, 0, 1, 1, 0]);
}

#[tokio::test]
async fn nobody_is_believed_on_an_old_list() {
    let world = World::new().await;
    let desk = &world.pennco.desk;
    let asked = async |seconds: i64| call(&world, &SESSION_GET, &desk.asks(&SESSION_GET).at(moment(seconds))).await;
    world.table.inject(Fault::FailBefore { op: Operation::Query, times: 3 });
    assert_eq!(asked(29).await.status, 200, "a list of half a minute is good");
    assert_eq!(asked(30).await.said(), (503, "unavailable"));
    assert_eq!(asked(30).await.status, 200, "the table answers again");
    world.table.inject(Fault::FailBefore { op: Operation::Query, times: 3 });
    assert_eq!(asked(59).await.said(), (503, "unavailable"), "nor on old keys");
}
