//! Follows the tracks: moves each agent's latest position, forward only.

use domain::{Failed, track::Packed};
use edge::stream::Change;
use store::{Agents, TrackBatch};

/// The function's name, in logs and metrics.
pub const NAME: &str = "position-roll-up";

/// Moves the agent to the newest point of the batch, unless they were seen later already.
///
/// # Errors
/// [`Failed::Fault`] for a record that is no batch, [`Failed::Later`] when the table does not answer.
pub async fn handle(agents: &Agents, change: Change) -> Result<(), Failed> {
    let packed = Packed::from_bytes(change.bytes("points")?);
    let batch = TrackBatch::of(change.text("pk")?, &packed)?;
    agents.move_to(&batch.operator, &batch.agent_id, &batch.newest).await.map(|_moved| ())
}
