//! The process around [`day_close_list`].

use domain::access;
use edge::{Env, Fatal, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(http::serve(&access::DAY_CLOSE_LIST, env.authorizer()?, day_close_list::handle, env.day_closes()).await?)
}
