//! Programs that call: let in, changed, given new secrets. Their secrets are derived and never kept.

use domain::{
    ClientId, Command, Event, Failed, OperatorName,
    client::{Client, ClientWithSecret, ClientWithUse},
    event::Happened,
    operator::Operator,
    secret::Pepper,
};

use crate::{
    answer::{Answer, Page},
    commit::Accepted,
    cursor::{CursorKey, PageRequest},
    keys,
    table::{Item, Lost, Query, Table, Write},
};

/// What may be done with programs.
#[derive(Clone)]
pub struct Clients {
    table: Table,
    cursors: CursorKey,
}

/// Programs, and the key that their secrets are derived from.
#[derive(Clone)]
pub struct ClientSecrets {
    clients: Clients,
    pepper: Pepper,
}

/// A program as it lies in the table.
fn item(operator: &OperatorName, client: &Client) -> Result<Item, Failed> {
    let place = keys::worklist_client(&client.name, &client.client_id);
    let item = Item::of(&keys::client(operator, &client.client_id), client)?;
    Ok(item.in_index(keys::WORKLIST, keys::worklist_of_clients(operator), place))
}

impl Clients {
    /// Programs in these tables.
    #[must_use]
    pub fn new(table: Table, cursors: CursorKey) -> Self {
        Self { table, cursors }
    }

    /// A program.
    ///
    /// # Errors
    /// [`Failed::Unknown`] when there is none.
    pub async fn get(&self, operator: &OperatorName, client_id: &ClientId) -> Result<Client, Failed> {
        self.table.get(&keys::client(operator, client_id)).await
    }

    /// A program and when it was last there.
    ///
    /// # Errors
    /// [`Failed::Unknown`] when there is none.
    pub async fn get_with_use(&self, operator: &OperatorName, client_id: &ClientId) -> Result<ClientWithUse, Failed> {
        let client = self.get(operator, client_id).await?;
        let used = self.table.find(&keys::client_use(operator, client_id)).await?.unwrap_or_default();
        let last_used_at = used.text("last_used_at").and_then(|at| at.parse().ok());
        let tokens_issued = used.number("tokens_issued").and_then(|tokens| u64::try_from(tokens).ok()).unwrap_or(0);
        Ok(ClientWithUse { client, last_used_at, tokens_issued })
    }

    /// A page of programs, by name: one query, and one batch read.
    ///
    /// # Errors
    /// [`Failed::Malformed`] for a cursor that was not made for this list.
    pub async fn list(&self, operator: &OperatorName, page: &PageRequest) -> Result<Page<Client>, Failed> {
        let scope = format!("{operator} clients");
        let query = Query::of_index(&self.table.names.records, keys::WORKLIST, keys::worklist_of_clients(operator));
        let after = self.cursors.open(&scope, page.cursor.as_deref())?;
        let (rows, last) = self.table.query(Query { limit: Some(page.limit), after, ..query }).await?;
        Ok(Page { items: self.table.whole(&rows).await?, next_cursor: self.cursors.seal(&scope, last)? })
    }

    /// Changes a program; what it got tokens for before is taken back.
    ///
    /// # Errors
    /// As [`Table::commit`].
    pub async fn update(
        &self,
        command: &Command,
        before: &Client,
        decided: Result<Client, Failed>,
    ) -> Result<Answer<Client>, Failed> {
        let committed = self.change(command, before, decided, Happened::ClientUpdated).await?;
        committed.with_version(|client| client.version)
    }

    async fn change(
        &self,
        command: &Command,
        before: &Client,
        decided: Result<Client, Failed>,
        happened: Happened,
    ) -> Result<Answer<Client>, Failed> {
        let accepted = decided.and_then(|after| {
            let operator = &command.operator;
            let id = after.client_id.as_str();
            let writes = vec![
                self.table.replace(item(operator, before)?, item(operator, &after)?)?,
                self.table.revoke(operator, id, after.version, command.at)?,
            ];
            Ok(accepted(command, 200, happened, after, writes))
        });
        self.table.commit(command, accepted).await
    }
}

fn accepted(
    command: &Command,
    status: u16,
    happened: Happened,
    client: Client,
    writes: Vec<Write>,
) -> Accepted<Client> {
    let subject = client.client_id.to_string();
    Accepted { status, events: vec![Event::of(command, happened, &subject, None)], subject, writes, answer: client }
}

impl ClientSecrets {
    /// Programs and the key of their secrets.
    #[must_use]
    pub fn new(clients: Clients, pepper: Pepper) -> Self {
        Self { clients, pepper }
    }

    /// The operator whose partners a program may work for.
    ///
    /// # Errors
    /// [`Failed::Unknown`] when there is none.
    pub async fn operator(&self, operator: &OperatorName) -> Result<Operator, Failed> {
        self.clients.table.get(&keys::operator(operator)).await
    }

    /// A program.
    ///
    /// # Errors
    /// [`Failed::Unknown`] when there is none.
    pub async fn get(&self, operator: &OperatorName, client_id: &ClientId) -> Result<Client, Failed> {
        self.clients.get(operator, client_id).await
    }

    /// Lets a program in, and shows its secret.
    ///
    /// # Errors
    /// As [`Table::commit`].
    pub async fn create(
        &self,
        command: &Command,
        decided: Result<Client, Failed>,
    ) -> Result<Answer<ClientWithSecret>, Failed> {
        let table = &self.clients.table;
        let accepted = decided.and_then(|client| {
            let writes = vec![table.create(item(&command.operator, &client)?, Lost::Moved)?];
            Ok(accepted(command, 201, Happened::ClientCreated, client, writes))
        });
        self.with_secret(command, table.commit(command, accepted).await?)
    }

    /// Gives a program a new secret, and shows it. The one before, and every token that it got, are not good any more.
    ///
    /// # Errors
    /// As [`Table::commit`].
    pub async fn rotate(
        &self,
        command: &Command,
        before: &Client,
        after: Client,
    ) -> Result<Answer<ClientWithSecret>, Failed> {
        let committed = self.clients.change(command, before, Ok(after), Happened::ClientRotated).await?;
        self.with_secret(command, committed)
    }

    /// The commit's answer with the secret in it: derived anew, so that a repeat gets it too and nothing has kept it.
    fn with_secret(&self, command: &Command, committed: Answer<Client>) -> Result<Answer<ClientWithSecret>, Failed> {
        let shown = committed.completed(|client| {
            let client_secret = self.pepper.client_secret(&command.operator, &client.client_id, client.generation);
            ClientWithSecret { client, client_secret }
        })?;
        shown.with_version(|shown| shown.client.version)
    }
}
