//! The simple query protocol: replication commands know no other.

use bytes::BytesMut;
use postgres_protocol::message::backend::{DataRowBody, Message};
use postgres_protocol::message::frontend;
use tokio_postgres::fallible_iterator::FallibleIterator as _;

use super::frame::{Connection, Reply};
use crate::error::{Error, Result};

/// A row, as text.
pub(crate) type Row = Vec<Option<String>>;

impl Connection {
    /// Runs `sql` and gives the rows. An error of the server leaves the connection usable.
    pub(crate) async fn query(&mut self, action: &str, sql: &str) -> Result<Vec<Row>> {
        self.send(&query(action, sql)?).await?;
        let mut rows = Vec::new();
        let mut failed = None;
        loop {
            match self.receive(action).await {
                Ok(Reply::Message(Message::DataRow(row))) => rows.push(parse_row(action, &row)?),
                Ok(Reply::Message(Message::ReadyForQuery(_))) => break,
                Ok(Reply::Message(
                    Message::RowDescription(_)
                    | Message::CommandComplete(_)
                    | Message::EmptyQueryResponse,
                )) => {}
                Ok(_) => return Err(unexpected(action)),
                // ReadyForQuery follows an ERROR, not a FATAL.
                Err(error @ Error::Server { .. }) if !is_fatal(&error) => failed = Some(error),
                Err(error) => return Err(error),
            }
        }
        failed.map_or(Ok(rows), Err)
    }

    /// Runs a command that opens a stream in both directions.
    pub(crate) async fn open_stream(&mut self, action: &str, sql: &str) -> Result<()> {
        self.send(&query(action, sql)?).await?;
        match self.receive(action).await? {
            Reply::CopyBoth => Ok(()),
            Reply::Message(_) => Err(unexpected(action)),
        }
    }
}

fn is_fatal(error: &Error) -> bool {
    matches!(error, Error::Server { severity, .. } if severity != "ERROR")
}

fn unexpected(action: &str) -> Error {
    Error::Protocol(format!("{action}: unexpected answer"))
}

fn query(action: &str, sql: &str) -> Result<BytesMut> {
    let mut out = BytesMut::new();
    frontend::query(sql, &mut out).map_err(|e| Error::Protocol(format!("{action}: {e}")))?;
    Ok(out)
}

fn parse_row(action: &str, row: &DataRowBody) -> Result<Row> {
    let failed = |e: std::io::Error| Error::Protocol(format!("{action}: row: {e}"));
    row.ranges()
        .map(|range| {
            Ok(range.map(|range| {
                String::from_utf8_lossy(row.buffer().get(range).unwrap_or_default()).into_owned()
            }))
        })
        .collect()
        .map_err(failed)
}

/// An SQL identifier in quotes.
#[must_use]
pub fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A literal, for replication commands and for `standard_conforming_strings = on`: a backslash is itself.
#[must_use]
pub fn quote_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_cannot_be_left() {
        assert_eq!(quote_identifier("a\"b"), "\"a\"\"b\"");
        assert_eq!(quote_literal("a'b"), "'a''b'");
    }
}
