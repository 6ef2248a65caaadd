//! Tokens: Ed25519-signed JWTs that carry who somebody is, checked without asking anybody.

use std::collections::BTreeMap;

use domain::{Caller, Failed, OperatorName, RegionName, Timestamp, access::Role};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use store::TrustAnchors;

/// How long an access token is good, in seconds.
pub const ACCESS_SECONDS: i64 = 600;
/// How long a login can be refreshed, in seconds: 30 days.
pub const REFRESH_SECONDS: i64 = 30 * 86_400;
/// How far two clocks may be apart, in seconds.
const LEEWAY_SECONDS: i64 = 60;
/// No token of ours comes near this.
const MOST_BYTES: usize = 8 * 1024;
/// `typ` of an access token (RFC 9068).
const ACCESS: &str = "at+jwt";
/// `typ` of a refresh token.
const REFRESH: &str = "rt+jwt";

/// Who issues tokens, and for whom.
#[derive(Debug, Clone)]
pub struct Realm {
    /// `iss`.
    pub issuer: String,
    /// `aud`.
    pub audience: String,
}

/// What an access token says.
#[derive(Debug, Serialize, Deserialize)]
struct AccessClaims {
    iss: String,
    aud: String,
    sub: String,
    operator: OperatorName,
    role: Role,
    regions: Vec<RegionName>,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: String,
}

/// What a refresh token says: nothing but which session it stands for.
#[derive(Debug, Serialize, Deserialize)]
struct RefreshClaims {
    iss: String,
    aud: String,
    operator: OperatorName,
    sid: String,
    nbf: i64,
    exp: i64,
}

/// Checks tokens.
#[derive(Clone)]
pub struct Verifier {
    keys: BTreeMap<String, DecodingKey>,
    validation: Validation,
}

const REFUSED: Failed = Failed::Unauthenticated { code: "unauthenticated" };

impl Verifier {
    /// A verifier that believes these keys.
    ///
    /// # Errors
    /// [`Failed::Fault`] when one of them is no Ed25519 key.
    pub fn new(anchors: &TrustAnchors, realm: &Realm) -> Result<Self, Failed> {
        let keys = anchors
            .keys
            .values()
            .map(|key| Ok((key.kid.clone(), DecodingKey::from_ed_components(&key.x)?)))
            .collect::<Result<_, jsonwebtoken::errors::Error>>()
            .map_err(Failed::fault)?;
        // Time is checked below against the gateway's clock, not against the machine's.
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.set_issuer(&[&realm.issuer]);
        validation.set_audience(&[&realm.audience]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud"]);
        Ok(Self { keys, validation })
    }

    /// Who the bearer of an `Authorization` header is.
    ///
    /// # Errors
    /// [`Failed::Unauthenticated`] for everything that is not a good access token.
    pub fn caller(&self, authorization: Option<&str>, now: Timestamp) -> Result<Caller, Failed> {
        let (scheme, token) = authorization.and_then(|header| header.split_once(' ')).ok_or(REFUSED)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(REFUSED);
        }
        let claims: AccessClaims = self.claims(token, ACCESS)?;
        self.in_time(claims.nbf, claims.exp, now)?;
        Ok(Caller { operator: claims.operator, role: claims.role, subject: claims.sub, regions: claims.regions })
    }

    /// Which session a refresh token stands for.
    ///
    /// # Errors
    /// [`Failed::Unauthenticated`] for everything that is not a good refresh token.
    pub fn session(&self, token: &str, now: Timestamp) -> Result<(OperatorName, String), Failed> {
        let claims: RefreshClaims = self.claims(token, REFRESH)?;
        self.in_time(claims.nbf, claims.exp, now)?;
        Ok((claims.operator, claims.sid))
    }

    /// The algorithm is that of our keys, whatever the token says; a key is looked up among ours and never taken from
    /// the token (RFC 8725, sections 3.1 and 3.10).
    fn claims<T: DeserializeOwned>(&self, token: &str, kind: &str) -> Result<T, Failed> {
        if token.len() > MOST_BYTES {
            return Err(REFUSED);
        }
        let header = decode_header(token).map_err(|_| REFUSED)?;
        if header.typ.as_deref() != Some(kind) || header.alg != Algorithm::EdDSA || header.crit.is_some() {
            return Err(REFUSED);
        }
        let key = header.kid.as_deref().and_then(|kid| self.keys.get(kid)).ok_or(REFUSED)?;
        let token = decode::<T>(token, key, &self.validation).map_err(|_| REFUSED)?;
        Ok(token.claims)
    }

    fn in_time(&self, not_before: i64, expires: i64, now: Timestamp) -> Result<(), Failed> {
        let now = now.as_seconds();
        let begun = not_before <= now.saturating_add(LEEWAY_SECONDS);
        let over = expires <= now.saturating_sub(LEEWAY_SECONDS);
        if begun && !over { Ok(()) } else { Err(REFUSED) }
    }
}

/// Signs tokens.
#[derive(Clone)]
pub struct Signer {
    realm: Realm,
    kid: String,
    key: EncodingKey,
}

/// The signing key as Secrets Manager keeps it.
#[derive(Debug, Serialize, Deserialize)]
pub struct SigningSecret {
    /// Names the key in a token's header.
    pub kid: String,
    /// Ed25519 private key, PKCS#8 DER in base64.
    pub pkcs8: String,
}

impl Signer {
    /// A signer with the key of a secret.
    ///
    /// # Errors
    /// [`Failed::Fault`] when the secret holds no key.
    pub fn new(secret: &SigningSecret, realm: Realm) -> Result<Self, Failed> {
        let der = data_encoding::BASE64.decode(secret.pkcs8.as_bytes()).map_err(Failed::fault)?;
        Ok(Self { realm, kid: secret.kid.clone(), key: EncodingKey::from_ed_der(&der) })
    }

    /// An access token for somebody; `id` is unique per token.
    ///
    /// # Errors
    /// [`Failed::Fault`] when it cannot be signed.
    pub fn access(&self, caller: &Caller, id: &str, now: Timestamp) -> Result<String, Failed> {
        let now = now.as_seconds();
        let claims = AccessClaims {
            iss: self.realm.issuer.clone(),
            aud: self.realm.audience.clone(),
            sub: caller.subject.clone(),
            operator: caller.operator.clone(),
            role: caller.role,
            regions: caller.regions.clone(),
            iat: now,
            nbf: now,
            exp: now.saturating_add(ACCESS_SECONDS),
            jti: id.to_owned(),
        };
        self.sign(ACCESS, &claims)
    }

    /// A refresh token for a session.
    ///
    /// # Errors
    /// [`Failed::Fault`] when it cannot be signed.
    pub fn refresh(&self, operator: &OperatorName, session: &str, now: Timestamp) -> Result<String, Failed> {
        let now = now.as_seconds();
        let claims = RefreshClaims {
            iss: self.realm.issuer.clone(),
            aud: self.realm.audience.clone(),
            operator: operator.clone(),
            sid: session.to_owned(),
            nbf: now,
            exp: now.saturating_add(REFRESH_SECONDS),
        };
        self.sign(REFRESH, &claims)
    }

    fn sign<T: Serialize>(&self, kind: &str, claims: &T) -> Result<String, Failed> {
        let header =
            Header { typ: Some(kind.to_owned()), kid: Some(self.kid.clone()), ..Header::new(Algorithm::EdDSA) };
        encode(&header, claims, &self.key).map_err(Failed::fault)
    }
}

/// A fresh key pair: the secret to be kept, the public key to be published.
///
/// # Errors
/// [`Failed::Fault`] when the machine has no randomness.
pub fn generate_key_pair(kid: &str) -> Result<(SigningSecret, store::PublicKey), Failed> {
    use aws_lc_rs::{
        rand::SystemRandom,
        signature::{Ed25519KeyPair, KeyPair},
    };
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(Failed::fault)?;
    let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).map_err(Failed::fault)?;
    let secret = SigningSecret { kid: kid.to_owned(), pkcs8: data_encoding::BASE64.encode(pkcs8.as_ref()) };
    let x = data_encoding::BASE64URL_NOPAD.encode(pair.public_key().as_ref());
    Ok((secret, store::PublicKey { kid: kid.to_owned(), x }))
}
