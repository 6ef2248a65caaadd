//! The one shape of every "no": RFC 9457 problem details, and the one table from failure class to status and words.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{Failed, Flaw, Refusal};

/// Where the types are explained; the last part of a type is its code.
const TYPES: &str = "https://milepost.dev/problems/";

/// Seconds after which a call that met others at the same thing is worth repeating.
const BUSY_RETRY_SECONDS: u32 = 1;
/// Seconds after which a call that found something behind us silent is worth repeating.
const LATER_RETRY_SECONDS: u32 = 2;

/// A problem document (RFC 9457) with Milepost's own members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// `https://milepost.dev/problems/<code>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The same words for every problem of the type.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong this time.
    pub detail: String,
    /// The path that was called.
    pub instance: String,
    /// Stable code; `docs/FAILURES.md` has them all.
    pub code: String,
    /// Whether the very same request can succeed later.
    pub retryable: bool,
    /// What to quote when asking about it.
    pub request_id: String,
    /// Everything wrong with what was sent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    pub errors: Vec<Flaw>,
    /// The facts of a refusal, such as `legal_moves`.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub facts: Map<String, Value>,
}

/// What a failure comes to on the wire.
struct Row {
    status: u16,
    code: &'static str,
    title: &'static str,
    retryable: bool,
}

/// Code of the first flaw, which names a malformed request.
fn first_code(flaws: &[Flaw]) -> &'static str {
    flaws.first().map_or("malformed_json", |flaw| flaw.code)
}

/// The one table from failure class to status.
fn row(failed: &Failed) -> Row {
    let (status, code, title, retryable) = match failed {
        Failed::Malformed(flaws) => (400, first_code(flaws), "The request is not of the shape this route takes", false),
        Failed::Invalid(_) => (422, "invalid", "The request has a value that is not allowed", false),
        Failed::Unauthenticated { code } => (401, *code, "The credentials are missing or not valid", false),
        Failed::Forbidden => (403, "forbidden", "This role may not call this route", false),
        Failed::OutOfScope { .. } => (403, "insufficient_scope", "The token does not reach this far", false),
        Failed::CrossSite => (403, "csrf_token_missing", "A cookie alone changes nothing", false),
        Failed::Unknown => (404, "unknown", "There is no such thing", false),
        Failed::TooLarge { .. } => (413, "body_too_large", "The body is too large", false),
        Failed::UnsupportedMediaType => (415, "unsupported_media_type", "The body must be JSON", false),
        Failed::Refused(refusal) => (refusal.status(), refusal.code(), "A rule does not allow this", false),
        Failed::KeyReused { .. } => {
            (422, "idempotency_key_reused", "The idempotency key was used for another request", false)
        }
        Failed::Moved | Failed::InProgress => (409, "in_progress", "Others are writing the same thing", true),
        Failed::VersionNotNamed => (428, "if_match_missing", "An edit names the version that it edits", false),
        Failed::VersionPassed => (412, "version_passed", "It has been edited since", false),
        Failed::Limited(_) => (429, "too_many_requests", "Too many requests", true),
        Failed::Later(_) => (503, "unavailable", "Something behind this service does not answer", true),
        Failed::Fault(_) => (500, "fault", "A fault in this service", true),
    };
    Row { status, code, title, retryable }
}

impl Problem {
    /// The document for a failure.
    #[must_use]
    pub fn of(failed: &Failed, instance: &str, request_id: &str) -> Self {
        let Row { status, code, title, retryable } = row(failed);
        let errors = match failed {
            Failed::Malformed(flaws) | Failed::Invalid(flaws) => flaws.clone(),
            Failed::KeyReused { pointers } => pointers
                .iter()
                .map(|pointer| Flaw::new(pointer.as_str(), "differs", "differs from the first request under this key"))
                .collect(),
            Failed::Unauthenticated { .. }
            | Failed::Forbidden
            | Failed::OutOfScope { .. }
            | Failed::CrossSite
            | Failed::Unknown
            | Failed::TooLarge { .. }
            | Failed::UnsupportedMediaType
            | Failed::Refused(_)
            | Failed::Moved
            | Failed::InProgress
            | Failed::VersionNotNamed
            | Failed::VersionPassed
            | Failed::Limited(_)
            | Failed::Later(_)
            | Failed::Fault(_) => vec![],
        };
        let facts = if let Failed::Refused(refusal) = failed {
            facts(refusal)
        } else if let Failed::Unauthenticated { code } = failed {
            oauth_error(code).map(|error| ("error".to_owned(), error.into())).into_iter().collect()
        } else {
            Map::new()
        };
        let detail = match errors.as_slice() {
            [] => failed.to_string(),
            [only] => format!("{}: {}", only.pointer, only.detail),
            several => format!("{} things are wrong; see errors", several.len()),
        };
        Self {
            kind: format!("{TYPES}{code}"),
            title: title.to_owned(),
            status,
            detail,
            instance: instance.to_owned(),
            code: code.to_owned(),
            retryable,
            request_id: request_id.to_owned(),
            errors,
            facts,
        }
    }

    /// The document as JSON.
    ///
    /// # Errors
    /// When it cannot be written, which a problem always can.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

/// Seconds to wait before the same request is worth repeating, if waiting helps.
#[must_use]
pub fn retry_after_seconds(failed: &Failed) -> Option<u32> {
    match failed {
        Failed::Moved | Failed::InProgress => Some(BUSY_RETRY_SECONDS),
        Failed::Limited(allowance) => Some(allowance.retry_after_seconds),
        Failed::Later(_) => Some(LATER_RETRY_SECONDS),
        Failed::Malformed(_)
        | Failed::Invalid(_)
        | Failed::Unauthenticated { .. }
        | Failed::Forbidden
        | Failed::OutOfScope { .. }
        | Failed::CrossSite
        | Failed::VersionNotNamed
        | Failed::VersionPassed
        | Failed::Unknown
        | Failed::TooLarge { .. }
        | Failed::UnsupportedMediaType
        | Failed::Refused(_)
        | Failed::KeyReused { .. }
        | Failed::Fault(_) => None,
    }
}

/// What RFC 6749, section 5.2, calls a refusal of the token endpoint.
fn oauth_error(code: &str) -> Option<&'static str> {
    match code {
        "invalid_credentials" | "totp_required" | "proof_required" => Some("invalid_grant"),
        _ => None,
    }
}

/// What a refusal knows, without its code.
fn facts(refusal: &Refusal) -> Map<String, Value> {
    match serde_json::to_value(refusal) {
        Ok(Value::Object(mut members)) => {
            members.remove("code");
            members.remove("status");
            members
        }
        Ok(_) | Err(_) => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::throttle::Allowance;

    #[test]
    fn a_refusal_brings_its_facts_and_never_a_second_status() {
        let refused = Failed::Refused(Refusal::IllegalTransition {
            status: "pending".into(),
            legal_moves: vec!["assigned".into(), "cancelled".into()],
        });
        let document = serde_json::to_value(Problem::of(&refused, "/api/v1/x", "r1")).unwrap();
        assert_eq!(document["status"], 409);
        assert_eq!(document["code"], "illegal_transition");
        assert_eq!(document["legal_moves"], serde_json::json!(["assigned", "cancelled"]));
    }

    #[test]
    fn a_fault_says_nothing_of_its_cause() {
        let fault = Failed::fault("password=hunter2");
        let text = Problem::of(&fault, "/", "r1").to_json().unwrap();
        assert!(!text.contains("hunter2"), "{text}");
    }

    #[test]
    fn waiting_is_advised_exactly_where_repeating_can_help_soon() {
        for (failed, after) in [
            (Failed::InProgress, Some(1)),
            (Failed::Limited(Allowance { retry_after_seconds: 7, ..Allowance::default() }), Some(7)),
            (Failed::Later("x".into()), Some(2)),
            (Failed::Unknown, None),
            (Failed::Forbidden, None),
        ] {
            assert_eq!(retry_after_seconds(&failed), after);
        }
    }
}
