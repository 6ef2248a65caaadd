//! Processes that this tool started, and those that the emulator started for it: found and ended by id, never by name.

use std::{
    fs, io,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use crate::Failed;

/// How long to look again whether a process has ended.
const GLANCE: Duration = Duration::from_millis(100);
/// How many glances a process is given: the emulator takes two or three seconds.
const GLANCES: u32 = 150;

/// A process as `/proc` shows it, on systems that have one.
fn proc(pid: u32, file: &str) -> Option<String> {
    fs::read(format!("/proc/{pid}/{file}")).ok().map(|bytes| String::from_utf8_lossy(&bytes).replace('\0', "\n"))
}

fn ps(pid: u32) -> Option<String> {
    let asked = Command::new("ps").args(["-ww", "-o", "command=", "-p", &pid.to_string()]).output().ok()?;
    asked.status.success().then(|| String::from_utf8_lossy(&asked.stdout).into_owned())
}

/// Whether the process is there and is the emulator: an id may have passed to a stranger since it was written down.
#[must_use]
pub fn is_emulator(pid: u32) -> bool {
    let command = if fs::exists("/proc/self").unwrap_or(false) { proc(pid, "cmdline") } else { ps(pid) };
    command.is_some_and(|command| command.contains("ministack"))
}

fn signal(name: &str, pid: u32) -> Result<(), Failed> {
    let program = |source: io::Error| Failed::Program { program: "kill".to_owned(), source };
    Command::new("kill").args([name, &pid.to_string()]).stderr(Stdio::null()).status().map_err(program).map(|_| ())
}

/// Ends the emulator: asks, waits, and says so when it does not go.
///
/// # Errors
/// [`Failed::StillThere`] after a quarter of a minute.
pub fn end(pid: u32) -> Result<(), Failed> {
    let left_behind = children(pid);
    signal("-TERM", pid)?;
    for _ in 0..GLANCES {
        if !is_emulator(pid) {
            // Functions that were in the middle of a call when their emulator went.
            for child in left_behind {
                if proc(child, "environ").is_some_and(|environment| environment.contains("AWS_LAMBDA_RUNTIME_API=")) {
                    signal("-TERM", child)?;
                }
            }
            return Ok(());
        }
        thread::sleep(GLANCE);
    }
    Err(Failed::StillThere { pid })
}

/// The fourth field of `stat`, counted from behind the name, which may hold anything.
fn parent(pid: u32) -> Option<u32> {
    proc(pid, "stat")?.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn children(pid: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return vec![] };
    let ids = entries.flatten().filter_map(|entry| entry.file_name().to_string_lossy().parse().ok());
    ids.filter(|id| parent(*id) == Some(pid)).collect()
}

/// The processes of a function, as tests want them that kill one in the middle of its work. Linux only.
#[must_use]
pub fn of_function(emulator: u32, physical_name: &str) -> Vec<u32> {
    let line = format!("AWS_LAMBDA_FUNCTION_NAME={physical_name}");
    let runs_it = |pid: &u32| proc(*pid, "environ").is_some_and(|environment| environment.lines().any(|l| l == line));
    children(emulator).into_iter().filter(runs_it).collect()
}

/// How many processes the emulator runs functions in.
#[must_use]
pub fn running_functions(emulator: u32) -> usize {
    children(emulator).len()
}
