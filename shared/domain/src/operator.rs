//! An operator: where it works, for whom, in which zone and currency.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    AgentId, Caller, Command, Currency, Delivery, Failed, Flaw, OperatorName, PartnerName, Refusal, RegionName,
    access::Partner,
    approval::{Approval, ApprovalRule, Request, SubjectKind},
    calendar::{BusinessCalendar, BusinessDays},
    delivery::{Assigned, DeliveryKind, NewDelivery},
    disbursement::{Instruction, NewDisbursement},
    ledger::{Account, Transfer},
    payout::Clock,
    reservation::{CashReservation, Reservation},
    settlement_format::{FileFormat, MILEPOST, SettlementFormats},
    transfer::{Made, ProposedTransfer},
    turn_around::{Rail, TurnArounds},
};

/// The most partners of an operator: a day is closed in one transaction, DynamoDB's takes a hundred items, and commit,
/// calendar and closed day are three of them beside a settlement a partner.
pub const MOST_PARTNERS: usize = 97;

/// A delivery company that runs on Milepost: the tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// Its short name, first part of every key.
    pub operator: OperatorName,
    /// IANA name of the zone its business days are reckoned in.
    pub zone: String,
    /// The currency its money is in.
    pub currency: Currency,
    /// Where it works.
    pub regions: Vec<RegionName>,
    /// Whose cash it moves.
    pub partners: Vec<PartnerName>,
    /// When its business days end, and which days are none.
    #[serde(default)]
    pub business_calendar: BusinessCalendar,
    /// What nobody does alone; what no rule asks approval for is approved at once.
    #[serde(default)]
    pub approvals: Vec<ApprovalRule>,
    /// Which way each partner is paid; IMPS where it says nothing.
    #[serde(default)]
    pub payout_rails: BTreeMap<PartnerName, Rail>,
    /// Whether agents' cash is set aside for the payments that they are to make.
    #[serde(default)]
    pub cash_reservation: CashReservation,
    /// How each partner's settlement files are laid out, by the name of a format; `milepost` where it says nothing.
    #[serde(default)]
    pub settlement_formats: BTreeMap<PartnerName, String>,
}

/// A partner's instruction as it is taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Instructed {
    /// The instruction.
    pub instruction: Instruction,
    /// The visit that carries it out.
    pub visit: Delivery,
    /// What both wait for, if the operator's rules ask for it.
    pub approval: Option<Approval>,
}

/// Who shall make a visit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignee {
    /// The agent.
    pub agent_id: AgentId,
    /// Where they work.
    pub regions: Vec<RegionName>,
    /// Whether their cash account is closed.
    pub is_closed: bool,
}

impl Operator {
    /// Checks what a new visit names against what the operator has.
    ///
    /// # Errors
    /// [`Failed::Invalid`] with a pointer for each part that the operator does not have.
    fn check(&self, partner: &PartnerName, region: &RegionName, currency: Currency) -> Result<(), Failed> {
        let mut flaws = Vec::new();
        if !self.partners.contains(partner) {
            flaws.push(Flaw::new("/partner_id", "unknown_partner", "this operator does not work for that partner"));
        }
        if !self.regions.contains(region) {
            let hint = self.regions.iter().map(RegionName::as_str).collect::<Vec<_>>().join(", ");
            let flaw = Flaw::new("/region", "unknown_region", "this operator does not work in that region");
            flaws.push(flaw.with_hint(format!("one of {hint}")));
        }
        if self.currency != currency {
            let detail = format!("this operator's money is in {}", self.currency);
            flaws.push(Flaw::new("/amount/currency", "wrong_currency", detail));
        }
        if flaws.is_empty() { Ok(()) } else { Err(Failed::Invalid(flaws)) }
    }

    /// The visit that a command plans, if the operator works for that partner, there and in that currency, and the
    /// caller plans visits there.
    ///
    /// # Errors
    /// [`Failed::Invalid`] with a pointer for each part that does not fit.
    pub fn plan(&self, command: &Command, caller: &Caller, new: &NewDelivery) -> Result<Delivery, Failed> {
        let partner = caller.partner_for(new.partner_id.as_ref())?;
        self.check(&partner, &new.region, new.amount.currency)?;
        caller.must_plan_in(&new.region)?;
        Ok(Delivery::plan(command, new, partner))
    }

    /// The instruction and the visit that a partner's command makes, and the approval that they wait for.
    ///
    /// # Errors
    /// [`Failed::Invalid`] with a pointer for each part that does not fit.
    pub fn instruct(&self, command: &Command, partner: &Partner, new: &NewDisbursement) -> Result<Instructed, Failed> {
        let partner_id = &partner.partner_id;
        self.check(partner_id, &new.region, new.amount.currency)?;
        let (instruction, visit) = Instruction::plan(command, new, partner_id.clone());
        let request = Request {
            subject: SubjectKind::Disbursement,
            subject_id: instruction.disbursement_id.to_string(),
            partner_id: Some(partner_id.clone()),
            region: Some(new.region.clone()),
            amount: new.amount,
            preview: visit.preview(),
            transfer: None,
        };
        let approval = Approval::asked(&self.approvals, command, &partner.caller, request);
        let approval_id = approval.as_ref().map(|approval| approval.approval_id.clone());
        Ok(Instructed {
            instruction: Instruction { approval_id: approval_id.clone(), ..instruction },
            visit: Delivery { awaits_approval: approval_id, ..visit },
            approval,
        })
    }

    /// A visit with its agent and, if this operator sets cash aside for payments, so much of the agent's cash.
    ///
    /// # Errors
    /// As [`Delivery::assign`]; [`Refusal::AccountClosed`] for an agent who takes no cash any more. Whether so much is
    /// available comes with the write.
    pub fn assign(&self, visit: &Delivery, assignee: &Assignee, command: &Command) -> Result<Assigned, Refusal> {
        let agent_id = &assignee.agent_id;
        let visit = visit.assign(agent_id, &assignee.regions, command.at)?;
        if assignee.is_closed {
            let account_id = Account::AgentCash(agent_id.clone()).to_string();
            return Err(Refusal::AccountClosed { account_id });
        }
        let is_set_aside = match self.cash_reservation {
            CashReservation::None => false,
            CashReservation::AtAssignment => visit.kind == DeliveryKind::Disbursement,
        };
        let reservation = is_set_aside.then(|| Reservation::for_visit(command, &visit, agent_id));
        let reservation_id = reservation.as_ref().map(|reservation| reservation.reservation_id.clone());
        Ok(Assigned { visit: Delivery { reservation_id, ..visit }, reservation })
    }

    /// A transfer by hand as somebody makes it: booked at once, or waiting for the approval that the rules ask for.
    #[must_use]
    pub fn make(&self, command: &Command, maker: &Caller, subject: SubjectKind, transfer: Transfer) -> Made {
        let proposed = ProposedTransfer::of(&transfer);
        let request = Request {
            subject,
            subject_id: proposed.transfer_id.to_string(),
            partner_id: None,
            region: None,
            amount: proposed.amount(),
            preview: proposed.preview(),
            transfer: Some(proposed),
        };
        match Approval::asked(&self.approvals, command, maker, request) {
            Some(approval) => Made::Waits(Box::new(approval)),
            None => Made::Booked(Box::new(transfer)),
        }
    }

    /// Whether it has an account, as far as that follows from the operator alone: that of an agent, a budget or an
    /// expense is there when its balance is.
    #[must_use]
    pub fn has(&self, account: &Account) -> bool {
        match account {
            Account::PartnerControl(partner) | Account::PartnerSettlement(partner) => self.partners.contains(partner),
            Account::Vault(name) | Account::Bank(name) | Account::Suspense(name) => self.operator == *name,
            Account::AgentCash(_) | Account::Budget(_) | Account::Expense(_) => true,
        }
    }

    /// The zone of its business days; one that is not in the time zone data counts as UTC.
    #[must_use]
    pub fn time_zone(&self) -> jiff::tz::TimeZone {
        jiff::tz::TimeZone::get(&self.zone).unwrap_or(jiff::tz::TimeZone::UTC)
    }
    /// Its business days: its calendar in its zone.
    #[must_use]
    pub fn business_days(&self) -> BusinessDays {
        BusinessDays::new(self.business_calendar.clone(), self.time_zone())
    }

    /// What the clocks of its payouts run by.
    ///
    /// # Errors
    /// [`Failed::Fault`] when the rules of this release cannot be read.
    pub fn clock(&self) -> Result<Clock, Failed> {
        Ok(Clock { days: self.business_days(), rules: TurnArounds::shipped()? })
    }

    /// Which way a partner is paid.
    #[must_use]
    pub fn rail(&self, partner: &PartnerName) -> Rail {
        self.payout_rails.get(partner).copied().unwrap_or_default()
    }

    /// The format of a partner's next settlement: the newest version of its own.
    ///
    /// # Errors
    /// [`Failed::Fault`] when this release knows no format of that name.
    pub fn settlement_format(&self, partner: &PartnerName) -> Result<FileFormat, Failed> {
        let name = self.settlement_formats.get(partner).map_or(MILEPOST, String::as_str);
        Ok(SettlementFormats::shipped()?.newest(name)?.format().clone())
    }
}
