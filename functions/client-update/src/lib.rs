//! `PATCH /api/v1/clients/{client_id}`: an admin changes a program's name, scopes or status.

use domain::{
    ClientId, Failed,
    access::Admin,
    client::{Client, ClientChange},
};
use edge::{Answer, Call, Path};
use store::Clients;

/// Changes a program at the version that the admin has seen; its tokens from before are taken back.
///
/// # Errors
/// [`Failed::VersionPassed`] for another version, [`Failed::Invalid`] for scopes that its role has no use for.
pub async fn handle(
    clients: &Clients,
    call: Call<Admin, Path<ClientId>, ClientChange>,
) -> Result<Answer<Client>, Failed> {
    let before = clients.get(&call.caller.caller.operator, &call.path.id).await?;
    let decided = call.must_match(before.version).and_then(|()| before.change(&call.body, call.at));
    clients.update(call.command(), &before, decided).await
}
