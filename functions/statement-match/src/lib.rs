//! Holds a bank statement against what waits to be paid, books each match and writes the report.

use domain::Failed;
use edge::queue::Message;
use store::StatementWriter;

/// The function's name, in logs and metrics.
pub const NAME: &str = "statement-match";

/// Matches the statement; coming again books the rest of the same plan, or nothing.
///
/// # Errors
/// [`Failed::Later`] when something behind does not answer; the message comes again.
pub async fn handle(statements: &StatementWriter, message: Message) -> Result<(), Failed> {
    statements.match_lines(&message.event, &message.message_id).await
}
