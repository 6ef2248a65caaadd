//! `POST /api/v1/transfers/{transfer_id}/reverse`: the settlement desk takes a transfer back.

use domain::{
    Failed, TransferId,
    access::Bookkeeper,
    approval::SubjectKind,
    transfer::{NewReversal, ShownTransfer},
};
use edge::{Answer, Call, Path};
use store::{Outcome, Transfers};

/// Books the opposite, linked, once; the transfer itself stays as it is.
///
/// # Errors
/// [`Failed::Unknown`] when there is none.
pub async fn handle(
    transfers: &Transfers,
    call: Call<Bookkeeper, Path<TransferId>, NewReversal>,
) -> Result<Answer<Outcome<ShownTransfer>>, Failed> {
    let caller = &call.caller.caller;
    let before = transfers.get(&caller.operator, &call.path.id).await?.seen_by(caller)?;
    let command = call.command().clone().because(&call.body.reason);
    let operator = transfers.operator(&caller.operator).await?;
    let decided = before.reverse(&command, &call.body);
    let made = decided.map(|transfer| operator.make(&command, caller, SubjectKind::Reversal, transfer));
    transfers.reverse(&command, made).await
}
