//! Late items: what happened on a business day that was closed before it was posted, and which day that was.
//!
//! A day is what lies between its cut and the one before, as they were when they were made: a day that was closed early by
//! hand ended then, and a day off lies in the day behind it. So the cuts answer, and not the operator's calendar of today,
//! by which a file that is built again after the calendar changed would name other days. Closed days keep their cuts and
//! the day before them and never change them, so they are followed from one to the one before, as far as something is late.

use crate::{Day, Timestamp, day_close::DayClose};

/// Closed days that are followed back at most: longer than a year of them. A phone whose clock stands at 1970 must not
/// cost a settlement a read of every day there ever was.
const MOST_DAYS_BACK: usize = 400;

/// Closed days from a settlement's own backwards, as far as they were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedDays {
    own: Day,
    opened_at: Timestamp,
    known: Vec<(Timestamp, Day)>,
    next: Option<Day>,
}

/// When something happened, as far as the closed days that are known can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// On the settlement's own day.
    InTime,
    /// On an earlier one.
    Late(Day),
    /// Before all that are known: this one is to be [learned](ClosedDays::learn) next.
    Before(Day),
}

impl ClosedDays {
    /// The days behind a business day whose entries begin here; none is known yet.
    #[must_use]
    pub fn behind(own: Day, opened_at: Timestamp) -> Self {
        Self { own, opened_at, known: vec![], next: Some(own) }
    }

    /// On which day something happened. What lies before the oldest day that can be known belongs to that one, as all that
    /// lies before the first day that an operator closed belongs to the first.
    #[must_use]
    pub fn day_of(&self, effective_at: Timestamp) -> When {
        if effective_at >= self.opened_at {
            return When::InTime;
        }
        let found = self.known.iter().find(|(opened_at, _)| *opened_at <= effective_at);
        match (found.or(self.known.last()), self.next) {
            (None, Some(next)) => When::Before(next),
            (Some(_), Some(next)) if found.is_none() => When::Before(next),
            (Some((_, day)), _) if *day != self.own => When::Late(*day),
            (Some(_) | None, _) => When::InTime,
        }
    }

    /// Takes in the day that [`When::Before`] named: what is kept of it, or that nothing is, because it was closed by a
    /// release that kept no days.
    pub fn learn(&mut self, day: Day, kept: Option<&DayClose>) {
        let opened_at = kept.map_or(Timestamp::EPOCH, |kept| kept.opened_at);
        self.known.push((opened_at, day));
        self.next = kept.and_then(|kept| kept.previous).filter(|_| self.known.len() <= MOST_DAYS_BACK);
    }
}

#[cfg(test)]
mod tests {
    use jiff::{ToSpan, civil::date};
    use proptest::prelude::*;

    use super::*;
    use crate::{calendar::BusinessDays, settlement::Calendar};

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    /// Days that follow each other, cut at these moments; the first began with all books.
    fn closed(cuts: &[i64]) -> Vec<DayClose> {
        let mut calendar = Calendar::new("pennco".parse().unwrap());
        let days = BusinessDays::new(crate::calendar::BusinessCalendar::default(), jiff::tz::TimeZone::UTC);
        let mut closed = vec![];
        for (index, cut) in cuts.iter().enumerate() {
            let day = date(2026, 1, 1).checked_add(i64::try_from(index).unwrap().days()).unwrap();
            let next = day.tomorrow().unwrap();
            let mut slot = calendar.close(day, format!("{next}T00:00:00Z").parse().unwrap(), &days).unwrap();
            (slot.opened_at, slot.cut_at) = (calendar.last_cut_at, at(*cut));
            slot.after.last_cut_at = at(*cut);
            closed.push(slot.day_close(&calendar, vec![]));
            calendar = slot.after;
        }
        closed
    }

    /// The day of a moment for the last of these days, and how many of them were read for it.
    fn day_of(closed: &[DayClose], kept: &[DayClose], moment: Timestamp) -> (Option<Day>, usize) {
        let own = closed.last().unwrap();
        let mut days = ClosedDays::behind(own.business_day, own.opened_at);
        for read in 0.. {
            match days.day_of(moment) {
                When::InTime => return (None, read),
                When::Late(day) => return (Some(day), read),
                When::Before(day) => days.learn(day, kept.iter().find(|kept| kept.business_day == day)),
            }
        }
        unreachable!("there are fewer days than that")
    }

    #[test]
    fn what_happened_behind_the_last_cut_is_in_time_and_nothing_is_read_for_it() {
        let days = closed(&[100, 200, 300]);
        assert_eq!(day_of(&days, &days, at(200)), (None, 0), "the cut's own moment is the next day's");
        assert_eq!(day_of(&days, &days, at(199)), (Some(date(2026, 1, 2)), 2));
        assert_eq!(day_of(&days, &days, at(100)), (Some(date(2026, 1, 2)), 2));
        assert_eq!(day_of(&days, &days, at(99)), (Some(date(2026, 1, 1)), 3));
    }

    #[test]
    fn nothing_is_late_for_the_first_day_that_an_operator_closes() {
        let days = closed(&[100]);
        assert_eq!(day_of(&days, &days, at(-1)).0, None, "not even what a clock before 1970 says");
        let days = closed(&[100, 200]);
        assert_eq!(day_of(&days, &days, at(-1)).0, Some(date(2026, 1, 1)), "the first day has all that was before");
    }

    #[test]
    fn a_day_of_which_nothing_was_kept_has_all_that_lies_before_the_others() {
        let days = closed(&[100, 200, 300, 400]);
        for moment in [150, 50] {
            assert_eq!(day_of(&days, &days[2..], at(moment)).0, Some(date(2026, 1, 2)), "{moment}");
        }
    }

    #[test]
    fn a_clock_that_is_years_behind_costs_no_more_than_a_year_of_days() {
        let cuts: Vec<i64> = (1..=1_000).map(|n| n * 100).collect();
        let days = closed(&cuts);
        let (day, read) = day_of(&days, &days, at(5));
        assert_eq!((day, read), (Some(days[999 - MOST_DAYS_BACK].business_day), MOST_DAYS_BACK + 1));
    }

    proptest! {
        #[test]
        fn a_moment_is_late_for_the_day_between_whose_cuts_it_lies(
            gaps in prop::collection::vec(0_i64..100, 1..30), moment in 0_i64..3_000
        ) {
            let cuts: Vec<i64> = gaps.iter().scan(0, |cut, gap| { *cut += gap; Some(*cut) }).collect();
            let days = closed(&cuts);
            let own = days.last().unwrap();
            let holds = |day: &&DayClose| day.opened_at <= at(moment) && at(moment) < day.cut_at;
            let wanted = days.iter().find(holds).filter(|_| at(moment) < own.opened_at);
            prop_assert_eq!(day_of(&days, &days, at(moment)).0, wanted.map(|day| day.business_day));
        }
    }
}
