//! The process around [`position_roll_up`].

use edge::{Env, Fatal, stream};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(stream::follow(position_roll_up::NAME, position_roll_up::handle, env.agents(), env.parking()?).await?)
}
