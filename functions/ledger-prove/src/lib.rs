//! `GET /api/v1/ledger/proof?transfer_id=|commit_id=`: proof that something is in the sealed history, to be verified by
//! whoever holds the public key, with nothing of ours but `tools/verify`.

use domain::{
    CommitId, Failed, TransferId,
    access::Auditor,
    seal::{Proven, Subject},
};
use edge::{Answer, Call, Nothing};
use serde::Deserialize;
use store::Seals;
use utoipa::ToSchema;

/// What is to be proven: one of the two.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// A transfer, with its entries and its commit.
    pub transfer_id: Option<TransferId>,
    /// A commit, with what it appended to the ledger.
    pub commit_id: Option<CommitId>,
}

/// Shows the proof, record by record, as far as the caller may see them.
///
/// # Errors
/// [`Failed::Malformed`] unless one of the two is named, [`Failed::Unknown`] when there is nothing that the caller may see.
pub async fn handle(seals: &Seals, call: Call<Auditor, Nothing, Nothing, Asked>) -> Result<Answer<Proven>, Failed> {
    let Auditor { caller } = &call.caller;
    let subject = Subject::of(call.query.transfer_id, call.query.commit_id)?;
    let proven = seals.evidence(&caller.operator, &subject).await?.seen_by(caller)?;
    Answer::ok(&proven)
}
