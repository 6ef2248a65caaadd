//! The process around [`device_revoke`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::DEVICE_REVOKE, env.authorizer()?, device_revoke::handle, env.devices()).await?)
}
