//! The day in numbers: for the terminal, for the page, for machines.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use serde::Serialize;

use crate::{
    bank::Statement,
    check::Checked,
    clock,
    close::Closed,
    exports::Taken,
    findings::Rule,
    plan::{Kind, Plan},
    rounds::{End, Rounds},
    run::Run,
};

/// Everything worth telling about the day.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) run: String,
    pub(crate) url: String,
    pub(crate) day: String,
    pub(crate) weekday: String,
    pub(crate) began: String,
    pub(crate) seed: u64,
    pub(crate) agents: usize,
    pub(crate) visits: usize,
    pub(crate) operators: Vec<String>,
    pub(crate) took_seconds: u64,
    pub(crate) requests: usize,
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) statuses: BTreeMap<u16, u64>,
    pub(crate) network: Network,
    pub(crate) logins: Logins,
    /// Requests per quarter hour of the simulated day, from 08:00.
    pub(crate) quarters: Vec<u64>,
    /// The density the plan was drawn from, per half hour from 08:00.
    pub(crate) curve: Vec<u64>,
    pub(crate) cash: Cash,
    pub(crate) trial_balances: BTreeMap<String, BTreeMap<String, i64>>,
    pub(crate) accounts: usize,
    pub(crate) entries: usize,
    pub(crate) sightings: usize,
    pub(crate) refusals: Vec<Refusal>,
    pub(crate) bank: Bank,
    pub(crate) settlements: Vec<Settlement>,
    pub(crate) notes: Vec<String>,
    pub(crate) exports: Vec<Export>,
    pub(crate) rules: Vec<RuleKept>,
    pub(crate) violations: Vec<String>,
}

/// How one endpoint did.
#[derive(Debug, Serialize)]
pub(crate) struct Endpoint {
    pub(crate) name: &'static str,
    pub(crate) requests: usize,
    pub(crate) p50_micros: u64,
    pub(crate) p95_micros: u64,
    pub(crate) p99_micros: u64,
}

/// What the line did.
#[derive(Debug, Serialize)]
pub(crate) struct Network {
    pub(crate) lost_before: u64,
    pub(crate) lost_after: u64,
    pub(crate) replays_answered: u64,
    pub(crate) waits_asked_for: u64,
    pub(crate) unplanned_breaks: u64,
    pub(crate) points_accepted: u64,
}

/// How the agents' logins lasted.
#[derive(Debug, Serialize)]
pub(crate) struct Logins {
    pub(crate) phones_enrolled: u64,
    pub(crate) phones_revoked: u64,
    pub(crate) refreshes: u64,
    pub(crate) refreshes_whose_answer_was_lost: u64,
    pub(crate) parallel_refreshes: u64,
    pub(crate) parallel_refreshes_with_one_successor: u64,
    pub(crate) agents_logged_out_wrongly: u64,
}

/// What changed hands at the doors.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Cash {
    pub(crate) confirmed: usize,
    pub(crate) failed: usize,
    pub(crate) collected_minor: i64,
    pub(crate) disbursed_minor: i64,
}

/// A planted mistake: how often, and how often refused rightly.
#[derive(Debug, Serialize)]
pub(crate) struct Refusal {
    pub(crate) name: &'static str,
    pub(crate) planted: u64,
    pub(crate) refused: u64,
}

/// The bank's statement.
#[derive(Debug, Serialize)]
pub(crate) struct Bank {
    pub(crate) lines: usize,
    pub(crate) reconciled: usize,
    pub(crate) exceptions: Vec<Exception>,
}

/// A planted difference and what was found.
#[derive(Debug, Serialize)]
pub(crate) struct Exception {
    pub(crate) operator: String,
    pub(crate) disbursement_id: String,
    pub(crate) planted: String,
    pub(crate) found: String,
}

/// One partner's settlement.
#[derive(Debug, Serialize)]
pub(crate) struct Settlement {
    pub(crate) operator: String,
    pub(crate) partner: String,
    pub(crate) count: u64,
    pub(crate) collected_minor: i64,
    pub(crate) disbursed_minor: i64,
    pub(crate) net_minor: i64,
    pub(crate) bytes: usize,
    pub(crate) sha256: String,
}

/// One export.
#[derive(Debug, Serialize)]
pub(crate) struct Export {
    pub(crate) operator: String,
    pub(crate) kind: &'static str,
    pub(crate) day: String,
    pub(crate) count: u64,
    pub(crate) sums: BTreeMap<String, i64>,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

/// A rule and how often it was broken.
#[derive(Debug, Serialize)]
pub(crate) struct RuleKept {
    pub(crate) name: String,
    pub(crate) says: &'static str,
    pub(crate) violations: usize,
}

impl Report {
    pub(crate) fn gather(
        run: &Run,
        plan: &Plan,
        rounds: &Rounds,
        statement: &Statement,
        closed: &[Closed],
        exports: &[Taken],
        checked: &Checked,
    ) -> Self {
        let endpoints: Vec<Endpoint> = run
            .meter
            .paces()
            .into_iter()
            .map(|(name, pace)| Endpoint {
                name,
                requests: pace.requests,
                p50_micros: pace.p50_micros,
                p95_micros: pace.p95_micros,
                p99_micros: pace.p99_micros,
            })
            .collect();
        let violations = run.findings.violations();
        let rules = Rule::ALL
            .iter()
            .map(|(rule, says)| RuleKept {
                name: rule.to_string(),
                says,
                violations: violations.iter().filter(|(broken, _)| broken == rule).count(),
            })
            .collect();
        Self {
            run: run.id.clone(),
            url: run.options.url.clone(),
            day: run.today.to_string(),
            weekday: run.today.strftime("%A").to_string(),
            began: clock::stamp(run.began),
            seed: run.options.seed,
            agents: plan.officers.len(),
            visits: plan.visits(),
            operators: run.options.operators.clone(),
            took_seconds: run.meter.elapsed().as_secs(),
            requests: endpoints.iter().map(|endpoint| endpoint.requests).sum(),
            endpoints,
            statuses: run.meter.statuses(),
            network: Network {
                lost_before: run.meter.lost_before.get(),
                lost_after: run.meter.lost_after.get(),
                replays_answered: run.meter.replays.get(),
                waits_asked_for: run.meter.waits.get(),
                unplanned_breaks: run.meter.breaks.get(),
                points_accepted: run.meter.points.get(),
            },
            logins: logins(run),
            quarters: run.meter.quarters(),
            curve: plan.curve.halves().iter().map(|(weight, _)| *weight).collect(),
            cash: cash(rounds),
            trial_balances: checked.trial_balances.clone(),
            accounts: checked.accounts,
            entries: checked.entries,
            sightings: checked.sightings,
            refusals: run
                .findings
                .refusals()
                .into_iter()
                .map(|(name, planted)| Refusal { name, planted: planted.planted, refused: planted.refused })
                .collect(),
            bank: Bank {
                lines: statement.lines,
                reconciled: statement.reconciled,
                exceptions: statement
                    .planted
                    .iter()
                    .map(|planted| Exception {
                        operator: planted.operator.clone(),
                        disbursement_id: planted.disbursement_id.clone(),
                        planted: planted.planted.clone(),
                        found: planted.found.clone(),
                    })
                    .collect(),
            },
            settlements: closed.iter().flat_map(settlements).collect(),
            notes: closed.iter().filter_map(|closed| note(closed, &run.today.to_string())).collect(),
            exports: exports.iter().map(export).collect(),
            rules,
            violations: violations.iter().map(|(rule, what)| format!("{rule}: {what}")).collect(),
        }
    }

    /// The sentence the day is run for.
    pub(crate) fn verdict(&self) -> String {
        match self.violations.len() {
            0 => "0 violations".to_owned(),
            1 => "1 violation".to_owned(),
            many => format!("{many} violations"),
        }
    }

    pub(crate) fn exceptions_found(&self) -> usize {
        self.bank.exceptions.iter().filter(|exception| exception.planted == exception.found).count()
    }

    pub(crate) fn exceptions_planted(&self) -> usize {
        self.bank.exceptions.iter().filter(|exception| exception.planted != "nothing").count()
    }

    /// Writes the report to the terminal.
    pub(crate) fn print(&self) -> io::Result<()> {
        io::stdout().write_all(self.text().as_bytes())
    }

    pub(crate) fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    fn text(&self) -> String {
        let mut out = String::new();
        let mut line = |text: String| {
            out.push_str(&text);
            out.push('\n');
        };
        line(format!("field day {} ({}), run {}, seed {}", self.day, self.weekday, self.run, self.seed));
        line(format!(
            "{} agents of {}, {} visits, {} s",
            self.agents,
            self.operators.join(", "),
            self.visits,
            self.took_seconds
        ));
        line(String::new());
        line(format!("{:<24} {:>8} {:>9} {:>9} {:>9}", "endpoint", "requests", "p50 ms", "p95 ms", "p99 ms"));
        for endpoint in &self.endpoints {
            let [p50, p95, p99] = [endpoint.p50_micros, endpoint.p95_micros, endpoint.p99_micros].map(millis);
            line(format!("{:<24} {:>8} {p50:>9} {p95:>9} {p99:>9}", endpoint.name, endpoint.requests));
        }
        line(format!("{:<24} {:>8}", "all", self.requests));
        line(String::new());
        let network = &self.network;
        line(format!("line lost before the server   {}", network.lost_before));
        line(format!("answers lost on the way back  {}", network.lost_after));
        line(format!("replays answered              {}", network.replays_answered));
        line(format!("waits asked for, breaks       {}, {}", network.waits_asked_for, network.unplanned_breaks));
        line(format!("location points accepted      {}", network.points_accepted));
        let logins = &self.logins;
        line(format!("phones enrolled, revoked      {}, {}", logins.phones_enrolled, logins.phones_revoked));
        line(format!("refreshes, answers lost       {}, {}", logins.refreshes, logins.refreshes_whose_answer_was_lost));
        line(format!(
            "parallel, with one successor  {}, {}",
            logins.parallel_refreshes, logins.parallel_refreshes_with_one_successor
        ));
        line(format!("agents logged out wrongly     {}", logins.agents_logged_out_wrongly));
        line(format!("visits confirmed, failed      {}, {}", self.cash.confirmed, self.cash.failed));
        line(format!("cash collected                {}", rupees(self.cash.collected_minor)));
        line(format!("cash disbursed                {}", rupees(self.cash.disbursed_minor)));
        for (operator, sums) in &self.trial_balances {
            line(format!("trial balance                 {operator} {}", amounts(sums)));
        }
        line(format!(
            "books read                    {} accounts, {} entries, {} sightings",
            self.accounts, self.entries, self.sightings
        ));
        let (planted, refused) =
            self.refusals.iter().fold((0, 0), |(planted, refused), one| (planted + one.planted, refused + one.refused));
        line(format!("mistakes refused rightly      {refused} of {planted} planted"));
        line(format!(
            "bank lines                    {}, {} reconciled; exceptions found {} of {} planted",
            self.bank.lines,
            self.bank.reconciled,
            self.exceptions_found(),
            self.exceptions_planted()
        ));
        line(String::new());
        for settlement in &self.settlements {
            line(format!(
                "settled {:<10} {:<12} {:>5} lines, net {:>16}  sha256 {}",
                settlement.operator,
                settlement.partner,
                settlement.count,
                rupees(settlement.net_minor),
                settlement.sha256
            ));
        }
        for note in &self.notes {
            line(note.clone());
        }
        for export in &self.exports {
            line(format!(
                "export  {:<10} {:<12} {:>5} lines, sums {:>15}  sha256 {}",
                export.operator,
                export.kind,
                export.count,
                amounts(&export.sums),
                export.sha256
            ));
        }
        line(String::new());
        for violation in &self.violations {
            line(violation.clone());
        }
        line(self.verdict());
        out
    }
}

fn logins(run: &Run) -> Logins {
    let all = |event| run.options.operators.iter().map(|operator| run.tally.of(operator, event)).sum();
    Logins {
        phones_enrolled: all("device.enrolled"),
        phones_revoked: all("device.revoked"),
        refreshes: run.meter.refreshes.get(),
        refreshes_whose_answer_was_lost: run.meter.refreshes_lost.get(),
        parallel_refreshes: run.meter.refreshes_at_once.get(),
        parallel_refreshes_with_one_successor: run.meter.one_successor.get(),
        agents_logged_out_wrongly: run.meter.logged_out.get(),
    }
}

fn cash(rounds: &Rounds) -> Cash {
    let mut cash = Cash::default();
    for visit in rounds.visits() {
        match (&visit.end, visit.stop.kind) {
            (Some(End::Confirmed { amount_minor, .. }), Kind::Collection) => {
                cash.confirmed += 1;
                cash.collected_minor += amount_minor;
            }
            (Some(End::Confirmed { amount_minor, .. }), Kind::Disbursement) => {
                cash.confirmed += 1;
                cash.disbursed_minor += amount_minor;
            }
            (Some(End::Failed), _) => cash.failed += 1,
            (None, _) => {}
        }
    }
    cash
}

fn settlements(closed: &Closed) -> Vec<Settlement> {
    let one = |settled: &crate::close::Settled| {
        let totals = settled.settlement.totals.as_ref()?;
        Some(Settlement {
            operator: closed.operator.clone(),
            partner: settled.settlement.partner_id.clone(),
            count: totals.count,
            collected_minor: totals.collected.amount_minor,
            disbursed_minor: totals.disbursed.amount_minor,
            net_minor: totals.net.amount_minor,
            bytes: settled.bytes,
            sha256: settled.sha256.clone(),
        })
    };
    closed.settled.iter().filter_map(one).collect()
}

fn note(closed: &Closed, day: &str) -> Option<String> {
    (!closed.by_us).then(|| {
        format!(
            "{} had closed {day} before this run: its settlements were checked as they stand, this run's cash belongs to the next day",
            closed.operator
        )
    })
}

fn export(taken: &Taken) -> Export {
    Export {
        operator: taken.operator.clone(),
        kind: taken.kind,
        day: taken.day.clone(),
        count: taken.count,
        sums: taken.sums.clone(),
        bytes: taken.bytes,
        sha256: taken.sha256.clone(),
    }
}

/// Microseconds as milliseconds with one decimal.
pub(crate) fn millis(micros: u64) -> String {
    let tenths = micros.saturating_add(50) / 100;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// Paise as rupees, grouped as in India: ₹12,34,567.00.
pub(crate) fn rupees(paise: i64) -> String {
    let sign = if paise < 0 { "−" } else { "" };
    let (whole, rest) = (paise.unsigned_abs() / 100, paise.unsigned_abs() % 100);
    let digits = whole.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        let left = digits.len() - at;
        if at > 0 && (left == 3 || (left > 3 && left % 2 == 1)) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{sign}₹{grouped}.{rest:02}")
}

/// Sums by currency, in a row.
pub(crate) fn amounts(sums: &BTreeMap<String, i64>) -> String {
    if sums.is_empty() {
        return "none".to_owned();
    }
    let one = |(currency, minor): (&String, &i64)| {
        if currency == "INR" { rupees(*minor) } else { format!("{minor} {currency}") }
    };
    sums.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A report of a small day, with names that must be escaped.
    pub(crate) fn small(violations: &[&str]) -> Report {
        Report {
            run: "r1".to_owned(),
            url: "http://localhost:4566/<x>".to_owned(),
            day: "2026-11-21".to_owned(),
            weekday: "Saturday".to_owned(),
            began: "2026-11-21T09:30:00.000Z".to_owned(),
            seed: 1,
            agents: 1,
            visits: 2,
            operators: vec!["pennco".to_owned()],
            took_seconds: 3,
            requests: 9,
            endpoints: vec![Endpoint {
                name: "delivery-get",
                requests: 9,
                p50_micros: 52_000,
                p95_micros: 90_000,
                p99_micros: 120_449,
            }],
            statuses: BTreeMap::from([(200, 8), (409, 1)]),
            network: Network {
                lost_before: 1,
                lost_after: 2,
                replays_answered: 3,
                waits_asked_for: 0,
                unplanned_breaks: 0,
                points_accepted: 4,
            },
            logins: Logins {
                phones_enrolled: 2,
                phones_revoked: 1,
                refreshes: 8,
                refreshes_whose_answer_was_lost: 3,
                parallel_refreshes: 2,
                parallel_refreshes_with_one_successor: 2,
                agents_logged_out_wrongly: 0,
            },
            quarters: vec![1, 5, 2],
            curve: vec![4, 8, 12],
            cash: Cash { confirmed: 1, failed: 1, collected_minor: 150_000, disbursed_minor: 0 },
            trial_balances: BTreeMap::from([("pennco".to_owned(), BTreeMap::from([("INR".to_owned(), 0)]))]),
            accounts: 2,
            entries: 2,
            sightings: 5,
            refusals: vec![Refusal { name: "more than is due", planted: 1, refused: 1 }],
            bank: Bank { lines: 0, reconciled: 0, exceptions: Vec::new() },
            settlements: Vec::new(),
            notes: Vec::new(),
            exports: Vec::new(),
            rules: vec![RuleKept {
                name: "V1".to_owned(),
                says: "no accepted request is lost",
                violations: violations.len(),
            }],
            violations: violations.iter().map(|violation| (*violation).to_owned()).collect(),
        }
    }

    #[test]
    fn rupees_are_grouped_as_in_india() {
        let written: Vec<String> = [0, 5, 99_999, 10_000_000, 123_456_700, -25_000_050].map(rupees).into();
        assert_eq!(written, ["₹0.00", "₹0.05", "₹999.99", "₹1,00,000.00", "₹12,34,567.00", "−₹2,50,000.50"]);
    }

    #[test]
    fn the_last_line_is_the_verdict() {
        assert_eq!(small(&[]).text().lines().last(), Some("0 violations"));
        let text = small(&["V1: dlv_1: is lost"]).text();
        assert!(text.ends_with("V1: dlv_1: is lost\n1 violation\n"), "{text}");
    }

    #[test]
    fn the_terminal_says_how_the_logins_lasted() {
        let text = small(&[]).text();
        assert!(text.contains("refreshes, answers lost       8, 3\n"), "{text}");
        assert!(text.contains("parallel, with one successor  2, 2\n"), "{text}");
        assert!(text.contains("agents logged out wrongly     0\n"), "{text}");
    }

    #[test]
    fn milliseconds_are_rounded_to_a_tenth() {
        assert_eq!([52_000, 120_449, 120_450, 0].map(millis), ["52.0", "120.4", "120.5", "0.0"]);
    }

    #[test]
    fn machines_get_the_same_numbers() {
        let read: serde_json::Value = serde_json::from_str(&small(&[]).json()).unwrap();
        assert_eq!(read.pointer("/network/lost_after"), Some(&serde_json::json!(2)));
        assert_eq!(read.pointer("/logins/agents_logged_out_wrongly"), Some(&serde_json::json!(0)));
    }
}
