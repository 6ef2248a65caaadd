//! A login and what comes from it: a family of refresh tokens of which at most two are good at any moment, and the end
//! of the whole family when one comes back that was used up.

use serde::{Deserialize, Serialize};

use crate::{DeviceId, SessionId, Timestamp, UserId};

/// How long a login can be refreshed, in seconds: 30 days, from the day of the login on.
pub const REFRESH_SECONDS: i64 = 30 * 86_400;
/// How long a login of the console lasts, in seconds: a working day.
pub const CONSOLE_SECONDS: i64 = 12 * 3_600;

/// A login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its id.
    pub session_id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// Their generation when they logged in: a later one ends the login.
    pub user_generation: u64,
    /// The phone it is bound to: an agent's login always is.
    pub device_id: Option<DeviceId>,
    /// When they logged in.
    pub opened_at: Timestamp,
    /// Until when it can be refreshed.
    pub expires_at: Timestamp,
    /// How many refresh tokens have been issued; the latest has this number.
    pub generation: u64,
    /// When it was ended before its time.
    pub ended_at: Option<Timestamp>,
}

/// What a refresh token is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresh {
    /// The latest one, used for the first time: its successor is issued.
    Next,
    /// Its successor was issued and never used, so the answer may have been lost: the same successor again.
    Again,
    /// Its successor was used: somebody else has a copy. The whole family ends.
    Stolen,
    /// The login is over.
    Over,
}

impl Session {
    /// What a refresh token of this generation is worth now.
    #[must_use]
    pub fn refresh(&self, generation: u64, now: Timestamp) -> Refresh {
        if self.ended_at.is_some() || self.expires_at <= now || generation > self.generation {
            Refresh::Over
        } else if generation == self.generation {
            Refresh::Next
        } else if generation.checked_add(1) == Some(self.generation) {
            Refresh::Again
        } else {
            Refresh::Stolen
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn session(generation: u64) -> Session {
        Session {
            session_id: SessionId::mint(Timestamp::EPOCH, &[b"s"]),
            user_id: UserId::mint(Timestamp::EPOCH, &[b"u"]),
            user_generation: 0,
            device_id: None,
            opened_at: Timestamp::EPOCH,
            expires_at: Timestamp::EPOCH.plus_seconds(REFRESH_SECONDS),
            generation,
            ended_at: None,
        }
    }

    #[test]
    fn the_one_before_the_latest_is_good_until_the_latest_is_used() {
        let now = Timestamp::from_millis(1_000);
        for (presented, worth) in [(5, Refresh::Next), (4, Refresh::Again), (3, Refresh::Stolen), (6, Refresh::Over)] {
            assert_eq!(session(5).refresh(presented, now), worth, "{presented}");
        }
        let ended = Session { ended_at: Some(now), ..session(5) };
        assert_eq!(ended.refresh(5, now), Refresh::Over);
        assert_eq!(session(5).refresh(5, session(5).expires_at), Refresh::Over);
    }

    proptest! {
        /// A phone on a line that loses answers never loses its login: whatever it asks again with is worth a successor.
        #[test]
        fn a_lost_answer_logs_nobody_out(losses in prop::collection::vec(any::<bool>(), 1..200)) {
            let mut kept = session(1);
            let mut held = 1_u64;
            for lost in losses {
                let worth = kept.refresh(held, Timestamp::EPOCH);
                prop_assert!(matches!(worth, Refresh::Next | Refresh::Again));
                if worth == Refresh::Next {
                    kept.generation += 1;
                }
                if !lost {
                    held = kept.generation;
                }
            }
        }
    }
}
