//! What everybody in the day shares: the line, the counts, the findings, and the names that make this run unlike any other.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use jiff::{Timestamp, civil::Date};

use crate::{
    Options, Stopped, clock,
    findings::Findings,
    inbox::Inbox,
    meter::Meter,
    sightings::Sightings,
    tally::{Counts, Tally},
    wire::{Base, Wire},
};

/// One run of one day.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    pub(crate) options: &'a Options,
    /// Begins every key, reference and bank line of this run.
    pub(crate) id: String,
    pub(crate) began: Timestamp,
    /// The business day.
    pub(crate) today: Date,
    pub(crate) wire: Wire,
    /// Where the agents' SMS arrive.
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) findings: Arc<Findings>,
    pub(crate) sightings: Sightings,
    pub(crate) tally: Tally,
    /// The activity counts of each operator before the day.
    pub(crate) baseline: BTreeMap<String, Counts>,
    keys: AtomicU64,
}

impl<'a> Run<'a> {
    pub(crate) fn new(options: &'a Options, today: Date) -> Result<Self, Stopped> {
        let (meter, findings) = (Arc::new(Meter::new()), Arc::new(Findings::default()));
        let began = clock::now();
        let base = Base::parse(&options.url)?;
        let inbox = options.sms_inbox.clone().unwrap_or_else(|| Inbox::of_the_emulator(&base));
        Ok(Self {
            options,
            id: run_id(began),
            began,
            today,
            inbox: Arc::new(Inbox::at(&inbox, options.patience)),
            wire: Wire::new(base, options.concurrency, meter.clone(), findings.clone()),
            meter,
            findings,
            sightings: Sightings::default(),
            tally: Tally::default(),
            baseline: BTreeMap::new(),
            keys: AtomicU64::new(0),
        })
    }

    /// The business day by now: midnight may have passed since the run began.
    pub(crate) fn today_by_now(&self) -> Date {
        clock::business_day(clock::now()).unwrap_or(self.today)
    }

    /// A key nobody used before.
    pub(crate) fn next_key(&self) -> String {
        format!("fd-{}-{}", self.id, self.keys.fetch_add(1, Ordering::Relaxed))
    }

    /// A bank line nobody used before: 16 letters and digits.
    pub(crate) fn next_bank_reference(&self) -> String {
        format!("FD{:0>8}{:06}", self.id.to_uppercase(), self.keys.fetch_add(1, Ordering::Relaxed) % 1_000_000)
    }
}

/// Milliseconds and process, as letters and digits: two runs never share it.
fn run_id(began: Timestamp) -> String {
    let mut number = u64::try_from(began.as_millisecond()).unwrap_or_default() ^ (u64::from(std::process::id()) << 24);
    let mut id = Vec::new();
    while number > 0 && id.len() < 8 {
        id.extend(u32::try_from(number % 36).ok().and_then(|digit| char::from_digit(digit, 36)));
        number /= 36;
    }
    id.iter().rev().collect()
}

#[cfg(test)]
impl Run<'static> {
    /// A run for tests, against that address.
    pub(crate) fn towards(url: &str) -> Self {
        Self::with_inbox(url, url)
    }

    /// The same, with SMS that are read somewhere else.
    pub(crate) fn with_inbox(url: &str, inbox: &str) -> Self {
        use clap::Parser;
        let words = ["field-day", "--url", url, "--sms-inbox", inbox, "--patience", "5"];
        let options = Box::leak(Box::new(Options::parse_from(words)));
        Self::new(options, Date::constant(2026, 11, 21)).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_bank_lines_are_never_the_same() {
        let run = Run::towards("http://localhost");
        assert_ne!(run.next_key(), run.next_key());
        let line = run.next_bank_reference();
        assert_ne!(line, run.next_bank_reference());
        assert!((12..=22).contains(&line.len()) && line.chars().all(|letter| letter.is_ascii_alphanumeric()), "{line}");
    }
}
