//! The process around [`statement_match`].

use edge::{Env, Fatal, queue};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(queue::consume(statement_match::NAME, statement_match::handle, env.statement_writer()?).await?)
}
