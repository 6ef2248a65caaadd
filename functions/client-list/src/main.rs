//! The process around [`client_list`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::CLIENT_LIST, env.authorizer()?, client_list::handle, env.clients()).await?)
}
