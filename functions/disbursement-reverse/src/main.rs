//! The process around [`disbursement_reverse`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::DISBURSEMENT_REVERSE, env.authorizer()?, disbursement_reverse::handle, env.disbursements())
        .await?)
}
