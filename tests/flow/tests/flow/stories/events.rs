//! Events: each reaches its consumer and counts once, whatever becomes of the messages on the way.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    line::Fate,
    patience::{now, until},
    stage::Stage,
    visits::Round,
};

/// How old a commit must be before the sweep takes its event for lost, in seconds.
const SWEEP_BOUND_SECONDS: i64 = 60;
/// Reference of the visit, and key of the confirm, whose event is left behind in one story and swept up in a later one.
pub(super) const LEFT_BEHIND: &str = "left-behind";

/// The message of a relayed event, five times more.
pub(crate) fn delivered_again(stage: &Stage) {
    let round = Round::in_hassan(stage);
    let visit = round.visit("delivered-again", 40_000);
    let listening = stage.line.arm(Fate::Pass, "SendMessageBatch", &["delivery.confirmed", &visit.delivery_id]);
    round.confirm(&visit, "confirm-delivered-again").must_be(200);
    let message = message_with(&listening.met().request, &visit.delivery_id);
    let counted = round.until_all_are_counted();
    for id in stage.queue("ActivityQueue").send(&vec![message; 5]) {
        assert!(stage.log.outcome(&id), "a message seen before is done");
    }
    assert_eq!(round.counted("delivery.confirmed"), counted, "an event counts once");
}

/// The relay's queues do not answer: the event is parked and stays in the outbox, the stream goes on.
pub(crate) fn left_behind(stage: &Stage) {
    let round = Round::in_mysuru(stage);
    let (lost, next) = (round.visit(LEFT_BEHIND, 20_000), round.visit("right-behind", 10_000));
    let cut = stage.line.arm(Fate::Cut, "SendMessageBatch", &["delivery.confirmed", &lost.delivery_id]);
    round.confirm(&lost, LEFT_BEHIND).must_be(200);
    cut.met();
    round.confirm(&next, "confirm-right-behind").must_be(200);
    let parked = stage.queue("EventRelayPoison");
    until("the relay parks what it could not send", || {
        parked.lying().iter().any(|record| record.body.contains(&lost.delivery_id)).then_some(())
    });
    until("the next event passes by", || (round.counted("delivery.confirmed") == 1).then_some(()));
    assert_eq!(round.confirmed(), 2, "both visits are confirmed, one is not counted");
}

/// The sweep finds what was left behind, once it is old enough, and once only.
pub(crate) fn swept_up(stage: &Stage) {
    let round = Round::in_mysuru(stage);
    let confirmed = round.desk.list(&format!("/api/v1/deliveries?region={}&status=confirmed&limit=100", round.region));
    let youngest = confirmed.iter().map(|visit| confirmed_at(&round, visit)).max().expect("events were left behind");
    until("the event is old enough to have been missed", || {
        (now().duration_since(youngest).as_secs() > SWEEP_BOUND_SECONDS).then_some(())
    });
    let sweep = || stage.queue("EventSweepQueue").send(&[json!({"tick": "event-sweep"}).to_string()]);
    assert!(stage.log.outcome(&sweep()[0]), "the sweep is done");
    assert_eq!(round.until_all_are_counted(), 2);
    assert!(stage.log.outcome(&sweep()[0]), "the second sweep is done");
    assert_eq!(round.counted("delivery.confirmed"), 2, "a second sweep finds nothing");
    let parked = stage.queue("EventRelayPoison").lying();
    assert_eq!(parked.len(), 1, "the relay parked what it could not send, and nothing else: {parked:?}");
}

fn confirmed_at(round: &Round, visit: &Value) -> Timestamp {
    let id = visit["delivery_id"].as_str().expect("an id");
    let delivery = round.desk.get(&format!("/api/v1/deliveries/{id}")).must_be(200);
    delivery["conclusion"]["received_at"].as_str().expect("a moment").parse().expect("a moment")
}

/// The message about something, from among those that were sent together.
pub(super) fn message_with(batch: &str, text: &str) -> String {
    let batch: Value = serde_json::from_str(batch).expect("a batch is JSON");
    let entries = batch["Entries"].as_array().expect("a batch has entries").iter();
    let mut bodies = entries.filter_map(|entry| entry["MessageBody"].as_str());
    bodies.find(|body| body.contains(text)).expect("the message is in the batch").to_owned()
}
