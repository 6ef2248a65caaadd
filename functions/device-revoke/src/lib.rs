//! `POST /api/v1/devices/{device_id}/revoke`: a phone is lost; whoever finds it finds nothing.

use domain::{Caller, DeviceId, Failed, device::Device};
use edge::{Answer, Call, Path};
use store::Devices;

/// Gives the phone up for lost: its logins end, and within a minute its tokens are refused everywhere.
///
/// # Errors
/// [`Failed::Unknown`] for a phone that is not the caller's to know of.
pub async fn handle(devices: &Devices, call: Call<Caller, Path<DeviceId>>) -> Result<Answer<Device>, Failed> {
    let before = devices.get(&call.caller.operator, &call.path.id).await?.seen_by(&call.caller)?;
    devices.revoke(call.command(), &before).await
}
