//! The process around [`export_get`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::EXPORT_GET, env.authorizer()?, export_get::handle, (env.exports(), env.files()?)).await?)
}
