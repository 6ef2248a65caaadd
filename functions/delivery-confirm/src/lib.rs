//! `POST /api/v1/deliveries/{delivery_id}/confirm`: the agent reports what happened at the door.

use domain::{
    DeliveryId, Failed,
    delivery::{Outcome, Receipt},
};
use edge::{Answer, Call, Path};
use store::Deliveries;

/// Confirms or fails the visit; sending the same command again gives the same answer again.
///
/// # Errors
/// [`Failed::Unknown`] for another agent's visit, [`Failed::Invalid`] for a report that is none.
pub async fn handle(deliveries: &Deliveries, call: Call<Path<DeliveryId>, Outcome>) -> Result<Answer<Receipt>, Failed> {
    let agent = call.caller.agent()?;
    let before = deliveries.get(&agent.operator, &call.path.id).await?;
    let decided = before.conclude(&agent, &call.body, call.command());
    deliveries.conclude(call.command(), &before, decided).await
}
