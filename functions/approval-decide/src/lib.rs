//! `POST /api/v1/approvals/{approval_id}/decide`: somebody who did not ask for it says yes or no.

use domain::{
    ApprovalId, Failed,
    access::Approver,
    approval::{Approval, NewDecision},
};
use edge::{Answer, Call, Path};
use store::Approvals;

/// Keeps one person's decision; the last yes that it takes, and any no, settles what waits.
///
/// # Errors
/// [`Failed::Unknown`] for an approval that is not the caller's to know of.
pub async fn handle(
    approvals: &Approvals,
    call: Call<Approver, Path<ApprovalId>, NewDecision>,
) -> Result<Answer<Approval>, Failed> {
    let approver = &call.caller;
    let before = approvals.get(&approver.caller.operator, &call.path.id).await?.seen_by(approver)?;
    let waiting = approvals.waiting(&approver.caller.operator, &before).await?;
    let decided = before.decide(&approver.caller, &call.body, call.at);
    let command = call.command().clone().because(&call.body.reason);
    approvals.decide(&command, &approver.caller, &before, &waiting, decided).await
}
