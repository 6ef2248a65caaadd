//! Takes an operator on, with its first admin, who is invited by mail and takes on everybody else over the API.
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
    calendar::BusinessCalendar,
    failed::Cause,
    operator::{MOST_PARTNERS, Operator},
    reservation::CashReservation,
    settlement_format::SettlementFormats,
    user::{KeptUser, User, UserStatus},
};
use store::{Directory, Table, TableNames};

use crate::stack::{self, Stack};

/// What `operator` may be told.
#[derive(Debug, Clone, Args)]
pub struct NewOperator {
    /// Its short name: lower-case letters, digits and hyphens.
    pub name: String,
    /// Where it works, by short names.
    #[arg(long, value_delimiter = ',', required = true)]
    pub regions: Vec<String>,
    /// Whose cash it moves, by short names.
    #[arg(long, value_delimiter = ',', required = true)]
    pub partners: Vec<String>,
    /// Where the invitation of its first admin goes; they log in as `admin@<name>`.
    #[arg(long, value_name = "ADDRESS")]
    pub admin_email: String,
    /// Zone of its business days.
    #[arg(long, default_value = "Asia/Kolkata")]
    pub zone: String,
    /// The currency of its money.
    #[arg(long, default_value = "INR")]
    pub currency: String,
    /// A JSON file with its business calendar: `{"cut_off": "20:30", "days_off": ["sunday"], "holidays": [{"day":
    /// "2027-01-26", "name": "Republic Day"}]}`; each part may be left out.
    #[arg(long, value_name = "FILE")]
    pub calendar: Option<std::path::PathBuf>,
    /// What nobody does alone, as `disbursement:<hours>:<from_minor>=<quorum>,…`: from which amounts on how many people
    /// approve, and how long a request waits for them.
    #[arg(long, value_name = "RULE")]
    pub approvals: Vec<ApprovalRule>,
    /// Whether agents' cash is set aside for the payments that they are to make: `none`, or `at_assignment`, which gives
    /// nobody a payment's visit whose available cash is less.
    #[arg(long, default_value = "none", value_name = "WHEN")]
    pub cash_reservation: CashReservation,
    /// How partners' settlement files are laid out, as `<partner>=<format>`: `milepost`, `pipe` or `fixed`; who is not
    /// named has `milepost`.
    #[arg(long, value_delimiter = ',', value_name = "PARTNER=FORMAT")]
    pub settlement_formats: Vec<String>,
    /// Port of the emulator.
    #[arg(long, default_value_t = stack::PORT)]
    pub port: u16,
    /// In AWS: the outputs RecordsTable, LedgerTable and TracksTable of the data stack. Your own credentials and region
    /// are used, and no emulator.
    #[arg(long, value_delimiter = ',', value_name = "RECORDS,LEDGER,TRACKS", conflicts_with = "port")]
    pub tables: Vec<String>,
}

impl NewOperator {
    /// Takes it on; what is there already stays as it is. Who its first admin is.
    ///
    /// # Errors
    /// [`crate::Failed::NoStack`] when there is no stack, [`crate::Failed::NotSeeded`] when a name is none or the tables do
    /// not answer.
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
        let operator = self.operator()?;
        directory.create_operator(&operator).await?;
        let admin = self.admin(&operator.operator);
        directory.create_user(&operator.operator, &admin, admin.user.created_at).await?;
        Ok(format!("{}@{} is invited at {}", admin.user.login, operator.operator, self.admin_email))
    }

    fn operator(&self) -> Result<Operator, Failed> {
        let zone = jiff::tz::TimeZone::get(&self.zone).map_err(Failed::fault)?;
        Ok(Operator {
            operator: self.name.parse().map_err(Failed::fault)?,
            zone: zone.iana_name().unwrap_or("UTC").to_owned(),
            currency: serde_json::from_value(self.currency.clone().into()).map_err(Failed::fault)?,
            regions: each_once("--regions", &self.regions)?,
            partners: self.partners()?,
            payout_rails: BTreeMap::new(),
            cash_reservation: self.cash_reservation,
            settlement_formats: self.settlement_formats()?,
            business_calendar: match &self.calendar {
                Some(path) => {
                    serde_json::from_slice(&std::fs::read(path).map_err(Failed::fault)?).map_err(Failed::fault)?
                }
                None => BusinessCalendar::default(),
            },
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
        let mut formats = BTreeMap::new();
        for rule in &self.settlement_formats {
            let (partner, name) =
                rule.split_once('=').ok_or_else(|| Failed::fault("a format is <partner>=<format>"))?;
            formats.insert(partner.parse().map_err(Failed::fault)?, known.newest(name)?.format().name.clone());
        }
        Ok(formats)
    }

    #[expect(clippy::disallowed_methods, reason = "a tool at a desk has a clock")]
    fn admin(&self, operator: &OperatorName) -> KeptUser {
        let now = Timestamp::from_millis(jiff::Timestamp::now().as_millisecond());
        let user_id = UserId::mint(now, &[operator.as_str().as_bytes(), b"admin"]);
        let user = User {
            subject: user_id.to_string(),
            user_id,
            login: "admin".to_owned(),
            name: "Admin".to_owned(),
            email: Some(self.admin_email.clone()),
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
    use super::*;

    fn taking_on(partners: Vec<String>, regions: &[&str]) -> Result<Operator, String> {
        let new = NewOperator {
            name: "pennco".to_owned(),
            regions: regions.iter().map(|region| (*region).to_owned()).collect(),
            partners,
            admin_email: "admin@pennco.example".to_owned(),
            zone: "Asia/Kolkata".to_owned(),
            currency: "INR".to_owned(),
            calendar: None,
            approvals: vec![],
            cash_reservation: CashReservation::default(),
            settlement_formats: vec![],
            port: stack::PORT,
            tables: vec![],
        };
        new.operator().map_err(|failed| std::error::Error::source(&failed).map(ToString::to_string).unwrap_or_default())
    }

    fn lenders(count: usize) -> Vec<String> {
        (0..count).map(|n| format!("lender-{n}")).collect()
    }

    #[test]
    fn an_operator_works_for_as_many_partners_as_a_day_can_be_closed_for() {
        assert_eq!(taking_on(lenders(97), &["pune"]).unwrap().partners.len(), 97);
        assert!(taking_on(lenders(98), &["pune"]).unwrap_err().contains("98, and a day closes for 97 at most"));
    }

    #[test]
    fn a_partner_or_a_region_that_is_named_twice_is_refused_by_its_name() {
        let twice = ["bfil", "lnt-finance", "bfil"].map(str::to_owned).to_vec();
        assert_eq!(taking_on(twice, &["pune"]).unwrap_err(), "--partners names bfil twice: name it once");
        assert_eq!(taking_on(lenders(1), &["pune", "pune"]).unwrap_err(), "--regions names pune twice: name it once");
    }
}
