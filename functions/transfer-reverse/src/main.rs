//! The process around [`transfer_reverse`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::TRANSFER_REVERSE, env.authorizer()?, transfer_reverse::handle, env.transfers()).await?)
}
