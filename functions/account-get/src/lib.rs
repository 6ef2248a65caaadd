//! `GET /api/v1/accounts/{account_id}`: what is in an account and how it got there.

use domain::{Caller, Failed, ledger::Account};
use edge::{Answer, Call, Path};
use store::{Accounts, Statement};

/// Shows a balance and a page of the entries that made it.
///
/// # Errors
/// [`Failed::Unknown`] for an account that is not there, or not the caller's to know of.
pub async fn handle(accounts: &Accounts, call: Call<Caller, Path<Account>>) -> Result<Answer<Statement>, Failed> {
    call.caller.must_see(&call.path.id)?;
    let statement = accounts.statement(&call.caller.operator, &call.path.id, &call.page).await?;
    Answer::ok(&statement)
}
