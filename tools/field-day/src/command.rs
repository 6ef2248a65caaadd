//! A command under its idempotency key, on a line that may drop: sent as its fate says, and held to one effect and one answer.

use std::thread;

use serde_json::Value;

use crate::{
    caller::Caller,
    findings::Rule,
    patchy,
    plan::Fate,
    run::Run,
    wire::{Answer, Ask, Heard},
};

/// The answer to a command, and the key it is kept under.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) answer: Answer,
    pub(crate) key: String,
}

/// Sends a command with a key of its own.
pub(crate) fn send(
    run: &Run,
    caller: &Caller,
    endpoint: &'static str,
    path: &str,
    body: &Value,
    fate: Fate,
) -> Option<Told> {
    let key = run.next_key();
    let ask = Ask::post(endpoint, path, body).key(&key);
    let answer = carry(run, caller, &ask, fate);
    if answer.is_none() {
        run.tally.unknown.one();
    }
    Some(Told { answer: answer?, key })
}

/// Sends the same command under the same key once more; the answer must be the first one, byte for byte.
pub(crate) fn again(run: &Run, caller: &Caller, ask: &Ask, first: &Answer) {
    if let Some(second) = retry(run, caller, ask) {
        same(run, ask, first, &second.answer);
    }
}

/// Sends a command that must be refused by that name (and, where the refusal is kept, in the same words again).
/// Gives the answer and whether it was the right one.
pub(crate) fn refused(
    run: &Run,
    caller: &Caller,
    endpoint: &'static str,
    path: &str,
    body: &Value,
    (status, code): (u16, &str),
) -> (bool, Option<Answer>) {
    let Some(told) = send(run, caller, endpoint, path, body, Fate::Twice) else { return (false, None) };
    let right = (told.answer.status, told.answer.code().as_str()) == (status, code);
    if !right {
        let what = format!("must be refused with {status} {code}, was {}", told.answer.brief());
        run.findings.add(Rule::Api, &format!("{endpoint} {path} as {}", caller.username), &what);
    }
    (right, Some(told.answer))
}

/// The refusal of a move lists the moves that are legal.
pub(crate) fn lists_legal_moves(run: &Run, endpoint: &str, answer: Option<&Answer>) -> bool {
    let listed = answer.and_then(|answer| answer.member("legal_moves")).is_some_and(|moves| moves.is_array());
    if !listed {
        run.findings.add(Rule::Api, endpoint, "illegal_transition without a list of legal_moves");
    }
    listed
}

fn carry(run: &Run, caller: &Caller, ask: &Ask, fate: Fate) -> Option<Answer> {
    let signed = || ask.clone().bearer(&caller.token(&run.wire));
    // What is known about a request that was sent before this phone asks again.
    let mut kept_unread = false;
    let mut may_have_arrived = false;
    match fate {
        Fate::Clean | Fate::Twice => {}
        Fate::Together => return together(run, caller, ask),
        Fate::Unsent => run.meter.lost_before.one(),
        Fate::Half => {
            if patchy::half(&run.wire, &signed()).is_err() {
                run.meter.breaks.one();
            }
            run.meter.lost_before.one();
        }
        Fate::Unheard => {
            if patchy::unheard(&run.wire, &signed()).is_err() {
                run.meter.breaks.one();
            }
            may_have_arrived = true;
            run.meter.lost_after.one();
        }
        Fate::Unread => {
            may_have_arrived = true;
            match patchy::unread(&run.wire, &signed()) {
                Ok(status) => {
                    kept_unread = status.is_some_and(|status| (200..300).contains(&status));
                    run.meter.lost_after.one();
                }
                Err(_) => run.meter.breaks.one(),
            }
        }
    }
    let Heard { answer, broke_before } = retry(run, caller, ask)?;
    if kept_unread && !answer.replayed {
        run.findings.add(Rule::V3, &subject(ask), "answered before, and the retry is not marked as a replay");
    }
    if answer.replayed && !may_have_arrived && !broke_before {
        run.findings.add(Rule::V2, &subject(ask), "a replay, though no whole request was ever sent under this key");
    }
    if !matches!(fate, Fate::Clean) && answer.is_kept() {
        again(run, caller, ask, &answer);
    }
    Some(answer)
}

/// Two phones, one key, the same moment: one carries it out, the other hears about it.
fn together(run: &Run, caller: &Caller, ask: &Ask) -> Option<Answer> {
    let (one, other) = thread::scope(|scope| {
        let other = scope.spawn(|| retry(run, caller, ask));
        (retry(run, caller, ask), other.join().ok().flatten())
    });
    let (one, other) = (one?, other?);
    if !one.answer.is_kept() {
        return Some(one.answer);
    }
    if one.answer.body != other.answer.body || one.answer.status != other.answer.status {
        run.findings.add(Rule::V3, &subject(ask), "two answers for one key, sent at the same moment");
    }
    let first_hand = [&one, &other].iter().filter(|heard| !heard.answer.replayed).count();
    if first_hand != 1 && !one.broke_before && !other.broke_before {
        run.findings.add(
            Rule::V2,
            &subject(ask),
            &format!("sent twice at once: {first_hand} first-hand answers, must be 1"),
        );
    }
    Some(one.answer)
}

fn retry(run: &Run, caller: &Caller, ask: &Ask) -> Option<Heard> {
    caller.ask(&run.wire, ask).inspect_err(|broken| run.findings.add(Rule::V1, &subject(ask), &broken.to_string())).ok()
}

fn same(run: &Run, ask: &Ask, first: &Answer, second: &Answer) {
    if first.status != second.status || first.body != second.body {
        let what = format!(
            "the answer changed: {} ({} bytes), then {} ({} bytes)",
            first.brief(),
            first.body.len(),
            second.brief(),
            second.body.len()
        );
        run.findings.add(Rule::V3, &subject(ask), &what);
    }
    if !second.replayed {
        run.findings.add(Rule::V3, &subject(ask), "the answer to a repeat does not say Idempotent-Replayed: true");
    }
}

fn subject(ask: &Ask) -> String {
    format!("{} {}", ask.endpoint, ask.path)
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use serde_json::json;

    use super::*;
    use crate::double::{Double, Reply};

    const TOKEN: &str = r#"{"access_token":"a","expires_in":600,"refresh_token":"r",
        "principal":{"operator":"pennco","role":"agent","subject":"agt_1","regions":["pune-north"]}}"#;

    fn desk_of(run: &Run) -> Caller {
        let token = Double::answering(|_, _| Reply::json(200, TOKEN));
        Caller::log_in(&Run::towards(&token.url()).wire, "agent001@pennco", "p")
            .unwrap_or_else(|stopped| panic!("{stopped} {}", run.id))
    }

    fn sent(run: &Run, fate: Fate) -> Option<Told> {
        send(
            run,
            &desk_of(run),
            "delivery-confirm",
            "/deliveries/dlv_1/confirm",
            &json!({"outcome": "confirmed"}),
            fate,
        )
    }

    #[test]
    fn whatever_the_line_does_there_is_one_effect_and_one_answer() {
        for fate in [Fate::Clean, Fate::Twice, Fate::Together, Fate::Unsent, Fate::Half, Fate::Unheard, Fate::Unread] {
            let effects = Arc::new(AtomicUsize::new(0));
            let double = Double::keeping(effects.clone());
            let run = Run::towards(&double.url());
            assert_eq!(sent(&run, fate).map(|told| told.answer.status), Some(201), "{fate:?}");
            assert_eq!(effects.load(Ordering::SeqCst), 1, "{fate:?}");
            assert_eq!(run.findings.violations(), [], "{fate:?}");
        }
    }

    #[test]
    fn a_server_that_forgets_its_answers_is_found_out() {
        for fate in [Fate::Twice, Fate::Together, Fate::Unread] {
            let double = Double::answering(|_, count| Reply::json(201, &format!(r#"{{"number":{count}}}"#)));
            let run = Run::towards(&double.url());
            sent(&run, fate);
            assert!(run.findings.violations().iter().any(|(rule, _)| *rule == Rule::V3), "{fate:?}");
        }
    }

    #[test]
    fn a_replay_of_what_was_never_sent_is_found_out() {
        let double = Double::answering(|_, _| Reply::json(201, "{}").header("Idempotent-Replayed", "true"));
        let run = Run::towards(&double.url());
        sent(&run, Fate::Unsent);
        assert!(run.findings.violations().iter().any(|(rule, _)| *rule == Rule::V2));
    }
}
