//! Stacks on this machine: an emulator and what is deployed on it, one a port, each described by its `stack.json`.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    net::TcpListener,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::{Failed, binaries, process, root, step::Step};

/// The port that AWS emulators use.
pub const PORT: u16 = 4566;
/// Where Milepost runs; samconfig.toml says the same.
const REGION: &str = "ap-south-1";
/// How long to look again whether the emulator answers.
const GLANCE: Duration = Duration::from_millis(100);
/// How many glances it is given: it is up in one or two seconds, on a busy machine in ten.
const GLANCES: u32 = 300;
/// How much of a log is worth showing.
const LAST_WORDS: usize = 2000;

/// What `up` may be told.
#[derive(Debug, Clone, Args)]
pub struct Up {
    /// Port of the emulator; each port is a stack of its own.
    #[arg(long, default_value_t = PORT)]
    pub port: u16,
    /// End what runs on the port first, and begin with empty tables.
    #[arg(long)]
    pub fresh: bool,
    /// What functions take for AWS: a fault proxy, say, which passes on to the emulator. The emulator itself unless told.
    #[arg(long, value_name = "URL")]
    pub function_endpoint: Option<String>,
    /// Let every function do everything. Signatures and role policies are enforced unless told.
    #[arg(long)]
    pub no_auth: bool,
    /// Deploy what lies in target/lambda, as `make release` leaves it, instead of the debug build.
    #[arg(long)]
    pub as_staged: bool,
}

impl Up {
    /// A stack on the port, with everything as it is unless told.
    #[must_use]
    pub fn on(port: u16) -> Self {
        Self { port, fresh: false, function_endpoint: None, no_auth: false, as_staged: false }
    }
}

/// What `deploy` may be told.
#[derive(Debug, Clone, Args)]
pub struct Deploy {
    /// Port of the emulator.
    #[arg(long, default_value_t = PORT)]
    pub port: u16,
    /// Only the code of this function.
    #[arg(long, value_name = "NAME")]
    pub function: Option<String>,
    /// Deploy what lies in target/lambda, as `make release` leaves it, instead of the debug build.
    #[arg(long)]
    pub as_staged: bool,
}

/// What `stack.json` says: where a stack is and what its parts are called.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stack {
    /// Port of the emulator.
    pub port: u16,
    /// Process of the emulator; none when it is not ours, as with LocalStack.
    pub pid: Option<u32>,
    /// What AWS clients take for AWS.
    pub emulator_url: String,
    /// What functions take for AWS.
    pub function_endpoint: String,
    /// Whether signatures and role policies are enforced.
    pub auth: bool,
    /// Region of everything; the keys are `test` and `test`.
    pub region: String,
    /// Base of all routes: `{api_url}/api/v1/…`.
    pub api_url: String,
    /// Id of the gateway, for clients that change its stage.
    pub api_id: String,
    /// Name of the gateway's stage.
    pub stage: String,
    /// Table of aggregates and commits.
    pub records_table: String,
    /// Table of entries.
    pub ledger_table: String,
    /// Table of location batches.
    pub tracks_table: String,
    /// Bucket of settlement files and exports.
    pub files_bucket: String,
    /// Id of the secret with the signing key.
    pub signing_secret: String,
    /// URLs by logical name: `ActivityQueue`, `ActivityDeadLetters`, `EventRelayPoison`, …
    pub queues: BTreeMap<String, String>,
    /// Physical names by folder name.
    pub functions: BTreeMap<String, String>,
}

/// The parts that `infra/deploy.py` answers.
#[derive(Deserialize)]
struct Deployed {
    api_url: String,
    api_id: String,
    stage: String,
    records_table: String,
    ledger_table: String,
    tracks_table: String,
    files_bucket: String,
    signing_secret: String,
    queues: BTreeMap<String, String>,
    functions: BTreeMap<String, String>,
}

/// What is known of an emulator before anything is deployed on it.
struct Ground {
    port: u16,
    pid: Option<u32>,
    function_endpoint: String,
    auth: bool,
}

impl Stack {
    /// The stack on a port.
    ///
    /// # Errors
    /// [`Failed::NoStack`] when there is none.
    pub fn read(port: u16) -> Result<Self, Failed> {
        let path = file(port);
        let Ok(text) = fs::read_to_string(&path) else { return Err(Failed::NoStack { port }) };
        serde_json::from_str(&text).map_err(|source| Failed::Json { what: path.display().to_string(), source })
    }

    /// Whether its emulator runs.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.pid.is_none_or(process::is_emulator)
    }

    fn write(self) -> Result<Self, Failed> {
        let path = file(self.port);
        let text = serde_json::to_string_pretty(&self)
            .map_err(|source| Failed::Json { what: path.display().to_string(), source })?;
        fs::create_dir_all(folder(self.port)).map_err(|source| Failed::File { path: path.clone(), source })?;
        fs::write(&path, text).map_err(|source| Failed::File { path, source })?;
        Ok(self)
    }
}

fn folder(port: u16) -> PathBuf {
    root().join(".local").join(port.to_string())
}

/// Where the stack on a port is described.
#[must_use]
pub fn file(port: u16) -> PathBuf {
    folder(port).join("stack.json")
}

fn log(port: u16) -> PathBuf {
    folder(port).join("emulator.log")
}

fn emulator_url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

fn in_venv(program: &'static str) -> Result<PathBuf, Failed> {
    let path = root().join(".venv/bin").join(program);
    if path.is_file() { Ok(path) } else { Err(Failed::NoVenv { program }) }
}

fn last_words(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let skipped = text.len().saturating_sub(LAST_WORDS);
    text.chars().skip(skipped).collect()
}

/// Starts the emulator. It gets an environment of its own: what it has, every function has.
fn start(up: &Up) -> Result<Child, Failed> {
    let port = up.port;
    if TcpListener::bind(("127.0.0.1", port)).is_err() {
        return Err(Failed::PortTaken { port });
    }
    let home = folder(port);
    let at = |path: &Path| {
        let path = path.to_path_buf();
        move |source| Failed::File { path, source }
    };
    if home.exists() {
        fs::remove_dir_all(&home).map_err(at(&home))?;
    }
    let (tmp, state, files) = (home.join("tmp"), home.join("state"), home.join("s3"));
    for made in [&tmp, &state, &files] {
        fs::create_dir_all(made).map_err(at(made))?;
    }
    let log = log(port);
    let out = File::create(&log).map_err(at(&log))?;
    let err = out.try_clone().map_err(at(&log))?;
    let program = in_venv("ministack")?;
    let endpoint = up.function_endpoint.clone().unwrap_or_else(|| emulator_url(port));
    Command::new(&program)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", &home)
        .env("TMPDIR", &tmp)
        .env("STATE_DIR", &state)
        .env("S3_DATA_DIR", &files)
        .env("GATEWAY_PORT", port.to_string())
        .env("BIND_HOST", "127.0.0.1")
        .envs(["MINISTACK_REGION", "AWS_REGION", "AWS_DEFAULT_REGION"].map(|name| (name, REGION)))
        .envs(["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].map(|name| (name, "test")))
        // Without it functions would call the real AWS.
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AUTH", if up.no_auth { "false" } else { "true" })
        .env("LAMBDA_EXECUTOR", "local")
        // Else it opens a port of its own on all addresses.
        .env("IOT_MTLS_ENABLED", "0")
        .env("SFTP_ENABLED", "0")
        .env("LOG_LEVEL", "WARNING")
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        // Interrupting `make run` ends the day, not the stack.
        .process_group(0)
        .spawn()
        .map_err(|source| Failed::Program { program: program.display().to_string(), source })
}

fn wait_until_it_answers(emulator: &mut Child, port: u16) -> Result<(), Failed> {
    let url = format!("{}/_ministack/health", emulator_url(port));
    for _ in 0..GLANCES {
        if ureq::get(&url).call().is_ok() {
            return Ok(());
        }
        if emulator.try_wait().is_ok_and(|ended| ended.is_some()) {
            break;
        }
        thread::sleep(GLANCE);
    }
    let log = log(port);
    Err(Failed::Silent { words: last_words(&log), log })
}

/// Runs `infra/deploy.py`, shows its progress, and gives what it answers.
fn run_deploy(step: &Step, port: u16, only: Option<&str>) -> Result<String, Failed> {
    let program = in_venv("python")?;
    let named = || "infra/deploy.py".to_owned();
    let failed = |source| Failed::Program { program: named(), source };
    let mut command = Command::new(program);
    command.arg(root().join("infra/deploy.py")).args(["--endpoint", &emulator_url(port)]);
    if let Some(name) = only {
        command.args(["--function", name]);
    }
    let mut deploy = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(failed)?;
    let mut words = String::new();
    if let Some(progress) = deploy.stderr.take() {
        for line in BufReader::new(progress).lines().map_while(Result::ok) {
            step.say(&line);
            words = line;
        }
    }
    let mut answer = String::new();
    if let Some(mut out) = deploy.stdout.take() {
        out.read_to_string(&mut answer).map_err(failed)?;
    }
    if deploy.wait().map_err(failed)?.success() { Ok(answer) } else { Err(Failed::Refused { program: named(), words }) }
}

fn deploy_all(ground: Ground) -> Result<Stack, Failed> {
    let step = Step::begin("deploying", 0);
    let answer = run_deploy(&step, ground.port, None)?;
    let made: Deployed = serde_json::from_str(&answer)
        .map_err(|source| Failed::Json { what: "the answer of infra/deploy.py".to_owned(), source })?;
    Stack {
        port: ground.port,
        pid: ground.pid,
        emulator_url: emulator_url(ground.port),
        function_endpoint: ground.function_endpoint,
        auth: ground.auth,
        region: REGION.to_owned(),
        api_url: made.api_url,
        api_id: made.api_id,
        stage: made.stage,
        records_table: made.records_table,
        ledger_table: made.ledger_table,
        tracks_table: made.tracks_table,
        files_bucket: made.files_bucket,
        signing_secret: made.signing_secret,
        queues: made.queues,
        functions: made.functions,
    }
    .write()
}

/// Starts an emulator, or takes the one that is up, and brings both stacks to the templates.
///
/// # Errors
/// [`Failed::Silent`] when the emulator does not come up, [`Failed::Refused`] when a stack does not.
pub fn up(up: &Up) -> Result<Stack, Failed> {
    if !up.as_staged {
        binaries::stage(None)?;
    }
    let running = Stack::read(up.port).ok().filter(Stack::is_up);
    match running {
        Some(stack) if !up.fresh => deploy_all(Ground {
            port: stack.port,
            pid: stack.pid,
            function_endpoint: stack.function_endpoint,
            auth: stack.auth,
        }),
        running => {
            if let Some(pid) = running.and_then(|stack| stack.pid) {
                process::end(pid)?;
            }
            let mut emulator = {
                let _step = Step::begin("starting the emulator", 0);
                let mut emulator = start(up)?;
                if let Err(silent) = wait_until_it_answers(&mut emulator, up.port) {
                    drop(emulator.kill());
                    drop(emulator.wait());
                    return Err(silent);
                }
                emulator
            };
            let function_endpoint = up.function_endpoint.clone().unwrap_or_else(|| emulator_url(up.port));
            let ground = Ground { port: up.port, pid: Some(emulator.id()), function_endpoint, auth: !up.no_auth };
            let deployed = deploy_all(ground);
            if deployed.is_err() {
                // Nothing half-made is left on the port.
                drop(process::end(emulator.id()));
                drop(emulator.wait());
            }
            deployed
        }
    }
}

/// Deploys again on what runs on the port, and says what.
///
/// # Errors
/// [`Failed::Refused`] when a stack does not come up.
pub fn deploy(deploy: &Deploy) -> Result<String, Failed> {
    let port = deploy.port;
    if !deploy.as_staged {
        binaries::stage(deploy.function.as_deref())?;
    }
    if let Some(name) = &deploy.function {
        Stack::read(port)?;
        run_deploy(&Step::begin(name, 0), port, Some(name))?;
        return Ok(name.clone());
    }
    // An emulator without a description is somebody else's, as with infra/compose.yml.
    let ground = Stack::read(port).map_or_else(
        |_| Ground { port, pid: None, function_endpoint: emulator_url(port), auth: true },
        |stack| Ground { port, pid: stack.pid, function_endpoint: stack.function_endpoint, auth: stack.auth },
    );
    deploy_all(ground).map(|stack| stack.api_url)
}

/// Ends the emulator on a port; its process, for the record.
///
/// # Errors
/// [`Failed::NoStack`] when there is none of ours.
pub fn down(port: u16) -> Result<u32, Failed> {
    let stack = Stack::read(port)?;
    let pid = stack.pid.ok_or(Failed::NoStack { port })?;
    if process::is_emulator(pid) {
        let _step = Step::begin("ending the emulator", 0);
        process::end(pid)?;
    }
    // The log stays; the unpacked functions are 25 MB each.
    for left in ["tmp", "state", "s3"] {
        drop(fs::remove_dir_all(folder(port).join(left)));
    }
    let path = file(port);
    fs::remove_file(&path).map_err(|source| Failed::File { path, source })?;
    Ok(pid)
}

/// A line for every stack on this machine.
///
/// # Errors
/// [`Failed::Json`] when a description cannot be read.
pub fn status() -> Result<Vec<String>, Failed> {
    let ports = fs::read_dir(root().join(".local")).into_iter().flatten().flatten();
    let mut ports: Vec<u16> = ports.filter_map(|entry| entry.file_name().to_string_lossy().parse().ok()).collect();
    ports.sort_unstable();
    let mut lines = vec![];
    for port in ports.into_iter().filter(|port| file(*port).is_file()) {
        let stack = Stack::read(port)?;
        lines.push(match stack.pid {
            Some(pid) if stack.is_up() => {
                let functions = process::running_functions(pid);
                format!("{port}  up    process {pid}, {functions} function processes  {}", stack.api_url)
            }
            Some(pid) => format!("{port}  gone  process {pid} has ended without `cargo xtask down`"),
            None => format!("{port}  not ours  {}", stack.api_url),
        });
    }
    if lines.is_empty() {
        lines.push("no stacks: `make run` starts one".to_owned());
    }
    Ok(lines)
}
