//! From batches of events to records: the hot loop.
//!
//! ```text
//! Batch ─ event ─ Resume (delivered before?) ─ filter ─ plan of the relation ─ kind of record ─┬ compiled: bytes
//!                                                                                             └ general: tree,
//!                                                                                 transforms, converters: bytes
//! ```
//!
//! Nothing is looked up per row but the relation's plans, and those of the last relation are at hand.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

use pgoutput::{Batch, Change, Event, Lsn, Op, Position, ReadKind, ReadMark, Relation, Row};

use crate::config::{EncoderConfig, FailureMode};
use crate::convert::Origin;
use crate::envelope::key_columns;
use crate::error::{DATA_EXCEPTION, DEBEZIUM_EXCEPTION, Error, Result};
use crate::notification::{Notification, Schemas};
use crate::offset::{MessageType, Progress, Resume, SourceOffset};
use crate::plan::{Clock, Context, Kind};
use crate::record::Records;

mod table;

use table::{Table, Writer};

/// What the encoder has seen, since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Rows read by snapshots.
    pub reads: u64,
    /// Inserts.
    pub creates: u64,
    /// Updates.
    pub updates: u64,
    /// Deletes.
    pub deletes: u64,
    /// Truncated tables.
    pub truncates: u64,
    /// Events of tables that are not included.
    pub filtered: u64,
    /// Events whose operation is skipped.
    pub skipped: u64,
    /// Events of a replay that were delivered before.
    pub delivered: u64,
    /// Records written.
    pub records: u64,
    /// Cells that could not be converted and became null.
    pub unconverted: u64,
    /// Changes that could not become a record.
    pub failed: u64,
}

/// Makes records of events.
#[derive(Debug)]
pub struct Encoder {
    config: Arc<EncoderConfig>,
    progress: Progress,
    /// Where the last event that became a record left the progress: the offset that is worth recording.
    recorded: SourceOffset,
    resume: Option<Resume>,
    tables: Tables,
    writer: Writer,
    origin: Option<(String, Lsn)>,
    counters: Counters,
    notifications: Schemas,
}

impl Encoder {
    /// An encoder that begins a stream, or goes on from a stored offset.
    #[must_use]
    pub fn new(config: EncoderConfig, stored: Option<&SourceOffset>) -> Self {
        let config = Arc::new(config);
        Self {
            writer: Writer::new(Arc::clone(&config)),
            config,
            progress: Progress::new(stored),
            recorded: stored.copied().unwrap_or_default(),
            resume: stored.map(Resume::new),
            tables: Tables::default(),
            origin: None,
            counters: Counters::default(),
            notifications: Schemas::default(),
        }
    }

    /// The offset of the last event so far that became a record, or of the snapshot's end, as in Debezium. What passes
    /// without a record moves only the position up to which everything is done ([`SourceOffset::advance`]), so that
    /// whatever is confirmed to the server is recorded first.
    #[must_use]
    pub const fn offset(&self) -> SourceOffset {
        self.recorded
    }

    /// What has been seen so far.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Writes the records of a batch; what `records` held before is forgotten.
    ///
    /// # Errors
    ///
    /// A value that cannot be converted and must be there, or what a transform or converter refuses. The
    /// encoder must not be used any further then: the offset is that of the last event that worked.
    pub fn encode(&mut self, batch: &Batch, clock: Clock, records: &mut Records) -> Result<()> {
        records.clear();
        for (index, event) in batch.events.iter().enumerate() {
            self.writer.event = u32::try_from(index).unwrap_or(u32::MAX);
            let before = records.len();
            self.event(batch, event, clock, records)?;
            self.record(event, records.len() > before);
        }
        self.counters.records += u64::try_from(records.len()).unwrap_or(0);
        Ok(())
    }

    /// Writes the record of a notification to `topic`; what `records` held before is forgotten. The offset stays.
    ///
    /// # Errors
    ///
    /// What a transform or converter refuses.
    pub fn notify(
        &mut self,
        topic: &Arc<str>,
        notification: &Notification,
        records: &mut Records,
    ) -> Result<()> {
        records.clear();
        self.writer.event = 0;
        self.writer.lone(self.notifications.record(topic, notification), records)?;
        self.counters.records += u64::try_from(records.len()).unwrap_or(0);
        Ok(())
    }

    /// Moves the offset that is worth recording.
    fn record(&mut self, event: &Event, has_records: bool) {
        match event {
            Event::SnapshotDone(_) => self.recorded = self.progress.offset(),
            _ if has_records => self.recorded = self.progress.offset(),
            // What is confirmed must be recorded: the server may drop the log up to a confirmed commit, and a restart
            // that asks for the row before it would find it gone.
            Event::Commit { end_lsn, .. } => self.recorded.advance(*end_lsn),
            Event::Idle { lsn, .. } => self.recorded.advance(*lsn),
            _ => {}
        }
    }

    fn event(
        &mut self,
        batch: &Batch,
        event: &Event,
        clock: Clock,
        records: &mut Records,
    ) -> Result<()> {
        match event {
            Event::Begin(_) => self.origin = None,
            Event::Change(change) => {
                if change.op == Op::Read {
                    let initial = change.mark.kind == ReadKind::Initial;
                    if initial {
                        self.resume = None;
                    }
                    self.change(batch, change, clock, records)?;
                    // Other snapshots are taken while the stream stands where it stands.
                    if initial {
                        self.progress.snapshot_row(&change.position, change.mark.last);
                    }
                } else if self.is_new(&change.position) {
                    self.change(batch, change, clock, records)?;
                    self.progress.event(&change.position, message_type(change.op));
                }
            }
            Event::Truncate { relations, position, .. } => {
                if self.is_new(position) {
                    self.truncate(relations, *position, clock, records)?;
                    self.progress.event(position, MessageType::Truncate);
                }
            }
            Event::Message { position, .. } => {
                if self.is_new(position) {
                    match position.xid {
                        Some(_) => self.progress.event(position, MessageType::Message),
                        None => self.progress.lone_message(position),
                    }
                }
            }
            Event::Commit { position, end_lsn } => {
                if !self.resume.as_ref().is_some_and(|resume| resume.is_whole(position)) {
                    self.resume = None;
                    self.progress.commit(position, *end_lsn);
                }
            }
            Event::Origin { lsn, name } => self.origin = Some((name.clone(), *lsn)),
            Event::Idle { .. } => {}
            Event::SnapshotDone(position) => self.progress.snapshot_done(position),
        }
        Ok(())
    }

    /// Whether the event was not delivered before a restart.
    fn is_new(&mut self, position: &Position) -> bool {
        if self.resume.as_mut().is_some_and(|resume| resume.is_delivered(position)) {
            self.counters.delivered += 1;
            return false;
        }
        self.resume = None;
        true
    }

    fn change(
        &mut self,
        batch: &Batch,
        change: &Change,
        clock: Clock,
        records: &mut Records,
    ) -> Result<()> {
        let origin = if change.op == Op::Read { Origin::Snapshot } else { Origin::Stream };
        let context = Context {
            old: change.old.map(|old| batch.row(old.tuple)),
            new: change.new.map(|new| batch.row(new)),
            position: change.position,
            mark: change.mark,
            clock,
            last_commit: self.progress.last_commit(),
            origin: self.origin.as_ref().map(|(name, lsn)| (name.as_str(), *lsn)),
            failure: Cell::new(None),
        };
        let table = self.tables.get(&change.relation, origin, &self.config);
        if !table.included {
            self.counters.filtered += 1;
            return Ok(());
        }
        let skipped = &self.config.skipped;
        let (skip, count) = match change.op {
            Op::Read => (false, &mut self.counters.reads),
            Op::Insert => (skipped.create, &mut self.counters.creates),
            Op::Update => (skipped.update, &mut self.counters.updates),
            Op::Delete => (skipped.delete, &mut self.counters.deletes),
        };
        if skip {
            self.counters.skipped += 1;
            return Ok(());
        }
        *count += 1;
        if let Some(error) = &table.broken {
            return Err(error.clone());
        }
        let mark = records.mark();
        for kind in kinds(change.op, &context, &table.key, self.config.tombstones) {
            if let Err(error) = self.writer.record(table, *kind, &context, records) {
                records.truncate(&mark);
                self.counters.failed += 1;
                return tolerate(error, self.config.event_failure);
            }
        }
        if context.failure.get().is_some() {
            self.counters.unconverted += 1;
        }
        Ok(())
    }

    fn truncate(
        &mut self,
        relations: &[Arc<Relation>],
        position: Position,
        clock: Clock,
        records: &mut Records,
    ) -> Result<()> {
        let context = Context {
            old: None,
            new: None,
            position,
            mark: ReadMark::default(),
            clock,
            last_commit: self.progress.last_commit(),
            origin: self.origin.as_ref().map(|(name, lsn)| (name.as_str(), *lsn)),
            failure: Cell::new(None),
        };
        for relation in relations {
            let table = self.tables.get(relation, Origin::Stream, &self.config);
            if !table.included {
                self.counters.filtered += 1;
            } else if self.config.skipped.truncate {
                self.counters.skipped += 1;
            } else {
                self.counters.truncates += 1;
                self.writer.record(table, Kind::Truncate, &context, records)?;
            }
        }
        Ok(())
    }
}

const fn message_type(op: Op) -> MessageType {
    match op {
        Op::Read => MessageType::Noop,
        Op::Insert => MessageType::Insert,
        Op::Update => MessageType::Update,
        Op::Delete => MessageType::Delete,
    }
}

/// A relation by its address, which stays its own while the table holds it, and whether a snapshot reads it.
type TableId = (usize, bool);

/// The tables that have been met; the last one is at hand.
#[derive(Debug, Default)]
struct Tables {
    last: Option<(TableId, Table)>,
    others: HashMap<TableId, Table>,
}

impl Tables {
    /// The relation's plans; those of the same table that it replaces are dropped.
    fn get(
        &mut self,
        relation: &Arc<Relation>,
        origin: Origin,
        config: &EncoderConfig,
    ) -> &mut Table {
        let snapshot = origin == Origin::Snapshot;
        let id = (Arc::as_ptr(relation).addr(), snapshot);
        if self.last.as_ref().is_some_and(|(last, _)| *last != id)
            && let Some((last, table)) = self.last.take()
        {
            self.others.insert(last, table);
        }
        let Self { last, others } = self;
        let (_, table) = last.get_or_insert_with(|| {
            let table = others.remove(&id).unwrap_or_else(|| {
                others.retain(|(_, other), table| {
                    *other != snapshot || table.relation.oid != relation.oid
                });
                Table::new(Arc::clone(relation), origin, config)
            });
            (id, table)
        });
        table
    }
}

/// The records that a change becomes, in order.
fn kinds(op: Op, context: &Context<'_>, key: &[usize], tombstones: bool) -> &'static [Kind] {
    let kinds: (&'static [Kind], &'static [Kind]) =
        match (op, context.old.as_ref(), context.new.as_ref()) {
            (Op::Read, _, Some(_)) => (&[Kind::Read], &[Kind::Read]),
            (Op::Insert, _, Some(_)) => (&[Kind::Create], &[Kind::Create]),
            (Op::Update, Some(old), Some(new)) if key_changed(key, old, new) => (
                &[Kind::KeyDelete, Kind::KeyTombstone, Kind::KeyCreate],
                &[Kind::KeyDelete, Kind::KeyCreate],
            ),
            (Op::Update, _, Some(_)) => (&[Kind::Update], &[Kind::Update]),
            (Op::Delete, Some(_), _) => (&[Kind::Delete, Kind::Tombstone], &[Kind::Delete]),
            // REPLICA IDENTITY NOTHING: the change has no row; Debezium leaves it out as well.
            _ => (&[], &[]),
        };
    if tombstones { kinds.0 } else { kinds.1 }
}

/// Whether an update moved the row to another key, as far as the old row tells.
fn key_changed(key: &[usize], old: &Row<'_>, new: &Row<'_>) -> bool {
    key.iter().any(|index| match new.get(*index) {
        pgoutput::Datum::Unchanged => false,
        new => old.get(*index) != new,
    })
}

/// What a change that cannot become a record comes to: `event.processing.failure.handling.mode`. Other errors stop.
fn tolerate(error: Error, mode: FailureMode) -> Result<()> {
    match (&error, mode) {
        (Error::Event { .. }, FailureMode::Warn) => {
            tracing::warn!(%error, "a change makes no record");
            Ok(())
        }
        (Error::Event { .. }, FailureMode::Skip) => {
            tracing::debug!(%error, "a change makes no record");
            Ok(())
        }
        _ => Err(error),
    }
}

/// What a failed conversion comes to, with the write's own outcome.
fn check(context: &Context<'_>, relation: &Relation, mode: FailureMode) -> Result<()> {
    let Some(failure) = context.failure.get() else { return Ok(()) };
    let Some(column) = relation.columns.get(failure.column) else { return Ok(()) };
    let Relation { schema, name, .. } = relation;
    let Position { lsn, xid, commit_time_us, .. } = context.position;
    let place = || {
        let xid = xid.map_or_else(|| "null".to_owned(), |xid| xid.to_string());
        let lsn = lsn.to_signed();
        format!("{{lsn={lsn}, txId={xid}, ts_usec={commit_time_us}}} of {schema}.{name}")
    };
    let label = format!("'{schema}.{name}.{}' of type {}", column.name, column.ty.name);
    let message = format!("Failed to properly convert data value for {label}");
    match (mode, failure.required) {
        (FailureMode::Fail, _) => {
            Err(Error::Event { place: place(), class: DEBEZIUM_EXCEPTION, message })
        }
        (_, Some(ty)) => {
            let name = &column.name;
            let message = format!(
                "Invalid value: null used for required field: \"{name}\", schema type: {ty}"
            );
            Err(Error::Event { place: place(), class: DATA_EXCEPTION, message })
        }
        (FailureMode::Warn, None) => {
            tracing::warn!(%lsn, "{message}: null is written instead");
            Ok(())
        }
        (FailureMode::Skip, None) => Ok(()),
    }
}
