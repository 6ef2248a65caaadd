//! A bank's or a partner's statement as it comes in: its lines, what is wrong with the others, and whether it adds up.
//!
//! A file that cannot be trusted as a whole (another format, cut, not UTF-8) is refused; a single bad line is named and
//! never hides the others. Each line of a CSV ends with a line break, the last one too: of an amount that is cut, what is
//! left is an amount. A cut between two lines nobody can see: the file's digest is for that.

use std::{collections::BTreeMap, mem};

use roxmltree::{Document, Node, ParsingOptions};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Currency, Day, Failed, Flaw, Money, id::Sha256Hex};

/// Most lines a statement may have: twice an operator's busiest day.
pub const MOST_LINES: u32 = 20_000;
/// A reference has at most so many characters, as it is given (ISO 20022, `Max35Text`).
const MOST_REFERENCE: usize = 35;
/// What a payer wrote has at most so many characters.
const MOST_NARRATIVE: usize = 500;
/// XML nodes, blanks between elements among them: a hundred a line, so that a small file cannot take all memory.
const MOST_NODES: u32 = 2_000_000;
/// Attributes of a tag, and namespaces of a file: what a reader does with either grows with their square and more.
const MOST_ATTRIBUTES: usize = 256;
const MOST_NAMESPACES: usize = 256;
/// What a camt.053 is known by; its two digits of version follow.
const CAMT_053: &str = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.";
/// What ISO 20022 says where a payer gave no end-to-end id.
const NOT_PROVIDED: &str = "NOTPROVIDED";

/// The formats a statement may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StatementFormat {
    /// Comma-separated values (RFC 4180) with a header row: `bank_reference`, `value_date`, `amount` and `currency`, and if
    /// need be `narrative` and `end_to_end`, in any order.
    Csv,
    /// ISO 20022 camt.053, versions 001.02 to 001.08, one statement a file.
    Camt053,
}

/// One movement on the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatementLine {
    /// Its position, from 1; lines that could not be read have theirs, too.
    pub line: u32,
    /// The bank's own reference (UTR, `AcctSvcrRef`): upper-case letters and digits, 1 to 35.
    pub bank_reference: String,
    /// How much in minor units, seen from the account: credits positive, debits negative, never 0.
    pub amount: Money,
    /// The day the bank booked it for.
    #[schema(value_type = String, format = Date)]
    pub value_date: Day,
    /// What the payer wrote, blanks folded, at most 500 characters.
    pub narrative: String,
    /// The payer's own id, 1 to 35 characters as it is given.
    pub end_to_end: Option<String>,
    /// The earlier line that it repeats: same reference, amount and day, and not told apart by two end-to-end ids.
    /// Transactions of one batch entry never repeat each other: the bank's own total says that they are several.
    pub duplicate_of: Option<u32>,
}

/// What can be wrong with a line, or with the sum of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LineFlawCode {
    /// A CSV row with more or fewer cells than the header.
    WrongCellCount,
    /// A quote inside a bare cell, or letters behind a closing quote.
    Misquoted,
    /// A cell that begins with the apostrophe by which a spreadsheet keeps it from being a formula.
    GuardedCell,
    /// A value that every line has is not there.
    MissingValue,
    /// Not 1 to 35 characters with letters or digits among them, or rounded by a spreadsheet.
    InvalidReference,
    /// Not a decimal number of the currency's minor digits, or 0.
    InvalidAmount,
    /// Not a currency that Milepost's operators work in.
    InvalidCurrency,
    /// Not a day of the calendar as `2026-11-21`.
    InvalidDate,
    /// Neither `CRDT` nor `DBIT`.
    InvalidDirection,
    /// Not a status that an entry can have.
    InvalidStatus,
    /// A text longer than its place.
    TextTooLong,
    /// An element that stands twice, or holds elements where a text is due.
    UnexpectedElement,
    /// A stated balance that cannot be read.
    InvalidBalance,
    /// The opening balance and the lines do not come to the closing balance.
    StatementUnbalanced,
}

impl LineFlawCode {
    /// The word for it in answers and documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WrongCellCount => "wrong_cell_count",
            Self::Misquoted => "misquoted",
            Self::GuardedCell => "guarded_cell",
            Self::MissingValue => "missing_value",
            Self::InvalidReference => "invalid_reference",
            Self::InvalidAmount => "invalid_amount",
            Self::InvalidCurrency => "invalid_currency",
            Self::InvalidDate => "invalid_date",
            Self::InvalidDirection => "invalid_direction",
            Self::InvalidStatus => "invalid_status",
            Self::TextTooLong => "text_too_long",
            Self::UnexpectedElement => "unexpected_element",
            Self::InvalidBalance => "invalid_balance",
            Self::StatementUnbalanced => "statement_unbalanced",
        }
    }
}

/// One thing wrong with a line; a line may have several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LineFlaw {
    /// Which line, from 1; none for the statement as a whole.
    pub line: Option<u32>,
    /// Stable code.
    pub code: LineFlawCode,
    /// What is wrong, and where in the file.
    pub detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hint: Option<String>,
}

/// A statement that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = BankStatement)]
pub struct Statement {
    /// What it came as.
    pub format: StatementFormat,
    /// Digest of the file's bytes.
    pub sha256: Sha256Hex,
    /// The lines that can be read, in the order of the file.
    pub lines: Vec<StatementLine>,
    /// What is wrong with the others, in the order of the file; what is wrong with the whole comes last.
    pub flaws: Vec<LineFlaw>,
    /// The balance before the first line, if it is stated.
    pub opening: Option<Money>,
    /// The balance after the last line, if it is stated.
    pub closing: Option<Money>,
    /// Entries that are announced and not booked; they are no lines.
    pub not_booked: u32,
}

/// Reads a statement that comes in.
///
/// # Errors
/// As [`read`], and [`Failed::Invalid`] for a CSV whose last line has no line break at its end: `-15` may be all that is
/// left of `-1500.00`.
pub fn read_whole(format: StatementFormat, bytes: &[u8]) -> Result<Statement, Failed> {
    let statement = read(format, bytes)?;
    let text = utf8(bytes)?;
    if format == StatementFormat::Csv && !is_ended(text) {
        let detail = format!("line {} of the file, its last, has no line break at its end", text.lines().count());
        let hint = "fetch the file again, whole; if it is, end its last line with a line break";
        return Err(Failed::invalid(cut(detail).with_hint(hint)));
    }
    Ok(statement)
}

/// Whether the last line of a CSV has its line break.
pub(crate) fn is_ended(csv: &str) -> bool {
    csv.rsplit('\n').next().is_none_or(|behind| behind.trim().is_empty())
}

/// Reads a statement that was taken, also before [`read_whole`] asked for the last line break.
///
/// # Errors
/// [`Failed::Invalid`] for a file that is not of the format, is cut, is not UTF-8, has no lines or more than
/// [`MOST_LINES`].
pub fn read(format: StatementFormat, bytes: &[u8]) -> Result<Statement, Failed> {
    let text = utf8(bytes)?;
    let empty = || Failed::invalid(Flaw::new("", "statement_empty", "the statement has no booked lines"));
    if text.trim().is_empty() {
        return Err(empty());
    }
    let mut reading = match format {
        StatementFormat::Csv => read_csv(text)?,
        StatementFormat::Camt053 => read_camt(text)?,
    };
    if reading.last_line == 0 {
        return Err(empty());
    }
    reading.mark_duplicates();
    reading.check_balance();
    Ok(Statement {
        format,
        sha256: Sha256Hex::of(bytes),
        lines: reading.booked.into_iter().map(|booked| booked.line).collect(),
        flaws: reading.flaws,
        opening: reading.opening,
        closing: reading.closing,
        not_booked: reading.not_booked,
    })
}

/// A reference as references are compared: its letters and digits, in upper case.
#[must_use]
pub fn plain_reference(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_uppercase()).collect()
}

fn utf8(bytes: &[u8]) -> Result<&str, Failed> {
    const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
    let (body, skipped) = bytes.strip_prefix(BYTE_ORDER_MARK).map_or((bytes, 0), |body| (body, BYTE_ORDER_MARK.len()));
    std::str::from_utf8(body).map_err(|error| {
        let offset = error.valid_up_to().saturating_add(skipped);
        let detail = format!("the byte at offset {offset} is not UTF-8");
        Failed::invalid(Flaw::new("", "statement_encoding", detail).with_hint("save the file as UTF-8"))
    })
}

fn not_the_format(detail: impl Into<String>, hint: &str) -> Failed {
    Failed::invalid(Flaw::new("", "statement_format", detail).with_hint(hint))
}

fn cut(detail: impl Into<String>) -> Flaw {
    Flaw::new("", "statement_truncated", detail)
}

fn truncated(detail: impl Into<String>) -> Failed {
    Failed::invalid(cut(detail).with_hint("fetch the file again, whole"))
}

fn too_long() -> Failed {
    let detail = format!("a statement has at most {MOST_LINES} lines");
    Failed::invalid(Flaw::new("", "statement_too_long", detail).with_hint("send each day as a file of its own"))
}

/// What is wrong, before it is said of which line.
#[derive(Debug)]
struct Wrong {
    code: LineFlawCode,
    detail: String,
    hint: Option<&'static str>,
}

impl Wrong {
    fn new(code: LineFlawCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), hint: None }
    }

    fn with_hint(self, hint: &'static str) -> Self {
        Self { hint: Some(hint), ..self }
    }

    fn within(self, place: &str) -> Self {
        Self { detail: format!("{place}: {}", self.detail), ..self }
    }

    fn of_line(self, line: Option<u32>) -> LineFlaw {
        LineFlaw { line, code: self.code, detail: self.detail, hint: self.hint.map(str::to_owned) }
    }
}

/// The value, or nothing and one more wrong.
fn kept<T>(found: Result<T, Wrong>, wrongs: &mut Vec<Wrong>) -> Option<T> {
    found.map_err(|wrong| wrongs.push(wrong)).ok()
}

/// A line that has no number yet.
struct Draft {
    bank_reference: String,
    amount: Money,
    value_date: Day,
    narrative: String,
    end_to_end: Option<String>,
}

/// A line and the entry of the file that it came from.
struct Booked {
    entry: usize,
    line: StatementLine,
}

/// A statement while it is read.
#[derive(Default)]
struct Reading {
    last_line: u32,
    booked: Vec<Booked>,
    flaws: Vec<LineFlaw>,
    opening: Option<Money>,
    closing: Option<Money>,
    not_booked: u32,
}

impl Reading {
    /// Gives the next line its number, whether it can be read or not.
    fn take(&mut self, entry: usize, drafted: Result<Draft, Vec<Wrong>>) -> Result<(), Failed> {
        self.last_line = self.last_line.saturating_add(1);
        let line = self.last_line;
        if line > MOST_LINES {
            return Err(too_long());
        }
        match drafted {
            Ok(Draft { bank_reference, amount, value_date, narrative, end_to_end }) => {
                let duplicate_of = None;
                let line =
                    StatementLine { line, bank_reference, amount, value_date, narrative, end_to_end, duplicate_of };
                self.booked.push(Booked { entry, line });
            }
            Err(wrongs) => self.flaws.extend(wrongs.into_iter().map(|wrong| wrong.of_line(Some(line)))),
        }
        Ok(())
    }

    fn mark_duplicates(&mut self) {
        /// The first line of a kind: its entry and its number.
        type First = (usize, u32);
        let mut first_of_all: BTreeMap<(String, i64, Currency, Day), First> = BTreeMap::new();
        let mut first_by_id: BTreeMap<(String, i64, Currency, Day, Option<String>), First> = BTreeMap::new();
        for Booked { entry, line } in &mut self.booked {
            let Money { amount_minor, currency } = line.amount;
            let alike = (line.bank_reference.clone(), amount_minor, currency, line.value_date);
            let (reference, ..) = alike.clone();
            let by_id = |id: &Option<String>| (reference.clone(), amount_minor, currency, line.value_date, id.clone());
            // Who has an id repeats a line with the same id or with none; who has none repeats any.
            let earlier = match &line.end_to_end {
                Some(_) => first_by_id.get(&by_id(&line.end_to_end)).or_else(|| first_by_id.get(&by_id(&None))),
                None => first_of_all.get(&alike),
            };
            let repeated = earlier.filter(|first| first.0 != *entry).map(|first| first.1);
            first_by_id.entry(by_id(&line.end_to_end)).or_insert((*entry, line.line));
            first_of_all.entry(alike).or_insert((*entry, line.line));
            line.duplicate_of = repeated;
        }
    }

    /// Holds the stated balances against the lines. Lines of another currency are not in their sum.
    fn check_balance(&mut self) {
        let (Some(opening), Some(closing)) = (self.opening, self.closing) else { return };
        if opening.currency != closing.currency {
            let detail = format!("the opening balance is in {}, the closing in {}", opening.currency, closing.currency);
            self.flaws.push(Wrong::new(LineFlawCode::InvalidBalance, detail).of_line(None));
            return;
        }
        let amounts = self.booked.iter().map(|booked| booked.line.amount);
        // Twenty thousand 64-bit amounts fit 128 bits many times over.
        let moved: i128 = amounts
            .filter(|amount| amount.currency == opening.currency)
            .fold(0, |sum, amount| sum.saturating_add(i128::from(amount.amount_minor)));
        let comes_to = moved.saturating_add(i128::from(opening.amount_minor));
        let off = i128::from(closing.amount_minor).saturating_sub(comes_to);
        if off != 0 {
            let detail = format!(
                "opening {} and lines {moved} come to {comes_to}, closing is {}: {off} minor units of {} differ",
                opening.amount_minor, closing.amount_minor, opening.currency
            );
            let wrong = Wrong::new(LineFlawCode::StatementUnbalanced, detail);
            let wrong = if self.flaws.is_empty() {
                wrong.with_hint("a line is missing, or stands twice: fetch the file again")
            } else {
                wrong.with_hint("correct the lines that cannot be read first: they are not in the sum")
            };
            self.flaws.push(wrong.of_line(None));
        }
    }
}

fn is_blank(letter: char) -> bool {
    letter.is_whitespace() || letter.is_control()
}

fn bank_reference(text: &str) -> Result<String, Wrong> {
    let wrong = |detail: String| Wrong::new(LineFlawCode::InvalidReference, detail);
    let text = text.trim();
    if text.is_empty() {
        return Err(Wrong::new(LineFlawCode::MissingValue, "there is no bank reference"));
    }
    if text.chars().count() > MOST_REFERENCE {
        return Err(wrong(format!("a bank reference has at most {MOST_REFERENCE} characters")));
    }
    if let Some(letter) = text.chars().find(|letter| !letter.is_ascii_graphic() && *letter != ' ') {
        return Err(wrong(format!("{letter:?} is no character of a bank reference")));
    }
    // `1.23457E+15` is what a spreadsheet makes of a long number; its last digits are gone.
    let is_rounded = text.split_once("E+").is_some_and(|(number, power)| {
        number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && power.bytes().all(|b| b.is_ascii_digit())
    });
    if is_rounded {
        let hint = "a spreadsheet has rounded this reference: take the bank's own file";
        return Err(wrong(format!("{text} is a number, not a reference")).with_hint(hint));
    }
    Some(plain_reference(text))
        .filter(|plain| !plain.is_empty())
        .ok_or_else(|| wrong("a bank reference has letters or digits".to_owned()))
}

fn end_to_end(text: &str) -> Result<Option<String>, Wrong> {
    let text = text.trim();
    if text.is_empty() || text == NOT_PROVIDED {
        return Ok(None);
    }
    if text.chars().count() > MOST_REFERENCE {
        let detail = format!("an end-to-end id has at most {MOST_REFERENCE} characters");
        return Err(Wrong::new(LineFlawCode::TextTooLong, detail));
    }
    if text.chars().any(char::is_control) {
        return Err(Wrong::new(LineFlawCode::InvalidReference, "an end-to-end id has no control characters"));
    }
    Ok(Some(text.to_owned()))
}

fn folded(text: &str) -> String {
    text.split(is_blank).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn currency(text: &str) -> Result<Currency, Wrong> {
    match text {
        "INR" => Ok(Currency::Inr),
        "BDT" => Ok(Currency::Bdt),
        "LKR" => Ok(Currency::Lkr),
        "NPR" => Ok(Currency::Npr),
        "" => Err(Wrong::new(LineFlawCode::MissingValue, "there is no currency")),
        _ => Err(Wrong::new(LineFlawCode::InvalidCurrency, format!("{} is no currency of ours", shown(text)))
            .with_hint("INR, BDT, LKR or NPR, in capitals")),
    }
}

/// Digits behind the point (ISO 4217).
fn minor_digits(currency: Currency) -> usize {
    match currency {
        Currency::Inr | Currency::Bdt | Currency::Lkr | Currency::Npr => 2,
    }
}

/// What was found, as it can be shown: not whole novels.
fn shown(text: &str) -> String {
    format!("{:?}", text.chars().take(40).collect::<String>())
}

/// Reads a decimal number of a currency; `0` is one.
fn decimal(text: &str, currency: Currency) -> Result<Money, Wrong> {
    let wrong = |detail: &str| {
        Wrong::new(LineFlawCode::InvalidAmount, format!("{} {detail}", shown(text))).with_hint(
            "write -1500.50, -1,50,000.00 or -150,000.00: a point before the minor digits, no sign but minus",
        )
    };
    if text.is_empty() {
        return Err(Wrong::new(LineFlawCode::MissingValue, "there is no amount"));
    }
    let (sign, unsigned) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (grouped, fraction) = match unsigned.split_once('.') {
        Some((_, "")) => return Err(wrong("has nothing behind its point")),
        Some((grouped, fraction)) => (grouped, fraction),
        None => (unsigned, ""),
    };
    let whole = ungrouped(grouped).ok_or_else(|| wrong("is no amount"))?;
    if !is_digits(fraction) && !fraction.is_empty() {
        return Err(wrong("is no amount"));
    }
    let digits = minor_digits(currency);
    if fraction.len() > digits {
        return Err(wrong(&format!("has more than {digits} digits behind the point")));
    }
    let minor = format!("{sign}{whole}{fraction:0<digits$}");
    let amount_minor = minor.parse().map_err(|_| wrong("is beyond what can be counted"))?;
    Ok(Money::new(amount_minor, currency))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The digits before the point, without commas that stand where they belong: all groups of three, or the last of three
/// and those before of two.
fn ungrouped(text: &str) -> Option<String> {
    let groups: Vec<&str> = text.split(',').collect();
    if !groups.iter().all(|group| is_digits(group)) {
        return None;
    }
    if let [first, middle @ .., last] = groups.as_slice() {
        let of = |size: usize| middle.iter().all(|group| group.len() == size) && first.len() <= size;
        if last.len() != 3 || first.starts_with('0') || !(of(3) || of(2)) {
            return None;
        }
    }
    Some(groups.concat())
}

/// A line of nothing is no movement.
fn moving(amount: Money) -> Result<Money, Wrong> {
    if amount.amount_minor == 0 {
        return Err(Wrong::new(LineFlawCode::InvalidAmount, "a line moves more than 0"));
    }
    Ok(amount)
}

fn day(text: &str) -> Result<Day, Wrong> {
    if text.is_empty() {
        return Err(Wrong::new(LineFlawCode::MissingValue, "there is no value date"));
    }
    // jiff takes `20261121` and more for days as well.
    let digits_and_hyphens =
        |(at, byte): (usize, u8)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() };
    Some(text)
        .filter(|text| text.len() == 10 && text.bytes().enumerate().all(digits_and_hyphens))
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| {
            Wrong::new(LineFlawCode::InvalidDate, format!("{} is no day", shown(text))).with_hint("write 2026-11-21")
        })
}

const COLUMNS: [&str; 6] = ["bank_reference", "value_date", "amount", "currency", "narrative", "end_to_end"];
const REQUIRED_COLUMNS: [&str; 4] = ["bank_reference", "value_date", "amount", "currency"];

/// A row as it stands in the file.
#[derive(Default)]
struct Row {
    /// The line of the file that it begins on, from 1.
    begins_on: usize,
    cells: Vec<String>,
    is_misquoted: bool,
}

/// Where in a cell the reader is.
#[derive(Clone, Copy)]
enum Within {
    /// Before its first letter.
    Start,
    /// A cell without quotes.
    Bare,
    /// Between the quotes, which were opened on this line of the file.
    Quotes(usize),
    /// Behind the closing quote.
    Closed,
}

/// Rows by RFC 4180, blank ones left out. The `csv` crate takes an open quote at the end, and letters behind a closing
/// one, for data; a statement that is cut in the middle must not look whole.
fn rows(text: &str) -> Result<Vec<Row>, Failed> {
    let mut rows: Vec<Row> = Vec::new();
    let mut on = 1_usize;
    let mut row = Row { begins_on: on, ..Row::default() };
    let mut cell = String::new();
    let mut within = Within::Start;
    let mut letters = text.chars().peekable();
    loop {
        let letter = letters.next();
        within = match (within, letter) {
            (Within::Quotes(opened_on), None) => {
                return Err(truncated(format!("the quote that opens on line {opened_on} of the file is never closed")));
            }
            (Within::Quotes(_), Some('"')) if letters.next_if_eq(&'"').is_some() => {
                cell.push('"');
                within
            }
            (Within::Quotes(_), Some('"')) => Within::Closed,
            (Within::Quotes(_), Some(letter)) => {
                on = on.saturating_add(usize::from(letter == '\n'));
                cell.push(letter);
                within
            }
            (Within::Start, Some('"')) => Within::Quotes(on),
            (_, Some(',')) => {
                row.cells.push(mem::take(&mut cell));
                Within::Start
            }
            (_, Some('\r')) if letters.peek() == Some(&'\n') => within,
            (_, Some('\n') | None) => {
                let is_blank_row = row.cells.is_empty() && cell.trim().is_empty() && !matches!(within, Within::Closed);
                row.cells.push(mem::take(&mut cell));
                on = on.saturating_add(1);
                let ended = mem::replace(&mut row, Row { begins_on: on, ..Row::default() });
                if !is_blank_row {
                    rows.push(ended);
                }
                // The header is a row, too.
                if rows.len() > usize::try_from(MOST_LINES).unwrap_or(usize::MAX).saturating_add(1) {
                    return Err(too_long());
                }
                if letter.is_none() {
                    return Ok(rows);
                }
                Within::Start
            }
            (Within::Closed, Some(letter)) => {
                row.is_misquoted = true;
                cell.push(letter);
                Within::Closed
            }
            (Within::Start | Within::Bare, Some(letter)) => {
                row.is_misquoted |= letter == '"';
                cell.push(letter);
                Within::Bare
            }
        };
    }
}

fn read_csv(text: &str) -> Result<Reading, Failed> {
    let mut rows = rows(text)?.into_iter();
    let header = rows.next().ok_or_else(|| not_the_format("the file has no rows", HEADER_HINT))?;
    let columns = Columns::of(&header)?;
    let mut reading = Reading::default();
    let mut rows = rows.enumerate().peekable();
    while let Some((entry, row)) = rows.next() {
        let is_last = rows.peek().is_none();
        if is_last && !row.is_misquoted && row.cells.len() < columns.width {
            return Err(truncated(format!("the last row, on line {} of the file, is cut short", row.begins_on)));
        }
        let place = format!("line {} of the file", row.begins_on);
        let drafted = columns.draft(&row);
        let drafted = drafted.map_err(|wrongs| wrongs.into_iter().map(|wrong| wrong.within(&place)).collect());
        reading.take(entry, drafted)?;
    }
    Ok(reading)
}

const HEADER_HINT: &str =
    "the first row names the columns: bank_reference,value_date,amount,currency,narrative,end_to_end";

/// Which cell of a row holds what.
struct Columns {
    width: usize,
    bank_reference: Option<usize>,
    value_date: Option<usize>,
    amount: Option<usize>,
    currency: Option<usize>,
    narrative: Option<usize>,
    end_to_end: Option<usize>,
}

impl Columns {
    fn of(header: &Row) -> Result<Self, Failed> {
        let names: Vec<&str> = header.cells.iter().map(|name| name.trim()).collect();
        if !names.iter().any(|name| COLUMNS.contains(name)) {
            return Err(not_the_format("the first row names no column of a statement", HEADER_HINT));
        }
        let mut flaws = Vec::new();
        let mut wrong = |name: &str, detail: &str| {
            let name: String = name.chars().take(40).collect();
            // RFC 6901 writes its own two signs so.
            let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
            flaws.push(Flaw::new(pointer, "statement_columns", format!("`{name}` {detail}")).with_hint(HEADER_HINT));
        };
        for (at, name) in names.iter().enumerate() {
            if !COLUMNS.contains(name) {
                wrong(name, "is no column of a statement");
            } else if names.iter().take(at).any(|earlier| earlier == name) {
                wrong(name, "stands twice");
            }
        }
        for name in REQUIRED_COLUMNS.iter().filter(|name| !names.contains(name)) {
            wrong(name, "is missing");
        }
        if !flaws.is_empty() {
            return Err(Failed::Invalid(flaws));
        }
        let find = |name: &str| names.iter().position(|known| *known == name);
        Ok(Self {
            width: names.len(),
            bank_reference: find("bank_reference"),
            value_date: find("value_date"),
            amount: find("amount"),
            currency: find("currency"),
            narrative: find("narrative"),
            end_to_end: find("end_to_end"),
        })
    }

    fn draft(&self, row: &Row) -> Result<Draft, Vec<Wrong>> {
        if row.is_misquoted {
            let wrong = Wrong::new(LineFlawCode::Misquoted, "a quote stands where none may")
                .with_hint("a cell with quotes is quoted as a whole, and each quote in it is doubled");
            return Err(vec![wrong]);
        }
        if row.cells.len() != self.width {
            let detail = format!("{} cells where the header has {}", row.cells.len(), self.width);
            let wrong =
                Wrong::new(LineFlawCode::WrongCellCount, detail).with_hint("a cell with a comma in it must be quoted");
            return Err(vec![wrong]);
        }
        let cell = |at: Option<usize>| at.and_then(|at| row.cells.get(at)).map_or("", |cell| cell.trim());
        let mut wrongs = Vec::new();
        for (name, at) in [
            ("bank_reference", self.bank_reference),
            ("value_date", self.value_date),
            ("amount", self.amount),
            ("currency", self.currency),
            ("end_to_end", self.end_to_end),
        ] {
            if cell(at).starts_with('\'') {
                wrongs.push(guarded(name));
            }
        }
        // A payer may well begin with an apostrophe; only before a formula it is a guard.
        let narrative = folded(cell(self.narrative));
        if narrative.strip_prefix('\'').is_some_and(|rest| rest.starts_with(['=', '+', '-', '@'])) {
            wrongs.push(guarded("narrative"));
        }
        if !wrongs.is_empty() {
            return Err(wrongs);
        }
        if narrative.chars().count() > MOST_NARRATIVE {
            let detail = format!("a narrative has at most {MOST_NARRATIVE} characters");
            wrongs.push(Wrong::new(LineFlawCode::TextTooLong, detail));
        }
        let reference = kept(bank_reference(cell(self.bank_reference)), &mut wrongs);
        let value_date = kept(day(cell(self.value_date)), &mut wrongs);
        let currency = kept(currency(cell(self.currency)), &mut wrongs);
        let amount =
            currency.and_then(|currency| kept(decimal(cell(self.amount), currency).and_then(moving), &mut wrongs));
        let end_to_end = kept(end_to_end(cell(self.end_to_end)), &mut wrongs);
        match (reference, value_date, amount, end_to_end) {
            (Some(bank_reference), Some(value_date), Some(amount), Some(end_to_end)) if wrongs.is_empty() => {
                Ok(Draft { bank_reference, amount, value_date, narrative, end_to_end })
            }
            _ => Err(wrongs),
        }
    }
}

fn guarded(column: &str) -> Wrong {
    Wrong::new(LineFlawCode::GuardedCell, format!("`{column}` begins with an apostrophe, a spreadsheet's guard"))
        .with_hint("take the bank's own file, not one that went through a spreadsheet")
}

const CAMT_HINT: &str = "a camt.053.001.02 to .08 with one Stmt, without a document type";

/// Refuses what takes a parser longer than its length: each tag's attributes are compared with one another, and each tag
/// inherits every namespace around it. A bank's file has one or two of either.
fn check_markup(text: &str) -> Result<(), Failed> {
    let is_crowded = text.split('<').any(|tag| tag.matches('=').nth(MOST_ATTRIBUTES).is_some());
    if is_crowded || text.matches("xmlns").nth(MOST_NAMESPACES).is_some() {
        let detail = format!("more than {MOST_ATTRIBUTES} attributes of a tag, or {MOST_NAMESPACES} namespaces");
        return Err(not_the_format(detail, CAMT_HINT));
    }
    Ok(())
}

fn read_camt(text: &str) -> Result<Reading, Failed> {
    check_declared_encoding(text)?;
    check_markup(text)?;
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|error| unreadable(&error, text))?;
    let root = document.root_element();
    let namespace = root.tag_name().namespace().unwrap_or_default();
    let is_ours = matches!(namespace.strip_prefix(CAMT_053), Some("02" | "03" | "04" | "05" | "06" | "07" | "08"));
    if root.tag_name().name() != "Document" || !is_ours {
        let detail = format!("the file is a {} of {}", shown(root.tag_name().name()), shown(namespace));
        return Err(not_the_format(detail, CAMT_HINT));
    }
    let camt = Camt { namespace };
    let reports: Vec<_> = camt.children(root, "BkToCstmrStmt").collect();
    let statements: Vec<_> = reports.iter().flat_map(|report| camt.children(*report, "Stmt")).collect();
    let [statement] = statements.as_slice() else {
        return Err(not_the_format(format!("the file holds {} statements", statements.len()), CAMT_HINT));
    };
    let mut reading = Reading::default();
    for (at, entry) in camt.children(*statement, "Ntry").enumerate() {
        let place = format!("entry {}", at.saturating_add(1));
        let said = |wrongs: Vec<Wrong>| wrongs.into_iter().map(|wrong| wrong.within(&place)).collect();
        match camt.entry(entry) {
            Ok(Entry::Booked(drafts)) => {
                for drafted in drafts {
                    reading.take(at, drafted.map_err(said))?;
                }
            }
            Ok(Entry::NotBooked) => reading.not_booked = reading.not_booked.saturating_add(1),
            Err(wrongs) => reading.take(at, Err(said(wrongs)))?,
        }
    }
    let mut wrongs = Vec::new();
    let balances = kept(camt.balances(*statement), &mut wrongs).unwrap_or_default();
    (reading.opening, reading.closing) = balances;
    reading.flaws.extend(wrongs.into_iter().map(|wrong| wrong.of_line(None)));
    Ok(reading)
}

/// The bytes are UTF-8; a file that says something else of itself was converted by somebody who did not know.
fn check_declared_encoding(text: &str) -> Result<(), Failed> {
    let declaration = text.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>")).map_or("", |(said, _)| said);
    let Some((_, behind)) = declaration.split_once("encoding") else { return Ok(()) };
    let said: String = behind.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect();
    // `standalone` may follow.
    let is_utf8 = ["utf-8", "us-ascii"].iter().any(|known| said.to_ascii_lowercase().starts_with(known));
    if is_utf8 {
        return Ok(());
    }
    let detail = format!("the file says of itself that it is {}, at offset 0", shown(&said));
    Err(Failed::invalid(Flaw::new("", "statement_encoding", detail).with_hint("ask the bank for UTF-8")))
}

fn unreadable(error: &roxmltree::Error, text: &str) -> Failed {
    use roxmltree::Error;
    if matches!(error, Error::NodesLimitReached) {
        return too_long();
    }
    if matches!(error, Error::DtdDetected) {
        return not_the_format("the file declares a document type", CAMT_HINT);
    }
    // What ends too soon is cut, if it is the beginning of XML at all: between elements, or within the last tag.
    let ends_in_tag = text.rsplit('<').next().is_some_and(|last| !last.contains('>'));
    let is_cut = ends_in_tag || matches!(error, Error::UnexpectedEndOfStream | Error::UnclosedRootNode);
    if is_cut && text.trim_start().starts_with('<') {
        return truncated(format!("the XML ends too soon: {error}"));
    }
    not_the_format(format!("not XML: {error}"), CAMT_HINT)
}

/// What an entry is.
enum Entry {
    /// Movements.
    Booked(Vec<Result<Draft, Vec<Wrong>>>),
    /// Only announced.
    NotBooked,
}

/// A document's own names.
#[derive(Clone, Copy)]
struct Camt<'n> {
    namespace: &'n str,
}

impl<'n> Camt<'n> {
    fn children<'a, 'i: 'a>(
        self,
        node: Node<'a, 'i>,
        name: &'n str,
    ) -> impl Iterator<Item = Node<'a, 'i>> + use<'a, 'i, 'n> {
        node.children().filter(move |child| {
            let found = child.tag_name();
            child.is_element() && found.name() == name && found.namespace() == Some(self.namespace)
        })
    }

    /// The one element at the end of a path.
    fn find<'a, 'i: 'a>(self, node: Node<'a, 'i>, path: &[&'n str]) -> Result<Option<Node<'a, 'i>>, Wrong> {
        let mut at = node;
        for name in path {
            let mut named = self.children(at, name);
            at = match (named.next(), named.next()) {
                (None, _) => return Ok(None),
                (Some(found), None) => found,
                (Some(_), Some(_)) => {
                    return Err(Wrong::new(LineFlawCode::UnexpectedElement, format!("{name} stands twice")));
                }
            };
        }
        Ok(Some(at))
    }

    /// The text at the end of a path. All of it: a comment in the middle of an amount must not halve it.
    fn text(self, node: Node<'_, '_>, path: &[&'n str]) -> Result<Option<String>, Wrong> {
        let Some(found) = self.find(node, path)? else { return Ok(None) };
        if found.children().any(|child| child.is_element()) {
            let detail = format!("{} holds elements where a text is due", found.tag_name().name());
            return Err(Wrong::new(LineFlawCode::UnexpectedElement, detail));
        }
        let text: String = found.children().filter(Node::is_text).filter_map(|text| text.text()).collect();
        Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
    }

    /// An amount without direction.
    fn amount(self, node: Node<'_, '_>, path: &[&'n str]) -> Result<Option<Money>, Wrong> {
        let (Some(found), Some(text)) = (self.find(node, path)?, self.text(node, path)?) else { return Ok(None) };
        let currency = currency(found.attribute("Ccy").unwrap_or_default().trim())?;
        // The direction stands beside it, and XML has no grouping.
        if text.starts_with('-') || text.contains(',') {
            return Err(Wrong::new(LineFlawCode::InvalidAmount, format!("{} is no amount of ISO 20022", shown(&text))));
        }
        decimal(&text, currency).map(Some)
    }

    /// Whether money came in. A reversal says so itself: its indicator is already the other way round.
    fn is_credit(self, node: Node<'_, '_>) -> Result<Option<bool>, Wrong> {
        match self.text(node, &["CdtDbtInd"])?.as_deref() {
            None => Ok(None),
            Some("CRDT") => Ok(Some(true)),
            Some("DBIT") => Ok(Some(false)),
            Some(other) => {
                let detail = format!("{} is neither CRDT nor DBIT", shown(other));
                Err(Wrong::new(LineFlawCode::InvalidDirection, detail))
            }
        }
    }

    fn signed(self, node: Node<'_, '_>) -> Result<Money, Wrong> {
        let missing = |what: &str| Wrong::new(LineFlawCode::MissingValue, format!("there is no {what}"));
        let amount = self.amount(node, &["Amt"])?.ok_or_else(|| missing("Amt"))?;
        let is_credit = self.is_credit(node)?.ok_or_else(|| missing("CdtDbtInd"))?;
        directed(amount, is_credit)
    }

    /// The day of a `Dt` or a `DtTm`, as it is written: the bank's own.
    fn value_date(self, entry: Node<'_, '_>) -> Result<Day, Wrong> {
        let written = match self.text(entry, &["ValDt", "Dt"])? {
            Some(day) => day,
            None => self.text(entry, &["ValDt", "DtTm"])?.unwrap_or_default(),
        };
        // `2026-11-21`, `2026-11-21+05:30` and `2026-11-21T09:30:00Z` are all dates of XML Schema.
        let (date, behind) = written.split_at_checked(10).unwrap_or((&written, ""));
        let is_time = |behind: &str| {
            behind.starts_with(['T', 'Z', '+', '-'])
                && behind.bytes().all(|byte| byte.is_ascii_digit() || b"TZ:.+-".contains(&byte))
        };
        if behind.is_empty() || is_time(behind) { day(date) } else { day(&written) }
    }

    fn entry(self, entry: Node<'_, '_>) -> Result<Entry, Vec<Wrong>> {
        let one = |wrong: Wrong| vec![wrong];
        // From version 7 on the status is a choice of code and proprietary word.
        let status = self.find(entry, &["Sts"]).map_err(one)?;
        let is_choice = status.is_some_and(|status| status.children().any(|child| child.is_element()));
        let path: &[&str] = if is_choice { &["Sts", "Cd"] } else { &["Sts"] };
        match self.text(entry, path).map_err(one)?.as_deref() {
            Some("BOOK") => {}
            Some("PDNG" | "INFO" | "FUTR") => return Ok(Entry::NotBooked),
            Some(other) => {
                let detail = format!("{} is no status of an entry", shown(other));
                return Err(one(Wrong::new(LineFlawCode::InvalidStatus, detail)));
            }
            None => return Err(one(Wrong::new(LineFlawCode::MissingValue, "there is no Sts"))),
        }
        let mut wrongs = Vec::new();
        let amount = kept(self.signed(entry).and_then(moving), &mut wrongs);
        let value_date = kept(self.value_date(entry), &mut wrongs);
        let reference = kept(self.text(entry, &["AcctSvcrRef"]), &mut wrongs);
        let (Some(amount), Some(value_date), Some(reference)) = (amount, value_date, reference) else {
            return Err(wrongs);
        };
        let details: Vec<Node<'_, '_>> =
            self.children(entry, "NtryDtls").flat_map(|details| self.children(details, "TxDtls")).collect();
        let drafts = match self.parts(&details, amount) {
            Some(parts) => details
                .iter()
                .zip(parts)
                .map(|(detail, part)| {
                    let own = self.own_reference(*detail);
                    let reference = own.map(|own| own.or_else(|| reference.clone()));
                    let narrative = self.narrative(entry, &[*detail]);
                    Self::draft(reference, part, value_date, narrative, self.end_to_end(*detail))
                })
                .collect(),
            None => {
                let (reference, id) = match (reference, details.as_slice()) {
                    (None, [only]) => (self.own_reference(*only), self.end_to_end(*only)),
                    (reference, [only]) => (Ok(reference), self.end_to_end(*only)),
                    (reference, _) => (Ok(reference), Ok(None)),
                };
                vec![Self::draft(reference, amount, value_date, self.narrative(entry, &details), id)]
            }
        };
        Ok(Entry::Booked(drafts))
    }

    /// The amounts of a batch entry's transactions, if each states its own and they come to the entry.
    fn parts(self, details: &[Node<'_, '_>], whole: Money) -> Option<Vec<Money>> {
        if details.len() < 2 {
            return None;
        }
        let mut sum = 0_i128;
        let mut parts = Vec::with_capacity(details.len());
        for detail in details {
            let stated = match self.amount(*detail, &["Amt"]).ok()? {
                Some(amount) => amount,
                None => self.amount(*detail, &["AmtDtls", "TxAmt", "Amt"]).ok()??,
            };
            let is_credit = self.is_credit(*detail).ok()?.unwrap_or(whole.amount_minor > 0);
            let part = directed(stated, is_credit).and_then(moving).ok()?;
            sum = sum.checked_add(i128::from(part.amount_minor))?;
            parts.push(part);
        }
        let comes_to_whole = sum == i128::from(whole.amount_minor);
        let is_of_one_currency = parts.iter().all(|part| part.currency == whole.currency);
        (comes_to_whole && is_of_one_currency).then_some(parts)
    }

    /// The bank's own reference of a transaction, or its UETR, whose 36 characters lose their hyphens.
    fn own_reference(self, detail: Node<'_, '_>) -> Result<Option<String>, Wrong> {
        if let Some(reference) = self.text(detail, &["Refs", "AcctSvcrRef"])? {
            return Ok(Some(reference));
        }
        Ok(self.text(detail, &["Refs", "UETR"])?.map(|uetr| uetr.replace('-', "")))
    }

    fn end_to_end(self, detail: Node<'_, '_>) -> Result<Option<String>, Wrong> {
        end_to_end(&self.text(detail, &["Refs", "EndToEndId"])?.unwrap_or_default())
    }

    /// What the payers wrote, cut at 500 characters. A line that stands for several transactions begins with their ids,
    /// so that they are still named; where nobody wrote anything, the bank's own words are all there is.
    fn narrative(self, entry: Node<'_, '_>, details: &[Node<'_, '_>]) -> String {
        let mut words: Vec<String> = Vec::new();
        if details.len() > 1 {
            words.extend(details.iter().filter_map(|detail| self.end_to_end(*detail).ok().flatten()));
        }
        for detail in details {
            for remittance in self.children(*detail, "RmtInf") {
                let written = self.children(remittance, "Ustrd").filter_map(|text| self.text(text, &[]).ok().flatten());
                words.extend(written);
            }
        }
        if words.is_empty() {
            words.extend(self.text(entry, &["AddtlNtryInf"]).ok().flatten());
        }
        folded(&words.join(" ")).chars().take(MOST_NARRATIVE).collect()
    }

    fn draft(
        reference: Result<Option<String>, Wrong>,
        amount: Money,
        value_date: Day,
        narrative: String,
        end_to_end: Result<Option<String>, Wrong>,
    ) -> Result<Draft, Vec<Wrong>> {
        let mut wrongs = Vec::new();
        let reference = reference.and_then(|given| bank_reference(&given.unwrap_or_default()));
        let reference = kept(reference, &mut wrongs);
        let end_to_end = kept(end_to_end, &mut wrongs);
        match (reference, end_to_end) {
            (Some(bank_reference), Some(end_to_end)) => {
                Ok(Draft { bank_reference, amount, value_date, narrative, end_to_end })
            }
            _ => Err(wrongs),
        }
    }

    /// The opening and the closing balance, where they are stated. Some banks open with the close before, `PRCD`.
    fn balances(self, statement: Node<'_, '_>) -> Result<(Option<Money>, Option<Money>), Wrong> {
        let mut stated: BTreeMap<String, Money> = BTreeMap::new();
        for balance in self.children(statement, "Bal") {
            let within = |wrong: Wrong| Wrong { code: LineFlawCode::InvalidBalance, ..wrong };
            let code = self.text(balance, &["Tp", "CdOrPrtry", "Cd"]).map_err(within)?.unwrap_or_default();
            if !matches!(code.as_str(), "OPBD" | "PRCD" | "CLBD") {
                continue;
            }
            let place = format!("balance {code}");
            let amount = self.signed(balance).map_err(|wrong| within(wrong).within(&place))?;
            if stated.insert(code, amount).is_some() {
                return Err(Wrong::new(LineFlawCode::InvalidBalance, format!("{place} is stated twice")));
            }
        }
        let opening = stated.get("OPBD").or_else(|| stated.get("PRCD")).copied();
        Ok((opening, stated.get("CLBD").copied()))
    }
}

/// An amount as the account sees it.
fn directed(amount: Money, is_credit: bool) -> Result<Money, Wrong> {
    if is_credit {
        return Ok(amount);
    }
    amount.negated().map_err(|error| Wrong::new(LineFlawCode::InvalidAmount, error.to_string()))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    const HEADER: &str = "bank_reference,value_date,amount,currency,narrative,end_to_end\n";

    fn csv(rows: &str) -> Result<Statement, Failed> {
        read(StatementFormat::Csv, format!("{HEADER}{rows}").as_bytes())
    }

    fn camt(text: &str) -> Result<Statement, Failed> {
        read(StatementFormat::Camt053, text.as_bytes())
    }

    /// Codes of the flaws for which a file is refused.
    fn refused(result: Result<Statement, Failed>) -> Vec<&'static str> {
        match result {
            Err(Failed::Invalid(flaws)) => flaws.iter().map(|flaw| flaw.code).collect(),
            other => panic!("not refused: {other:?}"),
        }
    }

    /// Lines and codes of what is wrong with single lines.
    fn flawed(result: Result<Statement, Failed>) -> Vec<(Option<u32>, &'static str)> {
        result.unwrap().flaws.iter().map(|flaw| (flaw.line, flaw.code.as_str())).collect()
    }

    fn amount_of(written: &str) -> Result<i64, &'static str> {
        let statement = csv(&format!("UTR1,2026-11-21,\"{written}\",INR,,\n")).unwrap();
        match statement.lines.first() {
            Some(line) => Ok(line.amount.amount_minor),
            None => Err(statement.flaws[0].code.as_str()),
        }
    }

    fn document(version: &str, inside: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Document xmlns=\"{CAMT_053}{version}\"><BkToCstmrStmt>\
             <GrpHdr><MsgId>M1</MsgId></GrpHdr><Stmt><Id>S1</Id>{inside}</Stmt></BkToCstmrStmt></Document>\n"
        )
    }

    fn balance(code: &str, amount: &str, direction: &str) -> String {
        format!(
            "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy=\"INR\">{amount}</Amt>\
             <CdtDbtInd>{direction}</CdtDbtInd><Dt><Dt>2026-11-21</Dt></Dt></Bal>"
        )
    }

    fn entry(amount: &str, direction: &str, reference: &str, details: &str) -> String {
        format!(
            "<Ntry><Amt Ccy=\"INR\">{amount}</Amt><CdtDbtInd>{direction}</CdtDbtInd><Sts>BOOK</Sts>\
             <ValDt><Dt>2026-11-21</Dt></ValDt><AcctSvcrRef>{reference}</AcctSvcrRef>{details}</Ntry>"
        )
    }

    fn transaction(id: &str, amount: &str, text: &str) -> String {
        format!(
            "<TxDtls><Refs><EndToEndId>{id}</EndToEndId></Refs>{amount}<RmtInf><Ustrd>{text}</Ustrd></RmtInf></TxDtls>"
        )
    }

    /// A statement with one of everything.
    fn full() -> String {
        let batch = [
            transaction("E2E-1", "<Amt Ccy=\"INR\">1000.00</Amt>", "BF-1 Asha"),
            transaction("E2E-2", "<AmtDtls><TxAmt><Amt Ccy=\"INR\">500.50</Amt></TxAmt></AmtDtls>", "BF-2 Rekha"),
        ];
        let inside = [
            balance("OPBD", "10000.00", "CRDT"),
            balance("CLBD", "9499.50", "CRDT"),
            entry("1500.50", "CRDT", "hdfc-n 520 26", &format!("<NtryDtls>{}</NtryDtls>", batch.concat())),
            entry(
                "2001.00",
                "DBIT",
                "UTR2",
                &format!("<NtryDtls>{}</NtryDtls>", transaction("NOTPROVIDED", "", "fee")),
            ),
        ];
        document("02", &inside.concat())
    }

    #[test]
    fn columns_stand_in_any_order_and_the_last_two_may_be_missing() {
        let text = "currency,amount,value_date,bank_reference\r\nINR,1500.5,2026-11-21, utr-000 1 \r\n";
        let statement = read(StatementFormat::Csv, text.as_bytes()).unwrap();
        let line = StatementLine {
            line: 1,
            bank_reference: "UTR0001".into(),
            amount: Money::new(150_050, Currency::Inr),
            value_date: date(2026, 11, 21),
            narrative: String::new(),
            end_to_end: None,
            duplicate_of: None,
        };
        assert_eq!((statement.lines, statement.flaws), (vec![line], vec![]));
        assert_eq!(statement.sha256, Sha256Hex::of(text.as_bytes()));
    }

    #[test]
    fn quotes_keep_commas_line_ends_and_quotes_within_a_cell() {
        let statement =
            csv("UTR1,2026-11-21,-1,INR,\"say \"\"hi\"\",\r\n  twice\",\"E,1\"\n\nUTR2,2026-11-21,2,INR,,").unwrap();
        assert_eq!(statement.lines[0].narrative, "say \"hi\", twice");
        assert_eq!(statement.lines[0].end_to_end.as_deref(), Some("E,1"));
        assert_eq!(statement.lines[1].line, 2, "a blank row is no line");
    }

    #[test]
    fn amounts_are_decimal_text_grouped_rightly_or_not_at_all() {
        for (written, minor) in [
            ("1500", 150_000),
            ("1500.5", 150_050),
            ("-1500.50", -150_050),
            ("0.01", 1),
            ("-1,500.50", -150_050),
            ("150,000.00", 15_000_000),
            ("1,50,000.00", 15_000_000),
            ("12,34,56,789", 12_345_678_900),
            ("123,456,789", 12_345_678_900),
            ("92233720368547758.07", i64::MAX),
        ] {
            assert_eq!(amount_of(written), Ok(minor), "{written}");
        }
        for written in [
            "1500.005",
            "1500.",
            ".50",
            "+1500",
            "1500-",
            "(1500)",
            "1 500",
            "1.500,00",
            "1,5000",
            "1500,000",
            "1,50,00",
            "0,500",
            ",500",
            "1,,500",
            "12,345,67,890",
            "123,45,678",
            "1e3",
            "NaN",
            "₹1500",
            "--1",
            "-",
            "0",
            "-0.00",
            "92233720368547758.08",
            "1500.5O",
            "１５００",
        ] {
            assert_eq!(amount_of(written), Err("invalid_amount"), "{written}");
        }
        assert_eq!(amount_of(""), Err("missing_value"));
    }

    #[test]
    fn a_bad_line_is_named_with_all_that_is_wrong_and_hides_no_other() {
        let rows = [
            "UTR1,2026-11-21,1,INR,,",
            ",21/11/2026,x,USD,,",
            "UTR3,2026-02-30,0,INR,,",
            "UTR4,2026-11-21,1,INR",
            "UTR5,2026-11-21,1,INR,,,",
            "UTR6,2026-11-21,1,INR,a \"b\",",
            "UTR7,2026-11-21,1,INR,\"a\" b,",
            "1.23457E+15,20261121,1,INR,,",
            &format!("{},2026-11-21,1,inr,,", "U".repeat(36)),
            &format!("UTRé,2026-11-21,1,INR,{},{}", "n".repeat(501), "e".repeat(36)),
            "UTR11,2026-11-21,1,INR,,",
        ];
        let statement = csv(&rows.join("\n"));
        let good: Vec<u32> = statement.as_ref().unwrap().lines.iter().map(|line| line.line).collect();
        assert_eq!(good, [1, 11]);
        let detail = statement.as_ref().unwrap().flaws[0].detail.clone();
        assert_eq!(detail, "line 3 of the file: there is no bank reference");
        let wrong = [
            (2, "missing_value"),
            (2, "invalid_date"),
            (2, "invalid_currency"),
            (3, "invalid_date"),
            (3, "invalid_amount"),
            (4, "wrong_cell_count"),
            (5, "wrong_cell_count"),
            (6, "misquoted"),
            (7, "misquoted"),
            (8, "invalid_reference"),
            (8, "invalid_date"),
            (9, "invalid_reference"),
            (9, "invalid_currency"),
            (10, "text_too_long"),
            (10, "invalid_reference"),
            (10, "text_too_long"),
        ];
        assert_eq!(flawed(statement), wrong.map(|(line, code)| (Some(line), code)));
    }

    #[test]
    fn a_spreadsheets_guard_is_refused_as_it_is() {
        let rows = "'0001,2026-11-21,1,INR,,\nUTR2,2026-11-21,'-1,INR,'=1+1,\nUTR3,2026-11-21,1,INR,'Asha',\n";
        let guarded = [(Some(1), "guarded_cell"), (Some(2), "guarded_cell"), (Some(2), "guarded_cell")];
        assert_eq!(flawed(csv(rows)), guarded, "a name in apostrophes is no formula");
    }

    #[test]
    fn a_file_that_is_cut_is_refused_whole() {
        assert_eq!(
            refused(csv("UTR1,2026-11-21,1,INR,\"never closed,\nUTR2,2026-11-21,1,INR,,")),
            ["statement_truncated"]
        );
        assert_eq!(refused(csv("UTR1,2026-11-21,1,INR,,\nUTR2,2026-1")), ["statement_truncated"]);
        let whole = full();
        for end in 1..whole.trim_end().len() {
            let code = refused(camt(&whole[..end]));
            let is_named = code == ["statement_truncated"] || code == ["statement_format"];
            assert!(is_named, "{code:?} when cut at {end}");
            assert!(end < 40 || code == ["statement_truncated"], "{code:?} when cut at {end}: {}", &whole[..end]);
        }
    }

    #[test]
    fn wherever_the_last_line_is_cut_a_csv_that_comes_in_is_refused_and_one_that_was_taken_is_read() {
        let header = "bank_reference,value_date,currency,amount\n";
        let whole = format!("{header}UTR1,2026-11-21,INR,-1.00\nUTR2,2026-11-21,INR,-1500.00\r\n");
        let come_in = |text: &str| read_whole(StatementFormat::Csv, text.as_bytes());
        assert_eq!(come_in(&whole).unwrap().lines.len(), 2);
        assert_eq!(come_in(&format!("{whole}\n  ")).unwrap().lines.len(), 2, "a blank line is none");
        let last = whole.find("UTR2").unwrap();
        for end in last + 1..whole.len() {
            assert_eq!(refused(come_in(&whole[..end])), ["statement_truncated"], "{}", &whole[..end]);
        }
        let cut = &whole[..last + "UTR2,2026-11-21,INR,-15".len()];
        let taken = read(StatementFormat::Csv, cut.as_bytes()).unwrap();
        assert_eq!(taken.lines[1].amount.amount_minor, -1_500, "which nobody can see");
        let Err(Failed::Invalid(flaws)) = come_in(cut) else { panic!("taken") };
        assert_eq!(flaws[0].detail, "line 3 of the file, its last, has no line break at its end");
        assert!(read_whole(StatementFormat::Camt053, full().trim_end().as_bytes()).is_ok(), "XML says where it ends");
    }

    #[test]
    fn what_is_not_utf_8_is_refused_with_the_place() {
        let detail = |bytes: &[u8]| match read(StatementFormat::Csv, bytes) {
            Err(Failed::Invalid(flaws)) => (flaws[0].code, flaws[0].detail.clone()),
            other => panic!("{other:?}"),
        };
        let said = |offset: usize| ("statement_encoding", format!("the byte at offset {offset} is not UTF-8"));
        assert_eq!(detail(b"bank_reference\xE9"), said(14));
        assert_eq!(detail(b"\xEF\xBB\xBFab\xFF"), said(5));
        assert_eq!(detail(b"\xFF\xFEb\0a\0"), said(0), "UTF-16");
        let marked = format!("\u{feff}{HEADER}UTR1,2026-11-21,1,INR,,\n");
        assert_eq!(read(StatementFormat::Csv, marked.as_bytes()).unwrap().lines.len(), 1);
        let latin = full().replace("UTF-8", "ISO-8859-1");
        assert_eq!(refused(camt(&latin)), ["statement_encoding"]);
        assert!(camt(&full().replace("encoding=\"UTF-8\"", "encoding='utf-8' standalone='yes'")).is_ok());
    }

    #[test]
    fn columns_that_are_unknown_missing_or_twice_are_refused_by_name() {
        let refused = |header: &str| match read(StatementFormat::Csv, format!("{header}\n").as_bytes()) {
            Err(Failed::Invalid(flaws)) => flaws.into_iter().map(|flaw| (flaw.code, flaw.pointer)).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        let columns = |pointers: &[&str]| -> Vec<_> {
            pointers.iter().map(|pointer| ("statement_columns", (*pointer).to_owned())).collect()
        };
        assert_eq!(refused("bank_reference,value_date,amount,currency,a/b~"), columns(&["/a~1b~0"]));
        assert_eq!(refused("bank_reference,value_date,amount,amount"), columns(&["/amount", "/currency"]));
        assert_eq!(refused("a,b,c"), [("statement_format", String::new())]);
        assert_eq!(refused("{\"lines\":[]}"), [("statement_format", String::new())]);
    }

    #[test]
    fn a_statement_has_from_one_to_twenty_thousand_lines() {
        assert_eq!(refused(csv("")), ["statement_empty"]);
        assert_eq!(refused(read(StatementFormat::Csv, b"")), ["statement_empty"]);
        assert_eq!(refused(camt(&document("02", ""))), ["statement_empty"]);
        let row = |number: usize| format!("UTR{number},2026-11-21,1,INR,,\n");
        let most: String = (0..20_000).map(row).collect();
        assert_eq!(csv(&most).unwrap().lines.len(), 20_000);
        assert_eq!(refused(csv(&format!("{most}{}", row(1)))), ["statement_too_long"]);
        let entries = entry("1", "CRDT", "U", "").repeat(20_001);
        assert_eq!(refused(camt(&document("08", &entries))), ["statement_too_long"]);
    }

    #[test]
    fn a_repeated_line_is_kept_and_marked_and_equal_instalments_of_one_batch_are_not() {
        let rows = "UTR1,2026-11-21,1,INR,,\nutr-1,2026-11-21,1.00,INR,other words,\nUTR1,2026-11-22,1,INR,,\n\
                    BATCH,2026-11-21,1,INR,,A\nBATCH,2026-11-21,1,INR,,B\nBATCH,2026-11-21,1,INR,,B\nBATCH,2026-11-21,1,INR,,\n";
        let marks: Vec<Option<u32>> = csv(rows).unwrap().lines.iter().map(|line| line.duplicate_of).collect();
        assert_eq!(marks, [None, Some(1), None, None, None, Some(5), Some(4)]);
        let part = transaction("NOTPROVIDED", "<Amt Ccy=\"INR\">1</Amt>", "x");
        let batch = entry("2", "CRDT", "BATCH", &format!("<NtryDtls>{part}{part}</NtryDtls>"));
        let marks: Vec<Option<u32>> =
            camt(&document("08", &batch.repeat(2))).unwrap().lines.iter().map(|line| line.duplicate_of).collect();
        assert_eq!(marks, [None, None, Some(1), Some(1)], "the bank's total says that the first two are two");
    }

    #[test]
    fn a_batch_is_one_line_a_transaction_and_its_balances_come_out() {
        let statement = camt(&full()).unwrap();
        assert_eq!(statement.flaws, []);
        let inr = |minor| Some(Money::new(minor, Currency::Inr));
        assert_eq!((statement.opening, statement.closing), (inr(1_000_000), inr(949_950)));
        let lines: Vec<_> = statement
            .lines
            .iter()
            .map(|l| {
                (
                    l.line,
                    l.bank_reference.as_str(),
                    l.amount.amount_minor,
                    l.end_to_end.as_deref(),
                    l.narrative.as_str(),
                )
            })
            .collect();
        assert_eq!(
            lines,
            [
                (1, "HDFCN52026", 100_000, Some("E2E-1"), "BF-1 Asha"),
                (2, "HDFCN52026", 50_050, Some("E2E-2"), "BF-2 Rekha"),
                (3, "UTR2", -200_100, None, "fee"),
            ]
        );
    }

    #[test]
    fn a_batch_whose_parts_do_not_come_to_it_is_one_line_that_names_them() {
        let parts = |first: &str, second: &str| {
            let details = [transaction("E2E-1", first, "Asha"), transaction("E2E-2", second, "Rekha")].concat();
            let text = document("08", &entry("15.00", "DBIT", "UTR1", &format!("<NtryDtls>{details}</NtryDtls>")));
            let lines = camt(&text).unwrap().lines;
            lines.iter().map(|line| (line.amount.amount_minor, line.narrative.clone())).collect::<Vec<_>>()
        };
        let whole = [(-1_500, "E2E-1 E2E-2 Asha Rekha".to_owned())];
        assert_eq!(parts("<Amt Ccy=\"INR\">10</Amt>", ""), whole);
        assert_eq!(parts("<Amt Ccy=\"INR\">10</Amt>", "<Amt Ccy=\"INR\">4.99</Amt>"), whole);
        assert_eq!(parts("<Amt Ccy=\"INR\">10</Amt>", "<Amt Ccy=\"NPR\">5</Amt>"), whole);
        assert_eq!(parts("<Amt Ccy=\"INR\">10</Amt>", "<Amt Ccy=\"INR\">5</Amt>").len(), 2);
        let returned = parts("<Amt Ccy=\"INR\">20</Amt>", "<Amt Ccy=\"INR\">5</Amt><CdtDbtInd>CRDT</CdtDbtInd>");
        assert_eq!(returned.iter().map(|part| part.0).collect::<Vec<_>>(), [-2_000, 500]);
    }

    #[test]
    fn only_booked_entries_are_lines_and_the_others_are_counted() {
        let booked = entry("1", "CRDT", "UTR1", "");
        let with_status = |status: &str| booked.replace("<Sts>BOOK</Sts>", status);
        let inside = [
            with_status("<Sts>PDNG</Sts>"),
            with_status("<Sts><Cd>BOOK</Cd></Sts>"),
            with_status("<Sts><Cd>INFO</Cd></Sts>"),
            with_status("<Sts>DONE</Sts>"),
            with_status(""),
        ];
        let statement = camt(&document("08", &inside.concat())).unwrap();
        assert_eq!((statement.not_booked, statement.lines.len()), (2, 1));
        let flaws: Vec<_> = statement.flaws.iter().map(|flaw| (flaw.line, flaw.code.as_str())).collect();
        assert_eq!(flaws, [(Some(2), "invalid_status"), (Some(3), "missing_value")]);
    }

    #[test]
    fn each_flaw_of_an_entry_is_named_and_hides_no_other() {
        let good = entry("1", "CRDT", "UTR1", "");
        let uetr =
            "<NtryDtls><TxDtls><Refs><UETR>eb6305c9-1f7f-49de-aed0-16487c27b42d</UETR></Refs></TxDtls></NtryDtls>";
        let inside = [
            good.replace(">1<", ">-1<"),
            good.replace(">1<", ">1,000<"),
            good.replace(">1<", ">1.005<"),
            good.replace("Ccy=\"INR\"", "Ccy=\"USD\""),
            good.replace("CRDT", "CREDIT"),
            good.replace("2026-11-21", "2026-13-21"),
            good.replace("<Dt>2026-11-21</Dt>", "<DtTm>2026-11-21T23:30:00+05:30</DtTm>"),
            good.replace("<AcctSvcrRef>UTR1</AcctSvcrRef>", uetr),
            good.replace("UTR1", ""),
            good.replace("<Sts>", "<Amt Ccy=\"INR\">2</Amt><Sts>"),
            good.replace(">1<", "><b/>1<"),
            good.replace(">1<", ">1<!-- -->5<![CDATA[.50]]><"),
        ];
        let statement = camt(&document("02", &inside.concat())).unwrap();
        let lines: Vec<_> = statement
            .lines
            .iter()
            .map(|line| (line.line, line.bank_reference.as_str(), line.amount.amount_minor))
            .collect();
        let uetr = "EB6305C91F7F49DEAED016487C27B42D";
        assert_eq!(
            lines,
            [(7, "UTR1", 100), (8, uetr, 100), (12, "UTR1", 1_550)],
            "a comment does not halve an amount"
        );
        let codes: Vec<_> = statement.flaws.iter().map(|flaw| (flaw.line.unwrap(), flaw.code.as_str())).collect();
        let expected = [
            (1, "invalid_amount"),
            (2, "invalid_amount"),
            (3, "invalid_amount"),
            (4, "invalid_currency"),
            (5, "invalid_direction"),
            (6, "invalid_date"),
            (9, "missing_value"),
            (10, "unexpected_element"),
            (11, "unexpected_element"),
        ];
        assert_eq!(codes, expected);
        assert_eq!(statement.flaws[0].detail, "entry 1: \"-1\" is no amount of ISO 20022");
    }

    #[test]
    fn a_statement_that_does_not_add_up_says_by_how_much() {
        let with = |opening: &str, closing: &str| {
            let lines = [entry("10", "CRDT", "UTR1", ""), entry("2.50", "DBIT", "UTR2", "")].concat();
            camt(&document("04", &format!("{opening}{closing}{lines}"))).unwrap()
        };
        let opening = balance("OPBD", "5", "DBIT");
        assert_eq!(with(&opening, &balance("CLBD", "2.50", "CRDT")).flaws, []);
        assert_eq!(with(&balance("PRCD", "5", "DBIT"), &balance("CLBD", "2.50", "CRDT")).flaws, []);
        assert_eq!(with(&opening, "").flaws, [], "one balance proves nothing");
        let off = with(&opening, &balance("CLBD", "2.51", "CRDT"));
        assert_eq!(off.flaws.len(), 1);
        assert_eq!((off.flaws[0].line, off.flaws[0].code), (None, LineFlawCode::StatementUnbalanced));
        let detail = "opening -500 and lines 750 come to 250, closing is 251: 1 minor units of INR differ";
        assert_eq!(off.flaws[0].detail, detail);
        let twice = with(&opening, &opening);
        assert_eq!(twice.flaws[0].code, LineFlawCode::InvalidBalance);
        let unreadable = with(&opening, &balance("CLBD", "x", "CRDT"));
        assert_eq!(unreadable.flaws[0].code, LineFlawCode::InvalidBalance);
    }

    #[test]
    fn other_documents_and_declared_entities_are_refused() {
        for version in ["02", "03", "04", "05", "06", "07", "08"] {
            assert!(camt(&document(version, &entry("1", "CRDT", "U", ""))).is_ok(), "{version}");
        }
        let lines = entry("1", "CRDT", "U", "");
        for text in [
            document("01", &lines),
            document("09", &lines),
            document("02", &lines).replace("camt.053", "camt.052"),
            document("02", &format!("</Stmt><Stmt>{lines}")),
            document("02", &lines).replace(&format!(" xmlns=\"{CAMT_053}02\""), ""),
            document("02", &lines).replace("?>\n", "?>\n<!DOCTYPE Document [<!ENTITY a \"b\">]>"),
            document("02", &lines).replace("?>\n", "?>\n<!DOCTYPE Document SYSTEM \"file:///etc/passwd\">"),
            document("02", &lines).replace(">U<", ">&a;<"),
            HEADER.to_owned(),
        ] {
            assert_eq!(refused(camt(&text)), ["statement_format"], "{text}");
        }
        let prefixed = document("02", &lines).replace("</", "</c:").replace("xmlns=", "xmlns:c=");
        assert_eq!(camt(&prefixed_by_c(&prefixed)).unwrap().lines.len(), 1, "a prefix is as good as a default");
    }

    /// Puts `c:` before every opening tag.
    fn prefixed_by_c(text: &str) -> String {
        let (declaration, body) = text.split_once('\n').unwrap();
        let mut parts = body.split('<');
        let first = parts.next().unwrap().to_owned();
        let tagged = parts.map(|part| if part.starts_with('/') { format!("<{part}") } else { format!("<c:{part}") });
        format!("{declaration}\n{first}{}", tagged.collect::<String>())
    }

    #[test]
    fn ten_thousand_nested_elements_overflow_nothing() {
        let deep = format!("{}{}", "<a>".repeat(10_000), "</a>".repeat(10_000));
        let text = document("02", &format!("{deep}{}", entry("1", "CRDT", "U", "")));
        assert_eq!(camt(&text).unwrap().lines.len(), 1);
    }

    /// Numbers that look random and are the same each time (splitmix64).
    fn next(state: &mut u64) -> usize {
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) >> 16).unwrap()
    }

    #[test]
    fn a_hundred_mutated_documents_are_read_or_refused_and_never_panic() {
        let (mut read_whole, mut read_with_flaws, mut refused) = (0, 0, 0);
        let mut state = 7;
        for _ in 0..100 {
            let mut bytes = full().into_bytes();
            for _ in 0..=next(&mut state) % 3 {
                let at = next(&mut state) % bytes.len();
                match next(&mut state) % 4 {
                    0 => bytes[at] = u8::try_from(next(&mut state) % 256).unwrap(),
                    1 => drop(bytes.remove(at)),
                    2 => bytes.insert(at, b"<>&/\"9"[next(&mut state) % 6]),
                    _ => {
                        let end = bytes.len().min(at + next(&mut state) % 80);
                        let copied = bytes[at..end].to_vec();
                        bytes.splice(at..at, copied);
                    }
                }
            }
            match read(StatementFormat::Camt053, &bytes) {
                Ok(statement) if statement.flaws.is_empty() => read_whole += 1,
                Ok(_) => read_with_flaws += 1,
                Err(Failed::Invalid(flaws)) if !flaws.is_empty() => refused += 1,
                Err(other) => panic!("{other:?}"),
            }
        }
        println!("100 mutated documents: {read_whole} read, {read_with_flaws} with flaws, {refused} refused");
        assert!(refused > 0 && read_whole + read_with_flaws > 0);
    }

    proptest! {
        #[test]
        fn whatever_the_bytes_nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = read(StatementFormat::Csv, &bytes);
            let _ = read(StatementFormat::Camt053, &bytes);
        }

        #[test]
        fn whatever_stands_below_a_header_nothing_panics_and_every_row_is_a_line_or_a_flaw(
            rows in "([A-Z0-9'\" -]{0,8}[,\r\n\"]{0,2}(2026-1[0-9]-[0-9]{1,2})?[,\n]{0,2}-?[0-9,.]{0,9},(INR|NPR|X)?,?\"?,?\n?){0,8}",
        ) {
            if let Ok(statement) = csv(&rows) {
                let mut numbers: Vec<u32> = statement.lines.iter().map(|line| line.line).collect();
                numbers.extend(statement.flaws.iter().filter_map(|flaw| flaw.line));
                numbers.sort_unstable();
                numbers.dedup();
                let last = u32::try_from(numbers.len()).unwrap();
                prop_assert_eq!(numbers, (1..=last).collect::<Vec<_>>());
            }
        }

        #[test]
        fn whatever_stands_in_a_document_nothing_panics(
            inside in "(<(Ntry|Amt|Sts|ValDt|Dt|NtryDtls|TxDtls|Bal|Refs)( Ccy=\"INR\")?>|</(Ntry|Amt|Sts|ValDt)>|[0-9.A-Z&;]{1,5}){0,20}",
        ) {
            let _ = camt(&document("08", &inside));
        }

        #[test]
        fn what_is_written_by_a_machine_is_read_back(
            lines in prop::collection::vec(("[A-Z0-9]{1,35}", any::<i64>(), 0_u8..28, "[a-z ,\"]{0,40}", "[A-Za-z0-9-]{0,35}"), 1..20),
        ) {
            let mut rows = String::new();
            for (reference, minor, day, narrative, id) in &lines {
                let (sign, size) = (if *minor < 0 { "-" } else { "" }, minor.unsigned_abs());
                let narrative = narrative.replace('"', "\"\"");
                rows += &format!(
                    "{reference},2026-11-{:02},{sign}{}.{:02},INR,\"{narrative}\",{id}\n", day + 1, size / 100, size % 100
                );
            }
            let statement = csv(&rows).unwrap();
            for line in &statement.lines {
                let (reference, minor, day, narrative, id) = &lines[usize::try_from(line.line).unwrap() - 1];
                prop_assert_eq!((&line.bank_reference, line.amount.amount_minor), (reference, *minor));
                prop_assert_eq!(line.value_date, date(2026, 11, i8::try_from(day + 1).unwrap()));
                prop_assert_eq!(&line.narrative, &narrative.split_whitespace().collect::<Vec<_>>().join(" "));
                prop_assert_eq!(line.end_to_end.clone().unwrap_or_default(), id.clone());
            }
            prop_assert_eq!(statement.lines.len(), lines.iter().filter(|line| line.1 != 0).count());
        }
    }
}
