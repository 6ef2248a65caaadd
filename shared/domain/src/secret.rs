//! Secrets that are derived, never kept: codes, tickets, refresh tokens and programs' secrets are all one HMAC under one
//! key that only Secrets Manager has. A copy of the tables gives nobody any of them.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::{ChallengeId, ClientId, EventId, Failed, OperatorName, SessionId, UserId, user::TOTP_BYTES};

/// Digits of a code that is sent by SMS.
const CODE_DIGITS: usize = 6;
/// The fewest bytes of the key: the strength of SHA-256.
const LEAST_KEY_BYTES: usize = 32;

/// The key that secrets are derived from.
#[derive(Clone)]
pub struct Pepper(Vec<u8>);

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper")
    }
}

/// A refresh token that was read: nothing is known of it yet but that it is ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// The tenant.
    pub operator: OperatorName,
    /// The login that it belongs to.
    pub session_id: SessionId,
    /// How many refreshes it stands behind.
    pub generation: u64,
}

impl Pepper {
    /// A key of at least 32 bytes.
    ///
    /// # Errors
    /// [`Failed::Fault`] when it is shorter.
    pub fn new(bytes: &[u8]) -> Result<Self, Failed> {
        if bytes.len() < LEAST_KEY_BYTES {
            return Err(Failed::fault("the key that secrets are derived from has at least 32 bytes"));
        }
        Ok(Self(bytes.to_vec()))
    }

    /// One secret: of a purpose, for what the parts name.
    fn derive(&self, purpose: &str, parts: &[&str]) -> Vec<u8> {
        // HMAC takes a key of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return vec![] };
        for part in std::iter::once(&purpose).chain(parts) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().to_vec()
    }

    fn text(&self, purpose: &str, parts: &[&str]) -> String {
        BASE64URL_NOPAD.encode(&self.derive(purpose, parts))
    }

    /// The code of a challenge: six digits, each equally likely but for two parts in a thousand million.
    #[must_use]
    pub fn code(&self, operator: &OperatorName, challenge_id: &ChallengeId) -> String {
        let derived = self.derive("code", &[operator.as_str(), challenge_id.as_str()]);
        let number = derived.iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        format!("{:0CODE_DIGITS$}", number % 1_000_000)
    }

    /// The ticket of an invitation or a reset, from the event that asks for it.
    #[must_use]
    pub fn ticket(&self, operator: &OperatorName, event_id: &EventId) -> String {
        self.text("ticket", &[operator.as_str(), event_id.as_str()])
    }

    /// The secret of somebody's second factor.
    #[must_use]
    pub fn totp_secret(&self, operator: &OperatorName, user_id: &UserId, generation: u64) -> [u8; TOTP_BYTES] {
        let derived = self.derive("totp", &[operator.as_str(), user_id.as_str(), &generation.to_string()]);
        let mut secret = [0; TOTP_BYTES];
        secret.iter_mut().zip(derived).for_each(|(to, from)| *to = from);
        secret
    }

    /// A program's secret; each rotation gives another.
    #[must_use]
    pub fn client_secret(&self, operator: &OperatorName, client_id: &ClientId, generation: u64) -> String {
        let secret = self.text("client", &[operator.as_str(), client_id.as_str(), &generation.to_string()]);
        format!("sec_{secret}")
    }

    /// The refresh token of a login after so many refreshes: always the same one.
    #[must_use]
    pub fn refresh_token(&self, token: &RefreshToken) -> String {
        let RefreshToken { operator, session_id, generation } = token;
        let tag = self.text("refresh", &[operator.as_str(), session_id.as_str(), &generation.to_string()]);
        format!("{operator}.{session_id}.{generation}.{tag}")
    }

    /// Reads a refresh token; one that is not written exactly as ours are is none.
    #[must_use]
    pub fn read_refresh_token(&self, text: &str) -> Option<RefreshToken> {
        let mut parts = text.split('.');
        let token = RefreshToken {
            operator: parts.next()?.parse().ok()?,
            session_id: parts.next()?.parse().ok()?,
            generation: parts.next()?.parse().ok()?,
        };
        same(&self.refresh_token(&token), text).then_some(token)
    }
}

/// Whether two secrets are the same, in a time that does not tell where they differ.
#[must_use]
pub fn same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    fn pepper() -> Pepper {
        Pepper::new(b"a key of more than thirty-two bytes").unwrap()
    }

    fn token(generation: u64) -> RefreshToken {
        let session_id = SessionId::mint(Timestamp::EPOCH, &[b"s"]);
        RefreshToken { operator: "pennco".parse().unwrap(), session_id, generation }
    }

    #[test]
    fn a_refresh_token_is_read_back_and_in_no_other_spelling() {
        let text = pepper().refresh_token(&token(7));
        assert_eq!(pepper().read_refresh_token(&text), Some(token(7)));
        let promoted = text.replacen(".7.", ".8.", 1);
        let padded = text.replacen(".7.", ".07.", 1);
        let plus = text.replacen(".7.", ".+7.", 1);
        let moved = text.replacen("pennco", "vishi", 1);
        let (longer, shorter) = (format!("{text}."), text[..text.len() - 1].to_owned());
        for bad in [promoted, padded, plus, moved, longer, shorter, String::new(), "....".to_owned()] {
            assert_eq!(pepper().read_refresh_token(&bad), None, "{bad}");
        }
        let other = Pepper::new(b"another key of thirty-two bytes!!").unwrap();
        assert_eq!(other.read_refresh_token(&text), None);
    }

    #[test]
    fn a_secret_is_of_its_purpose_and_of_what_it_is_for() {
        let operator = "pennco".parse().unwrap();
        let at = Timestamp::EPOCH;
        let (one, other) = (ChallengeId::mint(at, &[b"1"]), ChallengeId::mint(at, &[b"2"]));
        let code = pepper().code(&operator, &one);
        assert!(code.len() == 6 && code.bytes().all(|digit| digit.is_ascii_digit()), "{code}");
        assert_ne!(code, pepper().code(&operator, &other));
        let client_id = ClientId::mint(at, &[b"c"]);
        assert_ne!(pepper().client_secret(&operator, &client_id, 1), pepper().client_secret(&operator, &client_id, 2));
        assert!(Pepper::new(b"short").is_err());
    }
}
