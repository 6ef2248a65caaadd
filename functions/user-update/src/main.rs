//! The process around [`user_update`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::USER_UPDATE, env.authorizer()?, user_update::handle, env.users()).await?)
}
