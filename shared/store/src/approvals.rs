//! Approvals: asked for with what waits for them, decided once by each person, expired when nobody does.

use domain::{
    ApprovalId, Caller, Command, Delivery, DisbursementId, Event, Failed, OperatorName, PartnerName, Refusal,
    Timestamp,
    access::Unseen,
    approval::{Approval, ApprovalStatus, Consequence, Waiting, barred_role},
    disbursement::Instruction,
    event::Happened,
    ledger::TransferKind,
    transfer::{Beside, Meanwhile, ProposedTransfer},
};

use crate::{
    answer::{Answer, Outcome, Page},
    commit::Accepted,
    cursor::{CursorKey, PageRequest},
    deliveries, disbursements,
    keys::{self, Key},
    reservations,
    table::{Item, Lost, Query, Table, Write, between_times},
};

/// What may be done with approvals.
#[derive(Clone)]
pub struct Approvals {
    table: Table,
    cursors: CursorKey,
}

/// Which approvals a list shows.
#[derive(Debug, Clone)]
pub struct ApprovalFilter {
    /// A partner's own, or all of the operator.
    pub partner_id: Option<PartnerName>,
    /// How far they have come.
    pub status: ApprovalStatus,
}

/// An approval as it lies in the table: beside it who may not decide and who has, as its condition asks for.
fn item(operator: &OperatorName, approval: &Approval) -> Result<Item, Failed> {
    let status = approval.status.as_str();
    let place = keys::worklist_approval(approval.expires_at, &approval.approval_id);
    let item = Item::of(&keys::approval(operator, &approval.approval_id), approval)?
        .with_set("barred", approval.barred())
        .with_set("approvers", approval.approvers())
        .in_index(keys::WORKLIST, keys::worklist_of_approvals(operator, status), &place);
    Ok(match &approval.partner_id {
        Some(partner) => item.in_index(keys::OWNER, keys::owner_of_approvals(operator, partner, status), place),
        None => item,
    })
}

/// A new approval.
pub(crate) fn ask(table: &Table, operator: &OperatorName, approval: &Approval) -> Result<Write, Failed> {
    table.create(item(operator, approval)?, Lost::Moved)
}

/// An approval that moved without a decision: what it is about was cancelled, or its time has passed.
pub(crate) fn moved(
    table: &Table,
    operator: &OperatorName,
    before: &Approval,
    after: &Approval,
) -> Result<Write, Failed> {
    table.replace(item(operator, before)?, item(operator, after)?)
}

/// The approval that a command waits for, asked for instead of what was commanded.
pub(crate) fn asked<T>(
    table: &Table,
    command: &Command,
    approval: Box<Approval>,
) -> Result<Accepted<Outcome<T>>, Failed> {
    let id = approval.approval_id.to_string();
    Ok(Accepted {
        status: 202,
        events: vec![Event::of(command, Happened::ApprovalRequested, &id, None)],
        writes: vec![ask(table, &command.operator, &approval)?],
        subject: id,
        answer: Outcome::Waits(approval),
    })
}

/// The visit that an approval is about.
async fn visit(table: &Table, operator: &OperatorName, approval: &Approval) -> Result<Waiting, Failed> {
    let disbursement_id: DisbursementId = approval.subject_id.parse().map_err(Failed::fault)?;
    let instruction: Instruction = table.get(&keys::disbursement(operator, &disbursement_id)).await?;
    let visit = table.get(&keys::delivery(operator, &instruction.delivery_id)).await?;
    Ok(Waiting::Visit(Box::new(visit)))
}

/// What may have changed since a transfer was asked for.
async fn meanwhile(table: &Table, operator: &OperatorName, proposed: &ProposedTransfer) -> Result<Meanwhile, Failed> {
    let calendar = match proposed.effective_at {
        Some(_) => table.find(&keys::calendar(operator)).await?.map(Item::read).transpose()?,
        None => None,
    };
    let reversed_by = match &proposed.subject.reverses {
        Some(reversed) => table.reversed_by(operator, &reversed.transfer_id).await?,
        None => None,
    };
    let existing = table.find_posted(operator, &proposed.transfer_id).await?;
    let beside = beside(table, operator, proposed).await?;
    Ok(Meanwhile { calendar, existing, reversed_by, beside })
}

/// What a transfer is about and moves on with it: the reservation that it spends, or the payment that it takes back.
async fn beside(table: &Table, operator: &OperatorName, proposed: &ProposedTransfer) -> Result<Beside, Failed> {
    let subject = &proposed.subject;
    match (&subject.reverses, &subject.reservation_id) {
        (None, Some(reservation_id)) => {
            table.get(&keys::reservation(operator, reservation_id)).await.map(Box::new).map(Beside::Reservation)
        }
        (Some(reversed), _) if reversed.kind == TransferKind::Disbursement => {
            let delivery_id =
                subject.delivery_id.as_ref().ok_or_else(|| Failed::fault("a hand-over without a visit"))?;
            let visit: Delivery = table.get(&keys::delivery(operator, delivery_id)).await?;
            let id = visit.disbursement_id.as_ref().ok_or_else(|| Failed::fault("a payment without instruction"))?;
            let instruction = table.get(&keys::disbursement(operator, id)).await?;
            Ok(Beside::Payment(Box::new(instruction), Box::new(visit)))
        }
        (Some(_) | None, _) => Ok(Beside::Nothing),
    }
}

/// What follows from a decision, as it is written, and what is reported about it.
fn follow(
    table: &Table,
    command: &Command,
    after: &Approval,
    waiting: &Waiting,
) -> Result<(Vec<Write>, Vec<Event>), Failed> {
    let operator = &command.operator;
    match (waiting.follow(after, command.at)?, waiting) {
        (Consequence::Visit(visit), Waiting::Visit(before)) => {
            let region = Some(&visit.region);
            let mut events = vec![];
            if after.status == ApprovalStatus::Approved {
                events.push(Event::of(command, Happened::DisbursementApproved, &after.subject_id, region));
            } else {
                events.push(Event::of(command, Happened::DisbursementRejected, &after.subject_id, region));
                events.push(Event::of(command, Happened::DeliveryCancelled, visit.delivery_id.as_str(), region));
            }
            let write = table.replace(deliveries::item(operator, before)?, deliveries::item(operator, &visit)?)?;
            Ok((vec![write], events))
        }
        (Consequence::Transfer(booked), Waiting::Transfer(now)) => {
            let (transfer, after) = booked.as_ref();
            match (&now.beside, after) {
                (Beside::Reservation(before), Beside::Reservation(after)) => {
                    Ok((reservations::settled(table, command, before, after, transfer)?, vec![]))
                }
                (Beside::Payment(before, _), Beside::Payment(after, _)) => {
                    disbursements::reversed(table, command, before, after, transfer)
                }
                (Beside::Nothing | Beside::Reservation(_) | Beside::Payment(..), _) => {
                    Ok((table.book_by_hand(command, transfer, now.calendar.as_ref())?, vec![]))
                }
            }
        }
        (Consequence::Nothing | Consequence::Visit(_) | Consequence::Transfer(_), _) => Ok((vec![], vec![])),
    }
}

impl Approvals {
    /// Approvals in these tables.
    #[must_use]
    pub fn new(table: Table, cursors: CursorKey) -> Self {
        Self { table, cursors }
    }

    /// An approval.
    ///
    /// # Errors
    /// [`Failed::Unknown`] when there is none.
    pub async fn get(&self, operator: &OperatorName, approval_id: &ApprovalId) -> Result<Unseen<Approval>, Failed> {
        self.table.get(&keys::approval(operator, approval_id)).await.map(Unseen::new)
    }

    /// What waits for an approval: two reads for a visit, one to four for a transfer.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn waiting(&self, operator: &OperatorName, approval: &Approval) -> Result<Waiting, Failed> {
        match &approval.transfer {
            Some(proposed) => meanwhile(&self.table, operator, proposed).await.map(Box::new).map(Waiting::Transfer),
            None => visit(&self.table, operator, approval).await,
        }
    }

    /// A page of approvals, those that expire first in front. The index lags behind by up to about a second: what was
    /// settled meanwhile is left out.
    ///
    /// # Errors
    /// [`Failed::Malformed`] for a cursor that was not made for this list.
    pub async fn list(
        &self,
        operator: &OperatorName,
        filter: &ApprovalFilter,
        page: &PageRequest,
    ) -> Result<Page<Approval>, Failed> {
        let records = &self.table.names.records;
        let status = filter.status.as_str();
        let query = match &filter.partner_id {
            Some(partner) => Query::of_index(records, keys::OWNER, keys::owner_of_approvals(operator, partner, status)),
            None => Query::of_index(records, keys::WORKLIST, keys::worklist_of_approvals(operator, status)),
        };
        let scope = format!("{operator} {filter:?}");
        let limit = Some(page.limit);
        let after = self.cursors.open(&scope, page.cursor.as_deref())?;
        let (rows, last) = self.table.query(Query { limit, after, ..query }).await?;
        let mut items: Vec<Approval> = self.table.whole(&rows).await?;
        items.retain(|approval| approval.status == filter.status);
        Ok(Page { items, next_cursor: self.cursors.seal(&scope, last)? })
    }

    /// Keeps somebody's decision and, when it settles the matter, what follows from it: one transaction, whose condition
    /// says once more that it is not the maker's, not the second of one person, and not late, and alone that no admin has
    /// let anybody into a login to make it. Nothing is read for that: what an admin does meanwhile is a write of the same
    /// rows, before this transaction or behind it.
    ///
    /// # Errors
    /// As a commit.
    pub async fn decide(
        &self,
        command: &Command,
        approver: &Caller,
        before: &Approval,
        waiting: &Waiting,
        decided: Result<Approval, Refusal>,
    ) -> Result<Answer<Approval>, Failed> {
        let followed = decided.map_err(Failed::from).and_then(|after| {
            let followed = follow(&self.table, command, &after, waiting)?;
            Ok((after, followed))
        });
        let followed = match followed {
            // What waits may have been read behind somebody else's decision: then that is why it is refused, and no answer.
            Err(Failed::Refused(_)) if self.has_moved(&command.operator, before).await? => Err(Failed::Moved),
            followed => followed,
        };
        let accepted = followed.and_then(|(after, (mut writes, reported))| {
            let names = [approver.principal().to_owned(), barred_role(approver.role)];
            let (was, is) = (item(&command.operator, before)?, item(&command.operator, &after)?);
            writes.insert(0, self.table.decide(was, is, names, command.at)?);
            for login in before.quiet_logins(approver) {
                writes.push(self.table.quiet(&command.operator, &login, before.quiet_since())?);
            }
            let id = after.approval_id.as_str();
            let mut events = vec![Event::of(command, Happened::ApprovalDecided, id, after.region.as_ref())];
            events.extend(reported);
            Ok(Accepted { status: 200, subject: id.to_owned(), events, writes, answer: after })
        });
        self.table.commit(command, accepted).await
    }

    async fn has_moved(&self, operator: &OperatorName, before: &Approval) -> Result<bool, Failed> {
        let now: Approval = self.table.get(&keys::approval(operator, &before.approval_id)).await?;
        Ok(now.version != before.version)
    }

    /// Every operator.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn operators(&self) -> Result<Vec<OperatorName>, Failed> {
        crate::directory::Directory::new(self.table.clone()).operators().await
    }

    /// Moves every approval of an operator whose time has passed by now, and calls off what waited for it. One that is
    /// settled meanwhile is settled: that is what was wanted. How many it moved.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer, [`Failed::Fault`] for one that cannot be read, behind all others.
    pub async fn expire_due(
        &self,
        job: &str,
        operator: &OperatorName,
        now: Timestamp,
        request_id: &str,
    ) -> Result<u64, Failed> {
        let partition = keys::worklist_of_approvals(operator, ApprovalStatus::Pending.as_str());
        let range = between_times(Timestamp::EPOCH, Timestamp::from_millis(now.as_millis().saturating_add(1)));
        let query = Query::of_index(&self.table.names.records, keys::WORKLIST, partition);
        let command = |id: &str| Command::of_job(operator.clone(), job, id, now, request_id.to_owned());
        let expire = async |key: Key| self.expire(&key, command).await;
        self.table.for_each(Query { range, ..query }, expire).await
    }

    /// Moves an approval if its time has passed; whether it did.
    async fn expire(&self, key: &Key, command: impl FnOnce(&str) -> Command) -> Result<bool, Failed> {
        let before: Approval = self.table.get(key).await?;
        let command = &command(before.approval_id.as_str());
        let Ok(after) = before.expire(command.at) else { return Ok(false) };
        let waiting = match &before.transfer {
            // It is dropped, whatever has happened meanwhile.
            Some(_) => Waiting::Transfer(Box::default()),
            None => visit(&self.table, &command.operator, &before).await?,
        };
        let (mut writes, reported) = follow(&self.table, command, &after, &waiting)?;
        writes.insert(0, moved(&self.table, &command.operator, &before, &after)?);
        let id = after.approval_id.as_str();
        let mut events = vec![Event::of(command, Happened::ApprovalExpired, id, after.region.as_ref())];
        events.extend(reported);
        let accepted = Accepted { status: 200, subject: id.to_owned(), events, writes, answer: after };
        self.table.commit(command, Ok(accepted)).await.map(|_: Answer<Approval>| true)
    }
}
