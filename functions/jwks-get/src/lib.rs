//! `GET /.well-known/jwks.json`: the public keys of tokens, for whoever else wants to check one (RFC 7517).

use domain::Failed;
use edge::{Answer, Nothing, OpenCall};
use serde::{Deserialize, Serialize};
use store::{Directory, PublicKey};
use utoipa::ToSchema;

/// A key set.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Jwks {
    /// The keys that are believed now.
    pub keys: Vec<Jwk>,
}

/// A public key (RFC 8037).
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Jwk {
    /// `OKP`.
    pub kty: String,
    /// `Ed25519`.
    pub crv: String,
    /// Names the key in a token's header.
    pub kid: String,
    /// The key.
    pub x: String,
    /// `EdDSA`.
    pub alg: String,
    /// `sig`.
    #[serde(rename = "use")]
    pub intent: String,
}

/// For how long anybody may keep the answer: a new key signs no sooner than it is published, and an unknown one is a
/// reason to ask again.
const FRESH_SECONDS: u32 = 300;

impl From<PublicKey> for Jwk {
    fn from(key: PublicKey) -> Self {
        let text = str::to_owned;
        Self { kty: text("OKP"), crv: text("Ed25519"), kid: key.kid, x: key.x, alg: text("EdDSA"), intent: text("sig") }
    }
}

/// Shows the keys.
///
/// # Errors
/// [`Failed::Later`] when the table does not answer.
pub async fn handle(directory: &Directory, call: OpenCall<Nothing>) -> Result<Answer<Jwks>, Failed> {
    let keys = directory.trust_anchors().await?.keys.into_values();
    let believed = keys.filter(|key| key.retired_at.is_none_or(|retired_at| call.at < retired_at));
    Ok(Answer::ok(&Jwks { keys: believed.map(Jwk::from).collect() })?.fresh_for(FRESH_SECONDS))
}
