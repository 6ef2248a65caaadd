//! A delivery: one visit to a borrower, from the desk's plan to what the agent reports at the door.

use std::fmt;

use garde::Validate;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    AgentId, ApprovalId, Caller, Command, Day, DeliveryId, DisbursementId, Failed, Flaw, Money, PartnerName, Refusal,
    RegionName, ReservationId, Timestamp, TransferId,
    access::{Agent, Belongings, Owned},
    approval::PreviewPosting,
    id::Sha256Hex,
    ledger::{Account, Subject, Transfer, TransferKind},
    reservation::Reservation,
};

/// Which way the cash goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryKind {
    /// Cash from the borrower.
    Collection,
    /// Cash to the borrower.
    Disbursement,
}

/// How far a visit has come; forward only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// Planned, nobody's yet.
    Pending,
    /// Given to an agent.
    Assigned,
    /// The agent is on the way.
    OutForDelivery,
    /// Cash changed hands.
    Confirmed,
    /// The visit did not work out.
    Failed,
    /// Called off.
    Cancelled,
}

impl DeliveryStatus {
    /// Every status, in the order a visit can go through them.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Assigned, Self::OutForDelivery, Self::Confirmed, Self::Failed, Self::Cancelled];

    /// What a visit can become from here.
    #[must_use]
    pub fn legal_moves(self) -> &'static [Self] {
        match self {
            Self::Pending => &[Self::Assigned, Self::Cancelled],
            Self::Assigned => &[Self::OutForDelivery, Self::Confirmed, Self::Failed, Self::Cancelled],
            Self::OutForDelivery => &[Self::Confirmed, Self::Failed, Self::Cancelled],
            // Cash that was handed over where nobody could hear of it is a fact.
            Self::Cancelled => &[Self::Confirmed],
            Self::Confirmed | Self::Failed => &[],
        }
    }

    /// The word for it in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Assigned => "assigned",
            Self::OutForDelivery => "out_for_delivery",
            Self::Confirmed => "confirmed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for DeliveryStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The person visited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Borrower {
    /// How the agent will ask for them.
    #[garde(length(chars, min = 1, max = 120))]
    pub name: String,
    /// E.164, for the call before the visit.
    #[garde(custom(is_phone))]
    pub phone: String,
    /// Where they live, in words.
    #[garde(length(chars, min = 1, max = 300))]
    pub address: String,
}

/// E.164: a plus and 8 to 15 digits (ITU-T E.164, §6.1).
#[expect(clippy::ptr_arg, reason = "garde hands over the field's own type")]
pub(crate) fn is_phone<C>(phone: &String, _: &C) -> garde::Result {
    let digits = phone.strip_prefix('+').unwrap_or_default();
    if (8..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(())
    } else {
        Err(garde::Error::new("must be an E.164 number such as +919800000001"))
    }
}

/// A place on earth as a phone reports it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// Degrees north, WGS 84.
    #[garde(range(min = -90.0, max = 90.0))]
    pub lat: f64,
    /// Degrees east, WGS 84.
    #[garde(range(min = -180.0, max = 180.0))]
    pub lon: f64,
    /// Radius of 68 % confidence, in metres.
    #[garde(range(min = 0.0, max = 100_000.0))]
    pub accuracy_metres: f64,
}

/// One visit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Delivery {
    /// Its id.
    pub delivery_id: DeliveryId,
    /// Which way the cash goes.
    pub kind: DeliveryKind,
    /// How far it has come.
    pub status: DeliveryStatus,
    /// For whom.
    pub partner_id: PartnerName,
    /// The partner's own word for it, unique per partner and kind.
    pub reference: String,
    /// Where.
    pub region: RegionName,
    /// Whom to visit.
    pub borrower: Borrower,
    /// What is due, or to be handed over.
    pub amount: Money,
    /// The day of the visit, in the operator's zone.
    #[schema(value_type = String, format = Date)]
    pub due: Day,
    /// Whose visit it is.
    pub agent_id: Option<AgentId>,
    /// The instruction it carries out.
    pub disbursement_id: Option<DisbursementId>,
    /// The approval without which no agent gets it; it stays with a visit that was called off because it was not given.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub awaits_approval: Option<ApprovalId>,
    /// The agent's cash that is set aside for it, or was.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reservation_id: Option<ReservationId>,
    /// What happened at the door.
    pub conclusion: Option<Conclusion>,
    /// Counts its changes, from 1.
    pub version: u64,
    /// When it was planned.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What happened at the door, as it is kept with the visit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Conclusion {
    /// Cash handed over or collected.
    pub amount: Option<Money>,
    /// The transfer that booked it.
    pub transfer_id: Option<TransferId>,
    /// Why it failed.
    pub reason: Option<FailureReason>,
    /// The phone's clock.
    pub occurred_at: Timestamp,
    /// The server's clock: the one that orders money.
    pub received_at: Timestamp,
    /// Where the phone was.
    pub position: Option<Position>,
    /// Digest of the proof (photo, signature) that follows later.
    pub proof_sha256: Option<Sha256Hex>,
}

/// A phone whose clock is further behind is not believed: agents are offline for days, not for longer than a week.
const BELIEVED_SECONDS: i64 = 7 * 86_400;

impl Conclusion {
    /// The day of the visit in a zone, by the phone's clock: never later than it was heard of, and not more than a week
    /// before.
    #[must_use]
    pub fn day_in(&self, zone: &TimeZone) -> Day {
        let is_believed = self.occurred_at >= self.received_at.plus_seconds(-BELIEVED_SECONDS);
        let at = if is_believed { self.occurred_at.min(self.received_at) } else { self.received_at };
        at.day_in(zone)
    }
}

/// A visit to be planned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct NewDelivery {
    /// `collection`; cash goes out only on a partner's instruction.
    #[garde(custom(is_collection))]
    pub kind: DeliveryKind,
    /// For whom; partners may leave it out.
    #[garde(skip)]
    #[serde(default)]
    pub partner_id: Option<PartnerName>,
    /// The partner's own word for it.
    #[garde(custom(is_reference))]
    pub reference: String,
    /// Where.
    #[garde(skip)]
    pub region: RegionName,
    /// Whom to visit.
    #[garde(dive)]
    pub borrower: Borrower,
    /// What is due.
    #[garde(custom(crate::money::visit_amount))]
    pub amount: Money,
    /// The day of the visit.
    #[garde(skip)]
    #[schema(value_type = String, format = Date)]
    pub due: Day,
}

fn is_collection<C>(kind: &DeliveryKind, _: &C) -> garde::Result {
    match kind {
        DeliveryKind::Collection => Ok(()),
        DeliveryKind::Disbursement => {
            Err(garde::Error::new("must be collection; cash goes out on an instruction, POST /api/v1/disbursements"))
        }
    }
}

/// Whether a text may be a partner's reference: printable ASCII without the characters that separate keys and files, at
/// most 64.
#[must_use]
pub fn may_be_reference(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/');
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}

#[expect(clippy::ptr_arg, reason = "garde hands over the field's own type")]
pub(crate) fn is_reference<C>(reference: &String, _: &C) -> garde::Result {
    if may_be_reference(reference) {
        Ok(())
    } else {
        Err(garde::Error::new("must be 1 to 64 letters, digits, hyphens, underscores, dots or slashes"))
    }
}

/// Who gets the visit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// The agent.
    #[garde(skip)]
    pub agent_id: AgentId,
}

/// How a visit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeKind {
    /// Cash changed hands.
    Confirmed,
    /// It did not.
    Failed,
}

/// Why a visit did not work out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureReason {
    /// Nobody there.
    BorrowerAbsent,
    /// The borrower would not take or give it.
    Refused,
    /// Not found.
    AddressNotFound,
    /// Somebody else.
    IdentityMismatch,
    /// The agent left for safety.
    Unsafe,
    /// The agent did not carry enough.
    InsufficientCash,
    /// None of these.
    Other,
}

/// What the agent reports at the door.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// How it ended.
    #[garde(skip)]
    pub outcome: OutcomeKind,
    /// Cash handed over or collected, when it did.
    #[garde(inner(custom(crate::money::visit_amount)))]
    #[serde(default)]
    pub amount: Option<Money>,
    /// Why it did not.
    #[garde(skip)]
    #[serde(default)]
    pub reason: Option<FailureReason>,
    /// The phone's clock.
    #[garde(skip)]
    pub occurred_at: Timestamp,
    /// Where the phone was.
    #[garde(dive)]
    #[serde(default)]
    pub position: Option<Position>,
    /// Digest of the proof that follows later.
    #[garde(skip)]
    #[serde(default)]
    pub proof_sha256: Option<Sha256Hex>,
}

impl Outcome {
    /// Amount and reason as the outcome asks for them.
    fn reported(&self) -> Result<Reported, Failed> {
        match (self.outcome, self.amount, self.reason) {
            (OutcomeKind::Confirmed, Some(amount), None) => Ok(Reported::Cash(amount)),
            (OutcomeKind::Failed, None, Some(reason)) => Ok(Reported::NoCash(reason)),
            (OutcomeKind::Confirmed, None, _) => {
                Err(Failed::invalid(Flaw::new("/amount", "required", "a confirmed visit names the amount")))
            }
            (OutcomeKind::Confirmed, Some(_), Some(_)) => {
                Err(Failed::invalid(Flaw::new("/reason", "not_allowed", "a confirmed visit has no reason to fail")))
            }
            (OutcomeKind::Failed, Some(_), _) => {
                Err(Failed::invalid(Flaw::new("/amount", "not_allowed", "a failed visit moves no cash")))
            }
            (OutcomeKind::Failed, None, None) => {
                Err(Failed::invalid(Flaw::new("/reason", "required", "a failed visit names the reason")))
            }
        }
    }
}

/// The receipt for an outcome: what the agent's phone keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Receipt {
    /// The visit.
    pub delivery_id: DeliveryId,
    /// How it ended.
    pub status: DeliveryStatus,
    /// Which way the cash went.
    pub kind: DeliveryKind,
    /// How much.
    pub amount: Option<Money>,
    /// The transfer that booked it.
    pub transfer_id: Option<TransferId>,
    /// The phone's clock.
    pub occurred_at: Timestamp,
    /// The server's clock.
    pub received_at: Timestamp,
    /// Why it failed.
    pub reason: Option<FailureReason>,
}

impl Owned for Delivery {
    fn belongings(&self) -> Belongings<'_> {
        Belongings {
            partner: Some(&self.partner_id),
            region: Some(&self.region),
            agent: self.agent_id.as_ref(),
            requester: None,
        }
    }
}

impl Delivery {
    /// A visit as it is planned by a command.
    #[must_use]
    pub fn plan(command: &Command, new: &NewDelivery, partner_id: PartnerName) -> Self {
        Self {
            delivery_id: DeliveryId::mint(command.at, &command.seed()),
            kind: new.kind,
            status: DeliveryStatus::Pending,
            partner_id,
            reference: new.reference.clone(),
            region: new.region.clone(),
            borrower: new.borrower.clone(),
            amount: new.amount,
            due: new.due,
            agent_id: None,
            disbursement_id: None,
            awaits_approval: None,
            reservation_id: None,
            conclusion: None,
            version: 1,
            created_at: command.at,
            updated_at: command.at,
        }
    }

    /// The visit with its agent.
    ///
    /// # Errors
    /// [`Refusal`] when it is no longer pending, or the agent works elsewhere.
    pub fn assign(&self, agent_id: &AgentId, agent_regions: &[RegionName], at: Timestamp) -> Result<Self, Refusal> {
        self.must_move_to(DeliveryStatus::Assigned)?;
        if let Some(approval_id) = &self.awaits_approval {
            return Err(Refusal::ApprovalPending { approval_id: approval_id.to_string() });
        }
        if !agent_regions.contains(&self.region) {
            return Err(Refusal::AgentNotInRegion { region: self.region.to_string() });
        }
        let agent_id = Some(agent_id.clone());
        Ok(Self { agent_id, ..self.advanced(DeliveryStatus::Assigned, at) })
    }

    /// The visit as the agent's report leaves it, the receipt, and the transfer that books the cash.
    ///
    /// # Errors
    /// [`Failed::Unknown`] when it is not this agent's visit, [`Failed::Invalid`] when the report is not one,
    /// [`Failed::Refused`] when the status or the amount does not allow it.
    pub fn conclude(&self, agent: &Agent, outcome: &Outcome, command: &Command) -> Result<Concluded, Failed> {
        if self.agent_id.as_ref() != Some(&agent.agent_id) {
            return Err(Failed::Unknown);
        }
        let reported = outcome.reported()?;
        let (status, transfer, reason) = match reported {
            Reported::NoCash(reason) => {
                self.must_move_to(DeliveryStatus::Failed)?;
                (DeliveryStatus::Failed, None, Some(reason))
            }
            Reported::Cash(amount) => {
                self.must_move_to(DeliveryStatus::Confirmed)?;
                self.must_take(amount)?;
                let transfer_id = TransferId::mint(command.at, &command.seed());
                (
                    DeliveryStatus::Confirmed,
                    Some(self.transfer(agent, amount, transfer_id)?.effective(outcome.occurred_at)),
                    None,
                )
            }
        };
        let conclusion = Conclusion {
            amount: outcome.amount,
            transfer_id: transfer.as_ref().map(|transfer| transfer.transfer_id().clone()),
            reason,
            occurred_at: outcome.occurred_at,
            received_at: command.at,
            position: outcome.position,
            proof_sha256: outcome.proof_sha256.clone(),
        };
        let receipt = Receipt {
            delivery_id: self.delivery_id.clone(),
            status,
            kind: self.kind,
            amount: conclusion.amount,
            transfer_id: conclusion.transfer_id.clone(),
            occurred_at: conclusion.occurred_at,
            received_at: conclusion.received_at,
            reason,
        };
        let after = Self { conclusion: Some(conclusion), ..self.advanced(status, command.at) };
        Ok(Concluded { after, receipt, transfer, reservation: None })
    }

    /// The visit that an agent may get now, because it was approved.
    ///
    /// # Errors
    /// [`Refusal::IllegalTransition`] when it was called off meanwhile.
    pub fn release(&self, at: Timestamp) -> Result<Self, Refusal> {
        self.must_move_to(DeliveryStatus::Assigned)?;
        Ok(Self { awaits_approval: None, ..self.advanced(self.status, at) })
    }

    /// The visit that nobody makes any more.
    ///
    /// # Errors
    /// [`Refusal::IllegalTransition`] when it is concluded.
    pub fn call_off(&self, at: Timestamp) -> Result<Self, Refusal> {
        self.must_move_to(DeliveryStatus::Cancelled)?;
        Ok(self.advanced(DeliveryStatus::Cancelled, at))
    }

    /// What will be booked when cash changes hands; whose cash is known once the visit has its agent.
    #[must_use]
    pub fn preview(&self) -> Vec<PreviewPosting> {
        let hand = self.agent_id.clone().map(Account::AgentCash);
        let control = Account::PartnerControl(self.partner_id.clone());
        let opposite = Money { amount_minor: self.amount.amount_minor.saturating_neg(), ..self.amount };
        let (in_hand, in_control) = match self.kind {
            DeliveryKind::Collection => (self.amount, opposite),
            DeliveryKind::Disbursement => (opposite, self.amount),
        };
        vec![
            PreviewPosting { account_kind: control.kind().to_owned(), account_id: Some(control), amount: in_control },
            PreviewPosting { account_id: hand, account_kind: "agent_cash".to_owned(), amount: in_hand },
        ]
    }

    /// A collection takes at most what is due; a disbursement hands over exactly what was instructed.
    fn must_take(&self, amount: Money) -> Result<(), Refusal> {
        match self.kind {
            DeliveryKind::Disbursement if amount != self.amount => Err(Refusal::amount_differs(self.amount)),
            DeliveryKind::Collection if amount.currency != self.amount.currency => {
                Err(Refusal::amount_differs(self.amount))
            }
            DeliveryKind::Collection if amount.amount_minor > self.amount.amount_minor => {
                Err(Refusal::amount_exceeds_due(self.amount))
            }
            DeliveryKind::Disbursement | DeliveryKind::Collection => Ok(()),
        }
    }

    /// Cash between the agent's hand and the partner's control account.
    fn transfer(&self, agent: &Agent, amount: Money, transfer_id: TransferId) -> Result<Transfer, Failed> {
        let hand = Account::AgentCash(agent.agent_id.clone());
        let control = Account::PartnerControl(self.partner_id.clone());
        let subject = Subject {
            delivery_id: Some(self.delivery_id.clone()),
            reference: Some(self.reference.clone()),
            ..Subject::default()
        };
        let (kind, from, to) = match self.kind {
            DeliveryKind::Collection => (TransferKind::Collection, control, hand),
            DeliveryKind::Disbursement => (TransferKind::Disbursement, hand, control),
        };
        Transfer::between(transfer_id, kind, from, to, amount, subject).map_err(Failed::fault)
    }

    fn must_move_to(&self, next: DeliveryStatus) -> Result<(), Refusal> {
        if self.status.legal_moves().contains(&next) { Ok(()) } else { Err(Refusal::from_delivery(self.status)) }
    }

    fn advanced(&self, status: DeliveryStatus, at: Timestamp) -> Self {
        Self { status, version: self.version.saturating_add(1), updated_at: at, ..self.clone() }
    }
}

/// What a report of an outcome comes to.
enum Reported {
    Cash(Money),
    NoCash(FailureReason),
}

/// A visit that has its agent.
#[derive(Debug, Clone, PartialEq)]
pub struct Assigned {
    /// The visit afterwards.
    pub visit: Delivery,
    /// The agent's cash that is set aside for it.
    pub reservation: Option<Reservation>,
}

/// A concluded visit.
#[derive(Debug, Clone, PartialEq)]
pub struct Concluded {
    /// The visit afterwards.
    pub after: Delivery,
    /// What the agent gets.
    pub receipt: Receipt,
    /// The cash that moved, if any did.
    pub transfer: Option<Transfer>,
    /// What was set aside for it, spent or let go; none that was not held any more.
    pub reservation: Option<Reservation>,
}

impl Concluded {
    /// The same, out of the cash that was set aside for it if it still is.
    #[must_use]
    pub fn out_of(self, reserved: Option<&Reservation>, at: Timestamp) -> Self {
        let reservation = reserved.and_then(|reserved| match &self.transfer {
            Some(transfer) => reserved.handed_over(transfer, at),
            None => reserved.released(at),
        });
        let reservation_id = reservation.as_ref().map(|reservation| reservation.reservation_id.clone());
        let transfer = self.transfer.map(|transfer| {
            let subject = Subject { reservation_id, ..transfer.subject().clone() };
            transfer.about(subject)
        });
        Self { transfer, reservation, ..self }
    }
}

/// A visit as a list shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeliverySummary {
    /// Its id.
    pub delivery_id: DeliveryId,
    /// Which way the cash goes.
    pub kind: DeliveryKind,
    /// How far it has come.
    pub status: DeliveryStatus,
    /// For whom.
    pub partner_id: PartnerName,
    /// Where.
    pub region: RegionName,
    /// What is due, or to be handed over.
    pub amount: Money,
    /// The day of the visit.
    #[schema(value_type = String, format = Date)]
    pub due: Day,
    /// Whose visit it is.
    #[serde(default)]
    pub agent_id: Option<AgentId>,
    /// Whom to visit.
    pub borrower_name: String,
    /// Counts its changes.
    pub version: u64,
}

impl Owned for DeliverySummary {
    fn belongings(&self) -> Belongings<'_> {
        Belongings {
            partner: Some(&self.partner_id),
            region: Some(&self.region),
            agent: self.agent_id.as_ref(),
            requester: None,
        }
    }
}

/// Which visits somebody asks for.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeliveryQuery {
    /// Where.
    pub region: Option<RegionName>,
    /// How far they have come.
    pub status: Option<DeliveryStatus>,
    /// Whose.
    pub agent_id: Option<AgentId>,
    /// Of which day.
    #[schema(value_type = Option<String>, format = Date)]
    pub due: Option<Day>,
}

/// Which visits a list shows: the two questions that an index answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryFilter {
    /// A region's visits of a status, of one day or of all.
    Worklist {
        /// Where.
        region: RegionName,
        /// How far they have come.
        status: DeliveryStatus,
        /// The day of the visit.
        due: Option<Day>,
    },
    /// An agent's day.
    AgentDay {
        /// Whose.
        agent_id: AgentId,
        /// Which day.
        due: Day,
    },
}

impl DeliveryQuery {
    /// The question as an index answers it; agents ask for their own day.
    ///
    /// # Errors
    /// [`Failed::Malformed`] when no index answers it, [`Failed::Unknown`] for what is not the caller's to know of.
    pub fn filter(self, caller: &Caller) -> Result<DeliveryFilter, Failed> {
        let agent_id = caller.agent_for(self.agent_id.as_ref())?;
        match (self.region, self.status, agent_id, self.due) {
            (Some(region), Some(status), None, due) => {
                caller.must_work_in(&region)?;
                Ok(DeliveryFilter::Worklist { region, status, due })
            }
            (None, None, Some(agent_id), Some(due)) => Ok(DeliveryFilter::AgentDay { agent_id, due }),
            _ => {
                let flaw = Flaw::new("", "unindexed_filter", "no index answers these filters together");
                let hint = if caller.as_agent().is_some() {
                    "allowed: due"
                } else {
                    "allowed: region and status, with or without due; or agent_id and due"
                };
                Err(Failed::malformed(flaw.with_hint(hint)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        Currency, Role,
        access::{self, Party as _},
        command::Fingerprint,
    };

    fn agent(name: &[u8]) -> Agent {
        let agent_id = AgentId::mint(Timestamp::EPOCH, &[name]).to_string();
        let regions = vec!["pune-north".parse().unwrap()];
        Agent::of(Caller::new("pennco".parse().unwrap(), Role::Agent, agent_id, regions)).unwrap()
    }

    fn command() -> Command {
        let caller = agent(b"a").caller;
        let fingerprint = Fingerprint::of(&BTreeMap::new(), &()).unwrap();
        let at = Timestamp::from_millis(1_763_700_000_000);
        Command::of_request(&caller, &access::DELIVERY_CONFIRM, "k1".into(), fingerprint, at, "r1".into(), "/".into())
    }

    fn visit(kind: DeliveryKind, status: DeliveryStatus) -> Delivery {
        let new = NewDelivery {
            kind,
            partner_id: None,
            reference: "BF-1".to_owned(),
            region: "pune-north".parse().unwrap(),
            borrower: Borrower { name: "Asha".into(), phone: "+919800000001".into(), address: "Wagholi".into() },
            amount: Money::new(150_000, Currency::Inr),
            due: jiff::civil::date(2026, 11, 21),
        };
        let planned = Delivery::plan(&command(), &new, "bfil".parse().unwrap());
        let agent_id = (status != DeliveryStatus::Pending).then(|| agent(b"a").agent_id);
        Delivery { status, agent_id, ..planned }
    }

    fn outcome(amount_minor: i64) -> Outcome {
        Outcome {
            outcome: OutcomeKind::Confirmed,
            amount: Some(Money::new(amount_minor, Currency::Inr)),
            reason: None,
            occurred_at: Timestamp::EPOCH,
            position: None,
            proof_sha256: None,
        }
    }

    fn failure() -> Outcome {
        Outcome { outcome: OutcomeKind::Failed, amount: None, reason: Some(FailureReason::Refused), ..outcome(1) }
    }

    #[test]
    fn cash_collected_moves_from_the_partners_control_into_the_agents_hand() {
        let before = visit(DeliveryKind::Collection, DeliveryStatus::Assigned);
        let concluded = before.conclude(&agent(b"a"), &outcome(100_000), &command()).unwrap();
        let transfer = concluded.transfer.unwrap();
        let sides: Vec<_> =
            transfer.postings().iter().map(|side| (side.account.kind(), side.amount.amount_minor)).collect();
        assert_eq!(sides, [("agent_cash", 100_000), ("partner_control", -100_000)]);
        assert_eq!(concluded.after.status, DeliveryStatus::Confirmed);
        assert_eq!(concluded.after.version, before.version + 1);
        assert_eq!(concluded.receipt.transfer_id.as_ref(), Some(transfer.transfer_id()));
    }

    #[test]
    fn cash_handed_over_moves_the_other_way_and_only_in_full() {
        let before = visit(DeliveryKind::Disbursement, DeliveryStatus::OutForDelivery);
        let short = before.conclude(&agent(b"a"), &outcome(149_999), &command()).unwrap_err();
        assert!(matches!(short, Failed::Refused(Refusal::AmountDiffers { expected_minor: 150_000, .. })));
        let transfer = before.conclude(&agent(b"a"), &outcome(150_000), &command()).unwrap().transfer.unwrap();
        let sides: Vec<_> =
            transfer.postings().iter().map(|side| (side.account.kind(), side.amount.amount_minor)).collect();
        assert_eq!(sides, [("partner_control", 150_000), ("agent_cash", -150_000)]);
    }

    #[test]
    fn a_collection_never_takes_more_than_is_due() {
        let before = visit(DeliveryKind::Collection, DeliveryStatus::Assigned);
        let over = before.conclude(&agent(b"a"), &outcome(150_001), &command()).unwrap_err();
        assert!(matches!(over, Failed::Refused(Refusal::AmountExceedsDue { due_minor: 150_000, .. })));
    }

    #[test]
    fn a_failed_visit_moves_no_cash_and_says_why() {
        let before = visit(DeliveryKind::Collection, DeliveryStatus::Assigned);
        let concluded = before.conclude(&agent(b"a"), &failure(), &command()).unwrap();
        assert_eq!((concluded.after.status, concluded.transfer), (DeliveryStatus::Failed, None));
        for nonsense in [
            Outcome { amount: None, ..outcome(1) },
            Outcome { reason: Some(FailureReason::Other), ..outcome(1) },
            Outcome { reason: None, ..failure() },
            Outcome { amount: outcome(1).amount, ..failure() },
        ] {
            let failed = before.conclude(&agent(b"a"), &nonsense, &command()).unwrap_err();
            assert!(matches!(failed, Failed::Invalid(_)), "{nonsense:?}");
        }
    }

    #[test]
    fn another_agents_visit_does_not_exist() {
        let before = visit(DeliveryKind::Collection, DeliveryStatus::Assigned);
        let failed = before.conclude(&agent(b"b"), &outcome(1), &command()).unwrap_err();
        assert!(matches!(failed, Failed::Unknown));
    }

    #[test]
    fn an_agent_of_another_region_gets_no_visit() {
        let before = visit(DeliveryKind::Collection, DeliveryStatus::Pending);
        let elsewhere = ["pune-south".parse().unwrap()];
        let refused = before.assign(&agent(b"a").agent_id, &elsewhere, Timestamp::EPOCH);
        assert_eq!(refused, Err(Refusal::AgentNotInRegion { region: "pune-north".into() }));
    }

    #[test]
    fn what_has_ended_names_no_legal_move() {
        for status in [DeliveryStatus::Confirmed, DeliveryStatus::Failed] {
            let refused = visit(DeliveryKind::Collection, status).conclude(&agent(b"a"), &outcome(1), &command());
            let Err(Failed::Refused(Refusal::IllegalTransition { legal_moves, .. })) = refused else {
                panic!("{status} must refuse: {refused:?}")
            };
            assert_eq!(legal_moves, Vec::<String>::new());
        }
    }

    #[test]
    fn cash_that_was_handed_over_offline_is_booked_although_the_visit_was_called_off() {
        let before = visit(DeliveryKind::Disbursement, DeliveryStatus::Cancelled);
        let concluded = before.conclude(&agent(b"a"), &outcome(150_000), &command()).unwrap();
        assert_eq!((concluded.after.status, concluded.transfer.is_some()), (DeliveryStatus::Confirmed, true));
        let nothing = before.conclude(&agent(b"a"), &failure(), &command());
        assert!(matches!(nothing, Err(Failed::Refused(Refusal::IllegalTransition { .. }))), "{nothing:?}");
        let nobodys = Delivery { agent_id: None, ..before };
        assert!(matches!(nobodys.conclude(&agent(b"a"), &outcome(150_000), &command()), Err(Failed::Unknown)));
    }

    proptest! {
        #[test]
        fn whatever_is_tried_a_visit_only_moves_forward(
            tries in prop::collection::vec((0_u8..3, 1_i64..200_000), 1..20),
            disbursement in any::<bool>(),
        ) {
            let kind = if disbursement { DeliveryKind::Disbursement } else { DeliveryKind::Collection };
            let mut now = visit(kind, DeliveryStatus::Pending);
            let mut moved = 0;
            for (what, amount) in tries {
                let next = match what {
                    0 => now.assign(&agent(b"a").agent_id, &agent(b"a").caller.regions, Timestamp::EPOCH).ok(),
                    1 => now.conclude(&agent(b"a"), &outcome(amount), &command()).ok().map(|c| {
                        moved += usize::from(c.transfer.is_some());
                        c.after
                    }),
                    _ => now.conclude(&agent(b"a"), &failure(), &command()).ok().map(|c| c.after),
                };
                if let Some(next) = next {
                    prop_assert!(now.status.legal_moves().contains(&next.status));
                    prop_assert_eq!(next.version, now.version + 1);
                    now = next;
                }
            }
            prop_assert!(moved <= 1);
        }
    }
}
