//! The signing key: kept in Secrets Manager, read again every few minutes, replaced every month with an overlap.

use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::rand;
use aws_sdk_secretsmanager::Client;
use domain::{Failed, Timestamp, id::Sha256Hex};
use store::{CursorKey, Directory, PublicKey};

use crate::token::{Realm, Signer, SigningSecret, generate_key_pair};

/// How old the signing key in memory may be, in seconds. A key that was replaced is believed for longer than that.
const READ_SECONDS: i64 = 300;
/// How long a key signs, in seconds: 30 days.
const SIGNS_SECONDS: i64 = 30 * 86_400;
/// How long a key is believed after it was replaced, in seconds: a token that it signed last is good for the console's
/// twelve hours.
const OVERLAP_SECONDS: i64 = 13 * 3_600;
/// Bytes of the key that cursors are signed with.
const CURSOR_KEY_BYTES: usize = 32;

/// What may be done with the signing key.
#[derive(Clone)]
pub struct SigningKeys {
    client: Client,
    secret_id: String,
    realm: Realm,
    read: Arc<Mutex<Option<(Timestamp, Signer)>>>,
}

impl SigningKeys {
    /// The key of this secret.
    #[must_use]
    pub fn new(client: Client, secret_id: String, realm: Realm) -> Self {
        Self { client, secret_id, realm, read: Arc::default() }
    }

    /// The signer of these minutes.
    ///
    /// # Errors
    /// [`Failed::Later`] when Secrets Manager does not answer, or there is no key yet.
    pub async fn signer(&self, now: Timestamp) -> Result<Signer, Failed> {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, signer)) = read.filter(|(at, _)| now < at.plus_seconds(READ_SECONDS)) {
            return Ok(signer);
        }
        let secret = self.find().await?.ok_or_else(|| {
            Failed::Later("the signing secret holds no key yet: the first tick of key-rotate makes one".into())
        })?;
        let signer = Signer::new(&secret, self.realm.clone())?;
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, signer.clone()));
        Ok(signer)
    }

    /// The key that signs now; none before the first rotation.
    async fn find(&self) -> Result<Option<SigningSecret>, Failed> {
        let kept = self.client.get_secret_value().secret_id(&self.secret_id).send().await;
        let kept = kept.map_err(|error| Failed::Later(Box::new(error)))?;
        Ok(serde_json::from_str(kept.secret_string().unwrap_or_default()).ok())
    }

    async fn keep(&self, secret: &SigningSecret) -> Result<(), Failed> {
        let text = serde_json::to_string(secret).map_err(Failed::fault)?;
        let put = self.client.put_secret_value().secret_id(&self.secret_id).secret_string(text);
        put.send().await.map(|_| ()).map_err(|error| Failed::Later(Box::new(error)))
    }
}

/// The signing key, and the place where its public half is published.
#[derive(Clone)]
pub struct KeyRotation {
    keys: SigningKeys,
    directory: Directory,
}

impl KeyRotation {
    /// The rotation of a key that is published here.
    #[must_use]
    pub fn new(keys: SigningKeys, directory: Directory) -> Self {
        Self { keys, directory }
    }

    /// Makes the keys that are missing, replaces a signing key that is due, and retires what no longer signs. Whether a
    /// key was made. Run twice, or cut off anywhere, it leaves nothing that the next run does not put right.
    ///
    /// # Errors
    /// [`Failed::Later`] when something behind does not answer; the tick comes again.
    pub async fn rotate(&self, now: Timestamp) -> Result<bool, Failed> {
        let mut cursor_key = vec![0_u8; CURSOR_KEY_BYTES];
        rand::fill(&mut cursor_key).map_err(Failed::fault)?;
        self.directory.keep_cursor_key(&CursorKey::new(cursor_key)?).await?;
        let signing = self.keys.find().await?;
        if let Some(signing) = signing.filter(|key| now < key.created_at.plus_seconds(SIGNS_SECONDS)) {
            self.retire_all_but(&signing.kid, signing.created_at, now).await?;
            return Ok(false);
        }
        // Named by itself: two that are made at the same moment are two keys, and a name never stands for another one.
        let (secret, public) = generate_key_pair("", now)?;
        let digest = Sha256Hex::of(public.x.as_bytes());
        let kid = format!("key-{}", digest.as_str().get(..24).unwrap_or_default());
        let (secret, public) = (SigningSecret { kid: kid.clone(), ..secret }, PublicKey { kid, ..public });
        // The public half first: a token must never be signed by a key that nobody knows.
        self.directory.publish(&public).await?;
        self.keys.keep(&secret).await?;
        Ok(true)
    }

    /// Retires every other key: one that signed before, and one whose rotation was cut off. Those that are as new as the
    /// signing key may belong to a rotation under way, and wait for a later tick.
    async fn retire_all_but(&self, kid: &str, since: Timestamp, now: Timestamp) -> Result<(), Failed> {
        let others = self.directory.trust_anchors().await?.keys;
        for key in others.values().filter(|key| key.kid != kid && key.retired_at.is_none()) {
            if key.created_at < since || now >= key.created_at.plus_seconds(OVERLAP_SECONDS) {
                self.directory.retire(&key.kid, now.plus_seconds(OVERLAP_SECONDS)).await?;
            }
        }
        Ok(())
    }
}
