//! The process around [`device_list`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::DEVICE_LIST, env.authorizer()?, device_list::handle, env.devices()).await?)
}
