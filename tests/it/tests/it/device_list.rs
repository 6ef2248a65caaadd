//! `device-list`: the phones that an agent logs in with.

use domain::access::DEVICE_LIST;
use testkit::{Person, Reply, World};

use crate::{door::call, logins::moment};

/// An agent's own phones, so many seconds from now.
pub(crate) async fn phones(world: &World, agent: &Person, seconds: i64) -> Reply {
    call(world, &DEVICE_LIST, &agent.asks(&DEVICE_LIST).at(moment(seconds))).await
}
