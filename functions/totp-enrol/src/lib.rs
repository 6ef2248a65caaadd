//! `POST /api/v1/auth/totp`: somebody of the staff takes a second factor into their authenticator app.

use domain::{Failed, access::Staff, user::TotpSecret};
use edge::{Answer, Call};
use store::SecondFactors;

/// Shows the secret of a factor that waits for its first code; asking again before that shows another one.
///
/// # Errors
/// [`Failed::Refused`] when they have a factor already.
pub async fn handle(factors: &SecondFactors, call: Call<Staff>) -> Result<Answer<TotpSecret>, Failed> {
    let caller = &call.caller.caller;
    let user_id = caller.subject.parse().map_err(|_| Failed::Unknown)?;
    let before = factors.get(&caller.operator, &user_id).await?;
    let decided = before.with_factor();
    factors.enrol(call.command(), &before, decided).await
}
