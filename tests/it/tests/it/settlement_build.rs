//! `settlement-build`: folds the day's entries into a partner's file and books what is owed.

use domain::access::{DELIVERY_CONFIRM, SETTLEMENT_CREATE};
use serde_json::json;
use testkit::{FLOAT_MINOR, NOW_MILLIS, Office, World};

use crate::{
    books,
    door::call,
    settlement_get,
    steps::{
        TODAY, assigned, build_settlements, collected, command, confirmed, handed_over, inr, relay, report, waiting,
        work_off,
    },
};

/// Closes today so many milliseconds from now; the settlement with the first partner.
async fn close(world: &World, office: &Office, millis: i64) -> String {
    let request = command(&office.settlement, &SETTLEMENT_CREATE, "close", &json!({ "business_day": TODAY }));
    let closed = call(world, &SETTLEMENT_CREATE, &request.at(NOW_MILLIS + millis)).await;
    assert_eq!(closed.status, 202, "{closed:?}");
    closed.text("/items/0/settlement_id").to_owned()
}

#[tokio::test]
async fn the_file_lists_every_entry_of_the_day_and_its_last_line_adds_them_up() {
    let world = World::new().await;
    let pennco = &world.pennco;
    collected(&world, pennco, "BF-1", 150_000).await;
    collected(&world, pennco, "BF-2", 50_000).await;
    handed_over(&world, pennco, "BF-D-1", 70_000).await;
    let id = close(&world, pennco, 60_000).await;
    assert!(build_settlements(&world).await.is_empty());
    let settled = settlement_get::get(&world, &pennco.settlement, &id).await;
    let totals = json!({ "count": 3, "collected": inr(200_000), "disbursed": inr(70_000), "adjusted": inr(0),
                         "net": inr(130_000) });
    assert_eq!(settled.json["totals"], totals);
    let file = String::from_utf8(world.bucket.follow(settled.text("/file/url")).unwrap()).unwrap();
    let lines: Vec<_> = file.lines().collect();
    assert_eq!(lines.len(), 5, "{file}");
    assert_eq!(lines[0], "line,at,transfer_id,kind,delivery_id,reference,amount_minor,currency,reverses");
    assert!(lines[1].starts_with("1,2026-11-21T06:30:00.000Z,trf_"), "{file}");
    assert_eq!(lines[4], "TOTAL,3,200000,70000,130000,INR,0,,");
    for reference in ["BF-1", "BF-2", "BF-D-1"] {
        assert_eq!(file.matches(&format!(",{reference},")).count(), 1, "{file}");
    }
    books::balance(&world, pennco).await;
    assert_eq!(books::account(&world, pennco, "partner_control.bfil").await.0, 0, "nothing is left open");
    assert_eq!(books::account(&world, pennco, "partner_settlement.bfil").await.0, -130_000, "what is owed");
}

#[tokio::test]
async fn a_day_on_which_more_went_out_than_came_in_is_owed_by_the_partner() {
    let world = World::new().await;
    handed_over(&world, &world.pennco, "BF-D-1", 70_000).await;
    let id = close(&world, &world.pennco, 60_000).await;
    build_settlements(&world).await;
    let settled = settlement_get::get(&world, &world.pennco.settlement, &id).await;
    assert_eq!(settled.json["totals"]["net"], inr(-70_000));
    assert_eq!(books::account(&world, &world.pennco, "partner_settlement.bfil").await.0, 70_000);
    books::balance(&world, &world.pennco).await;
}

#[tokio::test]
async fn building_again_gives_the_same_bytes_and_books_nothing() {
    let world = World::new().await;
    let pennco = &world.pennco;
    collected(&world, pennco, "BF-1", 150_000).await;
    let id = close(&world, pennco, 60_000).await;
    build_settlements(&world).await;
    let first = settlement_get::get(&world, &pennco.settlement, &id).await;
    let key = world.bucket.keys().remove(0);
    let bytes = world.bucket.object(&key).unwrap();
    let entries = crate::books::entries(&world).len();
    let late = assigned(&world, pennco, "BF-LATE", 5).await;
    let late = report(&pennco.agents[0], &late, "late", &confirmed(5)).at(NOW_MILLIS + 60_000);
    assert_eq!(call(&world, &DELIVERY_CONFIRM, &late).await.status, 200);
    // Redelivered under the same and under another message id, and relayed anew.
    let writer = world.settlement_writer();
    for id in ["m-0", "another"] {
        let message = world.queues.sent_to("settlement.fifo")[0].received(id);
        let failed =
            work_off("settlement.fifo", &[message], async |m| settlement_build::handle(&writer, m).await).await;
        assert!(failed.is_empty());
    }
    assert_eq!(world.bucket.object(&key).unwrap(), bytes);
    let again = settlement_get::get(&world, &pennco.settlement, &id).await;
    assert_eq!(
        (&again.json["transfer_id"], &again.json["version"]),
        (&first.json["transfer_id"], &first.json["version"])
    );
    assert_eq!(crate::books::entries(&world).len(), entries + 2, "only the late visit was booked");
}

#[tokio::test]
async fn an_entry_of_the_cuts_own_moment_belongs_to_the_next_day_and_is_in_one_file_only() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let mut visits = Vec::new();
    for n in 0..3 {
        visits.push(assigned(&world, pennco, &format!("BF-{n}"), 1_000).await);
    }
    // A millisecond before the cut, at the cut, and a millisecond behind it.
    for (n, id) in visits.iter().enumerate() {
        let at = NOW_MILLIS + 59_999 + i64::try_from(n).unwrap();
        let report = report(&pennco.agents[0], id, &format!("k{n}"), &confirmed(1_000)).at(at);
        assert_eq!(call(&world, &DELIVERY_CONFIRM, &report).await.status, 200);
    }
    close(&world, pennco, 60_000).await;
    let mut desk = pennco.settlement.clone();
    let tomorrow = NOW_MILLIS + 86_400_000;
    let at = domain::Timestamp::from_millis(tomorrow);
    desk.token = world.signer.access(&desk.caller, "tomorrow", at).unwrap();
    let next = command(&desk, &SETTLEMENT_CREATE, "tomorrow", &json!({ "business_day": "2026-11-22" })).at(tomorrow);
    assert_eq!(call(&world, &SETTLEMENT_CREATE, &next).await.status, 202);
    assert!(build_settlements(&world).await.is_empty());
    let file = |day: &str| {
        let key = format!("settlements/pennco/bfil/{day}.csv");
        String::from_utf8(world.bucket.object(&key).unwrap()).unwrap()
    };
    let (today, tomorrow) = (file(TODAY), file("2026-11-22"));
    for (n, in_today) in [(0, true), (1, false), (2, false)] {
        let reference = format!(",BF-{n},");
        assert_eq!((today.contains(&reference), tomorrow.contains(&reference)), (in_today, !in_today));
    }
    assert!(!tomorrow.contains("settlement,"), "what settled the day before is no part of this one");
    assert_eq!(books::balance(&world, pennco).await, FLOAT_MINOR + 3_000);
    assert_eq!(books::account(&world, pennco, "partner_control.bfil").await.0, 0);
}

#[tokio::test]
async fn a_bucket_that_does_not_answer_leaves_the_settlement_building_until_the_message_comes_again() {
    let world = World::new().await;
    let pennco = &world.pennco;
    collected(&world, pennco, "BF-1", 150_000).await;
    let id = close(&world, pennco, 60_000).await;
    relay(&world).await;
    let writer = world.settlement_writer();
    let messages = waiting(&world, "settlement.fifo");
    world.bucket.fail(3);
    let failed =
        work_off("settlement.fifo", &messages[..1], async |m| settlement_build::handle(&writer, m).await).await;
    assert_eq!(failed, ["m-0"]);
    assert_eq!(settlement_get::get(&world, &pennco.settlement, &id).await.text("/status"), "building");
    world.bucket.fail(0);
    let failed = work_off("settlement.fifo", &messages, async |m| settlement_build::handle(&writer, m).await).await;
    assert!(failed.is_empty());
    assert_eq!(settlement_get::get(&world, &pennco.settlement, &id).await.text("/status"), "settled");
}

#[tokio::test]
async fn an_entry_that_appears_behind_the_cut_is_a_fault_and_the_file_stays_as_it_was_settled() {
    let world = World::new().await;
    let pennco = &world.pennco;
    collected(&world, pennco, "BF-1", 150_000).await;
    let id = close(&world, pennco, 60_000).await;
    build_settlements(&world).await;
    // A report that reached the gateway before the cut, and the table only now.
    collected(&world, pennco, "BF-LATE", 5).await;
    let writer = world.settlement_writer();
    let message = world.queues.sent_to("settlement.fifo")[0].received("m-late");
    let failed = work_off("settlement.fifo", &[message], async |m| settlement_build::handle(&writer, m).await).await;
    assert_eq!(failed, ["m-late"], "it ends as a dead letter that somebody looks at");
    let settled = settlement_get::get(&world, &pennco.settlement, &id).await;
    let file = world.bucket.follow(settled.text("/file/url")).unwrap();
    assert_eq!(domain::id::Sha256Hex::of(&file).as_str(), settled.text("/file/sha256"));
}
