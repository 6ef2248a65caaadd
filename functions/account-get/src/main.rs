//! The process around [`account_get`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::ACCOUNT_GET, env.authorizer()?, account_get::handle, env.accounts()?).await?)
}
