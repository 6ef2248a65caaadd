//! The process around [`proof_get`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::PROOF_GET, env.authorizer()?, proof_get::handle, env.proofs()).await?)
}
