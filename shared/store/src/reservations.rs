//! Reservations: held with the balance that they are of, and spent or let go with it, once.

use domain::{
    Command, Delivery, Failed, Money, OperatorName, Refusal, ReservationId, Timestamp,
    access::Unseen,
    ledger::{Account, Transfer},
    operator::Operator,
    reservation::{NewSettling, Reservation, ReservationStatus},
    transfer::{Books, Made},
};

use crate::{
    answer::{Answer, Outcome},
    approvals,
    commit::Accepted,
    directory::Directory,
    keys::{self, Key},
    table::{Item, Lost, Query, Table, Write, between_times},
    transfers::Transfers,
};

/// What may be done with reservations.
#[derive(Clone)]
pub struct Reservations {
    table: Table,
}

fn item(operator: &OperatorName, reservation: &Reservation) -> Result<Item, Failed> {
    let id = &reservation.reservation_id;
    let worklist = keys::worklist_of_reservations(operator, reservation.status.as_str());
    let place = keys::worklist_reservation(reservation.expires_at, id);
    Ok(Item::of(&keys::reservation(operator, id), reservation)?.in_index(keys::WORKLIST, worklist, place))
}

/// What was set aside for a visit, if anything was.
pub(crate) async fn of_visit(
    table: &Table,
    operator: &OperatorName,
    visit: &Delivery,
) -> Result<Option<Reservation>, Failed> {
    match &visit.reservation_id {
        Some(reservation_id) => table.get(&keys::reservation(operator, reservation_id)).await.map(Some),
        None => Ok(None),
    }
}

/// A reservation and its hold.
pub(crate) fn made(table: &Table, operator: &OperatorName, reservation: &Reservation) -> Result<Vec<Write>, Failed> {
    let Reservation { reservation_id, account, amount, .. } = reservation;
    let mut writes = vec![table.create(item(operator, reservation)?, Lost::Moved)?];
    writes.extend(table.hold(operator, account, reservation_id, *amount)?);
    Ok(writes)
}

/// A reservation that moves.
pub(crate) fn moved(
    table: &Table,
    operator: &OperatorName,
    before: &Reservation,
    after: &Reservation,
) -> Result<Write, Failed> {
    table.replace(item(operator, before)?, item(operator, after)?)
}

/// A reservation that is let go, and its hold with it.
pub(crate) fn released(
    table: &Table,
    operator: &OperatorName,
    before: &Reservation,
    after: &Reservation,
) -> Result<Vec<Write>, Failed> {
    let Reservation { reservation_id, account, amount, .. } = before;
    let mut writes = vec![moved(table, operator, before, after)?];
    writes.extend(table.let_go(operator, account, reservation_id, *amount, Money::zero(amount.currency))?);
    Ok(writes)
}

/// A reservation that is spent, its hold, and the transfer that it is spent on.
pub(crate) fn settled(
    table: &Table,
    command: &Command,
    before: &Reservation,
    after: &Reservation,
    transfer: &Transfer,
) -> Result<Vec<Write>, Failed> {
    let mut writes = vec![moved(table, &command.operator, before, after)?];
    writes.extend(table.book_held(command, transfer, before)?);
    Ok(writes)
}

impl Reservations {
    /// Reservations in these tables.
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    /// What a reservation is decided on: the operator, and whether the account has a balance. A read of each.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn account(&self, operator: &OperatorName, account: &Account) -> Result<(Operator, bool), Failed> {
        let is_there = self.table.find(&keys::balance(operator, account, 0)).await?.is_some();
        Ok((self.table.get(&keys::operator(operator)).await?, is_there))
    }

    /// Holds the money, when so much is available.
    ///
    /// # Errors
    /// As a commit.
    pub async fn create(
        &self,
        command: &Command,
        decided: Result<Reservation, Failed>,
    ) -> Result<Answer<Reservation>, Failed> {
        let accepted = decided.and_then(|reservation| {
            let writes = made(&self.table, &command.operator, &reservation)?;
            Ok(accepted(201, reservation, writes))
        });
        self.table.commit(command, accepted).await
    }

    /// A reservation.
    ///
    /// # Errors
    /// [`Failed::Unknown`] when there is none.
    pub async fn get(
        &self,
        operator: &OperatorName,
        reservation_id: &ReservationId,
    ) -> Result<Unseen<Reservation>, Failed> {
        self.table.get(&keys::reservation(operator, reservation_id)).await.map(Unseen::new)
    }

    /// What settling is decided on: what a transfer by hand is.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn books(
        &self,
        operator: &OperatorName,
        reservation: &Reservation,
        new: &NewSettling,
    ) -> Result<Books, Failed> {
        Transfers::new(self.table.clone()).books(operator, &reservation.spending(new)?).await
    }

    /// Books what a reservation is spent on, and makes the rest available again; or asks for the approval that this waits
    /// for.
    ///
    /// # Errors
    /// As a commit.
    pub async fn settle(
        &self,
        command: &Command,
        before: &Reservation,
        decided: Result<(Reservation, Made), Failed>,
    ) -> Result<Answer<Outcome<Reservation>>, Failed> {
        let accepted = decided.and_then(|(after, made)| match made {
            Made::Booked(transfer) => {
                let writes = settled(&self.table, command, before, &after, &transfer)?;
                let Accepted { status, subject, events, writes, answer } = accepted(200, after, writes);
                Ok(Accepted { status, subject, events, writes, answer: Outcome::Done(Box::new(answer)) })
            }
            Made::Waits(approval) => approvals::asked(&self.table, command, approval),
        });
        self.table.commit(command, accepted).await
    }

    /// Makes what was reserved available again.
    ///
    /// # Errors
    /// As a commit.
    pub async fn release(
        &self,
        command: &Command,
        before: &Reservation,
        decided: Result<Reservation, Refusal>,
    ) -> Result<Answer<Reservation>, Failed> {
        let accepted = decided.map_err(Failed::from).and_then(|after| {
            let writes = released(&self.table, &command.operator, before, &after)?;
            Ok(accepted(200, after, writes))
        });
        self.table.commit(command, accepted).await
    }

    /// Every operator.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn operators(&self) -> Result<Vec<OperatorName>, Failed> {
        Directory::new(self.table.clone()).operators().await
    }

    /// Lets every reservation of an operator go whose time has passed by now. One that is settled or let go meanwhile is
    /// what was wanted. How many it let go.
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
        let partition = keys::worklist_of_reservations(operator, ReservationStatus::Open.as_str());
        let range = between_times(Timestamp::EPOCH, Timestamp::from_millis(now.as_millis().saturating_add(1)));
        let query = Query::of_index(&self.table.names.records, keys::WORKLIST, partition);
        let let_go = async |key: Key| {
            let before: Reservation = self.table.get(&key).await?;
            let Ok(after) = before.expire(now) else { return Ok(false) };
            let id = before.reservation_id.as_str();
            let command = Command::of_job(operator.clone(), job, id, now, request_id.to_owned());
            self.release(&command, &before, Ok(after)).await.map(|_| true)
        };
        self.table.for_each(Query { range, ..query }, let_go).await
    }
}

fn accepted(status: u16, reservation: Reservation, writes: Vec<Write>) -> Accepted<Reservation> {
    let subject = reservation.reservation_id.to_string();
    Accepted { status, subject, events: vec![], writes, answer: reservation }
}
