//! Phones: listed, and given up for lost.

use domain::{
    AgentId, Command, DeviceId, Event, Failed, OperatorName, access::Unseen, device::Device, event::Happened,
};

use crate::{
    answer::{Answer, Page},
    commit::Accepted,
    cursor::{CursorKey, PageRequest},
    keys,
    table::{Item, Query, Table},
    trust::ENDED,
};

/// What may be done with phones.
#[derive(Clone)]
pub struct Devices {
    table: Table,
    cursors: CursorKey,
}

/// A phone as it lies in the table.
pub(crate) fn item(operator: &OperatorName, device: &Device) -> Result<Item, Failed> {
    let owner = keys::owner_of_devices(operator, &device.agent_id);
    let item = Item::of(&keys::device(operator, &device.device_id), device)?;
    Ok(item.in_index(keys::OWNER, owner, device.device_id.as_str()))
}

impl Devices {
    /// Phones in these tables.
    #[must_use]
    pub fn new(table: Table, cursors: CursorKey) -> Self {
        Self { table, cursors }
    }

    /// A phone.
    ///
    /// # Errors
    /// [`Failed::Unknown`] when there is none.
    pub async fn get(&self, operator: &OperatorName, device_id: &DeviceId) -> Result<Unseen<Device>, Failed> {
        self.table.get(&keys::device(operator, device_id)).await.map(Unseen::new)
    }

    /// Gives a phone up for lost: its logins end, its tokens are taken back.
    ///
    /// # Errors
    /// As [`Table::commit`].
    pub async fn revoke(&self, command: &Command, before: &Device) -> Result<Answer<Device>, Failed> {
        let operator = &command.operator;
        let after = before.revoked(command.at);
        let id = after.device_id.to_string();
        let (mut writes, mut events) = (vec![], vec![]);
        if before.is_active() {
            writes.push(self.table.replace(item(operator, before)?, item(operator, &after)?)?);
            writes.push(self.table.revoke(operator, &id, ENDED, command.at)?);
            events.push(Event::of(command, Happened::DeviceRevoked, &id, Some(&after.region)));
        }
        let accepted = Accepted { status: 200, answer: after, subject: id, events, writes };
        self.table.commit(command, Ok(accepted)).await?.with_version(|device| device.version)
    }

    /// A page of an agent's phones: one query, and one batch read.
    ///
    /// # Errors
    /// [`Failed::Malformed`] for a cursor that was not made for this list.
    pub async fn list(
        &self,
        operator: &OperatorName,
        agent_id: &AgentId,
        page: &PageRequest,
    ) -> Result<Page<Device>, Failed> {
        let scope = format!("{operator} devices {agent_id}");
        let partition = keys::owner_of_devices(operator, agent_id);
        let query = Query::of_index(&self.table.names.records, keys::OWNER, partition);
        let after = self.cursors.open(&scope, page.cursor.as_deref())?;
        let (rows, last) = self.table.query(Query { limit: Some(page.limit), after, ..query }).await?;
        Ok(Page { items: self.table.whole(&rows).await?, next_cursor: self.cursors.seal(&scope, last)? })
    }
}
