//! Plain SQL: catalogs, slots, publications, snapshots. Same sockets, TLS and authentication as replication.

use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::{future, io};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::JoinHandle;
use tokio_postgres::NoTls;
use tokio_postgres::config::{SslMode, SslNegotiation};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

use crate::config::Config;
use crate::error::{Error, Result};
use crate::wire::frame::major;
use crate::wire::query::{quote_identifier, quote_literal};
use crate::wire::{self, Socket, Transport, fault};

/// Settings of each session: those of the replication session, so that both print alike whatever the database's are.
const SETTINGS: &str = "SET DateStyle = 'ISO'; SET TimeZone = 'UTC'; SET IntervalStyle = 'postgres'; \
     SET bytea_output = 'hex'; SET extra_float_digits = 3";

/// A session. The task that moves its bytes ends when the session is dropped or closed.
#[derive(Debug)]
pub struct Client {
    client: tokio_postgres::Client,
    task: JoinHandle<()>,
    server_major: u32,
    user: String,
    dbname: String,
}

impl Deref for Client {
    type Target = tokio_postgres::Client;

    fn deref(&self) -> &Self::Target {
        &self.client
    }
}

impl Client {
    /// Major version of the server.
    #[must_use]
    pub const fn server_major(&self) -> u32 {
        self.server_major
    }

    /// The user that it is connected as.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The database that it is connected to.
    #[must_use]
    pub fn dbname(&self) -> &str {
        &self.dbname
    }

    /// Says goodbye and waits until the socket is closed.
    pub async fn close(self) {
        drop(self.client);
        if let Err(error) = self.task.await {
            tracing::warn!(%error, "connection task");
        }
    }
}

/// Connects, sets the session up and runs `database.initial.statements`.
///
/// `database.query.timeout.ms` becomes the session's `statement_timeout`; an initial statement may set another.
///
/// # Errors
/// What [`Error::is_transient`] tells apart; the text names host, port, user and database, and what to do.
pub async fn connect(config: &Config, application_name: &str) -> Result<Client> {
    let client = wire::open(config, |transport| start(config, application_name, transport)).await?;
    let timeout = config.query_timeout.as_millis();
    client
        .batch_execute(&format!("{SETTINGS}; SET statement_timeout = {timeout}"))
        .await
        .map_err(|e| fault::from_sql("set up the session", e))?;
    for (index, statement) in config.initial_statements.iter().enumerate() {
        client.batch_execute(statement).await.map_err(|e| {
            fault::from_sql(&format!("statement {} of database.initial.statements", index + 1), e)
        })?;
    }
    Ok(client)
}

/// Runs statements of the user's.
///
/// # Errors
/// The server's.
pub async fn execute(client: &Client, action: &str, statements: &str) -> Result<()> {
    client.batch_execute(statements).await.map_err(|e| fault::from_sql(action, e))
}

async fn start(config: &Config, application_name: &str, transport: Transport) -> Result<Client> {
    let mut session = tokio_postgres::Config::new();
    session.user(&config.user).dbname(&config.dbname).application_name(application_name);
    if let Some(password) = config.password.as_ref().filter(|p| !p.reveal().is_empty()) {
        session.password(password.reveal());
    }
    let failed = |error: tokio_postgres::Error| connect_error(config, error);
    let Transport { socket, binding } = transport;
    if matches!(socket, Socket::Tls(_)) {
        // The handshake is done; "direct" keeps tokio-postgres from asking for it again.
        session.ssl_mode(SslMode::Require).ssl_negotiation(SslNegotiation::Direct);
        let (client, connection) =
            session.connect_raw(socket, Bound(binding)).await.map_err(failed)?;
        let server_major = connection.parameter("server_version").map_or(0, major);
        let task = tokio::spawn(run(connection));
        return Ok(client_of(config, client, task, server_major));
    }
    session.ssl_mode(SslMode::Disable);
    let (client, connection) = session.connect_raw(socket, NoTls).await.map_err(failed)?;
    let server_major = connection.parameter("server_version").map_or(0, major);
    let task = tokio::spawn(run(connection));
    Ok(client_of(config, client, task, server_major))
}

fn client_of(
    config: &Config,
    client: tokio_postgres::Client,
    task: JoinHandle<()>,
    server_major: u32,
) -> Client {
    Client { client, task, server_major, user: config.user.clone(), dbname: config.dbname.clone() }
}

/// The end of the connection reaches its user with the next query; here it is only noted.
async fn run(connection: impl Future<Output = Result<(), tokio_postgres::Error>>) {
    if let Err(error) = connection.await {
        tracing::debug!(%error, "SQL connection ended");
    }
}

fn connect_error(config: &Config, error: tokio_postgres::Error) -> Error {
    let address = wire::address(config);
    if error.as_db_error().is_some() {
        return fault::from_sql(&format!("connect to {address}"), error);
    }
    let mut reason = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<io::Error>() {
            return Error::Io {
                address,
                source: wire::explain(io::Error::new(io.kind(), io.to_string())),
            };
        }
        reason = format!("{reason}: {inner}");
        cause = inner.source();
    }
    if reason.contains("password missing") {
        "the server asks for a password; set database.password".clone_into(&mut reason);
    } else if error.is_closed() {
        return Error::Io { address, source: wire::explain(io::ErrorKind::UnexpectedEof.into()) };
    }
    Error::Auth { user: config.user.clone(), reason }
}

/// Hands a socket that is under TLS already to tokio-postgres, with its channel binding.
struct Bound(Option<Vec<u8>>);

/// Such a socket.
struct BoundStream {
    socket: Socket,
    binding: Option<Vec<u8>>,
}

impl TlsConnect<Socket> for Bound {
    type Stream = BoundStream;
    type Error = io::Error;
    type Future = future::Ready<io::Result<BoundStream>>;

    fn connect(self, socket: Socket) -> Self::Future {
        future::ready(Ok(BoundStream { socket, binding: self.0 }))
    }
}

impl TlsStream for BoundStream {
    fn channel_binding(&self) -> ChannelBinding {
        self.binding.clone().map_or_else(ChannelBinding::none, ChannelBinding::tls_server_end_point)
    }
}

impl AsyncRead for BoundStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_read(cx, buf)
    }
}

impl AsyncWrite for BoundStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().socket).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(cx)
    }
}

/// Inserts one row of texts into a table, as its first columns: what a signal is. The server turns each text into its
/// column's type.
///
/// # Errors
/// The server's: no such table, no right to write to it.
pub async fn insert_texts(client: &Client, schema: &str, table: &str, row: &[&str]) -> Result<()> {
    let values: Vec<String> = row.iter().map(|text| quote_literal(text)).collect();
    let (schema, table) = (quote_identifier(schema), quote_identifier(table));
    let sql = format!("INSERT INTO {schema}.{table} VALUES ({})", values.join(", "));
    let done = client.batch_execute(&sql).await;
    done.map_err(|e| fault::from_sql(&format!("insert into {schema}.{table}"), e))
}
