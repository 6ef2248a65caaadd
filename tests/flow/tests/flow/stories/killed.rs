//! A function is killed, or cut off, in the middle of a confirm: around the one moment that counts, its commit.

use serde_json::Value;

use crate::{
    api::Answer,
    line::{Fate, Met},
    process,
    stage::Stage,
    visits::Round,
};

const COMMIT: &str = "TransactWriteItems";

/// The commit happened, the answer was never given: the retry finds it.
pub(crate) fn after_the_commit(stage: &Stage) {
    let round = Round::in_hassan(stage);
    let visit = round.visit("killed-after", 150_000);
    let before = round.balances();
    let armed = stage.line.arm(Fate::KilledAfter, COMMIT, &["confirm-killed-after"]);
    let answer = round.confirm(&visit, "confirm-killed-after");
    let met = armed.met();
    must_be_no_answer(&answer);
    must_have_been_killed(stage, &met);
    assert_eq!(met.status, Some(200), "the commit was to succeed: {met:?}");

    let retry = round.confirm(&visit, "confirm-killed-after");
    retry.must_be(200);
    assert!(retry.replayed, "the retry must be a replay: {retry:?}");
    assert_eq!(retry.body, kept_answer(&met.request), "the receipt must be the stored one, byte for byte");
    let again = round.confirm(&visit, "confirm-killed-after");
    assert_eq!((again.status, &again.body), (200, &retry.body), "and so for ever");
    round.must_be_booked_once(&visit, before);
}

/// The commit never happened: nothing did.
pub(crate) fn before_the_commit(stage: &Stage) {
    let round = Round::in_hassan(stage);
    let visit = round.visit("killed-before", 70_000);
    let before = round.balances();
    let armed = stage.line.arm(Fate::KilledBefore, COMMIT, &["confirm-killed-before"]);
    let answer = round.confirm(&visit, "confirm-killed-before");
    let met = armed.met();
    must_be_no_answer(&answer);
    must_have_been_killed(stage, &met);
    assert_eq!(met.status, None, "the commit was not to happen: {met:?}");
    round.must_be_untouched(&visit, before);

    let retry = round.confirm(&visit, "confirm-killed-before");
    retry.must_be(200);
    assert!(!retry.replayed, "the retry is the first that got through: {retry:?}");
    round.must_be_booked_once(&visit, before);
}

/// The function lives, but does not hear that its commit succeeded: it asks again, and knows its own commit.
pub(crate) fn answer_lost(stage: &Stage) {
    let round = Round::in_hassan(stage);
    let visit = round.visit("answer-lost", 30_000);
    let before = round.balances();
    let armed = stage.line.arm(Fate::UnheardOnce, COMMIT, &["confirm-answer-lost"]);
    let answer = round.confirm(&visit, "confirm-answer-lost");
    let met = armed.met();
    assert_eq!(met.status, Some(200), "the commit was to succeed: {met:?}");
    answer.must_be(200);
    assert!(!answer.replayed, "its own commit is no replay: {answer:?}");
    assert_eq!(answer.body, kept_answer(&met.request));
    round.must_be_booked_once(&visit, before);
}

/// The gateway alone has spoken. The emulator says 502 and why; AWS says what infra/gateway-responses.yml has for it.
#[track_caller]
fn must_be_no_answer(answer: &Answer) {
    assert!(answer.status >= 500, "{answer:?}");
    assert!(!answer.body.contains("transfer_id"), "{answer:?}");
}

#[track_caller]
fn must_have_been_killed(stage: &Stage, met: &Met) {
    let killed = met.killed.as_ref().expect("a process was killed");
    assert_eq!(killed.name, stage.stack.functions["delivery-confirm"]);
    assert!(!process::is_alive(killed.pid), "process {} lives", killed.pid);
}

/// The answer that a commit keeps in its record, the first item of its transaction.
fn kept_answer(request: &str) -> String {
    let transaction: Value = serde_json::from_str(request).expect("a transaction is JSON");
    let record = &transaction["TransactItems"][0]["Put"]["Item"];
    record["body"]["S"].as_str().expect("a commit record keeps its answer").to_owned()
}
