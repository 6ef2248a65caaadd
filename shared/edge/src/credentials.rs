//! Logins: a password, a code, a refresh token or a program's secret, turned into tokens.

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use domain::{
    Caller, ChallengeId, ClientId, Command, DeviceId, Failed, OperatorName, Refusal, Role, SessionId, Timestamp,
    UserId,
    client::Client,
    device::{Device, DeviceStatus},
    event::Happened,
    secret::{Pepper, RefreshToken, same},
    session::{CONSOLE_SECONDS, REFRESH_SECONDS, Refresh, Session},
    throttle,
    user::{KeptUser, User, UserStatus, Username, must_be_good},
};
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::{Answer, Opening, Sessions, Throttle, Trust, Users, throttle::Bucket};
use utoipa::ToSchema;

use crate::{
    authorizer::COOKIE,
    call::OpenCall,
    keys::SigningKeys,
    proof::{self, ProvenKey},
    token::{ACCESS_SECONDS, Use},
};

/// What may be done at the doors where people and programs log in.
#[derive(Clone)]
pub struct Credentials {
    sessions: Sessions,
    throttle: Throttle,
    trust: Trust,
    keys: SigningKeys,
    pepper: Pepper,
    /// Checked when there is no such login, so that "no such name" takes as long as "wrong password".
    decoy: String,
}

/// How somebody proves who they are (RFC 6749, and `otp` of our own).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// A name and a password: staff and partners' people.
    Password,
    /// A number and the code that was sent to it: agents.
    Otp,
    /// A login from before.
    RefreshToken,
    /// A program's id and secret.
    ClientCredentials,
}

/// A request for tokens.
#[derive(Clone, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// How somebody proves who they are.
    #[garde(skip)]
    pub grant_type: GrantType,
    /// `login@operator`, for a password; `number@operator`, for a code.
    #[garde(length(max = 110))]
    #[serde(default)]
    pub username: Option<String>,
    /// The password.
    #[garde(length(max = 1000))]
    #[serde(default)]
    pub password: Option<String>,
    /// The six digits of the second factor, for who has one.
    #[garde(length(max = 6))]
    #[serde(default)]
    pub totp: Option<String>,
    /// Which code was sent.
    #[garde(length(max = 40))]
    #[serde(default)]
    pub challenge_id: Option<String>,
    /// The six digits that were sent.
    #[garde(length(max = 6))]
    #[serde(default)]
    pub code: Option<String>,
    /// What the phone is called, when it logs in for the first time.
    #[garde(length(chars, max = 60))]
    #[serde(default)]
    pub device_name: Option<String>,
    /// The login from before.
    #[garde(length(max = 8192))]
    #[serde(default)]
    pub refresh_token: Option<String>,
    /// The program's id; it may stand in HTTP Basic instead.
    #[garde(length(max = 100))]
    #[serde(default)]
    pub client_id: Option<String>,
    /// The program's secret.
    #[garde(length(max = 200))]
    #[serde(default)]
    pub client_secret: Option<String>,
    /// What the program's token shall be limited to; everything it was given unless told.
    #[garde(length(max = 1000))]
    #[serde(default)]
    pub scope: Option<String>,
}

/// A name and a password, for the console.
#[derive(Clone, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct ConsoleLogin {
    /// `login@operator`.
    #[garde(length(max = 110))]
    pub username: String,
    /// The password.
    #[garde(length(max = 1000))]
    pub password: String,
    /// The six digits of the second factor, for who has one.
    #[garde(length(max = 6))]
    #[serde(default)]
    pub totp: Option<String>,
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
    /// For the next access token; a program has none, it asks with its secret.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub refresh_token: Option<String>,
    /// What a program's token is limited to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub scope: Option<String>,
    /// The phone that the login is bound to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub device_id: Option<DeviceId>,
    /// Whom they are for.
    pub principal: Caller,
}

/// A login of the console; its token is in the cookie.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ConsoleSession {
    /// To be sent as `X-CSRF-Token` with everything that is not a GET.
    pub csrf_token: String,
    /// How long the login lasts, in seconds.
    pub expires_in: i64,
    /// Whom it is for.
    pub principal: Caller,
}

const REFUSED: Failed = Failed::Unauthenticated { code: "invalid_credentials" };
const PROOF_REQUIRED: Failed = Failed::Unauthenticated { code: "proof_required" };
const TOTP_REQUIRED: Failed = Failed::Unauthenticated { code: "totp_required" };
/// Times that a refresh is decided anew when another one was faster.
const MOST_TRIES: usize = 3;

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

/// The salt of a password that is set now: the request's own id, which is random and unique, and whose it is.
pub(crate) fn salt(user_id: &UserId, request_id: &str) -> String {
    domain::id::Sha256Hex::of(format!("{user_id} {request_id}").as_bytes())
        .as_str()
        .get(..32)
        .unwrap_or_default()
        .to_owned()
}

/// Whether a password was hashed by other parameters than those of today.
fn is_dated(hash: &str) -> bool {
    !hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$")
}

/// What somebody is who has shown it, and how they are afterwards when showing it changed them.
struct Shown {
    operator: OperatorName,
    before: KeptUser,
    after: Option<KeptUser>,
}

impl Credentials {
    /// The doors over these logins.
    ///
    /// # Errors
    /// [`Failed::Fault`] when no decoy can be made.
    pub fn new(
        sessions: Sessions,
        throttle: Throttle,
        trust: Trust,
        keys: SigningKeys,
        pepper: Pepper,
    ) -> Result<Self, Failed> {
        let decoy = hash_password("nobody has this password", b"of nobody, ever.")?;
        Ok(Self { sessions, throttle, trust, keys, pepper, decoy })
    }

    /// Tokens for whoever proves who they are.
    ///
    /// # Errors
    /// [`Failed::Unauthenticated`] with one code for every reason, so that nobody learns which names exist;
    /// [`Failed::Limited`] for who tries too often.
    pub async fn grant(&self, call: &OpenCall<Grant>) -> Result<Tokens, Failed> {
        let grant = &call.body;
        match grant.grant_type {
            GrantType::Password => {
                let (Some(username), Some(password)) = (&grant.username, &grant.password) else { return Err(REFUSED) };
                let shown = self.password(call, username, password, grant.totp.as_deref()).await?;
                self.open(call, shown, None, REFRESH_SECONDS, None).await
            }
            GrantType::Otp => self.code(call).await,
            GrantType::RefreshToken => self.refresh(call).await,
            GrantType::ClientCredentials => self.program(call).await,
        }
    }

    /// A login of the console: what a browser keeps in its cookie, and what its page sends beside it.
    ///
    /// # Errors
    /// As [`Credentials::grant`].
    pub async fn open_console(&self, call: &OpenCall<ConsoleLogin>) -> Result<Answer<ConsoleSession>, Failed> {
        let ConsoleLogin { username, password, totp } = &call.body;
        let shown = self.password(call, username, password, totp.as_deref()).await?;
        let (caller, session) = self.session(call, shown, None, CONSOLE_SECONDS, None).await?;
        let token = self.keys.signer(call.at).await?.sign(Use::Console, &caller, &call.request_id, call.at)?;
        let csrf_token = self.trust.csrf_token(&session.session_id)?;
        let opened = ConsoleSession { csrf_token, expires_in: CONSOLE_SECONDS, principal: caller };
        let cookie = format!("{COOKIE}={token}; Path=/; Max-Age={CONSOLE_SECONDS}; Secure; HttpOnly; SameSite=Strict");
        Ok(Answer::new(201, &opened)?.with_cookie(cookie))
    }

    /// One more attempt at a login, if there are any left.
    async fn attempt(&self, operator: &OperatorName, login: &str, now: Timestamp) -> Result<(), Failed> {
        let bucket = Bucket::Of(operator, format!("login.{login}"));
        self.throttle.take(&bucket, throttle::LOGIN, now).await.map(|_| ())
    }

    /// Notes that somebody was refused, and refuses them.
    async fn refused<B: Sync, T>(
        &self,
        call: &OpenCall<B>,
        operator: &OperatorName,
        user_id: Option<&UserId>,
    ) -> Result<T, Failed> {
        self.sessions.refuse(&call.command(operator), user_id).await?;
        Err(REFUSED)
    }

    /// Checks a name and a password, and the second factor of who has one.
    async fn password<B: Sync>(
        &self,
        call: &OpenCall<B>,
        username: &str,
        password: &str,
        totp: Option<&str>,
    ) -> Result<Shown, Failed> {
        let name = Username::read(username).filter(|name| !name.is_number());
        let found = match &name {
            Some(name) => {
                self.attempt(&name.operator, &name.login, call.at).await?;
                self.sessions.find_user(name).await?.filter(|kept| kept.user.role != Role::Agent)
            }
            None => None,
        };
        let hash = found.as_ref().and_then(|kept| kept.password_hash.clone());
        let hash = hash.unwrap_or_else(|| self.decoy.clone());
        let parsed = PasswordHash::new(&hash).map_err(|error| Failed::fault(error.to_string()))?;
        let matches = argon2()?.verify_password(password.as_bytes(), &parsed).is_ok();
        let Some(name) = name else { return Err(REFUSED) };
        let user_id = found.as_ref().map(|kept| kept.user.user_id.clone());
        let is_good = |kept: &KeptUser| matches && kept.is_active() && kept.password_hash.is_some();
        let Some(before) = found.filter(is_good) else {
            return self.refused(call, &name.operator, user_id.as_ref()).await;
        };
        let mut after = None;
        if before.has_second_factor() {
            let Some(code) = totp else { return Err(TOTP_REQUIRED) };
            let generation = before.second_factor.as_ref().map_or(0, |factor| factor.generation);
            let secret = self.pepper.totp_secret(&name.operator, &before.user.user_id, generation);
            let Some(used) = before.with_code_used(&secret, code, call.at) else {
                return self.refused(call, &name.operator, user_id.as_ref()).await;
            };
            after = Some(used);
        }
        if is_dated(&hash) {
            let salt = salt(&before.user.user_id, &call.request_id);
            let hash = hash_password(password, salt.as_bytes())?;
            after =
                Some(KeptUser { password_hash: Some(hash.clone()), ..after.unwrap_or_else(|| before.with_hash(hash)) });
        }
        Ok(Shown { operator: name.operator, before, after })
    }

    /// Checks a number and the code that was sent to it, and enrols the phone that brings it.
    async fn code(&self, call: &OpenCall<Grant>) -> Result<Tokens, Failed> {
        let Grant { username, challenge_id, code, device_name, .. } = &call.body;
        let name = username.as_deref().and_then(Username::read).filter(Username::is_number);
        let challenge_id = challenge_id.as_deref().and_then(|id| id.parse::<ChallengeId>().ok());
        let (Some(name), Some(challenge_id), Some(code)) = (name, challenge_id, code) else { return Err(REFUSED) };
        let key = call.proven_key(challenge_id.as_str()).ok_or(PROOF_REQUIRED)?;
        self.attempt(&name.operator, &name.login, call.at).await?;
        let may_guess = self.sessions.guess(&name, &challenge_id, call.at).await?;
        let found = self.sessions.find_user(&name).await?;
        let matches = same(&self.pepper.code(&name.operator, &challenge_id), code);
        let user_id = found.as_ref().map(|kept| kept.user.user_id.clone());
        let is_good = |kept: &KeptUser| may_guess && matches && kept.is_active() && kept.user.role == Role::Agent;
        let Some(before) = found.filter(is_good) else {
            return self.refused(call, &name.operator, user_id.as_ref()).await;
        };
        let device_id = Device::id_of(&name.operator, &key.thumbprint);
        let known = self.sessions.find_device(&name.operator, &device_id).await?;
        let is_usable = |device: &Device| device.is_active() && device.agent_id.as_str() == before.user.subject;
        if known.as_ref().is_some_and(|device| !is_usable(device)) {
            return self.refused(call, &name.operator, user_id.as_ref()).await;
        }
        let device = match known {
            Some(device) => (device, IS_KNOWN),
            None => (enrol(&before, device_id, key, device_name.as_deref(), call.at)?, IS_NEW),
        };
        let shown = Shown { operator: name.operator, before, after: None };
        self.open(call, shown, Some(device), REFRESH_SECONDS, Some(&challenge_id)).await
    }

    /// Opens a login, and signs its first tokens.
    async fn open(
        &self,
        call: &OpenCall<Grant>,
        shown: Shown,
        device: Option<(Device, bool)>,
        seconds: i64,
        challenge_id: Option<&ChallengeId>,
    ) -> Result<Tokens, Failed> {
        let (caller, session) = self.session(call, shown, device, seconds, challenge_id).await?;
        self.tokens(call, caller, &session, session.generation).await
    }

    async fn session<B: Sync>(
        &self,
        call: &OpenCall<B>,
        shown: Shown,
        device: Option<(Device, bool)>,
        seconds: i64,
        challenge_id: Option<&ChallengeId>,
    ) -> Result<(Caller, Session), Failed> {
        let Shown { operator, before, after } = shown;
        let command = call.command(&operator);
        let session = Session {
            session_id: SessionId::mint(call.at, &command.seed()),
            user_id: before.user.user_id.clone(),
            user_generation: before.generation,
            device_id: device.as_ref().map(|(device, _)| device.device_id.clone()),
            opened_at: call.at,
            expires_at: call.at.plus_seconds(seconds),
            generation: 1,
            ended_at: None,
        };
        let opening = Opening {
            session: &session,
            user: after.as_ref().map(|after| (&before, after)),
            new_device: device.as_ref().filter(|(_, is_new)| *is_new).map(|(device, _)| device),
            challenge_id,
        };
        self.sessions.open(&command, &opening).await?;
        Ok((caller_of(&operator, &before, &session), session))
    }

    /// Turns a refresh token into the next one. An answer that was lost is given again; a token that was used up ends
    /// the login, because two have it.
    async fn refresh(&self, call: &OpenCall<Grant>) -> Result<Tokens, Failed> {
        let text = call.body.refresh_token.as_deref().ok_or(REFUSED)?;
        let token = self.pepper.read_refresh_token(text).ok_or(REFUSED)?;
        let operator = &token.operator;
        for _ in 0..MOST_TRIES {
            let found = self.sessions.find(operator, &token.session_id).await?;
            let Some((session, kept, device)) = found else { return Err(REFUSED) };
            if !kept.is_active() || session.user_generation != kept.generation {
                return Err(REFUSED);
            }
            if let Some(device) = &device {
                let key = call.proven_key(&proof::nonce_of(text)).ok_or(PROOF_REQUIRED)?;
                if !device.is_active() || Device::id_of(operator, &key.thumbprint) != device.device_id {
                    return Err(REFUSED);
                }
            }
            let generation = match session.refresh(token.generation, call.at) {
                Refresh::Over => return Err(REFUSED),
                Refresh::Stolen => {
                    let command = call.command(operator);
                    self.sessions.end(&command, &session.session_id, Happened::SessionStolen).await?;
                    return Err(REFUSED);
                }
                Refresh::Again => session.generation,
                Refresh::Next if self.sessions.advance(operator, &session).await? => {
                    session.generation.saturating_add(1)
                }
                // Another request with the same token was faster: both get its successor.
                Refresh::Next => continue,
            };
            return self.tokens(call, caller_of(operator, &kept, &session), &session, generation).await;
        }
        Err(Failed::InProgress)
    }

    async fn tokens(
        &self,
        call: &OpenCall<Grant>,
        caller: Caller,
        session: &Session,
        generation: u64,
    ) -> Result<Tokens, Failed> {
        let refresh =
            RefreshToken { operator: caller.operator.clone(), session_id: session.session_id.clone(), generation };
        let refresh_token = Some(self.pepper.refresh_token(&refresh));
        Ok(Tokens { refresh_token, device_id: session.device_id.clone(), ..self.access(call, caller).await? })
    }

    async fn access(&self, call: &OpenCall<Grant>, caller: Caller) -> Result<Tokens, Failed> {
        Ok(Tokens {
            access_token: self.keys.signer(call.at).await?.access(&caller, &call.request_id, call.at)?,
            token_type: "Bearer".to_owned(),
            expires_in: ACCESS_SECONDS,
            refresh_token: None,
            scope: caller.authentication.scopes.as_ref().map(|scopes| scopes.join(" ")),
            device_id: None,
            principal: caller,
        })
    }

    /// Checks a program's id and secret.
    async fn program(&self, call: &OpenCall<Grant>) -> Result<Tokens, Failed> {
        let (id, secret) = call.client().ok_or(REFUSED)?;
        let (client_id, operator) = id.rsplit_once('@').ok_or(REFUSED)?;
        let client_id: ClientId = client_id.parse().map_err(|_| REFUSED)?;
        let operator: OperatorName = operator.parse().map_err(|_| REFUSED)?;
        let bucket = Bucket::Of(&operator, format!("login.{client_id}"));
        self.throttle.take(&bucket, throttle::PROGRAM, call.at).await?;
        let found = self.sessions.find_client(&operator, &client_id).await?;
        let generation = found.as_ref().map_or(0, |client| client.generation);
        let matches = same(&self.pepper.client_secret(&operator, &client_id, generation), &secret);
        let Some(client) = found.filter(|client: &Client| matches && client.is_active()) else {
            return self.refused(call, &operator, None).await;
        };
        let caller = client.caller(&operator, call.body.scope.as_deref())?;
        self.sessions.note_use(&operator, &client_id, call.at).await?;
        self.access(call, caller).await
    }
}

/// A password to be set, by whoever brings the ticket of an invitation or a reset.
#[derive(Clone, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    /// The ticket, as the mail has it.
    #[garde(length(max = 200))]
    pub ticket: String,
    /// The password.
    #[garde(length(max = 1000))]
    pub password: String,
}

/// What may be done with passwords.
#[derive(Clone)]
pub struct Passwords {
    users: Users,
}

impl Passwords {
    /// The passwords of these people.
    #[must_use]
    pub fn new(users: Users) -> Self {
        Self { users }
    }

    /// Sets a password, uses up the ticket, and ends every login from before.
    ///
    /// # Errors
    /// [`Refusal::TicketSpent`] for a ticket that is used, too old, or none of ours; [`Failed::Invalid`] for a password
    /// that is none.
    pub async fn set(&self, call: &OpenCall<NewPassword>) -> Result<Answer<User>, Failed> {
        let NewPassword { ticket, password } = &call.body;
        let spent = || Failed::from(Refusal::TicketSpent);
        let (operator, _) = ticket.split_once('.').ok_or_else(spent)?;
        let operator: OperatorName = operator.parse().map_err(|_| spent())?;
        let found = self.users.find_by_ticket(&operator, ticket, call.at).await?;
        let before = found.filter(|kept| kept.user.status != UserStatus::Disabled).ok_or_else(spent)?;
        must_be_good(password, &before.user, &operator)?;
        let hash = hash_password(password, salt(&before.user.user_id, &call.request_id).as_bytes())?;
        let after = before.with_password(hash, call.at);
        self.users.set_password(&call.command(&operator), ticket, &before, after).await
    }
}

const IS_NEW: bool = true;
const IS_KNOWN: bool = false;

/// A phone that logs in for the first time.
fn enrol(
    kept: &KeptUser,
    device_id: DeviceId,
    key: ProvenKey,
    name: Option<&str>,
    at: Timestamp,
) -> Result<Device, Failed> {
    let region = kept.user.regions.first().cloned().ok_or_else(|| Failed::fault("an agent without a region"))?;
    Ok(Device {
        device_id,
        agent_id: kept.user.subject.parse().map_err(Failed::fault)?,
        region,
        name: name.unwrap_or("phone").to_owned(),
        public_key: key.jwk,
        status: DeviceStatus::Active,
        enrolled_at: at,
        revoked_at: None,
        version: 1,
    })
}

fn caller_of(operator: &OperatorName, kept: &KeptUser, session: &Session) -> Caller {
    let mut caller = kept.caller(operator);
    caller.authentication.session_id = Some(session.session_id.clone());
    caller.authentication.device_id = session.device_id.clone();
    caller
}

impl<B> OpenCall<B> {
    /// What is asked, as a command of nobody known.
    #[must_use]
    pub fn command(&self, operator: &OperatorName) -> Command {
        Command::of_stranger(operator.clone(), self.route, self.at, self.request_id.clone())
    }

    /// The key of the phone that signed the request's proof for this nonce.
    fn proven_key(&self, nonce: &str) -> Option<ProvenKey> {
        proof::read(self.proof.as_deref()?, self.route.method, self.route.template, nonce)
    }
}

impl OpenCall<Grant> {
    /// A program's id and secret: from HTTP Basic (RFC 6749, section 2.3.1), or else from the body.
    fn client(&self) -> Option<(String, String)> {
        match &self.authorization {
            Some(authorization) => {
                let (scheme, encoded) = authorization.split_once(' ')?;
                let decoded = data_encoding::BASE64.decode(encoded.as_bytes()).ok()?;
                let text = String::from_utf8(decoded).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
                let (id, secret) = text.split_once(':')?;
                let plain = |part: &str| {
                    form_urlencoded::parse(format!("x={part}").as_bytes()).next().map(|(_, value)| value.into_owned())
                };
                Some((plain(id)?, plain(secret)?))
            }
            None => Some((self.body.client_id.clone()?, self.body.client_secret.clone()?)),
        }
    }
}
