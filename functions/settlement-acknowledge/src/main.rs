//! The process around [`settlement_acknowledge`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(
        &access::SETTLEMENT_ACKNOWLEDGE,
        env.authorizer()?,
        settlement_acknowledge::handle,
        env.acknowledgements()?,
    )
    .await?)
}
