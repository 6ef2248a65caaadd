//! `GET /api/v1/deliveries/{delivery_id}`: one visit.

use domain::{Caller, Delivery, DeliveryId, Failed};
use edge::{Answer, Call, Path};
use store::Deliveries;

/// Shows a visit.
///
/// # Errors
/// [`Failed::Unknown`] for one that is not there, or not the caller's to know of.
pub async fn handle(deliveries: &Deliveries, call: Call<Caller, Path<DeliveryId>>) -> Result<Answer<Delivery>, Failed> {
    let visit = deliveries.get(&call.caller.operator, &call.path.id).await?.seen_by(&call.caller)?;
    Answer::versioned(&visit, visit.version)
}
