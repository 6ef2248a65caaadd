//! A small world to test in: two operators with the same lenders and regions, their agents and desks, and a token for
//! everybody. It is set up through the doors that set up a real stack.

use std::{
    collections::BTreeMap,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

use domain::{
    AgentId, Caller, Currency, Failed, Money, OperatorName, RegionName, Role, Route, Timestamp, UserId,
    access::Party,
    operator::Operator,
    secret::Pepper,
    user::{KeptUser, User, UserStatus},
};
use edge::{
    Answer, Authorizer, Call, OpenCall,
    call::Parameters,
    credentials::{Credentials, Passwords, hash_password},
    http,
    keys::{KeyRotation, SigningKeys},
    requests::Requests,
    seals::Sealing,
    stream::Parking,
    token::{Realm, Signer, SigningSecret, generate_key_pair},
};
use garde::Validate;
use lambda_http::{Body, Response};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use store::{
    AccountWriter, Accounts, Acknowledgements, Activities, Agents, Alterations, Approvals, Audits, ClientSecrets,
    Clients, CursorKey, DayCloseWriter, DayCloses, Deliveries, Devices, Directory, Disbursements, ExportWriter,
    Exports, Files, Messages, NewAgent, Outbox, Payouts, ProofWriter, Proofs, PublicKey, QueueUrls, Queues,
    Reservations, Seals, SecondFactors, Sessions, SettlementWriter, Settlements, StatementWriter, Statements, Table,
    TableNames, Throttle, Tracks, Transfers, Trust, TrustAnchors, Users,
};

use crate::{
    BUCKET, EmbeddedBucket, EmbeddedPost, EmbeddedQueues, EmbeddedTable, LEDGER, NOW_MILLIS, RECORDS, RestRequest,
    TRACKS,
};

/// Opening cash of every agent, in paise: 50,000 rupees.
pub const FLOAT_MINOR: i64 = 5_000_000;
/// What every agent may carry at most, in paise: 200,000 rupees.
pub const CASH_CAP_MINOR: i64 = 20_000_000;
/// What nobody does alone: disbursements from 100,000 rupees take one approval, from 500,000 two; they wait for a day.
const APPROVALS: &str = "disbursement:24:10000000=1,50000000=2";
/// What secrets are derived from.
pub const PEPPER: &[u8] = b"a key of at least thirty-two bytes";
/// The secret with the key of seals.
const SEAL_SECRET: &str = "seal";
/// The secret with the signing key.
const SIGNING_SECRET: &str = "signing";
/// The address that mails come from.
const SENDER: &str = "no-reply@milepost.example";
/// The password of everybody but the agents, who have none.
pub const PASSWORD: &str = "a long and memorable password";

/// The regions of both operators; the first agent and the desk work in the first one.
pub const REGIONS: [&str; 2] = ["pune-north", "pune-south"];
/// The lenders of both operators.
pub const PARTNERS: [&str; 2] = ["bfil", "lnt-finance"];

/// Names the key that tokens are signed with.
pub const KID: &str = "k1";

/// Number of the next request.
static REQUESTS: AtomicU64 = AtomicU64::new(1);

/// Somebody with a token.
#[derive(Debug, Clone)]
pub struct Person {
    /// Who they are.
    pub caller: Caller,
    /// Their access token.
    pub token: String,
}

impl Person {
    /// A request of theirs, with their token and an id of its own.
    #[must_use]
    pub fn asks(&self, route: &Route) -> RestRequest {
        asks(route).header("Authorization", &format!("Bearer {}", self.token))
    }

    /// Their id or name.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.caller.subject
    }
}

/// A request of nobody, with an id of its own.
#[must_use]
pub fn asks(route: &Route) -> RestRequest {
    let number = REQUESTS.fetch_add(1, Ordering::Relaxed);
    RestRequest::new(route.method, route.template).request_id(&format!("00000000-0000-4000-8000-{number:012}"))
}

/// An operator and its people.
#[derive(Debug, Clone)]
pub struct Office {
    /// Its short name.
    pub operator: OperatorName,
    /// One agent a region of [`REGIONS`].
    pub agents: [Person; 2],
    /// The desk of the first region.
    pub desk: Person,
    /// The settlement desk.
    pub settlement: Person,
    /// One lender's program each of [`PARTNERS`].
    pub partners: [Person; 2],
    /// Sees everything.
    pub admin: Person,
}

impl Office {
    /// Somebody of a role; of agents and partners the first.
    #[must_use]
    pub fn of(&self, role: Role) -> &Person {
        match role {
            Role::Agent => &self.agents[0],
            Role::Staff => &self.desk,
            Role::Settlement => &self.settlement,
            Role::Partner => &self.partners[0],
            Role::Admin => &self.admin,
        }
    }

    /// Everybody, with the login that they have.
    #[must_use]
    pub fn everybody(&self) -> [(&'static str, &Person); 7] {
        let ([north, south], [bfil, lnt]) = (&self.agents, &self.partners);
        [
            ("+919800000001", north),
            ("+919800000002", south),
            ("desk", &self.desk),
            ("settlement", &self.settlement),
            ("bfil", bfil),
            ("lnt-finance", lnt),
            ("admin", &self.admin),
        ]
    }
}

/// Two operators on one stack.
pub struct World {
    /// The tables.
    pub table: EmbeddedTable,
    /// The bucket of settlement files and exports.
    pub bucket: EmbeddedBucket,
    /// The bucket of seals.
    pub locked: EmbeddedBucket,
    /// The queues.
    pub queues: EmbeddedQueues,
    /// SMS, mail and secrets.
    pub post: EmbeddedPost,
    /// One operator.
    pub pennco: Office,
    /// Another, with the same regions and lenders.
    pub vishi: Office,
    /// Signs tokens that are believed.
    pub signer: Signer,
    /// The key that is believed.
    pub public_key: PublicKey,
    authorizer: Authorizer,
    throttle: Throttle,
    anchors: TrustAnchors,
}

impl World {
    /// The world as it is before the day begins; calls are counted from here.
    pub async fn new() -> Self {
        let table = EmbeddedTable::new();
        let now = Timestamp::from_millis(NOW_MILLIS);
        let directory = Directory::new(tables(&table));
        let (secret, public_key) = generate_key_pair(KID, now).expect("a key pair");
        directory.publish(&public_key).await.expect("a published key");
        let cursors = CursorKey::new(b"thirty-two bytes that sign cursors".to_vec()).expect("a key of some length");
        directory.keep_cursor_key(&cursors).await.expect("a kept key");
        let anchors = directory.trust_anchors().await.expect("keys to trust");
        let signer = signer(&secret);
        let pennco = open_office(&directory, &signer, operator("pennco")).await;
        let vishi = open_office(&directory, &signer, operator("vishi")).await;
        let (bucket, queues) = (EmbeddedBucket::beside(&table), EmbeddedQueues::beside(&table));
        let locked = EmbeddedBucket::beside(&table);
        let post = EmbeddedPost::beside(&table);
        post.keep_secret(SEAL_SECRET, "a placeholder that is no key");
        post.keep_secret(SIGNING_SECRET, &serde_json::to_string(&secret).expect("a secret as JSON"));
        let trust = Trust::new(tables(&table), anchors.clone(), now);
        for office in [&pennco, &vishi] {
            trust.is_revoked(&office.admin.caller, now).await.expect("a list that was read");
        }
        let throttle = Throttle::new(tables(&table));
        let authorizer = Authorizer::new(realm(), trust, throttle.clone());
        table.reset_calls();
        Self { table, bucket, locked, queues, post, pennco, vishi, signer, public_key, authorizer, throttle, anchors }
    }

    /// The time at which requests arrive unless told.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(NOW_MILLIS)
    }

    /// Another operator, staffed as the others are.
    pub async fn office(&self, known: Operator) -> Office {
        open_office(&self.directory(), &self.signer, known).await
    }

    /// Another person with a token of their own.
    #[must_use]
    pub fn person(&self, caller: Caller) -> Person {
        enrol(&self.signer, caller)
    }

    /// Sends a request to a handler as the gateway would, and holds the answer against the conventions of all answers.
    pub async fn send<'a, C, H, Fut, A, P, B, Q, T>(
        &self,
        route: &'static Route,
        handle: H,
        capability: &'a C,
        request: &RestRequest,
    ) -> Reply
    where
        H: Fn(&'a C, Call<A, P, B, Q>) -> Fut,
        Fut: Future<Output = Result<Answer<T>, Failed>>,
        A: Party,
        P: Parameters + Clone,
        B: DeserializeOwned + Serialize + Validate<Context = ()> + Clone,
        Q: DeserializeOwned + Clone,
    {
        Reply::of(http::answer(route, &self.authorizer, &handle, capability, request.request()).await)
    }

    /// Sends a request to a handler that is open to all.
    pub async fn send_open<'a, C, H, Fut, B, T>(
        &self,
        route: &'static Route,
        handle: H,
        capability: &'a C,
        request: &RestRequest,
    ) -> Reply
    where
        H: Fn(&'a C, OpenCall<B>) -> Fut,
        Fut: Future<Output = Result<Answer<T>, Failed>>,
        B: DeserializeOwned + Validate<Context = ()> + Clone,
    {
        Reply::of(http::answer_open(route, &self.authorizer, &handle, capability, request.request()).await)
    }

    /// The tables, as a store is made of them.
    #[must_use]
    pub fn tables(&self) -> Table {
        tables(&self.table)
    }

    /// Operators, people and keys.
    #[must_use]
    pub fn directory(&self) -> Directory {
        Directory::new(self.tables())
    }

    /// Visits.
    #[must_use]
    pub fn deliveries(&self) -> Deliveries {
        Deliveries::new(self.tables(), self.anchors.cursors.clone())
    }

    /// Instructions to pay.
    #[must_use]
    pub fn disbursements(&self) -> Disbursements {
        Disbursements::new(self.tables())
    }

    /// What waits for people's approval.
    #[must_use]
    pub fn approvals(&self) -> Approvals {
        Approvals::new(self.tables(), self.anchors.cursors.clone())
    }

    /// Field officers.
    #[must_use]
    pub fn agents(&self) -> Agents {
        Agents::new(self.tables(), self.anchors.cursors.clone())
    }

    /// Accounts.
    #[must_use]
    pub fn accounts(&self) -> Accounts {
        Accounts::new(self.tables(), self.anchors.cursors.clone(), self.files())
    }

    /// Accounts to be closed.
    #[must_use]
    pub fn account_writer(&self) -> AccountWriter {
        AccountWriter::new(self.tables())
    }

    /// What was done, by whom.
    #[must_use]
    pub fn audits(&self) -> Audits {
        Audits::new(self.tables(), self.anchors.cursors.clone())
    }

    /// Location batches.
    #[must_use]
    pub fn tracks(&self) -> Tracks {
        Tracks::new(self.tables())
    }

    /// Reservations.
    #[must_use]
    pub fn reservations(&self) -> Reservations {
        Reservations::new(self.tables())
    }

    /// Transfers by hand.
    #[must_use]
    pub fn transfers(&self) -> Transfers {
        Transfers::new(self.tables())
    }

    /// Field activity.
    #[must_use]
    pub fn activities(&self) -> Activities {
        Activities::new(self.tables())
    }

    /// Settlements.
    #[must_use]
    pub fn settlements(&self) -> Settlements {
        Settlements::new(self.tables(), self.anchors.cursors.clone())
    }

    /// Payouts.
    #[must_use]
    pub fn payouts(&self) -> Payouts {
        Payouts::new(self.tables(), self.anchors.cursors.clone())
    }

    /// The bucket.
    #[must_use]
    pub fn files(&self) -> Files {
        Files::new(self.bucket.client(), BUCKET.to_owned())
    }

    /// Settlements and their files.
    #[must_use]
    pub fn settlement_writer(&self) -> SettlementWriter {
        SettlementWriter::new(self.tables(), self.files())
    }

    /// Acknowledgements of settlements, and what they said.
    #[must_use]
    pub fn acknowledgements(&self) -> Acknowledgements {
        Acknowledgements::new(self.tables(), self.files())
    }

    /// Bank statements.
    #[must_use]
    pub fn statements(&self) -> Statements {
        Statements::new(self.tables(), self.anchors.cursors.clone())
    }

    /// Bank statements and their files.
    #[must_use]
    pub fn statement_writer(&self) -> StatementWriter {
        StatementWriter::new(self.tables(), self.files())
    }

    /// Closed days.
    #[must_use]
    pub fn day_closes(&self) -> DayCloses {
        DayCloses::new(self.tables(), self.anchors.cursors.clone())
    }

    /// Closed days and their reports.
    #[must_use]
    pub fn day_close_writer(&self) -> DayCloseWriter {
        DayCloseWriter::new(self.tables(), self.files())
    }

    /// Exports.
    #[must_use]
    pub fn exports(&self) -> Exports {
        Exports::new(self.tables())
    }

    /// Exports and their files.
    #[must_use]
    pub fn export_writer(&self) -> ExportWriter {
        ExportWriter::new(self.tables(), self.files())
    }

    /// Rows that must stay as they were written, and did not.
    #[must_use]
    pub fn alterations(&self) -> Alterations {
        Alterations::new(self.tables())
    }

    /// Proofs of the books.
    #[must_use]
    pub fn proofs(&self) -> Proofs {
        Proofs::new(self.tables())
    }

    /// What proves the books.
    #[must_use]
    pub fn proof_writer(&self) -> ProofWriter {
        ProofWriter::new(self.tables(), self.seals(), self.files())
    }

    /// Seals of history.
    #[must_use]
    pub fn seals(&self) -> Seals {
        Seals::new(self.tables(), Files::new(self.locked.client(), BUCKET.to_owned()))
    }

    /// What seals history.
    #[must_use]
    pub fn sealing(&self) -> Sealing {
        Sealing::new(self.post.secrets_client(), SEAL_SECRET.to_owned(), self.seals())
    }

    /// Events that have not reached their queues, named `activity`, `day-close.fifo`, `settlement.fifo`, `export`,
    /// `message` and `statement.fifo`.
    #[must_use]
    pub fn outbox(&self) -> Outbox {
        let urls = QueueUrls {
            activity: EmbeddedQueues::url("activity"),
            day_close: EmbeddedQueues::url("day-close.fifo"),
            settlement: EmbeddedQueues::url("settlement.fifo"),
            export: EmbeddedQueues::url("export"),
            message: EmbeddedQueues::url("message"),
            statement: EmbeddedQueues::url("statement.fifo"),
        };
        Outbox::new(self.tables(), Queues::new(self.queues.client(), urls))
    }

    /// Where stream records go that cannot be handled: the queue named `poison`.
    #[must_use]
    pub fn parking(&self) -> Parking {
        Parking::new(self.queues.client(), EmbeddedQueues::url("poison"))
    }

    /// The authorizer of every function.
    #[must_use]
    pub fn authorizer(&self) -> &Authorizer {
        &self.authorizer
    }

    /// What secrets are derived from.
    #[must_use]
    pub fn pepper(&self) -> Pepper {
        Pepper::new(PEPPER).expect("a key of some length")
    }

    fn throttle(&self) -> Throttle {
        self.throttle.clone()
    }

    fn signing_keys(&self) -> SigningKeys {
        SigningKeys::new(self.post.secrets_client(), SIGNING_SECRET.to_owned(), realm())
    }

    /// The doors where people and programs log in: everybody but the agents with [`PASSWORD`], as `desk@pennco` and so on,
    /// agents with a code.
    #[must_use]
    pub fn credentials(&self) -> Credentials {
        let (sessions, trust) = (self.sessions(), self.authorizer.trust().clone());
        Credentials::new(sessions, self.throttle(), trust, self.signing_keys(), self.pepper()).expect("the doors")
    }

    /// Logins.
    #[must_use]
    pub fn sessions(&self) -> Sessions {
        Sessions::new(self.tables())
    }

    /// Wishes for codes and tickets.
    #[must_use]
    pub fn requests(&self) -> Requests {
        Requests::new(self.sessions(), self.throttle())
    }

    /// Whom functions believe.
    #[must_use]
    pub fn trust(&self) -> Trust {
        self.authorizer.trust().clone()
    }

    /// The rotation of the signing key.
    #[must_use]
    pub fn key_rotation(&self) -> KeyRotation {
        KeyRotation::new(self.signing_keys(), self.directory())
    }

    /// People.
    #[must_use]
    pub fn users(&self) -> Users {
        Users::new(self.tables(), self.anchors.cursors.clone())
    }

    /// Passwords.
    #[must_use]
    pub fn passwords(&self) -> Passwords {
        Passwords::new(self.users())
    }

    /// Second factors.
    #[must_use]
    pub fn second_factors(&self) -> SecondFactors {
        SecondFactors::new(self.users(), self.pepper())
    }

    /// Phones.
    #[must_use]
    pub fn devices(&self) -> Devices {
        Devices::new(self.tables(), self.anchors.cursors.clone())
    }

    /// Programs.
    #[must_use]
    pub fn clients(&self) -> Clients {
        Clients::new(self.tables(), self.anchors.cursors.clone())
    }

    /// Programs and their secrets.
    #[must_use]
    pub fn client_secrets(&self) -> ClientSecrets {
        ClientSecrets::new(self.clients(), self.pepper())
    }

    /// Messages to people.
    #[must_use]
    pub fn messages(&self) -> Messages {
        let (sms, mail) = (self.post.sms_client(), self.post.mail_client());
        Messages::new(self.tables(), self.pepper(), sms, mail, SENDER.to_owned())
    }
}

/// Who issues the tokens of this world, and for whom.
#[must_use]
pub fn realm() -> Realm {
    Realm { issuer: "https://milepost.test".to_owned(), audience: "milepost".to_owned() }
}

/// A signer with the key of a secret.
#[must_use]
pub fn signer(secret: &SigningSecret) -> Signer {
    Signer::new(secret, realm()).expect("a signer")
}

fn tables(table: &EmbeddedTable) -> Table {
    let names = TableNames { records: RECORDS.to_owned(), ledger: LEDGER.to_owned(), tracks: TRACKS.to_owned() };
    Table::new(table.client(), names)
}

fn region(name: &str) -> RegionName {
    name.parse().expect("a region")
}

fn enrol(signer: &Signer, caller: Caller) -> Person {
    let now = Timestamp::from_millis(NOW_MILLIS);
    let token = signer.access(&caller, &format!("token of {}", caller.subject), now).expect("a token");
    Person { caller, token }
}

/// An operator with these rules.
fn operator(name: &str) -> Operator {
    Operator {
        operator: name.parse().expect("an operator's name"),
        zone: "Asia/Kolkata".to_owned(),
        currency: Currency::Inr,
        regions: REGIONS.map(region).to_vec(),
        partners: PARTNERS.map(|partner| partner.parse().expect("a partner")).to_vec(),
        payout_rails: std::collections::BTreeMap::new(),
        cash_reservation: domain::reservation::CashReservation::default(),
        settlement_formats: std::collections::BTreeMap::new(),
        business_calendar: domain::calendar::BusinessCalendar::default(),
        approvals: vec![APPROVALS.parse().expect("a rule")],
    }
}

async fn open_office(directory: &Directory, signer: &Signer, known: Operator) -> Office {
    let operator = known.operator.clone();
    let name = operator.as_str();
    directory.create_operator(&known).await.expect("an operator");
    // They were taken on the day before.
    let before = Timestamp::from_millis(NOW_MILLIS).plus_seconds(-86_400);
    let mut agents = Vec::new();
    for (place, agent_name) in REGIONS.into_iter().zip(["Asha", "Vikram"]) {
        let agent_id = AgentId::mint(before, &[name.as_bytes(), place.as_bytes()]);
        let agent = NewAgent {
            agent_id: agent_id.clone(),
            name: agent_name.to_owned(),
            region: region(place),
            cash_cap_minor: CASH_CAP_MINOR,
            currency: Currency::Inr,
        };
        let float = Money::new(FLOAT_MINOR, Currency::Inr);
        directory.create_agent(&operator, &agent, float, before).await.expect("an agent");
        let regions = vec![region(place)];
        agents.push(Caller::new(operator.clone(), Role::Agent, agent_id.to_string(), regions));
    }
    let person = |role, subject: String, regions: Vec<RegionName>| {
        enrol(signer, Caller::new(operator.clone(), role, subject, regions))
    };
    let user = |login: &str| UserId::mint(before, &[name.as_bytes(), login.as_bytes()]).to_string();
    let agents: Vec<Person> = agents.into_iter().map(|caller| enrol(signer, caller)).collect();
    let office = Office {
        agents: agents.try_into().expect("an agent a region"),
        desk: person(Role::Staff, user("desk"), vec![region(REGIONS[0])]),
        settlement: person(Role::Settlement, user("settlement"), vec![]),
        partners: PARTNERS.map(|partner| person(Role::Partner, partner.to_owned(), vec![])),
        admin: person(Role::Admin, user("admin"), vec![]),
        operator,
    };
    for (login, person) in office.everybody() {
        let kept = kept_user(login, &person.caller, before);
        directory.create_user(&office.operator, &kept, before).await.expect("a user");
    }
    office
}

/// Everybody's password as it is kept: hashing it takes longer than everything else of a small test.
static PASSWORD_HASH: LazyLock<String> =
    LazyLock::new(|| hash_password(PASSWORD, b"salt of the test").expect("a hash"));

/// Somebody who has logged in before.
fn kept_user(login: &str, caller: &Caller, at: Timestamp) -> KeptUser {
    let named = [caller.operator.as_str().as_bytes(), login.as_bytes()];
    let user_id = UserId::mint(at, &named);
    let is_agent = caller.role == Role::Agent;
    let user = User {
        user_id,
        login: login.to_owned(),
        name: format!("The {login} of {}", caller.operator),
        email: (!is_agent).then(|| format!("{login}@{}.example", caller.operator)),
        role: caller.role,
        subject: caller.subject.clone(),
        regions: caller.regions.clone(),
        status: UserStatus::Active,
        has_totp: false,
        version: 1,
        created_at: at,
        updated_at: at,
    };
    let password_hash = (!is_agent).then(|| PASSWORD_HASH.clone());
    KeptUser { user, password_hash, second_factor: None, generation: 0, is_address_new: false, revision: 1 }
}

/// An answer as the caller sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The headers, by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// The body as it went out.
    pub body: String,
    /// The body as JSON.
    pub json: Value,
}

impl Reply {
    /// Reads an answer, and holds it against what every answer promises.
    ///
    /// # Panics
    /// When it breaks a convention of the API.
    #[must_use]
    pub fn of(response: Response<Body>) -> Self {
        let (head, body) = response.into_parts();
        let Body::Text(body) = body else { panic!("an answer is text") };
        let headers: BTreeMap<String, String> = head
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().expect("a header of text").to_owned()))
            .collect();
        let json = serde_json::from_str(&body).unwrap_or_else(|_| panic!("an answer is JSON, not {body}"));
        let reply = Self { status: head.status.as_u16(), headers, body, json };
        reply.keeps_the_conventions();
        reply
    }

    fn keeps_the_conventions(&self) {
        assert!(self.header("x-request-id").is_some_and(|id| !id.is_empty()), "no X-Request-Id: {self:?}");
        if self.status < 400 {
            assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
            return;
        }
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        assert_eq!(self.json["status"], self.status, "{self:?}");
        for member in ["type", "title", "detail", "instance", "code", "request_id"] {
            assert!(self.json[member].as_str().is_some_and(|text| !text.is_empty()), "no {member}: {self:?}");
        }
        assert_eq!(self.json["type"], format!("https://milepost.dev/problems/{}", self.code()), "{self:?}");
        let waits = matches!(self.status, 429 | 503) || self.code() == "in_progress";
        assert_eq!(self.header("retry-after").is_some(), waits, "{self:?}");
        assert_eq!(self.json["retryable"], waits || self.status == 500, "{self:?}");
    }

    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The code of a problem; empty for a success.
    #[must_use]
    pub fn code(&self) -> &str {
        self.json["code"].as_str().unwrap_or_default()
    }

    /// Status and code together.
    #[must_use]
    pub fn said(&self) -> (u16, &str) {
        (self.status, self.code())
    }

    /// A text of the body; empty where there is none.
    #[must_use]
    pub fn text(&self, pointer: &str) -> &str {
        self.json.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// Pointers and codes of what is wrong.
    #[must_use]
    pub fn flaws(&self) -> Vec<(&str, &str)> {
        let errors = self.json["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        errors
            .iter()
            .map(|flaw| (flaw["pointer"].as_str().expect("a pointer"), flaw["code"].as_str().expect("a code")))
            .collect()
    }

    /// Whether it was first given to an earlier request.
    #[must_use]
    pub fn is_replay(&self) -> bool {
        self.header("idempotent-replayed") == Some("true")
    }

    /// The items of a list.
    #[must_use]
    pub fn items(&self) -> &[Value] {
        self.json["items"].as_array().map(Vec::as_slice).unwrap_or_default()
    }
}
