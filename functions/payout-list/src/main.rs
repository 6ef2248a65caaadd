//! The process around [`payout_list`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::PAYOUT_LIST, env.authorizer()?, payout_list::handle, env.payouts()).await?)
}
