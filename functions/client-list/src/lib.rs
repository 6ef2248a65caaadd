//! `GET /api/v1/clients`: the programs that were let in, by name.

use domain::{Failed, access::Admin, client::Client};
use edge::{Answer, Call, Page};
use store::Clients;

/// Lists programs.
///
/// # Errors
/// [`Failed::Malformed`] for a page that is none.
pub async fn handle(clients: &Clients, call: Call<Admin>) -> Result<Answer<Page<Client>>, Failed> {
    let page = clients.list(&call.caller.caller.operator, &call.page).await?;
    Answer::page(&page)
}
