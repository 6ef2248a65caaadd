//! A statement held against what is expected: a usual one, and those in which nothing is tied by a name.

use std::hint::black_box;

use domain::{
    Currency, Day, Money,
    disbursement::MATCHING_RULES,
    matching::{Expected, Reconciliation, Tie, reconcile},
    statement::StatementLine,
};
use gungraun::{library_benchmark, library_benchmark_group};
use jiff::{ToSpan, civil::date};

use crate::{dice::Dice, kept};

/// Lines of a statement, and what is expected.
type Sides = (Vec<StatementLine>, Vec<Expected>);

/// The instalments that most borrowers pay, in paise.
const INSTALMENTS: [i64; 6] = [99_000, 125_000, 135_000, 150_000, 180_000, 212_500];

fn day(days: u64) -> Day {
    date(2026, 11, 1).saturating_add(i64::try_from(days).unwrap().days())
}

fn inr(amount_minor: i64) -> Money {
    Money::new(amount_minor, Currency::Inr)
}

fn thing(number: u32, reference: String, amount_minor: i64, date: Day) -> Expected {
    Expected {
        id: format!("dsb_{number:06}"),
        reference,
        end_to_end: None,
        amount: inr(amount_minor),
        date,
        tie: Tie::Any,
    }
}

/// The line that shows a thing, under a reference of the bank's own.
fn line(number: u32, thing: &Expected, days_later: u64) -> StatementLine {
    StatementLine {
        line: number,
        bank_reference: format!("SBINR9{number:06}"),
        amount: thing.amount,
        value_date: thing.date.saturating_add(i64::try_from(days_later).unwrap().days()),
        narrative: "NEFT payment".to_owned(),
        end_to_end: None,
        duplicate_of: None,
    }
}

/// Of ten lines four have the expected reference, two the end-to-end id, two name the thing in their narrative, one has an
/// amount that nothing else has, and one is a slip: of the days, of the amount, of the pen, a stranger, or its thing is one
/// that no line shows. One of a thousand is a payout.
fn usual(lines: u32) -> &'static Sides {
    let mut dice = Dice::new(3);
    let (mut shown, mut expected) = (vec![], vec![]);
    for number in 1..=lines {
        let instalment = INSTALMENTS[usize::try_from(dice.below(6)).unwrap()];
        let rare = 50_000_000 + 1_013 * i64::from(number);
        let mut thing = thing(number, format!("HDFCN5202611{number:06}"), instalment, day(dice.below(25)));
        let mut found = line(number, &thing, dice.below(4));
        match number % 10 {
            0..=3 => found.bank_reference.clone_from(&thing.reference),
            4 | 5 => {
                thing.end_to_end = Some(format!("E2E-{number:06}"));
                found.end_to_end.clone_from(&thing.end_to_end);
            }
            6 | 7 => found.narrative = format!("NEFT/{}/Asha", thing.reference),
            8 => (thing.amount, found.amount) = (inr(rare), inr(rare)),
            _ => match number / 10 % 5 {
                0 => {
                    found.bank_reference.clone_from(&thing.reference);
                    found.value_date = found.value_date.saturating_add(9.days());
                }
                1 => {
                    found.bank_reference.clone_from(&thing.reference);
                    found.amount = inr(instalment + 101);
                }
                2 => {
                    (thing.amount, found.amount) = (inr(rare), inr(rare));
                    found.bank_reference = format!("HDFCN520261X{number:06}");
                }
                3 => found.amount = inr(rare),
                _ => thing.amount = inr(rare),
            },
        }
        if number % 1_000 == 4 {
            thing.tie = Tie::Named;
        }
        shown.push(found);
        expected.push(thing);
    }
    dice.shuffle(&mut shown);
    dice.shuffle(&mut expected);
    kept((shown, expected))
}

/// Everybody pays the same on the same day, and nobody names anything: all of it is ambiguous.
fn equal(lines: u32) -> &'static Sides {
    let expected: Vec<_> = (1..=lines).map(|number| thing(number, String::new(), 150_000, day(0))).collect();
    let shown = (1..).zip(&expected).map(|(number, thing)| line(number, thing, 0)).collect();
    kept((shown, expected))
}

/// No line is like anything that is expected: each is told what is nearest to it.
fn strangers(lines: u32) -> &'static Sides {
    let thing = |number: u32| thing(number, String::new(), i64::from(number) * 1_000 + 500, day(0));
    let expected: Vec<_> = (1..=lines).map(thing).collect();
    let amount = |line: StatementLine| StatementLine { amount: inr(i64::from(line.line) * 1_000), ..line };
    let shown = (1..).zip(&expected).map(|(number, thing)| amount(line(number, thing, 0))).collect();
    kept((shown, expected))
}

fn held(sides: &Sides) -> Reconciliation {
    let (lines, expected) = black_box(sides);
    reconcile(lines, expected, &MATCHING_RULES)
}

#[library_benchmark]
#[bench::lines_1000(usual(1_000))]
#[bench::lines_10000(usual(10_000))]
#[bench::lines_20000(usual(20_000))]
fn match_usual(sides: &Sides) -> Reconciliation {
    held(sides)
}

#[library_benchmark]
#[bench::lines_1000(equal(1_000))]
#[bench::lines_10000(equal(10_000))]
fn match_equal(sides: &Sides) -> Reconciliation {
    held(sides)
}

#[library_benchmark]
#[bench::lines_1000(strangers(1_000))]
#[bench::lines_10000(strangers(10_000))]
fn match_strangers(sides: &Sides) -> Reconciliation {
    held(sides)
}

library_benchmark_group!(name = matches, benchmarks = [match_usual, match_equal, match_strangers]);
