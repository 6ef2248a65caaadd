//! Who may know whom: manifests say it, Cargo enforces it, and these checks keep the manifests honest.

use crate::{
    nothing,
    repository::{exists, files, functions, read},
};

/// What a manifest takes: the section and the line.
struct Taken {
    section: String,
    name: String,
    line: String,
}

/// Every member's manifest.
fn manifests() -> Vec<String> {
    let inside = |path: &String| path.contains('/') && path.ends_with("/Cargo.toml");
    files("").into_iter().filter(inside).collect()
}

/// The dependencies of a manifest, those of its tests included.
fn dependencies(path: &str) -> Vec<Taken> {
    let text = read(path);
    let mut section = String::new();
    let mut found = vec![];
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
        } else if section.ends_with("dependencies") {
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default().to_owned();
            found.push(Taken { section: section.clone(), name, line: line.to_owned() });
        }
    }
    found
}

/// The crates of the house that a crate of the house may take into production.
fn may_take(crate_path: &str) -> Option<&'static [&'static str]> {
    match crate_path {
        "shared/domain" => Some(&[]),
        "shared/store" => Some(&["domain"]),
        "shared/edge" => Some(&["domain", "store"]),
        "shared/testkit" => Some(&["domain", "edge", "store"]),
        path if path.starts_with("functions/") => Some(&["domain", "edge", "store"]),
        _ => None,
    }
}

#[test]
fn knowledge_runs_from_functions_over_edge_and_store_to_domain_and_never_back() {
    let ours: Vec<String> =
        ["domain", "edge", "store", "testkit"].into_iter().map(str::to_owned).chain(functions()).collect();
    let mut findings = vec![];
    for manifest in manifests() {
        let folder = manifest.trim_end_matches("/Cargo.toml");
        let Some(allowed) = may_take(folder) else { continue };
        for taken in dependencies(&manifest).iter().filter(|taken| taken.section == "dependencies") {
            if ours.contains(&taken.name) && !allowed.contains(&taken.name.as_str()) {
                findings.push(format!("{manifest} takes `{}`, which is not below it", taken.name));
            }
        }
    }
    nothing(&findings);
}

#[test]
fn the_domain_knows_no_aws_no_lambda_and_no_runtime() {
    let foreign =
        |name: &str| ["aws", "lambda", "tokio", "hyper", "http", "reqwest"].iter().any(|w| name.starts_with(w));
    let findings: Vec<String> = dependencies("shared/domain/Cargo.toml")
        .iter()
        .filter(|taken| foreign(&taken.name))
        .map(|taken| format!("shared/domain takes `{}`: what needs it belongs into store or edge", taken.name))
        .collect();
    nothing(&findings);
}

#[test]
fn each_service_of_aws_is_named_where_it_belongs() {
    let places: [(&str, &[&str]); 5] = [
        ("aws-sdk-dynamodb", &["shared/store", "shared/edge", "shared/testkit"]),
        ("aws-sdk-sqs", &["shared/store", "shared/edge", "shared/testkit"]),
        ("aws-sdk-s3", &["shared/store", "shared/edge", "shared/testkit"]),
        ("lambda_http", &["shared/edge", "shared/testkit"]),
        ("lambda_runtime", &["shared/edge"]),
    ];
    let mut findings = vec![];
    for manifest in manifests() {
        let folder = manifest.trim_end_matches("/Cargo.toml");
        // Tests and tools look at a deployed stack from outside, with whatever shows it.
        if !folder.starts_with("shared/") && !folder.starts_with("functions/") {
            continue;
        }
        for taken in dependencies(&manifest).iter().filter(|taken| taken.section == "dependencies") {
            let place = places.iter().find(|(name, _)| *name == taken.name);
            if place.is_some_and(|(_, allowed)| !allowed.contains(&folder)) {
                findings.push(format!("{manifest} takes `{}`: use what store and edge offer", taken.name));
            }
        }
    }
    nothing(&findings);
}

#[test]
fn versions_stand_in_the_root_manifest_alone() {
    let mut findings = vec![];
    for manifest in manifests() {
        for taken in dependencies(&manifest) {
            // A function is named by its path: a line for each in the root manifest would be a list that every branch edits.
            let by_path = taken.line.contains("path = \"../../") && !taken.line.contains("version");
            if !by_path && !taken.line.contains("workspace = true") {
                findings.push(format!("{manifest}: `{}` must be `{}.workspace = true`", taken.line, taken.name));
            }
        }
    }
    nothing(&findings);
}

#[test]
fn every_member_inherits_its_lints_and_what_a_package_says_of_itself() {
    let mut findings = vec![];
    for manifest in manifests() {
        let text = read(&manifest);
        if !text.contains("[lints]\nworkspace = true") {
            findings.push(format!("{manifest} must say `[lints]` with `workspace = true`"));
        }
        for inherited in ["version", "edition", "rust-version", "license", "publish"] {
            if !text.contains(&format!("{inherited}.workspace = true")) {
                findings.push(format!("{manifest} must say `{inherited}.workspace = true`"));
            }
        }
    }
    nothing(&findings);
}

#[test]
fn members_are_found_by_their_folders() {
    let root = read("Cargo.toml");
    let members = root.lines().find_map(|line| line.strip_prefix("members = ")).unwrap_or_default();
    for folder in ["functions", "shared", "tests", "tools"] {
        assert!(
            members.contains(&format!("\"{folder}/*\"")),
            "Cargo.toml: members must contain \"{folder}/*\": {members}"
        );
    }
}

#[test]
fn the_build_is_pinned_and_starts_without_jitter_entropy() {
    assert!(exists("Cargo.lock"), "Cargo.lock belongs to the repository: functions are deployed from it");
    assert!(!read(".gitignore").lines().any(|line| line.contains("Cargo.lock")), "Cargo.lock must not be ignored");
    let flag = "AWS_LC_SYS_NO_JITTER_ENTROPY = \"1\"";
    assert!(read(".cargo/config.toml").lines().any(|line| line.trim() == flag), ".cargo/config.toml must say `{flag}`");
}
