//! HTTP/1.1 as far as a load needs it: kept-alive connections that send prepared bytes and find the answer's end. Far
//! cheaper than a whole client, so that the generator is not what is measured.

use std::{fmt::Write as _, net::SocketAddr};

use anyhow::{Context, bail};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// An answer, as it lies in the connection's buffer.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// Its status.
    pub status: u16,
    /// Status line and headers, without the empty line.
    pub head: &'a str,
    /// Its body.
    pub body: &'a [u8],
}

impl Answer<'_> {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(self.head, name)
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// When it is not JSON.
    pub fn json(&self) -> anyhow::Result<serde_json::Value> {
        serde_json::from_slice(self.body).with_context(|| format!("not JSON: {}", String::from_utf8_lossy(self.body)))
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = head.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
    fields.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

/// Where the head ends, its status and the length of the body; `None` while it is incomplete.
fn head(bytes: &[u8]) -> anyhow::Result<Option<(usize, u16, usize)>> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(bytes.get(..end).unwrap_or_default()).context("a head that is not text")?;
    let status: u16 = head.get(9..12).and_then(|status| status.parse().ok()).with_context(|| format!("no status in {head:?}"))?;
    let length = match header(head, "content-length") {
        Some(length) => length.parse().context("content-length")?,
        None if matches!(status, 204 | 304) => 0,
        None => bail!("an answer without a length: {head}"),
    };
    // A 304 may tell the length that it does not send.
    Ok(Some((end, status, if matches!(status, 204 | 304) { 0 } else { length })))
}

/// A kept-alive connection; one that the server closes after an answer is opened anew.
pub struct Connection {
    to: SocketAddr,
    stream: TcpStream,
    closing: bool,
    buffer: Vec<u8>,
    used: usize,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens.
    pub async fn open(to: SocketAddr) -> anyhow::Result<Self> {
        Ok(Self { to, stream: connect(to).await?, closing: false, buffer: vec![0; 64 * 1024], used: 0 })
    }

    /// Sends a request and reads its answer.
    ///
    /// # Errors
    /// When the connection breaks or the answer cannot be read.
    pub async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<Answer<'_>> {
        if self.closing {
            self.stream = connect(self.to).await?;
        }
        self.stream.write_all(request).await?;
        self.used = 0;
        let (end, status, length) = loop {
            self.read().await?;
            if let Some(found) = head(self.buffer.get(..self.used).unwrap_or_default())? {
                break found;
            }
        };
        let body = end + 4;
        while self.used < body + length {
            self.read().await?;
        }
        let text = std::str::from_utf8(self.buffer.get(..end).unwrap_or_default())?;
        self.closing = header(text, "connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        Ok(Answer { status, head: text, body: self.buffer.get(body..body + length).unwrap_or_default() })
    }

    async fn read(&mut self) -> anyhow::Result<()> {
        if self.used == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let space = self.buffer.get_mut(self.used..).unwrap_or_default();
        match self.stream.read(space).await? {
            0 => bail!("the connection was closed"),
            read => self.used += read,
        }
        Ok(())
    }
}

async fn connect(to: SocketAddr) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect(to).await.with_context(|| format!("nobody listens at {to}"))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The bytes of a request.
pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: bench\r\n");
    for (name, value) in headers {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    if !body.is_empty() || method != "GET" {
        let _ = write!(text, "Content-Length: {}\r\n", body.len());
    }
    text.push_str("\r\n");
    [text.as_bytes(), body].concat()
}

/// One request on a connection of its own; anything but a 2xx or 304 is an error.
///
/// # Errors
/// Also when nobody listens.
pub async fn once(to: SocketAddr, request: &[u8]) -> anyhow::Result<(String, Vec<u8>)> {
    let mut connection = Connection::open(to).await?;
    let answer = connection.exchange(request).await?;
    if !(matches!(answer.status, 200..300 | 304)) {
        bail!("{} {}", answer.head, String::from_utf8_lossy(answer.body));
    }
    Ok((answer.head.to_owned(), answer.body.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_found_when_it_is_whole() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-LENGTH: 5\r\n\r\nhello";
        assert!(matches!(head(whole), Ok(Some((34, 200, 5)))));
        for cut in 0..37 {
            assert!(matches!(head(&whole[..cut]), Ok(None)), "{cut}");
        }
    }

    #[test]
    fn a_304_has_no_body_whatever_it_says() {
        assert!(matches!(head(b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n"), Ok(Some((_, 304, 0)))));
        assert!(head(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }

    #[test]
    fn a_request_tells_its_length() {
        let bytes = request("PUT", "/x", &[("If-Match", "\"0\"")], b"{}");
        assert_eq!(bytes, b"PUT /x HTTP/1.1\r\nHost: bench\r\nIf-Match: \"0\"\r\nContent-Length: 2\r\n\r\n{}");
    }
}
