//! Settlement formats: how the file looks that each partner's own system reads.
//!
//! The layouts are data, in `shared/domain/data/settlement-formats.json`: a partner asks for another column without asking
//! for another program. A settlement keeps name and version of its format, so a version that was ever used stays in the data
//! as it is, and a change is a version more.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Currency, Day, Failed, PartnerName, SettlementId, Timestamp};

/// The formats that this release knows.
const SHIPPED: &str = include_str!("../data/settlement-formats.json");
/// The format of a partner that has none of its own.
pub const MILEPOST: &str = "milepost";
/// Characters of an id: three letters, an underscore and 26 symbols.
const ID_LENGTH: usize = 30;
/// Characters of a short name at most.
const NAME_LENGTH: usize = 40;
/// Digits behind the point at most.
const MOST_DECIMALS: usize = 6;

/// Which format a settlement's file has. It is chosen when the settlement is created and kept with it, so that a file is
/// rebuilt to the same bytes by releases that lay out new ones otherwise.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct FileFormat {
    /// Its name.
    pub name: String,
    /// Which version of it, from 1.
    pub version: u32,
}

/// What settlements from before there were formats have.
impl Default for FileFormat {
    fn default() -> Self {
        Self { name: MILEPOST.to_owned(), version: 1 }
    }
}

/// Every format, each version once.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "WrittenFormats")]
pub struct SettlementFormats(Vec<SettlementFormat>);

/// How a file is laid out: at most one record in front, one an entry, at most one behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettlementFormat {
    pub(crate) format: FileFormat,
    file_name: String,
    pub(crate) shape: Shape,
    pub(crate) encoding: Encoding,
    pub(crate) replacement: Option<char>,
    pub(crate) line_ending: LineEnding,
    pub(crate) header: Vec<Column>,
    pub(crate) detail: Vec<Column>,
    pub(crate) trailer: Vec<Column>,
}

/// How the columns of a record are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Shape {
    /// By a character between them.
    Separated {
        /// Which.
        by: char,
        /// Whether a column that holds it is quoted as in RFC 4180; otherwise the replacement stands for it.
        quotes: bool,
        /// Whether text that a spreadsheet would take for a formula gets an apostrophe in front.
        guards_formulas: bool,
    },
    /// By where they stand.
    FixedWidth {
        /// Characters of every record.
        length: usize,
    },
}

/// Which bytes the characters of a file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum Encoding {
    /// All of Unicode.
    #[serde(rename = "utf-8")]
    Utf8,
    /// The first 128 characters; the replacement stands for each other.
    #[serde(rename = "ascii")]
    Ascii,
}

/// What ends a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LineEnding {
    /// `\n`.
    Lf,
    /// `\r\n`.
    Crlf,
}

impl LineEnding {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Lf => "\n",
            Self::Crlf => "\r\n",
        }
    }
}

/// What a column may hold: the whole list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Field {
    /// The tenant. In any record, as all of the settlement's own.
    Operator,
    /// The lender.
    PartnerId,
    /// The settlement's id.
    SettlementId,
    /// The settlement's day.
    BusinessDay,
    /// First moment of its entries, inclusive.
    OpenedAt,
    /// Last moment, exclusive.
    CutAt,
    /// The currency.
    Currency,
    /// The number of the line, from 1. In details, as all of an entry.
    Line,
    /// When the entry was posted.
    At,
    /// When it happened.
    EffectiveAt,
    /// The business day on which it happened: `late_for`, or the settlement's.
    BelongsTo,
    /// Its transfer.
    TransferId,
    /// What it is, or takes back.
    Kind,
    /// The visit, if it was one.
    DeliveryId,
    /// The partner's own reference, free text.
    Reference,
    /// How much, as the kind's total counts it.
    Amount,
    /// The transfer that it takes back.
    Reverses,
    /// The closed day on which it happened, if it is late.
    LateFor,
    /// How many entries. In the record behind, as all totals.
    Count,
    /// Cash that came from borrowers.
    Collected,
    /// Cash that went to borrowers.
    Disbursed,
    /// What adjustments by hand add.
    Adjusted,
    /// What the operator owes the partner.
    Net,
    /// How many entries are late.
    LateCount,
    /// Their part of the net.
    LateNet,
}

/// What a field is, which says how it may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A word, so many characters at most.
    Word(usize),
    /// Text of any length.
    Free,
    /// A whole number.
    Whole,
    /// An amount of money.
    Amount,
    /// A day.
    Day,
    /// A moment, in UTC.
    Moment,
}

impl Field {
    fn kind(self) -> Kind {
        match self {
            Self::Operator | Self::PartnerId => Kind::Word(NAME_LENGTH),
            Self::SettlementId | Self::TransferId | Self::DeliveryId | Self::Reverses => Kind::Word(ID_LENGTH),
            Self::Kind => Kind::Word("disbursement".len()),
            Self::Currency => Kind::Word("INR".len()),
            Self::Reference => Kind::Free,
            Self::Line | Self::Count | Self::LateCount => Kind::Whole,
            Self::Amount | Self::Collected | Self::Disbursed | Self::Adjusted | Self::Net | Self::LateNet => {
                Kind::Amount
            }
            Self::BusinessDay | Self::BelongsTo | Self::LateFor => Kind::Day,
            Self::OpenedAt | Self::CutAt | Self::At | Self::EffectiveAt => Kind::Moment,
        }
    }

    /// Whether it is the settlement's own, an entry's, or a total: what each record may hold.
    fn stands_in(self, record: Record) -> bool {
        match self {
            Self::Operator
            | Self::PartnerId
            | Self::SettlementId
            | Self::BusinessDay
            | Self::OpenedAt
            | Self::CutAt
            | Self::Currency => true,
            Self::Line
            | Self::At
            | Self::EffectiveAt
            | Self::BelongsTo
            | Self::TransferId
            | Self::Kind
            | Self::DeliveryId
            | Self::Reference
            | Self::Amount
            | Self::Reverses
            | Self::LateFor => record == Record::Detail,
            Self::Count
            | Self::Collected
            | Self::Disbursed
            | Self::Adjusted
            | Self::Net
            | Self::LateCount
            | Self::LateNet => record == Record::Trailer,
        }
    }

    /// Whether it tells late items from others.
    fn tells_late(self) -> bool {
        matches!(self, Self::BelongsTo | Self::LateFor | Self::LateCount | Self::LateNet)
    }
}

/// Where a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Record {
    Header,
    Detail,
    Trailer,
}

/// A column of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) holds: Holds,
    /// How it is brought to its width; none where columns are separated.
    pub(crate) width: Option<Width>,
}

/// What stands in a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Holds {
    /// The same in each file.
    Text(String),
    /// A field, and how it is written.
    Field(Field, Form),
}

/// How a field is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Form {
    /// As the API writes it; amounts in minor units.
    Plain,
    /// An amount in major units, with so many digits behind a point.
    Decimals(usize),
    /// A day, or a moment in UTC, after a pattern of strftime.
    Date(String),
}

/// How a value is brought to the width of its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Width {
    characters: usize,
    align: Align,
    pad: char,
    cuts: bool,
}

/// On which side of its column a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Align {
    Left,
    Right,
}

/// Why data is no list of formats.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}: {1}")]
pub struct NotFormats(String, NotAFormat);

/// Why a format is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum NotAFormat {
    #[error("it stands there twice")]
    Twice,
    #[error(
        "its file name must be letters, digits, `.`, `_`, `-` and {{business_day}}, {{yyyymmdd}}, {{partner_id}} or {{settlement_id}}, and name the day"
    )]
    FileName,
    #[error("a replacement must be an ASCII letter or sign that separates nothing")]
    Replacement,
    #[error("a format that cannot hold every character needs a replacement")]
    NoReplacement,
    #[error("columns are separated by an ASCII sign")]
    Separator,
    #[error("columns of a width are of ASCII characters")]
    Wide,
    #[error("a column is either a text or a field: {0}")]
    Column(String),
    #[error("{0} does not stand in this record")]
    Misplaced(String),
    #[error("{0} cannot be written this way")]
    Form(String),
    #[error("{0} does not fit its column, or has none")]
    Width(String),
    #[error("a record is {0} characters long")]
    Length(usize),
    #[error("it lists nothing")]
    Empty,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFormats {
    formats: Vec<WrittenFormat>,
}

/// A format as it is written down, before it is looked at.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFormat {
    name: String,
    version: u32,
    file_name: String,
    shape: Shape,
    encoding: Encoding,
    #[serde(default)]
    replacement: Option<char>,
    line_ending: LineEnding,
    #[serde(default)]
    header: Vec<WrittenColumn>,
    detail: Vec<WrittenColumn>,
    #[serde(default)]
    trailer: Vec<WrittenColumn>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenColumn {
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    field: Option<Field>,
    #[serde(default)]
    decimals: Option<usize>,
    #[serde(default)]
    date: Option<String>,
    #[serde(default)]
    width: Option<usize>,
    #[serde(default)]
    align: Option<Align>,
    #[serde(default)]
    pad: Option<char>,
    #[serde(default)]
    cut: bool,
}

impl WrittenColumn {
    fn name(&self) -> String {
        match (&self.field, &self.text) {
            (Some(field), _) => format!("{field:?}"),
            (None, Some(text)) => format!("`{text}`"),
            (None, None) => "nothing".to_owned(),
        }
    }

    fn column(&self, record: Record, shape: Shape) -> Result<Column, NotAFormat> {
        let is_dated = |kind| matches!(kind, Kind::Day | Kind::Moment);
        let holds = match (&self.text, self.field) {
            (Some(text), None) if self.decimals.is_none() && self.date.is_none() => Holds::Text(text.clone()),
            (None, Some(field)) if field.stands_in(record) => {
                let form = match (self.decimals, &self.date) {
                    (None, None) => Form::Plain,
                    // Fewer would drop what is owed.
                    (Some(decimals), None)
                        if field.kind() == Kind::Amount
                            && (Currency::MINOR_DIGITS..=MOST_DECIMALS).contains(&decimals) =>
                    {
                        Form::Decimals(decimals)
                    }
                    (None, Some(pattern)) if is_dated(field.kind()) && dated(field.kind(), pattern).is_some() => {
                        Form::Date(pattern.clone())
                    }
                    _ => return Err(NotAFormat::Form(self.name())),
                };
                Holds::Field(field, form)
            }
            (None, Some(_)) => return Err(NotAFormat::Misplaced(self.name())),
            _ => return Err(NotAFormat::Column(self.name())),
        };
        let width = match shape {
            Shape::Separated { .. } => {
                let is_bare = self.width.is_none() && self.align.is_none() && self.pad.is_none() && !self.cut;
                if is_bare { None } else { return Err(NotAFormat::Width(self.name())) }
            }
            Shape::FixedWidth { .. } => Some(self.wide(&holds).ok_or_else(|| NotAFormat::Width(self.name()))?),
        };
        Ok(Column { holds, width })
    }

    /// How wide a column is, if everything that can be known beforehand fits.
    fn wide(&self, holds: &Holds) -> Option<Width> {
        let characters = self.width.filter(|width| *width > 0)?;
        let (longest, is_number, is_free) = match holds {
            Holds::Text(text) => (text.is_ascii().then_some(text.len())?, false, false),
            Holds::Field(field, form) => match (field.kind(), form) {
                (Kind::Word(length), _) => (length, false, false),
                (Kind::Free, _) => (0, false, true),
                (Kind::Whole | Kind::Amount, _) => (1, true, false),
                (kind @ (Kind::Day | Kind::Moment), Form::Date(pattern)) => (dated(kind, pattern)?.len(), false, false),
                (Kind::Day, _) => ("2026-11-21".len(), false, false),
                (Kind::Moment, _) => ("2026-11-21T06:30:00.000Z".len(), false, false),
            },
        };
        let align = self.align.unwrap_or(if is_number { Align::Right } else { Align::Left });
        let pad = self.pad.unwrap_or(' ');
        // Zeros in front of a number are none of its digits; anywhere else they are.
        let is_padded = pad == ' ' || (pad == '0' && is_number && align == Align::Right);
        // A reference is for people to look at; a number or an id that is cut is another one.
        let is_cut_rightly = !self.cut || is_free;
        (longest <= characters && is_padded && is_cut_rightly).then_some(Width {
            characters,
            align,
            pad,
            cuts: self.cut,
        })
    }
}

/// A day or a moment after a pattern, if the pattern is one of it.
fn dated(kind: Kind, pattern: &str) -> Option<String> {
    let moment = Timestamp::EPOCH;
    match kind {
        Kind::Day => write_day(moment.utc_day(), pattern).ok(),
        Kind::Moment => write_moment(moment, pattern).ok(),
        Kind::Word(_) | Kind::Free | Kind::Whole | Kind::Amount => None,
    }
}

/// A day after a pattern.
///
/// # Errors
/// [`Failed::Fault`] when the pattern is none of a day.
pub(crate) fn write_day(day: Day, pattern: &str) -> Result<String, Failed> {
    jiff::fmt::strtime::format(pattern, day).map_err(Failed::fault)
}

/// A moment in UTC after a pattern.
///
/// # Errors
/// [`Failed::Fault`] when the pattern is none of a moment.
pub(crate) fn write_moment(moment: Timestamp, pattern: &str) -> Result<String, Failed> {
    jiff::fmt::strtime::format(pattern, moment.to_jiff()).map_err(Failed::fault)
}

impl Width {
    /// A value at the width of its column; none when it does not fit and may not be cut.
    pub(crate) fn of(self, value: &str) -> Option<String> {
        let length = value.chars().count();
        let Some(missing) = self.characters.checked_sub(length) else {
            return self.cuts.then(|| value.chars().take(self.characters).collect());
        };
        let padding: String = std::iter::repeat_n(self.pad, missing).collect();
        Some(match (self.align, value.strip_prefix('-')) {
            (Align::Left, _) => format!("{value}{padding}"),
            // The sign stands in front of the zeros.
            (Align::Right, Some(digits)) if self.pad == '0' => format!("-{padding}{digits}"),
            (Align::Right, _) => format!("{padding}{value}"),
        })
    }
}

impl TryFrom<WrittenFormats> for SettlementFormats {
    type Error = NotFormats;
    fn try_from(written: WrittenFormats) -> Result<Self, NotFormats> {
        let mut seen = BTreeSet::new();
        let mut formats = vec![];
        for one in written.formats {
            let name = format!("{} {}", one.name, one.version);
            let format = SettlementFormat::try_from(one).map_err(|why| NotFormats(name.clone(), why))?;
            if !seen.insert(format.format.clone()) {
                return Err(NotFormats(name, NotAFormat::Twice));
            }
            formats.push(format);
        }
        Ok(Self(formats))
    }
}

impl TryFrom<WrittenFormat> for SettlementFormat {
    type Error = NotAFormat;
    fn try_from(written: WrittenFormat) -> Result<Self, NotAFormat> {
        let shape = written.shape;
        let columns = |record: Record, columns: &[WrittenColumn]| {
            let columns: Vec<Column> =
                columns.iter().map(|column| column.column(record, shape)).collect::<Result<_, _>>()?;
            let length: usize = columns.iter().filter_map(|column| column.width).map(|width| width.characters).sum();
            match shape {
                Shape::FixedWidth { length: wanted } if !columns.is_empty() && length != wanted => {
                    Err(NotAFormat::Length(length))
                }
                Shape::FixedWidth { .. } | Shape::Separated { .. } => Ok(columns),
            }
        };
        let format = Self {
            header: columns(Record::Header, &written.header)?,
            detail: columns(Record::Detail, &written.detail)?,
            trailer: columns(Record::Trailer, &written.trailer)?,
            format: FileFormat { name: written.name, version: written.version },
            file_name: written.file_name,
            shape,
            encoding: written.encoding,
            replacement: written.replacement,
            line_ending: written.line_ending,
        };
        format.checked()
    }
}

impl SettlementFormat {
    fn checked(self) -> Result<Self, NotAFormat> {
        let (separator, holds_all) = match (self.shape, self.encoding) {
            (Shape::Separated { by, .. }, _)
                if !by.is_ascii() || by.is_ascii_alphanumeric() || " \"\r\n-.".contains(by) =>
            {
                return Err(NotAFormat::Separator);
            }
            (Shape::Separated { by, quotes, .. }, encoding) => (Some(by), quotes && encoding == Encoding::Utf8),
            (Shape::FixedWidth { .. }, Encoding::Utf8) => return Err(NotAFormat::Wide),
            (Shape::FixedWidth { .. }, Encoding::Ascii) => (None, false),
        };
        match self.replacement {
            None if !holds_all => return Err(NotAFormat::NoReplacement),
            Some(sign) if !(sign == ' ' || sign.is_ascii_graphic()) || Some(sign) == separator || sign == '"' => {
                return Err(NotAFormat::Replacement);
            }
            Some(_) | None => {}
        }
        // Two days, or two partners, never share a name: the partner has a folder of its own.
        let sample = self.file_name.replace("{partner_id}", "");
        let names_day = ["{business_day}", "{yyyymmdd}", "{settlement_id}"].iter().any(|day| sample.contains(day));
        let bare =
            ["{business_day}", "{yyyymmdd}", "{settlement_id}"].iter().fold(sample, |name, day| name.replace(day, ""));
        let is_plain = bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        if !names_day || !is_plain || self.file_name.starts_with('.') {
            return Err(NotAFormat::FileName);
        }
        if self.detail.is_empty() || self.format.version == 0 || self.format.name.is_empty() {
            return Err(NotAFormat::Empty);
        }
        Ok(self)
    }

    /// Which format it is.
    #[must_use]
    pub fn format(&self) -> &FileFormat {
        &self.format
    }

    /// Whether its files tell late items from others.
    #[must_use]
    pub fn tells_late(&self) -> bool {
        let columns = self.header.iter().chain(&self.detail).chain(&self.trailer);
        columns.into_iter().any(|column| matches!(column.holds, Holds::Field(field, _) if field.tells_late()))
    }

    /// What a settlement's file is called.
    #[must_use]
    pub fn file_name(&self, business_day: Day, partner_id: &PartnerName, settlement_id: &SettlementId) -> String {
        let compact = business_day.to_string().replace('-', "");
        let name = self.file_name.replace("{business_day}", &business_day.to_string()).replace("{yyyymmdd}", &compact);
        name.replace("{partner_id}", partner_id.as_str()).replace("{settlement_id}", settlement_id.as_str())
    }

    /// What kind of file it is, for whoever follows its link.
    #[must_use]
    pub fn content_type(&self) -> &'static str {
        match (self.shape, self.encoding) {
            (Shape::Separated { by: ',', .. }, Encoding::Utf8) => "text/csv; charset=utf-8",
            (Shape::Separated { by: ',', .. }, Encoding::Ascii) => "text/csv; charset=us-ascii",
            (_, Encoding::Utf8) => "text/plain; charset=utf-8",
            (_, Encoding::Ascii) => "text/plain; charset=us-ascii",
        }
    }

    /// Text as it may stand in a column: what cannot is replaced, and nothing is left out.
    pub(crate) fn clean(&self, text: &str) -> String {
        let Some(replacement) = self.replacement else { return text.to_owned() };
        let is_refused = |sign: char| match (self.shape, self.encoding) {
            (_, Encoding::Ascii) if !sign.is_ascii() => true,
            (Shape::Separated { quotes: true, .. }, _) => false,
            (Shape::Separated { by, .. }, _) => sign == by || sign.is_control(),
            (Shape::FixedWidth { .. }, _) => sign.is_control(),
        };
        text.chars().map(|sign| if is_refused(sign) { replacement } else { sign }).collect()
    }
}

impl SettlementFormats {
    /// The formats of `shared/domain/data/settlement-formats.json`.
    ///
    /// # Errors
    /// [`Failed::Fault`] when the file holds one that is none; a test reads it.
    pub fn shipped() -> Result<Self, Failed> {
        serde_json::from_str(SHIPPED).map_err(Failed::fault)
    }

    /// The newest version of a format.
    ///
    /// # Errors
    /// [`Failed::Fault`] when this release knows no format of that name.
    pub fn newest(&self, name: &str) -> Result<&SettlementFormat, Failed> {
        let named = self.0.iter().filter(|one| one.format.name == name);
        let newest = named.max_by_key(|one| one.format.version);
        newest.ok_or_else(|| Failed::fault(format!("this release knows no settlement format `{name}`")))
    }

    /// A version of a format.
    ///
    /// # Errors
    /// [`Failed::Fault`] when this release does not know it.
    pub fn version(self, format: &FileFormat) -> Result<SettlementFormat, Failed> {
        let unknown =
            || Failed::fault(format!("this release knows no version {} of `{}`", format.version, format.name));
        self.0.into_iter().find(|one| one.format == *format).ok_or_else(unknown)
    }

    /// A version of a format, if this release knows it.
    #[must_use]
    pub fn known(&self, format: &FileFormat) -> Option<&SettlementFormat> {
        self.0.iter().find(|one| one.format == *format)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use serde_json::{Value, json};

    use super::*;

    /// A format of fixed width with one column of everything that is needed.
    fn fixed() -> Value {
        json!({
            "name": "a-test", "version": 1, "file_name": "{yyyymmdd}.dat", "shape": { "fixed_width": { "length": 20 } },
            "encoding": "ascii", "replacement": "?", "line_ending": "lf",
            "detail": [{ "field": "line", "width": 5 }, { "field": "amount", "width": 15, "pad": "0" }]
        })
    }

    fn separated(quotes: bool) -> Value {
        let mut format = fixed();
        format["shape"] = json!({ "separated": { "by": "|", "quotes": quotes, "guards_formulas": false } });
        format["detail"] = json!([{ "field": "line" }, { "field": "reference" }]);
        format
    }

    fn read(format: &Value) -> Result<SettlementFormats, String> {
        serde_json::from_value(json!({ "formats": [format] })).map_err(|error| error.to_string())
    }

    /// Why a format is none that differs from one in one part.
    fn why(mut format: Value, pointer: &str, to: Value) -> String {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = format.pointer_mut(parent).unwrap();
        match name.parse::<usize>() {
            Ok(index) => parent[index] = to,
            Err(_) => parent[name] = to,
        }
        read(&format).unwrap_err()
    }

    #[test]
    fn every_shipped_format_can_be_read_and_each_name_has_a_newest_version() {
        let formats = SettlementFormats::shipped().unwrap();
        let known: Vec<_> = formats.0.iter().map(|one| (one.format.name.as_str(), one.format.version)).collect();
        assert_eq!(known, [("milepost", 1), ("milepost", 2), ("pipe", 1), ("fixed", 1)]);
        assert_eq!(formats.newest(MILEPOST).unwrap().format.version, 2);
        assert!(formats.newest("punch-cards").is_err());
        let first = formats.clone().version(&FileFormat::default()).unwrap();
        assert_eq!((first.format().version, first.tells_late()), (1, false));
        assert!(formats.clone().0.iter().skip(1).all(SettlementFormat::tells_late));
        assert!(formats.version(&FileFormat { version: 9, ..FileFormat::default() }).is_err());
    }

    #[test]
    fn whatever_a_spreadsheet_opens_by_its_name_is_guarded_against_formulas() {
        for format in SettlementFormats::shipped().unwrap().0 {
            let is_guarded = matches!(format.shape, Shape::Separated { guards_formulas: true, .. });
            assert!(is_guarded || !format.file_name.ends_with(".csv"), "{:?}", format.format);
        }
    }

    #[test]
    fn a_format_that_can_be_read_is_taken_and_its_file_is_called_after_the_day() {
        let formats = read(&fixed()).unwrap();
        let id = SettlementId::mint(Timestamp::EPOCH, &[b"s"]);
        let partner = "bfil".parse().unwrap();
        let name = formats.newest("a-test").unwrap().file_name(date(2026, 11, 21), &partner, &id);
        assert_eq!(name, "20261121.dat");
        assert!(read(&separated(true)).is_ok() && read(&separated(false)).is_ok());
        let twice = json!({ "formats": [fixed(), fixed()] });
        let twice = serde_json::from_value::<SettlementFormats>(twice).unwrap_err().to_string();
        assert!(twice.contains("a-test 1: it stands there twice"), "{twice}");
    }

    #[test]
    fn what_is_no_format_is_refused_with_its_name_and_the_reason() {
        for (pointer, to, wanted) in [
            ("/detail/0/field", json!("borrower"), "unknown variant `borrower`"),
            ("/detail/0/field", json!("count"), "Count does not stand in this record"),
            ("/detail/0/text", json!("x"), "either a text or a field"),
            ("/detail/0/colour", json!("red"), "unknown field `colour`"),
            ("/detail/0/decimals", json!(2), "Line cannot be written this way"),
            ("/detail/1/decimals", json!(1), "Amount cannot be written this way"),
            ("/detail/1/decimals", json!(7), "Amount cannot be written this way"),
            ("/detail/1/date", json!("%Y"), "Amount cannot be written this way"),
            ("/detail/0/width", json!(0), "Line does not fit its column"),
            ("/detail/0/width", json!(6), "a record is 21 characters long"),
            ("/detail/0/cut", json!(true), "Line does not fit its column"),
            ("/detail/1/cut", json!(true), "Amount does not fit its column"),
            ("/detail/1/align", json!("left"), "Amount does not fit its column"),
            ("/detail/1/pad", json!("x"), "Amount does not fit its column"),
            ("/detail/0", json!({ "field": "transfer_id", "width": 29 }), "TransferId does not fit its column"),
            ("/detail/0", json!({ "field": "at", "width": 13, "date": "%Y%m%d%H%M%S" }), "At does not fit its column"),
            ("/detail/0", json!({ "field": "late_for", "width": 9, "date": "%H:%M" }), "LateFor cannot be written"),
            ("/detail/0", json!({ "text": "too long", "width": 5 }), "`too long` does not fit its column"),
            ("/detail/0", json!({ "width": 5 }), "either a text or a field"),
            ("/detail", json!([]), "it lists nothing"),
            ("/encoding", json!("utf-8"), "columns of a width are of ASCII"),
            ("/encoding", json!("latin-1"), "unknown variant `latin-1`"),
            ("/replacement", json!(null), "needs a replacement"),
            ("/replacement", json!("\u{e9}"), "a replacement must be an ASCII"),
            ("/file_name", json!("settlement.dat"), "its file name must be"),
            ("/file_name", json!("../{yyyymmdd}"), "its file name must be"),
            ("/version", json!(0), "it lists nothing"),
        ] {
            let said = why(fixed(), pointer, to);
            assert!(said.contains(wanted), "{pointer}: {said}");
        }
        for (pointer, to, wanted) in [
            ("/detail/0/width", json!(5), "Line does not fit its column, or has none"),
            ("/shape/separated/by", json!("-"), "separated by an ASCII sign"),
            ("/shape/separated/by", json!("7"), "separated by an ASCII sign"),
            ("/replacement", json!("|"), "a replacement must be an ASCII"),
            ("/replacement", json!(null), "needs a replacement"),
        ] {
            let said = why(separated(false), pointer, to);
            assert!(said.contains(wanted), "{pointer}: {said}");
        }
    }

    #[test]
    fn a_value_is_padded_to_its_column_and_cut_only_where_the_format_says_so() {
        let width = |align, pad, cuts| Width { characters: 6, align, pad, cuts };
        let zeros = width(Align::Right, '0', false);
        assert_eq!(
            [zeros.of("15"), zeros.of("-15"), zeros.of("-99999")].map(Option::unwrap),
            ["000015", "-00015", "-99999"]
        );
        assert_eq!([zeros.of("1234567"), zeros.of("-123456")], [None, None]);
        assert_eq!(width(Align::Left, ' ', false).of("BF-1").unwrap(), "BF-1  ");
        assert_eq!(width(Align::Right, ' ', false).of("-1").unwrap(), "    -1");
        assert_eq!(width(Align::Left, ' ', true).of("BF-12345").unwrap(), "BF-123");
    }
}
