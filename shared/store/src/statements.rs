//! Bank statements: kept as they came, held once against what waits to be paid, booked match by match.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    Command, Day, Delivery, DisbursementId, Event, Failed, OperatorName, PartnerName, PayoutId, Refusal, StatementId,
    Timestamp, TransferId,
    access::Unseen,
    by_hand::{ByHand, ChangedLines, Members, Named, NewMatch},
    delivery::{DeliveryKind, DeliveryStatus, may_be_reference},
    disbursement::Instruction,
    event::Happened,
    id::Sha256Hex,
    ledger::{Account, Entry, Posted},
    matching::{Expected, names_told},
    operator::Operator,
    payout::{Clock, Payout, PayoutStatus},
    reconciliation::{
        Booking, KeptLine, LineFilter, LineName, LineStatus, Matching, Plan, ReceivedStatement, StatementStatus,
        line_names, shown_to_partner,
    },
    statement::{self, Statement, StatementLine, plain_reference},
};
use serde::{Deserialize, Serialize};

use crate::{
    answer::{Answer, Page},
    commit::Accepted,
    cursor::{CursorKey, PageRequest},
    files::Files,
    keys::{self, Key},
    payouts,
    table::{Direction, Item, Lost, Query, Range, Table, Write},
};

/// The job, in keys and logs.
const JOB: &str = "statement-match";
/// What orders a queue's messages: one statement of an operator after the other, for they compete for its payments.
const GROUP: &str = "statements";
/// How long before a statement begins a payment on it may have been due, in days: the three that a bank may take, and
/// the month by which a slip of the pen may be off. As long behind its end when the cash was handed over before its day.
const DAYS_BACK: i64 = 35;
/// Lines of one transaction when they are only kept: with a kilobyte or two each they stay far below 4 MB.
const LINES_AT_ONCE: usize = 50;
/// Words of a line that are looked up at most, when nothing that waits is among them.
const MOST_NAMES: usize = 8;
/// How often a match is decided anew when what it was decided on has moved.
const MOST_TRIES: usize = 3;

/// What may be done with bank statements.
#[derive(Clone)]
pub struct Statements {
    table: Table,
    cursors: CursorKey,
}

/// Bank statements and the bucket their files go to.
#[derive(Clone)]
pub struct StatementWriter {
    table: Table,
    files: Files,
}

/// What the commits of the job answer: nobody reads it but the job.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Booked {
    lines: usize,
}

fn item(operator: &OperatorName, statement: &ReceivedStatement) -> Result<Item, Failed> {
    let place = keys::worklist_statement(statement.received_at, &statement.statement_id);
    Ok(Item::of(&keys::statement(operator, &statement.statement_id), statement)?.in_index(
        keys::WORKLIST,
        keys::worklist_of_statements(operator),
        place,
    ))
}

fn line_item(operator: &OperatorName, line: &KeptLine) -> Result<Item, Failed> {
    let id = &line.statement_id;
    let worklist = keys::worklist_of_lines(operator, id, line.status.as_str());
    let item = Item::of(&keys::statement_line(operator, id, line.line), line)?.in_index(
        keys::WORKLIST,
        worklist,
        keys::worklist_line(line.line),
    );
    Ok(match line.status {
        // What a partner shows is read beside its statement, not worked off at the desk.
        _ if line.partner_id.is_some() => item,
        LineStatus::Unmatched => item.in_index(
            keys::OWNER,
            keys::owner_of_unmatched_lines(operator),
            keys::owner_unmatched_line(line.value_date, id, line.line),
        ),
        LineStatus::Matched | LineStatus::Repeated => item,
    })
}

/// That a bank line has settled something already.
pub(crate) fn taken() -> Lost {
    Lost::Taken(|existing_id| Refusal::BankLineAlreadyMatched { existing_id })
}

/// Where the name of a line is taken.
fn name_of(operator: &OperatorName, line: &KeptLine) -> Key {
    keys::line_name(operator, &LineName { reference: line.bank_reference.clone(), part: line.part.clone() })
}

/// Takes the names of lines, until their match is taken apart. A reference with several lines is shared by them, and
/// nobody takes it whole.
fn take<'a>(
    table: &Table,
    operator: &OperatorName,
    lines: impl IntoIterator<Item = &'a KeptLine>,
    holder: &str,
) -> Result<Vec<Write>, Failed> {
    let mut writes = Vec::new();
    let mut shared: BTreeSet<&str> = BTreeSet::new();
    for line in lines {
        writes.push(table.create(Item::at(&name_of(operator, line)).with("holder", holder), taken())?);
        if line.part.is_some() && shared.insert(&line.bank_reference) {
            let whole = Item::at(&keys::bank_line(operator, &line.bank_reference)).with("holder", holder);
            writes.push(table.share(whole, taken())?);
        }
    }
    Ok(writes)
}

/// Takes the name of the line that bears a payout out, and the reference that its rail told, where that is another.
/// What somebody recorded as paid holds the name already.
fn take_for_payout(
    table: &Table,
    operator: &OperatorName,
    line: &KeptLine,
    before: &Payout,
) -> Result<Vec<Write>, Failed> {
    if before.holds(line) {
        return Ok(vec![]);
    }
    let mut writes = take(table, operator, [line], before.payout_id.as_str())?;
    let is_another = |known: &&String| before.status.is_open() && !known.eq_ignore_ascii_case(&line.bank_reference);
    if let Some(known) = before.bank_reference.as_ref().filter(is_another) {
        writes.push(payouts::take_reference(table, operator, known, before)?);
    }
    Ok(writes)
}

/// That a payout is paid now, if it is.
fn paid_now(command: &Command, before: &Payout, after: &Payout) -> Option<Event> {
    let is_paid_now = before.status.is_open() && after.status == PayoutStatus::Paid;
    is_paid_now.then(|| payouts::news(command, Happened::PayoutPaid, after))
}

/// Who holds the names of a match's lines: the first of its payments or transfers, or its payout.
fn holder_of(change: &ByHand) -> &str {
    let payment = change.payments.first().map(|(_, payment)| payment.disbursement_id.as_str());
    let transfer = change.transfer_ids.first().map(TransferId::as_str);
    let payout = change.payout.as_ref().map(|(_, payout)| payout.payout_id.as_str());
    payment.or(transfer).or(payout).unwrap_or_default()
}

/// Has transfers say which lines bear them out: each until that match is taken apart.
fn bear_out(table: &Table, operator: &OperatorName, change: &ByHand) -> Result<Vec<Write>, Failed> {
    let matched = change.lines.first().and_then(|(_, after)| after.matched.as_ref());
    let shown = matched.map(|matched| matched.within(&change.statement_id));
    let known = || Lost::Taken(|existing_id| Refusal::TransferAlreadyMatched { existing_id });
    let rows = change.transfer_ids.iter().map(|id| {
        let row = Item::of(&keys::borne_out(operator, id), &shown)?.with("holder", change.statement_id.as_str());
        table.create(row, known())
    });
    rows.collect()
}

/// Keys that begin with a date from the one to the other, both inclusive: digits sort behind `/`, and all of a key behind
/// its date before `~`.
fn of_dates(from: Option<Day>, to: Option<Day>) -> Range {
    let from = from.map_or_else(|| "/".to_owned(), |day| day.to_string());
    Range::Between(from, to.map_or_else(|| "~".to_owned(), |day| format!("{day}~")))
}

impl Statements {
    /// Bank statements in these tables.
    #[must_use]
    pub fn new(table: Table, cursors: CursorKey) -> Self {
        Self { table, cursors }
    }

    /// A statement.
    ///
    /// # Errors
    /// [`Failed::Unknown`] when there is none.
    pub async fn get(
        &self,
        operator: &OperatorName,
        statement_id: &StatementId,
    ) -> Result<Unseen<ReceivedStatement>, Failed> {
        self.table.get(&keys::statement(operator, statement_id)).await.map(Unseen::new)
    }

    /// The operator in whose zone the age of a line is counted.
    ///
    /// # Errors
    /// [`Failed::Unknown`] when there is none.
    pub async fn operator(&self, operator: &OperatorName) -> Result<Operator, Failed> {
        self.table.get(&keys::operator(operator)).await
    }

    /// A page of lines, the oldest value date first, or in the order of their statement: one query, and one batch read of
    /// what it found. A line that was matched or set free a moment ago may be missing, or be shown as it was.
    ///
    /// # Errors
    /// [`Failed::Malformed`] for a cursor that was not made for this list.
    pub async fn lines(
        &self,
        operator: &OperatorName,
        filter: &LineFilter,
        page: &PageRequest,
    ) -> Result<Page<KeptLine>, Failed> {
        let (index, partition, range) = match filter {
            LineFilter::Unmatched { from, to } => {
                (keys::OWNER, keys::owner_of_unmatched_lines(operator), of_dates(*from, *to))
            }
            LineFilter::OfStatement { statement_id, status } => {
                (keys::WORKLIST, keys::worklist_of_lines(operator, statement_id, status.as_str()), Range::All)
            }
        };
        let scope = format!("{operator} lines {filter:?}");
        let query = Query {
            range,
            limit: Some(page.limit),
            after: self.cursors.open(&scope, page.cursor.as_deref())?,
            ..Query::of_index(&self.table.names.records, index, partition)
        };
        let (rows, last) = self.table.query(query).await?;
        let mut items: Vec<KeptLine> = self.table.whole(&rows).await?;
        items.retain(|line| line.status == filter.status());
        Ok(Page { items, next_cursor: self.cursors.seal(&scope, last)? })
    }

    /// What a match by hand names and is there: a read of each line, and of each payment and its visit, of each transfer, or
    /// of the payout.
    /// As it is now: a refusal is kept, and must not be of a second ago.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn members(
        &self,
        operator: &OperatorName,
        statement: ReceivedStatement,
        new: &NewMatch,
    ) -> Result<Members, Failed> {
        let Named { lines, disbursement_ids, transfer_ids, payout_id } = new.named(&statement);
        let lines = self.found_lines(operator, &statement.statement_id, lines).await?;
        let payments = self.found_payments(operator, disbursement_ids).await?;
        let transfers = self.found_transfers(operator, transfer_ids).await?;
        let payout = self.found_payout(operator, payout_id.as_ref()).await?;
        Ok(Members { statement, lines, payments, transfers, payout })
    }

    /// The match that a line is in: its lines, and its payments with their visits, or its payout.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn members_of(
        &self,
        operator: &OperatorName,
        statement: ReceivedStatement,
        line: u32,
    ) -> Result<Members, Failed> {
        let id = statement.statement_id.clone();
        let named = self.found_lines(operator, &id, [line]).await?;
        let Some(matched) = named.first().and_then(|line| line.matched.clone()) else {
            return Ok(Members { statement, lines: named, payments: vec![], transfers: vec![], payout: None });
        };
        let lines = self.found_lines(operator, &id, matched.lines).await?;
        let payments = self.found_payments(operator, matched.disbursement_ids).await?;
        let payout = self.found_payout(operator, matched.payout_id.as_ref()).await?;
        Ok(Members { statement, lines, payments, transfers: vec![], payout })
    }

    async fn found_transfers(
        &self,
        operator: &OperatorName,
        ids: impl IntoIterator<Item = TransferId>,
    ) -> Result<Vec<Posted>, Failed> {
        let mut found = vec![];
        for id in ids {
            found.extend(self.table.find_posted(operator, &id).await?);
        }
        Ok(found)
    }

    async fn found_payout(
        &self,
        operator: &OperatorName,
        payout_id: Option<&PayoutId>,
    ) -> Result<Option<(Payout, Clock)>, Failed> {
        let Some(payout_id) = payout_id else { return Ok(None) };
        let Some(item) = self.table.find(&keys::payout(operator, payout_id)).await? else { return Ok(None) };
        Ok(Some((item.read()?, self.operator(operator).await?.clock()?)))
    }

    async fn found_lines(
        &self,
        operator: &OperatorName,
        statement_id: &StatementId,
        lines: impl IntoIterator<Item = u32>,
    ) -> Result<Vec<KeptLine>, Failed> {
        let mut found = vec![];
        for line in lines {
            if let Some(item) = self.table.find(&keys::statement_line(operator, statement_id, line)).await? {
                found.push(item.read()?);
            }
        }
        Ok(found)
    }

    async fn found_payments(
        &self,
        operator: &OperatorName,
        ids: impl IntoIterator<Item = DisbursementId>,
    ) -> Result<Vec<(Instruction, Delivery)>, Failed> {
        let mut found = vec![];
        for id in ids {
            let Some(item) = self.table.find(&keys::disbursement(operator, &id)).await? else { continue };
            let payment: Instruction = item.read()?;
            let visit = self.table.get(&keys::delivery(operator, &payment.delivery_id)).await?;
            found.push((payment, visit));
        }
        Ok(found)
    }

    /// Matches lines by hand, in one transaction: lines, payments and payout on their versions, the names of the lines on
    /// being free, and transfers on being borne out by no other. A payout that is paid by it is booked.
    ///
    /// # Errors
    /// As a commit.
    pub async fn match_by_hand(
        &self,
        command: &Command,
        decided: Result<ByHand, Failed>,
    ) -> Result<Answer<ChangedLines>, Failed> {
        let accepted = decided.and_then(|change| {
            let (operator, mut names) = (&command.operator, vec![]);
            let lines = change.lines.iter().map(|(_, after)| after);
            if let Some((before, _)) = &change.payout {
                for line in lines {
                    names.extend(take_for_payout(&self.table, operator, line, before)?);
                }
            } else {
                names.extend(take(&self.table, operator, lines, holder_of(&change))?);
            }
            names.extend(bear_out(&self.table, operator, &change)?);
            self.changed(command, &change, names, Happened::DisbursementReconciled)
        });
        self.table.commit(command, accepted).await
    }

    /// Takes a match apart, in one transaction: lines and payments on their versions, the names of the lines on being held
    /// by it, and so what says that a transfer is borne out.
    ///
    /// # Errors
    /// As a commit.
    pub async fn take_apart(
        &self,
        command: &Command,
        decided: Result<ByHand, Failed>,
    ) -> Result<Answer<ChangedLines>, Failed> {
        let accepted = decided.and_then(|change| {
            let (operator, holder) = (&command.operator, holder_of(&change));
            // A payout keeps the name that it was recorded as paid by.
            let is_kept = |line: &KeptLine| change.payout.as_ref().is_some_and(|(payout, _)| payout.holds(line));
            let freed = change.lines.iter().filter(|(before, _)| !is_kept(before));
            let names = freed.map(|(before, _)| self.table.free(name_of(operator, before), holder));
            let shown = change
                .transfer_ids
                .iter()
                .map(|id| self.table.free(keys::borne_out(operator, id), change.statement_id.as_str()));
            let names = names.chain(shown).collect::<Result<Vec<Write>, Failed>>()?;
            self.changed(command, &change, names, Happened::DisbursementUnreconciled)
        });
        self.table.commit(command, accepted).await
    }

    fn changed(
        &self,
        command: &Command,
        change: &ByHand,
        names: Vec<Write>,
        happened: Happened,
    ) -> Result<Accepted<ChangedLines>, Failed> {
        let operator = &command.operator;
        let mut writes = names;
        for (before, after) in &change.lines {
            writes.push(self.table.replace(line_item(operator, before)?, line_item(operator, after)?)?);
        }
        let mut events = Vec::with_capacity(change.payments.len());
        for (before, after) in &change.payments {
            let id = &after.disbursement_id;
            let place = keys::disbursement(operator, id);
            writes.push(self.table.replace(Item::of(&place, before)?, Item::of(&place, after)?)?);
            events.push(Event::of(command, happened, id.as_str(), Some(&after.region)));
        }
        if let Some((before, after)) = &change.payout {
            writes.extend(payouts::moved(&self.table, command, before, after)?);
            events.extend(paid_now(command, before, after));
        }
        let subject = change.statement_id.to_string();
        Ok(Accepted { status: 200, answer: change.shown(), subject, events, writes })
    }

    /// A page of statements, newest first: one query, and one batch read of what it found.
    ///
    /// # Errors
    /// [`Failed::Malformed`] for a cursor that was not made for this list.
    pub async fn list(&self, operator: &OperatorName, page: &PageRequest) -> Result<Page<ReceivedStatement>, Failed> {
        let scope = format!("{operator} statements");
        let partition = keys::worklist_of_statements(operator);
        let query = Query {
            direction: Direction::NewestFirst,
            limit: Some(page.limit),
            after: self.cursors.open(&scope, page.cursor.as_deref())?,
            ..Query::of_index(&self.table.names.records, keys::WORKLIST, partition)
        };
        let (rows, last) = self.table.query(query).await?;
        let found: Vec<ReceivedStatement> = self.table.whole(&rows).await?;
        let items = found.into_iter().map(|statement| ReceivedStatement { plan: None, ..statement }).collect();
        Ok(Page { items, next_cursor: self.cursors.seal(&scope, last)? })
    }
}

impl StatementWriter {
    /// Bank statements of these tables with files in this bucket.
    #[must_use]
    pub fn new(table: Table, files: Files) -> Self {
        Self { table, files }
    }

    /// The operator whose partner a statement may be of.
    ///
    /// # Errors
    /// [`Failed::Unknown`] when there is none.
    pub async fn operator(&self, operator: &OperatorName) -> Result<Operator, Failed> {
        self.table.get(&keys::operator(operator)).await
    }

    /// Keeps a statement: the bank's bytes under their digest first, then the statement, which is known by that digest, and
    /// by whose it is, for ever.
    ///
    /// # Errors
    /// As a commit; [`Failed::Later`] when the bucket does not answer.
    pub async fn receive(
        &self,
        command: &Command,
        bytes: &[u8],
        decided: Result<ReceivedStatement, Failed>,
    ) -> Result<Answer<ReceivedStatement>, Failed> {
        if let Ok(statement) = &decided {
            let kind = match statement.format {
                statement::StatementFormat::Csv => "text/csv; charset=utf-8",
                statement::StatementFormat::Camt053 => "application/xml",
            };
            self.files.write(&statement.file.key, kind, bytes).await?;
        }
        let accepted = decided.and_then(|statement| {
            let operator = &command.operator;
            let id = statement.statement_id.as_str();
            let file = keys::statement_file(operator, statement.partner_id.as_ref(), &statement.file.sha256);
            let file = Item::at(&file).with("holder", id);
            let known = Lost::Taken(|existing_id| Refusal::AlreadyExists { existing_id });
            Ok(Accepted {
                status: 202,
                subject: id.to_owned(),
                events: vec![Event::of(command, Happened::StatementReceived, id, None).in_group(GROUP)],
                writes: vec![
                    self.table.create(item(operator, &statement)?, Lost::Moved)?,
                    self.table.create(file, known)?,
                ],
                answer: statement,
            })
        });
        self.table.commit(command, accepted).await
    }

    /// Holds a statement against what waits, books each match by itself, and writes the report. What belongs to what is
    /// decided once: whoever comes after a crash books the rest of the same plan. A statement that is matched is left
    /// alone.
    ///
    /// # Errors
    /// [`Failed::Later`] when something behind does not answer or keeps moving; coming again is safe.
    pub async fn match_lines(&self, event: &Event, request_id: &str) -> Result<(), Failed> {
        let operator = &event.operator;
        let statement_id: StatementId = event.subject.parse().map_err(Failed::fault)?;
        let received: ReceivedStatement = self.table.get(&keys::statement(operator, &statement_id)).await?;
        if received.status == StatementStatus::Matched {
            return Ok(());
        }
        let read = statement::read(received.format, &self.files.read(&received.file).await?)?;
        let command = |key: String| Command::of_job(operator.clone(), JOB, &key, event.at, request_id.to_owned());
        let (planned, plan) = match &received.plan {
            Some(file) => {
                let plan = serde_json::from_slice(&self.files.read(file).await?).map_err(Failed::fault)?;
                (received, plan)
            }
            None => self.plan(&command(format!("{statement_id}.plan")), &received, &read).await?,
        };
        let matching = Matching::new(&planned, &read, &plan, event.at);
        let done = self.done(operator, &statement_id).await?;
        let mut overtaken = BTreeSet::new();
        for booking in matching.bookings()? {
            let first = booking.first_line();
            let stands = match done.get(&first) {
                Some(is_booked) => *is_booked,
                None => self.book(&command(format!("{statement_id}.{first:05}")), &booking).await?,
            };
            if !stands {
                overtaken.insert(first);
            }
        }
        let left: Vec<KeptLine> =
            matching.left(&overtaken).into_iter().filter(|line| !done.contains_key(&line.line)).collect();
        for some in left.chunks(LINES_AT_ONCE) {
            let first = some.first().map_or(0, |line| line.line);
            self.keep(&command(format!("{statement_id}.left.{first:05}")), some).await?;
        }
        let report = matching.report(&overtaken)?;
        let bytes = serde_json::to_vec(&report).map_err(Failed::fault)?;
        let file = self.files.write(&planned.report_key(operator.as_str()), "application/json", &bytes).await?;
        let matched = planned.matched(report.result(file)?);
        let command = command(format!("{statement_id}.report"));
        let accepted = Accepted {
            status: 200,
            subject: statement_id.to_string(),
            events: vec![Event::of(&command, Happened::StatementMatched, statement_id.as_str(), None)],
            writes: vec![self.table.replace(item(operator, &planned)?, item(operator, &matched)?)?],
            answer: matched,
        };
        self.table.commit(&command, Ok(accepted)).await.map(|_| ())
    }

    /// Decides what belongs to what, and writes it down.
    async fn plan(
        &self,
        command: &Command,
        before: &ReceivedStatement,
        read: &Statement,
    ) -> Result<(ReceivedStatement, Plan), Failed> {
        let operator: Operator = self.table.get(&keys::operator(&command.operator)).await?;
        let plan = match &before.partner_id {
            Some(partner) => {
                let expected = self.shown_to_partner(&operator, partner, before).await?;
                Plan::of_partner(before, &read.lines, expected)
            }
            None => {
                let holders = self.holders(&command.operator, read).await?;
                let mut expected = self.expected(&operator, before).await?;
                expected.extend(self.named_payouts(&operator, before, &read.lines, &holders, &expected).await?);
                expected.extend(self.not_waiting(&operator, &read.lines, &holders, &expected).await?);
                Plan::make(&read.lines, &holders, expected)
            }
        };
        let bytes = serde_json::to_vec(&plan).map_err(Failed::fault)?;
        let key = before.plan_key(command.operator.as_str(), &Sha256Hex::of(&bytes));
        let planned = before.planned(self.files.write(&key, "application/json", &bytes).await?);
        let accepted = Accepted {
            status: 200,
            subject: before.statement_id.to_string(),
            events: vec![],
            writes: vec![self.table.replace(item(&command.operator, before)?, item(&command.operator, &planned)?)?],
            answer: Booked { lines: read.lines.len() },
        };
        self.table.commit(command, Ok(accepted)).await?;
        Ok((planned, plan))
    }

    /// Lines that were matched before, and to what: one batch read of a hundred names each.
    async fn holders(&self, operator: &OperatorName, read: &Statement) -> Result<BTreeMap<u32, String>, Failed> {
        let repeats: BTreeSet<u32> =
            read.lines.iter().filter(|line| line.duplicate_of.is_some()).map(|line| line.line).collect();
        let mut places: BTreeMap<u32, Vec<Key>> = BTreeMap::new();
        for (line, name) in line_names(&read.lines) {
            // What repeats a line of this very file is told as a duplicate.
            if !repeats.contains(&line) {
                let whole = keys::bank_line(operator, &name.reference);
                places.insert(line, vec![keys::line_name(operator, &name), whole]);
            }
        }
        let wanted: BTreeMap<(String, String), Key> =
            places.values().flatten().map(|key| ((key.pk.clone(), key.sk.clone()), key.clone())).collect();
        let wanted: Vec<Key> = wanted.into_values().collect();
        let found = self.table.batch(&wanted).await?;
        let holder = |key: &Key| {
            let item = found.get(&(key.pk.clone(), key.sk.clone()))?;
            // A reference that is shared is no holder of a line that has a name of its own.
            let is_whole = key.sk == keys::BANK_LINE && item.text("is_shared").is_some();
            item.text("holder").filter(|_| !is_whole).map(str::to_owned)
        };
        Ok(places.into_iter().filter_map(|(line, keys)| Some((line, keys.iter().find_map(holder)?))).collect())
    }

    /// Every payment that a statement may show: handed over by its last day, and not reconciled. The worklist of each
    /// region, and the payments on it, read whole. And every payout: open by then, failed, or paid without a line.
    async fn expected(&self, operator: &Operator, received: &ReceivedStatement) -> Result<Vec<Expected>, Failed> {
        let name = &operator.operator;
        let since = received.first_day.saturating_sub(jiff::Span::new().days(DAYS_BACK));
        let zone = operator.time_zone();
        let business_days = of_dates(Some(since), Some(received.last_day));
        let payouts = payouts::to_be_shown(&self.table, name, business_days).await?;
        let payouts = payouts.iter().filter_map(|payout| payout.expected(&operator.business_days()));
        let mut expected: Vec<Expected> = payouts.filter(|payout| payout.date <= received.last_day).collect();
        for region in &operator.regions {
            let partition = keys::worklist_of_deliveries(name, region, DeliveryStatus::Confirmed.as_str());
            // Cash may be handed over before its day.
            let until = received.last_day.saturating_add(jiff::Span::new().days(DAYS_BACK));
            let range = Range::Between(keys::worklist_due(since), format!("{until}~"));
            let due = Query { range, ..Query::of_index(&self.table.names.records, keys::WORKLIST, partition) };
            let mut pages = self.table.pages(due);
            while let Some(rows) = pages.next().await? {
                let paid: Vec<Item> = rows.into_iter().filter(|row| row.text("kind") == Some("disbursement")).collect();
                let visits: Vec<Delivery> = self.table.whole(&paid).await?;
                let ids = visits.iter().filter_map(|visit| Some((visit, visit.disbursement_id.as_ref()?)));
                let wanted: Vec<(&Delivery, Key)> =
                    ids.map(|(visit, id)| (visit, keys::disbursement(name, id))).collect();
                let keys: Vec<Key> = wanted.iter().map(|(_, key)| key.clone()).collect();
                let mut found = self.table.batch(&keys).await?;
                for (visit, key) in wanted {
                    let Some(item) = found.remove(&(key.pk, key.sk)) else { continue };
                    let instruction: Instruction = item.read()?;
                    let waits = instruction.expected(visit, &zone);
                    expected.extend(waits.filter(|payment| payment.date <= received.last_day));
                }
            }
        }
        Ok(expected)
    }

    /// Payouts of other days that lines name, or whose line this is: one that was made again, or that a rail kept for weeks,
    /// keeps the business day of its settlement.
    async fn named_payouts(
        &self,
        operator: &Operator,
        received: &ReceivedStatement,
        lines: &[StatementLine],
        holders: &BTreeMap<u32, String>,
        expected: &[Expected],
    ) -> Result<Vec<Expected>, Failed> {
        let known: BTreeSet<&str> = expected.iter().map(|thing| thing.id.as_str()).collect();
        let held = holders.values().filter_map(|holder| holder.parse::<PayoutId>().ok());
        let named: BTreeSet<PayoutId> = lines.iter().flat_map(Payout::named_by).chain(held).collect();
        let named = named.iter().filter(|id| !known.contains(id.as_str()));
        let keys: Vec<Key> = named.map(|id| keys::payout(&operator.operator, id)).collect();
        let mut expected = vec![];
        for item in self.table.batch(&keys).await?.into_values() {
            let payout: Payout = item.read()?;
            let shown = payout.expected(&operator.business_days());
            expected.extend(shown.filter(|payout| payout.date <= received.last_day));
        }
        Ok(expected)
    }

    /// Payments that lines name and that wait for none: without them such a line would say nothing, and settle another of
    /// its amount. Only names that nothing expected has are looked up, as they stand and in capitals.
    async fn not_waiting(
        &self,
        operator: &Operator,
        lines: &[StatementLine],
        holders: &BTreeMap<u32, String>,
        expected: &[Expected],
    ) -> Result<Vec<Expected>, Failed> {
        let waits: BTreeSet<&str> = expected.iter().map(|thing| thing.id.as_str()).collect();
        let names = expected.iter().flat_map(|thing| [Some(&thing.reference), thing.end_to_end.as_ref()]);
        let names: BTreeSet<String> = names.flatten().map(|name| plain_reference(name)).collect();
        let mut told: BTreeSet<String> = BTreeSet::new();
        for line in lines.iter().filter(|line| line.duplicate_of.is_none() && !holders.contains_key(&line.line)) {
            if !names_told(line).any(|name| names.contains(&plain_reference(name))) {
                let references = names_told(line).filter(|name| may_be_reference(name)).take(MOST_NAMES);
                told.extend(references.flat_map(|name| [name.to_owned(), name.to_ascii_uppercase()]));
            }
        }
        let (name, kind) = (&operator.operator, DeliveryKind::Disbursement);
        let wanted = told.iter().flat_map(|reference| {
            operator.partners.iter().map(move |partner| keys::reference(name, partner, kind, reference))
        });
        let found = self.table.batch(&wanted.collect::<Vec<_>>()).await?;
        let ids: BTreeSet<&str> =
            found.values().filter_map(|item| item.text("holder")).filter(|id| !waits.contains(id)).collect();
        let ids = ids.into_iter().map(str::parse::<DisbursementId>).collect::<Result<Vec<_>, _>>();
        let ids = ids.map_err(Failed::fault)?;
        let keys: Vec<Key> = ids.iter().map(|id| keys::disbursement(name, id)).collect();
        let payments = self.table.batch(&keys).await?.into_values().map(Item::read::<Instruction>);
        let zone = operator.time_zone();
        payments.filter_map(|payment| payment.map(|payment| payment.not_waiting(&zone)).transpose()).collect()
    }

    /// What a partner's own statement may show: the entries of its control account by the day on which they happened,
    /// without those that were taken back, and what took them back. An entry is posted when it happens or later: from the
    /// first of these days on all are read.
    async fn shown_to_partner(
        &self,
        operator: &Operator,
        partner: &PartnerName,
        received: &ReceivedStatement,
    ) -> Result<Vec<Expected>, Failed> {
        let (zone, days) = (operator.time_zone(), received.days_shown());
        // A day in any zone begins within a day of its beginning in UTC.
        let from = Timestamp::start_of_utc_day(*days.start()).plus_seconds(-86_400);
        let range = Range::Between(from.to_string(), "~".to_owned());
        let ledger = keys::ledger(&operator.operator, &Account::PartnerControl(partner.clone()));
        let mut pages = self.table.pages(Query { range, ..Query::of(&self.table.names.ledger, ledger) });
        let (mut shown, mut taken_back) = (BTreeMap::new(), BTreeSet::new());
        while let Some(rows) = pages.next().await? {
            for row in rows {
                let entry: Entry = row.read()?;
                if let Some(reversed) = &entry.subject.reverses {
                    taken_back.extend([reversed.transfer_id.to_string(), entry.transfer_id.to_string()]);
                }
                let thing = shown_to_partner(&entry, &zone).filter(|thing| days.contains(&thing.date));
                shown.extend(thing.map(|thing| (thing.id.clone(), thing)));
            }
        }
        shown.retain(|id, _| !taken_back.contains(id));
        Ok(shown.into_values().collect())
    }

    /// Lines that have their outcome, and whether the job matched them.
    async fn done(&self, operator: &OperatorName, statement_id: &StatementId) -> Result<BTreeMap<u32, bool>, Failed> {
        let range = Range::Prefix(keys::LINE_PREFIX.to_owned());
        let partition = keys::statement(operator, statement_id).pk;
        let mut pages = self.table.pages(Query { range, ..Query::of(&self.table.names.records, partition) });
        let mut done = BTreeMap::new();
        while let Some(lines) = pages.next().await? {
            for line in lines {
                let line: KeptLine = line.read()?;
                done.insert(line.line, line.why.is_none() && line.matched_before_to.is_none());
            }
        }
        Ok(done)
    }

    /// Books a match in one transaction: its payments on their versions, its lines and their names on being new. Whether
    /// it stands: not when a payment or a line was taken since the plan.
    async fn book(&self, command: &Command, booking: &Booking) -> Result<bool, Failed> {
        for _ in 0..MOST_TRIES {
            let accepted = self.booked(command, booking).await;
            match self.table.commit(command, accepted).await {
                Ok(answer) => return Ok(answer.status < 400),
                Err(Failed::Moved | Failed::InProgress) => {}
                Err(failed) => return Err(failed),
            }
        }
        Err(Failed::Later("a payment or a line keeps moving".into()))
    }

    async fn booked(&self, command: &Command, booking: &Booking) -> Result<Accepted<Booked>, Failed> {
        if let Some(payout_id) = &booking.payout_id {
            return self.booked_payout(command, booking, payout_id).await;
        }
        let operator = &command.operator;
        let holder = booking.disbursement_ids.first().map_or("", |id| id.as_str());
        // A partner's lines are no bank's: they take no name, and settle nothing.
        let of_bank = booking.lines.iter().filter(|line| line.partner_id.is_none());
        let mut writes = take(&self.table, operator, of_bank, holder)?;
        for line in &booking.lines {
            writes.push(self.table.create(line_item(operator, line)?, Lost::Moved)?);
        }
        let mut events = Vec::with_capacity(booking.disbursement_ids.len());
        for id in &booking.disbursement_ids {
            let before: Instruction = self.table.get(&keys::disbursement(operator, id)).await?;
            let visit: Delivery = self.table.get(&keys::delivery(operator, &before.delivery_id)).await?;
            let after = booking.settle(&before, &visit)?;
            let place = keys::disbursement(operator, id);
            writes.push(self.table.replace(Item::of(&place, &before)?, Item::of(&place, &after)?)?);
            events.push(Event::of(command, Happened::DisbursementReconciled, id.as_str(), Some(&before.region)));
        }
        let lines = booking.lines.len();
        let statement = booking.lines.first().map(|line| line.statement_id.to_string()).unwrap_or_default();
        let subject = if holder.is_empty() { statement } else { holder.to_owned() };
        Ok(Accepted { status: 200, answer: Booked { lines }, subject, events, writes })
    }

    /// A payout that lines bear out. It is posted now: the statement came before, and maybe before the cut of a day that is
    /// settled and reported.
    async fn booked_payout(
        &self,
        command: &Command,
        booking: &Booking,
        payout_id: &PayoutId,
    ) -> Result<Accepted<Booked>, Failed> {
        let operator = &command.operator;
        let before: Payout = self.table.get(&keys::payout(operator, payout_id)).await?;
        let known: Operator = self.table.get(&keys::operator(operator)).await?;
        let command = &Command { at: self.table.written_at(command), ..command.clone() };
        let after = booking.bear_out(&before, &known.clock()?, command)?;
        let mut writes = payouts::moved(&self.table, command, &before, &after)?;
        for line in &booking.lines {
            writes.extend(take_for_payout(&self.table, operator, line, &before)?);
            writes.push(self.table.create(line_item(operator, line)?, Lost::Moved)?);
        }
        let (events, lines) = (paid_now(command, &before, &after).into_iter().collect(), booking.lines.len());
        Ok(Accepted { status: 200, answer: Booked { lines }, subject: payout_id.to_string(), events, writes })
    }

    /// Keeps lines that settle nothing.
    async fn keep(&self, command: &Command, lines: &[KeptLine]) -> Result<(), Failed> {
        let writes =
            lines.iter().map(|line| self.table.create(line_item(&command.operator, line)?, Lost::Moved)).collect();
        let subject = lines.first().map(|line| line.statement_id.to_string()).unwrap_or_default();
        let accepted: Result<Vec<Write>, Failed> = writes;
        let accepted = accepted.map(|writes| Accepted {
            status: 200,
            answer: Booked { lines: lines.len() },
            subject,
            events: vec![],
            writes,
        });
        self.table.commit(command, accepted).await.map(|_| ())
    }
}
