//! The day as it is meant to go: who visits whom, for how much, when the line drops, which mistakes are planted.

use jiff::civil::Weekday;

use crate::{Options, clock::Clockwork, curve::Curve, dice::Dice};

/// Which way the cash goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Collection,
    Disbursement,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Collection => "collection",
            Self::Disbursement => "disbursement",
        }
    }
}

/// How a visit ends if nothing is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The whole amount changes hands.
    Full,
    /// The borrower pays only so much.
    Part(i64),
    /// The visit fails, for that reason.
    Failed(&'static str),
}

/// What the line does to a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Sent once, answered once.
    Clean,
    /// Sent again after the answer, as an impatient thumb does.
    Twice,
    /// Sent twice at the same moment.
    Together,
    /// The line was gone before anything was sent.
    Unsent,
    /// The line broke in the middle of the request.
    Half,
    /// The whole request went out, the phone hung up at once.
    Unheard,
    /// The answer arrived, the phone died before it was read.
    Unread,
}

/// A mistake planted at a stop; each must be refused by name, and change nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mistake {
    OverDue,
    AmountDiffers,
    OverCap,
    ShortOfCash,
    ReferenceTaken,
    KeyReused,
    OtherRegion,
    SecondAssign,
    DesksAtOnce,
    ConcludedTwice,
    EarlyBankLine,
    StrangersDelivery,
    WrongOperator,
}

impl Mistake {
    const ALL: [Self; 13] = [
        Self::OverCap,
        Self::ShortOfCash,
        Self::OverDue,
        Self::AmountDiffers,
        Self::EarlyBankLine,
        Self::ReferenceTaken,
        Self::KeyReused,
        Self::OtherRegion,
        Self::SecondAssign,
        Self::DesksAtOnce,
        Self::ConcludedTwice,
        Self::StrangersDelivery,
        Self::WrongOperator,
    ];

    /// The kind of stop it needs, if it matters.
    fn needs(self) -> Option<Kind> {
        match self {
            Self::OverDue | Self::OverCap => Some(Kind::Collection),
            Self::AmountDiffers | Self::ShortOfCash | Self::EarlyBankLine => Some(Kind::Disbursement),
            Self::ReferenceTaken
            | Self::KeyReused
            | Self::OtherRegion
            | Self::SecondAssign
            | Self::DesksAtOnce
            | Self::ConcludedTwice
            | Self::StrangersDelivery
            | Self::WrongOperator => None,
        }
    }
}

/// One visit to one borrower.
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    /// Unique in the plan.
    pub(crate) number: usize,
    pub(crate) kind: Kind,
    /// Place in the list of partners.
    pub(crate) partner: usize,
    pub(crate) amount_minor: i64,
    /// When, in minutes of the simulated day.
    pub(crate) minute: u32,
    pub(crate) ending: Ending,
    pub(crate) created: Fate,
    pub(crate) assigned: Fate,
    pub(crate) concluded: Fate,
    pub(crate) mistake: Option<Mistake>,
    /// The agent reads the visit again before the door.
    pub(crate) looked_up: bool,
}

/// What is odd about a location batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Batch {
    Plain,
    /// Captured hours ago, out of coverage.
    Late,
    /// Points out of order.
    Shuffled,
    /// The very same batch a second time.
    SentTwice,
    /// One moment twice in the batch.
    Doubled,
    /// One bad point.
    Bad(BadPoint),
    /// Nothing but bad points.
    AllBad,
}

/// Why a point is refused; the names are the API's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadPoint {
    Invalid,
    Future,
    Past,
    Inaccurate,
    ImplausibleSpeed,
}

/// One location request.
#[derive(Debug, Clone)]
pub(crate) struct Ping {
    pub(crate) minute: u32,
    pub(crate) points: usize,
    pub(crate) batch: Batch,
    pub(crate) seed: u64,
}

/// The oddities of location batches, dealt in turn so that even a short day has each of them.
const BATCHES: [Batch; 16] = [
    Batch::Plain,
    Batch::SentTwice,
    Batch::Bad(BadPoint::Invalid),
    Batch::Plain,
    Batch::Late,
    Batch::Bad(BadPoint::Future),
    Batch::Plain,
    Batch::Shuffled,
    Batch::Bad(BadPoint::Past),
    Batch::Plain,
    Batch::Doubled,
    Batch::Bad(BadPoint::Inaccurate),
    Batch::Plain,
    Batch::AllBad,
    Batch::Bad(BadPoint::ImplausibleSpeed),
    Batch::Late,
];

/// How a phone exchanges its refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exchange {
    /// On a line that does this to it.
    On(Fate),
    /// So many times at the same moment, as an app does whose parts know nothing of each other.
    AtOnce(usize),
}

/// One exchange of a phone's refresh token.
#[derive(Debug, Clone)]
pub(crate) struct Renewal {
    pub(crate) minute: u32,
    pub(crate) exchange: Exchange,
}

/// What becomes of refreshes, dealt in turn so that even a short day has each of them.
const EXCHANGES: [Exchange; 8] = [
    Exchange::On(Fate::Unread),
    Exchange::AtOnce(2),
    Exchange::On(Fate::Clean),
    Exchange::AtOnce(16),
    Exchange::On(Fate::Half),
    Exchange::On(Fate::Twice),
    Exchange::On(Fate::Unread),
    Exchange::On(Fate::Unsent),
];

/// The whole day comes from one address, which may send 600 requests a minute to routes that are open to all, and some
/// refreshes go out sixteen times: so many are planned in all, and at least one an agent.
const REFRESHES: u32 = 240;
const MOST_REFRESHES_OF_AN_AGENT: u32 = 4;

/// One agent's day.
#[derive(Debug, Clone)]
pub(crate) struct Officer {
    /// Place in the list of operators.
    pub(crate) operator: usize,
    /// Place among the operator's agents by their login, from 1.
    pub(crate) number: usize,
    pub(crate) stops: Vec<Stop>,
    pub(crate) pings: Vec<Ping>,
    /// When the agent looks at the list of visits.
    pub(crate) looks: Vec<u32>,
    /// When the phone refreshes, and what the line does then.
    pub(crate) renewals: Vec<Renewal>,
    /// The agent mistypes the code in the morning.
    pub(crate) is_clumsy: bool,
    /// The agent loses the phone when the last visit is done.
    pub(crate) loses_phone: bool,
}

/// The whole day of everybody.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) officers: Vec<Officer>,
    pub(crate) curve: Curve,
}

/// More than any agent can ever hold, less than the API's largest amount.
const FAR_TOO_MUCH: i64 = 90_000_000;

impl Plan {
    /// Draws the day from the seed.
    pub(crate) fn draw(options: &Options, weekday: Weekday) -> Self {
        let curve = Curve::of(weekday);
        let operators = options.operators.len().max(1);
        let mut dice = Dice::new(options.seed, 1);
        let mut number = 0;
        let mut batches = BATCHES.iter().cycle().skip(dice.place(BATCHES.len()));
        let mut officers: Vec<Officer> = (0..usize::try_from(options.agents).unwrap_or_default())
            .map(|place| {
                let mut stops: Vec<Stop> = (0..options.stops)
                    .map(|_| {
                        number += 1;
                        stop(number, options.partners.len(), &curve, &mut dice)
                    })
                    .collect();
                stops.sort_by_key(|stop| stop.minute);
                let mut pings: Vec<Ping> = (0..options.stops.div_ceil(2))
                    .filter_map(|_| batches.next().map(|batch| ping(*batch, &curve, &mut dice)))
                    .collect();
                pings.sort_by_key(|ping| ping.minute);
                // Everybody looks at the list in the first hour and a half.
                let first = u32::try_from(dice.below(90)).unwrap_or_default();
                let mut looks = vec![Clockwork::OPEN + first];
                looks.extend((0..options.stops / 4).map(|_| curve.minute(&mut dice)));
                let number = place / operators + 1;
                Officer {
                    operator: place % operators,
                    number,
                    stops,
                    pings,
                    looks,
                    renewals: Vec::new(),
                    is_clumsy: number == 1,
                    loses_phone: false,
                }
            })
            .collect();
        for operator in 0..operators {
            plant(&mut officers, operator, &mut dice);
            if let Some(last) = officers.iter_mut().rfind(|officer| officer.operator == operator) {
                last.loses_phone = true;
            }
        }
        plan_renewals(options, &mut officers, &curve);
        Self { officers, curve }
    }

    /// How many visits there are.
    pub(crate) fn visits(&self) -> usize {
        self.officers.iter().map(|officer| officer.stops.len()).sum()
    }
}

/// Three collections to two disbursements of about twice the size: cash in hand stays about level.
fn stop(number: usize, partners: usize, curve: &Curve, dice: &mut Dice) -> Stop {
    let kind = if dice.percent(60) { Kind::Collection } else { Kind::Disbursement };
    let amount_minor = match kind {
        Kind::Collection => dice.between(50, 500) * 1_000,
        Kind::Disbursement => dice.between(200, 900) * 1_000,
    };
    let reasons = ["borrower_absent", "refused", "address_not_found", "identity_mismatch", "unsafe", "other"];
    let ending = match dice.below(100) {
        0..8 => Ending::Failed(dice.pick(&reasons).copied().unwrap_or("other")),
        8..18 if kind == Kind::Collection => Ending::Part(dice.between(1, amount_minor - 1)),
        _ => Ending::Full,
    };
    Stop {
        number,
        kind,
        partner: dice.place(partners),
        amount_minor,
        minute: curve.minute(dice),
        ending,
        created: fate(dice, 88),
        assigned: fate(dice, 94),
        concluded: fate(dice, 64),
        mistake: None,
        looked_up: dice.percent(30),
    }
}

fn fate(dice: &mut Dice, clean: u64) -> Fate {
    if dice.percent(clean) {
        return Fate::Clean;
    }
    let broken = [
        (4, Fate::Twice),
        (3, Fate::Together),
        (3, Fate::Unsent),
        (4, Fate::Half),
        (4, Fate::Unheard),
        (5, Fate::Unread),
    ];
    dice.weighted(&broken).unwrap_or(Fate::Clean)
}

fn ping(batch: Batch, curve: &Curve, dice: &mut Dice) -> Ping {
    let points = match dice.below(10) {
        0 => 200,
        1..4 => dice.between(40, 120),
        _ => dice.between(1, 20),
    };
    Ping { minute: curve.minute(dice), points: usize::try_from(points).unwrap_or(1), batch, seed: dice.next() }
}

/// When each phone refreshes, and what becomes of it. A request that nobody listens for is the last of a phone's day,
/// because in so fast a day the next refresh would come while it may be under way.
fn plan_renewals(options: &Options, officers: &mut [Officer], curve: &Curve) {
    let mut dice = Dice::new(options.seed, 3);
    let mut exchanges = EXCHANGES.iter().cycle().skip(dice.place(EXCHANGES.len()));
    let of_each = (REFRESHES / options.agents.max(1)).clamp(1, MOST_REFRESHES_OF_AN_AGENT);
    for (place, officer) in officers.iter_mut().enumerate() {
        let drawn = (0..of_each).map(|_| curve.minute(&mut dice)).zip(&mut exchanges);
        officer.renewals = drawn.map(|(minute, exchange)| Renewal { minute, exchange: *exchange }).collect();
        officer.renewals.sort_by_key(|renewal| renewal.minute);
        if let Some(last) = officer.renewals.last_mut().filter(|_| place % 3 == 0 && !officer.loses_phone) {
            last.exchange = Exchange::On(Fate::Unheard);
        }
    }
}

/// Plants each mistake at least once an operator, at stops that fit and have none yet.
fn plant(officers: &mut [Officer], operator: usize, dice: &mut Dice) {
    let mut places: Vec<(usize, usize)> = officers
        .iter()
        .enumerate()
        .filter(|(_, officer)| officer.operator == operator)
        .flat_map(|(who, officer)| (0..officer.stops.len()).map(move |stop| (who, stop)))
        .collect();
    dice.shuffle(&mut places);
    for _ in 0..(places.len() / 120).max(1) {
        for mistake in Mistake::ALL {
            let fits = |stop: &Stop| {
                stop.mistake.is_none()
                    && mistake.needs().is_none_or(|kind| kind == stop.kind)
                    && (mistake.needs().is_none() || !matches!(stop.ending, Ending::Failed(_)))
            };
            let found = places
                .iter()
                .find(|(who, at)| officers.get(*who).and_then(|officer| officer.stops.get(*at)).is_some_and(fits));
            let Some(stop) = found.and_then(|(who, at)| officers.get_mut(*who)?.stops.get_mut(*at)) else { continue };
            stop.mistake = Some(mistake);
            match mistake {
                Mistake::OverCap => (stop.amount_minor, stop.ending) = (FAR_TOO_MUCH, Ending::Part(100_000)),
                Mistake::ShortOfCash => {
                    (stop.amount_minor, stop.ending) = (FAR_TOO_MUCH, Ending::Failed("insufficient_cash"));
                }
                Mistake::DesksAtOnce => stop.assigned = Fate::Clean,
                Mistake::OverDue
                | Mistake::AmountDiffers
                | Mistake::ReferenceTaken
                | Mistake::KeyReused
                | Mistake::OtherRegion
                | Mistake::SecondAssign
                | Mistake::ConcludedTwice
                | Mistake::EarlyBankLine
                | Mistake::StrangersDelivery
                | Mistake::WrongOperator => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::Parser;

    use super::*;

    fn drawn(seed: &str) -> Plan {
        Plan::draw(&Options::parse_from(["field-day", "--url", "http://localhost", "--seed", seed]), Weekday::Tuesday)
    }

    #[test]
    fn the_same_seed_is_the_same_day() {
        assert_eq!(format!("{:?}", drawn("4")), format!("{:?}", drawn("4")));
        assert_ne!(format!("{:?}", drawn("4")), format!("{:?}", drawn("5")));
    }

    #[test]
    fn every_mistake_is_planted_at_every_operator() {
        let plan = drawn("1");
        assert_eq!(plan.visits(), 400);
        for operator in 0..3 {
            let stops =
                plan.officers.iter().filter(|officer| officer.operator == operator).flat_map(|officer| &officer.stops);
            let planted: BTreeSet<Mistake> = stops.filter_map(|stop| stop.mistake).collect();
            assert_eq!(planted.len(), Mistake::ALL.len());
        }
    }

    #[test]
    fn agents_are_spread_in_turn_and_numbered_from_one() {
        let plan = drawn("1");
        let first: Vec<(usize, usize)> = plan.officers.iter().take(4).map(|one| (one.operator, one.number)).collect();
        assert_eq!(first, [(0, 1), (1, 1), (2, 1), (0, 2)]);
    }

    #[test]
    fn every_phone_refreshes_and_every_fate_is_met_even_on_a_small_day() {
        let small = ["field-day", "--url", "http://localhost", "--agents", "6", "--operators", "pennco,vishi"];
        let plan = Plan::draw(&Options::parse_from(small), Weekday::Tuesday);
        assert!(plan.officers.iter().all(|officer| officer.renewals.len() == 4));
        let planned: Vec<Exchange> =
            plan.officers.iter().flat_map(|officer| &officer.renewals).map(|renewal| renewal.exchange).collect();
        for exchange in EXCHANGES.iter().chain(&[Exchange::On(Fate::Unheard)]) {
            assert!(planned.contains(exchange), "{exchange:?}");
        }
    }

    #[test]
    fn nothing_follows_a_refresh_that_nobody_listens_for() {
        for officer in drawn("2").officers {
            let before_the_last = officer.renewals.iter().rev().skip(1);
            assert!(before_the_last.into_iter().all(|renewal| renewal.exchange != Exchange::On(Fate::Unheard)));
        }
    }

    #[test]
    fn one_agent_an_operator_is_clumsy_and_one_loses_the_phone() {
        let plan = drawn("1");
        for operator in 0..3 {
            let of_it = || plan.officers.iter().filter(|officer| officer.operator == operator);
            assert_eq!(of_it().filter(|officer| officer.is_clumsy).count(), 1);
            assert_eq!(of_it().filter(|officer| officer.loses_phone).count(), 1);
        }
    }

    #[test]
    fn a_days_visits_are_in_order_and_within_working_hours() {
        for officer in drawn("9").officers {
            assert!(officer.stops.is_sorted_by_key(|stop| stop.minute));
            assert!(officer.stops.iter().all(|stop| (Clockwork::OPEN..Clockwork::SHUT).contains(&stop.minute)));
        }
    }
}
