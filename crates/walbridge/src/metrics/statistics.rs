//! librdkafka's statistics as the exporter reads them.

use std::collections::BTreeMap;

use exporter::kafka::{Node, Reading, Spread, Topic};
use sink::producer::Statistics;

/// What a client tells of itself.
pub(super) fn reading(statistics: &Statistics) -> Reading {
    let mut reading = Reading {
        in_flight: 0.0,
        buffered_bytes: unsigned(statistics.msg_size),
        buffer_bytes: unsigned(statistics.msg_size_max),
        records: signed(statistics.txmsgs),
        record_bytes: signed(statistics.txmsg_bytes),
        consumed: signed(statistics.rxmsgs),
        consumed_bytes: signed(statistics.rxmsg_bytes),
        ..Reading::default()
    };
    for broker in statistics.brokers.values() {
        // Those that were never talked to are addresses.
        if broker.tx == 0 && broker.connects.unwrap_or(0) == 0 {
            continue;
        }
        let latency_ms = spread(broker.rtt.as_ref(), 1e-3);
        reading.queue_ms = joined(reading.queue_ms, spread(broker.int_latency.as_ref(), 1e-3));
        reading.throttle_ms = joined(reading.throttle_ms, spread(broker.throttle.as_ref(), 1.0));
        reading.connections += if broker.state == "UP" { 1.0 } else { 0.0 };
        reading.creations += signed(broker.connects.unwrap_or(0));
        reading.closes += signed(broker.disconnects.unwrap_or(0));
        reading.wakeups += unsigned(broker.wakeups.unwrap_or(0));
        reading.in_flight += signed(broker.waitresp_cnt);
        let node = Node {
            requests: unsigned(broker.tx),
            responses: unsigned(broker.rx),
            bytes_out: unsigned(broker.txbytes),
            bytes_in: unsigned(broker.rxbytes),
            retries: unsigned(broker.txretries),
            latency_ms,
        };
        reading.nodes.insert(format!("node-{}", broker.nodeid), node);
    }
    topics(statistics, &mut reading);
    reading
}

fn topics(statistics: &Statistics, reading: &mut Reading) {
    let mut topics = BTreeMap::new();
    for (name, topic) in &statistics.topics {
        let (mut records, mut bytes) = (0, 0);
        for partition in topic.partitions.values() {
            records += partition.txmsgs;
            bytes += partition.txbytes;
        }
        topics.insert(name.clone(), Topic { records: unsigned(records), bytes: unsigned(bytes) });
        reading.metadata_age_s = reading.metadata_age_s.max(signed(topic.metadata_age) / 1e3);
        reading.batch_bytes = joined(reading.batch_bytes, spread(Some(&topic.batchsize), 1.0));
        reading.batch_records = joined(reading.batch_records, spread(Some(&topic.batchcnt), 1.0));
    }
    reading.topics = topics;
}

/// Of two parts, weighted by how many each saw.
pub(super) fn joined(one: Spread, other: Spread) -> Spread {
    let count = one.count + other.count;
    if count == 0.0 {
        return one;
    }
    let avg = (one.avg * one.count + other.avg * other.count) / count;
    Spread { avg, max: one.max.max(other.max), count }
}

fn spread(window: Option<&sink::producer::StatisticsWindow>, factor: f64) -> Spread {
    window.map_or_else(Spread::default, |window| Spread {
        avg: signed(window.avg) * factor,
        max: signed(window.max) * factor,
        count: signed(window.cnt),
    })
}

#[expect(clippy::cast_precision_loss, reason = "metrics are doubles")]
const fn signed(number: i64) -> f64 {
    number as f64
}

#[expect(clippy::cast_precision_loss, reason = "metrics are doubles")]
const fn unsigned(number: u64) -> f64 {
    number as f64
}
