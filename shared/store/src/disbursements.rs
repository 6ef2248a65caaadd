//! Instructions to pay: made with their visit, compared with the bank.

use domain::{
    Command, Delivery, DisbursementId, Event, Failed, OperatorName, Refusal,
    access::Unseen,
    approval::Approval,
    disbursement::{Cancelled, Disbursement, Instruction, Reconciled, ReconciliationOutcome},
    event::Happened,
    ledger::Transfer,
    operator::{Instructed, Operator},
    reservation::Reservation,
    transfer::{Made, ShownTransfer},
};

use crate::{
    answer::{Answer, Outcome},
    approvals,
    commit::Accepted,
    deliveries, keys, reservations, statements,
    table::{Item, Lost, Table, Write},
};

/// What may be done with instructions to pay.
#[derive(Clone)]
pub struct Disbursements {
    table: Table,
}

/// A payment that is taken back, the transfer that does it, and what is reported.
pub(crate) fn reversed(
    table: &Table,
    command: &Command,
    before: &Instruction,
    after: &Instruction,
    transfer: &Transfer,
) -> Result<(Vec<Write>, Vec<Event>), Failed> {
    let id = &after.disbursement_id;
    let place = keys::disbursement(&command.operator, id);
    let mut writes = vec![table.replace(Item::of(&place, before)?, Item::of(&place, after)?)?];
    writes.extend(table.book_by_hand(command, transfer, None)?);
    Ok((writes, vec![Event::of(command, Happened::DisbursementReversed, id.as_str(), Some(&after.region))]))
}

impl Disbursements {
    /// Instructions in these tables.
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    /// An instruction and the visit that carries it out; the instruction is read once more when the visit was called off and
    /// it does not say so.
    ///
    /// # Errors
    /// [`Failed::Unknown`] when there is none.
    pub async fn get(
        &self,
        operator: &OperatorName,
        disbursement_id: &DisbursementId,
    ) -> Result<Unseen<(Instruction, Delivery)>, Failed> {
        let key = keys::disbursement(operator, disbursement_id);
        let mut instruction: Instruction = self.table.get(&key).await?;
        let visit = self.table.get(&keys::delivery(operator, &instruction.delivery_id)).await?;
        if instruction.may_be_behind(&visit) {
            instruction = self.table.get(&key).await?;
        }
        Ok(Unseen::new((instruction, visit)))
    }

    /// The operator whose rules an instruction is checked by, and what nobody does alone.
    ///
    /// # Errors
    /// [`Failed::Unknown`] when there is none.
    pub async fn operator(&self, operator: &OperatorName) -> Result<Operator, Failed> {
        self.table.get(&keys::operator(operator)).await
    }

    /// Takes an instruction, plans its visit, and asks for the approval that both wait for, in one transaction.
    ///
    /// # Errors
    /// As a commit.
    pub async fn create(
        &self,
        command: &Command,
        decided: Result<Instructed, Failed>,
    ) -> Result<Answer<Disbursement>, Failed> {
        let accepted = decided.and_then(|Instructed { instruction, visit, approval }| {
            let id = instruction.disbursement_id.as_str();
            let item = Item::of(&keys::disbursement(&command.operator, &instruction.disbursement_id), &instruction)?;
            let mut writes = deliveries::plan(&self.table, &command.operator, &visit, id)?;
            writes.push(self.table.create(item, Lost::Moved)?);
            let mut events = vec![
                Event::of(command, Happened::DisbursementCreated, id, Some(&visit.region)),
                Event::of(command, Happened::DeliveryCreated, visit.delivery_id.as_str(), Some(&visit.region)),
            ];
            if let Some(approval) = &approval {
                writes.push(approvals::ask(&self.table, &command.operator, approval)?);
                let id = approval.approval_id.as_str();
                events.push(Event::of(command, Happened::ApprovalRequested, id, Some(&visit.region)));
            }
            Ok(Accepted { status: 201, answer: instruction.shown(&visit), subject: id.to_owned(), events, writes })
        });
        self.table.commit(command, accepted).await
    }

    /// The approval of an instruction, if it needs one.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn approval(
        &self,
        operator: &OperatorName,
        instruction: &Instruction,
    ) -> Result<Option<Approval>, Failed> {
        match &instruction.approval_id {
            Some(approval_id) => self.table.get(&keys::approval(operator, approval_id)).await.map(Some),
            None => Ok(None),
        }
    }

    /// What was set aside for a payment's visit, if anything was.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn reservation(&self, operator: &OperatorName, visit: &Delivery) -> Result<Option<Reservation>, Failed> {
        reservations::of_visit(&self.table, operator, visit).await
    }

    /// Calls a payment off with its visit, lets go what was set aside for it, and the approval that it still waits for, in
    /// one transaction.
    ///
    /// # Errors
    /// As a commit.
    pub async fn cancel(
        &self,
        command: &Command,
        before: (&Instruction, &Delivery, Option<&Approval>, Option<&Reservation>),
        decided: Result<Cancelled, Refusal>,
    ) -> Result<Answer<Disbursement>, Failed> {
        let (instruction, visit, approval, reserved) = before;
        let accepted = decided.map_err(Failed::from).and_then(|after| {
            let id = after.instruction.disbursement_id.as_str();
            let operator = &command.operator;
            let place = keys::disbursement(operator, &instruction.disbursement_id);
            let mut writes = vec![
                self.table.replace(Item::of(&place, instruction)?, Item::of(&place, &after.instruction)?)?,
                self.table.replace(deliveries::item(operator, visit)?, deliveries::item(operator, &after.visit)?)?,
            ];
            if let (Some(before), Some(after)) = (approval, &after.approval) {
                writes.push(approvals::moved(&self.table, operator, before, after)?);
            }
            if let (Some(before), Some(after)) = (reserved, &after.reservation) {
                writes.extend(reservations::released(&self.table, operator, before, after)?);
            }
            let region = Some(&after.instruction.region);
            Ok(Accepted {
                status: 200,
                answer: after.instruction.shown(&after.visit),
                subject: id.to_owned(),
                events: vec![
                    Event::of(command, Happened::DisbursementCancelled, id, region),
                    Event::of(command, Happened::DeliveryCancelled, after.visit.delivery_id.as_str(), region),
                ],
                writes,
            })
        });
        self.table.commit(command, accepted).await
    }

    /// The transfer that booked a visit's hand-over, and what took it back; none before there is one.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn hand_over(&self, operator: &OperatorName, visit: &Delivery) -> Result<Option<ShownTransfer>, Failed> {
        let transfer_id = visit.conclusion.as_ref().and_then(|conclusion| conclusion.transfer_id.as_ref());
        match transfer_id {
            Some(transfer_id) => self.table.transfer(operator, transfer_id).await.map(Some),
            None => Ok(None),
        }
    }

    /// Takes a payment back with the transfer that booked it, in one transaction; of two that do, one does. Or asks for the
    /// approval that this waits for.
    ///
    /// # Errors
    /// As a commit.
    pub async fn reverse(
        &self,
        command: &Command,
        (before, visit): (&Instruction, &Delivery),
        decided: Result<(Instruction, Made), Failed>,
    ) -> Result<Answer<Outcome<Disbursement>>, Failed> {
        let accepted = decided.and_then(|(after, made)| {
            let transfer = match made {
                Made::Booked(transfer) => transfer,
                Made::Waits(approval) => return approvals::asked(&self.table, command, approval),
            };
            let (writes, events) = reversed(&self.table, command, before, &after, &transfer)?;
            Ok(Accepted {
                status: 200,
                answer: Outcome::Done(Box::new(after.shown(visit))),
                subject: after.disbursement_id.to_string(),
                events,
                writes,
            })
        });
        self.table.commit(command, accepted).await
    }

    /// Keeps what the bank said; a line that bears a disbursement out is taken for ever.
    ///
    /// # Errors
    /// As a commit.
    pub async fn reconcile(
        &self,
        command: &Command,
        before: &Instruction,
        visit: &Delivery,
        decided: Result<Reconciled, Failed>,
    ) -> Result<Answer<Disbursement>, Failed> {
        let id = before.disbursement_id.as_str();
        let accepted = decided.and_then(|reconciled| match reconciled {
            Reconciled::Already => Ok(Accepted {
                status: 200,
                answer: before.shown(visit),
                subject: id.to_owned(),
                events: vec![],
                writes: vec![],
            }),
            Reconciled::Now { after, outcome } => {
                let place = keys::disbursement(&command.operator, &after.disbursement_id);
                let mut writes = vec![self.table.replace(Item::of(&place, before)?, Item::of(&place, &after)?)?];
                let line = after.reconciliation.as_ref().map_or("", |said| said.bank_reference.as_str());
                let line = keys::bank_line(&command.operator, line);
                let taken = statements::taken();
                let happened = match outcome {
                    ReconciliationOutcome::Reconciled => {
                        writes.push(self.table.create(Item::at(&line).with("holder", id), taken)?);
                        Happened::DisbursementReconciled
                    }
                    ReconciliationOutcome::Exception => {
                        writes.push(self.table.absent(line, taken)?);
                        Happened::DisbursementExcepted
                    }
                };
                Ok(Accepted {
                    status: 200,
                    answer: after.shown(visit),
                    subject: id.to_owned(),
                    events: vec![Event::of(command, happened, id, Some(&after.region))],
                    writes,
                })
            }
        });
        self.table.commit(command, accepted).await
    }
}
