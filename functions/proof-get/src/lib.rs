//! `GET /api/v1/proof`: what the latest check of the operator's books found.

use domain::{Failed, access::Staff, proof::Proof};
use edge::{Answer, Call};
use store::Proofs;

/// Shows the latest proof.
///
/// # Errors
/// [`Failed::Unknown`] before the first check.
pub async fn handle(proofs: &Proofs, call: Call<Staff>) -> Result<Answer<Proof>, Failed> {
    let proof = proofs.get(&call.caller.caller.operator).await?;
    Answer::ok(&proof)
}
