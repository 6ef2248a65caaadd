//! `settlement-acknowledge`: what a partner says of a settlement's file, held against the file.

use std::sync::Arc;

use domain::{
    Timestamp,
    access::{SETTLEMENT_ACKNOWLEDGE, SETTLEMENT_CREATE},
    id::Sha256Hex,
};
use serde_json::{Value, json};
use testkit::{Counters, NOW_MILLIS, Person, Reply, RestRequest, World};

use crate::{
    activity_roll_up::roll_up,
    door::call,
    settlement_get,
    steps::{TODAY, all_at_once, build_settlements, close_day, collected, command, handed_over, inr, relay, waiting},
};

/// When acknowledgements come: behind the cut.
const LATER: i64 = NOW_MILLIS + 120_000;

/// A settled day of three lines: two collections and a disbursement.
async fn settled(world: &World) -> Reply {
    let pennco = &world.pennco;
    collected(world, pennco, "BF-1", 150_000).await;
    collected(world, pennco, "BF-2", 50_000).await;
    handed_over(world, pennco, "BF-D-1", 70_000).await;
    let mut desk = pennco.settlement.clone();
    let at = Timestamp::from_millis(NOW_MILLIS + 60_000);
    desk.token = world.signer.access(&desk.caller, "closes", at).unwrap();
    let request = command(&desk, &SETTLEMENT_CREATE, "close", &json!({ "business_day": TODAY }));
    let closed = call(world, &SETTLEMENT_CREATE, &request.at(NOW_MILLIS + 60_000)).await;
    assert!(build_settlements(world).await.is_empty());
    settlement_get::get(world, &pennco.settlement, closed.text("/items/0/settlement_id")).await
}

/// What a partner says that takes the whole file.
pub(crate) fn whole(settled: &Reply) -> Value {
    let totals = &settled.json["totals"];
    let of = |name: &str| totals[name].clone();
    json!({ "sha256": settled.text("/file/sha256"),
            "totals": { "count": of("count"), "collected": of("collected"), "disbursed": of("disbursed"),
                        "adjusted": of("adjusted"), "net": of("net") } })
}

/// A line that a partner does not take.
pub(crate) fn rejected(line: u64, amount_minor: i64) -> Value {
    json!({ "line": line, "amount": inr(amount_minor), "code": "R01", "text": "no such loan" })
}

/// What each line of the file is about, in minor units.
fn amounts(world: &World, settled: &Reply) -> Vec<i64> {
    let file = String::from_utf8(world.bucket.follow(settled.text("/file/url")).unwrap()).unwrap();
    let lines = file.lines().skip(1).take(3).map(|line| line.split(',').nth(6).unwrap().parse().unwrap());
    lines.collect()
}

pub(crate) fn request(person: &Person, settled: &Reply, key: &str, body: &Value) -> RestRequest {
    let id = settled.text("/settlement_id");
    command(person, &SETTLEMENT_ACKNOWLEDGE, key, body).path("settlement_id", id).at(LATER)
}

async fn say(world: &World, person: &Person, settled: &Reply, key: &str, body: &Value) -> Reply {
    call(world, &SETTLEMENT_ACKNOWLEDGE, &request(person, settled, key, body)).await
}

/// The files of the bucket that keep what partners said.
fn kept(world: &World) -> Vec<String> {
    world.bucket.keys().into_iter().filter(|key| key.contains("/acknowledgements/")).collect()
}

#[tokio::test]
async fn a_partner_that_takes_the_whole_file_acknowledges_the_settlement_and_the_same_again_says_the_same() {
    let world = World::new().await;
    let settled = settled(&world).await;
    let bfil = &world.pennco.partners[0];
    let reply = say(&world, bfil, &settled, "k1", &whole(&settled)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let said = &reply.json["acknowledgement"];
    assert_eq!((&said["outcome"], &said["rejected_count"]), (&json!("acknowledged"), &json!(0)));
    assert_eq!((&said["differences"], &said["by"]), (&json!([]), &json!(bfil.caller.principal())));
    assert_eq!(said["at"], json!(Timestamp::from_millis(LATER)));
    assert_eq!(reply.json["status"], "settled", "the books do not wait for it");
    let file = world.bucket.object(&kept(&world)[0]).unwrap();
    assert_eq!(Sha256Hex::of(&file).as_str(), said["file"]["sha256"]);

    for (person, key) in [(bfil, "k1"), (bfil, "k2"), (&world.pennco.settlement, "k3")] {
        let again = say(&world, person, &settled, key, &whole(&settled)).await;
        assert_eq!((again.status, &again.json), (200, &reply.json), "{key}");
    }
    let other = json!({ "sha256": settled.text("/file/sha256"), "totals": whole(&settled)["totals"],
                        "rejected": [rejected(1, amounts(&world, &settled)[0])] });
    let refused = say(&world, bfil, &settled, "k4", &other).await;
    assert_eq!(refused.said(), (409, "already_acknowledged"));
    assert_eq!(refused.json["outcome"], "acknowledged");
    assert_eq!(kept(&world).len(), 1, "what is refused is not kept");
    let seen = settlement_get::get(&world, bfil, settled.text("/settlement_id")).await;
    assert_eq!(seen.json["acknowledgement"]["outcome"], "acknowledged");
}

#[tokio::test]
async fn lines_that_are_rejected_in_json_or_csv_make_a_dispute_that_names_each_and_what_it_comes_to() {
    let world = World::new().await;
    let settled = settled(&world).await;
    let amounts = amounts(&world, &settled);
    let mut body = whole(&settled);
    body["content"] =
        json!(format!("line,amount_minor,code,text\n3,{},R02,\"not ours, says the branch\"\n", amounts[2]));
    body["rejected"] = json!([rejected(1, amounts[0])]);
    let desk = &world.pennco.settlement;
    let reply = say(&world, desk, &settled, "k1", &body).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let said = &reply.json["acknowledgement"];
    assert_eq!((&said["outcome"], &said["differences"]), (&json!("disputed"), &json!([])));
    assert_eq!((&said["rejected_count"], &said["by"]), (&json!(2), &json!(desk.caller.principal())));
    let rows = said["rejected"].as_array().unwrap();
    assert_eq!(rows[0], rejected(1, amounts[0]));
    assert_eq!((&rows[1]["line"], &rows[1]["text"]), (&json!(3), &json!("not ours, says the branch")));
    let file = String::from_utf8(world.bucket.follow(settled.text("/file/url")).unwrap()).unwrap();
    let owed = |n: usize| {
        if file.lines().nth(n).unwrap().contains(",disbursement,") { -amounts[n - 1] } else { amounts[n - 1] }
    };
    assert_eq!(said["rejected_net"], inr(owed(1) + owed(3)));
    // The same lines the other way round, all of them in JSON: nothing else was said.
    let mut same = whole(&settled);
    same["rejected"] = json!([
        { "line": 3, "amount": inr(amounts[2]), "code": "R02", "text": "not ours, says the branch" },
        rejected(1, amounts[0])
    ]);
    let again = say(&world, &world.pennco.partners[0], &settled, "k2", &same).await;
    assert_eq!((again.status, &again.json), (200, &reply.json));
}

#[tokio::test]
async fn totals_that_differ_are_a_dispute_with_what_was_expected_and_what_was_found() {
    let world = World::new().await;
    let settled = settled(&world).await;
    let mut body = whole(&settled);
    body["totals"]["count"] = json!(2);
    body["totals"]["net"] = inr(80_000);
    let reply = say(&world, &world.pennco.partners[0], &settled, "k1", &body).await;
    let said = &reply.json["acknowledgement"];
    assert_eq!((reply.status, &said["outcome"], &said["rejected"]), (200, &json!("disputed"), &json!([])));
    let differences = json!([{ "total": "count", "expected": 3, "found": 2 },
                             { "total": "net", "expected": 130_000, "found": 80_000 }]);
    assert_eq!(said["differences"], differences);
}

#[tokio::test]
async fn a_dispute_raises_an_alarm_once_it_is_reported_and_an_acknowledgement_raises_none() {
    let world = World::new().await;
    let settled = settled(&world).await;
    let counters = Counters::default();
    let listening = counters.listen();
    let mut body = whole(&settled);
    body["totals"]["count"] = json!(2);
    for key in ["k1", "k2"] {
        assert_eq!(say(&world, &world.pennco.partners[0], &settled, key, &body).await.status, 200);
    }
    relay(&world).await;
    assert!(roll_up(&world, &waiting(&world, "activity")).await.is_empty());
    drop(listening);
    assert_eq!(counters.of("SettlementsDisputed"), 1);
}

#[tokio::test]
async fn what_the_file_does_not_have_is_a_flaw_at_its_place_and_changes_nothing() {
    let world = World::new().await;
    let settled = settled(&world).await;
    let (amounts, bfil) = (amounts(&world, &settled), &world.pennco.partners[0]);
    let mut body = whole(&settled);
    body["sha256"] = json!(Sha256Hex::of(b"another file"));
    body["totals"]["net"]["currency"] = json!("NPR");
    body["rejected"] = json!([
        rejected(4, 1),
        rejected(2, amounts[1] + 1),
        rejected(1, amounts[0]),
        rejected(1, amounts[0]),
        rejected(0, 1)
    ]);
    let refused = say(&world, bfil, &settled, "k1", &body).await;
    assert_eq!(refused.status, 422);
    let wanted = vec![
        ("/sha256", "wrong_digest"),
        ("/totals/net/currency", "wrong_currency"),
        ("/rejected/4/line", "unknown_line"),
        ("/rejected/3/line", "duplicate_line"),
        ("/rejected/1/amount", "wrong_amount"),
        ("/rejected/0/line", "unknown_line"),
    ];
    assert_eq!(refused.flaws(), wanted);
    for (n, row) in ["1,5.00,R01,x", "1,5,,x", "1,5,R01", "one,5,R01,x"].into_iter().enumerate() {
        let mut body = whole(&settled);
        body["content"] = json!(format!("line,amount_minor,code,text\n{row}\n"));
        let refused = say(&world, bfil, &settled, &format!("row-{n}"), &body).await;
        assert_eq!((refused.status, refused.flaws()), (422, vec![("/content", "invalid_value")]), "{row}");
    }
    // A row that is cut within its text, and a quote that swallows the row behind it.
    let header = "line,amount_minor,code,text";
    let (cut, open) = (format!("1,{},R01,not ou", amounts[0]), format!("1,{},R01,\"no\n2,5,R01,no\n", amounts[0]));
    for (n, row) in [cut, open].into_iter().enumerate() {
        let mut body = whole(&settled);
        body["content"] = json!(format!("{header}\n{row}"));
        let refused = say(&world, bfil, &settled, &format!("cut-{n}"), &body).await;
        assert_eq!((refused.status, refused.flaws()), (422, vec![("/content", "invalid_value")]), "{row}");
    }
    let mut headless = whole(&settled);
    headless["content"] = json!("1,5,R01,x\n");
    let refused = say(&world, bfil, &settled, "headless", &headless).await;
    assert_eq!((refused.status, refused.flaws()), (422, vec![("/content", "invalid_value")]));
    assert_eq!(kept(&world), [""; 0]);
    let seen = settlement_get::get(&world, bfil, settled.text("/settlement_id")).await;
    assert_eq!((&seen.json["acknowledgement"], &seen.json["version"]), (&json!(null), &settled.json["version"]));
}

#[tokio::test]
async fn a_settlement_without_its_file_yet_is_not_acknowledged() {
    let world = World::new().await;
    let closed = close_day(&world, &world.pennco.settlement, "close", TODAY).await;
    let first = Reply { json: closed.json["items"][0].clone(), ..closed };
    let totals = json!({ "count": 0, "collected": inr(0), "disbursed": inr(0), "adjusted": inr(0), "net": inr(0) });
    let body = json!({ "sha256": Sha256Hex::of(b""), "totals": totals });
    let refused = say(&world, &world.pennco.partners[0], &first, "k1", &body).await;
    assert_eq!(refused.said(), (409, "settlement_building"));
}

#[tokio::test]
async fn of_two_that_say_different_things_at_once_one_is_kept_and_the_other_hears_of_it() {
    let world = Arc::new(World::new().await);
    let settled = settled(&world).await;
    let line = rejected(1, amounts(&world, &settled)[0]);
    let mut other = whole(&settled);
    other["rejected"] = json!([line]);
    let (bfil, desk) = (&world.pennco.partners[0], &world.pennco.settlement);
    let requests = (0..8).map(|n| match n % 2 {
        0 => request(bfil, &settled, &format!("k{n}"), &whole(&settled)),
        _ => request(desk, &settled, &format!("k{n}"), &other),
    });
    let replies = all_at_once(&world, &SETTLEMENT_ACKNOWLEDGE, requests.collect()).await;
    let kept = settlement_get::get(&world, bfil, settled.text("/settlement_id")).await;
    assert_eq!(kept.json["version"], json!(settled.json["version"].as_u64().unwrap() + 1), "one change");
    let outcome = &kept.json["acknowledgement"]["outcome"];
    for reply in &replies {
        match reply.status {
            200 => assert_eq!(&reply.json["acknowledgement"]["outcome"], outcome),
            _ => assert_eq!(reply.status, 409, "{reply:?}"),
        }
    }
    assert!(replies.iter().any(|reply| reply.status == 200) && replies.iter().any(|reply| reply.status == 409));
}

#[tokio::test]
async fn a_lenders_program_acknowledges_its_own_and_no_other_ones_and_a_dispute_is_counted() {
    let world = World::new().await;
    let settled = settled(&world).await;
    let stranger = say(&world, &world.pennco.partners[1], &settled, "k1", &whole(&settled)).await;
    assert_eq!(stranger.said(), (404, "unknown"));
    let foreign = say(&world, &world.vishi.settlement, &settled, "k1", &whole(&settled)).await;
    assert_eq!(foreign.said(), (404, "unknown"));
    let desk = say(&world, &world.pennco.desk, &settled, "k1", &whole(&settled)).await;
    assert_eq!(desk.said(), (403, "forbidden"));
    let mut body = whole(&settled);
    body["totals"]["count"] = json!(4);
    assert_eq!(say(&world, &world.pennco.partners[0], &settled, "k1", &body).await.status, 200);
    relay(&world).await;
    let sent = world.queues.sent_to("activity");
    assert_eq!(sent.iter().filter(|sent| sent.body.contains("settlement.disputed")).count(), 1);
}
