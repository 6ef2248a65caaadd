//! `POST /api/v1/accounts/{account_id}/close`: an account at zero takes nothing any more.

use domain::{Failed, access::Bookkeeper, ledger::Account};
use edge::{Answer, Call, Path};
use store::{AccountWriter, ClosedAccount};

/// Closes the account.
///
/// # Errors
/// [`Failed::Unknown`] for an account that the operator does not have.
pub async fn handle(
    accounts: &AccountWriter,
    call: Call<Bookkeeper, Path<Account>>,
) -> Result<Answer<ClosedAccount>, Failed> {
    let (command, account) = (call.command(), &call.path.id);
    let rest = accounts.rest(&command.operator, account).await?;
    accounts.close(command, account, account.close(&rest)).await
}
