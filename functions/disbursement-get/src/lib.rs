//! `GET /api/v1/disbursements/{disbursement_id}`: one instruction and how far it has come.

use domain::{Caller, DisbursementId, Failed, disbursement::Disbursement};
use edge::{Answer, Call, Path};
use store::Disbursements;

/// Shows an instruction.
///
/// # Errors
/// [`Failed::Unknown`] for one that is not there, or not the caller's to know of.
pub async fn handle(
    disbursements: &Disbursements,
    call: Call<Caller, Path<DisbursementId>>,
) -> Result<Answer<Disbursement>, Failed> {
    let (instruction, visit) = disbursements.get(&call.caller.operator, &call.path.id).await?.seen_by(&call.caller)?;
    let shown = instruction.shown(&visit);
    Answer::versioned(&shown, shown.version)
}
