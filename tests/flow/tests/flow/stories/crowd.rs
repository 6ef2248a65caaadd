//! Sixty-four phones report the same visit at the same moment.

use std::{sync::Barrier, thread};

use crate::{
    api::Answer,
    stage::Stage,
    visits::{Round, Visit},
};

const PHONES: usize = 64;

/// With one key it is one command: one effect, and one receipt for whoever gets any.
pub(crate) fn with_one_key(stage: &Stage) {
    let round = Round::in_hassan(stage);
    let visit = round.visit("crowd-one-key", 90_000);
    let before = round.balances();
    let answers = all_at_once(&round, &visit, |_| "confirm-crowd".to_owned());
    let (receipts, busy): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    let receipt = &receipts.first().unwrap_or_else(|| panic!("nobody got a receipt: {answers:?}")).body;
    assert!(receipts.iter().all(|answer| answer.body == *receipt), "receipts differ: {receipts:?}");
    assert_eq!(receipts.iter().filter(|answer| !answer.replayed).count(), 1, "one carried it out: {receipts:?}");
    for answer in busy {
        answer.must_be_problem(409, "in_progress");
        assert!(answer.retry_after.is_some(), "when is it worth another try? {answer:?}");
    }
    let repeat = round.confirm(&visit, "confirm-crowd");
    assert_eq!((repeat.status, repeat.replayed, &repeat.body), (200, true, receipt));
    round.must_be_booked_once(&visit, before);
}

/// With a key each they are sixty-four commands, and a visit is concluded once.
pub(crate) fn with_a_key_each(stage: &Stage) {
    let round = Round::in_hassan(stage);
    let visit = round.visit("crowd-many-keys", 80_000);
    let before = round.balances();
    let answers = all_at_once(&round, &visit, |phone| format!("confirm-crowd-{phone}"));
    let (receipts, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!(receipts.len(), 1, "one of them concludes the visit: {receipts:?}");
    for answer in refused {
        let problem = answer.must_be(409);
        assert!(["illegal_transition", "in_progress"].iter().any(|code| problem["code"] == *code), "{answer:?}");
    }
    round.must_be_booked_once(&visit, before);
}

/// Every phone waits for the last one before it sends.
fn all_at_once(round: &Round, visit: &Visit, key: impl Fn(usize) -> String + Sync) -> Vec<Answer> {
    let (gate, key) = (Barrier::new(PHONES), &key);
    thread::scope(|scope| {
        let phones: Vec<_> = (0..PHONES)
            .map(|phone| {
                let gate = &gate;
                scope.spawn(move || {
                    gate.wait();
                    round.confirm(visit, &key(phone))
                })
            })
            .collect();
        phones.into_iter().map(|phone| phone.join().expect("every phone gets an answer")).collect()
    })
}
