//! The process around [`disbursement_cancel`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::DISBURSEMENT_CANCEL, env.authorizer()?, disbursement_cancel::handle, env.disbursements())
        .await?)
}
