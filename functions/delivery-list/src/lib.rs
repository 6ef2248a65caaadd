//! `GET /api/v1/deliveries`: a region's visits of a status, or an agent's day.

use domain::{
    Caller, Failed,
    delivery::{DeliveryQuery, DeliverySummary},
};
use edge::{Answer, Call, Nothing, Page};
use store::Deliveries;

/// Lists visits by day: one query on one index.
///
/// # Errors
/// [`Failed::Malformed`] for filters that no index answers together, [`Failed::Unknown`] for what is not the caller's
/// to know of.
pub async fn handle(
    deliveries: &Deliveries,
    call: Call<Caller, Nothing, Nothing, DeliveryQuery>,
) -> Result<Answer<Page<DeliverySummary>>, Failed> {
    let filter = call.query.filter(&call.caller)?;
    let mut page = deliveries.list(&call.caller.operator, &filter, &call.page).await?;
    page.items.retain(|visit| call.caller.may_see(visit));
    Answer::page(&page)
}
