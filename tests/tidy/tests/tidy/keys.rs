//! Keys are made in one file whose header is the data model, and tables are written in one file on named conditions.

use std::collections::BTreeSet;

use crate::{
    nothing,
    repository::{quoted, read, rust_files},
    source::{production, whole},
};

const KEYS: &str = "shared/store/src/keys.rs";
const PRODUCTION: [&str; 4] = ["shared/domain/src", "shared/store/src", "shared/edge/src", "functions"];

/// A key with a blank for each of its parts: `{op}#user#{login}` and `{operator}#user#{}` are both `{}#user#{}`.
fn shape(key: &str) -> String {
    let mut shape = String::new();
    let mut inside = false;
    for letter in key.chars() {
        match letter {
            '{' => {
                inside = true;
                shape.push_str("{}");
            }
            '}' => inside = false,
            _ if !inside => shape.push(letter),
            _ => {}
        }
    }
    shape
}

/// A hash that joins two parts of a key; one in front of a name is DynamoDB's sign for an attribute.
fn joins(words: &str) -> bool {
    let letters: Vec<char> = words.chars().collect();
    letters
        .windows(2)
        .any(|pair| matches!(pair, [before, '#'] if before.is_alphanumeric() || matches!(before, '}' | '_')))
}

/// The model: the text of the header's tables.
fn header() -> String {
    read(KEYS).lines().filter_map(|line| line.strip_prefix("//! |")).collect::<Vec<_>>().join("\n")
}

/// The shapes of the keys that the functions make.
fn made() -> BTreeSet<String> {
    let source = production(KEYS);
    let prefix = source.code.split_once("KEY_PREFIX: &str = \"").and_then(|(_, rest)| rest.split_once('"'));
    let prefix = prefix.map_or("", |(prefix, _)| prefix).to_owned();
    let texts = source.texts.iter().map(|text| text.words.replace("{KEY_PREFIX}", &prefix));
    texts.map(|words| shape(&words)).collect()
}

#[test]
fn keys_are_made_in_one_file() {
    let mut findings = vec![];
    for path in rust_files(&PRODUCTION).into_iter().filter(|path| path != KEYS) {
        for text in production(&path).texts.iter().filter(|text| joins(&text.words)) {
            findings.push(format!("{path}:{}: the key `{}` belongs into {KEYS}", text.line, text.words));
        }
    }
    nothing(&findings);
}

#[test]
fn every_key_that_is_made_has_its_row_in_the_model() {
    let header = header();
    let model: BTreeSet<String> = quoted(&header).into_iter().map(shape).collect();
    let findings: Vec<String> = made()
        .into_iter()
        .filter(|shape| shape.contains('#') || shape.contains('{'))
        // The beginnings of keys, which a query looks for.
        .filter(|shape| !shape.ends_with('#'))
        .filter(|shape| !model.contains(shape))
        .map(|shape| format!("{KEYS}: its header has no row for keys of the shape `{shape}`"))
        .collect();
    nothing(&findings);
}

#[test]
fn every_row_of_the_model_has_a_function_that_makes_its_key() {
    let made = made();
    let header = header();
    let findings: Vec<String> = header
        .lines()
        .flat_map(|row| row.split('|').nth(1).map(quoted).unwrap_or_default())
        .filter(|key| !made.contains(&shape(key)))
        .map(|key| format!("{KEYS}: its header has a row for `{key}`, which no function makes"))
        .collect();
    nothing(&findings);
}

#[test]
fn nothing_scans_a_table() {
    let mut findings = vec![];
    for path in rust_files(&["shared/store", "shared/edge", "functions", "tools", "tests/flow", "tests/it"]) {
        if whole(&path).code.contains(".scan(") {
            findings.push(format!("{path} scans: a list costs its page and no more; find the index that answers it"));
        }
    }
    nothing(&findings);
}

#[test]
fn tables_are_written_in_one_file() {
    let mut findings = vec![];
    for path in rust_files(&PRODUCTION).into_iter().filter(|path| path != "shared/store/src/table.rs") {
        let code = production(&path).code;
        for call in [".put_item(", ".update_item(", ".delete_item(", ".batch_write_item("] {
            if code.contains(call) {
                findings.push(format!("{path} calls `{call}`: write through a named condition of table.rs"));
            }
        }
    }
    nothing(&findings);
}
