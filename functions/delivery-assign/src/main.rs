//! The process around [`delivery_assign`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::DELIVERY_ASSIGN, env.authorizer()?, delivery_assign::handle, env.deliveries()).await?)
}
