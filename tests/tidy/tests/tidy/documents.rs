//! Documents are true: what they link to, name and number is there.

use crate::{
    nothing,
    repository::{exists, files, find, functions, quoted, read},
};

/// First parts of paths that a document may name.
const PLACES: [&str; 9] =
    ["shared/", "functions/", "infra/", "tests/", "tools/", "docs/", "events/", "bench/", ".cargo/"];

fn documents() -> Vec<String> {
    files("").into_iter().filter(|path| path.ends_with(".md")).collect()
}

/// Where the links of a document lead, but for those that leave the repository.
fn links(text: &str) -> Vec<&str> {
    let targets = text.match_indices("](").filter_map(|(at, _)| text[at + 2..].split(')').next());
    let targets = targets.filter(|target| !target.contains("://") && !target.starts_with('#'));
    targets.filter_map(|target| target.split('#').next()).collect()
}

#[test]
fn every_link_of_a_document_leads_somewhere() {
    let mut findings = vec![];
    for document in documents() {
        let folder = document.rsplit_once('/').map_or("", |(folder, _)| folder);
        for target in links(&read(&document)) {
            if !exists(format!("{folder}/{target}").trim_start_matches('/')) {
                findings.push(format!("{document} links to {target}, which is not there"));
            }
        }
    }
    nothing(&findings);
}

#[test]
fn every_path_that_a_document_names_is_there() {
    let mut findings = vec![];
    for document in documents() {
        let text = read(&document);
        let prose: Vec<&str> = text.split("```").step_by(2).collect();
        for named in prose.iter().flat_map(|prose| quoted(prose)) {
            let path = named.split(':').next().unwrap_or_default().trim_end_matches('/');
            let is_pattern = path.contains(['<', '{', '*', ' ', '…']);
            if PLACES.iter().any(|place| named.starts_with(place)) && !is_pattern && !exists(path) {
                findings.push(format!("{document} names `{named}`, which is not there"));
            }
        }
    }
    nothing(&findings);
}

#[test]
fn the_readme_leads_to_the_documents() {
    let readme = find("README.md").unwrap_or_else(|| panic!("README.md is missing"));
    for document in ["docs/ARCHITECTURE.md", "docs/API.md", "docs/OPERATIONS.md"] {
        assert!(links(&readme).contains(&document), "README.md does not link to {document}");
    }
}

#[test]
fn every_invariant_says_where_it_is_enforced_and_where_it_is_tested() {
    let page = read("docs/ARCHITECTURE.md");
    let rows = crate::repository::table(&page, &["", "invariant"]);
    let mut findings = vec![];
    for number in 1..=14 {
        let name = format!("V{number}");
        match rows.iter().find(|row| row[0] == name) {
            Some(row) if row.len() >= 4 && row.iter().all(|cell| !cell.is_empty()) => {}
            Some(_) => findings.push(format!("docs/ARCHITECTURE.md: the row of {name} has an empty cell")),
            None => findings.push(format!("docs/ARCHITECTURE.md has no row of {name}")),
        }
    }
    nothing(&findings);
}

#[test]
fn every_function_has_its_row_of_calls_in_the_data_model() {
    let page = read("docs/DATA.md");
    let named: Vec<&str> = page.lines().filter(|line| line.starts_with('|')).flat_map(quoted).collect();
    let missing = functions().into_iter().filter(|name| !named.contains(&name.as_str()));
    let findings: Vec<String> =
        missing.map(|name| format!("docs/DATA.md does not say what `{name}` reads and writes")).collect();
    nothing(&findings);
}

#[test]
fn no_document_reports_progress() {
    let words = ["TODO", "FIXME", "WIP", "coming soon", "not yet implemented", "will be added"];
    let mut findings = vec![];
    for document in documents() {
        let text = read(&document);
        for word in words.iter().filter(|word| text.contains(**word)) {
            findings.push(format!("{document} says `{word}`: documents say what is"));
        }
    }
    nothing(&findings);
}
