//! `account-get`: what is in an account and how it got there.

use domain::access::ACCOUNT_GET;
use serde_json::json;
use testkit::{FLOAT_MINOR, Person, Reply, World};

use crate::{
    books,
    day_close_build::close,
    door::call,
    steps::{
        TODAY, assigned, build_settlements, collected, confirmed, handed_over, inr, report, report_days, reversal,
    },
};

async fn get(world: &World, person: &Person, account: &str) -> Reply {
    call(world, &ACCOUNT_GET, &person.asks(&ACCOUNT_GET).path("account_id", account)).await
}

#[tokio::test]
async fn a_hand_shows_its_float_and_every_visit_oldest_first() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let visit = collected(&world, pennco, "BF-1", 150_000).await;
    handed_over(&world, pennco, "BF-D-1", 40_000).await;
    let hand = format!("agent_cash.{}", pennco.agents[0].subject());
    let statement = get(&world, &pennco.agents[0], &hand).await;
    assert_eq!((statement.text("/account_id"), statement.text("/kind")), (hand.as_str(), "agent_cash"));
    assert_eq!(statement.json["balance"], inr(FLOAT_MINOR + 110_000));
    let kinds: Vec<_> = statement.items().iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds[0], "float_issue");
    let entry = statement.items().iter().find(|entry| entry["kind"] == "collection").unwrap();
    assert_eq!((&entry["amount"], &entry["delivery_id"]), (&inr(150_000), &json!(visit)));
    let given = statement.items().iter().find(|entry| entry["kind"] == "disbursement").unwrap();
    assert_eq!(given["amount"], inr(-40_000), "credits are negative");
    books::balance(&world, pennco).await;
}

#[tokio::test]
async fn agents_see_their_own_hand_and_partners_what_is_theirs() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let [north, south] = &pennco.agents;
    let [bfil, lnt] = &pennco.partners;
    let hand = format!("agent_cash.{}", north.subject());
    for (account, may, may_not) in [
        (
            hand.as_str(),
            vec![north, &pennco.desk, &pennco.settlement, &pennco.admin],
            vec![south, bfil, &world.vishi.admin],
        ),
        ("partner_control.bfil", vec![bfil, &pennco.desk, &pennco.admin], vec![lnt, north]),
        ("partner_settlement.bfil", vec![bfil, &pennco.settlement], vec![lnt, south]),
        ("vault.pennco", vec![&pennco.desk, &pennco.admin], vec![north, bfil, &world.vishi.admin]),
    ] {
        for person in may {
            assert_eq!(get(&world, person, account).await.status, 200, "{account} to {}", person.subject());
        }
        for person in may_not {
            assert_eq!(
                get(&world, person, account).await.said(),
                (404, "unknown"),
                "{account} to {}",
                person.subject()
            );
        }
    }
}

async fn at(world: &World, account: &str, as_of: Option<&str>, known_at: Option<&str>) -> (i64, Vec<i64>) {
    let mut cursor: Option<String> = None;
    let mut amounts = vec![];
    loop {
        let mut request = world.pennco.settlement.asks(&ACCOUNT_GET).path("account_id", account).query("limit", "1");
        for (name, value) in [("as_of", as_of), ("known_at", known_at), ("cursor", cursor.as_deref())] {
            if let Some(value) = value {
                request = request.query(name, value);
            }
        }
        let reply = call(world, &ACCOUNT_GET, &request).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let balance = reply.json["balance"]["amount_minor"].as_i64().unwrap();
        amounts.extend(reply.items().iter().map(|entry| entry["amount"]["amount_minor"].as_i64().unwrap()));
        cursor = reply.json["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            return (balance, amounts);
        }
    }
}

#[tokio::test]
async fn a_past_time_is_shown_as_it_was_known_then_and_as_it_is_known_now() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let agent = &pennco.agents[0];
    let hand = format!("agent_cash.{}", agent.subject());
    let minute = |n: i64| domain::Timestamp::from_millis(testkit::NOW_MILLIS + n * 60_000).to_string();
    let report_at = async |reference: &str, amount: i64, minutes: i64, happened: &str| {
        let visit = assigned(&world, pennco, reference, amount).await;
        let mut body = confirmed(amount);
        body["occurred_at"] = json!(happened);
        let request = report(agent, &visit, reference, &body).at(testkit::NOW_MILLIS + minutes * 60_000);
        let reply = call(&world, &domain::access::DELIVERY_CONFIRM, &request).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.text("/transfer_id").to_owned()
    };
    // One visit is reported as it happens; one happened before it and is reported after it; the first is taken back.
    let first = report_at("on-time", 100, 2, &minute(2)).await;
    report_at("late", 20, 4, &minute(1)).await;
    let back = reversal(&pennco.settlement, &first, "back").at(testkit::NOW_MILLIS + 6 * 60_000);
    assert_eq!(call(&world, &domain::access::TRANSFER_REVERSE, &back).await.status, 201);

    let float = FLOAT_MINOR;
    let before_the_cut = [
        (None, Some(2), vec![float, 100], "known when the first was reported, inclusive"),
        (None, Some(3), vec![float, 100], "the late one was not known yet"),
        (None, Some(4), vec![float, 100, 20], "now it was, in the order of the books"),
        (Some(1), Some(3), vec![float], "what had happened by then, as known then"),
        (Some(1), None, vec![float, 20], "what had happened by then, as known now"),
        (Some(3), None, vec![float, 100, 20], "it is taken back later, and was there then"),
        (Some(6), None, vec![float, 100, 20, -100], "taken back"),
        (Some(3), Some(5), vec![float, 100, 20], "both"),
        (Some(-10_000), None, vec![], "before there was anything"),
    ];
    for (as_of, known_at, amounts, why) in before_the_cut.clone() {
        let shown = at(&world, &hand, as_of.map(minute).as_deref(), known_at.map(minute).as_deref()).await;
        assert_eq!(shown, (amounts.iter().sum(), amounts), "{why}");
    }
    let now = at(&world, &hand, None, None).await;
    assert_eq!(now, (float + 20, vec![float, 100, 20, -100]));
    let nowhere = pennco.admin.asks(&ACCOUNT_GET).path("account_id", "partner_control.samasta");
    let nowhere = call(&world, &ACCOUNT_GET, &nowhere.query("as_of", &minute(1))).await;
    assert_eq!(nowhere.said(), (404, "unknown"));
    let wrong = pennco.admin.asks(&ACCOUNT_GET).path("account_id", &hand).query("as_of", "yesterday");
    assert_eq!(call(&world, &ACCOUNT_GET, &wrong).await.said(), (400, "invalid_filter"));

    // The day is closed and reported, and a phone that was offline tells of a visit before its cut.
    close(&world, pennco, TODAY, 7 * 60_000).await;
    assert!(build_settlements(&world).await.is_empty() && report_days(&world).await.is_empty());
    let of_agent = world.bucket.calls();
    for (as_of, known_at, amounts, why) in before_the_cut {
        let shown = at(&world, &hand, as_of.map(minute).as_deref(), known_at.map(minute).as_deref()).await;
        assert_eq!(shown, (amounts.iter().sum(), amounts), "{why}, and so after the close");
    }
    assert_eq!(world.bucket.calls(), of_agent, "before the cut no report helps");
    report_at("offline", 3, 8, &minute(1)).await;
    report_at("next", 4_000, 9, &minute(9)).await;
    let day = vec![float, 100, 20, -100];
    for (as_of, known_at, more, why) in [
        (Some(7), Some(7), vec![], "at the cut"),
        (None, Some(7), vec![], "before the offline phone was heard"),
        (Some(7), None, vec![3], "what had happened by then, as known now"),
        (Some(7), Some(8), vec![3], "as known when it was heard"),
        (Some(8), None, vec![3], "before the next visit"),
        (Some(9), None, vec![3, 4_000], "all"),
        (None, Some(9), vec![3, 4_000], "all that is known"),
    ] {
        let calls = world.bucket.calls();
        let shown = at(&world, &hand, as_of.map(minute).as_deref(), known_at.map(minute).as_deref()).await;
        let amounts = [day.clone(), more].concat();
        assert_eq!(shown, (amounts.iter().sum(), amounts), "{why}");
        assert!(world.bucket.calls() > calls, "{why}: it begins with the day's report");
    }
    let first = at(&world, &hand, Some(&minute(1)), None).await;
    assert_eq!(first, (float + 23, vec![float, 20, 3]), "of a time before the cut everything is looked at");
}

#[tokio::test]
async fn a_partner_nobody_works_for_has_no_account() {
    let world = World::new().await;
    assert_eq!(get(&world, &world.pennco.admin, "partner_control.samasta").await.said(), (404, "unknown"));
    let fresh = get(&world, &world.pennco.admin, "partner_control.lnt-finance").await;
    assert_eq!((fresh.status, &fresh.json["balance"], &fresh.json["items"]), (200, &inr(0), &json!([])));
}

#[tokio::test]
async fn before_all_books_an_account_was_empty() {
    let world = World::new().await;
    for known_at in ["1969-12-31T00:00:00Z", "1969-12-31T23:59:59.999Z", "0000-01-01T00:00:00Z"] {
        let request = world.pennco.admin.asks(&ACCOUNT_GET).path("account_id", "vault.pennco");
        let statement = call(&world, &ACCOUNT_GET, &request.query("known_at", known_at)).await;
        let shown = (statement.status, &statement.json["balance"], statement.items().len());
        assert_eq!(shown, (200, &inr(0), 0), "{known_at}: {statement:?}");
    }
}
