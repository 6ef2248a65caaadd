//! `GET /api/v1/statements`: bank statements and what came out of them, newest first.

use domain::{Failed, access::Staff, reconciliation::ReceivedStatement};
use edge::{Answer, Call, Page};
use store::Statements;

/// Lists statements.
///
/// # Errors
/// [`Failed::Malformed`] for a page that is none.
pub async fn handle(statements: &Statements, call: Call<Staff>) -> Result<Answer<Page<ReceivedStatement>>, Failed> {
    let page = statements.list(&call.caller.caller.operator, &call.page).await?;
    Answer::page(&page)
}
