//! `POST /api/v1/agents/{agent_id}/location`: an agent's phone says where it was.

use domain::{
    AgentId, Failed,
    access::Agent,
    track::{self, NewPoints, Recorded},
};
use edge::{Answer, Call, Path};
use store::Tracks;

/// Keeps the points that are good, in one write, and says of each what became of it.
///
/// # Errors
/// [`Failed::Unknown`] for another agent's track, [`Failed::Invalid`] when no point is good.
pub async fn handle(tracks: &Tracks, call: Call<Agent, Path<AgentId>, NewPoints>) -> Result<Answer<Recorded>, Failed> {
    let agent = &call.caller;
    agent.must_be(&call.path.id)?;
    let judged = track::judge(&call.body.points, call.at).with_some_kept()?;
    let batch = tracks.record(&agent.caller.operator, &agent.agent_id, &judged.kept, call.at).await?;
    Answer::new(202, &judged.recorded(batch.batch_id, batch.is_new))
}
