//! `POST /api/v1/disbursements`: a partner instructs a payment; its visit is planned with it.

use domain::{
    Failed,
    disbursement::{Disbursement, NewDisbursement},
};
use edge::{Answer, Call, Nothing};
use store::Disbursements;

/// Takes an instruction, once per reference of the partner.
///
/// # Errors
/// [`Failed::Invalid`] when it names a region or currency that the operator does not have.
pub async fn handle(
    disbursements: &Disbursements,
    call: Call<Nothing, NewDisbursement>,
) -> Result<Answer<Disbursement>, Failed> {
    let partner = call.caller.partner_for(None)?;
    let operator = disbursements.operator(&call.caller.operator).await?;
    operator.check(&partner, &call.body.region, call.body.amount.currency)?;
    disbursements.create(call.command(), &call.body, partner).await
}
