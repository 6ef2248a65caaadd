//! Proof of the books: what must hold of every account and every transfer, checked on what is there and not on what the
//! code meant to write.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Currency, Day, OperatorName, SettlementId, Timestamp, TransferId,
    ledger::{Account, Entry, Limits},
    settlement::{Settlement, SettlementStatus},
};

/// How old an entry is when every call that could still be booking its other side is over, in seconds: a cold start and a
/// call, and a margin as wide again.
pub const SETTLED_SECONDS: i64 = 60;
/// A settlement is built within this many seconds of when a check first saw it wait: the queue's delay, a build and its
/// retries. Not of its day's cut: a day may be closed long after that.
pub const BUILT_SECONDS: i64 = 3_600;
/// How many findings a proof names; the rest is counted.
const MOST_FINDINGS: usize = 50;

/// What must hold; the numbers are those of docs/ARCHITECTURE.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub enum Invariant {
    /// Entries sum to zero per transfer and currency, and so do all balances.
    V4,
    /// A balance is the fold of its entries; cash is never below zero, nor above its cap.
    V5,
    /// Each closed day is settled once for each partner, and soon.
    V9,
}

/// Something that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Breach {
    /// What should hold.
    pub invariant: Invariant,
    /// The account, transfer or settlement that it does not hold of.
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
    /// Transfers whose entries were summed: those older than a minute, of which no side can be under way.
    pub transfers: u64,
    /// Settlements that are still being built.
    pub building: Vec<Building>,
    /// Accounts that moved while they were read: a later check proves them when they rest.
    pub moving: Vec<String>,
    /// What does not hold, the first fifty.
    pub breaches: Vec<Breach>,
    /// How many there are.
    pub breach_count: u64,
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
    open: BTreeMap<TransferId, BTreeMap<Currency, i128>>,
    trial: i128,
    folded: i128,
    reserved: i128,
    waiting: Vec<Building>,
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
            building: vec![],
            moving: vec![],
            breaches: vec![],
            breach_count: 0,
        };
        let settled_until = now.plus_seconds(-SETTLED_SECONDS);
        let waiting = before.map(|proof| proof.building).unwrap_or_default();
        Self { proof, settled_until, open: BTreeMap::new(), trial: 0, folded: 0, reserved: 0, waiting }
    }

    fn breach(&mut self, invariant: Invariant, subject: String, expected: String, found: String) {
        self.proof.holds = false;
        self.proof.breach_count = self.proof.breach_count.saturating_add(1);
        if self.proof.breaches.len() < MOST_FINDINGS {
            self.proof.breaches.push(Breach { invariant, subject, expected, found });
        }
    }

    /// Reads one entry of the account that is being folded.
    pub fn entry(&mut self, entry: &Entry) {
        self.proof.entries = self.proof.entries.saturating_add(1);
        self.folded = self.folded.saturating_add(i128::from(entry.amount.amount_minor));
        if entry.at >= self.settled_until {
            return;
        }
        let sums = self.open.entry(entry.transfer_id.clone()).or_default();
        let sum = sums.entry(entry.amount.currency).or_default();
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
        self.trial = self.trial.saturating_add(i128::from(after.balance_minor));
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
        if after.balance_minor < 0 || available < 0 {
            let found = format!("a balance of {}, {available} available", after.balance_minor);
            self.breach(Invariant::V5, account.to_string(), "zero or more".to_owned(), found);
        }
        let cap =
            after.headroom_minor.map(|headroom| i128::from(after.balance_minor).saturating_add(i128::from(headroom)));
        if let (Some(cap), Some(stated)) = (cap, after.cap_minor)
            && cap != i128::from(stated)
        {
            let found = format!("balance and headroom are {cap}");
            self.breach(
                Invariant::V5,
                account.to_string(),
                format!("balance and headroom are the cap, {stated}"),
                found,
            );
        }
    }

    /// Looks at the days that were closed, up to the last one: each begins where the one before was cut, whatever days
    /// off lay between them, and every partner is settled with.
    pub fn days(&mut self, last_closed: Day, partners: &[crate::PartnerName], settlements: &[Settlement]) {
        let mut days: BTreeMap<Day, Vec<&Settlement>> = BTreeMap::new();
        for settlement in settlements {
            days.entry(settlement.business_day).or_default().push(settlement);
        }
        if !days.is_empty() {
            days.entry(last_closed).or_default();
        }
        let mut last_cut: Option<(Day, Timestamp)> = None;
        for (day, of_day) in days {
            let slot = of_day.first().map(|settlement| (settlement.opened_at, settlement.cut_at));
            if let (Some((before, cut_at)), Some((opened_at, _))) = (last_cut, slot)
                && cut_at != opened_at
            {
                let expected = format!("begins at {cut_at}, where {before} was cut");
                self.breach(Invariant::V9, day.to_string(), expected, format!("begins at {opened_at}"));
            }
            last_cut = slot.map(|(_, cut_at)| (day, cut_at)).or(last_cut);
            self.day(day, partners, &of_day);
        }
    }

    /// Looks at one closed day: every partner has one settlement, and it is settled soon after its cut.
    fn day(&mut self, day: Day, partners: &[crate::PartnerName], settlements: &[&Settlement]) {
        for partner in partners {
            let own: Vec<_> = settlements.iter().filter(|settled| settled.partner_id == *partner).collect();
            let subject = format!("{day} {partner}");
            let [settled] = own.as_slice() else {
                self.breach(Invariant::V9, subject, "one settlement".to_owned(), format!("{} settlements", own.len()));
                continue;
            };
            if settled.status == SettlementStatus::Settled {
                continue;
            }
            let now = self.proof.checked_at;
            let seen = self.waiting.iter().find(|waiting| waiting.settlement_id == settled.settlement_id);
            let seen_since = seen.map_or(now, |waiting| waiting.seen_since);
            self.proof.building.push(Building { settlement_id: settled.settlement_id.clone(), seen_since });
            if now >= seen_since.plus_seconds(BUILT_SECONDS) {
                let expected = format!("built within {BUILT_SECONDS} s of {seen_since}");
                self.breach(Invariant::V9, settled.settlement_id.to_string(), expected, "still being built".to_owned());
            }
        }
    }

    /// What was found.
    #[must_use]
    pub fn finish(mut self) -> Proof {
        let open = std::mem::take(&mut self.open);
        self.proof.transfers = u64::try_from(open.len()).unwrap_or(u64::MAX);
        for (transfer_id, sums) in open {
            for (currency, sum) in sums.into_iter().filter(|(_, sum)| *sum != 0) {
                let found = format!("they sum to {sum} {currency} minor units");
                self.breach(Invariant::V4, transfer_id.to_string(), "entries that sum to zero".to_owned(), found);
            }
        }
        if self.proof.moving.is_empty() && self.trial != 0 {
            let found = format!("a trial balance of {}", self.trial);
            let operator = self.proof.operator.to_string();
            self.breach(Invariant::V4, operator, "a trial balance of zero".to_owned(), found);
        }
        self.proof
    }
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
            entries.iter().for_each(|entry| check.entry(entry));
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
            // A balance was changed: the account, and with it the trial balance.
            (
                checked((&good, balance(7)), (&other, balance(-5))),
                vec![(Invariant::V5, purse.clone()), (Invariant::V4, "pennco".to_owned())],
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
    fn closed_days_follow_each_other_over_days_off_and_one_that_is_missing_is_named() {
        let partners = ["bfil".parse().unwrap()];
        let mut calendar = crate::settlement::Calendar::new("pennco".parse().unwrap());
        let mut settlements = vec![];
        let rules = serde_json::json!({ "holidays": [{ "day": "2026-11-11", "name": "Diwali" }] });
        let rules = serde_json::from_value(rules).unwrap();
        let days = crate::calendar::BusinessDays::new(rules, jiff::tz::TimeZone::UTC);
        for _ in 0..4 {
            let closed = calendar.last_closed.unwrap_or(jiff::civil::date(2026, 11, 9));
            let slot = calendar.close(days.after(closed).unwrap(), now(), &days).unwrap();
            let settled = slot.settlement(&partners[0], Currency::Inr);
            settlements.push(Settlement { status: SettlementStatus::Settled, ..settled });
            calendar = slot.after;
        }
        let look = |settlements: &[Settlement]| {
            let mut check = Check::begin("pennco".parse().unwrap(), None, now());
            check.days(calendar.last_closed.unwrap(), &partners, settlements);
            named(&check.finish())
        };
        assert_eq!(look(&settlements), [], "the holiday has none, and needs none");
        let without = |index: usize| [&settlements[..index], &settlements[index + 1..]].concat();
        assert_eq!(look(&without(1)), [(Invariant::V9, "2026-11-13".to_owned())], "it does not begin at a cut");
        assert_eq!(look(&without(3)), [(Invariant::V9, "2026-11-14 bfil".to_owned())], "the last one is missing");
    }

    #[test]
    fn what_is_still_moving_is_proven_later_and_is_no_breach() {
        let mut check = Check::begin("pennco".parse().unwrap(), None, now());
        check.entry(&entry(b"1", 5, 2));
        check.account(&cash(), balance(5), balance(9));
        let proof = check.finish();
        assert!(proof.holds, "{proof:?}");
        assert_eq!((proof.moving, proof.transfers), (vec![cash().to_string()], 0));
    }
}
