//! The process around [`statement_line_unmatch`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(
        &access::STATEMENT_LINE_UNMATCH,
        env.authorizer()?,
        statement_line_unmatch::handle,
        env.statements(),
    )
    .await?)
}
