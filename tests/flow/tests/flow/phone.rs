//! A phone: a key that never leaves it, and the proofs that it signs (RFC 9449).

use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::patience::now;

/// A phone with its key.
pub(crate) struct Phone {
    key: Ed25519KeyPair,
    proofs: AtomicU64,
}

impl Phone {
    /// A phone out of the box.
    pub(crate) fn new() -> Self {
        Self { key: Ed25519KeyPair::generate().expect("random numbers"), proofs: AtomicU64::new(0) }
    }

    /// The proof that this phone itself sends a POST to that address, for what the nonce names.
    pub(crate) fn proof(&self, address: &str, nonce: &str) -> String {
        let key = BASE64URL_NOPAD.encode(self.key.public_key().as_ref());
        let number = self.proofs.fetch_add(1, Ordering::Relaxed);
        let jti = format!("{key}.{number}");
        let head = json!({"typ": "dpop+jwt", "alg": "EdDSA", "jwk": {"kty": "OKP", "crv": "Ed25519", "x": key}});
        let claims = json!({"htm": "POST", "htu": address, "iat": now().as_second(), "jti": jti, "nonce": nonce});
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
