//! `GET /api/v1/transfers/{transfer_id}`: one transfer, whole, what took it back, and where the bank shows it.

use domain::{Failed, TransferId, access::Staff, transfer::ShownTransfer};
use edge::{Answer, Call, Path};
use store::Transfers;

/// Shows a transfer as it was booked.
///
/// # Errors
/// [`Failed::Unknown`] when there is none.
pub async fn handle(
    transfers: &Transfers,
    call: Call<Staff, Path<TransferId>>,
) -> Result<Answer<ShownTransfer>, Failed> {
    let caller = &call.caller.caller;
    Answer::ok(&transfers.get(&caller.operator, &call.path.id).await?.seen_by(caller)?)
}
