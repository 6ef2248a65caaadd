//! Logins: a name and a password, or a refresh token, turned into tokens.

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use domain::{Caller, Failed, OperatorName, Timestamp, id::Sha256Hex, operator::User};
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::Sessions;
use utoipa::ToSchema;

use crate::token::{ACCESS_SECONDS, REFRESH_SECONDS, Signer, Verifier};

/// What may be done at the token door.
#[derive(Clone)]
pub struct Credentials {
    sessions: Sessions,
    verifier: Verifier,
    signer: Signer,
    /// Checked when there is no such login, so that "no such name" takes as long as "wrong password".
    decoy: String,
}

/// How somebody proves who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// A name and a password.
    Password,
    /// A login from before.
    RefreshToken,
}

/// A request for tokens.
#[derive(Clone, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// How somebody proves who they are.
    #[garde(skip)]
    pub grant_type: GrantType,
    /// `login@operator`, for a password.
    #[garde(length(max = 100))]
    #[serde(default)]
    pub username: Option<String>,
    /// The password.
    #[garde(length(max = 1000))]
    #[serde(default)]
    pub password: Option<String>,
    /// The login from before.
    #[garde(length(max = 8192))]
    #[serde(default)]
    pub refresh_token: Option<String>,
}

/// Tokens and whom they are for.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Tokens {
    /// For the `Authorization` header.
    pub access_token: String,
    /// `Bearer`.
    pub token_type: String,
    /// How long the access token is good, in seconds.
    pub expires_in: i64,
    /// For the next access token.
    pub refresh_token: String,
    /// Whom they are for.
    pub principal: Caller,
}

const REFUSED: Failed = Failed::Unauthenticated { code: "invalid_credentials" };

/// Argon2id with 19 MiB, two passes, one lane (OWASP Password Storage Cheat Sheet).
fn argon2() -> Result<Argon2<'static>, Failed> {
    let params = Params::new(19_456, 2, 1, None).map_err(|error| Failed::fault(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// A password as it is kept: Argon2id in PHC form.
///
/// # Errors
/// [`Failed::Fault`] when the salt is too short.
pub fn hash_password(password: &str, salt: &[u8]) -> Result<String, Failed> {
    let hash = argon2()?.hash_password_with_salt(password.as_bytes(), salt);
    hash.map(|hash| hash.to_string()).map_err(|error| Failed::fault(error.to_string()))
}

impl Credentials {
    /// The token door over these logins.
    ///
    /// # Errors
    /// [`Failed::Fault`] when no decoy can be made.
    pub fn new(sessions: Sessions, verifier: Verifier, signer: Signer) -> Result<Self, Failed> {
        let decoy = hash_password("nobody has this password", b"of nobody, ever.")?;
        Ok(Self { sessions, verifier, signer, decoy })
    }

    /// Tokens for whoever proves who they are.
    ///
    /// # Errors
    /// [`Failed::Unauthenticated`] with one code for every reason, so that nobody learns which names exist.
    pub async fn grant(&self, grant: &Grant, now: Timestamp, request_id: &str) -> Result<Tokens, Failed> {
        match grant.grant_type {
            GrantType::Password => {
                let (Some(username), Some(password)) = (&grant.username, &grant.password) else { return Err(REFUSED) };
                self.log_in(username, password, now, request_id).await
            }
            GrantType::RefreshToken => {
                let token = grant.refresh_token.as_deref().ok_or(REFUSED)?;
                let (operator, session) = self.verifier.session(token, now).map_err(|_| REFUSED)?;
                let caller = self.sessions.resume(&operator, &session, now).await?.ok_or(REFUSED)?;
                self.tokens(caller, &session, request_id, now)
            }
        }
    }

    async fn log_in(&self, username: &str, password: &str, now: Timestamp, request_id: &str) -> Result<Tokens, Failed> {
        let named = username.rsplit_once('@').and_then(|(login, operator)| Some((login, operator.parse().ok()?)));
        let found: Option<(OperatorName, User)> = match named.filter(|(login, _)| is_login(login)) {
            Some((login, operator)) => self.sessions.find_user(&operator, login).await?.map(|user| (operator, user)),
            None => None,
        };
        let hash = found.as_ref().map_or(self.decoy.as_str(), |(_, user)| user.password_hash.as_str());
        let hash = PasswordHash::new(hash).map_err(|error| Failed::fault(error.to_string()))?;
        let matches = argon2()?.verify_password(password.as_bytes(), &hash).is_ok();
        let (operator, user) = found.filter(|(_, user)| matches && !user.disabled).ok_or(REFUSED)?;
        let session = Sha256Hex::of(format!("{operator} {} {request_id}", user.login).as_bytes());
        self.sessions.open(&operator, session.as_str(), &user.login, now.plus_seconds(REFRESH_SECONDS)).await?;
        let caller = Caller { operator, role: user.role, subject: user.subject, regions: user.regions };
        self.tokens(caller, session.as_str(), request_id, now)
    }

    fn tokens(&self, caller: Caller, session: &str, request_id: &str, now: Timestamp) -> Result<Tokens, Failed> {
        Ok(Tokens {
            access_token: self.signer.access(&caller, request_id, now)?,
            token_type: "Bearer".to_owned(),
            expires_in: ACCESS_SECONDS,
            refresh_token: self.signer.refresh(&caller.operator, session, now)?,
            principal: caller,
        })
    }
}

/// Logins are lower-case letters, digits, dots and hyphens: what is safe in a key.
fn is_login(login: &str) -> bool {
    (1..=64).contains(&login.len())
        && login.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-'))
}
