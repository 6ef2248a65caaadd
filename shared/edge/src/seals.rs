//! Sealing: the key that signs seals, in a secret of its own, and what it signs.

use aws_lc_rs::rand;
use aws_sdk_secretsmanager::Client;
use domain::{
    Failed, Timestamp,
    seal_key::{KEY_BYTES, SealSecret, SealSigner},
};
use store::Seals;

/// What seals history.
#[derive(Clone)]
pub struct Sealing {
    client: Client,
    secret_id: String,
    seals: Seals,
}

impl Sealing {
    /// Seals with the key of this secret.
    #[must_use]
    pub fn new(client: Client, secret_id: String, seals: Seals) -> Self {
        Self { client, secret_id, seals }
    }

    /// Seals every hour of every operator that is over and not sealed yet. How many it sealed. What goes wrong with one
    /// operator keeps no other from being sealed.
    ///
    /// # Errors
    /// As [`Seals::seal_due`], of the last operator that it went wrong with; the tick comes again.
    pub async fn seal_due(&self, now: Timestamp) -> Result<u64, Failed> {
        let signer = self.signer(now).await?;
        let mut sealed = Ok(0_u64);
        for operator in self.seals.operators().await? {
            match self.seals.seal_due(&operator, now, &signer).await {
                Ok(hours) => sealed = sealed.map(|sum| sum.saturating_add(hours)),
                Err(failed) => sealed = Err(failed),
            }
        }
        sealed
    }

    /// The signer; when the secret holds no key, one is made. Emptying the secret replaces the key: what the old one signed
    /// is believed for ever.
    async fn signer(&self, now: Timestamp) -> Result<SealSigner, Failed> {
        let kept = self.client.get_secret_value().secret_id(&self.secret_id).send().await;
        let kept = kept.map_err(|error| Failed::Later(Box::new(error)))?;
        if let Ok(secret) = serde_json::from_str::<SealSecret>(kept.secret_string().unwrap_or_default()) {
            return secret.signer();
        }
        let mut bytes = [0_u8; KEY_BYTES];
        rand::fill(&mut bytes).map_err(Failed::fault)?;
        let secret = SealSecret::of(&bytes, now)?;
        let signer = secret.signer()?;
        // The public half first: a seal must never be signed by a key that nobody knows.
        self.seals.publish(signer.public()).await?;
        let text = serde_json::to_string(&secret).map_err(Failed::fault)?;
        let put = self.client.put_secret_value().secret_id(&self.secret_id).secret_string(text);
        put.send().await.map_err(|error| Failed::Later(Box::new(error)))?;
        Ok(signer)
    }
}
