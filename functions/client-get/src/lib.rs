//! `GET /api/v1/clients/{client_id}`: a program, and when it was last there.

use domain::{ClientId, Failed, access::Admin, client::ClientWithUse};
use edge::{Answer, Call, Path};
use store::Clients;

/// Shows a program.
///
/// # Errors
/// [`Failed::Unknown`] when there is none.
pub async fn handle(clients: &Clients, call: Call<Admin, Path<ClientId>>) -> Result<Answer<ClientWithUse>, Failed> {
    let found = clients.get_with_use(&call.caller.caller.operator, &call.path.id).await?;
    Answer::versioned(&found, found.client.version)
}
