//! A business day closes once, and its file is the same whenever it is built.

use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::events::message_with;
use crate::{
    api::Answer,
    line::Fate,
    newcomer,
    patience::{today, until},
    person::Person,
    stage::{OPERATOR, Stage},
    visits::{PARTNER, Round},
};

/// Closed by the desk; built, and built again from the same event.
pub(crate) fn built_again(stage: &Stage) {
    let round = Round::in_hassan(stage);
    let (queue, group) = (stage.queue("SettlementQueue"), format!("{OPERATOR}.{PARTNER}"));
    // The queue waits for requests that are still under way when a day closes; here there are none.
    let _undelayed = queue.undelayed();
    let listening = stage.line.arm(Fate::Pass, "SendMessageBatch", &["settlement.requested", &group]);
    let closed = close(stage, &round.books, "close").must_be(202);
    let ours = closed["items"].as_array().expect("items").iter().find(|one| one["partner_id"] == PARTNER);
    let id = ours.expect("a settlement a partner")["settlement_id"].as_str().expect("an id").to_owned();
    let message = message_with(&listening.met().request, &id);
    let first = until_settled(&round.books, &id);
    let file = download(stage, &first);
    must_hold_the_day(&round, &first, &file);
    // Past midnight what the stories booked is of the next day.
    if today() == stage.day {
        assert_ne!(first["totals"]["count"], 0, "what was booked today is in the file: {first}");
    }

    let account = |name: &str| round.books.get(&format!("/api/v1/accounts/{name}.{PARTNER}?limit=100")).must_be(200);
    let booked = [account("partner_control"), account("partner_settlement")];
    let again = queue.send_in_group(&group, "the same again", &message);
    assert!(stage.log.outcome(&again), "building again is done");
    let second = round.books.get(&format!("/api/v1/settlements/{id}")).must_be(200);
    assert_eq!(without_link(&second), without_link(&first), "the settlement is the same");
    assert_eq!(download(stage, &second), file, "the file is the same, byte for byte");
    assert_eq!([account("partner_control"), account("partner_settlement")], booked, "nothing is booked twice");
    close(stage, &round.books, "close-again").must_be_problem(409, "business_day_closed");
}

/// The evening's tick closes each operator's days that are due; another finds nothing to do.
pub(crate) fn closed_by_the_tick(stage: &Stage) {
    let latecomer = newcomer::sign_up(stage);
    let _undelayed = stage.queue("SettlementQueue").undelayed();
    let desks = [latecomer.clone(), stage.person("settlement", OPERATOR)];
    // The same command as in the story before, if that was told.
    close(stage, &desks[1], "close").must_be(202);
    let old_before = until_all_settled(&desks[1]);
    assert_eq!(settlements(&latecomer), Vec::<Value>::new(), "a new operator has closed no day");
    tick(stage);
    let closed = until_all_settled(&latecomer);
    assert_eq!(closed.len(), newcomer::PARTNERS.len(), "one day, one settlement a partner: {closed:?}");
    assert_eq!(settlements(&desks[1]), old_before, "a day that is closed stays as it is");
    tick(stage);
    // Another day may have ended between the two ticks.
    let of_that_day =
        settlements(&latecomer).into_iter().filter(|one| one["business_day"] == closed[0]["business_day"]);
    assert_eq!(of_that_day.collect::<Vec<_>>(), closed, "a second tick finds nothing to do");
    assert_eq!(settlements(&desks[1]), old_before, "for nobody");
}

fn close(stage: &Stage, desk: &Person, key: &str) -> Answer {
    desk.post("/api/v1/settlements", key, &json!({"business_day": stage.day.to_string()}))
}

fn tick(stage: &Stage) {
    let sent = stage.queue("SettlementCloseQueue").send(&[json!({"tick": "settlement-close"}).to_string()]);
    assert!(stage.log.outcome(&sent[0]), "the tick is done");
}

fn settlements(desk: &Person) -> Vec<Value> {
    desk.list("/api/v1/settlements?limit=100")
}

/// All settlements of an operator, once there are some and each is settled.
fn until_all_settled(desk: &Person) -> Vec<Value> {
    until("every settlement is settled", || {
        let found = settlements(desk);
        (!found.is_empty() && found.iter().all(|one| one["status"] == "settled")).then_some(found)
    })
}

fn until_settled(desk: &Person, id: &str) -> Value {
    until("the settlement is settled", || {
        let settlement = desk.get(&format!("/api/v1/settlements/{id}")).must_be(200);
        (settlement["status"] == "settled").then_some(settlement)
    })
}

fn download(stage: &Stage, settlement: &Value) -> Vec<u8> {
    let file = &settlement["file"];
    let bytes = stage.api.download(file["url"].as_str().expect("a link"));
    assert_eq!(HEXLOWER.encode(&Sha256::digest(&bytes)), file["sha256"].as_str().expect("a digest"));
    assert_eq!(Some(bytes.len()), file["bytes"].as_u64().and_then(|bytes| usize::try_from(bytes).ok()));
    bytes
}

/// The file has a row for every entry of the partner that came before the cut, and the totals add up.
fn must_hold_the_day(round: &Round, settlement: &Value, file: &[u8]) {
    let cut_at = settlement["cut_at"].as_str().expect("a moment");
    let entries = round.books.list(&format!("/api/v1/accounts/partner_control.{PARTNER}?limit=100"));
    let of_the_day = entries
        .iter()
        .filter(|entry| entry["kind"] != "settlement" && entry["at"].as_str().is_some_and(|at| at < cut_at));
    let (mut count, mut collected) = (0, 0);
    let file = String::from_utf8_lossy(file);
    for entry in of_the_day {
        count += 1;
        if entry["kind"] == "collection" {
            collected -= entry["amount"]["amount_minor"].as_i64().expect("an amount");
        }
        let transfer = entry["transfer_id"].as_str().expect("an id");
        let rows = file.lines().filter(|row| row.split(',').nth(2) == Some(transfer)).count();
        assert_eq!(rows, 1, "{transfer} has one row in\n{file}");
    }
    assert_eq!(settlement["totals"]["count"], count, "{settlement}");
    assert_eq!(settlement["totals"]["collected"]["amount_minor"], collected, "{settlement}");
}

/// A settlement without its link, which is signed anew each time.
fn without_link(settlement: &Value) -> Value {
    let mut settlement = settlement.clone();
    settlement["file"]["url"] = Value::Null;
    settlement
}
