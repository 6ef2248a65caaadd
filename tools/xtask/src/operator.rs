//! Takes an operator on, with its first admin, who is invited by mail and takes on everybody else over the API; and changes
//! one that was taken on.
//!
//! The API has no route for it: whoever may do this is above every operator. So it writes what the API would, with the
//! rights of whoever runs it.

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
};

use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::config::Credentials;
use clap::Args;
use domain::{
    Failed, OperatorName, PartnerName, Timestamp, UserId,
    access::Role,
    approval::ApprovalRule,
    calendar::{BusinessCalendar, Holiday},
    failed::Cause,
    operator::{MOST_PARTNERS, Operator},
    operator_change::OperatorChange,
    reservation::CashReservation,
    settlement_format::SettlementFormats,
    turn_around::Rail,
    user::{KeptUser, User, UserStatus},
};
use store::{Directory, Table, TableNames};

use crate::stack::{self, Stack};

/// What `operator` may be told.
#[derive(Debug, Clone, Args)]
pub struct NewOperator {
    /// Its short name: lower-case letters, digits and hyphens.
    pub name: String,
    /// Change one that was taken on: --partners and each --holiday are added, --payout-rails and --settlement-formats are set,
    /// each of --approvals takes the place of the rule for the same thing, and everything else stays. A partner cannot be
    /// taken away, and zone, currency, cut-off and days off cannot be changed.
    #[arg(long, requires_all = ["by", "reason"])]
    pub change: bool,
    /// Who changes it, for its audit: letters, digits and `.@_-`.
    #[arg(long, value_name = "NAME", requires = "change", value_parser = who)]
    pub by: Option<String>,
    /// Why it is changed, for its audit.
    #[arg(long, requires = "change", value_parser = said)]
    pub reason: Option<String>,
    /// Where it works, by short names.
    #[arg(long, value_delimiter = ',', required_unless_present = "change", conflicts_with = "change")]
    pub regions: Vec<String>,
    /// Whose cash it moves, by short names; with --change, whose it moves as well.
    #[arg(long, value_delimiter = ',', required_unless_present = "change")]
    pub partners: Vec<String>,
    /// Where the invitation of its first admin goes; they log in as `admin@<name>`.
    #[arg(long, value_name = "ADDRESS", required_unless_present = "change", conflicts_with = "change")]
    pub admin_email: Option<String>,
    /// Zone of its business days.
    #[arg(long, default_value = "Asia/Kolkata", conflicts_with = "change")]
    pub zone: String,
    /// The currency of its money.
    #[arg(long, default_value = "INR", conflicts_with = "change")]
    pub currency: String,
    /// A JSON file with its business calendar: `{"cut_off": "20:30", "days_off": ["sunday"], "holidays": [{"day":
    /// "2027-01-26", "name": "Republic Day"}]}`; each part may be left out.
    #[arg(long, value_name = "FILE", conflicts_with = "change")]
    pub calendar: Option<std::path::PathBuf>,
    /// A day off beside those of the calendar, as `2027-01-26=Republic Day`; the option is given once for each.
    #[arg(long = "holiday", value_name = "DAY=NAME")]
    pub holidays: Vec<Holiday>,
    /// What nobody does alone, as `disbursement:<hours>:<from_minor>=<quorum>,…`: from which amounts on how many people
    /// approve, and how long a request waits for them.
    #[arg(long, value_name = "RULE")]
    pub approvals: Vec<ApprovalRule>,
    /// Whether agents' cash is set aside for the payments that they are to make: `none`, or `at_assignment`, which gives
    /// nobody a payment's visit whose available cash is less.
    #[arg(long, default_value = "none", value_name = "WHEN", conflicts_with = "change")]
    pub cash_reservation: CashReservation,
    /// How partners' settlement files are laid out, as `<partner>=<format>`: `milepost`, `pipe` or `fixed`; who is not
    /// named has `milepost`.
    #[arg(long, value_delimiter = ',', value_name = "PARTNER=FORMAT")]
    pub settlement_formats: Vec<String>,
    /// Which way partners are paid, as `<partner>=<rail>`: `imps`, `upi`, `upi_merchant`, `neft` or `rtgs`; who is not named
    /// is paid by `imps`.
    #[arg(long, value_delimiter = ',', value_name = "PARTNER=RAIL")]
    pub payout_rails: Vec<String>,
    /// Port of the emulator.
    #[arg(long, default_value_t = stack::PORT)]
    pub port: u16,
    /// In AWS: the outputs RecordsTable, LedgerTable and TracksTable of the data stack. Your own credentials and region
    /// are used, and no emulator.
    #[arg(long, value_delimiter = ',', value_name = "RECORDS,LEDGER,TRACKS", conflicts_with = "port")]
    pub tables: Vec<String>,
}

/// Who may stand in an audit: nothing that would end a key.
fn who(text: &str) -> Result<String, String> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || ".@_-".contains(letter);
    let is_name = !text.is_empty() && text.len() <= 100 && text.chars().all(fits);
    is_name.then(|| text.to_owned()).ok_or_else(|| "must be 1 to 100 letters, digits and .@_-".to_owned())
}

/// A reason that says something.
fn said(text: &str) -> Result<String, String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned()).ok_or_else(|| "must say why".to_owned())
}

impl NewOperator {
    /// Takes it on, in which what is there already stays as it is, or changes it. Who its first admin is, or what it is
    /// now.
    ///
    /// # Errors
    /// [`crate::Failed::NoStack`] when there is no stack, [`crate::Failed::NotSeeded`] when a name is none, when it cannot
    /// be changed so, or the tables do not answer.
    pub fn take_on(&self) -> Result<String, crate::Failed> {
        let stack = if self.tables.is_empty() { Some(Stack::read(self.port)?) } else { None };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|source| crate::Failed::Program { program: "operator".to_owned(), source })?;
        let written = runtime.block_on(self.write(stack.as_ref()));
        written.map_err(|failed| crate::Failed::NotSeeded(Box::new(failed)))
    }

    async fn write(&self, stack: Option<&Stack>) -> Result<String, Failed> {
        let directory = match (stack, self.tables.as_slice()) {
            (Some(stack), _) => local(stack).await,
            (None, [records, ledger, tracks]) => {
                let config = aws_config::defaults(BehaviorVersion::v2026_01_12()).load().await;
                let [records, ledger, tracks] = [records, ledger, tracks].map(String::clone);
                let names = TableNames { records, ledger, tracks };
                Directory::new(Table::new(aws_sdk_dynamodb::Client::new(&config), names))
            }
            (None, _) => return Err(Failed::fault("--tables takes three names")),
        };
        if self.change {
            return self.changed(&directory).await;
        }
        let operator = self.operator()?;
        let address = self.admin_email.as_deref().ok_or_else(|| Failed::fault("--admin-email is missing"))?;
        directory.create_operator(&operator).await?;
        let admin = Self::admin(&operator.operator, address);
        directory.create_user(&operator.operator, &admin, admin.user.created_at).await?;
        Ok(format!("{}@{} is invited at {address}", admin.user.login, operator.operator))
    }

    async fn changed(&self, directory: &Directory) -> Result<String, Failed> {
        let (Some(by), Some(reason)) = (&self.by, &self.reason) else {
            return Err(Failed::fault("--change takes --by and --reason"));
        };
        let name: OperatorName = self.name.parse().map_err(Failed::fault)?;
        let changed = directory.change_operator(&name, &self.what_changes()?, by, reason, now()).await;
        let (operator, version) = changed.map_err(|failed| {
            if matches!(failed, Failed::Unknown) {
                Failed::fault(format!("there is no operator {name}: take it on without --change"))
            } else if matches!(failed, Failed::Moved | Failed::InProgress | Failed::KeyReused { .. }) {
                Failed::fault(format!("{name} changed meanwhile, or closed a day: do it again"))
            } else {
                failed
            }
        })?;
        let told = serde_json::to_string_pretty(&operator).map_err(Failed::fault)?;
        Ok(format!("{name} has changed {version} times, and is now\n{told}"))
    }

    fn what_changes(&self) -> Result<OperatorChange, Failed> {
        Ok(OperatorChange {
            partners: each_once("--partners", &self.partners)?,
            payout_rails: self.payout_rails()?,
            settlement_formats: self.settlement_formats()?,
            holidays: self.holidays.clone(),
            approvals: self.approvals.clone(),
        })
    }

    fn operator(&self) -> Result<Operator, Failed> {
        let zone = jiff::tz::TimeZone::get(&self.zone).map_err(Failed::fault)?;
        let partners = self.partners()?;
        let calendar: BusinessCalendar = match &self.calendar {
            Some(path) => {
                serde_json::from_slice(&std::fs::read(path).map_err(Failed::fault)?).map_err(Failed::fault)?
            }
            None => BusinessCalendar::default(),
        };
        Ok(Operator {
            operator: self.name.parse().map_err(Failed::fault)?,
            zone: zone.iana_name().unwrap_or("UTC").to_owned(),
            currency: serde_json::from_value(self.currency.clone().into()).map_err(Failed::fault)?,
            regions: each_once("--regions", &self.regions)?,
            payout_rails: known_to("--payout-rails", self.payout_rails()?, &partners)?,
            cash_reservation: self.cash_reservation,
            settlement_formats: known_to("--settlement-formats", self.settlement_formats()?, &partners)?,
            partners,
            business_calendar: calendar.with_holidays(&self.holidays).map_err(Failed::fault)?,
            approvals: self.approvals.clone(),
        })
    }

    fn partners(&self) -> Result<Vec<PartnerName>, Failed> {
        let partners = each_once("--partners", &self.partners)?;
        if partners.len() > MOST_PARTNERS {
            let count = partners.len();
            return Err(Failed::fault(format!("--partners has {count}, and a day closes for {MOST_PARTNERS} at most")));
        }
        Ok(partners)
    }

    fn settlement_formats(&self) -> Result<BTreeMap<PartnerName, String>, Failed> {
        let known = SettlementFormats::shipped()?;
        by_partner("--settlement-formats", "format", &self.settlement_formats, |name| {
            Ok(known.newest(name)?.format().name.clone())
        })
    }

    fn payout_rails(&self) -> Result<BTreeMap<PartnerName, Rail>, Failed> {
        by_partner("--payout-rails", "rail", &self.payout_rails, |name| {
            serde_json::from_value(name.into()).map_err(Failed::fault)
        })
    }

    fn admin(operator: &OperatorName, address: &str) -> KeptUser {
        let now = now();
        let user_id = UserId::mint(now, &[operator.as_str().as_bytes(), b"admin"]);
        let user = User {
            subject: user_id.to_string(),
            user_id,
            login: "admin".to_owned(),
            name: "Admin".to_owned(),
            email: Some(address.to_owned()),
            role: Role::Admin,
            regions: vec![],
            status: UserStatus::Invited,
            has_totp: false,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        KeptUser { user, password_hash: None, second_factor: None, generation: 0, is_address_new: false, revision: 1 }
    }
}

#[expect(clippy::disallowed_methods, reason = "a tool at a desk has a clock")]
fn now() -> Timestamp {
    Timestamp::from_millis(jiff::Timestamp::now().as_millisecond())
}

/// What an option says of partners, as `<partner>=<what>`, of each once.
fn by_partner<T>(
    option: &str,
    what: &str,
    said: &[String],
    read: impl Fn(&str) -> Result<T, Failed>,
) -> Result<BTreeMap<PartnerName, T>, Failed> {
    let mut of_partners = BTreeMap::new();
    for one in said {
        let (partner, value) = one
            .split_once('=')
            .ok_or_else(|| Failed::fault(format!("{option} has `{one}`: it takes <partner>=<{what}>")))?;
        if of_partners.insert(partner.parse().map_err(Failed::fault)?, read(value)?).is_some() {
            return Err(Failed::fault(format!("{option} names {partner} twice: name it once")));
        }
    }
    Ok(of_partners)
}

/// What an option says of partners, all of whom must be the operator's: what is said of another would never count.
fn known_to<T>(
    option: &str,
    of_partners: BTreeMap<PartnerName, T>,
    partners: &[PartnerName],
) -> Result<BTreeMap<PartnerName, T>, Failed> {
    match of_partners.keys().find(|partner| !partners.contains(partner)) {
        Some(partner) => Err(Failed::fault(format!("{option} names {partner}: name it in --partners too"))),
        None => Ok(of_partners),
    }
}

/// Names that an option lists, each once: one that is there twice would be settled, read and counted twice.
fn each_once<T>(option: &str, names: &[String]) -> Result<Vec<T>, Failed>
where
    T: FromStr<Err: Into<Cause>>,
{
    let mut seen = BTreeSet::new();
    let mut read = Vec::with_capacity(names.len());
    for name in names {
        if !seen.insert(name) {
            return Err(Failed::fault(format!("{option} names {name} twice: name it once")));
        }
        read.push(name.parse().map_err(Failed::fault)?);
    }
    Ok(read)
}

/// The directory of a stack on this machine.
pub(crate) async fn local(stack: &Stack) -> Directory {
    let names = TableNames {
        records: stack.records_table.clone(),
        ledger: stack.ledger_table.clone(),
        tracks: stack.tracks_table.clone(),
    };
    Directory::new(Table::new(aws_sdk_dynamodb::Client::new(&config(stack).await), names))
}

/// How AWS clients reach a stack on this machine.
pub(crate) async fn config(stack: &Stack) -> aws_config::SdkConfig {
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(Region::new(stack.region.clone()))
        .endpoint_url(&stack.emulator_url)
        .credentials_provider(Credentials::new("test", "test", None, None, "local"))
        .load()
        .await
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        operator: NewOperator,
    }

    /// What is told on the command line, behind the name.
    fn told(line: &str) -> Result<NewOperator, String> {
        let words = ["operator", "pennco"].into_iter().chain(line.split_whitespace());
        Line::try_parse_from(words).map(|line| line.operator).map_err(|failed| failed.to_string())
    }

    fn taking_on(line: &str) -> Result<Operator, String> {
        let new = told(&format!("--admin-email admin@pennco.example {line}"))?;
        new.operator().map_err(|failed| cause(&failed))
    }

    fn cause(failed: &Failed) -> String {
        std::error::Error::source(failed).map(ToString::to_string).unwrap_or_default()
    }

    fn lenders(count: usize) -> String {
        (0..count).map(|n| format!("lender-{n}")).collect::<Vec<_>>().join(",")
    }

    #[test]
    fn an_operator_works_for_as_many_partners_as_a_day_can_be_closed_for() {
        let taking_on = |count| taking_on(&format!("--regions pune --partners {}", lenders(count)));
        assert_eq!(taking_on(97).unwrap().partners.len(), 97);
        assert!(taking_on(98).unwrap_err().contains("98, and a day closes for 97 at most"));
    }

    #[test]
    fn a_partner_or_a_region_that_is_named_twice_is_refused_by_its_name() {
        let twice = "--regions pune --partners bfil,lnt-finance,bfil";
        assert_eq!(taking_on(twice).unwrap_err(), "--partners names bfil twice: name it once");
        let twice = "--regions pune,pune --partners bfil";
        assert_eq!(taking_on(twice).unwrap_err(), "--regions names pune twice: name it once");
    }

    #[test]
    fn each_partner_is_paid_the_way_that_is_named_and_by_imps_where_none_is() {
        let rules =
            "--regions pune --partners bfil,samasta --payout-rails samasta=upi_merchant --holiday 2027-01-26=Day";
        let operator = taking_on(rules).unwrap();
        let rail = |name: &str| operator.rail(&name.parse().unwrap());
        assert_eq!((rail("samasta"), rail("bfil")), (Rail::UpiMerchant, Rail::Imps));
        assert_eq!(operator.business_calendar.off(jiff::civil::date(2027, 1, 26)), Some("Day"));
        for (rails, wanted) in [
            ("samasta=pigeon", "unknown variant `pigeon`"),
            ("samasta", "`samasta`: it takes <partner>=<rail>"),
            ("samasta=neft,samasta=rtgs", "names samasta twice: name it once"),
            ("spandana=neft", "names spandana: name it in --partners too"),
        ] {
            let refused = taking_on(&format!("--regions pune --partners bfil,samasta --payout-rails {rails}"));
            assert!(refused.as_ref().unwrap_err().contains(wanted), "{rails}: {refused:?}");
        }
    }

    #[test]
    fn a_change_says_who_and_why_and_names_only_what_can_be_changed() {
        let who_and_why = "--change --by asha@milepost --reason contract";
        let change =
            told(&format!("{who_and_why} --partners spandana --payout-rails spandana=neft,bfil=rtgs")).unwrap();
        let change = change.what_changes().unwrap();
        assert_eq!(change.partners, ["spandana".parse().unwrap()]);
        assert_eq!(change.payout_rails.len(), 2, "of a partner that is there as well");
        for (line, wanted) in [
            ("--change --partners spandana".to_owned(), "--by"),
            ("--change --by asha --partners spandana".to_owned(), "--reason"),
            ("--change --by as#ha --reason contract --partners spandana".to_owned(), "letters, digits"),
            (format!("{who_and_why} --zone UTC"), "--zone"),
            (format!("{who_and_why} --currency NPR"), "--currency"),
            (format!("{who_and_why} --calendar f.json"), "--calendar"),
            (format!("{who_and_why} --regions pune"), "--regions"),
            (format!("{who_and_why} --holiday Diwali"), "2027-01-26=Republic Day"),
            ("--regions pune --partners bfil".to_owned(), "--admin-email"),
            ("--admin-email a@b.example --partners bfil".to_owned(), "--regions"),
        ] {
            let refused = told(&line);
            assert!(refused.as_ref().is_err_and(|refused| refused.contains(wanted)), "{line}: {refused:?}");
        }
    }
}
