//! `GET /api/v1/users`: everybody who can log in, by login.

use domain::{Failed, access::Admin, user::User};
use edge::{Answer, Call, Page};
use store::Users;

/// Lists people.
///
/// # Errors
/// [`Failed::Malformed`] for a page that is none.
pub async fn handle(users: &Users, call: Call<Admin>) -> Result<Answer<Page<User>>, Failed> {
    let page = users.list(&call.caller.caller.operator, &call.page).await?;
    Answer::page(&page)
}
