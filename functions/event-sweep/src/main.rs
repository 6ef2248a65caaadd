//! The process around [`event_sweep`].

use edge::{Env, Fatal, schedule};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(schedule::tick(event_sweep::NAME, event_sweep::handle, env.outbox()?).await?)
}
