//! Payouts: instructed once, learned of forward only, watched while nobody knows.

use std::collections::BTreeMap;

use domain::{
    Command, Event, Failed, OperatorName, PayoutId, Refusal, SettlementId, Timestamp,
    access::Unseen,
    event::Happened,
    operator::Operator,
    payout::{Exposure, Payout, PayoutFilter, PayoutStatus},
    settlement::Settlement,
};

use crate::{
    answer::{Answer, Page},
    commit::Accepted,
    cursor::{CursorKey, PageRequest},
    keys, settlements, statements,
    table::{Direction, Item, Lost, Query, Range, Table, Write},
};

/// What may be done with payouts.
#[derive(Clone)]
pub struct Payouts {
    table: Table,
    cursors: CursorKey,
}

/// What a watch over an operator's payouts saw.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Watched {
    /// Payouts that may turn out either way.
    pub open: u64,
    /// Those that are behind their deadline.
    pub overdue: u64,
    /// Those of which somebody was told now.
    pub escalated: u64,
}

fn item(operator: &OperatorName, payout: &Payout) -> Result<Item, Failed> {
    let place = keys::payout_of_day(payout.business_day, &payout.payout_id);
    let list = keys::worklist_of_payouts(operator, payout.status.is_open());
    Ok(Item::of(&keys::payout(operator, &payout.payout_id), payout)?.in_index(keys::WORKLIST, list, &place).in_index(
        keys::OWNER,
        keys::owner_of_payouts(operator, &payout.partner_id),
        place,
    ))
}

/// A payout that is made with the same commit, and the news of it.
pub(crate) fn instructed(table: &Table, command: &Command, payout: &Payout) -> Result<(Write, Event), Failed> {
    let write = table.create(item(&command.operator, payout)?, Lost::Moved)?;
    Ok((write, news(command, Happened::PayoutInstructed, payout)))
}

pub(crate) fn news(command: &Command, happened: Happened, payout: &Payout) -> Event {
    Event::of(command, happened, payout.payout_id.as_str(), None)
}

/// A payout at the version that was read, and the transfer that books it when it is paid now.
pub(crate) fn moved(table: &Table, command: &Command, before: &Payout, after: &Payout) -> Result<Vec<Write>, Failed> {
    let mut writes = vec![table.replace(item(&command.operator, before)?, item(&command.operator, after)?)?];
    if before.transfer_id.is_none()
        && let Some(transfer) = after.booking(&command.operator)?
    {
        writes.extend(table.book(command, &transfer, command.at)?);
    }
    Ok(writes)
}

/// The reference that a payout is known by at the bank: it pays one thing for ever.
pub(crate) fn take_reference(
    table: &Table,
    operator: &OperatorName,
    reference: &str,
    payout: &Payout,
) -> Result<Write, Failed> {
    let line = Item::at(&keys::bank_line(operator, reference)).with("holder", payout.payout_id.as_str());
    table.create(line, statements::taken())
}

/// Payouts of an operator that are open, or that are not, of these business days.
async fn listed(table: &Table, operator: &OperatorName, is_open: bool, days: Range) -> Result<Vec<Payout>, Failed> {
    let partition = keys::worklist_of_payouts(operator, is_open);
    let query = Query { range: days, ..Query::of_index(&table.names.records, keys::WORKLIST, partition) };
    let mut pages = table.pages(query);
    let mut payouts = vec![];
    while let Some(rows) = pages.next().await? {
        payouts.extend(table.whole::<Payout>(&rows).await?);
    }
    Ok(payouts)
}

/// Every payout that is open, and the others of these business days, each once: one that ends meanwhile is in the list
/// that is read later.
pub(crate) async fn to_be_shown(table: &Table, operator: &OperatorName, days: Range) -> Result<Vec<Payout>, Failed> {
    let mut payouts = listed(table, operator, IS_OPEN, Range::All).await?;
    payouts.extend(listed(table, operator, !IS_OPEN, days).await?);
    let by_id: BTreeMap<PayoutId, Payout> =
        payouts.into_iter().map(|payout| (payout.payout_id.clone(), payout)).collect();
    Ok(by_id.into_values().collect())
}

impl Payouts {
    /// Payouts in these tables.
    #[must_use]
    pub fn new(table: Table, cursors: CursorKey) -> Self {
        Self { table, cursors }
    }

    /// The operator whose calendar and rails a payout goes by.
    ///
    /// # Errors
    /// [`Failed::Unknown`] when there is none.
    pub async fn operator(&self, operator: &OperatorName) -> Result<Operator, Failed> {
        self.table.get(&keys::operator(operator)).await
    }

    /// Every operator.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn operators(&self) -> Result<Vec<OperatorName>, Failed> {
        crate::directory::Directory::new(self.table.clone()).operators().await
    }

    /// A settlement that is to be paid out.
    ///
    /// # Errors
    /// [`Failed::Unknown`] when there is none.
    pub async fn settlement(
        &self,
        operator: &OperatorName,
        settlement_id: &SettlementId,
    ) -> Result<Unseen<Settlement>, Failed> {
        self.table.get(&keys::settlement(operator, settlement_id)).await.map(Unseen::new)
    }

    /// The latest payout of a settlement, if it has one.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn latest(&self, operator: &OperatorName, settlement: &Settlement) -> Result<Option<Payout>, Failed> {
        let Some(payout_id) = &settlement.payout_id else { return Ok(None) };
        self.table.get(&keys::payout(operator, payout_id)).await.map(Some)
    }

    /// Instructs a payout. Of two that are asked for at once one is made: both move the settlement.
    ///
    /// # Errors
    /// As a commit.
    pub async fn create(
        &self,
        command: &Command,
        before: &Settlement,
        decided: Result<(Settlement, Payout), Refusal>,
    ) -> Result<Answer<Payout>, Failed> {
        let accepted = decided.map_err(Failed::from).and_then(|(settlement, payout)| {
            let (earlier, later) =
                (settlements::item(&command.operator, before)?, settlements::item(&command.operator, &settlement)?);
            let (write, event) = instructed(&self.table, command, &payout)?;
            Ok(Accepted {
                status: 201,
                subject: payout.payout_id.to_string(),
                events: vec![event],
                writes: vec![self.table.replace(earlier, later)?, write],
                answer: payout,
            })
        });
        self.table.commit(command, accepted).await?.with_version(|payout: &Payout| payout.version)
    }

    /// A payout.
    ///
    /// # Errors
    /// [`Failed::Unknown`] when there is none.
    pub async fn get(&self, operator: &OperatorName, payout_id: &PayoutId) -> Result<Unseen<Payout>, Failed> {
        self.table.get(&keys::payout(operator, payout_id)).await.map(Unseen::new)
    }

    /// A page of payouts, newest day first: one query, and one batch read of what it found.
    ///
    /// # Errors
    /// [`Failed::Malformed`] for a cursor that was not made for this list.
    pub async fn list(
        &self,
        operator: &OperatorName,
        filter: &PayoutFilter,
        page: &PageRequest,
    ) -> Result<Page<Payout>, Failed> {
        let (index, partition) = match filter {
            PayoutFilter::Partner(partner) => (keys::OWNER, keys::owner_of_payouts(operator, partner)),
            PayoutFilter::State { is_open } => (keys::WORKLIST, keys::worklist_of_payouts(operator, *is_open)),
        };
        let scope = format!("{operator} payouts {filter:?}");
        let query = Query {
            direction: Direction::NewestFirst,
            limit: Some(page.limit),
            after: self.cursors.open(&scope, page.cursor.as_deref())?,
            ..Query::of_index(&self.table.names.records, index, partition)
        };
        let (rows, last) = self.table.query(query).await?;
        Ok(Page { items: self.table.whole(&rows).await?, next_cursor: self.cursors.seal(&scope, last)? })
    }

    /// Keeps what was learned of a payout, and books one that is paid with the same commit. A bank's reference that settled
    /// something else is refused.
    ///
    /// # Errors
    /// As a commit.
    pub async fn update(
        &self,
        command: &Command,
        before: &Payout,
        decided: Result<Payout, Failed>,
    ) -> Result<Answer<Payout>, Failed> {
        let accepted = decided.and_then(|payout| {
            let mut writes = moved(&self.table, command, before, &payout)?;
            let happened = match payout.status {
                PayoutStatus::Instructed => Happened::PayoutInstructed,
                PayoutStatus::Sent => Happened::PayoutSent,
                PayoutStatus::Unknown => Happened::PayoutUnknown,
                PayoutStatus::Paid => Happened::PayoutPaid,
                PayoutStatus::Failed => Happened::PayoutFailed,
            };
            if let Some(line) = payout.bank_reference.as_ref().filter(|_| payout.status == PayoutStatus::Paid) {
                writes.push(take_reference(&self.table, &command.operator, line, &payout)?);
            }
            Ok(Accepted {
                status: 200,
                subject: payout.payout_id.to_string(),
                events: vec![news(command, happened, &payout)],
                writes,
                answer: payout,
            })
        });
        self.table.commit(command, accepted).await?.with_version(|payout: &Payout| payout.version)
    }

    /// Every payout of an operator that may turn out either way.
    async fn open(&self, operator: &OperatorName) -> Result<Vec<Payout>, Failed> {
        listed(&self.table, operator, IS_OPEN, Range::All).await
    }

    /// What is under way, how old it is and what its delay costs.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn exposure(&self, operator: &OperatorName, now: Timestamp) -> Result<Exposure, Failed> {
        let known = self.operator(operator).await?;
        Exposure::of(&self.open(operator).await?, known.currency, &known.clock()?, now)
    }

    /// Looks at every open payout of an operator and reports each that has reached another step of its delay, once a step.
    /// One that is being changed meanwhile is looked at with the next tick.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn watch(
        &self,
        job: &str,
        operator: &OperatorName,
        now: Timestamp,
        request_id: &str,
    ) -> Result<Watched, Failed> {
        let clock = self.operator(operator).await?.clock()?;
        let mut watched = Watched::default();
        for before in self.open(operator).await?.into_iter().filter(|payout| payout.status.is_open()) {
            watched.open = watched.open.saturating_add(1);
            let is_late = before.overdue(&clock, now)?.days_late > 0;
            watched.overdue = watched.overdue.saturating_add(u64::from(is_late));
            let Some(after) = before.escalate(&clock, now)? else { continue };
            let step = after.escalations.last().map_or(0, |escalation| escalation.step);
            let due = after.deadline.as_ref().map(|deadline| deadline.due.to_string()).unwrap_or_default();
            let key = format!("{}-{due}-{step}", after.payout_id);
            let command = Command::of_job(operator.clone(), job, &key, now, request_id.to_owned());
            let accepted = Accepted {
                status: 200,
                subject: after.payout_id.to_string(),
                events: vec![news(&command, Happened::PayoutOverdue, &after)],
                writes: vec![self.table.replace(item(operator, &before)?, item(operator, &after)?)?],
                answer: after,
            };
            match self.table.commit(&command, Ok(accepted)).await {
                Ok(_) => watched.escalated = watched.escalated.saturating_add(1),
                Err(Failed::Moved | Failed::InProgress) => {}
                Err(failed) => return Err(failed),
            }
        }
        Ok(watched)
    }
}

/// Payouts that may turn out either way have a list of their own.
const IS_OPEN: bool = true;
