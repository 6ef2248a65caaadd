//! Fills a stack with what a field day needs: keys, three operators, their lenders, desks and agents.
//!
//! Everything is written on the condition that it is not there yet, so a second run adds what is missing and changes
//! nothing. Everybody but the agents gets the same password, agents get a number: this is for a laptop, and speaks only to
//! a local stack.

use aws_lc_rs::rand;
use clap::Args;
use domain::{
    AgentId, Currency, Failed, Money, OperatorName, Timestamp, UserId,
    access::Role,
    operator::Operator,
    user::{KeptUser, User, UserStatus},
};
use edge::{
    credentials::hash_password,
    keys::{KeyRotation, SigningKeys},
    token::Realm,
};
use store::{Directory, NewAgent};

use crate::{
    operator,
    stack::{self, Stack},
    step::Step,
};

/// What `seed` may be told.
#[derive(Debug, Clone, Args)]
pub struct Seed {
    /// Port of the emulator.
    #[arg(long, default_value_t = stack::PORT)]
    pub port: u16,
    /// Agents an operator gets.
    #[arg(long, default_value_t = 20)]
    pub agents: u32,
    /// The password that everybody gets but the agents, who have none.
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
/// What nobody does alone: payouts from 950,000 rupees, more than any of the simulated day, take one approval, and the
/// largest that the API takes two; a transfer by hand of as much takes one.
const APPROVALS: [&str; 2] = ["disbursement:24:95000000=1,100000000=2", "transfer:24:95000000=1"];
/// The people of an operator who are not agents.
const DESKS: [(&str, Role); 3] = [("desk", Role::Staff), ("settlement", Role::Settlement), ("admin", Role::Admin)];
const ZONE: &str = "Asia/Kolkata";
const CURRENCY: Currency = Currency::Inr;
/// A day takes what is booked on its date: who looks in the evening sees a settlement with something in it.
const CUT_OFF: &str = "23:59:59";
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
            .enumerate()
            .map(|(index, (operator, _))| {
                let last = self.agents;
                let (first, last) = (phone(index, 1), phone(index, last));
                format!("{operator}: desk@{operator}, settlement@{operator}, admin@{operator}, bfil@{operator}, … by password; {first}@{operator} to {last}@{operator} by a code")
            })
            .collect())
    }

    #[expect(clippy::disallowed_methods, reason = "a tool at a desk has a clock")]
    async fn write(&self, stack: &Stack, mut done: impl FnMut()) -> Result<(), Failed> {
        let now = Timestamp::from_millis(jiff::Timestamp::now().as_millisecond());
        let directory = operator::local(stack).await;
        // The keys as the first tick of key-rotate would make them.
        let secrets = aws_sdk_secretsmanager::Client::new(&operator::config(stack).await);
        let realm = Realm { issuer: String::new(), audience: String::new() };
        let keys = SigningKeys::new(secrets, stack.signing_secret.clone(), realm);
        KeyRotation::new(keys, directory.clone()).rotate(now).await?;
        for (index, (name, regions)) in OPERATORS.iter().enumerate() {
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
                payout_rails: std::collections::BTreeMap::new(),
                cash_reservation: domain::reservation::CashReservation::default(),
                settlement_formats: std::collections::BTreeMap::new(),
                business_calendar: serde_json::from_value(serde_json::json!({ "cut_off": CUT_OFF }))
                    .map_err(Failed::fault)?,
                approvals: APPROVALS
                    .iter()
                    .map(|rule| rule.parse())
                    .collect::<Result<_, _>>()
                    .map_err(Failed::fault)?,
            };
            directory.create_operator(&operator).await?;
            let mut salt = [0_u8; 16];
            rand::fill(&mut salt).map_err(Failed::fault)?;
            let password_hash = hash_password(&self.password, &salt)?;
            desks(&directory, &operator, &password_hash, now, &mut done).await?;
            self.crew(&directory, &operator, index, now, &mut done).await?;
        }
        Ok(())
    }

    /// The agents, spread over the regions, with their opening cash and a number each, where codes are sent.
    async fn crew(
        &self,
        directory: &Directory,
        operator: &Operator,
        index: usize,
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
            let mut user = user(&operator.operator, &phone(index, number), &agent.name, Role::Agent, now);
            user.user.subject = agent_id.to_string();
            user.user.regions = vec![region.clone()];
            directory.create_user(&operator.operator, &user, now).await?;
            done();
        }
        Ok(())
    }
}

/// An agent's number: no carrier has given it to anybody, and the same agent has the same one on every stack.
fn phone(operator: usize, number: u32) -> String {
    format!("+9198{operator:02}{number:06}")
}

/// Somebody who can log in.
fn user(operator: &OperatorName, login: &str, name: &str, role: Role, at: Timestamp) -> KeptUser {
    let user_id = UserId::mint(Timestamp::EPOCH, &[operator.as_str().as_bytes(), login.as_bytes()]);
    let user = User {
        subject: user_id.to_string(),
        user_id,
        login: login.to_owned(),
        name: name.to_owned(),
        email: (role != Role::Agent).then(|| format!("{login}@{operator}.example")),
        role,
        regions: vec![],
        status: UserStatus::Active,
        has_totp: false,
        version: 1,
        created_at: at,
        updated_at: at,
    };
    KeptUser { user, password_hash: None, second_factor: None, generation: 0, is_address_new: false, revision: 1 }
}

/// The desks and the partners' logins.
async fn desks(
    directory: &Directory,
    operator: &Operator,
    password_hash: &str,
    now: Timestamp,
    done: &mut impl FnMut(),
) -> Result<(), Failed> {
    let name = &operator.operator;
    let desks = DESKS.iter().map(|(login, role)| (*login, *role));
    let partners = PARTNERS.iter().map(|partner| (*partner, Role::Partner));
    for (login, role) in desks.chain(partners) {
        let mut user = user(name, login, &format!("The {login} login"), role, now);
        user.password_hash = Some(password_hash.to_owned());
        if role == Role::Staff {
            user.user.regions.clone_from(&operator.regions);
        }
        if role == Role::Partner {
            login.clone_into(&mut user.user.subject);
        }
        directory.create_user(name, &user, now).await?;
        done();
    }
    Ok(())
}

/// The same agent has the same id on every stack.
fn agent_id(operator: &OperatorName, login: &str) -> AgentId {
    AgentId::mint(Timestamp::EPOCH, &[operator.as_str().as_bytes(), login.as_bytes()])
}
