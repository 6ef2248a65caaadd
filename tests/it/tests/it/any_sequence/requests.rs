//! Any sequence of requests: what every reply said is what the tables have, and the books balance through the doors.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use domain::{
    Caller, Currency, Failed, Money, Timestamp,
    access::{
        ACCOUNT_CLOSE, ACCOUNT_GET, APPROVAL_DECIDE, DELIVERY_ASSIGN, DELIVERY_CONFIRM, DELIVERY_CREATE,
        DISBURSEMENT_CANCEL, DISBURSEMENT_CREATE, DISBURSEMENT_RECONCILE, DISBURSEMENT_REVERSE, RESERVATION_CREATE,
        RESERVATION_GET, RESERVATION_SETTLE, RESERVATION_VOID, Route, SETTLEMENT_CREATE, STATEMENT_CREATE,
        STATEMENT_LINE_UNMATCH, TRANSFER_CREATE, TRANSFER_REVERSE,
    },
    operator::Operator,
    reservation::CashReservation,
};
use edge::schedule::Tick;
use proptest::{prelude::*, test_runner::TestCaseResult};
use serde_json::{Value, json};
use testkit::{
    CASH_CAP_MINOR, LEDGER, NOW_MILLIS, Office, PARTNERS, Person, RECORDS, REGIONS, Reply, StreamRecord, World,
};
use tokio::task::JoinSet;

use super::{Amount, Booked, Moment, Step, Tally, amount, audit, errand, latest, moments, money, name, run, step};
use crate::{
    approval_expire::later,
    books,
    door::call,
    steps::{TODAY, borrower, command, entry, is_kept, statement, waiting, work_off},
};

/// What nobody does alone where an operator is careful: from 20,000 rupees on one person approves a transfer, from 60,000
/// two; for an hour.
const RULES: [&str; 3] =
    ["disbursement:1:3000000=1,7000000=2", "transfer:1:2000000=1,6000000=2", "reversal:1:1000000=1"];
/// Kinds of commands that are sent, and jobs that move what runs out.
const KINDS: usize = 19;
/// An hour, in seconds.
const AN_HOUR: i64 = 3_600;
/// How old tokens get before everybody has a new one, in milliseconds: half of what they are good for.
const TOKENS_MILLIS: i64 = 300_000;

/// A command on accounts, and on what the field has done. What it is about is named as in [`Step`].
#[derive(Debug, Clone, Copy)]
pub(super) enum Ledger {
    /// The settlement desk moves an amount by hand, or all that is there.
    Move { kind: &'static str, from: usize, to: usize, amount: Option<Money> },
    /// It takes a transfer back.
    Reverse { transfer: usize },
    /// It holds an amount for so many seconds, or all that is there.
    Hold { account: usize, amount: Option<Money>, seconds: i64 },
    /// It spends what is held, or so much of it.
    Settle { reservation: usize, kind: &'static str, to: usize, amount: Option<Money> },
    /// It lets go what is held.
    Void { reservation: usize },
    /// The desk calls a payment off.
    Cancel { payment: usize },
    /// The settlement desk takes a payment back.
    TakeBack { payment: usize },
    /// The bank's statement shows a payment.
    Show { payment: usize, line: Amount },
    /// The settlement desk takes the match of a statement apart.
    Unmatch { statement: usize },
    /// It closes an account.
    Close { account: usize },
    /// Somebody says yes or no: an admin, another one, or the settlement desk itself.
    Decide { approval: usize, by: usize, says: &'static str },
    /// So many hours later the jobs run.
    Tick { hours: i64 },
}

/// Accounts that are named: agents' cash, the vault, the bank, budgets, an expense, a partner's two, another operator's.
const ACCOUNTS: usize = 11;
const AGENTS_CASH: [usize; 2] = [0, 1];
const VAULT: usize = 2;
const BUDGETS: [usize; 2] = [4, 5];
const EXPENSE: usize = 6;
/// Accounts that are there once they were posted to.
const NAMED: [&str; 3] = ["budget.sms", "budget.fuel", "expense.sms"];

/// People by their places: the desk, the settlement desk, two admins, then agents and partners with a stranger each.
const DESK: usize = 0;
const BOOKS: usize = 1;
const ADMIN: usize = 2;
const AGENTS: usize = 4;
const LENDERS: usize = 7;

/// Mostly an amount, now and then all that is there.
fn some_or_all() -> impl Strategy<Value = Option<Money>> {
    prop::option::weighted(0.8, money())
}

fn agents_cash() -> impl Strategy<Value = usize> {
    prop::sample::select(AGENTS_CASH.to_vec())
}

fn budgets() -> impl Strategy<Value = usize> {
    prop::sample::select(BUDGETS.to_vec())
}

/// A kind of transfer, and accounts that it moves, most of the time.
fn way() -> impl Strategy<Value = (&'static str, usize, usize)> {
    prop_oneof![
        3 => agents_cash().prop_map(|agent| ("deposit", agent, VAULT)),
        4 => agents_cash().prop_map(|agent| ("float_issue", VAULT, agent)),
        3 => budgets().prop_map(|budget| ("budget", VAULT, budget)),
        3 => budgets().prop_map(|budget| ("budget", budget, EXPENSE)),
        2 => (0..ACCOUNTS, 0..ACCOUNTS).prop_map(|(from, to)| ("adjustment", from, to)),
    ]
}

fn spent() -> impl Strategy<Value = (&'static str, usize)> {
    prop_oneof![3 => Just(("budget", EXPENSE)), 2 => Just(("deposit", VAULT)), 1 => Just(("budget", VAULT))]
}

fn seconds() -> impl Strategy<Value = i64> {
    prop_oneof![8 => 1..30_i64, 4 => Just(AN_HOUR), 1 => Just(0), 1 => Just(32 * 86_400)]
}

fn ledger() -> impl Strategy<Value = Ledger> {
    let latest = || 0..3_usize;
    let says = prop_oneof![3 => Just("approve"), 1 => Just("reject")];
    prop_oneof![
        6 => (way(), some_or_all())
            .prop_map(|((kind, from, to), amount)| Ledger::Move { kind, from, to, amount }),
        3 => latest().prop_map(|transfer| Ledger::Reverse { transfer }),
        4 => (0..BUDGETS[1] + 1, some_or_all(), seconds())
            .prop_map(|(account, amount, seconds)| Ledger::Hold { account, amount, seconds }),
        4 => (latest(), spent(), prop::option::weighted(0.3, money()))
            .prop_map(|(reservation, (kind, to), amount)| Ledger::Settle { reservation, kind, to, amount }),
        2 => latest().prop_map(|reservation| Ledger::Void { reservation }),
        1 => latest().prop_map(|payment| Ledger::Cancel { payment }),
        2 => latest().prop_map(|payment| Ledger::TakeBack { payment }),
        1 => (latest(), amount()).prop_map(|(payment, line)| Ledger::Show { payment, line }),
        1 => latest().prop_map(|statement| Ledger::Unmatch { statement }),
        1 => (0..ACCOUNTS).prop_map(|account| Ledger::Close { account }),
        5 => (latest(), 0..3_usize, says).prop_map(|(approval, by, says)| Ledger::Decide { approval, by, says }),
        1 => (0..2_i64).prop_map(|hours| Ledger::Tick { hours }),
    ]
}

/// Both who may say yes do.
const APPROVED: [Ledger; 2] =
    [Ledger::Decide { approval: 0, by: 0, says: "approve" }, Ledger::Decide { approval: 0, by: 1, says: "approve" }];

/// A payment whose cash is handed over, and what becomes of it then.
fn payment() -> impl Strategy<Value = Vec<Step>> {
    let before = prop_oneof![4 => Just(None), 1 => Just(Some(Ledger::Cancel { payment: 0 }))];
    let [taken_back, decided] = [Ledger::TakeBack { payment: 0 }, APPROVED[0]].map(Step::Ledger);
    let shown = Step::Ledger(Ledger::Show { payment: 0, line: Amount::Due });
    let after = prop_oneof![
        2 => Just(vec![taken_back.clone(), decided]),
        2 => Just(vec![shown.clone(), Step::Ledger(Ledger::Unmatch { statement: 0 })]),
        1 => Just(vec![shown, taken_back]),
        1 => Just(vec![Step::Reconcile { payment: 0, line: Amount::Due }]),
    ];
    (money(), before, after).prop_map(|(amount, before, after)| {
        let taken = Step::Instruct { partner: 0, region: 0, amount };
        let approved = APPROVED.map(Step::Ledger);
        let assigned = Step::Assign { visit: 0, agent: None };
        let paid = Step::Conclude { visit: 0, agent: None, cash: Some(Amount::Due) };
        let before = before.map(Step::Ledger);
        let first = std::iter::once(taken).chain(approved).chain([assigned]).chain(before);
        first.chain([paid]).chain(after).collect()
    })
}

/// Money for a purpose, held for a bill, and what becomes of it then.
fn bill() -> impl Strategy<Value = Vec<Step>> {
    let after = prop_oneof![
        2 => Just(vec![
            Ledger::Settle { reservation: 0, kind: "budget", to: EXPENSE, amount: None }, APPROVED[0], APPROVED[1]
        ]),
        1 => Just(vec![Ledger::Void { reservation: 0 }]),
        1 => Just(vec![Ledger::Tick { hours: 1 }]),
        1 => Just(vec![Ledger::Settle { reservation: 0, kind: "budget", to: EXPENSE, amount: None },
            Ledger::Tick { hours: 1 }]),
    ];
    (budgets(), money(), after).prop_map(|(account, amount, after)| {
        let funded = Ledger::Move { kind: "budget", from: VAULT, to: account, amount: Some(amount) };
        let held = Ledger::Hold { account, amount: None, seconds: AN_HOUR };
        std::iter::once(funded).chain(APPROVED).chain([held]).chain(after).map(Step::Ledger).collect()
    })
}

/// An account that gets money, has it taken back or spent, and is closed.
fn closing() -> impl Strategy<Value = Vec<Step>> {
    (budgets(), money(), any::<bool>()).prop_map(|(account, amount, is_taken_back)| {
        let funded = Ledger::Move { kind: "budget", from: VAULT, to: account, amount: Some(amount) };
        let gone = if is_taken_back {
            Ledger::Reverse { transfer: 0 }
        } else {
            Ledger::Move { kind: "budget", from: account, to: VAULT, amount: None }
        };
        let all = std::iter::once(funded).chain(APPROVED).chain([gone]).chain(APPROVED);
        all.chain([Ledger::Close { account }]).map(Step::Ledger).collect()
    })
}

/// A visit as it should go, on a day that is closed and settled behind it.
fn day() -> impl Strategy<Value = Vec<Step>> {
    errand().prop_map(|steps| {
        let closed = [Step::Close { days_ago: 0 }, Step::Build { settlement: 0 }];
        steps.into_iter().chain(closed).collect()
    })
}

/// What is sent to one of two operators, the careful one if it says so.
fn any_requests() -> impl Strategy<Value = (bool, Vec<Moment>)> {
    let step = prop_oneof![3 => step(), 2 => ledger().prop_map(Step::Ledger)].boxed();
    let errands = prop_oneof![4 => errand(), 4 => payment(), 4 => bill(), 1 => closing(), 1 => day()];
    (any::<bool>(), moments(50, 0..4_i64, step, (5, errands)))
}

/// The doors of an operator, and what came through them.
struct Doors {
    world: Arc<World>,
    office: Office,
    people: Vec<Person>,
    signed_millis: i64,
    now_millis: i64,
    visits: Vec<Known>,
    payments: Vec<Known>,
    transfers: Vec<String>,
    reservations: Vec<String>,
    statements: Vec<String>,
    approvals: Vec<String>,
    sent: Vec<Sent>,
    /// The tables as they were when answers were last held against them, and the answers since.
    tables: Tables,
    answers: Vec<(Reply, Sent)>,
}

/// So many answers are held against the tables together: reading all of them takes longer than a command.
const TOGETHER: usize = 4;

/// A visit or a payment as its answers have told of it.
#[derive(Clone)]
struct Known {
    id: String,
    due: Money,
    region: usize,
    reference: String,
}

/// A request, before somebody's token is on it.
#[derive(Debug, Clone)]
struct Sent {
    route: &'static Route,
    by: usize,
    path: Option<(&'static str, String)>,
    key: String,
    body: Value,
    /// What is planned or instructed with it.
    planned: Option<(usize, Money)>,
}

/// What lies in the tables at a moment.
#[derive(Default)]
struct Tables {
    records: Vec<Value>,
    ledger: Vec<Value>,
}

/// What is asked for when there is nothing yet.
fn nowhere(prefix: &str) -> String {
    format!("{prefix}_01kagwtb0084nrm0ppw3zy9t2n")
}

/// The id that so many came after.
fn id(known: &[String], behind: usize, prefix: &str) -> String {
    latest(known, behind).map_or_else(|_| nowhere(prefix), |(_, id)| id.clone())
}

fn written(money: Money) -> Value {
    json!({ "amount_minor": money.amount_minor, "currency": money.currency.code() })
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn number(value: &Value) -> i128 {
    text(&value["N"]).parse().unwrap()
}

impl Tables {
    fn of(world: &World) -> Self {
        Self { records: world.table.items(RECORDS), ledger: world.table.items(LEDGER) }
    }

    fn entries(&self) -> impl Iterator<Item = &Value> {
        self.ledger.iter().filter(|item| item["sk"]["S"] != "transfer")
    }

    /// What a refused command leaves as it was.
    fn kept(&self) -> Vec<&Value> {
        self.records.iter().filter(|item| is_kept(item)).chain(&self.ledger).collect()
    }

    /// The transfers that were booked, each with how many of its entries there are.
    fn transfers(&self) -> BTreeMap<&str, usize> {
        let mut transfers = BTreeMap::new();
        for entry in self.entries() {
            *transfers.entry(text(&entry["transfer_id"]["S"])).or_default() += 1;
        }
        transfers
    }

    /// The commands that were accepted, and what they are: `transfer-create`.
    fn accepted(&self) -> BTreeMap<&str, &str> {
        let commits = self.records.iter().filter(|item| item["sk"]["S"] == "commit" && is_kept(item));
        commits.filter_map(|item| Some((text(&item["pk"]["S"]), text(&item["pk"]["S"]).split('#').nth(3)?))).collect()
    }

    /// Rows of balances: the account, the row.
    fn balances(&self) -> impl Iterator<Item = (String, &Value)> {
        self.records.iter().filter_map(|item| {
            let (operator, account) = text(&item["pk"]["S"]).split_once("#balance#")?;
            Some((format!("{operator}#{account}"), item))
        })
    }

    /// What is available, by account; most accounts have no such thing.
    fn available(&self) -> BTreeMap<String, i128> {
        let rows = self.balances().filter(|(_, row)| row.get("available_minor").is_some());
        rows.map(|(account, row)| (account, number(&row["available_minor"]))).collect()
    }

    /// Entries and balances of all operators agree, and what is available is the balance less what is held.
    fn audit(&self) -> TestCaseResult {
        let entries = self.entries().map(|item| Booked {
            account: text(&item["pk"]["S"]).to_owned(),
            transfer_id: text(&item["transfer_id"]["S"]).to_owned(),
            currency: text(&item["amount"]["M"]["currency"]["S"]).to_owned(),
            minor: number(&item["amount"]["M"]["amount_minor"]),
        });
        audit(entries, self.balances().map(|(account, row)| (account, number(&row["balance_minor"]))))?;
        let mut held: BTreeMap<String, i128> = BTreeMap::new();
        for (operator, account, item) in self.records.iter().filter_map(|item| {
            let (operator, account) = text(&item["pk"]["S"]).split_once("#held#")?;
            Some((operator, account, item))
        }) {
            *held.entry(format!("{operator}#{account}")).or_default() += number(&item["amount_minor"]);
        }
        for (account, row) in self.balances().filter(|(_, row)| row.get("available_minor").is_some()) {
            let held = held.remove(&account).unwrap_or_default();
            let left = (number(&row["balance_minor"]) - held, number(&row["available_minor"]));
            prop_assert_eq!(left.0, left.1, "{} less what is held, and what is available", account);
            prop_assert!(number(&row["balance_minor"]) >= 0, "{} is below zero", account);
        }
        prop_assert!(held.is_empty(), "held of nothing: {:?}", held);
        Ok(())
    }
}

/// The transfer that an answer says was booked.
fn booked<'a>(route: &Route, reply: &'a Reply) -> Option<&'a str> {
    let pointer = match (route.function, reply.status) {
        ("transfer-create" | "transfer-reverse", 201) | ("reservation-settle" | "delivery-confirm", 200) => {
            "/transfer_id"
        }
        ("disbursement-reverse", 200) => "/reversal/transfer_id",
        ("approval-decide", 200) if reply.text("/status") == "approved" => "/transfer/transfer_id",
        _ => return None,
    };
    Some(reply.text(pointer)).filter(|id| !id.is_empty())
}

impl Doors {
    async fn new(is_careful: bool) -> Self {
        let world = World::new().await;
        let office = if is_careful {
            let known = world.directory().operator(&world.pennco.operator).await.unwrap();
            let approvals = RULES.map(name).to_vec();
            let cash_reservation = CashReservation::AtAssignment;
            world.office(Operator { operator: name("sahara"), approvals, cash_reservation, ..known }).await
        } else {
            world.pennco.clone()
        };
        let desk = Caller { regions: REGIONS.map(name).to_vec(), ..office.desk.caller.clone() };
        let other = Caller { subject: "usr_other".to_owned(), ..office.admin.caller.clone() };
        let Office { agents: [north, south], partners: [bfil, lnt], .. } = office.clone();
        let people = vec![
            world.person(desk),
            office.settlement.clone(),
            office.admin.clone(),
            world.person(other),
            north,
            south,
            world.vishi.agents[0].clone(),
            bfil,
            lnt,
            world.vishi.partners[0].clone(),
        ];
        let tables = Tables::of(&world);
        Self {
            world: Arc::new(world),
            office,
            people,
            signed_millis: NOW_MILLIS,
            now_millis: NOW_MILLIS,
            visits: vec![],
            payments: vec![],
            transfers: vec![],
            reservations: vec![],
            statements: vec![],
            approvals: vec![],
            sent: vec![],
            tables,
            answers: vec![],
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now_millis)
    }

    fn account(&self, number: usize) -> String {
        match number {
            0 | 1 => format!("agent_cash.{}", self.people[AGENTS + number].subject()),
            2 => format!("vault.{}", self.office.operator),
            3 => format!("bank.{}", self.office.operator),
            4..=6 => NAMED[number - 4].to_owned(),
            7 => format!("partner_control.{}", PARTNERS[0]),
            8 => format!("partner_settlement.{}", PARTNERS[0]),
            9 => format!("suspense.{}", self.office.operator),
            _ => "vault.vishi".to_owned(),
        }
    }

    /// The amount, or all of an account, as its statement says.
    async fn amount(&self, account: &str, amount: Option<Money>) -> Money {
        if let Some(amount) = amount {
            return amount;
        }
        let shown = self.statement(account, None).await;
        Money::new(shown.json["balance"]["amount_minor"].as_i64().unwrap_or(1), Currency::Inr)
    }

    /// A page of an account's statement, as an admin sees it now.
    async fn statement(&self, account: &str, cursor: Option<&str>) -> Reply {
        let asks = self.people[ADMIN].asks(&ACCOUNT_GET).path("account_id", account).query("limit", "100");
        let asks = cursor.into_iter().fold(asks, |asks, cursor| asks.query("cursor", cursor));
        call(&self.world, &ACCOUNT_GET, &asks.at(self.now_millis)).await
    }

    fn known(all: &[Known], behind: usize, prefix: &str) -> Known {
        let none =
            || Known { id: nowhere(prefix), due: Money::new(1, Currency::Inr), region: 0, reference: "X".into() };
        latest(all, behind).map_or_else(|_| none(), |(_, one)| one.clone())
    }

    /// The request that a command is; none for a message, for a job, and for what no door takes.
    async fn request(&self, step: &Step) -> Option<Sent> {
        let (key, now) = (format!("k{}", self.sent.len()), self.now());
        let visit = |behind| Self::known(&self.visits, behind, "dlv");
        let payment = |behind| Self::known(&self.payments, behind, "dsb");
        let regions = [REGIONS[0], REGIONS[1], "nowhere"];
        let sent = |route, by, body| Sent { route, by, path: None, key: key.clone(), body, planned: None };
        let about = |route, by, path, id: String, body| Sent { path: Some((path, id)), ..sent(route, by, body) };
        let why = || json!({ "reason": "as agreed" });
        Some(match *step {
            Step::Plan { partner, region, due } => {
                let partner = [PARTNERS[0], PARTNERS[1], "samasta"][partner];
                let body = json!({ "kind": "collection", "partner_id": partner, "reference": key,
                    "region": regions[region], "borrower": borrower(), "amount": written(due), "due": TODAY });
                Sent { planned: Some((region, due)), ..sent(&DELIVERY_CREATE, DESK, body) }
            }
            Step::Instruct { partner, region, amount } => {
                let body = json!({ "reference": key, "region": regions[region], "borrower": borrower(),
                    "amount": written(amount), "due": TODAY });
                Sent { planned: Some((region, amount)), ..sent(&DISBURSEMENT_CREATE, LENDERS + partner, body) }
            }
            Step::Assign { visit: behind, agent } => {
                let Known { id, region, .. } = visit(behind);
                let body = json!({ "agent_id": self.people[AGENTS + agent.unwrap_or(region)].subject() });
                about(&DELIVERY_ASSIGN, DESK, "delivery_id", id, body)
            }
            Step::Conclude { visit: behind, agent, cash } => {
                let Known { id, due, region, .. } = visit(behind);
                let body = match cash {
                    Some(cash) => {
                        json!({ "outcome": "confirmed", "amount": written(cash.of(due)), "occurred_at": now })
                    }
                    None => json!({ "outcome": "failed", "reason": "refused", "occurred_at": now }),
                };
                about(&DELIVERY_CONFIRM, AGENTS + agent.unwrap_or(region), "delivery_id", id, body)
            }
            Step::Reconcile { payment: behind, line } => {
                let Known { id, due, .. } = payment(behind);
                let reference = format!("HDFC{:0>12}", self.sent.len());
                let body = json!({ "bank_reference": reference, "amount": written(line.of(due)), "value_date": TODAY });
                about(&DISBURSEMENT_RECONCILE, BOOKS, "disbursement_id", id, body)
            }
            Step::Close { days_ago } => {
                let day = now.plus_seconds(-days_ago * 86_400).utc_day();
                sent(&SETTLEMENT_CREATE, BOOKS, json!({ "business_day": day.to_string() }))
            }
            Step::Repeat { command } => latest(&self.sent, command).ok()?.1.clone(),
            Step::Build { .. } | Step::Move { .. } | Step::Ledger(Ledger::Tick { .. }) => return None,
            Step::Ledger(Ledger::Move { kind, from, to, amount }) => {
                let [from, to] = [from, to].map(|number| self.account(number));
                let amount = self.amount(&from, amount).await;
                let mut entries = [entry(&to, amount.amount_minor), entry(&from, amount.amount_minor.saturating_neg())];
                entries.iter_mut().for_each(|entry| entry["amount"]["currency"] = json!(amount.currency.code()));
                sent(&TRANSFER_CREATE, BOOKS, json!({ "kind": kind, "entries": entries, "reason": "as agreed" }))
            }
            Step::Ledger(Ledger::Reverse { transfer }) => {
                about(&TRANSFER_REVERSE, BOOKS, "transfer_id", id(&self.transfers, transfer, "trf"), why())
            }
            Step::Ledger(Ledger::Hold { account, amount, seconds }) => {
                let account = self.account(account);
                let amount = self.amount(&account, amount).await;
                let body = json!({ "account_id": account, "amount": written(amount), "purpose": "bill 7",
                    "expires_at": now.plus_seconds(seconds) });
                sent(&RESERVATION_CREATE, BOOKS, body)
            }
            Step::Ledger(Ledger::Settle { reservation, kind, to, amount }) => {
                let mut body = json!({ "to_account_id": self.account(to), "kind": kind, "reason": "the bill" });
                if let Some(amount) = amount {
                    body["amount"] = written(amount);
                }
                about(&RESERVATION_SETTLE, BOOKS, "reservation_id", id(&self.reservations, reservation, "rsv"), body)
            }
            Step::Ledger(Ledger::Void { reservation }) => {
                about(&RESERVATION_VOID, BOOKS, "reservation_id", id(&self.reservations, reservation, "rsv"), why())
            }
            Step::Ledger(Ledger::Cancel { payment: behind }) => {
                about(&DISBURSEMENT_CANCEL, DESK, "disbursement_id", payment(behind).id, why())
            }
            Step::Ledger(Ledger::TakeBack { payment: behind }) => {
                about(&DISBURSEMENT_REVERSE, BOOKS, "disbursement_id", payment(behind).id, why())
            }
            Step::Ledger(Ledger::Show { payment: behind, line }) => {
                let Known { due, reference, .. } = payment(behind);
                let Money { amount_minor, currency } = line.of(due);
                let paid = amount_minor.unsigned_abs();
                let row = format!("UTR{:0>12},{TODAY},-{}.{:02},{currency},,{reference}", key, paid / 100, paid % 100);
                sent(&STATEMENT_CREATE, BOOKS, statement(&[row]))
            }
            Step::Ledger(Ledger::Unmatch { statement }) => {
                let body = json!({ "line": 1, "reason": "it paid another loan" });
                about(&STATEMENT_LINE_UNMATCH, BOOKS, "statement_id", id(&self.statements, statement, "stm"), body)
            }
            Step::Ledger(Ledger::Close { account }) => {
                about(&ACCOUNT_CLOSE, BOOKS, "account_id", self.account(account), json!({}))
            }
            Step::Ledger(Ledger::Decide { approval, by, says }) => {
                let by = [ADMIN, ADMIN + 1, BOOKS][by];
                let body = json!({ "decision": says, "reason": "seen" });
                about(&APPROVAL_DECIDE, by, "approval_id", id(&self.approvals, approval, "apr"), body)
            }
        })
    }

    /// Moves the clock; tokens that grow old are made anew.
    fn wait(&mut self, moment: &Moment) {
        self.now_millis += moment.after_seconds * 1_000;
        for step in &moment.at_once {
            if let Step::Ledger(Ledger::Tick { hours }) = step {
                self.now_millis += hours * AN_HOUR * 1_000;
            }
        }
        if self.now_millis - self.signed_millis > TOKENS_MILLIS {
            let now = self.now();
            self.people.iter_mut().for_each(|person| *person = later(&self.world, person, now));
            self.signed_millis = self.now_millis;
        }
    }

    /// Sends a moment's requests at once, with the jobs if they are due, then lets its messages arrive.
    async fn pass(&mut self, moment: &Moment, tally: &mut Tally) -> TestCaseResult {
        self.wait(moment);
        let mut running = JoinSet::new();
        for step in &moment.at_once {
            if let Some(sent) = self.request(step).await {
                let mut request = command(&self.people[sent.by], sent.route, &sent.key, &sent.body);
                if let Some((name, id)) = &sent.path {
                    request = request.path(name, id);
                }
                let (world, request) = (Arc::clone(&self.world), request.at(self.now_millis));
                self.sent.push(sent.clone());
                running.spawn(async move { (call(&world, sent.route, &request).await, sent) });
            }
        }
        let is_due = moment.at_once.iter().any(|step| matches!(step, Step::Ledger(Ledger::Tick { .. })));
        let ticked = async { if is_due { Some(jobs(&self.world, self.now()).await) } else { None } };
        let (replies, ticked) = tokio::join!(running.join_all(), ticked);
        if let Some(ticked) = ticked {
            for failed in ticked.into_iter().filter_map(Result::err) {
                let is_passing = matches!(failed, Failed::InProgress | Failed::Moved | Failed::Later(_));
                prop_assert!(is_passing, "a job failed: {:?}", failed);
            }
            let again = jobs(&self.world, self.now()).await;
            prop_assert!(again.iter().all(Result::is_ok), "jobs that run alone failed: {:?}", again);
        }
        replies.iter().for_each(|(reply, sent)| self.learn(sent, reply, tally));
        self.answers.extend(replies);
        if is_due || self.answers.len() >= TOGETHER {
            self.hold(tally)?;
        }
        self.messages(moment, tally).await
    }

    /// Holds the latest answers against the tables.
    fn hold(&mut self, tally: &mut Tally) -> TestCaseResult {
        let before = std::mem::replace(&mut self.tables, Tables::of(&self.world));
        must_be_as_said(&before, &self.tables, &std::mem::take(&mut self.answers), tally)
    }

    /// What was asked for in a moment by messages: settlements are built, statements matched.
    async fn messages(&mut self, moment: &Moment, tally: &mut Tally) -> TestCaseResult {
        let is_any = |wanted: fn(&Step) -> bool| moment.at_once.iter().any(wanted);
        let is_built = is_any(|step| matches!(step, Step::Build { .. }));
        let is_matched = is_any(|step| matches!(step, Step::Ledger(Ledger::Show { .. })));
        if is_built || is_matched {
            self.hold(tally)?;
            self.relay().await;
        }
        if is_built {
            let (writer, waiting) = (self.world.settlement_writer(), waiting(&self.world, "settlement.fifo"));
            let work = async |message| settlement_build::handle(&writer, message).await;
            let failed = work_off("settlement.fifo", &waiting, work).await;
            prop_assert!(failed.is_empty(), "settlements that were not built: {:?}", failed);
            tally.count("built");
        }
        if is_matched {
            let (writer, waiting) = (self.world.statement_writer(), waiting(&self.world, "statement.fifo"));
            let work = async |message| statement_match::handle(&writer, message).await;
            let failed = work_off("statement.fifo", &waiting, work).await;
            prop_assert!(failed.is_empty(), "statements that were not matched: {:?}", failed);
            tally.count("matched");
        }
        if is_built || is_matched {
            self.tables = Tables::of(&self.world);
            self.tables.audit()?;
        }
        Ok(())
    }

    /// Follows the commits whose events have not reached their queues.
    async fn relay(&self) {
        let waits = |item: &&Value| item["sk"]["S"] == "commit" && item.get("worklist_pk").is_some();
        let records: Vec<_> = self.tables.records.iter().filter(waits).map(StreamRecord::insert).collect();
        let (outbox, parking) = (self.world.outbox(), self.world.parking());
        let batch = testkit::stream_event(RECORDS, &records);
        edge::stream::follow_batch(event_relay::NAME, batch, &event_relay::handle, &outbox, &parking).await.unwrap();
    }

    /// Takes from an answer what later commands are about.
    fn learn(&mut self, sent: &Sent, reply: &Reply, tally: &mut Tally) {
        let is_accepted = reply.status < 300 && !reply.is_replay();
        let waits = reply.status == 202 && reply.text("/status") == "pending";
        tally.count(match reply.code() {
            _ if reply.is_replay() => "repeated",
            "" if waits => "waits",
            "" => "done",
            code => code,
        });
        let kind = tally.kinds.entry(sent.route.function).or_default();
        let place = if waits { 1 } else { usize::from(!is_accepted) * 2 };
        kind[place] += u64::from(!reply.is_replay());
        if !is_accepted {
            return;
        }
        if let Some((region, due)) = sent.planned {
            for (known, id) in [(&mut self.visits, "/delivery_id"), (&mut self.payments, "/disbursement_id")] {
                let (id, reference) = (reply.text(id).to_owned(), sent.key.clone());
                known.extend(Some(Known { id, due, region, reference }).filter(|known| !known.id.is_empty()));
            }
        }
        self.transfers.extend(booked(sent.route, reply).map(str::to_owned));
        for (known, id) in [
            (&mut self.reservations, "/reservation_id"),
            (&mut self.statements, "/statement_id"),
            (&mut self.approvals, "/approval_id"),
        ] {
            let id = reply.text(id).to_owned();
            if !id.is_empty() && !known.contains(&id) {
                known.push(id);
            }
        }
    }

    /// The operator's books as an auditor reads them: balances are the folds of their entries and sum to zero, what is
    /// available is the balance less the reservations that are open, and what has a floor or a cap keeps it.
    async fn audit_at_the_doors(&self) -> TestCaseResult {
        let mut held: BTreeMap<String, i64> = BTreeMap::new();
        for id in &self.reservations {
            let asks = self.people[ADMIN].asks(&RESERVATION_GET).path("reservation_id", id);
            let reservation = call(&self.world, &RESERVATION_GET, &asks.at(self.now_millis)).await;
            prop_assert_eq!(reservation.status, 200, "{:?}", reservation);
            if reservation.text("/status") == "open" {
                let amount = reservation.json["amount"]["amount_minor"].as_i64().unwrap();
                *held.entry(reservation.text("/account_id").to_owned()).or_default() += amount;
            }
        }
        let mut total = 0;
        for account in books::accounts_of(&self.office).into_iter().chain(NAMED.map(str::to_owned)) {
            let mut shown = self.statement(&account, None).await;
            if shown.status == 404 && NAMED.contains(&account.as_str()) {
                continue;
            }
            let minor = |name: &str| shown.json[name]["amount_minor"].as_i64();
            let (mut sum, balance, available) = (0, minor("balance").unwrap(), minor("available"));
            loop {
                sum += shown.items().iter().map(|entry| entry["amount"]["amount_minor"].as_i64().unwrap()).sum::<i64>();
                let Some(cursor) = shown.json["next_cursor"].as_str() else { break };
                shown = self.statement(&account, Some(cursor)).await;
            }
            prop_assert_eq!(balance, sum, "balance of {}, and the fold of its entries", account);
            total += balance;
            let Some(available) = available else { continue };
            let held = held.remove(&account).unwrap_or_default();
            prop_assert_eq!(balance - held, available, "{} less what is held, and what is available", account);
            let is_capped = account.starts_with("agent_cash.");
            prop_assert!(balance >= 0 && (!is_capped || balance <= CASH_CAP_MINOR), "{} holds {}", account, balance);
            prop_assert!(is_capped || available >= 0, "of {} {} is available", account, available);
        }
        prop_assert_eq!(total, 0, "the trial balance");
        prop_assert!(held.is_empty(), "held of nothing: {:?}", held);
        Ok(())
    }
}

/// The jobs that run by the clock.
async fn jobs(world: &World, at: Timestamp) -> [Result<(), Failed>; 2] {
    let tick = || Tick { at, message_id: format!("tick {at}") };
    let (reservations, approvals) = (world.reservations(), world.approvals());
    let (one, other) =
        tokio::join!(reservation_expire::handle(&reservations, tick()), approval_expire::handle(&approvals, tick()));
    [one, other]
}

/// Each accepted command is committed once and has booked the transfer that its answer names, whole; nothing else was
/// committed or booked, and where all were refused or repeated nothing has changed.
fn must_be_as_said(before: &Tables, after: &Tables, replies: &[(Reply, Sent)], tally: &mut Tally) -> TestCaseResult {
    let mut said: BTreeMap<&str, usize> = BTreeMap::new();
    let mut transfers = BTreeSet::new();
    for (reply, sent) in replies {
        prop_assert!(reply.status < 500, "{:?}", reply);
        if reply.status < 300 && !reply.is_replay() {
            *said.entry(sent.route.function).or_default() += 1;
            let is_new = booked(sent.route, reply).is_none_or(|id| transfers.insert(id));
            prop_assert!(is_new, "booked by two: {:?}", reply);
        }
    }
    let (known, mut committed) = (before.accepted(), BTreeMap::<&str, usize>::new());
    for (_, function) in after.accepted().into_iter().filter(|(commit, _)| !known.contains_key(commit)) {
        *committed.entry(function).or_default() += 1;
    }
    for job in ["approval-expire", "reservation-expire"] {
        if let Some(times) = committed.remove(job) {
            tally.kinds.entry(job).or_default()[0] += u64::try_from(times).unwrap();
            *said.entry("by the clock").or_default() += times;
        }
    }
    let is_clocked = said.remove("by the clock").is_some();
    prop_assert_eq!(&committed, &said, "what was committed, and what was said: {:?}", replies);
    let known = before.transfers();
    let booked = after.transfers().into_iter().filter(|(id, _)| !known.contains_key(id));
    let booked: BTreeMap<&str, usize> = booked.collect();
    prop_assert!(booked.values().all(|entries| *entries >= 2), "{:?}", booked);
    prop_assert!(booked.keys().eq(transfers.iter()), "booked {:?}, said {:?}", booked, transfers);
    if said.is_empty() && !is_clocked {
        prop_assert!(before.kept() == after.kept(), "something has changed: {:?}", replies);
    }
    // Only at a door cash is taken that was set aside.
    let (was, known) = (before.available(), before.entries().collect::<Vec<_>>());
    for (account, available) in after.available().into_iter().filter(|(_, available)| *available < 0) {
        let is_handed_over = |entry: &&Value| {
            let is_new = entry["pk"]["S"] == account.as_str() && entry["kind"]["S"] == "disbursement";
            is_new && !known.contains(entry)
        };
        let is_less = was.get(&account).is_none_or(|was| available < *was);
        prop_assert!(!is_less || after.entries().any(|entry| is_handed_over(&entry)), "{}: {}", account, available);
    }
    after.audit()
}

async fn through_the_doors(is_careful: bool, moments: &[Moment], tally: &mut Tally) -> TestCaseResult {
    let mut doors = Doors::new(is_careful).await;
    for moment in moments {
        doors.pass(moment, tally).await?;
    }
    doors.hold(tally)?;
    doors.audit_at_the_doors().await?;
    let settled = doors.tables.entries().filter(|entry| entry["kind"]["S"] == "settlement").count();
    tally.entries += doors.tables.entries().count();
    tally.settlements += settled / 2;
    Ok(())
}

#[test]
fn any_sequence_of_requests_leaves_books_that_balance() {
    let (tally, outcome) = run(40, 300, &any_requests(), |(is_careful, moments), tally| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(through_the_doors(*is_careful, moments, tally))
    });
    println!("requests: {tally}");
    if let Err(error) = outcome {
        panic!("{error}");
    }
    tally.must_have(2_000, &["done", "waits", "built", "matched", "repeated"]);
    assert_eq!(tally.kinds.len(), KINDS, "{tally}");
    for (kind, [accepted, ..]) in &tally.kinds {
        assert!(*accepted > 0, "no {kind} was ever accepted: {tally}");
    }
    for kind in ["transfer-create", "transfer-reverse", "reservation-settle", "disbursement-reverse"] {
        assert!(tally.kinds[kind][1] > 0, "no {kind} ever waited for people: {tally}");
    }
}
