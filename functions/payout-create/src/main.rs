//! The process around [`payout_create`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::PAYOUT_CREATE, env.authorizer()?, payout_create::handle, env.payouts()).await?)
}
