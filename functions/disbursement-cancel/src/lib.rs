//! `POST /api/v1/disbursements/{disbursement_id}/cancel`: a payment is called off before its cash is handed over.

use domain::{
    Caller, DisbursementId, Failed,
    disbursement::{Disbursement, NewCancellation},
};
use edge::{Answer, Call, Path};
use store::Disbursements;

/// Calls the payment off, its visit and its approval with it; of a cancellation and a hand-over at once, cash wins.
///
/// # Errors
/// [`Failed::Unknown`] for an instruction that is not the caller's to know of.
pub async fn handle(
    disbursements: &Disbursements,
    call: Call<Caller, Path<DisbursementId>, NewCancellation>,
) -> Result<Answer<Disbursement>, Failed> {
    let operator = &call.caller.operator;
    let (before, visit) = disbursements.get(operator, &call.path.id).await?.seen_by(&call.caller)?;
    let approval = disbursements.approval(operator, &before).await?;
    let reserved = disbursements.reservation(operator, &visit).await?;
    let decided = before.cancel(&visit, approval.as_ref(), call.command(), &call.body);
    let decided = decided.map(|cancelled| cancelled.releasing(reserved.as_ref()));
    let command = call.command().clone().because(&call.body.reason);
    disbursements.cancel(&command, (&before, &visit, approval.as_ref(), reserved.as_ref()), decided).await
}
