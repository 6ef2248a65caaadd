//! The process around [`statement_list`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::STATEMENT_LIST, env.authorizer()?, statement_list::handle, env.statements()).await?)
}
