//! The process around [`statement_create`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::STATEMENT_CREATE, env.authorizer()?, statement_create::handle, env.statement_writer()?)
        .await?)
}
