//! [`TopicReader`]: one partition of a topic, read on from where its group has come to.

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{Consumer as _, StreamConsumer};
pub use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};

/// A record as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
}

/// See the module.
pub struct TopicReader {
    consumer: StreamConsumer,
}

impl std::fmt::Debug for TopicReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TopicReader").finish_non_exhaustive()
    }
}

impl TopicReader {
    /// Reads partition 0 of `topic`, which need not exist yet. `properties` are librdkafka's.
    ///
    /// # Errors
    /// A property that librdkafka refuses.
    pub fn new(properties: &[(String, String)], topic: &str) -> Result<Self, KafkaError> {
        let mut config = ClientConfig::new();
        for (key, value) in properties {
            config.set(key, value);
        }
        let consumer: StreamConsumer = config.create()?;
        let mut assignment = TopicPartitionList::new();
        assignment.add_partition_offset(topic, 0, Offset::Stored)?;
        consumer.assign(&assignment)?;
        Ok(Self { consumer })
    }

    /// The next record. Cancel-safe.
    ///
    /// # Errors
    /// The brokers'; most pass by themselves, so that the next call may succeed.
    pub async fn next(&self) -> Result<Read, KafkaError> {
        let message = self.consumer.recv().await?;
        Ok(Read {
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
        })
    }
}
