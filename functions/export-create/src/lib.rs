//! `POST /api/v1/exports`: somebody asks for a day's deliveries, entries or tracks as a file.

use domain::{
    Failed,
    access::Staff,
    export::{Export, NewExport},
};
use edge::{Answer, Call, Nothing};
use store::Exports;

/// Takes the wish; the file is built behind a queue.
///
/// # Errors
/// [`Failed::Forbidden`] when the desk asks for ledger entries.
pub async fn handle(exports: &Exports, call: Call<Staff, Nothing, NewExport>) -> Result<Answer<Export>, Failed> {
    let operator = exports.operator(&call.caller.caller.operator).await?;
    let decided = Export::request(call.command(), &call.caller, &operator, &call.body);
    exports.create(call.command(), decided).await
}
