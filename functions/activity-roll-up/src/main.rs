//! The process around [`activity_roll_up`].

use edge::{Env, Fatal, queue};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(queue::consume(activity_roll_up::NAME, activity_roll_up::handle, env.activities()).await?)
}
