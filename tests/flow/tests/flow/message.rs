//! HTTP/1.1 messages as they go over a line: read whole, kept byte for byte.

use std::io::{self, BufRead, Read};

/// A request or an answer.
#[derive(Debug)]
pub(crate) struct Message {
    /// All of it, as it came.
    pub(crate) bytes: Vec<u8>,
    head: String,
    body_at: usize,
}

impl Message {
    /// The next request of a connection; nothing when the other side has hung up between two.
    pub(crate) fn request(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let Some(head) = head(from)? else { return Ok(None) };
        let message = Self { body_at: head.len(), head: String::from_utf8_lossy(&head).into_owned(), bytes: head };
        message.with_body(from, Extent::Nothing).map(Some)
    }

    /// The answer to a request.
    pub(crate) fn answer(from: &mut impl BufRead, request: &Self) -> io::Result<Self> {
        loop {
            let head = head(from)?.ok_or(io::ErrorKind::UnexpectedEof)?;
            let message = Self { body_at: head.len(), head: String::from_utf8_lossy(&head).into_owned(), bytes: head };
            match message.status() {
                // `100 Continue`: the answer itself is still to come.
                100..200 => {}
                204 | 304 => return Ok(message),
                _ if request.head.starts_with("HEAD ") => return Ok(message),
                _ => return message.with_body(from, Extent::UntilTheEnd),
            }
        }
    }

    /// The status of an answer.
    pub(crate) fn status(&self) -> u16 {
        self.head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
    }

    /// The AWS operation that a request asks for, if it says so in its head.
    pub(crate) fn operation(&self) -> &str {
        self.header("x-amz-target").and_then(|target| target.rsplit('.').next()).unwrap_or_default()
    }

    /// The body as text.
    pub(crate) fn body(&self) -> String {
        String::from_utf8_lossy(self.bytes.get(self.body_at..).unwrap_or_default()).into_owned()
    }

    /// Whether the sender waits for a word before it sends the body.
    fn expects_a_word(&self) -> bool {
        self.header("expect").is_some_and(|expected| expected.eq_ignore_ascii_case("100-continue"))
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        headers.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    fn with_body(mut self, from: &mut impl BufRead, unsaid: Extent) -> io::Result<Self> {
        assert!(!self.expects_a_word(), "the SDK has begun to wait for 100-continue; teach the line to say it");
        let chunked = self.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
        let length = self.header("content-length").and_then(|length| length.parse().ok());
        match (chunked, length, unsaid) {
            (true, _, _) => self.chunks(from)?,
            (false, Some(length), _) => self.more(from, length)?,
            (false, None, Extent::UntilTheEnd) => drop(from.read_to_end(&mut self.bytes)?),
            (false, None, Extent::Nothing) => {}
        }
        Ok(self)
    }

    fn more(&mut self, from: &mut impl BufRead, length: u64) -> io::Result<()> {
        let read = from.take(length).read_to_end(&mut self.bytes)?;
        if u64::try_from(read).is_ok_and(|read| read == length) {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }

    fn chunks(&mut self, from: &mut impl BufRead) -> io::Result<()> {
        loop {
            let size = line(from)?;
            self.bytes.extend(&size);
            let words = String::from_utf8_lossy(&size);
            let size = words.split(';').next().unwrap_or_default().trim();
            let size = u64::from_str_radix(size, 16).map_err(|_| io::ErrorKind::InvalidData)?;
            if size == 0 {
                break;
            }
            self.more(from, size.saturating_add(2))?;
        }
        // Trailers, up to the empty line.
        loop {
            let trailer = line(from)?;
            self.bytes.extend(&trailer);
            if trailer == b"\r\n" {
                return Ok(());
            }
        }
    }
}

/// What a message has for a body when its head does not say.
enum Extent {
    Nothing,
    UntilTheEnd,
}

fn head(from: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut head = Vec::new();
    loop {
        let before = head.len();
        if from.read_until(b'\n', &mut head)? == 0 {
            return if head.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
        if head.get(before..) == Some(b"\r\n") {
            return Ok(Some(head));
        }
    }
}

fn line(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    if from.read_until(b'\n', &mut line)? == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(line) }
}
