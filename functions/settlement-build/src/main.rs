//! The process around [`settlement_build`].

use edge::{Env, Fatal, queue};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(queue::consume(settlement_build::NAME, settlement_build::handle, env.settlement_writer()?).await?)
}
