//! Where sent SMS can be read: a local emulator keeps them, and this client looks over the agents' shoulders.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;
use ureq::Agent;

use crate::{caller::escaped, clock, wire::Base};

/// An inbox is beside the emulator: it answers at once or not at all.
const TIME_OUT: Duration = Duration::from_secs(10);
/// The longest pause between two looks.
const LONGEST_GLANCE_MILLIS: u64 = 1_000;

/// The SMS of every number.
#[derive(Debug)]
pub(crate) struct Inbox {
    url: String,
    http: Agent,
    patience: Duration,
}

#[derive(Deserialize)]
struct Kept {
    sms_messages: BTreeMap<String, Vec<Sms>>,
}

#[derive(Deserialize)]
struct Sms {
    #[serde(rename = "Message")]
    message: String,
}

impl Inbox {
    /// The inbox at an address; who waits for an SMS waits so many seconds at most.
    pub(crate) fn at(url: &str, patience_seconds: u32) -> Self {
        let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(TIME_OUT)).build();
        let patience = Duration::from_secs(u64::from(patience_seconds));
        Self { url: url.to_owned(), http: config.into(), patience }
    }

    /// Where the emulator keeps SMS that the API hangs on.
    pub(crate) fn of_the_emulator(base: &Base) -> String {
        format!("http://{}:{}/_ministack/sns/sms-messages", base.host, base.port)
    }

    /// How many SMS a number has.
    pub(crate) fn count(&self, number: &str) -> Result<usize, String> {
        Ok(self.messages(number)?.len())
    }

    /// The code in the newest SMS of a number, once it has more than so many.
    pub(crate) fn code_after(&self, number: &str, seen: usize) -> Result<String, String> {
        let deadline = clock::tick() + self.patience;
        let mut glance_millis = 200;
        loop {
            let messages = self.messages(number)?;
            if let Some(newest) = messages.get(seen..).and_then(<[String]>::last) {
                return code_in(newest).ok_or_else(|| "the SMS does not begin with six digits".to_owned());
            }
            if clock::tick() >= deadline {
                return Err(format!("no SMS came in {} s, looked at {}", self.patience.as_secs(), self.url));
            }
            clock::pause(glance_millis);
            glance_millis = (glance_millis * 3 / 2).min(LONGEST_GLANCE_MILLIS);
        }
    }

    /// What was sent to a number, oldest first.
    fn messages(&self, number: &str) -> Result<Vec<String>, String> {
        let unreadable = |why: String| format!("sent SMS cannot be read at {}: {why}", self.url);
        let url = format!("{}?phoneNumber={}", self.url, escaped(number));
        let mut answer = self.http.get(&url).call().map_err(|broken| unreadable(broken.to_string()))?;
        let status = answer.status().as_u16();
        if status != 200 {
            return Err(unreadable(format!("answered {status}")));
        }
        let text = answer.body_mut().read_to_string().map_err(|broken| unreadable(broken.to_string()))?;
        let mut kept: Kept = serde_json::from_str(&text).map_err(|wrong| unreadable(wrong.to_string()))?;
        let sent = kept.sms_messages.remove(number).unwrap_or_default();
        Ok(sent.into_iter().map(|sms| sms.message).collect())
    }
}

/// The code of an SMS: the six digits that it begins with.
fn code_in(message: &str) -> Option<String> {
    let code = message.split(' ').next().unwrap_or_default();
    (code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit())).then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::double::{Double, Reply};

    const NUMBER: &str = "+919800000001";

    fn holding(codes: &[&str]) -> Reply {
        let sent: Vec<String> = codes
            .iter()
            .map(|code| format!(r#"{{"Message":"{code} is your Milepost code.","Subject":null}}"#))
            .collect();
        Reply::json(200, &format!(r#"{{"sms_messages":{{"{NUMBER}":[{}]}},"region":"ap-south-1"}}"#, sent.join(",")))
    }

    #[test]
    fn the_code_is_the_one_that_came_after_it_was_asked_for() {
        let double = Double::answering(|request, count| {
            assert!(request.head.contains("?phoneNumber=%2B919800000001 "), "{}", request.head);
            if count < 3 { holding(&["000001"]) } else { holding(&["000001", "123456"]) }
        });
        let inbox = Inbox::at(&double.url(), 60);
        assert_eq!(inbox.count(NUMBER), Ok(1));
        assert_eq!(inbox.code_after(NUMBER, 1), Ok("123456".to_owned()));
    }

    #[test]
    fn whoever_waits_in_vain_is_told_where_they_looked() {
        let double = Double::answering(|_, _| holding(&[]));
        let why = Inbox::at(&double.url(), 0).code_after(NUMBER, 0).unwrap_err();
        assert!(why.contains("no SMS came") && why.contains(&double.url()), "{why}");
        let gone = Double::answering(|_, _| Reply::problem(404, "unknown"));
        assert!(Inbox::at(&gone.url(), 0).count(NUMBER).unwrap_err().contains("answered 404"));
    }

    #[test]
    fn an_sms_without_a_code_is_no_code() {
        assert_eq!(code_in("Your code is 123456"), None);
        assert_eq!(code_in("12345 is your Milepost code"), None);
        assert_eq!(code_in("012345 is your Milepost code, good for 5 minutes."), Some("012345".to_owned()));
    }

    #[test]
    fn the_emulators_inbox_is_beside_the_api() {
        let base = Base::parse("http://localhost:4566/_aws/execute-api/abc/local").unwrap();
        assert_eq!(Inbox::of_the_emulator(&base), "http://localhost:4566/_ministack/sns/sms-messages");
    }
}
