//! What must be true of a release before it is deployed: it runs on Amazon Linux 2023, it is small, it has one TLS stack.

use std::{collections::BTreeSet, fs, process::Command};

use crate::{Failed, binaries, functions, root};

/// Amazon Linux 2023, which `provided.al2023` is, has glibc 2.34.
const NEWEST_GLIBC: (u32, u32) = (2, 34);
/// In a function's tree these are a second way to do something, and weight in every cold start.
const UNWANTED: [(&str, &str); 6] = [
    ("openssl-sys", "a second TLS stack"),
    ("native-tls", "a second TLS stack"),
    ("hyper-tls", "a second TLS stack"),
    ("ring", "a second cryptography library, beside AWS-LC"),
    ("chrono", "a second time library, beside jiff"),
    ("reqwest", "a second HTTP client, beside the SDK's"),
];
/// Of these there may be one version: an older one is the SDK's former TLS stack.
const SINGLE: [&str; 4] = ["hyper", "hyper-rustls", "rustls", "tokio-rustls"];
/// Else AWS-LC spends 50 ms of CPU in every cold start.
const NO_JITTER_ENTROPY: &str = "AWS_LC_SYS_NO_JITTER_ENTROPY = \"1\"";

fn said_by(program: &str, arguments: &[&str]) -> Result<String, Failed> {
    let asked = Command::new(program).args(arguments).current_dir(root()).output();
    let asked = asked.map_err(|source| Failed::Program { program: program.to_owned(), source })?;
    if asked.status.success() {
        Ok(String::from_utf8_lossy(&asked.stdout).into_owned())
    } else {
        let words = String::from_utf8_lossy(&asked.stderr).trim().to_owned();
        Err(Failed::Refused { program: program.to_owned(), words })
    }
}

/// `2.34` in `GLIBC_2.34`, and in anything that goes on behind it.
fn glibc_version(word: &str) -> Option<(u32, u32)> {
    let mut numbers = word.split_once("GLIBC_")?.1.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// The newest glibc that a binary asks for.
fn newest_glibc(said: &str) -> Option<(u32, u32)> {
    said.split_whitespace().filter_map(glibc_version).max()
}

/// Name and version of each line of `cargo tree --prefix none`.
fn packages(tree: &str) -> BTreeSet<(&str, &str)> {
    let package = |line: &'_ str| {
        let (name, rest) = line.split_once(' ')?;
        Some((name.len(), rest.split_whitespace().next()?.len()))
    };
    let named = |line| {
        let (name, version) = package(line)?;
        Some((line.get(..name)?, line.get(name + 1..name + 1 + version)?))
    };
    tree.lines().filter_map(named).collect()
}

fn findings_in_tree(tree: &str) -> Vec<String> {
    let packages = packages(tree);
    let unwanted = UNWANTED.iter().filter(|(name, _)| packages.iter().any(|(found, _)| found == name));
    let unwanted = unwanted.map(|(name, why)| format!("{name} is in a function's tree: {why}"));
    let versions = |name: &str| packages.iter().filter(|(found, _)| *found == name).count();
    let doubled = SINGLE.iter().filter(|name| versions(name) > 1);
    let doubled = doubled.map(|name| format!("{name} is in the tree in {} versions", versions(name)));
    unwanted.chain(doubled).collect()
}

/// Megabytes with one decimal, in whole numbers.
fn megabytes(bytes: u64) -> String {
    let tenths = bytes / 100_000;
    format!("{}.{} MB", tenths / 10, tenths % 10)
}

/// Checks `target/lambda/` and the tree it was built from; a line for each function.
///
/// # Errors
/// [`Failed::Unfit`] with everything that is wrong.
pub fn check() -> Result<Vec<String>, Failed> {
    let mut lines = vec![];
    let mut findings = vec![];
    let names = functions()?;
    for name in &names {
        let path = binaries::staged(name);
        let Ok(file) = path.metadata() else { return Err(Failed::NotBuilt { path }) };
        let glibc = newest_glibc(&said_by("readelf", &["--version-info", "--wide", &path.to_string_lossy()])?);
        let needs = glibc.map_or("no glibc".to_owned(), |(major, minor)| format!("glibc {major}.{minor}"));
        if glibc > Some(NEWEST_GLIBC) {
            findings.push(format!("{name} needs {needs}, newer than Amazon Linux 2023"));
        }
        lines.push(format!("{name:<24} {:>9}  {needs}", megabytes(file.len())));
    }
    let mut tree = vec!["tree", "--edges", "normal", "--prefix", "none", "--target", "x86_64-unknown-linux-gnu"];
    tree.extend(names.iter().flat_map(|name| ["--package", name.as_str()]));
    findings.extend(findings_in_tree(&said_by("cargo", &tree)?));
    let config = root().join(".cargo/config.toml");
    let text = fs::read_to_string(&config).map_err(|source| Failed::File { path: config, source })?;
    if !text.lines().any(|line| line.trim() == NO_JITTER_ENTROPY) {
        findings.push(format!(".cargo/config.toml does not say {NO_JITTER_ENTROPY}"));
    }
    if findings.is_empty() { Ok(lines) } else { Err(Failed::Unfit { findings }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_glibc_counts_and_not_the_last() {
        let said = "0x0010: Name: GLIBC_2.34  Flags: none\n0x0020: Name: GLIBC_2.4 Name: GLIBC_2.3.4";
        assert_eq!(newest_glibc(said), Some((2, 34)));
    }

    #[test]
    fn two_versions_of_one_tls_stack_are_found() {
        let tree = "rustls v0.21.12\nrustls v0.23.35\nrustls v0.23.35 (*)\nhyper v1.8.1\nchrono v0.4.40";
        let found = findings_in_tree(tree);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.iter().any(|words| words.starts_with("rustls is in the tree in 2 versions")));
    }
}
