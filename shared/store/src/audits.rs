//! The audit: commit records, newest first, as somebody reads them who asks what happened.

use domain::{
    Failed, OperatorName,
    audit::{AuditEntry, AuditFilter},
};

use crate::{
    answer::Page,
    cursor::{CursorKey, PageRequest},
    keys::{self, Key},
    table::{Direction, Item, Query, Table},
};

/// How many queries a page asks for at most, when most of what they find is not what the filter wants. Each finds as many
/// commits as the page has places.
const MOST_QUERIES: usize = 10;

/// What may be done with the audit.
#[derive(Clone)]
pub struct Audits {
    table: Table,
    cursors: CursorKey,
}

impl Audits {
    /// The audit of these tables.
    #[must_use]
    pub fn new(table: Table, cursors: CursorKey) -> Self {
        Self { table, cursors }
    }

    /// A page of a day's commits, newest first. The index has the day, and names the actor; what a commit is about only
    /// its record says. So a page with a filter reads on until it is full or has looked at ten times as much as it has
    /// places for: it may then hold few entries or none, and still go on.
    ///
    /// # Errors
    /// [`Failed::Malformed`] for a cursor that was not made for this list.
    pub async fn list(
        &self,
        operator: &OperatorName,
        filter: &AuditFilter,
        page: &PageRequest,
    ) -> Result<Page<AuditEntry>, Failed> {
        let scope = format!("{operator} {filter:?}");
        let places = usize::try_from(page.limit).unwrap_or_default();
        let mut after = self.cursors.open(&scope, page.cursor.as_deref())?;
        let mut items = vec![];
        for _ in 0..MOST_QUERIES {
            let of_day = keys::owner_of_commits(operator, filter.day);
            let query = Query {
                direction: Direction::NewestFirst,
                limit: Some(page.limit),
                after,
                ..Query::of_index(&self.table.names.records, keys::OWNER, of_day)
            };
            let (rows, last) = self.table.query(query).await?;
            let wanted: Vec<Key> = rows.iter().filter(|row| is_by(row, filter.actor.as_deref())).map(key_of).collect();
            let mut found = self.table.batch(&wanted).await?;
            for row in &rows {
                let key = key_of(row);
                let Some(commit) = found.remove(&(key.pk, key.sk)) else { continue };
                let entry = entry(&commit)?;
                if filter.subject.as_ref().is_some_and(|subject| *subject != entry.subject) {
                    continue;
                }
                items.push(entry);
                if items.len() == places {
                    let is_last = last.is_none() && rows.last().map(key_of) == Some(key_of(row));
                    let next = if is_last { None } else { Some(place_of(row)) };
                    return Ok(Page { items, next_cursor: self.cursors.seal(&scope, next)? });
                }
            }
            after = last;
            if after.is_none() {
                break;
            }
        }
        Ok(Page { items, next_cursor: self.cursors.seal(&scope, after)? })
    }
}

fn key_of(row: &Item) -> Key {
    let text = |name: &str| row.text(name).unwrap_or_default().to_owned();
    Key { pk: text("pk"), sk: text("sk") }
}

/// Where a list goes on behind a row.
fn place_of(row: &Item) -> Item {
    let text = |name: &str| row.text(name).unwrap_or_default();
    Item::at(&key_of(row)).in_index(keys::OWNER, text("owner_pk"), text("owner_sk"))
}

fn is_by(row: &Item, actor: Option<&str>) -> bool {
    let by = keys::scope_of_commit(row.text("pk").unwrap_or_default()).map(|(principal, _)| principal);
    actor.is_none_or(|actor| by == Some(actor))
}

/// A commit record as the audit shows it.
fn entry(commit: &Item) -> Result<AuditEntry, Failed> {
    let broken = || Failed::fault("a commit record without what every commit record has");
    let text = |name: &str| commit.text(name).unwrap_or_default().to_owned();
    let (actor, action) = keys::scope_of_commit(commit.text("pk").unwrap_or_default()).ok_or_else(broken)?;
    Ok(AuditEntry {
        commit_id: text("owner_sk").parse().map_err(Failed::fault)?,
        at: text("at").parse().map_err(Failed::fault)?,
        actor: actor.to_owned(),
        role: text("role"),
        action: action.to_owned(),
        subject: text("subject"),
        status: commit.number("status").and_then(|status| u16::try_from(status).ok()).ok_or_else(broken)?,
        reason: commit.text("reason").map(str::to_owned),
        changed: commit.text("changed").map_or(Ok(vec![]), serde_json::from_str).map_err(Failed::fault)?,
        request_id: text("request_id"),
    })
}
