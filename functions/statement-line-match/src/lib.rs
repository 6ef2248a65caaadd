//! `POST /api/v1/statements/{statement_id}/match`: the settlement desk says what bank lines settle, and why.

use domain::{
    Failed, StatementId,
    access::SettlementDesk,
    by_hand::{ChangedLines, NewMatch},
};
use edge::{Answer, Call, Path};
use store::Statements;

/// Matches the lines with payments, which are settled, a payout or booked transfers, together or not at all; a line is
/// matched once.
///
/// # Errors
/// [`Failed::Unknown`] for a statement that is not there, [`Failed::Invalid`] for lines and what belongs to them that are not.
pub async fn handle(
    statements: &Statements,
    call: Call<SettlementDesk, Path<StatementId>, NewMatch>,
) -> Result<Answer<ChangedLines>, Failed> {
    let desk = &call.caller;
    let operator = &desk.caller.operator;
    let statement = statements.get(operator, &call.path.id).await?.seen_by(desk)?;
    let before = statements.members(operator, statement, &call.body).await?;
    let command = call.command().clone().because(&call.body.reason);
    let decided = before.matched(&command, &call.body);
    statements.match_by_hand(&command, decided).await
}
