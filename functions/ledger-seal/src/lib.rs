//! Seals each hour of every operator's history: a Merkle root of what was written, signed, chained to the hour before.

use domain::Failed;
use edge::{metric, schedule::Tick, seals::Sealing};

/// The function's name, in logs and metrics.
pub const NAME: &str = "ledger-seal";

/// Seals every hour that is over by this tick; an hour that is sealed stays as it is.
///
/// # Errors
/// [`Failed::Later`] when something behind does not answer, [`Failed::Fault`] when the locked bucket has a seal that is not
/// of the chain; the tick comes again.
pub async fn handle(sealing: &Sealing, tick: Tick) -> Result<(), Failed> {
    let hours = sealing.seal_due(tick.at).await?;
    metric::count(NAME, "HoursSealed", hours);
    Ok(())
}
