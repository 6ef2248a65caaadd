//! `POST /api/v1/users`: an admin takes somebody on; who has a mail address is invited to set a password.

use domain::{
    Failed,
    access::Admin,
    user::{NewUser, User},
};
use edge::{Answer, Call, Nothing};
use store::Users;

/// Takes somebody on, once per login.
///
/// # Errors
/// [`Failed::Invalid`] for what their role does not have, [`Failed::Refused`] for a login that is taken.
pub async fn handle(users: &Users, call: Call<Admin, Nothing, NewUser>) -> Result<Answer<User>, Failed> {
    let operator = users.operator(&call.caller.caller.operator).await?;
    let decided = call.body.taken_on(call.command(), &operator);
    users.create(call.command(), decided).await
}
