//! Agents log in with a code by SMS and stay logged in, each on a phone of their own.

use std::{collections::BTreeSet, sync::Barrier, thread};

use serde_json::{Value, json};

use crate::{
    api::Answer,
    patience::{stopwatch, today, until},
    person::Person,
    phone::Phone,
    stage::{OPERATOR, Stage},
};

/// A number that no carrier gives and nobody has.
const NOBODYS: &str = "+919899999999";
/// How many parts of an app refresh at once.
const PARTS: usize = 16;
/// A revocation is everywhere by then, in seconds.
const REVOKED_SECONDS: u64 = 60;

/// Somebody whom no other story needs: agents but for the first of each region, by what they type.
fn spare(stage: &Stage, place: usize) -> String {
    let spare = ["mysuru", "hassan"].into_iter().flat_map(|region| stage.numbers(OPERATOR, region).split_off(1));
    spare.into_iter().nth(place).expect("the seed has agents to spare")
}

/// The code comes by SMS and opens the door once; a number that nobody has gets the same answer and no SMS.
pub(crate) fn open_with_a_code(stage: &Stage) {
    let (api, username) = (&stage.api, spare(stage, 0));
    let number = username.split('@').next().expect("a number");
    let seen = stage.post.sms(number).len();
    // Nobody's wish goes first: it has been worked off when the other's code is here and the queue is empty.
    let nobodys = api.ask_for_code(&format!("{NOBODYS}@{OPERATOR}"));
    let asked = api.ask_for_code(&username);
    assert_eq!(without_challenge(&nobodys), without_challenge(&asked), "a stranger learns which numbers there are");

    let asked = asked.must_be(202);
    let challenge = asked["challenge_id"].as_str().expect("an id");
    let code = stage.post.code_after(number, seen);
    let (phone, another) = (Phone::new(), Phone::new());
    let mistyped = format!("{:06}", (code.parse::<u32>().expect("digits") + 1) % 1_000_000);
    api.bring_code(&username, challenge, &code, None).must_be_problem(401, "proof_required");
    let refused = api.bring_code(&username, challenge, &mistyped, Some(&phone));
    refused.must_be_problem(401, "invalid_credentials");
    let granted = api.bring_code(&username, challenge, &code, Some(&phone)).must_be(200);
    let again = api.bring_code(&username, challenge, &code, Some(&another));
    again.must_be_problem(401, "invalid_credentials");

    let agent = Person::of(api, &granted, Some(phone.into()));
    let session = agent.get("/api/v1/auth/session").must_be(200);
    assert_eq!(session["principal"]["subject"], agent.subject.as_str(), "{session}");
    assert_eq!(session["device_id"], agent.device_id(), "{session}");
    let queue = stage.queue("MessageQueue");
    until("every wish for a message is worked off", || (queue.depth() == 0).then_some(()));
    assert_eq!(stage.post.sms(NOBODYS), Vec::<String>::new(), "nobody's number gets nothing");
}

/// The answer without what names the wish.
fn without_challenge(answer: &Answer) -> (u16, String, Value) {
    let mut body = answer.must_be(202);
    assert!(body["challenge_id"].as_str().is_some_and(|id| id.starts_with("otp_")), "{body}");
    body["challenge_id"] = Value::Null;
    (answer.status, answer.content_type.clone(), body)
}

/// Sixteen refreshes with one token get one successor, and so does a late one; a token that was used up ends the login.
pub(crate) fn have_one_successor_a_token(stage: &Stage) {
    let agent = stage.enrol(&spare(stage, 1));
    let first = agent.refresh_token();
    let second = successor(&all_at_once(&agent, &first));
    assert_ne!(second, first, "each token is good for one successor");
    assert_eq!(successor(&[agent.bring(&first)]), second, "an answer that was lost is given again");
    let granted = agent.bring(&second).must_be(200);
    let survivor = granted["access_token"].as_str().expect("a token").to_owned();
    list(stage, &survivor).must_be(200);
    let third = granted["refresh_token"].as_str().expect("a token");

    agent.bring(&first).must_be_problem(401, "invalid_credentials");
    agent.bring(third).must_be_problem(401, "invalid_credentials");
    agent.bring(&second).must_be_problem(401, "invalid_credentials");
    until("the stolen login's access token is refused", || (list(stage, &survivor).status == 401).then_some(()));
}

/// Every part of the app waits for the last one before it sends.
fn all_at_once(agent: &Person, token: &str) -> Vec<Answer> {
    let gate = Barrier::new(PARTS);
    thread::scope(|scope| {
        let part = || {
            gate.wait();
            until("a refresh is decided", || {
                let answer = agent.bring(token);
                if answer.status == 409 {
                    answer.must_be_problem(409, "in_progress");
                    return None;
                }
                Some(answer)
            })
        };
        let parts: Vec<_> = (0..PARTS).map(|_| scope.spawn(part)).collect();
        parts.into_iter().map(|part| part.join().expect("every part gets an answer")).collect()
    })
}

/// The one refresh token that all these answers have.
#[track_caller]
fn successor(answers: &[Answer]) -> String {
    let tokens: BTreeSet<String> = answers
        .iter()
        .map(|answer| answer.must_be(200)["refresh_token"].as_str().expect("a token").to_owned())
        .collect();
    assert_eq!(tokens.len(), 1, "one token has one successor");
    tokens.into_iter().next().expect("one")
}

/// A phone that the desk revokes is refused at the token endpoint at once, and by another function within a minute.
pub(crate) fn end_with_the_phone(stage: &Stage) {
    let agent = stage.enrol(&spare(stage, 2));
    let (token, refresh) = (agent.token(), agent.refresh_token());
    // From here on that function has a list of revocations which it believes for a while.
    list(stage, &token).must_be(200);
    let device_id = agent.device_id();
    let revoked = stage
        .person("desk", OPERATOR)
        .post(&format!("/api/v1/devices/{device_id}/revoke"), "phone-lost", &json!({}))
        .must_be(200);
    let stopwatch = stopwatch();
    assert_eq!(revoked["status"], "revoked", "{revoked}");
    agent.bring(&refresh).must_be_problem(401, "invalid_credentials");
    until("another function refuses the phone", || {
        let answer = list(stage, &token);
        if answer.status == 200 { None } else { Some(answer.must_be_problem(401, "unauthenticated")) }
    });
    assert!(stopwatch.elapsed().as_secs() < REVOKED_SECONDS, "it took {:?}", stopwatch.elapsed());
}

/// The agent's list of today, by a token as it is.
fn list(stage: &Stage, token: &str) -> Answer {
    let path = format!("/api/v1/deliveries?due={}&limit=1", today());
    stage.api.send("GET", &path, &[("authorization", &format!("Bearer {token}"))], None)
}
