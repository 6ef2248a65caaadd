//! `GET /api/v1/accounts/{account_id}`: what is in an account and how it got there.

use domain::{Failed, ledger::Account};
use edge::{Answer, Call, Path};
use store::{Accounts, Statement};

/// Shows a balance and a page of the entries that made it.
///
/// # Errors
/// [`Failed::Unknown`] for an account that is not there, or not the caller's to know of.
pub async fn handle(accounts: &Accounts, call: Call<Path<Account>>) -> Result<Answer<Statement>, Failed> {
    call.path.id.must_be_seen_by(&call.caller)?;
    let statement = accounts.statement(&call.caller.operator, &call.path.id, &call.page).await?;
    Answer::ok(&statement)
}
