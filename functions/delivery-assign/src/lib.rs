//! `POST /api/v1/deliveries/{delivery_id}/assign`: the desk gives a visit to an agent.

use domain::{Delivery, DeliveryId, Failed, delivery::Assignment};
use edge::{Answer, Call, Path};
use store::Deliveries;

/// Gives the visit its agent; of two desks that do it at once, one wins.
///
/// # Errors
/// [`Failed::Unknown`] for a visit or an agent that is not the caller's to know of.
pub async fn handle(
    deliveries: &Deliveries,
    call: Call<Path<DeliveryId>, Assignment>,
) -> Result<Answer<Delivery>, Failed> {
    let before = deliveries.get(&call.caller.operator, &call.path.id).await?;
    call.caller.must_see(before.belongings())?;
    let regions = deliveries.agent_regions(&call.caller.operator, &call.body.agent_id).await?;
    let decided = before.assign(&call.body.agent_id, &regions, call.at);
    deliveries.assign(call.command(), &before, decided).await
}
