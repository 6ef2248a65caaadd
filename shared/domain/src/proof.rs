//! Proof of the books: what must hold of every account and every transfer, checked on what is there and not on what the
//! code meant to write.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Currency, Day, OperatorName, PartnerName, SettlementId, Timestamp, TransferId,
    alteration::Alteration,
    day_close::DayClose,
    id::Sha256Hex,
    ledger::{Account, Entry, Limits, Posted},
    seal::{self, Chain, Fate, Hash, Sealed},
    seal_key::SealKey,
    settled_days::{Recounts, SettledDays, gap},
    settlement::{Settlement, SettlementStatus, StoredFile},
    settlement_format::SettlementFormats,
};

/// How long ago an entry was written when every call that could still be booking its other side is over, in seconds: a
/// cold start and a call, and a margin as wide again.
pub const SETTLED_SECONDS: i64 = 60;
/// A settlement is built within this many seconds of when a check first saw it wait: the queue's delay, a build and its
/// retries. Not of its day's cut: a day may be closed long after that.
pub const BUILT_SECONDS: i64 = 3_600;
/// An event is with every queue that hears of it within this many seconds: the sweep comes every five minutes, and may
/// itself come late once.
pub const RELAYED_SECONDS: i64 = 900;
/// An hour is sealed within this many seconds of when it can be: the job comes every hour, and may come late once.
pub const SEALED_SECONDS: i64 = 3 * 3_600;
/// How many of the newest hours each check reads again.
const NEWEST_HOURS: usize = 2;
/// How many older hours each check reads again at most, in rotation: a year of 8,760 in 92 checks, eight hours. Each is one
/// read of the bucket, one of the index and one batch or none; reckoned at 40 ms, 96 of them are four seconds of the four
/// minutes that a check has for all operators.
const OLDER_HOURS: usize = 96;
/// How many leaves these hours may have together, unless the first alone has more. A hundred leaves are one batch: reckoned
/// at 20 ms, 10,000 are two seconds, and at half a read unit for four kilobytes some 5,000 units. Who writes 60,000 a day,
/// as ten thousand visits are, has a day of them read in six checks: a year in eight days, whatever the hours hold.
const OLDER_LEAVES: u64 = 10_000;
/// How old an hour may be to be read again, in seconds: commit records are kept for 400 days from when their command
/// was given, and a job's message may wait for 14 of them.
const READABLE_SECONDS: i64 = 385 * 86_400;
/// How many findings a proof names; the rest is counted.
const MOST_FINDINGS: usize = 50;
/// What a breach says of a row that is there and spoiled.
const SPOILED: &str = "a row that cannot be read as one";

/// What must hold; the numbers are those of docs/ARCHITECTURE.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub enum Invariant {
    /// Entries sum to zero per transfer and currency, and so do all balances.
    V4,
    /// A balance is the fold of its entries; cash is never below zero, nor above its cap.
    V5,
    /// Every event reaches every consumer: none waits in the outbox for longer than a sweep takes.
    V7,
    /// Each closed day is settled once with each partner that it was closed for, soon, and as its entries, the transfer that
    /// booked it and its file tell.
    V9,
    /// History is as it was sealed, and the seals are one chain.
    V13,
}

/// Something that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Breach {
    /// What should hold.
    pub invariant: Invariant,
    /// The account, transfer, settlement, commit, record or seal that it does not hold of.
    pub subject: String,
    /// What it should be.
    pub expected: String,
    /// What it is.
    pub found: String,
}

/// The result of one check of an operator's books.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Proof {
    /// Whose books.
    pub operator: OperatorName,
    /// When they were checked.
    pub checked_at: Timestamp,
    /// Whether everything holds that was looked at.
    pub holds: bool,
    /// Accounts that were folded.
    pub accounts: u64,
    /// Entries that were read.
    pub entries: u64,
    /// Transfers whose entries were summed: those written more than a minute ago, of which no side can be under way.
    pub transfers: u64,
    /// Commits whose events are not with every queue yet, fifty at most; a breach only when they are late.
    pub unrelayed: u64,
    /// What is sealed, and how much of it was read again.
    pub history: History,
    /// What was held of closed days against the books and the bucket.
    #[serde(default)]
    pub settled: SettledBooks,
    /// Settlements that are still being built.
    pub building: Vec<Building>,
    /// Accounts that moved while they were read: a later check proves them when they rest.
    pub moving: Vec<String>,
    /// What does not hold, the first fifty.
    pub breaches: Vec<Breach>,
    /// How many there are.
    pub breach_count: u64,
}

/// What is sealed of an operator's history.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct History {
    /// How many seals there are, each followed from the first to the last.
    pub seals: u64,
    /// What was written before this is sealed; nothing before the first seal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_until: Option<Timestamp>,
    /// Hours that were read again and held against their seals: the newest, and older ones in rotation.
    pub hours: u64,
    /// Records of those hours.
    pub leaves: u64,
    /// The seal with which the next check goes on among the older ones.
    pub next: u64,
    /// The first check that found no seal; nothing once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_since: Option<Timestamp>,
}

/// What was held of the closed days of five weeks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct SettledBooks {
    /// Closed days, each held against its own row.
    pub days: u64,
    /// Their settlements that are settled, each held against the entries of its day and the transfer that booked it.
    pub settlements: u64,
    /// Files that were read whole and held against the digest of their settlement: those of the newest day, and of one
    /// older day in rotation.
    pub files: u64,
    /// The day with which the next check goes on among the older ones.
    #[schema(value_type = Option<String>, format = Date)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Day>,
}

/// A settlement that is still being built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Building {
    /// Which.
    pub settlement_id: SettlementId,
    /// The first check that saw it.
    pub seen_since: Timestamp,
}

/// A balance as it lies in the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    /// All shards together, in minor units.
    pub balance_minor: i64,
    /// What is left below the cap, of a capped account.
    pub headroom_minor: Option<i64>,
    /// The cap, of a capped account whose owner is known.
    pub cap_minor: Option<i64>,
    /// What is available of it, if that is kept.
    pub available_minor: Option<i64>,
    /// How often it was written, so that what changed and changed back is seen to have moved.
    pub moves: u64,
}

/// Books while they are being checked, account by account.
pub struct Check {
    proof: Proof,
    settled_until: Timestamp,
    /// What the entries of each transfer that is old enough sum to: 16 bytes of its id, currency and sum, so that a year of
    /// ten thousand visits a day stays within a function's memory.
    sums: BTreeMap<(u128, Currency), i128>,
    folded: i128,
    reserved: i128,
    waiting: Vec<Building>,
    history: History,
    recounts: Recounts,
    /// The day whose files are read next, as the check before said.
    next_day: Option<Day>,
    /// The files of settlements that are what they should be as far as their rows tell, by day.
    files: BTreeMap<Day, Vec<(SettlementId, StoredFile)>>,
}

impl Check {
    /// Begins to check an operator's books, knowing what the check before found.
    #[must_use]
    pub fn begin(operator: OperatorName, before: Option<Proof>, now: Timestamp) -> Self {
        let proof = Proof {
            operator,
            checked_at: now,
            holds: true,
            accounts: 0,
            entries: 0,
            transfers: 0,
            unrelayed: 0,
            history: History::default(),
            settled: SettledBooks::default(),
            building: vec![],
            moving: vec![],
            breaches: vec![],
            breach_count: 0,
        };
        let settled_until = now.plus_seconds(-SETTLED_SECONDS);
        let (waiting, history, settled) =
            before.map(|proof| (proof.building, proof.history, proof.settled)).unwrap_or_default();
        Self {
            proof,
            settled_until,
            sums: BTreeMap::new(),
            folded: 0,
            reserved: 0,
            waiting,
            history,
            recounts: Recounts::default(),
            next_day: settled.next,
            files: BTreeMap::new(),
        }
    }

    fn breach(&mut self, invariant: Invariant, subject: String, expected: String, found: String) {
        self.proof.holds = false;
        self.proof.breach_count = self.proof.breach_count.saturating_add(1);
        if self.proof.breaches.len() < MOST_FINDINGS {
            self.proof.breaches.push(Breach { invariant, subject, expected, found });
        }
    }

    /// Takes in the closed days whose settlements are to be counted again while the books are read.
    pub fn recount(&mut self, weeks: &SettledDays, formats: &SettlementFormats) {
        self.recounts = Recounts::of(weeks, formats);
    }

    /// Reads one entry of the account that is being folded, and when it was written: that decides whether another side of
    /// it can be under way, for a settlement is posted at its cut and written minutes later.
    pub fn entry(&mut self, account: &Account, entry: &Entry, written_at: Timestamp) {
        self.recounts.entry(account, entry);
        self.proof.entries = self.proof.entries.saturating_add(1);
        self.folded = self.folded.saturating_add(i128::from(entry.amount.amount_minor));
        // What claims to be written in time to come would otherwise never be summed.
        let under_way = self.settled_until..self.settled_until.plus_seconds(2 * SETTLED_SECONDS);
        if under_way.contains(&written_at) {
            return;
        }
        let sum = self.sums.entry((entry.transfer_id.bits(), entry.amount.currency)).or_default();
        *sum = sum.saturating_add(i128::from(entry.amount.amount_minor));
    }

    /// Reads one open reservation of the account that is being folded.
    pub fn reservation(&mut self, amount_minor: i64) {
        self.reserved = self.reserved.saturating_add(i128::from(amount_minor));
    }

    /// Ends the account that was folded: holds its entries against its balance before and after they were read.
    pub fn account(&mut self, account: &Account, before: Balance, after: Balance) {
        let folded = std::mem::take(&mut self.folded);
        let reserved = std::mem::take(&mut self.reserved);
        self.proof.accounts = self.proof.accounts.saturating_add(1);
        if before != after {
            self.proof.moving.push(account.to_string());
            return;
        }
        if folded != i128::from(after.balance_minor) {
            let found = format!("a balance of {}", after.balance_minor);
            self.breach(Invariant::V5, account.to_string(), format!("the sum of its entries, {folded}"), found);
        }
        if account.limits() == Limits::None {
            return;
        }
        let expected = i128::from(after.balance_minor).saturating_sub(reserved);
        let available = after.available_minor.unwrap_or(0);
        if i128::from(available) != expected {
            let found = format!("{available} available");
            let of = format!("the balance less {reserved} of open reservations, {expected}");
            self.breach(Invariant::V5, account.to_string(), of, found);
        }
        // Cash that was handed over was handed over, also when it had been set aside for somebody else.
        if after.balance_minor < 0 || (available < 0 && !account.is_capped()) {
            let found = format!("a balance of {}, {available} available", after.balance_minor);
            self.breach(Invariant::V5, account.to_string(), "zero or more".to_owned(), found);
        }
        let cap =
            after.headroom_minor.map(|headroom| i128::from(after.balance_minor).saturating_add(i128::from(headroom)));
        if let Some(stated) = after.cap_minor
            && cap != Some(i128::from(stated))
        {
            let found = cap.map_or("no headroom".to_owned(), |cap| format!("balance and headroom are {cap}"));
            let expected = format!("balance and headroom are the cap, {stated}");
            self.breach(Invariant::V5, account.to_string(), expected, found);
        }
        if let Some(headroom) = after.headroom_minor.filter(|headroom| *headroom < 0) {
            let found = format!("a balance of {}, {headroom} below the cap", after.balance_minor);
            self.breach(Invariant::V5, account.to_string(), "at most the cap".to_owned(), found);
        }
    }

    /// Looks at the days that were closed: each has its row, begins where the one before was cut, whatever days off lay
    /// between them, and has the settlements that it was closed with, each settled soon after its cut, as its entries tell
    /// and with one of these transfers.
    pub fn days(
        &mut self,
        weeks: &SettledDays,
        partners: &[PartnerName],
        formats: &SettlementFormats,
        booked: &BTreeMap<TransferId, Posted>,
    ) {
        let mut before: Option<&DayClose> = None;
        for day in weeks.named() {
            let row = weeks.days.get(&day);
            if !matches!(row, Some(Some(_))) {
                let found = row.map_or("none", |_| SPOILED);
                self.breach(Invariant::V9, day.to_string(), "a closed day".to_owned(), found.to_owned());
            }
            let closed = weeks.closed(day);
            if let Some((expected, found)) = before.zip(closed).and_then(|(before, closed)| gap(before, closed)) {
                self.breach(Invariant::V9, day.to_string(), expected, found);
            }
            for settlement_id in closed.map(|closed| weeks.lacking_of(closed)).into_iter().flatten() {
                let subject = format!("{day} {}", weeks.who(settlement_id, day, partners));
                self.breach(Invariant::V9, subject, "one settlement".to_owned(), "0 settlements".to_owned());
            }
            self.proof.settled.days = self.proof.settled.days.saturating_add(u64::from(closed.is_some()));
            before = closed;
        }
        for (settlement_id, settlement) in &weeks.settlements {
            let fault = match settlement {
                None => Some(("a settlement".to_owned(), SPOILED.to_owned())),
                Some(settled) => weeks.misplaced(settled).or_else(|| self.settlement(weeks, settled, formats, booked)),
            };
            if let Some((expected, found)) = fault {
                self.breach(Invariant::V9, settlement_id.to_string(), expected, found);
            }
        }
    }

    /// What a settlement should be and what it is, when it is being built for too long or settled otherwise than the books
    /// tell. The file of one that is as it should be is remembered.
    fn settlement(
        &mut self,
        weeks: &SettledDays,
        settlement: &Settlement,
        formats: &SettlementFormats,
        booked: &BTreeMap<TransferId, Posted>,
    ) -> Option<(String, String)> {
        if settlement.status == SettlementStatus::Settled {
            self.proof.settled.settlements = self.proof.settled.settlements.saturating_add(1);
            let fault = self.recounts.fault(weeks, settlement, formats, booked);
            if let (None, Some(file)) = (&fault, &settlement.file) {
                let of_day = self.files.entry(settlement.business_day).or_default();
                of_day.push((settlement.settlement_id.clone(), file.clone()));
            }
            return fault;
        }
        let now = self.proof.checked_at;
        let seen = self.waiting.iter().find(|waiting| waiting.settlement_id == settlement.settlement_id);
        let seen_since = seen.map_or(now, |waiting| waiting.seen_since);
        self.proof.building.push(Building { settlement_id: settlement.settlement_id.clone(), seen_since });
        let expected = format!("built within {BUILT_SECONDS} s of {seen_since}");
        (now >= seen_since.plus_seconds(BUILT_SECONDS)).then(|| (expected, "still being built".to_owned()))
    }

    /// The files that are to be read now: those of the newest day, and of the older day whose turn it is.
    pub fn files(&mut self) -> Vec<(SettlementId, StoredFile)> {
        let mut files = std::mem::take(&mut self.files);
        let Some((_, mut due)) = files.pop_last() else { return vec![] };
        let is_next = |day: &&Day| self.next_day.is_none_or(|next| **day >= next);
        let turn = files.keys().find(is_next).or(files.keys().next()).copied();
        due.extend(turn.and_then(|turn| files.remove(&turn)).unwrap_or_default());
        self.proof.settled.next = turn.map(|turn| turn.saturating_add(jiff::Span::new().days(1)));
        due
    }

    /// Holds a file as it lies in the bucket, by its digest and how many bytes it has, against its settlement.
    pub fn file(&mut self, settlement_id: &SettlementId, file: &StoredFile, found: Option<(Sha256Hex, u64)>) {
        self.proof.settled.files = self.proof.settled.files.saturating_add(1);
        if found.as_ref() == Some(&(file.sha256.clone(), file.bytes)) {
            return;
        }
        let told = |sha256: &Sha256Hex, bytes: u64| format!("a file of {bytes} bytes with the digest {sha256}");
        let found = found.map_or_else(|| "no file".to_owned(), |(sha256, bytes)| told(&sha256, bytes));
        self.breach(Invariant::V9, settlement_id.to_string(), told(&file.sha256, file.bytes), found);
    }

    /// Names a row that cannot be read as what it is, and goes on without it: somebody who spoils a row must not keep all
    /// others from being checked.
    pub fn unreadable(&mut self, invariant: Invariant, row: String, what: &str) {
        self.breach(invariant, row, what.to_owned(), SPOILED.to_owned());
    }

    /// Looks at a commit whose events are still in the outbox, and since when: the oldest come first.
    pub fn unrelayed(&mut self, commit: &str, since: Timestamp) {
        self.proof.unrelayed = self.proof.unrelayed.saturating_add(1);
        if self.proof.checked_at >= since.plus_seconds(RELAYED_SECONDS) {
            let expected = format!("relayed within {RELAYED_SECONDS} s of {since}");
            self.breach(Invariant::V7, commit.to_owned(), expected, "still in the outbox".to_owned());
        }
    }

    /// Follows the chain of seals from its first, as it lies in the records, and names those whose hours are to be read
    /// again, by their place.
    pub fn chain(&mut self, seals: &[Sealed]) -> Vec<usize> {
        let mut chain = Chain::default();
        for sealed in seals {
            if let Err(forged) = chain.follow(&sealed.seal) {
                self.seal(sealed.seal.sequence, "one of the chain", &forged.to_string());
            }
        }
        let now = self.proof.checked_at;
        let newest = seals.last().map(|sealed| &sealed.seal);
        let before = std::mem::take(&mut self.history);
        let count = seals.len() as u64;
        if count < before.seals {
            let found = format!("{count} seals");
            self.seal(count, &format!("{} seals, as there were", before.seals), &found);
        }
        let waiting_since = newest.is_none().then(|| before.waiting_since.unwrap_or(now));
        let due = newest.map(|newest| seal::sealed_from(newest.end())).or(waiting_since);
        if due.is_some_and(|due| now >= due.plus_seconds(SEALED_SECONDS)) {
            let found = newest.map_or("no seal".to_owned(), |newest| format!("sealed until {}", newest.end()));
            self.seal(count, &format!("sealed within {SEALED_SECONDS} s of when it could be"), &found);
        }
        let readable = seals.partition_point(|one| one.seal.hour.plus_seconds(READABLE_SECONDS) < now);
        let newest_from = seals.len().saturating_sub(NEWEST_HOURS).max(readable);
        let older = newest_from.saturating_sub(readable);
        let start = usize::try_from(before.next).unwrap_or_default().saturating_sub(readable);
        let in_rotation = (0..older)
            .map(|step| readable.saturating_add(start.saturating_add(step).checked_rem(older).unwrap_or_default()));
        let mut opened = within_budget(in_rotation, seals);
        let next = opened.last().map_or(readable, |last| last.saturating_add(1));
        opened.extend(newest_from..seals.len());
        self.proof.history = History {
            seals: count,
            sealed_until: newest.map(seal::Seal::end),
            hours: opened.len() as u64,
            leaves: 0,
            next: next as u64,
            waiting_since,
        };
        opened
    }

    fn seal(&mut self, sequence: u64, expected: &str, found: &str) {
        self.breach(Invariant::V13, format!("seal {sequence}"), expected.to_owned(), found.to_owned());
    }

    /// Holds a seal against the keys that are known and against its copy in the bucket.
    pub fn sealed(&mut self, sealed: &Sealed, keys: &[SealKey], copy: Option<&Sealed>) {
        let sequence = sealed.seal.sequence;
        let held = SealKey::among(keys, &sealed.seal.kid).and_then(|key| key.verify(sealed));
        if let Err(forged) = held {
            self.seal(sequence, "signed by a known key", &forged.to_string());
        }
        if copy != Some(sealed) {
            let found = if copy.is_some() { "another one there" } else { "none there" };
            self.seal(sequence, "the one in the locked bucket", found);
        }
    }

    /// Holds the leaves of an hour as they are now against its seal; whether they are what was sealed. If not,
    /// [`Check::differs`] names what is not.
    pub fn hour(&mut self, sealed: &Sealed, found: &[(Hash, String)]) -> bool {
        self.proof.history.leaves = self.proof.history.leaves.saturating_add(found.len() as u64);
        sealed.seal.leaf_count == found.len() as u64
            && sealed.seal.root.as_str() == seal::hex(&seal::root_of_file(found))
    }

    /// Names what is not as it was sealed, with the sealed leaves if their file is there.
    pub fn differs(&mut self, sealed: &Sealed, file: Option<&[(Hash, String)]>, found: &[(Hash, String)]) {
        let seal = &sealed.seal;
        let Some(file) = file.filter(|file| seal.root.as_str() == seal::hex(&seal::root_of_file(file))) else {
            let expected = format!("{} leaves with the root {}", seal.leaf_count, seal.root);
            let root = seal::hex(&seal::root_of_file(found));
            self.seal(
                seal.sequence,
                &expected,
                &format!("{} with the root {root}, and no file of leaves", found.len()),
            );
            return;
        };
        for difference in seal::differences(file, found) {
            let expected = format!("as leaf {} of seal {}", difference.index, seal.sequence);
            self.breach(Invariant::V13, difference.key, expected, named(difference.fate).to_owned());
        }
    }

    /// Looks at a row that was altered once, by what is sealed of it as it is now. One that its hour's seal has named already
    /// is not named again.
    pub fn altered(&mut self, place: String, alteration: &Alteration, row: Option<&serde_json::Value>) {
        let Some(fate) = alteration.fate(row, self.proof.checked_at) else { return };
        let is_it = |breach: &Breach| breach.invariant == Invariant::V13 && breach.subject == place;
        if self.proof.breaches.iter().any(is_it) {
            return;
        }
        let found = format!("{}, since {}", named(fate), alteration.since);
        self.breach(Invariant::V13, place, "as it was written".to_owned(), found);
    }

    /// What was found. Where every balance is the fold of its entries, and every transfer sums to zero, the trial balance is
    /// zero: it is not added up from balances, which are read one after the other while work goes on.
    #[must_use]
    pub fn finish(mut self) -> Proof {
        let mut last = None;
        for ((bits, currency), sum) in std::mem::take(&mut self.sums) {
            if last.replace(bits) != Some(bits) {
                self.proof.transfers = self.proof.transfers.saturating_add(1);
            }
            if sum != 0 {
                let found = format!("they sum to {sum} {currency} minor units");
                let transfer_id = TransferId::of_bits(bits).to_string();
                self.breach(Invariant::V4, transfer_id, "entries that sum to zero".to_owned(), found);
            }
        }
        self.proof
    }
}

/// What a breach says that became of a row.
fn named(fate: Fate) -> &'static str {
    match fate {
        Fate::Changed => "changed",
        Fate::Missing => "not there any more",
        Fate::Added => "not sealed then",
        Fate::Moved => "at another place",
    }
}

/// The hours of a rotation that one check reads: the first whatever it holds, so that none can stop the rotation, and those
/// behind it while there are neither too many nor too many leaves in them.
fn within_budget(rotation: impl Iterator<Item = usize>, seals: &[Sealed]) -> Vec<usize> {
    let (mut opened, mut leaves) = (vec![], 0_u64);
    for place in rotation.take(OLDER_HOURS) {
        leaves = leaves.saturating_add(seals.get(place).map_or(0, |sealed| sealed.seal.leaf_count));
        if leaves > OLDER_LEAVES && !opened.is_empty() {
            break;
        }
        opened.push(place);
    }
    opened
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        AgentId, Money,
        ledger::{Subject, TransferKind},
    };

    const NOW: i64 = 1_795_242_600_000;

    fn now() -> Timestamp {
        Timestamp::from_millis(NOW)
    }

    fn cash() -> Account {
        Account::AgentCash(AgentId::mint(now(), &[b"a"]))
    }

    fn vault() -> Account {
        Account::Vault("pennco".parse().unwrap())
    }

    fn entry(transfer: &[u8], amount_minor: i64, seconds_ago: i64) -> Entry {
        Entry {
            transfer_id: TransferId::mint(Timestamp::EPOCH, &[transfer]),
            kind: TransferKind::FloatIssue,
            at: now().plus_seconds(-seconds_ago),
            effective_at: now().plus_seconds(-seconds_ago),
            amount: Money::new(amount_minor, Currency::Inr),
            subject: Subject::default(),
        }
    }

    fn balance(balance_minor: i64) -> Balance {
        Balance { balance_minor, headroom_minor: None, cap_minor: None, available_minor: Some(balance_minor), moves: 1 }
    }

    /// Checks a purse and a vault with these entries and balances.
    fn checked(purse: (&[Entry], Balance), vault_entries: (&[Entry], Balance)) -> Proof {
        let mut check = Check::begin("pennco".parse().unwrap(), None, now());
        for (account, (entries, balance)) in [(cash(), purse), (vault(), vault_entries)] {
            entries.iter().for_each(|entry| check.entry(&account, entry, entry.at));
            check.account(&account, balance, balance);
        }
        check.finish()
    }

    fn named(proof: &Proof) -> Vec<(Invariant, String)> {
        proof.breaches.iter().map(|breach| (breach.invariant, breach.subject.clone())).collect()
    }

    #[test]
    fn books_that_balance_hold() {
        let capped = Balance { headroom_minor: Some(15), cap_minor: Some(20), ..balance(5) };
        let proof = checked((&[entry(b"1", 5, 100)], capped), (&[entry(b"1", -5, 100)], balance(-5)));
        assert!(proof.holds, "{proof:?}");
        assert_eq!((proof.accounts, proof.entries, proof.transfers), (2, 2, 1));
    }

    #[test]
    fn whatever_is_wrong_is_named() {
        let good = [entry(b"1", 5, 100)];
        let other = [entry(b"1", -5, 100)];
        let purse = cash().to_string();
        for (proof, wanted) in [
            // One side of a transfer was changed: the transfer, and the account whose fold is not its balance any more.
            (
                checked((&[entry(b"1", 6, 100)], balance(5)), (&other, balance(-5))),
                vec![(Invariant::V5, purse.clone()), (Invariant::V4, good[0].transfer_id.to_string())],
            ),
            // One side is gone.
            (
                checked((&[], balance(5)), (&other, balance(-5))),
                vec![(Invariant::V5, purse.clone()), (Invariant::V4, good[0].transfer_id.to_string())],
            ),
            // A balance was changed.
            (checked((&good, balance(7)), (&other, balance(-5))), vec![(Invariant::V5, purse.clone())]),
            // There is more of it than its cap.
            (
                checked(
                    (&good, Balance { headroom_minor: Some(-1), cap_minor: Some(4), ..balance(5) }),
                    (&other, balance(-5)),
                ),
                vec![(Invariant::V5, purse.clone())],
            ),
            // Nothing keeps it below its cap.
            (
                checked((&good, Balance { cap_minor: Some(20), ..balance(5) }), (&other, balance(-5))),
                vec![(Invariant::V5, purse.clone())],
            ),
            // A cap was changed.
            (
                checked(
                    (&good, Balance { headroom_minor: Some(99), cap_minor: Some(20), ..balance(5) }),
                    (&other, balance(-5)),
                ),
                vec![(Invariant::V5, purse.clone())],
            ),
        ] {
            assert!(!proof.holds);
            assert_eq!(named(&proof), wanted);
        }
    }

    #[test]
    fn a_proof_from_before_settlements_were_held_against_anything_is_read() {
        let mut kept = serde_json::to_value(checked((&[], balance(0)), (&[], balance(0)))).unwrap();
        kept.as_object_mut().unwrap().remove("settled").unwrap();
        let read: Proof = serde_json::from_value(kept).unwrap();
        assert_eq!(read.settled, SettledBooks::default());
    }

    /// So many sealed hours, the first of which begins so many hours ago.
    fn chain(length: u64, hours_ago: i64) -> Vec<Sealed> {
        let first = seal::hour_of(now().plus_seconds(hours_ago * -seal::HOUR_SECONDS));
        let mut seals: Vec<Sealed> = vec![];
        for _ in 0..length {
            let before = seals.last().map(|sealed| &sealed.seal);
            let hour = before.map_or(first, seal::Seal::end);
            let operator = "pennco".parse().unwrap();
            let seal = seal::Seal::behind(before, &operator, hour, &[], seal::sealed_from(hour), "key").unwrap();
            seals.push(Sealed { seal, signature: String::new() });
        }
        seals
    }

    /// The same hours, with so many leaves in those that are named.
    fn holding(mut seals: Vec<Sealed>, leaves: &[(usize, u64)]) -> Vec<Sealed> {
        for (place, leaf_count) in leaves {
            seals[*place].seal.leaf_count = *leaf_count;
        }
        for place in 1..seals.len() {
            seals[place].seal.before = seals[place - 1].seal.hash().unwrap();
        }
        seals
    }

    /// The hours that so many checks in a row read again, check by check.
    fn read_again(seals: &[Sealed], checks: usize) -> Vec<Vec<usize>> {
        let mut before = None;
        let mut opened = vec![];
        for _ in 0..checks {
            let mut check = Check::begin("pennco".parse().unwrap(), before, now());
            opened.push(check.chain(seals));
            let proof = check.finish();
            assert!(proof.holds, "{proof:?}");
            before = Some(proof);
        }
        opened
    }

    #[test]
    fn each_check_reads_the_newest_hours_and_goes_on_among_the_older_ones() {
        let opened = read_again(&chain(302, 303), 4);
        for (check, of_check) in opened.iter().enumerate() {
            let (older, newest) = of_check.split_at(of_check.len() - 2);
            assert_eq!(newest, [300, 301], "check {check}");
            let wanted: Vec<usize> = (check * 96..(check + 1) * 96).map(|place| place % 300).collect();
            assert_eq!(older, wanted, "check {check}");
        }
        for length in [0, 1, 2, 3, 5, 98] {
            let opened = read_again(&chain(length, i64::try_from(length).unwrap() + 1), 2);
            let all: Vec<usize> = (0..usize::try_from(length).unwrap()).collect();
            assert_eq!(opened, [all.clone(), all], "none twice in a check of {length}");
        }
    }

    #[test]
    fn a_check_reads_so_many_leaves_of_older_hours_and_the_others_in_the_next() {
        let leaves: Vec<(usize, u64)> = (0..20).map(|place| (place, 3_000)).collect();
        let opened = read_again(&holding(chain(22, 23), &leaves), 8);
        assert!(opened.iter().all(|of_check| of_check.len() == 3 + 2), "{opened:?}");
        let older: Vec<usize> = opened.iter().flat_map(|of_check| of_check[..3].to_vec()).collect();
        assert_eq!(older, (0..24).map(|step| step % 20).collect::<Vec<_>>(), "all in turn");
    }

    #[test]
    fn an_hour_of_more_leaves_than_a_check_may_read_is_read_alone_and_the_rotation_goes_on() {
        let seals = holding(chain(12, 13), &[(1, 9_999), (2, 2), (4, u64::MAX), (5, 10_001), (6, 10_000)]);
        let opened = read_again(&seals, 7);
        let older: Vec<&[usize]> = opened.iter().map(|of_check| &of_check[..of_check.len() - 2]).collect();
        let wanted: [&[usize]; 7] = [&[0, 1], &[2, 3], &[4], &[5], &[6, 7, 8, 9, 0], &[1], &[2, 3]];
        assert_eq!(older, wanted);
    }

    #[test]
    fn hours_whose_commits_have_expired_are_followed_but_not_read() {
        let seals = chain(400 * 24, 400 * 24 + 1);
        let mut check = Check::begin("pennco".parse().unwrap(), None, now());
        let opened = check.chain(&seals);
        assert!(opened.iter().all(|place| *place >= 15 * 24), "{opened:?}");
        assert!(check.finish().holds);
    }

    #[test]
    fn a_chain_that_is_shorter_than_it_was_or_late_is_named() {
        let mut check = Check::begin("pennco".parse().unwrap(), None, now());
        check.chain(&chain(3, 4));
        let before = check.finish();
        let mut check = Check::begin("pennco".parse().unwrap(), Some(before.clone()), now());
        check.chain(&chain(2, 4));
        assert_eq!(named(&check.finish()), [(Invariant::V13, "seal 2".to_owned())]);
        let mut check = Check::begin("pennco".parse().unwrap(), None, now());
        check.chain(&chain(3, 9));
        assert_eq!(named(&check.finish()), [(Invariant::V13, "seal 3".to_owned())], "sealed until six hours ago");
    }

    #[test]
    fn a_transfer_between_the_reads_of_its_two_accounts_is_no_breach() {
        let mut check = Check::begin("pennco".parse().unwrap(), None, now());
        check.entry(&cash(), &entry(b"1", 5, 100), now().plus_seconds(-100));
        check.account(&cash(), balance(5), balance(5));
        // Somebody else's report comes now: this account is read with it, the one before was read without.
        check.entry(&vault(), &entry(b"1", -5, 100), now().plus_seconds(-100));
        check.entry(&vault(), &entry(b"2", -3, 0), now());
        check.account(&vault(), balance(-8), balance(-8));
        let proof = check.finish();
        assert!(proof.holds, "{proof:?}");
        assert_eq!(proof.transfers, 1);
    }

    #[test]
    fn a_settlement_that_is_booked_at_its_cut_between_the_reads_of_its_two_accounts_is_no_breach() {
        let cut_ten_minutes_ago = [entry(b"1", 5, 600), entry(b"1", -5, 600)];
        for (written_ago, holds) in
            [(0, true), (SETTLED_SECONDS - 1, true), (SETTLED_SECONDS + 1, false), (-SETTLED_SECONDS, false)]
        {
            let mut check = Check::begin("pennco".parse().unwrap(), None, now());
            check.account(&cash(), balance(0), balance(0));
            check.entry(&vault(), &cut_ten_minutes_ago[1], now().plus_seconds(-written_ago));
            check.account(&vault(), balance(-5), balance(-5));
            let proof = check.finish();
            assert_eq!(proof.holds, holds, "written {written_ago} s ago: {proof:?}");
        }
    }

    #[test]
    fn what_is_still_moving_is_proven_later_and_is_no_breach() {
        let mut check = Check::begin("pennco".parse().unwrap(), None, now());
        check.entry(&cash(), &entry(b"1", 5, 2), now().plus_seconds(-2));
        check.account(&cash(), balance(5), balance(9));
        let proof = check.finish();
        assert!(proof.holds, "{proof:?}");
        assert_eq!((proof.moving, proof.transfers), (vec![cash().to_string()], 0));
    }
}
