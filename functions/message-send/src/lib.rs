//! Sends people what they asked for, or what somebody did for them: a code by SMS, a ticket by mail.

use domain::Failed;
use edge::queue::Message;
use store::Messages;

/// The function's name, in logs and metrics.
pub const NAME: &str = "message-send";

/// Sends what an event asks for; a message that is delivered twice says the same twice.
///
/// # Errors
/// [`Failed::Later`] when something behind does not answer; the message comes again.
pub async fn handle(messages: &Messages, message: Message) -> Result<(), Failed> {
    messages.send(&message.event).await
}
