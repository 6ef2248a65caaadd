//! Acknowledgements of settlements: what a partner says of its file, held against the entries that the file was made of.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    Command, Event, Failed, OperatorName, SettlementId,
    access::Unseen,
    acknowledgement::{Acknowledged, AcknowledgementOutcome},
    event::Happened,
    ledger::Entry,
    settlement::{Settlement, SettlementStatus},
    settlement_file::{Line, Tally},
};

use crate::{answer::Answer, commit::Accepted, files::Files, keys, settlements, table::Table};

/// Settlements as they are acknowledged, and the bucket that keeps what was said.
#[derive(Clone)]
pub struct Acknowledgements {
    table: Table,
    files: Files,
}

impl Acknowledgements {
    /// Acknowledgements of settlements in these tables and this bucket.
    #[must_use]
    pub fn new(table: Table, files: Files) -> Self {
        Self { table, files }
    }

    /// A settlement.
    ///
    /// # Errors
    /// [`Failed::Unknown`] when there is none.
    pub async fn get(
        &self,
        operator: &OperatorName,
        settlement_id: &SettlementId,
    ) -> Result<Unseen<Settlement>, Failed> {
        self.table.get(&keys::settlement(operator, settlement_id)).await.map(Unseen::new)
    }

    /// The lines of a settlement's file with these numbers, as far as it has them: its entries are counted once more, page
    /// by page, up to the last that is asked for. Of a settlement that no acknowledgement can change, none are read.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn lines(
        &self,
        operator: &OperatorName,
        settlement: &Settlement,
        numbers: &BTreeSet<u64>,
    ) -> Result<BTreeMap<u64, Line>, Failed> {
        let mut lines = BTreeMap::new();
        let is_open = settlement.status == SettlementStatus::Settled && settlement.acknowledgement.is_none();
        let count = settlement.totals.map_or(0, |totals| totals.count);
        let last = numbers.range(..=count).next_back().filter(|last| is_open && **last > 0);
        let Some(last) = last else { return Ok(lines) };
        let mut tally = Tally::new(settlement.currency, false);
        let mut pages = settlements::entries(&self.table, operator, settlement);
        while let Some(entries) = pages.next().await? {
            for entry in entries {
                let Some(line) = tally.push(&entry.read::<Entry>()?, None)? else { continue };
                if numbers.contains(&line.number) {
                    lines.insert(line.number, line);
                }
                if line.number == *last {
                    return Ok(lines);
                }
            }
        }
        Ok(lines)
    }

    /// Keeps what a partner says: its words in the bucket, under their digest, then what they come to, with the settlement.
    /// Of two at once one is kept; the other is decided anew and finds it.
    ///
    /// # Errors
    /// As a commit.
    pub async fn keep(
        &self,
        command: &Command,
        before: &Settlement,
        decided: Result<Acknowledged, Failed>,
    ) -> Result<Answer<Settlement>, Failed> {
        let operator = &command.operator;
        if let Ok(Acknowledged { settlement: Settlement { acknowledgement: Some(after), .. }, said: Some(said) }) =
            &decided
        {
            let kept = self.files.write(&after.file.key, "application/json", said).await?;
            if kept != after.file {
                return Err(Failed::fault("what was said was kept otherwise"));
            }
        }
        let accepted = decided.and_then(|Acknowledged { settlement, said }| {
            let id = settlement.settlement_id.as_str();
            let (mut events, mut writes) = (vec![], vec![]);
            if let Some(acknowledgement) = settlement.acknowledgement.as_ref().filter(|_| said.is_some()) {
                let happened = match acknowledgement.outcome {
                    AcknowledgementOutcome::Acknowledged => Happened::SettlementAcknowledged,
                    AcknowledgementOutcome::Disputed => Happened::SettlementDisputed,
                };
                events.push(Event::of(command, happened, id, None));
                let (earlier, later) =
                    (settlements::item(operator, before)?, settlements::item(operator, &settlement)?);
                writes.push(self.table.replace(earlier, later)?);
            }
            Ok(Accepted { status: 200, subject: id.to_owned(), events, writes, answer: settlement })
        });
        self.table.commit(command, accepted).await?.with_version(|settlement: &Settlement| settlement.version)
    }
}
