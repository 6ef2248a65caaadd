//! What may be changed of an operator that was taken on: more partners and holidays, other rails, formats and rules. Its
//! zone and its currency stay, for its books are kept in them; a partner stays, for its accounts do.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    Day, PartnerName,
    approval::ApprovalRule,
    calendar::{Holiday, NotACalendar},
    operator::{MOST_PARTNERS, Operator},
    settlement_format::SettlementFormats,
    turn_around::Rail,
};

/// What is added to an operator or set anew; what is not named stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct OperatorChange {
    /// Partners that it works for as well, from now on.
    pub partners: Vec<PartnerName>,
    /// Which way partners are paid from the next settlement on.
    pub payout_rails: BTreeMap<PartnerName, Rail>,
    /// How partners' settlement files are laid out from the next day that is closed on, by the name of a format.
    pub settlement_formats: BTreeMap<PartnerName, String>,
    /// More days off, none of which is over.
    pub holidays: Vec<Holiday>,
    /// What nobody does alone from now on: each takes the place of the rule for the same thing.
    pub approvals: Vec<ApprovalRule>,
}

/// Why an operator is not changed so, and what to do instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAChange {
    /// Nothing would be another.
    #[error("nothing would change: name a partner, a rail, a format, a holiday or an approval rule that is not so yet")]
    Nothing,
    /// It works for the partner already.
    #[error("it works for {0} already: leave {0} out of the partners that are added")]
    PartnerKnown(PartnerName),
    /// A day is closed in one transaction.
    #[error("it would work for {0} partners, and a day closes for {MOST_PARTNERS} at most: take on another operator")]
    TooManyPartners(usize),
    /// It does not work for the partner.
    #[error("it does not work for {0}: add {0} to its partners first, or with the same change")]
    PartnerUnknown(PartnerName),
    /// There is no such format.
    #[error("there is no settlement format `{0}`: name `milepost`, `pipe` or `fixed`")]
    FormatUnknown(String),
    /// A business day that is closed was none off.
    #[error("{day} lies behind {last_closed}, the last day that was closed: name holidays that are still to come")]
    DayClosed {
        /// The holiday.
        day: Day,
        /// The last day that was closed.
        last_closed: Day,
    },
    /// The calendar would be none.
    #[error("its calendar would be none")]
    Calendar(#[from] NotACalendar),
}

impl OperatorChange {
    /// The operator with this change, given the last day that it closed.
    ///
    /// # Errors
    /// [`NotAChange`].
    pub fn of(&self, before: &Operator, last_closed: Option<Day>) -> Result<Operator, NotAChange> {
        let mut after = before.clone();
        for partner in &self.partners {
            if after.partners.contains(partner) {
                return Err(NotAChange::PartnerKnown(partner.clone()));
            }
            after.partners.push(partner.clone());
        }
        if after.partners.len() > MOST_PARTNERS {
            return Err(NotAChange::TooManyPartners(after.partners.len()));
        }
        let named = self.payout_rails.keys().chain(self.settlement_formats.keys());
        if let Some(unknown) = named.into_iter().find(|partner| !after.partners.contains(partner)) {
            return Err(NotAChange::PartnerUnknown(unknown.clone()));
        }
        let formats = SettlementFormats::shipped().ok();
        let is_known = |name: &String| formats.as_ref().is_some_and(|formats| formats.newest(name).is_ok());
        if let Some(unknown) = self.settlement_formats.values().find(|name| !is_known(name)) {
            return Err(NotAChange::FormatUnknown(unknown.clone()));
        }
        if let Some(last_closed) = last_closed
            && let Some(over) = self.holidays.iter().find(|holiday| holiday.day <= last_closed)
        {
            return Err(NotAChange::DayClosed { day: over.day, last_closed });
        }
        after.payout_rails.extend(self.payout_rails.clone());
        after.settlement_formats.extend(self.settlement_formats.clone());
        after.business_calendar = after.business_calendar.with_holidays(&self.holidays)?;
        for rule in &self.approvals {
            after.approvals.retain(|kept| kept.subject != rule.subject);
            after.approvals.push(rule.clone());
        }
        if after == *before { Err(NotAChange::Nothing) } else { Ok(after) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operator() -> Operator {
        let written = serde_json::json!({
            "operator": "pennco", "zone": "Asia/Kolkata", "currency": "INR", "regions": ["pune"], "partners": ["bfil"],
            "approvals": [{ "subject": "transfer", "bands": [{ "from_minor": 5, "quorum": 1 }], "expires_after_hours": 24 }],
            "business_calendar": { "holidays": [{ "day": "2027-01-26", "name": "Republic Day" }] },
        });
        serde_json::from_value(written).unwrap()
    }

    fn partner(name: &str) -> PartnerName {
        name.parse().unwrap()
    }

    fn changed(change: &OperatorChange) -> Result<Operator, NotAChange> {
        change.of(&operator(), Some(jiff::civil::date(2026, 11, 20)))
    }

    #[test]
    fn what_is_named_is_added_or_set_and_the_rest_stays() {
        let rule: ApprovalRule = "transfer:12:7=2".parse().unwrap();
        let more: ApprovalRule = "reversal:12:7=2".parse().unwrap();
        let change = OperatorChange {
            partners: vec![partner("spandana")],
            payout_rails: [(partner("spandana"), Rail::Neft), (partner("bfil"), Rail::Rtgs)].into(),
            settlement_formats: [(partner("spandana"), "pipe".to_owned())].into(),
            holidays: vec!["2026-11-24=Guru Nanak Jayanti".parse().unwrap()],
            approvals: vec![rule.clone(), more.clone()],
        };
        let after = changed(&change).unwrap();
        assert_eq!(after.partners, [partner("bfil"), partner("spandana")]);
        assert_eq!((after.rail(&partner("spandana")), after.rail(&partner("bfil"))), (Rail::Neft, Rail::Rtgs));
        assert_eq!(after.settlement_format(&partner("spandana")).unwrap().name, "pipe");
        assert_eq!(after.business_calendar.off(jiff::civil::date(2026, 11, 24)), Some("Guru Nanak Jayanti"));
        assert_eq!(after.business_calendar.off(jiff::civil::date(2027, 1, 26)), Some("Republic Day"));
        assert_eq!(after.approvals, [rule, more], "a rule takes the place of the one for the same thing");
        let Operator { zone, currency, regions, cash_reservation, .. } = operator();
        let kept = (after.zone, after.currency, after.regions, after.cash_reservation);
        assert_eq!(kept, (zone, currency, regions, cash_reservation));
    }

    #[test]
    fn what_cannot_be_is_refused_with_what_to_do_instead() {
        let none = OperatorChange::default;
        let holiday = |text: &str| vec![text.parse::<Holiday>().unwrap()];
        let lenders: Vec<PartnerName> = (0..97).map(|n| partner(&format!("lender-{n}"))).collect();
        let cases = [
            (none(), "nothing would change"),
            (OperatorChange { partners: vec![partner("bfil")], ..none() }, "it works for bfil already: leave"),
            (OperatorChange { partners: lenders, ..none() }, "98 partners, and a day closes for 97 at most: take on"),
            (
                OperatorChange { payout_rails: [(partner("samasta"), Rail::Neft)].into(), ..none() },
                "it does not work for samasta: add samasta",
            ),
            (
                OperatorChange { settlement_formats: [(partner("bfil"), "xml".to_owned())].into(), ..none() },
                "no settlement format `xml`: name `milepost`",
            ),
            (
                OperatorChange { holidays: holiday("2026-11-20=Late"), ..none() },
                "2026-11-20 lies behind 2026-11-20, the last day that was closed: name holidays",
            ),
            (OperatorChange { holidays: holiday("2027-01-26=Again"), ..none() }, "its calendar would be none"),
            (OperatorChange { approvals: operator().approvals, ..none() }, "nothing would change"),
        ];
        for (change, wanted) in cases {
            let refused = changed(&change).unwrap_err().to_string();
            assert!(refused.contains(wanted), "{refused}");
        }
    }
}
