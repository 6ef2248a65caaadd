//! Programs that call: a partner's system or the operator's own, each limited to the scopes that an admin gave it.

use std::collections::BTreeSet;

use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Caller, ClientId, Command, Failed, Flaw, OperatorName, PartnerName, Timestamp,
    access::{self, Role},
    operator::Operator,
};

/// Whether a program may get tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientStatus {
    /// It may.
    Active,
    /// It may not.
    Disabled,
}

/// A program, as admins see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Client {
    /// Which.
    pub client_id: ClientId,
    /// The `client_id` that it sends to the token endpoint: the id and the operator.
    pub oauth_client_id: String,
    /// What it is for.
    pub name: String,
    /// Whom it works for: a partner, or the settlement desk.
    pub role: Role,
    /// The partner's name, or the program's own id: what its tokens say.
    pub subject: String,
    /// What its tokens may name.
    pub scopes: BTreeSet<String>,
    /// Whether it may get tokens.
    pub status: ClientStatus,
    /// How many secrets it has had; only the latest is good.
    pub generation: u64,
    /// Grows with each change; `ETag`.
    pub version: u64,
    /// When it was let in.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A program with its secret: the answer to letting it in and to a rotation, and nowhere else.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ClientWithSecret {
    /// The program.
    pub client: Client,
    /// Its secret. It is shown here and never again.
    pub client_secret: String,
}

/// A program and when it was last there.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ClientWithUse {
    /// The program.
    pub client: Client,
    /// When it last got a token.
    pub last_used_at: Option<Timestamp>,
    /// How many tokens it has got.
    pub tokens_issued: u64,
}

/// A program to be let in.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct NewClient {
    /// What it is for.
    #[garde(length(chars, min = 1, max = 120))]
    pub name: String,
    /// Whom it works for: `partner` or `settlement`.
    #[garde(skip)]
    pub role: Role,
    /// Which partner.
    #[garde(skip)]
    #[serde(default)]
    pub partner_id: Option<PartnerName>,
    /// What its tokens may name: `disbursement:write` and so on.
    #[garde(length(min = 1, max = 40))]
    pub scopes: BTreeSet<String>,
}

/// What shall be different about a program.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct ClientChange {
    /// What it is for.
    #[garde(inner(length(chars, min = 1, max = 120)))]
    #[serde(default)]
    pub name: Option<String>,
    /// What its tokens may name.
    #[garde(inner(length(min = 1, max = 40)))]
    #[serde(default)]
    pub scopes: Option<BTreeSet<String>>,
    /// Whether it may get tokens.
    #[garde(skip)]
    #[serde(default)]
    pub status: Option<ClientStatus>,
}

/// The scopes that a role can use at all.
fn scopes_of(role: Role) -> BTreeSet<String> {
    access::ROUTES
        .iter()
        .filter(|route| route.admits(role) && !route.is_for_people())
        .map(|route| route.scope())
        .collect()
}

fn unusable_scopes(role: Role, scopes: &BTreeSet<String>) -> Option<Flaw> {
    let usable = scopes_of(role);
    let stranger = scopes.iter().find(|scope| !usable.contains(*scope))?;
    let flaw = Flaw::new("/scopes", "unknown_scope", format!("this role has no use for `{stranger}`"));
    Some(flaw.with_hint(format!("allowed: {}", usable.into_iter().collect::<Vec<_>>().join(", "))))
}

impl NewClient {
    /// A program let in by a command.
    ///
    /// # Errors
    /// [`Failed::Invalid`] with a pointer for each part that the role does not have, or the operator does not know.
    pub fn let_in(&self, command: &Command, operator: &Operator) -> Result<Client, Failed> {
        let mut flaws = Vec::new();
        match (self.role, &self.partner_id) {
            (Role::Partner, Some(partner)) if operator.partners.contains(partner) => {}
            (Role::Partner, Some(_)) => {
                let detail = "this operator does not work for that partner";
                flaws.push(Flaw::new("/partner_id", "unknown_partner", detail));
            }
            (Role::Partner, None) => flaws.push(Flaw::new("/partner_id", "required", "name the partner")),
            (Role::Settlement, None) => {}
            (Role::Settlement, Some(_)) => {
                flaws.push(Flaw::new("/partner_id", "not_allowed", "the settlement desk works for all partners"));
            }
            (Role::Agent | Role::Staff | Role::Admin, _) => {
                flaws.push(Flaw::new("/role", "not_allowed", "a program works for a partner or the settlement desk"));
            }
        }
        flaws.extend(unusable_scopes(self.role, &self.scopes).filter(|_| flaws.is_empty()));
        if !flaws.is_empty() {
            return Err(Failed::Invalid(flaws));
        }
        let client_id = ClientId::mint(command.at, &command.seed());
        let subject = self.partner_id.as_ref().map_or_else(|| client_id.to_string(), PartnerName::to_string);
        Ok(Client {
            oauth_client_id: format!("{client_id}@{}", operator.operator),
            client_id,
            name: self.name.clone(),
            role: self.role,
            subject,
            scopes: self.scopes.clone(),
            status: ClientStatus::Active,
            generation: 1,
            version: 1,
            created_at: command.at,
            updated_at: command.at,
        })
    }
}

impl Client {
    fn advanced(&self, at: Timestamp) -> Self {
        Self { version: self.version.saturating_add(1), updated_at: at, ..self.clone() }
    }

    /// Whether it may get tokens.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status == ClientStatus::Active
    }

    /// The program with what an admin changes about it.
    ///
    /// # Errors
    /// [`Failed::Invalid`] for scopes that its role has no use for.
    pub fn change(&self, change: &ClientChange, at: Timestamp) -> Result<Self, Failed> {
        if let Some(flaw) = change.scopes.as_ref().and_then(|scopes| unusable_scopes(self.role, scopes)) {
            return Err(Failed::invalid(flaw));
        }
        let after = self.advanced(at);
        Ok(Self {
            name: change.name.clone().unwrap_or(after.name),
            scopes: change.scopes.clone().unwrap_or(after.scopes),
            status: change.status.unwrap_or(after.status),
            ..after
        })
    }

    /// The program with a new secret; the one before is not good any more.
    #[must_use]
    pub fn rotated(&self, at: Timestamp) -> Self {
        Self { generation: self.generation.saturating_add(1), ..self.advanced(at) }
    }

    /// Who its tokens say that it is, limited to what it asks for.
    ///
    /// # Errors
    /// [`Failed::Invalid`] at `/scope` when it asks for more than it has.
    pub fn caller(&self, operator: &OperatorName, asked: Option<&str>) -> Result<Caller, Failed> {
        let scopes: BTreeSet<String> = match asked {
            None => self.scopes.clone(),
            Some(asked) => asked.split_ascii_whitespace().map(str::to_owned).collect(),
        };
        if scopes.is_empty() || !scopes.is_subset(&self.scopes) {
            let detail = "asks for more than this program was given";
            return Err(Failed::invalid(Flaw::new("/scope", "unknown_scope", detail)));
        }
        let mut caller = Caller::new(operator.clone(), self.role, self.subject.clone(), vec![]);
        caller.authentication.client_id = Some(self.client_id.clone());
        caller.authentication.generation = self.version;
        caller.authentication.scopes = Some(scopes.into_iter().collect());
        Ok(caller)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Currency;

    fn operator() -> Operator {
        Operator {
            operator: "pennco".parse().unwrap(),
            zone: "Asia/Kolkata".to_owned(),
            currency: Currency::Inr,
            regions: vec![],
            partners: vec!["bfil".parse().unwrap()],
            payout_rails: std::collections::BTreeMap::new(),
            cash_reservation: crate::reservation::CashReservation::default(),
            settlement_formats: std::collections::BTreeMap::new(),
            business_calendar: crate::calendar::BusinessCalendar::default(),
            approvals: vec![],
        }
    }

    fn let_in(json: serde_json::Value) -> Result<Client, Failed> {
        let command = Command::of_job("pennco".parse().unwrap(), "test", "k", Timestamp::EPOCH, "r".to_owned());
        serde_json::from_value::<NewClient>(json).unwrap().let_in(&command, &operator())
    }

    #[test]
    fn a_program_gets_scopes_that_its_role_can_use_and_asks_for_no_more() {
        let partner = |scopes: &[&str]| {
            let_in(serde_json::json!({ "name": "ERP", "role": "partner", "partner_id": "bfil", "scopes": scopes }))
        };
        let client = partner(&["disbursement:write", "settlement:read"]).unwrap();
        assert_eq!(client.subject, "bfil");
        let caller = client.caller(&operator().operator, Some("settlement:read")).unwrap();
        assert_eq!(caller.authentication.scopes, Some(vec!["settlement:read".to_owned()]));
        assert!(client.caller(&operator().operator, Some("settlement:read user:write")).is_err());
        assert!(client.caller(&operator().operator, Some(" ")).is_err());
        for bad in [&["user:write"][..], &["statement:write"], &["no such scope"]] {
            assert!(partner(bad).is_err(), "{bad:?}");
        }
        assert!(let_in(serde_json::json!({ "name": "X", "role": "admin", "scopes": ["user:write"] })).is_err());
    }
}
