//! `GET /api/v1/payouts/exposure`: payouts under way, how old they are and what their delay costs.

use domain::{Caller, Failed, payout::Exposure};
use edge::{Answer, Call, Nothing};
use store::Payouts;

/// Adds up what is open, as of now.
///
/// # Errors
/// [`Failed::Later`] when the table does not answer.
pub async fn handle(payouts: &Payouts, call: Call<Caller, Nothing>) -> Result<Answer<Exposure>, Failed> {
    Answer::ok(&payouts.exposure(&call.caller.operator, call.at).await?)
}
