//! Every function is in every place where a function must be, under one name, and nothing else is.

use std::collections::{BTreeMap, BTreeSet};

use domain::access::{Kind, ROUTES, Route};
use serde_json::Value;

use crate::{
    nothing,
    repository::{
        exists, find, functions, items, members, names_in, pascal, quoted, read, resources, snake, table, template,
    },
};

/// What a main of the house pattern may have at most.
const MOST_MAIN_LINES: usize = 20;
/// Where the tests of the functions have their modules.
const MODULES: &str = "tests/it/tests/it";

fn route(function: &str) -> Option<&'static Route> {
    ROUTES.iter().copied().find(|route| route.function == function)
}

/// Resources that are functions, by name.
fn function_resources(template: &Value) -> BTreeMap<&str, &Value> {
    resources(template, "AWS::Serverless::Function").into_iter().collect()
}

/// Method and path of a function's gateway event.
fn call(resource: &Value) -> Option<(String, &str)> {
    let event = items_of_type(resource, "Api").next()?;
    Some((event["Method"].as_str()?.to_uppercase(), event["Path"].as_str()?))
}

fn items_of_type<'a>(resource: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    members(&resource["Properties"]["Events"])
        .filter(move |(_, event)| event["Type"] == kind)
        .map(|(_, event)| &event["Properties"])
}

#[test]
fn every_function_has_a_manifest_a_library_and_a_process_of_the_house_pattern() {
    let mut findings = vec![];
    for name in functions() {
        let folder = format!("functions/{name}");
        for file in ["Cargo.toml", "src/lib.rs", "src/main.rs"] {
            if !exists(&format!("{folder}/{file}")) {
                findings.push(format!("{folder}/{file} is missing: `cargo xtask new {name}` writes the pattern"));
            }
        }
        let (Some(manifest), Some(main)) =
            (find(&format!("{folder}/Cargo.toml")), find(&format!("{folder}/src/main.rs")))
        else {
            continue;
        };
        if manifest.matches(&format!("name = \"{name}\"")).count() != 2 {
            findings.push(format!("{folder}/Cargo.toml must name the package and its binary `{name}`, as the folder"));
        }
        let module = snake(&name);
        let lines = main.lines().count();
        if lines > MOST_MAIN_LINES {
            findings.push(format!("{folder}/src/main.rs has {lines} lines: what it decides belongs into src/lib.rs"));
        }
        for part in [
            format!("//! The process around [`{module}`]."),
            "#[tokio::main(flavor = \"current_thread\")]".to_owned(),
            "async fn main() -> Result<(), Fatal> {".to_owned(),
            "let env = Env::load().await?;".to_owned(),
            format!("{module}::handle"),
        ] {
            if !main.contains(&part) {
                findings.push(format!("{folder}/src/main.rs lacks `{part}`: take its nearest sibling's"));
            }
        }
        let served = match route(&name) {
            Some(_) => format!("access::{}", module.to_uppercase()),
            None => format!("{module}::NAME"),
        };
        if !main.contains(&served) {
            findings.push(format!("{folder}/src/main.rs must serve `{served}`"));
        }
    }
    nothing(&findings);
}

#[test]
fn every_function_has_its_block_in_the_template_and_every_block_its_function() {
    let template = template("infra/template.yaml");
    let mut blocks = function_resources(&template);
    let mut findings = vec![];
    for name in functions() {
        let resource = pascal(&name);
        let Some(block) = blocks.remove(resource.as_str()) else {
            findings
                .push(format!("infra/template.yaml lacks `{resource}`: copy the block of functions/{name}'s sibling"));
            continue;
        };
        let properties = &block["Properties"];
        let code = format!("../target/lambda/{name}/");
        if properties["CodeUri"] != code.as_str() {
            findings.push(format!("{resource} must have `CodeUri: {code}`"));
        }
        if properties["Description"].as_str().is_none_or(|words| !words.ends_with('.')) {
            findings.push(format!("{resource} must have a Description: one sentence of what it is for"));
        }
        if items(&properties["Policies"]).is_empty() {
            findings.push(format!("{resource} must have Policies: at least the query for the public keys"));
        }
        // A job may follow the streams of several tables.
        let started = members(&properties["Events"]).count();
        let streams = items_of_type(block, "DynamoDB").count();
        if started == 0 || (started > 1 && streams != started) {
            findings.push(format!("{resource} must have one event: what starts it"));
        }
    }
    findings.extend(
        blocks.keys().map(|left| format!("infra/template.yaml has `{left}`, which no folder in functions/ is")),
    );
    nothing(&findings);
}

#[test]
fn the_blocks_of_the_template_stand_a_to_z() {
    let text = read("infra/template.yaml");
    let lines: Vec<&str> = text.lines().collect();
    let names: Vec<&str> = lines
        .windows(2)
        .filter_map(|pair| match pair {
            [name, kind] if kind.trim() == "Type: AWS::Serverless::Function" => Some(name.trim().trim_end_matches(':')),
            _ => None,
        })
        .collect();
    assert!(names.is_sorted(), "the functions of infra/template.yaml must stand A to Z: {names:?}");
}

#[test]
fn every_route_is_the_same_in_the_code_the_template_and_the_page_of_the_api() {
    let template = template("infra/template.yaml");
    let blocks = function_resources(&template);
    let page = read("docs/API.md");
    let mut rows: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in table(&page, &["function", "route", "roles", "command"]) {
        let name = row.first().map(|cell| cell.trim_matches('`').to_owned()).unwrap_or_default();
        rows.insert(name, row);
    }
    let mut findings = vec![];
    for name in functions() {
        let called = blocks.get(pascal(&name).as_str()).and_then(|block| call(block));
        let Some(route) = route(&name) else {
            if let Some((method, path)) = called {
                findings.push(format!(
                    "the template serves `{method} {path}` with {name}: add its row to ROUTES in shared/domain/src/access.rs"
                ));
            }
            continue;
        };
        if called != Some((route.method.to_owned(), route.template)) {
            findings.push(format!("{} must be called by `{} {}`", pascal(&name), route.method, route.template));
        }
        match rows.remove(&name) {
            Some(row) if is_row_of(route, &row) => {}
            Some(row) => findings.push(format!("docs/API.md says of {name} {row:?}, and access.rs says {route:?}")),
            None => {
                findings
                    .push(format!("docs/API.md has no row of {name}: its route, roles and whether it is a command"));
            }
        }
    }
    for route in ROUTES.iter().filter(|route| !functions().contains(&route.function.to_owned())) {
        findings.push(format!("access.rs has a route of `{0}`, and there is no functions/{0}", route.function));
    }
    findings.extend(rows.keys().map(|name| format!("docs/API.md has a row of `{name}`, which is no route of ours")));
    nothing(&findings);
}

/// Whether a row of the page says what the table of routes says. What a role owns of a thing is decided on the thing, and
/// stands in parentheses that are not compared.
fn is_row_of(route: &Route, row: &[String]) -> bool {
    let [_, path, roles, command] = row else { return false };
    let said: BTreeSet<&str> =
        roles.split(',').filter_map(|role| role.split_whitespace().next()).filter(|role| *role != "anyone").collect();
    let named: Vec<String> = route.roles().iter().map(|role| format!("{role:?}").to_lowercase()).collect();
    let kind = match route.kind {
        Kind::Public | Kind::Token => "no",
        Kind::Query | Kind::List => "",
        Kind::Command => "yes",
        Kind::Edit => "yes, with If-Match",
        Kind::NaturalCommand => "natural key",
    };
    let admitted: BTreeSet<&str> = named.iter().map(String::as_str).collect();
    *path == format!("`{} {}`", route.method, route.template) && said == admitted && command == kind
}

#[test]
fn every_function_has_an_event_that_succeeds_and_every_event_its_function() {
    let wanted: BTreeSet<String> = functions().iter().map(|name| format!("{name}.json")).collect();
    let found: BTreeSet<String> = names_in("events").into_iter().filter(|name| name != "refused").collect();
    let mut findings: Vec<String> =
        wanted.difference(&found).map(|name| format!("events/{name} is missing: one event that succeeds")).collect();
    findings.extend(found.difference(&wanted).map(|name| format!("events/{name} belongs to no folder in functions/")));
    nothing(&findings);
}

/// Blocks of `mod` lines, each from one blank line to the next.
fn module_blocks(main: &str) -> Vec<Vec<String>> {
    let blocks = main.split("\n\n").map(|block| {
        let modules = block.lines().filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
        modules.map(str::to_owned).collect::<Vec<_>>()
    });
    blocks.filter(|block| !block.is_empty()).collect()
}

#[test]
fn every_function_has_a_test_module_and_every_test_module_a_function() {
    let mut findings = vec![];
    let wanted: Vec<String> = functions().iter().map(|name| snake(name)).collect();
    for name in wanted.iter().filter(|name| !exists(&format!("{MODULES}/{name}.rs"))) {
        findings.push(format!("{MODULES}/{name}.rs is missing: what the function promises"));
    }
    let blocks = module_blocks(&find(&format!("{MODULES}/main.rs")).unwrap_or_default());
    let last = blocks.last().cloned().unwrap_or_default();
    if last != wanted {
        let missing: Vec<_> = wanted.iter().filter(|name| !last.contains(name)).collect();
        let idle: Vec<_> = last.iter().filter(|name| !wanted.contains(name)).collect();
        findings.push(format!(
            "{MODULES}/main.rs: the last block of `mod` lines must be the functions, A to Z; missing {missing:?}, no function {idle:?}"
        ));
    }
    let declared: Vec<String> = blocks.concat();
    for name in names_in(MODULES) {
        let module = name.trim_end_matches(".rs");
        if module != "main" && !declared.contains(&module.to_owned()) {
            findings.push(format!("{MODULES}/main.rs does not say `mod {module};`, so its tests do not run"));
        }
    }
    nothing(&findings);
}

#[test]
fn every_function_stands_in_the_code_map() {
    let map = read("docs/ARCHITECTURE.md");
    let named: BTreeSet<&str> = quoted(&map).into_iter().collect();
    let missing = functions().into_iter().filter(|name| !named.contains(name.as_str()));
    let findings: Vec<String> = missing.map(|name| format!("docs/ARCHITECTURE.md does not name `{name}`")).collect();
    nothing(&findings);
}
