//! What a task reads from Postgres: the two beans that Debezium registers, and what those cannot tell.
//!
//! Fed once a batch ([`Capture::batch`]), by positions, and by the snapshot's own counters.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::bean::Bean;
use crate::clock;
use crate::kafka::OTHER;
use crate::stat::Sketch;

pub(crate) mod bean;

/// What one batch held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Batch {
    /// Rows of a snapshot.
    pub reads: u64,
    /// Inserts.
    pub creates: u64,
    /// Updates.
    pub updates: u64,
    /// Deletes.
    pub deletes: u64,
    /// Truncates and logical messages.
    pub others: u64,
    /// Left out by filters.
    pub filtered: u64,
    /// Left out because nothing changed, or because the operation is skipped.
    pub skipped: u64,
    /// Could not be converted.
    pub erroneous: u64,
    /// Transactions that ended or went on, counted when their id was first seen.
    pub transactions: u64,
    /// The last transaction's id.
    pub transaction: Option<u64>,
    /// Commit time of the last event, in microseconds since the Unix epoch.
    pub commit_us: Option<i64>,
    /// End of the last transaction, or an idle position of the server.
    pub end: Option<u64>,
}

impl Batch {
    const fn events(&self) -> u64 {
        self.reads
            + self.creates
            + self.updates
            + self.deletes
            + self.others
            + self.filtered
            + self.erroneous
    }
}

/// Events of one table, by operation.
#[derive(Debug, Default)]
pub struct TableCounts {
    /// In the order of [`OPERATIONS`].
    counts: [AtomicU64; 5],
    bytes: AtomicU64,
}

/// `op` of an event: create, update, delete, read, truncate.
pub const OPERATIONS: [&str; 5] = ["c", "u", "d", "r", "t"];

impl TableCounts {
    /// Adds events, in the order of [`OPERATIONS`].
    pub fn add(&self, counts: [u64; 5]) {
        for (total, count) in self.counts.iter().zip(counts) {
            if count > 0 {
                total.fetch_add(count, Ordering::Relaxed);
            }
        }
    }

    /// Adds bytes of records.
    pub fn add_bytes(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The bytes so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The totals.
    #[must_use]
    pub fn totals(&self) -> [u64; 5] {
        self.counts.each_ref().map(|count| count.load(Ordering::Relaxed))
    }
}

/// Positions in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// End of the server's log.
    Server,
    /// Received by us.
    Received,
    /// Made into records.
    Decoded,
    /// Acknowledged by Kafka.
    Acked,
    /// Recorded, and confirmed to the server.
    Flushed,
    /// From where the server keeps its log.
    Restart,
}

impl Stage {
    /// All of them, with the name of their label.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Server, "server"),
        (Self::Received, "received"),
        (Self::Decoded, "decoded"),
        (Self::Acked, "acked"),
        (Self::Flushed, "flushed"),
        (Self::Restart, "restart"),
    ];
}

/// The slot as the server shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Slot {
    /// Its name.
    pub name: String,
    /// Whether somebody streams from it.
    pub active: bool,
    /// `wal_status`: reserved, extended, unreserved, lost.
    pub wal_status: String,
    /// How much log may still be written before it is lost; `None` without a limit.
    pub safe_wal_bytes: Option<i64>,
    /// How much log the server keeps for it.
    pub retained_bytes: u64,
    /// How much log it has not confirmed.
    pub unconfirmed_bytes: u64,
    /// How much log lies on the server's disk, where the user may see it.
    pub wal_bytes: Option<i64>,
}

impl Slot {
    /// Whether the server has thrown away log that the slot needs.
    fn is_lost(&self) -> bool {
        self.wal_status == "lost"
    }
}

/// Counts by upper bound.
#[derive(Debug, Clone)]
pub(crate) struct Histogram {
    pub(crate) bounds: &'static [f64],
    /// One more than bounds: the last is what lies above all of them.
    pub(crate) counts: Vec<u64>,
    pub(crate) sum: f64,
}

impl Histogram {
    fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, counts: vec![0; bounds.len() + 1], sum: 0.0 }
    }

    fn record(&mut self, value: f64, count: u64) {
        let at = self.bounds.partition_point(|bound| *bound < value);
        if let Some(bucket) = self.counts.get_mut(at) {
            *bucket += count;
        }
        #[expect(clippy::cast_precision_loss, reason = "a sum of that many is no more exact")]
        let weight = count as f64;
        self.sum += value * weight;
    }
}

/// From one millisecond to ten minutes.
const LATENCY_BOUNDS: &[f64] = &[
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0,
    600.0,
];

/// From ten microseconds to ten seconds.
const STAGE_BOUNDS: &[f64] =
    &[0.000_01, 0.000_1, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 10.0];

/// Events of a transaction.
const SIZE_BOUNDS: &[f64] = &[1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6, 1e7];

/// Where a batch spends its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// From the stream's bytes to events.
    Decode,
    /// In the queue.
    Queue,
    /// From events to records: transforms and converters are a part of it.
    Encode,
    /// Handing records to the client, with the wait for room in it.
    Enqueue,
    /// From the first record handed to the client to the last one acknowledged.
    Produce,
}

impl Work {
    /// All of them, with the name of their label.
    pub(crate) const ALL: [(Self, &'static str); 5] = [
        (Self::Decode, "decode"),
        (Self::Queue, "queue"),
        (Self::Encode, "encode"),
        (Self::Enqueue, "enqueue"),
        (Self::Produce, "produce"),
    ];
}

/// Why a record was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// A transform left it out.
    Transform,
    /// It could not be made, and `errors.tolerance=all`.
    Tolerance,
    /// It could not be made, and `event.processing.failure.handling.mode` is not `fail`.
    Failure,
}

impl Loss {
    /// All of them, with the name of their label.
    pub(crate) const ALL: [(Self, &'static str); 3] = [
        (Self::Transform, "transform"),
        (Self::Tolerance, "tolerance"),
        (Self::Failure, "failure"),
    ];
}

/// What the stream tells of itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Link {
    /// Position up to which the server has sent.
    pub received: u64,
    /// Position that was reported as flushed.
    pub flushed: u64,
    /// Status updates sent.
    pub feedback: u64,
    /// Times that there was nothing new to report.
    pub feedback_spared: u64,
    /// When the server last sent anything, in milliseconds since the Unix epoch; 0 before the first time.
    pub heard_ms: u64,
}

/// A table of a snapshot.
#[derive(Debug, Clone)]
pub struct SnapshotTable {
    /// `schema.table`.
    pub name: String,
    /// Rows read so far.
    pub rows: Arc<AtomicU64>,
    /// The planner's estimate of how many there are.
    pub estimated: Option<u64>,
}

#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) tables: Vec<SnapshotTable>,
    pub(crate) running: bool,
    pub(crate) completed: bool,
    pub(crate) aborted: bool,
    pub(crate) skipped: bool,
    started: Option<Duration>,
    took: Duration,
}

impl Snapshot {
    /// How long it has been going on, or went on.
    pub(crate) fn lasted(&self, now: Duration) -> Duration {
        match self.started {
            Some(started) if self.running => now.saturating_sub(started),
            _ => self.took,
        }
    }

    /// How many tables are done: they are read one after the other, so those before the last that has rows.
    pub(crate) fn done(&self) -> usize {
        if self.completed {
            return self.tables.len();
        }
        let begun = |table: &SnapshotTable| table.rows.load(Ordering::Relaxed) > 0;
        self.tables.iter().rposition(begun).unwrap_or(0)
    }

    /// The tables with the word for how far they are.
    pub(crate) fn states(&self) -> impl Iterator<Item = (&SnapshotTable, &'static str)> {
        let done = self.done();
        self.tables.iter().enumerate().map(move |(index, table)| {
            let state = match index.cmp(&done) {
                std::cmp::Ordering::Less => "done",
                std::cmp::Ordering::Equal if self.running => "reading",
                _ if self.aborted => "aborted",
                _ => "pending",
            };
            (table, state)
        })
    }

    /// What is left of the estimates at the present speed; `None` while nothing can be said.
    pub(crate) fn eta(&self, now: Duration) -> Option<f64> {
        let rows: u64 = self.tables.iter().map(|t| t.rows.load(Ordering::Relaxed)).sum();
        let left: u64 = self
            .tables
            .iter()
            .skip(self.done())
            .filter_map(|t| Some(t.estimated?.saturating_sub(t.rows.load(Ordering::Relaxed))))
            .sum();
        if !self.running {
            return Some(0.0);
        }
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let speed = rows as f64 / self.lasted(now).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let seconds = left as f64 / speed;
        seconds.is_finite().then_some(seconds)
    }
}

/// Events of one context.
#[derive(Debug, Default)]
pub(crate) struct Events {
    pub(crate) batch: Batch,
    pub(crate) last: Option<Duration>,
}

impl Events {
    fn add(&mut self, now: Duration, more: &Batch) {
        if more.events() > 0 {
            self.last = Some(now);
        }
        let sum = &mut self.batch;
        sum.reads += more.reads;
        sum.creates += more.creates;
        sum.updates += more.updates;
        sum.deletes += more.deletes;
        sum.others += more.others;
        sum.filtered += more.filtered;
        sum.skipped += more.skipped;
        sum.erroneous += more.erroneous;
        sum.transactions += more.transactions;
        sum.transaction = more.transaction.or(sum.transaction);
        sum.commit_us = more.commit_us.or(sum.commit_us);
    }
}

#[derive(Debug)]
pub(crate) struct Numbers {
    pub(crate) streaming: Events,
    pub(crate) snapshot_events: Events,
    pub(crate) snapshot: Snapshot,
    /// `MilliSecondsBehindSource`: taken when an event is handled.
    pub(crate) behind_ms: i64,
    pub(crate) lag: Sketch,
    pub(crate) latency: Histogram,
    pub(crate) work: [Histogram; 5],
    pub(crate) transaction_sizes: Histogram,
    pub(crate) transaction_seconds: Histogram,
    /// Whether a transaction has begun and not ended.
    pub(crate) open_transaction: bool,
    /// In the order of [`Loss::ALL`].
    pub(crate) dropped: [u64; 3],
    pub(crate) invalidations: u64,
    pub(crate) heartbeat_ms: Option<i64>,
    pub(crate) waited: Duration,
    pub(crate) tables: BTreeMap<String, Arc<TableCounts>>,
    pub(crate) other: Option<Arc<TableCounts>>,
    pub(crate) slot: Option<Slot>,
    pub(crate) reconnects: BTreeMap<&'static str, u64>,
    pub(crate) connected_since: Option<i64>,
    pub(crate) last_commit_ms: Option<i64>,
}

/// How full the queue between reader and pipeline is: used bytes and capacity.
type QueueUsage = Box<dyn Fn() -> (u64, u64) + Send + Sync>;

/// Where the stream tells of itself.
type StreamLink = Box<dyn Fn() -> Link + Send + Sync>;

/// What a running task tells about its source. It lives as long as the task runs.
pub struct Capture {
    pub(crate) connector: String,
    pub(crate) server: String,
    /// `max.queue.size`: Debezium's queue is bounded in events.
    pub(crate) queue_events: u64,
    max_tables: usize,
    pub(crate) connected: AtomicBool,
    /// Whether the pipeline was told to wait: standing still is in order then.
    pub(crate) paused: AtomicBool,
    positions: [AtomicU64; 6],
    /// Commit time of the oldest transaction that is not acknowledged, in µs; 0 if there is none.
    oldest_us: AtomicI64,
    pub(crate) outstanding: AtomicU64,
    /// When the pipeline last took a batch, and when it last heard of a delivery: milliseconds of our clock.
    pub(crate) took_ms: AtomicU64,
    pub(crate) acked_ms: AtomicU64,
    queue: Mutex<Option<QueueUsage>>,
    stream: Mutex<Option<StreamLink>>,
    pub(crate) numbers: Mutex<Numbers>,
}

impl std::fmt::Debug for Capture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Capture").field("connector", &self.connector).finish_non_exhaustive()
    }
}

impl Capture {
    /// Of a connector with that `topic.prefix` and `max.queue.size`. `max_tables` tables are counted by name.
    #[must_use]
    pub fn new(connector: &str, server: &str, queue_events: u64, max_tables: usize) -> Self {
        let numbers = Numbers {
            streaming: Events::default(),
            snapshot_events: Events::default(),
            snapshot: Snapshot::default(),
            behind_ms: -1,
            lag: Sketch::default(),
            latency: Histogram::new(LATENCY_BOUNDS),
            work: std::array::from_fn(|_| Histogram::new(STAGE_BOUNDS)),
            transaction_sizes: Histogram::new(SIZE_BOUNDS),
            transaction_seconds: Histogram::new(LATENCY_BOUNDS),
            open_transaction: false,
            dropped: [0; 3],
            invalidations: 0,
            heartbeat_ms: None,
            waited: Duration::ZERO,
            tables: BTreeMap::new(),
            other: None,
            slot: None,
            reconnects: BTreeMap::new(),
            connected_since: None,
            last_commit_ms: None,
        };
        let now = ms_of(clock::now());
        Self {
            connector: connector.to_owned(),
            server: server.to_owned(),
            queue_events,
            max_tables,
            connected: AtomicBool::new(false),
            paused: AtomicBool::new(false),
            positions: Default::default(),
            oldest_us: AtomicI64::new(0),
            outstanding: AtomicU64::new(0),
            took_ms: AtomicU64::new(now),
            acked_ms: AtomicU64::new(now),
            queue: Mutex::new(None),
            stream: Mutex::new(None),
            numbers: Mutex::new(numbers),
        }
    }

    pub(crate) fn update<T>(&self, update: impl FnOnce(&mut Numbers, Duration) -> T) -> T {
        update(&mut self.numbers.lock().unwrap_or_else(PoisonError::into_inner), clock::now())
    }

    /// How many tables are counted by name.
    pub(crate) const fn table_limit(&self) -> usize {
        self.max_tables
    }

    /// Where the present run's queue tells how full it is: used bytes and capacity.
    pub fn follow_queue(&self, usage: impl Fn() -> (u64, u64) + Send + Sync + 'static) {
        *self.queue.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(usage));
    }

    /// Where the present run's stream tells of itself.
    pub fn follow_stream(&self, link: impl Fn() -> Link + Send + Sync + 'static) {
        *self.stream.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(link));
        self.connected(true);
    }

    /// What the stream tells; `None` before there is one.
    pub(crate) fn link(&self) -> Option<Link> {
        let stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        stream.as_ref().map(|link| link())
    }

    /// Used bytes and capacity of the queue.
    pub(crate) fn queue(&self) -> (u64, u64) {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.as_ref().map_or((0, 0), |usage| usage())
    }

    /// A batch went through stages, of which each took that long.
    pub fn worked(&self, stages: &[(Work, Duration)]) {
        self.update(|n, _| {
            for (work, took) in stages {
                n.record_work(*work, *took);
            }
        });
    }

    /// A batch was made into records, which took that long.
    pub fn batch(&self, batch: &Batch, encode: Duration) {
        self.took_ms.store(ms_of(clock::now()), Ordering::Relaxed);
        if let Some(end) = batch.end {
            self.position(Stage::Decoded, end);
        }
        self.update(|n, now| {
            n.record_work(Work::Encode, encode);
            if batch.reads > 0 {
                n.snapshot_events.add(now, batch);
                return;
            }
            n.streaming.add(now, batch);
            if let Some(commit_us) = batch.commit_us {
                n.behind_ms = clock::unix_ms() - commit_us / 1000;
                #[expect(clippy::cast_precision_loss, reason = "milliseconds")]
                n.lag.record((n.behind_ms as f64).max(0.0), batch.events());
            }
        });
    }

    /// `count` records whose transaction was committed at `commit_us` were acknowledged; they were handed to the client
    /// `produced` ago.
    pub fn delivered(&self, commit_us: Option<i64>, count: u64, produced: Duration) {
        let now_us = clock::unix_ms() * 1000;
        self.update(|n, _| {
            n.record_work(Work::Produce, produced);
            if let Some(commit_us) = commit_us {
                #[expect(clippy::cast_precision_loss, reason = "seconds")]
                let seconds = (now_us - commit_us).max(0) as f64 / 1e6;
                n.latency.record(seconds, count);
            }
        });
    }

    /// Transactions ended: of each, how many events it had and how long it took to come. Whether another one is open.
    pub fn transactions(&self, ended: &[(u64, Duration)], open: bool) {
        self.update(|n, _| {
            for (events, took) in ended {
                #[expect(clippy::cast_precision_loss, reason = "a bucket is found")]
                n.transaction_sizes.record(*events as f64, 1);
                n.transaction_seconds.record(took.as_secs_f64(), 1);
            }
            n.open_transaction = open;
        });
    }

    /// Records were left out.
    pub fn dropped(&self, loss: Loss, records: u64) {
        let index = Loss::ALL.iter().position(|(known, _)| *known == loss);
        self.update(|n, _| {
            if let Some(total) = index.and_then(|index| n.dropped.get_mut(index)) {
                *total += records;
            }
        });
    }

    /// A heartbeat was acknowledged.
    pub fn heartbeat(&self) {
        self.update(|n, _| n.heartbeat_ms = Some(clock::unix_ms()));
    }

    /// The pipeline waited that long for room in the client.
    pub fn waited(&self, time: Duration) {
        self.update(|n, _| n.waited += time);
    }

    /// What is under way: records without an acknowledgement, and the commit time of the oldest of their transactions.
    pub fn under_way(&self, outstanding: u64, oldest_us: Option<i64>) {
        self.acked_ms.store(ms_of(clock::now()), Ordering::Relaxed);
        self.outstanding.store(outstanding, Ordering::Relaxed);
        self.oldest_us.store(oldest_us.unwrap_or(0), Ordering::Relaxed);
    }

    /// How far behind the source is, in seconds: 0 while everything that was sent is acknowledged, else the age of the
    /// oldest that is not.
    pub(crate) fn source_lag(&self, numbers: &Numbers) -> f64 {
        let (queued, _) = self.queue();
        match (queued, numbers.streaming.batch.commit_us) {
            // What is queued was committed after what was last handled: an upper bound.
            (1.., Some(commit_us)) => seconds_since(commit_us).max(self.replay_age()),
            _ => self.replay_age(),
        }
    }

    /// The pipeline waits because it was told to, or goes on.
    pub fn paused(&self, paused: bool) {
        self.paused.store(paused, Ordering::Relaxed);
        let now = ms_of(clock::now());
        self.took_ms.store(now, Ordering::Relaxed);
        self.acked_ms.store(now, Ordering::Relaxed);
    }

    /// A position moved.
    pub fn position(&self, stage: Stage, lsn: u64) {
        let index = Stage::ALL.iter().position(|(known, _)| *known == stage);
        if let Some(position) = index.and_then(|index| self.positions.get(index)) {
            position.store(lsn, Ordering::Relaxed);
        }
    }

    /// One position.
    pub(crate) fn position_of(&self, stage: Stage) -> u64 {
        let mut positions = Stage::ALL.iter().zip(self.positions());
        positions.find_map(|((known, _), lsn)| (*known == stage).then_some(lsn)).unwrap_or_default()
    }

    /// The positions, in the order of [`Stage::ALL`].
    pub(crate) fn positions(&self) -> [u64; 6] {
        if let Some(link) = self.link() {
            self.position(Stage::Received, link.received);
            self.position(Stage::Flushed, link.flushed);
        }
        self.positions.each_ref().map(|lsn| lsn.load(Ordering::Relaxed))
    }

    /// Age of the oldest transaction that is not acknowledged, in seconds; 0 if there is none.
    pub(crate) fn replay_age(&self) -> f64 {
        match self.oldest_us.load(Ordering::Relaxed) {
            0 => 0.0,
            oldest => seconds_since(oldest),
        }
    }

    /// The counts of a table; those of all the others together once there are too many.
    #[must_use]
    pub fn table(&self, schema: &str, name: &str) -> Arc<TableCounts> {
        let name = format!("{schema}.{name}");
        self.update(|n, _| {
            if let Some(counts) = n.tables.get(&name) {
                return Arc::clone(counts);
            }
            if n.tables.len() >= self.max_tables {
                return Arc::clone(n.other.get_or_insert_default());
            }
            Arc::clone(n.tables.entry(name).or_default())
        })
    }

    /// Events of the tables that are counted by name (`schema.table`), in the order of [`OPERATIONS`].
    #[must_use]
    pub fn table_events(&self) -> BTreeMap<String, [u64; 5]> {
        let tables = self.update(|n, _| n.tables.clone());
        tables.into_iter().map(|(name, counts)| (name, counts.totals())).collect()
    }

    /// The replication connection is up, or is not.
    pub fn connected(&self, connected: bool) {
        self.connected.store(connected, Ordering::Relaxed);
        self.update(|n, _| n.connected_since = connected.then(clock::unix_ms));
    }

    /// The task starts over; `reason` is one of few words.
    pub fn reconnects(&self, reason: &'static str) {
        self.update(|n, _| *n.reconnects.entry(reason).or_default() += 1);
    }

    /// The snapshot begins.
    pub fn snapshot_begins(&self, tables: Vec<SnapshotTable>) {
        self.update(|n, now| {
            n.snapshot =
                Snapshot { tables, running: true, started: Some(now), ..Snapshot::default() };
        });
    }

    /// The snapshot has ended.
    pub fn snapshot_ends(&self, completed: bool) {
        self.update(|n, now| {
            n.snapshot.took = n.snapshot.lasted(now);
            n.snapshot.running = false;
            n.snapshot.completed = completed;
            n.snapshot.aborted = !completed;
        });
    }

    /// No snapshot is due.
    pub fn snapshot_skipped(&self) {
        self.update(|n, _| n.snapshot = Snapshot { skipped: true, ..Snapshot::default() });
    }

    /// What the server says of the slot.
    pub fn slot(&self, slot: Slot) {
        self.update(|n, _| {
            let was_lost = n.slot.as_ref().is_some_and(Slot::is_lost);
            n.invalidations += u64::from(slot.is_lost() && !was_lost);
            n.slot = Some(slot);
        });
    }

    /// An offset was recorded.
    pub fn offset_recorded(&self) {
        self.update(|n, _| n.last_commit_ms = Some(clock::unix_ms()));
    }

    pub(crate) fn beans(&self, out: &mut Vec<Bean>) {
        bean::beans(self, out);
    }
}

impl Numbers {
    fn record_work(&mut self, work: Work, took: Duration) {
        let index = Work::ALL.iter().position(|(known, _)| *known == work);
        if let Some(histogram) = index.and_then(|index| self.work.get_mut(index)) {
            histogram.record(took.as_secs_f64(), 1);
        }
    }

    /// Names and counts of tables, with those beyond the limit as one.
    pub(crate) fn table_totals(&self) -> impl Iterator<Item = (&str, [u64; 5])> {
        self.all_tables().map(|(name, counts)| (name, counts.totals()))
    }

    /// Names and bytes, likewise.
    pub(crate) fn table_bytes(&self) -> impl Iterator<Item = (&str, u64)> {
        self.all_tables().map(|(name, counts)| (name, counts.bytes()))
    }

    fn all_tables(&self) -> impl Iterator<Item = (&str, &TableCounts)> {
        let named = self.tables.iter().map(|(name, counts)| (name.as_str(), &**counts));
        named.chain(self.other.as_ref().map(|counts| (OTHER, &**counts)))
    }
}

fn seconds_since(us: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "seconds")]
    let micros = (clock::unix_ms() * 1000 - us).max(0) as f64;
    micros / 1e6
}

pub(crate) fn ms_of(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capture(max_tables: usize) -> Capture {
        Capture::new("c", "s", 8192, max_tables)
    }

    #[test]
    fn thousand_tables_are_counted_under_as_many_names_as_allowed() {
        let capture = capture(100);
        for table in 0..1000 {
            capture.table("public", &format!("t{table}")).add([1, 0, 0, 0, 0]);
        }
        let totals: Vec<(String, u64)> = capture.update(|n, _| {
            n.table_totals().map(|(name, counts)| (name.to_owned(), counts[0])).collect()
        });
        assert_eq!(totals.len(), 101);
        assert_eq!(totals.last(), Some(&(OTHER.to_owned(), 900)));
    }

    #[test]
    fn lag_is_taken_when_an_event_is_handled_and_stays() {
        let capture = capture(1);
        let commit_us = Some((clock::unix_ms() - 500) * 1000);
        capture.batch(&Batch { creates: 1, commit_us, ..Batch::default() }, Duration::ZERO);
        let behind = capture.update(|n, _| n.behind_ms);
        assert!((500..5000).contains(&behind), "{behind}");
        capture.batch(&Batch::default(), Duration::ZERO);
        assert_eq!(capture.update(|n, _| n.behind_ms), behind);
    }

    #[test]
    fn replay_age_is_zero_when_nothing_is_under_way() {
        let capture = capture(1);
        capture.under_way(1, Some((clock::unix_ms() - 2000) * 1000));
        assert!(capture.replay_age() >= 2.0);
        capture.under_way(0, None);
        assert_eq!(capture.replay_age(), 0.0);
    }

    #[test]
    fn slot_that_stays_lost_was_invalidated_once() {
        let capture = capture(1);
        for wal_status in ["reserved", "lost", "lost"] {
            capture.slot(Slot { wal_status: wal_status.to_owned(), ..Slot::default() });
        }
        assert_eq!(capture.update(|n, _| n.invalidations), 1);
    }

    #[test]
    fn tables_of_a_snapshot_are_done_one_after_the_other() {
        let table = |rows| SnapshotTable {
            name: "t".to_owned(),
            rows: Arc::new(AtomicU64::new(rows)),
            estimated: None,
        };
        let tables = vec![table(5), table(1), table(0)];
        let states = |snapshot: &Snapshot| -> Vec<&str> {
            snapshot.states().map(|(_, state)| state).collect()
        };
        let mut snapshot = Snapshot { tables, running: true, ..Snapshot::default() };
        assert_eq!(states(&snapshot), ["done", "reading", "pending"]);
        (snapshot.running, snapshot.aborted) = (false, true);
        assert_eq!(states(&snapshot), ["done", "aborted", "aborted"]);
        (snapshot.aborted, snapshot.completed) = (false, true);
        assert_eq!(states(&snapshot), ["done"; 3]);
    }

    #[test]
    fn snapshot_tells_what_is_left_at_the_speed_so_far() {
        let table = |rows, estimated| SnapshotTable {
            name: "t".to_owned(),
            rows: Arc::new(AtomicU64::new(rows)),
            estimated: Some(estimated),
        };
        let snapshot = Snapshot {
            tables: vec![table(100, 80), table(100, 300)],
            running: true,
            started: Some(Duration::ZERO),
            ..Snapshot::default()
        };
        assert_eq!(snapshot.eta(Duration::from_secs(10)), Some(10.0));
        assert_eq!(Snapshot::default().eta(Duration::ZERO), Some(0.0));
    }
}
