//! The directory: operators, the people who can log in, the keys that tokens are checked by.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    AgentId, Command, Currency, Event, Failed, Money, OperatorName, RegionName, Timestamp, TransferId,
    command::Fingerprint,
    event::Happened,
    ledger::{Account, Subject, Transfer, TransferKind},
    operator::Operator,
    operator_change::OperatorChange,
    settlement::Calendar,
    user::{KeptUser, UserStatus},
};
use serde::{Deserialize, Serialize};

use crate::{
    answer::Answer,
    commit::Accepted,
    cursor::CursorKey,
    keys,
    table::{Item, Lost, Query, Table, Write},
    users,
};

/// How long a retired key is kept for whoever wonders, in seconds: 90 days.
const RETIRED_SECONDS: i64 = 90 * 86_400;

/// What may be done with the directory.
#[derive(Clone)]
pub struct Directory {
    table: Table,
}

/// A field officer as they are taken on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewAgent {
    /// Their id.
    pub agent_id: AgentId,
    /// Their name.
    pub name: String,
    /// Where they work.
    pub region: RegionName,
    /// The most cash they may carry, in minor units.
    pub cash_cap_minor: i64,
    /// Of which currency.
    pub currency: Currency,
}

/// An Ed25519 public key that tokens are checked by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey {
    /// Names the key in a token's header.
    pub kid: String,
    /// The 32 bytes of the key, base64url without padding: the `x` of RFC 8037.
    pub x: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is not believed any more; another key signs by then.
    #[serde(default)]
    pub retired_at: Option<Timestamp>,
}

/// Whom a function believes.
#[derive(Clone)]
pub struct TrustAnchors {
    /// Public keys by `kid`.
    pub keys: BTreeMap<String, PublicKey>,
    /// The key that signs cursors.
    pub cursors: CursorKey,
}

impl Directory {
    /// The directory in these tables.
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    /// The keys that tokens and cursors are checked by: one query. Before the first tick of `key-rotate` there are none,
    /// and nothing is believed.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn trust_anchors(&self) -> Result<TrustAnchors, Failed> {
        let (items, _) = self.table.query(Query::of(&self.table.names.records, keys::platform_keys())).await?;
        let mut cursors = None;
        let mut public = BTreeMap::new();
        for item in items {
            if item.text("sk").is_some_and(|sk| sk.starts_with(keys::KEY_PREFIX)) {
                let key: PublicKey = item.read()?;
                public.insert(key.kid.clone(), key);
            } else if let Some(secret) = item.bytes("secret") {
                cursors = Some(CursorKey::new(secret.to_vec())?);
            }
        }
        Ok(TrustAnchors { keys: public, cursors: cursors.unwrap_or_else(CursorKey::missing) })
    }

    /// Makes a public key known.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn publish(&self, key: &PublicKey) -> Result<(), Failed> {
        let item = Item::of(&keys::public_key(&key.kid), key)?;
        self.table.put_if(&self.table.names.records, item, "attribute_not_exists(pk)").await.map(|_| ())
    }

    /// Sets from when on a public key is not believed any more; a moment that is set already stays.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn retire(&self, kid: &str, at: Timestamp) -> Result<(), Failed> {
        let values = HashMap::from([
            (":at".to_owned(), AttributeValue::S(at.to_string())),
            (":expires".to_owned(), AttributeValue::N(at.plus_seconds(RETIRED_SECONDS).as_seconds().to_string())),
        ]);
        let update = "SET retired_at = :at, expires = :expires";
        let condition = "attribute_exists(pk) AND attribute_not_exists(retired_at)";
        self.table.update_if(keys::public_key(kid), update, condition, values).await.map(|_| ())
    }

    /// Keeps the key that signs cursors, unless there is one.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn keep_cursor_key(&self, key: &CursorKey) -> Result<(), Failed> {
        let item = Item::at(&keys::cursor_key()).with_bytes("secret", key.bytes());
        self.table.put_if(&self.table.names.records, item, "attribute_not_exists(pk)").await.map(|_| ())
    }

    /// Every operator's name.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn operators(&self) -> Result<Vec<OperatorName>, Failed> {
        let (items, _) = self.table.query(Query::of(&self.table.names.records, keys::operators())).await?;
        items.iter().filter_map(|item| item.text("sk")).map(|name| name.parse().map_err(Failed::fault)).collect()
    }

    /// An operator.
    ///
    /// # Errors
    /// [`Failed::Unknown`] when there is none.
    pub async fn operator(&self, operator: &OperatorName) -> Result<Operator, Failed> {
        self.table.get(&keys::operator(operator)).await
    }

    /// Takes an operator on; one that is there stays as it is.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn create_operator(&self, operator: &Operator) -> Result<(), Failed> {
        let item = Item::of(&keys::operator(&operator.operator), operator)?;
        self.table.put_if(&self.table.names.records, item, "attribute_not_exists(pk)").await?;
        let row = Item::at(&keys::operator_row(&operator.operator));
        self.table.put_if(&self.table.names.records, row, "attribute_not_exists(pk)").await.map(|_| ())
    }

    /// Changes an operator, on what was read of it and of its closed days: one commit, with who did it and why. The operator
    /// afterwards, and how often it has changed.
    ///
    /// # Errors
    /// [`Failed::Unknown`] when there is none, [`Failed::Fault`] with a [`NotAChange`](domain::operator_change::NotAChange)
    /// when it cannot be changed so, [`Failed::Moved`] when somebody else changed it meanwhile; otherwise as a commit.
    pub async fn change_operator(
        &self,
        operator: &OperatorName,
        change: &OperatorChange,
        by: &str,
        reason: &str,
        at: Timestamp,
    ) -> Result<(Operator, u64), Failed> {
        let key = keys::operator(operator);
        let item = self.table.find(&key).await?.ok_or(Failed::Unknown)?;
        let version = item.number("version").unwrap_or_default();
        let before: Operator = item.clone().read()?;
        let calendar: Option<Calendar> =
            self.table.find(&keys::calendar(operator)).await?.map(Item::read).transpose()?;
        let last_closed = calendar.as_ref().and_then(|calendar| calendar.last_closed);
        let after = change.of(&before, last_closed).map_err(Failed::fault)?;
        let next = version.saturating_add(1);
        let renewed = Item::of(&key, &after)?.with_number("version", next);
        let of_operator = match version {
            0 => self.table.renew(item, renewed)?,
            _ => self.table.replace(item, renewed)?,
        };
        // Who closes a day has read the calendar before the operator: whoever knows the operator of before loses, so that no
        // day is closed that is off by now, or without a partner that may have entries by then.
        let place = keys::calendar(operator);
        let of_days = match &calendar {
            Some(calendar) => {
                let counted = Calendar { version: calendar.version.saturating_add(1), ..calendar.clone() };
                self.table.replace(Item::of(&place, calendar)?, Item::of(&place, &counted)?)?
            }
            None => self.table.unchanged(place, None)?,
        };
        let asked = serde_json::to_string(&(change, reason)).map_err(Failed::fault)?;
        let command = Command {
            principal: by.to_owned(),
            role: "platform".to_owned(),
            fingerprint: Fingerprint::of_text(&asked),
            ..Command::of_job(operator.clone(), "operator-change", &next.to_string(), at, String::new())
        };
        let accepted = Accepted {
            status: 200,
            answer: after.clone(),
            subject: operator.to_string(),
            events: vec![],
            writes: vec![of_operator, of_days],
        };
        self.table.commit(&command.because(reason), Ok(accepted)).await?;
        Ok((after, u64::try_from(next).map_err(Failed::fault)?))
    }

    /// Lets somebody log in, or invites them; a login that is there stays as it is.
    ///
    /// # Errors
    /// As a commit.
    pub async fn create_user(&self, operator: &OperatorName, user: &KeptUser, at: Timestamp) -> Result<(), Failed> {
        let command = Command::of_job(operator.clone(), "user-create", &user.user.login, at, String::new());
        let invited = user.user.status == UserStatus::Invited;
        let accepted = Accepted {
            status: 201,
            answer: user.user.clone(),
            subject: user.user.user_id.to_string(),
            events: invited
                .then(|| Event::of(&command, Happened::UserCreated, user.user.user_id.as_str(), None))
                .into_iter()
                .collect(),
            writes: users::taken_on(&self.table, operator, user)?,
        };
        self.table.commit(&command, Ok(accepted)).await.map(|_| ())
    }

    /// Takes an agent on and issues their opening cash from the vault: one commit under the agent's id, so that taking
    /// them on twice issues it once.
    ///
    /// # Errors
    /// As a commit.
    pub async fn create_agent(
        &self,
        operator: &OperatorName,
        agent: &NewAgent,
        float: Money,
        at: Timestamp,
    ) -> Result<Answer<NewAgent>, Failed> {
        let command = Command::of_job(operator.clone(), "agent-create", agent.agent_id.as_str(), at, String::new());
        let writes = taken_on(&self.table, operator, agent, float, &command)?;
        let accepted = Accepted {
            status: 201,
            answer: agent.clone(),
            subject: agent.agent_id.to_string(),
            events: vec![],
            writes,
        };
        self.table.commit(&command, Ok(accepted)).await
    }
}

/// What an agent has from the first day on: their place in the list, and their cash.
pub(crate) fn taken_on(
    table: &Table,
    operator: &OperatorName,
    agent: &NewAgent,
    float: Money,
    command: &Command,
) -> Result<Vec<Write>, Failed> {
    let worklist = keys::worklist_of_agents(operator, &agent.region);
    let item = Item::of(&keys::agent(operator, &agent.agent_id), agent)?.in_index(
        keys::WORKLIST,
        worklist,
        keys::worklist_agent(&agent.name, &agent.agent_id),
    );
    let hand = Account::AgentCash(agent.agent_id.clone());
    let headroom = agent
        .cash_cap_minor
        .checked_sub(float.amount_minor)
        .ok_or_else(|| Failed::fault("an opening float beyond what can be counted"))?;
    let balance = Item::at(&keys::balance(operator, &hand, 0))
        .with("currency", agent.currency.code())
        .with_number("balance_minor", float.amount_minor)
        .with_number("available_minor", float.amount_minor)
        .with_number("headroom_minor", headroom);
    let mut writes = vec![table.create(item, Lost::Moved)?, table.create(balance, Lost::Moved)?];
    if float.amount_minor != 0 {
        let transfer_id = TransferId::mint(command.at, &command.seed());
        let vault = Account::Vault(operator.clone());
        let transfer = Transfer::between(transfer_id, TransferKind::FloatIssue, vault, hand, float, Subject::default())
            .map_err(Failed::fault)?;
        writes.extend(table.issue(command, &transfer, command.at)?);
    }
    Ok(writes)
}
