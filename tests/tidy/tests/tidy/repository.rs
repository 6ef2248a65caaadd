//! What the checks read: the files of the repository, and its templates as plain values.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

/// Folders that are made, not written.
const MADE: [&str; 5] = [".git", ".local", ".venv", "target", "node_modules"];

/// The repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Whether a path of the repository is there.
pub(crate) fn exists(path: &str) -> bool {
    root().join(path).exists()
}

/// A file's text.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path} cannot be read: {error}"))
}

/// A file's text, or nothing while there is no such file.
pub(crate) fn find(path: &str) -> Option<String> {
    fs::read_to_string(root().join(path)).ok()
}

/// Names of what lies in a folder, A to Z; a folder that is not there is empty.
pub(crate) fn names_in(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(folder)).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// The functions: every folder below `functions/`, A to Z.
pub(crate) fn functions() -> Vec<String> {
    names_in("functions")
}

/// Every file that somebody wrote, below a folder (`""` is all of it), A to Z, as paths from the root.
pub(crate) fn files(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    for name in names_in(folder) {
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        let at = root().join(&path);
        if at.is_dir() {
            if !MADE.contains(&name.as_str()) && name != "__pycache__" {
                found.extend(files(&path));
            }
        } else {
            found.push(path);
        }
    }
    found
}

/// Rust files below some folders.
pub(crate) fn rust_files(folders: &[&str]) -> Vec<String> {
    folders.iter().flat_map(|folder| files(folder)).filter(|path| path.ends_with(".rs")).collect()
}

/// A template, with each short form such as `!Ref X` as the value `{"!Ref": "X"}`.
pub(crate) fn template(path: &str) -> Value {
    plain(serde_norway::from_str(&read(path)).unwrap_or_else(|error| panic!("{path} is not YAML: {error}")))
}

fn plain(yaml: serde_norway::Value) -> Value {
    match yaml {
        serde_norway::Value::Null => Value::Null,
        serde_norway::Value::Bool(truth) => Value::Bool(truth),
        serde_norway::Value::Number(number) => number
            .as_i64()
            .map(Value::from)
            .or_else(|| number.as_f64().map(Value::from))
            .unwrap_or_else(|| panic!("{number} is no number of a template")),
        serde_norway::Value::String(text) => Value::String(text),
        serde_norway::Value::Sequence(items) => items.into_iter().map(plain).collect(),
        serde_norway::Value::Mapping(members) => Value::Object(members.into_iter().map(member).collect()),
        serde_norway::Value::Tagged(tagged) => {
            Value::Object(Map::from_iter([(tagged.tag.to_string(), plain(tagged.value))]))
        }
    }
}

fn member((name, value): (serde_norway::Value, serde_norway::Value)) -> (String, Value) {
    (name.as_str().unwrap_or_else(|| panic!("{name:?} is no name of a template")).to_owned(), plain(value))
}

/// Members of a mapping; what is not there has none.
pub(crate) fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

/// Items of a list; a single value counts as a list of itself.
pub(crate) fn items(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => vec![],
        Value::Array(items) => items.iter().collect(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => vec![value],
    }
}

/// Resources of a type, with their names.
pub(crate) fn resources<'a>(template: &'a Value, kind: &str) -> Vec<(&'a str, &'a Value)> {
    members(&template["Resources"]).filter(|(_, resource)| resource["Type"] == kind).collect()
}

/// The resource or the export that a value points at: `ActivityQueue`, `RecordsArn`.
pub(crate) fn pointed_at(value: &Value) -> Option<&str> {
    let reference = |name: &str| value.get(name).and_then(Value::as_str);
    if let Some(name) = reference("!Ref") {
        return Some(name);
    }
    if let Some(attribute) = reference("!GetAtt") {
        return attribute.split('.').next();
    }
    value.get("Fn::ImportValue")?.get("!Sub")?.as_str()?.strip_prefix("${DataStack}-")
}

/// `delivery-confirm` is `DeliveryConfirm` in the template.
pub(crate) fn pascal(name: &str) -> String {
    let capital = |word: &str| word.chars().take(1).flat_map(char::to_uppercase).chain(word.chars().skip(1)).collect();
    name.split('-').map(|word| -> String { capital(word) }).collect()
}

/// `delivery-confirm` is `delivery_confirm` in Rust.
pub(crate) fn snake(name: &str) -> String {
    name.replace('-', "_")
}

/// Rows of the Markdown table whose header begins with these cells; each row is its cells, trimmed.
pub(crate) fn table(text: &str, header: &[&str]) -> Vec<Vec<String>> {
    let mut lines = text.lines().skip_while(|line| !line.starts_with('|') || !begins_with(&cells(line), header));
    lines.next();
    lines.skip(1).take_while(|line| line.starts_with('|')).map(cells).collect()
}

fn cells(line: &str) -> Vec<String> {
    line.trim().trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
}

fn begins_with(cells: &[String], words: &[&str]) -> bool {
    cells.len() >= words.len() && cells.iter().zip(words).all(|(cell, word)| cell == word)
}

/// What stands between backticks, in order.
pub(crate) fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}
