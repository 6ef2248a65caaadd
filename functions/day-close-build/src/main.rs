//! The process around [`day_close_build`].

use edge::{Env, Fatal, queue};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(queue::consume(day_close_build::NAME, day_close_build::handle, env.day_close_writer()?).await?)
}
