//! The process around [`reservation_get`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::RESERVATION_GET, env.authorizer()?, reservation_get::handle, env.reservations()).await?)
}
