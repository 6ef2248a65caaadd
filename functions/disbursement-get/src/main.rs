//! The process around [`disbursement_get`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::DISBURSEMENT_GET, env.authorizer()?, disbursement_get::handle, env.disbursements()).await?)
}
