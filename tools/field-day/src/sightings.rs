//! Every state that was seen of every visit and payout, so that one that moved back is noticed.

use std::{collections::BTreeMap, sync::Mutex, time::Instant};

use crate::{
    clock,
    findings::{Findings, Rule, hold},
};

/// One look: no earlier than asked, no later than answered.
#[derive(Debug, Clone)]
struct Sighting {
    asked: Instant,
    answered: Instant,
    status: String,
    version: u64,
}

/// All looks, by id.
#[derive(Debug, Default)]
pub(crate) struct Sightings(Mutex<BTreeMap<String, Vec<Sighting>>>);

/// How far along a state is; two of the same rank never follow each other unless they are equal.
fn rank(id: &str, status: &str) -> Option<u8> {
    let payout = id.starts_with("dsb_");
    match status {
        "pending" if !payout => Some(0),
        "assigned" if !payout => Some(1),
        "out_for_delivery" if !payout => Some(2),
        "confirmed" | "failed" | "cancelled" if !payout => Some(9),
        "created" if payout => Some(0),
        "approved" if payout => Some(1),
        "reserved" if payout => Some(2),
        "handed_over" if payout => Some(3),
        "exception" if payout => Some(4),
        "reconciled" if payout => Some(9),
        _ => None,
    }
}

impl Sightings {
    /// Notes a state read first-hand; replays tell the past and are not to be noted.
    pub(crate) fn saw(&self, id: &str, status: &str, version: u64, asked: Instant) {
        let sighting = Sighting { asked, answered: clock::tick(), status: status.to_owned(), version };
        hold(&self.0).entry(id.to_owned()).or_default().push(sighting);
    }

    /// V6 over everything seen: of two looks, one asked after the other was answered must not be further back.
    pub(crate) fn check(&self, findings: &Findings) -> usize {
        let all = hold(&self.0);
        for (id, sightings) in &*all {
            for (at, before) in sightings.iter().enumerate() {
                if rank(id, &before.status).is_none() {
                    findings.add(Rule::V6, id, &format!("`{}` is no state of it", before.status));
                }
                let later = sightings
                    .iter()
                    .enumerate()
                    .filter(|(other, after)| *other != at && after.asked >= before.answered);
                for (_, after) in later {
                    let ended = rank(id, &before.status) == Some(9);
                    if rank(id, &after.status) < rank(id, &before.status) || (ended && after.status != before.status) {
                        findings.add(Rule::V6, id, &format!("was {}, is {}", before.status, after.status));
                    }
                    if after.version < before.version
                        || (after.version == before.version && after.status != before.status)
                    {
                        let what = format!(
                            "version {} {}, then {} {}",
                            before.version, before.status, after.version, after.status
                        );
                        findings.add(Rule::V6, id, &what);
                    }
                }
            }
        }
        all.values().map(Vec::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violations(id: &str, seen: &[(&str, u64)]) -> usize {
        let (sightings, findings) = (Sightings::default(), Findings::default());
        for (status, version) in seen {
            sightings.saw(id, status, *version, clock::tick());
        }
        assert_eq!(sightings.check(&findings), seen.len());
        findings.violations().len()
    }

    #[test]
    fn forward_is_fine() {
        assert_eq!(violations("dlv_1", &[("pending", 1), ("assigned", 2), ("assigned", 2), ("failed", 3)]), 0);
        assert_eq!(
            violations("dsb_1", &[("handed_over", 3), ("exception", 4), ("exception", 5), ("reconciled", 6)]),
            0
        );
    }

    #[test]
    fn backward_is_not() {
        assert_eq!(violations("dlv_1", &[("confirmed", 3), ("assigned", 4)]), 1);
        assert_eq!(violations("dlv_1", &[("confirmed", 3), ("failed", 4)]), 1);
        assert_eq!(violations("dlv_1", &[("assigned", 3), ("assigned", 2)]), 1);
        assert_eq!(violations("dlv_1", &[("handed_over", 1)]), 1);
    }
}
