//! The process around [`delivery_create`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::DELIVERY_CREATE, env.authorizer()?, delivery_create::handle, env.deliveries()).await?)
}
