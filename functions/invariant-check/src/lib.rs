//! Proves every five minutes that every operator's books balance, that its events are relayed and its history is as it was
//! sealed, and says so where anybody of its staff can read it.

use domain::Failed;
use edge::{
    metric,
    schedule::{Tick, each},
};
use store::ProofWriter;

/// The function's name, in logs and metrics.
pub const NAME: &str = "invariant-check";

/// Checks the books and the history of every operator, and keeps what was found.
///
/// # Errors
/// [`Failed::Fault`] when something does not hold, once all have been checked: the tick ends as a dead letter, and its alarm
/// tells somebody. Otherwise what kept an operator from being checked.
pub async fn handle(proofs: &ProofWriter, tick: Tick) -> Result<(), Failed> {
    let mut broken = vec![];
    let checked = each(NAME, proofs.operators().await?, async |operator| {
        let proof = proofs.check(operator, tick.at).await?;
        metric::count(NAME, "EntriesProven", proof.entries);
        metric::count(NAME, "LeavesProven", proof.history.leaves);
        metric::count(NAME, "Breaches", proof.breach_count);
        broken.extend(proof.breaches.into_iter().take(1).map(|breach| format!("{operator} {}", breach.subject)));
        Ok(())
    })
    .await;
    if broken.is_empty() {
        checked
    } else {
        Err(Failed::fault(format!("what must hold does not: {}", broken.join(", "))))
    }
}
