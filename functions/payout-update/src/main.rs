//! The process around [`payout_update`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::PAYOUT_UPDATE, env.authorizer()?, payout_update::handle, env.payouts()).await?)
}
