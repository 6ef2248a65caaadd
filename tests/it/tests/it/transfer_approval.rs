//! Transfers by hand that nobody makes alone: asked for by one, approved by another, booked once.

use std::{collections::BTreeMap, sync::Arc};

use domain::{
    Caller, Role,
    access::{ACCOUNT_GET, APPROVAL_DECIDE, APPROVAL_GET, APPROVAL_LIST},
    operator::Operator,
};
use edge::schedule::Tick;
use serde_json::{Value, json};
use testkit::{LEDGER, Person, Reply, RestRequest, World};

use crate::{
    approval_decide::{decide, decision},
    approval_expire::later,
    door::call,
    logins::happened,
    steps::{close_day, entry, held, hold, inr, move_money, reverse, transfer},
    transfer_get::get,
};

/// From here on one person approves a transfer, and two from ten times as much; every reversal needs one.
const ONE: i64 = 100_000;

/// An operator where nobody moves much money alone.
struct Careful {
    desk: Person,
    admin: Person,
}

async fn careful(world: &World) -> Careful {
    let known = world.directory().operator(&world.pennco.operator).await.unwrap();
    let rules = ["transfer:24:100000=1,1000000=2", "reversal:24:1=1"];
    let approvals = rules.map(|rule| rule.parse().unwrap()).to_vec();
    let known = Operator { operator: "sahara".parse().unwrap(), approvals, ..known };
    world.directory().create_operator(&known).await.unwrap();
    let person = |role, name: &str| world.person(Caller::new(known.operator.clone(), role, name.to_owned(), vec![]));
    Careful { desk: person(Role::Settlement, "usr_desk"), admin: person(Role::Admin, "usr_admin") }
}

/// Money for the budget of SMS.
fn for_sms(amount_minor: i64) -> Value {
    transfer("budget", "vault.sahara", "budget.sms", amount_minor)
}

async fn balance(world: &World, person: &Person, account_id: &str) -> i64 {
    let shown = call(world, &ACCOUNT_GET, &person.asks(&ACCOUNT_GET).path("account_id", account_id)).await;
    shown.json["balance"]["amount_minor"].as_i64().unwrap_or_default()
}

async fn approval(world: &World, person: &Person, id: &str) -> Reply {
    call(world, &APPROVAL_GET, &person.asks(&APPROVAL_GET).path("approval_id", id)).await
}

/// A transfer that waits; its approval.
async fn asked(world: &World, careful: &Careful, key: &str, body: &Value) -> String {
    let waits = move_money(world, &careful.desk, key, body).await;
    assert_eq!((waits.status, waits.text("/status")), (202, "pending"), "{waits:?}");
    waits.text("/approval_id").to_owned()
}

#[tokio::test]
async fn a_large_transfer_is_booked_when_somebody_else_approves_it_and_exactly_as_previewed() {
    let world = World::new().await;
    let careful = careful(&world).await;
    let waits = move_money(&world, &careful.desk, "k1", &for_sms(ONE)).await;
    assert_eq!(
        (waits.status, waits.text("/subject"), waits.text("/status")),
        (202, "transfer", "pending"),
        "{waits:?}"
    );
    assert_eq!((waits.text("/transfer/reason"), waits.text("/transfer/kind")), ("as agreed", "budget"));
    assert_eq!(
        waits.json["preview"],
        json!([
            { "account_id": "budget.sms", "account_kind": "budget", "amount": inr(ONE) },
            { "account_id": "vault.sahara", "account_kind": "vault", "amount": inr(-ONE) },
        ])
    );
    let again = move_money(&world, &careful.desk, "k1", &for_sms(ONE)).await;
    assert_eq!((again.is_replay(), &again.body), (true, &waits.body));
    let (id, transfer_id) = (waits.text("/approval_id"), waits.text("/subject_id"));
    assert_eq!(get(&world, &careful.admin, transfer_id).await.said(), (404, "unknown"), "nothing is booked");
    assert_eq!(decide(&world, &careful.desk, id, "k2", "approve").await.said(), (409, "own_approval"));
    let list = call(&world, &APPROVAL_LIST, &careful.admin.asks(&APPROVAL_LIST)).await;
    assert_eq!(list.items()[0]["approval_id"], id);

    let approved = decide(&world, &careful.admin, id, "k3", "approve").await;
    assert_eq!((approved.status, approved.text("/status")), (200, "approved"), "{approved:?}");
    let booked = get(&world, &careful.desk, transfer_id).await;
    assert_eq!(booked.json["entries"], waits.json["transfer"]["entries"]);
    assert_eq!((booked.text("/by"), booked.text("/approval_id")), (careful.desk.subject(), id));
    assert_eq!(booked.text("/reason"), "as agreed");
    assert_eq!(balance(&world, &careful.desk, "budget.sms").await, ONE);
    assert_eq!(balance(&world, &careful.desk, "vault.sahara").await, -ONE);
    assert_eq!(happened(&world, "approval.requested"), [id]);
    assert_eq!(happened(&world, "approval.decided"), [id]);
    let twice = decide(&world, &careful.admin, id, "k4", "approve").await;
    assert_eq!(twice.said(), (409, "already_decided"));
}

#[tokio::test]
async fn what_is_below_the_band_is_booked_at_once_and_what_is_far_above_it_needs_two() {
    let world = World::new().await;
    let careful = careful(&world).await;
    assert_eq!(move_money(&world, &careful.desk, "k1", &for_sms(ONE - 1)).await.status, 201);
    let spread = json!({ "kind": "budget", "reason": "as agreed", "entries": [
        entry("vault.sahara", -10 * ONE), entry("budget.sms", 5 * ONE), entry("budget.fuel", 5 * ONE)] });
    let id = asked(&world, &careful, "k2", &spread).await;
    assert_eq!(approval(&world, &careful.admin, &id).await.json["quorum"], 2, "by all that it moves");
    assert_eq!(decide(&world, &careful.admin, &id, "k3", "approve").await.text("/status"), "pending");
    assert_eq!(balance(&world, &careful.desk, "budget.fuel").await, 0);
    let other = world.person(Caller { subject: "usr_other".to_owned(), ..careful.admin.caller.clone() });
    assert_eq!(decide(&world, &other, &id, "k4", "approve").await.text("/status"), "approved");
    assert_eq!(balance(&world, &careful.desk, "budget.fuel").await, 5 * ONE);
}

#[tokio::test]
async fn what_is_rejected_or_runs_out_is_never_booked() {
    let world = World::new().await;
    let careful = careful(&world).await;
    let before = world.table.items(LEDGER);
    let rejected = asked(&world, &careful, "k1", &for_sms(ONE)).await;
    assert_eq!(decide(&world, &careful.admin, &rejected, "k2", "reject").await.text("/status"), "rejected");
    let late = asked(&world, &careful, "k3", &for_sms(ONE)).await;
    let at = world.now().plus_seconds(86_400);
    let tick = Tick { at, message_id: "a day later".to_owned() };
    approval_expire::handle(&world.approvals(), tick).await.unwrap();
    assert_eq!(approval(&world, &careful.admin, &late).await.text("/status"), "expired");
    let admin = later(&world, &careful.admin, at);
    let too_late = decision(&admin, &late, "k4", "approve").at(at.as_millis());
    assert_eq!(call(&world, &APPROVAL_DECIDE, &too_late).await.said(), (409, "approval_expired"));
    assert_eq!(world.table.items(LEDGER), before);
}

#[tokio::test]
async fn money_that_is_not_there_any_more_is_not_moved_and_the_request_still_waits() {
    let world = World::new().await;
    let careful = careful(&world).await;
    assert_eq!(move_money(&world, &careful.desk, "k1", &for_sms(ONE - 1)).await.status, 201);
    assert_eq!(move_money(&world, &careful.desk, "k2", &for_sms(1)).await.status, 201);
    let spend = transfer("budget", "budget.sms", "expense.sms", ONE);
    let id = asked(&world, &careful, "k3", &spend).await;
    assert_eq!(hold(&world, &careful.desk, "k4", &held("budget.sms", 1)).await.status, 201);
    let before = world.table.items(LEDGER);
    let refused = decide(&world, &careful.admin, &id, "k5", "approve").await;
    assert_eq!(refused.said(), (409, "insufficient_funds"), "one is held for something else");
    assert_eq!(world.table.items(LEDGER), before);
    assert_eq!(approval(&world, &careful.admin, &id).await.text("/status"), "pending");
    assert_eq!(move_money(&world, &careful.desk, "k6", &for_sms(1)).await.status, 201);
    assert_eq!(decide(&world, &careful.admin, &id, "k7", "approve").await.text("/status"), "approved");
    assert_eq!(balance(&world, &careful.desk, "expense.sms").await, ONE);
}

#[tokio::test]
async fn a_day_that_closes_while_it_waits_stays_closed() {
    let world = World::new().await;
    let careful = careful(&world).await;
    assert_eq!(close_day(&world, &careful.desk, "d1", "2026-11-19").await.status, 202);
    let mut body = for_sms(ONE);
    body["effective_at"] = json!("2026-11-20T10:00:00.000Z");
    let id = asked(&world, &careful, "k1", &body).await;
    assert_eq!(close_day(&world, &careful.desk, "d2", "2026-11-20").await.status, 202);
    let refused = decide(&world, &careful.admin, &id, "k2", "approve").await;
    assert_eq!((refused.said(), refused.text("/last_closed")), ((409, "period_closed"), "2026-11-20"), "{refused:?}");
    assert_eq!(balance(&world, &careful.desk, "budget.sms").await, 0);
    assert_eq!(decide(&world, &careful.admin, &id, "k3", "reject").await.text("/status"), "rejected");
}

#[tokio::test]
async fn of_two_requests_for_one_transfer_id_one_is_booked() {
    let world = World::new().await;
    let careful = careful(&world).await;
    let mut body = for_sms(ONE);
    body["transfer_id"] = json!("trf_01kagwtb0084nrm0ppw3zy9t20");
    let [first, second] = [asked(&world, &careful, "k1", &body).await, asked(&world, &careful, "k2", &body).await];
    assert_eq!(decide(&world, &careful.admin, &first, "k3", "approve").await.text("/status"), "approved");
    assert_eq!(decide(&world, &careful.admin, &second, "k4", "approve").await.said(), (409, "exists"));
    assert_eq!(balance(&world, &careful.desk, "budget.sms").await, ONE);
    assert_eq!(move_money(&world, &careful.desk, "k5", &body).await.said(), (409, "exists"), "asked for anew");
}

#[tokio::test]
async fn a_reversal_waits_as_well_and_takes_back_once() {
    let world = World::new().await;
    let careful = careful(&world).await;
    let moved = move_money(&world, &careful.desk, "k1", &for_sms(500)).await;
    let id = moved.text("/transfer_id");
    let waits = reverse(&world, &careful.desk, id, "r1").await;
    assert_eq!((waits.status, waits.text("/subject")), (202, "reversal"), "{waits:?}");
    assert_eq!(waits.json["transfer"]["reverses"], json!({ "transfer_id": id, "kind": "budget" }));
    let second = reverse(&world, &careful.desk, id, "r2").await;
    assert_eq!(second.status, 202, "nothing has taken it back yet");
    assert_eq!(balance(&world, &careful.desk, "budget.sms").await, 500);
    let approved = decide(&world, &careful.admin, waits.text("/approval_id"), "k2", "approve").await;
    assert_eq!(approved.text("/status"), "approved", "{approved:?}");
    let linked = get(&world, &careful.desk, id).await;
    assert_eq!(linked.text("/reversed_by"), waits.text("/subject_id"));
    let late = decide(&world, &careful.admin, second.text("/approval_id"), "k3", "approve").await;
    assert_eq!((late.said(), late.text("/by")), ((409, "already_reversed"), waits.text("/subject_id")));
    assert_eq!(balance(&world, &careful.desk, "budget.sms").await, 0);
    assert_eq!(reverse(&world, &careful.desk, id, "r3").await.said(), (409, "already_reversed"));
}

#[tokio::test(start_paused = true)]
async fn of_sixteen_who_approve_at_once_as_many_count_as_it_takes_and_it_is_booked_once() {
    let world = Arc::new(World::new().await);
    let careful = careful(&world).await;
    let id = asked(&world, &careful, "k1", &for_sms(10 * ONE)).await;
    let people: Vec<Person> =
        (0..16).map(|n| world.person(Caller { subject: format!("usr_{n}"), ..careful.admin.caller.clone() })).collect();
    let requests: Vec<RestRequest> = people.iter().map(|person| decision(person, &id, "k2", "approve")).collect();
    let mut said: BTreeMap<u16, usize> = BTreeMap::new();
    for reply in crate::steps::all_at_once(&world, &APPROVAL_DECIDE, requests).await {
        assert!(reply.status == 200 || reply.said() == (409, "illegal_transition"), "{reply:?}");
        *said.entry(reply.status).or_default() += 1;
    }
    assert_eq!(said, BTreeMap::from([(200, 2), (409, 14)]));
    assert_eq!(balance(&world, &careful.desk, "budget.sms").await, 10 * ONE);
}

#[tokio::test(start_paused = true)]
async fn of_two_reversals_of_one_transfer_that_are_approved_at_once_one_is_booked() {
    let world = Arc::new(World::new().await);
    let careful = careful(&world).await;
    let moved = move_money(&world, &careful.desk, "k1", &for_sms(500)).await;
    let mut requests = vec![];
    for key in ["r1", "r2"] {
        let waits = reverse(&world, &careful.desk, moved.text("/transfer_id"), key).await;
        requests.push(decision(&careful.admin, waits.text("/approval_id"), key, "approve"));
    }
    let replies = crate::steps::all_at_once(&world, &APPROVAL_DECIDE, requests).await;
    let mut codes: Vec<_> = replies.iter().map(|reply| (reply.status, reply.code())).collect();
    codes.sort_unstable();
    assert_eq!(codes, [(200, ""), (409, "already_reversed")]);
    assert_eq!(balance(&world, &careful.desk, "budget.sms").await, 0);
}
