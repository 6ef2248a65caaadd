//! `GET /api/v1/settlements`: what was settled, newest day first.

use domain::{Caller, Day, Failed, settlement::Settlement};
use edge::{Answer, Call, Nothing, Page};
use serde::Deserialize;
use store::{SettlementFilter, Settlements};
use utoipa::ToSchema;

/// Which settlements.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Of which day.
    #[schema(value_type = Option<String>, format = Date)]
    pub business_day: Option<Day>,
}

/// Lists settlements; partners see their own.
///
/// # Errors
/// [`Failed::Malformed`] for a page that is none.
pub async fn handle(
    settlements: &Settlements,
    call: Call<Caller, Nothing, Nothing, Filter>,
) -> Result<Answer<Page<Settlement>>, Failed> {
    let filter = SettlementFilter { partner_id: call.caller.as_partner(), business_day: call.query.business_day };
    let page = settlements.list(&call.caller.operator, &filter, &call.page).await?;
    Answer::page(&page)
}
