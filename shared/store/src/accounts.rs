//! Accounts: what is in them and how it got there.

use domain::{
    Failed, Money, OperatorName,
    ledger::{Account, Entry},
    operator::Operator,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    answer::Page,
    cursor::{CursorKey, PageRequest},
    keys,
    table::{Item, Query, Table},
};

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
    /// Entries, oldest first.
    pub items: Vec<Entry>,
    /// Where they go on.
    pub next_cursor: Option<String>,
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
        let exists = match account {
            Account::AgentCash(_) => !shards.is_empty(),
            Account::PartnerControl(partner) | Account::PartnerSettlement(partner) => known.partners.contains(partner),
            Account::Vault(name) => name == operator,
        };
        if !exists {
            return Err(Failed::Unknown);
        }
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
            balance: Money::new(balance_minor, known.currency),
            items: page.items,
            next_cursor: page.next_cursor,
        })
    }
}
