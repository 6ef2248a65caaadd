//! `message-send`: a code by SMS, a ticket by mail.

use serde_json::json;
use testkit::{QueueMessage, World};

use crate::{
    crash_points::crash,
    logins::{change, clerk, deliver, new_agent, set_password, take_on, ticket_in, wish_for_code, wish_for_ticket},
    steps::{collected, relay, waiting, work_off},
};

const NORTH: &str = "+919800000001@pennco";

/// Works messages off; the ids of those that failed.
async fn send(world: &World, messages: &[QueueMessage]) -> Vec<String> {
    let capability = world.messages();
    work_off("message", messages, async |message| message_send::handle(&capability, message).await).await
}

#[tokio::test]
async fn a_code_that_is_delivered_twice_is_the_same_code() {
    let world = World::new().await;
    wish_for_code(&world, 0, NORTH).await;
    relay(&world).await;
    let messages = waiting(&world, "message");
    for _ in 0..2 {
        assert!(send(&world, &messages).await.is_empty());
    }
    let sent = world.post.sms();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0], sent[1]);
}

#[tokio::test]
async fn a_ticket_that_is_delivered_twice_is_the_same_ticket_and_good_once() {
    let world = World::new().await;
    wish_for_ticket(&world, 0, "desk@pennco").await;
    for _ in 0..2 {
        deliver(&world).await;
    }
    let sent = world.post.mail();
    assert!(sent.len() >= 2 && sent.iter().all(|mail| *mail == sent[0]), "{sent:?}");
    let ticket = ticket_in(&sent[0].text);
    assert_eq!(set_password(&world, 1, &ticket, "correct horse battery").await.status, 200);
    deliver(&world).await;
    let again = set_password(&world, 2, &ticket, "another horse battery").await;
    assert_eq!(again.said(), (422, "ticket_spent"), "a mail that comes late brings no ticket back");
}

#[tokio::test]
async fn what_sns_does_not_take_comes_again() {
    let world = World::new().await;
    wish_for_code(&world, 0, NORTH).await;
    relay(&world).await;
    let messages = waiting(&world, "message");
    world.post.fail(3);
    assert_eq!(send(&world, &messages).await, ["m-0"], "the SDK tries three times");
    assert_eq!(world.post.sms(), []);
    assert!(send(&world, &messages).await.is_empty());
    assert_eq!(world.post.sms().len(), 1);
}

#[tokio::test]
async fn what_ses_does_not_take_comes_again_with_the_same_ticket() {
    let world = World::new().await;
    wish_for_ticket(&world, 0, "desk@pennco").await;
    relay(&world).await;
    let messages = waiting(&world, "message");
    world.post.fail(3);
    assert_eq!(send(&world, &messages).await, ["m-0"]);
    assert_eq!(world.post.mail(), []);
    assert!(send(&world, &messages).await.is_empty());
    let ticket = ticket_in(&world.post.mail()[0].text);
    assert_eq!(set_password(&world, 1, &ticket, "correct horse battery").await.status, 200);
}

#[tokio::test]
async fn what_dies_anywhere_is_sent_in_the_end_and_its_ticket_is_good() {
    let mut points = 0;
    for after in [false, true] {
        for n in 1.. {
            let world = World::new().await;
            wish_for_ticket(&world, 0, "desk@pennco").await;
            relay(&world).await;
            let messages = waiting(&world, "message");
            crash(&world, n, after);
            let failed = send(&world, &messages).await;
            let crashed = world.table.has_crashed();
            world.table.recover();
            if !crashed {
                break;
            }
            assert_eq!(failed, ["m-0"], "point {n}");
            assert!(send(&world, &messages).await.is_empty(), "point {n}");
            let mails = world.post.mail();
            assert!(mails.iter().all(|mail| *mail == mails[0]), "point {n}: {mails:?}");
            let set = set_password(&world, 1, &ticket_in(&mails[0].text), "correct horse battery").await;
            assert_eq!(set.status, 200, "point {n}: {set:?}");
            points += 1;
        }
    }
    assert!(points >= 8, "{points}");
    println!("a mail with a ticket: {points} crash points, one ticket each");
}

#[tokio::test]
async fn a_reset_and_an_invitation_say_who_for_whom_and_how_long() {
    let world = World::new().await;
    take_on(&world, &world.pennco, "invite", &clerk("newcomer")).await;
    wish_for_ticket(&world, 0, "desk@pennco").await;
    deliver(&world).await;
    let mails = world.post.mail();
    let to = |address: &str| mails.iter().find(|mail| mail.to == address).unwrap();
    let (invitation, reset) = (to("newcomer@pennco.example"), to("desk@pennco.example"));
    assert_eq!(
        (invitation.subject.as_str(), reset.subject.as_str()),
        ("Your Milepost login", "A new Milepost password")
    );
    assert!(invitation.text.contains("newcomer@pennco") && invitation.text.contains("7 days"), "{invitation:?}");
    assert!(reset.text.contains("desk@pennco") && reset.text.contains("30 minutes"), "{reset:?}");
    for mail in [invitation, reset] {
        let set = set_password(&world, 1, &ticket_in(&mail.text), "correct horse battery").await;
        assert_eq!((set.status, set.text("/status")), (200, "active"), "{set:?}");
    }
    assert_eq!(mails.len(), 2);
}

#[tokio::test]
async fn nobody_is_told_anything_who_may_not_log_in_or_is_not_there() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let mut agent = new_agent("+919800000009");
    agent["email"] = json!("meena@pennco.example");
    take_on(&world, pennco, "agent", &agent).await;
    take_on(&world, pennco, "invite", &clerk("invited")).await;
    let gone = take_on(&world, pennco, "invite-2", &clerk("gone")).await;
    let gone_at_once = change(&world, pennco, 0, gone.text("/user_id"), &json!({ "status": "disabled" })).await;
    assert_eq!(gone_at_once.status, 200, "{gone_at_once:?}");
    let off = change(&world, pennco, 0, pennco.desk.subject(), &json!({ "status": "disabled" })).await;
    assert_eq!(off.status, 200, "{off:?}");
    for name in ["desk@pennco", "nobody@pennco", "gone@pennco", "invited@pennco", "desk@nowhere"] {
        assert_eq!(wish_for_ticket(&world, 0, name).await.status, 202, "{name}");
    }
    deliver(&world).await;
    let mails = world.post.mail();
    assert!(mails.iter().all(|mail| mail.to == "invited@pennco.example"), "{mails:?}");
    assert!(mails.iter().all(|mail| mail.subject == "Your Milepost login"), "no reset without a password: {mails:?}");
    assert_eq!((mails.len(), world.post.sms()), (2, vec![]), "the invitation, and once more because they asked");
}

#[tokio::test]
async fn an_invitation_that_has_run_out_is_renewed_for_whoever_asks() {
    let world = World::new().await;
    take_on(&world, &world.pennco, "invite", &clerk("newcomer")).await;
    deliver(&world).await;
    let first = world.post.mail()[0].clone();
    let late = 8 * 86_400;
    let spent = set_password(&world, late, &ticket_in(&first.text), "correct horse battery").await;
    assert_eq!(spent.said(), (422, "ticket_spent"));
    assert_eq!(wish_for_ticket(&world, late, "newcomer@pennco").await.status, 202);
    deliver(&world).await;
    let renewed = world.post.mail().into_iter().find(|mail| *mail != first).unwrap();
    assert_eq!((renewed.to.as_str(), renewed.subject.as_str()), ("newcomer@pennco.example", "Your Milepost login"));
    let set = set_password(&world, late + 60, &ticket_in(&renewed.text), "correct horse battery").await;
    assert_eq!((set.status, set.text("/status")), (200, "active"));
}

#[tokio::test]
async fn a_code_for_an_agent_who_was_disabled_meanwhile_is_not_sent() {
    let world = World::new().await;
    let taken = take_on(&world, &world.pennco, "agent", &new_agent("+919800000009")).await;
    wish_for_code(&world, 0, "+919800000009@pennco").await;
    change(&world, &world.pennco, 0, taken.text("/user_id"), &json!({ "status": "disabled" })).await;
    deliver(&world).await;
    assert_eq!(world.post.sms(), []);
}

#[tokio::test]
async fn a_message_that_asks_for_nothing_fails_alone() {
    let world = World::new().await;
    collected(&world, &world.pennco, "BF-1", 5).await;
    wish_for_code(&world, 0, NORTH).await;
    relay(&world).await;
    // Events of other kinds are none of this queue's.
    let stray = world.queues.sent_to("activity").into_iter().find(|sent| sent.json()["type"] == "delivery.created");
    let stray = stray.unwrap();
    let mut unknown = stray.json();
    unknown["type"] = json!("user.created");
    let mut messages = vec![
        QueueMessage::new("no event", "nonsense"),
        QueueMessage::new("no event either", "{}"),
        stray.received("of another kind"),
        QueueMessage::json("about a delivery", &unknown),
    ];
    messages.extend(waiting(&world, "message"));
    assert_eq!(send(&world, &messages).await, ["no event", "no event either", "of another kind", "about a delivery"]);
    assert_eq!(world.post.sms().len(), 1);
}
