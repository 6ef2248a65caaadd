//! Instructions of the rules that run on every call or over many lines: one module a subject, with the inputs it is given.
//!
//! What a benchmark is given is made before its count begins, and outlives it, so that neither making nor freeing it is
//! counted. Inputs are the same on every run and every machine.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark without its input has failed")]

mod delivery;
mod dice;
mod matching;
mod seal;
mod settlement_file;
mod statement;
mod track;

use domain::Timestamp;
use gungraun::{Callgrind, EventKind, LibraryBenchmarkConfig, main};

use crate::{
    delivery::deliveries, matching::matches, seal::seals, settlement_file::settlement_files, statement::statements,
    track::tracks,
};

/// The moment at which everything takes place: 2026-11-21T06:30:00Z, noon in India.
fn now() -> Timestamp {
    Timestamp::from_millis(1_795_242_600_000)
}

/// What outlives the count.
fn kept<T>(input: T) -> &'static T {
    Box::leak(Box::new(input))
}

main!(
    // Instructions alone: what a cache of this machine does says nothing about Lambda's.
    config = LibraryBenchmarkConfig::default()
        .tool(Callgrind::with_args(["--cache-sim=no"]).format([EventKind::Ir]));
    library_benchmark_groups = tracks, deliveries, statements, matches, settlement_files, seals
);
