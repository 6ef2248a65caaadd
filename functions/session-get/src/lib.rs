//! `GET /api/v1/auth/session`: who I am and what I may.

use domain::{
    Caller, ClientId, DeviceId, Failed, SessionId,
    access::{Permission, permissions},
};
use edge::{Answer, Call};
use serde::{Deserialize, Serialize};
use store::Trust;
use utoipa::ToSchema;

/// Who calls, how they proved it and what they may.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct CurrentSession {
    /// Who.
    pub principal: Caller,
    /// The login; a program has none.
    pub session_id: Option<SessionId>,
    /// The phone that the login is bound to.
    pub device_id: Option<DeviceId>,
    /// The program.
    pub client_id: Option<ClientId>,
    /// To be sent as `X-CSRF-Token`, for who came with the console's cookie.
    pub csrf_token: Option<String>,
    /// The routes that they may call, each with how far they reach.
    pub permissions: Vec<Permission>,
}

/// Says who calls.
///
/// # Errors
/// [`Failed::Fault`] when there is no key to make a CSRF token with.
pub async fn handle(trust: &Trust, call: Call<Caller>) -> Result<Answer<CurrentSession>, Failed> {
    let permissions = permissions(&call.caller);
    let authentication = call.caller.authentication.clone();
    let session_id = authentication.session_id.as_ref().filter(|_| authentication.by_cookie);
    let csrf_token = session_id.map(|session_id| trust.csrf_token(session_id)).transpose()?;
    Answer::ok(&CurrentSession {
        principal: call.caller,
        session_id: authentication.session_id,
        device_id: authentication.device_id,
        client_id: authentication.client_id,
        csrf_token,
        permissions,
    })
}
