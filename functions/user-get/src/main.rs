//! The process around [`user_get`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::USER_GET, env.authorizer()?, user_get::handle, env.users()).await?)
}
