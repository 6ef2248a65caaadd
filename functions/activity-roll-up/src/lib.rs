//! Counts events per region and hour: the heat map of the day.

use domain::{Failed, event::Happened};
use edge::{metric, queue::Message};
use store::Activities;

/// The function's name, in logs and metrics.
pub const NAME: &str = "activity-roll-up";

/// Counts an event, once however often it is delivered. A dispute raises an alarm, rather twice than never.
///
/// # Errors
/// [`Failed::Later`] when the table does not answer; the message comes again.
pub async fn handle(activities: &Activities, message: Message) -> Result<(), Failed> {
    if message.event.happened == Happened::SettlementDisputed {
        metric::count(NAME, "SettlementsDisputed", 1);
    }
    activities.count(&message.event).await.map(|_is_new| ())
}
