//! The process around [`payout_watch`].

use edge::{Env, Fatal, schedule};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(schedule::tick(payout_watch::NAME, payout_watch::handle, env.payouts()).await?)
}
