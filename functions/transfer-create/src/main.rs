//! The process around [`transfer_create`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::TRANSFER_CREATE, env.authorizer()?, transfer_create::handle, env.transfers()).await?)
}
