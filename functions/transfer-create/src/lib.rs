//! `POST /api/v1/transfers`: the settlement desk moves money by hand.

use domain::{
    Failed,
    access::Bookkeeper,
    transfer::{NewTransfer, ShownTransfer},
};
use edge::{Answer, Call, Nothing};
use store::Transfers;

/// Books the transfer, once under its id.
///
/// # Errors
/// [`Failed::Invalid`] for entries that are no transfer of the operator's accounts.
pub async fn handle(
    transfers: &Transfers,
    call: Call<Bookkeeper, Nothing, NewTransfer>,
) -> Result<Answer<ShownTransfer>, Failed> {
    let books = transfers.books(&call.caller.caller.operator, &call.body).await?;
    let decided = call.body.decide(call.command(), &books);
    transfers.create(call.command(), &call.body, &books, decided).await
}
