//! The key that signs seals: ES256 (RFC 7518, section 3.4), which is ECDSA on P-256 with SHA-256.
//!
//! The nonce of a signature is derived from key and message (RFC 6979): signing needs no randomness, and the same seal
//! has the same signature whoever makes it.

use data_encoding::BASE64URL_NOPAD;
use p256::ecdsa::{
    Signature, SigningKey, VerifyingKey,
    signature::{Signer as _, Verifier as _},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Failed, Timestamp,
    id::Sha256Hex,
    seal::{Forged, Seal, Sealed},
};

/// Bytes of a private key, and of each coordinate of a public one.
pub const KEY_BYTES: usize = 32;
/// What an uncompressed point begins with (SEC 1, section 2.3.3).
const UNCOMPRESSED: u8 = 4;
/// Digits of a key's digest in its name.
const NAME_DIGITS: usize = 24;

/// A public key of seals, as a JWK (RFC 7518, section 6.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SealKey {
    /// `EC`.
    pub kty: String,
    /// `P-256`.
    pub crv: String,
    /// Its name: `seal-` and the first 24 digits of the SHA-256 of its point.
    pub kid: String,
    /// `ES256`.
    pub alg: String,
    /// The point, base64url.
    pub x: String,
    /// The point, base64url.
    pub y: String,
}

fn name_of(point: &[u8]) -> String {
    format!("seal-{}", Sha256Hex::of(point).as_str().get(..NAME_DIGITS).unwrap_or_default())
}

impl SealKey {
    fn of(key: &VerifyingKey) -> Self {
        let point = key.to_sec1_point(false);
        let coordinates = point.as_bytes().get(1..).unwrap_or_default();
        let (x, y) = coordinates.split_at_checked(KEY_BYTES).unwrap_or_default();
        let text = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        let kid = name_of(point.as_bytes());
        let [kty, crv, alg] = ["EC", "P-256", "ES256"].map(str::to_owned);
        Self { kty, crv, kid, alg, x: text(x), y: text(y) }
    }

    /// The key of this name.
    ///
    /// # Errors
    /// [`Forged::Key`] when there is none.
    pub fn among<'a>(keys: &'a [Self], kid: &str) -> Result<&'a Self, Forged> {
        keys.iter().find(|key| key.kid == kid).ok_or_else(|| Forged::Key { named: kid.to_owned() })
    }

    fn verifier(&self) -> Option<VerifyingKey> {
        let coordinate =
            |text: &str| BASE64URL_NOPAD.decode(text.as_bytes()).ok().filter(|bytes| bytes.len() == KEY_BYTES);
        let mut point = vec![UNCOMPRESSED];
        point.extend(coordinate(&self.x)?);
        point.extend(coordinate(&self.y)?);
        // A name stands for one point: nobody passes another key off under a name that is trusted.
        (self.kid == name_of(&point)).then(|| VerifyingKey::from_sec1_bytes(&point).ok()).flatten()
    }

    /// Passes when this key signed the seal.
    ///
    /// # Errors
    /// [`Forged::Key`] when the seal names another one, [`Forged::NoKey`] when this is none, [`Forged::Signature`] when the
    /// signature is not of this key and this seal.
    pub fn verify(&self, sealed: &Sealed) -> Result<(), Forged> {
        if sealed.seal.kid != self.kid {
            return Err(Forged::Key { named: sealed.seal.kid.clone() });
        }
        let key = self.verifier().ok_or_else(|| Forged::NoKey { kid: self.kid.clone() })?;
        let signature = BASE64URL_NOPAD.decode(sealed.signature.as_bytes()).ok();
        let signature = signature.and_then(|bytes| Signature::from_slice(&bytes).ok());
        let held = match (sealed.seal.text(), signature) {
            (Ok(text), Some(signature)) => key.verify(text.as_bytes(), &signature).is_ok(),
            _ => false,
        };
        if held { Ok(()) } else { Err(Forged::Signature { sequence: sealed.seal.sequence }) }
    }
}

/// The private key as Secrets Manager keeps it.
#[derive(Clone, Serialize, Deserialize)]
pub struct SealSecret {
    /// Its name.
    pub kid: String,
    /// The private key, base64url: `d` of RFC 7518, section 6.2.2.
    pub d: String,
    /// When it was made.
    pub created_at: Timestamp,
}

impl SealSecret {
    /// The key of these random bytes.
    ///
    /// # Errors
    /// [`Failed::Fault`] when they are no key, which of 2^32 random ones not one is: take others.
    pub fn of(bytes: &[u8; KEY_BYTES], created_at: Timestamp) -> Result<Self, Failed> {
        let key = SigningKey::from_slice(bytes).map_err(|_| Failed::fault("bytes that are no key of P-256"))?;
        let SealKey { kid, .. } = SealKey::of(key.verifying_key());
        Ok(Self { kid, d: BASE64URL_NOPAD.encode(bytes), created_at })
    }

    /// What signs with it.
    ///
    /// # Errors
    /// [`Failed::Fault`] when the secret holds no key, or another one than its name says.
    pub fn signer(&self) -> Result<SealSigner, Failed> {
        let bytes = BASE64URL_NOPAD.decode(self.d.as_bytes()).map_err(Failed::fault)?;
        let key = SigningKey::from_slice(&bytes).map_err(|_| Failed::fault("a secret that is no key of P-256"))?;
        let public = SealKey::of(key.verifying_key());
        if public.kid != self.kid {
            return Err(Failed::fault("a secret whose key has another name"));
        }
        Ok(SealSigner { key, public })
    }
}

/// Signs seals.
#[derive(Clone)]
pub struct SealSigner {
    key: SigningKey,
    public: SealKey,
}

impl SealSigner {
    /// Its public half.
    #[must_use]
    pub fn public(&self) -> &SealKey {
        &self.public
    }

    /// A seal with its signature.
    ///
    /// # Errors
    /// [`Failed::Fault`] when the seal names another key, or cannot be written as JSON, which it always can.
    pub fn sign(&self, seal: Seal) -> Result<Sealed, Failed> {
        if seal.kid != self.public.kid {
            return Err(Failed::fault("a seal is signed by the key that it names"));
        }
        let signature = self.signature(seal.text().map_err(Failed::fault)?.as_bytes());
        Ok(Sealed { seal, signature })
    }

    fn signature(&self, bytes: &[u8]) -> String {
        let signature: Signature = self.key.sign(bytes);
        BASE64URL_NOPAD.encode(&signature.to_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::nothing_before;

    /// The key of RFC 6979, appendix A.2.5.
    const D: &str = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";

    fn signer(d: &str) -> SealSigner {
        let bytes = data_encoding::HEXLOWER.decode(d.as_bytes()).unwrap().try_into().unwrap();
        SealSecret::of(&bytes, Timestamp::EPOCH).unwrap().signer().unwrap()
    }

    fn seal(kid: &str) -> Seal {
        let operator = "pennco".parse().unwrap();
        Seal::behind(None, &operator, Timestamp::EPOCH, &[], Timestamp::EPOCH, kid).unwrap()
    }

    #[test]
    fn signatures_and_points_are_those_of_rfc_6979() {
        let signer = signer(D);
        let hex = |text: &str| data_encoding::HEXLOWER.encode(&BASE64URL_NOPAD.decode(text.as_bytes()).unwrap());
        let SealKey { x, y, .. } = signer.public();
        assert_eq!(hex(x), "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6");
        assert_eq!(hex(y), "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299");
        let wanted = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716\
                      f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";
        assert_eq!(hex(&signer.signature(b"sample")), wanted);
    }

    #[test]
    fn a_seal_is_believed_by_its_own_key_and_as_it_was_signed() {
        let (own, other) = (signer(D), signer(&D.replace('c', "d")));
        let sealed = own.sign(seal(&own.public().kid)).unwrap();
        assert_eq!(sealed.seal.before, nothing_before());
        own.public().verify(&sealed).unwrap();
        assert_eq!(own.sign(sealed.seal.clone()).unwrap(), sealed, "the same seal has the same signature");
        assert!(matches!(other.public().verify(&sealed), Err(Forged::Key { .. })));
        assert!(other.sign(sealed.seal.clone()).is_err(), "a seal that names another key");
        let passed_off = SealKey { kid: own.public().kid.clone(), ..other.public().clone() };
        assert!(matches!(passed_off.verify(&sealed), Err(Forged::NoKey { .. })));
        let changed = Sealed { seal: Seal { leaf_count: 1, ..sealed.seal.clone() }, ..sealed.clone() };
        assert!(matches!(own.public().verify(&changed), Err(Forged::Signature { sequence: 0 })));
        for signature in ["", "AAAA", &other.signature(sealed.seal.text().unwrap().as_bytes())] {
            let forged = Sealed { signature: signature.to_owned(), ..sealed.clone() };
            assert!(matches!(own.public().verify(&forged), Err(Forged::Signature { .. })), "{signature}");
        }
    }
}
