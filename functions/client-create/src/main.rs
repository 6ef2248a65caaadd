//! The process around [`client_create`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::CLIENT_CREATE, env.authorizer()?, client_create::handle, env.client_secrets().await?)
        .await?)
}
