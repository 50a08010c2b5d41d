//! [`parse`]: one pgoutput message from its bytes, in protocol versions 1 to 4.
//!
//! Borrowed and without copies: names borrow the bytes, and the columns of tuples go as [`Cell`]s into the batch's
//! vector. A message is parsed whole or not at all: unknown tags, flags and kinds, impossible lengths and left-over
//! bytes are errors.
//!
//! Source: the manual's chapter "Logical Replication Message Formats", and
//! `src/backend/replication/logical/proto.c` of Postgres 14 to 18 where the manual leaves a question open.

mod parse;

#[cfg(test)]
pub(crate) mod encode;
#[cfg(test)]
pub(crate) mod golden;
#[cfg(test)]
mod tests;

use crate::batch::{Cell, Old, Tuple};
use crate::error::Result;
use crate::lsn::Lsn;
use crate::relation::ReplicaIdentity;

pub(crate) use parse::read;

/// What the bytes of a message do not say about themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// The message stands between a [`Message::StreamStart`] and its [`Message::StreamStop`]: data messages carry
    /// the id of their (sub)transaction.
    pub streaming: bool,
    /// `proto_version` of `START_REPLICATION`: 1 to 4. 2 adds streaming (Postgres 14), 3 two-phase commit (15),
    /// 4 parallel streaming (16).
    pub protocol: u8,
}

impl Format {
    /// Version 1: nothing streamed, nothing prepared.
    pub const PLAIN: Self = Self { streaming: false, protocol: 1 };
}

/// One column of a [`RelationMessage`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelationColumn {
    /// Its name.
    pub name: String,
    /// OID of its type.
    pub type_oid: u32,
    /// Its type modifier (`atttypmod`); -1 for none.
    pub typmod: i32,
    /// Whether it is part of the replica identity (of all columns, with REPLICA IDENTITY FULL).
    pub identity: bool,
}

/// A table, as the server announces it before the first row that needs it and again after each change of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelationMessage {
    /// Its OID.
    pub oid: u32,
    /// Its schema. `pg_catalog` is empty on the wire and spelled out here.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Which old values are written for it.
    pub identity: ReplicaIdentity,
    /// The published columns, in the order of its rows: no generated ones unless the publication says
    /// `publish_generated_columns = stored` (Postgres 18), no virtual ones ever, and only those of the
    /// publication's column list (15).
    pub columns: Vec<RelationColumn>,
}

/// What a [`Message::StreamAbort`] says besides, when `streaming` is `parallel`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbortPoint {
    /// LSN of the abort.
    pub lsn: Lsn,
    /// Time of the abort, in microseconds since the Unix epoch.
    pub time_us: i64,
}

/// One pgoutput message. Times are in microseconds since the Unix epoch. `xid` of a data message is the
/// (sub)transaction's, given while streaming only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message<'a> {
    /// `B`: a transaction begins.
    Begin {
        /// LSN of its commit record.
        final_lsn: Lsn,
        /// When it was committed.
        commit_time_us: i64,
        /// Its id.
        xid: u32,
    },
    /// `C`: the transaction is complete.
    Commit {
        /// LSN of its commit record.
        commit_lsn: Lsn,
        /// End of that record.
        end_lsn: Lsn,
        /// When it was committed.
        commit_time_us: i64,
    },
    /// `O`: the transaction was first committed elsewhere.
    Origin {
        /// LSN of the commit there.
        lsn: Lsn,
        /// The origin's name.
        name: &'a str,
    },
    /// `R`: a table.
    Relation {
        /// While streaming.
        xid: Option<u32>,
        /// The table.
        relation: RelationMessage,
    },
    /// `Y`: a type that is not built in. Of a domain, the OID is its own and the name its base type's.
    Type {
        /// While streaming.
        xid: Option<u32>,
        /// Its OID.
        oid: u32,
        /// Its schema. `pg_catalog` is empty on the wire and spelled out here.
        schema: &'a str,
        /// Its name.
        name: &'a str,
    },
    /// `I`: a row was inserted.
    Insert {
        /// While streaming.
        xid: Option<u32>,
        /// OID of the table.
        relation: u32,
        /// The row.
        new: Tuple,
    },
    /// `U`: a row was updated.
    Update {
        /// While streaming.
        xid: Option<u32>,
        /// OID of the table.
        relation: u32,
        /// The row before: its key, if that changed or is stored out of line; all of it with REPLICA IDENTITY FULL.
        old: Option<Old>,
        /// The row after.
        new: Tuple,
    },
    /// `D`: a row was deleted.
    Delete {
        /// While streaming.
        xid: Option<u32>,
        /// OID of the table.
        relation: u32,
        /// The row before.
        old: Old,
    },
    /// `T`: tables were truncated.
    Truncate {
        /// While streaming.
        xid: Option<u32>,
        /// `CASCADE` was given.
        cascade: bool,
        /// `RESTART IDENTITY` was given.
        restart_identity: bool,
        /// OIDs of the tables.
        relations: Vec<u32>,
    },
    /// `M`: `pg_logical_emit_message`.
    Message {
        /// While streaming.
        xid: Option<u32>,
        /// Whether it belongs to the transaction around it.
        transactional: bool,
        /// Its LSN.
        lsn: Lsn,
        /// Its prefix.
        prefix: &'a str,
        /// Its content.
        content: &'a [u8],
    },
    /// `S`: a part of a transaction that is still running begins.
    StreamStart {
        /// The transaction.
        xid: u32,
        /// Whether it is the transaction's first part.
        first: bool,
    },
    /// `E`: that part ends.
    StreamStop,
    /// `c`: a streamed transaction is committed.
    StreamCommit {
        /// The transaction.
        xid: u32,
        /// LSN of its commit record.
        commit_lsn: Lsn,
        /// End of that record.
        end_lsn: Lsn,
        /// When it was committed.
        commit_time_us: i64,
    },
    /// `A`: a streamed transaction or one of its subtransactions is aborted.
    StreamAbort {
        /// The transaction.
        xid: u32,
        /// What is aborted; the same if all of it is.
        subxid: u32,
        /// Given by version 4 when `streaming` is `parallel`.
        point: Option<AbortPoint>,
    },
    /// `b`: a transaction begins that was prepared.
    BeginPrepare {
        /// LSN of its prepare record.
        prepare_lsn: Lsn,
        /// End of that record.
        end_lsn: Lsn,
        /// When it was prepared.
        prepare_time_us: i64,
        /// Its id.
        xid: u32,
        /// Its global id, the user's.
        gid: &'a str,
    },
    /// `P`: the prepared transaction is complete.
    Prepare {
        /// LSN of its prepare record.
        prepare_lsn: Lsn,
        /// End of that record.
        end_lsn: Lsn,
        /// When it was prepared.
        prepare_time_us: i64,
        /// Its id.
        xid: u32,
        /// Its global id.
        gid: &'a str,
    },
    /// `K`: a prepared transaction is committed.
    CommitPrepared {
        /// LSN of the commit record.
        commit_lsn: Lsn,
        /// End of that record.
        end_lsn: Lsn,
        /// When it was committed.
        commit_time_us: i64,
        /// Its id.
        xid: u32,
        /// Its global id.
        gid: &'a str,
    },
    /// `r`: a prepared transaction is rolled back.
    RollbackPrepared {
        /// End of its prepare record.
        prepare_end_lsn: Lsn,
        /// End of the rollback record.
        rollback_end_lsn: Lsn,
        /// When it was prepared.
        prepare_time_us: i64,
        /// When it was rolled back.
        rollback_time_us: i64,
        /// Its id.
        xid: u32,
        /// Its global id.
        gid: &'a str,
    },
    /// `p`: a streamed transaction is prepared.
    StreamPrepare {
        /// LSN of its prepare record.
        prepare_lsn: Lsn,
        /// End of that record.
        end_lsn: Lsn,
        /// When it was prepared.
        prepare_time_us: i64,
        /// Its id.
        xid: u32,
        /// Its global id.
        gid: &'a str,
    },
}

/// Parses one message whose bytes lie at offset `base` of their batch. The cells of its tuples are appended to
/// `cells`, those of an old tuple before those of a new one; after an error `cells` is as it was.
///
/// # Errors
///
/// [`Error::Protocol`](crate::Error::Protocol) when the bytes are not exactly one message of this format; it names
/// the kind of message, the relation's OID and the offset.
pub fn parse<'a>(
    bytes: &'a [u8],
    base: u32,
    cells: &mut Vec<Cell>,
    format: Format,
) -> Result<Message<'a>> {
    read(bytes, base, cells, format).map_err(|fault| fault.into_error(None))
}
