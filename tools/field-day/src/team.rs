//! Everybody who takes part, logged in: three desks, their settlement and admin people, the partners, the agents.

use crate::{Stopped, caller::Caller, crew, findings::Rule, plan::Plan, progress::Progress, run::Run};

/// The people of one operator.
#[derive(Debug)]
pub(crate) struct House {
    pub(crate) operator: String,
    pub(crate) desk: Caller,
    pub(crate) settlement: Caller,
    pub(crate) admin: Caller,
    /// In the order of `--partners`.
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
}

impl Caller {
    /// The region an agent works in.
    pub(crate) fn region(&self) -> &str {
        self.who.regions.first().map_or("", String::as_str)
    }
}

/// Logs everybody in; without them there is no day. One agent a house also tries the refresh token.
pub(crate) fn log_in(run: &Run, plan: &Plan, progress: &Progress) -> Result<Team, Stopped> {
    let options = run.options;
    let staff =
        ["desk", "settlement", "admin"].iter().map(|role| (*role).to_owned()).chain(options.partners.iter().cloned());
    let staff: Vec<String> = staff.collect();
    let mut names: Vec<String> = options
        .operators
        .iter()
        .flat_map(|operator| staff.iter().map(move |role| format!("{role}@{operator}")))
        .collect();
    let agents = plan.officers.iter().filter_map(|officer| {
        options.operators.get(officer.operator).map(|operator| format!("agent{:03}@{operator}", officer.number))
    });
    names.extend(agents);

    let stretch = progress.stretch("log in", names.len());
    let mut callers = crew::each(options.concurrency, &names, |name| {
        let caller = Caller::log_in(&run.wire, name, &options.password);
        stretch.step();
        caller
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
    let agents = callers.collect::<Result<Vec<_>, _>>()?;

    for (officer, agent) in plan.officers.iter().zip(&agents) {
        let Some(house) = houses.get_mut(officer.operator) else { continue };
        if !agent.region().is_empty() && !house.regions.iter().any(|region| region == agent.region()) {
            house.regions.push(agent.region().to_owned());
        }
        if officer.number == 1 && !agent.refresh(&run.wire) {
            run.findings.add(Rule::Api, &agent.username, "the refresh token is not exchanged");
        }
    }
    let team = Team { houses, agents };
    introduce(run, &team);
    Ok(team)
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
