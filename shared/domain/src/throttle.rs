//! How often somebody may ask: token buckets, several rates at once, exact under any number of callers.
//!
//! A bucket is kept as the one number of the generic cell rate algorithm (ITU-T I.371, "virtual scheduling"): the moment
//! at which it will be full again. A request moves that moment on by its share of the window; it may come while the
//! moment lies no further ahead than the window. So N at once means N, and the condition can be written into one update.

use crate::{Role, Timestamp};

/// So many requests in so long a window, all of them at once if need be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// What the policy calls it: `burst` or `sustained`.
    pub name: &'static str,
    /// Requests a window.
    pub quota: u32,
    /// The window, in seconds.
    pub window_seconds: u32,
}

const MICROS: i64 = 1_000_000;
/// How far the clocks of the gateway may be apart, in seconds.
const SKEW_SECONDS: i64 = 5;

impl Rate {
    /// A rate of its name.
    #[must_use]
    pub const fn new(name: &'static str, quota: u32, window_seconds: u32) -> Self {
        Self { name, quota, window_seconds }
    }

    /// The window in microseconds.
    #[must_use]
    pub fn window_micros(&self) -> i64 {
        i64::from(self.window_seconds).saturating_mul(MICROS)
    }

    /// A request's share of the window in microseconds, rounded down.
    #[must_use]
    pub fn share_micros(&self) -> i64 {
        self.window_micros().checked_div(i64::from(self.quota)).unwrap_or(i64::MAX)
    }

    /// The furthest ahead that the full moment may lie for one more request to be let through.
    #[must_use]
    pub fn tolerance_micros(&self) -> i64 {
        self.share_micros().saturating_mul(i64::from(self.quota).saturating_sub(1))
    }
}

impl Rate {
    /// The furthest ahead that a full moment can have come by honest clocks. One that lies beyond was written by a clock
    /// that ran ahead, and must not lock anybody out: the bucket starts anew.
    #[must_use]
    pub fn horizon_micros(&self) -> i64 {
        self.window_micros().saturating_add(SKEW_SECONDS.saturating_mul(MICROS))
    }

    /// Whether a bucket that is full at this moment has nothing to say now.
    #[must_use]
    pub fn is_idle(&self, full_at: i64, now: i64) -> bool {
        full_at < now || full_at > now.saturating_add(self.horizon_micros())
    }

    /// Whether a bucket that is full at this moment lets nothing through now.
    #[must_use]
    pub fn is_over(&self, full_at: i64, now: i64) -> bool {
        !self.is_idle(full_at, now) && full_at.saturating_sub(now) > self.tolerance_micros()
    }
}

/// A moment in microseconds since 1970, as buckets are kept.
#[must_use]
pub fn micros(at: Timestamp) -> i64 {
    at.as_millis().saturating_mul(1_000)
}

/// What is left of a policy after a request: what the `RateLimit` headers say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Allowance {
    /// The policy, as `RateLimit-Policy` states it.
    pub policy: String,
    /// The rate of which least is left.
    pub tightest: &'static str,
    /// Requests that it lets through now.
    pub remaining: u32,
    /// Seconds until it is full again.
    pub reset_seconds: u32,
    /// Seconds until a request that was refused is let through; 0 when it was not.
    pub retry_after_seconds: u32,
}

impl Allowance {
    /// What is left of these rates, given when each bucket will be full again, in microseconds.
    #[must_use]
    pub fn of(rates: &[Rate], full_at: &[i64], now: i64) -> Self {
        let policy: Vec<String> = rates
            .iter()
            .map(|Rate { name, quota, window_seconds }| format!("\"{name}\";q={quota};w={window_seconds}"))
            .collect();
        let mut allowance = Self { policy: policy.join(", "), remaining: u32::MAX, ..Self::default() };
        for (rate, full_at) in rates.iter().zip(full_at) {
            let ahead = full_at.saturating_sub(now).max(0);
            let free = rate.tolerance_micros().saturating_add(rate.share_micros()).saturating_sub(ahead);
            let remaining = free.max(0).checked_div(rate.share_micros()).unwrap_or(0);
            let remaining = u32::try_from(remaining).unwrap_or(u32::MAX);
            if remaining < allowance.remaining {
                allowance.tightest = rate.name;
                allowance.remaining = remaining;
                allowance.reset_seconds = seconds_up(ahead);
            }
            let wait = ahead.saturating_sub(rate.tolerance_micros());
            if wait > 0 {
                allowance.retry_after_seconds = allowance.retry_after_seconds.max(seconds_up(wait).max(1));
            }
        }
        allowance
    }

    /// The `RateLimit` header (draft-ietf-httpapi-ratelimit-headers).
    #[must_use]
    pub fn header(&self) -> String {
        format!("\"{}\";r={};t={}", self.tightest, self.remaining, self.reset_seconds)
    }
}

fn seconds_up(micros: i64) -> u32 {
    let seconds = micros.saturating_add(MICROS.saturating_sub(1)).checked_div(MICROS).unwrap_or(0);
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

/// A bucket in memory: where a count that is exact for one process is enough.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bucket(i64);

impl Bucket {
    /// Takes one request out of the bucket, if there is one.
    ///
    /// # Errors
    /// What is left, with how long to wait.
    pub fn take(&mut self, rate: Rate, now: Timestamp) -> Result<(), Allowance> {
        let now = micros(now);
        let full_at = if rate.is_idle(self.0, now) { now } else { self.0 };
        if rate.is_over(full_at, now) {
            return Err(Allowance::of(&[rate], &[full_at], now));
        }
        self.0 = full_at.saturating_add(rate.share_micros());
        Ok(())
    }
}

/// What changes state, by role. An agent who was offline for days sends everything at once; a lender's program works
/// through a list; a desk is people.
#[must_use]
pub fn command_rates(role: Role) -> &'static [Rate] {
    const AGENT: &[Rate] = &[Rate::new("burst", 600, 60), Rate::new("sustained", 5_000, 86_400)];
    const PARTNER: &[Rate] = &[Rate::new("burst", 100, 10), Rate::new("sustained", 20_000, 3_600)];
    const DESK: &[Rate] = &[Rate::new("burst", 300, 60), Rate::new("sustained", 5_000, 3_600)];
    match role {
        Role::Agent => AGENT,
        Role::Partner => PARTNER,
        Role::Staff | Role::Settlement | Role::Admin => DESK,
    }
}

/// What reads, and what reports positions: counted in each process by itself, so that a position costs no second write.
pub const READS: Rate = Rate::new("burst", 600, 60);

/// What comes from one address before anybody is known. Carriers put thousands of phones behind one address, so this
/// stops floods, not people.
pub const ADDRESS: &[Rate] = &[Rate::new("burst", 600, 60), Rate::new("sustained", 10_000, 3_600)];

/// Attempts at one login: enough for a forgetful person, far too few to guess a password.
pub const LOGIN: &[Rate] = &[Rate::new("burst", 10, 300), Rate::new("sustained", 100, 86_400)];

/// Tokens for one program: it asks every ten minutes, from as many machines as it has; nobody guesses 256 bits.
pub const PROGRAM: &[Rate] = &[Rate::new("burst", 120, 60)];

/// Codes sent to one number: each costs money and annoys a person.
pub const NUMBER: &[Rate] = &[Rate::new("burst", 3, 300), Rate::new("sustained", 20, 86_400)];

/// Codes asked for from one address.
pub const CODES_OF_ADDRESS: &[Rate] = &[Rate::new("burst", 300, 300), Rate::new("sustained", 3_000, 86_400)];

/// Codes sent for one operator, all numbers together: a bound on what an attack can cost.
pub const CODES_OF_OPERATOR: &[Rate] = &[Rate::new("burst", 1_000, 60), Rate::new("sustained", 20_000, 86_400)];

/// Mails with a ticket to one login.
pub const TICKETS: &[Rate] = &[Rate::new("burst", 3, 3_600)];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn so_many_at_once_and_then_one_a_share() {
        let rate = Rate::new("burst", 100, 60);
        let mut bucket = Bucket::default();
        let passed = (0..500).filter(|_| bucket.take(rate, at(1_000_000)).is_ok()).count();
        assert_eq!(passed, 100);
        let refused = bucket.take(rate, at(1_000_000)).unwrap_err();
        assert_eq!((refused.remaining, refused.reset_seconds, refused.retry_after_seconds), (0, 60, 1));
        assert!(bucket.take(rate, at(1_000_599)).is_err());
        assert!(bucket.take(rate, at(1_000_600)).is_ok());
        assert!(bucket.take(rate, at(1_000_600)).is_err());
    }

    #[test]
    fn a_clock_that_ran_ahead_locks_nobody_out() {
        let rate = Rate::new("burst", 2, 60);
        let mut bucket = Bucket::default();
        assert!(bucket.take(rate, at(86_400_000)).is_ok());
        assert!(bucket.take(rate, at(0)).is_ok() && bucket.take(rate, at(0)).is_ok());
        assert!(bucket.take(rate, at(0)).is_err());
    }

    #[test]
    fn the_headers_name_the_rate_of_which_least_is_left() {
        let rates = [Rate::new("burst", 10, 10), Rate::new("sustained", 1_000, 3_600)];
        let said = Allowance::of(&rates, &[4_000_000, 3_600_000], 0);
        assert_eq!(said.policy, "\"burst\";q=10;w=10, \"sustained\";q=1000;w=3600");
        assert_eq!(said.header(), "\"burst\";r=6;t=4");
        assert_eq!(said.retry_after_seconds, 0);
    }

    proptest! {
        #[test]
        fn no_window_lets_more_through_than_its_quota_and_what_refilled(
            quota in 1_u32..2_000,
            window in 1_u32..4_000,
            gaps in prop::collection::vec(0_i64..5_000, 1..400),
        ) {
            let rate = Rate::new("burst", quota, window);
            let mut bucket = Bucket::default();
            let (mut now, mut passed) = (0_i64, 0_i64);
            for gap in gaps {
                now += gap;
                if bucket.take(rate, at(now)).is_ok() {
                    passed += 1;
                }
                let refilled = now.saturating_mul(1_000) / rate.share_micros();
                prop_assert!(passed <= i64::from(quota) + refilled);
            }
        }

        #[test]
        fn what_is_told_to_wait_is_let_through_then(quota in 1_u32..500, window in 1_u32..500) {
            let rate = Rate::new("burst", quota, window);
            let mut bucket = Bucket::default();
            for _ in 0..quota {
                prop_assert!(bucket.take(rate, at(0)).is_ok());
            }
            let refused = bucket.take(rate, at(0)).unwrap_err();
            prop_assert!(bucket.take(rate, at(i64::from(refused.retry_after_seconds) * 1_000)).is_ok());
        }
    }
}
