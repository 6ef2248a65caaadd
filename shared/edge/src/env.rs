//! The environment: read once, at boot, turned into what a function may touch.

use std::{env, fmt};

use aws_config::BehaviorVersion;
use domain::Failed;
use store::{
    Accounts, Activities, Agents, Deliveries, Directory, Disbursements, ExportWriter, Exports, Files, Outbox,
    QueueUrls, Queues, Sessions, SettlementWriter, Settlements, Table, TableNames, Tracks, TrustAnchors,
};

use crate::{
    credentials::Credentials,
    log,
    stream::Parking,
    token::{Realm, Signer, SigningSecret, Verifier},
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
}

#[expect(clippy::disallowed_methods, reason = "this is where the environment is read")]
fn variable(name: &str) -> Result<String, Fatal> {
    env::var(name).map_err(|_| Fatal(format!("the environment lacks {name}: the template sets it")))
}

impl Env {
    /// Reads the environment and the public keys.
    ///
    /// # Errors
    /// [`Fatal`] when something is missing.
    pub async fn load() -> Result<Self, Fatal> {
        log::start();
        let config = aws_config::defaults(BehaviorVersion::v2026_01_12()).load().await;
        let names = TableNames {
            records: variable("RECORDS_TABLE")?,
            ledger: variable("LEDGER_TABLE")?,
            tracks: variable("TRACKS_TABLE")?,
        };
        let table = Table::new(aws_sdk_dynamodb::Client::new(&config), names);
        let anchors = Directory::new(table.clone()).trust_anchors().await?;
        Ok(Self { config, table, anchors })
    }

    fn realm() -> Result<Realm, Fatal> {
        Ok(Realm { issuer: variable("ISSUER")?, audience: variable("AUDIENCE")? })
    }

    /// Checks tokens.
    ///
    /// # Errors
    /// [`Fatal`] when the realm is not set.
    pub fn verifier(&self) -> Result<Verifier, Fatal> {
        Ok(Verifier::new(&self.anchors, &Self::realm()?)?)
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

    /// Field officers.
    #[must_use]
    pub fn agents(&self) -> Agents {
        Agents::new(self.table.clone(), self.anchors.cursors.clone())
    }

    /// Accounts.
    #[must_use]
    pub fn accounts(&self) -> Accounts {
        Accounts::new(self.table.clone(), self.anchors.cursors.clone())
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

    /// The bucket. An endpoint of one's own, as on a laptop, has no bucket host names.
    ///
    /// # Errors
    /// [`Fatal`] when the bucket is not set.
    pub fn files(&self) -> Result<Files, Fatal> {
        let own_endpoint = self.config.endpoint_url().is_some();
        let config = aws_sdk_s3::config::Builder::from(&self.config).force_path_style(own_endpoint).build();
        Ok(Files::new(aws_sdk_s3::Client::from_conf(config), variable("FILES_BUCKET")?))
    }

    /// Events that have not reached their queues.
    ///
    /// # Errors
    /// [`Fatal`] when the queues are not set.
    pub fn outbox(&self) -> Result<Outbox, Fatal> {
        let urls = QueueUrls {
            activity: variable("ACTIVITY_QUEUE_URL")?,
            settlement: variable("SETTLEMENT_QUEUE_URL")?,
            export: variable("EXPORT_QUEUE_URL")?,
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

    /// The token door.
    ///
    /// # Errors
    /// [`Fatal`] when the signing key cannot be read.
    pub async fn credentials(&self) -> Result<Credentials, Fatal> {
        let secrets = aws_sdk_secretsmanager::Client::new(&self.config);
        let kept = secrets
            .get_secret_value()
            .secret_id(variable("SIGNING_SECRET")?)
            .send()
            .await
            .map_err(|error| Failed::Later(Box::new(error)))?;
        let secret: SigningSecret = serde_json::from_str(kept.secret_string().unwrap_or_default())
            .map_err(|_| Fatal("the signing secret holds no key: run `cargo xtask seed`".to_owned()))?;
        let signer = Signer::new(&secret, Self::realm()?)?;
        Ok(Credentials::new(Sessions::new(self.table.clone()), self.verifier()?, signer)?)
    }
}
