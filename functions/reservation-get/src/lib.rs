//! `GET /api/v1/reservations/{reservation_id}`: money that is held, or what became of it.

use domain::{Failed, ReservationId, access::Staff, reservation::Reservation};
use edge::{Answer, Call, Path};
use store::Reservations;

/// Shows a reservation as it is.
///
/// # Errors
/// [`Failed::Unknown`] when there is none.
pub async fn handle(
    reservations: &Reservations,
    call: Call<Staff, Path<ReservationId>>,
) -> Result<Answer<Reservation>, Failed> {
    let caller = &call.caller.caller;
    Answer::ok(&reservations.get(&caller.operator, &call.path.id).await?.seen_by(caller)?)
}
