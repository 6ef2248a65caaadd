//! Reservations: money of an account that is held for something, and then spent or let go, once.

use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Command, Failed, Flaw, Money, Refusal, ReservationId, Timestamp, TransferId,
    access::{Belongings, Owned},
    ledger::{Account, Limits, Posting, Subject, Transfer},
    operator::Operator,
    transfer::{Books, HandKind, LARGEST_ENTRY_MINOR, NewTransfer},
};

/// The longest that money is held, in seconds: 31 days. What nobody has spent in a month is asked for anew.
pub const LONGEST_SECONDS: i64 = 31 * 86_400;

/// How far a reservation has come; it moves once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReservationStatus {
    /// The money is held.
    Open,
    /// It was spent, all of it or a part; the rest is available again.
    Settled,
    /// Somebody let it go.
    Voided,
    /// Nobody settled it in time.
    Expired,
}

impl ReservationStatus {
    /// The word for it in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Settled => "settled",
            Self::Voided => "voided",
            Self::Expired => "expired",
        }
    }
}

/// A reservation to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct NewReservation {
    /// Of which account: an agent's cash or a budget, whose balance is never below zero.
    #[garde(skip)]
    #[serde(rename = "account_id")]
    #[schema(value_type = String)]
    pub account: Account,
    /// How much, in minor units above zero.
    #[garde(custom(reserved_amount))]
    pub amount: Money,
    /// What for, in words or by a reference: 3 to 200 characters.
    #[garde(length(chars, min = 3, max = 200))]
    pub purpose: String,
    /// From this moment on it is not settled any more; later than now, and at most 31 days.
    #[garde(skip)]
    pub expires_at: Timestamp,
}

fn reserved_amount<C>(amount: &Money, _: &C) -> garde::Result {
    if (1..=LARGEST_ENTRY_MINOR).contains(&amount.amount_minor) {
        Ok(())
    } else {
        Err(garde::Error::new(format!("amount_minor must be from 1 to {LARGEST_ENTRY_MINOR}")))
    }
}

/// What a reservation is spent on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct NewSettling {
    /// The account that the money goes to.
    #[garde(skip)]
    #[schema(value_type = String)]
    pub to_account_id: Account,
    /// How much, if not all that is reserved.
    #[garde(inner(custom(reserved_amount)))]
    #[serde(default)]
    pub amount: Option<Money>,
    /// Why money moves; it decides between which accounts.
    #[garde(skip)]
    pub kind: HandKind,
    /// Why, in words: 3 to 500 characters.
    #[garde(length(chars, min = 3, max = 500))]
    pub reason: String,
}

/// Why a reservation is let go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct NewVoiding {
    /// Why, in words: 3 to 500 characters.
    #[garde(length(chars, min = 3, max = 500))]
    pub reason: String,
}

/// Money of an account that is held, or was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reservation {
    /// Its id.
    pub reservation_id: ReservationId,
    /// Of which account.
    #[serde(rename = "account_id")]
    #[schema(value_type = String)]
    pub account: Account,
    /// How much was reserved.
    pub amount: Money,
    /// What for.
    pub purpose: String,
    /// How far it has come.
    pub status: ReservationStatus,
    /// From this moment on it is not settled any more.
    pub expires_at: Timestamp,
    /// How much of it was spent, when it is settled.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub settled: Option<Money>,
    /// The transfer that spent it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub transfer_id: Option<TransferId>,
    /// Who reserved it.
    pub by: String,
    /// Counts its changes, from 1.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// The operator's own people see reservations.
impl Owned for Reservation {
    fn belongings(&self) -> Belongings<'_> {
        Belongings::default()
    }
}

impl NewReservation {
    /// The reservation that a command makes. Whether the account has enough comes with the write.
    ///
    /// # Errors
    /// [`Failed::Invalid`] for an account that the operator does not have or whose balance has no floor, for money of
    /// another currency, and for a time that has passed or is too far away.
    pub fn decide(&self, command: &Command, operator: &Operator, is_there: bool) -> Result<Reservation, Failed> {
        let mut flaws = vec![];
        if self.account.limits() == Limits::None {
            let detail = "only an agent's cash and a budget are reserved: another balance may be below zero";
            flaws.push(Flaw::new("/account_id", "account_not_reservable", detail));
        } else if !is_there {
            flaws.push(Flaw::new("/account_id", "unknown_account", "the operator has no such account"));
        }
        if self.amount.currency != operator.currency {
            let detail = format!("this operator's money is in {}", operator.currency);
            flaws.push(Flaw::new("/amount/currency", "wrong_currency", detail));
        }
        if self.expires_at <= command.at || self.expires_at > command.at.plus_seconds(LONGEST_SECONDS) {
            flaws.push(Flaw::new("/expires_at", "invalid_value", "must be later than now, and at most 31 days"));
        }
        if !flaws.is_empty() {
            return Err(Failed::Invalid(flaws));
        }
        Ok(Reservation {
            reservation_id: ReservationId::mint(command.at, &command.seed()),
            account: self.account.clone(),
            amount: self.amount,
            purpose: self.purpose.clone(),
            status: ReservationStatus::Open,
            expires_at: self.expires_at,
            settled: None,
            transfer_id: None,
            by: command.principal.clone(),
            version: 1,
            created_at: command.at,
            updated_at: command.at,
        })
    }
}

impl Reservation {
    /// The transfer by hand that settling it is.
    ///
    /// # Errors
    /// [`Failed::Fault`] for an amount that has no opposite, which none has that was let in.
    pub fn spending(&self, new: &NewSettling) -> Result<NewTransfer, Failed> {
        let amount = new.amount.unwrap_or(self.amount);
        let credit = amount.negated().map_err(Failed::fault)?;
        Ok(NewTransfer {
            transfer_id: None,
            kind: new.kind,
            effective_at: None,
            entries: vec![
                Posting { account: new.to_account_id.clone(), amount },
                Posting { account: self.account.clone(), amount: credit },
            ],
            reason: new.reason.clone(),
        })
    }

    /// The reservation, spent, and the transfer that spends it; what is left of it is available again.
    ///
    /// # Errors
    /// In this order [`Failed::Invalid`] for a transfer that the books do not make by hand; [`Refusal::IllegalTransition`]
    /// when it has been settled or let go; [`Refusal::ReservationExpired`]; [`Refusal::AmountExceedsReserved`]. What the
    /// account that gets the money says comes with the write.
    pub fn settle(&self, command: &Command, new: &NewSettling, books: &Books) -> Result<(Self, Transfer), Failed> {
        let spending = self.spending(new)?;
        let transfer = spending.decide(command, books).map_err(|failed| pointed_at(failed, new))?;
        self.must_be_open(command.at)?;
        let settled = new.amount.unwrap_or(self.amount);
        if settled.amount_minor > self.amount.amount_minor {
            let Money { amount_minor: reserved_minor, currency } = self.amount;
            return Err(Refusal::AmountExceedsReserved { reserved_minor, currency: currency.to_string() }.into());
        }
        let subject = Subject { reservation_id: Some(self.reservation_id.clone()), ..Subject::default() };
        let transfer = transfer.about(subject);
        let transfer_id = Some(transfer.transfer_id().clone());
        let after =
            Self { settled: Some(settled), transfer_id, ..self.moved_to(ReservationStatus::Settled, command.at) };
        Ok((after, transfer))
    }

    /// The reservation, let go: all of it is available again.
    ///
    /// # Errors
    /// [`Refusal::IllegalTransition`] when it has been settled or let go, [`Refusal::ReservationExpired`].
    pub fn void(&self, at: Timestamp) -> Result<Self, Refusal> {
        self.must_be_open(at)?;
        Ok(self.moved_to(ReservationStatus::Voided, at))
    }

    /// The reservation whose time has passed.
    ///
    /// # Errors
    /// [`Refusal::IllegalTransition`] when it is not open, or its time has not come.
    pub fn expire(&self, at: Timestamp) -> Result<Self, Refusal> {
        if self.status != ReservationStatus::Open || at < self.expires_at {
            return Err(self.illegal());
        }
        Ok(self.moved_to(ReservationStatus::Expired, at))
    }

    /// What is still held of the account, in minor units.
    #[must_use]
    pub fn held_minor(&self) -> i64 {
        if self.status == ReservationStatus::Open { self.amount.amount_minor } else { 0 }
    }

    fn must_be_open(&self, at: Timestamp) -> Result<(), Refusal> {
        match self.status {
            ReservationStatus::Open if at < self.expires_at => Ok(()),
            ReservationStatus::Open | ReservationStatus::Expired => {
                Err(Refusal::ReservationExpired { expires_at: self.expires_at.to_string() })
            }
            ReservationStatus::Settled | ReservationStatus::Voided => Err(self.illegal()),
        }
    }

    fn illegal(&self) -> Refusal {
        let legal_moves = match self.status {
            ReservationStatus::Open => ["settled", "voided"].map(str::to_owned).to_vec(),
            ReservationStatus::Settled | ReservationStatus::Voided | ReservationStatus::Expired => vec![],
        };
        Refusal::IllegalTransition { status: self.status.as_str().to_owned(), legal_moves }
    }

    fn moved_to(&self, status: ReservationStatus, at: Timestamp) -> Self {
        Self { status, version: self.version.saturating_add(1), updated_at: at, ..self.clone() }
    }
}

/// A failure of the transfer, in the words of the request that asked for the settling.
fn pointed_at(failed: Failed, new: &NewSettling) -> Failed {
    let Failed::Invalid(flaws) = failed else { return failed };
    let of_amount = if new.amount.is_some() { "/amount/currency" } else { "/to_account_id" };
    let flaws = flaws.into_iter().map(|flaw| {
        let pointer = match flaw.pointer.as_str() {
            "/entries/0/account_id" | "/entries" => "/to_account_id",
            "/entries/1/account_id" => "/kind",
            "/entries/0/amount/currency" | "/entries/1/amount/currency" => of_amount,
            other => other,
        };
        Flaw { pointer: pointer.to_owned(), ..flaw }
    });
    let mut flaws: Vec<Flaw> = flaws.collect();
    flaws.dedup();
    Failed::Invalid(flaws)
}
