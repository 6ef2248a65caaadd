//! Phones: each has a key of its own, and a login is good only together with the phone that made it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    AgentId, DeviceId, OperatorName, RegionName, Timestamp,
    access::{Belongings, Owned},
};

/// Whether a phone may still be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeviceStatus {
    /// It may.
    Active,
    /// It was given up for lost, for ever: a phone that is found again enrols with a new key.
    Revoked,
}

/// A phone that an agent logs in with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Device {
    /// Named by its key: the same phone is the same device at each login.
    pub device_id: DeviceId,
    /// Whose it is.
    pub agent_id: AgentId,
    /// Where they work.
    pub region: RegionName,
    /// What its owner calls it.
    pub name: String,
    /// Its public key as a JWK (RFC 7517).
    #[schema(value_type = Object)]
    pub public_key: serde_json::Value,
    /// Whether it may still be used.
    pub status: DeviceStatus,
    /// When it logged in for the first time.
    pub enrolled_at: Timestamp,
    /// When it was given up for lost.
    pub revoked_at: Option<Timestamp>,
    /// Grows with each change; `ETag`.
    pub version: u64,
}

impl Owned for Device {
    fn belongings(&self) -> Belongings<'_> {
        Belongings { region: Some(&self.region), agent: Some(&self.agent_id), ..Belongings::default() }
    }
}

impl Device {
    /// What the phone with this key is called; `thumbprint` is that of its JWK (RFC 7638).
    #[must_use]
    pub fn id_of(operator: &OperatorName, thumbprint: &str) -> DeviceId {
        DeviceId::mint(Timestamp::EPOCH, &[operator.as_str().as_bytes(), thumbprint.as_bytes()])
    }

    /// Whether it may still be used.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status == DeviceStatus::Active
    }

    /// The phone, given up for lost; one that is lost already stays as it is.
    #[must_use]
    pub fn revoked(&self, at: Timestamp) -> Self {
        if !self.is_active() {
            return self.clone();
        }
        let version = self.version.saturating_add(1);
        Self { status: DeviceStatus::Revoked, revoked_at: Some(at), version, ..self.clone() }
    }
}
