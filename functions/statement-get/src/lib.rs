//! `GET /api/v1/statements/{statement_id}`: how far a bank statement has come, its totals, and links to file and report.

use domain::{Failed, StatementId, access::Staff, reconciliation::ReceivedStatement};
use edge::{Answer, Call, Path};
use store::{Files, Statements};

/// Shows a statement.
///
/// # Errors
/// [`Failed::Unknown`] for one that is not there.
pub async fn handle(
    (statements, files): &(Statements, Files),
    call: Call<Staff, Path<StatementId>>,
) -> Result<Answer<ReceivedStatement>, Failed> {
    let statement = statements.get(&call.caller.caller.operator, &call.path.id).await?.seen_by(&call.caller)?;
    let statement = files.linked_statement(statement).await?;
    Answer::versioned(&statement, statement.version)
}
