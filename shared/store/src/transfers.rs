//! Transfers by hand: made once under their id, read whole, taken back once.

use domain::{
    Command, Failed, OperatorName, TransferId,
    access::Unseen,
    ledger::{MOST_POSTINGS, Posted, Transfer},
    operator::Operator,
    settlement::Calendar,
    transfer::{Books, Made, NewTransfer, ShownTransfer},
};

use crate::{
    answer::{Answer, Outcome},
    approvals,
    commit::Accepted,
    keys,
    table::{Item, Lost, Query, Table, Write},
};

/// What may be done with transfers.
#[derive(Clone)]
pub struct Transfers {
    table: Table,
}

impl Transfers {
    /// Transfers in these tables.
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    /// What a transfer by hand is decided on: a read of the operator, one of each agent's account that it names, one of
    /// the transfer that may have its id, and one of the calendar when it is dated back.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn books(&self, operator: &OperatorName, new: &NewTransfer) -> Result<Books, Failed> {
        let existing = match &new.transfer_id {
            Some(transfer_id) => self.table.find_posted(operator, transfer_id).await?,
            None => None,
        };
        let calendar = match new.effective_at {
            Some(_) => self.table.find(&keys::calendar(operator)).await?.map(Item::read).transpose()?,
            None => None,
        };
        let mut agents = vec![];
        for account in new.agents().take(MOST_POSTINGS) {
            if self.table.find(&keys::balance(operator, account, 0)).await?.is_some() {
                agents.push(account.clone());
            }
        }
        Ok(Books { operator: self.table.get(&keys::operator(operator)).await?, calendar, existing, agents })
    }

    /// Books a transfer, or asks for the approval that it waits for. One that is dated back is booked only while the
    /// calendar is the one that was read.
    ///
    /// # Errors
    /// As a commit.
    pub async fn create(
        &self,
        command: &Command,
        books: &Books,
        decided: Result<Made, Failed>,
    ) -> Result<Answer<Outcome<ShownTransfer>>, Failed> {
        let accepted = decided.and_then(|made| {
            let transfer = match made {
                Made::Booked(transfer) => transfer,
                Made::Waits(approval) => return approvals::asked(&self.table, command, approval),
            };
            let writes = self.table.book_by_hand(command, &transfer, books.calendar.as_ref())?;
            Ok(booked(command, &transfer, writes))
        });
        self.table.commit(command, accepted).await
    }

    /// The operator whose rules say what nobody takes back alone.
    ///
    /// # Errors
    /// [`Failed::Unknown`] when there is none.
    pub async fn operator(&self, operator: &OperatorName) -> Result<Operator, Failed> {
        self.table.get(&keys::operator(operator)).await
    }

    /// A transfer, what took it back, and where the bank shows it.
    ///
    /// # Errors
    /// [`Failed::Unknown`] when there is none.
    pub async fn get(
        &self,
        operator: &OperatorName,
        transfer_id: &TransferId,
    ) -> Result<Unseen<ShownTransfer>, Failed> {
        self.table.transfer(operator, transfer_id).await.map(Unseen::new)
    }

    /// Books the transfer that takes another back, or asks for the approval that it waits for; of two that take the same
    /// back, one is booked.
    ///
    /// # Errors
    /// As a commit.
    pub async fn reverse(
        &self,
        command: &Command,
        decided: Result<Made, Failed>,
    ) -> Result<Answer<Outcome<ShownTransfer>>, Failed> {
        let accepted = decided.and_then(|made| {
            let transfer = match made {
                Made::Booked(transfer) => transfer,
                Made::Waits(approval) => return approvals::asked(&self.table, command, approval),
            };
            let writes = self.table.book_by_hand(command, &transfer, None)?;
            Ok(booked(command, &transfer, writes))
        });
        self.table.commit(command, accepted).await
    }
}

/// A transfer that is booked.
fn booked(command: &Command, transfer: &Transfer, writes: Vec<Write>) -> Accepted<Outcome<ShownTransfer>> {
    let posted = transfer.posted(command.at, &command.principal);
    Accepted {
        status: 201,
        subject: posted.transfer_id.to_string(),
        events: vec![],
        writes,
        answer: Outcome::Done(Box::new(ShownTransfer { posted, reversed_by: None, statement: None })),
    }
}

/// The transfer that holds this.
fn taken_back_by(reversal: &Item) -> Option<TransferId> {
    reversal.text("holder")?.parse().ok()
}

impl Table {
    /// A transfer as it was booked, if there is one of this id.
    pub(crate) async fn find_posted(
        &self,
        operator: &OperatorName,
        transfer_id: &TransferId,
    ) -> Result<Option<Posted>, Failed> {
        let key = keys::transfer(operator, transfer_id);
        self.find_in(&self.names.ledger, &key).await?.map(Item::read).transpose()
    }

    /// A transfer, what took it back, and where the bank shows it.
    pub(crate) async fn transfer(
        &self,
        operator: &OperatorName,
        transfer_id: &TransferId,
    ) -> Result<ShownTransfer, Failed> {
        let posted = self.find_posted(operator, transfer_id).await?.ok_or(Failed::Unknown)?;
        let partition = keys::reversal(operator, transfer_id).pk;
        let (beside, _) = self.query(Query::of(&self.names.records, partition)).await?;
        let mut shown = ShownTransfer { posted, reversed_by: None, statement: None };
        for item in beside {
            match item.key().sk.as_str() {
                keys::REVERSAL => shown.reversed_by = taken_back_by(&item),
                keys::STATEMENT => shown.statement = Some(item.read()?),
                _ => {}
            }
        }
        Ok(shown)
    }

    /// What took a transfer back, if something did.
    pub(crate) async fn reversed_by(
        &self,
        operator: &OperatorName,
        transfer_id: &TransferId,
    ) -> Result<Option<TransferId>, Failed> {
        let reversal = self.find(&keys::reversal(operator, transfer_id)).await?;
        Ok(reversal.as_ref().and_then(taken_back_by))
    }

    /// A transfer that somebody decided on. One that takes another back holds it, so that nobody takes it back again; one
    /// that is dated back is booked only while the calendar is the one that was read.
    pub(crate) fn book_by_hand(
        &self,
        command: &Command,
        transfer: &Transfer,
        calendar: Option<&Calendar>,
    ) -> Result<Vec<Write>, Failed> {
        let operator = &command.operator;
        let mut writes = self.book(command, transfer, command.at)?;
        if let Some(reversed) = &transfer.subject().reverses {
            let hold = Item::at(&keys::reversal(operator, &reversed.transfer_id))
                .with("holder", transfer.transfer_id().as_str())
                .with("at", command.at.to_string());
            writes.push(self.create(hold, Lost::Moved)?);
        }
        if transfer.effective_at().is_some() {
            let version = calendar.map(|calendar| calendar.version);
            writes.push(self.unchanged(keys::calendar(operator), version)?);
        }
        Ok(writes)
    }
}
