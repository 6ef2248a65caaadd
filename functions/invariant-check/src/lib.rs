//! Proves every five minutes that every operator's books balance, and says so where anybody of its staff can read it.

use domain::Failed;
use edge::{metric, schedule::Tick};
use store::Proofs;

/// The function's name, in logs and metrics.
pub const NAME: &str = "invariant-check";

/// Checks the books of every operator, and keeps what was found.
///
/// # Errors
/// [`Failed::Fault`] when books do not balance, once all have been checked: the tick ends as a dead letter, and its alarm
/// tells somebody. [`Failed::Later`] when the table does not answer.
pub async fn handle(proofs: &Proofs, tick: Tick) -> Result<(), Failed> {
    let mut broken = vec![];
    for operator in proofs.operators().await? {
        let proof = proofs.check(&operator, tick.at).await?;
        metric::count(NAME, "EntriesProven", proof.entries);
        metric::count(NAME, "Breaches", proof.breach_count);
        broken.extend(proof.breaches.into_iter().take(1).map(|breach| format!("{operator} {}", breach.subject)));
    }
    if broken.is_empty() { Ok(()) } else { Err(Failed::fault(format!("books do not balance: {}", broken.join(", ")))) }
}
