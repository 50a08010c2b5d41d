//! The v3 protocol as far as replication needs it, and the one way to a server for both kinds of connection.
//!
//! ```text
//! open(config) ─ for each attempt that database.sslmode allows ─→ Transport (TCP, Unix or TLS)
//!    ├─ startup, auth → Connection   (replication: frames are read in place)
//!    └─ tokio-postgres → sql::Client (everything else)
//! ```

pub(crate) mod auth;
pub(crate) mod certificate;
pub(crate) mod fault;
pub(crate) mod frame;
pub(crate) mod query;
pub(crate) mod startup;
pub(crate) mod tls;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BytesMut;
use postgres_protocol::message::frontend;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::client::TlsStream;

use crate::config::{Config, SslMode};
use crate::error::{Error, Result};
use tls::Tls;

/// How long the other end may leave what we sent without a TCP acknowledgement.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED_MAX: std::time::Duration = std::time::Duration::from_secs(120);

/// A connected socket, whatever its kind.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A socket on which the startup packet may be sent.
#[derive(Debug)]
pub(crate) struct Transport {
    pub(crate) socket: Socket,
    /// What binds SCRAM to the TLS channel: hash of the server's certificate.
    pub(crate) binding: Option<Vec<u8>>,
}

/// How one attempt of a connection treats TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attempt {
    Plain,
    TlsIfOffered,
    Tls,
}

/// The attempts that a mode makes, in order: libpq's.
const fn attempts(mode: SslMode, unix: bool) -> &'static [Attempt] {
    if unix {
        // libpq never encrypts a Unix socket, whatever sslmode says.
        return &[Attempt::Plain];
    }
    match mode {
        SslMode::Disable => &[Attempt::Plain],
        SslMode::Allow => &[Attempt::Plain, Attempt::Tls],
        SslMode::Prefer => &[Attempt::TlsIfOffered, Attempt::Plain],
        SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => &[Attempt::Tls],
    }
}

/// Whether the next attempt can do better: TLS does not work, or `pg_hba.conf` has no line for this kind of
/// connection. A wrong password is not tried twice.
fn another_attempt_may_help(error: &Error) -> bool {
    matches!(error, Error::Tls(_)) || error.sqlstate() == Some("28000")
}

/// Whether the host names the directory of a Unix socket.
pub(crate) fn is_unix(config: &Config) -> bool {
    config.host.starts_with('/')
}

/// Where `config` points, for error texts.
pub(crate) fn address(config: &Config) -> String {
    let place = if is_unix(config) {
        socket_path(config)
    } else {
        format!("{}:{}", config.host, config.port)
    };
    format!("{place} (user {:?}, database {:?})", config.user, config.dbname)
}

fn socket_path(config: &Config) -> String {
    format!("{}/.s.PGSQL.{}", config.host.trim_end_matches('/'), config.port)
}

/// Connects as `database.sslmode` wants it and runs `start` (startup and authentication) on the transport,
/// falling back to the mode's next attempt where libpq would. All within `database.connection.timeout.ms`.
pub(crate) async fn open<T, F, S>(config: &Config, start: S) -> Result<T>
where
    S: Fn(Transport) -> F,
    F: Future<Output = Result<T>>,
{
    let work = async {
        let mut first: Option<Error> = None;
        for &attempt in attempts(config.ssl.mode, is_unix(config)) {
            let result = match transport(config, attempt).await {
                Ok(transport) => start(transport).await,
                Err(error) => Err(error),
            };
            match (result, first.take()) {
                (Ok(connected), _) => return Ok(connected),
                // "No line in pg_hba.conf" for the fallback hides why the preferred way failed.
                (Err(second), Some(error)) if second.sqlstate() == Some("28000") => {
                    return Err(error);
                }
                (Err(error), None) if another_attempt_may_help(&error) => first = Some(error),
                (Err(error), _) => return Err(error),
            }
        }
        Err(first.unwrap_or_else(|| Error::Tls("no attempt was possible".to_owned())))
    };
    if config.connect_timeout.is_zero() {
        return work.await;
    }
    tokio::time::timeout(config.connect_timeout, work).await.unwrap_or_else(|_elapsed| {
        let text = format!(
            "no connection within {} ms; check database.hostname, database.port and firewalls, or raise \
             database.connection.timeout.ms",
            config.connect_timeout.as_millis()
        );
        Err(Error::Io { address: address(config), source: io::Error::new(io::ErrorKind::TimedOut, text) })
    })
}

async fn transport(config: &Config, attempt: Attempt) -> Result<Transport> {
    if is_unix(config) {
        let stream = UnixStream::connect(socket_path(config))
            .await
            .map_err(|source| Error::Io { address: address(config), source: explain(source) })?;
        return Ok(Transport { socket: Socket::Unix(stream), binding: None });
    }
    if attempt == Attempt::Plain {
        return Ok(Transport { socket: Socket::Tcp(tcp(config).await?), binding: None });
    }
    // The files first: a wrong path is better said before anything is sent.
    let tls = Tls::load(&config.ssl, &config.host).await?;
    let mut stream = tcp(config).await?;
    if offers_tls(&mut stream, config).await? {
        let (stream, binding) = tls.handshake(stream).await?;
        Ok(Transport { socket: Socket::Tls(Box::new(stream)), binding })
    } else if attempt == Attempt::TlsIfOffered {
        Ok(Transport { socket: Socket::Tcp(stream), binding: None })
    } else {
        Err(Error::Tls(format!(
            "{} does not offer TLS, which database.sslmode demands; set ssl = on at the server, or another \
             database.sslmode",
            address(config)
        )))
    }
}

async fn tcp(config: &Config) -> Result<TcpStream> {
    let connect = async {
        let stream = TcpStream::connect((config.host.as_str(), config.port)).await?;
        stream.set_nodelay(true)?;
        let socket = socket2::SockRef::from(&stream);
        if config.tcp_keepalive {
            socket.set_keepalive(true)?;
        }
        // A stream writes every few seconds. When a firewall has forgotten the connection, this ends it in minutes
        // and not in the quarter of an hour that the kernel would go on trying.
        #[cfg(target_os = "linux")]
        socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED_MAX))?;
        Ok(stream)
    };
    connect.await.map_err(|source| Error::Io { address: address(config), source: explain(source) })
}

/// Asks for TLS. The answer is one byte, read alone: bytes after it would be somebody's in the middle
/// (CVE-2021-23222).
async fn offers_tls(stream: &mut TcpStream, config: &Config) -> Result<bool> {
    let failed = |source| Error::Io { address: address(config), source };
    let mut request = BytesMut::with_capacity(8);
    frontend::ssl_request(&mut request);
    stream.write_all(&request).await.map_err(failed)?;
    let mut answer = [0];
    stream.read_exact(&mut answer).await.map_err(|source| failed(explain(source)))?;
    match answer {
        [b'S'] => Ok(true),
        [b'N'] => Ok(false),
        // An ErrorResponse instead of an answer: too many connections, or still starting.
        [b'E'] => Err(failed(io::Error::other("the server refused the connection before TLS"))),
        [other] => Err(Error::Protocol(format!("answer {other:#04x} to the request for TLS"))),
    }
}

/// Adds what to do about the commonest failures.
pub(crate) fn explain(source: io::Error) -> io::Error {
    let advice = match source.kind() {
        io::ErrorKind::ConnectionRefused => {
            "; nothing listens there: check database.hostname, database.port and listen_addresses"
        }
        io::ErrorKind::NotFound => "; no such socket: check database.hostname, database.port",
        io::ErrorKind::PermissionDenied => "; the socket may not be used by this user",
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => {
            "; the server closed the connection: its log says why"
        }
        _ => return source,
    };
    io::Error::new(source.kind(), format!("{source}{advice}"))
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(code: &str) -> Error {
        Error::Server {
            action: "connect".to_owned(),
            severity: "FATAL".to_owned(),
            code: code.to_owned(),
            message: "m".to_owned(),
            hint: None,
        }
    }

    #[test]
    fn only_allow_and_prefer_try_twice() {
        for (mode, count) in [
            (SslMode::Disable, 1),
            (SslMode::Allow, 2),
            (SslMode::Prefer, 2),
            (SslMode::Require, 1),
            (SslMode::VerifyCa, 1),
            (SslMode::VerifyFull, 1),
        ] {
            assert_eq!(attempts(mode, false).len(), count, "{mode:?}");
            assert_eq!(attempts(mode, true), [Attempt::Plain], "{mode:?} on a Unix socket");
        }
        assert!(!attempts(SslMode::Require, false).contains(&Attempt::Plain));
    }

    #[test]
    fn wrong_password_is_not_tried_again_in_another_way() {
        assert!(another_attempt_may_help(&server("28000")));
        assert!(another_attempt_may_help(&Error::Tls("handshake".to_owned())));
        assert!(!another_attempt_may_help(&server("28P01")));
        assert!(!another_attempt_may_help(&server("3D000")));
    }
}
