//! `debezium.postgres:type=connector-metrics`, streaming and snapshot (3.6).

use std::sync::atomic::Ordering;

use super::{Batch, Capture, Numbers, Stage, ms_of};
use crate::bean::{Attribute, Bean, Table, Value};
use crate::kafka::OTHER;

/// A capture at one moment, in one context.
struct Moment {
    events: Batch,
    since_last_ms: i64,
    captured: Vec<String>,
    queue_events: i64,
    queue_left: i64,
    queue_used_bytes: i64,
    queue_bytes: i64,
    connected: bool,
    position: u64,
    behind_ms: i64,
    /// Smallest, largest, mean.
    behind: Option<(f64, f64, f64)>,
    quantiles: [Option<f64>; 3],
    creates: Vec<(String, f64)>,
    updates: Vec<(String, f64)>,
    deletes: Vec<(String, f64)>,
    truncates: Vec<(String, f64)>,
    tables: i64,
    tables_left: i64,
    running: bool,
    completed: bool,
    aborted: bool,
    skipped: bool,
    duration_s: i64,
    rows: Vec<(String, f64)>,
}

/// Both beans.
pub(super) fn beans(capture: &Capture, out: &mut Vec<Bean>) {
    let keys = |context| [("context", context), ("server", capture.server.as_str())];
    let [snapshot, streaming] = [true, false].map(|is_snapshot| moment(capture, is_snapshot));
    out.push(SNAPSHOT.bean(&keys("snapshot"), &snapshot));
    out.push(STREAMING.bean(&keys("streaming"), &streaming));
}

fn moment(capture: &Capture, is_snapshot: bool) -> Moment {
    let (used, capacity) = capture.queue();
    let decoded = capture.position_of(Stage::Decoded);
    let connected = capture.connected.load(Ordering::Relaxed);
    capture.update(|n, now| {
        let events = if is_snapshot { &n.snapshot_events } else { &n.streaming };
        let since = |last| integer(ms_of(now.saturating_sub(last)));
        // The queue is bounded in bytes: what is left of them stands for what is left of events.
        let left = capacity.saturating_sub(used);
        let queue_left = left.saturating_mul(capture.queue_events).checked_div(capacity);
        let table = |index: usize| counts(n, index);
        Moment {
            events: events.batch,
            since_last_ms: events.last.map_or(-1, since),
            captured: n.tables.keys().cloned().collect(),
            queue_events: integer(capture.queue_events),
            queue_left: integer(queue_left.unwrap_or(capture.queue_events)),
            queue_used_bytes: integer(used),
            queue_bytes: integer(capacity),
            connected,
            position: decoded,
            behind_ms: n.behind_ms,
            behind: n.lag.extremes(),
            quantiles: [0.5, 0.95, 0.99].map(|share| n.lag.quantile(share)),
            creates: table(0),
            updates: table(1),
            deletes: table(2),
            truncates: table(4),
            tables: integer(n.snapshot.tables.len()),
            tables_left: integer(n.snapshot.tables.len().saturating_sub(n.snapshot.done())),
            running: n.snapshot.running,
            completed: n.snapshot.completed,
            aborted: n.snapshot.aborted,
            skipped: n.snapshot.skipped,
            duration_s: integer(n.snapshot.lasted(now).as_secs()),
            rows: rows(capture, n),
        }
    })
}

/// Events of one operation by table; tables without one are left out.
fn counts(numbers: &Numbers, operation: usize) -> Vec<(String, f64)> {
    let of = |totals: [u64; 5]| totals.get(operation).copied().unwrap_or_default();
    let all = numbers.table_totals().map(|(name, totals)| (name.to_owned(), of(totals)));
    all.filter(|(_, count)| *count > 0).map(|(name, count)| (name, double(count))).collect()
}

/// Rows read by table; those beyond the limit of names together.
fn rows(capture: &Capture, numbers: &Numbers) -> Vec<(String, f64)> {
    let mut rows = Vec::with_capacity(numbers.snapshot.tables.len());
    let mut other = None;
    for table in &numbers.snapshot.tables {
        let read = double(table.rows.load(Ordering::Relaxed));
        if rows.len() < capture.table_limit() {
            rows.push((table.name.clone(), read));
        } else {
            other = Some(other.unwrap_or(0.0) + read);
        }
    }
    rows.extend(other.map(|read| (OTHER.to_owned(), read)));
    rows
}

#[expect(clippy::cast_precision_loss, reason = "JMX exporter shows doubles")]
const fn double(value: u64) -> f64 {
    value as f64
}

fn integer<T: TryInto<i64>>(value: T) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
}

fn optional(number: Option<f64>) -> Value {
    number.map_or(Value::Null, Value::Number)
}

fn map(rows: &[(String, f64)]) -> Value {
    Value::Map(rows.to_vec())
}

const fn long(value: i64) -> Value {
    Value::Integer(value)
}

/// Of both contexts.
const COMMON: &[Attribute<Moment>] = &[
    ("MilliSecondsSinceLastEvent", |m| long(m.since_last_ms)),
    ("TotalNumberOfEventsSeen", |m| long(integer(m.events.events()))),
    ("TotalNumberOfCreateEventsSeen", |m| long(integer(m.events.creates))),
    ("TotalNumberOfUpdateEventsSeen", |m| long(integer(m.events.updates))),
    ("TotalNumberOfDeleteEventsSeen", |m| long(integer(m.events.deletes))),
    ("NumberOfEventsFiltered", |m| long(integer(m.events.filtered))),
    ("NumberOfErroneousEvents", |m| long(integer(m.events.erroneous))),
    ("QueueRemainingCapacity", |m| long(m.queue_left)),
    ("MaxQueueSizeInBytes", |m| long(m.queue_bytes)),
    ("QueueTotalCapacity", |m| long(m.queue_events)),
    ("CurrentQueueSizeInBytes", |m| long(m.queue_used_bytes)),
    ("CapturedTables", |m| Value::Text(m.captured.join(","))),
];

const STREAMING: Table<Moment> = Table {
    domain: "debezium.postgres",
    kind: "connector-metrics",
    attributes: &[COMMON, STREAMING_ATTRIBUTES],
};

const STREAMING_ATTRIBUTES: &[Attribute<Moment>] = &[
    ("Connected", |m| Value::Boolean(m.connected)),
    ("SourceEventPosition", |m| Value::Text(format!("{{lsn={}}}", m.position))),
    ("MilliSecondsBehindSource", |m| long(m.behind_ms)),
    ("NumberOfCommittedTransactions", |m| long(integer(m.events.transactions))),
    ("LastTransactionId", |m| {
        m.events.transaction.map_or(Value::Null, |id| Value::Text(id.to_string()))
    }),
    ("NumberOfUnchangedEventsSkipped", |m| long(integer(m.events.skipped))),
    ("MilliSecondsBehindSourceMinValue", |m| optional(m.behind.map(|(min, _, _)| min))),
    ("MilliSecondsBehindSourceMaxValue", |m| optional(m.behind.map(|(_, max, _)| max))),
    ("MilliSecondsBehindSourceAverageValue", |m| optional(m.behind.map(|(_, _, mean)| mean))),
    ("MilliSecondsBehindSourceP50", |m| optional(m.quantiles[0])),
    ("MilliSecondsBehindSourceP95", |m| optional(m.quantiles[1])),
    ("MilliSecondsBehindSourceP99", |m| optional(m.quantiles[2])),
    ("NumberOfCreateEventsSeen", |m| map(&m.creates)),
    ("NumberOfDeleteEventsSeen", |m| map(&m.deletes)),
    ("NumberOfUpdateEventsSeen", |m| map(&m.updates)),
    ("NumberOfTruncateEventsSeen", |m| map(&m.truncates)),
];

const SNAPSHOT: Table<Moment> = Table {
    domain: "debezium.postgres",
    kind: "connector-metrics",
    attributes: &[COMMON, SNAPSHOT_ATTRIBUTES],
};

const SNAPSHOT_ATTRIBUTES: &[Attribute<Moment>] = &[
    ("TotalTableCount", |m| long(m.tables)),
    ("RemainingTableCount", |m| long(m.tables_left)),
    ("SnapshotRunning", |m| Value::Boolean(m.running)),
    ("SnapshotPaused", |_| Value::Boolean(false)),
    ("SnapshotCompleted", |m| Value::Boolean(m.completed)),
    ("SnapshotAborted", |m| Value::Boolean(m.aborted)),
    ("SnapshotSkipped", |m| Value::Boolean(m.skipped)),
    ("SnapshotDurationInSeconds", |m| long(m.duration_s)),
    ("SnapshotPausedDurationInSeconds", |_| long(0)),
    ("RowsScanned", |m| map(&m.rows)),
];
