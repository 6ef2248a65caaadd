//! `otp-request`: an agent asks for a code by SMS.

use domain::{
    access::OTP_REQUEST,
    throttle::{CODES_OF_ADDRESS, CODES_OF_OPERATOR, Rate},
};
use serde_json::{Value, json};
use store::{Throttle, throttle::Bucket};
use testkit::{Operation, RECORDS, Reply, World, asks};

use crate::{
    door::call,
    logins::{asked_of_the_table, bytes, change, deliver, happened, moment, new_agent, take_on, wish_for_code},
    steps::relay,
};

const NORTH: &str = "+919800000001@pennco";

/// Asks for a code from an address.
async fn wish_from(world: &World, address: &str, username: &str) -> Reply {
    let request = asks(&OTP_REQUEST).json(&json!({ "username": username })).source_ip(address);
    call(world, &OTP_REQUEST, &request).await
}

/// Takes so many requests out of a bucket, as wishes at the door would.
async fn use_up(world: &World, bucket: &Bucket<'_>, rates: &[Rate], requests: usize) {
    let throttle = Throttle::new(world.tables());
    for _ in 0..requests {
        throttle.take(bucket, rates, world.now()).await.unwrap();
    }
}

/// An answer without what differs from one wish to the next.
fn plain(reply: &Reply) -> (u16, String, Vec<String>) {
    let (status, body, headers) = bytes(reply);
    (status, body.replace(reply.text("/challenge_id"), ""), headers)
}

#[tokio::test]
async fn a_code_is_sent_to_the_number_that_is_there_and_to_no_other() {
    let world = World::new().await;
    let taken = take_on(&world, &world.pennco, "agent", &new_agent("+919800000009")).await;
    let gone = change(&world, &world.pennco, 0, taken.text("/user_id"), &json!({ "status": "disabled" })).await;
    assert_eq!(gone.text("/status"), "disabled", "{gone:?}");
    let there = wish_for_code(&world, 0, NORTH).await;
    assert_eq!((there.status, &there.json["expires_in"]), (202, &json!(300)));
    for name in ["+919899999999@pennco", "+919800000009@pennco", "+919800000009@vishi", "+919800000001@nowhere"] {
        assert_eq!(plain(&wish_for_code(&world, 0, name).await), plain(&there), "{name}");
    }
    deliver(&world).await;
    let sent = world.post.sms();
    let [sms] = sent.as_slice() else { panic!("one SMS: {sent:?}") };
    assert_eq!(sms.to, "+919800000001");
    let (code, words) = sms.text.split_at(6);
    assert!(code.bytes().all(|digit| digit.is_ascii_digit()) && words.starts_with(" is your Milepost code"), "{sms:?}");
}

#[tokio::test]
async fn a_number_that_nobody_has_costs_the_same() {
    let world = World::new().await;
    // The buckets of the address and of the operator are in use already.
    wish_for_code(&world, 0, "+919800000002@pennco").await;
    let mut costs = Vec::new();
    for name in [NORTH, "+919899999999@pennco"] {
        world.table.reset_calls();
        assert_eq!(wish_for_code(&world, 0, name).await.status, 202);
        costs.push(asked_of_the_table(&world));
    }
    assert_eq!(costs[0], costs[1]);
    println!("a wish for a code: {:?}, whether or not anybody has the number", costs[0]);
}

#[tokio::test]
async fn a_number_gets_three_codes_in_five_minutes_whoever_asks() {
    let world = World::new().await;
    for name in [NORTH, "+919899999999@pennco"] {
        for address in ["203.0.113.1", "203.0.113.2", "203.0.113.3"] {
            assert_eq!(wish_from(&world, address, name).await.status, 202);
        }
        let fourth = wish_from(&world, "203.0.113.4", name).await;
        assert_eq!(fourth.said(), (429, "too_many_requests"), "{name}");
        assert_eq!(fourth.header("retry-after"), Some("100"));
        assert_eq!(fourth.header("ratelimit-policy"), Some("\"burst\";q=3;w=300, \"sustained\";q=20;w=86400"));
        assert_eq!(fourth.header("ratelimit"), Some("\"burst\";r=0;t=300"));
    }
    assert_eq!(wish_for_code(&world, 0, "+919800000002@pennco").await.status, 202, "another number");
    assert_eq!(wish_for_code(&world, 0, "+919800000001@vishi").await.status, 202, "another operator");
    assert_eq!(wish_for_code(&world, 99, NORTH).await.status, 429);
    assert_eq!(wish_for_code(&world, 100, NORTH).await.status, 202, "after what Retry-After said");
    assert_eq!(wish_for_code(&world, 100, NORTH).await.status, 429, "one");
}

#[tokio::test]
async fn an_address_asks_for_three_hundred_codes_in_five_minutes() {
    let world = World::new().await;
    let mut passed = 0;
    let number = |n: i32| format!("+9198100{n:05}@pennco");
    for n in 0..310 {
        passed += i32::from(wish_from(&world, "203.0.113.1", &number(n)).await.status == 202);
    }
    println!("310 wishes for codes from one address: {passed} taken");
    assert_eq!(passed, 300);
    let refused = wish_from(&world, "203.0.113.1", &number(400)).await;
    assert_eq!(refused.said(), (429, "too_many_requests"));
    assert_eq!(refused.header("ratelimit-policy"), Some("\"burst\";q=300;w=300, \"sustained\";q=3000;w=86400"));
    assert_eq!(wish_from(&world, "203.0.113.2", NORTH).await.status, 202, "another address");
    let later = asks(&OTP_REQUEST).json(&json!({ "username": number(401) })).source_ip("203.0.113.1").at(moment(1));
    assert_eq!(call(&world, &OTP_REQUEST, &later).await.status, 202, "one a second from then on");
}

#[tokio::test]
async fn a_wish_that_its_address_may_not_have_costs_the_number_nothing() {
    let world = World::new().await;
    use_up(&world, &Bucket::Address("codes.203.0.113.1"), CODES_OF_ADDRESS, 300).await;
    for _ in 0..3 {
        assert_eq!(wish_from(&world, "203.0.113.1", NORTH).await.status, 429);
    }
    let own = wish_from(&world, "203.0.113.2", NORTH).await;
    assert_eq!(own.status, 202, "a flood from elsewhere keeps nobody from their code: {own:?}");
}

#[tokio::test]
async fn an_operator_gets_a_thousand_codes_a_minute() {
    let world = World::new().await;
    use_up(&world, &Bucket::Of(&world.pennco.operator, "codes".to_owned()), CODES_OF_OPERATOR, 998).await;
    let mut said = Vec::new();
    for n in 0..4 {
        said.push(wish_from(&world, "203.0.113.8", &format!("+919810000{n:03}@pennco")).await.status);
    }
    assert_eq!(said, [202, 202, 429, 429], "998 have gone before");
    assert_eq!(wish_from(&world, "203.0.113.9", "+919800000001@vishi").await.status, 202, "another operator's go on");
}

#[tokio::test]
async fn what_is_no_number_is_invalid_and_uses_nothing_up() {
    let world = World::new().await;
    let long = format!("+91{}@pennco", "9".repeat(90));
    let names = [
        "",
        "@",
        "desk@pennco",
        "+919800000001",
        "919800000001@pennco",
        "+91 98000 00001@pennco",
        "+91@pennco",
        "+919800000001@",
        "+919800000001@PENNCO",
        "+919800000001@pennco@vishi",
        "+919800000001#@pennco",
        "+९१९८०००००००१@pennco",
        "<script>@pennco",
        &long,
    ];
    for name in names {
        let reply = wish_for_code(&world, 0, name).await;
        assert_eq!((reply.said(), reply.flaws()), ((422, "invalid"), vec![("/username", "invalid_value")]), "{name}");
    }
    println!("what is no number: {} cases", names.len());
    assert_eq!(happened(&world, "otp.requested"), [""; 0]);
    assert_eq!(world.table.calls().count(Operation::TransactWriteItems), 0);
}

#[tokio::test]
async fn the_commit_and_the_event_name_the_challenge_and_no_number() {
    let world = World::new().await;
    let wished = wish_for_code(&world, 0, NORTH).await;
    let challenge_id = wished.text("/challenge_id");
    assert_eq!(happened(&world, "otp.requested"), [challenge_id]);
    deliver(&world).await;
    relay(&world).await;
    let code = world.post.sms()[0].text[..6].to_owned();
    let commits = world.table.items(RECORDS).into_iter().filter(|item| item["sk"]["S"] == "commit");
    let commits: Vec<String> =
        commits.map(|item| item.to_string()).filter(|text| text.contains(challenge_id)).collect();
    let messages = ["message", "activity"].iter().flat_map(|queue| world.queues.sent_to(queue));
    let messages: Vec<String> = messages.map(|sent| sent.body).filter(|text| text.contains(challenge_id)).collect();
    assert!(commits.len() == 1 && messages.len() >= 2, "{commits:?} {messages:?}");
    for text in commits.iter().chain(&messages) {
        assert!(!text.contains("919800000001"), "{text}");
        let words = text.split(|symbol: char| !symbol.is_ascii_alphanumeric());
        assert!(words.into_iter().all(|word| word != code), "{text}");
    }
}

#[tokio::test]
async fn each_wish_is_a_challenge_of_its_own_that_is_gone_when_it_is_too_old() {
    let world = World::new().await;
    let first = wish_for_code(&world, 0, NORTH).await;
    let second = wish_for_code(&world, 0, NORTH).await;
    assert_ne!(first.text("/challenge_id"), second.text("/challenge_id"));
    let kept: Vec<Value> =
        world.table.items(RECORDS).into_iter().filter(|item| item["sk"]["S"] == "challenge").collect();
    assert_eq!(kept.len(), 2);
    let until = (moment(300) / 1000).to_string();
    assert!(kept.iter().all(|item| item["expires"]["N"] == until), "{kept:?}");
}
