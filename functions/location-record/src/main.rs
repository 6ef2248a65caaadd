//! The process around [`location_record`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::LOCATION_RECORD, env.authorizer()?, location_record::handle, env.tracks()).await?)
}
