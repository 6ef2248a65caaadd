//! A phone as the API knows it: a key that never leaves it, and the proofs that it signs (RFC 9449).

use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{Stopped, clock};

/// A phone with its key.
#[derive(Debug)]
pub(crate) struct Phone {
    /// What its owner calls it.
    pub(crate) name: String,
    key: Ed25519KeyPair,
    proofs: AtomicU64,
}

impl Phone {
    /// A phone out of the box: its key is made in it, and is not drawn from the seed, because a phone enrols only once.
    pub(crate) fn new(name: &str) -> Result<Self, Stopped> {
        let key = Ed25519KeyPair::generate().map_err(|_| Stopped::NoKey)?;
        Ok(Self { name: name.to_owned(), key, proofs: AtomicU64::new(0) })
    }

    /// The proof that this phone itself sends a POST to that address, for what the nonce names.
    pub(crate) fn proof(&self, address: &str, nonce: &str) -> String {
        let key = BASE64URL_NOPAD.encode(self.key.public_key().as_ref());
        let number = self.proofs.fetch_add(1, Ordering::Relaxed);
        let head =
            json!({"typ": "dpop+jwt", "alg": "EdDSA", "jwk": {"kty": "OKP", "crv": "Ed25519", "x": key.as_str()}});
        let claims = json!({
            "htm": "POST", "htu": address, "iat": clock::now().as_second(), "jti": format!("{key}.{number}"),
            "nonce": nonce,
        });
        let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let signed = format!("{}.{}", part(&head), part(&claims));
        let signature = self.key.sign(signed.as_bytes());
        format!("{signed}.{}", BASE64URL_NOPAD.encode(signature.as_ref()))
    }
}

/// What a proof names that goes with a refresh token.
pub(crate) fn nonce_of(refresh_token: &str) -> String {
    BASE64URL_NOPAD.encode(&Sha256::digest(refresh_token))
}

#[cfg(test)]
pub(crate) mod tests {
    use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

    use super::*;

    /// What a proof says and the key that signed it, if the signature is right.
    pub(crate) fn read(proof: &str) -> Option<(Value, String)> {
        let (signed, signature) = proof.rsplit_once('.')?;
        let (head, claims) = signed.split_once('.')?;
        let json = |part: &str| -> Option<Value> {
            serde_json::from_slice(&BASE64URL_NOPAD.decode(part.as_bytes()).ok()?).ok()
        };
        let head = json(head)?;
        let key = head.pointer("/jwk/x")?.as_str()?.to_owned();
        let is_whole = head
            == json!({"typ": "dpop+jwt", "alg": "EdDSA", "jwk": {"kty": "OKP", "crv": "Ed25519", "x": key.as_str()}});
        let bytes = BASE64URL_NOPAD.decode(key.as_bytes()).ok()?;
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?;
        let public = UnparsedPublicKey::new(&ED25519, &bytes);
        let is_signed = bytes.len() == 32 && public.verify(signed.as_bytes(), &signature).is_ok();
        (is_whole && is_signed).then_some((json(claims)?, key))
    }

    #[test]
    fn a_proof_is_signed_by_the_key_that_it_shows_and_names_address_and_nonce() {
        let phone = Phone::new("Phone of Agent 001").unwrap();
        let (claims, key) = read(&phone.proof("http://localhost/stage/api/v1/auth/token", "otp_1")).unwrap();
        assert_eq!(claims["htm"], "POST");
        assert_eq!(claims["htu"], "http://localhost/stage/api/v1/auth/token");
        assert_eq!(claims["nonce"], "otp_1");
        assert!(claims["iat"].is_i64() && claims["jti"].is_string(), "{claims}");
        let (again, same_key) = read(&phone.proof("http://localhost/stage/api/v1/auth/token", "otp_1")).unwrap();
        assert_ne!(claims["jti"], again["jti"], "no two proofs are one");
        assert_eq!(key, same_key);
        let (_, another) = read(&Phone::new("another").unwrap().proof("a", "b")).unwrap();
        assert_ne!(key, another);
    }

    #[test]
    fn a_proof_that_was_changed_proves_nothing() {
        let proof = Phone::new("phone").unwrap().proof("http://localhost", "otp_1");
        let mut parts: Vec<&str> = proof.split('.').collect();
        let claims = BASE64URL_NOPAD.encode(br#"{"nonce":"otp_2"}"#);
        parts[1] = &claims;
        assert_eq!(read(&parts.join(".")), None);
    }

    #[test]
    fn a_refresh_token_is_named_by_its_digest() {
        assert_eq!(nonce_of("abc"), "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
    }
}
