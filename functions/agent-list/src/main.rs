//! The process around [`agent_list`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::AGENT_LIST, env.authorizer()?, agent_list::handle, env.agents()).await?)
}
