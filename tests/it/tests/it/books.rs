//! The books as an auditor reads them: every account through its door, and what must hold between them.

use domain::access::ACCOUNT_GET;
use serde_json::Value;
use testkit::{LEDGER, Office, World};

use crate::door::call;

/// Balance of an account and the sum of its entries, page by page.
pub(crate) async fn account(world: &World, office: &Office, account_id: &str) -> (i64, i64) {
    let mut cursor: Option<String> = None;
    let mut sum = 0;
    loop {
        let request = office.admin.asks(&ACCOUNT_GET).path("account_id", account_id).query("limit", "7");
        let request = match &cursor {
            Some(cursor) => request.query("cursor", cursor),
            None => request,
        };
        let reply = call(world, &ACCOUNT_GET, &request).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        sum += reply.items().iter().map(|entry| entry["amount"]["amount_minor"].as_i64().unwrap()).sum::<i64>();
        cursor = reply.json["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            return (reply.json["balance"]["amount_minor"].as_i64().unwrap(), sum);
        }
    }
}

/// Every entry of the ledger, of all operators, without the transfers that lie beside them.
pub(crate) fn entries(world: &World) -> Vec<Value> {
    let mut items = world.table.items(LEDGER);
    items.retain(|item| item["sk"]["S"] != "transfer");
    items
}

/// Every account that an operator has.
pub(crate) fn accounts_of(office: &Office) -> Vec<String> {
    let hands = office.agents.iter().map(|agent| format!("agent_cash.{}", agent.subject()));
    let partners = office.partners.iter().flat_map(|partner| {
        ["partner_control", "partner_settlement"].map(|kind| format!("{kind}.{}", partner.subject()))
    });
    hands
        .chain(partners)
        .chain(["vault", "bank", "suspense"].map(|kind| format!("{kind}.{}", office.operator)))
        .collect()
}

/// Holds the books of an operator against the rules: every balance is the fold of its entries, all together are zero,
/// no agent is below zero or above the cap. Gives the balance of the first agent.
pub(crate) async fn balance(world: &World, office: &Office) -> i64 {
    balance_with(world, office, &[]).await
}

/// The same of an operator that has these budgets and expenses as well.
pub(crate) async fn balance_with(world: &World, office: &Office, named: &[&str]) -> i64 {
    let mut total = 0;
    let mut first = None;
    let named = named.iter().map(|account| (*account).to_owned());
    for account_id in accounts_of(office).into_iter().chain(named) {
        let (balance, sum) = account(world, office, &account_id).await;
        assert_eq!(balance, sum, "{account_id}: balance and fold of entries");
        if account_id.starts_with("agent_cash") {
            assert!((0..=testkit::CASH_CAP_MINOR).contains(&balance), "{account_id} holds {balance}");
        }
        first.get_or_insert(balance);
        total += balance;
    }
    assert_eq!(total, 0, "the sum over all accounts");
    first.unwrap()
}
