//! `POST /api/v1/reservations/{reservation_id}/settle`: what was held is spent, all of it or a part.

use domain::{
    Failed, ReservationId,
    access::Bookkeeper,
    approval::SubjectKind,
    reservation::{NewSettling, Reservation},
};
use edge::{Answer, Call, Path};
use store::{Outcome, Reservations};

/// Books the transfer and makes the rest available again, once. Where the operator lets nobody do that alone, it waits for
/// approval, and the money stays held.
///
/// # Errors
/// [`Failed::Unknown`] when there is none; [`Failed::Invalid`] for a transfer that is not made by hand.
pub async fn handle(
    reservations: &Reservations,
    call: Call<Bookkeeper, Path<ReservationId>, NewSettling>,
) -> Result<Answer<Outcome<Reservation>>, Failed> {
    let caller = &call.caller.caller;
    let before = reservations.get(&caller.operator, &call.path.id).await?.seen_by(caller)?;
    let books = reservations.books(&caller.operator, &before, &call.body).await?;
    let command = call.command().clone().because(&call.body.reason);
    let decided = before
        .settle(&command, &call.body, &books)
        .map(|(after, transfer)| (after, books.operator.make(&command, caller, SubjectKind::Transfer, transfer)));
    reservations.settle(&command, &before, decided).await
}
