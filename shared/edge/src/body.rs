//! Bodies: JSON of exactly the shape a route takes, every flaw named by its pointer.

use domain::{Failed, Flaw};
use garde::Validate;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

/// What a body may have at most: 1 MB, twenty times a full location batch.
pub(crate) const MOST_BYTES: usize = 1_000_000;

/// Reads a body and checks its values.
pub(crate) fn read<B>(content_type: Option<&str>, bytes: &[u8]) -> Result<B, Failed>
where
    B: DeserializeOwned + Validate<Context = ()>,
{
    if bytes.len() > MOST_BYTES {
        return Err(Failed::TooLarge { limit_bytes: MOST_BYTES });
    }
    let media_type = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        return Err(Failed::UnsupportedMediaType);
    }
    let body = parse(bytes)?;
    check(&body)?;
    Ok(body)
}

/// Reads a body that may be a form instead of JSON, and checks its values.
pub(crate) fn read_form_or_json<B>(content_type: Option<&str>, bytes: &[u8]) -> Result<B, Failed>
where
    B: DeserializeOwned + Validate<Context = ()>,
{
    let media_type = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return read(content_type, bytes);
    }
    if bytes.len() > MOST_BYTES {
        return Err(Failed::TooLarge { limit_bytes: MOST_BYTES });
    }
    // A form is an object of texts; as JSON it is judged by the same rules, a field given twice among them.
    let members = form_urlencoded::parse(bytes).map(|(name, value)| {
        let text = |text: &str| serde_json::to_string(text).map_err(Failed::fault);
        Ok(format!("{}:{}", text(&name)?, text(&value)?))
    });
    let members = members.collect::<Result<Vec<String>, Failed>>()?;
    let body = parse(format!("{{{}}}", members.join(",")).as_bytes())?;
    check(&body)?;
    Ok(body)
}

/// Reads JSON of a shape: nothing unknown, nothing twice, nothing behind it.
pub(crate) fn parse<B: DeserializeOwned>(bytes: &[u8]) -> Result<B, Failed> {
    // serde takes a list for an object whose members may all be left out.
    if bytes.trim_ascii_start().starts_with(b"[") && serde_json::from_slice::<IgnoredAny>(bytes).is_ok() {
        return Err(Failed::malformed(Flaw::new("", "wrong_type", "a body is an object, not a list")));
    }
    let mut from = serde_json::Deserializer::from_slice(bytes);
    let body = serde_path_to_error::deserialize(&mut from).map_err(|error| {
        let pointer = pointer(error.path());
        // serde_json calls a number or a list in the place of a word a syntax error, too.
        if error.inner().is_syntax() && serde_json::from_slice::<IgnoredAny>(bytes).is_ok() {
            return Failed::malformed(Flaw::new(pointer, "wrong_type", "this place takes a value of another type"));
        }
        flawed(&pointer, error.inner())
    })?;
    from.end().map_err(|error| flawed("", &error))?;
    Ok(body)
}

fn flawed(pointer: &str, error: &serde_json::Error) -> Failed {
    let said = error.to_string();
    let detail = said.split(" at line ").next().unwrap_or_default().to_owned();
    match error.classify() {
        Category::Syntax | Category::Eof | Category::Io => {
            Failed::malformed(Flaw::new(pointer, "malformed_json", format!("not JSON: {said}")))
        }
        Category::Data => data_flaw(pointer, &detail),
    }
}

/// serde tells what is wrong with well-formed JSON only by the beginning of its message.
fn data_flaw(pointer: &str, detail: &str) -> Failed {
    let quoted = detail.split('`').nth(1).unwrap_or_default();
    let below = |name: &str| {
        if pointer.ends_with(&format!("/{name}")) { pointer.to_owned() } else { format!("{pointer}/{name}") }
    };
    if let Some(rest) = detail.strip_prefix("unknown field") {
        let allowed = rest.split_once("expected").map(|(_, allowed)| format!("expected{allowed}"));
        let flaw = Flaw::new(below(quoted), "unknown_field", format!("there is no field `{quoted}` here"));
        return Failed::malformed(Flaw { hint: allowed, ..flaw });
    }
    if detail.starts_with("duplicate field") {
        return Failed::malformed(Flaw::new(below(quoted), "duplicate_key", format!("`{quoted}` stands here twice")));
    }
    if detail.starts_with("missing field") {
        return Failed::malformed(Flaw::new(below(quoted), "missing_field", format!("`{quoted}` is missing")));
    }
    if detail.starts_with("invalid type") || detail.starts_with("invalid length") {
        return Failed::malformed(Flaw::new(pointer, "wrong_type", detail));
    }
    Failed::invalid(Flaw::new(pointer, "invalid_value", detail))
}

/// RFC 6901 pointer of a place in JSON.
fn pointer(path: &Path) -> String {
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(format!("/{index}")),
            Segment::Map { key } => Some(format!("/{}", key.replace('~', "~0").replace('/', "~1"))),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}

/// Checks the values of a body by its type's own rules.
fn check<B: Validate<Context = ()>>(body: &B) -> Result<(), Failed> {
    let Err(report) = body.validate() else { return Ok(()) };
    let flaws = report
        .iter()
        .map(|(path, error)| {
            let pointer = format!("/{}", path.to_string().replace('[', "/").replace(']', "").replace('.', "/"));
            Flaw::new(pointer, "invalid_value", error.to_string())
        })
        .collect();
    Err(Failed::Invalid(flaws))
}

#[cfg(test)]
mod tests {
    use domain::delivery::{NewDelivery, Outcome};

    use super::*;

    #[expect(clippy::wildcard_enum_match_arm, reason = "any failure without a flaw is the wrong one")]
    fn flaw(failed: Failed) -> (&'static str, String) {
        match failed {
            Failed::Malformed(flaws) | Failed::Invalid(flaws) => (flaws[0].code, flaws[0].pointer.clone()),
            other => panic!("no flaw: {other:?}"),
        }
    }

    fn outcome(json: &str) -> (&'static str, String) {
        flaw(read::<Outcome>(Some("application/json"), json.as_bytes()).unwrap_err())
    }

    #[test]
    fn each_flaw_has_its_code_and_its_pointer() {
        let at = r#""occurred_at":"2026-11-21T09:00:00Z""#;
        for (json, code, pointer) in [
            ("{", "malformed_json", ""),
            ("{} x", "missing_field", "/outcome"),
            (r#"{"outcome":"confirmed","outcome":"failed"}"#, "duplicate_key", "/outcome"),
            (r#"{"outcome":"confirmed","tip":1}"#, "unknown_field", "/tip"),
            (r#"{"outcome":1}"#, "wrong_type", "/outcome"),
            (r#"{"outcome":["confirmed"]}"#, "wrong_type", "/outcome"),
            (r#"{"outcome":"maybe"}"#, "invalid_value", "/outcome"),
            (
                &format!(r#"{{"outcome":"confirmed",{at},"amount":{{"amount_minor":0,"currency":"INR"}}}}"#),
                "invalid_value",
                "/amount",
            ),
            (
                &format!(
                    r#"{{"outcome":"confirmed",{at},"amount":{{"amount_minor":9223372036854775808,"currency":"INR"}}}}"#
                ),
                "invalid_value",
                "/amount/amount_minor",
            ),
            (
                &format!(r#"{{"outcome":"confirmed",{at},"amount":{{"amount_minor":1.5,"currency":"INR"}}}}"#),
                "wrong_type",
                "/amount/amount_minor",
            ),
            (
                &format!(r#"{{"outcome":"confirmed",{at},"amount":{{"amount_minor":1,"currency":"INR","x":1}}}}"#),
                "unknown_field",
                "/amount/x",
            ),
            (
                &format!(r#"{{"outcome":"confirmed",{at},"position":{{"lat":90.5,"lon":0,"accuracy_metres":1}}}}"#),
                "invalid_value",
                "/position/lat",
            ),
            (
                &format!(r#"{{"outcome":"confirmed",{at},"position":{{"lat":NaN,"lon":0,"accuracy_metres":1}}}}"#),
                "malformed_json",
                "/position/lat",
            ),
            (r#"{"outcome":"confirmed","occurred_at":"yesterday"}"#, "invalid_value", "/occurred_at"),
        ] {
            assert_eq!(outcome(json), (code, pointer.to_owned()), "{json}");
        }
    }

    #[test]
    fn every_wrong_value_is_named_at_once() {
        let json = r#"{"kind":"disbursement","reference":"a b","region":"pune","borrower":{"name":"","phone":"98","address":"x"},
            "amount":{"amount_minor":-5,"currency":"INR"},"due":"2026-11-21"}"#;
        let Failed::Invalid(flaws) =
            read::<NewDelivery>(Some("application/json; charset=utf-8"), json.as_bytes()).unwrap_err()
        else {
            panic!("the shape is right")
        };
        let mut pointers: Vec<_> = flaws.iter().map(|flaw| flaw.pointer.as_str()).collect();
        pointers.sort_unstable();
        assert_eq!(pointers, ["/amount", "/borrower/name", "/borrower/phone", "/kind", "/reference"]);
    }

    #[test]
    fn a_large_or_foreign_body_is_not_read() {
        let large = vec![b' '; MOST_BYTES + 1];
        assert!(matches!(read::<Outcome>(Some("application/json"), &large), Err(Failed::TooLarge { .. })));
        assert!(matches!(read::<Outcome>(Some("text/plain"), b"{}"), Err(Failed::UnsupportedMediaType)));
        assert!(matches!(read::<Outcome>(None, b"{}"), Err(Failed::UnsupportedMediaType)));
    }
}
