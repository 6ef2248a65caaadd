//! A login: what is sent to the token endpoint, what comes back, and how it is kept alive.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    clock,
    findings::Rule,
    inbox::Inbox,
    phone::{Phone, nonce_of},
    run::Run,
    shapes::{Principal, Token},
    wire::{Ask, Base, Broken, Heard, Wire},
};

/// A token this close to its end is exchanged before it is used.
const MARGIN: Duration = Duration::from_secs(60);
/// How long a request whose answer nobody waits for may be under way: a gateway gives up after 29 seconds. One that
/// arrives when its refresh token is two behind would end the login, as a thief's does; in life the next refresh is
/// minutes away.
const UNDER_WAY: Duration = Duration::from_secs(30);

/// What somebody proves themselves with.
#[derive(Debug, Clone)]
pub(crate) enum Means {
    /// A password: staff and partners' people.
    Password(String),
    /// A phone, and where its SMS can be read: agents.
    Phone { phone: Arc<Phone>, inbox: Arc<Inbox> },
    /// An id and a secret: programs.
    Secret { client_id: String, secret: String },
}

/// Tokens, and whose they are.
#[derive(Debug, Clone)]
pub(crate) struct Granted {
    pub(crate) access: String,
    /// A program has none.
    pub(crate) refresh: Option<String>,
    pub(crate) device_id: Option<String>,
    pub(crate) who: Principal,
    good_until: Instant,
    /// An earlier try of the same request may have got through unseen.
    pub(crate) broke_before: bool,
}

/// Why there are no tokens.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Denied {
    /// The endpoint says no.
    #[error("{status} {code}")]
    Refused { status: u16, code: String, broke_before: bool },
    /// There is no answer.
    #[error(transparent)]
    Line(#[from] Broken),
    /// The answer is not what it must be.
    #[error("unexpected shape: {0}")]
    Shape(#[from] serde_json::Error),
    /// No code has come.
    #[error("{0}")]
    NoCode(String),
}

impl Denied {
    /// It was refused with 401 and that code.
    pub(crate) fn is(&self, wanted: &str) -> bool {
        matches!(self, Self::Refused { status: 401, code, .. } if code == wanted)
    }

    /// It was refused, and an earlier try may have been granted unseen.
    pub(crate) fn may_have_been_granted(&self) -> bool {
        matches!(self, Self::Refused { broke_before: true, .. })
    }
}

/// A code as its SMS has it, and the challenge that it answers.
#[derive(Debug, Clone)]
pub(crate) struct Code {
    pub(crate) challenge_id: String,
    pub(crate) digits: String,
    /// The wish for it may have arrived twice.
    pub(crate) broke_before: bool,
}

#[derive(Deserialize)]
struct Challenge {
    challenge_id: String,
}

/// Asks for a code by SMS and waits for it.
pub(crate) fn ask_for_code(wire: &Wire, inbox: &Inbox, username: &str) -> Result<Code, Denied> {
    let number = username.split('@').next().unwrap_or_default();
    let seen = inbox.count(number).map_err(Denied::NoCode)?;
    let Heard { answer, broke_before } =
        wire.patiently(&Ask::post("otp-request", "/auth/otp", &json!({"username": username})))?;
    if answer.status != 202 {
        return Err(Denied::Refused { status: answer.status, code: answer.code(), broke_before });
    }
    let Challenge { challenge_id } = answer.read()?;
    let digits = inbox.code_after(number, seen).map_err(Denied::NoCode)?;
    Ok(Code { challenge_id, digits, broke_before })
}

fn at_the_endpoint(body: &Value) -> Ask {
    Ask::post("token-issue", "/auth/token", body)
}

fn proven(ask: Ask, base: &Base, phone: &Phone, nonce: &str) -> Ask {
    let proof = phone.proof(&base.url(&ask.path), nonce);
    ask.proof(&proof)
}

/// A name and a password.
pub(crate) fn by_password(username: &str, password: &str) -> Ask {
    at_the_endpoint(&json!({"grant_type": "password", "username": username, "password": password}))
}

/// A number and a code, on that phone.
pub(crate) fn by_code(base: &Base, username: &str, code: &Code, phone: &Phone) -> Ask {
    let body = json!({
        "grant_type": "otp", "username": username, "challenge_id": code.challenge_id, "code": code.digits,
        "device_name": phone.name,
    });
    proven(at_the_endpoint(&body), base, phone, &code.challenge_id)
}

/// A program's id and secret.
pub(crate) fn by_secret(client_id: &str, secret: &str) -> Ask {
    at_the_endpoint(&json!({"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}))
}

/// A refresh token; from a phone with its proof.
pub(crate) fn by_refresh(base: &Base, refresh_token: &str, phone: Option<&Phone>) -> Ask {
    let ask = at_the_endpoint(&json!({"grant_type": "refresh_token", "refresh_token": refresh_token}));
    match phone {
        Some(phone) => proven(ask, base, phone, &nonce_of(refresh_token)),
        None => ask,
    }
}

/// Sends it, patiently.
pub(crate) fn grant(wire: &Wire, ask: &Ask) -> Result<Granted, Denied> {
    let Heard { answer, broke_before } = wire.patiently(ask)?;
    if answer.status != 200 {
        return Err(Denied::Refused { status: answer.status, code: answer.code(), broke_before });
    }
    let Token { access_token, expires_in, refresh_token, device_id, principal } = answer.read()?;
    Ok(Granted {
        access: access_token,
        refresh: refresh_token,
        device_id,
        who: principal,
        good_until: clock::tick() + Duration::from_secs(expires_in),
        broke_before,
    })
}

/// Sends what must be refused with 401 and that code: a planted mistake. Whether it was.
pub(crate) fn must_be_refused(run: &Run, username: &str, mistake: &'static str, ask: &Ask, wanted: &str) -> bool {
    let denied = match grant(&run.wire, ask) {
        Ok(_) => "granted".to_owned(),
        Err(denied) if denied.is(wanted) => {
            run.findings.refused(mistake, true);
            return true;
        }
        Err(denied) => denied.to_string(),
    };
    run.findings.add(Rule::V15, username, &format!("{mistake} must be 401 {wanted}, is {denied}"));
    run.findings.refused(mistake, false);
    false
}

/// A login that lasts.
#[derive(Debug)]
pub(crate) struct Login {
    means: Means,
    held: Granted,
    /// When a request went out with a token of this login whose answer nobody heard.
    unheard_at: Option<Instant>,
}

impl Login {
    pub(crate) fn new(means: Means, held: Granted) -> Self {
        Self { means, held, unheard_at: None }
    }

    /// What is held now.
    pub(crate) fn held(&self) -> &Granted {
        &self.held
    }

    /// The phone that it is bound to.
    pub(crate) fn phone(&self) -> Option<&Phone> {
        match &self.means {
            Means::Phone { phone, .. } => Some(phone),
            Means::Password(_) | Means::Secret { .. } => None,
        }
    }

    pub(crate) fn is_stale(&self) -> bool {
        self.held.good_until.saturating_duration_since(clock::tick()) < MARGIN
    }

    /// The request for the next tokens, with a proof of its own.
    pub(crate) fn exchange(&self, base: &Base) -> Ask {
        match &self.means {
            Means::Secret { client_id, secret } => by_secret(client_id, secret),
            Means::Password(_) | Means::Phone { .. } => {
                by_refresh(base, self.held.refresh.as_deref().unwrap_or_default(), self.phone())
            }
        }
    }

    /// Keeps what came last.
    pub(crate) fn keep(&mut self, granted: Granted) {
        if granted.broke_before {
            self.was_unheard();
        }
        self.held = granted;
    }

    /// A request is on its way that nobody listens for.
    pub(crate) fn was_unheard(&mut self) {
        self.unheard_at = Some(clock::tick());
    }

    /// Waits until nothing is under way any more.
    pub(crate) fn settle(&mut self) {
        if let Some(unheard_at) = self.unheard_at.take() {
            let left = UNDER_WAY.saturating_sub(unheard_at.elapsed());
            clock::pause(u64::try_from(left.as_millis()).unwrap_or_default());
        }
    }

    /// Exchanges the refresh token; true if that worked.
    pub(crate) fn renew(&mut self, wire: &Wire, username: &str) -> bool {
        self.settle();
        match grant(wire, &self.exchange(&wire.base)) {
            Ok(granted) => {
                self.keep(granted);
                true
            }
            Err(denied) => {
                self.was_ended(wire, username, &denied);
                false
            }
        }
    }

    /// A refresh was refused though nobody ended the login: that is noted, and its owner logs in anew, so that the day
    /// goes on.
    pub(crate) fn was_ended(&mut self, wire: &Wire, username: &str, denied: &Denied) {
        if matches!(denied, Denied::Refused { .. }) {
            wire.findings.add(Rule::V15, username, &format!("logged out wrongly: a refresh got {denied}"));
            if self.phone().is_some() {
                wire.meter.logged_out.one();
            }
        } else {
            wire.findings.add(Rule::V1, username, &format!("a refresh: {denied}"));
        }
        match self.anew(wire, username) {
            Ok(granted) => self.keep(granted),
            Err(denied) => wire.findings.add(Rule::V1, username, &format!("cannot log in again: {denied}")),
        }
    }

    fn anew(&self, wire: &Wire, username: &str) -> Result<Granted, Denied> {
        let ask = match &self.means {
            Means::Password(password) => by_password(username, password),
            Means::Secret { client_id, secret } => by_secret(client_id, secret),
            Means::Phone { phone, inbox } => {
                by_code(&wire.base, username, &ask_for_code(wire, inbox, username)?, phone)
            }
        };
        grant(wire, &ask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        double::{Double, Reply},
        phone::tests::read,
    };

    #[test]
    fn a_code_and_a_refresh_token_go_with_the_phones_proof_and_a_password_without() {
        let base = Base::parse("http://localhost:4566/stage").unwrap();
        let phone = Phone::new("phone").unwrap();
        let code = Code { challenge_id: "otp_1".to_owned(), digits: "123456".to_owned(), broke_before: false };
        let brought = by_code(&base, "+919800000001@pennco", &code, &phone);
        let (claims, key) = read(&brought.proof.unwrap()).unwrap();
        assert_eq!(
            (claims["htu"].as_str(), claims["nonce"].as_str()),
            (Some("http://localhost:4566/stage/api/v1/auth/token"), Some("otp_1"))
        );
        let refreshed = by_refresh(&base, "abc", Some(&phone));
        let (claims, same_key) = read(&refreshed.proof.unwrap()).unwrap();
        assert_eq!((claims["nonce"].as_str(), same_key), (Some(nonce_of("abc").as_str()), key));
        assert_eq!(by_refresh(&base, "abc", None).proof, None);
        assert_eq!(by_password("desk@pennco", "p").proof, None);
        assert_eq!(by_secret("cli_1@pennco", "sec_1").proof, None);
    }

    #[test]
    fn a_refusal_is_known_by_its_code() {
        let double = Double::answering(|_, _| Reply::problem(401, "proof_required"));
        let run = Run::towards(&double.url());
        let denied = grant(&run.wire, &by_password("desk@pennco", "p")).unwrap_err();
        assert!(denied.is("proof_required") && !denied.is("invalid_credentials"), "{denied}");
        assert!(!denied.may_have_been_granted());
        assert_eq!(run.findings.violations(), []);
    }

    #[test]
    fn a_refusal_after_a_broken_line_may_have_been_a_grant() {
        let double = Double::answering(|_, count| match count {
            0 => Reply::hang_up(),
            _ => Reply::problem(401, "invalid_credentials"),
        });
        let run = Run::towards(&double.url());
        assert!(grant(&run.wire, &by_password("desk@pennco", "p")).unwrap_err().may_have_been_granted());
    }
}
