//! Follows the ledger and the commit records, whose rows nothing ever changes: what is changed or taken away all the same is
//! kept as it was, for `invariant-check` to name.

use domain::Failed;
use edge::{metric, stream::Change};
use store::{Alterations, Seen};

/// The function's name, in logs and metrics.
pub const NAME: &str = "ledger-watch";

/// Keeps what a row was before it was altered; one that has expired, or has only left the outbox, was not.
///
/// # Errors
/// [`Failed::Later`] when the table does not answer; the change is tried again, then parked.
pub async fn handle(alterations: &Alterations, change: Change) -> Result<(), Failed> {
    if change.is_expiry() {
        return Ok(());
    }
    let seen = Seen {
        table: change.table()?.to_owned(),
        before: change.before()?,
        after: change.after()?,
        at: change.at()?,
        sequence: change.sequence()?.to_owned(),
    };
    if alterations.keep(seen).await? {
        metric::count(NAME, "RowsAltered", 1);
    }
    Ok(())
}
