//! Moments and days: UTC to the millisecond, always written at the same width so that text sorts as time.

use std::{fmt, str::FromStr};

use jiff::{civil, tz::TimeZone};
use serde::{Deserialize, Serialize, de};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, schema::Type},
};

/// A calendar day, `2026-11-21`; which zone's day is said where it is used.
pub type Day = civil::Date;

/// A text is not an RFC 3339 time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an RFC 3339 time with an offset, such as 2026-11-21T09:30:00.000Z")]
pub struct NotATime;

/// A moment in UTC to the millisecond, `2026-11-21T09:30:00.000Z`: 24 characters, whatever the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// First and last moment that is written at the common width: years 0000 to 9999.
const RANGE_MILLIS: std::ops::RangeInclusive<i64> = -62_167_219_200_000..=253_402_207_200_000;

impl Timestamp {
    /// The beginning of all books.
    pub const EPOCH: Self = Self(0);

    /// A moment from milliseconds since 1970; outside the years 0 to 9999 it is brought to the nearest edge.
    #[must_use]
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.clamp(*RANGE_MILLIS.start(), *RANGE_MILLIS.end()))
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// Seconds since 1970, rounded down.
    #[must_use]
    pub fn as_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This moment and so many seconds more.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self::from_millis(self.0.saturating_add(seconds.saturating_mul(1000)))
    }

    /// Milliseconds from `earlier` to this moment; negative when it is the other way round.
    #[must_use]
    pub fn millis_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The calendar day of this moment in a zone.
    #[must_use]
    pub fn day_in(self, zone: &TimeZone) -> Day {
        zone.to_datetime(self.to_jiff()).date()
    }

    /// The calendar day of this moment in UTC.
    #[must_use]
    pub fn utc_day(self) -> Day {
        self.day_in(&TimeZone::UTC)
    }

    /// The first moment of a calendar day in UTC.
    #[must_use]
    pub fn start_of_utc_day(day: Day) -> Self {
        TimeZone::UTC
            .to_timestamp(day.to_datetime(civil::Time::midnight()))
            .map_or(Self::EPOCH, |moment| Self::from_millis(moment.as_millisecond()))
    }

    /// This moment as the hour it lies in, `2026-11-21T09:00:00Z`.
    #[must_use]
    pub fn hour(self) -> String {
        self.to_jiff().strftime("%Y-%m-%dT%H:00:00Z").to_string()
    }

    /// The same moment for calendar arithmetic.
    #[must_use]
    pub fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.to_jiff())
    }
}

impl FromStr for Timestamp {
    type Err = NotATime;
    fn from_str(text: &str) -> Result<Self, NotATime> {
        let moment: jiff::Timestamp = text.parse().map_err(|_| NotATime)?;
        let millis = moment.as_millisecond();
        if RANGE_MILLIS.contains(&millis) { Ok(Self(millis)) } else { Err(NotATime) }
    }
}

impl PartialSchema for Timestamp {
    fn schema() -> RefOr<Schema> {
        let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
        ObjectBuilder::new().schema_type(Type::String).format(Some(format)).into()
    }
}

impl ToSchema for Timestamp {}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: de::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_is_written_at_one_width() {
        for millis in [0, 1, 999, 1_000, 1_763_700_000_000, 1_763_700_000_120] {
            assert_eq!(Timestamp::from_millis(millis).to_string().len(), 24, "{millis}");
        }
        assert_eq!(Timestamp::from_millis(1_763_700_000_120).to_string(), "2025-11-21T04:40:00.120Z");
    }

    #[test]
    fn an_offset_is_understood_and_a_missing_one_refused() {
        let moment = "2026-11-21T15:00:00+05:30".parse::<Timestamp>();
        assert_eq!(moment.map(|at| at.to_string()), Ok("2026-11-21T09:30:00.000Z".to_owned()));
        assert_eq!("2026-11-21T15:00:00".parse::<Timestamp>(), Err(NotATime));
    }

    #[test]
    fn a_day_starts_where_its_text_says() {
        let day = civil::date(2026, 11, 21);
        assert_eq!(Timestamp::start_of_utc_day(day).to_string(), "2026-11-21T00:00:00.000Z");
        assert_eq!(Timestamp::start_of_utc_day(day).utc_day(), day);
    }
}
