//! Throttles: how often somebody may ask, exact under any number of callers, whatever the door.

use std::sync::Arc;

use domain::{
    Failed, Role,
    access::{DELIVERY_CREATE, DISBURSEMENT_CREATE, DISBURSEMENT_GET, JWKS_GET, LOCATION_RECORD, Route, TOKEN_ISSUE},
    throttle::{ADDRESS, Allowance, Rate, command_rates},
};
use serde_json::json;
use store::{Throttle, throttle::Bucket};
use testkit::{Operation, PASSWORD, Person, RestRequest, World, asks};
use tokio::task::JoinSet;

use crate::{
    door::call,
    logins::{
        ask, clerk, client_credentials, deliver, holder, login, moment, password, program, set_password, take_on,
        ticket_in,
    },
    steps::{all_at_once, collection, command, instruction, point},
};

fn instruct(partner: &Person, n: i32) -> RestRequest {
    command(partner, &DISBURSEMENT_CREATE, &format!("k{n}"), &instruction(&format!("BF-{n}"), 500))
}

fn plan(desk: &Person, n: i32) -> RestRequest {
    command(desk, &DELIVERY_CREATE, &format!("k{n}"), &collection(&format!("BF-{n}"), 500))
}

/// How many of these requests were let through, and how many were told to wait.
async fn let_through(world: &Arc<World>, route: &'static Route, requests: Vec<RestRequest>) -> (usize, usize) {
    let replies = all_at_once(world, route, requests).await;
    let through = replies.iter().filter(|reply| reply.status == 201).count();
    let refused = replies.iter().filter(|reply| reply.said() == (429, "too_many_requests")).count();
    assert_eq!(through + refused, replies.len(), "{:?}", replies.iter().map(|reply| reply.status).collect::<Vec<_>>());
    (through, refused)
}

#[tokio::test(start_paused = true)]
async fn of_five_hundred_commands_of_a_partner_at_one_moment_a_hundred_pass() {
    let world = Arc::new(World::new().await);
    let partner = &world.pennco.partners[0];
    let requests = (0..500).map(|n| instruct(partner, n)).collect();
    let replies = all_at_once(&world, &DISBURSEMENT_CREATE, requests).await;
    let (passed, refused): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 201);
    println!("500 commands of a partner at one moment: {} passed, {} refused", passed.len(), refused.len());
    assert_eq!((passed.len(), refused.len()), (100, 400));
    let policy = Some("\"burst\";q=100;w=10, \"sustained\";q=20000;w=3600");
    for reply in &refused {
        assert_eq!(reply.said(), (429, "too_many_requests"));
        assert_eq!((reply.header("retry-after"), reply.header("ratelimit-policy")), (Some("1"), policy));
        assert_eq!(reply.header("ratelimit"), Some("\"burst\";r=0;t=10"));
    }
    assert!(passed.iter().all(|reply| reply.header("ratelimit-policy") == policy));
    assert!(passed.iter().all(|reply| reply.header("retry-after").is_none()));
    assert!(passed.iter().any(|reply| reply.header("ratelimit") == Some("\"burst\";r=99;t=1")), "the first one");
    // What was refused has used nothing up: the same command passes after what Retry-After said.
    let later = (0..500).map(|n| instruct(partner, n).at(moment(1))).collect();
    let replies = all_at_once(&world, &DISBURSEMENT_CREATE, later).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 10, "ten a second from then on");
    let anew = (500..700).map(|n| instruct(partner, n).at(moment(60))).collect();
    assert_eq!(let_through(&world, &DISBURSEMENT_CREATE, anew).await, (100, 100), "full again");
}

#[tokio::test(start_paused = true)]
async fn a_desk_has_three_hundred_a_minute_beside_everybody_else() {
    let world = Arc::new(World::new().await);
    let (pennco, vishi) = (&world.pennco, &world.vishi);
    let requests = (0..400).map(|n| plan(&pennco.desk, n)).collect();
    let (through, refused) = let_through(&world, &DELIVERY_CREATE, requests).await;
    println!("400 commands of a desk at one moment: {through} passed, {refused} refused");
    assert_eq!((through, refused), (300, 100));
    let admin = (1_000..1_020).map(|n| plan(&pennco.admin, n)).collect();
    assert_eq!(let_through(&world, &DELIVERY_CREATE, admin).await, (20, 0), "an admin of the same operator");
    let others = (2_000..2_020).map(|n| plan(&vishi.desk, n)).collect();
    assert_eq!(let_through(&world, &DELIVERY_CREATE, others).await, (20, 0), "the desk of another operator");
    let partner = (3_000..3_120).map(|n| instruct(&pennco.partners[0], n)).collect();
    assert_eq!(let_through(&world, &DISBURSEMENT_CREATE, partner).await, (100, 20), "a partner");
    let namesake = (3_000..3_120).map(|n| instruct(&vishi.partners[0], n)).collect();
    assert_eq!(let_through(&world, &DISBURSEMENT_CREATE, namesake).await, (100, 20), "its namesake elsewhere");
    let next = (3_000..3_120).map(|n| instruct(&pennco.partners[1], n)).collect();
    assert_eq!(let_through(&world, &DISBURSEMENT_CREATE, next).await, (100, 20), "another partner");
}

#[tokio::test(start_paused = true)]
async fn a_program_is_counted_beside_its_partners_people() {
    let world = Arc::new(World::new().await);
    let partner = &world.pennco.partners[0];
    let people = (0..110).map(|n| instruct(partner, n)).collect();
    assert_eq!(let_through(&world, &DISBURSEMENT_CREATE, people).await, (100, 10));
    let (id, secret) = program(&world, &world.pennco, &["disbursement:write"]).await;
    let tokens = ask(&world, 0, &client_credentials(&id, &secret)).await;
    let machine = holder(partner, &tokens);
    let by_machine = (1_000..1_110).map(|n| instruct(&machine, n)).collect();
    assert_eq!(let_through(&world, &DISBURSEMENT_CREATE, by_machine).await, (100, 10));
}

#[tokio::test(start_paused = true)]
async fn two_people_of_one_partner_are_counted_apart_and_may_use_one_key() {
    let world = Arc::new(World::new().await);
    let partner = &world.pennco.partners[0];
    let mut colleague = clerk("colleague");
    (colleague["role"], colleague["partner_id"]) = (json!("partner"), json!("bfil"));
    take_on(&world, &world.pennco, "invite", &colleague).await;
    deliver(&world).await;
    assert_eq!(set_password(&world, -1, &ticket_in(&world.post.mail()[0].text), PASSWORD).await.status, 200);
    for (name, first) in [("bfil@pennco", 0), ("colleague@pennco", 1_000)] {
        let person = holder(partner, &login(&world, 0, name).await);
        let request = |n: i32| {
            command(&person, &DISBURSEMENT_CREATE, &format!("k{n}"), &instruction(&format!("BF-{}", first + n), 500))
        };
        let requests = (0..110).map(request).collect();
        assert_eq!(let_through(&world, &DISBURSEMENT_CREATE, requests).await, (100, 10), "{name}");
    }
}

#[tokio::test]
async fn a_repeat_counts_and_what_is_wrong_with_a_request_alone_does_not() {
    let world = World::new().await;
    let partner = &world.pennco.partners[0];
    let left = async |request: RestRequest| {
        let reply = call(&world, &DISBURSEMENT_CREATE, &request).await;
        reply.header("ratelimit").map(str::to_owned)
    };
    assert_eq!(left(instruct(partner, 1)).await.as_deref(), Some("\"burst\";r=99;t=1"));
    assert_eq!(left(instruct(partner, 1)).await.as_deref(), Some("\"burst\";r=98;t=1"), "a repeat");
    assert_eq!(left(instruct(partner, 2).body("{")).await, None, "no JSON");
    assert_eq!(left(partner.asks(&DISBURSEMENT_CREATE).json(&instruction("BF-3", 5))).await, None, "no key");
    assert_eq!(left(instruct(&world.pennco.desk, 3)).await, None, "another role");
    assert_eq!(left(instruct(partner, 4)).await.as_deref(), Some("\"burst\";r=97;t=1"));
}

#[tokio::test]
async fn positions_and_reads_are_counted_without_a_write_and_cut_at_six_hundred_a_minute() {
    let world = World::new().await;
    let [north, south] = &world.pennco.agents;
    let ping = |agent: &Person, seconds: i64| {
        let points = json!({ "points": [point(60, 18.52)] });
        let request = agent.asks(&LOCATION_RECORD).path("agent_id", agent.subject()).json(&points);
        request.at(moment(seconds))
    };
    let mut passed = 0;
    for _ in 0..601 {
        let reply = call(&world, &LOCATION_RECORD, &ping(north, 0)).await;
        assert!(matches!(reply.status, 202 | 429), "{reply:?}");
        passed += i32::from(reply.status == 202);
    }
    let calls = world.table.calls();
    println!("601 positions at one moment: {passed} passed; {calls}");
    assert_eq!(passed, 600);
    assert_eq!((calls.count(Operation::UpdateItem), calls.count(Operation::PutItem)), (0, 600));
    let refused = call(&world, &LOCATION_RECORD, &ping(north, 0)).await;
    assert_eq!((refused.said(), refused.header("retry-after")), ((429, "too_many_requests"), Some("1")));
    assert_eq!(refused.header("ratelimit-policy"), Some("\"burst\";q=600;w=60"));
    assert_eq!(call(&world, &LOCATION_RECORD, &ping(south, 0)).await.status, 202, "another agent");
    assert_eq!(call(&world, &LOCATION_RECORD, &ping(&world.vishi.agents[0], 0)).await.status, 202);
    assert_eq!(call(&world, &LOCATION_RECORD, &ping(north, 1)).await.status, 202, "ten a second from then on");
    let id = "dsb_01kagwtb0084nrm0ppw3zy9t20";
    let desk = &world.pennco.desk;
    let mut reads = 0;
    for _ in 0..610 {
        let request = desk.asks(&DISBURSEMENT_GET).path("disbursement_id", id);
        reads += i32::from(call(&world, &DISBURSEMENT_GET, &request).await.status == 404);
    }
    assert_eq!(reads, 600);
    assert_eq!(world.table.calls().count(Operation::UpdateItem), 0);
}

#[tokio::test]
async fn an_address_has_six_hundred_a_minute_at_the_open_doors() {
    let world = World::new().await;
    let throttle = Throttle::new(world.tables());
    for _ in 0..599 {
        throttle.take(&Bucket::Address("203.0.113.7"), ADDRESS, world.now()).await.unwrap();
    }
    assert_eq!(ask(&world, 0, &password("desk@pennco", PASSWORD)).await.status, 200, "the last one");
    let refused = ask(&world, 0, &password("desk@pennco", PASSWORD)).await;
    assert_eq!(refused.said(), (429, "too_many_requests"));
    assert_eq!(refused.header("ratelimit-policy"), Some("\"burst\";q=600;w=60, \"sustained\";q=10000;w=3600"));
    let elsewhere = asks(&TOKEN_ISSUE).json(&password("desk@pennco", PASSWORD)).source_ip("203.0.113.8");
    assert_eq!(call(&world, &TOKEN_ISSUE, &elsewhere).await.status, 200);
    assert_eq!(call(&world, &JWKS_GET, &asks(&JWKS_GET)).await.status, 200, "reading what is public is not counted");
}

/// How many of so many requests at once were let through, and what the others were told.
async fn take(world: &World, rates: &'static [Rate], seconds: i64, requests: usize) -> (usize, Vec<Allowance>) {
    let mut running = JoinSet::new();
    for _ in 0..requests {
        let (throttle, operator) = (Throttle::new(world.tables()), world.pennco.operator.clone());
        let now = world.now().plus_seconds(seconds);
        running.spawn(async move { throttle.take(&Bucket::Of(&operator, "test".to_owned()), rates, now).await });
    }
    let mut refused = Vec::new();
    for answer in running.join_all().await {
        match answer {
            Ok(_) => {}
            Err(Failed::Limited(allowance)) => refused.push(allowance),
            Err(failed) => panic!("{failed:?}"),
        }
    }
    (requests - refused.len(), refused)
}

#[tokio::test]
async fn of_two_rates_the_tighter_one_decides_and_a_refusal_takes_from_neither() {
    const RATES: &[Rate] = &[Rate::new("burst", 10, 10), Rate::new("sustained", 15, 3_600)];
    let world = World::new().await;
    let (passed, refused) = take(&world, RATES, 0, 20).await;
    assert_eq!(passed, 10, "the burst");
    assert!(refused.iter().all(|one| (one.tightest, one.retry_after_seconds) == ("burst", 1)), "{refused:?}");
    let (passed, refused) = take(&world, RATES, 10, 20).await;
    assert_eq!(passed, 5, "what ten of fifteen leave");
    // Fifteen times 240 seconds lie ahead, ten of them have passed, and 3360 may: 230 to wait.
    assert!(refused.iter().all(|one| (one.tightest, one.retry_after_seconds) == ("sustained", 230)), "{refused:?}");
    assert_eq!(take(&world, RATES, 239, 5).await.0, 0);
    let (passed, refused) = take(&world, RATES, 240, 5).await;
    assert_eq!((passed, refused[0].retry_after_seconds), (1, 240));
    let (passed, _) = take(&world, RATES, 4_000, 30).await;
    assert_eq!(passed, 10, "the burst of a bucket that is full again");
    println!("burst 10 in 10 s and sustained 15 in an hour: 10, 5, 0, 1, then 10 of a full bucket");
}

#[tokio::test]
async fn a_bucket_is_exact_however_many_take_from_it_at_once() {
    const RATES: &[Rate] = &[Rate::new("burst", 50, 60), Rate::new("sustained", 120, 3_600)];
    let world = World::new().await;
    let mut passed = Vec::new();
    for seconds in [0, 60, 120, 180] {
        passed.push(take(&world, RATES, seconds, 200).await.0);
    }
    println!("200 at once, four times, at 50 a minute and 120 an hour: {passed:?} passed");
    // 120 an hour is one more each thirty seconds: 20 and the four of two minutes, then two a minute.
    assert_eq!(passed, [50, 50, 24, 2]);
}

#[tokio::test]
async fn the_rates_are_those_that_the_documents_promise() {
    let quotas =
        |role: Role| command_rates(role).iter().map(|rate| (rate.quota, rate.window_seconds)).collect::<Vec<_>>();
    assert_eq!(quotas(Role::Agent), [(600, 60), (5_000, 86_400)]);
    assert_eq!(quotas(Role::Partner), [(100, 10), (20_000, 3_600)]);
    for role in [Role::Staff, Role::Settlement, Role::Admin] {
        assert_eq!(quotas(role), [(300, 60), (5_000, 3_600)]);
    }
}
