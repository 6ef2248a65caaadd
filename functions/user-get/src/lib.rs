//! `GET /api/v1/users/{user_id}`: somebody who can log in.

use domain::{Failed, UserId, access::Admin, user::User};
use edge::{Answer, Call, Path};
use store::Users;

/// Shows somebody.
///
/// # Errors
/// [`Failed::Unknown`] when there is no such person.
pub async fn handle(users: &Users, call: Call<Admin, Path<UserId>>) -> Result<Answer<User>, Failed> {
    let user = users.get(&call.caller.caller.operator, &call.path.id).await?.user;
    Answer::versioned(&user, user.version)
}
