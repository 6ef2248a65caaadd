//! The process around [`audit_list`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::AUDIT_LIST, env.authorizer()?, audit_list::handle, env.audits()).await?)
}
