//! A source task as Connect's beans show it: `connector-task-metrics`, `source-task-metrics`, `task-error-metrics`.
//!
//! The pipeline tells of batches, never of rows: each call takes one lock that nobody else holds but a scrape.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::bean::{Attribute, Bean, Table, Value, count};
use crate::clock;
use crate::stat::{Meter, Window};
use crate::worker::State;

/// A task's counters. Made anew with each start of the task: totals restart at 0, as in Connect.
#[derive(Debug)]
pub struct Task {
    connector: String,
    number: u32,
    numbers: Mutex<Numbers>,
}

#[derive(Debug)]
struct Numbers {
    now: Duration,
    started: Duration,
    /// What the worker says of the task; shown, and not what ratios are made of.
    status: State,
    polled: Meter,
    written: Meter,
    left_out: f64,
    active: Window,
    batch: Window,
    poll_time: Window,
    commit_time: Window,
    commit_ok: Window,
    paused: Option<Duration>,
    paused_for: Duration,
    failures: u64,
    errors: u64,
    skipped: u64,
    retries: u64,
    logged: u64,
    last_error_ms: i64,
    produce_errors: BTreeMap<&'static str, u64>,
}

impl Task {
    /// A task that starts now.
    #[must_use]
    pub fn new(connector: &str, number: u32) -> Self {
        let now = clock::now();
        let numbers = Numbers {
            now,
            started: now,
            status: State::Running,
            polled: Meter::default(),
            written: Meter::default(),
            left_out: 0.0,
            active: Window::default(),
            batch: Window::default(),
            poll_time: Window::default(),
            commit_time: Window::default(),
            commit_ok: Window::default(),
            paused: None,
            paused_for: Duration::ZERO,
            failures: 0,
            errors: 0,
            skipped: 0,
            retries: 0,
            logged: 0,
            last_error_ms: 0,
            produce_errors: BTreeMap::new(),
        };
        Self { connector: connector.to_owned(), number, numbers: Mutex::new(numbers) }
    }

    /// The connector's name and the task's number.
    #[must_use]
    pub fn id(&self) -> (&str, u32) {
        (&self.connector, self.number)
    }

    fn update<T>(&self, update: impl FnOnce(&mut Numbers, Duration) -> T) -> T {
        update(&mut self.numbers.lock().unwrap_or_else(PoisonError::into_inner), clock::now())
    }

    /// A batch became `records` records before transforms; it took that long to come.
    pub fn polled(&self, records: u64, took: Duration) {
        if records == 0 {
            return;
        }
        self.update(|n, now| {
            let records = as_f64(records);
            n.polled.add(now, records);
            n.batch.record(now, records);
            n.poll_time.record(now, clock::ms(took));
            n.count_active(now);
        });
    }

    /// So many records were acknowledged.
    pub fn written(&self, written: u64) {
        self.update(|n, now| {
            n.written.add(now, as_f64(written));
            n.count_active(now);
        });
    }

    /// So many polled records were left out by transforms: they are not active any more.
    pub fn left_out(&self, records: u64) {
        self.update(|n, now| {
            n.left_out += as_f64(records);
            n.count_active(now);
        });
    }

    /// An attempt to record the offset ended.
    pub fn committed(&self, took: Duration, ok: bool) {
        self.update(|n, now| {
            n.commit_ok.record(now, if ok { 1.0 } else { 0.0 });
            if ok {
                n.commit_time.record(now, clock::ms(took));
            }
        });
    }

    /// The task polls, or does not.
    pub fn paused(&self, paused: bool) {
        self.update(|n, now| match (paused, n.paused) {
            (true, None) => n.paused = Some(now),
            (false, Some(since)) => {
                n.paused = None;
                n.paused_for += now.saturating_sub(since);
            }
            _ => {}
        });
    }

    /// The task starts over, or failed for good: then the operation was given up on.
    pub fn failed(&self, for_good: bool) {
        self.update(|n, _| {
            n.failures += 1;
            n.logged += 1;
            n.last_error_ms = clock::unix_ms();
            if for_good {
                n.errors += 1;
            } else {
                n.retries += 1;
            }
        });
    }

    /// Records were left out because they could not be made, as `errors.tolerance=all` asks for. So many of them the
    /// log tells of.
    pub fn skipped(&self, records: u64, logged: u64) {
        self.update(|n, _| {
            n.failures += records;
            n.skipped += records;
            n.logged += logged;
            n.last_error_ms = clock::unix_ms();
        });
    }

    /// A record was not delivered. `code` is one of few words.
    pub fn produce_failed(&self, code: &'static str) {
        self.update(|n, _| *n.produce_errors.entry(code).or_default() += 1);
    }

    /// Codes that are shown from the beginning: what comes with a first error cannot be seen to rise.
    pub fn expect_produce_errors(&self, codes: &[&'static str]) {
        self.update(|n, _| n.produce_errors.extend(codes.iter().map(|code| (*code, 0))));
    }

    /// Records that were not delivered, by code.
    pub(crate) fn produce_errors(&self) -> Vec<(&'static str, u64)> {
        self.update(|n, _| n.produce_errors.iter().map(|(code, count)| (*code, *count)).collect())
    }

    /// When something last went wrong, in milliseconds since the Unix epoch; 0 for never.
    pub(crate) fn last_error_ms(&self) -> i64 {
        self.update(|n, _| n.last_error_ms)
    }

    /// Records before transforms so far.
    #[must_use]
    pub fn polled_total(&self) -> f64 {
        self.update(|n, _| n.polled.total)
    }

    pub(crate) fn beans(&self, status: State, out: &mut Vec<Bean>) {
        self.update(|n, now| {
            (n.now, n.status) = (now, status);
            let number = self.number.to_string();
            let keys = [("connector", self.connector.as_str()), ("task", number.as_str())];
            for table in [&CONNECTOR_TASK, &SOURCE_TASK, &TASK_ERROR] {
                out.push(table.bean(&keys, n));
            }
        });
    }
}

impl Numbers {
    fn count_active(&mut self, now: Duration) {
        self.active.record(now, self.active_count());
    }

    fn active_count(&self) -> f64 {
        (self.polled.total - self.written.total - self.left_out).max(0.0)
    }

    /// Share of the task's life in which it was paused, or ran.
    fn ratio(&self, paused: bool) -> Value {
        let life = self.now.saturating_sub(self.started).as_secs_f64();
        let since = self.paused.map_or(Duration::ZERO, |since| self.now.saturating_sub(since));
        let share = (self.paused_for + since).as_secs_f64() / life;
        let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
        Value::Number(if paused { share } else { 1.0 - share })
    }
}

#[expect(clippy::cast_precision_loss, reason = "JMX shows doubles")]
const fn as_f64(value: u64) -> f64 {
    value as f64
}

const fn n(number: f64) -> Value {
    Value::Number(number)
}

const CONNECTOR_TASK: Table<Numbers> = Table {
    domain: "kafka.connect",
    kind: "connector-task-metrics",
    attributes: &[CONNECTOR_TASK_ATTRIBUTES],
};

const CONNECTOR_TASK_ATTRIBUTES: &[Attribute<Numbers>] = &[
    ("status", |t| Value::Text(t.status.name().to_owned())),
    ("running-ratio", |t| t.ratio(false)),
    ("pause-ratio", |t| t.ratio(true)),
    ("batch-size-avg", |t| n(t.batch.avg(t.now))),
    ("batch-size-max", |t| n(t.batch.max(t.now))),
    ("offset-commit-avg-time-ms", |t| n(t.commit_time.avg(t.now))),
    ("offset-commit-max-time-ms", |t| n(t.commit_time.max(t.now))),
    ("offset-commit-success-percentage", |t| n(t.commit_ok.share(t.now))),
    ("offset-commit-failure-percentage", |t| {
        let failures = 1.0 - t.commit_ok.avg(t.now);
        n(if failures.is_nan() { 0.0 } else { failures })
    }),
];

const SOURCE_TASK: Table<Numbers> = Table {
    domain: "kafka.connect",
    kind: "source-task-metrics",
    attributes: &[SOURCE_TASK_ATTRIBUTES],
};

const SOURCE_TASK_ATTRIBUTES: &[Attribute<Numbers>] = &[
    ("source-record-poll-total", |t| n(t.polled.total)),
    ("source-record-poll-rate", |t| n(t.polled.rate(t.now))),
    ("source-record-write-total", |t| n(t.written.total)),
    ("source-record-write-rate", |t| n(t.written.rate(t.now))),
    ("source-record-active-count", |t| n(t.active_count())),
    ("source-record-active-count-avg", |t| n(t.active.avg(t.now))),
    ("source-record-active-count-max", |t| n(t.active.max(t.now))),
    ("poll-batch-avg-time-ms", |t| n(t.poll_time.avg(t.now))),
    ("poll-batch-max-time-ms", |t| n(t.poll_time.max(t.now))),
    // Of the producer's transactions under exactly.once.source.support: without those there is none.
    ("transaction-size-min", |_| n(f64::NAN)),
    ("transaction-size-avg", |_| n(f64::NAN)),
    ("transaction-size-max", |_| n(f64::NAN)),
];

const TASK_ERROR: Table<Numbers> = Table {
    domain: "kafka.connect",
    kind: "task-error-metrics",
    attributes: &[TASK_ERROR_ATTRIBUTES],
};

const TASK_ERROR_ATTRIBUTES: &[Attribute<Numbers>] = &[
    ("total-record-failures", |t| count(t.failures)),
    ("total-record-errors", |t| count(t.errors)),
    ("total-records-skipped", |t| count(t.skipped)),
    ("total-retries", |t| count(t.retries)),
    ("total-errors-logged", |t| count(t.logged)),
    // A source has no dead letter queue.
    ("deadletterqueue-produce-requests", |_| count(0)),
    ("deadletterqueue-produce-failures", |_| count(0)),
    ("last-error-timestamp", |t| Value::Integer(t.last_error_ms)),
];
