//! What the brokers say to a client of a given configuration: whether they answer it, and which topics it may see.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::KafkaError;
use rdkafka::producer::{Producer as _, ProducerContext, ThreadedProducer};

use crate::producer::{describe, log_client};

/// The brokers as one client sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brokers {
    /// Addresses, as advertised.
    pub addresses: Vec<String>,
    /// The topics that the client may describe, with their numbers of partitions.
    pub topics: BTreeMap<String, usize>,
}

/// The last thing that went wrong: a request that times out does not say why.
#[derive(Debug, Default)]
struct Context(Mutex<Option<String>>);

impl Context {
    fn last(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_client("survey", level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(client = "survey", %error, reason, "Kafka client");
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The first says which address does not answer, or why it refuses; later ones that all are down.
        if last.is_none() {
            *last = Some(reason.to_owned());
        }
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &rdkafka::message::DeliveryResult<'_>, (): ()) {}
}

/// Connects a producer of those properties (librdkafka's names) and asks for all topics: to ask for one by name might
/// create it. Blocks for up to `limit`.
///
/// # Errors
/// A property that librdkafka refuses, or why no broker answers; never a property's value.
pub fn survey(properties: &[(String, String)], limit: Duration) -> Result<Brokers, String> {
    let mut config = ClientConfig::new();
    for (key, value) in properties {
        config.set(key.as_str(), value.as_str());
    }
    let client: ThreadedProducer<Context> =
        config.create_with_context(Context::default()).map_err(|error| describe(&error))?;
    let metadata = client
        .client()
        .fetch_metadata(None, limit)
        .map_err(|error| client.context().last().unwrap_or_else(|| error.to_string()))?;
    let address =
        |broker: &rdkafka::metadata::MetadataBroker| format!("{}:{}", broker.host(), broker.port());
    let topics = metadata.topics().iter().filter(|topic| topic.error().is_none());
    Ok(Brokers {
        addresses: metadata.brokers().iter().map(address).collect(),
        topics: topics.map(|t| (t.name().to_owned(), t.partitions().len())).collect(),
    })
}

#[cfg(test)]
mod tests {
    use rdkafka::mocking::MockCluster;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(5);

    fn properties(servers: &str) -> Vec<(String, String)> {
        vec![("bootstrap.servers".to_owned(), servers.to_owned())]
    }

    #[test]
    fn topics_are_listed_and_none_is_made() {
        let cluster = MockCluster::new(2).unwrap();
        cluster.create_topic("there", 3, 1).unwrap();
        let brokers = survey(&properties(&cluster.bootstrap_servers()), LIMIT).unwrap();
        assert_eq!(brokers.addresses.len(), 2);
        assert_eq!(brokers.topics, BTreeMap::from([("there".to_owned(), 3)]));
    }

    #[test]
    fn address_that_refuses_is_named() {
        let error = survey(&properties("127.0.0.1:1"), Duration::from_secs(2)).unwrap_err();
        assert!(error.contains("127.0.0.1:1"), "{error}");
    }
}
