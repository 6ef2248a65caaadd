//! What no function can work off ends in the dead-letter queue of its queue, alone, and holds up nobody.

use domain::{Event, EventId, OperatorName, Timestamp, event::Happened};

use super::events;
use crate::{
    line::Fate,
    patience::{now, until},
    stage::{OPERATOR, Stage},
    visits::{PARTNER, Round},
};

const POISON: &str = r#"{"this is": "no event"}"#;

/// Poison among good messages: it is parked, they are counted, once.
pub(crate) fn poison_is_parked_alone(stage: &Stage) {
    let round = Round::in_hassan(stage);
    let (queue, dead) = (stage.queue("ActivityQueue"), stage.queue("ActivityDeadLetters"));
    let before = round.counted(Happened::DeliveryFailed.as_str());
    let hurried = queue.hurried();
    let good: Vec<_> = ["first", "second", "third"].map(|name| failed_visit(&round, name)).into();
    queue.send(&[good[0].clone(), POISON.to_owned(), good[1].clone(), good[2].clone()]);
    until("the poison is parked", || (!dead.lying().is_empty()).then_some(()));
    drop(hurried);
    assert_eq!(dead.bodies(), [POISON], "the dead letters are exactly the poison");
    until("the good messages are counted", || {
        (round.counted(Happened::DeliveryFailed.as_str()) == before + 3).then_some(())
    });
}

/// The settlement queue is a FIFO: poison in one group stops that group, and then no longer.
pub(crate) fn poison_is_parked_in_order(stage: &Stage) {
    let (queue, dead) = (stage.queue("SettlementQueue"), stage.queue("SettlementDeadLetters"));
    let hurried = queue.hurried();
    queue.send_in_group(&format!("{OPERATOR}.{PARTNER}"), "poison", POISON);
    until("the poison is parked", || (!dead.lying().is_empty()).then_some(()));
    drop(hurried);
    assert_eq!(dead.bodies(), [POISON], "the dead letters are exactly the poison");
}

/// A message whose work was done, but whose function never heard so: it is parked, redriven, and adds nothing.
pub(crate) fn redriving_adds_nothing(stage: &Stage) {
    let round = Round::in_hassan(stage);
    let (queue, dead) = (stage.queue("ActivityQueue"), stage.queue("ActivityDeadLetters"));
    let (before, lying_before) = (round.counted(Happened::DeliveryFailed.as_str()), dead.bodies());
    let counted = failed_visit(&round, "counted and parked");
    let event: Event = serde_json::from_str(&counted).expect("an event");
    let deaf = stage.line.arm(Fate::Unheard, "TransactWriteItems", &[event.event_id.as_str()]);
    let hurried = queue.hurried();
    queue.send(std::slice::from_ref(&counted));
    assert_eq!(deaf.met().status, Some(200), "the first try was to be counted");
    let parked = until("the message is parked, though counted", || {
        dead.lying().into_iter().find(|message| message.body == counted)
    });
    drop((deaf, hurried));
    assert_eq!(round.counted(Happened::DeliveryFailed.as_str()), before + 1);

    // Redrive as docs/OPERATIONS.md has it: receive, send, delete.
    let redriven = queue.send(std::slice::from_ref(&parked.body));
    dead.delete(&parked);
    assert!(stage.log.outcome(&redriven[0]), "a message that was counted is done");
    assert_eq!(round.counted(Happened::DeliveryFailed.as_str()), before + 1, "redriving adds nothing");
    assert_eq!(dead.bodies(), lying_before, "what is left is the poison");
}

/// When all is told, every queue is empty, and every dead letter is one that a story has put there.
pub(crate) fn are_all_accounted_for(stage: &Stage) {
    for name in stage.stack.queues.keys() {
        let queue = stage.queue(name);
        if name.ends_with("Queue") {
            until(&format!("{name} is drained"), || (queue.depth() == 0).then_some(()));
            continue;
        }
        let expected = match name.as_str() {
            "ActivityDeadLetters" | "SettlementDeadLetters" => Some(POISON),
            "EventRelayPoison" => Some(events::LEFT_BEHIND),
            _ => None,
        };
        let lying = queue.bodies();
        let is_ours = |body: &String| expected.is_some_and(|text| body.contains(text));
        assert!(lying.len() <= 1 && lying.iter().all(is_ours), "{name} holds {lying:?}");
    }
}

/// An event of a kind that no other story makes.
fn failed_visit(round: &Round, name: &str) -> String {
    let at = Timestamp::from_millis(now().as_millisecond());
    let operator: OperatorName = OPERATOR.parse().expect("a name");
    let event = Event {
        event_id: EventId::mint(at, &[b"dead letters", name.as_bytes()]),
        happened: Happened::DeliveryFailed,
        version: 1,
        operator,
        at,
        region: Some(round.region.parse().expect("a name")),
        subject: format!("a visit for the story of the {name} message"),
        group: None,
    };
    serde_json::to_string(&event).expect("an event is JSON")
}
