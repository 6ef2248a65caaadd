//! `POST /api/v1/auth/totp/confirm`: the first code shows that the app has the factor; from then on a login asks for one.

use domain::{
    Failed,
    access::Staff,
    user::{TotpCode, User},
};
use edge::{Answer, Call, Nothing};
use store::SecondFactors;

/// Confirms the factor that waits.
///
/// # Errors
/// [`Failed::Refused`] for a code that is not its code.
pub async fn handle(factors: &SecondFactors, call: Call<Staff, Nothing, TotpCode>) -> Result<Answer<User>, Failed> {
    let caller = &call.caller.caller;
    let user_id = caller.subject.parse().map_err(|_| Failed::Unknown)?;
    let before = factors.get(&caller.operator, &user_id).await?;
    factors.confirm(call.command(), &before, &call.body.code).await
}
