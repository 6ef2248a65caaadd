//! Seals: each hour of an operator's history as a Merkle tree (RFC 6962, section 2.1), and each hour's seal chained to the
//! one before. Whoever holds one seal can be shown that a commit or an entry is in it, and that it was not changed since.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::{
    Caller, CommitId, Failed, Flaw, OperatorName, Timestamp, TransferId, access::Reach, id::Sha256Hex, ledger::Account,
    seal_key::SealKey,
};

/// A write to the table that is not answered within so many seconds is given up by its function (`shared/edge/src/env.rs`).
pub const WRITTEN_WITHIN_SECONDS: i64 = 60;
/// An hour is sealed so many seconds after its end. A commit is filed under the time at which it is sent, and is in the
/// table a minute later or never ([`WRITTEN_WITHIN_SECONDS`]); AWS refuses a request that was signed more than this long
/// ago; a table's index follows within seconds. The rest is margin for clocks.
pub const SETTLES_SECONDS: i64 = 900;
const _: () = assert!(WRITTEN_WITHIN_SECONDS * 5 <= SETTLES_SECONDS, "what is sent late must not meet a seal");
/// Seconds of what one seal covers.
pub const HOUR_SECONDS: i64 = 3_600;
/// How far back an operator's first seal looks for commits, in days: longer than it takes to notice that a new deployment
/// does not seal.
pub const GENESIS_DAYS: i64 = 7;
/// Bytes of a hash.
pub const HASH_BYTES: usize = 32;

/// A node or a leaf of a tree.
pub type Hash = [u8; HASH_BYTES];

/// What RFC 6962 puts in front of a leaf and of a node before they are hashed, so that neither passes for the other.
const LEAF: [u8; 1] = [0];
const NODE: [u8; 1] = [1];

/// The hash of a leaf's bytes.
#[must_use]
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    Sha256::new().chain_update(LEAF).chain_update(leaf).finalize().into()
}

fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update(NODE).chain_update(left).chain_update(right).finalize().into()
}

/// A tree that grows leaf by leaf and remembers no more than a hash a level.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// Roots of the whole subtrees so far, largest first, with their heights.
    peaks: Vec<(u32, Hash)>,
    leaves: u64,
}

impl Tree {
    /// Adds a leaf by its hash.
    pub fn push(&mut self, leaf: Hash) {
        self.leaves = self.leaves.saturating_add(1);
        let (mut height, mut hash) = (0_u32, leaf);
        while let Some((_, left)) = self.peaks.pop_if(|(of, _)| *of == height) {
            hash = node_hash(&left, &hash);
            height = height.saturating_add(1);
        }
        self.peaks.push((height, hash));
    }

    /// How many leaves it has.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.leaves
    }

    /// Its root; of no leaves the hash of nothing.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev().map(|(_, hash)| *hash);
        let Some(last) = peaks.next() else { return Sha256::digest([]).into() };
        peaks.fold(last, |right, left| node_hash(&left, &right))
    }
}

/// The root over these leaves.
#[must_use]
pub fn root_of(leaves: &[Hash]) -> Hash {
    let mut tree = Tree::default();
    leaves.iter().for_each(|leaf| tree.push(*leaf));
    tree.root()
}

/// The hashes that lead from a leaf to the root (`PATH` of RFC 6962, section 2.1.1), nearest to the leaf first; nothing
/// when there is no such leaf.
#[must_use]
pub fn audit_path(leaves: &[Hash], index: usize) -> Option<Vec<Hash>> {
    leaves.get(index)?;
    let (mut part, mut index, mut path) = (leaves, index, vec![]);
    while part.len() > 1 {
        // The largest power of two below the number of leaves.
        let whole = part.len().next_power_of_two() / 2;
        let (left, right) = part.split_at_checked(whole)?;
        if index < whole {
            path.push(root_of(right));
            part = left;
        } else {
            path.push(root_of(left));
            part = right;
            index = index.saturating_sub(whole);
        }
    }
    path.reverse();
    Some(path)
}

/// The root that a leaf and its path lead to in a tree of so many leaves (RFC 9162, section 2.1.3.2); nothing when the path
/// is too long or too short for the place.
#[must_use]
pub fn root_from(leaf: Hash, index: u64, leaves: u64, path: &[Hash]) -> Option<Hash> {
    if index >= leaves {
        return None;
    }
    let (mut place, mut last, mut hash) = (index, leaves.saturating_sub(1), leaf);
    for step in path {
        if last == 0 {
            return None;
        }
        if place & 1 == 1 || place == last {
            hash = node_hash(step, &hash);
            while place & 1 == 0 && place != 0 {
                (place, last) = (place >> 1, last >> 1);
            }
        } else {
            hash = node_hash(&hash, step);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    (last == 0).then_some(hash)
}

/// A hash as text.
#[must_use]
pub fn hex(hash: &Hash) -> String {
    data_encoding::HEXLOWER.encode(hash)
}

/// A hash from its text.
#[must_use]
pub fn unhex(text: &str) -> Option<Hash> {
    data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}

/// What one leaf stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LeafKind {
    /// A commit record.
    Commit,
    /// What a commit appended to the ledger: a transfer or one of its entries.
    Entry,
}

/// The bytes of a leaf: a record as it lies in its table, its members sorted, so that two who read it write the same bytes.
///
/// A leaf must not be guessed from its hash, because the hashes of others' leaves are in everybody's path. A commit has the
/// id of its request in it, 122 random bits that only its caller was told. An entry has a hash of that id and its own key
/// as `salt`: whoever is shown one entry learns nothing about the salt of another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Leaf {
    commit_id: CommitId,
    kind: LeafKind,
    key: String,
    record: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    salt: Option<Sha256Hex>,
}

impl Leaf {
    /// The leaf of a commit record; `key` is its place within the operator.
    #[must_use]
    pub fn of_commit(commit_id: CommitId, key: String, record: Value) -> Self {
        Self { commit_id, kind: LeafKind::Commit, key, record, salt: None }
    }

    /// The leaf of what the commit of this request appended to the ledger.
    #[must_use]
    pub fn of_entry(commit_id: CommitId, key: String, record: Value, request_id: &str) -> Self {
        let salt = Some(Sha256Hex::of(format!("{request_id}\n{key}").as_bytes()));
        Self { commit_id, kind: LeafKind::Entry, key, record, salt }
    }

    /// What it stands for.
    #[must_use]
    pub fn kind(&self) -> LeafKind {
        self.kind
    }

    /// Where the record lies within its operator.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The bytes that are hashed: JSON without spaces, members in the order of this type and sorted within the record.
    ///
    /// # Errors
    /// When the record cannot be written as JSON, which a record always can.
    pub fn text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

/// What is signed of an hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// Whose history.
    pub operator: OperatorName,
    /// Counts an operator's seals; the first has 0.
    pub sequence: u64,
    /// The beginning of the hour: what was written from here on and before the next one.
    pub hour: Timestamp,
    /// How many leaves the tree has.
    pub leaf_count: u64,
    /// Its root.
    pub root: Sha256Hex,
    /// The hash of the seal before; of the first 64 zeros.
    pub before: Sha256Hex,
    /// When it was sealed.
    pub sealed_at: Timestamp,
    /// The key that signed it.
    pub kid: String,
}

impl Seal {
    /// The bytes that are signed: JSON without spaces, members in the order of this type.
    ///
    /// # Errors
    /// When it cannot be written as JSON, which a seal always can.
    pub fn text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// What the next seal has as its `before`: the SHA-256 of the signed bytes. The signature is not part of it: who
    /// follows the chain needs no key for that.
    ///
    /// # Errors
    /// As [`Seal::text`].
    pub fn hash(&self) -> Result<Sha256Hex, serde_json::Error> {
        self.text().map(|text| Sha256Hex::of(text.as_bytes()))
    }

    /// The seal of an hour with these leaves, behind the seal before.
    ///
    /// # Errors
    /// As [`Seal::text`].
    pub fn behind(
        last: Option<&Self>,
        operator: &OperatorName,
        hour: Timestamp,
        leaves: &[(Hash, String)],
        sealed_at: Timestamp,
        kid: &str,
    ) -> Result<Self, serde_json::Error> {
        Ok(Self {
            operator: operator.clone(),
            sequence: last.map_or(0, |last| last.sequence.saturating_add(1)),
            hour,
            leaf_count: leaves.len() as u64,
            root: Sha256Hex::of_digest(&root_of_file(leaves)),
            before: last.map_or(Ok(nothing_before()), Self::hash)?,
            sealed_at,
            kid: kid.to_owned(),
        })
    }

    /// Which seal of the same chain covers an hour; nothing for an hour before the first, or after this one.
    #[must_use]
    pub fn sequence_of(&self, hour: Timestamp) -> Option<u64> {
        let hours = self.hour.millis_since(hour).div_euclid(HOUR_SECONDS.saturating_mul(1000));
        self.sequence.checked_sub(u64::try_from(hours).ok()?)
    }

    /// The first moment that it does not cover.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        self.hour.plus_seconds(HOUR_SECONDS)
    }
}

/// A seal with its signature, as it lies in the bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    /// What is signed.
    pub seal: Seal,
    /// ES256 over [`Seal::text`], base64url: see [`crate::seal_key`].
    pub signature: String,
}

/// The leaves of an hour as their file has them: a line a leaf, its hash and its key.
#[must_use]
pub fn write_leaves(leaves: &[(Hash, String)]) -> String {
    leaves.iter().map(|(hash, key)| format!("{} {key}\n", hex(hash))).collect()
}

/// The leaves of such a file; nothing when it is none.
#[must_use]
pub fn read_leaves(text: &str) -> Option<Vec<(Hash, String)>> {
    let leaf = |line: &str| line.split_once(' ').and_then(|(hash, key)| Some((unhex(hash)?, key.to_owned())));
    text.lines().map(leaf).collect()
}

/// The root over the leaves of a file.
#[must_use]
pub fn root_of_file(leaves: &[(Hash, String)]) -> Hash {
    let mut tree = Tree::default();
    leaves.iter().for_each(|(hash, _)| tree.push(*hash));
    tree.root()
}

/// What became of a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It is not what was sealed.
    Changed,
    /// It is not there any more.
    Missing,
    /// It was not there when the hour was sealed.
    Added,
    /// It is there, at another place among those that stayed.
    Moved,
}

/// A leaf that is not as it was sealed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// Its index: among the sealed leaves, and of an added one among those that are there now.
    pub index: usize,
    /// What became of it.
    pub fate: Fate,
    /// What it is the leaf of.
    pub key: String,
}

/// What is not as it was sealed, by index. Keys are unique within an hour; one that is there twice is added.
#[must_use]
pub fn differences(sealed: &[(Hash, String)], found: &[(Hash, String)]) -> Vec<Difference> {
    let named = |index: usize, fate: Fate, key: &str| Difference { index, fate, key: key.to_owned() };
    let mut open: BTreeMap<&str, (usize, Hash)> =
        sealed.iter().enumerate().map(|(index, (hash, key))| (key.as_str(), (index, *hash))).collect();
    let mut differences = vec![];
    let mut stayed = vec![];
    for (place, (hash, key)) in found.iter().enumerate() {
        match open.remove(key.as_str()) {
            None => differences.push(named(place, Fate::Added, key)),
            Some((index, as_sealed)) => {
                if as_sealed != *hash {
                    differences.push(named(index, Fate::Changed, key));
                }
                stayed.push((index, key));
            }
        }
    }
    differences.extend(open.into_iter().map(|(key, (index, _))| named(index, Fate::Missing, key)));
    let mut in_order: Vec<usize> = stayed.iter().map(|(index, _)| *index).collect();
    in_order.sort_unstable();
    for ((index, key), wanted) in stayed.into_iter().zip(in_order) {
        if index != wanted {
            differences.push(named(index, Fate::Moved, key));
        }
    }
    differences.sort();
    differences
}

/// What comes before the first seal.
#[must_use]
pub fn nothing_before() -> Sha256Hex {
    Sha256Hex::zeros()
}

/// The beginning of the hour of a moment.
#[must_use]
pub fn hour_of(at: Timestamp) -> Timestamp {
    let into = at.as_millis().rem_euclid(HOUR_SECONDS.saturating_mul(1000));
    Timestamp::from_millis(at.as_millis().saturating_sub(into))
}

/// Whether the hour that begins here can have no more commits.
#[must_use]
pub fn is_over(hour: Timestamp, now: Timestamp) -> bool {
    now >= sealed_from(hour)
}

/// When the hour that begins here can be sealed.
#[must_use]
pub fn sealed_from(hour: Timestamp) -> Timestamp {
    hour.plus_seconds(HOUR_SECONDS.saturating_add(SETTLES_SECONDS))
}

/// Proof that something is in a seal: everything that a verifier needs but the public key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Inclusion {
    /// The leaf, byte by byte: JSON with the record in it, as it was when it was sealed.
    pub leaf: String,
    /// Its place in the hour, from 0.
    pub index: u64,
    /// The hashes that lead to the root, nearest to the leaf first.
    pub path: Vec<Sha256Hex>,
    /// The seal of the hour.
    pub sealed: Sealed,
}

/// What somebody asks to have proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A commit record.
    Commit(CommitId),
    /// A transfer and its entries.
    Transfer(TransferId),
}

impl Subject {
    /// The one that is named.
    ///
    /// # Errors
    /// [`Failed::Malformed`] when none is named, or both.
    pub fn of(transfer_id: Option<TransferId>, commit_id: Option<CommitId>) -> Result<Self, Failed> {
        match (transfer_id, commit_id) {
            (Some(transfer_id), None) => Ok(Self::Transfer(transfer_id)),
            (None, Some(commit_id)) => Ok(Self::Commit(commit_id)),
            (None, None) | (Some(_), Some(_)) => {
                let detail = "name a `transfer_id` or a `commit_id`, one of the two";
                Err(Failed::malformed(Flaw::new("transfer_id", "invalid_filter", detail)))
            }
        }
    }
}

/// A leaf before it is hashed, and what decides who may see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Grown {
    /// The leaf.
    pub leaf: Leaf,
    /// Who gave the command.
    pub principal: String,
    /// The account that it is an entry of.
    pub account: Option<Account>,
}

impl Grown {
    /// Whether somebody may see it: those who reach the whole operator everything, a lender the entries of its own accounts
    /// and the commands that it gave itself.
    #[must_use]
    pub fn is_seen_by(&self, caller: &Caller) -> bool {
        match &self.account {
            Some(account) => caller.may_see(account),
            None => {
                caller.reach == Reach::Operator || (caller.reach == Reach::Own && self.principal == caller.principal())
            }
        }
    }
}

/// What is there to prove something with.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// The commit that it belongs to.
    pub commit_id: CommitId,
    /// How the hour of the commit stands.
    pub status: ProvenStatus,
    /// Each thing, and its proof once its hour is sealed.
    pub leaves: Vec<(Grown, Option<Inclusion>)>,
    /// The key that the seal names.
    pub key: Option<SealKey>,
    /// The newest seal.
    pub head: Option<Sealed>,
}

/// Whether something can be proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProvenStatus {
    /// Its hour is sealed.
    Sealed,
    /// Its hour is not sealed yet.
    Waiting,
    /// It was written before the operator's first seal.
    Unsealed,
    /// Its hour is sealed, and it is not what was sealed: `GET /api/v1/proof` names it.
    Differs,
}

/// Proof of something, record by record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Proven {
    /// The commit that it belongs to.
    pub commit_id: CommitId,
    /// Whether it can be proven.
    pub status: ProvenStatus,
    /// When its hour is sealed at the earliest.
    pub sealed_from: Timestamp,
    /// A proof for each record that the caller may see; none unless it is sealed.
    pub items: Vec<Inclusion>,
    /// The key that the seal names, to compare with the one that was handed over before: a proof that brings its own key
    /// proves nothing.
    pub key: Option<SealKey>,
    /// The newest seal of the chain; whoever keeps the heads that they were shown notices a chain that was written anew.
    pub head: Option<Sealed>,
}

impl Evidence {
    /// What of it somebody may see.
    ///
    /// # Errors
    /// [`Failed::Unknown`] when that is nothing.
    pub fn seen_by(self, caller: &Caller) -> Result<Proven, Failed> {
        let Self { commit_id, status, leaves, key, head } = self;
        let seen: Vec<_> = leaves.into_iter().filter(|(grown, _)| grown.is_seen_by(caller)).collect();
        if seen.is_empty() {
            return Err(Failed::Unknown);
        }
        let is_whole = seen.iter().all(|(_, inclusion)| inclusion.is_some());
        let status = if status == ProvenStatus::Sealed && !is_whole { ProvenStatus::Differs } else { status };
        let items: Vec<Inclusion> = seen.into_iter().filter_map(|(_, inclusion)| inclusion).collect();
        let sealed_from = sealed_from(hour_of(commit_id.written_at()));
        Ok(Proven { commit_id, status, sealed_from, items, key, head })
    }
}

impl Proven {
    /// Passes when every record of it is in a seal that one of these keys signed, and the head is of the same chain. The
    /// key that it brings along is not looked at.
    ///
    /// # Errors
    /// [`Forged`], the first thing that is wrong.
    pub fn holds(&self, keys: &[SealKey]) -> Result<(), Forged> {
        if self.status != ProvenStatus::Sealed || self.items.is_empty() {
            return Err(Forged::Nothing);
        }
        for item in &self.items {
            let seal = &item.sealed.seal;
            SealKey::among(keys, &seal.kid)?.verify(&item.sealed)?;
            item.leads_to_its_seal()?;
            if item.commit_id() != Some(self.commit_id.clone()) || hour_of(self.commit_id.written_at()) != seal.hour {
                return Err(Forged::Commit { commit_id: self.commit_id.clone() });
            }
            let Some(head) = &self.head else { return Err(Forged::Nothing) };
            SealKey::among(keys, &head.seal.kid)?.verify(head)?;
            if head.seal.operator != seal.operator {
                let (found, wanted) = (head.seal.operator.clone(), seal.operator.clone());
                return Err(Forged::Operator { sequence: head.seal.sequence, found, wanted });
            }
            let is_in_chain = head.seal.sequence_of(seal.hour) == Some(seal.sequence);
            let is_head = head.seal.sequence != seal.sequence || head.seal == *seal;
            if !is_in_chain || !is_head {
                return Err(Forged::Sequence { after: head.seal.sequence, sequence: seal.sequence });
            }
        }
        Ok(())
    }
}

/// Why a proof or a chain does not hold, the first that was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Forged {
    /// There is no proof in it.
    #[error("it proves nothing: its status is not `sealed`, or it has no items or no head")]
    Nothing,
    /// It is a proof of something else.
    #[error("an item is not of the commit {commit_id}, or its seal is not of the hour of that commit")]
    Commit {
        /// What it says that it proves.
        commit_id: CommitId,
    },
    /// The leaf is not a leaf.
    #[error("the leaf is not JSON with a record in it")]
    Leaf,
    /// A hash is not 64 hexadecimal digits.
    #[error("the path has a step that is no hash")]
    Step,
    /// The path does not lead from this place in a tree of this size to any root.
    #[error("index {index} and a path of {steps} steps do not belong to a tree of {leaves} leaves")]
    Place {
        /// The index.
        index: u64,
        /// The steps.
        steps: usize,
        /// The leaves.
        leaves: u64,
    },
    /// The path leads to another root.
    #[error("leaf and path lead to the root {found}, not to the sealed root {sealed}")]
    Root {
        /// Where they lead.
        found: String,
        /// What was sealed.
        sealed: String,
    },
    /// No key at hand is the one that signed.
    #[error("the seal names the key {named}, which is none of those at hand")]
    Key {
        /// The seal's.
        named: String,
    },
    /// A key is not one.
    #[error("the key {kid} is no P-256 public key, or its name is not that of its point")]
    NoKey {
        /// Its name.
        kid: String,
    },
    /// The signature is not the key's.
    #[error("the signature of seal {sequence} does not belong to it and to the key")]
    Signature {
        /// Which seal.
        sequence: u64,
    },
    /// The chain does not begin at the beginning.
    #[error("the first seal has sequence {sequence}, and names {before} as the one before; a genesis has 0 and zeros")]
    Genesis {
        /// Which seal.
        sequence: u64,
        /// What it names.
        before: String,
    },
    /// A seal is missing, doubled or out of order.
    #[error("after seal {after} comes seal {sequence}, not {}", after.saturating_add(1))]
    Sequence {
        /// The one before.
        after: u64,
        /// The one that comes.
        sequence: u64,
    },
    /// A seal names another one as the one before.
    #[error("seal {sequence} names {named} as the seal before, whose hash is {found}")]
    Link {
        /// Which seal.
        sequence: u64,
        /// What it names.
        named: String,
        /// What it should name.
        found: String,
    },
    /// An hour does not follow the one before.
    #[error("seal {sequence} covers the hour of {hour}, not the hour of {wanted}, which follows")]
    Hour {
        /// Which seal.
        sequence: u64,
        /// What it covers.
        hour: Timestamp,
        /// What it should.
        wanted: Timestamp,
    },
    /// Seals of two operators.
    #[error("seal {sequence} is of {found}, and the chain is of {wanted}")]
    Operator {
        /// Which seal.
        sequence: u64,
        /// Whose it is.
        found: OperatorName,
        /// Whose chain it is.
        wanted: OperatorName,
    },
}

impl Inclusion {
    /// The proof of the leaf at this place among those of a seal; nothing when there is no such place.
    #[must_use]
    pub fn at(leaf: String, index: usize, hashes: &[Hash], sealed: &Sealed) -> Option<Self> {
        let path = audit_path(hashes, index)?.iter().map(Sha256Hex::of_digest).collect();
        Some(Self { leaf, index: u64::try_from(index).ok()?, path, sealed: sealed.clone() })
    }

    /// The commit that its leaf names; nothing when the leaf is none.
    #[must_use]
    pub fn commit_id(&self) -> Option<CommitId> {
        let leaf: Value = serde_json::from_str(&self.leaf).ok()?;
        leaf.get("commit_id")?.as_str()?.parse().ok()
    }

    /// Passes when leaf and path lead to the sealed root. The signature is the verifier's to check.
    ///
    /// # Errors
    /// [`Forged`], the first thing that is wrong.
    pub fn leads_to_its_seal(&self) -> Result<(), Forged> {
        let leaf: Value = serde_json::from_str(&self.leaf).map_err(|_| Forged::Leaf)?;
        if leaf.get("record").is_none_or(|record| !record.is_object()) {
            return Err(Forged::Leaf);
        }
        let path = self.path.iter().map(|step| unhex(step.as_str())).collect::<Option<Vec<_>>>().ok_or(Forged::Step)?;
        let seal = &self.sealed.seal;
        let root = root_from(leaf_hash(self.leaf.as_bytes()), self.index, seal.leaf_count, &path);
        let place = Forged::Place { index: self.index, steps: path.len(), leaves: seal.leaf_count };
        let found = hex(&root.ok_or(place)?);
        if found == seal.root.as_str() { Ok(()) } else { Err(Forged::Root { found, sealed: seal.root.to_string() }) }
    }
}

/// A chain of seals as it is walked from its genesis. Signatures are the walker's to check.
#[derive(Debug, Clone, Default)]
pub struct Chain {
    last: Option<(Seal, Sha256Hex)>,
}

impl Chain {
    /// Goes on behind a seal that was found good before.
    ///
    /// # Errors
    /// As [`Seal::text`].
    pub fn behind(seal: Seal) -> Result<Self, serde_json::Error> {
        let hash = seal.hash()?;
        Ok(Self { last: Some((seal, hash)) })
    }

    /// Takes the next seal.
    ///
    /// # Errors
    /// [`Forged`] when it is not the next one of this chain; the chain goes on behind it all the same.
    pub fn follow(&mut self, seal: &Seal) -> Result<(), Forged> {
        let held = self.link(seal);
        if let Ok(hash) = seal.hash() {
            self.last = Some((seal.clone(), hash));
        }
        held
    }

    fn link(&self, seal: &Seal) -> Result<(), Forged> {
        let sequence = seal.sequence;
        let Some((last, hash)) = &self.last else {
            let is_genesis = sequence == 0 && seal.before == nothing_before();
            let genesis = Forged::Genesis { sequence, before: seal.before.to_string() };
            return if is_genesis { Ok(()) } else { Err(genesis) };
        };
        if seal.operator != last.operator {
            return Err(Forged::Operator { sequence, found: seal.operator.clone(), wanted: last.operator.clone() });
        }
        if last.sequence.checked_add(1) != Some(sequence) {
            return Err(Forged::Sequence { after: last.sequence, sequence });
        }
        if seal.before != *hash {
            return Err(Forged::Link { sequence, named: seal.before.to_string(), found: hash.to_string() });
        }
        if seal.hour != last.end() {
            return Err(Forged::Hour { sequence, hour: seal.hour, wanted: last.end() });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The leaves of Certificate Transparency's reference tests, and the roots of trees of the first so many of them.
    const LEAVES: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    const ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    fn numbered(count: usize) -> Vec<(Hash, String)> {
        (0..count).map(|n| (leaf_hash(format!("leaf {n}").as_bytes()), format!("key {n:06}"))).collect()
    }

    fn seal(sequence: u64, hour: i64, before: Sha256Hex) -> Seal {
        Seal {
            operator: "pennco".parse().unwrap(),
            sequence,
            hour: Timestamp::from_millis(hour * HOUR_SECONDS * 1000),
            leaf_count: 0,
            root: hex(&root_of(&[])).parse().unwrap(),
            before,
            sealed_at: Timestamp::EPOCH,
            kid: "seal-1".to_owned(),
        }
    }

    fn chain(length: u64) -> Vec<Seal> {
        let mut seals = vec![seal(0, 0, nothing_before())];
        while (seals.len() as u64) < length {
            let last = seals.last().unwrap();
            let hour = last.hour.as_seconds() / HOUR_SECONDS + 1;
            seals.push(seal(last.sequence + 1, hour, last.hash().unwrap()));
        }
        seals
    }

    /// The first seal that does not follow, as a verifier walks from the genesis to the seal that it knows of.
    fn first_broken(seals: &[Seal], length: usize) -> Option<usize> {
        let mut chain = Chain::default();
        let broken = seals.iter().position(|seal| chain.follow(seal).is_err());
        broken.or((seals.len() < length).then_some(seals.len()))
    }

    #[test]
    fn trees_have_the_roots_of_certificate_transparency() {
        let hashes: Vec<Hash> = LEAVES.iter().map(|leaf| leaf_hash(leaf)).collect();
        for (count, root) in ROOTS.iter().enumerate() {
            assert_eq!(hex(&root_of(&hashes[..count])), *root, "{count} leaves");
        }
    }

    #[test]
    fn the_path_of_every_leaf_of_every_tree_leads_to_its_root_and_to_no_other_place() {
        for count in 1..=67_usize {
            let hashes: Vec<Hash> = numbered(count).into_iter().map(|(hash, _)| hash).collect();
            let (root, leaves) = (root_of(&hashes), count as u64);
            for index in 0..count {
                let path = audit_path(&hashes, index).unwrap();
                assert_eq!(root_from(hashes[index], index as u64, leaves, &path), Some(root), "{index} of {count}");
                for other in (0..count).filter(|other| *other != index) {
                    assert_ne!(root_from(hashes[index], other as u64, leaves, &path), Some(root));
                    assert_ne!(root_from(hashes[other], index as u64, leaves, &path), Some(root));
                }
                assert_eq!(root_from(hashes[index], leaves, leaves, &path), None);
                let longer = [path.clone(), vec![root]].concat();
                assert_eq!(root_from(hashes[index], index as u64, leaves, &longer), None);
                if let Some((_, shorter)) = path.split_last() {
                    assert_ne!(root_from(hashes[index], index as u64, leaves, shorter), Some(root));
                }
            }
            assert_eq!(audit_path(&hashes, count), None);
        }
    }

    #[test]
    fn a_node_never_passes_for_a_leaf() {
        let [left, right] = [leaf_hash(b"a"), leaf_hash(b"b")];
        let node = [left, right].concat();
        assert_ne!(root_of(&[left, right]), leaf_hash(&node));
    }

    #[test]
    fn ten_thousand_mutations_of_sealed_history_are_all_found_at_the_right_place() {
        // Numbers that look random and are the same each time (Numerical Recipes' linear congruential generator).
        let mut state = 2_026_u64;
        let mut any = |below: usize| -> usize {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % below
        };
        let mut found = [0_usize; 9];
        let seals = chain(24);
        while found.iter().sum::<usize>() < 10_000 {
            let sealed = numbered(2 + any(60));
            let count = sealed.len();
            let root = root_of_file(&sealed);
            let (one, other) = (any(count), any(count));
            let mut now = sealed.clone();
            let at = any(24);
            let kind = any(9);
            match kind {
                // A bit of a record flips.
                0 => {
                    now[one].0 = leaf_hash(format!("leaf {one}, changed").as_bytes());
                    assert_eq!(differences(&sealed, &now)[0].index, one);
                    assert_eq!(differences(&sealed, &now)[0].fate, Fate::Changed);
                }
                // Two records swap their contents.
                1 if one != other => {
                    (now[one].0, now[other].0) = (now[other].0, now[one].0);
                    let places: Vec<usize> = differences(&sealed, &now).iter().map(|one| one.index).collect();
                    assert_eq!(places, [one.min(other), one.max(other)]);
                }
                // A record is deleted, an hour's last ones are cut off.
                2 | 3 => {
                    let gone = if kind == 2 { one..one + 1 } else { one..count };
                    now.drain(gone.clone());
                    let places: Vec<usize> = differences(&sealed, &now).iter().map(|one| one.index).collect();
                    assert_eq!(places, gone.collect::<Vec<_>>());
                }
                // A record is put in.
                4 => {
                    now.insert(one, (leaf_hash(b"new"), "new".to_owned()));
                    let wanted = Difference { index: one, fate: Fate::Added, key: "new".to_owned() };
                    assert_eq!(differences(&sealed, &now), [wanted]);
                }
                // Two records change places.
                5 if one != other => {
                    now.swap(one, other);
                    let places: Vec<(usize, Fate)> =
                        differences(&sealed, &now).iter().map(|one| (one.index, one.fate)).collect();
                    assert_eq!(places, [(one.min(other), Fate::Moved), (one.max(other), Fate::Moved)]);
                }
                // A seal is changed: the next one names another, or its own signature is not its own if it is the last.
                6 if at + 1 < seals.len() => {
                    let mut seals = seals.clone();
                    seals[at].leaf_count += 1;
                    assert_eq!(first_broken(&seals, 24), Some(at + 1));
                }
                // A link is broken.
                7 => {
                    let mut seals = seals.clone();
                    seals[at].before = Sha256Hex::of(b"another");
                    assert_eq!(first_broken(&seals, 24), Some(at));
                }
                // Seals go missing, in the middle or at the end.
                8 => {
                    let mut seals = seals.clone();
                    seals.remove(at);
                    assert_eq!(first_broken(&seals, 24), Some(at));
                }
                _ => continue,
            }
            if kind < 6 {
                assert_ne!(root_of_file(&now), root, "{kind} {one} {other}");
            }
            found[kind] += 1;
        }
        assert!(found.iter().all(|cases| *cases > 500), "{found:?}");
        println!("mutations of sealed history, by kind: {found:?}, all found: {}", found.iter().sum::<usize>());
    }

    #[test]
    fn a_chain_is_of_one_operator_and_of_every_hour() {
        let seals = chain(3);
        assert_eq!(first_broken(&seals, 3), None);
        let mut chain = Chain::behind(seals[0].clone()).unwrap();
        let other = Seal { operator: "vishi".parse().unwrap(), ..seals[1].clone() };
        assert!(matches!(chain.follow(&other), Err(Forged::Operator { .. })));
        let mut chain = Chain::behind(seals[0].clone()).unwrap();
        let later = Seal { hour: seals[2].hour, ..seals[1].clone() };
        assert!(matches!(chain.follow(&later), Err(Forged::Hour { .. })));
        assert!(matches!(Chain::default().follow(&seals[1]), Err(Forged::Genesis { .. })));
    }

    #[test]
    fn an_entry_is_salted_by_a_request_that_only_its_caller_knows() {
        let leaf = |request_id: &str, key: &str| {
            let commit_id = CommitId::mint(Timestamp::EPOCH, &[]);
            Leaf::of_entry(commit_id, key.to_owned(), serde_json::json!({ "amount": 5 }), request_id).text().unwrap()
        };
        assert_ne!(leaf("one", "k"), leaf("other", "k"));
        let salt = |text: &str| serde_json::from_str::<Value>(text).unwrap()["salt"].clone();
        assert_ne!(
            salt(&leaf("one", "k")),
            salt(&leaf("one", "l")),
            "the salt of one entry tells nothing of another's"
        );
        assert!(!leaf("one-request", "k").contains("one-request"));
    }

    #[test]
    fn an_hour_is_over_a_quarter_of_an_hour_after_its_end() {
        let hour = hour_of("2026-11-21T06:59:59.999Z".parse().unwrap());
        assert_eq!(hour.to_string(), "2026-11-21T06:00:00.000Z");
        assert!(!is_over(hour, "2026-11-21T07:14:59.999Z".parse().unwrap()));
        assert!(is_over(hour, "2026-11-21T07:15:00.000Z".parse().unwrap()));
    }
}
