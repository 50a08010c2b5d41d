//! Which attributes Kafka's clients have (4.3), one line each.

use std::time::Duration;

use super::{APP_INFO, App, Role, State, TopicView, Traffic};
use crate::bean::{Attribute, Bean, Table, Value, count};

/// The tables of one kind of client.
pub(super) struct Tables {
    pub(super) app: &'static Table<App>,
    pub(super) count: &'static Table<usize>,
    pub(super) client: &'static [&'static Table<State>],
    /// Domain and type of a connection's bean.
    pub(super) node: (&'static str, &'static str),
}

pub(super) fn of(role: Role) -> &'static Tables {
    match role {
        Role::Producer => &PRODUCER,
        Role::Consumer => &CONSUMER,
        Role::Admin => &ADMIN,
        Role::Member => &MEMBER,
    }
}

const ZERO: Value = Value::Number(0.0);
const NAN: Value = Value::Number(f64::NAN);

const fn n(number: f64) -> Value {
    Value::Number(number)
}

/// `type=kafka-metrics-count`: how many metrics the client's registry holds.
const COUNT: &[Attribute<usize>] =
    &[("count", |metrics| count(u64::try_from(*metrics).unwrap_or(u64::MAX)))];

impl Tables {
    /// How many metrics a client of that kind has.
    pub(super) fn metrics(&self) -> usize {
        let lists = self.client.iter().flat_map(|table| table.attributes);
        lists.map(|attributes| attributes.len()).sum()
    }
}

macro_rules! table {
    ($domain:literal, $kind:literal, $($attributes:expr),+) => {
        &Table { domain: $domain, kind: $kind, attributes: &[$($attributes),+] }
    };
}

const PRODUCER: Tables = Tables {
    app: table!("kafka.producer", "app-info", APP_INFO),
    count: table!("kafka.producer", "kafka-metrics-count", COUNT),
    client: &[table!("kafka.producer", "producer-metrics", NETWORK, SENDING)],
    node: ("kafka.producer", "producer-node-metrics"),
};

const CONSUMER: Tables = Tables {
    app: table!("kafka.consumer", "app-info", APP_INFO),
    count: table!("kafka.consumer", "kafka-metrics-count", COUNT),
    client: &[
        table!("kafka.consumer", "consumer-metrics", NETWORK, POLLING),
        table!("kafka.consumer", "consumer-fetch-manager-metrics", FETCHING),
        table!("kafka.consumer", "consumer-coordinator-metrics", COORDINATOR, SUBSCRIPTION),
    ],
    node: ("kafka.consumer", "consumer-node-metrics"),
};

const ADMIN: Tables = Tables {
    app: table!("kafka.admin.client", "app-info", APP_INFO),
    count: table!("kafka.admin.client", "kafka-metrics-count", COUNT),
    client: &[table!("kafka.admin.client", "admin-client-metrics", NETWORK)],
    node: ("kafka.admin.client", "admin-client-node-metrics"),
};

const MEMBER: Tables = Tables {
    app: table!("kafka.connect", "app-info", APP_INFO),
    count: table!("kafka.connect", "kafka-metrics-count", COUNT),
    client: &[
        table!("kafka.connect", "connect-metrics", NETWORK),
        table!("kafka.connect", "connect-coordinator-metrics", COORDINATOR, ASSIGNMENT),
    ],
    node: ("kafka.connect", "connect-node-metrics"),
};

/// `org.apache.kafka.common.network.Selector`.
const NETWORK: &[Attribute<State>] = &[
    ("connection-count", |s| n(s.reading.connections)),
    ("connection-creation-rate", |s| n(s.creations.rate(s.now))),
    ("connection-creation-total", |s| n(s.creations.total)),
    ("connection-close-rate", |s| n(s.closes.rate(s.now))),
    ("connection-close-total", |s| n(s.closes.total)),
    ("network-io-rate", |s| n(s.all.network_io.rate(s.now))),
    ("network-io-total", |s| n(s.all.network_io.total)),
    ("outgoing-byte-rate", |s| n(s.all.bytes_out.rate(s.now))),
    ("outgoing-byte-total", |s| n(s.all.bytes_out.total)),
    ("incoming-byte-rate", |s| n(s.all.bytes_in.rate(s.now))),
    ("incoming-byte-total", |s| n(s.all.bytes_in.total)),
    ("request-rate", |s| n(s.all.requests.rate(s.now))),
    ("request-total", |s| n(s.all.requests.total)),
    ("request-size-avg", |s| n(s.all.size.avg(s.now))),
    ("request-size-max", |s| n(s.all.size.max(s.now))),
    ("response-rate", |s| n(s.all.responses.rate(s.now))),
    ("response-total", |s| n(s.all.responses.total)),
    ("select-rate", |s| n(s.wakeups.rate(s.now))),
    ("select-total", |s| n(s.wakeups.total)),
    ("io-ratio", |_| ZERO),
    ("io-wait-ratio", |_| ZERO),
    ("io-time-ns-avg", |_| NAN),
    ("io-time-ns-total", |_| ZERO),
    ("io-wait-time-ns-avg", |_| NAN),
    ("io-wait-time-ns-total", |_| ZERO),
    ("successful-authentication-rate", |_| ZERO),
    ("successful-authentication-total", |_| ZERO),
    ("successful-authentication-no-reauth-total", |_| ZERO),
    ("failed-authentication-rate", |_| ZERO),
    ("failed-authentication-total", |_| ZERO),
    ("successful-reauthentication-rate", |_| ZERO),
    ("successful-reauthentication-total", |_| ZERO),
    ("failed-reauthentication-rate", |_| ZERO),
    ("failed-reauthentication-total", |_| ZERO),
    ("reauthentication-latency-avg", |_| NAN),
    ("reauthentication-latency-max", |_| NAN),
];

/// `SenderMetricsRegistry`, `BufferPool`, `KafkaProducerMetrics`.
const SENDING: &[Attribute<State>] = &[
    ("record-send-total", |s| n(s.records.total)),
    ("record-send-rate", |s| n(s.records.rate(s.now))),
    ("record-error-total", |s| n(s.errors.total)),
    ("record-error-rate", |s| n(s.errors.rate(s.now))),
    ("record-retry-total", |s| n(s.retries.total)),
    ("record-retry-rate", |s| n(s.retries.rate(s.now))),
    ("record-size-avg", |s| n(s.record_size.avg(s.now))),
    ("record-size-max", |s| n(s.record_size.max(s.now))),
    ("records-per-request-avg", |s| n(s.batch_records.0.avg(s.now))),
    ("batch-size-avg", |s| n(s.batch_bytes.0.avg(s.now))),
    ("batch-size-max", |s| n(s.batch_bytes.0.max(s.now))),
    ("batch-split-rate", |_| ZERO),
    ("batch-split-total", |_| ZERO),
    // Bytes on the wire by bytes of records.
    ("compression-rate-avg", |s| {
        let ratio = s.all.bytes_out.total / s.reading.record_bytes;
        n(if ratio.is_finite() { ratio.min(1.0) } else { f64::NAN })
    }),
    ("record-queue-time-avg", |s| n(s.queue.0.avg(s.now))),
    ("record-queue-time-max", |s| n(s.queue.0.max(s.now))),
    ("request-latency-avg", |s| n(s.all.latency.0.avg(s.now))),
    ("request-latency-max", |s| n(s.all.latency.0.max(s.now))),
    ("requests-in-flight", |s| n(s.reading.in_flight)),
    ("produce-throttle-time-avg", |s| n(s.throttle.0.avg(s.now))),
    ("produce-throttle-time-max", |s| n(s.throttle.0.max(s.now))),
    ("metadata-age", |s| n(s.reading.metadata_age_s)),
    ("metadata-wait-time-ns-total", |_| ZERO),
    ("buffer-total-bytes", |s| n(s.reading.buffer_bytes)),
    ("buffer-available-bytes", |s| n((s.reading.buffer_bytes - s.reading.buffered_bytes).max(0.0))),
    ("buffer-exhausted-rate", |_| ZERO),
    ("buffer-exhausted-total", |_| ZERO),
    ("bufferpool-wait-ratio", |_| ZERO),
    ("bufferpool-wait-time-ns-total", |_| ZERO),
    ("waiting-threads", |_| ZERO),
    ("flush-time-ns-total", |_| ZERO),
    ("txn-init-time-ns-total", |_| ZERO),
    ("txn-begin-time-ns-total", |_| ZERO),
    ("txn-prepare-time-ns-total", |_| ZERO),
    ("txn-send-offsets-time-ns-total", |_| ZERO),
    ("txn-commit-time-ns-total", |_| ZERO),
    ("txn-abort-time-ns-total", |_| ZERO),
];

/// `KafkaConsumerMetrics`.
const POLLING: &[Attribute<State>] = &[
    ("last-poll-seconds-ago", |_| Value::Number(-1.0)),
    ("time-between-poll-avg", |_| NAN),
    ("time-between-poll-max", |_| NAN),
    ("poll-idle-ratio-avg", |_| NAN),
    ("commit-sync-time-ns-total", |_| ZERO),
    ("committed-time-ns-total", |_| ZERO),
];

/// `FetchMetricsRegistry`.
const FETCHING: &[Attribute<State>] = &[
    ("bytes-consumed-rate", |s| n(s.consumed_bytes.rate(s.now))),
    ("bytes-consumed-total", |s| n(s.consumed_bytes.total)),
    ("records-consumed-rate", |s| n(s.consumed.rate(s.now))),
    ("records-consumed-total", |s| n(s.consumed.total)),
    ("records-per-request-avg", |_| NAN),
    ("records-lag-max", |_| NAN),
    ("records-lead-min", |_| NAN),
    ("fetch-latency-avg", |s| n(s.all.latency.0.avg(s.now))),
    ("fetch-latency-max", |s| n(s.all.latency.0.max(s.now))),
    ("fetch-rate", |s| n(s.all.requests.rate(s.now))),
    ("fetch-total", |s| n(s.all.requests.total)),
    ("fetch-size-avg", |_| NAN),
    ("fetch-size-max", |_| NAN),
    ("fetch-throttle-time-avg", |s| n(s.throttle.0.avg(s.now))),
    ("fetch-throttle-time-max", |s| n(s.throttle.0.max(s.now))),
];

/// `AbstractCoordinator`. Neither the consumers of the storage topics nor a worker alone take part in a group.
const COORDINATOR: &[Attribute<State>] = &[
    ("heartbeat-rate", |_| ZERO),
    ("heartbeat-total", |_| ZERO),
    ("heartbeat-response-time-max", |_| NAN),
    ("last-heartbeat-seconds-ago", |_| Value::Number(-1.0)),
    ("join-time-avg", |_| NAN),
    ("join-time-max", |_| NAN),
    ("join-rate", |_| ZERO),
    ("join-total", |_| ZERO),
    ("sync-time-avg", |_| NAN),
    ("sync-time-max", |_| NAN),
    ("sync-rate", |_| ZERO),
    ("sync-total", |_| ZERO),
    ("rebalance-latency-avg", |_| NAN),
    ("rebalance-latency-max", |_| NAN),
    ("rebalance-latency-total", |_| ZERO),
    ("rebalance-total", |_| ZERO),
    ("rebalance-rate-per-hour", |_| ZERO),
    ("failed-rebalance-total", |_| ZERO),
    ("failed-rebalance-rate-per-hour", |_| ZERO),
    ("last-rebalance-seconds-ago", |_| Value::Number(-1.0)),
];

/// `WorkerCoordinator`.
const ASSIGNMENT: &[Attribute<State>] = &[
    ("assigned-connectors", |s| n(s.assigned_connectors)),
    ("assigned-tasks", |s| n(s.assigned_tasks)),
];

/// `ConsumerCoordinator`.
const SUBSCRIPTION: &[Attribute<State>] = &[
    ("assigned-partitions", |_| ZERO),
    ("commit-latency-avg", |_| NAN),
    ("commit-latency-max", |_| NAN),
    ("commit-rate", |_| ZERO),
    ("commit-total", |_| ZERO),
    ("partition-assigned-latency-avg", |_| NAN),
    ("partition-assigned-latency-max", |_| NAN),
    ("partition-lost-latency-avg", |_| NAN),
    ("partition-lost-latency-max", |_| NAN),
    ("partition-revoked-latency-avg", |_| NAN),
    ("partition-revoked-latency-max", |_| NAN),
];

/// A connection at one moment.
struct NodeView {
    request_total: f64,
    request_rate: f64,
    request_size: (f64, f64),
    bytes_out: (f64, f64),
    responses: (f64, f64),
    bytes_in: (f64, f64),
    latency: (f64, f64),
}

const NODE: &[Attribute<NodeView>] = &[
    ("request-total", |v| n(v.request_total)),
    ("request-rate", |v| n(v.request_rate)),
    ("request-size-avg", |v| n(v.request_size.0)),
    ("request-size-max", |v| n(v.request_size.1)),
    ("outgoing-byte-total", |v| n(v.bytes_out.0)),
    ("outgoing-byte-rate", |v| n(v.bytes_out.1)),
    ("response-total", |v| n(v.responses.0)),
    ("response-rate", |v| n(v.responses.1)),
    ("incoming-byte-total", |v| n(v.bytes_in.0)),
    ("incoming-byte-rate", |v| n(v.bytes_in.1)),
    ("request-latency-avg", |v| n(v.latency.0)),
    ("request-latency-max", |v| n(v.latency.1)),
];

pub(super) fn node(
    (domain, kind): (&'static str, &'static str),
    keys: &[(&'static str, &str)],
    (now, traffic): &(Duration, &Traffic),
) -> Bean {
    let now = *now;
    let view = NodeView {
        request_total: traffic.requests.total,
        request_rate: traffic.requests.rate(now),
        request_size: (traffic.size.avg(now), traffic.size.max(now)),
        bytes_out: (traffic.bytes_out.total, traffic.bytes_out.rate(now)),
        responses: (traffic.responses.total, traffic.responses.rate(now)),
        bytes_in: (traffic.bytes_in.total, traffic.bytes_in.rate(now)),
        latency: (traffic.latency.0.avg(now), traffic.latency.0.max(now)),
    };
    Table { domain, kind, attributes: &[NODE] }.bean(keys, &view)
}

/// `type=producer-topic-metrics`.
pub(super) const TOPIC: Table<TopicView> = Table {
    domain: "kafka.producer",
    kind: "producer-topic-metrics",
    attributes: &[&[
        ("record-send-total", |v| n(v.records)),
        ("record-send-rate", |v| n(v.record_rate)),
        ("byte-total", |v| n(v.bytes)),
        ("byte-rate", |v| n(v.byte_rate)),
        ("record-error-total", |_| ZERO),
        ("record-error-rate", |_| ZERO),
        ("record-retry-total", |_| ZERO),
        ("record-retry-rate", |_| ZERO),
        ("compression-rate", |_| NAN),
    ]],
};
