//! `POST /api/v1/deliveries`: the desk or a partner plans a visit.

use domain::{Delivery, Failed, delivery::NewDelivery};
use edge::{Answer, Call, Nothing};
use store::Deliveries;

/// Plans a visit, once per reference of the partner.
///
/// # Errors
/// [`Failed::Invalid`] when it names a partner, region or currency that the operator does not have.
pub async fn handle(deliveries: &Deliveries, call: Call<Nothing, NewDelivery>) -> Result<Answer<Delivery>, Failed> {
    let partner = call.caller.partner_for(call.body.partner_id.as_ref())?;
    let operator = deliveries.operator(&call.caller.operator).await?;
    operator.check(&partner, &call.body.region, call.body.amount.currency)?;
    call.caller.must_plan_in(&call.body.region)?;
    deliveries.create(call.command(), &call.body, partner).await
}
