//! A call: what came in, decoded and checked, with who asks and when.

use std::{collections::BTreeMap, str::FromStr};

use domain::{Caller, Command, Failed, Timestamp};
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::PageRequest;
use utoipa::ToSchema;

/// A call to a route that needs a caller. `P` are the path's parameters, `B` is the body, `Q` the query.
#[derive(Debug, Clone)]
pub struct Call<P = Nothing, B = Nothing, Q = Nothing> {
    /// Who asks.
    pub caller: Caller,
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
}

impl<P, B, Q> Call<P, B, Q> {
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
