//! `statement-line-unmatch`: the settlement desk takes a match apart that was none.

use std::sync::Arc;

use domain::access::{DISBURSEMENT_RECONCILE, STATEMENT_LINE_MATCH, STATEMENT_LINE_UNMATCH};
use serde_json::{Value, json};
use testkit::{NOW_MILLIS, Person, RECORDS, Reply, RestRequest, World};

use crate::{
    books,
    door::call,
    payout_get::{get, instructed},
    payout_update::{learn, owed_and_bank, paid},
    statement_line_list::listed,
    statement_line_match::{
        booked_at_bank, match_by_hand, matching, matching_payout, matching_transfers, news, open_lines, unmatched,
    },
    statement_match::{matched, payment, told},
    steps::{
        TODAY, all_at_once, bank_line, bank_row, command, hand_in, handed_over, match_statements, reconcile, statement,
        waiting, work_off,
    },
    transfer_get,
};

/// The wish to take the match of a line apart, as a request.
pub(crate) fn unmatching(person: &Person, id: &str, key: &str, line: u32) -> RestRequest {
    let body = json!({ "line": line, "reason": "it paid another loan" });
    command(person, &STATEMENT_LINE_UNMATCH, key, &body).path("statement_id", id)
}

pub(crate) async fn take_apart(world: &World, id: &str, key: &str, line: u32) -> Reply {
    call(world, &STATEMENT_LINE_UNMATCH, &unmatching(&world.pennco.settlement, id, key, line)).await
}

/// What is held of names of bank lines.
fn names(world: &World) -> usize {
    let held = |item: &&Value| {
        let key = item["sk"]["S"].as_str().unwrap_or_default();
        key == "bank_line" || key.starts_with("part#")
    };
    world.table.items(RECORDS).iter().filter(held).count()
}

#[tokio::test]
async fn a_match_of_the_job_is_taken_apart_with_who_and_why_and_its_payment_waits_again() {
    let world = World::new().await;
    let desk = &world.pennco.settlement;
    let paid = handed_over(&world, &world.pennco, "BF-D-1", 150_000).await;
    let (told, _) = matched(&world, "k1", &[bank_row("UTR0000000001", "-1500.00", "BF-D-1")]).await;
    let id = told.text("/statement_id");
    assert_eq!((names(&world), open_lines(&world).await.len()), (1, 0));
    let reply = take_apart(&world, id, "u1", 1).await;
    assert_eq!((reply.status, reply.text("/lines/0/status")), (200, "unmatched"), "{reply:?}");
    assert_eq!(reply.json["disbursement_ids"], json!([paid]));
    let line = &listed(&world, desk, &[]).await.items()[0].clone();
    assert_eq!((&line["why"], &line["match"]), (&json!("taken_apart"), &Value::Null));
    assert_eq!((&line["nearest"][0]["id"], &line["nearest"][0]["failed"]), (&json!(paid), &json!("taken_apart")));
    let said = &line["taken_apart"];
    assert_eq!((&said["reason"], &said["by"]), (&json!("it paid another loan"), &json!(desk.subject())));
    let waits = payment(&world, &paid).await;
    assert_eq!((waits.text("/status"), &waits.json["reconciliation"]), ("handed_over", &Value::Null));
    assert_eq!(names(&world), 0, "the name of the line is free");
    let news = news(&world, "disbursement.unreconciled").await;
    assert_eq!((news.len(), &news[0]["subject"], &news[0]["region"]), (1, &json!(paid), &json!("pune-north")));
    books::balance(&world, &world.pennco).await;
}

#[tokio::test]
async fn a_line_is_matched_taken_apart_and_matched_again_as_often_as_somebody_says_why() {
    let world = World::new().await;
    let (id, payments) = unmatched(&world, &["5.00", "3.00"], &[500, 800]).await;
    let status = async |id: &str| payment(&world, id).await.text("/status").to_owned();
    for round in 0..3 {
        let first = match_by_hand(&world, &id, &format!("a{round}"), &[1], &[&payments[0]]).await;
        assert_eq!(first.status, 200, "{first:?}");
        assert_eq!(take_apart(&world, &id, &format!("b{round}"), 1).await.status, 200);
        let both = match_by_hand(&world, &id, &format!("c{round}"), &[1, 2], &[&payments[1]]).await;
        assert_eq!((both.status, &both.json["lines"][0]["taken_apart"]), (200, &Value::Null), "{both:?}");
        assert_eq!(
            (status(&payments[0]).await.as_str(), status(&payments[1]).await.as_str()),
            ("handed_over", "reconciled")
        );
        // Either line names the match.
        assert_eq!(take_apart(&world, &id, &format!("d{round}"), 2).await.json["lines"].as_array().unwrap().len(), 2);
        assert_eq!((open_lines(&world).await, names(&world)), (vec![1, 2], 0));
        assert_eq!(status(&payments[1]).await, "handed_over");
    }
}

#[tokio::test]
async fn all_lines_and_all_payments_of_a_match_come_apart_together() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let first = handed_over(&world, pennco, "BF-D-1", 11_100).await;
    let second = handed_over(&world, pennco, "BF-D-2", 22_300).await;
    let third = handed_over(&world, pennco, "BF-D-3", 33_000).await;
    let rows = [
        format!("UTR0000000001,{TODAY},-334.00,INR,BF-D-1 BF-D-2,"),
        bank_row("UTR0000000002", "-200.00", "BF-D-3"),
        bank_row("UTR0000000003", "-130.00", "BF-D-3"),
    ];
    let (told, _) = matched(&world, "k1", &rows).await;
    assert_eq!(told.json["result"]["settled_payments"], 3, "{told:?}");
    let id = told.text("/statement_id");
    assert_eq!(take_apart(&world, id, "u1", 1).await.json["disbursement_ids"].as_array().unwrap().len(), 2);
    for (id, status) in [(&first, "handed_over"), (&second, "handed_over"), (&third, "reconciled")] {
        assert_eq!(payment(&world, id).await.text("/status"), status);
    }
    assert_eq!(take_apart(&world, id, "u2", 3).await.status, 200);
    assert_eq!(payment(&world, &third).await.text("/status"), "handed_over");
    assert_eq!((open_lines(&world).await, names(&world)), (vec![1, 2, 3], 0));
}

#[tokio::test]
async fn the_job_leaves_what_was_taken_apart_and_a_later_statement_settles_it_again() {
    let world = World::new().await;
    let paid = handed_over(&world, &world.pennco, "BF-D-1", 150_000).await;
    let row = bank_row("UTR0000000001", "-1500.00", "BF-D-1");
    let (told_first, _) = matched(&world, "k1", std::slice::from_ref(&row)).await;
    let first = told_first.text("/statement_id");
    assert_eq!(take_apart(&world, first, "u1", 1).await.status, 200);
    let before = world.table.items(RECORDS);
    let (writer, messages) = (world.statement_writer(), waiting(&world, "statement.fifo"));
    for _ in 0..3 {
        let failed = work_off("statement.fifo", &messages, async |m| statement_match::handle(&writer, m).await).await;
        assert!(failed.is_empty());
    }
    assert_eq!(world.table.items(RECORDS), before, "the same message again changes nothing");
    let now = told(&world, first).await.0;
    for part in ["/result/settled_payments", "/result/by_rule", "/result/report/sha256"] {
        assert_eq!(now.json.pointer(part), told_first.json.pointer(part), "what the job found stays");
    }
    let (second, report) = matched(&world, "k2", &[row, bank_row("UTR0000000002", "-1.00", "")]).await;
    assert_eq!(report["lines"][0]["match"]["disbursement_ids"], json!([paid]), "{second:?}");
    assert_eq!(payment(&world, &paid).await.text("/status"), "reconciled");
    // The line's name is the later statement's now.
    let other = handed_over(&world, &world.pennco, "BF-D-2", 150_000).await;
    let refused = match_by_hand(&world, first, "m1", &[1], &[&other]).await;
    assert_eq!((refused.said(), refused.text("/existing_id")), ((409, "bank_line_already_matched"), paid.as_str()));
}

#[tokio::test]
async fn lines_that_share_a_reference_come_apart_one_by_one() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let first = handed_over(&world, pennco, "BF-D-1", 11_100).await;
    let second = handed_over(&world, pennco, "BF-D-2", 22_300).await;
    let rows = [bank_row("BATCH00000001", "-111.00", "BF-D-1"), bank_row("BATCH00000001", "-223.00", "BF-D-2")];
    let (told, _) = matched(&world, "k1", &rows).await;
    let id = told.text("/statement_id");
    assert_eq!(take_apart(&world, id, "u1", 1).await.status, 200);
    let statuses = async || {
        let [one, two] = [payment(&world, &first).await, payment(&world, &second).await];
        (one.text("/status").to_owned(), two.text("/status").to_owned())
    };
    assert_eq!(statuses().await, ("handed_over".to_owned(), "reconciled".to_owned()));
    let (_, report) = matched(&world, "k2", &[&rows[..], &[bank_row("UTR0000000009", "-1.00", "")]].concat()).await;
    assert_eq!((&report["lines"][0]["status"], &report["lines"][1]["status"]), (&json!("matched"), &json!("repeated")));
    assert_eq!(statuses().await.0, "reconciled");
}

#[tokio::test]
async fn what_is_no_match_of_a_statement_is_not_taken_apart() {
    let world = World::new().await;
    let desk = &world.pennco.settlement;
    let by_command = handed_over(&world, &world.pennco, "BF-D-1", 100).await;
    let line = bank_line("UTR0000000001", 100);
    assert_eq!(reconcile(&world, desk, &by_command, "k0", &line).await.status, 200);
    let rows = [bank_row("UTR0000000001", "-1.00", "BF-D-1"), bank_row("UTR0000000002", "-2.00", "")];
    let waiting = hand_in(&world, desk, "k1", &statement(&rows)).await;
    let id = waiting.text("/statement_id");
    assert_eq!(take_apart(&world, id, "u0", 1).await.said(), (409, "illegal_transition"));
    assert!(match_statements(&world).await.is_empty());
    for (key, line, said) in
        [("u1", 1, (409, "line_not_matched")), ("u2", 2, (409, "line_not_matched")), ("u3", 9, (422, "invalid"))]
    {
        assert_eq!(take_apart(&world, id, key, line).await.said(), said);
    }
    let body = json!({ "line": 1 });
    let silent = command(desk, &STATEMENT_LINE_UNMATCH, "u4", &body).path("statement_id", id);
    assert_eq!(call(&world, &STATEMENT_LINE_UNMATCH, &silent).await.said(), (400, "missing_field"));
    assert_eq!(payment(&world, &by_command).await.text("/status"), "reconciled");
    let again = command(desk, &DISBURSEMENT_RECONCILE, "k2", &bank_line("UTR0000000009", 100));
    let refused = call(&world, &DISBURSEMENT_RECONCILE, &again.path("disbursement_id", &by_command)).await;
    assert_eq!((refused.said(), &refused.json["legal_moves"]), ((409, "illegal_transition"), &json!([])));
}

#[tokio::test]
async fn of_sixteen_that_take_a_match_apart_at_once_one_does() {
    let world = Arc::new(World::new().await);
    let (id, payments) = unmatched(&world, &["5.00"], &[500]).await;
    assert_eq!(match_by_hand(&world, &id, "m1", &[1], &[&payments[0]]).await.status, 200);
    let requests = (1..=16).map(|n| {
        let request = unmatching(&world.pennco.settlement, &id, &format!("u{n}"), 1);
        request.at(NOW_MILLIS + 60_000).request_id(&format!("00000000-0000-4000-8000-{n:012}"))
    });
    let replies = all_at_once(&world, &STATEMENT_LINE_UNMATCH, requests.collect()).await;
    let won = replies.iter().filter(|reply| reply.status == 200).count();
    let lost = |reply: &&Reply| matches!(reply.said(), (409, "line_not_matched" | "in_progress"));
    assert_eq!((won, replies.iter().filter(lost).count()), (1, 15), "{replies:?}");
    assert_eq!((names(&world), payment(&world, &payments[0]).await.text("/status")), (0, "handed_over"));
    // A minute ahead the desk's bucket was emptied; before that minute it still is.
    let again = matching(&world.pennco.settlement, &id, "m2", &[1], &[&payments[0]]).at(NOW_MILLIS + 120_000);
    assert_eq!(call(&world, &STATEMENT_LINE_MATCH, &again).await.status, 200);
}

#[tokio::test]
async fn a_match_that_made_a_payout_paid_is_never_taken_apart() {
    let world = World::new().await;
    let desk = &world.pennco.settlement;
    let payout = instructed(&world, &world.pennco, 150_000).await;
    let (told, _) = matched(&world, "k1", &[bank_row("UTR0000000001", "-1500.00", &payout)]).await;
    let request = unmatching(desk, told.text("/statement_id"), "u1", 1).at(NOW_MILLIS + 120_000);
    let refused = call(&world, &STATEMENT_LINE_UNMATCH, &request).await;
    assert_eq!((refused.said(), refused.text("/payout_id")), ((409, "paid_by_statement"), payout.as_str()));
    assert_eq!((names(&world), open_lines(&world).await.len()), (1, 0));
    assert_eq!(get(&world, desk, &payout).await.text("/statement/rule"), "end_to_end");
    assert_eq!(owed_and_bank(&world).await, (0, -150_000));
}

#[tokio::test]
async fn a_match_that_was_evidence_of_a_payout_is_taken_apart_and_the_payout_stays_paid() {
    let world = World::new().await;
    let desk = &world.pennco.settlement;
    let payout = instructed(&world, &world.pennco, 150_000).await;
    let by_hand = learn(&world, &payout, 1, &paid("UTR000000000001")).await;
    assert_eq!(by_hand.status, 200);
    for (round, reference) in ["UTR000000000001", "OTHER00000000002"].into_iter().enumerate() {
        let row = bank_row(reference, "-1500.00", &payout);
        let (told, _) = matched(&world, &format!("k{round}"), &[row]).await;
        assert_eq!(told.json["result"]["settled_payouts"], 1, "{reference}");
        let held = names(&world);
        let take_apart = async |key: &str| {
            let request = unmatching(desk, told.text("/statement_id"), key, 1).at(NOW_MILLIS + 120_000);
            call(&world, &STATEMENT_LINE_UNMATCH, &request).await
        };
        let apart = take_apart(&format!("u{round}")).await;
        assert_eq!((apart.status, apart.text("/payout_id")), (200, payout.as_str()), "{apart:?}");
        let line = &apart.json["lines"][0];
        assert_eq!((&line["why"], &line["nearest"][0]["id"]), (&json!("taken_apart"), &json!(payout)));
        assert_eq!(names(&world), held - round, "a payout keeps the name that it was recorded as paid by");
        let mut now = get(&world, desk, &payout).await.json;
        assert_eq!((&now["status"], &now["statement"]), (&json!("paid"), &Value::Null));
        now["version"] = by_hand.json["version"].clone();
        assert_eq!(now, by_hand.json, "what somebody recorded is as it was");
        let again = matching_payout(desk, told.text("/statement_id"), &format!("m{round}"), 1, &payout);
        assert_eq!(call(&world, &STATEMENT_LINE_MATCH, &again).await.status, 200);
        assert_eq!(take_apart(&format!("v{round}")).await.status, 200);
    }
    assert_eq!(owed_and_bank(&world).await, (0, -150_000), "booked once");
}

#[tokio::test]
async fn a_transfer_whose_match_is_taken_apart_can_be_shown_by_another_line() {
    let world = World::new().await;
    let desk = &world.pennco.settlement;
    let (id, _) = unmatched(&world, &["5.00", "5.00"], &[]).await;
    let fee = booked_at_bank(&world, "t1", -500).await;
    let matching = |key: &str, line: u32| matching_transfers(desk, &id, key, &[line], &[&fee]);
    for (round, line) in [(0, 1), (1, 2), (2, 1)] {
        let matched = call(&world, &STATEMENT_LINE_MATCH, &matching(&format!("m{round}"), line)).await;
        assert_eq!(matched.status, 200, "{matched:?}");
        let apart = take_apart(&world, &id, &format!("u{round}"), line).await;
        assert_eq!((apart.status, &apart.json["transfer_ids"]), (200, &json!([fee])), "{apart:?}");
        assert_eq!(apart.json["lines"][0]["nearest"][0]["id"], json!(fee));
        assert_eq!((names(&world), open_lines(&world).await.len()), (0, 2));
        let shown = transfer_get::get(&world, desk, &fee).await;
        assert_eq!(shown.json.get("statement"), None, "no line bears it out");
    }
}
