//! An export of each kind for each operator: awaited, fetched, and held to its manifest, line by line.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::{
    clock, command, crew,
    findings::Rule,
    plan::Fate,
    progress::Progress,
    rounds::{End, Rounds, Visit},
    run::Run,
    settlement_file::{bare, sha256},
    shapes::{Export, ExportFile, Manifest},
    team::{House, Team},
    walls,
    wire::Ask,
};

const KINDS: [&str; 3] = ["deliveries", "entries", "tracks"];

/// An export that is there.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) operator: String,
    pub(crate) kind: &'static str,
    pub(crate) day: String,
    pub(crate) count: u64,
    pub(crate) sums: BTreeMap<String, i64>,
    pub(crate) sha256: String,
    pub(crate) bytes: u64,
}

/// What the lines of an export come to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Table {
    count: u64,
    sums: BTreeMap<String, i64>,
    ids: BTreeSet<String>,
    formulas: Vec<String>,
}

/// Takes all exports, all operators at once.
pub(crate) fn take(run: &Run, team: &Team, rounds: &Rounds, progress: &Progress) -> Vec<Taken> {
    let wanted: Vec<(usize, &House, &'static str)> =
        team.houses.iter().enumerate().flat_map(|(at, house)| KINDS.map(|kind| (at, house, kind))).collect();
    let stretch = progress.stretch("exports", wanted.len());
    let taken = crew::each(run.options.concurrency, &wanted, |(at, house, kind)| {
        let taken = one(run, team, rounds, *at, house, kind);
        stretch.step();
        taken
    });
    taken.into_iter().flatten().collect()
}

fn one(run: &Run, team: &Team, rounds: &Rounds, at: usize, house: &House, kind: &'static str) -> Option<Taken> {
    let subject = format!("export of {kind} of {}", house.operator);
    let utc = clock::utc_day(run.began);
    let day = if kind == "deliveries" { run.today } else { utc }.to_string();
    let body = json!({"kind": kind, "day": day});
    let told = command::send(run, &house.admin, "export-create", "/exports", &body, Fate::Twice)?;
    let created: Export = match (told.answer.status, told.answer.read()) {
        (202, Ok(created)) => created,
        _ => {
            run.findings.add(Rule::V1, &subject, &format!("must be 202, is {}", told.answer.brief()));
            return None;
        }
    };
    run.tally.event(&house.operator, "export.requested");
    let path = format!("/exports/{}", created.export_id);
    if let Some(other) = team.houses.get((at + 1) % team.houses.len()).filter(|other| other.operator != house.operator)
    {
        walls::as_unknown(run, &other.admin, Rule::V11, &created.export_id, |id| {
            Ask::get("export-get", &format!("/exports/{id}"))
        });
    }
    let file = wait(run, house, &path, &subject)?;
    let (bytes, manifest) = (fetch(run, &subject, &file.url)?, fetch(run, &subject, &file.manifest_url)?);
    let manifest: Manifest = serde_json::from_slice(&manifest)
        .inspect_err(|wrong| run.findings.add(Rule::Api, &subject, &format!("manifest: {wrong}")))
        .ok()?;
    let checksum = sha256(&bytes);
    let length = u64::try_from(bytes.len()).unwrap_or_default();
    let differ = |what: &str, same: bool| {
        if !same {
            run.findings.add(Rule::Api, &subject, what);
        }
    };
    differ(
        "the manifest is of another export",
        (manifest.export_id.as_str(), manifest.kind.as_str(), manifest.day.as_str())
            == (created.export_id.as_str(), kind, day.as_str()),
    );
    differ("sha256 of file, manifest and API differ", checksum == manifest.sha256 && checksum == file.sha256);
    differ("bytes of file, manifest and API differ", length == manifest.bytes && length == file.bytes);
    differ("count and sums of manifest and API differ", (manifest.count, &manifest.sums) == (file.count, &file.sums));
    match tabulate(&bytes, kind) {
        Ok(table) => {
            for fault in faults(&table, &manifest) {
                differ(&fault, false);
            }
            let ours: Vec<&Visit> = rounds.visits_of(at).collect();
            for missing in missing(kind, &table, &ours, utc == clock::utc_day(clock::now())) {
                run.findings.add(Rule::V1, &subject, &format!("{missing} is missing"));
            }
            let moments = ours_of(rounds, at).filter_map(|round| round.points.get(&utc));
            let points: usize = moments.map(BTreeSet::len).sum();
            if kind == "tracks" && table.count < points as u64 {
                run.findings.add(
                    Rule::V1,
                    &subject,
                    &format!("{} points, this run alone had {points} accepted", table.count),
                );
            }
        }
        Err(wrong) => differ(&wrong, false),
    }
    Some(Taken {
        operator: house.operator.clone(),
        kind,
        day,
        count: file.count,
        sums: file.sums,
        sha256: checksum,
        bytes: length,
    })
}

fn ours_of(rounds: &Rounds, operator: usize) -> impl Iterator<Item = &crate::rounds::Round> {
    rounds.officers.iter().filter(move |round| round.visits.first().is_some_and(|visit| visit.operator == operator))
}

fn wait(run: &Run, house: &House, path: &str, subject: &str) -> Option<ExportFile> {
    let deadline = clock::tick() + std::time::Duration::from_secs(u64::from(run.options.patience));
    loop {
        let export: Export = house.admin.get(run, "export-get", path)?;
        match (export.status.as_str(), export.file) {
            ("ready", Some(file)) => return Some(file),
            ("queued", _) if clock::tick() < deadline => clock::pause(500),
            (status, _) => {
                run.findings.add(Rule::V1, subject, &format!("is `{status}` after at most {} s", run.options.patience));
                return None;
            }
        }
    }
}

fn fetch(run: &Run, subject: &str, url: &str) -> Option<Vec<u8>> {
    match run.wire.download(url) {
        Ok((200, bytes)) => Some(bytes),
        Ok((status, _)) => {
            run.findings.add(Rule::Api, subject, &format!("its presigned address answers {status}"));
            None
        }
        Err(broken) => {
            run.findings.add(Rule::Api, subject, &format!("its presigned address: {broken}"));
            None
        }
    }
}

/// Counts and sums a file; columns are found by their names.
fn tabulate(bytes: &[u8], kind: &str) -> Result<Table, String> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
    let header = reader.headers().map_err(|wrong| format!("not CSV: {wrong}"))?.clone();
    let column = |name: &str| header.iter().position(|cell| cell == name);
    let (amount, currency) = (column("amount_minor"), column("currency"));
    let id = column(if kind == "entries" { "transfer_id" } else { "delivery_id" });
    let mut table = Table::default();
    for record in reader.records() {
        let record = record.map_err(|wrong| format!("not CSV: {wrong}"))?;
        table.count += 1;
        if let (Some(amount), Some(currency)) =
            (amount.and_then(|at| record.get(at)), currency.and_then(|at| record.get(at)))
        {
            let amount: i64 = bare(amount).parse().map_err(|_| format!("`{amount}` is no amount"))?;
            *table.sums.entry(currency.to_owned()).or_default() += amount;
        }
        table.ids.extend(id.and_then(|at| record.get(at)).map(str::to_owned));
        let formula = |cell: &&str| cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.parse::<f64>().is_err();
        table.formulas.extend(record.iter().filter(formula).map(str::to_owned));
    }
    Ok(table)
}

/// Where the lines differ from what the manifest says.
fn faults(table: &Table, manifest: &Manifest) -> Vec<String> {
    let mut faults = Vec::new();
    if table.count != manifest.count {
        faults.push(format!("{} lines, the manifest says {}", table.count, manifest.count));
    }
    let told: BTreeMap<&String, &i64> = manifest.sums.iter().filter(|(_, sum)| **sum != 0).collect();
    let found: BTreeMap<&String, &i64> = table.sums.iter().filter(|(_, sum)| **sum != 0).collect();
    if told != found {
        faults.push(format!("sums are {found:?}, the manifest says {told:?}"));
    }
    if manifest.kind == "entries" && !found.is_empty() {
        faults.push(format!("entries over all accounts sum to {found:?}, must be zero"));
    }
    faults.extend(table.formulas.iter().take(3).map(|cell| format!("a spreadsheet takes `{cell}` for a formula")));
    faults
}

/// What this run did and the file does not hold.
fn missing<'a>(kind: &str, table: &Table, ours: &[&'a Visit], same_day: bool) -> Vec<&'a str> {
    let wanted = ours.iter().filter_map(|visit| match (kind, &visit.end) {
        ("deliveries", _) => Some(visit.delivery_id.as_str()),
        ("entries", Some(End::Confirmed { transfer_id, .. })) if same_day => Some(transfer_id.as_str()),
        _ => None,
    });
    wanted.filter(|id| !table.ids.contains(*id)).take(3).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(count: u64, inr: i64) -> Manifest {
        serde_json::from_value(json!({"export_id": "exp_1", "kind": "entries", "day": "2026-11-21", "count": count,
            "sums": {"INR": inr}, "sha256": "", "bytes": 1}))
        .unwrap()
    }

    const ENTRIES: &[u8] = b"transfer_id,amount_minor,currency,note\ntrf_1,-150000,INR,'=x\ntrf_1,150000,INR,\n";

    #[test]
    fn entries_are_counted_and_sum_to_zero() {
        let table = tabulate(ENTRIES, "entries").unwrap();
        assert_eq!((table.count, table.sums.get("INR"), table.ids.len()), (2, Some(&0), 1));
        assert_eq!(faults(&table, &manifest(2, 0)), Vec::<String>::new());
        assert_eq!(faults(&table, &manifest(3, 5)).len(), 2);
    }

    #[test]
    fn a_live_formula_is_found_and_a_negative_amount_is_none() {
        let table =
            tabulate(b"delivery_id,address,amount_minor\ndlv_1,=1+1,-5\ndlv_2,'=1+1,-5\n", "deliveries").unwrap();
        assert_eq!(table.formulas, ["=1+1"]);
    }

    #[test]
    fn entries_that_do_not_cancel_are_found() {
        let table = tabulate(b"transfer_id,amount_minor,currency\ntrf_1,7,INR\n", "entries").unwrap();
        assert_eq!(faults(&table, &manifest(1, 7)).len(), 1);
    }
}
