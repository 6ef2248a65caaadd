//! The process around [`day_close_get`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::DAY_CLOSE_GET, env.authorizer()?, day_close_get::handle, (env.day_closes(), env.files()?))
        .await?)
}
