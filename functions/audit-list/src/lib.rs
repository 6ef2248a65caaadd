//! `GET /api/v1/audit?day=&actor=&subject=`: who did what, to which thing, what it was before and after, and why.

use domain::{
    Day, Failed,
    access::Staff,
    audit::{AuditEntry, AuditFilter},
};
use edge::{Answer, Call, Nothing, Page};
use serde::Deserialize;
use store::Audits;
use utoipa::ToSchema;

/// Which commits.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// The day in UTC; today unless told.
    #[schema(value_type = Option<String>, format = Date)]
    pub day: Option<Day>,
    /// Who did it: the id of a person, an agent or a program, or a job's name.
    pub actor: Option<String>,
    /// The id of the thing it is about.
    pub subject: Option<String>,
}

/// Lists a day's commits, newest first.
///
/// # Errors
/// [`Failed::Malformed`] for a page that is none.
pub async fn handle(
    audits: &Audits,
    call: Call<Staff, Nothing, Nothing, Filter>,
) -> Result<Answer<Page<AuditEntry>>, Failed> {
    let Staff { caller } = &call.caller;
    let Filter { day, actor, subject } = call.query;
    let filter = AuditFilter { day: day.unwrap_or_else(|| call.at.utc_day()), actor, subject };
    let page = audits.list(&caller.operator, &filter, &call.page).await?;
    Answer::page(&page.map(|entry| entry.seen_by(caller.role)))
}
