//! Builds a partner's settlement: folds the day's entries into a file and books what is owed.

use domain::Failed;
use edge::queue::Message;
use store::SettlementWriter;

/// The function's name, in logs and metrics.
pub const NAME: &str = "settlement-build";

/// Builds the settlement; building it again gives the same bytes and books nothing.
///
/// # Errors
/// [`Failed::Later`] when something behind does not answer; the message comes again, before any later one of the partner.
pub async fn handle(settlements: &SettlementWriter, message: Message) -> Result<(), Failed> {
    settlements.build(&message.event, &message.message_id).await.map(|_settlement| ())
}
