//! The process around [`disbursement_create`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::DISBURSEMENT_CREATE, env.authorizer()?, disbursement_create::handle, env.disbursements())
        .await?)
}
