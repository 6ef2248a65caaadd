//! Payouts: what the operator pays a partner for a settled day, what is known of it, and what a delay costs.
//!
//! A payout is an instruction to a payment rail. What becomes of it is known later, if at all, and *unknown is not
//! failed*: until it is known that no money went, nothing else is paid for the settlement.

use std::collections::BTreeMap;

use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Caller, Command, Currency, Day, Failed, Flaw, Money, OperatorName, PartnerName, PayoutId, Refusal, SettlementId,
    StatementId, Timestamp, TransferId,
    access::{Belongings, Owned},
    calendar::BusinessDays,
    disbursement::{StatementMatch, is_utr},
    ledger::{Account, Subject, Transfer, TransferKind},
    matching::{Expected, Tie, names_told},
    reconciliation::KeptLine,
    settlement::{Settlement, SettlementStatus},
    statement::{StatementLine, plain_reference},
    turn_around::{CountedIn, Rail, TurnArounds},
};

/// What is known of a payout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PayoutStatus {
    /// It shall be made; nothing has been heard of it.
    Instructed,
    /// A rail has it.
    Sent,
    /// The rail does not say what became of it.
    Unknown,
    /// The money has arrived.
    Paid,
    /// No money went.
    Failed,
}

impl PayoutStatus {
    /// Every status.
    pub const ALL: [Self; 5] = [Self::Instructed, Self::Sent, Self::Unknown, Self::Paid, Self::Failed];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Instructed => "instructed",
            Self::Sent => "sent",
            Self::Unknown => "unknown",
            Self::Paid => "paid",
            Self::Failed => "failed",
        }
    }

    /// What may be learned next; nothing is ever unlearned.
    #[must_use]
    pub fn legal_moves(self) -> &'static [Self] {
        match self {
            Self::Instructed => &[Self::Sent, Self::Unknown, Self::Paid, Self::Failed],
            Self::Sent => &[Self::Unknown, Self::Paid, Self::Failed],
            Self::Unknown => &[Self::Paid, Self::Failed],
            Self::Paid | Self::Failed => &[],
        }
    }

    /// Whether it may still turn out either way.
    #[must_use]
    pub fn is_open(self) -> bool {
        !self.legal_moves().is_empty()
    }
}

/// By when the money must be there, as it was reckoned from the rule of the day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Deadline {
    /// The day of the transaction, in the operator's zone: T.
    #[schema(value_type = String, format = Date)]
    pub transaction_day: Day,
    /// Days behind it.
    pub days: u16,
    /// What these days are.
    pub counted_in: CountedIn,
    /// The last day that is in time.
    #[schema(value_type = String, format = Date)]
    pub due: Day,
    /// Who says so, and where.
    pub source: String,
}

/// What was learned of a payout, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Learned {
    /// What is known since.
    pub status: PayoutStatus,
    /// When it was recorded.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// The bank's reference, if it gave one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bank_reference: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// The bank's statement that said so, if one did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub statement_id: Option<StatementId>,
}

/// An overdue payout that somebody was told of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Escalation {
    /// The step: so many days late or more.
    pub step: u32,
    /// When.
    pub at: Timestamp,
    /// How late it was.
    pub days_late: u32,
    /// What was owed for the delay by then.
    pub compensation: Money,
}

/// What the operator pays a partner for a settlement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Payout {
    /// Its id.
    pub payout_id: PayoutId,
    /// For which settlement.
    pub settlement_id: SettlementId,
    /// Of which day.
    #[schema(value_type = String, format = Date)]
    pub business_day: Day,
    /// To whom.
    pub partner_id: PartnerName,
    /// Which try for the settlement it is, from 1; the ones before are known to have failed.
    pub attempt: u32,
    /// How much.
    pub amount: Money,
    /// Which way.
    pub rail: Rail,
    /// What is known of it.
    pub status: PayoutStatus,
    /// When it was instructed.
    pub instructed_at: Timestamp,
    /// By when it must have arrived; none where no rule is for its rail and its currency.
    pub deadline: Option<Deadline>,
    /// The bank's reference (UTR), once it is known.
    pub bank_reference: Option<String>,
    /// The day the bank booked it for, once it is paid.
    #[schema(value_type = Option<String>, format = Date)]
    pub value_date: Option<Day>,
    /// The transfer that booked it, once it is paid.
    #[serde(default)]
    pub transfer_id: Option<TransferId>,
    /// The line of a bank's statement that bears it out, once one does.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub statement: Option<StatementMatch>,
    /// What is owed for its delay, once it is known what became of it.
    pub compensation: Option<Money>,
    /// Everything that was learned of it, oldest first.
    pub history: Vec<Learned>,
    /// Whenever it was overdue and somebody was told.
    pub escalations: Vec<Escalation>,
    /// Counts its changes, from 1.
    pub version: u64,
}

impl Owned for Payout {
    fn belongings(&self) -> Belongings<'_> {
        Belongings { partner: Some(&self.partner_id), ..Belongings::default() }
    }
}

/// A payout to be made for a settlement whose last one failed, or that has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct NewPayout {
    /// For which settlement.
    #[garde(skip)]
    pub settlement_id: SettlementId,
}

/// Which payouts, as it is asked.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PayoutQuery {
    /// `open`, which is what is shown unless something else is asked for, or `closed`.
    #[serde(default)]
    pub state: Option<PayoutState>,
    /// To whom.
    #[serde(default)]
    pub partner_id: Option<PartnerName>,
}

/// Whether a payout may still turn out either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PayoutState {
    /// It may.
    Open,
    /// It is paid, or failed.
    Closed,
}

/// Which payouts a list shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PayoutFilter {
    /// All to a partner.
    Partner(PartnerName),
    /// All that are open, or all that are not.
    State {
        /// Which of the two.
        is_open: bool,
    },
}

impl PayoutQuery {
    /// The filter that an index answers: partners see their own.
    ///
    /// # Errors
    /// [`Failed::Malformed`] for two filters at once, [`Failed::Unknown`] for another partner's.
    pub fn filter(&self, caller: &Caller) -> Result<PayoutFilter, Failed> {
        let named = match (caller.as_partner(), &self.partner_id) {
            (Some(own), Some(named)) if own != *named => return Err(Failed::Unknown),
            (Some(own), _) => Some(own),
            (None, named) => named.clone(),
        };
        match (named, self.state) {
            (Some(partner), None) => Ok(PayoutFilter::Partner(partner)),
            (None, state) => Ok(PayoutFilter::State { is_open: state != Some(PayoutState::Closed) }),
            (Some(_), Some(_)) => {
                let flaw = Flaw::new("state", "unindexed_filter", "no index answers a partner and a state together");
                Err(Failed::Malformed(vec![flaw.with_hint("ask for the partner's and look at their status")]))
            }
        }
    }
}

/// What was learned of a payout, as it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct PayoutNews {
    /// What is known now.
    #[garde(skip)]
    pub status: PayoutStatus,
    /// The bank's reference (UTR): needed when it is paid, welcome before.
    #[garde(inner(custom(is_utr)))]
    #[serde(default)]
    pub bank_reference: Option<String>,
    /// The day the bank booked it for: needed when it is paid.
    #[garde(skip)]
    #[schema(value_type = Option<String>, format = Date)]
    #[serde(default)]
    pub value_date: Option<Day>,
    /// Why: needed when it failed or is unknown.
    #[garde(inner(length(chars, min = 1, max = 200)))]
    #[serde(default)]
    pub reason: Option<String>,
}

/// Days and rules that a payout's clock runs by.
#[derive(Debug, Clone)]
pub struct Clock {
    /// The operator's days.
    pub days: BusinessDays,
    /// The rules.
    pub rules: TurnArounds,
}

/// How late a payout is, and what that costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overdue {
    /// Calendar days behind the deadline; 0 while it is in time.
    pub days_late: u32,
    /// What is owed for them.
    pub compensation: Money,
}

impl Clock {
    fn deadline(&self, rail: Rail, currency: Currency, sent_at: Timestamp) -> Option<Deadline> {
        let transaction_day = self.days.today(sent_at);
        let rule = self.rules.on(rail, currency, transaction_day)?;
        let (days, counted_in, source) = (rule.days, rule.counted_in, rule.source.clone());
        let due = rule.due(transaction_day, &self.days)?;
        Some(Deadline { transaction_day, days, counted_in, due, source })
    }
}

impl Settlement {
    /// What the operator owes the partner for it: its net, when that is more than nothing and booked.
    fn owed(&self) -> Option<Money> {
        let net = self.totals.filter(|_| self.status == SettlementStatus::Settled)?.net;
        (net.amount_minor > 0).then_some(net)
    }

    /// The payout of what is owed for it, unless one is under way or has arrived.
    ///
    /// # Errors
    /// [`Refusal::NothingOwed`] when there is nothing to pay, [`Refusal::PayoutOutstanding`] while it is not known that the
    /// latest one failed.
    pub fn pay_out(
        &self,
        latest: Option<&Payout>,
        operator: &OperatorName,
        rail: Rail,
        clock: &Clock,
        at: Timestamp,
        by: &str,
    ) -> Result<(Self, Payout), Refusal> {
        let amount = self.owed().ok_or(Refusal::NothingOwed)?;
        if let Some(latest) = latest.filter(|latest| latest.status != PayoutStatus::Failed) {
            let (existing_id, payout_status) = (latest.payout_id.to_string(), latest.status.as_str().to_owned());
            return Err(Refusal::PayoutOutstanding { existing_id, payout_status });
        }
        let attempt = latest.map_or(0, |latest| latest.attempt).saturating_add(1);
        let seed = [operator.as_str().as_bytes(), self.settlement_id.as_str().as_bytes(), &attempt.to_be_bytes()];
        let status = PayoutStatus::Instructed;
        let payout = Payout {
            payout_id: PayoutId::mint(at, &seed),
            settlement_id: self.settlement_id.clone(),
            business_day: self.business_day,
            partner_id: self.partner_id.clone(),
            attempt,
            amount,
            rail,
            status,
            instructed_at: at,
            deadline: clock.deadline(rail, amount.currency, at),
            bank_reference: None,
            value_date: None,
            transfer_id: None,
            statement: None,
            compensation: None,
            history: vec![Learned {
                status,
                at,
                by: by.to_owned(),
                bank_reference: None,
                reason: None,
                statement_id: None,
            }],
            escalations: vec![],
            version: 1,
        };
        let after =
            Self { payout_id: Some(payout.payout_id.clone()), version: self.version.saturating_add(1), ..self.clone() };
        Ok((after, payout))
    }

    /// The settlement as it is settled, with the payout of what the operator owes for it, if anything: one change.
    #[must_use]
    pub fn with_payout(
        self,
        operator: &OperatorName,
        rail: Rail,
        clock: &Clock,
        at: Timestamp,
        by: &str,
    ) -> (Self, Option<Payout>) {
        match self.pay_out(None, operator, rail, clock, at, by) {
            Ok((after, payout)) => (Self { version: self.version, ..after }, Some(payout)),
            Err(_) => (self, None),
        }
    }
}

impl PayoutNews {
    /// What is missing, or stands where it says nothing.
    fn flaws(&self, payout: &Payout, days: &BusinessDays, at: Timestamp) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        let is_paid = self.status == PayoutStatus::Paid;
        let has_reason = matches!(self.status, PayoutStatus::Failed | PayoutStatus::Unknown);
        let has_reference = self.bank_reference.is_some() || payout.bank_reference.is_some();
        let mut look = |pointer: &str, is_there: bool, is_needed: bool, is_allowed: bool| {
            if is_needed && !is_there {
                flaws.push(Flaw::new(pointer, "required", format!("`{}` needs it", self.status.as_str())));
            } else if is_there && !is_allowed {
                flaws.push(Flaw::new(pointer, "not_allowed", format!("`{}` has none", self.status.as_str())));
            }
        };
        look("/value_date", self.value_date.is_some(), is_paid, is_paid);
        look("/reason", self.reason.is_some(), has_reason, has_reason);
        look("/bank_reference", has_reference, is_paid, true);
        if let (Some(new), Some(known)) = (&self.bank_reference, &payout.bank_reference)
            && !new.eq_ignore_ascii_case(known)
        {
            let detail = format!("the bank's reference of this payout is known: {known}");
            flaws.push(Flaw::new("/bank_reference", "invalid_value", detail));
        }
        // A rail may have had it long before anybody recorded that, but not before it was instructed.
        let (first, today) = (days.today(payout.instructed_at), days.today(at));
        if let Some(day) = self.value_date.filter(|day| *day < first || *day > today) {
            let detail = format!("{day} is later than today, {today}, or earlier than the payout, {first}");
            flaws.push(Flaw::new("/value_date", "invalid_value", detail));
        }
        flaws
    }
}

impl Payout {
    /// The payout with what was learned of it.
    ///
    /// # Errors
    /// [`Refusal::IllegalTransition`] when that would unlearn something, [`Failed::Invalid`] for what is missing.
    pub fn learn(&self, news: &PayoutNews, clock: &Clock, at: Timestamp, by: &str) -> Result<Self, Failed> {
        self.must_become(news.status)?;
        let flaws = news.flaws(self, &clock.days, at);
        if !flaws.is_empty() {
            return Err(Failed::Invalid(flaws));
        }
        self.learned(news, None, clock, at, by)
    }

    /// What the bank's statement should show of it, until a line has: a debit of its amount on the day it was instructed,
    /// or for which it was recorded as paid. One that failed should not be shown at all. What makes a payout paid is never
    /// unlearned, so it takes a name: the bank's reference, or its own id that went along.
    #[must_use]
    pub fn expected(&self, days: &BusinessDays) -> Option<Expected> {
        let tie = match self.status {
            PayoutStatus::Paid if self.statement.is_some() => return None,
            PayoutStatus::Failed => Tie::Never,
            PayoutStatus::Instructed | PayoutStatus::Sent | PayoutStatus::Unknown | PayoutStatus::Paid => Tie::Named,
        };
        Some(Expected {
            id: self.payout_id.to_string(),
            reference: self.bank_reference.clone().unwrap_or_default(),
            end_to_end: Some(self.payout_id.to_string()),
            amount: self.amount.negated().ok()?,
            date: self.value_date.unwrap_or_else(|| days.today(self.instructed_at)),
            tie,
        })
    }

    /// The payouts that a line may name, and which need not be there: by its end-to-end id and the words of its narrative,
    /// in whatever case a bank prints them and without their underscore.
    pub fn named_by(line: &StatementLine) -> impl Iterator<Item = PayoutId> {
        names_told(line).filter_map(|name| {
            let name = plain_reference(name).to_ascii_lowercase();
            format!("pay_{}", name.strip_prefix("pay")?).parse().ok()
        })
    }

    /// The payout as a line of a statement bears it out: one that may still turn out either way is paid by it, to one that
    /// somebody recorded as paid it is the evidence.
    ///
    /// # Errors
    /// [`Refusal::IllegalTransition`] for one that failed, and for one that a line bears out already.
    pub fn bear_out(
        &self,
        line: &KeptLine,
        said: StatementMatch,
        clock: &Clock,
        command: &Command,
    ) -> Result<Self, Failed> {
        if self.status == PayoutStatus::Paid && self.statement.is_none() {
            return Ok(Self { statement: Some(said), version: self.version.saturating_add(1), ..self.clone() });
        }
        self.must_become(PayoutStatus::Paid)?;
        let news = PayoutNews {
            status: PayoutStatus::Paid,
            // What a rail has told stays; the line has its own reference.
            bank_reference: self.bank_reference.clone().or_else(|| Some(line.bank_reference.clone())),
            value_date: Some(line.value_date),
            reason: command.reason.clone(),
        };
        // A statement may have come before the last thing that was learned.
        let at = self.history.last().map_or(command.at, |before| before.at.max(command.at));
        self.learned(&news, Some(said), clock, at, &command.principal)
    }

    /// Whether a statement, and not somebody's word, made it paid.
    #[must_use]
    pub fn is_paid_by_statement(&self) -> bool {
        self.history.last().is_some_and(|last| last.status == PayoutStatus::Paid && last.statement_id.is_some())
    }

    /// Whether it holds the name of a line since somebody recorded it as paid by that line's reference.
    #[must_use]
    pub fn holds(&self, line: &KeptLine) -> bool {
        let is_its_own = |reference: &String| reference.eq_ignore_ascii_case(&line.bank_reference);
        self.status == PayoutStatus::Paid
            && !self.is_paid_by_statement()
            && self.bank_reference.as_ref().is_some_and(is_its_own)
    }

    /// The payout when the match that bore it out is taken apart: it is paid, as somebody recorded, and waits for its line
    /// again.
    ///
    /// # Errors
    /// [`Refusal::PaidByStatement`] when that match is what made it paid.
    pub fn waits_again(&self) -> Result<Self, Refusal> {
        if self.is_paid_by_statement() {
            return Err(Refusal::PaidByStatement { payout_id: self.payout_id.to_string() });
        }
        Ok(Self { statement: None, version: self.version.saturating_add(1), ..self.clone() })
    }

    fn must_become(&self, next: PayoutStatus) -> Result<(), Refusal> {
        let legal = self.status.legal_moves();
        if legal.contains(&next) {
            return Ok(());
        }
        Err(Refusal::IllegalTransition {
            status: self.status.as_str().to_owned(),
            legal_moves: legal.iter().map(|next| next.as_str().to_owned()).collect(),
        })
    }

    fn learned(
        &self,
        news: &PayoutNews,
        said: Option<StatementMatch>,
        clock: &Clock,
        at: Timestamp,
        by: &str,
    ) -> Result<Self, Failed> {
        let mut history = self.history.clone();
        let (bank_reference, reason) = (news.bank_reference.clone(), news.reason.clone());
        let statement_id = said.as_ref().map(|said| said.statement_id.clone());
        history.push(Learned { status: news.status, at, by: by.to_owned(), bank_reference, reason, statement_id });
        let after = Self {
            status: news.status,
            // Money that a rail has got is under way from that day, and not from when it was asked for.
            deadline: match news.status {
                PayoutStatus::Sent => clock.deadline(self.rail, self.amount.currency, at),
                PayoutStatus::Instructed | PayoutStatus::Unknown | PayoutStatus::Paid | PayoutStatus::Failed => {
                    self.deadline.clone()
                }
            },
            bank_reference: news.bank_reference.clone().or_else(|| self.bank_reference.clone()),
            value_date: news.value_date,
            transfer_id: (news.status == PayoutStatus::Paid).then(|| self.booked_as()),
            statement: said,
            history,
            version: self.version.saturating_add(1),
            ..self.clone()
        };
        if after.status.is_open() {
            return Ok(after);
        }
        let compensation = after.overdue(clock, at)?.compensation;
        Ok(Self { compensation: Some(compensation), ..after })
    }

    /// The id of the transfer that books it. It follows from the payout, so the books have it once, whoever records it.
    fn booked_as(&self) -> TransferId {
        TransferId::mint(self.instructed_at, &[self.payout_id.as_str().as_bytes(), b"paid"])
    }

    /// The transfer that books it: out of the operator's bank, against what settled days owe the partner. None until it is
    /// paid.
    ///
    /// # Errors
    /// [`Failed::Fault`] when its amount cannot be booked.
    pub fn booking(&self, operator: &OperatorName) -> Result<Option<Transfer>, Failed> {
        let Some(transfer_id) = self.transfer_id.clone() else { return Ok(None) };
        let (bank, owed) = (Account::Bank(operator.clone()), Account::PartnerSettlement(self.partner_id.clone()));
        let subject = Subject { reference: Some(self.payout_id.to_string()), ..Subject::default() };
        let booked = Transfer::between(transfer_id, TransferKind::Payout, bank, owed, self.amount, subject);
        booked.map(Some).map_err(Failed::fault)
    }

    /// How late it is by a moment, or was when it ended. Each calendar day beyond the deadline costs what the rule of that
    /// very day says for its money; what no rule speaks of is never late and costs nothing.
    ///
    /// # Errors
    /// [`Failed::Fault`] when the sum is beyond counting.
    pub fn overdue(&self, clock: &Clock, now: Timestamp) -> Result<Overdue, Failed> {
        let nothing = Overdue { days_late: 0, compensation: Money::new(0, self.amount.currency) };
        let Some(deadline) = &self.deadline else { return Ok(nothing) };
        let ended = self.history.last().filter(|_| !self.status.is_open()).map(|learned| learned.at);
        let until = self.value_date.unwrap_or_else(|| clock.days.today(ended.unwrap_or(now)));
        let mut late = nothing;
        let mut day = deadline.due;
        while day < until {
            day = day.tomorrow().map_err(Failed::fault)?;
            late.days_late = late.days_late.saturating_add(1);
            if let Some(rule) = clock.rules.on(self.rail, self.amount.currency, day) {
                late.compensation = late.compensation.plus(rule.compensation_per_day).map_err(Failed::fault)?;
            }
        }
        Ok(late)
    }

    /// The payout with a step of escalation that it has reached and nobody was told of; nothing when there is none.
    ///
    /// # Errors
    /// [`Failed::Fault`] when what it costs is beyond counting.
    pub fn escalate(&self, clock: &Clock, now: Timestamp) -> Result<Option<Self>, Failed> {
        let Overdue { days_late, compensation } = self.overdue(clock, now)?;
        // Sending it anew sets another deadline, behind which nobody was told of anything yet.
        let sent = self.history.iter().rev().find(|learned| learned.status == PayoutStatus::Sent);
        let behind = self.escalations.iter().filter(|told| sent.is_none_or(|sent| told.at > sent.at));
        let told = behind.map(|escalation| escalation.step).max();
        let Some(step) = clock.rules.step(days_late).filter(|step| self.status.is_open() && Some(*step) > told) else {
            return Ok(None);
        };
        let mut escalations = self.escalations.clone();
        escalations.push(Escalation { step, at: now, days_late, compensation });
        Ok(Some(Self { escalations, version: self.version.saturating_add(1), ..self.clone() }))
    }
}

/// An open payout in the exposure report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Exposed {
    /// Which.
    pub payout_id: PayoutId,
    /// To whom.
    pub partner_id: PartnerName,
    /// How much.
    pub amount: Money,
    /// Which way.
    pub rail: Rail,
    /// What is known of it.
    pub status: PayoutStatus,
    /// Calendar days since it was instructed, in the operator's zone.
    pub age_days: u32,
    /// The last day that is in time; none where no rule is for its rail and its currency.
    #[schema(value_type = Option<String>, format = Date)]
    pub due: Option<Day>,
    /// Calendar days behind that.
    pub days_late: u32,
    /// What is owed for the delay until now.
    pub compensation: Money,
}

/// Sums over open payouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExposureTotal {
    /// Payouts.
    pub count: u64,
    /// What they amount to.
    pub amount: Money,
    /// Those that are late.
    pub overdue_count: u64,
    /// What is owed for their delay until now.
    pub compensation: Money,
}

/// Open payouts of an age.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AgeBand {
    /// Days since they were instructed, from.
    pub from_days: u32,
    /// To, inclusive; none for the last.
    pub to_days: Option<u32>,
    /// Their sums.
    pub total: ExposureTotal,
}

/// What is under way, how old it is and what its delay costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Exposure {
    /// As of when.
    pub as_of: Timestamp,
    /// That day in the operator's zone.
    #[schema(value_type = String, format = Date)]
    pub today: Day,
    /// Everything together.
    pub total: ExposureTotal,
    /// By age.
    pub ages: Vec<AgeBand>,
    /// By partner.
    pub partners: BTreeMap<PartnerName, ExposureTotal>,
    /// Each, the oldest first; a thousand at most, while the sums are over all.
    pub items: Vec<Exposed>,
}

/// Payouts that a report shows one by one at most: a quarter of a megabyte, where an answer may have six.
const MOST_SHOWN: usize = 1_000;

/// Ages that are told apart: today and yesterday, a merchant's five days, a month, and what is older.
const AGES: [(u32, Option<u32>); 4] = [(0, Some(1)), (2, Some(5)), (6, Some(30)), (31, None)];

impl ExposureTotal {
    fn none(currency: Currency) -> Self {
        let nothing = Money::new(0, currency);
        Self { count: 0, amount: nothing, overdue_count: 0, compensation: nothing }
    }

    fn with(self, exposed: &Exposed) -> Result<Self, Failed> {
        Ok(Self {
            count: self.count.saturating_add(1),
            amount: self.amount.plus(exposed.amount).map_err(Failed::fault)?,
            overdue_count: self.overdue_count.saturating_add(u64::from(exposed.days_late > 0)),
            compensation: self.compensation.plus(exposed.compensation).map_err(Failed::fault)?,
        })
    }
}

impl Exposure {
    /// The report over payouts, of which those that are open count.
    ///
    /// # Errors
    /// [`Failed::Fault`] when a sum is beyond counting.
    pub fn of(payouts: &[Payout], currency: Currency, clock: &Clock, now: Timestamp) -> Result<Self, Failed> {
        let today = clock.days.today(now);
        let none = ExposureTotal::none(currency);
        let mut report = Self {
            as_of: now,
            today,
            total: none,
            ages: AGES.map(|(from_days, to_days)| AgeBand { from_days, to_days, total: none }).into(),
            partners: BTreeMap::new(),
            items: vec![],
        };
        for payout in payouts.iter().filter(|payout| payout.status.is_open()) {
            let Overdue { days_late, compensation } = payout.overdue(clock, now)?;
            let age = today.since(clock.days.today(payout.instructed_at)).map_err(Failed::fault)?.get_days();
            let exposed = Exposed {
                payout_id: payout.payout_id.clone(),
                partner_id: payout.partner_id.clone(),
                amount: payout.amount,
                rail: payout.rail,
                status: payout.status,
                age_days: u32::try_from(age).unwrap_or(0),
                due: payout.deadline.as_ref().map(|deadline| deadline.due),
                days_late,
                compensation,
            };
            report.total = report.total.with(&exposed)?;
            let of_age = |band: &&mut AgeBand| {
                band.from_days <= exposed.age_days && band.to_days.is_none_or(|to| exposed.age_days <= to)
            };
            if let Some(band) = report.ages.iter_mut().find(of_age) {
                band.total = band.total.with(&exposed)?;
            }
            let of_partner = report.partners.entry(exposed.partner_id.clone()).or_insert(none);
            *of_partner = of_partner.with(&exposed)?;
            report.items.push(exposed);
        }
        report.items.sort_by(|one, other| one.payout_id.cmp(&other.payout_id));
        report.items.truncate(MOST_SHOWN);
        Ok(report)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;
    use crate::{
        calendar::BusinessCalendar,
        id::Sha256Hex,
        settlement::{Calendar, StoredFile, Totals},
        settlement_format::FileFormat,
        turn_around::tests::changing,
    };

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn inr(amount_minor: i64) -> Money {
        Money::new(amount_minor, Currency::Inr)
    }

    /// The changing rules, in Kolkata, with a holiday on the 4th of December.
    pub(crate) fn clock() -> Clock {
        let calendar = serde_json::json!({
            "days_off": ["sunday"], "holidays": [{ "day": "2026-12-04", "name": "A holiday" }]
        });
        let calendar: BusinessCalendar = serde_json::from_value(calendar).unwrap();
        let zone = jiff::tz::TimeZone::get("Asia/Kolkata").unwrap();
        Clock { days: BusinessDays::new(calendar, zone), rules: changing() }
    }

    pub(crate) fn pennco() -> OperatorName {
        "pennco".parse().unwrap()
    }

    pub(crate) fn settled(net_minor: i64) -> Settlement {
        let slot =
            Calendar::new(pennco()).close(date(2026, 11, 20), at("2026-11-20T15:00:00Z"), &clock().days).unwrap();
        let totals = Totals {
            count: 1,
            collected: inr(net_minor),
            disbursed: inr(0),
            adjusted: inr(0),
            net: inr(net_minor),
            late: None,
        };
        let file = StoredFile { key: "k".into(), sha256: Sha256Hex::of(b""), bytes: 0, url: None, expires_in: None };
        let transfer_id = crate::TransferId::mint(Timestamp::EPOCH, &[b"s"]);
        slot.settlement(&"bfil".parse().unwrap(), Currency::Inr, FileFormat::default())
            .settle(transfer_id, totals, file)
            .unwrap()
            .0
    }

    fn instructed(moment: &str) -> Payout {
        let paid_out = settled(500_000).pay_out(None, &pennco(), Rail::Imps, &clock(), at(moment), "job");
        paid_out.unwrap().1
    }

    fn news(status: PayoutStatus) -> PayoutNews {
        let is_paid = status == PayoutStatus::Paid;
        PayoutNews {
            status,
            bank_reference: is_paid.then(|| "HDFCN52026112112".to_owned()),
            value_date: None,
            reason: matches!(status, PayoutStatus::Failed | PayoutStatus::Unknown).then(|| "time-out".to_owned()),
        }
    }

    fn paid_on(day: Day) -> PayoutNews {
        PayoutNews { value_date: Some(day), ..news(PayoutStatus::Paid) }
    }

    fn late(payout: &Payout, moment: &str) -> (u32, i64) {
        let Overdue { days_late, compensation } = payout.overdue(&clock(), at(moment)).unwrap();
        (days_late, compensation.amount_minor)
    }

    /// A line of this reference that shows a payout, the match that it is in, and the command that says so.
    fn shown(payout: &Payout, reference: &str) -> (KeptLine, StatementMatch, Command) {
        let command = Command::of_job(pennco(), "statement-match", "k", at("2026-12-01T09:00:00Z"), "r".to_owned());
        let statement_id = StatementId::mint(command.at, &[b"s"]);
        let said = StatementMatch {
            statement_id: statement_id.clone(),
            lines: vec![3],
            rule: crate::reconciliation::Rule::EndToEnd,
            difference_minor: 0,
            reason: None,
            by: None,
        };
        let line = serde_json::json!({
            "statement_id": statement_id, "line": 3, "bank_reference": reference, "value_date": "2026-11-30",
            "amount": payout.amount.negated().unwrap(), "narrative": "", "status": "matched", "nearest": [],
            "updated_at": command.at, "version": 1
        });
        (serde_json::from_value(line).unwrap(), said, command)
    }

    #[test]
    fn a_line_pays_what_is_open_once_with_its_reference_its_day_and_its_statement() {
        let open = instructed("2026-11-30T06:00:00Z");
        let (line, said, command) = shown(&open, "UTR7");
        let paid = open.bear_out(&line, said.clone(), &clock(), &command).unwrap();
        assert_eq!((paid.status, paid.bank_reference.as_deref()), (PayoutStatus::Paid, Some("UTR7")));
        assert_eq!((paid.value_date, &paid.statement, paid.version), (Some(line.value_date), &Some(said.clone()), 2));
        let last = paid.history.last().unwrap();
        assert_eq!((last.by.as_str(), &last.statement_id), ("statement-match", &Some(said.statement_id.clone())));
        assert!(paid.booking(&pennco()).unwrap().is_some());
        assert!(matches!(paid.waits_again(), Err(Refusal::PaidByStatement { .. })));
        assert!(!paid.holds(&line) && paid.expected(&clock().days).is_none());
        let again = paid.bear_out(&line, said, &clock(), &command);
        assert!(matches!(again, Err(Failed::Refused(Refusal::IllegalTransition { .. }))));
    }

    #[test]
    fn a_line_is_evidence_of_what_somebody_recorded_as_paid_and_changes_nothing_else() {
        let day = date(2026, 11, 30);
        let open = instructed("2026-11-30T06:00:00Z");
        let by_hand = open.learn(&paid_on(day), &clock(), at("2026-11-30T09:00:00Z"), "desk").unwrap();
        let (line, said, command) = shown(&by_hand, "hdfcn52026112112");
        assert!(by_hand.holds(&line) && !by_hand.holds(&shown(&by_hand, "OTHER").0));
        let proven = by_hand.bear_out(&line, said.clone(), &clock(), &command).unwrap();
        let (version, statement) = (by_hand.version + 1, Some(said));
        assert_eq!(proven, Payout { statement, version, ..by_hand.clone() });
        let freed = proven.waits_again().unwrap();
        assert_eq!(freed, Payout { version: version + 1, ..by_hand });
        assert_eq!(freed.expected(&clock().days).unwrap().date, day);
    }

    #[test]
    fn what_failed_is_borne_out_by_nothing_and_expected_by_nobody() {
        let failed = instructed("2026-11-30T06:00:00Z");
        let failed = failed.learn(&news(PayoutStatus::Failed), &clock(), at("2026-11-30T09:00:00Z"), "desk").unwrap();
        let (line, said, command) = shown(&failed, "UTR7");
        let refused = failed.bear_out(&line, said, &clock(), &command);
        assert!(matches!(refused, Err(Failed::Refused(Refusal::IllegalTransition { .. }))), "{refused:?}");
        assert_eq!(failed.expected(&clock().days).unwrap().tie, Tie::Never);
    }

    #[test]
    fn what_is_owed_is_paid_out_once_until_it_is_known_to_have_failed() {
        let now = at("2026-11-20T15:01:00Z");
        let settlement = settled(500_000);
        let again = |latest: Option<&Payout>| settlement.pay_out(latest, &pennco(), Rail::Imps, &clock(), now, "desk");
        let (after, first) = again(None).unwrap();
        assert_eq!((after.payout_id.as_ref(), after.version), (Some(&first.payout_id), settlement.version + 1));
        assert_eq!((first.amount, first.attempt), (inr(500_000), 1));
        for status in [PayoutStatus::Instructed, PayoutStatus::Sent, PayoutStatus::Unknown, PayoutStatus::Paid] {
            let refused = again(Some(&Payout { status, ..first.clone() })).unwrap_err();
            let existing_id = first.payout_id.to_string();
            assert_eq!(refused, Refusal::PayoutOutstanding { existing_id, payout_status: status.as_str().to_owned() });
        }
        let failed = first.learn(&news(PayoutStatus::Failed), &clock(), now, "desk").unwrap();
        let second = again(Some(&failed)).unwrap().1;
        assert_eq!(second.attempt, 2);
        assert_ne!(second.payout_id, first.payout_id);
    }

    #[test]
    fn nothing_is_paid_out_where_the_partner_owes_or_nothing_is_owed_or_settled() {
        let building = Settlement { status: SettlementStatus::Building, ..settled(1) };
        for settlement in [settled(-500_000), settled(0), building] {
            let refused = settlement.pay_out(None, &pennco(), Rail::Imps, &clock(), Timestamp::EPOCH, "desk");
            assert_eq!(refused, Err(Refusal::NothingOwed));
        }
    }

    proptest! {
        #[test]
        fn whatever_is_reported_of_a_payout_nothing_is_unlearned(
            reports in prop::collection::vec(prop::sample::select(&PayoutStatus::ALL[..]), 1..12)
        ) {
            let mut payout = instructed("2026-11-20T15:01:00Z");
            let now = at("2026-11-20T16:00:00Z");
            for status in reports {
                let report = if status == PayoutStatus::Paid { paid_on(date(2026, 11, 20)) } else { news(status) };
                match payout.learn(&report, &clock(), now, "desk") {
                    Ok(after) => {
                        prop_assert!(after.status > payout.status || !after.status.is_open());
                        prop_assert!(payout.status.is_open());
                        prop_assert_eq!(after.history.len(), payout.history.len() + 1);
                        prop_assert_eq!(after.compensation.is_some(), !after.status.is_open());
                        let booked = after.booking(&pennco()).unwrap();
                        prop_assert_eq!(booked.is_some(), after.status == PayoutStatus::Paid);
                        payout = after;
                    }
                    Err(Failed::Refused(Refusal::IllegalTransition { legal_moves, .. })) => {
                        prop_assert!(!legal_moves.contains(&status.as_str().to_owned()));
                    }
                    Err(other) => prop_assert!(false, "{other:?}"),
                }
            }
        }
    }

    #[test]
    fn what_is_paid_leaves_the_bank_and_is_owed_no_more() {
        let payout = instructed("2026-11-20T15:01:00Z");
        let now = at("2026-11-20T16:00:00Z");
        let paid = payout.learn(&paid_on(date(2026, 11, 20)), &clock(), now, "desk").unwrap();
        let booked = paid.booking(&pennco()).unwrap().unwrap();
        let sides: Vec<_> =
            booked.postings().iter().map(|side| (side.account.to_string(), side.amount.amount_minor)).collect();
        assert_eq!(sides, [("partner_settlement.bfil".to_owned(), 500_000), ("bank.pennco".to_owned(), -500_000)]);
        assert_eq!(booked.subject().reference.as_deref(), Some(payout.payout_id.as_str()));
        let later = payout.learn(&paid_on(date(2026, 11, 21)), &clock(), at("2026-11-22T06:00:00Z"), "job").unwrap();
        assert_eq!(later.booking(&pennco()).unwrap().as_ref(), Some(&booked), "whoever records it, and when");
        let unknown = payout.learn(&news(PayoutStatus::Unknown), &clock(), now, "desk").unwrap();
        assert_eq!(unknown.booking(&pennco()).unwrap(), None);
    }

    #[test]
    fn what_is_missing_or_does_not_belong_is_named() {
        let payout = instructed("2026-11-20T15:01:00Z");
        let now = at("2026-11-21T06:30:00Z");
        let flaws = |news: &PayoutNews| match payout.learn(news, &clock(), now, "desk") {
            Err(Failed::Invalid(flaws)) => {
                flaws.into_iter().map(|flaw| format!("{} {}", flaw.pointer, flaw.code)).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        };
        let bare = |status| PayoutNews { bank_reference: None, reason: None, ..news(status) };
        assert_eq!(flaws(&bare(PayoutStatus::Paid)), ["/value_date required", "/bank_reference required"]);
        assert_eq!(flaws(&bare(PayoutStatus::Failed)), ["/reason required"]);
        assert_eq!(flaws(&bare(PayoutStatus::Unknown)), ["/reason required"]);
        let wordy = PayoutNews { reason: Some("x".to_owned()), ..news(PayoutStatus::Sent) };
        assert_eq!(flaws(&wordy), ["/reason not_allowed"]);
        for day in [date(2026, 11, 22), date(2026, 11, 19)] {
            assert_eq!(flaws(&paid_on(day)), ["/value_date invalid_value"], "not to come, and not before it was sent");
        }
        let sent = PayoutNews { bank_reference: Some("AXISN52026112100".into()), ..news(PayoutStatus::Sent) };
        let sent = payout.learn(&sent, &clock(), now, "desk").unwrap();
        let other = sent.learn(&paid_on(date(2026, 11, 21)), &clock(), now, "desk");
        assert!(
            matches!(other, Err(Failed::Invalid(_))),
            "another reference than the one it was sent under: {other:?}"
        );
    }

    #[test]
    fn the_clock_turns_at_midnight_of_the_operators_zone() {
        // 18:29 UTC is 23:59 in Kolkata.
        let payout = instructed("2026-11-20T18:29:59Z");
        assert_eq!(payout.deadline.as_ref().unwrap().due, date(2026, 11, 21));
        assert_eq!(late(&payout, "2026-11-21T18:29:59.999Z"), (0, 0), "the last moment of T+1");
        assert_eq!(late(&payout, "2026-11-21T18:30:00Z"), (1, 10_000), "the first of T+2");
        let a_second_later = instructed("2026-11-20T18:30:00Z");
        assert_eq!(a_second_later.deadline.as_ref().unwrap().due, date(2026, 11, 22), "another day of transaction");
        assert_eq!(late(&a_second_later, "2026-11-21T18:30:00Z"), (0, 0));
    }

    #[test]
    fn each_day_costs_what_the_rule_of_that_day_says_and_the_deadline_stays_with_the_rule_of_its_own() {
        let payout = instructed("2026-11-27T06:00:00Z");
        assert_eq!(payout.deadline.as_ref().unwrap().due, date(2026, 11, 28));
        // 29 and 30 November at 100, from 1 December on at 150.
        assert_eq!(late(&payout, "2026-11-30T06:00:00Z"), (2, 20_000));
        assert_eq!(late(&payout, "2026-12-02T06:00:00Z"), (4, 50_000));
    }

    #[test]
    fn business_days_pass_over_holidays_and_days_off_but_a_delay_is_of_calendar_days() {
        // Thursday, 3 December, T+2 business days: the 4th is a holiday, the 6th a Sunday.
        let payout = instructed("2026-12-03T06:00:00Z");
        assert_eq!(payout.deadline.as_ref().unwrap().due, date(2026, 12, 7));
        assert_eq!(late(&payout, "2026-12-07T18:29:59Z"), (0, 0));
        assert_eq!(late(&payout, "2026-12-08T06:00:00Z"), (1, 15_000));
    }

    #[test]
    fn money_is_under_way_from_the_day_a_rail_has_it() {
        let payout = instructed("2026-11-20T06:00:00Z");
        let sent = payout.learn(&news(PayoutStatus::Sent), &clock(), at("2026-11-22T06:00:00Z"), "desk").unwrap();
        assert_eq!(sent.deadline.as_ref().unwrap().due, date(2026, 11, 23));
        let unknown = sent.learn(&news(PayoutStatus::Unknown), &clock(), at("2026-11-24T06:00:00Z"), "desk").unwrap();
        assert_eq!(unknown.deadline, sent.deadline, "unknown is not sent again");
        assert_eq!(late(&unknown, "2026-11-24T06:00:00Z"), (1, 10_000));
    }

    #[test]
    fn a_delay_ends_on_the_banks_day_or_when_it_is_known_that_no_money_went() {
        let payout = instructed("2026-11-20T06:00:00Z");
        let told_late = at("2026-11-29T06:00:00Z");
        let paid = payout.learn(&paid_on(date(2026, 11, 23)), &clock(), told_late, "desk").unwrap();
        assert_eq!(paid.compensation, Some(inr(20_000)), "the 22nd and the 23rd, whenever we heard of it");
        assert_eq!(late(&paid, "2027-11-29T06:00:00Z"), (2, 20_000));
        let in_time = payout.learn(&paid_on(date(2026, 11, 21)), &clock(), told_late, "desk").unwrap();
        assert_eq!(in_time.compensation, Some(inr(0)));
        let failed = payout.learn(&news(PayoutStatus::Failed), &clock(), told_late, "desk").unwrap();
        assert_eq!(failed.compensation, Some(inr(80_000)), "eight days");
    }

    #[test]
    fn what_was_recorded_late_is_paid_on_the_day_the_bank_booked_it_for() {
        let payout = instructed("2026-11-20T06:00:00Z");
        let recorded = at("2026-11-23T06:00:00Z");
        let sent = payout.learn(&news(PayoutStatus::Sent), &clock(), recorded, "desk").unwrap();
        for day in [date(2026, 11, 20), date(2026, 11, 22), date(2026, 11, 23)] {
            let paid = sent.learn(&paid_on(day), &clock(), recorded, "desk").unwrap();
            assert_eq!((paid.value_date, paid.compensation), (Some(day), Some(inr(0))));
        }
        let later = at("2026-11-26T06:00:00Z");
        let paid = sent.learn(&paid_on(date(2026, 11, 26)), &clock(), later, "desk").unwrap();
        assert_eq!(paid.compensation, Some(inr(20_000)), "two days behind the 24th");
        let early = sent.learn(&paid_on(date(2026, 11, 19)), &clock(), recorded, "desk");
        assert!(matches!(early, Err(Failed::Invalid(_))), "nothing is paid before it is instructed: {early:?}");
    }

    #[test]
    fn a_rail_without_a_rule_has_no_deadline_and_never_escalates() {
        let now = at("2026-11-20T06:00:00Z");
        let payout = settled(1).pay_out(None, &pennco(), Rail::Neft, &clock(), now, "job").unwrap().1;
        assert_eq!(payout.deadline, None);
        assert_eq!(late(&payout, "2036-11-20T06:00:00Z"), (0, 0));
        assert_eq!(payout.escalate(&clock(), at("2036-11-20T06:00:00Z")).unwrap(), None);
        let early = payout.learn(&paid_on(date(2026, 11, 19)), &clock(), now, "desk");
        assert!(matches!(early, Err(Failed::Invalid(_))), "{early:?}");
    }

    #[test]
    fn rules_of_rupees_say_nothing_of_other_money() {
        let (now, later) = (at("2026-11-20T06:00:00Z"), at("2026-11-30T06:00:00Z"));
        let npr = |amount_minor| Money::new(amount_minor, Currency::Npr);
        let totals = settled(1).totals.map(|totals| Totals { net: npr(500_000), ..totals });
        let settlement = Settlement { totals, ..settled(1) };
        let payout = settlement.pay_out(None, &pennco(), Rail::Imps, &clock(), now, "job").unwrap().1;
        let sent = payout.learn(&news(PayoutStatus::Sent), &clock(), later, "desk").unwrap();
        for payout in [&payout, &sent] {
            assert_eq!((payout.amount, &payout.deadline), (npr(500_000), &None));
            assert_eq!(payout.escalate(&clock(), later).unwrap(), None);
        }
        let report = Exposure::of(std::slice::from_ref(&payout), Currency::Npr, &clock(), later).unwrap();
        assert_eq!((report.total.overdue_count, report.total.compensation), (0, npr(0)));
        let paid = payout.learn(&paid_on(date(2026, 11, 30)), &clock(), later, "desk").unwrap();
        assert_eq!(paid.compensation, Some(npr(0)));
        // One that was given a deadline of rupees all the same can still be told the end of.
        let kept = Payout { deadline: instructed("2026-11-20T06:00:00Z").deadline, ..payout };
        assert_eq!(kept.overdue(&clock(), later).unwrap(), Overdue { days_late: 9, compensation: npr(0) });
    }

    #[test]
    fn each_step_is_told_once_and_missed_ones_together() {
        let mut payout = instructed("2026-11-20T06:00:00Z");
        let mut steps = vec![];
        // In time, a day late twice, two days late, then the job was down until the tenth day.
        for moment in ["2026-11-21", "2026-11-22", "2026-11-22", "2026-11-23", "2026-12-01", "2026-12-05"] {
            let now = at(&format!("{moment}T06:00:00Z"));
            if let Some(after) = payout.escalate(&clock(), now).unwrap() {
                steps.push((moment, after.escalations.last().unwrap().step));
                payout = after;
            }
        }
        assert_eq!(steps, [("2026-11-22", 1), ("2026-12-01", 7)]);
        let last = payout.escalations.last().unwrap();
        assert_eq!((last.days_late, last.compensation), (10, inr(9 * 10_000 + 15_000)));
        let paid = payout.learn(&paid_on(date(2026, 12, 1)), &clock(), at("2026-12-05T06:00:00Z"), "desk").unwrap();
        assert_eq!(paid.escalate(&clock(), at("2027-12-05T06:00:00Z")).unwrap(), None, "nobody waits for it any more");
    }

    #[test]
    fn the_exposure_counts_more_than_it_shows_one_by_one() {
        let now = at("2026-12-05T06:00:00Z");
        let id = |n: i64| PayoutId::mint(Timestamp::from_millis(n), &[b"x"]);
        let payouts: Vec<Payout> =
            (0..1_003).rev().map(|n| Payout { payout_id: id(n), ..instructed("2026-12-05T05:00:00Z") }).collect();
        let report = Exposure::of(&payouts, Currency::Inr, &clock(), now).unwrap();
        assert_eq!((report.total.count, report.items.len()), (1_003, 1_000));
        assert_eq!(report.items[0].payout_id, id(0), "the oldest are shown");
    }

    #[test]
    fn the_exposure_adds_up_what_is_open_by_age_and_by_partner() {
        let now = at("2026-12-05T06:00:00Z");
        let on = |moment: &str| instructed(moment);
        let payouts = [
            on("2026-12-05T05:00:00Z"),
            on("2026-12-03T05:00:00Z"),
            on("2026-11-20T05:00:00Z"),
            Payout {
                status: PayoutStatus::Unknown,
                partner_id: "samasta".parse().unwrap(),
                ..on("2026-11-01T05:00:00Z")
            },
            on("2026-11-20T05:30:00Z").learn(&news(PayoutStatus::Failed), &clock(), now, "desk").unwrap(),
        ];
        let report = Exposure::of(&payouts, Currency::Inr, &clock(), now).unwrap();
        assert_eq!((report.total.count, report.total.amount), (4, inr(2_000_000)));
        let ages: Vec<_> = report.ages.iter().map(|band| (band.from_days, band.total.count)).collect();
        assert_eq!(ages, [(0, 1), (2, 1), (6, 1), (31, 1)]);
        // The third: 22 to 30 November and 1 to 5 December; the fourth: 3 to 30 November and 1 to 5 December.
        let days = |before: i64| before * 10_000 + 5 * 15_000;
        assert_eq!(report.total.compensation, inr(days(9) + days(28)));
        assert_eq!(report.total.overdue_count, 2);
        let samasta = report.partners[&"samasta".parse().unwrap()];
        assert_eq!((samasta.count, samasta.compensation), (1, inr(days(28))));
        let sum: i64 = report.partners.values().map(|total| total.compensation.amount_minor).sum();
        assert_eq!(sum, report.total.compensation.amount_minor);
        assert!(report.items.is_sorted_by_key(|item| std::cmp::Reverse(item.age_days)), "the oldest first");
    }
}
