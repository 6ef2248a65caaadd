//! Everybody who takes part, logged in: three desks, their settlement and admin people, the partners, the agents.

use crate::{
    Stopped,
    caller::Caller,
    crew,
    enrol::{self, Hands},
    findings::Rule,
    phone::Phone,
    plan::{Officer, Plan},
    programs,
    progress::Progress,
    run::Run,
    shapes::User,
};

/// Most of logging in with a code is waiting for its SMS: so many times more agents than lines do so at once.
const WAITING: u32 = 4;

/// The people of one operator.
#[derive(Debug)]
pub(crate) struct House {
    pub(crate) operator: String,
    pub(crate) desk: Caller,
    pub(crate) settlement: Caller,
    pub(crate) admin: Caller,
    /// In the order of `--partners`. The first works through a program, the others are people.
    pub(crate) partners: Vec<Caller>,
    /// Every region that the desk or an agent has in the token.
    pub(crate) regions: Vec<String>,
}

/// Everybody.
#[derive(Debug)]
pub(crate) struct Team {
    /// In the order of `--operators`.
    pub(crate) houses: Vec<House>,
    /// In the order of the plan's officers.
    pub(crate) agents: Vec<Caller>,
}

impl Team {
    /// An agent and the house it works for.
    pub(crate) fn agent(&self, plan: &Plan, officer: usize) -> Option<(&Caller, &House)> {
        let house = self.houses.get(plan.officers.get(officer)?.operator)?;
        Some((self.agents.get(officer)?, house))
    }

    /// Everybody whose login nobody has ended by the evening.
    pub(crate) fn still_in(&self, plan: &Plan) -> Vec<&Caller> {
        let agents = plan.officers.iter().zip(&self.agents).filter(|(officer, _)| !officer.loses_phone);
        self.houses.iter().flat_map(House::people).chain(agents.map(|(_, agent)| agent)).collect()
    }
}

impl House {
    /// Everybody but the agents.
    fn people(&self) -> impl Iterator<Item = &Caller> {
        [&self.desk, &self.settlement, &self.admin].into_iter().chain(&self.partners)
    }
}

impl Caller {
    /// The region an agent works in.
    pub(crate) fn region(&self) -> &str {
        self.who.regions.first().map_or("", String::as_str)
    }
}

/// Logs in who has a password; without them there is no day.
pub(crate) fn log_in(run: &Run, progress: &Progress) -> Result<Vec<House>, Stopped> {
    let options = run.options;
    let staff =
        ["desk", "settlement", "admin"].iter().map(|role| (*role).to_owned()).chain(options.partners.iter().cloned());
    let staff: Vec<String> = staff.collect();
    let names: Vec<String> = options
        .operators
        .iter()
        .flat_map(|operator| staff.iter().map(move |role| format!("{role}@{operator}")))
        .collect();
    let stretch = progress.stretch("log in", names.len());
    let mut callers = crew::each(options.concurrency, &names, |name| {
        let caller = Caller::log_in(&run.wire, name, &options.password);
        stretch.step();
        caller.map_err(|denied| Stopped::NoEntry { username: name.clone(), why: denied.to_string() })
    })
    .into_iter();

    let mut houses = Vec::new();
    for operator in &options.operators {
        let mut next = || {
            callers
                .next()
                .unwrap_or_else(|| Err(Stopped::NoEntry { username: operator.clone(), why: "nobody asked".to_owned() }))
        };
        let (desk, settlement, admin) = (next()?, next()?, next()?);
        let partners = options.partners.iter().map(|_| next()).collect::<Result<Vec<_>, _>>()?;
        let regions = desk.who.regions.clone();
        houses.push(House { operator: operator.clone(), desk, settlement, admin, partners, regions });
    }
    Ok(houses)
}

/// Lets the programs in, and logs the agents in, each on a phone of their own.
pub(crate) fn complete(run: &Run, mut houses: Vec<House>, plan: &Plan, progress: &Progress) -> Result<Team, Stopped> {
    for (house, name) in houses.iter_mut().zip(run.options.partners.first().into_iter().cycle()) {
        let program = programs::let_in(run, house, name);
        if let (Some(program), Some(first)) = (program, house.partners.first_mut()) {
            *first = program;
        }
    }
    let known: Vec<Vec<User>> = houses.iter().map(|house| agents_of(run, house)).collect();
    let stretch = progress.stretch("phones", plan.officers.len());
    let agents = crew::each(run.options.concurrency * WAITING, &plan.officers, |officer| {
        let agent = enrolled(run, &houses, &known, officer);
        stretch.step();
        agent
    });
    let agents = agents.into_iter().collect::<Result<Vec<_>, _>>()?;
    for (officer, agent) in plan.officers.iter().zip(&agents) {
        let Some(house) = houses.get_mut(officer.operator) else { continue };
        if !agent.region().is_empty() && !house.regions.iter().any(|region| region == agent.region()) {
            house.regions.push(agent.region().to_owned());
        }
    }
    let team = Team { houses, agents };
    introduce(run, &team);
    Ok(team)
}

/// The operator's agents as its admin sees them, by login.
fn agents_of(run: &Run, house: &House) -> Vec<User> {
    let mut agents: Vec<User> = house.admin.list(run, "user-list", "/users?limit=100");
    agents.retain(|user| user.role == "agent" && user.status == "active");
    agents.sort_by(|one, other| one.login.cmp(&other.login));
    agents
}

fn enrolled(run: &Run, houses: &[House], known: &[Vec<User>], officer: &Officer) -> Result<Caller, Stopped> {
    let operator = houses.get(officer.operator).map_or("", |house| house.operator.as_str());
    let agents = known.get(officer.operator).map(Vec::as_slice).unwrap_or_default();
    let Some(user) = agents.get(officer.number - 1) else {
        return Err(Stopped::TooFewAgents {
            operator: operator.to_owned(),
            found: agents.len(),
            wanted: officer.number,
        });
    };
    let username = format!("{}@{operator}", user.login);
    let hands = if officer.is_clumsy { Hands::Clumsy } else { Hands::Careful };
    let agent = enrol::on_a_phone(run, &username, Phone::new(&format!("Phone of {}", user.name))?, hands)
        .map_err(|denied| Stopped::NoEntry { username: username.clone(), why: denied.to_string() })?;
    if agent.who.subject != user.subject {
        let what = format!("logs in as {}, the admin knows {}", agent.who.subject, user.subject);
        run.findings.add(Rule::Api, &username, &what);
    }
    Ok(agent)
}

/// Each token must say who it is for.
fn introduce(run: &Run, team: &Team) {
    let role_of = |caller: &Caller, role: &str| {
        if caller.who.role != role {
            run.findings.add(Rule::Api, &caller.username, &format!("role must be {role}, is {}", caller.who.role));
        }
        if !caller.username.ends_with(&format!("@{}", caller.who.operator)) {
            run.findings.add(
                Rule::V11,
                &caller.username,
                &format!("the token is for operator {}", caller.who.operator),
            );
        }
    };
    for house in &team.houses {
        role_of(&house.desk, "staff");
        role_of(&house.settlement, "settlement");
        role_of(&house.admin, "admin");
        for (partner, name) in house.partners.iter().zip(&run.options.partners) {
            role_of(partner, "partner");
            if partner.who.subject != *name {
                run.findings.add(
                    Rule::Api,
                    &partner.username,
                    &format!("subject must be {name}, is {}", partner.who.subject),
                );
            }
        }
    }
    for agent in &team.agents {
        role_of(agent, "agent");
        if agent.region().is_empty() {
            run.findings.add(Rule::Api, &agent.username, "an agent without a region");
        }
    }
}
