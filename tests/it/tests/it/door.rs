//! All routes behind one call: which handler with which capability serves a route, as the template wires them.

use std::pin::Pin;

use domain::access::Route;
use testkit::{Reply, RestRequest, World};

/// A future on the heap, made in a frame that is gone when it runs: with every handler's own in one frame a test's stack
/// is too small.
fn boxed<'a, F: Future<Output = Reply> + Send + 'a>(
    made: impl FnOnce() -> F,
) -> Pin<Box<dyn Future<Output = Reply> + Send + 'a>> {
    Box::pin(made())
}

/// Sends a request to the function that serves the route.
pub(crate) fn call<'a>(
    world: &'a World,
    route: &'static Route,
    request: &'a RestRequest,
) -> Pin<Box<dyn Future<Output = Reply> + Send + 'a>> {
    match route.function {
        "account-close" => {
            boxed(|| async move { world.send(route, account_close::handle, &world.account_writer(), request).await })
        }
        "account-get" => {
            boxed(|| async move { world.send(route, account_get::handle, &world.accounts(), request).await })
        }
        "activity-get" => {
            boxed(|| async move { world.send(route, activity_get::handle, &world.activities(), request).await })
        }
        "agent-list" => boxed(|| async move { world.send(route, agent_list::handle, &world.agents(), request).await }),
        "approval-decide" => {
            boxed(|| async move { world.send(route, approval_decide::handle, &world.approvals(), request).await })
        }
        "approval-get" => {
            boxed(|| async move { world.send(route, approval_get::handle, &world.approvals(), request).await })
        }
        "approval-list" => {
            boxed(|| async move { world.send(route, approval_list::handle, &world.approvals(), request).await })
        }
        "audit-list" => boxed(|| async move { world.send(route, audit_list::handle, &world.audits(), request).await }),
        "client-create" => {
            boxed(|| async move { world.send(route, client_create::handle, &world.client_secrets(), request).await })
        }
        "client-get" => boxed(|| async move { world.send(route, client_get::handle, &world.clients(), request).await }),
        "client-list" => {
            boxed(|| async move { world.send(route, client_list::handle, &world.clients(), request).await })
        }
        "client-rotate" => {
            boxed(|| async move { world.send(route, client_rotate::handle, &world.client_secrets(), request).await })
        }
        "client-update" => {
            boxed(|| async move { world.send(route, client_update::handle, &world.clients(), request).await })
        }
        "day-close-get" => boxed(|| async move {
            world.send(route, day_close_get::handle, &(world.day_closes(), world.files()), request).await
        }),
        "day-close-list" => {
            boxed(|| async move { world.send(route, day_close_list::handle, &world.day_closes(), request).await })
        }
        "delivery-assign" => {
            boxed(|| async move { world.send(route, delivery_assign::handle, &world.deliveries(), request).await })
        }
        "delivery-confirm" => {
            boxed(|| async move { world.send(route, delivery_confirm::handle, &world.deliveries(), request).await })
        }
        "delivery-create" => {
            boxed(|| async move { world.send(route, delivery_create::handle, &world.deliveries(), request).await })
        }
        "delivery-get" => {
            boxed(|| async move { world.send(route, delivery_get::handle, &world.deliveries(), request).await })
        }
        "delivery-list" => {
            boxed(|| async move { world.send(route, delivery_list::handle, &world.deliveries(), request).await })
        }
        "device-list" => {
            boxed(|| async move { world.send(route, device_list::handle, &world.devices(), request).await })
        }
        "device-revoke" => {
            boxed(|| async move { world.send(route, device_revoke::handle, &world.devices(), request).await })
        }
        "disbursement-cancel" => {
            boxed(
                || async move { world.send(route, disbursement_cancel::handle, &world.disbursements(), request).await },
            )
        }
        "disbursement-create" => {
            boxed(
                || async move { world.send(route, disbursement_create::handle, &world.disbursements(), request).await },
            )
        }
        "disbursement-get" => {
            boxed(|| async move { world.send(route, disbursement_get::handle, &world.disbursements(), request).await })
        }
        "disbursement-reconcile" => {
            boxed(
                || async move { world.send(route, disbursement_reconcile::handle, &world.disbursements(), request).await },
            )
        }
        "disbursement-reverse" => {
            boxed(
                || async move { world.send(route, disbursement_reverse::handle, &world.disbursements(), request).await },
            )
        }
        "export-create" => {
            boxed(|| async move { world.send(route, export_create::handle, &world.exports(), request).await })
        }
        "export-get" => {
            boxed(
                || async move { world.send(route, export_get::handle, &(world.exports(), world.files()), request).await },
            )
        }
        "exposure-get" => {
            boxed(|| async move { world.send(route, exposure_get::handle, &world.payouts(), request).await })
        }
        "jwks-get" => {
            boxed(|| async move { world.send_open(route, jwks_get::handle, &world.directory(), request).await })
        }
        "ledger-prove" => {
            boxed(|| async move { world.send(route, ledger_prove::handle, &world.seals(), request).await })
        }
        "location-record" => {
            boxed(|| async move { world.send(route, location_record::handle, &world.tracks(), request).await })
        }
        "otp-request" => {
            boxed(|| async move { world.send_open(route, otp_request::handle, &world.requests(), request).await })
        }
        "password-reset" => {
            boxed(|| async move { world.send_open(route, password_reset::handle, &world.requests(), request).await })
        }
        "password-set" => {
            boxed(|| async move { world.send_open(route, password_set::handle, &world.passwords(), request).await })
        }
        "payout-create" => {
            boxed(|| async move { world.send(route, payout_create::handle, &world.payouts(), request).await })
        }
        "payout-get" => boxed(|| async move { world.send(route, payout_get::handle, &world.payouts(), request).await }),
        "payout-list" => {
            boxed(|| async move { world.send(route, payout_list::handle, &world.payouts(), request).await })
        }
        "payout-update" => {
            boxed(|| async move { world.send(route, payout_update::handle, &world.payouts(), request).await })
        }
        "proof-get" => boxed(|| async move { world.send(route, proof_get::handle, &world.proofs(), request).await }),
        "reservation-create" => {
            boxed(|| async move { world.send(route, reservation_create::handle, &world.reservations(), request).await })
        }
        "reservation-get" => {
            boxed(|| async move { world.send(route, reservation_get::handle, &world.reservations(), request).await })
        }
        "reservation-settle" => {
            boxed(|| async move { world.send(route, reservation_settle::handle, &world.reservations(), request).await })
        }
        "reservation-void" => {
            boxed(|| async move { world.send(route, reservation_void::handle, &world.reservations(), request).await })
        }
        "session-create" => {
            boxed(|| async move { world.send_open(route, session_create::handle, &world.credentials(), request).await })
        }
        "session-delete" => {
            boxed(|| async move { world.send(route, session_delete::handle, &world.sessions(), request).await })
        }
        "session-get" => boxed(|| async move { world.send(route, session_get::handle, &world.trust(), request).await }),
        "settlement-acknowledge" => boxed(|| async move {
            world.send(route, settlement_acknowledge::handle, &world.acknowledgements(), request).await
        }),
        "settlement-create" => {
            boxed(|| async move { world.send(route, settlement_create::handle, &world.settlements(), request).await })
        }
        "settlement-get" => boxed(|| async move {
            world.send(route, settlement_get::handle, &(world.settlements(), world.files()), request).await
        }),
        "settlement-list" => {
            boxed(|| async move { world.send(route, settlement_list::handle, &world.settlements(), request).await })
        }
        "statement-create" => {
            boxed(
                || async move { world.send(route, statement_create::handle, &world.statement_writer(), request).await },
            )
        }
        "statement-get" => boxed(|| async move {
            world.send(route, statement_get::handle, &(world.statements(), world.files()), request).await
        }),
        "statement-line-list" => {
            boxed(|| async move { world.send(route, statement_line_list::handle, &world.statements(), request).await })
        }
        "statement-line-match" => {
            boxed(|| async move { world.send(route, statement_line_match::handle, &world.statements(), request).await })
        }
        "statement-line-unmatch" => {
            boxed(
                || async move { world.send(route, statement_line_unmatch::handle, &world.statements(), request).await },
            )
        }
        "statement-list" => {
            boxed(|| async move { world.send(route, statement_list::handle, &world.statements(), request).await })
        }
        "token-issue" => {
            boxed(|| async move { world.send_open(route, token_issue::handle, &world.credentials(), request).await })
        }
        "totp-confirm" => {
            boxed(|| async move { world.send(route, totp_confirm::handle, &world.second_factors(), request).await })
        }
        "totp-enrol" => {
            boxed(|| async move { world.send(route, totp_enrol::handle, &world.second_factors(), request).await })
        }
        "transfer-create" => {
            boxed(|| async move { world.send(route, transfer_create::handle, &world.transfers(), request).await })
        }
        "transfer-get" => {
            boxed(|| async move { world.send(route, transfer_get::handle, &world.transfers(), request).await })
        }
        "transfer-reverse" => {
            boxed(|| async move { world.send(route, transfer_reverse::handle, &world.transfers(), request).await })
        }
        "user-create" => boxed(|| async move { world.send(route, user_create::handle, &world.users(), request).await }),
        "user-get" => boxed(|| async move { world.send(route, user_get::handle, &world.users(), request).await }),
        "user-list" => boxed(|| async move { world.send(route, user_list::handle, &world.users(), request).await }),
        "user-update" => boxed(|| async move { world.send(route, user_update::handle, &world.users(), request).await }),
        other => panic!("{other} has no handler here"),
    }
}
