//! The process around [`message_send`].

use edge::{Env, Fatal, queue};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(queue::consume(message_send::NAME, message_send::handle, env.messages().await?).await?)
}
