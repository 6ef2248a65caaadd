//! The close of the day: each operator's day is closed once, each partner's file fetched, fetched again, and added up.

use serde_json::json;

use crate::{
    clock, command, crew,
    findings::Rule,
    plan::Fate,
    progress::Progress,
    run::Run,
    settlement_file::{Sheet, sha256},
    shapes::{self, Page, Settlement},
    team::{House, Team},
    wire::Ask,
};

/// One operator's day, asked to close.
#[derive(Debug)]
pub(crate) struct Requested {
    /// False if an earlier run, or the schedule, closed the day.
    pub(crate) by_us: bool,
    pub(crate) settlement_ids: Vec<String>,
}

/// One partner's settlement with its file.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(crate) settlement: Settlement,
    pub(crate) sheet: Option<Sheet>,
    pub(crate) sha256: String,
    pub(crate) bytes: usize,
}

/// One operator's day, closed.
#[derive(Debug)]
pub(crate) struct Closed {
    pub(crate) operator: String,
    pub(crate) by_us: bool,
    pub(crate) settled: Vec<Settled>,
}

/// Asks each settlement desk to close the day; a second request, and one for tomorrow, are refused.
pub(crate) fn request(run: &Run, team: &Team, progress: &Progress) -> Vec<Requested> {
    let stretch = progress.stretch("close", team.houses.len());
    crew::each(run.options.concurrency, &team.houses, |house| {
        let requested = close(run, house);
        stretch.step();
        requested
    })
}

fn close(run: &Run, house: &House) -> Requested {
    let send = |day: String, fate| {
        let body = json!({"business_day": day});
        command::send(run, &house.settlement, "settlement-create", "/settlements", &body, fate).map(|told| told.answer)
    };
    let subject = format!("settlement-create {}", house.operator);
    let tomorrow = send(clock::other_day(run.today_by_now(), 1).to_string(), Fate::Twice);
    let early =
        tomorrow.as_ref().is_some_and(|answer| (answer.status, answer.code().as_str()) == (409, "business_day_open"));
    if let Some(answer) = tomorrow.filter(|_| !early) {
        run.findings.add(Rule::V9, &subject, &format!("tomorrow must be 409 business_day_open, is {}", answer.brief()));
    }
    run.findings.refused("closing a day to come", early);

    let mut requested = Requested { by_us: false, settlement_ids: Vec::new() };
    let Some(first) = send(run.today.to_string(), Fate::Unread) else { return requested };
    match (first.status, first.code().as_str()) {
        (202, _) => {
            requested.by_us = true;
            run.tally.event(&house.operator, "day closed");
            match first.read::<shapes::Closing>() {
                Ok(closing) => {
                    if closing.items.iter().any(|settlement| settlement.status != "building") {
                        run.findings.add(Rule::Api, &subject, "a settlement is not `building` when its day is closed");
                    }
                    for _ in &closing.items {
                        run.tally.event(&house.operator, "settlement.requested");
                    }
                    requested.settlement_ids =
                        closing.items.into_iter().map(|settlement| settlement.settlement_id).collect();
                }
                Err(wrong) => run.findings.add(Rule::Api, &subject, &format!("unexpected shape: {wrong}")),
            }
            let second = send(run.today.to_string(), Fate::Twice);
            let once = second
                .as_ref()
                .is_some_and(|answer| (answer.status, answer.code().as_str()) == (409, "business_day_closed"));
            if let Some(answer) = second.filter(|_| !once) {
                run.findings.add(Rule::V9, &subject, &format!("a day closed twice: {}", answer.brief()));
            }
            run.findings.refused("closing a day twice", once);
        }
        (409, "business_day_closed") => run.findings.refused("closing a day twice", true),
        _ => run.findings.add(Rule::V9, &subject, &format!("must be 202, is {}", first.brief())),
    }
    if requested.settlement_ids.is_empty() {
        requested.settlement_ids = list(run, house).into_iter().map(|settlement| settlement.settlement_id).collect();
    }
    requested
}

fn list(run: &Run, house: &House) -> Vec<Settlement> {
    let path = format!("/settlements?business_day={}&limit=100", run.today);
    house.settlement.list(run, "settlement-list", &path)
}

/// Waits until every settlement of the day is settled, then fetches and holds each file to its numbers.
pub(crate) fn settle(run: &Run, team: &Team, requested: Vec<Requested>, progress: &Progress) -> Vec<Closed> {
    let stretch = progress.waiting("settle");
    let deadline = clock::tick() + std::time::Duration::from_secs(u64::from(run.options.patience));
    loop {
        let states: Vec<(usize, usize)> = crew::each(run.options.concurrency, &team.houses, |house| {
            let listed = list(run, house);
            (listed.iter().filter(|settlement| settlement.status == "settled").count(), listed.len())
        });
        let done: usize = states.iter().map(|(settled, _)| settled).sum();
        let all: usize = states.iter().map(|(_, all)| all).sum();
        stretch.note(format!("{done} of {all} settled"));
        if done == all || clock::tick() >= deadline {
            break;
        }
        clock::pause(1_000);
    }
    drop(stretch);
    let pairs: Vec<(&House, Requested)> = team.houses.iter().zip(requested).collect();
    crew::each(run.options.concurrency, &pairs, |(house, requested)| fetch(run, house, requested))
}

fn fetch(run: &Run, house: &House, requested: &Requested) -> Closed {
    let mut listed = list(run, house);
    listed.sort_by(|one, other| one.partner_id.cmp(&other.partner_id));
    let mut partners: Vec<&str> = run.options.partners.iter().map(String::as_str).collect();
    partners.sort_unstable();
    if !listed.iter().map(|settlement| settlement.partner_id.as_str()).eq(partners.iter().copied()) {
        let found: Vec<&str> = listed.iter().map(|settlement| settlement.partner_id.as_str()).collect();
        run.findings.add(
            Rule::V9,
            &house.operator,
            &format!("one settlement a partner: must be {partners:?}, is {found:?}"),
        );
    }
    own_only(run, house);
    let settled = listed
        .iter()
        .filter_map(|settlement| {
            let path = format!("/settlements/{}", settlement.settlement_id);
            let settlement: Settlement = house.settlement.get(run, "settlement-get", &path)?;
            if requested.by_us && settlement.status == "settled" {
                run.tally.event(&house.operator, "settlement.settled");
            }
            file(run, house, settlement)
        })
        .collect();
    Closed { operator: house.operator.clone(), by_us: requested.by_us, settled }
}

/// A partner's list holds only the partner's own settlements.
fn own_only(run: &Run, house: &House) {
    let Some((partner, name)) = house.partners.iter().zip(&run.options.partners).next() else { return };
    let Ok(heard) = partner.ask(&run.wire, &Ask::get("settlement-list", "/settlements?limit=100")) else { return };
    match heard.answer.read::<Page<Settlement>>() {
        Ok(page) => {
            if let Some(other) = page.items.iter().find(|settlement| settlement.partner_id != *name) {
                run.findings.add(Rule::Api, &partner.username, &format!("sees the settlement of {}", other.partner_id));
            }
        }
        Err(_) => run.findings.add(Rule::Api, &partner.username, &format!("own settlements: {}", heard.answer.brief())),
    }
}

fn file(run: &Run, house: &House, settlement: Settlement) -> Option<Settled> {
    let subject = format!("{} {} {}", house.operator, settlement.partner_id, settlement.settlement_id);
    if settlement.business_day != run.today.to_string() {
        run.findings.add(Rule::V9, &subject, &format!("is of {}", settlement.business_day));
    }
    let (Some(totals), Some(file), "settled") = (&settlement.totals, &settlement.file, settlement.status.as_str())
    else {
        run.findings.add(Rule::V9, &subject, &format!("is `{}` after {} s", settlement.status, run.options.patience));
        return None;
    };
    let bytes = download(run, &subject, file.url.as_deref()?)?;
    let checksum = sha256(&bytes);
    if checksum != file.sha256 || u64::try_from(bytes.len()).ok() != Some(file.bytes) {
        let what = format!(
            "the file has {} bytes, sha256 {checksum}; the API says {} and {}",
            bytes.len(),
            file.bytes,
            file.sha256
        );
        run.findings.add(Rule::V9, &subject, &what);
    }
    // Asked and fetched again: the same settlement, the same bytes.
    let path = format!("/settlements/{}", settlement.settlement_id);
    let again: Option<Settlement> = house.settlement.get(run, "settlement-get", &path);
    let url = again.as_ref().and_then(|again| again.file.as_ref()?.url.clone());
    if url.and_then(|url| download(run, &subject, &url)).is_none_or(|second| second != bytes) {
        run.findings.add(Rule::V9, &subject, "fetched again, the file is not the same");
    }
    let sheet = match Sheet::read(&bytes) {
        Ok(sheet) => {
            for fault in sheet.faults(totals) {
                run.findings.add(Rule::V9, &subject, &fault);
            }
            Some(sheet)
        }
        Err(wrong) => {
            run.findings.add(Rule::V9, &subject, &format!("the file {wrong}"));
            None
        }
    };
    Some(Settled { settlement, sheet, sha256: checksum, bytes: bytes.len() })
}

fn download(run: &Run, subject: &str, url: &str) -> Option<Vec<u8>> {
    match run.wire.download(url) {
        Ok((200, bytes)) => Some(bytes),
        Ok((status, _)) => {
            run.findings.add(Rule::V9, subject, &format!("its presigned address answers {status}"));
            None
        }
        Err(broken) => {
            run.findings.add(Rule::V9, subject, &format!("its presigned address: {broken}"));
            None
        }
    }
}
