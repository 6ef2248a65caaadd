//! `POST /api/v1/auth/session`: somebody logs in at the console; their browser keeps the login in a cookie.

use domain::Failed;
use edge::{
    Answer, OpenCall,
    credentials::{ConsoleLogin, ConsoleSession, Credentials},
};

/// Opens a login of the console.
///
/// # Errors
/// [`Failed::Unauthenticated`] with one code for every reason, [`Failed::Limited`] for who tries too often.
pub async fn handle(credentials: &Credentials, call: OpenCall<ConsoleLogin>) -> Result<Answer<ConsoleSession>, Failed> {
    credentials.open_console(&call).await
}
