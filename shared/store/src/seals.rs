//! Seals: an operator's history, hour by hour, as leaves of a tree; the chain of signed roots, in the records and in a
//! bucket that nobody can change; and proofs that something is in it.

use std::collections::HashMap;

use domain::{
    CommitId, Failed, OperatorName, Timestamp,
    id::Sha256Hex,
    ledger::{Account, Posted},
    seal::{
        self, Evidence, GENESIS_DAYS, Grown, HOUR_SECONDS, Hash, Inclusion, Leaf, ProvenStatus, Seal, Sealed, Subject,
        hex, hour_of, is_over, leaf_hash, read_leaves, root_of_file, write_leaves,
    },
    seal_key::{SealKey, SealSigner},
};

use crate::{
    directory::Directory,
    files::Files,
    keys::{self, Key},
    table::{Direction, Item, Query, Range, Table},
};

/// How many hours of an operator a run seals at most, so that it ends in time; after a long silence the next runs go on.
const MOST_HOURS: usize = 48;

/// Rows of a table by partition and sort key.
pub type Rows = HashMap<(String, String), Item>;

/// What may be done with seals.
#[derive(Clone)]
pub struct Seals {
    table: Table,
    files: Files,
}

impl Seals {
    /// The seals in these tables and in this bucket, which must be one whose objects are locked.
    #[must_use]
    pub fn new(table: Table, files: Files) -> Self {
        Self { table, files }
    }

    /// Every operator.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn operators(&self) -> Result<Vec<OperatorName>, Failed> {
        Directory::new(self.table.clone()).operators().await
    }

    /// Makes a public key known: to those who read the table, and for ever to those who read the bucket.
    ///
    /// # Errors
    /// [`Failed::Later`] when something behind does not answer.
    pub async fn publish(&self, key: &SealKey) -> Result<(), Failed> {
        let text = serde_json::to_string(key).map_err(Failed::fault)?;
        self.files.write_once(&seal_key_object(&key.kid), "application/json", text.as_bytes()).await?;
        let item = Item::of(&keys::seal_key(&key.kid), key)?;
        self.table.put_if(&self.table.names.records, item, "attribute_not_exists(pk)").await.map(|_| ())
    }

    /// The public keys that are known.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub(crate) async fn keys(&self) -> Result<Vec<SealKey>, Failed> {
        let (items, _) = self.table.query(Query::of(&self.table.names.records, keys::seal_keys())).await?;
        // One that was changed so that it is none signs nothing.
        Ok(items.into_iter().filter_map(|item| item.read().ok()).collect())
    }

    /// Seals every hour of an operator that is over and not sealed yet, oldest first. How many it sealed.
    ///
    /// An hour is sealed once, whoever does it and how often: the bucket takes the first seal of a place and no other, and
    /// a run that is second goes on with that one. Cut off anywhere, the next run completes it.
    ///
    /// # Errors
    /// [`Failed::Later`] when something behind does not answer, [`Failed::Fault`] when the bucket has a seal that is not of
    /// this chain.
    pub async fn seal_due(&self, operator: &OperatorName, now: Timestamp, signer: &SealSigner) -> Result<u64, Failed> {
        let mut last = self.newest(operator).await?;
        let mut sealed = 0_u64;
        for _ in 0..MOST_HOURS {
            let hour = match &last {
                Some(last) => last.seal.end(),
                None => self.genesis(operator, now).await?,
            };
            if !is_over(hour, now) {
                break;
            }
            let leaves = self.leaves(operator, hour).await?;
            let before = last.as_ref().map(|last| &last.seal);
            let seal =
                Seal::behind(before, operator, hour, &leaves, now, &signer.public().kid).map_err(Failed::fault)?;
            last = Some(self.keep(before, signer.sign(seal)?, &leaves).await?);
            sealed = sealed.saturating_add(1);
        }
        Ok(sealed)
    }

    /// Keeps the leaves, then the seal, then its place in the chain. The seal that is there if somebody was faster.
    async fn keep(&self, before: Option<&Seal>, own: Sealed, leaves: &[(Hash, String)]) -> Result<Sealed, Failed> {
        let Seal { operator, sequence, root, .. } = &own.seal;
        if !leaves.is_empty() {
            let key = leaves_object(operator, *sequence, root);
            self.files.write_once(&key, "text/plain", write_leaves(leaves).as_bytes()).await?;
        }
        let text = serde_json::to_string(&own).map_err(Failed::fault)?;
        let key = seal_object(operator, *sequence);
        let there = self.files.write_once(&key, "application/json", text.as_bytes()).await?;
        let kept: Sealed = match there {
            Some(there) => serde_json::from_slice(&there).map_err(Failed::fault)?,
            None => own,
        };
        let mut chain = match before {
            Some(before) => seal::Chain::behind(before.clone()).map_err(Failed::fault)?,
            None => seal::Chain::default(),
        };
        chain.follow(&kept.seal).map_err(Failed::fault)?;
        let item = Item::of(&keys::seal(&kept.seal.operator, kept.seal.sequence), &kept)?;
        self.table.put_if(&self.table.names.records, item, "attribute_not_exists(pk)").await?;
        Ok(kept)
    }

    /// The newest seal.
    async fn newest(&self, operator: &OperatorName) -> Result<Option<Sealed>, Failed> {
        let chain = Query::of(&self.table.names.records, keys::seals(operator));
        let newest = Query { direction: Direction::NewestFirst, limit: Some(1), ..chain };
        let (items, _) = self.table.query(newest).await?;
        items.into_iter().next().map(|item| item.without_key().read()).transpose()
    }

    /// The whole chain, as it lies in the records. What is no seal any more is left out, and missed by whoever follows.
    pub(crate) async fn chain(&self, operator: &OperatorName) -> Result<Vec<Sealed>, Failed> {
        let mut pages = self.table.pages(Query::of(&self.table.names.records, keys::seals(operator)));
        let mut chain = vec![];
        while let Some(items) = pages.next().await? {
            chain.extend(items.into_iter().filter_map(|item| item.without_key().read().ok()));
        }
        Ok(chain)
    }

    /// A seal's copy in the bucket.
    pub(crate) async fn copy(&self, seal: &Seal) -> Result<Option<Sealed>, Failed> {
        let found = self.files.find(&seal_object(&seal.operator, seal.sequence)).await?;
        Ok(found.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// The leaves that a seal was made of, from the bucket.
    pub(crate) async fn file(&self, seal: &Seal) -> Result<Option<Vec<(Hash, String)>>, Failed> {
        if seal.leaf_count == 0 {
            return Ok(Some(vec![]));
        }
        let found = self.files.find(&leaves_object(&seal.operator, seal.sequence, &seal.root)).await?;
        Ok(found.and_then(|bytes| read_leaves(&String::from_utf8(bytes).ok()?)))
    }

    /// Where an operator's chain begins: with the hour of its first commit of the last days, or with the latest that is over.
    async fn genesis(&self, operator: &OperatorName, now: Timestamp) -> Result<Timestamp, Failed> {
        for days in (0..=GENESIS_DAYS).rev() {
            let day = now.plus_seconds(days.saturating_mul(-86_400)).utc_day();
            let of_day = keys::owner_of_commits(operator, day);
            let of_day = Query::of_index(&self.table.names.records, keys::OWNER, of_day);
            let (rows, _) = self.table.query(Query { limit: Some(1), ..of_day }).await?;
            if let Some(first) = rows.first().and_then(|row| row.text("owner_sk")?.parse::<CommitId>().ok()) {
                return Ok(hour_of(first.written_at()));
            }
        }
        Ok(hour_of(now.plus_seconds(-HOUR_SECONDS.saturating_add(seal::SETTLES_SECONDS))))
    }

    /// The leaves of an hour as its records are now: commits by id, each with what it appended to the ledger.
    pub(crate) async fn leaves(&self, operator: &OperatorName, hour: Timestamp) -> Result<Vec<(Hash, String)>, Failed> {
        let last = Timestamp::from_millis(hour.plus_seconds(HOUR_SECONDS).as_millis().saturating_sub(1));
        let range = Range::Between(CommitId::prefix(hour), format!("{}~", CommitId::prefix(last)));
        let of_day = keys::owner_of_commits(operator, hour.utc_day());
        let of_day = Query::of_index(&self.table.names.records, keys::OWNER, of_day);
        let mut pages = self.table.pages(Query { range, ..of_day });
        let mut leaves = vec![];
        while let Some(rows) = pages.next().await? {
            let keys: Vec<Key> = rows.iter().map(Item::key).collect();
            let (commits, ledger) = self.written(operator, &keys).await?;
            leaves.extend(leaves_of(operator, &commits.iter().collect::<Vec<_>>(), &ledger)?);
        }
        Ok(leaves)
    }

    /// These commits in their order, and what they wrote into the ledger. What is not there, or is not what it was so that it
    /// leads nowhere, is left out.
    async fn written(&self, operator: &OperatorName, commits: &[Key]) -> Result<(Vec<Item>, Rows), Failed> {
        let ledger = &self.table.names.ledger;
        let mut records = self.table.batch(commits).await?;
        let records: Vec<Item> =
            commits.iter().filter_map(|key| records.remove(&(key.pk.clone(), key.sk.clone()))).collect();
        let transfers: Vec<Key> = records.iter().flat_map(|record| transfers_of(operator, record)).collect();
        let mut rows = self.table.batch_in(ledger, &transfers).await?;
        let entries: Vec<Key> =
            rows.values().flat_map(|transfer| entries_of(operator, transfer)).map(|(key, _)| key).collect();
        rows.extend(self.table.batch_in(ledger, &entries).await?);
        Ok((records, rows))
    }

    /// What there is to prove something with: its leaves, and how each leads to a seal.
    ///
    /// # Errors
    /// [`Failed::Unknown`] when there is no such commit or transfer, [`Failed::Later`] when table or bucket do not answer.
    pub async fn evidence(&self, operator: &OperatorName, subject: &Subject) -> Result<Evidence, Failed> {
        let commit_id = match subject {
            Subject::Commit(commit_id) => commit_id.clone(),
            Subject::Transfer(transfer_id) => {
                let key = keys::transfer(operator, transfer_id);
                let transfer = self.table.find_in(&self.table.names.ledger, &key).await?.ok_or(Failed::Unknown)?;
                transfer.text("commit_id").and_then(|id| id.parse().ok()).ok_or(Failed::Unknown)?
            }
        };
        let of_day = keys::owner_of_commits(operator, commit_id.written_at().utc_day());
        let range = Range::Between(commit_id.to_string(), commit_id.to_string());
        let of_day = Query::of_index(&self.table.names.records, keys::OWNER, of_day);
        let (rows, _) = self.table.query(Query { range, ..of_day }).await?;
        let commit = rows.first().map(Item::key).ok_or(Failed::Unknown)?;
        let (commits, ledger) = self.written(operator, &[commit]).await?;
        let mut grown = grown(operator, &commits.iter().collect::<Vec<_>>(), &ledger)?;
        if let Subject::Transfer(transfer_id) = subject {
            let is_of_another = |one: &Grown| {
                one.leaf.kind() == seal::LeafKind::Entry && !one.leaf.key().contains(transfer_id.as_str())
            };
            grown.retain(|one| !is_of_another(one));
        }
        let head = self.newest(operator).await?;
        let hour = hour_of(commit_id.written_at());
        let waits = |status, head| Evidence {
            commit_id: commit_id.clone(),
            status,
            leaves: grown.iter().map(|one| (one.clone(), None)).collect(),
            key: None,
            head,
        };
        let Some(newest) = &head else { return Ok(waits(ProvenStatus::Waiting, None)) };
        if hour >= newest.seal.end() {
            return Ok(waits(ProvenStatus::Waiting, head));
        }
        let Some(sequence) = newest.seal.sequence_of(hour) else { return Ok(waits(ProvenStatus::Unsealed, head)) };
        let sealed: Sealed = match self.table.find(&keys::seal(operator, sequence)).await? {
            Some(item) => item.without_key().read()?,
            None => return Ok(waits(ProvenStatus::Differs, head)),
        };
        let file = self.file(&sealed.seal).await?.filter(|file| hex(&root_of_file(file)) == sealed.seal.root.as_str());
        let Some(file) = file else { return Ok(waits(ProvenStatus::Differs, head)) };
        let hashes: Vec<Hash> = file.iter().map(|(hash, _)| *hash).collect();
        let places: HashMap<(Hash, &str), usize> =
            (0..).zip(&file).map(|(index, (hash, key))| ((*hash, key.as_str()), index)).collect();
        let mut leaves = vec![];
        for one in &grown {
            let text = one.leaf.text().map_err(Failed::fault)?;
            let index = places.get(&(leaf_hash(text.as_bytes()), one.leaf.key()));
            let inclusion = index.and_then(|index| Inclusion::at(text, *index, &hashes, &sealed));
            leaves.push((one.clone(), inclusion));
        }
        let key = self.table.find(&keys::seal_key(&sealed.seal.kid)).await?.and_then(|item| item.read().ok());
        Ok(Evidence { commit_id, status: ProvenStatus::Sealed, leaves, key, head })
    }
}

/// The transfers that a commit names.
fn transfers_of(operator: &OperatorName, commit: &Item) -> Vec<Key> {
    let transfers = commit.text("transfers").unwrap_or_default().split_whitespace();
    transfers.filter_map(|transfer| Some(keys::transfer(operator, &transfer.parse().ok()?))).collect()
}

/// The entries of a transfer by key, each with its account; none of what cannot be read as one.
fn entries_of(operator: &OperatorName, transfer: &Item) -> Vec<(Key, Account)> {
    let Ok(posted) = transfer.clone().read::<Posted>() else { return vec![] };
    let key = |account: &Account| keys::entry(operator, account, posted.at, &posted.transfer_id);
    let mut entries: Vec<_> =
        posted.entries.iter().map(|posting| (key(&posting.account), posting.account.clone())).collect();
    entries.sort_by(|one, other| one.0.pk.cmp(&other.0.pk));
    entries
}

/// What these commits wrote, in their order: each commit, its transfers, their entries by key.
fn grown(operator: &OperatorName, commits: &[&Item], ledger: &Rows) -> Result<Vec<Grown>, Failed> {
    let mut grown = vec![];
    for record in commits {
        let commit_key = record.key();
        let (Some((principal, _)), Some(Ok(commit_id))) =
            (keys::scope_of_commit(&commit_key.pk), record.text("owner_sk").map(str::parse::<CommitId>))
        else {
            continue;
        };
        let request_id = record.text("request_id").unwrap_or_default();
        let mut grow = |leaf: Leaf, account: Option<Account>| {
            grown.push(Grown { leaf, principal: principal.to_owned(), account });
        };
        grow(Leaf::of_commit(commit_id.clone(), keys::place_within(&commit_key), record.sealed_part()?), None);
        for key in transfers_of(operator, record) {
            let Some(transfer) = ledger.get(&(key.pk.clone(), key.sk.clone())) else { continue };
            let mut of_ledger = |key: &Key, item: &Item, account: Option<Account>| -> Result<(), Failed> {
                let place = keys::place_within(key);
                grow(Leaf::of_entry(commit_id.clone(), place, item.sealed_part()?, request_id), account);
                Ok(())
            };
            of_ledger(&key, transfer, None)?;
            for (key, account) in entries_of(operator, transfer) {
                if let Some(entry) = ledger.get(&(key.pk.clone(), key.sk.clone())) {
                    of_ledger(&key, entry, Some(account))?;
                }
            }
        }
    }
    Ok(grown)
}

/// The leaves of these commits, in their order, and of what they wrote into the ledger, among rows of it that are at hand:
/// hash and key of each.
///
/// # Errors
/// [`Failed::Fault`] when a row cannot be written as JSON, which a row always can.
pub fn leaves_of(operator: &OperatorName, commits: &[&Item], ledger: &Rows) -> Result<Vec<(Hash, String)>, Failed> {
    let hashed = |grown: Grown| {
        let text = grown.leaf.text().map_err(Failed::fault)?;
        Ok((leaf_hash(text.as_bytes()), grown.leaf.key().to_owned()))
    };
    grown(operator, commits, ledger)?.into_iter().map(hashed).collect()
}

/// Where a seal lies in the bucket.
fn seal_object(operator: &OperatorName, sequence: u64) -> String {
    format!("{operator}/{sequence:010}.json")
}

/// Where the leaves of a seal lie in the bucket, by their root: other leaves have another place.
fn leaves_object(operator: &OperatorName, sequence: u64, root: &Sha256Hex) -> String {
    format!("{operator}/{sequence:010}.{root}.leaves")
}

/// Where a public key lies in the bucket.
fn seal_key_object(kid: &str) -> String {
    format!("keys/{kid}.json")
}
