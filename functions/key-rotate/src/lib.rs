//! Makes the keys that are missing, replaces the signing key each month, and retires what no longer signs.

use domain::Failed;
use edge::{keys::KeyRotation, metric, schedule::Tick};

/// The function's name, in logs and metrics.
pub const NAME: &str = "key-rotate";

/// Rotates what is due by this tick.
///
/// # Errors
/// [`Failed::Later`] when something behind does not answer; the tick comes again.
pub async fn handle(keys: &KeyRotation, tick: Tick) -> Result<(), Failed> {
    let is_new = keys.rotate(tick.at).await?;
    metric::count(NAME, "KeysMade", u64::from(is_new));
    Ok(())
}
