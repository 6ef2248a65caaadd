//! `POST /api/v1/disbursements/{disbursement_id}/reconcile`: the settlement desk holds a payment against its bank line.

use domain::{
    DisbursementId, Failed,
    access::SettlementDesk,
    disbursement::{BankLine, Disbursement},
};
use edge::{Answer, Call, Path};
use store::Disbursements;

/// Reconciles the payment, or names every difference; a bank line settles one payment, for ever.
///
/// # Errors
/// [`Failed::Unknown`] for an instruction that is not there.
pub async fn handle(
    disbursements: &Disbursements,
    call: Call<SettlementDesk, Path<DisbursementId>, BankLine>,
) -> Result<Answer<Disbursement>, Failed> {
    let desk = &call.caller;
    let (before, visit) = disbursements.get(&desk.caller.operator, &call.path.id).await?.seen_by(desk)?;
    let operator = disbursements.operator(&desk.caller.operator).await?;
    let decided = before.reconcile(&visit, &call.body, &operator.time_zone(), call.at);
    disbursements.reconcile(call.command(), &before, &visit, decided).await
}
