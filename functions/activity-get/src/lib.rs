//! `GET /api/v1/activity?from=&to=`: how much happened per region and hour, the heat map of the day.

use domain::{Failed, Timestamp, access::Staff, activity::Activity};
use edge::{Answer, Call, Nothing, Page};
use serde::Deserialize;
use store::Activities;
use utoipa::ToSchema;

/// From when to when.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// The first hour.
    pub from: Timestamp,
    /// The last hour, inclusive.
    pub to: Timestamp,
}

/// Shows the counts of each region and hour; the desk sees its own regions.
///
/// # Errors
/// [`Failed::Malformed`] for a range that is none.
pub async fn handle(
    activities: &Activities,
    call: Call<Staff, Nothing, Nothing, Range>,
) -> Result<Answer<Page<Activity>>, Failed> {
    let Staff { caller } = &call.caller;
    let mut items = activities.between(&caller.operator, call.query.from, call.query.to).await?;
    items.retain(|counted| counted.is_seen_by(caller));
    Answer::page(&Page { items, next_cursor: None })
}
