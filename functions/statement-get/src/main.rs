//! The process around [`statement_get`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    let capability = (env.statements(), env.files()?);
    Ok(http::serve(&access::STATEMENT_GET, env.authorizer()?, statement_get::handle, capability).await?)
}
