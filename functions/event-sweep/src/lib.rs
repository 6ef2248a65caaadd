//! Finds events that never reached their queues, sends them again, and says how many there were.

use domain::Failed;
use edge::{metric, schedule::Tick};
use store::Outbox;

/// The function's name, in logs and metrics.
pub const NAME: &str = "event-sweep";

/// An event is relayed within seconds; one that is a minute old was missed.
const BOUND_SECONDS: i64 = 60;

/// Sweeps every operator's outbox.
///
/// # Errors
/// [`Failed::Later`] when queue or table does not answer; the tick comes again.
pub async fn handle(outbox: &Outbox, tick: Tick) -> Result<(), Failed> {
    let found = outbox.sweep(tick.at, BOUND_SECONDS).await?;
    metric::count(NAME, "EventsSwept", found.commits);
    metric::seconds(NAME, "OldestEventAge", found.oldest_seconds);
    Ok(())
}
