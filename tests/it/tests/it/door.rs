//! All routes behind one call: which handler with which capability serves a route, as the template wires them.

use domain::access::Route;
use testkit::{Reply, RestRequest, World};

/// Sends a request to the function that serves the route. On the heap: forty handlers in one future, in futures of tests
/// around it, are more than a test's stack.
pub(crate) async fn call(world: &World, route: &'static Route, request: &RestRequest) -> Reply {
    Box::pin(dispatch(world, route, request)).await
}

async fn dispatch(world: &World, route: &'static Route, request: &RestRequest) -> Reply {
    match route.function {
        "account-close" => world.send(route, account_close::handle, &world.accounts(), request).await,
        "account-get" => world.send(route, account_get::handle, &world.accounts(), request).await,
        "activity-get" => world.send(route, activity_get::handle, &world.activities(), request).await,
        "agent-list" => world.send(route, agent_list::handle, &world.agents(), request).await,
        "approval-decide" => world.send(route, approval_decide::handle, &world.approvals(), request).await,
        "approval-get" => world.send(route, approval_get::handle, &world.approvals(), request).await,
        "approval-list" => world.send(route, approval_list::handle, &world.approvals(), request).await,
        "audit-list" => world.send(route, audit_list::handle, &world.audits(), request).await,
        "client-create" => world.send(route, client_create::handle, &world.client_secrets(), request).await,
        "client-get" => world.send(route, client_get::handle, &world.clients(), request).await,
        "client-list" => world.send(route, client_list::handle, &world.clients(), request).await,
        "client-rotate" => world.send(route, client_rotate::handle, &world.client_secrets(), request).await,
        "client-update" => world.send(route, client_update::handle, &world.clients(), request).await,
        "day-close-get" => {
            world.send(route, day_close_get::handle, &(world.day_closes(), world.files()), request).await
        }
        "day-close-list" => world.send(route, day_close_list::handle, &world.day_closes(), request).await,
        "delivery-assign" => world.send(route, delivery_assign::handle, &world.deliveries(), request).await,
        "delivery-confirm" => world.send(route, delivery_confirm::handle, &world.deliveries(), request).await,
        "delivery-create" => world.send(route, delivery_create::handle, &world.deliveries(), request).await,
        "delivery-get" => world.send(route, delivery_get::handle, &world.deliveries(), request).await,
        "delivery-list" => world.send(route, delivery_list::handle, &world.deliveries(), request).await,
        "device-list" => world.send(route, device_list::handle, &world.devices(), request).await,
        "device-revoke" => world.send(route, device_revoke::handle, &world.devices(), request).await,
        "disbursement-cancel" => world.send(route, disbursement_cancel::handle, &world.disbursements(), request).await,
        "disbursement-create" => world.send(route, disbursement_create::handle, &world.disbursements(), request).await,
        "disbursement-get" => world.send(route, disbursement_get::handle, &world.disbursements(), request).await,
        "disbursement-reconcile" => {
            world.send(route, disbursement_reconcile::handle, &world.disbursements(), request).await
        }
        "export-create" => world.send(route, export_create::handle, &world.exports(), request).await,
        "export-get" => world.send(route, export_get::handle, &(world.exports(), world.files()), request).await,
        "exposure-get" => world.send(route, exposure_get::handle, &world.payouts(), request).await,
        "jwks-get" => world.send_open(route, jwks_get::handle, &world.directory(), request).await,
        "location-record" => world.send(route, location_record::handle, &world.tracks(), request).await,
        "otp-request" => world.send_open(route, otp_request::handle, &world.requests(), request).await,
        "password-reset" => world.send_open(route, password_reset::handle, &world.requests(), request).await,
        "password-set" => world.send_open(route, password_set::handle, &world.passwords(), request).await,
        "payout-create" => world.send(route, payout_create::handle, &world.payouts(), request).await,
        "payout-get" => world.send(route, payout_get::handle, &world.payouts(), request).await,
        "payout-list" => world.send(route, payout_list::handle, &world.payouts(), request).await,
        "payout-update" => world.send(route, payout_update::handle, &world.payouts(), request).await,
        "proof-get" => world.send(route, proof_get::handle, &world.proofs(), request).await,
        "reservation-create" => world.send(route, reservation_create::handle, &world.reservations(), request).await,
        "reservation-get" => world.send(route, reservation_get::handle, &world.reservations(), request).await,
        "reservation-settle" => world.send(route, reservation_settle::handle, &world.reservations(), request).await,
        "reservation-void" => world.send(route, reservation_void::handle, &world.reservations(), request).await,
        "session-create" => world.send_open(route, session_create::handle, &world.credentials(), request).await,
        "session-delete" => world.send(route, session_delete::handle, &world.sessions(), request).await,
        "session-get" => world.send(route, session_get::handle, &world.trust(), request).await,
        "settlement-create" => world.send(route, settlement_create::handle, &world.settlements(), request).await,
        "settlement-get" => {
            world.send(route, settlement_get::handle, &(world.settlements(), world.files()), request).await
        }
        "settlement-list" => world.send(route, settlement_list::handle, &world.settlements(), request).await,
        "statement-create" => world.send(route, statement_create::handle, &world.statement_writer(), request).await,
        "statement-get" => {
            world.send(route, statement_get::handle, &(world.statements(), world.files()), request).await
        }
        "statement-list" => world.send(route, statement_list::handle, &world.statements(), request).await,
        "token-issue" => world.send_open(route, token_issue::handle, &world.credentials(), request).await,
        "totp-confirm" => world.send(route, totp_confirm::handle, &world.second_factors(), request).await,
        "totp-enrol" => world.send(route, totp_enrol::handle, &world.second_factors(), request).await,
        "transfer-create" => world.send(route, transfer_create::handle, &world.transfers(), request).await,
        "transfer-get" => world.send(route, transfer_get::handle, &world.transfers(), request).await,
        "transfer-reverse" => world.send(route, transfer_reverse::handle, &world.transfers(), request).await,
        "user-create" => world.send(route, user_create::handle, &world.users(), request).await,
        "user-get" => world.send(route, user_get::handle, &world.users(), request).await,
        "user-list" => world.send(route, user_list::handle, &world.users(), request).await,
        "user-update" => world.send(route, user_update::handle, &world.users(), request).await,
        other => panic!("{other} has no handler here"),
    }
}
