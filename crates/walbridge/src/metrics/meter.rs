//! [`Meter`]: tells the exporter of one task, batch by batch. One lock and a pass over the batch's events, without
//! allocation once the tables are known.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use exporter::Exporter;
use exporter::capture::{
    Batch as Seen, Capture, Link, Loss, SnapshotTable, Stage, TableCounts, Work,
};
use exporter::kafka::{Client, Role};
use exporter::task::Task;
use pgoutput::queue::Usage;
use pgoutput::stream::Progress;
use pgoutput::{Batch, Event, Lsn, Op, Relation};
use sink::encoder::Counters;
use sink::producer::{self, StatisticsSink};
use sink::record::Records;

use super::statistics;

/// What Debezium's `poll` waits at most: longer waits are several polls, of which only the last brings records.
const POLL_MAX: Duration = Duration::from_millis(500);

/// Relations whose counters are at hand.
const RELATIONS_MAX: usize = 10_000;

/// Records under way that share a commit time.
#[derive(Debug)]
struct UnderWay {
    commit_us: i64,
    records: u64,
    since: Instant,
}

#[derive(Debug)]
struct State {
    /// The encoder's, at the batch before.
    before: Counters,
    /// By address of the relation, which is kept for it.
    tables: HashMap<usize, (Arc<Relation>, Arc<TableCounts>)>,
    transaction: Option<u64>,
    transaction_events: u64,
    /// Since when one that is still open at the end of a batch is known.
    transaction_since: Option<Instant>,
    /// Those that ended in the batch.
    ended: Vec<(u64, Duration)>,
    under_way: VecDeque<UnderWay>,
    /// Since when the pipeline waits for a batch.
    waiting: Instant,
    /// Since when the client has no room.
    full: Option<Instant>,
    commit: Option<Instant>,
    snapshot: bool,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Meter {
    exporter: Arc<Exporter>,
    number: u32,
    pub(crate) task: Arc<Task>,
    pub(crate) capture: Arc<Capture>,
    producer: Arc<Client>,
    state: Mutex<State>,
}

/// What a meter is made of.
#[derive(Debug)]
pub(crate) struct Measured<'a> {
    pub(crate) server: &'a str,
    pub(crate) queue_events: u64,
    pub(crate) client_id: &'a str,
    pub(crate) max_tables: usize,
}

impl Meter {
    /// Enters a task's source and producer; they leave when the meter is dropped. The task itself has entered before.
    pub(crate) fn new(exporter: &Arc<Exporter>, task: Arc<Task>, of: &Measured<'_>) -> Self {
        let (connector, number) = task.id();
        let capture = Capture::new(connector, of.server, of.queue_events, of.max_tables);
        let capture = Arc::new(capture);
        let producer = Arc::new(Client::new(Role::Producer, of.client_id, of.max_tables));
        task.expect_produce_errors(&producer::CODES);
        exporter.add_capture(number, Arc::clone(&capture));
        exporter.add_client(Arc::clone(&producer));
        let state = State {
            before: Counters::default(),
            tables: HashMap::new(),
            transaction: None,
            transaction_events: 0,
            transaction_since: None,
            ended: Vec::new(),
            under_way: VecDeque::new(),
            waiting: Instant::now(),
            full: None,
            commit: None,
            snapshot: false,
        };
        let exporter = Arc::clone(exporter);
        Self { exporter, number, task, capture, producer, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who is told what the producer tells of itself.
    pub(crate) fn statistics(&self) -> StatisticsSink {
        let producer = Arc::clone(&self.producer);
        Arc::new(move |told| producer.update(statistics::reading(told)))
    }

    /// A run starts, with a queue of its own.
    pub(crate) fn begin(&self, queue: Usage) {
        let bytes = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
        self.capture
            .follow_queue(move || (bytes(queue.used_bytes()), bytes(queue.capacity_bytes())));
        self.capture.connected(false);
        self.capture.under_way(0, None);
        let mut state = self.state();
        state.before = Counters::default();
        state.under_way.clear();
        (state.waiting, state.full, state.commit) = (Instant::now(), None, None);
        // What was open comes again from its beginning.
        (state.transaction_events, state.transaction_since) = (0, None);
    }

    /// The snapshot begins.
    pub(crate) fn snapshot_begins(&self, tables: Vec<SnapshotTable>) {
        self.state().snapshot = true;
        self.capture.snapshot_begins(tables);
    }

    /// The log is followed.
    pub(crate) fn streams(&self, progress: Arc<Progress>) {
        if !self.state().snapshot {
            self.capture.snapshot_skipped();
        }
        self.capture.follow_stream(move || Link {
            received: progress.received().get(),
            flushed: progress.flushed().get(),
            feedback: progress.feedback(),
            feedback_spared: progress.feedback_spared(),
            heard_ms: progress.heard_ms(),
        });
    }

    /// A batch became records.
    pub(crate) fn encoded(
        &self,
        batch: &Batch,
        records: &Records,
        counters: Counters,
        took: Duration,
    ) {
        let mut state = self.state();
        let now = Instant::now();
        let waited = now.duration_since(state.waiting).saturating_sub(took).min(POLL_MAX);
        let seen = state.seen(batch, counters, now);
        self.capture.transactions(&state.ended, state.transaction_since.is_some());
        let before = std::mem::replace(&mut state.before, counters);
        let written = u64::try_from(records.len()).unwrap_or(u64::MAX);
        if let Some(commit_us) = seen.commit_us.filter(|_| written > 0 && seen.reads == 0) {
            // Batches of one transaction are one entry, however many: the queue holds no more than commits under way.
            match state.under_way.back_mut().filter(|last| last.commit_us == commit_us) {
                Some(last) => last.records += written,
                None => {
                    state.under_way.push_back(UnderWay { commit_us, records: written, since: now });
                }
            }
        }
        state.count_tables(batch, records.size_bytes(), &self.capture);
        state.waiting = Instant::now();
        drop(state);
        self.capture.batch(&seen, took);
        if let Some(decoded) = batch.decoded {
            let queued = now.saturating_duration_since(decoded.at).saturating_sub(took);
            self.capture.worked(&[(Work::Decode, decoded.took), (Work::Queue, queued)]);
        }
        self.task.polled(counters.polled - before.polled, waited + took);
        self.left_out(written, before, counters);
    }

    /// What of a batch was polled and not written, by reason.
    fn left_out(&self, written: u64, before: Counters, now: Counters) {
        let all = (now.polled - before.polled).saturating_sub(written);
        if all == 0 {
            return;
        }
        self.task.left_out(all);
        let tolerated = now.tolerated - before.tolerated;
        if tolerated > 0 {
            self.task.skipped(tolerated, now.logged - before.logged);
        }
        let failed = now.failed - before.failed;
        let transformed = all.saturating_sub(tolerated + failed);
        let losses =
            [(Loss::Tolerance, tolerated), (Loss::Failure, failed), (Loss::Transform, transformed)];
        for (loss, records) in losses.into_iter().filter(|(_, records)| *records > 0) {
            self.capture.dropped(loss, records);
        }
    }

    /// All records of a batch are handed over, which took that long.
    pub(crate) fn handed_over(&self, took: Duration) {
        self.capture.worked(&[(Work::Enqueue, took)]);
    }

    /// A record was not delivered, for a reason of [`producer::CODES`].
    pub(crate) fn undelivered(&self, code: &'static str) {
        self.task.produce_failed(code);
    }

    /// So many records were acknowledged just now; so many are not yet.
    pub(crate) fn delivered(&self, records: u64, outstanding: u64) {
        let oldest = self.state().under_way.front().map(|oldest| oldest.commit_us);
        self.capture.under_way(outstanding, oldest.filter(|_| outstanding > 0));
        if records > 0 {
            self.task.written(records);
        }
    }

    /// Everything up to a commit of that time is acknowledged, and the log up to that position.
    pub(crate) fn acknowledged(&self, commit_us: i64, position: Lsn) {
        self.capture.position(Stage::Acked, position.get());
        let mut state = self.state();
        while let Some(done) = state.under_way.pop_front_if(|oldest| oldest.commit_us <= commit_us)
        {
            self.capture.delivered(Some(done.commit_us), done.records, done.since.elapsed());
        }
    }

    /// The client has no room, or has it again.
    pub(crate) fn full(&self, full: bool) {
        let mut state = self.state();
        match (full, state.full) {
            (true, None) => state.full = Some(Instant::now()),
            (false, Some(since)) => {
                state.full = None;
                drop(state);
                self.capture.waited(since.elapsed());
            }
            _ => {}
        }
    }

    /// An offset is being recorded.
    pub(crate) fn commit_begins(&self) {
        self.state().commit = Some(Instant::now());
    }

    /// It was recorded, or was not.
    pub(crate) fn commit_ends(&self, ok: bool) {
        let took = self.state().commit.take().map(|since| since.elapsed()).unwrap_or_default();
        self.task.committed(took, ok);
        if ok {
            self.capture.offset_recorded();
        }
    }

    /// The pipeline waits because it was told to, or goes on.
    pub(crate) fn paused(&self, paused: bool) {
        self.task.paused(paused);
        self.capture.paused(paused);
    }

    /// A run failed.
    pub(crate) fn failed(&self, reason: &'static str, for_good: bool) {
        self.capture.connected(false);
        self.task.failed(for_good);
        if !for_good {
            self.capture.reconnects(reason);
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.exporter.remove_capture(self.number, &self.capture);
        self.exporter.remove_client(&self.producer);
    }
}

impl State {
    /// What the batch held.
    fn seen(&mut self, batch: &Batch, counters: Counters, at: Instant) -> Seen {
        let (before, now) = (self.before, counters);
        self.ended.clear();
        let mut seen = Seen {
            reads: now.reads - before.reads,
            creates: now.creates - before.creates,
            updates: now.updates - before.updates,
            deletes: now.deletes - before.deletes,
            others: now.truncates - before.truncates,
            filtered: now.filtered - before.filtered,
            skipped: now.skipped - before.skipped,
            erroneous: now.unconverted - before.unconverted + now.failed - before.failed,
            ..Seen::default()
        };
        for event in &batch.events {
            match event {
                Event::Change(change) => {
                    if change.op != Op::Read {
                        self.event(change.position.xid, &mut seen);
                    }
                    seen.commit_us = Some(change.position.commit_time_us);
                }
                Event::Truncate { position, .. } => self.event(position.xid, &mut seen),
                Event::Commit { end_lsn, .. } => {
                    seen.end = Some(end_lsn.get());
                    let since = self.transaction_since.take();
                    if self.transaction_events > 0 {
                        let took = since.map_or(Duration::ZERO, |since| at.duration_since(since));
                        self.ended.push((std::mem::take(&mut self.transaction_events), took));
                    }
                }
                Event::Idle { lsn, .. } => seen.end = Some(lsn.get()),
                _ => {}
            }
        }
        if self.transaction_events > 0 && seen.reads == 0 {
            self.transaction_since.get_or_insert(at);
        }
        seen.transaction = self.transaction;
        seen
    }

    fn event(&mut self, transaction: Option<u64>, seen: &mut Seen) {
        self.transaction_events += 1;
        if self.transaction != transaction {
            self.transaction = transaction;
            seen.transactions += 1;
        }
    }

    /// Counts events by table: neighbours of the same are counted together. Bytes are shared out by events.
    fn count_tables(&mut self, batch: &Batch, bytes: usize, capture: &Capture) {
        let mut run: Option<(&Arc<Relation>, [u64; 5])> = None;
        let events = batch
            .events
            .iter()
            .filter(|event| matches!(event, Event::Change(_) | Event::Truncate { .. }));
        let all = u64::try_from(events.count()).unwrap_or(u64::MAX).max(1);
        let share = u64::try_from(bytes).unwrap_or(u64::MAX) / all;
        for event in &batch.events {
            match event {
                Event::Change(change) => {
                    let same = |(relation, _): &(&Arc<Relation>, [u64; 5])| {
                        Arc::ptr_eq(relation, &change.relation)
                    };
                    if !run.as_ref().is_some_and(same) {
                        self.end_run(run.take(), share, capture);
                    }
                    let (_, counts) = run.get_or_insert((&change.relation, [0; 5]));
                    let [creates, updates, deletes, reads, _] = counts;
                    *match change.op {
                        Op::Insert => creates,
                        Op::Update => updates,
                        Op::Delete => deletes,
                        Op::Read => reads,
                    } += 1;
                }
                Event::Truncate { relations, .. } => {
                    for relation in relations {
                        self.end_run(Some((relation, [0, 0, 0, 0, 1])), share, capture);
                    }
                }
                _ => {}
            }
        }
        self.end_run(run, share, capture);
    }

    fn end_run(&mut self, run: Option<(&Arc<Relation>, [u64; 5])>, share: u64, capture: &Capture) {
        let Some((relation, counts)) = run else { return };
        let id = Arc::as_ptr(relation).addr();
        // Each change of a table's columns is a relation more.
        if self.tables.len() >= RELATIONS_MAX && !self.tables.contains_key(&id) {
            self.tables.clear();
        }
        let (_, table) = self.tables.entry(id).or_insert_with(|| {
            (Arc::clone(relation), capture.table(&relation.schema, &relation.name))
        });
        table.add(counts);
        table.add_bytes(share * counts.iter().sum::<u64>());
    }
}

/// What the snapshot reads, of tables whose rows are being counted.
pub(crate) fn snapshot_table(
    schema: &str,
    name: &str,
    rows: &Arc<AtomicU64>,
    estimated: i64,
) -> SnapshotTable {
    SnapshotTable {
        name: format!("{schema}.{name}"),
        rows: Arc::clone(rows),
        estimated: u64::try_from(estimated).ok(),
    }
}
