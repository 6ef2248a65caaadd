//! What every refusal must look like: problem+json with its members, and a time to come back where one is due.

use serde_json::Value;

use crate::wire::Answer;

/// What is missing or wrong in an answer that is not a success.
pub(crate) fn faults(answer: &Answer) -> Vec<String> {
    let mut faults = Vec::new();
    if !answer.content_type.starts_with("application/problem+json") {
        faults.push(format!("content type is `{}`", answer.content_type));
    }
    let Ok(Value::Object(problem)) = serde_json::from_slice::<Value>(&answer.body) else {
        faults.push("body is not a JSON object".to_owned());
        return faults;
    };
    for member in ["type", "title", "detail", "instance", "code", "request_id"] {
        if problem.get(member).and_then(Value::as_str).unwrap_or_default().is_empty() {
            faults.push(format!("`{member}` is missing"));
        }
    }
    if problem.get("status").and_then(Value::as_u64) != Some(u64::from(answer.status)) {
        faults.push("`status` is not the status".to_owned());
    }
    if !problem.get("retryable").is_some_and(Value::is_boolean) {
        faults.push("`retryable` is missing".to_owned());
    }
    match problem.get("errors") {
        None => {}
        Some(Value::Array(errors)) => {
            let whole = |error: &Value| {
                error.get("pointer").is_some_and(Value::is_string) && error.get("code").is_some_and(Value::is_string)
            };
            if !errors.iter().all(whole) {
                faults.push("an item of `errors` has no pointer or code".to_owned());
            }
        }
        Some(_) => faults.push("`errors` is not a list".to_owned()),
    }
    if answer.asks_to_wait() && answer.retry_after.is_none() {
        faults.push("Retry-After is missing".to_owned());
    }
    faults
}

/// A refusal without what must differ between two of them: the request's id and the place asked for.
pub(crate) fn without_its_place(answer: &Answer, id: &str) -> Option<(u16, String)> {
    let Ok(Value::Object(mut problem)) = serde_json::from_slice::<Value>(&answer.body) else { return None };
    problem.remove("request_id");
    problem.remove("instance");
    Some((answer.status, Value::Object(problem).to_string().replace(id, "<id>")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, body: &str) -> Answer {
        Answer {
            status,
            content_type: "application/problem+json".to_owned(),
            body: body.as_bytes().to_vec(),
            ..Answer::default()
        }
    }

    const WHOLE: &str = r#"{"type":"https://milepost.dev/problems/unknown","title":"t","status":404,"detail":"no dlv_1","instance":"/a",
        "code":"unknown","retryable":false,"request_id":"r"}"#;

    #[test]
    fn a_whole_problem_has_no_fault() {
        assert_eq!(faults(&refusal(404, WHOLE)), Vec::<String>::new());
    }

    #[test]
    fn every_missing_member_is_named() {
        let named = faults(&refusal(429, r#"{"status":430,"errors":[{}]}"#));
        assert_eq!(named.len(), 10, "{named:?}");
    }

    #[test]
    fn two_refusals_differ_only_by_their_place() {
        let other = WHOLE.replace("dlv_1", "dlv_2").replace("\"r\"", "\"s\"").replace("/a", "/b");
        assert_eq!(without_its_place(&refusal(404, WHOLE), "dlv_1"), without_its_place(&refusal(404, &other), "dlv_2"));
    }
}
