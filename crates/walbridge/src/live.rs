//! What runs, for those who watch: one entry a task. Numbers that a part counts anyway (the stream's progress, the
//! queue's usage, the rows of a snapshot) are shared, not copied; of a batch's own only what is kept here is.
//!
//! The pipeline touches an entry once a batch, never once a record, but for the few records that the console shows.

mod recent;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pgoutput::queue::Usage;
use pgoutput::stream::Progress;
use pgoutput::{Batch, Config};
use sink::encoder::Counters;
use sink::plan::Clock;
use sink::record::Records;

use crate::metrics::meter::{self, Meter};

pub(crate) use recent::{Recent, RecentRecord, Shows};

/// A task's connector and number.
pub(crate) type TaskId = (String, u32);

/// Every task that runs.
#[derive(Debug, Default)]
pub(crate) struct Live {
    tasks: Mutex<BTreeMap<TaskId, Arc<TaskLive>>>,
}

/// Where a task's source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Phase {
    /// Connecting, checking, waiting.
    #[default]
    Starting,
    /// Reading tables.
    Snapshot,
    /// Following the log.
    Streaming,
}

/// A captured table.
#[derive(Debug, Clone)]
pub(crate) struct TableLive {
    pub(crate) schema: String,
    pub(crate) name: String,
    /// The planner's; -1 before the first ANALYZE.
    pub(crate) estimated_rows: i64,
    /// Rows that the snapshot has read; `None` if none was taken by this run.
    pub(crate) rows: Option<Arc<AtomicU64>>,
}

/// Where a task reads from.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) database: Config,
    pub(crate) slot: String,
    pub(crate) publication: String,
}

/// What changes only when a run of the task starts or passes from one phase to the next.
#[derive(Debug, Clone, Default)]
pub(crate) struct RunLive {
    pub(crate) phase: Phase,
    pub(crate) stream: Option<Arc<Progress>>,
    pub(crate) queue: Option<Usage>,
    pub(crate) tables: Vec<TableLive>,
}

/// One task.
#[derive(Debug)]
pub(crate) struct TaskLive {
    pub(crate) origin: Origin,
    run: Mutex<RunLive>,
    /// Of this run.
    counters: Mutex<Counters>,
    recent: Mutex<Recent>,
    in_flight: AtomicU64,
    /// Why the last run ended, and when, in milliseconds since the Unix epoch.
    trouble: Mutex<Option<(i64, String)>>,
    /// The longest time from commit to acknowledgement since it was last taken, in microseconds; -1 for none.
    slowest_us: AtomicI64,
    /// Who tells the exporter.
    meter: Option<Meter>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Live {
    /// Enters a task; it leaves when the registration is dropped.
    pub(crate) fn enter(
        self: &Arc<Self>,
        id: TaskId,
        origin: Origin,
        shows: Shows,
        meter: Option<Meter>,
    ) -> Registration {
        let task = Arc::new(TaskLive {
            origin,
            run: Mutex::default(),
            counters: Mutex::default(),
            recent: Mutex::new(Recent::new(shows)),
            in_flight: AtomicU64::new(0),
            trouble: Mutex::default(),
            slowest_us: AtomicI64::new(-1),
            meter,
        });
        lock(&self.tasks).insert(id.clone(), Arc::clone(&task));
        Registration { live: Arc::clone(self), id, task }
    }

    /// Every task that runs now.
    pub(crate) fn tasks(&self) -> Vec<(TaskId, Arc<TaskLive>)> {
        lock(&self.tasks).iter().map(|(id, task)| (id.clone(), Arc::clone(task))).collect()
    }
}

/// Keeps a task entered.
#[derive(Debug)]
pub(crate) struct Registration {
    live: Arc<Live>,
    id: TaskId,
    pub(crate) task: Arc<TaskLive>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut tasks = lock(&self.live.tasks);
        // The task's next start may have entered meanwhile.
        if tasks.get(&self.id).is_some_and(|task| Arc::ptr_eq(task, &self.task)) {
            tasks.remove(&self.id);
        }
    }
}

impl TaskLive {
    /// A run starts, with a queue of its own.
    pub(crate) fn begin(&self, queue: Usage) {
        if let Some(meter) = &self.meter {
            meter.begin(queue.clone());
        }
        *lock(&self.run) = RunLive { queue: Some(queue), ..RunLive::default() };
        *lock(&self.counters) = Counters::default();
        self.in_flight.store(0, Ordering::Relaxed);
    }

    /// These tables are captured.
    pub(crate) fn captures(&self, tables: Vec<TableLive>) {
        lock(&self.run).tables = tables;
    }

    /// The snapshot reads a table and counts its rows in `rows`.
    pub(crate) fn reads(&self, schema: &str, name: &str, rows: &Arc<AtomicU64>) {
        let mut run = lock(&self.run);
        run.phase = Phase::Snapshot;
        let table = run.tables.iter_mut().find(|t| t.schema == schema && t.name == name);
        if let Some(table) = table {
            table.rows = Some(Arc::clone(rows));
        }
    }

    /// All tables that the snapshot reads are known.
    pub(crate) fn snapshot_begins(&self) {
        if let Some(meter) = &self.meter {
            let run = lock(&self.run);
            let tables = run.tables.iter().filter_map(|table| {
                let rows = table.rows.as_ref()?;
                Some(meter::snapshot_table(&table.schema, &table.name, rows, table.estimated_rows))
            });
            meter.snapshot_begins(tables.collect());
        }
    }

    /// The snapshot has ended.
    pub(crate) fn snapshot_ends(&self, completed: bool) {
        if let Some(meter) = &self.meter {
            meter.capture.snapshot_ends(completed);
        }
    }

    /// The log is followed.
    pub(crate) fn streams(&self, progress: Arc<Progress>) {
        if let Some(meter) = &self.meter {
            meter.streams(Arc::clone(&progress));
        }
        let mut run = lock(&self.run);
        run.phase = Phase::Streaming;
        run.stream = Some(progress);
    }

    /// A batch became records.
    pub(crate) fn encoded(
        &self,
        batch: &Batch,
        records: &Records,
        counters: Counters,
        clock: Clock,
    ) {
        *lock(&self.counters) = counters;
        if let Some(meter) = &self.meter {
            let took = Clock::now().unix_ns.saturating_sub(clock.unix_ns);
            let took = std::time::Duration::from_nanos(u64::try_from(took).unwrap_or(0));
            meter.encoded(batch, records, counters, took);
        }
        if !records.is_empty() {
            lock(&self.recent).take(batch, records, clock);
        }
    }

    /// Everything up to a commit of that time is acknowledged; zero for a time that is not known.
    pub(crate) fn acknowledged(&self, commit_time_us: i64, clock: Clock) {
        if commit_time_us > 0 {
            let now_us = clock.unix_ns.div_euclid(1000);
            self.slowest_us.fetch_max((now_us - commit_time_us).max(0), Ordering::Relaxed);
        }
    }

    /// Who tells the exporter.
    pub(crate) fn meter(&self) -> Option<&Meter> {
        self.meter.as_ref()
    }

    /// So many records were acknowledged just now, and so many are not yet.
    pub(crate) fn in_flight(&self, delivered: u64, records: u64) {
        if let Some(meter) = &self.meter {
            meter.delivered(delivered, records);
        }
        self.in_flight.store(records, Ordering::Relaxed);
    }

    /// A run ended with this error, and the task starts over.
    pub(crate) fn failed(&self, error: String, clock: Clock) {
        *lock(&self.trouble) = Some((clock.unix_ns.div_euclid(1_000_000), error));
    }

    /// See [`Self::failed`].
    pub(crate) fn trouble(&self) -> Option<(i64, String)> {
        lock(&self.trouble).clone()
    }

    /// How the run stands.
    pub(crate) fn run(&self) -> RunLive {
        lock(&self.run).clone()
    }

    /// What this run has seen.
    pub(crate) fn counters(&self) -> Counters {
        *lock(&self.counters)
    }

    /// The newest records, the newest first.
    pub(crate) fn recent(&self) -> Vec<RecentRecord> {
        lock(&self.recent).newest()
    }

    /// See [`Self::in_flight`].
    pub(crate) fn outstanding(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Takes the longest time from commit to acknowledgement since the last call, in microseconds.
    pub(crate) fn take_slowest_us(&self) -> Option<u64> {
        u64::try_from(self.slowest_us.swap(-1, Ordering::Relaxed)).ok()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use super::*;

    /// An origin that nothing answers at.
    pub(crate) fn origin() -> Origin {
        let database = Config {
            host: "127.0.0.1".to_owned(),
            port: 1,
            user: "u".to_owned(),
            password: Some(pgoutput::Password::new("hunter2".to_owned())),
            dbname: "shop".to_owned(),
            ssl: pgoutput::SslConfig::default(),
            connect_timeout: Duration::from_secs(1),
            query_timeout: Duration::from_secs(1),
            tcp_keepalive: false,
            initial_statements: Vec::new(),
        };
        Origin { database, slot: "s".to_owned(), publication: "p".to_owned() }
    }

    fn enter(live: &Arc<Live>) -> Registration {
        live.enter(("c".to_owned(), 0), origin(), Shows::Keys, None)
    }

    #[test]
    fn task_is_listed_as_long_as_it_is_registered() {
        let live = Arc::new(Live::default());
        let first = enter(&live);
        assert_eq!(live.tasks().len(), 1);
        let second = enter(&live);
        drop(first);
        assert_eq!(live.tasks().len(), 1, "the next start has entered before the last one left");
        drop(second);
        assert_eq!(live.tasks().len(), 0);
    }

    #[test]
    fn slowest_acknowledgement_counts_until_it_is_taken() {
        let live = Arc::new(Live::default());
        let entered = enter(&live);
        let task = &entered.task;
        assert_eq!(task.take_slowest_us(), None);
        let clock = Clock { unix_ns: 10_000_000 };
        task.acknowledged(9_000, clock);
        task.acknowledged(4_000, clock);
        task.acknowledged(0, clock);
        task.acknowledged(20_000, clock);
        assert_eq!(task.take_slowest_us(), Some(6_000));
        assert_eq!(task.take_slowest_us(), None);
    }
}
