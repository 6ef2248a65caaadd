//! What each request costs: calls and capacity units, counted, so that a change that makes one dearer is seen.

use domain::access::{ACCOUNT_GET, AGENT_LIST, DELIVERY_LIST, DISBURSEMENT_GET, EXPORT_CREATE, Route, SETTLEMENT_LIST};
use serde_json::{Value, json};
use testkit::{Calls, Operation, Reply, RestRequest, World};

use crate::{
    door::call,
    steps::{
        TODAY, assign, bank_line, close_day, collected, collection, command, confirm, confirmed, failed, handed_over,
        instruct, instruction, plan, planned, point, reconcile, record, visit,
    },
};

/// One row of the table in docs/DATA.md.
fn row(what: &str, reply: &Reply, calls: &Calls) {
    assert!(reply.status < 300, "{what}: {reply:?}");
    let names: Vec<String> =
        calls.operations().map(|(operation, usage)| format!("{} {operation}", usage.count)).collect();
    let total = calls.total();
    let (read, write, index) = (total.read_units, total.write_units, total.index_write_units);
    println!("| {what} | {} | {read} | {write} | {index} |", names.join(", "));
}

fn asserted(calls: &Calls, expected: &[(Operation, u64)]) {
    let counted: Vec<_> = calls.operations().map(|(operation, usage)| (operation, usage.count)).collect();
    assert_eq!(counted, expected);
}

async fn get(world: &World, route: &'static Route, request: &RestRequest) -> Reply {
    world.table.reset_calls();
    call(world, route, request).await
}

#[tokio::test]
async fn what_each_request_costs() {
    let world = World::new().await;
    let office = &world.pennco;
    let agent = &office.agents[0];
    println!("| request | calls | read units | write units | index write units |");
    println!("|---|---|---|---|---|");

    for count in [1_i64, 10, 60, 200] {
        let points: Vec<Value> = (0..count).map(|n| point((count - n) * 15 + count, 18.52)).collect();
        world.table.reset_calls();
        let reply = record(&world, agent, &points).await;
        let calls = world.table.calls();
        row(&format!("`location-record`, {count} points"), &reply, &calls);
        asserted(&calls, &[(Operation::PutItem, 1)]);
        if count <= 60 {
            assert_eq!(calls.total().write_units.to_string(), "1", "{count} points fit one kilobyte");
        }
    }

    world.table.reset_calls();
    let reply = plan(&world, &office.desk, "c-plan", &collection("C-1", 150_000)).await;
    row("`delivery-create`", &reply, &world.table.calls());
    let id = reply.text("/delivery_id").to_owned();

    world.table.reset_calls();
    let reply = assign(&world, &office.desk, &id, agent, "c-assign").await;
    row("`delivery-assign`", &reply, &world.table.calls());

    world.table.reset_calls();
    let reply = confirm(&world, agent, &id, "c-confirm", &confirmed(150_000)).await;
    let calls = world.table.calls();
    row("`delivery-confirm`, cash collected", &reply, &calls);
    asserted(&calls, &[(Operation::GetItem, 1), (Operation::TransactWriteItems, 1)]);

    world.table.reset_calls();
    let again = confirm(&world, agent, &id, "c-confirm", &confirmed(150_000)).await;
    let calls = world.table.calls();
    assert!(again.is_replay());
    row("`delivery-confirm`, a repeat", &again, &calls);
    asserted(&calls, &[(Operation::GetItem, 1), (Operation::TransactWriteItems, 1)]);

    let other = planned(&world, office, "C-2", 1_000).await;
    let reply = assign(&world, &office.desk, &other, agent, "c-assign-2").await;
    assert_eq!(reply.status, 200);
    world.table.reset_calls();
    let reply = confirm(&world, agent, &other, "c-fail", &failed("refused")).await;
    row("`delivery-confirm`, visit failed", &reply, &world.table.calls());

    world.table.reset_calls();
    let reply = visit(&world, agent, &id).await;
    row("`delivery-get`", &reply, &world.table.calls());

    for number in 0..25 {
        planned(&world, office, &format!("L-{number}"), 1_000).await;
    }
    let worklist = office.desk.asks(&DELIVERY_LIST).query("region", "pune-north").query("status", "pending");
    let reply = get(&world, &DELIVERY_LIST, &worklist).await;
    assert_eq!(reply.items().len(), 25);
    let calls = world.table.calls();
    row("`delivery-list`, a page of 25", &reply, &calls);
    asserted(&calls, &[(Operation::Query, 1)]);

    let reply = get(&world, &AGENT_LIST, &office.desk.asks(&AGENT_LIST).query("region", "pune-north")).await;
    let calls = world.table.calls();
    row("`agent-list`, one agent", &reply, &calls);
    asserted(&calls, &[(Operation::Query, 1), (Operation::BatchGetItem, 1)]);

    world.table.reset_calls();
    let reply = instruct(&world, &office.partners[0], "c-instruct", &instruction("D-1", 200_000)).await;
    row("`disbursement-create`", &reply, &world.table.calls());

    let paid = handed_over(&world, office, "D-2", 100_000).await;
    let reply =
        get(&world, &DISBURSEMENT_GET, &office.partners[0].asks(&DISBURSEMENT_GET).path("disbursement_id", &paid))
            .await;
    row("`disbursement-get`", &reply, &world.table.calls());

    world.table.reset_calls();
    let line = bank_line("HDFCN52026112101", 100_000);
    let reply = reconcile(&world, &office.settlement, &paid, "c-reconcile", &line).await;
    row("`disbursement-reconcile`", &reply, &world.table.calls());

    for number in 0..10 {
        collected(&world, office, &format!("A-{number}"), 1_000).await;
    }
    let cash = format!("agent_cash.{}", agent.subject());
    let reply = get(&world, &ACCOUNT_GET, &agent.asks(&ACCOUNT_GET).path("account_id", &cash)).await;
    row("`account-get`, an agent's cash", &reply, &world.table.calls());
    let reply =
        get(&world, &ACCOUNT_GET, &office.settlement.asks(&ACCOUNT_GET).path("account_id", "partner_control.bfil"))
            .await;
    row("`account-get`, a partner's control account", &reply, &world.table.calls());

    world.table.reset_calls();
    let reply = close_day(&world, &office.settlement, "c-close", TODAY).await;
    row("`settlement-create`, two partners", &reply, &world.table.calls());
    let reply = get(&world, &SETTLEMENT_LIST, &office.settlement.asks(&SETTLEMENT_LIST)).await;
    row("`settlement-list`, two settlements", &reply, &world.table.calls());

    world.table.reset_calls();
    let wish = json!({ "kind": "entries", "day": TODAY });
    let reply = call(&world, &EXPORT_CREATE, &command(&office.settlement, &EXPORT_CREATE, "c-export", &wish)).await;
    row("`export-create`", &reply, &world.table.calls());
}
