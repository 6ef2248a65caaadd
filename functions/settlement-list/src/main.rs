//! The process around [`settlement_list`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::SETTLEMENT_LIST, env.authorizer()?, settlement_list::handle, env.settlements()).await?)
}
