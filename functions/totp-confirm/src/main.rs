//! The process around [`totp_confirm`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::TOTP_CONFIRM, env.authorizer()?, totp_confirm::handle, env.second_factors().await?).await?)
}
