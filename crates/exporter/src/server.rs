//! HTTP: `/metrics` and `/` are a scrape, `/-/healthy` says that we listen, `/health` whether everything moves.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::Exporter;
use crate::text::Format;

/// How long a scrape that is being answered may take once we stop.
const LINGER: Duration = Duration::from_millis(500);

/// A metrics listener cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot listen on {address} for metrics: {source}; metrics.listeners names other addresses, or none"
)]
pub struct ListenError {
    /// Host and port.
    pub address: String,
    /// The system's reason.
    pub source: std::io::Error,
}

/// The listeners.
#[derive(Debug)]
pub struct Server {
    addresses: Vec<SocketAddr>,
    sockets: Vec<TcpListener>,
    serving: JoinSet<()>,
}

impl Server {
    /// Opens the listeners; an empty host is every address.
    ///
    /// # Errors
    /// An address that is in use, or is not ours.
    pub async fn bind(listeners: &[(String, u16)]) -> Result<Self, ListenError> {
        let (mut addresses, mut sockets) = (Vec::new(), Vec::new());
        for (host, port) in listeners {
            let host = if host.is_empty() { "0.0.0.0" } else { host };
            let bound = TcpListener::bind((host, *port)).await;
            let bound = bound.and_then(|socket| Ok((socket.local_addr()?, socket)));
            let (address, socket) = bound
                .map_err(|source| ListenError { address: format!("{host}:{port}"), source })?;
            addresses.push(address);
            sockets.push(socket);
        }
        Ok(Self { addresses, sockets, serving: JoinSet::new() })
    }

    /// Where it listens, ports resolved.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Answers until `stop` is cancelled.
    pub fn serve(&mut self, exporter: &Arc<Exporter>, stop: &CancellationToken) {
        let router = Router::new().fallback(answer).with_state(Arc::clone(exporter));
        for socket in self.sockets.drain(..) {
            let (router, stop) = (router.clone(), stop.clone());
            self.serving.spawn(async move {
                let serving =
                    axum::serve(socket, router).with_graceful_shutdown(stop.cancelled_owned());
                // `serve` retries failed accepts itself and returns after a shutdown only.
                drop(serving.await);
            });
        }
    }

    /// Waits a moment for scrapes that are being answered.
    pub async fn stop(mut self) {
        let all = async { while self.serving.join_next().await.is_some() {} };
        if tokio::time::timeout(LINGER, all).await.is_err() {
            tracing::info!("metrics connections were still open and are closed");
        }
    }
}

async fn answer(State(exporter): State<Arc<Exporter>>, request: Request) -> Response {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    match request.uri().path() {
        "/metrics" | "/" => {
            let wanted = names(request.uri().query().unwrap_or_default());
            let headers = request.headers().clone();
            // It is a matter of a millisecond or two, which others need not wait for.
            let answer =
                tokio::task::spawn_blocking(move || scrape(&exporter, &headers, &wanted)).await;
            answer.unwrap_or_else(|_lost| StatusCode::SERVICE_UNAVAILABLE.into_response())
        }
        "/-/healthy" => "Exporter is healthy.\n".into_response(),
        "/health" => {
            let health = exporter.health();
            let status =
                if health.is_well() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            (status, health.to_string()).into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn scrape(exporter: &Exporter, headers: &HeaderMap, wanted: &[String]) -> Response {
    let value = |key| headers.get(key).and_then(|value| value.to_str().ok());
    let format = Format::accepted(value(ACCEPT));
    let text = exporter.scrape(format, wanted);
    let gzip = value(ACCEPT_ENCODING).is_some_and(accepts_gzip);
    let body = gzip.then(|| compress(text.as_bytes())).flatten();
    let head = [(CONTENT_TYPE, format.content_type())];
    match body {
        Some(body) => (head, [(CONTENT_ENCODING, "gzip")], Body::from(body)).into_response(),
        None => (head, text).into_response(),
    }
}

/// Whether `gzip` is named and not refused with `q=0`.
fn accepts_gzip(header: &str) -> bool {
    header.split(',').any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let quality = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok());
        named && quality != Some(0.0)
    })
}

fn compress(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 8), Compression::fast());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}

/// The values of `name[]`.
fn names(query: &str) -> Vec<String> {
    let values = query.split('&').filter_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        matches!(key, "name[]" | "name%5B%5D" | "name%5b%5d").then_some(value)
    });
    // Names of metrics need no escapes.
    values.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_used_when_asked_for_and_not_refused() {
        assert!(accepts_gzip("gzip"));
        assert!(accepts_gzip("identity, GZIP;q=0.5"));
        assert!(!accepts_gzip("gzip;q=0"));
        assert!(!accepts_gzip("deflate"));
    }

    #[test]
    fn wanted_names_are_read_from_the_query() {
        assert_eq!(names("name[]=a&x=y&name%5B%5D=b"), ["a", "b"]);
        assert_eq!(names(""), [""; 0]);
    }
}
