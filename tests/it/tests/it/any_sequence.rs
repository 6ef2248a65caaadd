//! Any sequence of commands, however hostile, leaves books that balance: tried on the decisions alone, many times, and in
//! [`requests`] through the doors.

mod requests;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use domain::{
    AgentId, Caller, Command, Currency, Day, Delivery, Failed, Money, OperatorName, Refusal, RegionName, Role,
    Timestamp, TransferId,
    access::{Agent, DELIVERY_CREATE, Partner},
    day_close::DayClose,
    delivery::{Borrower, DeliveryKind, FailureReason, NewDelivery, Outcome, OutcomeKind},
    disbursement::{BankLine, Instruction, NewDisbursement, Reconciled},
    id::Sha256Hex,
    late::{ClosedDays, When},
    ledger::{Account, Entry, Posting, Subject, Transfer, TransferKind, Unbalanced},
    operator::Operator,
    problem::Problem,
    settlement::{Calendar, Settlement, SettlementStatus, Slot, StoredFile},
    settlement_file::SettlementFile,
    settlement_format::SettlementFormats,
};
use proptest::{
    prelude::*,
    test_runner::{Config, RngSeed, TestCaseResult, TestError, TestRunner},
};
use testkit::{CASH_CAP_MINOR, FLOAT_MINOR, NOW_MILLIS, PARTNERS, REGIONS};

use crate::steps::borrower;

/// Where the sequences come from unless `PROPTEST_RNG_SEED` says otherwise.
const SEED: u64 = 20_261_121;

/// A command. What it is about is named by how many came after it: 0 is the latest visit, payment, settlement, command.
/// No agent named is the right one: who works there, or whose visit it is. The third agent and the third partner are not
/// this operator's, the third region is nobody's.
#[derive(Debug, Clone)]
enum Step {
    /// The desk plans a collection.
    Plan { partner: usize, region: usize, due: Money },
    /// A partner instructs a payment.
    Instruct { partner: usize, region: usize, amount: Money },
    /// The desk gives a visit to an agent.
    Assign { visit: usize, agent: Option<usize> },
    /// An agent reports cash, or that there was none.
    Conclude { visit: usize, agent: Option<usize>, cash: Option<Amount> },
    /// The settlement desk holds a payment against a bank line.
    Reconcile { payment: usize, line: Amount },
    /// The settlement desk closes a day.
    Close { days_ago: i64 },
    /// A settlement's message arrives.
    Build { settlement: usize },
    /// A command is sent again.
    Repeat { command: usize },
    /// An amount goes from one account to another, whatever for: no door does this.
    Move { from: usize, to: usize, amount_minor: i64 },
    /// What only doors take.
    Ledger(requests::Ledger),
}

/// How much.
#[derive(Debug, Clone, Copy)]
enum Amount {
    /// What is due or was instructed.
    Due,
    /// Something else.
    Other(Money),
}

impl Amount {
    fn of(self, due: Money) -> Money {
        match self {
            Self::Due => due,
            Self::Other(money) => money,
        }
    }
}

/// Commands that are decided on the same state, so many seconds after those before.
#[derive(Debug, Clone)]
struct Moment {
    after_seconds: i64,
    at_once: Vec<Step>,
}

fn money() -> impl Strategy<Value = Money> {
    let extremes = vec![i64::MAX, i64::MIN, i64::MAX - 1, i64::MIN + 1, Money::LARGEST_VISIT_MINOR + 1, CASH_CAP_MINOR];
    let minor = prop_oneof![
        12 => 1..=9_000_000_i64,
        1 => -9_000_000..=0_i64,
        1 => any::<i64>(),
        1 => prop::sample::select(extremes),
    ];
    let currency = prop_oneof![15 => Just(Currency::Inr), 1 => Just(Currency::Npr)];
    (minor, currency).prop_map(|(minor, currency)| Money::new(minor, currency))
}

fn amount() -> impl Strategy<Value = Amount> {
    prop_oneof![3 => Just(Amount::Due), 1 => money().prop_map(Amount::Other)]
}

/// One of two, now and then the third.
fn of_three() -> impl Strategy<Value = usize> {
    prop_oneof![12 => 0..2_usize, 1 => Just(2)]
}

fn agent() -> impl Strategy<Value = Option<usize>> {
    prop_oneof![5 => Just(None), 1 => (0..3_usize).prop_map(Some)]
}

/// What the doors take.
fn step() -> BoxedStrategy<Step> {
    let latest = || 0..3_usize;
    prop_oneof![
        2 => (of_three(), of_three(), money()).prop_map(|(partner, region, due)| Step::Plan { partner, region, due }),
        2 => (of_three(), of_three(), money())
            .prop_map(|(partner, region, amount)| Step::Instruct { partner, region, amount }),
        7 => (latest(), agent()).prop_map(|(visit, agent)| Step::Assign { visit, agent }),
        10 => (latest(), agent(), prop::option::weighted(0.9, amount()))
            .prop_map(|(visit, agent, cash)| Step::Conclude { visit, agent, cash }),
        2 => (latest(), amount()).prop_map(|(payment, line)| Step::Reconcile { payment, line }),
        1 => (-1..3_i64).prop_map(|days_ago| Step::Close { days_ago }),
        2 => latest().prop_map(|settlement| Step::Build { settlement }),
        2 => latest().prop_map(|command| Step::Repeat { command }),
    ]
    .boxed()
}

/// What no door takes as well.
fn step_or_move() -> BoxedStrategy<Step> {
    let accounts = || 0..ACCOUNTS;
    let moved = (accounts(), accounts(), money());
    let moved = moved.prop_map(|(from, to, money)| Step::Move { from, to, amount_minor: money.amount_minor });
    prop_oneof![10 => step(), 1 => moved].boxed()
}

/// A visit as it should go: planned, given to who works there, done.
fn errand() -> impl Strategy<Value = Vec<Step>> {
    let instructed = |amount| Step::Instruct { partner: 0, region: 0, amount };
    let planned = |due| Step::Plan { partner: 0, region: 1, due };
    let first = prop_oneof![money().prop_map(instructed), money().prop_map(planned)];
    (first, amount()).prop_map(|(first, cash)| {
        vec![first, Step::Assign { visit: 0, agent: None }, Step::Conclude { visit: 0, agent: None, cash: Some(cash) }]
    })
}

/// So many times at most: a command, some at once, or an errand, which come so often beside eight and one of the others.
fn moments(
    most: usize,
    waits: impl Strategy<Value = i64> + Clone,
    step: BoxedStrategy<Step>,
    (errands, errand): (u32, impl Strategy<Value = Vec<Step>>),
) -> impl Strategy<Value = Vec<Moment>> {
    let some = prop_oneof![
        8 => prop::collection::vec(step.clone(), 1).prop_map(|one| vec![one]),
        1 => prop::collection::vec(step, 2..=3).prop_map(|at_once| vec![at_once]),
        errands => errand.prop_map(|steps| steps.into_iter().map(|step| vec![step]).collect()),
    ];
    let some = (waits, some).prop_map(|(after_seconds, some): (i64, Vec<Vec<Step>>)| {
        let moments = some.into_iter().map(|at_once| Moment { after_seconds, at_once });
        moments.collect::<Vec<_>>()
    });
    prop::collection::vec(some, 1..=most).prop_map(|moments| moments.concat())
}

/// How many commands there were, what became of them, and how much was booked by them.
#[derive(Default)]
struct Tally {
    from: String,
    outcomes: BTreeMap<String, u64>,
    /// Of each kind of command, how often it was accepted, waits for people, and was refused.
    kinds: BTreeMap<&'static str, [u64; 3]>,
    entries: usize,
    settlements: usize,
}

impl Tally {
    fn count(&mut self, outcome: &str) {
        *self.outcomes.entry(outcome.to_owned()).or_default() += 1;
    }

    fn commands(&self) -> u64 {
        self.outcomes.values().sum()
    }

    /// So many commands at least, refused by each rule about cash, and with each of these outcomes, too: sequences that
    /// come to nothing show nothing.
    fn must_have(&self, commands: u64, outcomes: &[&str]) {
        assert!(self.commands() >= commands, "{self}");
        assert!(self.settlements > 0, "nothing was owed: {self}");
        let rules = ["cash_cap_exceeded", "insufficient_cash", "amount_exceeds_due", "amount_differs"];
        for outcome in rules.iter().chain(&["illegal_transition"]).chain(outcomes) {
            assert!(self.outcomes.contains_key(*outcome), "nothing was {outcome}: {self}");
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, entries, settlements, .. } = self;
        write!(f, "{from}: {} commands, {entries} entries, {settlements} settlements that were owed", self.commands())?;
        self.outcomes.iter().try_for_each(|(outcome, times)| write!(f, ", {times} {outcome}"))?;
        self.kinds.iter().try_for_each(|(kind, [accepted, waits, refused])| {
            write!(f, "\n{kind}: {accepted} accepted, {waits} wait, {refused} refused")
        })
    }
}

/// Tries so many sequences; one that fails is shrunk.
fn run<T>(
    sequences: u32,
    most_shrinks: u32,
    of: &impl Strategy<Value = T>,
    test: impl Fn(&T, &mut Tally) -> TestCaseResult,
) -> (Tally, Result<(), TestError<T>>) {
    let asked = Config::default();
    let rng_seed = if asked.rng_seed == RngSeed::Random { RngSeed::Fixed(SEED) } else { asked.rng_seed };
    let config =
        Config { cases: sequences, rng_seed, max_shrink_iters: most_shrinks, failure_persistence: None, ..asked };
    let tally = RefCell::new(Tally::default());
    let outcome = TestRunner::new(config).run(of, |sequence| test(&sequence, &mut tally.borrow_mut()));
    let from = format!("{sequences} sequences of seed {rng_seed}");
    (Tally { from, ..tally.into_inner() }, outcome)
}

/// Whether the books keep the limits of capped accounts; those that do not are there to be found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limits {
    Kept,
    Forgotten,
}

/// The ledger in memory, under the conditions of `store`: an entry is appended once, an amount without an opposite is not
/// posted, a capped balance stays between zero and its cap, and a transfer is booked whole or not at all.
struct Books {
    limits: Limits,
    entries: BTreeMap<(Account, Timestamp, TransferId), Entry>,
    balances: BTreeMap<(Account, u8), i128>,
}

impl Books {
    fn book(&mut self, transfer: &Transfer, at: Timestamp) -> Result<(), Failed> {
        let mut balances = self.balances.clone();
        let mut entries = vec![];
        let (transfer_id, kind, subject) = (transfer.transfer_id(), transfer.kind(), transfer.subject());
        for Posting { account, amount } in transfer.postings() {
            let key = (account.clone(), at, transfer_id.clone());
            if self.entries.contains_key(&key) {
                return Err(Failed::Moved);
            }
            let entry = Entry {
                transfer_id: transfer_id.clone(),
                kind,
                at,
                effective_at: at,
                amount: *amount,
                subject: subject.clone(),
            };
            entries.push((key, entry));
            amount.negated().map_err(Failed::fault)?;
            let balance = balances.entry((account.clone(), account.shard_of(transfer_id))).or_default();
            *balance += i128::from(amount.amount_minor);
            if account.is_capped() && self.limits == Limits::Kept {
                if amount.amount_minor >= 0 && *balance > i128::from(CASH_CAP_MINOR) {
                    return Err(Refusal::CashCapExceeded.into());
                }
                if amount.amount_minor < 0 && *balance < 0 {
                    return Err(Refusal::InsufficientCash.into());
                }
            }
        }
        self.balances = balances;
        self.entries.extend(entries);
        Ok(())
    }

    fn audit(&self) -> TestCaseResult {
        let entries = self.entries.iter().map(|((account, ..), entry)| Booked {
            account: account.to_string(),
            transfer_id: entry.transfer_id.to_string(),
            currency: entry.amount.currency.code().to_owned(),
            minor: i128::from(entry.amount.amount_minor),
        });
        let balances = self.balances.iter().map(|((account, _), minor)| (account.to_string(), *minor));
        audit(entries, balances)
    }
}

/// An entry, wherever it is kept.
struct Booked {
    account: String,
    transfer_id: String,
    currency: String,
    minor: i128,
}

/// The entries of a transfer sum to zero in each currency, and that is the operators'; each balance is the fold of its
/// entries; an operator's balances sum to zero; no agent is below zero or above the cap.
fn audit(entries: impl Iterator<Item = Booked>, shards: impl Iterator<Item = (String, i128)>) -> TestCaseResult {
    let mut transfers: BTreeMap<(String, String), i128> = BTreeMap::new();
    let (mut folds, mut balances) = (BTreeMap::<String, i128>::new(), BTreeMap::<String, i128>::new());
    for Booked { account, transfer_id, currency, minor } in entries {
        *transfers.entry((transfer_id, currency)).or_default() += minor;
        *folds.entry(account).or_default() += minor;
    }
    for ((transfer_id, currency), sum) in &transfers {
        prop_assert_eq!((*sum, currency.as_str()), (0, "INR"), "the entries of {}", transfer_id);
    }
    for (account, minor) in shards {
        *balances.entry(account).or_default() += minor;
    }
    prop_assert_eq!(&balances, &folds, "balances, and the folds of their entries");
    let mut trials: BTreeMap<Option<&str>, i128> = BTreeMap::new();
    for (account, balance) in &balances {
        *trials.entry(account.split_once('#').map(|(operator, _)| operator)).or_default() += balance;
    }
    prop_assert!(trials.values().all(|trial| *trial == 0), "trial balances: {:?}", trials);
    for (account, balance) in balances.iter().filter(|(account, _)| account.contains("agent_cash.")) {
        let limits = 0..=i128::from(CASH_CAP_MINOR);
        prop_assert!(limits.contains(balance), "{} holds {}", account, balance);
    }
    Ok(())
}

/// A thing as a decision leaves it, and the place of what it was decided on; a new thing has none.
struct After<T> {
    place: Option<usize>,
    thing: T,
}

/// What a decision would write.
#[derive(Default)]
struct Change {
    visit: Option<After<Delivery>>,
    payment: Option<After<Instruction>>,
    settlement: Option<After<Settlement>>,
    day: Option<Slot>,
    transfer: Option<(Transfer, Timestamp)>,
}

/// The thing that so many came after, and its place.
fn latest<T>(things: &[T], behind: usize) -> Result<(Option<usize>, &T), Failed> {
    let place = things.len().checked_sub(behind + 1).ok_or(Failed::Unknown)?;
    Ok((Some(place), &things[place]))
}

/// Passes when what is kept is still what it was decided on: one version before.
fn must_follow<T>(kept: &[T], after: Option<&After<T>>, version: impl Fn(&T) -> u64) -> Result<(), Failed> {
    let Some(After { place: Some(place), thing }) = after else { return Ok(()) };
    if version(&kept[*place]) + 1 == version(thing) { Ok(()) } else { Err(Failed::Moved) }
}

fn keep<T>(kept: &mut Vec<T>, after: Option<After<T>>) {
    match after {
        Some(After { place: Some(place), thing }) => kept[place] = thing,
        Some(After { place: None, thing }) => kept.push(thing),
        None => {}
    }
}

fn name<T: std::str::FromStr<Err: fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

/// Accounts that an amount is moved between: the agents', the vault, the partners'.
const ACCOUNTS: usize = 7;
const VAULT: usize = 2;

/// An operator in memory: what the domain decides is written as `store` writes it.
struct Field {
    operator: Operator,
    desk: Caller,
    agents: [Agent; 3],
    partners: [Partner; 3],
    borrower: Borrower,
    now: Timestamp,
    visits: Vec<Delivery>,
    payments: Vec<Instruction>,
    settlements: Vec<Settlement>,
    calendar: Calendar,
    days: Vec<DayClose>,
    books: Books,
    sent: Vec<(String, Step)>,
    /// Keys of commands that have their answer.
    answered: BTreeSet<String>,
}

impl Field {
    fn new(limits: Limits) -> Self {
        let pennco: OperatorName = name("pennco");
        let now = Timestamp::from_millis(NOW_MILLIS);
        let regions = REGIONS.map(name::<RegionName>).to_vec();
        let agents = [0_u8, 1, 2].map(|number| {
            let agent_id = AgentId::mint(now, &[&[number]]);
            Agent { caller: Caller::new(pennco.clone(), Role::Agent, agent_id.to_string(), vec![]), agent_id }
        });
        let partners = [PARTNERS[0], PARTNERS[1], "samasta"].map(|partner| Partner {
            caller: Caller::new(pennco.clone(), Role::Partner, partner.to_owned(), vec![]),
            partner_id: name(partner),
        });
        let desk = Caller::new(pennco.clone(), Role::Staff, "desk".to_owned(), regions.clone());
        let mut field = Self {
            operator: Operator {
                operator: pennco.clone(),
                zone: "Asia/Kolkata".to_owned(),
                currency: Currency::Inr,
                regions,
                partners: PARTNERS.map(name).to_vec(),
                payout_rails: std::collections::BTreeMap::new(),
                cash_reservation: domain::reservation::CashReservation::default(),
                settlement_formats: std::collections::BTreeMap::new(),
                business_calendar: domain::calendar::BusinessCalendar::default(),
                approvals: vec![],
            },
            desk: desk.on(&DELIVERY_CREATE).unwrap(),
            agents,
            partners,
            borrower: serde_json::from_value(borrower()).unwrap(),
            now,
            visits: vec![],
            payments: vec![],
            settlements: vec![],
            calendar: Calendar::new(pennco),
            days: vec![],
            books: Books { limits, entries: BTreeMap::new(), balances: BTreeMap::new() },
            sent: vec![],
            answered: BTreeSet::new(),
        };
        for agent in [0, 1] {
            let float = Step::Move { from: VAULT, to: agent, amount_minor: FLOAT_MINOR };
            let (key, decided) = field.send(&float);
            field.commit(key, decided).unwrap();
        }
        field
    }

    fn account(&self, number: usize) -> Account {
        match number {
            0 | 1 => Account::AgentCash(self.agents[number].agent_id.clone()),
            VAULT => Account::Vault(self.operator.operator.clone()),
            3 | 4 => Account::PartnerControl(name(PARTNERS[number - 3])),
            _ => Account::PartnerSettlement(name(PARTNERS[number - 5])),
        }
    }

    /// What is decided on a command, and its key: one of its own, or the one that it had.
    fn send(&mut self, step: &Step) -> (String, Result<Change, Failed>) {
        let mut key = format!("k{}", self.sent.len());
        let mut step = step.clone();
        if let Step::Repeat { command } = step {
            match latest(&self.sent, command) {
                Ok((_, before)) => (key, step) = before.clone(),
                Err(failed) => return (key, Err(failed)),
            }
        } else if let Step::Build { settlement } = step
            && let Ok((_, before)) = latest(&self.settlements, settlement)
        {
            key = before.settlement_id.to_string();
        }
        let command = Command::of_job(self.operator.operator.clone(), "sequence", &key, self.now, key.clone());
        let decided = self.decide(&step, &command);
        self.sent.push((key.clone(), step));
        (key, decided)
    }

    fn decide(&self, step: &Step, command: &Command) -> Result<Change, Failed> {
        let (zone, days) = (self.operator.time_zone(), self.operator.business_days());
        let today = self.now.day_in(&zone);
        let region = |number: usize| name::<RegionName>([REGIONS[0], REGIONS[1], "nowhere"][number]);
        let (reference, borrower) = (command.key.clone(), self.borrower.clone());
        let nothing = Change::default();
        match *step {
            Step::Plan { partner, region: number, due } => {
                let new = NewDelivery {
                    kind: DeliveryKind::Collection,
                    partner_id: Some(self.partners[partner].partner_id.clone()),
                    reference,
                    region: region(number),
                    borrower,
                    amount: due,
                    due: today,
                };
                let visit = self.operator.plan(command, &self.desk, &new)?;
                Ok(Change { visit: Some(After { place: None, thing: visit }), ..nothing })
            }
            Step::Instruct { partner, region: number, amount } => {
                let new = NewDisbursement { reference, region: region(number), borrower, amount, due: today };
                let instructed = self.operator.instruct(command, &self.partners[partner], &new)?;
                let visit = Some(After { place: None, thing: instructed.visit });
                Ok(Change { visit, payment: Some(After { place: None, thing: instructed.instruction }), ..nothing })
            }
            Step::Assign { visit, agent } => {
                let (place, before) = latest(&self.visits, visit)?;
                let there = self.operator.regions.iter().position(|region| *region == before.region);
                let agent = agent.or(there).ok_or(Failed::Unknown)?;
                let region = self.operator.regions.get(agent).ok_or(Failed::Unknown)?.clone();
                let thing = before.assign(&self.agents[agent].agent_id, &[region], command.at)?;
                Ok(Change { visit: Some(After { place, thing }), ..nothing })
            }
            Step::Conclude { visit, agent, cash } => {
                let (place, before) = latest(&self.visits, visit)?;
                let outcome = Outcome {
                    outcome: if cash.is_some() { OutcomeKind::Confirmed } else { OutcomeKind::Failed },
                    amount: cash.map(|cash| cash.of(before.amount)),
                    reason: cash.is_none().then_some(FailureReason::Refused),
                    occurred_at: command.at,
                    position: None,
                    proof_sha256: None,
                };
                let theirs = self.agents.iter().position(|agent| before.agent_id.as_ref() == Some(&agent.agent_id));
                let agent = &self.agents[agent.or(theirs).unwrap_or_default()];
                let concluded = before.conclude(agent, &outcome, command)?;
                let visit = Some(After { place, thing: concluded.after });
                Ok(Change { visit, transfer: concluded.transfer.map(|transfer| (transfer, command.at)), ..nothing })
            }
            Step::Reconcile { payment, line } => {
                let (place, before) = latest(&self.payments, payment)?;
                let visit = self.visits.iter().find(|visit| visit.delivery_id == before.delivery_id).unwrap();
                let line = BankLine { bank_reference: reference, amount: line.of(before.amount), value_date: today };
                Ok(match before.reconcile(visit, &line, &zone, command.at)? {
                    Reconciled::Already => nothing,
                    Reconciled::Now { after, .. } => {
                        Change { payment: Some(After { place, thing: *after }), ..nothing }
                    }
                })
            }
            Step::Close { days_ago } => {
                let day = self.now.plus_seconds(-days_ago * 86_400).day_in(&zone);
                Ok(Change { day: Some(self.calendar.close(day, command.at, &days)?), ..nothing })
            }
            Step::Build { settlement } => self.settle(settlement, command),
            Step::Repeat { .. } | Step::Ledger(_) => Err(Failed::Unknown),
            Step::Move { from, to, amount_minor } => {
                let transfer = Transfer::between(
                    TransferId::mint(command.at, &command.seed()),
                    TransferKind::FloatIssue,
                    self.account(from),
                    self.account(to),
                    Money::new(amount_minor, Currency::Inr),
                    Subject::default(),
                );
                Ok(Change { transfer: Some((transfer.map_err(Failed::fault)?, command.at)), ..nothing })
            }
        }
    }

    /// Builds a settlement, as `SettlementWriter::build` does.
    fn settle(&self, behind: usize, command: &Command) -> Result<Change, Failed> {
        let (place, before) = latest(&self.settlements, behind)?;
        let control = Account::PartnerControl(before.partner_id.clone());
        let format = SettlementFormats::shipped()?.version(&before.format)?;
        let mut file = SettlementFile::new(&self.operator.operator, before, &format)?;
        let mut days = ClosedDays::behind(before.business_day, before.opened_at);
        for ((account, at, _), entry) in &self.books.entries {
            if *account == control && (before.opened_at..before.cut_at).contains(at) {
                file.push(entry, self.late_for(&mut days, entry.effective_at))?;
            }
        }
        let totals = file.close()?;
        let (key, rows) = (before.file_key(&self.operator.operator, &format), file.take());
        let (sha256, bytes) = (Sha256Hex::of(&rows), rows.len() as u64);
        let file = StoredFile { key, sha256, bytes, url: None, expires_in: None };
        if before.status == SettlementStatus::Settled {
            let is_same = before.file.as_ref() == Some(&file);
            return if is_same { Ok(Change::default()) } else { Err(Failed::fault("entries appeared behind the cut")) };
        }
        let transfer_id = TransferId::mint(before.cut_at, &command.seed());
        let (thing, transfer) = before.settle(transfer_id, totals, file)?;
        let transfer = transfer.map(|transfer| (transfer, before.cut_at));
        Ok(Change { settlement: Some(After { place, thing }), transfer, ..Change::default() })
    }

    /// The closed day on which something happened that is late.
    fn late_for(&self, days: &mut ClosedDays, effective_at: Timestamp) -> Option<Day> {
        loop {
            match days.day_of(effective_at) {
                When::InTime => return None,
                When::Late(day) => return Some(day),
                When::Before(day) => days.learn(day, self.days.iter().find(|kept| kept.business_day == day)),
            }
        }
    }

    /// Makes a decision true, once, as `Table::commit` does: a repeat changes nothing, a refusal is kept, and nothing is
    /// written that was decided on what has moved on.
    fn commit(&mut self, key: String, decided: Result<Change, Failed>) -> Result<(), Failed> {
        if self.answered.contains(&key) {
            return Ok(());
        }
        let written = decided.and_then(|change| self.write(change));
        if matches!(written, Ok(()) | Err(Failed::Refused(_))) {
            self.answered.insert(key);
        }
        written
    }

    fn write(&mut self, change: Change) -> Result<(), Failed> {
        let Change { visit, payment, settlement, day, transfer } = change;
        must_follow(&self.visits, visit.as_ref(), |visit| visit.version)?;
        must_follow(&self.payments, payment.as_ref(), |payment| payment.version)?;
        must_follow(&self.settlements, settlement.as_ref(), |settlement| settlement.version)?;
        if day.as_ref().is_some_and(|day| day.after.version != self.calendar.version + 1) {
            return Err(Failed::Moved);
        }
        if let Some((transfer, at)) = &transfer {
            self.books.book(transfer, *at)?;
        }
        keep(&mut self.visits, visit);
        keep(&mut self.payments, payment);
        keep(&mut self.settlements, settlement);
        if let Some(day) = day {
            for partner in &self.operator.partners {
                let format = self.operator.settlement_format(partner)?;
                self.settlements.push(day.settlement(partner, self.operator.currency, format));
            }
            self.days.push(day.day_close(&self.calendar, vec![]));
            self.calendar = day.after;
        }
        Ok(())
    }
}

/// Decides each moment's commands on one state, writes them one after the other, and audits the books after each.
fn decided(limits: Limits, moments: &[Moment], tally: &mut Tally) -> TestCaseResult {
    let mut field = Field::new(limits);
    for moment in moments {
        field.now = field.now.plus_seconds(moment.after_seconds);
        let decided: Vec<_> = moment.at_once.iter().map(|step| field.send(step)).collect();
        for (key, decided) in decided {
            match field.commit(key, decided) {
                Ok(()) => tally.count("done"),
                Err(failed) => tally.count(&Problem::of(&failed, "", "").code),
            }
            field.books.audit()?;
        }
    }
    let settled = field.settlements.iter().filter(|settlement| settlement.transfer_id.is_some());
    tally.settlements += settled.count();
    tally.entries += field.books.entries.len();
    Ok(())
}

/// Days pass, and gateways' clocks are seconds apart.
fn any_day() -> impl Strategy<Value = Vec<Moment>> {
    let waits = prop_oneof![4 => -5..60_i64, 1 => 0..40_000_i64].boxed();
    moments(120, waits, step_or_move(), (2, errand()))
}

#[test]
fn any_sequence_of_decisions_leaves_books_that_balance() {
    let (tally, outcome) = run(1_250, 5_000, &any_day(), |moments, tally| decided(Limits::Kept, moments, tally));
    println!("decisions: {tally}");
    if let Err(error) = outcome {
        panic!("{error}");
    }
    tally.must_have(100_000, &["done", "fault"]);
}

#[test]
fn books_that_forget_their_limits_are_found_out_by_a_sequence_that_one_can_read() {
    let (_, outcome) = run(100, 5_000, &any_day(), |moments, tally| decided(Limits::Forgotten, moments, tally));
    let Err(TestError::Fail(reason, moments)) = outcome else { panic!("nobody noticed: {outcome:?}") };
    println!("{reason}: {moments:?}");
    let commands: usize = moments.iter().map(|moment| moment.at_once.len()).sum();
    assert!(commands <= 12, "{moments:#?}");
}

fn posting(account: u8, amount_minor: i64, currency: Currency) -> Posting {
    let agent_id = AgentId::mint(Timestamp::EPOCH, &[&[account]]);
    Posting { account: Account::AgentCash(agent_id), amount: Money::new(amount_minor, currency) }
}

fn transfer(postings: Vec<Posting>) -> Result<Transfer, Unbalanced> {
    let transfer_id = TransferId::mint(Timestamp::EPOCH, &[b"any"]);
    Transfer::new(transfer_id, TransferKind::Collection, postings, Subject::default())
}

#[test]
fn what_does_not_balance_is_no_transfer() {
    let (inr, npr) = (Currency::Inr, Currency::Npr);
    for (postings, why) in [
        (vec![], Unbalanced::TooFew),
        (vec![posting(1, 0, inr)], Unbalanced::TooFew),
        (vec![posting(1, 5, inr), posting(2, -4, inr)], Unbalanced::Sum),
        (vec![posting(1, 5, inr), posting(2, 5, inr)], Unbalanced::Sum),
        (vec![posting(1, 5, inr), posting(2, -5, npr)], Unbalanced::Sum),
        (vec![posting(1, 5, inr), posting(2, -5, inr), posting(3, 1, npr)], Unbalanced::Sum),
        (vec![posting(1, i64::MAX, inr), posting(2, 1, inr)], Unbalanced::Sum),
        // In 64 bits these sums would come round to zero.
        (vec![posting(1, i64::MIN, inr), posting(2, i64::MIN, inr)], Unbalanced::Sum),
        (vec![posting(1, i64::MAX, inr), posting(2, i64::MAX, inr), posting(3, 2, inr)], Unbalanced::Sum),
        (vec![posting(1, 5, inr), posting(1, -5, inr)], Unbalanced::RepeatedAccount),
    ] {
        assert_eq!(transfer(postings.clone()), Err(why), "{postings:?}");
    }
    let between = |from: u8, to: u8, amount_minor: i64| {
        let [from, to] = [from, to].map(|account| posting(account, 0, inr).account);
        let transfer_id = TransferId::mint(Timestamp::EPOCH, &[b"any"]);
        let amount = Money::new(amount_minor, inr);
        Transfer::between(transfer_id, TransferKind::Collection, from, to, amount, Subject::default())
    };
    assert_eq!(between(1, 2, i64::MIN), Err(Unbalanced::Sum), "the one amount without an opposite");
    assert_eq!(between(1, 1, 5), Err(Unbalanced::RepeatedAccount));
}
