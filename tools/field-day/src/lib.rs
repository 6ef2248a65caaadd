//! The simulated day: agents on patchy 4G work their stops over HTTP, the bank and the close follow, and a checker
//! that sees nothing but the public API says whether the money, the receipts and the walls between operators held.
//!
//! It is a client as an outsider would write it: no crate of Milepost, only `docs/API.md`.
//! The plan (who visits whom, for how much, when the line drops) is drawn from `--seed` by splitmix64, so the same seed
//! is the same day; idempotency keys, references and bank lines carry a run id, so a second run on the same stack works.

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
mod exports;
mod findings;
mod meter;
mod morning;
mod options;
mod page;
mod patchy;
mod plan;
mod problem;
mod progress;
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

use std::{fs, path::Path};

pub use options::Options;

use plan::Plan;
use progress::Progress;
use report::Report;
use run::Run;

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
    #[error("{username} cannot log in: {why}; is the stack up and seeded, and the password right?")]
    NoEntry {
        /// Who.
        username: String,
        /// What the token route said.
        why: String,
    },
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
    let team = team::log_in(&run, &plan, &progress)?;
    run.baseline = check::activity_before(&run, &team);

    let mut rounds = morning::prepare(&run, &team, &plan, &progress);
    day::work(&run, &team, &plan, &mut rounds, &progress);
    let statement = bank::reconcile(&run, &team, &mut rounds, &progress);
    let closing = close::request(&run, &team, &progress);
    battery::fire(&run, &team, &rounds, &progress);
    walls::probe(&run, &team, &rounds, &closing, &progress);
    let closed = close::settle(&run, &team, closing, &progress);
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

fn write(path: &Path, bytes: &[u8]) -> Result<(), Stopped> {
    let failed = |source| Stopped::Report { path: path.display().to_string(), source };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::write(path, bytes).map_err(failed)
}
