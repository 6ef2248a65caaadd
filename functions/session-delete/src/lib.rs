//! `DELETE /api/v1/auth/session`: somebody logs out, at the console or on a phone.

use domain::{Caller, Failed, SessionId, event::Happened};
use edge::{Answer, Call, authorizer::EXPIRED_COOKIE};
use serde::{Deserialize, Serialize};
use store::Sessions;
use utoipa::ToSchema;

/// The login that has ended.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct EndedSession {
    /// Which.
    pub session_id: SessionId,
}

/// Ends the login that the token came from, with every token of it.
///
/// # Errors
/// [`Failed::Unknown`] for a program, which has no login.
pub async fn handle(sessions: &Sessions, call: Call<Caller>) -> Result<Answer<EndedSession>, Failed> {
    let session_id = call.caller.authentication.session_id.clone().ok_or(Failed::Unknown)?;
    sessions.end(call.command(), &session_id, Happened::SessionClosed).await?;
    Ok(Answer::ok(&EndedSession { session_id })?.with_cookie(EXPIRED_COOKIE.to_owned()))
}
