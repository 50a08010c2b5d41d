//! TLS as libpq's `sslmode` means it, over rustls.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{
    CryptoProvider, verify_tls12_signature, verify_tls13_signature,
    verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer,
    UnixTime,
};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::certificate::{Certificate, is_encrypted_key, name_covers};
use crate::config::{SslConfig, SslMode};
use crate::error::{Error, Result};

/// What is checked of the server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Check {
    Nothing,
    Chain,
    ChainAndName,
}

/// A client, ready to shake hands with one host.
pub(crate) struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Tls {
    /// Reads the files that the settings name.
    ///
    /// # Errors
    /// [`Error::Tls`], naming the option, when one cannot be used.
    pub(crate) async fn load(ssl: &SslConfig, host: &str) -> Result<Self> {
        let name = ServerName::try_from(host.to_owned()).map_err(|e| {
            Error::Tls(format!("database.hostname {host:?} cannot be used with TLS: {e}"))
        })?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = Verifier::load(ssl, &provider).await?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| Error::Tls(e.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let config = match client_identity(ssl).await? {
            Some((chain, key)) => builder.with_client_auth_cert(chain, key).map_err(|e| {
                Error::Tls(format!(
                    "database.sslcert and database.sslkey cannot be used together: {e}"
                ))
            })?,
            None => builder.with_no_client_auth(),
        };
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), name })
    }

    /// Shakes hands; also gives the channel binding of the server's certificate.
    pub(crate) async fn handshake(
        &self,
        stream: TcpStream,
    ) -> Result<(TlsStream<TcpStream>, Option<Vec<u8>>)> {
        let stream = self.connector.connect(self.name.clone(), stream).await.map_err(|e| {
            let why = match e.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                Some(rustls::Error::InvalidCertificate(reason)) => explain(reason),
                _ => "",
            };
            Error::Tls(format!("handshake with {:?}: {e}{why}", self.name.to_str()))
        })?;
        let binding = stream
            .get_ref()
            .1
            .peer_certificates()
            .and_then(|chain| chain.first())
            .and_then(|der| Certificate::parse(der)?.end_point());
        Ok((stream, binding))
    }
}

fn explain(reason: &CertificateError) -> &'static str {
    match reason {
        CertificateError::UnknownIssuer => {
            "; database.sslrootcert does not hold the certificate's issuer"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "; database.hostname must be a name of the certificate, or use database.sslmode=verify-ca"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "; renew it at the server"
        }
        CertificateError::Other(other) if other.to_string().contains("UnsupportedCertVersion") => {
            "; it is of X.509 version 1, which cannot be verified: issue it with extensions (openssl x509 -req -extfile \
             …), or use database.sslmode=require without database.sslrootcert"
        }
        _ => "",
    }
}

async fn read(option: &str, path: &Path) -> Result<Vec<u8>> {
    tokio::fs::read(path).await.map_err(|e| Error::Tls(format!("{option} {}: {e}", path.display())))
}

/// Certificates of a file: PEM as documented, or one in DER.
fn parse_certificates(
    option: &str,
    path: &Path,
    file: &[u8],
) -> Result<Vec<CertificateDer<'static>>> {
    if !is_pem(file) && Certificate::parse(file).is_some() {
        return Ok(vec![CertificateDer::from(file.to_vec())]);
    }
    let failed = |why: String| Error::Tls(format!("{option} {}: {why}", path.display()));
    let certificates = CertificateDer::pem_slice_iter(file)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| failed(e.to_string()))?;
    if certificates.is_empty() {
        return Err(failed("no certificate in it".to_owned()));
    }
    Ok(certificates)
}

fn is_pem(file: &[u8]) -> bool {
    file.windows(11).any(|window| window == b"-----BEGIN ")
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

async fn client_identity(ssl: &SslConfig) -> Result<Option<Identity>> {
    let (cert, key) = match (&ssl.cert, &ssl.key) {
        (Some(cert), Some(key)) => (cert, key),
        (None, None) => return Ok(None),
        (Some(_), None) => {
            return Err(Error::Tls("database.sslcert is set, database.sslkey is not".to_owned()));
        }
        (None, Some(_)) => {
            return Err(Error::Tls("database.sslkey is set, database.sslcert is not".to_owned()));
        }
    };
    let chain =
        parse_certificates("database.sslcert", cert, &read("database.sslcert", cert).await?)?;
    let key = parse_key(key, read("database.sslkey", key).await?)?;
    Ok(Some((chain, key)))
}

fn parse_key(path: &Path, file: Vec<u8>) -> Result<PrivateKeyDer<'static>> {
    let failed = |why: &str| Error::Tls(format!("database.sslkey {}: {why}", path.display()));
    let pem = is_pem(&file);
    let contains = |word: &[u8]| file.windows(word.len()).any(|window| window == word);
    if pem && (contains(b"ENCRYPTED PRIVATE KEY") || contains(b"Proc-Type: 4,ENCRYPTED"))
        || !pem && is_encrypted_key(&file)
    {
        return Err(failed(
            "the key has a passphrase, and database.sslpassword cannot be applied to it here; store it without one \
             (openssl pkey -in key -out key.pem) and protect the file",
        ));
    }
    if pem {
        return PrivateKeyDer::from_pem_slice(&file).map_err(|e| failed(&e.to_string()));
    }
    if Certificate::parse(&file).is_some() {
        return Err(failed("this is a certificate"));
    }
    Ok(PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(file)))
}

/// Checks the server's certificate as far as the mode asks.
#[derive(Debug)]
struct Verifier {
    check: Check,
    roots: Arc<RootCertStore>,
    /// The same roots whole: a self-signed server certificate may be its own root.
    pinned: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    async fn load(ssl: &SslConfig, provider: &Arc<CryptoProvider>) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        let mut pinned = Vec::new();
        // libpq: `require` with a root certificate behaves like `verify-ca`; the weaker modes check nothing.
        let check = match ssl.mode {
            SslMode::Disable | SslMode::Allow | SslMode::Prefer => Check::Nothing,
            SslMode::Require if ssl.root_cert.is_none() => Check::Nothing,
            SslMode::Require | SslMode::VerifyCa => Check::Chain,
            SslMode::VerifyFull => Check::ChainAndName,
        };
        if check != Check::Nothing {
            let path = ssl.root_cert.as_ref().ok_or_else(|| {
                Error::Tls(
                    "database.sslmode verify-ca and verify-full need database.sslrootcert"
                        .to_owned(),
                )
            })?;
            let file = read("database.sslrootcert", path).await?;
            for certificate in parse_certificates("database.sslrootcert", path, &file)? {
                // One that cannot be an anchor may still be the server's own.
                if roots.add(certificate.clone()).is_err() {
                    tracing::debug!(path = %path.display(), "a certificate of database.sslrootcert is no anchor");
                }
                pinned.push(certificate);
            }
        }
        Ok(Self { check, roots: Arc::new(roots), pinned, provider: Arc::clone(provider) })
    }

    fn check_chain(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        if self.pinned.iter().any(|root| root == end_entity) {
            return Ok(());
        }
        verify_server_cert_signed_by_trust_anchor(
            &ParsedCertificate::try_from(end_entity)?,
            &self.roots,
            intermediates,
            now,
            self.provider.signature_verification_algorithms.all,
        )
    }
}

fn check_name(end_entity: &CertificateDer<'_>, name: &ServerName<'_>) -> Result<(), rustls::Error> {
    // Certificates of old have only a common name; libpq takes it when there is no alternative name.
    if let Some(old) = Certificate::parse(end_entity).filter(|c| !c.has_alternative_name()) {
        return match old.common_name() {
            Some(common) if name_covers(common, &name.to_str()) => Ok(()),
            _ => Err(rustls::Error::InvalidCertificate(CertificateError::NotValidForName)),
        };
    }
    verify_server_name(&ParsedCertificate::try_from(end_entity)?, name)
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.check != Check::Nothing {
            self.check_chain(end_entity, intermediates, now)?;
        }
        if self.check == Check::ChainAndName {
            check_name(end_entity, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        // Version 1 certificates, which Postgres' manual taught to make, are none to webpki. Their key still is one:
        // that the server holds it must be checked in every mode, or channel binding proves nothing.
        if ParsedCertificate::try_from(cert).is_err()
            && let Some(old) = Certificate::parse(cert)
        {
            let key = SubjectPublicKeyInfoDer::from(old.public_key);
            return verify_tls13_signature_with_raw_key(message, &key, dss, algorithms);
        }
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
