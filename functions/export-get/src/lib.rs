//! `GET /api/v1/exports/{export_id}`: how far a file has come, with links to it and its manifest when it is ready.

use domain::{ExportId, Failed, access::Staff, export::Export};
use edge::{Answer, Call, Path};
use store::{Exports, Files};

/// Shows an export.
///
/// # Errors
/// [`Failed::Unknown`] for one that is not there, or not the caller's to know of.
pub async fn handle(
    (exports, files): &(Exports, Files),
    call: Call<Staff, Path<ExportId>>,
) -> Result<Answer<Export>, Failed> {
    let export = exports.get(&call.caller.caller.operator, &call.path.id).await?.seen_by(&call.caller)?;
    let export = files.linked_export(export).await?;
    Answer::versioned(&export, export.version)
}
