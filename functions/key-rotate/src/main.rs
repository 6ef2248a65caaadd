//! The process around [`key_rotate`].

use edge::{Env, Fatal, schedule};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(schedule::tick(key_rotate::NAME, key_rotate::handle, env.key_rotation()?).await?)
}
