//! Transfers by hand: what the settlement desk may move between accounts, what it may take back, and why not.

use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Command, Currency, Delivery, Failed, Flaw, Money, Refusal, Timestamp, TransferId,
    access::{Belongings, Owned},
    approval::{Approval, PreviewPosting},
    disbursement::{Instruction, StatementMatch},
    ledger::{Account, Posted, Posting, Reversed, Subject, Transfer, TransferKind, Unbalanced},
    operator::Operator,
    reservation::Reservation,
    settlement::Calendar,
};

/// The most that one entry of a transfer by hand may move, in minor units: 10^12, a thousand crore rupees. A guard against
/// a slipped finger that also keeps every sum of thirty entries, and a lifetime of them, within 64 bits, and a day of
/// partners' files within the fifteen characters that their columns have for an amount.
pub const LARGEST_ENTRY_MINOR: i64 = 1_000_000_000_000;

/// Why somebody moves money by hand; the other kinds follow from what happened in the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HandKind {
    /// Sets right what no other kind describes, between any accounts.
    Adjustment,
    /// Money set aside for a purpose, or spent: between vault, bank, budgets and expenses.
    Budget,
    /// An agent's cash comes in: from agents' hands to vault or bank.
    Deposit,
    /// An agent gets cash: from vault or bank to agents' hands.
    FloatIssue,
}

impl HandKind {
    fn kind(self) -> TransferKind {
        match self {
            Self::Adjustment => TransferKind::Adjustment,
            Self::Budget => TransferKind::Budget,
            Self::Deposit => TransferKind::Deposit,
            Self::FloatIssue => TransferKind::FloatIssue,
        }
    }

    /// Whether an entry of this sign may stand in a transfer of this kind.
    fn takes(self, posting: &Posting) -> bool {
        let is_debit = posting.amount.amount_minor > 0;
        match (self, &posting.account) {
            (Self::Adjustment, _) => true,
            (Self::Budget, Account::Vault(_) | Account::Bank(_) | Account::Budget(_) | Account::Expense(_)) => true,
            (Self::Deposit, Account::AgentCash(_)) | (Self::FloatIssue, Account::Vault(_) | Account::Bank(_)) => {
                !is_debit
            }
            (Self::Deposit, Account::Vault(_) | Account::Bank(_)) | (Self::FloatIssue, Account::AgentCash(_)) => {
                is_debit
            }
            (Self::Budget | Self::Deposit | Self::FloatIssue, _) => false,
        }
    }
}

/// A transfer to be made by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct NewTransfer {
    /// Its id, minted by the client, under which it exists at most once for ever; without one it gets its own. Of UUID
    /// version 7, or any other but 8: those are Milepost's own.
    #[garde(custom(made_by_a_client))]
    #[serde(default)]
    pub transfer_id: Option<TransferId>,
    /// Why money moves.
    #[garde(skip)]
    pub kind: HandKind,
    /// When it happened, if not now; never later, and not within a business day that is closed.
    #[garde(skip)]
    #[serde(default)]
    pub effective_at: Option<Timestamp>,
    /// Two to thirty entries, debits positive and credits negative, that sum to zero.
    #[garde(inner(custom(entry_amount)))]
    pub entries: Vec<Posting>,
    /// Why, in words: 3 to 500 characters.
    #[garde(length(chars, min = 3, max = 500))]
    pub reason: String,
}

fn made_by_a_client<C>(transfer_id: &Option<TransferId>, _: &C) -> garde::Result {
    if transfer_id.as_ref().is_some_and(TransferId::is_minted) {
        return Err(garde::Error::new("must be a UUID of version 7: those of version 8 are Milepost's own"));
    }
    Ok(())
}

fn entry_amount<C>(posting: &Posting, _: &C) -> garde::Result {
    if posting.amount.amount_minor.unsigned_abs() <= LARGEST_ENTRY_MINOR.unsigned_abs() {
        Ok(())
    } else {
        Err(garde::Error::new(format!("amount_minor must be from -{LARGEST_ENTRY_MINOR} to {LARGEST_ENTRY_MINOR}")))
    }
}

/// Why a transfer is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct NewReversal {
    /// Why, in words: 3 to 500 characters.
    #[garde(length(chars, min = 3, max = 500))]
    pub reason: String,
}

/// A transfer as it is shown: as it was booked, what took it back, and where the bank shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShownTransfer {
    /// The transfer, as it was booked.
    #[serde(flatten)]
    pub posted: Posted,
    /// The transfer that took it back, if one did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reversed_by: Option<TransferId>,
    /// The lines of the bank's statement that bear it out, if somebody said so.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub statement: Option<StatementMatch>,
}

/// The operator's own people see transfers; whoever owns one of its accounts sees its entry there.
impl Owned for ShownTransfer {
    fn belongings(&self) -> Belongings<'_> {
        Belongings::default()
    }
}

/// A transfer that waits for approval: what will be posted when it is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProposedTransfer {
    /// Its id, from the moment it was asked for.
    pub transfer_id: TransferId,
    /// Why money shall move.
    pub kind: TransferKind,
    /// When it happened, if not when it is posted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub effective_at: Option<Timestamp>,
    /// Its sides, which sum to zero.
    pub entries: Vec<Posting>,
    /// What it is about.
    #[serde(flatten)]
    pub subject: Subject,
    /// Why, in the words of whoever asked for it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}

impl ProposedTransfer {
    /// A transfer as a proposal.
    #[must_use]
    pub fn of(transfer: &Transfer) -> Self {
        Self {
            transfer_id: transfer.transfer_id().clone(),
            kind: transfer.kind(),
            effective_at: transfer.effective_at(),
            entries: transfer.postings().to_vec(),
            subject: transfer.subject().clone(),
            reason: transfer.reason().map(str::to_owned),
        }
    }

    /// How much it moves: the sum of its debits.
    #[must_use]
    pub fn amount(&self) -> Money {
        let debits = self.entries.iter().map(|posting| posting.amount.amount_minor).filter(|minor| *minor > 0);
        let currency = self.entries.first().map_or(Currency::Inr, |posting| posting.amount.currency);
        Money::new(debits.fold(0, i64::saturating_add), currency)
    }

    /// What will be booked, entry by entry.
    #[must_use]
    pub fn preview(&self) -> Vec<PreviewPosting> {
        let side = |posting: &Posting| PreviewPosting {
            account_kind: posting.account.kind().to_owned(),
            account_id: Some(posting.account.clone()),
            amount: posting.amount,
        };
        self.entries.iter().map(side).collect()
    }

    /// The transfer, now that an approval allows it; the rules of transfers by hand are asked once more, because days
    /// close and others reverse while it waits.
    ///
    /// # Errors
    /// In this order [`Refusal::AlreadyReversed`], [`Refusal::Exists`] for another transfer that took the id meanwhile,
    /// [`Refusal::PeriodClosed`], and what [`Reservation::spent`] or [`Instruction::reversed`] refuses. What the balances
    /// say comes with the write.
    pub fn approved(&self, approval: &Approval, now: &Meanwhile, at: Timestamp) -> Result<(Transfer, Beside), Failed> {
        if let Some(by) = &now.reversed_by {
            return Err(Refusal::AlreadyReversed { by: by.clone() }.into());
        }
        if let Some(existing) = &now.existing {
            return Err(Refusal::Exists { transfer_id: existing.transfer_id.clone() }.into());
        }
        let subject = Subject { approval_id: Some(approval.approval_id.clone()), ..self.subject.clone() };
        let transfer = Transfer::new(self.transfer_id.clone(), self.kind, self.entries.clone(), subject);
        let maker = &approval.maker.principal;
        let transfer = transfer.map_err(Failed::fault)?.by(maker.clone());
        let transfer = self.reason.iter().cloned().fold(transfer, Transfer::because);
        let transfer = effective(transfer, self.effective_at, now.calendar.as_ref())?;
        let beside = match &now.beside {
            Beside::Nothing => Beside::Nothing,
            Beside::Reservation(reservation) => Beside::Reservation(Box::new(reservation.spent(&transfer, at)?)),
            Beside::Payment(instruction, visit) => {
                Beside::Payment(Box::new(instruction.reversed(visit, &transfer, maker, at)?), visit.clone())
            }
        };
        Ok((transfer, beside))
    }
}

/// A transfer with the time at which it happened, when that is not when it is posted.
///
/// # Errors
/// [`Refusal::PeriodClosed`] for a time within a closed day.
fn effective(
    transfer: Transfer,
    effective_at: Option<Timestamp>,
    calendar: Option<&Calendar>,
) -> Result<Transfer, Refusal> {
    let Some(effective_at) = effective_at else { return Ok(transfer) };
    if let Some(calendar) = calendar {
        calendar.must_be_open(effective_at)?;
    }
    Ok(transfer.effective(effective_at))
}

/// What a transfer by hand is about and moves on with it, in the transaction that books it.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Beside {
    /// Nothing: it stands for itself.
    #[default]
    Nothing,
    /// The reservation that it spends.
    Reservation(Box<Reservation>),
    /// The payment that it takes back, and its visit.
    Payment(Box<Instruction>, Box<Delivery>),
}

/// What may have changed since a transfer was proposed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Meanwhile {
    /// Which days are closed; looked at when something is dated back.
    pub calendar: Option<Calendar>,
    /// The transfer that has the id, if one has.
    pub existing: Option<Posted>,
    /// What took back the transfer that this one shall take back.
    pub reversed_by: Option<TransferId>,
    /// What it is about, as it is now.
    pub beside: Beside,
}

/// What comes of a command to move money by hand.
#[derive(Debug, Clone, PartialEq)]
pub enum Made {
    /// It is booked.
    Booked(Box<Transfer>),
    /// It waits for people.
    Waits(Box<Approval>),
}

/// What a transfer by hand is decided on.
#[derive(Debug, Clone)]
pub struct Books {
    /// The operator, its partners and its currency.
    pub operator: Operator,
    /// Which days are closed; looked at when something is dated back.
    pub calendar: Option<Calendar>,
    /// The transfer that has the id already, if one has.
    pub existing: Option<Posted>,
    /// Agents' accounts that were named and are there.
    pub agents: Vec<Account>,
}

impl NewTransfer {
    /// The agents' accounts that it names: whether they are there must be asked.
    pub fn agents(&self) -> impl Iterator<Item = &Account> {
        self.entries.iter().map(|posting| &posting.account).filter(|account| matches!(account, Account::AgentCash(_)))
    }

    /// The transfer that a command makes.
    ///
    /// # Errors
    /// In this order: [`Failed::Invalid`] for entries that are no transfer; `exists` or `exists_with_different_…` for an
    /// id that is taken; `period_closed`. What the balances say comes with the write.
    pub fn decide(&self, command: &Command, books: &Books) -> Result<Transfer, Failed> {
        let transfer_id = self.transfer_id.clone().unwrap_or_else(|| TransferId::mint(command.at, &command.seed()));
        let transfer = Transfer::new(transfer_id, self.kind.kind(), self.entries.clone(), Subject::default())
            .map_err(|why| Failed::invalid(flaw_of(why)))?
            .because(self.reason.clone());
        let flaws = self.flaws(command, books);
        if !flaws.is_empty() {
            return Err(Failed::Invalid(flaws));
        }
        if let Some(existing) = &books.existing {
            return Err(self.existing(existing).into());
        }
        Ok(effective(transfer, self.effective_at, books.calendar.as_ref())?)
    }

    fn flaws(&self, command: &Command, books: &Books) -> Vec<Flaw> {
        let mut flaws = vec![];
        for (index, posting) in self.entries.iter().enumerate() {
            let account = format!("/entries/{index}/account_id");
            if !books.has(&posting.account) {
                flaws.push(Flaw::new(account, "unknown_account", "the operator has no such account"));
            } else if !self.kind.takes(posting) {
                let detail = "a transfer of this kind does not move this account this way";
                flaws.push(Flaw::new(account, "account_not_for_kind", detail));
            }
            if posting.amount.currency != books.operator.currency {
                let detail = format!("this operator's money is in {}", books.operator.currency);
                flaws.push(Flaw::new(format!("/entries/{index}/amount/currency"), "wrong_currency", detail));
            }
        }
        if self.effective_at.is_some_and(|effective_at| effective_at > command.at) {
            flaws.push(Flaw::new("/effective_at", "invalid_value", "nothing happens later than it is posted"));
        }
        flaws
    }

    /// How a transfer of the same id relates to this one: by the first difference.
    fn existing(&self, existing: &Posted) -> Refusal {
        let transfer_id = existing.transfer_id.clone();
        let accounts = |entries: &[Posting]| {
            let mut accounts: Vec<Account> = entries.iter().map(|posting| posting.account.clone()).collect();
            accounts.sort();
            accounts
        };
        let sorted = |entries: &[Posting]| {
            let mut sorted = entries.to_vec();
            sorted.sort_by(|one, other| one.account.cmp(&other.account));
            sorted
        };
        if existing.kind != self.kind.kind() {
            Refusal::ExistsWithDifferentKind { transfer_id }
        } else if accounts(&existing.entries) != accounts(&self.entries) {
            Refusal::ExistsWithDifferentAccounts { transfer_id }
        } else if sorted(&existing.entries) != sorted(&self.entries) {
            Refusal::ExistsWithDifferentAmount { transfer_id }
        } else if self.effective_at.is_some_and(|effective_at| effective_at != existing.effective_at) {
            Refusal::ExistsWithDifferentEffectiveAt { transfer_id }
        } else if existing.reason.as_ref() != Some(&self.reason) {
            Refusal::ExistsWithDifferentReason { transfer_id }
        } else {
            Refusal::Exists { transfer_id }
        }
    }
}

/// What is wrong with entries that are no transfer.
fn flaw_of(why: Unbalanced) -> Flaw {
    match why {
        Unbalanced::Sum => Flaw::new("/entries", "unbalanced", why.to_string()),
        Unbalanced::TooFew => Flaw::new("/entries", "too_few_entries", why.to_string()),
        Unbalanced::TooMany => Flaw::new("/entries", "too_many_entries", why.to_string()),
        Unbalanced::Zero => Flaw::new("/entries", "zero_amount", why.to_string()),
        Unbalanced::RepeatedAccount => Flaw::new("/entries", "repeated_account", why.to_string()),
    }
}

impl Books {
    /// Whether the operator has an account. Budgets and expenses are there when they are first named.
    fn has(&self, account: &Account) -> bool {
        match account {
            Account::AgentCash(_) => self.agents.contains(account),
            Account::PartnerControl(_)
            | Account::PartnerSettlement(_)
            | Account::Vault(_)
            | Account::Bank(_)
            | Account::Suspense(_)
            | Account::Budget(_)
            | Account::Expense(_) => self.operator.has(account),
        }
    }
}

impl ShownTransfer {
    /// The transfer that takes this one back by hand: its entries, the other way, linked to it. A settlement is not taken
    /// back, and a payment's hand-over only with the payment.
    ///
    /// # Errors
    /// In this order: `reversal_of_reversal`, `not_reversible`, `already_reversed`. What the balances say comes with the
    /// write.
    pub fn reverse(&self, command: &Command, reversal: &NewReversal) -> Result<Transfer, Failed> {
        let kind = self.posted.kind;
        match kind {
            TransferKind::Reversal => Err(Refusal::ReversalOfReversal.into()),
            TransferKind::Settlement | TransferKind::Payout | TransferKind::Disbursement => {
                Err(Refusal::NotReversible { kind: kind.as_str().to_owned() }.into())
            }
            TransferKind::FloatIssue
            | TransferKind::Collection
            | TransferKind::Adjustment
            | TransferKind::Deposit
            | TransferKind::Budget => self.taken_back(command, reversal),
        }
    }

    /// The transfer that takes this one back, whatever it is.
    ///
    /// # Errors
    /// [`Refusal::AlreadyReversed`].
    pub(crate) fn taken_back(&self, command: &Command, reversal: &NewReversal) -> Result<Transfer, Failed> {
        let posted = &self.posted;
        if let Some(by) = &self.reversed_by {
            return Err(Refusal::AlreadyReversed { by: by.clone() }.into());
        }
        let opposite = |posting: &Posting| -> Result<Posting, Failed> {
            Ok(Posting { account: posting.account.clone(), amount: posting.amount.negated().map_err(Failed::fault)? })
        };
        let postings = posted.entries.iter().map(opposite).collect::<Result<Vec<_>, _>>()?;
        let reverses = Some(Reversed { transfer_id: posted.transfer_id.clone(), kind: posted.kind });
        let subject = Subject { reverses, approval_id: None, ..posted.subject.clone() };
        let transfer_id = TransferId::mint(command.at, &command.seed());
        let transfer = Transfer::new(transfer_id, TransferKind::Reversal, postings, subject).map_err(Failed::fault)?;
        Ok(transfer.because(reversal.reason.clone()))
    }
}
