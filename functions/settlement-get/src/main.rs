//! The process around [`settlement_get`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(
        &access::SETTLEMENT_GET,
        env.authorizer()?,
        settlement_get::handle,
        (env.settlements(), env.files()?),
    )
    .await?)
}
