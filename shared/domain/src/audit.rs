//! The audit: who did what to which thing, what it was before and after, and why.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{CommitId, Day, Role, Timestamp, id::Sha256Hex};

/// Attributes whose values are written nowhere but in their own record: hashes that somebody could try passwords on.
const SECRETS: [&str; 1] = ["password_hash"];
/// Attributes that say where a record lies, not what it is.
const PLACES: [&str; 6] = ["pk", "sk", "worklist_pk", "worklist_sk", "owner_pk", "owner_sk"];
/// Longest value that is kept as it is, in bytes of JSON: a note of 500 characters is not, a name or an amount is.
const MOST_VALUE_BYTES: usize = 160;
/// How many changes of one record are kept; more means that a record was rewritten, and its digest says so.
const MOST_CHANGES: usize = 24;

/// One place of a record that is not what it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// JSON pointer of the place.
    pub pointer: String,
    /// What was there; nothing when there was nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What is there now. A value of more than 160 bytes is its `sha256` and its length in `bytes`. Both values are left
    /// out where the caller may know that something changed, but not what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// The changes of one record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Changed {
    /// Which record, by its key without the operator: `delivery.dlv_…`.
    pub record: String,
    /// Its changes, by pointer.
    pub changes: Vec<Change>,
}

/// One accepted command, as the audit shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// The commit: sorts by the time it was written.
    pub commit_id: CommitId,
    /// When the request reached us; of a job, when its message was sent.
    pub at: Timestamp,
    /// Who: a user's, an agent's or a program's id, a job's name, or `stranger`.
    pub actor: String,
    /// What they do.
    pub role: String,
    /// What they did: the function.
    pub action: String,
    /// The thing it is about; empty for a refusal.
    pub subject: String,
    /// The status that was answered.
    pub status: u16,
    /// Why, where the command asks for a reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What was replaced; what was made new is in the answer, and has no before.
    pub changed: Vec<Changed>,
    /// The request that carried the command.
    pub request_id: String,
}

impl AuditEntry {
    /// The entry for somebody of this role. What lies in the records of people and programs is for admins, who alone may
    /// look at those; the others see that it changed.
    #[must_use]
    pub fn seen_by(mut self, role: Role) -> Self {
        if role == Role::Admin {
            return self;
        }
        let is_personal = |record: &str| record.starts_with("user.") || record.starts_with("client.");
        for change in self.changed.iter_mut().filter(|of| is_personal(&of.record)).flat_map(|of| &mut of.changes) {
            (change.before, change.after) = (None, None);
        }
        self
    }
}

/// Which entries an audit shows.
#[derive(Debug, Clone)]
pub struct AuditFilter {
    /// The day in UTC.
    pub day: Day,
    /// Who did it.
    pub actor: Option<String>,
    /// The thing it is about.
    pub subject: Option<String>,
}

/// What differs between two states of a record, by JSON pointer, in the order of the pointers.
#[must_use]
pub fn changes(before: &Value, after: &Value) -> Vec<Change> {
    let mut found = vec![];
    compare("", before, after, &mut found);
    if found.len() > MOST_CHANGES {
        let rest = found.split_off(MOST_CHANGES);
        let digest = |side: fn(&Change) -> &Option<Value>| -> Option<Value> {
            let sides: Vec<_> = rest.iter().map(|change| (&change.pointer, side(change))).collect();
            serde_json::to_value(sides).ok().map(|sides| digest_of(&sides.to_string()))
        };
        let (before, after) = (digest(|change| &change.before), digest(|change| &change.after));
        found.push(Change { pointer: String::new(), before, after });
    }
    found
}

fn compare(pointer: &str, before: &Value, after: &Value, found: &mut Vec<Change>) {
    if before == after {
        return;
    }
    // What came or went whole is told member by member, too.
    let none = Map::new();
    let (before, after) = match (before, after) {
        (Value::Object(before), Value::Object(after)) => (before, after),
        (Value::Null, Value::Object(after)) => (&none, after),
        (Value::Object(before), Value::Null) => (before, &none),
        _ => {
            found.push(Change { pointer: pointer.to_owned(), before: shown(before), after: shown(after) });
            return;
        }
    };
    let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        if pointer.is_empty() && PLACES.contains(&name.as_str()) {
            continue;
        }
        let at = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
        let side = |members: &Map<String, Value>| members.get(name).cloned().unwrap_or(Value::Null);
        if SECRETS.contains(&name.as_str()) {
            if side(before) != side(after) {
                found.push(Change { pointer: at, before: None, after: None });
            }
            continue;
        }
        compare(&at, &side(before), &side(after), found);
    }
}

/// A value as it is kept: what is long by its digest, what is not there not at all.
fn shown(value: &Value) -> Option<Value> {
    if value.is_null() {
        return None;
    }
    let text = value.to_string();
    Some(if text.len() > MOST_VALUE_BYTES || holds_secret(value) { digest_of(&text) } else { value.clone() })
}

/// Whether a whole object that came or went has a secret in it.
fn holds_secret(value: &Value) -> bool {
    match value {
        Value::Object(members) => {
            members.iter().any(|(name, member)| SECRETS.contains(&name.as_str()) || holds_secret(member))
        }
        Value::Array(items) => items.iter().any(holds_secret),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn digest_of(text: &str) -> Value {
    serde_json::json!({ "sha256": Sha256Hex::of(text.as_bytes()), "bytes": text.len() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn change(pointer: &str, before: &Value, after: &Value) -> Change {
        Change { pointer: pointer.to_owned(), before: shown(before), after: shown(after) }
    }

    #[test]
    fn what_differs_is_told_by_pointer_with_both_values() {
        let before =
            json!({ "status": "assigned", "amount": { "amount_minor": 5, "currency": "INR" }, "list": [1], "pk": "a" });
        let after = json!({ "status": "confirmed", "amount": { "amount_minor": 6, "currency": "INR" }, "list": [1, 2],
                            "agent/id": "x", "pk": "b" });
        let wanted = [
            change("/agent~1id", &Value::Null, &json!("x")),
            change("/amount/amount_minor", &json!(5), &json!(6)),
            change("/list", &json!([1]), &json!([1, 2])),
            change("/status", &json!("assigned"), &json!("confirmed")),
        ];
        assert_eq!(changes(&before, &after), wanted);
        assert_eq!(changes(&after, &after), []);
    }

    #[test]
    fn a_secret_is_named_and_never_shown() {
        let (before, after) = (json!({ "password_hash": "one" }), json!({ "password_hash": "two", "name": "A" }));
        let found = changes(&before, &after);
        assert_eq!(found[1], Change { pointer: "/password_hash".to_owned(), before: None, after: None });
        let whole = changes(&json!({}), &json!({ "user": { "password_hash": "two" } }));
        assert!(!serde_json::to_string(&whole).unwrap().contains("two"), "{whole:?}");
    }

    #[test]
    fn what_is_long_or_much_is_kept_by_its_digest() {
        let long = changes(&json!({ "note": "a" }), &json!({ "note": "b".repeat(500) }));
        assert_eq!(long[0].after.as_ref().unwrap()["bytes"], 502);
        let many: Value = (0..100).map(|n| (format!("field {n:03}"), json!(n))).collect::<Map<_, _>>().into();
        let found = changes(&json!({}), &many);
        assert_eq!((found.len(), found[24].pointer.as_str()), (25, ""));
        assert!(serde_json::to_string(&found).unwrap().len() < 2_000);
    }

    #[test]
    fn what_changed_of_a_person_is_for_admins() {
        let of = |record: &str| Changed {
            record: record.to_owned(),
            changes: changes(&json!({ "phone": "1" }), &json!({ "phone": "2" })),
        };
        let at = Timestamp::EPOCH;
        let entry = AuditEntry {
            commit_id: CommitId::mint(at, &[]),
            at,
            actor: String::new(),
            role: String::new(),
            action: String::new(),
            subject: String::new(),
            status: 200,
            reason: None,
            changed: vec![of("user.usr_1"), of("delivery.dlv_1")],
            request_id: String::new(),
        };
        assert_eq!(entry.clone().seen_by(Role::Admin), entry);
        let seen = entry.seen_by(Role::Settlement);
        assert_eq!(seen.changed[0].changes[0], Change { pointer: "/phone".to_owned(), before: None, after: None });
        assert_eq!(seen.changed[1].changes[0].after, Some(json!("2")));
    }
}
