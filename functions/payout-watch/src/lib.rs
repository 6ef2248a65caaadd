//! Watches payouts of which nobody knows what became, and tells somebody at each step of their delay.

use domain::Failed;
use edge::{
    metric,
    schedule::{Tick, each},
};
use store::Payouts;

/// The function's name, in logs and metrics.
pub const NAME: &str = "payout-watch";

/// Looks at every open payout of every operator; one that has reached another step of its delay is reported, once a step.
///
/// # Errors
/// What went wrong with an operator, once all have been worked for; the tick comes again.
pub async fn handle(payouts: &Payouts, tick: Tick) -> Result<(), Failed> {
    each(NAME, payouts.operators().await?, async |operator| {
        let watched = payouts.watch(NAME, operator, tick.at, &tick.message_id).await?;
        metric::count(NAME, "PayoutsOpen", watched.open);
        metric::count(NAME, "PayoutsOverdue", watched.overdue);
        metric::count(NAME, "PayoutsEscalated", watched.escalated);
        Ok(())
    })
    .await
}
