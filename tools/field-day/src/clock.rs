//! The wall clock of this client, read in one place; the backend never sees it but as device time.
#![allow(
    clippy::disallowed_methods,
    reason = "a client stands outside: its phones and its bank have clocks of their own"
)]

use std::{
    thread,
    time::{Duration, Instant},
};

use jiff::{Span, Timestamp, civil::Date, tz::TimeZone};

use crate::Stopped;

/// The moment now.
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// A point on the clock that only measures.
pub(crate) fn tick() -> Instant {
    Instant::now()
}

/// Waits.
pub(crate) fn pause(millis: u64) {
    thread::sleep(Duration::from_millis(millis));
}

/// The business day, in the zone of all three operators.
pub(crate) fn business_day(at: Timestamp) -> Result<Date, Stopped> {
    at.in_tz("Asia/Kolkata").map(|local| local.date()).map_err(Stopped::Calendar)
}

/// The UTC day, by which entries and tracks are exported.
pub(crate) fn utc_day(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// A moment as the API writes it.
pub(crate) fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// The moment so many milliseconds away, or the same one at the ends of time.
pub(crate) fn shifted(at: Timestamp, millis: i64) -> Timestamp {
    at.checked_add(Span::new().milliseconds(millis)).unwrap_or(at)
}

/// The day so many days away, or the same one at the ends of time.
pub(crate) fn other_day(day: Date, days: i64) -> Date {
    day.checked_add(Span::new().days(days)).unwrap_or(day)
}

/// The start of the hour and of the hour `hours` later, as the activity route takes them.
pub(crate) fn hours_around(at: Timestamp, hours: i64) -> (String, String) {
    let hour = |at: Timestamp| at.strftime("%Y-%m-%dT%H:00:00Z").to_string();
    (hour(at), hour(shifted(at, hours.saturating_mul(3_600_000))))
}

/// The compressed day: starts at 08:00 and runs so many times faster than life.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clockwork {
    started: Instant,
    speed: u32,
}

impl Clockwork {
    /// Minutes of the day at which work starts and ends.
    pub(crate) const OPEN: u32 = 8 * 60;
    pub(crate) const SHUT: u32 = 20 * 60;

    pub(crate) fn start(speed: u32) -> Self {
        Self { started: tick(), speed: speed.max(1) }
    }

    /// The minute of the simulated day now.
    pub(crate) fn minute(&self) -> u32 {
        let simulated = self.started.elapsed().as_millis().saturating_mul(u128::from(self.speed)) / 60_000;
        Self::OPEN.saturating_add(u32::try_from(simulated).unwrap_or(u32::MAX))
    }

    /// Waits until that minute of the simulated day; does not wait if it is past.
    pub(crate) fn wait_for(&self, minute: u32) {
        let due = u64::from(minute.saturating_sub(Self::OPEN)) * 60_000 / u64::from(self.speed);
        let gone = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        if due > gone {
            pause(due - gone);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_the_api_writes_them() {
        let at: Timestamp = "2026-11-21T09:30:00Z".parse().unwrap_or_default();
        assert_eq!(stamp(at), "2026-11-21T09:30:00.000Z");
        assert_eq!(stamp(shifted(at, -1)), "2026-11-21T09:29:59.999Z");
        assert_eq!(hours_around(at, 3), ("2026-11-21T09:00:00Z".to_owned(), "2026-11-21T12:00:00Z".to_owned()));
    }

    #[test]
    fn the_business_day_turns_at_midnight_in_kolkata() {
        let day =
            |at: &str| business_day(at.parse().unwrap_or_default()).map(|day| day.to_string()).unwrap_or_default();
        assert_eq!(day("2026-11-21T18:29:59Z"), "2026-11-21");
        assert_eq!(day("2026-11-21T18:30:00Z"), "2026-11-22");
    }
}
