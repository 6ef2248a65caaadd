//! A settlement's file: every entry of a partner's control account as a line, in the format that the house writes.

use std::hint::black_box;

use domain::{
    Currency, DeliveryId, Money, SettlementId, TransferId,
    ledger::{Entry, Subject, TransferKind},
    settlement::{Settlement, SettlementStatus},
    settlement_file::SettlementFile,
    settlement_format::{MILEPOST, SettlementFormat, SettlementFormats},
};
use gungraun::{library_benchmark, library_benchmark_group};
use jiff::civil::date;

use crate::{dice::Dice, kept, now};

/// A settlement, its format and its entries.
type Day = (Settlement, SettlementFormat, Vec<Entry>);

fn day(entries: i64) -> &'static Day {
    let mut dice = Dice::new(4);
    let format = SettlementFormats::shipped().unwrap().newest(MILEPOST).unwrap().clone();
    let settlement = Settlement {
        settlement_id: SettlementId::mint(now(), &[b"settlement"]),
        business_day: date(2026, 11, 21),
        partner_id: "bfil".parse().unwrap(),
        currency: Currency::Inr,
        status: SettlementStatus::Building,
        opened_at: now().plus_seconds(-43_200),
        cut_at: now().plus_seconds(43_200),
        totals: None,
        transfer_id: None,
        file: None,
        format: format.format().clone(),
        payout_id: None,
        acknowledgement: None,
        version: 1,
    };
    let entry = |number: i64| {
        let (at, seed) = (now().plus_seconds(number), number.to_be_bytes());
        // Two of three visits collect; a control account shows what came in as a credit.
        let (kind, sign) = match number % 3 {
            0 => (TransferKind::Disbursement, 1),
            _ => (TransferKind::Collection, -1),
        };
        Entry {
            transfer_id: TransferId::mint(at, &[&seed]),
            kind,
            at,
            effective_at: at.plus_seconds(-20),
            amount: Money::new(sign * i64::try_from(99_000 + dice.below(900_000)).unwrap(), Currency::Inr),
            subject: Subject {
                delivery_id: Some(DeliveryId::mint(at, &[&seed])),
                reference: Some(format!("BF-2026-{number:06}")),
                ..Subject::default()
            },
        }
    };
    let entries = (1..=entries).map(entry).collect();
    kept((settlement, format, entries))
}

#[library_benchmark]
#[bench::entries_1000(day(1_000))]
#[bench::entries_10000(day(10_000))]
fn write_file(day: &Day) -> Vec<u8> {
    let (settlement, format, entries) = black_box(day);
    let mut file = SettlementFile::new(&"pennco".parse().unwrap(), settlement, format).unwrap();
    for entry in entries {
        file.push(entry, None).unwrap();
    }
    file.close().unwrap();
    file.take()
}

library_benchmark_group!(name = settlement_files, benchmarks = [write_file]);
