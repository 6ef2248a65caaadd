//! All routes behind one call: which handler with which capability serves a route, as the template wires them.

use domain::access::Route;
use testkit::{Reply, RestRequest, World};

/// Sends a request to the function that serves the route.
pub(crate) async fn call(world: &World, route: &'static Route, request: &RestRequest) -> Reply {
    match route.function {
        "account-get" => world.send(route, account_get::handle, &world.accounts(), request).await,
        "activity-get" => world.send(route, activity_get::handle, &world.activities(), request).await,
        "agent-list" => world.send(route, agent_list::handle, &world.agents(), request).await,
        "delivery-assign" => world.send(route, delivery_assign::handle, &world.deliveries(), request).await,
        "delivery-confirm" => world.send(route, delivery_confirm::handle, &world.deliveries(), request).await,
        "delivery-create" => world.send(route, delivery_create::handle, &world.deliveries(), request).await,
        "delivery-get" => world.send(route, delivery_get::handle, &world.deliveries(), request).await,
        "delivery-list" => world.send(route, delivery_list::handle, &world.deliveries(), request).await,
        "disbursement-create" => world.send(route, disbursement_create::handle, &world.disbursements(), request).await,
        "disbursement-get" => world.send(route, disbursement_get::handle, &world.disbursements(), request).await,
        "disbursement-reconcile" => {
            world.send(route, disbursement_reconcile::handle, &world.disbursements(), request).await
        }
        "export-create" => world.send(route, export_create::handle, &world.exports(), request).await,
        "export-get" => world.send(route, export_get::handle, &(world.exports(), world.files()), request).await,
        "location-record" => world.send(route, location_record::handle, &world.tracks(), request).await,
        "settlement-create" => world.send(route, settlement_create::handle, &world.settlements(), request).await,
        "settlement-get" => {
            world.send(route, settlement_get::handle, &(world.settlements(), world.files()), request).await
        }
        "settlement-list" => world.send(route, settlement_list::handle, &world.settlements(), request).await,
        "token-issue" => world.send_open(route, token_issue::handle, &world.credentials().await, request).await,
        other => panic!("{other} has no handler here"),
    }
}
