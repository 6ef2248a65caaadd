//! The process around [`export_build`].

use edge::{Env, Fatal, queue};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(queue::consume(export_build::NAME, export_build::handle, env.export_writer()?).await?)
}
