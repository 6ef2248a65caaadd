//! A lender's instruction is followed from four eyes to the bank's line, and what was done is there to be read and proven.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::{
    api::Answer,
    patience::{now, today, until},
    person::Person,
    stage::{OPERATOR, Stage},
    visits::{BORROWER, PARTNER, Round},
};

/// From this amount on a seeded operator's lenders need another person's word; paise.
const FOUR_EYES_MINOR: i64 = 95_000_000;

/// Above the band nothing moves before somebody else approves, and what is approved can be called off.
pub(crate) fn waits_for_four_eyes(stage: &Stage) {
    let (round, lender) = (Round::in_hassan(stage), stage.person(PARTNER, OPERATOR));
    let asked = instruct(&round, &lender, "MONEY-LARGE", FOUR_EYES_MINOR);
    let text = |name: &str| asked[name].as_str().expect("an id").to_owned();
    let (disbursement, approval) = (text("disbursement_id"), text("approval_id"));
    let before = now();
    let decide = |person: &Person, key: &str| {
        let body = json!({"decision": "approve", "reason": "agreed with the branch"});
        person.post(&format!("/api/v1/approvals/{approval}/decide"), key, &body)
    };
    let waiting = round.books.list("/api/v1/approvals?limit=100");
    assert!(waiting.iter().any(|one| one["approval_id"] == approval.as_str()), "{waiting:?}");
    decide(&lender, "own").must_be_problem(409, "own_approval");
    assert_eq!(status(&lender, &disbursement), "created");
    assert_eq!(decide(&round.books, "other").must_be(200)["status"], "approved");
    assert_eq!(status(&lender, &disbursement), "approved");
    let cancel = json!({"reason": "the borrower has moved away"});
    lender.post(&format!("/api/v1/disbursements/{disbursement}/cancel"), "cancel", &cancel).must_be(200);
    assert_eq!(status(&lender, &disbursement), "cancelled");
    decide(&round.books, "again").must_be_problem(409, "already_decided");

    // The audit is asked by the day of UTC, and midnight may have come.
    let days = BTreeSet::from([before, now()].map(|at| at.to_zoned(TimeZone::UTC).date()));
    let audit: Vec<Value> =
        days.iter().flat_map(|day| round.books.list(&format!("/api/v1/audit?limit=100&day={day}"))).collect();
    let done: Vec<_> = audit.iter().filter(|one| one["subject"] == approval.as_str()).collect();
    assert!(done.iter().any(|one| one["reason"] == "agreed with the branch"), "{done:?}");
    let called_off = audit.iter().find(|one| one["subject"] == disbursement.as_str() && one["status"] == 200);
    assert_eq!(called_off.expect("it is in the audit")["reason"], cancel["reason"]);
}

/// A large transfer by hand is booked when somebody else approves it, and not before.
pub(crate) fn is_moved_by_two(stage: &Stage) {
    let (books, admin) = (stage.person("settlement", OPERATOR), stage.person("admin", OPERATOR));
    let entry = |account: &str, minor: i64| json!({"account_id": account, "amount": inr(minor)});
    let entries = [entry("budget.stories", FOUR_EYES_MINOR), entry(&format!("vault.{OPERATOR}"), -FOUR_EYES_MINOR)];
    let transfer = json!({"kind": "budget", "entries": entries, "reason": "agreed with the board"});
    let asked = books.post("/api/v1/transfers", "by-two", &transfer).must_be(202);
    let text = |name: &str| asked[name].as_str().expect("an id").to_owned();
    let booked = format!("/api/v1/transfers/{}", text("subject_id"));
    books.get(&booked).must_be_problem(404, "unknown");
    let decide = |person: &Person| {
        let body = json!({"decision": "approve", "reason": "seen the minutes"});
        person.post(&format!("/api/v1/approvals/{}/decide", text("approval_id")), "by-two", &body)
    };
    decide(&books).must_be_problem(409, "own_approval");
    assert_eq!(decide(&admin).must_be(200)["status"], "approved");
    let transfer = books.get(&booked).must_be(200);
    assert_eq!((&transfer["approval_id"], &transfer["by"]), (&asked["approval_id"], &asked["maker"]["principal"]));
    assert_eq!(books.get("/api/v1/accounts/budget.stories").must_be(200)["balance"], inr(FOUR_EYES_MINOR));
    let back = json!({"reason": "the minutes were of last year"});
    let reversed = books.post(&format!("{booked}/reverse"), "by-two-back", &back).must_be(201);
    assert_eq!(books.get(&booked).must_be(200)["reversed_by"], reversed["transfer_id"]);
}

/// Cash that a borrower gave back is in the agent's account again, and the payment says why.
pub(crate) fn comes_back(stage: &Stage) {
    let (round, lender) = (Round::in_hassan(stage), stage.person(PARTNER, OPERATOR));
    let before = round.balances();
    let disbursement = hand_over(&round, &lender, "MONEY-BACK", 20_000);
    assert_eq!(round.balances(), before.after(-20_000));
    let path = format!("/api/v1/disbursements/{disbursement}/reverse");
    let why = json!({"reason": "the borrower gave it back"});
    let reversed = round.books.post(&path, "money-back", &why).must_be(200);
    assert_eq!((&reversed["status"], &reversed["reversal"]["reason"]), (&json!("reversed"), &why["reason"]));
    assert_eq!(status(&lender, &disbursement), "reversed");
    assert_eq!(round.balances(), before);
    round.books.post(&path, "money-back-twice", &why).must_be_problem(409, "illegal_transition");
}

/// Cash that a borrower has is found in the bank's statement, once; what is not in the books says why.
pub(crate) fn is_found_in_the_statement(stage: &Stage) {
    let (round, lender) = (Round::in_hassan(stage), stage.person(PARTNER, OPERATOR));
    let collected = round.visit("MONEY-IN", 400_000);
    round.confirm(&collected, "money-in").must_be(200);
    let disbursement = hand_over(&round, &lender, "MONEY-OUT", 150_000);

    let header = "bank_reference,value_date,amount,currency,narrative,end_to_end";
    let rows = format!("UTR-MONEY-1,{0},-1500.00,INR,,MONEY-OUT\nUTR-MONEY-2,{0},-777.77,INR,,NOBODY\n", today());
    let file = json!({"format": "csv", "account": "hdfc-current", "content": format!("{header}\n{rows}")});
    let received = hand_in(&round.books, "statement", &file).must_be(202);
    let path = format!("/api/v1/statements/{}", received["statement_id"].as_str().expect("an id"));
    let matched = until("the statement is matched", || {
        let statement = round.books.get(&path).must_be(200);
        (statement["status"] == "matched").then_some(statement)
    });
    assert_eq!(matched["result"]["settled_payments"], 1, "{matched}");
    assert_eq!(matched["result"]["by_rule"], json!({"end_to_end": 1}), "{matched}");
    assert_eq!(status(&lender, &disbursement), "reconciled");
    let report = stage.api.download(matched["result"]["report"]["url"].as_str().expect("a link"));
    let report: Value = serde_json::from_slice(&report).expect("the report is JSON");
    let [paid, stranger] = [0, 1].map(|line| &report["lines"][line]);
    assert_eq!(paid["match"]["disbursement_ids"], json!([disbursement]), "{paid}");
    assert_eq!((&stranger["status"], &stranger["why"]), (&json!("unmatched"), &json!("absent")), "{stranger}");
    hand_in(&round.books, "statement-again", &file).must_be_problem(409, "already_exists");
}

/// The closed day has its report once its settlements are booked, and every control of it holds.
pub(crate) fn is_reported_by_the_day(stage: &Stage) {
    let books = stage.person("settlement", OPERATOR);
    // The same command as in the settlement's own stories, if they were told.
    books.post("/api/v1/settlements", "close", &json!({"business_day": stage.day.to_string()})).must_be(202);
    let report = until("the day is reported", || {
        let day = books.get(&format!("/api/v1/day-closes/{}", stage.day)).must_be(200);
        (day["status"] == "reported").then_some(day)
    });
    assert_eq!(report["holds"], true, "{report}");
    assert!(!stage.api.download(report["table"]["url"].as_str().expect("a link")).is_empty());
}

/// What is booked is proven: a check of it all finds nothing, and a transfer says from when on its proof is there.
pub(crate) fn is_proven(stage: &Stage) {
    let round = Round::in_hassan(stage);
    let transfer = collect(&round, "MONEY-PROVEN");
    assert!(tick(stage, "LedgerSealQueue", "ledger-seal"), "every hour that is over is sealed");
    assert!(tick(stage, "InvariantCheckQueue", "invariant-check"), "everything holds");
    let proof = round.books.get("/api/v1/proof").must_be(200);
    assert_eq!((&proof["holds"], &proof["breach_count"]), (&json!(true), &json!(0)), "{proof}");
    let proven = round.books.get(&format!("/api/v1/ledger/proof?transfer_id={transfer}")).must_be(200);
    // The hour under way is sealed when it is over.
    assert_eq!(proven["status"], "waiting", "{proven}");
    assert!(proven["sealed_from"].as_str().is_some_and(|from| from > now().to_string().as_str()), "{proven}");
}

/// What somebody changes in the ledger behind the functions' back is named by the next check, until it is mended.
pub(crate) fn is_watched(stage: &Stage) {
    let round = Round::in_hassan(stage);
    let transfer = collect(&round, "MONEY-WATCHED");
    let key = json!({"pk": {"S": format!("{OPERATOR}#transfer#{transfer}")}, "sk": {"S": "transfer"}});
    let table = &stage.stack.ledger_table;
    let row = stage.aws.call("dynamodb", "DynamoDB_20120810.GetItem", &json!({"TableName": table, "Key": key}));
    let was = &row["Item"]["by"];
    assert!(was["S"].is_string(), "{row}");
    let write = |by: &Value| {
        let update = json!({
            "TableName": table, "Key": key, "UpdateExpression": "SET #by = :by",
            "ExpressionAttributeNames": {"#by": "by"}, "ExpressionAttributeValues": {":by": by},
        });
        stage.aws.call("dynamodb", "DynamoDB_20120810.UpdateItem", &update);
    };
    write(&json!({"S": "somebody else"}));
    let check = || tick(stage, "InvariantCheckQueue", "invariant-check");
    until("the change came through the stream and a check has named it", || (!check()).then_some(()));
    let proof = round.books.get("/api/v1/proof").must_be(200);
    let breaches = proof["breaches"].as_array().expect("a list");
    assert_eq!(breaches.len(), 1, "{proof}");
    assert_eq!(breaches[0]["invariant"], "V13");
    assert!(breaches[0]["subject"].as_str().is_some_and(|row| row.contains(&transfer)), "{proof}");
    write(was);
    assert!(check(), "it is as it was written");
    assert_eq!(round.books.get("/api/v1/proof").must_be(200)["holds"], true);
}

/// Sends a tick to a job; whether it was done.
fn tick(stage: &Stage, queue: &str, job: &str) -> bool {
    let sent = stage.queue(queue).send(&[json!({"tick": job}).to_string()]);
    stage.log.outcome(&sent[0])
}

/// Collects some cash; the transfer that booked it.
fn collect(round: &Round, reference: &str) -> String {
    let visit = round.visit(reference, 12_300);
    round.confirm(&visit, &reference.to_lowercase()).must_be(200);
    let entries = round.books.list(&format!("/api/v1/accounts/agent_cash.{}?limit=100", round.agent.subject));
    let entry = entries.iter().find(|entry| entry["delivery_id"] == visit.delivery_id.as_str());
    entry.expect("an entry of the visit")["transfer_id"].as_str().expect("an id").to_owned()
}

fn inr(amount_minor: i64) -> Value {
    json!({"amount_minor": amount_minor, "currency": "INR"})
}

fn instruct(round: &Round, lender: &Person, reference: &str, amount_minor: i64) -> Value {
    let [name, phone, address] = BORROWER;
    let instruction = json!({
        "reference": reference, "region": round.region, "amount": inr(amount_minor), "due": today().to_string(),
        "borrower": {"name": name, "phone": phone, "address": address},
    });
    lender.post("/api/v1/disbursements", &format!("take-{reference}"), &instruction).must_be(201)
}

/// A payment whose cash the borrower has; its id.
fn hand_over(round: &Round, lender: &Person, reference: &str, amount_minor: i64) -> String {
    let taken = instruct(round, lender, reference, amount_minor);
    let (disbursement, delivery) = (taken["disbursement_id"].as_str(), taken["delivery_id"].as_str());
    let (disbursement, delivery) = (disbursement.expect("an id"), delivery.expect("an id"));
    let key = reference.to_lowercase();
    let assign = json!({"agent_id": round.agent.subject});
    round.desk.post(&format!("/api/v1/deliveries/{delivery}/assign"), &key, &assign).must_be(200);
    let report = json!({
        "outcome": "confirmed", "amount": inr(amount_minor), "occurred_at": now().to_string(),
        "position": {"lat": 13.0, "lon": 76.1, "accuracy_metres": 9.5},
    });
    round.agent.post(&format!("/api/v1/deliveries/{delivery}/confirm"), &key, &report).must_be(200);
    assert_eq!(status(lender, disbursement), "handed_over");
    disbursement.to_owned()
}

fn status(person: &Person, disbursement_id: &str) -> String {
    let disbursement = person.get(&format!("/api/v1/disbursements/{disbursement_id}")).must_be(200);
    disbursement["status"].as_str().expect("a status").to_owned()
}

fn hand_in(desk: &Person, key: &str, file: &Value) -> Answer {
    desk.post("/api/v1/statements", key, file)
}
