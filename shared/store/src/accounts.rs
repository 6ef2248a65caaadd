//! Accounts: what is in them and how it got there.

use domain::{
    Command, Failed, Money, OperatorName, Refusal, Timestamp,
    ledger::{Account, AccountQuery, Entry},
    operator::Operator,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    answer::{Answer, Page},
    commit::Accepted,
    cursor::{CursorKey, PageRequest},
    keys,
    table::{Item, Query, Range, Table, between_times},
};

/// The most megabytes that are added up for a statement as of a time: some 25,000 entries, an agent's five years. Even
/// at a second each they fit into the ten of a call.
const MOST_PAGES: usize = 8;

/// What may be read of accounts.
#[derive(Clone)]
pub struct Accounts {
    table: Table,
    cursors: CursorKey,
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
    pub fn new(table: Table, cursors: CursorKey) -> Self {
        Self { table, cursors }
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
    /// of the entries that it is asked for, so every page reads all entries of the account up to `known_at`: one query a
    /// megabyte, about 3,000 entries, and a read unit for each four kilobytes; eight queries at most.
    ///
    /// # Errors
    /// [`Failed::Unknown`] when the operator has no such account, [`Failed::Malformed`] when it has more entries up to
    /// then than are added up: the hint names a time up to which it has not.
    pub async fn statement_at(
        &self,
        operator: &OperatorName,
        account: &Account,
        asked: &AccountQuery,
        page: &PageRequest,
    ) -> Result<Statement, Failed> {
        let scope = format!("{operator} entries {account} {asked:?}");
        let after = self.cursors.open(&scope, page.cursor.as_deref())?;
        let after = after.as_ref().and_then(|after| after.text("sk")).unwrap_or_default().to_owned();
        let known: Operator = self.table.get(&keys::operator(operator)).await?;
        let balances = keys::balance(operator, account, 0).pk;
        let (shards, _) = self.table.query(Query::of(&self.table.names.records, balances)).await?;
        must_exist(&known, account, &shards)?;
        let most = usize::try_from(page.limit).map_err(Failed::fault)?;
        let (mut balance, mut items, mut last, mut more) = (Money::zero(known.currency), vec![], None, false);
        let until = asked.known_at.map(|known_at| Timestamp::from_millis(known_at.as_millis().saturating_add(1)));
        let range = until.map_or(Range::All, |until| between_times(Timestamp::EPOCH, until));
        let ledger = Query::of(&self.table.names.ledger, keys::ledger(operator, account));
        let mut pages = self.table.pages(Query { range, ..ledger });
        let (mut read, mut reached) = (0_usize, Timestamp::EPOCH);
        while let Some(rows) = pages.next().await? {
            for row in rows {
                let [pk, sk] = ["pk", "sk"].map(|name| row.text(name).unwrap_or_default().to_owned());
                let entry: Entry = row.read()?;
                reached = entry.at;
                if !asked.takes(&entry) {
                    continue;
                }
                balance = balance.plus(entry.amount).map_err(Failed::fault)?;
                if sk <= after {
                    continue;
                }
                if items.len() < most {
                    items.push(entry);
                    last = Some(Item::default().with("pk", pk).with("sk", sk));
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

    /// Closes an account that is at zero, of which nothing is reserved: a read of its balance, and the commit, in which
    /// the balance must still be there, open and at zero.
    ///
    /// # Errors
    /// [`Failed::Unknown`] when the operator has no such account; as a commit.
    pub async fn close(&self, command: &Command, account: &Account) -> Result<Answer<ClosedAccount>, Failed> {
        let operator = &command.operator;
        let decided = match self.table.find(&keys::balance(operator, account, 0)).await? {
            _ if !account.is_closable() => {
                self.exists(operator, account).await?;
                Err(Refusal::AccountNotClosable { account_id: account.to_string() })
            }
            None => return Err(Failed::Unknown),
            Some(balance) if balance.text("closed_at").is_some() => {
                Err(Refusal::AccountClosed { account_id: account.to_string() })
            }
            Some(balance) => {
                let is_zero = |name: &str| balance.number(name).is_none_or(|minor| minor == 0);
                let is_empty = is_zero("balance_minor") && is_zero("available_minor");
                if is_empty { Ok(()) } else { Err(Refusal::AccountNotEmpty { account_id: account.to_string() }) }
            }
        };
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

    /// Passes when the operator has an account that is there without having been posted to.
    async fn exists(&self, operator: &OperatorName, account: &Account) -> Result<(), Failed> {
        let known: Operator = self.table.get(&keys::operator(operator)).await?;
        if known.has(account) { Ok(()) } else { Err(Failed::Unknown) }
    }
}
