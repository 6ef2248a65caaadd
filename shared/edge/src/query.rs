//! Query parameters: only those a route has, each once.

use std::collections::BTreeMap;

use domain::{Failed, Flaw};
use serde::de::DeserializeOwned;
use store::PageRequest;

/// Reads a query, with the page it asks for where the route is a list.
pub(crate) fn read<Q: DeserializeOwned>(
    pairs: Vec<(String, String)>,
    is_list: bool,
) -> Result<(Q, PageRequest), Failed> {
    let mut filters: Vec<(String, String)> = Vec::with_capacity(pairs.len());
    for (name, value) in pairs {
        if filters.iter().any(|(other, _)| *other == name) {
            return Err(Failed::malformed(Flaw::new(name, "invalid_filter", "may be given once")));
        }
        filters.push((name, value));
    }
    let (paging, filters): (Vec<_>, Vec<_>) =
        filters.into_iter().partition(|(name, _)| is_list && matches!(name.as_str(), "limit" | "cursor"));
    let paging: BTreeMap<String, String> = paging.into_iter().collect();
    let page = PageRequest::new(paging.get("limit").map(String::as_str), paging.get("cursor").cloned())?;
    let encoded = serde_urlencoded::to_string(&filters).map_err(Failed::fault)?;
    let from = serde_urlencoded::Deserializer::new(form_urlencoded::parse(encoded.as_bytes()));
    let query = serde_path_to_error::deserialize(from).map_err(|error| {
        let name = error.path().to_string();
        flawed(&name, &error.into_inner().to_string(), is_list)
    })?;
    Ok((query, page))
}

/// serde tells what is wrong only by the beginning of its message.
fn flawed(name: &str, said: &str, is_list: bool) -> Failed {
    let quoted = said.split('`').nth(1).unwrap_or(name);
    if let Some(rest) = said.strip_prefix("unknown field") {
        let mut allowed: Vec<&str> = rest.split('`').skip(3).step_by(2).collect();
        if is_list {
            allowed.extend(["limit", "cursor"]);
        }
        let hint =
            if allowed.is_empty() { "none is allowed".to_owned() } else { format!("allowed: {}", allowed.join(", ")) };
        let flaw = Flaw::new(quoted, "unknown_filter", format!("there is no filter `{quoted}`"));
        return Failed::malformed(flaw.with_hint(hint));
    }
    if said.starts_with("missing field") {
        return Failed::malformed(Flaw::new(quoted, "invalid_filter", format!("`{quoted}` is needed")));
    }
    Failed::malformed(Flaw::new(name, "invalid_filter", said))
}

#[cfg(test)]
mod tests {
    use domain::{Day, RegionName};
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Filter {
        region: RegionName,
        due: Option<Day>,
    }

    fn ask(pairs: &[(&str, &str)]) -> Result<(Filter, PageRequest), Failed> {
        read(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(), true)
    }

    fn flaw(pairs: &[(&str, &str)]) -> Flaw {
        match ask(pairs) {
            Err(Failed::Malformed(flaws)) => flaws[0].clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_filter_and_its_page_are_read() {
        let (filter, page) = ask(&[("region", "pune-north"), ("due", "2026-11-21"), ("limit", "7")]).unwrap();
        assert_eq!(filter.due, "2026-11-21".parse().ok());
        assert_eq!(page.limit, 7);
    }

    #[test]
    fn what_is_not_a_filter_is_refused_with_those_that_are() {
        let unknown = flaw(&[("region", "pune-north"), ("colour", "red")]);
        assert_eq!((unknown.code, unknown.pointer.as_str()), ("unknown_filter", "colour"));
        assert_eq!(unknown.hint.as_deref(), Some("allowed: region, due, limit, cursor"));
        assert_eq!(flaw(&[("region", "Pune North")]).pointer, "region");
        assert_eq!(flaw(&[("due", "soon"), ("region", "a")]).pointer, "due");
        assert_eq!(flaw(&[]).code, "invalid_filter");
        assert_eq!(flaw(&[("region", "a"), ("region", "b")]).detail, "may be given once");
        assert_eq!(flaw(&[("region", "a"), ("limit", "x")]).pointer, "limit");
    }
}
