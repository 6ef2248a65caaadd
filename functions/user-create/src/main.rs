//! The process around [`user_create`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::USER_CREATE, env.authorizer()?, user_create::handle, env.users()).await?)
}
