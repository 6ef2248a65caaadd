//! The functions in process: one module a function, each through the door that its callers have.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what a test takes for granted fails the test when it is not so"
)]

mod any_sequence;
mod books;
mod costs;
mod crash_points;
mod door;
mod every_route;
mod forged_tokens;
mod large_settlement;
mod logins;
mod ownership;
mod steps;
mod throttles;

mod account_close;
mod account_get;
mod activity_get;
mod activity_roll_up;
mod agent_list;
mod approval_decide;
mod approval_expire;
mod approval_get;
mod approval_list;
mod audit_list;
mod client_create;
mod client_get;
mod client_list;
mod client_rotate;
mod client_update;
mod day_close_build;
mod day_close_get;
mod day_close_list;
mod delivery_assign;
mod delivery_confirm;
mod delivery_create;
mod delivery_get;
mod delivery_list;
mod device_list;
mod device_revoke;
mod disbursement_cancel;
mod disbursement_create;
mod disbursement_get;
mod disbursement_reconcile;
mod event_relay;
mod event_sweep;
mod export_build;
mod export_create;
mod export_get;
mod exposure_get;
mod invariant_check;
mod jwks_get;
mod key_rotate;
mod location_record;
mod message_send;
mod otp_request;
mod password_reset;
mod password_set;
mod payout_create;
mod payout_get;
mod payout_list;
mod payout_update;
mod payout_watch;
mod position_roll_up;
mod proof_get;
mod reservation_create;
mod reservation_expire;
mod reservation_get;
mod reservation_settle;
mod reservation_void;
mod session_create;
mod session_delete;
mod session_get;
mod settlement_build;
mod settlement_close;
mod settlement_create;
mod settlement_get;
mod settlement_list;
mod statement_create;
mod statement_get;
mod statement_list;
mod statement_match;
mod token_issue;
mod totp_confirm;
mod totp_enrol;
mod transfer_create;
mod transfer_get;
mod transfer_reverse;
mod user_create;
mod user_get;
mod user_list;
mod user_update;
