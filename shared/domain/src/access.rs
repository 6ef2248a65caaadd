//! Who may call what: the one table of routes and roles, and the caller that a token turns into.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{AgentId, Failed, Flaw, OperatorName, PartnerName, RegionName};

/// What somebody does for an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A field officer: sees and does their own visits.
    Agent,
    /// The operations desk: sees and does what is in their regions.
    Staff,
    /// Reconciles and settles for the whole operator.
    Settlement,
    /// A lender: sees its own instructions, deliveries and settlements.
    Partner,
    /// Sees the whole operator.
    Admin,
}

impl Role {
    /// Every role, in the order of the permission table.
    pub const ALL: [Self; 5] = [Self::Agent, Self::Staff, Self::Settlement, Self::Partner, Self::Admin];
}

/// How a route treats repetition and identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Anyone may call it: the door to get a token.
    Public,
    /// Reads one thing.
    Query,
    /// Reads page by page: takes `limit` and `cursor`.
    List,
    /// Changes state under an `Idempotency-Key`.
    Command,
    /// Changes state under a key that lies in its own content.
    NaturalCommand,
}

/// One endpoint: its function, its path and who may call it.
#[derive(Debug, PartialEq, Eq)]
pub struct Route {
    /// The function that serves it, which is also folder, package, binary and resource.
    pub function: &'static str,
    /// HTTP method.
    pub method: &'static str,
    /// Path template below the stage.
    pub template: &'static str,
    /// Roles that may call it; whether they own what they ask for is decided on the thing itself.
    pub roles: &'static [Role],
    /// How it treats repetition and identity.
    pub kind: Kind,
}

impl Route {
    /// Whether this role may call the route at all.
    #[must_use]
    pub fn admits(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}

/// Declares the routes: one row each, and the list of all of them.
macro_rules! routes {
    ($($name:ident = $function:literal, $method:literal $template:literal, $kind:ident, [$($role:ident)*];)*) => {
        $(
            #[doc = concat!("`", $method, " ", $template, "`")]
            pub static $name: Route = Route {
                function: $function,
                method: $method,
                template: $template,
                roles: &[$(Role::$role),*],
                kind: Kind::$kind,
            };
        )*
        /// Every route of the API, A to Z by function.
        pub static ROUTES: &[&Route] = &[$(&$name),*];
    };
}

routes! {
    ACCOUNT_GET = "account-get", "GET" "/api/v1/accounts/{account_id}", List, [Agent Staff Settlement Partner Admin];
    ACTIVITY_GET = "activity-get", "GET" "/api/v1/activity", Query, [Staff Settlement Admin];
    AGENT_LIST = "agent-list", "GET" "/api/v1/agents", List, [Staff Settlement Admin];
    DELIVERY_ASSIGN = "delivery-assign", "POST" "/api/v1/deliveries/{delivery_id}/assign", Command, [Staff Admin];
    DELIVERY_CONFIRM = "delivery-confirm", "POST" "/api/v1/deliveries/{delivery_id}/confirm", Command, [Agent];
    DELIVERY_CREATE = "delivery-create", "POST" "/api/v1/deliveries", Command, [Staff Partner Admin];
    DELIVERY_GET = "delivery-get", "GET" "/api/v1/deliveries/{delivery_id}", Query, [Agent Staff Settlement Partner Admin];
    DELIVERY_LIST = "delivery-list", "GET" "/api/v1/deliveries", List, [Agent Staff Admin];
    DISBURSEMENT_CREATE = "disbursement-create", "POST" "/api/v1/disbursements", Command, [Partner];
    DISBURSEMENT_GET = "disbursement-get", "GET" "/api/v1/disbursements/{disbursement_id}", Query, [Staff Settlement Partner Admin];
    DISBURSEMENT_RECONCILE = "disbursement-reconcile", "POST" "/api/v1/disbursements/{disbursement_id}/reconcile", Command, [Settlement];
    EXPORT_CREATE = "export-create", "POST" "/api/v1/exports", Command, [Staff Settlement Admin];
    EXPORT_GET = "export-get", "GET" "/api/v1/exports/{export_id}", Query, [Staff Settlement Admin];
    LOCATION_RECORD = "location-record", "POST" "/api/v1/agents/{agent_id}/location", NaturalCommand, [Agent];
    SETTLEMENT_CREATE = "settlement-create", "POST" "/api/v1/settlements", Command, [Settlement];
    SETTLEMENT_GET = "settlement-get", "GET" "/api/v1/settlements/{settlement_id}", Query, [Settlement Partner Admin];
    SETTLEMENT_LIST = "settlement-list", "GET" "/api/v1/settlements", List, [Settlement Partner Admin];
    TOKEN_ISSUE = "token-issue", "POST" "/api/v1/auth/token", Public, [];
}

/// Somebody whose token was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Caller {
    /// The tenant they belong to; nothing outside of it exists for them.
    pub operator: OperatorName,
    /// What they do.
    pub role: Role,
    /// The agent's id, the partner's name, or the user's id.
    pub subject: String,
    /// Where they work; empty means nowhere for agents and staff.
    pub regions: Vec<RegionName>,
}

/// A caller who is a field officer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Their tenant.
    pub operator: OperatorName,
    /// Who they are.
    pub agent_id: AgentId,
    /// Where they work.
    pub regions: Vec<RegionName>,
}

/// What ownership is decided on: where a thing is and whose it is.
#[derive(Debug, Clone, Copy)]
pub struct Belongings<'a> {
    /// The lender it is about.
    pub partner: &'a PartnerName,
    /// Where it is; a thing of the whole operator has none.
    pub region: Option<&'a RegionName>,
    /// The agent who carries it.
    pub agent: Option<&'a AgentId>,
}

impl Caller {
    /// The caller as a field officer.
    ///
    /// # Errors
    /// [`Failed::Forbidden`] for everyone else.
    pub fn agent(&self) -> Result<Agent, Failed> {
        if self.role != Role::Agent {
            return Err(Failed::Forbidden);
        }
        let agent_id = self.subject.parse().map_err(|_| Failed::Forbidden)?;
        Ok(Agent { operator: self.operator.clone(), agent_id, regions: self.regions.clone() })
    }

    /// The caller as this field officer.
    ///
    /// # Errors
    /// [`Failed::Unknown`] when it is somebody else.
    pub fn agent_themselves(&self, agent_id: &AgentId) -> Result<Agent, Failed> {
        let agent = self.agent()?;
        if agent.agent_id == *agent_id { Ok(agent) } else { Err(Failed::Unknown) }
    }

    /// The caller's own agent id, if they are one.
    #[must_use]
    pub fn as_agent(&self) -> Option<AgentId> {
        self.agent().ok().map(|agent| agent.agent_id)
    }

    /// The caller's own partner name, if they are one.
    #[must_use]
    pub fn as_partner(&self) -> Option<PartnerName> {
        (self.role == Role::Partner).then(|| self.subject.parse().ok()).flatten()
    }

    /// Whether they may know what happens in a region.
    #[must_use]
    pub fn works_in(&self, region: &RegionName) -> bool {
        match self.role {
            Role::Settlement | Role::Admin => true,
            Role::Staff | Role::Agent => self.regions.contains(region),
            Role::Partner => false,
        }
    }

    /// Whether they may know of a thing of their operator.
    #[must_use]
    pub fn may_see(&self, thing: Belongings<'_>) -> bool {
        match self.role {
            Role::Agent => thing.agent.is_some_and(|agent| agent.as_str() == self.subject),
            Role::Partner => thing.partner.as_str() == self.subject,
            Role::Staff => thing.region.is_some_and(|region| self.regions.contains(region)),
            Role::Settlement | Role::Admin => true,
        }
    }

    /// Passes when the caller may know what happens in a region.
    ///
    /// # Errors
    /// [`Failed::Unknown`], the same answer as for a region that does not exist.
    pub fn must_work_in(&self, region: &RegionName) -> Result<(), Failed> {
        if self.works_in(region) { Ok(()) } else { Err(Failed::Unknown) }
    }

    /// Passes when the caller may plan visits in a region: the desk in its own, partners and admins anywhere.
    ///
    /// # Errors
    /// [`Failed::Invalid`] at `/region`.
    pub fn must_plan_in(&self, region: &RegionName) -> Result<(), Failed> {
        if self.role != Role::Staff || self.regions.contains(region) {
            return Ok(());
        }
        Err(Failed::invalid(Flaw::new("/region", "unknown_region", "your desk does not work in that region")))
    }

    /// For whom the caller plans a visit: partners for themselves, the others for whom they name.
    ///
    /// # Errors
    /// [`Failed::Invalid`] at `/partner_id`.
    pub fn partner_for(&self, named: Option<&PartnerName>) -> Result<PartnerName, Failed> {
        match (self.as_partner(), named) {
            (Some(own), None) => Ok(own),
            (Some(own), Some(named)) if own == *named => Ok(own),
            (Some(_), Some(_)) => {
                Err(Failed::invalid(Flaw::new("/partner_id", "not_allowed", "a partner plans visits for itself")))
            }
            (None, Some(named)) => Ok(named.clone()),
            (None, None) => Err(Failed::invalid(Flaw::new("/partner_id", "required", "name the partner"))),
        }
    }

    /// Passes when the caller may know of the thing.
    ///
    /// # Errors
    /// [`Failed::Unknown`], the same answer as for a thing that does not exist.
    pub fn must_see(&self, thing: Belongings<'_>) -> Result<(), Failed> {
        if self.may_see(thing) { Ok(()) } else { Err(Failed::Unknown) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(role: Role, subject: &str, regions: &[&str]) -> Caller {
        Caller {
            operator: "pennco".parse().unwrap(),
            role,
            subject: subject.to_owned(),
            regions: regions.iter().map(|region| region.parse().unwrap()).collect(),
        }
    }

    #[test]
    fn a_thing_is_seen_by_its_own_and_by_nobody_else() {
        let agent_id = AgentId::mint(crate::Timestamp::EPOCH, &[b"a"]);
        let (partner, region) = ("bfil".parse().unwrap(), "pune-north".parse().unwrap());
        let thing = Belongings { partner: &partner, region: Some(&region), agent: Some(&agent_id) };
        assert!(caller(Role::Agent, agent_id.as_str(), &[]).may_see(thing));
        assert!(!caller(Role::Agent, "agt_other", &["pune-north"]).may_see(thing));
        assert!(caller(Role::Partner, "bfil", &[]).may_see(thing));
        assert!(!caller(Role::Partner, "samasta", &[]).may_see(thing));
        assert!(caller(Role::Staff, "usr_x", &["pune-north"]).may_see(thing));
        assert!(!caller(Role::Staff, "usr_x", &["pune-south"]).may_see(thing));
        assert!(caller(Role::Settlement, "usr_x", &[]).may_see(thing));
    }

    #[test]
    fn every_function_serves_one_route_and_no_two_share_a_path() {
        for (index, route) in ROUTES.iter().enumerate() {
            for other in ROUTES.iter().skip(index + 1) {
                assert_ne!(route.function, other.function);
                assert_ne!((route.method, route.template), (other.method, other.template));
            }
        }
    }

    #[test]
    fn only_the_token_route_is_open_to_all() {
        for route in ROUTES {
            assert_eq!(route.kind == Kind::Public, route.roles.is_empty(), "{}", route.function);
        }
    }
}
