//! `POST /api/v1/auth/token`: somebody logs in, or stays logged in.

use domain::Failed;
use edge::{
    Answer, OpenCall,
    credentials::{Credentials, Grant, Tokens},
};

/// Gives tokens to whoever proves who they are.
///
/// # Errors
/// [`Failed::Unauthenticated`] for everyone else.
pub async fn handle(credentials: &Credentials, call: OpenCall<Grant>) -> Result<Answer<Tokens>, Failed> {
    let tokens = credentials.grant(&call.body, call.at, &call.request_id).await?;
    Answer::ok(&tokens)
}
