//! An agent's track: which reported points are kept, why the others are not, and how a batch is packed into one item.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{BatchId, Failed, Flaw, OperatorName, Timestamp, delivery::Position};

/// Most points a batch may have: what a phone gathers in 50 minutes at one point each 15 seconds.
pub const MOST_POINTS: usize = 200;
/// A phone's clock may be ahead by this much.
const FUTURE_SECONDS: i64 = 600;
/// Agents are offline for days, not for longer than this.
const PAST_SECONDS: i64 = 7 * 86_400;
/// A fix with a wider radius says little more than which village.
const COARSEST_METRES: f64 = 200.0;
/// 250 km/h: faster than any agent travels, slower than a jump between two cell towers.
const FASTEST_METRES_PER_SECOND: f64 = 70.0;
/// Mean radius of the earth (IUGG).
const EARTH_METRES: f64 = 6_371_008.8;

/// One reported point.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// The phone's clock.
    pub captured_at: Timestamp,
    /// Degrees north, WGS 84.
    pub lat: f64,
    /// Degrees east, WGS 84.
    pub lon: f64,
    /// Radius of 68 % confidence, in metres.
    pub accuracy_metres: f64,
}

impl Point {
    /// Where it is, without when.
    #[must_use]
    pub fn position(&self) -> Position {
        Position { lat: self.lat, lon: self.lon, accuracy_metres: self.accuracy_metres }
    }
}

/// Why a point is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rejection {
    /// There is no such place on earth.
    Invalid,
    /// Too far ahead of the server's clock.
    Future,
    /// Too long ago.
    Past,
    /// Its radius is too wide.
    Inaccurate,
    /// Nobody travels that fast from the point before.
    ImplausibleSpeed,
}

impl Rejection {
    /// The word for it in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Future => "future",
            Self::Past => "past",
            Self::Inaccurate => "inaccurate",
            Self::ImplausibleSpeed => "implausible_speed",
        }
    }
}

/// What became of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "verdict", rename_all = "snake_case")]
#[schema(as = TrackVerdict)]
pub enum Verdict {
    /// Kept.
    Accepted,
    /// Known already.
    Duplicate,
    /// Not kept.
    Rejected {
        /// Why.
        reason: Rejection,
    },
}

/// A judged batch: a verdict per point in the order they came, and those that are kept in order of time.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// One a point, in the order they came.
    pub verdicts: Vec<Verdict>,
    /// What is kept, oldest first, each moment once.
    pub kept: Vec<Point>,
}

/// Points as a phone sends them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct NewPoints {
    /// 1 to 200, in any order.
    #[garde(length(min = 1, max = MOST_POINTS))]
    pub points: Vec<Point>,
}

/// What became of one point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PointVerdict {
    /// Its place in the batch.
    pub index: usize,
    /// What became of it.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Recorded {
    /// The batch.
    pub batch_id: BatchId,
    /// Points kept.
    pub accepted: usize,
    /// Points known already.
    pub duplicate: usize,
    /// Points not kept.
    pub rejected: usize,
    /// One a point.
    pub verdicts: Vec<PointVerdict>,
}

impl Judged {
    /// Passes when at least one point is kept.
    ///
    /// # Errors
    /// [`Failed::Invalid`] with a pointer and the reason for each point.
    pub fn with_some_kept(self) -> Result<Self, Failed> {
        if !self.kept.is_empty() {
            return Ok(self);
        }
        let flaws = self.verdicts.iter().enumerate().map(|(index, verdict)| {
            let code = match verdict {
                Verdict::Rejected { reason } => reason.as_str(),
                Verdict::Accepted | Verdict::Duplicate => "duplicate",
            };
            Flaw::new(format!("/points/{index}"), code, "this point is not kept")
        });
        Err(Failed::Invalid(flaws.collect()))
    }

    /// What the phone is told; of a batch that came before, every kept point is a duplicate.
    #[must_use]
    pub fn recorded(&self, batch_id: BatchId, is_new: bool) -> Recorded {
        let told = |verdict: &Verdict| match verdict {
            Verdict::Accepted if !is_new => Verdict::Duplicate,
            Verdict::Accepted | Verdict::Duplicate | Verdict::Rejected { .. } => *verdict,
        };
        let verdicts: Vec<PointVerdict> = self
            .verdicts
            .iter()
            .enumerate()
            .map(|(index, verdict)| PointVerdict { index, verdict: told(verdict) })
            .collect();
        let count = |is: fn(&Verdict) -> bool| verdicts.iter().filter(|point| is(&point.verdict)).count();
        Recorded {
            batch_id,
            accepted: count(|verdict| *verdict == Verdict::Accepted),
            duplicate: count(|verdict| *verdict == Verdict::Duplicate),
            rejected: count(|verdict| matches!(verdict, Verdict::Rejected { .. })),
            verdicts,
        }
    }
}

/// Judges each point on its own, then against the batch: each moment once, no jumps.
#[must_use]
pub fn judge(points: &[Point], now: Timestamp) -> Judged {
    let mut verdicts: Vec<Verdict> = points.iter().map(|point| judge_alone(point, now)).collect();
    let mut by_time: BTreeMap<Timestamp, (usize, Point)> = BTreeMap::new();
    for (index, point) in points.iter().enumerate() {
        if let Some(verdict) = verdicts.get_mut(index).filter(|verdict| **verdict == Verdict::Accepted) {
            match by_time.entry(point.captured_at) {
                Entry::Occupied(_) => *verdict = Verdict::Duplicate,
                Entry::Vacant(free) => {
                    free.insert((index, *point));
                }
            }
        }
    }
    let mut kept: Vec<Point> = Vec::with_capacity(by_time.len());
    for (index, point) in by_time.into_values() {
        if kept.last().is_some_and(|before| is_jump(before, &point)) {
            if let Some(verdict) = verdicts.get_mut(index) {
                *verdict = Verdict::Rejected { reason: Rejection::ImplausibleSpeed };
            }
        } else {
            kept.push(point);
        }
    }
    Judged { verdicts, kept }
}

fn judge_alone(point: &Point, now: Timestamp) -> Verdict {
    let on_earth = (-90.0..=90.0).contains(&point.lat) && (-180.0..=180.0).contains(&point.lon);
    let ahead_millis = point.captured_at.millis_since(now);
    let reason = if !on_earth || !point.accuracy_metres.is_finite() || point.accuracy_metres < 0.0 {
        Rejection::Invalid
    } else if ahead_millis > FUTURE_SECONDS.saturating_mul(1000) {
        Rejection::Future
    } else if ahead_millis < PAST_SECONDS.saturating_mul(-1000) {
        Rejection::Past
    } else if point.accuracy_metres > COARSEST_METRES {
        Rejection::Inaccurate
    } else {
        return Verdict::Accepted;
    };
    Verdict::Rejected { reason }
}

/// Whether no agent gets from one point to the next in the time between, given how wide both radii are.
#[expect(clippy::float_arithmetic, clippy::cast_precision_loss, reason = "distances on a sphere")]
fn is_jump(before: &Point, after: &Point) -> bool {
    let seconds = after.captured_at.millis_since(before.captured_at) as f64 / 1000.0;
    let slack_metres = before.accuracy_metres + after.accuracy_metres;
    metres_between(before, after) - slack_metres > FASTEST_METRES_PER_SECOND * seconds
}

/// Great-circle distance by the haversine formula.
#[expect(clippy::float_arithmetic, reason = "distances on a sphere")]
fn metres_between(one: &Point, other: &Point) -> f64 {
    let (lat_one, lat_other) = (one.lat.to_radians(), other.lat.to_radians());
    let half_lat = (lat_other - lat_one) / 2.0;
    let half_lon = (other.lon - one.lon).to_radians() / 2.0;
    let chord = half_lat.sin().powi(2) + lat_one.cos() * lat_other.cos() * half_lon.sin().powi(2);
    2.0 * EARTH_METRES * chord.sqrt().min(1.0).asin()
}

/// Points as they lie in one item: 8 bytes of first moment, then 14 bytes a point
/// (milliseconds since the first, latitude and longitude in 1e-7 degrees, accuracy in decimetres; big-endian).
/// So 60 points fit the kilobyte that one write unit pays for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed(Vec<u8>);

const POINT_BYTES: usize = 14;

/// Bytes are not packed points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("these bytes are not packed points")]
pub struct NotPacked;

impl Packed {
    /// Packs points that [`judge`] kept.
    #[must_use]
    #[expect(
        clippy::float_arithmetic,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "judged points lie within the ranges of their fields; casts from float saturate"
    )]
    pub fn of(points: &[Point]) -> Self {
        let first = points.first().map_or(Timestamp::EPOCH, |point| point.captured_at);
        let mut bytes = Vec::with_capacity(8 + points.len() * POINT_BYTES);
        bytes.extend(first.as_millis().to_be_bytes());
        for point in points {
            let millis = u32::try_from(point.captured_at.millis_since(first)).unwrap_or(u32::MAX);
            bytes.extend(millis.to_be_bytes());
            bytes.extend(((point.lat * 1e7).round() as i32).to_be_bytes());
            bytes.extend(((point.lon * 1e7).round() as i32).to_be_bytes());
            bytes.extend(((point.accuracy_metres * 10.0).round() as u16).to_be_bytes());
        }
        Self(bytes)
    }

    /// Bytes that were packed before.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes themselves.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The points, oldest first.
    ///
    /// # Errors
    /// [`NotPacked`] when the length is not that of whole points.
    #[expect(clippy::float_arithmetic, reason = "fixed point to degrees and metres")]
    pub fn points(&self) -> Result<Vec<Point>, NotPacked> {
        let (first, rest) = self.0.split_first_chunk::<8>().ok_or(NotPacked)?;
        let first = i64::from_be_bytes(*first);
        let chunks = rest.chunks_exact(POINT_BYTES);
        if !chunks.remainder().is_empty() {
            return Err(NotPacked);
        }
        chunks
            .map(|chunk| {
                let (millis, chunk) = chunk.split_first_chunk::<4>().ok_or(NotPacked)?;
                let (lat, chunk) = chunk.split_first_chunk::<4>().ok_or(NotPacked)?;
                let (lon, chunk) = chunk.split_first_chunk::<4>().ok_or(NotPacked)?;
                let (accuracy, _) = chunk.split_first_chunk::<2>().ok_or(NotPacked)?;
                Ok(Point {
                    captured_at: Timestamp::from_millis(first.saturating_add(i64::from(u32::from_be_bytes(*millis)))),
                    lat: f64::from(i32::from_be_bytes(*lat)) / 1e7,
                    lon: f64::from(i32::from_be_bytes(*lon)) / 1e7,
                    accuracy_metres: f64::from(u16::from_be_bytes(*accuracy)) / 10.0,
                })
            })
            .collect()
    }

    /// The batch's id: the same points of the same agent are the same batch, whenever and however often they come.
    #[must_use]
    pub fn batch_id(&self, operator: &OperatorName, agent: &str) -> BatchId {
        let first = self.0.first_chunk::<8>().map_or(0, |first| i64::from_be_bytes(*first));
        BatchId::mint(Timestamp::from_millis(first), &[operator.as_str().as_bytes(), agent.as_bytes(), &self.0])
    }
}

/// Drops the moments that were seen before: batches may overlap, a moment counts once.
pub fn each_moment_once(points: Vec<Point>, seen: &mut BTreeSet<Timestamp>) -> Vec<Point> {
    points.into_iter().filter(|point| seen.insert(point.captured_at)).collect()
}

#[cfg(test)]
#[expect(clippy::float_arithmetic, reason = "a round trip through fixed point is compared by distance")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: i64 = 1_763_700_000_000;

    fn point(seconds: i64, lat: f64) -> Point {
        let captured_at = Timestamp::from_millis(NOW + seconds * 1000);
        Point { captured_at, lat, lon: 73.85, accuracy_metres: 10.0 }
    }

    fn reason(point: Point) -> Verdict {
        judge(&[point], Timestamp::from_millis(NOW)).verdicts.first().copied().unwrap()
    }

    #[test]
    fn each_reason_is_given_for_what_it_stands_for() {
        let rejected = |reason| Verdict::Rejected { reason };
        assert_eq!(reason(point(0, 18.5)), Verdict::Accepted);
        assert_eq!(reason(point(0, 90.1)), rejected(Rejection::Invalid));
        assert_eq!(reason(point(601, 18.5)), rejected(Rejection::Future));
        assert_eq!(reason(point(-7 * 86_400 - 1, 18.5)), rejected(Rejection::Past));
        assert_eq!(reason(Point { accuracy_metres: 200.1, ..point(0, 18.5) }), rejected(Rejection::Inaccurate));
        assert_eq!(reason(Point { accuracy_metres: -1.0, ..point(0, 18.5) }), rejected(Rejection::Invalid));
    }

    #[test]
    fn a_jump_is_rejected_and_what_comes_after_is_measured_from_before_it() {
        let judged = judge(&[point(-30, 18.5), point(-20, 19.5), point(-10, 18.501)], Timestamp::from_millis(NOW));
        assert_eq!(
            judged.verdicts,
            [Verdict::Accepted, Verdict::Rejected { reason: Rejection::ImplausibleSpeed }, Verdict::Accepted]
        );
        assert_eq!(judged.kept.len(), 2);
    }

    #[test]
    fn a_moment_counts_once_and_the_order_of_arrival_does_not_matter() {
        let judged = judge(&[point(-10, 18.5), point(-20, 18.5), point(-10, 18.5)], Timestamp::from_millis(NOW));
        assert_eq!(judged.verdicts, [Verdict::Accepted, Verdict::Accepted, Verdict::Duplicate]);
        assert!(judged.kept.is_sorted_by_key(|point| point.captured_at));
    }

    #[test]
    fn sixty_points_fit_one_kilobyte() {
        let points: Vec<Point> = (0..60).map(|second| point(second - 60, 18.5)).collect();
        assert!(Packed::of(&points).as_bytes().len() < 900);
    }

    proptest! {
        #[test]
        fn what_is_packed_is_read_back_to_the_centimetre(
            raw in prop::collection::vec((-600_000_i64..0, -90.0_f64..90.0, -180.0_f64..180.0, 0.0_f64..200.0), 1..200),
        ) {
            let points: Vec<Point> = raw.iter().map(|(millis, lat, lon, accuracy_metres)| Point {
                captured_at: Timestamp::from_millis(NOW + millis), lat: *lat, lon: *lon, accuracy_metres: *accuracy_metres,
            }).collect();
            let kept = judge(&points, Timestamp::from_millis(NOW)).kept;
            let back = Packed::of(&kept).points().unwrap();
            prop_assert_eq!(back.len(), kept.len());
            for (was, is) in kept.iter().zip(&back) {
                prop_assert_eq!(was.captured_at, is.captured_at);
                prop_assert!((was.lat - is.lat).abs() < 1e-7 && (was.lon - is.lon).abs() < 1e-7);
                prop_assert!((was.accuracy_metres - is.accuracy_metres).abs() <= 0.051);
            }
        }

        #[test]
        fn a_batch_is_the_same_batch_in_any_order(order in Just((0_i64..40).collect::<Vec<_>>()).prop_shuffle()) {
            let sorted: Vec<Point> = (0..40).map(|second| point(second - 60, 18.5)).collect();
            let shuffled: Vec<Point> = order.iter().map(|second| point(second - 60, 18.5)).collect();
            let now = Timestamp::from_millis(NOW);
            prop_assert_eq!(Packed::of(&judge(&sorted, now).kept), Packed::of(&judge(&shuffled, now).kept));
        }
    }
}
