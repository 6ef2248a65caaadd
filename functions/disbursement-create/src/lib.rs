//! `POST /api/v1/disbursements`: a partner instructs a payment; its visit is planned with it.

use domain::{
    Failed,
    access::Partner,
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
    call: Call<Partner, Nothing, NewDisbursement>,
) -> Result<Answer<Disbursement>, Failed> {
    let operator = disbursements.operator(&call.caller.caller.operator).await?;
    let decided = operator.instruct(call.command(), &call.caller, &call.body);
    disbursements.create(call.command(), decided).await
}
