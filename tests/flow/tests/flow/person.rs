//! Somebody with a login: how they got in, and what they ask.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    api::{Answer, Api},
    patience::stopwatch,
    phone::{Phone, nonce_of},
};

/// The place where tokens are given.
const TOKEN: &str = "/api/v1/auth/token";
/// How old an access token may become: it is good for ten minutes.
const FRESH: Duration = Duration::from_secs(480);

/// Somebody with a login; clones are the same person with the same login.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) api: Api,
    pub(crate) subject: String,
    login: Arc<Mutex<Login>>,
}

struct Login {
    access: String,
    /// A program has none.
    refresh: Option<String>,
    phone: Option<Arc<Phone>>,
    device_id: Option<String>,
    since: Instant,
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn some_text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

impl Api {
    /// Somebody with a password, who logs in.
    pub(crate) fn sign_in(&self, username: &str, password: &str) -> Person {
        let granted = self.grant(&json!({"grant_type": "password", "username": username, "password": password}), None);
        Person::of(self, &granted.must_be(200), None)
    }

    /// A program, which logs in.
    pub(crate) fn sign_in_program(&self, client_id: &str, secret: &str) -> Answer {
        let grant = json!({"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret});
        self.grant(&grant, None)
    }

    /// Somebody asks for a code.
    pub(crate) fn ask_for_code(&self, username: &str) -> Answer {
        self.send("POST", "/api/v1/auth/otp", &[], Some(&json!({"username": username}).to_string()))
    }

    /// Somebody brings a code, on that phone or on none.
    pub(crate) fn bring_code(&self, username: &str, challenge: &str, code: &str, phone: Option<&Phone>) -> Answer {
        let grant = json!({
            "grant_type": "otp", "username": username, "challenge_id": challenge, "code": code,
            "device_name": "A phone of the stories",
        });
        let proof = phone.map(|phone| phone.proof(&self.address(TOKEN), challenge));
        self.grant(&grant, proof.as_deref())
    }

    /// Somebody brings a refresh token, on that phone or on none.
    pub(crate) fn bring_refresh_token(&self, token: &str, phone: Option<&Phone>) -> Answer {
        let proof = phone.map(|phone| phone.proof(&self.address(TOKEN), &nonce_of(token)));
        self.grant(&json!({"grant_type": "refresh_token", "refresh_token": token}), proof.as_deref())
    }

    fn grant(&self, grant: &Value, proof: Option<&str>) -> Answer {
        let headers: Vec<_> = proof.into_iter().map(|proof| ("dpop", proof)).collect();
        self.send("POST", TOKEN, &headers, Some(&grant.to_string()))
    }
}

impl Person {
    /// Whoever was granted these tokens, on that phone or on none.
    pub(crate) fn of(api: &Api, granted: &Value, phone: Option<Arc<Phone>>) -> Self {
        let login = Login {
            access: text(&granted["access_token"]),
            refresh: some_text(&granted["refresh_token"]),
            phone,
            device_id: some_text(&granted["device_id"]),
            since: stopwatch(),
        };
        let subject = text(&granted["principal"]["subject"]);
        Self { api: api.clone(), subject, login: Arc::new(Mutex::new(login)) }
    }

    fn login(&self) -> MutexGuard<'_, Login> {
        self.login.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An access token that is good for a while.
    pub(crate) fn token(&self) -> String {
        let mut login = self.login();
        if login.since.elapsed() > FRESH
            && let Some(refresh) = &login.refresh
        {
            let granted = self.api.bring_refresh_token(refresh, login.phone.as_deref()).must_be(200);
            login.access = text(&granted["access_token"]);
            login.refresh = some_text(&granted["refresh_token"]);
            login.since = stopwatch();
        }
        login.access.clone()
    }

    /// The refresh token, for stories that use it themselves.
    pub(crate) fn refresh_token(&self) -> String {
        self.login().refresh.clone().expect("a login can be refreshed")
    }

    /// Brings a refresh token of this login on the phone that it is bound to.
    pub(crate) fn bring(&self, refresh_token: &str) -> Answer {
        let phone = self.login().phone.clone();
        self.api.bring_refresh_token(refresh_token, phone.as_deref())
    }

    /// The phone that the login is bound to, as the API names it.
    pub(crate) fn device_id(&self) -> String {
        self.login().device_id.clone().expect("an agent's login is bound to a phone")
    }

    /// Reads.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.api.send("GET", path, &[("authorization", &format!("Bearer {}", self.token()))], None)
    }

    /// Commands, under a key.
    pub(crate) fn post(&self, path: &str, key: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {}", self.token());
        let headers = [("authorization", bearer.as_str()), ("idempotency-key", key)];
        self.api.send("POST", path, &headers, Some(&body.to_string()))
    }

    /// All items of a list, page by page; `path` has a query.
    pub(crate) fn list(&self, path: &str) -> Vec<Value> {
        let (mut items, mut next) = (vec![], path.to_owned());
        loop {
            let page = self.get(&next).must_be(200);
            items.extend(page["items"].as_array().expect("a page has items").iter().cloned());
            match page["next_cursor"].as_str() {
                Some(cursor) => next = format!("{path}&cursor={cursor}"),
                None => return items,
            }
        }
    }
}
