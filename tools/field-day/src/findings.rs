//! What was found wrong, by the name of the rule it breaks, and which planted mistakes were refused as they must be.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// A lock that is still good after a thread died with it: what is inside is only ever added to.
pub(crate) fn hold<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The rules, as `docs/ARCHITECTURE.md` counts them; `Api` is any other promise of `docs/API.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rule {
    V1,
    V2,
    V3,
    V4,
    V5,
    V6,
    V7,
    V9,
    V10,
    V11,
    V15,
    Api,
}

impl Rule {
    /// Those that the checker walks.
    pub(crate) const ALL: [(Self, &'static str); 12] = [
        (Self::V1, "no accepted request is lost"),
        (Self::V2, "at most one effect per command"),
        (Self::V3, "replays are byte-identical"),
        (Self::V4, "entries sum to zero per transfer; the trial balance is zero"),
        (Self::V5, "a balance is the fold of its entries; cash is never negative, never above the cap"),
        (Self::V6, "states move forward only"),
        (Self::V7, "every event is counted once"),
        (Self::V9, "each period is settled once; a file is always the same bytes"),
        (Self::V10, "no 5xx; every error is problem+json"),
        (Self::V11, "nothing crosses operators"),
        (Self::V15, "a lost answer logs nobody out; what was lost or copied lets nobody in"),
        (Self::Api, "every other promise of docs/API.md"),
    ];
}

impl fmt::Display for Rule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Api => out.write_str("API"),
            Self::V1
            | Self::V2
            | Self::V3
            | Self::V4
            | Self::V5
            | Self::V6
            | Self::V7
            | Self::V9
            | Self::V10
            | Self::V11
            | Self::V15 => fmt::Debug::fmt(self, out),
        }
    }
}

/// Everything found, from all threads.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    violations: Mutex<BTreeSet<(Rule, String)>>,
    refusals: Mutex<BTreeMap<&'static str, Planted>>,
}

/// How often a mistake was planted, and how often it was refused exactly as it must be.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Planted {
    pub(crate) planted: u64,
    pub(crate) refused: u64,
}

impl Findings {
    /// A rule is broken: whom it concerns and what is wrong.
    pub(crate) fn add(&self, rule: Rule, subject: &str, what: &str) {
        hold(&self.violations).insert((rule, format!("{subject}: {what}")));
    }

    /// A planted mistake was made; `rightly` if it was refused by its name and changed nothing.
    pub(crate) fn refused(&self, mistake: &'static str, rightly: bool) {
        let mut refusals = hold(&self.refusals);
        let planted = refusals.entry(mistake).or_default();
        planted.planted += 1;
        planted.refused += u64::from(rightly);
    }

    pub(crate) fn violations(&self) -> Vec<(Rule, String)> {
        hold(&self.violations).iter().cloned().collect()
    }

    pub(crate) fn refusals(&self) -> BTreeMap<&'static str, Planted> {
        hold(&self.refusals).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_violation_is_told_once_and_by_name() {
        let findings = Findings::default();
        findings.add(Rule::V5, "agent_cash.agt_1", "balance 10 != fold 20");
        findings.add(Rule::V5, "agent_cash.agt_1", "balance 10 != fold 20");
        let told: Vec<String> = findings.violations().iter().map(|(rule, what)| format!("{rule}: {what}")).collect();
        assert_eq!(told, ["V5: agent_cash.agt_1: balance 10 != fold 20"]);
    }
}
