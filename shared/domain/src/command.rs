//! A command: what somebody asked to change, under a key that makes asking twice the same as asking once.

use std::collections::BTreeMap;

use data_encoding::BASE64URL_NOPAD;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{Caller, OperatorName, Route, Timestamp};

/// Who asks before anybody knows who it is.
const STRANGER: &str = "stranger";

/// One request to change state, as the doors understood it.
#[derive(Debug, Clone)]
pub struct Command {
    /// The tenant.
    pub operator: OperatorName,
    /// Who asks: the token's subject, the program, or the job's name.
    pub principal: String,
    /// What they do, for the audit row.
    pub role: String,
    /// The function's name, which stands for one method and path template: with operator, principal and key the scope of
    /// a repeat.
    pub route: String,
    /// The `Idempotency-Key`, or what makes a job's message the same message.
    pub key: String,
    /// What was asked, to tell a repeat from another request under the same key.
    pub fingerprint: Fingerprint,
    /// When the request reached us.
    pub at: Timestamp,
    /// The request that carries the command; a repeat has another one.
    pub request_id: String,
    /// The path that was called, or the job's name: what a refusal is an instance of.
    pub instance: String,
    /// Why, in the words of whoever asks, where the route takes a reason.
    pub reason: Option<String>,
}

impl Command {
    /// The command that a caller's request is.
    #[must_use]
    pub fn of_request(
        caller: &Caller,
        route: &Route,
        key: String,
        fingerprint: Fingerprint,
        at: Timestamp,
        request_id: String,
        instance: String,
    ) -> Self {
        Self {
            operator: caller.operator.clone(),
            principal: caller.principal().to_owned(),
            role: caller.role.as_str().to_owned(),
            route: route.function.to_owned(),
            key,
            fingerprint,
            at,
            request_id,
            instance,
            reason: None,
        }
    }

    /// The command of somebody who has no token yet: a request is the key to itself.
    #[must_use]
    pub fn of_stranger(operator: OperatorName, route: &Route, at: Timestamp, request_id: String) -> Self {
        Self {
            operator,
            principal: STRANGER.to_owned(),
            role: STRANGER.to_owned(),
            route: route.function.to_owned(),
            key: request_id.clone(),
            fingerprint: Fingerprint::of_text(&request_id),
            at,
            request_id,
            instance: route.template.to_owned(),
            reason: None,
        }
    }

    /// The command that a job carries out for an operator; `key` is what makes two messages the same work.
    #[must_use]
    pub fn of_job(operator: OperatorName, job: &str, key: &str, at: Timestamp, request_id: String) -> Self {
        Self {
            operator,
            principal: job.to_owned(),
            role: "job".to_owned(),
            route: job.to_owned(),
            key: key.to_owned(),
            fingerprint: Fingerprint::of_text(key),
            at,
            request_id,
            instance: job.to_owned(),
            reason: None,
        }
    }

    /// The command with the reason that was given for it, for the audit.
    #[must_use]
    pub fn because(self, reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..self }
    }

    /// What ids are minted from: the scope of the key, so that two commands never share one.
    #[must_use]
    pub fn seed(&self) -> [&[u8]; 4] {
        [self.operator.as_str().as_bytes(), self.principal.as_bytes(), self.route.as_bytes(), self.key.as_bytes()]
    }
}

/// What a request asked, in a form that is cheap to keep and can name what differs: a SHA-256 of the whole,
/// and for each leaf of path and body its JSON pointer with the first four bytes of its own SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// SHA-256 over the canonical request, base64url.
    pub whole: String,
    /// `pointer=hash` of each leaf, sorted, one a line.
    pub leaves: String,
}

impl Fingerprint {
    /// The fingerprint of path parameters and a typed body.
    ///
    /// # Errors
    /// When the body cannot be written as JSON, which a typed body always can.
    pub fn of<B: Serialize>(path: &BTreeMap<String, String>, body: &B) -> Result<Self, serde_json::Error> {
        let mut leaves = BTreeMap::new();
        for (name, value) in path {
            leaves.insert(format!("{{{name}}}"), value.clone());
        }
        collect("", &serde_json::to_value(body)?, &mut leaves);
        let mut whole = Sha256::new();
        let mut lines = Vec::with_capacity(leaves.len());
        for (pointer, value) in &leaves {
            whole.update((pointer.len() as u64).to_be_bytes());
            whole.update(pointer.as_bytes());
            whole.update((value.len() as u64).to_be_bytes());
            whole.update(value.as_bytes());
            let digest = Sha256::digest(value.as_bytes());
            lines.push(format!("{pointer}={}", data_encoding::HEXLOWER.encode(digest.get(..4).unwrap_or_default())));
        }
        Ok(Self { whole: BASE64URL_NOPAD.encode(&whole.finalize()), leaves: lines.join("\n") })
    }

    /// The fingerprint of a job's key, which says everything there is to say about the work.
    #[must_use]
    pub fn of_text(text: &str) -> Self {
        Self { whole: BASE64URL_NOPAD.encode(&Sha256::digest(text.as_bytes())), leaves: String::new() }
    }

    /// Pointers whose values differ between two requests, sorted.
    #[must_use]
    pub fn differences(&self, leaves: &str) -> Vec<String> {
        let parse = |text: &str| -> BTreeMap<String, String> {
            text.lines()
                .filter_map(|line| line.rsplit_once('=').map(|(pointer, hash)| (pointer.to_owned(), hash.to_owned())))
                .collect()
        };
        let (ours, theirs) = (parse(&self.leaves), parse(leaves));
        let mut pointers: Vec<String> =
            ours.iter().filter(|(pointer, hash)| theirs.get(*pointer) != Some(hash)).map(|(p, _)| p.clone()).collect();
        pointers.extend(theirs.keys().filter(|pointer| !ours.contains_key(*pointer)).cloned());
        pointers.sort();
        pointers
    }
}

/// Notes every leaf below a value; what is `null` is as if it were not there.
fn collect(pointer: &str, value: &Value, leaves: &mut BTreeMap<String, String>) {
    match value {
        Value::Null => {}
        Value::Object(members) => {
            for (name, member) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                collect(&format!("{pointer}/{name}"), member, leaves);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(&format!("{pointer}/{index}"), item, leaves);
            }
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            leaves.insert(pointer.to_owned(), value.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fingerprint(body: &Value) -> Fingerprint {
        Fingerprint::of(&BTreeMap::from([("delivery_id".to_owned(), "dlv_1".to_owned())]), body).unwrap()
    }

    #[test]
    fn the_order_of_members_makes_no_other_request() {
        let one = fingerprint(&json!({"a": 1, "b": {"c": "x"}}));
        let other = fingerprint(&serde_json::from_str(r#"{"b": {"c": "x"}, "a": 1}"#).unwrap());
        assert_eq!(one, other);
    }

    #[test]
    fn what_differs_is_named_by_pointer() {
        let first = fingerprint(&json!({"amount": {"amount_minor": 1, "currency": "INR"}, "note": "x"}));
        let second = fingerprint(&json!({"amount": {"amount_minor": 2, "currency": "INR"}, "list": ["y"]}));
        assert_ne!(first.whole, second.whole);
        assert_eq!(second.differences(&first.leaves), ["/amount/amount_minor", "/list/0", "/note"]);
    }

    #[test]
    fn a_number_and_its_text_are_two_requests() {
        assert_ne!(fingerprint(&json!({"a": 1})).whole, fingerprint(&json!({"a": "1"})).whole);
    }
}
