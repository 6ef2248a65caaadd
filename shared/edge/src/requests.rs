//! Wishes for a code or a ticket. Whoever asks gets the same answer, whether or not there is anybody to send it to: that
//! is found out behind a queue, where nobody waits for it.

use domain::{
    ChallengeId, Failed, Flaw, OperatorName, Timestamp,
    message::{CODE_SECONDS, Challenge, RESET_SECONDS},
    throttle,
    user::Username,
};
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::{Answer, Sessions, Throttle, throttle::Bucket};
use utoipa::ToSchema;

use crate::call::OpenCall;

/// What may be asked for before anybody is known.
#[derive(Clone)]
pub struct Requests {
    sessions: Sessions,
    throttle: Throttle,
}

/// Who wants a code or a ticket.
#[derive(Clone, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct NewRequest {
    /// `number@operator` for a code, `login@operator` for a ticket.
    #[garde(length(max = 110))]
    pub username: String,
}

/// A code is on its way, if anybody has the number.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OtpRequested {
    /// To be sent with the code.
    pub challenge_id: ChallengeId,
    /// How long the code is good, in seconds.
    pub expires_in: i64,
}

/// A ticket is on its way, if anybody has the login.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PasswordResetRequested {
    /// How long the ticket is good, in seconds.
    pub expires_in: i64,
}

impl Requests {
    /// Wishes that end in these logins, counted in these buckets.
    #[must_use]
    pub fn new(sessions: Sessions, throttle: Throttle) -> Self {
        Self { sessions, throttle }
    }

    async fn count(
        &self,
        operator: &OperatorName,
        who: String,
        rates: &[throttle::Rate],
        now: Timestamp,
    ) -> Result<(), Failed> {
        self.throttle.take(&Bucket::Of(operator, who), rates, now).await.map(|_| ())
    }

    /// Takes the wish for a code: so many a number, an address and an operator.
    ///
    /// # Errors
    /// [`Failed::Invalid`] for what is no number, [`Failed::Limited`] when it was too often.
    pub async fn otp(&self, call: &OpenCall<NewRequest>) -> Result<Answer<OtpRequested>, Failed> {
        let Some(name) = Username::read(&call.body.username).filter(Username::is_number) else {
            return Err(not_a_name("must be a number and an operator, such as +919800000001@pennco"));
        };
        let (operator, at) = (&name.operator, call.at);
        // The address first: one that may ask no more must not use up what a number may have.
        let address = format!("codes.{}", call.address);
        self.throttle.take(&Bucket::Address(&address), throttle::CODES_OF_ADDRESS, at).await?;
        self.count(operator, format!("codes.{}", name.login), throttle::NUMBER, at).await?;
        self.count(operator, "codes".to_owned(), throttle::CODES_OF_OPERATOR, at).await?;
        let command = call.command(operator);
        let challenge_id = ChallengeId::mint(at, &command.seed());
        let expires_at = at.plus_seconds(CODE_SECONDS);
        let challenge = Challenge { challenge_id: challenge_id.clone(), login: name.login, expires_at };
        self.sessions.challenge(&command, &challenge).await?;
        Answer::new(202, &OtpRequested { challenge_id, expires_in: CODE_SECONDS })
    }

    /// Takes the wish for a ticket to set a new password.
    ///
    /// # Errors
    /// [`Failed::Invalid`] for what is no login, [`Failed::Limited`] when it was too often.
    pub async fn reset(&self, call: &OpenCall<NewRequest>) -> Result<Answer<PasswordResetRequested>, Failed> {
        let Some(name) = Username::read(&call.body.username).filter(|name| !name.is_number()) else {
            return Err(not_a_name("must be a login and an operator, such as desk@pennco"));
        };
        self.count(&name.operator, format!("tickets.{}", name.login), throttle::TICKETS, call.at).await?;
        self.sessions.ask_for_reset(&call.command(&name.operator), &name.login).await?;
        Answer::new(202, &PasswordResetRequested { expires_in: RESET_SECONDS })
    }
}

fn not_a_name(detail: &str) -> Failed {
    Failed::invalid(Flaw::new("/username", "invalid_value", detail))
}
