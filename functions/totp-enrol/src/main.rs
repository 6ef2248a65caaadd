//! The process around [`totp_enrol`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::TOTP_ENROL, env.authorizer()?, totp_enrol::handle, env.second_factors().await?).await?)
}
