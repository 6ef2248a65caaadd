//! The process around [`approval_expire`].

use edge::{Env, Fatal, schedule};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(schedule::tick(approval_expire::NAME, approval_expire::handle, env.approvals()).await?)
}
