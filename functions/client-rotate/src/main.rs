//! The process around [`client_rotate`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::CLIENT_ROTATE, env.authorizer()?, client_rotate::handle, env.client_secrets().await?)
        .await?)
}
