//! What the crate hands out: batches of events that share the bytes of one socket read.
//!
//! A batch owns one [`Bytes`]; its cells say where each column's bytes lie in it. So a row costs no
//! allocation, whatever its number of columns, and nothing is copied until a converter writes it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::lsn::Lsn;
use crate::relation::Relation;

/// What kind of value a cell holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellKind {
    /// SQL NULL.
    Null,
    /// A TOASTed value that the statement did not change and that the server did not send.
    Unchanged,
    /// The type's text output.
    Text,
    /// The type's binary output (`binary` option of pgoutput).
    Binary,
}

/// Where one column's bytes lie in its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// What lies there.
    pub kind: CellKind,
    /// Offset in [`Batch::bytes`]; 0 where there is no value.
    pub start: u32,
    /// Length in bytes; 0 where there is no value.
    pub len: u32,
}

/// A run of cells in [`Batch::cells`]: one tuple.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tuple {
    /// Index of the first cell.
    pub first: u32,
    /// Number of cells: as many as the relation has columns.
    pub len: u32,
}

/// One column's value, borrowed from its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Datum<'a> {
    /// SQL NULL.
    Null,
    /// Unchanged TOAST.
    Unchanged,
    /// Text output of the type, in UTF-8 (the session's `client_encoding`), not yet checked.
    Text(&'a [u8]),
    /// Binary output of the type.
    Binary(&'a [u8]),
}

/// A tuple with its bytes.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    bytes: &'a [u8],
    cells: &'a [Cell],
}

impl<'a> Row<'a> {
    /// A row over `bytes`, which the cells index.
    #[must_use]
    pub const fn new(bytes: &'a [u8], cells: &'a [Cell]) -> Self {
        Self { bytes, cells }
    }

    /// Number of columns.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether the row has no column at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The value of column `index`; NULL where the row has no such column.
    #[must_use]
    pub fn get(&self, index: usize) -> Datum<'a> {
        let Some(cell) = self.cells.get(index) else { return Datum::Null };
        let slice = || {
            let start = cell.start as usize;
            self.bytes.get(start..start + cell.len as usize).unwrap_or_default()
        };
        match cell.kind {
            CellKind::Null => Datum::Null,
            CellKind::Unchanged => Datum::Unchanged,
            CellKind::Text => Datum::Text(slice()),
            CellKind::Binary => Datum::Binary(slice()),
        }
    }
}

/// What happened to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// Read by a snapshot.
    Read,
    /// Inserted.
    Insert,
    /// Updated.
    Update,
    /// Deleted.
    Delete,
}

/// Which columns an old tuple holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldKind {
    /// Only the columns of the replica identity; the others are NULL.
    Key,
    /// The whole row (REPLICA IDENTITY FULL).
    Full,
}

/// The old image of an update or delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Old {
    /// Which columns it holds.
    pub kind: OldKind,
    /// Its cells.
    pub tuple: Tuple,
}

/// Where an event stands. Equal on every replay of the same transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// LSN of the transaction's commit record (BEGIN's final LSN); a snapshot's consistent point for its rows;
    /// the message's own LSN for a message outside a transaction.
    pub commit_lsn: Lsn,
    /// LSN of the event itself: of a row, truncate or message its own; of a begin the first of the transaction,
    /// or `commit_lsn` where an origin hides it; of a commit its record's.
    pub lsn: Lsn,
    /// How many rows, truncates and transactional messages of the transaction came before this event.
    pub ordinal: u64,
    /// Transaction id: 32 bits while streaming, the full 64 for a snapshot; `None` outside a transaction.
    pub xid: Option<u64>,
    /// Commit time, in microseconds since the Unix epoch; a snapshot's `CURRENT_TIMESTAMP` for its rows; 0 for a
    /// message outside a transaction, which has none.
    pub commit_time_us: i64,
}

/// Which kind of snapshot read a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReadKind {
    /// The one before streaming.
    #[default]
    Initial,
    /// One that was asked for while streaming, which waits for it.
    Blocking,
    /// One that is read chunk by chunk while streaming goes on. Its rows have no mark of a place, and of their
    /// position only the LSN of the event that they come after and the time at which they were sent.
    Incremental,
}

/// Where in its snapshot a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadMark {
    /// Which snapshot.
    pub kind: ReadKind,
    /// First row of the first table of the snapshot (none if that table is empty).
    pub first: bool,
    /// Last row of all.
    pub last: bool,
    /// First row of its table.
    pub first_in_table: bool,
    /// Last row of its table.
    pub last_in_table: bool,
}

/// One row's change.
#[derive(Debug, Clone)]
pub struct Change {
    /// What happened.
    pub op: Op,
    /// The table as it was when the row was written.
    pub relation: Arc<Relation>,
    /// Old image, of an update or delete where the identity gives one.
    pub old: Option<Old>,
    /// New image, of all but a delete.
    pub new: Option<Tuple>,
    /// Where it stands.
    pub position: Position,
    /// Of a snapshot's rows only.
    pub mark: ReadMark,
}

/// One thing that happened, in the order of the log.
#[derive(Debug, Clone)]
pub enum Event {
    /// A transaction begins.
    Begin(Position),
    /// A row changed, or was read by a snapshot.
    Change(Change),
    /// Tables were truncated by one statement.
    Truncate {
        /// The tables that the publication knows, in the order of the message.
        relations: Vec<Arc<Relation>>,
        /// `CASCADE` was given.
        cascade: bool,
        /// `RESTART IDENTITY` was given.
        restart_identity: bool,
        /// Where it stands.
        position: Position,
    },
    /// `pg_logical_emit_message`.
    Message {
        /// Whether it belongs to the transaction around it.
        transactional: bool,
        /// Its prefix.
        prefix: String,
        /// Its content, a part of [`Batch::bytes`].
        content: Bytes,
        /// Where it stands.
        position: Position,
    },
    /// The transaction is complete.
    Commit {
        /// Where it stands: `lsn` is the commit record's LSN.
        position: Position,
        /// End of the commit record: what may be confirmed once all of the transaction is acknowledged.
        end_lsn: Lsn,
    },
    /// The origin of the transaction around it.
    Origin {
        /// LSN of the commit at the origin.
        lsn: Lsn,
        /// Its name.
        name: String,
    },
    /// The server has sent everything up to here and no transaction is open.
    Idle {
        /// End of WAL on the server.
        lsn: Lsn,
        /// The server waits for an answer: it will be shut down or is about to give up on us.
        reply: bool,
    },
    /// The snapshot is complete; streaming starts at its consistent point.
    SnapshotDone(Position),
}

/// When a batch was read from the stream's bytes, and how long that took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decoded {
    /// When it was done.
    pub at: Instant,
    /// How long it took, with what the catalog was asked for new relations.
    pub took: Duration,
}

/// Events that share the bytes of one socket read.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// What the cells index.
    pub bytes: Bytes,
    /// The cells of all tuples.
    pub cells: Vec<Cell>,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// Of a batch of the stream only.
    pub decoded: Option<Decoded>,
}

impl Batch {
    /// The row of `tuple`.
    #[must_use]
    pub fn row(&self, tuple: Tuple) -> Row<'_> {
        let first = tuple.first as usize;
        Row::new(&self.bytes, self.cells.get(first..first + tuple.len as usize).unwrap_or_default())
    }

    /// Memory that the batch holds, in bytes: what the queue counts.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.bytes.len()
            + self.cells.len() * size_of::<Cell>()
            + self.events.len() * size_of::<Event>()
    }
}
