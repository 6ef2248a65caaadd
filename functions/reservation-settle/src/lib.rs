//! `POST /api/v1/reservations/{reservation_id}/settle`: what was held is spent, all of it or a part.

use domain::{
    Failed, ReservationId,
    access::Bookkeeper,
    reservation::{NewSettling, Reservation},
};
use edge::{Answer, Call, Path};
use store::Reservations;

/// Books the transfer and makes the rest available again, once.
///
/// # Errors
/// [`Failed::Unknown`] when there is none; [`Failed::Invalid`] for a transfer that is not made by hand.
pub async fn handle(
    reservations: &Reservations,
    call: Call<Bookkeeper, Path<ReservationId>, NewSettling>,
) -> Result<Answer<Reservation>, Failed> {
    let caller = &call.caller.caller;
    let before = reservations.get(&caller.operator, &call.path.id).await?.seen_by(caller)?;
    let books = reservations.books(&caller.operator, &before, &call.body).await?;
    let command = call.command().clone().because(&call.body.reason);
    let decided = before.settle(&command, &call.body, &books);
    reservations.settle(&command, &before, decided).await
}
