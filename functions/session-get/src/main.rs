//! The process around [`session_get`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::SESSION_GET, env.authorizer()?, session_get::handle, env.trust()).await?)
}
