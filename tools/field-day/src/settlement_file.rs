//! The partner's settlement file as this client reads it: its lines, its last line, its checksum.

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::shapes::Totals;

const HEADER: [&str; 10] = [
    "line",
    "at",
    "transfer_id",
    "kind",
    "delivery_id",
    "reference",
    "amount_minor",
    "currency",
    "reverses",
    "late_for",
];

/// One line: one transfer with the borrower's door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) at: Timestamp,
    pub(crate) transfer_id: String,
    pub(crate) kind: String,
    pub(crate) delivery_id: String,
    pub(crate) reference: String,
    pub(crate) amount_minor: i64,
}

/// A whole file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sheet {
    pub(crate) lines: Vec<Line>,
    count: u64,
    collected_minor: i64,
    disbursed_minor: i64,
    net_minor: i64,
}

/// Bytes as hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |out, byte| out + &format!("{byte:02x}"))
}

/// The checksum of a file.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// A cell without the apostrophe that keeps spreadsheets from taking it for a formula.
pub(crate) fn bare(cell: &str) -> &str {
    cell.strip_prefix('\'').unwrap_or(cell)
}

impl Sheet {
    /// Reads a file; what does not fit is told in words.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut records = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes).into_records();
        let mut next = || records.next().transpose().map_err(|wrong| format!("not CSV: {wrong}"));
        let header = next()?.ok_or("is empty")?;
        if !header.iter().eq(HEADER) {
            return Err(format!("header is {:?}", header.iter().collect::<Vec<_>>().join(",")));
        }
        let mut lines = Vec::new();
        while let Some(record) = next()? {
            let cell = |at| bare(record.get(at).unwrap_or_default());
            let whole = |at| cell(at).parse::<i64>().map_err(|_| format!("`{}` is no whole number", cell(at)));
            if cell(0) == "TOTAL" {
                if next()?.is_some() {
                    return Err("goes on after its TOTAL".to_owned());
                }
                let count = cell(1).parse().map_err(|_| format!("`{}` is no count", cell(1)))?;
                if cell(5) != "INR" {
                    return Err(format!("TOTAL in `{}`", cell(5)));
                }
                return Ok(Self {
                    lines,
                    count,
                    collected_minor: whole(2)?,
                    disbursed_minor: whole(3)?,
                    net_minor: whole(4)?,
                });
            }
            if whole(0)? != i64::try_from(lines.len()).unwrap_or_default() + 1 {
                return Err(format!("line {} is numbered {}", lines.len() + 1, cell(0)));
            }
            let (amount_minor, currency) = (whole(6)?, cell(7));
            if amount_minor <= 0 || currency != "INR" {
                return Err(format!("line {}: {amount_minor} {currency}", cell(0)));
            }
            lines.push(Line {
                at: cell(1).parse().map_err(|_| format!("`{}` is no time", cell(1)))?,
                transfer_id: cell(2).to_owned(),
                kind: cell(3).to_owned(),
                delivery_id: cell(4).to_owned(),
                reference: cell(5).to_owned(),
                amount_minor,
            });
        }
        Err("ends without its TOTAL".to_owned())
    }

    /// Where lines, last line and the API's totals differ.
    pub(crate) fn faults(&self, told: &Totals) -> Vec<String> {
        let sum = |kind| self.lines.iter().filter(|line| line.kind == kind).map(|line| line.amount_minor).sum::<i64>();
        let (collected, disbursed) = (sum("collection"), sum("disbursement"));
        let lines = (u64::try_from(self.lines.len()).unwrap_or_default(), collected, disbursed, collected - disbursed);
        let total = (self.count, self.collected_minor, self.disbursed_minor, self.net_minor);
        let api = (told.count, told.collected.amount_minor, told.disbursed.amount_minor, told.net.amount_minor);
        let mut faults = Vec::new();
        if lines != total {
            faults
                .push(format!("count, collected, disbursed, net of the lines are {lines:?}, the TOTAL says {total:?}"));
        }
        if total != api {
            faults.push(format!("the TOTAL says {total:?}, the API {api:?}"));
        }
        if let Some(line) = self.lines.iter().find(|line| line.kind != "collection" && line.kind != "disbursement") {
            faults.push(format!("a line of kind `{}`", line.kind));
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shapes::Money;

    const FILE: &str = "line,at,transfer_id,kind,delivery_id,reference,amount_minor,currency,reverses,late_for\n\
        1,2026-11-21T09:30:00.000Z,trf_1,collection,dlv_1,BF-1,150000,INR,,\n\
        2,2026-11-21T09:31:00.000Z,trf_2,disbursement,dlv_2,'=BF-2,400000,INR,,\n\
        TOTAL,2,150000,400000,-250000,INR,0,0,0,\n";

    fn totals(net: i64) -> Totals {
        let inr = |amount_minor| Money { amount_minor, currency: "INR".to_owned() };
        Totals { count: 2, collected: inr(150_000), disbursed: inr(400_000), net: inr(net) }
    }

    #[test]
    fn a_file_is_read_to_its_total() {
        let sheet = Sheet::read(FILE.as_bytes()).unwrap();
        assert_eq!(sheet.lines.len(), 2);
        assert_eq!(sheet.lines[1].reference, "=BF-2");
        assert_eq!(sheet.faults(&totals(-250_000)), Vec::<String>::new());
    }

    #[test]
    fn totals_that_differ_are_named() {
        let sheet = Sheet::read(FILE.replace("-250000", "250000").as_bytes()).unwrap();
        assert_eq!(sheet.faults(&totals(-250_000)).len(), 2);
    }

    #[test]
    fn a_file_that_is_cut_off_renumbered_or_goes_on_is_refused() {
        let cut = FILE.split("TOTAL").next().unwrap_or_default();
        assert_eq!(Sheet::read(cut.as_bytes()), Err("ends without its TOTAL".to_owned()));
        assert!(Sheet::read(FILE.replace("\n2,", "\n3,").as_bytes()).is_err());
        assert!(Sheet::read(format!("{FILE}3,a").as_bytes()).is_err());
        assert!(Sheet::read(FILE.replace("150000", "1500.00").as_bytes()).is_err());
        assert!(Sheet::read(b"").is_err());
    }

    #[test]
    fn checksums_are_lower_case_hex() {
        assert_eq!(sha256(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
