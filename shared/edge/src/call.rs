//! A call: what came in, decoded and checked, with who asks and when.

use std::{collections::BTreeMap, str::FromStr};

use domain::{Command, Failed, Route, Timestamp};
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::PageRequest;
use utoipa::ToSchema;

/// A call to a route that needs a caller. `C` is who may call, `P` are the path's parameters, `B` is the body, `Q` the
/// query.
#[derive(Debug, Clone)]
pub struct Call<C, P = Nothing, B = Nothing, Q = Nothing> {
    /// Who asks.
    pub caller: C,
    /// The path's parameters.
    pub path: P,
    /// The body.
    pub body: B,
    /// The query.
    pub query: Q,
    /// Which page is asked for, on lists.
    pub page: PageRequest,
    /// When the gateway received it.
    pub at: Timestamp,
    pub(crate) command: Command,
    pub(crate) if_match: Option<u64>,
}

impl<C, P, B, Q> Call<C, P, B, Q> {
    /// Passes when the edit names the version that is there.
    ///
    /// # Errors
    /// [`Failed::VersionPassed`] when it is another one.
    pub fn must_match(&self, version: u64) -> Result<(), Failed> {
        if self.if_match == Some(version) { Ok(()) } else { Err(Failed::VersionPassed) }
    }

    /// What is asked, as a command under its idempotency key.
    #[must_use]
    pub fn command(&self) -> &Command {
        &self.command
    }
}

/// A call to a route that is open to all.
#[derive(Debug, Clone)]
pub struct OpenCall<B> {
    /// The body.
    pub body: B,
    /// When the gateway received it.
    pub at: Timestamp,
    /// The gateway's id of the request, unique.
    pub request_id: String,
    /// The address that it comes from.
    pub address: String,
    pub(crate) route: &'static Route,
    /// The `Authorization` header: a program's id and secret.
    pub(crate) authorization: Option<String>,
    /// The `DPoP` header: a phone's proof.
    pub(crate) proof: Option<String>,
}

/// No parameters, no body, no query: anything that comes instead is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// The one parameter that a path has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path<T> {
    /// Its value.
    pub id: T,
}

/// What is read from a path.
pub trait Parameters: Sized {
    /// Reads the parameters by the names they have in the route's template.
    ///
    /// # Errors
    /// [`Failed::Unknown`]: a path whose parameter cannot be an id leads nowhere.
    fn read(parameters: &BTreeMap<String, String>) -> Result<Self, Failed>;
}

impl Parameters for Nothing {
    fn read(_: &BTreeMap<String, String>) -> Result<Self, Failed> {
        Ok(Self {})
    }
}

impl<T: FromStr> Parameters for Path<T> {
    fn read(parameters: &BTreeMap<String, String>) -> Result<Self, Failed> {
        let id = parameters.values().next().and_then(|value| value.parse().ok());
        Ok(Self { id: id.ok_or(Failed::Unknown)? })
    }
}
