//! [`Producer`]: hands records to the Kafka client and counts what the brokers acknowledged.
//!
//! The client's own thread calls back once a record; the callback only adds to a count per segment, so that the
//! pipeline wakes once for many. A failed delivery is kept and ends the pipeline: it is never stepped over.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};
use tokio::sync::Notify;

use crate::ack::SegmentId;
use crate::record::RecordRef;

/// What the producer is set to unless the user's properties say otherwise, in librdkafka's names.
///
/// `lz4`: consumers cannot tell, brokers and network gain. `murmur2_random`: keys land where Java's producer puts
/// them. `message.timeout.ms=0` is Connect's `delivery.timeout.ms` of about 25 days: a record waits for its broker
/// as long as it takes, and the bounded queue holds the reader back meanwhile. The queue is smaller than Java's
/// `buffer.memory` of 32 MB: a larger one made nothing faster here and cost its size in memory.
pub const DEFAULTS: &[(&str, &str)] = &[
    ("acks", "all"),
    ("enable.idempotence", "true"),
    ("compression.type", "lz4"),
    ("partitioner", "murmur2_random"),
    ("linger.ms", "5"),
    ("message.timeout.ms", "0"),
    (QUEUE_KBYTES, "16384"),
    ("queue.buffering.max.messages", "20000"),
    ("batch.num.messages", "10000"),
    ("batch.size", "1000000"),
];

/// What `buffer.memory` becomes.
const QUEUE_KBYTES: &str = "queue.buffering.max.kbytes";

/// A record that could not be delivered, or a client that cannot go on.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}{message}", .topic.as_deref().map(|t| format!("record for topic {t}: ")).unwrap_or_default())]
pub struct ProducerError {
    /// The topic of the record, where there is one.
    pub topic: Option<String>,
    /// librdkafka's words.
    pub message: String,
    /// One of [`CODES`].
    pub code: &'static str,
}

/// What is the matter with a record that was not delivered, in one word. The last is everything else.
pub const CODES: [&str; 8] = [
    "message_too_large",
    "authorization",
    "unknown_topic",
    "invalid_record",
    "timed_out",
    "not_enough_replicas",
    "fatal",
    "other",
];

/// One of [`CODES`].
const fn code(error: &KafkaError) -> &'static str {
    use RDKafkaErrorCode as Code;
    let KafkaError::MessageProduction(code) = error else { return "other" };
    match code {
        Code::MessageSizeTooLarge | Code::MessageBatchTooLarge | Code::InvalidMessageSize => {
            "message_too_large"
        }
        Code::TopicAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed => "authorization",
        Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition => {
            "unknown_topic"
        }
        Code::InvalidRecord | Code::InvalidMessage | Code::InvalidTimestamp => "invalid_record",
        Code::MessageTimedOut | Code::RequestTimedOut => "timed_out",
        Code::NotEnoughReplicas | Code::NotEnoughReplicasAfterAppend => "not_enough_replicas",
        Code::Fatal => "fatal",
        _ => "other",
    }
}

/// What became of [`Producer::send`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// The client has it: a delivery or an error will follow.
    Accepted,
    /// The client's queue is full: wait for [`Producer::changed`], then try the same record again.
    Full,
}

#[derive(Debug, Default)]
struct Deliveries {
    /// Counts per segment, in the order of arrival; neighbours of one segment are merged.
    counts: Vec<(SegmentId, u64)>,
    error: Option<ProducerError>,
}

pub use rdkafka::Statistics;
pub use rdkafka::statistics::Window as StatisticsWindow;

/// Is told what the client tells of itself, every few seconds, on the client's own thread.
pub type StatisticsSink = Arc<dyn Fn(&Statistics) + Send + Sync>;

/// How often that is, unless the user says: often enough for a scrape, seldom enough to cost nothing.
pub const STATISTICS_MS: &str = "5000";

#[derive(Default)]
struct Context {
    deliveries: Mutex<Deliveries>,
    changed: Notify,
    statistics: Option<StatisticsSink>,
}

impl Context {
    fn note(&self, update: impl FnOnce(&mut Deliveries)) {
        let mut deliveries = self.deliveries.lock().unwrap_or_else(PoisonError::into_inner);
        let was_empty = deliveries.counts.is_empty();
        update(&mut deliveries);
        let wake = was_empty || deliveries.error.is_some();
        drop(deliveries);
        if wake {
            self.changed.notify_one();
        }
    }
}

impl ClientContext for Context {
    fn stats(&self, statistics: Statistics) {
        if let Some(sink) = &self.statistics {
            sink(&statistics);
        }
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_client("producer", level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // Lost brokers come here again and again; the client goes on by itself. Fatal ones do not heal.
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
            let message = format!("{error}: {reason}");
            self.note(|d| {
                d.error =
                    d.error.take().or(Some(ProducerError { topic: None, message, code: "fatal" }));
            });
        } else {
            tracing::warn!(client = "producer", %error, reason, "Kafka client");
        }
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, opaque: usize) {
        let segment = SegmentId::from_raw(opaque as u64);
        match result {
            Ok(_) => self.note(|d| match d.counts.last_mut() {
                Some((last, count)) if *last == segment => *count += 1,
                _ => d.counts.push((segment, 1)),
            }),
            // Purged when the producer is closed after an error or a deadline: not delivered, and not news.
            Err((
                KafkaError::MessageProduction(
                    RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight,
                ),
                _,
            )) => {}
            Err((error, message)) => {
                let failed = ProducerError {
                    topic: Some(message.topic().to_owned()),
                    message: error.to_string(),
                    code: code(error),
                };
                self.note(|d| d.error = d.error.take().or(Some(failed)));
            }
        }
    }
}

/// Passes librdkafka's own log lines on.
pub fn log_client(client: &str, level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error => {
            tracing::warn!(client, facility, "{message}");
        }
        RDKafkaLogLevel::Warning | RDKafkaLogLevel::Notice => {
            tracing::info!(client, facility, "{message}");
        }
        RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
            tracing::debug!(client, facility, "{message}");
        }
    }
}

/// What the client is set to: [`DEFAULTS`], then the user's, then what keeps records in order without idempotence.
///
/// Idempotence needs `acks=all`, retries and at most five requests in flight, and librdkafka refuses to start
/// otherwise. As Java's producer does, it is turned off where the user asks for something else and not for it. Without
/// it a retried request could overtake the one after it: one at a time, as Connect sets it, unless the user says more.
fn settings(properties: &[(String, String)]) -> BTreeMap<&str, &str> {
    const IN_FLIGHT: &str = "max.in.flight.requests.per.connection";
    let user: BTreeMap<&str, &str> =
        properties.iter().map(|(key, value)| (key.as_str(), value.trim())).collect();
    let number = |key: &str| user.get(key).and_then(|value| value.parse::<i64>().ok());
    let conflict = if user.get("acks").is_some_and(|acks| !matches!(*acks, "all" | "-1")) {
        Some("acks is not all: what a broker loses before it is copied is lost")
    } else if number("retries") == Some(0) {
        Some("retries is 0: the task fails with the first request that does")
    } else if number(IN_FLIGHT).is_some_and(|requests| requests > 5) {
        Some("more than 5 requests may be in flight: a retried one may be overtaken")
    } else {
        None
    };
    let mut all: BTreeMap<&str, &str> = DEFAULTS.iter().copied().collect();
    all.extend(&user);
    if let Some(conflict) = conflict.filter(|_| !user.contains_key("enable.idempotence")) {
        tracing::warn!(
            conflict,
            "the producer is not idempotent: records may be repeated when a request is retried"
        );
        all.insert("enable.idempotence", "false");
    }
    if all.get("enable.idempotence").is_some_and(|on| on.eq_ignore_ascii_case("false")) {
        all.entry(IN_FLIGHT).or_insert("1");
    }
    all
}

/// The client's words about a configuration that it refuses, without the value: that may be a secret.
#[must_use]
pub fn describe(error: &KafkaError) -> String {
    match error {
        KafkaError::ClientConfig(_, reason, key, _value) => {
            format!("Client config error: {reason} ({key})")
        }
        other => other.to_string(),
    }
}

/// A Kafka producer whose deliveries are counted per segment.
pub struct Producer {
    client: ThreadedProducer<Context>,
    /// What the client's queue holds, in bytes of values: it takes no record that is larger.
    queue_bytes: usize,
}

impl std::fmt::Debug for Producer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Producer")
            .field("in_flight", &self.client.in_flight_count())
            .finish_non_exhaustive()
    }
}

impl Producer {
    /// Creates the client; it connects by itself.
    ///
    /// # Errors
    /// A property that librdkafka does not know or whose value it refuses, named.
    pub fn new(properties: &[(String, String)]) -> Result<Self, ProducerError> {
        Self::watched(properties, None)
    }

    /// [`Self::new`], with somebody who is told what the client tells of itself.
    ///
    /// # Errors
    /// As of [`Self::new`].
    pub fn watched(
        properties: &[(String, String)],
        statistics: Option<StatisticsSink>,
    ) -> Result<Self, ProducerError> {
        let settings = settings(properties);
        let number = |key: &str| settings.get(key).and_then(|value| value.parse::<usize>().ok());
        let mut queue_kbytes = number(QUEUE_KBYTES);
        let mut config = ClientConfig::new();
        if statistics.is_some() {
            config.set("statistics.interval.ms", STATISTICS_MS);
        }
        for (key, value) in &settings {
            config.set(*key, *value);
        }
        // A record that the user allows must fit the queue, unless the user says how large that is.
        let largest_kbytes = number("message.max.bytes").map(|bytes| bytes.div_ceil(1024));
        if !properties.iter().any(|(key, _)| key == QUEUE_KBYTES) && largest_kbytes > queue_kbytes {
            queue_kbytes = largest_kbytes;
            config.set(QUEUE_KBYTES, largest_kbytes.unwrap_or_default().to_string());
        }
        let context = Context { statistics, ..Context::default() };
        let client = config.create_with_context(context).map_err(|error: KafkaError| {
            ProducerError { topic: None, message: describe(&error), code: "other" }
        })?;
        let queue_bytes = queue_kbytes.map_or(usize::MAX, |kbytes| kbytes.saturating_mul(1024));
        Ok(Self { client, queue_bytes })
    }

    /// Hands one record over.
    ///
    /// # Errors
    /// The client refuses the record for good (too large, unknown topic by policy, fatal state).
    pub fn send(&self, record: &RecordRef<'_>, segment: SegmentId) -> Result<Sent, ProducerError> {
        // The client would call its queue full, for ever.
        if let Some(bytes) = record.value().map(<[u8]>::len).filter(|len| *len > self.queue_bytes) {
            return Err(ProducerError {
                topic: Some(record.topic().to_string()),
                message: format!(
                    "{bytes} bytes are more than the producer may buffer; raise producer.override.buffer.memory"
                ),
                code: "message_too_large",
            });
        }
        let opaque = usize::try_from(segment.get()).unwrap_or(usize::MAX);
        let mut message = BaseRecord::<[u8], [u8], usize>::with_opaque_to(record.topic(), opaque);
        message.key = record.key();
        message.payload = record.value();
        message.partition = record.partition();
        message.timestamp = record.timestamp_ms();
        let headers = record.headers();
        let count = headers.size_hint().0;
        if count > 0 {
            let insert =
                |all: OwnedHeaders, (key, value): (&Arc<str>, _)| all.insert(Header { key, value });
            message.headers = Some(headers.fold(OwnedHeaders::new_with_capacity(count), insert));
        }
        match self.client.send(message) {
            Ok(()) => Ok(Sent::Accepted),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => Ok(Sent::Full),
            Err((error, _)) => Err(ProducerError {
                topic: Some(record.topic().to_string()),
                message: error.to_string(),
                code: code(&error),
            }),
        }
    }

    /// Completes when there is something to [`Self::take`]. Cancel-safe.
    pub async fn changed(&self) {
        self.client.context().changed.notified().await;
    }

    /// Takes what was delivered since the last call, into `counts` (cleared first).
    ///
    /// # Errors
    /// A delivery failed, or the client is in a fatal state. Every later call says so too.
    pub fn take(&self, counts: &mut Vec<(SegmentId, u64)>) -> Result<(), ProducerError> {
        counts.clear();
        let mut deliveries =
            self.client.context().deliveries.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut deliveries.counts, counts);
        match &deliveries.error {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    /// Sends what lingers without waiting for more, up to `timeout`. Blocks the calling thread.
    pub fn flush(&self, timeout: Duration) {
        // Whatever is not out by then shows in the deliveries that are missing.
        drop(self.client.flush(timeout));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Parts, Records, Target};

    fn owned(properties: &[(&str, &str)]) -> Vec<(String, String)> {
        properties.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn conflict_with_idempotence_turns_it_off_and_keeps_the_order() {
        let in_flight = "max.in.flight.requests.per.connection";
        for (given, on, requests) in [
            (&[("linger.ms", "1")][..], "true", None),
            (&[("acks", "-1"), ("retries", "3"), (in_flight, "5")], "true", Some("5")),
            (&[("acks", "1")], "false", Some("1")),
            (&[("retries", "0")], "false", Some("1")),
            (&[(in_flight, "6")], "false", Some("6")),
            (&[("enable.idempotence", "false")], "false", Some("1")),
        ] {
            let properties = owned(given);
            let settings = settings(&properties);
            assert_eq!(settings.get("enable.idempotence"), Some(&on), "{given:?}");
            assert_eq!(settings.get(in_flight).copied(), requests, "{given:?}");
            Producer::new(&properties).unwrap();
        }
    }

    #[test]
    fn conflict_with_idempotence_that_was_asked_for_is_refused() {
        let error =
            Producer::new(&owned(&[("enable.idempotence", "true"), ("acks", "1")])).unwrap_err();
        assert!(error.to_string().contains("acks"), "{error}");
    }

    #[test]
    fn refused_property_is_named_and_its_value_is_not_shown() {
        let error = Producer::new(&owned(&[("no.such.property", "hunter2")])).unwrap_err();
        let shown = error.to_string();
        assert!(shown.contains("no.such.property") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn queue_holds_the_largest_record_that_the_user_allows() {
        let bytes = |given: &[(&str, &str)]| Producer::new(&owned(given)).unwrap().queue_bytes;
        assert_eq!(bytes(&[("message.max.bytes", "20971520")]), 20 << 20);
        assert_eq!(bytes(&[("message.max.bytes", "1048576")]), 16 << 20);
        assert_eq!(bytes(&[("message.max.bytes", "20971520"), (QUEUE_KBYTES, "64")]), 64 << 10);
    }

    #[test]
    fn record_that_the_queue_can_never_hold_is_an_error_and_not_a_wait() {
        let producer = Producer::new(&owned(&[
            ("bootstrap.servers", "127.0.0.1:1"),
            ("message.max.bytes", "10000000"),
            ("queue.buffering.max.kbytes", "1"),
        ]))
        .unwrap();
        let mut records = Records::new();
        records.buffer().extend_from_slice(&[0; 1025]);
        let target = Arc::new(Target { topic: "t".into(), headers: Vec::new() });
        records.push(&target, Parts { value: Some(0..1024), ..Parts::default() });
        records.push(&target, Parts { value: Some(0..1025), ..Parts::default() });
        let mut sent = records.iter().map(|record| producer.send(&record, SegmentId::from_raw(0)));
        assert_eq!(sent.next().unwrap().unwrap(), Sent::Accepted);
        let error = sent.next().unwrap().unwrap_err();
        assert!(error.to_string().contains("buffer.memory"), "{error}");
    }
}
