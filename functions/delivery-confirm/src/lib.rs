//! `POST /api/v1/deliveries/{delivery_id}/confirm`: the agent reports what happened at the door.

use domain::{
    DeliveryId, Failed,
    access::Agent,
    delivery::{Outcome, Receipt},
};
use edge::{Answer, Call, Path};
use store::Deliveries;

/// Confirms or fails the visit; sending the same command again gives the same answer again.
///
/// # Errors
/// [`Failed::Unknown`] for another agent's visit, [`Failed::Invalid`] for a report that is none.
pub async fn handle(
    deliveries: &Deliveries,
    call: Call<Agent, Path<DeliveryId>, Outcome>,
) -> Result<Answer<Receipt>, Failed> {
    let agent = &call.caller;
    let before = deliveries.get(&agent.caller.operator, &call.path.id).await?.seen_by(agent)?;
    let reserved = deliveries.reservation(&agent.caller.operator, &before).await?;
    let decided = before.conclude(agent, &call.body, call.command());
    let decided = decided.map(|concluded| concluded.out_of(reserved.as_ref(), call.at));
    deliveries.conclude(call.command(), (&before, reserved.as_ref()), decided).await
}
