//! `GET /api/v1/payouts/{payout_id}`: one payout and everything that was learned of it.

use domain::{Caller, Failed, PayoutId, payout::Payout};
use edge::{Answer, Call, Path};
use store::Payouts;

/// Shows a payout.
///
/// # Errors
/// [`Failed::Unknown`] for one that is not there, or not the caller's to know of.
pub async fn handle(payouts: &Payouts, call: Call<Caller, Path<PayoutId>>) -> Result<Answer<Payout>, Failed> {
    let payout = payouts.get(&call.caller.operator, &call.path.id).await?.seen_by(&call.caller)?;
    Answer::versioned(&payout, payout.version)
}
