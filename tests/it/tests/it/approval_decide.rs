//! `approval-decide`: somebody who did not ask for it says yes or no.

use std::sync::Arc;

use domain::{
    Command, Role, UserId,
    access::{
        APPROVAL_DECIDE, APPROVAL_GET, CLIENT_CREATE, DELIVERY_ASSIGN, DELIVERY_GET, DISBURSEMENT_GET, Party as _,
        Route, USER_LIST, USER_UPDATE,
    },
    approval::{Approval, NewDecision, Verdict},
    command::Fingerprint,
    operator::Assignee,
};
use serde_json::{Value, json};
use testkit::{Person, Reply, World};

use crate::{
    approval_expire::later,
    books,
    door::call,
    logins::{
        ask, change, client_credentials, happened, holder, login, password, program, second_factor, set_password,
        ticket_for, user,
    },
    steps::{
        all_at_once, assign, collected, command, confirm, confirmed, inr, instruct, instruction, visit,
        waiting_for_approval,
    },
};

/// From here on one person approves.
const ONE: i64 = 10_000_000;
/// From here on two do.
const TWO: i64 = 50_000_000;

/// One of the first lender's people.
pub(crate) fn lenders(world: &World, name: &str) -> Person {
    let mut caller = world.pennco.partners[0].caller.clone();
    caller.authentication.user_id = Some(UserId::mint(world.now(), &[name.as_bytes()]));
    world.person(caller)
}

/// A decision, as a request.
pub(crate) fn decision(person: &Person, approval_id: &str, key: &str, decision: &str) -> testkit::RestRequest {
    let body = json!({ "decision": decision, "reason": "seen" });
    command(person, &APPROVAL_DECIDE, key, &body).path("approval_id", approval_id)
}

pub(crate) async fn decide(world: &World, person: &Person, approval_id: &str, key: &str, says: &str) -> Reply {
    call(world, &APPROVAL_DECIDE, &decision(person, approval_id, key, says)).await
}

pub(crate) async fn approval(world: &World, approval_id: &str) -> Reply {
    let request = world.pennco.admin.asks(&APPROVAL_GET).path("approval_id", approval_id);
    call(world, &APPROVAL_GET, &request).await
}

pub(crate) async fn payout(world: &World, disbursement_id: &str) -> Reply {
    let request = world.pennco.admin.asks(&DISBURSEMENT_GET).path("disbursement_id", disbursement_id);
    call(world, &DISBURSEMENT_GET, &request).await
}

#[tokio::test]
async fn what_one_person_asks_for_and_another_approves_is_booked_exactly_as_previewed() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let maker = lenders(&world, "maker");
    collected(&world, pennco, "C-1", ONE).await;
    let asked = instruct(&world, &maker, "k1", &instruction("BF-D-1", ONE)).await;
    let (id, visit_id, approval_id) =
        (asked.text("/disbursement_id"), asked.text("/delivery_id"), asked.text("/approval_id"));
    assert_eq!((asked.status, asked.text("/status")), (201, "created"));
    let early = assign(&world, &pennco.desk, visit_id, &pennco.agents[0], "k2").await;
    assert_eq!((early.said(), early.text("/approval_id")), ((409, "approval_pending"), approval_id));

    let waits = approval(&world, approval_id).await;
    assert_eq!((waits.text("/status"), waits.text("/subject_id")), ("pending", id));
    assert_eq!(waits.text("/maker/principal"), maker.caller.principal());
    assert_eq!(waits.text("/expires_at"), "2026-11-22T06:30:00.000Z", "a day later");
    assert_eq!(
        waits.json["preview"],
        json!([
            { "account_id": "partner_control.bfil", "account_kind": "partner_control", "amount": inr(ONE) },
            { "account_kind": "agent_cash", "amount": inr(-ONE) },
        ])
    );

    let approved = decide(&world, &lenders(&world, "checker"), approval_id, "k3", "approve").await;
    assert_eq!((approved.status, approved.text("/status")), (200, "approved"), "{approved:?}");
    assert_eq!(approved.text("/decisions/0/reason"), "seen");
    assert_eq!(payout(&world, id).await.text("/status"), "approved");
    assert_eq!(assign(&world, &pennco.desk, visit_id, &pennco.agents[0], "k4").await.status, 200);
    assert_eq!(payout(&world, id).await.text("/status"), "reserved");
    let before = books::account(&world, pennco, "partner_control.bfil").await.0;
    let hand = format!("agent_cash.{}", pennco.agents[0].subject());
    let in_hand = books::account(&world, pennco, &hand).await.0;
    assert_eq!(confirm(&world, &pennco.agents[0], visit_id, "k5", &confirmed(ONE)).await.status, 200);
    assert_eq!(books::account(&world, pennco, "partner_control.bfil").await.0 - before, ONE);
    assert_eq!(books::account(&world, pennco, &hand).await.0 - in_hand, -ONE);
    books::balance(&world, pennco).await;
    for event in ["approval.requested", "approval.decided"] {
        assert_eq!(happened(&world, event), [approval_id]);
    }
    assert_eq!(happened(&world, "disbursement.approved"), [id]);
}

#[tokio::test]
async fn a_band_begins_exactly_at_its_amount() {
    let world = World::new().await;
    for (amount, quorum) in
        [(ONE - 1, None), (ONE, Some(1)), (TWO - 1, Some(1)), (TWO, Some(2)), (100_000_000, Some(2))]
    {
        let reference = format!("BF-D-{amount}");
        let asked = instruct(&world, &world.pennco.partners[0], &reference, &instruction(&reference, amount)).await;
        match quorum {
            None => assert_eq!((asked.text("/status"), &asked.json["approval_id"]), ("approved", &Value::Null)),
            Some(quorum) => {
                assert_eq!(asked.text("/status"), "created");
                assert_eq!(approval(&world, asked.text("/approval_id")).await.json["quorum"], quorum, "{amount}");
            }
        }
    }
}

#[tokio::test]
async fn a_rejection_is_enough_and_nobody_makes_the_visit() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let asked = instruct(&world, &pennco.partners[0], "k1", &instruction("BF-D-1", TWO)).await;
    let (id, visit_id, approval_id) =
        (asked.text("/disbursement_id"), asked.text("/delivery_id"), asked.text("/approval_id"));
    assert_eq!(decide(&world, &pennco.admin, approval_id, "k2", "approve").await.text("/status"), "pending");
    assert_eq!(decide(&world, &pennco.settlement, approval_id, "k3", "reject").await.text("/status"), "rejected");
    assert_eq!(payout(&world, id).await.text("/status"), "rejected");
    assert_eq!(visit(&world, &pennco.desk, visit_id).await.text("/status"), "cancelled");
    let late = decide(&world, &lenders(&world, "checker"), approval_id, "k4", "approve").await;
    assert_eq!(late.said(), (409, "illegal_transition"));
    assert!(late.text("/detail").ends_with("rejected"), "{late:?}");
    let never = assign(&world, &pennco.desk, visit_id, &pennco.agents[0], "k5").await;
    assert_eq!(never.said(), (409, "illegal_transition"));
    assert_eq!(happened(&world, "disbursement.rejected"), [id]);
    assert_eq!(happened(&world, "delivery.cancelled"), [visit_id]);
}

#[tokio::test]
async fn nobody_approves_what_they_asked_for_themselves() {
    let world = World::new().await;
    let maker = lenders(&world, "maker");
    let approval_id = waiting_for_approval(&world, &maker, "BF-D-1", ONE).await;
    for (key, says) in [("k1", "approve"), ("k2", "reject"), ("k3", "approve")] {
        assert_eq!(decide(&world, &maker, &approval_id, key, says).await.said(), (409, "own_approval"));
    }
    let replay = decide(&world, &maker, &approval_id, "k1", "approve").await;
    assert!(replay.is_replay(), "a refusal is kept: {replay:?}");
    assert_eq!(approval(&world, &approval_id).await.json["decisions"], json!([]));
    let other_lender = &world.pennco.partners[1];
    assert_eq!(decide(&world, other_lender, &approval_id, "k4", "approve").await.said(), (404, "unknown"));
    let desk = &world.pennco.desk;
    assert_eq!(decide(&world, desk, &approval_id, "k5", "approve").await.said(), (403, "forbidden"));
}

/// A program of a lender's, and the approval that what it asked for waits for.
async fn asked_by_a_program(world: &World) -> (Person, String) {
    let (id, secret) = program(world, &world.pennco, &["disbursement:write", "approval:read"]).await;
    let tokens = ask(world, 0, &client_credentials(&id, &secret)).await;
    let machine = holder(&world.pennco.partners[0], &tokens);
    let approval_id = waiting_for_approval(world, &machine, "BF-D-1", ONE).await;
    (machine, approval_id)
}

#[tokio::test]
async fn a_program_approves_nothing_and_the_admins_who_hold_its_secret_not_what_it_asked_for() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let (machine, approval_id) = asked_by_a_program(&world).await;
    assert_eq!(decide(&world, &machine, &approval_id, "k1", "approve").await.said(), (403, "forbidden"));
    let by_its_person = decide(&world, &pennco.admin, &approval_id, "k2", "approve").await;
    assert_eq!(by_its_person.said(), (409, "own_approval"));
    let shown = approval(&world, &approval_id).await;
    assert_eq!((&shown.json["maker"]["is_program"], &shown.json["decisions"]), (&json!(true), &json!([])));
    let body = json!({ "name": "ERP", "role": "partner", "partner_id": "bfil", "scopes": ["approval:write"] });
    let refused = call(&world, &CLIENT_CREATE, &command(&pennco.admin, &CLIENT_CREATE, "erp", &body)).await;
    assert_eq!((refused.said(), refused.flaws()), ((422, "invalid"), vec![("/scopes", "unknown_scope")]));
    let checker = lenders(&world, "checker");
    assert_eq!(decide(&world, &checker, &approval_id, "k3", "approve").await.text("/status"), "approved");
}

/// Somebody's login as an admin gets into it: the tickets go to an address of the admin's from so many days ago on, no
/// second factor is asked, and a ticket is used now.
async fn taken_over(world: &World, person: &Person, user_id: &str, login: &str, days_ago: i64) -> Person {
    const MINE: &str = "what nobody else has ever heard";
    let at = world.now().plus_seconds(-days_ago * 86_400);
    let admin = later(world, &world.pennco.admin, at);
    let version = user(world, &world.pennco, user_id).await.header("etag").unwrap().to_owned();
    let mine = json!({ "email": "mine@pennco.example", "has_totp": false });
    let change = command(&admin, &USER_UPDATE, login, &mine).path("user_id", user_id).header("If-Match", &version);
    assert_eq!(call(world, &USER_UPDATE, &change.at(at.as_millis())).await.status, 200);
    let username = format!("{login}@pennco");
    let ticket = ticket_for(world, &username).await;
    assert!(world.post.mail().iter().any(|mail| mail.to == "mine@pennco.example"));
    assert_eq!(set_password(world, 0, &ticket, MINE).await.status, 200);
    let tokens = ask(world, 0, &password(&username, MINE)).await;
    assert_eq!(tokens.status, 200, "{tokens:?}");
    holder(person, &tokens)
}

#[tokio::test]
async fn an_admin_decides_nothing_through_somebody_elses_login() {
    for days_ago in [0, 8] {
        decides_nothing(days_ago).await;
    }
}

/// An admin who holds a program's secret gets into the settlement desk's login, whose address is theirs since so long.
async fn decides_nothing(days_ago: i64) {
    let world = World::new().await;
    let pennco = &world.pennco;
    let (_, approval_id) = asked_by_a_program(&world).await;
    let (desk, user_id) = (&pennco.settlement, pennco.settlement.subject());
    second_factor(&world, desk).await;
    let taken = taken_over(&world, desk, user_id, "settlement", days_ago).await;
    for (key, says) in [("k1", "approve"), ("k2", "reject")] {
        let refused = decide(&world, &taken, &approval_id, key, says).await;
        assert_eq!(refused.said(), (409, "fresh_login"), "{refused:?}");
    }
    assert!(decide(&world, &taken, &approval_id, "k1", "approve").await.is_replay(), "a refusal is kept");
    let shown = approval(&world, &approval_id).await;
    assert_eq!((shown.text("/status"), &shown.json["decisions"]), ("pending", &json!([])));
    let checker = lenders(&world, "checker");
    assert_eq!(decide(&world, &checker, &approval_id, "k3", "approve").await.text("/status"), "approved");
}

#[tokio::test]
async fn an_admin_approves_nothing_that_was_asked_for_through_somebody_elses_login() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let bfil = &pennco.partners[0];
    let people = call(&world, &USER_LIST, &pennco.admin.asks(&USER_LIST)).await;
    let theirs = people.items().iter().find(|user| user["login"] == "bfil").unwrap();
    let taken = taken_over(&world, bfil, theirs["user_id"].as_str().unwrap(), "bfil", 0).await;
    let approval_id = waiting_for_approval(&world, &taken, "BF-D-1", ONE).await;
    let by_its_admin = decide(&world, &pennco.admin, &approval_id, "k1", "approve").await;
    assert_eq!(by_its_admin.said(), (409, "fresh_login"), "{by_its_admin:?}");
    let by_the_desk = decide(&world, &pennco.settlement, &approval_id, "k2", "approve").await;
    assert_eq!(by_the_desk.text("/status"), "approved", "no admin, and nobody has been in this login");
}

#[tokio::test]
async fn a_name_a_region_or_a_disabling_lets_nobody_else_in_and_an_enabling_does() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let (desk, user_id) = (&pennco.settlement, pennco.settlement.subject());
    let approval_id = waiting_for_approval(&world, &pennco.partners[0], "BF-D-1", TWO).await;
    assert_eq!(change(&world, pennco, 0, user_id, &json!({ "name": "The books" })).await.status, 200);
    assert_eq!(decide(&world, desk, &approval_id, "k1", "approve").await.text("/status"), "pending");
    for status in ["disabled", "active"] {
        assert_eq!(change(&world, pennco, 0, user_id, &json!({ "status": status })).await.status, 200);
    }
    let back = holder(desk, &login(&world, 0, "settlement@pennco").await);
    let other = waiting_for_approval(&world, &pennco.partners[0], "BF-D-2", ONE).await;
    assert_eq!(decide(&world, &back, &other, "k2", "approve").await.said(), (409, "fresh_login"));
    assert_eq!(decide(&world, &pennco.admin, &other, "k3", "approve").await.text("/status"), "approved");
}

#[tokio::test(start_paused = true)]
async fn of_many_decisions_of_one_person_at_once_one_counts() {
    let world = Arc::new(World::new().await);
    let approval_id = waiting_for_approval(&world, &world.pennco.partners[0], "BF-D-1", TWO).await;
    let requests = (0..64).map(|n| decision(&world.pennco.admin, &approval_id, &format!("k{n}"), "approve")).collect();
    let replies = all_at_once(&world, &APPROVAL_DECIDE, requests).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1);
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        assert_eq!(reply.said(), (409, "already_decided"));
    }
    let shown = approval(&world, &approval_id).await;
    assert_eq!((shown.text("/status"), shown.json["decisions"].as_array().map(Vec::len)), ("pending", Some(1)));
    let replay = decide(&world, &world.pennco.admin, &approval_id, "k0", "approve").await;
    assert!(replay.is_replay());
}

#[tokio::test(start_paused = true)]
async fn of_sixty_four_people_who_approve_at_once_exactly_two_count() {
    let world = Arc::new(World::new().await);
    let approval_id = waiting_for_approval(&world, &world.pennco.partners[0], "BF-D-1", TWO).await;
    let people = (0..64).map(|n| lenders(&world, &format!("checker {n}")));
    let requests = people.map(|person| decision(&person, &approval_id, "k1", "approve")).collect();
    let replies = all_at_once(&world, &APPROVAL_DECIDE, requests).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 2);
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        assert_eq!(reply.said(), (409, "illegal_transition"));
        assert!(reply.text("/detail").ends_with("approved"), "{reply:?}");
    }
    let shown = approval(&world, &approval_id).await;
    assert_eq!((shown.text("/status"), shown.json["decisions"].as_array().map(Vec::len)), ("approved", Some(2)));
    assert_ne!(shown.text("/decisions/0/approver"), shown.text("/decisions/1/approver"));
    assert_eq!(happened(&world, "disbursement.approved").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn of_a_yes_and_a_no_at_once_one_settles_it() {
    let world = Arc::new(World::new().await);
    let pennco = &world.pennco;
    for round in 0..8 {
        let reference = format!("BF-D-{round}");
        let asked = instruct(&world, &pennco.partners[0], &reference, &instruction(&reference, ONE)).await;
        let approval_id = asked.text("/approval_id");
        let key = format!("k{round}");
        let requests = vec![
            decision(&pennco.admin, approval_id, &key, "approve"),
            decision(&pennco.settlement, approval_id, &key, "reject"),
        ];
        let replies = all_at_once(&world, &APPROVAL_DECIDE, requests).await;
        let mut said: Vec<_> = replies.iter().map(Reply::said).collect();
        said.sort_unstable();
        assert_eq!(said, [(200, ""), (409, "illegal_transition")]);
        let status = payout(&world, asked.text("/disbursement_id")).await.text("/status").to_owned();
        let winner = replies.iter().find(|reply| reply.status == 200).unwrap();
        assert_eq!(winner.text("/status"), status, "both say the same");
    }
}

#[tokio::test(start_paused = true)]
async fn an_agent_gets_no_visit_before_its_approval_whatever_is_at_once() {
    let world = Arc::new(World::new().await);
    let pennco = &world.pennco;
    for round in 0..8 {
        let reference = format!("BF-D-{round}");
        let asked = instruct(&world, &pennco.partners[0], &reference, &instruction(&reference, ONE)).await;
        let key = format!("k{round}");
        let body = json!({ "agent_id": pennco.agents[0].subject() });
        let given =
            command(&pennco.desk, &DELIVERY_ASSIGN, &key, &body).path("delivery_id", asked.text("/delivery_id"));
        let yes = decision(&pennco.admin, asked.text("/approval_id"), &key, "approve");
        let (given, yes) = tokio::join!(call(&world, &DELIVERY_ASSIGN, &given), call(&world, &APPROVAL_DECIDE, &yes));
        assert_eq!(yes.status, 200, "{yes:?}");
        let found = call(
            &world,
            &DELIVERY_GET,
            &pennco.admin.asks(&DELIVERY_GET).path("delivery_id", asked.text("/delivery_id")),
        )
        .await;
        match given.status {
            200 => assert_eq!(found.text("/status"), "assigned"),
            _ => {
                assert_eq!((given.said(), found.text("/status")), ((409, "approval_pending"), "pending"));
            }
        }
    }
}

/// A command as a door would have made it.
fn command_of(person: &Person, route: &Route, key: &str, world: &World) -> Command {
    let fingerprint = Fingerprint::of_text(key);
    let caller = person.caller.clone().on(route).unwrap();
    Command::of_request(&caller, route, key.into(), fingerprint, world.now(), key.into(), route.template.into())
}

#[tokio::test]
async fn the_table_itself_refuses_what_a_decision_should_never_have_allowed() {
    let world = World::new().await;
    let (pennco, approvals) = (&world.pennco, world.approvals());
    let maker = lenders(&world, "maker");
    let asked = instruct(&world, &maker, "k1", &instruction("BF-D-1", TWO)).await;
    let approval_id = asked.text("/approval_id");
    let admin = domain::access::Approver::of(pennco.admin.caller.clone().on(&APPROVAL_DECIDE).unwrap()).unwrap();
    let load = async || {
        let id = approval_id.parse().unwrap();
        approvals.get(&pennco.operator, &id).await.unwrap().seen_by(&admin).unwrap()
    };
    let approve = NewDecision { decision: Verdict::Approve, reason: "seen".into() };
    // What somebody else's decision makes of it, written by whom it must not be written.
    let forge = async |key: &str, by: &Person, before: &Approval, at_seconds: i64| {
        let decided = before.decide(&lenders(&world, &format!("another {key}")).caller, &approve, world.now());
        let waiting = approvals.waiting(&pennco.operator, before).await.unwrap();
        let at = world.now().plus_seconds(at_seconds);
        let command = Command { at, ..command_of(by, &APPROVAL_DECIDE, key, &world) };
        let answer = approvals.decide(&command, &by.caller, before, &waiting, decided).await.unwrap();
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        (answer.status, body["code"].as_str().unwrap_or_default().to_owned())
    };
    let before = load().await;
    assert_eq!(forge("own", &maker, &before, 0).await, (409, "own_approval".to_owned()));
    assert_eq!(forge("late", &pennco.admin, &before, 86_400).await, (409, "approval_expired".to_owned()));
    assert_eq!(load().await, before);
    assert_eq!(decide(&world, &pennco.admin, approval_id, "first", "approve").await.status, 200);
    let once = load().await;
    assert_eq!(forge("twice", &pennco.admin, &once, 0).await, (409, "already_decided".to_owned()));
    assert_eq!(load().await, once);

    let deliveries = world.deliveries();
    let visit_id = asked.text("/delivery_id").parse().unwrap();
    let desk = pennco.desk.caller.clone().on(&DELIVERY_ASSIGN).unwrap();
    let waiting = deliveries.get(&pennco.operator, &visit_id).await.unwrap().seen_by(&desk).unwrap();
    let agent_id = pennco.agents[0].subject().parse().unwrap();
    let assignee = Assignee { agent_id, regions: vec![waiting.region.clone()], is_closed: false };
    let released = waiting.release(world.now()).unwrap();
    let forged = domain::Delivery { version: waiting.version + 1, ..released };
    let command = command_of(&pennco.desk, &DELIVERY_ASSIGN, "forged", &world);
    let known = world.directory().operator(&pennco.operator).await.unwrap();
    let forged = known.assign(&forged, &assignee, &command);
    let answer = deliveries.assign(&command, &waiting, forged).await.unwrap();
    assert!(answer.status == 409 && answer.body.contains("approval_pending"), "{answer:?}");
    assert_eq!(visit(&world, &pennco.desk, asked.text("/delivery_id")).await.text("/status"), "pending");
    assert_eq!(Role::ALL.iter().filter(|role| APPROVAL_DECIDE.admits(**role)).count(), 3);
}
