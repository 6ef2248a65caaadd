//! Transfers by hand that nobody makes alone: asked for by one, approved by another, booked once.

use std::{collections::BTreeMap, sync::Arc};

use domain::{
    Caller, Role,
    access::{
        ACCOUNT_GET, APPROVAL_DECIDE, APPROVAL_GET, APPROVAL_LIST, DISBURSEMENT_GET, TRANSFER_CREATE, USER_CREATE,
    },
    operator::Operator,
};
use edge::schedule::Tick;
use serde_json::{Value, json};
use testkit::{LEDGER, Office, Person, Reply, RestRequest, World};

use crate::{
    approval_decide::{decide, decision},
    approval_expire::later,
    books,
    disbursement_reverse::take_back,
    door::call,
    invariant_check::check,
    logins::happened,
    reservation_get::get as reservation,
    reservation_settle::{settle, spending},
    reservation_void::void,
    steps::{
        bank_line, close_day, command, entry, handed_over, held, hold, inr, move_money, reconcile, reverse, transfer,
    },
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
async fn whom_an_admin_takes_on_decides_from_a_week_on() {
    let world = World::new().await;
    let careful = careful(&world).await;
    let clerk = json!({ "login": "clerk", "name": "A clerk", "email": "clerk@sahara.example", "role": "settlement" });
    let taken = call(&world, &USER_CREATE, &command(&careful.admin, &USER_CREATE, "k1", &clerk)).await;
    assert_eq!(taken.status, 201, "{taken:?}");
    let operator = careful.admin.caller.operator.clone();
    let clerk = world.person(Caller::new(operator, Role::Settlement, taken.text("/user_id").to_owned(), vec![]));
    let (week, moment) = (7 * 86_400, |seconds: i64| world.now().plus_seconds(seconds));
    for (asked_at, decided_at, status) in [(0, 0, 409), (week, week, 409), (week + 1, week + 1, 200)] {
        let at = moment(asked_at);
        let key = format!("ask-{asked_at}");
        let asks = command(&later(&world, &careful.admin, at), &TRANSFER_CREATE, &key, &for_sms(ONE));
        let waits = call(&world, &TRANSFER_CREATE, &asks.at(at.as_millis())).await;
        assert_eq!(waits.status, 202, "{waits:?}");
        let id = waits.text("/approval_id");
        let at = moment(decided_at);
        let says = async |person: &Person, key: &str| {
            let says = decision(&later(&world, person, at), id, key, "approve").at(at.as_millis());
            call(&world, &APPROVAL_DECIDE, &says).await
        };
        let said = says(&clerk, &format!("clerk-{decided_at}")).await;
        assert_eq!(said.status, status, "asked for after {asked_at} seconds: {said:?}");
        if status == 409 {
            assert_eq!(said.said(), (409, "fresh_login"));
            let desk = says(&careful.desk, &format!("desk-{decided_at}")).await;
            assert_eq!(desk.text("/status"), "approved", "somebody else's word counts: {desk:?}");
        }
    }
    assert_eq!(balance(&world, &careful.desk, "budget.sms").await, 3 * ONE);
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

/// The one begins so many steps behind the other: somewhere it reads the approval before the other's decision, and what
/// waits for it behind.
#[tokio::test(start_paused = true)]
async fn who_approves_while_another_does_is_told_that_it_is_decided_whenever_they_begin() {
    let world = World::new().await;
    let careful = careful(&world).await;
    let second = world.person(Caller { subject: "usr_second".to_owned(), ..careful.admin.caller.clone() });
    for steps in 0..60 {
        let key = format!("k{steps}");
        let id = asked(&world, &careful, &key, &for_sms(ONE)).await;
        let behind = async {
            for _ in 0..steps {
                tokio::task::yield_now().await;
            }
            decide(&world, &careful.admin, &id, &key, "approve").await
        };
        let (late, early) = tokio::join!(behind, decide(&world, &second, &id, &key, "approve"));
        let mut said = [late.said(), early.said()];
        said.sort_unstable();
        assert_eq!(said, [(200, ""), (409, "illegal_transition")], "{steps} steps behind: {late:?} {early:?}");
    }
    assert_eq!(balance(&world, &careful.desk, "budget.sms").await, 60 * ONE, "each is booked once");
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

/// What is held of the budget of SMS, and how much of it is available.
async fn budget(world: &World, careful: &Careful) -> (i64, i64) {
    let shown = call(world, &ACCOUNT_GET, &careful.desk.asks(&ACCOUNT_GET).path("account_id", "budget.sms")).await;
    let minor = |name: &str| shown.json[name]["amount_minor"].as_i64().unwrap();
    (minor("balance"), minor("available"))
}

/// A budget of which so much is held that one person alone may not spend it; the reservation.
async fn much_is_held(world: &World, careful: &Careful) -> String {
    for n in 0..4 {
        assert_eq!(move_money(world, &careful.desk, &format!("b{n}"), &for_sms(ONE / 2)).await.status, 201);
    }
    let made = hold(world, &careful.desk, "h1", &held("budget.sms", ONE + 50)).await;
    assert_eq!(made.status, 201, "{made:?}");
    made.text("/reservation_id").to_owned()
}

/// The decision that spends what was held.
pub(crate) async fn last_word_on_what_is_held(world: &World) -> RestRequest {
    let careful = careful(world).await;
    let id = much_is_held(world, &careful).await;
    let waits = settle(world, &careful.desk, &id, "s1", &spending("budget", "expense.sms")).await;
    decision(&careful.admin, waits.text("/approval_id"), "k1", "approve")
}

#[tokio::test]
async fn what_is_held_is_spent_when_somebody_else_approves_it_and_is_held_until_then() {
    let world = World::new().await;
    let careful = careful(&world).await;
    let id = much_is_held(&world, &careful).await;
    let mut body = spending("budget", "expense.sms");
    body["amount"] = inr(ONE);
    let waits = settle(&world, &careful.desk, &id, "s1", &body).await;
    assert_eq!((waits.status, waits.text("/subject")), (202, "transfer"), "{waits:?}");
    assert_eq!(waits.text("/transfer/reservation_id"), id);
    assert_eq!(
        waits.json["preview"],
        json!([
            { "account_id": "expense.sms", "account_kind": "expense", "amount": inr(ONE) },
            { "account_id": "budget.sms", "account_kind": "budget", "amount": inr(-ONE) },
        ])
    );
    assert_eq!(reservation(&world, &careful.desk, &id).await.text("/status"), "open");
    assert_eq!(budget(&world, &careful).await, (2 * ONE, ONE - 50));
    let approval_id = waits.text("/approval_id");
    assert_eq!(decide(&world, &careful.desk, approval_id, "k1", "approve").await.said(), (409, "own_approval"));

    let approved = decide(&world, &careful.admin, approval_id, "k2", "approve").await;
    assert_eq!((approved.status, approved.text("/status")), (200, "approved"), "{approved:?}");
    assert_eq!(budget(&world, &careful).await, (ONE, ONE), "what is left of it is available again");
    assert_eq!(balance(&world, &careful.desk, "expense.sms").await, ONE);
    let spent = reservation(&world, &careful.desk, &id).await;
    assert_eq!((spent.text("/status"), &spent.json["settled"]), ("settled", &inr(ONE)));
    assert_eq!(spent.text("/transfer_id"), waits.text("/subject_id"));
    let booked = get(&world, &careful.desk, waits.text("/subject_id")).await;
    assert_eq!((booked.text("/reservation_id"), booked.text("/approval_id")), (id.as_str(), approval_id));
    assert_eq!(booked.text("/by"), careful.desk.subject());
    check(&world, 120).await.unwrap();
}

#[tokio::test]
async fn what_is_below_the_band_is_spent_at_once_and_then_nothing_is_left_to_approve() {
    let world = World::new().await;
    let careful = careful(&world).await;
    let id = much_is_held(&world, &careful).await;
    let waits = settle(&world, &careful.desk, &id, "s1", &spending("budget", "expense.sms")).await;
    assert_eq!(waits.status, 202, "{waits:?}");
    let mut little = spending("budget", "expense.sms");
    little["amount"] = inr(ONE - 1);
    assert_eq!(settle(&world, &careful.desk, &id, "s2", &little).await.text("/status"), "settled");
    let before = world.table.items(LEDGER);
    let late = decide(&world, &careful.admin, waits.text("/approval_id"), "k1", "approve").await;
    assert_eq!(late.said(), (409, "illegal_transition"), "it was settled meanwhile");
    assert_eq!(world.table.items(LEDGER), before);
    assert_eq!(approval(&world, &careful.admin, waits.text("/approval_id")).await.text("/status"), "pending");
    assert_eq!(budget(&world, &careful).await, (ONE + 1, ONE + 1));
}

#[tokio::test]
async fn what_was_held_too_long_or_let_go_is_not_spent_by_an_approval() {
    let world = World::new().await;
    let careful = careful(&world).await;
    let id = much_is_held(&world, &careful).await;
    let waits = settle(&world, &careful.desk, &id, "s1", &spending("budget", "expense.sms")).await;
    let held_until = reservation(&world, &careful.desk, &id).await.text("/expires_at").parse().unwrap();
    assert!(held_until < world.now().plus_seconds(86_400), "it ends before the request does");
    let admin = later(&world, &careful.admin, held_until);
    let says = async |key: &str, verdict: &str| {
        let request = decision(&admin, waits.text("/approval_id"), key, verdict).at(held_until.as_millis());
        call(&world, &APPROVAL_DECIDE, &request).await
    };
    assert_eq!(says("k1", "approve").await.said(), (409, "reservation_expired"));
    assert_eq!(void(&world, &careful.desk, &id, "v1").await.text("/status"), "voided");
    assert_eq!(says("k2", "approve").await.said(), (409, "illegal_transition"));
    assert_eq!(budget(&world, &careful).await, (2 * ONE, 2 * ONE));
    assert_eq!(says("k3", "reject").await.text("/status"), "rejected");
}

/// A staffed operator where nobody takes anything back alone.
async fn careful_office(world: &World) -> Office {
    let known = world.directory().operator(&world.pennco.operator).await.unwrap();
    let approvals = vec!["reversal:24:1=1".parse().unwrap()];
    world.office(Operator { operator: "sahara".parse().unwrap(), approvals, ..known }).await
}

async fn payment(world: &World, office: &Office, id: &str) -> Reply {
    call(world, &DISBURSEMENT_GET, &office.admin.asks(&DISBURSEMENT_GET).path("disbursement_id", id)).await
}

#[tokio::test]
async fn a_payment_is_taken_back_when_somebody_else_approves_it() {
    let world = World::new().await;
    let office = careful_office(&world).await;
    let id = handed_over(&world, &office, "BF-D-1", 500).await;
    let in_hand = books::balance(&world, &office).await;
    let waits = take_back(&world, &office.settlement, &id, "r1").await;
    assert_eq!((waits.status, waits.text("/subject")), (202, "reversal"), "{waits:?}");
    assert_eq!(waits.text("/transfer/reverses/kind"), "disbursement");
    assert_eq!(payment(&world, &office, &id).await.text("/status"), "handed_over");
    assert_eq!(books::balance(&world, &office).await, in_hand);
    let second = take_back(&world, &office.settlement, &id, "r2").await;
    assert_eq!(second.status, 202, "nothing has taken it back yet");

    let approved = decide(&world, &office.admin, waits.text("/approval_id"), "k1", "approve").await;
    assert_eq!((approved.status, approved.text("/status")), (200, "approved"), "{approved:?}");
    let back = payment(&world, &office, &id).await;
    assert_eq!(back.text("/status"), "reversed");
    let said = json!({
        "reason": "given back", "by": office.settlement.subject(), "at": world.now(),
        "transfer_id": waits.text("/subject_id"),
    });
    assert_eq!(back.json["reversal"], said, "by whom it was asked for");
    assert_eq!(books::balance(&world, &office).await, in_hand + 500);
    assert_eq!(happened(&world, "disbursement.reversed"), [id]);
    let late = decide(&world, &office.admin, second.text("/approval_id"), "k2", "approve").await;
    assert_eq!(late.said(), (409, "already_reversed"));
    assert_eq!(books::balance(&world, &office).await, in_hand + 500);
}

#[tokio::test]
async fn a_payment_that_the_bank_bears_out_while_it_waits_is_not_taken_back() {
    let world = World::new().await;
    let office = careful_office(&world).await;
    let id = handed_over(&world, &office, "BF-D-1", 500).await;
    let in_hand = books::balance(&world, &office).await;
    let waits = take_back(&world, &office.settlement, &id, "r1").await;
    let line = bank_line("HDFCN52026112112", 500);
    assert_eq!(reconcile(&world, &office.settlement, &id, "b1", &line).await.text("/status"), "reconciled");
    let refused = decide(&world, &office.admin, waits.text("/approval_id"), "k1", "approve").await;
    assert_eq!(refused.said(), (409, "illegal_transition"));
    assert_eq!(payment(&world, &office, &id).await.text("/status"), "reconciled");
    assert_eq!(books::balance(&world, &office).await, in_hand);
    assert_eq!(decide(&world, &office.admin, waits.text("/approval_id"), "k2", "reject").await.status, 200);
}
