//! The process around [`token_issue`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve_open(&access::TOKEN_ISSUE, env.authorizer()?, token_issue::handle, env.credentials().await?).await?)
}
