//! `GET /api/v1/settlements/{settlement_id}`: one settlement, with a link to its file.

use domain::{Caller, Failed, SettlementId, settlement::Settlement};
use edge::{Answer, Call, Path};
use store::{Files, Settlements};

/// Shows a settlement.
///
/// # Errors
/// [`Failed::Unknown`] for one that is not there, or not the caller's to know of.
pub async fn handle(
    (settlements, files): &(Settlements, Files),
    call: Call<Caller, Path<SettlementId>>,
) -> Result<Answer<Settlement>, Failed> {
    let settlement = settlements.get(&call.caller.operator, &call.path.id).await?.seen_by(&call.caller)?;
    let settlement = files.linked_settlement(settlement).await?;
    Answer::versioned(&settlement, settlement.version)
}
