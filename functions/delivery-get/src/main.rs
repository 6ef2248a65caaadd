//! The process around [`delivery_get`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::DELIVERY_GET, env.authorizer()?, delivery_get::handle, env.deliveries()).await?)
}
