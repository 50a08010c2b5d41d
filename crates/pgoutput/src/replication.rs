//! A replication connection before it streams: who the server is, and the making of a slot.
//!
//! [`stream`](crate::stream) takes it over and streams.

use std::time::Duration;

use crate::config::Config;
use crate::error::{Error, Result};
use crate::lsn::Lsn;
use crate::wire::frame::Connection;
use crate::wire::query::{Row, quote_identifier, quote_literal};
use crate::wire::startup;

/// What `IDENTIFY_SYSTEM` answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct System {
    /// Names the cluster; differs after a restore from another one.
    pub system_id: String,
    /// Rises with each failover.
    pub timeline: u32,
    /// End of the flushed log.
    pub flushed: Lsn,
}

/// A slot that was just made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedSlot {
    /// Its name.
    pub name: String,
    /// What is committed before is in the snapshot, what is committed after is in the stream.
    pub consistent_point: Lsn,
    /// Name of the exported snapshot. It can be imported until this connection sends its next command or ends.
    pub snapshot: String,
}

/// What `START_REPLICATION` is told.
#[derive(Debug, Clone)]
pub(crate) struct Start<'a> {
    pub(crate) slot: &'a str,
    pub(crate) publication: &'a str,
    pub(crate) from: Lsn,
    pub(crate) params: &'a [(String, String)],
}

/// A connection that takes replication commands.
#[derive(Debug)]
pub struct Replication {
    connection: Connection,
}

impl Replication {
    /// Connects with `replication=database`.
    ///
    /// # Errors
    /// What [`Error::is_transient`] tells apart; the text names host, port, user and database, and what to do.
    pub async fn connect(config: &Config, application_name: &str) -> Result<Self> {
        Ok(Self { connection: startup::replication(config, application_name).await? })
    }

    /// Major version of the server.
    #[must_use]
    pub const fn server_major(&self) -> u32 {
        self.connection.server_major
    }

    /// `IDENTIFY_SYSTEM`.
    ///
    /// # Errors
    /// The connection's, or an answer that is none.
    pub async fn identify_system(&mut self) -> Result<System> {
        let action = "identify system";
        let rows = self.connection.query(action, "IDENTIFY_SYSTEM").await?;
        let row = only(action, rows)?;
        Ok(System {
            system_id: text(action, &row, 0)?.to_owned(),
            timeline: parse(action, &row, 1)?,
            flushed: parse(action, &row, 2)?,
        })
    }

    /// Makes a permanent logical slot with `pgoutput` and exports its snapshot. Leave this connection alone until
    /// the snapshot is imported. The server first waits for all running transactions to end.
    ///
    /// # Errors
    /// The server's, with what to do (`wal_level`, no free slot, name in use).
    pub async fn create_slot(&mut self, name: &str, failover: bool) -> Result<CreatedSlot> {
        // The bare form is understood by every version; options came with 15, FAILOVER with 17.
        let options = if failover { " (FAILOVER)" } else { "" };
        self.make_slot(name, ["", options]).await
    }

    /// As [`Self::create_slot`], but the slot goes with this connection: to have a snapshot of which the place in the
    /// log is known.
    ///
    /// # Errors
    /// As there.
    pub async fn create_temporary_slot(&mut self, name: &str) -> Result<CreatedSlot> {
        self.make_slot(name, [" TEMPORARY", ""]).await
    }

    async fn make_slot(&mut self, name: &str, [kind, options]: [&str; 2]) -> Result<CreatedSlot> {
        let action = format!("create replication slot {name:?}");
        let slot = quote_identifier(name);
        let sql = format!("CREATE_REPLICATION_SLOT {slot}{kind} LOGICAL pgoutput{options}");
        let row = only(&action, self.connection.query(&action, &sql).await?)?;
        Ok(CreatedSlot {
            name: text(&action, &row, 0)?.to_owned(),
            consistent_point: parse(&action, &row, 1)?,
            snapshot: text(&action, &row, 2)?.to_owned(),
        })
    }

    /// Says goodbye.
    pub async fn close(mut self) {
        let mut out = bytes::BytesMut::new();
        postgres_protocol::message::frontend::terminate(&mut out);
        if let Err(error) = self.connection.send(&out).await {
            tracing::debug!(%error, "close replication connection");
        }
    }

    /// `wal_sender_timeout` of this connection; `None` when it is off.
    pub(crate) async fn wal_sender_timeout(&mut self) -> Result<Option<Duration>> {
        let action = "read wal_sender_timeout";
        // Its unit in pg_settings is the millisecond, however it was written.
        let sql = "SELECT setting FROM pg_catalog.pg_settings WHERE name = 'wal_sender_timeout'";
        let row = only(action, self.connection.query(action, sql).await?)?;
        let millis: u64 = parse(action, &row, 0)?;
        Ok((millis > 0).then(|| Duration::from_millis(millis)))
    }

    /// `START_REPLICATION`; gives the connection up to the stream.
    pub(crate) async fn start(mut self, start: &Start<'_>) -> Result<Connection> {
        let action = format!("start replication from slot {:?} at {}", start.slot, start.from);
        let sql = start_sql(start, self.server_major());
        self.connection.open_stream(&action, &sql).await?;
        Ok(self.connection)
    }
}

/// The command. The three options that are ours cannot be replaced by the user's.
fn start_sql(start: &Start<'_>, server_major: u32) -> String {
    let mut options = Vec::new();
    for (name, value) in start.params {
        let ours = ["proto_version", "publication_names", "messages"];
        if !ours.contains(&name.to_ascii_lowercase().as_str()) {
            options.push((name.as_str(), value.clone()));
        }
    }
    options.push(("proto_version", "1".to_owned()));
    // A list of identifiers inside of a literal: unquoted ones would be folded to lower case.
    options.push(("publication_names", quote_identifier(start.publication)));
    if server_major >= 14 {
        options.push(("messages", "true".to_owned()));
    }
    let options: Vec<String> = options
        .iter()
        .map(|(name, value)| format!("{} {}", quote_identifier(name), quote_literal(value)))
        .collect();
    let slot = quote_identifier(start.slot);
    format!("START_REPLICATION SLOT {slot} LOGICAL {} ({})", start.from, options.join(", "))
}

fn only(action: &str, rows: Vec<Row>) -> Result<Row> {
    <[Row; 1]>::try_from(rows)
        .map(|[row]| row)
        .map_err(|rows| Error::Protocol(format!("{action}: {} rows instead of one", rows.len())))
}

fn text<'a>(action: &str, row: &'a Row, index: usize) -> Result<&'a str> {
    row.get(index)
        .and_then(Option::as_deref)
        .ok_or_else(|| Error::Protocol(format!("{action}: no column {index} in the answer")))
}

fn parse<T: std::str::FromStr>(action: &str, row: &Row, index: usize) -> Result<T> {
    text(action, row, index)?.parse().ok().ok_or_else(|| {
        Error::Protocol(format!("{action}: column {index} of the answer is malformed"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_ours_cannot_be_replaced() {
        let params = [
            ("Proto_Version".to_owned(), "9".to_owned()),
            ("origin".to_owned(), "it's".to_owned()),
        ];
        let start = Start {
            slot: "s",
            publication: "My\"Pub",
            from: Lsn::new(0x1_0000_00AB),
            params: &params,
        };
        assert_eq!(
            start_sql(&start, 14),
            "START_REPLICATION SLOT \"s\" LOGICAL 1/AB (\"origin\" 'it''s', \"proto_version\" '1', \
             \"publication_names\" '\"My\"\"Pub\"', \"messages\" 'true')"
        );
        assert!(!start_sql(&start, 13).contains("messages"));
    }
}
