//! `day-close-get`: the report of a closed day, as far as the caller may know of it.

use domain::access::DAY_CLOSE_GET;
use serde_json::{Value, json};
use testkit::{Reply, World};

use crate::{
    day_close_build::{a_settled_day, seen},
    door::call,
    steps::{TODAY, report_days},
};

/// Ids of the rows of a list.
fn ids<'a>(reply: &'a Reply, rows: &str, id: &str) -> Vec<&'a str> {
    reply.json[rows].as_array().unwrap().iter().map(|row| row[id].as_str().unwrap()).collect()
}

#[tokio::test]
async fn everybody_sees_their_own_part_of_the_one_report_and_no_sum_of_others() {
    let world = World::new().await;
    let pennco = &world.pennco;
    a_settled_day(&world).await;
    assert!(report_days(&world).await.is_empty());
    let [north, south] = &pennco.agents;
    let mut both = [north.subject(), south.subject()];
    both.sort_unstable();
    let whole = seen(&world, &pennco.admin, TODAY).await;
    for (person, agents, regions, partners, sees_all) in [
        (north, &[north.subject()][..], &[][..], &[][..], false),
        (south, &[south.subject()][..], &[][..], &[][..], false),
        (&pennco.desk, &[north.subject()][..], &["pune-north"][..], &[][..], false),
        (&pennco.partners[0], &[][..], &[][..], &["bfil"][..], false),
        (&pennco.partners[1], &[][..], &[][..], &["lnt-finance"][..], false),
        (&pennco.settlement, &both[..], &["pune-north", "pune-south"][..], &["bfil", "lnt-finance"][..], true),
        (&pennco.admin, &both[..], &["pune-north", "pune-south"][..], &["bfil", "lnt-finance"][..], true),
    ] {
        let part = seen(&world, person, TODAY).await;
        assert_eq!(ids(&part, "agents", "agent_id"), agents);
        assert_eq!(ids(&part, "regions", "region"), regions);
        assert_eq!(ids(&part, "partners", "partner_id"), partners);
        for rows in ["agents", "regions", "partners"] {
            let known = whole.json[rows].as_array().unwrap();
            assert!(part.json[rows].as_array().unwrap().iter().all(|row| known.contains(row)), "from the one report");
        }
        for of_the_whole in ["inputs", "operator", "file", "table"] {
            assert_eq!(part.json[of_the_whole].is_object(), sees_all, "{of_the_whole}");
        }
        assert_eq!(part.json["controls"] == json!([]), !sees_all);
        assert_eq!(part.json["sha256"], whole.json["sha256"], "everybody can hold the report to its digest");
    }
}

#[tokio::test]
async fn a_report_that_was_changed_in_the_bucket_is_shown_to_nobody() {
    let world = World::new().await;
    a_settled_day(&world).await;
    assert!(report_days(&world).await.is_empty());
    let key = format!("day-closes/pennco/{TODAY}.json");
    let mut report: Value = serde_json::from_slice(&world.bucket.object(&key).unwrap()).unwrap();
    report["agents"][0]["closing_minor"] = json!(1);
    world.bucket.tamper(&key, report.to_string().into_bytes());
    for person in [&world.pennco.admin, &world.pennco.desk] {
        let request = person.asks(&DAY_CLOSE_GET).path("business_day", TODAY);
        assert_eq!(call(&world, &DAY_CLOSE_GET, &request).await.status, 500);
    }
}

#[tokio::test]
async fn a_day_that_is_not_closed_or_no_day_at_all_is_unknown() {
    let world = World::new().await;
    a_settled_day(&world).await;
    for (person, day) in [
        (&world.pennco.admin, "2026-11-22"),
        (&world.pennco.admin, "soon"),
        (&world.pennco.admin, "2026-02-30"),
        (&world.vishi.admin, TODAY),
    ] {
        let request = person.asks(&DAY_CLOSE_GET).path("business_day", day);
        assert_eq!(call(&world, &DAY_CLOSE_GET, &request).await.said(), (404, "unknown"), "{day}");
    }
}
