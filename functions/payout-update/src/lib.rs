//! `PATCH /api/v1/payouts/{payout_id}`: the settlement desk records what is known of a payout.

use domain::{
    Command, Failed, PayoutId,
    access::SettlementDesk,
    payout::{Payout, PayoutNews},
};
use edge::{Answer, Call, Path};
use store::Payouts;

/// Records what was learned, at the version that the desk has seen; nothing is ever unlearned.
///
/// # Errors
/// [`Failed::VersionPassed`] for another version, [`Failed::Invalid`] for what is missing.
pub async fn handle(
    payouts: &Payouts,
    call: Call<SettlementDesk, Path<PayoutId>, PayoutNews>,
) -> Result<Answer<Payout>, Failed> {
    let desk = &call.caller;
    let before = payouts.get(&desk.caller.operator, &call.path.id).await?.seen_by(desk)?;
    let clock = payouts.operator(&desk.caller.operator).await?.clock()?;
    let decided = call
        .must_match(before.version)
        .and_then(|()| before.learn(&call.body, &clock, call.at, desk.caller.principal()));
    let command = call.body.reason.iter().fold(call.command().clone(), Command::because);
    payouts.update(&command, &before, decided).await
}
