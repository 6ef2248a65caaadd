//! The process around [`ledger_prove`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::LEDGER_PROVE, env.authorizer()?, ledger_prove::handle, env.seals()?).await?)
}
