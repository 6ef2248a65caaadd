//! Proofs of possession (RFC 9449): a phone signs what it asks the token endpoint for with a key that never leaves it, so
//! that a refresh token alone is worth nothing.
//!
//! RFC 9449 bounds a proof's age by the clock of the phone. Phones in villages are hours off. Here the `nonce` is the
//! challenge or the refresh token that the proof goes with, and either of them can be used once: an old proof proves
//! nothing new.

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode,
    jwk::{Jwk, ThumbprintHash},
};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// No proof of a phone comes near this.
const MOST_BYTES: usize = 4 * 1024;

/// The header of a proof.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    typ: String,
    alg: Algorithm,
    jwk: Value,
}

/// What a proof says. `jti` and `iat` must be there (RFC 9449, section 4.2), and say nothing that the nonce does not.
#[derive(Deserialize)]
struct Claims {
    htm: String,
    htu: String,
    nonce: String,
    #[serde(rename = "jti")]
    _jti: String,
    #[serde(rename = "iat")]
    _iat: i64,
}

/// The key of a phone that has just shown that it holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct ProvenKey {
    /// The public key, as the proof had it.
    pub jwk: Value,
    /// Its thumbprint (RFC 7638): the same for the same key, however it is written.
    pub thumbprint: String,
}

/// What a proof that goes with a refresh token has as its nonce.
#[must_use]
pub fn nonce_of(refresh_token: &str) -> String {
    BASE64URL_NOPAD.encode(&Sha256::digest(refresh_token.as_bytes()))
}

/// The key that signed a proof for this method, path and nonce.
#[must_use]
pub fn read(proof: &str, method: &str, path: &str, nonce: &str) -> Option<ProvenKey> {
    if proof.len() > MOST_BYTES {
        return None;
    }
    let head = BASE64URL_NOPAD.decode(proof.split('.').next()?.as_bytes()).ok()?;
    let head: Head = serde_json::from_slice(&head).ok()?;
    // What a phone's hardware signs with: P-256 in every one, Ed25519 in recent ones.
    if head.typ != "dpop+jwt" || !matches!(head.alg, Algorithm::ES256 | Algorithm::EdDSA) || head.jwk.get("d").is_some()
    {
        return None;
    }
    let jwk: Jwk = serde_json::from_value(head.jwk.clone()).ok()?;
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    let mut validation = Validation::new(head.alg);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.set_required_spec_claims::<&str>(&[]);
    let claims = decode::<Claims>(proof, &key, &validation).ok()?.claims;
    // The gateway's host and stage stand in front of the path, and differ from one way in to the next.
    let is_ours = claims.htm == method && claims.htu.ends_with(path) && claims.nonce == nonce;
    let thumbprint = jwk.thumbprint(ThumbprintHash::SHA256).ok()?;
    is_ours.then_some(ProvenKey { jwk: head.jwk, thumbprint })
}
