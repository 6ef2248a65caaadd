//! People who log in: who they are, what they may, and how they prove it.

use garde::Validate;
use serde::{Deserialize, Serialize};
use totp_rs::{Algorithm, TOTP};
use utoipa::ToSchema;

use crate::{
    AgentId, Caller, Command, Failed, Flaw, Money, OperatorName, PartnerName, Refusal, RegionName, Timestamp, UserId,
    access::{Admin, Role},
    operator::Operator,
    secret::same,
};

/// What somebody types to say who they are, before the `@` and their operator: a short name, or an agent's number.
#[must_use]
pub fn is_login(login: &str) -> bool {
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
    (1..=64).contains(&login.len()) && (login.bytes().all(is_name) || is_number(login))
}

/// An E.164 number.
fn is_number(text: &str) -> bool {
    crate::delivery::is_phone(&text.to_owned(), &()).is_ok()
}

/// `login@operator`, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username {
    /// What stands before the `@`.
    pub login: String,
    /// What stands behind it.
    pub operator: OperatorName,
}

impl Username {
    /// Reads `login@operator`.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (login, operator) = text.rsplit_once('@')?;
        let operator = operator.parse().ok()?;
        is_login(login).then(|| Self { login: login.to_owned(), operator })
    }

    /// Whether it is an agent's: a number.
    #[must_use]
    pub fn is_number(&self) -> bool {
        is_number(&self.login)
    }
}

/// Whether somebody may log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserStatus {
    /// Has not set a password yet.
    Invited,
    /// May log in.
    Active,
    /// May not.
    Disabled,
}

/// Somebody who can log in, as admins see them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// Who.
    pub user_id: UserId,
    /// What they type, without the operator; an agent's is their number.
    pub login: String,
    /// Their name.
    pub name: String,
    /// Where invitations and resets go.
    pub email: Option<String>,
    /// What they do.
    pub role: Role,
    /// The agent's id, the partner's name, or the user's own id: what their tokens say.
    pub subject: String,
    /// Where they work.
    pub regions: Vec<RegionName>,
    /// Whether they may log in.
    pub status: UserStatus,
    /// Whether they log in with a second factor.
    pub has_totp: bool,
    /// Grows with each change; `ETag`.
    pub version: u64,
    /// When they were taken on.
    pub created_at: Timestamp,
    /// When they were last changed.
    pub updated_at: Timestamp,
}

/// A second factor (RFC 6238): six digits, thirty seconds, SHA-1, as every authenticator app has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecondFactor {
    /// The revision of its owner when it was made: what its secret is derived from, beside the owner.
    pub generation: u64,
    /// Whether a first code has shown that the app has it.
    pub is_confirmed: bool,
    /// The latest step whose code was used: no code is good twice (RFC 6238, section 5.2).
    pub used_step: u64,
}

/// Bytes of a second factor's secret: as many as SHA-1 gives (RFC 4226, section 4, R6).
pub const TOTP_BYTES: usize = 20;
/// Seconds a code is good, and how many neighbours are taken for clocks that differ.
const STEP_SECONDS: u64 = 30;
const NEIGHBOURS: u64 = 1;

impl SecondFactor {
    /// A factor that waits for its first code.
    #[must_use]
    fn new(generation: u64) -> Self {
        Self { generation, is_confirmed: false, used_step: 0 }
    }

    /// The factor after this code of its secret was used.
    #[must_use]
    fn used(&self, secret: &[u8; TOTP_BYTES], code: &str, now: Timestamp) -> Option<Self> {
        let totp = TOTP::new(Algorithm::SHA1, 6, 0, STEP_SECONDS, secret.to_vec()).ok()?;
        let now = u64::try_from(now.as_seconds()).ok()?.checked_div(STEP_SECONDS)?;
        let earliest = now.saturating_sub(NEIGHBOURS).max(self.used_step.saturating_add(1));
        let step = (earliest..=now.saturating_add(NEIGHBOURS))
            .find(|step| same(&totp.generate(step.saturating_mul(STEP_SECONDS)), code))?;
        Some(Self { used_step: step, is_confirmed: true, ..self.clone() })
    }
}

/// The secret of a second factor: the answer to enrolling it, and nowhere else.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TotpSecret {
    /// The secret in base32, to be typed.
    pub secret: String,
    /// The same as an authenticator app reads it from a QR code.
    pub uri: String,
}

impl TotpSecret {
    /// A secret as its owner takes it over.
    #[must_use]
    pub fn of(secret: &[u8; TOTP_BYTES], login: &str, operator: &OperatorName) -> Self {
        let secret = data_encoding::BASE32_NOPAD.encode(secret);
        // Logins are letters, digits, dots and hyphens: only the at-sign is escaped.
        let uri = format!("otpauth://totp/Milepost:{login}%40{operator}?secret={secret}&issuer=Milepost");
        Self { secret, uri }
    }
}

/// The first code of a second factor.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct TotpCode {
    /// Six digits.
    #[garde(length(max = 6))]
    pub code: String,
}

/// Somebody as the records keep them: with what they prove themselves by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptUser {
    /// What admins see.
    pub user: User,
    /// Argon2id in PHC form.
    pub password_hash: Option<String>,
    /// Their second factor.
    pub second_factor: Option<SecondFactor>,
    /// How often their rights or their password changed: logins, tokens and tickets of an earlier generation are not
    /// good any more, whenever they were asked for.
    pub generation: u64,
    /// Whether an admin set the address that tickets go to since the password was set, so that whoever sets the next one
    /// may be somebody else.
    #[serde(default)]
    pub is_address_new: bool,
    /// Counts every write, also those that nobody sees: the version of the record.
    pub revision: u64,
}

/// Somebody to be taken on.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// What they will type; agents leave it out, theirs is their number.
    #[garde(inner(custom(is_short_login)))]
    #[serde(default)]
    pub login: Option<String>,
    /// Their name.
    #[garde(length(chars, min = 1, max = 120))]
    pub name: String,
    /// Where the invitation goes; agents need none.
    #[garde(inner(custom(is_email)))]
    #[serde(default)]
    pub email: Option<String>,
    /// An agent's number, where codes are sent.
    #[garde(inner(custom(crate::delivery::is_phone)))]
    #[serde(default)]
    pub phone: Option<String>,
    /// What they will do.
    #[garde(skip)]
    pub role: Role,
    /// Where they will work: staff in some, an agent in one, the others leave it out.
    #[garde(length(max = 50))]
    #[serde(default)]
    pub regions: Vec<RegionName>,
    /// Whom a partner's person belongs to.
    #[garde(skip)]
    #[serde(default)]
    pub partner_id: Option<PartnerName>,
    /// The most cash an agent may carry.
    #[garde(inner(custom(crate::money::visit_amount)))]
    #[serde(default)]
    pub cash_cap: Option<Money>,
}

/// What shall be different about somebody.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct UserChange {
    /// Their name.
    #[garde(inner(length(chars, min = 1, max = 120)))]
    #[serde(default)]
    pub name: Option<String>,
    /// Where invitations and resets go.
    #[garde(inner(custom(is_email)))]
    #[serde(default)]
    pub email: Option<String>,
    /// What they do: staff, settlement or admin; agents and partners stay what they are.
    #[garde(skip)]
    #[serde(default)]
    pub role: Option<Role>,
    /// Where they work; an agent stays where they are.
    #[garde(inner(length(max = 50)))]
    #[serde(default)]
    pub regions: Option<Vec<RegionName>>,
    /// Whether they may log in: `active` or `disabled`; `invited` takes back a disabling before the first password.
    #[garde(skip)]
    #[serde(default)]
    pub status: Option<UserStatus>,
    /// `false` takes the second factor away, when the phone with it is lost.
    #[garde(skip)]
    #[serde(default)]
    pub has_totp: Option<bool>,
}

#[expect(clippy::ptr_arg, reason = "garde hands over the field's own type")]
fn is_short_login<C>(login: &String, _: &C) -> garde::Result {
    if is_login(login) && !login.starts_with('+') {
        Ok(())
    } else {
        Err(garde::Error::new("must be 1 to 64 lower-case letters, digits, dots and hyphens"))
    }
}

/// What every mail server takes: something, an at-sign, a host with a dot. Only a mail that arrives proves more.
#[expect(clippy::ptr_arg, reason = "garde hands over the field's own type")]
fn is_email<C>(email: &String, _: &C) -> garde::Result {
    let printable = email.len() <= 254 && email.bytes().all(|byte| matches!(byte, b'!'..=b'~'));
    let parts = email.split_once('@').filter(|(local, host)| {
        !local.is_empty()
            && !host.contains('@')
            && host.split('.').count() > 1
            && host.split('.').all(|part| !part.is_empty())
    });
    if printable && parts.is_some() { Ok(()) } else { Err(garde::Error::new("must be a mail address")) }
}

/// Fewest characters of a password (NIST SP 800-63B, section 3.1.1.2, asks for 15 where it stands alone and 8 beside a
/// second factor; a desk that may have either gets 12).
const LEAST_PASSWORD_CHARS: usize = 12;

/// A password that is long enough and not the login itself.
///
/// # Errors
/// [`Failed::Invalid`] at `/password`.
pub fn must_be_good(password: &str, user: &User, operator: &OperatorName) -> Result<(), Failed> {
    let lower = password.to_lowercase();
    let named = [user.login.as_str(), operator.as_str()].iter().any(|word| lower.replace(word, "").chars().count() < 8);
    let one = password.chars().collect::<std::collections::BTreeSet<_>>().len() < 5;
    if password.chars().count() >= LEAST_PASSWORD_CHARS && !named && !one {
        return Ok(());
    }
    let detail = format!("must have {LEAST_PASSWORD_CHARS} characters, not all alike, and more than the login in it");
    Err(Failed::invalid(Flaw::new("/password", "invalid_value", detail)))
}

/// An agent's part of a new user: what the desk's map and the cash account need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentPart {
    /// Who.
    pub agent_id: AgentId,
    /// Where they work.
    pub region: RegionName,
    /// The most cash they may carry.
    pub cash_cap: Money,
}

impl NewUser {
    fn flaws(&self, operator: &Operator) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        let mut expect = |place: &str, is_given: bool, wanted: bool| {
            if wanted && !is_given {
                flaws.push(Flaw::new(place, "required", "this role needs it"));
            } else if is_given && !wanted {
                flaws.push(Flaw::new(place, "not_allowed", "this role has none"));
            }
        };
        let is_agent = self.role == Role::Agent;
        expect("/login", self.login.is_some(), !is_agent);
        expect("/phone", self.phone.is_some(), is_agent);
        expect("/cash_cap", self.cash_cap.is_some(), is_agent);
        expect("/partner_id", self.partner_id.is_some(), self.role == Role::Partner);
        expect("/regions", !self.regions.is_empty(), matches!(self.role, Role::Agent | Role::Staff));
        if !is_agent && self.email.is_none() {
            flaws.push(Flaw::new("/email", "required", "the invitation is sent by mail"));
        }
        if is_agent && self.regions.len() > 1 {
            flaws.push(Flaw::new("/regions", "not_allowed", "an agent works in one region"));
        }
        if let Some(partner) = self.partner_id.as_ref().filter(|partner| !operator.partners.contains(partner)) {
            let detail = format!("this operator does not work for {partner}");
            flaws.push(Flaw::new("/partner_id", "unknown_partner", detail));
        }
        if self.cash_cap.is_some_and(|cap| cap.currency != operator.currency) {
            let detail = format!("this operator's money is in {}", operator.currency);
            flaws.push(Flaw::new("/cash_cap/currency", "wrong_currency", detail));
        }
        flaws.extend(unknown_regions(&self.regions, operator));
        flaws
    }

    /// Somebody taken on by a command, and an agent's part of them.
    ///
    /// # Errors
    /// [`Failed::Invalid`] with a pointer for each part that the role does not have, or the operator does not know.
    pub fn taken_on(&self, command: &Command, operator: &Operator) -> Result<(KeptUser, Option<AgentPart>), Failed> {
        let flaws = self.flaws(operator);
        if !flaws.is_empty() {
            return Err(Failed::Invalid(flaws));
        }
        let seed = command.seed();
        let user_id = UserId::mint(command.at, &seed);
        let agent = match (self.role, self.cash_cap, self.regions.first()) {
            (Role::Agent, Some(cash_cap), Some(region)) => {
                Some(AgentPart { agent_id: AgentId::mint(command.at, &seed), region: region.clone(), cash_cap })
            }
            _ => None,
        };
        let subject = match (&agent, &self.partner_id) {
            (Some(agent), _) => agent.agent_id.to_string(),
            (None, Some(partner)) => partner.to_string(),
            (None, None) => user_id.to_string(),
        };
        let login = self.login.clone().or_else(|| self.phone.clone()).unwrap_or_default();
        let user = User {
            user_id,
            login,
            name: self.name.clone(),
            email: self.email.clone(),
            role: self.role,
            subject,
            regions: self.regions.clone(),
            status: if agent.is_some() { UserStatus::Active } else { UserStatus::Invited },
            has_totp: false,
            version: 1,
            created_at: command.at,
            updated_at: command.at,
        };
        Ok((
            KeptUser {
                user,
                password_hash: None,
                second_factor: None,
                generation: 0,
                is_address_new: true,
                revision: 1,
            },
            agent,
        ))
    }
}

fn unknown_regions(regions: &[RegionName], operator: &Operator) -> Vec<Flaw> {
    let known = operator.regions.iter().map(RegionName::as_str).collect::<Vec<_>>().join(", ");
    let strangers = regions.iter().enumerate().filter(|(_, region)| !operator.regions.contains(region));
    strangers
        .map(|(index, _)| {
            let flaw =
                Flaw::new(format!("/regions/{index}"), "unknown_region", "this operator does not work in that region");
            flaw.with_hint(format!("one of {known}"))
        })
        .collect()
}

impl KeptUser {
    /// Whether they may log in.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.user.status == UserStatus::Active
    }

    /// Whether they count as somebody who can manage people.
    #[must_use]
    pub fn is_active_admin(&self) -> bool {
        self.is_active() && self.user.role == Role::Admin
    }

    /// Whether they must name a code beside their password.
    #[must_use]
    pub fn has_second_factor(&self) -> bool {
        self.second_factor.as_ref().is_some_and(|factor| factor.is_confirmed)
    }

    /// Who their tokens say that they are.
    #[must_use]
    pub fn caller(&self, operator: &OperatorName) -> Caller {
        let User { user_id, role, subject, regions, .. } = &self.user;
        let mut caller = Caller::new(operator.clone(), *role, subject.clone(), regions.clone());
        caller.authentication.user_id = (*role == Role::Partner).then(|| user_id.clone());
        caller.authentication.generation = self.generation;
        caller
    }

    /// Whether a change of them may let somebody else in than who came in before: tickets go to another address, one that
    /// did was used, a password is enough again, or a login that nobody misses is good again.
    #[must_use]
    pub fn lets_in_another(&self, after: &Self) -> bool {
        let is_other_address = after.user.email != self.user.email;
        let has_lost_factor = self.has_second_factor() && !after.has_second_factor();
        let is_enabled_again = self.user.status == UserStatus::Disabled && after.user.status != UserStatus::Disabled;
        let is_ticket_used = self.is_address_new && !after.is_address_new;
        is_other_address || is_ticket_used || has_lost_factor || is_enabled_again
    }

    /// The same person at a later version, for a change that admins see.
    fn advanced(&self, at: Timestamp) -> Self {
        let version = self.user.version.saturating_add(1);
        Self { user: User { version, updated_at: at, ..self.user.clone() }, ..self.rewritten() }
    }

    /// The same person written anew, for a change that nobody sees: an admin's `If-Match` stays good.
    fn rewritten(&self) -> Self {
        Self { revision: self.revision.saturating_add(1), ..self.clone() }
    }

    /// The same person, whose logins from before have ended.
    fn logged_out(self) -> Self {
        Self { generation: self.generation.saturating_add(1), ..self }
    }

    /// The person with what an admin changes about them. What takes rights away, or gives others, ends every login.
    ///
    /// # Errors
    /// [`Failed::Invalid`] for what their role does not have, [`Refusal::OwnRights`] for one's own rights.
    pub fn change(&self, change: &UserChange, by: &Admin, operator: &Operator, at: Timestamp) -> Result<Self, Failed> {
        let role = change.role.unwrap_or(self.user.role);
        let regions = change.regions.clone().unwrap_or_else(|| self.user.regions.clone());
        let status = change.status.unwrap_or(self.user.status);
        let mut flaws = unknown_regions(&regions, operator);
        let is_staff = |role| matches!(role, Role::Staff | Role::Settlement | Role::Admin);
        if role != self.user.role && !(is_staff(role) && is_staff(self.user.role)) {
            flaws.push(Flaw::new("/role", "not_allowed", "agents and partners stay what they are"));
        }
        let has_regions = matches!(role, Role::Agent | Role::Staff);
        if has_regions == regions.is_empty() || (role == Role::Agent && regions != self.user.regions) {
            flaws.push(Flaw::new(
                "/regions",
                "not_allowed",
                "staff work in some regions, an agent stays in one, others have none",
            ));
        }
        let needs_password = self.user.role != Role::Agent && self.password_hash.is_none();
        if change.status == Some(UserStatus::Invited) && !needs_password {
            flaws.push(Flaw::new("/status", "not_allowed", "they have come in already; set active or disabled"));
        }
        if status == UserStatus::Active && needs_password {
            flaws.push(Flaw::new("/status", "not_allowed", "they have not set a password yet"));
        }
        if change.has_totp == Some(true) && !self.user.has_totp {
            flaws.push(Flaw::new("/has_totp", "not_allowed", "a second factor is enrolled by its owner"));
        }
        if !flaws.is_empty() {
            return Err(Failed::Invalid(flaws));
        }
        let rights_change = role != self.user.role || regions != self.user.regions || status != self.user.status;
        if rights_change && self.user.subject == by.caller.subject {
            return Err(Refusal::OwnRights.into());
        }
        let mut after = self.advanced(at);
        after.user.role = role;
        after.user.regions = regions;
        after.user.status = status;
        after.user.name = change.name.clone().unwrap_or(after.user.name);
        after.user.email = change.email.clone().or(after.user.email);
        after.is_address_new |= after.user.email != self.user.email;
        if change.has_totp == Some(false) {
            after.second_factor = None;
            after.user.has_totp = false;
        }
        Ok(if rights_change { after.logged_out() } else { after })
    }

    /// The person with a new password; every login from before ends.
    #[must_use]
    pub fn with_password(&self, password_hash: String, at: Timestamp) -> Self {
        let mut after = self.advanced(at);
        after.password_hash = Some(password_hash);
        after.is_address_new = false;
        if after.user.status == UserStatus::Invited {
            after.user.status = UserStatus::Active;
        }
        after.logged_out()
    }

    /// The person with the same password, hashed anew: by stronger parameters than it was.
    #[must_use]
    pub fn with_hash(&self, password_hash: String) -> Self {
        Self { password_hash: Some(password_hash), ..self.rewritten() }
    }

    /// The person with a second factor that waits for its first code.
    ///
    /// # Errors
    /// [`Refusal::TotpEnrolled`] when they have one.
    pub fn with_factor(&self) -> Result<Self, Refusal> {
        if self.has_second_factor() {
            return Err(Refusal::TotpEnrolled);
        }
        let after = self.rewritten();
        Ok(Self { second_factor: Some(SecondFactor::new(after.revision)), ..after })
    }

    /// The person whose second factor has shown its first code.
    ///
    /// # Errors
    /// [`Refusal::TotpMismatch`] when it is not its code, or there is none to be confirmed.
    pub fn with_factor_confirmed(&self, secret: &[u8; TOTP_BYTES], code: &str, at: Timestamp) -> Result<Self, Refusal> {
        let waiting = self.second_factor.as_ref().filter(|factor| !factor.is_confirmed);
        let confirmed = waiting.and_then(|factor| factor.used(secret, code, at)).ok_or(Refusal::TotpMismatch)?;
        let mut after = self.advanced(at);
        after.second_factor = Some(confirmed);
        after.user.has_totp = true;
        Ok(after)
    }

    /// The person after a code of their second factor was used at a login.
    #[must_use]
    pub fn with_code_used(&self, secret: &[u8; TOTP_BYTES], code: &str, at: Timestamp) -> Option<Self> {
        let used = self.second_factor.as_ref().filter(|factor| factor.is_confirmed)?.used(secret, code, at)?;
        Some(Self { second_factor: Some(used), ..self.rewritten() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Currency, access::Party};

    fn operator() -> Operator {
        Operator {
            operator: "pennco".parse().unwrap(),
            zone: "Asia/Kolkata".to_owned(),
            currency: Currency::Inr,
            regions: vec!["pune-north".parse().unwrap(), "pune-south".parse().unwrap()],
            partners: vec!["bfil".parse().unwrap()],
            payout_rails: std::collections::BTreeMap::new(),
            cash_reservation: crate::reservation::CashReservation::default(),
            settlement_formats: std::collections::BTreeMap::new(),
            business_calendar: crate::calendar::BusinessCalendar::default(),
            approvals: vec![],
        }
    }

    fn command(key: &str) -> Command {
        Command::of_job("pennco".parse().unwrap(), "test", key, Timestamp::from_millis(1), "r".to_owned())
    }

    fn new(json: serde_json::Value) -> NewUser {
        serde_json::from_value(json).unwrap()
    }

    fn staff() -> KeptUser {
        let body = serde_json::json!({ "login": "desk", "name": "Desk", "email": "d@e.in", "role": "staff", "regions": ["pune-north"] });
        let (mut taken, _) = new(body).taken_on(&command("desk"), &operator()).unwrap();
        taken = taken.with_password("hash".to_owned(), Timestamp::EPOCH);
        taken
    }

    fn admin(subject: &str) -> Admin {
        Admin::of(Caller::new("pennco".parse().unwrap(), Role::Admin, subject.to_owned(), vec![])).unwrap()
    }

    fn change(json: serde_json::Value) -> UserChange {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_role_has_what_it_needs_and_nothing_else() {
        for (body, pointers) in [
            (serde_json::json!({ "name": "A", "role": "agent" }), &["/phone", "/cash_cap", "/regions"][..]),
            (serde_json::json!({ "name": "A", "role": "staff", "login": "a" }), &["/regions", "/email"]),
            (
                serde_json::json!({ "name": "A", "role": "admin", "login": "a", "email": "a@b.in", "regions": ["pune-north"] }),
                &["/regions"],
            ),
            (
                serde_json::json!({ "name": "A", "role": "partner", "login": "a", "email": "a@b.in", "partner_id": "nobody" }),
                &["/partner_id"],
            ),
            (
                serde_json::json!({ "name": "A", "role": "staff", "login": "a", "email": "a@b.in", "regions": ["goa"] }),
                &["/regions/0"],
            ),
        ] {
            let Err(Failed::Invalid(flaws)) = new(body.clone()).taken_on(&command("k"), &operator()) else {
                panic!("{body} is not refused")
            };
            assert_eq!(flaws.iter().map(|flaw| flaw.pointer.as_str()).collect::<Vec<_>>(), pointers, "{body}");
        }
    }

    #[test]
    fn nobody_raises_themselves_and_others_only_end_their_logins_by_rights() {
        let desk = staff();
        let at = Timestamp::from_millis(9);
        let raise = change(serde_json::json!({ "role": "admin", "regions": [] }));
        let raised = desk.change(&raise, &admin("usr_other"), &operator(), at).unwrap();
        assert_eq!(
            (raised.user.role, raised.generation, raised.user.version),
            (Role::Admin, desk.generation + 1, desk.user.version + 1)
        );
        let own = desk.change(&raise, &admin(&desk.user.subject), &operator(), at);
        assert!(matches!(own, Err(Failed::Refused(Refusal::OwnRights))));
        let renamed =
            desk.change(&change(serde_json::json!({ "name": "N" })), &admin(&desk.user.subject), &operator(), at);
        assert_eq!(renamed.unwrap().generation, desk.generation, "a name is no right");
        let as_agent = desk.change(&change(serde_json::json!({ "role": "agent" })), &admin("x"), &operator(), at);
        assert!(matches!(as_agent, Err(Failed::Invalid(_))));
    }

    #[test]
    fn a_code_is_good_once_and_beside_its_own_half_minute() {
        // RFC 6238, appendix B: SHA-1, at 59 seconds the eight digits are 94287082, so the six are 287082.
        let secret = b"12345678901234567890";
        let factor = SecondFactor::new(2);
        let at = |seconds| Timestamp::EPOCH.plus_seconds(seconds);
        assert_eq!(factor.used(secret, "287082", at(59)).unwrap().used_step, 1);
        assert_eq!(factor.used(secret, "287082", at(89)).unwrap().used_step, 1, "the half minute before is taken");
        assert!(factor.used(secret, "287082", at(120)).is_none());
        assert!(factor.used(secret, "287082", at(59)).unwrap().used(secret, "287082", at(59)).is_none(), "twice");
        for bad in ["", "28708", "2870820", "287083", "٢٨٧٠٨٢"] {
            assert!(factor.used(secret, bad, at(59)).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_password_is_long_and_not_the_login() {
        let user = staff().user;
        let operator = "pennco".parse().unwrap();
        for (password, good) in [
            ("correct horse battery", true),
            ("short", false),
            ("aaaaaaaaaaaaaaaa", false),
            ("desk-pennco-1", false),
            ("desk-pennco-1-and-more", true),
            ("deskdeskdeskdesk", false),
            ("नमस्ते दुनिया आज", true),
        ] {
            assert_eq!(must_be_good(password, &user, &operator).is_ok(), good, "{password}");
        }
    }

    #[test]
    fn a_username_is_a_login_and_an_operator() {
        assert!(Username::read("desk@pennco").is_some_and(|name| !name.is_number()));
        assert!(Username::read("+919800000001@pennco").is_some_and(|name| name.is_number()));
        for bad in ["desk", "@", "desk@", "@pennco", "DESK@pennco", "a#b@pennco", "desk@vishi@pennco", "+91@pennco"] {
            assert_eq!(Username::read(bad), None, "{bad}");
        }
    }
}
