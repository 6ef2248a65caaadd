//! Accounts: what is in them and how it got there.

use domain::{
    Command, Currency, Failed, Money, OperatorName, Refusal, Timestamp,
    day_close::DayClose,
    ledger::{Account, AccountQuery, Entry, Rest},
    operator::Operator,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    answer::{Answer, Page},
    commit::Accepted,
    cursor::{CursorKey, PageRequest},
    files::Files,
    keys,
    table::{Direction, Item, Query, Range, Table, between_times},
};

/// The most megabytes that are added up for a statement as of a time: some 25,000 entries, an agent's five years. Even
/// at a second each they fit into the ten of a call.
const MOST_PAGES: usize = 8;

/// How many of the latest closed days are looked at for one that is reported: the report of a day is late by hours at most.
const REPORTS_BACK: i32 = 7;

/// What may be read of accounts, and the bucket with what they held at the cuts of days.
#[derive(Clone)]
pub struct Accounts {
    table: Table,
    cursors: CursorKey,
    files: Files,
}

/// What may be done with accounts.
#[derive(Clone)]
pub struct AccountWriter {
    table: Table,
}

/// A moment at which it is known what an account held: before it entries need not be added up.
#[derive(Clone, Copy)]
struct Start {
    at: Timestamp,
    balance: Money,
}

/// A balance and a page of the entries that made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Statement {
    /// Which account.
    pub account_id: String,
    /// What kind of account.
    pub kind: String,
    /// The sum of all entries, folded over all shards.
    pub balance: Money,
    /// What of the balance is not reserved now, of an account whose balance is never below zero.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub available: Option<Money>,
    /// When it was closed, if it was: nothing is posted to it any more.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub closed_at: Option<Timestamp>,
    /// The time by which what is shown had happened, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub as_of: Option<Timestamp>,
    /// The time by which what is shown was known, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub known_at: Option<Timestamp>,
    /// Entries, oldest first.
    pub items: Vec<Entry>,
    /// Where they go on.
    pub next_cursor: Option<String>,
}

/// An account that takes nothing any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClosedAccount {
    /// Which account.
    pub account_id: String,
    /// What kind of account.
    pub kind: String,
    /// When it was closed.
    pub closed_at: Timestamp,
}

fn closed_at(shards: &[Item]) -> Option<Timestamp> {
    shards.first().and_then(|shard| shard.text("closed_at")?.parse().ok())
}

/// Passes when the operator has an account: by its rules, or because its balance is there.
fn must_exist(operator: &Operator, account: &Account, shards: &[Item]) -> Result<(), Failed> {
    let exists = if account.is_closable() { !shards.is_empty() } else { operator.has(account) };
    if exists { Ok(()) } else { Err(Failed::Unknown) }
}

/// The named accounts of an operator that were posted to.
pub(crate) async fn named(table: &Table, operator: &OperatorName) -> Result<Vec<Account>, Failed> {
    let spoiled = |name: String| Failed::fault(format!("`{name}` is no account"));
    remembered(table, operator).await?.into_iter().map(|row| row.map_err(spoiled)).collect()
}

/// The same, and the names among them that no account can have.
pub(crate) async fn remembered(table: &Table, operator: &OperatorName) -> Result<Vec<Result<Account, String>>, Failed> {
    let mut accounts = vec![];
    let mut pages = table.pages(Query::of(&table.names.records, keys::named_accounts(operator)));
    while let Some(rows) = pages.next().await? {
        for row in rows {
            let name = row.text("sk").unwrap_or_default();
            accounts.push(name.parse().map_err(|_| name.to_owned()));
        }
    }
    Ok(accounts)
}

impl Accounts {
    /// Accounts in these tables.
    #[must_use]
    pub fn new(table: Table, cursors: CursorKey, files: Files) -> Self {
        Self { table, cursors, files }
    }

    /// A statement: one query for the balance (all shards lie in one partition), one for the page of entries,
    /// one read for the operator's currency.
    ///
    /// # Errors
    /// [`Failed::Unknown`] when the operator has no such account.
    pub async fn statement(
        &self,
        operator: &OperatorName,
        account: &Account,
        page: &PageRequest,
    ) -> Result<Statement, Failed> {
        let scope = format!("{operator} entries {account}");
        let limit = Some(page.limit);
        let after = self.cursors.open(&scope, page.cursor.as_deref())?;
        let known: Operator = self.table.get(&keys::operator(operator)).await?;
        let balances = keys::balance(operator, account, 0).pk;
        let (shards, _) = self.table.query(Query::of(&self.table.names.records, balances)).await?;
        must_exist(&known, account, &shards)?;
        let mut balance_minor = 0_i64;
        for shard in &shards {
            balance_minor = shard
                .number("balance_minor")
                .and_then(|minor| balance_minor.checked_add(minor))
                .ok_or_else(|| Failed::fault("a balance that is no number, or beyond what can be counted"))?;
        }
        let entries = Query::of(&self.table.names.ledger, keys::ledger(operator, account));
        let (items, last) = self.table.query(Query { limit, after, ..entries }).await?;
        let items = items.into_iter().map(Item::read).collect::<Result<_, _>>()?;
        let page = Page::<Entry> { items, next_cursor: self.cursors.seal(&scope, last)? };
        Ok(Statement {
            account_id: account.to_string(),
            kind: account.kind().to_owned(),
            closed_at: closed_at(&shards),
            balance: Money::new(balance_minor, known.currency),
            available: shards
                .first()
                .and_then(|shard| shard.number("available_minor"))
                .map(|available_minor| Money::new(available_minor, known.currency)),
            as_of: None,
            known_at: None,
            items: page.items,
            next_cursor: page.next_cursor,
        })
    }

    /// A statement as of a time: what had happened by then, as far as it was known by then. The balance is the exact sum
    /// of the entries that it is asked for: what the account held at the last cut before, by the report of that day, and
    /// every entry from there up to `known_at`. What was posted before the cut had happened and was known by then. One query
    /// a megabyte, about 3,000 entries, and a read unit for each four kilobytes; eight queries at most.
    ///
    /// # Errors
    /// [`Failed::Unknown`] when the operator has no such account, [`Failed::Malformed`] when it has more entries behind
    /// the cut than are added up: the hint names a time up to which it has not.
    pub async fn statement_at(
        &self,
        operator: &OperatorName,
        account: &Account,
        asked: &AccountQuery,
        page: &PageRequest,
    ) -> Result<Statement, Failed> {
        let scope = format!("{operator} entries {account} {asked:?}");
        let cursor = self.cursors.open(&scope, page.cursor.as_deref())?;
        let after = cursor.as_ref().and_then(|after| after.text("sk")).unwrap_or_default().to_owned();
        let known: Operator = self.table.get(&keys::operator(operator)).await?;
        let balances = keys::balance(operator, account, 0).pk;
        let (shards, _) = self.table.query(Query::of(&self.table.names.records, balances)).await?;
        must_exist(&known, account, &shards)?;
        let most = usize::try_from(page.limit).map_err(Failed::fault)?;
        let nothing = Start { at: Timestamp::EPOCH, balance: Money::zero(known.currency) };
        let start = self.start(operator, account, asked, known.currency).await?.unwrap_or(nothing);
        let (mut balance, mut items, mut last, mut more) = (start.balance, vec![], None, false);
        let ledger = Query::of(&self.table.names.ledger, keys::ledger(operator, account));
        if after < start.at.to_string() {
            // All of them are asked for, and none has to be added up.
            let (range, limit) = (between_times(Timestamp::EPOCH, start.at), page.limit.saturating_add(1));
            let query = Query { range, limit: Some(limit), after: cursor, ..ledger.clone() };
            for row in self.table.query(query).await?.0 {
                more = items.len() >= most;
                if !more {
                    last = Some(Item::at(&row.key()));
                    items.push(row.read::<Entry>()?);
                }
            }
        }
        let until = asked.known_at.map(|known_at| Timestamp::from_millis(known_at.as_millis().saturating_add(1)));
        let range = match until {
            Some(until) => between_times(start.at, until),
            None => Range::Between(start.at.to_string(), "~".to_owned()),
        };
        let mut pages = self.table.pages(Query { range, ..ledger });
        let (mut read, mut reached) = (0_usize, Timestamp::EPOCH);
        while let Some(rows) = pages.next().await? {
            for row in rows {
                let place = row.key();
                let entry: Entry = row.read()?;
                reached = entry.at;
                if !asked.takes(&entry) {
                    continue;
                }
                balance = balance.plus(entry.amount).map_err(Failed::fault)?;
                if place.sk <= after {
                    continue;
                }
                if items.len() < most {
                    items.push(entry);
                    last = Some(Item::at(&place));
                } else {
                    more = true;
                }
            }
            read = read.saturating_add(1);
            if read >= MOST_PAGES && pages.go_on() {
                return Err(AccountQuery::too_long(reached));
            }
        }
        Ok(Statement {
            account_id: account.to_string(),
            kind: account.kind().to_owned(),
            closed_at: closed_at(&shards),
            balance,
            available: None,
            as_of: asked.as_of,
            known_at: asked.known_at,
            items,
            next_cursor: self.cursors.seal(&scope, last.filter(|_| more))?,
        })
    }

    /// The last cut before the times that are asked for, with what the account held then by the day's report: a query of
    /// closed days, a read of those found, and the report. Nothing where none is reported, where controls of the report do
    /// not hold, and where it has no row of the account.
    async fn start(
        &self,
        operator: &OperatorName,
        account: &Account,
        asked: &AccountQuery,
        currency: Currency,
    ) -> Result<Option<Start>, Failed> {
        let Some(since) = asked.since() else { return Ok(None) };
        // A day is cut on its own date, in some zone, or on the next.
        let range = Range::Between(String::new(), format!("{}~", since.plus_seconds(86_400).utc_day()));
        let days = Query::of_index(&self.table.names.records, keys::WORKLIST, keys::worklist_of_day_closes(operator));
        let days = Query { range, direction: Direction::NewestFirst, limit: Some(REPORTS_BACK), ..days };
        let (rows, _) = self.table.query(days).await?;
        let days: Vec<DayClose> = self.table.whole(&rows).await?;
        let Some(day) = days.iter().find(|day| day.cut_at <= since && day.holds == Some(true)) else { return Ok(None) };
        let report = self.files.report(day).await?;
        let closing_minor = report.and_then(|report| report.closing_minor(operator, account));
        Ok(closing_minor.map(|minor| Start { at: day.cut_at, balance: Money::new(minor, currency) }))
    }
}

impl AccountWriter {
    /// Accounts in these tables.
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    /// What is left of an account: a read of its balance, or of the operator for one that is there without.
    ///
    /// # Errors
    /// [`Failed::Unknown`] when the operator has no such account.
    pub async fn rest(&self, operator: &OperatorName, account: &Account) -> Result<Rest, Failed> {
        if !account.is_closable() {
            let known: Operator = self.table.get(&keys::operator(operator)).await?;
            return if known.has(account) { Ok(Rest::default()) } else { Err(Failed::Unknown) };
        }
        let balance = self.table.find(&keys::balance(operator, account, 0)).await?.ok_or(Failed::Unknown)?;
        Ok(Rest {
            is_closed: balance.text("closed_at").is_some(),
            balance_minor: balance.number("balance_minor").unwrap_or_default(),
            available_minor: balance.number("available_minor").unwrap_or_default(),
        })
    }

    /// Closes an account: in the commit its balance must still be there, open and at zero.
    ///
    /// # Errors
    /// As a commit.
    pub async fn close(
        &self,
        command: &Command,
        account: &Account,
        decided: Result<(), Refusal>,
    ) -> Result<Answer<ClosedAccount>, Failed> {
        let operator = &command.operator;
        let accepted = decided.map_err(Failed::from).and_then(|()| {
            Ok(Accepted {
                status: 200,
                subject: account.to_string(),
                events: vec![],
                writes: vec![self.table.close(operator, account, command.at)?],
                answer: ClosedAccount {
                    account_id: account.to_string(),
                    kind: account.kind().to_owned(),
                    closed_at: command.at,
                },
            })
        });
        self.table.commit(command, accepted).await
    }
}
