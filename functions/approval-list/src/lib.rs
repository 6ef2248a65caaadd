//! `GET /api/v1/approvals`: what waits for a decision, the next to expire first; or what was settled.

use domain::{
    Failed,
    access::Approver,
    approval::{Approval, ApprovalQuery},
};
use edge::{Answer, Call, Nothing, Page};
use store::{ApprovalFilter, Approvals};

/// Lists approvals; partners see their own.
///
/// # Errors
/// [`Failed::Malformed`] for a page or a status that is none.
pub async fn handle(
    approvals: &Approvals,
    call: Call<Approver, Nothing, Nothing, ApprovalQuery>,
) -> Result<Answer<Page<Approval>>, Failed> {
    let caller = &call.caller.caller;
    let filter = ApprovalFilter { partner_id: caller.as_partner(), status: call.query.status };
    let page = approvals.list(&caller.operator, &filter, &call.page).await?;
    Answer::page(&page)
}
