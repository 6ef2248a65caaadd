//! Waiting: for something to be seen, with a bound; and the only clock that the stories read.
#![expect(
    clippy::disallowed_methods,
    reason = "the stories stand outside the stack, where time is a clock on the wall"
)]

use std::{
    thread,
    time::{Duration, Instant, SystemTime},
};

use jiff::{Timestamp, Zoned, civil::Date, tz::TimeZone};

/// How long to look away between two looks.
const GLANCE: Duration = Duration::from_millis(50);
/// Longer than anything takes that a story waits for, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// Looks until there is something to see; fails with what was waited for.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Some(seen) = look() {
            return seen;
        }
        thread::park_timeout(GLANCE);
    }
    panic!("waited {} s in vain until {what}", PATIENCE.as_secs());
}

/// How long waiting on a channel may take.
pub(crate) const fn patience() -> Duration {
    PATIENCE
}

/// A stopwatch that runs.
pub(crate) fn stopwatch() -> Instant {
    Instant::now()
}

/// The moment now.
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// The moment now, as signatures want it.
pub(crate) fn wall_clock() -> SystemTime {
    SystemTime::now()
}

/// The business day of the seeded operators.
pub(crate) fn today() -> Date {
    let zone = TimeZone::get("Asia/Kolkata").expect("the zone is in the bundle");
    Zoned::now().with_time_zone(zone).date()
}
