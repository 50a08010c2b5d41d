//! Beans of Kafka clients: producer, consumer, admin, and the worker's own (`connect-metrics`).
//!
//! The client is librdkafka, which tells totals every few seconds; rates and averages over Kafka's windows are made of
//! those. What it does not know (time in `select`, buffer pools, reauthentication) is 0 as a total and NaN as an
//! average, as in a Java client to which it never happened.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::bean::{Attribute, Bean, Table, Value};
use crate::clock;
use crate::stat::{Meter, Window};

mod table;

/// Which client it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// `kafka.producer`.
    Producer,
    /// `kafka.consumer`.
    Consumer,
    /// `kafka.admin.client`.
    Admin,
    /// `kafka.connect`: the member of the group.
    Member,
}

/// Mean and maximum of what a client has seen between two readings.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spread {
    /// Mean.
    pub avg: f64,
    /// Maximum.
    pub max: f64,
    /// Of how many.
    pub count: f64,
}

/// What a client tells of itself. Totals are since its start.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    /// Open connections.
    pub connections: f64,
    /// Connections made.
    pub creations: f64,
    /// Connections closed.
    pub closes: f64,
    /// Times that its threads were woken for I/O.
    pub wakeups: f64,
    /// Unanswered requests.
    pub in_flight: f64,
    /// Records handed over and not yet acknowledged, in bytes.
    pub buffered_bytes: f64,
    /// How many bytes may be.
    pub buffer_bytes: f64,
    /// Records sent.
    pub records: f64,
    /// Their bytes.
    pub record_bytes: f64,
    /// Records that failed for good.
    pub record_errors: f64,
    /// Age of the newest topic metadata, in seconds.
    pub metadata_age_s: f64,
    /// Records consumed.
    pub consumed: f64,
    /// Their bytes.
    pub consumed_bytes: f64,
    /// Time in the client's queue, in ms.
    pub queue_ms: Spread,
    /// Throttling by brokers, in ms.
    pub throttle_ms: Spread,
    /// Bytes of batches.
    pub batch_bytes: Spread,
    /// Records of batches.
    pub batch_records: Spread,
    /// By `node-<id>`.
    pub nodes: BTreeMap<String, Node>,
    /// By name.
    pub topics: BTreeMap<String, Topic>,
}

/// One broker's connection.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Node {
    /// Requests sent.
    pub requests: f64,
    /// Responses received.
    pub responses: f64,
    /// Bytes sent.
    pub bytes_out: f64,
    /// Bytes received.
    pub bytes_in: f64,
    /// Requests sent again.
    pub retries: f64,
    /// Round trip, in ms.
    pub latency_ms: Spread,
}

/// One topic.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Topic {
    /// Records sent.
    pub records: f64,
    /// Their bytes.
    pub bytes: f64,
}

/// A windowed mean and maximum.
#[derive(Debug, Default)]
struct Spreads(Window);

impl Spreads {
    fn record(&mut self, now: Duration, spread: Spread) {
        if spread.count > 0.0 {
            self.0.record_many(now, spread.avg, spread.count);
            if spread.max > spread.avg {
                self.0.record_many(now, spread.max, 0.0);
            }
        }
    }
}

/// Meters of a connection, or of all of them.
#[derive(Debug, Default)]
struct Traffic {
    requests: Meter,
    responses: Meter,
    bytes_out: Meter,
    bytes_in: Meter,
    network_io: Meter,
    size: Window,
    latency: Spreads,
}

impl Traffic {
    fn update(&mut self, now: Duration, node: &Node) {
        let (requests, bytes) = (self.requests.total, self.bytes_out.total);
        self.requests.raise(now, node.requests);
        self.responses.raise(now, node.responses);
        self.bytes_out.raise(now, node.bytes_out);
        self.bytes_in.raise(now, node.bytes_in);
        self.network_io.raise(now, node.requests + node.responses);
        let sent = node.requests - requests;
        if sent > 0.0 {
            self.size.record_many(now, (node.bytes_out - bytes) / sent, sent);
        }
        self.latency.record(now, node.latency_ms);
    }
}

#[derive(Debug, Default)]
struct TopicMeters {
    records: Meter,
    bytes: Meter,
}

/// A client's numbers at one moment, as the tables see them.
#[derive(Debug, Default)]
struct State {
    now: Duration,
    reading: Reading,
    all: Traffic,
    creations: Meter,
    closes: Meter,
    wakeups: Meter,
    retries: Meter,
    records: Meter,
    errors: Meter,
    consumed: Meter,
    consumed_bytes: Meter,
    record_size: Window,
    queue: Spreads,
    throttle: Spreads,
    batch_bytes: Spreads,
    batch_records: Spreads,
    nodes: BTreeMap<String, Traffic>,
    topics: BTreeMap<String, TopicMeters>,
    assigned_connectors: f64,
    assigned_tasks: f64,
}

/// A Kafka client as its beans show it.
#[derive(Debug)]
pub struct Client {
    role: Role,
    id: String,
    started_ms: i64,
    /// Topics that get a bean of their own; the others are counted together under `other`.
    max_topics: usize,
    state: Mutex<State>,
}

/// What topics beyond the limit are called.
pub(crate) const OTHER: &str = "other";

impl Client {
    /// A client that has just been made. `max_topics` of its topics get beans of their own.
    #[must_use]
    pub fn new(role: Role, id: &str, max_topics: usize) -> Self {
        let started_ms = clock::unix_ms();
        Self { role, id: id.to_owned(), started_ms, max_topics, state: Mutex::default() }
    }

    /// Its `client.id`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Which client it is.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Takes in what the client tells of itself.
    pub fn update(&self, reading: Reading) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.update(clock::now(), reading, self.max_topics);
    }

    /// What the group has assigned to the member.
    pub(crate) fn assigned(&self, connectors: f64, tasks: f64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.assigned_connectors = connectors;
        state.assigned_tasks = tasks;
    }

    /// Its beans.
    pub(crate) fn beans(&self, app: &App, out: &mut Vec<Bean>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.now = clock::now();
        let id = ("client-id", self.id.as_str());
        let app = App { started_ms: self.started_ms, ..app.clone() };
        let tables = table::of(self.role);
        out.push(tables.app.bean(&[id], &app));
        out.push(tables.count.bean(&[id], &tables.metrics()));
        for table in tables.client {
            out.push(table.bean(&[id], &state));
        }
        for (name, traffic) in &state.nodes {
            let view = (state.now, traffic);
            out.push(table::node(tables.node, &[id, ("node-id", name)], &view));
        }
        if self.role == Role::Producer {
            for (name, meters) in &state.topics {
                let view = TopicView {
                    records: meters.records.total,
                    record_rate: meters.records.rate(state.now),
                    bytes: meters.bytes.total,
                    byte_rate: meters.bytes.rate(state.now),
                };
                out.push(table::TOPIC.bean(&[id, ("topic", name)], &view));
            }
        }
    }
}

impl State {
    fn update(&mut self, now: Duration, reading: Reading, max_topics: usize) {
        let mut all = Node::default();
        for (name, node) in &reading.nodes {
            self.nodes.entry(name.clone()).or_default().update(now, node);
            all.requests += node.requests;
            all.responses += node.responses;
            all.bytes_out += node.bytes_out;
            all.bytes_in += node.bytes_in;
            all.retries += node.retries;
            self.all.latency.record(now, node.latency_ms);
        }
        self.all.update(now, &all);
        self.retries.raise(now, all.retries);
        self.creations.raise(now, reading.creations);
        self.closes.raise(now, reading.closes);
        self.wakeups.raise(now, reading.wakeups);
        let (records, bytes) = (self.records.total, self.reading.record_bytes);
        self.records.raise(now, reading.records);
        if reading.records > records {
            let sent = reading.records - records;
            self.record_size.record_many(now, (reading.record_bytes - bytes) / sent, sent);
        }
        self.errors.raise(now, reading.record_errors);
        self.consumed.raise(now, reading.consumed);
        self.consumed_bytes.raise(now, reading.consumed_bytes);
        self.queue.record(now, reading.queue_ms);
        self.throttle.record(now, reading.throttle_ms);
        self.batch_bytes.record(now, reading.batch_bytes);
        self.batch_records.record(now, reading.batch_records);
        self.topics(now, &reading.topics, max_topics);
        self.reading = reading;
    }

    /// The first topics by name keep their beans; what comes when the limit is reached is counted together.
    fn topics(&mut self, now: Duration, topics: &BTreeMap<String, Topic>, max: usize) {
        let mut other = Topic::default();
        for (name, topic) in topics {
            if !self.topics.contains_key(name) && self.topics.len() >= max {
                other.records += topic.records;
                other.bytes += topic.bytes;
                continue;
            }
            let meters = self.topics.entry(name.clone()).or_default();
            meters.records.raise(now, topic.records);
            meters.bytes.raise(now, topic.bytes);
        }
        if other != Topic::default() {
            let meters = self.topics.entry(OTHER.to_owned()).or_default();
            meters.records.raise(now, other.records);
            meters.bytes.raise(now, other.bytes);
        }
    }
}

/// A topic's numbers at one moment.
struct TopicView {
    records: f64,
    record_rate: f64,
    bytes: f64,
    byte_rate: f64,
}

/// What `app-info` shows.
#[derive(Debug, Clone, Default)]
pub(crate) struct App {
    pub(crate) version: String,
    pub(crate) commit: String,
    pub(crate) started_ms: i64,
}

/// `type=app-info,client-id=…`.
pub(crate) const APP_INFO: &[Attribute<App>] = &[
    ("version", |app| Value::Text(app.version.clone())),
    ("commit-id", |app| Value::Text(app.commit.clone())),
    ("start-time-ms", |app| Value::Integer(app.started_ms)),
];

/// `type=app-info,id=…`: the same, in the words of Kafka's `AppInfoParser`.
pub(crate) const APP_INFO_BY_ID: Table<App> = Table {
    domain: "kafka.connect",
    kind: "app-info",
    attributes: &[&[
        ("Version", |app| Value::Text(app.version.clone())),
        ("CommitId", |app| Value::Text(app.commit.clone())),
        ("StartTimeMs", |app| Value::Integer(app.started_ms)),
    ]],
};

/// `type=app-info,client-id=<worker id>`: the worker's own registry.
pub(crate) const APP_INFO_OF_WORKER: Table<App> =
    Table { domain: "kafka.connect", kind: "app-info", attributes: &[APP_INFO] };

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(requests: f64, records: f64, topics: &[(&str, f64)]) -> Reading {
        let node = Node { requests, bytes_out: requests * 100.0, ..Node::default() };
        let topic = |records: f64| Topic { records, bytes: records * 10.0 };
        Reading {
            records,
            record_bytes: records * 10.0,
            nodes: [("node-1".to_owned(), node)].into(),
            topics: topics.iter().map(|(name, n)| ((*name).to_owned(), topic(*n))).collect(),
            ..Reading::default()
        }
    }

    #[test]
    fn averages_are_of_what_happened_between_two_readings() {
        let mut state = State::default();
        let at = Duration::from_secs;
        state.update(at(0), reading(10.0, 100.0, &[]), 10);
        state.update(at(5), reading(20.0, 300.0, &[]), 10);
        assert_eq!(state.all.size.avg(at(5)), 100.0);
        assert_eq!(state.record_size.avg(at(5)), 10.0);
        assert_eq!(state.records.total, 300.0);
    }

    #[test]
    fn topics_beyond_the_limit_are_counted_together() {
        let mut state = State::default();
        let now = Duration::ZERO;
        state.update(now, reading(1.0, 1.0, &[("a", 1.0), ("b", 2.0), ("c", 3.0)]), 2);
        state.update(now, reading(1.0, 1.0, &[("a", 1.0), ("b", 2.0), ("c", 4.0)]), 2);
        let names: Vec<&String> = state.topics.keys().collect();
        assert_eq!(names, ["a", "b", OTHER]);
        assert_eq!(state.topics[OTHER].records.total, 4.0);
    }
}
