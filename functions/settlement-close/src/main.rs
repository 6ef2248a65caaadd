//! The process around [`settlement_close`].

use edge::{Env, Fatal, schedule};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(schedule::tick(settlement_close::NAME, settlement_close::handle, env.settlements()).await?)
}
