//! What the API answers, as `docs/API.md` says it; only the members the checker looks at.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

/// An amount.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Money {
    pub(crate) amount_minor: i64,
    pub(crate) currency: String,
}

/// So many paise, as a request's member.
pub(crate) fn paise(amount_minor: i64) -> Value {
    json!({"amount_minor": amount_minor, "currency": "INR"})
}

#[derive(Debug, Deserialize)]
pub(crate) struct Token {
    pub(crate) access_token: String,
    pub(crate) expires_in: u64,
    pub(crate) refresh_token: Option<String>,
    pub(crate) device_id: Option<String>,
    pub(crate) principal: Principal,
}

/// Who a token says that it is for.
#[derive(Debug, Deserialize)]
pub(crate) struct Session {
    pub(crate) principal: Principal,
    pub(crate) device_id: Option<String>,
    pub(crate) client_id: Option<String>,
}

/// Somebody who can log in.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct User {
    pub(crate) login: String,
    pub(crate) name: String,
    pub(crate) role: String,
    pub(crate) subject: String,
    pub(crate) status: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Device {
    pub(crate) device_id: String,
    pub(crate) name: String,
    pub(crate) status: String,
}

/// A program with the secret that is shown once.
#[derive(Debug, Deserialize)]
pub(crate) struct NewProgram {
    pub(crate) client: Program,
    pub(crate) client_secret: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Program {
    pub(crate) client_id: String,
    pub(crate) oauth_client_id: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Principal {
    pub(crate) operator: String,
    pub(crate) role: String,
    pub(crate) subject: String,
    #[serde(default)]
    pub(crate) regions: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Delivery {
    pub(crate) delivery_id: String,
    pub(crate) kind: String,
    pub(crate) status: String,
    pub(crate) partner_id: String,
    pub(crate) reference: String,
    pub(crate) region: String,
    pub(crate) amount: Money,
    pub(crate) agent_id: Option<String>,
    pub(crate) disbursement_id: Option<String>,
    pub(crate) conclusion: Option<Value>,
    pub(crate) version: u64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct DeliveryItem {
    pub(crate) delivery_id: String,
    pub(crate) status: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Receipt {
    pub(crate) delivery_id: String,
    pub(crate) status: String,
    pub(crate) kind: String,
    pub(crate) amount: Option<Money>,
    pub(crate) transfer_id: Option<String>,
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Disbursement {
    pub(crate) disbursement_id: String,
    pub(crate) delivery_id: String,
    pub(crate) status: String,
    pub(crate) amount: Money,
    pub(crate) reconciliation: Option<Reconciliation>,
    pub(crate) version: u64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Reconciliation {
    pub(crate) outcome: String,
    pub(crate) bank_reference: String,
    #[serde(default)]
    pub(crate) differences: Vec<Difference>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Difference {
    pub(crate) code: String,
}

/// One page of a list.
#[derive(Debug, Deserialize)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    #[serde(default)]
    pub(crate) next_cursor: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct AccountPage {
    pub(crate) account_id: String,
    pub(crate) balance: Money,
    pub(crate) items: Vec<Entry>,
    pub(crate) next_cursor: Option<String>,
}

/// One side of a transfer, in one account.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Entry {
    pub(crate) transfer_id: String,
    pub(crate) kind: String,
    pub(crate) at: Timestamp,
    pub(crate) amount: Money,
    pub(crate) delivery_id: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct AgentItem {
    pub(crate) agent_id: String,
    pub(crate) position: Option<Position>,
    pub(crate) cash_in_hand: Money,
    pub(crate) cash_cap: Money,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Position {
    pub(crate) captured_at: Timestamp,
}

#[derive(Debug, Deserialize)]
pub(crate) struct LocationBatch {
    pub(crate) batch_id: String,
    pub(crate) accepted: u64,
    pub(crate) duplicate: u64,
    pub(crate) rejected: u64,
    #[serde(default)]
    pub(crate) verdicts: Vec<Verdict>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Verdict {
    pub(crate) index: usize,
    pub(crate) verdict: String,
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Closing {
    pub(crate) items: Vec<Settlement>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Settlement {
    pub(crate) settlement_id: String,
    pub(crate) business_day: String,
    pub(crate) partner_id: String,
    pub(crate) status: String,
    pub(crate) opened_at: Option<Timestamp>,
    pub(crate) cut_at: Timestamp,
    pub(crate) totals: Option<Totals>,
    pub(crate) transfer_id: Option<String>,
    pub(crate) file: Option<File>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Totals {
    pub(crate) count: u64,
    pub(crate) collected: Money,
    pub(crate) disbursed: Money,
    pub(crate) net: Money,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct File {
    pub(crate) url: Option<String>,
    pub(crate) sha256: String,
    pub(crate) bytes: u64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Export {
    pub(crate) export_id: String,
    pub(crate) status: String,
    pub(crate) file: Option<ExportFile>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ExportFile {
    pub(crate) url: String,
    pub(crate) manifest_url: String,
    pub(crate) sha256: String,
    pub(crate) bytes: u64,
    pub(crate) count: u64,
    #[serde(default)]
    pub(crate) sums: BTreeMap<String, i64>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) export_id: String,
    pub(crate) kind: String,
    pub(crate) day: String,
    pub(crate) count: u64,
    #[serde(default)]
    pub(crate) sums: BTreeMap<String, i64>,
    pub(crate) sha256: String,
    pub(crate) bytes: u64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Activity {
    pub(crate) counts: BTreeMap<String, u64>,
    pub(crate) total: u64,
}
