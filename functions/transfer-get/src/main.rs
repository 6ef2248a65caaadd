//! The process around [`transfer_get`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::TRANSFER_GET, env.authorizer()?, transfer_get::handle, env.transfers()).await?)
}
