//! `POST /api/v1/transfers/{transfer_id}/reverse`: the settlement desk takes a transfer back.

use domain::{
    Failed, TransferId,
    access::Bookkeeper,
    transfer::{NewReversal, ShownTransfer},
};
use edge::{Answer, Call, Path};
use store::Transfers;

/// Books the opposite, linked, once; the transfer itself stays as it is.
///
/// # Errors
/// [`Failed::Unknown`] when there is none.
pub async fn handle(
    transfers: &Transfers,
    call: Call<Bookkeeper, Path<TransferId>, NewReversal>,
) -> Result<Answer<ShownTransfer>, Failed> {
    let caller = &call.caller.caller;
    let before = transfers.get(&caller.operator, &call.path.id).await?.seen_by(caller)?;
    let decided = before.reverse(call.command(), &call.body);
    transfers.reverse(call.command(), decided).await
}
