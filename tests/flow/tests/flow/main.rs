//! Stories of the deployed stack: the functions' own binaries behind the gateway, on an emulator that these stories start
//! and end themselves, with a line between functions and AWS that fails when a story wants it to.
//!
//! One test tells them all, one after the other, because they share the stack: a stack a story would take minutes.
//! `MILEPOST_STORIES=killed,redelivered` tells only those whose names have one of these words;
//! `MILEPOST_FLOW_PORT` moves the emulator.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a story that cannot go on has failed, and every story says how it ended"
)]

mod api;
mod aws;
mod line;
mod message;
mod newcomer;
mod patience;
mod person;
mod phone;
mod post;
mod process;
mod stage;
mod stories;
mod visits;

use std::{
    env,
    panic::{AssertUnwindSafe, catch_unwind},
};

use stage::Stage;

#[test]
#[expect(clippy::disallowed_methods, reason = "who runs the stories chooses among them")]
fn the_stories_of_the_deployed_stack() {
    let chosen = env::var("MILEPOST_STORIES").unwrap_or_default();
    let is_chosen = |name: &str| chosen.is_empty() || chosen.split(',').any(|word| name.contains(word));
    let stage = Stage::set();
    let (mut passed, mut failed) = (0, vec![]);
    for (name, story) in stories::ALL.iter().filter(|(name, _)| is_chosen(name)) {
        let stopwatch = patience::stopwatch();
        let told = catch_unwind(AssertUnwindSafe(|| story(&stage)));
        let seconds = stopwatch.elapsed().as_secs_f32();
        if told.is_ok() {
            passed += 1;
            println!("story {name} ... ok, {seconds:.1} s");
        } else {
            println!("story {name} ... FAILED, {seconds:.1} s");
            failed.push(*name);
        }
    }
    drop(stage);
    println!("{passed} passed, {} failed", failed.len());
    assert!(failed.is_empty(), "failed: {}", failed.join("; "));
}
