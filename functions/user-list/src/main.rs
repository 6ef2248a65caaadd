//! The process around [`user_list`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::USER_LIST, env.authorizer()?, user_list::handle, env.users()).await?)
}
