//! `walbridge health`: asks a worker whether it is well, for images that have neither a shell nor curl.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

/// How long each step of the question may take.
const LIMIT: Duration = Duration::from_secs(3);

/// Why a worker is not known to be well.
#[derive(Debug, thiserror::Error)]
pub enum HealthError {
    /// It does not answer.
    #[error("{address}: {source}")]
    Unanswered {
        /// Where it was asked.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// It answers that it is not.
    #[error("{address}: {status}")]
    Unhealthy {
        /// Where it was asked.
        address: String,
        /// The line of HTTP that says so.
        status: String,
    },
}

/// Asks `GET /health` of the worker's REST at `address` (`host:port`). It answers 200 when it is well.
///
/// # Errors
/// Nobody answers in time, or the answer is another.
pub fn check(address: &str) -> Result<(), HealthError> {
    let address = || address.to_owned();
    match ask(&address()) {
        Ok(status) if status.split(' ').nth(1) == Some("200") => Ok(()),
        Ok(status) => Err(HealthError::Unhealthy { address: address(), status }),
        Err(source) => Err(HealthError::Unanswered { address: address(), source }),
    }
}

/// The first line of the answer.
fn ask(address: &str) -> io::Result<String> {
    let unknown = || io::Error::new(io::ErrorKind::NotFound, "no address of that name");
    let resolved = address.to_socket_addrs()?.next().ok_or_else(unknown)?;
    let mut stream = TcpStream::connect_timeout(&resolved, LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    let question = format!("GET /health HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(question.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(4096).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;

    use super::{HealthError, check};

    /// Answers one request with `status`; what [`check`] makes of it.
    fn told(status: &'static str) -> Result<(), HealthError> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            assert_eq!(lines.next().unwrap().unwrap(), "GET /health HTTP/1.1");
            assert!(lines.any(|line| line.unwrap().is_empty()));
            write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").unwrap();
        });
        let told = check(&address);
        server.join().unwrap();
        told
    }

    #[test]
    fn only_200_is_well() {
        assert!(told("200 OK").is_ok());
        let error = told("503 Service Unavailable").unwrap_err();
        assert!(error.to_string().ends_with(": HTTP/1.1 503 Service Unavailable"), "{error}");
    }

    #[test]
    fn nobody_is_not_well() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        assert!(matches!(check(&address), Err(HealthError::Unanswered { .. })));
    }
}
