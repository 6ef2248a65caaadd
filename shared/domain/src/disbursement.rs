//! A disbursement: a partner's instruction to pay one borrower, from the instruction to the bank line that proves it.

use garde::Validate;
use jiff::{ToSpan, tz::TimeZone};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Command, Day, DeliveryId, DisbursementId, Failed, Money, PartnerName, Refusal, RegionName, Timestamp,
    access::{Belongings, Owned},
    delivery::{Borrower, Delivery, DeliveryKind, DeliveryStatus, NewDelivery, is_reference},
};

/// How far the payment has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DisbursementStatus {
    /// Instructed.
    Created,
    /// Its visit has an agent.
    Reserved,
    /// The borrower has the cash.
    HandedOver,
    /// The bank line matches.
    Reconciled,
    /// The visit failed, or the bank line differs.
    Exception,
}

impl DisbursementStatus {
    fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Reserved => "reserved",
            Self::HandedOver => "handed_over",
            Self::Reconciled => "reconciled",
            Self::Exception => "exception",
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
    /// Counts its changes.
    pub version: u64,
    /// When it was instructed.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
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
    /// When it was compared.
    pub at: Timestamp,
}

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
            partner_id,
            reference: new.reference.clone(),
            region: new.region.clone(),
            amount: new.amount,
            due: new.due,
            reconciliation: None,
            version: 1,
            created_at: command.at,
            updated_at: command.at,
        };
        (instruction, Delivery { disbursement_id: Some(disbursement_id), ..delivery })
    }

    /// How far it has come, given its visit.
    #[must_use]
    pub fn status(&self, visit: &Delivery) -> DisbursementStatus {
        match (&self.reconciliation, visit.status) {
            (Some(said), _) if said.outcome == ReconciliationOutcome::Reconciled => DisbursementStatus::Reconciled,
            (Some(_), _) | (None, DeliveryStatus::Failed | DeliveryStatus::Cancelled) => DisbursementStatus::Exception,
            (None, DeliveryStatus::Confirmed) => DisbursementStatus::HandedOver,
            (None, DeliveryStatus::Assigned | DeliveryStatus::OutForDelivery) => DisbursementStatus::Reserved,
            (None, DeliveryStatus::Pending) => DisbursementStatus::Created,
        }
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
            partner_id: self.partner_id.clone(),
            reference: self.reference.clone(),
            region: self.region.clone(),
            amount: self.amount,
            due: self.due,
            status: self.status(visit),
            reconciliation: self.reconciliation.clone(),
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
        let handed_over = visit.conclusion.as_ref().filter(|_| visit.status == DeliveryStatus::Confirmed);
        let Some(handed_over) = handed_over else {
            let legal_moves = match visit.status {
                DeliveryStatus::Failed | DeliveryStatus::Cancelled => vec![],
                DeliveryStatus::Pending
                | DeliveryStatus::Assigned
                | DeliveryStatus::OutForDelivery
                | DeliveryStatus::Confirmed => vec!["handed_over".to_owned()],
            };
            let status = self.status(visit).as_str().to_owned();
            return Err(Refusal::IllegalTransition { status, legal_moves }.into());
        };
        if let Some(said) = self.reconciliation.as_ref().filter(|s| s.outcome == ReconciliationOutcome::Reconciled) {
            let same = said.bank_reference.eq_ignore_ascii_case(&line.bank_reference)
                && said.amount == line.amount
                && said.value_date == line.value_date;
            return if same {
                Ok(Reconciled::Already)
            } else {
                Err(Refusal::IllegalTransition { status: "reconciled".to_owned(), legal_moves: vec![] }.into())
            };
        }
        let paid = handed_over.amount.unwrap_or(self.amount);
        let differences = differences(paid, handed_over.received_at.day_in(zone), line);
        let outcome =
            if differences.is_empty() { ReconciliationOutcome::Reconciled } else { ReconciliationOutcome::Exception };
        let reconciliation = Reconciliation {
            outcome,
            bank_reference: line.bank_reference.clone(),
            amount: line.amount,
            value_date: line.value_date,
            differences,
            at,
        };
        let version = self.version.saturating_add(1);
        let after = Self { reconciliation: Some(reconciliation), version, updated_at: at, ..self.clone() };
        Ok(Reconciled::Now { after: Box::new(after), outcome })
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

    use super::*;
    use crate::{Currency, delivery::Conclusion};

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
        assert_eq!((status.as_str(), legal_moves.as_slice()), ("created", ["handed_over".to_owned()].as_slice()));
    }
}
