//! An agent logs in: asks for a code, reads the SMS, types it in on a phone that proves itself. One is clumsy.

use std::sync::Arc;

use crate::{
    caller::Caller,
    login::{self, Code, Denied, Granted, Means},
    phone::Phone,
    run::Run,
    wire::Ask,
};

/// How an agent types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hands {
    Careful,
    /// Forgets the proof, mistypes the code, and types it in once more when it is used up.
    Clumsy,
}

/// Logs an agent in on a phone.
pub(crate) fn on_a_phone(run: &Run, username: &str, phone: Phone, hands: Hands) -> Result<Caller, Denied> {
    let phone = Arc::new(phone);
    let granted = let_in(run, username, &phone, hands)?;
    Ok(Caller::new(username, means(run, phone), granted))
}

/// What an agent proves to be one with.
pub(crate) fn means(run: &Run, phone: Arc<Phone>) -> Means {
    Means::Phone { phone, inbox: run.inbox.clone() }
}

/// Brings a code, and another one if the answer to the first was lost: a code is good once.
pub(crate) fn let_in(run: &Run, username: &str, phone: &Phone, hands: Hands) -> Result<Granted, Denied> {
    let code = ask_for_code(run, username)?;
    let bring = |code: &Code| login::by_code(&run.wire.base, username, code, phone);
    if hands == Hands::Clumsy {
        fumble(run, username, phone, &code);
    }
    let granted = match login::grant(&run.wire, &bring(&code)) {
        Err(denied) if denied.may_have_been_granted() => {
            login::grant(&run.wire, &bring(&ask_for_code(run, username)?))?
        }
        granted => granted?,
    };
    if hands == Hands::Clumsy {
        guess(run, username, "a code that is used up", &bring(&code));
    }
    run.tally.event(&granted.who.operator, "device.enrolled");
    Ok(granted)
}

fn ask_for_code(run: &Run, username: &str) -> Result<Code, Denied> {
    let code = login::ask_for_code(&run.wire, &run.inbox, username)?;
    run.tally.event(operator_of(username), "otp.requested");
    if code.broke_before {
        run.tally.unknown.one();
    }
    Ok(code)
}

/// What goes wrong before the code is typed in rightly: none of it lets anybody in, and none of it uses the code up.
fn fumble(run: &Run, username: &str, phone: &Phone, code: &Code) {
    let bare = Ask { proof: None, ..login::by_code(&run.wire.base, username, code, phone) };
    login::must_be_refused(run, username, "a code without a phone's proof", &bare, "proof_required");
    let wrong = Code { digits: mistyped(&code.digits), ..code.clone() };
    guess(run, username, "a mistyped code", &login::by_code(&run.wire.base, username, &wrong, phone));
}

/// A guess at a code, which is refused and reported.
fn guess(run: &Run, username: &str, mistake: &'static str, ask: &Ask) {
    if login::must_be_refused(run, username, mistake, ask, "invalid_credentials") {
        run.tally.event(operator_of(username), "session.refused");
    }
}

pub(crate) fn operator_of(username: &str) -> &str {
    username.rsplit('@').next().unwrap_or_default()
}

/// The code with its last digit one higher.
fn mistyped(digits: &str) -> String {
    let (kept, last) = digits.split_at(digits.len().saturating_sub(1));
    let last: u32 = last.parse().unwrap_or_default();
    format!("{kept}{}", (last + 1) % 10)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        double::{Double, Reply},
        findings::Rule,
        phone::tests::read,
    };

    const GRANTED: &str = r#"{"access_token":"a","expires_in":600,"refresh_token":"r","device_id":"dev_1",
        "principal":{"operator":"pennco","role":"agent","subject":"agt_1","regions":["pune-north"]}}"#;

    /// A server with one number, one challenge and one code, which is good once and only with a proof.
    fn server() -> Double {
        let (asked, used) = (std::sync::atomic::AtomicBool::new(false), std::sync::atomic::AtomicBool::new(false));
        let order = std::sync::atomic::Ordering::SeqCst;
        Double::answering(move |request, _| {
            if request.head.starts_with("GET ") {
                let sms =
                    if asked.load(order) { json!([{"Message": "123459 is your Milepost code."}]) } else { json!([]) };
                return Reply::json(200, &json!({"sms_messages": {"+919800000001": sms}}).to_string());
            }
            if request.head.contains("/auth/otp ") {
                asked.store(true, order);
                return Reply::json(202, r#"{"challenge_id":"otp_1","expires_in":300}"#);
            }
            let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
            let proof = request.header("dpop").and_then(read);
            if proof.is_none_or(|(claims, _)| claims["nonce"] != "otp_1") {
                return Reply::problem(401, "proof_required");
            }
            if body["code"] != "123459" || used.swap(true, order) {
                return Reply::problem(401, "invalid_credentials");
            }
            Reply::json(200, GRANTED)
        })
    }

    #[test]
    fn a_clumsy_agent_gets_in_all_the_same_and_every_mistake_is_refused() {
        let server = server();
        let run = Run::with_inbox(&server.url(), &server.url());
        let phone = Phone::new("Phone of Agent 001").unwrap();
        let agent = on_a_phone(&run, "+919800000001@pennco", phone, Hands::Clumsy).unwrap();
        assert_eq!(agent.who.subject, "agt_1");
        assert_eq!(run.findings.violations(), []);
        assert!(run.findings.refusals().values().all(|planted| planted.planted == planted.refused));
        assert_eq!(run.findings.refusals().len(), 3);
        let counted =
            ["otp.requested", "session.refused", "device.enrolled"].map(|event| run.tally.of("pennco", event));
        assert_eq!(counted, [1, 2, 1]);
    }

    #[test]
    fn a_server_that_takes_any_code_from_anybody_is_found_out() {
        let server = Double::answering(|request, count| match count {
            0 => Reply::json(200, r#"{"sms_messages":{}}"#),
            1 => Reply::json(202, r#"{"challenge_id":"otp_1"}"#),
            _ if request.head.starts_with("GET ") => {
                Reply::json(200, r#"{"sms_messages":{"+919800000001":[{"Message":"000000 is your Milepost code."}]}}"#)
            }
            _ => Reply::json(200, GRANTED),
        });
        let run = Run::with_inbox(&server.url(), &server.url());
        on_a_phone(&run, "+919800000001@pennco", Phone::new("phone").unwrap(), Hands::Clumsy).unwrap();
        assert_eq!(run.findings.violations().iter().filter(|(rule, _)| *rule == Rule::V15).count(), 3);
    }

    #[test]
    fn a_mistyped_code_is_another_one() {
        assert_eq!([mistyped("123456"), mistyped("000009")], ["123457".to_owned(), "000000".to_owned()]);
    }
}
