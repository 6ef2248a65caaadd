//! Proofs: an operator's books read whole, its history held against its seals, and what was found.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    AgentId, CommitId, Day, Failed, OperatorName, SettlementId, Timestamp, TransferId,
    day_close::DayClose,
    ledger::{Account, Entry, Limits, Posted},
    operator::Operator,
    proof::{Balance, Check, Invariant, Proof},
    settled_days::SettledDays,
    settlement::{Calendar, Settlement},
    settlement_format::SettlementFormats,
};
use serde::Deserialize;

use crate::{
    alterations::Altered,
    directory::Directory,
    files::Files,
    keys::{self, Key},
    seals::Seals,
    table::{Item, Query, Range, Table},
};

/// How many closed days back settlements are looked at: longer than any dispute over one that is missing.
const DAYS_BACK: i64 = 35;

/// How many commits that wait in the outbox a check looks at: the oldest, which are the ones that are late.
const MOST_UNRELAYED: i32 = 50;

/// What was proven of books.
#[derive(Clone)]
pub struct Proofs {
    table: Table,
}

/// What proves books.
#[derive(Clone)]
pub struct ProofWriter {
    table: Table,
    seals: Seals,
    files: Files,
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
}

/// A settlement, if the row can be read as the one that lies there.
fn settlement(item: Item, settlement_id: &SettlementId) -> Option<Settlement> {
    item.read().ok().filter(|read: &Settlement| read.settlement_id == *settlement_id)
}

/// A closed day, if the row can be read as the one that lies there.
fn closed_day(item: Item, day: Day) -> Option<DayClose> {
    item.read().ok().filter(|read: &DayClose| read.business_day == day)
}

impl ProofWriter {
    /// What proves the books in these tables, history against these seals, and settlements against their files in this
    /// bucket.
    #[must_use]
    pub fn new(table: Table, seals: Seals, files: Files) -> Self {
        Self { table, seals, files }
    }

    /// Every operator.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn operators(&self) -> Result<Vec<OperatorName>, Failed> {
        Directory::new(self.table.clone()).operators().await
    }

    /// Reads all accounts of an operator, entry by entry, holds them against their balances and against each other; holds
    /// closed days against them and some of their files; looks at the outbox; follows the chain of seals and holds hours of it against what is there; looks at each
    /// row that was ever altered; and keeps the result. In bounded memory but for the transfers, of which a sum each is kept,
    /// the chain, and the hours' hashes.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn check(&self, name: &OperatorName, now: Timestamp) -> Result<Proof, Failed> {
        let operator: Operator = self.table.get(&keys::operator(name)).await?;
        let mut check = Check::begin(name.clone(), Proofs::new(self.table.clone()).find(name).await?, now);
        // Before the books: what is settled by now is in them when they are read.
        let weeks = self.settled_days(name, &mut check).await?;
        let formats = SettlementFormats::shipped()?;
        weeks.iter().for_each(|weeks| check.recount(weeks, &formats));
        for (account, cap_minor) in self.accounts(&operator, weeks.as_ref(), &mut check).await? {
            let before = self.balance(name, &account, cap_minor).await?;
            let ledger = Query::of(&self.table.names.ledger, keys::ledger(name, &account));
            let mut pages = self.table.pages(ledger);
            while let Some(items) = pages.next().await? {
                for item in items {
                    let place = keys::place_within(&item.key());
                    let commit_id = item.text("commit_id").and_then(|id| id.parse::<CommitId>().ok());
                    match item.read::<Entry>() {
                        Ok(entry) => check.entry(&account, &entry, commit_id.map_or(entry.at, |id| id.written_at())),
                        Err(_) => check.unreadable(Invariant::V5, place, "an entry"),
                    }
                }
            }
            if account.limits() != Limits::None {
                let mut pages = self.table.pages(Query::of(&self.table.names.records, keys::holds(name, &account)));
                while let Some(holds) = pages.next().await? {
                    for hold in holds {
                        match hold.number("amount_minor") {
                            Some(held) => check.reservation(held),
                            None => check.unreadable(Invariant::V5, keys::place_within(&hold.key()), "a hold"),
                        }
                    }
                }
            }
            let after = self.balance(name, &account, cap_minor).await?;
            match (before, after) {
                (Some(before), Some(after)) => check.account(&account, before, after),
                _ => check.unreadable(Invariant::V5, account.to_string(), "a balance"),
            }
        }
        if let Some(weeks) = weeks {
            let booked = self.bookings(&weeks).await?;
            check.days(&weeks, &operator.partners, &formats, &booked);
            for (settlement_id, file) in check.files() {
                check.file(&settlement_id, &file, self.files.digest(&file.key).await?);
            }
        }
        self.outbox(name, now, &mut check).await?;
        self.history(name, &mut check).await?;
        self.alterations(name, &mut check).await?;
        let proof = check.finish();
        self.keep(&proof).await?;
        Ok(proof)
    }

    /// Every account of an operator, with its cap if it has one.
    async fn accounts(
        &self,
        operator: &Operator,
        weeks: Option<&SettledDays>,
        check: &mut Check,
    ) -> Result<Vec<(Account, Option<i64>)>, Failed> {
        let name = &operator.operator;
        let own = [Account::Vault(name.clone()), Account::Bank(name.clone()), Account::Suspense(name.clone())];
        let mut accounts: Vec<_> = own.into_iter().map(|account| (account, None)).collect();
        for row in crate::accounts::remembered(&self.table, name).await? {
            match row {
                Ok(account) => accounts.push((account, None)),
                Err(found) => check.unreadable(Invariant::V5, format!("accounts {found}"), "an account's name"),
            }
        }
        let settled = weeks.into_iter().flat_map(SettledDays::partners);
        for partner in operator.partners.iter().chain(settled).collect::<BTreeSet<_>>() {
            accounts.push((Account::PartnerControl(partner.clone()), None));
            accounts.push((Account::PartnerSettlement(partner.clone()), None));
        }
        for region in &operator.regions {
            let partition = keys::worklist_of_agents(name, region);
            let mut pages = self.table.pages(Query::of_index(&self.table.names.records, keys::WORKLIST, partition));
            while let Some(rows) = pages.next().await? {
                for row in rows {
                    let name = keys::name_of(&row.key().pk);
                    match row.read() {
                        Ok(AgentRow { agent_id, cash_cap_minor }) => {
                            accounts.push((Account::AgentCash(agent_id), Some(cash_cap_minor)));
                        }
                        Err(_) => check.unreadable(Invariant::V5, name, "an agent"),
                    }
                }
            }
        }
        Ok(accounts)
    }

    /// A balance; nothing when it is none, or beyond counting.
    async fn balance(
        &self,
        operator: &OperatorName,
        account: &Account,
        cap_minor: Option<i64>,
    ) -> Result<Option<Balance>, Failed> {
        let partition = keys::balance(operator, account, 0).pk;
        let (shards, _) = self.table.query(Query::of(&self.table.names.records, partition)).await?;
        let mut balance_minor = 0_i64;
        for shard in &shards {
            match shard.number("balance_minor").and_then(|minor| balance_minor.checked_add(minor)) {
                Some(sum) => balance_minor = sum,
                None => return Ok(None),
            }
        }
        let headroom_minor = shards.first().and_then(|shard| shard.number("headroom_minor"));
        let available_minor = shards.first().and_then(|shard| shard.number("available_minor"));
        let counted = shards.iter().filter_map(|shard| u64::try_from(shard.number("moves")?).ok());
        let moves = counted.fold(0, u64::saturating_add);
        Ok(Some(Balance { balance_minor, headroom_minor, cap_minor, available_minor, moves }))
    }

    /// The days that were closed in the last weeks and their settlements; nothing before the first.
    async fn settled_days(&self, name: &OperatorName, check: &mut Check) -> Result<Option<SettledDays>, Failed> {
        let Some(calendar) = self.table.find(&keys::calendar(name)).await? else { return Ok(None) };
        let Ok(calendar) = calendar.read::<Calendar>() else {
            check.unreadable(Invariant::V9, "calendar".to_owned(), "a calendar");
            return Ok(None);
        };
        let Some(last) = calendar.last_closed else { return Ok(None) };
        let first = last.saturating_sub(jiff::Span::new().days(DAYS_BACK));
        let mut weeks =
            SettledDays { operator: name.clone(), first, last, days: BTreeMap::new(), settlements: BTreeMap::new() };
        let all: Vec<Day> = first.series(jiff::Span::new().days(1)).take_while(|day| *day <= last).collect();
        let keys: Vec<Key> = all.iter().map(|day| keys::day_close(name, *day)).collect();
        let mut found = self.table.batch(&keys).await?;
        for (day, key) in all.into_iter().zip(keys) {
            if let Some(item) = found.remove(&(key.pk, key.sk)) {
                weeks.days.insert(day, closed_day(item, day));
            }
        }
        for (settlement_id, item) in self.listed(&weeks).await? {
            weeks.settlements.insert(settlement_id.clone(), settlement(item, &settlement_id));
        }
        // Batches and the index lag behind what was just written: what something names and they lack is asked for anew.
        for day in weeks.named() {
            if !weeks.days.contains_key(&day)
                && let Some(item) = self.table.find(&keys::day_close(name, day)).await?
            {
                weeks.days.insert(day, closed_day(item, day));
            }
        }
        let lacking: Vec<SettlementId> =
            weeks.days.values().flatten().flat_map(|day| weeks.lacking_of(day)).cloned().collect();
        for settlement_id in lacking {
            if let Some(item) = self.table.find(&keys::settlement(name, &settlement_id)).await? {
                weeks.settlements.insert(settlement_id.clone(), settlement(item, &settlement_id));
            }
        }
        Ok(Some(weeks))
    }

    /// The transfers that settlements say they were booked with, as far as they are there and can be read.
    async fn bookings(&self, weeks: &SettledDays) -> Result<BTreeMap<TransferId, Posted>, Failed> {
        let ledger = &self.table.names.ledger;
        let keys: Vec<Key> = weeks.bookings().map(|id| keys::transfer(&weeks.operator, id)).collect();
        let mut found = self.table.batch_in(ledger, &keys).await?;
        let mut bookings = BTreeMap::new();
        for (transfer_id, key) in weeks.bookings().zip(keys) {
            let item = match found.remove(&(key.pk.clone(), key.sk.clone())) {
                Some(item) => Some(item),
                // A batch lags behind what was just written.
                None => self.table.find_in(ledger, &key).await?,
            };
            if let Some(posted) = item.and_then(|item| item.read().ok()) {
                bookings.insert(transfer_id.clone(), posted);
            }
        }
        Ok(bookings)
    }

    /// The settlements that the index lists between the first and the last of these days.
    async fn listed(&self, weeks: &SettledDays) -> Result<Vec<(SettlementId, Item)>, Failed> {
        let range = Range::Between(weeks.first.to_string(), format!("{}~", weeks.last));
        let partition = keys::worklist_of_settlements(&weeks.operator);
        let of_days = Query { range, ..Query::of_index(&self.table.names.records, keys::WORKLIST, partition) };
        let mut listed = vec![];
        let mut pages = self.table.pages(of_days);
        while let Some(rows) = pages.next().await? {
            let keys: Vec<Key> = rows.iter().map(Item::key).collect();
            let found = self.table.batch(&keys).await?.into_values();
            listed.extend(found.filter_map(|item| Some((keys::settlement_of(&item.key())?, item))));
        }
        Ok(listed)
    }

    /// Looks at what waits in the outbox.
    async fn outbox(&self, name: &OperatorName, now: Timestamp, check: &mut Check) -> Result<(), Failed> {
        let range = Range::Between(Timestamp::EPOCH.to_string(), now.to_string());
        let outbox = Query::of_index(&self.table.names.records, keys::WORKLIST, keys::outbox(name));
        let (rows, _) = self.table.query(Query { range, limit: Some(MOST_UNRELAYED), ..outbox }).await?;
        for row in rows {
            let since = row.text("worklist_sk").and_then(|at| at.parse().ok()).unwrap_or(Timestamp::EPOCH);
            check.unrelayed(&keys::name_of(&row.key().pk), since);
        }
        Ok(())
    }

    /// Follows the chain of seals, and holds the newest hours and some older ones against theirs.
    async fn history(&self, name: &OperatorName, check: &mut Check) -> Result<(), Failed> {
        let chain = self.seals.chain(name).await?;
        let opened = check.chain(&chain);
        let keys = if opened.is_empty() { vec![] } else { self.seals.keys().await? };
        for sealed in opened.into_iter().filter_map(|place| chain.get(place)) {
            check.sealed(sealed, &keys, self.seals.copy(&sealed.seal).await?.as_ref());
            let found = self.seals.leaves(name, sealed.seal.hour).await?;
            if !check.hour(sealed, &found) {
                check.differs(sealed, self.seals.file(&sealed.seal).await?.as_deref(), &found);
            }
        }
        Ok(())
    }

    /// Holds every row that was ever altered against what it was before.
    async fn alterations(&self, name: &OperatorName, check: &mut Check) -> Result<(), Failed> {
        let mut pages = self.table.pages(Query::of(&self.table.names.records, keys::alterations(name)));
        while let Some(items) = pages.next().await? {
            let mut rows = vec![];
            for item in items {
                let kept = serde_json::from_str::<Altered>(item.text("altered").unwrap_or_default()).ok();
                match kept.filter(|row| keys::alteration(name, &row.key()) == item.key()) {
                    Some(row) if keys::operator_of(&row.pk).as_ref() == Some(name) => rows.push(row),
                    Some(_) | None => check.unreadable(Invariant::V13, item.key().sk, "an alteration"),
                }
            }
            let (of_ledger, of_records): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.is_of_ledger);
            for (table, rows) in [(&self.table.names.ledger, of_ledger), (&self.table.names.records, of_records)] {
                let keys: Vec<Key> = rows.iter().map(Altered::key).collect();
                let found = self.table.batch_in(table, &keys).await?;
                for (key, row) in keys.into_iter().zip(rows) {
                    let place = keys::place_within(&key);
                    let is_now = found.get(&(key.pk, key.sk)).map(Item::sealed_part).transpose()?;
                    check.altered(place, &row.alteration, is_now.as_ref());
                }
            }
        }
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
