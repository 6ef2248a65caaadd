//! The authorizer: who calls, whether they still may, and how often. Bearer tokens and the console's cookie go through
//! the same code, in every function, without a call to anybody else.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use domain::{
    Caller, Failed, Route, Timestamp,
    access::Kind,
    secret::same,
    throttle::{self, Allowance, READS},
};
use lambda_http::http::{HeaderMap, header};
use store::{Throttle, Trust, throttle::Bucket};

use crate::token::{self, REFUSED, Realm, Use};

/// The console's cookie. The prefix makes browsers refuse it without `Secure`, with a domain, or below another path.
pub(crate) const COOKIE: &str = "__Host-session";
/// What takes the cookie away again.
pub const EXPIRED_COOKIE: &str = "__Host-session=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict";
/// Callers whose reads one process counts before it forgets them all.
const MOST_COUNTED: usize = 10_000;

/// Checks callers.
pub struct Authorizer {
    realm: Realm,
    trust: Trust,
    throttle: Throttle,
    reads: Mutex<HashMap<String, throttle::Bucket>>,
}

impl Authorizer {
    /// An authorizer that believes as this trust does.
    #[must_use]
    pub fn new(realm: Realm, trust: Trust, throttle: Throttle) -> Self {
        Self { realm, trust, throttle, reads: Mutex::default() }
    }

    /// Whom a function believes.
    #[must_use]
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Who calls a route.
    ///
    /// # Errors
    /// [`Failed::Unauthenticated`] for everything that is not a good token, or one that was taken back;
    /// [`Failed::Forbidden`] and [`Failed::OutOfScope`] for who may not call the route; [`Failed::CrossSite`] for a cookie
    /// without its CSRF token.
    pub async fn caller(&self, headers: &HeaderMap, route: &Route, now: Timestamp) -> Result<Caller, Failed> {
        let (intent, token) = presented(headers)?;
        let kid = token::key_of(&token, intent)?;
        let key = self.trust.key(&kid, now).await?.ok_or(REFUSED)?;
        let mut caller = token::read(&token, &key, &self.realm, now)?;
        caller.authentication.by_cookie = intent == Use::Console;
        let caller = caller.on(route)?;
        if intent == Use::Console && route.method != "GET" {
            self.must_be_own_page(headers, &caller)?;
        }
        if self.trust.is_revoked(&caller, now).await? { Err(REFUSED) } else { Ok(caller) }
    }

    fn must_be_own_page(&self, headers: &HeaderMap, caller: &Caller) -> Result<(), Failed> {
        let session_id = caller.authentication.session_id.as_ref().ok_or(REFUSED)?;
        let wanted = self.trust.csrf_token(session_id)?;
        let sent = headers.get("x-csrf-token").and_then(|value| value.to_str().ok()).unwrap_or_default();
        if same(sent, &wanted) { Ok(()) } else { Err(Failed::CrossSite) }
    }

    /// Counts a call of somebody. What changes state is counted exactly, with one conditional update; what reads, and
    /// what reports positions, in this process alone, with no write at all.
    ///
    /// # Errors
    /// [`Failed::Limited`] when it was too many.
    pub async fn count(&self, route: &Route, caller: &Caller, now: Timestamp) -> Result<Option<Allowance>, Failed> {
        if route.kind.is_keyed() {
            let bucket = Bucket::Of(&caller.operator, caller.principal().to_owned());
            let rates = throttle::command_rates(caller.role);
            return self.throttle.take(&bucket, rates, now).await.map(Some);
        }
        let mut reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        if reads.len() >= MOST_COUNTED {
            reads.clear();
        }
        let who = format!("{} {}", caller.operator, caller.principal());
        reads.entry(who).or_default().take(READS, now).map(|()| None).map_err(Failed::Limited)
    }

    /// Counts a call from an address, before anybody is known. Reading what is public is not counted.
    ///
    /// # Errors
    /// [`Failed::Limited`] when it was too many.
    pub async fn count_stranger(
        &self,
        route: &Route,
        address: &str,
        now: Timestamp,
    ) -> Result<Option<Allowance>, Failed> {
        if route.kind == Kind::Public && route.method == "GET" {
            return Ok(None);
        }
        self.throttle.take(&Bucket::Address(address), throttle::ADDRESS, now).await.map(Some)
    }
}

/// The token that a request presents: in its `Authorization` header, or else in the console's cookie.
fn presented(headers: &HeaderMap) -> Result<(Use, String), Failed> {
    let mut authorizations = headers.get_all(header::AUTHORIZATION).iter();
    if let Some(authorization) = authorizations.next() {
        let authorization = authorization.to_str().map_err(|_| REFUSED)?;
        let (scheme, token) = authorization.split_once(' ').ok_or(REFUSED)?;
        let is_bearer = scheme.eq_ignore_ascii_case("bearer") && authorizations.next().is_none();
        return if is_bearer { Ok((Use::Access, token.to_owned())) } else { Err(REFUSED) };
    }
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut sessions = pairs
        .flat_map(|pairs| pairs.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == COOKIE)
        .map(|(_, token)| token.to_owned());
    match (sessions.next(), sessions.next()) {
        (Some(token), None) => Ok((Use::Console, token)),
        (None, _) | (Some(_), Some(_)) => Err(REFUSED),
    }
}
