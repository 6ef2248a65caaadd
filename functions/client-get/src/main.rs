//! The process around [`client_get`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::CLIENT_GET, env.authorizer()?, client_get::handle, env.clients()).await?)
}
