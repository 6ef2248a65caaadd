//! `POST /api/v1/transfers`: the settlement desk moves money by hand.

use domain::{
    Failed,
    access::Bookkeeper,
    approval::SubjectKind,
    transfer::{NewTransfer, ShownTransfer},
};
use edge::{Answer, Call, Nothing};
use store::{Outcome, Transfers};

/// Books the transfer, once under its id.
///
/// # Errors
/// [`Failed::Invalid`] for entries that are no transfer of the operator's accounts.
pub async fn handle(
    transfers: &Transfers,
    call: Call<Bookkeeper, Nothing, NewTransfer>,
) -> Result<Answer<Outcome<ShownTransfer>>, Failed> {
    let books = transfers.books(&call.caller.caller.operator, &call.body).await?;
    let command = call.command().clone().because(&call.body.reason);
    let decided = call.body.decide(&command, &books);
    let made =
        decided.map(|transfer| books.operator.make(&command, &call.caller.caller, SubjectKind::Transfer, transfer));
    transfers.create(&command, &books, made).await
}
