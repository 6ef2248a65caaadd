//! The process around [`settlement_create`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::SETTLEMENT_CREATE, env.authorizer()?, settlement_create::handle, env.settlements()).await?)
}
