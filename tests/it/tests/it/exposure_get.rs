//! `exposure-get`: payouts under way, how old they are and what their delay costs.

use serde_json::Value;
use testkit::World;

use crate::{payout_get::instructed, payout_watch::exposure, steps::inr};

#[tokio::test]
async fn a_payout_moves_through_the_ages_day_by_day_of_the_operators_zone() {
    let world = World::new().await;
    instructed(&world, &world.pennco, 150_000).await;
    instructed(&world, &world.vishi, 99).await;
    for (at, age) in [
        ("2026-11-22T18:29:59Z", 0), // the day behind it, to its last second
        ("2026-11-22T18:30:00Z", 2),
        ("2026-11-27T06:00:00Z", 6),
        ("2026-12-22T06:00:00Z", 31),
    ] {
        let report = exposure(&world, at).await;
        let ages = report.json["ages"].as_array().unwrap();
        let counts: Vec<_> =
            ages.iter().filter(|band| band["total"]["count"] == 1).map(|band| &band["from_days"]).collect();
        assert_eq!(counts, [&Value::from(age)], "{at}");
        assert_eq!(report.json["total"]["amount"], inr(150_000), "another operator's is not in it");
    }
}
