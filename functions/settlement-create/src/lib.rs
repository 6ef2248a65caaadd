//! `POST /api/v1/settlements`: the settlement desk closes a business day by hand.

use domain::{
    Failed,
    access::SettlementDesk,
    settlement::{ClosedDay, NewSettlement},
};
use edge::{Answer, Call, Nothing};
use store::Settlements;

/// Closes the day, once; each partner's settlement is built behind a queue.
///
/// # Errors
/// [`Failed::Later`] when the table does not answer.
pub async fn handle(
    settlements: &Settlements,
    call: Call<SettlementDesk, Nothing, NewSettlement>,
) -> Result<Answer<ClosedDay>, Failed> {
    let (operator, calendar) = settlements.calendar(&call.caller.caller.operator).await?;
    let decided = calendar.close(call.body.business_day, call.at, &operator.business_days());
    settlements.close(call.command(), &operator, &calendar, decided).await
}
