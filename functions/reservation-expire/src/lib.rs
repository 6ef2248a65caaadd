//! Lets go what nobody has settled in time.

use domain::Failed;
use edge::{
    metric,
    schedule::{Tick, each},
};
use store::Reservations;

/// The function's name, in logs and metrics.
pub const NAME: &str = "reservation-expire";

/// Expires what is overdue at this tick, of every operator; what is settled or let go stays as it is.
///
/// # Errors
/// What went wrong with an operator, once all have been worked for; the tick comes again.
pub async fn handle(reservations: &Reservations, tick: Tick) -> Result<(), Failed> {
    each(NAME, reservations.operators().await?, async |operator| {
        let expired = reservations.expire_due(NAME, operator, tick.at, &tick.message_id).await?;
        metric::count(NAME, "ReservationsExpired", expired);
        Ok(())
    })
    .await
}
