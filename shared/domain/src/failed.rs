//! Why a call has no result: one closed list of failure classes, from which the doors derive status and fate.

use std::error::Error as StdError;

use crate::{Refusal, throttle::Allowance};

/// One thing wrong with what was sent, with the place it stands at.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Flaw {
    /// RFC 6901 JSON pointer into the body, or the name of a query parameter or header.
    pub pointer: String,
    /// Stable code.
    pub code: &'static str,
    /// What is wrong.
    pub detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Flaw {
    /// Something wrong at a place.
    #[must_use]
    pub fn new(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code, detail: detail.into(), hint: None }
    }

    /// The same with advice.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// What lies under a fault: kept for the log, never shown.
pub type Cause = Box<dyn StdError + Send + Sync>;

/// Why a call has no result.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The request is not of the shape this route takes (400). The code is that of the first flaw.
    #[error("the request is not of the shape this route takes")]
    Malformed(Vec<Flaw>),
    /// The shape is right, a value is not (422).
    #[error("a value is not allowed")]
    Invalid(Vec<Flaw>),
    /// Nobody we know (401).
    #[error("no valid credentials")]
    Unauthenticated {
        /// `unauthenticated`; at the token route `invalid_credentials`, `totp_required` or `proof_required`.
        code: &'static str,
    },
    /// Somebody who may not (403).
    #[error("this role may not call this route")]
    Forbidden,
    /// A program whose token does not name what it calls (403).
    #[error("the token does not name the scope {scope}")]
    OutOfScope {
        /// What it would have to name.
        scope: String,
    },
    /// A browser's cookie without the proof that our own page sent it (403).
    #[error("a cookie alone changes nothing: send X-CSRF-Token")]
    CrossSite,
    /// No such thing, or not theirs to know of (404).
    #[error("there is no such thing")]
    Unknown,
    /// The body is beyond the cap (413).
    #[error("the body is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The cap.
        limit_bytes: usize,
    },
    /// The body is not JSON (415).
    #[error("the body must be application/json")]
    UnsupportedMediaType,
    /// A business rule says no (409 or 422).
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The key was used for something else (422); these pointers differ.
    #[error("the idempotency key was used for another request")]
    KeyReused {
        /// Pointers whose values differ from the first request's.
        pointers: Vec<String>,
    },
    /// What was loaded has been changed by somebody else before it was written: load and decide again.
    #[error("what was read has moved on")]
    Moved,
    /// Others are writing the same thing at this moment (409 with `Retry-After`).
    #[error("others are writing the same thing")]
    InProgress,
    /// An edit that does not say which version it edits (428).
    #[error("an edit names the version that it edits: send If-Match with the ETag that you have seen")]
    VersionNotNamed,
    /// The version that was to be edited is not the latest any more (412).
    #[error("it has been edited since; load it again")]
    VersionPassed,
    /// Too much at once (429 with `Retry-After`).
    #[error("too many requests")]
    Limited(Allowance),
    /// Something behind us does not answer (503 with `Retry-After`).
    #[error("something behind this service does not answer")]
    Later(#[source] Cause),
    /// Our mistake (500).
    #[error("a fault in this service")]
    Fault(#[source] Cause),
}

impl Failed {
    /// A fault from its cause.
    pub fn fault(cause: impl Into<Cause>) -> Self {
        Self::Fault(cause.into())
    }

    /// One value that is not allowed.
    #[must_use]
    pub fn invalid(flaw: Flaw) -> Self {
        Self::Invalid(vec![flaw])
    }

    /// One thing wrong with the shape.
    #[must_use]
    pub fn malformed(flaw: Flaw) -> Self {
        Self::Malformed(vec![flaw])
    }
}
