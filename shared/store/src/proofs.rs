//! Proofs: an operator's books read whole, and what was found.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    AgentId, Failed, OperatorName, Timestamp,
    ledger::{Account, Entry, Limits},
    operator::Operator,
    proof::{Balance, Check, Proof},
    settlement::{Calendar, Settlement},
};
use serde::Deserialize;

use crate::{
    directory::Directory,
    keys,
    table::{Query, Range, Table},
};

/// How many closed days back settlements are looked at: longer than any dispute over one that is missing.
const DAYS_BACK: i64 = 35;

/// What may be proven of books.
#[derive(Clone)]
pub struct Proofs {
    table: Table,
}

/// What the index has of an agent.
#[derive(Deserialize)]
struct AgentRow {
    agent_id: AgentId,
    cash_cap_minor: i64,
}

impl Proofs {
    /// Proofs of the books in these tables.
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    /// Every operator.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn operators(&self) -> Result<Vec<OperatorName>, Failed> {
        Directory::new(self.table.clone()).operators().await
    }

    /// The latest proof of an operator's books.
    ///
    /// # Errors
    /// [`Failed::Unknown`] before the first one.
    pub async fn get(&self, operator: &OperatorName) -> Result<Proof, Failed> {
        self.find(operator).await?.ok_or(Failed::Unknown)
    }

    async fn find(&self, operator: &OperatorName) -> Result<Option<Proof>, Failed> {
        let Some(item) = self.table.find(&keys::proof(operator)).await? else { return Ok(None) };
        // One of an older shape says nothing to this check.
        Ok(serde_json::from_str(item.text("proof").unwrap_or_default()).ok())
    }

    /// Reads all accounts of an operator, entry by entry, holds them against their balances and against each other, and
    /// keeps the result. In bounded memory but for the transfers, of which a sum each is kept.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn check(&self, name: &OperatorName, now: Timestamp) -> Result<Proof, Failed> {
        let operator: Operator = self.table.get(&keys::operator(name)).await?;
        let mut check = Check::begin(name.clone(), self.find(name).await?, now);
        for (account, cap_minor) in self.accounts(&operator).await? {
            let before = self.balance(name, &account, cap_minor).await?;
            let ledger = Query::of(&self.table.names.ledger, keys::ledger(name, &account));
            let mut pages = self.table.pages(ledger);
            while let Some(items) = pages.next().await? {
                for item in items {
                    check.entry(&item.read::<Entry>()?);
                }
            }
            if account.limits() != Limits::None {
                let mut pages = self.table.pages(Query::of(&self.table.names.records, keys::holds(name, &account)));
                while let Some(holds) = pages.next().await? {
                    for hold in holds {
                        let held = hold.number("amount_minor");
                        check.reservation(held.ok_or_else(|| Failed::fault("a hold of no amount"))?);
                    }
                }
            }
            let after = self.balance(name, &account, cap_minor).await?;
            check.account(&account, before, after);
        }
        self.days(&operator, &mut check).await?;
        let proof = check.finish();
        self.keep(&proof).await?;
        Ok(proof)
    }

    /// Every account of an operator, with its cap if it has one.
    async fn accounts(&self, operator: &Operator) -> Result<Vec<(Account, Option<i64>)>, Failed> {
        let name = &operator.operator;
        let own = [Account::Vault(name.clone()), Account::Bank(name.clone()), Account::Suspense(name.clone())];
        let mut accounts: Vec<_> = own.into_iter().map(|account| (account, None)).collect();
        accounts.extend(crate::accounts::named(&self.table, name).await?.into_iter().map(|account| (account, None)));
        for partner in &operator.partners {
            accounts.push((Account::PartnerControl(partner.clone()), None));
            accounts.push((Account::PartnerSettlement(partner.clone()), None));
        }
        for region in &operator.regions {
            let partition = keys::worklist_of_agents(name, region);
            let mut pages = self.table.pages(Query::of_index(&self.table.names.records, keys::WORKLIST, partition));
            while let Some(rows) = pages.next().await? {
                for row in rows {
                    let AgentRow { agent_id, cash_cap_minor } = row.read()?;
                    accounts.push((Account::AgentCash(agent_id), Some(cash_cap_minor)));
                }
            }
        }
        Ok(accounts)
    }

    async fn balance(
        &self,
        operator: &OperatorName,
        account: &Account,
        cap_minor: Option<i64>,
    ) -> Result<Balance, Failed> {
        let partition = keys::balance(operator, account, 0).pk;
        let (shards, _) = self.table.query(Query::of(&self.table.names.records, partition)).await?;
        let mut balance_minor = 0_i64;
        for shard in &shards {
            let minor = shard.number("balance_minor").and_then(|minor| balance_minor.checked_add(minor));
            balance_minor = minor.ok_or_else(|| Failed::fault("a balance that is no number, or beyond counting"))?;
        }
        let headroom_minor = shards.first().and_then(|shard| shard.number("headroom_minor"));
        let available_minor = shards.first().and_then(|shard| shard.number("available_minor"));
        let counted = shards.iter().filter_map(|shard| u64::try_from(shard.number("moves")?).ok());
        let moves = counted.fold(0, u64::saturating_add);
        Ok(Balance { balance_minor, headroom_minor, cap_minor, available_minor, moves })
    }

    /// Looks at the settlements of the last weeks.
    async fn days(&self, operator: &Operator, check: &mut Check) -> Result<(), Failed> {
        let name = &operator.operator;
        let Some(calendar) = self.table.find(&keys::calendar(name)).await? else { return Ok(()) };
        let Some(last) = calendar.read::<Calendar>()?.last_closed else { return Ok(()) };
        let Ok(first) = last.checked_sub(jiff::Span::new().days(DAYS_BACK)) else { return Ok(()) };
        let range = Range::Between(first.to_string(), format!("{last}~"));
        let partition = keys::worklist_of_settlements(name);
        let of_days = Query { range, ..Query::of_index(&self.table.names.records, keys::WORKLIST, partition) };
        let mut settlements: Vec<Settlement> = Vec::new();
        let mut pages = self.table.pages(of_days);
        while let Some(rows) = pages.next().await? {
            settlements.extend(self.table.whole::<Settlement>(&rows).await?);
        }
        check.days(last, &operator.partners, &settlements);
        Ok(())
    }

    /// Keeps a proof; one of a later check stays.
    async fn keep(&self, proof: &Proof) -> Result<(), Failed> {
        let text = serde_json::to_string(proof).map_err(Failed::fault)?;
        let values = HashMap::from([
            (":proof".to_owned(), AttributeValue::S(text)),
            (":at".to_owned(), AttributeValue::S(proof.checked_at.to_string())),
        ]);
        let condition = "attribute_not_exists(pk) OR checked_at <= :at";
        let key = keys::proof(&proof.operator);
        self.table.update_if(key, "SET proof = :proof, checked_at = :at", condition, values).await.map(|_| ())
    }
}
