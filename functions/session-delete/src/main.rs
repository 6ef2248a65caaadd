//! The process around [`session_delete`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::SESSION_DELETE, env.authorizer()?, session_delete::handle, env.sessions()).await?)
}
