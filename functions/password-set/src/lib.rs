//! `POST /api/v1/auth/password`: whoever brings the ticket of an invitation or a reset sets the password.

use domain::{Failed, user::User};
use edge::{
    Answer, OpenCall,
    credentials::{NewPassword, Passwords},
};

/// Sets the password, once a ticket; every login from before ends.
///
/// # Errors
/// [`Failed::Refused`] for a ticket that is used up, [`Failed::Invalid`] for a password that is none.
pub async fn handle(passwords: &Passwords, call: OpenCall<NewPassword>) -> Result<Answer<User>, Failed> {
    passwords.set(&call).await
}
