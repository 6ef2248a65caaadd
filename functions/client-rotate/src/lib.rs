//! `POST /api/v1/clients/{client_id}/secret`: an admin gives a program a new secret.

use domain::{ClientId, Failed, access::Admin, client::ClientWithSecret};
use edge::{Answer, Call, Path};
use store::ClientSecrets;

/// Gives the program a new secret and shows it; the one before is not good any more.
///
/// # Errors
/// [`Failed::Unknown`] when there is none.
pub async fn handle(
    clients: &ClientSecrets,
    call: Call<Admin, Path<ClientId>>,
) -> Result<Answer<ClientWithSecret>, Failed> {
    let before = clients.get(&call.caller.caller.operator, &call.path.id).await?;
    let after = before.rotated(call.at);
    clients.rotate(call.command(), &before, after).await
}
