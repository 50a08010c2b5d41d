//! Listeners that speak TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::error::WorkerError;
use crate::settings::{ClientAuth, Pem, TlsSettings};

/// How long a client may take to shake hands.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How many clients may shake hands at a time; more wait to be accepted.
const HANDSHAKES: usize = 128;

fn invalid(what: &str, why: impl std::fmt::Display) -> WorkerError {
    WorkerError::Setting(format!("{what}: {why}"))
}

fn certificates(pem: &Pem, what: &str) -> Result<Vec<CertificateDer<'static>>, WorkerError> {
    let read: Result<Vec<_>, _> = match pem {
        Pem::Text(text) => CertificateDer::pem_slice_iter(text.as_bytes()).collect(),
        Pem::File(path) => CertificateDer::pem_file_iter(path).and_then(Iterator::collect),
    };
    let found = read.map_err(|error| invalid(what, error))?;
    if found.is_empty() { Err(invalid(what, "there is no certificate in it")) } else { Ok(found) }
}

fn key(pem: &Pem) -> Result<PrivateKeyDer<'static>, WorkerError> {
    let read = match pem {
        Pem::Text(text) => PrivateKeyDer::from_pem_slice(text.as_bytes()),
        Pem::File(path) => PrivateKeyDer::from_pem_file(path),
    };
    read.map_err(|error| invalid("ssl.keystore: the key", error))
}

/// What shakes hands.
///
/// # Errors
/// A certificate or the key cannot be read, or they do not belong together.
pub(super) fn acceptor(settings: &TlsSettings) -> Result<TlsAcceptor, WorkerError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| invalid("ssl", error))?;
    let builder = match (&settings.trusted, settings.client_auth) {
        (_, ClientAuth::None) | (None, _) => builder.with_no_client_auth(),
        (Some(trusted), wanted) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(trusted, "ssl.truststore")? {
                roots.add(certificate).map_err(|error| invalid("ssl.truststore", error))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = if wanted == ClientAuth::Requested {
                verifier.allow_unauthenticated()
            } else {
                verifier
            };
            let verifier = verifier.build().map_err(|error| invalid("ssl.truststore", error))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let chain = certificates(&settings.chain, "ssl.keystore")?;
    let config = builder
        .with_single_cert(chain, key(&settings.key)?)
        .map_err(|error| invalid("ssl.keystore", error))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Accepts, and hands out connections that have shaken hands.
pub(super) struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    shaking: JoinSet<Option<(TlsStream<TcpStream>, SocketAddr)>>,
}

impl TlsListener {
    pub(super) fn new(listener: TcpListener, acceptor: TlsAcceptor) -> Self {
        Self { listener, acceptor, shaking: JoinSet::new() }
    }

    fn shake(&mut self, stream: TcpStream, address: SocketAddr) {
        let acceptor = self.acceptor.clone();
        self.shaking.spawn(async move {
            let shaken = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await;
            match shaken {
                Ok(Ok(stream)) => Some((stream, address)),
                Ok(Err(error)) => {
                    tracing::debug!(%address, %error, "no TLS handshake");
                    None
                }
                Err(_late) => None,
            }
        });
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let room = self.shaking.len() < HANDSHAKES;
            tokio::select! {
                Some(shaken) = self.shaking.join_next() => {
                    if let Ok(Some(connection)) = shaken {
                        return connection;
                    }
                }
                (stream, address) = Listener::accept(&mut self.listener), if room => {
                    self.shake(stream, address);
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

#[cfg(test)]
mod tests;
