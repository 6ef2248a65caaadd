//! Visits: planned, assigned, concluded, listed.

use domain::{
    AgentId, Command, Delivery as Visit, DeliveryId, Event, Failed, OperatorName, Refusal,
    access::Unseen,
    delivery::{Assigned, Concluded, DeliveryFilter, DeliverySummary, Receipt},
    event::Happened,
    ledger::Account,
    operator::{Assignee, Operator},
    reservation::Reservation,
};

use crate::{
    answer::{Answer, Page},
    commit::Accepted,
    cursor::{CursorKey, PageRequest},
    keys, reservations,
    table::{Item, Lost, Query, Range, Table, Write},
};

/// What may be done with visits.
#[derive(Clone)]
pub struct Deliveries {
    table: Table,
    cursors: CursorKey,
}

/// A visit as it lies in the table.
pub(crate) fn item(operator: &OperatorName, visit: &Visit) -> Result<Item, Failed> {
    let worklist = keys::worklist_of_deliveries(operator, &visit.region, visit.status.as_str());
    let item = Item::of(&keys::delivery(operator, &visit.delivery_id), visit)?
        .with("borrower_name", &visit.borrower.name)
        .in_index(keys::WORKLIST, worklist, keys::worklist_delivery(visit.due, &visit.delivery_id));
    Ok(match &visit.agent_id {
        Some(agent) => {
            item.in_index(keys::OWNER, keys::owner_agent_day(operator, agent, visit.due), visit.delivery_id.as_str())
        }
        None => item,
    })
}

/// A new visit and its hold on the partner's reference; `holder` is whose reference it is.
pub(crate) fn plan(table: &Table, operator: &OperatorName, visit: &Visit, holder: &str) -> Result<Vec<Write>, Failed> {
    let reference = keys::reference(operator, &visit.partner_id, visit.kind, &visit.reference);
    let reference = Item::at(&reference).with("holder", holder);
    Ok(vec![
        table.create(item(operator, visit)?, Lost::Moved)?,
        table.create(reference, Lost::Taken(|existing_id| Refusal::AlreadyExists { existing_id }))?,
    ])
}

impl Deliveries {
    /// Visits in these tables.
    #[must_use]
    pub fn new(table: Table, cursors: CursorKey) -> Self {
        Self { table, cursors }
    }

    /// A visit.
    ///
    /// # Errors
    /// [`Failed::Unknown`] when there is none.
    pub async fn get(&self, operator: &OperatorName, delivery_id: &DeliveryId) -> Result<Unseen<Visit>, Failed> {
        self.table.get(&keys::delivery(operator, delivery_id)).await.map(Unseen::new)
    }

    /// The operator whose rules a new visit is checked by.
    ///
    /// # Errors
    /// [`Failed::Unknown`] when there is none.
    pub async fn operator(&self, operator: &OperatorName) -> Result<Operator, Failed> {
        self.table.get(&keys::operator(operator)).await
    }

    /// The agent who shall make a visit: a read of the agent, and one of their cash.
    ///
    /// # Errors
    /// [`Failed::Unknown`] when there is no such agent.
    pub async fn assignee(&self, operator: &OperatorName, agent_id: &AgentId) -> Result<Assignee, Failed> {
        let agent: crate::directory::NewAgent = self.table.get(&keys::agent(operator, agent_id)).await?;
        let cash = keys::balance(operator, &Account::AgentCash(agent_id.clone()), 0);
        let cash = self.table.find(&cash).await?;
        let is_closed = cash.is_some_and(|cash| cash.text("closed_at").is_some());
        Ok(Assignee { agent_id: agent_id.clone(), regions: vec![agent.region], is_closed })
    }

    /// Plans a visit.
    ///
    /// # Errors
    /// As [`Table::commit`].
    pub async fn create(&self, command: &Command, decided: Result<Visit, Failed>) -> Result<Answer<Visit>, Failed> {
        let accepted = decided.and_then(|visit| {
            Ok(Accepted {
                status: 201,
                subject: visit.delivery_id.to_string(),
                events: vec![self.event(command, Happened::DeliveryCreated, &visit)],
                writes: plan(&self.table, &command.operator, &visit, visit.delivery_id.as_str())?,
                answer: visit,
            })
        });
        self.table.commit(command, accepted).await
    }

    /// What was set aside for a visit, if anything was.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn reservation(&self, operator: &OperatorName, visit: &Visit) -> Result<Option<Reservation>, Failed> {
        reservations::of_visit(&self.table, operator, visit).await
    }

    /// Gives a visit its agent, and sets aside what it needs of the agent's cash.
    ///
    /// # Errors
    /// As [`Table::commit`].
    pub async fn assign(
        &self,
        command: &Command,
        before: &Visit,
        decided: Result<Assigned, Refusal>,
    ) -> Result<Answer<Visit>, Failed> {
        let accepted = decided.map_err(Failed::from).and_then(|Assigned { visit: after, reservation }| {
            let operator = &command.operator;
            let mut writes = vec![self.table.assign(item(operator, before)?, item(operator, &after)?)?];
            if let Some(reservation) = &reservation {
                writes.extend(reservations::made(&self.table, operator, reservation)?);
            }
            Ok(Accepted {
                status: 200,
                subject: after.delivery_id.to_string(),
                events: vec![self.event(command, Happened::DeliveryAssigned, &after)],
                writes,
                answer: after,
            })
        });
        self.table.commit(command, accepted).await
    }

    /// Concludes a visit: its outcome, its entries, its balances and what was set aside for it in one transaction.
    ///
    /// # Errors
    /// As [`Table::commit`].
    pub async fn conclude(
        &self,
        command: &Command,
        (before, reserved): (&Visit, Option<&Reservation>),
        decided: Result<Concluded, Failed>,
    ) -> Result<Answer<Receipt>, Failed> {
        let accepted = decided.and_then(|Concluded { after, receipt, transfer, reservation }| {
            let operator = &command.operator;
            let mut writes = vec![self.table.replace(item(operator, before)?, item(operator, &after)?)?];
            let held = reserved.zip(reservation.as_ref());
            match (&transfer, held) {
                (Some(transfer), Some((reserved, spent))) => {
                    writes.push(reservations::moved(&self.table, operator, reserved, spent)?);
                    writes.extend(self.table.book_held(command, transfer, reserved)?);
                }
                (Some(transfer), None) => writes.extend(self.table.book(command, transfer, command.at)?),
                (None, Some((reserved, let_go))) => {
                    writes.extend(reservations::released(&self.table, operator, reserved, let_go)?);
                }
                (None, None) => {}
            }
            let happened = if transfer.is_some() { Happened::DeliveryConfirmed } else { Happened::DeliveryFailed };
            Ok(Accepted {
                status: 200,
                subject: after.delivery_id.to_string(),
                events: vec![self.event(command, happened, &after)],
                writes,
                answer: receipt,
            })
        });
        self.table.commit(command, accepted).await
    }

    /// A page of visits, by day: one query on one index.
    ///
    /// # Errors
    /// [`Failed::Malformed`] for a cursor that was not made for this list.
    pub async fn list(
        &self,
        operator: &OperatorName,
        filter: &DeliveryFilter,
        page: &PageRequest,
    ) -> Result<Page<DeliverySummary>, Failed> {
        let records = &self.table.names.records;
        let query = match filter {
            DeliveryFilter::Worklist { region, status, due } => {
                let partition = keys::worklist_of_deliveries(operator, region, status.as_str());
                let range = due.map_or(Range::All, |due| Range::Prefix(keys::worklist_due(due)));
                Query { range, ..Query::of_index(records, keys::WORKLIST, partition) }
            }
            DeliveryFilter::AgentDay { agent_id, due } => {
                Query::of_index(records, keys::OWNER, keys::owner_agent_day(operator, agent_id, *due))
            }
        };
        let scope = format!("{operator} {filter:?}");
        let limit = Some(page.limit);
        let after = self.cursors.open(&scope, page.cursor.as_deref())?;
        let (items, last) = self.table.query(Query { limit, after, ..query }).await?;
        let items = items.into_iter().map(Item::read).collect::<Result<_, _>>()?;
        Ok(Page { items, next_cursor: self.cursors.seal(&scope, last)? })
    }

    fn event(&self, command: &Command, happened: Happened, visit: &Visit) -> Event {
        Event::of(command, happened, visit.delivery_id.as_str(), Some(&visit.region))
    }
}
