//! How to reach a database. Field names are ours; the connector's option names stand in the docs of each.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// A password. Never printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Wraps the text.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, for the server only.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

/// `database.sslmode`, with libpq's meaning of each word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SslMode {
    /// Never TLS.
    Disable,
    /// Plain first, TLS if the server wants it.
    Allow,
    /// TLS if the server has it.
    #[default]
    Prefer,
    /// TLS or nothing; the certificate is checked only when a root certificate is given.
    Require,
    /// TLS, and the certificate's chain must be trusted.
    VerifyCa,
    /// As before, and the certificate must name the host.
    VerifyFull,
}

/// TLS settings.
#[derive(Debug, Clone, Default)]
pub struct SslConfig {
    /// `database.sslmode`.
    pub mode: SslMode,
    /// `database.sslcert`: client certificate, PEM.
    pub cert: Option<PathBuf>,
    /// `database.sslkey`: its key, PEM or PKCS-8 DER.
    pub key: Option<PathBuf>,
    /// `database.sslrootcert`: trusted roots, PEM.
    pub root_cert: Option<PathBuf>,
    /// `database.sslpassword`: passphrase of the key.
    pub key_password: Option<Password>,
}

/// How to reach a database.
#[derive(Debug, Clone)]
pub struct Config {
    /// `database.hostname`: a name, an address, or the directory of a Unix socket when it starts with `/`.
    pub host: String,
    /// `database.port`.
    pub port: u16,
    /// `database.user`.
    pub user: String,
    /// `database.password`.
    pub password: Option<Password>,
    /// `database.dbname`.
    pub dbname: String,
    /// `database.ssl*`.
    pub ssl: SslConfig,
    /// `database.connection.timeout.ms`.
    pub connect_timeout: Duration,
    /// `database.query.timeout.ms`; zero for none.
    pub query_timeout: Duration,
    /// `database.tcpKeepAlive`.
    pub tcp_keepalive: bool,
    /// `database.initial.statements`, split.
    pub initial_statements: Vec<String>,
}
