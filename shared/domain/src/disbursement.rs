//! A disbursement: a partner's instruction to pay one borrower, from the instruction to the bank line that proves it.

use garde::Validate;
use jiff::{ToSpan, tz::TimeZone};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    ApprovalId, Command, Day, DeliveryId, DisbursementId, Failed, Money, PartnerName, Refusal, RegionName, StatementId,
    Timestamp, TransferId,
    access::{Belongings, Owned},
    approval::Approval,
    delivery::{Borrower, Conclusion, Delivery, DeliveryKind, DeliveryStatus, NewDelivery, is_reference},
    ledger::Transfer,
    matching::{Expected, Rules, Tie},
    reconciliation::Rule,
    reservation::Reservation,
    transfer::{NewReversal, ShownTransfer},
};

/// How far the payment has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DisbursementStatus {
    /// Instructed; it waits for approval.
    Created,
    /// Approved by people, or needing nobody's approval.
    Approved,
    /// Its visit has an agent.
    Reserved,
    /// The borrower has the cash.
    HandedOver,
    /// The bank line matches.
    Reconciled,
    /// The visit failed, or the bank line differs.
    Exception,
    /// Not approved, or not in time.
    Rejected,
    /// Called off before cash changed hands.
    Cancelled,
    /// Taken back after it: the agent has the cash again.
    Reversed,
}

impl DisbursementStatus {
    /// What a payment can become from here: forward only, but for a match that somebody takes apart. An exception whose
    /// visit failed can become nothing any more, nor can what no statement has reconciled: [`Instruction::legal_moves`]
    /// knows which one it is. What the bank bears out is not taken back: it has left the account.
    #[must_use]
    pub fn legal_moves(self) -> &'static [Self] {
        match self {
            Self::Created => &[Self::Approved, Self::Rejected, Self::Cancelled],
            Self::Approved => &[Self::Reserved, Self::Cancelled],
            Self::Reserved => &[Self::HandedOver, Self::Exception, Self::Cancelled],
            Self::HandedOver => &[Self::Reconciled, Self::Exception, Self::Reversed],
            // Cash that was handed over all the same.
            Self::Cancelled => &[Self::Exception],
            Self::Exception => &[Self::Reconciled, Self::Reversed],
            // The one way back: what a statement has settled somebody may take apart.
            Self::Reconciled => &[Self::HandedOver, Self::Exception],
            Self::Rejected | Self::Reversed => &[],
        }
    }

    /// The word for it in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Approved => "approved",
            Self::Reserved => "reserved",
            Self::HandedOver => "handed_over",
            Self::Reconciled => "reconciled",
            Self::Exception => "exception",
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
            Self::Reversed => "reversed",
        }
    }
}

/// A partner's instruction, as it is sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct NewDisbursement {
    /// The partner's own word for it.
    #[garde(custom(is_reference))]
    pub reference: String,
    /// Where.
    #[garde(skip)]
    pub region: RegionName,
    /// Whom to pay.
    #[garde(dive)]
    pub borrower: Borrower,
    /// How much, exactly.
    #[garde(custom(crate::money::visit_amount))]
    pub amount: Money,
    /// The day of the visit.
    #[garde(skip)]
    #[schema(value_type = String, format = Date)]
    pub due: Day,
}

/// An instruction as it is kept: what only it knows. How far the visit has come stands with the visit alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Instruction {
    /// Its id.
    pub disbursement_id: DisbursementId,
    /// The visit that carries it out.
    pub delivery_id: DeliveryId,
    /// The approval that it needed, if it needed one.
    #[serde(default)]
    pub approval_id: Option<ApprovalId>,
    /// Who instructed it.
    pub partner_id: PartnerName,
    /// The partner's own word for it.
    pub reference: String,
    /// Where.
    pub region: RegionName,
    /// How much.
    pub amount: Money,
    /// The day of the visit.
    pub due: Day,
    /// What the bank said.
    pub reconciliation: Option<Reconciliation>,
    /// That it was called off.
    #[serde(default)]
    pub cancellation: Option<Cancellation>,
    /// That it was taken back.
    #[serde(default)]
    pub reversal: Option<Reversal>,
    /// Counts its changes, from 1.
    pub version: u64,
    /// When it was instructed.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A disbursement as it is answered: the instruction and how far it has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Disbursement {
    /// Its id.
    pub disbursement_id: DisbursementId,
    /// The visit that carries it out.
    pub delivery_id: DeliveryId,
    /// The approval that it needed, if it needed one.
    pub approval_id: Option<ApprovalId>,
    /// Who instructed it.
    pub partner_id: PartnerName,
    /// The partner's own word for it.
    pub reference: String,
    /// Where.
    pub region: RegionName,
    /// How much.
    pub amount: Money,
    /// The day of the visit.
    #[schema(value_type = String, format = Date)]
    pub due: Day,
    /// How far it has come.
    pub status: DisbursementStatus,
    /// What the bank said.
    pub reconciliation: Option<Reconciliation>,
    /// That it was called off; beside `exception` the cash was handed over all the same.
    pub cancellation: Option<Cancellation>,
    /// That it was taken back.
    pub reversal: Option<Reversal>,
    /// Counts its changes.
    pub version: u64,
    /// When it was instructed.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Why a payment is to be called off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct NewCancellation {
    /// Why, for whoever asks later.
    #[garde(length(chars, min = 1, max = 500))]
    pub reason: String,
}

/// That a payment was called off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Cancellation {
    /// Why.
    pub reason: String,
    /// By whom: the person's or the program's id.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// That a payment was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reversal {
    /// Why.
    pub reason: String,
    /// By whom: the person's or the program's id.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// The transfer that put the cash back into the agent's account.
    pub transfer_id: TransferId,
}

/// A line of a bank statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct BankLine {
    /// The bank's own reference (UTR): 16 characters for NEFT, 22 for RTGS, 12 for IMPS and UPI.
    #[garde(custom(is_utr))]
    pub bank_reference: String,
    /// How much the bank says it was.
    #[garde(custom(crate::money::visit_amount))]
    pub amount: Money,
    /// The day the bank booked it for.
    #[garde(skip)]
    #[schema(value_type = String, format = Date)]
    pub value_date: Day,
}

#[expect(clippy::ptr_arg, reason = "garde hands over the field's own type")]
pub(crate) fn is_utr<C>(reference: &String, _: &C) -> garde::Result {
    if (12..=22).contains(&reference.len()) && reference.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        Ok(())
    } else {
        Err(garde::Error::new("must be 12 to 22 letters and digits"))
    }
}

/// Whether the bank line bears the disbursement out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReconciliationOutcome {
    /// It does.
    Reconciled,
    /// It differs.
    Exception,
}

/// One way in which a bank line differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Difference {
    /// The field of the line.
    pub field: String,
    /// `amount_differs`, `currency_differs` or `value_date_out_of_window`.
    pub code: String,
    /// What the books say.
    pub expected: String,
    /// What the line says.
    pub found: String,
}

/// What the bank said about a disbursement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reconciliation {
    /// Whether it bears it out.
    pub outcome: ReconciliationOutcome,
    /// The bank's own reference.
    pub bank_reference: String,
    /// How much the bank says it was.
    pub amount: Money,
    /// The day the bank booked it for.
    #[schema(value_type = String, format = Date)]
    pub value_date: Day,
    /// Every way in which it differs.
    pub differences: Vec<Difference>,
    /// The match of a statement that settled it, if one did; a line of several payments stands here with each one's own
    /// amount.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub statement: Option<StatementMatch>,
    /// When it was compared.
    pub at: Timestamp,
}

/// Which lines of a statement settled a disbursement, or bear out a transfer or a payout, and by what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatementMatch {
    /// The statement.
    pub statement_id: StatementId,
    /// The lines, in order.
    pub lines: Vec<u32>,
    /// What ties them to the payment.
    pub rule: Rule,
    /// The lines less all payments that they settle, in minor units.
    pub difference_minor: i64,
    /// Why somebody matched them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// Who matched them, if it was not the job.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub by: Option<String>,
}

/// How a statement's line may differ from the payment that it belongs to: in nothing but the day, by as much as
/// [`Instruction::reconcile`] lets it. Up to six payments may have been sent as one.
pub const MATCHING_RULES: Rules = Rules {
    tolerance_minor: 0,
    date_drift_days: VALUE_DATE_WINDOW_DAYS,
    early_days: 0,
    most_in_group: crate::matching::MOST_IN_GROUP,
};

/// A bank books a transfer on the day of the hand-over or, across a weekend and a holiday, up to three days later.
const VALUE_DATE_WINDOW_DAYS: i64 = 3;

impl Owned for Instruction {
    fn belongings(&self) -> Belongings<'_> {
        Belongings { partner: Some(&self.partner_id), region: Some(&self.region), ..Belongings::default() }
    }
}

/// An instruction beside its visit belongs to whom the instruction belongs.
impl Owned for (Instruction, Delivery) {
    fn belongings(&self) -> Belongings<'_> {
        self.0.belongings()
    }
}

impl Instruction {
    /// The instruction and the visit that carries it out, as a command makes them.
    #[must_use]
    pub fn plan(command: &Command, new: &NewDisbursement, partner_id: PartnerName) -> (Self, Delivery) {
        let visit = NewDelivery {
            kind: DeliveryKind::Disbursement,
            partner_id: None,
            reference: new.reference.clone(),
            region: new.region.clone(),
            borrower: new.borrower.clone(),
            amount: new.amount,
            due: new.due,
        };
        let delivery = Delivery::plan(command, &visit, partner_id.clone());
        let disbursement_id = DisbursementId::mint(command.at, &command.seed());
        let instruction = Self {
            disbursement_id: disbursement_id.clone(),
            delivery_id: delivery.delivery_id.clone(),
            approval_id: None,
            partner_id,
            reference: new.reference.clone(),
            region: new.region.clone(),
            amount: new.amount,
            due: new.due,
            reconciliation: None,
            cancellation: None,
            reversal: None,
            version: 1,
            created_at: command.at,
            updated_at: command.at,
        };
        (instruction, Delivery { disbursement_id: Some(disbursement_id), ..delivery })
    }

    /// What the bank's statement should show of it: nothing before the hand-over, and nothing any more once it is
    /// reconciled. A payment leaves the account, and the partner's own reference goes along with it.
    #[must_use]
    pub fn expected(&self, visit: &Delivery, zone: &TimeZone) -> Option<Expected> {
        self.waiting(visit).ok().and_then(|handed_over| {
            Some(Expected {
                id: self.disbursement_id.to_string(),
                reference: String::new(),
                end_to_end: Some(self.reference.clone()),
                amount: self.amount.negated().ok()?,
                date: handed_over.day_in(zone),
                tie: Tie::Any,
            })
        })
    }

    /// The same of one that waits for no line: as another line has shown it, or as it was instructed.
    #[must_use]
    pub fn not_waiting(&self, zone: &TimeZone) -> Option<Expected> {
        Some(Expected {
            id: self.disbursement_id.to_string(),
            reference: String::new(),
            end_to_end: Some(self.reference.clone()),
            amount: self.amount.negated().ok()?,
            date: self.reconciliation.as_ref().map_or_else(|| self.created_at.day_in(zone), |said| said.value_date),
            tie: Tie::NotWaiting,
        })
    }

    /// The hand-over of a disbursement that waits for its bank line.
    fn waiting<'v>(&self, visit: &'v Delivery) -> Result<&'v Conclusion, Failed> {
        let handed_over = self.handed_over(visit)?;
        if self.is_reconciled() {
            return Err(self.illegal(visit).into());
        }
        Ok(handed_over)
    }

    /// How a visit ended that handed the cash over; none whose cash came back.
    fn handed_over<'v>(&self, visit: &'v Delivery) -> Result<&'v Conclusion, Failed> {
        let is_handed_over = visit.status == DeliveryStatus::Confirmed && self.reversal.is_none();
        let handed_over = visit.conclusion.as_ref().filter(|_| is_handed_over);
        handed_over.ok_or_else(|| self.illegal(visit).into())
    }

    /// Whether a bank line bears it out.
    #[must_use]
    pub fn is_reconciled(&self) -> bool {
        self.reconciliation.as_ref().is_some_and(|said| said.outcome == ReconciliationOutcome::Reconciled)
    }

    /// The disbursement as lines of a statement settle it.
    ///
    /// # Errors
    /// [`Refusal::IllegalTransition`] before the hand-over and after the reconciliation.
    pub fn settle(&self, visit: &Delivery, said: Reconciliation) -> Result<Self, Failed> {
        self.waiting(visit)?;
        let (version, updated_at) = (self.version.saturating_add(1), self.updated_at.max(said.at));
        Ok(Self { reconciliation: Some(said), version, updated_at, ..self.clone() })
    }

    /// The match of a statement that bears it out, if one does.
    #[must_use]
    pub fn settled_by(&self) -> Option<&StatementMatch> {
        self.reconciliation.as_ref().filter(|_| self.is_reconciled()).and_then(|said| said.statement.as_ref())
    }

    /// The disbursement when the match that settled it is taken apart: it waits for its bank line again.
    ///
    /// # Errors
    /// [`Refusal::IllegalTransition`] when no statement has settled it.
    pub fn unsettle(&self, visit: &Delivery, at: Timestamp) -> Result<Self, Failed> {
        if self.settled_by().is_none() {
            return Err(self.illegal(visit).into());
        }
        let (version, updated_at) = (self.version.saturating_add(1), self.updated_at.max(at));
        Ok(Self { reconciliation: None, version, updated_at, ..self.clone() })
    }

    /// How far it has come, given its visit.
    #[must_use]
    pub fn status(&self, visit: &Delivery) -> DisbursementStatus {
        if self.reversal.is_some() {
            return DisbursementStatus::Reversed;
        }
        match (&self.reconciliation, visit.status) {
            (Some(said), _) if said.outcome == ReconciliationOutcome::Reconciled => DisbursementStatus::Reconciled,
            (None, DeliveryStatus::Cancelled) if self.cancellation.is_some() => DisbursementStatus::Cancelled,
            (None, DeliveryStatus::Cancelled) if visit.awaits_approval.is_some() => DisbursementStatus::Rejected,
            (Some(_), _) | (None, DeliveryStatus::Failed | DeliveryStatus::Cancelled) => DisbursementStatus::Exception,
            (None, DeliveryStatus::Confirmed) if self.cancellation.is_some() => DisbursementStatus::Exception,
            (None, DeliveryStatus::Confirmed) => DisbursementStatus::HandedOver,
            (None, DeliveryStatus::Assigned | DeliveryStatus::OutForDelivery) => DisbursementStatus::Reserved,
            (None, DeliveryStatus::Pending) if visit.awaits_approval.is_some() => DisbursementStatus::Created,
            (None, DeliveryStatus::Pending) => DisbursementStatus::Approved,
        }
    }

    /// What it can become from here, given its visit.
    #[must_use]
    pub fn legal_moves(&self, visit: &Delivery) -> &'static [DisbursementStatus] {
        let (status, agent) = (self.status(visit), &visit.agent_id);
        match status {
            DisbursementStatus::Exception if visit.status != DeliveryStatus::Confirmed => &[],
            // Nobody can have handed over what nobody had.
            DisbursementStatus::Cancelled if agent.is_none() => &[],
            DisbursementStatus::Reconciled if self.settled_by().is_none() => &[],
            // Called off, and handed over all the same.
            DisbursementStatus::Reconciled if self.cancellation.is_some() => &[DisbursementStatus::Exception],
            DisbursementStatus::Reconciled => &[DisbursementStatus::HandedOver],
            DisbursementStatus::Created
            | DisbursementStatus::Approved
            | DisbursementStatus::Reserved
            | DisbursementStatus::HandedOver
            | DisbursementStatus::Exception
            | DisbursementStatus::Rejected
            | DisbursementStatus::Reversed
            | DisbursementStatus::Cancelled => status.legal_moves(),
        }
    }

    /// That a move is none of the legal ones.
    fn illegal(&self, visit: &Delivery) -> Refusal {
        Refusal::IllegalTransition {
            status: self.status(visit).as_str().to_owned(),
            legal_moves: self.legal_moves(visit).iter().map(|next| next.as_str().to_owned()).collect(),
        }
    }

    /// Calls the payment off, with its visit and the approval that it still waits for. Legal until the visit is
    /// concluded.
    ///
    /// # Errors
    /// [`Refusal::IllegalTransition`] from then on.
    pub fn cancel(
        &self,
        visit: &Delivery,
        approval: Option<&Approval>,
        command: &Command,
        new: &NewCancellation,
    ) -> Result<Cancelled, Refusal> {
        if !self.legal_moves(visit).contains(&DisbursementStatus::Cancelled) {
            return Err(self.illegal(visit));
        }
        let cancellation = Cancellation { reason: new.reason.clone(), by: command.principal.clone(), at: command.at };
        let version = self.version.saturating_add(1);
        Ok(Cancelled {
            instruction: Self { cancellation: Some(cancellation), version, updated_at: command.at, ..self.clone() },
            visit: visit.call_off(command.at)?,
            approval: approval.and_then(|approval| approval.cancelled(command.at)),
            reservation: None,
        })
    }

    /// Takes the payment back: the cash is in the agent's hand again, by a transfer that is linked to the hand-over's.
    /// Legal until the bank bears it out.
    ///
    /// # Errors
    /// [`Refusal::IllegalTransition`] before and after that, [`Refusal::AlreadyReversed`] when the hand-over's transfer
    /// was taken back by hand. What the agent's cash cap says comes with the write.
    pub fn reverse(
        &self,
        visit: &Delivery,
        hand_over: Option<&ShownTransfer>,
        command: &Command,
        new: &NewReversal,
    ) -> Result<(Self, Transfer), Failed> {
        self.waiting(visit)?;
        let booked = hand_over.ok_or_else(|| Failed::fault("cash was handed over and never booked"))?;
        let transfer = booked.taken_back(command, new)?;
        let after = self.reversed(visit, &transfer, &command.principal, command.at)?;
        Ok((after, transfer))
    }

    /// The payment, taken back by a transfer that somebody asked for.
    ///
    /// # Errors
    /// [`Refusal::IllegalTransition`] before the hand-over, and once the bank has borne it out or it was taken back.
    pub fn reversed(&self, visit: &Delivery, transfer: &Transfer, by: &str, at: Timestamp) -> Result<Self, Failed> {
        self.waiting(visit)?;
        let reversal = Reversal {
            reason: transfer.reason().unwrap_or_default().to_owned(),
            by: by.to_owned(),
            at,
            transfer_id: transfer.transfer_id().clone(),
        };
        let version = self.version.saturating_add(1);
        Ok(Self { reversal: Some(reversal), version, updated_at: at, ..self.clone() })
    }

    /// Whether it may have been read before its visit was called off with it, in one transaction, and the visit after: read
    /// once more it says so. One whose approval was rejected looks the same, and stays as it is.
    #[must_use]
    pub fn may_be_behind(&self, visit: &Delivery) -> bool {
        visit.status == DeliveryStatus::Cancelled && self.cancellation.is_none()
    }

    /// Counts the changes of instruction and visit together: what is answered changes with either.
    #[must_use]
    pub fn shown_version(&self, visit: &Delivery) -> u64 {
        self.version.saturating_add(visit.version).saturating_sub(1)
    }

    /// The disbursement as it is answered.
    #[must_use]
    pub fn shown(&self, visit: &Delivery) -> Disbursement {
        Disbursement {
            disbursement_id: self.disbursement_id.clone(),
            delivery_id: self.delivery_id.clone(),
            approval_id: self.approval_id.clone(),
            partner_id: self.partner_id.clone(),
            reference: self.reference.clone(),
            region: self.region.clone(),
            amount: self.amount,
            due: self.due,
            status: self.status(visit),
            reconciliation: self.reconciliation.clone(),
            cancellation: self.cancellation.clone(),
            reversal: self.reversal.clone(),
            version: self.shown_version(visit),
            created_at: self.created_at,
            updated_at: self.updated_at.max(visit.updated_at),
        }
    }

    /// Compares the hand-over with a bank line, in the days of the operator's zone.
    /// The same line again, on the disbursement that it settled, changes nothing.
    ///
    /// # Errors
    /// [`Refusal::IllegalTransition`] before the hand-over and after the reconciliation.
    pub fn reconcile(
        &self,
        visit: &Delivery,
        line: &BankLine,
        zone: &TimeZone,
        at: Timestamp,
    ) -> Result<Reconciled, Failed> {
        let handed_over = self.handed_over(visit)?;
        if let Some(said) = self.reconciliation.as_ref().filter(|s| s.outcome == ReconciliationOutcome::Reconciled) {
            let same = said.bank_reference.eq_ignore_ascii_case(&line.bank_reference)
                && said.amount == line.amount
                && said.value_date == line.value_date;
            return if same { Ok(Reconciled::Already) } else { Err(self.illegal(visit).into()) };
        }
        let paid = handed_over.amount.unwrap_or(self.amount);
        let differences = differences(paid, handed_over.day_in(zone), line);
        let outcome =
            if differences.is_empty() { ReconciliationOutcome::Reconciled } else { ReconciliationOutcome::Exception };
        let reconciliation = Reconciliation {
            outcome,
            bank_reference: line.bank_reference.clone(),
            amount: line.amount,
            value_date: line.value_date,
            differences,
            statement: None,
            at,
        };
        let version = self.version.saturating_add(1);
        let after = Self { reconciliation: Some(reconciliation), version, updated_at: at, ..self.clone() };
        Ok(Reconciled::Now { after: Box::new(after), outcome })
    }
}

/// A payment that was called off, and what goes with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Cancelled {
    /// The instruction afterwards.
    pub instruction: Instruction,
    /// The visit afterwards.
    pub visit: Delivery,
    /// The approval afterwards, if it was still waited for.
    pub approval: Option<Approval>,
    /// What was set aside for it, let go, if it was still held.
    pub reservation: Option<Reservation>,
}

impl Cancelled {
    /// The same, with the cash let go that was set aside for it if it still is.
    #[must_use]
    pub fn releasing(self, reserved: Option<&Reservation>) -> Self {
        let at = self.instruction.updated_at;
        Self { reservation: reserved.and_then(|reserved| reserved.released(at)), ..self }
    }
}

/// What a comparison comes to.
#[derive(Debug, Clone, PartialEq)]
pub enum Reconciled {
    /// This very line has settled it before.
    Already,
    /// The line was compared now.
    Now {
        /// The instruction afterwards.
        after: Box<Instruction>,
        /// Whether the line bears it out.
        outcome: ReconciliationOutcome,
    },
}

fn differences(paid: Money, handed_over: Day, line: &BankLine) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut differs = |field: &str, code: &str, expected: String, found: String| {
        differences.push(Difference { field: field.to_owned(), code: code.to_owned(), expected, found });
    };
    if line.amount.currency != paid.currency {
        differs("currency", "currency_differs", paid.currency.to_string(), line.amount.currency.to_string());
    }
    if line.amount.amount_minor != paid.amount_minor {
        differs("amount", "amount_differs", paid.amount_minor.to_string(), line.amount.amount_minor.to_string());
    }
    let last = handed_over.saturating_add(VALUE_DATE_WINDOW_DAYS.days());
    if line.value_date < handed_over || line.value_date > last {
        let expected = format!("{handed_over}/{last}");
        differs("value_date", "value_date_out_of_window", expected, line.value_date.to_string());
    }
    differences
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;
    use crate::{
        AgentId, Caller, Currency, Role,
        access::{Agent, Party as _},
        approval::{NewDecision, Request, SubjectKind, Verdict},
        delivery::{Conclusion, FailureReason, Outcome, OutcomeKind},
    };

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn planned() -> (Instruction, Delivery) {
        let now = at("2026-11-21T09:00:00Z");
        let command = Command::of_job("pennco".parse().unwrap(), "test", "k", now, "r".to_owned());
        let new = NewDisbursement {
            reference: "BF-D-1".into(),
            region: "pune-north".parse().unwrap(),
            borrower: Borrower { name: "Asha".into(), phone: "+919800000001".into(), address: "Wagholi".into() },
            amount: Money::new(500_000, Currency::Inr),
            due: date(2026, 11, 21),
        };
        Instruction::plan(&command, &new, "bfil".parse().unwrap())
    }

    fn handed_over(visit: Delivery, received_at: Timestamp) -> Delivery {
        let conclusion = Conclusion {
            amount: Some(visit.amount),
            transfer_id: None,
            reason: None,
            occurred_at: received_at,
            received_at,
            position: None,
            proof_sha256: None,
        };
        Delivery { status: DeliveryStatus::Confirmed, conclusion: Some(conclusion), ..visit }
    }

    fn line(amount_minor: i64, value_date: Day) -> BankLine {
        let amount = Money::new(amount_minor, Currency::Inr);
        BankLine { bank_reference: "HDFCN52026112112".into(), amount, value_date }
    }

    fn kolkata() -> TimeZone {
        TimeZone::get("Asia/Kolkata").unwrap()
    }

    #[test]
    fn a_line_that_agrees_reconciles_once_and_the_same_again_changes_nothing() {
        let (instruction, visit) = planned();
        let visit = handed_over(visit, at("2026-11-21T10:00:00Z"));
        let now = at("2026-11-22T04:00:00Z");
        let Reconciled::Now { after, outcome } =
            instruction.reconcile(&visit, &line(500_000, date(2026, 11, 22)), &kolkata(), now).unwrap()
        else {
            panic!("the first comparison is made now")
        };
        assert_eq!(outcome, ReconciliationOutcome::Reconciled);
        assert_eq!(after.status(&visit), DisbursementStatus::Reconciled);
        let again = after.reconcile(&visit, &line(500_000, date(2026, 11, 22)), &kolkata(), now).unwrap();
        assert_eq!(again, Reconciled::Already);
        let other = after.reconcile(&visit, &line(500_000, date(2026, 11, 23)), &kolkata(), now).unwrap_err();
        assert!(matches!(other, Failed::Refused(Refusal::IllegalTransition { .. })));
    }

    #[test]
    fn every_difference_is_named() {
        let (instruction, visit) = planned();
        let visit = handed_over(visit, at("2026-11-21T10:00:00Z"));
        let Reconciled::Now { after, outcome } = instruction
            .reconcile(&visit, &line(500_001, date(2026, 11, 25)), &kolkata(), at("2026-11-25T04:00:00Z"))
            .unwrap()
        else {
            panic!("the comparison is made now")
        };
        assert_eq!(outcome, ReconciliationOutcome::Exception);
        let codes: Vec<_> = after.reconciliation.unwrap().differences.into_iter().map(|d| d.code).collect();
        assert_eq!(codes, ["amount_differs", "value_date_out_of_window"]);
    }

    #[test]
    fn the_day_of_the_hand_over_is_the_operators_not_utcs() {
        let (instruction, visit) = planned();
        let visit = handed_over(visit, at("2026-11-20T20:00:00Z"));
        let Reconciled::Now { outcome, .. } = instruction
            .reconcile(&visit, &line(500_000, date(2026, 11, 20)), &kolkata(), at("2026-11-21T04:00:00Z"))
            .unwrap()
        else {
            panic!("the comparison is made now")
        };
        assert_eq!(outcome, ReconciliationOutcome::Exception, "01:30 in Kolkata is the 21st");
    }

    #[test]
    fn before_the_hand_over_nothing_can_be_reconciled() {
        let (instruction, visit) = planned();
        let failed = instruction
            .reconcile(&visit, &line(500_000, date(2026, 11, 21)), &kolkata(), at("2026-11-21T10:00:00Z"))
            .unwrap_err();
        let Failed::Refused(Refusal::IllegalTransition { status, legal_moves }) = failed else { panic!("{failed:?}") };
        let moves: Vec<_> = legal_moves.iter().map(String::as_str).collect();
        assert_eq!((status.as_str(), moves), ("approved", vec!["reserved", "cancelled"]));
    }

    #[test]
    fn a_payment_that_is_called_off_between_the_two_reads_is_read_once_more() {
        let now = at("2026-11-21T10:00:00Z");
        let (instruction, visit) = planned();
        let command = Command::of_job("pennco".parse().unwrap(), "test", "k", now, "r".to_owned());
        let new = NewCancellation { reason: "r".into() };
        let after = instruction.cancel(&visit, None, &command, &new).unwrap();
        assert_eq!(instruction.status(&after.visit), DisbursementStatus::Exception, "what it would be taken for");
        assert!(instruction.may_be_behind(&after.visit));
        assert_eq!(after.instruction.status(&after.visit), DisbursementStatus::Cancelled);
        assert!(!after.instruction.may_be_behind(&after.visit) && !instruction.may_be_behind(&visit));
    }

    #[derive(Debug, Clone, Copy)]
    enum Try {
        Decide(Verdict),
        Expire,
        Assign,
        Confirm,
        Fail,
        Cancel,
        Reconcile(i64),
        Reverse,
        Settle,
        Unsettle,
    }

    fn tries() -> impl Strategy<Value = Vec<Try>> {
        let one = prop_oneof![
            1 => Just(Try::Decide(Verdict::Approve)),
            1 => Just(Try::Decide(Verdict::Reject)),
            1 => Just(Try::Expire),
            3 => Just(Try::Assign),
            3 => Just(Try::Confirm),
            1 => Just(Try::Fail),
            1 => Just(Try::Cancel),
            2 => prop_oneof![Just(500_000), Just(500_001)].prop_map(Try::Reconcile),
            1 => Just(Try::Reverse),
            2 => Just(Try::Settle),
            2 => Just(Try::Unsettle),
        ];
        prop::collection::vec(one, 1..20)
    }

    proptest! {
        #[test]
        fn whatever_is_tried_a_payment_moves_as_the_table_says_and_cash_moves_once(
            tries in tries(),
            waits in any::<bool>(),
        ) {
            let now = at("2026-11-21T10:00:00Z");
            let rules = ["disbursement:24:1=1".parse().unwrap()];
            let command = Command::of_job("pennco".parse().unwrap(), "test", "k", now, "r".to_owned());
            let person = |role, name: &str| Caller::new("pennco".parse().unwrap(), role, name.to_owned(), vec![]);
            let (mut instruction, mut visit) = planned();
            let mut approval = waits.then(|| {
                let request = Request {
                    subject: SubjectKind::Disbursement,
                    subject_id: instruction.disbursement_id.to_string(),
                    partner_id: None,
                    region: None,
                    amount: instruction.amount,
                    preview: vec![],
                    transfer: None,
                };
                Approval::asked(&rules, &command, &person(Role::Partner, "bfil"), request).unwrap()
            });
            visit.awaits_approval = approval.as_ref().map(|approval| approval.approval_id.clone());
            let agent_id = AgentId::mint(now, &[b"a"]);
            let agent = Agent::of(person(Role::Agent, agent_id.as_str())).unwrap();
            let outcome = |cash: bool| Outcome {
                outcome: if cash { OutcomeKind::Confirmed } else { OutcomeKind::Failed },
                amount: cash.then_some(instruction.amount),
                reason: (!cash).then_some(FailureReason::Refused),
                occurred_at: now,
                position: None,
                proof_sha256: None,
            };
            let (confirmed, failed) = (outcome(true), outcome(false));
            let (mut transfers, mut booked) = (0, None);
            for what in tries {
                let (before, moves) = (instruction.status(&visit), instruction.legal_moves(&visit));
                match what {
                    Try::Decide(verdict) => {
                        let new = NewDecision { decision: verdict, reason: "r".into() };
                        let decided = approval.as_ref().map(|one| one.decide(&person(Role::Admin, "a"), &new, now));
                        if let Some(Ok(after)) = decided {
                            let settled = match verdict {
                                Verdict::Approve => visit.release(now),
                                Verdict::Reject => visit.call_off(now),
                            };
                            visit = settled.unwrap();
                            approval = Some(after);
                        }
                    }
                    Try::Expire => {
                        if let Some(Ok(after)) = approval.as_ref().map(|one| one.expire(one.expires_at)) {
                            visit = visit.call_off(now).unwrap();
                            approval = Some(after);
                        }
                    }
                    Try::Assign => {
                        let given = visit.assign(&agent_id, std::slice::from_ref(&visit.region), now);
                        visit = given.unwrap_or(visit);
                    }
                    Try::Confirm | Try::Fail => {
                        let report = if matches!(what, Try::Confirm) { &confirmed } else { &failed };
                        if let Ok(concluded) = visit.conclude(&agent, report, &command) {
                            transfers += i32::from(concluded.transfer.is_some());
                            booked = concluded.transfer.or(booked);
                            visit = concluded.after;
                        }
                    }
                    Try::Cancel => {
                        let new = NewCancellation { reason: "r".into() };
                        match instruction.cancel(&visit, approval.as_ref(), &command, &new) {
                            Ok(cancelled) => {
                                (instruction, visit) = (cancelled.instruction, cancelled.visit);
                                approval = cancelled.approval.or(approval);
                            }
                            Err(refused) => prop_assert!(
                                matches!(refused, Refusal::IllegalTransition { .. }), "{refused:?}"
                            ),
                        }
                    }
                    Try::Reconcile(minor) => {
                        let line = line(minor, date(2026, 11, 21));
                        let said = instruction.reconcile(&visit, &line, &kolkata(), now);
                        if let Ok(Reconciled::Now { after, .. }) = said {
                            instruction = *after;
                        }
                    }
                    Try::Reverse => {
                        let Some(posted) = booked.as_ref().map(|transfer| transfer.posted(now, "a")) else { continue };
                        let new = NewReversal { reason: "r".into() };
                        let hand_over = ShownTransfer { posted, reversed_by: None, statement: None };
                        if let Ok((after, _)) = instruction.reverse(&visit, Some(&hand_over), &command, &new) {
                            transfers -= 1;
                            instruction = after;
                        }
                    }
                    Try::Settle => {
                        let said = Reconciliation {
                            outcome: ReconciliationOutcome::Reconciled,
                            bank_reference: "UTR1".into(),
                            amount: instruction.amount,
                            value_date: date(2026, 11, 21),
                            differences: vec![],
                            statement: Some(StatementMatch {
                                statement_id: StatementId::mint(now, &[b"s"]),
                                lines: vec![1],
                                rule: Rule::Manual,
                                difference_minor: 0,
                                reason: Some("r".into()),
                                by: Some("usr_1".into()),
                            }),
                            at: now,
                        };
                        instruction = instruction.settle(&visit, said).unwrap_or(instruction);
                    }
                    Try::Unsettle => instruction = instruction.unsettle(&visit, now).unwrap_or(instruction),
                }
                let after = instruction.status(&visit);
                prop_assert!(after == before || moves.contains(&after), "{what:?}: {before:?} became {after:?}");
                let has_cash = visit.status == DeliveryStatus::Confirmed && after != DisbursementStatus::Reversed;
                prop_assert_eq!(transfers, i32::from(has_cash), "cash moved once, and where it is shown");
            }
        }
    }
}
