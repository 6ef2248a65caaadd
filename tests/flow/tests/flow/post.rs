//! The post: SMS and mail, as the emulator keeps them instead of sending them.

use serde_json::Value;
use ureq::Agent;
use xtask::stack::Stack;

use crate::patience::until;

/// Where sent SMS and mail can be read.
pub(crate) struct Post {
    url: String,
    http: Agent,
}

/// A mail.
#[derive(Debug, Clone)]
pub(crate) struct Mail {
    pub(crate) to: Vec<String>,
    pub(crate) subject: String,
    pub(crate) text: String,
}

impl Mail {
    /// The ticket that stands in it, on a line of its own.
    pub(crate) fn ticket(&self, operator: &str) -> Option<String> {
        let begins = format!("{operator}.");
        self.text.lines().find(|line| line.starts_with(&begins)).map(str::to_owned)
    }
}

impl Post {
    /// The post of a stack.
    pub(crate) fn of(stack: &Stack) -> Self {
        Self { url: stack.emulator_url.clone(), http: Agent::config_builder().build().into() }
    }

    fn kept(&self, place: &str) -> Value {
        let url = format!("{}/_ministack/{place}", self.url);
        let mut answered = self.http.get(&url).call().unwrap_or_else(|error| panic!("{place}: {error}"));
        let body = answered.body_mut().with_config().limit(64 << 20).read_to_string().expect("an answer that ends");
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{place}: {error} in {body}"))
    }

    /// The SMS that were sent to a number, oldest first.
    pub(crate) fn sms(&self, number: &str) -> Vec<String> {
        let kept = self.kept(&format!("sns/sms-messages?phoneNumber={}", number.replace('+', "%2B")));
        texts(&kept["sms_messages"][number])
    }

    /// The code that a number gets when it had so many SMS before.
    #[track_caller]
    pub(crate) fn code_after(&self, number: &str, seen: usize) -> String {
        let sms =
            until(&format!("{number} gets a code"), || self.sms(number).get(seen..).and_then(<[_]>::last).cloned());
        code_in(&sms).unwrap_or_else(|| panic!("no code in `{sms}`"))
    }

    /// Every code that was sent to anybody.
    pub(crate) fn codes(&self) -> Vec<String> {
        let kept = self.kept("sns/sms-messages");
        let of_all = kept["sms_messages"].as_object().expect("numbers").values();
        of_all.flat_map(texts).filter_map(|sms| code_in(&sms)).collect()
    }

    /// Every mail, oldest first.
    pub(crate) fn mails(&self) -> Vec<Mail> {
        let kept = self.kept("ses/messages");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mail = |one: &Value| Mail {
            to: one["To"].as_array().map(|to| to.iter().map(text).collect()).unwrap_or_default(),
            subject: text(&one["Subject"]),
            text: text(&one["BodyText"]),
        };
        let of_all = kept["messages"].as_object().expect("accounts").values();
        of_all.flat_map(|mails| mails.as_array().expect("mails").iter().map(mail).collect::<Vec<_>>()).collect()
    }
}

fn texts(sent: &Value) -> Vec<String> {
    let sent = sent.as_array().map(Vec::as_slice).unwrap_or_default();
    sent.iter().filter_map(|sms| sms["Message"].as_str()).map(str::to_owned).collect()
}

/// The six digits that an SMS with a code begins with.
fn code_in(sms: &str) -> Option<String> {
    let code = sms.split(' ').next().unwrap_or_default();
    (code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit())).then(|| code.to_owned())
}
