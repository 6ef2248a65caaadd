//! A server of a few lines that answers as a test tells it to, so that the client is tested over real sockets.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use crate::findings::hold;

/// What came in.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let named = |line: &&str| line.to_lowercase().starts_with(&format!("{name}:"));
        self.head.lines().find(named)?.split_once(':').map(|(_, value)| value.trim())
    }
}

/// What goes out.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(&'static str, &'static str)>,
    body: String,
    hang_up: bool,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &str) -> Self {
        Self { status, headers: vec![("Content-Type", "application/json")], body: body.to_owned(), hang_up: false }
    }

    pub(crate) fn problem(status: u16, code: &str) -> Self {
        let body = format!(
            r#"{{"type":"t","title":"t","status":{status},"detail":"d","instance":"/i","code":"{code}","retryable":true,"request_id":"r"}}"#
        );
        Self { headers: vec![("Content-Type", "application/problem+json")], ..Self::json(status, &body) }
    }

    pub(crate) fn hang_up() -> Self {
        Self { hang_up: true, ..Self::json(0, "") }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// The server; its threads end with the test's process.
pub(crate) struct Double {
    at: SocketAddr,
}

impl Double {
    /// Answers each whole request by what the test says to its number, counted from 0.
    pub(crate) fn answering(reply: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let (reply, count) = (Arc::new(reply), Arc::new(AtomicUsize::new(0)));
        thread::spawn(move || {
            for line in listener.incoming().flatten() {
                let (reply, count) = (reply.clone(), count.clone());
                thread::spawn(move || serve(line, &*reply, &count));
            }
        });
        Self { at }
    }

    /// Carries out each command once, keeps its answer under its key, and counts what it carried out.
    pub(crate) fn keeping(effects: Arc<AtomicUsize>) -> Self {
        let kept: Mutex<HashMap<String, Reply>> = Mutex::default();
        Self::answering(move |request, _| {
            let key = request.header("idempotency-key").unwrap_or_default().to_owned();
            let mut kept = hold(&kept);
            if let Some(first) = kept.get(&key) {
                return first.clone().header("Idempotent-Replayed", "true");
            }
            let number = effects.fetch_add(1, Ordering::SeqCst);
            let first = Reply::json(201, &format!(r#"{{"number":{number}}}"#));
            kept.insert(key, first.clone());
            first
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/stage", self.at)
    }
}

fn serve(line: TcpStream, reply: &dyn Fn(&Request, usize) -> Reply, count: &AtomicUsize) {
    let Ok(mut out) = line.try_clone() else { return };
    let mut lines = BufReader::new(line);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if lines.read_line(&mut head).unwrap_or_default() == 0 {
                return;
            }
        }
        let mut request = Request { head, body: Vec::new() };
        let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or_default();
        request.body.resize(length, 0);
        if lines.read_exact(&mut request.body).is_err() {
            return;
        }
        let reply = reply(&request, count.fetch_add(1, Ordering::SeqCst));
        if reply.hang_up {
            let _ = out.shutdown(Shutdown::Both);
            return;
        }
        let mut text =
            format!("HTTP/1.1 {} Said\r\nContent-Length: {}\r\nX-Request-Id: r-1\r\n", reply.status, reply.body.len());
        for (name, value) in &reply.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        text.push_str(&reply.body);
        if out.write_all(text.as_bytes()).is_err() {
            return;
        }
    }
}
