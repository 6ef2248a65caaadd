//! Exports: a day's deliveries, entries or tracks as CSV, safe to open in a spreadsheet.

use std::collections::BTreeMap;

use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Command, Currency, Day, ExportId, Failed, RegionName, Timestamp,
    access::{Belongings, Owned, Reach, Staff},
    delivery::DeliverySummary,
    id::Sha256Hex,
    ledger::{Account, Entry},
    operator::Operator,
    settlement::StoredFile,
    settlement_format::LineEnding,
    track::Point,
};

/// What a file lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExportKind {
    /// Visits due that day.
    Deliveries,
    /// Ledger entries booked that UTC day.
    Entries,
    /// Points captured that UTC day.
    Tracks,
}

/// A file to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct NewExport {
    /// What it lists.
    #[garde(skip)]
    pub kind: ExportKind,
    /// Of which day.
    #[garde(skip)]
    #[schema(value_type = String, format = Date)]
    pub day: Day,
}

/// How far a file has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExportStatus {
    /// Waiting or being built.
    Queued,
    /// Ready to be fetched.
    Ready,
}

/// A requested file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Export {
    /// Its id.
    pub export_id: ExportId,
    /// What it lists.
    pub kind: ExportKind,
    /// Of which day.
    #[schema(value_type = String, format = Date)]
    pub day: Day,
    /// The regions it covers.
    pub regions: Vec<RegionName>,
    /// Who asked for it.
    pub requested_by: String,
    /// How far it has come.
    pub status: ExportStatus,
    /// The file, when ready.
    pub file: Option<ExportFile>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Counts its changes, from 1.
    pub version: u64,
}

/// A built file with its control totals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExportFile {
    /// The file itself.
    #[serde(flatten)]
    pub stored: StoredFile,
    /// Key of its manifest.
    pub manifest_key: String,
    /// A link to it, on answers that give one; never kept.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub manifest_url: Option<String>,
    /// Rows below the header.
    pub count: u64,
    /// Sum of the amounts per currency, in minor units.
    pub sums: BTreeMap<String, i64>,
}

/// What lies beside a file to check it by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The export.
    pub export_id: ExportId,
    /// What it lists.
    pub kind: ExportKind,
    /// Of which day.
    pub day: Day,
    /// Rows below the header.
    pub count: u64,
    /// Sum of the amounts per currency, in minor units.
    pub sums: BTreeMap<String, i64>,
    /// Digest of the file.
    pub sha256: Sha256Hex,
    /// Its length.
    pub bytes: u64,
}

/// The desk knows of its own files, the others of all.
impl Owned for Export {
    fn belongings(&self) -> Belongings<'_> {
        Belongings { requester: Some(&self.requested_by), ..Belongings::default() }
    }
}

impl Export {
    /// A file as it is asked for: the desk gets its own regions, the others the whole operator.
    ///
    /// # Errors
    /// [`Failed::Forbidden`] when the desk asks for ledger entries, which no region bounds.
    pub fn request(command: &Command, staff: &Staff, operator: &Operator, new: &NewExport) -> Result<Self, Failed> {
        let caller = &staff.caller;
        let regions = match caller.reach {
            Reach::Region if new.kind == ExportKind::Entries => return Err(Failed::Forbidden),
            Reach::Region => caller.regions.clone(),
            Reach::Operator => operator.regions.clone(),
            Reach::Own | Reach::None => return Err(Failed::Forbidden),
        };
        Ok(Self {
            export_id: ExportId::mint(command.at, &command.seed()),
            kind: new.kind,
            day: new.day,
            regions,
            requested_by: caller.subject.clone(),
            status: ExportStatus::Queued,
            file: None,
            created_at: command.at,
            version: 1,
        })
    }

    /// Where file and manifest lie.
    #[must_use]
    pub fn keys(&self, operator: &str) -> (String, String) {
        let stem = format!("exports/{operator}/{}", self.export_id);
        (format!("{stem}.csv"), format!("{stem}.manifest.json"))
    }

    /// The export with its file.
    #[must_use]
    pub fn ready(&self, file: ExportFile) -> Self {
        let version = self.version.saturating_add(1);
        Self { status: ExportStatus::Ready, file: Some(file), version, ..self.clone() }
    }
}

/// A cell of free text as a spreadsheet will not take it for a formula: one that begins like a formula gets an
/// apostrophe in front (OWASP, CSV Injection).
#[must_use]
pub fn text_cell(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

/// CSV as it grows: RFC 4180 quoting, commas and `\n` line ends unless something else is asked for, so that equal rows give
/// equal bytes.
#[derive(Debug)]
pub struct CsvRows {
    by: u8,
    ends: LineEnding,
    writer: csv::Writer<Vec<u8>>,
    bytes: usize,
}

impl Default for CsvRows {
    fn default() -> Self {
        Self::new()
    }
}

impl CsvRows {
    /// No rows yet.
    #[must_use]
    pub fn new() -> Self {
        Self::separated(b',', LineEnding::Lf)
    }

    /// No rows yet, of cells with this sign between them.
    pub(crate) fn separated(by: u8, ends: LineEnding) -> Self {
        let mut writer = csv::WriterBuilder::new();
        writer.flexible(true).delimiter(by).terminator(match ends {
            LineEnding::Lf => csv::Terminator::Any(b'\n'),
            LineEnding::Crlf => csv::Terminator::CRLF,
        });
        Self { by, ends, writer: writer.from_writer(Vec::new()), bytes: 0 }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// [`Failed::Fault`] when it cannot be written, which a row in memory always can.
    pub fn push(&mut self, cells: &[&str]) -> Result<(), Failed> {
        self.bytes = self.bytes.saturating_add(cells.iter().map(|cell| cell.len().saturating_add(1)).sum());
        self.writer.write_record(cells).map_err(Failed::fault)
    }

    /// About how many bytes wait to be taken.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.bytes
    }

    /// The bytes since this was last asked.
    pub fn take(&mut self) -> Vec<u8> {
        let empty = Self::separated(self.by, self.ends);
        let full = std::mem::replace(self, empty);
        full.writer.into_inner().unwrap_or_default()
    }
}

/// Rows of an export with their control totals.
#[derive(Debug)]
pub struct ExportRows {
    rows: CsvRows,
    count: u64,
    sums: BTreeMap<String, i64>,
}

impl ExportRows {
    /// A file of a kind with its header.
    ///
    /// # Errors
    /// [`Failed::Fault`] when the header cannot be written.
    pub fn new(kind: ExportKind) -> Result<Self, Failed> {
        let header: &[&str] = match kind {
            ExportKind::Deliveries => &[
                "delivery_id",
                "kind",
                "status",
                "partner_id",
                "region",
                "borrower_name",
                "amount_minor",
                "currency",
                "due",
                "agent_id",
                "version",
            ],
            ExportKind::Entries => &[
                "account_id",
                "transfer_id",
                "kind",
                "at",
                "amount_minor",
                "currency",
                "delivery_id",
                "reference",
                "effective_at",
                "reverses",
            ],
            ExportKind::Tracks => &["agent_id", "captured_at", "lat", "lon", "accuracy_metres"],
        };
        let mut rows = CsvRows::new();
        rows.push(header)?;
        Ok(Self { rows, count: 0, sums: BTreeMap::new() })
    }

    fn count(&mut self, amount: Option<(i64, Currency)>) -> Result<(), Failed> {
        self.count = self.count.saturating_add(1);
        if let Some((amount_minor, currency)) = amount {
            let sum = self.sums.entry(currency.to_string()).or_default();
            *sum = sum
                .checked_add(amount_minor)
                .ok_or_else(|| Failed::fault("the sum of an export is beyond what can be counted"))?;
        }
        Ok(())
    }

    /// Adds a visit.
    ///
    /// # Errors
    /// [`Failed::Fault`] when the sum does not fit.
    pub fn delivery(&mut self, visit: &DeliverySummary) -> Result<(), Failed> {
        self.count(Some((visit.amount.amount_minor, visit.amount.currency)))?;
        self.rows.push(&[
            visit.delivery_id.as_str(),
            match visit.kind {
                crate::delivery::DeliveryKind::Collection => "collection",
                crate::delivery::DeliveryKind::Disbursement => "disbursement",
            },
            visit.status.as_str(),
            visit.partner_id.as_str(),
            visit.region.as_str(),
            &text_cell(&visit.borrower_name),
            &visit.amount.amount_minor.to_string(),
            visit.amount.currency.code(),
            &visit.due.to_string(),
            visit.agent_id.as_ref().map_or("", |id| id.as_str()),
            &visit.version.to_string(),
        ])
    }

    /// Adds a ledger entry.
    ///
    /// # Errors
    /// [`Failed::Fault`] when the sum does not fit.
    pub fn entry(&mut self, account: &Account, entry: &Entry) -> Result<(), Failed> {
        self.count(Some((entry.amount.amount_minor, entry.amount.currency)))?;
        self.rows.push(&[
            &account.to_string(),
            entry.transfer_id.as_str(),
            entry.kind.as_str(),
            &entry.at.to_string(),
            &entry.amount.amount_minor.to_string(),
            entry.amount.currency.code(),
            entry.subject.delivery_id.as_ref().map_or("", |id| id.as_str()),
            &text_cell(entry.subject.reference.as_deref().unwrap_or_default()),
            &entry.effective_at.to_string(),
            entry.subject.reverses.as_ref().map_or("", |reversed| reversed.transfer_id.as_str()),
        ])
    }

    /// Adds a point of an agent's track.
    ///
    /// # Errors
    /// [`Failed::Fault`] when it cannot be written.
    pub fn point(&mut self, agent_id: &str, point: &Point) -> Result<(), Failed> {
        self.count(None)?;
        self.rows.push(&[
            agent_id,
            &point.captured_at.to_string(),
            &format!("{:.7}", point.lat),
            &format!("{:.7}", point.lon),
            &format!("{:.1}", point.accuracy_metres),
        ])
    }

    /// The bytes since this was last asked.
    pub fn take(&mut self) -> Vec<u8> {
        self.rows.take()
    }

    /// About how many bytes wait to be taken.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.rows.waiting()
    }

    /// Rows so far and the sum of their amounts.
    #[must_use]
    pub fn totals(&self) -> (u64, BTreeMap<String, i64>) {
        (self.count, self.sums.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_that_begins_like_a_formula_is_made_text() {
        for formula in ["=1+1", "+91", "-2", "@SUM(A1)", "\tx", "\rx"] {
            assert_eq!(text_cell(formula), format!("'{formula}"));
        }
        assert_eq!(text_cell("Asha = Devi"), "Asha = Devi");
    }

    #[test]
    fn bytes_are_taken_once_and_quoting_keeps_cells_whole() {
        let mut rows = CsvRows::new();
        assert!(rows.push(&["a,b", "say \"hi\"", "line\nbreak"]).is_ok());
        assert_eq!(String::from_utf8(rows.take()), Ok("\"a,b\",\"say \"\"hi\"\"\",\"line\nbreak\"\n".to_owned()));
        assert_eq!(rows.take(), Vec::<u8>::new());
    }
}
