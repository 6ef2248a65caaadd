//! `invariant-check`: proves every five minutes that every operator's books balance and its history is as it was sealed.

use domain::{Failed, access::PROOF_GET};
use edge::schedule::Tick;
use serde_json::{Value, json};
use testkit::{CASH_CAP_MINOR, FLOAT_MINOR, LEDGER, NOW_MILLIS, RECORDS, Reply, World};

use crate::{
    door::call,
    ledger_seal::{OVER, seal},
    steps::{TODAY, build_settlements, close_day, collected, handed_over, relay},
};

/// Checks at so many seconds from now.
pub(crate) async fn check(world: &World, seconds: i64) -> Result<(), Failed> {
    let at = domain::Timestamp::from_millis(NOW_MILLIS).plus_seconds(seconds);
    invariant_check::handle(&world.proof_writer(), Tick { at, message_id: "tick".to_owned() }).await
}

pub(crate) async fn proof(world: &World) -> Reply {
    let reply = call(world, &PROOF_GET, &world.pennco.admin.asks(&PROOF_GET)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply
}

/// A day with collections, a payment and a settlement.
pub(crate) async fn a_day(world: &World) {
    let pennco = &world.pennco;
    for n in 0..5 {
        collected(world, pennco, &format!("BF-{n}"), 10_000 + n).await;
    }
    handed_over(world, pennco, "BF-D-1", 70_000).await;
    assert_eq!(close_day(world, &pennco.settlement, "close", "2026-11-20").await.status, 202);
    assert!(build_settlements(world).await.is_empty());
}

/// Changes a number of an item behind everybody's back.
pub(crate) async fn corrupt(world: &World, table: &str, item: &Value, path: &str, by: i64) {
    let key = |name: &str| aws_sdk_dynamodb::types::AttributeValue::S(item[name]["S"].as_str().unwrap().to_owned());
    let client = world.table.client();
    let update = client.update_item().table_name(table).key("pk", key("pk")).key("sk", key("sk"));
    let by = aws_sdk_dynamodb::types::AttributeValue::N(by.to_string());
    let update = update.update_expression(format!("SET {path} = {path} + :by")).expression_attribute_values(":by", by);
    update.send().await.unwrap();
}

/// Sets texts of an item behind everybody's back, or makes one.
async fn set(world: &World, table: &str, place: (&str, &str), texts: &[(&str, &str)]) {
    let text = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
    let client = world.table.client();
    let update = client.update_item().table_name(table).key("pk", text(place.0)).key("sk", text(place.1));
    let sets: Vec<String> = (0..texts.len()).map(|n| format!("#n{n} = :t{n}")).collect();
    let update = texts.iter().enumerate().fold(update, |update, (n, (name, to))| {
        let update = update.expression_attribute_names(format!("#n{n}"), *name);
        update.expression_attribute_values(format!(":t{n}"), text(to))
    });
    update.update_expression(format!("SET {}", sets.join(", "))).send().await.unwrap();
}

pub(crate) fn place(item: &Value) -> (&str, &str) {
    (item["pk"]["S"].as_str().unwrap(), item["sk"]["S"].as_str().unwrap())
}

/// Sets a text of an item behind everybody's back.
pub(crate) async fn put_text(world: &World, table: &str, item: &Value, name: &str, to: &str) {
    set(world, table, place(item), &[(name, to)]).await;
}

/// Takes an item away behind everybody's back.
pub(crate) async fn delete(world: &World, table: &str, item: &Value) {
    let text = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
    let (pk, sk) = place(item);
    let delete = world.table.client().delete_item().table_name(table).key("pk", text(pk)).key("sk", text(sk));
    delete.send().await.unwrap();
}

#[tokio::test]
async fn books_that_nobody_touched_hold() {
    let world = World::new().await;
    a_day(&world).await;
    check(&world, 120).await.unwrap();
    let proof = proof(&world).await;
    assert_eq!((&proof.json["holds"], &proof.json["breach_count"]), (&json!(true), &json!(0)), "{proof:?}");
    // Two floats, five collections and a payment: two entries each.
    assert_eq!((&proof.json["transfers"], &proof.json["entries"]), (&json!(8), &json!(16)), "{proof:?}");
    // A vault, a bank, a suspense account, two accounts a lender, two agents.
    assert_eq!(proof.json["accounts"], json!(9));
}

#[tokio::test]
async fn a_changed_row_is_named_by_the_next_check_whichever_it_is() {
    let mut cases = 0;
    let clean = World::new().await;
    a_day(&clean).await;
    let (rows, shards) = (entries(&clean).len(), balances(&clean).len());
    for n in 0..rows {
        let world = World::new().await;
        a_day(&world).await;
        let entry = entries(&world)[n].clone();
        corrupt(&world, LEDGER, &entry, "amount.amount_minor", 1).await;
        assert!(matches!(check(&world, 120).await, Err(Failed::Fault(_))), "entry {n}");
        let proof = proof(&world).await;
        let named: Vec<&str> = subjects(&proof);
        let transfer = entry["transfer_id"]["S"].as_str().unwrap();
        let account = entry["pk"]["S"].as_str().unwrap().split_once('#').unwrap().1;
        assert_eq!(named, [account, transfer], "{proof:?}");
        cases += 1;
    }
    for n in 0..shards {
        let world = World::new().await;
        a_day(&world).await;
        let balance = balances(&world)[n].clone();
        corrupt(&world, RECORDS, &balance, "balance_minor", 1).await;
        assert!(matches!(check(&world, 120).await, Err(Failed::Fault(_))), "balance {n}");
        let proof = proof(&world).await;
        let account = balance["pk"]["S"].as_str().unwrap().rsplit_once('#').unwrap().1;
        let named = subjects(&proof);
        assert!(!named.is_empty() && named.iter().all(|subject| *subject == account), "{account}: {proof:?}");
        cases += 1;
    }
    println!("rows changed behind everybody's back: {cases} of {cases} named");
}

fn subjects(proof: &Reply) -> Vec<&str> {
    proof.json["breaches"].as_array().unwrap().iter().map(|breach| breach["subject"].as_str().unwrap()).collect()
}

fn beginning_with(world: &World, table: &str, prefix: &str) -> Vec<Value> {
    let begins = |item: &Value| item["pk"]["S"].as_str().unwrap().starts_with(prefix);
    world.table.items(table).into_iter().filter(begins).collect()
}

pub(crate) fn entries(world: &World) -> Vec<Value> {
    let mut items = beginning_with(world, LEDGER, "pennco#");
    items.retain(|item| item["sk"]["S"] != "transfer");
    items
}

fn balances(world: &World) -> Vec<Value> {
    beginning_with(world, RECORDS, "pennco#balance#")
}

#[tokio::test]
async fn a_settlement_that_is_never_built_is_named_an_hour_after_it_was_first_seen() {
    let world = World::new().await;
    assert_eq!(close_day(&world, &world.pennco.settlement, "close", "2026-11-20").await.status, 202);
    relay(&world).await;
    for seconds in [0, 1_800, 3_599] {
        check(&world, seconds).await.unwrap();
    }
    assert!(check(&world, 7_200).await.is_err());
    assert_eq!(proof(&world).await.json["breaches"][0]["invariant"], "V9");
    assert!(build_settlements(&world).await.is_empty());
    relay(&world).await;
    check(&world, 7_300).await.unwrap();
    assert_eq!(proof(&world).await.json["holds"], true);
}

#[tokio::test]
async fn a_settlement_that_the_index_does_not_show_yet_is_there() {
    let world = World::new().await;
    let pennco = &world.pennco;
    for day in ["2026-11-20", TODAY] {
        assert_eq!(close_day(&world, &pennco.settlement, day, day).await.status, 202);
    }
    let mut last = beginning_with(&world, RECORDS, "pennco#settlement#");
    last.retain(|row| row["business_day"]["S"] == TODAY);
    assert_eq!(last.len(), pennco.partners.len());
    for row in &mut last {
        for place in ["worklist_pk", "worklist_sk"] {
            assert!(row.as_object_mut().unwrap().remove(place).is_some());
        }
        world.table.put(RECORDS, row);
    }
    check(&world, 0).await.unwrap();
    assert_eq!(proof(&world).await.json["holds"], true);
    delete(&world, RECORDS, &last[0]).await;
    assert!(check(&world, 60).await.is_err());
    assert_eq!(subjects(&proof(&world).await), [format!("{TODAY} {}", last[0]["partner_id"]["S"].as_str().unwrap())]);
}

#[tokio::test]
async fn a_check_that_comes_late_does_not_replace_a_later_one() {
    let world = World::new().await;
    check(&world, 600).await.unwrap();
    check(&world, 300).await.unwrap();
    assert_eq!(proof(&world).await.json["checked_at"], "2026-11-21T06:40:00.000Z");
}

#[tokio::test]
async fn an_account_whose_available_money_is_not_its_balance_less_what_is_held_is_named() {
    for (prefix, path) in [("pennco#balance#agent_cash", "available_minor"), ("pennco#held#", "amount_minor")] {
        for by in [1, -1] {
            let world = World::new().await;
            crate::steps::reservation_of(&world, &world.pennco).await;
            check(&world, 120).await.unwrap();
            let row = beginning_with(&world, RECORDS, prefix).remove(0);
            corrupt(&world, RECORDS, &row, path, by).await;
            assert!(matches!(check(&world, 121).await, Err(Failed::Fault(_))), "{prefix} by {by}");
            let account = row["pk"]["S"].as_str().unwrap().rsplit_once('#').unwrap().1;
            assert_eq!(subjects(&proof(&world).await), [account], "{prefix} by {by}");
        }
    }
}

#[tokio::test]
async fn cash_above_its_cap_and_cash_without_headroom_is_named() {
    let world = World::new().await;
    let row = beginning_with(&world, RECORDS, "pennco#balance#agent_cash").remove(0);
    let account = row["pk"]["S"].as_str().unwrap().rsplit_once('#').unwrap().1;
    let agent_id = account.split_once('.').unwrap().1;
    let mut agents = beginning_with(&world, RECORDS, &format!("pennco#agent#{agent_id}"));
    agents.retain(|item| item["cash_cap_minor"].is_object());
    let by = FLOAT_MINOR - CASH_CAP_MINOR - 5;
    corrupt(&world, RECORDS, &agents[0], "cash_cap_minor", by).await;
    corrupt(&world, RECORDS, &row, "headroom_minor", by).await;
    assert!(matches!(check(&world, 120).await, Err(Failed::Fault(_))), "five paise above a lower cap");
    assert_eq!(subjects(&proof(&world).await), [account]);
    let world = World::new().await;
    let mut row = beginning_with(&world, RECORDS, "pennco#balance#agent_cash").remove(0);
    let account = row["pk"]["S"].as_str().unwrap().rsplit_once('#').unwrap().1.to_owned();
    row.as_object_mut().unwrap().remove("headroom_minor").unwrap();
    world.table.put(RECORDS, &row);
    assert!(matches!(check(&world, 120).await, Err(Failed::Fault(_))), "nothing keeps it below its cap");
    assert_eq!(subjects(&proof(&world).await), [account]);
}

#[tokio::test]
async fn a_spoiled_name_of_an_account_is_named_and_keeps_nothing_from_being_checked() {
    let world = World::new().await;
    a_day(&world).await;
    set(&world, RECORDS, ("pennco#accounts", "junk"), &[("opened_at", "now")]).await;
    assert!(matches!(check(&world, 120).await, Err(Failed::Fault(_))));
    let proof = proof(&world).await;
    assert_eq!((subjects(&proof), &proof.json["entries"]), (vec!["accounts junk"], &json!(16)), "{proof:?}");
}

/// A day whose events are relayed and whose hours are sealed.
pub(crate) async fn a_sealed_day() -> World {
    let world = World::new().await;
    a_day(&world).await;
    relay(&world).await;
    seal(&world, OVER).await.unwrap();
    world
}

/// Checks after the seals; the breaches of history, by subject.
pub(crate) async fn history(world: &World) -> Vec<String> {
    history_at(world, OVER + 300).await
}

/// Checks at so many seconds from now; the breaches of history, by subject.
pub(crate) async fn history_at(world: &World, seconds: i64) -> Vec<String> {
    let checked = check(world, seconds).await;
    let proof = proof(world).await;
    assert_eq!(checked.is_ok(), proof.json["holds"] == true, "{proof:?}");
    let breaches = proof.json["breaches"].as_array().unwrap();
    let of_history = breaches.iter().filter(|breach| breach["invariant"] == "V13");
    of_history.map(|breach| breach["subject"].as_str().unwrap().to_owned()).collect()
}

/// What the leaf of an item is called.
pub(crate) fn leaf_of(item: &Value) -> String {
    let (pk, sk) = place(item);
    format!("{}#{sk}", pk.split_once('#').unwrap().1)
}

/// Everything of an operator that is sealed, with its table and a text of it.
pub(crate) fn sealed_rows(world: &World) -> Vec<(&'static str, Value, &'static str)> {
    let commits = beginning_with(world, RECORDS, "pennco#commit#").into_iter().map(|row| (RECORDS, row, "body"));
    let ledger = beginning_with(world, LEDGER, "pennco#").into_iter().map(|row| (LEDGER, row, "kind"));
    commits.chain(ledger).collect()
}

#[tokio::test]
async fn history_that_nobody_touched_holds_and_says_how_much_was_read() {
    let world = a_sealed_day().await;
    assert_eq!(history(&world).await, [""; 0]);
    let found = proof(&world).await.json["history"].clone();
    let wanted = json!({ "seals": 25, "sealed_until": "2026-11-21T07:00:00.000Z", "hours": 25, "next": 23 });
    for (member, value) in wanted.as_object().unwrap() {
        assert_eq!(found[member], *value, "{member} of {found}");
    }
    assert_eq!(proof(&world).await.json["unrelayed"], 0);
    assert_eq!(found["leaves"], sealed_rows(&world).len(), "{found}");
}

/// What is sealed of the newest hour.
pub(crate) fn newest(world: &World) -> Vec<(&'static str, Value, &'static str)> {
    let from = domain::CommitId::prefix(domain::seal::hour_of(world.now()));
    let filed = |row: &Value| row["commit_id"]["S"].as_str().or(row["owner_sk"]["S"].as_str()).unwrap().to_owned();
    let mut rows = sealed_rows(world);
    rows.retain(|(_, row, _)| filed(row) >= from);
    rows
}

#[tokio::test]
async fn a_text_that_was_changed_in_any_row_of_the_newest_hours_is_named_by_the_next_check() {
    let world = a_sealed_day().await;
    let rows = newest(&world);
    for (table, row, name) in &rows {
        put_text(&world, table, row, name, "forged").await;
        let (found, own) = (history(&world).await, leaf_of(row));
        assert!(found.contains(&own), "{own} is not among {found:?}");
        // A transfer that cannot be read leads to neither of its entries.
        assert_eq!(found.len(), if row["sk"]["S"] == "transfer" { 3 } else { 1 }, "{found:?}");
        put_text(&world, table, row, name, row[*name]["S"].as_str().unwrap()).await;
    }
    assert_eq!(history(&world).await, [""; 0]);
    println!("texts changed in rows of the newest hour: {0} of {0} named by the next check", rows.len());
}

#[tokio::test]
async fn a_text_that_was_changed_in_an_older_row_is_named_when_its_hour_has_its_turn() {
    let world = a_sealed_day().await;
    let late = sealed_for_days(&world, 10).await;
    // 263 older hours, 96 a check; that of the day has its turn in the first and again in the third.
    assert_eq!(history_at(&world, late).await, [""; 0]);
    let (table, row, name) = newest(&world).swap_remove(0);
    put_text(&world, table, &row, name, "forged").await;
    assert_eq!(history_at(&world, late + 300).await, [""; 0]);
    assert_eq!(history_at(&world, late + 600).await, [leaf_of(&row)]);
}

/// Seals so many days more, in which nothing happens; when a check can follow.
pub(crate) async fn sealed_for_days(world: &World, days: i64) -> i64 {
    let late = OVER + days * 86_400;
    // 48 hours a run.
    for _ in 0..=days / 2 {
        seal(world, late).await.unwrap();
    }
    late + 300
}

#[tokio::test]
async fn rows_that_are_gone_new_or_swapped_are_named_by_the_next_check() {
    let world = a_sealed_day().await;
    let count = newest(&world).len();
    for n in (0..count).step_by(7) {
        let world = a_sealed_day().await;
        let (table, row, _) = newest(&world).swap_remove(n);
        delete(&world, table, &row).await;
        let found = history(&world).await;
        assert!(found.contains(&leaf_of(&row)), "{} is not among {found:?}", leaf_of(&row));
    }
    let commits: Vec<_> = newest(&world).into_iter().filter(|(table, ..)| *table == RECORDS).collect();
    let (one, other) = (&commits[0].1, &commits[1].1);
    // Two commits change places in time.
    for (row, to) in [(one, other), (other, one)] {
        put_text(&world, RECORDS, row, "owner_sk", to["owner_sk"]["S"].as_str().unwrap()).await;
    }
    let found = history(&world).await;
    assert!(found.contains(&leaf_of(one)) && found.contains(&leaf_of(other)), "{found:?}");
    // A commit that nobody gave.
    let world = a_sealed_day().await;
    let id = domain::CommitId::mint(world.now().plus_seconds(1), &[b"forged"]).to_string();
    let texts = [("owner_pk", "pennco#commits#2026-11-21"), ("owner_sk", id.as_str()), ("body", "{}")];
    set(&world, RECORDS, ("pennco#commit#usr_x#delivery-create#k", "commit"), &texts).await;
    assert_eq!(history(&world).await, ["commit#usr_x#delivery-create#k#commit"]);
}

#[tokio::test]
async fn a_seal_that_was_changed_or_lost_is_named_by_the_next_check_whichever_it_is() {
    let world = a_sealed_day().await;
    let mut rows = beginning_with(&world, RECORDS, "pennco#seals");
    rows.sort_by_key(|row| row["sk"]["S"].as_str().unwrap().to_owned());
    assert_eq!(rows.len(), 25);
    let last = rows.len() - 1;
    for (n, row) in rows.iter().enumerate() {
        corrupt(&world, RECORDS, row, "seal.leaf_count", 1).await;
        let found = history(&world).await;
        // Its own signature and copy when its hour is read again, and in any case the link of the next.
        let named = [format!("seal {n}"), format!("seal {}", n + 1)];
        assert!(!found.is_empty() && found.iter().all(|seal| named.contains(seal)), "{n}: {found:?}");
        assert!(found.contains(&named[usize::from(n != last)]), "{n}: {found:?}");
        corrupt(&world, RECORDS, row, "seal.leaf_count", -1).await;
    }
    assert_eq!(history(&world).await, [""; 0]);
    for n in [0, 7, last] {
        let world = a_sealed_day().await;
        history(&world).await;
        delete(&world, RECORDS, &rows[n]).await;
        let found = history(&world).await;
        let named = if n == last { "seal 24".to_owned() } else { format!("seal {}", n + 1) };
        assert!(found.contains(&named), "{n} gone: {found:?}");
    }
}

#[tokio::test]
async fn a_chain_that_is_not_the_one_in_the_locked_bucket_or_whose_leaves_are_lost_is_named() {
    let world = a_sealed_day().await;
    let key = "pennco/0000000024.json";
    let copy = world.locked.object(key).unwrap();
    world.locked.tamper(key, world.locked.object("pennco/0000000023.json").unwrap());
    assert_eq!(history(&world).await, ["seal 24"]);
    world.locked.lose(key);
    assert_eq!(history(&world).await, ["seal 24"]);
    world.locked.tamper(key, copy);
    let leaves =
        world.locked.keys().into_iter().find(|key| key.starts_with("pennco/0000000024.") && key.ends_with(".leaves"));
    world.locked.lose(&leaves.unwrap());
    let rows = sealed_rows(&world);
    let (table, row, name) = rows.iter().find(|(_, row, _)| place(row).0.contains("#delivery-confirm#")).unwrap();
    put_text(&world, table, row, name, "forged").await;
    assert_eq!(history(&world).await, ["seal 24"], "without the file of leaves the row has no name");
}

#[tokio::test]
async fn hours_that_are_not_sealed_in_time_are_named() {
    let world = World::new().await;
    relay(&world).await;
    seal(&world, OVER).await.unwrap();
    // The next hour can be sealed at 08:15, and is late three hours after that.
    for (seconds, holds) in [(OVER + 3_600 + 3 * 3_600 - 1, true), (OVER + 3_600 + 3 * 3_600, false)] {
        assert_eq!(check(&world, seconds).await.is_ok(), holds, "{seconds}");
    }
    seal(&world, OVER + 4 * 3_600).await.unwrap();
    check(&world, OVER + 4 * 3_600 + 60).await.unwrap();
    let never = World::new().await;
    relay(&never).await;
    for (seconds, holds) in [(0, true), (3 * 3_600 - 1, true), (3 * 3_600, false)] {
        assert_eq!(check(&never, seconds).await.is_ok(), holds, "{seconds}");
    }
}

#[tokio::test]
async fn events_that_stay_in_the_outbox_are_named_after_a_quarter_of_an_hour() {
    let world = World::new().await;
    relay(&world).await;
    let visit = collected(&world, &world.pennco, "BF-1", 5).await;
    check(&world, 899).await.unwrap();
    assert_eq!(proof(&world).await.json["unrelayed"], 3, "planned, assigned, confirmed");
    assert!(check(&world, 900).await.is_err());
    let shown = proof(&world).await;
    let breaches = shown.json["breaches"].as_array().unwrap();
    assert!(breaches.len() == 3 && breaches.iter().all(|breach| breach["invariant"] == "V7"), "{shown:?}");
    let confirmed = format!("commit.{}.delivery-confirm.collect-BF-1", world.pennco.agents[0].subject());
    assert!(subjects(&shown).contains(&confirmed.as_str()), "{visit}: {shown:?}");
    relay(&world).await;
    check(&world, 900).await.unwrap();
}

#[tokio::test]
async fn an_operator_whose_books_cannot_be_checked_keeps_nobody_elses_from_it_and_fails_the_tick() {
    let world = World::new().await;
    crate::settlement_close::spoil(&world, "pennco").await;
    let checked = check(&world, 120).await;
    assert!(matches!(checked, Err(Failed::Fault(_))), "{checked:?}");
    let admin = &world.vishi.admin;
    let proof = call(&world, &PROOF_GET, &admin.asks(&PROOF_GET)).await;
    assert_eq!((proof.status, &proof.json["holds"]), (200, &json!(true)), "{proof:?}");
}

/// Three closed days, each settled.
async fn three_days() -> World {
    let world = World::new().await;
    for day in ["2026-11-19", "2026-11-20", TODAY] {
        assert_eq!(close_day(&world, &world.pennco.settlement, day, day).await.status, 202);
    }
    assert!(build_settlements(&world).await.is_empty());
    relay(&world).await;
    world
}

fn row_of_day(world: &World, day: &str) -> Value {
    beginning_with(world, RECORDS, &format!("pennco#day_close#{day}")).remove(0)
}

#[tokio::test]
async fn a_lender_that_comes_later_is_asked_no_settlement_of_days_before_it_came() {
    let world = three_days().await;
    check(&world, 60).await.unwrap();
    let mut operator = beginning_with(&world, RECORDS, "pennco#operator").remove(0);
    operator["partners"]["L"].as_array_mut().unwrap().push(json!({ "S": "spandana" }));
    world.table.put(RECORDS, &operator);
    check(&world, 120).await.unwrap();
    assert_eq!(proof(&world).await.json["holds"], true, "{:?}", proof(&world).await);
    let rows = beginning_with(&world, RECORDS, "pennco#settlement#");
    assert_eq!(rows.len(), 3 * world.pennco.partners.len());
    for row in rows {
        let text = |name: &str| row[name]["S"].as_str().unwrap().to_owned();
        delete(&world, RECORDS, &row).await;
        assert!(check(&world, 180).await.is_err());
        assert_eq!(subjects(&proof(&world).await), [format!("{} {}", text("business_day"), text("partner_id"))]);
        world.table.put(RECORDS, &row);
    }
}

#[tokio::test]
async fn a_closed_day_whose_row_is_gone_or_spoiled_is_named_whichever_it_is() {
    let world = three_days().await;
    for day in ["2026-11-19", "2026-11-20", TODAY] {
        let row = row_of_day(&world, day);
        delete(&world, RECORDS, &row).await;
        assert!(check(&world, 60).await.is_err());
        assert_eq!(subjects(&proof(&world).await), [day], "gone");
        world.table.put(RECORDS, &row);
        put_text(&world, RECORDS, &row, "status", "shelved").await;
        assert!(check(&world, 60).await.is_err());
        assert_eq!(subjects(&proof(&world).await), [day], "spoiled");
        world.table.put(RECORDS, &row);
    }
    check(&world, 120).await.unwrap();
}

/// Three closed days, the last of which has money in it, and what was settled of them.
async fn three_settled_days() -> (World, Vec<Value>) {
    let world = World::new().await;
    let pennco = &world.pennco;
    for day in ["2026-11-19", "2026-11-20"] {
        crate::day_close_build::close(&world, pennco, day, 0).await;
    }
    crate::day_close_build::a_settled_day(&world).await;
    relay(&world).await;
    let settled = beginning_with(&world, RECORDS, "pennco#settlement#");
    assert_eq!(settled.len(), 6);
    (world, settled)
}

/// Whatever two checks in a row name: they read the files of the newest day, and each those of one of the older two.
async fn named_by_two(world: &World) -> Vec<String> {
    let mut named = std::collections::BTreeSet::new();
    for _ in 0..2 {
        let checked = check(world, 120).await;
        let proof = proof(world).await;
        assert_eq!(checked.is_ok(), proof.json["holds"] == true, "{proof:?}");
        assert_eq!(checked.is_ok(), proof.json["breach_count"] == 0, "{proof:?}");
        let breaches = proof.json["breaches"].as_array().unwrap();
        assert!(breaches.iter().all(|breach| breach["invariant"] == "V9"), "{proof:?}");
        named.extend(subjects(&proof).into_iter().map(str::to_owned));
    }
    named.into_iter().collect()
}

fn file_key(settled: &Value) -> &str {
    settled["file"]["M"]["key"]["S"].as_str().unwrap()
}

#[tokio::test]
async fn settled_days_that_nobody_touched_hold_and_their_files_are_read_in_turn() {
    let (world, _) = three_settled_days().await;
    for next in ["2026-11-20", "2026-11-21", "2026-11-20"] {
        check(&world, 120).await.unwrap();
        let found = proof(&world).await.json["settled"].clone();
        assert_eq!(found, json!({ "days": 3, "settlements": 6, "files": 4, "next": next }));
    }
}

#[tokio::test]
async fn a_total_a_digest_or_a_file_that_was_changed_is_named_and_nothing_else() {
    let (world, settled) = three_settled_days().await;
    let mut cases = 0;
    for row in &settled {
        let id = row["settlement_id"]["S"].as_str().unwrap();
        for total in ["net", "collected", "disbursed", "adjusted"] {
            for by in [1, -1] {
                corrupt(&world, RECORDS, row, &format!("totals.{total}.amount_minor"), by).await;
                assert_eq!(named_by_two(&world).await, [id], "{total}");
                world.table.put(RECORDS, row);
                cases += 1;
            }
        }
        let mut digest = row.clone();
        digest["file"]["M"]["sha256"]["S"] = json!(domain::id::Sha256Hex::of(b"forged").as_str());
        world.table.put(RECORDS, &digest);
        assert_eq!(named_by_two(&world).await, [id], "digest");
        world.table.put(RECORDS, row);
        let file = world.bucket.object(file_key(row)).unwrap();
        world.bucket.tamper(file_key(row), [file.as_slice(), b"x"].concat());
        assert_eq!(named_by_two(&world).await, [id], "file");
        world.bucket.lose(file_key(row));
        assert_eq!(named_by_two(&world).await, [id], "no file");
        world.bucket.tamper(file_key(row), file);
        cases += 3;
    }
    assert_eq!(named_by_two(&world).await, [""; 0]);
    println!("totals, digests and files changed behind everybody's back: {cases} of {cases} named");
}

#[tokio::test]
async fn a_settlement_whose_transfer_is_gone_or_another_is_named_and_nothing_else() {
    let (world, settled) = three_settled_days().await;
    let booked: Vec<&Value> = settled.iter().filter(|row| row["transfer_id"]["S"].is_string()).collect();
    let [row] = booked.as_slice() else { panic!("one day has money in it, with one lender: {booked:?}") };
    let (id, transfer_id) = (row["settlement_id"]["S"].as_str().unwrap(), row["transfer_id"]["S"].as_str().unwrap());
    let transfer = beginning_with(&world, LEDGER, &format!("pennco#transfer#{transfer_id}")).remove(0);
    delete(&world, LEDGER, &transfer).await;
    assert_eq!(named_by_two(&world).await, [id], "gone");
    world.table.put(LEDGER, &transfer);
    put_text(&world, LEDGER, &transfer, "reference", "another").await;
    assert_eq!(named_by_two(&world).await, [id], "of another settlement");
    world.table.put(LEDGER, &transfer);
    let mut without = (*row).clone();
    without["transfer_id"] = json!({ "NULL": true });
    world.table.put(RECORDS, &without);
    assert_eq!(named_by_two(&world).await, [id], "not booked");
    world.table.put(RECORDS, row);
    assert_eq!(named_by_two(&world).await, [""; 0]);
}
