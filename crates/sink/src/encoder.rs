//! From batches of events to records: the hot loop.
//!
//! ```text
//! Batch ─ event ─ Resume (delivered before?) ─ filter ─ plan of the relation ─ kind of record ─┬ compiled: bytes
//!                                                                                             └ general: tree,
//!                                                                                 transforms, converters: bytes
//! ```
//!
//! Nothing is looked up per row but the relation's plans, and those of the last relation are at hand.

use std::collections::HashMap;
use std::sync::Arc;

use pgoutput::{Batch, Change, Event, Lsn, Op, Position, ReadKind, Relation, Row};

use crate::config::{EncoderConfig, FailureMode};
use crate::convert::Origin;
use crate::envelope::key_columns;
use crate::error::{DATA_EXCEPTION, DEBEZIUM_EXCEPTION, Error, Result};
use crate::notice::Bound;
use crate::notification::{Notification, Schemas};
use crate::offset::{MessageType, Progress, Resume, SourceOffset};
use crate::plan::{Clock, Context, Kind};
use crate::record::Records;
use crate::transaction::Counts;

mod notice;
mod table;

use notice::Notices;
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
    /// Updates that changed no captured column.
    pub unchanged: u64,
    /// Logical messages.
    pub messages: u64,
    /// Events of a replay that were delivered before.
    pub delivered: u64,
    /// Records before transforms: what Connect counts as polled.
    pub polled: u64,
    /// Records written.
    pub records: u64,
    /// Cells that could not be converted and became null.
    pub unconverted: u64,
    /// Changes that could not become a record.
    pub failed: u64,
    /// Records that `errors.tolerance=all` left out.
    pub tolerated: u64,
    /// Those of them that `errors.log.enable` has written to the log.
    pub logged: u64,
}

/// Makes records of events.
#[derive(Debug)]
pub struct Encoder {
    config: Arc<EncoderConfig>,
    progress: Progress,
    /// Where the last event that became a record left the progress: the offset that is worth recording.
    recorded: SourceOffset,
    /// Up to here everything has passed: the end of the last commit, or the last idle position.
    passed: Option<Lsn>,
    resume: Option<Resume>,
    tables: Tables,
    writer: Writer,
    origin: Option<(String, Lsn)>,
    /// The open transaction, where transactions are told.
    transaction: Option<Counts>,
    notices: Notices,
    xmin: Option<i64>,
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
            passed: None,
            resume: stored.map(Resume::new),
            tables: Tables::default(),
            origin: None,
            transaction: None,
            notices: Notices::default(),
            xmin: None,
            counters: Counters::default(),
            notifications: Schemas::default(),
        }
    }

    /// What `source.xmin` says from here on.
    pub const fn set_xmin(&mut self, xmin: Option<i64>) {
        self.xmin = xmin;
        self.progress.set_xmin(xmin);
    }

    /// Writes one heartbeat; what `records` held before is forgotten.
    ///
    /// # Errors
    ///
    /// What a transform or converter refuses.
    pub fn heartbeat(&mut self, clock: Clock, records: &mut Records) -> Result<()> {
        records.clear();
        self.writer.event = 0;
        let position = Position {
            commit_lsn: Lsn::INVALID,
            lsn: Lsn::INVALID,
            ordinal: 0,
            xid: None,
            commit_time_us: 0,
        };
        self.counters.polled += 1;
        let plan = self.notices.heartbeat(&self.config);
        self.writer.notice(plan, &Context::bare(position, clock), records)
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
        Counters { tolerated: self.writer.tolerated, logged: self.writer.logged, ..self.counters }
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
            // The beginning of a transaction moves nothing: what is recorded is what was delivered of it.
            Event::Begin(_) => {}
            Event::SnapshotDone(_) => self.recorded = self.progress.offset(),
            Event::Commit { end_lsn: lsn, .. } | Event::Idle { lsn, .. } => {
                self.passed = self.passed.max(Some(*lsn));
                if has_records {
                    self.recorded = self.progress.offset();
                } else {
                    // What is confirmed must be recorded: the server may drop the log up to a confirmed commit, and a
                    // restart that asks for the row before it would find it gone.
                    self.recorded.advance(*lsn);
                }
            }
            _ if has_records => {
                self.recorded = self.progress.offset();
                // Likewise of what does not say itself how far the log is done with. A row does, and the server keeps the
                // log from the beginning of its transaction on.
                if let Some(passed) = self.passed.filter(|_| !says_how_far(event)) {
                    self.recorded.advance(passed);
                }
            }
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
            Event::Begin(position) => {
                self.origin = None;
                self.begin(*position, clock, records)?;
            }
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
                } else if self.transaction.is_some() {
                    // For the counts of a transaction that goes on.
                    let mark = records.mark();
                    self.change(batch, change, clock, records)?;
                    records.truncate(&mark);
                }
            }
            Event::Truncate { relations, position, .. } => {
                if self.is_new(position) {
                    self.truncate(relations, *position, clock, records)?;
                    self.progress.event(position, MessageType::Truncate);
                } else if self.transaction.is_some() {
                    let mark = records.mark();
                    self.truncate(relations, *position, clock, records)?;
                    records.truncate(&mark);
                }
            }
            Event::Message { prefix, content, position, .. } => {
                if self.is_new(position) {
                    if position.xid.is_none() {
                        // It counts as a commit of its own, and tells so itself.
                        self.progress.lone_message(position);
                    }
                    self.message((prefix, content), *position, clock, records)?;
                    if position.xid.is_some() {
                        self.progress.event(position, MessageType::Message);
                    }
                } else if position.xid.is_some()
                    && self.takes_message(prefix)
                    && let Some(counts) = &mut self.transaction
                {
                    counts.count_message(position.lsn);
                }
            }
            Event::Commit { position, end_lsn } => {
                if !self.resume.as_ref().is_some_and(|resume| resume.is_whole(position)) {
                    self.resume = None;
                    self.progress.commit(position, *end_lsn);
                    self.end(Position { lsn: *end_lsn, ..*position }, clock, records)?;
                }
            }
            Event::Origin { lsn, name } => self.origin = Some((name.clone(), *lsn)),
            Event::Idle { .. } => {}
            Event::SnapshotDone(position) => {
                // Even of one without rows: what was stored is of the time before it.
                self.resume = None;
                self.progress.snapshot_done(position);
            }
        }
        Ok(())
    }

    /// A transaction begins. That of one which goes on after a restart was told before.
    fn begin(&mut self, position: Position, clock: Clock, records: &mut Records) -> Result<()> {
        let Some(topic) = &self.config.transaction_topic else { return Ok(()) };
        let resume = self.resume.as_ref();
        if resume.is_some_and(|resume| resume.is_whole(&position)) {
            return Ok(());
        }
        self.transaction = Some(Counts::default());
        if resume.is_some_and(|resume| resume.is_partial(&position)) {
            return Ok(());
        }
        self.counters.polled += 1;
        let plan = self.notices.bound(Bound::Begin, topic, &self.config);
        self.writer.notice(plan, &Context::bare(position, clock), records)
    }

    fn end(&mut self, position: Position, clock: Clock, records: &mut Records) -> Result<()> {
        let (Some(topic), Some(counts)) = (&self.config.transaction_topic, self.transaction.take())
        else {
            return Ok(());
        };
        let context = Context { counts: Some(&counts), ..Context::bare(position, clock) };
        self.counters.polled += 1;
        let plan = self.notices.bound(Bound::End, topic, &self.config);
        self.writer.notice(plan, &context, records)
    }

    fn takes_message(&self, prefix: &str) -> bool {
        self.config.messages.as_ref().is_none_or(|takes| takes(prefix))
    }

    fn message(
        &mut self,
        message: (&str, &[u8]),
        position: Position,
        clock: Clock,
        records: &mut Records,
    ) -> Result<()> {
        if !self.takes_message(message.0) {
            self.counters.filtered += 1;
            return Ok(());
        }
        self.counters.messages += 1;
        // One outside a transaction has no time of its own: Debezium keeps that of the event before.
        let commit_time_us = match position.xid {
            Some(_) => position.commit_time_us,
            None => self.progress.offset().ts_usec.unwrap_or(0),
        };
        let context = Context {
            message: Some(message),
            ..context(
                Position { commit_time_us, ..position },
                clock,
                &self.progress,
                self.origin.as_ref(),
                self.xmin,
            )
        };
        if let (Some(_), Some(counts)) = (position.xid, &mut self.transaction) {
            context.order.set(Some(counts.count_message(position.lsn)));
        }
        self.counters.polled += 1;
        let plan = self.notices.message(&self.config);
        self.writer.notice(plan, &context, records)
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
            mark: change.mark,
            ..context(change.position, clock, &self.progress, self.origin.as_ref(), self.xmin)
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
        if self.config.skip_unchanged
            && change.op == Op::Update
            && table.is_unchanged(&context, &self.config)
        {
            self.counters.unchanged += 1;
            return Ok(());
        }
        *count += 1;
        if let Some(error) = &table.broken {
            return Err(error.clone());
        }
        let mark = records.mark();
        let mut counted = 0;
        for kind in kinds(change.op, &context, &table.key, self.config.tombstones) {
            let (skip, counts) = match kind {
                Kind::KeyDelete => (skipped.delete, true),
                Kind::KeyTombstone => (skipped.delete, false),
                Kind::KeyCreate => (skipped.create, true),
                Kind::Tombstone => (false, false),
                _ => (false, true),
            };
            if skip {
                continue;
            }
            if let Some(transaction) = self.transaction.as_mut().filter(|_| counts) {
                context.order.set(Some(transaction.count(&table.collection)));
                counted += 1;
            }
            self.counters.polled += 1;
            if let Err(error) = self.writer.record(table, *kind, &context, records) {
                // A change that makes no record makes none at all; what a transform refuses goes no further, but what came
                // before it stays.
                if matches!(error, Error::Event { .. }) {
                    records.truncate(&mark);
                }
                self.counters.failed += 1;
                if let Some(transaction) = &mut self.transaction {
                    transaction.take_back(&table.collection, counted);
                }
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
        let context = context(position, clock, &self.progress, self.origin.as_ref(), self.xmin);
        for relation in relations {
            let table = self.tables.get(relation, Origin::Stream, &self.config);
            if !table.included {
                self.counters.filtered += 1;
            } else if self.config.skipped.truncate {
                self.counters.skipped += 1;
            } else {
                self.counters.truncates += 1;
                self.counters.polled += 1;
                let counts = self.transaction.as_mut();
                context.order.set(counts.map(|counts| counts.count(&table.collection)));
                self.writer.record(table, Kind::Truncate, &context, records)?;
            }
        }
        Ok(())
    }
}

/// Whether the offset of such an event holds the position up to which the log is done with. That of a message keeps the
/// position before it, and rows of a snapshot that is taken beside the stream have none.
const fn says_how_far(event: &Event) -> bool {
    match event {
        Event::Message { position, .. } => position.xid.is_none(),
        Event::Change(change) => {
            !matches!(change.mark.kind, ReadKind::Incremental | ReadKind::Blocking)
        }
        _ => true,
    }
}

/// What an event's records have in common, its rows aside.
fn context<'a>(
    position: Position,
    clock: Clock,
    progress: &Progress,
    origin: Option<&'a (String, Lsn)>,
    xmin: Option<i64>,
) -> Context<'a> {
    Context {
        last_commit: progress.last_commit(),
        origin: origin.map(|(name, lsn)| (name.as_str(), *lsn)),
        xmin,
        ..Context::bare(position, clock)
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
                let same = |(_, other): &TableId, table: &mut Table| {
                    *other == snapshot && table.relation.oid == relation.oid
                };
                let before = others.extract_if(same).map(|(_, table)| table).last();
                Table::new(Arc::clone(relation), origin, config).after(before, config)
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
