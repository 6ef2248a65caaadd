//! The process around [`statement_line_match`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::STATEMENT_LINE_MATCH, env.authorizer()?, statement_line_match::handle, env.statements())
        .await?)
}
