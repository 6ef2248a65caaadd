//! The stage: one stack of its own for all stories, ended whatever happens.

use std::{
    collections::BTreeMap,
    env,
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
};

use jiff::civil::Date;
use serde_json::{Value, json};
use xtask::{
    seed::Seed,
    stack::{self, Stack, Up},
};

use crate::{
    api::Api,
    aws::{Aws, Log, Queue},
    line::Line,
    patience::today,
    person::Person,
    phone::Phone,
    post::Post,
};

/// The port of the stories' own emulator, unless told.
const PORT: u16 = 4666;
/// The operator that the stories take place at; the field day has the others to itself.
pub(crate) const OPERATOR: &str = "salesco";
/// An operator that the stories look over the fence from.
pub(crate) const NEIGHBOUR: &str = "vishi";
/// What everybody logs in with but the agents. Not the seed's own word, which is part of every resource's name.
pub(crate) const PASSWORD: &str = "nine-lives-of-a-ledger";

/// The stack and the doors to it.
pub(crate) struct Stage {
    pub(crate) stack: Stack,
    pub(crate) line: Line,
    pub(crate) api: Api,
    pub(crate) aws: Aws,
    pub(crate) log: Log,
    pub(crate) post: Post,
    /// The business day that is closed: midnight may come between two stories.
    pub(crate) day: Date,
    /// Who is logged in, by what they typed. A number gets three codes in five minutes: the stories share its login.
    people: Mutex<BTreeMap<String, Person>>,
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
        let (api, log, post) = (Api::at(&stack.api_url), Log::of(&aws, &stack), Post::of(&stack));
        let day = today();
        let stage = Self { line, api, log, post, day, aws, stack, people: Mutex::default(), watch };
        // From here on there is something to end: `drop` does.
        let seed = Seed { agents: 6, password: PASSWORD.to_owned(), ..Seed::on(port) };
        seed.plant().unwrap_or_else(|failed| panic!("nobody to play: {failed}"));
        stage
    }

    /// Somebody of an operator who has a password.
    pub(crate) fn person(&self, login: &str, operator: &str) -> Person {
        let username = format!("{login}@{operator}");
        self.known(&username, || self.api.sign_in(&username, PASSWORD))
    }

    /// The first agent of a region.
    pub(crate) fn agent(&self, operator: &str, region: &str) -> Person {
        let username = self.numbers(operator, region).into_iter().next().expect("a region has agents");
        self.known(&username, || self.enrol(&username))
    }

    fn known(&self, username: &str, log_in: impl FnOnce() -> Person) -> Person {
        let mut people = self.people.lock().unwrap_or_else(PoisonError::into_inner);
        people.entry(username.to_owned()).or_insert_with(log_in).clone()
    }

    /// What the agents of a region type to log in, A to Z.
    pub(crate) fn numbers(&self, operator: &str, region: &str) -> Vec<String> {
        let everybody = self.person("admin", operator).list("/api/v1/users?limit=100");
        let here = |user: &Value| {
            user["role"] == "agent"
                && user["regions"].as_array().is_some_and(|regions| regions.contains(&json!(region)))
        };
        let logins = everybody.iter().filter(|user| here(user)).filter_map(|user| user["login"].as_str());
        let mut usernames: Vec<_> = logins.map(|login| format!("{login}@{operator}")).collect();
        usernames.sort();
        usernames
    }

    /// An agent who logs in on a new phone.
    #[track_caller]
    pub(crate) fn enrol(&self, username: &str) -> Person {
        let number = username.split('@').next().expect("a number");
        let seen = self.post.sms(number).len();
        let asked = self.api.ask_for_code(username).must_be(202);
        let (challenge, code) = (asked["challenge_id"].as_str().expect("an id"), self.post.code_after(number, seen));
        let phone = Arc::new(Phone::new());
        let granted = self.api.bring_code(username, challenge, &code, Some(&phone)).must_be(200);
        Person::of(&self.api, &granted, Some(phone))
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
