//! Patchy 4G, for real: bare sockets that break in the middle of a request, or hang up on an answer nobody reads.

use std::{
    io::{self, ErrorKind, Write},
    net::{Shutdown, TcpStream, ToSocketAddrs},
    time::Duration,
};

use crate::wire::{Ask, Base, Wire};

const TIME_OUT: Duration = Duration::from_secs(35);

/// Sends the head and half of the body, then the line is gone: the server never has a whole request.
pub(crate) fn half(wire: &Wire, ask: &Ask) -> io::Result<()> {
    let _turn = wire.turn();
    let mut line = dial(&wire.base)?;
    let body = ask.body.as_deref().unwrap_or_default();
    line.write_all(head(&wire.base, ask).as_bytes())?;
    line.write_all(body.get(..body.len() / 2).unwrap_or_default())?;
    line.flush()?;
    line.shutdown(Shutdown::Both)
}

/// Sends the whole request and hangs up at once: whether it was carried out is anybody's guess.
pub(crate) fn unheard(wire: &Wire, ask: &Ask) -> io::Result<()> {
    let _turn = wire.turn();
    whole(wire, ask).map(drop)
}

/// Sends the whole request, waits until the answer stands in the socket, and closes it unread. The status line is
/// peeked at, not read, so that the retry can be held to it.
pub(crate) fn unread(wire: &Wire, ask: &Ask) -> io::Result<Option<u16>> {
    let _turn = wire.turn();
    let line = whole(wire, ask)?;
    line.set_read_timeout(Some(TIME_OUT))?;
    let mut start = [0_u8; 12];
    for _ in 0..50 {
        let there = line.peek(&mut start)?;
        if there == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        if there == start.len() {
            break;
        }
        crate::clock::pause(5);
    }
    Ok(std::str::from_utf8(&start).ok().and_then(|start| start.strip_prefix("HTTP/1.1 ")?.parse().ok()))
}

fn whole(wire: &Wire, ask: &Ask) -> io::Result<TcpStream> {
    let mut line = dial(&wire.base)?;
    line.write_all(head(&wire.base, ask).as_bytes())?;
    line.write_all(ask.body.as_deref().unwrap_or_default())?;
    line.flush()?;
    Ok(line)
}

fn dial(base: &Base) -> io::Result<TcpStream> {
    let mut last = io::Error::from(ErrorKind::AddrNotAvailable);
    for address in (base.host.as_str(), base.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, TIME_OUT) {
            Ok(line) => {
                line.set_nodelay(true)?;
                line.set_write_timeout(Some(TIME_OUT))?;
                return Ok(line);
            }
            Err(refused) => last = refused,
        }
    }
    Err(last)
}

fn head(base: &Base, ask: &Ask) -> String {
    let length = ask.body.as_ref().map_or(0, Vec::len);
    let mut head = format!(
        "POST {}/api/v1{} HTTP/1.1\r\nHost: {}:{}\r\nContent-Length: {length}\r\nConnection: close\r\n",
        base.prefix, ask.path, base.host, base.port
    );
    for (name, value) in ask.headers() {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    head
}
