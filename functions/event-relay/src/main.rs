//! The process around [`event_relay`].

use edge::{Env, Fatal, stream};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(stream::follow(event_relay::NAME, event_relay::handle, env.outbox()?, env.parking()?).await?)
}
