//! `GET /api/v1/settlements/{settlement_id}`: one settlement, with a link to its file.

use domain::{Failed, SettlementId, settlement::Settlement};
use edge::{Answer, Call, Path};
use store::{Files, Settlements};

/// Shows a settlement.
///
/// # Errors
/// [`Failed::Unknown`] for one that is not there, or not the caller's to know of.
pub async fn handle(
    (settlements, files): &(Settlements, Files),
    call: Call<Path<SettlementId>>,
) -> Result<Answer<Settlement>, Failed> {
    let settlement = settlements.get(&call.caller.operator, &call.path.id).await?;
    call.caller.must_see(settlement.belongings())?;
    let settlement = files.linked_settlement(settlement).await?;
    Answer::versioned(&settlement, settlement.version)
}
