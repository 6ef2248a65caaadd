//! The process around [`reservation_void`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::RESERVATION_VOID, env.authorizer()?, reservation_void::handle, env.reservations()).await?)
}
