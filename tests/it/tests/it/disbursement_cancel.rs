//! `disbursement-cancel`: a payment is called off before its cash is handed over.

use std::sync::Arc;

use domain::access::{DELIVERY_CONFIRM, DELIVERY_LIST, DISBURSEMENT_CANCEL};
use serde_json::{Value, json};
use testkit::{Person, Reply, RestRequest, World};

use crate::{
    approval_decide::{approval, decide, payout},
    books,
    door::call,
    logins::happened,
    steps::{
        TODAY, assign, bank_line, command, confirm, confirmed, failed, handed_over, instruct, instruction, reconcile,
        report, reserved, visit,
    },
};

fn cancellation(person: &Person, id: &str, key: &str) -> RestRequest {
    command(person, &DISBURSEMENT_CANCEL, key, &json!({ "reason": "withdrawn" })).path("disbursement_id", id)
}

pub(crate) async fn cancel(world: &World, person: &Person, id: &str, key: &str) -> Reply {
    call(world, &DISBURSEMENT_CANCEL, &cancellation(person, id, key)).await
}

#[tokio::test]
async fn a_payment_is_called_off_with_its_visit_and_says_why() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let (id, visit_id) = reserved(&world, pennco, "BF-D-1", 500).await;
    let gone = cancel(&world, &pennco.partners[0], &id, "k1").await;
    assert_eq!((gone.status, gone.text("/status")), (200, "cancelled"), "{gone:?}");
    assert_eq!(gone.json["cancellation"], json!({ "reason": "withdrawn", "by": "bfil", "at": world.now() }));
    assert_eq!(payout(&world, &id).await.json, gone.json);
    assert_eq!(visit(&world, &pennco.desk, &visit_id).await.text("/status"), "cancelled");
    let again = cancel(&world, &pennco.partners[0], &id, "k1").await;
    assert_eq!((again.is_replay(), &again.body), (true, &gone.body));
    let twice = cancel(&world, &pennco.admin, &id, "k2").await;
    assert_eq!((twice.said(), &twice.json["legal_moves"]), ((409, "illegal_transition"), &json!(["exception"])));
    let day = call(&world, &DELIVERY_LIST, &pennco.agents[0].asks(&DELIVERY_LIST).query("due", TODAY)).await;
    assert_eq!(day.items()[0]["status"], "cancelled", "the agent's phone sees it");
    assert_eq!(happened(&world, "disbursement.cancelled"), [id]);
    assert_eq!(happened(&world, "delivery.cancelled"), [visit_id]);
}

#[tokio::test]
async fn its_lender_its_desk_and_the_admin_cancel_it_and_nobody_else() {
    let world = World::new().await;
    let pennco = &world.pennco;
    for (n, person) in [&pennco.partners[0], &pennco.desk, &pennco.admin].into_iter().enumerate() {
        let (id, _) = reserved(&world, pennco, &format!("BF-D-{n}"), 500).await;
        assert_eq!(cancel(&world, &pennco.partners[1], &id, "k1").await.said(), (404, "unknown"));
        assert_eq!(cancel(&world, &world.vishi.admin, &id, "k1").await.said(), (404, "unknown"));
        assert_eq!(cancel(&world, &pennco.settlement, &id, "k1").await.said(), (403, "forbidden"));
        assert_eq!(cancel(&world, person, &id, &format!("k{n}")).await.status, 200);
    }
}

#[tokio::test]
async fn what_waits_for_approval_is_called_off_with_it_and_cannot_be_approved_any_more() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let asked = instruct(&world, &pennco.partners[0], "k1", &instruction("BF-D-1", 10_000_000)).await;
    let (id, approval_id) = (asked.text("/disbursement_id"), asked.text("/approval_id"));
    assert_eq!(cancel(&world, &pennco.partners[0], id, "k2").await.text("/status"), "cancelled");
    assert_eq!(approval(&world, approval_id).await.text("/status"), "cancelled");
    let late = decide(&world, &pennco.admin, approval_id, "k3", "approve").await;
    assert_eq!(late.said(), (409, "illegal_transition"));
    assert!(late.text("/detail").ends_with("cancelled"), "{late:?}");
    assert_eq!(payout(&world, id).await.text("/status"), "cancelled");
    let never = assign(&world, &pennco.desk, asked.text("/delivery_id"), &pennco.agents[0], "k4").await;
    assert_eq!(never.said(), (409, "illegal_transition"));
}

#[tokio::test]
async fn once_the_visit_is_concluded_nothing_is_cancelled() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let paid = handed_over(&world, pennco, "BF-D-1", 500).await;
    let late = cancel(&world, &pennco.admin, &paid, "k1").await;
    assert_eq!(
        (late.said(), &late.json["legal_moves"]),
        ((409, "illegal_transition"), &json!(["reconciled", "exception", "reversed"]))
    );
    let (id, visit_id) = reserved(&world, pennco, "BF-D-2", 500).await;
    confirm(&world, &pennco.agents[0], &visit_id, "k2", &failed("refused")).await;
    let late = cancel(&world, &pennco.admin, &id, "k3").await;
    assert_eq!((late.said(), &late.json["legal_moves"]), ((409, "illegal_transition"), &json!([])));
}

#[tokio::test]
async fn cash_that_was_handed_over_offline_is_booked_and_the_payment_an_exception() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let (id, visit_id) = reserved(&world, pennco, "BF-D-1", 500).await;
    assert_eq!(cancel(&world, &pennco.partners[0], &id, "k1").await.status, 200);
    let nothing = confirm(&world, &pennco.agents[0], &visit_id, "k2", &failed("refused")).await;
    assert_eq!((nothing.said(), &nothing.json["legal_moves"]), ((409, "illegal_transition"), &json!(["confirmed"])));
    let receipt = confirm(&world, &pennco.agents[0], &visit_id, "k3", &confirmed(500)).await;
    assert_eq!((receipt.status, receipt.text("/status")), (200, "confirmed"), "{receipt:?}");
    let shown = payout(&world, &id).await;
    assert_eq!((shown.text("/status"), shown.text("/cancellation/reason")), ("exception", "withdrawn"));
    assert_eq!(books::balance(&world, pennco).await, testkit::FLOAT_MINOR - 500);
    let twice = confirm(&world, &pennco.agents[0], &visit_id, "k4", &confirmed(500)).await;
    assert_eq!(twice.said(), (409, "illegal_transition"));
    let line = bank_line("HDFCN52026112112", 500);
    assert_eq!(reconcile(&world, &pennco.settlement, &id, "k5", &line).await.text("/status"), "reconciled");
}

#[tokio::test(start_paused = true)]
async fn of_a_cancellation_and_a_hand_over_at_once_no_cash_is_lost() {
    let world = Arc::new(World::new().await);
    let pennco = &world.pennco;
    for round in 1..=8 {
        let (id, visit_id) = reserved(&world, pennco, &format!("BF-D-{round}"), 500).await;
        let key = format!("k{round}");
        let (gone, receipt) =
            (cancellation(&pennco.partners[0], &id, &key), report(&pennco.agents[0], &visit_id, &key, &confirmed(500)));
        let (gone, receipt) =
            tokio::join!(call(&world, &DISBURSEMENT_CANCEL, &gone), call(&world, &DELIVERY_CONFIRM, &receipt));
        assert_eq!(receipt.status, 200, "{receipt:?}");
        let shown = payout(&world, &id).await;
        match gone.status {
            200 => assert_eq!(shown.text("/status"), "exception"),
            _ => {
                assert_eq!(gone.said(), (409, "illegal_transition"));
                assert_eq!((shown.text("/status"), &shown.json["cancellation"]), ("handed_over", &Value::Null));
            }
        }
        assert_eq!(books::balance(&world, pennco).await, testkit::FLOAT_MINOR - 500 * round);
    }
}
