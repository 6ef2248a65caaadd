//! Somebody with a login: their token, kept fresh, and what they ask with it.

use std::{sync::Mutex, time::Duration, time::Instant};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    Stopped, clock,
    findings::{Rule, hold},
    run::Run,
    shapes::{Page, Principal, Token},
    wire::{Ask, Broken, Heard, Wire},
};

/// A token this close to its end is exchanged before it is used.
const MARGIN: Duration = Duration::from_secs(60);
/// No list of a day is longer than this many pages.
const MOST_PAGES: usize = 2_000;

#[derive(Debug)]
struct Tokens {
    access: String,
    refresh: String,
    good_until: Instant,
}

/// A person or machine of an operator, logged in.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) username: String,
    pub(crate) who: Principal,
    password: String,
    tokens: Mutex<Tokens>,
}

impl Caller {
    /// Logs in with name and password.
    pub(crate) fn log_in(wire: &Wire, username: &str, password: &str) -> Result<Self, Stopped> {
        let (tokens, who) = exchange(wire, &by_password(username, password))
            .map_err(|why| Stopped::NoEntry { username: username.to_owned(), why })?;
        Ok(Self { username: username.to_owned(), who, password: password.to_owned(), tokens: Mutex::new(tokens) })
    }

    /// An access token that is good for a while.
    pub(crate) fn token(&self, wire: &Wire) -> String {
        let mut tokens = hold(&self.tokens);
        if tokens.good_until.saturating_duration_since(clock::tick()) < MARGIN {
            self.renew(wire, &mut tokens);
        }
        tokens.access.clone()
    }

    /// Exchanges the refresh token now; true if that worked and it is still the same person.
    pub(crate) fn refresh(&self, wire: &Wire) -> bool {
        self.renew(wire, &mut hold(&self.tokens))
    }

    fn renew(&self, wire: &Wire, tokens: &mut Tokens) -> bool {
        let by_refresh = json!({"grant_type": "refresh_token", "refresh_token": tokens.refresh});
        if let Ok((fresh, who)) = exchange(wire, &by_refresh) {
            *tokens = fresh;
            return (who.subject, who.operator) == (self.who.subject.clone(), self.who.operator.clone());
        }
        if let Ok((fresh, _)) = exchange(wire, &by_password(&self.username, &self.password)) {
            *tokens = fresh;
        }
        false
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

fn by_password(username: &str, password: &str) -> Value {
    json!({"grant_type": "password", "username": username, "password": password})
}

fn exchange(wire: &Wire, body: &Value) -> Result<(Tokens, Principal), String> {
    let heard = wire.patiently(&Ask::post("token-issue", "/auth/token", body)).map_err(|broken| broken.to_string())?;
    if heard.answer.status != 200 {
        return Err(heard.answer.brief());
    }
    let token: Token = heard.answer.read().map_err(|wrong| format!("unexpected shape: {wrong}"))?;
    let good_until = clock::tick() + Duration::from_secs(token.expires_in);
    Ok((Tokens { access: token.access_token, refresh: token.refresh_token, good_until }, token.principal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_escaped_for_the_query() {
        assert_eq!(escaped("a+b/c=&é-._~"), "a%2Bb%2Fc%3D%26%C3%A9-._~");
    }
}
