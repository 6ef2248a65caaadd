//! The field hours: each agent looks at the list, walks, and settles with the borrower at the door.

use std::{panic::resume_unwind, thread};

use serde_json::{Value, json};

use crate::{
    caller::Caller,
    clock::{self, Clockwork},
    command,
    findings::Rule,
    lost::{self, Revoked},
    plan::{Batch, Ending, Exchange, Kind, Mistake, Officer, Ping, Plan},
    progress::{Progress, Stretch},
    renewals,
    rounds::{self, End, Round, Rounds, Visit},
    run::Run,
    shapes::{AccountPage, DeliveryItem, LocationBatch, Receipt, paise},
    team::{House, Team},
    track::{self, Walk},
    walls,
    wire::Ask,
};

/// What an agent does next.
#[derive(Debug, Clone, Copy)]
enum Next<'a> {
    Look,
    Walk(&'a Ping),
    Knock(usize),
    Renew(Exchange),
}

/// Visits that others have, for agents who try the wrong door.
#[derive(Debug, Clone)]
struct Door {
    delivery_id: String,
    officer: usize,
    operator: usize,
}

/// Lets every agent work the day, each in its own order, all at once, as busy as the hour is. Gives what was revoked.
pub(crate) fn work(run: &Run, team: &Team, plan: &Plan, rounds: &mut Rounds, progress: &Progress) -> Vec<Revoked> {
    let doors: Vec<Door> = rounds
        .visits()
        .map(|visit| Door { delivery_id: visit.delivery_id.clone(), officer: visit.officer, operator: visit.operator })
        .collect();
    let steps_of =
        |officer: &Officer| officer.stops.len() + officer.pings.len() + officer.looks.len() + officer.renewals.len();
    let steps = plan.officers.iter().map(steps_of).sum();
    let stretch = progress.stretch("field", steps);
    let clockwork = Clockwork::start(run.options.speed);
    run.meter.field(Some(clockwork));
    let revoked = thread::scope(|scope| {
        let mut shifts = Vec::new();
        for (at, (officer, round)) in plan.officers.iter().zip(&mut rounds.officers).enumerate() {
            let Some((agent, house)) = team.agent(plan, at) else { continue };
            let (doors, stretch) = (&doors, &stretch);
            shifts.push(scope.spawn(move || {
                Shift { run, agent, house, at, doors }.work(officer, round, clockwork, stretch);
                if officer.loses_phone { lost::lose(run, house, agent) } else { None }
            }));
        }
        let ended = shifts.into_iter().map(|shift| shift.join().unwrap_or_else(|panic| resume_unwind(panic)));
        ended.flatten().collect()
    });
    run.meter.field(None);
    revoked
}

/// One agent at work.
struct Shift<'a> {
    run: &'a Run<'a>,
    agent: &'a Caller,
    house: &'a House,
    at: usize,
    doors: &'a [Door],
}

impl Shift<'_> {
    fn work(&self, officer: &Officer, round: &mut Round, clockwork: Clockwork, stretch: &Stretch) {
        let mut agenda: Vec<(u32, Next)> = officer.looks.iter().map(|minute| (*minute, Next::Look)).collect();
        agenda.extend(officer.pings.iter().map(|ping| (ping.minute, Next::Walk(ping))));
        agenda.extend(round.visits.iter().enumerate().map(|(index, visit)| (visit.stop.minute, Next::Knock(index))));
        agenda.extend(officer.renewals.iter().map(|renewal| (renewal.minute, Next::Renew(renewal.exchange))));
        agenda.sort_by_key(|(minute, _)| *minute);
        for (minute, next) in agenda {
            clockwork.wait_for(minute);
            stretch.note(format!("{:02}:{:02}", minute / 60, minute % 60));
            match next {
                Next::Look => self.look(round),
                Next::Walk(ping) => self.walk(ping, round),
                Next::Knock(index) => self.knock(index, round),
                Next::Renew(exchange) => renewals::renew(self.run, self.agent, exchange),
            }
            stretch.step();
        }
    }

    /// The own list of today: every visit of this agent is on it, in the state it must be in.
    fn look(&self, round: &Round) {
        let path = format!("/deliveries?due={}&limit=100", self.run.today);
        let listed: Vec<DeliveryItem> = self.agent.list(self.run, "delivery-list", &path);
        for visit in round.visits.iter().filter(|visit| visit.assigned) {
            match listed.iter().find(|item| item.delivery_id == visit.delivery_id) {
                Some(item) if item.status == visit.status() => {}
                Some(item) => {
                    let what = format!("{} in the agent's list, must be {}", item.status, visit.status());
                    self.run.findings.add(Rule::V1, &visit.delivery_id, &what);
                }
                None => self.run.findings.add(Rule::V1, &visit.delivery_id, "is not in the agent's list"),
            }
        }
        self.only_own(&listed);
    }

    fn only_own(&self, listed: &[DeliveryItem]) {
        for door in self.doors.iter().filter(|door| door.officer != self.at) {
            if listed.iter().any(|item| item.delivery_id == door.delivery_id) {
                self.run.findings.add(
                    Rule::V11,
                    &self.agent.username,
                    &format!("sees {} of another agent", door.delivery_id),
                );
            }
        }
    }

    /// Sends a location batch; what the server says to each point must be right.
    fn walk(&self, ping: &Ping, round: &mut Round) {
        let walk = Walk::along(ping, self.agent.region(), clock::now());
        let path = format!("/agents/{}/location", self.agent.who.subject);
        let ask = Ask::post("location-record", &path, &walk.body());
        let subject = format!("location-record {} ({:?})", self.agent.username, ping.batch);
        let Ok(heard) = self.agent.ask(&self.run.wire, &ask) else {
            return self.run.findings.add(Rule::V1, &subject, "no answer");
        };
        if ping.batch == Batch::AllBad {
            let named =
                heard.answer.member("errors").and_then(|errors| errors.as_array().map(Vec::len)).unwrap_or_default();
            let right = (heard.answer.status, heard.answer.code().as_str(), named) == (422, "invalid", walk.len());
            if !right {
                let what = format!(
                    "must be 422 invalid with {} pointers, is {} with {named}",
                    walk.len(),
                    heard.answer.brief()
                );
                self.run.findings.add(Rule::Api, &subject, &what);
            }
            return self.run.findings.refused("a batch of bad points only", right);
        }
        if heard.answer.status != 202 {
            return self.run.findings.add(Rule::V1, &subject, &format!("must be 202, is {}", heard.answer.brief()));
        }
        let first: LocationBatch = match heard.answer.read() {
            Ok(first) => first,
            Err(wrong) => return self.run.findings.add(Rule::Api, &subject, &format!("unexpected shape: {wrong}")),
        };
        // A batch whose first answer was lost is answered as a duplicate; its verdicts say nothing then.
        if !heard.broke_before {
            let faults = walk.faults(&first);
            for fault in &faults {
                self.run.findings.add(Rule::Api, &subject, fault);
            }
            if matches!(ping.batch, Batch::Bad(_)) {
                self.run.findings.refused("a bad point among good ones", faults.is_empty());
            }
        }
        for at in walk.accepted() {
            self.run.meter.points.one();
            round.points.entry(clock::utc_day(at)).or_default().insert(at.as_millisecond());
            round.newest_position = round.newest_position.max(Some(at));
        }
        if ping.batch == Batch::SentTwice {
            self.walk_again(&ask, &first, &walk, &subject);
        }
    }

    /// The very same batch: the same batch id, nothing accepted.
    fn walk_again(&self, ask: &Ask, first: &LocationBatch, walk: &Walk, subject: &str) {
        let Ok(heard) = self.agent.ask(&self.run.wire, ask) else { return };
        match heard.answer.read::<LocationBatch>() {
            Ok(second) => {
                let all = u64::try_from(walk.len()).unwrap_or_default();
                if second.batch_id != first.batch_id || second.accepted != 0 || second.duplicate != all {
                    let what = format!(
                        "sent twice: {} then {}, the second with {} accepted and {} duplicate of {all}",
                        first.batch_id, second.batch_id, second.accepted, second.duplicate
                    );
                    self.run.findings.add(Rule::V2, subject, &what);
                }
            }
            Err(_) => self.run.findings.add(Rule::V2, subject, &format!("sent twice: {}", heard.answer.brief())),
        }
    }

    /// At the door.
    fn knock(&self, index: usize, round: &mut Round) {
        let Some(visit) = round.visits.get(index).filter(|visit| visit.assigned).cloned() else { return };
        if visit.stop.looked_up
            && let Some(delivery) = rounds::look(self.run, self.agent, &visit.delivery_id)
            && delivery.status != visit.status()
        {
            let what = format!("{} when the agent looks, must be {}", delivery.status, visit.status());
            self.run.findings.add(Rule::V1, &visit.delivery_id, &what);
        }
        let mut ending = visit.stop.ending;
        let impossible = self.impossible(&visit, ending, round);
        // Which of two refusals comes first is not promised: a wrong amount is tried only where the purse is not in the way.
        let wrong_amount = matches!(visit.stop.mistake, Some(Mistake::OverDue | Mistake::AmountDiffers));
        if let Some(mistake) = visit.stop.mistake.filter(|_| impossible.is_none() || !wrong_amount) {
            self.err_at_the_door(&visit, mistake, round);
        }
        // What the purse cannot do is refused, and the visit fails for that reason.
        if let Some(code) = impossible {
            let right = self.try_refused(&visit, &conclusion(self.run, &visit, ending), (409, code), round);
            self.run.findings.refused("cash the purse does not allow", right);
            ending = Ending::Failed(if code == "insufficient_cash" { "insufficient_cash" } else { "other" });
        }
        let end = self.conclude(&visit, ending);
        if let Some(visit) = round.visits.get_mut(index) {
            visit.end = end;
            round.cash_minor += visit.cash_minor();
        }
        let Some(visit) = round.visits.get(index).filter(|visit| visit.end.is_some()) else { return };
        if visit.stop.mistake == Some(Mistake::ConcludedTwice) {
            let wanted = (409, "illegal_transition");
            let right = self.try_refused(visit, &conclusion(self.run, visit, ending), wanted, round);
            self.run.findings.refused("a visit concluded twice", right);
        }
    }

    fn impossible(&self, visit: &Visit, ending: Ending, round: &Round) -> Option<&'static str> {
        let amount = match ending {
            Ending::Full => visit.stop.amount_minor,
            Ending::Part(amount) => amount,
            Ending::Failed(_) => return None,
        };
        match visit.stop.kind {
            Kind::Disbursement if round.cash_minor < amount => Some("insufficient_cash"),
            Kind::Collection if round.cap_minor.saturating_sub(round.cash_minor) < amount => Some("cash_cap_exceeded"),
            Kind::Collection | Kind::Disbursement => None,
        }
    }

    fn err_at_the_door(&self, visit: &Visit, mistake: Mistake, round: &Round) {
        let amount = visit.stop.amount_minor;
        let refuse = |amount, wanted, name| {
            let right = self.try_refused(visit, &conclusion(self.run, visit, Ending::Part(amount)), wanted, round);
            self.run.findings.refused(name, right);
        };
        match mistake {
            Mistake::OverDue => refuse(amount + 1, (422, "amount_exceeds_due"), "more than is due"),
            Mistake::AmountDiffers => refuse(amount - 1, (422, "amount_differs"), "not the instructed amount"),
            Mistake::OverCap => refuse(amount, (409, "cash_cap_exceeded"), "over the cash cap"),
            Mistake::ShortOfCash => refuse(amount, (409, "insufficient_cash"), "more than the cash in hand"),
            Mistake::StrangersDelivery => {
                let theirs = |door: &&Door| door.operator == visit.operator && door.officer != self.at;
                if let Some(door) = self.doors.iter().find(theirs) {
                    let right = self.wrong_door(visit, door, Rule::Api);
                    self.run.findings.refused("another agent's delivery", right);
                }
            }
            Mistake::WrongOperator => {
                if let Some(door) = self.doors.iter().find(|door| door.operator != visit.operator) {
                    let right = self.wrong_door(visit, door, Rule::V11);
                    self.run.findings.refused("another operator's delivery", right);
                }
            }
            Mistake::ReferenceTaken
            | Mistake::KeyReused
            | Mistake::OtherRegion
            | Mistake::SecondAssign
            | Mistake::DesksAtOnce
            | Mistake::ConcludedTwice
            | Mistake::EarlyBankLine => {}
        }
    }

    /// Tries to read and to conclude a visit that is not the agent's: both are 404, as for one that does not exist.
    fn wrong_door(&self, visit: &Visit, door: &Door, rule: Rule) -> bool {
        let body = conclusion(self.run, visit, visit.stop.ending);
        let read = walls::as_unknown(self.run, self.agent, rule, &door.delivery_id, |id| {
            Ask::get("delivery-get", &format!("/deliveries/{id}"))
        });
        let confirm = walls::as_unknown(self.run, self.agent, rule, &door.delivery_id, |id| {
            Ask::post("delivery-confirm", &format!("/deliveries/{id}/confirm"), &body).key(&self.run.next_key())
        });
        read && confirm
    }

    /// A conclusion that must be refused, leaving visit and purse as they were.
    fn try_refused(&self, visit: &Visit, body: &Value, wanted: (u16, &str), round: &Round) -> bool {
        let path = format!("{}/confirm", visit.path());
        let before = rounds::look(self.run, self.agent, &visit.delivery_id).map(|delivery| delivery.version);
        let (right, answer) = command::refused(self.run, self.agent, "delivery-confirm", &path, body, wanted);
        let listed = wanted.1 != "illegal_transition"
            || command::lists_legal_moves(self.run, "delivery-confirm", answer.as_ref());
        let still = rounds::unchanged(self.run, self.agent, visit, before);
        let account = format!("/accounts/agent_cash.{}?limit=1", self.agent.who.subject);
        let cash = self
            .agent
            .get::<AccountPage>(self.run, "account-get", &account)
            .map(|account| account.balance.amount_minor);
        if cash != Some(round.cash_minor) {
            let what = format!("{wanted:?} left cash {cash:?}, must be {}", round.cash_minor);
            self.run.findings.add(Rule::V2, &visit.delivery_id, &what);
        }
        right && listed && still && cash == Some(round.cash_minor)
    }

    /// Confirms or fails the visit on whatever line there is; the receipt must say what happened.
    fn conclude(&self, visit: &Visit, ending: Ending) -> Option<End> {
        let (run, id) = (self.run, visit.delivery_id.as_str());
        let path = format!("{}/confirm", visit.path());
        let told = command::send(
            run,
            self.agent,
            "delivery-confirm",
            &path,
            &conclusion(run, visit, ending),
            visit.stop.concluded,
        )?;
        if told.answer.status != 200 {
            run.findings.add(Rule::V1, id, &format!("confirm must be 200, is {}", told.answer.brief()));
            return None;
        }
        let receipt: Receipt = match told.answer.read() {
            Ok(receipt) => receipt,
            Err(wrong) => {
                run.findings.add(Rule::Api, "delivery-confirm", &format!("unexpected shape: {wrong}"));
                return None;
            }
        };
        let amount = match ending {
            Ending::Full => Some(visit.stop.amount_minor),
            Ending::Part(amount) => Some(amount),
            Ending::Failed(_) => None,
        };
        let status = if amount.is_some() { "confirmed" } else { "failed" };
        if (receipt.delivery_id.as_str(), receipt.status.as_str(), receipt.kind.as_str())
            != (id, status, visit.stop.kind.name())
        {
            run.findings.add(Rule::V1, id, &format!("the receipt says {} {}", receipt.kind, receipt.status));
        }
        run.tally.event(&self.house.operator, if amount.is_some() { "delivery.confirmed" } else { "delivery.failed" });
        let Some(amount_minor) = amount else {
            if let Ending::Failed(reason) = ending
                && receipt.reason.as_deref() != Some(reason)
            {
                run.findings.add(Rule::V1, id, &format!("failed for {reason}, the receipt says {:?}", receipt.reason));
            }
            if receipt.transfer_id.is_some() {
                run.findings.add(Rule::V2, id, "a failed visit moved money");
            }
            if visit.disbursement_id.is_some() {
                run.tally.event(&self.house.operator, "payout failed");
            }
            return Some(End::Failed);
        };
        let said = receipt.amount.map(|amount| (amount.amount_minor, amount.currency));
        if said != Some((amount_minor, "INR".to_owned())) {
            run.findings.add(Rule::V1, id, &format!("{amount_minor} paise changed hands, the receipt says {said:?}"));
        }
        let Some(transfer_id) = receipt.transfer_id else {
            run.findings.add(Rule::V1, id, "confirmed, but the receipt names no transfer");
            return Some(End::Confirmed { amount_minor, transfer_id: String::new() });
        };
        Some(End::Confirmed { amount_minor, transfer_id })
    }
}

/// What the phone reports; the same visit is always reported from the same place.
fn conclusion(run: &Run, visit: &Visit, ending: Ending) -> Value {
    use sha2::{Digest, Sha256};
    let occurred_at = clock::stamp(clock::shifted(clock::now(), -1_500));
    let position = track::position(&visit.region, visit.stop.number);
    let amount = match ending {
        Ending::Failed(reason) => {
            return json!({"outcome": "failed", "reason": reason, "occurred_at": occurred_at, "position": position});
        }
        Ending::Full => visit.stop.amount_minor,
        Ending::Part(amount) => amount,
    };
    let photo = Sha256::digest(format!("{} {}", run.id, visit.delivery_id));
    json!({
        "outcome": "confirmed", "amount": paise(amount), "occurred_at": occurred_at, "position": position,
        "proof_sha256": crate::settlement_file::hex(&photo),
    })
}
