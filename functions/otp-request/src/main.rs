//! The process around [`otp_request`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve_open(&access::OTP_REQUEST, env.authorizer()?, otp_request::handle, env.requests()).await?)
}
