//! `POST /api/v1/disbursements/{disbursement_id}/reverse`: a payment is taken back after its cash was handed over.

use domain::{
    DisbursementId, Failed, access::Bookkeeper, approval::SubjectKind, disbursement::Disbursement,
    transfer::NewReversal,
};
use edge::{Answer, Call, Path};
use store::{Disbursements, Outcome};

/// Puts the cash back into the agent's account, linked to the hand-over, once; legal until the bank bears the payment out.
/// Where the operator lets nobody do that alone, it waits for approval.
///
/// # Errors
/// [`Failed::Unknown`] for an instruction that is not the caller's to know of.
pub async fn handle(
    disbursements: &Disbursements,
    call: Call<Bookkeeper, Path<DisbursementId>, NewReversal>,
) -> Result<Answer<Outcome<Disbursement>>, Failed> {
    let caller = &call.caller.caller;
    let (before, visit) = disbursements.get(&caller.operator, &call.path.id).await?.seen_by(caller)?;
    let command = call.command().clone().because(&call.body.reason);
    let hand_over = disbursements.hand_over(&caller.operator, &visit).await?;
    let operator = disbursements.operator(&caller.operator).await?;
    let decided = before
        .reverse(&visit, hand_over.as_ref(), &command, &call.body)
        .map(|(after, transfer)| (after, operator.make(&command, caller, SubjectKind::Reversal, transfer)));
    disbursements.reverse(&command, (&before, &visit), decided).await
}
