//! Builds a requested file, in bounded memory, with its manifest.

use domain::Failed;
use edge::queue::Message;
use store::ExportWriter;

/// The function's name, in logs and metrics.
pub const NAME: &str = "export-build";

/// Builds the file; building it again replaces it by the same.
///
/// # Errors
/// [`Failed::Later`] when something behind does not answer; the message comes again.
pub async fn handle(exports: &ExportWriter, message: Message) -> Result<(), Failed> {
    exports.build(&message.event, &message.message_id).await.map(|_export| ())
}
