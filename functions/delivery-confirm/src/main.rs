//! The process around [`delivery_confirm`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::DELIVERY_CONFIRM, env.authorizer()?, delivery_confirm::handle, env.deliveries()).await?)
}
