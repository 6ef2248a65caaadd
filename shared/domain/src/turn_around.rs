//! Turn-around times: by when a payment must have arrived or come back, and what each day beyond costs.
//!
//! The figures are data with dates and sources, in `shared/domain/data/turn-around.json`: a regulator changes them without
//! asking us. No rule in the code knows a number of days or rupees.
//!
//! A rule is for one currency: what the Reserve Bank of India says of rupees says nothing of another country's payments.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Currency, Day, Failed, Money, calendar::BusinessDays};

/// The rules that this release knows.
const SHIPPED: &str = include_str!("../data/turn-around.json");

/// The way money goes to a bank account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rail {
    /// Immediate Payment Service, a credit pushed to an account.
    #[default]
    Imps,
    /// Unified Payments Interface, a transfer of funds to an account.
    Upi,
    /// Unified Payments Interface, a payment to a merchant.
    UpiMerchant,
    /// National Electronic Funds Transfer.
    Neft,
    /// Real Time Gross Settlement.
    Rtgs,
}

/// What the days of a rule are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CountedIn {
    /// Every day of the calendar.
    CalendarDays,
    /// Business days of the operator's calendar.
    BusinessDays,
}

/// A rule for one rail, for as long as it was in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TurnAround {
    /// Which way.
    pub rail: Rail,
    /// By the end of which day behind the day of the transaction: 1 is T+1.
    pub days: u16,
    /// What these days are.
    pub counted_in: CountedIn,
    /// What is owed for each calendar day beyond. Its currency is the money that the rule is for.
    pub compensation_per_day: Money,
    /// The first day that it was in force.
    pub valid_from: Day,
    /// The last, inclusive; none while it is.
    pub valid_to: Option<Day>,
    /// Who says so, and where.
    pub source: String,
}

/// All rules, and when somebody is told that one is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WrittenRules")]
pub struct TurnArounds {
    escalate_on_days_late: Vec<u32>,
    rules: Vec<TurnAround>,
}

/// Rules as they are written down, before they are looked at.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRules {
    escalate_on_days_late: Vec<u32>,
    rules: Vec<TurnAround>,
}

/// Why rules cannot be kept together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotRules {
    /// Two are in force for one rail and currency on one day.
    #[error("two rules are in force for one rail and currency on {0}")]
    Overlap(Day),
    /// It ends before it begins.
    #[error("a rule ends before it begins, on {0}")]
    Backwards(Day),
    /// Steps go up.
    #[error("the days of escalation must rise, from 1")]
    Steps,
}

impl TryFrom<WrittenRules> for TurnArounds {
    type Error = NotRules;
    fn try_from(WrittenRules { escalate_on_days_late, rules }: WrittenRules) -> Result<Self, NotRules> {
        let rises = escalate_on_days_late.is_sorted_by(|one, next| one < next);
        if !rises || escalate_on_days_late.first() == Some(&0) {
            return Err(NotRules::Steps);
        }
        for (index, rule) in rules.iter().enumerate() {
            if let Some(end) = rule.valid_to.filter(|end| *end < rule.valid_from) {
                return Err(NotRules::Backwards(end));
            }
            let is_for = |other: &&TurnAround| other.rail == rule.rail && other.currency() == rule.currency();
            let others = rules.iter().skip(index.saturating_add(1)).filter(is_for);
            for other in others {
                let later = rule.valid_from.max(other.valid_from);
                if rule.is_valid_on(later) && other.is_valid_on(later) {
                    return Err(NotRules::Overlap(later));
                }
            }
        }
        Ok(Self { escalate_on_days_late, rules })
    }
}

impl TurnAround {
    /// The money that it is for.
    #[must_use]
    pub fn currency(&self) -> Currency {
        self.compensation_per_day.currency
    }

    /// Whether it was in force on a day.
    #[must_use]
    pub fn is_valid_on(&self, day: Day) -> bool {
        self.valid_from <= day && self.valid_to.is_none_or(|end| day <= end)
    }

    /// The last day on which money that was sent on a day is in time.
    #[must_use]
    pub fn due(&self, sent: Day, business: &BusinessDays) -> Option<Day> {
        match self.counted_in {
            CountedIn::CalendarDays => sent.checked_add(jiff::Span::new().days(i64::from(self.days))).ok(),
            CountedIn::BusinessDays => business.plus(sent, self.days),
        }
    }
}

impl TurnArounds {
    /// The rules of `shared/domain/data/turn-around.json`.
    ///
    /// # Errors
    /// [`Failed::Fault`] when the file holds none that can be kept together; a test reads it.
    pub fn shipped() -> Result<Self, Failed> {
        serde_json::from_str(SHIPPED).map_err(Failed::fault)
    }

    /// The rule of a rail for a currency on a day; none where nobody has said anything of that money.
    #[must_use]
    pub fn on(&self, rail: Rail, currency: Currency, day: Day) -> Option<&TurnAround> {
        self.rules.iter().find(|rule| rule.rail == rail && rule.currency() == currency && rule.is_valid_on(day))
    }

    /// The highest step of escalation that so many days late have reached.
    #[must_use]
    pub fn step(&self, days_late: u32) -> Option<u32> {
        self.escalate_on_days_late.iter().copied().take_while(|step| *step <= days_late).last()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::calendar::BusinessCalendar;

    /// Rules of IMPS: T+1 and 100 a day until the end of November, then T+2 business days and 150.
    pub(crate) fn changing() -> TurnArounds {
        let rule = |days: u16, counted_in: &str, minor: i64, from: &str, to: Option<&str>| {
            serde_json::json!({
                "rail": "imps", "days": days, "counted_in": counted_in, "valid_from": from, "valid_to": to,
                "compensation_per_day": { "amount_minor": minor, "currency": "INR" }, "source": "a test"
            })
        };
        let first = rule(1, "calendar_days", 10_000, "2026-01-01", Some("2026-11-30"));
        let second = rule(2, "business_days", 15_000, "2026-12-01", None);
        serde_json::from_value(serde_json::json!({ "escalate_on_days_late": [1, 3, 7], "rules": [first, second] }))
            .unwrap()
    }

    #[test]
    fn the_shipped_rules_can_be_kept_together_and_each_names_its_source() {
        let rules = TurnArounds::shipped().unwrap();
        for (rail, days) in [(Rail::Imps, 1), (Rail::Upi, 1), (Rail::UpiMerchant, 5)] {
            let rule = rules.on(rail, Currency::Inr, date(2026, 11, 21)).unwrap();
            assert_eq!((rule.days, rule.compensation_per_day.amount_minor), (days, 10_000));
            assert!(rule.source.contains("RBI/2019-20/67"));
            assert_eq!(rules.on(rail, Currency::Inr, date(2019, 10, 14)), None, "the day before it came into force");
            assert_eq!(rules.on(rail, Currency::Npr, date(2026, 11, 21)), None, "they are rules of rupees");
        }
        assert_eq!(rules.on(Rail::Neft, Currency::Inr, date(2026, 11, 21)), None, "no figure was found for it");
    }

    #[test]
    fn rules_that_contradict_each_other_are_refused() {
        let rule = |from: &str, to: Option<&str>| {
            serde_json::json!({
                "rail": "upi", "days": 1, "counted_in": "calendar_days", "valid_from": from, "valid_to": to,
                "compensation_per_day": { "amount_minor": 1, "currency": "INR" }, "source": "a test"
            })
        };
        let read = |steps: &[u32], rules: Vec<serde_json::Value>| {
            let json = serde_json::json!({ "escalate_on_days_late": steps, "rules": rules });
            serde_json::from_value::<TurnArounds>(json).map_err(|error| error.to_string())
        };
        let first = || rule("2026-01-01", Some("2026-06-30"));
        assert!(read(&[1, 3], vec![first(), rule("2026-07-01", None)]).is_ok());
        let overlap = read(&[1], vec![rule("2026-06-30", None), first()]).unwrap_err();
        assert!(overlap.contains("2026-06-30"), "{overlap}");
        let mut abroad = first();
        abroad["compensation_per_day"]["currency"] = "NPR".into();
        assert!(read(&[1], vec![first(), abroad]).is_ok(), "each for its own money");
        assert!(read(&[1], vec![rule("2026-07-01", Some("2026-06-30"))]).unwrap_err().contains("ends before"));
        for steps in [&[0, 1][..], &[3, 3], &[3, 1]] {
            assert!(read(steps, vec![]).unwrap_err().contains("must rise"), "{steps:?}");
        }
    }

    #[test]
    fn a_rule_counts_calendar_days_or_business_days() {
        let calendar: BusinessCalendar = serde_json::from_value(serde_json::json!({
            "days_off": ["saturday", "sunday"], "holidays": [{ "day": "2026-12-25", "name": "Christmas" }]
        }))
        .unwrap();
        let business = BusinessDays::new(calendar, jiff::tz::TimeZone::UTC);
        let rules = changing();
        let by_calendar = rules.on(Rail::Imps, Currency::Inr, date(2026, 11, 20)).unwrap();
        assert_eq!(by_calendar.due(date(2026, 11, 20), &business), Some(date(2026, 11, 21)), "a Saturday counts");
        let by_business = rules.on(Rail::Imps, Currency::Inr, date(2026, 12, 24)).unwrap();
        // Thursday the 24th: Christmas, Saturday and Sunday are skipped.
        assert_eq!(by_business.due(date(2026, 12, 24), &business), Some(date(2026, 12, 29)));
    }

    #[test]
    fn a_step_is_reached_on_its_day_and_not_before() {
        let rules = changing();
        let steps: Vec<_> = [0, 1, 2, 3, 6, 7, 400].map(|late| rules.step(late)).into();
        assert_eq!(steps, [None, Some(1), Some(1), Some(3), Some(3), Some(7), Some(7)]);
    }
}
