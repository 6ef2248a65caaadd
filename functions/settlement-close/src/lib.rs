//! Closes each operator's business day at its own cut-off, 20:30 if it names none, in its own zone.

use domain::Failed;
use edge::schedule::{Tick, each};
use store::Settlements;

/// The function's name, in logs and metrics.
pub const NAME: &str = "settlement-close";

/// Closes every business day that is due by this tick, of every operator, oldest first; a day that is closed stays as it
/// is, and a day off is none.
///
/// # Errors
/// What went wrong with an operator, once all have been worked for; the tick comes again.
pub async fn handle(settlements: &Settlements, tick: Tick) -> Result<(), Failed> {
    each(NAME, settlements.operators().await?, async |operator| {
        settlements.close_due(NAME, operator, tick.at, &tick.message_id).await
    })
    .await
}
