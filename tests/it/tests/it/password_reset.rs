//! `password-reset`: somebody who forgot their password asks for a ticket by mail.

use testkit::{Operation, World};

use crate::{
    logins::{
        asked_of_the_table, bytes, change, clerk, deliver, happened, login, opens, take_on, ticket_for, wish_for_ticket,
    },
    steps::relay,
};

#[tokio::test]
async fn the_answer_is_the_same_whether_or_not_anybody_has_the_login() {
    let world = World::new().await;
    take_on(&world, &world.pennco, "invite", &clerk("invited")).await;
    let off = serde_json::json!({ "status": "disabled" });
    assert_eq!(change(&world, &world.pennco, 0, world.pennco.settlement.subject(), &off).await.status, 200);
    let there = wish_for_ticket(&world, 0, "desk@pennco").await;
    assert_eq!((there.status, &there.json), (202, &serde_json::json!({ "expires_in": 1800 })));
    let mut costs = Vec::new();
    for name in ["admin@pennco", "nobody@pennco", "invited@pennco", "settlement@pennco"] {
        world.table.reset_calls();
        assert_eq!(bytes(&wish_for_ticket(&world, 0, name).await), bytes(&there), "{name}");
        costs.push(asked_of_the_table(&world));
    }
    assert!(costs.iter().all(|cost| *cost == costs[0]), "{costs:?}");
    assert_eq!(bytes(&wish_for_ticket(&world, 0, "desk@nowhere").await), bytes(&there));
    println!("wishes for a ticket of {} kinds: {:?} each", costs.len(), costs[0]);
}

#[tokio::test]
async fn a_login_gets_three_tickets_an_hour_whether_or_not_anybody_has_it() {
    let world = World::new().await;
    for name in ["desk@pennco", "nobody@pennco"] {
        for _ in 0..3 {
            assert_eq!(wish_for_ticket(&world, 0, name).await.status, 202);
        }
        let fourth = wish_for_ticket(&world, 0, name).await;
        assert_eq!(fourth.said(), (429, "too_many_requests"), "{name}");
        assert_eq!(fourth.header("retry-after"), Some("1200"));
        assert_eq!(fourth.header("ratelimit-policy"), Some("\"burst\";q=3;w=3600"));
        assert_eq!(fourth.header("ratelimit"), Some("\"burst\";r=0;t=3600"));
    }
    assert_eq!(wish_for_ticket(&world, 0, "admin@pennco").await.status, 202, "another login");
    assert_eq!(wish_for_ticket(&world, 0, "desk@vishi").await.status, 202, "another operator");
    assert_eq!(wish_for_ticket(&world, 1_199, "desk@pennco").await.status, 429);
    assert_eq!(wish_for_ticket(&world, 1_200, "desk@pennco").await.status, 202, "after what Retry-After said");
}

#[tokio::test]
async fn what_is_no_login_is_invalid_and_so_is_a_number() {
    let world = World::new().await;
    for name in ["", "@", "desk", "desk@", "@pennco", "DESK@pennco", "desk@vishi@pennco", "+919800000001@pennco"] {
        let reply = wish_for_ticket(&world, 0, name).await;
        assert_eq!((reply.said(), reply.flaws()), ((422, "invalid"), vec![("/username", "invalid_value")]), "{name}");
    }
    assert_eq!(world.table.calls().count(Operation::TransactWriteItems), 0);
}

#[tokio::test]
async fn asking_changes_nothing_by_itself() {
    let world = World::new().await;
    let tokens = login(&world, 0, "desk@pennco").await;
    ticket_for(&world, "desk@pennco").await;
    login(&world, 1, "desk@pennco").await;
    assert_eq!(opens(&world, 31, &tokens).await, 200, "who forgot nothing notices nothing");
}

#[tokio::test]
async fn the_wish_is_noted_and_counted_and_the_ticket_is_not_in_it() {
    let world = World::new().await;
    let ticket = ticket_for(&world, "desk@pennco").await;
    assert_eq!(happened(&world, "password.reset_requested"), ["desk"]);
    relay(&world).await;
    let secret = ticket.split_once('.').unwrap().1;
    let sent = ["activity", "message"].map(|queue| world.queues.sent_to(queue)).concat();
    assert!(sent.iter().any(|sent| sent.json()["type"] == "password.reset_requested"));
    assert!(sent.iter().all(|sent| !sent.body.contains(secret)), "{sent:?}");
    deliver(&world).await;
    assert!(world.post.mail().iter().all(|mail| mail.to == "desk@pennco.example"));
}
