//! `POST /api/v1/settlements/{settlement_id}/acknowledge`: a partner says whether it takes a settlement's file.

use domain::{Caller, Failed, SettlementId, acknowledgement::NewAcknowledgement, settlement::Settlement};
use edge::{Answer, Call, Path};
use store::Acknowledgements;

/// Keeps what is said of the file, held against the lines that it names; the same said again changes nothing.
///
/// # Errors
/// [`Failed::Unknown`] for a settlement that is not the caller's to know of, [`Failed::Invalid`] for what the file does not have.
pub async fn handle(
    acknowledgements: &Acknowledgements,
    call: Call<Caller, Path<SettlementId>, NewAcknowledgement>,
) -> Result<Answer<Settlement>, Failed> {
    let operator = &call.caller.operator;
    let before = acknowledgements.get(operator, &call.path.id).await?.seen_by(&call.caller)?;
    let claims = call.body.claims(&before)?;
    let lines = acknowledgements.lines(operator, &before, &claims.lines()).await?;
    let decided = before.acknowledge(operator, &claims, &lines, call.command());
    acknowledgements.keep(call.command(), &before, decided).await
}
