//! When all is told, the operator's books still add up.

use crate::{
    person::Person,
    stage::{OPERATOR, Stage},
};

/// The lenders that the seed gives every operator.
const PARTNERS: [&str; 5] = ["bfil", "lnt-finance", "green-light", "spandana", "samasta"];
const REGIONS: [&str; 2] = ["mysuru", "hassan"];

/// Every balance is the sum of its entries, nobody's cash is below zero, and all accounts together are zero.
pub(crate) fn add_up(stage: &Stage) {
    let books = stage.person("admin", OPERATOR);
    let agents = REGIONS.iter().flat_map(|region| books.list(&format!("/api/v1/agents?region={region}&limit=100")));
    let agents: Vec<_> = agents.filter_map(|agent| agent["agent_id"].as_str().map(str::to_owned)).collect();
    assert!(!agents.is_empty(), "an operator has agents");
    let of_agents = agents.iter().map(|agent| format!("agent_cash.{agent}"));
    let of_partners =
        PARTNERS.iter().flat_map(|name| [format!("partner_control.{name}"), format!("partner_settlement.{name}")]);
    let accounts = of_agents.chain(of_partners).chain([format!("vault.{OPERATOR}")]);
    let balances: Vec<(String, i64)> = accounts.map(|account| (account.clone(), balance(&books, &account))).collect();
    let sum: i64 = balances.iter().map(|(_, balance)| balance).sum();
    assert_eq!(sum, 0, "{balances:?}");
    let overdrawn: Vec<_> =
        balances.iter().filter(|(name, held)| name.starts_with("agent_cash") && *held < 0).collect();
    assert_eq!(overdrawn, Vec::<&(String, i64)>::new());
}

/// What an account holds, once its entries say the same.
fn balance(books: &Person, account: &str) -> i64 {
    let path = format!("/api/v1/accounts/{account}?limit=100");
    let held = books.get(&path).must_be(200)["balance"]["amount_minor"].as_i64().expect("a balance");
    let entries = books.list(&path);
    let sum: i64 = entries.iter().filter_map(|entry| entry["amount"]["amount_minor"].as_i64()).sum();
    assert_eq!(held, sum, "the balance of {account} is the sum of its entries");
    held
}
