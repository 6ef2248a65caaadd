//! The process around [`approval_list`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::APPROVAL_LIST, env.authorizer()?, approval_list::handle, env.approvals()).await?)
}
