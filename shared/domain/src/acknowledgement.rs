//! Acknowledgements: what a partner says of a settlement's file, held against the file itself.
//!
//! A partner acknowledges the file that it has, by its digest and its control totals, whole or but for lines that it
//! rejects. What is wrong with the acknowledgement itself is sent back and changes nothing; what it says otherwise than the
//! file is a dispute, kept with what was expected and what was found.

use std::collections::{BTreeMap, BTreeSet};

use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Command, Failed, Flaw, Money, OperatorName, Refusal, SettlementId, Timestamp,
    id::Sha256Hex,
    ledger::TransferKind,
    settlement::{Settlement, SettlementStatus, StoredFile, Totals},
    settlement_file::Line,
    statement::is_ended,
};

/// Rejected lines that the settlement itself shows; all of them lie in the acknowledgement's file.
const MOST_SHOWN: usize = 20;
/// Flaws that are named at most.
const MOST_FLAWS: usize = 100;
/// The first row of rejected lines as CSV.
const HEADER: [&str; 4] = ["line", "amount_minor", "code", "text"];

/// What a partner says of a settlement's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct NewAcknowledgement {
    /// Digest of the file that the partner has.
    #[garde(skip)]
    pub sha256: Sha256Hex,
    /// What the partner's system reckons from its lines.
    #[garde(skip)]
    pub totals: ControlTotals,
    /// The lines that it does not take; none when it takes all.
    #[garde(dive)]
    #[serde(default)]
    pub rejected: Vec<RejectedLine>,
    /// More of them as CSV, with the header `line,amount_minor,code,text`; each row ends with a line break.
    #[garde(skip)]
    #[serde(default)]
    pub content: Option<String>,
}

/// Control totals as a partner reckons them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ControlTotals {
    /// Lines.
    pub count: u64,
    /// Cash that came from borrowers.
    pub collected: Money,
    /// Cash that went to borrowers.
    pub disbursed: Money,
    /// What adjustments by hand add.
    pub adjusted: Money,
    /// What the operator owes the partner.
    pub net: Money,
}

/// A line of the file that a partner does not take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct RejectedLine {
    /// Its number in the file, from 1.
    #[garde(skip)]
    pub line: u64,
    /// Its amount in the file.
    #[garde(skip)]
    pub amount: Money,
    /// The partner's own code: 1 to 40 letters, digits, hyphens and underscores.
    #[garde(custom(is_code))]
    pub code: String,
    /// Why, in words: 200 characters at most.
    #[garde(length(chars, max = 200))]
    #[serde(default)]
    pub text: String,
}

#[expect(clippy::ptr_arg, reason = "garde hands over the field's own type")]
fn is_code<C>(code: &String, _: &C) -> garde::Result {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if (1..=40).contains(&code.len()) && code.bytes().all(allowed) {
        Ok(())
    } else {
        Err(garde::Error::new("must be 1 to 40 letters, digits, hyphens or underscores"))
    }
}

/// What became of an acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AcknowledgementOutcome {
    /// The partner takes the whole file.
    Acknowledged,
    /// It rejects lines, or reckons other totals.
    Disputed,
}

impl AcknowledgementOutcome {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Acknowledged => "acknowledged",
            Self::Disputed => "disputed",
        }
    }
}

/// A total that a partner reckons otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TotalDifference {
    /// Which: `count`, `collected`, `disbursed`, `adjusted` or `net`.
    pub total: String,
    /// What the settlement has, in minor units or a count.
    pub expected: i64,
    /// What the partner has.
    pub found: i64,
}

/// What a partner said of a settlement's file, and what it comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Acknowledgement {
    /// What became of it.
    pub outcome: AcknowledgementOutcome,
    /// When it came.
    pub at: Timestamp,
    /// From whom: the partner's program or person, or staff on its behalf.
    pub by: String,
    /// Totals that differ.
    pub differences: Vec<TotalDifference>,
    /// How many lines are rejected.
    pub rejected_count: u64,
    /// Their part of the net.
    pub rejected_net: Money,
    /// The first twenty of them.
    pub rejected: Vec<RejectedLine>,
    /// All that was said, as JSON; its digest tells whether it was said before.
    pub file: StoredFile,
}

/// A rejected line, and where the body names it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    pointer: String,
    rejection: RejectedLine,
}

/// What a partner says, with all rejected lines in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    sha256: Sha256Hex,
    totals: ControlTotals,
    rejected: Vec<Named>,
}

/// A settlement after an acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledged {
    /// The settlement.
    pub settlement: Settlement,
    /// The bytes of what was said; none when it was said before.
    pub said: Option<Vec<u8>>,
}

/// What was said, as it is kept.
#[derive(Serialize)]
struct Said<'a> {
    settlement_id: &'a SettlementId,
    sha256: &'a Sha256Hex,
    totals: &'a ControlTotals,
    rejected: Vec<&'a RejectedLine>,
}

/// As many flaws as are named, and how many more there are.
fn invalid(mut flaws: Vec<Flaw>) -> Failed {
    let more = flaws.len().saturating_sub(MOST_FLAWS);
    if more > 0 {
        flaws.truncate(MOST_FLAWS);
        flaws.push(Flaw::new("/rejected", "more_flaws", format!("and {more} more")));
    }
    Failed::Invalid(flaws)
}

impl NewAcknowledgement {
    /// What is said, from the lines of the body and those of its CSV.
    ///
    /// # Errors
    /// [`Failed::Invalid`] at `/content` for rows that are no rejected lines, and for a CSV that is cut.
    pub fn claims(&self, settlement: &Settlement) -> Result<Claims, Failed> {
        let content = self.content.as_deref().unwrap_or_default();
        must_be_whole(content)?;
        let mut rejected: Vec<Named> = vec![];
        for (index, rejection) in self.rejected.iter().enumerate() {
            rejected.push(Named { pointer: format!("/rejected/{index}"), rejection: rejection.clone() });
        }
        let (mut flaws, mut rows) = (vec![], csv::ReaderBuilder::new());
        let rows = rows.has_headers(false).flexible(true).from_reader(content.as_bytes());
        for (index, row) in rows.into_records().enumerate() {
            let cells = row.map_err(|error| {
                Failed::invalid(Flaw::new(
                    "/content",
                    "invalid_value",
                    format!("row {} is no CSV: {error}", index.saturating_add(1)),
                ))
            })?;
            if index == 0 && cells.iter().eq(HEADER) {
                continue;
            }
            match rejection_of(&cells, settlement) {
                Some(rejection) if index > 0 => rejected.push(Named { pointer: "/content".to_owned(), rejection }),
                Some(_) | None => {
                    let detail = format!("row {} is not `{}`", index.saturating_add(1), HEADER.join(","));
                    flaws.push(Flaw::new("/content", "invalid_value", detail));
                }
            }
        }
        if !flaws.is_empty() {
            return Err(invalid(flaws));
        }
        rejected.sort_by_key(|named| named.rejection.line);
        Ok(Claims { sha256: self.sha256.clone(), totals: self.totals, rejected })
    }
}

/// Passes for a CSV that is whole: behind its last row is a line break, and each quote is closed. The `csv` crate takes
/// what an open quote swallows, further rows too, for one cell.
fn must_be_whole(content: &str) -> Result<(), Failed> {
    let is_closed = content.matches('"').count().is_multiple_of(2);
    if is_closed && is_ended(content) {
        return Ok(());
    }
    let wrong = if is_closed { "the last row has no line break at its end" } else { "a quote is never closed" };
    Err(Failed::invalid(Flaw::new("/content", "invalid_value", wrong).with_hint("send the CSV again, whole")))
}

/// A row of CSV as a rejected line; none for a row that is not one.
fn rejection_of(cells: &csv::StringRecord, settlement: &Settlement) -> Option<RejectedLine> {
    let mut of = cells.iter();
    let (line, minor, code, text) = (of.next()?, of.next()?, of.next()?, of.next()?);
    let amount = Money::new(minor.parse().ok()?, settlement.currency);
    let rejection = RejectedLine { line: line.parse().ok()?, amount, code: code.to_owned(), text: text.to_owned() };
    (of.next().is_none() && rejection.validate().is_ok()).then_some(rejection)
}

impl Claims {
    /// The lines that must be looked at in the file, in its order.
    #[must_use]
    pub fn lines(&self) -> BTreeSet<u64> {
        self.rejected.iter().map(|named| named.rejection.line).collect()
    }

    fn bytes(&self, settlement_id: &SettlementId) -> Result<Vec<u8>, Failed> {
        let rejected = self.rejected.iter().map(|named| &named.rejection).collect();
        let said = Said { settlement_id, sha256: &self.sha256, totals: &self.totals, rejected };
        serde_json::to_vec(&said).map_err(Failed::fault)
    }

    /// What is wrong with the acknowledgement itself: another file, another currency, lines that the file does not have,
    /// or not so, or that are named twice.
    fn flaws(&self, settlement: &Settlement, file: &StoredFile, lines: &BTreeMap<u64, Line>) -> Vec<Flaw> {
        let mut flaws = vec![];
        if self.sha256 != file.sha256 {
            let flaw = Flaw::new("/sha256", "wrong_digest", "this is the digest of another file");
            flaws.push(flaw.with_hint("fetch the settlement's file again: it never changes"));
        }
        let totals = self.totals;
        let amounts = [
            ("collected", totals.collected),
            ("disbursed", totals.disbursed),
            ("adjusted", totals.adjusted),
            ("net", totals.net),
        ];
        for (name, _) in amounts.iter().filter(|(_, amount)| amount.currency != settlement.currency) {
            let detail = format!("this settlement is in {}", settlement.currency);
            flaws.push(Flaw::new(format!("/totals/{name}/currency"), "wrong_currency", detail));
        }
        let mut last = None;
        for Named { pointer, rejection } in &self.rejected {
            // A row of the CSV has no pointer of its own.
            let at = |part: &str| if pointer == "/content" { pointer.clone() } else { format!("{pointer}/{part}") };
            let number = rejection.line;
            match lines.get(&number) {
                _ if last == Some(number) => {
                    flaws.push(Flaw::new(at("line"), "duplicate_line", format!("line {number} is rejected twice")));
                }
                None => flaws.push(Flaw::new(at("line"), "unknown_line", format!("the file has no line {number}"))),
                Some(line) if Money::new(line.amount_minor, settlement.currency) != rejection.amount => {
                    let detail = format!("line {number} is about {} {}", line.amount_minor, settlement.currency);
                    flaws.push(Flaw::new(at("amount"), "wrong_amount", detail));
                }
                Some(_) => {}
            }
            last = Some(number);
        }
        flaws
    }

    /// The totals that the partner reckons otherwise.
    fn differences(&self, totals: &Totals) -> Result<Vec<TotalDifference>, Failed> {
        let count = |count: u64| i64::try_from(count).map_err(Failed::fault);
        let (ours, theirs) = (totals, self.totals);
        let all = [
            // More lines than can be counted are as wrong as any other number of them.
            ("count", count(ours.count)?, i64::try_from(theirs.count).unwrap_or(i64::MAX)),
            ("collected", ours.collected.amount_minor, theirs.collected.amount_minor),
            ("disbursed", ours.disbursed.amount_minor, theirs.disbursed.amount_minor),
            ("adjusted", ours.adjusted.amount_minor, theirs.adjusted.amount_minor),
            ("net", ours.net.amount_minor, theirs.net.amount_minor),
        ];
        let differing = all.into_iter().filter(|(_, expected, found)| expected != found);
        Ok(differing
            .map(|(total, expected, found)| TotalDifference { total: total.to_owned(), expected, found })
            .collect())
    }
}

impl Settlement {
    /// The settlement with what a partner says of its file, given the lines of the file that it names. The same said again
    /// changes nothing.
    ///
    /// # Errors
    /// In this order: [`Refusal::SettlementBuilding`] while there is no file, [`Refusal::AlreadyAcknowledged`] when
    /// something else was said before, [`Failed::Invalid`] for every flaw of the acknowledgement itself.
    pub fn acknowledge(
        &self,
        operator: &OperatorName,
        claims: &Claims,
        lines: &BTreeMap<u64, Line>,
        command: &Command,
    ) -> Result<Acknowledged, Failed> {
        if self.status == SettlementStatus::Building {
            return Err(Refusal::SettlementBuilding.into());
        }
        let (Some(totals), Some(file)) = (&self.totals, &self.file) else {
            return Err(Failed::fault("a settled day without totals or file"));
        };
        let said = claims.bytes(&self.settlement_id)?;
        let sha256 = Sha256Hex::of(&said);
        if let Some(before) = &self.acknowledgement {
            if before.file.sha256 == sha256 {
                return Ok(Acknowledged { settlement: self.clone(), said: None });
            }
            let (outcome, by) = (before.outcome.as_str().to_owned(), before.by.clone());
            return Err(Refusal::AlreadyAcknowledged { outcome, by }.into());
        }
        let flaws = claims.flaws(self, file, lines);
        if !flaws.is_empty() {
            return Err(invalid(flaws));
        }
        let differences = claims.differences(totals)?;
        let mut rejected_net = Money::zero(self.currency);
        for line in lines.values() {
            let amount = Money::new(line.amount_minor, self.currency);
            let owed = if line.kind == TransferKind::Disbursement { amount.negated() } else { Ok(amount) };
            rejected_net = rejected_net.plus(owed.map_err(Failed::fault)?).map_err(Failed::fault)?;
        }
        let is_taken = differences.is_empty() && claims.rejected.is_empty();
        let key =
            format!("settlements/{operator}/{}/acknowledgements/{}.{sha256}.json", self.partner_id, self.settlement_id);
        let acknowledgement = Acknowledgement {
            outcome: if is_taken { AcknowledgementOutcome::Acknowledged } else { AcknowledgementOutcome::Disputed },
            at: command.at,
            by: command.principal.clone(),
            differences,
            rejected_count: claims.rejected.len() as u64,
            rejected_net,
            rejected: claims.rejected.iter().take(MOST_SHOWN).map(|named| named.rejection.clone()).collect(),
            file: StoredFile { key, sha256, bytes: said.len() as u64, url: None, expires_in: None },
        };
        let version = self.version.saturating_add(1);
        let settlement = Self { acknowledgement: Some(acknowledgement), version, ..self.clone() };
        Ok(Acknowledged { settlement, said: Some(said) })
    }
}
