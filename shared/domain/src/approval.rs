//! Approvals: what an operator lets nobody do alone, who has decided about it, and until when a request waits.

use std::{collections::BTreeSet, num::NonZeroU8, str::FromStr};

use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    ApprovalId, Caller, Command, Delivery, Failed, Money, PartnerName, Refusal, RegionName, Role, Timestamp,
    access::{Belongings, Owned},
    ledger::{Account, Transfer},
    transfer::{Beside, Meanwhile, ProposedTransfer},
};

/// What an approval is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SubjectKind {
    /// A partner's instruction to pay a borrower.
    Disbursement,
    /// A transfer by hand, also one that spends a reservation.
    Transfer,
    /// The taking back of a transfer by hand, or of a payment with its hand-over.
    Reversal,
}

impl SubjectKind {
    /// Everything that an operator may ask approval for.
    pub const ALL: [Self; 3] = [Self::Disbursement, Self::Transfer, Self::Reversal];

    /// The word for it in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disbursement => "disbursement",
            Self::Transfer => "transfer",
            Self::Reversal => "reversal",
        }
    }
}

/// From an amount on, how many people approve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Band {
    /// The least amount of the band, in minor units, inclusive; it ends where the next one begins.
    pub from_minor: i64,
    /// How many people approve; the maker is none of them.
    pub quorum: NonZeroU8,
}

/// What an operator asks approval for, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRule {
    /// For what.
    pub subject: SubjectKind,
    /// From which amounts on, ascending; nothing is asked below the first.
    pub bands: Vec<Band>,
    /// How long a request waits, in hours.
    pub expires_after_hours: u32,
}

/// The longest that a request may wait, in hours: the seven days after which a partner's instruction is looked at anew.
const LONGEST_HOURS: u32 = 7 * 24;

/// How long before a request no admin may have let anybody into the login of who decides, in seconds: a week, in which
/// everybody has a working day, and notices that their login is not theirs any more.
const QUIET_SECONDS: i64 = 7 * 86_400;
/// How long it matters that an admin let somebody into a login, in seconds: a request may be made at the end of the quiet
/// time, and wait another week.
pub const HANDS_SECONDS: i64 = 2 * QUIET_SECONDS;

/// A text is no rule of approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be such as disbursement:24:10000000=1,50000000=2, of subject (disbursement, transfer or reversal), hours (1 to \
     168) and bands that ascend"
)]
pub struct NotARule;

impl FromStr for ApprovalRule {
    type Err = NotARule;
    fn from_str(text: &str) -> Result<Self, NotARule> {
        let (subject, rest) = text.split_once(':').ok_or(NotARule)?;
        let (hours, bands) = rest.split_once(':').ok_or(NotARule)?;
        let subject = SubjectKind::ALL.into_iter().find(|kind| kind.as_str() == subject).ok_or(NotARule)?;
        let expires_after_hours = hours.parse().map_err(|_| NotARule)?;
        let bands: Vec<Band> = bands.split(',').map(band).collect::<Result<_, _>>()?;
        let ascend = bands.iter().zip(bands.iter().skip(1)).all(|(low, high)| low.from_minor < high.from_minor);
        if !(1..=LONGEST_HOURS).contains(&expires_after_hours) || !ascend {
            return Err(NotARule);
        }
        Ok(Self { subject, bands, expires_after_hours })
    }
}

fn band(text: &str) -> Result<Band, NotARule> {
    let (from, quorum) = text.split_once('=').ok_or(NotARule)?;
    let from_minor = from.parse().ok().filter(|from: &i64| *from > 0).ok_or(NotARule)?;
    Ok(Band { from_minor, quorum: quorum.parse().map_err(|_| NotARule)? })
}

impl ApprovalRule {
    /// How many people approve an amount; nobody below the first band.
    #[must_use]
    pub fn quorum(&self, amount_minor: i64) -> Option<NonZeroU8> {
        let reached = self.bands.iter().filter(|band| band.from_minor <= amount_minor);
        reached.max_by_key(|band| band.from_minor).map(|band| band.quorum)
    }
}

/// How far an approval has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalStatus {
    /// It waits for decisions.
    #[default]
    Pending,
    /// As many people as it takes have approved.
    Approved,
    /// Somebody has rejected it.
    Rejected,
    /// Nobody decided in time.
    Expired,
    /// What it was about was cancelled.
    Cancelled,
}

impl ApprovalStatus {
    /// The word for it in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Who asked for what waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Maker {
    /// The person's or the program's id.
    pub principal: String,
    /// What they do.
    pub role: Role,
    /// Whether it is a program.
    pub is_program: bool,
}

/// One side of what will be booked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PreviewPosting {
    /// The account; absent while it is not known yet which agent's cash it will be.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(value_type = Option<String>)]
    pub account_id: Option<Account>,
    /// Its kind, such as `agent_cash`.
    pub account_kind: String,
    /// How much, signed: debits positive, credits negative.
    pub amount: Money,
}

/// What somebody says about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Yes; as many as the quorum are needed.
    Approve,
    /// No; one is enough.
    Reject,
}

/// A decision, as it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct NewDecision {
    /// Yes or no.
    #[garde(skip)]
    pub decision: Verdict,
    /// Why, for whoever asks later.
    #[garde(length(chars, min = 1, max = 500))]
    pub reason: String,
}

/// A decision as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Decision {
    /// Whose: the person's id.
    pub approver: String,
    /// What they do.
    pub role: Role,
    /// Yes or no.
    pub decision: Verdict,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// A request that waits for people, and what they said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Approval {
    /// Its id.
    pub approval_id: ApprovalId,
    /// What it is about.
    pub subject: SubjectKind,
    /// Which one.
    pub subject_id: String,
    /// How far it has come.
    pub status: ApprovalStatus,
    /// Who asked.
    pub maker: Maker,
    /// The lender it is about.
    pub partner_id: Option<PartnerName>,
    /// Where.
    pub region: Option<RegionName>,
    /// How much.
    pub amount: Money,
    /// What will be booked.
    pub preview: Vec<PreviewPosting>,
    /// The transfer by hand that waits, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub transfer: Option<ProposedTransfer>,
    /// How many people must approve.
    #[schema(value_type = u8, minimum = 1)]
    pub quorum: NonZeroU8,
    /// Who has decided, in order.
    pub decisions: Vec<Decision>,
    /// From this moment on nobody decides any more.
    pub expires_at: Timestamp,
    /// Counts its changes, from 1.
    pub version: u64,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Owned for Approval {
    fn belongings(&self) -> Belongings<'_> {
        Belongings {
            partner: self.partner_id.as_ref(),
            region: self.region.as_ref(),
            requester: Some(&self.maker.principal),
            ..Belongings::default()
        }
    }
}

/// What is asked approval for.
#[derive(Debug, Clone)]
pub struct Request {
    /// What it is about.
    pub subject: SubjectKind,
    /// Which one.
    pub subject_id: String,
    /// The lender it is about.
    pub partner_id: Option<PartnerName>,
    /// Where.
    pub region: Option<RegionName>,
    /// How much.
    pub amount: Money,
    /// What will be booked.
    pub preview: Vec<PreviewPosting>,
    /// The transfer by hand that waits, if it is about one.
    pub transfer: Option<ProposedTransfer>,
}

/// What waits for an approval, as it was loaded beside it.
#[derive(Debug, Clone, PartialEq)]
pub enum Waiting {
    /// The visit of a disbursement.
    Visit(Box<Delivery>),
    /// The transfer that the approval has in it: what may have changed since it was asked for.
    Transfer(Box<Meanwhile>),
}

/// What follows from a decision.
#[derive(Debug, Clone, PartialEq)]
pub enum Consequence {
    /// Nothing yet, or nothing any more.
    Nothing,
    /// The visit that waited moves on, to its agent or to its end.
    Visit(Box<Delivery>),
    /// The transfer that waited is booked, and what it is about moves on with it.
    Transfer(Box<(Transfer, Beside)>),
}

impl Waiting {
    /// What follows when an approval is so.
    ///
    /// # Errors
    /// [`Failed::Moved`] for a visit that was read after somebody else had settled the approval; what
    /// [`ProposedTransfer::approved`] refuses: such an approval stays pending, and can be rejected.
    pub fn follow(&self, approval: &Approval, at: Timestamp) -> Result<Consequence, Failed> {
        match (self, approval.status) {
            // Who cancels what waits writes its visit as well.
            (_, ApprovalStatus::Pending | ApprovalStatus::Cancelled)
            | (Self::Transfer(_), ApprovalStatus::Rejected | ApprovalStatus::Expired) => Ok(Consequence::Nothing),
            (Self::Visit(visit), ApprovalStatus::Approved) => moved(visit.release(at)),
            (Self::Visit(visit), ApprovalStatus::Rejected | ApprovalStatus::Expired) => moved(visit.call_off(at)),
            (Self::Transfer(meanwhile), ApprovalStatus::Approved) => {
                let proposed = approval.transfer.as_ref().ok_or_else(|| Failed::fault("no transfer waits for it"))?;
                proposed.approved(approval, meanwhile, at).map(Box::new).map(Consequence::Transfer)
            }
        }
    }
}

/// A visit that moves together with its approval.
fn moved(visit: Result<Delivery, Refusal>) -> Result<Consequence, Failed> {
    visit.map(Box::new).map(Consequence::Visit).map_err(|_| Failed::Moved)
}

/// A name for a whole role among those who are barred from a decision; no id has a colon in it.
#[must_use]
pub fn barred_role(role: Role) -> String {
    format!("role:{}", role.as_str())
}

impl Approval {
    /// The approval that a command of somebody has to wait for, if a rule asks for one.
    #[must_use]
    pub fn asked(rules: &[ApprovalRule], command: &Command, maker: &Caller, request: Request) -> Option<Self> {
        let rule = rules.iter().find(|rule| rule.subject == request.subject)?;
        let quorum = rule.quorum(request.amount.amount_minor)?;
        let maker = Maker {
            principal: maker.principal().to_owned(),
            role: maker.role,
            is_program: maker.authentication.client_id.is_some(),
        };
        Some(Self {
            approval_id: ApprovalId::mint(command.at, &command.seed()),
            subject: request.subject,
            subject_id: request.subject_id,
            status: ApprovalStatus::Pending,
            maker,
            partner_id: request.partner_id,
            region: request.region,
            amount: request.amount,
            preview: request.preview,
            transfer: request.transfer,
            quorum,
            decisions: vec![],
            expires_at: command.at.plus_seconds(i64::from(rule.expires_after_hours).saturating_mul(3600)),
            version: 1,
            created_at: command.at,
            updated_at: command.at,
        })
    }

    /// Who may not decide: the maker and, where the maker is a program, the admins, who hand out the programs' secrets.
    #[must_use]
    pub fn barred(&self) -> Vec<String> {
        let admins = self.maker.is_program.then(|| barred_role(Role::Admin));
        std::iter::once(self.maker.principal.clone()).chain(admins).collect()
    }

    /// Whose logins no admin may have let anybody into since [`Self::quiet_since`] for somebody to decide: their own, and
    /// where they are an admin the maker's, who may be the admin once more.
    #[must_use]
    pub fn quiet_logins(&self, approver: &Caller) -> BTreeSet<String> {
        let makers = (approver.role == Role::Admin).then(|| self.maker.principal.clone());
        std::iter::once(approver.principal().to_owned()).chain(makers).collect()
    }

    /// From when on: a week before the request.
    #[must_use]
    pub fn quiet_since(&self) -> Timestamp {
        self.created_at.plus_seconds(-QUIET_SECONDS)
    }

    /// Who has decided.
    #[must_use]
    pub fn approvers(&self) -> Vec<String> {
        self.decisions.iter().map(|decision| decision.approver.clone()).collect()
    }

    /// The approval with somebody's decision: rejected by the first no, approved by the last yes that it takes.
    ///
    /// # Errors
    /// In this order [`Refusal::OwnApproval`], [`Refusal::AlreadyDecided`], [`Refusal::ApprovalExpired`], and
    /// [`Refusal::IllegalTransition`] when others have settled it.
    pub fn decide(&self, approver: &Caller, new: &NewDecision, at: Timestamp) -> Result<Self, Refusal> {
        let principal = approver.principal();
        let barred = self.barred();
        if barred.iter().any(|name| name == principal || *name == barred_role(approver.role)) {
            return Err(Refusal::OwnApproval);
        }
        if self.decisions.iter().any(|decision| decision.approver == principal) {
            return Err(Refusal::AlreadyDecided);
        }
        let is_late = self.status == ApprovalStatus::Pending && at >= self.expires_at;
        if is_late || self.status == ApprovalStatus::Expired {
            return Err(Refusal::ApprovalExpired { expires_at: self.expires_at.to_string() });
        }
        self.must_be_pending()?;
        let mut decisions = self.decisions.clone();
        decisions.push(Decision {
            approver: principal.to_owned(),
            role: approver.role,
            decision: new.decision,
            reason: new.reason.clone(),
            at,
        });
        let status = match new.decision {
            Verdict::Reject => ApprovalStatus::Rejected,
            Verdict::Approve if decisions.len() >= usize::from(self.quorum.get()) => ApprovalStatus::Approved,
            Verdict::Approve => ApprovalStatus::Pending,
        };
        Ok(Self { decisions, ..self.moved_to(status, at) })
    }

    /// The approval whose time has passed.
    ///
    /// # Errors
    /// [`Refusal::IllegalTransition`] when it is settled, or its time has not come.
    pub fn expire(&self, at: Timestamp) -> Result<Self, Refusal> {
        self.must_be_pending()?;
        if at < self.expires_at {
            let legal_moves = ["approved", "rejected"].map(str::to_owned).to_vec();
            return Err(Refusal::IllegalTransition { status: self.status.as_str().to_owned(), legal_moves });
        }
        Ok(self.moved_to(ApprovalStatus::Expired, at))
    }

    /// The approval of something that was cancelled; one that is settled stays as it is.
    #[must_use]
    pub fn cancelled(&self, at: Timestamp) -> Option<Self> {
        (self.status == ApprovalStatus::Pending).then(|| self.moved_to(ApprovalStatus::Cancelled, at))
    }

    fn must_be_pending(&self) -> Result<(), Refusal> {
        match self.status {
            ApprovalStatus::Pending => Ok(()),
            ApprovalStatus::Approved
            | ApprovalStatus::Rejected
            | ApprovalStatus::Expired
            | ApprovalStatus::Cancelled => {
                Err(Refusal::IllegalTransition { status: self.status.as_str().to_owned(), legal_moves: vec![] })
            }
        }
    }

    fn moved_to(&self, status: ApprovalStatus, at: Timestamp) -> Self {
        Self { status, version: self.version.saturating_add(1), updated_at: at, ..self.clone() }
    }
}

/// Which approvals somebody asks for.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalQuery {
    /// How far they have come; `pending` when it is left out.
    #[serde(default)]
    pub status: ApprovalStatus,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{ClientId, Currency, access, command::Fingerprint};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_763_700_000_000).plus_seconds(seconds)
    }

    fn person(role: Role, name: &str) -> Caller {
        Caller::new("pennco".parse().unwrap(), role, name.to_owned(), vec![])
    }

    fn rules() -> Vec<ApprovalRule> {
        vec!["disbursement:24:10000=1,50000=3".parse().unwrap()]
    }

    fn asked_by(maker: &Caller, amount_minor: i64) -> Option<Approval> {
        let fingerprint = Fingerprint::of_text("k");
        let route = &access::DISBURSEMENT_CREATE;
        let command = Command::of_request(maker, route, "k".into(), fingerprint, at(0), "r".into(), "/".into());
        let request = Request {
            subject: SubjectKind::Disbursement,
            subject_id: "dsb_1".into(),
            partner_id: None,
            region: None,
            amount: Money::new(amount_minor, Currency::Inr),
            preview: vec![],
            transfer: None,
        };
        Approval::asked(&rules(), &command, maker, request)
    }

    fn says(decision: Verdict) -> NewDecision {
        NewDecision { decision, reason: "seen".into() }
    }

    #[test]
    fn a_band_begins_at_its_amount_and_ends_where_the_next_begins() {
        let maker = person(Role::Partner, "bfil");
        for (amount, quorum) in [(1, None), (9_999, None), (10_000, Some(1)), (49_999, Some(1)), (50_000, Some(3))] {
            let asked = asked_by(&maker, amount).map(|approval| approval.quorum.get());
            assert_eq!(asked, quorum, "{amount}");
        }
        assert_eq!(asked_by(&maker, i64::MAX).unwrap().expires_at, at(86_400));
    }

    #[test]
    fn a_rule_is_read_from_a_text_and_nonsense_is_none() {
        assert_eq!(rules()[0].quorum(10_000).map(NonZeroU8::get), Some(1));
        for text in [
            "",
            "disbursement",
            "disbursement:24",
            "disbursement:24:",
            "disbursement:0:1=1",
            "disbursement:169:1=1",
            "disbursement:24:1=0",
            "disbursement:24:0=1",
            "disbursement:24:-5=1",
            "disbursement:24:5=1,5=2",
            "disbursement:24:9=1,5=2",
            "disbursement:24:1=1,",
            "lunch:24:1=1",
        ] {
            assert_eq!(text.parse::<ApprovalRule>(), Err(NotARule), "{text}");
        }
    }

    #[test]
    fn the_maker_never_decides_and_nobody_decides_twice() {
        let maker = person(Role::Partner, "usr_maker");
        let before = asked_by(&maker, 50_000).unwrap();
        assert_eq!(before.decide(&maker, &says(Verdict::Approve), at(1)), Err(Refusal::OwnApproval));
        let admin = person(Role::Admin, "usr_admin");
        let once = before.decide(&admin, &says(Verdict::Approve), at(1)).unwrap();
        assert_eq!(once.status, ApprovalStatus::Pending);
        for verdict in [Verdict::Approve, Verdict::Reject] {
            assert_eq!(once.decide(&admin, &says(verdict), at(2)), Err(Refusal::AlreadyDecided));
        }
    }

    #[test]
    fn what_a_program_made_no_admin_approves_because_admins_hold_its_secret() {
        let mut program = person(Role::Partner, "bfil");
        program.authentication.client_id = Some(ClientId::mint(at(0), &[b"c"]));
        let before = asked_by(&program, 10_000).unwrap();
        let approve = says(Verdict::Approve);
        assert_eq!(before.decide(&program, &approve, at(1)), Err(Refusal::OwnApproval));
        assert_eq!(before.decide(&person(Role::Admin, "usr_a"), &approve, at(1)), Err(Refusal::OwnApproval));
        let desk = person(Role::Settlement, "usr_s");
        assert_eq!(before.decide(&desk, &approve, at(1)).unwrap().status, ApprovalStatus::Approved);
    }

    #[test]
    fn nobody_decides_from_the_moment_on_at_which_it_expires() {
        let before = asked_by(&person(Role::Partner, "bfil"), 10_000).unwrap();
        let desk = person(Role::Settlement, "usr_s");
        let last = at(86_400 - 1);
        assert_eq!(before.decide(&desk, &says(Verdict::Approve), last).unwrap().status, ApprovalStatus::Approved);
        assert!(before.expire(last).is_err());
        let expired = Refusal::ApprovalExpired { expires_at: at(86_400).to_string() };
        assert_eq!(before.decide(&desk, &says(Verdict::Approve), at(86_400)), Err(expired.clone()));
        let after = before.expire(at(86_400)).unwrap();
        assert_eq!(after.decide(&desk, &says(Verdict::Reject), at(1)), Err(expired));
    }

    proptest! {
        #[test]
        fn whatever_is_decided_it_takes_the_quorum_of_different_people_and_moves_forward_only(
            tries in prop::collection::vec((0_u8..6, any::<bool>(), 0_i64..100_000), 1..30),
            amount in 10_000_i64..100_000,
        ) {
            let maker = person(Role::Partner, "usr_0");
            let mut now = asked_by(&maker, amount).unwrap();
            for (who, yes, seconds) in tries {
                let verdict = if yes { Verdict::Approve } else { Verdict::Reject };
                let next = if who == 5 {
                    now.expire(at(seconds))
                } else {
                    now.decide(&person(Role::Partner, &format!("usr_{who}")), &says(verdict), at(seconds))
                };
                if let Ok(next) = next {
                    prop_assert_eq!(now.status, ApprovalStatus::Pending);
                    prop_assert_eq!(next.version, now.version + 1);
                    now = next;
                }
            }
            let mut approvers = now.approvers();
            approvers.sort();
            approvers.dedup();
            prop_assert_eq!(approvers.len(), now.decisions.len());
            prop_assert!(!approvers.contains(&"usr_0".to_owned()));
            let yes = now.decisions.iter().filter(|one| one.decision == Verdict::Approve).count();
            let enough = yes == usize::from(now.quorum.get());
            prop_assert_eq!(now.status == ApprovalStatus::Approved, enough);
        }
    }
}
