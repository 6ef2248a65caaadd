//! The process around [`invariant_check`].

use edge::{Env, Fatal, schedule};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(schedule::tick(invariant_check::NAME, invariant_check::handle, env.proof_writer()?).await?)
}
