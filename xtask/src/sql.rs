//! SQL without a client installed: the simple query of Postgres's protocol, over TCP, without a password.
//!
//! <https://www.postgresql.org/docs/current/protocol-message-formats.html>

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::error::{Context, Error, Result};

const LIMIT: Duration = Duration::from_secs(30);

/// The most that we believe one message to hold.
const MESSAGE_BYTES_MAX: usize = 16 << 20;

const PROTOCOL_3_0: i32 = 3 << 16;

/// A session of user `postgres`.
#[derive(Debug)]
pub(crate) struct Session {
    stream: TcpStream,
}

impl Session {
    /// Connects to `host:port`.
    pub(crate) fn connect(address: &str, database: &str) -> Result<Self> {
        let address: SocketAddr = address.parse().context(address)?;
        let stream = TcpStream::connect_timeout(&address, LIMIT).context(address)?;
        stream.set_read_timeout(Some(LIMIT)).context(address)?;
        stream.set_nodelay(true).context(address)?;
        let mut session = Self { stream };
        let mut startup = PROTOCOL_3_0.to_be_bytes().to_vec();
        for (name, value) in [("user", "postgres"), ("database", database)] {
            startup.extend_from_slice(format!("{name}\0{value}\0").as_bytes());
        }
        startup.push(0);
        session.write(None, &startup)?;
        session.answer(&format!("connect to {database}"))?;
        Ok(session)
    }

    /// Runs one statement or several; the first column of every row, as text.
    pub(crate) fn run(&mut self, sql: &str) -> Result<Vec<Option<String>>> {
        let mut body = sql.as_bytes().to_vec();
        body.push(0);
        self.write(Some(b'Q'), &body)?;
        self.answer("sql")
    }

    fn write(&mut self, tag: Option<u8>, body: &[u8]) -> Result<()> {
        let length = u32::try_from(body.len() + 4).context("message")?;
        let mut message: Vec<u8> = tag.into_iter().collect();
        message.extend_from_slice(&length.to_be_bytes());
        message.extend_from_slice(body);
        self.stream.write_all(&message).context("write to postgres")
    }

    /// Reads up to ReadyForQuery.
    fn answer(&mut self, what: &str) -> Result<Vec<Option<String>>> {
        let mut rows = Vec::new();
        let mut failure = None;
        loop {
            let (tag, body) = self.message()?;
            match tag {
                b'Z' => break,
                b'D' => rows.push(first_column(&body)?),
                b'E' if failure.is_none() => failure = Some(error_text(&body)),
                b'R' if body != 0_u32.to_be_bytes() => {
                    return Err(Error::new(format!("{what}: postgres wants a password")));
                }
                // Parameters, keys, row descriptions, completions and notices tell us nothing.
                _ => {}
            }
            // Before the session is ready, an error is the last thing that is said.
            if let (b'E', "FATAL", Some(text)) = (tag, severity(&body), &failure) {
                return Err(Error::new(format!("{what}: {text}")));
            }
        }
        failure.map_or(Ok(rows), |text| Err(Error::new(format!("{what}: {text}"))))
    }

    fn message(&mut self) -> Result<(u8, Vec<u8>)> {
        let mut head = [0; 5];
        self.stream.read_exact(&mut head).context("read from postgres")?;
        let [tag, length @ ..] = head;
        let length = usize::try_from(u32::from_be_bytes(length)).context("message")?;
        if !(4..=MESSAGE_BYTES_MAX).contains(&length) {
            return Err(Error::new(format!("a message of {length} bytes from postgres")));
        }
        let mut body = vec![0; length - 4];
        self.stream.read_exact(&mut body).context("read from postgres")?;
        Ok((tag, body))
    }
}

fn first_column(row: &[u8]) -> Result<Option<String>> {
    let short = || Error::new("a row ends early");
    let [_, _, a, b, c, d, rest @ ..] = row else { return Err(short()) };
    let length = i32::from_be_bytes([*a, *b, *c, *d]);
    let Ok(length) = usize::try_from(length) else { return Ok(None) };
    let text = rest.get(..length).ok_or_else(short)?;
    Ok(Some(String::from_utf8_lossy(text).into_owned()))
}

fn error_text(body: &[u8]) -> String {
    field(body, b'M').unwrap_or("an error without a message").to_owned()
}

fn severity(body: &[u8]) -> &str {
    field(body, b'V').unwrap_or_default()
}

/// A field of ErrorResponse: a code and a text that ends with a zero byte.
fn field(body: &[u8], code: u8) -> Option<&str> {
    body.split(|byte| *byte == 0).find_map(|field| match field {
        [found, text @ ..] if *found == code => std::str::from_utf8(text).ok(),
        _ => None,
    })
}
