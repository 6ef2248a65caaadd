//! The simulated day: agents on patchy 4G work their stops over HTTP, the bank and the close follow, and a checker
//! that sees nothing but the public API says whether the money, the receipts, the logins and the walls between operators
//! held.
//!
//! It is a client as an outsider would write it: no crate of Milepost, only `docs/API.md`, and the agents' SMS.
//! The plan (who visits whom, for how much, when the line drops) is drawn from `--seed` by splitmix64, so the same seed
//! is the same day; idempotency keys, references and bank lines carry a run id and phones have keys of their own, so a
//! second run on the same stack works.

mod bank;
mod battery;
mod books;
mod caller;
mod check;
mod clock;
mod close;
mod command;
mod crew;
mod curve;
mod day;
mod dice;
#[cfg(test)]
mod double;
mod enrol;
mod exports;
mod findings;
mod inbox;
mod login;
mod lost;
mod meter;
mod morning;
mod options;
mod page;
mod patchy;
mod phone;
mod plan;
mod problem;
mod programs;
mod progress;
mod renewals;
mod report;
mod rounds;
mod run;
mod settlement_file;
mod shapes;
mod sightings;
mod tally;
mod team;
mod track;
mod walls;
mod wire;

use std::{fs, path::Path, thread};

pub use options::Options;

use lost::Revoked;
use plan::Plan;
use progress::Progress;
use report::Report;
use run::Run;
use team::Team;

/// Why the day could not be run at all; what goes wrong during the day is a violation in the report instead.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// The address cannot be used.
    #[error("--url {url}: {why}")]
    Address {
        /// What was given.
        url: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Somebody the day needs cannot log in.
    #[error(
        "{username} cannot log in: {why}; is the stack up and seeded, is the password right, and does --sms-inbox have its SMS?"
    )]
    NoEntry {
        /// Who.
        username: String,
        /// What the token route said.
        why: String,
    },
    /// More agents were asked for than there are.
    #[error("{operator} has {found} agents and needs {wanted}: seed more, or ask for fewer with --agents")]
    TooFewAgents {
        /// Where.
        operator: String,
        /// How many there are.
        found: usize,
        /// How many the plan has.
        wanted: usize,
    },
    /// A phone cannot make its key.
    #[error("this machine has no random numbers for a phone's key")]
    NoKey,
    /// The report cannot be written.
    #[error("cannot write {path}")]
    Report {
        /// Where to.
        path: String,
        /// What the disk said.
        source: std::io::Error,
    },
    /// The calendar of the operators' zone is not there.
    #[error("the business day of Asia/Kolkata cannot be told")]
    Calendar(#[source] jiff::Error),
    /// The report cannot be printed.
    #[error("cannot print the report")]
    Print(#[from] std::io::Error),
}

/// Runs the whole day, prints and writes the report, and gives the number of violations.
pub fn run(options: &Options) -> Result<usize, Stopped> {
    let today = clock::business_day(clock::now())?;
    let plan = Plan::draw(options, today.weekday());
    let progress = Progress::new();

    let mut run = Run::new(options, today)?;
    let houses = team::log_in(&run, &progress)?;
    run.baseline = check::activity_before(&run, &houses);
    let team = team::complete(&run, houses, &plan, &progress)?;

    let mut rounds = morning::prepare(&run, &team, &plan, &progress);
    let revoked = day::work(&run, &team, &plan, &mut rounds, &progress);
    let statement = bank::reconcile(&run, &team, &mut rounds, &progress);
    let closing = close::request(&run, &team, &progress);
    battery::fire(&run, &team, &rounds, &progress);
    walls::probe(&run, &team, &rounds, &closing, &progress);
    let closed = thread::scope(|scope| {
        // Files are not built before half a minute has passed, and revocations take as long to be heard everywhere.
        scope.spawn(|| evening(&run, &team, &plan, &revoked));
        close::settle(&run, &team, closing, &progress)
    });
    let exports = exports::take(&run, &team, &rounds, &progress);
    let books = check::everything(&run, &team, &plan, &rounds, &closed, &progress);

    let report = Report::gather(&run, &plan, &rounds, &statement, &closed, &exports, &books);
    progress.clear();
    report.print()?;
    write(&options.report, page::render(&report).as_bytes())?;
    if let Some(path) = &options.json {
        write(path, report.json().as_bytes())?;
    }
    progress.say(&format!("report: {}", options.report.display()));
    Ok(report.violations.len())
}

/// Who was not logged out is in, and what was revoked, or gave itself away, is out.
fn evening(run: &Run, team: &Team, plan: &Plan, revoked: &[Revoked]) {
    let stolen = lost::come_back(run, team, plan);
    renewals::must_still_be_in(run, &team.still_in(plan));
    lost::must_be_refused_everywhere(run, revoked);
    lost::must_be_refused_everywhere(run, &stolen);
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Stopped> {
    let failed = |source| Stopped::Report { path: path.display().to_string(), source };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::write(path, bytes).map_err(failed)
}
