//! The tables: items, the conditions under which they are written, and pages of them.
//!
//! What a command writes has a name, and with few exceptions a condition: `create` (must not exist), `share` (nobody has it alone), `free` (its holder gives it back), `replace` (must not have moved), `renew` (never changed),
//! `assign` (nothing to wait for), `decide` (by somebody else, once, in time), `advance` (a number that never goes back), `use_up` (once), `end` (a login that has not ended), `count` (the last one stays),
//! `absent` (must still be free), `unchanged` (read, and still so), `close` (a balance at zero), `append` (log only), `post` (a balance within its limits), `hold` and `let_go` (what a reservation takes of an account).
//! `remember` (a named account) and `hands` (when an admin let somebody in) have none, for a repeat of them changes nothing.
//! What is no command, such as positions, buckets, sessions, keys and the memory of jobs, is one item at a time, written by `put_if`, `update_if` or `update_or_see` on the condition that is handed to them.
//! `Activities::count` adds to a count in a transaction of its own. There is no other way to write.

use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    operation::update_item::UpdateItemError,
    primitives::Blob,
    types::{
        AttributeValue, ConditionCheck, Delete, KeysAndAttributes, Put, ReturnValuesOnConditionCheckFailure,
        TransactWriteItem, Update,
    },
};
use domain::{
    Command, Failed, Money, OperatorName, Refusal, ReservationId, Timestamp,
    approval::HANDS_SECONDS,
    ledger::{Account, Limits, Transfer, TransferKind},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::keys::{self, Key};

/// What the three tables are called in this stack.
#[derive(Debug, Clone)]
pub struct TableNames {
    /// Aggregates, commit records, balances, users, jobs.
    pub records: String,
    /// Entries, append-only.
    pub ledger: String,
    /// Location batches.
    pub tracks: String,
}

/// Tells the time. Only the doors have one that moves.
pub type Clock = fn() -> Timestamp;

/// The three tables.
#[derive(Debug, Clone)]
pub struct Table {
    pub(crate) client: Client,
    pub(crate) names: TableNames,
    /// When a commit is written, which is not when its command was given.
    clock: Option<Clock>,
}

/// One item, as DynamoDB has it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Item(HashMap<String, AttributeValue>);

impl Item {
    /// Nothing but a key, to be filled.
    pub(crate) fn at(key: &Key) -> Self {
        Self::default().with("pk", &key.pk).with("sk", &key.sk)
    }

    /// A thing under its key. What is `None` is left out.
    pub(crate) fn of<T: Serialize>(key: &Key, thing: &T) -> Result<Self, Failed> {
        let attributes: HashMap<String, AttributeValue> = serde_dynamo::to_item(thing).map_err(Failed::fault)?;
        let mut item = Self(attributes);
        item.0.retain(|_, value| !matches!(value, AttributeValue::Null(_)));
        Ok(item.with("pk", &key.pk).with("sk", &key.sk))
    }

    /// An item as a stream shows it: in DynamoDB's own JSON.
    ///
    /// # Errors
    /// [`Failed::Fault`] when it is none.
    pub fn of_image(image: serde_json::Value) -> Result<Self, Failed> {
        let item: serde_dynamo::Item = serde_json::from_value(image).map_err(Failed::fault)?;
        Ok(Self(item.into()))
    }

    /// The item with a text attribute.
    pub(crate) fn with(mut self, name: &str, text: impl Into<String>) -> Self {
        self.0.insert(name.to_owned(), AttributeValue::S(text.into()));
        self
    }

    /// The item with a number.
    pub(crate) fn with_number(mut self, name: &str, number: i64) -> Self {
        self.0.insert(name.to_owned(), AttributeValue::N(number.to_string()));
        self
    }

    /// The item with bytes.
    pub(crate) fn with_bytes(mut self, name: &str, bytes: &[u8]) -> Self {
        self.0.insert(name.to_owned(), AttributeValue::B(bytes.to_vec().into()));
        self
    }

    /// The item with a set of texts; DynamoDB has no empty one.
    pub(crate) fn with_set(mut self, name: &str, texts: Vec<String>) -> Self {
        if !texts.is_empty() {
            self.0.insert(name.to_owned(), AttributeValue::Ss(texts));
        }
        self
    }

    /// Whether a set has a text.
    fn has(&self, name: &str, text: &str) -> bool {
        self.0.get(name).and_then(|value| value.as_ss().ok()).is_some_and(|set| set.iter().any(|one| one == text))
    }

    /// The item with a place in an index.
    pub(crate) fn in_index(self, index: &str, pk: impl Into<String>, sk: impl Into<String>) -> Self {
        self.with(&format!("{index}_pk"), pk).with(&format!("{index}_sk"), sk)
    }

    /// A text attribute.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(|value| value.as_s().ok()).map(String::as_str)
    }

    /// A number.
    pub(crate) fn number(&self, name: &str) -> Option<i64> {
        self.0.get(name).and_then(|value| value.as_n().ok()).and_then(|number| number.parse().ok())
    }

    /// How often it has changed.
    fn version(&self) -> Result<u64, Failed> {
        let version = self.number("version").and_then(|version| u64::try_from(version).ok());
        version.ok_or_else(|| Failed::fault("a record that can be replaced counts its versions"))
    }

    /// Bytes.
    pub(crate) fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name).and_then(|value| value.as_b().ok()).map(AsRef::as_ref)
    }

    /// Names and numbers of all number attributes.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = (&str, i64)> {
        self.0.keys().filter_map(|name| self.number(name).map(|number| (name.as_str(), number)))
    }

    /// Its text attributes, sorted: what a cursor carries.
    pub(crate) fn strings(&self) -> std::collections::BTreeMap<String, String> {
        self.0.keys().filter_map(|name| self.text(name).map(|text| (name.clone(), text.to_owned()))).collect()
    }

    /// The key that a cursor carried.
    pub(crate) fn of_strings(strings: std::collections::BTreeMap<String, String>) -> Self {
        Self(strings.into_iter().map(|(name, text)| (name, AttributeValue::S(text))).collect())
    }

    /// What lies under the key, for a shape that takes nothing else.
    pub(crate) fn without_key(mut self) -> Self {
        self.0.retain(|name, _| name != "pk" && name != "sk");
        self
    }

    /// Where it lies.
    pub(crate) fn key(&self) -> Key {
        let text = |name: &str| self.text(name).unwrap_or_default().to_owned();
        Key { pk: text("pk"), sk: text("sk") }
    }

    /// What lies under the key and in no index, as JSON with its members sorted: what is sealed of it. Leaving the outbox
    /// changes nothing of a commit.
    pub(crate) fn sealed_part(&self) -> Result<serde_json::Value, Failed> {
        let places = ["pk", "sk", "worklist_pk", "worklist_sk"];
        let kept = self.0.iter().filter(|(name, _)| !places.contains(&name.as_str()));
        let kept: HashMap<String, AttributeValue> =
            kept.map(|(name, value)| (name.clone(), bytes_told(value))).collect();
        serde_dynamo::from_item(kept).map_err(Failed::fault)
    }

    /// The thing that was put under the key.
    pub(crate) fn read<T: DeserializeOwned>(self) -> Result<T, Failed> {
        serde_dynamo::from_item(self.0).map_err(Failed::fault)
    }
}

/// A value whose bytes are texts, for JSON has none. Nothing that is sealed is written with bytes, and a row that somebody
/// put some into must not keep all others from being read.
fn bytes_told(value: &AttributeValue) -> AttributeValue {
    let text = |bytes: &Blob| AttributeValue::S(data_encoding::BASE64.encode(bytes.as_ref()));
    if let Ok(bytes) = value.as_b() {
        AttributeValue::M(HashMap::from([("B".to_owned(), text(bytes))]))
    } else if let Ok(set) = value.as_bs() {
        AttributeValue::M(HashMap::from([("BS".to_owned(), AttributeValue::L(set.iter().map(text).collect()))]))
    } else if let Ok(list) = value.as_l() {
        AttributeValue::L(list.iter().map(bytes_told).collect())
    } else if let Ok(map) = value.as_m() {
        AttributeValue::M(map.iter().map(|(name, value)| (name.clone(), bytes_told(value))).collect())
    } else {
        value.clone()
    }
}

/// What it means that a write's condition did not hold.
#[derive(Debug, Clone)]
pub(crate) enum Lost {
    /// Somebody was faster: load and decide again.
    Moved,
    /// A rule says no.
    Refused(Refusal),
    /// No rule says no: what must be there has been altered. It is nobody's answer, so that it can be mended.
    Broken(&'static str),
    /// A balance says no: because its account is closed, or by its limits.
    Limited {
        /// When the account is closed.
        closed: Refusal,
        /// When it is not.
        otherwise: Refusal,
    },
    /// Somebody holds the place; the refusal names them by the item's `holder`.
    Taken(fn(String) -> Refusal),
    /// The item that is there says why, or that somebody was faster.
    Said(Said),
}

/// What an item that refused a write has to say about it.
#[derive(Debug, Clone)]
pub(crate) enum Said {
    /// An approval about the decision of somebody, by their own name and their role's.
    Approval { names: [String; 2], at: Timestamp },
    /// A visit about its assignment.
    Visit,
}

impl Said {
    /// The rule that the item broke; nothing when it has merely moved.
    pub(crate) fn refusal(&self, before: &Item) -> Option<Refusal> {
        match self {
            Self::Approval { names, at } => {
                let expires_at = before.text("expires_at").unwrap_or_default();
                if names.iter().any(|name| before.has("barred", name)) {
                    Some(Refusal::OwnApproval)
                } else if names.iter().any(|name| before.has("approvers", name)) {
                    Some(Refusal::AlreadyDecided)
                } else if expires_at <= at.to_string().as_str() {
                    Some(Refusal::ApprovalExpired { expires_at: expires_at.to_owned() })
                } else {
                    None
                }
            }
            Self::Visit => before
                .text("awaits_approval")
                .map(|approval_id| Refusal::ApprovalPending { approval_id: approval_id.to_owned() }),
        }
    }
}

/// One conditional write of a transaction.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) item: TransactWriteItem,
    pub(crate) lost: Lost,
    /// What a replaced record was, for the audit.
    pub(crate) before: Option<Item>,
}

impl Write {
    fn new(item: TransactWriteItem, lost: Lost) -> Self {
        Self { item, lost, before: None }
    }
}

impl Table {
    /// The tables of a stack.
    #[must_use]
    pub fn new(client: Client, names: TableNames) -> Self {
        Self { client, names, clock: None }
    }

    /// The same tables, whose commits are filed under the time that this clock shows when they are written. Without one
    /// they are filed under the time of their command.
    #[must_use]
    pub fn filed_by(self, clock: Clock) -> Self {
        Self { clock: Some(clock), ..self }
    }

    /// When what is written now is filed.
    pub(crate) fn written_at(&self, command: &Command) -> Timestamp {
        self.clock.map_or(command.at, |clock| clock())
    }

    fn put(&self, table: &str, item: Item, condition: &str, version: Option<u64>) -> Result<Put, Failed> {
        let version = version.map(|version| (":version".to_owned(), AttributeValue::N(version.to_string())));
        Put::builder()
            .table_name(table)
            .set_item(Some(item.0))
            .condition_expression(condition)
            .set_expression_attribute_values(version.map(|pair| HashMap::from([pair])))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(Failed::fault)
    }

    /// A record that must not exist yet.
    pub(crate) fn create(&self, item: Item, lost: Lost) -> Result<Write, Failed> {
        let put = self.put(&self.names.records, item, "attribute_not_exists(pk)", None)?;
        Ok(Write::new(TransactWriteItem::builder().put(put).build(), lost))
    }

    /// A place that several things share: free, or shared already. What has the place for itself keeps it.
    pub(crate) fn share(&self, item: Item, lost: Lost) -> Result<Write, Failed> {
        let item = item.with("is_shared", SHARED);
        let put = Put::builder()
            .table_name(&self.names.records)
            .set_item(Some(item.0))
            .condition_expression("attribute_not_exists(pk) OR is_shared = :shared")
            .expression_attribute_values(":shared", AttributeValue::S(SHARED.to_owned()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(Failed::fault)?;
        Ok(Write::new(TransactWriteItem::builder().put(put).build(), lost))
    }

    /// A place that its holder gives back.
    pub(crate) fn free(&self, key: Key, holder: &str) -> Result<Write, Failed> {
        let delete = Delete::builder()
            .table_name(&self.names.records)
            .key("pk", AttributeValue::S(key.pk))
            .key("sk", AttributeValue::S(key.sk))
            .condition_expression("holder = :holder")
            .expression_attribute_values(":holder", AttributeValue::S(holder.to_owned()))
            .build()
            .map_err(Failed::fault)?;
        Ok(Write::new(TransactWriteItem::builder().delete(delete).build(), Lost::Moved))
    }

    /// A record that must still be at the version that was read. What it was is kept for the audit by the commit.
    pub(crate) fn replace(&self, before: Item, after: Item) -> Result<Write, Failed> {
        let put = self.put(&self.names.records, after, "version = :version", Some(before.version()?))?;
        let write = Write::new(TransactWriteItem::builder().put(put).build(), Lost::Moved);
        Ok(Write { before: Some(before), ..write })
    }

    /// A record that never changed, and from before its changes were counted: nobody may have begun to count.
    pub(crate) fn renew(&self, before: Item, after: Item) -> Result<Write, Failed> {
        let condition = "attribute_exists(pk) AND attribute_not_exists(version)";
        let put = self.put(&self.names.records, after, condition, None)?;
        let write = Write::new(TransactWriteItem::builder().put(put).build(), Lost::Moved);
        Ok(Write { before: Some(before), ..write })
    }

    /// A visit that gets its agent: still at the version that was read, and waiting for no approval.
    pub(crate) fn assign(&self, before: Item, after: Item) -> Result<Write, Failed> {
        let condition = "version = :version AND attribute_not_exists(awaits_approval)";
        let put = self.put(&self.names.records, after, condition, Some(before.version()?))?;
        let write = Write::new(TransactWriteItem::builder().put(put).build(), Lost::Said(Said::Visit));
        Ok(Write { before: Some(before), ..write })
    }

    /// An approval with one more decision: still at the version that was read and pending, and whoever decides, by their
    /// own name or their role's, is not barred, has not decided, and is not late.
    pub(crate) fn decide(&self, before: Item, after: Item, names: [String; 2], at: Timestamp) -> Result<Write, Failed> {
        let [own, role] = names.clone();
        let version = before.version()?;
        let put = Put::builder()
            .table_name(&self.names.records)
            .set_item(Some(after.0))
            .condition_expression(
                "version = :version AND #status = :pending AND expires_at > :at \
                 AND NOT contains(barred, :own) AND NOT contains(barred, :role) AND NOT contains(approvers, :own)",
            )
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":version", AttributeValue::N(version.to_string()))
            .expression_attribute_values(":pending", AttributeValue::S("pending".to_owned()))
            .expression_attribute_values(":at", AttributeValue::S(at.to_string()))
            .expression_attribute_values(":own", AttributeValue::S(own))
            .expression_attribute_values(":role", AttributeValue::S(role))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(Failed::fault)?;
        let lost = Lost::Said(Said::Approval { names, at });
        Ok(Write { before: Some(before), ..Write::new(TransactWriteItem::builder().put(put).build(), lost) })
    }

    /// When an admin last let somebody into a login, as long as it can matter to an approval. It has no condition of its
    /// own: the person is written with it, on the version that was read, and so it is the latest.
    pub(crate) fn hands(&self, operator: &OperatorName, principal: &str, at: Timestamp) -> Result<Write, Failed> {
        let key = keys::hands(operator, principal);
        let expires = at.plus_seconds(HANDS_SECONDS).as_seconds();
        let update = Update::builder()
            .table_name(&self.names.records)
            .key("pk", AttributeValue::S(key.pk))
            .key("sk", AttributeValue::S(key.sk))
            .update_expression("SET at_millis = :at, expires = :expires")
            .expression_attribute_values(":at", AttributeValue::N(at.as_millis().to_string()))
            .expression_attribute_values(":expires", AttributeValue::N(expires.to_string()))
            .build()
            .map_err(Failed::fault)?;
        Ok(Write::new(TransactWriteItem::builder().update(update).build(), Lost::Moved))
    }

    /// A login that an admin has not let anybody into since a moment.
    pub(crate) fn quiet(&self, operator: &OperatorName, principal: &str, since: Timestamp) -> Result<Write, Failed> {
        let key = keys::hands(operator, principal);
        let check = ConditionCheck::builder()
            .table_name(&self.names.records)
            .key("pk", AttributeValue::S(key.pk))
            .key("sk", AttributeValue::S(key.sk))
            .condition_expression("attribute_not_exists(pk) OR at_millis < :since")
            .expression_attribute_values(":since", AttributeValue::N(since.as_millis().to_string()))
            .build()
            .map_err(Failed::fault)?;
        let lost = Lost::Refused(Refusal::FreshLogin);
        Ok(Write::new(TransactWriteItem::builder().condition_check(check).build(), lost))
    }

    /// A number that is kept under a key and never goes back.
    pub(crate) fn advance(&self, item: Item, number: &str, at: i64) -> Result<Write, Failed> {
        let put = Put::builder()
            .table_name(&self.names.records)
            .set_item(Some(item.0))
            .condition_expression(format!("attribute_not_exists(pk) OR {number} <= :at"))
            .expression_attribute_values(":at", AttributeValue::N(at.to_string()))
            .build()
            .map_err(Failed::fault)?;
        Ok(Write::new(TransactWriteItem::builder().put(put).build(), Lost::Moved))
    }

    /// A record that is used up with this: it must be there, and not used before.
    pub(crate) fn use_up(&self, key: Key, lost: Lost) -> Result<Write, Failed> {
        let update = Update::builder()
            .table_name(&self.names.records)
            .key("pk", AttributeValue::S(key.pk))
            .key("sk", AttributeValue::S(key.sk))
            .update_expression("SET is_used = :yes")
            .condition_expression("attribute_exists(pk) AND attribute_not_exists(is_used)")
            .expression_attribute_values(":yes", AttributeValue::Bool(USED))
            .build()
            .map_err(Failed::fault)?;
        Ok(Write::new(TransactWriteItem::builder().update(update).build(), lost))
    }

    /// A login that ends with this; one that has ended stays as it is.
    pub(crate) fn end(&self, key: Key, at: Timestamp) -> Result<Write, Failed> {
        let update = Update::builder()
            .table_name(&self.names.records)
            .key("pk", AttributeValue::S(key.pk))
            .key("sk", AttributeValue::S(key.sk))
            .update_expression("SET ended_at = :at")
            .condition_expression("attribute_exists(pk) AND attribute_not_exists(ended_at)")
            .expression_attribute_values(":at", AttributeValue::S(at.to_string()))
            .build()
            .map_err(Failed::fault)?;
        Ok(Write::new(TransactWriteItem::builder().update(update).build(), Lost::Moved))
    }

    /// A number of things changed by one more or one less; the last of them does not go.
    pub(crate) fn count(&self, key: Key, by: i64, lost: Lost) -> Result<Write, Failed> {
        let update = Update::builder()
            .table_name(&self.names.records)
            .key("pk", AttributeValue::S(key.pk))
            .key("sk", AttributeValue::S(key.sk))
            .update_expression("ADD how_many :by")
            .expression_attribute_values(":by", AttributeValue::N(by.to_string()));
        let update = if by < 0 {
            update
                .condition_expression("how_many > :one")
                .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
        } else {
            update
        };
        let update = update.build().map_err(Failed::fault)?;
        Ok(Write::new(TransactWriteItem::builder().update(update).build(), lost))
    }

    /// A place in the records that must still be free, although nothing is put there.
    pub(crate) fn absent(&self, key: Key, lost: Lost) -> Result<Write, Failed> {
        let check = ConditionCheck::builder()
            .table_name(&self.names.records)
            .key("pk", AttributeValue::S(key.pk))
            .key("sk", AttributeValue::S(key.sk))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(Failed::fault)?;
        Ok(Write::new(TransactWriteItem::builder().condition_check(check).build(), lost))
    }

    /// A record that is not written, and must still be at the version that was read, or still not be there.
    pub(crate) fn unchanged(&self, key: Key, version: Option<u64>) -> Result<Write, Failed> {
        let check = ConditionCheck::builder()
            .table_name(&self.names.records)
            .key("pk", AttributeValue::S(key.pk))
            .key("sk", AttributeValue::S(key.sk));
        let check = match version {
            Some(version) => check
                .condition_expression("version = :version")
                .expression_attribute_values(":version", AttributeValue::N(version.to_string())),
            None => check.condition_expression("attribute_not_exists(pk)"),
        };
        let check = check.build().map_err(Failed::fault)?;
        Ok(Write::new(TransactWriteItem::builder().condition_check(check).build(), Lost::Moved))
    }

    /// A named account that is posted to, remembered so that it is found again.
    pub(crate) fn remember(&self, operator: &OperatorName, account: &Account, at: Timestamp) -> Result<Write, Failed> {
        let key = keys::named_account(operator, account);
        let update = Update::builder()
            .table_name(&self.names.records)
            .key("pk", AttributeValue::S(key.pk))
            .key("sk", AttributeValue::S(key.sk))
            .update_expression("SET opened_at = if_not_exists(opened_at, :at)")
            .expression_attribute_values(":at", AttributeValue::S(at.to_string()))
            .build()
            .map_err(Failed::fault)?;
        Ok(Write::new(TransactWriteItem::builder().update(update).build(), Lost::Moved))
    }

    /// A balance at zero that takes nothing any more.
    pub(crate) fn close(&self, operator: &OperatorName, account: &Account, at: Timestamp) -> Result<Write, Failed> {
        let key = keys::balance(operator, account, 0);
        let update = Update::builder()
            .table_name(&self.names.records)
            .key("pk", AttributeValue::S(key.pk))
            .key("sk", AttributeValue::S(key.sk))
            .update_expression("SET closed_at = :at")
            .condition_expression(
                "balance_minor = :zero AND attribute_not_exists(closed_at) \
                 AND (attribute_not_exists(available_minor) OR available_minor = :zero)",
            )
            .expression_attribute_values(":at", AttributeValue::S(at.to_string()))
            .expression_attribute_values(":zero", AttributeValue::N("0".to_owned()))
            .build()
            .map_err(Failed::fault)?;
        Ok(Write::new(TransactWriteItem::builder().update(update).build(), Lost::Moved))
    }

    /// A ledger entry; a transfer's entry exists once.
    pub(crate) fn append(&self, item: Item) -> Result<Write, Failed> {
        let put = self.put(&self.names.ledger, item, "attribute_not_exists(pk)", None)?;
        Ok(Write::new(TransactWriteItem::builder().put(put).build(), Lost::Moved))
    }

    /// An amount added to a balance, within its limits. A bounded balance keeps beside itself what is available of it,
    /// and a capped one the headroom below its cap, because a condition cannot compute one from the other; a capped one
    /// must exist. A balance that can be closed takes nothing when it is, but what happened at a door, and what comes back
    /// to an agent's hand with what is taken back: that cash is there, and the account is open again.
    pub(crate) fn post(
        &self,
        operator: &OperatorName,
        account: &Account,
        transfer: &Transfer,
        amount: Money,
    ) -> Result<Write, Failed> {
        let key = keys::balance(operator, account, account.shard_of(transfer.transfer_id()));
        let opposite = amount.negated().map_err(Failed::fault)?;
        let number = |minor: i64| AttributeValue::N(minor.to_string());
        let is_debit = amount.amount_minor >= 0;
        let (added, bound, refusal) = match (account.limits(), is_debit) {
            (Limits::None, _) => ("balance_minor :amount", None, None),
            (Limits::Floor, true) => ("balance_minor :amount, available_minor :amount", None, None),
            (Limits::Floor, false) => (
                "balance_minor :amount, available_minor :amount",
                Some("available_minor >= :opposite"),
                Some(account.insufficient()),
            ),
            (Limits::FloorAndCap, true) => (
                "balance_minor :amount, available_minor :amount, headroom_minor :opposite",
                Some("headroom_minor >= :amount"),
                Some(Refusal::CashCapExceeded),
            ),
            (Limits::FloorAndCap, false) => (
                "balance_minor :amount, available_minor :amount, headroom_minor :opposite",
                Some(if transfer.kind().is_at_the_door() {
                    "balance_minor >= :opposite"
                } else {
                    "available_minor >= :opposite"
                }),
                Some(account.insufficient()),
            ),
        };
        let comes_back = account.is_capped() && is_debit && transfer.kind() == TransferKind::Reversal;
        let (open, opens) = if !account.is_closable() {
            (None, "")
        } else if transfer.kind().is_at_the_door() || comes_back {
            (None, " REMOVE closed_at")
        } else {
            (Some("attribute_not_exists(closed_at)"), "")
        };
        let condition = [bound, open].into_iter().flatten().collect::<Vec<_>>().join(" AND ");
        let update = Update::builder()
            .table_name(&self.names.records)
            .key("pk", AttributeValue::S(key.pk))
            .key("sk", AttributeValue::S(key.sk))
            .update_expression(format!(
                "ADD {added}, moves :one SET currency = if_not_exists(currency, :currency){opens}"
            ))
            .expression_attribute_values(":one", number(1))
            .set_condition_expression(Some(condition).filter(|condition| !condition.is_empty()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .expression_attribute_values(":amount", number(amount.amount_minor))
            .expression_attribute_values(":currency", AttributeValue::S(amount.currency.to_string()));
        let needs_opposite = added.contains(":opposite") || bound.is_some_and(|bound| bound.contains(":opposite"));
        let update = if needs_opposite {
            update.expression_attribute_values(":opposite", number(opposite.amount_minor))
        } else {
            update
        };
        let update = update.build().map_err(Failed::fault)?;
        let closed = Refusal::AccountClosed { account_id: account.to_string() };
        let lost = match (refusal, open) {
            (Some(refusal), None) => Lost::Refused(refusal),
            (refusal, _) => Lost::Limited { otherwise: refusal.unwrap_or_else(|| closed.clone()), closed },
        };
        Ok(Write::new(TransactWriteItem::builder().update(update).build(), lost))
    }

    /// An amount of a balance that is held from now on: it must be available. The place of the hold must be free.
    pub(crate) fn hold(
        &self,
        operator: &OperatorName,
        account: &Account,
        reservation: &ReservationId,
        amount: Money,
    ) -> Result<[Write; 2], Failed> {
        let opposite = amount.negated().map_err(Failed::fault)?;
        let key = keys::balance(operator, account, 0);
        let number = |minor: i64| AttributeValue::N(minor.to_string());
        let update = Update::builder()
            .table_name(&self.names.records)
            .key("pk", AttributeValue::S(key.pk))
            .key("sk", AttributeValue::S(key.sk))
            .update_expression("ADD available_minor :opposite, moves :one")
            .condition_expression("available_minor >= :amount AND attribute_not_exists(closed_at)")
            .expression_attribute_values(":amount", number(amount.amount_minor))
            .expression_attribute_values(":opposite", number(opposite.amount_minor))
            .expression_attribute_values(":one", number(1))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(Failed::fault)?;
        let closed = Refusal::AccountClosed { account_id: account.to_string() };
        let lost = Lost::Limited { closed, otherwise: account.insufficient() };
        let hold = Item::at(&keys::hold(operator, account, reservation));
        let hold = self.create(hold.with_number("amount_minor", amount.amount_minor), Lost::Moved)?;
        Ok([Write::new(TransactWriteItem::builder().update(update).build(), lost), hold])
    }

    /// What was held of a balance, held no more: so much of it is spent, the rest is available again. What is available
    /// was guarded when it was held; here the hold must be there, which it is once, and the balance itself: what happened
    /// at a door may have taken from it what was set aside for something else.
    pub(crate) fn let_go(
        &self,
        operator: &OperatorName,
        account: &Account,
        reservation: &ReservationId,
        held: Money,
        spent: Money,
    ) -> Result<[Write; 2], Failed> {
        let number = |minor: i64| AttributeValue::N(minor.to_string());
        let rest = held.amount_minor.checked_sub(spent.amount_minor).filter(|rest| *rest >= 0);
        let rest = rest.ok_or_else(|| Failed::fault("more is spent than was held"))?;
        let opposite = spent.negated().map_err(Failed::fault)?;
        let key = keys::balance(operator, account, 0);
        let update = Update::builder()
            .table_name(&self.names.records)
            .key("pk", AttributeValue::S(key.pk))
            .key("sk", AttributeValue::S(key.sk))
            .condition_expression("balance_minor >= :spent")
            .expression_attribute_values(":rest", number(rest))
            .expression_attribute_values(":spent", number(spent.amount_minor))
            .expression_attribute_values(":opposite", number(opposite.amount_minor))
            .expression_attribute_values(":one", number(1));
        let update = if account.is_capped() {
            update.update_expression(
                "ADD balance_minor :opposite, available_minor :rest, headroom_minor :spent, moves :one",
            )
        } else {
            update.update_expression("ADD balance_minor :opposite, available_minor :rest, moves :one")
        };
        let update = update.build().map_err(Failed::fault)?;
        let place = keys::hold(operator, account, reservation);
        let delete = Delete::builder()
            .table_name(&self.names.records)
            .key("pk", AttributeValue::S(place.pk))
            .key("sk", AttributeValue::S(place.sk))
            .condition_expression("attribute_exists(pk)")
            .build()
            .map_err(Failed::fault)?;
        let gone = TransactWriteItem::builder().delete(delete).build();
        let lost = if spent.amount_minor == 0 {
            Lost::Broken("the balance of what is let go is gone or below zero")
        } else {
            Lost::Refused(account.insufficient())
        };
        Ok([Write::new(TransactWriteItem::builder().update(update).build(), lost), Write::new(gone, Lost::Moved)])
    }

    /// An item, if it is there. Consistent: what was committed before is seen.
    pub(crate) async fn find(&self, key: &Key) -> Result<Option<Item>, Failed> {
        self.find_in(&self.names.records, key).await
    }

    /// An item of a table, if it is there. Consistent.
    pub(crate) async fn find_in(&self, table: &str, key: &Key) -> Result<Option<Item>, Failed> {
        let found = self
            .client
            .get_item()
            .table_name(table)
            .key("pk", AttributeValue::S(key.pk.clone()))
            .key("sk", AttributeValue::S(key.sk.clone()))
            .consistent_read(READ_CONSISTENT)
            .send()
            .await
            .map_err(unreachable_table)?;
        Ok(found.item.map(Item))
    }

    /// An item that must be there.
    pub(crate) async fn get<T: DeserializeOwned>(&self, key: &Key) -> Result<T, Failed> {
        self.find(key).await?.ok_or(Failed::Unknown)?.read()
    }

    /// Records by key; those that are not there are left out.
    pub(crate) async fn batch(&self, keys: &[Key]) -> Result<HashMap<(String, String), Item>, Failed> {
        self.batch_in(&self.names.records, keys).await
    }

    /// Items of a table by key; those that are not there are left out.
    pub(crate) async fn batch_in(&self, table: &str, keys: &[Key]) -> Result<HashMap<(String, String), Item>, Failed> {
        let mut found = HashMap::new();
        // A batch that names an item twice is refused as a whole, and rows that were altered may name anything twice.
        let mut named = HashSet::new();
        let keys: Vec<&Key> = keys.iter().filter(|key| named.insert((&key.pk, &key.sk))).collect();
        for hundred in keys.chunks(MOST_KEYS) {
            let wanted = hundred
                .iter()
                .map(|key| {
                    HashMap::from([
                        ("pk".to_owned(), AttributeValue::S(key.pk.clone())),
                        ("sk".to_owned(), AttributeValue::S(key.sk.clone())),
                    ])
                })
                .collect();
            let wanted = KeysAndAttributes::builder().set_keys(Some(wanted)).build().map_err(Failed::fault)?;
            let mut open = Some(HashMap::from([(table.to_owned(), wanted)]));
            for _ in 0..MOST_ROUNDS {
                let Some(wanted) = open.take().filter(|wanted| !wanted.is_empty()) else { break };
                let answer = self
                    .client
                    .batch_get_item()
                    .set_request_items(Some(wanted))
                    .send()
                    .await
                    .map_err(unreachable_table)?;
                for item in answer.responses.into_iter().flatten().flat_map(|(_, items)| items).map(Item) {
                    let key = (
                        item.text("pk").unwrap_or_default().to_owned(),
                        item.text("sk").unwrap_or_default().to_owned(),
                    );
                    found.insert(key, item);
                }
                open = answer.unprocessed_keys;
            }
            if open.is_some_and(|rest| !rest.is_empty()) {
                return Err(Failed::Later("keys stayed unprocessed".into()));
            }
        }
        Ok(found)
    }

    /// The items that rows of an index stand for, in the order of the rows, read whole.
    pub(crate) async fn whole<T: DeserializeOwned>(&self, rows: &[Item]) -> Result<Vec<T>, Failed> {
        let text = |row: &Item, name: &str| row.text(name).unwrap_or_default().to_owned();
        let keys: Vec<Key> = rows.iter().map(|row| Key { pk: text(row, "pk"), sk: text(row, "sk") }).collect();
        let mut found = self.batch(&keys).await?;
        keys.into_iter().filter_map(|key| found.remove(&(key.pk, key.sk))).map(Item::read).collect()
    }

    /// Does a job's work on each item that rows of an index stand for, and counts those on which there was some. One that
    /// somebody else moves meanwhile is left to them.
    ///
    /// # Errors
    /// What kept the work from going on; behind all others what is one item's own: [`Failed::Fault`], and
    /// [`Failed::Unknown`] when what it leads to is gone.
    pub(crate) async fn for_each(
        &self,
        query: Query<'_>,
        work: impl AsyncFn(Key) -> Result<bool, Failed>,
    ) -> Result<u64, Failed> {
        let (mut done, mut spoiled): (u64, Option<Failed>) = (0, None);
        let mut pages = self.pages(query);
        while let Some(rows) = pages.next().await? {
            for row in rows {
                match work(row.key()).await {
                    Ok(is_done) => done = done.saturating_add(u64::from(is_done)),
                    Err(Failed::Moved | Failed::InProgress) => {}
                    Err(failed @ (Failed::Fault(_) | Failed::Unknown)) => {
                        spoiled.get_or_insert(failed);
                    }
                    Err(failed) => return Err(failed),
                }
            }
        }
        spoiled.map_or(Ok(done), Err)
    }

    /// A page of a partition, consistent, or of an index, which lags behind by up to about a second.
    pub(crate) async fn query(&self, query: Query<'_>) -> Result<(Vec<Item>, Option<Item>), Failed> {
        if matches!(query.range, Range::None) {
            return Ok((vec![], None));
        }
        let (pk, sk) = query
            .index
            .map_or(("pk".to_owned(), "sk".to_owned()), |index| (format!("{index}_pk"), format!("{index}_sk")));
        let mut request = self
            .client
            .query()
            .table_name(query.table)
            .set_index_name(query.index.map(str::to_owned))
            .expression_attribute_values(":pk", AttributeValue::S(query.partition))
            .expression_attribute_names("#pk", pk)
            .consistent_read(query.index.is_none())
            .scan_index_forward(query.direction == Direction::OldestFirst)
            .set_limit(query.limit)
            .set_exclusive_start_key(query.after.map(|after| after.0));
        let condition = match query.range {
            Range::All | Range::None => "#pk = :pk",
            Range::Prefix(prefix) => {
                request = request
                    .expression_attribute_names("#sk", sk)
                    .expression_attribute_values(":prefix", AttributeValue::S(prefix));
                "#pk = :pk AND begins_with(#sk, :prefix)"
            }
            Range::Between(from, to) => {
                request = request
                    .expression_attribute_names("#sk", sk)
                    .expression_attribute_values(":from", AttributeValue::S(from))
                    .expression_attribute_values(":to", AttributeValue::S(to));
                "#pk = :pk AND #sk BETWEEN :from AND :to"
            }
        };
        let answer = request.key_condition_expression(condition).send().await.map_err(unreachable_table)?;
        let items = answer.items.unwrap_or_default().into_iter().map(Item).collect();
        Ok((items, answer.last_evaluated_key.filter(|key| !key.is_empty()).map(Item)))
    }

    /// All pages of a partition, one after the other: what a job reads in bounded memory.
    pub(crate) fn pages<'a>(&'a self, query: Query<'a>) -> Pages<'a> {
        Pages { table: self, next: Some(query) }
    }

    /// One write outside of any command: a job's own memory, a login's session. Whether its condition held.
    #[expect(clippy::disallowed_methods, reason = "here the condition is an argument")]
    pub(crate) async fn put_if(&self, table: &str, item: Item, condition: &str) -> Result<bool, Failed> {
        let sent = self
            .client
            .put_item()
            .table_name(table)
            .set_item(Some(item.0))
            .condition_expression(condition)
            .send()
            .await;
        held(sent)
    }

    /// One update outside of any command. Whether its condition held.
    pub(crate) async fn update_if(
        &self,
        key: Key,
        update: &str,
        condition: &str,
        values: HashMap<String, AttributeValue>,
    ) -> Result<bool, Failed> {
        let sent = self
            .client
            .update_item()
            .table_name(&self.names.records)
            .key("pk", AttributeValue::S(key.pk))
            .key("sk", AttributeValue::S(key.sk))
            .update_expression(update)
            .condition_expression(condition)
            .set_expression_attribute_values(Some(values).filter(|values| !values.is_empty()))
            .send()
            .await;
        held(sent)
    }

    /// One update outside of any command; what was there when its condition did not hold.
    pub(crate) async fn update_or_see(
        &self,
        key: Key,
        update: &str,
        condition: &str,
        values: HashMap<String, AttributeValue>,
    ) -> Result<Result<(), Item>, Failed> {
        let sent = self
            .client
            .update_item()
            .table_name(&self.names.records)
            .key("pk", AttributeValue::S(key.pk))
            .key("sk", AttributeValue::S(key.sk))
            .update_expression(update)
            .condition_expression(condition)
            .set_expression_attribute_values(Some(values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match sent {
            Ok(_) => Ok(Ok(())),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    Ok(Err(failed.item().cloned().map(Item::from).unwrap_or_default()))
                }
                Some(_) | None => Err(unreachable_table(error)),
            },
        }
    }
}

/// What a thing that can be used once says after that.
const USED: bool = true;
/// What a place says that several things share.
const SHARED: &str = "shared";
/// Decisions are made on what is, not on what was a second ago.
const READ_CONSISTENT: bool = true;
/// BatchGetItem takes 100 keys.
const MOST_KEYS: usize = 100;
/// Rounds until unprocessed keys are given up for this call.
const MOST_ROUNDS: usize = 5;

/// Which way a list runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    OldestFirst,
    NewestFirst,
}

/// Which part of a partition.
#[derive(Debug, Clone)]
pub(crate) enum Range {
    All,
    /// None of it: nothing is asked for, since DynamoDB refuses a range whose ends are the wrong way round.
    None,
    Prefix(String),
    /// Both ends inclusive, as DynamoDB has it.
    Between(String, String),
}

/// Pages that are read one after the other.
pub(crate) struct Pages<'a> {
    table: &'a Table,
    next: Option<Query<'a>>,
}

impl Pages<'_> {
    /// The items of the next page; nothing when there is none. DynamoDB ends a page at one megabyte.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Item>>, Failed> {
        let Some(query) = self.next.take() else { return Ok(None) };
        let (items, last) = self.table.query(query.clone()).await?;
        self.next = last.map(|after| Query { after: Some(after), ..query });
        Ok(Some(items))
    }

    /// Whether there may be another.
    pub(crate) fn go_on(&self) -> bool {
        self.next.is_some()
    }
}

/// A page to be read.
#[derive(Debug, Clone)]
pub(crate) struct Query<'a> {
    pub(crate) table: &'a str,
    pub(crate) index: Option<&'a str>,
    pub(crate) partition: String,
    pub(crate) range: Range,
    pub(crate) direction: Direction,
    pub(crate) limit: Option<i32>,
    pub(crate) after: Option<Item>,
}

impl<'a> Query<'a> {
    /// All of a partition, oldest first.
    pub(crate) fn of(table: &'a str, partition: String) -> Self {
        Self {
            table,
            index: None,
            partition,
            range: Range::All,
            direction: Direction::OldestFirst,
            limit: None,
            after: None,
        }
    }

    /// All of an index's partition, oldest first.
    pub(crate) fn of_index(table: &'a str, index: &'a str, partition: String) -> Self {
        Self { index: Some(index), ..Self::of(table, partition) }
    }
}

/// Keys that begin with a time from `from` inclusive to `to` exclusive. A key goes on with `#` behind its time, and `~`
/// sorts behind that: the upper end is behind every key of the last millisecond. No time lies between two of which the
/// second is not later.
pub(crate) fn between_times(from: Timestamp, to: Timestamp) -> Range {
    if from >= to {
        return Range::None;
    }
    let last = Timestamp::from_millis(to.as_millis().saturating_sub(1));
    Range::Between(from.to_string(), format!("{last}~"))
}

/// Whether a conditional write went through.
fn held<T, E, R>(sent: Result<T, SdkError<E, R>>) -> Result<bool, Failed>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    match sent {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(false),
        Err(error) => Err(unreachable_table(error)),
    }
}

/// What an error of DynamoDB means for the caller: throttles and silence pass, the rest is our mistake.
pub(crate) fn unreachable_table<E, R>(error: SdkError<E, R>) -> Failed
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    let passes = match error.code() {
        // A transaction holds the item: its writer is done in a moment, and the SDK does not repeat this one.
        Some("TransactionConflictException") => return Failed::InProgress,
        Some(code) => matches!(
            code,
            "ProvisionedThroughputExceededException"
                | "ThrottlingException"
                | "RequestLimitExceeded"
                | "InternalServerError"
                | "ServiceUnavailable"
                | "LimitExceededException"
        ),
        None => true,
    };
    if passes { Failed::Later(Box::new(error)) } else { Failed::Fault(Box::new(error)) }
}

impl From<HashMap<String, AttributeValue>> for Item {
    fn from(attributes: HashMap<String, AttributeValue>) -> Self {
        Self(attributes)
    }
}
