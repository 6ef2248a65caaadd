//! What is counted while the day runs: how long each endpoint took, what was lost on the way, how busy each quarter hour was.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    clock::{self, Clockwork},
    findings::hold,
};

/// A count that all threads add to.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counts of a run.
#[derive(Debug)]
pub(crate) struct Meter {
    started: Instant,
    taken_micros: Mutex<BTreeMap<&'static str, Vec<u64>>>,
    statuses: Mutex<BTreeMap<u16, u64>>,
    quarters: Mutex<Vec<u64>>,
    field: Mutex<Option<Clockwork>>,
    /// Answers that said they were replays.
    pub(crate) replays: Count,
    /// Requests that never reached the server whole.
    pub(crate) lost_before: Count,
    /// Requests that went out whole and whose answer was thrown away.
    pub(crate) lost_after: Count,
    /// Times the server asked to come back later.
    pub(crate) waits: Count,
    /// Connections that broke without being meant to.
    pub(crate) breaks: Count,
    /// Location points the server took.
    pub(crate) points: Count,
    /// Times a phone exchanged its refresh token on a line that drops.
    pub(crate) refreshes: Count,
    /// Those whose first answer was thrown away.
    pub(crate) refreshes_lost: Count,
    /// Those that went out many times at once.
    pub(crate) refreshes_at_once: Count,
    /// Those of them that got one and the same successor.
    pub(crate) one_successor: Count,
    /// Agents whose refresh was refused though nobody ended their login.
    pub(crate) logged_out: Count,
}

/// How fast one endpoint was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    pub(crate) requests: usize,
    pub(crate) p50_micros: u64,
    pub(crate) p95_micros: u64,
    pub(crate) p99_micros: u64,
}

impl Meter {
    pub(crate) fn new() -> Self {
        Self {
            started: clock::tick(),
            taken_micros: Mutex::default(),
            statuses: Mutex::default(),
            quarters: Mutex::default(),
            field: Mutex::default(),
            replays: Count::default(),
            lost_before: Count::default(),
            lost_after: Count::default(),
            waits: Count::default(),
            breaks: Count::default(),
            points: Count::default(),
            refreshes: Count::default(),
            refreshes_lost: Count::default(),
            refreshes_at_once: Count::default(),
            one_successor: Count::default(),
            logged_out: Count::default(),
        }
    }

    /// A request was answered.
    pub(crate) fn answered(&self, endpoint: &'static str, taken: Duration, status: u16, replayed: bool) {
        hold(&self.taken_micros)
            .entry(endpoint)
            .or_default()
            .push(u64::try_from(taken.as_micros()).unwrap_or(u64::MAX));
        *hold(&self.statuses).entry(status).or_default() += 1;
        if replayed {
            self.replays.one();
        }
    }

    /// A request leaves a phone; during the field hours it is counted in its quarter hour.
    pub(crate) fn leaves(&self) {
        let Some(minute) = hold(&self.field).map(|field| field.minute()) else { return };
        let quarter = usize::try_from(minute.saturating_sub(Clockwork::OPEN) / 15).unwrap_or_default().min(63);
        let mut quarters = hold(&self.quarters);
        if quarters.len() <= quarter {
            quarters.resize(quarter + 1, 0);
        }
        if let Some(count) = quarters.get_mut(quarter) {
            *count += 1;
        }
    }

    /// The field hours begin, or end.
    pub(crate) fn field(&self, clockwork: Option<Clockwork>) {
        *hold(&self.field) = clockwork;
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    pub(crate) fn quarters(&self) -> Vec<u64> {
        hold(&self.quarters).clone()
    }

    pub(crate) fn statuses(&self) -> BTreeMap<u16, u64> {
        hold(&self.statuses).clone()
    }

    pub(crate) fn paces(&self) -> BTreeMap<&'static str, Pace> {
        hold(&self.taken_micros).iter().map(|(endpoint, taken)| (*endpoint, pace(taken.clone()))).collect()
    }
}

fn pace(mut taken: Vec<u64>) -> Pace {
    taken.sort_unstable();
    // The nearest rank: the smallest value that so many in a hundred do not exceed.
    let at = |percent: usize| {
        let rank = (taken.len() * percent).div_ceil(100).saturating_sub(1);
        taken.get(rank).copied().unwrap_or_default()
    };
    Pace { requests: taken.len(), p50_micros: at(50), p95_micros: at(95), p99_micros: at(99) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        assert_eq!(
            pace((1..=100).rev().collect()),
            Pace { requests: 100, p50_micros: 50, p95_micros: 95, p99_micros: 99 }
        );
        assert_eq!(pace(vec![7]), Pace { requests: 1, p50_micros: 7, p95_micros: 7, p99_micros: 7 });
        assert_eq!(pace(vec![]).p50_micros, 0);
    }

    #[test]
    fn requests_are_counted_in_their_quarter_hour_only_during_field_hours() {
        let meter = Meter::new();
        meter.leaves();
        meter.field(Some(Clockwork::start(1)));
        meter.leaves();
        meter.field(None);
        meter.leaves();
        assert_eq!(meter.quarters(), [1]);
    }
}
