//! Processes of functions, found by the connection they hold: to kill exactly the one that is in the middle of a call.

use std::{fs, net::SocketAddr, process::Command};

use crate::patience::until;

/// A function's process that was killed.
#[derive(Debug, Clone)]
pub(crate) struct Function {
    /// Its id, while it lived.
    pub(crate) pid: u32,
    /// The physical name of its function.
    pub(crate) name: String,
}

/// Kills the function that holds the connection from one address to another, as `kill -9` does, and waits until it is
/// dead. Nothing is killed that is no function.
pub(crate) fn kill(from: SocketAddr, to: SocketAddr) -> Function {
    let pid = holder(&socket(from, to));
    let name = environment(pid, "AWS_LAMBDA_FUNCTION_NAME").expect("only functions hold connections to this line");
    let sent = Command::new("kill").args(["-KILL", &pid.to_string()]).status().expect("there is a `kill`");
    assert!(sent.success(), "process {pid} of {name} could not be killed");
    until("a killed process is dead", || (!is_alive(pid)).then_some(()));
    Function { pid, name }
}

/// Whether a process runs; one that is dead and not yet buried does not.
pub(crate) fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with(['Z', 'X']))
}

/// A variable of a process's environment.
pub(crate) fn environment(pid: u32, name: &str) -> Option<String> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let environment = String::from_utf8_lossy(&environment);
    environment.split('\0').find_map(|line| line.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
}

/// The kernel's number of the near end of a connection.
fn socket(from: SocketAddr, to: SocketAddr) -> String {
    let (from, to) = (in_proc(from), in_proc(to));
    let connections = fs::read_to_string("/proc/net/tcp").expect("this is Linux");
    let columns = connections.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let ours = columns.into_iter().find(|columns| columns.get(1..3) == Some(&[from.as_str(), to.as_str()]));
    ours.map(|columns| columns[9].to_owned()).expect("the connection is open")
}

/// `127.0.0.1:80` as the kernel writes it.
fn in_proc(address: SocketAddr) -> String {
    let SocketAddr::V4(address) = address else { panic!("{address} is not of version 4") };
    format!("{:08X}:{:04X}", u32::from_le_bytes(address.ip().octets()), address.port())
}

/// The process that holds a socket.
fn holder(socket: &str) -> u32 {
    let wanted = format!("socket:[{socket}]");
    let holds_it = |pid: &u32| {
        let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        files.into_iter().any(|file| fs::read_link(file.path()).is_ok_and(|to| to.as_os_str() == wanted.as_str()))
    };
    let processes = fs::read_dir("/proc").expect("this is Linux").flatten();
    let mut pids = processes.filter_map(|entry| entry.file_name().to_string_lossy().parse().ok());
    pids.find(holds_it).expect("somebody holds the connection")
}
