//! [`Assembler`]: messages to events. A state machine without I/O, for streams of protocol version 1.
//!
//! ```text
//!           RELATION ─→ (the caller describes the table) ─→ define
//!               │
//! idle ─BEGIN─→ in a transaction ─rows, TRUNCATE, MESSAGE: ordinals 0, 1, 2 …─→ COMMIT ─→ idle
//!   └─ keepalive: Idle          └─ keepalive: nothing
//! ```
//!
//! Version 1 sends each transaction whole, after its commit, in the order of the commits; a message that is not
//! transactional stands between transactions. What breaks this order is an error, never skipped. After an error
//! the assembler is of no use: reconnect from the last confirmed position with a new one.
//!
//! Where the log stands: the server sends `XLogData` with a start of `0/0` for messages that are not the last of
//! their write (RELATION, TYPE, and BEGIN when an ORIGIN follows). That is "as the one before", not a position.
//! Source: `WalSndPrepareWrite` in `src/backend/replication/walsender.c`.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::batch::{Batch, Change, Event, Old, Op, Position, ReadMark, Tuple};
use crate::error::{Error, Result};
use crate::lsn::Lsn;
use crate::message::{self, Format, Message, RelationMessage};
use crate::relation::Relation;

/// A transaction of which the commit has not come yet.
#[derive(Debug)]
struct Transaction {
    final_lsn: Lsn,
    commit_time_us: i64,
    xid: u32,
    /// How many events it has had.
    ordinal: u64,
    /// Last known start of its messages.
    start: Lsn,
}

impl Transaction {
    /// Where an event stands that is not counted.
    fn position(&mut self, wal_start: Lsn) -> Position {
        if wal_start.is_valid() {
            self.start = wal_start;
        }
        Position {
            commit_lsn: self.final_lsn,
            lsn: self.start,
            ordinal: self.ordinal,
            xid: Some(u64::from(self.xid)),
            commit_time_us: self.commit_time_us,
        }
    }

    /// Where an event stands that is counted.
    fn advance(&mut self, wal_start: Lsn) -> Position {
        let position = self.position(wal_start);
        self.ordinal += 1;
        position
    }
}

/// One row's change, before its relation is known to be there.
struct RowChange {
    kind: &'static str,
    op: Op,
    relation: u32,
    old: Option<Old>,
    new: Option<Tuple>,
}

/// Messages to events.
#[derive(Debug, Default)]
pub struct Assembler {
    /// What the server has announced: as many as it has published tables.
    relations: HashMap<u32, Arc<Relation>>,
    /// The relation of the last row: rows of one table come in runs.
    recent: Option<Arc<Relation>>,
    /// Announced and not yet defined.
    awaited: Option<u32>,
    transaction: Option<Transaction>,
}

impl Assembler {
    /// An assembler for a stream that starts now, between transactions.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a transaction has begun and not ended.
    #[must_use]
    pub const fn in_transaction(&self) -> bool {
        self.transaction.is_some()
    }

    /// Takes one message, whose `XLogData` started at `wal_start` and whose bytes lie at offset `base` of
    /// `batch.bytes`, and appends what it means to `batch`.
    ///
    /// `batch.bytes` may also be set later; the content of logical messages is shared with it only if it is set.
    ///
    /// Returns a relation of which the rest (keys, defaults, types) must be found and given to [`Self::define`]
    /// before the next message.
    ///
    /// # Errors
    ///
    /// [`Error::Protocol`] when the message cannot be parsed, is of a later protocol version, or cannot stand here;
    /// it names the kind of message, the relation and, where there is one, the offset. `batch` is then as it was.
    pub fn push(
        &mut self,
        wal_start: Lsn,
        message: &[u8],
        base: u32,
        batch: &mut Batch,
    ) -> Result<Option<RelationMessage>> {
        if let Some(oid) = self.awaited {
            return Err(Error::Protocol(format!("relation {oid} was announced and not defined")));
        }
        let n_cells = batch.cells.len();
        let message = message::read(message, base, &mut batch.cells, Format::PLAIN)
            .map_err(|fault| fault.into_error(fault.relation.and_then(|oid| self.known(oid))))?;
        let outcome = self.apply(wal_start, message, batch);
        if outcome.is_err() {
            batch.cells.truncate(n_cells);
        }
        outcome
    }

    /// Gives back, described, the relation that [`Self::push`] returned, with as many columns. Rows from here on
    /// carry it.
    pub fn define(&mut self, relation: Arc<Relation>) {
        self.awaited = self.awaited.filter(|oid| *oid != relation.oid);
        self.recent = None;
        self.relations.insert(relation.oid, relation);
    }

    /// Takes a keepalive: the server has sent everything up to `end`. Becomes [`Event::Idle`] when no transaction
    /// is open; when one is, `end` says nothing about what may be confirmed.
    pub fn keepalive(&mut self, end: Lsn, reply: bool, batch: &mut Batch) {
        if !self.in_transaction() {
            batch.events.push(Event::Idle { lsn: end, reply });
        }
    }

    fn known(&self, oid: u32) -> Option<&Relation> {
        self.relations.get(&oid).map(Arc::as_ref)
    }

    fn apply(
        &mut self,
        wal_start: Lsn,
        message: Message<'_>,
        batch: &mut Batch,
    ) -> Result<Option<RelationMessage>> {
        match message {
            Message::Insert { relation, new, .. } => {
                let (kind, op) = ("insert", Op::Insert);
                self.row(
                    wal_start,
                    RowChange { kind, op, relation, old: None, new: Some(new) },
                    batch,
                )?;
            }
            Message::Update { relation, old, new, .. } => {
                let (kind, op) = ("update", Op::Update);
                self.row(wal_start, RowChange { kind, op, relation, old, new: Some(new) }, batch)?;
            }
            Message::Delete { relation, old, .. } => {
                let (kind, op) = ("delete", Op::Delete);
                self.row(
                    wal_start,
                    RowChange { kind, op, relation, old: Some(old), new: None },
                    batch,
                )?;
            }
            Message::Begin { final_lsn, commit_time_us, xid } => {
                // The first LSN of the transaction. Where an origin hides it, the final LSN stands in: it too is
                // the same on every replay, which that of the message before would not be.
                let start = if wal_start.is_valid() { wal_start } else { final_lsn };
                self.begin(
                    Transaction { final_lsn, commit_time_us, xid, ordinal: 0, start },
                    batch,
                )?;
            }
            Message::Commit { commit_lsn, end_lsn, .. } => {
                self.commit(commit_lsn, end_lsn, batch)?;
            }
            Message::Origin { lsn, name } => {
                self.open("origin")?;
                batch.events.push(Event::Origin { lsn, name: name.to_owned() });
            }
            Message::Relation { relation, .. } => {
                self.awaited = Some(relation.oid);
                self.recent = None;
                self.relations.remove(&relation.oid);
                return Ok(Some(relation));
            }
            // Says the name of an OID; whoever describes relations knows more.
            Message::Type { .. } => {}
            Message::Truncate { cascade, restart_identity, relations, .. } => {
                let known = relations.into_iter().map(|oid| self.relation("truncate", oid));
                let relations = known.collect::<Result<Vec<_>>>()?;
                let position = self.open("truncate")?.advance(wal_start);
                let event = Event::Truncate { relations, cascade, restart_identity, position };
                batch.events.push(event);
            }
            Message::Message { transactional, lsn, prefix, content, .. } => {
                let position = self.message_position(transactional, lsn)?;
                let content = share(&batch.bytes, content);
                let prefix = prefix.to_owned();
                batch.events.push(Event::Message { transactional, prefix, content, position });
            }
            Message::StreamStart { .. }
            | Message::StreamStop
            | Message::StreamCommit { .. }
            | Message::StreamAbort { .. }
            | Message::BeginPrepare { .. }
            | Message::Prepare { .. }
            | Message::CommitPrepared { .. }
            | Message::RollbackPrepared { .. }
            | Message::StreamPrepare { .. } => {
                return Err(Error::Protocol("a message of protocol version 2 or later".to_owned()));
            }
        }
        Ok(None)
    }

    /// The open transaction.
    fn open(&mut self, kind: &'static str) -> Result<&mut Transaction> {
        let outside = || Error::Protocol(format!("{kind} outside a transaction"));
        self.transaction.as_mut().ok_or_else(outside)
    }

    fn begin(&mut self, mut transaction: Transaction, batch: &mut Batch) -> Result<()> {
        if let Some(open) = &self.transaction {
            return Err(Error::Protocol(format!(
                "begin of transaction {} inside transaction {}",
                transaction.xid, open.xid
            )));
        }
        batch.events.push(Event::Begin(transaction.position(Lsn::INVALID)));
        self.transaction = Some(transaction);
        Ok(())
    }

    fn commit(&mut self, commit_lsn: Lsn, end_lsn: Lsn, batch: &mut Batch) -> Result<()> {
        let transaction = self.open("commit")?;
        let expected = transaction.final_lsn;
        if commit_lsn != expected || end_lsn < commit_lsn {
            return Err(Error::Protocol(format!(
                "commit of transaction {} at {commit_lsn}, ending at {end_lsn}; its begin said {expected}",
                transaction.xid
            )));
        }
        let position = transaction.position(commit_lsn);
        self.transaction = None;
        batch.events.push(Event::Commit { position, end_lsn });
        Ok(())
    }

    /// Where a logical message stands: in its transaction, else by itself.
    fn message_position(&mut self, transactional: bool, lsn: Lsn) -> Result<Position> {
        if transactional {
            return Ok(self.open("transactional logical message")?.advance(lsn));
        }
        Ok(Position { commit_lsn: lsn, lsn, ordinal: 0, xid: None, commit_time_us: 0 })
    }

    fn row(&mut self, wal_start: Lsn, row: RowChange, batch: &mut Batch) -> Result<()> {
        let RowChange { kind, op, relation, old, new } = row;
        let relation = self.relation(kind, relation)?;
        for tuple in [old.map(|old| old.tuple), new].into_iter().flatten() {
            if tuple.len as usize != relation.columns.len() {
                return Err(Error::Protocol(format!(
                    "{kind} for {}.{}: a row of {} columns where the relation has {}",
                    relation.schema,
                    relation.name,
                    tuple.len,
                    relation.columns.len()
                )));
            }
        }
        let position = self.open(kind)?.advance(wal_start);
        let mark = ReadMark::default();
        batch.events.push(Event::Change(Change { op, relation, old, new, position, mark }));
        Ok(())
    }

    /// The relation as the server last announced it.
    fn relation(&mut self, kind: &'static str, oid: u32) -> Result<Arc<Relation>> {
        if let Some(recent) = self.recent.as_ref().filter(|recent| recent.oid == oid) {
            return Ok(Arc::clone(recent));
        }
        let unknown =
            || Error::Protocol(format!("{kind} for relation {oid}, which was not announced"));
        let relation = self.relations.get(&oid).ok_or_else(unknown)?;
        self.recent = Some(Arc::clone(relation));
        Ok(Arc::clone(relation))
    }
}

/// `content` as a part of `bytes` where it is one, so that the batch counts it once; else a copy.
fn share(bytes: &Bytes, content: &[u8]) -> Bytes {
    let start = content.as_ptr().addr().checked_sub(bytes.as_ptr().addr());
    let range = start.and_then(|start| Some(start..start.checked_add(content.len())?));
    match range.filter(|range| range.end <= bytes.len()) {
        Some(range) => bytes.slice(range),
        None => Bytes::copy_from_slice(content),
    }
}
