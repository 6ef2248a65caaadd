//! The report of a closed business day: what every agent, region and partner held, took and gave, and whether it all agrees.
//!
//! A report is a function of the entries of its day and of the report before it, and of nothing else: the same entries give
//! the same bytes, today and in ten years.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::{
    AgentId, Caller, Currency, Day, Failed, OperatorName, PartnerName, RegionName, Role, SettlementId, Timestamp,
    access::Reach,
    export::CsvRows,
    id::Sha256Hex,
    ledger::{Account, Entry, TransferKind},
    settlement::{Calendar, Late, Settlement, SettlementStatus, Slot, StoredFile, Totals},
    settlement_file::is_line,
};

/// How far the report of a day has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DayCloseStatus {
    /// The day is closed, its settlements or its report are still being built.
    Building,
    /// Its report is there.
    Reported,
}

/// Which accounts a report is about. A report is made again in the shape that it was made in, so that its bytes stay what
/// they were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Agents, partners and the vault: reports from before money was moved by hand and payouts were booked.
    #[default]
    Field,
    /// Every account of the operator.
    Whole,
}

impl Shape {
    /// The shape of new reports.
    const LATEST: Self = Self::Whole;

    /// Reports of the first shape do not name it.
    fn is_first(&self) -> bool {
        *self == Self::Field
    }
}

/// A closed business day, as it is kept: what its report is made of, and where it lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayClose {
    /// Whose day.
    pub operator: OperatorName,
    /// The day, in the operator's zone.
    pub business_day: Day,
    /// The day that was closed before it, if any was.
    pub previous: Option<Day>,
    /// First moment of its entries, inclusive.
    pub opened_at: Timestamp,
    /// Last moment, exclusive.
    pub cut_at: Timestamp,
    /// Its settlements, one a partner.
    pub settlements: Vec<SettlementId>,
    /// How far its report has come.
    pub status: DayCloseStatus,
    /// Whether all controls of the report hold.
    pub holds: Option<bool>,
    /// The shape of its report, once it has one; none for one of the first shape.
    #[serde(default)]
    pub shape: Option<Shape>,
    /// The report as JSON.
    pub file: Option<StoredFile>,
    /// Its rows as CSV.
    pub table: Option<StoredFile>,
    /// Counts its changes, from 1.
    pub version: u64,
}

impl Slot {
    /// The day of this slot with its settlements, still without its report.
    #[must_use]
    pub fn day_close(&self, before: &Calendar, settlements: Vec<SettlementId>) -> DayClose {
        DayClose {
            operator: self.after.operator.clone(),
            business_day: self.business_day,
            previous: before.last_closed,
            opened_at: self.opened_at,
            cut_at: self.cut_at,
            settlements,
            status: DayCloseStatus::Building,
            holds: None,
            shape: None,
            file: None,
            table: None,
            version: 1,
        }
    }
}

impl DayClose {
    /// Where the report and its rows lie.
    #[must_use]
    pub fn keys(&self) -> (String, String) {
        let stem = format!("day-closes/{}/{}", self.operator, self.business_day);
        (format!("{stem}.json"), format!("{stem}.csv"))
    }

    /// The shape in which its report is made, or made again.
    fn shape(&self) -> Shape {
        match self.status {
            DayCloseStatus::Building => Shape::LATEST,
            DayCloseStatus::Reported => self.shape.unwrap_or_default(),
        }
    }

    /// The day with its report.
    #[must_use]
    pub fn reported(&self, report: &Report, file: StoredFile, table: StoredFile) -> Self {
        Self {
            status: DayCloseStatus::Reported,
            holds: Some(report.holds()),
            shape: Some(report.shape),
            file: Some(file),
            table: Some(table),
            version: self.version.saturating_add(1),
            ..self.clone()
        }
    }

    /// The day as a list shows it.
    #[must_use]
    pub fn summary(&self) -> DayCloseSummary {
        DayCloseSummary {
            business_day: self.business_day,
            opened_at: self.opened_at,
            cut_at: self.cut_at,
            status: self.status,
            holds: self.holds,
            sha256: self.file.as_ref().map(|file| file.sha256.clone()),
            version: self.version,
        }
    }

    /// The part of the day that a caller may know of: agents and partners their own rows, the desk its regions, the others
    /// all of it. Who sees a part sees neither sums of the whole nor the files.
    #[must_use]
    pub fn seen_by(&self, caller: &Caller, report: Option<Report>) -> DayCloseView {
        let sees_all = caller.reach == Reach::Operator;
        let mut view = DayCloseView {
            day: self.summary(),
            inputs: None,
            controls: vec![],
            operator: None,
            purposes: vec![],
            partners: vec![],
            regions: vec![],
            agents: vec![],
            file: self.file.clone().filter(|_| sees_all),
            table: self.table.clone().filter(|_| sees_all),
        };
        let Some(report) = report else { return view };
        if sees_all {
            view.inputs = Some(report.inputs);
            view.controls = report.controls;
            view.operator = Some(report.operator);
            view.purposes = report.purposes;
        }
        let own = |role: Role, name: &str| caller.reach == Reach::Own && caller.role == role && caller.subject == name;
        view.partners = report.partners;
        view.partners.retain(|row| sees_all || own(Role::Partner, row.partner_id.as_str()));
        view.regions = report.regions;
        view.regions.retain(|row| caller.works_in(&row.region));
        view.agents = report.agents;
        view.agents.retain(|row| caller.works_in(&row.region) || own(Role::Agent, row.agent_id.as_str()));
        view
    }
}

/// A closed day in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DayCloseSummary {
    /// The day.
    #[schema(value_type = String, format = Date)]
    pub business_day: Day,
    /// First moment of its entries, inclusive.
    pub opened_at: Timestamp,
    /// Last moment, exclusive.
    pub cut_at: Timestamp,
    /// How far its report has come.
    pub status: DayCloseStatus,
    /// Whether all controls of the report hold; null while it is building.
    pub holds: Option<bool>,
    /// Digest of the report's bytes, by which anybody can tell that theirs is the same; null while it is building.
    pub sha256: Option<Sha256Hex>,
    /// Counts its changes, from 1.
    pub version: u64,
}

/// A closed day as one caller may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DayCloseView {
    /// Which day, and how far its report has come.
    #[serde(flatten)]
    pub day: DayCloseSummary,
    /// What the report was made from; for who sees all of it.
    pub inputs: Option<Inputs>,
    /// What was held against what; for who sees all of it.
    pub controls: Vec<Control>,
    /// The operator's own part; for who sees all of it.
    pub operator: Option<OperatorRow>,
    /// Budgets and expenses, by name; for who sees all of it.
    pub purposes: Vec<PurposeRow>,
    /// Partners, by name.
    pub partners: Vec<PartnerRow>,
    /// Regions, by name.
    pub regions: Vec<RegionRow>,
    /// Agents, by id.
    pub agents: Vec<AgentRow>,
    /// The whole report as JSON; for who sees all of it.
    pub file: Option<StoredFile>,
    /// All rows as CSV; for who sees all of it.
    pub table: Option<StoredFile>,
}

/// What flowed through one account, or several together, in minor units of the report's currency. Each amount is the sum
/// of the entries of its kind as they were booked, debits positive: what a borrower paid is positive for the agent and
/// negative for the partner's control account. Opening and all that flowed are closing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Flows {
    /// The balance at the first moment of the day.
    pub opening_minor: i64,
    /// Cash issued from the vault.
    pub float_issue_minor: i64,
    /// Cash from borrowers.
    pub collection_minor: i64,
    /// Cash to borrowers.
    pub disbursement_minor: i64,
    /// Cash that agents handed in at the vault.
    pub deposit_minor: i64,
    /// What was set right by hand.
    pub adjustment_minor: i64,
    /// Money set aside for a purpose, or spent from there.
    pub budget_minor: i64,
    /// Earlier days, settled in this one.
    pub settlement_minor: i64,
    /// What was paid out for settled days; none in reports of the first shape.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payout_minor: Option<i64>,
    /// The balance at the cut.
    pub closing_minor: i64,
    /// Entries of collections, a visit each, and of what took one back. Visits that failed move no cash and are no entries.
    pub collection_count: u64,
    /// Entries of disbursements, and of what took one back.
    pub disbursement_count: u64,
    /// Entries of adjustments, and of what took one back.
    pub adjustment_count: u64,
    /// Entries of any column that took an earlier transfer back: each stands in the column of what it took back.
    pub reversal_count: u64,
}

/// The column of [`Flows`] that all others add up to.
const CLOSING: &str = "closing";
/// Columns of [`Flows`] with counts.
const COUNTS: [&str; 4] = ["collection_count", "disbursement_count", "adjustment_count", "reversal_count"];

fn uncountable() -> Failed {
    Failed::fault("the sums of a day are beyond what can be counted")
}

fn plus(sum: &mut i64, amount_minor: i64) -> Result<(), Failed> {
    *sum = sum.checked_add(amount_minor).ok_or_else(uncountable)?;
    Ok(())
}

impl Flows {
    /// Flows of an account that the day before left with a balance.
    fn opened_with(balance_minor: i64, shape: Shape) -> Self {
        let payout_minor = match shape {
            Shape::Field => None,
            Shape::Whole => Some(0),
        };
        Self { opening_minor: balance_minor, payout_minor, closing_minor: balance_minor, ..Self::default() }
    }

    /// Adds an entry of the day, to the column of what it is or takes back.
    fn flow(&mut self, entry: &Entry) -> Result<(), Failed> {
        let amount_minor = entry.amount.amount_minor;
        let reversed = entry.subject.reverses.as_ref().map(|reversed| reversed.kind);
        let (sum, count) = match reversed.unwrap_or(entry.kind) {
            TransferKind::FloatIssue => (&mut self.float_issue_minor, None),
            TransferKind::Collection => (&mut self.collection_minor, Some(&mut self.collection_count)),
            TransferKind::Disbursement => (&mut self.disbursement_minor, Some(&mut self.disbursement_count)),
            TransferKind::Deposit => (&mut self.deposit_minor, None),
            TransferKind::Adjustment => (&mut self.adjustment_minor, Some(&mut self.adjustment_count)),
            TransferKind::Budget => (&mut self.budget_minor, None),
            TransferKind::Settlement => (&mut self.settlement_minor, None),
            TransferKind::Payout => match &mut self.payout_minor {
                Some(sum) => (sum, None),
                None => return Err(Failed::fault("a payout in a report of a shape that has none")),
            },
            TransferKind::Reversal => return Err(Failed::fault("a reversal that does not name what it takes back")),
        };
        if let Some(count) = count {
            *count = count.saturating_add(1);
        }
        self.reversal_count = self.reversal_count.saturating_add(u64::from(reversed.is_some()));
        plus(sum, amount_minor)?;
        plus(&mut self.closing_minor, amount_minor)
    }

    /// Adds an entry from before the day.
    fn carry(&mut self, entry: &Entry) -> Result<(), Failed> {
        plus(&mut self.opening_minor, entry.amount.amount_minor)?;
        plus(&mut self.closing_minor, entry.amount.amount_minor)
    }

    /// Adds what flowed through another account.
    fn add(&mut self, other: &Self) -> Result<(), Failed> {
        for (sum, amount_minor) in [
            (&mut self.opening_minor, other.opening_minor),
            (&mut self.float_issue_minor, other.float_issue_minor),
            (&mut self.collection_minor, other.collection_minor),
            (&mut self.disbursement_minor, other.disbursement_minor),
            (&mut self.deposit_minor, other.deposit_minor),
            (&mut self.adjustment_minor, other.adjustment_minor),
            (&mut self.budget_minor, other.budget_minor),
            (&mut self.settlement_minor, other.settlement_minor),
            (&mut self.closing_minor, other.closing_minor),
        ] {
            plus(sum, amount_minor)?;
        }
        if let Some(amount_minor) = other.payout_minor {
            plus(self.payout_minor.get_or_insert_default(), amount_minor)?;
        }
        for (sum, count) in [
            (&mut self.collection_count, other.collection_count),
            (&mut self.disbursement_count, other.disbursement_count),
            (&mut self.adjustment_count, other.adjustment_count),
            (&mut self.reversal_count, other.reversal_count),
        ] {
            *sum = sum.saturating_add(count);
        }
        Ok(())
    }

    /// The amounts by column: those that its shape has.
    fn amounts(&self) -> impl Iterator<Item = (&'static str, i64)> {
        let columns = [
            ("opening", Some(self.opening_minor)),
            ("float_issue", Some(self.float_issue_minor)),
            ("collection", Some(self.collection_minor)),
            ("disbursement", Some(self.disbursement_minor)),
            ("deposit", Some(self.deposit_minor)),
            ("adjustment", Some(self.adjustment_minor)),
            ("budget", Some(self.budget_minor)),
            ("settlement", Some(self.settlement_minor)),
            ("payout", self.payout_minor),
            (CLOSING, Some(self.closing_minor)),
        ];
        columns.into_iter().filter_map(|(column, amount_minor)| Some((column, amount_minor?)))
    }

    /// The amount of a column; nothing flows where its shape has none.
    fn amount(&self, column: &str) -> i64 {
        self.amounts().find(|(name, _)| *name == column).map_or(0, |(_, amount_minor)| amount_minor)
    }

    /// The counts, in the order of [`COUNTS`].
    fn counts(&self) -> [u64; 4] {
        [self.collection_count, self.disbursement_count, self.adjustment_count, self.reversal_count]
    }

    /// Opening and everything that flowed.
    fn folded(&self) -> i128 {
        self.amounts().filter(|(column, _)| *column != CLOSING).map(|(_, amount_minor)| i128::from(amount_minor)).sum()
    }

    fn sum<'a>(all: impl IntoIterator<Item = &'a Self>) -> Result<Self, Failed> {
        all.into_iter().try_fold(Self::default(), |mut sum, flows| sum.add(flows).map(|()| sum))
    }
}

/// An agent's cash on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AgentRow {
    /// Who.
    pub agent_id: AgentId,
    /// Where they work. Agents stay in the region that they were taken on for.
    pub region: RegionName,
    /// What went through their hands.
    #[serde(flatten)]
    pub cash: Flows,
}

/// The cash of a region's agents on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegionRow {
    /// Which.
    pub region: RegionName,
    /// How many of its agents have a row.
    pub agents: u64,
    /// What went through their hands.
    #[serde(flatten)]
    pub cash: Flows,
}

/// A partner's accounts on a day, and what was settled for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PartnerRow {
    /// Whom.
    pub partner_id: PartnerName,
    /// Its control account: what flowed for it and is not settled yet.
    pub control: Flows,
    /// Its settlement account: what settled days owe it (negative), or it owes.
    pub payable: Flows,
    /// The day's settlement.
    pub settlement: Option<SettledPart>,
    /// What of the control account's entries happened on business days that were closed before; none where the day's
    /// settlement does not tell.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub late: Option<Late>,
}

/// What a report keeps of a partner's settlement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SettledPart {
    /// Which.
    pub settlement_id: SettlementId,
    /// Its control totals.
    pub totals: Option<Totals>,
    /// Digest of its file.
    pub file_sha256: Option<Sha256Hex>,
}

/// A budget or an expense on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PurposeRow {
    /// Which, such as `budget.sms`.
    #[serde(rename = "account_id")]
    #[schema(value_type = String)]
    pub account: Account,
    /// What was set aside or spent.
    #[serde(flatten)]
    pub money: Flows,
}

/// The operator's own part of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OperatorRow {
    /// The cash that agents' floats come from.
    pub vault: Flows,
    /// Its account at its bank; none in reports of the first shape.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bank: Option<Flows>,
    /// What is there and cannot be explained yet; none in reports of the first shape.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspense: Option<Flows>,
    /// The trial balance: the sum over all accounts, zero in every column of amounts. Its counts are of entries, and each
    /// visit has two.
    pub trial: Flows,
}

/// Two figures that must be the same, reached on different ways.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Control {
    /// What was held against what; docs/API.md lists the names.
    pub name: String,
    /// One of them, in minor units or a count.
    pub left: i64,
    /// The other.
    pub right: i64,
    /// Whether they are the same.
    pub holds: bool,
}

impl Control {
    fn of(name: impl Into<String>, left: i64, right: i64) -> Self {
        Self { name: name.into(), left, right, holds: left == right }
    }
}

/// What a report was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Inputs {
    /// Accounts that were read.
    pub accounts: u64,
    /// Entries of the day.
    pub entries: u64,
    /// Entries from before it, read for the opening balances because no earlier report has them.
    pub carried: u64,
    /// SHA-256 over all of them: accounts by name, entries in the order of the books, a JSON array a line of account,
    /// transfer, kind, time, time of the happening, amount in minor units, currency, visit, reference and transfer that is
    /// taken back (null where there is none).
    pub sha256: Sha256Hex,
    /// The report that the opening balances come from.
    pub previous: Option<Previous>,
}

/// The report of the day before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Previous {
    /// Which day.
    #[schema(value_type = String, format = Date)]
    pub business_day: Day,
    /// Digest of its bytes.
    pub sha256: Sha256Hex,
}

/// The report of a closed day. Its bytes as JSON are what is hashed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The day.
    pub business_day: Day,
    /// First moment of its entries, inclusive.
    pub opened_at: Timestamp,
    /// Last moment, exclusive.
    pub cut_at: Timestamp,
    /// The money it is in.
    pub currency: Currency,
    /// Which accounts it is about.
    #[serde(default, skip_serializing_if = "Shape::is_first")]
    pub shape: Shape,
    /// What it was made from.
    pub inputs: Inputs,
    /// What was held against what.
    pub controls: Vec<Control>,
    /// The operator's own part.
    pub operator: OperatorRow,
    /// Budgets and expenses, by name; left out where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub purposes: Vec<PurposeRow>,
    /// Partners, by name.
    pub partners: Vec<PartnerRow>,
    /// Regions, by name.
    pub regions: Vec<RegionRow>,
    /// Agents, by id.
    pub agents: Vec<AgentRow>,
}

impl Report {
    /// Whether all its controls hold.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.controls.iter().all(|control| control.holds)
    }

    /// Passes when all controls hold.
    ///
    /// # Errors
    /// [`Failed::Fault`] with the names of those that do not.
    pub fn must_hold(&self) -> Result<(), Failed> {
        let broken: Vec<String> = self
            .controls
            .iter()
            .filter(|control| !control.holds)
            .map(|control| format!("{}: {} is not {}", control.name, control.left, control.right))
            .collect();
        if broken.is_empty() {
            return Ok(());
        }
        Err(Failed::fault(format!("the report of {} does not agree: {}", self.business_day, broken.join(", "))))
    }

    /// Holds the rows against each other anew: whoever has a report can check its controls without the books.
    ///
    /// # Errors
    /// [`Failed::Fault`] when a sum does not fit.
    pub fn check(&self) -> Result<Vec<Control>, Failed> {
        let agents = Flows::sum(self.agents.iter().map(|row| &row.cash))?;
        let regions = Flows::sum(self.regions.iter().map(|row| &row.cash))?;
        let partners = Flows::sum(self.partners.iter().flat_map(|row| [&row.control, &row.payable]))?;
        let others = Flows::sum(std::iter::once(&partners).chain(self.own()))?;
        let mut controls = vec![];
        for (name, _) in self.operator.trial.amounts() {
            let opposite = others.amount(name).checked_neg().ok_or_else(uncountable)?;
            controls.push(Control::of(format!("{name}.agents_and_others"), agents.amount(name), opposite));
            controls.push(Control::of(format!("{name}.agents_and_regions"), agents.amount(name), regions.amount(name)));
        }
        let count = |count: u64| i64::try_from(count).map_err(Failed::fault);
        for (name, ours, theirs) in [
            ("collection_count", agents.collection_count, partners.collection_count),
            ("disbursement_count", agents.disbursement_count, partners.disbursement_count),
        ] {
            controls.push(Control::of(format!("{name}.agents_and_partners"), count(ours)?, count(theirs)?));
        }
        let unfolded = self.flows().filter(|flows| flows.folded() != i128::from(flows.closing_minor)).count();
        controls.push(Control::of("closing.accounts_that_do_not_add_up", count(unfolded as u64)?, 0));
        let open = self.operator.trial.amounts().filter(|(_, amount_minor)| *amount_minor != 0).count();
        controls.push(Control::of("trial.columns_that_are_not_zero", count(open as u64)?, 0));
        for row in &self.partners {
            let Some(totals) = row.settlement.as_ref().and_then(|settled| settled.totals) else { continue };
            let (partner, control) = (&row.partner_id, &row.control);
            let collected = control.collection_minor.checked_neg().ok_or_else(uncountable)?;
            let lines = [control.collection_count, control.disbursement_count, control.adjustment_count];
            let lines = lines.into_iter().fold(0, u64::saturating_add);
            let adjusted = control.adjustment_minor.checked_neg().ok_or_else(uncountable)?;
            let net = collected.checked_sub(control.disbursement_minor).and_then(|net| net.checked_add(adjusted));
            let net = net.ok_or_else(uncountable)?;
            for (name, ours, theirs) in [
                ("adjusted", adjusted, totals.adjusted.amount_minor),
                ("collected", collected, totals.collected.amount_minor),
                ("disbursed", control.disbursement_minor, totals.disbursed.amount_minor),
                ("net", net, totals.net.amount_minor),
                ("count", count(lines)?, count(totals.count)?),
            ] {
                controls.push(Control::of(format!("settlement.{partner}.{name}"), ours, theirs));
            }
            let (Some(ours), Some(theirs)) = (row.late, totals.late) else { continue };
            for (name, ours, theirs) in [
                ("late_count", count(ours.count)?, count(theirs.count)?),
                ("late_net", ours.net.amount_minor, theirs.net.amount_minor),
            ] {
                controls.push(Control::of(format!("settlement.{partner}.{name}"), ours, theirs));
            }
        }
        Ok(controls)
    }

    /// What an account held at the cut, in minor units, if it has a row.
    #[must_use]
    pub fn closing_minor(&self, operator: &OperatorName, account: &Account) -> Option<i64> {
        self.accounts(operator).find(|(one, _)| one == account).map(|(_, flows)| flows.closing_minor)
    }

    /// Every account with a row.
    fn accounts(&self, operator: &OperatorName) -> impl Iterator<Item = (Account, &Flows)> {
        let agents = self.agents.iter().map(|row| (Account::AgentCash(row.agent_id.clone()), &row.cash));
        let partners = self.partners.iter().flat_map(|row| {
            [
                (Account::PartnerControl(row.partner_id.clone()), &row.control),
                (Account::PartnerSettlement(row.partner_id.clone()), &row.payable),
            ]
        });
        let own = [
            (Account::Vault(operator.clone()), Some(&self.operator.vault)),
            (Account::Bank(operator.clone()), self.operator.bank.as_ref()),
            (Account::Suspense(operator.clone()), self.operator.suspense.as_ref()),
        ];
        let own = own.into_iter().filter_map(|(account, flows)| Some((account, flows?)));
        let purposes = self.purposes.iter().map(|row| (row.account.clone(), &row.money));
        agents.chain(partners).chain(own).chain(purposes)
    }

    /// The flows of the operator's own accounts.
    fn own(&self) -> impl Iterator<Item = &Flows> {
        let OperatorRow { vault, bank, suspense, .. } = &self.operator;
        let own = [Some(vault), bank.as_ref(), suspense.as_ref()].into_iter().flatten();
        own.chain(self.purposes.iter().map(|row| &row.money))
    }

    /// The flows of every row that is an account.
    fn flows(&self) -> impl Iterator<Item = &Flows> {
        let agents = self.agents.iter().map(|row| &row.cash);
        let partners = self.partners.iter().flat_map(|row| [&row.control, &row.payable]);
        agents.chain(partners).chain(self.own())
    }

    /// The report's bytes.
    ///
    /// # Errors
    /// [`Failed::Fault`] when it cannot be written as JSON.
    pub fn to_json(&self) -> Result<Vec<u8>, Failed> {
        serde_json::to_vec(self).map_err(Failed::fault)
    }

    /// Its rows as CSV: a header, a row an agent, a region and an account, and the trial balance last.
    ///
    /// # Errors
    /// [`Failed::Fault`] when a row cannot be written.
    pub fn to_csv(&self) -> Result<Vec<u8>, Failed> {
        let mut rows = CsvRows::new();
        let amounts: Vec<_> = self.operator.trial.amounts().map(|(column, _)| format!("{column}_minor")).collect();
        let mut header = vec!["row", "id", "region"];
        header.extend(amounts.iter().map(String::as_str));
        header.extend(COUNTS);
        header.push("currency");
        rows.push(&header)?;
        for row in &self.agents {
            self.csv_row(&mut rows, ["agent", row.agent_id.as_str(), row.region.as_str()], &row.cash)?;
        }
        for row in &self.regions {
            self.csv_row(&mut rows, ["region", row.region.as_str(), row.region.as_str()], &row.cash)?;
        }
        for row in &self.partners {
            self.csv_row(&mut rows, ["partner_control", row.partner_id.as_str(), ""], &row.control)?;
            self.csv_row(&mut rows, ["partner_settlement", row.partner_id.as_str(), ""], &row.payable)?;
        }
        self.csv_row(&mut rows, ["vault", "", ""], &self.operator.vault)?;
        for (name, flows) in [("bank", &self.operator.bank), ("suspense", &self.operator.suspense)] {
            if let Some(flows) = flows {
                self.csv_row(&mut rows, [name, "", ""], flows)?;
            }
        }
        for row in &self.purposes {
            let name = row.account.to_string();
            let purpose = name.split_once('.').map_or("", |(_, purpose)| purpose);
            self.csv_row(&mut rows, [row.account.kind(), purpose, ""], &row.money)?;
        }
        self.csv_row(&mut rows, ["TOTAL", "", ""], &self.operator.trial)?;
        Ok(rows.take())
    }

    fn csv_row(&self, rows: &mut CsvRows, names: [&str; 3], flows: &Flows) -> Result<(), Failed> {
        let amounts: Vec<_> = flows.amounts().map(|(_, amount_minor)| amount_minor.to_string()).collect();
        let counts = flows.counts().map(|count| count.to_string());
        let mut cells = names.to_vec();
        cells.extend(amounts.iter().chain(&counts).map(String::as_str));
        cells.push(self.currency.code());
        rows.push(&cells)
    }
}

/// A report as it grows, account by account and entry by entry. It holds a row an account, however many entries there are.
pub struct Books {
    day: DayClose,
    shape: Shape,
    currency: Currency,
    settlements: Vec<Settlement>,
    previous: Option<Previous>,
    opening: BTreeMap<String, i64>,
    regions: BTreeMap<AgentId, RegionName>,
    partners: BTreeSet<PartnerName>,
    purposes: BTreeSet<Account>,
    late: BTreeMap<PartnerName, Late>,
    current: Option<Open>,
    closed: BTreeMap<String, (Account, Flows)>,
    hash: Sha256,
    entries: u64,
    carried: u64,
}

/// An account whose entries are being read.
struct Open {
    account: Account,
    name: String,
    range: (Timestamp, Timestamp),
    flows: Flows,
    is_known: bool,
}

impl Books {
    /// Books of a day without any entry yet: its settlements, the operator's agents with their regions, its budgets and
    /// expenses, and the report of the day before with the digest of its bytes, if there is one.
    #[must_use]
    pub fn begin(
        day: &DayClose,
        currency: Currency,
        settlements: Vec<Settlement>,
        agents: impl IntoIterator<Item = (AgentId, RegionName)>,
        purposes: impl IntoIterator<Item = Account>,
        before: Option<(Sha256Hex, Report)>,
    ) -> Self {
        let mut partners: BTreeSet<PartnerName> =
            settlements.iter().map(|settled| settled.partner_id.clone()).collect();
        let mut opening = BTreeMap::new();
        let mut regions = BTreeMap::new();
        if let Some((_, report)) = &before {
            partners.extend(report.partners.iter().map(|row| row.partner_id.clone()));
            regions.extend(report.agents.iter().map(|row| (row.agent_id.clone(), row.region.clone())));
            opening.extend(report.accounts(&day.operator).map(|(name, flows)| (name.to_string(), flows.closing_minor)));
        }
        regions.extend(agents);
        let named = before.iter().flat_map(|(_, report)| report.purposes.iter().map(|row| row.account.clone()));
        let purposes = named.chain(purposes).collect();
        // Days that were reported before settlements told late items are reported again without them, to the same bytes.
        let tells_late = |settled: &&Settlement| settled.totals.is_some_and(|totals| totals.late.is_some());
        let late = settlements.iter().filter(tells_late);
        let late = late.map(|settled| (settled.partner_id.clone(), Late::none(settled.currency))).collect();
        Self {
            day: day.clone(),
            shape: day.shape(),
            currency,
            settlements,
            previous: before.map(|(sha256, report)| Previous { business_day: report.business_day, sha256 }),
            opening,
            regions,
            partners,
            purposes,
            late,
            current: None,
            closed: BTreeMap::new(),
            hash: Sha256::new(),
            entries: 0,
            carried: 0,
        }
    }

    /// The accounts to be read, in the order in which they must be.
    #[must_use]
    pub fn accounts(&self) -> Vec<Account> {
        let mut accounts: Vec<Account> = self.regions.keys().cloned().map(Account::AgentCash).collect();
        accounts.extend(self.partners.iter().cloned().map(Account::PartnerControl));
        accounts.extend(self.partners.iter().cloned().map(Account::PartnerSettlement));
        let operator = &self.day.operator;
        accounts.push(Account::Vault(operator.clone()));
        match self.shape {
            Shape::Field => {}
            Shape::Whole => {
                accounts.extend([Account::Bank(operator.clone()), Account::Suspense(operator.clone())]);
                accounts.extend(self.purposes.iter().cloned());
            }
        }
        accounts.sort_by_cached_key(ToString::to_string);
        accounts
    }

    /// The entries to be read of an account: from the first moment, inclusive, to the second. They are those of the day
    /// where the report before has the account's balance, and all from the very first on where it has not: the account is
    /// new, or the report before was made while an index did not show it yet.
    #[must_use]
    pub fn range(&self, account: &Account) -> (Timestamp, Timestamp) {
        let is_reported = self.opening.contains_key(&account.to_string());
        (if is_reported { self.day.opened_at } else { Timestamp::EPOCH }, self.day.cut_at)
    }

    /// Begins the next account.
    ///
    /// # Errors
    /// [`Failed::Fault`] when it does not sort behind the one before.
    pub fn account(&mut self, account: &Account) -> Result<(), Failed> {
        let name = account.to_string();
        if self.current.as_ref().is_some_and(|open| open.name >= name) {
            return Err(Failed::fault("the accounts of a day are read in the order of their names, each once"));
        }
        self.close_current();
        let opening = self.opening.get(&name).copied();
        let flows = Flows::opened_with(opening.unwrap_or_default(), self.shape);
        let is_known = opening.is_some() || !account.is_closable();
        let range = self.range(account);
        self.current = Some(Open { account: account.clone(), name, range, flows, is_known });
        Ok(())
    }

    /// Adds the account's next entry.
    ///
    /// # Errors
    /// [`Failed::Fault`] for an entry that is not of this day's money or not from before its cut, or when a sum does not fit.
    pub fn entry(&mut self, entry: &Entry) -> Result<(), Failed> {
        let Some(open) = &mut self.current else { return Err(Failed::fault("an entry of no account")) };
        let (from, to) = open.range;
        if entry.at < from || entry.at >= to {
            return Err(Failed::fault("an entry of another day in the books of this one"));
        }
        if entry.amount.currency != self.currency {
            return Err(Failed::fault("an entry of another currency in the books of a day"));
        }
        let line = serde_json::to_string(&(
            &open.name,
            &entry.transfer_id,
            entry.kind.as_str(),
            entry.at,
            entry.effective_at,
            entry.amount.amount_minor,
            entry.amount.currency,
            &entry.subject.delivery_id,
            &entry.subject.reference,
            entry.subject.reverses.as_ref().map(|reversed| &reversed.transfer_id),
        ));
        self.hash.update(line.map_err(Failed::fault)?.as_bytes());
        self.hash.update(b"\n");
        open.is_known = true;
        let is_late = self.day.previous.is_some() && entry.effective_at < self.day.opened_at;
        if let Account::PartnerControl(partner_id) = &open.account
            && let Some(late) = self.late.get_mut(partner_id)
            && is_late
            && is_line(entry)
            && entry.at >= self.day.opened_at
        {
            late.count(entry)?;
        }
        if entry.at < self.day.opened_at {
            self.carried = self.carried.saturating_add(1);
            open.flows.carry(entry)
        } else {
            self.entries = self.entries.saturating_add(1);
            open.flows.flow(entry)
        }
    }

    /// An agent who had no cash and moved none has no row: taken on after the cut, they leave no trace in its report. Nor
    /// does a budget or an expense that was first posted to after it.
    fn close_current(&mut self) {
        if let Some(open) = self.current.take().filter(|open| open.is_known) {
            self.closed.insert(open.name, (open.account, open.flows));
        }
    }

    /// The report.
    ///
    /// # Errors
    /// [`Failed::Fault`] when an account was not read or a sum does not fit.
    pub fn finish(mut self) -> Result<Report, Failed> {
        self.close_current();
        let read = |account: Account| {
            let found = self.closed.get(&account.to_string()).map(|(_, flows)| *flows);
            found.ok_or_else(|| Failed::fault("an account of the day was not read"))
        };
        let (mut agents, mut purposes) = (vec![], vec![]);
        let mut regions: BTreeMap<RegionName, RegionRow> = BTreeMap::new();
        for (account, cash) in self.closed.values() {
            if account.is_named() {
                purposes.push(PurposeRow { account: account.clone(), money: *cash });
                continue;
            }
            let Account::AgentCash(agent_id) = account else { continue };
            let region = self.regions.get(agent_id).ok_or_else(|| Failed::fault("an agent of no region"))?;
            let row = regions.entry(region.clone()).or_insert_with(|| RegionRow {
                region: region.clone(),
                agents: 0,
                cash: Flows::default(),
            });
            row.agents = row.agents.saturating_add(1);
            row.cash.add(cash)?;
            agents.push(AgentRow { agent_id: agent_id.clone(), region: region.clone(), cash: *cash });
        }
        let mut partners = vec![];
        for partner_id in &self.partners {
            let settled = self.settlements.iter().find(|settled| settled.partner_id == *partner_id);
            partners.push(PartnerRow {
                partner_id: partner_id.clone(),
                control: read(Account::PartnerControl(partner_id.clone()))?,
                payable: read(Account::PartnerSettlement(partner_id.clone()))?,
                settlement: settled.map(|settled| SettledPart {
                    settlement_id: settled.settlement_id.clone(),
                    totals: settled.totals,
                    file_sha256: settled.file.as_ref().map(|file| file.sha256.clone()),
                }),
                late: self.late.get(partner_id).copied(),
            });
        }
        let own = |account: fn(OperatorName) -> Account| read(account(self.day.operator.clone()));
        let (bank, suspense) = match self.shape {
            Shape::Field => (None, None),
            Shape::Whole => (Some(own(Account::Bank)?), Some(own(Account::Suspense)?)),
        };
        let operator = OperatorRow {
            vault: own(Account::Vault)?,
            bank,
            suspense,
            trial: Flows::sum(self.closed.values().map(|(_, flows)| flows))?,
        };
        let mut report = Report {
            business_day: self.day.business_day,
            opened_at: self.day.opened_at,
            cut_at: self.day.cut_at,
            currency: self.currency,
            shape: self.shape,
            inputs: Inputs {
                accounts: self.closed.len() as u64,
                entries: self.entries,
                carried: self.carried,
                sha256: Sha256Hex::finish(self.hash),
                previous: self.previous,
            },
            controls: vec![],
            operator,
            purposes,
            partners,
            regions: regions.into_values().collect(),
            agents,
        };
        report.controls = report.check()?;
        Ok(report)
    }
}

/// Whether everything that a day's report is made of is booked: its own settlements, which say what they found, and so
/// all earlier ones, whose transfers are entries of this day.
#[must_use]
pub fn is_settled(settlements: &[Settlement]) -> bool {
    settlements.iter().all(|settled| settled.status != SettlementStatus::Building)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        Money, TransferId,
        ledger::{Posting, Reversed, Subject, Transfer},
        settlement_format::FileFormat,
    };

    const AGENTS: usize = 3;
    const CUT_MILLIS: i64 = 1_000_000;

    fn operator() -> OperatorName {
        "pennco".parse().unwrap()
    }

    fn agent(index: usize) -> AgentId {
        AgentId::mint(Timestamp::EPOCH, &[&[u8::try_from(index).unwrap()]])
    }

    fn region(index: usize) -> RegionName {
        ["hassan", "mysore"][index % 2].parse().unwrap()
    }

    fn day(opened_millis: i64, cut_millis: i64) -> DayClose {
        let (opened_at, cut_at) = (Timestamp::from_millis(opened_millis), Timestamp::from_millis(cut_millis));
        let before = Calendar { last_cut_at: opened_at, ..Calendar::new(operator()) };
        let business_day = jiff::civil::date(2026, 11, 21);
        let slot = Slot { business_day, opened_at, cut_at, after: before.clone() };
        slot.day_close(&before, vec![])
    }

    /// Two budgets and an expense.
    fn purposes() -> [Account; 3] {
        ["budget.sms", "budget.fuel", "expense.sms"].map(|name| name.parse().unwrap())
    }

    fn can_be_taken_back(kind: TransferKind) -> bool {
        !matches!(kind, TransferKind::Settlement | TransferKind::Payout)
    }

    /// What happened, as transfers: an agent, a kind, an amount, a time.
    type Happenings = Vec<(usize, TransferKind, i64, i64, bool)>;

    /// An id of version 7, as those of transfers were when reports had their first shape.
    fn transfer_id(at: Timestamp, seed: &[&[u8]]) -> TransferId {
        TransferId::of_bits(TransferId::mint(at, seed).bits() & !(0xf << 76) | 7 << 76)
    }

    fn transfers(happenings: &Happenings) -> Vec<(Timestamp, Transfer)> {
        let partner: PartnerName = "bfil".parse().unwrap();
        let mut transfers = vec![];
        for (index, (who, kind, amount_minor, millis, is_taken_back)) in happenings.iter().enumerate() {
            let at = Timestamp::from_millis(*millis);
            let hand = Account::AgentCash(agent(*who));
            let control = Account::PartnerControl(partner.clone());
            let owed = Account::PartnerSettlement(partner.clone());
            let (vault, bank) = (Account::Vault(operator()), Account::Bank(operator()));
            let till = if amount_minor % 2 == 0 { vault } else { bank.clone() };
            let [sms, _, spent] = purposes();
            let (from, to) = match (kind, who) {
                (TransferKind::FloatIssue, _) => (till, hand),
                (TransferKind::Collection, _) => (control, hand),
                (TransferKind::Adjustment, 0) => (control, hand),
                (TransferKind::Adjustment, 1) => (Account::Suspense(operator()), hand),
                (TransferKind::Adjustment, _) => (hand, spent),
                (TransferKind::Disbursement, _) => (hand, control),
                (TransferKind::Deposit, _) => (hand, till),
                (TransferKind::Budget, 0) => (sms, spent),
                (TransferKind::Budget, which) => (till, purposes()[which - 1].clone()),
                (TransferKind::Payout, _) => (bank, owed),
                (TransferKind::Settlement | TransferKind::Reversal, _) => (control, owed),
            };
            let amount = Money::new(*amount_minor, Currency::Inr);
            let id = transfer_id(at, &[&index.to_be_bytes()]);
            let back = transfer_id(at, &[&index.to_be_bytes(), b"back"]);
            let reverses = Some(Reversed { transfer_id: id.clone(), kind: *kind });
            let (other_from, other_to) = (to.clone(), from.clone());
            transfers.push((at, Transfer::between(id, *kind, from, to, amount, Subject::default()).unwrap()));
            // What is settled and paid out is set right by an adjustment.
            if *is_taken_back && can_be_taken_back(*kind) {
                let at = Timestamp::from_millis(CUT_MILLIS - 1);
                let subject = Subject { reverses, ..Subject::default() };
                let taken = Transfer::between(back, TransferKind::Reversal, other_from, other_to, amount, subject);
                transfers.push((at, taken.unwrap()));
            }
        }
        transfers
    }

    /// Settlements are taken as they are booked: one of a partner that nothing was settled for, so that it has its rows.
    fn report(day: &DayClose, transfers: &[(Timestamp, Transfer)], before: Option<&Report>) -> Report {
        let slot = Slot {
            business_day: day.business_day,
            opened_at: day.opened_at,
            cut_at: day.cut_at,
            after: Calendar::new(operator()),
        };
        let settled = slot.settlement(&"bfil".parse().unwrap(), Currency::Inr, FileFormat::default());
        let agents = (0..AGENTS).map(|index| (agent(index), region(index)));
        let before = before.map(|report| (Sha256Hex::of(&report.to_json().unwrap()), report.clone()));
        let mut books = Books::begin(day, Currency::Inr, vec![settled], agents, purposes(), before);
        for account in books.accounts() {
            books.account(&account).unwrap();
            let (from, to) = books.range(&account);
            let mut entries: Vec<Entry> = vec![];
            for (at, transfer) in transfers.iter().filter(|(at, _)| *at >= from && *at < to) {
                let sides = transfer.postings().iter().filter(|side| side.account == account);
                entries.extend(sides.map(|Posting { amount, .. }| Entry {
                    transfer_id: transfer.transfer_id().clone(),
                    kind: transfer.kind(),
                    at: *at,
                    effective_at: *at,
                    amount: *amount,
                    subject: transfer.subject().clone(),
                }));
            }
            entries.sort_by_key(|entry| (entry.at, entry.transfer_id.clone()));
            entries.iter().for_each(|entry| books.entry(entry).unwrap());
        }
        books.finish().unwrap()
    }

    fn happenings() -> impl Strategy<Value = Happenings> {
        let kind = prop::sample::select(vec![
            TransferKind::FloatIssue,
            TransferKind::Collection,
            TransferKind::Disbursement,
            TransferKind::Deposit,
            TransferKind::Adjustment,
            TransferKind::Budget,
            TransferKind::Settlement,
            TransferKind::Payout,
        ]);
        prop::collection::vec((0..AGENTS, kind, 1_i64..1_000_000, 0..CUT_MILLIS, any::<bool>()), 0..40)
    }

    proptest! {
        #[test]
        fn the_figures_of_any_day_agree_and_begin_where_the_day_before_ended(
            happenings in happenings(), opened_millis in 0..CUT_MILLIS
        ) {
            let transfers = transfers(&happenings);
            let first = report(&day(0, opened_millis), &transfers, None);
            let second = report(&day(opened_millis, CUT_MILLIS), &transfers, Some(&first));
            let both = [&first, &second];
            for report in both {
                prop_assert!(report.holds(), "{:?}", report.must_hold());
                prop_assert_eq!(&report.check().unwrap(), &report.controls);
            }
            let entries: u64 = both.iter().map(|report| report.inputs.entries).sum();
            let taken_back = happenings.iter().filter(|happening| happening.4 && can_be_taken_back(happening.1)).count();
            prop_assert_eq!(entries, 2 * (happenings.len() + taken_back) as u64);
            let reversals: u64 = both.iter().map(|report| report.operator.trial.reversal_count).sum();
            prop_assert_eq!(reversals, 2 * taken_back as u64);
            // Read from the very first entry, the second day comes out the same, but for what it was read from.
            let alone = report(&day(opened_millis, CUT_MILLIS), &transfers, None);
            prop_assert_eq!(alone.inputs.carried, first.inputs.entries);
            prop_assert_eq!(&Report { inputs: second.inputs.clone(), ..alone }, &second);
        }

        #[test]
        fn a_report_is_read_back_from_its_bytes_and_made_again_to_the_same(happenings in happenings()) {
            let transfers = transfers(&happenings);
            let report_of = || report(&day(0, CUT_MILLIS), &transfers, None);
            let bytes = report_of().to_json().unwrap();
            prop_assert_eq!(report_of().to_json().unwrap(), bytes.clone());
            let read: Report = serde_json::from_slice(&bytes).unwrap();
            prop_assert_eq!(read.to_json().unwrap(), bytes);
        }

        #[test]
        fn a_figure_that_is_changed_in_a_row_is_named_by_a_control(
            happenings in happenings(), column in 0_usize..10, by in 1_i64..1_000
        ) {
            let mut changed = report(&day(0, CUT_MILLIS), &transfers(&happenings), None);
            let (column_name, _) = changed.operator.trial.amounts().nth(column).unwrap();
            let flows = &mut changed.partners[0].control;
            let figures = [
                &mut flows.opening_minor,
                &mut flows.float_issue_minor,
                &mut flows.collection_minor,
                &mut flows.disbursement_minor,
                &mut flows.deposit_minor,
                &mut flows.adjustment_minor,
                &mut flows.budget_minor,
                &mut flows.settlement_minor,
                flows.payout_minor.as_mut().unwrap(),
                &mut flows.closing_minor,
            ];
            *figures.into_iter().nth(column).unwrap() += by;
            let broken = |name: &str| changed.check().unwrap().iter().any(|control| control.name == name && !control.holds);
            let of_column = format!("{column_name}.agents_and_others");
            prop_assert!(broken(&of_column));
            prop_assert!(broken("closing.accounts_that_do_not_add_up"));
        }
    }

    #[test]
    fn what_is_read_out_of_order_or_out_of_its_day_makes_no_report() {
        let transfers = transfers(&vec![(0, TransferKind::Collection, 5, 10, false)]);
        let entry = |millis: i64, currency: Currency| Entry {
            transfer_id: transfers[0].1.transfer_id().clone(),
            kind: TransferKind::Collection,
            at: Timestamp::from_millis(millis),
            effective_at: Timestamp::from_millis(millis),
            amount: Money::new(5, currency),
            subject: Subject::default(),
        };
        let begun = || Books::begin(&day(0, CUT_MILLIS), Currency::Inr, vec![], [(agent(0), region(0))], [], None);
        assert!(begun().entry(&entry(5, Currency::Inr)).is_err(), "an entry of no account");
        let mut books = begun();
        books.account(&Account::Vault(operator())).unwrap();
        assert!(books.account(&Account::AgentCash(agent(0))).is_err(), "the vault is the last");
        assert!(books.account(&Account::Vault(operator())).is_err(), "each is read once");
        assert!(books.entry(&entry(CUT_MILLIS, Currency::Inr)).is_err(), "the cut is the next day's");
        assert!(books.entry(&entry(5, Currency::Npr)).is_err());
        assert!(books.entry(&entry(5, Currency::Inr)).is_ok());
        assert!(begun().finish().is_err(), "an account that was not read");
    }

    /// The day as it was reported before reports had every account.
    fn of_the_first_shape(day: DayClose) -> DayClose {
        DayClose { status: DayCloseStatus::Reported, ..day }
    }

    #[test]
    fn a_report_of_the_first_shape_is_made_again_to_the_bytes_it_had() {
        let transfers = transfers(&vec![
            (0, TransferKind::FloatIssue, 500_000, 10, false),
            (0, TransferKind::Collection, 150_000, 20, false),
            (1, TransferKind::Collection, 70_000, 30, true),
            (0, TransferKind::Disbursement, 40_000, 40, false),
            (0, TransferKind::Deposit, 10_000, 50, true),
            (2, TransferKind::Settlement, 60_000, 60, false),
        ]);
        let first = report(&of_the_first_shape(day(0, CUT_MILLIS)), &transfers, None);
        let second = of_the_first_shape(day(CUT_MILLIS, CUT_MILLIS + 5));
        let second = report(&second, &transfers, Some(&first));
        let digests = [first, second].map(|made| {
            let (json, rows) = (made.to_json().unwrap(), made.to_csv().unwrap());
            let read: Report = serde_json::from_slice(&json).unwrap();
            assert_eq!(read.to_json().unwrap(), json);
            [Sha256Hex::of(&json), Sha256Hex::of(&rows)].map(|digest| digest.as_str().to_owned())
        });
        // JSON and rows of both days, as they were made when reports had this shape alone.
        let kept = [
            [
                "5691bffe823139db1f55e82fad6f7372c3b4e0d54af9295d6aee8fe24368ff22",
                "3990fdac9577a2d304102122a5d46cea18b73e4d16debc937f096d7b7bef11f9",
            ],
            [
                "1ff4da0273edd9f57b289247384e22f8e2f7d3fce631907359bada42a6f6e93b",
                "b1178455941d3336742d4ede782b0559eda2bb0fddd5bf0498c280acfc7ce0d3",
            ],
        ];
        assert_eq!(digests, kept);
    }

    #[test]
    fn the_day_behind_a_report_of_the_first_shape_carries_what_that_left_out() {
        let transfers = transfers(&vec![
            (0, TransferKind::FloatIssue, 500_000, 10, false),
            (0, TransferKind::Deposit, 9_999, 20, false),
            (2, TransferKind::Adjustment, 300, 30, false),
            (1, TransferKind::Budget, 800, 40, false),
            (0, TransferKind::Payout, 5_000, 2_000, false),
        ]);
        let first = report(&of_the_first_shape(day(0, 1_000)), &transfers, None);
        assert!(!first.holds(), "it lacks the bank, the budget and the expense");
        let second = report(&day(1_000, CUT_MILLIS), &transfers, Some(&first));
        assert!(second.holds(), "{:?}", second.must_hold());
        assert_eq!((second.inputs.entries, second.inputs.carried), (2, 3));
        let bank = second.operator.bank.unwrap();
        assert_eq!((bank.opening_minor, bank.payout_minor, bank.closing_minor), (9_999, Some(-5_000), 4_999));
        let third = report(&day(CUT_MILLIS, CUT_MILLIS + 5), &transfers, Some(&second));
        assert_eq!((third.holds(), third.inputs.carried), (true, 0));
    }
}
