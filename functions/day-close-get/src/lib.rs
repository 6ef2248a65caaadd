//! `GET /api/v1/day-closes/{business_day}`: the report of a closed day, as far as the caller may know of it.

use domain::{Caller, Day, Failed, day_close::DayCloseView};
use edge::{Answer, Call, Path};
use store::{DayCloses, Files};

/// Shows a closed day: agents and partners their own rows, the desk its regions, the others all of it with links.
///
/// # Errors
/// [`Failed::Unknown`] for a day that is not closed.
pub async fn handle(
    (day_closes, files): &(DayCloses, Files),
    call: Call<Caller, Path<Day>>,
) -> Result<Answer<DayCloseView>, Failed> {
    let day = day_closes.get(&call.caller.operator, call.path.id).await?;
    let view = day.seen_by(&call.caller, files.report(&day).await?);
    let view = files.linked_day_close(view).await?;
    Answer::versioned(&view, day.version)
}
