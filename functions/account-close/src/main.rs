//! The process around [`account_close`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::ACCOUNT_CLOSE, env.authorizer()?, account_close::handle, env.account_writer()).await?)
}
