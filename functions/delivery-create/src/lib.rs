//! `POST /api/v1/deliveries`: the desk or a partner plans a visit.

use domain::{Caller, Delivery, Failed, delivery::NewDelivery};
use edge::{Answer, Call, Nothing};
use store::Deliveries;

/// Plans a visit, once per reference of the partner.
///
/// # Errors
/// [`Failed::Invalid`] when it names a partner, region or currency that the operator does not have.
pub async fn handle(
    deliveries: &Deliveries,
    call: Call<Caller, Nothing, NewDelivery>,
) -> Result<Answer<Delivery>, Failed> {
    let operator = deliveries.operator(&call.caller.operator).await?;
    let decided = operator.plan(call.command(), &call.caller, &call.body);
    deliveries.create(call.command(), decided).await
}
