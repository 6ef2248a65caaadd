//! What is sent to people: a code by SMS, a ticket by mail. The words say who asks and what to do when nobody asked.

use serde::{Deserialize, Serialize};

use crate::{ChallengeId, Timestamp, UserId};

/// How long a code is good, in seconds.
pub const CODE_SECONDS: i64 = 300;
/// How often a code may be guessed.
pub const MOST_GUESSES: u32 = 5;
/// How long a reset's ticket is good, in seconds.
pub const RESET_SECONDS: i64 = 1_800;
/// How long an invitation's ticket is good, in seconds: a week.
pub const INVITATION_SECONDS: i64 = 7 * 86_400;

/// A code that somebody asked for, whether or not anybody has the number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// What its code is derived from.
    pub challenge_id: ChallengeId,
    /// Whose number.
    pub login: String,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

/// An invitation or a reset: whoever brings its ticket sets the password, once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// Whose password.
    pub user_id: UserId,
    /// Their generation when it was sent: a password that was set since, by whatever ticket, spends it.
    pub generation: u64,
    /// Where it was sent: who has another address now did not get it.
    pub email: String,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

/// A mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Its subject.
    pub subject: String,
    /// Its text.
    pub text: String,
}

/// The SMS with a code. The code stands first, where phones find it.
#[must_use]
pub fn code_sms(code: &str) -> String {
    format!("{code} is your Milepost code, good for 5 minutes. Give it to nobody: Milepost never asks for it.")
}

/// The mail with an invitation's ticket.
#[must_use]
pub fn invitation(name: &str, username: &str, ticket: &str) -> Mail {
    let text = format!(
        "{name},\n\nyou can log in to Milepost as {username}. Set your password within 7 days with this ticket:\n\n\
         {ticket}\n\nIf this means nothing to you, do nothing.\n"
    );
    Mail { subject: "Your Milepost login".to_owned(), text }
}

/// The mail with a reset's ticket.
#[must_use]
pub fn reset(name: &str, username: &str, ticket: &str) -> Mail {
    let text = format!(
        "{name},\n\nsomebody asked for a new password for {username}. Set it within 30 minutes with this ticket:\n\n\
         {ticket}\n\nIf it was not you, do nothing: your password stays as it is.\n"
    );
    Mail { subject: "A new Milepost password".to_owned(), text }
}
