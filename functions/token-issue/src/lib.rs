//! `POST /api/v1/auth/token`: the token endpoint of OAuth 2.0. Somebody logs in, or stays logged in.

use domain::Failed;
use edge::{
    Answer, OpenCall,
    credentials::{Credentials, Grant, Tokens},
};

/// Gives tokens to whoever proves who they are.
///
/// # Errors
/// [`Failed::Unauthenticated`] for everyone else, [`Failed::Limited`] for who tries too often.
pub async fn handle(credentials: &Credentials, call: OpenCall<Grant>) -> Result<Answer<Tokens>, Failed> {
    let tokens = credentials.grant(&call).await?;
    Answer::ok(&tokens)
}
