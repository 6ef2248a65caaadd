//! The process around [`password_set`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve_open(&access::PASSWORD_SET, env.authorizer()?, password_set::handle, env.passwords()).await?)
}
