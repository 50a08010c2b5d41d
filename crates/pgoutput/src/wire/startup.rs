//! The startup packet of a replication connection, and what follows up to the first `ReadyForQuery`.

use bytes::BytesMut;
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend;

use super::auth::Auth;
use super::frame::{Connection, Reply};
use super::{Transport, address};
use crate::config::Config;
use crate::error::{Error, Result};

/// Settings of the session, so that values come as text in one form whatever the server's defaults are.
///
/// Debezium leaves some of them to the database and loses what its driver cannot read back: the larger parts of an interval in
/// another style, digits of floats, every bytea in the escape format.
const SETTINGS: [(&str, &str); 6] = [
    ("client_encoding", "UTF8"),
    ("DateStyle", "ISO"),
    ("TimeZone", "UTC"),
    ("IntervalStyle", "postgres"),
    ("bytea_output", "hex"),
    ("extra_float_digits", "3"),
];

/// Opens a session that takes replication commands for one database.
pub(crate) async fn replication(config: &Config, application_name: &str) -> Result<Connection> {
    super::open(config, |transport| start(config, application_name, transport)).await
}

async fn start(
    config: &Config,
    application_name: &str,
    transport: Transport,
) -> Result<Connection> {
    let address = address(config);
    let action = format!("connect to {address} for replication");
    let Transport { socket, binding } = transport;
    let mut connection =
        Connection { socket, buf: BytesMut::with_capacity(8192), address, server_major: 0 };
    let mut out = BytesMut::new();
    let who = [
        ("user", config.user.as_str()),
        ("database", config.dbname.as_str()),
        ("replication", "database"),
        ("application_name", application_name),
    ];
    frontend::startup_message(who.into_iter().chain(SETTINGS), &mut out)
        .map_err(|e| Error::Protocol(format!("{action}: {e}")))?;
    connection.send(&out).await?;

    let mut auth = Auth::new(&config.user, config.password.as_ref(), binding);
    loop {
        let Reply::Message(message) = connection.receive(&action).await? else {
            return Err(Error::Protocol(format!("{action}: unexpected stream")));
        };
        out.clear();
        if auth.answer(&message, &mut out)? {
            break;
        }
        if !out.is_empty() {
            connection.send(&out).await?;
        }
    }
    loop {
        match connection.receive(&action).await? {
            Reply::Message(Message::ReadyForQuery(_)) => return Ok(connection),
            Reply::Message(Message::BackendKeyData(_)) => {}
            _ => {
                return Err(Error::Protocol(format!(
                    "{action}: unexpected message after authentication"
                )));
            }
        }
    }
}
