//! Reports a closed business day: per agent, region and partner, with everything held against everything else.

use domain::Failed;
use edge::queue::Message;
use store::DayCloseWriter;

/// The function's name, in logs and metrics.
pub const NAME: &str = "day-close-build";

/// Reports the day once its last settlement is booked; reporting it again gives the same bytes.
///
/// # Errors
/// [`Failed::Fault`] when the figures of the day do not agree: the message ends as a dead letter, and its alarm tells
/// somebody. [`Failed::Later`] when something behind does not answer.
pub async fn handle(day_closes: &DayCloseWriter, message: Message) -> Result<(), Failed> {
    day_closes.build(&message.event, NAME, &message.message_id).await
}
