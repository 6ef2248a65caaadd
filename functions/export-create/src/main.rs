//! The process around [`export_create`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::EXPORT_CREATE, env.authorizer()?, export_create::handle, env.exports()).await?)
}
