//! The doors: the only crate that names Lambda and HTTP.
//!
//! [`http::serve`] turns one call into one answer, [`queue::consume`] works off messages one at a time,
//! [`stream::follow`] follows a table, [`schedule::tick`] runs what is due. Everything that cuts across functions lives
//! here once: authentication, decoding, validation, problem documents, logs, metrics.

pub mod authorizer;
mod body;
pub mod call;
pub mod credentials;
mod env;
pub mod http;
pub mod keys;
mod log;
pub mod metric;
pub mod proof;
mod query;
pub mod queue;
pub mod requests;
pub mod schedule;
pub mod seals;
pub mod stream;
pub mod token;

pub use authorizer::Authorizer;
pub use call::{Call, Nothing, OpenCall, Path};
pub use env::{Env, Fatal};
pub use store::{Answer, Page};
