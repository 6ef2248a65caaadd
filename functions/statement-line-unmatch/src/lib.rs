//! `POST /api/v1/statements/{statement_id}/unmatch`: the settlement desk takes a match apart that was none.

use domain::{
    Failed, StatementId,
    access::SettlementDesk,
    by_hand::{ChangedLines, NewUnmatch},
};
use edge::{Answer, Call, Path};
use store::Statements;

/// Takes the match of a line apart, whoever made it: all its lines settle nothing, all its payments wait again.
///
/// # Errors
/// [`Failed::Unknown`] for a statement that is not there, [`Failed::Invalid`] for a line that is not.
pub async fn handle(
    statements: &Statements,
    call: Call<SettlementDesk, Path<StatementId>, NewUnmatch>,
) -> Result<Answer<ChangedLines>, Failed> {
    let desk = &call.caller;
    let operator = &desk.caller.operator;
    let statement = statements.get(operator, &call.path.id).await?.seen_by(desk)?;
    let before = statements.members_of(operator, statement, call.body.line).await?;
    let command = call.command().clone().because(&call.body.reason);
    let decided = before.taken_apart(&command, &call.body);
    statements.take_apart(&command, decided).await
}
