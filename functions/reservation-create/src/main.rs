//! The process around [`reservation_create`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::RESERVATION_CREATE, env.authorizer()?, reservation_create::handle, env.reservations())
        .await?)
}
