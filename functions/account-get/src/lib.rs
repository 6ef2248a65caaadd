//! `GET /api/v1/accounts/{account_id}`: what is in an account and how it got there.

use domain::{
    Caller, Failed,
    ledger::{Account, AccountQuery},
};
use edge::{Answer, Call, Nothing, Path};
use store::{Accounts, Statement};

/// Shows a balance and a page of the entries that made it, now or as of a time.
///
/// # Errors
/// [`Failed::Unknown`] for an account that is not there, or not the caller's to know of.
pub async fn handle(
    accounts: &Accounts,
    call: Call<Caller, Path<Account>, Nothing, AccountQuery>,
) -> Result<Answer<Statement>, Failed> {
    call.caller.must_see(&call.path.id)?;
    let (operator, account) = (&call.caller.operator, &call.path.id);
    let statement = if call.query.is_of_now() {
        accounts.statement(operator, account, &call.page).await?
    } else {
        accounts.statement_at(operator, account, &call.query, &call.page).await?
    };
    Answer::ok(&statement)
}
