//! Every key of every table: the data model.
//!
//! | table | pk | sk | what |
//! |---|---|---|---|
//! | records | `milepost#keys` | `key#{kid}`, `cursor` | public keys of tokens; the key that signs cursors |
//! | records | `milepost#seal_keys` | `{kid}` | public keys of seals, for ever |
//! | records | `milepost#operators` | `{op}` | which operators there are |
//! | records | `milepost#bucket#{address}` | `bucket` | how often an address asked |
//! | records | `{op}#operator` | `operator` | zone, currency, regions, partners, business calendar |
//! | records | `{op}#user#{user}` | `user` | somebody who can log in |
//! | records | `{op}#login#{login}` | `login` | whose login it is, for ever |
//! | records | `{op}#hands#{principal}` | `hands` | when an admin last let somebody into this login |
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
//! | records | `{op}#approval#{approval}` | `approval` | a request that waits for people, and what they said |
//! | records | `{op}#reference#{partner}#{kind}#{reference}` | `reference` | whose reference it is, for ever |
//! | records | `{op}#bank_line#{utr}` | `bank_line` | which disbursement it settled, until the match is taken apart, or which payout; or that its parts settle several |
//! | records | `{op}#bank_line#{utr}` | `part#{part}` | which disbursement or payout one of several lines of the reference settled, until the match is taken apart |
//! | records | `{op}#statement#{statement}` | `statement` | a bank statement |
//! | records | `{op}#statement#{statement}` | `line#{line}` | one of its lines and what settles it |
//! | records | `{op}#statement_file#{partner, or - for the bank}#{sha256}` | `statement_file` | which statement the file is, for ever |
//! | records | `{op}#balance#{account}` | `{shard}` | a balance, or a shard of one |
//! | records | `{op}#held#{account}` | `{reservation}` | what an open reservation holds of the account |
//! | records | `{op}#accounts` | `{account}` | a budget or an expense that was posted to |
//! | records | `{op}#transfer#{transfer}` | `reversal` | which transfer took it back |
//! | records | `{op}#transfer#{transfer}` | `statement` | which lines of a bank's statement bear it out |
//! | records | `{op}#reservation#{reservation}` | `reservation` | money of an account that is held, or was |
//! | records | `{op}#calendar` | `calendar` | which business days are closed |
//! | records | `{op}#day_close#{day}` | `day_close` | a closed day and its report |
//! | records | `{op}#settlement#{settlement}` | `settlement` | what is owed for a day |
//! | records | `{op}#payout#{payout}` | `payout` | what a partner is paid for a settlement |
//! | records | `{op}#seals` | `{sequence}` | the chain of seals |
//! | records | `{op}#alterations` | `{place}` | a row that was changed or removed although nothing ever does, and what it was |
//! | records | `{op}#proof` | `proof` | what the latest check of the books found |
//! | records | `{op}#export#{export}` | `export` | a requested file |
//! | records | `{op}#activity#{day}` | `{hour}#{region}` | how much happened |
//! | records | `{op}#seen#{consumer}#{event}` | `seen` | a consumer's memory of an event |
//! | records | `{op}#commit#{principal}#{function}#{key}` | `commit` | idempotency record, receipt, audit row, outbox message |
//! | ledger | `{op}#{account}` | `{at}#{transfer}` | an entry |
//! | ledger | `{op}#transfer#{transfer}` | `transfer` | a transfer, whole |
//! | tracks | `{op}#{agent}#{day}` | `{captured_at}#{batch}` | the points that a location batch has of a UTC day |
//!
//! | index of records | pk | sk | lists |
//! |---|---|---|---|
//! | worklist | `{op}#deliveries#{region}#{status}` | `{due}#{delivery}` | the desk's work |
//! | worklist | `{op}#approvals#{status}` | `{expires_at}#{approval}` | approvals, the next to expire first |
//! | worklist | `{op}#reservations#{status}` | `{expires_at}#{reservation}` | reservations, the next to expire first |
//! | worklist | `{op}#agents#{region}` | `{name}#{agent}` | a region's agents |
//! | worklist | `{op}#users` | `{login}#{user}` | people, by login |
//! | worklist | `{op}#clients` | `{name}#{client}` | programs, by name |
//! | worklist | `{op}#day_closes` | `{day}` | closed days |
//! | worklist | `{op}#settlements` | `{day}#{partner}` | settlements, by day |
//! | worklist | `{op}#payouts#{open or closed}` | `{day}#{payout}` | payouts that may turn out either way; the others |
//! | worklist | `{op}#statements` | `{received_at}#{statement}` | bank statements, by arrival |
//! | worklist | `{op}#statement#{statement}#{status}` | `{line}` | a statement's lines, by how they stand |
//! | worklist | `{op}#outbox` | `{written_at}` | commits whose events are not relayed yet |
//! | owner | `{op}#{agent}#{due}` | `{delivery}` | an agent's day |
//! | owner | `{op}#{agent}#devices` | `{device}` | an agent's phones |
//! | owner | `{op}#{partner}#approvals#{status}` | `{expires_at}#{approval}` | a partner's approvals |
//! | owner | `{op}#{partner}#settlements` | `{day}` | a partner's settlements |
//! | owner | `{op}#commits#{day}` | `{commit}` | commits, by the UTC day and in the order they were written |
//! | owner | `{op}#unmatched_lines` | `{value_date}#{statement}#{line}` | bank lines that settle nothing, oldest first |
//! | owner | `{op}#{partner}#payouts` | `{day}#{payout}` | a partner's payouts |

use domain::{
    AgentId, ApprovalId, BatchId, ChallengeId, ClientId, Command, Day, DeliveryId, DeviceId, DisbursementId, EventId,
    ExportId, OperatorName, PartnerName, PayoutId, RegionName, ReservationId, SessionId, SettlementId, StatementId,
    Timestamp, TransferId, UserId, delivery::DeliveryKind, id::Sha256Hex, ledger::Account, reconciliation::LineName,
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

pub(crate) fn seal_keys() -> String {
    "milepost#seal_keys".to_owned()
}

pub(crate) fn seal_key(kid: &str) -> Key {
    Key::new(seal_keys(), kid)
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

pub(crate) fn hands(operator: &OperatorName, principal: &str) -> Key {
    Key::new(format!("{operator}#hands#{principal}"), "hands")
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

pub(crate) fn approval(operator: &OperatorName, approval: &ApprovalId) -> Key {
    Key::new(format!("{operator}#approval#{approval}"), "approval")
}

pub(crate) fn reference(operator: &OperatorName, partner: &PartnerName, kind: DeliveryKind, reference: &str) -> Key {
    let kind = match kind {
        DeliveryKind::Collection => "collection",
        DeliveryKind::Disbursement => "disbursement",
    };
    Key::new(format!("{operator}#reference#{partner}#{kind}#{reference}"), "reference")
}

/// Sort key of what takes a whole reference.
pub(crate) const BANK_LINE: &str = "bank_line";

pub(crate) fn bank_line(operator: &OperatorName, bank_reference: &str) -> Key {
    Key::new(format!("{operator}#bank_line#{}", bank_reference.to_ascii_uppercase()), BANK_LINE)
}

/// Where one line of a reference that has several is taken.
pub(crate) fn bank_line_part(operator: &OperatorName, bank_reference: &str, part: &str) -> Key {
    Key::new(bank_line(operator, bank_reference).pk, format!("part#{part}"))
}

/// Where a line is taken.
pub(crate) fn line_name(operator: &OperatorName, name: &LineName) -> Key {
    match &name.part {
        Some(part) => bank_line_part(operator, &name.reference, part),
        None => bank_line(operator, &name.reference),
    }
}

pub(crate) fn statement(operator: &OperatorName, statement: &StatementId) -> Key {
    Key::new(format!("{operator}#statement#{statement}"), STATEMENT)
}

/// Begins the sort keys of a statement's lines.
pub(crate) const LINE_PREFIX: &str = "line#";

pub(crate) fn statement_line(operator: &OperatorName, statement_id: &StatementId, line: u32) -> Key {
    Key::new(statement(operator, statement_id).pk, format!("line#{line:05}"))
}

pub(crate) fn statement_file(operator: &OperatorName, partner: Option<&PartnerName>, sha256: &Sha256Hex) -> Key {
    let whose = partner.map_or("-", PartnerName::as_str);
    Key::new(format!("{operator}#statement_file#{whose}#{sha256}"), "statement_file")
}

pub(crate) fn worklist_of_statements(operator: &OperatorName) -> String {
    format!("{operator}#statements")
}

pub(crate) fn worklist_statement(received_at: Timestamp, statement: &StatementId) -> String {
    format!("{received_at}#{statement}")
}

pub(crate) fn worklist_of_lines(operator: &OperatorName, statement: &StatementId, status: &str) -> String {
    format!("{operator}#statement#{statement}#{status}")
}

pub(crate) fn worklist_line(line: u32) -> String {
    format!("{line:05}")
}

pub(crate) fn owner_of_unmatched_lines(operator: &OperatorName) -> String {
    format!("{operator}#unmatched_lines")
}

pub(crate) fn owner_unmatched_line(value_date: Day, statement: &StatementId, line: u32) -> String {
    format!("{value_date}#{statement}#{line:05}")
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

pub(crate) fn reservation(operator: &OperatorName, reservation: &ReservationId) -> Key {
    Key::new(format!("{operator}#reservation#{reservation}"), "reservation")
}

/// What open reservations hold of an account.
pub(crate) fn holds(operator: &OperatorName, account: &Account) -> String {
    format!("{operator}#held#{account}")
}

pub(crate) fn hold(operator: &OperatorName, account: &Account, reservation: &ReservationId) -> Key {
    Key::new(holds(operator, account), reservation.as_str())
}

pub(crate) fn worklist_of_reservations(operator: &OperatorName, status: &str) -> String {
    format!("{operator}#reservations#{status}")
}

pub(crate) fn worklist_reservation(expires_at: Timestamp, reservation: &ReservationId) -> String {
    format!("{expires_at}#{reservation}")
}

/// Sort key of what took a transfer back.
pub(crate) const REVERSAL: &str = "reversal";
/// Sort key of a statement, and of the bank lines that bear a transfer out.
pub(crate) const STATEMENT: &str = "statement";

pub(crate) fn reversal(operator: &OperatorName, transfer: &TransferId) -> Key {
    Key::new(format!("{operator}#transfer#{transfer}"), REVERSAL)
}

/// Where it is kept which bank lines bear a transfer out.
pub(crate) fn borne_out(operator: &OperatorName, transfer: &TransferId) -> Key {
    Key::new(reversal(operator, transfer).pk, STATEMENT)
}

pub(crate) fn calendar(operator: &OperatorName) -> Key {
    Key::new(format!("{operator}#calendar"), "calendar")
}

pub(crate) fn day_close(operator: &OperatorName, day: Day) -> Key {
    Key::new(format!("{operator}#day_close#{day}"), "day_close")
}

pub(crate) fn settlement(operator: &OperatorName, settlement: &SettlementId) -> Key {
    Key::new(format!("{operator}#settlement#{settlement}"), "settlement")
}

/// The settlement that lies under a key; nothing for anything else.
pub(crate) fn settlement_of(key: &Key) -> Option<SettlementId> {
    let (_, settlement_id) = key.pk.split_once("#settlement#").filter(|_| key.sk == "settlement")?;
    settlement_id.parse().ok()
}

pub(crate) fn payout(operator: &OperatorName, payout: &PayoutId) -> Key {
    Key::new(format!("{operator}#payout#{payout}"), "payout")
}

pub(crate) fn export(operator: &OperatorName, export: &ExportId) -> Key {
    Key::new(format!("{operator}#export#{export}"), "export")
}

pub(crate) fn proof(operator: &OperatorName) -> Key {
    Key::new(format!("{operator}#proof"), "proof")
}

pub(crate) fn alterations(operator: &OperatorName) -> String {
    format!("{operator}#alterations")
}

/// Where it is kept that a row was altered: under the row's place.
pub(crate) fn alteration(operator: &OperatorName, row: &Key) -> Key {
    Key::new(alterations(operator), place_within(row))
}

pub(crate) fn seals(operator: &OperatorName) -> String {
    format!("{operator}#seals")
}

/// A seal by its number, in ten digits: an hour each, they last for a million years.
pub(crate) fn seal(operator: &OperatorName, sequence: u64) -> Key {
    Key::new(seals(operator), format!("{sequence:010}"))
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

/// The transfer whose item this is; nothing for an entry.
pub(crate) fn transfer_of(pk: &str) -> Option<&str> {
    pk.split_once("#transfer#").map(|(_, transfer)| transfer)
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

pub(crate) fn worklist_of_approvals(operator: &OperatorName, status: &str) -> String {
    format!("{operator}#approvals#{status}")
}

pub(crate) fn worklist_approval(expires_at: Timestamp, approval: &ApprovalId) -> String {
    format!("{expires_at}#{approval}")
}

pub(crate) fn owner_of_approvals(operator: &OperatorName, partner: &PartnerName, status: &str) -> String {
    format!("{operator}#{partner}#approvals#{status}")
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

pub(crate) fn worklist_of_day_closes(operator: &OperatorName) -> String {
    format!("{operator}#day_closes")
}

pub(crate) fn worklist_of_settlements(operator: &OperatorName) -> String {
    format!("{operator}#settlements")
}

pub(crate) fn worklist_settlement(day: Day, partner: &PartnerName) -> String {
    format!("{day}#{partner}")
}

pub(crate) fn worklist_of_payouts(operator: &OperatorName, is_open: bool) -> String {
    format!("{operator}#payouts#{}", if is_open { "open" } else { "closed" })
}

/// Where a payout stands in both of its lists.
pub(crate) fn payout_of_day(day: Day, payout: &PayoutId) -> String {
    format!("{day}#{payout}")
}

pub(crate) fn outbox(operator: &OperatorName) -> String {
    format!("{operator}#outbox")
}

/// Who did what: the principal and the function of a commit record.
pub(crate) fn scope_of_commit(pk: &str) -> Option<(&str, &str)> {
    let mut parts = pk.splitn(5, '#').skip(2);
    Some((parts.next()?, parts.next()?))
}

/// What a record is called within its operator, for people: `delivery.dlv_…`.
pub(crate) fn name_of(pk: &str) -> String {
    pk.split_once('#').map_or(pk, |(_, name)| name).replace('#', ".")
}

/// Where an item lies within its operator: what its leaf is called.
pub(crate) fn place_within(key: &Key) -> String {
    let of_operator = key.pk.split_once('#').map_or(key.pk.as_str(), |(_, rest)| rest);
    format!("{of_operator}#{}", key.sk)
}

pub(crate) fn owner_of_commits(operator: &OperatorName, day: Day) -> String {
    format!("{operator}#commits#{day}")
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

pub(crate) fn owner_of_payouts(operator: &OperatorName, partner: &PartnerName) -> String {
    format!("{operator}#{partner}#payouts")
}
