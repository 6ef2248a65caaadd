//! People who log in: taken on, changed, found by what they type.

use domain::{
    Command, Event, Failed, Money, OperatorName, Refusal, Timestamp, UserId,
    event::Happened,
    id::Sha256Hex,
    message::Ticket,
    operator::Operator,
    secret::Pepper,
    user::{AgentPart, KeptUser, TOTP_BYTES, TotpSecret, User, Username},
};

use crate::{
    answer::{Answer, Page},
    commit::Accepted,
    cursor::{CursorKey, PageRequest},
    directory::{self, NewAgent},
    keys,
    table::{Item, Lost, Query, Table, Write},
};

/// What may be done with people.
#[derive(Clone)]
pub struct Users {
    table: Table,
    cursors: CursorKey,
}

/// Somebody as they lie in the table.
fn item(operator: &OperatorName, kept: &KeptUser) -> Result<Item, Failed> {
    let User { user_id, login, .. } = &kept.user;
    let revision = i64::try_from(kept.revision).unwrap_or(i64::MAX);
    let item = Item::of(&keys::user(operator, user_id), kept)?.with_number("version", revision);
    Ok(item.in_index(keys::WORKLIST, keys::worklist_of_users(operator), keys::worklist_user(login, user_id)))
}

/// Somebody new, with their hold on their login, counted when they are an admin.
pub(crate) fn taken_on(table: &Table, operator: &OperatorName, kept: &KeptUser) -> Result<Vec<Write>, Failed> {
    let login = Item::at(&keys::login(operator, &kept.user.login)).with("holder", kept.user.user_id.as_str());
    let mut writes = vec![
        table.create(login, Lost::Refused(Refusal::LoginTaken))?,
        table.create(item(operator, kept)?, Lost::Moved)?,
    ];
    if kept.is_active_admin() {
        writes.push(table.count(keys::admins(operator), 1, Lost::Moved)?);
    }
    Ok(writes)
}

/// That an admin let somebody into a login.
fn hands(table: &Table, operator: &OperatorName, kept: &KeptUser) -> Result<Write, Failed> {
    table.hands(operator, kept.caller(operator).principal(), kept.user.updated_at)
}

/// Somebody changed, on the version that was read: the admins counted, tokens from before taken back where rights have
/// changed, and noted when it may let in somebody else than before.
pub(crate) fn changed(
    table: &Table,
    operator: &OperatorName,
    before: &KeptUser,
    after: &KeptUser,
) -> Result<Vec<Write>, Failed> {
    let mut writes = vec![table.replace(item(operator, before)?, item(operator, after)?)?];
    let by = i64::from(after.is_active_admin()).saturating_sub(i64::from(before.is_active_admin()));
    if by != 0 {
        writes.push(table.count(keys::admins(operator), by, Lost::Refused(Refusal::LastAdmin))?);
    }
    if before.lets_in_another(after) {
        writes.push(hands(table, operator, after)?);
    }
    if after.generation != before.generation {
        writes.push(table.revoke(
            operator,
            after.caller(operator).principal(),
            after.generation,
            after.user.updated_at,
        )?);
    }
    Ok(writes)
}

impl Table {
    /// Somebody who can log in.
    pub(crate) async fn user(&self, operator: &OperatorName, user_id: &UserId) -> Result<Option<KeptUser>, Failed> {
        self.find(&keys::user(operator, user_id)).await?.map(Item::read).transpose()
    }

    /// Whoever types this. Somebody who is not there costs as many reads as somebody who is.
    pub(crate) async fn user_of(&self, name: &Username) -> Result<Option<KeptUser>, Failed> {
        let holder = self.find(&keys::login(&name.operator, &name.login)).await?;
        let user_id = match holder.as_ref().and_then(|login| login.text("holder")) {
            Some(user_id) => user_id.parse().map_err(Failed::fault)?,
            None => UserId::mint(Timestamp::EPOCH, &[]),
        };
        self.user(&name.operator, &user_id).await
    }
}

impl Users {
    /// People in these tables.
    #[must_use]
    pub fn new(table: Table, cursors: CursorKey) -> Self {
        Self { table, cursors }
    }

    /// The operator whose regions and partners somebody may work for.
    ///
    /// # Errors
    /// [`Failed::Unknown`] when there is none.
    pub async fn operator(&self, operator: &OperatorName) -> Result<Operator, Failed> {
        self.table.get(&keys::operator(operator)).await
    }

    /// Somebody.
    ///
    /// # Errors
    /// [`Failed::Unknown`] when there is no such person.
    pub async fn get(&self, operator: &OperatorName, user_id: &UserId) -> Result<KeptUser, Failed> {
        self.table.user(operator, user_id).await?.ok_or(Failed::Unknown)
    }

    /// Takes somebody on; an agent gets their place in the list and an empty purse with it.
    ///
    /// # Errors
    /// As [`Table::commit`].
    pub async fn create(
        &self,
        command: &Command,
        decided: Result<(KeptUser, Option<AgentPart>), Failed>,
    ) -> Result<Answer<User>, Failed> {
        let accepted = decided.and_then(|(kept, agent)| {
            let operator = &command.operator;
            let mut writes = taken_on(&self.table, operator, &kept)?;
            if let Some(AgentPart { agent_id, region, cash_cap }) = agent {
                let currency = cash_cap.currency;
                let name = kept.user.name.clone();
                let agent = NewAgent { agent_id, name, region, cash_cap_minor: cash_cap.amount_minor, currency };
                writes.extend(directory::taken_on(&self.table, operator, &agent, Money::new(0, currency), command)?);
            } else {
                writes.push(hands(&self.table, operator, &kept)?);
            }
            let user_id = kept.user.user_id.to_string();
            Ok(Accepted {
                status: 201,
                events: vec![Event::of(command, Happened::UserCreated, &user_id, None)],
                subject: user_id,
                writes,
                answer: kept.user,
            })
        });
        self.table.commit(command, accepted).await?.with_version(|user| user.version)
    }

    /// Changes somebody.
    ///
    /// # Errors
    /// As [`Table::commit`].
    pub async fn update(
        &self,
        command: &Command,
        before: &KeptUser,
        decided: Result<KeptUser, Failed>,
    ) -> Result<Answer<User>, Failed> {
        self.change(command, before, decided, Happened::UserUpdated).await?.with_version(|user| user.version)
    }

    async fn change(
        &self,
        command: &Command,
        before: &KeptUser,
        decided: Result<KeptUser, Failed>,
        happened: Happened,
    ) -> Result<Answer<User>, Failed> {
        let accepted = decided.and_then(|after| {
            let user_id = after.user.user_id.to_string();
            Ok(Accepted {
                status: 200,
                events: vec![Event::of(command, happened, &user_id, None)],
                subject: user_id,
                writes: changed(&self.table, &command.operator, before, &after)?,
                answer: after.user,
            })
        });
        self.table.commit(command, accepted).await
    }

    /// A page of people, by login: one query, and one batch read.
    ///
    /// # Errors
    /// [`Failed::Malformed`] for a cursor that was not made for this list.
    pub async fn list(&self, operator: &OperatorName, page: &PageRequest) -> Result<Page<User>, Failed> {
        let scope = format!("{operator} users");
        let query = Query::of_index(&self.table.names.records, keys::WORKLIST, keys::worklist_of_users(operator));
        let after = self.cursors.open(&scope, page.cursor.as_deref())?;
        let (rows, last) = self.table.query(Query { limit: Some(page.limit), after, ..query }).await?;
        let kept: Vec<KeptUser> = self.table.whole(&rows).await?;
        let items = kept.into_iter().map(|kept| kept.user).collect();
        Ok(Page { items, next_cursor: self.cursors.seal(&scope, last)? })
    }

    /// Whoever brought this ticket, if it is good.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn find_by_ticket(
        &self,
        operator: &OperatorName,
        ticket: &str,
        now: Timestamp,
    ) -> Result<Option<KeptUser>, Failed> {
        let digest = Sha256Hex::of(ticket.as_bytes());
        let Some(item) = self.table.find(&keys::ticket(operator, &digest)).await? else { return Ok(None) };
        let ticket: Ticket = item.read()?;
        let is_good = |kept: &KeptUser| {
            ticket.generation == kept.generation && kept.user.email.as_deref() == Some(ticket.email.as_str())
        };
        let found = self.table.user(operator, &ticket.user_id).await?;
        Ok(found.filter(|kept| ticket.expires_at > now && is_good(kept)))
    }

    /// Sets somebody's password, and uses up the ticket that they brought.
    ///
    /// # Errors
    /// As [`Table::commit`].
    pub async fn set_password(
        &self,
        command: &Command,
        ticket: &str,
        before: &KeptUser,
        after: KeptUser,
    ) -> Result<Answer<User>, Failed> {
        let operator = &command.operator;
        let spent = Lost::Refused(Refusal::TicketSpent);
        let mut writes = vec![self.table.use_up(keys::ticket(operator, &Sha256Hex::of(ticket.as_bytes())), spent)?];
        writes.extend(changed(&self.table, operator, before, &after)?);
        let user_id = after.user.user_id.to_string();
        let accepted = Accepted {
            status: 200,
            events: vec![Event::of(command, Happened::PasswordSet, &user_id, None)],
            subject: user_id,
            writes,
            answer: after.user,
        };
        self.table.commit(command, Ok(accepted)).await
    }
}

/// Second factors, and the key that their secrets are derived from.
#[derive(Clone)]
pub struct SecondFactors {
    users: Users,
    pepper: Pepper,
}

impl SecondFactors {
    /// The second factors of these people.
    #[must_use]
    pub fn new(users: Users, pepper: Pepper) -> Self {
        Self { users, pepper }
    }

    /// Somebody.
    ///
    /// # Errors
    /// [`Failed::Unknown`] when there is no such person.
    pub async fn get(&self, operator: &OperatorName, user_id: &UserId) -> Result<KeptUser, Failed> {
        self.users.get(operator, user_id).await
    }

    fn secret(&self, operator: &OperatorName, kept: &KeptUser) -> [u8; TOTP_BYTES] {
        let generation = kept.second_factor.as_ref().map_or(0, |factor| factor.generation);
        self.pepper.totp_secret(operator, &kept.user.user_id, generation)
    }

    /// Notes a factor that waits for its first code, and shows its secret.
    ///
    /// # Errors
    /// As [`Table::commit`].
    pub async fn enrol(
        &self,
        command: &Command,
        before: &KeptUser,
        decided: Result<KeptUser, Refusal>,
    ) -> Result<Answer<TotpSecret>, Failed> {
        let operator = &command.operator;
        let shown = decided.as_ref().ok().map(|after| {
            let secret = self.secret(operator, after);
            TotpSecret::of(&secret, &after.user.login, operator)
        });
        let committed =
            self.users.change(command, before, decided.map_err(Failed::from), Happened::UserUpdated).await?;
        match shown {
            Some(shown) => committed.completed(|_| shown),
            None => Ok(committed.refused()),
        }
    }

    /// Confirms the factor that waits by its first code.
    ///
    /// # Errors
    /// As [`Table::commit`].
    pub async fn confirm(&self, command: &Command, before: &KeptUser, code: &str) -> Result<Answer<User>, Failed> {
        let secret = self.secret(&command.operator, before);
        let decided = before.with_factor_confirmed(&secret, code, command.at).map_err(Failed::from);
        self.users.change(command, before, decided, Happened::TotpConfirmed).await
    }
}
