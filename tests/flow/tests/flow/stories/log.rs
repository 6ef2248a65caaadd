//! The log says what became of every request, and nothing about anybody.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    patience::until,
    stage::{NEIGHBOUR, OPERATOR, PASSWORD, Stage},
    visits::BORROWER,
};

/// Regions of the field day's operators, whose borrowers must not be found either.
const NEIGHBOURS_REGIONS: [&str; 2] = ["warangal", "karimnagar"];

/// One line a request, with its id and how it ended.
pub(crate) fn has_one_line_a_request(stage: &Stage) {
    let last = stage.person("desk", OPERATOR).get("/api/v1/agents?region=hassan").request_id;
    until("the log has the last request", || (!stage.log.lines(&last).is_empty()).then_some(()));
    let mut lines: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in stage.log.lines("request_id") {
        let Ok(line) = serde_json::from_str::<Value>(&line) else { continue };
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        assert!(["answered", "refused", "failed"].contains(&text("message").as_str()), "an odd line: {line}");
        assert!(!text("function").is_empty() && line["status"].is_u64(), "a line that says too little: {line}");
        lines.entry(text("request_id")).or_default().push(text("message"));
    }
    let doubled: Vec<_> = lines.iter().filter(|(_, endings)| endings.len() != 1).collect();
    assert_eq!(doubled, Vec::<(&String, &Vec<String>)>::new(), "every request ends once");
    for answer in stage.api.spoken().answers.iter().filter(|answer| !answer.is_of_the_gateway()) {
        let ended = lines.get(&answer.request_id).and_then(|endings| endings.first()).map(String::as_str);
        let wanted = if answer.status >= 500 {
            "failed"
        } else if answer.status >= 400 && !answer.is_kept() {
            "refused"
        } else {
            "answered"
        };
        assert_eq!(ended, Some(wanted), "{answer:?}");
    }
}

/// No password, no token, no code, no ticket, no key, no borrower.
pub(crate) fn keeps_secrets(stage: &Stage) {
    let mut secrets: Vec<String> = vec![PASSWORD.to_owned(), "eyJ".to_owned(), "PRIVATE KEY".to_owned()];
    secrets.extend(stage.api.spoken().secrets.iter().cloned());
    secrets.extend(stage.post.mails().iter().filter_map(|mail| mail.ticket(OPERATOR)));
    secrets.extend(BORROWER.map(str::to_owned));
    let desk = stage.person("desk", NEIGHBOUR);
    for region in NEIGHBOURS_REGIONS {
        let visits = desk.list(&format!("/api/v1/deliveries?region={region}&status=confirmed&limit=100"));
        secrets.extend(visits.iter().filter_map(|visit| visit["borrower_name"].as_str()).map(str::to_owned));
    }
    let log = stage.log.lines("");
    assert!(!log.is_empty(), "a log that is not there keeps every secret");
    for secret in &secrets {
        let told = log.iter().find(|line| line.contains(secret.as_str()));
        assert_eq!(told, None, "the log tells `{secret}`");
    }
    for code in stage.post.codes() {
        let told = log.iter().find(|line| has_word(line, &code));
        assert_eq!(told, None, "the log tells the code `{code}`");
    }
    let called = log.iter().find(|line| has_phone(line));
    assert_eq!(called, None, "the log tells a phone number");
}

/// Whether a word stands in a line by itself: six digits in a row are part of many an id and of every moment.
fn has_word(line: &str, word: &str) -> bool {
    let is_part = |letter: char| letter.is_ascii_alphanumeric();
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + word.len()..]);
        !before.ends_with(is_part) && !after.starts_with(is_part)
    })
}

/// Whether a number as borrowers and agents have it stands in a line: a plus, and ten digits or more.
fn has_phone(line: &str) -> bool {
    line.split('+').skip(1).any(|behind| behind.chars().take_while(char::is_ascii_digit).count() >= 10)
}
