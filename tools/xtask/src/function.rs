//! A new function: its folder in the house pattern, and what else must be written by hand.

use std::{fs, path::Path};

use crate::{Failed, root};

const MANIFEST: &str = r#"[package]
name = "{name}"
version.workspace = true
edition.workspace = true
rust-version.workspace = true
license.workspace = true
publish.workspace = true

[lints]
workspace = true

# One binary of six lines: its handler is tested in tests/it, not by a harness of its own.
[[bin]]
name = "{name}"
path = "src/main.rs"
test = false

[lib]
test = false
doctest = false

[dependencies]
domain.workspace = true
edge.workspace = true
store.workspace = true
tokio.workspace = true
"#;

const HANDLER: &str = r#"//! `POST /api/v1/…`: what it is for, in words an operations desk would use.

use domain::{Caller, Delivery, DeliveryId, Failed};
use edge::{Answer, Call, Path};
use store::Deliveries;

/// What it does; sending the same command again gives the same answer again.
///
/// # Errors
/// [`Failed::Unknown`] for one that is not there, or not the caller's to know of.
pub async fn handle(deliveries: &Deliveries, call: Call<Caller, Path<DeliveryId>>) -> Result<Answer<Delivery>, Failed> {
    let visit = deliveries.get(&call.caller.operator, &call.path.id).await?.seen_by(&call.caller)?;
    Answer::versioned(&visit, visit.version)
}
"#;

const PROCESS: &str = r#"//! The process around [`{module}`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::{constant}, env.authorizer()?, {module}::handle, env.deliveries()).await?)
}
"#;

/// Two or more words of lower-case letters.
fn is_name(name: &str) -> bool {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    name.contains('-') && name.split('-').all(is_word)
}

/// `delivery-confirm` is `DeliveryConfirm` in the template.
fn pascal(name: &str) -> String {
    let capital = |word: &str| word.get(..1).unwrap_or_default().to_uppercase() + word.get(1..).unwrap_or_default();
    name.split('-').map(capital).collect()
}

/// Makes `functions/<name>/`, and says what is left to do.
///
/// # Errors
/// [`Failed::BadName`], and [`Failed::Exists`] when there is one.
pub fn scaffold(name: &str) -> Result<Vec<String>, Failed> {
    if !is_name(name) {
        return Err(Failed::BadName { name: name.to_owned() });
    }
    let folder = root().join("functions").join(name);
    if folder.exists() {
        return Err(Failed::Exists { path: folder });
    }
    let module = name.replace('-', "_");
    let constant = module.to_uppercase();
    let filled =
        |text: &str| text.replace("{name}", name).replace("{module}", &module).replace("{constant}", &constant);
    let source = folder.join("src");
    fs::create_dir_all(&source).map_err(|error| Failed::File { path: source.clone(), source: error })?;
    let files = [("Cargo.toml", MANIFEST), ("src/lib.rs", HANDLER), ("src/main.rs", PROCESS)];
    for (file, text) in files {
        write(&folder.join(file), &filled(text))?;
    }
    Ok(vec![
        format!("functions/{name}/ is there; start from its nearest sibling. Left to write:"),
        format!("  shared/domain/src/access.rs   {constant}: method, path, roles"),
        format!("  infra/template.yaml           {}: from its nearest sibling, in its place from A to Z", pascal(name)),
        "  docs/API.md                   its row".to_owned(),
        format!("  events/{name}.json   one event that succeeds"),
        format!("  tests/it/                     module {module}"),
    ])
}

fn write(path: &Path, text: &str) -> Result<(), Failed> {
    fs::write(path, text).map_err(|source| Failed::File { path: path.to_path_buf(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_named_subject_then_verb() {
        assert!(is_name("delivery-confirm") && is_name("activity-roll-up"));
        assert!(!is_name("confirm") && !is_name("Delivery-confirm") && !is_name("delivery--confirm") && !is_name("-x"));
    }

    #[test]
    fn what_is_made_is_as_its_siblings_are() {
        let rest = |text: &str| text.split_once("pub async fn").map(|(_, rest)| rest.to_owned()).unwrap();
        assert_eq!(rest(HANDLER), rest(include_str!("../../../functions/delivery-get/src/lib.rs")));
        let process = PROCESS.replace("{module}", "delivery_get").replace("{constant}", "DELIVERY_GET");
        assert_eq!(process, include_str!("../../../functions/delivery-get/src/main.rs"));
    }

    #[test]
    fn the_template_knows_it_in_pascal_case() {
        assert_eq!(pascal("position-roll-up"), "PositionRollUp");
    }
}
