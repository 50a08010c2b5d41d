//! [`Log`]: one storage topic, read from its beginning and then live, and written with acknowledgement.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::producer::FutureRecord;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::util::Timeout;
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::client;
use crate::error::WorkerError;

/// How long a write may wait until it is read back, and a read until it has reached the end; Connect's own bound.
const READ_BACK: Duration = Duration::from_secs(30);

/// A record as a storage sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'a> {
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    /// Written after the worker had read the topic to its end.
    pub(crate) live: bool,
}

/// The copy of a topic's content.
pub(crate) trait Copy: Send + Sync + fmt::Debug {
    /// Takes one record in.
    ///
    /// # Errors
    /// The record is malformed: it is logged with its place and otherwise ignored.
    fn apply(&self, record: Record<'_>) -> Result<(), Malformed>;
}

/// A record that a storage cannot read. The text never holds the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Malformed(pub(crate) String);

/// A write or a read of a storage topic failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LogError {
    #[error("cannot write to {topic}: {reason}")]
    Write { topic: String, reason: String },
    #[error("{topic} could not be read to its end in time")]
    Late { topic: String },
    #[error("cannot read the end of {topic}: {reason}")]
    End { topic: String, reason: String },
}

/// See the module.
pub(crate) struct Log {
    topic: String,
    consumer: Arc<client::Consumer>,
    producer: client::Producer,
    /// By partition, the offset after the last record applied.
    positions: watch::Receiver<Vec<i64>>,
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("topic", &self.topic).finish_non_exhaustive()
    }
}

impl Log {
    /// Starts to read `topic` from its beginning into `copy`; returns when everything written before is applied.
    /// Reading goes on until `stop` is cancelled.
    pub(crate) async fn open(
        topic: &str,
        consumer: Arc<client::Consumer>,
        producer: client::Producer,
        copy: Arc<dyn Copy>,
        stop: CancellationToken,
    ) -> Result<Self, WorkerError> {
        let unusable = |reason: String| WorkerError::Topic { topic: topic.to_owned(), reason };
        let ends =
            settled_ends(topic, &consumer).await.map_err(|error| unusable(error.to_string()))?;
        let mut assignment = TopicPartitionList::new();
        for partition in 0..ends.len() {
            let partition =
                i32::try_from(partition).map_err(|error| unusable(error.to_string()))?;
            let added = assignment.add_partition_offset(topic, partition, Offset::Beginning);
            added.map_err(|error| unusable(error.to_string()))?;
        }
        consumer.assign(&assignment).map_err(|error| unusable(error.to_string()))?;
        let (sender, positions) = watch::channel(vec![0; ends.len()]);
        let reader = Reader {
            topic: topic.to_owned(),
            consumer: Arc::clone(&consumer),
            copy,
            positions: sender,
            ends: ends.clone(),
        };
        tokio::spawn(reader.run(stop));
        let log = Self { topic: topic.to_owned(), consumer, producer, positions };
        log.wait_for(&ends, Duration::from_secs(60))
            .await
            .map_err(|error| unusable(error.to_string()))?;
        Ok(log)
    }

    /// Writes a record and waits until the brokers have it and this worker has read it back.
    pub(crate) async fn write(&self, key: &[u8], value: Option<&[u8]>) -> Result<(), LogError> {
        let (partition, offset) = self.send(key, value).await?;
        let mut positions = self.positions.clone();
        let partition = usize::try_from(partition).unwrap_or(usize::MAX);
        let seen = positions.wait_for(|all| all.get(partition).is_some_and(|next| *next > offset));
        match tokio::time::timeout(READ_BACK, seen).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(LogError::Late { topic: self.topic.clone() }),
        }
    }

    /// Writes a record and waits until the brokers have it.
    pub(crate) async fn send(
        &self,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<(i32, i64), LogError> {
        let mut record: FutureRecord<'_, [u8], [u8]> = FutureRecord::to(&self.topic).key(key);
        record.payload = value;
        match self.producer.send(record, Timeout::Never).await {
            Ok(delivery) => Ok((delivery.partition, delivery.offset)),
            Err((error, _record)) => Err(self.failed(&error)),
        }
    }

    /// Writes a record without waiting. Failures are logged; writes of one key arrive in the order of the calls.
    pub(crate) fn post(&self, key: &str, value: Option<&[u8]>) {
        let mut record: FutureRecord<'_, [u8], [u8]> =
            FutureRecord::to(&self.topic).key(key.as_bytes());
        record.payload = value;
        let topic = self.topic.clone();
        match self.producer.send_result(record) {
            Ok(delivery) => {
                let key = key.to_owned();
                tokio::spawn(async move {
                    if let Ok(Err((error, _record))) = delivery.await {
                        error!(topic, key, %error, "a record could not be written");
                    }
                });
            }
            Err((error, _record)) => error!(topic, key, %error, "a record could not be written"),
        }
    }

    /// Reads everything that is in the topic now.
    pub(crate) async fn read_to_end(&self) -> Result<(), LogError> {
        let ends = settled_ends(&self.topic, &self.consumer).await;
        let ends = ends.map_err(|error| LogError::End {
            topic: self.topic.clone(),
            reason: error.to_string(),
        })?;
        self.wait_for(&ends, READ_BACK).await
    }

    async fn wait_for(&self, ends: &[i64], limit: Duration) -> Result<(), LogError> {
        let mut positions = self.positions.clone();
        let reached = positions.wait_for(|all| all.iter().zip(ends).all(|(next, end)| next >= end));
        match tokio::time::timeout(limit, reached).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(LogError::Late { topic: self.topic.clone() }),
        }
    }

    fn failed(&self, error: &KafkaError) -> LogError {
        LogError::Write { topic: self.topic.clone(), reason: error.to_string() }
    }
}

/// [`ends`], with patience: the leaders of a topic that was just created may not know it yet.
async fn settled_ends(
    topic: &str,
    consumer: &Arc<client::Consumer>,
) -> Result<Vec<i64>, KafkaError> {
    let deadline = tokio::time::Instant::now() + READ_BACK;
    loop {
        let found = ends(topic, consumer).await;
        let transient = match &found {
            Ok(ends) => ends.is_empty(),
            Err(error) => matches!(
                error.rdkafka_error_code(),
                Some(
                    RDKafkaErrorCode::NotLeaderForPartition
                        | RDKafkaErrorCode::LeaderNotAvailable
                        | RDKafkaErrorCode::UnknownTopicOrPartition
                        | RDKafkaErrorCode::UnknownPartition
                        | RDKafkaErrorCode::ReplicaNotAvailable
                        | RDKafkaErrorCode::UnknownLeaderEpoch
                        | RDKafkaErrorCode::FencedLeaderEpoch
                        | RDKafkaErrorCode::OffsetNotAvailable
                )
            ),
        };
        if !transient || tokio::time::Instant::now() > deadline {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// By partition, the offset after the last record.
async fn ends(topic: &str, consumer: &Arc<client::Consumer>) -> Result<Vec<i64>, KafkaError> {
    let topic = topic.to_owned();
    let consumer = Arc::clone(consumer);
    let task = tokio::task::spawn_blocking(move || {
        let limit = Duration::from_secs(30);
        let metadata = consumer.fetch_metadata(Some(&topic), limit)?;
        let count = metadata.topics().first().map_or(0, |topic| topic.partitions().len());
        if count == 0 {
            // A topic that was just created; the client refuses an empty question.
            return Ok(Vec::new());
        }
        let mut wanted = TopicPartitionList::new();
        for partition in 0..i32::try_from(count).unwrap_or(i32::MAX) {
            // As a timestamp, this asks for the latest offset: one request a broker instead of one a partition.
            wanted.add_partition_offset(&topic, partition, Offset::End)?;
        }
        let found = consumer.offsets_for_times(wanted, limit)?;
        let mut ends = vec![0; count];
        for element in found.elements() {
            element.error()?;
            let at = usize::try_from(element.partition()).ok().and_then(|at| ends.get_mut(at));
            if let (Some(end), Offset::Offset(offset)) = (at, element.offset()) {
                *end = offset;
            }
        }
        Ok(ends)
    });
    task.await.map_err(|_ended| KafkaError::Canceled)?
}

struct Reader {
    topic: String,
    consumer: Arc<client::Consumer>,
    copy: Arc<dyn Copy>,
    positions: watch::Sender<Vec<i64>>,
    /// The ends when the worker started: what is at or behind them is live.
    ends: Vec<i64>,
}

impl Reader {
    async fn run(self, stop: CancellationToken) {
        loop {
            let received = tokio::select! {
                () = stop.cancelled() => return,
                received = self.consumer.recv() => received,
            };
            match received {
                Ok(message) => self.apply(&message),
                Err(KafkaError::PartitionEOF(partition)) => self.reached_end(partition),
                Err(error) => warn!(topic = self.topic, %error, "reading goes on after an error"),
            }
        }
    }

    fn apply(&self, message: &impl Message) {
        let partition = usize::try_from(message.partition()).unwrap_or(usize::MAX);
        let record = Record {
            key: message.key(),
            value: message.payload(),
            partition: message.partition(),
            offset: message.offset(),
            live: self.ends.get(partition).is_some_and(|end| message.offset() >= *end),
        };
        if let Err(Malformed(reason)) = self.copy.apply(record) {
            let key = String::from_utf8_lossy(record.key.unwrap_or_default()).into_owned();
            let Record { partition, offset, .. } = record;
            warn!(topic = self.topic, partition, offset, key, reason, "malformed record ignored");
        }
        self.advance(partition, message.offset() + 1);
    }

    /// A topic's end may be a compacted hole or a transaction's marker, which never arrive as records.
    fn reached_end(&self, partition: i32) {
        let partition = usize::try_from(partition).unwrap_or(usize::MAX);
        if let Some(end) = self.ends.get(partition) {
            self.advance(partition, *end);
        }
    }

    fn advance(&self, partition: usize, next: i64) {
        self.positions.send_if_modified(|all| match all.get_mut(partition) {
            Some(position) if *position < next => {
                *position = next;
                true
            }
            _ => false,
        });
    }
}
