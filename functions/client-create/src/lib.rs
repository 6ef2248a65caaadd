//! `POST /api/v1/clients`: an admin lets a program in.

use domain::{
    Failed,
    access::Admin,
    client::{ClientWithSecret, NewClient},
};
use edge::{Answer, Call, Nothing};
use store::ClientSecrets;

/// Lets a program in, and shows its secret: here and never again.
///
/// # Errors
/// [`Failed::Invalid`] for scopes that its role has no use for.
pub async fn handle(
    clients: &ClientSecrets,
    call: Call<Admin, Nothing, NewClient>,
) -> Result<Answer<ClientWithSecret>, Failed> {
    let operator = clients.operator(&call.caller.caller.operator).await?;
    let decided = call.body.let_in(call.command(), &operator);
    clients.create(call.command(), decided).await
}
