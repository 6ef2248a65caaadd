//! `ledger-watch`: what is changed or removed although nothing ever does is kept as it was, and named by the next check.

use edge::stream::follow_batch;
use serde_json::{Value, json};
use testkit::{LEDGER, RECORDS, StreamRecord, World, dynamo_json, stream_event};

use crate::{
    door::call,
    invariant_check::{
        a_sealed_day, delete, history, history_at, leaf_of, newest, place, proof, sealed_for_days, sealed_rows,
    },
    ledger_seal::OVER,
    steps::{collected, relay, stream_of_commits},
};

/// Follows a table's changes, in order.
async fn watch(world: &World, table: &str, changes: &[StreamRecord]) {
    let (alterations, parking) = (world.alterations(), world.parking());
    let batch = stream_event(table, changes);
    follow_batch(ledger_watch::NAME, batch, &ledger_watch::handle, &alterations, &parking).await.unwrap();
}

/// Sets a text of a row behind everybody's back; the row after that.
fn set(world: &World, table: &str, row: &Value, name: &str, to: &str) -> Value {
    let mut after = row.clone();
    after[name] = json!({ "S": to });
    world.table.put(table, &after);
    after
}

/// What is kept of altered rows.
fn kept(world: &World) -> Vec<Value> {
    let mut rows = world.table.items(RECORDS);
    rows.retain(|row| row["pk"]["S"] == "pennco#alterations");
    rows
}

/// The breaches of history that the latest check named: subject, expected, found.
async fn named(world: &World) -> Vec<[String; 3]> {
    let proof = proof(world).await;
    let breaches = proof.json["breaches"].as_array().unwrap().iter().filter(|breach| breach["invariant"] == "V13");
    let text = |breach: &Value, name: &str| breach[name].as_str().unwrap().to_owned();
    breaches.map(|breach| ["subject", "expected", "found"].map(|name| text(breach, name))).collect()
}

#[tokio::test]
async fn a_row_that_was_changed_or_removed_is_named_by_the_next_check_however_old_it_is() {
    let world = a_sealed_day().await;
    // 311 older hours, 96 a check: that of the day has its turn in the first check, and not again before the fourth.
    let late = sealed_for_days(&world, 12).await;
    assert_eq!(history_at(&world, late).await, [""; 0]);
    let history = proof(&world).await.json["history"].clone();
    assert_eq!((&history["seals"], &history["next"]), (&json!(313), &json!(96)), "the day is seal 24: {history}");
    let rows = newest(&world);
    let of = |table: &str, is_it: &dyn Fn(&Value) -> bool| -> Vec<Value> {
        rows.iter().filter(|(of, row, _)| *of == table && is_it(row)).map(|(_, row, _)| row.clone()).collect()
    };
    let commits = of(RECORDS, &|row| place(row).0.contains("#delivery-confirm#"));
    let transfers = of(LEDGER, &|row| place(row).1 == "transfer");
    let entries = of(LEDGER, &|row| place(row).1 != "transfer" && row.get("delivery_id").is_some());
    let changed = [
        (LEDGER, &entries[0], "delivery_id"),
        (LEDGER, &transfers[0], "by"),
        (LEDGER, &transfers[1], "reason"),
        (RECORDS, &commits[0], "body"),
        (RECORDS, &commits[1], "owner_sk"),
    ];
    let removed = [(LEDGER, &entries[1]), (LEDGER, &transfers[2]), (RECORDS, &commits[2])];
    let mut changes = vec![];
    for (table, row, name) in changed {
        changes.push((table, row, StreamRecord::modify(row, &set(&world, table, row, name, "forged"))));
    }
    for (table, row) in removed {
        delete(&world, table, row).await;
        changes.push((table, row, StreamRecord::remove(row)));
    }
    assert_eq!(history_at(&world, late + 300).await, [""; 0], "the hour has not its turn");
    for (table, _, change) in &changes {
        watch(&world, table, std::slice::from_ref(change)).await;
    }
    history_at(&world, late + 600).await;
    let mut wanted: Vec<[String; 3]> = changes
        .iter()
        .map(|(_, row, _)| {
            let gone = removed.iter().any(|(_, one)| place(one) == place(row));
            let found = if gone { "not there any more" } else { "changed" };
            [leaf_of(row), "as it was written".to_owned(), format!("{found}, since 2026-11-21T06:30:00.000Z")]
        })
        .collect();
    let mut found = named(&world).await;
    wanted.sort();
    found.sort();
    assert_eq!(found, wanted);
    let others = call(&world, &domain::access::PROOF_GET, &world.vishi.admin.asks(&domain::access::PROOF_GET)).await;
    assert_eq!(others.json["holds"], true, "{others:?}");
    println!(
        "rows of an hour that has not its turn, changed or removed: {0} of {0} named by the next check",
        found.len()
    );

    for (table, row, _) in &changes {
        world.table.put(table, row);
    }
    assert_eq!(history_at(&world, late + 900).await, [""; 0], "each is again as it was written");
    assert_eq!(proof(&world).await.json["holds"], true);
}

#[tokio::test]
async fn every_row_of_a_day_is_watched_from_when_it_is_written() {
    let world = World::new().await;
    collected(&world, &world.pennco, "BF-1", 5).await;
    relay(&world).await;
    let rows = sealed_rows(&world);
    for (table, row, name) in &rows {
        let after = set(&world, table, row, name, "forged");
        watch(&world, table, &[StreamRecord::modify(row, &after)]).await;
        assert_eq!(history_at(&world, 120).await, [leaf_of(row)], "its hour is not sealed yet");
        world.table.put(table, row);
        watch(&world, table, &[StreamRecord::modify(&after, row)]).await;
        assert_eq!(history_at(&world, 120).await, [""; 0]);
    }
    println!("rows changed before their hour was sealed: {0} of {0} named by the next check", rows.len());
}

#[tokio::test]
async fn a_row_that_its_hours_seal_names_is_named_once() {
    let world = a_sealed_day().await;
    let (table, row, name) = newest(&world).swap_remove(0);
    let after = set(&world, table, &row, name, "forged");
    watch(&world, table, &[StreamRecord::modify(&row, &after)]).await;
    assert_eq!(history(&world).await, [leaf_of(&row)]);
    assert!(named(&world).await[0][1].starts_with("as leaf "), "{:?}", named(&world).await);
}

#[tokio::test]
async fn a_commit_that_leaves_the_outbox_or_expires_was_not_altered() {
    let world = World::new().await;
    collected(&world, &world.pennco, "BF-1", 5).await;
    let commits = |world: &World| {
        let batch = stream_of_commits(world);
        let records = batch["Records"].as_array().unwrap().iter();
        records.map(|record| record["dynamodb"]["NewImage"].clone()).collect::<Vec<Value>>()
    };
    let before = commits(&world);
    relay(&world).await;
    let after = commits(&world);
    assert_ne!(before, after, "the relay took them out of the outbox");
    let left: Vec<_> = before.iter().zip(&after).map(|(before, after)| StreamRecord::modify(before, after)).collect();
    watch(&world, RECORDS, &left).await;
    let gone: Vec<_> = after.iter().map(StreamRecord::expire).collect();
    watch(&world, RECORDS, &gone).await;
    assert!(kept(&world).is_empty() && world.queues.sent_to("poison").is_empty(), "{:?}", kept(&world));
    assert!(left.len() > 3, "{}", left.len());
    watch(&world, RECORDS, &[StreamRecord::remove(&after[0])]).await;
    assert_eq!(kept(&world).len(), 1, "somebody else's removal is none of DynamoDB's");
}

#[tokio::test]
async fn of_several_alterations_of_a_row_the_first_counts_whenever_it_is_kept_and_how_often() {
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [2, 0, 1]] {
        let world = a_sealed_day().await;
        let row = newest(&world).into_iter().find(|(table, ..)| *table == RECORDS).unwrap().1;
        let [second, third] = ["second", "third"].map(|text| set(&world, RECORDS, &row, "body", text));
        let changes = [
            StreamRecord::modify(&row, &second).in_sequence(7),
            StreamRecord::modify(&second, &third).in_sequence(8),
            StreamRecord::remove(&third).in_sequence(10),
        ];
        for at in order {
            watch(&world, RECORDS, std::slice::from_ref(&changes[at])).await;
        }
        let once = kept(&world);
        for change in &changes {
            watch(&world, RECORDS, std::slice::from_ref(change)).await;
        }
        assert_eq!((kept(&world), once.len()), (once, 1), "a repeat changes nothing: {order:?}");
        for (put, wanted) in [(&second, vec![leaf_of(&row)]), (&third, vec![leaf_of(&row)]), (&row, vec![])] {
            world.table.put(RECORDS, put);
            assert_eq!(history_at(&world, OVER + 300).await, wanted, "{order:?}");
        }
    }
}

#[tokio::test]
async fn a_change_that_cannot_be_looked_at_is_parked_and_keeps_no_other_from_it() {
    let world = a_sealed_day().await;
    let (table, row, name) = newest(&world).swap_remove(0);
    let after = set(&world, table, &row, name, "forged");
    let nobodys = dynamo_json(&json!({ "pk": "NOBODY", "sk": "commit", "body": "{}" }));
    let mut batch = stream_event(table, &[StreamRecord::insert(&row), StreamRecord::remove(&nobodys)]);
    let good = stream_event(table, &[StreamRecord::modify(&row, &after)])["Records"][0].clone();
    let no_shape = json!({ "eventID": "bad", "dynamodb": 7 });
    let records = batch["Records"].as_array_mut().unwrap();
    records.push(no_shape);
    for (place, spoilt) in [("SequenceNumber", json!("x")), ("ApproximateCreationDateTime", json!(null))] {
        let mut record = good.clone();
        record["dynamodb"][place] = spoilt;
        records.push(record);
    }
    let poison = records.clone();
    records.push(good);
    let (alterations, parking) = (world.alterations(), world.parking());
    follow_batch(ledger_watch::NAME, batch, &ledger_watch::handle, &alterations, &parking).await.unwrap();
    let parked: Vec<_> = world.queues.sent_to("poison").iter().map(testkit::SentMessage::json).collect();
    assert_eq!(parked, poison, "exactly the poison, as it came");
    assert_eq!(kept(&world).len(), 1);
    assert_eq!(history(&world).await, [leaf_of(&row)]);
}

#[tokio::test]
async fn a_row_in_which_it_is_kept_that_a_row_was_altered_is_named_when_it_is_spoilt() {
    let world = a_sealed_day().await;
    let (table, row, name) = newest(&world).swap_remove(0);
    let after = set(&world, table, &row, name, "forged");
    watch(&world, table, &[StreamRecord::modify(&row, &after)]).await;
    world.table.put(table, &row);
    let memory = kept(&world).remove(0);
    let others = memory["altered"]["S"].as_str().unwrap().replace("pennco#", "vishi#");
    for spoilt in ["junk", &others] {
        set(&world, RECORDS, &memory, "altered", spoilt);
        assert_eq!(history(&world).await, [leaf_of(&row)], "{spoilt}");
        assert_eq!(named(&world).await[0][1], "an alteration", "{spoilt}");
    }
}

#[tokio::test]
async fn whatever_type_an_attribute_is_changed_to_the_row_is_named_and_keeps_no_other_from_being_read() {
    let world = a_sealed_day().await;
    let types = [
        json!({ "N": "7" }),
        json!({ "B": "AAEC" }),
        json!({ "BOOL": true }),
        json!({ "NULL": true }),
        json!({ "L": [{ "B": "AAEC" }] }),
        json!({ "M": { "a": { "N": "-1.5" } } }),
        json!({ "SS": ["a", "b"] }),
        json!({ "NS": ["1", "2.5"] }),
        json!({ "BS": ["AAEC"] }),
    ];
    let commits = newest(&world).into_iter().filter(|(table, ..)| *table == RECORDS);
    let mut wanted = vec![];
    for (to, (table, row, name)) in types.into_iter().zip(commits) {
        let mut after = row.clone();
        after[name] = to;
        world.table.put(table, &after);
        watch(&world, table, &[StreamRecord::modify(&row, &after)]).await;
        wanted.push(leaf_of(&row));
        assert_eq!(history(&world).await.len(), wanted.len(), "{after}");
    }
    let mut found = history(&world).await;
    found.sort();
    wanted.sort();
    assert_eq!((found, kept(&world).len()), (wanted, 9));
    assert!(world.queues.sent_to("poison").is_empty());
}
