//! A commit: the one way anything changes. The commit record, the aggregates, the entries and the balances are one
//! transaction, so that after a crash either nothing happened or everything did and the answer is stored.

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{AttributeValue, CancellationReason},
};
use domain::{
    Command, CommitId, Event, Failed, Refusal, Timestamp,
    audit::{self, Changed},
    event::Report,
    ledger::Transfer,
    problem::Problem,
    reservation::Reservation,
};
use serde::Serialize;

use crate::{
    answer::Answer,
    keys,
    table::{Item, Lost, Table, Write, unreachable_table},
};

/// How long a repeat gets the first answer, in seconds: 400 days. Natural keys hold for ever beyond that.
const KEPT_SECONDS: i64 = 400 * 86_400;

/// An accepted command: what it answers, what it reports, what it writes.
pub(crate) struct Accepted<T> {
    pub(crate) status: u16,
    pub(crate) answer: T,
    /// The aggregate it is about, for the audit row.
    pub(crate) subject: String,
    pub(crate) events: Vec<Event>,
    pub(crate) writes: Vec<Write>,
}

impl Table {
    /// Makes a decision true, once: writes it with its answer, or gives the answer that the same command got before.
    ///
    /// A refusal by a rule is an answer too and is kept; any other failure is passed on and leaves nothing behind.
    ///
    /// # Errors
    /// [`Failed::KeyReused`] when the key was used for another request, [`Failed::Moved`] when what was loaded has
    /// changed, [`Failed::InProgress`] while others write the same items.
    pub(crate) async fn commit<T: Serialize>(
        &self,
        command: &Command,
        decided: Result<Accepted<T>, Failed>,
    ) -> Result<Answer<T>, Failed> {
        let refusal = match decided {
            Ok(mut accepted) => {
                let body = serde_json::to_string(&accepted.answer).map_err(Failed::fault)?;
                let changed = changed(&accepted.writes)?;
                let filed = self.file(command);
                let transfers = self.stamp(&mut accepted.writes, &filed);
                let record = self.record(
                    command,
                    &filed,
                    accepted.status,
                    &body,
                    &accepted.subject,
                    &accepted.events,
                    &changed,
                )?;
                let record = if transfers.is_empty() { record } else { record.with("transfers", transfers.join(" ")) };
                match self.transact(command, record, accepted.writes).await? {
                    Transacted::Done => return Ok(Answer::kept(accepted.status, body, false)),
                    Transacted::Before(answer) => return Ok(answer),
                    Transacted::Refused(refusal) => refusal,
                }
            }
            Err(Failed::Refused(refusal)) => refusal,
            Err(failed) => return self.answered_or(command, failed).await,
        };
        let status = refusal.status();
        let problem = Problem::of(&Failed::Refused(refusal), &command.instance, &command.request_id);
        let body = problem.to_json().map_err(Failed::fault)?;
        let record = self.record(command, &self.file(command), status, &body, "", &[], &[])?;
        match self.transact(command, record, vec![]).await? {
            Transacted::Done => Ok(Answer::kept(status, body, false)),
            Transacted::Before(answer) => Ok(answer),
            Transacted::Refused(_) => Err(Failed::fault("a transaction without limits was refused by one")),
        }
    }

    /// A failure that is not kept, unless the command was answered before: a repeat gets the first answer even when
    /// what it was decided on has changed since.
    async fn answered_or<T>(&self, command: &Command, failed: Failed) -> Result<Answer<T>, Failed> {
        match self.find(&keys::commit(command)).await? {
            Some(before) => answered_before(command, &before),
            None => Err(failed),
        }
    }

    async fn transact<T>(&self, command: &Command, record: Item, writes: Vec<Write>) -> Result<Transacted<T>, Failed> {
        let (items, meanings): (Vec<_>, Vec<_>) = std::iter::once(self.create(record, Lost::Moved)?)
            .chain(writes)
            .map(|write| (write.item, write.lost))
            .unzip();
        let sent = self.client.transact_write_items().set_transact_items(Some(items)).send().await;
        let Err(error) = sent else { return Ok(Transacted::Done) };
        let Some(reasons) = cancellation(&error) else { return Err(not_committed(error)) };
        let failed_check = |code: Option<&str>| code == Some("ConditionalCheckFailed");
        if let Some(first) = reasons.first().filter(|reason| failed_check(reason.code())) {
            let before = first.item().map(|item| Item::from(item.clone())).unwrap_or_default();
            return answered_before(command, &before).map(Transacted::Before);
        }
        let mut refused: Option<Refusal> = None;
        for (reason, lost) in reasons.iter().zip(meanings).filter(|(reason, _)| failed_check(reason.code())) {
            let before = reason.item().map(|item| Item::from(item.clone())).unwrap_or_default();
            let refusal = match lost {
                Lost::Moved => return Err(Failed::Moved),
                Lost::Broken(what) => return Err(Failed::fault(what)),
                Lost::Refused(refusal) => refusal,
                Lost::Said(said) => said.refusal(&before).ok_or(Failed::Moved)?,
                Lost::Limited { closed, otherwise } => {
                    if before.text("closed_at").is_some() {
                        closed
                    } else {
                        otherwise
                    }
                }
                Lost::Taken(refusal) => refusal(before.text("holder").unwrap_or_default().to_owned()),
            };
            // What is answered is the same whichever balance of the transaction is looked at first.
            if refused.as_ref().is_none_or(|kept| refusal.precedence() < kept.precedence()) {
                refused = Some(refusal);
            }
        }
        if let Some(refusal) = refused {
            return Ok(Transacted::Refused(refusal));
        }
        if reasons.iter().any(|reason| reason.code() == Some("TransactionConflict")) {
            return Err(Failed::InProgress);
        }
        let passes = |code: &str| matches!(code, "ThrottlingError" | "ProvisionedThroughputExceeded");
        if reasons.iter().filter_map(|reason| reason.code()).any(passes) {
            return Err(Failed::Later(Box::new(error)));
        }
        Err(Failed::Fault(Box::new(error)))
    }

    /// Where a commit that is sent now is filed.
    fn file(&self, command: &Command) -> Filed {
        let at = self.written_at(command);
        Filed { at, commit_id: CommitId::mint(at, &command.seed()) }
    }

    /// Has what goes into the ledger name its commit, and names the transfers among it: so each leads to the other.
    fn stamp(&self, writes: &mut [Write], filed: &Filed) -> Vec<String> {
        let mut transfers = vec![];
        for put in writes.iter_mut().filter_map(|write| write.item.put.as_mut()) {
            if put.table_name != self.names.ledger {
                continue;
            }
            put.item.insert("commit_id".to_owned(), AttributeValue::S(filed.commit_id.to_string()));
            let key = put.item.get("pk").and_then(|pk| pk.as_s().ok()).map(String::as_str);
            transfers.extend(key.and_then(keys::transfer_of).map(str::to_owned));
        }
        transfers
    }

    /// The commit record: idempotency record, receipt, audit row and outbox message in one item.
    #[expect(clippy::too_many_arguments, reason = "a record is all of them, and is made in two places")]
    fn record(
        &self,
        command: &Command,
        filed: &Filed,
        status: u16,
        body: &str,
        subject: &str,
        events: &[Event],
        changed: &[Changed],
    ) -> Result<Item, Failed> {
        let by_day = keys::owner_of_commits(&command.operator, filed.at.utc_day());
        let mut record = Item::at(&keys::commit(command))
            .with("at", command.at.to_string())
            .with("role", &command.role)
            .with_number("status", i64::from(status))
            .with("body", body)
            .with("subject", subject)
            .with("fingerprint", &command.fingerprint.whole)
            .with("leaves", &command.fingerprint.leaves)
            .with("request_id", &command.request_id)
            .with_number("expires", command.at.as_seconds().saturating_add(KEPT_SECONDS))
            .in_index(keys::OWNER, by_day, filed.commit_id.as_str());
        if let Some(reason) = &command.reason {
            record = record.with("reason", reason);
        }
        if !changed.is_empty() {
            record = record.with("changed", serde_json::to_string(changed).map_err(Failed::fault)?);
        }
        if events.is_empty() {
            return Ok(record);
        }
        let reports: Vec<Report> = events.iter().map(Event::report).collect();
        let reports = serde_json::to_string(&reports).map_err(Failed::fault)?;
        let outbox = keys::outbox(&command.operator);
        // It waits since it was written: a job's command is as old as the event that it works off.
        Ok(record.with("events", reports).in_index(keys::WORKLIST, outbox, filed.at.to_string()))
    }

    /// A transfer, posted at a time: itself, its entries and its balances.
    pub(crate) fn book(&self, command: &Command, transfer: &Transfer, at: Timestamp) -> Result<Vec<Write>, Failed> {
        let mut writes = self.posted(command, transfer, at)?;
        for posting in transfer.postings() {
            if posting.account.is_named() {
                writes.push(self.remember(&command.operator, &posting.account, at)?);
            }
            writes.push(self.post(&command.operator, &posting.account, transfer, posting.amount)?);
        }
        Ok(writes)
    }

    /// A transfer out of what a reservation held: what it spends is not taken from what is available.
    pub(crate) fn book_held(
        &self,
        command: &Command,
        transfer: &Transfer,
        reservation: &Reservation,
    ) -> Result<Vec<Write>, Failed> {
        let (operator, account) = (&command.operator, &reservation.account);
        let mut writes = self.posted(command, transfer, command.at)?;
        for posting in transfer.postings() {
            if posting.account == *account {
                let spent = posting.amount.negated().map_err(Failed::fault)?;
                let id = &reservation.reservation_id;
                writes.extend(self.let_go(operator, account, id, reservation.amount, spent)?);
                continue;
            }
            if posting.account.is_named() {
                writes.push(self.remember(operator, &posting.account, command.at)?);
            }
            writes.push(self.post(operator, &posting.account, transfer, posting.amount)?);
        }
        Ok(writes)
    }

    /// A transfer into a capped account that the same transaction opens with the amount already in it:
    /// one item cannot be written twice in a transaction.
    pub(crate) fn issue(&self, command: &Command, transfer: &Transfer, at: Timestamp) -> Result<Vec<Write>, Failed> {
        let mut writes = self.posted(command, transfer, at)?;
        for posting in transfer.postings().iter().filter(|posting| !posting.account.is_capped()) {
            writes.push(self.post(&command.operator, &posting.account, transfer, posting.amount)?);
        }
        Ok(writes)
    }

    fn posted(&self, command: &Command, transfer: &Transfer, at: Timestamp) -> Result<Vec<Write>, Failed> {
        let operator = &command.operator;
        let posted = transfer.posted(at, &command.principal);
        let whole = self.append(Item::of(&keys::transfer(operator, &posted.transfer_id), &posted)?);
        let entries = posted.statement_entries().map(|(account, entry)| {
            self.append(Item::of(&keys::entry(operator, account, at, &entry.transfer_id), &entry)?)
        });
        std::iter::once(whole).chain(entries).collect()
    }
}

/// Why a transaction was cancelled, item by item; nothing when it was not cancelled but something else went wrong.
pub(crate) fn cancellation<R>(error: &SdkError<TransactWriteItemsError, R>) -> Option<&[CancellationReason]> {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            Some(cancelled.cancellation_reasons())
        }
        Some(_) | None => None,
    }
}

/// What it means that a transaction neither went through nor was cancelled.
fn not_committed<R>(error: SdkError<TransactWriteItemsError, R>) -> Failed
where
    R: std::fmt::Debug + Send + Sync + 'static,
{
    let in_progress =
        error.as_service_error().is_some_and(TransactWriteItemsError::is_transaction_in_progress_exception);
    if in_progress { Failed::InProgress } else { unreachable_table(error) }
}

/// When a commit is sent, and its id of that moment.
struct Filed {
    at: Timestamp,
    commit_id: CommitId,
}

/// What became of a transaction.
enum Transacted<T> {
    /// It is true now.
    Done,
    /// It was decided before.
    Before(Answer<T>),
    /// A limit says no; nothing was written.
    Refused(domain::Refusal),
}

/// What a commit replaces, record by record: what each was and what it is.
fn changed(writes: &[Write]) -> Result<Vec<Changed>, Failed> {
    let mut changed = vec![];
    for write in writes {
        let (Some(before), Some(after)) = (&write.before, write.item.put()) else { continue };
        let after = Item::from(after.item().clone());
        let record = keys::name_of(after.text("pk").unwrap_or_default());
        let changes = audit::changes(&before.clone().read()?, &after.read()?);
        changed.push(Changed { record, changes });
    }
    Ok(changed)
}

/// The answer that the same command got before. One that this very request got, seen again after a lost reply from
/// the table, is no replay.
fn answered_before<T>(command: &Command, before: &Item) -> Result<Answer<T>, Failed> {
    let fingerprint = before.text("fingerprint").unwrap_or_default();
    if fingerprint != command.fingerprint.whole {
        let pointers = command.fingerprint.differences(before.text("leaves").unwrap_or_default());
        return Err(Failed::KeyReused { pointers });
    }
    let status = before.number("status").and_then(|status| u16::try_from(status).ok());
    let (Some(status), Some(body)) = (status, before.text("body")) else {
        return Err(Failed::fault("a commit record without its answer"));
    };
    let own = before.text("request_id") == Some(command.request_id.as_str());
    Ok(Answer::kept(status, body.to_owned(), !own))
}
