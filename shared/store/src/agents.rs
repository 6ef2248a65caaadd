//! Field officers: who works in a region, where they were last, what cash they carry.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{AgentId, Currency, Failed, Money, OperatorName, RegionName, ledger::Account, track::Point};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    answer::Page,
    cursor::{CursorKey, PageRequest},
    keys,
    table::{Item, Query, Table},
};

/// What may be done with agents.
#[derive(Clone)]
pub struct Agents {
    table: Table,
    cursors: CursorKey,
}

/// An agent as the desk's map shows them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AgentOnMap {
    /// Who.
    pub agent_id: AgentId,
    /// Their name.
    pub name: String,
    /// Where they work.
    pub region: RegionName,
    /// Where they were last, if they ever said.
    pub position: Option<Point>,
    /// What they carry.
    pub cash_in_hand: Money,
    /// What they may carry.
    pub cash_cap: Money,
}

/// What the index has of an agent.
#[derive(Debug, Deserialize)]
struct AgentRow {
    agent_id: AgentId,
    name: String,
    region: RegionName,
    cash_cap_minor: i64,
    currency: Currency,
}

impl Agents {
    /// Agents in these tables.
    #[must_use]
    pub fn new(table: Table, cursors: CursorKey) -> Self {
        Self { table, cursors }
    }

    /// A page of a region's agents, by name: one query, and one batch read of positions and balances.
    ///
    /// # Errors
    /// [`Failed::Malformed`] for a cursor that was not made for this list.
    pub async fn list(
        &self,
        operator: &OperatorName,
        region: &RegionName,
        page: &PageRequest,
    ) -> Result<Page<AgentOnMap>, Failed> {
        let scope = format!("{operator} agents {region}");
        let limit = Some(page.limit);
        let after = self.cursors.open(&scope, page.cursor.as_deref())?;
        let partition = keys::worklist_of_agents(operator, region);
        let query = Query::of_index(&self.table.names.records, keys::WORKLIST, partition);
        let (rows, last) = self.table.query(Query { limit, after, ..query }).await?;
        let rows: Vec<AgentRow> = rows.into_iter().map(Item::read).collect::<Result<_, _>>()?;
        let cash = |agent: &AgentId| keys::balance(operator, &Account::AgentCash(agent.clone()), 0);
        let wanted: Vec<_> =
            rows.iter().flat_map(|row| [keys::position(operator, &row.agent_id), cash(&row.agent_id)]).collect();
        let mut found = self.table.batch(&wanted).await?;
        let mut items = Vec::with_capacity(rows.len());
        for row in rows {
            let place = keys::position(operator, &row.agent_id);
            let position = found.remove(&(place.pk, place.sk)).map(|item| item.without_key().read()).transpose()?;
            let balance = cash(&row.agent_id);
            let balance = found.remove(&(balance.pk, balance.sk)).and_then(|item| item.number("balance_minor"));
            items.push(AgentOnMap {
                agent_id: row.agent_id,
                name: row.name,
                region: row.region,
                position,
                cash_in_hand: Money::new(balance.unwrap_or(0), row.currency),
                cash_cap: Money::new(row.cash_cap_minor, row.currency),
            });
        }
        Ok(Page { items, next_cursor: self.cursors.seal(&scope, last)? })
    }

    /// Moves an agent's latest position forward; an older point changes nothing. Whether it moved.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn move_to(&self, operator: &OperatorName, agent_id: &AgentId, point: &Point) -> Result<bool, Failed> {
        let text = |text: String| AttributeValue::S(text);
        let number = |number: f64| AttributeValue::N(number.to_string());
        let values = HashMap::from([
            (":at".to_owned(), text(point.captured_at.to_string())),
            (":lat".to_owned(), number(point.lat)),
            (":lon".to_owned(), number(point.lon)),
            (":accuracy".to_owned(), number(point.accuracy_metres)),
        ]);
        let key = keys::position(operator, agent_id);
        let update = "SET captured_at = :at, lat = :lat, lon = :lon, accuracy_metres = :accuracy";
        self.table.update_if(key, update, "attribute_not_exists(pk) OR captured_at < :at", values).await
    }
}
