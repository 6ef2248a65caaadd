//! The bank's statement: one line a payout, with planted differences, matched over the API; what is found must be what was planted.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde_json::{Value, json};

use crate::{
    clock, command, crew,
    dice::Dice,
    findings::Rule,
    plan::Fate,
    progress::Progress,
    rounds::{End, Rounds},
    run::Run,
    shapes::{Disbursement, paise},
    team::{House, Team},
};

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    /// One paisa too many or too few.
    Amount(i64),
    /// So many days from the hand-over, outside of the window.
    ValueDate(i64),
    /// Another payout's line.
    Reused,
}

impl Flaw {
    /// The name it must be found by.
    fn code(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Amount(_) => Some("amount_differs"),
            Self::ValueDate(_) => Some("value_date_out_of_window"),
            Self::Reused => Some("bank_line_already_matched"),
        }
    }
}

/// One line of the statement, meant for one payout.
#[derive(Debug, Clone)]
struct Line {
    operator: usize,
    disbursement_id: String,
    amount_minor: i64,
    bank_reference: String,
    flaw: Flaw,
    /// The desk finds the right line afterwards.
    mended: bool,
    /// The line is fed in a second time.
    repeated: bool,
    fate: Fate,
}

/// One planted difference and what the API made of it.
#[derive(Debug, Clone)]
pub(crate) struct Planted {
    pub(crate) operator: String,
    pub(crate) disbursement_id: String,
    pub(crate) planted: String,
    pub(crate) found: String,
}

/// The statement after matching.
#[derive(Debug, Default)]
pub(crate) struct Statement {
    pub(crate) lines: usize,
    pub(crate) reconciled: usize,
    pub(crate) planted: Vec<Planted>,
}

/// Matches one line to each payout handed over, with the planted flaws, and holds each answer to its flaw.
pub(crate) fn reconcile(run: &Run, team: &Team, rounds: &mut Rounds, progress: &Progress) -> Statement {
    let mut lines: Vec<Line> = Vec::new();
    for operator in 0..team.houses.len() {
        lines.extend(draw(run, rounds, operator));
    }
    // A line can be reused only once it has settled something.
    let (reused, first): (Vec<Line>, Vec<Line>) = lines.into_iter().partition(|line| line.flaw == Flaw::Reused);
    let stretch = progress.stretch("bank", first.len() + reused.len());
    let matched = |line: &Line| {
        let outcome = team.houses.get(line.operator).map(|house| match_line(run, house, line, &first));
        stretch.step();
        outcome
    };
    let mut outcomes = crew::each(run.options.concurrency, &first, matched);
    outcomes.extend(crew::each(run.options.concurrency, &reused, matched));

    let mut statement = Statement::default();
    let mut standing: BTreeMap<String, &'static str> = BTreeMap::new();
    for (line, outcome) in first.iter().chain(&reused).zip(outcomes) {
        let Some((found, status)) = outcome else { continue };
        statement.lines += 1;
        statement.reconciled += usize::from(status == "reconciled");
        standing.insert(line.disbursement_id.clone(), status);
        let planted = line.flaw.code().unwrap_or("nothing");
        if found != planted {
            run.findings.add(Rule::Api, &line.disbursement_id, &format!("bank line: planted {planted}, found {found}"));
        }
        if line.flaw != Flaw::None || found != planted {
            let operator = team.houses.get(line.operator).map(|house| house.operator.clone()).unwrap_or_default();
            let disbursement_id = line.disbursement_id.clone();
            statement.planted.push(Planted { operator, disbursement_id, planted: planted.to_owned(), found });
        }
    }
    for visit in rounds.officers.iter_mut().flat_map(|round| &mut round.visits) {
        visit.payout = visit.disbursement_id.as_ref().and_then(|id| standing.get(id).copied());
    }
    statement
}

/// The statement of one operator: the payouts in a drawn order, the first few with flaws.
fn draw(run: &Run, rounds: &Rounds, operator: usize) -> Vec<Line> {
    let mut dice = Dice::new(run.options.seed, 100 + u64::try_from(operator).unwrap_or_default());
    let mut payouts: Vec<(String, i64)> = rounds
        .visits_of(operator)
        .filter_map(|visit| match (&visit.disbursement_id, &visit.end) {
            (Some(id), Some(End::Confirmed { amount_minor, .. })) => Some((id.clone(), *amount_minor)),
            _ => None,
        })
        .collect();
    dice.shuffle(&mut payouts);
    let of_each = (payouts.len() / 25).max(1);
    payouts
        .into_iter()
        .enumerate()
        .map(|(at, (disbursement_id, amount_minor))| {
            let flaw = match at.checked_sub(1).map(|at| (at / of_each, at % 2)) {
                Some((0, 0)) => Flaw::Amount(1),
                Some((0, _)) => Flaw::Amount(-1),
                Some((1, 0)) => Flaw::ValueDate(5),
                Some((1, _)) => Flaw::ValueDate(-2),
                Some((2, _)) => Flaw::Reused,
                // The first line has no flaw: there is always one to reuse.
                Some(_) | None => Flaw::None,
            };
            Line {
                operator,
                disbursement_id,
                amount_minor,
                bank_reference: run.next_bank_reference(),
                flaw,
                mended: flaw == Flaw::Reused || (flaw != Flaw::None && dice.percent(50)),
                repeated: at == 0,
                fate: match dice.below(20) {
                    0 => Fate::Twice,
                    1 => Fate::Unread,
                    _ => Fate::Clean,
                },
            }
        })
        .collect()
}

/// Feeds one line in; gives what it was found to be and how the payout stands at the end.
fn match_line(run: &Run, house: &House, line: &Line, others: &[Line]) -> (String, &'static str) {
    // Cash may have been handed over since midnight.
    let today = run.today_by_now();
    let own = || request(&line.bank_reference, line.amount_minor, today);
    let body = match line.flaw {
        Flaw::None => own(),
        Flaw::Amount(off) => request(&run.next_bank_reference(), line.amount_minor + off, today),
        Flaw::ValueDate(days) => request(&run.next_bank_reference(), line.amount_minor, clock::other_day(today, days)),
        Flaw::Reused => {
            let settled = others.iter().find(|other| other.operator == line.operator && other.flaw == Flaw::None);
            let reference = settled.map_or_else(|| line.bank_reference.clone(), |other| other.bank_reference.clone());
            request(&reference, line.amount_minor, today)
        }
    };
    let (found, mut status) = feed(run, house, line, &body, line.fate);
    if line.repeated && status == "reconciled" {
        repeat(run, house, line, &body);
    }
    if line.mended {
        let (mended, after) = feed(run, house, line, &own(), Fate::Clean);
        if mended != "nothing" {
            run.findings.add(
                Rule::Api,
                &line.disbursement_id,
                &format!("the right line after a wrong one: found {mended}"),
            );
        }
        status = after;
    }
    (found, status)
}

fn request(bank_reference: &str, amount_minor: i64, value_date: Date) -> Value {
    json!({"bank_reference": bank_reference, "amount": paise(amount_minor), "value_date": value_date.to_string()})
}

fn feed(run: &Run, house: &House, line: &Line, body: &Value, fate: Fate) -> (String, &'static str) {
    let path = format!("/disbursements/{}/reconcile", line.disbursement_id);
    let asked = clock::tick();
    let Some(told) = command::send(run, &house.settlement, "disbursement-reconcile", &path, body, fate) else {
        return ("no answer".to_owned(), "handed_over");
    };
    if told.answer.status != 200 {
        return (told.answer.code(), "handed_over");
    }
    let payout: Disbursement = match told.answer.read() {
        Ok(payout) => payout,
        Err(wrong) => return (format!("unexpected shape: {wrong}"), "handed_over"),
    };
    if !told.answer.replayed {
        run.sightings.saw(&payout.disbursement_id, &payout.status, payout.version, asked);
    }
    let Some(reconciliation) = payout.reconciliation else {
        return ("no reconciliation".to_owned(), "handed_over");
    };
    if reconciliation.outcome != payout.status
        || body.get("bank_reference") != Some(&json!(reconciliation.bank_reference))
    {
        run.findings.add(Rule::Api, &line.disbursement_id, "the reconciliation is not of the line that was sent");
    }
    let codes: Vec<String> = reconciliation.differences.into_iter().map(|difference| difference.code).collect();
    match payout.status.as_str() {
        "reconciled" => run.tally.event(&house.operator, "disbursement.reconciled"),
        _ => run.tally.event(&house.operator, "disbursement.excepted"),
    }
    let found = if codes.is_empty() { "nothing".to_owned() } else { codes.join(" and ") };
    (found, if payout.status == "reconciled" { "reconciled" } else { "exception" })
}

/// The line that settled this payout, under another key: the same payout in the same version, no second effect.
fn repeat(run: &Run, house: &House, line: &Line, body: &Value) {
    let path = format!("/disbursements/{}/reconcile", line.disbursement_id);
    let before = crate::rounds::look_payout(run, &house.settlement, &line.disbursement_id);
    let Some(told) = command::send(run, &house.settlement, "disbursement-reconcile", &path, body, Fate::Clean) else {
        return;
    };
    let after = told.answer.read::<Disbursement>().ok();
    let version = |payout: &Option<Disbursement>| payout.as_ref().map(|payout| (payout.status.clone(), payout.version));
    if told.answer.status != 200 || version(&before) != version(&after) {
        let what = format!(
            "the same bank line again: {}, {:?} became {:?}",
            told.answer.brief(),
            version(&before),
            version(&after)
        );
        run.findings.add(Rule::V2, &line.disbursement_id, &what);
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use jiff::civil::Weekday;

    use super::*;
    use crate::{
        Options,
        plan::{Kind, Plan},
        rounds::{Round, Visit},
    };

    #[test]
    fn every_statement_has_each_flaw_and_a_right_line_first() {
        let run = Run::towards("http://localhost");
        let plan = Plan::draw(&Options::parse_from(["field-day", "--url", "http://localhost"]), Weekday::Monday);
        let visits = plan.officers.iter().flat_map(|officer| officer.stops.iter().map(|stop| (officer.operator, stop)));
        let visits = visits.filter(|(_, stop)| stop.kind == Kind::Disbursement).map(|(operator, stop)| Visit {
            stop: stop.clone(),
            officer: 0,
            operator,
            region: String::new(),
            reference: String::new(),
            delivery_id: format!("dlv_{}", stop.number),
            disbursement_id: Some(format!("dsb_{}", stop.number)),
            assigned: true,
            end: Some(End::Confirmed { amount_minor: stop.amount_minor, transfer_id: String::new() }),
            payout: None,
        });
        let rounds = Rounds { officers: vec![Round { visits: visits.collect(), ..Round::default() }] };
        for operator in 0..3 {
            let lines = draw(&run, &rounds, operator);
            assert_eq!(lines.first().map(|line| line.flaw), Some(Flaw::None));
            for code in ["amount_differs", "value_date_out_of_window", "bank_line_already_matched"] {
                assert!(lines.iter().any(|line| line.flaw.code() == Some(code)), "{code}");
            }
        }
    }
}
