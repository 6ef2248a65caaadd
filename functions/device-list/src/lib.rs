//! `GET /api/v1/devices`: the phones that an agent logs in with.

use domain::{AgentId, Caller, Failed, Flaw, device::Device};
use edge::{Answer, Call, Nothing, Page};
use serde::Deserialize;
use store::Devices;
use utoipa::ToSchema;

/// Whose phones.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Of which agent; agents leave it out, it is them.
    pub agent_id: Option<AgentId>,
}

/// Lists an agent's phones; of another region's or operator's agent there are none.
///
/// # Errors
/// [`Failed::Malformed`] when nobody says whose.
pub async fn handle(
    devices: &Devices,
    call: Call<Caller, Nothing, Nothing, Filter>,
) -> Result<Answer<Page<Device>>, Failed> {
    let agent_id = call.caller.agent_for(call.query.agent_id.as_ref())?;
    let agent_id = agent_id.ok_or_else(|| Failed::malformed(Flaw::new("agent_id", "invalid_filter", "say whose")))?;
    let mut page = devices.list(&call.caller.operator, &agent_id, &call.page).await?;
    page.items.retain(|device| call.caller.may_see(device));
    Answer::page(&page)
}
