//! `settlement-build`: folds the day's entries into a partner's file and books what is owed.

use std::sync::Arc;

use aws_sdk_dynamodb::{operation::update_item::builders::UpdateItemFluentBuilder, types::AttributeValue};
use domain::{
    Failed, Timestamp, TransferId,
    access::{DELIVERY_CONFIRM, SETTLEMENT_CREATE},
};
use serde_json::json;
use testkit::{FLOAT_MINOR, NOW_MILLIS, Office, QueueMessage, RECORDS, World};
use tokio::task::JoinSet;

use crate::{
    books, day_close_build,
    door::call,
    invariant_check::put_text,
    logins::happened,
    settlement_get, settlement_list,
    steps::{
        TODAY, assigned, build_settlements, collected, command, confirmed, handed_over, inr, move_money, relay, report,
        report_days, transfer, waiting, work_off,
    },
};

/// Closes today so many milliseconds from now; the settlement with the first partner.
async fn close(world: &World, office: &Office, millis: i64) -> String {
    let request = command(&office.settlement, &SETTLEMENT_CREATE, "close", &json!({ "business_day": TODAY }));
    let closed = call(world, &SETTLEMENT_CREATE, &request.at(NOW_MILLIS + millis)).await;
    assert_eq!(closed.status, 202, "{closed:?}");
    closed.text("/items/0/settlement_id").to_owned()
}

/// A closed day with two collections and a hand-over of the first partner; its settlement.
async fn a_day_of_three(world: &World) -> String {
    let pennco = &world.pennco;
    collected(world, pennco, "BF-1", 150_000).await;
    collected(world, pennco, "BF-2", 50_000).await;
    handed_over(world, pennco, "BF-D-1", 70_000).await;
    close(world, pennco, 60_000).await
}

#[tokio::test]
async fn the_file_lists_every_entry_of_the_day_and_its_last_line_adds_them_up() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let id = a_day_of_three(&world).await;
    assert!(build_settlements(&world).await.is_empty());
    let settled = settlement_get::get(&world, &pennco.settlement, &id).await;
    let totals = json!({ "count": 3, "collected": inr(200_000), "disbursed": inr(70_000), "adjusted": inr(0),
                         "net": inr(130_000), "late": { "count": 0, "net": inr(0) } });
    assert_eq!(settled.json["totals"], totals);
    assert_eq!(settled.json["format"], json!({ "name": "milepost", "version": 2 }));
    let file = String::from_utf8(world.bucket.follow(settled.text("/file/url")).unwrap()).unwrap();
    let lines: Vec<_> = file.lines().collect();
    assert_eq!(lines.len(), 5, "{file}");
    assert_eq!(lines[0], "line,at,transfer_id,kind,delivery_id,reference,amount_minor,currency,reverses,late_for");
    assert!(lines[1].starts_with("1,2026-11-21T06:30:00.000Z,trf_"), "{file}");
    assert_eq!(lines[4], "TOTAL,3,200000,70000,130000,INR,0,0,0,");
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
async fn the_id_of_what_a_settlement_books_is_known_before_and_can_be_taken_by_nobody() {
    let world = World::new().await;
    let pennco = &world.pennco;
    collected(&world, pennco, "BF-1", 150_000).await;
    let id = close(&world, pennco, 60_000).await;
    let waits = settlement_get::get(&world, &pennco.settlement, &id).await;
    let cut_at: Timestamp = waits.text("/cut_at").parse().unwrap();
    let seed = ["pennco", "settlement-build", "settlement-build", &id].map(str::as_bytes);
    let known = TransferId::mint(cut_at, &seed).to_string();
    let mut body = transfer("adjustment", "vault.pennco", "suspense.pennco", 1);
    body["transfer_id"] = json!(known);
    let taken = move_money(&world, &pennco.admin, "m1", &body).await;
    assert!(build_settlements(&world).await.is_empty(), "nothing is in its way");
    let settled = settlement_get::get(&world, &pennco.settlement, &id).await;
    assert_eq!((settled.text("/status"), settled.text("/transfer_id")), ("settled", known.as_str()), "{settled:?}");
    assert_eq!((taken.said(), taken.flaws()), ((422, "invalid"), vec![("/transfer_id", "invalid_value")]));
    assert_eq!(books::account(&world, pennco, "partner_settlement.bfil").await.0, -150_000);
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

/// Builds a settlement in so many processes at once: what each of them says.
async fn built_at_once(world: &Arc<World>, ids: &[&str]) -> Vec<Result<(), Failed>> {
    let mut running = JoinSet::new();
    for id in ids {
        let message = world.queues.sent_to("settlement.fifo")[0].received(id);
        let batch = QueueMessage::batch("settlement.fifo", &[message]);
        let (world, message) = (Arc::clone(world), edge::queue::read(&batch.records[0]).unwrap());
        running.spawn(async move { settlement_build::handle(&world.settlement_writer(), message).await });
    }
    running.join_all().await
}

#[tokio::test(start_paused = true)]
async fn one_settlement_that_is_built_twice_at_once_is_booked_once_with_one_file() {
    let alone = World::new().await;
    a_day_of_three(&alone).await;
    assert!(build_settlements(&alone).await.is_empty());
    let wanted = file_of(&alone, TODAY);
    // A queue may deliver one message twice, or two messages may ask for the same.
    for ids in [["m-0", "m-0"], ["m-0", "m-1"]] {
        let world = Arc::new(World::new().await);
        let pennco = &world.pennco;
        let id = a_day_of_three(&world).await;
        relay(&world).await;
        let said = built_at_once(&world, &ids).await;
        assert!(said.iter().any(Result::is_ok), "{said:?}");
        for failed in said.into_iter().filter_map(Result::err) {
            assert!(matches!(failed, Failed::InProgress | Failed::Moved), "it comes again: {failed:?}");
        }
        let settled = settlement_get::get(&world, &pennco.settlement, &id).await;
        assert_eq!((settled.text("/status"), &settled.json["version"]), ("settled", &json!(2)), "{settled:?}");
        let booked = books::entries(&world).into_iter().filter(|entry| entry["kind"]["S"] == "settlement");
        let transfers: Vec<_> = booked.map(|entry| entry["transfer_id"]["S"].clone()).collect();
        assert_eq!(transfers, [json!(settled.text("/transfer_id")), json!(settled.text("/transfer_id"))], "one, whole");
        assert_eq!(books::account(&world, pennco, "partner_settlement.bfil").await, (-130_000, -130_000));
        assert_eq!(happened(&world, "settlement.settled"), [id.as_str()]);
        assert_eq!(happened(&world, "payout.instructed").len(), 1);
        assert_eq!(world.bucket.keys(), [format!("settlements/pennco/bfil/{TODAY}.csv")]);
        let file = file_of(&world, TODAY);
        assert_eq!(file, wanted, "the bytes of one that builds alone");
        assert_eq!(settled.text("/file/sha256"), domain::id::Sha256Hex::of(file.as_bytes()).as_str());
        let again = built_at_once(&world, &ids).await;
        assert!(again.iter().all(Result::is_ok), "{again:?}");
        assert_eq!((file_of(&world, TODAY), world.bucket.keys().len()), (file, 1), "the same bytes again");
        books::balance(&world, pennco).await;
    }
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

/// A visit whose cash the agent took so many milliseconds from now, and reported so many.
async fn reported(world: &World, reference: &str, amount_minor: i64, happened: i64, posted: i64) {
    let (pennco, id) = (&world.pennco, assigned(world, &world.pennco, reference, amount_minor).await);
    let mut body = confirmed(amount_minor);
    body["occurred_at"] = json!(Timestamp::from_millis(NOW_MILLIS + happened));
    let report = report(&pennco.agents[0], &id, reference, &body).at(NOW_MILLIS + posted);
    assert_eq!(call(world, &DELIVERY_CONFIRM, &report).await.status, 200);
}

/// An update of an item behind everybody's back.
fn update(world: &World, item: &serde_json::Value) -> UpdateItemFluentBuilder {
    let key = |name: &str| AttributeValue::S(item[name]["S"].as_str().unwrap().to_owned());
    world.table.client().update_item().table_name(RECORDS).key("pk", key("pk")).key("sk", key("sk"))
}

fn file_of(world: &World, day: &str) -> String {
    String::from_utf8(world.bucket.object(&format!("settlements/pennco/bfil/{day}.csv")).unwrap()).unwrap()
}

/// Two closed days: on the second a visit is reported that happened on the first, and one of its own.
async fn a_day_with_a_late_visit(world: &World) {
    reported(world, "BF-1", 150_000, -1_000, 0).await;
    close(world, &world.pennco, 60_000).await;
    settled_and_reported(world).await;
    reported(world, "BF-LATE", 20_000, 59_999, 120_000).await;
    reported(world, "BF-2", 3_000, 60_000, 121_000).await;
    day_close_build::close(world, &world.pennco, "2026-11-22", 86_400_000).await;
    settled_and_reported(world).await;
}

async fn settled_and_reported(world: &World) {
    assert!(build_settlements(world).await.is_empty());
    assert!(report_days(world).await.is_empty());
}

/// Makes every settlement one from before there were formats.
async fn forget_formats(world: &World) {
    let settlements = world.table.items(RECORDS).into_iter().filter(|item| item.get("settlement_id").is_some());
    for item in settlements.filter(|item| item.get("format").is_some()) {
        let without = update(world, &item).update_expression("REMOVE #format");
        without.expression_attribute_names("#format", "format").send().await.unwrap();
    }
}

#[tokio::test]
async fn what_happened_before_an_earlier_cut_settles_on_the_next_date_and_names_the_day_that_it_belongs_to() {
    let world = World::new().await;
    let pennco = &world.pennco;
    a_day_with_a_late_visit(&world).await;
    let file = file_of(&world, "2026-11-22");
    let lines: Vec<&str> = file.lines().collect();
    let line = |reference: &str| *lines.iter().find(|line| line.contains(reference)).unwrap();
    assert!(line(",BF-LATE,").ends_with(",INR,,2026-11-21"), "{file}");
    assert!(line(",BF-2,").ends_with(",INR,,"), "the cut's own moment is the next day's: {file}");
    assert_eq!(lines[3], "TOTAL,2,23000,0,23000,INR,0,1,20000,");
    assert!(!file_of(&world, TODAY).contains("BF-LATE"), "a closed day stays as it was settled");

    let listed = settlement_list::list(&world, &pennco.settlement, &[]).await;
    let of_day = |day: &str| {
        let is_it = |one: &&serde_json::Value| one["business_day"] == day && one["partner_id"] == "bfil";
        listed.items().iter().find(is_it).unwrap()["totals"]["late"].clone()
    };
    assert_eq!(of_day("2026-11-22"), json!({ "count": 1, "net": inr(20_000) }));
    assert_eq!(of_day(TODAY), json!({ "count": 0, "net": inr(0) }));
    let report = day_close_build::seen(&world, &pennco.settlement, "2026-11-22").await;
    let partner = &report.json["partners"][0];
    assert_eq!((&partner["partner_id"], &partner["late"]), (&json!("bfil"), &of_day("2026-11-22")));
    assert_eq!(report.json["holds"], json!(true));
    let controls = report.json["controls"].as_array().unwrap();
    let late: Vec<_> = controls.iter().filter(|control| control["name"] == "settlement.bfil.late_net").collect();
    assert_eq!(late, [&json!({ "name": "settlement.bfil.late_net", "left": 20_000, "right": 20_000, "holds": true })]);
}

#[tokio::test]
async fn a_file_with_late_visits_is_rebuilt_to_the_same_bytes_after_the_operators_calendar_and_zone_have_changed() {
    let world = World::new().await;
    a_day_with_a_late_visit(&world).await;
    let before = [file_of(&world, TODAY), file_of(&world, "2026-11-22")];
    let kept = world.table.items(RECORDS);
    let is_it = |item: &&serde_json::Value| item["operator"]["S"] == "pennco" && item.get("zone").is_some();
    let operator = kept.iter().find(is_it).unwrap();
    put_text(&world, RECORDS, operator, "zone", "Pacific/Auckland").await;
    let earlier = update(&world, operator).update_expression("SET business_calendar.cut_off = :to");
    let earlier = earlier.expression_attribute_values(":to", AttributeValue::S("03:00:00".to_owned()));
    earlier.send().await.unwrap();
    assert!(build_settlements(&world).await.is_empty(), "each is measured against what was booked");
    assert_eq!([file_of(&world, TODAY), file_of(&world, "2026-11-22")], before);
    assert!(report_days(&world).await.is_empty(), "and so are the days' reports");
}

#[tokio::test]
async fn a_day_that_was_closed_before_files_told_late_visits_keeps_the_layout_of_then() {
    let world = World::new().await;
    let pennco = &world.pennco;
    reported(&world, "BF-1", 150_000, -1_000, 0).await;
    close(&world, pennco, 60_000).await;
    forget_formats(&world).await;
    settled_and_reported(&world).await;
    reported(&world, "BF-LATE", 20_000, 0, 120_000).await;
    day_close_build::close(&world, pennco, "2026-11-22", 86_400_000).await;
    forget_formats(&world).await;
    settled_and_reported(&world).await;
    let file = file_of(&world, "2026-11-22");
    let (header, last) = (file.lines().next().unwrap(), file.lines().last().unwrap());
    assert_eq!(header, "line,at,transfer_id,kind,delivery_id,reference,amount_minor,currency,reverses");
    assert_eq!(last, "TOTAL,1,20000,0,20000,INR,0,,");
    settled_and_reported(&world).await;
    assert_eq!(file_of(&world, "2026-11-22"), file);
    let report = day_close_build::seen(&world, &pennco.settlement, "2026-11-22").await;
    assert_eq!(report.json["partners"][0].get("late"), None, "reports of before have no such part");
}

/// Says how the first partner's next files are laid out.
async fn give_format(world: &World, name: &str) {
    let kept = world.table.items(RECORDS);
    let is_it = |item: &&serde_json::Value| item["operator"]["S"] == "pennco" && item.get("zone").is_some();
    let operator = kept.iter().find(is_it).unwrap();
    let given = update(world, operator).update_expression("SET settlement_formats.bfil = :to");
    given.expression_attribute_values(":to", AttributeValue::S(name.to_owned())).send().await.unwrap();
}

#[tokio::test]
async fn a_partner_gets_its_own_format_from_the_next_day_on_and_each_file_is_rebuilt_in_the_format_it_was_built_in() {
    let world = World::new().await;
    let pennco = &world.pennco;
    reported(&world, "BF-1", 150_050, -1_000, 0).await;
    give_format(&world, "pipe").await;
    let id = close(&world, pennco, 60_000).await;
    give_format(&world, "fixed").await;
    settled_and_reported(&world).await;
    let settled = settlement_get::get(&world, &pennco.partners[0], &id).await;
    assert_eq!(settled.json["format"], json!({ "name": "pipe", "version": 1 }));
    assert_eq!(settled.text("/file/key"), "settlements/pennco/bfil/bfil-20261121.txt");
    let bytes = world.bucket.follow(settled.text("/file/url")).unwrap();
    let file = String::from_utf8(bytes.clone()).unwrap();
    let records: Vec<&str> = file.split_terminator("\r\n").collect();
    assert_eq!(records[0], format!("H|pennco|bfil|{id}|21-11-2026|INR"));
    assert!(records[1].contains("|collection|1500.50|21-11-2026|"), "{file}");
    assert_eq!(records[2], "T|1|1500.50|0.00|0.00|1500.50|0|0.00");
    settled_and_reported(&world).await;
    assert_eq!(world.bucket.object("settlements/pennco/bfil/bfil-20261121.txt").unwrap(), bytes);
    assert!(
        world.bucket.keys().contains(&format!("settlements/pennco/lnt-finance/{TODAY}.csv")),
        "the other has its own"
    );

    reported(&world, "BF-LATE", 20_000, 0, 120_000).await;
    day_close_build::close(&world, pennco, "2026-11-22", 86_400_000).await;
    settled_and_reported(&world).await;
    let fixed = String::from_utf8(world.bucket.object("settlements/pennco/bfil/bfil-20261122.dat").unwrap()).unwrap();
    let records: Vec<&str> = fixed.split_terminator("\r\n").collect();
    assert!(records.len() == 3 && records.iter().all(|record| record.len() == 193), "{fixed}");
    let late = records[1];
    assert_eq!((&late[22..30], &late[137..152], &late[155..163]), ("20261121", "000000000020000", "20261121"));
}

#[tokio::test]
async fn a_format_that_this_release_does_not_know_closes_no_day_until_it_is_known() {
    let world = World::new().await;
    let pennco = &world.pennco;
    give_format(&world, "punch-cards").await;
    let request = |key: &str| command(&pennco.settlement, &SETTLEMENT_CREATE, key, &json!({ "business_day": TODAY }));
    assert_eq!(call(&world, &SETTLEMENT_CREATE, &request("first")).await.status, 500);
    assert_eq!(settlement_list::list(&world, &pennco.settlement, &[]).await.items().len(), 0);
    give_format(&world, "milepost").await;
    assert_eq!(call(&world, &SETTLEMENT_CREATE, &request("first")).await.status, 202, "a fault is no answer to keep");
}
