//! `GET /api/v1/agents?region=`: a region's agents, where they were last and what cash they carry.

use domain::{Failed, RegionName, access::Staff};
use edge::{Answer, Call, Nothing, Page};
use serde::Deserialize;
use store::{AgentOnMap, Agents};
use utoipa::ToSchema;

/// Which agents.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Where they work.
    pub region: RegionName,
}

/// Lists a region's agents by name.
///
/// # Errors
/// [`Failed::Unknown`] for a region that is not the caller's to know of.
pub async fn handle(
    agents: &Agents,
    call: Call<Staff, Nothing, Nothing, Filter>,
) -> Result<Answer<Page<AgentOnMap>>, Failed> {
    let Staff { caller } = &call.caller;
    caller.must_work_in(&call.query.region)?;
    let page = agents.list(&caller.operator, &call.query.region, &call.page).await?;
    Answer::page(&page)
}
