//! Messages to people: SMS through SNS, mail through SES. Both take what they are given and answer with a message id; what
//! they are asked twice they send twice, so a message says the same each time.

use domain::{
    ChallengeId, Event, Failed, OperatorName, Role, UserId,
    event::Happened,
    id::Sha256Hex,
    message::{Challenge, INVITATION_SECONDS, Mail, RESET_SECONDS, Ticket, code_sms, invitation, reset},
    secret::Pepper,
    user::{KeptUser, UserStatus, Username},
};

use crate::{
    keys,
    table::{Item, Table},
};

/// What may be sent, to whom it may concern.
#[derive(Clone)]
pub struct Messages {
    table: Table,
    pepper: Pepper,
    sms: aws_sdk_sns::Client,
    mail: aws_sdk_sesv2::Client,
    sender: String,
}

impl Messages {
    /// Messages to the people of these tables, from this mail address.
    #[must_use]
    pub fn new(
        table: Table,
        pepper: Pepper,
        sms: aws_sdk_sns::Client,
        mail: aws_sdk_sesv2::Client,
        sender: String,
    ) -> Self {
        Self { table, pepper, sms, mail, sender }
    }

    /// Sends what an event asks for. Whoever is not there, or may not log in, gets nothing, and nobody hears of it.
    ///
    /// # Errors
    /// [`Failed::Later`] when something behind does not answer; sending again sends the same.
    #[expect(clippy::wildcard_enum_match_arm, reason = "an event that is no message fails, whichever it is")]
    pub async fn send(&self, event: &Event) -> Result<(), Failed> {
        let operator = &event.operator;
        match event.happened {
            Happened::OtpRequested => self.send_code(operator, &event.subject).await,
            Happened::PasswordResetRequested => {
                let name = Username { login: event.subject.clone(), operator: operator.clone() };
                match self.table.user_of(&name).await? {
                    Some(kept) if kept.is_active() && has_password(&kept) => {
                        self.send_ticket(event, &kept, RESET_SECONDS, reset).await
                    }
                    // An invitation that has run out: whoever still wants to come gets another one.
                    Some(kept) if kept.user.status == UserStatus::Invited => {
                        self.send_ticket(event, &kept, INVITATION_SECONDS, invitation).await
                    }
                    Some(_) | None => Ok(()),
                }
            }
            Happened::UserCreated => {
                let user_id: UserId = event.subject.parse().map_err(Failed::fault)?;
                let found = self.table.user(operator, &user_id).await?;
                match found.filter(|kept| kept.user.status == UserStatus::Invited) {
                    Some(kept) => self.send_ticket(event, &kept, INVITATION_SECONDS, invitation).await,
                    None => Ok(()),
                }
            }
            other => Err(Failed::fault(format!("nobody is told of {}", other.as_str()))),
        }
    }

    async fn send_code(&self, operator: &OperatorName, challenge_id: &str) -> Result<(), Failed> {
        let challenge_id: ChallengeId = challenge_id.parse().map_err(Failed::fault)?;
        // One that TTL has taken away was too old to be of use.
        let Some(item) = self.table.find(&keys::challenge(operator, &challenge_id)).await? else { return Ok(()) };
        let Challenge { login, .. } = item.read()?;
        let name = Username { login, operator: operator.clone() };
        let found = self.table.user_of(&name).await?;
        if !found.is_some_and(|kept| kept.is_active() && kept.user.role == Role::Agent) {
            return Ok(());
        }
        let text = code_sms(&self.pepper.code(operator, &challenge_id));
        let sent = self.sms.publish().phone_number(&name.login).message(text).send().await;
        sent.map(|_| ()).map_err(|error| Failed::Later(Box::new(error)))
    }

    async fn send_ticket(
        &self,
        event: &Event,
        kept: &KeptUser,
        good_for_seconds: i64,
        write: fn(&str, &str, &str) -> Mail,
    ) -> Result<(), Failed> {
        let Some(address) = &kept.user.email else { return Ok(()) };
        let operator = &event.operator;
        let text = format!("{operator}.{}", self.pepper.ticket(operator, &event.event_id));
        let expires_at = event.at.plus_seconds(good_for_seconds);
        let ticket = Ticket {
            user_id: kept.user.user_id.clone(),
            generation: kept.generation,
            email: address.clone(),
            expires_at,
        };
        let item = Item::of(&keys::ticket(operator, &Sha256Hex::of(text.as_bytes())), &ticket)?
            .with_number("expires", expires_at.as_seconds());
        // One that is there already is this very one, sent before.
        self.table.put_if(&self.table.names.records, item, "attribute_not_exists(pk)").await?;
        let Mail { subject, text } = write(&kept.user.name, &format!("{}@{operator}", kept.user.login), &text);
        let content = |text: String| {
            aws_sdk_sesv2::types::Content::builder().data(text).charset("UTF-8").build().map_err(Failed::fault)
        };
        let body = aws_sdk_sesv2::types::Body::builder().text(content(text)?).build();
        let message = aws_sdk_sesv2::types::Message::builder().subject(content(subject)?).body(body).build();
        let sent = self
            .mail
            .send_email()
            .from_email_address(&self.sender)
            .destination(aws_sdk_sesv2::types::Destination::builder().to_addresses(address).build())
            .content(aws_sdk_sesv2::types::EmailContent::builder().simple(message).build())
            .send()
            .await;
        sent.map(|_| ()).map_err(|error| Failed::Later(Box::new(error)))
    }
}

/// Agents have none: nothing to be reset.
fn has_password(kept: &KeptUser) -> bool {
    kept.password_hash.is_some()
}
