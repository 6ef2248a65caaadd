//! Closed days: their reports made from the entries of the day, kept, and made again to the same bytes.

use domain::{
    AgentId, Command, Day, Event, Failed, OperatorName, RegionName, SettlementId,
    day_close::{Books, DayClose, DayCloseStatus, DayCloseSummary, Report, is_settled},
    event::Happened,
    id::Sha256Hex,
    ledger::Entry,
    operator::Operator,
    settlement::{Settlement, StoredFile},
};
use serde::Deserialize;

use crate::{
    accounts,
    answer::Page,
    commit::Accepted,
    cursor::{CursorKey, PageRequest},
    files::Files,
    keys,
    table::{Direction, Item, Query, Table, between_times},
};

/// What may be seen of closed days.
#[derive(Clone)]
pub struct DayCloses {
    table: Table,
    cursors: CursorKey,
}

/// Closed days and the bucket their reports go to.
#[derive(Clone)]
pub struct DayCloseWriter {
    table: Table,
    files: Files,
}

/// What the index has of an agent.
#[derive(Deserialize)]
struct AgentPlace {
    agent_id: AgentId,
    region: RegionName,
}

/// A closed day as it is written.
pub(crate) fn item(day: &DayClose) -> Result<Item, Failed> {
    let key = keys::day_close(&day.operator, day.business_day);
    let worklist = keys::worklist_of_day_closes(&day.operator);
    Ok(Item::of(&key, day)?.in_index(keys::WORKLIST, worklist, day.business_day.to_string()))
}

impl DayCloses {
    /// Closed days in these tables.
    #[must_use]
    pub fn new(table: Table, cursors: CursorKey) -> Self {
        Self { table, cursors }
    }

    /// A closed day.
    ///
    /// # Errors
    /// [`Failed::Unknown`] for one that is not closed.
    pub async fn get(&self, operator: &OperatorName, day: Day) -> Result<DayClose, Failed> {
        self.table.get(&keys::day_close(operator, day)).await
    }

    /// A page of closed days, newest first: one query, and one batch read of what it found.
    ///
    /// # Errors
    /// [`Failed::Malformed`] for a cursor that was not made for this list.
    pub async fn list(&self, operator: &OperatorName, page: &PageRequest) -> Result<Page<DayCloseSummary>, Failed> {
        let scope = format!("{operator} day closes");
        let partition = keys::worklist_of_day_closes(operator);
        let query = Query {
            direction: Direction::NewestFirst,
            limit: Some(page.limit),
            after: self.cursors.open(&scope, page.cursor.as_deref())?,
            ..Query::of_index(&self.table.names.records, keys::WORKLIST, partition)
        };
        let (rows, last) = self.table.query(query).await?;
        let items = self.table.whole::<DayClose>(&rows).await?.iter().map(DayClose::summary).collect();
        Ok(Page { items, next_cursor: self.cursors.seal(&scope, last)? })
    }
}

impl DayCloseWriter {
    /// Closed days of these tables with reports in this bucket.
    #[must_use]
    pub fn new(table: Table, files: Files) -> Self {
        Self { table, files }
    }

    /// Reports the day that an event is about, once all its settlements are booked; before, the last of them does. Days
    /// before it that wait for nothing else are reported first: their own events may lie behind this one in the queue. A day
    /// that is reported is made again from the entries and held against what was reported, before anything is written.
    ///
    /// # Errors
    /// [`Failed::Later`] when a settlement of the day before is not booked yet, or something behind does not answer;
    /// reporting again is safe. [`Failed::Fault`] when the report would be another than the one that is there, which stays, and when the
    /// report does not agree with itself, which is kept and names what does not.
    pub async fn build(&self, event: &Event, job: &str, request_id: &str) -> Result<(), Failed> {
        let operator = &event.operator;
        let Some(day) = self.day_of(event).await? else { return Ok(()) };
        let settlements = self.settlements(operator, &day.settlements).await?;
        if !is_settled(&settlements) {
            return Ok(());
        }
        if day.status == DayCloseStatus::Reported && event.happened == Happened::SettlementSettled {
            return match self.files.report(&day).await? {
                Some(report) => report.must_hold(),
                None => Ok(()),
            };
        }
        for (before, settlements) in self.due_before(&day).await? {
            // Controls that do not hold are told by the event of that day.
            self.make(event, job, request_id, &before, settlements).await?;
        }
        self.make(event, job, request_id, &day, settlements).await?.must_hold()
    }

    /// Makes the report of a day, and keeps it unless it is there: then it must be the same.
    async fn make(
        &self,
        event: &Event,
        job: &str,
        request_id: &str,
        day: &DayClose,
        settlements: Vec<Settlement>,
    ) -> Result<Report, Failed> {
        let report = self.report(day, settlements).await?;
        let (key, table_key) = day.keys();
        let (bytes, rows) = (report.to_json()?, report.to_csv()?);
        if day.status == DayCloseStatus::Reported {
            let same = |kept: &Option<StoredFile>, made: &[u8]| {
                kept.as_ref().is_some_and(|kept| kept.sha256 == Sha256Hex::of(made))
            };
            if !same(&day.file, &bytes) || !same(&day.table, &rows) {
                return Err(Failed::fault(
                    "a reported day would be reported otherwise: entries appeared behind its cut or changed",
                ));
            }
        }
        let file = self.put(&key, "application/json", &bytes).await?;
        let table = self.put(&table_key, "text/csv; charset=utf-8", &rows).await?;
        if day.status == DayCloseStatus::Building {
            self.keep(event, job, request_id, day, day.reported(&report, file, table)).await?;
        }
        Ok(report)
    }

    /// The days right before this one that wait for nothing but their report, the oldest first.
    async fn due_before(&self, day: &DayClose) -> Result<Vec<(DayClose, Vec<Settlement>)>, Failed> {
        let mut due = vec![];
        let mut previous = day.previous;
        while let Some(business_day) = previous {
            let Some(item) = self.table.find(&keys::day_close(&day.operator, business_day)).await? else { break };
            let before: DayClose = item.read()?;
            if before.status == DayCloseStatus::Reported {
                break;
            }
            let settlements = self.settlements(&before.operator, &before.settlements).await?;
            if !is_settled(&settlements) {
                break;
            }
            previous = before.previous;
            due.push((before, settlements));
        }
        due.reverse();
        Ok(due)
    }

    /// The day that an event is about; none for a settlement of a day that was closed without one.
    async fn day_of(&self, event: &Event) -> Result<Option<DayClose>, Failed> {
        let day: Day = if event.happened == Happened::SettlementSettled {
            let settlement_id: SettlementId = event.subject.parse().map_err(Failed::fault)?;
            let settled: Settlement = self.table.get(&keys::settlement(&event.operator, &settlement_id)).await?;
            settled.business_day
        } else {
            event.subject.parse().map_err(Failed::fault)?
        };
        self.table.find(&keys::day_close(&event.operator, day)).await?.map(Item::read).transpose()
    }

    async fn settlements(&self, operator: &OperatorName, ids: &[SettlementId]) -> Result<Vec<Settlement>, Failed> {
        let mut settlements = Vec::with_capacity(ids.len());
        for settlement_id in ids {
            settlements.push(self.table.get(&keys::settlement(operator, settlement_id)).await?);
        }
        Ok(settlements)
    }

    /// Makes the report of a day: every account's entries once, page by page.
    async fn report(&self, day: &DayClose, settlements: Vec<Settlement>) -> Result<Report, Failed> {
        let operator: Operator = self.table.get(&keys::operator(&day.operator)).await?;
        let agents = self.agents(&operator).await?;
        let before = self.before(day).await?;
        let purposes = accounts::named(&self.table, &day.operator).await?;
        let mut books = Books::begin(day, operator.currency, settlements, agents, purposes, before);
        for account in books.accounts() {
            books.account(&account)?;
            let (from, to) = books.range(&account);
            let ledger = Query::of(&self.table.names.ledger, keys::ledger(&day.operator, &account));
            let mut pages = self.table.pages(Query { range: between_times(from, to), ..ledger });
            while let Some(entries) = pages.next().await? {
                for entry in entries {
                    books.entry(&entry.read::<Entry>()?)?;
                }
            }
        }
        books.finish()
    }

    /// The report of the day before, and the digest of its bytes. A day that was closed before there were reports has none.
    async fn before(&self, day: &DayClose) -> Result<Option<(Sha256Hex, Report)>, Failed> {
        let Some(previous) = day.previous else { return Ok(None) };
        let Some(previous) = self.table.find(&keys::day_close(&day.operator, previous)).await? else { return Ok(None) };
        let previous: DayClose = previous.read()?;
        let report = self.files.report(&previous).await?;
        match (report, previous.file) {
            (Some(report), Some(file)) => Ok(Some((file.sha256, report))),
            _ => Err(Failed::Later(format!("{} is not reported yet", previous.business_day).into())),
        }
    }

    async fn agents(&self, operator: &Operator) -> Result<Vec<(AgentId, RegionName)>, Failed> {
        let mut agents = Vec::new();
        for region in &operator.regions {
            let partition = keys::worklist_of_agents(&operator.operator, region);
            let mut pages = self.table.pages(Query::of_index(&self.table.names.records, keys::WORKLIST, partition));
            while let Some(rows) = pages.next().await? {
                for row in rows {
                    let AgentPlace { agent_id, region } = row.read()?;
                    agents.push((agent_id, region));
                }
            }
        }
        Ok(agents)
    }

    async fn put(&self, key: &str, content_type: &'static str, bytes: &[u8]) -> Result<StoredFile, Failed> {
        let mut upload = self.files.upload(key, content_type);
        upload.push(bytes).await?;
        upload.finish().await
    }

    async fn keep(
        &self,
        event: &Event,
        job: &str,
        request_id: &str,
        before: &DayClose,
        after: DayClose,
    ) -> Result<(), Failed> {
        let day = before.business_day.to_string();
        let command = Command::of_job(event.operator.clone(), job, &day, event.at, request_id.to_owned());
        let accepted = Accepted {
            status: 200,
            events: vec![Event::of(&command, Happened::DayReported, &day, None)],
            writes: vec![self.table.replace(item(before)?, item(&after)?)?],
            subject: day,
            answer: after.summary(),
        };
        self.table.commit(&command, Ok(accepted)).await.map(|_| ())
    }
}
