//! `transfer-create`: money is moved by hand, whole, once under its id, and by rules.

use std::sync::Arc;

use domain::{
    TransferId,
    access::{ACCOUNT_CLOSE, SETTLEMENT_CREATE, TRANSFER_CREATE},
    refusal::LEDGER_PRECEDENCE,
};
use serde_json::{Value, json};
use testkit::{CASH_CAP_MINOR, FLOAT_MINOR, LEDGER, NOW_MILLIS, RECORDS, World};

use crate::{
    books,
    door::call,
    steps::{
        TODAY, all_at_once, build_settlements, close_day, collected, command, entry, kept, move_money, reverse,
        transfer,
    },
    transfer_get::get,
};

/// The version of a UUID, and what a client's ids say there: RFC 9562's version 7.
const VERSION: u128 = 0xf << 76;
const VERSION_7: u128 = 0x7 << 76;

/// An id that a client makes.
fn id(seed: &[u8]) -> String {
    let bits = TransferId::mint(domain::Timestamp::from_millis(NOW_MILLIS), &[seed]).bits();
    TransferId::of_bits(bits & !VERSION | VERSION_7).to_string()
}

fn with(body: &Value, name: &str, value: Value) -> Value {
    let mut body = body.clone();
    body[name] = value;
    body
}

#[tokio::test]
async fn cash_that_an_agent_hands_in_moves_to_the_vault_and_is_kept_whole() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let hand = format!("agent_cash.{}", pennco.agents[0].subject());
    let body = transfer("deposit", &hand, "vault.pennco", 70_000);
    let made = move_money(&world, &pennco.settlement, "m1", &body).await;
    assert_eq!((made.status, made.text("/kind"), made.text("/reason")), (201, "deposit", "as agreed"), "{made:?}");
    assert_eq!((made.text("/by"), &made.json["at"]), (pennco.settlement.subject(), &made.json["effective_at"]));
    let again = move_money(&world, &pennco.settlement, "m1", &body).await;
    assert_eq!((again.is_replay(), &again.body), (true, &made.body));
    assert_eq!(get(&world, &pennco.desk, made.text("/transfer_id")).await.json, made.json);
    assert_eq!(books::balance(&world, pennco).await, FLOAT_MINOR - 70_000);
}

#[tokio::test]
async fn a_split_of_thirty_entries_is_one_transaction() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let mut entries: Vec<Value> = (0..29).map(|n| entry(&format!("expense.of-{n}"), 100)).collect();
    entries.push(entry("vault.pennco", -2_900));
    let body =
        json!({ "kind": "budget", "entries": entries, "reason": "the month", "effective_at": "2026-11-21T01:00:00Z" });
    let made = move_money(&world, &pennco.admin, "m1", &body).await;
    assert_eq!((made.status, made.text("/effective_at")), (201, "2026-11-21T01:00:00.000Z"), "{made:?}");
    assert_eq!(books::account(&world, pennco, "expense.of-28").await, (100, 100));
    assert_eq!(books::account(&world, pennco, "vault.pennco").await.0, -2_900 - 2 * FLOAT_MINOR);
}

/// How many commands have been answered for ever.
fn answers(world: &World) -> usize {
    world.table.items(RECORDS).iter().filter(|item| item["sk"]["S"] == "commit").count()
}

/// Sends a transfer that is none, and looks that nothing has changed.
async fn is_invalid(world: &World, body: &Value, flaws: &[(&str, &str)]) {
    let (before, answered) = (kept(world), answers(world));
    let reply = move_money(world, &world.pennco.settlement, "invalid", body).await;
    assert_eq!((reply.said(), reply.flaws().as_slice()), ((422, "invalid"), flaws), "{body}");
    assert_eq!(kept(world), before, "{body}");
    assert_eq!(answers(world), answered, "the key is not used up: {body}");
}

#[tokio::test]
async fn what_is_no_transfer_is_refused_by_name_and_changes_nothing() {
    let world = World::new().await;
    let hand = format!("agent_cash.{}", world.pennco.agents[0].subject());
    let theirs = format!("agent_cash.{}", world.vishi.agents[0].subject());
    let of = |entries: Value| json!({ "kind": "adjustment", "entries": entries, "reason": "no transfer" });
    let (vault, bank) = ("vault.pennco", "bank.pennco");
    let npr = json!({ "account_id": bank, "amount": { "amount_minor": -5, "currency": "NPR" } });
    let many: Vec<Value> = (0..101).map(|n| entry(&format!("expense.of-{n}"), 1)).collect();
    let large = 1_000_000_000_000_001_i64;
    for (body, flaws) in [
        (of(json!([entry(vault, 5), entry(bank, -4)])), vec![("/entries", "unbalanced")]),
        (of(json!([entry(vault, -5), entry(bank, -5)])), vec![("/entries", "unbalanced")]),
        (of(json!([entry(vault, 5), npr])), vec![("/entries", "unbalanced")]),
        (of(json!([entry(vault, 0), entry(bank, 0)])), vec![("/entries", "zero_amount")]),
        (of(json!([entry(vault, 5)])), vec![("/entries", "too_few_entries")]),
        (of(json!(many)), vec![("/entries", "too_many_entries")]),
        (of(json!([entry(vault, 5), entry(vault, -5)])), vec![("/entries", "repeated_account")]),
        (
            of(json!([entry(vault, large), entry(bank, -large)])),
            vec![("/entries/0", "invalid_value"), ("/entries/1", "invalid_value")],
        ),
        (
            of(json!([entry(vault, i64::MAX), entry(bank, i64::MIN), entry("suspense.pennco", 1)])),
            vec![("/entries/0", "invalid_value"), ("/entries/1", "invalid_value")],
        ),
        (
            of(json!([entry("agent_cash.agt_01kagwtb0084nrm0ppw3zy9t20", 5), entry(bank, -5)])),
            vec![("/entries/0/account_id", "unknown_account")],
        ),
        (of(json!([entry(bank, 5), entry(&theirs, -5)])), vec![("/entries/1/account_id", "unknown_account")]),
        (of(json!([entry("vault.vishi", 5), entry(bank, -5)])), vec![("/entries/0/account_id", "unknown_account")]),
        (
            of(json!([entry("partner_control.samasta", 5), entry(bank, -5)])),
            vec![("/entries/0/account_id", "unknown_account")],
        ),
        (
            transfer("deposit", vault, &hand, 5),
            vec![("/entries/0/account_id", "account_not_for_kind"), ("/entries/1/account_id", "account_not_for_kind")],
        ),
        (transfer("budget", &hand, "budget.sms", 5), vec![("/entries/1/account_id", "account_not_for_kind")]),
        (
            with(&transfer("deposit", &hand, vault, 5), "effective_at", json!("2026-11-21T06:30:00.001Z")),
            vec![("/effective_at", "invalid_value")],
        ),
        (with(&transfer("deposit", &hand, vault, 5), "reason", json!("no")), vec![("/reason", "invalid_value")]),
    ] {
        is_invalid(&world, &body, &flaws).await;
    }
    let npr = |account: &str, minor: i64| json!({ "account_id": account, "amount": { "amount_minor": minor, "currency": "NPR" } });
    let all_npr = of(json!([npr(vault, 5), npr(bank, -5)]));
    let pointers = ["/entries/0/amount/currency", "/entries/1/amount/currency"];
    is_invalid(&world, &all_npr, &pointers.map(|pointer| (pointer, "wrong_currency"))).await;
    let kinds = ["collection", "disbursement", "settlement", "reversal", "theft"];
    let before = kept(&world);
    for kind in kinds {
        let reply = move_money(&world, &world.pennco.admin, "kind", &transfer(kind, vault, bank, 5)).await;
        assert_eq!(reply.flaws(), [("/kind", "invalid_value")], "{kind} is not moved by hand: {reply:?}");
    }
    assert_eq!(kept(&world), before);
}

/// A transfer for each place of the list, on books on which it and all that come later would be refused.
#[tokio::test]
async fn of_several_refusals_the_first_of_the_list_is_answered() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let desk = &pennco.admin;
    let [north, south] = [0, 1].map(|n| format!("agent_cash.{}", pennco.agents[n].subject()));
    let mut walked = vec![];
    let mut refused = |reply: testkit::Reply| {
        assert_eq!(reply.status, 409, "{reply:?}");
        walked.push(reply.code().to_owned());
    };

    collected(&world, pennco, "BF-1", 5).await;
    let taken = id(b"taken");
    let first = with(&transfer("deposit", &north, "vault.pennco", 5), "transfer_id", json!(taken));
    let made = move_money(&world, desk, "first", &first).await;
    assert_eq!((made.status, made.text("/transfer_id")), (201, taken.as_str()), "{made:?}");
    let back = reverse(&world, desk, &taken, "back").await;
    assert_eq!(back.status, 201);
    let day = json!({ "business_day": TODAY });
    let day = command(&pennco.settlement, &SETTLEMENT_CREATE, "day", &day).at(NOW_MILLIS + 60_000);
    assert_eq!(call(&world, &SETTLEMENT_CREATE, &day).await.status, 202);
    let opened = move_money(&world, desk, "open", &transfer("budget", "vault.pennco", "budget.closed", 5)).await;
    assert_eq!(opened.status, 201);
    let emptied = move_money(&world, desk, "empty", &transfer("budget", "budget.closed", "vault.pennco", 5)).await;
    assert_eq!(emptied.status, 201);
    let sms = move_money(&world, desk, "sms", &transfer("budget", "vault.pennco", "budget.sms", 5)).await;
    assert_eq!(sms.status, 201);
    let close = |account: &str, key: &str| command(desk, &ACCOUNT_CLOSE, key, &json!({})).path("account_id", account);
    let closes = &ACCOUNT_CLOSE;
    assert_eq!(call(&world, closes, &close("budget.closed", "close")).await.status, 200);

    refused(reverse(&world, desk, back.text("/transfer_id"), "p1").await);
    let settled = settled_transfer(&world).await;
    refused(reverse(&world, desk, &settled, "p2").await);
    refused(reverse(&world, desk, &taken, "p3").await);
    // Everything later in the list holds of these too: another time, another reason, a closed day, a closed account.
    let past = json!("2026-11-21T01:00:00Z");
    let other = |kind: &str, from: &str, to: &str, amount: i64| {
        let body = with(&transfer(kind, from, to, amount), "transfer_id", json!(taken));
        with(&with(&body, "effective_at", past.clone()), "reason", json!("another"))
    };
    refused(move_money(&world, desk, "p4", &other("adjustment", "budget.closed", "bank.pennco", 7)).await);
    refused(move_money(&world, desk, "p5", &other("deposit", &south, "vault.pennco", 7)).await);
    refused(move_money(&world, desk, "p6", &other("deposit", &north, "vault.pennco", i64::from(u32::MAX))).await);
    refused(move_money(&world, desk, "p7", &other("deposit", &north, "vault.pennco", 5)).await);
    refused(move_money(&world, desk, "p8", &with(&first, "reason", json!("another"))).await);
    refused(move_money(&world, desk, "p9", &first).await);
    let several = |past: Option<&Value>, accounts: &[(&str, i64)]| {
        let entries: Vec<Value> = accounts.iter().map(|(account, minor)| entry(account, *minor)).collect();
        let body = json!({ "kind": "adjustment", "entries": entries, "reason": "several" });
        past.map_or(body.clone(), |past| with(&body, "effective_at", past.clone()))
    };
    let closed = ("budget.closed", -1);
    let short = (north.as_str(), -FLOAT_MINOR - 6);
    let spent = ("budget.sms", -6);
    let full = (south.as_str(), CASH_CAP_MINOR);
    let rest = |minor: i64| ("bank.pennco", minor);
    let all = [full, spent, short, closed, rest(13 + FLOAT_MINOR - CASH_CAP_MINOR)];
    refused(move_money(&world, desk, "p10", &several(Some(&past), &all)).await);
    refused(call(&world, closes, &close("vault.pennco", "p11")).await);
    refused(move_money(&world, desk, "p12", &several(None, &all)).await);
    refused(call(&world, closes, &close("budget.sms", "p13")).await);
    let all = [full, spent, short, rest(12 + FLOAT_MINOR - CASH_CAP_MINOR)];
    refused(move_money(&world, desk, "p14", &several(None, &all)).await);
    let all = [full, spent, rest(6 - CASH_CAP_MINOR)];
    refused(move_money(&world, desk, "p15", &several(None, &all)).await);
    refused(move_money(&world, desk, "p16", &several(None, &[full, rest(-CASH_CAP_MINOR)])).await);
    assert_eq!(walked, LEDGER_PRECEDENCE);
    books::balance_with(&world, pennco, &["budget.closed", "budget.sms"]).await;
}

/// The transfer of a settlement of the day before.
async fn settled_transfer(world: &World) -> String {
    assert!(build_settlements(world).await.is_empty());
    let items = world.table.items(LEDGER);
    let settled = items.iter().find(|item| item["kind"]["S"] == "settlement").unwrap();
    settled["transfer_id"]["S"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_is_dated_back_into_closed_books_is_refused_up_to_the_cut() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let hand = format!("agent_cash.{}", pennco.agents[0].subject());
    let deposit = transfer("deposit", &hand, "vault.pennco", 5);
    let dated = |at: &str| with(&deposit, "effective_at", json!(at));
    assert_eq!(close_day(&world, &pennco.settlement, "d1", "2026-11-20").await.status, 202);
    let before = kept(&world);
    // The 20th was cut at half past eight in Kolkata, 15:00 UTC.
    let refused = move_money(&world, &pennco.settlement, "m1", &dated("2026-11-20T14:59:59.999Z")).await;
    assert_eq!((refused.said(), refused.text("/last_closed")), ((409, "period_closed"), "2026-11-20"));
    assert_eq!(refused.text("/closed_until"), "2026-11-20T15:00:00.000Z");
    assert_eq!(kept(&world), before, "nothing is booked, and no balance has moved");
    assert_eq!(books::balance(&world, pennco).await, FLOAT_MINOR);
    let late = move_money(&world, &pennco.settlement, "m2", &dated("2026-11-20T15:00:00.000Z")).await;
    assert_eq!((late.status, late.text("/effective_at")), (201, "2026-11-20T15:00:00.000Z"), "{late:?}");
    assert_eq!(late.text("/at"), "2026-11-21T06:30:00.000Z", "posted now all the same");
    assert_eq!(books::balance(&world, pennco).await, FLOAT_MINOR - 5);
}

#[tokio::test(start_paused = true)]
async fn of_sixteen_under_one_id_one_is_booked() {
    let world = Arc::new(World::new().await);
    let desk = &world.pennco.settlement;
    let hand = format!("agent_cash.{}", world.pennco.agents[0].subject());
    let body = with(&transfer("deposit", &hand, "vault.pennco", 5), "transfer_id", json!(id(b"one")));
    let requests = (0..16).map(|n| command(desk, &TRANSFER_CREATE, &format!("k{n}"), &body)).collect();
    let replies = all_at_once(&world, &TRANSFER_CREATE, requests).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 1);
    assert_eq!(replies.iter().filter(|reply| reply.code() == "exists").count(), 15);
    assert_eq!(books::balance(&world, &world.pennco).await, FLOAT_MINOR - 5);
}
