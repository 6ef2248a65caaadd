//! The process around [`ledger_seal`].

use edge::{Env, Fatal, schedule};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(schedule::tick(ledger_seal::NAME, ledger_seal::handle, env.sealing()?).await?)
}
