//! `GET /api/v1/approvals/{approval_id}`: what waits, what will be booked, who has said what.

use domain::{ApprovalId, Caller, Failed, approval::Approval};
use edge::{Answer, Call, Path};
use store::Approvals;

/// One approval.
///
/// # Errors
/// [`Failed::Unknown`] for one that is not the caller's to know of.
pub async fn handle(approvals: &Approvals, call: Call<Caller, Path<ApprovalId>>) -> Result<Answer<Approval>, Failed> {
    let found = approvals.get(&call.caller.operator, &call.path.id).await?.seen_by(&call.caller)?;
    Answer::ok(&found)
}
