//! `GET /api/v1/day-closes`: the closed days and the digests of their reports, newest first.

use domain::{Caller, Failed, day_close::DayCloseSummary};
use edge::{Answer, Call, Nothing, Page};
use store::DayCloses;

/// Lists closed days.
///
/// # Errors
/// [`Failed::Malformed`] for a page that is none.
pub async fn handle(
    day_closes: &DayCloses,
    call: Call<Caller, Nothing>,
) -> Result<Answer<Page<DayCloseSummary>>, Failed> {
    Answer::page(&day_closes.list(&call.caller.operator, &call.page).await?)
}
