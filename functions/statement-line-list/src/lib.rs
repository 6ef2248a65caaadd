//! `GET /api/v1/statement-lines`: the bank lines that settle nothing yet, oldest first, each with why and for how long.

use domain::{
    Failed,
    access::Staff,
    reconciliation::{LineQuery, ListedLine},
};
use edge::{Answer, Call, Nothing, Page};
use store::Statements;

/// Lists the operator's unmatched lines, or the lines of a statement by how they stand.
///
/// # Errors
/// [`Failed::Malformed`] for filters that no index answers together.
pub async fn handle(
    statements: &Statements,
    call: Call<Staff, Nothing, Nothing, LineQuery>,
) -> Result<Answer<Page<ListedLine>>, Failed> {
    let operator = &call.caller.caller.operator;
    let today = call.at.day_in(&statements.operator(operator).await?.time_zone());
    let page = statements.lines(operator, &call.query.filter(today)?, &call.page).await?;
    Answer::page(&page.map(|line| line.listed(today)))
}
