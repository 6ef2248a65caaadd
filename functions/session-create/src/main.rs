//! The process around [`session_create`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve_open(&access::SESSION_CREATE, env.authorizer()?, session_create::handle, env.credentials().await?)
        .await?)
}
