//! The process around [`reservation_settle`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::RESERVATION_SETTLE, env.authorizer()?, reservation_settle::handle, env.reservations())
        .await?)
}
