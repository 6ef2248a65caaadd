//! The process around [`disbursement_reconcile`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(
        &access::DISBURSEMENT_RECONCILE,
        env.authorizer()?,
        disbursement_reconcile::handle,
        env.disbursements(),
    )
    .await?)
}
