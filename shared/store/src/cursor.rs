//! Cursors: where a list goes on, signed, and bound to the operator and the filters it was made for.

use data_encoding::BASE64URL_NOPAD;
use domain::{Failed, Flaw, SessionId};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::table::Item;

/// Bytes of the signature that are kept: 128 bits.
const TAG_BYTES: usize = 16;
/// What a page has unless told, and at most.
const DEFAULT_LIMIT: i32 = 25;
const MOST_LIMIT: i32 = 100;

/// The secret that signs cursors; all functions share it through the table.
#[derive(Clone)]
pub struct CursorKey(Vec<u8>);

/// Which page is asked for.
#[derive(Debug, Clone)]
pub struct PageRequest {
    /// How many items, from 1 to 100.
    pub limit: i32,
    /// Where to go on.
    pub cursor: Option<String>,
}

impl PageRequest {
    /// The page that a query asks for.
    ///
    /// # Errors
    /// [`Failed::Malformed`] for a limit beyond 1 to 100.
    pub fn new(limit: Option<&str>, cursor: Option<String>) -> Result<Self, Failed> {
        let limit = match limit {
            None => DEFAULT_LIMIT,
            Some(text) => text.parse().ok().filter(|limit| (1..=MOST_LIMIT).contains(limit)).ok_or_else(|| {
                let detail = format!("must be a whole number from 1 to {MOST_LIMIT}");
                Failed::malformed(Flaw::new("limit", "invalid_filter", detail))
            })?,
        };
        Ok(Self { limit, cursor })
    }
}

impl CursorKey {
    /// What stands in while no key was made yet: nothing can be signed with it.
    #[must_use]
    pub(crate) fn missing() -> Self {
        Self(vec![])
    }

    /// Whether no key was made yet.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.0.is_empty()
    }

    /// What proves to us that our own page sent a request, not another page with the browser's cookie: an HMAC of the
    /// login (OWASP Cross-Site Request Forgery Prevention, "signed double-submit").
    ///
    /// # Errors
    /// [`Failed::Fault`] when there is no key.
    pub fn csrf_token(&self, session_id: &SessionId) -> Result<String, Failed> {
        self.tag("csrf", session_id.as_str().as_bytes()).map(|tag| BASE64URL_NOPAD.encode(&tag))
    }

    /// A key of at least 32 bytes.
    ///
    /// # Errors
    /// [`Failed::Fault`] when it is shorter.
    pub fn new(bytes: Vec<u8>) -> Result<Self, Failed> {
        if bytes.len() < 32 { Err(Failed::fault("a cursor key has at least 32 bytes")) } else { Ok(Self(bytes)) }
    }

    /// The bytes, to be kept.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn tag(&self, scope: &str, payload: &[u8]) -> Result<Vec<u8>, Failed> {
        if self.0.is_empty() {
            return Err(Failed::fault("no key for cursors yet: the first tick of key-rotate makes one"));
        }
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).map_err(|_| Failed::fault("a cursor key without length"))?;
        mac.update(&(scope.len() as u64).to_be_bytes());
        mac.update(scope.as_bytes());
        mac.update(payload);
        let tag = mac.finalize().into_bytes();
        Ok(tag.get(..TAG_BYTES).unwrap_or_default().to_vec())
    }

    /// The cursor that goes on behind a key, for lists of this scope only.
    pub(crate) fn seal(&self, scope: &str, last: Option<Item>) -> Result<Option<String>, Failed> {
        let Some(last) = last else { return Ok(None) };
        let payload = serde_json::to_vec(&last.strings()).map_err(Failed::fault)?;
        let mut bytes = self.tag(scope, &payload)?;
        bytes.extend(payload);
        Ok(Some(BASE64URL_NOPAD.encode(&bytes)))
    }

    /// The key that a cursor goes on behind.
    pub(crate) fn open(&self, scope: &str, cursor: Option<&str>) -> Result<Option<Item>, Failed> {
        let Some(cursor) = cursor else { return Ok(None) };
        let refused = || {
            let flaw = Flaw::new("cursor", "invalid_cursor", "this cursor was not made for this list");
            Failed::malformed(flaw.with_hint("start again without a cursor"))
        };
        if self.0.is_empty() {
            return Err(refused());
        }
        let bytes = BASE64URL_NOPAD.decode(cursor.as_bytes()).map_err(|_| refused())?;
        let (tag, payload) = bytes.split_at_checked(TAG_BYTES).ok_or_else(refused)?;
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).map_err(|_| Failed::fault("a cursor key without length"))?;
        mac.update(&(scope.len() as u64).to_be_bytes());
        mac.update(scope.as_bytes());
        mac.update(payload);
        mac.verify_truncated_left(tag).map_err(|_| refused())?;
        let strings = serde_json::from_slice(payload).map_err(|_| refused())?;
        Ok(Some(Item::of_strings(strings)))
    }
}
