//! The process around [`exposure_get`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::EXPOSURE_GET, env.authorizer()?, exposure_get::handle, env.payouts()).await?)
}
