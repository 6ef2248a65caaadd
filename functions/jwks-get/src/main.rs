//! The process around [`jwks_get`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve_open(&access::JWKS_GET, env.authorizer()?, jwks_get::handle, env.directory()).await?)
}
