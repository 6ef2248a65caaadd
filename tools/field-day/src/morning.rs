//! The morning at the desk: partners instruct, the desk assigns; some references are taken, some desks are too late.

use std::thread;

use serde_json::{Value, json};

use crate::{
    caller::Caller,
    clock, command, crew,
    findings::Rule,
    plan::{Fate, Kind, Mistake, Plan, Stop},
    progress::Progress,
    rounds::{self, Round, Rounds, Visit},
    run::Run,
    shapes::{AccountPage, AgentItem, Delivery, Disbursement, paise},
    team::{House, Team},
    wire::Ask,
};

const BORROWERS: [&str; 10] = [
    "Asha Kale",
    "Meena Pawar",
    "सुनीता जाधव",
    "Rekha Shinde",
    "Lata More",
    "Savita Gaikwad",
    "Kavita Bhosale",
    "Anita D'Souza",
    "Shobha Kamble",
    "Farida Shaikh",
];

/// Instructs and assigns every visit of the plan, and counts every agent's cash before the day.
pub(crate) fn prepare(run: &Run, team: &Team, plan: &Plan, progress: &Progress) -> Rounds {
    let mut rounds = Rounds::default();
    let officers: Vec<usize> = (0..plan.officers.len()).collect();
    rounds.officers = crew::each(run.options.concurrency, &officers, |officer| purse(run, team, *officer));
    caps(run, team, plan, &mut rounds);

    let stops: Vec<(usize, &Stop)> = plan
        .officers
        .iter()
        .enumerate()
        .flat_map(|(at, officer)| officer.stops.iter().map(move |stop| (at, stop)))
        .collect();
    let stretch = progress.stretch("morning", stops.len());
    let visits = crew::each(run.options.concurrency, &stops, |(officer, stop)| {
        let visit = instruct(run, team, plan, *officer, stop);
        stretch.step();
        visit
    });
    for visit in visits.into_iter().flatten() {
        if let Some(round) = rounds.officers.get_mut(visit.officer) {
            round.visits.push(visit);
        }
    }
    rounds
}

/// The agent reads the own cash account.
fn purse(run: &Run, team: &Team, officer: usize) -> Round {
    let cash = team.agents.get(officer).and_then(|agent| {
        let path = format!("/accounts/agent_cash.{}?limit=1", agent.who.subject);
        agent.get::<AccountPage>(run, "account-get", &path)
    });
    Round {
        cash_minor: cash.map_or(0, |account| account.balance.amount_minor),
        cap_minor: i64::MAX,
        ..Round::default()
    }
}

/// The desk reads everybody's cap, last position and cash, region by region.
fn caps(run: &Run, team: &Team, plan: &Plan, rounds: &mut Rounds) {
    for (at, house) in team.houses.iter().enumerate() {
        let items: Vec<AgentItem> = house
            .regions
            .iter()
            .flat_map(|region| house.admin.list(run, "agent-list", &format!("/agents?region={region}&limit=100")))
            .collect();
        let ours = plan.officers.iter().zip(&team.agents).zip(&mut rounds.officers);
        for ((_, agent), round) in ours.filter(|((officer, _), _)| officer.operator == at) {
            let Some(item) = items.iter().find(|item| item.agent_id == agent.who.subject) else {
                run.findings.add(Rule::V1, &agent.username, "is in no region's list of agents");
                continue;
            };
            round.cap_minor = item.cash_cap.amount_minor;
            round.newest_position = item.position.as_ref().map(|position| position.captured_at);
            if item.cash_in_hand.amount_minor != round.cash_minor {
                let what = format!(
                    "cash in hand {} in the list, {} in the account",
                    item.cash_in_hand.amount_minor, round.cash_minor
                );
                run.findings.add(Rule::V5, &agent.username, &what);
            }
        }
    }
}

fn instruct(run: &Run, team: &Team, plan: &Plan, officer: usize, stop: &Stop) -> Option<Visit> {
    let (agent, house) = team.agent(plan, officer)?;
    let partner = house.partners.get(stop.partner)?;
    let letter = if stop.kind == Kind::Collection { 'C' } else { 'D' };
    let reference = format!("FD-{}-{letter}-{}", run.id, stop.number);
    let body = instruction(run, stop, agent.region(), &reference);
    let (endpoint, path) = match stop.kind {
        Kind::Collection => ("delivery-create", "/deliveries"),
        Kind::Disbursement => ("disbursement-create", "/disbursements"),
    };
    let asked = clock::tick();
    let told = command::send(run, partner, endpoint, path, &body, stop.created)?;
    if told.answer.status != 201 {
        run.findings.add(Rule::V1, endpoint, &format!("{reference}: must be 201, is {}", told.answer.brief()));
        return None;
    }
    let (delivery_id, disbursement_id) = match stop.kind {
        Kind::Collection => {
            let created: Delivery = read(run, endpoint, told.answer.read())?;
            if !told.answer.replayed {
                run.sightings.saw(&created.delivery_id, &created.status, created.version, asked);
            }
            run.tally.event(&house.operator, "delivery.created");
            (created.delivery_id, None)
        }
        Kind::Disbursement => {
            let created: Disbursement = read(run, endpoint, told.answer.read())?;
            if !told.answer.replayed {
                run.sightings.saw(&created.disbursement_id, &created.status, created.version, asked);
            }
            run.tally.event(&house.operator, "disbursement.created");
            (created.delivery_id, Some(created.disbursement_id))
        }
    };
    let mut visit = Visit {
        stop: stop.clone(),
        officer,
        operator: plan.officers.get(officer)?.operator,
        region: agent.region().to_owned(),
        reference,
        delivery_id,
        disbursement_id,
        assigned: false,
        end: None,
        payout: None,
    };
    if let Some(mistake) = stop.mistake {
        err_before(run, team, house, partner, &visit, mistake, &Ask::post(endpoint, path, &body).key(&told.key));
    }
    visit.assigned = if stop.mistake == Some(Mistake::DesksAtOnce) {
        two_desks(run, house, agent, &visit)
    } else {
        assign(run, house, agent, &visit)
    };
    if stop.mistake == Some(Mistake::SecondAssign) && visit.assigned {
        let body = json!({"agent_id": agent.who.subject});
        let path = format!("{}/assign", visit.path());
        let (right, answer) =
            command::refused(run, &house.desk, "delivery-assign", &path, &body, (409, "illegal_transition"));
        let listed = command::lists_legal_moves(run, "delivery-assign", answer.as_ref());
        run.findings.refused("a second assign", right && listed && rounds::unchanged(run, &house.desk, &visit, None));
    }
    Some(visit)
}

fn instruction(run: &Run, stop: &Stop, region: &str, reference: &str) -> Value {
    let name = BORROWERS.get(stop.number % BORROWERS.len()).copied().unwrap_or("Asha Kale");
    // One address in forty begins as a spreadsheet formula does; exports must defuse it.
    let sign = if stop.number % 40 == 1 { "=" } else { "" };
    let mut body = json!({
        "reference": reference,
        "region": region,
        "borrower": {
            "name": name,
            "phone": format!("+9198{:08}", stop.number % 100_000_000),
            "address": format!("{sign}{} Peth Road", stop.number),
        },
        "amount": paise(stop.amount_minor),
        "due": run.today.to_string(),
    });
    if let (Kind::Collection, Some(members)) = (stop.kind, body.as_object_mut()) {
        members.insert("kind".to_owned(), json!("collection"));
    }
    body
}

fn assign(run: &Run, house: &House, agent: &Caller, visit: &Visit) -> bool {
    let asked = clock::tick();
    let (path, body) = (format!("{}/assign", visit.path()), json!({"agent_id": agent.who.subject}));
    let Some(told) = command::send(run, &house.desk, "delivery-assign", &path, &body, visit.stop.assigned) else {
        return false;
    };
    if told.answer.status != 200 {
        run.findings.add(Rule::V1, &visit.delivery_id, &format!("assign must be 200, is {}", told.answer.brief()));
        return false;
    }
    run.tally.event(&house.operator, "delivery.assigned");
    if let Some(delivery) = read::<Delivery>(run, "delivery-assign", told.answer.read()) {
        if !told.answer.replayed {
            run.sightings.saw(&delivery.delivery_id, &delivery.status, delivery.version, asked);
        }
        if delivery.status != "assigned" || delivery.agent_id.as_deref() != Some(agent.who.subject.as_str()) {
            run.findings.add(Rule::V1, &visit.delivery_id, "assigned, but the answer does not say so");
        }
    }
    true
}

/// The desk and the admin assign at the same moment: one wins, the other is told that it is too late.
fn two_desks(run: &Run, house: &House, agent: &Caller, visit: &Visit) -> bool {
    let (path, body) = (format!("{}/assign", visit.path()), json!({"agent_id": agent.who.subject}));
    let assign = |caller: &Caller| command::send(run, caller, "delivery-assign", &path, &body, Fate::Clean);
    let (one, other) = thread::scope(|scope| {
        let other = scope.spawn(|| assign(&house.admin));
        (assign(&house.desk), other.join().ok().flatten())
    });
    let answers: Vec<_> = [one, other].into_iter().flatten().map(|told| told.answer).collect();
    let won = answers.iter().filter(|answer| answer.status == 200).count();
    let late = answers.iter().filter(|answer| answer.status == 409 && answer.code() == "illegal_transition").count();
    if (won, late) != (1, 1) {
        let briefs: Vec<String> = answers.iter().map(crate::wire::Answer::brief).collect();
        run.findings.add(Rule::V2, &visit.delivery_id, &format!("two desks at once: {}", briefs.join(" and ")));
    }
    for _ in 0..won {
        run.tally.event(&house.operator, "delivery.assigned");
    }
    run.findings.refused("two desks at once", (won, late) == (1, 1));
    won > 0
}

/// The mistakes that are made before anybody is assigned.
fn err_before(run: &Run, team: &Team, house: &House, partner: &Caller, visit: &Visit, mistake: Mistake, created: &Ask) {
    match mistake {
        Mistake::ReferenceTaken => {
            let body: Value =
                created.body.as_deref().and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
            let (right, answer) =
                command::refused(run, partner, created.endpoint, &created.path, &body, (409, "already_exists"));
            let holder =
                answer.and_then(|answer| answer.member("existing_id")).and_then(|id| id.as_str().map(str::to_owned));
            let named =
                holder.is_some() && (holder == visit.disbursement_id || holder.as_ref() == Some(&visit.delivery_id));
            if right && !named {
                run.findings.add(Rule::Api, created.endpoint, "already_exists does not name the holder in existing_id");
            }
            run.findings.refused("a reference that is taken", right && named);
        }
        Mistake::KeyReused => {
            let mut body: Value =
                created.body.as_deref().and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
            if let Some(amount) = body.pointer_mut("/amount") {
                *amount = paise(visit.stop.amount_minor + 100);
            }
            let ask = Ask { body: Some(body.to_string().into_bytes()), ..created.clone() };
            let Ok(heard) = partner.ask(&run.wire, &ask) else { return };
            let right = (heard.answer.status, heard.answer.code().as_str()) == (422, "idempotency_key_reused");
            let pointers: Vec<String> = heard
                .answer
                .member("errors")
                .and_then(|errors| {
                    Some(
                        errors
                            .as_array()?
                            .iter()
                            .filter_map(|error| Some(error.get("pointer")?.as_str()?.to_owned()))
                            .collect(),
                    )
                })
                .unwrap_or_default();
            let named = pointers == ["/amount/amount_minor"];
            if !right || !named {
                let what = format!("a key with another amount: {} naming {pointers:?}", heard.answer.brief());
                run.findings.add(Rule::Api, created.endpoint, &what);
            }
            run.findings.refused(
                "a key used for another body",
                right && named && rounds::unchanged(run, &house.desk, visit, None),
            );
        }
        Mistake::OtherRegion => {
            let elsewhere = |other: &&Caller| other.who.operator == house.operator && other.region() != visit.region;
            let Some(other) = team.agents.iter().find(elsewhere) else { return };
            let (path, body) = (format!("{}/assign", visit.path()), json!({"agent_id": other.who.subject}));
            let (right, _) =
                command::refused(run, &house.admin, "delivery-assign", &path, &body, (422, "agent_not_in_region"));
            run.findings
                .refused("an agent of another region", right && rounds::unchanged(run, &house.desk, visit, None));
        }
        Mistake::EarlyBankLine => {
            let Some(id) = &visit.disbursement_id else { return };
            let body = json!({"bank_reference": run.next_bank_reference(), "amount": paise(visit.stop.amount_minor),
                "value_date": run.today.to_string()});
            let path = format!("/disbursements/{id}/reconcile");
            let wanted = (409, "illegal_transition");
            let (right, answer) =
                command::refused(run, &house.settlement, "disbursement-reconcile", &path, &body, wanted);
            let listed = command::lists_legal_moves(run, "disbursement-reconcile", answer.as_ref());
            let still =
                rounds::look_payout(run, &house.settlement, id).is_some_and(|payout| payout.status == "approved");
            run.findings.refused("a bank line before the hand-over", right && listed && still);
        }
        Mistake::OverDue
        | Mistake::AmountDiffers
        | Mistake::OverCap
        | Mistake::ShortOfCash
        | Mistake::SecondAssign
        | Mistake::DesksAtOnce
        | Mistake::ConcludedTwice
        | Mistake::StrangersDelivery
        | Mistake::WrongOperator => {}
    }
}

fn read<T>(run: &Run, endpoint: &str, read: Result<T, serde_json::Error>) -> Option<T> {
    read.inspect_err(|wrong| run.findings.add(Rule::Api, endpoint, &format!("unexpected shape: {wrong}"))).ok()
}
