//! The crate's error: what went wrong, and whether trying again can help.

use crate::lsn::Lsn;

/// What went wrong between us and Postgres.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The socket failed.
    #[error("connection to {address}: {source}")]
    Io {
        /// Host and port, or the socket's path.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// The server answered with an error.
    #[error("{action}: {severity}: {message} (SQLSTATE {code}){}", .hint.as_deref().map(|h| format!("; {h}")).unwrap_or_default())]
    Server {
        /// What we were doing.
        action: String,
        /// `ERROR` or `FATAL`.
        severity: String,
        /// The SQLSTATE.
        code: String,
        /// Its message.
        message: String,
        /// Its hint, or ours: what to do.
        hint: Option<String>,
    },
    /// A query over the plain connection failed.
    #[error("{action}: {}", display_sql(.source))]
    Sql {
        /// What we were doing.
        action: String,
        /// Why.
        source: tokio_postgres::Error,
    },
    /// TLS could not be set up as `database.sslmode` wants it.
    #[error("TLS: {0}")]
    Tls(String),
    /// Authentication is not possible.
    #[error("authentication of user {user:?}: {reason}")]
    Auth {
        /// The user.
        user: String,
        /// Why, with what to do.
        reason: String,
    },
    /// The server sent what the protocol does not allow. Never skipped.
    #[error("protocol: {0}")]
    Protocol(String),
    /// The database is not set up for us; says what to do.
    #[error("{0}")]
    Setup(String),
    /// The server ended the stream (shutdown, or it gave up on us).
    #[error("the server ended the replication stream at {0}")]
    StreamEnded(Lsn),
}

fn display_sql(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(db) => format!("{}: {} (SQLSTATE {})", db.severity(), db.message(), db.code().code()),
        None => {
            let mut text = error.to_string();
            let mut cause = std::error::Error::source(error);
            while let Some(c) = cause {
                text = format!("{text}: {c}");
                cause = c.source();
            }
            text
        }
    }
}

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// The SQLSTATE, where the server gave one.
    #[must_use]
    pub fn sqlstate(&self) -> Option<&str> {
        match self {
            Self::Server { code, .. } => Some(code),
            Self::Sql { source, .. } => source.code().map(tokio_postgres::error::SqlState::code),
            _ => None,
        }
    }

    /// Whether the same attempt may succeed later without anybody changing anything: the socket failed, the
    /// server is starting or stopping (class 57), connections or resources ran out (classes 08 and 53), the slot
    /// is in use (55006), a lock or statement timed out.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Io { .. } | Self::StreamEnded(_) => true,
            Self::Server { .. } | Self::Sql { .. } => match self.sqlstate() {
                Some(code) => {
                    ["08", "57", "53", "40"].iter().any(|class| code.starts_with(class))
                        || matches!(code, "55006" | "55P03")
                }
                None => true,
            },
            Self::Tls(_) | Self::Auth { .. } | Self::Protocol(_) | Self::Setup(_) => false,
        }
    }
}
