//! A bank's statement as it is read, in each of its formats.

use std::{fmt::Write, hint::black_box};

use domain::statement::{self, Statement, StatementFormat};
use gungraun::{library_benchmark, library_benchmark_group};

use crate::{dice::Dice, kept};

/// So many lines as a bank writes them in CSV: a reference and a day each, an amount, who paid what.
fn csv(lines: u64) -> &'static String {
    let mut dice = Dice::new(2);
    let mut text = "bank_reference,value_date,amount,currency,narrative,end_to_end\n".to_owned();
    for line in 1..=lines {
        let (rupees, day) = (100 + dice.below(9_000), 1 + dice.below(28));
        writeln!(text, "HDFCN5202611{line:06},2026-11-{day:02},{rupees}.50,INR,NEFT/BF-{line:06}/Asha,E2E-{line:06}")
            .unwrap();
    }
    kept(text)
}

/// The same as a camt.053 with its two balances.
fn camt(lines: u64) -> &'static String {
    let mut dice = Dice::new(2);
    let (mut entries, mut sum) = (String::new(), 0);
    for line in 1..=lines {
        let (rupees, day) = (100 + dice.below(9_000), 1 + dice.below(28));
        sum += rupees * 100 + 50;
        writeln!(
            entries,
            "<Ntry><Amt Ccy=\"INR\">{rupees}.50</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>\
             <ValDt><Dt>2026-11-{day:02}</Dt></ValDt><AcctSvcrRef>HDFCN5202611{line:06}</AcctSvcrRef><NtryDtls><TxDtls>\
             <Refs><EndToEndId>E2E-{line:06}</EndToEndId></Refs><RmtInf><Ustrd>NEFT/BF-{line:06}/Asha</Ustrd></RmtInf>\
             </TxDtls></NtryDtls></Ntry>"
        )
        .unwrap();
    }
    let balance = |code: &str, minor: u64| {
        format!(
            "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy=\"INR\">{}.{:02}</Amt>\
             <CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-11-21</Dt></Dt></Bal>",
            minor / 100,
            minor % 100
        )
    };
    let (opening, closing) = (balance("OPBD", 0), balance("CLBD", sum));
    kept(format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.02\">\
         <BkToCstmrStmt><GrpHdr><MsgId>M1</MsgId></GrpHdr><Stmt><Id>S1</Id>{opening}{closing}\n{entries}</Stmt>\
         </BkToCstmrStmt></Document>\n"
    ))
}

fn read(format: StatementFormat, file: &str) -> Statement {
    statement::read(format, black_box(file.as_bytes())).unwrap()
}

#[library_benchmark]
#[bench::lines_1000(csv(1_000))]
#[bench::lines_10000(csv(10_000))]
fn read_csv(file: &str) -> Statement {
    read(StatementFormat::Csv, file)
}

#[library_benchmark]
#[bench::lines_1000(camt(1_000))]
#[bench::lines_10000(camt(10_000))]
fn read_camt053(file: &str) -> Statement {
    read(StatementFormat::Camt053, file)
}

library_benchmark_group!(name = statements, benchmarks = [read_csv, read_camt053]);
