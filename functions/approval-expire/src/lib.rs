//! Settles approvals that nobody has decided in time, and calls off what waited for them.

use domain::Failed;
use edge::{
    metric,
    schedule::{Tick, each},
};
use store::Approvals;

/// The function's name, in logs and metrics.
pub const NAME: &str = "approval-expire";

/// Expires what is overdue at this tick, of every operator; what is settled stays as it is.
///
/// # Errors
/// What went wrong with an operator, once all have been worked for; the tick comes again.
pub async fn handle(approvals: &Approvals, tick: Tick) -> Result<(), Failed> {
    each(NAME, approvals.operators().await?, async |operator| {
        let expired = approvals.expire_due(NAME, operator, tick.at, &tick.message_id).await?;
        metric::count(NAME, "ApprovalsExpired", expired);
        Ok(())
    })
    .await
}
