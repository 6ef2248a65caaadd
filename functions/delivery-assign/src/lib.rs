//! `POST /api/v1/deliveries/{delivery_id}/assign`: the desk gives a visit to an agent.

use domain::{Delivery, DeliveryId, Failed, access::Staff, delivery::Assignment};
use edge::{Answer, Call, Path};
use store::Deliveries;

/// Gives the visit its agent; of two desks that do it at once, one wins.
///
/// # Errors
/// [`Failed::Unknown`] for a visit or an agent that is not the caller's to know of.
pub async fn handle(
    deliveries: &Deliveries,
    call: Call<Staff, Path<DeliveryId>, Assignment>,
) -> Result<Answer<Delivery>, Failed> {
    let operator = &call.caller.caller.operator;
    let before = deliveries.get(operator, &call.path.id).await?.seen_by(&call.caller)?;
    let assignee = deliveries.assignee(operator, &call.body.agent_id).await?;
    let known = deliveries.operator(operator).await?;
    let decided = known.assign(&before, &assignee, call.command());
    deliveries.assign(call.command(), &before, decided).await
}
