//! A function may die before or after any of its calls: whoever asks again with the same key finds one effect and one
//! receipt. Every point of every handler is tried.

use domain::access::{
    APPROVAL_DECIDE, DELIVERY_CONFIRM, DELIVERY_CREATE, DISBURSEMENT_CANCEL, DISBURSEMENT_CREATE,
    DISBURSEMENT_RECONCILE, DISBURSEMENT_REVERSE, RESERVATION_CREATE, RESERVATION_SETTLE, RESERVATION_VOID, Route,
    SETTLEMENT_CREATE, STATEMENT_LINE_MATCH, STATEMENT_LINE_UNMATCH, TRANSFER_CREATE, TRANSFER_REVERSE,
};
use serde_json::json;
use testkit::{LEDGER, RECORDS, Reply, RestRequest, World};

use crate::{
    approval_decide::decision,
    books,
    door::call,
    payout_get::instructed,
    settlement_get,
    statement_line_match::{booked_at_bank, match_by_hand, matching, matching_payout, matching_transfers, unmatched},
    statement_line_unmatch::unmatching,
    statement_match::matched,
    steps::{
        TODAY, assigned, bank_line, bank_row, build_settlements, collected, collection, command, confirmed,
        handed_over, held as money_held, instruction, move_money, relay, report, reservation_of, reserved, reversal,
        transfer, waiting, waiting_for_approval, work_off,
    },
    transfer_approval::last_word_on_what_is_held,
};

/// What a world holds: the same after one clean run and after a crash and a second try.
fn held(world: &World) -> (usize, usize, Vec<String>) {
    (world.table.items(RECORDS).len(), world.table.items(LEDGER).len(), world.bucket.keys())
}

/// Lets the `n`-th call crash, before or after it is applied.
pub(crate) fn crash(world: &World, n: u32, after: bool) {
    if after { world.table.crash_after(n) } else { world.table.crash_before(n) }
}

/// Tries every crash point of a command; how many there are.
async fn exhaust(route: &'static Route, prepare: impl AsyncFn(&World) -> RestRequest) -> u32 {
    let clean = World::new().await;
    let request = prepare(&clean).await;
    let wanted = call(&clean, route, &request).await;
    assert!(wanted.status < 300, "{}: {wanted:?}", route.function);
    let whole = held(&clean);
    let mut points = 0;
    for after in [false, true] {
        for n in 1.. {
            let world = World::new().await;
            let request = prepare(&world).await;
            crash(&world, n, after);
            let first = call(&world, route, &request).await;
            let crashed = world.table.has_crashed();
            world.table.recover();
            if !crashed {
                break;
            }
            let context = format!("{}, crashed {} call {n}", route.function, if after { "after" } else { "before" });
            assert_eq!((first.said(), first.header("retry-after")), ((503, "unavailable"), Some("2")), "{context}");
            // The phone asks again: another request with the same key, a second later.
            let again = request.clone().request_id("00000000-0000-4000-8000-a00000000000");
            let second = call(&world, route, &again).await;
            assert_eq!(second.status, wanted.status, "{context}: {second:?}");
            assert_eq!(held(&world), whole, "{context}: one effect");
            let third = call(&world, route, &again.request_id("00000000-0000-4000-8000-b00000000000")).await;
            assert_eq!((third.is_replay(), &third.body), (true, &second.body), "{context}: one receipt");
            books::balance(&world, &world.pennco).await;
            points += 1;
        }
    }
    points
}

/// Tries every crash point of the settlement's build, on tables and bucket.
async fn exhaust_the_build() -> u32 {
    let prepare = async |world: &World| {
        collected(world, &world.pennco, "BF-1", 150_000).await;
        let close = command(&world.pennco.settlement, &SETTLEMENT_CREATE, "close", &json!({ "business_day": TODAY }));
        let closed = call(world, &SETTLEMENT_CREATE, &close.at(testkit::NOW_MILLIS + 60_000)).await;
        relay(world).await;
        closed.text("/items/0/settlement_id").to_owned()
    };
    let clean = World::new().await;
    prepare(&clean).await;
    assert!(build_settlements(&clean).await.is_empty());
    let whole = held(&clean);
    let mut points = 0;
    for after in [false, true] {
        for n in 1.. {
            let world = World::new().await;
            let id = prepare(&world).await;
            let writer = world.settlement_writer();
            let messages = waiting(&world, "settlement.fifo");
            let build = async |m| settlement_build::handle(&writer, m).await;
            crash(&world, n, after);
            let failed = work_off("settlement.fifo", &messages[..1], build).await;
            let crashed = world.table.has_crashed();
            world.table.recover();
            if !crashed {
                break;
            }
            assert_eq!(failed, ["m-0"], "crash point {n}");
            assert!(work_off("settlement.fifo", &messages, build).await.is_empty(), "crash point {n}");
            assert_eq!(held(&world), whole, "crash point {n}");
            let settled = settlement_get::get(&world, &world.pennco.settlement, &id).await;
            assert_eq!(settled.json["totals"]["net"]["amount_minor"], 150_000, "crash point {n}");
            let file = world.bucket.follow(settled.text("/file/url")).unwrap();
            assert_eq!(domain::id::Sha256Hex::of(&file).as_str(), settled.text("/file/sha256"));
            books::balance(&world, &world.pennco).await;
            points += 1;
        }
    }
    points
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_call_of_any_handler_leaves_one_effect_and_one_receipt() {
    let agents = |world: &World| world.pennco.agents[0].clone();
    let points = [
        exhaust(&DELIVERY_CONFIRM, async |world| {
            let id = assigned(world, &world.pennco, "BF-1", 150_000).await;
            report(&agents(world), &id, "k1", &confirmed(150_000))
        })
        .await,
        exhaust(&DELIVERY_CONFIRM, async |world| {
            let (_, id) = reserved(world, &world.pennco, "BF-D-1", 150_000).await;
            report(&agents(world), &id, "k1", &confirmed(150_000))
        })
        .await,
        exhaust(&DELIVERY_CREATE, async |world| {
            command(&world.pennco.desk, &DELIVERY_CREATE, "k1", &collection("BF-1", 150_000))
        })
        .await,
        exhaust(&DISBURSEMENT_CREATE, async |world| {
            command(&world.pennco.partners[0], &DISBURSEMENT_CREATE, "k1", &instruction("BF-D-1", 150_000))
        })
        .await,
        exhaust(&DISBURSEMENT_RECONCILE, async |world| {
            let id = handed_over(world, &world.pennco, "BF-D-1", 500).await;
            let line = bank_line("HDFCN52026112112", 500);
            command(&world.pennco.settlement, &DISBURSEMENT_RECONCILE, "k1", &line).path("disbursement_id", &id)
        })
        .await,
        exhaust(&STATEMENT_LINE_MATCH, async |world| {
            let (id, payments) = unmatched(world, &["3.33"], &[111, 222]).await;
            matching(&world.pennco.settlement, &id, "m1", &[1], &[&payments[0], &payments[1]])
        })
        .await,
        exhaust(&STATEMENT_LINE_MATCH, async |world| {
            let payout = instructed(world, &world.pennco, 150_000).await;
            let (told, _) = matched(world, "k1", &[bank_row("UTR0000000001", "-1500.00", "")]).await;
            matching_payout(&world.pennco.settlement, told.text("/statement_id"), "m1", 1, &payout)
        })
        .await,
        exhaust(&STATEMENT_LINE_MATCH, async |world| {
            let (id, _) = unmatched(world, &["5.00"], &[]).await;
            let fee = booked_at_bank(world, "t1", -500).await;
            matching_transfers(&world.pennco.settlement, &id, "m1", &[1], &[&fee])
        })
        .await,
        exhaust(&STATEMENT_LINE_UNMATCH, async |world| {
            let (id, payments) = unmatched(world, &["1.11", "2.22"], &[333]).await;
            let matched = match_by_hand(world, &id, "m1", &[1, 2], &[&payments[0]]).await;
            assert_eq!(matched.status, 200, "{matched:?}");
            unmatching(&world.pennco.settlement, &id, "u1", 2)
        })
        .await,
        exhaust(&SETTLEMENT_CREATE, async |world| {
            command(&world.pennco.settlement, &SETTLEMENT_CREATE, "k1", &json!({ "business_day": TODAY }))
        })
        .await,
        exhaust_the_build().await,
    ];
    assert!(points.iter().all(|points| *points >= 4), "{points:?}");
    println!("{} handlers × {points:?} points = {}, 0 violations", points.len(), points.iter().sum::<u32>());
}

/// What the desk decides about money: by hand, about others' requests, and against what it decided before.
#[tokio::test(start_paused = true)]
async fn a_crash_at_any_call_of_what_is_decided_at_a_desk_leaves_one_effect_and_one_receipt() {
    let desk = |world: &World| world.pennco.settlement.clone();
    let hand = |world: &World| format!("agent_cash.{}", world.pennco.agents[0].subject());
    let deposit = |world: &World| transfer("deposit", &hand(world), "vault.pennco", 500);
    let why = json!({ "reason": "as agreed" });
    let points = [
        exhaust(&TRANSFER_CREATE, async |world| command(&desk(world), &TRANSFER_CREATE, "k1", &deposit(world))).await,
        exhaust(&TRANSFER_REVERSE, async |world| {
            let moved = move_money(world, &desk(world), "k1", &deposit(world)).await;
            reversal(&desk(world), moved.text("/transfer_id"), "k2")
        })
        .await,
        exhaust(&RESERVATION_CREATE, async |world| {
            command(&desk(world), &RESERVATION_CREATE, "k1", &money_held(&hand(world), 500))
        })
        .await,
        exhaust(&RESERVATION_SETTLE, async |world| {
            let id = reservation_of(world, &world.pennco).await;
            let body = json!({ "to_account_id": "vault.pennco", "kind": "deposit", "reason": "as agreed" });
            command(&desk(world), &RESERVATION_SETTLE, "k1", &body).path("reservation_id", &id)
        })
        .await,
        exhaust(&RESERVATION_VOID, async |world| {
            let id = reservation_of(world, &world.pennco).await;
            command(&desk(world), &RESERVATION_VOID, "k1", &why).path("reservation_id", &id)
        })
        .await,
        exhaust(&APPROVAL_DECIDE, async |world| {
            let id = waiting_for_approval(world, &world.pennco.partners[0], "BF-D-1", 10_000_000).await;
            decision(&desk(world), &id, "k1", "approve")
        })
        .await,
        exhaust(&APPROVAL_DECIDE, last_word_on_what_is_held).await,
        exhaust(&DISBURSEMENT_CANCEL, async |world| {
            let (id, _) = reserved(world, &world.pennco, "BF-D-1", 500).await;
            command(&world.pennco.admin, &DISBURSEMENT_CANCEL, "k1", &why).path("disbursement_id", &id)
        })
        .await,
        exhaust(&DISBURSEMENT_REVERSE, async |world| {
            let id = handed_over(world, &world.pennco, "BF-D-1", 500).await;
            command(&desk(world), &DISBURSEMENT_REVERSE, "k1", &why).path("disbursement_id", &id)
        })
        .await,
    ];
    assert!(points.iter().all(|points| *points >= 4), "{points:?}");
    println!("{} handlers × {points:?} points = {}, 0 violations", points.len(), points.iter().sum::<u32>());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_survives_a_crash_as_well() {
    let world = World::new().await;
    let id = assigned(&world, &world.pennco, "BF-1", 5).await;
    let too_much = |key: &str| report(&world.pennco.agents[0], &id, key, &confirmed(6));
    for n in 1..=2 {
        for after in [false, true] {
            let key = format!("k{n}{after}");
            crash(&world, n, after);
            assert_eq!(call(&world, &DELIVERY_CONFIRM, &too_much(&key)).await.status, 503);
            world.table.recover();
            let said: Vec<Reply> = [
                call(&world, &DELIVERY_CONFIRM, &too_much(&key)).await,
                call(&world, &DELIVERY_CONFIRM, &too_much(&key)).await,
            ]
            .into();
            assert_eq!(said[0].said(), (422, "amount_exceeds_due"));
            assert_eq!((said[1].is_replay(), &said[1].body), (true, &said[0].body));
        }
    }
}
