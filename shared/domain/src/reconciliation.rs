//! A bank's statement from its arrival to its report: whether it can be trusted, which lines settle which payments, and
//! what is known of the others.
//!
//! A statement is kept whole or not at all: whatever is wrong with it, the bank is asked for another file. What its
//! lines belong to is decided once and written down before the first match is booked, so that a job that died goes on
//! with the same plan and ends with the same report.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
    str::FromStr,
};

use data_encoding::BASE64;
use garde::Validate;
use jiff::{ToSpan, tz::TimeZone};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Command, Currency, Day, DisbursementId, Failed, Flaw, Money, PartnerName, PayoutId, StatementId, Timestamp,
    TransferId,
    access::{Belongings, Owned},
    disbursement::{Instruction, MATCHING_RULES, Reconciliation as Said, ReconciliationOutcome, StatementMatch},
    id::Sha256Hex,
    ledger::{Entry, TransferKind},
    matching::{
        self, Age, Candidate, Criterion, Evidence, Expected, Match, MatchKind, Reconciliation, SmallestEdit, Tie,
        UnmatchedExpected,
    },
    operator::Operator,
    payout::{Clock, Payout},
    settlement::StoredFile,
    statement::{self, Statement, StatementFormat, StatementLine, plain_reference},
};

/// Flaws that a refused statement names at most; the rest is counted.
const MOST_FLAWS: usize = 100;
/// Days between the first and the last line of a statement at most: a quarter. All payments of these days are read for it.
const MOST_DAYS: i64 = 92;
/// The same of a partner's statement: a month. All entries of these days are read for it.
const MOST_DAYS_OF_PARTNER: i64 = 31;
/// A partner's system books a visit when it is planned or when it hears of it: up to three days around it. To the paisa, like
/// a bank.
const PARTNER_RULES: matching::Rules = matching::Rules { early_days: 3, ..MATCHING_RULES };
/// Lines and payments of a match at most: a line is two or three items of a transaction, a payment is one, the commit is
/// one, and DynamoDB takes 100.
pub(crate) const MOST_MEMBERS: usize = 32;

/// How the text of a file stands in the JSON that carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContentEncoding {
    /// As it is; the file was UTF-8.
    #[default]
    Text,
    /// Base64 (RFC 4648, with padding) of the bank's own bytes, so that digest and encoding are those of the file.
    Base64,
}

/// A statement, as it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct NewStatement {
    /// What the file is.
    #[garde(skip)]
    pub format: StatementFormat,
    /// The operator's word for the bank account: 1 to 34 letters, digits, hyphens, underscores and dots.
    #[garde(custom(is_account))]
    pub account: String,
    /// The file.
    #[garde(skip)]
    pub content: String,
    /// How the file stands in `content`; `text` when left out.
    #[garde(skip)]
    #[serde(default)]
    pub encoding: ContentEncoding,
    /// The partner whose own statement it is; left out for one of the operator's bank.
    #[garde(skip)]
    #[serde(default)]
    pub partner_id: Option<PartnerName>,
}

#[expect(clippy::ptr_arg, reason = "garde hands over the field's own type")]
fn is_account<C>(account: &String, _: &C) -> garde::Result {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if (1..=34).contains(&account.len()) && account.bytes().all(allowed) {
        Ok(())
    } else {
        Err(garde::Error::new("must be 1 to 34 letters, digits, hyphens, underscores or dots"))
    }
}

fn flaw(code: &'static str, detail: impl Into<String>) -> Flaw {
    Flaw::new("/content", code, detail)
}

impl NewStatement {
    /// Passes when the operator works for the partner whose statement it is, if it is one's.
    ///
    /// # Errors
    /// [`Failed::Invalid`] at `/partner_id`.
    pub fn must_be_known_to(&self, operator: &Operator) -> Result<(), Failed> {
        match &self.partner_id {
            Some(partner) if !operator.partners.contains(partner) => {
                let detail = "this operator does not work for that partner";
                Err(Failed::invalid(Flaw::new("/partner_id", "unknown_partner", detail)))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The file's bytes and what they say.
    ///
    /// # Errors
    /// [`Failed::Invalid`] at `/content` for a file that is no statement, and for one of which a single line cannot be
    /// read or that does not add up: every flaw with its line, up to a hundred. Nothing is taken of it.
    pub fn read(&self) -> Result<(Vec<u8>, Statement), Failed> {
        let bytes = match self.encoding {
            ContentEncoding::Text => self.content.as_bytes().to_vec(),
            ContentEncoding::Base64 => BASE64.decode(self.content.as_bytes()).map_err(|error| {
                Failed::invalid(flaw("statement_encoding", format!("no base64 from offset {}", error.position)))
            })?,
        };
        let read = statement::read_whole(self.format, &bytes).map_err(|failed| {
            let Failed::Invalid(flaws) = failed else { return failed };
            Failed::Invalid(flaws.into_iter().map(|flaw| Flaw { pointer: "/content".to_owned(), ..flaw }).collect())
        })?;
        // What a reader puts in the place of bytes that it cannot decode: the letters are lost.
        if let Some((before, _)) = self.content.split_once('\u{FFFD}') {
            let line = before.matches('\n').count().saturating_add(1);
            let detail =
                format!("line {line} of the file has a replacement character: it was read as UTF-8 and is not");
            let hint = "send the bank's own bytes with `encoding` `base64`, or save the file as UTF-8";
            return Err(Failed::invalid(flaw("statement_encoding", detail).with_hint(hint)));
        }
        if read.flaws.is_empty() {
            return Ok((bytes, read));
        }
        let mut flaws: Vec<Flaw> = read.flaws.iter().take(MOST_FLAWS).map(shown).collect();
        let more = read.flaws.len().saturating_sub(flaws.len());
        if more > 0 {
            flaws.push(flaw("more_flaws", format!("and {more} more")));
        }
        Err(Failed::Invalid(flaws))
    }
}

/// A flaw of a line as the flaw of the body that carries it.
fn shown(found: &statement::LineFlaw) -> Flaw {
    let detail = match found.line {
        Some(line) => format!("line {line}: {}", found.detail),
        None => found.detail.clone(),
    };
    Flaw { hint: found.hint.clone(), ..flaw(found.code.as_str(), detail) }
}

/// How far a statement has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StatementStatus {
    /// Kept, waiting for the job.
    Received,
    /// What belongs to what is decided and is being booked.
    Matching,
    /// Every line has its outcome, and the report lies ready.
    Matched,
}

impl StatementStatus {
    /// The word for it in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Matching => "matching",
            Self::Matched => "matched",
        }
    }
}

/// Lines of a currency, counted and added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ControlTotal {
    /// The money they are in.
    pub currency: Currency,
    /// How many.
    pub lines: u32,
    /// Sum of the credits, in minor units.
    pub credits_minor: i64,
    /// Sum of the debits, in minor units; 0 or negative.
    pub debits_minor: i64,
}

/// Counts and adds up amounts by currency, in order of the currencies.
///
/// # Errors
/// [`Failed::Invalid`] when a sum is beyond 64 bits.
pub fn control_totals(amounts: impl IntoIterator<Item = Money>) -> Result<Vec<ControlTotal>, Failed> {
    let too_much = || Failed::invalid(flaw("statement_too_large", "the lines add up to more than can be counted"));
    let mut totals: BTreeMap<Currency, ControlTotal> = BTreeMap::new();
    for Money { amount_minor, currency } in amounts {
        let none = ControlTotal { currency, lines: 0, credits_minor: 0, debits_minor: 0 };
        let total = totals.entry(currency).or_insert(none);
        total.lines = total.lines.saturating_add(1);
        let sum = if amount_minor < 0 { &mut total.debits_minor } else { &mut total.credits_minor };
        *sum = sum.checked_add(amount_minor).ok_or_else(too_much)?;
    }
    Ok(totals.into_values().collect())
}

/// A bank statement as it is kept and answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReceivedStatement {
    /// Its id.
    pub statement_id: StatementId,
    /// What the file is.
    pub format: StatementFormat,
    /// The operator's word for the bank account.
    pub account: String,
    /// The partner whose own statement it is; none for one of the operator's bank.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub partner_id: Option<PartnerName>,
    /// The file as the bank made it, under the digest of its bytes.
    pub file: StoredFile,
    /// Value date of its first line in time.
    #[schema(value_type = String, format = Date)]
    pub first_day: Day,
    /// Value date of its last line in time.
    #[schema(value_type = String, format = Date)]
    pub last_day: Day,
    /// Lines, those that repeat others among them.
    pub lines: u32,
    /// Lines that repeat an earlier one of the file.
    pub duplicates: u32,
    /// Entries that are announced and not booked; they are no lines.
    pub not_booked: u32,
    /// The lines by currency.
    pub totals: Vec<ControlTotal>,
    /// The balance before the first line, if the file states it.
    pub opening: Option<Money>,
    /// The balance after the last line, if the file states it.
    pub closing: Option<Money>,
    /// How far it has come.
    pub status: StatementStatus,
    /// What was decided, before it was booked: a file for the job alone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub plan: Option<StoredFile>,
    /// What came out.
    pub result: Option<MatchingResult>,
    /// Who sent it.
    pub received_by: String,
    /// When it arrived.
    pub received_at: Timestamp,
    /// Counts its changes, from 1.
    pub version: u64,
}

/// What the job found, in numbers. Lines of all three kinds add up to the lines of the statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MatchingResult {
    /// Lines that settle payments.
    pub matched: Vec<ControlTotal>,
    /// Lines that settle nothing, each with its reason in the report.
    pub unmatched: Vec<ControlTotal>,
    /// Lines that an earlier statement or command had matched already.
    pub repeated: Vec<ControlTotal>,
    /// Matches by what tied them together.
    pub by_rule: BTreeMap<String, u32>,
    /// Unmatched lines by why they are.
    pub by_reason: BTreeMap<String, u32>,
    /// Payments that are settled by it.
    pub settled_payments: u32,
    /// Payouts that are borne out by it.
    #[serde(default)]
    pub settled_payouts: u32,
    /// Payments and payouts that it could have shown and did not.
    pub missing_payments: u32,
    /// Line by line: outcome, rule, runner-up, nearest candidates, smallest edit. JSON, the same bytes whenever it is made.
    pub report: StoredFile,
}

/// Whose a statement is: the whole operator's.
impl Owned for ReceivedStatement {
    fn belongings(&self) -> Belongings<'_> {
        Belongings::default()
    }
}

impl ReceivedStatement {
    /// Where the bytes of a statement lie.
    #[must_use]
    pub fn file_key(operator: &str, format: StatementFormat, sha256: &Sha256Hex) -> String {
        let ending = match format {
            StatementFormat::Csv => "csv",
            StatementFormat::Camt053 => "xml",
        };
        format!("statements/{operator}/{sha256}.{ending}")
    }

    /// Where a plan for it lies: under its digest, so that a plan that was decided on is never replaced by another.
    #[must_use]
    pub fn plan_key(&self, operator: &str, sha256: &Sha256Hex) -> String {
        format!("statements/{operator}/{}.plan.{sha256}.json", self.statement_id)
    }

    /// Where its report lies.
    #[must_use]
    pub fn report_key(&self, operator: &str) -> String {
        format!("statements/{operator}/{}.report.json", self.statement_id)
    }

    /// A statement as it arrives.
    ///
    /// # Errors
    /// [`Failed::Invalid`] when its lines add up to more than can be counted.
    pub fn receive(command: &Command, new: &NewStatement, bytes: &[u8], read: &Statement) -> Result<Self, Failed> {
        let days = || read.lines.iter().map(|line| line.value_date);
        let (Some(first_day), Some(last_day)) = (days().min(), days().max()) else {
            return Err(Failed::invalid(flaw("statement_empty", "the statement has no booked lines")));
        };
        let most_days = if new.partner_id.is_some() { MOST_DAYS_OF_PARTNER } else { MOST_DAYS };
        if last_day > first_day.saturating_add(most_days.days()) {
            let detail =
                format!("its lines are of {first_day} to {last_day}; such a statement spans {most_days} days at most");
            let hint = "one of these days is a slip of the pen, or the file is several statements";
            return Err(Failed::invalid(flaw("statement_span", detail).with_hint(hint)));
        }
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Ok(Self {
            statement_id: StatementId::mint(command.at, &command.seed()),
            format: new.format,
            account: new.account.clone(),
            partner_id: new.partner_id.clone(),
            file: StoredFile {
                key: Self::file_key(command.operator.as_str(), new.format, &read.sha256),
                sha256: read.sha256.clone(),
                bytes: bytes.len() as u64,
                url: None,
                expires_in: None,
            },
            first_day,
            last_day,
            lines: count(read.lines.len()),
            duplicates: count(read.lines.iter().filter(|line| line.duplicate_of.is_some()).count()),
            not_booked: read.not_booked,
            totals: control_totals(read.lines.iter().map(|line| line.amount))?,
            opening: read.opening,
            closing: read.closing,
            status: StatementStatus::Received,
            plan: None,
            result: None,
            received_by: command.principal.clone(),
            received_at: command.at,
            version: 1,
        })
    }

    /// What its lines are held against the expected by.
    #[must_use]
    pub fn rules(&self) -> matching::Rules {
        if self.partner_id.is_some() { PARTNER_RULES } else { MATCHING_RULES }
    }

    /// Whether a day is one of the days that it is of.
    fn is_of(&self, day: Day) -> bool {
        (self.first_day..=self.last_day).contains(&day)
    }

    /// The days that what it shows may be of: its own, and around them what its rules allow.
    #[must_use]
    pub fn days_shown(&self) -> RangeInclusive<Day> {
        let rules = self.rules();
        self.first_day.saturating_sub(rules.date_drift_days.days())
            ..=self.last_day.saturating_add(rules.early_days.days())
    }

    /// The statement with its plan.
    #[must_use]
    pub fn planned(&self, plan: StoredFile) -> Self {
        let version = self.version.saturating_add(1);
        Self { status: StatementStatus::Matching, plan: Some(plan), version, ..self.clone() }
    }

    /// The statement with what came out.
    #[must_use]
    pub fn matched(&self, result: MatchingResult) -> Self {
        let version = self.version.saturating_add(1);
        Self { status: StatementStatus::Matched, result: Some(result), version, ..self.clone() }
    }
}

/// What a bank line is known by for ever, whatever statement shows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineName {
    /// The bank's reference.
    pub reference: String,
    /// Which of the several lines of the reference: a batch, or a payment and its fee. None where the reference has one.
    pub part: Option<String>,
}

/// The names of a statement's lines. A line that repeats another has its name. What only some statements tell is in no
/// name: end-to-end ids order lines that are alike in all else, so that they are numbered alike in any order.
#[must_use]
pub fn line_names(lines: &[StatementLine]) -> BTreeMap<u32, LineName> {
    let mut of_reference: BTreeMap<&str, u32> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.duplicate_of.is_none()) {
        let count = of_reference.entry(&line.bank_reference).or_default();
        *count = count.saturating_add(1);
    }
    let mut names: BTreeMap<u32, LineName> = BTreeMap::new();
    let mut alike: BTreeMap<(String, String), u32> = BTreeMap::new();
    let mut firsts: Vec<&StatementLine> = lines.iter().filter(|line| line.duplicate_of.is_none()).collect();
    firsts.sort_by_cached_key(|line| (line.end_to_end.as_deref().map(plain_reference), line.line));
    for line in firsts {
        let reference = line.bank_reference.clone();
        let part = (of_reference.get(reference.as_str()) > Some(&1)).then(|| {
            let what = format!("{}.{}", line.amount.amount_minor, line.value_date);
            let number = alike.entry((reference.clone(), what.clone())).or_default();
            *number = number.saturating_add(1);
            format!("{what}.{number}")
        });
        names.insert(line.line, LineName { reference, part });
    }
    for line in lines {
        if let Some(first) = line.duplicate_of.and_then(|first| names.get(&first).cloned()) {
            names.insert(line.line, first);
        }
    }
    names
}

/// What ties lines to payments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The bank's reference is the expected one.
    Reference,
    /// The end-to-end id is the partner's reference, or the payout's id.
    EndToEnd,
    /// The narrative has the partner's reference, the payout's id or its bank reference among its words.
    Narrative,
    /// Nothing but amount and day, and nothing else has them.
    AmountAndDate,
    /// Somebody said so.
    Manual,
}

impl Rule {
    /// The word for it in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::EndToEnd => "end_to_end",
            Self::Narrative => "narrative",
            Self::AmountAndDate => "amount_and_date",
            Self::Manual => "manual",
        }
    }
}

impl From<Evidence> for Rule {
    fn from(evidence: Evidence) -> Self {
        match evidence {
            Evidence::Reference => Self::Reference,
            Evidence::EndToEnd => Self::EndToEnd,
            Evidence::Narrative => Self::Narrative,
            Evidence::AmountAndDate => Self::AmountAndDate,
        }
    }
}

/// What has become of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LineStatus {
    /// It settles payments.
    Matched,
    /// It settles nothing.
    Unmatched,
    /// It was matched before, when another statement showed it.
    Repeated,
}

impl LineStatus {
    /// The word for it in keys and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::Unmatched => "unmatched",
            Self::Repeated => "repeated",
        }
    }
}

/// A line's match, as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LineMatch {
    /// All lines of the match, in order.
    pub lines: Vec<u32>,
    /// The payments that they settle, in order; none where they bear out a payout.
    pub disbursement_ids: Vec<DisbursementId>,
    /// The payout that the one line of the match bears out, exactly.
    #[serde(default)]
    pub payout_id: Option<PayoutId>,
    /// The transfers that the lines show, in order: of a bank's statement those that somebody said they bear out, of a
    /// partner's those that they agree with. Nothing is settled by them.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub transfer_ids: Vec<TransferId>,
    /// How many belong to how many.
    pub kind: MatchKind,
    /// What ties them together.
    pub rule: Rule,
    /// The lines less what was expected, in minor units.
    pub difference_minor: i64,
    /// Why somebody matched them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// Who matched them, if it was not the job.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub by: Option<String>,
}

impl LineMatch {
    /// The match as those show it that it ties to lines of this statement.
    #[must_use]
    pub fn within(&self, statement_id: &StatementId) -> StatementMatch {
        StatementMatch {
            statement_id: statement_id.clone(),
            lines: self.lines.clone(),
            rule: self.rule,
            difference_minor: self.difference_minor,
            reason: self.reason.clone(),
            by: self.by.clone(),
        }
    }
}

/// That somebody took a line's match apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TakenApart {
    /// Why.
    pub reason: String,
    /// By whom: the person's or the program's id.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// A line of a statement as it is kept: what the bank said, what the job found, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeptLine {
    /// The statement.
    pub statement_id: StatementId,
    /// The partner whose own statement it is; none for one of the operator's bank.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub partner_id: Option<PartnerName>,
    /// Its position in the statement, from 1.
    pub line: u32,
    /// The bank's own reference.
    pub bank_reference: String,
    /// Which of the several lines of that reference.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub part: Option<String>,
    /// How much in minor units, seen from the account: credits positive, debits negative.
    pub amount: Money,
    /// The day the bank booked it for.
    #[schema(value_type = String, format = Date)]
    pub value_date: Day,
    /// What the payer wrote.
    pub narrative: String,
    /// The payer's own id.
    pub end_to_end: Option<String>,
    /// How it stands.
    pub status: LineStatus,
    /// Its match, while it is matched.
    #[serde(rename = "match")]
    pub matched: Option<LineMatch>,
    /// Of a match that the job made: the payment that comes next, and why it was not taken.
    pub runner_up: Option<Candidate>,
    /// Why it is matched to nothing.
    pub why: Option<Criterion>,
    /// The payments that it is nearest to, the likeliest first.
    pub nearest: Vec<Candidate>,
    /// The one change by which it would match the first of `nearest`; of a match by amount and day, the slip in its
    /// reference.
    pub edit: Option<SmallestEdit>,
    /// What it was matched to before this statement.
    pub matched_before_to: Option<String>,
    /// That its match was taken apart, until it has another one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub taken_apart: Option<TakenApart>,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Counts its changes, from 1.
    pub version: u64,
}

/// A line as it is listed: how it stands, and how long it has waited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListedLine {
    /// The line.
    #[serde(flatten)]
    pub line: KeptLine,
    /// Days from its value date to today in the operator's zone, while it is unmatched.
    pub age_days: Option<u32>,
    /// The band of those days.
    pub age: Option<Age>,
}

impl KeptLine {
    /// The line as it is listed on a day.
    #[must_use]
    pub fn listed(self, today: Day) -> ListedLine {
        let age_days = (self.status == LineStatus::Unmatched).then(|| matching::age_days(self.value_date, today));
        ListedLine { age_days, age: age_days.map(Age::of), line: self }
    }
}

/// Which lines somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LineQuery {
    /// How they stand: `unmatched` unless something else is asked for.
    #[serde(default)]
    pub status: Option<LineStatus>,
    /// How old they are: `0_to_1`, `2_to_3`, `4_to_7`, `8_to_30` or `over_30` days.
    #[serde(default)]
    pub age: Option<Age>,
    /// Of which statement.
    #[serde(default)]
    pub statement_id: Option<StatementId>,
}

/// Which lines a list shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineFilter {
    /// The operator's unmatched ones of some value dates, both ends inclusive.
    Unmatched {
        /// The first; none for the oldest.
        from: Option<Day>,
        /// The last; none for the youngest.
        to: Option<Day>,
    },
    /// Those of a statement that stand so.
    OfStatement {
        /// Which statement.
        statement_id: StatementId,
        /// How they stand.
        status: LineStatus,
    },
}

impl LineFilter {
    /// How the lines stand that it shows.
    #[must_use]
    pub fn status(&self) -> LineStatus {
        match self {
            Self::Unmatched { .. } => LineStatus::Unmatched,
            Self::OfStatement { status, .. } => *status,
        }
    }
}

impl LineQuery {
    /// The filter that an index answers, with ages as of a day.
    ///
    /// # Errors
    /// [`Failed::Malformed`] for filters that no index answers together.
    pub fn filter(&self, today: Day) -> Result<LineFilter, Failed> {
        let status = self.status.unwrap_or(LineStatus::Unmatched);
        let unindexed = |name: &str, detail: &str, hint: &str| {
            Err(Failed::malformed(Flaw::new(name, "unindexed_filter", detail).with_hint(hint)))
        };
        match (&self.statement_id, self.age) {
            (Some(_), Some(_)) => {
                unindexed("age", "no index answers a statement and an age together", "ask for one of the two")
            }
            (Some(statement_id), None) => Ok(LineFilter::OfStatement { statement_id: statement_id.clone(), status }),
            (None, _) if status != LineStatus::Unmatched => {
                unindexed("status", "only unmatched lines are listed over all statements", "name a statement as well")
            }
            (None, age) => {
                let (from, to) = age.map_or((None, None), |age| age.dates(today));
                Ok(LineFilter::Unmatched { from, to })
            }
        }
    }
}

/// A line that something else has settled before this statement came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepeatedLine {
    /// Which line.
    pub line: u32,
    /// What it was matched to.
    pub holder: String,
}

/// What is to be booked for a statement, decided once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Lines that are matched already.
    pub repeated: Vec<RepeatedLine>,
    /// What was expected, in order of the ids.
    pub expected: Vec<Expected>,
    /// What belongs to what, and why the rest does not.
    pub found: Reconciliation,
}

impl Plan {
    /// Decides. The same lines, holders and payments in any order give the same plan. A payout that somebody recorded as
    /// paid holds its line's name already: until a statement shows the line, it was not matched before.
    #[must_use]
    pub fn make(lines: &[StatementLine], holders: &BTreeMap<u32, String>, mut expected: Vec<Expected>) -> Self {
        let waits = expected.iter().filter(|thing| thing.tie != Tie::NotWaiting);
        let waits: BTreeSet<&str> = waits.map(|thing| thing.id.as_str()).collect();
        let holders: BTreeMap<u32, String> = holders
            .iter()
            .filter(|(_, id)| !waits.contains(id.as_str()))
            .map(|(line, id)| (*line, id.clone()))
            .collect();
        let open: Vec<StatementLine> = lines.iter().filter(|line| !holders.contains_key(&line.line)).cloned().collect();
        expected.sort_by(|one, other| one.id.cmp(&other.id));
        let found = matching::reconcile(&open, &expected, &MATCHING_RULES);
        let repeated = holders.into_iter().map(|(line, holder)| RepeatedLine { line, holder });
        Self { repeated: repeated.collect(), expected, found }
    }

    /// The same of a partner's statement, whose lines are taken by nothing. What is expected beside its own days, because
    /// its system may be early or late, is not missed when it is not shown.
    #[must_use]
    pub fn of_partner(statement: &ReceivedStatement, lines: &[StatementLine], mut expected: Vec<Expected>) -> Self {
        expected.sort_by(|one, other| one.id.cmp(&other.id));
        let mut found = matching::reconcile(lines, &expected, &statement.rules());
        let due: BTreeSet<&str> =
            expected.iter().filter(|thing| statement.is_of(thing.date)).map(|thing| thing.id.as_str()).collect();
        found.unmatched_expected.retain(|missing| due.contains(missing.id.as_str()));
        Self { repeated: vec![], expected, found }
    }
}

/// A match about to be booked.
#[derive(Debug, Clone, PartialEq)]
pub struct Booking {
    /// The lines as they will stand.
    pub lines: Vec<KeptLine>,
    /// The payments that they settle.
    pub disbursement_ids: Vec<DisbursementId>,
    /// The payout that they bear out instead.
    pub payout_id: Option<PayoutId>,
    /// What is said of each payment.
    pub(crate) said: Said,
    /// Whether each payment's own amount is said, and not that of the lines.
    pub(crate) by_share: bool,
}

impl Booking {
    /// The line that the match is known by: its first.
    #[must_use]
    pub fn first_line(&self) -> u32 {
        self.lines.first().map_or(0, |line| line.line)
    }

    /// A payout as the match leaves it.
    ///
    /// # Errors
    /// [`crate::Refusal::IllegalTransition`] when it does not wait for its bank line any more.
    pub fn bear_out(&self, before: &Payout, clock: &Clock, command: &Command) -> Result<Payout, Failed> {
        let line = self.lines.first().ok_or_else(|| Failed::fault("a match without lines"))?;
        let said = self.said.statement.clone().ok_or_else(|| Failed::fault("a match without its statement"))?;
        before.bear_out(line, said, clock, command)
    }

    /// A payment as the match leaves it.
    ///
    /// # Errors
    /// [`crate::Refusal::IllegalTransition`] when it does not wait for its bank line any more.
    pub fn settle(&self, before: &Instruction, visit: &crate::Delivery) -> Result<Instruction, Failed> {
        let amount = if self.by_share { before.amount } else { self.said.amount };
        before.settle(visit, Said { amount, ..self.said.clone() })
    }
}

/// The work on one statement: what its plan means, line by line.
#[derive(Debug)]
pub struct Matching<'a> {
    statement: &'a ReceivedStatement,
    lines: BTreeMap<u32, &'a StatementLine>,
    names: BTreeMap<u32, LineName>,
    plan: &'a Plan,
    at: Timestamp,
}

impl<'a> Matching<'a> {
    /// The work on a statement, at the time that everything it changes says.
    #[must_use]
    pub fn new(statement: &'a ReceivedStatement, read: &'a Statement, plan: &'a Plan, at: Timestamp) -> Self {
        let lines = read.lines.iter().map(|line| (line.line, line)).collect();
        Self { statement, lines, names: line_names(&read.lines), plan, at }
    }

    fn blank(&self, number: u32, status: LineStatus) -> Option<KeptLine> {
        let line = self.lines.get(&number)?;
        Some(KeptLine {
            statement_id: self.statement.statement_id.clone(),
            partner_id: self.statement.partner_id.clone(),
            line: number,
            bank_reference: line.bank_reference.clone(),
            part: self.names.get(&number).and_then(|name| name.part.clone()),
            amount: line.amount,
            value_date: line.value_date,
            narrative: line.narrative.clone(),
            end_to_end: line.end_to_end.clone(),
            status,
            matched: None,
            runner_up: None,
            why: None,
            nearest: vec![],
            edit: None,
            matched_before_to: None,
            taken_apart: None,
            updated_at: self.at,
            version: 1,
        })
    }

    /// The matches to be booked, in order of their first lines. One with more members than a transaction holds is not
    /// among them: its lines are left for somebody to decide.
    ///
    /// # Errors
    /// [`Failed::Fault`] for a plan whose payments are none.
    pub fn bookings(&self) -> Result<Vec<Booking>, Failed> {
        let fits = |found: &&Match| found.lines.len().saturating_add(found.expected.len()) <= MOST_MEMBERS;
        self.plan.found.matches.iter().filter(fits).map(|found| self.booking(found)).collect()
    }

    fn booking(&self, found: &Match) -> Result<Booking, Failed> {
        let Subjects { disbursement_ids, payout_id, transfer_ids } = self.subjects(found)?;
        let rule = Rule::from(found.by);
        let matched = LineMatch {
            lines: found.lines.clone(),
            disbursement_ids: disbursement_ids.clone(),
            payout_id: payout_id.clone(),
            transfer_ids,
            kind: found.kind,
            rule,
            difference_minor: found.difference_minor,
            reason: None,
            by: None,
        };
        let lines: Vec<KeptLine> = found
            .lines
            .iter()
            .filter_map(|number| self.blank(*number, LineStatus::Matched))
            .map(|line| KeptLine {
                matched: Some(matched.clone()),
                runner_up: found.runner_up.clone(),
                edit: found.edit.clone(),
                ..line
            })
            .collect();
        let said = said(&self.statement.statement_id, &lines, &matched, self.at)?;
        Ok(Booking { lines, disbursement_ids, payout_id, said, by_share: found.kind == MatchKind::OneToMany })
    }

    /// The lines that are matched to nothing: left by the plan, in a match too large to be booked, or in one that
    /// somebody else was faster than (`overtaken`, by first line). And those that were matched before.
    #[must_use]
    pub fn left(&self, overtaken: &BTreeSet<u32>) -> Vec<KeptLine> {
        let mut left: Vec<KeptLine> = Vec::new();
        for told in &self.plan.found.unmatched_lines {
            left.extend(self.blank(told.line, LineStatus::Unmatched).map(|line| KeptLine {
                why: Some(told.why),
                nearest: told.nearest.clone(),
                edit: told.edit.clone(),
                ..line
            }));
        }
        for repeated in &self.plan.repeated {
            left.extend(
                self.blank(repeated.line, LineStatus::Repeated)
                    .map(|line| KeptLine { matched_before_to: Some(repeated.holder.clone()), ..line }),
            );
        }
        for found in &self.plan.found.matches {
            let is_large = found.lines.len().saturating_add(found.expected.len()) > MOST_MEMBERS;
            let is_overtaken = found.lines.first().is_some_and(|first| overtaken.contains(first));
            let why = match (is_large, is_overtaken) {
                (true, _) => Criterion::TooMany,
                (false, true) => Criterion::Taken,
                (false, false) => continue,
            };
            let nearest: Vec<Candidate> = found
                .expected
                .iter()
                .take(3)
                .map(|id| Candidate { id: id.clone(), failed: why, amount_off_minor: 0, days_off: 0 })
                .collect();
            for number in &found.lines {
                left.extend(self.blank(*number, LineStatus::Unmatched).map(|line| KeptLine {
                    why: Some(why),
                    nearest: nearest.clone(),
                    ..line
                }));
            }
        }
        left.sort_by_key(|line| line.line);
        left
    }

    /// The report: every line as the job left it, and what no line shows.
    ///
    /// # Errors
    /// [`Failed::Fault`] for a plan whose payments are none.
    pub fn report(&self, overtaken: &BTreeSet<u32>) -> Result<Report, Failed> {
        let booked = self.bookings()?.into_iter().filter(|booking| !overtaken.contains(&booking.first_line()));
        let mut lines: Vec<KeptLine> = booked.flat_map(|booking| booking.lines).collect();
        lines.extend(self.left(overtaken));
        lines.sort_by_key(|line| line.line);
        Ok(Report {
            statement_id: self.statement.statement_id.clone(),
            account: self.statement.account.clone(),
            sha256: self.statement.file.sha256.clone(),
            rules: self.statement.rules(),
            lines,
            missing_payments: self.plan.found.unmatched_expected.clone(),
        })
    }
}

/// What a match is about.
#[derive(Default)]
struct Subjects {
    disbursement_ids: Vec<DisbursementId>,
    payout_id: Option<PayoutId>,
    transfer_ids: Vec<TransferId>,
}

impl Matching<'_> {
    /// What a match is about: payments, or one payout by itself; of a partner's statement transfers.
    fn subjects(&self, found: &Match) -> Result<Subjects, Failed> {
        if self.statement.partner_id.is_some() {
            return Ok(Subjects { transfer_ids: ids(found)?, ..Subjects::default() });
        }
        if let [id] = found.expected.as_slice()
            && let Ok(payout_id) = id.parse::<PayoutId>()
        {
            if found.kind != MatchKind::OneToOne || found.difference_minor != 0 {
                return Err(Failed::fault("a payout is one line, exactly"));
            }
            return Ok(Subjects { payout_id: Some(payout_id), ..Subjects::default() });
        }
        Ok(Subjects { disbursement_ids: ids(found)?, ..Subjects::default() })
    }
}

/// What was expected of a match, as ids of one kind.
fn ids<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(found: &Match) -> Result<Vec<T>, Failed> {
    found.expected.iter().map(|id| id.parse().map_err(Failed::fault)).collect()
}

/// What a partner's own statement should show of an entry of its control account, which has it from the operator's side:
/// what was collected is a credit, what was handed over a debit, on the day of the visit and by the partner's reference.
/// None of what is the operator's own: what a settled day moves on.
#[must_use]
pub fn shown_to_partner(entry: &Entry, zone: &TimeZone) -> Option<Expected> {
    match entry.kind {
        TransferKind::Settlement | TransferKind::Payout => None,
        TransferKind::Collection
        | TransferKind::Disbursement
        | TransferKind::Reversal
        | TransferKind::Adjustment
        | TransferKind::Deposit
        | TransferKind::Budget
        | TransferKind::FloatIssue => Some(Expected {
            id: entry.transfer_id.to_string(),
            reference: entry.subject.reference.clone().unwrap_or_default(),
            end_to_end: entry.subject.reference.clone(),
            amount: entry.amount.negated().ok()?,
            date: entry.effective_at.day_in(zone),
            tie: matching::Tie::Any,
        }),
    }
}

/// What is said of a payment that lines settle.
pub(crate) fn said(
    statement_id: &StatementId,
    lines: &[KeptLine],
    matched: &LineMatch,
    at: Timestamp,
) -> Result<Said, Failed> {
    let first = lines.first().ok_or_else(|| Failed::fault("a match without lines"))?;
    let mut sum = Money::zero(first.amount.currency);
    for line in lines {
        sum = sum.plus(line.amount).map_err(Failed::fault)?;
    }
    let last_day = lines.iter().map(|line| line.value_date).max().unwrap_or(first.value_date);
    let amount_minor = sum.amount_minor.checked_abs().ok_or_else(|| Failed::fault("an amount without opposite"))?;
    Ok(Said {
        outcome: ReconciliationOutcome::Reconciled,
        bank_reference: first.bank_reference.clone(),
        amount: Money { amount_minor, ..sum },
        value_date: last_day,
        differences: vec![],
        statement: Some(matched.within(statement_id)),
        at,
    })
}

/// A statement's report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = StatementReport)]
pub struct Report {
    /// The statement.
    pub statement_id: StatementId,
    /// The operator's word for the bank account.
    pub account: String,
    /// Digest of the bank's file.
    pub sha256: Sha256Hex,
    /// How far a line could be off.
    pub rules: matching::Rules,
    /// Every line, in order.
    pub lines: Vec<KeptLine>,
    /// Payments and payouts that the statement could have shown and did not, each with the lines that come nearest.
    pub missing_payments: Vec<UnmatchedExpected>,
}

impl Report {
    /// The report in numbers, with the file that it lies in.
    ///
    /// # Errors
    /// [`Failed::Fault`] when a sum does not fit, which those of the whole statement did.
    pub fn result(&self, report: StoredFile) -> Result<MatchingResult, Failed> {
        let totals = |status: LineStatus| {
            control_totals(self.lines.iter().filter(|line| line.status == status).map(|line| line.amount))
        };
        let mut by_rule: BTreeMap<String, u32> = BTreeMap::new();
        let mut by_reason: BTreeMap<String, u32> = BTreeMap::new();
        let mut settled: BTreeSet<&DisbursementId> = BTreeSet::new();
        let mut borne_out: BTreeSet<&PayoutId> = BTreeSet::new();
        for line in &self.lines {
            if let Some(matched) = line.matched.as_ref().filter(|matched| matched.lines.first() == Some(&line.line)) {
                let count = by_rule.entry(matched.rule.as_str().to_owned()).or_default();
                *count = count.saturating_add(1);
                settled.extend(&matched.disbursement_ids);
                borne_out.extend(&matched.payout_id);
            }
            if let Some(why) = line.why {
                let count = by_reason.entry(why.as_str().to_owned()).or_default();
                *count = count.saturating_add(1);
            }
        }
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Ok(MatchingResult {
            matched: totals(LineStatus::Matched)?,
            unmatched: totals(LineStatus::Unmatched)?,
            repeated: totals(LineStatus::Repeated)?,
            by_rule,
            by_reason,
            settled_payments: count(settled.len()),
            settled_payouts: count(borne_out.len()),
            missing_payments: count(self.missing_payments.len()),
            report,
        })
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::{
        Delivery, SettlementId,
        delivery::{Borrower, Conclusion, DeliveryStatus},
        disbursement::{BankLine, NewDisbursement, Reconciled},
        matching::tests::{Dice, landed},
        payout::{PayoutNews, PayoutStatus, tests as payouts},
        settlement::Settlement,
        turn_around::Rail,
    };

    fn line(number: u32, reference: &str, amount_minor: i64, end_to_end: Option<&str>) -> StatementLine {
        StatementLine {
            line: number,
            bank_reference: reference.to_owned(),
            amount: Money::new(amount_minor, Currency::Inr),
            value_date: date(2026, 11, 21),
            narrative: String::new(),
            end_to_end: end_to_end.map(str::to_owned),
            duplicate_of: None,
        }
    }

    fn payment(number: u32, reference: &str, amount_minor: i64) -> Expected {
        Expected {
            id: DisbursementId::mint(Timestamp::from_millis(i64::from(number)), &[b"x"]).to_string(),
            reference: String::new(),
            end_to_end: Some(reference.to_owned()),
            amount: Money::new(amount_minor, Currency::Inr),
            date: date(2026, 11, 21),
            tie: matching::Tie::Any,
        }
    }

    #[test]
    fn a_line_is_known_by_its_reference_and_one_of_several_by_amount_day_and_number() {
        let again = StatementLine { duplicate_of: Some(1), ..line(5, "UTR1", -100, None) };
        let lines = [
            line(1, "UTR1", -100, None),
            line(2, "BATCH", -100, Some("B-1")),
            line(3, "BATCH", -100, Some("A-1")),
            line(4, "BATCH", -200, None),
            again,
        ];
        let names = line_names(&lines);
        let part = |number: u32| names[&number].part.clone();
        assert_eq!((part(1), part(5)), (None, None), "what repeats a line has its name");
        assert_eq!(
            part(2).as_deref(),
            Some("-100.2026-11-21.2"),
            "numbered by their ids, in whatever order they stand"
        );
        assert_eq!(part(3).as_deref(), Some("-100.2026-11-21.1"), "equal instalments are two");
        assert_eq!(part(4).as_deref(), Some("-200.2026-11-21.1"));
        let silent = lines.map(|line| StatementLine { end_to_end: None, ..line });
        let parts = |names: BTreeMap<u32, LineName>| names.into_values().collect::<BTreeSet<_>>();
        assert_eq!(parts(line_names(&silent)), parts(names), "a file without ids shows the same lines");
    }

    #[test]
    fn a_plan_is_the_same_in_whatever_order_the_payments_lie_and_leaves_out_what_is_matched() {
        let lines = [line(1, "UTR1", -100, Some("P-1")), line(2, "UTR2", -200, Some("P-2"))];
        let payments = vec![payment(1, "P-1", -100), payment(2, "P-2", -200)];
        let holders = BTreeMap::from([(1, "dsb_held".to_owned())]);
        let plan = Plan::make(&lines, &holders, payments.clone());
        assert_eq!(plan, Plan::make(&lines, &holders, payments.into_iter().rev().collect()));
        assert_eq!(plan.found.matches.len(), 1);
        assert_eq!(plan.found.matches[0].lines, [2]);
        assert_eq!(plan.repeated, [RepeatedLine { line: 1, holder: "dsb_held".to_owned() }]);
    }

    #[test]
    fn a_line_whose_name_a_payout_holds_that_waits_for_it_was_not_matched_before() {
        let payout_id = PayoutId::mint(Timestamp::EPOCH, &[b"p"]).to_string();
        let lines = [line(1, "UTR1", -100, None), line(2, "UTR2", -100, None)];
        let tie = matching::Tie::Named;
        let waits = Expected { id: payout_id.clone(), reference: "UTR1".to_owned(), tie, ..payment(1, "P-1", -100) };
        let holders = BTreeMap::from([(1, payout_id.clone()), (2, "pay_other".to_owned())]);
        let plan = Plan::make(&lines, &holders, vec![waits]);
        assert_eq!((&plan.found.matches[0].lines, &plan.found.matches[0].expected), (&vec![1], &vec![payout_id]));
        assert_eq!(plan.repeated, [RepeatedLine { line: 2, holder: "pay_other".to_owned() }]);
    }

    #[test]
    fn totals_that_do_not_fit_are_refused_and_others_are_exact() {
        let inr = |minor| Money::new(minor, Currency::Inr);
        let totals = control_totals([inr(5), inr(-7), inr(-1), Money::new(3, Currency::Npr)]).unwrap();
        let rupees = ControlTotal { currency: Currency::Inr, lines: 3, credits_minor: 5, debits_minor: -8 };
        let nepalese = ControlTotal { currency: Currency::Npr, lines: 1, credits_minor: 3, debits_minor: 0 };
        assert_eq!(totals, [rupees, nepalese]);
        assert!(control_totals([inr(i64::MAX), inr(1)]).is_err());
    }

    // A quarter's statement of an operator's account, held against payments and payouts as production makes and plans them,
    // with every fault planted in it that a bank's statement has.

    /// The first day of the statement.
    const FIRST: Day = date(2026, 8, 24);
    /// Days behind the first on which cash is handed over: what is late by a slip is in the statement, too.
    const HAND_OVERS: RangeInclusive<i64> = 5..=70;

    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    enum Plant {
        SoundByEndToEnd,
        SoundByNarrative,
        SoundByAmountAndDate,
        SoundPayoutByItsId,
        SoundPayoutByItsReference,
        MissingLine,
        ExtraDebit,
        ExtraCredit,
        Duplicate,
        Repeat,
        RecordedByHand,
        SlipInEndToEnd,
        SlipInReference,
        TransposedAmount,
        PaisaOff,
        WrongCurrency,
        WrongDirection,
        TooLate,
        BeforeTheHandOver,
        NamesAnother,
        NamesReconciled,
        NamesNotHandedOver,
        PaymentCameBack,
        PayoutPaisaOff,
        PayoutTooLate,
        PayoutCameBack,
        UnnamedPayout,
        FailedPayout,
        EquallyGood,
        MergedAndNamed,
        MergedAndNamedPaisaOff,
        SplitAndNamed,
        SplitAndNamedPaisaOff,
        TooManyToBook,
        MergedUnnamed,
        MergedUnnamedPaisaOff,
        SplitUnnamed,
        SplitUnnamedPaisaOff,
        TooManyToSearch,
    }

    const SOUND: [Plant; 5] = [
        Plant::SoundByEndToEnd,
        Plant::SoundByNarrative,
        Plant::SoundByAmountAndDate,
        Plant::SoundPayoutByItsId,
        Plant::SoundPayoutByItsReference,
    ];

    /// What stands anywhere in the statement.
    const FAULTS: [Plant; 29] = [
        Plant::MissingLine,
        Plant::ExtraDebit,
        Plant::ExtraCredit,
        Plant::Duplicate,
        Plant::Repeat,
        Plant::RecordedByHand,
        Plant::SlipInEndToEnd,
        Plant::SlipInReference,
        Plant::TransposedAmount,
        Plant::PaisaOff,
        Plant::WrongCurrency,
        Plant::WrongDirection,
        Plant::TooLate,
        Plant::BeforeTheHandOver,
        Plant::NamesAnother,
        Plant::NamesReconciled,
        Plant::NamesNotHandedOver,
        Plant::PaymentCameBack,
        Plant::PayoutPaisaOff,
        Plant::PayoutTooLate,
        Plant::PayoutCameBack,
        Plant::UnnamedPayout,
        Plant::FailedPayout,
        Plant::EquallyGood,
        Plant::MergedAndNamed,
        Plant::MergedAndNamedPaisaOff,
        Plant::SplitAndNamed,
        Plant::SplitAndNamedPaisaOff,
        Plant::TooManyToBook,
    ];

    /// Sums that nothing names are looked for among the twelve of a window: each of these has days of its own.
    const SUMS: [Plant; 5] = [
        Plant::MergedUnnamed,
        Plant::MergedUnnamedPaisaOff,
        Plant::SplitUnnamed,
        Plant::SplitUnnamedPaisaOff,
        Plant::TooManyToSearch,
    ];
    /// As many windows of four days are within the hand-overs, for a half of these each.
    const SUMS_OF_A_KIND: usize = 8;

    /// What is to be said of a line, or of a thing that is expected.
    #[derive(Debug, Clone)]
    enum Told {
        /// It belongs to what is planted beside it and is matched, too.
        Matched(MatchKind, Evidence),
        /// The same, and they are too many for one booking.
        TooMany(Evidence),
        /// It is left: why, and the one change that would do.
        Left(Criterion, Option<SmallestEdit>),
        /// Something settled the line before.
        Repeated(String),
        /// Nobody waits for it.
        Nothing,
    }

    use Told::{Left, Matched, Nothing, Repeated};

    /// What was planted in one place.
    struct Planted {
        plant: Plant,
        lines: Vec<(StatementLine, Told)>,
        expected: Vec<(Expected, Told)>,
    }

    fn debit(amount_minor: i64) -> Money {
        Money::new(-amount_minor, Currency::Inr)
    }

    /// The moment at which something happens on a day: before noon in Kolkata.
    fn morning(day: Day) -> Timestamp {
        Timestamp::start_of_utc_day(day).plus_seconds(5 * 3_600)
    }

    fn kolkata() -> TimeZone {
        TimeZone::get("Asia/Kolkata").unwrap()
    }

    /// An amount in which two neighbouring digits have changed places: the last two that differ.
    fn transposed(amount_minor: i64) -> i64 {
        let mut place = 1;
        loop {
            let (one, other) = (amount_minor / place % 10, amount_minor / place / 10 % 10);
            if one != other {
                return amount_minor + 9 * place * (one - other);
            }
            place *= 10;
        }
    }

    struct Quarter {
        dice: Dice,
        made: i64,
    }

    impl Quarter {
        /// Names as partners and banks count them: each is a slip of the pen away from many others.
        fn number(&mut self) -> i64 {
            self.made += 1;
            self.made
        }

        /// A number that no slip makes another one's: 89 divides no such difference.
        fn checked(&mut self) -> i64 {
            1_000_000 + 89 * self.number()
        }

        /// An amount that nothing else has, above every sum of a few payments.
        fn rare(&mut self) -> i64 {
            50_000_000 + 1_013 * self.number()
        }

        fn day(&mut self) -> Day {
            FIRST.saturating_add(self.dice.within(HAND_OVERS).days())
        }

        /// An instruction, and its visit as it is once the cash is handed over.
        fn instructed(&mut self, reference: &str, amount_minor: i64, day: Day) -> (Instruction, Delivery) {
            let (key, at) = (format!("k{}", self.number()), morning(day));
            let command = Command::of_job(payouts::pennco(), "disbursement-create", &key, at, key.clone());
            let new = NewDisbursement {
                reference: reference.to_owned(),
                region: "pune-north".parse().unwrap(),
                borrower: Borrower { name: "Asha".into(), phone: "+919800000001".into(), address: "Wagholi".into() },
                amount: Money::new(amount_minor, Currency::Inr),
                due: day,
            };
            let (instruction, visit) = Instruction::plan(&command, &new, "bfil".parse().unwrap());
            let conclusion = Conclusion {
                amount: Some(new.amount),
                transfer_id: None,
                reason: None,
                occurred_at: at,
                received_at: at,
                position: None,
                proof_sha256: None,
            };
            (instruction, Delivery { status: DeliveryStatus::Confirmed, conclusion: Some(conclusion), ..visit })
        }

        fn waiting_as(&mut self, reference: &str, amount_minor: i64, day: Day) -> Expected {
            let (instruction, visit) = self.instructed(reference, amount_minor, day);
            instruction.expected(&visit, &kolkata()).unwrap()
        }

        /// A payment that waits for its line.
        fn waiting(&mut self, amount_minor: i64, day: Day) -> Expected {
            let reference = format!("BF-D-{:06}", self.number());
            self.waiting_as(&reference, amount_minor, day)
        }

        /// A payout, as it is instructed.
        fn payout(&mut self, amount_minor: i64, day: Day) -> Payout {
            let settlement_id = SettlementId::mint(morning(day), &[&self.number().to_be_bytes()]);
            let settled = Settlement { settlement_id, ..payouts::settled(amount_minor) };
            let (operator, clock) = (payouts::pennco(), payouts::clock());
            settled.pay_out(None, &operator, Rail::Imps, &clock, morning(day), "job").unwrap().1
        }

        fn learned(&mut self, payout: &Payout, status: PayoutStatus, bank_reference: Option<String>) -> Payout {
            let value_date = bank_reference.is_some().then(|| payout.instructed_at.day_in(&kolkata()));
            let reason = (status == PayoutStatus::Failed).then(|| "returned".to_owned());
            let news = PayoutNews { status, bank_reference, value_date, reason };
            payout.learn(&news, &payouts::clock(), payout.instructed_at.plus_seconds(60), "desk").unwrap()
        }

        /// A line of the bank's own reference.
        fn line(&mut self, amount: Money, value_date: Day) -> StatementLine {
            StatementLine { amount, value_date, ..line(0, &format!("SBINR9{:08}", self.number()), 0, None) }
        }

        /// The line that shows a thing, as late as banks book, without its name.
        fn showing(&mut self, thing: &Expected) -> StatementLine {
            let late = self.dice.within(0..=3);
            self.line(thing.amount, thing.date.saturating_add(late.days()))
        }

        /// The same with its name, as it stands or as banks write it.
        fn naming(&mut self, thing: &Expected) -> StatementLine {
            let name = thing.end_to_end.clone().unwrap();
            let name = if self.dice.below(3) == 0 { plain_reference(&name) } else { name };
            StatementLine { end_to_end: Some(name), ..self.showing(thing) }
        }

        /// A payment that may be known by its amount and day alone, and a line that names it or does not.
        fn shown(&mut self, amount_minor: i64) -> (Expected, StatementLine) {
            let day = self.day();
            let thing = self.waiting(amount_minor, day);
            let line = if self.dice.below(2) == 0 { self.naming(&thing) } else { self.showing(&thing) };
            (thing, line)
        }

        /// Payments of one day, the line that pays all of them on that day, and their names.
        fn merged(&mut self, count: i64, day: Day) -> (Vec<Expected>, StatementLine, String) {
            let parts: Vec<Expected> = (0..count)
                .map(|_| {
                    let amount_minor = self.dice.within(1_000_000..=8_000_000);
                    self.waiting(amount_minor, day)
                })
                .collect();
            let sum: i64 = parts.iter().map(|part| part.amount.amount_minor).sum();
            let names: Vec<&str> = parts.iter().filter_map(|part| part.end_to_end.as_deref()).collect();
            let names = format!("BULK {}", names.join(", "));
            (parts, self.line(debit(-sum), day), names)
        }

        /// A payment of a day, and the lines that pay it in parts on that day.
        fn split(&mut self, count: i64, day: Day) -> (Expected, Vec<StatementLine>) {
            let amounts: Vec<i64> = (0..count).map(|_| self.dice.within(1_000_000..=8_000_000)).collect();
            let lines = amounts.iter().map(|minor| self.line(debit(*minor), day)).collect();
            (self.waiting(amounts.iter().sum(), day), lines)
        }

        #[expect(clippy::too_many_lines, reason = "one arm a fault")]
        fn plant(&mut self, plant: Plant, nth: usize) -> Planted {
            let (usual, rare, day) = (self.dice.usual(), self.rare(), self.day());
            let window = |window: usize| {
                let days = HAND_OVERS.start() + 4 * i64::try_from(window % (2 * SUMS_OF_A_KIND)).unwrap();
                FIRST.saturating_add(days.days())
            };
            let one = |by: Evidence| Matched(MatchKind::OneToOne, by);
            let paisa = if nth.is_multiple_of(2) { 1 } else { -1 };
            let amount_edit = |from_minor: i64, to_minor: i64| Some(SmallestEdit::Amount { from_minor, to_minor });
            let (lines, expected) = match plant {
                Plant::SoundByEndToEnd => {
                    let thing = self.waiting(usual, day);
                    (vec![(self.naming(&thing), one(Evidence::EndToEnd))], vec![(thing, one(Evidence::EndToEnd))])
                }
                Plant::SoundByNarrative => {
                    let thing = self.waiting(usual, day);
                    let narrative = format!("NEFT/{}/Asha", thing.end_to_end.as_deref().unwrap());
                    let line = StatementLine { narrative, ..self.showing(&thing) };
                    (vec![(line, one(Evidence::Narrative))], vec![(thing, one(Evidence::Narrative))])
                }
                Plant::SoundByAmountAndDate => {
                    let (thing, by) = (self.waiting(rare, day), one(Evidence::AmountAndDate));
                    (vec![(self.showing(&thing), by.clone())], vec![(thing, by)])
                }
                Plant::SoundPayoutByItsId => {
                    let thing = self.payout(usual, day).expected(&payouts::clock().days).unwrap();
                    (vec![(self.naming(&thing), one(Evidence::EndToEnd))], vec![(thing, one(Evidence::EndToEnd))])
                }
                Plant::SoundPayoutByItsReference | Plant::RecordedByHand | Plant::SlipInReference => {
                    let open = self.payout(if plant == Plant::SlipInReference { rare } else { usual }, day);
                    let reference = format!("HDFCN52026{:08}", self.checked());
                    let known = if plant == Plant::RecordedByHand {
                        self.learned(&open, PayoutStatus::Paid, Some(reference.clone()))
                    } else {
                        let sent = self.learned(&open, PayoutStatus::Sent, None);
                        Payout { bank_reference: Some(reference.clone()), ..sent }
                    };
                    let thing = known.expected(&payouts::clock().days).unwrap();
                    if plant == Plant::SlipInReference {
                        let from = reference.replace("N52026", "N50226");
                        let line = StatementLine { bank_reference: from.clone(), ..self.showing(&thing) };
                        let told = Left(Criterion::Reference, Some(SmallestEdit::Reference { from, to: reference }));
                        (vec![(line, told.clone())], vec![(thing, told)])
                    } else {
                        let line = StatementLine { bank_reference: reference, ..self.showing(&thing) };
                        (vec![(line, one(Evidence::Reference))], vec![(thing, one(Evidence::Reference))])
                    }
                }
                Plant::MissingLine => (vec![], vec![(self.waiting(usual, day), Left(Criterion::Absent, None))]),
                Plant::ExtraDebit => {
                    let end_to_end = (nth.is_multiple_of(2)).then(|| format!("INV-{:06}", self.number()));
                    let line = StatementLine { end_to_end, narrative: "CHARGES".into(), ..self.line(debit(rare), day) };
                    (vec![(line, Left(Criterion::Absent, None))], vec![])
                }
                Plant::ExtraCredit => {
                    let line = StatementLine { narrative: "CASH DEPOSIT".into(), ..self.line(debit(-rare), day) };
                    (vec![(line, Left(Criterion::Absent, None))], vec![])
                }
                Plant::Duplicate => {
                    let thing = self.waiting(usual, day);
                    let line = self.naming(&thing);
                    let again = (line.clone(), Left(Criterion::Duplicate, None));
                    (vec![(line, one(Evidence::EndToEnd)), again], vec![(thing, one(Evidence::EndToEnd))])
                }
                Plant::Repeat => {
                    // What it settled is reconciled, and nobody looks it up by a line that is known.
                    let settled = self.waiting(usual, day);
                    (vec![(self.naming(&settled), Repeated(settled.id))], vec![])
                }
                Plant::SlipInEndToEnd => {
                    let number = self.checked();
                    let thing = self.waiting_as(&format!("BF-T-{number}"), rare, day);
                    let from = format!("BFT{}", transposed(number));
                    let line = StatementLine { end_to_end: Some(from.clone()), ..self.showing(&thing) };
                    let to = format!("BFT{number}");
                    let told = Left(Criterion::Reference, Some(SmallestEdit::EndToEnd { from, to }));
                    (vec![(line, told.clone())], vec![(thing, told)])
                }
                Plant::TransposedAmount => {
                    let (thing, line) = self.shown(rare);
                    let (from_minor, to_minor) = (-transposed(rare), -rare);
                    let line = StatementLine { amount: debit(-from_minor), ..line };
                    let told = Left(Criterion::Amount, Some(SmallestEdit::TransposedDigits { from_minor, to_minor }));
                    (vec![(line, told.clone())], vec![(thing, told)])
                }
                Plant::PaisaOff => {
                    let (thing, line) = self.shown(rare);
                    let line = StatementLine { amount: debit(rare + paisa), ..line };
                    let told = Left(Criterion::Amount, amount_edit(-rare - paisa, -rare));
                    (vec![(line, told.clone())], vec![(thing, told)])
                }
                Plant::WrongCurrency => {
                    let (thing, line) = self.shown(rare);
                    let line = StatementLine { amount: Money::new(-rare, Currency::Npr), ..line };
                    let edit = SmallestEdit::Currency { from: Currency::Npr, to: Currency::Inr };
                    let told = Left(Criterion::Currency, Some(edit));
                    (vec![(line, told.clone())], vec![(thing, told)])
                }
                Plant::WrongDirection => {
                    let (thing, line) = self.shown(rare);
                    let line = StatementLine { amount: debit(-rare), ..line };
                    let edit = SmallestEdit::Direction { from_minor: rare, to_minor: -rare };
                    let told = Left(Criterion::Direction, Some(edit));
                    (vec![(line, told.clone())], vec![(thing, told)])
                }
                Plant::TooLate | Plant::BeforeTheHandOver => {
                    let (thing, line) = self.shown(rare);
                    let (off, days) = if plant == Plant::TooLate {
                        let late = self.dice.within(1..=12);
                        (3 + late, -late)
                    } else {
                        let early = self.dice.within(1..=4);
                        (-early, early)
                    };
                    let from = thing.date.saturating_add(off.days());
                    let edit = SmallestEdit::Date { from, to: from.saturating_add(days.days()), days };
                    let told = Left(Criterion::Date, Some(edit));
                    (vec![(StatementLine { value_date: from, ..line }, told.clone())], vec![(thing, told)])
                }
                Plant::NamesAnother => {
                    let (named, like) = (self.waiting(usual, day), self.waiting(rare, day));
                    let line = StatementLine { amount: like.amount, ..self.naming(&named) };
                    let told = Left(Criterion::Amount, amount_edit(-rare, -usual));
                    (vec![(line, told.clone())], vec![(named, told), (like, Left(Criterion::Absent, None))])
                }
                Plant::NamesReconciled => {
                    let reference = format!("BF-R-{:06}", self.number());
                    let (settled, visit) = self.instructed(&reference, rare, day);
                    let amount = settled.amount;
                    let by = BankLine { bank_reference: "SBINR5202611".into(), amount, value_date: day };
                    let reconciled = settled.reconcile(&visit, &by, &kolkata(), morning(day).plus_seconds(60)).unwrap();
                    let Reconciled::Now { after, .. } = reconciled else { panic!("it is reconciled now") };
                    assert!(after.expected(&visit, &kolkata()).is_none());
                    let (named, like) = (after.not_waiting(&kolkata()).unwrap(), self.waiting(rare, day));
                    let line = (self.naming(&named), Left(Criterion::NotWaiting, None));
                    (vec![line], vec![(named, Nothing), (like, Left(Criterion::Absent, None))])
                }
                Plant::NamesNotHandedOver => {
                    let reference = format!("BF-N-{:06}", self.number());
                    let named = self.instructed(&reference, usual, day).0.not_waiting(&kolkata()).unwrap();
                    (vec![(self.naming(&named), Left(Criterion::NotWaiting, None))], vec![(named, Nothing)])
                }
                Plant::PaymentCameBack => {
                    let thing = self.waiting(usual, day);
                    let out = self.naming(&thing);
                    let back = StatementLine { amount: debit(-usual), ..self.naming(&thing) };
                    let lines = vec![(out, one(Evidence::EndToEnd)), (back, Left(Criterion::Taken, None))];
                    (lines, vec![(thing, one(Evidence::EndToEnd))])
                }
                Plant::PayoutPaisaOff => {
                    let thing = self.payout(usual, day).expected(&payouts::clock().days).unwrap();
                    let line = StatementLine { amount: debit(usual + paisa), ..self.naming(&thing) };
                    let told = Left(Criterion::Amount, amount_edit(-usual - paisa, -usual));
                    (vec![(line, told.clone())], vec![(thing, told)])
                }
                Plant::PayoutTooLate => {
                    let thing = self.payout(usual, day).expected(&payouts::clock().days).unwrap();
                    let (from, to) = (day.saturating_add(9.days()), day.saturating_add(3.days()));
                    let told = Left(Criterion::Date, Some(SmallestEdit::Date { from, to, days: -6 }));
                    let line = StatementLine { value_date: from, ..self.naming(&thing) };
                    (vec![(line, told.clone())], vec![(thing, told)])
                }
                Plant::PayoutCameBack => {
                    let thing = self.payout(usual, day).expected(&payouts::clock().days).unwrap();
                    let out = (self.naming(&thing), Left(Criterion::Ambiguous, None));
                    let back = StatementLine { amount: debit(-usual), ..self.naming(&thing) };
                    let back = (back, Left(Criterion::Direction, None));
                    (vec![out, back], vec![(thing, Left(Criterion::Ambiguous, None))])
                }
                Plant::UnnamedPayout => {
                    let thing = self.payout(rare, day).expected(&payouts::clock().days).unwrap();
                    let told = Left(Criterion::Unnamed, None);
                    (vec![(self.showing(&thing), told.clone())], vec![(thing, told)])
                }
                Plant::FailedPayout => {
                    let open = self.payout(usual, day);
                    let failed = self.learned(&open, PayoutStatus::Failed, None);
                    let thing = failed.expected(&payouts::clock().days).unwrap();
                    (vec![(self.naming(&thing), Left(Criterion::SaidFailed, None))], vec![(thing, Nothing)])
                }
                Plant::EquallyGood => {
                    let things = [self.waiting(rare, day), self.waiting(rare, day)];
                    let lines = [self.showing(&things[0]), self.showing(&things[1])];
                    let told = || Left(Criterion::Ambiguous, None);
                    (lines.map(|line| (line, told())).to_vec(), things.map(|thing| (thing, told())).to_vec())
                }
                Plant::MergedAndNamed | Plant::TooManyToBook => {
                    let of_several = if nth == 0 { 31 } else { self.dice.within(2..=6) };
                    let is_large = plant == Plant::TooManyToBook;
                    let (parts, line, narrative) = self.merged(if is_large { 32 } else { of_several }, day);
                    let told = || {
                        let by = Evidence::Narrative;
                        if is_large { Told::TooMany(by) } else { Matched(MatchKind::OneToMany, by) }
                    };
                    let parts = parts.into_iter().map(|part| (part, told())).collect();
                    (vec![(StatementLine { narrative, ..line }, told())], parts)
                }
                Plant::MergedAndNamedPaisaOff => {
                    let count = self.dice.within(2..=6);
                    let (parts, line, narrative) = self.merged(count, day);
                    let (to, from) = (line.amount.amount_minor, line.amount.amount_minor + paisa);
                    let told = Left(Criterion::Amount, amount_edit(from, to));
                    let parts = parts.into_iter().map(|part| (part, told.clone())).collect();
                    (vec![(StatementLine { narrative, amount: debit(-from), ..line }, told)], parts)
                }
                Plant::SplitAndNamed | Plant::SplitAndNamedPaisaOff => {
                    let count = self.dice.within(2..=4);
                    let (whole, parts) = self.split(count, day);
                    let named = |part| StatementLine { end_to_end: whole.end_to_end.clone(), ..part };
                    let mut parts: Vec<StatementLine> = parts.into_iter().map(named).collect();
                    if plant == Plant::SplitAndNamed {
                        let told = || Matched(MatchKind::ManyToOne, Evidence::EndToEnd);
                        (parts.into_iter().map(|part| (part, told())).collect(), vec![(whole, told())])
                    } else {
                        parts[0].amount.amount_minor += paisa;
                        // Any of the parts may be the one that is wrong.
                        let told = |part: StatementLine| {
                            let minor = part.amount.amount_minor;
                            (part, Left(Criterion::Amount, amount_edit(minor, minor - paisa)))
                        };
                        (parts.into_iter().map(told).collect(), vec![(whole, Left(Criterion::Amount, None))])
                    }
                }
                Plant::MergedUnnamed => {
                    let count = self.dice.within(2..=3);
                    let (parts, line, _) = self.merged(count, window(nth));
                    let told = || Matched(MatchKind::OneToMany, Evidence::AmountAndDate);
                    (vec![(line, told())], parts.into_iter().map(|part| (part, told())).collect())
                }
                Plant::MergedUnnamedPaisaOff | Plant::TooManyToSearch => {
                    let is_off = plant == Plant::MergedUnnamedPaisaOff;
                    let (count, nth) = if is_off { (3, nth) } else { (7, nth + SUMS_OF_A_KIND) };
                    let (parts, mut line, _) = self.merged(count, window(nth));
                    line.amount.amount_minor += if is_off { paisa } else { 0 };
                    let told = || Left(Criterion::Absent, None);
                    (vec![(line, told())], parts.into_iter().map(|part| (part, told())).collect())
                }
                Plant::SplitUnnamed => {
                    let count = self.dice.within(2..=4);
                    let (whole, parts) = self.split(count, window(nth));
                    let told = || Matched(MatchKind::ManyToOne, Evidence::AmountAndDate);
                    (parts.into_iter().map(|part| (part, told())).collect(), vec![(whole, told())])
                }
                Plant::SplitUnnamedPaisaOff => {
                    let count = self.dice.within(2..=4);
                    let (whole, mut parts) = self.split(count, window(nth + SUMS_OF_A_KIND));
                    parts[0].amount.amount_minor += paisa;
                    let told = || Left(Criterion::Absent, None);
                    (parts.into_iter().map(|part| (part, told())).collect(), vec![(whole, told())])
                }
            };
            Planted { plant, lines, expected }
        }
    }

    /// The statement as it is received, and its plan; the plan must be the same in whatever order lines and things come.
    fn received(
        dice: &mut Dice,
        text: &str,
        read: &Statement,
        holders: &BTreeMap<u32, String>,
        mut expected: Vec<Expected>,
    ) -> (ReceivedStatement, Plan) {
        let at = morning(FIRST.saturating_add(100.days()));
        let command = Command::of_job(payouts::pennco(), "statement-create", "k", at, "r".to_owned());
        let new = NewStatement {
            format: StatementFormat::Csv,
            account: "hdfc-current".to_owned(),
            content: text.to_owned(),
            encoding: ContentEncoding::Text,
            partner_id: None,
        };
        let statement = ReceivedStatement::receive(&command, &new, text.as_bytes(), read).unwrap();
        let mut lines = read.lines.clone();
        let mut made = || {
            dice.shuffle(&mut expected);
            let plan = Plan::make(&lines, holders, expected.clone());
            dice.shuffle(&mut lines);
            plan
        };
        let (plan, again) = (made(), made());
        assert!(
            serde_json::to_vec(&plan).unwrap() == serde_json::to_vec(&again).unwrap(),
            "the order of things counts"
        );
        (statement, plan)
    }

    /// Plants each fault so many times among so many lines, and checks that the plan and the report that is made of it
    /// explain each once, as what it is, and nothing else; tells how many of each were found.
    fn planted_and_found(seed: u64, most_lines: usize, times: usize) -> BTreeMap<Plant, usize> {
        let mut quarter = Quarter { dice: Dice(seed), made: 0 };
        let anywhere = FAULTS.into_iter().flat_map(|plant| (0..times).map(move |nth| (plant, nth)));
        let sums = SUMS.into_iter().flat_map(|plant| (0..SUMS_OF_A_KIND).map(move |nth| (plant, nth)));
        let mut planted: Vec<Planted> = anywhere.chain(sums).map(|(plant, nth)| quarter.plant(plant, nth)).collect();
        let faulty: usize = planted.iter().map(|planted| planted.lines.len()).sum();
        // Most lines name what they show.
        let sound = std::iter::repeat_n(Plant::SoundByEndToEnd, 7).chain(SOUND);
        let sound = sound.collect::<Vec<_>>().into_iter().cycle().take(most_lines - faulty);
        planted.extend(sound.map(|plant| quarter.plant(plant, 0)));

        let of_places: Vec<Vec<StatementLine>> =
            planted.iter().map(|planted| planted.lines.iter().map(|(line, _)| line.clone()).collect()).collect();
        let of_places: Vec<&[StatementLine]> = of_places.iter().map(Vec::as_slice).collect();
        let (text, read, numbers_of) = landed(&mut quarter.dice, &of_places);
        assert_eq!(read.lines.len(), most_lines);
        let mut holders = BTreeMap::new();
        for (planted, numbers) in planted.iter().zip(&numbers_of) {
            for (number, (_, told)) in numbers.iter().zip(&planted.lines) {
                let holder = match (planted.plant, told) {
                    (Plant::RecordedByHand, _) => Some(&planted.expected[0].0.id),
                    (_, Repeated(holder)) => Some(holder),
                    _ => None,
                };
                holders.extend(holder.map(|holder| (*number, holder.clone())));
            }
        }
        let expected = planted.iter().flat_map(|planted| planted.expected.iter().map(|(thing, _)| thing.clone()));
        let (statement, plan) = received(&mut quarter.dice, &text, &read, &holders, expected.collect());
        let report = Matching::new(&statement, &read, &plan, statement.received_at).report(&BTreeSet::new()).unwrap();
        assert_eq!(report.lines.len(), most_lines);

        let found = &plan.found;
        let matches: BTreeMap<u32, &Match> =
            found.matches.iter().flat_map(|found| found.lines.iter().map(move |line| (*line, found))).collect();
        let lines: BTreeMap<u32, _> = found.unmatched_lines.iter().map(|left| (left.line, left)).collect();
        let things: BTreeMap<&str, _> = found.unmatched_expected.iter().map(|left| (left.id.as_str(), left)).collect();
        let repeated: BTreeMap<u32, &String> = plan.repeated.iter().map(|line| (line.line, &line.holder)).collect();
        let mut counts: BTreeMap<Plant, usize> = BTreeMap::new();
        let (mut explained, mut settled, mut left_things) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for (Planted { plant, lines: own, expected }, numbers) in planted.iter().zip(&numbers_of) {
            let ids: BTreeSet<&str> = expected.iter().map(|(thing, _)| thing.id.as_str()).collect();
            let is_together = |told: &Told| matches!(told, Matched(..) | Told::TooMany(_));
            let together =
                own.iter().zip(numbers).filter(|((_, told), _)| is_together(told)).map(|(_, number)| *number);
            let together: BTreeSet<u32> = together.collect();
            let belonging = expected.iter().filter(|(_, told)| is_together(told)).map(|(thing, _)| thing.id.as_str());
            let belonging: BTreeSet<&str> = belonging.collect();
            for (number, (_, told)) in numbers.iter().zip(own) {
                let kept = &report.lines[*number as usize - 1];
                assert_eq!(kept.line, *number);
                match told {
                    Matched(..) | Told::TooMany(_) => {
                        let (kind, by) = match told {
                            Matched(kind, by) => (*kind, *by),
                            Told::TooMany(by) => (MatchKind::OneToMany, *by),
                            Left(..) | Repeated(_) | Nothing => unreachable!("neither is together with anything"),
                        };
                        let found = matches.get(number).unwrap_or_else(|| panic!("{plant:?}: {kept:?} is not matched"));
                        assert_eq!(found.lines.iter().copied().collect::<BTreeSet<_>>(), together, "{plant:?}");
                        assert_eq!(found.expected.iter().map(String::as_str).collect::<BTreeSet<_>>(), belonging);
                        assert_eq!((found.kind, found.by, found.difference_minor), (kind, by, 0), "{plant:?}");
                        assert_eq!(found.edit, None, "{plant:?}");
                        settled.extend(&found.expected);
                        let is_booked = matches!(told, Matched(..));
                        let status = if is_booked { LineStatus::Matched } else { LineStatus::Unmatched };
                        assert_eq!(kept.status, status, "{plant:?}");
                        assert_eq!(kept.why, (!is_booked).then_some(Criterion::TooMany), "{plant:?}");
                    }
                    Left(why, edit) => {
                        let told = lines.get(number).unwrap_or_else(|| panic!("{plant:?}: {kept:?} is matched"));
                        assert_eq!((told.why, &told.edit), (*why, edit), "{plant:?} {told:?}");
                        let nearest = told.nearest.first().map(|near| near.id.as_str());
                        let is_own = nearest.is_some_and(|id| ids.contains(id));
                        assert!(is_own || *why == Criterion::Absent, "{plant:?} {told:?}");
                        assert_eq!((kept.status, kept.why), (LineStatus::Unmatched, Some(*why)), "{plant:?}");
                    }
                    Repeated(holder) => {
                        assert_eq!(repeated.get(number), Some(&holder), "{plant:?}");
                        assert_eq!(kept.matched_before_to.as_ref(), Some(holder), "{plant:?}");
                    }
                    Nothing => panic!("every line has its outcome"),
                }
                explained.insert(*number);
            }
            for (thing, told) in expected {
                let left = things.get(thing.id.as_str());
                match told {
                    Matched(..) | Told::TooMany(_) | Nothing => assert!(left.is_none(), "{plant:?} {left:?}"),
                    Left(why, edit) => {
                        let told = left.unwrap_or_else(|| panic!("{plant:?}: {thing:?} is matched"));
                        assert_eq!((told.why, &told.edit), (*why, edit), "{plant:?} {told:?}");
                        let is_own = told.nearest.first().is_some_and(|near| numbers.contains(&near.line));
                        assert!(is_own || *why == Criterion::Absent, "{plant:?} {told:?}");
                        left_things.insert(thing.id.as_str());
                    }
                    Repeated(_) => panic!("it is lines that are repeated"),
                }
            }
            *counts.entry(*plant).or_default() += 1;
        }
        // What was planted is all there is: no false match, no false alarm.
        let is_matched = |told: &Told| matches!(told, Matched(..) | Told::TooMany(_));
        let wanted = planted.iter().flat_map(|planted| &planted.expected).filter(|(_, told)| is_matched(told));
        assert_eq!((explained.len(), settled.len()), (most_lines, wanted.count()));
        assert_eq!(found.matches.iter().map(|found| found.expected.len()).sum::<usize>(), settled.len());
        assert_eq!((left_things.len(), found.unmatched_lines.len()), (found.unmatched_expected.len(), lines.len()));
        assert_eq!(matches.len() + lines.len() + repeated.len(), most_lines);
        counts
    }

    #[test]
    fn ten_thousand_lines_of_a_quarter_are_planned_and_reported_with_every_fault_explained() {
        let counts = planted_and_found(20_261_122, 10_000, 40);
        let faults: usize = FAULTS.iter().chain(&SUMS).map(|plant| counts[plant]).sum();
        println!(
            "10000 lines by the rules of production, {faults} faults of {} kinds found of {faults} planted, \
             0 false matches, 0 false alarms: {counts:?}",
            FAULTS.len() + SUMS.len()
        );
        assert!(FAULTS.iter().all(|plant| counts[plant] == 40) && SUMS.iter().all(|plant| counts[plant] == 8));
    }

    #[test]
    fn so_are_those_of_ten_other_quarters() {
        for seed in 0..10 {
            let counts = planted_and_found(seed, 1_000, 8);
            assert!(FAULTS.iter().chain(&SUMS).all(|plant| counts[plant] == 8), "{seed}");
        }
    }
}
