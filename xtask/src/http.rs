//! One HTTP/1.1 request to the worker's REST port.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::error::{Context, Error, Result};

const LIMIT: Duration = Duration::from_secs(90);

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// Sends `method path` with a JSON body, or none, to `host:port`.
pub(crate) fn request(address: &str, method: &str, path: &str, body: &str) -> Result<Answer> {
    let what = format!("{method} http://{address}{path}");
    exchange(address, method, path, body).context(what)
}

fn exchange(address: &str, method: &str, path: &str, body: &str) -> Result<Answer> {
    let socket: SocketAddr = address.parse().context("address")?;
    let mut stream = TcpStream::connect_timeout(&socket, LIMIT).context("connect")?;
    stream.set_read_timeout(Some(LIMIT)).context("connect")?;
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAccept: application/json\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).context("write")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).context("read")?;
    parse(&String::from_utf8_lossy(&answer))
}

fn parse(answer: &str) -> Result<Answer> {
    let malformed = || Error::new("not an HTTP answer");
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(malformed)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(malformed)?;
    let is_chunked = head.to_ascii_lowercase().contains("\r\ntransfer-encoding: chunked");
    let body = if is_chunked { join_chunks(body).ok_or_else(malformed)? } else { body.to_owned() };
    Ok(Answer { status, body })
}

/// Each chunk is its length in hexadecimal, a line end, the bytes, a line end; one of length 0 ends them.
fn join_chunks(mut rest: &str) -> Option<String> {
    let mut body = String::new();
    loop {
        let (length, after) = rest.split_once("\r\n")?;
        match usize::from_str_radix(length.trim(), 16).ok()? {
            0 => return Some(body),
            length => {
                body.push_str(after.get(..length)?);
                rest = after.get(length..)?.strip_prefix("\r\n")?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn chunks_are_joined() {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let answer = parse(&format!("{head}3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")).unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (200, "abcde"));
        assert!(parse(&format!("{head}9\r\nabc\r\n")).is_err());
    }

    #[test]
    fn body_without_chunks_is_taken_as_it_is() {
        let answer = parse("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}").unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (404, "{}"));
    }
}
