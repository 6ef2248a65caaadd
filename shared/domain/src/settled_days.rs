//! The closed days of the last weeks and their settlements, as the records have them: what should be there, and is not.
//!
//! Whom a day was closed for is what its own row says, not whom the operator works for today: a partner that was taken on
//! since has no settlement of the days before, and needs none.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Day, OperatorName, PartnerName, SettlementId, day_close::DayClose, settlement::Settlement};

/// Closed days and their settlements. A row that is there and cannot be read as what it should be is there as nothing.
#[derive(Debug, Clone)]
pub struct SettledDays {
    /// Whose days.
    pub operator: OperatorName,
    /// The first day that is looked at.
    pub first: Day,
    /// The last day that was closed.
    pub last: Day,
    /// The rows of the days.
    pub days: BTreeMap<Day, Option<DayClose>>,
    /// The rows of settlements: those of the days, and whatever else is listed between them.
    pub settlements: BTreeMap<SettlementId, Option<Settlement>>,
}

impl SettledDays {
    /// A closed day, if its row can be read.
    #[must_use]
    pub fn closed(&self, day: Day) -> Option<&DayClose> {
        self.days.get(&day)?.as_ref()
    }

    /// Every day that something says was closed, oldest first: the calendar of the last, each day of the one before it,
    /// a settlement of its own.
    #[must_use]
    pub fn named(&self) -> BTreeSet<Day> {
        let before = self.days.values().flatten().filter_map(|day| day.previous);
        let settled = self.settlements.values().flatten().filter(|settled| self.is_itself(settled));
        let settled = settled.map(|settled| settled.business_day);
        let named = self.days.keys().copied().chain(before).chain(settled).chain([self.last]);
        named.filter(|day| (self.first..=self.last).contains(day)).collect()
    }

    /// The settlements that a day was closed with, and of which there is no row.
    pub fn lacking_of<'a>(&'a self, day: &'a DayClose) -> impl Iterator<Item = &'a SettlementId> {
        day.settlements.iter().filter(|settlement_id| !self.settlements.contains_key(settlement_id))
    }

    /// With whom a settlement is of which nothing but the id is left: the id is made of that, and tells for one of these
    /// partners. The id itself for any other.
    #[must_use]
    pub fn who(&self, settlement_id: &SettlementId, day: Day, partners: &[PartnerName]) -> String {
        let is_its = |partner: &&PartnerName| {
            self.closed(day)
                .is_some_and(|closed| Settlement::id_of(&self.operator, partner, day, closed.cut_at) == *settlement_id)
        };
        partners.iter().find(is_its).map_or_else(|| settlement_id.to_string(), ToString::to_string)
    }

    /// Whether a settlement is of the day and with the partner that its id was made for.
    fn is_itself(&self, settled: &Settlement) -> bool {
        let made_for = Settlement::id_of(&self.operator, &settled.partner_id, settled.business_day, settled.cut_at);
        made_for == settled.settlement_id
    }

    /// What a settlement should be and what it is, when it is none of those that its day was closed with, or not from the
    /// day's beginning to its cut.
    #[must_use]
    pub fn misplaced(&self, settled: &Settlement) -> Option<(String, String)> {
        let Settlement { settlement_id, partner_id, business_day, opened_at, cut_at, .. } = settled;
        if !self.is_itself(settled) {
            let found = format!("{business_day} with {partner_id}, cut at {cut_at}");
            return Some(("of the day and with the partner that its id was made for".to_owned(), found));
        }
        let day = self.closed(*business_day)?;
        if !day.settlements.contains(settlement_id) {
            let expected = format!("one of the settlements that {business_day} was closed with");
            return Some((expected, "another".to_owned()));
        }
        let is_whole = (*opened_at, *cut_at) == (day.opened_at, day.cut_at);
        (!is_whole)
            .then(|| (format!("from {} to {}", day.opened_at, day.cut_at), format!("from {opened_at} to {cut_at}")))
    }
}

/// What a closed day should say and what it says, when it does not follow the one that lies before it.
#[must_use]
pub fn gap(before: &DayClose, day: &DayClose) -> Option<(String, String)> {
    if day.previous != Some(before.business_day) {
        let found = day.previous.map_or_else(|| "behind none".to_owned(), |previous| format!("behind {previous}"));
        return Some((format!("behind {}", before.business_day), found));
    }
    (before.cut_at != day.opened_at).then(|| {
        let expected = format!("begins at {}, where {} was cut", before.cut_at, before.business_day);
        (expected, format!("begins at {}", day.opened_at))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Currency, Timestamp,
        calendar::BusinessDays,
        proof::{Check, Invariant},
        settlement::{Calendar, SettlementStatus},
        settlement_format::FileFormat,
    };

    const NOW: i64 = 1_795_242_600_000;

    fn now() -> Timestamp {
        Timestamp::from_millis(NOW)
    }

    fn partners(names: &[&str]) -> Vec<PartnerName> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    /// Four days that follow each other around a holiday; the last two are closed for a second partner as well.
    fn four_days() -> SettledDays {
        let mut calendar = Calendar::new("pennco".parse().unwrap());
        let mut weeks = SettledDays {
            operator: "pennco".parse().unwrap(),
            first: jiff::civil::date(2026, 10, 10),
            last: jiff::civil::date(2026, 11, 14),
            days: BTreeMap::new(),
            settlements: BTreeMap::new(),
        };
        let rules = serde_json::json!({ "holidays": [{ "day": "2026-11-11", "name": "Diwali" }] });
        let days = BusinessDays::new(serde_json::from_value(rules).unwrap(), jiff::tz::TimeZone::UTC);
        for count in [1, 1, 2, 2] {
            let closed = calendar.last_closed.unwrap_or(jiff::civil::date(2026, 11, 9));
            let slot = calendar.close(days.after(closed).unwrap(), now(), &days).unwrap();
            let mut ids = vec![];
            for partner in &partners(&["bfil", "lnt-finance"])[..count] {
                let settled = slot.settlement(partner, Currency::Inr, FileFormat::default());
                ids.push(settled.settlement_id.clone());
                let settled = Settlement { status: SettlementStatus::Settled, ..settled };
                weeks.settlements.insert(settled.settlement_id.clone(), Some(settled));
            }
            weeks.days.insert(slot.business_day, Some(slot.day_close(&calendar, ids)));
            calendar = slot.after;
        }
        assert_eq!(calendar.last_closed, Some(weeks.last));
        weeks
    }

    fn found(weeks: &SettledDays) -> Vec<String> {
        let mut check = Check::begin("pennco".parse().unwrap(), None, now());
        check.days(weeks, &partners(&["bfil", "lnt-finance", "spandana"]));
        let proof = check.finish();
        assert!(proof.breaches.iter().all(|breach| breach.invariant == Invariant::V9), "{proof:?}");
        proof.breaches.into_iter().map(|breach| breach.subject).collect()
    }

    fn day(day: i8) -> Day {
        jiff::civil::date(2026, 11, day)
    }

    fn id_of(weeks: &SettledDays, number: i8, partner: &str) -> SettlementId {
        let cut_at = weeks.closed(day(number)).unwrap().cut_at;
        Settlement::id_of(&weeks.operator, &partner.parse().unwrap(), day(number), cut_at)
    }

    #[test]
    fn a_day_is_settled_with_those_that_it_was_closed_for_and_needs_no_others() {
        assert_eq!(found(&four_days()), [""; 0], "a holiday, and partners that came later");
        for (number, partner) in [(10, "bfil"), (13, "lnt-finance"), (14, "bfil")] {
            let mut weeks = four_days();
            weeks.settlements.remove(&id_of(&weeks, number, partner)).unwrap();
            assert_eq!(found(&weeks), [format!("2026-11-{number} {partner}")]);
        }
        let mut weeks = four_days();
        let spoiled = id_of(&weeks, 12, "bfil");
        weeks.settlements.insert(spoiled.clone(), None);
        assert_eq!(found(&weeks), [spoiled.to_string()]);
    }

    #[test]
    fn a_day_whose_row_is_gone_or_spoiled_is_named_whichever_it_is() {
        for number in [10, 12, 13, 14] {
            let mut weeks = four_days();
            weeks.days.insert(day(number), None);
            assert_eq!(found(&weeks), [format!("2026-11-{number}")], "spoiled");
            weeks.days.remove(&day(number));
            assert_eq!(found(&weeks), [format!("2026-11-{number}")], "its settlements name it");
            weeks.settlements.retain(|_, settled| settled.as_ref().unwrap().business_day != day(number));
            assert_eq!(found(&weeks), [format!("2026-11-{number}")], "the day behind it names it, or the calendar");
        }
    }

    #[test]
    fn a_day_that_does_not_follow_the_one_before_it_is_named() {
        let mut weeks = four_days();
        let closed = weeks.days.get_mut(&day(13)).unwrap().as_mut().unwrap();
        closed.previous = Some(day(10));
        assert_eq!(found(&weeks), ["2026-11-13"]);
        let mut weeks = four_days();
        let closed = weeks.days.get_mut(&day(12)).unwrap().as_mut().unwrap();
        closed.opened_at = closed.opened_at.plus_seconds(1);
        let own = id_of(&weeks, 12, "bfil").to_string();
        assert_eq!(found(&weeks), ["2026-11-12".to_owned(), own], "its settlement begins before it");
    }

    #[test]
    fn a_settlement_that_is_not_what_its_day_was_closed_with_is_named() {
        let changes: [fn(&mut Settlement); 4] = [
            |settled| settled.partner_id = "spandana".parse().unwrap(),
            |settled| settled.business_day = day(11),
            |settled| settled.opened_at = settled.opened_at.plus_seconds(1),
            |settled| settled.cut_at = settled.cut_at.plus_seconds(1),
        ];
        for (n, change) in changes.iter().enumerate() {
            let mut weeks = four_days();
            let own = id_of(&weeks, 13, "bfil");
            change(weeks.settlements.get_mut(&own).unwrap().as_mut().unwrap());
            assert_eq!(found(&weeks), [own.to_string()], "change {n}");
        }
        let mut weeks = four_days();
        let other = id_of(&weeks, 12, "lnt-finance");
        let model = weeks.settlements[&id_of(&weeks, 12, "bfil")].clone().unwrap();
        let partner_id = "lnt-finance".parse().unwrap();
        let more = Settlement { settlement_id: other.clone(), partner_id, ..model };
        weeks.settlements.insert(other.clone(), Some(more));
        assert_eq!(found(&weeks), [other.to_string()], "one more than the day was closed with");
    }
}
