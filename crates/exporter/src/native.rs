//! What Connect and Debezium cannot tell: lag that grows while nothing moves, the slot, positions, latencies, tables.
//!
//! One line of [`FAMILIES`] a family. They go through the `prometheus` crate's registry as one collector, which reads
//! the same counters as the beans.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus::Registry;
use prometheus::core::{Collector, Desc};
use prometheus::proto::{self, LabelPair, Metric, MetricFamily, MetricType};

use crate::capture::{Capture, Histogram, Loss, Numbers, OPERATIONS, Stage, Work};
use crate::clock;
use crate::task::Task;
use crate::text::{self, Type};
use crate::worker::{State, View};

/// What a scrape of our own metrics looks at.
#[derive(Debug, Default, Clone)]
pub(crate) struct Sight {
    pub(crate) view: View,
    pub(crate) captures: Vec<Arc<Capture>>,
    pub(crate) tasks: Vec<Arc<Task>>,
}

/// A value, or the counts of a histogram.
enum Sample {
    Value(f64),
    Histogram(Histogram),
}

type Labels = Vec<(&'static str, String)>;

/// Where a family's samples come from.
enum Source {
    /// Of each running task.
    Capture(fn(&Capture, &Numbers, Duration, &mut Samples)),
    /// Of each task, also of one that failed.
    Task(fn(&Task, &mut Samples)),
    /// Of the worker.
    Worker(fn(&View, &mut Samples)),
}

/// Samples of one family of one source.
struct Samples {
    connector: Option<String>,
    list: Vec<(Labels, Sample)>,
}

impl Samples {
    fn add(&mut self, labels: &[(&'static str, &str)], value: f64) {
        self.push(labels, Sample::Value(value));
    }

    fn push(&mut self, labels: &[(&'static str, &str)], sample: Sample) {
        let own = self.connector.iter().map(|name| ("connector", name.clone()));
        let all = own.chain(labels.iter().map(|(key, value)| (*key, (*value).to_owned())));
        self.list.push((all.collect(), sample));
    }
}

struct Family {
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    from: Source,
}

const fn capture(
    name: &'static str,
    kind: MetricType,
    help: &'static str,
    from: fn(&Capture, &Numbers, Duration, &mut Samples),
) -> Family {
    Family { name, help, kind, from: Source::Capture(from) }
}

const fn task(
    name: &'static str,
    kind: MetricType,
    help: &'static str,
    from: fn(&Task, &mut Samples),
) -> Family {
    Family { name, help, kind, from: Source::Task(from) }
}

const fn worker(
    name: &'static str,
    kind: MetricType,
    help: &'static str,
    from: fn(&View, &mut Samples),
) -> Family {
    Family { name, help, kind, from: Source::Worker(from) }
}

const G: MetricType = MetricType::GAUGE;
const C: MetricType = MetricType::COUNTER;
const H: MetricType = MetricType::HISTOGRAM;

/// The names are explained in `docs/metrics.md`.
static FAMILIES: &[Family] = &[
    capture(
        "cdc_slot_retained_wal_bytes",
        G,
        "Log that the server keeps for the slot",
        |_, n, _, out| slot(n, out, |slot| double(slot.retained_bytes)),
    ),
    capture(
        "cdc_slot_confirmed_flush_lag_bytes",
        G,
        "Log that the slot has not confirmed",
        |_, n, _, out| slot(n, out, |slot| double(slot.unconfirmed_bytes)),
    ),
    capture("cdc_lsn", G, "Positions in the log, as numbers", |c, _, _, out| {
        for ((_, kind), lsn) in Stage::ALL.iter().zip(c.positions()) {
            if lsn > 0 {
                out.add(&[("kind", kind)], double(lsn));
            }
        }
    }),
    capture(
        "cdc_replay_age_seconds",
        G,
        "Age of the oldest transaction that Kafka has not acknowledged; 0 if there is none",
        |c, _, _, out| out.add(&[], c.replay_age()),
    ),
    capture(
        "cdc_source_lag_seconds",
        G,
        "How far behind the source is; 0 while there is nothing left to do",
        |c, n, _, out| out.add(&[], c.source_lag(n)),
    ),
    capture("cdc_transaction_size_events", H, "Events of a transaction", |_, n, _, out| {
        out.push(&[], Sample::Histogram(n.transaction_sizes.clone()));
    }),
    capture(
        "cdc_backpressure_seconds_total",
        C,
        "Time in which the Kafka client had no room for more",
        |_, n, _, out| out.add(&[], n.waited.as_secs_f64()),
    ),
    capture(
        "cdc_transaction_duration_seconds",
        H,
        "From the first event of a transaction to its end, as they are handled",
        |_, n, _, out| out.push(&[], Sample::Histogram(n.transaction_seconds.clone())),
    ),
    capture(
        "cdc_open_transactions",
        G,
        "Transactions that have begun and not ended",
        |_, n, _, out| out.add(&[], if n.open_transaction { 1.0 } else { 0.0 }),
    ),
    task("cdc_produce_errors_total", C, "Records that were not delivered", |t, out| {
        for (code, count) in t.produce_errors() {
            out.add(&[("code", code)], double(count));
        }
    }),
    task("cdc_last_error_timestamp_seconds", G, "When something last went wrong", |t, out| {
        if let ms @ 1.. = t.last_error_ms() {
            out.add(&[], seconds(ms));
        }
    }),
    capture("cdc_records_dropped_total", C, "Records left out", |_, n, _, out| {
        for ((_, reason), count) in Loss::ALL.iter().zip(n.dropped) {
            out.add(&[("reason", reason)], double(count));
        }
    }),
    capture(
        "cdc_heartbeat_age_seconds",
        G,
        "Since the last heartbeat that Kafka acknowledged",
        |_, n, _, out| {
            if let Some(ms) = n.heartbeat_ms {
                out.add(&[], seconds(clock::unix_ms() - ms));
            }
        },
    ),
    capture(
        "cdc_time_since_keepalive_seconds",
        G,
        "Since the server last sent anything",
        |c, _, _, out| {
            let heard = c.link().and_then(|link| i64::try_from(link.heard_ms).ok());
            if let Some(ms @ 1..) = heard {
                out.add(&[], seconds((clock::unix_ms() - ms).max(0)));
            }
        },
    ),
    capture("cdc_feedback_total", C, "Status updates to the server", |c, _, _, out| {
        if let Some(link) = c.link() {
            out.add(&[("result", "sent")], double(link.feedback));
            out.add(&[("result", "skipped")], double(link.feedback_spared));
        }
    }),
    capture(
        "cdc_slot_invalidations_total",
        C,
        "Times that the server threw away log that the slot needs",
        |_, n, _, out| out.add(&[], double(n.invalidations)),
    ),
    capture("cdc_table_bytes_total", C, "Bytes of records by table", |_, n, _, out| {
        for (table, bytes) in n.table_bytes() {
            let (schema, name) = table.split_once('.').unwrap_or(("", table));
            out.add(&[("schema", schema), ("table", name)], double(bytes));
        }
    }),
    capture(
        "cdc_end_to_end_latency_seconds",
        H,
        "From a transaction's commit to the acknowledgement of its records",
        |_, n, _, out| out.push(&[], Sample::Histogram(n.latency.clone())),
    ),
    capture(
        "cdc_stage_latency_seconds",
        H,
        "Time that a batch spends in a stage",
        |_, n, _, out| {
            for ((_, stage), histogram) in Work::ALL.iter().zip(&n.work) {
                out.push(&[("stage", stage)], Sample::Histogram(histogram.clone()));
            }
        },
    ),
    capture(
        "cdc_queue_fill_ratio",
        G,
        "How full the queue between reader and writer is",
        |c, _, _, out| {
            let (used, capacity) = c.queue();
            out.add(&[], if capacity == 0 { 0.0 } else { double(used) / double(capacity) });
        },
    ),
    capture("cdc_queue_bytes", G, "Bytes in that queue", |c, _, _, out| {
        out.add(&[], double(c.queue().0));
    }),
    capture(
        "cdc_produce_inflight",
        G,
        "Records handed to the Kafka client and not acknowledged",
        |c, _, _, out| {
            out.add(&[], double(c.outstanding.load(std::sync::atomic::Ordering::Relaxed)));
        },
    ),
    capture("cdc_table_events_total", C, "Events by table and operation", |_, n, _, out| {
        for (table, totals) in n.table_totals() {
            let (schema, name) = table.split_once('.').unwrap_or(("", table));
            for (op, count) in OPERATIONS.iter().zip(totals) {
                if count > 0 {
                    out.add(&[("schema", schema), ("table", name), ("op", op)], double(count));
                }
            }
        }
    }),
    capture("cdc_snapshot_rows_total", C, "Rows that a snapshot has read", |c, n, _, out| {
        let shown = n.snapshot.tables.iter().take(c.table_limit());
        for table in shown {
            let rows = table.rows.load(std::sync::atomic::Ordering::Relaxed);
            out.add(&[("table", &table.name)], double(rows));
        }
    }),
    capture(
        "cdc_snapshot_rows_estimated",
        G,
        "Rows that the planner expects in a table of a snapshot",
        |c, n, _, out| {
            for table in n.snapshot.tables.iter().take(c.table_limit()) {
                if let Some(rows) = table.estimated {
                    out.add(&[("table", &table.name)], double(rows));
                }
            }
        },
    ),
    capture(
        "cdc_snapshot_table_state",
        G,
        "1, with the state of a table of a snapshot",
        |c, n, _, out| {
            for (table, state) in n.snapshot.states().take(c.table_limit()) {
                out.add(&[("table", &table.name), ("state", state)], 1.0);
            }
        },
    ),
    capture(
        "cdc_snapshot_eta_seconds",
        G,
        "What is left of a snapshot at the speed so far",
        |_, n, now, out| {
            if let Some(seconds) = n.snapshot.eta(now) {
                out.add(&[], seconds);
            }
        },
    ),
    capture(
        "cdc_last_offset_commit_timestamp_seconds",
        G,
        "When an offset was last recorded",
        |_, n, _, out| {
            if let Some(ms) = n.last_commit_ms {
                out.add(&[], seconds(ms));
            }
        },
    ),
    capture(
        "cdc_source_reconnects_total",
        C,
        "Times that the task started over",
        |_, n, _, out| {
            for (reason, count) in &n.reconnects {
                out.add(&[("reason", reason)], double(*count));
            }
        },
    ),
    capture(
        "cdc_source_connected_since_seconds",
        G,
        "When the replication connection was opened",
        |_, n, _, out| {
            if let Some(ms) = n.connected_since {
                out.add(&[], seconds(ms));
            }
        },
    ),
    capture(
        "pg_wal_size_bytes",
        G,
        "Log on the server's disk, where the user may see it (as postgres_exporter names it)",
        |_, n, _, out| {
            if let Some(bytes) = n.slot.as_ref().and_then(|slot| slot.wal_bytes) {
                out.add(&[], signed(bytes));
            }
        },
    ),
    capture(
        "pg_replication_slot_slot_is_active",
        G,
        "Whether somebody streams from the slot (as postgres_exporter names it)",
        |_, n, _, out| {
            pg_slot(n, out, |slot| Some(if slot.active { 1.0 } else { 0.0 }));
        },
    ),
    capture(
        "pg_replication_slot_safe_wal_size_bytes",
        G,
        "Log that may still be written before the slot loses what it needs",
        |_, n, _, out| pg_slot(n, out, |slot| slot.safe_wal_bytes.map(signed)),
    ),
    capture(
        "pg_replication_slots_pg_wal_lsn_diff",
        G,
        "Log that the server keeps for the slot (as postgres_exporter names it)",
        |_, n, _, out| pg_slot(n, out, |slot| Some(double(slot.retained_bytes))),
    ),
    capture("pg_replication_slot_wal_status", G, "State of the slot's log", |_, n, _, out| {
        if let Some(slot) = &n.slot {
            let labels = [
                ("slot_name", slot.name.as_str()),
                ("slot_type", "logical"),
                ("wal_status", slot.wal_status.as_str()),
            ];
            out.add(&labels, 1.0);
        }
    }),
    worker("cdc_connector_state", G, "1 for the state that a connector is in", |view, out| {
        for connector in &view.connectors {
            for state in State::ALL {
                let is = if connector.state == state { 1.0 } else { 0.0 };
                out.add(&[("connector", &connector.name), ("state", state.name())], is);
            }
        }
    }),
    worker("cdc_task_state", G, "1 for the state that a task is in", |view, out| {
        for connector in &view.connectors {
            for (task, found) in &connector.tasks {
                let task = task.to_string();
                for state in State::ALL {
                    let is = if *found == state { 1.0 } else { 0.0 };
                    let labels = [
                        ("connector", connector.name.as_str()),
                        ("task", task.as_str()),
                        ("state", state.name()),
                    ];
                    out.add(&labels, is);
                }
            }
        }
    }),
];

fn slot(numbers: &Numbers, out: &mut Samples, value: fn(&crate::capture::Slot) -> f64) {
    if let Some(slot) = &numbers.slot {
        out.add(&[("slot", &slot.name)], value(slot));
    }
}

fn pg_slot(numbers: &Numbers, out: &mut Samples, value: fn(&crate::capture::Slot) -> Option<f64>) {
    if let Some(slot) = &numbers.slot
        && let Some(value) = value(slot)
    {
        out.add(&[("slot_name", &slot.name), ("slot_type", "logical")], value);
    }
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus knows doubles only")]
const fn double(value: u64) -> f64 {
    value as f64
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus knows doubles only")]
const fn signed(value: i64) -> f64 {
    value as f64
}

const fn seconds(ms: i64) -> f64 {
    signed(ms) / 1e3
}

/// Our own metrics, as the registry collects them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Native {
    sight: Arc<Mutex<Sight>>,
}

impl Native {
    /// A registry with our metrics, and the handle that says what they look at.
    pub(crate) fn registry() -> (Registry, Self) {
        let native = Self::default();
        let registry = Registry::new();
        // The only refusal is of a second collector of the same names, and there is none.
        drop(registry.register(Box::new(native.clone())));
        (registry, native)
    }

    pub(crate) fn look(&self, sight: Sight) {
        *self.sight.lock().unwrap_or_else(PoisonError::into_inner) = sight;
    }
}

impl Collector for Native {
    fn desc(&self) -> Vec<&Desc> {
        Vec::new()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let sight = self.sight.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut families: Vec<MetricFamily> =
            FAMILIES.iter().map(|family| family.collect(&sight)).collect();
        families.retain(|family| !family.get_metric().is_empty());
        families
    }
}

impl Family {
    fn collect(&self, sight: &Sight) -> MetricFamily {
        let mut samples = Samples { connector: None, list: Vec::new() };
        match self.from {
            Source::Worker(from) => from(&sight.view, &mut samples),
            Source::Task(from) => {
                for task in &sight.tasks {
                    samples.connector = Some(task.id().0.to_owned());
                    from(task, &mut samples);
                }
            }
            Source::Capture(from) => {
                for capture in &sight.captures {
                    samples.connector = Some(capture.connector.clone());
                    capture.update(|n, _| from(capture, n, clock::now(), &mut samples));
                }
            }
        }
        let mut family = MetricFamily::default();
        family.set_name(self.name.to_owned());
        family.set_help(self.help.to_owned());
        family.set_field_type(self.kind);
        family.set_metric(samples.list.into_iter().map(|(l, s)| metric(self.kind, l, s)).collect());
        family
    }
}

fn metric(kind: MetricType, labels: Labels, sample: Sample) -> Metric {
    let pairs = labels.into_iter().map(|(name, value)| {
        let mut pair = LabelPair::default();
        pair.set_name(name.to_owned());
        pair.set_value(value);
        pair
    });
    let mut metric = Metric::from_label(pairs.collect());
    match sample {
        Sample::Value(value) if kind == MetricType::COUNTER => {
            let mut counter = proto::Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        }
        Sample::Value(value) => {
            let mut gauge = proto::Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        }
        Sample::Histogram(histogram) => metric.set_histogram(proto_of(&histogram)),
    }
    metric
}

fn proto_of(histogram: &Histogram) -> proto::Histogram {
    let mut cumulative = 0;
    let buckets = histogram.bounds.iter().zip(&histogram.counts).map(|(bound, count)| {
        cumulative += count;
        let mut bucket = proto::Bucket::default();
        bucket.set_upper_bound(*bound);
        bucket.set_cumulative_count(cumulative);
        bucket
    });
    let mut proto = proto::Histogram::default();
    proto.set_bucket(buckets.collect());
    proto.set_sample_count(histogram.counts.iter().sum());
    proto.set_sample_sum(histogram.sum);
    proto
}

impl From<&MetricFamily> for text::Family {
    fn from(family: &MetricFamily) -> Self {
        let kind = match family.get_field_type() {
            MetricType::COUNTER => Type::Counter,
            MetricType::GAUGE => Type::Gauge,
            MetricType::HISTOGRAM => Type::Histogram,
            MetricType::SUMMARY | MetricType::UNTYPED => Type::Unknown,
        };
        let samples = family.get_metric().iter().flat_map(|metric| {
            let pairs = metric.get_label().iter();
            let labels: Vec<String> =
                pairs.map(|pair| text::label(pair.name(), pair.value())).collect();
            let labels = labels.join(",");
            match kind {
                Type::Counter => vec![(labels.into(), metric.get_counter().get_value())],
                Type::Histogram => histogram_samples(&labels, metric.get_histogram()),
                Type::Gauge | Type::Unknown | Type::Summary => {
                    vec![(labels.into(), metric.get_gauge().get_value())]
                }
            }
        });
        Self {
            name: family.name().into(),
            kind,
            help: family.help().into(),
            samples: samples.collect(),
        }
    }
}

fn histogram_samples(labels: &str, histogram: &proto::Histogram) -> Vec<(Arc<str>, f64)> {
    let comma = if labels.is_empty() { "" } else { "," };
    let count = double(histogram.get_sample_count());
    let bucket = |bound: &str, count: f64| {
        let own = text::label("le", bound);
        (format!("_bucket{{{labels}{comma}{own}}}").into(), count)
    };
    let mut samples: Vec<(Arc<str>, f64)> = histogram
        .get_bucket()
        .iter()
        .map(|b| bucket(&b.upper_bound().to_string(), double(b.cumulative_count())))
        .collect();
    samples.push(bucket("+Inf", count));
    samples.push((format!("_sum{{{labels}}}").into(), histogram.get_sample_sum()));
    samples.push((format!("_count{{{labels}}}").into(), count));
    samples
}
