//! `PATCH /api/v1/users/{user_id}`: an admin changes somebody's name, role, regions or status.

use domain::{
    Failed, UserId,
    access::Admin,
    user::{User, UserChange},
};
use edge::{Answer, Call, Path};
use store::Users;

/// Changes somebody at the version that the admin has seen; what changes their rights ends their logins.
///
/// # Errors
/// [`Failed::VersionPassed`] for another version, [`Failed::Refused`] for one's own rights or the last admin.
pub async fn handle(users: &Users, call: Call<Admin, Path<UserId>, UserChange>) -> Result<Answer<User>, Failed> {
    let operator = users.operator(&call.caller.caller.operator).await?;
    let before = users.get(&operator.operator, &call.path.id).await?;
    let decided = call.must_match(before.user.version);
    let decided = decided.and_then(|()| before.change(&call.body, &call.caller, &operator, call.at));
    users.update(call.command(), &before, decided).await
}
