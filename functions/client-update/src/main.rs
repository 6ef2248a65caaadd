//! The process around [`client_update`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::CLIENT_UPDATE, env.authorizer()?, client_update::handle, env.clients()).await?)
}
