//! The initial copy: rows of all captured tables as they were at one instant.
//!
//! With a slot just made, the instant is the slot's consistent point: the exported snapshot is imported, and the
//! stream holds exactly what the snapshot does not.
//!
//! With a slot that was there before, a temporary one made for its snapshot gives the same ([`View::Exported`]). Where
//! the server has no room for it, the instant is now, in one REPEATABLE READ transaction over all tables (Debezium
//! reads each table at an instant of its own). Its position is the end of the log as read *before* the transaction
//! takes its snapshot, so that what commits between is read twice and not lost. One window is left, Debezium's too: a
//! transaction whose commit record was already written then but which was not yet visible to others (its flush is under
//! way, or it waits for a synchronous standby) is in neither, if the stream skips what lies before that position.

mod batcher;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio_util::sync::CancellationToken;

use crate::batch::{Batch, Event, Position, ReadKind};
use crate::catalog::Catalog;
use crate::error::{Error, Result};
use crate::lsn::Lsn;
use crate::queue::Sender;
use crate::relation::Relation;
use crate::wire::fault;
use crate::wire::query::{quote_identifier, quote_literal};
use batcher::Batcher;

/// `snapshot.isolation.mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// `SERIALIZABLE, READ ONLY, DEFERRABLE`: waits for a moment at which nothing can go wrong. Not on a standby.
    Serializable,
    /// `REPEATABLE READ, READ ONLY`: one instant for all tables.
    #[default]
    RepeatableRead,
    /// `READ COMMITTED, READ ONLY`: each table at its own instant.
    ReadCommitted,
    /// As the one before: Postgres knows no weaker one.
    ReadUncommitted,
}

impl Isolation {
    const fn sql(self) -> &'static str {
        match self {
            Self::Serializable => "ISOLATION LEVEL SERIALIZABLE, READ ONLY, DEFERRABLE",
            Self::RepeatableRead => "ISOLATION LEVEL REPEATABLE READ, READ ONLY",
            Self::ReadCommitted => "ISOLATION LEVEL READ COMMITTED, READ ONLY",
            Self::ReadUncommitted => "ISOLATION LEVEL READ UNCOMMITTED, READ ONLY",
        }
    }
}

/// Which instant is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum View {
    /// The one that a slot's making exported.
    Exported {
        /// Its name: [`CreatedSlot::snapshot`](crate::replication::CreatedSlot::snapshot).
        snapshot: String,
        /// Its position: the consistent point.
        lsn: Lsn,
    },
    /// Now.
    Now(Isolation),
}

/// A table to copy.
#[derive(Debug, Clone)]
pub struct Source {
    /// The table; its columns are those that are read, in this order.
    pub relation: Arc<Relation>,
    /// `snapshot.select.statement.overrides`: read this in the place of the table. It must give the relation's
    /// columns in their order.
    pub select: Option<String>,
    /// Counts the rows, once a batch.
    pub rows: Arc<AtomicU64>,
}

/// How a copy ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All rows and [`Event::SnapshotDone`] are in the queue.
    Complete,
    /// Told to stop, or the queue's receiver is gone.
    Stopped,
}

/// An open snapshot: a transaction, and what it says of itself.
#[derive(Debug)]
pub struct Snapshot {
    catalog: Catalog,
    position: Position,
}

impl Snapshot {
    /// Opens the transaction on the catalog's session. After this the connection that made the slot is free.
    ///
    /// # Errors
    /// The server's: a snapshot that is exported no more is 22023 or 42704.
    pub async fn begin(catalog: Catalog, view: View) -> Result<Self> {
        let client = catalog.client();
        let (begin, lsn) = match &view {
            View::Exported { snapshot, lsn } => {
                let name = quote_literal(snapshot);
                let sql = format!(
                    "BEGIN; SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT {name}"
                );
                (sql, *lsn)
            }
            View::Now(isolation) => {
                (format!("BEGIN TRANSACTION {}", isolation.sql()), current_lsn(client).await?)
            }
        };
        // A large table takes longer than any timeout meant for queries.
        client
            .batch_execute(&format!("{begin}; SET LOCAL statement_timeout = 0"))
            .await
            .map_err(|e| fault::from_sql("open the snapshot", e))?;
        let (xid, time_us) = identify(client).await?;
        let position =
            Position { commit_lsn: lsn, lsn, ordinal: 0, xid: Some(xid), commit_time_us: time_us };
        Ok(Self { catalog, position })
    }

    /// Where it stands. Its rows have the same position but for the ordinal.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.position
    }

    /// The catalogs, as of the snapshot's session. (The server looks names up in the present even so.)
    pub const fn catalog(&mut self) -> &mut Catalog {
        &mut self.catalog
    }

    /// `snapshot.locking.mode=shared`: keeps others from changing the tables' structure until the end.
    ///
    /// # Errors
    /// The server's; 55P03 when a lock does not come within `timeout` (`snapshot.lock.timeout.ms`).
    pub async fn lock(&mut self, tables: &[Arc<Relation>], timeout: Duration) -> Result<()> {
        let mut sql = format!("SET LOCAL lock_timeout = {}", timeout.as_millis());
        for table in tables {
            sql = format!("{sql}; LOCK TABLE {} IN ACCESS SHARE MODE", qualified(table));
        }
        let locked = self.catalog.client().batch_execute(&sql).await;
        locked.map_err(|e| fault::from_sql("lock the tables of the snapshot", e))
    }

    /// Copies the tables in their order, then says [`Event::SnapshotDone`].
    ///
    /// # Errors
    /// The server's, or a row that does not have the relation's columns.
    pub async fn copy(
        &mut self,
        tables: &[Source],
        queue: &Sender,
        stop: &CancellationToken,
    ) -> Result<Outcome> {
        let mut copier = self.copier(self.position, ReadKind::Initial);
        for table in tables {
            if copier.copy(table, queue, stop).await? == Outcome::Stopped {
                return Ok(Outcome::Stopped);
            }
        }
        Ok(copier.finish(queue, stop).await)
    }

    /// What copies the tables one by one; their rows will have that position, and be of that kind.
    #[must_use]
    pub fn copier(&self, position: Position, kind: ReadKind) -> Copier<'_> {
        let client = self.catalog.client();
        Copier { client, position, kind, batcher: Batcher::new(position, kind), is_first: true }
    }

    /// A `snapshot.select.statement.overrides` made to give the relation's columns in their order: columns are matched
    /// by name as Debezium does, those that it does not give are NULL, and others are left out.
    ///
    /// # Errors
    /// The server's, that of the statement included.
    pub async fn arrange(&self, relation: &Relation, select: &str) -> Result<String> {
        let action = format!("snapshot.select.statement.overrides of {}", qualified(relation));
        let select = select.trim().trim_end_matches(';');
        let prepared = self.catalog.client().prepare(select).await;
        let prepared = prepared.map_err(|e| fault::from_sql(&action, e))?;
        let column = |column: &crate::relation::Column| {
            let name = quote_identifier(&column.name);
            if prepared.columns().iter().any(|given| given.name() == column.name) {
                format!("o.{name}")
            } else {
                format!("NULL AS {name}")
            }
        };
        let columns: Vec<String> = relation.columns.iter().map(column).collect();
        Ok(format!("SELECT {} FROM (\n{select}\n) AS o", columns.join(", ")))
    }

    /// Ends the transaction and gives the catalog back. A snapshot that is dropped instead closes its session.
    ///
    /// # Errors
    /// The server's.
    pub async fn finish(self) -> Result<Catalog> {
        let ended = self.catalog.client().batch_execute("COMMIT").await;
        ended.map_err(|e| fault::from_sql("end the snapshot", e))?;
        Ok(self.catalog)
    }
}

/// Copies table after table; see [`Snapshot::copier`].
#[derive(Debug)]
pub struct Copier<'a> {
    client: &'a crate::sql::Client,
    position: Position,
    kind: ReadKind,
    batcher: Batcher,
    is_first: bool,
}

impl Copier<'_> {
    /// Copies a table.
    ///
    /// # Errors
    /// The server's, or a row that does not have the relation's columns.
    pub async fn copy(
        &mut self,
        table: &Source,
        queue: &Sender,
        stop: &CancellationToken,
    ) -> Result<Outcome> {
        self.batcher.begin_table(Arc::clone(&table.relation), std::mem::take(&mut self.is_first));
        let name = qualified(&table.relation);
        let action = format!("snapshot of table {name}");
        let failed = |e| fault::from_sql(&action, e);
        let sql = copy_sql(table);
        let mut counted = 0;
        let copy = self.client.copy_out(sql.as_str()).await.map_err(failed)?;
        let mut rows = std::pin::pin!(copy);
        loop {
            let row = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(Outcome::Stopped),
                row = rows.next() => row,
            };
            let Some(row) = row else { break };
            let full = self.batcher.push(&row.map_err(failed)?).map_err(|e| within(&action, &e))?;
            counted += 1;
            if let Some(batch) = full {
                table.rows.fetch_add(std::mem::take(&mut counted), Ordering::Relaxed);
                if send(queue, batch, stop).await == Outcome::Stopped {
                    return Ok(Outcome::Stopped);
                }
            }
        }
        table.rows.fetch_add(counted, Ordering::Relaxed);
        self.batcher.end_table();
        Ok(Outcome::Complete)
    }

    /// No more tables: sends the last row, and after an initial snapshot [`Event::SnapshotDone`].
    pub async fn finish(self, queue: &Sender, stop: &CancellationToken) -> Outcome {
        let Self { position, kind, batcher, .. } = self;
        let batch = batcher.finish();
        if !batch.events.is_empty() && send(queue, batch, stop).await == Outcome::Stopped {
            return Outcome::Stopped;
        }
        if kind != ReadKind::Initial {
            return Outcome::Complete;
        }
        let done = Batch { events: vec![Event::SnapshotDone(position)], ..Batch::default() };
        send(queue, done, stop).await
    }
}

async fn send(queue: &Sender, batch: Batch, stop: &CancellationToken) -> Outcome {
    tokio::select! {
        biased;
        () = stop.cancelled() => Outcome::Stopped,
        sent = queue.send(batch) => if sent.is_ok() { Outcome::Complete } else { Outcome::Stopped },
    }
}

fn within(action: &str, error: &Error) -> Error {
    Error::Protocol(format!("{action}: {error}"))
}

fn qualified(relation: &Relation) -> String {
    format!("{}.{}", quote_identifier(&relation.schema), quote_identifier(&relation.name))
}

fn copy_sql(table: &Source) -> String {
    let select = table.select.as_ref().map_or_else(
        || {
            let columns: Vec<String> = table
                .relation
                .columns
                .iter()
                .map(|column| quote_identifier(&column.name))
                .collect();
            // A SELECT, not the table itself: COPY of a table leaves generated columns and partitions out.
            format!("SELECT {} FROM {}", columns.join(", "), qualified(&table.relation))
        },
        // A line comment at its end must not swallow the bracket.
        |select| format!("{}\n", select.trim().trim_end_matches(';')),
    );
    format!("COPY ({select}) TO STDOUT")
}

/// The end of the log; on a standby, of what it has replayed and so can show.
async fn current_lsn(client: &crate::sql::Client) -> Result<Lsn> {
    let action = "read the position of the log";
    let sql = "SELECT (CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() \
               ELSE pg_catalog.pg_current_wal_lsn() END)::text";
    let failed = |e| fault::from_sql(action, e);
    let row = client.query_typed_one(sql, &[]).await.map_err(failed)?;
    let text: &str = row.try_get(0).map_err(failed)?;
    text.parse().map_err(|e| Error::Protocol(format!("{action}: {e}")))
}

/// The transaction's id (0 on a standby, which gives none) and its time in microseconds since the Unix epoch.
async fn identify(client: &crate::sql::Client) -> Result<(u64, i64)> {
    let action = "identify the snapshot";
    let xid = if client.server_major() >= 13 {
        "pg_catalog.pg_current_xact_id()::text"
    } else {
        "pg_catalog.txid_current()::text"
    };
    let sql = format!(
        "SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN '0' ELSE {xid} END, \
         (extract(epoch FROM current_timestamp) * 1000000)::int8"
    );
    let failed = |e| fault::from_sql(action, e);
    let row = client.query_typed_one(&sql, &[]).await.map_err(failed)?;
    let xid: &str = row.try_get(0).map_err(failed)?;
    let xid = xid.parse().map_err(|e| Error::Protocol(format!("{action}: transaction id: {e}")))?;
    Ok((xid, row.try_get(1).map_err(failed)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relation::ReplicaIdentity;

    #[test]
    fn names_and_overrides_reach_the_server_whole() {
        let relation = Arc::new(Relation {
            oid: 1,
            schema: "s".to_owned(),
            name: "t\"x".to_owned(),
            identity: ReplicaIdentity::Default,
            columns: Vec::new(),
            key: Vec::new(),
        });
        let mut source = Source { relation, select: None, rows: Arc::default() };
        assert_eq!(copy_sql(&source), "COPY (SELECT  FROM \"s\".\"t\"\"x\") TO STDOUT");
        source.select = Some(" SELECT 1 -- one; ".to_owned());
        assert_eq!(copy_sql(&source), "COPY (SELECT 1 -- one\n) TO STDOUT");
    }
}
