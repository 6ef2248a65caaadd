//! Follows the records: sends the events of each commit to the queues of their kind.

use domain::Failed;
use edge::stream::Change;
use store::Outbox;

/// The function's name, in logs and metrics.
pub const NAME: &str = "event-relay";

/// Sends a commit's events on; a commit that reports nothing is left alone.
///
/// # Errors
/// [`Failed::Later`] when queue or table does not answer; the commit stays in the outbox and is swept.
pub async fn handle(outbox: &Outbox, change: Change) -> Result<(), Failed> {
    if !change.has("events") {
        return Ok(());
    }
    outbox.relay(change.text("pk")?, change.text("at")?, change.text("events")?).await
}
