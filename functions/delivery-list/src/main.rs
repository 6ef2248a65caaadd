//! The process around [`delivery_list`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::DELIVERY_LIST, env.authorizer()?, delivery_list::handle, env.deliveries()).await?)
}
