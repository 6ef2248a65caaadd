//! Steps of a field day, each through its door: how tests get a visit or an instruction into a state.

use std::sync::Arc;

use domain::access::{
    DELIVERY_ASSIGN, DELIVERY_CONFIRM, DELIVERY_CREATE, DELIVERY_GET, DISBURSEMENT_CREATE, DISBURSEMENT_RECONCILE,
    LOCATION_RECORD, RESERVATION_CREATE, Route, SETTLEMENT_CREATE, STATEMENT_CREATE, TRANSFER_CREATE, TRANSFER_REVERSE,
};
use serde_json::{Value, json};
use testkit::{NOW_MILLIS, Office, Person, Reply, RestRequest, World};
use tokio::task::JoinSet;

use crate::door::call;

/// The day of the tests, in both UTC and the operators' zone.
pub(crate) const TODAY: &str = "2026-11-21";
/// An amount in rupees.
pub(crate) fn inr(amount_minor: i64) -> Value {
    json!({ "amount_minor": amount_minor, "currency": "INR" })
}

/// Somebody to visit.
pub(crate) fn borrower() -> Value {
    json!({ "name": "Sunita Pawar", "phone": "+919800000001", "address": "12 Laxmi Road, Pune" })
}

/// A collection to be planned.
pub(crate) fn collection(reference: &str, amount_minor: i64) -> Value {
    json!({ "kind": "collection", "partner_id": "bfil", "reference": reference, "region": "pune-north",
            "borrower": borrower(), "amount": inr(amount_minor), "due": TODAY })
}

/// An instruction to be taken.
pub(crate) fn instruction(reference: &str, amount_minor: i64) -> Value {
    json!({ "reference": reference, "region": "pune-north", "borrower": borrower(),
            "amount": inr(amount_minor), "due": TODAY })
}

/// A report that cash changed hands.
pub(crate) fn confirmed(amount_minor: i64) -> Value {
    json!({ "outcome": "confirmed", "amount": inr(amount_minor), "occurred_at": "2026-11-21T06:29:00.000Z",
            "position": { "lat": 18.52, "lon": 73.85, "accuracy_metres": 9.5 } })
}

/// A report that it did not.
pub(crate) fn failed(reason: &str) -> Value {
    json!({ "outcome": "failed", "reason": reason, "occurred_at": "2026-11-21T06:29:00.000Z" })
}

/// A line of a bank statement.
pub(crate) fn bank_line(reference: &str, amount_minor: i64) -> Value {
    json!({ "bank_reference": reference, "amount": inr(amount_minor), "value_date": TODAY })
}

/// A row of a statement of the day, for [`statement`]: minus is what leaves the account.
pub(crate) fn bank_row(reference: &str, amount: &str, end_to_end: &str) -> String {
    format!("{reference},{TODAY},{amount},INR,,{end_to_end}")
}

/// A bank's statement with these rows.
pub(crate) fn statement(rows: &[String]) -> Value {
    let content = format!("bank_reference,value_date,amount,currency,narrative,end_to_end\n{}\n", rows.join("\n"));
    json!({ "format": "csv", "account": "hdfc-current", "content": content })
}

/// A point of a track, so many seconds before now.
pub(crate) fn point(seconds_ago: i64, lat: f64) -> Value {
    let at = domain::Timestamp::from_millis(NOW_MILLIS).plus_seconds(-seconds_ago);
    json!({ "captured_at": at, "lat": lat, "lon": 73.85, "accuracy_metres": 12.0 })
}

/// A command of somebody under a key.
pub(crate) fn command(person: &Person, route: &Route, key: &str, body: &Value) -> RestRequest {
    person.asks(route).header("Idempotency-Key", key).json(body)
}

/// The report on a visit, as a request.
pub(crate) fn report(agent: &Person, delivery_id: &str, key: &str, body: &Value) -> RestRequest {
    command(agent, &DELIVERY_CONFIRM, key, body).path("delivery_id", delivery_id)
}

/// Sends a report on a visit.
pub(crate) async fn confirm(world: &World, agent: &Person, delivery_id: &str, key: &str, body: &Value) -> Reply {
    call(world, &DELIVERY_CONFIRM, &report(agent, delivery_id, key, body)).await
}

/// Plans a visit.
pub(crate) async fn plan(world: &World, person: &Person, key: &str, body: &Value) -> Reply {
    call(world, &DELIVERY_CREATE, &command(person, &DELIVERY_CREATE, key, body)).await
}

/// Gives a visit to an agent.
pub(crate) async fn assign(world: &World, desk: &Person, delivery_id: &str, agent: &Person, key: &str) -> Reply {
    let body = json!({ "agent_id": agent.subject() });
    let request = command(desk, &DELIVERY_ASSIGN, key, &body).path("delivery_id", delivery_id);
    call(world, &DELIVERY_ASSIGN, &request).await
}

/// Takes an instruction.
pub(crate) async fn instruct(world: &World, partner: &Person, key: &str, body: &Value) -> Reply {
    call(world, &DISBURSEMENT_CREATE, &command(partner, &DISBURSEMENT_CREATE, key, body)).await
}

/// Holds an instruction against a bank line.
pub(crate) async fn reconcile(world: &World, person: &Person, id: &str, key: &str, line: &Value) -> Reply {
    let request = command(person, &DISBURSEMENT_RECONCILE, key, line).path("disbursement_id", id);
    call(world, &DISBURSEMENT_RECONCILE, &request).await
}

/// Takes another operator on, with a business calendar; its settlement desk.
pub(crate) async fn newcomer(world: &World, name: &str, calendar: &Value) -> Person {
    let known = world.directory().operator(&world.pennco.operator).await.unwrap();
    let business_calendar = serde_json::from_value(calendar.clone()).unwrap();
    let known = domain::operator::Operator { operator: name.parse().unwrap(), business_calendar, ..known };
    world.directory().create_operator(&known).await.unwrap();
    let role = domain::Role::Settlement;
    world.person(domain::Caller::new(known.operator, role, format!("settlement of {name}"), vec![]))
}

/// Hands in a statement.
pub(crate) async fn hand_in(world: &World, person: &Person, key: &str, body: &Value) -> Reply {
    call(world, &STATEMENT_CREATE, &command(person, &STATEMENT_CREATE, key, body)).await
}

/// Relays every commit and matches every statement that waits; the ids of the messages that failed.
pub(crate) async fn match_statements(world: &World) -> Vec<String> {
    relay(world).await;
    let writer = world.statement_writer();
    let waiting = waiting(world, "statement.fifo");
    work_off("statement.fifo", &waiting, async |message| statement_match::handle(&writer, message).await).await
}

/// Closes a business day.
pub(crate) async fn close_day(world: &World, person: &Person, key: &str, day: &str) -> Reply {
    let body = json!({ "business_day": day });
    call(world, &SETTLEMENT_CREATE, &command(person, &SETTLEMENT_CREATE, key, &body)).await
}

/// An entry of a transfer.
pub(crate) fn entry(account_id: &str, amount_minor: i64) -> Value {
    json!({ "account_id": account_id, "amount": inr(amount_minor) })
}

/// A transfer of an amount from one account to another.
pub(crate) fn transfer(kind: &str, from: &str, to: &str, amount_minor: i64) -> Value {
    json!({ "kind": kind, "entries": [entry(to, amount_minor), entry(from, -amount_minor)], "reason": "as agreed" })
}

/// Moves money by hand.
pub(crate) async fn move_money(world: &World, person: &Person, key: &str, body: &Value) -> Reply {
    call(world, &TRANSFER_CREATE, &command(person, &TRANSFER_CREATE, key, body)).await
}

/// Takes a transfer back, as a request.
pub(crate) fn reversal(person: &Person, transfer_id: &str, key: &str) -> RestRequest {
    let body = json!({ "reason": "booked twice" });
    command(person, &TRANSFER_REVERSE, key, &body).path("transfer_id", transfer_id)
}

/// Takes a transfer back.
pub(crate) async fn reverse(world: &World, person: &Person, transfer_id: &str, key: &str) -> Reply {
    call(world, &TRANSFER_REVERSE, &reversal(person, transfer_id, key)).await
}

/// Money of an account to be held for the next hour.
pub(crate) fn held(account: &str, amount_minor: i64) -> Value {
    let expires_at = domain::Timestamp::from_millis(NOW_MILLIS).plus_seconds(3_600);
    json!({ "account_id": account, "amount": inr(amount_minor), "purpose": "bill 7", "expires_at": expires_at })
}

/// Holds money of an account.
pub(crate) async fn hold(world: &World, person: &Person, key: &str, body: &Value) -> Reply {
    call(world, &RESERVATION_CREATE, &command(person, &RESERVATION_CREATE, key, body)).await
}

/// Some reservation of an operator: of an agent's cash.
pub(crate) async fn reservation_of(world: &World, office: &Office) -> String {
    let hand = format!("agent_cash.{}", office.agents[0].subject());
    let reply = hold(world, &office.settlement, "reservation-of", &held(&hand, 100)).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    reply.text("/reservation_id").to_owned()
}

/// Some transfer of an operator: money for a budget.
pub(crate) async fn transfer_of(world: &World, office: &Office) -> String {
    let body = transfer("budget", &format!("vault.{}", office.operator), "budget.sms", 500);
    let reply = move_money(world, &office.settlement, "transfer-of", &body).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    reply.text("/transfer_id").to_owned()
}

/// Sends points of a track.
pub(crate) async fn record(world: &World, agent: &Person, points: &[Value]) -> Reply {
    let request = agent.asks(&LOCATION_RECORD).path("agent_id", agent.subject()).json(&json!({ "points": points }));
    call(world, &LOCATION_RECORD, &request).await
}

/// A visit as somebody sees it.
pub(crate) async fn visit(world: &World, person: &Person, delivery_id: &str) -> Reply {
    call(world, &DELIVERY_GET, &person.asks(&DELIVERY_GET).path("delivery_id", delivery_id)).await
}

/// A planned collection of the first region.
pub(crate) async fn planned(world: &World, office: &Office, reference: &str, amount_minor: i64) -> String {
    let key = format!("plan {reference}").replace(' ', "-");
    let reply = plan(world, &office.desk, &key, &collection(reference, amount_minor)).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    reply.text("/delivery_id").to_owned()
}

/// A collection that the first agent has.
pub(crate) async fn assigned(world: &World, office: &Office, reference: &str, amount_minor: i64) -> String {
    let id = planned(world, office, reference, amount_minor).await;
    let reply = assign(world, &office.desk, &id, &office.agents[0], &format!("assign-{reference}")).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    id
}

/// A disbursement that the first agent has: instruction and visit.
pub(crate) async fn reserved(world: &World, office: &Office, reference: &str, amount_minor: i64) -> (String, String) {
    let partner = &office.partners[0];
    let taken = instruct(world, partner, &format!("take-{reference}"), &instruction(reference, amount_minor)).await;
    assert_eq!(taken.status, 201, "{taken:?}");
    let (id, visit) = (taken.text("/disbursement_id").to_owned(), taken.text("/delivery_id").to_owned());
    let reply = assign(world, &office.desk, &visit, &office.agents[0], &format!("reserve-{reference}")).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    (id, visit)
}

/// The approval that a lender's instruction waits for.
pub(crate) async fn waiting_for_approval(world: &World, maker: &Person, reference: &str, amount_minor: i64) -> String {
    let taken = instruct(world, maker, &format!("ask-{reference}"), &instruction(reference, amount_minor)).await;
    assert_eq!((taken.status, taken.text("/status")), (201, "created"), "{taken:?}");
    taken.text("/approval_id").to_owned()
}

/// A disbursement whose cash the borrower has.
pub(crate) async fn handed_over(world: &World, office: &Office, reference: &str, amount_minor: i64) -> String {
    let (id, visit) = reserved(world, office, reference, amount_minor).await;
    let key = format!("hand-{reference}");
    let reply = confirm(world, &office.agents[0], &visit, &key, &confirmed(amount_minor)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    id
}

/// A collection whose cash the agent has.
pub(crate) async fn collected(world: &World, office: &Office, reference: &str, amount_minor: i64) -> String {
    let id = assigned(world, office, reference, amount_minor).await;
    let key = format!("collect-{reference}");
    let reply = confirm(world, &office.agents[0], &id, &key, &confirmed(amount_minor)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    id
}

/// All requests at once; their answers in the order they came.
pub(crate) async fn all_at_once(world: &Arc<World>, route: &'static Route, requests: Vec<RestRequest>) -> Vec<Reply> {
    let mut running = JoinSet::new();
    for request in requests {
        let world = Arc::clone(world);
        running.spawn(async move { call(&world, route, &request).await });
    }
    running.join_all().await
}

/// The commits of the records, as the stream hands them over: every one, again.
pub(crate) fn stream_of_commits(world: &World) -> Value {
    let commits = world.table.items(testkit::RECORDS).into_iter().filter(|item| item["sk"]["S"] == "commit");
    let records: Vec<_> = commits.map(|item| testkit::StreamRecord::insert(&item)).collect();
    testkit::stream_event(testkit::RECORDS, &records)
}

/// Follows every commit: its events are in their queues afterwards.
pub(crate) async fn relay(world: &World) {
    let (outbox, parking) = (world.outbox(), world.parking());
    let batch = stream_of_commits(world);
    edge::stream::follow_batch(event_relay::NAME, batch, &event_relay::handle, &outbox, &parking).await.unwrap();
}

/// What lies in a queue, as its consumer receives it.
pub(crate) fn waiting(world: &World, queue: &str) -> Vec<testkit::QueueMessage> {
    world.queues.sent_to(queue).iter().enumerate().map(|(n, sent)| sent.received(&format!("m-{n}"))).collect()
}

/// Whether a refused call must leave an item of the records as it was: all but how often somebody asked, and the refusals
/// that are kept as answers.
pub(crate) fn is_kept(item: &Value) -> bool {
    let status = item["status"]["N"].as_str().and_then(|status| status.parse::<u16>().ok());
    let is_refusal = item["sk"]["S"] == "commit" && status.is_some_and(|status| status >= 400);
    item["sk"]["S"] != "bucket" && !is_refusal
}

/// What lies in the records and the ledger that a refused call must leave as it was.
pub(crate) fn kept(world: &World) -> Vec<Value> {
    let records = world.table.items(testkit::RECORDS).into_iter().filter(is_kept);
    records.chain(world.table.items(testkit::LEDGER)).collect()
}

/// Works messages off as the queue door does; the ids of those that failed.
pub(crate) async fn work_off(
    queue: &str,
    messages: &[testkit::QueueMessage],
    work: impl AsyncFn(edge::queue::Message) -> Result<(), domain::Failed>,
) -> Vec<String> {
    let batch = testkit::QueueMessage::batch(queue, messages);
    let response = edge::queue::work_off("test", batch, async |message| work(edge::queue::read(message)?).await).await;
    response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
}

/// Relays every commit and reports every day that waits; the ids of messages that failed.
pub(crate) async fn report_days(world: &World) -> Vec<String> {
    relay(world).await;
    let writer = world.day_close_writer();
    let waiting = waiting(world, "day-close.fifo");
    work_off("day-close.fifo", &waiting, async |message| day_close_build::handle(&writer, message).await).await
}

/// Relays every commit and builds every settlement that waits.
pub(crate) async fn build_settlements(world: &World) -> Vec<String> {
    relay(world).await;
    let writer = world.settlement_writer();
    let waiting = waiting(world, "settlement.fifo");
    work_off("settlement.fifo", &waiting, async |message| settlement_build::handle(&writer, message).await).await
}
