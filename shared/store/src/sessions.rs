//! Logins: opened, refreshed, refused, ended; and the codes that agents log in with.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    ChallengeId, Command, Event, Failed, OperatorName, SessionId, Timestamp, UserId,
    client::Client,
    device::Device,
    event::Happened,
    message::{Challenge, MOST_GUESSES},
    session::Session,
    user::{KeptUser, Username},
};
use serde::Serialize;

use crate::{
    commit::Accepted,
    devices, keys,
    table::{Item, Lost, Table},
    trust::ENDED,
    users,
};

/// What may be done with logins.
#[derive(Clone)]
pub struct Sessions {
    table: Table,
}

/// A login to be opened, with all that it changes.
pub struct Opening<'a> {
    /// The login.
    pub session: &'a Session,
    /// Who logs in, as they were and as they are afterwards, when the login changes them.
    pub user: Option<(&'a KeptUser, &'a KeptUser)>,
    /// The phone that logs in for the first time.
    pub new_device: Option<&'a Device>,
    /// The code that is used up.
    pub challenge_id: Option<&'a ChallengeId>,
}

/// Nothing to say beyond that it is done.
#[derive(Serialize)]
struct Done {}

impl Sessions {
    /// Logins in these tables.
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    /// Whoever types this.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn find_user(&self, name: &Username) -> Result<Option<KeptUser>, Failed> {
        self.table.user_of(name).await
    }

    /// A login, who it is for and which phone it is bound to.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn find(
        &self,
        operator: &OperatorName,
        session_id: &SessionId,
    ) -> Result<Option<(Session, KeptUser, Option<Device>)>, Failed> {
        let Some(item) = self.table.find(&keys::session(operator, session_id)).await? else { return Ok(None) };
        let session: Session = item.read()?;
        let user: KeptUser = self.table.get(&keys::user(operator, &session.user_id)).await?;
        let device = match &session.device_id {
            Some(device_id) => Some(self.table.get(&keys::device(operator, device_id)).await?),
            None => None,
        };
        Ok(Some((session, user, device)))
    }

    /// A phone, if it ever logged in.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn find_device(
        &self,
        operator: &OperatorName,
        device_id: &domain::DeviceId,
    ) -> Result<Option<Device>, Failed> {
        self.table.find(&keys::device(operator, device_id)).await?.map(Item::read).transpose()
    }

    /// A program, if there is one of this id.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn find_client(
        &self,
        operator: &OperatorName,
        client_id: &domain::ClientId,
    ) -> Result<Option<Client>, Failed> {
        self.table.find(&keys::client(operator, client_id)).await?.map(Item::read).transpose()
    }

    /// Notes that a program got a token: one update, beside the program and not in it.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn note_use(
        &self,
        operator: &OperatorName,
        client_id: &domain::ClientId,
        at: Timestamp,
    ) -> Result<(), Failed> {
        let values = HashMap::from([
            (":at".to_owned(), AttributeValue::S(at.to_string())),
            (":one".to_owned(), AttributeValue::N("1".to_owned())),
        ]);
        let update = "SET last_used_at = :at ADD tokens_issued :one";
        let condition = "attribute_not_exists(pk) OR last_used_at <= :at";
        // One that came later and was noted earlier leaves nothing to be noted.
        self.table.update_if(keys::client_use(operator, client_id), update, condition, values).await.map(|_| ())
    }

    /// Opens a login: its record, the phone, the used code and the used second factor in one commit.
    ///
    /// # Errors
    /// [`Failed::Moved`] when the code or the person was used by another login at the same moment.
    pub async fn open(&self, command: &Command, opening: &Opening<'_>) -> Result<(), Failed> {
        let operator = &command.operator;
        let session = opening.session;
        let item = Item::of(&keys::session(operator, &session.session_id), session)?
            .with_number("expires", session.expires_at.as_seconds());
        let mut writes = vec![self.table.create(item, Lost::Moved)?];
        let mut events = vec![Event::of(command, Happened::SessionOpened, session.session_id.as_str(), None)];
        if let Some((before, after)) = opening.user {
            writes.extend(users::changed(&self.table, operator, before, after)?);
        }
        if let Some(device) = opening.new_device {
            writes.push(self.table.create(devices::item(operator, device)?, Lost::Moved)?);
            events.push(Event::of(command, Happened::DeviceEnrolled, device.device_id.as_str(), Some(&device.region)));
        }
        if let Some(challenge_id) = opening.challenge_id {
            writes.push(self.table.use_up(keys::challenge(operator, challenge_id), Lost::Moved)?);
        }
        let subject = session.user_id.to_string();
        let accepted = Accepted { status: 200, answer: Done {}, subject, events, writes };
        self.table.commit(command, Ok(accepted)).await.map(|_| ())
    }

    /// Notes that somebody was refused, so that guessing is seen: nothing but the note is written. An operator that there
    /// is not has no book to note it in. Costs the same whoever was refused.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn refuse(&self, command: &Command, user_id: Option<&UserId>) -> Result<(), Failed> {
        if self.table.find(&keys::operator(&command.operator)).await?.is_none() {
            return Ok(());
        }
        let subject = user_id.map_or_else(|| "-".to_owned(), UserId::to_string);
        let events = vec![Event::of(command, Happened::SessionRefused, &subject, None)];
        let accepted = Accepted { status: 401, answer: Done {}, subject, events, writes: vec![] };
        self.table.commit(command, Ok(accepted)).await.map(|_| ())
    }

    /// Moves a login on by one refresh token. Whether it stood where it was thought to stand.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn advance(&self, operator: &OperatorName, session: &Session) -> Result<bool, Failed> {
        let number = |number: u64| AttributeValue::N(number.to_string());
        let values = HashMap::from([
            (":now".to_owned(), number(session.generation)),
            (":next".to_owned(), number(session.generation.saturating_add(1))),
        ]);
        let key = keys::session(operator, &session.session_id);
        let condition = "generation = :now AND attribute_not_exists(ended_at)";
        self.table.update_if(key, "SET generation = :next", condition, values).await
    }

    /// Ends a login, and takes its tokens back; one that has ended stays as it is.
    ///
    /// # Errors
    /// As a commit.
    pub async fn end(&self, command: &Command, session_id: &SessionId, happened: Happened) -> Result<(), Failed> {
        let operator = &command.operator;
        let writes = vec![
            self.table.end(keys::session(operator, session_id), command.at)?,
            self.table.revoke(operator, session_id.as_str(), ENDED, command.at)?,
        ];
        let events = vec![Event::of(command, happened, session_id.as_str(), None)];
        let accepted = Accepted { status: 200, answer: Done {}, subject: session_id.to_string(), events, writes };
        match self.table.commit(command, Ok(accepted)).await {
            Ok(_) | Err(Failed::Moved) => Ok(()),
            Err(failed) => Err(failed),
        }
    }

    /// Takes the wish for a code. Whether anybody has the number is found out when it is sent, behind a queue.
    ///
    /// # Errors
    /// As a commit.
    pub async fn challenge(&self, command: &Command, challenge: &Challenge) -> Result<(), Failed> {
        let operator = &command.operator;
        if self.table.find(&keys::operator(operator)).await?.is_none() {
            return Ok(());
        }
        let subject = challenge.challenge_id.to_string();
        let item = Item::of(&keys::challenge(operator, &challenge.challenge_id), challenge)?
            .with_number("guesses", 0)
            .with_number("expires", challenge.expires_at.as_seconds());
        let events = vec![Event::of(command, Happened::OtpRequested, &subject, None)];
        let writes = vec![self.table.create(item, Lost::Moved)?];
        let accepted = Accepted { status: 202, answer: Done {}, subject, events, writes };
        self.table.commit(command, Ok(accepted)).await.map(|_| ())
    }

    /// Takes the wish for a new password; who it is for is found out when the mail is sent, behind a queue.
    ///
    /// # Errors
    /// As a commit.
    pub async fn ask_for_reset(&self, command: &Command, login: &str) -> Result<(), Failed> {
        if self.table.find(&keys::operator(&command.operator)).await?.is_none() {
            return Ok(());
        }
        let events = vec![Event::of(command, Happened::PasswordResetRequested, login, None)];
        let accepted = Accepted { status: 202, answer: Done {}, subject: login.to_owned(), events, writes: vec![] };
        self.table.commit(command, Ok(accepted)).await.map(|_| ())
    }

    /// Counts a guess at a code. Whether it may still be guessed: not used, not too old, not guessed too often.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn guess(&self, name: &Username, challenge_id: &ChallengeId, now: Timestamp) -> Result<bool, Failed> {
        let values = HashMap::from([
            (":one".to_owned(), AttributeValue::N("1".to_owned())),
            (":most".to_owned(), AttributeValue::N(MOST_GUESSES.to_string())),
            (":login".to_owned(), AttributeValue::S(name.login.clone())),
            (":now".to_owned(), AttributeValue::S(now.to_string())),
        ]);
        let condition = "login = :login AND guesses < :most AND expires_at > :now AND attribute_not_exists(is_used)";
        let key = keys::challenge(&name.operator, challenge_id);
        self.table.update_if(key, "ADD guesses :one", condition, values).await
    }
}
