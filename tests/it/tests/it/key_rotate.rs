//! `key-rotate`: makes the keys that are missing, replaces the signing key each month, retires what no longer signs.

use std::collections::BTreeSet;

use data_encoding::BASE64URL_NOPAD;
use domain::{
    Failed, Timestamp,
    access::{SESSION_GET, TOKEN_ISSUE, USER_LIST},
};
use edge::{
    Authorizer,
    keys::{KeyRotation, SigningKeys},
    schedule::Tick,
    token::SigningSecret,
};
use serde_json::Value;
use store::{Directory, Table, TableNames, Throttle, Trust};
use testkit::{
    EmbeddedPost, EmbeddedTable, KID, LEDGER, Operation, PASSWORD, Person, RECORDS, Reply, TRACKS, World, asks, realm,
};

use crate::{
    crash_points::crash,
    door::call,
    jwks_get::kids,
    logins::{console_at, cookie_opens, login, moment, opens, password},
};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
/// When the key of the world is due to be replaced.
const DUE: i64 = 30 * DAY;

fn tick_at(at: Timestamp) -> Tick {
    Tick { at, message_id: "tick".to_owned() }
}

/// A tick, so many seconds from now, in a process of its own.
async fn tick(world: &World, seconds: i64) -> Result<(), Failed> {
    key_rotate::handle(&world.key_rotation(), tick_at(world.now().plus_seconds(seconds))).await
}

/// What Secrets Manager has: the key that signs.
fn signing(world: &World) -> SigningSecret {
    serde_json::from_str(&world.post.secret("signing").unwrap()).unwrap()
}

/// Somebody with a token that the world's first key has signed, so many seconds from now.
fn by_the_first_key(world: &World, seconds: i64) -> Person {
    let desk = &world.pennco.desk;
    let token = world.signer.access(&desk.caller, "id", world.now().plus_seconds(seconds)).unwrap();
    Person { token, ..desk.clone() }
}

/// What somebody gets who asks with this token, so many seconds from now.
async fn status(world: &World, person: &Person, seconds: i64) -> u16 {
    call(world, &SESSION_GET, &person.asks(&SESSION_GET).at(moment(seconds))).await.status
}

/// The name of the key that a token is signed with.
fn kid_of(tokens: &Reply) -> String {
    let header = tokens.text("/access_token").split('.').next().unwrap();
    let header: Value = serde_json::from_slice(&BASE64URL_NOPAD.decode(header.as_bytes()).unwrap()).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_first_tick_of_a_stack_makes_the_keys_and_the_second_none() {
    let table = EmbeddedTable::new();
    let post = EmbeddedPost::beside(&table);
    // What CloudFormation puts there.
    post.keep_secret("signing", "8zK4vQ2mX7pL9wN3rT6yB1cF5hJ0dG8sA2eU4iO7kM9nV3xZ6qW1tR5bY8fH0jD2");
    let names = || TableNames { records: RECORDS.to_owned(), ledger: LEDGER.to_owned(), tracks: TRACKS.to_owned() };
    let tables = || Table::new(table.client(), names());
    let keys = || SigningKeys::new(post.secrets_client(), "signing".to_owned(), realm());
    let directory = Directory::new(tables());
    let rotation = || KeyRotation::new(keys(), Directory::new(tables()));
    let now = Timestamp::from_millis(testkit::NOW_MILLIS);

    let before = directory.trust_anchors().await.unwrap();
    let trust = Trust::new(tables(), before.clone(), now);
    let authorizer = Authorizer::new(realm(), trust.clone(), Throttle::new(tables()));
    assert!(before.keys.is_empty());
    assert!(keys().signer(now).await.is_err(), "nothing signs before the first tick");

    for seconds in [0, 1, 60, HOUR] {
        key_rotate::handle(&rotation(), tick_at(now.plus_seconds(seconds))).await.unwrap();
    }
    let after = directory.trust_anchors().await.unwrap();
    assert_eq!(after.keys.len(), 1, "one key");
    let world = World::new().await;
    let signer = keys().signer(now).await.unwrap();
    let token = signer.access(&world.pennco.desk.caller, "id", now).unwrap();
    let desk = Person { token, ..world.pennco.desk.clone() };
    let request = desk.asks(&SESSION_GET).request();
    let reply = Reply::of(edge::http::answer(&SESSION_GET, &authorizer, &session_get::handle, &trust, request).await);
    assert_eq!(reply.status, 200, "a process from before the first tick learns the key: {reply:?}");
}

#[tokio::test]
async fn a_key_signs_for_thirty_days() {
    let world = World::new().await;
    for seconds in [0, HOUR, 29 * DAY, DUE - 1] {
        tick(&world, seconds).await.unwrap();
    }
    assert_eq!((signing(&world).kid.as_str(), kids(&world, DUE - 1).await), (KID, vec![KID.to_owned()]));
    tick(&world, DUE).await.unwrap();
    let new = signing(&world).kid;
    assert_ne!(new, KID);
    assert_eq!(kids(&world, DUE).await.into_iter().collect::<BTreeSet<_>>(), BTreeSet::from([KID.to_owned(), new]));
    let tokens = login(&world, DUE, "desk@pennco").await;
    assert_eq!(kid_of(&tokens), signing(&world).kid, "a new process signs with it at once");
}

#[tokio::test]
async fn a_function_learns_a_new_key_at_first_sight_and_asks_the_table_once() {
    let world = World::new().await;
    assert_eq!(status(&world, &by_the_first_key(&world, DUE), DUE).await, 200, "the keys have just been read");
    tick(&world, DUE + 1).await.unwrap();
    let tokens = login(&world, DUE + 2, "desk@pennco").await;
    assert_ne!(kid_of(&tokens), KID);
    world.table.reset_calls();
    assert_eq!(opens(&world, DUE + 3, &tokens).await, 200);
    assert_eq!(opens(&world, DUE + 4, &tokens).await, 200);
    let calls = world.table.calls();
    assert_eq!((calls.total().count, calls.count(Operation::Query)), (1, 1), "{calls}");
}

#[tokio::test]
async fn a_process_signs_with_the_old_key_for_five_minutes_and_is_believed() {
    let world = World::new().await;
    let credentials = world.credentials();
    let log_in = async |seconds: i64| {
        let request = asks(&TOKEN_ISSUE).json(&password("desk@pennco", PASSWORD)).at(moment(seconds));
        world.send_open(&TOKEN_ISSUE, token_issue::handle, &credentials, &request).await
    };
    assert_eq!(kid_of(&log_in(DUE - 1).await), KID);
    tick(&world, DUE).await.unwrap();
    let late = log_in(DUE + 298).await;
    assert_eq!((kid_of(&late).as_str(), opens(&world, DUE + 299, &late).await), (KID, 200));
    let next = log_in(DUE + 299).await;
    assert_eq!((kid_of(&next), opens(&world, DUE + 300, &next).await), (signing(&world).kid, 200));
}

#[tokio::test]
async fn the_old_key_is_believed_for_thirteen_hours_after_the_tick_that_retires_it() {
    let world = World::new().await;
    tick(&world, DUE).await.unwrap();
    let retired = DUE + HOUR;
    tick(&world, retired).await.unwrap();
    let end = retired + 13 * HOUR;
    for seconds in [DUE, retired, retired + 12 * HOUR, end - 1] {
        assert_eq!(status(&world, &by_the_first_key(&world, seconds), seconds).await, 200, "{seconds}");
    }
    assert_eq!(kids(&world, end - 1).await.len(), 2);
    assert_eq!(status(&world, &by_the_first_key(&world, end), end).await, 401);
    assert_eq!(kids(&world, end).await, [signing(&world).kid]);
    for seconds in [retired + 2 * HOUR, end, end + DAY] {
        tick(&world, seconds).await.unwrap();
    }
    assert_eq!(status(&world, &by_the_first_key(&world, end + DAY), end + DAY).await, 401, "no tick brings it back");
    let tokens = login(&world, end + DAY, "desk@pennco").await;
    assert_eq!(opens(&world, end + DAY, &tokens).await, 200);
}

#[tokio::test]
async fn a_console_login_of_the_last_minute_lasts_its_twelve_hours() {
    let world = World::new().await;
    let (cookie, _) = console_at(&world, DUE - 60, "desk@pennco").await;
    tick(&world, DUE).await.unwrap();
    for hour in 1..=12 {
        tick(&world, DUE + hour * HOUR).await.unwrap();
        let seconds = DUE + hour * HOUR - 61;
        assert_eq!(cookie_opens(&world, seconds, &cookie).await, 200, "hour {hour}");
    }
}

#[tokio::test]
async fn two_ticks_in_a_row_make_one_key() {
    let world = World::new().await;
    for seconds in [DUE, DUE, DUE + 1, DUE + 60] {
        tick(&world, seconds).await.unwrap();
    }
    assert_eq!(kids(&world, DUE + 60).await.len(), 2, "the old one and one new one");
}

/// How many steps one of two ticks is behind the other at most: further apart, they do not meet.
const MOST_STEPS: usize = 24;

/// A tick that begins so many steps of the other tasks later.
async fn tick_behind(world: &World, seconds: i64, steps: usize) -> Result<(), Failed> {
    for _ in 0..steps {
        tokio::task::yield_now().await;
    }
    tick(world, seconds).await
}

/// Whether what signs now is believed: a login gives a token that opens a door.
async fn assert_signs_well(world: &World, seconds: i64, context: &str) {
    let tokens = login(world, seconds, "desk@pennco").await;
    assert_eq!(kid_of(&tokens), signing(world).kid, "{context}");
    assert_eq!(opens(world, seconds, &tokens).await, 200, "{context}: a token of the new key is not believed");
}

#[tokio::test]
async fn one_tick_that_is_delivered_twice_at_once_leaves_a_key_that_is_believed() {
    for steps in 0..MOST_STEPS {
        let world = World::new().await;
        let (one, other) = tokio::join!(tick(&world, DUE), tick_behind(&world, DUE, steps));
        assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
        assert_signs_well(&world, DUE + 1, &format!("delivered twice, {steps} steps apart")).await;
    }
    println!("one tick delivered twice: {MOST_STEPS} distances between the two");
}

#[tokio::test]
async fn two_ticks_at_once_leave_one_key_that_signs_and_retire_the_others() {
    for steps in 0..MOST_STEPS {
        let world = World::new().await;
        let (one, other) = tokio::join!(tick(&world, DUE), tick_behind(&world, DUE + 1, steps));
        assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
        assert_signs_well(&world, DUE + 2, &format!("two ticks, {steps} steps apart")).await;
        for hours in [1, 14, 15, 29] {
            tick(&world, DUE + hours * HOUR).await.unwrap();
        }
        assert_eq!(kids(&world, DUE + 30 * HOUR).await, [signing(&world).kid], "{steps} steps apart");
    }
    println!("two ticks at once: {MOST_STEPS} distances between the two");
}

#[tokio::test]
async fn what_secrets_manager_does_not_take_is_made_good_by_a_later_tick() {
    let world = World::new().await;
    world.post.fail(3);
    assert!(matches!(tick(&world, DUE).await, Err(Failed::Later(_))), "the SDK tries three times");
    assert_eq!(kids(&world, DUE).await, [KID], "nothing was made");
    assert_signs_well(&world, DUE, "the old one signs on").await;
    tick(&world, DUE + 60).await.unwrap();
    assert_ne!(signing(&world).kid, KID);
    assert_signs_well(&world, DUE + 61, "a later tick").await;
}

/// Lets a rotation die at its `n`-th call, and carries on with a tick at these seconds. Whether it came to that.
async fn dies_and_goes_on(n: u32, after: bool, next_tick: i64) -> bool {
    let world = World::new().await;
    crash(&world, n, after);
    let died = tick(&world, DUE).await;
    let crashed = world.table.has_crashed();
    world.table.recover();
    if !crashed {
        return false;
    }
    let context = format!("died {} call {n}, next tick at {next_tick}", if after { "after" } else { "before" });
    assert!(matches!(died, Err(Failed::Later(_))), "{context}");
    assert_signs_well(&world, DUE + 1, &context).await;
    tick(&world, next_tick).await.unwrap();
    assert_signs_well(&world, next_tick + 400, &context).await;
    for hours in [1, 14, 15, 29] {
        tick(&world, next_tick + hours * HOUR).await.unwrap();
    }
    let seconds = next_tick + 30 * HOUR;
    assert_signs_well(&world, seconds, &context).await;
    assert_eq!(kids(&world, seconds).await, [signing(&world).kid], "{context}: what was cut off is retired");
    true
}

#[tokio::test]
async fn a_rotation_that_dies_anywhere_is_made_good_by_the_next_tick() {
    let mut points = 0;
    for after in [false, true] {
        for n in 1.. {
            if !dies_and_goes_on(n, after, DUE + HOUR).await {
                break;
            }
            points += 1;
        }
    }
    assert!(points >= 8, "{points}");
    println!("rotation: {points} crash points, made good by the next tick");
}

#[tokio::test]
async fn a_rotation_that_dies_anywhere_is_made_good_when_the_same_tick_is_delivered_again() {
    let mut points = 0;
    for after in [false, true] {
        for n in 1.. {
            // SQS delivers the message again, and its time is still that of its first sending.
            if !dies_and_goes_on(n, after, DUE).await {
                break;
            }
            points += 1;
        }
    }
    assert!(points >= 8, "{points}");
    println!("rotation: {points} crash points, made good by the same tick");
}

#[tokio::test]
async fn a_year_of_ticks_makes_a_key_a_month_and_shows_two_at_most() {
    let world = World::new().await;
    let mut made = BTreeSet::from([signing(&world).kid]);
    let mut most = 0;
    for day in 1..=365 {
        tick(&world, day * DAY).await.unwrap();
        made.insert(signing(&world).kid);
        most = most.max(kids(&world, day * DAY).await.len());
    }
    println!("365 daily ticks: {} keys, at most {most} shown at once", made.len());
    assert_eq!((made.len(), most), (13, 2), "the first, and one each thirty days");
    assert_signs_well(&world, 365 * DAY, "after a year").await;
}

#[tokio::test]
async fn the_key_of_cursors_stays() {
    let world = World::new().await;
    let admin = |seconds: i64| {
        let admin = &world.pennco.admin;
        let at = world.now().plus_seconds(seconds);
        Person { token: world.signer.access(&admin.caller, "id", at).unwrap(), ..admin.clone() }
    };
    let first = admin(DUE - 1).asks(&USER_LIST).query("limit", "3").at(moment(DUE - 1));
    let page = call(&world, &USER_LIST, &first).await;
    tick(&world, DUE).await.unwrap();
    let next = admin(DUE + 1).asks(&USER_LIST).query("limit", "3").query("cursor", page.text("/next_cursor"));
    let page = call(&world, &USER_LIST, &next.at(moment(DUE + 1))).await;
    assert_eq!((page.status, page.items().len()), (200, 3), "{page:?}");
}
