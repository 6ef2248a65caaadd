//! Who may call what, and how far they reach: the one table of routes and roles, and the callers that tokens turn into.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{AgentId, ClientId, DeviceId, Failed, Flaw, OperatorName, PartnerName, RegionName, SessionId, UserId};

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

    /// The word for it, as it is kept in commit records and asked for by conditions.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Staff => "staff",
            Self::Settlement => "settlement",
            Self::Partner => "partner",
            Self::Admin => "admin",
        }
    }
}

/// How far a role reaches on a route: which things of its operator exist for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Nothing: the role may not call the route.
    #[default]
    None,
    /// What is its own.
    Own,
    /// What lies in its regions.
    Region,
    /// Everything of its operator.
    Operator,
}

/// How a route treats repetition and identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Anyone may call it.
    Public,
    /// Anyone may call it, with a form or with JSON: the token endpoint of OAuth 2.0.
    Token,
    /// Reads one thing.
    Query,
    /// Reads page by page: takes `limit` and `cursor`.
    List,
    /// Changes state under an `Idempotency-Key`.
    Command,
    /// A command on the version that its caller has seen: takes `If-Match`.
    Edit,
    /// Changes state under a key that lies in its own content.
    NaturalCommand,
}

impl Kind {
    /// Whether no token is asked for.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Public | Self::Token)
    }

    /// Whether it changes state under an `Idempotency-Key`; such a call is counted exactly (see [`crate::throttle`]).
    #[must_use]
    pub fn is_keyed(self) -> bool {
        matches!(self, Self::Command | Self::Edit)
    }
}

/// One endpoint: its function, its path, who may call it and how far they reach.
#[derive(Debug, PartialEq, Eq)]
pub struct Route {
    /// The function that serves it, which is also folder, package, binary and resource.
    pub function: &'static str,
    /// HTTP method.
    pub method: &'static str,
    /// Path template below the stage.
    pub template: &'static str,
    /// Roles that may call it, each with its reach.
    pub grants: &'static [(Role, Reach)],
    /// How it treats repetition and identity.
    pub kind: Kind,
}

impl Route {
    /// How far a role reaches here.
    #[must_use]
    pub fn reach(&self, role: Role) -> Reach {
        self.grants.iter().find(|(granted, _)| *granted == role).map_or(Reach::None, |(_, reach)| *reach)
    }

    /// Whether this role may call the route at all.
    #[must_use]
    pub fn admits(&self, role: Role) -> bool {
        self.reach(role) != Reach::None
    }

    /// The roles that may call it, in the order of the table.
    #[must_use]
    pub fn roles(&self) -> Vec<Role> {
        self.grants.iter().map(|(role, _)| *role).collect()
    }

    /// Whether only people call it: four eyes are of two people, and who holds a program's secret has another pair.
    #[must_use]
    pub fn is_for_people(&self) -> bool {
        self.function == "approval-decide"
    }

    /// What a program's token must name to call it: the subject of the function's name, read or written.
    #[must_use]
    pub fn scope(&self) -> String {
        let subject = self.function.rsplit_once('-').map_or(self.function, |(subject, _)| subject);
        let deed = if self.method == "GET" { "read" } else { "write" };
        format!("{subject}:{deed}")
    }
}

/// Declares the routes: one row each, and the list of all of them.
macro_rules! routes {
    ($($name:ident = $function:literal, $method:literal $template:literal, $kind:ident, [$($role:ident $reach:ident),*];)*) => {
        $(
            #[doc = concat!("`", $method, " ", $template, "`")]
            pub static $name: Route = Route {
                function: $function,
                method: $method,
                template: $template,
                grants: &[$((Role::$role, Reach::$reach)),*],
                kind: Kind::$kind,
            };
        )*
        /// Every route of the API, A to Z by function.
        pub static ROUTES: &[&Route] = &[$(&$name),*];
    };
}

routes! {
    ACCOUNT_CLOSE = "account-close", "POST" "/api/v1/accounts/{account_id}/close", Command, [Settlement Operator, Admin Operator];
    ACCOUNT_GET = "account-get", "GET" "/api/v1/accounts/{account_id}", List, [Agent Own, Staff Operator, Settlement Operator, Partner Own, Admin Operator];
    ACTIVITY_GET = "activity-get", "GET" "/api/v1/activity", Query, [Staff Region, Settlement Operator, Admin Operator];
    AGENT_LIST = "agent-list", "GET" "/api/v1/agents", List, [Staff Region, Settlement Operator, Admin Operator];
    APPROVAL_DECIDE = "approval-decide", "POST" "/api/v1/approvals/{approval_id}/decide", Command, [Settlement Operator, Partner Own, Admin Operator];
    APPROVAL_GET = "approval-get", "GET" "/api/v1/approvals/{approval_id}", Query, [Staff Region, Settlement Operator, Partner Own, Admin Operator];
    APPROVAL_LIST = "approval-list", "GET" "/api/v1/approvals", List, [Settlement Operator, Partner Own, Admin Operator];
    AUDIT_LIST = "audit-list", "GET" "/api/v1/audit", List, [Settlement Operator, Admin Operator];
    CLIENT_CREATE = "client-create", "POST" "/api/v1/clients", Command, [Admin Operator];
    CLIENT_GET = "client-get", "GET" "/api/v1/clients/{client_id}", Query, [Admin Operator];
    CLIENT_LIST = "client-list", "GET" "/api/v1/clients", List, [Admin Operator];
    CLIENT_ROTATE = "client-rotate", "POST" "/api/v1/clients/{client_id}/secret", Command, [Admin Operator];
    CLIENT_UPDATE = "client-update", "PATCH" "/api/v1/clients/{client_id}", Edit, [Admin Operator];
    DAY_CLOSE_GET = "day-close-get", "GET" "/api/v1/day-closes/{business_day}", Query, [Agent Own, Staff Region, Settlement Operator, Partner Own, Admin Operator];
    DAY_CLOSE_LIST = "day-close-list", "GET" "/api/v1/day-closes", List, [Agent Own, Staff Region, Settlement Operator, Partner Own, Admin Operator];
    DELIVERY_ASSIGN = "delivery-assign", "POST" "/api/v1/deliveries/{delivery_id}/assign", Command, [Staff Region, Admin Operator];
    DELIVERY_CONFIRM = "delivery-confirm", "POST" "/api/v1/deliveries/{delivery_id}/confirm", Command, [Agent Own];
    DELIVERY_CREATE = "delivery-create", "POST" "/api/v1/deliveries", Command, [Staff Region, Partner Own, Admin Operator];
    DELIVERY_GET = "delivery-get", "GET" "/api/v1/deliveries/{delivery_id}", Query, [Agent Own, Staff Region, Settlement Operator, Partner Own, Admin Operator];
    DELIVERY_LIST = "delivery-list", "GET" "/api/v1/deliveries", List, [Agent Own, Staff Region, Admin Operator];
    DEVICE_LIST = "device-list", "GET" "/api/v1/devices", List, [Agent Own, Staff Region, Admin Operator];
    DEVICE_REVOKE = "device-revoke", "POST" "/api/v1/devices/{device_id}/revoke", Command, [Agent Own, Staff Region, Admin Operator];
    DISBURSEMENT_CANCEL = "disbursement-cancel", "POST" "/api/v1/disbursements/{disbursement_id}/cancel", Command, [Staff Region, Partner Own, Admin Operator];
    DISBURSEMENT_CREATE = "disbursement-create", "POST" "/api/v1/disbursements", Command, [Partner Own];
    DISBURSEMENT_GET = "disbursement-get", "GET" "/api/v1/disbursements/{disbursement_id}", Query, [Staff Region, Settlement Operator, Partner Own, Admin Operator];
    DISBURSEMENT_RECONCILE = "disbursement-reconcile", "POST" "/api/v1/disbursements/{disbursement_id}/reconcile", Command, [Settlement Operator];
    DISBURSEMENT_REVERSE = "disbursement-reverse", "POST" "/api/v1/disbursements/{disbursement_id}/reverse", Command, [Settlement Operator, Admin Operator];
    EXPORT_CREATE = "export-create", "POST" "/api/v1/exports", Command, [Staff Region, Settlement Operator, Admin Operator];
    EXPORT_GET = "export-get", "GET" "/api/v1/exports/{export_id}", Query, [Staff Own, Settlement Operator, Admin Operator];
    EXPOSURE_GET = "exposure-get", "GET" "/api/v1/payouts/exposure", Query, [Settlement Operator, Admin Operator];
    JWKS_GET = "jwks-get", "GET" "/.well-known/jwks.json", Public, [];
    LEDGER_PROVE = "ledger-prove", "GET" "/api/v1/ledger/proof", Query, [Settlement Operator, Partner Own, Admin Operator];
    LOCATION_RECORD = "location-record", "POST" "/api/v1/agents/{agent_id}/location", NaturalCommand, [Agent Own];
    OTP_REQUEST = "otp-request", "POST" "/api/v1/auth/otp", Public, [];
    PASSWORD_RESET = "password-reset", "POST" "/api/v1/auth/password/reset", Public, [];
    PASSWORD_SET = "password-set", "POST" "/api/v1/auth/password", Public, [];
    PAYOUT_CREATE = "payout-create", "POST" "/api/v1/payouts", Command, [Settlement Operator];
    PAYOUT_GET = "payout-get", "GET" "/api/v1/payouts/{payout_id}", Query, [Settlement Operator, Partner Own, Admin Operator];
    PAYOUT_LIST = "payout-list", "GET" "/api/v1/payouts", List, [Settlement Operator, Partner Own, Admin Operator];
    PAYOUT_UPDATE = "payout-update", "PATCH" "/api/v1/payouts/{payout_id}", Edit, [Settlement Operator];
    PROOF_GET = "proof-get", "GET" "/api/v1/proof", Query, [Staff Operator, Settlement Operator, Admin Operator];
    RESERVATION_CREATE = "reservation-create", "POST" "/api/v1/reservations", Command, [Settlement Operator, Admin Operator];
    RESERVATION_GET = "reservation-get", "GET" "/api/v1/reservations/{reservation_id}", Query, [Staff Operator, Settlement Operator, Admin Operator];
    RESERVATION_SETTLE = "reservation-settle", "POST" "/api/v1/reservations/{reservation_id}/settle", Command, [Settlement Operator, Admin Operator];
    RESERVATION_VOID = "reservation-void", "POST" "/api/v1/reservations/{reservation_id}/void", Command, [Settlement Operator, Admin Operator];
    SESSION_CREATE = "session-create", "POST" "/api/v1/auth/session", Public, [];
    SESSION_DELETE = "session-delete", "DELETE" "/api/v1/auth/session", NaturalCommand, [Agent Own, Staff Own, Settlement Own, Partner Own, Admin Own];
    SESSION_GET = "session-get", "GET" "/api/v1/auth/session", Query, [Agent Own, Staff Own, Settlement Own, Partner Own, Admin Own];
    SETTLEMENT_ACKNOWLEDGE = "settlement-acknowledge", "POST" "/api/v1/settlements/{settlement_id}/acknowledge", Command, [Settlement Operator, Partner Own, Admin Operator];
    SETTLEMENT_CREATE = "settlement-create", "POST" "/api/v1/settlements", Command, [Settlement Operator];
    SETTLEMENT_GET = "settlement-get", "GET" "/api/v1/settlements/{settlement_id}", Query, [Settlement Operator, Partner Own, Admin Operator];
    SETTLEMENT_LIST = "settlement-list", "GET" "/api/v1/settlements", List, [Settlement Operator, Partner Own, Admin Operator];
    STATEMENT_CREATE = "statement-create", "POST" "/api/v1/statements", Command, [Settlement Operator];
    STATEMENT_GET = "statement-get", "GET" "/api/v1/statements/{statement_id}", Query, [Settlement Operator, Admin Operator];
    STATEMENT_LINE_LIST = "statement-line-list", "GET" "/api/v1/statement-lines", List, [Settlement Operator, Admin Operator];
    STATEMENT_LINE_MATCH = "statement-line-match", "POST" "/api/v1/statements/{statement_id}/match", Command, [Settlement Operator];
    STATEMENT_LINE_UNMATCH = "statement-line-unmatch", "POST" "/api/v1/statements/{statement_id}/unmatch", Command, [Settlement Operator];
    STATEMENT_LIST = "statement-list", "GET" "/api/v1/statements", List, [Settlement Operator, Admin Operator];
    TOKEN_ISSUE = "token-issue", "POST" "/api/v1/auth/token", Token, [];
    TOTP_CONFIRM = "totp-confirm", "POST" "/api/v1/auth/totp/confirm", NaturalCommand, [Staff Own, Settlement Own, Admin Own];
    TOTP_ENROL = "totp-enrol", "POST" "/api/v1/auth/totp", NaturalCommand, [Staff Own, Settlement Own, Admin Own];
    TRANSFER_CREATE = "transfer-create", "POST" "/api/v1/transfers", Command, [Settlement Operator, Admin Operator];
    TRANSFER_GET = "transfer-get", "GET" "/api/v1/transfers/{transfer_id}", Query, [Staff Operator, Settlement Operator, Admin Operator];
    TRANSFER_REVERSE = "transfer-reverse", "POST" "/api/v1/transfers/{transfer_id}/reverse", Command, [Settlement Operator, Admin Operator];
    USER_CREATE = "user-create", "POST" "/api/v1/users", Command, [Admin Operator];
    USER_GET = "user-get", "GET" "/api/v1/users/{user_id}", Query, [Admin Operator];
    USER_LIST = "user-list", "GET" "/api/v1/users", List, [Admin Operator];
    USER_UPDATE = "user-update", "PATCH" "/api/v1/users/{user_id}", Edit, [Admin Operator];
}

/// How somebody proved who they are: what a token says beside the person.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Authentication {
    /// The login that the token came from; a program has none.
    pub session_id: Option<SessionId>,
    /// The phone that the login is bound to.
    pub device_id: Option<DeviceId>,
    /// The program that holds the token.
    pub client_id: Option<ClientId>,
    /// The person, where the subject is not theirs alone: a lender's people all are the lender.
    pub user_id: Option<UserId>,
    /// What the token is limited to; a person's token is not limited.
    pub scopes: Option<Vec<String>>,
    /// The generation of the person or the program that it was issued to: a later one takes it back.
    pub generation: u64,
    /// Whether it came as a cookie, which browsers send by themselves.
    pub by_cookie: bool,
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
    /// How far they reach on the route that they call.
    #[serde(skip)]
    pub reach: Reach,
    /// How they proved it.
    #[serde(skip)]
    pub authentication: Authentication,
}

/// What ownership is decided on: where a thing is and whose it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Belongings<'a> {
    /// The lender it is about.
    pub partner: Option<&'a PartnerName>,
    /// Where it is; a thing of the whole operator has none.
    pub region: Option<&'a RegionName>,
    /// The agent who carries it.
    pub agent: Option<&'a AgentId>,
    /// Who asked for it.
    pub requester: Option<&'a str>,
}

/// A thing that belongs to somebody.
pub trait Owned {
    /// Where it is and whose it is.
    fn belongings(&self) -> Belongings<'_>;
}

/// A thing as it was loaded, which nobody has been found to be allowed to see yet. There is no way to it but through
/// [`Unseen::seen_by`], so that a handler that forgets to ask does not compile.
#[derive(Debug, Clone)]
#[must_use = "what was loaded is shown to nobody yet"]
pub struct Unseen<T>(T);

impl<T: Owned> Unseen<T> {
    /// A thing that was loaded.
    pub fn new(thing: T) -> Self {
        Self(thing)
    }

    /// The thing, for somebody who may know of it.
    ///
    /// # Errors
    /// [`Failed::Unknown`], the same answer as for a thing that does not exist.
    pub fn seen_by<P: Party>(self, party: &P) -> Result<T, Failed> {
        party.caller().must_see(&self.0)?;
        Ok(self.0)
    }
}

/// A caller as a handler asks for one: a type for each set of roles, so that a handler says in its signature who calls
/// it, and none is called by anybody else.
pub trait Party: Clone + Send {
    /// The caller as this party.
    ///
    /// # Errors
    /// [`Failed::Forbidden`] for every other role.
    fn of(caller: Caller) -> Result<Self, Failed>;

    /// Who it is.
    fn caller(&self) -> &Caller;
}

impl Party for Caller {
    fn of(caller: Caller) -> Result<Self, Failed> {
        Ok(caller)
    }

    fn caller(&self) -> &Caller {
        self
    }
}

/// A caller who is a field officer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Who calls.
    pub caller: Caller,
    /// Their id.
    pub agent_id: AgentId,
}

impl Party for Agent {
    fn of(caller: Caller) -> Result<Self, Failed> {
        let agent_id = caller.as_agent().ok_or(Failed::Forbidden)?;
        Ok(Self { caller, agent_id })
    }

    fn caller(&self) -> &Caller {
        &self.caller
    }
}

impl Agent {
    /// Passes when it is about this very agent.
    ///
    /// # Errors
    /// [`Failed::Unknown`] when it is about somebody else.
    pub fn must_be(&self, agent_id: &AgentId) -> Result<(), Failed> {
        if self.agent_id == *agent_id { Ok(()) } else { Err(Failed::Unknown) }
    }
}

/// A caller who is a lender, or its program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partner {
    /// Who calls.
    pub caller: Caller,
    /// Its name.
    pub partner_id: PartnerName,
}

impl Party for Partner {
    fn of(caller: Caller) -> Result<Self, Failed> {
        let partner_id = caller.as_partner().ok_or(Failed::Forbidden)?;
        Ok(Self { caller, partner_id })
    }

    fn caller(&self) -> &Caller {
        &self.caller
    }
}

/// Declares callers of some roles.
macro_rules! parties {
    ($($(#[$doc:meta])* $name:ident: $($role:ident)|+;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            /// Who calls.
            pub caller: Caller,
        }

        impl Party for $name {
            fn of(caller: Caller) -> Result<Self, Failed> {
                if matches!(caller.role, $(Role::$role)|+) { Ok(Self { caller }) } else { Err(Failed::Forbidden) }
            }

            fn caller(&self) -> &Caller {
                &self.caller
            }
        }
    )*};
}

parties! {
    /// A caller of the operator's own staff.
    Staff: Staff | Settlement | Admin;
    /// A caller who reconciles and settles.
    SettlementDesk: Settlement;
    /// A caller who keeps the books.
    Bookkeeper: Settlement | Admin;
    /// A caller who may approve what somebody else asked for: not the desk and the agents, who carry it out.
    Approver: Settlement | Partner | Admin;
    /// A caller who may have history proven: the lender its own part of it.
    Auditor: Settlement | Partner | Admin;
    /// A caller who manages people and programs.
    Admin: Admin;
}

impl Caller {
    /// Somebody, before a route is known.
    #[must_use]
    pub fn new(operator: OperatorName, role: Role, subject: String, regions: Vec<RegionName>) -> Self {
        Self { operator, role, subject, regions, reach: Reach::None, authentication: Authentication::default() }
    }

    /// The caller on a route.
    ///
    /// # Errors
    /// [`Failed::Forbidden`] when the role, or a program, may not call it, [`Failed::OutOfScope`] when the program's token does not
    /// name it.
    pub fn on(self, route: &Route) -> Result<Self, Failed> {
        let reach = route.reach(self.role);
        let is_program = self.authentication.client_id.is_some();
        if reach == Reach::None || (is_program && route.is_for_people()) {
            return Err(Failed::Forbidden);
        }
        match &self.authentication.scopes {
            Some(scopes) if !scopes.contains(&route.scope()) => Err(Failed::OutOfScope { scope: route.scope() }),
            Some(_) | None => Ok(Self { reach, ..self }),
        }
    }

    /// The caller's own agent id, if they are one.
    #[must_use]
    pub fn as_agent(&self) -> Option<AgentId> {
        (self.role == Role::Agent).then(|| self.subject.parse().ok()).flatten()
    }

    /// The caller's own partner name, if they are one.
    #[must_use]
    pub fn as_partner(&self) -> Option<PartnerName> {
        (self.role == Role::Partner).then(|| self.subject.parse().ok()).flatten()
    }

    /// Who is behind the token, for keys, counts and revocations: neither a program nor a person is the lender that they
    /// work for.
    #[must_use]
    pub fn principal(&self) -> &str {
        let Authentication { client_id, user_id, .. } = &self.authentication;
        let program = client_id.as_ref().map(ClientId::as_str);
        program.or(user_id.as_ref().map(UserId::as_str)).unwrap_or(&self.subject)
    }

    /// Whether they may know what happens in a region.
    #[must_use]
    pub fn works_in(&self, region: &RegionName) -> bool {
        match self.reach {
            Reach::Operator => true,
            Reach::Region => self.regions.contains(region),
            Reach::Own | Reach::None => false,
        }
    }

    /// Whether they may know of a thing of their operator.
    #[must_use]
    pub fn may_see(&self, thing: &impl Owned) -> bool {
        let thing = thing.belongings();
        match self.reach {
            Reach::None => false,
            Reach::Own => match self.role {
                Role::Agent => thing.agent.is_some_and(|agent| agent.as_str() == self.subject),
                Role::Partner => thing.partner.is_some_and(|partner| partner.as_str() == self.subject),
                Role::Staff | Role::Settlement | Role::Admin => thing.requester == Some(self.subject.as_str()),
            },
            Reach::Region => thing.region.is_some_and(|region| self.regions.contains(region)),
            Reach::Operator => true,
        }
    }

    /// Which agent it is about: agents themselves, the others whom they name, if they name one.
    ///
    /// # Errors
    /// [`Failed::Unknown`] when an agent names another one.
    pub fn agent_for(&self, named: Option<&AgentId>) -> Result<Option<AgentId>, Failed> {
        match (self.as_agent(), named) {
            (Some(own), Some(named)) if own != *named => Err(Failed::Unknown),
            (Some(own), _) => Ok(Some(own)),
            (None, named) => Ok(named.cloned()),
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
        if self.reach != Reach::Region || self.regions.contains(region) {
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
    pub fn must_see(&self, thing: &impl Owned) -> Result<(), Failed> {
        if self.may_see(thing) { Ok(()) } else { Err(Failed::Unknown) }
    }
}

/// One row of what somebody may.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Permission {
    /// The operation, as the OpenAPI document names it.
    pub operation: String,
    /// HTTP method.
    pub method: String,
    /// Path template.
    pub path: String,
    /// How far they reach.
    pub reach: Reach,
}

/// What somebody may: the rows of the table that admit their role, and their token if it is limited.
#[must_use]
pub fn permissions(caller: &Caller) -> Vec<Permission> {
    let rows = ROUTES.iter().filter(|route| !route.kind.is_open());
    rows.filter_map(|route| {
        let reach = caller.clone().on(route).ok()?.reach;
        let text = str::to_owned;
        Some(Permission {
            operation: text(route.function),
            method: text(route.method),
            path: text(route.template),
            reach,
        })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    fn caller(role: Role, subject: &str, regions: &[&str], reach: Reach) -> Caller {
        let regions = regions.iter().map(|region| region.parse().unwrap()).collect();
        Caller { reach, ..Caller::new("pennco".parse().unwrap(), role, subject.to_owned(), regions) }
    }

    struct Thing(PartnerName, RegionName, AgentId);

    impl Owned for Thing {
        fn belongings(&self) -> Belongings<'_> {
            Belongings { partner: Some(&self.0), region: Some(&self.1), agent: Some(&self.2), requester: Some("usr_x") }
        }
    }

    #[test]
    fn a_thing_is_seen_by_its_own_and_by_nobody_else() {
        let agent_id = AgentId::mint(Timestamp::EPOCH, &[b"a"]);
        let thing = Thing("bfil".parse().unwrap(), "pune-north".parse().unwrap(), agent_id.clone());
        for (role, subject, regions, reach, sees) in [
            (Role::Agent, agent_id.as_str(), &[][..], Reach::Own, true),
            (Role::Agent, agent_id.as_str(), &[], Reach::None, false),
            (Role::Agent, "agt_other", &["pune-north"], Reach::Own, false),
            (Role::Partner, "bfil", &[], Reach::Own, true),
            (Role::Partner, "samasta", &[], Reach::Own, false),
            (Role::Staff, "usr_x", &[], Reach::Own, true),
            (Role::Staff, "usr_y", &["pune-north"], Reach::Own, false),
            (Role::Staff, "usr_y", &["pune-north"], Reach::Region, true),
            (Role::Staff, "usr_x", &["pune-south"], Reach::Region, false),
            (Role::Settlement, "usr_y", &[], Reach::Operator, true),
        ] {
            assert_eq!(caller(role, subject, regions, reach).may_see(&thing), sees, "{role:?} {subject} {reach:?}");
        }
    }

    #[test]
    fn a_program_calls_only_what_its_token_names() {
        let mut program = caller(Role::Partner, "bfil", &[], Reach::None);
        program.authentication.scopes = Some(vec!["disbursement:write".to_owned()]);
        assert_eq!(program.clone().on(&DISBURSEMENT_CREATE).unwrap().reach, Reach::Own);
        assert!(matches!(program.clone().on(&DISBURSEMENT_GET), Err(Failed::OutOfScope { .. })));
        assert!(matches!(program.on(&USER_LIST), Err(Failed::Forbidden)));
    }

    #[test]
    fn a_party_is_of_its_roles_and_of_no_other() {
        for role in Role::ALL {
            let somebody = || caller(role, "bfil", &[], Reach::None);
            assert_eq!(Staff::of(somebody()).is_ok(), matches!(role, Role::Staff | Role::Settlement | Role::Admin));
            assert_eq!(Admin::of(somebody()).is_ok(), role == Role::Admin);
            assert_eq!(Partner::of(somebody()).is_ok(), role == Role::Partner);
            assert!(Agent::of(somebody()).is_err(), "bfil is no agent's id");
        }
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
    fn only_open_routes_admit_nobody_by_name_and_no_row_grants_nothing() {
        for route in ROUTES {
            assert_eq!(route.kind.is_open(), route.grants.is_empty(), "{}", route.function);
            assert!(route.grants.iter().all(|(_, reach)| *reach != Reach::None), "{}", route.function);
        }
    }
}
