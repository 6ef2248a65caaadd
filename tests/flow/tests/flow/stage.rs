//! The stage: one stack of its own for all stories, ended whatever happens.

use std::{
    env,
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
};

use xtask::{
    seed::Seed,
    stack::{self, Stack, Up},
};

use crate::{
    api::{Api, Person},
    aws::{Aws, Log, Queue},
    line::Line,
};

/// The port of the stories' own emulator, unless told.
const PORT: u16 = 4666;
/// The operator that the stories take place at; the field day has the others to itself.
pub(crate) const OPERATOR: &str = "salesco";
/// An operator that the stories look over the fence from.
pub(crate) const NEIGHBOUR: &str = "vishi";
/// What everybody logs in with. Not the seed's own word, which is part of every resource's name.
pub(crate) const PASSWORD: &str = "nine-lives-of-a-ledger";

/// The stack and the doors to it.
pub(crate) struct Stage {
    pub(crate) stack: Stack,
    pub(crate) line: Line,
    pub(crate) api: Api,
    pub(crate) aws: Aws,
    pub(crate) log: Log,
    watch: Child,
}

impl Stage {
    /// Starts an emulator, deploys what is built, and seeds it.
    #[expect(clippy::disallowed_methods, reason = "which port is free, only the machine knows")]
    pub(crate) fn set() -> Self {
        let port = env::var("MILEPOST_FLOW_PORT").map_or(PORT, |port| port.parse().expect("a port is a number"));
        let line = Line::to(port);
        let up = Up { fresh: true, function_endpoint: Some(line.url()), ..Up::on(port) };
        let stack = stack::up(&up).unwrap_or_else(|failed| panic!("no stack to play on: {failed}"));
        let aws = Aws::of(&stack);
        let watch = watch_over(stack.pid.expect("the emulator is ours"));
        let stage = Self { line, api: Api::at(&stack.api_url), log: Log::of(&aws, &stack), aws, stack, watch };
        // From here on there is something to end: `drop` does.
        let seed = Seed { agents: 6, password: PASSWORD.to_owned(), ..Seed::on(port) };
        seed.plant().unwrap_or_else(|failed| panic!("nobody to play: {failed}"));
        stage
    }

    /// Somebody of an operator, just logged in.
    pub(crate) fn person(&self, login: &str, operator: &str) -> Person {
        self.api.sign_in(&format!("{login}@{operator}"), PASSWORD)
    }

    /// The queue of this logical name.
    pub(crate) fn queue(&self, name: &str) -> Queue {
        Queue::named(&self.aws, &self.stack, name)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Err(failed) = stack::down(self.stack.port) {
            eprintln!("the stack was not ended: {failed}");
        }
        drop(self.watch.kill());
        drop(self.watch.wait());
    }
}

/// Ends the emulator when these stories are interrupted or killed and cannot: then the pipe to the watch breaks. It has a
/// process group of its own, so that an interrupt does not reach it.
fn watch_over(emulator: u32) -> Child {
    Command::new("sh")
        .args(["-c", "cat; kill -TERM \"$0\"", &emulator.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("there is a shell")
}
