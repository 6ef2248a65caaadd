//! Where the agents walk: batches of points along a path, and the verdict each point must get.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    clock,
    dice::Dice,
    plan::{BadPoint, Batch, Ping},
    shapes::LocationBatch,
};

/// A point and what the server must say to it.
#[derive(Debug, Clone)]
struct Point {
    at: Timestamp,
    lat_microdegrees: i32,
    lon_microdegrees: i32,
    accuracy_metres: u32,
    verdict: &'static str,
    reason: Option<&'static str>,
}

/// A batch ready to send.
#[derive(Debug)]
pub(crate) struct Walk {
    points: Vec<Point>,
}

/// A place on earth from whole millionths of a degree.
#[expect(clippy::float_arithmetic, reason = "the API takes degrees with a fraction; nothing is added up in them")]
fn degrees(microdegrees: i32) -> f64 {
    f64::from(microdegrees) / 1e6
}

/// A place in the region: the same region is always the same place, somewhere in Maharashtra.
fn place(region: &str) -> (i32, i32) {
    let sum = region.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let mut dice = Dice::new(sum, 2);
    let mut near = |low| i32::try_from(dice.between(low, low + 900_000)).unwrap_or_default();
    (near(18_000_000), near(73_500_000))
}

/// Where an agent stands at a door of that region.
pub(crate) fn position(region: &str, number: usize) -> Value {
    let (lat, lon) = place(region);
    let off = i32::try_from(number % 1_000).unwrap_or_default() * 37;
    json!({"lat": degrees(lat + off), "lon": degrees(lon - off), "accuracy_metres": 9.5})
}

impl Walk {
    /// Ten seconds and some fifty metres between points, ending just now (or hours ago if the batch is late).
    pub(crate) fn along(ping: &Ping, region: &str, now: Timestamp) -> Self {
        let mut dice = Dice::new(ping.seed, 5);
        let (lat, lon) = place(region);
        let count = i64::try_from(if matches!(ping.batch, Batch::Bad(_)) { ping.points.max(3) } else { ping.points })
            .unwrap_or(1);
        let ago =
            if ping.batch == Batch::Late { dice.between(3_600_000, 6 * 3_600_000) } else { dice.between(500, 4_000) };
        let mut points: Vec<Point> = (0..count)
            .map(|step| {
                let north = i32::try_from(step * 300).unwrap_or_default();
                let east = i32::try_from(step * 380).unwrap_or_default();
                Point {
                    at: clock::shifted(now, (step + 1 - count) * 10_000 - ago),
                    lat_microdegrees: lat + north,
                    lon_microdegrees: lon + east,
                    accuracy_metres: u32::try_from(dice.between(4, 60)).unwrap_or(10),
                    verdict: "accepted",
                    reason: None,
                }
            })
            .collect();
        match ping.batch {
            Batch::Plain | Batch::Late | Batch::SentTwice => {}
            Batch::Shuffled => dice.shuffle(&mut points),
            Batch::Doubled => {
                let middle = points.len() / 2;
                if let Some(mut again) = points.get(middle).cloned() {
                    again.verdict = "duplicate";
                    points.insert(middle + 1, again);
                    points.truncate(200);
                }
            }
            Batch::Bad(bad) => spoil(&mut points, bad, now),
            Batch::AllBad => points.iter_mut().for_each(|point| {
                point.accuracy_metres = 900;
                (point.verdict, point.reason) = ("rejected", Some("inaccurate"));
            }),
        }
        Self { points }
    }

    /// The request's body.
    pub(crate) fn body(&self) -> Value {
        let points: Vec<Value> = self
            .points
            .iter()
            .map(|point| {
                json!({
                    "captured_at": clock::stamp(point.at),
                    "lat": degrees(point.lat_microdegrees),
                    "lon": degrees(point.lon_microdegrees),
                    "accuracy_metres": point.accuracy_metres,
                })
            })
            .collect();
        json!({ "points": points })
    }

    pub(crate) fn len(&self) -> usize {
        self.points.len()
    }

    /// The moments of the points that must be accepted.
    pub(crate) fn accepted(&self) -> impl Iterator<Item = Timestamp> {
        self.points.iter().filter(|point| point.verdict == "accepted").map(|point| point.at)
    }

    /// Where the answer differs from what must be said.
    pub(crate) fn faults(&self, answer: &LocationBatch) -> Vec<String> {
        let mut faults = Vec::new();
        let count = |verdict| {
            u64::try_from(self.points.iter().filter(|point| point.verdict == verdict).count()).unwrap_or_default()
        };
        let counts = (count("accepted"), count("duplicate"), count("rejected"));
        if counts != (answer.accepted, answer.duplicate, answer.rejected) {
            faults.push(format!(
                "accepted, duplicate, rejected must be {counts:?}, is ({}, {}, {})",
                answer.accepted, answer.duplicate, answer.rejected
            ));
        }
        if answer.verdicts.len() != self.points.len() {
            faults.push(format!("{} verdicts for {} points", answer.verdicts.len(), self.points.len()));
        }
        for (index, (point, verdict)) in self.points.iter().zip(&answer.verdicts).enumerate() {
            if (verdict.index, verdict.verdict.as_str(), verdict.reason.as_deref())
                != (index, point.verdict, point.reason)
            {
                faults.push(format!(
                    "point {index} must be {} {}, is {} {} at index {}",
                    point.verdict,
                    point.reason.unwrap_or("-"),
                    verdict.verdict,
                    verdict.reason.as_deref().unwrap_or("-"),
                    verdict.index
                ));
            }
        }
        faults
    }
}

/// One bad point. Those that lie elsewhere on earth come last, so that whatever the server measures a point against,
/// no good point follows them.
fn spoil(points: &mut [Point], bad: BadPoint, now: Timestamp) {
    let last = points.len().saturating_sub(1);
    let index = match bad {
        BadPoint::Invalid | BadPoint::ImplausibleSpeed => last,
        BadPoint::Future | BadPoint::Past | BadPoint::Inaccurate => last / 2,
    };
    let Some(point) = points.get_mut(index) else { return };
    point.verdict = "rejected";
    point.reason = Some(match bad {
        BadPoint::Invalid => {
            point.lat_microdegrees = 97_000_000;
            "invalid"
        }
        BadPoint::Future => {
            point.at = clock::shifted(now, 20 * 60_000);
            "future"
        }
        BadPoint::Past => {
            point.at = clock::shifted(now, -8 * 24 * 3_600_000);
            "past"
        }
        BadPoint::Inaccurate => {
            point.accuracy_metres = 500;
            "inaccurate"
        }
        BadPoint::ImplausibleSpeed => {
            point.lat_microdegrees += 1_000_000;
            "implausible_speed"
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(batch: Batch, points: usize) -> Walk {
        let now = "2026-11-21T09:30:00Z".parse().unwrap_or_default();
        Walk::along(&Ping { minute: 600, points, batch, seed: 3 }, "pune-north", now)
    }

    #[test]
    fn a_walk_is_slower_than_a_car() {
        let walk = walk(Batch::Plain, 200);
        for pair in walk.points.windows(2) {
            let [a, b] = pair else { continue };
            // A millionth of a degree is at most 0.112 m: 700 of them in ten seconds are under 8 m/s.
            let moved =
                (a.lat_microdegrees - b.lat_microdegrees).abs() + (a.lon_microdegrees - b.lon_microdegrees).abs();
            assert!(moved < 700);
            assert_eq!(b.at.duration_since(a.at).as_millis(), 10_000);
        }
    }

    #[test]
    fn a_bad_point_is_the_only_one_refused() {
        for bad in
            [BadPoint::Invalid, BadPoint::Future, BadPoint::Past, BadPoint::Inaccurate, BadPoint::ImplausibleSpeed]
        {
            let walk = walk(Batch::Bad(bad), 1);
            assert_eq!(walk.len(), 3);
            assert_eq!(walk.accepted().count(), 2);
        }
    }

    #[test]
    fn no_batch_is_larger_than_the_api_takes() {
        assert_eq!(walk(Batch::Doubled, 200).len(), 200);
        assert_eq!(walk(Batch::Doubled, 1).len(), 2);
    }

    #[test]
    fn a_verdict_that_differs_is_named() -> Result<(), serde_json::Error> {
        let said: LocationBatch = serde_json::from_value(json!({
            "batch_id": "bat_1", "accepted": 1, "duplicate": 0, "rejected": 1,
            "verdicts": [{"index": 0, "verdict": "accepted"}, {"index": 1, "verdict": "rejected", "reason": "past"}]
        }))?;
        let faults = walk(Batch::Doubled, 1).faults(&said);
        assert_eq!(faults.len(), 2);
        assert!(faults.iter().any(|fault| fault.contains("point 1 must be duplicate -, is rejected past")));
        Ok(())
    }
}
