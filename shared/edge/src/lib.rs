//! The doors: the only crate that names Lambda and HTTP.
//!
//! [`http::serve`] turns one call into one answer, [`queue::consume`] works off messages one at a time,
//! [`stream::follow`] follows a table, [`schedule::tick`] runs what is due. Everything that cuts across functions lives
//! here once: authentication, decoding, validation, problem documents, logs, metrics.

mod body;
pub mod call;
pub mod credentials;
mod env;
pub mod http;
mod log;
pub mod metric;
mod query;
pub mod queue;
pub mod schedule;
pub mod stream;
pub mod token;

pub use call::{Call, Nothing, OpenCall, Path};
pub use env::{Env, Fatal};
pub use store::{Answer, Page};
