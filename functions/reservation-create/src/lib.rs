//! `POST /api/v1/reservations`: money of an account is held for something.

use domain::{
    Failed,
    access::Bookkeeper,
    reservation::{NewReservation, Reservation},
};
use edge::{Answer, Call, Nothing};
use store::Reservations;

/// Holds the money, when so much is available.
///
/// # Errors
/// [`Failed::Invalid`] for what is no account to reserve from, no money, or no time.
pub async fn handle(
    reservations: &Reservations,
    call: Call<Bookkeeper, Nothing, NewReservation>,
) -> Result<Answer<Reservation>, Failed> {
    let (operator, is_there) = reservations.account(&call.caller.caller.operator, &call.body.account).await?;
    let decided = call.body.decide(call.command(), &operator, is_there);
    reservations.create(call.command(), decided).await
}
