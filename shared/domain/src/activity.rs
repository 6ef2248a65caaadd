//! Field activity: how many events of each kind happened per region and hour, the heat map of the day.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Caller, Day, Event, Failed, Flaw, Timestamp, access::Reach};

/// What a range may span.
const MOST_DAYS: i64 = 7;

/// What stands for "nowhere in particular".
pub const NO_REGION: &str = "-";

/// Counts of one region and hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Activity {
    /// Where; `-` for what happened nowhere in particular.
    pub region: String,
    /// The hour in UTC, `2026-11-21T09:00:00Z`.
    pub hour: String,
    /// How many of each kind of event.
    pub counts: BTreeMap<String, u64>,
    /// How many in all.
    pub total: u64,
}

impl Activity {
    /// Whether a caller may know of it: who reaches the whole operator, of all; the desk, of its own regions.
    #[must_use]
    pub fn is_seen_by(&self, caller: &Caller) -> bool {
        let own = || caller.regions.iter().any(|region| region.as_str() == self.region);
        caller.reach == Reach::Operator || (caller.reach == Reach::Region && own())
    }
}

/// The place where an event is counted.
#[must_use]
pub fn bucket(event: &Event) -> (Day, String, String) {
    let region = event.region.as_ref().map_or(NO_REGION, |region| region.as_str());
    (event.at.utc_day(), event.at.hour(), region.to_owned())
}

/// The UTC days that a range touches.
///
/// # Errors
/// [`Failed::Malformed`] when it ends before it begins, or spans more than seven days.
pub fn days(from: Timestamp, to: Timestamp) -> Result<Vec<Day>, Failed> {
    let millis = to.millis_since(from);
    if !(0..=MOST_DAYS.saturating_mul(86_400_000)).contains(&millis) {
        let flaw = Flaw::new("to", "invalid_filter", "the range must end after it begins and span at most 7 days");
        return Err(Failed::malformed(flaw));
    }
    let last = to.utc_day();
    Ok(from.utc_day().series(jiff::Span::new().days(1)).take_while(|day| *day <= last).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_over_midnight_touches_two_days_and_a_long_one_is_refused() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let touched = days(at("2026-11-21T23:00:00Z"), at("2026-11-22T01:00:00Z")).unwrap();
        assert_eq!(touched.len(), 2);
        assert!(days(at("2026-11-01T00:00:00Z"), at("2026-11-21T00:00:00Z")).is_err());
        assert!(days(at("2026-11-21T01:00:00Z"), at("2026-11-21T00:00:00Z")).is_err());
    }
}
