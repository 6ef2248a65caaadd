//! The process around [`ledger_watch`].

use edge::{Env, Fatal, stream};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(stream::follow(ledger_watch::NAME, ledger_watch::handle, env.alterations(), env.parking()?).await?)
}
