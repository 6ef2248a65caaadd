//! The process around [`activity_get`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::ACTIVITY_GET, env.authorizer()?, activity_get::handle, env.activities()).await?)
}
