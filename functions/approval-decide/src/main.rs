//! The process around [`approval_decide`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::APPROVAL_DECIDE, env.authorizer()?, approval_decide::handle, env.approvals()).await?)
}
