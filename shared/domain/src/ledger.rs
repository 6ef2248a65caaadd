//! The ledger: transfers of two or more entries that sum to zero, and what each account may hold.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize, de};
use utoipa::ToSchema;

use crate::{
    AgentId, ApprovalId, Currency, DeliveryId, Failed, Flaw, Money, OperatorName, PartnerName, PurposeName, Refusal,
    ReservationId, Timestamp, TransferId,
    access::{Belongings, Owned},
    id::NotAnId,
};

/// A ledger account, named by its kind and whose it is or what it is for: `agent_cash.agt_…`, `partner_control.bfil`,
/// `partner_settlement.bfil`, `vault.pennco`, `bank.pennco`, `suspense.pennco`, `budget.sms`, `expense.fuel`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Account {
    /// The cash an agent carries: never below zero, never above the agent's cap.
    AgentCash(AgentId),
    /// What flowed for a partner since the last settlement; many agents at once write it, so its balance is kept in shards.
    PartnerControl(PartnerName),
    /// What settled days owe to the partner (credit) or the partner owes (debit).
    PartnerSettlement(PartnerName),
    /// The operator's own cash that agents' floats come from.
    Vault(OperatorName),
    /// The operator's account at its bank.
    Bank(OperatorName),
    /// What is there and cannot be explained yet.
    Suspense(OperatorName),
    /// Money set aside for a purpose: never below zero. It is there when money first comes to it.
    Budget(PurposeName),
    /// What was spent for a purpose. It is there when something was.
    Expense(PurposeName),
}

/// What bounds a balance, at the moment of the write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limits {
    /// Nothing: it may be of either sign.
    None,
    /// Never below zero.
    Floor,
    /// Never below zero, never above the owner's cap.
    FloorAndCap,
}

/// Shards of a balance that many agents write at once. A DynamoDB item takes about one transaction in flight:
/// 16 let the peak of a partner's confirmations pass without conflicts.
pub const CONTROL_SHARDS: u8 = 16;

impl Account {
    /// The word for its kind.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::AgentCash(_) => "agent_cash",
            Self::PartnerControl(_) => "partner_control",
            Self::PartnerSettlement(_) => "partner_settlement",
            Self::Vault(_) => "vault",
            Self::Bank(_) => "bank",
            Self::Suspense(_) => "suspense",
            Self::Budget(_) => "budget",
            Self::Expense(_) => "expense",
        }
    }

    /// Into how many items the balance is split.
    #[must_use]
    pub fn shards(&self) -> u8 {
        match self {
            Self::PartnerControl(_) => CONTROL_SHARDS,
            Self::AgentCash(_)
            | Self::PartnerSettlement(_)
            | Self::Vault(_)
            | Self::Bank(_)
            | Self::Suspense(_)
            | Self::Budget(_)
            | Self::Expense(_) => 1,
        }
    }

    /// The shard that a transfer's entry is added to: the same for the same transfer, evenly spread over many.
    #[must_use]
    pub fn shard_of(&self, transfer_id: &TransferId) -> u8 {
        let sum = transfer_id.as_str().bytes().fold(0_u8, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte));
        sum.checked_rem(self.shards()).unwrap_or(0)
    }

    /// What bounds its balance.
    #[must_use]
    pub fn limits(&self) -> Limits {
        match self {
            Self::AgentCash(_) => Limits::FloorAndCap,
            Self::Budget(_) => Limits::Floor,
            Self::PartnerControl(_)
            | Self::PartnerSettlement(_)
            | Self::Vault(_)
            | Self::Bank(_)
            | Self::Suspense(_)
            | Self::Expense(_) => Limits::None,
        }
    }

    /// Whether its balance has a floor of zero and a cap.
    #[must_use]
    pub fn is_capped(&self) -> bool {
        self.limits() == Limits::FloorAndCap
    }

    /// Whether it is there when it is first posted to, and must be remembered to be found again.
    #[must_use]
    pub fn is_named(&self) -> bool {
        matches!(self, Self::Budget(_) | Self::Expense(_))
    }

    /// Whether it can be closed: those of the operator as a whole and of its partners stay as long as these do.
    #[must_use]
    pub fn is_closable(&self) -> bool {
        self.is_named() || matches!(self, Self::AgentCash(_))
    }

    /// Passes when it can be closed with what is left of it.
    ///
    /// # Errors
    /// In this order [`Refusal::AccountNotClosable`], [`Refusal::AccountClosed`], [`Refusal::AccountNotEmpty`].
    pub fn close(&self, rest: &Rest) -> Result<(), Refusal> {
        let account_id = self.to_string();
        if !self.is_closable() {
            return Err(Refusal::AccountNotClosable { account_id });
        }
        if rest.is_closed {
            return Err(Refusal::AccountClosed { account_id });
        }
        if rest.balance_minor != 0 || rest.available_minor != 0 {
            return Err(Refusal::AccountNotEmpty { account_id });
        }
        Ok(())
    }

    /// The refusal of what would take more out of it than is there.
    #[must_use]
    pub fn insufficient(&self) -> Refusal {
        match self {
            Self::AgentCash(_) => Refusal::InsufficientCash,
            Self::PartnerControl(_)
            | Self::PartnerSettlement(_)
            | Self::Vault(_)
            | Self::Bank(_)
            | Self::Suspense(_)
            | Self::Budget(_)
            | Self::Expense(_) => Refusal::InsufficientFunds,
        }
    }
}

/// Agents know of their own cash, partners of what is theirs.
impl Owned for Account {
    fn belongings(&self) -> Belongings<'_> {
        match self {
            Self::AgentCash(agent) => Belongings { agent: Some(agent), ..Belongings::default() },
            Self::PartnerControl(partner) | Self::PartnerSettlement(partner) => {
                Belongings { partner: Some(partner), ..Belongings::default() }
            }
            Self::Vault(_) | Self::Bank(_) | Self::Suspense(_) | Self::Budget(_) | Self::Expense(_) => {
                Belongings::default()
            }
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AgentCash(agent) => write!(f, "agent_cash.{agent}"),
            Self::PartnerControl(partner) => write!(f, "partner_control.{partner}"),
            Self::PartnerSettlement(partner) => write!(f, "partner_settlement.{partner}"),
            Self::Vault(operator) => write!(f, "vault.{operator}"),
            Self::Bank(operator) => write!(f, "bank.{operator}"),
            Self::Suspense(operator) => write!(f, "suspense.{operator}"),
            Self::Budget(purpose) => write!(f, "budget.{purpose}"),
            Self::Expense(purpose) => write!(f, "expense.{purpose}"),
        }
    }
}

impl FromStr for Account {
    type Err = NotAnId;
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        match text.split_once('.') {
            Some(("agent_cash", agent)) => agent.parse().map(Self::AgentCash),
            Some(("partner_control", partner)) => partner.parse().map(Self::PartnerControl),
            Some(("partner_settlement", partner)) => partner.parse().map(Self::PartnerSettlement),
            Some(("vault", operator)) => operator.parse().map(Self::Vault),
            Some(("bank", operator)) => operator.parse().map(Self::Bank),
            Some(("suspense", operator)) => operator.parse().map(Self::Suspense),
            Some(("budget", purpose)) => purpose.parse().map(Self::Budget),
            Some(("expense", purpose)) => purpose.parse().map(Self::Expense),
            Some(_) | None => Err(NotAnId::ACCOUNT),
        }
    }
}

impl Serialize for Account {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Account {
    fn deserialize<D: de::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

/// Why money moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransferKind {
    /// An agent got opening cash from the vault.
    FloatIssue,
    /// Cash came from a borrower.
    Collection,
    /// Cash went to a borrower.
    Disbursement,
    /// A business day was settled with a partner.
    Settlement,
    /// An earlier transfer was taken back: its entries, the other way.
    Reversal,
    /// Somebody set right by hand what no other kind describes.
    Adjustment,
    /// An agent handed cash in at the vault.
    Deposit,
    /// Money was set aside for a purpose, or spent from there.
    Budget,
    /// What settled days owed to a partner left the operator's bank.
    Payout,
}

impl TransferKind {
    /// The word for it in files and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FloatIssue => "float_issue",
            Self::Collection => "collection",
            Self::Disbursement => "disbursement",
            Self::Settlement => "settlement",
            Self::Reversal => "reversal",
            Self::Adjustment => "adjustment",
            Self::Deposit => "deposit",
            Self::Budget => "budget",
            Self::Payout => "payout",
        }
    }

    /// Whether it happened at a borrower's door. Such a transfer is a fact: it is bounded by what an agent holds, not by
    /// what of it is set aside for something else.
    #[must_use]
    pub fn is_at_the_door(self) -> bool {
        matches!(self, Self::Collection | Self::Disbursement)
    }
}

/// The transfer that a reversal takes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reversed {
    /// Which.
    pub transfer_id: TransferId,
    /// Why money had moved.
    pub kind: TransferKind,
}

/// One side of a transfer: debits positive, credits negative.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Posting {
    /// Which account, such as `vault.pennco`.
    #[serde(rename = "account_id")]
    #[schema(value_type = String)]
    pub account: Account,
    /// How much, signed.
    pub amount: Money,
}

/// What a transfer is about, copied into each of its entries so that a statement needs no second look-up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Subject {
    /// The visit.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub delivery_id: Option<DeliveryId>,
    /// The partner's own reference.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reference: Option<String>,
    /// The reservation that it was settled from.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reservation_id: Option<ReservationId>,
    /// The transfer that this one takes back.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reverses: Option<Reversed>,
    /// The approval without which it would not have been booked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub approval_id: Option<ApprovalId>,
}

/// The most entries of a transfer: each is up to three writes, entry, balance and the memory of a named account, and a
/// transaction of DynamoDB has a hundred, of which the commit, the transfer itself and what it is about take some.
pub const MOST_POSTINGS: usize = 30;

/// Entries that sum to zero, booked together or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    transfer_id: TransferId,
    kind: TransferKind,
    postings: Vec<Posting>,
    subject: Subject,
    effective_at: Option<Timestamp>,
    reason: Option<String>,
    by: Option<String>,
}

/// Postings are not a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unbalanced {
    /// They do not sum to zero in every currency.
    #[error("the entries of a transfer must sum to zero per currency")]
    Sum,
    /// A transfer has at least two sides.
    #[error("a transfer has two or more entries")]
    TooFew,
    /// One transaction writes all of it.
    #[error("a transfer has at most {MOST_POSTINGS} entries")]
    TooMany,
    /// An entry of nothing says nothing.
    #[error("an entry of a transfer moves something")]
    Zero,
    /// An account may stand in a transfer once.
    #[error("an account stands in a transfer once")]
    RepeatedAccount,
}

impl Transfer {
    /// A transfer of these postings.
    ///
    /// # Errors
    /// [`Unbalanced`] when they are not one.
    pub fn new(
        transfer_id: TransferId,
        kind: TransferKind,
        postings: Vec<Posting>,
        subject: Subject,
    ) -> Result<Self, Unbalanced> {
        if postings.len() < 2 {
            return Err(Unbalanced::TooFew);
        }
        if postings.len() > MOST_POSTINGS {
            return Err(Unbalanced::TooMany);
        }
        if postings.iter().any(|posting| posting.amount.amount_minor == 0) {
            return Err(Unbalanced::Zero);
        }
        let mut sums: std::collections::BTreeMap<Currency, i64> = std::collections::BTreeMap::new();
        for (index, posting) in postings.iter().enumerate() {
            if postings.iter().skip(index + 1).any(|other| other.account == posting.account) {
                return Err(Unbalanced::RepeatedAccount);
            }
            let sum = sums.entry(posting.amount.currency).or_default();
            *sum = sum.checked_add(posting.amount.amount_minor).ok_or(Unbalanced::Sum)?;
        }
        if sums.values().any(|sum| *sum != 0) {
            return Err(Unbalanced::Sum);
        }
        Ok(Self { transfer_id, kind, postings, subject, effective_at: None, reason: None, by: None })
    }

    /// The transfer, of something that happened then and was reported later.
    #[must_use]
    pub fn effective(self, at: Timestamp) -> Self {
        Self { effective_at: Some(at), ..self }
    }

    /// The transfer, about something.
    #[must_use]
    pub fn about(self, subject: Subject) -> Self {
        Self { subject, ..self }
    }

    /// The transfer, with the words of whoever wanted it.
    #[must_use]
    pub fn because(self, reason: String) -> Self {
        Self { reason: Some(reason), ..self }
    }

    /// The transfer, of somebody who is not who posts it: whoever asked for what somebody else approved.
    #[must_use]
    pub fn by(self, principal: String) -> Self {
        Self { by: Some(principal), ..self }
    }

    /// An amount from one account (credit) to another (debit).
    ///
    /// # Errors
    /// [`Unbalanced`] when both are the same account, or the amount has no opposite.
    pub fn between(
        transfer_id: TransferId,
        kind: TransferKind,
        from: Account,
        to: Account,
        amount: Money,
        subject: Subject,
    ) -> Result<Self, Unbalanced> {
        let credit = amount.negated().map_err(|_| Unbalanced::Sum)?;
        let postings = vec![Posting { account: to, amount }, Posting { account: from, amount: credit }];
        Self::new(transfer_id, kind, postings, subject)
    }

    /// Its id.
    #[must_use]
    pub fn transfer_id(&self) -> &TransferId {
        &self.transfer_id
    }

    /// Why money moved.
    #[must_use]
    pub fn kind(&self) -> TransferKind {
        self.kind
    }

    /// Its sides.
    #[must_use]
    pub fn postings(&self) -> &[Posting] {
        &self.postings
    }

    /// What it is about.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// When it happened, if not when it is posted.
    #[must_use]
    pub fn effective_at(&self) -> Option<Timestamp> {
        self.effective_at
    }

    /// Why, in the words of whoever wanted it.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// The transfer as the books keep it, posted at a time by somebody. Nothing happens later than it is posted: a phone
    /// whose clock is ahead reports something that happened now.
    #[must_use]
    pub fn posted(&self, at: Timestamp, by: &str) -> Posted {
        Posted {
            transfer_id: self.transfer_id.clone(),
            kind: self.kind,
            at,
            effective_at: self.effective_at.map_or(at, |effective_at| effective_at.min(at)),
            entries: self.postings.clone(),
            subject: self.subject.clone(),
            by: self.by.clone().unwrap_or_else(|| by.to_owned()),
            reason: self.reason.clone(),
        }
    }
}

/// A transfer as the books keep it: whole, once, for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Posted {
    /// Its id.
    pub transfer_id: TransferId,
    /// Why money moved.
    pub kind: TransferKind,
    /// When it was posted: when the command that moved it reached us.
    pub at: Timestamp,
    /// When it happened, as far as we were told; never later than `at`.
    pub effective_at: Timestamp,
    /// Its sides, which sum to zero.
    pub entries: Vec<Posting>,
    /// What it is about.
    #[serde(flatten)]
    pub subject: Subject,
    /// Who moved it: a person, a program, an agent, a partner or a job.
    pub by: String,
    /// Why, in the words of whoever moved it by hand.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}

impl Posted {
    /// Its sides, each as its account's statement shows it.
    pub fn statement_entries(&self) -> impl Iterator<Item = (&Account, Entry)> {
        self.entries.iter().map(|posting| {
            let entry = Entry {
                transfer_id: self.transfer_id.clone(),
                kind: self.kind,
                at: self.at,
                effective_at: self.effective_at,
                amount: posting.amount,
                subject: self.subject.clone(),
            };
            (&posting.account, entry)
        })
    }
}

/// One booked side of a transfer, as an account's statement shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Entry {
    /// The transfer it belongs to.
    pub transfer_id: TransferId,
    /// Why money moved.
    pub kind: TransferKind,
    /// When the command that moved it reached us: the order of the books.
    pub at: Timestamp,
    /// When it happened: of a visit when the phone says, but never later than `at`; otherwise `at`.
    pub effective_at: Timestamp,
    /// How much, signed: debits positive, credits negative.
    pub amount: Money,
    /// What it is about.
    #[serde(flatten)]
    pub subject: Subject,
}

/// Of which times a statement is asked for. With neither it is of now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountQuery {
    /// What had happened by then, inclusive: entries by their `effective_at`.
    pub as_of: Option<Timestamp>,
    /// What we knew by then, inclusive: entries by their `at`.
    pub known_at: Option<Timestamp>,
}

/// What is left of an account that somebody wants to close.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rest {
    /// Whether it is closed already.
    pub is_closed: bool,
    /// Its balance, in minor units.
    pub balance_minor: i64,
    /// What of it is not reserved.
    pub available_minor: i64,
}

impl AccountQuery {
    /// The time before which every entry that is there had happened and was known.
    #[must_use]
    pub fn since(&self) -> Option<Timestamp> {
        [self.as_of, self.known_at].into_iter().flatten().min()
    }

    /// Whether it is of now, which the kept balance answers.
    #[must_use]
    pub fn is_of_now(&self) -> bool {
        self.as_of.is_none() && self.known_at.is_none()
    }

    /// Whether an entry had happened and was known.
    #[must_use]
    pub fn takes(&self, entry: &Entry) -> bool {
        self.as_of.is_none_or(|as_of| entry.effective_at <= as_of)
            && self.known_at.is_none_or(|known_at| entry.at <= known_at)
    }

    /// The refusal of a statement for which too much was read when the entries of this moment came.
    #[must_use]
    pub fn too_long(at: Timestamp) -> Failed {
        let shown = Timestamp::from_millis(at.as_millis().saturating_sub(1));
        let detail = "the account has more entries than are added up for one answer";
        let hint =
            format!("`known_at={shown}` or earlier; later days are in `GET /api/v1/day-closes/{{business_day}}`");
        Failed::malformed(Flaw::new("known_at", "account_too_long", detail).with_hint(hint))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn account(index: u8) -> Account {
        Account::AgentCash(AgentId::mint(Timestamp::EPOCH, &[&[index]]))
    }

    fn id() -> TransferId {
        TransferId::mint(Timestamp::EPOCH, &[b"t"])
    }

    fn posting(index: u8, amount_minor: i64) -> Posting {
        Posting { account: account(index), amount: Money::new(amount_minor, Currency::Inr) }
    }

    #[test]
    fn a_transfer_that_does_not_balance_does_not_exist() {
        let lopsided = vec![posting(1, 5), posting(2, -4)];
        assert_eq!(Transfer::new(id(), TransferKind::Collection, lopsided, Subject::default()), Err(Unbalanced::Sum));
        let mixed = vec![posting(1, 5), Posting { account: account(2), amount: Money::new(-5, Currency::Npr) }];
        assert_eq!(Transfer::new(id(), TransferKind::Collection, mixed, Subject::default()), Err(Unbalanced::Sum));
        let refused =
            |postings| Transfer::new(id(), TransferKind::Collection, postings, Subject::default()).unwrap_err();
        assert_eq!(refused(vec![posting(1, 5)]), Unbalanced::TooFew);
        assert_eq!(refused(vec![posting(1, 5), posting(2, -5), posting(3, 0)]), Unbalanced::Zero);
        assert_eq!(refused(vec![posting(1, 5), posting(1, -5)]), Unbalanced::RepeatedAccount);
        assert_eq!(refused(vec![posting(1, i64::MAX), posting(2, 1), posting(3, 1)]), Unbalanced::Sum);
        for count in [31_u8, 101] {
            let many = (0..count).map(|index| posting(index, 1)).collect();
            assert_eq!(refused(many), Unbalanced::TooMany, "{count}");
        }
    }

    #[test]
    fn nothing_happens_later_than_it_is_posted() {
        let sides = vec![posting(1, 5), posting(2, -5)];
        let transfer = Transfer::new(id(), TransferKind::Collection, sides, Subject::default()).unwrap();
        let [posted_at, earlier, later] = [1_000, 999, 1_001].map(Timestamp::from_millis);
        assert_eq!(transfer.posted(posted_at, "x").effective_at, posted_at);
        for (told, effective_at) in [(earlier, earlier), (posted_at, posted_at), (later, posted_at)] {
            let posted = transfer.clone().effective(told).posted(posted_at, "x");
            assert_eq!((posted.at, posted.effective_at), (posted_at, effective_at));
            let sides: Vec<_> = posted.statement_entries().map(|(_, entry)| (entry.at, entry.effective_at)).collect();
            assert_eq!(sides, [(posted_at, effective_at); 2]);
        }
    }

    #[test]
    fn an_account_is_written_and_read_as_one_name() {
        for text in [
            "partner_control.bfil",
            "partner_settlement.lnt-finance",
            "vault.pennco",
            "bank.pennco",
            "suspense.pennco",
            "budget.sms",
            "expense.fuel",
        ] {
            assert_eq!(text.parse::<Account>().map(|account| account.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "vault", "vault.A", "agent_cash.bfil", "petty.bfil", "vault.a#b", "budget.", "bank.A"] {
            assert!(text.parse::<Account>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_accepted_sums_to_zero(amounts in prop::collection::vec(any::<i64>(), 0..6)) {
            let postings = amounts.iter().zip(0_u8..).map(|(amount, index)| posting(index, *amount)).collect();
            if let Ok(transfer) = Transfer::new(id(), TransferKind::Collection, postings, Subject::default()) {
                let sum: i128 = transfer.postings().iter().map(|side| i128::from(side.amount.amount_minor)).sum();
                prop_assert_eq!(sum, 0);
                prop_assert!(transfer.postings().len() >= 2);
            }
        }

        #[test]
        fn a_transfer_between_two_accounts_moves_the_amount_and_nothing_else(amount in 1_i64..) {
            let transfer = Transfer::between(
                id(), TransferKind::Collection, account(1), account(2), Money::new(amount, Currency::Inr), Subject::default(),
            );
            let moved = transfer.map(|transfer| transfer.postings().to_vec());
            prop_assert_eq!(moved, Ok(vec![posting(2, amount), posting(1, -amount)]));
        }
    }
}
