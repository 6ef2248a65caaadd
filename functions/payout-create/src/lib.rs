//! `POST /api/v1/payouts`: the settlement desk has a settlement paid out whose last payout failed.

use domain::{
    Failed,
    access::SettlementDesk,
    payout::{NewPayout, Payout},
};
use edge::{Answer, Call, Nothing};
use store::Payouts;

/// Instructs another payout, unless the last one may still arrive: unknown is not failed.
///
/// # Errors
/// [`Failed::Unknown`] for a settlement that is not there.
pub async fn handle(
    payouts: &Payouts,
    call: Call<SettlementDesk, Nothing, NewPayout>,
) -> Result<Answer<Payout>, Failed> {
    let desk = &call.caller;
    let operator = payouts.operator(&desk.caller.operator).await?;
    let before = payouts.settlement(&operator.operator, &call.body.settlement_id).await?.seen_by(desk)?;
    let latest = payouts.latest(&operator.operator, &before).await?;
    let (rail, clock) = (operator.rail(&before.partner_id), operator.clock()?);
    let decided = before.pay_out(latest.as_ref(), &operator.operator, rail, &clock, call.at, desk.caller.principal());
    payouts.create(call.command(), &before, decided).await
}
