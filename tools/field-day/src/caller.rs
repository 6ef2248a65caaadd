//! Somebody with a login: their token, kept fresh, and what they ask with it.

use std::sync::{Mutex, MutexGuard};

use serde::de::DeserializeOwned;

use crate::{
    findings::{Rule, hold},
    login::{self, Denied, Granted, Login, Means},
    run::Run,
    shapes::{Page, Principal},
    wire::{Ask, Broken, Heard, Wire},
};

/// No list of a day is longer than this many pages.
const MOST_PAGES: usize = 2_000;

/// A person or machine of an operator, logged in.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) username: String,
    pub(crate) who: Principal,
    login: Mutex<Login>,
}

impl Caller {
    /// Somebody who was let in.
    pub(crate) fn new(username: &str, means: Means, granted: Granted) -> Self {
        let who = granted.who.clone();
        Self { username: username.to_owned(), who, login: Mutex::new(Login::new(means, granted)) }
    }

    /// Logs in with name and password.
    pub(crate) fn log_in(wire: &Wire, username: &str, password: &str) -> Result<Self, Denied> {
        let granted = login::grant(wire, &login::by_password(username, password))?;
        Ok(Self::new(username, Means::Password(password.to_owned()), granted))
    }

    /// Logs in as a program.
    pub(crate) fn of_program(wire: &Wire, client_id: &str, secret: &str) -> Result<Self, Denied> {
        let granted = login::grant(wire, &login::by_secret(client_id, secret))?;
        let means = Means::Secret { client_id: client_id.to_owned(), secret: secret.to_owned() };
        Ok(Self::new(client_id, means, granted))
    }

    /// The login itself; whoever holds it holds up everybody else who asks as this person.
    pub(crate) fn login(&self) -> MutexGuard<'_, Login> {
        hold(&self.login)
    }

    /// An access token that is good for a while.
    pub(crate) fn token(&self, wire: &Wire) -> String {
        let mut login = self.login();
        if login.is_stale() {
            self.renew(wire, &mut login);
        }
        login.held().access.clone()
    }

    /// Exchanges the refresh token now; true if that worked and it is still the same person.
    pub(crate) fn refresh(&self, wire: &Wire) -> bool {
        self.renew(wire, &mut self.login())
    }

    fn renew(&self, wire: &Wire, login: &mut Login) -> bool {
        login.renew(wire, &self.username) && self.is(&login.held().who)
    }

    /// Whether tokens are for this very person.
    pub(crate) fn is(&self, who: &Principal) -> bool {
        (&who.subject, &who.operator) == (&self.who.subject, &self.who.operator)
    }

    /// Asks as this person, patiently; a token that ran out on the way is renewed once.
    pub(crate) fn ask(&self, wire: &Wire, ask: &Ask) -> Result<Heard, Broken> {
        let heard = wire.patiently(&ask.clone().bearer(&self.token(wire)))?;
        if heard.answer.status != 401 {
            return Ok(heard);
        }
        self.refresh(wire);
        wire.patiently(&ask.clone().bearer(&self.token(wire)))
    }

    /// Reads one thing; whatever stands in the way is a finding.
    pub(crate) fn get<T: DeserializeOwned>(&self, run: &Run, endpoint: &'static str, path: &str) -> Option<T> {
        let subject = format!("{endpoint} {path} as {}", self.username);
        match self.ask(&run.wire, &Ask::get(endpoint, path)) {
            Ok(heard) if heard.answer.status == 200 => match heard.answer.read() {
                Ok(read) => Some(read),
                Err(wrong) => {
                    run.findings.add(Rule::Api, &subject, &format!("unexpected shape: {wrong}"));
                    None
                }
            },
            Ok(heard) => {
                run.findings.add(Rule::Api, &subject, &format!("must be 200, is {}", heard.answer.brief()));
                None
            }
            Err(broken) => {
                run.findings.add(Rule::V1, &subject, &broken.to_string());
                None
            }
        }
    }

    /// Reads a list from its first page to its last; `path` already has a query.
    pub(crate) fn list<T: DeserializeOwned>(&self, run: &Run, endpoint: &'static str, path: &str) -> Vec<T> {
        let mut all = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let next =
                cursor.as_ref().map_or_else(|| path.to_owned(), |cursor| format!("{path}&cursor={}", escaped(cursor)));
            let Ok(Heard { answer, .. }) = self.ask(&run.wire, &Ask::get(endpoint, &next)) else {
                run.findings.add(Rule::V1, &format!("{endpoint} {path}"), "no answer");
                return all;
            };
            let page: Page<T> = match (answer.status, answer.read()) {
                (200, Ok(page)) => page,
                (200, Err(wrong)) => {
                    run.findings.add(Rule::Api, &format!("{endpoint} {path}"), &format!("unexpected shape: {wrong}"));
                    return all;
                }
                _ => {
                    let what = format!("must be 200, is {}", answer.brief());
                    run.findings.add(Rule::Api, &format!("{endpoint} {path} as {}", self.username), &what);
                    return all;
                }
            };
            if page.next_cursor.is_some() && !answer.link.as_deref().unwrap_or_default().contains("rel=\"next\"") {
                run.findings.add(Rule::Api, endpoint, "a page with a next_cursor has no Link header");
            }
            all.extend(page.items);
            match page.next_cursor {
                Some(next) => cursor = Some(next),
                None => return all,
            }
        }
        run.findings.add(Rule::Api, &format!("{endpoint} {path}"), "the list does not end");
        all
    }
}

/// A value as a query takes it.
pub(crate) fn escaped(value: &str) -> String {
    value.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_escaped_for_the_query() {
        assert_eq!(escaped("a+b/c=&é-._~"), "a%2Bb%2Fc%3D%26%C3%A9-._~");
    }
}
