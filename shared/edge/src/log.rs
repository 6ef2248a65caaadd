//! The log: one line of JSON a call or message, with ids and codes, never with what was sent.

use domain::{Failed, problem::Problem};
use store::Answer;
use tracing_subscriber::{EnvFilter, fmt};

/// Starts the log of this process.
pub(crate) fn start() {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("info,aws_config=warn,aws_smithy_runtime=warn"));
    let log = fmt().json().flatten_event(true).with_current_span(false).with_span_list(false).with_env_filter(filter);
    // A second start in one process, as in tests, keeps the first.
    drop(log.try_init());
}

/// Notes how a call ended.
pub(crate) fn call<T>(
    function: &str,
    request_id: &str,
    operator: &str,
    subject: &str,
    given: &Result<Answer<T>, Failed>,
) {
    match given {
        Ok(answer) => {
            let (status, replayed) = (answer.status, answer.replayed);
            tracing::info!(function, request_id, operator, subject, status, replayed, "answered");
        }
        Err(failed) => {
            let problem = Problem::of(failed, "", request_id);
            let (status, code) = (problem.status, problem.code.as_str());
            if status >= 500 {
                let cause = chain(failed);
                tracing::error!(function, request_id, operator, subject, status, code, cause, "failed");
            } else {
                tracing::info!(function, request_id, operator, subject, status, code, "refused");
            }
        }
    }
}

/// Notes how a message ended.
pub(crate) fn message(function: &str, message_id: &str, done: &Result<(), Failed>) {
    match done {
        Ok(()) => tracing::info!(function, message_id, "done"),
        Err(failed) => {
            let cause = chain(failed);
            tracing::error!(function, message_id, cause, "failed");
        }
    }
}

/// Notes what went wrong with one operator of a tick that goes on with the others.
pub(crate) fn operator(function: &str, operator: &str, failed: &Failed) {
    let cause = chain(failed);
    tracing::error!(function, operator, cause, "failed");
}

/// A failure and all that lies under it, outermost first.
pub(crate) fn chain(failed: &Failed) -> String {
    let mut said = failed.to_string();
    let mut cause = std::error::Error::source(failed);
    while let Some(under) = cause {
        said.push_str(": ");
        said.push_str(&under.to_string());
        cause = under.source();
    }
    said
}
