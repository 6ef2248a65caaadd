//! Exports: asked for, built in bounded memory, fetched by link.

use domain::{
    AgentId, Command, Event, ExportId, Failed, OperatorName, Timestamp,
    access::Unseen,
    delivery::{DeliveryStatus, DeliverySummary},
    event::Happened,
    export::{Export, ExportFile, ExportKind, ExportRows, Manifest},
    ledger::{Account, Entry},
    operator::Operator,
};
use serde::Deserialize;

use crate::{
    answer::Answer,
    commit::Accepted,
    files::{Files, Upload},
    keys,
    table::{Item, Lost, Query, Range, Table, between_times},
    tracks::Tracks,
};

/// What may be done with exports.
#[derive(Clone)]
pub struct Exports {
    table: Table,
}

/// Exports and the bucket their files go to.
#[derive(Clone)]
pub struct ExportWriter {
    table: Table,
    files: Files,
}

/// What the index has of an agent.
#[derive(Deserialize)]
struct AgentRow {
    agent_id: AgentId,
}

impl Exports {
    /// Exports in these tables.
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    /// The operator whose regions a file may cover.
    ///
    /// # Errors
    /// [`Failed::Unknown`] when there is none.
    pub async fn operator(&self, operator: &OperatorName) -> Result<Operator, Failed> {
        self.table.get(&keys::operator(operator)).await
    }

    /// Takes the wish for a file.
    ///
    /// # Errors
    /// As a commit.
    pub async fn create(&self, command: &Command, decided: Result<Export, Failed>) -> Result<Answer<Export>, Failed> {
        let accepted = decided.and_then(|export| {
            let id = export.export_id.as_str();
            let item = Item::of(&keys::export(&command.operator, &export.export_id), &export)?;
            Ok(Accepted {
                status: 202,
                subject: id.to_owned(),
                events: vec![Event::of(command, Happened::ExportRequested, id, None)],
                writes: vec![self.table.create(item, Lost::Moved)?],
                answer: export,
            })
        });
        self.table.commit(command, accepted).await
    }

    /// An export.
    ///
    /// # Errors
    /// [`Failed::Unknown`] when there is none.
    pub async fn get(&self, operator: &OperatorName, export_id: &ExportId) -> Result<Unseen<Export>, Failed> {
        self.table.get(&keys::export(operator, export_id)).await.map(Unseen::new)
    }
}

/// Bytes of rows that are gathered before they go to the upload.
const CHUNK_BYTES: usize = 256 * 1024;

/// A file being written, row by row.
struct Growing<'a> {
    rows: ExportRows,
    upload: Upload<'a>,
}

impl Growing<'_> {
    async fn flush(&mut self, at_least: usize) -> Result<(), Failed> {
        if self.rows.waiting() >= at_least {
            self.upload.push(&self.rows.take()).await?;
        }
        Ok(())
    }
}

impl ExportWriter {
    /// Exports of these tables with files in this bucket.
    #[must_use]
    pub fn new(table: Table, files: Files) -> Self {
        Self { table, files }
    }

    /// Builds a file and its manifest, then says that they are ready. Building again replaces both.
    ///
    /// # Errors
    /// [`Failed::Later`] when something behind does not answer; building again is safe.
    pub async fn build(&self, event: &Event, request_id: &str) -> Result<Answer<Export>, Failed> {
        let operator = &event.operator;
        let export_id: ExportId = event.subject.parse().map_err(Failed::fault)?;
        let before: Export = self.table.get(&keys::export(operator, &export_id)).await?;
        if before.file.is_some() {
            return Answer::ok(&before);
        }
        let (key, manifest_key) = before.keys(operator.as_str());
        let mut growing =
            Growing { rows: ExportRows::new(before.kind)?, upload: self.files.upload(&key, "text/csv; charset=utf-8") };
        match before.kind {
            ExportKind::Deliveries => self.deliveries(operator, &before, &mut growing).await?,
            ExportKind::Entries => self.entries(operator, &before, &mut growing).await?,
            ExportKind::Tracks => self.tracks(operator, &before, &mut growing).await?,
        }
        growing.flush(0).await?;
        let (count, sums) = growing.rows.totals();
        let stored = growing.upload.finish().await?;
        let manifest = Manifest {
            export_id: export_id.clone(),
            kind: before.kind,
            day: before.day,
            count,
            sums: sums.clone(),
            sha256: stored.sha256.clone(),
            bytes: stored.bytes,
        };
        let mut beside = self.files.upload(&manifest_key, "application/json");
        beside.push(&serde_json::to_vec(&manifest).map_err(Failed::fault)?).await?;
        beside.finish().await?;
        let after = before.ready(ExportFile { stored, manifest_key, manifest_url: None, count, sums });
        let command =
            Command::of_job(operator.clone(), "export-build", export_id.as_str(), event.at, request_id.to_owned());
        let place = keys::export(operator, &export_id);
        let accepted = Accepted {
            status: 200,
            subject: export_id.to_string(),
            events: vec![],
            writes: vec![self.table.replace(Item::of(&place, &before)?, Item::of(&place, &after)?)?],
            answer: after,
        };
        self.table.commit(&command, Ok(accepted)).await
    }

    async fn deliveries(
        &self,
        operator: &OperatorName,
        export: &Export,
        growing: &mut Growing<'_>,
    ) -> Result<(), Failed> {
        for region in &export.regions {
            for status in DeliveryStatus::ALL {
                let partition = keys::worklist_of_deliveries(operator, region, status.as_str());
                let range = Range::Prefix(keys::worklist_due(export.day));
                let worklist = Query::of_index(&self.table.names.records, keys::WORKLIST, partition);
                let mut pages = self.table.pages(Query { range, ..worklist });
                while let Some(visits) = pages.next().await? {
                    for visit in visits {
                        growing.rows.delivery(&visit.read::<DeliverySummary>()?)?;
                        growing.flush(CHUNK_BYTES).await?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn entries(&self, operator: &OperatorName, export: &Export, growing: &mut Growing<'_>) -> Result<(), Failed> {
        let known: Operator = self.table.get(&keys::operator(operator)).await?;
        let from = Timestamp::start_of_utc_day(export.day);
        let range = between_times(from, from.plus_seconds(DAY_SECONDS));
        let mut accounts = vec![
            Account::Vault(operator.clone()),
            Account::Bank(operator.clone()),
            Account::Suspense(operator.clone()),
        ];
        accounts.extend(crate::accounts::named(&self.table, operator).await?);
        for partner in &known.partners {
            accounts.push(Account::PartnerControl(partner.clone()));
            accounts.push(Account::PartnerSettlement(partner.clone()));
        }
        for region in &export.regions {
            accounts.extend(self.agents(operator, region).await?.into_iter().map(Account::AgentCash));
        }
        for account in accounts {
            let ledger = Query::of(&self.table.names.ledger, keys::ledger(operator, &account));
            let mut pages = self.table.pages(Query { range: range.clone(), ..ledger });
            while let Some(entries) = pages.next().await? {
                for entry in entries {
                    growing.rows.entry(&account, &entry.read::<Entry>()?)?;
                    growing.flush(CHUNK_BYTES).await?;
                }
            }
        }
        Ok(())
    }

    async fn tracks(&self, operator: &OperatorName, export: &Export, growing: &mut Growing<'_>) -> Result<(), Failed> {
        let tracks = Tracks::new(self.table.clone());
        for region in &export.regions {
            for agent_id in self.agents(operator, region).await? {
                for point in tracks.day(operator, &agent_id, export.day).await? {
                    growing.rows.point(agent_id.as_str(), &point)?;
                }
                growing.flush(CHUNK_BYTES).await?;
            }
        }
        Ok(())
    }

    async fn agents(&self, operator: &OperatorName, region: &domain::RegionName) -> Result<Vec<AgentId>, Failed> {
        let mut agents = Vec::new();
        let partition = keys::worklist_of_agents(operator, region);
        let mut pages = self.table.pages(Query::of_index(&self.table.names.records, keys::WORKLIST, partition));
        while let Some(rows) = pages.next().await? {
            for row in rows {
                agents.push(row.read::<AgentRow>()?.agent_id);
            }
        }
        Ok(agents)
    }
}

const DAY_SECONDS: i64 = 86_400;
