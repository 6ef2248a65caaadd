//! The business calendar of an operator: when a business day ends, and which days are none.
//!
//! A day off has no business date of its own: what happens on it belongs to the next business day, as does what happens
//! behind a day's cut-off. So every moment has one business date, whatever the calendar and the zone.

use std::{collections::BTreeSet, str::FromStr};

use jiff::{ToSpan, civil, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::{Day, Refusal, Timestamp};

/// When a business day ends unless the operator says otherwise: after the evening peak (16 to 19 h).
const CUT_OFF: civil::Time = civil::time(20, 30, 0, 0);

/// Holidays that a calendar names at most: twenty a year for twenty years.
const MOST_HOLIDAYS: usize = 400;

/// Letters of a holiday's name at most.
const LONGEST_NAME: usize = 100;

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weekday {
    /// Monday.
    Monday,
    /// Tuesday.
    Tuesday,
    /// Wednesday.
    Wednesday,
    /// Thursday.
    Thursday,
    /// Friday.
    Friday,
    /// Saturday.
    Saturday,
    /// Sunday.
    Sunday,
}

impl Weekday {
    /// The day of the week of a day.
    #[must_use]
    pub fn of(day: Day) -> Self {
        match day.weekday() {
            civil::Weekday::Monday => Self::Monday,
            civil::Weekday::Tuesday => Self::Tuesday,
            civil::Weekday::Wednesday => Self::Wednesday,
            civil::Weekday::Thursday => Self::Thursday,
            civil::Weekday::Friday => Self::Friday,
            civil::Weekday::Saturday => Self::Saturday,
            civil::Weekday::Sunday => Self::Sunday,
        }
    }

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Monday => "Monday",
            Self::Tuesday => "Tuesday",
            Self::Wednesday => "Wednesday",
            Self::Thursday => "Thursday",
            Self::Friday => "Friday",
            Self::Saturday => "Saturday",
            Self::Sunday => "Sunday",
        }
    }
}

/// A dated day off.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holiday {
    /// The day.
    pub day: Day,
    /// What it is called: `Republic Day`.
    pub name: String,
}

/// A text is no holiday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a day and its name, such as 2027-01-26=Republic Day")]
pub struct NotAHoliday;

impl FromStr for Holiday {
    type Err = NotAHoliday;
    fn from_str(text: &str) -> Result<Self, NotAHoliday> {
        let (day, name) = text.split_once('=').ok_or(NotAHoliday)?;
        Ok(Self { day: day.parse().map_err(|_| NotAHoliday)?, name: name.to_owned() })
    }
}

/// When an operator's business days end, and which days are none. Holidays are in order, each day once; at least one
/// day of the week is worked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WrittenCalendar")]
pub struct BusinessCalendar {
    cut_off: civil::Time,
    days_off: BTreeSet<Weekday>,
    holidays: Vec<Holiday>,
}

/// A calendar as it is written down, before it is looked at.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCalendar {
    #[serde(default = "cut_off")]
    cut_off: civil::Time,
    #[serde(default)]
    days_off: BTreeSet<Weekday>,
    #[serde(default)]
    holidays: Vec<Holiday>,
}

fn cut_off() -> civil::Time {
    CUT_OFF
}

/// Why days are no business calendar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotACalendar {
    /// Nothing would ever close.
    #[error("at least one day of the week must be a business day")]
    AlwaysOff,
    /// A day stands in it twice.
    #[error("{0} is named twice")]
    Twice(Day),
    /// A holiday that nobody can name to a caller.
    #[error("{0} needs a name of 1 to {LONGEST_NAME} letters")]
    Unnamed(Day),
    /// It is read with every close.
    #[error("a calendar names at most {MOST_HOLIDAYS} holidays")]
    TooMany,
}

impl TryFrom<WrittenCalendar> for BusinessCalendar {
    type Error = NotACalendar;
    fn try_from(written: WrittenCalendar) -> Result<Self, NotACalendar> {
        Self::new(written.cut_off, written.days_off, written.holidays)
    }
}

/// Every day of the week, half past eight in the evening, no holidays.
impl Default for BusinessCalendar {
    fn default() -> Self {
        Self { cut_off: CUT_OFF, days_off: BTreeSet::new(), holidays: vec![] }
    }
}

impl BusinessCalendar {
    /// A calendar with a cut-off (wall clock of the operator's zone), weekly days off and holidays in any order.
    ///
    /// # Errors
    /// [`NotACalendar`] when no day of the week is worked, or a holiday is named twice or not at all.
    pub fn new(
        cut_off: civil::Time,
        days_off: BTreeSet<Weekday>,
        mut holidays: Vec<Holiday>,
    ) -> Result<Self, NotACalendar> {
        if days_off.len() >= 7 {
            return Err(NotACalendar::AlwaysOff);
        }
        if holidays.len() > MOST_HOLIDAYS {
            return Err(NotACalendar::TooMany);
        }
        holidays.sort();
        let mut last = None;
        for holiday in &holidays {
            if last == Some(holiday.day) {
                return Err(NotACalendar::Twice(holiday.day));
            }
            if holiday.name.trim().is_empty() || holiday.name.chars().count() > LONGEST_NAME {
                return Err(NotACalendar::Unnamed(holiday.day));
            }
            last = Some(holiday.day);
        }
        Ok(Self { cut_off, days_off, holidays })
    }

    /// The calendar with more holidays.
    ///
    /// # Errors
    /// [`NotACalendar`] when one of them is named already, or not at all.
    pub fn with_holidays(&self, holidays: &[Holiday]) -> Result<Self, NotACalendar> {
        let holidays = self.holidays.iter().chain(holidays).cloned().collect();
        Self::new(self.cut_off, self.days_off.clone(), holidays)
    }

    /// Why a day is none of business: the holiday's name, or the day of the week.
    #[must_use]
    pub fn off(&self, day: Day) -> Option<&str> {
        let holiday = self.holidays.binary_search_by_key(&day, |holiday| holiday.day).ok();
        let weekday = Weekday::of(day);
        holiday
            .and_then(|index| self.holidays.get(index))
            .map(|holiday| holiday.name.as_str())
            .or_else(|| self.days_off.contains(&weekday).then(|| weekday.as_str()))
    }
}

/// The business days of an operator: its calendar in its zone.
#[derive(Debug, Clone)]
pub struct BusinessDays {
    calendar: BusinessCalendar,
    zone: TimeZone,
}

impl BusinessDays {
    /// A calendar in a zone.
    #[must_use]
    pub fn new(calendar: BusinessCalendar, zone: TimeZone) -> Self {
        Self { calendar, zone }
    }

    /// The calendar day of a moment in this zone.
    #[must_use]
    pub fn today(&self, at: Timestamp) -> Day {
        at.day_in(&self.zone)
    }

    /// Whether business is done on a day.
    #[must_use]
    pub fn is_business_day(&self, day: Day) -> bool {
        self.calendar.off(day).is_none()
    }

    /// The first business day that is this day or later; none at the end of all calendars.
    #[must_use]
    pub fn from(&self, day: Day) -> Option<Day> {
        let mut next = Some(day);
        while let Some(day) = next.filter(|day| !self.is_business_day(*day)) {
            next = day.checked_add(1.day()).ok();
        }
        next
    }

    /// The first business day behind a day.
    #[must_use]
    pub fn after(&self, day: Day) -> Option<Day> {
        self.from(day.checked_add(1.day()).ok()?)
    }

    /// The business day that lies so many behind a day: 1 is the next.
    #[must_use]
    pub fn plus(&self, day: Day, days: u16) -> Option<Day> {
        (0..days).try_fold(day, |day, _| self.after(day))
    }

    /// The last business day before a day.
    fn before(&self, day: Day) -> Option<Day> {
        let mut last = day.checked_sub(1.day()).ok();
        while let Some(day) = last.filter(|day| !self.is_business_day(*day)) {
            last = day.checked_sub(1.day()).ok();
        }
        last
    }

    /// When a business day ends by itself. Where clocks skip the cut-off it is the moment after the gap, where they show
    /// it twice the first.
    #[must_use]
    pub fn cut(&self, day: Day) -> Option<Timestamp> {
        let moment = day.to_datetime(self.calendar.cut_off).to_zoned(self.zone.clone()).ok()?;
        Some(Timestamp::from_millis(moment.timestamp().as_millisecond()))
    }

    /// The business date of a moment by the calendar: the first business day whose cut lies behind it. A day that was
    /// closed early by hand ends earlier than this says.
    #[must_use]
    pub fn date_of(&self, at: Timestamp) -> Option<Day> {
        // A zone that changes sides of the date line skips a day, whose cut then lies on the next one.
        let mut next = self.from(self.today(at).checked_sub(2.days()).ok()?);
        while let Some(day) = next.filter(|day| self.cut(*day).is_some_and(|cut| cut <= at)) {
            next = self.after(day);
        }
        next
    }

    /// The business days whose cut has passed, behind a day that is closed: the oldest, so many at most. Before the first
    /// close it is the latest alone.
    #[must_use]
    pub fn ended(&self, last_closed: Option<Day>, now: Timestamp, most: usize) -> Vec<Day> {
        let has_ended = |day: &Day| self.cut(*day).is_some_and(|cut| cut <= now);
        let Some(last_closed) = last_closed else {
            let mut latest = self.date_of(now).and_then(|open| self.before(open));
            while let Some(day) = latest.filter(|day| !has_ended(day)) {
                latest = self.before(day);
            }
            return latest.into_iter().collect();
        };
        std::iter::successors(self.after(last_closed), |day| self.after(*day))
            .take_while(has_ended)
            .take(most)
            .collect()
    }

    /// That business is done on a day.
    ///
    /// # Errors
    /// [`Refusal::NotABusinessDay`] with the reason and the day that what happens on it belongs to.
    pub fn must_be_business_day(&self, day: Day) -> Result<(), Refusal> {
        let Some(name) = self.calendar.off(day) else { return Ok(()) };
        let next = self.after(day).map_or_else(String::new, |next| next.to_string());
        Err(Refusal::NotABusinessDay { day: day.to_string(), name: name.to_owned(), next_business_day: next })
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    fn read(json: serde_json::Value) -> Result<BusinessCalendar, String> {
        serde_json::from_value(json).map_err(|error| error.to_string())
    }

    fn kolkata(json: serde_json::Value) -> BusinessDays {
        BusinessDays::new(read(json).unwrap(), TimeZone::get("Asia/Kolkata").unwrap())
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn an_operator_that_says_nothing_works_every_day_until_half_past_eight() {
        assert_eq!(read(serde_json::json!({})), Ok(BusinessCalendar::default()));
        let days = kolkata(serde_json::json!({}));
        assert_eq!(days.cut(date(2026, 11, 22)).unwrap().to_string(), "2026-11-22T15:00:00.000Z");
        assert!(days.is_business_day(date(2026, 11, 22)), "a Sunday");
    }

    #[test]
    fn what_happens_on_a_day_off_belongs_to_the_next_business_day() {
        let days = kolkata(serde_json::json!({
            "cut_off": "18:00", "days_off": ["sunday"], "holidays": [{ "day": "2027-01-26", "name": "Republic Day" }]
        }));
        for (moment, date) in [
            ("2027-01-23T12:29:59.999Z", "2027-01-23"), // Saturday, a millisecond before 18:00
            ("2027-01-23T12:30:00.000Z", "2027-01-25"), // Saturday 18:00: Monday's
            ("2027-01-24T06:00:00.000Z", "2027-01-25"), // Sunday
            ("2027-01-25T12:30:00.000Z", "2027-01-27"), // Monday 18:00: not the holiday's
            ("2027-01-26T06:00:00.000Z", "2027-01-27"), // Republic Day
        ] {
            assert_eq!(days.date_of(at(moment)).unwrap().to_string(), date, "{moment}");
        }
        let refused = days.must_be_business_day(date(2027, 1, 26)).unwrap_err();
        let (day, name, next_business_day) = ("2027-01-26".into(), "Republic Day".into(), "2027-01-27".into());
        assert_eq!(refused, Refusal::NotABusinessDay { day, name, next_business_day });
    }

    #[test]
    fn days_that_are_no_calendar_are_refused_with_the_reason() {
        let week = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
        let twice = serde_json::json!({ "day": "2027-01-26", "name": "Republic Day" });
        let many: Vec<_> = (0..401)
            .map(|n| serde_json::json!({ "day": date(2026, 1, 1).saturating_add(n.days()), "name": "x" }))
            .collect();
        for (json, reason) in [
            (serde_json::json!({ "days_off": week }), "at least one day of the week"),
            (serde_json::json!({ "holidays": [twice, twice] }), "2027-01-26 is named twice"),
            (serde_json::json!({ "holidays": [{ "day": "2027-01-26", "name": " " }] }), "needs a name"),
            (serde_json::json!({ "holidays": many }), "at most 400"),
            (serde_json::json!({ "cut_off": "25:00" }), "hour"),
            (serde_json::json!({ "days_off": ["someday"] }), "someday"),
            (serde_json::json!({ "cutoff": "20:30" }), "cutoff"),
        ] {
            let said = read(json.clone()).unwrap_err();
            assert!(said.contains(reason), "{json}: {said}");
        }
    }

    #[test]
    fn a_calendar_is_kept_as_it_was_written() {
        let json = serde_json::json!({
            "cut_off": "18:00:00", "days_off": ["saturday", "sunday"],
            "holidays": [{ "day": "2027-01-26", "name": "Republic Day" }, { "day": "2027-08-15", "name": "Independence Day" }]
        });
        assert_eq!(serde_json::to_value(read(json.clone()).unwrap()).unwrap(), json);
    }

    /// Zones with half hours, with summer time at midnight and at two, and one that changed sides of the date line.
    const ZONES: [&str; 7] = [
        "Asia/Kolkata",
        "UTC",
        "America/New_York",
        "America/Santiago",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Africa/Cairo",
    ];

    fn calendars() -> impl Strategy<Value = BusinessDays> {
        let days_off = prop::collection::btree_set(0_usize..7, 0..7);
        let holidays = prop::collection::btree_set(0_i64..120, 0..30);
        (0_i8..24, 0_i8..60, days_off, holidays, prop::sample::select(&ZONES[..])).prop_map(
            |(hour, minute, days_off, holidays, zone)| {
                let week = [
                    Weekday::Monday,
                    Weekday::Tuesday,
                    Weekday::Wednesday,
                    Weekday::Thursday,
                    Weekday::Friday,
                    Weekday::Saturday,
                    Weekday::Sunday,
                ];
                let first = date(2011, 11, 1);
                let holidays = holidays
                    .into_iter()
                    .map(|n| Holiday { day: first.saturating_add(n.days()), name: format!("h{n}") })
                    .collect();
                let days_off = days_off.into_iter().map(|index| week[index]).collect();
                let calendar = BusinessCalendar::new(civil::time(hour, minute, 0, 0), days_off, holidays).unwrap();
                BusinessDays::new(calendar, TimeZone::get(zone).unwrap())
            },
        )
    }

    proptest! {
        #[test]
        fn every_moment_has_one_business_date_and_lies_between_its_cuts(
            days in calendars(), millis in 0_i64..120 * 86_400_000,
        ) {
            let at = Timestamp::from_millis(at("2011-11-01T00:00:00Z").as_millis() + millis);
            let date = days.date_of(at).unwrap();
            prop_assert!(days.is_business_day(date));
            prop_assert!(days.cut(date).unwrap() > at, "its day has not ended");
            prop_assert!(days.cut(days.before(date).unwrap()).unwrap() <= at, "the one before has");
            // No other business day around it claims the moment.
            let claims = |day: &Day| days.cut(days.before(*day).unwrap()).unwrap() <= at && at < days.cut(*day).unwrap();
            let first = days.from(date.saturating_sub(60.days())).unwrap();
            let around = std::iter::successors(Some(first), |day| days.after(*day)).take(120);
            prop_assert_eq!(around.filter(claims).collect::<Vec<_>>(), [date]);
        }

        #[test]
        fn days_end_one_after_the_other_and_what_has_ended_is_what_lies_before_the_open_day(
            days in calendars(), millis in 0_i64..120 * 86_400_000,
        ) {
            let now = Timestamp::from_millis(at("2011-11-01T00:00:00Z").as_millis() + millis);
            let open = days.date_of(now).unwrap();
            let closed = days.from(date(2011, 10, 1)).unwrap();
            let ended = days.ended(Some(closed), now, usize::MAX);
            let wanted: Vec<Day> = std::iter::successors(days.after(closed), |day| days.after(*day))
                .take_while(|day| *day < open)
                .collect();
            prop_assert_eq!(&ended, &wanted);
            prop_assert!(ended.windows(2).all(|pair| days.cut(pair[0]) <= days.cut(pair[1])));
            prop_assert_eq!(days.ended(None, now, 1), ended.last().copied().into_iter().collect::<Vec<_>>());
        }
    }
}
