//! Every way a rule says no: a closed list, each with the facts in it and a code that will still mean this in five years.

use serde::{Deserialize, Serialize};

use crate::{Money, TransferId, delivery::DeliveryStatus};

/// A business rule says no. It is an answer like any other: it is kept, and a repeat gets it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Refusal {
    /// The move is not allowed from this state.
    #[error("this is not possible while the status is {status}")]
    IllegalTransition {
        /// Where it stands.
        status: String,
        /// What it can become from here.
        legal_moves: Vec<String>,
    },
    /// The partner's reference is taken.
    #[error("{existing_id} already has this reference")]
    AlreadyExists {
        /// Who holds it.
        existing_id: String,
    },
    /// Cash in hand would fall below zero.
    #[error("the agent does not hold enough cash for this")]
    InsufficientCash,
    /// A budget would fall below zero, or below what is reserved of it.
    #[error("the account does not have enough for this")]
    InsufficientFunds,
    /// Cash in hand would rise above the agent's cap.
    #[error("the agent would hold more cash than the cap allows; deposit first")]
    CashCapExceeded,
    /// The bank line has settled another disbursement.
    #[error("this bank line has already been matched to {existing_id}")]
    BankLineAlreadyMatched {
        /// Which one.
        existing_id: String,
    },
    /// A transfer is borne out once.
    #[error("this transfer has already been matched to lines of {existing_id}")]
    TransferAlreadyMatched {
        /// Which statement.
        existing_id: String,
    },
    /// A line is matched once.
    #[error("line {line} is matched already; take its match apart first")]
    LineAlreadyMatched {
        /// Which.
        line: u32,
    },
    /// What repeats another line is not matched itself.
    #[error("line {line} repeats another line; match that one")]
    LineRepeated {
        /// Which.
        line: u32,
    },
    /// There is no match to be taken apart.
    #[error("line {line} is not matched")]
    LineNotMatched {
        /// Which.
        line: u32,
    },
    /// A payout that a statement made paid is never unlearned.
    #[error("payout {payout_id} was paid by this match, and what is paid stays paid")]
    PaidByStatement {
        /// Which.
        payout_id: String,
    },
    /// A partner's statement settles nothing.
    #[error("this is {partner_id}'s own statement: its lines settle nothing")]
    PartnerStatement {
        /// Whose.
        partner_id: String,
    },
    /// A match has no more members than one booking holds.
    #[error("a match has at most {most} lines and what belongs to them")]
    TooManyMembers {
        /// How many.
        most: u64,
    },
    /// Lines and payments are in one currency.
    #[error("a match is in one currency")]
    CurrencyMixed {
        /// Those that were found.
        currencies: Vec<String>,
    },
    /// A payment leaves the account.
    #[error("line {line} is a credit; a payment is a debit")]
    WrongDirection {
        /// Which.
        line: u32,
    },
    /// What does not add up must be said, exactly.
    #[error("the lines less the payments are {difference_minor} {currency} minor units; state that difference")]
    DifferenceNotStated {
        /// The lines less the payments.
        difference_minor: i64,
        /// Their currency.
        currency: String,
    },
    /// The business day is settled.
    #[error("the business day is already closed; the last closed day is {last_closed}")]
    BusinessDayClosed {
        /// The last day that was settled.
        last_closed: String,
    },
    /// The business day has not come yet.
    #[error("the business day has not begun; today is {today}")]
    BusinessDayOpen {
        /// The operator's day now.
        today: String,
    },
    /// The first day to be closed lies too far back: all days behind it would be closed as well.
    #[error("the first business day to be closed is {earliest} or later")]
    BusinessDayTooEarly {
        /// The earliest that may be.
        earliest: String,
    },
    /// Nothing closes on a day off.
    #[error("{day} is no business day: {name}; what happens on it belongs to {next_business_day}")]
    NotABusinessDay {
        /// The day.
        day: String,
        /// The holiday's name, or the day of the week.
        name: String,
        /// The business day that follows.
        next_business_day: String,
    },
    /// There is such a transfer already.
    #[error("{transfer_id} is there already, and is the same transfer")]
    Exists {
        /// Which.
        transfer_id: TransferId,
    },
    /// There is another transfer of that id, of another kind.
    #[error("{transfer_id} is there already, of another kind")]
    ExistsWithDifferentKind {
        /// Which.
        transfer_id: TransferId,
    },
    /// There is another transfer of that id, between other accounts.
    #[error("{transfer_id} is there already, between other accounts")]
    ExistsWithDifferentAccounts {
        /// Which.
        transfer_id: TransferId,
    },
    /// There is another transfer of that id, of other amounts.
    #[error("{transfer_id} is there already, of another amount")]
    ExistsWithDifferentAmount {
        /// Which.
        transfer_id: TransferId,
    },
    /// There is another transfer of that id, which happened at another time.
    #[error("{transfer_id} is there already, and happened at another time")]
    ExistsWithDifferentEffectiveAt {
        /// Which.
        transfer_id: TransferId,
    },
    /// There is another transfer of that id, for another reason.
    #[error("{transfer_id} is there already, for another reason")]
    ExistsWithDifferentReason {
        /// Which.
        transfer_id: TransferId,
    },
    /// What takes a transfer back is not taken back itself.
    #[error("a reversal is not reversed; make the transfer again")]
    ReversalOfReversal,
    /// A transfer of this kind is set right by an adjustment.
    #[error("a transfer of kind {kind} is not reversed; make an adjustment")]
    NotReversible {
        /// Which kind.
        kind: String,
    },
    /// The transfer is taken back.
    #[error("this transfer has already been reversed by {by}")]
    AlreadyReversed {
        /// The transfer that took it back.
        by: TransferId,
    },
    /// The moment belongs to a business day that is closed.
    #[error("the books up to {closed_until} are closed; the last closed day is {last_closed}")]
    PeriodClosed {
        /// The last business day that is closed.
        last_closed: String,
        /// Where the first open one begins.
        closed_until: String,
    },
    /// Nothing is posted to a closed account.
    #[error("{account_id} is closed")]
    AccountClosed {
        /// Which.
        account_id: String,
    },
    /// An account is closed when nothing is in it, and nothing is reserved.
    #[error("{account_id} is not at zero")]
    AccountNotEmpty {
        /// Which.
        account_id: String,
    },
    /// The account stays as long as the operator and its partners do.
    #[error("{account_id} is never closed")]
    AccountNotClosable {
        /// Which.
        account_id: String,
    },
    /// It is held for a payment, and nothing else is paid out of it.
    #[error("the money is set aside for {delivery_id}")]
    ReservedForDelivery {
        /// The payment's visit.
        delivery_id: String,
    },
    /// The time to settle a reservation has passed.
    #[error("the reservation was good until {expires_at}")]
    ReservationExpired {
        /// Until when it was.
        expires_at: String,
    },
    /// A reservation settles at most what it holds.
    #[error("at most {reserved_minor} {currency} minor units are reserved")]
    AmountExceedsReserved {
        /// What is reserved, in minor units.
        reserved_minor: i64,
        /// Its currency.
        currency: String,
    },
    /// There is nothing to pay out.
    #[error("the operator owes nothing for this settlement, or it is not settled yet")]
    NothingOwed,
    /// A payout may still arrive, or has.
    #[error("{existing_id} is {payout_status}; another one is made only when it is known that no money went")]
    PayoutOutstanding {
        /// Which payout.
        existing_id: String,
        /// What is known of it.
        payout_status: String,
    },
    /// A disbursement pays exactly what was instructed.
    #[error("a disbursement hands over exactly the instructed amount, {expected_minor} {currency} minor units")]
    AmountDiffers {
        /// The instructed amount.
        expected_minor: i64,
        /// Its currency.
        currency: String,
    },
    /// A collection takes no more than is due.
    #[error("a collection takes at most what is due, {due_minor} {currency} minor units")]
    AmountExceedsDue {
        /// What is due.
        due_minor: i64,
        /// Its currency.
        currency: String,
    },
    /// Nobody changes their own rights.
    #[error("nobody changes their own role, regions or status; another admin can")]
    OwnRights,
    /// Somebody must be able to manage people.
    #[error("this is the last admin who can log in")]
    LastAdmin,
    /// The login is taken.
    #[error("the login is taken")]
    LoginTaken,
    /// The ticket of an invitation or a reset is used up, too old, or none of ours.
    #[error("this ticket is used up or too old; ask for another one")]
    TicketSpent,
    /// The second factor is there already.
    #[error("a second factor is there already")]
    TotpEnrolled,
    /// There is no second factor to be confirmed, or the code is not its code.
    #[error("this is not the code of the second factor that waits to be confirmed")]
    TotpMismatch,
    /// It waits for approval.
    #[error("this waits for approval {approval_id}")]
    ApprovalPending {
        /// Which one.
        approval_id: String,
    },
    /// Nobody approves what they asked for themselves, or through a program whose secret they hold.
    #[error("whoever asked for it, and whoever holds the secret of the program that did, decides nothing about it")]
    OwnApproval,
    /// An admin let somebody into the login of who decides, or of who asked an admin, in the week before the request or
    /// since.
    #[error(
        "an admin set up or changed a login of this less than a week before it was asked for: somebody else decides"
    )]
    FreshLogin,
    /// Everybody decides once.
    #[error("you have decided about this before")]
    AlreadyDecided,
    /// Nobody decided in time.
    #[error("this expired at {expires_at}; it has to be asked for anew")]
    ApprovalExpired {
        /// From when on nobody decides any more.
        expires_at: String,
    },
    /// There is no file yet that could be acknowledged.
    #[error("the settlement's file is still being built")]
    SettlementBuilding,
    /// The partner has said something else of the file.
    #[error("the settlement is {outcome} already, by {by}")]
    AlreadyAcknowledged {
        /// What became of it: `acknowledged` or `disputed`.
        outcome: String,
        /// By whom.
        by: String,
    },
    /// The agent does not work there.
    #[error("the agent does not work in region {region}")]
    AgentNotInRegion {
        /// Where the delivery is.
        region: String,
    },
}

/// The refusals of the ledger in their order: when several hold of one command, the first of these is answered.
pub const LEDGER_PRECEDENCE: [&str; 16] = [
    "reversal_of_reversal",
    "not_reversible",
    "already_reversed",
    "exists_with_different_kind",
    "exists_with_different_accounts",
    "exists_with_different_amount",
    "exists_with_different_effective_at",
    "exists_with_different_reason",
    "exists",
    "period_closed",
    "account_not_closable",
    "account_closed",
    "account_not_empty",
    "insufficient_cash",
    "insufficient_funds",
    "cash_cap_exceeded",
];

impl Refusal {
    /// Its place in [`LEDGER_PRECEDENCE`]; refusals of other parts come before.
    #[must_use]
    pub fn precedence(&self) -> usize {
        LEDGER_PRECEDENCE.iter().position(|code| *code == self.code()).map_or(0, |place| place.saturating_add(1))
    }

    /// A move that this status does not allow.
    #[must_use]
    pub fn from_delivery(status: DeliveryStatus) -> Self {
        Self::IllegalTransition {
            status: status.as_str().to_owned(),
            legal_moves: status.legal_moves().iter().map(|next| next.as_str().to_owned()).collect(),
        }
    }

    /// The instructed amount was not met.
    #[must_use]
    pub fn amount_differs(expected: Money) -> Self {
        Self::AmountDiffers { expected_minor: expected.amount_minor, currency: expected.currency.to_string() }
    }

    /// More than is due.
    #[must_use]
    pub fn amount_exceeds_due(due: Money) -> Self {
        Self::AmountExceedsDue { due_minor: due.amount_minor, currency: due.currency.to_string() }
    }

    /// The stable code of the refusal.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::IllegalTransition { .. } => "illegal_transition",
            Self::AlreadyExists { .. } => "already_exists",
            Self::InsufficientCash => "insufficient_cash",
            Self::CashCapExceeded => "cash_cap_exceeded",
            Self::InsufficientFunds => "insufficient_funds",
            Self::Exists { .. } => "exists",
            Self::ExistsWithDifferentKind { .. } => "exists_with_different_kind",
            Self::ExistsWithDifferentAccounts { .. } => "exists_with_different_accounts",
            Self::ExistsWithDifferentAmount { .. } => "exists_with_different_amount",
            Self::ExistsWithDifferentEffectiveAt { .. } => "exists_with_different_effective_at",
            Self::ExistsWithDifferentReason { .. } => "exists_with_different_reason",
            Self::ReversalOfReversal => "reversal_of_reversal",
            Self::NotReversible { .. } => "not_reversible",
            Self::AlreadyReversed { .. } => "already_reversed",
            Self::PeriodClosed { .. } => "period_closed",
            Self::AccountClosed { .. } => "account_closed",
            Self::AccountNotEmpty { .. } => "account_not_empty",
            Self::AccountNotClosable { .. } => "account_not_closable",
            Self::ReservedForDelivery { .. } => "reserved_for_delivery",
            Self::ReservationExpired { .. } => "reservation_expired",
            Self::AmountExceedsReserved { .. } => "amount_exceeds_reserved",
            Self::BankLineAlreadyMatched { .. } => "bank_line_already_matched",
            Self::TransferAlreadyMatched { .. } => "transfer_already_matched",
            Self::LineAlreadyMatched { .. } => "line_already_matched",
            Self::LineRepeated { .. } => "line_repeated",
            Self::LineNotMatched { .. } => "line_not_matched",
            Self::PaidByStatement { .. } => "paid_by_statement",
            Self::PartnerStatement { .. } => "partner_statement",
            Self::TooManyMembers { .. } => "too_many_members",
            Self::CurrencyMixed { .. } => "currency_mixed",
            Self::WrongDirection { .. } => "wrong_direction",
            Self::DifferenceNotStated { .. } => "difference_not_stated",
            Self::BusinessDayClosed { .. } => "business_day_closed",
            Self::BusinessDayOpen { .. } => "business_day_open",
            Self::BusinessDayTooEarly { .. } => "business_day_too_early",
            Self::NotABusinessDay { .. } => "not_a_business_day",
            Self::NothingOwed => "nothing_owed",
            Self::PayoutOutstanding { .. } => "payout_outstanding",
            Self::AmountDiffers { .. } => "amount_differs",
            Self::AmountExceedsDue { .. } => "amount_exceeds_due",
            Self::OwnRights => "own_rights",
            Self::LastAdmin => "last_admin",
            Self::LoginTaken => "login_taken",
            Self::TicketSpent => "ticket_spent",
            Self::TotpEnrolled => "totp_enrolled",
            Self::TotpMismatch => "totp_mismatch",
            Self::ApprovalPending { .. } => "approval_pending",
            Self::OwnApproval => "own_approval",
            Self::FreshLogin => "fresh_login",
            Self::AlreadyDecided => "already_decided",
            Self::ApprovalExpired { .. } => "approval_expired",
            Self::SettlementBuilding => "settlement_building",
            Self::AlreadyAcknowledged { .. } => "already_acknowledged",
            Self::AgentNotInRegion { .. } => "agent_not_in_region",
        }
    }

    /// The HTTP status: 409 where the state of things says no, 422 where the content does.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::IllegalTransition { .. }
            | Self::AlreadyExists { .. }
            | Self::InsufficientCash
            | Self::CashCapExceeded
            | Self::InsufficientFunds
            | Self::Exists { .. }
            | Self::ExistsWithDifferentKind { .. }
            | Self::ExistsWithDifferentAccounts { .. }
            | Self::ExistsWithDifferentAmount { .. }
            | Self::ExistsWithDifferentEffectiveAt { .. }
            | Self::ExistsWithDifferentReason { .. }
            | Self::ReversalOfReversal
            | Self::NotReversible { .. }
            | Self::AlreadyReversed { .. }
            | Self::PeriodClosed { .. }
            | Self::AccountClosed { .. }
            | Self::AccountNotEmpty { .. }
            | Self::AccountNotClosable { .. }
            | Self::ReservedForDelivery { .. }
            | Self::ReservationExpired { .. }
            | Self::BankLineAlreadyMatched { .. }
            | Self::TransferAlreadyMatched { .. }
            | Self::LineAlreadyMatched { .. }
            | Self::LineRepeated { .. }
            | Self::LineNotMatched { .. }
            | Self::PaidByStatement { .. }
            | Self::PartnerStatement { .. }
            | Self::BusinessDayClosed { .. }
            | Self::BusinessDayOpen { .. }
            | Self::BusinessDayTooEarly { .. }
            | Self::NotABusinessDay { .. }
            | Self::NothingOwed
            | Self::PayoutOutstanding { .. }
            | Self::OwnRights
            | Self::LastAdmin
            | Self::LoginTaken
            | Self::TotpEnrolled
            | Self::ApprovalPending { .. }
            | Self::OwnApproval
            | Self::FreshLogin
            | Self::AlreadyDecided
            | Self::SettlementBuilding
            | Self::AlreadyAcknowledged { .. }
            | Self::ApprovalExpired { .. } => 409,
            Self::TicketSpent
            | Self::TotpMismatch
            | Self::TooManyMembers { .. }
            | Self::CurrencyMixed { .. }
            | Self::WrongDirection { .. }
            | Self::DifferenceNotStated { .. }
            | Self::AmountDiffers { .. }
            | Self::AmountExceedsDue { .. }
            | Self::AmountExceedsReserved { .. }
            | Self::AgentNotInRegion { .. } => 422,
        }
    }
}
