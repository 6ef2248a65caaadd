//! Holding a statement against what is expected: which lines belong to what, and for every other the nearest miss.
//!
//! Nothing is guessed: where two candidates are equally good, neither is taken, and the answer says `ambiguous`.
//! Rules run in order of their evidence, and from the first again whenever one has found something, so that holding the
//! rest together again finds nothing new: the same reference; the same end-to-end id; a narrative that names one of the
//! two; the only pair of amount and day; a group whose members are named and that adds up as a whole; a group that is
//! the only sum in the window. The last and the pair of amount and day are for what names nothing that is still open.
//! What each expected thing may be tied by is its own [`Tie`].
//!
//! Lines and expected things are looked up by name, currency, amount and day, so 10,000 against 10,000 is some hundred
//! thousand look-ups; the search for sums tries at most the 2,497 subsets of [`MOST_PARTS`] candidates for each whole.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    ops::RangeInclusive,
};

use jiff::{ToSpan, civil};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Currency, Day, Money,
    statement::{StatementLine, plain_reference},
};

/// Members that a searched group may have at most, whatever the rules say: larger sums come out by chance.
pub const MOST_IN_GROUP: usize = 6;
/// Candidates within the window among which a sum is searched; with more, one comes out by chance too easily.
pub const MOST_PARTS: usize = 12;
/// Candidates that an answer shows.
const MOST_NEAREST: usize = 3;
/// Candidates that are looked at before the nearest are chosen.
const MOST_LOOKED_AT: usize = 32;
/// Candidates of the next smaller amounts, and as many of the next larger, that are looked at.
const MOST_NEIGHBOURS: usize = 8;
/// A shorter name may stand in a narrative as a word, a year or an amount.
const SHORTEST_NAME: usize = 6;
/// What nothing names may be so many minor units off to be taken for a slip: a rounding, a paisa.
const SLIP_MINOR: i64 = 100;
/// What nothing names may lie so many days outside the window to be taken for a slip: a wrong month.
const SLIP_DAYS: i64 = 31;

/// Something that a statement should show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Expected {
    /// Which thing of ours, such as a disbursement's or a settlement's id; each once.
    pub id: String,
    /// What the bank would call it. Letters and digits count, in any case; empty when nobody knows.
    pub reference: String,
    /// The id that we gave along, if we did.
    pub end_to_end: Option<String>,
    /// How much in minor units, seen from the account: credits positive, debits negative.
    pub amount: Money,
    /// The day on which it should be booked.
    #[schema(value_type = String, format = Date)]
    pub date: Day,
    /// What may tie a line to it.
    #[serde(default)]
    pub tie: Tie,
}

/// What may tie a line to an expected thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tie {
    /// Any evidence, also as a member of a group.
    #[default]
    Any,
    /// A name, and one line that shows all of it to the last minor unit, unless another line that names it goes the other
    /// way: what such a match books is not taken back, and money that came back has not arrived.
    Named,
    /// Nothing: no money should have moved. What names it is left to somebody, whatever else it could be.
    Never,
    /// Nothing: it is settled, or not due yet. What names it and nothing that waits is left to somebody.
    NotWaiting,
}

impl Tie {
    /// Whether a line may show it.
    fn is_due(self) -> bool {
        matches!(self, Self::Any | Self::Named)
    }
}

/// How far a line may be off and still be what was expected. What is below 0 counts as 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Minor units that a line, or a named group as a whole, may be off either way. Searched sums must be exact.
    pub tolerance_minor: i64,
    /// Days that the bank may book later.
    pub date_drift_days: i64,
    /// Days that the bank may book earlier.
    pub early_days: i64,
    /// Members of a group that is searched for: 2 to 6, or less than 2 for no search. A group whose members are named
    /// may have any number.
    pub most_in_group: usize,
}

/// How many lines belong to how many expected things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MatchKind {
    /// A line, a thing.
    OneToOne,
    /// A line that pays several things at once.
    OneToMany,
    /// Several lines that pay one thing in parts.
    ManyToOne,
}

/// What ties lines to expected things, strongest first; of a group, that of its weakest member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// The bank's reference is the expected one.
    Reference,
    /// The end-to-end id is the one that we gave along.
    EndToEnd,
    /// The narrative has the expected reference or end-to-end id among its words.
    Narrative,
    /// Nothing but amount and day, and nothing else has them.
    AmountAndDate,
}

/// Evidence that names.
const NAMING: [Evidence; 3] = [Evidence::Reference, Evidence::EndToEnd, Evidence::Narrative];

/// Lines and expected things that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Match {
    /// The lines, in order.
    pub lines: Vec<u32>,
    /// Ids of the expected things, in order.
    pub expected: Vec<String>,
    /// How many belong to how many.
    pub kind: MatchKind,
    /// What ties them together.
    pub by: Evidence,
    /// The lines less what was expected, in minor units.
    pub difference_minor: i64,
    /// A pair by amount and day whose references differ by one slip of the pen: the slip.
    pub edit: Option<SmallestEdit>,
    /// The expected thing that comes next for the first of the lines, and why it was not taken.
    pub runner_up: Option<Candidate>,
}

/// Why a line and an expected thing do not match; the first of these that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Criterion {
    /// Another currency.
    Currency,
    /// A credit where a debit is due, or the other way round.
    Direction,
    /// More off than the rules allow.
    Amount,
    /// Outside the window of days.
    Date,
    /// Amount and day fit, but the reference does not: it is a slip of the pen away, or names something else that is open.
    /// In the latter case it is said of the candidate alone; the thing itself is [`Self::Absent`].
    Reference,
    /// The other one is matched already.
    Taken,
    /// Everything fits, and equally well elsewhere.
    Ambiguous,
    /// The line repeats an earlier one of the statement.
    Duplicate,
    /// Nothing on the other side is like it: an extra line, a missing payment.
    Absent,
    /// They belong together, and are more than one booking holds.
    TooMany,
    /// They were matched, and somebody has taken the match apart.
    TakenApart,
    /// Amount and day fit and nothing else has them, but it takes a name to match them.
    Unnamed,
    /// It is known to have failed: no line should show it.
    SaidFailed,
    /// It is named, and waits for no line: another has settled it, or no cash was handed over for it yet.
    NotWaiting,
}

impl Criterion {
    /// The word for it in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Currency => "currency",
            Self::Direction => "direction",
            Self::Amount => "amount",
            Self::Date => "date",
            Self::Reference => "reference",
            Self::Taken => "taken",
            Self::Ambiguous => "ambiguous",
            Self::Duplicate => "duplicate",
            Self::Absent => "absent",
            Self::TooMany => "too_many",
            Self::TakenApart => "taken_apart",
            Self::Unnamed => "unnamed",
            Self::SaidFailed => "said_failed",
            Self::NotWaiting => "not_waiting",
        }
    }
}

/// The one change of a line by which it would match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum SmallestEdit {
    /// Another amount.
    Amount {
        /// What the line says, in minor units.
        from_minor: i64,
        /// What it would have to say.
        to_minor: i64,
    },
    /// Two neighbouring digits of the amount change places.
    TransposedDigits {
        /// What the line says, in minor units.
        from_minor: i64,
        /// What it would have to say.
        to_minor: i64,
    },
    /// Credit instead of debit, or the other way round.
    Direction {
        /// What the line says, in minor units.
        from_minor: i64,
        /// What it would have to say.
        to_minor: i64,
    },
    /// Another currency.
    Currency {
        /// What the line says.
        from: Currency,
        /// What it would have to say.
        to: Currency,
    },
    /// Another day: the nearest in the window.
    Date {
        /// What the line says.
        #[schema(value_type = String, format = Date)]
        from: Day,
        /// What it would have to say.
        #[schema(value_type = String, format = Date)]
        to: Day,
        /// Days from one to the other; negative for earlier.
        days: i64,
    },
    /// One character of the reference: another, one more, one less, or two neighbours that change places.
    Reference {
        /// What the line says, in upper-case letters and digits.
        from: String,
        /// What it would have to say, in upper-case letters and digits.
        to: String,
    },
    /// One character of the end-to-end id, likewise.
    EndToEnd {
        /// What the line says, in upper-case letters and digits.
        from: String,
        /// What it would have to say, in upper-case letters and digits.
        to: String,
    },
}

impl fmt::Display for SmallestEdit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Amount { from_minor, to_minor } => write!(f, "amount from {from_minor} to {to_minor}"),
            Self::TransposedDigits { from_minor, to_minor } => {
                write!(f, "transposed digits {from_minor} <-> {to_minor}")
            }
            Self::Direction { from_minor, to_minor } => write!(f, "direction from {from_minor} to {to_minor}"),
            Self::Currency { from, to } => write!(f, "currency from {from} to {to}"),
            Self::Date { days, .. } => {
                let plural = if days.unsigned_abs() == 1 { "" } else { "s" };
                let way = if *days < 0 { "earlier" } else { "later" };
                write!(f, "date {} day{plural} {way}", days.unsigned_abs())
            }
            Self::Reference { from, to } => write!(f, "reference from {from} to {to}"),
            Self::EndToEnd { from, to } => write!(f, "end-to-end id from {from} to {to}"),
        }
    }
}

/// An expected thing that a line is near to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Candidate {
    /// Which.
    pub id: String,
    /// Why they do not match.
    pub failed: Criterion,
    /// The line less the expected, in minor units; of a named group that does not add up, all of one less all of the
    /// other. At the ends of 64 bits it stops.
    pub amount_off_minor: i64,
    /// Days that the line lies after the expected; negative for before.
    pub days_off: i64,
}

/// A line that an expected thing is near to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CandidateLine {
    /// Which.
    pub line: u32,
    /// Why they do not match.
    pub failed: Criterion,
    /// As [`Candidate::amount_off_minor`].
    pub amount_off_minor: i64,
    /// As [`Candidate::days_off`].
    pub days_off: i64,
}

/// A line that belongs to nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnmatchedLine {
    /// Which.
    pub line: u32,
    /// Why, in a word.
    pub why: Criterion,
    /// Up to three expected things, the likeliest first.
    pub nearest: Vec<Candidate>,
    /// The one change by which it would match the first of `nearest`, or the group that they are, if one is enough.
    pub edit: Option<SmallestEdit>,
}

/// An expected thing that no line shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnmatchedExpected {
    /// Which.
    pub id: String,
    /// Why, in a word.
    pub why: Criterion,
    /// Up to three lines, the likeliest first.
    pub nearest: Vec<CandidateLine>,
    /// The one change of the first of `nearest` by which it would match, if one is enough.
    pub edit: Option<SmallestEdit>,
}

/// What holding a statement against the expected comes to: every line and every expected thing stands in it once, but
/// for those that no line should show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = StatementReconciliation)]
pub struct Reconciliation {
    /// What belongs together, in order of the first lines.
    pub matches: Vec<Match>,
    /// Lines that belong to nothing, in order.
    pub unmatched_lines: Vec<UnmatchedLine>,
    /// What no line shows, in order of its ids.
    pub unmatched_expected: Vec<UnmatchedExpected>,
}

/// Holds lines against what is expected. The same lines and things in any order give the same answer.
#[must_use]
pub fn reconcile(lines: &[StatementLine], expected: &[Expected], rules: &Rules) -> Reconciliation {
    let mut lines: Vec<&StatementLine> = lines.iter().collect();
    lines.sort_by_cached_key(|line| {
        let Money { amount_minor, currency } = line.amount;
        let names = (&line.bank_reference, &line.end_to_end, &line.narrative);
        (line.line, line.duplicate_of, currency, amount_minor, line.value_date, names)
    });
    let mut expected: Vec<&Expected> = expected.iter().collect();
    expected.sort_by_cached_key(|thing| {
        let Money { amount_minor, currency } = thing.amount;
        (&thing.id, &thing.reference, &thing.end_to_end, currency, amount_minor, thing.date)
    });
    let mut desk = Desk::new(&lines, &expected, rules);
    let rest = loop {
        match desk.next_find() {
            Find::Together(found) => desk.keep(found),
            Find::Nothing(rest) => break rest,
        }
    };
    let told = Telling::new(&desk, &rest);
    let mut matches: Vec<Match> = desk
        .found
        .iter()
        .map(|found| {
            let runner_up = told.runner_up(found).and_then(|near| {
                let Near { failed, amount_off_minor, days_off, .. } = near;
                Some(Candidate { id: expected.get(near.other)?.id.clone(), failed, amount_off_minor, days_off })
            });
            Match { runner_up, ..desk.shown(found, &lines, &expected) }
        })
        .collect();
    matches.sort_by(|one, other| (&one.lines, &one.expected).cmp(&(&other.lines, &other.expected)));
    let unmatched_lines = desk.left(Of::Lines).filter_map(|at| {
        let (why, nearest, edit) = told.of(Of::Lines, at);
        let candidate = |near: &Near| {
            let Near { failed, amount_off_minor, days_off, .. } = *near;
            Some(Candidate { id: expected.get(near.other)?.id.clone(), failed, amount_off_minor, days_off })
        };
        let nearest = nearest.iter().filter_map(candidate).collect();
        Some(UnmatchedLine { line: lines.get(at)?.line, why, nearest, edit })
    });
    let unmatched_expected = desk.left(Of::Expected).filter(|at| desk.is_due(*at)).filter_map(|at| {
        let (why, nearest, edit) = told.of(Of::Expected, at);
        let candidate = |near: &Near| {
            let Near { failed, amount_off_minor, days_off, .. } = *near;
            Some(CandidateLine { line: lines.get(near.other)?.line, failed, amount_off_minor, days_off })
        };
        let nearest = nearest.iter().filter_map(candidate).collect();
        Some(UnmatchedExpected { id: expected.get(at)?.id.clone(), why, nearest, edit })
    });
    Reconciliation {
        unmatched_lines: unmatched_lines.collect(),
        unmatched_expected: unmatched_expected.collect(),
        matches,
    }
}

/// How old something is, in the bands by which it is worked off: what a bank books the day after; what the window of
/// days still lets match by itself; a week; a month; and what is older than any slip of a day that is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Age {
    /// 0 or 1 days.
    #[serde(rename = "0_to_1")]
    UpToOne,
    /// 2 or 3 days.
    #[serde(rename = "2_to_3")]
    UpToThree,
    /// 4 to 7 days.
    #[serde(rename = "4_to_7")]
    UpToSeven,
    /// 8 to 30 days.
    #[serde(rename = "8_to_30")]
    UpToThirty,
    /// 31 days or more.
    #[serde(rename = "over_30")]
    OverThirty,
}

impl Age {
    /// Every band, youngest first.
    pub const ALL: [Self; 5] = [Self::UpToOne, Self::UpToThree, Self::UpToSeven, Self::UpToThirty, Self::OverThirty];

    /// Its first day and its last; the last band has none.
    #[must_use]
    pub fn days(self) -> (u32, Option<u32>) {
        match self {
            Self::UpToOne => (0, Some(1)),
            Self::UpToThree => (2, Some(3)),
            Self::UpToSeven => (4, Some(7)),
            Self::UpToThirty => (8, Some(30)),
            Self::OverThirty => (31, None),
        }
    }

    /// The band of so many days.
    #[must_use]
    pub fn of(days: u32) -> Self {
        let within = |age: &Self| age.days().1.is_none_or(|last| days <= last);
        Self::ALL.into_iter().find(within).unwrap_or(Self::OverThirty)
    }

    /// The first and the last date of what is of this age on a day, both inclusive; none where there is no end.
    #[must_use]
    pub fn dates(self, today: Day) -> (Option<Day>, Option<Day>) {
        let (first, last) = self.days();
        let before = |days: u32| today.saturating_sub(i64::from(days).days());
        // What is dated later counts as new.
        (last.map(before), Some(first).filter(|first| *first > 0).map(before))
    }
}

/// How many days old what is dated so is on a day; what is dated later counts as new.
#[must_use]
pub fn age_days(date: Day, today: Day) -> u32 {
    let days = day_number(today).saturating_sub(day_number(date)).max(0);
    u32::try_from(days).unwrap_or(u32::MAX)
}

/// Days since 1970.
fn day_number(day: Day) -> i64 {
    day.duration_since(civil::date(1970, 1, 1)).as_hours().div_euclid(24)
}

/// Which of the two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Lines,
    Expected,
}

impl Of {
    fn other(self) -> Self {
        match self {
            Self::Lines => Self::Expected,
            Self::Expected => Self::Lines,
        }
    }

    /// A pair in the order of line and expected.
    fn pair<T>(self, mine: T, other: T) -> (T, T) {
        match self {
            Self::Lines => (mine, other),
            Self::Expected => (other, mine),
        }
    }
}

/// Something of both sides.
#[derive(Debug, Default)]
struct Both<T> {
    lines: T,
    expected: T,
}

impl<T> Both<T> {
    fn of(&self, side: Of) -> &T {
        match side {
            Of::Lines => &self.lines,
            Of::Expected => &self.expected,
        }
    }

    fn of_mut(&mut self, side: Of) -> &mut T {
        match side {
            Of::Lines => &mut self.lines,
            Of::Expected => &mut self.expected,
        }
    }
}

/// A name that occurs on the side of the expected, as a number.
type Name = u32;
/// The name that everything has, for rules that ask for none.
const EVERYTHING: Name = 0;

/// A line or an expected thing, as the rules see it.
#[derive(Debug, Clone)]
struct Thing {
    /// Letters and digits of its reference.
    reference: String,
    by_reference: Option<Name>,
    by_end_to_end: Option<Name>,
    /// What a narrative has, or would have, of names.
    by_narrative: Vec<Name>,
    /// Letters and digits of its end-to-end id, whether anything expected has it or not.
    end_to_end: String,
    amount: Money,
    day: i64,
    is_duplicate: bool,
    tie: Tie,
    /// Of a line: it names what no line should show. Of what takes a name: a line that names it goes the other way.
    is_barred: bool,
}

impl Thing {
    fn names(&self, by: Evidence) -> &[Name] {
        match by {
            Evidence::Reference => self.by_reference.as_slice(),
            Evidence::EndToEnd => self.by_end_to_end.as_slice(),
            Evidence::Narrative => &self.by_narrative,
            Evidence::AmountAndDate => &[EVERYTHING],
        }
    }

    /// Whether both have a name in common.
    fn shares(&self, other: &Self, by: Evidence) -> bool {
        self.names(by).iter().any(|name| other.names(by).contains(name))
    }
}

/// All of one side.
#[derive(Debug, Default)]
struct Side {
    things: Vec<Thing>,
    /// Days before a thing's own on which its counterpart may be dated.
    back_days: i64,
    /// Days after.
    ahead_days: i64,
}

impl Side {
    fn window(&self, thing: &Thing) -> RangeInclusive<i64> {
        thing.day.saturating_sub(self.back_days)..=thing.day.saturating_add(self.ahead_days)
    }
}

/// Amounts of the same direction that are no more off than this.
fn around(amount_minor: i64, tolerance: i64) -> RangeInclusive<i64> {
    let (least, most) = (amount_minor.saturating_sub(tolerance), amount_minor.saturating_add(tolerance));
    match amount_minor.signum() {
        1 => least.max(1)..=most,
        -1 => least..=most.min(-1),
        _ => 0..=0,
    }
}

/// A place on a shelf: name, currency, amount, day, and which thing it is.
type Spot = (Name, Currency, i64, i64, usize);

/// Things in order of name, currency, amount and day.
#[derive(Debug, Default)]
struct Shelf(Vec<Spot>);

impl Shelf {
    fn of(side: &Side, by: Evidence, among: &[bool]) -> Self {
        let chosen = side.things.iter().zip(among).enumerate().filter(|(_, (_, is_among))| **is_among);
        let mut spots: Vec<Spot> = chosen
            .flat_map(|(at, (thing, _))| {
                let Money { amount_minor, currency } = thing.amount;
                thing.names(by).iter().map(move |name| (*name, currency, amount_minor, thing.day, at))
            })
            .collect();
        spots.sort_unstable();
        Self(spots)
    }

    /// The first things of any of these names, within these amounts and days. Amounts whose days do not fit are skipped
    /// as a whole, so that ten thousand equal instalments cost no more than one.
    fn within(
        &self,
        names: &[Name],
        currency: Currency,
        amounts: &RangeInclusive<i64>,
        days: &RangeInclusive<i64>,
        most: usize,
    ) -> Vec<usize> {
        let mut found = Vec::new();
        for name in names {
            let begins =
                |amount: i64| self.0.partition_point(|spot| *spot < (*name, currency, amount, *days.start(), 0));
            let mut next = begins(*amounts.start());
            while let Some((of_name, of_currency, amount, day, at)) = self.0.get(next).copied() {
                if of_name != *name || of_currency != currency || amount > *amounts.end() {
                    break;
                }
                if day < *days.start() {
                    next = begins(amount);
                } else if day > *days.end() {
                    let Some(more) = amount.checked_add(1) else { break };
                    next = begins(more);
                } else {
                    if !found.contains(&at) {
                        found.push(at);
                    }
                    if found.len() >= most {
                        return found;
                    }
                    next = next.saturating_add(1);
                }
            }
        }
        found
    }

    /// Things of a name around an amount, so many on either side.
    fn near(&self, name: Name, amount: Money, most: usize) -> impl Iterator<Item = usize> {
        let from = (name, amount.currency, amount.amount_minor, i64::MIN, 0);
        let at = self.0.partition_point(|spot| *spot < from);
        let (before, after) = self.0.split_at_checked(at).unwrap_or_default();
        let of_name = move |spot: &&Spot| spot.0 == name;
        let before = before.iter().rev().take(most).take_while(of_name);
        before.chain(after.iter().take(most).take_while(of_name)).map(|spot| spot.4)
    }
}

/// Lines and expected things that belong together, by their places.
#[derive(Debug)]
struct Found {
    lines: Vec<usize>,
    expected: Vec<usize>,
    by: Evidence,
}

/// What the next rule comes to.
enum Find {
    /// This belongs together.
    Together(Vec<Found>),
    /// No rule finds anything any more.
    Nothing(Rest),
}

/// What is known of the rest when no rule finds anything.
#[derive(Debug, Default)]
struct Rest {
    /// What names nothing that is open.
    free: Both<Vec<bool>>,
    /// Members of a named group that does not add up: the members on the other side, and how much it is off.
    off: Both<BTreeMap<usize, (Vec<usize>, i64)>>,
    /// Members of sums of which there is more than one: whom they could belong to.
    tied: Both<BTreeMap<usize, BTreeSet<usize>>>,
}

impl Rest {
    fn tie(&mut self, line: usize, expected: usize) {
        self.tied.lines.entry(line).or_default().insert(expected);
        self.tied.expected.entry(expected).or_default().insert(line);
    }
}

/// Both sides, and what was found so far.
struct Desk {
    sides: Both<Side>,
    /// What is still to be matched.
    open: Both<Vec<bool>>,
    found: Vec<Found>,
    tolerance: i64,
    most_in_group: usize,
}

impl Desk {
    fn new(lines: &[&StatementLine], expected: &[&Expected], rules: &Rules) -> Self {
        let mut names: BTreeMap<String, Name> = BTreeMap::new();
        let mut named = |text: &str| -> Option<Name> {
            let plain = plain_reference(text);
            let next = Name::try_from(names.len()).ok()?.checked_add(1)?;
            (!plain.is_empty()).then(|| *names.entry(plain).or_insert(next))
        };
        let mut expected: Vec<Thing> = expected
            .iter()
            .map(|thing| {
                let by_reference = named(&thing.reference);
                let by_end_to_end = thing.end_to_end.as_deref().and_then(&mut named);
                let texts = [(&thing.reference, by_reference)].into_iter();
                let texts = texts.chain(thing.end_to_end.as_ref().map(|text| (text, by_end_to_end)));
                let is_long = |text: &str| plain_reference(text).len() >= SHORTEST_NAME;
                Thing {
                    reference: plain_reference(&thing.reference),
                    by_reference,
                    by_end_to_end,
                    by_narrative: texts.filter(|(text, _)| is_long(text)).filter_map(|(_, name)| name).collect(),
                    end_to_end: thing.end_to_end.as_deref().map(plain_reference).unwrap_or_default(),
                    amount: thing.amount,
                    day: day_number(thing.date),
                    is_duplicate: false,
                    tie: thing.tie,
                    is_barred: false,
                }
            })
            .collect();
        let barred = NAMING.map(|by| -> BTreeSet<Name> {
            let never = expected.iter().filter(|thing| thing.tie == Tie::Never);
            never.flat_map(|thing| thing.names(by)).copied().collect()
        });
        let known = |text: &str| names.get(&plain_reference(text)).copied();
        let lines: Vec<Thing> = lines
            .iter()
            .map(|line| Thing {
                reference: plain_reference(&line.bank_reference),
                by_reference: known(&line.bank_reference),
                by_end_to_end: line.end_to_end.as_deref().and_then(known),
                by_narrative: words(&line.narrative).filter_map(known).collect::<BTreeSet<_>>().into_iter().collect(),
                end_to_end: line.end_to_end.as_deref().map(plain_reference).unwrap_or_default(),
                amount: line.amount,
                day: day_number(line.value_date),
                is_duplicate: line.duplicate_of.is_some(),
                tie: Tie::Any,
                is_barred: false,
            })
            .map(|line| {
                let is_in = |(by, barred): (&Evidence, &BTreeSet<Name>)| {
                    line.names(*by).iter().any(|name| barred.contains(name))
                };
                Thing { is_barred: NAMING.iter().zip(&barred).any(is_in), ..line }
            })
            .collect();
        for thing in expected.iter_mut().filter(|thing| thing.tie == Tie::Named) {
            let goes_back = |line: &Thing| {
                line.amount.amount_minor.signum() != thing.amount.amount_minor.signum()
                    && NAMING.into_iter().any(|by| line.shares(thing, by))
            };
            thing.is_barred = lines.iter().any(goes_back);
        }
        let open =
            Both { lines: lines.iter().map(|line| !line.is_duplicate).collect(), expected: vec![true; expected.len()] };
        let (early_days, drift_days) = (rules.early_days.max(0), rules.date_drift_days.max(0));
        let lines = Side { things: lines, back_days: drift_days, ahead_days: early_days };
        let expected = Side { things: expected, back_days: early_days, ahead_days: drift_days };
        Self {
            sides: Both { lines, expected },
            open,
            found: vec![],
            tolerance: rules.tolerance_minor.max(0),
            most_in_group: rules.most_in_group.min(MOST_IN_GROUP),
        }
    }

    fn thing(&self, of: Of, at: usize) -> Option<&Thing> {
        self.sides.of(of).things.get(at)
    }

    fn is_open(&self, of: Of, at: usize) -> bool {
        is_among(self.open.of(of), at)
    }

    /// Whether a line should show an expected thing.
    fn is_due(&self, at: usize) -> bool {
        self.thing(Of::Expected, at).is_some_and(|thing| thing.tie.is_due())
    }

    /// Whether a thing may be a group, or a member of one.
    fn is_groupable(&self, of: Of, at: usize) -> bool {
        self.thing(of, at).is_some_and(|thing| thing.tie == Tie::Any && !thing.is_barred)
    }

    /// What is matched with nothing: what is open, and lines that repeat others.
    fn left(&self, of: Of) -> impl Iterator<Item = usize> {
        let things = self.sides.of(of).things.iter().enumerate();
        things.filter(move |(at, thing)| thing.is_duplicate || self.is_open(of, *at)).map(|(at, _)| at)
    }

    fn keep(&mut self, found: Vec<Found>) {
        for found in &found {
            for (of, members) in [(Of::Lines, &found.lines), (Of::Expected, &found.expected)] {
                for at in members {
                    if let Some(open) = self.open.of_mut(of).get_mut(*at) {
                        *open = false;
                    }
                }
            }
        }
        self.found.extend(found);
    }

    /// The rules in their order; the first that finds something ends the round.
    fn next_find(&self) -> Find {
        for by in NAMING {
            let found = self.pairs(by, &self.open);
            if !found.is_empty() {
                return Find::Together(found);
            }
        }
        let free = self.free();
        let found = self.pairs(Evidence::AmountAndDate, &free);
        if !found.is_empty() {
            return Find::Together(found);
        }
        let mut rest = Rest { free, ..Rest::default() };
        let found = self.named_groups(&mut rest);
        if !found.is_empty() {
            return Find::Together(found);
        }
        let found = self.searched_groups(&mut rest);
        if !found.is_empty() {
            return Find::Together(found);
        }
        Find::Nothing(rest)
    }

    fn shelves(&self, by: Evidence, among: &Both<Vec<bool>>) -> Both<Shelf> {
        Both {
            lines: Shelf::of(&self.sides.lines, by, &among.lines),
            expected: Shelf::of(&self.sides.expected, by, &among.expected),
        }
    }

    /// What on the other side's shelf fits a thing in name, currency, direction, amount and day.
    fn fitting(&self, of: Of, thing: &Thing, by: Evidence, shelves: &Both<Shelf>, most: usize) -> Vec<usize> {
        let amounts = around(thing.amount.amount_minor, self.tolerance);
        let days = self.sides.of(of).window(thing);
        shelves.of(of.other()).within(thing.names(by), thing.amount.currency, &amounts, &days, most)
    }

    /// Pairs of which each is the other's only fit.
    fn pairs(&self, by: Evidence, among: &Both<Vec<bool>>) -> Vec<Found> {
        let shelves = self.shelves(by, among);
        let mut found = Vec::new();
        for (line, thing) in self.sides.lines.things.iter().enumerate().filter(|(at, _)| is_among(&among.lines, *at)) {
            let fits = self.fitting(Of::Lines, thing, by, &shelves, 2);
            let [expected] = fits.as_slice() else { continue };
            let Some(counterpart) = self.thing(Of::Expected, *expected) else { continue };
            let is_named = by != Evidence::AmountAndDate;
            let is_tied = match counterpart.tie {
                Tie::Any => is_named || !is_another(thing, counterpart),
                Tie::Named => is_named && !counterpart.is_barred && self.failing(thing, counterpart).is_empty(),
                Tie::Never | Tie::NotWaiting => false,
            };
            if thing.is_barred || !is_tied {
                continue;
            }
            if self.fitting(Of::Expected, counterpart, by, &shelves, 2) == [line] {
                found.push(Found { lines: vec![line], expected: vec![*expected], by });
            }
        }
        found
    }

    /// What names nothing that is open, and is named by nothing that is: only for that do amount and day decide alone.
    fn free(&self) -> Both<Vec<bool>> {
        let named = |of: Of| {
            NAMING.map(|by| -> BTreeSet<Name> {
                let open = self.sides.of(of).things.iter().enumerate().filter(|(at, _)| self.is_open(of, *at));
                open.flat_map(|(_, thing)| thing.names(by)).copied().collect()
            })
        };
        let free = |of: Of| {
            let named = named(of.other());
            let names_open = |thing: &Thing| {
                NAMING.iter().zip(&named).any(|(by, open)| thing.names(*by).iter().any(|name| open.contains(name)))
            };
            let things = self.sides.of(of).things.iter().enumerate();
            things.map(|(at, thing)| self.is_open(of, at) && thing.tie.is_due() && !names_open(thing)).collect()
        };
        Both { lines: free(Of::Lines), expected: free(Of::Expected) }
    }

    /// Groups of one and several that name each other and nobody else, and add up as a whole.
    fn named_groups(&self, rest: &mut Rest) -> Vec<Found> {
        let naming = self.naming();
        let mut found = Vec::new();
        for of in [Of::Lines, Of::Expected] {
            for (whole, members) in naming.of(of) {
                let is_closed = members.len() > 1
                    && members.keys().all(|at| naming.of(of.other()).get(at).is_some_and(|named| named.len() == 1));
                if !is_closed {
                    continue;
                }
                let by = members.values().max().copied().unwrap_or(Evidence::Narrative);
                let is_alike = members.values().all(|evidence| *evidence == by);
                let members: Vec<usize> = members.keys().copied().collect();
                let (lines, expected) = of.pair(vec![*whole], members);
                let are_groupable = lines.iter().all(|at| self.is_groupable(Of::Lines, *at))
                    && expected.iter().all(|at| self.is_groupable(Of::Expected, *at));
                match self.off_minor(&lines, &expected).filter(|_| are_groupable) {
                    Some(off) if off.unsigned_abs() <= self.tolerance.unsigned_abs() => {
                        found.push(Found { lines, expected, by });
                    }
                    // Where one member alone fits, it is a choice between members, not a sum that is off.
                    Some(off) if is_alike && !self.has_fit(&lines, &expected) => {
                        rest.off.lines.extend(lines.iter().map(|line| (*line, (expected.clone(), off))));
                        rest.off.expected.extend(expected.iter().map(|at| (*at, (lines.clone(), off))));
                    }
                    Some(_) | None => {}
                }
            }
        }
        found
    }

    fn has_fit(&self, lines: &[usize], expected: &[usize]) -> bool {
        let lines = || lines.iter().filter_map(|at| self.thing(Of::Lines, *at));
        let mut expected = expected.iter().filter_map(|at| self.thing(Of::Expected, *at));
        expected.any(|expected| lines().any(|line| self.failing(line, expected).is_empty()))
    }

    /// The criteria by which a line is not what was expected, in their order.
    fn failing(&self, line: &Thing, expected: &Thing) -> Vec<Criterion> {
        let (found, wanted) = (line.amount.amount_minor, expected.amount.amount_minor);
        let off = found.unsigned_abs().abs_diff(wanted.unsigned_abs());
        let tolerance = if expected.tie == Tie::Any { self.tolerance } else { 0 };
        let is_failing = [
            (Criterion::Currency, line.amount.currency != expected.amount.currency),
            (Criterion::Direction, found.signum() != wanted.signum()),
            (Criterion::Amount, off > tolerance.unsigned_abs()),
            (Criterion::Date, !self.sides.lines.window(line).contains(&expected.day)),
        ];
        is_failing.into_iter().filter_map(|(criterion, fails)| fails.then_some(criterion)).collect()
    }

    /// Whom each open thing names, by its strongest evidence. A name that several on both sides have ties a knot, which
    /// no sum undoes: all of them are left out.
    fn naming(&self) -> Both<BTreeMap<usize, BTreeMap<usize, Evidence>>> {
        let mut naming: Both<BTreeMap<usize, BTreeMap<usize, Evidence>>> = Both::default();
        let mut knotted: Both<BTreeSet<usize>> = Both::default();
        for by in NAMING {
            let mut bearers: BTreeMap<Name, Both<Vec<usize>>> = BTreeMap::new();
            for of in [Of::Lines, Of::Expected] {
                for (at, thing) in self.sides.of(of).things.iter().enumerate().filter(|(at, _)| self.is_open(of, *at)) {
                    for name in thing.names(by) {
                        bearers.entry(*name).or_default().of_mut(of).push(at);
                    }
                }
            }
            for Both { lines, expected } in bearers.into_values() {
                if lines.len() > 1 && expected.len() > 1 {
                    knotted.lines.extend(lines);
                    knotted.expected.extend(expected);
                    continue;
                }
                for line in &lines {
                    for at in &expected {
                        naming.lines.entry(*line).or_default().entry(*at).or_insert(by);
                        naming.expected.entry(*at).or_default().entry(*line).or_insert(by);
                    }
                }
            }
        }
        naming.lines.retain(|at, _| !knotted.lines.contains(at));
        naming.expected.retain(|at, _| !knotted.expected.contains(at));
        naming
    }

    /// How much the lines are more than the expected, if they are of one currency and direction and each is within the
    /// other's window.
    fn off_minor(&self, lines: &[usize], expected: &[usize]) -> Option<i64> {
        let mut off = 0_i128;
        let first = self.thing(Of::Lines, *lines.first()?)?.amount;
        for line in lines {
            let line = self.thing(Of::Lines, *line)?;
            off = off.checked_add(i128::from(line.amount.amount_minor))?;
            for at in expected {
                let expected = self.thing(Of::Expected, *at)?;
                let alike = |amount: Money| {
                    amount.currency == first.currency && amount.amount_minor.signum() == first.amount_minor.signum()
                };
                let is_in_window = self.sides.lines.window(line).contains(&expected.day);
                if !alike(line.amount) || !alike(expected.amount) || !is_in_window {
                    return None;
                }
            }
        }
        for at in expected {
            off = off.checked_sub(i128::from(self.thing(Of::Expected, *at)?.amount.amount_minor))?;
        }
        i64::try_from(off).ok()
    }

    /// Groups that nothing names and that are the only sum: of no others in the window, and with no pair to be had.
    fn searched_groups(&self, rest: &mut Rest) -> Vec<Found> {
        let shelves = self.shelves(Evidence::AmountAndDate, &rest.free);
        let has_pair = |of: Of, at: usize| {
            let fits = |thing| self.fitting(of, thing, Evidence::AmountAndDate, &shelves, 1);
            self.thing(of, at).is_some_and(|thing| !fits(thing).is_empty())
        };
        let mut claims: Vec<Found> = Vec::new();
        let mut ties: Vec<(Vec<usize>, Vec<usize>)> = Vec::new();
        for of in [Of::Lines, Of::Expected] {
            let by_day = self.by_day(of.other(), rest.free.of(of.other()));
            for (whole, thing) in self.sides.of(of).things.iter().enumerate() {
                if !is_among(rest.free.of(of), whole) || !self.is_groupable(of, whole) || has_pair(of, whole) {
                    continue;
                }
                let Some(parts) = self.parts(of, thing, &by_day) else { continue };
                let mut sums = exact_sums(&parts, thing.amount.amount_minor.unsigned_abs(), self.most_in_group);
                let is_only = sums.len() == 1;
                for sum in sums.drain(..) {
                    let is_sure = is_only && !sum.iter().any(|part| has_pair(of.other(), *part));
                    let (lines, expected) = of.pair(vec![whole], sum);
                    if is_sure {
                        claims.push(Found { lines, expected, by: Evidence::AmountAndDate });
                    } else {
                        ties.push((lines, expected));
                    }
                }
            }
        }
        // What two sums lay claim to belongs to neither.
        let mut claimed: Both<BTreeMap<usize, usize>> = Both::default();
        let members = claims.iter().map(|claim| (&claim.lines, &claim.expected));
        for (lines, expected) in members.chain(ties.iter().map(|(lines, expected)| (lines, expected))) {
            for (of, members) in [(Of::Lines, lines), (Of::Expected, expected)] {
                for at in members {
                    let times = claimed.of_mut(of).entry(*at).or_default();
                    *times = times.saturating_add(1);
                }
            }
        }
        let once = |of: Of, members: &[usize]| members.iter().all(|at| claimed.of(of).get(at) == Some(&1));
        let (found, contested): (Vec<Found>, Vec<Found>) =
            claims.into_iter().partition(|claim| once(Of::Lines, &claim.lines) && once(Of::Expected, &claim.expected));
        for (lines, expected) in
            ties.into_iter().chain(contested.into_iter().map(|claim| (claim.lines, claim.expected)))
        {
            for line in &lines {
                for at in &expected {
                    rest.tie(*line, *at);
                }
            }
        }
        found
    }

    fn by_day(&self, of: Of, among: &[bool]) -> Vec<(Currency, i64, usize)> {
        let things = self.sides.of(of).things.iter().enumerate();
        let chosen = things.filter(|(at, _)| is_among(among, *at) && self.is_groupable(of, *at));
        let mut by_day: Vec<_> = chosen.map(|(at, thing)| (thing.amount.currency, thing.day, at)).collect();
        by_day.sort_unstable();
        by_day
    }

    /// What could be a part of a whole, with its size: within the window, of the same direction, smaller, and of no other
    /// name. Nothing when there are more than [`MOST_PARTS`].
    fn parts(&self, of: Of, whole: &Thing, by_day: &[(Currency, i64, usize)]) -> Option<Vec<(u64, usize)>> {
        let days = self.sides.of(of).window(whole);
        let (currency, size) = (whole.amount.currency, whole.amount.amount_minor.unsigned_abs());
        let begins = by_day.partition_point(|spot| *spot < (currency, *days.start(), 0));
        let in_window = by_day.iter().skip(begins).take_while(|spot| spot.0 == currency && spot.1 <= *days.end());
        let mut parts = Vec::new();
        for (_, _, at) in in_window {
            let thing = self.thing(of.other(), *at)?;
            let part = thing.amount.amount_minor;
            let is_part = part.signum() == whole.amount.amount_minor.signum()
                && part.unsigned_abs() < size
                && !is_another(thing, whole);
            if is_part && parts.len() == MOST_PARTS {
                return None;
            }
            if is_part {
                parts.push((part.unsigned_abs(), *at));
            }
        }
        // The largest first: the search gives up early.
        parts.sort_unstable_by(|one, other| other.cmp(one));
        Some(parts)
    }

    fn shown(&self, found: &Found, lines: &[&StatementLine], expected: &[&Expected]) -> Match {
        let kind = match (found.lines.len(), found.expected.len()) {
            (1, 1) => MatchKind::OneToOne,
            (1, _) => MatchKind::OneToMany,
            (_, _) => MatchKind::ManyToOne,
        };
        let edit = match (found.by, found.lines.as_slice(), found.expected.as_slice()) {
            (Evidence::AmountAndDate, [line], [at]) => {
                self.thing(Of::Lines, *line).zip(self.thing(Of::Expected, *at)).and_then(|(l, e)| slip_of_a_name(l, e))
            }
            _ => None,
        };
        let mut numbers: Vec<u32> = found.lines.iter().filter_map(|at| lines.get(*at)).map(|line| line.line).collect();
        let mut ids: Vec<String> =
            found.expected.iter().filter_map(|at| expected.get(*at)).map(|thing| thing.id.clone()).collect();
        numbers.sort_unstable();
        ids.sort_unstable();
        // Rules keep the difference within the tolerance, so it was counted before.
        let difference_minor = self.off_minor(&found.lines, &found.expected).unwrap_or_default();
        Match { lines: numbers, expected: ids, kind, by: found.by, difference_minor, edit, runner_up: None }
    }
}

fn is_among(among: &[bool], at: usize) -> bool {
    among.get(at).copied().unwrap_or(false)
}

/// By what a line may name a payment: its end-to-end id, and the words of its narrative that are long enough.
pub fn names_told(line: &StatementLine) -> impl Iterator<Item = &str> {
    let long = |word: &&str| plain_reference(word).len() >= SHORTEST_NAME;
    line.end_to_end.as_deref().into_iter().chain(words(&line.narrative).filter(long))
}

/// Words of a narrative that may be names: as they stand between blanks and commas, and as they stand between slashes.
fn words(narrative: &str) -> impl Iterator<Item = &str> {
    let between = |letter: char| letter.is_whitespace() || matches!(letter, ',' | ';' | '|');
    let whole = narrative.split(between);
    whole.flat_map(|word| {
        let within = word.contains(['/', ':', '+']).then(|| word.split(['/', ':', '+']));
        std::iter::once(word).chain(within.into_iter().flatten())
    })
}

/// Up to two sets of 2 to `most` parts that come to exactly this; parts stand largest first.
fn exact_sums(parts: &[(u64, usize)], target: u64, most: usize) -> Vec<Vec<usize>> {
    fn search(parts: &[(u64, usize)], left: u64, most: usize, chosen: &mut Vec<usize>, found: &mut Vec<Vec<usize>>) {
        if left == 0 {
            if chosen.len() > 1 {
                found.push(chosen.clone());
            }
            return;
        }
        let mut rest = parts;
        while let Some(((size, at), behind)) = rest.split_first() {
            if chosen.len() >= most || found.len() > 1 {
                return;
            }
            if let Some(less) = left.checked_sub(*size) {
                chosen.push(*at);
                search(behind, less, most, chosen, found);
                chosen.pop();
            }
            rest = behind;
        }
    }
    let mut found = Vec::new();
    search(parts, target, most, &mut Vec::new(), &mut found);
    found
}

/// A near miss.
#[derive(Debug, Clone, Copy)]
struct Near {
    likeness: Likeness,
    /// Criteria that fail.
    failing: usize,
    failed: Criterion,
    amount_off_minor: i64,
    days_off: i64,
    /// Its place on the other side.
    other: usize,
}

impl Near {
    /// The likeliest first; of equals the one that is less off, then the one that stands first.
    fn rank(&self) -> (Likeness, usize, u64, u64, usize) {
        let Self { likeness, failing, amount_off_minor, days_off, other, .. } = *self;
        (likeness, failing, amount_off_minor.unsigned_abs(), days_off.unsigned_abs(), other)
    }
}

/// What makes a candidate likely, likeliest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Likeness {
    /// One names the other, which no line should show, or none any more.
    Barred,
    /// One names the other.
    Named(Evidence),
    /// One names the other, which is matched already or a repetition.
    NamedAndGone(Evidence),
    /// Both belong to a sum of which there is more than one.
    Tied,
    /// Amount and day fit, and the reference is one slip of the pen away.
    SlipOfReference,
    /// Amount and day fit.
    Fits,
    /// Only one of currency, direction, amount and day does not fit, and that as by a slip.
    Slip,
    /// Amount and day fit, but one of the two names something else that is open.
    FitsAndNamesAnother,
    /// It would fit, and is matched already.
    FitsAndGone,
    /// Nothing but an amount that is not far, for the eye.
    Neighbour,
}

/// Tells of each thing that is left why it is.
struct Telling<'d> {
    desk: &'d Desk,
    rest: &'d Rest,
    /// What is open, by each kind of name.
    open_by_name: Vec<(Evidence, Both<Shelf>)>,
    /// Everything, by each kind of name.
    all_by_name: Vec<(Evidence, Both<Shelf>)>,
    open: Both<Shelf>,
    free: Both<Shelf>,
    gone: Both<Shelf>,
    currencies: BTreeSet<Currency>,
}

impl<'d> Telling<'d> {
    fn new(desk: &'d Desk, rest: &'d Rest) -> Self {
        let everything = Both {
            lines: vec![true; desk.sides.lines.things.len()],
            expected: vec![true; desk.sides.expected.things.len()],
        };
        let matched = |of: Of| -> Vec<bool> {
            let things = desk.sides.of(of).things.iter().zip(desk.open.of(of));
            things.map(|(thing, is_open)| !is_open && !thing.is_duplicate).collect()
        };
        let gone = Both { lines: matched(Of::Lines), expected: matched(Of::Expected) };
        let things = desk.sides.lines.things.iter().chain(&desk.sides.expected.things);
        Self {
            desk,
            rest,
            open_by_name: NAMING.map(|by| (by, desk.shelves(by, &desk.open))).into_iter().collect(),
            all_by_name: NAMING.map(|by| (by, desk.shelves(by, &everything))).into_iter().collect(),
            open: desk.shelves(Evidence::AmountAndDate, &desk.open),
            free: desk.shelves(Evidence::AmountAndDate, &rest.free),
            gone: desk.shelves(Evidence::AmountAndDate, &gone),
            currencies: things.map(|thing| thing.amount.currency).collect(),
        }
    }

    /// Why a thing is left, the nearest on the other side, and the one change that would do.
    fn of(&self, of: Of, at: usize) -> (Criterion, Vec<Near>, Option<SmallestEdit>) {
        let Some(thing) = self.desk.thing(of, at) else { return (Criterion::Absent, vec![], None) };
        if let Some((others, off)) = self.rest.off.of(of).get(&at) {
            let near = |other: &usize| {
                let near = self.judge(of, at, *other)?;
                Some(Near { failed: Criterion::Amount, amount_off_minor: *off, ..near })
            };
            let nearest: Vec<Near> = others.iter().filter_map(near).take(MOST_NEAREST).collect();
            return (Criterion::Amount, nearest, self.edit_of_group(of, at, *off));
        }
        let mut nearest: Vec<Near> =
            self.candidates(of, at, thing).into_iter().filter_map(|other| self.judge(of, at, other)).collect();
        nearest.sort_by_key(Near::rank);
        let likeliest = nearest.first().filter(|near| near.likeness <= Likeness::Slip);
        let why = match likeliest {
            _ if thing.is_duplicate => Criterion::Duplicate,
            Some(near) => near.failed,
            None => Criterion::Absent,
        };
        let edit = likeliest.filter(|near| near.likeness != Likeness::Tied).and_then(|near| {
            let (line, expected) = of.pair(at, near.other);
            self.edit(line, expected)
        });
        nearest.truncate(MOST_NEAREST);
        (why, nearest, edit)
    }

    /// What comes next for the first line of a match.
    fn runner_up(&self, found: &Found) -> Option<Near> {
        let first = *found.lines.iter().min()?;
        let candidates = self.candidates(Of::Lines, first, self.desk.thing(Of::Lines, first)?);
        let others = candidates.into_iter().filter(|other| !found.expected.contains(other));
        others.filter_map(|other| self.judge(Of::Lines, first, other)).min_by_key(Near::rank)
    }

    /// Everything on the other side that is worth a look.
    fn candidates(&self, of: Of, at: usize, thing: &Thing) -> BTreeSet<usize> {
        let other = of.other();
        let Money { amount_minor, currency } = thing.amount;
        let mut found = BTreeSet::new();
        for (by, shelves) in &self.all_by_name {
            for name in thing.names(*by) {
                found.extend(shelves.of(other).near(*name, thing.amount, MOST_LOOKED_AT));
            }
        }
        if thing.is_duplicate {
            return found;
        }
        found.extend(self.rest.tied.of(of).get(&at).into_iter().flatten());
        let days = self.desk.sides.of(of).window(thing);
        let slip_days = days.start().saturating_sub(SLIP_DAYS)..=days.end().saturating_add(SLIP_DAYS);
        let fitting = around(amount_minor, self.desk.tolerance);
        let mut look = |currency: Currency, amounts: RangeInclusive<i64>, days: &RangeInclusive<i64>| {
            found.extend(self.open.of(other).within(&[EVERYTHING], currency, &amounts, days, MOST_LOOKED_AT));
        };
        look(currency, fitting.clone(), &days);
        look(currency, fitting.clone(), &slip_days);
        look(currency, around(amount_minor, self.desk.tolerance.max(SLIP_MINOR)), &days);
        look(currency, around(amount_minor.saturating_neg(), self.desk.tolerance), &days);
        for transposed in transpositions(amount_minor) {
            look(currency, transposed..=transposed, &days);
        }
        for foreign in self.currencies.iter().filter(|foreign| **foreign != currency) {
            look(*foreign, fitting.clone(), &days);
        }
        found.extend(self.gone.of(other).within(&[EVERYTHING], currency, &fitting, &days, MOST_NEAREST));
        found.extend(self.open.of(other).near(EVERYTHING, thing.amount, MOST_NEIGHBOURS));
        found
    }

    /// How near two things are to each other; nothing for what is not worth showing.
    fn judge(&self, of: Of, mine: usize, other: usize) -> Option<Near> {
        let (line_at, expected_at) = of.pair(mine, other);
        let line = self.desk.thing(Of::Lines, line_at)?;
        let expected = self.desk.thing(Of::Expected, expected_at)?;
        let failing = self.desk.failing(line, expected);
        let named = NAMING.into_iter().find(|by| line.shares(expected, *by));
        let is_gone = !self.desk.is_open(of.other(), other);
        let is_tied = self.rest.tied.of(of).get(&mine).is_some_and(|others| others.contains(&other));
        let first = failing.first().copied();
        let are_free = is_among(&self.rest.free.lines, line_at) && is_among(&self.rest.free.expected, expected_at);
        let (likeness, failed) = match (named, first) {
            _ if line.is_duplicate => (named.map(Likeness::NamedAndGone)?, Criterion::Duplicate),
            (Some(by), _) if is_gone => (Likeness::NamedAndGone(by), Criterion::Taken),
            (None, None) if is_gone => (Likeness::FitsAndGone, Criterion::Taken),
            (None, Some(_)) if is_gone => return None,
            (Some(_), _) if expected.tie == Tie::Never => (Likeness::Barred, Criterion::SaidFailed),
            (Some(_), _) if expected.tie == Tie::NotWaiting => (Likeness::Barred, Criterion::NotWaiting),
            (None, _) if expected.tie == Tie::NotWaiting => return None,
            (None, first) if expected.tie == Tie::Never => {
                (first.is_none().then_some(Likeness::Neighbour)?, Criterion::SaidFailed)
            }
            (Some(by), first) => (Likeness::Named(by), first.unwrap_or(Criterion::Ambiguous)),
            _ if is_tied => (Likeness::Tied, Criterion::Ambiguous),
            // A name weighs more than amount and day: what names something else has its own story to tell.
            (None, None) if !are_free => (Likeness::FitsAndNamesAnother, Criterion::Reference),
            (None, None) if slip_of_a_name(line, expected).is_some() => {
                (Likeness::SlipOfReference, Criterion::Reference)
            }
            (None, None) if is_another(line, expected) => (Likeness::FitsAndNamesAnother, Criterion::Reference),
            (None, None)
                if expected.tie == Tie::Named
                    && self.is_only(line_at, line, expected_at, expected, Evidence::AmountAndDate, &self.free) =>
            {
                (Likeness::Fits, Criterion::Unnamed)
            }
            (None, None) => (Likeness::Fits, Criterion::Ambiguous),
            (None, Some(criterion))
                if are_free
                    && failing.len() == 1
                    && !is_another(line, expected)
                    && self.is_slip(line, expected, criterion) =>
            {
                (Likeness::Slip, criterion)
            }
            (None, Some(criterion)) => {
                let is_neighbour = failing.as_slice() == [Criterion::Amount];
                (is_neighbour.then_some(Likeness::Neighbour)?, criterion)
            }
        };
        Some(Near {
            likeness,
            failing: failing.len(),
            failed,
            amount_off_minor: line.amount.amount_minor.saturating_sub(expected.amount.amount_minor),
            days_off: line.day.saturating_sub(expected.day),
            other,
        })
    }

    /// Whether a single difference looks like a slip of the pen.
    fn is_slip(&self, line: &Thing, expected: &Thing, criterion: Criterion) -> bool {
        let (found, wanted) = (line.amount.amount_minor, expected.amount.amount_minor);
        match criterion {
            Criterion::Currency | Criterion::Direction => true,
            Criterion::Amount => found.abs_diff(wanted) <= SLIP_MINOR.unsigned_abs() || is_transposed(found, wanted),
            Criterion::Date => self.days_to_window(line, expected).unsigned_abs() <= SLIP_DAYS.unsigned_abs(),
            Criterion::Reference
            | Criterion::Taken
            | Criterion::Ambiguous
            | Criterion::Duplicate
            | Criterion::Absent
            | Criterion::TooMany
            | Criterion::TakenApart
            | Criterion::Unnamed
            | Criterion::SaidFailed
            | Criterion::NotWaiting => false,
        }
    }

    /// Days by which a line would have to move to lie in the window; negative for earlier.
    fn days_to_window(&self, line: &Thing, expected: &Thing) -> i64 {
        let window = self.desk.sides.expected.window(expected);
        line.day.clamp(*window.start(), *window.end()).saturating_sub(line.day)
    }

    /// The one change by which a line would match an expected thing, tried out.
    fn edit(&self, line_at: usize, expected_at: usize) -> Option<SmallestEdit> {
        let line = self.desk.thing(Of::Lines, line_at)?;
        let expected = self.desk.thing(Of::Expected, expected_at)?;
        if !self.desk.is_open(Of::Lines, line_at) || !self.desk.is_open(Of::Expected, expected_at) {
            return None;
        }
        let (found, wanted) = (line.amount.amount_minor, expected.amount.amount_minor);
        let mut changed = line.clone();
        let edit = match self.desk.failing(line, expected).as_slice() {
            [] if !NAMING.into_iter().any(|by| line.shares(expected, by)) => {
                let slip = slip_of_a_name(line, expected)?;
                if matches!(slip, SmallestEdit::EndToEnd { .. }) {
                    changed.by_end_to_end = expected.by_end_to_end;
                } else {
                    changed.by_reference = expected.by_reference;
                }
                slip
            }
            [Criterion::Amount] => {
                changed.amount.amount_minor = wanted;
                if is_transposed(found, wanted) {
                    SmallestEdit::TransposedDigits { from_minor: found, to_minor: wanted }
                } else {
                    SmallestEdit::Amount { from_minor: found, to_minor: wanted }
                }
            }
            [Criterion::Direction] => {
                changed.amount.amount_minor = found.checked_neg()?;
                SmallestEdit::Direction { from_minor: found, to_minor: changed.amount.amount_minor }
            }
            [Criterion::Currency] => {
                changed.amount.currency = expected.amount.currency;
                SmallestEdit::Currency { from: line.amount.currency, to: expected.amount.currency }
            }
            [Criterion::Date] => {
                let days = self.days_to_window(line, expected);
                changed.day = line.day.saturating_add(days);
                SmallestEdit::Date { from: day_of(line.day)?, to: day_of(changed.day)?, days }
            }
            _ => return None,
        };
        self.would_match(line_at, &changed, expected_at, expected).then_some(edit)
    }

    /// Whether a changed line and an expected thing would be each other's only fit.
    fn would_match(&self, line_at: usize, changed: &Thing, expected_at: usize, expected: &Thing) -> bool {
        let is_only = |by: Evidence, shelves| self.is_only(line_at, changed, expected_at, expected, by, shelves);
        if changed.is_barred || expected.is_barred || !expected.tie.is_due() {
            return false;
        }
        let mut shared = self.open_by_name.iter().filter(|(by, _)| changed.shares(expected, *by)).peekable();
        if shared.peek().is_some() {
            return shared.any(|(by, shelves)| is_only(*by, shelves));
        }
        expected.tie == Tie::Any
            && is_among(&self.rest.free.lines, line_at)
            && is_among(&self.rest.free.expected, expected_at)
            && !is_another(changed, expected)
            && is_only(Evidence::AmountAndDate, &self.free)
    }

    /// Whether a line and an expected thing are each other's only fit on these shelves.
    fn is_only(
        &self,
        line_at: usize,
        line: &Thing,
        expected_at: usize,
        expected: &Thing,
        by: Evidence,
        shelves: &Both<Shelf>,
    ) -> bool {
        let lines = self.desk.fitting(Of::Expected, expected, by, shelves, 2);
        self.desk.fitting(Of::Lines, line, by, shelves, 2) == [expected_at]
            && lines.iter().all(|other| *other == line_at)
    }

    /// The amount by which a named group would add up. Of several lines it may be any: the change is that of this one.
    fn edit_of_group(&self, of: Of, at: usize, off: i64) -> Option<SmallestEdit> {
        let line = match (of, self.rest.off.of(of).get(&at)?.0.as_slice()) {
            (Of::Lines, _) => at,
            (Of::Expected, [line]) => *line,
            (Of::Expected, _) => return None,
        };
        let from_minor = self.desk.thing(Of::Lines, line)?.amount.amount_minor;
        let to_minor = from_minor.checked_sub(off).filter(|to| to.signum() == from_minor.signum())?;
        Some(SmallestEdit::Amount { from_minor, to_minor })
    }
}

fn day_of(number: i64) -> Option<Day> {
    civil::date(1970, 1, 1).checked_add(i32::try_from(number).ok()?.days()).ok()
}

/// Every amount of the same direction in which two neighbouring digits have changed places; none begins with a nought.
fn transpositions(amount_minor: i64) -> BTreeSet<i64> {
    let digits = amount_minor.unsigned_abs().to_string().into_bytes();
    let swapped = |at: usize| {
        let mut digits = digits.clone();
        let (one, other) = (*digits.get(at)?, *digits.get(at.checked_add(1)?)?);
        *digits.get_mut(at)? = other;
        *digits.get_mut(at.checked_add(1)?)? = one;
        let size: i64 = String::from_utf8(digits).ok().filter(|text| !text.starts_with('0'))?.parse().ok()?;
        size.checked_mul(amount_minor.signum()).filter(|swapped| *swapped != amount_minor)
    };
    (0..digits.len()).filter_map(swapped).collect()
}

fn is_transposed(found: i64, wanted: i64) -> bool {
    // Two neighbouring digits that change places move a number by a multiple of nine, and most candidates end there: to
    // write down all transpositions for each was most of what explaining a line without a match cost.
    let may_be = found.signum() == wanted.signum() && found.abs_diff(wanted).is_multiple_of(9);
    may_be && transpositions(found).contains(&wanted)
}

/// Whether both say what they are by an end-to-end id, and it is not the same: then an amount and a day that agree are
/// chance. One character is enough: references are given out by counting, and the next one is another payment.
fn is_another(one: &Thing, other: &Thing) -> bool {
    !one.end_to_end.is_empty() && !other.end_to_end.is_empty() && one.end_to_end != other.end_to_end
}

/// The slip of the pen by which a line's reference or end-to-end id became another, if it is one.
fn slip_of_a_name(line: &Thing, expected: &Thing) -> Option<SmallestEdit> {
    let slip =
        |from: &str, to: &str| is_one_slip(from.as_bytes(), to.as_bytes()).then(|| (from.to_owned(), to.to_owned()));
    let of_reference = slip(&line.reference, &expected.reference);
    let of_id = || slip(&line.end_to_end, &expected.end_to_end);
    of_reference
        .map(|(from, to)| SmallestEdit::Reference { from, to })
        .or_else(|| of_id().map(|(from, to)| SmallestEdit::EndToEnd { from, to }))
}

/// Whether one character was changed, added or left out, or two neighbours changed places; empty texts are no slips.
fn is_one_slip(one: &[u8], other: &[u8]) -> bool {
    if one.is_empty() || other.is_empty() || one == other {
        return false;
    }
    let alike = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    let (one, other) = (one.get(alike..).unwrap_or_default(), other.get(alike..).unwrap_or_default());
    match (one, other) {
        ([a, b, one @ ..], [c, d, other @ ..]) if (a, b) == (d, c) && one == other => true,
        ([_, one @ ..], [_, other @ ..]) if one == other => true,
        ([_, rest @ ..], whole) if rest == whole => true,
        (whole, [_, rest @ ..]) => rest == whole,
        _ => false,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;
    use crate::statement::{self, Statement, StatementFormat};

    const RULES: Rules = Rules { tolerance_minor: 100, date_drift_days: 3, early_days: 1, most_in_group: 4 };
    const DAY: Day = date(2026, 11, 10);

    fn day(off: i64) -> Day {
        DAY.saturating_add(off.days())
    }

    fn inr(amount_minor: i64) -> Money {
        Money::new(amount_minor, Currency::Inr)
    }

    fn line(line: u32, reference: &str, amount_minor: i64, off_days: i64) -> StatementLine {
        StatementLine {
            line,
            bank_reference: plain_reference(reference),
            amount: inr(amount_minor),
            value_date: day(off_days),
            narrative: String::new(),
            end_to_end: None,
            duplicate_of: None,
        }
    }

    fn told(narrative: &str, line: StatementLine) -> StatementLine {
        StatementLine { narrative: narrative.into(), ..line }
    }

    fn with_id(id: &str, line: StatementLine) -> StatementLine {
        StatementLine { end_to_end: Some(id.into()), ..line }
    }

    fn thing(id: &str, reference: &str, amount_minor: i64) -> Expected {
        Expected {
            id: id.into(),
            reference: reference.into(),
            end_to_end: None,
            amount: inr(amount_minor),
            date: DAY,
            tie: Tie::Any,
        }
    }

    fn thing_with_id(id: &str, end_to_end: &str, amount_minor: i64) -> Expected {
        Expected { end_to_end: Some(end_to_end.into()), ..thing(id, "", amount_minor) }
    }

    type Pair = (Vec<u32>, Vec<String>, Evidence);

    fn pairs(lines: &[StatementLine], expected: &[Expected]) -> Vec<Pair> {
        let found = reconcile(lines, expected, &RULES);
        found.matches.into_iter().map(|found| (found.lines, found.expected, found.by)).collect()
    }

    fn pair(lines: &[u32], expected: &[&str], by: Evidence) -> Pair {
        (lines.to_vec(), expected.iter().map(|id| (*id).to_owned()).collect(), by)
    }

    /// Why the only line is left, with its change in words; the only expected thing must be left for the same reason.
    fn why(line: StatementLine, expected: Expected) -> (Criterion, Option<String>) {
        let found = reconcile(&[line], &[expected], &RULES);
        assert_eq!(found.matches, []);
        let (line, thing) = (&found.unmatched_lines[0], &found.unmatched_expected[0]);
        assert_eq!((line.why, &line.edit), (thing.why, &thing.edit));
        (line.why, line.edit.as_ref().map(ToString::to_string))
    }

    #[test]
    fn a_reference_matches_whatever_its_case_and_hyphens() {
        let found = pairs(&[line(1, "HDFC-N5 20001", 150_000, 0)], &[thing("a", "hdfcn520001", 150_000)]);
        assert_eq!(found, [pair(&[1], &["a"], Evidence::Reference)]);
    }

    #[test]
    fn a_reference_goes_before_an_end_to_end_id_and_that_before_amount_and_day() {
        let lines = [with_id("E-B", line(1, "REFA", 100_000, 0)), with_id("E-B", line(2, "X", 100_000, 0))];
        let expected = [thing("a", "REFA", 100_000), thing_with_id("b", "E-B", 100_000)];
        let found = [pair(&[1], &["a"], Evidence::Reference), pair(&[2], &["b"], Evidence::EndToEnd)];
        assert_eq!(pairs(&lines, &expected), found);
        let found = [pair(&[2], &["b"], Evidence::AmountAndDate)];
        assert_eq!(pairs(&[line(2, "X", 100_000, 0)], &[thing("b", "Y", 100_000)]), found);
    }

    fn named(thing: Expected) -> Expected {
        Expected { tie: Tie::Named, ..thing }
    }

    fn never(thing: Expected) -> Expected {
        Expected { tie: Tie::Never, ..thing }
    }

    #[test]
    fn what_takes_a_name_is_matched_by_any_name_and_never_by_amount_and_day() {
        let payout = || named(Expected { end_to_end: Some("PAY-000001".into()), ..thing("p", "AXISN5", 100_000) });
        for (line, by) in [
            (line(1, "AXISN5", 100_000, 0), Evidence::Reference),
            (with_id("pay000001", line(1, "X", 100_000, 0)), Evidence::EndToEnd),
            (told("IMPS/PAY-000001/BFIL", line(1, "X", 100_000, 0)), Evidence::Narrative),
        ] {
            assert_eq!(pairs(&[line], &[payout()]), [pair(&[1], &["p"], by)]);
        }
        assert_eq!(why(line(1, "X", 100_000, 0), payout()), (Criterion::Unnamed, None));
        let slip = "reference from AXISN6 to AXISN5".to_owned();
        assert_eq!(why(line(1, "AXISN6", 100_000, 0), payout()), (Criterion::Reference, Some(slip)));
        let off = Some("amount from 100001 to 100000".to_owned());
        assert_eq!(why(line(1, "AXISN5", 100_001, 0), payout()), (Criterion::Amount, off), "there is no tolerance");
        assert_eq!(why(line(1, "X", 100_001, 0), payout()), (Criterion::Amount, None), "that change would not do");
    }

    #[test]
    fn what_takes_a_name_still_keeps_others_of_its_amount_and_day_from_being_the_only_one() {
        let line = line(1, "X", 100_000, 0);
        for other in [thing("a", "", 100_000), named(thing("a", "", 100_000))] {
            let expected = [other, named(thing("b", "", 100_000))];
            let found = reconcile(std::slice::from_ref(&line), &expected, &RULES);
            assert_eq!((found.matches, found.unmatched_lines[0].why), (vec![], Criterion::Ambiguous));
        }
    }

    #[test]
    fn what_takes_a_name_is_left_when_it_seems_to_have_come_back() {
        let payout = named(thing_with_id("p", "PAY-000001", -100_000));
        let out = with_id("PAY-000001", line(1, "X", -100_000, 0));
        for back in [with_id("PAY-000001", line(2, "Y", 100_000, 2)), told("RTN PAY-000001", line(2, "Y", 99_000, 9))] {
            let found = reconcile(&[out.clone(), back], std::slice::from_ref(&payout), &RULES);
            let told: Vec<_> = found.unmatched_lines.iter().map(|left| (left.why, &left.edit)).collect();
            assert_eq!((found.matches.len(), told[0]), (0, (Criterion::Ambiguous, &None)));
            assert_eq!(told[1], (Criterion::Direction, &None));
        }
        let fee = with_id("PAY-000001", line(2, "Y", -500, 0));
        assert_eq!(pairs(&[out, fee], &[payout]), [pair(&[1], &["p"], Evidence::EndToEnd)]);
    }

    #[test]
    fn what_takes_a_name_is_no_group_and_no_member_of_one() {
        let payout = named(thing_with_id("p", "PAY-000001", 60_000));
        let cash = thing_with_id("d", "BF-D-0001", 40_000);
        let both = told("BF-D-0001 PAY-000001", line(1, "X", 100_000, 0));
        assert_eq!(pairs(&[both], &[payout.clone(), cash.clone()]), [], "named together");
        assert_eq!(pairs(&[line(1, "X", 100_000, 0)], &[payout.clone(), cash.clone()]), [], "a sum by chance");
        let parts = [line(1, "X", 20_000, 0), line(2, "Y", 40_000, 0)].map(|part| with_id("PAY-000001", part));
        assert_eq!(pairs(&parts, std::slice::from_ref(&payout)), [], "in parts");
        let more = thing("e", "", 60_000);
        let found = [pair(&[1], &["d", "e"], Evidence::AmountAndDate)];
        assert_eq!(pairs(&[line(1, "X", 100_000, 0)], &[payout, cash, more]), found, "others are a sum without it");
    }

    #[test]
    fn what_names_a_thing_that_failed_is_left_whatever_else_it_could_be() {
        let failed = never(thing_with_id("p", "PAY-000001", 100_000));
        for other in [thing("d", "", 100_000), thing("d", "X", 100_000), named(thing("d", "X", 100_000))] {
            let line = with_id("PAY-000001", line(1, "X", 100_000, 0));
            let found = reconcile(&[line], &[failed.clone(), other], &RULES);
            let told = &found.unmatched_lines[0];
            assert_eq!((found.matches.len(), told.why, &told.edit), (0, Criterion::SaidFailed, &None));
            assert_eq!((told.nearest[0].id.as_str(), told.nearest[0].failed), ("p", Criterion::SaidFailed));
            let due: Vec<&str> = found.unmatched_expected.iter().map(|thing| thing.id.as_str()).collect();
            assert_eq!(due, ["d"], "nobody waits for what failed");
        }
        let parts = [thing("d", "", 40_000), thing("e", "", 60_000)];
        let line_of_it = told("PAY-000001", line(1, "X", 100_000, 0));
        assert_eq!(pairs(&[line_of_it], &[&parts[..], std::slice::from_ref(&failed)].concat()), []);
        let unnamed = [line(1, "X", 100_000, 0)];
        let found = [pair(&[1], &["d"], Evidence::AmountAndDate)];
        assert_eq!(pairs(&unnamed, &[failed.clone(), thing("d", "", 100_000)]), found);
        let left = &reconcile(&unnamed, &[failed], &RULES).unmatched_lines[0];
        assert_eq!((left.why, left.nearest[0].failed), (Criterion::Absent, Criterion::SaidFailed));
    }

    #[test]
    fn equal_amounts_of_one_reference_are_told_apart_by_their_ids() {
        let lines = [with_id("E1", line(1, "BATCH", 100_000, 0)), with_id("E2", line(2, "BATCH", 100_000, 0))];
        let of_batch = |id: &str, end_to_end: &str| Expected {
            reference: "BATCH".into(),
            ..thing_with_id(id, end_to_end, 100_000)
        };
        let found = [pair(&[1], &["a"], Evidence::EndToEnd), pair(&[2], &["b"], Evidence::EndToEnd)];
        assert_eq!(pairs(&lines, &[of_batch("b", "E2"), of_batch("a", "E1")]), found);
    }

    #[test]
    fn a_narrative_that_names_one_of_two_decides_between_them() {
        let lines = [told("NEFT/BF-D-0001/ASHA", line(1, "X", 100_000, 0)), line(2, "Y", 100_000, 0)];
        let found = [pair(&[1], &["a"], Evidence::Narrative), pair(&[2], &["b"], Evidence::AmountAndDate)];
        assert_eq!(pairs(&lines, &[thing("a", "BF-D-0001", 100_000), thing("b", "BF-D-0002", 100_000)]), found);
        let short = [told("2026 A1", line(1, "X", 100_000, 0)), line(2, "Y", 100_000, 0)];
        assert_eq!(pairs(&short, &[thing("a", "2026", 100_000), thing("b", "A1", 100_000)]), [], "a year is no name");
    }

    #[test]
    fn the_window_and_the_tolerance_hold_to_the_day_and_to_the_paisa() {
        for (minor, days, fits) in [
            (100_100, 0, true),
            (99_900, 0, true),
            (100_101, 0, false),
            (99_899, 0, false),
            (100_000, 3, true),
            (100_000, 4, false),
            (100_000, -1, true),
            (100_000, -2, false),
        ] {
            for reference in ["REFA", "X"] {
                let found = pairs(&[line(1, reference, minor, days)], &[thing("a", "REFA", 100_000)]);
                assert_eq!(!found.is_empty(), fits, "{minor} {days} {reference}");
            }
        }
        let strict = Rules { tolerance_minor: -5, date_drift_days: -5, early_days: -5, most_in_group: 0 };
        let found = reconcile(&[line(1, "REFA", 1, 0)], &[thing("a", "REFA", 1)], &strict);
        assert_eq!(found.matches.len(), 1, "less than nothing is nothing");
    }

    #[test]
    fn between_two_that_are_equally_good_nothing_is_guessed() {
        for (lines, expected) in [(1, 2), (2, 1), (2, 2), (7, 9)] {
            for reference in ["", "BATCH"] {
                let lines: Vec<_> = (1..=lines).map(|number| line(number, reference, 100_000, 0)).collect();
                let expected: Vec<_> =
                    (0..expected).map(|number| thing(&number.to_string(), reference, 100_000)).collect();
                let found = reconcile(&lines, &expected, &RULES);
                assert_eq!(found.matches, []);
                let told = found.unmatched_lines.iter().map(|line| (line.why, line.edit.is_some()));
                let told = told.chain(found.unmatched_expected.iter().map(|thing| (thing.why, thing.edit.is_some())));
                assert!(
                    told.clone().all(|told| told == (Criterion::Ambiguous, false)),
                    "{:?}",
                    told.collect::<Vec<_>>()
                );
            }
        }
    }

    #[test]
    fn what_names_something_open_is_never_matched_to_something_else_by_its_amount() {
        let lines = [line(1, "REFA", 150_000, 0)];
        let found = reconcile(&lines, &[thing("a", "REFA", 180_000), thing("b", "REFB", 150_000)], &RULES);
        assert_eq!(found.matches, []);
        let nearest: Vec<_> =
            found.unmatched_lines[0].nearest.iter().map(|near| (near.id.as_str(), near.failed)).collect();
        assert_eq!(nearest, [("a", Criterion::Amount), ("b", Criterion::Reference)]);
        let other = &found.unmatched_expected[1];
        assert_eq!((other.why, other.nearest[0].failed), (Criterion::Absent, Criterion::Reference));
    }

    #[test]
    fn a_line_with_an_id_of_its_own_is_not_matched_to_another_by_its_amount() {
        let expected = [thing_with_id("a", "BF-D-1001", -25_000)];
        assert_eq!(pairs(&[with_id("INV-991", line(1, "UTR1", -25_000, 0))], &expected), []);
        let next = with_id("BF-D-1002", line(1, "UTR1", -25_000, 0));
        assert_eq!(pairs(std::slice::from_ref(&next), &expected), [], "one character makes it another payment");
        let change = SmallestEdit::EndToEnd { from: "BFD1002".into(), to: "BFD1001".into() };
        let told = &reconcile(&[next], &expected, &RULES).unmatched_lines[0];
        assert_eq!((told.why, &told.edit), (Criterion::Reference, &Some(change)), "which may be a slip of the pen");
        let silent = pairs(&[line(1, "UTR1", -25_000, 0)], &expected);
        assert_eq!(silent, [pair(&[1], &["a"], Evidence::AmountAndDate)], "it says nothing");
        let foreign = with_id("INV-991", line(1, "UTR1", -25_000, 0));
        let found = reconcile(&[foreign], &expected, &RULES);
        let told = &found.unmatched_lines[0];
        assert_eq!((told.why, told.nearest[0].id.as_str()), (Criterion::Absent, "a"), "it says what it is");
        assert_eq!(told.nearest[0].failed, Criterion::Reference);
    }

    #[test]
    fn neither_is_it_a_slip_in_any_other_respect() {
        let expected = [thing_with_id("a", "BF-D-1001", -25_000)];
        let back = with_id("BF-D-2077", line(1, "UTR1", 25_000, 0));
        let foreign = StatementLine { amount: Money::new(-25_000, Currency::Npr), ..back.clone() };
        let late = with_id("BF-D-2077", line(1, "UTR1", -25_000, 9));
        let off = with_id("BF-D-2077", line(1, "UTR1", -52_000, 0));
        for other in [back, foreign, late, off] {
            let silent = StatementLine { end_to_end: None, ..other.clone() };
            let (why_silent, why_other) = [silent, other].map(|line| why(line, expected[0].clone())).into();
            assert!(why_silent.1.is_some(), "{why_silent:?}");
            assert_eq!(why_other, (Criterion::Absent, None));
        }
    }

    #[test]
    fn neither_is_it_the_sum_of_others() {
        let [one, other] = [thing_with_id("a", "BF-D-1", -10_000), thing_with_id("b", "BF-D-2", -20_000)];
        let whole = line(1, "UTR1", -30_000, 0);
        let found = pairs(std::slice::from_ref(&whole), &[one.clone(), other.clone()]);
        assert_eq!(found, [pair(&[1], &["a", "b"], Evidence::AmountAndDate)], "it says nothing");
        assert_eq!(pairs(&[with_id("INV-991", whole)], &[one.clone(), other]), [], "it says what it is");
        let parts = [with_id("INV-1", line(1, "U1", -4_000, 0)), with_id("INV-2", line(2, "U2", -6_000, 0))];
        assert_eq!(pairs(&parts, &[one]), [], "and parts do");
    }

    #[test]
    fn a_batch_line_pays_all_that_bear_its_reference() {
        let expected: Vec<_> = (0..9).map(|number| thing(&format!("t{number}"), "BULK-77", 10_000 + number)).collect();
        let ids: Vec<&str> = expected.iter().map(|thing| thing.id.as_str()).collect();
        let found = reconcile(&[line(1, "BULK77", 90_000, 0)], &expected, &RULES);
        assert_eq!((found.matches[0].kind, found.matches[0].difference_minor), (MatchKind::OneToMany, -36));
        assert_eq!(pairs(&[line(1, "BULK77", 90_036, 0)], &expected), [pair(&[1], &ids, Evidence::Reference)]);
    }

    #[test]
    fn a_line_pays_all_that_its_narrative_names_and_nothing_when_they_do_not_add_up() {
        let expected = [thing("a", "BF-0001", 60_000), thing("b", "BF-0002", 40_000), thing("c", "BF-0003", 40_000)];
        let bulk = told("BULK BF-0001, BF-0002", line(1, "UTR1", 100_000, 2));
        assert_eq!(pairs(std::slice::from_ref(&bulk), &expected), [pair(&[1], &["a", "b"], Evidence::Narrative)]);
        let off = reconcile(&[StatementLine { amount: inr(100_101), ..bulk }], &expected, &RULES);
        assert_eq!(off.matches, []);
        let left = &off.unmatched_lines[0];
        let nearest: Vec<_> =
            left.nearest.iter().map(|near| (near.id.as_str(), near.failed, near.amount_off_minor)).collect();
        assert_eq!(nearest, [("a", Criterion::Amount, 101), ("b", Criterion::Amount, 101)]);
        assert_eq!(left.edit.as_ref().unwrap().to_string(), "amount from 100101 to 100000");
        assert_eq!(off.unmatched_expected[0].edit, left.edit);
    }

    #[test]
    fn lines_that_name_one_thing_pay_it_in_parts() {
        let lines = [with_id("E-1", line(1, "U1", 60_000, 0)), with_id("E-1", line(2, "U2", 40_000, 3))];
        let expected = [thing_with_id("a", "E-1", 100_000)];
        let found = reconcile(&lines, &expected, &RULES);
        assert_eq!(found.matches[0].kind, MatchKind::ManyToOne);
        assert_eq!(pairs(&lines, &expected), [pair(&[1, 2], &["a"], Evidence::EndToEnd)]);
        assert_eq!(pairs(&lines[..1], &expected), [], "a part alone is not the whole");
        let late = [lines[0].clone(), with_id("E-1", line(2, "U2", 40_000, 4))];
        assert_eq!(pairs(&late, &expected), [], "each part must lie within the window");
        let foreign = StatementLine { amount: Money::new(40_000, Currency::Npr), ..lines[1].clone() };
        assert_eq!(pairs(&[lines[0].clone(), foreign], &expected), []);
    }

    #[test]
    fn a_sum_that_nothing_names_counts_only_when_it_is_exact_and_the_only_one() {
        let expected =
            [thing("a", "A", -60_000), thing("b", "B", -39_000), thing("c", "C", -1_000), thing("d", "D", -7)];
        let whole = |amount_minor| [line(1, "U", amount_minor, 0)];
        let found = [pair(&[1], &["a", "b", "c"], Evidence::AmountAndDate)];
        assert_eq!(pairs(&whole(-100_000), &expected), found);
        assert_eq!(pairs(&whole(-100_001), &expected), [], "the tolerance is for what is named");
        assert_eq!(pairs(&whole(100_000), &expected), []);
        let lines = [line(1, "U1", -60_000, 0), line(2, "U2", -40_000, 0)];
        assert_eq!(pairs(&lines, &[thing("a", "A", -100_000)]), [pair(&[1, 2], &["a"], Evidence::AmountAndDate)]);
    }

    #[test]
    fn two_sums_are_no_sum_and_say_so() {
        let expected =
            [thing("a", "A", 60_000), thing("b", "B", 40_000), thing("c", "C", 70_000), thing("d", "D", 30_000)];
        let found = reconcile(&[line(1, "U", 100_000, 0)], &expected, &RULES);
        assert_eq!(found.matches, []);
        assert_eq!(found.unmatched_lines[0].why, Criterion::Ambiguous);
        assert!(found.unmatched_expected.iter().all(|thing| thing.why == Criterion::Ambiguous));
        let wanted_twice = [line(1, "U", 100_000, 0), line(2, "V", 90_000, 0)];
        let expected = [thing("a", "A", 60_000), thing("b", "B", 40_000), thing("c", "C", 30_000)];
        assert_eq!(pairs(&wanted_twice, &expected), [], "60,000 cannot be in both");
    }

    #[test]
    fn the_search_for_sums_stays_within_its_bounds() {
        let whole = [line(1, "U", 15_000, 0)];
        let parts = |most: i64| -> Vec<Expected> {
            (0..most).map(|bit| thing(&format!("{bit:02}"), &format!("A{bit}"), 1_000 << bit)).collect()
        };
        assert_eq!(pairs(&whole, &parts(4)), [pair(&[1], &["00", "01", "02", "03"], Evidence::AmountAndDate)]);
        assert_eq!(pairs(&[line(1, "U", 31_000, 0)], &parts(5)), [], "five are more than the rules allow");
        let crowd: Vec<Expected> =
            parts(4).into_iter().chain((0..9).map(|n| thing(&format!("x{n}"), "", 3 + n))).collect();
        assert_eq!(pairs(&whole, &crowd), [], "among thirteen a sum comes out too easily");
        assert_eq!(pairs(&whole, &crowd[..12]).len(), 1);
    }

    #[test]
    fn a_duplicate_matches_nothing_and_says_what_it_repeats() {
        let first = line(1, "REFA", 100_000, 0);
        let again = StatementLine { line: 2, duplicate_of: Some(1), ..first.clone() };
        let found = reconcile(&[again, first], &[thing("a", "REFA", 100_000)], &RULES);
        assert_eq!(found.matches[0].lines, [1]);
        let left = &found.unmatched_lines[0];
        assert_eq!((left.line, left.why, left.nearest[0].id.as_str()), (2, Criterion::Duplicate, "a"));
        assert_eq!((left.nearest[0].failed, &left.edit), (Criterion::Duplicate, &None));
    }

    #[test]
    fn each_single_difference_is_named_with_the_one_change_that_would_do() {
        let expected = || thing("a", "REFA", 135_000);
        let told = |line: StatementLine| why(line, expected());
        let change = |criterion, words: &str| (criterion, Some(words.to_owned()));
        let at = |minor| line(1, "REFA", minor, 0);
        assert_eq!(told(at(153_000)), change(Criterion::Amount, "transposed digits 153000 <-> 135000"));
        assert_eq!(told(at(135_101)), change(Criterion::Amount, "amount from 135101 to 135000"));
        assert_eq!(told(at(-135_000)), change(Criterion::Direction, "direction from -135000 to 135000"));
        let nepali = StatementLine { amount: Money::new(135_000, Currency::Npr), ..at(0) };
        assert_eq!(told(nepali), change(Criterion::Currency, "currency from NPR to INR"));
        let dated = |days| line(1, "REFA", 135_000, days);
        assert_eq!(told(dated(6)), change(Criterion::Date, "date 3 days earlier"));
        assert_eq!(told(dated(-2)), change(Criterion::Date, "date 1 day later"));
        assert_eq!(told(line(1, "REFA", -135_000, 9)), (Criterion::Direction, None), "two differences are no slip");
    }

    #[test]
    fn a_slip_in_what_nothing_names_is_found_too_and_chance_is_not() {
        let told = |minor, days| why(line(1, "X", minor, days), thing("a", "REFA", 135_000));
        let change = |criterion, words: &str| (criterion, Some(words.to_owned()));
        assert_eq!(told(153_000, 0), change(Criterion::Amount, "transposed digits 153000 <-> 135000"));
        assert_eq!(told(-135_000, 0), change(Criterion::Direction, "direction from -135000 to 135000"));
        assert_eq!(told(135_000, 10), change(Criterion::Date, "date 7 days earlier"));
        assert_eq!(told(135_000, 40), (Criterion::Absent, None), "a wrong month, not another year");
        assert_eq!(told(140_000, 0), (Criterion::Absent, None), "any amount is near to some other");
        let found = reconcile(&[line(1, "X", 140_000, 0)], &[thing("a", "REFA", 135_000)], &RULES);
        let near = &found.unmatched_lines[0].nearest[0];
        assert_eq!((near.id.as_str(), near.failed, near.amount_off_minor), ("a", Criterion::Amount, 5_000));
    }

    #[test]
    fn a_slip_in_the_reference_is_told_with_the_match_and_decides_nothing_by_itself() {
        let slip = line(1, "REFERENCE1", 100_000, 0);
        let found = reconcile(std::slice::from_ref(&slip), &[thing("a", "REFERENCEI", 100_000)], &RULES);
        let edit = SmallestEdit::Reference { from: "REFERENCE1".into(), to: "REFERENCEI".into() };
        assert_eq!((found.matches[0].by, &found.matches[0].edit), (Evidence::AmountAndDate, &Some(edit.clone())));
        let found = reconcile(&[slip], &[thing("a", "REFERENCEI", 100_000), thing("b", "OTHER", 100_000)], &RULES);
        assert_eq!(found.matches, []);
        let left = &found.unmatched_lines[0];
        assert_eq!((left.why, left.nearest[0].id.as_str(), &left.edit), (Criterion::Reference, "a", &Some(edit)));
        assert_eq!(found.unmatched_expected[1].why, Criterion::Ambiguous);
    }

    #[test]
    fn one_slip_of_the_pen_is_one_character() {
        for (one, other, is_slip) in [
            ("ABC", "ABD", true),
            ("ABC", "ABCD", true),
            ("ABC", "BC", true),
            ("ABC", "ACB", true),
            ("ABC", "BAC", true),
            ("ABC", "ABC", false),
            ("ABC", "CBA", false),
            ("ABC", "ABCDE", false),
            ("ABCD", "BADC", false),
            ("", "A", false),
        ] {
            assert_eq!(is_one_slip(one.as_bytes(), other.as_bytes()), is_slip, "{one} {other}");
            assert_eq!(is_one_slip(other.as_bytes(), one.as_bytes()), is_slip, "{other} {one}");
        }
    }

    #[test]
    fn digits_change_places_with_their_neighbours_and_never_begin_with_a_nought() {
        assert_eq!(transpositions(1_530), BTreeSet::from([5_130, 1_350, 1_503]));
        assert_eq!(transpositions(-105), BTreeSet::from([-150]));
        assert_eq!(transpositions(7), BTreeSet::new());
        assert!(is_transposed(1_530, 1_350) && !is_transposed(1_530, -1_350) && !is_transposed(1_530, 3_150));
    }

    #[test]
    fn what_another_line_has_taken_is_said_to_be_taken() {
        let lines = [line(1, "REFA", 100_000, 0), line(2, "REFA", 100_000, 9)];
        let found = reconcile(&lines, &[thing("a", "REFA", 100_000)], &RULES);
        assert_eq!(found.matches[0].lines, [1]);
        let left = &found.unmatched_lines[0];
        assert_eq!(
            (left.why, left.nearest[0].failed, left.nearest[0].days_off),
            (Criterion::Taken, Criterion::Taken, 9)
        );
        let extra = [line(1, "REFA", 100_000, 0), line(2, "X", 100_000, 0)];
        let found = reconcile(&extra, &[thing("a", "REFA", 100_000)], &RULES);
        let left = &found.unmatched_lines[0];
        assert_eq!((left.why, left.nearest[0].failed), (Criterion::Absent, Criterion::Taken), "alike, not named");
    }

    #[test]
    fn amounts_at_the_ends_of_64_bits_overflow_nothing() {
        let extremes = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX];
        let lines: Vec<_> = (1..).zip(extremes).map(|(number, minor)| line(number, "BULK77", minor, 0)).collect();
        let expected: Vec<_> = extremes.iter().map(|minor| thing(&minor.to_string(), "BULK77", *minor)).collect();
        let rules =
            Rules { tolerance_minor: i64::MAX, date_drift_days: i64::MAX, early_days: i64::MAX, most_in_group: 99 };
        for expected in [&expected[..], &expected[2..4], &[]] {
            let _ = reconcile(&lines, expected, &rules);
            let _ = reconcile(&lines[..1], expected, &RULES);
        }
    }

    #[test]
    fn each_day_is_of_the_one_band_whose_dates_have_it() {
        for back in -3_i64..=400 {
            let date = day(-back);
            let age = Age::of(age_days(date, DAY));
            for other in Age::ALL {
                let (from, to) = other.dates(DAY);
                let has_it = from.is_none_or(|from| from <= date) && to.is_none_or(|to| date <= to);
                assert_eq!(has_it, other == age, "{back} days ago, {other:?}");
            }
        }
    }

    #[test]
    fn ten_thousand_equal_instalments_take_no_longer_than_others() {
        let lines: Vec<_> = (1..=10_000).map(|number| line(number, &format!("U{number}"), 150_000, 0)).collect();
        let expected: Vec<_> = (0..10_000).map(|number| thing(&format!("{number:05}"), "", 150_000)).collect();
        let found = reconcile(&lines, &expected, &RULES);
        assert!(found.unmatched_lines.iter().all(|line| line.why == Criterion::Ambiguous));
        assert_eq!((found.matches.len(), found.unmatched_lines.len()), (0, 10_000));
    }

    #[test]
    fn ten_thousand_strangers_take_no_longer_than_others() {
        let lines: Vec<_> =
            (1..=10_000).map(|number| line(number, &format!("U{number}"), i64::from(number) * 1_000, 0)).collect();
        let expected: Vec<_> =
            (1..=10_000).map(|number| thing(&format!("{number:05}"), "", number * 1_000 + 500)).collect();
        let found = reconcile(&lines, &expected, &RULES);
        assert!(found.unmatched_lines.iter().all(|line| line.nearest.len() == 3));
        assert_eq!((found.matches.len(), found.unmatched_expected.len()), (0, 10_000));
    }

    #[test]
    fn ten_thousand_lines_of_one_reference_take_no_longer_than_others() {
        let lines: Vec<_> = (1..=10_000).map(|number| line(number, "SALARY", i64::from(number) * 1_000, 0)).collect();
        let expected: Vec<_> =
            (1..=10_000).map(|number| thing(&format!("{number:05}"), "SALARY", number * 1_000)).collect();
        assert_eq!(reconcile(&lines, &expected, &RULES).matches.len(), 10_000);
    }

    // A statement of a month with faults planted in it. Its lines go through a CSV, as a bank's would.

    /// Numbers that look random and are the same each time (splitmix64).
    pub(crate) struct Dice(pub(crate) u64);

    impl Dice {
        pub(crate) fn below(&mut self, end: u64) -> u64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = self.0;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (mixed ^ (mixed >> 31)) % end
        }

        pub(crate) fn within(&mut self, range: RangeInclusive<i64>) -> i64 {
            range.start() + i64::try_from(self.below((range.end() - range.start() + 1).unsigned_abs())).unwrap()
        }

        pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
            for at in (1..items.len()).rev() {
                items.swap(at, usize::try_from(self.below(at as u64 + 1)).unwrap());
            }
        }

        /// What is paid every day: an instalment that many others pay, or some amount.
        pub(crate) fn usual(&mut self) -> i64 {
            let instalments = [99_000, 125_000, 135_000, 150_000, 180_000, 212_500];
            if self.below(2) == 0 {
                instalments[usize::try_from(self.below(6)).unwrap()]
            } else {
                self.within(10_000..=900_000)
            }
        }
    }

    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    enum Plant {
        SoundByReference,
        SoundByEndToEnd,
        SoundByNarrative,
        SoundByAmountAndDate,
        MissingLine,
        ExtraLine,
        Duplicate,
        TransposedDigits,
        PaisaBeyondTolerance,
        DateBeyondDrift,
        WrongSign,
        WrongCurrency,
        MergedAndNamed,
        MergedUnnamed,
        SplitAndNamed,
        SplitUnnamed,
        WrongReference,
        EquallyGood,
        SoundPayout,
        PaisaOffPayout,
        UnnamedPayout,
        FailedPayout,
    }

    const FAULTS: [Plant; 18] = [
        Plant::MissingLine,
        Plant::ExtraLine,
        Plant::Duplicate,
        Plant::TransposedDigits,
        Plant::PaisaBeyondTolerance,
        Plant::DateBeyondDrift,
        Plant::WrongSign,
        Plant::WrongCurrency,
        Plant::MergedAndNamed,
        Plant::MergedUnnamed,
        Plant::SplitAndNamed,
        Plant::SplitUnnamed,
        Plant::WrongReference,
        Plant::EquallyGood,
        Plant::SoundPayout,
        Plant::PaisaOffPayout,
        Plant::UnnamedPayout,
        Plant::FailedPayout,
    ];

    /// What was planted in one place, and the change that would undo it.
    struct Planted {
        plant: Plant,
        lines: Vec<StatementLine>,
        expected: Vec<Expected>,
        edit: Option<SmallestEdit>,
    }

    struct Field {
        dice: Dice,
        made: u64,
    }

    impl Field {
        /// References as a bank counts them: each is a slip of the pen away from many others.
        fn number(&mut self) -> u64 {
            self.made += 1;
            self.made
        }

        /// An amount that nothing else has, above every sum of instalments.
        fn rare(&mut self) -> i64 {
            50_000_000 + 1_013 * i64::try_from(self.number()).unwrap()
        }

        fn sign(&mut self) -> i64 {
            if self.dice.below(2) == 0 { 1 } else { -1 }
        }

        fn thing(&mut self, amount_minor: i64) -> Expected {
            let number = self.number();
            Expected {
                date: day(self.dice.within(0..=89)),
                ..thing(&format!("dsb_{number:06}"), &format!("HDFCN5202611{number:06}"), amount_minor)
            }
        }

        /// The line that shows a thing, some days off, as banks book.
        fn line(&mut self, thing: &Expected) -> StatementLine {
            let days = self.dice.within(-1..=3);
            StatementLine {
                amount: thing.amount,
                value_date: thing.date.saturating_add(days.days()),
                ..line(0, &thing.reference, 0, 0)
            }
        }

        /// The same under the bank's own reference, which nobody expects.
        fn foreign_line(&mut self, thing: &Expected) -> StatementLine {
            let number = self.number();
            StatementLine { bank_reference: format!("SBINR9{number:06}"), ..self.line(thing) }
        }

        /// Two to four things of one day, and one of their sum.
        fn parts(&mut self, currency: Currency) -> (Vec<Expected>, Expected) {
            let sign = self.sign();
            let date = day(self.dice.within(0..=89));
            let parts: Vec<Expected> = (0..self.dice.within(2..=4))
                .map(|_| {
                    let amount = Money::new(sign * self.dice.within(1_000_000..=8_000_000), currency);
                    Expected { amount, date, ..self.thing(0) }
                })
                .collect();
            let sum = parts.iter().map(|part| part.amount.amount_minor).sum();
            let whole = Expected { amount: Money::new(sum, currency), date, ..self.thing(0) };
            (parts, whole)
        }

        fn plant(&mut self, plant: Plant) -> Planted {
            let sign = self.sign();
            let usual = sign * self.dice.usual();
            let mut thing = self.thing(usual);
            let (lines, expected, edit) = match plant {
                Plant::SoundByReference => {
                    let found = self.line(&thing);
                    let off = self.dice.within(-100..=100);
                    (vec![StatementLine { amount: inr(usual + off), ..found }], vec![thing], None)
                }
                Plant::SoundByEndToEnd => {
                    thing.end_to_end = Some(format!("E2E-{:06}", self.number()));
                    let found = StatementLine { end_to_end: thing.end_to_end.clone(), ..self.foreign_line(&thing) };
                    (vec![found], vec![thing], None)
                }
                Plant::SoundByNarrative => {
                    let found = self.foreign_line(&thing);
                    (vec![told(&format!("NEFT/{}/Asha", thing.reference), found)], vec![thing], None)
                }
                Plant::SoundByAmountAndDate => {
                    thing.amount = inr(sign * self.rare());
                    (vec![self.foreign_line(&thing)], vec![thing], None)
                }
                Plant::MissingLine => (vec![], vec![thing], None),
                Plant::ExtraLine => {
                    thing.amount = inr(sign * self.rare());
                    (vec![self.foreign_line(&thing)], vec![], None)
                }
                Plant::Duplicate => {
                    let found = self.line(&thing);
                    (vec![found.clone(), found], vec![thing], None)
                }
                Plant::TransposedDigits => {
                    thing.amount = inr(sign * 135_000);
                    let found = StatementLine { amount: inr(sign * 153_000), ..self.line(&thing) };
                    let edit = SmallestEdit::TransposedDigits { from_minor: sign * 153_000, to_minor: sign * 135_000 };
                    (vec![found], vec![thing], Some(edit))
                }
                Plant::PaisaBeyondTolerance => {
                    // Not one that happens to be a transposition as well: 101 is no multiple of nine.
                    let found = StatementLine { amount: inr(usual + 101), ..self.line(&thing) };
                    let edit = SmallestEdit::Amount { from_minor: usual + 101, to_minor: usual };
                    (vec![found], vec![thing], Some(edit))
                }
                Plant::DateBeyondDrift => {
                    let late = self.dice.within(1..=20);
                    let (from, to) =
                        (thing.date.saturating_add((3 + late).days()), thing.date.saturating_add(3.days()));
                    let found = StatementLine { value_date: from, ..self.line(&thing) };
                    (vec![found], vec![thing], Some(SmallestEdit::Date { from, to, days: -late }))
                }
                Plant::WrongSign => {
                    let found = StatementLine { amount: inr(-usual), ..self.line(&thing) };
                    (vec![found], vec![thing], Some(SmallestEdit::Direction { from_minor: -usual, to_minor: usual }))
                }
                Plant::WrongCurrency => {
                    let found = StatementLine { amount: Money::new(usual, Currency::Npr), ..self.line(&thing) };
                    let edit = SmallestEdit::Currency { from: Currency::Npr, to: Currency::Inr };
                    (vec![found], vec![thing], Some(edit))
                }
                Plant::MergedAndNamed => {
                    let (parts, whole) = self.parts(Currency::Inr);
                    let names: Vec<&str> = parts.iter().map(|part| part.reference.as_str()).collect();
                    let names = names.join(", ");
                    (vec![told(&format!("BULK {names}"), self.foreign_line(&whole))], parts, None)
                }
                Plant::MergedUnnamed => {
                    let (parts, whole) = self.parts(Currency::Lkr);
                    (vec![self.foreign_line(&whole)], parts, None)
                }
                Plant::SplitAndNamed => {
                    let (parts, whole) = self.parts(Currency::Inr);
                    let whole = Expected { end_to_end: Some(format!("E2E-{:06}", self.number())), ..whole };
                    let named = parts
                        .iter()
                        .map(|part| StatementLine { end_to_end: whole.end_to_end.clone(), ..self.foreign_line(part) });
                    (named.collect(), vec![whole], None)
                }
                Plant::SplitUnnamed => {
                    let (parts, whole) = self.parts(Currency::Bdt);
                    (parts.iter().map(|part| self.foreign_line(part)).collect(), vec![whole], None)
                }
                Plant::WrongReference => {
                    thing.amount = inr(sign * self.rare());
                    let mut from = thing.reference.clone();
                    let at = usize::try_from(self.dice.below(from.len() as u64)).unwrap();
                    match self.dice.below(3) {
                        0 => from.replace_range(at..=at, "X"),
                        1 => from.insert(at, 'X'),
                        _ => drop(from.remove(0)),
                    }
                    let found = StatementLine { bank_reference: from.clone(), ..self.line(&thing) };
                    (vec![found], vec![thing.clone()], Some(SmallestEdit::Reference { from, to: thing.reference }))
                }
                Plant::EquallyGood => {
                    thing.amount = inr(sign * self.rare());
                    let other = Expected { amount: thing.amount, date: thing.date, ..self.thing(0) };
                    (vec![self.foreign_line(&thing), self.foreign_line(&other)], vec![thing, other], None)
                }
                Plant::SoundPayout | Plant::PaisaOffPayout | Plant::FailedPayout => {
                    let end_to_end = Some(format!("PAY-{:06}", self.number()));
                    let tie = if plant == Plant::FailedPayout { Tie::Never } else { Tie::Named };
                    let payout = Expected { end_to_end: end_to_end.clone(), tie, ..thing };
                    let found = StatementLine { end_to_end, ..self.foreign_line(&payout) };
                    if plant == Plant::PaisaOffPayout {
                        let edit = SmallestEdit::Amount { from_minor: usual + 1, to_minor: usual };
                        (vec![StatementLine { amount: inr(usual + 1), ..found }], vec![payout], Some(edit))
                    } else {
                        (vec![found], vec![payout], None)
                    }
                }
                Plant::UnnamedPayout => {
                    let payout = named(Expected { amount: inr(sign * self.rare()), ..thing });
                    (vec![self.foreign_line(&payout)], vec![payout], None)
                }
            };
            Planted { plant, lines, expected, edit }
        }
    }

    /// The lines as a bank would write them.
    fn written(lines: &[&StatementLine]) -> String {
        let mut text = "bank_reference,value_date,amount,currency,narrative,end_to_end\n".to_owned();
        for line in lines {
            let Money { amount_minor, currency } = line.amount;
            let (sign, size) = (if amount_minor < 0 { "-" } else { "" }, amount_minor.unsigned_abs());
            text += &format!(
                "{},{},{sign}{}.{:02},{currency},\"{}\",{}\n",
                line.bank_reference,
                line.value_date,
                size / 100,
                size % 100,
                line.narrative,
                line.end_to_end.as_deref().unwrap_or_default()
            );
        }
        text
    }

    /// The lines of several places in one statement, those of a place in their order among the others: its text, what it
    /// says, and the numbers that each place's lines have in it.
    pub(crate) fn landed(dice: &mut Dice, of_places: &[&[StatementLine]]) -> (String, Statement, Vec<Vec<u32>>) {
        let each = of_places.iter().enumerate();
        let mut places: Vec<usize> = each.flat_map(|(place, lines)| lines.iter().map(move |_| place)).collect();
        dice.shuffle(&mut places);
        let mut numbers_of: Vec<Vec<u32>> = of_places.iter().map(|_| vec![]).collect();
        let mut lines = vec![];
        for (number, place) in (1..).zip(places) {
            lines.push(&of_places[place][numbers_of[place].len()]);
            numbers_of[place].push(number);
        }
        let text = written(&lines);
        let statement = statement::read(StatementFormat::Csv, text.as_bytes()).unwrap();
        assert_eq!((statement.lines.len(), statement.flaws.len()), (lines.len(), 0), "{:?}", statement.flaws.first());
        (text, statement, numbers_of)
    }

    /// Plants each fault so many times among so many lines, and checks that each is found once, for what it is, and
    /// nothing else; tells how many of each were found.
    fn planted_and_found(seed: u64, most_lines: usize, times: usize) -> BTreeMap<Plant, usize> {
        let mut field = Field { dice: Dice(seed), made: 0 };
        let mut planted: Vec<Planted> =
            FAULTS.iter().flat_map(|plant| vec![*plant; times]).map(|plant| field.plant(plant)).collect();
        let sound = [
            Plant::SoundByReference,
            Plant::SoundByReference,
            Plant::SoundByEndToEnd,
            Plant::SoundByNarrative,
            Plant::SoundByAmountAndDate,
        ];
        let faulty: usize = planted.iter().map(|planted| planted.lines.len()).sum();
        planted.extend(sound.into_iter().cycle().take(most_lines - faulty).map(|plant| field.plant(plant)));
        let places: Vec<&[StatementLine]> = planted.iter().map(|planted| planted.lines.as_slice()).collect();
        let (_, statement, lines_of) = landed(&mut field.dice, &places);
        assert_eq!(statement.lines.len(), most_lines);
        let mut expected: Vec<Expected> = planted.iter().flat_map(|planted| planted.expected.clone()).collect();
        field.dice.shuffle(&mut expected);
        let found = reconcile(&statement.lines, &expected, &RULES);
        let matches: BTreeMap<u32, &Match> = found.matches.iter().map(|found| (found.lines[0], found)).collect();
        let lines: BTreeMap<u32, &UnmatchedLine> = found.unmatched_lines.iter().map(|left| (left.line, left)).collect();
        let things: BTreeMap<&str, &UnmatchedExpected> =
            found.unmatched_expected.iter().map(|left| (left.id.as_str(), left)).collect();
        let mut counts: BTreeMap<Plant, usize> = BTreeMap::new();
        let (mut explained_matches, mut explained_lines, mut explained_things) = (0, 0, 0);
        for (Planted { plant, expected, edit, .. }, numbers) in planted.iter().zip(&lines_of) {
            let mut ids: Vec<String> = expected.iter().map(|thing| thing.id.clone()).collect();
            ids.sort_unstable();
            let mut matched = |kind, by, numbers: &[u32]| {
                let found =
                    matches.get(&numbers[0]).unwrap_or_else(|| panic!("{plant:?}: line {numbers:?} is not matched"));
                assert_eq!((found.lines.as_slice(), &found.expected), (numbers, &ids), "{plant:?}");
                assert_eq!((found.kind, found.by, &found.edit), (kind, by, edit), "{plant:?}");
                explained_matches += 1;
            };
            let mut left = |why: Criterion, numbers: &[u32], ids: &[String]| {
                for number in numbers {
                    let told = lines.get(number).unwrap_or_else(|| panic!("{plant:?}: line {number} is matched"));
                    assert_eq!((told.why, &told.edit), (why, edit), "{plant:?} {told:?}");
                    assert!(edit.is_none() || told.nearest[0].id == ids[0], "{plant:?} {told:?}");
                    explained_lines += 1;
                }
                for id in ids {
                    let told = things.get(id.as_str()).unwrap_or_else(|| panic!("{plant:?}: {id} is matched"));
                    assert_eq!((told.why, &told.edit), (why, edit), "{plant:?} {told:?}");
                    assert!(edit.is_none() || told.nearest[0].line == numbers[0], "{plant:?} {told:?}");
                    explained_things += 1;
                }
            };
            match plant {
                Plant::SoundByReference => matched(MatchKind::OneToOne, Evidence::Reference, numbers),
                Plant::SoundByEndToEnd => matched(MatchKind::OneToOne, Evidence::EndToEnd, numbers),
                Plant::SoundByNarrative => matched(MatchKind::OneToOne, Evidence::Narrative, numbers),
                Plant::SoundByAmountAndDate | Plant::WrongReference => {
                    matched(MatchKind::OneToOne, Evidence::AmountAndDate, numbers);
                }
                Plant::MergedAndNamed => matched(MatchKind::OneToMany, Evidence::Narrative, numbers),
                Plant::MergedUnnamed => matched(MatchKind::OneToMany, Evidence::AmountAndDate, numbers),
                Plant::SplitAndNamed => matched(MatchKind::ManyToOne, Evidence::EndToEnd, numbers),
                Plant::SplitUnnamed => matched(MatchKind::ManyToOne, Evidence::AmountAndDate, numbers),
                Plant::Duplicate => {
                    matched(MatchKind::OneToOne, Evidence::Reference, &numbers[..1]);
                    assert_eq!(lines[&numbers[1]].nearest[0].id, ids[0]);
                    left(Criterion::Duplicate, &numbers[1..], &[]);
                }
                Plant::MissingLine | Plant::ExtraLine => left(Criterion::Absent, numbers, &ids),
                Plant::TransposedDigits | Plant::PaisaBeyondTolerance => left(Criterion::Amount, numbers, &ids),
                Plant::DateBeyondDrift => left(Criterion::Date, numbers, &ids),
                Plant::WrongSign => left(Criterion::Direction, numbers, &ids),
                Plant::WrongCurrency => left(Criterion::Currency, numbers, &ids),
                Plant::EquallyGood => left(Criterion::Ambiguous, numbers, &ids),
                Plant::SoundPayout => matched(MatchKind::OneToOne, Evidence::EndToEnd, numbers),
                Plant::PaisaOffPayout => left(Criterion::Amount, numbers, &ids),
                Plant::UnnamedPayout => left(Criterion::Unnamed, numbers, &ids),
                // No line should show it, so none is missed.
                Plant::FailedPayout => left(Criterion::SaidFailed, numbers, &[]),
            }
            *counts.entry(*plant).or_default() += 1;
        }
        // What was planted is all there is: no false match, no false alarm.
        assert_eq!(explained_matches, found.matches.len());
        assert_eq!((explained_lines, explained_things), (found.unmatched_lines.len(), found.unmatched_expected.len()));
        counts
    }

    #[test]
    fn ten_thousand_lines_with_planted_faults_are_each_explained_rightly() {
        let counts = planted_and_found(20_261_121, 10_000, 40);
        let faults: usize = FAULTS.iter().map(|plant| counts[plant]).sum();
        println!("10000 lines, {faults} faults found of {faults} planted, 0 false matches, 0 false alarms: {counts:?}");
        assert!(FAULTS.iter().all(|plant| counts[plant] == 40));
    }

    #[test]
    fn so_are_those_of_thirty_other_statements() {
        for seed in 0..30 {
            let counts = planted_and_found(seed, 600, 4);
            assert!(FAULTS.iter().all(|plant| counts[plant] == 4), "{seed}");
        }
    }

    // A small world in which everything collides with everything.

    /// Some payments, each shown by one line or in parts, alone or together with others, under names of which there are
    /// too few; and much of it a little wrong.
    fn small_world() -> impl Strategy<Value = (Vec<StatementLine>, Vec<Expected>)> {
        let amounts = prop::collection::vec(prop_oneof![1_i64..12, 1_i64..400], 1..4);
        let wrong = prop::option::weighted(0.3, (-3_i64..=3, -3_i64..=6, 0_u8..12));
        let one = (0_u8..8, amounts, 0_u8..6, 0_u8..4, any::<bool>(), 0_i64..3, wrong);
        prop::collection::vec(one, 0..6).prop_map(|many| {
            let (mut lines, mut expected) = (vec![], vec![]);
            for (kind, amounts, naming, name, is_credit, off_days, wrong) in many {
                let sign = if is_credit { 1 } else { -1 };
                let whole = [amounts.iter().sum::<i64>()];
                let (shown, wanted): (&[i64], &[i64]) = match kind {
                    0 => (&whole, &[]),
                    1 => (&[], &whole),
                    2 => (&whole, &amounts),
                    3 => (&amounts, &whole),
                    4 => (&amounts, &amounts),
                    _ => (&whole, &whole),
                };
                let (minor_off, days_off, what) = wrong.unwrap_or((0, 0, 12));
                let mut names = String::new();
                for minor in wanted {
                    let number = expected.len();
                    let reference = if naming < 2 { format!("REFER{name}") } else { format!("OURS{number:03}") };
                    names += &format!("{reference}, ");
                    expected.push(Expected {
                        end_to_end: (naming == 2).then(|| format!("ID-000{name}")),
                        date: day(off_days),
                        ..thing(&format!("t{number}"), &reference, sign * minor)
                    });
                }
                for minor in shown {
                    let number = u32::try_from(lines.len()).unwrap() + 1;
                    let mut line = match naming {
                        0 => line(number, &format!("REFER{name}"), sign * minor + minor_off, off_days + days_off),
                        1 => line(number, &format!("REFER{name}1"), sign * minor + minor_off, off_days + days_off),
                        _ => line(number, &format!("BANK{number}"), sign * minor + minor_off, off_days + days_off),
                    };
                    match what {
                        0 => line.amount.amount_minor = -line.amount.amount_minor,
                        1 => line.amount.currency = Currency::Npr,
                        2 => line.duplicate_of = number.checked_sub(1).filter(|earlier| *earlier > 0),
                        3 => names += "REFER1 and ID-0002",
                        _ => {}
                    }
                    line.end_to_end = (naming == 2).then(|| format!("ID-000{name}"));
                    line.narrative = if naming == 3 { names.clone() } else { String::new() };
                    lines.push(line);
                }
            }
            (lines, expected)
        })
    }

    fn any_rules() -> impl Strategy<Value = Rules> {
        (0_i64..4, 0_i64..4, 0_i64..3, 0_usize..8).prop_map(
            |(tolerance_minor, date_drift_days, early_days, most_in_group)| Rules {
                tolerance_minor,
                date_drift_days,
                early_days,
                most_in_group,
            },
        )
    }

    fn sum(amounts: impl Iterator<Item = Money>, currency: Currency) -> i64 {
        amounts.filter(|amount| amount.currency == currency).map(|amount| amount.amount_minor).sum()
    }

    fn edited(line: &StatementLine, edit: &SmallestEdit) -> StatementLine {
        let mut line = line.clone();
        match edit {
            SmallestEdit::Amount { to_minor, .. }
            | SmallestEdit::TransposedDigits { to_minor, .. }
            | SmallestEdit::Direction { to_minor, .. } => line.amount.amount_minor = *to_minor,
            SmallestEdit::Currency { to, .. } => line.amount.currency = *to,
            SmallestEdit::Date { to, .. } => line.value_date = *to,
            SmallestEdit::Reference { to, .. } => line.bank_reference = to.clone(),
            SmallestEdit::EndToEnd { to, .. } => line.end_to_end = Some(to.clone()),
        }
        line
    }

    /// What a reconciliation leaves.
    fn rest_of(
        found: &Reconciliation,
        lines: &[StatementLine],
        expected: &[Expected],
    ) -> (Vec<StatementLine>, Vec<Expected>) {
        let left: BTreeSet<u32> = found.unmatched_lines.iter().map(|line| line.line).collect();
        let open: BTreeSet<&String> = found.unmatched_expected.iter().map(|thing| &thing.id).collect();
        let lines = lines.iter().filter(|line| left.contains(&line.line)).cloned().collect();
        (lines, expected.iter().filter(|thing| open.contains(&thing.id)).cloned().collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn every_transposition_of_an_amount_is_told_for_one(amount_minor in any::<i64>(), small in -1_000_000..1_000_000_i64) {
            for amount_minor in [amount_minor, small] {
                let swapped = transpositions(amount_minor);
                prop_assert!(swapped.into_iter().all(|swapped| is_transposed(amount_minor, swapped)));
            }
        }

        #[test]
        fn every_line_and_every_thing_stands_in_the_answer_once_and_sums_are_conserved(
            (lines, expected) in small_world(), rules in any_rules(),
        ) {
            let found = reconcile(&lines, &expected, &rules);
            let mut numbers: Vec<u32> = found.matches.iter().flat_map(|found| found.lines.clone()).collect();
            numbers.extend(found.unmatched_lines.iter().map(|line| line.line));
            numbers.sort_unstable();
            prop_assert_eq!(numbers, lines.iter().map(|line| line.line).collect::<Vec<_>>());
            let mut ids: Vec<String> = found.matches.iter().flat_map(|found| found.expected.clone()).collect();
            ids.extend(found.unmatched_expected.iter().map(|thing| thing.id.clone()));
            ids.sort_unstable();
            let mut all: Vec<String> = expected.iter().map(|thing| thing.id.clone()).collect();
            all.sort_unstable();
            prop_assert_eq!(ids, all);
            let (left, open) = rest_of(&found, &lines, &expected);
            for currency in [Currency::Inr, Currency::Npr] {
                let of_currency = |found: &&Match| {
                    lines.iter().any(|line| line.line == found.lines[0] && line.amount.currency == currency)
                };
                let differences: i64 =
                    found.matches.iter().filter(of_currency).map(|found| found.difference_minor).sum();
                prop_assert_eq!(
                    sum(lines.iter().map(|line| line.amount), currency) - sum(expected.iter().map(|e| e.amount), currency),
                    differences + sum(left.iter().map(|line| line.amount), currency)
                        - sum(open.iter().map(|thing| thing.amount), currency)
                );
            }
            for found in &found.matches {
                prop_assert!(found.difference_minor.abs() <= rules.tolerance_minor);
                prop_assert!(found.lines.len() == 1 || found.expected.len() == 1);
                for line in lines.iter().filter(|line| found.lines.contains(&line.line)) {
                    prop_assert_eq!(line.duplicate_of, None);
                    for thing in expected.iter().filter(|thing| found.expected.contains(&thing.id)) {
                        let late = day_number(line.value_date) - day_number(thing.date);
                        prop_assert!((-rules.early_days..=rules.date_drift_days).contains(&late));
                        prop_assert_eq!(line.amount.currency, thing.amount.currency);
                        prop_assert_eq!(line.amount.amount_minor.signum(), thing.amount.amount_minor.signum());
                    }
                }
            }
        }

        #[test]
        fn the_order_in_which_things_come_changes_nothing(
            (lines, expected, shuffled) in small_world()
                .prop_flat_map(|(lines, expected)| (Just(lines), Just(expected.clone()), Just(expected).prop_shuffle())),
            rules in any_rules(),
        ) {
            let found = reconcile(&lines, &expected, &rules);
            prop_assert_eq!(&reconcile(&lines, &shuffled, &rules), &found);
            let reversed: Vec<_> = lines.iter().rev().cloned().collect();
            prop_assert_eq!(&reconcile(&reversed, &shuffled, &rules), &found);
        }

        #[test]
        fn holding_the_rest_together_again_finds_nothing_new(
            (lines, expected) in small_world(), rules in any_rules(),
        ) {
            let (left, open) = rest_of(&reconcile(&lines, &expected, &rules), &lines, &expected);
            prop_assert_eq!(reconcile(&left, &open, &rules).matches, []);
        }

        #[test]
        fn the_one_change_that_is_named_makes_the_line_match(
            (lines, expected) in small_world(), rules in any_rules(),
        ) {
            let found = reconcile(&lines, &expected, &rules);
            let (left, open) = rest_of(&found, &lines, &expected);
            let of_lines = found.unmatched_lines.iter().filter_map(|told| Some((told.line, told.edit.clone()?)));
            let of_things = found.unmatched_expected.iter().filter_map(|told| Some((told.nearest.first()?.line, told.edit.clone()?)));
            for (number, edit) in of_lines.chain(of_things) {
                let changed: Vec<_> = left
                    .iter()
                    .map(|line| if line.line == number { edited(line, &edit) } else { line.clone() })
                    .collect();
                let again = reconcile(&changed, &open, &rules);
                prop_assert!(
                    again.matches.iter().any(|found| found.lines.contains(&number)),
                    "line {} does not match after {}", number, edit
                );
            }
        }
    }
}
