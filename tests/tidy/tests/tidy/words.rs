//! What may stand in a file of this repository, and what may not.

use crate::{
    nothing,
    repository::{files, find, read, root, rust_files},
    source::whole,
};

/// How a file of each kind says, in its first line, what it is for.
const FIRST_LINES: [(&str, &[&str]); 11] = [
    (".rs", &["//! "]),
    (".py", &["\"\"\"", "# "]),
    (".sh", &["#!/"]),
    (".yaml", &["# "]),
    (".yml", &["# "]),
    (".md", &["# ", "<!-- "]),
    (".html", &["<!-- ", "<!doctype html>", "<!DOCTYPE html>"]),
    (".css", &["/* "]),
    (".js", &["// ", "/* "]),
    (".svg", &["<!-- ", "<svg "]),
    ("Makefile", &["# "]),
];

/// Files that count money and nothing else.
const MONEY: [&str; 5] = ["money.rs", "ledger.rs", "settlement.rs", "disbursement.rs", "operator.rs"];

#[test]
fn the_first_line_of_a_file_says_what_it_is_for() {
    let mut findings = vec![];
    for path in files("") {
        let Some((_, beginnings)) = FIRST_LINES.iter().find(|(kind, _)| path.ends_with(kind)) else { continue };
        let text = read(&path);
        let first = text.lines().next().unwrap_or_default();
        if !beginnings.iter().any(|beginning| first.starts_with(beginning)) {
            findings.push(format!("{path}: its first line must begin with `{}` and say what it is for", beginnings[0]));
        }
        if first.starts_with("#!/") && text.lines().nth(1).is_none_or(|second| !second.starts_with("# ")) {
            findings.push(format!("{path}: its second line must begin with `# ` and say what it is for"));
        }
    }
    nothing(&findings);
}

#[test]
fn no_file_is_a_drawer_for_odds_and_ends() {
    let drawers = ["helpers", "helper", "utils", "util", "misc", "common"];
    let findings: Vec<String> = files("")
        .into_iter()
        .filter(|path| path.ends_with(".rs") || path.ends_with(".py") || path.ends_with(".js"))
        .filter(|path| path.split(['/', '.']).any(|part| drawers.contains(&part)))
        .map(|path| format!("{path}: name it for what it does"))
        .collect();
    nothing(&findings);
}

#[test]
fn tests_never_sleep() {
    let mut findings = vec![];
    let mut waits = vec![];
    for path in rust_files(&["tests", "shared/testkit"]) {
        let code = whole(&path).code;
        for sleep in [
            concat!("thread::", "sleep("),
            concat!("time::", "sleep("),
            concat!(" sleep", "("),
            concat!("park_", "timeout("),
        ] {
            let found = code.matches(sleep).count();
            if found > 0 && path.starts_with("tests/flow/") {
                waits.extend(vec![path.clone(); found]);
            } else if found > 0 {
                findings.push(format!("{path} calls `{sleep}`: take the time from the event"));
            }
        }
    }
    // A deployed stack is looked at until it shows what is waited for: one function waits between two looks.
    if waits.len() != 1 {
        findings.push(format!("tests/flow waits in other than one place: {waits:?}"));
    }
    nothing(&findings);
}

#[test]
fn no_path_of_one_machine_and_no_private_registry_stands_in_a_file() {
    let machine = [concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];
    let registries = ["index-url", "registry = \"", "registry-index", "replace-with", "_authToken"];
    let mut findings = vec![];
    for path in files("") {
        let Ok(text) = std::fs::read_to_string(root().join(&path)) else { continue };
        for (number, line) in text.lines().enumerate() {
            for absolute in machine {
                let begins = |at: usize| {
                    !line[..at]
                        .ends_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '}' | ')' | '~'))
                };
                if line.match_indices(absolute).any(|(at, _)| begins(at)) {
                    findings.push(format!("{path}:{}: `{absolute}…` exists on one machine only", number + 1));
                }
            }
            if path != "tests/tidy/tests/tidy/words.rs" && registries.iter().any(|word| line.contains(word)) {
                findings.push(format!("{path}:{}: packages come from the public registries", number + 1));
            }
        }
    }
    let lock = find("Cargo.lock").unwrap_or_default();
    let sources = lock.lines().filter_map(|line| line.strip_prefix("source = "));
    findings.extend(
        sources
            .filter(|source| *source != "\"registry+https://github.com/rust-lang/crates.io-index\"")
            .map(|source| format!("Cargo.lock takes a package from {source}")),
    );
    nothing(&findings);
}

#[test]
fn amounts_are_whole_numbers() {
    let is_float = |line: &str| line.contains("f64") || line.contains("f32");
    let is_amount = |line: &str| ["amount", "minor", "money", "balance", "headroom"].iter().any(|w| line.contains(w));
    let mut findings = vec![];
    for path in rust_files(&["shared/domain/src", "shared/store/src", "functions"]) {
        let counts_money = MONEY.iter().any(|name| path.ends_with(&format!("/{name}")));
        for (number, line) in whole(&path).code.lines().enumerate() {
            if is_float(line) && (counts_money || is_amount(&line.to_lowercase())) {
                findings
                    .push(format!("{path}, code line {}: an amount is whole minor units, never a float", number + 1));
            }
        }
    }
    nothing(&findings);
}
