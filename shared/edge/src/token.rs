//! Tokens: Ed25519-signed JWTs that carry who somebody is.
//!
//! Reading follows RFC 8725: the algorithm is that of the key, the key is looked up among ours and never taken from the
//! token, and a token that is not written exactly as ours are is none. So `crit`, `jku`, `x5u` and `jwk` lead nowhere: a
//! header that has them is not ours, and nothing it names is ever fetched.

use data_encoding::BASE64URL_NOPAD;
use domain::{
    Caller, ClientId, DeviceId, Failed, OperatorName, RegionName, SessionId, Timestamp, UserId,
    access::{Authentication, Role},
    session::CONSOLE_SECONDS,
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};

/// How long an access token is good, in seconds.
pub const ACCESS_SECONDS: i64 = 600;
/// How far two clocks may be apart, in seconds.
const LEEWAY_SECONDS: i64 = 60;
/// No token of ours comes near this.
const MOST_BYTES: usize = 8 * 1024;
/// `typ` of an access token (RFC 9068).
const ACCESS: &str = "at+jwt";
/// `typ` of the console's cookie.
const CONSOLE: &str = "session+jwt";
/// `alg` of every token of ours.
const ALGORITHM: &str = "EdDSA";

/// Who issues tokens, and for whom.
#[derive(Debug, Clone)]
pub struct Realm {
    /// `iss`.
    pub issuer: String,
    /// `aud`.
    pub audience: String,
}

/// What a token of ours is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// For the `Authorization` header.
    Access,
    /// For the console's cookie.
    Console,
}

impl Use {
    fn typ(self) -> &'static str {
        match self {
            Self::Access => ACCESS,
            Self::Console => CONSOLE,
        }
    }

    /// How long such a token is good, in seconds.
    #[must_use]
    pub fn seconds(self) -> i64 {
        match self {
            Self::Access => ACCESS_SECONDS,
            Self::Console => CONSOLE_SECONDS,
        }
    }
}

/// The header of a token of ours, whole.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    typ: String,
    alg: String,
    kid: String,
}

/// What a token says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    operator: OperatorName,
    role: Role,
    regions: Vec<RegionName>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    sid: Option<SessionId>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    device_id: Option<DeviceId>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    client_id: Option<ClientId>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    user_id: Option<UserId>,
    /// How often the rights of whom it is for had changed.
    #[serde(rename = "gen")]
    generation: u64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    scope: Option<String>,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: String,
}

/// What refuses everything that is not a good token, with one code for every reason.
pub(crate) const REFUSED: Failed = Failed::Unauthenticated { code: "unauthenticated" };

/// A part of a JWT: base64url without padding, in the one spelling that its bytes have (RFC 7515, section 2).
fn part(text: &str) -> Result<Vec<u8>, Failed> {
    BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| REFUSED)
}

/// The name of the key that a token of this use says it was signed with. Nothing is believed yet.
///
/// # Errors
/// [`Failed::Unauthenticated`] for what cannot be a token of ours.
pub(crate) fn key_of(token: &str, intent: Use) -> Result<String, Failed> {
    let mut parts = token.split('.');
    let (Some(head), Some(claims), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(REFUSED);
    };
    if token.len() > MOST_BYTES {
        return Err(REFUSED);
    }
    let head: Head = serde_json::from_slice(&part(head)?).map_err(|_| REFUSED)?;
    part(claims)?;
    part(signature)?;
    if head.typ == intent.typ() && head.alg == ALGORITHM { Ok(head.kid) } else { Err(REFUSED) }
}

/// Who a token says that its bearer is, checked with the key that it names.
///
/// # Errors
/// [`Failed::Unauthenticated`] for everything that is not a good token of this realm now.
pub(crate) fn read(token: &str, key: &store::PublicKey, realm: &Realm, now: Timestamp) -> Result<Caller, Failed> {
    let key = DecodingKey::from_ed_components(&key.x).map_err(Failed::fault)?;
    // Time is checked below against the gateway's clock, not against the machine's.
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.set_issuer(&[&realm.issuer]);
    validation.set_audience(&[&realm.audience]);
    validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud"]);
    let claims = decode::<Claims>(token, &key, &validation).map_err(|_| REFUSED)?.claims;
    let seconds = now.as_seconds();
    let begun = claims.nbf <= seconds.saturating_add(LEEWAY_SECONDS);
    let over = claims.exp <= seconds.saturating_sub(LEEWAY_SECONDS);
    if !begun || over {
        return Err(REFUSED);
    }
    let mut caller = Caller::new(claims.operator, claims.role, claims.sub, claims.regions);
    caller.authentication = Authentication {
        session_id: claims.sid,
        device_id: claims.device_id,
        client_id: claims.client_id,
        user_id: claims.user_id,
        scopes: claims.scope.map(|scope| scope.split(' ').map(str::to_owned).collect()),
        generation: claims.generation,
        by_cookie: false,
    };
    Ok(caller)
}

/// Signs tokens.
#[derive(Clone)]
pub struct Signer {
    realm: Realm,
    kid: String,
    key: EncodingKey,
}

/// The signing key as Secrets Manager keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SigningSecret {
    /// Names the key in a token's header.
    pub kid: String,
    /// Ed25519 private key, PKCS#8 DER in base64.
    pub pkcs8: String,
    /// When it was made.
    pub created_at: Timestamp,
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

    /// A token for somebody; `id` is unique per token.
    ///
    /// # Errors
    /// [`Failed::Fault`] when it cannot be signed.
    pub fn sign(&self, intent: Use, caller: &Caller, id: &str, now: Timestamp) -> Result<String, Failed> {
        let now = now.as_seconds();
        let authentication = &caller.authentication;
        let claims = Claims {
            iss: self.realm.issuer.clone(),
            aud: self.realm.audience.clone(),
            sub: caller.subject.clone(),
            operator: caller.operator.clone(),
            role: caller.role,
            regions: caller.regions.clone(),
            sid: authentication.session_id.clone(),
            device_id: authentication.device_id.clone(),
            client_id: authentication.client_id.clone(),
            user_id: authentication.user_id.clone(),
            generation: authentication.generation,
            scope: authentication.scopes.as_ref().map(|scopes| scopes.join(" ")),
            iat: now,
            nbf: now,
            exp: now.saturating_add(intent.seconds()),
            jti: id.to_owned(),
        };
        let typ = Some(intent.typ().to_owned());
        let header = Header { typ, kid: Some(self.kid.clone()), ..Header::new(Algorithm::EdDSA) };
        encode(&header, &claims, &self.key).map_err(Failed::fault)
    }

    /// An access token for somebody; `id` is unique per token.
    ///
    /// # Errors
    /// [`Failed::Fault`] when it cannot be signed.
    pub fn access(&self, caller: &Caller, id: &str, now: Timestamp) -> Result<String, Failed> {
        self.sign(Use::Access, caller, id, now)
    }
}

/// A fresh key pair: the secret to be kept, the public key to be published.
///
/// # Errors
/// [`Failed::Fault`] when the machine has no randomness.
pub fn generate_key_pair(kid: &str, now: Timestamp) -> Result<(SigningSecret, store::PublicKey), Failed> {
    use aws_lc_rs::{
        rand::SystemRandom,
        signature::{Ed25519KeyPair, KeyPair},
    };
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(Failed::fault)?;
    let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).map_err(Failed::fault)?;
    let pkcs8 = data_encoding::BASE64.encode(pkcs8.as_ref());
    let secret = SigningSecret { kid: kid.to_owned(), pkcs8, created_at: now };
    let x = BASE64URL_NOPAD.encode(pair.public_key().as_ref());
    Ok((secret, store::PublicKey { kid: kid.to_owned(), x, created_at: now, retired_at: None }))
}
