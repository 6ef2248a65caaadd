//! The process around [`statement_line_list`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::STATEMENT_LINE_LIST, env.authorizer()?, statement_line_list::handle, env.statements())
        .await?)
}
