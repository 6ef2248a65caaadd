//! Every key of every table: the data model.
//!
//! | table | pk | sk | what |
//! |---|---|---|---|
//! | records | `milepost#keys` | `key#{kid}`, `cursor` | public keys of tokens; the key that signs cursors |
//! | records | `milepost#operators` | `{op}` | which operators there are |
//! | records | `milepost#bucket#{address}` | `bucket` | how often an address asked |
//! | records | `{op}#operator` | `operator` | zone, currency, regions, partners, business calendar |
//! | records | `{op}#user#{user}` | `user` | somebody who can log in |
//! | records | `{op}#login#{login}` | `login` | whose login it is, for ever |
//! | records | `{op}#admins` | `admins` | how many admins can log in |
//! | records | `{op}#challenge#{challenge}` | `challenge` | a code that was sent, and how often it was guessed |
//! | records | `{op}#ticket#{sha256}` | `ticket` | an invitation or a reset, by the digest of its ticket |
//! | records | `{op}#device#{device}` | `device` | a phone |
//! | records | `{op}#client#{client}` | `client`, `use` | a program; when it was last there |
//! | records | `{op}#revocations` | `{id}` | people, logins, phones and programs whose tokens from before are not good |
//! | records | `{op}#bucket#{who}` | `bucket` | how often somebody asked |
//! | records | `{op}#session#{session}` | `session` | a login that can be refreshed |
//! | records | `{op}#agent#{agent}` | `agent`, `position` | a field officer; where they were last |
//! | records | `{op}#delivery#{delivery}` | `delivery` | a visit |
//! | records | `{op}#disbursement#{disbursement}` | `disbursement` | an instruction |
//! | records | `{op}#reference#{partner}#{kind}#{reference}` | `reference` | whose reference it is, for ever |
//! | records | `{op}#bank_line#{utr}` | `bank_line` | which disbursement it settled, for ever |
//! | records | `{op}#balance#{account}` | `{shard}` | a balance, or a shard of one |
//! | records | `{op}#accounts` | `{account}` | a budget or an expense that was posted to |
//! | records | `{op}#transfer#{transfer}` | `reversal` | which transfer took it back |
//! | records | `{op}#calendar` | `calendar` | which business days are closed |
//! | records | `{op}#settlement#{settlement}` | `settlement` | what is owed for a day |
//! | records | `{op}#proof` | `proof` | what the latest check of the books found |
//! | records | `{op}#export#{export}` | `export` | a requested file |
//! | records | `{op}#activity#{day}` | `{hour}#{region}` | how much happened |
//! | records | `{op}#seen#{consumer}#{event}` | `seen` | a consumer's memory of an event |
//! | records | `{op}#commit#{principal}#{function}#{key}` | `commit` | idempotency record, receipt, audit row, outbox message |
//! | ledger | `{op}#{account}` | `{at}#{transfer}` | an entry |
//! | ledger | `{op}#transfer#{transfer}` | `transfer` | a transfer, whole |
//! | tracks | `{op}#{agent}#{day}` | `{captured_at}#{batch}` | a location batch |
//!
//! | index of records | pk | sk | lists |
//! |---|---|---|---|
//! | worklist | `{op}#deliveries#{region}#{status}` | `{due}#{delivery}` | the desk's work |
//! | worklist | `{op}#agents#{region}` | `{name}#{agent}` | a region's agents |
//! | worklist | `{op}#users` | `{login}#{user}` | people, by login |
//! | worklist | `{op}#clients` | `{name}#{client}` | programs, by name |
//! | worklist | `{op}#settlements` | `{day}#{partner}` | settlements, by day |
//! | worklist | `{op}#outbox` | `{at}` | commits whose events are not relayed yet |
//! | owner | `{op}#{agent}#{due}` | `{delivery}` | an agent's day |
//! | owner | `{op}#{agent}#devices` | `{device}` | an agent's phones |
//! | owner | `{op}#{partner}#settlements` | `{day}` | a partner's settlements |

use domain::{
    AgentId, BatchId, ChallengeId, ClientId, Command, Day, DeliveryId, DeviceId, DisbursementId, EventId, ExportId,
    OperatorName, PartnerName, RegionName, SessionId, SettlementId, Timestamp, TransferId, UserId,
    delivery::DeliveryKind, id::Sha256Hex, ledger::Account,
};

/// Where an item lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) pk: String,
    pub(crate) sk: String,
}

impl Key {
    fn new(pk: String, sk: impl Into<String>) -> Self {
        Self { pk, sk: sk.into() }
    }
}

/// Sort key of every commit record; the stream's filter looks for it.
pub(crate) const COMMIT: &str = "commit";
/// Prefix of the sort keys of public keys.
pub(crate) const KEY_PREFIX: &str = "key#";
/// Names of the index keys.
pub(crate) const WORKLIST: &str = "worklist";
pub(crate) const OWNER: &str = "owner";

pub(crate) fn platform_keys() -> String {
    "milepost#keys".to_owned()
}

pub(crate) fn public_key(kid: &str) -> Key {
    Key::new(platform_keys(), format!("{KEY_PREFIX}{kid}"))
}

pub(crate) fn cursor_key() -> Key {
    Key::new(platform_keys(), "cursor")
}

pub(crate) fn operators() -> String {
    "milepost#operators".to_owned()
}

pub(crate) fn operator_row(operator: &OperatorName) -> Key {
    Key::new(operators(), operator.as_str())
}

pub(crate) fn operator(operator: &OperatorName) -> Key {
    Key::new(format!("{operator}#operator"), "operator")
}

pub(crate) fn user(operator: &OperatorName, user: &UserId) -> Key {
    Key::new(format!("{operator}#user#{user}"), "user")
}

pub(crate) fn login(operator: &OperatorName, login: &str) -> Key {
    Key::new(format!("{operator}#login#{login}"), "login")
}

pub(crate) fn admins(operator: &OperatorName) -> Key {
    Key::new(format!("{operator}#admins"), "admins")
}

pub(crate) fn challenge(operator: &OperatorName, challenge: &ChallengeId) -> Key {
    Key::new(format!("{operator}#challenge#{challenge}"), "challenge")
}

pub(crate) fn ticket(operator: &OperatorName, digest: &Sha256Hex) -> Key {
    Key::new(format!("{operator}#ticket#{digest}"), "ticket")
}

pub(crate) fn device(operator: &OperatorName, device: &DeviceId) -> Key {
    Key::new(format!("{operator}#device#{device}"), "device")
}

pub(crate) fn client(operator: &OperatorName, client: &ClientId) -> Key {
    Key::new(format!("{operator}#client#{client}"), "client")
}

pub(crate) fn client_use(operator: &OperatorName, client: &ClientId) -> Key {
    Key::new(format!("{operator}#client#{client}"), "use")
}

pub(crate) fn revocations(operator: &OperatorName) -> String {
    format!("{operator}#revocations")
}

pub(crate) fn revocation(operator: &OperatorName, id: &str) -> Key {
    Key::new(revocations(operator), id)
}

pub(crate) fn bucket(operator: &OperatorName, who: &str) -> Key {
    Key::new(format!("{operator}#bucket#{who}"), "bucket")
}

pub(crate) fn bucket_of_address(address: &str) -> Key {
    Key::new(format!("milepost#bucket#{address}"), "bucket")
}

pub(crate) fn session(operator: &OperatorName, session: &SessionId) -> Key {
    Key::new(format!("{operator}#session#{session}"), "session")
}

pub(crate) fn agent(operator: &OperatorName, agent: &AgentId) -> Key {
    Key::new(format!("{operator}#agent#{agent}"), "agent")
}

pub(crate) fn position(operator: &OperatorName, agent: &AgentId) -> Key {
    Key::new(format!("{operator}#agent#{agent}"), "position")
}

pub(crate) fn delivery(operator: &OperatorName, delivery: &DeliveryId) -> Key {
    Key::new(format!("{operator}#delivery#{delivery}"), "delivery")
}

pub(crate) fn disbursement(operator: &OperatorName, disbursement: &DisbursementId) -> Key {
    Key::new(format!("{operator}#disbursement#{disbursement}"), "disbursement")
}

pub(crate) fn reference(operator: &OperatorName, partner: &PartnerName, kind: DeliveryKind, reference: &str) -> Key {
    let kind = match kind {
        DeliveryKind::Collection => "collection",
        DeliveryKind::Disbursement => "disbursement",
    };
    Key::new(format!("{operator}#reference#{partner}#{kind}#{reference}"), "reference")
}

pub(crate) fn bank_line(operator: &OperatorName, bank_reference: &str) -> Key {
    Key::new(format!("{operator}#bank_line#{}", bank_reference.to_ascii_uppercase()), "bank_line")
}

pub(crate) fn balance(operator: &OperatorName, account: &Account, shard: u8) -> Key {
    Key::new(format!("{operator}#balance#{account}"), format!("{shard:02}"))
}

pub(crate) fn named_accounts(operator: &OperatorName) -> String {
    format!("{operator}#accounts")
}

pub(crate) fn named_account(operator: &OperatorName, account: &Account) -> Key {
    Key::new(named_accounts(operator), account.to_string())
}

pub(crate) fn reversal(operator: &OperatorName, transfer: &TransferId) -> Key {
    Key::new(format!("{operator}#transfer#{transfer}"), "reversal")
}

pub(crate) fn calendar(operator: &OperatorName) -> Key {
    Key::new(format!("{operator}#calendar"), "calendar")
}

pub(crate) fn settlement(operator: &OperatorName, settlement: &SettlementId) -> Key {
    Key::new(format!("{operator}#settlement#{settlement}"), "settlement")
}

pub(crate) fn export(operator: &OperatorName, export: &ExportId) -> Key {
    Key::new(format!("{operator}#export#{export}"), "export")
}

pub(crate) fn proof(operator: &OperatorName) -> Key {
    Key::new(format!("{operator}#proof"), "proof")
}

pub(crate) fn activity_day(operator: &OperatorName, day: Day) -> String {
    format!("{operator}#activity#{day}")
}

pub(crate) fn activity(operator: &OperatorName, day: Day, hour: &str, region: &str) -> Key {
    Key::new(activity_day(operator, day), format!("{hour}#{region}"))
}

pub(crate) fn seen(operator: &OperatorName, consumer: &str, event: &EventId) -> Key {
    Key::new(format!("{operator}#seen#{consumer}#{event}"), "seen")
}

pub(crate) fn commit(command: &Command) -> Key {
    let Command { operator, principal, route, key, .. } = command;
    Key::new(format!("{operator}#commit#{principal}#{route}#{key}"), COMMIT)
}

pub(crate) fn ledger(operator: &OperatorName, account: &Account) -> String {
    format!("{operator}#{account}")
}

pub(crate) fn entry(operator: &OperatorName, account: &Account, at: Timestamp, transfer: &TransferId) -> Key {
    Key::new(ledger(operator, account), format!("{at}#{transfer}"))
}

pub(crate) fn transfer(operator: &OperatorName, transfer: &TransferId) -> Key {
    Key::new(format!("{operator}#transfer#{transfer}"), "transfer")
}

pub(crate) fn track_day(operator: &OperatorName, agent: &AgentId, day: Day) -> String {
    format!("{operator}#{agent}#{day}")
}

pub(crate) fn batch(operator: &OperatorName, agent: &AgentId, captured_at: Timestamp, batch: &BatchId) -> Key {
    Key::new(track_day(operator, agent, captured_at.utc_day()), format!("{captured_at}#{batch}"))
}

pub(crate) fn worklist_of_deliveries(operator: &OperatorName, region: &RegionName, status: &str) -> String {
    format!("{operator}#deliveries#{region}#{status}")
}

/// Begins the sort keys of a day's visits.
pub(crate) fn worklist_due(due: Day) -> String {
    format!("{due}#")
}

pub(crate) fn worklist_delivery(due: Day, delivery: &DeliveryId) -> String {
    format!("{due}#{delivery}")
}

pub(crate) fn worklist_of_agents(operator: &OperatorName, region: &RegionName) -> String {
    format!("{operator}#agents#{region}")
}

pub(crate) fn worklist_agent(name: &str, agent: &AgentId) -> String {
    format!("{name}#{agent}")
}

pub(crate) fn worklist_of_users(operator: &OperatorName) -> String {
    format!("{operator}#users")
}

pub(crate) fn worklist_user(login: &str, user: &UserId) -> String {
    format!("{login}#{user}")
}

pub(crate) fn worklist_of_clients(operator: &OperatorName) -> String {
    format!("{operator}#clients")
}

pub(crate) fn worklist_client(name: &str, client: &ClientId) -> String {
    format!("{name}#{client}")
}

pub(crate) fn owner_of_devices(operator: &OperatorName, agent: &AgentId) -> String {
    format!("{operator}#{agent}#devices")
}

pub(crate) fn worklist_of_settlements(operator: &OperatorName) -> String {
    format!("{operator}#settlements")
}

pub(crate) fn worklist_settlement(day: Day, partner: &PartnerName) -> String {
    format!("{day}#{partner}")
}

pub(crate) fn outbox(operator: &OperatorName) -> String {
    format!("{operator}#outbox")
}

/// The tenant whose item a key is.
pub(crate) fn operator_of(pk: &str) -> Option<OperatorName> {
    pk.split('#').next()?.parse().ok()
}

pub(crate) fn owner_agent_day(operator: &OperatorName, agent: &AgentId, due: Day) -> String {
    format!("{operator}#{agent}#{due}")
}

pub(crate) fn owner_of_settlements(operator: &OperatorName, partner: &PartnerName) -> String {
    format!("{operator}#{partner}#settlements")
}
