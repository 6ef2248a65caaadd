//! The environment: read once, at boot, turned into what a function may touch.

use std::{
    env, fmt,
    time::{Duration, SystemTime},
};

use aws_config::{BehaviorVersion, timeout::TimeoutConfig};
use domain::{Failed, Timestamp, seal::WRITTEN_WITHIN_SECONDS, secret::Pepper};
use store::{
    AccountWriter, Accounts, Acknowledgements, Activities, Agents, Alterations, Approvals, Audits, ClientSecrets,
    Clients, DayCloseWriter, DayCloses, Deliveries, Devices, Directory, Disbursements, ExportWriter, Exports, Files,
    Messages, Outbox, Payouts, ProofWriter, Proofs, QueueUrls, Queues, Reservations, Seals, SecondFactors, Sessions,
    SettlementWriter, Settlements, StatementWriter, Statements, Table, TableNames, Throttle, Tracks, Transfers, Trust,
    TrustAnchors, Users,
};

use crate::{
    Authorizer,
    credentials::{Credentials, Passwords},
    keys::{KeyRotation, SigningKeys},
    log,
    requests::Requests,
    seals::Sealing,
    stream::Parking,
    token::Realm,
};

/// Why a process cannot start.
pub struct Fatal(String);

impl fmt::Debug for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Failed> for Fatal {
    fn from(failed: Failed) -> Self {
        Self(log::chain(&failed))
    }
}

impl From<lambda_runtime::Error> for Fatal {
    fn from(error: lambda_runtime::Error) -> Self {
        Self(error.to_string())
    }
}

/// What a process has around it. Its first query, for the public keys, also opens the connection that the first
/// call will use.
pub struct Env {
    config: aws_config::SdkConfig,
    table: Table,
    anchors: TrustAnchors,
    trust: Trust,
}

#[expect(clippy::disallowed_methods, reason = "this is where the environment is read")]
fn variable(name: &str) -> Result<String, Fatal> {
    env::var(name).map_err(|_| Fatal(format!("the environment lacks {name}: the template sets it")))
}

/// The time by which commits are filed, and nothing else is decided: a job's message may have waited for hours, and what
/// it commits must not appear in an hour that is sealed.
#[expect(clippy::disallowed_methods, reason = "this is where the clock is read, for the one place that needs it")]
fn clock() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

impl Env {
    /// Reads the environment and the public keys.
    ///
    /// # Errors
    /// [`Fatal`] when something is missing.
    pub async fn load() -> Result<Self, Fatal> {
        log::start();
        // A commit is filed under the time at which it is sent: what has no answer by then must not arrive any more.
        let given_up =
            TimeoutConfig::builder().operation_timeout(Duration::from_secs(WRITTEN_WITHIN_SECONDS.unsigned_abs()));
        let config = aws_config::defaults(BehaviorVersion::v2026_01_12()).timeout_config(given_up.build()).load().await;
        let names = TableNames {
            records: variable("RECORDS_TABLE")?,
            ledger: variable("LEDGER_TABLE")?,
            tracks: variable("TRACKS_TABLE")?,
        };
        let table = Table::new(aws_sdk_dynamodb::Client::new(&config), names).filed_by(clock);
        let anchors = Directory::new(table.clone()).trust_anchors().await?;
        // The first call reads them anew: only a call knows what time it is.
        let trust = Trust::new(table.clone(), anchors.clone(), Timestamp::EPOCH);
        Ok(Self { config, table, anchors, trust })
    }

    fn realm() -> Result<Realm, Fatal> {
        Ok(Realm { issuer: variable("ISSUER")?, audience: variable("AUDIENCE")? })
    }

    /// Checks callers.
    ///
    /// # Errors
    /// [`Fatal`] when the realm is not set, or no key has been made yet: the process is started anew with the next call.
    pub fn authorizer(&self) -> Result<Authorizer, Fatal> {
        if self.anchors.cursors.is_missing() {
            return Err(Fatal("there are no keys yet: the first tick of key-rotate makes them".to_owned()));
        }
        Ok(Authorizer::new(Self::realm()?, self.trust.clone(), self.throttle()))
    }

    fn throttle(&self) -> Throttle {
        Throttle::new(self.table.clone())
    }

    /// Visits.
    #[must_use]
    pub fn deliveries(&self) -> Deliveries {
        Deliveries::new(self.table.clone(), self.anchors.cursors.clone())
    }

    /// Instructions to pay.
    #[must_use]
    pub fn disbursements(&self) -> Disbursements {
        Disbursements::new(self.table.clone())
    }

    /// What waits for people's approval.
    #[must_use]
    pub fn approvals(&self) -> Approvals {
        Approvals::new(self.table.clone(), self.anchors.cursors.clone())
    }

    /// Field officers.
    #[must_use]
    pub fn agents(&self) -> Agents {
        Agents::new(self.table.clone(), self.anchors.cursors.clone())
    }

    /// Rows that must stay as they were written, and did not.
    #[must_use]
    pub fn alterations(&self) -> Alterations {
        Alterations::new(self.table.clone())
    }

    /// Accounts, and the bucket with the reports of days.
    ///
    /// # Errors
    /// [`Fatal`] when the bucket is not set.
    pub fn accounts(&self) -> Result<Accounts, Fatal> {
        Ok(Accounts::new(self.table.clone(), self.anchors.cursors.clone(), self.files()?))
    }

    /// Accounts to be closed.
    #[must_use]
    pub fn account_writer(&self) -> AccountWriter {
        AccountWriter::new(self.table.clone())
    }

    /// Reservations.
    #[must_use]
    pub fn reservations(&self) -> Reservations {
        Reservations::new(self.table.clone())
    }

    /// Transfers by hand.
    #[must_use]
    pub fn transfers(&self) -> Transfers {
        Transfers::new(self.table.clone())
    }

    /// What was done, by whom.
    #[must_use]
    pub fn audits(&self) -> Audits {
        Audits::new(self.table.clone(), self.anchors.cursors.clone())
    }

    /// Location batches.
    #[must_use]
    pub fn tracks(&self) -> Tracks {
        Tracks::new(self.table.clone())
    }

    /// Field activity.
    #[must_use]
    pub fn activities(&self) -> Activities {
        Activities::new(self.table.clone())
    }

    /// Settlements.
    #[must_use]
    pub fn settlements(&self) -> Settlements {
        Settlements::new(self.table.clone(), self.anchors.cursors.clone())
    }

    /// Settlements and their files.
    ///
    /// # Errors
    /// [`Fatal`] when the bucket is not set.
    pub fn settlement_writer(&self) -> Result<SettlementWriter, Fatal> {
        Ok(SettlementWriter::new(self.table.clone(), self.files()?))
    }

    /// Acknowledgements of settlements, and the bucket that keeps them.
    ///
    /// # Errors
    /// [`Fatal`] when the bucket is not set.
    pub fn acknowledgements(&self) -> Result<Acknowledgements, Fatal> {
        Ok(Acknowledgements::new(self.table.clone(), self.files()?))
    }

    /// Bank statements.
    #[must_use]
    pub fn statements(&self) -> Statements {
        Statements::new(self.table.clone(), self.anchors.cursors.clone())
    }

    /// Bank statements and their files.
    ///
    /// # Errors
    /// [`Fatal`] when the bucket is not set.
    pub fn statement_writer(&self) -> Result<StatementWriter, Fatal> {
        Ok(StatementWriter::new(self.table.clone(), self.files()?))
    }

    /// Closed days.
    #[must_use]
    pub fn day_closes(&self) -> DayCloses {
        DayCloses::new(self.table.clone(), self.anchors.cursors.clone())
    }

    /// Closed days and their reports.
    ///
    /// # Errors
    /// [`Fatal`] when the bucket is not set.
    pub fn day_close_writer(&self) -> Result<DayCloseWriter, Fatal> {
        Ok(DayCloseWriter::new(self.table.clone(), self.files()?))
    }

    /// Payouts.
    #[must_use]
    pub fn payouts(&self) -> Payouts {
        Payouts::new(self.table.clone(), self.anchors.cursors.clone())
    }

    /// Exports.
    #[must_use]
    pub fn exports(&self) -> Exports {
        Exports::new(self.table.clone())
    }

    /// Exports and their files.
    ///
    /// # Errors
    /// [`Fatal`] when the bucket is not set.
    pub fn export_writer(&self) -> Result<ExportWriter, Fatal> {
        Ok(ExportWriter::new(self.table.clone(), self.files()?))
    }

    /// The bucket.
    ///
    /// # Errors
    /// [`Fatal`] when the bucket is not set.
    pub fn files(&self) -> Result<Files, Fatal> {
        Ok(self.bucket(variable("FILES_BUCKET")?))
    }

    /// A bucket. An endpoint of one's own, as on a laptop, has no bucket host names.
    fn bucket(&self, name: String) -> Files {
        let own_endpoint = self.config.endpoint_url().is_some();
        let config = aws_sdk_s3::config::Builder::from(&self.config).force_path_style(own_endpoint).build();
        Files::new(aws_sdk_s3::Client::from_conf(config), name)
    }

    /// Proofs of the books.
    #[must_use]
    pub fn proofs(&self) -> Proofs {
        Proofs::new(self.table.clone())
    }

    /// What proves the books.
    ///
    /// # Errors
    /// [`Fatal`] when a bucket is not set.
    pub fn proof_writer(&self) -> Result<ProofWriter, Fatal> {
        Ok(ProofWriter::new(self.table.clone(), self.seals()?, self.files()?))
    }

    /// Seals of history.
    ///
    /// # Errors
    /// [`Fatal`] when the bucket of seals is not set.
    pub fn seals(&self) -> Result<Seals, Fatal> {
        Ok(Seals::new(self.table.clone(), self.bucket(variable("SEALS_BUCKET")?)))
    }

    /// What seals history.
    ///
    /// # Errors
    /// [`Fatal`] when the bucket of seals or the secret is not set.
    pub fn sealing(&self) -> Result<Sealing, Fatal> {
        Ok(Sealing::new(self.secrets(), variable("SEAL_SECRET")?, self.seals()?))
    }

    /// Events that have not reached their queues.
    ///
    /// # Errors
    /// [`Fatal`] when the queues are not set.
    pub fn outbox(&self) -> Result<Outbox, Fatal> {
        let urls = QueueUrls {
            activity: variable("ACTIVITY_QUEUE_URL")?,
            day_close: variable("DAY_CLOSE_QUEUE_URL")?,
            settlement: variable("SETTLEMENT_QUEUE_URL")?,
            export: variable("EXPORT_QUEUE_URL")?,
            message: variable("MESSAGE_QUEUE_URL")?,
            statement: variable("STATEMENT_QUEUE_URL")?,
        };
        Ok(Outbox::new(self.table.clone(), Queues::new(aws_sdk_sqs::Client::new(&self.config), urls)))
    }

    /// Where stream records go that cannot be handled.
    ///
    /// # Errors
    /// [`Fatal`] when the queue is not set.
    pub fn parking(&self) -> Result<Parking, Fatal> {
        Ok(Parking::new(aws_sdk_sqs::Client::new(&self.config), variable("POISON_QUEUE_URL")?))
    }

    fn secrets(&self) -> aws_sdk_secretsmanager::Client {
        aws_sdk_secretsmanager::Client::new(&self.config)
    }

    fn signing_keys(&self) -> Result<SigningKeys, Fatal> {
        Ok(SigningKeys::new(self.secrets(), variable("SIGNING_SECRET")?, Self::realm()?))
    }

    /// The key that secrets are derived from.
    async fn pepper(&self) -> Result<Pepper, Fatal> {
        let kept = self.secrets().get_secret_value().secret_id(variable("PEPPER_SECRET")?).send().await;
        let kept = kept.map_err(|error| Failed::Later(Box::new(error)))?;
        Ok(Pepper::new(kept.secret_string().unwrap_or_default().as_bytes())?)
    }

    /// The doors where people and programs log in.
    ///
    /// # Errors
    /// [`Fatal`] when a secret cannot be read.
    pub async fn credentials(&self) -> Result<Credentials, Fatal> {
        let sessions = Sessions::new(self.table.clone());
        let keys = self.signing_keys()?;
        Ok(Credentials::new(sessions, self.throttle(), self.trust.clone(), keys, self.pepper().await?)?)
    }

    /// Logins, and how often somebody asks for a code.
    #[must_use]
    pub fn sessions(&self) -> Sessions {
        Sessions::new(self.table.clone())
    }

    /// How often somebody asks for a code or a ticket.
    #[must_use]
    pub fn requests(&self) -> Requests {
        Requests::new(self.sessions(), self.throttle())
    }

    /// Whom this process believes.
    #[must_use]
    pub fn trust(&self) -> Trust {
        self.trust.clone()
    }

    /// The rotation of the signing key.
    ///
    /// # Errors
    /// [`Fatal`] when the secret is not named.
    pub fn key_rotation(&self) -> Result<KeyRotation, Fatal> {
        Ok(KeyRotation::new(self.signing_keys()?, self.directory()))
    }

    /// Operators, and the public keys of tokens.
    #[must_use]
    pub fn directory(&self) -> Directory {
        Directory::new(self.table.clone())
    }

    /// People.
    #[must_use]
    pub fn users(&self) -> Users {
        Users::new(self.table.clone(), self.anchors.cursors.clone())
    }

    /// Passwords.
    #[must_use]
    pub fn passwords(&self) -> Passwords {
        Passwords::new(self.users())
    }

    /// Second factors.
    ///
    /// # Errors
    /// [`Fatal`] when the key of secrets cannot be read.
    pub async fn second_factors(&self) -> Result<SecondFactors, Fatal> {
        Ok(SecondFactors::new(self.users(), self.pepper().await?))
    }

    /// Phones.
    #[must_use]
    pub fn devices(&self) -> Devices {
        Devices::new(self.table.clone(), self.anchors.cursors.clone())
    }

    /// Programs.
    #[must_use]
    pub fn clients(&self) -> Clients {
        Clients::new(self.table.clone(), self.anchors.cursors.clone())
    }

    /// Programs and their secrets.
    ///
    /// # Errors
    /// [`Fatal`] when the key of secrets cannot be read.
    pub async fn client_secrets(&self) -> Result<ClientSecrets, Fatal> {
        Ok(ClientSecrets::new(self.clients(), self.pepper().await?))
    }

    /// Messages to people.
    ///
    /// # Errors
    /// [`Fatal`] when the key of secrets or the sender's address is missing.
    pub async fn messages(&self) -> Result<Messages, Fatal> {
        let sms = aws_sdk_sns::Client::new(&self.config);
        let mail = aws_sdk_sesv2::Client::new(&self.config);
        Ok(Messages::new(self.table.clone(), self.pepper().await?, sms, mail, variable("MAIL_SENDER")?))
    }
}
