//! Seeing a cluster and reading topics, by librdkafka.

use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::metadata::MetadataTopic;
use rdkafka::{Offset, TopicPartitionList};

use crate::error::{Context, Error, Result};

const LIMIT: Duration = Duration::from_secs(5);

/// How long a poll waits for its first record, and then for each further one.
const FIRST: Duration = Duration::from_millis(25);
const FURTHER: Duration = Duration::from_millis(1);

/// The most records of one poll.
const RECORDS_MAX: usize = 10_000;

/// One record of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) topic: String,
    /// Milliseconds since 1970.
    pub(crate) timestamp_ms: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
}

/// What a broker says about its cluster.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) broker_ids: Vec<i32>,
    /// Name and number of partitions.
    pub(crate) topics: Vec<(String, usize)>,
}

/// Asks any broker of `bootstrap` for all brokers and topics.
pub(crate) fn cluster(bootstrap: &str) -> Result<Cluster> {
    let metadata = client(bootstrap)?.fetch_metadata(None, LIMIT).context(bootstrap)?;
    let topics = metadata.topics().iter();
    Ok(Cluster {
        broker_ids: metadata.brokers().iter().map(rdkafka::metadata::MetadataBroker::id).collect(),
        topics: topics.map(|topic| (topic.name().to_owned(), topic.partitions().len())).collect(),
    })
}

/// A client that stores no offset and creates no topic.
fn client(bootstrap: &str) -> Result<BaseConsumer> {
    config(bootstrap).create().context("kafka client")
}

fn config(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        .set("client.id", "xtask")
        .set("allow.auto.create.topics", "false")
        .set("reconnect.backoff.ms", "50")
        .set("reconnect.backoff.max.ms", "200");
    config
}

/// Reads topics from their beginning.
pub(crate) struct Consumer {
    client: BaseConsumer,
    /// Topics that did not exist when we last looked.
    missing: Vec<String>,
    n_assigned: usize,
    n_ended: usize,
}

impl Consumer {
    /// A reader of `topics`, which need not exist yet.
    pub(crate) fn new(bootstrap: &str, topics: &[&str]) -> Result<Self> {
        let missing = topics.iter().map(|topic| (*topic).to_owned()).collect();
        let mut config = config(bootstrap);
        config
            // librdkafka asks for one where partitions are assigned; nothing is committed to it.
            .set("group.id", "xtask")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            .set("fetch.wait.max.ms", "5");
        let client = config.create().context("kafka client")?;
        Ok(Self { client, missing, n_assigned: 0, n_ended: 0 })
    }

    /// What arrived since; waits a moment for it.
    pub(crate) fn poll(&mut self) -> Result<Vec<Record>> {
        let mut records = Vec::new();
        self.each(|message| records.push(record(message)))?;
        Ok(records)
    }

    /// As [`Consumer::poll`], without copying: gives `take` each message, and says how many there were.
    pub(crate) fn each(&mut self, mut take: impl FnMut(&BorrowedMessage<'_>)) -> Result<usize> {
        self.assign()?;
        let mut n = 0;
        while n < RECORDS_MAX {
            match self.client.poll(if n == 0 { FIRST } else { FURTHER }) {
                Some(Ok(message)) => take(&message),
                Some(Err(KafkaError::PartitionEOF(_))) => {
                    self.n_ended += 1;
                    continue;
                }
                Some(Err(error)) if is_passing(&error) => continue,
                Some(Err(error)) => return Err(Error::new(format!("read from kafka: {error}"))),
                None => break,
            }
            n += 1;
        }
        Ok(n)
    }

    /// Whether all topics exist and each partition has been read to what once was its end.
    pub(crate) fn is_through(&self) -> bool {
        self.missing.is_empty() && self.n_ended >= self.n_assigned
    }

    fn assign(&mut self) -> Result<()> {
        let mut new = TopicPartitionList::new();
        for topic in std::mem::take(&mut self.missing) {
            let n_partitions = n_partitions(&self.client, &topic)?;
            for partition in 0..n_partitions {
                new.add_partition_offset(&topic, partition, Offset::Beginning).context(&topic)?;
            }
            if n_partitions == 0 {
                self.missing.push(topic);
            }
        }
        if new.count() == 0 {
            return Ok(());
        }
        self.n_assigned += new.count();
        self.client.incremental_assign(&new).context("assign")
    }
}

/// What ends by itself: librdkafka reconnects, and finds the new leader.
fn is_passing(error: &KafkaError) -> bool {
    use rdkafka::types::RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::BrokerTransportFailure
                | Code::AllBrokersDown
                | Code::Resolve
                | Code::OperationTimedOut
                | Code::UnknownTopicOrPartition
                | Code::UnknownPartition
                | Code::UnknownTopic
                | Code::UnknownLeaderEpoch
                | Code::FencedLeaderEpoch
                | Code::LeaderNotAvailable
                | Code::NotLeaderForPartition
                | Code::OffsetNotAvailable
        )
    )
}

fn record(message: &BorrowedMessage<'_>) -> Record {
    Record {
        topic: message.topic().to_owned(),
        timestamp_ms: message.timestamp().to_millis().unwrap_or(-1),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
    }
}

/// 0 where the topic does not exist, or not yet with a leader for each partition.
fn n_partitions(client: &BaseConsumer, topic: &str) -> Result<i32> {
    let metadata = client.fetch_metadata(Some(topic), LIMIT).context(topic)?;
    let usable = |found: &&MetadataTopic| {
        let led = |found: &rdkafka::metadata::MetadataPartition| found.leader() >= 0;
        found.error().is_none() && found.partitions().iter().all(led)
    };
    let found = metadata.topics().iter().find(usable);
    i32::try_from(found.map_or(0, |found| found.partitions().len())).context(topic)
}

/// Counts what is in one topic without reading it.
pub(crate) struct Counter {
    client: BaseConsumer,
    topic: String,
    n_partitions: i32,
    last: u64,
}

impl Counter {
    /// For a topic which need not exist yet.
    pub(crate) fn new(bootstrap: &str, topic: &str) -> Result<Self> {
        Ok(Self { client: client(bootstrap)?, topic: topic.to_owned(), n_partitions: 0, last: 0 })
    }

    /// The sum of the partitions' high watermarks: the records, as long as nothing was deleted or compacted away. While
    /// the partitions change leaders, as those of a new topic do, what it was before.
    pub(crate) fn count(&mut self) -> Result<u64> {
        if self.n_partitions == 0 {
            self.n_partitions = n_partitions(&self.client, &self.topic)?;
        }
        let mut sum = 0;
        for partition in 0..self.n_partitions {
            let (_, high) = match self.client.fetch_watermarks(&self.topic, partition, LIMIT) {
                Err(error) if is_passing(&error) => return Ok(self.last),
                marks => marks.context(&self.topic)?,
            };
            sum += u64::try_from(high).context(&self.topic)?;
        }
        self.last = sum;
        Ok(sum)
    }
}
