//! The checker: walks everything this run did, over the public API, and names what does not hold.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    books::Books,
    clock,
    close::{Closed, Settled},
    crew,
    findings::Rule,
    plan::Plan,
    progress::Progress,
    rounds::{self, End, Rounds, Visit},
    run::Run,
    shapes::{Activity, AgentItem, Delivery, DeliveryItem, Entry},
    tally::{self, Counts},
    team::{House, Team},
};

/// What the checker looked at.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// By operator: the sum of all balances.
    pub(crate) trial_balances: BTreeMap<String, BTreeMap<String, i64>>,
    pub(crate) accounts: usize,
    pub(crate) entries: usize,
    pub(crate) sightings: usize,
}

/// The activity counts of every operator before this run changes anything.
pub(crate) fn activity_before(run: &Run, houses: &[House]) -> BTreeMap<String, Counts> {
    houses.iter().map(|house| (house.operator.clone(), activity(run, house))).collect()
}

fn activity(run: &Run, house: &House) -> Counts {
    let (from, to) = clock::hours_around(run.began, 3);
    let mut counts = Counts::new();
    for item in house.settlement.list::<Activity>(run, "activity-get", &format!("/activity?from={from}&to={to}")) {
        if item.total != item.counts.values().sum::<u64>() {
            run.findings.add(Rule::V7, &house.operator, "an activity total is not the sum of its counts");
        }
        for (event, count) in item.counts {
            *counts.entry(event).or_default() += count;
        }
    }
    counts
}

/// V1 to V7 and the settlements' side of V9; V3, V9, V10 and V11 were also watched all day.
pub(crate) fn everything(
    run: &Run,
    team: &Team,
    plan: &Plan,
    rounds: &Rounds,
    closed: &[Closed],
    progress: &Progress,
) -> Checked {
    let visits: Vec<&Visit> = rounds.visits().collect();
    let stretch = progress.stretch("check", visits.len() + team.houses.len());
    crew::each(run.options.concurrency, &visits, |visit| {
        if let Some((agent, house)) = team.agent(plan, visit.officer) {
            visit_is_as_it_ended(run, house, &agent.who.subject, visit);
        }
        stretch.step();
    });
    let mut checked = Checked::default();
    for (at, house) in team.houses.iter().enumerate() {
        stretch.note(house.operator.clone());
        lists_hold_their_visits(run, house, rounds, at);
        let books = Books::read(run, house);
        for (rule, subject, what) in books.faults() {
            run.findings.add(rule, &subject, &what);
        }
        visits_are_booked_once(run, &books, rounds, at, team);
        purses_are_right(run, &books, rounds, at, plan, team);
        if let Some(closed) = closed.iter().find(|closed| closed.operator == house.operator) {
            settlements_hold_the_days_entries(run, &books, rounds, at, closed);
        }
        checked.trial_balances.insert(house.operator.clone(), books.trial_balance());
        checked.accounts += books.accounts.len();
        checked.entries += books.entries();
        stretch.step();
    }
    drop(stretch);
    let waiting = progress.waiting("counts");
    events_are_counted_once(run, team);
    positions_arrive(run, team, plan, rounds);
    drop(waiting);
    checked.sightings = run.sightings.check(&run.findings);
    checked
}

/// V1: the visit, and its payout, stand as the answers said.
fn visit_is_as_it_ended(run: &Run, house: &House, agent_id: &str, visit: &Visit) {
    let partner = run.options.partners.get(visit.stop.partner).map_or("", String::as_str);
    if let Some(delivery) = rounds::look(run, &house.settlement, &visit.delivery_id) {
        for difference in differences(&delivery, visit, agent_id, partner) {
            run.findings.add(Rule::V1, &visit.delivery_id, &difference);
        }
    }
    let Some(id) = &visit.disbursement_id else { return };
    if let Some(payout) = rounds::look_payout(run, &house.settlement, id) {
        if payout.status != visit.payout_status() {
            run.findings.add(Rule::V1, id, &format!("is {}, must be {}", payout.status, visit.payout_status()));
        }
        if (payout.delivery_id.as_str(), payout.amount.amount_minor)
            != (visit.delivery_id.as_str(), visit.stop.amount_minor)
        {
            run.findings.add(Rule::V1, id, "has another visit or amount than was instructed");
        }
    }
}

fn differences(delivery: &Delivery, visit: &Visit, agent_id: &str, partner: &str) -> Vec<String> {
    let agent = visit.assigned.then_some(agent_id);
    let is: [(&str, Option<&str>, Option<&str>); 8] = [
        ("delivery_id", Some(&delivery.delivery_id), Some(&visit.delivery_id)),
        ("kind", Some(&delivery.kind), Some(visit.stop.kind.name())),
        ("status", Some(&delivery.status), Some(visit.status())),
        ("partner_id", Some(&delivery.partner_id), Some(partner)),
        ("reference", Some(&delivery.reference), Some(&visit.reference)),
        ("region", Some(&delivery.region), Some(&visit.region)),
        ("agent_id", delivery.agent_id.as_deref(), agent),
        ("disbursement_id", delivery.disbursement_id.as_deref(), visit.disbursement_id.as_deref()),
    ];
    let mut differences: Vec<String> = is
        .iter()
        .filter(|(_, is, must)| is != must)
        .map(|(name, is, must)| format!("{name} is {}, must be {}", is.unwrap_or("null"), must.unwrap_or("null")))
        .collect();
    if delivery.amount.amount_minor != visit.stop.amount_minor {
        differences.push(format!("amount is {}, must be {}", delivery.amount.amount_minor, visit.stop.amount_minor));
    }
    if delivery.conclusion.is_some() != visit.end.is_some() {
        differences.push("has a conclusion without an end, or an end without a conclusion".to_owned());
    }
    differences
}

/// V1: each visit is on the desk's list of its region and state. V11: nobody else's is.
fn lists_hold_their_visits(run: &Run, house: &House, rounds: &Rounds, operator: usize) {
    let keys: BTreeSet<(&str, &str)> =
        rounds.visits_of(operator).map(|visit| (visit.region.as_str(), visit.status())).collect();
    let others: BTreeSet<&str> =
        rounds.visits().filter(|visit| visit.operator != operator).map(|visit| visit.delivery_id.as_str()).collect();
    for (region, status) in keys {
        let path = format!("/deliveries?region={region}&status={status}&due={}&limit=100", run.today);
        let mut missing: Vec<&Visit> = Vec::new();
        // The index may be a moment behind the visit.
        for attempt in 0..3 {
            let listed: Vec<DeliveryItem> = house.admin.list(run, "delivery-list", &path);
            let ids: BTreeSet<&str> = listed.iter().map(|item| item.delivery_id.as_str()).collect();
            if ids.len() != listed.len() {
                run.findings.add(Rule::Api, &path, "lists a visit twice");
            }
            for crossed in ids.intersection(&others) {
                run.findings.add(Rule::V11, &house.operator, &format!("lists {crossed} of another operator"));
            }
            let here =
                rounds.visits_of(operator).filter(|visit| (visit.region.as_str(), visit.status()) == (region, status));
            missing = here.filter(|visit| !ids.contains(visit.delivery_id.as_str())).collect();
            if missing.is_empty() {
                break;
            }
            clock::pause(if attempt < 2 { 1_000 } else { 0 });
        }
        for visit in missing {
            run.findings.add(Rule::V1, &visit.delivery_id, &format!("is not in the list of {region} {status}"));
        }
    }
}

/// V1 and V2: a confirmed visit has one transfer, in the agent's cash and the partner's account, of the receipt's amount;
/// any other visit has none.
fn visits_are_booked_once(run: &Run, books: &Books, rounds: &Rounds, operator: usize, team: &Team) {
    let mut booked: BTreeMap<&str, Vec<(&str, &Entry)>> = BTreeMap::new();
    for account in &books.accounts {
        for entry in &account.entries {
            if let Some(id) = &entry.delivery_id {
                booked.entry(id).or_default().push((account.id.as_str(), entry));
            }
        }
    }
    for visit in rounds.visits_of(operator) {
        let found = booked.get(visit.delivery_id.as_str()).map(Vec::as_slice).unwrap_or_default();
        let Some(End::Confirmed { transfer_id, .. }) = &visit.end else {
            if !found.is_empty() {
                run.findings.add(
                    Rule::V2,
                    &visit.delivery_id,
                    &format!("{} entries, but no cash changed hands", found.len()),
                );
            }
            continue;
        };
        let agent = team.agents.get(visit.officer).map_or("", |agent| agent.who.subject.as_str());
        let partner = run.options.partners.get(visit.stop.partner).map_or("", String::as_str);
        let wanted: BTreeSet<(String, i64)> = BTreeSet::from([
            (format!("agent_cash.{agent}"), visit.cash_minor()),
            (format!("partner_control.{partner}"), -visit.cash_minor()),
        ]);
        let is: BTreeSet<(String, i64)> =
            found.iter().map(|(id, entry)| ((*id).to_owned(), entry.amount.amount_minor)).collect();
        if found.is_empty() {
            run.findings.add(
                Rule::V1,
                &visit.delivery_id,
                &format!("{transfer_id} was confirmed and is in no account"),
            );
        } else if is != wanted || found.len() != wanted.len() {
            run.findings.add(Rule::V2, &visit.delivery_id, &format!("booked as {is:?}, must be {wanted:?}"));
        }
        if let Some((_, entry)) =
            found.iter().find(|(_, entry)| entry.transfer_id != *transfer_id || entry.kind != visit.stop.kind.name())
        {
            let what =
                format!("the receipt says {transfer_id}, the books {} of kind {}", entry.transfer_id, entry.kind);
            run.findings.add(Rule::V2, &visit.delivery_id, &what);
        }
    }
}

/// V5: account, list and the phones' own sums agree about the cash in every agent's hand.
fn purses_are_right(run: &Run, books: &Books, rounds: &Rounds, operator: usize, plan: &Plan, team: &Team) {
    for item in &books.agents {
        let id = format!("agent_cash.{}", item.agent_id);
        if let Some(account) = books.account(&id).filter(|account| account.balance != item.cash_in_hand) {
            let what = format!(
                "balance {} != {} in the list of agents",
                account.balance.amount_minor, item.cash_in_hand.amount_minor
            );
            run.findings.add(Rule::V5, &id, &what);
        }
    }
    let officers = plan.officers.iter().zip(&team.agents).zip(&rounds.officers);
    for ((_, agent), round) in officers.filter(|((officer, _), _)| officer.operator == operator) {
        let id = format!("agent_cash.{}", agent.who.subject);
        match books.account(&id) {
            Some(account) if account.balance.amount_minor == round.cash_minor => {}
            Some(account) => {
                let what = format!("balance {} != {} by the answers", account.balance.amount_minor, round.cash_minor);
                run.findings.add(Rule::V1, &id, &what);
            }
            None => run.findings.add(Rule::V1, &id, "cannot be read"),
        }
    }
}

/// V9: each file holds exactly the entries of its period, each once, with the right references, and the transfer that settles it.
fn settlements_hold_the_days_entries(run: &Run, books: &Books, rounds: &Rounds, operator: usize, closed: &Closed) {
    let references: BTreeMap<&str, &str> =
        rounds.visits_of(operator).map(|visit| (visit.delivery_id.as_str(), visit.reference.as_str())).collect();
    let mut settled_once = BTreeSet::new();
    for settled in &closed.settled {
        let Some(sheet) = &settled.sheet else { continue };
        let subject = format!("{} {}", closed.operator, settled.settlement.partner_id);
        for difference in file_differences(books, settled) {
            run.findings.add(Rule::V9, &subject, &difference);
        }
        for line in &sheet.lines {
            if !settled_once.insert(line.transfer_id.as_str()) {
                run.findings.add(Rule::V9, &line.transfer_id, "is settled twice");
            }
            if references.get(line.delivery_id.as_str()).is_some_and(|reference| *reference != line.reference) {
                run.findings.add(Rule::V9, &line.delivery_id, &format!("has reference {} in the file", line.reference));
            }
        }
    }
}

fn file_differences(books: &Books, settled: &Settled) -> Vec<String> {
    let (settlement, mut differences) = (&settled.settlement, Vec::new());
    let (Some(sheet), Some(totals)) = (&settled.sheet, &settlement.totals) else { return differences };
    let Some(control) = books.account(&format!("partner_control.{}", settlement.partner_id)) else {
        if !sheet.lines.is_empty() {
            differences.push("has lines, but the partner has no account".to_owned());
        }
        return differences;
    };
    let within = |entry: &&Entry| {
        ["collection", "disbursement"].contains(&entry.kind.as_str())
            && entry.at < settlement.cut_at
            && settlement.opened_at.is_none_or(|opened| entry.at >= opened)
    };
    let booked: BTreeMap<&str, (&str, i64)> = control
        .entries
        .iter()
        .filter(within)
        .map(|entry| (entry.transfer_id.as_str(), (entry.kind.as_str(), entry.amount.amount_minor.saturating_abs())))
        .collect();
    let lines: BTreeMap<&str, (&str, i64)> =
        sheet.lines.iter().map(|line| (line.transfer_id.as_str(), (line.kind.as_str(), line.amount_minor))).collect();
    for (id, entry) in booked.iter().filter(|(id, entry)| lines.get(*id) != Some(entry)).take(3) {
        differences.push(format!("{id} {entry:?} is booked in the period, the file has {:?}", lines.get(id)));
    }
    for id in lines.keys().filter(|id| !booked.contains_key(*id)).take(3) {
        differences.push(format!("{id} is in the file, but not booked in the period"));
    }
    if sheet.lines.iter().any(|line| line.at >= settlement.cut_at) {
        differences.push("has a line from after the cut".to_owned());
    }
    let net = totals.net.amount_minor;
    let booked_as = |account: Option<&crate::books::Account>| {
        account?
            .entries
            .iter()
            .find(|entry| Some(&entry.transfer_id) == settlement.transfer_id.as_ref())
            .map(|entry| entry.amount.amount_minor)
    };
    if settlement.transfer_id.is_some() || net != 0 {
        let due = books.account(&format!("partner_settlement.{}", settlement.partner_id));
        if (booked_as(Some(control)), booked_as(due)) != (Some(net), Some(-net)) {
            let what = format!("net {net} is settled by {:?} and {:?}", booked_as(Some(control)), booked_as(due));
            differences.push(what);
        }
    }
    differences
}

/// V7: the activity counts grew by exactly what was accepted; the events may still be on their way, so it waits.
fn events_are_counted_once(run: &Run, team: &Team) {
    let deadline = clock::tick() + std::time::Duration::from_secs(u64::from(run.options.patience.min(30)));
    // Whoever was logged out wrongly asked for another code.
    let slack = run.tally.unknown.get() + run.meter.logged_out.get();
    crew::each(run.options.concurrency, &team.houses, |house| {
        let before = run.baseline.get(&house.operator).cloned().unwrap_or_default();
        let expected = run.tally.expected(&house.operator);
        loop {
            let differences = tally::differences(&expected, &before, &activity(run, house), slack);
            if differences.is_empty() {
                return;
            }
            if clock::tick() >= deadline {
                for difference in differences {
                    run.findings.add(Rule::V7, &house.operator, &difference);
                }
                return;
            }
            clock::pause(1_000);
        }
    });
}

/// V7, the other consumer: the newest accepted point of each agent is the position on the desk's map.
fn positions_arrive(run: &Run, team: &Team, plan: &Plan, rounds: &Rounds) {
    let deadline = clock::tick() + std::time::Duration::from_secs(u64::from(run.options.patience.min(20)));
    for (at, house) in team.houses.iter().enumerate() {
        loop {
            let items: Vec<AgentItem> = house
                .regions
                .iter()
                .flat_map(|region| house.admin.list(run, "agent-list", &format!("/agents?region={region}&limit=100")))
                .collect();
            let officers = plan.officers.iter().zip(&team.agents).zip(&rounds.officers);
            let behind: Vec<String> = officers
                .filter(|((officer, _), round)| officer.operator == at && round.newest_position.is_some())
                .filter_map(|((_, agent), round)| {
                    let item = items.iter().find(|item| item.agent_id == agent.who.subject)?;
                    let is = item.position.as_ref().map(|position| clock::stamp(position.captured_at));
                    let must = round.newest_position.map(clock::stamp);
                    (is != must).then(|| format!("{}: position of {is:?}, must be of {must:?}", agent.username))
                })
                .collect();
            if behind.is_empty() {
                break;
            }
            if clock::tick() >= deadline {
                for agent in behind {
                    run.findings.add(Rule::V7, &house.operator, &agent);
                }
                break;
            }
            clock::pause(1_000);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{books::Account, settlement_file::Sheet, shapes::Money};

    fn settled(file: &str) -> Settled {
        let settlement = json!({
            "settlement_id": "stl_1", "business_day": "2026-11-21", "partner_id": "bfil", "status": "settled",
            "opened_at": "2026-11-20T15:00:00.000Z", "cut_at": "2026-11-21T15:00:00.000Z", "transfer_id": "trf_9",
            "totals": {"count": 1, "collected": {"amount_minor": 70, "currency": "INR"},
                "disbursed": {"amount_minor": 0, "currency": "INR"}, "net": {"amount_minor": 70, "currency": "INR"}},
            "file": null
        });
        Settled {
            settlement: serde_json::from_value(settlement).unwrap(),
            sheet: Some(Sheet::read(file.as_bytes()).unwrap()),
            sha256: String::new(),
            bytes: 0,
        }
    }

    fn books() -> Books {
        let entry = |transfer: &str, kind: &str, at: &str, amount_minor| Entry {
            transfer_id: transfer.to_owned(),
            kind: kind.to_owned(),
            at: at.parse().unwrap(),
            amount: Money { amount_minor, currency: "INR".to_owned() },
            delivery_id: None,
        };
        let account = |id: &str, entries| Account {
            id: id.to_owned(),
            balance: Money { amount_minor: 0, currency: "INR".to_owned() },
            entries,
            cap_minor: None,
        };
        let control = vec![
            entry("trf_0", "collection", "2026-11-20T14:00:00Z", -30),
            entry("trf_1", "collection", "2026-11-21T14:00:00Z", -70),
            entry("trf_2", "collection", "2026-11-21T15:00:01Z", -20),
            entry("trf_9", "settlement", "2026-11-21T15:00:20Z", 70),
        ];
        let due = vec![entry("trf_9", "settlement", "2026-11-21T15:00:20Z", -70)];
        let accounts = vec![account("partner_control.bfil", control), account("partner_settlement.bfil", due)];
        Books { operator: "pennco".to_owned(), accounts, agents: Vec::new() }
    }

    const HEADER: &str = "line,at,transfer_id,kind,delivery_id,reference,amount_minor,currency,reverses,late_for\n";

    #[test]
    fn a_file_holds_exactly_the_entries_between_the_cuts() {
        let right =
            format!("{HEADER}1,2026-11-21T14:00:00.000Z,trf_1,collection,dlv_1,B-1,70,INR,\nTOTAL,1,70,0,70,INR,0,,\n");
        assert_eq!(file_differences(&books(), &settled(&right)), Vec::<String>::new());
    }

    #[test]
    fn a_missing_and_a_foreign_line_are_named() {
        let wrong =
            format!("{HEADER}1,2026-11-21T15:00:01.000Z,trf_2,collection,dlv_2,B-2,20,INR,\nTOTAL,1,70,0,70,INR,0,,\n");
        let named = file_differences(&books(), &settled(&wrong));
        assert_eq!(named.len(), 3, "{named:?}");
    }
}
