//! Alterations: rows of the ledger and of the history, which nothing ever changes, that somebody changed or took away.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Timestamp, id::Sha256Hex, seal::Fate};

/// A row that did not stay as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alteration {
    /// The SHA-256 of what is sealed of the row, as it was before somebody altered it for the first time.
    pub before: Sha256Hex,
    /// When that was, in whole seconds, as a stream has it.
    pub since: Timestamp,
    /// When the row expires by itself; nothing for one that stays for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

impl Alteration {
    /// What a change altered, by what is sealed of the row before it and after it, if the row is there after it. Nothing
    /// when what is sealed stayed as it was.
    #[must_use]
    pub fn of(before: &Value, after: Option<&Value>, since: Timestamp) -> Option<Self> {
        if after == Some(before) {
            return None;
        }
        let expires_at =
            before.get("expires").and_then(Value::as_i64).map(|seconds| Timestamp::EPOCH.plus_seconds(seconds));
        Some(Self { before: digest(before), since, expires_at })
    }

    /// What became of the row, by what is sealed of it as it is now. Nothing when it is again as it was written, or when it
    /// has expired meanwhile, as it would have in any case.
    #[must_use]
    pub fn fate(&self, row: Option<&Value>, now: Timestamp) -> Option<Fate> {
        match row {
            Some(row) => (digest(row) != self.before).then_some(Fate::Changed),
            None => self.expires_at.is_none_or(|at| now < at).then_some(Fate::Missing),
        }
    }
}

/// The digest of a row as JSON without spaces, its members sorted.
fn digest(row: &Value) -> Sha256Hex {
    Sha256Hex::of(row.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const EXPIRES: i64 = 1_829_802_600;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::EPOCH.plus_seconds(seconds)
    }

    #[test]
    fn a_row_that_was_changed_or_is_gone_is_altered_until_it_is_again_as_it_was() {
        let (before, after) = (json!({ "reason": "salary" }), json!({ "reason": "bribe" }));
        for changed in [Some(&after), None] {
            let altered = Alteration::of(&before, changed, at(5)).unwrap();
            assert_eq!(altered.fate(Some(&after), at(9)), Some(Fate::Changed));
            assert_eq!(altered.fate(None, at(9)), Some(Fate::Missing));
            assert_eq!(altered.fate(Some(&before), at(9)), None);
        }
    }

    #[test]
    fn a_change_that_leaves_what_is_sealed_as_it_was_alters_nothing() {
        let row = json!({ "at": "now", "body": { "b": 1, "a": 2 } });
        assert_eq!(Alteration::of(&row, Some(&json!({ "body": { "a": 2, "b": 1 }, "at": "now" })), at(5)), None);
    }

    #[test]
    fn a_row_that_would_have_expired_by_now_is_not_missed() {
        let before = json!({ "body": "{}", "expires": EXPIRES });
        let altered = Alteration::of(&before, Some(&json!({ "body": "{}", "expires": 1 })), at(5)).unwrap();
        for (now, fate) in [(2, Some(Fate::Missing)), (EXPIRES - 1, Some(Fate::Missing)), (EXPIRES, None)] {
            assert_eq!(altered.fate(None, at(now)), fate, "{now}");
        }
        assert_eq!(altered.fate(Some(&json!({ "body": "x" })), at(EXPIRES + 1)), Some(Fate::Changed));
    }
}
