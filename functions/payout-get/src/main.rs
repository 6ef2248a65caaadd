//! The process around [`payout_get`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::PAYOUT_GET, env.authorizer()?, payout_get::handle, env.payouts()).await?)
}
