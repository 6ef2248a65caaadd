//! A batch of location points: judged against the clock and against each other, then packed into the bytes of one item.

use std::hint::black_box;

use domain::track::{Packed, Point, judge};
use gungraun::{library_benchmark, library_benchmark_group};

use crate::{dice::Dice, kept, now};

/// An agent who walks north-east for as long as it takes, at a point each 15 seconds; every point is good.
#[expect(clippy::float_arithmetic, clippy::cast_precision_loss, reason = "degrees are no money")]
fn walk(points: i64) -> &'static Vec<Point> {
    let mut dice = Dice::new(1);
    let at = |point: i64, dice: &mut Dice| Point {
        captured_at: now().plus_seconds(15 * (point - points)),
        lat: 18.5 + point as f64 * 0.000_12 + dice.below(90) as f64 * 1e-6,
        lon: 73.85 + point as f64 * 0.000_15 + dice.below(90) as f64 * 1e-6,
        accuracy_metres: 5.0 + dice.below(200) as f64 / 10.0,
    };
    kept((0..points).map(|point| at(point, &mut dice)).collect())
}

#[library_benchmark]
#[bench::points_60(walk(60))]
#[bench::points_200(walk(200))]
fn judge_and_pack(points: &[Point]) -> Packed {
    Packed::of(&judge(black_box(points), now()).kept)
}

library_benchmark_group!(name = tracks, benchmarks = [judge_and_pack]);
