//! Fills a stack with what a field day needs: keys, three operators, their lenders, desks and agents.
//!
//! Everything is written on the condition that it is not there yet, so a second run adds what is missing and changes
//! nothing. Everybody gets the same password: this is for a laptop, and speaks only to a local stack.

use crate::{
    stack::{self, Stack},
    step::Step,
};
use aws_config::{BehaviorVersion, Region};
use aws_lc_rs::rand;
use aws_sdk_dynamodb::config::Credentials;
use clap::Args;
use domain::{
    AgentId, Currency, Failed, Money, OperatorName, Timestamp, UserId, access::Role, operator::Operator, operator::User,
};
use edge::{credentials::hash_password, token::generate_key_pair};
use store::{CursorKey, Directory, NewAgent, PublicKey, Table, TableNames};

/// What `seed` may be told.
#[derive(Debug, Clone, Args)]
pub struct Seed {
    /// Port of the emulator.
    #[arg(long, default_value_t = stack::PORT)]
    pub port: u16,
    /// Agents an operator gets.
    #[arg(long, default_value_t = 20)]
    pub agents: u32,
    /// The password that everybody gets.
    #[arg(long, env = "MILEPOST_PASSWORD", default_value = PASSWORD)]
    pub password: String,
}

/// What everybody's password is on a laptop, unless told.
pub const PASSWORD: &str = "milepost-local";

/// Operators and the regions they work in.
const OPERATORS: [(&str, &[&str]); 3] = [
    ("pennco", &["pune-north", "pune-south", "nashik"]),
    ("vishi", &["warangal", "karimnagar"]),
    ("salesco", &["mysuru", "hassan"]),
];
/// The lenders that every operator works for.
const PARTNERS: [&str; 5] = ["bfil", "lnt-finance", "green-light", "spandana", "samasta"];
/// The people of an operator who are not agents.
const DESKS: [(&str, Role); 3] = [("desk", Role::Staff), ("settlement", Role::Settlement), ("admin", Role::Admin)];
const ZONE: &str = "Asia/Kolkata";
const CURRENCY: Currency = Currency::Inr;
/// Opening cash of an agent: 50,000 rupees, a day's disbursements.
const FLOAT_MINOR: i64 = 5_000_000;
/// What an agent may carry at most: 200,000 rupees.
const CASH_CAP_MINOR: i64 = 20_000_000;

impl Seed {
    /// A seed for the stack on a port.
    #[must_use]
    pub fn on(port: u16) -> Self {
        Self { port, agents: 20, password: PASSWORD.to_owned() }
    }

    /// Writes what is missing, and gives the logins.
    ///
    /// # Errors
    /// [`crate::Failed::NoStack`] when there is no stack, [`crate::Failed::NotSeeded`] when it does not answer.
    pub fn plant(&self) -> Result<Vec<String>, crate::Failed> {
        let stack = Stack::read(self.port)?;
        let people = DESKS.len() + PARTNERS.len() + usize::try_from(self.agents).unwrap_or_default();
        let step = Step::begin("seeding", people.saturating_mul(OPERATORS.len()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|source| crate::Failed::Program { program: "seed".to_owned(), source })?;
        let written = runtime.block_on(self.write(&stack, || step.advance()));
        written.map_err(|failed| crate::Failed::NotSeeded(Box::new(failed)))?;
        drop(step);
        Ok(OPERATORS
            .iter()
            .map(|(operator, _)| {
                let last = self.agents;
                format!("{operator}: desk@{operator}, settlement@{operator}, admin@{operator}, bfil@{operator}, … agent001@{operator} to agent{last:03}@{operator}")
            })
            .collect())
    }

    #[expect(clippy::disallowed_methods, reason = "a tool at a desk has a clock")]
    async fn write(&self, stack: &Stack, mut done: impl FnMut()) -> Result<(), Failed> {
        let config = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .region(Region::new(stack.region.clone()))
            .endpoint_url(&stack.emulator_url)
            .credentials_provider(Credentials::new("test", "test", None, None, "local"))
            .load()
            .await;
        let tables = TableNames {
            records: stack.records_table.clone(),
            ledger: stack.ledger_table.clone(),
            tracks: stack.tracks_table.clone(),
        };
        let now = Timestamp::from_millis(jiff::Timestamp::now().as_millisecond());
        let directory = Directory::new(Table::new(aws_sdk_dynamodb::Client::new(&config), tables));
        keys(&aws_sdk_secretsmanager::Client::new(&config), &directory, &stack.signing_secret, now).await?;
        for (name, regions) in OPERATORS {
            let operator = Operator {
                operator: name.parse().map_err(Failed::fault)?,
                zone: ZONE.to_owned(),
                currency: CURRENCY,
                regions: regions
                    .iter()
                    .map(|region| region.parse())
                    .collect::<Result<_, _>>()
                    .map_err(Failed::fault)?,
                partners: PARTNERS.iter().map(|name| name.parse()).collect::<Result<_, _>>().map_err(Failed::fault)?,
            };
            directory.create_operator(&operator).await?;
            let mut salt = [0_u8; 16];
            rand::fill(&mut salt).map_err(Failed::fault)?;
            let password_hash = hash_password(&self.password, &salt)?;
            desks(&directory, &operator, &password_hash, &mut done).await?;
            self.crew(&directory, &operator, &password_hash, now, &mut done).await?;
        }
        Ok(())
    }

    /// The agents, spread over the regions, with their opening cash.
    async fn crew(
        &self,
        directory: &Directory,
        operator: &Operator,
        password_hash: &str,
        now: Timestamp,
        done: &mut impl FnMut(),
    ) -> Result<(), Failed> {
        for (number, region) in (1..=self.agents).zip(operator.regions.iter().cycle()) {
            let login = format!("agent{number:03}");
            let agent_id = agent_id(&operator.operator, &login);
            let agent = NewAgent {
                agent_id: agent_id.clone(),
                name: format!("Agent {number:03}"),
                region: region.clone(),
                cash_cap_minor: CASH_CAP_MINOR,
                currency: CURRENCY,
            };
            directory.create_agent(&operator.operator, &agent, Money::new(FLOAT_MINOR, CURRENCY), now).await?;
            let user = User {
                login,
                password_hash: password_hash.to_owned(),
                role: Role::Agent,
                subject: agent_id.to_string(),
                regions: vec![region.clone()],
                disabled: false,
            };
            directory.create_user(&operator.operator, &user).await?;
            done();
        }
        Ok(())
    }
}

/// A key pair for tokens and a key for cursors, unless there are some.
async fn keys(
    secrets: &aws_sdk_secretsmanager::Client,
    directory: &Directory,
    signing_secret: &str,
    now: Timestamp,
) -> Result<(), Failed> {
    let kept = secrets.get_secret_value().secret_id(signing_secret).send().await;
    let held = kept.ok().and_then(|kept| kept.secret_string().map(str::to_owned));
    let holds_key = held.is_some_and(|text| serde_json::from_str::<edge::token::SigningSecret>(&text).is_ok());
    if !holds_key {
        let kid = format!("key-{}", now.as_seconds());
        let (secret, public): (_, PublicKey) = generate_key_pair(&kid)?;
        // The public half first: a token must never be signed by a key that nobody knows.
        directory.publish(&public).await?;
        let text = serde_json::to_string(&secret).map_err(Failed::fault)?;
        let put = secrets.put_secret_value().secret_id(signing_secret).secret_string(text);
        put.send().await.map_err(|error| Failed::Later(Box::new(error)))?;
    }
    let mut cursor_key = vec![0_u8; 32];
    rand::fill(&mut cursor_key).map_err(Failed::fault)?;
    directory.keep_cursor_key(&CursorKey::new(cursor_key)?).await
}

/// The desks and the partners' logins.
async fn desks(
    directory: &Directory,
    operator: &Operator,
    password_hash: &str,
    done: &mut impl FnMut(),
) -> Result<(), Failed> {
    let name = &operator.operator;
    let desk = |login: &str, role| {
        let id = UserId::mint(Timestamp::EPOCH, &[name.as_str().as_bytes(), login.as_bytes()]);
        (login.to_owned(), role, id.to_string())
    };
    let mut users: Vec<_> = DESKS.iter().map(|(login, role)| desk(login, *role)).collect();
    users.extend(PARTNERS.iter().map(|partner| ((*partner).to_owned(), Role::Partner, (*partner).to_owned())));
    for (login, role, subject) in users {
        let regions = if role == Role::Staff { operator.regions.clone() } else { vec![] };
        let password_hash = password_hash.to_owned();
        let user = User { login, password_hash, role, subject, regions, disabled: false };
        directory.create_user(name, &user).await?;
        done();
    }
    Ok(())
}

/// The same agent has the same id on every stack.
fn agent_id(operator: &OperatorName, login: &str) -> AgentId {
    AgentId::mint(Timestamp::EPOCH, &[operator.as_str().as_bytes(), login.as_bytes()])
}
