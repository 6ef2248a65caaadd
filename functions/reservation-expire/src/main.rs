//! The process around [`reservation_expire`].

use edge::{Env, Fatal, schedule};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let env = Env::load().await?;
    Ok(schedule::tick(reservation_expire::NAME, reservation_expire::handle, env.reservations()).await?)
}
