//! What this run changed, by event, so that the activity counts can be held to it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use crate::{findings::hold, meter::Count};

/// Counts by event type.
pub(crate) type Counts = BTreeMap<String, u64>;

/// Accepted commands by operator and event.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    counts: Mutex<BTreeMap<(String, &'static str), u64>>,
    /// Commands whose answer never came: each may have had its effect.
    pub(crate) unknown: Count,
}

impl Tally {
    /// A command of that operator was accepted and reports this.
    pub(crate) fn event(&self, operator: &str, event: &'static str) {
        *hold(&self.counts).entry((operator.to_owned(), event)).or_default() += 1;
    }

    pub(crate) fn of(&self, operator: &str, event: &'static str) -> u64 {
        hold(&self.counts).get(&(operator.to_owned(), event)).copied().unwrap_or_default()
    }

    /// For each event of the operator the counts that would be right. Where `docs/API.md` leaves open whether one
    /// command reports a second event as well, both are right. Logins of people with a password are not held to a count:
    /// they come before the counts are read for the first time, and may be counted before or after.
    pub(crate) fn expected(&self, operator: &str) -> BTreeMap<&'static str, BTreeSet<u64>> {
        let of = |event| self.of(operator, event);
        let exact = |event| (event, BTreeSet::from([of(event)]));
        BTreeMap::from([
            (
                "delivery.created",
                BTreeSet::from([of("delivery.created"), of("delivery.created") + of("disbursement.created")]),
            ),
            exact("delivery.assigned"),
            exact("delivery.confirmed"),
            exact("delivery.failed"),
            exact("disbursement.created"),
            exact("disbursement.reconciled"),
            (
                "disbursement.excepted",
                BTreeSet::from([of("disbursement.excepted"), of("disbursement.excepted") + of("payout failed")]),
            ),
            ("settlement.requested", BTreeSet::from([of("settlement.requested"), of("day closed")])),
            exact("settlement.settled"),
            exact("export.requested"),
            exact("otp.requested"),
            exact("device.enrolled"),
            exact("device.revoked"),
            exact("client.created"),
            exact("session.refused"),
            exact("session.stolen"),
        ])
    }
}

/// Where the counted events differ from what was done; `slack` commands may or may not have been carried out.
pub(crate) fn differences(
    expected: &BTreeMap<&'static str, BTreeSet<u64>>,
    before: &Counts,
    after: &Counts,
    slack: u64,
) -> Vec<String> {
    let of = |counts: &Counts, event: &str| counts.get(event).copied().unwrap_or_default();
    expected
        .iter()
        .filter_map(|(event, right)| {
            let (was, is) = (of(before, event), of(after, event));
            let counted = is.checked_sub(was);
            let fits =
                counted.is_some_and(|counted| right.iter().any(|right| (*right..=right + slack).contains(&counted)));
            let right: Vec<String> = right.iter().map(u64::to_string).collect();
            (!fits).then(|| {
                format!("{event} counted {was} before and {is} after, must have grown by {}", right.join(" or "))
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(assigned: u64) -> Counts {
        Counts::from([("delivery.assigned".to_owned(), assigned)])
    }

    #[test]
    fn counts_must_grow_by_what_was_done() {
        let tally = Tally::default();
        tally.event("pennco", "delivery.assigned");
        tally.event("vishi", "delivery.assigned");
        let expected = tally.expected("pennco");
        assert_eq!(differences(&expected, &counts(4), &counts(5), 0), Vec::<String>::new());
        assert_eq!(differences(&expected, &counts(4), &counts(4), 0).len(), 1);
        assert_eq!(differences(&expected, &counts(4), &counts(6), 0).len(), 1);
        assert_eq!(differences(&expected, &counts(4), &counts(6), 1).len(), 0);
        assert_eq!(differences(&expected, &counts(4), &counts(3), 1).len(), 1);
    }
}
