//! `POST /api/v1/statements`: the settlement desk hands in a bank's statement of an account, or a partner's own.

use domain::{
    Failed,
    access::SettlementDesk,
    reconciliation::{NewStatement, ReceivedStatement},
};
use edge::{Answer, Call, Nothing};
use store::StatementWriter;

/// Takes the statement, whole or not at all; its lines are matched behind a queue.
///
/// # Errors
/// [`Failed::Invalid`] with every flaw and its line for a file that is no statement, or not a whole one.
pub async fn handle(
    statements: &StatementWriter,
    call: Call<SettlementDesk, Nothing, NewStatement>,
) -> Result<Answer<ReceivedStatement>, Failed> {
    let (bytes, read) = call.body.read()?;
    let is_known = match &call.body.partner_id {
        Some(_) => {
            let known = statements.operator(&call.command().operator).await;
            known.and_then(|operator| call.body.must_be_known_to(&operator))
        }
        None => Ok(()),
    };
    let decided = is_known.and_then(|()| ReceivedStatement::receive(call.command(), &call.body, &bytes, &read));
    statements.receive(call.command(), &bytes, decided).await
}
