//! The outbox: commit records whose events have not reached their queues yet.

use std::collections::HashMap;

use domain::{Event, Failed, OperatorName, Timestamp, event::Report};

use crate::{
    directory::Directory,
    keys::{self, Key},
    queues::Queues,
    table::{Item, Query, Range, Table},
};

/// What may be done with the outbox.
#[derive(Clone)]
pub struct Outbox {
    table: Table,
    queues: Queues,
}

/// What a sweep found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relayed {
    /// Commits whose events were older than the bound, now sent again.
    pub commits: u64,
    /// Age of the oldest of them, in seconds.
    pub oldest_seconds: u64,
}

impl Outbox {
    /// The outbox of these tables and queues.
    #[must_use]
    pub fn new(table: Table, queues: Queues) -> Self {
        Self { table, queues }
    }

    /// Sends a commit's events to their queues, then takes the commit out of the outbox. Between the two a crash only
    /// means that the events are sent again.
    ///
    /// # Errors
    /// [`Failed::Later`] when queue or table does not answer.
    pub async fn relay(&self, pk: &str, at: &str, events: &str) -> Result<(), Failed> {
        let reports: Vec<Report> = serde_json::from_str(events).map_err(Failed::fault)?;
        let operator =
            keys::operator_of(pk).ok_or_else(|| Failed::fault("the key of a commit begins with its operator"))?;
        let at: Timestamp = at.parse().map_err(Failed::fault)?;
        let events: Vec<Event> = reports.into_iter().map(|report| report.event(&operator, at)).collect();
        self.queues.send(&events).await?;
        let key = Key { pk: pk.to_owned(), sk: keys::COMMIT.to_owned() };
        let update = "REMOVE worklist_pk, worklist_sk";
        self.table.update_if(key, update, "attribute_exists(pk)", HashMap::new()).await.map(|_| ())
    }

    /// Sends again what every operator's outbox has kept longer than the bound.
    ///
    /// # Errors
    /// [`Failed::Later`] when queue or table does not answer.
    pub async fn sweep(&self, now: Timestamp, bound_seconds: i64) -> Result<Relayed, Failed> {
        let mut found = Relayed { commits: 0, oldest_seconds: 0 };
        let mut unsent = Ok(());
        for operator in Directory::new(self.table.clone()).operators().await? {
            if let Err(failed) = self.sweep_operator(&operator, now, bound_seconds, &mut found).await {
                unsent = Err(failed);
            }
        }
        unsent.map(|()| found)
    }

    async fn sweep_operator(
        &self,
        operator: &OperatorName,
        now: Timestamp,
        bound_seconds: i64,
        found: &mut Relayed,
    ) -> Result<(), Failed> {
        let oldest = Timestamp::EPOCH.to_string();
        let youngest = now.plus_seconds(bound_seconds.saturating_neg()).to_string();
        let mut unsent = Ok(());
        let range = Range::Between(oldest, youngest);
        let outbox = Query::of_index(&self.table.names.records, keys::WORKLIST, keys::outbox(operator));
        let mut pages = self.table.pages(Query { range, ..outbox });
        while let Some(rows) = pages.next().await? {
            for row in rows {
                let (Some(pk), Some(sk)) = (row.text("pk"), row.text("sk")) else { continue };
                let commit = self.table.find(&Key { pk: pk.to_owned(), sk: sk.to_owned() }).await?;
                let kept = commit.as_ref().and_then(|commit| Some((commit.text("at")?, commit.text("events")?)));
                let Some((at, events)) = kept else { continue };
                // One commit that cannot be sent must not keep back those behind it; the tick fails in the end, for the alarm.
                if let Err(failed) = self.relay(pk, at, events).await {
                    unsent = Err(failed);
                    continue;
                }
                found.commits = found.commits.saturating_add(1);
                found.oldest_seconds = found.oldest_seconds.max(age_seconds(&row, now));
            }
        }
        unsent
    }
}

/// How long a commit has been in the outbox.
fn age_seconds(row: &Item, now: Timestamp) -> u64 {
    let since = row.text("worklist_sk").and_then(|at| at.parse().ok());
    since.map_or(0, |since: Timestamp| now.millis_since(since).div_euclid(1000).unsigned_abs())
}
