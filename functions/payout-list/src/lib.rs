//! `GET /api/v1/payouts`: what is paid to partners, newest day first.

use domain::{
    Caller, Failed,
    payout::{Payout, PayoutQuery},
};
use edge::{Answer, Call, Nothing, Page};
use store::Payouts;

/// Lists payouts that are open, closed, or a partner's; partners see their own.
///
/// # Errors
/// [`Failed::Malformed`] for filters that no index answers together.
pub async fn handle(
    payouts: &Payouts,
    call: Call<Caller, Nothing, Nothing, PayoutQuery>,
) -> Result<Answer<Page<Payout>>, Failed> {
    let filter = call.query.filter(&call.caller)?;
    let page = payouts.list(&call.caller.operator, &filter, &call.page).await?;
    Answer::page(&page)
}
