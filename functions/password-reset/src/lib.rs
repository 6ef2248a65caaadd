//! `POST /api/v1/auth/password/reset`: somebody who forgot their password asks for a ticket by mail.

use domain::Failed;
use edge::{
    Answer, OpenCall,
    requests::{NewRequest, PasswordResetRequested, Requests},
};

/// Takes the wish for a ticket; the answer is the same whether or not anybody has the login.
///
/// # Errors
/// [`Failed::Limited`] for a login that is asked for too often.
pub async fn handle(requests: &Requests, call: OpenCall<NewRequest>) -> Result<Answer<PasswordResetRequested>, Failed> {
    requests.reset(&call).await
}
