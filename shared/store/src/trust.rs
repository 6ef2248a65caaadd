//! Trust: the keys that tokens are checked by, and who is not believed any more. Both are kept in memory and read again
//! when they are older than their bound, so that a check costs no read of its own.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use domain::{Caller, DeviceId, Failed, OperatorName, SessionId, Timestamp};

use crate::{
    directory::{Directory, PublicKey, TrustAnchors},
    keys,
    table::{Item, Query, Table, Write},
};

/// How old the list of revocations may be, in seconds. Half of the minute in which a revocation must be everywhere: the
/// rest is for the call that was under way.
const LIST_SECONDS: i64 = 30;
/// How old the keys may be, in seconds.
const KEYS_SECONDS: i64 = 50;
/// How often an unknown key may be a reason to read the keys once more, in seconds: forged tokens cost next to nothing.
const UNKNOWN_KEY_SECONDS: i64 = 30;
/// How long a revocation is kept, in seconds: beyond the longest-lived token, the console's twelve hours.
const KEPT_SECONDS: i64 = 13 * 3_600;

/// Whom a function believes, as far as it knows.
#[derive(Clone)]
pub struct Trust {
    table: Table,
    known: Arc<Mutex<Known>>,
}

struct Known {
    anchors: TrustAnchors,
    read_at: Timestamp,
    asked_at: Timestamp,
    revoked: BTreeMap<OperatorName, Revoked>,
}

/// An operator's revocations: by the id of what is revoked, the first generation whose tokens are good again.
struct Revoked {
    read_at: Timestamp,
    generations: BTreeMap<String, u64>,
}

fn is_older(read_at: Timestamp, seconds: i64, now: Timestamp) -> bool {
    now >= read_at.plus_seconds(seconds)
}

impl Trust {
    /// What was read at the start, to be kept fresh.
    #[must_use]
    pub fn new(table: Table, anchors: TrustAnchors, now: Timestamp) -> Self {
        let never = Timestamp::EPOCH;
        let known = Known { anchors, read_at: now, asked_at: never, revoked: BTreeMap::new() };
        Self { table, known: Arc::new(Mutex::new(known)) }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The public key of this name, if it is believed now. A name that nobody knows is a reason to read the keys once
    /// more, and never a reason to believe.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn key(&self, kid: &str, now: Timestamp) -> Result<Option<PublicKey>, Failed> {
        let is_due = {
            let mut known = self.known();
            let is_unknown = !known.anchors.keys.contains_key(kid);
            let may_ask = is_unknown && is_older(known.asked_at, UNKNOWN_KEY_SECONDS, now);
            if may_ask {
                known.asked_at = now;
            }
            may_ask || is_older(known.read_at, KEYS_SECONDS, now)
        };
        if is_due {
            let anchors = Directory::new(self.table.clone()).trust_anchors().await?;
            let mut known = self.known();
            known.anchors = anchors;
            known.read_at = now;
        }
        let found = self.known().anchors.keys.get(kid).cloned();
        Ok(found.filter(|key| key.retired_at.is_none_or(|retired_at| now < retired_at)))
    }

    /// What proves that a request with the browser's cookie comes from our own page.
    ///
    /// # Errors
    /// [`Failed::Fault`] when there is no key.
    pub fn csrf_token(&self, session_id: &SessionId) -> Result<String, Failed> {
        self.known().anchors.cursors.csrf_token(session_id)
    }

    /// Whether the caller, their login, their phone or their program was revoked since their token was issued. Costs one
    /// query of the operator's list every half minute and process, and nothing in between.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer: nobody is believed on an old list.
    pub async fn is_revoked(&self, caller: &Caller, now: Timestamp) -> Result<bool, Failed> {
        let operator = &caller.operator;
        let is_due = self.known().revoked.get(operator).is_none_or(|list| is_older(list.read_at, LIST_SECONDS, now));
        if is_due {
            let mut generations = BTreeMap::new();
            let all = Query::of(&self.table.names.records, keys::revocations(operator));
            let mut pages = self.table.pages(all);
            while let Some(items) = pages.next().await? {
                for item in items {
                    let generation = item.number("generation").and_then(|number| u64::try_from(number).ok());
                    if let (Some(id), Some(generation)) = (item.text("sk"), generation) {
                        generations.insert(id.to_owned(), generation);
                    }
                }
            }
            self.known().revoked.insert(operator.clone(), Revoked { read_at: now, generations });
        }
        let authentication = &caller.authentication;
        let ids = [
            Some(caller.principal()),
            authentication.session_id.as_ref().map(SessionId::as_str),
            authentication.device_id.as_ref().map(DeviceId::as_str),
        ];
        let known = self.known();
        let list = known.revoked.get(operator).map(|list| &list.generations);
        let is_revoked =
            |id: &str| list.and_then(|list| list.get(id)).is_some_and(|good| authentication.generation < *good);
        Ok(ids.into_iter().flatten().any(is_revoked))
    }
}

/// The generation of what has ended for ever: a login, a phone.
pub(crate) const ENDED: u64 = i64::MAX.unsigned_abs();

impl Table {
    /// Takes back every token that names this id and was issued to an earlier generation of it. No clock decides: a login
    /// that was under way at the same moment is of the earlier one or of this one.
    pub(crate) fn revoke(
        &self,
        operator: &OperatorName,
        id: &str,
        generation: u64,
        at: Timestamp,
    ) -> Result<Write, Failed> {
        let generation = i64::try_from(generation).map_err(Failed::fault)?;
        let item = Item::at(&keys::revocation(operator, id))
            .with_number("generation", generation)
            .with_number("expires", at.plus_seconds(KEPT_SECONDS).as_seconds());
        self.advance(item, "generation", generation)
    }
}
