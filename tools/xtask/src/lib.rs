//! What `cargo xtask` does, as a library: the flow tests start and end their own stacks with it.

use std::{
    io,
    path::{Path, PathBuf},
};

pub mod binaries;
pub mod function;
pub mod operator;
pub mod process;
pub mod release;
pub mod seed;
pub mod stack;
mod step;

/// Why a verb did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// Something on disk is not as expected.
    #[error("{}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A program could not be started.
    #[error("{program} does not start: {source}")]
    Program {
        /// Which program.
        program: String,
        /// What the system says.
        source: io::Error,
    },
    /// A program ran and failed.
    #[error("{program} failed: {words}")]
    Refused {
        /// Which program.
        program: String,
        /// What it said last.
        words: String,
    },
    /// `stack.json` or a program's answer is not the JSON it should be.
    #[error("{what} is not what it should be: {source}")]
    Json {
        /// Which document.
        what: String,
        /// Where it goes wrong.
        source: serde_json::Error,
    },
    /// The Python environment is not there.
    #[error(".venv has no {program}: run `make venv`")]
    NoVenv {
        /// What was looked for.
        program: &'static str,
    },
    /// A function has no binary.
    #[error("{} is missing: run `make build`", path.display())]
    NotBuilt {
        /// Where it should be.
        path: PathBuf,
    },
    /// Somebody else listens on the port.
    #[error("port {port} is in use by something that `cargo xtask up` did not start; choose another with --port")]
    PortTaken {
        /// Which port.
        port: u16,
    },
    /// There is no stack on the port.
    #[error("no stack on port {port}: run `cargo xtask up --port {port}`")]
    NoStack {
        /// Which port.
        port: u16,
    },
    /// The emulator was started and never answered.
    #[error("the emulator does not answer; its last words, from {}:\n{words}", log.display())]
    Silent {
        /// Where it writes.
        log: PathBuf,
        /// What it wrote last.
        words: String,
    },
    /// The emulator did not end when asked to.
    #[error("process {pid} is still there after the signal to end")]
    StillThere {
        /// Which process.
        pid: u32,
    },
    /// A function's name breaks the rule.
    #[error("`{name}` is not `<subject>-<verb>` in lower-case letters")]
    BadName {
        /// The name.
        name: String,
    },
    /// There is such a function already.
    #[error("{} is there already", path.display())]
    Exists {
        /// Its folder.
        path: PathBuf,
    },
    /// The stack was there, but not everything could be written into it.
    #[error("not seeded: {0}")]
    NotSeeded(#[source] Box<domain::Failed>),
    /// The release is not fit to be deployed.
    #[error("not fit for release:\n  {}", findings.join("\n  "))]
    Unfit {
        /// What is wrong with it.
        findings: Vec<String>,
    },
}

/// The repository.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// The names of all functions, A to Z: the folders under `functions/`.
///
/// # Errors
/// [`Failed::File`] when the folder cannot be read.
pub fn functions() -> Result<Vec<String>, Failed> {
    let folder = root().join("functions");
    let file = |source| Failed::File { path: folder.clone(), source };
    let mut names = vec![];
    for entry in folder.read_dir().map_err(file)? {
        let entry = entry.map_err(file)?;
        if entry.path().join("Cargo.toml").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}
