//! The process around [`approval_get`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::APPROVAL_GET, env.authorizer()?, approval_get::handle, env.approvals()).await?)
}
