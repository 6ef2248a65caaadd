//! The process around [`password_reset`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve_open(&access::PASSWORD_RESET, env.authorizer()?, password_reset::handle, env.requests()).await?)
}
