//! `POST /api/v1/reservations/{reservation_id}/void`: what was held is let go.

use domain::{
    Failed, ReservationId,
    access::Bookkeeper,
    reservation::{NewVoiding, Reservation},
};
use edge::{Answer, Call, Path};
use store::Reservations;

/// Makes all of it available again, once.
///
/// # Errors
/// [`Failed::Unknown`] when there is none.
pub async fn handle(
    reservations: &Reservations,
    call: Call<Bookkeeper, Path<ReservationId>, NewVoiding>,
) -> Result<Answer<Reservation>, Failed> {
    let caller = &call.caller.caller;
    let before = reservations.get(&caller.operator, &call.path.id).await?.seen_by(caller)?;
    let command = call.command().clone().because(&call.body.reason);
    let decided = before.void(call.at);
    reservations.release(&command, &before, decided).await
}
