//! The repository checks itself: each rule of the house that a file can break is a test with the rule for its name.
//!
//! A failure names the file and what to do about it. Nothing is built, started or called.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a check that cannot read the repository has failed"
)]

mod documents;
mod events;
mod failures;
mod functions;
mod keys;
mod layers;
mod permissions;
mod repository;
mod source;
mod template;
mod words;

/// Fails with everything that was found, one finding a line.
#[track_caller]
fn nothing(findings: &[String]) {
    assert!(findings.is_empty(), "\n  {}\n", findings.join("\n  "));
}
