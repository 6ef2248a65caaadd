//! `day-close-build`: reports a closed business day and holds its figures against each other.

use domain::{
    AgentId, Currency, Money, Timestamp,
    access::{DAY_CLOSE_GET, SETTLEMENT_CREATE, TRANSFER_CREATE},
    id::Sha256Hex,
};
use serde_json::{Value, json};
use testkit::{
    CASH_CAP_MINOR, FLOAT_MINOR, LEDGER, NOW_MILLIS, Office, Person, QueueMessage, RECORDS, Reply, SentMessage, World,
};

use crate::{
    books,
    door::call,
    invariant_check::{corrupt, entries},
    payout_update::{learn, paid},
    reservation_settle::{settle, spending},
    steps::{
        TODAY, build_settlements, collected, command, confirmed, handed_over, held, hold, move_money, relay, report,
        report_days, transfer, waiting, work_off,
    },
};

/// Closes a day so many milliseconds from now.
pub(crate) async fn close(world: &World, office: &Office, day: &str, millis: i64) {
    let mut desk = office.settlement.clone();
    let at = Timestamp::from_millis(NOW_MILLIS + millis);
    desk.token = world.signer.access(&desk.caller, &format!("closes {day}"), at).unwrap();
    let request = command(&desk, &SETTLEMENT_CREATE, day, &json!({ "business_day": day }));
    assert_eq!(call(world, &SETTLEMENT_CREATE, &request.at(NOW_MILLIS + millis)).await.status, 202);
}

/// A closed day as somebody sees it.
pub(crate) async fn seen(world: &World, person: &Person, day: &str) -> Reply {
    let reply = call(world, &DAY_CLOSE_GET, &person.asks(&DAY_CLOSE_GET).path("business_day", day)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply
}

/// A day with three visits of one agent, closed a minute later and settled.
pub(crate) async fn a_settled_day(world: &World) {
    let pennco = &world.pennco;
    collected(world, pennco, "BF-1", 150_000).await;
    collected(world, pennco, "BF-2", 50_000).await;
    handed_over(world, pennco, "BF-D-1", 70_000).await;
    close(world, pennco, TODAY, 60_000).await;
    assert!(build_settlements(world).await.is_empty());
}

/// The message that tells of the last settlement of a day, under the day.
fn settled_message(world: &World, day: &str) -> QueueMessage {
    let items = world.table.items(RECORDS);
    let of_day = items.iter().filter(|item| item["sk"]["S"] == "settlement" && item["business_day"]["S"] == day);
    let settlements: Vec<&str> = of_day.map(|item| item["settlement_id"]["S"].as_str().unwrap()).collect();
    let sent = world.queues.sent_to("day-close.fifo");
    let is_of_day = |sent: &&SentMessage| settlements.iter().any(|id| sent.body.contains(id));
    sent.iter().rfind(is_of_day).unwrap_or_else(|| panic!("nothing tells of {day}")).received(day)
}

/// The event of the close, delivered once more.
async fn close_delivered_again(world: &World) -> Vec<String> {
    let writer = world.day_close_writer();
    let sent = world.queues.sent_to("day-close.fifo");
    let closed = sent.iter().find(|sent| sent.body.contains("day.closed")).unwrap().received("again");
    work_off("day-close.fifo", &[closed], async |message| day_close_build::handle(&writer, message).await).await
}

fn row<'a>(rows: &'a Value, name: &str, id: &str) -> &'a Value {
    rows.as_array().unwrap().iter().find(|row| row[name] == id).unwrap_or_else(|| panic!("no row of {id}"))
}

/// The amounts of a row, column by column.
fn flows(row: &Value) -> [i64; 10] {
    [
        "opening",
        "float_issue",
        "collection",
        "disbursement",
        "deposit",
        "adjustment",
        "budget",
        "settlement",
        "payout",
        "closing",
    ]
    .map(|column| row[format!("{column}_minor")].as_i64().unwrap())
}

fn broken(report: &Value) -> Vec<&str> {
    let controls = report["controls"].as_array().unwrap().iter();
    controls.filter(|control| control["holds"] == false).map(|control| control["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_report_says_what_everybody_held_took_and_gave_and_all_of_it_agrees() {
    let world = World::new().await;
    let pennco = &world.pennco;
    a_settled_day(&world).await;
    assert_eq!(seen(&world, &pennco.admin, TODAY).await.text("/status"), "building");
    assert!(report_days(&world).await.is_empty());
    let report = seen(&world, &pennco.settlement, TODAY).await;
    assert_eq!((report.text("/status"), &report.json["holds"]), ("reported", &json!(true)), "{report:?}");

    let agent = row(&report.json["agents"], "agent_id", pennco.agents[0].subject());
    assert_eq!(flows(agent), [0, FLOAT_MINOR, 200_000, -70_000, 0, 0, 0, 0, 0, FLOAT_MINOR + 130_000]);
    assert_eq!((&agent["collection_count"], &agent["disbursement_count"]), (&json!(2), &json!(1)));
    let region = row(&report.json["regions"], "region", "pune-south");
    assert_eq!((flows(region), &region["agents"]), ([0, FLOAT_MINOR, 0, 0, 0, 0, 0, 0, 0, FLOAT_MINOR], &json!(1)));
    let partner = row(&report.json["partners"], "partner_id", "bfil");
    assert_eq!(flows(&partner["control"]), [0, 0, -200_000, 70_000, 0, 0, 0, 0, 0, -130_000]);
    assert_eq!(
        flows(&partner["payable"]),
        [0; 10],
        "the day is settled at its cut, which is the next day's first moment"
    );
    assert_eq!(partner["settlement"]["totals"]["net"]["amount_minor"], 130_000);
    let floats = -2 * FLOAT_MINOR;
    assert_eq!(flows(&report.json["operator"]["vault"]), [0, floats, 0, 0, 0, 0, 0, 0, 0, floats]);
    assert_eq!(flows(&report.json["operator"]["trial"]), [0; 10]);
    // Two floats and three visits, two entries each.
    assert_eq!((&report.json["inputs"]["entries"], &report.json["inputs"]["carried"]), (&json!(10), &json!(0)));
    assert_eq!(report.json["inputs"]["accounts"], json!(9));

    let settled = world.bucket.object(&format!("settlements/pennco/bfil/{TODAY}.csv")).unwrap();
    assert_eq!(partner["settlement"]["file_sha256"], Sha256Hex::of(&settled).as_str());
    for file in ["file", "table"] {
        let bytes = world.bucket.follow(report.text(&format!("/{file}/url"))).unwrap();
        assert_eq!(Sha256Hex::of(&bytes).as_str(), report.text(&format!("/{file}/sha256")), "{file}");
    }
    assert_eq!(report.json["sha256"], report.json["file"]["sha256"]);
    let rows = String::from_utf8(world.bucket.follow(report.text("/table/url")).unwrap()).unwrap();
    assert_eq!(rows.lines().last(), Some("TOTAL,,,0,0,0,0,0,0,0,0,0,0,4,2,0,0,INR"), "{rows}");
}

#[tokio::test]
async fn a_day_begins_with_what_the_day_before_ended_with() {
    let world = World::new().await;
    let pennco = &world.pennco;
    a_settled_day(&world).await;
    assert!(report_days(&world).await.is_empty());
    close(&world, pennco, "2026-11-22", 86_400_000).await;
    assert!(build_settlements(&world).await.is_empty());
    assert!(report_days(&world).await.is_empty());
    let (first, second) = (seen(&world, &pennco.admin, TODAY).await, seen(&world, &pennco.admin, "2026-11-22").await);
    assert_eq!((&second.json["holds"], broken(&second.json)), (&json!(true), vec![]));
    let previous = json!({ "business_day": TODAY, "sha256": first.json["sha256"] });
    assert_eq!(second.json["inputs"]["previous"], previous);
    assert_eq!((&second.json["inputs"]["entries"], &second.json["inputs"]["carried"]), (&json!(2), &json!(0)));
    let partner = row(&second.json["partners"], "partner_id", "bfil");
    assert_eq!(flows(&partner["control"]), [-130_000, 0, 0, 0, 0, 0, 0, 130_000, 0, 0]);
    assert_eq!(flows(&partner["payable"]), [0, 0, 0, 0, 0, 0, 0, -130_000, 0, -130_000]);
    for (rows, id) in [("agents", "agent_id"), ("regions", "region")] {
        for after in second.json[rows].as_array().unwrap() {
            let before = row(&first.json[rows], id, after[id].as_str().unwrap());
            assert_eq!(after["opening_minor"], before["closing_minor"], "{after}");
        }
    }
}

#[tokio::test]
async fn what_the_books_move_by_hand_and_what_is_paid_out_is_in_the_report() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let desk = &pennco.settlement;
    let hand = format!("agent_cash.{}", pennco.agents[0].subject());
    collected(&world, pennco, "BF-1", 150_000).await;
    for (key, moved) in [
        ("m1", transfer("budget", "vault.pennco", "budget.sms", 500)),
        ("m2", transfer("deposit", &hand, "bank.pennco", 50_000)),
        ("m3", transfer("adjustment", "suspense.pennco", &hand, 700)),
    ] {
        assert_eq!(move_money(&world, desk, key, &moved).await.status, 201, "{moved}");
    }
    let kept = hold(&world, desk, "r1", &held("budget.sms", 300)).await;
    let spent = spending("budget", "expense.sms");
    assert_eq!(settle(&world, desk, kept.text("/reservation_id"), "s1", &spent).await.status, 200);
    close(&world, pennco, TODAY, 60_000).await;
    assert!(build_settlements(&world).await.is_empty());
    let settled = world.table.items(testkit::RECORDS);
    let payout_id = settled.iter().find_map(|item| item["payout_id"]["S"].as_str()).unwrap().to_owned();
    assert_eq!(learn(&world, &payout_id, 1, &paid("AXISN52026112100")).await.status, 200);
    for (day, after) in [("2026-11-22", 1), ("2026-11-23", 2)] {
        close(&world, pennco, day, after * 86_400_000).await;
        assert!(build_settlements(&world).await.is_empty());
    }
    assert!(report_days(&world).await.is_empty());

    let mut bank = vec![];
    for day in [TODAY, "2026-11-22", "2026-11-23"] {
        let report = seen(&world, desk, day).await.json;
        assert_eq!((&report["holds"], broken(&report)), (&json!(true), vec![]), "{day}");
        assert_eq!(flows(&report["operator"]["trial"]), [0; 10]);
        bank.push(flows(&report["operator"]["bank"]));
    }
    let deposit = [0, 0, 0, 0, 50_000, 0, 0, 0, 0, 50_000];
    let payout = [50_000, 0, 0, 0, 0, 0, 0, 0, -150_000, -100_000];
    assert_eq!(bank, [deposit, payout, [-100_000, 0, 0, 0, 0, 0, 0, 0, 0, -100_000]]);

    let first = seen(&world, desk, TODAY).await;
    assert_eq!(flows(&first.json["operator"]["suspense"]), [0, 0, 0, 0, 0, -700, 0, 0, 0, -700]);
    let purposes = &first.json["purposes"];
    assert_eq!(flows(row(purposes, "account_id", "budget.sms")), [0, 0, 0, 0, 0, 0, 200, 0, 0, 200]);
    assert_eq!(flows(row(purposes, "account_id", "expense.sms")), [0, 0, 0, 0, 0, 0, 300, 0, 0, 300]);
    let second = seen(&world, desk, "2026-11-22").await;
    let partner = row(&second.json["partners"], "partner_id", "bfil");
    assert_eq!(flows(&partner["payable"]), [0, 0, 0, 0, 0, 0, 0, -150_000, 150_000, 0]);
    let rows = String::from_utf8(world.bucket.follow(second.text("/table/url")).unwrap()).unwrap();
    for wanted in
        ["bank,,,50000,0,0,0,0,0,0,0,-150000,-100000,", "suspense,,,-700,", "budget,sms,,200,", "expense,sms,,300,"]
    {
        assert!(rows.lines().any(|row| row.starts_with(wanted)), "{wanted}: {rows}");
    }
    assert_eq!(seen(&world, &pennco.desk, TODAY).await.json["purposes"], json!([]), "for who sees all of it");
}

#[tokio::test]
async fn a_report_made_again_is_the_same_bytes_whatever_happened_since() {
    let world = World::new().await;
    let pennco = &world.pennco;
    a_settled_day(&world).await;
    assert!(report_days(&world).await.is_empty());
    let first = seen(&world, &pennco.admin, TODAY).await;
    let bytes = |name: &str| world.bucket.object(&format!("day-closes/pennco/{TODAY}.{name}")).unwrap();
    let files = (bytes("json"), bytes("csv"));
    // Work goes on, somebody is taken on, and money is set aside for the first time.
    let mut books = pennco.settlement.clone();
    let later = Timestamp::from_millis(NOW_MILLIS + 60_000);
    books.token = world.signer.access(&books.caller, "books later", later).unwrap();
    let aside = transfer("budget", "vault.pennco", "budget.fuel", 500);
    let aside = command(&books, &TRANSFER_CREATE, "aside", &aside).at(NOW_MILLIS + 60_000);
    assert_eq!(call(&world, &TRANSFER_CREATE, &aside).await.status, 201);
    let late = crate::steps::assigned(&world, pennco, "BF-LATE", 5).await;
    let late = report(&pennco.agents[0], &late, "late", &confirmed(5)).at(NOW_MILLIS + 60_000);
    assert_eq!(call(&world, &domain::access::DELIVERY_CONFIRM, &late).await.status, 200);
    let after_the_cut = Timestamp::from_millis(NOW_MILLIS + 120_000);
    let agent = store::NewAgent {
        agent_id: AgentId::mint(after_the_cut, &[b"new"]),
        name: "Meera".to_owned(),
        region: "pune-north".parse().unwrap(),
        cash_cap_minor: CASH_CAP_MINOR,
        currency: Currency::Inr,
    };
    let float = Money::new(FLOAT_MINOR, Currency::Inr);
    world.directory().create_agent(&pennco.operator, &agent, float, after_the_cut).await.unwrap();
    // Lost in the bucket, they are there again.
    for name in ["json", "csv"] {
        world.bucket.tamper(&format!("day-closes/pennco/{TODAY}.{name}"), vec![]);
    }
    assert_eq!(close_delivered_again(&world).await, Vec::<String>::new());
    assert_eq!((bytes("json"), bytes("csv")), files);
    assert!(report_days(&world).await.is_empty(), "every event once more");
    let again = seen(&world, &pennco.admin, TODAY).await;
    for part in ["version", "sha256", "agents", "inputs"] {
        assert_eq!(again.json[part], first.json[part], "{part}");
    }
}

#[tokio::test]
async fn a_day_is_reported_behind_its_last_settlement_and_behind_the_day_before() {
    let world = World::new().await;
    let pennco = &world.pennco;
    close(&world, pennco, "2026-11-20", 0).await;
    close(&world, pennco, TODAY, 60_000).await;
    assert!(report_days(&world).await.is_empty(), "there is nothing to do yet, and nothing wrong");
    assert_eq!(seen(&world, &pennco.admin, "2026-11-20").await.text("/status"), "building");
    // Nothing orders the settlements of two days: those of the later one are built first.
    let builder = world.settlement_writer();
    let of_settlements = waiting(&world, "settlement.fifo");
    let build = async |messages: &[QueueMessage]| {
        work_off("settlement.fifo", messages, async |message| settlement_build::handle(&builder, message).await).await
    };
    let (earlier, later) = of_settlements.split_at(of_settlements.len() / 2);
    assert!(build(later).await.is_empty());
    relay(&world).await;
    let writer = world.day_close_writer();
    let of = |day: &str| {
        let sent = world.queues.sent_to("day-close.fifo");
        sent.iter().rfind(|sent| sent.body.contains(&format!("\"{day}\""))).unwrap().received(day)
    };
    let settled = |day: &str| settled_message(&world, day);
    let work = async |message| {
        work_off("day-close.fifo", &[message], async |message| day_close_build::handle(&writer, message).await).await
    };
    assert_eq!(work(settled(TODAY)).await, [TODAY], "the day before is not settled: it comes again");
    assert!(build(earlier).await.is_empty());
    relay(&world).await;
    // The queue hands out nothing behind the later day's message before that is done.
    assert!(work(settled(TODAY)).await.is_empty());
    for day in ["2026-11-20", TODAY] {
        assert_eq!(seen(&world, &pennco.admin, day).await.text("/status"), "reported", "{day}");
    }
    let reports = ["2026-11-20", TODAY].map(|day| world.bucket.object(&format!("day-closes/pennco/{day}.json")));
    assert!(work(settled("2026-11-20")).await.is_empty());
    assert!(work(of("2026-11-20")).await.is_empty());
    assert!(report_days(&world).await.is_empty(), "every event once more");
    assert_eq!(["2026-11-20", TODAY].map(|day| world.bucket.object(&format!("day-closes/pennco/{day}.json"))), reports);
}

/// An agent whom the index of agents does not show yet when the day is reported.
#[tokio::test]
async fn what_a_report_missed_while_an_index_lagged_is_in_the_next_one() {
    let world = World::new().await;
    let pennco = &world.pennco;
    a_settled_day(&world).await;
    let agent = pennco.agents[0].subject();
    let items = world.table.items(RECORDS);
    let as_it_is = items.iter().find(|item| item["sk"]["S"] == "agent" && item["agent_id"]["S"] == agent).unwrap();
    let mut unseen = as_it_is.clone();
    unseen.as_object_mut().unwrap().retain(|name, _| !name.starts_with("worklist"));
    world.table.put(RECORDS, &unseen);
    assert!(!report_days(&world).await.is_empty(), "controls that do not hold are told");
    assert_eq!(seen(&world, &pennco.admin, TODAY).await.json["holds"], false);
    world.table.put(RECORDS, as_it_is);
    close(&world, pennco, "2026-11-22", 86_400_000).await;
    assert!(build_settlements(&world).await.is_empty());
    relay(&world).await;
    let writer = world.day_close_writer();
    let message = [settled_message(&world, "2026-11-22")];
    let failed = work_off("day-close.fifo", &message, async |m| day_close_build::handle(&writer, m).await).await;
    assert!(failed.is_empty(), "one wrong report is enough");
    let next = seen(&world, &pennco.admin, "2026-11-22").await;
    assert_eq!((next.text("/status"), &next.json["holds"]), ("reported", &json!(true)), "{:?}", broken(&next.json));
    let cash = flows(row(&next.json["agents"], "agent_id", agent));
    let held = books::account(&world, pennco, &format!("agent_cash.{agent}")).await.0;
    assert_eq!((cash[0], cash[9]), (held, held), "it opens with all that the one before had missed");
}

#[tokio::test]
async fn an_entry_that_was_changed_before_the_report_is_named_by_a_control_and_fails_the_job() {
    let count = {
        let world = World::new().await;
        a_settled_day(&world).await;
        entries(&world).len()
    };
    let mut cases = 0;
    for n in 0..count {
        let world = World::new().await;
        a_settled_day(&world).await;
        let entry = entries(&world)[n].clone();
        // The booking of the settlement is an entry of the next day.
        if entry["kind"]["S"] == "settlement" {
            continue;
        }
        corrupt(&world, LEDGER, &entry, "amount.amount_minor", 1).await;
        assert!(!report_days(&world).await.is_empty(), "{entry} is found");
        let report = seen(&world, &world.pennco.admin, TODAY).await;
        assert_eq!((report.text("/status"), &report.json["holds"]), ("reported", &json!(false)));
        let column = format!("{}.agents_and_others", entry["kind"]["S"].as_str().unwrap());
        assert!(broken(&report.json).contains(&column.as_str()), "{entry}: {:?}", broken(&report.json));
        let of_partner = entry["pk"]["S"].as_str().unwrap().contains("partner_control.bfil");
        let settled = broken(&report.json).contains(&"settlement.bfil.net");
        assert_eq!(settled, of_partner, "{entry}: {:?}", broken(&report.json));
        cases += 1;
    }
    assert_eq!(cases, 10);
}

#[tokio::test]
async fn an_entry_that_was_changed_behind_the_report_is_a_fault_and_the_report_stays() {
    let world = World::new().await;
    let pennco = &world.pennco;
    a_settled_day(&world).await;
    assert!(report_days(&world).await.is_empty());
    let first = seen(&world, &pennco.admin, TODAY).await;
    let entry = entries(&world).into_iter().find(|entry| entry["kind"]["S"] == "collection").unwrap();
    corrupt(&world, LEDGER, &entry, "amount.amount_minor", 1).await;
    assert_eq!(close_delivered_again(&world).await, ["again"], "it ends as a dead letter that somebody looks at");
    let again = seen(&world, &pennco.admin, TODAY).await;
    assert_eq!((&again.json["sha256"], &again.json["agents"]), (&first.json["sha256"], &first.json["agents"]));
}

#[tokio::test]
async fn a_bucket_that_does_not_answer_leaves_the_day_building_until_the_message_comes_again() {
    let world = World::new().await;
    a_settled_day(&world).await;
    relay(&world).await;
    world.bucket.fail(3);
    assert_eq!(close_delivered_again(&world).await, ["again"]);
    assert_eq!(seen(&world, &world.pennco.admin, TODAY).await.text("/status"), "building");
    world.bucket.fail(0);
    assert!(close_delivered_again(&world).await.is_empty());
    assert_eq!(seen(&world, &world.pennco.admin, TODAY).await.text("/status"), "reported");
}
