//! Events: what a commit reports, past tense, versioned, carried by the commit record itself.

use serde::{Deserialize, Serialize};

use crate::{Command, EventId, OperatorName, RegionName, Timestamp};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Happened {
    /// A visit was planned.
    #[serde(rename = "delivery.created")]
    DeliveryCreated,
    /// A visit got its agent.
    #[serde(rename = "delivery.assigned")]
    DeliveryAssigned,
    /// Cash changed hands.
    #[serde(rename = "delivery.confirmed")]
    DeliveryConfirmed,
    /// The visit did not work out.
    #[serde(rename = "delivery.failed")]
    DeliveryFailed,
    /// A visit was called off.
    #[serde(rename = "delivery.cancelled")]
    DeliveryCancelled,
    /// A partner instructed a payment.
    #[serde(rename = "disbursement.created")]
    DisbursementCreated,
    /// As many people as it takes approved a payment.
    #[serde(rename = "disbursement.approved")]
    DisbursementApproved,
    /// A payment was not approved.
    #[serde(rename = "disbursement.rejected")]
    DisbursementRejected,
    /// A payment was called off.
    #[serde(rename = "disbursement.cancelled")]
    DisbursementCancelled,
    /// A payment was taken back after the hand-over.
    #[serde(rename = "disbursement.reversed")]
    DisbursementReversed,
    /// The bank line matches.
    #[serde(rename = "disbursement.reconciled")]
    DisbursementReconciled,
    /// The match of its bank lines was taken apart.
    #[serde(rename = "disbursement.unreconciled")]
    DisbursementUnreconciled,
    /// The bank line differs.
    #[serde(rename = "disbursement.excepted")]
    DisbursementExcepted,
    /// Something waits for people's approval.
    #[serde(rename = "approval.requested")]
    ApprovalRequested,
    /// Somebody approved or rejected something.
    #[serde(rename = "approval.decided")]
    ApprovalDecided,
    /// Nobody decided in time.
    #[serde(rename = "approval.expired")]
    ApprovalExpired,
    /// A business day was closed.
    #[serde(rename = "day.closed")]
    DayClosed,
    /// The report of a closed day is there.
    #[serde(rename = "day.reported")]
    DayReported,
    /// A business day was closed for a partner.
    #[serde(rename = "settlement.requested")]
    SettlementRequested,
    /// A settlement is booked and its file lies ready.
    #[serde(rename = "settlement.settled")]
    SettlementSettled,
    /// A partner takes the whole file of a settlement.
    #[serde(rename = "settlement.acknowledged")]
    SettlementAcknowledged,
    /// A partner rejects lines of a settlement's file, or reckons other totals.
    #[serde(rename = "settlement.disputed")]
    SettlementDisputed,
    /// A partner shall be paid for a settlement.
    #[serde(rename = "payout.instructed")]
    PayoutInstructed,
    /// A rail has a payout.
    #[serde(rename = "payout.sent")]
    PayoutSent,
    /// Nobody can say what became of a payout.
    #[serde(rename = "payout.unknown")]
    PayoutUnknown,
    /// A payout has arrived.
    #[serde(rename = "payout.paid")]
    PayoutPaid,
    /// A payout failed: no money went.
    #[serde(rename = "payout.failed")]
    PayoutFailed,
    /// A payout is behind its deadline by another step.
    #[serde(rename = "payout.overdue")]
    PayoutOverdue,
    /// Somebody asked for a file.
    #[serde(rename = "export.requested")]
    ExportRequested,
    /// A bank statement arrived.
    #[serde(rename = "statement.received")]
    StatementReceived,
    /// Every line of a bank statement has its outcome.
    #[serde(rename = "statement.matched")]
    StatementMatched,
    /// Somebody was taken on; if they have an address, an invitation is sent.
    #[serde(rename = "user.created")]
    UserCreated,
    /// Somebody's name, role, regions or status changed.
    #[serde(rename = "user.updated")]
    UserUpdated,
    /// Somebody asked for a new password.
    #[serde(rename = "password.reset_requested")]
    PasswordResetRequested,
    /// Somebody set their password.
    #[serde(rename = "password.set")]
    PasswordSet,
    /// Somebody has a second factor now.
    #[serde(rename = "totp.confirmed")]
    TotpConfirmed,
    /// Somebody asked for a code by SMS.
    #[serde(rename = "otp.requested")]
    OtpRequested,
    /// Somebody logged in.
    #[serde(rename = "session.opened")]
    SessionOpened,
    /// Somebody tried to log in and was refused.
    #[serde(rename = "session.refused")]
    SessionRefused,
    /// Somebody logged out.
    #[serde(rename = "session.closed")]
    SessionClosed,
    /// A refresh token that was used up came back: the login was ended.
    #[serde(rename = "session.stolen")]
    SessionStolen,
    /// An agent logged in with a phone for the first time.
    #[serde(rename = "device.enrolled")]
    DeviceEnrolled,
    /// A phone was given up for lost.
    #[serde(rename = "device.revoked")]
    DeviceRevoked,
    /// A program was let in.
    #[serde(rename = "client.created")]
    ClientCreated,
    /// A program's name, scopes or status changed.
    #[serde(rename = "client.updated")]
    ClientUpdated,
    /// A program got a new secret.
    #[serde(rename = "client.rotated")]
    ClientRotated,
}

impl Happened {
    /// Every kind of event.
    pub const ALL: [Self; 46] = [
        Self::DeliveryCreated,
        Self::DeliveryAssigned,
        Self::DeliveryConfirmed,
        Self::DeliveryFailed,
        Self::DeliveryCancelled,
        Self::DisbursementCreated,
        Self::DisbursementApproved,
        Self::DisbursementRejected,
        Self::DisbursementCancelled,
        Self::DisbursementReversed,
        Self::DisbursementReconciled,
        Self::DisbursementUnreconciled,
        Self::DisbursementExcepted,
        Self::ApprovalDecided,
        Self::ApprovalExpired,
        Self::ApprovalRequested,
        Self::DayClosed,
        Self::DayReported,
        Self::SettlementRequested,
        Self::SettlementSettled,
        Self::SettlementAcknowledged,
        Self::SettlementDisputed,
        Self::PayoutInstructed,
        Self::PayoutSent,
        Self::PayoutUnknown,
        Self::PayoutPaid,
        Self::PayoutFailed,
        Self::PayoutOverdue,
        Self::ExportRequested,
        Self::StatementReceived,
        Self::StatementMatched,
        Self::UserCreated,
        Self::UserUpdated,
        Self::PasswordResetRequested,
        Self::PasswordSet,
        Self::TotpConfirmed,
        Self::OtpRequested,
        Self::SessionOpened,
        Self::SessionRefused,
        Self::SessionClosed,
        Self::SessionStolen,
        Self::DeviceEnrolled,
        Self::DeviceRevoked,
        Self::ClientCreated,
        Self::ClientUpdated,
        Self::ClientRotated,
    ];

    /// The name it has in documents and queues.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DeliveryCreated => "delivery.created",
            Self::DeliveryAssigned => "delivery.assigned",
            Self::DeliveryConfirmed => "delivery.confirmed",
            Self::DeliveryFailed => "delivery.failed",
            Self::DeliveryCancelled => "delivery.cancelled",
            Self::DisbursementCreated => "disbursement.created",
            Self::DisbursementApproved => "disbursement.approved",
            Self::DisbursementRejected => "disbursement.rejected",
            Self::DisbursementCancelled => "disbursement.cancelled",
            Self::DisbursementReversed => "disbursement.reversed",
            Self::DisbursementReconciled => "disbursement.reconciled",
            Self::DisbursementUnreconciled => "disbursement.unreconciled",
            Self::DisbursementExcepted => "disbursement.excepted",
            Self::ApprovalRequested => "approval.requested",
            Self::ApprovalDecided => "approval.decided",
            Self::ApprovalExpired => "approval.expired",
            Self::DayClosed => "day.closed",
            Self::DayReported => "day.reported",
            Self::SettlementRequested => "settlement.requested",
            Self::SettlementSettled => "settlement.settled",
            Self::SettlementAcknowledged => "settlement.acknowledged",
            Self::SettlementDisputed => "settlement.disputed",
            Self::PayoutInstructed => "payout.instructed",
            Self::PayoutSent => "payout.sent",
            Self::PayoutUnknown => "payout.unknown",
            Self::PayoutPaid => "payout.paid",
            Self::PayoutFailed => "payout.failed",
            Self::PayoutOverdue => "payout.overdue",
            Self::ExportRequested => "export.requested",
            Self::StatementReceived => "statement.received",
            Self::StatementMatched => "statement.matched",
            Self::UserCreated => "user.created",
            Self::UserUpdated => "user.updated",
            Self::PasswordResetRequested => "password.reset_requested",
            Self::PasswordSet => "password.set",
            Self::TotpConfirmed => "totp.confirmed",
            Self::OtpRequested => "otp.requested",
            Self::SessionOpened => "session.opened",
            Self::SessionRefused => "session.refused",
            Self::SessionClosed => "session.closed",
            Self::SessionStolen => "session.stolen",
            Self::DeviceEnrolled => "device.enrolled",
            Self::DeviceRevoked => "device.revoked",
            Self::ClientCreated => "client.created",
            Self::ClientUpdated => "client.updated",
            Self::ClientRotated => "client.rotated",
        }
    }

    /// The queues this event goes to.
    #[must_use]
    pub fn queues(self) -> &'static [Queue] {
        match self {
            Self::DeliveryCreated
            | Self::DeliveryAssigned
            | Self::DeliveryConfirmed
            | Self::DeliveryFailed
            | Self::DeliveryCancelled
            | Self::DisbursementCreated
            | Self::DisbursementApproved
            | Self::DisbursementRejected
            | Self::DisbursementCancelled
            | Self::DisbursementReversed
            | Self::DisbursementReconciled
            | Self::DisbursementUnreconciled
            | Self::DisbursementExcepted
            | Self::ApprovalRequested
            | Self::ApprovalDecided
            | Self::ApprovalExpired
            | Self::StatementMatched
            | Self::DayReported
            | Self::SettlementAcknowledged
            | Self::SettlementDisputed
            | Self::PayoutInstructed
            | Self::PayoutSent
            | Self::PayoutUnknown
            | Self::PayoutPaid
            | Self::PayoutFailed
            | Self::PayoutOverdue
            | Self::UserUpdated
            | Self::PasswordSet
            | Self::TotpConfirmed
            | Self::SessionOpened
            | Self::SessionRefused
            | Self::SessionClosed
            | Self::SessionStolen
            | Self::DeviceEnrolled
            | Self::DeviceRevoked
            | Self::ClientCreated
            | Self::ClientUpdated
            | Self::ClientRotated => &[Queue::Activity],
            Self::DayClosed | Self::SettlementSettled => &[Queue::Activity, Queue::DayClose],
            Self::SettlementRequested => &[Queue::Activity, Queue::Settlement],
            Self::ExportRequested => &[Queue::Activity, Queue::Export],
            Self::StatementReceived => &[Queue::Activity, Queue::Statement],
            Self::UserCreated | Self::PasswordResetRequested | Self::OtpRequested => &[Queue::Activity, Queue::Message],
        }
    }
}

/// Where events wait for their work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Queue {
    /// Counted by `activity-roll-up`.
    Activity,
    /// Reported by `day-close-build`, in order per operator.
    DayClose,
    /// Built by `settlement-build`, in order per partner.
    Settlement,
    /// Built by `export-build`.
    Export,
    /// Sent by `message-send`.
    Message,
    /// Worked off by `statement-match`, in order per operator.
    Statement,
}

/// Version of the shape of [`Event`].
const VERSION: u8 = 1;

/// An event as its commit record keeps it: without what the record says already, because each kilobyte of the record is
/// paid for with each command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    event_id: EventId,
    #[serde(rename = "type")]
    happened: Happened,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    region: Option<RegionName>,
    subject: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    group: Option<String>,
}

impl Report {
    /// The event itself, given what its commit record says.
    #[must_use]
    pub fn event(self, operator: &OperatorName, at: Timestamp) -> Event {
        Event {
            event_id: self.event_id,
            happened: self.happened,
            version: VERSION,
            operator: operator.clone(),
            at,
            region: self.region,
            subject: self.subject,
            group: self.group,
        }
    }
}

/// One reported fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Unique for ever; consumers remember it.
    pub event_id: EventId,
    /// What happened.
    #[serde(rename = "type")]
    pub happened: Happened,
    /// Version of this shape.
    pub version: u8,
    /// The tenant.
    pub operator: OperatorName,
    /// When the command that caused it arrived.
    pub at: Timestamp,
    /// Where, if it happened somewhere.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub region: Option<RegionName>,
    /// The id of what it happened to.
    pub subject: String,
    /// What must be worked off in order together, if anything: the partner of a settlement.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub group: Option<String>,
}

impl Event {
    /// What a command reports about a subject.
    #[must_use]
    pub fn of(command: &Command, happened: Happened, subject: &str, region: Option<&RegionName>) -> Self {
        let [operator, principal, route, key] = command.seed();
        let seed = [operator, principal, route, key, happened.as_str().as_bytes(), subject.as_bytes()];
        Self {
            event_id: EventId::mint(command.at, &seed),
            happened,
            version: VERSION,
            operator: command.operator.clone(),
            at: command.at,
            region: region.cloned(),
            subject: subject.to_owned(),
            group: None,
        }
    }

    /// The event as its commit record keeps it.
    #[must_use]
    pub fn report(&self) -> Report {
        Report {
            event_id: self.event_id.clone(),
            happened: self.happened,
            region: self.region.clone(),
            subject: self.subject.clone(),
            group: self.group.clone(),
        }
    }

    /// The same, to be worked off in order with others of the group.
    #[must_use]
    pub fn in_group(self, group: &str) -> Self {
        Self { group: Some(group.to_owned()), ..self }
    }
}
