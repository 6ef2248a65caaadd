//! The line between the functions and AWS: it passes everything on, and fails where a story has armed it.

use std::{
    io::{self, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use crate::{message::Message, patience, process};

/// What becomes of a request that a story waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nothing; the story only listens.
    Pass,
    /// The line is dead: the request goes nowhere.
    Cut,
    /// AWS does what it is asked, and the line dies before the function hears so.
    Unheard,
    /// The same, once: the next try is heard.
    UnheardOnce,
    /// The function is killed when it has sent its request, which goes nowhere.
    KilledBefore,
    /// AWS does what it is asked, and the function is killed before it hears so.
    KilledAfter,
}

impl Fate {
    fn reaches_aws(self) -> bool {
        match self {
            Self::Pass | Self::Unheard | Self::UnheardOnce | Self::KilledAfter => true,
            Self::Cut | Self::KilledBefore => false,
        }
    }

    fn kills(self) -> bool {
        match self {
            Self::KilledBefore | Self::KilledAfter => true,
            Self::Pass | Self::Cut | Self::Unheard | Self::UnheardOnce => false,
        }
    }

    fn strikes_once(self) -> bool {
        self.kills() || self == Self::UnheardOnce
    }
}

/// A request that met its fate.
#[derive(Debug)]
pub(crate) struct Met {
    /// What the function asked of AWS.
    pub(crate) request: String,
    /// What AWS answered, if it was asked.
    pub(crate) status: Option<u16>,
    /// The process that was killed for it.
    pub(crate) killed: Option<process::Function>,
}

struct Trap {
    number: u64,
    operation: &'static str,
    texts: Vec<String>,
    fate: Fate,
    told: Sender<Met>,
}

/// The line, for as long as there is a stack.
#[derive(Clone)]
pub(crate) struct Line {
    here: SocketAddr,
    traps: Arc<Mutex<Vec<Trap>>>,
}

/// A trap on the line; dropped, it is gone.
pub(crate) struct Armed<'a> {
    line: &'a Line,
    number: u64,
    heard: Receiver<Met>,
}

impl Line {
    /// A line to the emulator on a port, which need not be up yet.
    pub(crate) fn to(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("there is a free port");
        let here = listener.local_addr().expect("a bound listener has an address");
        let line = Self { here, traps: Arc::default() };
        let serving = line.clone();
        thread::spawn(move || {
            for function in listener.incoming().map_while(Result::ok) {
                let line = serving.clone();
                // A broken connection is the function's to notice.
                thread::spawn(move || line.carry(&function, SocketAddr::from(([127, 0, 0, 1], port))));
            }
        });
        line
    }

    /// What functions must take for AWS.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.here)
    }

    /// Waits for requests of an operation with all these texts in their body; what becomes of them is settled by
    /// their fate, as long as the trap is held.
    pub(crate) fn arm(&self, fate: Fate, operation: &'static str, texts: &[&str]) -> Armed<'_> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let (told, heard) = channel();
        let texts = texts.iter().map(|text| (*text).to_owned()).collect();
        self.traps().push(Trap { number, operation, texts, fate, told });
        Armed { line: self, number, heard }
    }

    fn traps(&self) -> std::sync::MutexGuard<'_, Vec<Trap>> {
        self.traps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The fate of a request, and who wants to know of it.
    fn fate(&self, request: &Message) -> (Fate, Option<Sender<Met>>) {
        let (operation, body) = (request.operation(), request.body());
        let mut traps = self.traps();
        let hit = |trap: &Trap| trap.operation == operation && trap.texts.iter().all(|text| body.contains(text));
        let Some(at) = traps.iter().position(hit) else { return (Fate::Pass, None) };
        let (fate, told) = (traps[at].fate, traps[at].told.clone());
        if fate.strikes_once() {
            traps.remove(at);
        }
        (fate, Some(told))
    }

    fn carry(&self, function: &TcpStream, emulator: SocketAddr) -> io::Result<()> {
        function.set_nodelay(true)?;
        let mut asked = BufReader::new(function);
        while let Some(request) = Message::request(&mut asked)? {
            let (fate, told) = self.fate(&request);
            let answer = if fate.reaches_aws() { Some(passed_on(&request, emulator)?) } else { None };
            let killed = if fate.kills() { Some(process::kill(function.peer_addr()?, self.here)) } else { None };
            if let (Fate::Pass, Some(answer)) = (fate, &answer) {
                let mut function = function;
                function.write_all(&answer.bytes)?;
            }
            if let Some(told) = told {
                let status = answer.map(|answer| answer.status());
                drop(told.send(Met { request: request.body(), status, killed }));
            }
            if fate != Fate::Pass {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// A connection of its own for each request: none is idle so long that the emulator closes it.
fn passed_on(request: &Message, emulator: SocketAddr) -> io::Result<Message> {
    let mut aws = TcpStream::connect(emulator)?;
    aws.set_nodelay(true)?;
    aws.write_all(&request.bytes)?;
    Message::answer(&mut BufReader::new(aws), request)
}

impl Armed<'_> {
    /// The next request that met its fate.
    #[track_caller]
    pub(crate) fn met(&self) -> Met {
        self.heard.recv_timeout(patience::patience()).expect("a request that the story waits for was never made")
    }
}

impl Drop for Armed<'_> {
    fn drop(&mut self) {
        self.line.traps().retain(|trap| trap.number != self.number);
    }
}
