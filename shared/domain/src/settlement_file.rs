//! The file of a settlement as it grows: which entries are lines of it, what they add up to, and how they are written.

use crate::{
    Currency, Day, Failed, Money, OperatorName, Timestamp,
    export::{CsvRows, text_cell},
    ledger::{Entry, TransferKind},
    settlement::{Late, Settlement, Totals},
    settlement_format::{Column, Field, Form, Holds, SettlementFormat, Shape, write_day, write_moment},
};

/// The total that an entry of a control account counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Total {
    Collected,
    Disbursed,
    Adjusted,
}

impl Total {
    /// Where a kind counts; one that is no business of a day's settlement counts nowhere.
    fn of(kind: TransferKind) -> Option<Self> {
        match kind {
            TransferKind::Collection => Some(Self::Collected),
            TransferKind::Disbursement => Some(Self::Disbursed),
            TransferKind::Adjustment => Some(Self::Adjusted),
            TransferKind::FloatIssue
            | TransferKind::Settlement
            | TransferKind::Deposit
            | TransferKind::Budget
            | TransferKind::Payout
            | TransferKind::Reversal => None,
        }
    }

    /// An amount of a control account as the total shows it: what came in and what is owed are credits there.
    fn shown(self, amount_minor: i64) -> Option<i64> {
        match self {
            Self::Collected | Self::Adjusted => amount_minor.checked_neg(),
            Self::Disbursed => Some(amount_minor),
        }
    }
}

/// What an entry is, or takes back.
fn kind_of(entry: &Entry) -> TransferKind {
    entry.subject.reverses.as_ref().map_or(entry.kind, |reversed| reversed.kind)
}

/// Whether an entry of a partner's control account is a line of its day's file: what settles earlier days is none.
pub(crate) fn is_line(entry: &Entry) -> bool {
    Total::of(kind_of(entry)).is_some()
}

fn beyond() -> Failed {
    Failed::fault("the totals of a settlement are beyond what can be counted")
}

/// A line of a settlement's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// Which, from 1.
    pub number: u64,
    /// What it is, or takes back.
    pub kind: TransferKind,
    /// How much, as the kind's total counts it, in minor units.
    pub amount_minor: i64,
}

/// The lines of a settlement as they are counted, entry by entry.
#[derive(Debug, Clone)]
pub struct Tally {
    currency: Currency,
    count: u64,
    collected_minor: i64,
    disbursed_minor: i64,
    adjusted_minor: i64,
    late: Option<Late>,
}

impl Tally {
    /// No lines yet; late ones are counted on their own, or not told from others.
    #[must_use]
    pub fn new(currency: Currency, tells_late: bool) -> Self {
        let late = tells_late.then(|| Late::none(currency));
        Self { currency, count: 0, collected_minor: 0, disbursed_minor: 0, adjusted_minor: 0, late }
    }

    /// Counts an entry of the partner's control account, and says which line it is; entries that settle earlier days are
    /// none. What takes an earlier transfer back is a line of that transfer's kind with the opposite amount.
    ///
    /// # Errors
    /// [`Failed::Fault`] when a total does not fit, or the currency is another.
    pub fn push(&mut self, entry: &Entry, late_for: Option<Day>) -> Result<Option<Line>, Failed> {
        if entry.amount.currency != self.currency {
            return Err(Failed::fault("an entry of another currency in a control account"));
        }
        let kind = kind_of(entry);
        let Some(of) = Total::of(kind) else { return Ok(None) };
        let amount_minor = of.shown(entry.amount.amount_minor).ok_or_else(beyond)?;
        let total = match of {
            Total::Collected => &mut self.collected_minor,
            Total::Disbursed => &mut self.disbursed_minor,
            Total::Adjusted => &mut self.adjusted_minor,
        };
        *total = total.checked_add(amount_minor).ok_or_else(beyond)?;
        self.count = self.count.checked_add(1).ok_or_else(beyond)?;
        if let (Some(late), Some(_)) = (&mut self.late, late_for) {
            late.count(entry)?;
        }
        Ok(Some(Line { number: self.count, kind, amount_minor }))
    }

    /// The control totals.
    ///
    /// # Errors
    /// [`Failed::Fault`] when the net does not fit.
    pub fn totals(&self) -> Result<Totals, Failed> {
        let net_minor = self
            .collected_minor
            .checked_sub(self.disbursed_minor)
            .and_then(|net| net.checked_add(self.adjusted_minor))
            .ok_or_else(|| Failed::fault("the net of a settlement is beyond what can be counted"))?;
        Ok(Totals {
            count: self.count,
            collected: Money::new(self.collected_minor, self.currency),
            disbursed: Money::new(self.disbursed_minor, self.currency),
            adjusted: Money::new(self.adjusted_minor, self.currency),
            net: Money::new(net_minor, self.currency),
            late: self.late,
        })
    }
}

/// The file of a settlement as it grows, entry by entry, in its format. The same entries in the same order give the same
/// bytes.
#[derive(Debug)]
pub struct SettlementFile {
    operator: OperatorName,
    settlement: Settlement,
    format: SettlementFormat,
    tally: Tally,
    rows: Rows,
}

/// Records as they are written.
#[derive(Debug)]
enum Rows {
    /// Separated, quoted where it is needed.
    Quoted(Box<CsvRows>),
    /// Separated or not, as they are.
    Plain(Vec<u8>),
}

/// What a record is about.
#[derive(Clone, Copy)]
enum About<'a> {
    Settlement,
    Entry { line: Line, entry: &'a Entry, late_for: Option<Day> },
    Totals(Totals),
}

/// What a field has in it.
enum Value {
    Text(String),
    Whole(u64),
    Amount(i64),
    Day(Option<Day>),
    Moment(Timestamp),
}

impl Value {
    fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// As it is written before it is brought to a width.
    fn written(self, form: &Form) -> Result<String, Failed> {
        Ok(match (self, form) {
            (Self::Text(text), _) => text,
            (Self::Whole(number), _) => number.to_string(),
            (Self::Amount(amount_minor), Form::Decimals(decimals)) => decimal(amount_minor, *decimals),
            (Self::Amount(amount_minor), _) => amount_minor.to_string(),
            (Self::Day(None), _) => String::new(),
            (Self::Day(Some(day)), Form::Date(pattern)) => write_day(day, pattern)?,
            (Self::Day(Some(day)), _) => day.to_string(),
            (Self::Moment(moment), Form::Date(pattern)) => write_moment(moment, pattern)?,
            (Self::Moment(moment), _) => moment.to_string(),
        })
    }
}

/// An amount in major units with so many digits behind the point, none of them lost: formats have at least as many as a
/// currency's minor units.
fn decimal(amount_minor: i64, decimals: usize) -> String {
    let sign = if amount_minor < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", amount_minor.unsigned_abs(), width = Currency::MINOR_DIGITS.saturating_add(1));
    let (major, minor) = digits.split_at(digits.len().saturating_sub(Currency::MINOR_DIGITS));
    format!("{sign}{major}.{minor:0<decimals$}")
}

impl SettlementFile {
    /// The file of a settlement with the record in front of its lines.
    ///
    /// # Errors
    /// [`Failed::Fault`] when that record cannot be written.
    pub fn new(operator: &OperatorName, settlement: &Settlement, format: &SettlementFormat) -> Result<Self, Failed> {
        let rows = match format.shape {
            Shape::Separated { by, quotes: true, .. } => {
                let by = u8::try_from(by).map_err(Failed::fault)?;
                Rows::Quoted(Box::new(CsvRows::separated(by, format.line_ending)))
            }
            Shape::Separated { .. } | Shape::FixedWidth { .. } => Rows::Plain(vec![]),
        };
        let mut file = Self {
            operator: operator.clone(),
            settlement: settlement.clone(),
            tally: Tally::new(settlement.currency, format.tells_late()),
            format: format.clone(),
            rows,
        };
        let header = file.record(&file.format.header, About::Settlement)?;
        file.write(&header)?;
        Ok(file)
    }

    /// Whether it must be known on which day something happened.
    #[must_use]
    pub fn tells_late(&self) -> bool {
        self.tally.late.is_some()
    }

    /// Adds an entry of the partner's control account, if it is a line. What is late comes with the closed day on which it
    /// happened.
    ///
    /// # Errors
    /// [`Failed::Fault`] when a total does not fit or the currency is another, and when a value does not fit its column and
    /// may not be cut: a partner's system would read another amount, so no file is better than that one.
    pub fn push(&mut self, entry: &Entry, late_for: Option<Day>) -> Result<(), Failed> {
        let Some(line) = self.tally.push(entry, late_for)? else { return Ok(()) };
        let record = self.record(&self.format.detail, About::Entry { line, entry, late_for })?;
        self.write(&record)
    }

    /// Writes the record behind the lines and gives the control totals.
    ///
    /// # Errors
    /// [`Failed::Fault`] when the net does not fit, or a value its column.
    pub fn close(&mut self) -> Result<Totals, Failed> {
        let totals = self.tally.totals()?;
        let record = self.record(&self.format.trailer, About::Totals(totals))?;
        self.write(&record)?;
        Ok(totals)
    }

    /// The bytes written since this was last asked.
    pub fn take(&mut self) -> Vec<u8> {
        match &mut self.rows {
            Rows::Quoted(rows) => rows.take(),
            Rows::Plain(bytes) => std::mem::take(bytes),
        }
    }

    /// About how many bytes wait to be taken.
    #[must_use]
    pub fn waiting(&self) -> usize {
        match &self.rows {
            Rows::Quoted(rows) => rows.waiting(),
            Rows::Plain(bytes) => bytes.len(),
        }
    }

    /// The cells of a record; none for a record that the format does not have.
    fn record(&self, columns: &[Column], about: About<'_>) -> Result<Vec<String>, Failed> {
        let cell = |column: &Column| {
            let value = match &column.holds {
                Holds::Text(text) => self.format.clean(text),
                Holds::Field(field, form) => self.value(*field, about)?.written(form)?,
            };
            match column.width {
                None => Ok(value),
                Some(width) => width.of(&value).ok_or_else(|| {
                    let line = self.tally.count;
                    Failed::fault(format!("{:?} does not fit its column, in line {line}", column.holds))
                }),
            }
        };
        columns.iter().map(cell).collect()
    }

    fn write(&mut self, cells: &[String]) -> Result<(), Failed> {
        if cells.is_empty() {
            return Ok(());
        }
        let between = match self.format.shape {
            Shape::Separated { by, .. } => by.to_string(),
            Shape::FixedWidth { .. } => String::new(),
        };
        match &mut self.rows {
            Rows::Quoted(rows) => rows.push(&cells.iter().map(String::as_str).collect::<Vec<_>>()),
            Rows::Plain(bytes) => {
                bytes.extend_from_slice(cells.join(&between).as_bytes());
                bytes.extend_from_slice(self.format.line_ending.as_str().as_bytes());
                Ok(())
            }
        }
    }

    /// What a field has in it, in a record that may have it: reading a format refuses every other.
    fn value(&self, field: Field, about: About<'_>) -> Result<Value, Failed> {
        let settlement = &self.settlement;
        let text = Value::text;
        Ok(match (field, about) {
            (Field::Operator, _) => text(self.operator.as_str()),
            (Field::PartnerId, _) => text(settlement.partner_id.as_str()),
            (Field::SettlementId, _) => text(settlement.settlement_id.as_str()),
            (Field::BusinessDay, _) => Value::Day(Some(settlement.business_day)),
            (Field::OpenedAt, _) => Value::Moment(settlement.opened_at),
            (Field::CutAt, _) => Value::Moment(settlement.cut_at),
            (Field::Currency, _) => text(settlement.currency.code()),
            (Field::Line, About::Entry { line, .. }) => Value::Whole(line.number),
            (Field::Kind, About::Entry { line, .. }) => text(line.kind.as_str()),
            (Field::Amount, About::Entry { line, .. }) => Value::Amount(line.amount_minor),
            (Field::At, About::Entry { entry, .. }) => Value::Moment(entry.at),
            (Field::EffectiveAt, About::Entry { entry, .. }) => Value::Moment(entry.effective_at),
            (Field::TransferId, About::Entry { entry, .. }) => text(entry.transfer_id.as_str()),
            (Field::DeliveryId, About::Entry { entry, .. }) => {
                text(entry.subject.delivery_id.as_ref().map_or("", |id| id.as_str()))
            }
            (Field::Reference, About::Entry { entry, .. }) => {
                let reference = entry.subject.reference.as_deref().unwrap_or_default();
                Value::Text(match self.format.shape {
                    Shape::Separated { guards_formulas: true, .. } => self.format.clean(&text_cell(reference)),
                    Shape::Separated { .. } | Shape::FixedWidth { .. } => self.format.clean(reference),
                })
            }
            (Field::Reverses, About::Entry { entry, .. }) => {
                text(entry.subject.reverses.as_ref().map_or("", |reversed| reversed.transfer_id.as_str()))
            }
            (Field::LateFor, About::Entry { late_for, .. }) => Value::Day(late_for),
            (Field::BelongsTo, About::Entry { late_for, .. }) => {
                Value::Day(Some(late_for.unwrap_or(settlement.business_day)))
            }
            (Field::Count, About::Totals(totals)) => Value::Whole(totals.count),
            (Field::Collected, About::Totals(totals)) => Value::Amount(totals.collected.amount_minor),
            (Field::Disbursed, About::Totals(totals)) => Value::Amount(totals.disbursed.amount_minor),
            (Field::Adjusted, About::Totals(totals)) => Value::Amount(totals.adjusted.amount_minor),
            (Field::Net, About::Totals(totals)) => Value::Amount(totals.net.amount_minor),
            (Field::LateCount, About::Totals(Totals { late: Some(late), .. })) => Value::Whole(late.count),
            (Field::LateNet, About::Totals(Totals { late: Some(late), .. })) => Value::Amount(late.net.amount_minor),
            (field, _) => return Err(Failed::fault(format!("{field:?} does not stand in this record"))),
        })
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;
    use crate::{
        DeliveryId, SettlementId, TransferId,
        ledger::{Reversed, Subject},
        settlement::SettlementStatus,
        settlement_format::{FileFormat, SettlementFormats},
    };

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn transfer(seed: &[u8]) -> TransferId {
        TransferId::mint(Timestamp::EPOCH, &[seed])
    }

    fn settlement(name: &str, version: u32) -> Settlement {
        Settlement {
            settlement_id: SettlementId::mint(Timestamp::EPOCH, &[b"s"]),
            business_day: date(2026, 11, 21),
            partner_id: "bfil".parse().unwrap(),
            currency: Currency::Inr,
            status: SettlementStatus::Building,
            opened_at: at("2026-11-20T15:00:00Z"),
            cut_at: at("2026-11-21T15:00:00Z"),
            totals: None,
            transfer_id: None,
            file: None,
            format: FileFormat { name: name.to_owned(), version },
            payout_id: None,
            acknowledgement: None,
            version: 1,
        }
    }

    fn file(name: &str, version: u32) -> SettlementFile {
        let settlement = settlement(name, version);
        let format = SettlementFormats::shipped().unwrap().version(&settlement.format).unwrap();
        SettlementFile::new(&"pennco".parse().unwrap(), &settlement, &format).unwrap()
    }

    fn entry(kind: TransferKind, amount_minor: i64, reference: Option<&str>) -> Entry {
        let at = at("2026-11-21T06:30:00Z");
        let subject = Subject { reference: reference.map(str::to_owned), ..Subject::default() };
        let amount = Money::new(amount_minor, Currency::Inr);
        Entry { transfer_id: transfer(b"t"), kind, at, effective_at: at, amount, subject }
    }

    /// What takes back an earlier transfer of a kind.
    fn back(kind: TransferKind, amount_minor: i64) -> Entry {
        let plain = entry(TransferKind::Reversal, amount_minor, None);
        let reverses = Some(Reversed { transfer_id: transfer(b"first"), kind });
        Entry { subject: Subject { reverses, ..plain.subject.clone() }, ..plain }
    }

    fn text(file: &mut SettlementFile) -> String {
        String::from_utf8(file.take()).unwrap()
    }

    /// A day with a bit of everything, in a format, with its ids as the words they are.
    fn a_day(name: &str, version: u32) -> String {
        let mut file = file(name, version);
        let delivery_id = DeliveryId::mint(Timestamp::EPOCH, &[b"d"]);
        let mut visit = entry(TransferKind::Collection, -150_050, Some("=BF-1, \"two\"|\u{935}\n"));
        visit.subject.delivery_id = Some(delivery_id.clone());
        file.push(&visit, None).unwrap();
        let late =
            Entry { effective_at: at("2026-11-19T09:00:00Z"), ..entry(TransferKind::Disbursement, 7, Some("BF-2")) };
        file.push(&late, Some(date(2026, 11, 19))).unwrap();
        file.push(&entry(TransferKind::Settlement, 99, None), None).unwrap();
        file.push(&back(TransferKind::Collection, 50), None).unwrap();
        file.push(&entry(TransferKind::Adjustment, -100, Some(&"long".repeat(10))), None).unwrap();
        let totals = file.close().unwrap();
        assert_eq!((totals.count, totals.net.amount_minor), (4, 150_050 - 50 - 7 + 100));
        assert_eq!(totals.late.map(|late| (late.count, late.net.amount_minor)), file.tells_late().then_some((1, -7)));
        let words = [
            (transfer(b"t").to_string(), "trf_tttttttttttttttttttttttttt"),
            (transfer(b"first").to_string(), "trf_ffffffffffffffffffffffffff"),
            (delivery_id.to_string(), "dlv_dddddddddddddddddddddddddd"),
            (settlement(name, version).settlement_id.to_string(), "stl_ssssssssssssssssssssssssss"),
        ];
        words.iter().fold(text(&mut file), |text, (id, word)| text.replace(id, word))
    }

    // What a partner's system was once taught to read is written for ever: a change of these bytes is another version.

    #[test]
    fn the_first_milepost_format_is_these_bytes() {
        let wanted = concat!(
            "line,at,transfer_id,kind,delivery_id,reference,amount_minor,currency,reverses\n",
            "1,2026-11-21T06:30:00.000Z,trf_tttttttttttttttttttttttttt,collection,dlv_dddddddddddddddddddddddddd,\"'=BF-1, \"\"two\"\"|\u{935}\n\",150050,INR,\n",
            "2,2026-11-21T06:30:00.000Z,trf_tttttttttttttttttttttttttt,disbursement,,BF-2,7,INR,\n",
            "3,2026-11-21T06:30:00.000Z,trf_tttttttttttttttttttttttttt,collection,,,-50,INR,trf_ffffffffffffffffffffffffff\n",
            "4,2026-11-21T06:30:00.000Z,trf_tttttttttttttttttttttttttt,adjustment,,longlonglonglonglonglonglonglonglonglong,100,INR,\n",
            "TOTAL,4,150000,7,150093,INR,100,,\n",
        );
        assert_eq!(a_day("milepost", 1), wanted);
    }

    #[test]
    fn the_second_milepost_format_is_these_bytes() {
        let wanted = concat!(
            "line,at,transfer_id,kind,delivery_id,reference,amount_minor,currency,reverses,late_for\n",
            "1,2026-11-21T06:30:00.000Z,trf_tttttttttttttttttttttttttt,collection,dlv_dddddddddddddddddddddddddd,\"'=BF-1, \"\"two\"\"|\u{935}\n\",150050,INR,,\n",
            "2,2026-11-21T06:30:00.000Z,trf_tttttttttttttttttttttttttt,disbursement,,BF-2,7,INR,,2026-11-19\n",
            "3,2026-11-21T06:30:00.000Z,trf_tttttttttttttttttttttttttt,collection,,,-50,INR,trf_ffffffffffffffffffffffffff,\n",
            "4,2026-11-21T06:30:00.000Z,trf_tttttttttttttttttttttttttt,adjustment,,longlonglonglonglonglonglonglonglonglong,100,INR,,\n",
            "TOTAL,4,150000,7,150093,INR,100,1,-7,\n",
        );
        assert_eq!(a_day("milepost", 2), wanted);
    }

    #[test]
    fn the_pipe_format_is_these_bytes() {
        let wanted = concat!(
            "H|pennco|bfil|stl_ssssssssssssssssssssssssss|21-11-2026|INR\r\n",
            "D|1|trf_tttttttttttttttttttttttttt|collection|1500.50|21-11-2026|2026-11-21T06:30:00.000Z|=BF-1, \"two\" \u{935} |dlv_dddddddddddddddddddddddddd|\r\n",
            "D|2|trf_tttttttttttttttttttttttttt|disbursement|0.07|19-11-2026|2026-11-19T09:00:00.000Z|BF-2||\r\n",
            "D|3|trf_tttttttttttttttttttttttttt|collection|-0.50|21-11-2026|2026-11-21T06:30:00.000Z|||trf_ffffffffffffffffffffffffff\r\n",
            "D|4|trf_tttttttttttttttttttttttttt|adjustment|1.00|21-11-2026|2026-11-21T06:30:00.000Z|longlonglonglonglonglonglonglonglonglong||\r\n",
            "T|4|1500.00|0.07|1.00|1500.93|1|-0.07\r\n",
        );
        assert_eq!(a_day("pipe", 1), wanted);
    }

    #[test]
    fn the_fixed_format_is_these_bytes() {
        let (none, trf) = (" ".repeat(30), "trf_tttttttttttttttttttttttttt");
        let detail =
            |line: &str, day: &str, kind: &str, visit: &str, reference: &str, amount: &str, late: &str, back: &str| {
                format!(
                    "D000000{line}20261121063000{day}{trf}{kind:12}{visit}{reference:35}{amount}INR{late:8}{back}\r\n"
                )
            };
        let wanted = [
            format!("H{:40}{:40}stl_ssssssssssssssssssssssssss20261121INR{:71}\r\n", "pennco", "bfil", ""),
            detail(
                "1",
                "20261121",
                "collection",
                "dlv_dddddddddddddddddddddddddd",
                "=BF-1, \"two\"|??",
                "000000000150050",
                "",
                &none,
            ),
            detail("2", "20261119", "disbursement", &none, "BF-2", "000000000000007", "20261119", &none),
            detail("3", "20261121", "collection", &none, "", "-00000000000050", "", "trf_ffffffffffffffffffffffffff"),
            detail(
                "4",
                "20261121",
                "adjustment",
                &none,
                "longlonglonglonglonglonglonglonglon",
                "000000000000100",
                "",
                &none,
            ),
            format!(
                "T0000004000000000150000000000000000007000000000000100000000000150093{:0>7}-00000000000007{:103}\r\n",
                1, ""
            ),
        ];
        let day = a_day("fixed", 1);
        assert_eq!(day, wanted.concat());
        assert!(day.split_terminator("\r\n").all(|record| record.len() == 193));
    }

    #[test]
    fn an_amount_that_does_not_fit_its_column_is_a_fault_and_no_line() {
        let mut file = file("fixed", 1);
        file.push(&entry(TransferKind::Disbursement, 999_999_999_999_999, None), None).unwrap();
        file.push(&entry(TransferKind::Disbursement, -99_999_999_999_999, None), None).unwrap();
        file.take();
        for beyond in [1_000_000_000_000_000, -100_000_000_000_000] {
            let refused = file.push(&entry(TransferKind::Disbursement, beyond, None), None);
            assert!(matches!(refused, Err(Failed::Fault(_))), "{beyond}");
        }
        assert_eq!(text(&mut file), "");
    }

    #[test]
    fn what_is_taken_back_counts_against_its_own_total_and_names_what_it_takes_back() {
        let mut tally = Tally::new(Currency::Inr, false);
        let adjustment = |amount_minor| entry(TransferKind::Adjustment, amount_minor, None);
        for (entry, wanted) in [
            (entry(TransferKind::Collection, -150_000, None), Some((TransferKind::Collection, 150_000))),
            (back(TransferKind::Collection, 150_000), Some((TransferKind::Collection, -150_000))),
            (entry(TransferKind::Disbursement, 50_000, None), Some((TransferKind::Disbursement, 50_000))),
            (back(TransferKind::Disbursement, -50_000), Some((TransferKind::Disbursement, -50_000))),
            (adjustment(-7), Some((TransferKind::Adjustment, 7))),
            (back(TransferKind::Settlement, 99), None),
            (adjustment(2), Some((TransferKind::Adjustment, -2))),
        ] {
            let line = tally.push(&entry, None).unwrap();
            assert_eq!(line.map(|line| (line.kind, line.amount_minor)), wanted);
            assert_eq!(is_line(&entry), wanted.is_some());
        }
        let totals = tally.totals().unwrap();
        let minor = |money: Money| money.amount_minor;
        assert_eq!((totals.count, minor(totals.collected), minor(totals.disbursed)), (6, 0, 0));
        assert_eq!((minor(totals.adjusted), minor(totals.net)), (5, 5), "less of a debit is more that is owed");
        let foreign = Entry { amount: Money::new(5, Currency::Npr), ..adjustment(5) };
        assert!(tally.push(&foreign, None).is_err());
    }

    proptest! {
        /// Whatever a partner calls its things: a record has as many columns as its format, and never reaches into the next.
        #[test]
        fn no_reference_breaks_out_of_its_column(reference in ".*|[|\\x00-\\x1f\u{80}-\u{ff}=,\"]{0,80}", amount_minor in any::<i32>()) {
            let visit = entry(TransferKind::Disbursement, i64::from(amount_minor), Some(&reference));
            let record = |name, version| {
                let mut file = file(name, version);
                file.take();
                file.push(&visit, None).unwrap();
                text(&mut file)
            };
            let piped = record("pipe", 1);
            prop_assert_eq!(piped.matches('|').count(), 9);
            prop_assert!(piped.ends_with("\r\n") && piped.trim_end_matches("\r\n").chars().all(|sign| !sign.is_control()));
            let fixed = record("fixed", 1);
            prop_assert!(fixed.is_ascii() && fixed.len() == 195 && !fixed[..193].contains(['\r', '\n']));
            for version in [1, 2] {
                let written = record("milepost", version);
                let mut rows = csv::ReaderBuilder::new().has_headers(false).from_reader(written.as_bytes());
                let cells = rows.records().next().unwrap().unwrap();
                prop_assert_eq!(&cells[5], text_cell(&reference));
                prop_assert_eq!(cells[6].parse::<i64>().unwrap(), i64::from(amount_minor));
            }
        }

        #[test]
        fn an_amount_in_major_units_is_the_same_amount(amount_minor in any::<i64>(), decimals in 2_usize..6) {
            let written = decimal(amount_minor, decimals);
            let (major, minor) = written.split_once('.').unwrap();
            prop_assert_eq!(minor.len(), decimals);
            prop_assert!(minor[2..].bytes().all(|digit| digit == b'0'));
            prop_assert_eq!(format!("{major}{}", &minor[..2]).parse::<i64>().unwrap(), amount_minor);
        }
    }
}
